//! Batch normalisation (Ioffe and Szegedy 2015), as PyTorch's `BatchNorm2d`.
//!
//! In training a channel is normalised with the batch's mean and biased variance, and the running
//! statistics move by `momentum` towards the mean and the *unbiased* variance; in evaluation the running
//! statistics serve. The passes here take slices and are shared with the fused convolution. A channel's
//! moments are found for each picture by two passes in the cache and combined by Chan, Golub and
//! LeVeque's formula (1983) in f64, in the pictures' order: no cancellation, and bits that do not
//! depend on threads.

use candle_core::Tensor;
use rayon::prelude::*;

use crate::learn::ops::tape::memory;
use crate::learn::ops::{Flow, OpsError, ParamId, Params, Tape, Var};

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

/// Mean and sum of squared distances from it, of one channel of one unit.
pub(crate) type Moment = (f32, f32);

/// What one training pass normalises with, and what its gradient needs.
#[derive(Clone, Debug)]
pub(crate) struct Statistics {
    pub(crate) count: usize,
    pub(crate) mean: Vec<f32>,
    pub(crate) inverse_std: Vec<f32>,
}

/// `y·scale + shift` of each channel.
#[derive(Clone, Debug)]
pub(crate) struct Affine {
    pub(crate) scale: Vec<f32>,
    pub(crate) shift: Vec<f32>,
}

const LANES: usize = 16;

/// The sum of `f(i)` over slices of one length, in a fixed order that vector units can follow.
#[inline(always)]
pub(crate) fn lane_sum<const N: usize>(len: usize, f: impl Fn(usize) -> [f32; N]) -> [f32; N] {
    let mut lanes = [[0.0f32; LANES]; N];
    let whole = len / LANES * LANES;
    for start in (0..whole).step_by(LANES) {
        for lane in 0..LANES {
            let values = f(start + lane);
            for (sums, value) in lanes.iter_mut().zip(values) {
                sums[lane] += value;
            }
        }
    }
    let mut total = [0.0f32; N];
    for (total, lanes) in total.iter_mut().zip(&lanes) {
        *total = lanes.iter().sum();
    }
    for i in whole..len {
        for (total, value) in total.iter_mut().zip(f(i)) {
            *total += value;
        }
    }
    total
}

/// The moments of each channel of one picture `[c, plane]`.
pub(crate) fn moments(image: &[f32], plane: usize) -> Vec<Moment> {
    let of_plane = |x: &[f32]| {
        let [sum] = lane_sum(x.len(), |i| [x[i]]);
        let mean = sum / plane as f32;
        let [squares] = lane_sum(x.len(), |i| [(x[i] - mean) * (x[i] - mean)]);
        (mean, squares)
    };
    image.chunks_exact(plane).map(of_plane).collect()
}

