//! Weights brought to mean 0 and a fixed length before each use: scaled weight standardisation (Brock, De and Smith 2021,
//! arXiv 2101.08692), for networks without norms. As timm's `ScaledStdConv2d`.

use candle_core::Tensor;
use rayon::prelude::*;

use crate::learn::ops::simd::wide;
use crate::learn::ops::tape::memory::{floats, tensor};
use crate::learn::ops::{Flow, OpsError, ParamId, Params};

/// How a convolution's weights are standardised: `gain · scale · (w - mean) / √(variance + eps)` of each output channel, with
/// the biased variance over its `n` weights.
#[derive(Clone, Copy, Debug)]
pub struct Standard {
    /// One factor for each output channel, `[o, 1, 1, 1]`.
    pub gain: ParamId,
    /// What the paper calls γ, the activation's constant, over the root of `n`.
    pub scale: f32,
    /// Added to the variance.
    pub eps: f32,
}

const LANES: usize = 16;

/// The sum of `f(i)` in a fixed order that vector units can follow.
#[inline(always)]
fn sum(len: usize, f: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let whole = len / LANES * LANES;
    for start in (0..whole).step_by(LANES) {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += f(start + lane);
        }
    }
    lanes.iter().sum::<f32>() + (whole..len).map(f).sum::<f32>()
}

/// Mean and one over the deviation of one channel's weights.
#[inline(always)]
fn moments(w: &[f32], eps: f32) -> (f32, f32) {
    let n = w.len() as f32;
    let mean = sum(w.len(), |i| w[i]) / n;
    let variance = sum(w.len(), |i| (w[i] - mean) * (w[i] - mean)) / n;
    (mean, 1.0 / (variance + eps).sqrt())
}

impl Standard {
    /// The standardised weights of `raw` `[o, ..]`.
    pub(super) fn of(&self, gain: &[f32], raw: &Tensor) -> Result<Tensor, OpsError> {
        let n = raw.elem_count() / gain.len().max(1);
        let mut out = vec![0.0; raw.elem_count()];
        floats("conv2d", raw, |raw| {
            let rows = out.par_chunks_mut(n).zip(raw.par_chunks(n)).zip(gain);
            rows.for_each(|((out, w), gain)| {
                wide!(|| {
                    let (mean, inverse) = moments(w, self.eps);
                    let a = gain * self.scale * inverse;
                    out.iter_mut().zip(w).for_each(|(out, w)| *out = a * (w - mean));
                });
            });
            Ok(())
        })?;
        tensor(out, raw.dims())
    }

    /// Turns the gradient of the standardised weights, which has flowed into the parameter `id`, into that of its own
    /// numbers, and gives the gain its gradient.
    pub(super) fn back(&self, flow: &mut Flow, id: ParamId, gain: &[f32], raw: &Tensor) -> Result<(), OpsError> {
        let Some(standardized) = flow.take_param(id) else { return Ok(()) };
        let (o, n) = (gain.len(), raw.elem_count() / gain.len().max(1));
        let (mut dw, mut d_gain) = (vec![0.0; raw.elem_count()], vec![0.0; o]);
        floats("conv2d", raw, |raw| {
            floats("conv2d", &standardized, |dy| {
                let rows = dw.par_chunks_mut(n).zip(raw.par_chunks(n).zip(dy.par_chunks(n)));
                rows.zip(d_gain.par_iter_mut().zip(gain)).for_each(|((dw, (w, dy)), (d_gain, gain))| {
                    wide!(|| {
                        let (mean, inverse) = moments(w, self.eps);
                        let total = sum(n, |i| dy[i]) / n as f32;
                        let along = sum(n, |i| dy[i] * (w[i] - mean)) * inverse;
                        *d_gain = self.scale * along;
                        let (a, b) = (gain * self.scale * inverse, along * inverse / n as f32);
                        for ((dw, dy), w) in dw.iter_mut().zip(dy).zip(w) {
                            *dw = a * (dy - total - b * (w - mean));
                        }
                    });
                });
                Ok(())
            })
        })?;
        flow.add_param(id, tensor(dw, raw.dims())?)?;
        flow.add_param(self.gain, tensor(d_gain, &[o, 1, 1, 1])?)
    }

    /// The gains of the weights `raw`.
    ///
    /// # Errors
    /// When the two do not fit.
    pub(super) fn gain(&self, params: &Params, raw: &Tensor) -> Result<Vec<f32>, OpsError> {
        let gain = floats("conv2d", params.get(self.gain), |gain| Ok(gain.to_vec()))?;
        match raw.dims() {
            &[o, c, kh, kw] if o == gain.len() && o * c * kh * kw > 0 => Ok(gain),
            dims => Err(OpsError::shape("conv2d", format!("a weight of {} channels", gain.len()), dims)),
        }
    }
}
