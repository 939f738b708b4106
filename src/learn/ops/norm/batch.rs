//! Batch normalisation (Ioffe and Szegedy 2015), as PyTorch's `BatchNorm2d`.
//!
//! In training a channel is normalised with the batch's mean and biased variance, and the running
//! statistics move by `momentum` towards the mean and the *unbiased* variance; in evaluation the running
//! statistics serve. A channel's moments are found for each piece of the batch by two passes in the cache and combined
//! by Chan, Golub and LeVeque's formula (1983) in f64, in the pieces' order: no cancellation, and bits that do not
//! depend on threads. The passes over pixels are in `passes`.

use candle_core::Tensor;
use rayon::prelude::*;

use super::passes::{Affine, Moments, Return, Seen, moments, piece};
use crate::learn::ops::tape::memory::{self, floats, take, tensor};
use crate::learn::ops::{Act, Flow, OpsError, ParamId, Params, Tape, Var};

/// The tensors and constants of one batch norm.
#[derive(Clone, Debug)]
pub struct Norm {
    /// Scale `[c]`.
    pub weight: ParamId,
    /// Shift `[c]`.
    pub bias: ParamId,
    /// Running mean `[c]`.
    pub running_mean: ParamId,
    /// Running variance `[c]`.
    pub running_var: ParamId,
    /// How far the running statistics move at each step; PyTorch's default is 0.1.
    pub momentum: f64,
    /// Added to the variance; PyTorch's default is 1e-5.
    pub eps: f64,
}

/// What one training pass normalises with, and what its gradient needs.
#[derive(Clone, Debug)]
pub(crate) struct Statistics {
    pub(crate) count: usize,
    pub(crate) mean: Vec<f32>,
    pub(crate) inverse_std: Vec<f32>,
}

impl Norm {
    /// The batch's statistics out of its pieces' moments; notes the new running statistics on the tape.
    /// `dims` is the normalised tensor's shape, its channels last.
    pub(crate) fn observe<'a>(
        &self,
        tape: &mut Tape,
        params: &Params,
        pieces: impl Iterator<Item = &'a Moments>,
        dims: &[usize],
    ) -> Result<Statistics, OpsError> {
        let channels = dims.last().copied().unwrap_or(0);
        let mut totals = vec![(0.0f64, 0.0f64); channels];
        let mut count = 0usize;
        for piece in pieces {
            let (before, here, after) = (count as f64, piece.count as f64, (count + piece.count) as f64);
            for ((mean, squares), (m, s)) in totals.iter_mut().zip(piece.mean.iter().zip(&piece.squares)) {
                let apart = f64::from(*m) - *mean;
                *mean += apart * here / after;
                *squares += f64::from(*s) + apart * apart * before * here / after;
            }
            count += piece.count;
        }
        check_count(count, dims)?;
        let variance = |squares: f64| squares / count as f64;
        let mean: Vec<f32> = totals.iter().map(|t| t.0 as f32).collect();
        let inverse_std = totals.iter().map(|t| (1.0 / (variance(t.1) + self.eps).sqrt()) as f32).collect();
        let unbiased: Vec<f32> = totals.iter().map(|t| (t.1 / (count - 1) as f64) as f32).collect();
        for (id, new) in [(self.running_mean, &mean), (self.running_var, &unbiased)] {
            let moved = floats("batch_norm", tape.latest(params, id), |old| {
                check(channels, old.len(), dims)?;
                let step = |(o, n): (&f32, &f32)| (f64::from(*o) + self.momentum * f64::from(n - o)) as f32;
                Ok(old.iter().zip(new).map(step).collect::<Vec<f32>>())
            })?;
            tape.update(id, tensor(moved, &[channels])?);
        }
        Ok(Statistics { count, mean, inverse_std })
    }

    /// Scale and shift that normalise with a batch's statistics.
    pub(crate) fn affine(&self, params: &Params, s: &Statistics) -> Result<Affine, OpsError> {
        let [weight, bias] = self.values(params, [self.weight, self.bias], s.mean.len())?;
        let scale: Vec<f32> = weight.iter().zip(&s.inverse_std).map(|(w, i)| w * i).collect();
        let shift = bias.iter().zip(&scale).zip(&s.mean).map(|((b, a), m)| b - a * m).collect();
        Ok(Affine { scale, shift })
    }

    /// Scale and shift that normalise with the running statistics: the norm folded for evaluation.
    pub(crate) fn folded(&self, params: &Params, channels: usize) -> Result<Affine, OpsError> {
        let [mean, var] = self.values(params, [self.running_mean, self.running_var], channels)?;
        let inverse_std = var.iter().map(|v| (1.0 / (f64::from(*v) + self.eps).sqrt()) as f32).collect();
        self.affine(params, &Statistics { count: 0, mean, inverse_std })
    }

    fn values(&self, params: &Params, ids: [ParamId; 2], channels: usize) -> Result<[Vec<f32>; 2], OpsError> {
        let of = |id: ParamId| {
            floats("batch_norm", params.get(id), |x| {
                check(channels, x.len(), &[channels])?;
                Ok(x.to_vec())
            })
        };
        Ok([of(ids[0])?, of(ids[1])?])
    }
}

