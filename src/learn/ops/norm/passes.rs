//! The passes of a batch norm over pixels `[n, c]`, vectorised over channels.
//!
//! Forward: a piece's [`moments`], then [`Affine`] with residual and activation. Back: [`Return`] finds the sums over the
//! batch, then maps each piece. Shared by the norm alone and by the fused convolution, which calls them on what is in cache.

use rayon::prelude::*;

use super::batch::Statistics;
use crate::learn::ops::Act;
use crate::learn::ops::act::with_act;
use crate::learn::ops::simd::wide;

/// Floats of one piece of a batch, by the number of channels alone: whole pixels, about an eighth of a second-level cache.
pub(crate) fn piece(channels: usize) -> usize {
    ((1 << 15) / channels.max(1)).max(1) * channels.max(1)
}

/// Number of values, mean, and sum of squared distances from it, of each channel of one piece.
#[derive(Clone, Debug)]
pub(crate) struct Moments {
    pub(crate) count: usize,
    pub(crate) mean: Vec<f32>,
    pub(crate) squares: Vec<f32>,
}

/// The moments of the channels of pixels `[n, c]`.
pub(crate) fn moments(pixels: &[f32], channels: usize) -> Moments {
    let count = pixels.len() / channels;
    let (mut mean, mut squares) = (vec![0.0f32; channels], vec![0.0f32; channels]);
    wide!(|| sum_up(pixels, channels, &mut mean, &mut squares));
    Moments { count, mean, squares }
}

#[inline(always)]
fn sum_up(pixels: &[f32], channels: usize, mean: &mut [f32], squares: &mut [f32]) {
    for pixel in pixels.chunks_exact(channels) {
        mean.iter_mut().zip(pixel).for_each(|(m, x)| *m += *x);
    }
    let each = channels as f32 / pixels.len() as f32;
    mean.iter_mut().for_each(|m| *m *= each);
    for pixel in pixels.chunks_exact(channels) {
        for i in 0..channels {
            let apart = pixel[i] - mean[i];
            squares[i] += apart * apart;
        }
    }
}

/// `y·scale + shift` of each channel.
#[derive(Clone, Debug)]
pub(crate) struct Affine {
    pub(crate) scale: Vec<f32>,
    pub(crate) shift: Vec<f32>,
}

impl Affine {
    /// `y = act(y·scale + shift + residual)` in place, over pixels `[n, c]`.
    pub(crate) fn apply(&self, y: &mut [f32], residual: Option<&[f32]>, act: Act) {
        wide!(|| apply(&self.scale, &self.shift, y, residual, act));
    }

    /// The same into another buffer.
    pub(crate) fn apply_to(&self, y: &[f32], residual: Option<&[f32]>, act: Act, z: &mut [f32]) {
        wide!(|| apply_to(&self.scale, &self.shift, y, residual, act, z));
    }
}

#[inline(always)]
fn apply(scale: &[f32], shift: &[f32], y: &mut [f32], residual: Option<&[f32]>, act: Act) {
    let channels = scale.len();
    let shift = &shift[..channels];
    with_act!(act, ACT => match residual {
        None => {
            for y in y.chunks_exact_mut(channels) {
                for i in 0..channels {
                    y[i] = ACT.at(scale[i] * y[i] + shift[i]);
                }
            }
        }
        Some(r) => {
            for (y, r) in y.chunks_exact_mut(channels).zip(r.chunks_exact(channels)) {
                for i in 0..channels {
                    y[i] = ACT.at(scale[i] * y[i] + shift[i] + r[i]);
                }
            }
        }
    });
}

#[inline(always)]
fn apply_to(scale: &[f32], shift: &[f32], y: &[f32], residual: Option<&[f32]>, act: Act, z: &mut [f32]) {
    let channels = scale.len();
    let shift = &shift[..channels];
    let pixels = z.chunks_exact_mut(channels).zip(y.chunks_exact(channels));
    with_act!(act, ACT => match residual {
        None => {
            for (z, y) in pixels {
                for i in 0..channels {
                    z[i] = ACT.at(scale[i] * y[i] + shift[i]);
                }
            }
        }
        Some(r) => {
            for ((z, y), r) in pixels.zip(r.chunks_exact(channels)) {
                for i in 0..channels {
                    z[i] = ACT.at(scale[i] * y[i] + shift[i] + r[i]);
                }
            }
        }
    });
}

