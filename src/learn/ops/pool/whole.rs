//! Pooling of whole pictures: `[b, h, w, c]` → `[b, c]`.
//!
//! The mean and the maximum as PyTorch's `AdaptiveAvgPool2d(1)` and `AdaptiveMaxPool2d(1)`; the generalised mean (GeM) after
//! Radenović, Tolias and Chum 2018, with a fixed power or one that learns.

use candle_core::Tensor;
use rayon::prelude::*;

use crate::learn::ops::simd::wide;
use crate::learn::ops::tape::memory::{floats, take, tensor};
use crate::learn::ops::{Flow, OpsError, ParamId, Params, Tape, Var};

/// Least value that a GeM raises to its power, as in the paper's code.
const GEM_LEAST: f32 = 1e-6;

impl Tape {
    /// The mean of each whole channel: `[b, h, w, c]` → `[b, c]`.
    pub fn global_avg(&mut self, x: &Var) -> Result<Var, OpsError> {
        let [b, c, plane] = planes("global_avg", x.dims())?;
        if let Some(y) = self.dry(0, 0, &[b, c])? {
            return Ok(y);
        }
        if self.is_composed() {
            return self.composed_global_avg(x);
        }
        let each = 1.0 / plane as f32;
        let mut pooled = vec![0.0; b * c];
        floats("global_avg", x.peek(), |x| {
            pooled.par_chunks_mut(c).zip(x.par_chunks(c * plane)).for_each(|(y, x)| {
                wide!(|| {
                    x.chunks_exact(c).for_each(|x| y.iter_mut().zip(x).for_each(|(y, x)| *y += *x));
                    y.iter_mut().for_each(|y| *y *= each);
                });
            });
            Ok(())
        })?;
        let (memory, dims, x) = (self.memory().clone(), x.dims().to_vec(), x.target());
        Ok(self.record(tensor(pooled, &[b, c])?, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let (dy, mut dx) = (take(&dy)?, memory.dirty(b * c * plane));
                dx.par_chunks_mut(c * plane).zip(dy.par_chunks(c)).for_each(|(dx, dy)| {
                    let pixels = dx.chunks_exact_mut(c);
                    wide!(|| pixels.for_each(|dx| dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx = each * dy)));
                });
                flow.add(x, tensor(dx, &dims)?)
            }
        }))
    }

    /// The maximum of each whole channel: `[b, h, w, c]` → `[b, c]`; the first maximum takes the gradient.
    pub fn global_max(&mut self, x: &Var) -> Result<Var, OpsError> {
        let [b, c, plane] = planes("global_max", x.dims())?;
        if let Some(y) = self.dry(0, b * c, &[b, c])? {
            return Ok(y);
        }
        if self.is_composed() {
            return self.composed_global_max(x);
        }
        let (mut pooled, mut places) = (vec![f32::NEG_INFINITY; b * c], vec![0u32; b * c]);
        floats("global_max", x.peek(), |x| {
            let images = pooled.par_chunks_mut(c).zip(places.par_chunks_mut(c)).zip(x.par_chunks(c * plane));
            images.for_each(|((y, places), x)| {
                for (at, x) in x.chunks_exact(c).enumerate() {
                    for ((y, place), x) in y.iter_mut().zip(places.iter_mut()).zip(x) {
                        let more = *x > *y || x.is_nan();
                        (*y, *place) = if more { (*x, at as u32) } else { (*y, *place) };
                    }
                }
            });
            Ok(())
        })?;
        let (memory, dims, x) = (self.memory().clone(), x.dims().to_vec(), x.target());
        Ok(self.record(tensor(pooled, &[b, c])?, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let (dy, mut dx) = (take(&dy)?, memory.dirty(b * c * plane));
                let images = dx.par_chunks_mut(c * plane).zip(dy.par_chunks(c).zip(places.par_chunks(c)));
                images.for_each(|(dx, (dy, places))| {
                    dx.fill(0.0);
                    for (channel, (dy, place)) in dy.iter().zip(places).enumerate() {
                        dx[*place as usize * c + channel] = *dy;
                    }
                });
                flow.add(x, tensor(dx, &dims)?)
            }
        }))
    }

    /// The generalised mean of each whole channel, `mean(max(x, 1e-6)^p)^(1/p)`: `[b, h, w, c]` → `[b, c]`.
    /// `p = 1` is the mean of what is positive, large `p` the maximum; 3 is usual.
    pub fn gem(&mut self, x: &Var, p: f32) -> Result<Var, OpsError> {
        self.generalized(x, p, None)
    }

    /// The same with a power `[1]` that learns.
    ///
    /// # Errors
    /// Also when training has brought the power to zero or below.
    pub fn gem_learned(&mut self, params: &Params, x: &Var, power: ParamId) -> Result<Var, OpsError> {
        self.reach(power);
        let p = floats("gem", params.get(power), |p| match p {
            [p] => Ok(*p),
            _ => Err(OpsError::shape("gem", "one power", params.get(power).dims())),
        })?;
        self.generalized(x, p, Some((params, power)))
    }

    fn generalized(&mut self, x: &Var, p: f32, learned: Option<(&Params, ParamId)>) -> Result<Var, OpsError> {
        let [b, c, plane] = planes("gem", x.dims())?;
        if let Some(y) = self.dry(0, b * c * plane, &[b, c])? {
            return Ok(y);
        }
        if self.is_composed() && p.is_finite() && p > 0.0 {
            return match learned {
                None => self.composed_gem(x, GEM_LEAST, p),
                Some((params, power)) => self.composed_gem_learned(params, x, GEM_LEAST, power),
            };
        }
        if !(p.is_finite() && p > 0.0) {
            return Err(OpsError::shape("gem", format!("a power above 0, not {p}"), x.dims()));
        }
        // The cube is GeM's usual power, and powf costs ten times a product.
        let raise = move |x: f32| if p == 3.0 { x * x * x } else { x.powf(p) };
        let mut pooled = vec![0.0; b * c];
        floats("gem", x.peek(), |x| {
            pooled.par_chunks_mut(c).zip(x.par_chunks(c * plane)).for_each(|(y, x)| {
                for x in x.chunks_exact(c) {
                    y.iter_mut().zip(x).for_each(|(y, x)| *y += raise(x.max(GEM_LEAST)));
                }
                y.iter_mut().for_each(|y| *y = (*y / plane as f32).powf(1.0 / p));
            });
            Ok(())
        })?;
        let learned = learned.map(|(_, power)| power);
        let (memory, x) = (self.memory().clone(), x.clone());
        Ok(self.record(tensor(pooled, &[b, c])?, |y| {
            let y = y.clone();
            move |dy: Tensor, flow: &mut Flow| {
                let (dy, mut dx) = (take(&dy)?, memory.dirty(b * c * plane));
                let slope = floats("gem", y.peek(), |y| {
                    let slopes = y.iter().zip(&dy).map(|(y, dy)| dy * y.powf(1.0 - p) / plane as f32);
                    let slopes: Vec<f32> = slopes.collect();
                    floats("gem", x.peek(), |x| {
                        let images = dx.par_chunks_mut(c * plane).zip(x.par_chunks(c * plane));
                        images.zip(slopes.par_chunks(c)).for_each(|((dx, x), slopes)| {
                            for (dx, x) in dx.chunks_exact_mut(c).zip(x.chunks_exact(c)) {
                                for ((dx, x), slope) in dx.iter_mut().zip(x).zip(slopes) {
                                    let power = if p == 3.0 { x * x } else { x.max(GEM_LEAST).powf(p - 1.0) };
                                    *dx = if *x < GEM_LEAST { 0.0 } else { slope * power };
                                }
                            }
                        });
                        Ok(learned.map(|_| power_slope(x, y, &dy, [b, c, plane], p)))
                    })
                })?;
                if let (Some(id), Some(slope)) = (learned, slope) {
                    flow.add_param(id, tensor(vec![slope], &[1])?)?;
                }
                flow.add(x.target(), tensor(dx, x.dims())?)
            }
        }))
    }
}

