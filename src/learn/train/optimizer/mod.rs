//! Optimisers, equal to PyTorch's, in one pass over each tensor.
//!
//! Takes weights and their gradients; changes the weights in place, in f32 with PyTorch's order of
//! operations. A pass is cut into pieces of a fixed length and every element depends on itself alone, so the
//! bits are the same for any number of threads. `groups` says which weights learn at which rate; `norm` is the
//! length of a gradient. An optimiser more is an arm in [`Rule`].

mod groups;
mod norm;

use std::sync::{Mutex, PoisonError};

use candle_core::{CpuStorage, InplaceOp2, Layout, Result as CandleResult, bail};
use rayon::prelude::*;

pub use groups::{Group, groups};
pub use norm::{clip_factor, gradient_norm};

use super::TrainError;
use super::technique::OptimizerSettings;
use crate::learn::ops::{Grads, ParamId, Params, wide};

/// Fills the slice with one part (`m`, `v`) of what an optimiser remembered about a weight.
pub type ReadMemory<'a> = dyn FnMut(ParamId, &'static str, &mut [f32]) -> Result<(), TrainError> + 'a;

/// Floats per piece of work: large enough to be worth a thread, and a function of nothing.
const PIECE: usize = 1 << 15;

/// What makes a step from gradients.
pub struct Optimizer {
    settings: OptimizerSettings,
    groups: Vec<Group>,
    steps: usize,
    /// By the parameters' order; `None` for what never learns.
    memory: Vec<Option<Memory>>,
}

/// What is remembered about one weight: two floats, one or none for each of its numbers.
struct Memory([Vec<f32>; 2]);

impl Optimizer {
    /// Before the first step. `params` says only how large the weights are.
    pub fn new(settings: &OptimizerSettings, groups: Vec<Group>, params: &Params) -> Optimizer {
        let parts = parts(settings).len();
        let mut memory: Vec<Option<Memory>> = (0..params.len()).map(|_| None).collect();
        for id in groups.iter().filter(|g| g.since < usize::MAX).flat_map(|g| &g.weights) {
            let n = params.get(*id).elem_count();
            memory[id.index()] = Some(Memory([0, 1].map(|part| vec![0.0; if part < parts { n } else { 0 }])));
        }
        Optimizer { settings: settings.clone(), groups, steps: 0, memory }
    }

    /// The base learning rate, before the schedule.
    pub fn lr(&self) -> f64 {
        match self.settings {
            OptimizerSettings::AdamW { lr, .. } | OptimizerSettings::Sgd { lr, .. } => lr,
        }
    }

    /// Steps made.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Whether the next step changes a tensor that has a gradient.
    pub fn holds(&self, id: ParamId) -> bool {
        self.groups.iter().any(|g| g.since <= self.steps && g.weights.contains(&id))
    }

    /// One step: every gradient is multiplied by `scale` first (1 when nothing is clipped).
    /// `lr` is the learning rate of this step, before the groups' factors. Tensors change in place:
    /// whoever keeps old weights keeps a [`Params::deep_copy`].
    ///
    /// # Errors
    /// When a tensor is no contiguous f32 tensor on the CPU.
    pub fn step(&mut self, params: &Params, grads: &Grads, lr: f64, scale: f64) -> Result<(), TrainError> {
        for group in self.groups.iter().filter(|g| g.since <= self.steps) {
            // A weight that was frozen begins as if training did, as PyTorch counts each tensor's own steps.
            let rule = Rule::new(&self.settings, lr * group.lr, group.decay, self.steps + 1 - group.since, scale);
            for &id in &group.weights {
                if let (Some(gradient), Some(memory)) = (grads.get(id), &mut self.memory[id.index()]) {
                    let update = Update { rule, memory: Mutex::new(memory) };
                    gradient
                        .contiguous()
                        .and_then(|gradient| params.get(id).inplace_op2(&gradient, &update))
                        .map_err(TrainError::tensor(format!("a step of {}", params.name(id))))?;
                }
            }
        }
        self.steps += 1;
        Ok(())
    }

    /// What the optimiser remembers about one weight, by name: `m`, `v`.
    pub fn memory(&self, id: ParamId) -> Vec<(&'static str, &[f32])> {
        let Some(Some(Memory(memory))) = self.memory.get(id.index()) else { return Vec::new() };
        parts(&self.settings).iter().zip(memory).map(|(name, part)| (*name, part.as_slice())).collect()
    }

    /// Goes on from what [`Optimizer::steps`] and [`Optimizer::memory`] gave.
    ///
    /// # Errors
    /// What `read` gives.
    pub fn restore(&mut self, steps: usize, read: &mut ReadMemory<'_>) -> Result<(), TrainError> {
        for &id in self.groups.iter().flat_map(|g| &g.weights) {
            if let Some(Memory(memory)) = &mut self.memory[id.index()] {
                for (name, part) in parts(&self.settings).iter().zip(memory) {
                    read(id, name, part)?;
                }
            }
        }
        self.steps = steps;
        Ok(())
    }
}

/// The names of what is remembered about each number, as PyTorch's state has it in short.
fn parts(settings: &OptimizerSettings) -> &'static [&'static str] {
    match settings {
        OptimizerSettings::AdamW { .. } => &["m", "v"],
        OptimizerSettings::Sgd { momentum: 0.0, .. } => &[],
        OptimizerSettings::Sgd { .. } => &["momentum"],
    }
}

