//! Pillow's arithmetic, where cleanvision's numbers come from it.
//!
//! Takes 8-bit RGB; gives what `Image.resize` (bicubic, widened by the scale, in 22-bit whole numbers), `convert("L")`,
//! `filter(FIND_EDGES)`, `histogram()` and `entropy()` give, to the bit. Source: Pillow 13, src/libImaging/Resample.c, Convert.c,
//! Filter.c; formulas only.

use std::borrow::Cow;

use crate::data::picture::alike;
use crate::data::picture::decode::Picture;

/// Bits behind the point of a weight: 32 − 8 − 2.
const PRECISION: i32 = 22;

/// Grey pixels, row by row.
pub(super) struct Grey {
    width: usize,
    light: Vec<u8>,
}

impl Grey {
    /// `filter(ImageFilter.FIND_EDGES)`: eight times the pixel less its eight neighbours, cut to 0..255; the border stays as it is,
    /// and so does a picture with a side below 3.
    pub(super) fn edges(&self) -> Vec<u8> {
        let (w, h) = (self.width, self.light.len() / self.width.max(1));
        let mut out = self.light.clone();
        for y in 1..h.saturating_sub(1) {
            for x in 1..w.saturating_sub(1) {
                let line =
                    |y: usize| self.light[y * w + x - 1..y * w + x + 2].iter().map(|&v| i32::from(v)).sum::<i32>();
                let around = line(y - 1) + line(y) + line(y + 1);
                out[y * w + x] = (9 * i32::from(self.light[y * w + x]) - around).clamp(0, 255) as u8;
            }
        }
        out
    }

    pub(super) fn histogram(&self) -> [u64; 256] {
        let mut counts = [0; 256];
        self.light.iter().for_each(|&v| counts[usize::from(v)] += 1);
        counts
    }
}

/// `convert("L")`.
pub(super) fn grey(picture: &Picture) -> Grey {
    let (pixels, _) = picture.rgb.as_chunks::<3>();
    Grey { width: picture.width as usize, light: pixels.iter().map(|&pixel| alike::light(pixel)).collect() }
}

/// The picture with its longer side brought down to `most`, as cleanvision's blurriness does it; one that is small enough stays.
pub(super) fn shrunk(picture: &Picture, most: u32) -> Cow<'_, Picture> {
    let ratio = f64::from(picture.width.max(picture.height)) / f64::from(most);
    if ratio <= 1.0 {
        return Cow::Borrowed(picture);
    }
    // Python's `//` on floats, which does not always equal the floor of the quotient.
    let whole = |side: u32| {
        let side = f64::from(side);
        let times = (side - side % ratio) / ratio;
        (if times - times.floor() > 0.5 { times.floor() + 1.0 } else { times.floor() }).max(1.0) as usize
    };
    let (width, height) = (whole(picture.width), whole(picture.height));
    let (old, rows) = (picture.width as usize, picture.height as usize);
    let across = if width == old { picture.rgb.clone() } else { along(&picture.rgb, 3, old, width, rows, 3 * old) };
    // A column is a row whose pixels lie a row apart: all bytes of a row are channels then.
    let rgb = if height == rows { across } else { along(&across, 3 * width, rows, height, 1, 0) };
    Cow::Owned(Picture { width: width as u32, height: height as u32, rgb })
}

/// Resamples `lines` lines of `old` pixels with `channels` bytes each to `new` pixels; a line begins every `stride` bytes.
fn along(bytes: &[u8], channels: usize, old: usize, new: usize, lines: usize, stride: usize) -> Vec<u8> {
    let weights = weights(old, new);
    let mut out = Vec::with_capacity(lines * new * channels);
    let mut sums = vec![0i32; channels];
    for line in 0..lines {
        let line = &bytes[line * stride..][..old * channels];
        for (from, weights) in &weights {
            sums.fill(1 << (PRECISION - 1));
            for (pixel, weight) in line[from * channels..].chunks_exact(channels).zip(weights) {
                sums.iter_mut().zip(pixel).for_each(|(sum, &value)| *sum += i32::from(value) * weight);
            }
            out.extend(sums.iter().map(|sum| (sum >> PRECISION).clamp(0, 255) as u8));
        }
    }
    out
}

/// For each new pixel the first old one that counts, and the weights from there on.
fn weights(old: usize, new: usize) -> Vec<(usize, Vec<i32>)> {
    let scale = old as f64 / new as f64;
    let wide = scale.max(1.0);
    let support = 2.0 * wide;
    let one = |at: usize| {
        let centre = (at as f64 + 0.5) * scale;
        let from = ((centre - support + 0.5) as i64).max(0) as usize;
        let to = ((centre + support + 0.5) as usize).min(old);
        let raw: Vec<f64> = (from..to).map(|x| bicubic((x as f64 - centre + 0.5) * (1.0 / wide))).collect();
        let sum: f64 = raw.iter().sum();
        let fixed = |w: &f64| {
            let w = if sum != 0.0 { w / sum } else { *w } * f64::from(1 << PRECISION);
            (if w < 0.0 { w - 0.5 } else { w + 0.5 }) as i32
        };
        (from, raw.iter().map(fixed).collect())
    };
    (0..new).map(one).collect()
}

/// Keys's cubic with a = −½.
fn bicubic(x: f64) -> f64 {
    let x = x.abs();
    const A: f64 = -0.5;
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

/// `entropy()`: bits of the histogram of all channels side by side; of one where every pixel is grey.
pub(super) fn entropy(pixels: &[[u8; 3]]) -> f64 {
    let mut counts = [[0u64; 256]; 3];
    for pixel in pixels {
        counts.iter_mut().zip(pixel).for_each(|(counts, &value)| counts[usize::from(value)] += 1);
    }
    let channels = if pixels.iter().all(|[r, g, b]| r == g && g == b) { 1 } else { 3 };
    let total = (channels * pixels.len()) as f64;
    let bits = |&count: &u64| {
        let share = count as f64 / total;
        -share * share.log2()
    };
    // `0.0 +`: a sum of nothing but −0 is told as 0.
    0.0 + counts[..channels].as_flattened().iter().filter(|count| **count > 0).map(bits).sum::<f64>()
}

/// `ImageStat.Stat.stddev`, which is also `np.std`: the root of the mean square about the mean.
pub(super) fn deviation(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    let (sum, squares) = values.fold((0.0, 0.0), |(sum, squares), v| (sum + v, squares + v * v));
    if count == 0.0 { 0.0 } else { ((squares - sum * sum / count) / count).max(0.0).sqrt() }
}
