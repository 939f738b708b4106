//! A rectangle of a picture → a picture of another size, in one resampling.
//!
//! Takes source, rectangle and output size; each axis by itself is averaged over its area (OpenCV's
//! INTER_AREA), interpolated (INTER_LINEAR, Pillow's BILINEAR and BICUBIC) or picked (INTER_NEAREST). Rows are combined first: that
//! is the long loop, it runs along memory, and the compiler turns it into vector code whose sums
//! keep their order, so every machine and thread gives the same bits.

use crate::base::wide::wide;
use crate::data::augment::settings::{Interpolation, Size};
use crate::data::decode::Picture;
use crate::data::view::Area;

/// Which source pixels make an output pixel along one axis, and with what weights.
struct Taps {
    /// First source pixel and number of pixels of each output pixel.
    spans: Vec<(usize, usize)>,
    /// The weights of all spans, one after the other; each span's sum is 1.
    weights: Vec<f32>,
}

impl Taps {
    /// `step` is how many source pixels one output pixel stands for.
    fn new(source: usize, target: usize, step: f64, interpolation: Interpolation, area_when_smaller: bool) -> Taps {
        let mut taps = Taps { spans: Vec::with_capacity(target), weights: Vec::new() };
        let shrinks = step > 1.0;
        for i in 0..target {
            if let Interpolation::Bilinear | Interpolation::Bicubic = interpolation {
                taps.filter((i as f64 + 0.5) * step, step.max(1.0), source, interpolation);
            } else if shrinks && (area_when_smaller || interpolation == Interpolation::Area) {
                taps.area(i as f64 * step, (i + 1) as f64 * step, source);
            } else if interpolation == Interpolation::Nearest {
                taps.push(((i as f64 * step) as usize).min(source - 1), &[1.0]);
            } else {
                let at = ((i as f64 + 0.5) * step - 0.5).clamp(0.0, (source - 1) as f64);
                let (first, part) = (at as usize, at.fract() as f32);
                if part > 0.0 { taps.push(first, &[1.0 - part, part]) } else { taps.push(first, &[1.0]) }
            }
        }
        taps
    }

    fn push(&mut self, first: usize, weights: &[f32]) {
        self.spans.push((first, weights.len()));
        self.weights.extend_from_slice(weights);
    }

    /// The average over `low..high`: whole pixels count 1, the two at the ends count their covered part.
    fn area(&mut self, low: f64, high: f64, source: usize) {
        let first = (low as usize).min(source - 1);
        let last = (high.ceil() as usize).clamp(first + 1, source);
        let start = self.weights.len();
        let mut sum = 0.0;
        for pixel in first..last {
            let covered = (high.min((pixel + 1) as f64) - low.max(pixel as f64)).max(0.0);
            sum += covered;
            self.weights.push(covered as f32);
        }
        // A step that is not the ratio of the sizes may reach past the last pixel.
        if sum <= 0.0 {
            sum = 1.0;
            self.weights[start] = 1.0;
        }
        for weight in &mut self.weights[start..] {
            *weight /= sum as f32;
        }
        self.spans.push((first, last - first));
    }

    /// Pillow's filters around `centre`, as wide as the scale where a picture shrinks: a triangle, or Keys's cubic with a = -0.5.
    fn filter(&mut self, centre: f64, scale: f64, source: usize, interpolation: Interpolation) {
        let support = if interpolation == Interpolation::Bilinear { scale } else { 2.0 * scale };
        let first = ((centre - support + 0.5).max(0.0) as usize).min(source - 1);
        let last = ((centre + support + 0.5) as usize).clamp(first + 1, source);
        let height = |pixel: usize| {
            let x = ((pixel as f64 + 0.5 - centre) / scale).abs();
            match interpolation {
                Interpolation::Bilinear => (1.0 - x).max(0.0),
                _ if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
                _ if x < 2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
                _ => 0.0,
            }
        };
        let sum: f64 = (first..last).map(height).sum();
        self.weights.extend((first..last).map(|pixel| (height(pixel) / sum) as f32));
        self.spans.push((first, last - first));
    }

    fn iter(&self) -> impl Iterator<Item = (usize, &[f32])> {
        let mut used = 0;
        self.spans.iter().map(move |&(first, count)| {
            used += count;
            (first, &self.weights[used - count..used])
        })
    }
}

