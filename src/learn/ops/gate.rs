//! What stands between other operations: an activation with a factor, a half that gates the other (SwiGLU), a branch added with a
//! factor, and efficient channel attention. Maps are `[b, h, w, c]`.

use candle_core::Tensor;
use rayon::prelude::*;

use super::act::with_act;
use super::simd::{math, wide};
use super::tape::memory::{floats, take, tensor};
use super::{Act, Flow, OpsError, ParamId, Params, Tape, Var};

/// Floats of one task of an elementwise pass.
const BLOCK: usize = 1 << 15;

impl Tape {
    /// `factor · act(x)`.
    pub fn activate(&mut self, x: &Var, act: Act, factor: f32) -> Result<Var, OpsError> {
        let (dims, len) = (x.dims().to_vec(), x.peek().elem_count());
        if let Some(y) = self.dry(0, len, &dims)? {
            return Ok(y);
        }
        if self.is_composed() {
            return self.composed_activate(x, act, factor);
        }
        let mut y = self.memory().dirty(len);
        floats("activate", x.peek(), |x| {
            y.par_chunks_mut(BLOCK).zip(x.par_chunks(BLOCK)).for_each(|(y, x)| {
                wide!(|| with_act!(act, ACT => y.iter_mut().zip(x).for_each(|(y, x)| *y = factor * ACT.at(*x))));
            });
            Ok(())
        })?;
        let x = x.clone();
        Ok(self.record(tensor(y, &dims)?, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let mut g = take(&dy)?;
                floats("activate", x.peek(), |x| {
                    g.par_chunks_mut(BLOCK).zip(x.par_chunks(BLOCK)).for_each(|(g, x)| {
                        let pairs = g.iter_mut().zip(x);
                        wide!(|| with_act!(act, ACT => pairs.for_each(|(g, x)| *g = ACT.back(factor * *g, *x))));
                    });
                    Ok(())
                })?;
                flow.add(x.target(), tensor(g, &dims)?)
            }
        }))
    }

    /// `silu(a) · b` of the halves `a` and `b` of each row: `[.., 2·c]` → `[.., c]` (SwiGLU, Shazeer 2020; timm's `SwiGLUPacked`).
    ///
    /// # Errors
    /// When rows have no halves.
    pub fn swiglu(&mut self, x: &Var) -> Result<Var, OpsError> {
        let op = "swiglu";
        let (from, mut dims, len) = (x.dims().to_vec(), x.dims().to_vec(), x.peek().elem_count());
        let wide = from.last().copied().unwrap_or(0);
        if wide == 0 || wide % 2 == 1 {
            return Err(OpsError::shape(op, "rows of an even number of floats", &from));
        }
        let c = wide / 2;
        dims.pop();
        dims.push(c);
        if let Some(y) = self.dry(0, len, &dims)? {
            return Ok(y);
        }
        if self.is_composed() {
            return self.composed_swiglu(x);
        }
        let rows = (BLOCK / wide).max(1);
        let mut y = self.memory().dirty(len / 2);
        floats(op, x.peek(), |x| {
            y.par_chunks_mut(rows * c).zip(x.par_chunks(rows * wide)).for_each(|(y, x)| {
                wide!(|| for (y, x) in y.chunks_exact_mut(c).zip(x.chunks_exact(wide)) {
                    let halves = x[..c].iter().zip(&x[c..]);
                    y.iter_mut().zip(halves).for_each(|(y, (a, b))| *y = math::silu(*a) * b);
                });
            });
            Ok(())
        })?;
        let x = x.clone();
        Ok(self.record(tensor(y, &dims)?, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let dy = take(&dy)?;
                let mut g = flow.memory.dirty(len);
                floats(op, x.peek(), |x| {
                    let pairs = dy.par_chunks(rows * c).zip(x.par_chunks(rows * wide));
                    g.par_chunks_mut(rows * wide).zip(pairs).for_each(|(g, (dy, x))| {
                        let lines = g.chunks_exact_mut(wide).zip(dy.chunks_exact(c)).zip(x.chunks_exact(wide));
                        wide!(|| for ((g, dy), x) in lines {
                            let ((ga, gb), (a, b)) = (g.split_at_mut(c), x.split_at(c));
                            for i in 0..c {
                                ga[i] = dy[i] * b[i] * math::silu_slope(a[i]);
                                gb[i] = dy[i] * math::silu(a[i]);
                            }
                        });
                    });
                    Ok(())
                })?;
                flow.memory.give(dy);
                flow.add(x.target(), tensor(g, &from)?)
            }
        }))
    }

    /// `x + factor · gain · branch`, with one `gain` (a scalar tensor) that learns, where given: skip-init (De and Smith 2020).
    ///
    /// # Errors
    /// When the shapes differ.
    pub fn join(
        &mut self,
        params: &Params,
        x: &Var,
        branch: &Var,
        factor: f32,
        gain: Option<ParamId>,
    ) -> Result<Var, OpsError> {
        if let Some(gain) = gain {
            self.reach(gain);
        }
        let (dims, len) = (x.dims().to_vec(), x.peek().elem_count());
        if branch.dims() != dims {
            return Err(OpsError::shape("join", format!("a branch of shape {dims:?}"), branch.dims()));
        }
        if let Some(gain) = gain.map(|gain| params.get(gain)).filter(|gain| gain.elem_count() != 1) {
            return Err(OpsError::shape("join", "one gain", gain.dims()));
        }
        if let Some(y) = self.dry(0, if gain.is_some() { len } else { 0 }, &dims)? {
            return Ok(y);
        }
        if self.is_composed() {
            return self.composed_join(params, x, branch, factor, gain);
        }
        let by = match gain {
            None => 1.0,
            Some(id) => floats("join", params.get(id), |gain| Ok(gain[0]))?,
        };
        let scale = factor * by;
        let mut y = self.memory().dirty(len);
        floats("join", x.peek(), |x| {
            floats("join", branch.peek(), |branch| {
                let pairs = x.par_chunks(BLOCK).zip(branch.par_chunks(BLOCK));
                y.par_chunks_mut(BLOCK).zip(pairs).for_each(|(y, (x, branch))| {
                    wide!(|| y.iter_mut().zip(x).zip(branch).for_each(|((y, x), branch)| *y = x + scale * branch));
                });
                Ok(())
            })
        })?;
        let (x, target, kept) = (x.target(), branch.target(), gain.map(|gain| (gain, branch.clone())));
        Ok(self.record(tensor(y, &dims)?, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let dy = take(&dy)?;
                if let Some((gain, branch)) = kept {
                    let sums: Vec<f64> = floats("join", branch.peek(), |branch| {
                        let pairs = branch.par_chunks(BLOCK).zip(dy.par_chunks(BLOCK));
                        let dot =
                            |(b, dy): (&[f32], &[f32])| b.iter().zip(dy).map(|(b, dy)| f64::from(b * dy)).sum::<f64>();
                        Ok(pairs.map(dot).collect())
                    })?;
                    let total = sums.iter().sum::<f64>() * f64::from(factor);
                    flow.add_param(gain, tensor(vec![total as f32], &[])?)?;
                }
                let mut g = flow.memory.dirty(len);
                g.par_chunks_mut(BLOCK).zip(dy.par_chunks(BLOCK)).for_each(|(g, dy)| {
                    wide!(|| g.iter_mut().zip(dy).for_each(|(g, dy)| *g = scale * dy));
                });
                flow.add(target, tensor(g, &dims)?)?;
                flow.add(x, tensor(dy, &dims)?)
            }
        }))
    }

    /// Efficient channel attention (Wang et al. 2020): `x · sigmoid(conv(mean of x))`, where the convolution `[1, 1, k]`, `k` odd,
    /// runs along the channels.
    ///
    /// # Errors
    /// When `x` is no map or the weight no such convolution.
    pub fn channel_attention(&mut self, params: &Params, x: &Var, weight: ParamId) -> Result<Var, OpsError> {
        let op = "channel_attention";
        self.reach(weight);
        let (&[b, h, w, c], &[1, 1, k]) = (x.dims(), params.get(weight).dims()) else {
            return Err(OpsError::shape(op, "an input [b, h, w, c] and a weight [1, 1, k]", x.dims()));
        };
        if b * h * w * c == 0 || k % 2 == 0 {
            return Err(OpsError::shape(op, "at least one pixel and an odd weight", &[b, h, w, c, k]));
        }
        let (plane, image, dims) = (h * w, h * w * c, [b, h, w, c]);
        if let Some(y) = self.dry(b * c * k, b * image, &dims)? {
            return Ok(y);
        }
        if self.is_composed() {
            return self.composed_channel_attention(params, x, weight);
        }
        let filter = floats(op, params.get(weight), |filter| Ok(filter.to_vec()))?;
        let (mut y, mut means, mut gates) = (self.memory().dirty(b * image), vec![0.0; b * c], vec![0.0; b * c]);
        floats(op, x.peek(), |x| {
            let images = means.par_chunks_mut(c).zip(gates.par_chunks_mut(c));
            images.zip(y.par_chunks_mut(image).zip(x.par_chunks(image))).for_each(|((mean, gate), (y, x))| {
                wide!(|| {
                    x.chunks_exact(c).for_each(|x| mean.iter_mut().zip(x).for_each(|(m, x)| *m += *x));
                    mean.iter_mut().for_each(|m| *m /= plane as f32);
                    for (at, gate) in gate.iter_mut().enumerate() {
                        let sum: f32 = taps(at, c, k).map(|(tap, from)| filter[tap] * mean[from]).sum();
                        *gate = math::sigmoid(sum);
                    }
                    for (y, x) in y.chunks_exact_mut(c).zip(x.chunks_exact(c)) {
                        y.iter_mut().zip(x).zip(gate.iter()).for_each(|((y, x), gate)| *y = x * gate);
                    }
                });
            });
            Ok(())
        })?;
        let x = x.clone();
        Ok(self.record(tensor(y, &dims)?, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let mut g = take(&dy)?;
                let parts: Vec<Vec<f32>> = floats(op, x.peek(), |x| {
                    let pictures = means.par_chunks(c).zip(gates.par_chunks(c));
                    let pictures = g.par_chunks_mut(image).zip(x.par_chunks(image)).zip(pictures);
                    let of_picture = |((g, x), (mean, gate)): ((&mut [f32], &[f32]), (&[f32], &[f32]))| {
                        wide!(|| {
                            // Of the gate's argument, then of the mean.
                            let (mut outer, mut inner) = (vec![0.0f32; c], vec![0.0f32; c]);
                            for (g, x) in g.chunks_exact(c).zip(x.chunks_exact(c)) {
                                outer.iter_mut().zip(g).zip(x).for_each(|((o, g), x)| *o += g * x);
                            }
                            outer.iter_mut().zip(gate).for_each(|(o, s)| *o *= s * (1.0 - s));
                            let mut d_filter = vec![0.0f32; k];
                            for (at, outer) in outer.iter().enumerate() {
                                for (tap, from) in taps(at, c, k) {
                                    d_filter[tap] += outer * mean[from];
                                    inner[from] += outer * filter[tap] / plane as f32;
                                }
                            }
                            for g in g.chunks_exact_mut(c) {
                                g.iter_mut().zip(gate).zip(&inner).for_each(|((g, s), inner)| *g = *g * s + inner);
                            }
                            d_filter
                        })
                    };
                    Ok(pictures.map(of_picture).collect())
                })?;
                let total = |tap: usize| parts.iter().map(|part| f64::from(part[tap])).sum::<f64>() as f32;
                flow.add_param(weight, tensor((0..k).map(total).collect(), &[1, 1, k])?)?;
                flow.add(x.target(), tensor(g, &dims)?)
            }
        }))
    }
}

/// The channels that a filter of `k` sees around the channel `at` of `c`: number in the filter, number of the channel.
#[inline(always)]
fn taps(at: usize, c: usize, k: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..k).map(move |tap| (tap, (at + tap).wrapping_sub(k / 2))).filter(move |(_, from)| *from < c)
}
