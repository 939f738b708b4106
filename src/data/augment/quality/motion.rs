//! MotionBlur: a camera or a thing that moved while the shutter was open.
//!
//! Takes a picture and a drawn line through a small window; each pixel becomes the plain mean of the pixels on that line
//! around it. Lines are drawn as albumentations' 2.0.8 draws them; outside of the picture it is mirrored, as in
//! cv2.filter2D. Sums are whole numbers, divided by one multiplication.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;

use super::blur::{mirrored, with_margin};
use crate::base::seed::Draws;
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::data::augment::operation::{Built, Operation, Row, Settings};
use crate::data::augment::settings::{LAST_EPOCHS_OFF, Numbers, P_HALF, Range, from_to, range};
use crate::data::decode::Picture;

/// The row of MotionBlur.
pub const MOTION_BLUR: Row = Row::of::<MotionBlur>(Technique {
    name: "MotionBlur",
    slot: "augment",
    about: "Blur along a random line, as a moving camera does.",
    details: "A window of an odd width in blur_limit (a number v means [3, v]) is drawn, and in it a line: its angle is \
        uniform in angle_range; direction_range says how far it lies to one side of the pixel (-1 behind, 0 on both sides, 1 \
        ahead); allow_shifted moves it by up to a quarter of the window besides. Each pixel becomes the mean of the pixels on \
        the line.\n\n\
        For hand-held photos in poor light. Published solutions have it as one branch of a OneOf with the default window of \
        3 to 7.\n\n\
        The window is in pixels of the picture as it is at this place of the list. Strokes of print thinner than the window \
        vanish across its line. Cost: as many additions a pixel as the window is wide.",
    params: &[
        Param::new(
            "blur_limit",
            Kind::Either(&[WINDOW, Kind::List { of: &WINDOW, min: 2, max: 2 }]),
            Default::Is(Literal::List(&[Literal::Int(3), Literal::Int(7)])),
            "Width of the window, made odd.",
        )
        .unit("pixels"),
        Param::new("allow_shifted", Kind::Bool, Default::Is(Literal::Bool(true)), "The line may lie beside the pixel."),
        Param::new("angle_range", range!(float 0.0, 360.0), from_to!(0.0, 360.0), "Angle of the line.").unit("degrees"),
        Param::new(
            "direction_range",
            range!(float - 1.0, 1.0),
            from_to!(-1.0, 1.0),
            "Behind the pixel or ahead of it.",
        ),
        P_HALF,
        LAST_EPOCHS_OFF,
    ],
    source: "albumentations 2.0.8 MotionBlur",
    status: Status::Built,
});

const WINDOW: Kind = Kind::OverEpochs(&Kind::Int { min: 3, max: 255 });

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MotionBlur {
    blur_limit: Numbers,
    allow_shifted: bool,
    angle_range: Range,
    direction_range: Range,
}

/// Width of a window and its points as (row, column), in order, each once.
type Line = (usize, Vec<[usize; 2]>);

impl MotionBlur {
    fn draw(&self, draws: &mut Draws) -> Line {
        let limit = self.blur_limit.from(3.0);
        let (low, high) = (limit.low as usize | 1, limit.high as usize | 1);
        let window = low + 2 * draws.below(((high - low) / 2 + 1) as u64) as usize;
        let (sin, cos) = self.angle_range.draw(draws).to_radians().sin_cos();
        let direction = self.direction_range.draw(draws);
        let reach = (window / 2) as f64;
        let (first, last) = (-reach * (1.0 - direction.max(0.0)), reach * (1.0 + direction.min(0.0)));
        let mut shift = || if self.allow_shifted { draws.uniform(-1.0, 1.0) * reach / 2.0 } else { 0.0 };
        let (shift_x, shift_y) = (shift(), shift());
        let step = (last - first) / (window - 1) as f64;
        let place = |way: f64| (reach + way).round_ties_even().clamp(0.0, (window - 1) as f64) as usize;
        let mut points: Vec<[usize; 2]> = (0..window)
            .map(|i| first + step * i as f64)
            .map(|t| [place(sin * t + shift_y), place(cos * t + shift_x)])
            .collect();
        points.sort_unstable();
        points.dedup();
        (window, points)
    }
}