impl Norm {
    /// The batch's statistics out of its pictures' moments; notes the new running statistics on the tape.
    pub(crate) fn observe<'a>(
        &self,
        tape: &mut Tape,
        params: &Params,
        pictures: impl Iterator<Item = &'a Vec<Moment>>,
        plane: usize,
        dims: &[usize],
    ) -> Result<Statistics, OpsError> {
        let channels = dims[1];
        let mut totals = vec![(0.0f64, 0.0f64); channels];
        let mut count = 0usize;
        for picture in pictures {
            let (before, after) = (count as f64, (count + plane) as f64);
            for ((mean, squares), &(m, s)) in totals.iter_mut().zip(picture) {
                let apart = f64::from(m) - *mean;
                *mean += apart * plane as f64 / after;
                *squares += f64::from(s) + apart * apart * before * plane as f64 / after;
            }
            count += plane;
        }
        if count < 2 {
            let expected = "more than one value per channel while training (a larger batch or larger pictures)";
            return Err(OpsError::shape("batch_norm", expected, dims));
        }
        let variance = |squares: f64| squares / count as f64;
        let mean: Vec<f32> = totals.iter().map(|t| t.0 as f32).collect();
        let inverse_std = totals.iter().map(|t| (1.0 / (variance(t.1) + self.eps).sqrt()) as f32).collect();
        let unbiased: Vec<f32> = totals.iter().map(|t| (t.1 / (count - 1) as f64) as f32).collect();
        for (id, new) in [(self.running_mean, &mean), (self.running_var, &unbiased)] {
            let moved = memory::floats("batch_norm", tape.latest(params, id), |old| {
                check(channels, old.len(), dims)?;
                let step = |(o, n): (&f32, &f32)| (f64::from(*o) + self.momentum * f64::from(n - o)) as f32;
                Ok(old.iter().zip(new).map(step).collect::<Vec<f32>>())
            })?;
            tape.update(id, memory::tensor(moved, &[channels])?);
        }
        Ok(Statistics { count, mean, inverse_std })
    }

    /// Scale and shift that normalise with a batch's statistics.
    pub(crate) fn affine(&self, params: &Params, s: &Statistics) -> Result<Affine, OpsError> {
        let (weight, bias) = self.weights(params, s.mean.len())?;
        let scale: Vec<f32> = weight.iter().zip(&s.inverse_std).map(|(w, i)| w * i).collect();
        let shift = bias.iter().zip(&scale).zip(&s.mean).map(|((b, a), m)| b - a * m).collect();
        Ok(Affine { scale, shift })
    }

    /// Scale and shift that normalise with the running statistics: the norm folded for evaluation.
    pub(crate) fn folded(&self, params: &Params, channels: usize) -> Result<Affine, OpsError> {
        let of = |id: ParamId| {
            memory::floats("batch_norm", params.get(id), |x| {
                check(channels, x.len(), &[channels])?;
                Ok(x.to_vec())
            })
        };
        let (mean, var) = (of(self.running_mean)?, of(self.running_var)?);
        let inverse_std = var.iter().map(|v| (1.0 / (f64::from(*v) + self.eps).sqrt()) as f32).collect();
        self.affine(params, &Statistics { count: 0, mean, inverse_std })
    }

    fn weights(&self, params: &Params, channels: usize) -> Result<(Vec<f32>, Vec<f32>), OpsError> {
        let of = |id: ParamId| {
            memory::floats("batch_norm", params.get(id), |x| {
                check(channels, x.len(), &[channels])?;
                Ok(x.to_vec())
            })
        };
        Ok((of(self.weight)?, of(self.bias)?))
    }
}

fn check(channels: usize, len: usize, dims: &[usize]) -> Result<(), OpsError> {
    if channels == len { Ok(()) } else { Err(OpsError::shape("batch_norm", format!("{len} channels"), dims)) }
}

impl Affine {
    /// `y = act(y·scale + shift + residual)` in place, over pictures `[g, c, plane]`.
    pub(crate) fn apply(&self, y: &mut [f32], residual: Option<&[f32]>, plane: usize, relu: bool) {
        let channels = self.scale.len();
        for (at, y) in y.chunks_exact_mut(plane).enumerate() {
            let (a, b) = (self.scale[at % channels], self.shift[at % channels]);
            match residual.map(|r| &r[at * plane..][..plane]) {
                None if relu => y.iter_mut().for_each(|y| *y = rectify(a * *y + b)),
                None => y.iter_mut().for_each(|y| *y = a * *y + b),
                Some(r) if relu => y.iter_mut().zip(r).for_each(|(y, r)| *y = rectify(a * *y + b + r)),
                Some(r) => y.iter_mut().zip(r).for_each(|(y, r)| *y = a * *y + b + r),
            }
        }
    }