/// The rectangle of `source`, resized. With `area`, an axis that shrinks is averaged over its area
/// whatever the interpolation.
pub fn resize(source: &Picture, rect: Area, size: Size, interpolation: Interpolation, area: bool) -> Picture {
    let steps = [rect.width as f64 / size.width as f64, rect.height as f64 / size.height as f64];
    resize_by(source, rect, size, steps, interpolation, area)
}

/// As [`resize`], where an output pixel stands for `steps` source pixels (columns, rows) even if that is not the ratio of
/// the sizes: cv2.resize with `fx` and `fy` rounds the size and keeps the factor.
pub fn resize_by(
    source: &Picture,
    rect: Area,
    size: Size,
    steps: [f64; 2],
    interpolation: Interpolation,
    area: bool,
) -> Picture {
    let columns = Taps::new(rect.width, size.width, steps[0], interpolation, area);
    let rows = Taps::new(rect.height, size.height, steps[1], interpolation, area);
    let mut rgb = vec![0; size.height * size.width * 3];
    wide!(|| combine(source, rect, &columns, &rows, &mut rgb));
    Picture { width: size.width as u32, height: size.height as u32, rgb }
}

/// The nearest level, halves upwards as in OpenCV's and Pillow's fixed point.
#[inline(always)]
fn half_up(v: f32) -> u8 {
    // At 2²³ a float has no places behind the point, and its lowest byte is the level. A cast would ask each number whether it is one.
    const WHOLE: f32 = 8_388_608.0;
    let v = v.clamp(0.0, 255.0);
    let even = (v + WHOLE) - WHOLE;
    let up = if v - even == 0.5 { 1.0 } else { 0.0 };
    (even + up + WHOLE).to_bits() as u8
}

