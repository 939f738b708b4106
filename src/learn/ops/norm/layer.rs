//! Layer normalisation (Ba, Kiros and Hinton 2016) over the last axis, as PyTorch's `LayerNorm`.
//!
//! Each row is read once from memory, forward and back: mean and variance by two passes in the nearest cache. Kept for the
//! gradient are the input and two floats a row. The gradients of scale and shift are summed by fixed blocks of rows, and
//! the blocks in their order.

use candle_core::Tensor;
use rayon::prelude::*;

use crate::learn::ops::linear::add_up;
use crate::learn::ops::simd::wide;
use crate::learn::ops::tape::memory::{floats, take, tensor};
use crate::learn::ops::{Flow, OpsError, ParamId, Params, Tape, Var};

/// The tensors and constant of one layer norm over `c` channels.
#[derive(Clone, Copy, Debug)]
pub struct LayerNorm {
    /// Scale `[c]`.
    pub weight: ParamId,
    /// Shift `[c]`, where there is one.
    pub bias: Option<ParamId>,
    /// Added to the variance; PyTorch's default is 1e-5, timm's networks mostly have 1e-6.
    pub eps: f64,
}

/// Floats of one block of rows.
const BLOCK: usize = 1 << 16;
const LANES: usize = 32;

/// Sums over a row in a fixed order.
#[inline(always)]
fn sums<const N: usize>(len: usize, f: impl Fn(usize) -> [f32; N]) -> [f32; N] {
    let mut lanes = [[0.0f32; LANES]; N];
    let whole = len / LANES * LANES;
    for start in (0..whole).step_by(LANES) {
        for lane in 0..LANES {
            let values = f(start + lane);
            for n in 0..N {
                lanes[n][lane] += values[n];
            }
        }
    }
    for i in whole..len {
        let values = f(i);
        for n in 0..N {
            lanes[n][i - whole] += values[n];
        }
    }
    let mut total = [0.0; N];
    for n in 0..N {
        // By halves: the compiler keeps it in vectors.
        let mut width = LANES / 2;
        while width > 0 {
            for lane in 0..width {
                lanes[n][lane] += lanes[n][lane + width];
            }
            width /= 2;
        }
        total[n] = lanes[n][0];
    }
    total
}

