//! The arithmetic of colour, sixteen pixels at a time.
//!
//! Takes rows of bytes (red, green, blue) and a [`Change`]; gives each pixel's new value, rounded to the nearest level, halves to
//! the even one as OpenCV rounds. Everything is written without a branch, over arrays of one length, so that the compiler makes
//! vectors of it; a pixel's bits depend on nothing but its own. HSV is OpenCV's for 8 bits (cvtColor's RGB2HSV): 180 steps of
//! hue, 256 of saturation and value, and both ways round once.

use crate::base::wide::wide;

/// Pixels at a time.
const LANES: usize = 16;

/// Red, green and blue of some pixels, 0 to 255.
pub type Lanes = [[f32; LANES]; 3];

/// What happens to pixels by themselves.
pub trait Change {
    /// Changes all lanes; what leaves 0 to 255 is cut off later.
    fn change(&self, lanes: &mut Lanes);
}

/// The grey level nearest to a number; 0 and 255 for what lies beyond.
#[inline(always)]
pub fn level(v: f32) -> u8 {
    // At 2²³ a float has no places behind the point, and its lowest byte is the level.
    (v.clamp(0.0, 255.0) + 8_388_608.0).to_bits() as u8
}

/// Changes a picture's bytes.
pub fn each(rgb: &mut [u8], change: &impl Change) {
    wide!(|| all(rgb, change));
}

#[inline(always)]
fn all(rgb: &mut [u8], change: &impl Change) {
    let (chunks, rest) = rgb.as_chunks_mut::<{ 3 * LANES }>();
    for chunk in chunks {
        one(chunk, change);
    }
    if !rest.is_empty() {
        let mut last = [0; 3 * LANES];
        last[..rest.len()].copy_from_slice(rest);
        one(&mut last, change);
        rest.copy_from_slice(&last[..rest.len()]);
    }
}

#[inline(always)]
fn one(chunk: &mut [u8; 3 * LANES], change: &impl Change) {
    let mut lanes = apart(chunk);
    change.change(&mut lanes);
    let mut levels = [[0u8; LANES]; 3];
    for c in 0..3 {
        for i in 0..LANES {
            levels[c][i] = level(lanes[c][i]);
        }
    }
    for i in 0..LANES {
        for c in 0..3 {
            chunk[3 * i + c] = levels[c][i];
        }
    }
}

/// The channels of sixteen pixels.
#[inline(always)]
pub fn apart(chunk: &[u8; 3 * LANES]) -> Lanes {
    let mut bytes = [[0u8; LANES]; 3];
    for i in 0..LANES {
        for c in 0..3 {
            bytes[c][i] = chunk[3 * i + c];
        }
    }
    let mut lanes = [[0.0; LANES]; 3];
    for c in 0..3 {
        for i in 0..LANES {
            lanes[c][i] = f32::from(bytes[c][i]);
        }
    }
    lanes
}

/// Every channel times `factor`, plus `add` (in levels).
pub fn scale(rgb: &mut [u8], factor: f32, add: f32) {
    wide!(|| {
        for v in rgb {
            *v = level(f32::from(*v) * factor + add);
        }
    });
}

/// The distance to the pixel's own grey (OpenCV's RGB2GRAY) times the factor.
#[derive(Clone, Copy, Debug)]
pub struct Saturated(pub f32);

impl Change for Saturated {
    #[inline(always)]
    fn change(&self, [r, g, b]: &mut Lanes) {
        for i in 0..LANES {
            // 14-bit fixed point is exact in 24 bits of a float.
            let sum = r[i] * 4899.0 + g[i] * 9617.0 + b[i] * 1868.0;
            let own = whole(sum * (1.0 / 16_384.0)) * (1.0 - self.0);
            r[i] = r[i] * self.0 + own;
            g[i] = g[i] * self.0 + own;
            b[i] = b[i] * self.0 + own;
        }
    }
}

/// Numbers added to hue (steps of 2 degrees, going round), saturation and value (levels, stopping at their ends). Grey stays grey.
#[derive(Clone, Copy, Debug)]
pub struct Shifted {
    /// Whole steps from 0 to 179.
    pub hue: f32,
    /// Whole levels.
    pub saturation: f32,
    /// Whole levels.
    pub value: f32,
}

