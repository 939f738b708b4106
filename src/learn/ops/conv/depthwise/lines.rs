//! The inner loops of the depthwise convolution: lines of pixels, sixteen channels at a time.
//!
//! A line is a row of a map cut to one block of channels, with the zeros of the padding around it, so that the loops know
//! no border. Eight neighbouring pixels are summed in registers; each product reads its pixel straight from the first-level
//! cache, which feeds the multipliers at their full rate. A channel's sum has one order whatever the vectors' width.

use pulp::{Simd, WithSimd};

/// Channels of a block: one register of AVX-512, two of AVX2.
pub(crate) const LANES: usize = 16;

/// The channels of one block at one pixel.
pub(crate) type Lane = [f32; LANES];

/// Pixels that are summed in registers together.
const PIXELS: usize = 8;

/// One line of a correlation: `out[first + step·i] = Σ line[at + from·i + offset] · w[row·width + column]`, for each `i` below
/// `count`, over all lines `(at, row)` and taps `(column, offset)`.
pub(super) struct Correlate<'a> {
    pub(super) out: &'a mut [Lane],
    pub(super) first: usize,
    pub(super) step: usize,
    pub(super) count: usize,
    pub(super) ring: &'a [Lane],
    pub(super) lines: &'a [(usize, usize)],
    pub(super) taps: &'a [(usize, usize)],
    pub(super) from: usize,
    pub(super) weights: &'a [Lane],
    pub(super) width: usize,
}

impl WithSimd for Correlate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let mut at = 0;
        while self.count - at >= PIXELS {
            self.block::<S, PIXELS>(simd, at);
            at += PIXELS;
        }
        match self.count - at {
            1 => self.block::<S, 1>(simd, at),
            2 => self.block::<S, 2>(simd, at),
            3 => self.block::<S, 3>(simd, at),
            4 => self.block::<S, 4>(simd, at),
            5 => self.block::<S, 5>(simd, at),
            6 => self.block::<S, 6>(simd, at),
            7 => self.block::<S, 7>(simd, at),
            _ => {}
        }
    }
}

impl Correlate<'_> {
    #[inline(always)]
    fn block<S: Simd, const P: usize>(&mut self, simd: S, at: usize) {
        // The steps that occur, as constants.
        match self.from {
            1 => self.stepped::<S, P>(simd, at, 1),
            2 => self.stepped::<S, P>(simd, at, 2),
            from => self.stepped::<S, P>(simd, at, from),
        }
    }

    #[inline(always)]
    fn stepped<S: Simd, const P: usize>(&mut self, simd: S, at: usize, from: usize) {
        for part in 0..LANES / S::F32_LANES {
            let mut sums = [simd.splat_f32s(0.0); P];
            for &(start, row) in self.lines {
                let line = &self.ring[start + at * from..];
                let weights = &self.weights[row * self.width..][..self.width];
                for &(column, offset) in self.taps {
                    let weight = S::as_simd_f32s(&weights[column]).0[part];
                    let line = &line[offset..][..(P - 1) * from + 1];
                    for (pixel, sum) in sums.iter_mut().enumerate() {
                        let x = S::as_simd_f32s(&line[pixel * from]).0[part];
                        *sum = simd.mul_add_e_f32s(x, weight, *sum);
                    }
                }
            }
            for (pixel, sum) in sums.into_iter().enumerate() {
                let out = &mut self.out[self.first + (at + pixel) * self.step];
                S::as_mut_simd_f32s(out).0[part] = sum;
            }
        }
    }
}

/// One line of the weight's gradient: `dw[row·width + column] += Σᵢ line[at + from·i + offset] · dy[i]`.
pub(super) struct Weigh<'a> {
    pub(super) dy: &'a [Lane],
    pub(super) ring: &'a [Lane],
    pub(super) lines: &'a [(usize, usize)],
    pub(super) taps: &'a [(usize, usize)],
    pub(super) from: usize,
    pub(super) dw: &'a mut [Lane],
    pub(super) width: usize,
}

impl WithSimd for Weigh<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        for taps in self.taps.chunks(7) {
            match *taps {
                [a, b, c] => self.some(simd, [a, b, c]),
                [a, b, c, d, e] => self.some(simd, [a, b, c, d, e]),
                [a, b, c, d, e, f, g] => self.some(simd, [a, b, c, d, e, f, g]),
                ref taps => taps.iter().for_each(|tap| self.some(simd, [*tap])),
            }
        }
    }
}

impl Weigh<'_> {
    #[inline(always)]
    fn some<S: Simd, const T: usize>(&mut self, simd: S, taps: [(usize, usize); T]) {
        match self.from {
            1 => self.stepped::<S, T>(simd, taps, 1),
            2 => self.stepped::<S, T>(simd, taps, 2),
            from => self.stepped::<S, T>(simd, taps, from),
        }
    }

    #[inline(always)]
    fn stepped<S: Simd, const T: usize>(&mut self, simd: S, taps: [(usize, usize); T], from: usize) {
        for part in 0..LANES / S::F32_LANES {
            for &(start, row) in self.lines {
                let span = (self.dy.len() - 1) * from + 1;
                let lines = taps.map(|(_, offset)| &self.ring[start + offset..][..span]);
                let mut sums = [simd.splat_f32s(0.0); T];
                for (pixel, dy) in self.dy.iter().enumerate() {
                    let dy = S::as_simd_f32s(dy).0[part];
                    for (sum, line) in sums.iter_mut().zip(lines) {
                        *sum = simd.mul_add_e_f32s(S::as_simd_f32s(&line[pixel * from]).0[part], dy, *sum);
                    }
                }
                for (sum, (column, _)) in sums.into_iter().zip(taps) {
                    let dw = &mut S::as_mut_simd_f32s(&mut self.dw[row * self.width + column]).0[part];
                    *dw = simd.add_f32s(*dw, sum);
                }
            }
        }
    }
}

/// The channels from `first` on of each pixel of a row `[w, channels]`, zeros beyond the last channel.
#[inline(always)]
pub(crate) fn gather(row: &[f32], channels: usize, first: usize, line: &mut [Lane]) {
    let width = (channels - first).min(LANES);
    if width == LANES {
        for (lane, pixel) in line.iter_mut().zip(row.chunks_exact(channels)) {
            lane.copy_from_slice(&pixel[first..first + LANES]);
        }
    } else {
        for (lane, pixel) in line.iter_mut().zip(row.chunks_exact(channels)) {
            *lane = [0.0; LANES];
            lane[..width].copy_from_slice(&pixel[first..first + width]);
        }
    }
}

/// The way back of [`gather`].
#[inline(always)]
pub(crate) fn scatter(line: &[Lane], channels: usize, first: usize, row: &mut [f32]) {
    let width = (channels - first).min(LANES);
    if width == LANES {
        for (lane, pixel) in line.iter().zip(row.chunks_exact_mut(channels)) {
            pixel[first..first + LANES].copy_from_slice(lane);
        }
    } else {
        for (lane, pixel) in line.iter().zip(row.chunks_exact_mut(channels)) {
            pixel[first..first + width].copy_from_slice(&lane[..width]);
        }
    }
}
