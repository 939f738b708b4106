//! Pooling: the maximum and the mean over windows, as PyTorch's `MaxPool2d` and `AvgPool2d` (with `ceil_mode`, and padding
//! left out of the mean); `whole` pools whole pictures. Maps are `[b, h, w, c]`; one picture is one task.

mod whole;

use candle_core::Tensor;
use rayon::prelude::*;

use super::simd::wide;
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
    #[inline(always)]
    fn span(&self, at: usize, size: usize) -> std::ops::Range<usize> {
        let end = (at * self.stride + self.kernel).saturating_sub(self.padding).min(size);
        (at * self.stride).saturating_sub(self.padding).min(end)..end
    }

    /// The pixels of the window at row and column `at` that lie in a picture: number in the window, number in the picture.
    #[inline(always)]
    fn pixels(&self, at: [usize; 2], [h, w]: [usize; 2]) -> impl Iterator<Item = (u8, usize)> + use<> {
        let (rows, cols, kernel) = (self.span(at[0], h), self.span(at[1], w), self.kernel);
        let (top, left) = (rows.start, cols.start);
        rows.flat_map(move |y| cols.clone().map(move |x| (((y - top) * kernel + x - left) as u8, y * w + x)))
    }

    /// How many pixels [`Window::pixels`] gives.
    #[inline(always)]
    fn count(&self, at: [usize; 2], [h, w]: [usize; 2]) -> usize {
        self.span(at[0], h).len() * self.span(at[1], w).len()
    }

    fn sizes(&self, op: &'static str, x: &[usize]) -> Result<([usize; 4], [usize; 2]), OpsError> {
        let &[b, h, w, c] = x else { return Err(OpsError::shape(op, "an input [b, h, w, c]", x)) };
        if self.kernel == 0 || self.stride == 0 || 2 * self.padding > self.kernel || self.kernel > 15 {
            let expected = "a kernel of 1 to 15, a stride of at least 1, and at most half the kernel of padding";
            return Err(OpsError::shape(op, expected, &[self.kernel, self.stride, self.padding]));
        }
        match (self.out(h), self.out(w)) {
            (Some(ho), Some(wo)) if b * c * h * w > 0 => Ok(([b, c, h, w], [ho, wo])),
            _ => Err(OpsError::shape(op, format!("pictures of at least {} pixels", self.kernel), x)),
        }
    }
}

