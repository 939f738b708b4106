//! A moving average of the weights, which is often better than the last of them.
//!
//! Takes the weights after each step; gives their exponential average, running statistics included: timm's
//! `ModelEmaV3`. The average is what is evaluated and kept; training itself never sees it.

use candle_core::{CpuStorage, InplaceOp2, Layout, Result as CandleResult, bail};
use rayon::prelude::*;

use super::TrainError;
use super::technique::EmaSettings;
use crate::learn::ops::{OpsError, Params, wide};

/// The average of a training's weights.
pub struct Average {
    settings: EmaSettings,
    /// The averaged tensors, which share no memory with the weights.
    pub params: Params,
}

impl Average {
    /// Before the first step: the weights themselves.
    pub fn new(settings: EmaSettings, params: &Params) -> Result<Average, OpsError> {
        Ok(Average { settings, params: params.deep_copy()? })
    }

    /// How much of the average stays in step `step`, from 1. Step 1 copies the weights.
    pub fn decay(settings: EmaSettings, step: usize) -> f64 {
        match step.saturating_sub(1) {
            0 => 0.0,
            done if settings.warmup => (1.0 - (1.0 + done as f64).powf(-2.0 / 3.0)).min(settings.decay),
            _ => settings.decay,
        }
    }

    /// Moves the average towards the weights as they are after step `step`, from 1.
    ///
    /// # Errors
    /// When a tensor is no contiguous f32 tensor on the CPU.
    pub fn update(&mut self, params: &Params, step: usize) -> Result<(), TrainError> {
        let follow = Follow((1.0 - Average::decay(self.settings, step)) as f32);
        for (id, name, tensor, _) in params.iter() {
            let moved = tensor.contiguous().and_then(|tensor| self.params.get(id).inplace_op2(&tensor, &follow));
            moved.map_err(TrainError::tensor(format!("the average of {name}")))?;
        }
        Ok(())
    }
}

/// Floats per piece of work.
const PIECE: usize = 1 << 16;

/// `e += by · (w − e)`, in place.
struct Follow(f32);

impl Follow {
    fn piece(&self, e: &mut [f32], w: &[f32]) {
        if self.0 == 1.0 {
            return e.copy_from_slice(w);
        }
        wide!(|| e.iter_mut().zip(w).for_each(|(e, w)| *e += self.0 * (w - *e)));
    }
}

impl InplaceOp2 for Follow {
    fn name(&self) -> &'static str {
        "a step of the average"
    }

    fn cpu_fwd(&self, e: &mut CpuStorage, el: &Layout, w: &CpuStorage, wl: &Layout) -> CandleResult<()> {
        let (CpuStorage::F32(e), CpuStorage::F32(w)) = (e, w) else { bail!("average and weight must be f32") };
        let (Some((e0, e1)), Some((w0, w1))) = (el.contiguous_offsets(), wl.contiguous_offsets()) else {
            bail!("average and weight must be contiguous")
        };
        let (e, w) = (&mut e[e0..e1], &w[w0..w1]);
        match e.len() <= PIECE {
            true => self.piece(e, w),
            false => e.par_chunks_mut(PIECE).zip(w.par_chunks(PIECE)).for_each(|(e, w)| self.piece(e, w)),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::ops::Kind;
    use candle_core::{Device, Tensor};
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Golden {
        decay: f64,
        warmup: bool,
        weights: Vec<Vec<f32>>,
        averages: Vec<Vec<f32>>,
    }

    #[test]
    fn equals_timm() {
        // tests/golden/train/make.py, timm 1.0.31: the weights after each step, and the average then.
        let cases: Vec<Golden> = serde_json::from_str(include_str!("../../../tests/golden/train/ema.json")).unwrap();
        assert_eq!(cases.len(), 2);
        for case in &cases {
            let settings = EmaSettings { decay: case.decay, warmup: case.warmup };
            let mut params = Params::new();
            let tensor = |values: &[f32]| Tensor::new(values, &Device::Cpu).unwrap();
            let id = params.add("fc.weight", tensor(&[9.0; 5]), Kind::Weight).unwrap();
            let buffer = params.add("bn.running_mean", tensor(&[9.0; 5]), Kind::Buffer).unwrap();
            let mut average = Average::new(settings, &params).unwrap();
            for (step, (weights, expected)) in case.weights.iter().zip(&case.averages).enumerate() {
                params.set(id, tensor(weights)).unwrap();
                params.set(buffer, tensor(weights)).unwrap();
                average.update(&params, step + 1).unwrap();
                for id in [id, buffer] {
                    let ours = average.params.get(id).to_vec1::<f32>().unwrap();
                    for (a, b) in ours.iter().zip(expected) {
                        assert!((a - b).abs() <= 1e-6, "step {}: {a} and {b}", step + 1);
                    }
                }
            }
        }
    }

    #[test]
    fn warm_up_ends_at_the_decay() {
        let warm = EmaSettings { decay: 0.999, warmup: true };
        let decays = [1, 2, 11, 1001, 100_000].map(|step| (Average::decay(warm, step) * 1e4).round() / 1e4);
        assert_eq!(decays, [0.0, 0.37, 0.7978, 0.99, 0.999]);
        let cold = EmaSettings { decay: 0.999, warmup: false };
        assert_eq!([1, 2].map(|step| Average::decay(cold, step)), [0.0, 0.999]);
    }
}
