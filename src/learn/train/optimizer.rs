//! AdamW, equal to PyTorch's, in one pass over each tensor.
//!
//! Takes weights and their gradients; changes the weights in place, in f32 with PyTorch's order of
//! operations (Loshchilov and Hutter 2019, arXiv 1711.05101). The pass is cut into pieces of a fixed
//! length and every element depends on itself alone, so the bits are the same for any number of threads.
//! Which weights learn at which rate is said by [`Group`]s, made once and checked in the first step.

use std::sync::{Mutex, PoisonError};

use candle_core::{CpuStorage, InplaceOp2, Layout, Result as CandleResult, Storage, Tensor, bail};
use rayon::prelude::*;

use super::TrainError;
use super::technique::OptimizerSettings;
use crate::learn::loss::HEAD;
use crate::learn::ops::{Grads, ParamId, Params};

/// Weights that share a factor on the learning rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// "network" or "head".
    pub name: &'static str,
    /// Factor on the base learning rate.
    pub lr: f64,
    /// The weights, in the order of the parameters.
    pub weights: Vec<ParamId>,
}

/// All weights in two groups: the network's at the base rate, the loss's head at `head_lr` times it.
pub fn groups(params: &Params, head_lr: f64) -> Vec<Group> {
    let (head, network) = params.weights().partition(|id| params.name(*id).starts_with(HEAD));
    vec![Group { name: "network", lr: 1.0, weights: network }, Group { name: "head", lr: head_lr, weights: head }]
}

/// Fills the slice with one part (`m`, `v`) of what an optimiser remembered about a weight.
pub type ReadMemory<'a> = dyn FnMut(ParamId, &'static str, &mut [f32]) -> Result<(), TrainError> + 'a;

/// What makes a step from gradients.
pub trait Optimizer {
    /// The base learning rate, before the schedule.
    fn lr(&self) -> f64;

    /// Whether a tensor is in a group.
    fn holds(&self, id: ParamId) -> bool;

    /// One step: every gradient is multiplied by `scale` first (1 when nothing is clipped).
    /// `lr` is the learning rate of this step, before the groups' factors. Tensors change in place:
    /// whoever keeps old weights keeps a [`Params::deep_copy`].
    ///
    /// # Errors
    /// When a tensor is no contiguous f32 tensor on the CPU.
    fn step(&mut self, params: &Params, grads: &Grads, lr: f64, scale: f32) -> Result<(), TrainError>;

    /// Steps made.
    fn steps(&self) -> usize;