impl Shifted {
    /// Steps of hue, which may have a part behind the point, and levels.
    pub fn new(hue: f64, saturation: f64, value: f64) -> Shifted {
        // A hue is a whole step, so that a part of a step never reaches the next one.
        let hue = hue.rem_euclid(180.0).floor() % 180.0;
        Shifted { hue: hue as f32, saturation: saturation.trunc() as f32, value: value.trunc() as f32 }
    }
}

impl Change for Shifted {
    #[inline(always)]
    fn change(&self, [r, g, b]: &mut Lanes) {
        for i in 0..LANES {
            let (h, s, v) = to_hsv(r[i], g[i], b[i]);
            let h = h + self.hue;
            let h = if h >= 180.0 { h - 180.0 } else { h };
            let moved = (s + self.saturation).clamp(0.0, 255.0);
            let s = if s > 0.0 { moved } else { 0.0 };
            [r[i], g[i], b[i]] = from_hsv(h, s, (v + self.value).clamp(0.0, 255.0));
        }
    }
}

/// The nearest whole number, for numbers of less than 2²².
#[inline(always)]
fn whole(v: f32) -> f32 {
    (v + 12_582_912.0) - 12_582_912.0
}

/// Hue from 0 to 179, saturation and value from 0 to 255, all whole.
#[inline(always)]
pub fn to_hsv(r: f32, g: f32, b: f32) -> (f32, f32, f32) {
    let v = r.max(g).max(b);
    let spread = v - r.min(g).min(b);
    let (apart, third) = if v == r {
        (g - b, 0.0)
    } else if v == g {
        (b - r, 60.0)
    } else {
        (r - g, 120.0)
    };
    // Grey has no hue, black no saturation; both are 0 / 1.
    let h = whole(apart * 30.0 / spread.max(1.0)) + third;
    let h = if h < 0.0 { h + 180.0 } else { h };
    (h, whole(255.0 * spread / v.max(1.0)), v)
}

/// The way back, not yet rounded.
#[inline(always)]
pub fn from_hsv(h: f32, s: f32, v: f32) -> [f32; 3] {
    let (sixth, depth) = (h * (1.0 / 30.0), v * s * (1.0 / 255.0));
    // A channel is at its fullest for two sixths of the circle about its own colour, and falls within one more.
    let channel = |own: f32| {
        let from = sixth + own;
        let from = if from >= 6.0 { from - 6.0 } else { from };
        v - depth * from.min(4.0 - from).clamp(0.0, 1.0)
    };
    [channel(5.0), channel(3.0), channel(1.0)]
}

/// The sum of all pixels' greys (OpenCV's RGB2GRAY).
pub fn grey_sum(rgb: &[u8]) -> u64 {
    wide!(|| grey_sum_of(rgb))
}

#[inline(always)]
fn grey_sum_of(rgb: &[u8]) -> u64 {
    let mut total = 0;
    // As many as stay exact in a float's 24 bits: 255 · 2¹² in each lane.
    for part in rgb.chunks((3 * LANES) << 12) {
        let (chunks, rest) = part.as_chunks::<{ 3 * LANES }>();
        let mut sums = [0.0f32; LANES];
        for chunk in chunks {
            let [r, g, b] = apart(chunk);
            for i in 0..LANES {
                sums[i] += whole((r[i] * 4899.0 + g[i] * 9617.0 + b[i] * 1868.0) * (1.0 / 16_384.0));
            }
        }
        // Whole numbers below 2²⁴, so their sums are exact in any order.
        total += sums.iter().map(|&sum| sum as u64).sum::<u64>();
        total += rest.chunks_exact(3).map(|p| u64::from(super::gray::grey(p[0], p[1], p[2]))).sum::<u64>();
    }
    total
}

/// Channel after channel as numbers: `level · factor + add` of each, into planes of as many numbers as there are pixels.
pub fn planes(rgb: &[u8], factors: [f32; 3], adds: [f32; 3], out: &mut [f32]) {
    let pixels = rgb.len() / 3;
    let (red, rest) = out.split_at_mut(pixels);
    let (green, blue) = rest.split_at_mut(pixels);
    wide!(|| planes_of(rgb, factors, adds, [red, green, blue]));
}