impl Tape {
    /// The maximum of each window of `x` `[b, h, w, c]`; the first maximum takes the gradient.
    pub fn max_pool(&mut self, x: &Var, window: Window) -> Result<Var, OpsError> {
        let ([b, c, h, w], [ho, wo]) = window.sizes("max_pool", x.dims())?;
        if let Some(y) = self.dry(0, b * c * ho * wo, &[b, ho, wo, c])? {
            return Ok(y);
        }
        if self.is_composed() {
            return self.composed_max_pool(x, window, [h, w], [ho, wo]);
        }
        let mut y = self.memory().dirty(b * c * ho * wo);
        // Which pixel of its window each maximum is.
        let mut places = vec![0u8; if self.is_training() { y.len() } else { 0 }];
        floats("max_pool", x.peek(), |x| {
            let rows = x.par_chunks(c * h * w).zip(y.par_chunks_mut(c * ho * wo));
            if places.is_empty() {
                rows.for_each(|(x, y)| max_rows(&window, x, [h, w, c], y, wo, None));
            } else {
                let rows = rows.zip(places.par_chunks_mut(c * ho * wo));
                rows.for_each(|((x, y), places)| max_rows(&window, x, [h, w, c], y, wo, Some(places)));
            }
            Ok(())
        })?;
        let (memory, x) = (self.memory().clone(), x.target());
        Ok(self.record(tensor(y, &[b, ho, wo, c])?, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let dy = take(&dy)?;
                let mut dx = memory.dirty(b * c * h * w);
                let images = dy.par_chunks(c * ho * wo).zip(places.par_chunks(c * ho * wo));
                dx.par_chunks_mut(c * h * w).zip(images).for_each(|(dx, (dy, places))| {
                    dx.fill(0.0);
                    let pixels = dy.chunks_exact(c).zip(places.chunks_exact(c)).enumerate();
                    wide!(|| {
                        for (at, (dy, places)) in pixels {
                            for (place, from) in window.pixels([at / wo, at % wo], [h, w]) {
                                let dx = &mut dx[from * c..][..c];
                                for ((dx, dy), p) in dx.iter_mut().zip(dy).zip(places) {
                                    *dx += if *p == place { *dy } else { 0.0 };
                                }
                            }
                        }
                    });
                });
                memory.give(dy);
                flow.add(x, tensor(dx, &[b, h, w, c])?)
            }
        }))
    }

    /// The mean of each window of `x` `[b, h, w, c]`, over the pixels that exist
    /// (PyTorch's `count_include_pad=False`).
    pub fn avg_pool(&mut self, x: &Var, window: Window) -> Result<Var, OpsError> {
        let ([b, c, h, w], [ho, wo]) = window.sizes("avg_pool", x.dims())?;
        if let Some(y) = self.dry(0, 0, &[b, ho, wo, c])? {
            return Ok(y);
        }
        if self.is_composed() {
            let counts = (0..ho * wo).map(|at| window.count([at / wo, at % wo], [h, w]) as f32).collect();
            return self.composed_avg_pool(x, window, [h, w], [ho, wo], counts);
        }
        let mut y = self.memory().dirty(b * c * ho * wo);
        floats("avg_pool", x.peek(), |x| {
            x.par_chunks(c * h * w).zip(y.par_chunks_mut(c * ho * wo)).for_each(|(x, y)| {
                wide!(|| {
                    for (at, y) in y.chunks_exact_mut(c).enumerate() {
                        let at = [at / wo, at % wo];
                        y.fill(0.0);
                        for (_, from) in window.pixels(at, [h, w]) {
                            y.iter_mut().zip(&x[from * c..][..c]).for_each(|(y, x)| *y += *x);
                        }
                        let each = 1.0 / window.count(at, [h, w]) as f32;
                        y.iter_mut().for_each(|y| *y *= each);
                    }
                });
            });
            Ok(())
        })?;
        let (memory, x) = (self.memory().clone(), x.target());
        Ok(self.record(tensor(y, &[b, ho, wo, c])?, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let dy = take(&dy)?;
                let mut dx = memory.dirty(b * c * h * w);
                dx.par_chunks_mut(c * h * w).zip(dy.par_chunks(c * ho * wo)).for_each(|(dx, dy)| {
                    dx.fill(0.0);
                    wide!(|| {
                        for (at, dy) in dy.chunks_exact(c).enumerate() {
                            let at = [at / wo, at % wo];
                            let each = 1.0 / window.count(at, [h, w]) as f32;
                            for (_, from) in window.pixels(at, [h, w]) {
                                let dx = &mut dx[from * c..][..c];
                                dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx += each * dy);
                            }
                        }
                    });
                });
                memory.give(dy);
                flow.add(x, tensor(dx, &[b, h, w, c])?)
            }
        }))
    }
}

/// One picture's maxima, and which pixel of its window each is.
fn max_rows(
    window: &Window,
    x: &[f32],
    [h, w, c]: [usize; 3],
    y: &mut [f32],
    wo: usize,
    mut places: Option<&mut [u8]>,
) {
    wide!(|| {
        for (at, y) in y.chunks_exact_mut(c).enumerate() {
            y.fill(f32::NEG_INFINITY);
            let mut places = places.as_mut().map(|places| &mut places[at * c..][..c]);
            if let Some(places) = places.as_mut() {
                // A window without a number above minus infinity belongs to its first pixel.
                let first = window.pixels([at / wo, at % wo], [h, w]).next().map_or(0, |(place, _)| place);
                places.fill(first);
            }
            for (place, from) in window.pixels([at / wo, at % wo], [h, w]) {
                let x = &x[from * c..][..c];
                match places.as_mut() {
                    None => y.iter_mut().zip(x).for_each(|(y, x)| *y = if *x > *y || x.is_nan() { *x } else { *y }),
                    Some(places) => {
                        for ((y, x), p) in y.iter_mut().zip(x).zip(places.iter_mut()) {
                            let more = *x > *y || x.is_nan();
                            (*y, *p) = if more { (*x, place) } else { (*y, *p) };
                        }
                    }
                }
            }
        }
    });
}
