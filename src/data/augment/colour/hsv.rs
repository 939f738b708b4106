//! HueSaturationValue, and OpenCV's 8-bit HSV.
//!
//! Takes pixels and drawn shifts; changes them in place. Hue has 180 steps round the circle (2 degrees each),
//! saturation and value have 256, and both ways round once: that is what cv2.cvtColor does with `uint8`, and these coarse
//! steps are part of the numbers that people have trained with.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;

use crate::base::seed::Draws;
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::data::augment::operation::{Built, Operation, Row, Settings};
use crate::data::augment::settings::{LAST_EPOCHS_OFF, Numbers, P_HALF, from_to, number_or_range};
use crate::data::decode::Picture;

/// The row of HueSaturationValue.
pub const HUE_SATURATION_VALUE: Row = Row::of::<HueSaturationValue>(Technique {
    name: "HueSaturationValue",
    slot: "augment",
    about: "Shift hue, saturation and value by random amounts.",
    details: "The picture is taken apart into hue (the colour on a circle of 180 steps), saturation (how colourful, 0 to \
        255) and value (how bright, 0 to 255); a number is added to each, hue going round and the others stopping at \
        their ends. A number v means [-v, v]. Grey pixels stay grey.\n\n\
        It teaches the network that lamps and cameras colour the same thing differently. Typical settings of published \
        solutions are the defaults (20, 30, 20) or half of them.\n\n\
        A hue shift of 20 is 40 degrees: red becomes orange. Where colour tells labels apart (two kinds of one \
        brand), write hue_shift_limit = 0. Unlike ColorJitter the shifts add, so they hit dark pixels harder. Cost: two \
        conversions of each pixel.",
    params: &[
        Param::new(
            "hue_shift_limit",
            number_or_range!(-180.0, 180.0),
            from_to!(-20.0, 20.0),
            "What is added to the hue.",
        )
        .unit("steps of 2 degrees"),
        Param::new("sat_shift_limit", number_or_range!(-255.0, 255.0), from_to!(-30.0, 30.0), "… to the saturation.")
            .unit("of 255"),
        Param::new("val_shift_limit", number_or_range!(-255.0, 255.0), from_to!(-20.0, 20.0), "… to the value.")
            .unit("of 255"),
        P_HALF,
        LAST_EPOCHS_OFF,
    ],
    source: "albumentations 2.0.8 HueSaturationValue",
    status: Status::Built,
});

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HueSaturationValue {
    hue_shift_limit: Numbers,
    sat_shift_limit: Numbers,
    val_shift_limit: Numbers,
}

impl HueSaturationValue {
    fn draw(&self, draws: &mut Draws) -> [f64; 3] {
        [self.hue_shift_limit, self.sat_shift_limit, self.val_shift_limit].map(|v| v.symmetric().draw(draws))
    }
}

impl Settings for HueSaturationValue {
    fn operation(self, _: &str) -> Built {
        self.hue_shift_limit.symmetric().ordered("hue_shift_limit")?;
        self.sat_shift_limit.symmetric().ordered("sat_shift_limit")?;
        self.val_shift_limit.symmetric().ordered("val_shift_limit")?;
        Ok(Arc::new(self))
    }
}

impl Operation for HueSaturationValue {
    fn is_random(&self) -> bool {
        let limits = [self.hue_shift_limit, self.sat_shift_limit, self.val_shift_limit];
        limits.iter().any(|limit| !limit.symmetric().is_fixed())
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, draws: &mut Draws) -> Cow<'a, Picture> {
        let shifts = self.draw(draws);
        if shifts == [0.0; 3] {
            return picture;
        }
        let mut changed = picture.into_owned();
        shift(&mut changed.rgb, shifts);
        Cow::Owned(changed)
    }
}

