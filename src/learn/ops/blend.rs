//! Joining a branch to its residual stream, and dropping parts of it: one pass over memory each.
//!
//! Layer scale (Touvron et al. 2021, CaiT) and stochastic depth (Huang et al. 2016; each picture of a batch drawn for itself,
//! the kept ones scaled up, as timm's `DropPath`) are factors of the branch, so they cost no pass of their own. Draws are a
//! function of the tape's place, and nothing of them is kept but one float a picture; dropout draws its mask again on the way back.

use candle_core::Tensor;
use rayon::prelude::*;

use super::linear::add_up;
use super::simd::wide;
use super::tape::memory::{floats, take, tensor};
use super::{Flow, OpsError, ParamId, Params, Tape, Var};
use crate::base::Seed;

/// Floats of one task.
const BLOCK: usize = 1 << 16;

impl Tape {
    /// `x + keep · gamma · branch` over channels, with `gamma` `[c]` where given: both `[b, .., c]`. While training, `keep` is 0 for
    /// a picture with probability `drop_path`, and `1 / (1 - drop_path)` otherwise; in evaluation it is 1.
    ///
    /// # Errors
    /// When the shapes differ, or `drop_path` is not in `0..1`.
    pub fn residual(
        &mut self,
        params: &Params,
        x: &Var,
        branch: &Var,
        gamma: Option<ParamId>,
        drop_path: f32,
    ) -> Result<Var, OpsError> {
        let op = "residual";
        if let Some(gamma) = gamma {
            self.reach(gamma);
        }
        let dims = x.dims().to_vec();
        let (&[b, ..], Some(&c)) = (dims.as_slice(), dims.last()) else {
            return Err(OpsError::shape(op, "an input [b, .., c]", &dims));
        };
        if branch.dims() != dims || b * c == 0 {
            return Err(OpsError::shape(op, format!("a branch of shape {dims:?}"), branch.dims()));
        }
        let gamma = gamma.map(|id| (id, params.get(id).clone()));
        if let Some((_, gamma)) = &gamma
            && gamma.dims() != [c]
        {
            return Err(OpsError::shape(op, format!("a scale [{c}]"), gamma.dims()));
        }
        let keeps = self.keeps(op, b, drop_path)?;
        let len = x.peek().elem_count();
        if let Some(y) = self.dry(0, len, &dims)? {
            return Ok(y);
        }
        if self.is_composed() {
            return self.composed_residual(params, x, branch, gamma.map(|(id, _)| id), keeps);
        }
        let scale = match &gamma {
            None => vec![1.0; c],
            Some((_, gamma)) => gamma.to_vec1::<f32>()?,
        };
        // Rows of one picture, cut into blocks.
        let rows = len / b / c;
        let block = (BLOCK / c).clamp(1, rows.max(1)) * c;
        let mut y = self.memory().dirty(len);
        floats(op, x.peek(), |x| {
            floats(op, branch.peek(), |branch| {
                let pictures = x.par_chunks(rows * c).zip(branch.par_chunks(rows * c)).zip(y.par_chunks_mut(rows * c));
                pictures.zip(&keeps).for_each(|(((x, branch), y), keep)| {
                    let blocks = x.par_chunks(block).zip(branch.par_chunks(block)).zip(y.par_chunks_mut(block));
                    blocks.for_each(|((x, branch), y)| wide!(|| join(x, branch, y, &scale, *keep)));
                });
                Ok(())
            })
        })?;
        let whole = gamma.is_none() && keeps.iter().all(|keep| *keep == 1.0);
        let (x, towards) = (x.target(), branch.target());
        let branch = gamma.is_some().then(|| branch.clone());
        Ok(self.record(tensor(y, &dims)?, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let mut out = flow.memory.dirty(len);
                let parts = (rows * c).div_ceil(block);
                let mut sums = vec![0.0f32; if gamma.is_some() { b * parts * c } else { 0 }];
                floats(op, &dy, |dy| {
                    if whole {
                        out.par_chunks_mut(BLOCK).zip(dy.par_chunks(BLOCK)).for_each(|(o, dy)| o.copy_from_slice(dy));
                        return Ok(());
                    }
                    let pictures = out.par_chunks_mut(rows * c).zip(dy.par_chunks(rows * c)).zip(&keeps);
                    let Some(branch) = &branch else {
                        pictures.for_each(|((out, dy), keep)| {
                            wide!(|| out.iter_mut().zip(dy).for_each(|(o, dy)| *o = dy * keep));
                        });
                        return Ok(());
                    };
                    floats(op, branch.peek(), |branch| {
                        let pictures = pictures.zip(branch.par_chunks(rows * c)).zip(sums.par_chunks_mut(parts * c));
                        pictures.for_each(|((((out, dy), keep), branch), sums)| {
                            let blocks = out.par_chunks_mut(block).zip(dy.par_chunks(block));
                            let blocks = blocks.zip(branch.par_chunks(block)).zip(sums.par_chunks_mut(c));
                            blocks.for_each(|(((out, dy), branch), sums)| {
                                wide!(|| part(out, dy, branch, &scale, *keep, sums));
                            });
                        });
                        Ok(())
                    })
                })?;
                if let Some((id, _)) = gamma {
                    flow.add_param(id, tensor(add_up(&sums, c), &[c])?)?;
                }
                flow.add(towards, tensor(out, &dims)?)?;
                flow.add(x, dy)
            }
        }))
    }

    /// The branch `[b, ..]` of a residual stream alone, as [`Tape::residual`] drops it.
    ///
    /// # Errors
    /// When `drop_path` is not in `0..1`.
    pub fn drop_path(&mut self, branch: &Var, drop_path: f32) -> Result<Var, OpsError> {
        let (op, dims) = ("drop_path", branch.dims().to_vec());
        let (len, b) = (branch.peek().elem_count(), dims.first().copied().unwrap_or(0));
        let keeps = self.keeps(op, b, drop_path)?;
        if len == 0 || keeps.iter().all(|keep| *keep == 1.0) {
            return Ok(branch.clone());
        }
        if let Some(y) = self.dry(0, 0, &dims)? {
            return Ok(y);
        }
        if self.is_composed() {
            return self.composed_factors(branch, keeps);
        }
        let each = len / b;
        let scaled = move |x: &[f32], y: &mut [f32], keeps: &[f32]| {
            let pairs = y.par_chunks_mut(each).zip(x.par_chunks(each)).zip(keeps);
            pairs.for_each(|((y, x), keep)| wide!(|| y.iter_mut().zip(x).for_each(|(y, x)| *y = x * keep)));
        };
        let mut y = self.memory().dirty(len);
        floats(op, branch.peek(), |x| {
            scaled(x, &mut y, &keeps);
            Ok(())
        })?;
        let branch = branch.target();
        Ok(self.record(tensor(y, &dims)?, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let mut dx = flow.memory.dirty(len);
                floats(op, &dy, |dy| {
                    scaled(dy, &mut dx, &keeps);
                    Ok(())
                })?;
                flow.memory.reclaim(&dy);
                flow.add(branch, tensor(dx, &dims)?)
            }
        }))
    }

    /// Sets each number to 0 with probability `p` and scales the others by `1 / (1 - p)`, while training.
    ///
    /// # Errors
    /// When `p` is not in `0..1`.
    pub fn dropout(&mut self, x: &Var, p: f32) -> Result<Var, OpsError> {
        let op = "dropout";
        chance(op, p, x.dims())?;
        if !self.is_training() || p == 0.0 {
            return Ok(x.clone());
        }
        let (place, dims) = (self.place(), x.dims().to_vec());
        if let Some(y) = self.dry(0, x.peek().elem_count(), &dims)? {
            return Ok(y);
        }
        if self.is_composed() {
            let mut factors = vec![1.0; x.peek().elem_count()];
            factors.par_chunks_mut(BLOCK).enumerate().for_each(|(at, block)| drop_some(block, place.at(at as u64), p));
            return self.composed_factors(x, factors);
        }
        let mut y = self.memory().dirty(x.peek().elem_count());
        floats(op, x.peek(), |x| {
            y.par_chunks_mut(BLOCK).zip(x.par_chunks(BLOCK)).enumerate().for_each(|(block, (y, x))| {
                y.copy_from_slice(x);
                drop_some(y, place.at(block as u64), p);
            });
            Ok(())
        })?;
        let x = x.target();
        Ok(self.record(tensor(y, &dims)?, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let mut dx = take(&dy)?;
                let blocks = dx.par_chunks_mut(BLOCK).enumerate();
                blocks.for_each(|(block, dx)| drop_some(dx, place.at(block as u64), p));
                flow.add(x, tensor(dx, &dims)?)
            }
        }))
    }

    /// The factor of each picture's branch.
    fn keeps(&mut self, op: &'static str, b: usize, drop_path: f32) -> Result<Vec<f32>, OpsError> {
        chance(op, drop_path, &[b])?;
        if !self.is_training() || drop_path == 0.0 {
            return Ok(vec![1.0; b]);
        }
        let mut draws = self.place().draws();
        Ok((0..b).map(|_| if draws.chance(f64::from(drop_path)) { 0.0 } else { 1.0 / (1.0 - drop_path) }).collect())
    }
}

