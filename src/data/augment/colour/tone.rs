//! RandomBrightnessContrast, RGBShift, Posterize: what one table of 256 levels can do.
//!
//! Takes pixels and drawn numbers; makes the new value of each of the 256 levels once and looks every byte up. Rounding
//! (towards zero) is albumentations' 2.0.8, which also works by tables on `uint8`.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;

use crate::base::seed::Draws;
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::data::augment::operation::{Built, Operation, Row, Settings};
use crate::data::augment::settings::{LAST_EPOCHS_OFF, Numbers, P_HALF, Range, from_to, number_or_range};
use crate::data::decode::Picture;

/// Every byte through a table.
pub fn look_up(rgb: &mut [u8], table: &[u8; 256]) {
    for value in rgb {
        *value = table[usize::from(*value)];
    }
}

/// Red, green and blue through a table each.
pub fn look_up_channels(rgb: &mut [u8], tables: &[[u8; 256]; 3]) {
    for pixel in rgb.chunks_exact_mut(3) {
        for (value, table) in pixel.iter_mut().zip(tables) {
            *value = table[usize::from(*value)];
        }
    }
}

/// The row of RandomBrightnessContrast.
pub const RANDOM_BRIGHTNESS_CONTRAST: Row = Row::of::<RandomBrightnessContrast>(Technique {
    name: "RandomBrightnessContrast",
    slot: "augment",
    about: "Multiply all channels by one random factor and add one random number.",
    details: "value ← (1 + c) · value + b, with c uniform in contrast_limit and b = 255 · u, u uniform in \
        brightness_limit (a number v means [-v, v]); without brightness_by_max, b = u · mean of the picture. What \
        leaves 0 to 255 is cut off; ensure_safe_range shrinks factor and number first so that nothing is.\n\n\
        Photos of the same thing differ by exposure more than by anything else, so this is in nearly every published \
        solution: 0.2 and 0.2 with p = 0.5 (HappyWhale 1st place and many others).\n\n\
        Contrast here is about black, not about the mean as in ColorJitter: c > 0 makes a picture brighter too. It fails \
        with wide ranges on pictures that are bright already, where all becomes white. Cost: one table look-up a byte.",
    params: &[
        Param::new(
            "brightness_limit",
            number_or_range!(-1.0, 1.0),
            from_to!(-0.2, 0.2),
            "What is added, of 255 or of the mean.",
        ),
        Param::new(
            "contrast_limit",
            number_or_range!(-1.0, 1.0),
            from_to!(-0.2, 0.2),
            "What is added to the factor 1.",
        ),
        Param::new(
            "brightness_by_max",
            Kind::Bool,
            Default::Is(Literal::Bool(true)),
            "Brightness is a share of 255; false: of the picture's mean.",
        ),
        Param::new(
            "ensure_safe_range",
            Kind::Bool,
            Default::Is(Literal::Bool(false)),
            "Keep every level within 0 to 255.",
        ),
        P_HALF,
        LAST_EPOCHS_OFF,
    ],
    source: "albumentations 2.0.8 RandomBrightnessContrast; knshnb/kaggle-happywhale-1st-place",
    status: Status::Built,
});

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RandomBrightnessContrast {
    brightness_limit: Numbers,
    contrast_limit: Numbers,
    brightness_by_max: bool,
    ensure_safe_range: bool,
}

impl RandomBrightnessContrast {
    /// Factor and what is added.
    fn draw(&self, rgb: &[u8], draws: &mut Draws) -> [f64; 2] {
        let factor = 1.0 + self.contrast_limit.symmetric().draw(draws);
        let share = self.brightness_limit.symmetric().draw(draws);
        let unit = if self.brightness_by_max {
            255.0
        } else {
            rgb.iter().map(|&v| u64::from(v)).sum::<u64>() as f64 / rgb.len().max(1) as f64
        };
        let (factor, add) = (factor, share * unit);
        if !self.ensure_safe_range {
            return [factor, add];
        }
        // Black stays within the range by what is added, white by the factor that is left then.
        let add = add.clamp(0.0, 255.0);
        [factor.clamp(0.0, (255.0 - add) / 255.0), add]
    }
}

