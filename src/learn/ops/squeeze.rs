//! Squeeze-and-excite (Hu et al. 2017): each channel is scaled by a gate that a small network finds from all channels' means.
//!
//! Takes maps `[b, h, w, c]`. The arithmetic here is over slices, some pictures at a time, so that the projection of a mobile
//! network's block does it on what is in its cache; [`Tape::squeeze_excite`] is the same alone. Tensors are timm's 1×1
//! convolutions: `conv_reduce` `[r, c, 1, 1]` and `conv_expand` `[c, r, 1, 1]`, each with a bias.

use candle_core::Tensor;
use rayon::prelude::*;

use super::act::with_act;
use super::simd::{Matrix, math, matmul, wide};
use super::tape::memory::{floats, take, tensor};
use super::{Act, Flow, OpsError, ParamId, Params, Tape, Var};

/// The tensors of one squeeze-and-excite.
#[derive(Clone, Debug)]
pub struct Squeeze {
    /// Weight `[r, c, 1, 1]` and bias `[r]` of the squeeze.
    pub reduce: [ParamId; 2],
    /// Weight `[c, r, 1, 1]` and bias `[c]` of the excitation.
    pub expand: [ParamId; 2],
    /// The activation between them.
    pub act: Act,
}

/// The same with their floats at hand.
#[derive(Clone, Debug)]
pub(crate) struct SqueezeWeights {
    ids: Squeeze,
    channels: usize,
    pub(crate) hidden: usize,
    reduce: [Vec<f32>; 2],
    expand: [Vec<f32>; 2],
}

/// What some pictures' gates came from.
pub(crate) struct Gated {
    channels: usize,
    /// Means of the channels `[g, c]`.
    mean: Vec<f32>,
    /// Before the inner activation `[g, r]`.
    inner: Vec<f32>,
    /// The gates `[g, c]`.
    pub(crate) gate: Vec<f32>,
}

/// The gradients of some pictures' gates.
pub(crate) struct Outer {
    /// Of the argument of the gate `[g, c]`.
    outer: Vec<f32>,
    /// Of the argument of the inner activation `[g, r]`.
    inner: Vec<f32>,
    /// What each pixel of the map gets through the mean `[g, c]`.
    pub(crate) mean: Vec<f32>,
}

impl Squeeze {
    pub(crate) fn weights(&self, params: &Params, channels: usize) -> Result<SqueezeWeights, OpsError> {
        let of = |id: ParamId| floats("squeeze_excite", params.get(id), |x| Ok(x.to_vec()));
        let both = |ids: [ParamId; 2]| -> Result<[Vec<f32>; 2], OpsError> { Ok([of(ids[0])?, of(ids[1])?]) };
        let (reduce, expand) = (both(self.reduce)?, both(self.expand)?);
        let hidden = reduce[1].len();
        let fits = reduce[0].len() == hidden * channels && expand[0].len() == reduce[0].len();
        if hidden == 0 || !fits || expand[1].len() != channels {
            let shape = params.get(self.reduce[0]).dims();
            return Err(OpsError::shape("squeeze_excite", format!("a weight [r, {channels}, 1, 1]"), shape));
        }
        Ok(SqueezeWeights { ids: self.clone(), channels, hidden, reduce, expand })
    }
}

impl SqueezeWeights {
    /// The gates of some pictures `[g, plane, c]`.
    pub(crate) fn forward(&self, map: &[f32], plane: usize) -> Gated {
        let (c, r) = (self.channels, self.hidden);
        let images = map.len() / (plane * c);
        let mut mean = vec![0.0; images * c];
        for (mean, map) in mean.chunks_exact_mut(c).zip(map.chunks_exact(plane * c)) {
            wide!(|| {
                for pixel in map.chunks_exact(c) {
                    mean.iter_mut().zip(pixel).for_each(|(m, x)| *m += *x);
                }
                mean.iter_mut().for_each(|m| *m /= plane as f32);
            });
        }
        let mut inner = self.reduce[1].repeat(images);
        let reduce = Matrix::new(&self.reduce[0], r, c, c).turned();
        matmul(&mut inner, r, Matrix::new(&mean, images, c, c), reduce, true);
        let mut active = inner.clone();
        let act = self.ids.act;
        with_act!(act, ACT => active.iter_mut().for_each(|x| *x = ACT.at(*x)));
        let mut gate = self.expand[1].repeat(images);
        let expand = Matrix::new(&self.expand[0], c, r, r).turned();
        matmul(&mut gate, c, Matrix::new(&active, images, r, r), expand, true);
        wide!(|| gate.iter_mut().for_each(|x| *x = math::sigmoid(*x)));
        Gated { channels: c, mean, inner, gate }
    }

    /// What flows into the gates' network, for maps `[g, plane, c]` and the gradient `dy` of the scaled ones.
    pub(crate) fn backward(&self, gated: &Gated, map: &[f32], dy: &[f32], plane: usize) -> Outer {
        let (c, r) = (self.channels, self.hidden);
        let images = map.len() / (plane * c);
        let mut outer = vec![0.0; images * c];
        let pictures = map.chunks_exact(plane * c).zip(dy.chunks_exact(plane * c));
        for ((outer, gate), (map, dy)) in outer.chunks_exact_mut(c).zip(gated.gate.chunks_exact(c)).zip(pictures) {
            wide!(|| {
                for (x, dy) in map.chunks_exact(c).zip(dy.chunks_exact(c)) {
                    for i in 0..c {
                        outer[i] += x[i] * dy[i];
                    }
                }
                outer.iter_mut().zip(gate).for_each(|(d, s)| *d *= s * (1.0 - s));
            });
        }
        let mut inner = vec![0.0; images * r];
        matmul(&mut inner, r, Matrix::new(&outer, images, c, c), Matrix::new(&self.expand[0], c, r, r), false);
        let act = self.ids.act;
        let pairs = inner.iter_mut().zip(&gated.inner);
        with_act!(act, ACT => pairs.for_each(|(d, x)| *d = ACT.back(*d, *x)));
        let mut mean = vec![0.0; images * c];
        matmul(&mut mean, c, Matrix::new(&inner, images, r, r), Matrix::new(&self.reduce[0], r, c, c), false);
        mean.iter_mut().for_each(|m| *m /= plane as f32);
        Outer { outer, inner, mean }
    }

