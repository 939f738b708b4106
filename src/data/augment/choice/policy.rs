//! RandAugment and TrivialAugmentWide: ready-made spaces of operations with one dial, or none.
//!
//! Takes a picture; gives it after operations drawn from torchvision's spaces, with its names and magnitudes.
//! Cubuk et al. 2019, "RandAugment", arXiv 1909.13719; Müller and Hutter 2021, "TrivialAugment", arXiv 2103.10158.
//! Geometry is what torchvision does with a Pillow picture: pixel centres at halves, nearest pixel by default.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;

use super::enhance::{autocontrast, equalize, sharpness, solarize};
use crate::base::seed::Draws;
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::data::augment::colour::jitter::{brightness, contrast, saturation};
use crate::data::augment::colour::tone::{look_up, posterized};
use crate::data::augment::geometry::warp::{Look, warp};
use crate::data::augment::operation::{Built, Operation, Row, Settings};
use crate::data::augment::settings::{Border, FILL, Fill, Interpolation, LAST_EPOCHS_OFF, P_ONE, WARP_INTERPOLATION};
use crate::data::decode::Picture;

const BINS: Param = Param::new(
    "num_magnitude_bins",
    Kind::Int { min: 2, max: 1000 },
    Default::Is(Literal::Int(31)),
    "Steps from no change to the strongest.",
)
.unit("steps");
const NEAREST: Param = Param { default: Default::Is(Literal::Text("nearest")), ..WARP_INTERPOLATION };
const OUTSIDE: Param = Param { about: "Grey level, or [red, green, blue], outside the picture.", ..FILL };

/// The row of RandAugment.
pub const RAND_AUGMENT: Row = Row::of::<RandAugment>(Technique {
    name: "RandAugment",
    slot: "augment",
    about: "Apply some random operations of a ready-made list, all at one strength.",
    details: "num_ops times one of 14 operations is drawn, all as likely: Identity, ShearX, ShearY, TranslateX, TranslateY, \
        Rotate, Brightness, Color, Contrast, Sharpness, Posterize, Solarize, AutoContrast, Equalize. Each is applied at \
        `magnitude` of num_magnitude_bins steps, in a random direction where it has two. The strongest are a shear of \
        0.3, a shift of 45 % of the side, 30 degrees, factors 1 ± 0.9, 4 bits, and everything solarized.\n\n\
        It saves choosing operations one by one: two numbers remain, which can be searched. The defaults 2 and 9 are \
        torchvision's. HappyWhale 2nd place: \"helped quite a bit\".\n\n\
        The space was made for ImageNet's classes. Solarize and Posterize destroy colour, and mirrored or turned text is \
        other text: where labels differ by these, write a list of your own. Corners are black unless `fill` says otherwise. \
        Cost: two cheap operations.",
    params: &[
        Param::new(
            "num_ops",
            Kind::OverEpochs(&Kind::Int { min: 0, max: 16 }),
            Default::Is(Literal::Int(2)),
            "How many are applied.",
        )
        .unit("operations"),
        Param::new(
            "magnitude",
            Kind::OverEpochs(&Kind::Int { min: 0, max: 999 }),
            Default::Is(Literal::Int(9)),
            "Strength.",
        )
        .unit("steps"),
        BINS,
        NEAREST,
        OUTSIDE,
        P_ONE,
        LAST_EPOCHS_OFF,
    ],
    source: "torchvision 0.29 RandAugment; Cubuk et al. 2019, arXiv 1909.13719",
    status: Status::Built,
});

/// The row of TrivialAugmentWide.
pub const TRIVIAL_AUGMENT_WIDE: Row = Row::of::<TrivialAugmentWide>(Technique {
    name: "TrivialAugmentWide",
    slot: "augment",
    about: "Apply one random operation of a ready-made list at a random strength.",
    details: "One of RandAugment's 14 operations is drawn, and one of num_magnitude_bins steps of its strength: nothing is left to \
        tune, and on ImageNet it is as good as tuned policies. The strongest steps are wider than RandAugment's: a shear of \
        0.99, a shift of 32 pixels, 135 degrees, factors 1 ± 0.99, 2 bits.\n\n\
        It fails where RandAugment fails, and turning by up to 135 degrees besides is too much for whatever stands upright. \
        Cost: one cheap operation.",
    params: &[BINS, NEAREST, OUTSIDE, P_ONE, LAST_EPOCHS_OFF],
    source: "torchvision 0.29 TrivialAugmentWide; Müller and Hutter 2021, arXiv 2103.10158",
    status: Status::Built,
});

