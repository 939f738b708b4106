//! A map of patches becomes a row of tokens with positions, and parts of a row become maps again.
//!
//! Class token and registers stand first. Positions belong to a grid of patches; on another grid they are interpolated as timm's
//! `resample_abs_pos_embed` does it (bicubic, antialiased), and their gradient goes back through the same weights.

mod resample;

use candle_core::Tensor;
use rayon::prelude::*;

use self::resample::Resample;
use super::simd::wide;
use super::tape::memory::{floats, take, tensor};
use super::{Flow, OpsError, ParamId, Params, Tape, Var};

/// Learned positions of tokens.
#[derive(Clone, Copy, Debug)]
pub struct Positions {
    /// `[1, k + rows · columns, d]`, where `k` is the number of tokens before the patches, or 0.
    pub tensor: ParamId,
    /// Rows and columns of the grid that they belong to.
    pub grid: [usize; 2],
    /// Whether the tokens before the patches have positions too.
    pub prefix: bool,
}

impl Tape {
    /// `[b, h, w, d]` → `[b, k + h·w, d]`: the tokens of `prefix`, each `[1, _, d]`, then the patches row by row, with positions
    /// added.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn join_tokens(
        &mut self,
        params: &Params,
        prefix: &[ParamId],
        map: &Var,
        positions: &Positions,
    ) -> Result<Var, OpsError> {
        let op = "join_tokens";
        self.reach(positions.tensor);
        let &[b, h, w, d] = map.dims() else { return Err(OpsError::shape(op, "a map [b, h, w, d]", map.dims())) };
        let counts: Vec<usize> = prefix.iter().map(|id| params.get(*id).elem_count() / d.max(1)).collect();
        let before: usize = counts.iter().sum();
        let with_position = if positions.prefix { before } else { 0 };
        let [rows, cols] = positions.grid;
        let given = params.get(positions.tensor).dims().to_vec();
        if given != [1, with_position + rows * cols, d] || b * h * w * rows * cols == 0 {
            let expected = format!("positions {:?}", [1, with_position + rows * cols, d]);
            return Err(OpsError::shape(op, expected, &given));
        }
        let n = before + h * w;
        if let Some(y) = self.dry(0, b * n * d, &[b, n, d])? {
            return Ok(y);
        }
        if self.is_composed() {
            // What the identity becomes says what each new place is made of.
            let same = [rows, cols] == [h, w];
            let mixture = (!same).then(|| {
                let old = rows * cols;
                let identity: Vec<f32> = (0..old * old).map(|i| if i % (old + 1) == 0 { 1.0 } else { 0.0 }).collect();
                let mut mixture = vec![0.0; h * w * old];
                Resample::new(positions.grid, [h, w]).forward(&identity, old, &mut mixture);
                mixture
            });
            return self.composed_join_tokens(params, prefix, map, positions.tensor, with_position, mixture);
        }
        let resample = Resample::new(positions.grid, [h, w]);
        // What is the same for all pictures: the first tokens, and all positions.
        let mut base = vec![0.0f32; n * d];
        let mut at = 0;
        for id in prefix {
            floats(op, params.get(*id), |token| {
                base[at..][..token.len()].copy_from_slice(token);
                at += token.len();
                Ok(())
            })?;
        }
        floats(op, params.get(positions.tensor), |positions| {
            let (first, patches) = positions.split_at(with_position * d);
            base.iter_mut().zip(first).for_each(|(b, p)| *b += *p);
            resample.forward(patches, d, &mut base[before * d..]);
            Ok(())
        })?;
        let mut y = self.memory().dirty(b * n * d);
        floats(op, map.peek(), |map| {
            y.par_chunks_mut(n * d).zip(map.par_chunks(h * w * d)).for_each(|(y, map)| {
                let (first, rest) = y.split_at_mut(before * d);
                let (tokens, positions) = base.split_at(before * d);
                first.copy_from_slice(tokens);
                wide!(|| rest.iter_mut().zip(map).zip(positions).for_each(|((y, m), p)| *y = m + p));
            });
            Ok(())
        })?;
        let (prefix, positions, map) = (prefix.to_vec(), positions.tensor, map.target());
        Ok(self.record(tensor(y, &[b, n, d])?, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let dy = take(&dy)?;
                // Token by token the sum over the pictures, in their order.
                let mut sum = vec![0.0f32; n * d];
                sum.par_chunks_mut(d).enumerate().for_each(|(token, sum)| {
                    for dy in dy.chunks_exact(n * d) {
                        let dy = &dy[token * d..][..d];
                        wide!(|| sum.iter_mut().zip(dy).for_each(|(s, dy)| *s += *dy));
                    }
                });
                let (tokens, patches) = sum.split_at(before * d);
                let mut dp = vec![0.0f32; given.iter().product()];
                let (first, rest) = dp.split_at_mut(with_position * d);
                first.copy_from_slice(&tokens[..with_position * d]);
                resample.backward(patches, d, rest);
                flow.add_param(positions, tensor(dp, &given)?)?;
                let mut at = 0;
                for (id, count) in prefix.into_iter().zip(counts) {
                    flow.add_param(id, tensor(tokens[at..][..count * d].to_vec(), &[1, count, d])?)?;
                    at += count * d;
                }
                if flow.wants(map) {
                    let mut dmap = flow.memory.dirty(b * h * w * d);
                    dmap.par_chunks_mut(h * w * d).zip(dy.par_chunks(n * d)).for_each(|(dmap, dy)| {
                        dmap.copy_from_slice(&dy[before * d..]);
                    });
                    flow.add(map, tensor(dmap, &[b, h, w, d])?)?;
                }
                flow.memory.give(dy);
                Ok(())
            }
        }))
    }

    /// Tokens of `[b, n, d]` from place `first` on, as many as `inner` holds: `[b, inner.., d]`. Without `inner` one token, `[b, d]`.
    ///
    /// # Errors
    /// When there are not so many.
    pub fn some_tokens(&mut self, x: &Var, first: usize, inner: &[usize]) -> Result<Var, OpsError> {
        let op = "some_tokens";
        let count: usize = inner.iter().product();
        let &[b, n, d] = x.dims() else { return Err(OpsError::shape(op, "tokens [b, n, d]", x.dims())) };
        if first + count > n || b * count * d == 0 {
            return Err(OpsError::shape(op, format!("at least {} tokens", first + count), x.dims()));
        }
        let dims = [&[b], inner, &[d]].concat();
        if let Some(y) = self.dry(0, b * count * d, &dims)? {
            return Ok(y);
        }
        if self.is_composed() {
            return self.composed_some_tokens(x, first, count.max(1), &dims);
        }
        let mut y = self.memory().dirty(b * count * d);
        floats(op, x.peek(), |x| {
            y.par_chunks_mut(count * d).zip(x.par_chunks(n * d)).for_each(|(y, x)| {
                y.copy_from_slice(&x[first * d..][..count * d]);
            });
            Ok(())
        })?;
        let x = x.target();
        Ok(self.record(tensor(y, &dims)?, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let dy = take(&dy)?;
                let (mut dx, fresh) = match flow.so_far(x) {
                    Some(so_far) => (take(&so_far)?, false),
                    None => (flow.memory.dirty(b * n * d), true),
                };
                dx.par_chunks_mut(n * d).zip(dy.par_chunks(count * d)).for_each(|(dx, dy)| {
                    if fresh {
                        dx.fill(0.0);
                    }
                    dx[first * d..].iter_mut().zip(dy).for_each(|(dx, dy)| *dx += *dy);
                });
                flow.memory.give(dy);
                flow.add(x, tensor(dx, &[b, n, d])?)
            }
        }))
    }
}
