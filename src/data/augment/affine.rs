//! Scale, rotation, shear and shift about the centre: one bilinear resampling.
//!
//! Takes a picture and drawn numbers; builds albumentations' matrix (shift to the centre · translate
//! · shear · rotate · scale · shift from the centre, pixel centres at whole numbers), inverts it and
//! reads the source at each output pixel, as OpenCV's warpAffine does.

use super::settings::{Affine, Border, Interpolation};
use crate::base::seed::Draws;
use crate::data::decode::Picture;

/// Source position of an output pixel: `x = m[0]·x' + m[1]·y' + m[2]`, `y = m[3]·x' + m[4]·y' + m[5]`.
pub type Inverse = [f64; 6];

/// Draws the numbers of one picture and gives the way back from output to source.
pub fn draw(affine: &Affine, width: u32, height: u32, draws: &mut Draws) -> Inverse {
    let shares = affine.translate.map(|range| range.draw(draws));
    let shear = affine.shear.map(|range| range.draw(draws));
    let mut scale = affine.scale.map(|range| range.draw(draws));
    let rotate = affine.rotate.draw(draws);
    if affine.keep_ratio {
        scale[1] = scale[0];
    }
    let shift = [(shares[0] * f64::from(width)).trunc(), (shares[1] * f64::from(height)).trunc()];
    inverse(scale, rotate, shear, shift, width, height)
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
pub fn warp(source: &Picture, m: &Inverse, interpolation: Interpolation, border: Border, fill: [f32; 3]) -> Picture {
    let (width, height) = (source.width as i64, source.height as i64);
    let pixel = |x: i64, y: i64| -> [f32; 3] {
        match (outside(x, width, border), outside(y, height, border)) {
            (Some(x), Some(y)) => {
                let at = (y * width + x) as usize * 3;
                [0, 1, 2].map(|c| f32::from(source.rgb[at + c]))
            }
            _ => fill,
        }
    };
    let mut rgb = Vec::with_capacity(source.rgb.len());
    for row in 0..height {
        for column in 0..width {
            let x = m[0] * column as f64 + m[1] * row as f64 + m[2];
            let y = m[3] * column as f64 + m[4] * row as f64 + m[5];
            let value = if interpolation == Interpolation::Nearest {
                pixel((x + 0.5).floor() as i64, (y + 0.5).floor() as i64)
            } else {
                let (left, top) = (x.floor(), y.floor());
                let (u, v) = ((x - left) as f32, (y - top) as f32);
                let (left, top) = (left as i64, top as i64);
                let corners = [pixel(left, top), pixel(left + 1, top), pixel(left, top + 1), pixel(left + 1, top + 1)];
                let weights = [(1.0 - u) * (1.0 - v), u * (1.0 - v), (1.0 - u) * v, u * v];
                [0, 1, 2].map(|c| (0..4).map(|k| weights[k] * corners[k][c]).sum())
            };
            rgb.extend(value.map(|v| (v + 0.5) as u8));
        }
    }
    Picture { width: source.width, height: source.height, rgb }
}

/// The pixel that stands in for place `i` of `0..n`; `None` means the fill colour.
fn outside(i: i64, n: i64, border: Border) -> Option<i64> {
    if (0..n).contains(&i) {
        return Some(i);
    }
    match border {
        Border::Constant => None,
        Border::Replicate => Some(i.clamp(0, n - 1)),
        Border::Wrap => Some(i.rem_euclid(n)),
        Border::Reflect => {
            let i = i.rem_euclid(2 * n);
            Some(if i < n { i } else { 2 * n - 1 - i })
        }
        Border::Reflect101 => {
            let period = (2 * n - 2).max(1);
            let i = i.rem_euclid(period);
            Some(if i < n { i } else { period - i })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp() -> Picture {
        // 3 × 2: red holds the place.
        Picture { width: 3, height: 2, rgb: (0..6u8).flat_map(|i| [10 * i, 0, 0]).collect() }
    }

    fn red(picture: &Picture) -> Vec<u8> {
        picture.rgb.chunks(3).map(|p| p[0]).collect()
    }

    #[test]
    fn nothing_drawn_is_the_picture_itself() {
        let m = inverse([1.0; 2], 0.0, [0.0; 2], [0.0; 2], 3, 2);
        assert_eq!(warp(&ramp(), &m, Interpolation::Linear, Border::Constant, [0.0; 3]), ramp());
    }

    #[test]
    fn half_a_turn_about_the_centre_reverses() {
        let m = inverse([1.0; 2], 180.0, [0.0; 2], [0.0; 2], 3, 2);
        let turned = warp(&ramp(), &m, Interpolation::Linear, Border::Replicate, [0.0; 3]);
        assert_eq!(red(&turned), [50, 40, 30, 20, 10, 0]);
    }

    #[test]
    fn a_positive_angle_turns_counter_clockwise() {
        // 3 × 3 with a mark at the right: after 90 degrees it is at the top.
        let mut rgb = vec![0; 27];
        rgb[(3 + 2) * 3] = 200;
        let picture = Picture { width: 3, height: 3, rgb };
        let m = inverse([1.0; 2], 90.0, [0.0; 2], [0.0; 2], 3, 3);
        let turned = warp(&picture, &m, Interpolation::Nearest, Border::Constant, [0.0; 3]);
        assert_eq!(red(&turned).iter().position(|&v| v == 200), Some(1));
    }

    #[test]
    fn a_shift_uncovers_the_fill() {
        let m = inverse([1.0; 2], 0.0, [0.0; 2], [1.0, 0.0], 3, 2);
        assert_eq!(red(&warp(&ramp(), &m, Interpolation::Linear, Border::Constant, [7.0; 3])), [7, 0, 10, 7, 30, 40]);
    }

    #[test]
    fn borders_as_opencv_draws_them() {
        let at = |border| (-3..6).map(|i| outside(i, 3, border)).collect::<Vec<_>>();
        let some = |list: [i64; 9]| list.map(Some).to_vec();
        assert_eq!(at(Border::Reflect), some([2, 1, 0, 0, 1, 2, 2, 1, 0]));
        assert_eq!(at(Border::Reflect101), some([1, 2, 1, 0, 1, 2, 1, 0, 1]));
        assert_eq!(at(Border::Wrap), some([0, 1, 2, 0, 1, 2, 0, 1, 2]));
        assert_eq!(at(Border::Replicate), some([0, 0, 0, 0, 1, 2, 2, 2, 2]));
        assert_eq!(outside(5, 1, Border::Reflect101), Some(0));
    }
}