#[inline(always)]
fn planes_of(rgb: &[u8], factors: [f32; 3], adds: [f32; 3], out: [&mut [f32]; 3]) {
    let (chunks, rest) = rgb.as_chunks::<{ 3 * LANES }>();
    let [red, green, blue] = out;
    let (r, red) = red.as_chunks_mut::<LANES>();
    let (g, green) = green.as_chunks_mut::<LANES>();
    let (b, blue) = blue.as_chunks_mut::<LANES>();
    for (((chunk, r), g), b) in chunks.iter().zip(r).zip(g).zip(b) {
        let lanes = apart(chunk);
        for i in 0..LANES {
            r[i] = lanes[0][i] * factors[0] + adds[0];
            g[i] = lanes[1][i] * factors[1] + adds[1];
            b[i] = lanes[2][i] * factors[2] + adds[2];
        }
    }
    for (((pixel, r), g), b) in rest.chunks_exact(3).zip(red).zip(green).zip(blue) {
        *r = f32::from(pixel[0]) * factors[0] + adds[0];
        *g = f32::from(pixel[1]) * factors[1] + adds[1];
        *b = f32::from(pixel[2]) * factors[2] + adds[2];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::augment::colour::gray::grey;
    use crate::data::augment::golden::noise;

    #[test]
    fn levels_are_the_nearest() {
        let got = [-9.0, 0.4, 0.5, 1.5, 254.4, 254.6, 300.0].map(level);
        assert_eq!(got, [0, 0, 0, 2, 254, 255, 255]);
    }

    #[test]
    fn lanes_and_rest_are_changed_alike() {
        for (width, height) in [(1, 1), (5, 3), (16, 2), (37, 11)] {
            let picture = noise(width, height);
            let changed = |change: &dyn Fn(&mut [u8])| {
                let mut together = picture.rgb.clone();
                change(&mut together);
                let mut single = picture.rgb.clone();
                single.chunks_mut(3).for_each(change);
                assert_eq!(together, single);
            };
            changed(&|rgb| scale(rgb, 1.3, -20.0));
            changed(&|rgb| each(rgb, &Saturated(0.4)));
            changed(&|rgb| each(rgb, &Shifted::new(-33.5, 20.9, -11.0)));
            let greys: u64 = picture.rgb.chunks(3).map(|p| u64::from(grey(p[0], p[1], p[2]))).sum();
            assert_eq!(grey_sum(&picture.rgb), greys);
        }
    }

    #[test]
    fn hsv_is_opencvs() {
        // cv2.cvtColor(…, cv2.COLOR_RGB2HSV), OpenCV 5.
        for (rgb, hsv) in [
            ([255, 0, 0], [0, 255, 255]),
            ([0, 255, 0], [60, 255, 255]),
            ([0, 0, 255], [120, 255, 255]),
            ([255, 0, 1], [0, 255, 255]),
            ([200, 30, 120], [164, 217, 200]),
            ([10, 200, 100], [74, 242, 200]),
            ([90, 80, 85], [165, 28, 90]),
            ([7, 7, 7], [0, 0, 7]),
            ([0, 0, 0], [0, 0, 0]),
        ] {
            let [r, g, b] = rgb.map(|v: u8| f32::from(v));
            let (h, s, v) = to_hsv(r, g, b);
            assert_eq!([h, s, v].map(|v| v as u8), hsv, "{rgb:?}");
        }
    }

    #[test]
    fn hsv_and_back_stays_within_its_coarse_steps() {
        for i in 0..4096u32 {
            let rgb = [(i >> 8) * 17, (i >> 4 & 15) * 17, (i & 15) * 17].map(|v| v as f32);
            let (h, s, v) = to_hsv(rgb[0], rgb[1], rgb[2]);
            let back = from_hsv(h, s, v);
            assert!(rgb.iter().zip(back).all(|(&a, b)| (a - b).abs() <= 5.0), "{rgb:?} {back:?}");
        }
    }
}