/// A norm of `len` channels fits an input of shape `dims` with `channels`.
pub(crate) fn check(channels: usize, len: usize, dims: &[usize]) -> Result<(), OpsError> {
    if channels == len { Ok(()) } else { Err(OpsError::shape("batch_norm", format!("{len} channels"), dims)) }
}

/// `count` values of each channel have a variance.
pub(crate) fn check_count(count: usize, dims: &[usize]) -> Result<(), OpsError> {
    if count > 1 {
        return Ok(());
    }
    let expected = "more than one value per channel while training (a larger batch or larger pictures)";
    Err(OpsError::shape("batch_norm", expected, dims))
}

impl Tape {
    /// Batch norm of `x` `[b, h, w, c]` (or any other shape with channels last), then `act`. After a convolution use
    /// [`Tape::conv_norm`], which saves passes over memory.
    ///
    /// # Errors
    /// When the channels do not fit, and in training when a channel has a single value.
    pub fn batch_norm(&mut self, params: &Params, x: &Var, norm: &Norm, act: Act) -> Result<Var, OpsError> {
        self.reach(norm.weight);
        let (dims, len) = (x.dims().to_vec(), x.peek().elem_count());
        let channels = dims.last().copied().unwrap_or(0);
        if len == 0 || dims.len() < 2 {
            return Err(OpsError::shape("batch_norm", "at least one picture [b, h, w, c]", &dims));
        }
        if let Some(z) = self.dry(0, len, &dims)? {
            return Ok(z);
        }
        if self.is_composed() {
            return self.composed_batch_norm(params, x, norm, None, act);
        }
        let piece = piece(channels);
        let mut z = self.memory().dirty(len);
        let found = floats("batch_norm", x.peek(), |x| {
            let (affine, statistics) = if self.is_training() {
                let moments: Vec<_> = x.par_chunks(piece).map(|x| moments(x, channels)).collect();
                let statistics = norm.observe(self, params, moments.iter(), &dims)?;
                (norm.affine(params, &statistics)?, Some(statistics))
            } else {
                (norm.folded(params, channels)?, None)
            };
            let pairs = x.par_chunks(piece).zip(z.par_chunks_mut(piece));
            pairs.for_each(|(x, z)| affine.apply_to(x, None, act, z));
            Ok(statistics.map(|statistics| (statistics, affine)))
        })?;
        let z = tensor(z, &dims)?;
        let (norm, weight, x) = (norm.clone(), params.get(norm.weight).clone(), x.clone());
        Ok(self.record(z, |_| {
            move |dz: Tensor, flow: &mut Flow| {
                let Some((statistics, affine)) = found else { return Ok(()) };
                let mut g = take(&dz)?;
                let back = floats("batch_norm", x.peek(), |y| {
                    let back = returning(&mut g, y, None, &affine, act, &statistics, &weight)?;
                    let pairs = g.par_chunks_mut(piece).zip(y.par_chunks(piece));
                    pairs.for_each(|(g, y)| back.apply(g, y));
                    Ok(back)
                })?;
                flow.add_param(norm.weight, tensor(back.d_weight, &[channels])?)?;
                flow.add_param(norm.bias, tensor(back.d_bias, &[channels])?)?;
                flow.add(x.target(), tensor(g, &dims)?)
            }
        }))
    }
}

/// [`Return::new`] with the scale as a tensor.
pub(crate) fn returning(
    g: &mut [f32],
    y: &[f32],
    seen: Option<Seen<'_>>,
    affine: &Affine,
    act: Act,
    statistics: &Statistics,
    weight: &Tensor,
) -> Result<Return, OpsError> {
    memory::floats("batch_norm", weight, |weight| Ok(Return::new(g, y, seen, affine, act, statistics, weight)))
}