impl Tape {
    /// `(x - mean) / √(variance + eps) · weight + bias` of each row of the last axis: `[.., c]` → `[.., c]`.
    ///
    /// # Errors
    /// When scale or shift are not `[c]`, or the input is empty.
    pub fn layer_norm(&mut self, params: &Params, x: &Var, norm: &LayerNorm) -> Result<Var, OpsError> {
        self.reach(norm.weight);
        let dims = x.dims().to_vec();
        let c = dims.last().copied().unwrap_or(0);
        let weight = params.get(norm.weight).clone();
        let bias = norm.bias.map(|id| params.get(id).clone());
        if c == 0 || weight.dims() != [c] || bias.as_ref().is_some_and(|bias| bias.dims() != [c]) {
            return Err(OpsError::shape("layer_norm", format!("rows of {:?} numbers", weight.dims()), &dims));
        }
        let len = x.peek().elem_count();
        if let Some(y) = self.dry(0, len, &dims)? {
            return Ok(y);
        }
        if self.is_composed() {
            return self.composed_layer_norm(params, x, norm);
        }
        let block = (BLOCK / c).clamp(1, 512);
        let mut y = self.memory().dirty(len);
        // Mean and inverse standard deviation of each row.
        let mut moments = vec![[0.0f32; 2]; len / c];
        let eps = norm.eps as f32;
        let shift = match &bias {
            None => vec![0.0; c],
            Some(bias) => bias.to_vec1::<f32>()?,
        };
        floats("layer_norm", x.peek(), |x| {
            floats("layer_norm", &weight, |weight| {
                let blocks = x.par_chunks(block * c).zip(y.par_chunks_mut(block * c));
                blocks.zip(moments.par_chunks_mut(block)).for_each(|((x, y), moments)| {
                    wide!(|| forward(x, weight, &shift, eps, y, moments));
                });
                Ok(())
            })
        })?;
        let (x, norm) = (x.clone(), *norm);
        Ok(self.record(tensor(y, &dims)?, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let mut dy = take(&dy)?;
                let so_far = flow.so_far(x.target()).map(|so_far| take(&so_far)).transpose()?;
                let mut dx = so_far.unwrap_or_default();
                let blocks = moments.len().div_ceil(block);
                // Of each block the gradient of the scale, then of the shift.
                let mut parts = vec![0.0f32; blocks * 2 * c];
                floats("layer_norm", x.peek(), |x| {
                    floats("layer_norm", &weight, |weight| {
                        let moments = moments.par_chunks(block);
                        let blocks = x.par_chunks(block * c).zip(parts.par_chunks_mut(2 * c)).zip(moments);
                        let blocks = blocks.zip(dy.par_chunks_mut(block * c));
                        if dx.is_empty() {
                            blocks.for_each(|(((x, part), moments), dy)| {
                                wide!(|| backward(x, weight, moments, dy, part, |_, _| {}));
                            });
                        } else {
                            blocks.zip(dx.par_chunks_mut(block * c)).for_each(|((((x, part), moments), dy), dx)| {
                                wide!(|| {
                                    backward(x, weight, moments, dy, part, |row, dy| {
                                        dx[row * c..][..c].iter_mut().zip(dy).for_each(|(dx, dy)| *dx += *dy);
                                    });
                                });
                            });
                        }
                        Ok(())
                    })
                })?;
                let total = add_up(&parts, 2 * c);
                flow.add_param(norm.weight, Tensor::new(&total[..c], weight.device())?)?;
                if let Some(bias) = norm.bias {
                    flow.add_param(bias, Tensor::new(&total[c..], weight.device())?)?;
                }
                let dx = if dx.is_empty() {
                    dy
                } else {
                    flow.memory.give(dy);
                    dx
                };
                flow.add(x.target(), tensor(dx, &dims)?)
            }
        }))
    }
}

#[inline(always)]
fn forward(x: &[f32], weight: &[f32], shift: &[f32], eps: f32, y: &mut [f32], moments: &mut [[f32; 2]]) {
    let c = weight.len();
    for ((x, y), moment) in x.chunks_exact(c).zip(y.chunks_exact_mut(c)).zip(moments) {
        let [sum] = sums(c, |i| [x[i]]);
        let mean = sum / c as f32;
        let [squares] = sums(c, |i| [(x[i] - mean) * (x[i] - mean)]);
        let inverse = 1.0 / (squares / c as f32 + eps).sqrt();
        *moment = [mean, inverse];
        for i in 0..c {
            y[i] = (x[i] - mean) * inverse * weight[i] + shift[i];
        }
    }
}

/// Turns `dy` into the input's gradient, row by row; `part` gets the gradients of scale and shift.
#[inline(always)]
fn backward(
    x: &[f32],
    weight: &[f32],
    moments: &[[f32; 2]],
    dy: &mut [f32],
    part: &mut [f32],
    mut done: impl FnMut(usize, &[f32]),
) {
    let c = weight.len();
    let (scales, shifts) = part.split_at_mut(c);
    for (row, ((x, dy), &[mean, inverse])) in x.chunks_exact(c).zip(dy.chunks_exact_mut(c)).zip(moments).enumerate() {
        for i in 0..c {
            scales[i] += dy[i] * ((x[i] - mean) * inverse);
            shifts[i] += dy[i];
        }
        let dy_now = &*dy;
        let [all, along] = sums(c, |i| {
            let g = dy_now[i] * weight[i];
            [g, g * ((x[i] - mean) * inverse)]
        });
        let (all, along) = (all / c as f32, along / c as f32);
        for i in 0..c {
            dy[i] = inverse * (dy[i] * weight[i] - all - (x[i] - mean) * inverse * along);
        }
        done(row, dy);
    }
}
