//! HueSaturationValue.
//!
//! Takes pixels and drawn shifts; changes them in place. Hue has 180 steps round the circle (2 degrees each),
//! saturation and value have 256, and both ways round once: that is what cv2.cvtColor does with `uint8`, and these coarse
//! steps are part of the numbers that people have trained with.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;

use super::lanes;
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

/// Adds to hue (of 180), saturation and value (of 255). The library cuts a shift of `uint8` to a whole number.
fn shift(rgb: &mut [u8], [hue, saturation, value]: [f64; 3]) {
    lanes::each(rgb, &lanes::Shifted::new(hue, saturation, value));
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
}