fn chance(op: &'static str, p: f32, dims: &[usize]) -> Result<(), OpsError> {
    if (0.0..1.0).contains(&p) {
        return Ok(());
    }
    Err(OpsError::shape(op, format!("a probability of at least 0 and below 1, not {p}"), dims))
}

#[inline(always)]
fn join(x: &[f32], branch: &[f32], y: &mut [f32], scale: &[f32], keep: f32) {
    let c = scale.len();
    if keep == 0.0 {
        y.copy_from_slice(x);
        return;
    }
    for ((x, branch), y) in x.chunks_exact(c).zip(branch.chunks_exact(c)).zip(y.chunks_exact_mut(c)) {
        for i in 0..c {
            y[i] = branch[i] * keep * scale[i] + x[i];
        }
    }
}

/// The branch's gradient, and what these rows add to that of its scale.
#[inline(always)]
fn part(out: &mut [f32], dy: &[f32], branch: &[f32], scale: &[f32], keep: f32, sums: &mut [f32]) {
    let c = scale.len();
    if keep == 0.0 {
        out.fill(0.0);
        return;
    }
    for ((out, dy), branch) in out.chunks_exact_mut(c).zip(dy.chunks_exact(c)).zip(branch.chunks_exact(c)) {
        for i in 0..c {
            let dy = dy[i] * keep;
            out[i] = dy * scale[i];
            sums[i] += dy * branch[i];
        }
    }
}

/// Each draw of 64 bits serves two numbers.
fn drop_some(x: &mut [f32], place: Seed, p: f32) {
    let (mut draws, scale) = (place.draws(), 1.0 / (1.0 - p));
    let below = (f64::from(p) * 4_294_967_296.0) as u32;
    for pair in x.chunks_mut(2) {
        let bits = draws.bits();
        for (x, bits) in pair.iter_mut().zip([bits as u32, (bits >> 32) as u32]) {
            *x = if bits < below { 0.0 } else { *x * scale };
        }
    }
}