/// What a space is made of, in torchvision's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Part {
    Identity,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Brightness,
    Color,
    Contrast,
    Sharpness,
    Posterize,
    Solarize,
    AutoContrast,
    Equalize,
}

const PARTS: [Part; 14] = [
    Part::Identity,
    Part::ShearX,
    Part::ShearY,
    Part::TranslateX,
    Part::TranslateY,
    Part::Rotate,
    Part::Brightness,
    Part::Color,
    Part::Contrast,
    Part::Sharpness,
    Part::Posterize,
    Part::Solarize,
    Part::AutoContrast,
    Part::Equalize,
];

/// How strong the strongest step is.
struct Space {
    shear: f64,
    /// Pixels along x and y.
    translate: [f64; 2],
    degrees: f64,
    factor: f64,
    /// How many of 8 bits are taken away.
    bits: f64,
}

impl Space {
    /// The magnitude of `part` at `step` of `bins`, and whether it has two directions.
    fn magnitude(&self, part: Part, step: usize, bins: usize) -> (f64, bool) {
        let share = step as f64 / (bins - 1) as f64;
        match part {
            Part::Identity | Part::AutoContrast | Part::Equalize => (0.0, false),
            Part::ShearX | Part::ShearY => (self.shear * share, true),
            Part::TranslateX => (self.translate[0] * share, true),
            Part::TranslateY => (self.translate[1] * share, true),
            Part::Rotate => (self.degrees * share, true),
            Part::Brightness | Part::Color | Part::Contrast | Part::Sharpness => (self.factor * share, true),
            Part::Posterize => (8.0 - (self.bits * share).round_ties_even(), false),
            Part::Solarize => (255.0 * (1.0 - share), false),
        }
    }
}

/// One operation of a space on a picture.
fn apply(mut picture: Picture, part: Part, magnitude: f64, look: Look) -> Picture {
    let (w, h) = (f64::from(picture.width), f64::from(picture.height));
    let factor = 1.0 + magnitude;
    // Pillow's inverse for pixel centres at halves; ours are at whole numbers.
    let seen = |picture: &Picture, [a, b, c, d, e, f]: [f64; 6]| {
        warp(picture, &[a, b, (a + b) / 2.0 + c - 0.5, d, e, (d + e) / 2.0 + f - 0.5], look)
    };
    match part {
        Part::Identity => {}
        Part::ShearX => return seen(&picture, [1.0, magnitude, 0.0, 0.0, 1.0, 0.0]),
        Part::ShearY => return seen(&picture, [1.0, 0.0, 0.0, magnitude, 1.0, 0.0]),
        Part::TranslateX => return seen(&picture, [1.0, 0.0, -magnitude.trunc(), 0.0, 1.0, 0.0]),
        Part::TranslateY => return seen(&picture, [1.0, 0.0, 0.0, 0.0, 1.0, -magnitude.trunc()]),
        Part::Rotate => {
            let (sin, cos) = magnitude.to_radians().sin_cos();
            let (x, y) = (w / 2.0, h / 2.0);
            return seen(&picture, [cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y]);
        }
        Part::Brightness => brightness(&mut picture.rgb, factor),
        Part::Color => saturation(&mut picture.rgb, factor),
        Part::Contrast => contrast(&mut picture.rgb, factor),
        Part::Sharpness => sharpness(&mut picture, factor),
        Part::Posterize => look_up(&mut picture.rgb, &posterized(magnitude as i64)),
        Part::Solarize => solarize(&mut picture.rgb, magnitude),
        Part::AutoContrast => autocontrast(&mut picture.rgb),
        Part::Equalize => equalize(&mut picture.rgb),
    }
    picture
}

