//! ColorJitter: brightness, contrast, saturation and hue, as albumentations computes them on 8 bits.
//!
//! Takes pixels and drawn factors; changes them in place. Grey is OpenCV's RGB2GRAY in 14-bit fixed
//! point, hue turns in OpenCV's 8-bit HSV (180 steps round the circle), whose coarse steps are part
//! of the numbers that people have trained with. The single steps serve RandAugment too.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;

use super::lanes;
use crate::base::seed::Draws;
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::data::augment::operation::{Built, Operation, Row, Settings};
use crate::data::augment::settings::{LAST_EPOCHS_OFF, Numbers, P_HALF, Range, from_to, number_or_range};
use crate::data::decode::Picture;

const FACTOR: Kind = number_or_range!(0.0, 10.0);

/// The row of ColorJitter.
pub const COLOR_JITTER: Row = Row::of::<Written>(Technique {
    name: "ColorJitter",
    slot: "augment",
    about: "Change brightness, contrast, saturation and hue by random factors, in random order.",
    details: "A number v means the range [max(0, 1 - v), 1 + v] for brightness, contrast and saturation and [-v, v] for \
        hue; [low, high] is the range itself. Contrast moves away from the picture's mean grey, saturation away from \
        each pixel's grey; hue 0.5 is half the colour circle. \
        Beware of albumentations' default hue of [-0.5, 0.5]: any colour becomes any other. Write hue = 0.0 where \
        colour tells classes apart.",
    params: &[
        Param::new("brightness", FACTOR, from_to!(0.8, 1.2), "Factor on every channel."),
        Param::new("contrast", FACTOR, from_to!(0.8, 1.2), "Factor on the distance to the mean grey."),
        Param::new("saturation", FACTOR, from_to!(0.8, 1.2), "Factor on the distance to the pixel's own grey."),
        Param::new(
            "hue",
            Kind::Either(&[
                Kind::OverEpochs(&Kind::Float { min: 0.0, max: 0.5 }),
                Kind::List { of: &Kind::OverEpochs(&Kind::Float { min: -0.5, max: 0.5 }), min: 2, max: 2 },
            ]),
            Default::Is(Literal::List(&[Literal::Float(-0.5), Literal::Float(0.5)])),
            "Turn of the colour circle, 1 being all the way round.",
        )
        .unit("turns"),
        P_HALF,
        LAST_EPOCHS_OFF,
    ],
    source: "albumentations 2.0.8 ColorJitter, after torchvision's",
    status: Status::Built,
});

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    brightness: Numbers,
    contrast: Numbers,
    saturation: Numbers,
    hue: Numbers,
}

#[derive(Debug)]
struct ColorJitter {
    /// For brightness, contrast and saturation.
    factors: [Range; 3],
    /// Turns of the colour circle.
    hue: Range,
}

impl Settings for Written {
    fn operation(self, _: &str) -> Built {
        let factor = |name, written: Numbers| match written {
            Numbers::One(v) => Range { low: (1.0 - v).max(0.0), high: 1.0 + v }.ordered(name),
            Numbers::Range(range) => range.ordered(name),
        };
        Ok(Arc::new(ColorJitter {
            factors: [
                factor("brightness", self.brightness)?,
                factor("contrast", self.contrast)?,
                factor("saturation", self.saturation)?,
            ],
            hue: self.hue.symmetric().ordered("hue")?,
        }))
    }
}

impl Operation for ColorJitter {
    fn is_random(&self) -> bool {
        // Even fixed factors come in random order.
        true
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, draws: &mut Draws) -> Cow<'a, Picture> {
        let mut changed = picture.into_owned();
        let rgb = &mut changed.rgb;
        let [b, c, s] = self.factors.map(|range| range.draw(draws));
        let turn = self.hue.draw(draws);
        let mut order = [0, 1, 2, 3];
        draws.shuffle(&mut order);
        for step in order {
            match step {
                0 => brightness(rgb, b),
                1 => contrast(rgb, c),
                2 => saturation(rgb, s),
                _ => hue(rgb, turn),
            }
        }
        Cow::Owned(changed)
    }
}

/// Every channel times `factor`.
pub fn brightness(rgb: &mut [u8], factor: f64) {
    if factor != 1.0 {
        lanes::scale(rgb, factor as f32, 0.0);
    }
}

/// The distance to the picture's mean grey times `factor`.
pub fn contrast(rgb: &mut [u8], factor: f64) {
    if factor == 1.0 || rgb.is_empty() {
        return;
    }
    let mean = lanes::grey_sum(rgb) as f64 / (rgb.len() / 3) as f64;
    lanes::scale(rgb, factor as f32, (mean * (1.0 - factor)) as f32);
}

/// The distance to the pixel's own grey times `factor`.
pub fn saturation(rgb: &mut [u8], factor: f64) {
    if factor != 1.0 {
        lanes::each(rgb, &lanes::Saturated(factor as f32));
    }
}

/// The colour circle turned by `turn` of its whole.
pub fn hue(rgb: &mut [u8], turn: f64) {
    if turn != 0.0 {
        lanes::each(rgb, &lanes::Shifted::new(180.0 * turn, 0.0, 0.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(pixels: &[[u8; 3]], change: impl Fn(&mut [u8])) -> Vec<[u8; 3]> {
        let mut rgb: Vec<u8> = pixels.iter().flatten().copied().collect();
        change(&mut rgb);
        rgb.chunks(3).map(|p| [p[0], p[1], p[2]]).collect()
    }

    #[test]
    fn worked_numbers() {
        assert_eq!(changed(&[[100, 200, 10]], |p| brightness(p, 1.5)), [[150, 255, 15]]);
        // mean grey of 0 and 200 is 100: 0.5 → 50 and 150
        assert_eq!(changed(&[[0; 3], [200; 3]], |p| contrast(p, 0.5)), [[50; 3], [150; 3]]);
        // grey of pure red is 76
        assert_eq!(changed(&[[255, 0, 0]], |p| saturation(p, 0.0)), [[76; 3]]);
        // a third of the circle turns red to green
        assert_eq!(changed(&[[255, 0, 0]], |p| hue(p, 1.0 / 3.0)), [[0, 255, 0]]);
        assert_eq!(changed(&[[255, 0, 0]], |p| hue(p, -1.0 / 3.0)), [[0, 0, 255]]);
    }

    #[test]
    fn factors_of_one_and_no_turn_change_nothing() {
        let pixels = [[12, 34, 56], [200, 100, 0]];
        let same = changed(&pixels, |p| {
            brightness(p, 1.0);
            contrast(p, 1.0);
            saturation(p, 1.0);
            hue(p, 0.0);
        });
        assert_eq!(same, pixels);
    }
}
