//! Pooling: the maximum and the mean over windows, and over whole pictures.
//!
//! As PyTorch's `MaxPool2d`, `AvgPool2d` (with `ceil_mode`, and padding left out of the mean) and
//! `AdaptiveAvgPool2d(1)`; generalised-mean pooling (GeM) after Radenović, Tolias and Chum 2018 with a
//! fixed power. One picture is one task.

use candle_core::Tensor;
use rayon::prelude::*;

use super::norm::lane_sum;
use super::tape::memory::{floats, take, tensor};
use super::{Flow, OpsError, Tape, Var};

/// The windows of a pooling, the same on both axes.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Side of a window in pixels.
    pub kernel: usize,
    /// Pixels from one window to the next.
    pub stride: usize,
    /// Pixels around the picture that count as absent.
    pub padding: usize,
    /// Whether a last window that hangs over the edge counts (PyTorch's `ceil_mode`).
    pub ceil: bool,
}

/// Least value that a GeM raises to its power, as in the paper's code.
const GEM_LEAST: f32 = 1e-6;

impl Window {
    /// PyTorch's output size, or `None` when not even one window fits.
    fn out(&self, size: usize) -> Option<usize> {
        let span = (size + 2 * self.padding).checked_sub(self.kernel)?;
        let mut out = if self.ceil { span.div_ceil(self.stride) } else { span / self.stride } + 1;
        // The last window must start inside the picture or its left padding.
        if self.ceil && (out - 1) * self.stride >= size + self.padding {
            out -= 1;
        }
        Some(out)
    }

    /// The pixels of a window along one axis.
    fn span(&self, at: usize, size: usize) -> std::ops::Range<usize> {
        let end = (at * self.stride + self.kernel).saturating_sub(self.padding).min(size);
        (at * self.stride).saturating_sub(self.padding).min(end)..end
    }

    fn sizes(&self, op: &'static str, x: &[usize]) -> Result<([usize; 4], [usize; 2]), OpsError> {
        let &[b, c, h, w] = x else { return Err(OpsError::shape(op, "an input [b, c, h, w]", x)) };
        if self.kernel == 0 || self.stride == 0 || 2 * self.padding > self.kernel || self.kernel > 255 {
            let expected = "a kernel of 1 to 255, a stride of at least 1, and at most half the kernel of padding";
            return Err(OpsError::shape(op, expected, &[self.kernel, self.stride, self.padding]));
        }
        match (self.out(h), self.out(w)) {
            (Some(ho), Some(wo)) if b * c * h * w > 0 => Ok(([b, c, h, w], [ho, wo])),
            _ => Err(OpsError::shape(op, format!("pictures of at least {} pixels", self.kernel), x)),
        }
    }
}