impl Settings for MotionBlur {
    fn operation(self, _: &str) -> Built {
        self.blur_limit.from(3.0).ordered("blur_limit")?;
        self.angle_range.ordered("angle_range")?;
        self.direction_range.ordered("direction_range")?;
        Ok(Arc::new(self))
    }
}

impl Operation for MotionBlur {
    fn is_random(&self) -> bool {
        let ranges = [self.blur_limit.from(3.0), self.angle_range, self.direction_range];
        self.allow_shifted || ranges.iter().any(|range| !range.is_fixed())
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, draws: &mut Draws) -> Cow<'a, Picture> {
        let (window, points) = self.draw(draws);
        Cow::Owned(smear(&picture, window, &points))
    }
}

fn smear(picture: &Picture, window: usize, points: &[[usize; 2]]) -> Picture {
    let (stride, height, radius) = (picture.width as usize * 3, picture.height as usize, window / 2);
    let wide = stride + radius * 6;
    let mut padded = vec![0u8; wide * height];
    for (row, out) in picture.rgb.chunks_exact(stride).zip(padded.chunks_exact_mut(wide)) {
        with_margin(row, radius, out);
    }
    // 1 / number of points in 24 bits: 255 · 2²⁴ and half of it still fit into 32.
    let count = points.len().max(1) as u32;
    let share = ((1 << 24) + count / 2) / count;
    let mut sums = vec![0u32; stride];
    let mut rgb = vec![0u8; stride * height];
    for (y, out) in rgb.chunks_exact_mut(stride).enumerate() {
        sums.fill(0);
        for [row, column] in points {
            let line = mirrored((y + row) as i64 - radius as i64, height) * wide + column * 3;
            sums.iter_mut().zip(&padded[line..line + stride]).for_each(|(sum, &v)| *sum += u32::from(v));
        }
        out.iter_mut().zip(&sums).for_each(|(out, sum)| *out = ((sum * share + (1 << 23)) >> 24) as u8);
    }
    Picture { width: picture.width, height: picture.height, rgb }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::augment::golden::{apart, calls, distribution, picture};

    #[test]
    fn lines_are_drawn_as_albumentations_draws_them() {
        for (name, allow_shifted) in [("MotionBlur", true), ("MotionBlur unshifted", false)] {
            let blur_limit = Numbers::Range([3.0, 11.0].into());
            let (angle_range, direction_range) = ([20.0, 120.0].into(), [-1.0, 1.0].into());
            let op = MotionBlur { blur_limit, allow_shifted, angle_range, direction_range };
            distribution(name, &["window", "points", "row", "column"], |draws| {
                let (window, points) = op.draw(draws);
                let mean = |i: usize| {
                    let sum: usize = points.iter().map(|p| p[i]).sum();
                    sum as f64 / points.len() as f64 - (window / 2) as f64
                };
                vec![window as f64, points.len() as f64, mean(0), mean(1)]
            });
        }
    }

    #[test]
    fn a_line_is_averaged_as_opencv_filters() {
        for case in calls("motion") {
            let points: Vec<[usize; 2]> = case.ops.get("points").unwrap().decode().unwrap();
            let window: usize = case.ops.get("window").unwrap().decode().unwrap();
            let mean = apart(&smear(&picture(), window, &points), &case.picture());
            assert!(mean < 1.0, "{}: {mean}", case.ops);
        }
    }

    #[test]
    fn a_flat_picture_stays() {
        let flat = Picture { width: 4, height: 3, rgb: vec![255; 36] };
        for n in 1..=7 {
            let points: Vec<[usize; 2]> = (0..n).map(|i| [3, i]).collect();
            assert_eq!(smear(&flat, 7, &points), flat);
        }
    }
}