fn look(interpolation: Interpolation, fill: Fill) -> Look {
    Look { interpolation, border: Border::Constant, fill: fill.rgb() }
}

/// A part of the space, then its direction where it has two.
fn draw(space: &Space, draws: &mut Draws, step: impl Fn(&mut Draws) -> usize, bins: usize) -> (Part, f64) {
    let part = PARTS[draws.below(PARTS.len() as u64) as usize];
    let (magnitude, signed) = space.magnitude(part, step(draws), bins);
    (part, if signed && draws.below(2) == 1 { -magnitude } else { magnitude })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RandAugment {
    num_ops: usize,
    magnitude: usize,
    num_magnitude_bins: usize,
    interpolation: Interpolation,
    fill: Fill,
}

impl RandAugment {
    fn space(width: u32, height: u32) -> Space {
        let translate = [width, height].map(|side| 150.0 / 331.0 * f64::from(side));
        Space { shear: 0.3, translate, degrees: 30.0, factor: 0.9, bits: 4.0 }
    }
}

impl Settings for RandAugment {
    fn operation(self, _: &str) -> Built {
        if self.magnitude >= self.num_magnitude_bins {
            let most = self.num_magnitude_bins - 1;
            return Err(format!("magnitude = {} is above the strongest step, {most}", self.magnitude).into());
        }
        Ok(Arc::new(self))
    }
}

impl Operation for RandAugment {
    fn is_random(&self) -> bool {
        self.num_ops > 0
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, draws: &mut Draws) -> Cow<'a, Picture> {
        let space = RandAugment::space(picture.width, picture.height);
        (0..self.num_ops).fold(picture, |picture, _| {
            let (part, magnitude) = draw(&space, draws, |_| self.magnitude, self.num_magnitude_bins);
            Cow::Owned(apply(picture.into_owned(), part, magnitude, look(self.interpolation, self.fill)))
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrivialAugmentWide {
    num_magnitude_bins: usize,
    interpolation: Interpolation,
    fill: Fill,
}

const WIDE: Space = Space { shear: 0.99, translate: [32.0; 2], degrees: 135.0, factor: 0.99, bits: 6.0 };

impl Settings for TrivialAugmentWide {
    fn operation(self, _: &str) -> Built {
        Ok(Arc::new(self))
    }
}

impl Operation for TrivialAugmentWide {
    fn is_random(&self) -> bool {
        true
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, draws: &mut Draws) -> Cow<'a, Picture> {
        let bins = self.num_magnitude_bins;
        let (part, magnitude) = draw(&WIDE, draws, |draws| draws.below(bins as u64) as usize, bins);
        Cow::Owned(apply(picture.into_owned(), part, magnitude, look(self.interpolation, self.fill)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::augment::golden::{apart, calls, distribution, picture};

    #[test]
    fn each_part_is_torchvisions_on_a_pillow_picture() {
        for case in calls("randaugment") {
            let part: Part = case.ops.get("part").unwrap().decode().unwrap();
            let magnitude = case.ops.get("magnitude").and_then(|v| v.as_f64()).unwrap();
            let out = apply(picture(), part, magnitude, look(Interpolation::Nearest, Fill::Grey(0.0)));
            let mean = apart(&out, &case.picture());
            assert!(mean < 1.0, "{}: {mean}", case.ops);
        }
    }

    #[test]
    fn parts_and_magnitudes_are_drawn_as_torchvision_draws_them() {
        let numbers = |(part, magnitude): (Part, f64)| {
            let of = |which: Part| if part == which { magnitude } else { 0.0 };
            vec![part as u8 as f64, of(Part::ShearX), of(Part::TranslateY), of(Part::Posterize), of(Part::Solarize)]
        };
        let names = ["part", "shear_x", "translate_y", "posterize", "solarize"];
        let space = RandAugment::space(300, 400);
        distribution("RandAugment", &names, |draws| numbers(draw(&space, draws, |_| 9, 31)));
        distribution("TrivialAugmentWide", &names, |draws| {
            numbers(draw(&WIDE, draws, |draws| draws.below(31) as usize, 31))
        });
    }
}