    /// What the optimiser remembers about one weight, by name: `m`, `v`.
    fn memory(&self, id: ParamId) -> Vec<(&'static str, &[f32])>;

    /// Goes on from what [`Optimizer::steps`] and [`Optimizer::memory`] gave.
    ///
    /// # Errors
    /// What `read` gives.
    fn restore(&mut self, steps: usize, read: &mut ReadMemory<'_>) -> Result<(), TrainError>;
}

/// The optimiser that `[train] optimizer` asks for, over all weights of `params`.
pub fn build(settings: &OptimizerSettings, params: &Params, head_lr: f64) -> Box<dyn Optimizer> {
    match settings {
        &OptimizerSettings::AdamW { lr, weight_decay, betas, eps } => {
            Box::new(AdamW::new(lr, weight_decay, betas, eps, groups(params, head_lr), params))
        }
    }
}

/// Adam with decoupled weight decay. Decays every weight of its groups, as PyTorch does.
pub struct AdamW {
    lr: f64,
    weight_decay: f64,
    betas: [f64; 2],
    eps: f64,
    steps: usize,
    groups: Vec<Group>,
    /// By the parameters' order; `None` for what no group holds.
    moments: Vec<Option<Moments>>,
}

/// Running means of gradient and squared gradient.
struct Moments {
    m: Vec<f32>,
    v: Vec<f32>,
}

impl AdamW {
    /// Before the first step. `params` says only how large the weights are.
    pub fn new(lr: f64, weight_decay: f64, betas: [f64; 2], eps: f64, groups: Vec<Group>, params: &Params) -> AdamW {
        let mut moments: Vec<Option<Moments>> = (0..params.len()).map(|_| None).collect();
        for id in groups.iter().flat_map(|g| &g.weights) {
            let n = params.get(*id).elem_count();
            moments[id.index()] = Some(Moments { m: vec![0.0; n], v: vec![0.0; n] });
        }
        AdamW { lr, weight_decay, betas, eps, steps: 0, groups, moments }
    }
}

impl Optimizer for AdamW {
    fn lr(&self) -> f64 {
        self.lr
    }

    fn holds(&self, id: ParamId) -> bool {
        self.moments.get(id.index()).is_some_and(Option::is_some)
    }

    fn step(&mut self, params: &Params, grads: &Grads, lr: f64, scale: f32) -> Result<(), TrainError> {
        self.steps += 1;
        let [beta1, beta2] = self.betas;
        let correction1 = 1.0 - beta1.powf(self.steps as f64);
        let correction2 = 1.0 - beta2.powf(self.steps as f64);
        for group in &self.groups {
            let lr = lr * group.lr;
            // Scalars in f64 and rounded once, as PyTorch does with Python's floats.
            let pass = Pass {
                keep: (1.0 - lr * self.weight_decay) as f32,
                toward1: (1.0 - beta1) as f32,
                beta2: beta2 as f32,
                toward2: (1.0 - beta2) as f32,
                root2: correction2.sqrt() as f32,
                eps: self.eps as f32,
                step: (-lr / correction1) as f32,
                scale,
            };
            for &id in &group.weights {
                if let (Some(gradient), Some(moments)) = (grads.get(id), &mut self.moments[id.index()]) {
                    let update = Update { pass, moments: Mutex::new(moments) };
                    gradient
                        .contiguous()
                        .and_then(|gradient| params.get(id).inplace_op2(&gradient, &update))
                        .map_err(TrainError::tensor(format!("AdamW on {}", params.name(id))))?;
                }
            }
        }
        Ok(())
    }

    fn steps(&self) -> usize {
        self.steps
    }

    fn memory(&self, id: ParamId) -> Vec<(&'static str, &[f32])> {
        match self.moments.get(id.index()) {
            Some(Some(moments)) => vec![("m", &moments.m), ("v", &moments.v)],
            _ => Vec::new(),
        }
    }

    fn restore(&mut self, steps: usize, read: &mut ReadMemory<'_>) -> Result<(), TrainError> {
        for &id in self.groups.iter().flat_map(|g| &g.weights) {
            if let Some(moments) = &mut self.moments[id.index()] {
                read(id, "m", &mut moments.m)?;
                read(id, "v", &mut moments.v)?;
            }
        }
        self.steps = steps;
        Ok(())
    }
}

/// The numbers of one step.
#[derive(Clone, Copy)]
struct Pass {
    keep: f32,
    toward1: f32,
    beta2: f32,
    toward2: f32,
    root2: f32,
    eps: f32,
    step: f32,
    scale: f32,
}

/// Floats per piece of work: large enough to be worth a thread, and a function of nothing.
const PIECE: usize = 1 << 15;

impl Pass {
    fn run(self, w: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32]) {
        let pieces =
            w.par_chunks_mut(PIECE).zip(g.par_chunks(PIECE)).zip(m.par_chunks_mut(PIECE).zip(v.par_chunks_mut(PIECE)));
        pieces.for_each(|((w, g), (m, v))| {
            for (((w, g), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
                let g = g * self.scale;
                *w *= self.keep;
                *m += self.toward1 * (g - *m);
                *v = *v * self.beta2 + self.toward2 * g * g;
                *w += self.step * *m / (v.sqrt() / self.root2 + self.eps);
            }
        });
    }
}

/// The pass as candle's in-place operation: the weight changes, the gradient is read.
struct Update<'a> {
    pass: Pass,
    moments: Mutex<&'a mut Moments>,
}

impl InplaceOp2 for Update<'_> {
    fn name(&self) -> &'static str {
        "AdamW"
    }

    fn cpu_fwd(&self, w: &mut CpuStorage, wl: &Layout, g: &CpuStorage, gl: &Layout) -> CandleResult<()> {
        let (CpuStorage::F32(w), CpuStorage::F32(g)) = (w, g) else { bail!("weight and gradient must be f32") };
        let (Some((w0, w1)), Some((g0, g1))) = (wl.contiguous_offsets(), gl.contiguous_offsets()) else {
            bail!("weight and gradient must be contiguous")
        };
        let mut moments = self.moments.lock().unwrap_or_else(PoisonError::into_inner);
        let Moments { m, v } = &mut **moments;
        if w1 - w0 != m.len() || g1 - g0 != m.len() {
            bail!("weight {:?} and gradient {:?} must have one shape", wl.dims(), gl.dims())
        }
        self.pass.run(&mut w[w0..w1], &g[g0..g1], m, v);
        Ok(())
    }
}