/// Rows first, then columns.
#[inline(always)]
fn combine(source: &Picture, rect: Area, columns: &Taps, rows: &Taps, rgb: &mut [u8]) {
    let (stride, length) = (source.width as usize * 3, rect.width * 3);
    // One output row, still of the source's width; a number more, so that each pixel can be read as four.
    let mut mixed = vec![0f32; length + 1];
    let mut line = vec![0f32; columns.spans.len() * 3 + 1];
    for ((first, weights), out) in rows.iter().zip(rgb.chunks_exact_mut(columns.spans.len() * 3)) {
        let row = |k: usize| {
            let start = (rect.y + first + k) * stride + rect.x * 3;
            &source.rgb[start..start + length]
        };
        // Up to three rows in one pass over memory; the order of the sum is theirs.
        let (three, rest) = weights.as_chunks::<3>();
        for (k, &[a, b, c]) in three.iter().enumerate() {
            let keep = if k == 0 { 0.0 } else { 1.0 };
            let rows = row(3 * k).iter().zip(row(3 * k + 1)).zip(row(3 * k + 2));
            for (sum, ((&x, &y), &z)) in mixed.iter_mut().zip(rows) {
                *sum = *sum * keep + a * f32::from(x) + b * f32::from(y) + c * f32::from(z);
            }
        }
        let (from, keep) = (3 * three.len(), if three.is_empty() { 0.0 } else { 1.0 });
        match *rest {
            [a, b] => {
                for (sum, (&x, &y)) in mixed.iter_mut().zip(row(from).iter().zip(row(from + 1))) {
                    *sum = *sum * keep + a * f32::from(x) + b * f32::from(y);
                }
            }
            [a] => {
                for (sum, &x) in mixed.iter_mut().zip(row(from)) {
                    *sum = *sum * keep + a * f32::from(x);
                }
            }
            _ => {}
        }
        for (at, (first, weights)) in columns.iter().enumerate() {
            let mut sum = [0f32; 4];
            for (k, &weight) in weights.iter().enumerate() {
                // Red, green, blue, and the next pixel's red, which the next one writes over.
                let Some(pixel) = mixed.get((first + k) * 3..).and_then(|rest| rest.first_chunk::<4>()) else { break };
                for c in 0..4 {
                    sum[c] += weight * pixel[c];
                }
            }
            if let Some(to) = line.get_mut(at * 3..).and_then(|rest| rest.first_chunk_mut()) {
                *to = sum;
            }
        }
        for (byte, &v) in out.iter_mut().zip(&line) {
            *byte = half_up(v);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: u32, values: &[u8]) -> Picture {
        let height = values.len() as u32 / width;
        Picture { width, height, rgb: values.iter().flat_map(|&v| [v; 3]).collect() }
    }

    fn resized(picture: &Picture, height: usize, width: usize, interpolation: Interpolation, area: bool) -> Vec<u8> {
        let out = resize(picture, Area::whole(picture), Size { height, width }, interpolation, area);
        out.rgb.chunks(3).map(|p| p[0]).collect()
    }

    #[test]
    fn worked_by_hand_as_opencv_gives_them() {
        let row = grey(4, &[0, 100, 200, 40]);
        // cv2.resize([[0, 100, 200, 40]], (2, 1), interpolation=cv2.INTER_AREA) → 50, 120
        assert_eq!(resized(&row, 1, 2, Interpolation::Linear, true), [50, 120]);
        // … (3, 1): cells of 4/3 pixels: (0 + 100/3) / (4/3) = 25, 150, (200/3 + 40·1) / (4/3) = 80
        assert_eq!(resized(&row, 1, 3, Interpolation::Area, false), [25, 150, 80]);
        // INTER_LINEAR to 3: centres at 1/6, 3/2, 17/6 → 16.7, 150, 66.7
        assert_eq!(resized(&row, 1, 3, Interpolation::Linear, false), [17, 150, 67]);
        // INTER_LINEAR to 8: 0, 25, 75, 125, 175, 160, 80, 40
        assert_eq!(resized(&row, 1, 8, Interpolation::Linear, true), [0, 25, 75, 125, 175, 160, 80, 40]);
        assert_eq!(resized(&row, 1, 2, Interpolation::Nearest, false), [0, 200]);
    }

    #[test]
    fn filters_are_pillows() {
        let row = grey(8, &[0, 100, 200, 40, 90, 255, 10, 60]);
        // PIL.Image.fromarray(…).resize((n, 1), BICUBIC or BILINEAR), Pillow 13.0.0.
        assert_eq!(resized(&row, 1, 3, Interpolation::Bicubic, true), [87, 123, 90]);
        assert_eq!(resized(&row, 1, 3, Interpolation::Bilinear, true), [90, 119, 89]);
        assert_eq!(resized(&row, 1, 5, Interpolation::Bicubic, true), [38, 153, 74, 170, 34]);
        assert_eq!(resized(&row, 1, 5, Interpolation::Bilinear, true), [41, 144, 79, 161, 40]);
        assert_eq!(resized(&row, 1, 8, Interpolation::Bicubic, true), [0, 100, 200, 40, 90, 255, 10, 60]);
        assert_eq!(resized(&row, 1, 8, Interpolation::Bilinear, true), [0, 100, 200, 40, 90, 255, 10, 60]);
        assert_eq!(
            resized(&row, 1, 12, Interpolation::Bicubic, true),
            [0, 41, 120, 198, 123, 35, 73, 191, 234, 39, 22, 63]
        );
        assert_eq!(
            resized(&row, 1, 12, Interpolation::Bilinear, true),
            [0, 50, 117, 183, 120, 48, 82, 173, 214, 51, 35, 60]
        );
    }

    #[test]
    fn a_rectangle_reads_only_its_own_pixels() {
        let picture = grey(3, &[1, 2, 3, 4, 50, 60, 7, 80, 90]);
        let rect = Area { x: 1, y: 1, width: 2, height: 2 };
        let out = resize(&picture, rect, Size { height: 2, width: 2 }, Interpolation::Linear, true);
        assert_eq!(out.rgb.chunks(3).map(|p| p[0]).collect::<Vec<_>>(), [50, 60, 80, 90]);
        let out = resize(&picture, rect, Size { height: 1, width: 1 }, Interpolation::Linear, true);
        assert_eq!(out.rgb[0], 70);
    }

    proptest::proptest! {
        #[test]
        fn a_flat_picture_stays_flat(w in 1u32..40, h in 1u32..40, out_w in 1usize..40, out_h in 1usize..40, v: u8, area: bool) {
            let picture = grey(w, &vec![v; (w * h) as usize]);
            let out = resized(&picture, out_h, out_w, Interpolation::Linear, area);
            proptest::prop_assert!(out.iter().all(|&x| x == v));
        }
    }
}