impl Settings for RandomBrightnessContrast {
    fn operation(self, _: &str) -> Built {
        self.brightness_limit.symmetric().ordered("brightness_limit")?;
        self.contrast_limit.symmetric().ordered("contrast_limit")?;
        Ok(Arc::new(self))
    }
}

impl Operation for RandomBrightnessContrast {
    fn is_random(&self) -> bool {
        !(self.brightness_limit.symmetric().is_fixed() && self.contrast_limit.symmetric().is_fixed())
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, draws: &mut Draws) -> Cow<'a, Picture> {
        let [factor, add] = self.draw(&picture.rgb, draws);
        let mut changed = picture.into_owned();
        look_up(&mut changed.rgb, &std::array::from_fn(|v| (v as f64 * factor + add) as u8));
        Cow::Owned(changed)
    }
}

/// The row of RGBShift.
pub const RGB_SHIFT: Row = Row::of::<RgbShift>(Technique {
    name: "RGBShift",
    slot: "augment",
    about: "Add a random number to each channel.",
    details: "value ← value + s, one s a channel, uniform in its limit (a number v means [-v, v]), cut to whole grey \
        levels. Limits within -1 to 1 are read as shares of 255, as in albumentations: 0.1 is 25 levels.\n\n\
        The white balance of cameras and the yellow of lamps. Trademark 2nd place: p = 0.5 with the default of 20. It fails \
        where labels differ by shades. Cost: one table look-up a byte.",
    params: &[
        Param::new("r_shift_limit", SHIFT, from_to!(-20.0, 20.0), "What is added to red.").unit("grey levels"),
        Param::new("g_shift_limit", SHIFT, from_to!(-20.0, 20.0), "What is added to green.").unit("grey levels"),
        Param::new("b_shift_limit", SHIFT, from_to!(-20.0, 20.0), "What is added to blue.").unit("grey levels"),
        P_HALF,
        LAST_EPOCHS_OFF,
    ],
    source: "albumentations 2.0.8 RGBShift; anyai-28/nishika_jpo_2nd_solution",
    status: Status::Built,
});

const SHIFT: Kind = number_or_range!(-255.0, 255.0);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RgbShift {
    r_shift_limit: Numbers,
    g_shift_limit: Numbers,
    b_shift_limit: Numbers,
}

impl RgbShift {
    fn ranges(&self) -> [Range; 3] {
        [self.r_shift_limit, self.g_shift_limit, self.b_shift_limit].map(|limit| {
            let range = limit.symmetric();
            let unit = if range.low.abs() > 1.0 || range.high.abs() > 1.0 { 1.0 } else { 255.0 };
            Range { low: range.low * unit, high: range.high * unit }
        })
    }

    fn draw(&self, draws: &mut Draws) -> [f64; 3] {
        self.ranges().map(|range| range.draw(draws))
    }
}

impl Settings for RgbShift {
    fn operation(self, _: &str) -> Built {
        self.r_shift_limit.symmetric().ordered("r_shift_limit")?;
        self.g_shift_limit.symmetric().ordered("g_shift_limit")?;
        self.b_shift_limit.symmetric().ordered("b_shift_limit")?;
        Ok(Arc::new(self))
    }
}

impl Operation for RgbShift {
    fn is_random(&self) -> bool {
        self.ranges().iter().any(|range| !range.is_fixed())
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, draws: &mut Draws) -> Cow<'a, Picture> {
        let shifts = self.draw(draws).map(|shift| shift as i64);
        let mut changed = picture.into_owned();
        let table = |shift: i64| std::array::from_fn(|v| (v as i64 + shift).clamp(0, 255) as u8);
        look_up_channels(&mut changed.rgb, &shifts.map(table));
        Cow::Owned(changed)
    }
}