/// Adds to hue (of 180), saturation and value (of 255).
fn shift(rgb: &mut [u8], [hue, saturation, value]: [f64; 3]) {
    let hues: [u8; 180] = std::array::from_fn(|h| (h as f64 + hue).rem_euclid(180.0) as u8);
    // The library cuts a shift of `uint8` to a whole number.
    let added = |v: usize, by: f64| (v as f64 + by.trunc()) as u8;
    let saturations: [u8; 256] = std::array::from_fn(|s| added(s, saturation));
    let values: [u8; 256] = std::array::from_fn(|v| added(v, value));
    for p in rgb.chunks_exact_mut(3) {
        let (h, s, v) = to_hsv(p[0], p[1], p[2]);
        let grey = s == 0;
        let s = if grey { 0 } else { saturations[usize::from(s)] };
        p.copy_from_slice(&from_hsv(hues[usize::from(h)], s, values[usize::from(v)]));
    }
}

/// The colour circle turned by `turn` of its whole.
pub fn shift_hue(rgb: &mut [u8], turn: f64) {
    if turn == 0.0 {
        return;
    }
    let table: [u8; 180] = std::array::from_fn(|h| (h as f64 + 180.0 * turn).rem_euclid(180.0) as u8);
    for p in rgb.chunks_exact_mut(3) {
        let (h, s, v) = to_hsv(p[0], p[1], p[2]);
        if s > 0 {
            p.copy_from_slice(&from_hsv(table[usize::from(h)], s, v));
        }
    }
}

/// Hue in 0..180, saturation and value in 0..=255, rounded as OpenCV rounds them.
pub fn to_hsv(r: u8, g: u8, b: u8) -> (u8, u8, u8) {
    let v = r.max(g).max(b);
    let spread = f32::from(v) - f32::from(r.min(g).min(b));
    if spread == 0.0 {
        return (0, 0, v);
    }
    let (fr, fg, fb) = (f32::from(r), f32::from(g), f32::from(b));
    let sixth = if v == r {
        (fg - fb) / spread
    } else if v == g {
        (fb - fr) / spread + 2.0
    } else {
        (fr - fg) / spread + 4.0
    };
    let h = ((sixth * 30.0).round() as i32).rem_euclid(180);
    (h as u8, (255.0 * spread / f32::from(v)).round() as u8, v)
}

/// The way back.
pub fn from_hsv(h: u8, s: u8, v: u8) -> [u8; 3] {
    let sixth = f32::from(h) / 30.0;
    let (sector, part) = (sixth as u8, sixth.fract());
    let (s, v) = (f32::from(s) / 255.0, f32::from(v));
    let [p, q, t] = [v * (1.0 - s), v * (1.0 - s * part), v * (1.0 - s * (1.0 - part))];
    let rgb = match sector {
        0 => [v, t, p],
        1 => [q, v, p],
        2 => [p, v, t],
        3 => [p, q, v],
        4 => [t, p, v],
        _ => [v, p, q],
    };
    rgb.map(|x| (x + 0.5) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::augment::golden::distribution;

    #[test]
    fn shifts_are_drawn_as_albumentations_draws_them() {
        let [hue_shift_limit, sat_shift_limit] = [Numbers::One(20.0), Numbers::One(30.0)];
        let op = HueSaturationValue { hue_shift_limit, sat_shift_limit, val_shift_limit: Numbers::One(20.0) };
        distribution("HueSaturationValue", &["hue", "saturation", "value"], |draws| op.draw(draws).to_vec());
    }

    #[test]
    fn grey_stays_grey_and_hue_goes_round() {
        let mut rgb = vec![100, 100, 100, 255, 0, 0];
        shift(&mut rgb, [120.0, 50.0, 20.0]);
        assert_eq!(rgb, [120, 120, 120, 0, 0, 255]);
    }

    #[test]
    fn hsv_and_back_stays_within_its_coarse_steps() {
        for i in 0..4096u32 {
            let rgb = [(i >> 8) * 17, (i >> 4 & 15) * 17, (i & 15) * 17].map(|v| v as u8);
            let (h, s, v) = to_hsv(rgb[0], rgb[1], rgb[2]);
            let back = from_hsv(h, s, v);
            assert!(rgb.iter().zip(back).all(|(&a, b)| a.abs_diff(b) <= 5), "{rgb:?} {back:?}");
        }
    }
}