/// The gradient of a generalised mean's power: with `m = mean(x^p)`, `dy/dp = y/p · (mean(x^p · ln x) / m - ln y)`.
fn power_slope(x: &[f32], y: &[f32], dy: &[f32], [b, c, plane]: [usize; 3], p: f32) -> f32 {
    let of_image = |image: usize| -> f64 {
        let mut sums = vec![[0.0f64; 2]; c];
        for x in x[image * c * plane..][..c * plane].chunks_exact(c) {
            for (sums, x) in sums.iter_mut().zip(x) {
                let log = f64::from(x.max(GEM_LEAST)).ln();
                let power = (f64::from(p) * log).exp();
                sums[0] += power;
                sums[1] += power * log;
            }
        }
        let channels = y[image * c..][..c].iter().zip(&dy[image * c..][..c]).zip(&sums);
        let each = |((y, dy), sums): ((&f32, &f32), &[f64; 2])| {
            let y = f64::from(*y);
            f64::from(*dy) * y * (sums[1] / sums[0] - y.ln())
        };
        channels.map(each).sum::<f64>() / f64::from(p)
    };
    let images: Vec<f64> = (0..b).into_par_iter().map(of_image).collect();
    images.iter().sum::<f64>() as f32
}

/// Pictures, channels and pixels.
fn planes(op: &'static str, x: &[usize]) -> Result<[usize; 3], OpsError> {
    match x {
        &[b, h, w, c] if b * h * w * c > 0 => Ok([b, c, h * w]),
        _ => Err(OpsError::shape(op, "an input [b, h, w, c] with at least one pixel", x)),
    }
}
