//! The picture read at other places: what Affine, Perspective, GridDistortion and RandAugment have in common.
//!
//! Takes a picture and, for each output pixel, the place in the source that it shows (pixel centres at whole numbers,
//! as in OpenCV's warpAffine and remap); gives the picture, bilinear or nearest. [`inverse`] is albumentations' matrix
//! of Affine (shift to the centre · translate · shear · rotate · scale · shift from the centre), turned round.

use crate::data::augment::settings::{Border, Interpolation, Size};
use crate::data::decode::Picture;

/// Source position of an output pixel: `x = m[0]·x' + m[1]·y' + m[2]`, `y = m[3]·x' + m[4]·y' + m[5]`.
pub type Inverse = [f64; 6];

/// How pixels between and outside pixels are made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// Linear or nearest.
    pub interpolation: Interpolation,
    /// What stands outside.
    pub border: Border,
    /// Colour outside, with [`Border::Constant`].
    pub fill: [f32; 3],
}

/// The inverse of albumentations' matrix. Angles in degrees, shift in pixels.
pub fn inverse(scale: [f64; 2], rotate: f64, shear: [f64; 2], shift: [f64; 2], width: u32, height: u32) -> Inverse {
    let (sin, cos) = rotate.to_radians().sin_cos();
    // albumentations draws a shear and uses its negative.
    let (shear_x, shear_y) = ((-shear[0]).to_radians().tan(), (-shear[1]).to_radians().tan());
    // shear · rotate · scale
    let a = (cos - shear_x * sin) * scale[0];
    let b = (sin + shear_x * cos) * scale[1];
    let c = (shear_y * cos - sin) * scale[0];
    let d = (shear_y * sin + cos) * scale[1];
    let centre = [f64::from(width) / 2.0 - 0.5, f64::from(height) / 2.0 - 0.5];
    // The determinant is 0 only for shears that flatten the picture; a tiny one shows the centre's colour.
    let determinant = a * d - b * c;
    let scaled = |v: f64| if determinant.abs() > 1e-9 { v / determinant } else { 0.0 };
    let (ia, ib, ic, id) = (scaled(d), scaled(-b), scaled(-c), scaled(a));
    let (x, y) = (centre[0] + shift[0], centre[1] + shift[1]);
    [ia, ib, centre[0] - ia * x - ib * y, ic, id, centre[1] - ic * x - id * y]
}

/// The picture seen through an inverse matrix; the size stays.
pub fn warp(source: &Picture, m: &Inverse, look: Look) -> Picture {
    let size = Size { height: source.height as usize, width: source.width as usize };
    remap(source, size, look, |column, row| (m[0] * column + m[1] * row + m[2], m[3] * column + m[4] * row + m[5]))
}

/// Bits behind the point of a place between pixels: three bytes and twice these are 30 bits.
const PART: u32 = 11;
/// One pixel in these.
const ONE: i32 = 1 << PART;

/// The picture of another size whose pixel (column, row) shows the place `at(column, row)` of the source. A place that is
/// no number is the first pixel's.
pub fn remap(source: &Picture, size: Size, look: Look, at: impl Fn(f64, f64) -> (f64, f64)) -> Picture {
    let (width, height) = (source.width as usize, source.height as usize);
    let stride = width * 3;
    let outside = |x: i64, y: i64| -> [f32; 3] {
        match (look.border.source(x, width as i64), look.border.source(y, height as i64)) {
            (Some(x), Some(y)) => texel(&source.rgb, y as usize * width + x as usize),
            _ => look.fill,
        }
    };
    let nearest = look.interpolation == Interpolation::Nearest;
    let mut rgb = vec![0; size.width * size.height * 3];
    for (row, line) in rgb.chunks_exact_mut(size.width.max(1) * 3).enumerate() {
        for (column, out) in line.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let (x, y) = at(column as f64, row as f64);
            let (x, y) = if nearest { (fixed(x + 0.5), fixed(y + 0.5)) } else { (fixed(x), fixed(y)) };
            let (left, top) = (x >> PART, y >> PART);
            let (u, v) =
                if nearest { (0, 0) } else { ((x & i64::from(ONE - 1)) as i32, (y & i64::from(ONE - 1)) as i32) };
            let inside = left >= 0 && top >= 0 && left + 1 < width as i64 && top + 1 < height as i64;
            // Nearly all pixels: two neighbours of two rows without a question about the border.
            let first = (top as usize).wrapping_mul(stride).wrapping_add((left as usize).wrapping_mul(3));
            let pair = |at: usize| source.rgb.get(at..).and_then(|rest| rest.first_chunk::<6>());
            if let (true, Some(upper), Some(lower)) = (inside, pair(first), pair(first.wrapping_add(stride))) {
                for c in 0..3 {
                    let across = |row: &[u8; 6]| i32::from(row[c]) * (ONE - u) + i32::from(row[c + 3]) * u;
                    let sum = across(upper) * (ONE - v) + across(lower) * v;
                    out[c] = ((sum + (1 << (2 * PART - 1))) >> (2 * PART)) as u8;
                }
                continue;
            }
            let (u, v) = (u as f32 / ONE as f32, v as f32 / ONE as f32);
            let corners = [(left, top), (left + 1, top), (left, top + 1), (left + 1, top + 1)];
            let weights = [(1.0 - u) * (1.0 - v), u * (1.0 - v), (1.0 - u) * v, u * v];
            let mut value = [0f32; 3];
            for ((x, y), weight) in corners.into_iter().zip(weights).filter(|(_, weight)| *weight > 0.0) {
                for (value, texel) in value.iter_mut().zip(outside(x, y)) {
                    *value += weight * texel;
                }
            }
            *out = value.map(|v| (v + 0.5) as u8);
        }
    }
    Picture { width: size.width as u32, height: size.height as u32, rgb }
}