impl Tape {
    /// The maximum of each window of `x` `[b, c, h, w]`; the first maximum takes the gradient.
    pub fn max_pool(&mut self, x: &Var, window: Window) -> Result<Var, OpsError> {
        let ([b, c, h, w], [ho, wo]) = window.sizes("max_pool", x.dims())?;
        if let Some(y) = self.dry(0, b * c * ho * wo, &[b, c, ho, wo])? {
            return Ok(y);
        }
        let mut y = self.memory().dirty(b * c * ho * wo);
        // Where in its window each maximum lies: row and column.
        let mut places = vec![[0u8; 2]; y.len()];
        floats("max_pool", x.peek(), |x| {
            let planes = x.par_chunks(c * h * w).zip(y.par_chunks_mut(c * ho * wo));
            planes.zip(places.par_chunks_mut(c * ho * wo)).for_each(|((x, y), places)| {
                let planes = x.chunks_exact(h * w).zip(y.chunks_exact_mut(ho * wo));
                planes.zip(places.chunks_exact_mut(ho * wo)).for_each(|((x, y), places)| {
                    max_plane(&window, x, [h, w], y, wo, places);
                });
            });
            Ok(())
        })?;
        let (memory, x) = (self.memory().clone(), x.target());
        Ok(self.record(tensor(y, &[b, c, ho, wo])?, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let dy = take(&dy)?;
                let mut dx = memory.dirty(b * c * h * w);
                dx.par_chunks_mut(c * h * w).enumerate().for_each(|(image, dx)| {
                    dx.fill(0.0);
                    let at = image * c * ho * wo;
                    for (plane, dx) in dx.chunks_exact_mut(h * w).enumerate() {
                        for i in 0..ho * wo {
                            let from = at + plane * ho * wo + i;
                            let (row, col) = (window.span(i / wo, h).start, window.span(i % wo, w).start);
                            let [down, right] = places[from];
                            dx[(row + down as usize) * w + col + right as usize] += dy[from];
                        }
                    }
                });
                memory.give(dy);
                flow.add(x, tensor(dx, &[b, c, h, w])?)
            }
        }))
    }

    /// The mean of each window of `x` `[b, c, h, w]`, over the pixels that exist
    /// (PyTorch's `count_include_pad=False`).
    pub fn avg_pool(&mut self, x: &Var, window: Window) -> Result<Var, OpsError> {
        let ([b, c, h, w], [ho, wo]) = window.sizes("avg_pool", x.dims())?;
        if let Some(y) = self.dry(0, 0, &[b, c, ho, wo])? {
            return Ok(y);
        }
        let mut y = self.memory().dirty(b * c * ho * wo);
        floats("avg_pool", x.peek(), |x| {
            x.par_chunks(c * h * w).zip(y.par_chunks_mut(c * ho * wo)).for_each(|(x, y)| {
                for (x, y) in x.chunks_exact(h * w).zip(y.chunks_exact_mut(ho * wo)) {
                    for (i, y) in y.iter_mut().enumerate() {
                        let (rows, cols) = (window.span(i / wo, h), window.span(i % wo, w));
                        let count = rows.len() * cols.len();
                        let sum: f32 = rows.map(|r| x[r * w..][cols.clone()].iter().sum::<f32>()).sum();
                        *y = sum / count as f32;
                    }
                }
            });
            Ok(())
        })?;
        let (memory, x) = (self.memory().clone(), x.target());
        Ok(self.record(tensor(y, &[b, c, ho, wo])?, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let dy = take(&dy)?;
                let mut dx = memory.dirty(b * c * h * w);
                dx.par_chunks_mut(c * h * w).zip(dy.par_chunks(c * ho * wo)).for_each(|(dx, dy)| {
                    dx.fill(0.0);
                    for (dx, dy) in dx.chunks_exact_mut(h * w).zip(dy.chunks_exact(ho * wo)) {
                        for (i, dy) in dy.iter().enumerate() {
                            let (rows, cols) = (window.span(i / wo, h), window.span(i % wo, w));
                            let each = dy / (rows.len() * cols.len()) as f32;
                            for row in rows {
                                dx[row * w..][cols.clone()].iter_mut().for_each(|d| *d += each);
                            }
                        }
                    }
                });
                memory.give(dy);
                flow.add(x, tensor(dx, &[b, c, h, w])?)
            }
        }))
    }

    /// The mean of each whole channel: `[b, c, h, w]` → `[b, c]`.
    pub fn global_avg(&mut self, x: &Var) -> Result<Var, OpsError> {
        let [b, c, plane] = planes("global_avg", x.dims())?;
        if let Some(y) = self.dry(0, 0, &[b, c])? {
            return Ok(y);
        }
        let pooled = floats("global_avg", x.peek(), |x| {
            let mean = |x: &[f32]| lane_sum(plane, |i| [x[i]])[0] / plane as f32;
            Ok(x.par_chunks(plane).map(mean).collect::<Vec<f32>>())
        })?;
        let (memory, dims, x) = (self.memory().clone(), x.dims().to_vec(), x.target());
        Ok(self.record(tensor(pooled, &[b, c])?, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let (dy, mut dx) = (take(&dy)?, memory.dirty(b * c * plane));
                dx.par_chunks_mut(plane).zip(&dy).for_each(|(dx, dy)| dx.fill(dy / plane as f32));
                flow.add(x, tensor(dx, &dims)?)
            }
        }))
    }

    /// The generalised mean of each whole channel, `mean(max(x, 1e-6)^p)^(1/p)`: `[b, c, h, w]` → `[b, c]`.
    /// `p = 1` is the mean of what is positive, large `p` the maximum; 3 is usual.
    pub fn gem(&mut self, x: &Var, p: f32) -> Result<Var, OpsError> {
        let [b, c, plane] = planes("gem", x.dims())?;
        if !(p.is_finite() && p > 0.0) {
            return Err(OpsError::shape("gem", format!("a power above 0, not {p}"), x.dims()));
        }
        if let Some(y) = self.dry(0, b * c * plane, &[b, c])? {
            return Ok(y);
        }
        // The cube is GeM's usual power, and powf costs ten times a product.
        let raise = move |x: f32| if p == 3.0 { x * x * x } else { x.powf(p) };
        let pooled = floats("gem", x.peek(), |x| {
            let of = |x: &[f32]| {
                let [sum] = lane_sum(plane, |i| [raise(x[i].max(GEM_LEAST))]);
                (sum / plane as f32).powf(1.0 / p)
            };
            Ok(x.par_chunks(plane).map(of).collect::<Vec<f32>>())
        })?;
        let (memory, x) = (self.memory().clone(), x.clone());
        Ok(self.record(tensor(pooled, &[b, c])?, |y| {
            let y = y.clone();
            move |dy: Tensor, flow: &mut Flow| {
                let (dy, mut dx) = (take(&dy)?, memory.dirty(b * c * plane));
                floats("gem", y.peek(), |y| {
                    floats("gem", x.peek(), |x| {
                        let planes = dx.par_chunks_mut(plane).zip(x.par_chunks(plane));
                        planes.zip(y.par_iter().zip(&dy)).for_each(|((dx, x), (y, dy))| {
                            let slope = dy * y.powf(1.0 - p) / plane as f32;
                            for (dx, x) in dx.iter_mut().zip(x) {
                                let power = if p == 3.0 { x * x } else { x.max(GEM_LEAST).powf(p - 1.0) };
                                *dx = if *x < GEM_LEAST { 0.0 } else { slope * power };
                            }
                        });
                        Ok(())
                    })
                })?;
                flow.add(x.target(), tensor(dx, x.dims())?)
            }
        }))
    }
}

fn planes(op: &'static str, x: &[usize]) -> Result<[usize; 3], OpsError> {
    match x {
        &[b, c, h, w] if h * w > 0 => Ok([b, c, h * w]),
        _ => Err(OpsError::shape(op, "an input [b, c, h, w] with at least one pixel", x)),
    }
}

fn max_plane(window: &Window, x: &[f32], [h, w]: [usize; 2], y: &mut [f32], wo: usize, places: &mut [[u8; 2]]) {
    for (row, (y, places)) in y.chunks_exact_mut(wo).zip(places.chunks_exact_mut(wo)).enumerate() {
        let rows = window.span(row, h);
        for (col, (y, place)) in y.iter_mut().zip(places).enumerate() {
            let cols = window.span(col, w);
            let (mut best, mut at) = (f32::NEG_INFINITY, [0u8; 2]);
            for (down, line) in rows.clone().map(|r| &x[r * w..][cols.clone()]).enumerate() {
                for (right, &value) in line.iter().enumerate() {
                    if value > best || value.is_nan() {
                        (best, at) = (value, [down as u8, right as u8]);
                    }
                }
            }
            (*y, *place) = (best, at);
        }
    }
}