    /// Lets the gradients of the four tensors flow, out of all pictures in their order.
    pub(crate) fn give_back<'a>(
        &self,
        flow: &mut Flow,
        pictures: impl Iterator<Item = (&'a Gated, &'a Outer)>,
    ) -> Result<(), OpsError> {
        let (c, r) = (self.channels, self.hidden);
        let [mut reduce, mut expand] = [vec![0.0; r * c], vec![0.0; c * r]];
        let [mut reduce_bias, mut expand_bias] = [vec![0.0; r], vec![0.0; c]];
        for (gated, found) in pictures {
            let images = gated.mean.len() / c;
            let mut active = gated.inner.clone();
            let act = self.ids.act;
            with_act!(act, ACT => active.iter_mut().for_each(|x| *x = ACT.at(*x)));
            let outer = Matrix::new(&found.outer, images, c, c);
            matmul(&mut expand, r, outer.turned(), Matrix::new(&active, images, r, r), true);
            let inner = Matrix::new(&found.inner, images, r, r);
            matmul(&mut reduce, c, inner.turned(), Matrix::new(&gated.mean, images, c, c), true);
            for outer in found.outer.chunks_exact(c) {
                expand_bias.iter_mut().zip(outer).for_each(|(total, d)| *total += d);
            }
            for inner in found.inner.chunks_exact(r) {
                reduce_bias.iter_mut().zip(inner).for_each(|(total, d)| *total += d);
            }
        }
        let Squeeze { reduce: reduce_ids, expand: expand_ids, .. } = &self.ids;
        flow.add_param(reduce_ids[0], tensor(reduce, &[r, c, 1, 1])?)?;
        flow.add_param(reduce_ids[1], tensor(reduce_bias, &[r])?)?;
        flow.add_param(expand_ids[0], tensor(expand, &[c, r, 1, 1])?)?;
        flow.add_param(expand_ids[1], tensor(expand_bias, &[c])?)
    }
}

impl Gated {
    /// Scales the maps `[g, plane, c]` that the gates belong to.
    pub(crate) fn scale(&self, map: &mut [f32], plane: usize) {
        let channels = self.channels;
        for (gate, map) in self.gate.chunks_exact(channels).zip(map.chunks_exact_mut(plane * channels)) {
            wide!(|| {
                for pixel in map.chunks_exact_mut(channels) {
                    pixel.iter_mut().zip(gate).for_each(|(x, s)| *x *= s);
                }
            });
        }
    }
}

impl Tape {
    /// `x · sigmoid(expand(act(reduce(mean of x))))` of `x` `[b, h, w, c]`, each channel scaled by one number a picture.
    ///
    /// # Errors
    /// When the channels do not fit.
    pub fn squeeze_excite(&mut self, params: &Params, x: &Var, squeeze: &Squeeze) -> Result<Var, OpsError> {
        let &[b, h, w, c] = x.dims() else {
            return Err(OpsError::shape("squeeze_excite", "an input [b, h, w, c]", x.dims()));
        };
        if b * h * w * c == 0 {
            return Err(OpsError::shape("squeeze_excite", "at least one pixel", x.dims()));
        }
        self.reach(squeeze.reduce[0]);
        let weights = squeeze.weights(params, c)?;
        let (plane, image, dims) = (h * w, h * w * c, x.dims().to_vec());
        if let Some(y) = self.dry(2 * b * c * weights.hidden, b * image, &dims)? {
            return Ok(y);
        }
        if self.is_composed() {
            return self.composed_squeeze_excite(params, x, squeeze);
        }
        let mut y = self.memory().dirty(b * image);
        let gated: Vec<Gated> = floats("squeeze_excite", x.peek(), |x| {
            let pictures = x.par_chunks(image).zip(y.par_chunks_mut(image));
            let one = |(x, y): (&[f32], &mut [f32])| {
                let gated = weights.forward(x, plane);
                y.copy_from_slice(x);
                gated.scale(y, plane);
                gated
            };
            Ok(pictures.map(one).collect())
        })?;
        let x = x.clone();
        Ok(self.record(tensor(y, &dims)?, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let mut g = take(&dy)?;
                let outer: Vec<Outer> = floats("squeeze_excite", x.peek(), |x| {
                    let pictures = g.par_chunks_mut(image).zip(x.par_chunks(image)).zip(&gated);
                    let one = |((g, x), gated): ((&mut [f32], &[f32]), &Gated)| {
                        let outer = weights.backward(gated, x, g, plane);
                        wide!(|| {
                            for g in g.chunks_exact_mut(c) {
                                let each = g.iter_mut().zip(&gated.gate).zip(&outer.mean);
                                each.for_each(|((g, s), m)| *g = *g * s + m);
                            }
                        });
                        outer
                    };
                    Ok(pictures.map(one).collect())
                })?;
                weights.give_back(flow, gated.iter().zip(&outer))?;
                flow.add(x.target(), tensor(g, &dims)?)
            }
        }))
    }
}