/// What the way back through an activation needs beside the norm's own input.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Seen<'a> {
    /// The residual that was added before the activation.
    Residual(&'a [f32]),
    /// The activation's value, which for ReLU says as much.
    Output(&'a [f32]),
}

/// How a gradient goes back through a norm: `dy = a·g + b·(y − mean) + c` of each channel.
pub(crate) struct Return {
    pub(crate) mean: Vec<f32>,
    pub(crate) a: Vec<f32>,
    pub(crate) b: Vec<f32>,
    pub(crate) c: Vec<f32>,
    pub(crate) d_weight: Vec<f32>,
    pub(crate) d_bias: Vec<f32>,
}

impl Return {
    /// Out of the output's gradient `g` `[n, c]`, which is taken back through the activation in place, and the norm's input
    /// `y`. Without `seen` nothing was added between norm and activation.
    pub(crate) fn new(
        g: &mut [f32],
        y: &[f32],
        seen: Option<Seen<'_>>,
        affine: &Affine,
        act: Act,
        statistics: &Statistics,
        weight: &[f32],
    ) -> Return {
        let channels = weight.len();
        let piece = piece(channels);
        let mean = &statistics.mean;
        let of_piece = |at: usize, g: &mut [f32]| {
            let here = at * piece..at * piece + g.len();
            let y = &y[here.clone()];
            let (mut sums, mut apart) = (vec![0.0f32; channels], vec![0.0f32; channels]);
            let seen = seen.map(|seen| match seen {
                Seen::Residual(r) => Seen::Residual(&r[here.clone()]),
                Seen::Output(z) => Seen::Output(&z[here.clone()]),
            });
            wide!(|| through(g, y, seen, affine, act, mean, &mut sums, &mut apart));
            (sums, apart)
        };
        let sums: Vec<_> = g.par_chunks_mut(piece).enumerate().map(|(at, g)| of_piece(at, g)).collect();
        let mut totals = vec![[0.0f64; 2]; channels];
        for (sums, apart) in &sums {
            for (total, (sum, apart)) in totals.iter_mut().zip(sums.iter().zip(apart)) {
                total[0] += f64::from(*sum);
                total[1] += f64::from(*apart);
            }
        }
        Return::of_sums(&totals, statistics, weight)
    }

    /// Out of the sums `Σ g` and `Σ g·(y − mean)` of each channel.
    pub(crate) fn of_sums(totals: &[[f64; 2]], statistics: &Statistics, weight: &[f32]) -> Return {
        let channels = weight.len();
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

    /// The gradient of the norm's input, for pixels `[n, c]`, in place of `g`.
    pub(crate) fn apply(&self, g: &mut [f32], y: &[f32]) {
        wide!(|| back(self, g, y));
    }

    /// The same into another buffer.
    pub(crate) fn apply_to(&self, g: &[f32], y: &[f32], dy: &mut [f32]) {
        wide!(|| back_to(self, g, y, dy));
    }
}

#[inline(always)]
fn back(through: &Return, g: &mut [f32], y: &[f32]) {
    let channels = through.mean.len();
    let (a, b) = (&through.a[..channels], &through.b[..channels]);
    let (c, mean) = (&through.c[..channels], &through.mean[..channels]);
    for (g, y) in g.chunks_exact_mut(channels).zip(y.chunks_exact(channels)) {
        for i in 0..channels {
            g[i] = a[i] * g[i] + b[i] * (y[i] - mean[i]) + c[i];
        }
    }
}

#[inline(always)]
fn back_to(through: &Return, g: &[f32], y: &[f32], dy: &mut [f32]) {
    let channels = through.mean.len();
    let (a, b) = (&through.a[..channels], &through.b[..channels]);
    let (c, mean) = (&through.c[..channels], &through.mean[..channels]);
    let pixels = dy.chunks_exact_mut(channels).zip(g.chunks_exact(channels));
    for ((d, g), y) in pixels.zip(y.chunks_exact(channels)) {
        for i in 0..channels {
            d[i] = a[i] * g[i] + b[i] * (y[i] - mean[i]) + c[i];
        }
    }
}

/// Takes a piece's gradient back through the activation, and sums it.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "one call site; a struct would only rename them")]
fn through(
    g: &mut [f32],
    y: &[f32],
    seen: Option<Seen<'_>>,
    affine: &Affine,
    act: Act,
    mean: &[f32],
    sums: &mut [f32],
    apart: &mut [f32],
) {
    let channels = sums.len();
    let (scale, shift) = (&affine.scale[..channels], &affine.shift[..channels]);
    let (apart, mean) = (&mut apart[..channels], &mean[..channels]);
    let pixels = g.chunks_exact_mut(channels).zip(y.chunks_exact(channels));
    macro_rules! pass {
        ($pixels:expr, $pattern:pat, $i:ident, $g:ident, $y:ident, $back:expr) => {
            for $pattern in $pixels {
                for $i in 0..channels {
                    let back = $back;
                    $g[$i] = back;
                    sums[$i] += back;
                    apart[$i] += back * ($y[$i] - mean[$i]);
                }
            }
        };
    }
    with_act!(act, ACT => match seen {
        None => pass!(pixels, (g, y), i, g, y, ACT.back(g[i], scale[i] * y[i] + shift[i])),
        Some(Seen::Residual(r)) => {
            let pixels = pixels.zip(r.chunks_exact(channels));
            pass!(pixels, ((g, y), r), i, g, y, ACT.back(g[i], scale[i] * y[i] + shift[i] + r[i]));
        }
        Some(Seen::Output(z)) => {
            let pixels = pixels.zip(z.chunks_exact(channels));
            pass!(pixels, ((g, y), z), i, g, y, ACT.back(g[i], z[i]));
        }
    });
}
