//! Convolutions whose norm and activation wait for the operation that reads them.
//!
//! A block of a mobile network (expand, filter by depth, project; Sandler et al. 2018) makes maps six times as wide as its
//! input, and each pass over such a map costs as much as the arithmetic on it. So [`Tape::conv_open`] and
//! [`Tape::depthwise_open`] leave their raw output in an [`Open`] value, and the operation that reads it normalises and
//! activates each number on its way into its own product. On the way back that operation gives the gradient before the
//! activation, with the two sums that a batch norm's gradient needs, which it has in registers anyway. In evaluation, where the
//! statistics are known before, an [`Open`] value holds the finished numbers.

mod pad;
mod project;

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::Tensor;
use rayon::prelude::*;

use super::{Conv, Plan, forward, return_through};
use crate::learn::ops::act::with_act;
use crate::learn::ops::norm::{Affine, Norm, Return, Statistics, moments, piece};
use crate::learn::ops::simd::wide;
use crate::learn::ops::tape::memory::{floats, take, tensor};
use crate::learn::ops::{Act, Flow, OpsError, Params, Tape, Var};

/// The sums `Σ g` and `Σ g·(y − mean)` of each channel, handed back by the one operation that read an open value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sums(Arc<Mutex<Vec<[f64; 2]>>>);

impl Sums {
    pub(crate) fn give(&self, totals: Vec<[f64; 2]>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = totals;
    }

    pub(crate) fn take(&self) -> Vec<[f64; 2]> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A map `[b, h, w, c]` that is still to be normalised and activated: `act(y·scale + shift)`. One operation reads it.
#[derive(Debug)]
pub struct Open {
    pub(crate) y: Var,
    pub(crate) affine: Affine,
    pub(crate) mean: Vec<f32>,
    pub(crate) act: Act,
    /// Where the reader leaves its sums; nothing for a finished value.
    pub(crate) sums: Option<Sums>,
}

impl Open {
    /// A finished value as an open one.
    pub fn plain(y: &Var) -> Open {
        let channels = y.dims().last().copied().unwrap_or(0);
        let affine = Affine { scale: vec![1.0; channels], shift: vec![0.0; channels] };
        Open { y: y.clone(), affine, mean: vec![0.0; channels], act: Act::None, sums: None }
    }

    /// The shape.
    pub fn dims(&self) -> &[usize] {
        self.y.dims()
    }

    pub(crate) fn is_plain(&self) -> bool {
        self.sums.is_none()
    }
}

/// What the way back of an open value's norm needs.
pub(crate) struct OpenNorm {
    pub(crate) norm: Norm,
    pub(crate) statistics: Statistics,
    pub(crate) gamma: Tensor,
    pub(crate) sums: Sums,
}

impl OpenNorm {
    /// How the gradient that the reader gave goes back through the norm.
    pub(crate) fn returning(&self) -> Result<Return, OpsError> {
        let totals = self.sums.take();
        if totals.len() != self.statistics.mean.len() {
            return Err(OpsError::NotRecorded { op: "an open convolution" });
        }
        floats("conv_open", &self.gamma, |gamma| Ok(Return::of_sums(&totals, &self.statistics, gamma)))
    }

    /// Lets the gradients of scale and shift flow.
    pub(crate) fn give_back(&self, flow: &mut Flow, back: Return) -> Result<(), OpsError> {
        let channels = [self.statistics.mean.len()];
        flow.add_param(self.norm.weight, tensor(back.d_weight, &channels)?)?;
        flow.add_param(self.norm.bias, tensor(back.d_bias, &channels)?)
    }
}

/// Adds up tasks' sums in their order.
pub(crate) fn totals<'a>(channels: usize, parts: impl Iterator<Item = (&'a [f32], &'a [f32])>) -> Vec<[f64; 2]> {
    let mut totals = vec![[0.0f64; 2]; channels];
    for (sums, apart) in parts {
        for (total, (sum, apart)) in totals.iter_mut().zip(sums.iter().zip(apart)) {
            total[0] += f64::from(*sum);
            total[1] += f64::from(*apart);
        }
    }
    totals
}