fn texel(rgb: &[u8], pixel: usize) -> [f32; 3] {
    let at = pixel * 3;
    match rgb.get(at..at + 3) {
        Some(p) => [f32::from(p[0]), f32::from(p[1]), f32::from(p[2])],
        None => [0.0; 3],
    }
}

/// A place with [`PART`] bits behind the point, rounded; far out it stays at a place that is outside of any picture.
fn fixed(place: f64) -> i64 {
    // Above 0 a cast is a floor. Written so because `f64::floor` is a call on CPUs of the baseline.
    const FAR: i64 = 1 << 30;
    let shifted = place.clamp(-1e9, 1e9) + FAR as f64;
    (shifted * f64::from(ONE) + 0.5) as i64 - (FAR << PART)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp() -> Picture {
        // 3 × 2: red holds the place.
        Picture { width: 3, height: 2, rgb: (0..6u8).flat_map(|i| [10 * i, 0, 0]).collect() }
    }

    fn look(interpolation: Interpolation, border: Border, fill: f32) -> Look {
        Look { interpolation, border, fill: [fill; 3] }
    }

    fn red(picture: &Picture) -> Vec<u8> {
        picture.rgb.chunks(3).map(|p| p[0]).collect()
    }

    #[test]
    fn nothing_drawn_is_the_picture_itself() {
        let m = inverse([1.0; 2], 0.0, [0.0; 2], [0.0; 2], 3, 2);
        assert_eq!(warp(&ramp(), &m, look(Interpolation::Linear, Border::Constant, 0.0)), ramp());
    }

    #[test]
    fn half_a_turn_about_the_centre_reverses() {
        let m = inverse([1.0; 2], 180.0, [0.0; 2], [0.0; 2], 3, 2);
        let turned = warp(&ramp(), &m, look(Interpolation::Linear, Border::Replicate, 0.0));
        assert_eq!(red(&turned), [50, 40, 30, 20, 10, 0]);
    }

    #[test]
    fn a_positive_angle_turns_counter_clockwise() {
        // 3 × 3 with a mark at the right: after 90 degrees it is at the top.
        let mut rgb = vec![0; 27];
        rgb[(3 + 2) * 3] = 200;
        let picture = Picture { width: 3, height: 3, rgb };
        let m = inverse([1.0; 2], 90.0, [0.0; 2], [0.0; 2], 3, 3);
        let turned = warp(&picture, &m, look(Interpolation::Nearest, Border::Constant, 0.0));
        assert_eq!(red(&turned).iter().position(|&v| v == 200), Some(1));
    }

    #[test]
    fn a_shift_uncovers_the_fill() {
        let m = inverse([1.0; 2], 0.0, [0.0; 2], [1.0, 0.0], 3, 2);
        assert_eq!(red(&warp(&ramp(), &m, look(Interpolation::Linear, Border::Constant, 7.0))), [7, 0, 10, 7, 30, 40]);
    }

    #[test]
    fn no_place_is_too_far() {
        let look = look(Interpolation::Linear, Border::Wrap, 0.0);
        for far in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300] {
            let seen = remap(&ramp(), Size { height: 2, width: 5 }, look, |_, _| (far, far));
            assert_eq!((seen.width, seen.height, seen.rgb.len()), (5, 2, 30));
        }
        assert_eq!([-1.5, -1.0, -0.1, 0.0, 0.9, 2.0].map(|x| fixed(x) >> PART), [-2, -1, -1, 0, 0, 2]);
        assert_eq!([0.25, -0.25, 1e-9].map(|x| fixed(x) & i64::from(ONE - 1)), [512, 1536, 0]);
    }
}
