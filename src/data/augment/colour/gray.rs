//! ToGray, and what grey is.
//!
//! Takes pixels; gives each one's grey on all three channels. There are several answers to how bright a colour is;
//! the names are albumentations' 2.0.8, and "weighted_average", OpenCV's RGB2GRAY, is what contrast and
//! saturation mean by grey too.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;

use super::lab::lightness;
use crate::base::seed::Draws;
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::data::augment::operation::{Built, Operation, Row, Settings};
use crate::data::augment::settings::{LAST_EPOCHS_OFF, P_HALF};
use crate::data::decode::Picture;

/// The row of ToGray.
pub const TO_GRAY: Row = Row::of::<ToGray>(Technique {
    name: "ToGray",
    slot: "augment",
    about: "Take the colour away.",
    details: "All three channels become the pixel's grey. How grey is found: \"weighted_average\" 0.299 R + 0.587 G + \
        0.114 B, as eyes see it (OpenCV's RGB2GRAY); \"from_lab\" the lightness of CIE Lab; \"desaturation\" the mean of the \
        greatest and the least channel; \"average\" the mean; \"max\" the greatest.\n\n\
        With a small p it keeps the network from resting on colour alone: it must know shapes too, as for a black and \
        white copy of a trademark. HappyWhale 1st place: p = 0.1; trademark 2nd place: p = 0.5; Ynakatsuka's trademark solution \
        read every picture in grey.\n\n\
        It fails where two labels differ by colour only. Cost: one pass.",
    params: &[
        Param::new(
            "method",
            Kind::Choice(&["weighted_average", "from_lab", "desaturation", "average", "max"]),
            Default::Is(Literal::Text("weighted_average")),
            "How bright a colour is.",
        ),
        P_HALF,
        LAST_EPOCHS_OFF,
    ],
    source: "albumentations 2.0.8 ToGray; knshnb/kaggle-happywhale-1st-place; anyai-28/nishika_jpo_2nd_solution",
    status: Status::Built,
});

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Method {
    WeightedAverage,
    FromLab,
    Desaturation,
    Average,
    Max,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToGray {
    method: Method,
}

impl Settings for ToGray {
    fn operation(self, _: &str) -> Built {
        Ok(Arc::new(self))
    }
}

impl Operation for ToGray {
    fn is_random(&self) -> bool {
        false
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, _: &mut Draws) -> Cow<'a, Picture> {
        let mut changed = picture.into_owned();
        let sum = |[r, g, b]: [u8; 3]| u16::from(r) + u16::from(g) + u16::from(b);
        match self.method {
            Method::WeightedAverage => each(&mut changed.rgb, |[r, g, b]| grey(r, g, b)),
            Method::FromLab => each(&mut changed.rgb, lightness),
            Method::Desaturation => each(&mut changed.rgb, |[r, g, b]| {
                ((u16::from(r.max(g).max(b)) + u16::from(r.min(g).min(b))) / 2) as u8
            }),
            Method::Average => each(&mut changed.rgb, |p| (sum(p) / 3) as u8),
            Method::Max => each(&mut changed.rgb, |[r, g, b]| r.max(g).max(b)),
        }
        Cow::Owned(changed)
    }
}

fn each(rgb: &mut [u8], grey: impl Fn([u8; 3]) -> u8) {
    for p in rgb.chunks_exact_mut(3) {
        p.fill(grey([p[0], p[1], p[2]]));
    }
}

/// OpenCV's RGB2GRAY on 8 bits.
pub fn grey(r: u8, g: u8, b: u8) -> u8 {
    ((u32::from(r) * 4899 + u32::from(g) * 9617 + u32::from(b) * 1868 + (1 << 13)) >> 14) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worked_numbers() {
        // cv2.cvtColor(…, COLOR_RGB2GRAY) of pure red, green, blue.
        assert_eq!([grey(255, 0, 0), grey(0, 255, 0), grey(0, 0, 255)], [76, 150, 29]);
        let gray = |method, pixel: [u8; 3]| {
            let picture = Picture { width: 1, height: 1, rgb: pixel.to_vec() };
            let mut draws = crate::base::Seed::new(0).draws();
            ToGray { method }.run(Cow::Owned(picture), &mut draws).rgb.clone()
        };
        assert_eq!(gray(Method::Desaturation, [10, 250, 101]), [130; 3]);
        assert_eq!(gray(Method::Average, [10, 250, 101]), [120; 3]);
        assert_eq!(gray(Method::Max, [10, 250, 101]), [250; 3]);
    }
}