    /// The same into another buffer.
    pub(crate) fn apply_to(&self, y: &[f32], residual: Option<&[f32]>, plane: usize, relu: bool, z: &mut [f32]) {
        let channels = self.scale.len();
        for (at, (y, z)) in y.chunks_exact(plane).zip(z.chunks_exact_mut(plane)).enumerate() {
            let (a, b) = (self.scale[at % channels], self.shift[at % channels]);
            match residual.map(|r| &r[at * plane..][..plane]) {
                None if relu => z.iter_mut().zip(y).for_each(|(z, y)| *z = rectify(a * *y + b)),
                None => z.iter_mut().zip(y).for_each(|(z, y)| *z = a * *y + b),
                Some(r) if relu => z.iter_mut().zip(y).zip(r).for_each(|((z, y), r)| *z = rectify(a * *y + b + r)),
                Some(r) => z.iter_mut().zip(y).zip(r).for_each(|((z, y), r)| *z = a * *y + b + r),
            }
        }
    }
}

/// `max(x, 0)`, and NaN stays NaN so that a run that diverges is seen.
#[inline(always)]
pub(crate) fn rectify(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

/// How a gradient goes back through a norm: `dy = a·g + b·(y − mean) + c` of each channel.
pub(crate) struct Return {
    mean: Vec<f32>,
    a: Vec<f32>,
    b: Vec<f32>,
    c: Vec<f32>,
    pub(crate) d_weight: Vec<f32>,
    pub(crate) d_bias: Vec<f32>,
}

impl Return {
    /// Out of the output's gradient `g` `[n, c, plane]`, in which the pixels that ReLU cut (`z` not
    /// above zero) are zeroed on the way, and the norm's input `y`.
    pub(crate) fn new(
        g: &mut [f32],
        z: Option<&[f32]>,
        y: &[f32],
        statistics: &Statistics,
        weight: &[f32],
        plane: usize,
    ) -> Return {
        let (channels, image) = (weight.len(), weight.len() * plane);
        let of_image = |at: usize, g: &mut [f32]| -> Vec<[f32; 2]> {
            let (y, z) = (&y[at * image..][..image], z.map(|z| &z[at * image..][..image]));
            let of_plane = |c: usize, g: &mut [f32]| {
                let (y, mean) = (&y[c * plane..][..plane], statistics.mean[c]);
                if let Some(z) = z {
                    let z = &z[c * plane..][..plane];
                    g.iter_mut().zip(z).for_each(|(g, z)| *g = if *z > 0.0 { *g } else { 0.0 });
                }
                lane_sum(plane, |i| [g[i], g[i] * (y[i] - mean)])
            };
            g.chunks_exact_mut(plane).enumerate().map(|(c, g)| of_plane(c, g)).collect()
        };
        let sums: Vec<Vec<[f32; 2]>> = g.par_chunks_mut(image).enumerate().map(|(at, g)| of_image(at, g)).collect();
        let mut totals = vec![[0.0f64; 2]; channels];
        for image in &sums {
            for (total, sum) in totals.iter_mut().zip(image) {
                total[0] += f64::from(sum[0]);
                total[1] += f64::from(sum[1]);
            }
        }
        let count = statistics.count as f64;
        let each = |f: &dyn Fn(f64, f64, f64, f64) -> f64| -> Vec<f32> {
            let channel = |c: usize| {
                let inverse = f64::from(statistics.inverse_std[c]);
                f(f64::from(weight[c]), inverse, totals[c][0], totals[c][1]) as f32
            };
            (0..channels).map(channel).collect()
        };
        Return {
            mean: statistics.mean.clone(),
            a: each(&|w, i, _, _| w * i),
            b: each(&|w, i, _, apart| -w * i * i * i * apart / count),
            c: each(&|w, i, sum, _| -w * i * sum / count),
            d_weight: each(&|_, i, _, apart| i * apart),
            d_bias: each(&|_, _, sum, _| sum),
        }
    }

    /// One plane of the gradient of the norm's input.
    #[inline]
    pub(crate) fn plane(&self, channel: usize, g: &[f32], y: &[f32], dy: &mut [f32]) {
        let (a, b, c, mean) = (self.a[channel], self.b[channel], self.c[channel], self.mean[channel]);
        dy.iter_mut().zip(g).zip(y).for_each(|((d, g), y)| *d = a * g + b * (y - mean) + c);
    }
}

impl Tape {
    /// Batch norm of `x` `[b, c, h, w]`, then ReLU if asked. After a convolution use
    /// [`Tape::conv_norm`], which saves passes over memory.
    ///
    /// # Errors
    /// When the channels do not fit, and in training when a channel has a single value.
    pub fn batch_norm(&mut self, params: &Params, x: &Var, norm: &Norm, relu: bool) -> Result<Var, OpsError> {
        let &[_, channels, height, width] = x.dims() else {
            return Err(OpsError::shape("batch_norm", "an input [b, c, h, w]", x.dims()));
        };
        let (dims, plane) = (x.dims().to_vec(), height * width);
        let image = channels * plane;
        if x.peek().elem_count() == 0 {
            return Err(OpsError::shape("batch_norm", "at least one picture", x.dims()));
        }
        if let Some(z) = self.dry(0, x.peek().elem_count(), &dims)? {
            return Ok(z);
        }
        let mut z = self.memory().dirty(x.peek().elem_count());
        let statistics = memory::floats("batch_norm", x.peek(), |x| {
            let (affine, statistics) = if self.is_training() {
                let moments: Vec<_> = x.par_chunks(image).map(|x| moments(x, plane)).collect();
                let statistics = norm.observe(self, params, moments.iter(), plane, &dims)?;
                (norm.affine(params, &statistics)?, Some(statistics))
            } else {
                (norm.folded(params, channels)?, None)
            };
            let pairs = x.par_chunks(image).zip(z.par_chunks_mut(image));
            pairs.for_each(|(x, z)| affine.apply_to(x, None, plane, relu, z));
            Ok(statistics)
        })?;
        let z = memory::tensor(z, &dims)?;
        let (norm, weight, x) = (norm.clone(), params.get(norm.weight).clone(), x.clone());
        Ok(self.record(z, |z| {
            let kept = relu.then(|| z.clone());
            move |dz: Tensor, flow: &mut Flow| {
                let Some(statistics) = statistics else { return Ok(()) };
                let mut g = memory::take(&dz)?;
                let back = returning(&mut g, kept.as_ref(), x.peek(), &statistics, &weight, plane)?;
                memory::floats("batch_norm", x.peek(), |y| {
                    g.par_chunks_mut(image).zip(y.par_chunks(image)).for_each(|(g, y)| {
                        let mut spare = vec![0.0; plane];
                        for (c, (g, y)) in g.chunks_exact_mut(plane).zip(y.chunks_exact(plane)).enumerate() {
                            spare.copy_from_slice(g);
                            back.plane(c, &spare, y, g);
                        }
                    });
                    Ok(())
                })?;
                flow.add_param(norm.weight, memory::tensor(back.d_weight, &[channels])?)?;
                flow.add_param(norm.bias, memory::tensor(back.d_bias, &[channels])?)?;
                flow.add(x.target(), memory::tensor(g, &dims)?)
            }
        }))
    }
}

/// [`Return::new`] over tensors.
pub(crate) fn returning(
    g: &mut [f32],
    z: Option<&Var>,
    y: &Tensor,
    statistics: &Statistics,
    weight: &Tensor,
    plane: usize,
) -> Result<Return, OpsError> {
    memory::floats("batch_norm", y, |y| {
        memory::floats("batch_norm", weight, |weight| match z {
            None => Ok(Return::new(g, None, y, statistics, weight, plane)),
            Some(z) => {
                memory::floats("batch_norm", z.peek(), |z| Ok(Return::new(g, Some(z), y, statistics, weight, plane)))
            }
        })
    })
}