/// Length of the whole gradient, all tensors taken as one vector, and the first tensor in which
/// it is not finite. Pieces are summed in f64 and in order, whoever computes them.
///
/// # Errors
/// When a gradient is no f32 tensor on the CPU.
pub fn gradient_norm(grads: &Grads, params: &Params) -> Result<(f64, Option<ParamId>), TrainError> {
    let mut total = 0.0;
    let mut broken = None;
    for (id, gradient) in grads.iter() {
        let squares =
            sum_of_squares(gradient).map_err(TrainError::tensor(format!("gradient of {}", params.name(id))))?;
        if !squares.is_finite() && broken.is_none() {
            broken = Some(id);
        }
        total += squares;
    }
    Ok((total.sqrt(), broken))
}

fn sum_of_squares(tensor: &Tensor) -> CandleResult<f64> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    let (Storage::Cpu(CpuStorage::F32(data)), Some((start, end))) = (&*storage, layout.contiguous_offsets()) else {
        bail!("must be f32 on the CPU")
    };
    let pieces: Vec<f64> =
        data[start..end].par_chunks(PIECE).map(|piece| piece.iter().map(|x| f64::from(*x).powi(2)).sum()).collect();
    Ok(pieces.iter().sum())
}

/// Factor that shortens a gradient of length `norm` to `longest`, as `torch.nn.utils.clip_grad_norm_`.
pub fn clip_factor(norm: f64, longest: Option<f64>) -> f32 {
    longest.map_or(1.0, |longest| (longest / (norm + 1e-6)).min(1.0) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::ops::Kind;
    use candle_core::Device;
    use proptest::prelude::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Deserialize)]
    struct Golden {
        lr: f64,
        betas: [f64; 2],
        eps: f64,
        weight_decay: f64,
        start: Vec<f32>,
        gradients: Vec<Vec<f32>>,
        after: BTreeMap<usize, Vec<f32>>,
    }

    fn one(values: &[f32]) -> (Params, ParamId) {
        let mut params = Params::new();
        let tensor = Tensor::new(values, &Device::Cpu).unwrap();
        let id = params.add("fc.weight", tensor, Kind::Weight).unwrap();
        (params, id)
    }

    fn gradient(id: ParamId, values: &[f32]) -> Grads {
        let mut grads = Grads::default();
        grads.insert(id, Tensor::new(values, &Device::Cpu).unwrap());
        grads
    }

    #[test]
    fn equals_pytorch_over_fifty_steps() {
        // tests/golden/train/make.py, torch 2.15, f32.
        let cases: Vec<Golden> = serde_json::from_str(include_str!("../../../tests/golden/train/adamw.json")).unwrap();
        assert_eq!(cases.len(), 3);
        for case in &cases {
            let (params, id) = one(&case.start);
            let mut adamw = AdamW::new(case.lr, case.weight_decay, case.betas, case.eps, groups(&params, 1.0), &params);
            for (step, values) in case.gradients.iter().enumerate() {
                let lr = case.lr * 0.5 * (1.0 + (std::f64::consts::PI * step as f64 / 50.0).cos());
                adamw.step(&params, &gradient(id, values), lr, 1.0).unwrap();
                if let Some(expected) = case.after.get(&(step + 1)) {
                    let ours = params.get(id).to_vec1::<f32>().unwrap();
                    for (a, b) in ours.iter().zip(expected) {
                        assert!((a - b).abs() <= 2e-6 * b.abs().max(0.1), "step {}: {a} and {b}", step + 1);
                    }
                }
            }
        }
    }

    #[test]
    fn the_head_has_its_own_rate_and_buffers_none() {
        let mut params = Params::new();
        let ones = || Tensor::ones(3, candle_core::DType::F32, &Device::Cpu).unwrap();
        let weight = params.add("fc.weight", ones(), Kind::Weight).unwrap();
        let mean = params.add("bn1.running_mean", ones(), Kind::Buffer).unwrap();
        let head = params.add("loss.weight", ones(), Kind::Weight).unwrap();
        let mut adamw = AdamW::new(1e-2, 0.0, [0.9, 0.999], 0.0, groups(&params, 10.0), &params);
        let mut grads = gradient(weight, &[1.0, 2.0, -3.0]);
        grads.insert(head, Tensor::new(&[1f32, 2.0, -3.0], &Device::Cpu).unwrap());
        adamw.step(&params, &grads, 1e-2, 1.0).unwrap();
        // Without eps the first step has length lr, whatever the gradient's.
        let moved =
            |id| params.get(id).to_vec1::<f32>().unwrap().iter().map(|w| ((w - 1.0) * 1e3).round()).collect::<Vec<_>>();
        assert_eq!(moved(weight), [-10.0, -10.0, 10.0]);
        assert_eq!(moved(head), [-100.0, -100.0, 100.0]);
        assert_eq!(moved(mean), [0.0, 0.0, 0.0]);
        assert!(adamw.holds(weight) && adamw.holds(head) && !adamw.holds(mean));
    }

    #[test]
    fn a_long_gradient_is_shortened_and_a_broken_one_named() {
        let (params, id) = one(&[0.0; 2]);
        let (norm, broken) = gradient_norm(&gradient(id, &[3.0, -4.0]), &params).unwrap();
        assert_eq!((norm, broken), (5.0, None));
        assert_eq!(clip_factor(5.0, None), 1.0);
        assert_eq!(clip_factor(5.0, Some(10.0)), 1.0);
        assert!((clip_factor(5.0, Some(1.0)) - 0.2).abs() < 1e-6);
        let (norm, broken) = gradient_norm(&gradient(id, &[f32::NAN, 1.0]), &params).unwrap();
        assert!(norm.is_nan() && broken == Some(id));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        #[test]
        fn pieces_and_threads_change_no_bit(seed in any::<u64>(), n in PIECE - 3..3 * PIECE) {
            let mut draws = crate::base::Seed::new(seed).draws();
            let mut draw = || (0..n).map(|_| draws.normal() as f32).collect::<Vec<f32>>();
            let (start, first, second) = (draw(), draw(), draw());
            let after = |threads: usize| {
                rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
                    let (params, id) = one(&start);
                    let mut adamw = AdamW::new(1e-2, 0.1, [0.9, 0.999], 1e-8, groups(&params, 1.0), &params);
                    let mut norms = Vec::new();
                    for values in [&first, &second] {
                        let grads = gradient(id, values);
                        norms.push(gradient_norm(&grads, &params).unwrap().0.to_bits());
                        adamw.step(&params, &grads, 1e-2, 1.0).unwrap();
                    }
                    (norms, params.get(id).to_vec1::<f32>().unwrap().iter().map(|w| w.to_bits()).collect::<Vec<_>>())
                })
            };
            prop_assert_eq!(after(1), after(3));
        }
    }
}