impl Tape {
    /// Convolution of `x` `[b, h, w, c]`, to be normalised and activated by what reads it: `[b, ho, wo, o]`.
    ///
    /// # Errors
    /// When channels, groups or sizes do not fit, and in training when a channel has a single value.
    pub fn conv_open(
        &mut self,
        params: &Params,
        x: &Var,
        conv: &Conv,
        norm: &Norm,
        act: Act,
    ) -> Result<Open, OpsError> {
        self.reach(conv.weight);
        if !self.is_training() || self.is_composed() {
            return Ok(Open::plain(&self.conv_norm(params, x, conv, norm, None, act)?));
        }
        let weight = params.get(conv.weight).clone();
        let plan = Plan::new(conv, x.dims(), weight.dims())?;
        let (dims, image, channels) = (plan.out_dims(), plan.out_image(), plan.out_channels);
        let memory = self.memory().clone();
        let mut y = memory.dirty(plan.batch * image);
        let seen = floats("conv_open", x.peek(), |x| {
            floats("conv_open", &weight, |w| {
                Ok(forward(&plan, &memory, x, w, &mut y, |_, unit| moments(unit, channels)))
            })
        })?;
        let statistics = norm.observe(self, params, seen.iter(), &dims)?;
        let affine = norm.affine(params, &statistics)?;
        let (mean, sums) = (statistics.mean.clone(), Sums::default());
        let gamma = params.get(norm.weight).clone();
        let open = OpenNorm { norm: norm.clone(), statistics, gamma, sums: sums.clone() };
        let (x, id) = (x.clone(), conv.weight);
        let y = self.record(tensor(y, &dims)?, |y| {
            let y = y.clone();
            move |g: Tensor, flow: &mut Flow| {
                let (g, back) = (take(&g)?, open.returning()?);
                floats("conv_open", y.peek(), |y| {
                    return_through(&plan, flow, &x, id, &weight, &|at, row, out: &mut [f32]| {
                        let here = at * image + row * out.len();
                        back.apply_to(&g[here..][..out.len()], &y[here..][..out.len()], out);
                    })
                })?;
                flow.memory.give(g);
                open.give_back(flow, back)
            }
        });
        Ok(Open { y, affine, mean, act, sums: Some(sums) })
    }

    /// The finished value of the open `x`, plus a `residual` of its shape if given.
    ///
    /// # Errors
    /// When the shapes differ.
    pub fn finish(&mut self, x: Open, residual: Option<&Var>) -> Result<Var, OpsError> {
        let dims = x.dims().to_vec();
        if let Some(residual) = residual.filter(|r| r.dims() != dims) {
            return Err(OpsError::shape("finish", format!("a residual of shape {dims:?}"), residual.dims()));
        }
        if x.is_plain() && residual.is_none() {
            return Ok(x.y);
        }
        if self.is_composed() {
            return self.composed_sum(&x.y, residual, Act::None);
        }
        let (channels, len) = (x.affine.scale.len(), x.y.peek().elem_count());
        if let Some(z) = self.dry(0, 0, &dims)? {
            return Ok(z);
        }
        let piece = piece(channels);
        let mut z = self.memory().dirty(len);
        floats("finish", x.y.peek(), |y| {
            let pieces = z.par_chunks_mut(piece).zip(y.par_chunks(piece));
            pieces.for_each(|(z, y)| x.affine.apply_to(y, None, x.act, z));
            let Some(residual) = residual else { return Ok(()) };
            floats("finish", residual.peek(), |r| {
                let pieces = z.par_chunks_mut(piece).zip(r.par_chunks(piece));
                pieces.for_each(|(z, r)| wide!(|| z.iter_mut().zip(r).for_each(|(z, r)| *z += r)));
                Ok(())
            })
        })?;
        let residual = residual.map(Var::target);
        Ok(self.record(tensor(z, &dims)?, |_| {
            move |dz: Tensor, flow: &mut Flow| {
                let mut g = take(&dz)?;
                if let Some(residual) = residual.filter(|r| flow.wants(*r)) {
                    let mut copy = flow.memory.dirty(g.len());
                    copy.copy_from_slice(&g);
                    flow.add(residual, tensor(copy, &dims)?)?;
                }
                let (scale, shift, mean) =
                    (&x.affine.scale[..channels], &x.affine.shift[..channels], &x.mean[..channels]);
                let parts: Vec<[Vec<f32>; 2]> = floats("finish", x.y.peek(), |y| {
                    let one = |(g, y): (&mut [f32], &[f32])| {
                        let [mut sums, mut apart] = [vec![0.0f32; channels], vec![0.0f32; channels]];
                        let pixels = g.chunks_exact_mut(channels).zip(y.chunks_exact(channels));
                        wide!(|| {
                            let (sums, apart) = (&mut sums[..channels], &mut apart[..channels]);
                            with_act!(x.act, ACT => for (g, y) in pixels {
                                for i in 0..channels {
                                    g[i] = ACT.back(g[i], scale[i] * y[i] + shift[i]);
                                    sums[i] += g[i];
                                    apart[i] += g[i] * (y[i] - mean[i]);
                                }
                            });
                        });
                        [sums, apart]
                    };
                    Ok(g.par_chunks_mut(piece).zip(y.par_chunks(piece)).map(one).collect())
                })?;
                if let Some(sums) = &x.sums {
                    sums.give(totals(channels, parts.iter().map(|[sums, apart]| (&sums[..], &apart[..]))));
                }
                flow.add(x.y.target(), tensor(g, &dims)?)
            }
        }))
    }
}