/// The row of Posterize.
pub const POSTERIZE: Row = Row::of::<Posterize>(Technique {
    name: "Posterize",
    slot: "augment",
    about: "Keep only the highest bits of each channel.",
    details: "value ← value without its 8 - num_bits lowest bits, so 2^num_bits levels remain, which looks like a poster. \
        [low, high] draws a number of bits for each picture; three such ranges set red, green and blue apart.\n\n\
        It takes fine shading away and leaves shapes. HappyWhale 1st place: p = 0.2. Below 3 bits little remains, and since the \
        bits are cut off pictures become darker by half a step: at 4 bits by 8 levels. Cost: one table look-up a byte.",
    params: &[
        Param::new(
            "num_bits",
            Kind::Either(&[
                BITS,
                Kind::List { of: &BITS, min: 2, max: 2 },
                Kind::List { of: &Kind::List { of: &BITS, min: 2, max: 2 }, min: 3, max: 3 },
            ]),
            Default::Is(Literal::Int(4)),
            "Bits that are kept.",
        )
        .unit("bits"),
        P_HALF,
        LAST_EPOCHS_OFF,
    ],
    source: "albumentations 2.0.8 Posterize; knshnb/kaggle-happywhale-1st-place",
    status: Status::Built,
});

const BITS: Kind = Kind::OverEpochs(&Kind::Int { min: 1, max: 7 });

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Bits {
    All(Numbers),
    Each([Range; 3]),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Posterize {
    num_bits: Bits,
}

impl Posterize {
    /// Ranges for red, green and blue; one when it is drawn for all.
    fn ranges(&self) -> Vec<Range> {
        match &self.num_bits {
            Bits::All(bits) => vec![bits.same()],
            Bits::Each(bits) => bits.to_vec(),
        }
    }

    fn draw(&self, draws: &mut Draws) -> [i64; 3] {
        let bits: Vec<i64> = self.ranges().into_iter().map(|range| range.draw_whole(draws)).collect();
        std::array::from_fn(|c| bits[c.min(bits.len() - 1)])
    }
}

impl Settings for Posterize {
    fn operation(self, _: &str) -> Built {
        for range in self.ranges() {
            range.ordered("num_bits")?;
        }
        Ok(Arc::new(self))
    }
}

/// The levels without all but their `bits` highest bits; `bits` in 0..=8.
pub fn posterized(bits: i64) -> [u8; 256] {
    let mask = 0xFF_u16.wrapping_shl(8 - bits.clamp(0, 8) as u32) as u8;
    std::array::from_fn(|v| v as u8 & mask)
}

impl Operation for Posterize {
    fn is_random(&self) -> bool {
        self.ranges().iter().any(|range| !range.is_fixed())
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, draws: &mut Draws) -> Cow<'a, Picture> {
        let tables = self.draw(draws).map(posterized);
        let mut changed = picture.into_owned();
        look_up_channels(&mut changed.rgb, &tables);
        Cow::Owned(changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::augment::golden::{distribution, picture};

    #[test]
    fn numbers_are_drawn_as_albumentations_draws_them() {
        let (brightness_limit, contrast_limit) = (Numbers::One(0.2), Numbers::Range([-0.1, 0.3].into()));
        let mut op = RandomBrightnessContrast {
            brightness_limit,
            contrast_limit,
            brightness_by_max: true,
            ensure_safe_range: false,
        };
        let rgb = picture().rgb;
        distribution("RandomBrightnessContrast", &["factor", "add"], |draws| op.draw(&rgb, draws).to_vec());
        op.brightness_by_max = false;
        distribution("RandomBrightnessContrast by mean", &["factor", "add"], |draws| op.draw(&rgb, draws).to_vec());
        op.ensure_safe_range = true;
        distribution("RandomBrightnessContrast safe", &["factor", "add"], |draws| op.draw(&rgb, draws).to_vec());
        let [r_shift_limit, g_shift_limit] = [Numbers::One(20.0), Numbers::One(0.1)];
        let op = RgbShift { r_shift_limit, g_shift_limit, b_shift_limit: Numbers::Range([-5.0, 30.0].into()) };
        distribution("RGBShift", &["r", "g", "b"], |draws| op.draw(draws).to_vec());
        let op = Posterize { num_bits: Bits::All(Numbers::Range([2.0, 6.0].into())) };
        distribution("Posterize", &["bits"], |draws| vec![op.draw(draws)[0] as f64]);
    }

    #[test]
    fn bits_are_cut() {
        assert_eq!([posterized(4)[255], posterized(1)[127], posterized(8)[3], posterized(0)[255]], [240, 0, 3, 0]);
    }
}
