//! Global response normalisation (Woo et al. 2023, ConvNeXt V2), as timm's `GlobalResponseNorm`.
//!
//! A channel of a picture is scaled by its length over the pixels, relative to the mean length of the picture's channels:
//! `y = x + x · n · weight + bias`, `n = g / (mean(g) + eps)`, `g = √Σ x²`. One picture is one task; two passes over it
//! forward, two back.

use candle_core::Tensor;
use rayon::prelude::*;

use crate::learn::ops::linear::add_up;
use crate::learn::ops::simd::wide;
use crate::learn::ops::tape::memory::{floats, take, tensor};
use crate::learn::ops::{Flow, OpsError, ParamId, Params, Tape, Var};

/// The tensors and constant of one global response norm over `c` channels.
#[derive(Clone, Copy, Debug)]
pub struct ResponseNorm {
    /// Scale `[c]`.
    pub weight: ParamId,
    /// Shift `[c]`.
    pub bias: ParamId,
    /// Added to the mean length; timm's is 1e-6.
    pub eps: f64,
}

impl Tape {
    /// Global response norm of `x` `[b, .., c]` over all pixels of a picture, of the same shape.
    ///
    /// # Errors
    /// When scale or shift are not `[c]`, or the input is empty.
    pub fn response_norm(&mut self, params: &Params, x: &Var, norm: &ResponseNorm) -> Result<Var, OpsError> {
        self.reach(norm.weight);
        let dims = x.dims().to_vec();
        let (b, c) = (dims.first().copied().unwrap_or(0), dims.last().copied().unwrap_or(0));
        let (weight, bias) = (params.get(norm.weight).clone(), params.get(norm.bias).clone());
        let len = x.peek().elem_count();
        if dims.len() < 3 || len == 0 || weight.dims() != [c] || bias.dims() != [c] {
            let expected = format!("maps [b, .., c] of {:?} channels", weight.dims());
            return Err(OpsError::shape("response_norm", expected, &dims));
        }
        if let Some(y) = self.dry(0, len, &dims)? {
            return Ok(y);
        }
        if self.is_composed() {
            return self.composed_response_norm(params, x, norm);
        }
        let (picture, eps) = (len / b, norm.eps as f32);
        let (scale, shift) = (weight.to_vec1::<f32>()?, bias.to_vec1::<f32>()?);
        let mut y = self.memory().dirty(len);
        // The length of each channel of each picture.
        let mut lengths = vec![0.0f32; b * c];
        floats("response_norm", x.peek(), |x| {
            let pictures = x.par_chunks(picture).zip(y.par_chunks_mut(picture));
            pictures.zip(lengths.par_chunks_mut(c)).for_each(|((x, y), lengths)| {
                wide!(|| forward(x, &scale, &shift, eps, y, lengths));
            });
            Ok(())
        })?;
        let (x, norm) = (x.clone(), *norm);
        Ok(self.record(tensor(y, &dims)?, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let mut dy = take(&dy)?;
                // Of each picture the gradient of the scale, then of the shift.
                let mut parts = vec![0.0f32; b * 2 * c];
                floats("response_norm", x.peek(), |x| {
                    let pictures = x.par_chunks(picture).zip(dy.par_chunks_mut(picture));
                    let pictures = pictures.zip(lengths.par_chunks(c)).zip(parts.par_chunks_mut(2 * c));
                    pictures.for_each(|(((x, dy), lengths), part)| {
                        wide!(|| backward(x, &scale, lengths, eps, dy, part));
                    });
                    Ok(())
                })?;
                let total = add_up(&parts, 2 * c);
                flow.add_param(norm.weight, tensor(total[..c].to_vec(), &[c])?)?;
                flow.add_param(norm.bias, tensor(total[c..].to_vec(), &[c])?)?;
                flow.add(x.target(), tensor(dy, &dims)?)
            }
        }))
    }
}

#[inline(always)]
fn forward(x: &[f32], scale: &[f32], shift: &[f32], eps: f32, y: &mut [f32], lengths: &mut [f32]) {
    let c = scale.len();
    for x in x.chunks_exact(c) {
        lengths.iter_mut().zip(x).for_each(|(sum, x)| *sum += x * x);
    }
    lengths.iter_mut().for_each(|sum| *sum = sum.sqrt());
    let least = lengths.iter().sum::<f32>() / c as f32 + eps;
    let factors: Vec<f32> = lengths.iter().zip(scale).map(|(g, w)| 1.0 + w * (g / least)).collect();
    for (x, y) in x.chunks_exact(c).zip(y.chunks_exact_mut(c)) {
        for i in 0..c {
            y[i] = x[i] * factors[i] + shift[i];
        }
    }
}

/// Turns `dy` into the input's gradient; `part` gets the gradients of scale and shift.
#[inline(always)]
fn backward(x: &[f32], scale: &[f32], lengths: &[f32], eps: f32, dy: &mut [f32], part: &mut [f32]) {
    let c = scale.len();
    // Σ dy·x and Σ dy of each channel.
    let (along, shifts) = part.split_at_mut(c);
    for (x, dy) in x.chunks_exact(c).zip(dy.chunks_exact(c)) {
        for i in 0..c {
            along[i] += dy[i] * x[i];
            shifts[i] += dy[i];
        }
    }
    let least = lengths.iter().sum::<f32>() / c as f32 + eps;
    let common = (0..c).map(|i| scale[i] * along[i] * lengths[i]).sum::<f32>() / (least * least * c as f32);
    // What flows into a channel's length, over that length; a channel of zeros has no direction to grow in.
    let through = |i: usize| {
        if lengths[i] > 0.0 { (scale[i] * along[i] / least - common) / lengths[i] } else { 0.0 }
    };
    let through: Vec<f32> = (0..c).map(through).collect();
    let factors: Vec<f32> = lengths.iter().zip(scale).map(|(g, w)| 1.0 + w * (g / least)).collect();
    for (x, dy) in x.chunks_exact(c).zip(dy.chunks_exact_mut(c)) {
        for i in 0..c {
            dy[i] = dy[i] * factors[i] + x[i] * through[i];
        }
    }
    along.iter_mut().zip(lengths).for_each(|(sum, g)| *sum *= g / least);
}