/// The numbers of one step of one group, in f64 until here and rounded once, as PyTorch does with Python's floats.
#[derive(Clone, Copy)]
enum Rule {
    AdamW { scale: f32, keep: f32, toward1: f32, beta2: f32, toward2: f32, root2: f32, eps: f32, step: f32 },
    Sgd { scale: f32, decay: f32, momentum: f32, nesterov: bool, step: f32 },
}

impl Rule {
    /// `steps` that the group makes with this one, from 1.
    fn new(settings: &OptimizerSettings, lr: f64, decays: bool, steps: usize, scale: f64) -> Rule {
        let scale = scale as f32;
        let decay = |weight_decay: f64| if decays { weight_decay } else { 0.0 };
        match *settings {
            OptimizerSettings::AdamW { weight_decay, betas: [beta1, beta2], eps, .. } => Rule::AdamW {
                scale,
                keep: (1.0 - lr * decay(weight_decay)) as f32,
                toward1: (1.0 - beta1) as f32,
                beta2: beta2 as f32,
                toward2: (1.0 - beta2) as f32,
                root2: (1.0 - beta2.powf(steps as f64)).sqrt() as f32,
                eps: eps as f32,
                step: (-lr / (1.0 - beta1.powf(steps as f64))) as f32,
            },
            OptimizerSettings::Sgd { weight_decay, momentum, nesterov, .. } => {
                let (decay, momentum) = (decay(weight_decay) as f32, momentum as f32);
                Rule::Sgd { scale, decay, momentum, nesterov, step: -lr as f32 }
            }
        }
    }

    fn run(self, w: &mut [f32], g: &[f32], [a, b]: &mut [Vec<f32>; 2]) {
        if w.len() <= PIECE {
            return self.piece(w, g, a, b);
        }
        match (a.is_empty(), b.is_empty()) {
            (false, false) => w
                .par_chunks_mut(PIECE)
                .zip(g.par_chunks(PIECE))
                .zip(a.par_chunks_mut(PIECE).zip(b.par_chunks_mut(PIECE)))
                .for_each(|((w, g), (a, b))| self.piece(w, g, a, b)),
            (false, true) => w
                .par_chunks_mut(PIECE)
                .zip(g.par_chunks(PIECE))
                .zip(a.par_chunks_mut(PIECE))
                .for_each(|((w, g), a)| self.piece(w, g, a, &mut [])),
            _ => w.par_chunks_mut(PIECE).zip(g.par_chunks(PIECE)).for_each(|(w, g)| self.piece(w, g, &mut [], &mut [])),
        }
    }

    fn piece(self, w: &mut [f32], g: &[f32], a: &mut [f32], b: &mut [f32]) {
        match self {
            Rule::AdamW { scale, keep, toward1, beta2, toward2, root2, eps, step } => wide!(|| {
                for (((w, g), m), v) in w.iter_mut().zip(g).zip(a).zip(b) {
                    let g = g * scale;
                    *m += toward1 * (g - *m);
                    *v = *v * beta2 + toward2 * g * g;
                    *w = *w * keep + step * *m / (v.sqrt() / root2 + eps);
                }
            }),
            Rule::Sgd { scale, decay, momentum: 0.0, step, .. } => wide!(|| {
                for (w, g) in w.iter_mut().zip(g) {
                    *w += step * (g * scale + decay * *w);
                }
            }),
            Rule::Sgd { scale, decay, momentum, nesterov, step } => {
                // Nesterov's looks one step ahead: the gradient joins the momentum once more.
                let [ahead, follow] = if nesterov { [1.0, momentum] } else { [0.0, 1.0] };
                wide!(|| {
                    for ((w, g), m) in w.iter_mut().zip(g).zip(a) {
                        let g = g * scale + decay * *w;
                        *m = *m * momentum + g;
                        *w += step * (ahead * g + follow * *m);
                    }
                });
            }
        }
    }
}

/// The pass as candle's in-place operation: the weight changes, the gradient is read.
struct Update<'a> {
    rule: Rule,
    memory: Mutex<&'a mut Memory>,
}

impl InplaceOp2 for Update<'_> {
    fn name(&self) -> &'static str {
        "a step of the optimiser"
    }

    fn cpu_fwd(&self, w: &mut CpuStorage, wl: &Layout, g: &CpuStorage, gl: &Layout) -> CandleResult<()> {
        let (CpuStorage::F32(w), CpuStorage::F32(g)) = (w, g) else { bail!("weight and gradient must be f32") };
        let (Some((w0, w1)), Some((g0, g1))) = (wl.contiguous_offsets(), gl.contiguous_offsets()) else {
            bail!("weight and gradient must be contiguous")
        };
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let Memory(memory) = &mut **memory;
        if wl.dims() != gl.dims() || memory.iter().any(|part| !part.is_empty() && part.len() != w1 - w0) {
            bail!("weight {:?} and gradient {:?} must have one shape", wl.dims(), gl.dims())
        }
        self.rule.run(&mut w[w0..w1], &g[g0..g1], memory);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
