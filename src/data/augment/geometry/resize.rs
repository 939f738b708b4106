//! Resize, LongestMaxSize, SmallestMaxSize: the whole picture at another size; and the evaluation of published weights.
//!
//! Takes a picture and a size or a side; gives it resampled once. Resize does not keep the aspect ratio, the other two
//! do: one says how long the longer side is, one the shorter. Names and rules are albumentations' 2.0.8 (Resize,
//! LongestMaxSize, SmallestMaxSize), rounding included.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;

use super::resample::resize;
use crate::base::seed::Draws;
use crate::book::technique::{Default, Kind, Param, Status, Technique};
use crate::data::augment::operation::{Built, Operation, Row, Settings};
use crate::data::augment::pipeline::sight::Detail;
use crate::data::augment::pipeline::sizes::{Bounds, Sizes};
use crate::data::augment::settings::{
    AREA_FOR_DOWNSCALE, AreaForDownscale, INTERPOLATION, Interpolation, LAST_EPOCHS_OFF, P_ONE, SIDE, SIZE_PARAM,
    Scale, Size,
};
use crate::data::decode::Picture;
use crate::data::view::Area;

/// The row of Resize.
pub const RESIZE: Row = Row::of::<WrittenResize>(Technique {
    name: "Resize",
    slot: "augment",
    about: "Resize to a fixed height and width.",
    details: "The aspect ratio is not kept. albumentations writes `height` and `width`; here they are `size`, as in \
        RandomResizedCrop.",
    params: &[SIZE_PARAM, INTERPOLATION, AREA_FOR_DOWNSCALE, P_ONE, LAST_EPOCHS_OFF],
    source: "albumentations 2.0.8 Resize",
    status: Status::Built,
});

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenResize {
    size: [usize; 2],
    interpolation: Interpolation,
    area_for_downscale: AreaForDownscale,
}

impl Settings for WrittenResize {
    fn operation(self, _: &str) -> Built {
        let area = self.area_for_downscale.is_on();
        Ok(Arc::new(Resize { size: Size::of(self.size)?, interpolation: self.interpolation, area }))
    }
}

/// Resize the whole picture.
#[derive(Debug)]
pub struct Resize {
    size: Size,
    interpolation: Interpolation,
    /// Average over the area on an axis that shrinks.
    area: bool,
}

impl Resize {
    /// With the defaults.
    pub fn plain(size: Size) -> Resize {
        Resize { size, interpolation: Interpolation::Linear, area: true }
    }
}

impl Operation for Resize {
    fn sizes(&self, _: Sizes) -> Result<Sizes, String> {
        Ok(Sizes::of(self.size))
    }

    fn scaled(&self, scale: Scale) -> Option<Arc<dyn Operation>> {
        Some(Arc::new(Resize { size: scale.size(self.size), ..*self }))
    }

    fn detail(&self, picture: Size) -> Detail {
        let averaged = self.area || self.interpolation == Interpolation::Area;
        if averaged { Detail::of(sides(picture), self.size, 1.0) } else { Detail::ALL }
    }

    fn is_random(&self) -> bool {
        false
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, _: &mut Draws) -> Cow<'a, Picture> {
        to(picture, self.size, self.interpolation, self.area)
    }
}

/// Rows and columns.
fn sides(picture: Size) -> [f64; 2] {
    [picture.height as f64, picture.width as f64]
}

fn to(picture: Cow<'_, Picture>, size: Size, interpolation: Interpolation, area: bool) -> Cow<'_, Picture> {
    if (picture.height as usize, picture.width as usize) == (size.height, size.width) {
        return picture;
    }
    Cow::Owned(resize(&picture, Area::whole(&picture), size, interpolation, area))
}

const MAX_SIDE: Kind = Kind::OverEpochs(&SIDE);
const MAX_SIZE: Kind = Kind::Either(&[MAX_SIDE, Kind::List { of: &MAX_SIDE, min: 1, max: 16 }]);
const MAX_SIZE_HW: Kind = Kind::List { of: &MAX_SIDE, min: 2, max: 2 };

/// The row of LongestMaxSize.
pub const LONGEST_MAX_SIZE: Row = Row::of::<Longest>(Technique {
    name: "LongestMaxSize",
    slot: "augment",
    about: "Resize so that the longer side has a given length, keeping the aspect ratio.",
    details: "A bottle stays as slim as it was, and nothing is cut off, but pictures of different shapes come out \
        with different sizes. A network takes one size only, so PadIfNeeded follows as a rule: \
        { op = \"LongestMaxSize\", max_size = 384 }, { op = \"PadIfNeeded\", min_height = 384, min_width = 384, fill = 255 }. \
        The trademark 2nd place resized and padded with white like this.\n\n\
        The factor is max_size / longer side, and each side is rounded to whole pixels, halves to the even number. A \
        list of lengths means that one of them is drawn for each picture. `max_size_hw` gives a frame instead, \
        into which the picture is fitted. Small pictures are enlarged too.\n\n\
        It fails where much of the frame then is padding: a network sees 384 × 384 pixels, of which a picture of 1 : 3 \
        fills a third. Cost: one resampling.",
    params: &[
        Param::new("max_size", MAX_SIZE, Default::Absent, "Length of the longer side, or a list to draw one from.")
            .unit("pixels"),
        Param::new(
            "max_size_hw",
            MAX_SIZE_HW,
            Default::Absent,
            "Frame as [height, width] to fit into, instead of max_size.",
        )
        .unit("pixels"),
        INTERPOLATION,
        AREA_FOR_DOWNSCALE,
        P_ONE,
        LAST_EPOCHS_OFF,
    ],
    source: "albumentations 2.0.8 LongestMaxSize; anyai-28/nishika_jpo_2nd_solution",
    status: Status::Built,
});

/// The row of SmallestMaxSize.
pub const SMALLEST_MAX_SIZE: Row = Row::of::<Smallest>(Technique {
    name: "SmallestMaxSize",
    slot: "augment",
    about: "Resize so that the shorter side has a given length, keeping the aspect ratio.",
    details: "The other side is as long as it gets, so a crop follows as a rule: \
        { op = \"SmallestMaxSize\", max_size = 512 }, { op = \"RandomCrop\", height = 448, width = 448 } was the training of \
        the Landmark 2020 recognition 1st place; with CenterCrop instead it is the classic evaluation.\n\n\
        The factor is max_size / shorter side; sides are rounded to whole pixels, halves to the even number. A list \
        of lengths means that one is drawn for each picture: the scale varies then, the shape does not. `max_size_hw` \
        gives a frame that the picture must cover.\n\n\
        It fails on very long pictures, whose other side grows without need: above 64 megapixels the longer side \
        is squeezed (albumentations would run out of memory). Cost: one resampling.",
    params: &[
        Param::new("max_size", MAX_SIZE, Default::Absent, "Length of the shorter side, or a list to draw one from.")
            .unit("pixels"),
        Param::new(
            "max_size_hw",
            MAX_SIZE_HW,
            Default::Absent,
            "Frame as [height, width] to cover, instead of max_size.",
        )
        .unit("pixels"),
        INTERPOLATION,
        AREA_FOR_DOWNSCALE,
        P_ONE,
        LAST_EPOCHS_OFF,
    ],
    source: "albumentations 2.0.8 SmallestMaxSize; psinger/kaggle-landmark-recognition-2020-1st-place",
    status: Status::Built,
});

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Lengths {
    One(usize),
    Several(Vec<usize>),
}

/// What both take.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sides {
    max_size: Option<Lengths>,
    max_size_hw: Option<[usize; 2]>,
    interpolation: Interpolation,
    area_for_downscale: AreaForDownscale,
}

#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Longest(Sides);

#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Smallest(Sides);

/// Most pixels that a picture becomes whose longer side nobody bounds.
const MOST_PIXELS: usize = 64_000_000;

impl Sides {
    fn check(&self) -> Result<(), String> {
        match (&self.max_size, &self.max_size_hw) {
            (Some(_), Some(_)) => Err("write max_size or max_size_hw, not both".to_owned()),
            (None, None) => Err("max_size is missing, such as max_size = 512".to_owned()),
            _ => Ok(()),
        }
    }

    /// The frames that may be asked for, as [height, width].
    fn frames(&self) -> Vec<[usize; 2]> {
        match (&self.max_size, self.max_size_hw) {
            (Some(Lengths::One(n)), _) => vec![[*n; 2]],
            (Some(Lengths::Several(list)), _) => list.iter().map(|&n| [n; 2]).collect(),
            (None, frame) => frame.into_iter().collect(),
        }
    }

    fn scaled(&self, scale: Scale) -> Sides {
        let frame = |[height, width]: [usize; 2]| [scale.rows(height), scale.columns(width)];
        let length = |n: &usize| scale.rows(*n).max(scale.columns(*n));
        let (max_size, max_size_hw) = match (&self.max_size, self.max_size_hw) {
            (Some(Lengths::One(n)), _) if scale.rows(*n) == scale.columns(*n) => (Some(Lengths::One(length(n))), None),
            (Some(Lengths::One(n)), _) => (None, Some(frame([*n; 2]))),
            (Some(Lengths::Several(list)), _) => (Some(Lengths::Several(list.iter().map(length).collect())), None),
            (None, hw) => (None, hw.map(frame)),
        };
        Sides { max_size, max_size_hw, ..*self }
    }

    fn is_random(&self) -> bool {
        self.frames().iter().any(|frame| *frame != self.frames()[0])
    }

    /// By how much a picture may be reduced; `scale` is the factor that a frame means.
    fn detail(&self, picture: Size, scale: fn([f64; 2]) -> f64) -> Detail {
        if !(self.area_for_downscale.is_on() || self.interpolation == Interpolation::Area) {
            return Detail::ALL;
        }
        let of = |frame: &[usize; 2]| {
            scale([frame[0] as f64 / picture.height as f64, frame[1] as f64 / picture.width as f64])
        };
        let greatest = self.frames().iter().map(of).fold(0.0, f64::max);
        let side = |n: usize| (n as f64 * greatest).ceil() as usize;
        let made = Size { height: side(picture.height), width: side(picture.width) };
        Detail::of(sides(picture), made, 1.0)
    }

    /// The frame of one picture.
    fn draw(&self, draws: &mut Draws) -> [usize; 2] {
        let frames = self.frames();
        if frames.len() == 1 { frames[0] } else { frames[draws.below(frames.len() as u64) as usize] }
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, scale: f64) -> Cow<'a, Picture> {
        let side = |n: u32| ((f64::from(n) * scale).round_ties_even() as usize).max(1);
        let (mut height, mut width) = (side(picture.height), side(picture.width));
        if height.saturating_mul(width) > MOST_PIXELS {
            let longest = (MOST_PIXELS / height.min(width)).max(height.min(width));
            (height, width) = (height.min(longest), width.min(longest));
        }
        to(picture, Size { height, width }, self.interpolation, self.area_for_downscale.is_on())
    }
}

/// Height and width of the frame by those of the picture.
fn factors(frame: [usize; 2], picture: &Picture) -> [f64; 2] {
    [frame[0] as f64 / f64::from(picture.height), frame[1] as f64 / f64::from(picture.width)]
}

impl Settings for Longest {
    fn operation(self, _: &str) -> Built {
        self.0.check()?;
        Ok(Arc::new(self))
    }
}

impl Operation for Longest {
    fn sizes(&self, _: Sizes) -> Result<Sizes, String> {
        let most = |axis: usize| self.0.frames().iter().map(|frame| frame[axis]).max().unwrap_or(1);
        let up_to = |most: usize| Bounds { least: 1, most };
        Ok(Sizes { height: up_to(most(0)), width: up_to(most(1)) })
    }

    fn scaled(&self, scale: Scale) -> Option<Arc<dyn Operation>> {
        Some(Arc::new(Longest(self.0.scaled(scale))))
    }

    fn detail(&self, picture: Size) -> Detail {
        self.0.detail(picture, |[height, width]| height.min(width))
    }

    fn is_random(&self) -> bool {
        self.0.is_random()
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, draws: &mut Draws) -> Cow<'a, Picture> {
        let [height, width] = factors(self.0.draw(draws), &picture);
        self.0.run(picture, height.min(width))
    }
}

impl Settings for Smallest {
    fn operation(self, _: &str) -> Built {
        self.0.check()?;
        Ok(Arc::new(self))
    }
}

impl Operation for Smallest {
    fn sizes(&self, _: Sizes) -> Result<Sizes, String> {
        let least = |axis: usize| self.0.frames().iter().map(|frame| frame[axis]).min().unwrap_or(1);
        let from = |least: usize| Bounds { least, most: usize::MAX };
        Ok(Sizes { height: from(least(0)), width: from(least(1)) })
    }

    fn scaled(&self, scale: Scale) -> Option<Arc<dyn Operation>> {
        Some(Arc::new(Smallest(self.0.scaled(scale))))
    }

    fn detail(&self, picture: Size) -> Detail {
        self.0.detail(picture, |[height, width]| height.max(width))
    }

    fn is_random(&self) -> bool {
        self.0.is_random()
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, draws: &mut Draws) -> Cow<'a, Picture> {
        let [height, width] = factors(self.0.draw(draws), &picture);
        self.0.run(picture, height.max(width))
    }
}

/// Cut out the middle, in the shape of what comes out, and resize it: timm's evaluation of published weights.
#[derive(Debug)]
pub struct Middle {
    /// Output size.
    pub size: Size,
    /// Part of the largest such rectangle's side that is kept, above 0 and at most 1.
    pub part: f64,
    /// How pixels are made.
    pub interpolation: Interpolation,
}

impl Middle {
    /// The central rectangle in the shape of `size` whose sides are `part` of the largest one's.
    fn rect(&self, width: u32, height: u32) -> Area {
        let (w, h) = (f64::from(width), f64::from(height));
        let scale = (w / self.size.width as f64).min(h / self.size.height as f64) * self.part;
        let side = |of: usize, most: u32| ((of as f64 * scale).round() as usize).clamp(1, most as usize);
        let (crop_w, crop_h) = (side(self.size.width, width), side(self.size.height, height));
        Area { x: (width as usize - crop_w) / 2, y: (height as usize - crop_h) / 2, width: crop_w, height: crop_h }
    }
}

impl Operation for Middle {
    fn sizes(&self, _: Sizes) -> Result<Sizes, String> {
        Ok(Sizes::of(self.size))
    }

    fn scaled(&self, scale: Scale) -> Option<Arc<dyn Operation>> {
        Some(Arc::new(Middle { size: scale.size(self.size), ..*self }))
    }

    fn detail(&self, picture: Size) -> Detail {
        let rect = self.rect(picture.width as u32, picture.height as u32);
        match self.interpolation {
            Interpolation::Nearest => Detail::ALL,
            // Pillow's wide filters see a mean instead of pixels; with twice as many as they make it does not tell (Pillow's own
            // `reducing_gap`).
            _ => Detail::of([rect.height as f64, rect.width as f64], self.size, 2.0),
        }
    }

    fn window(&self, picture: Size, _: &mut Draws) -> Option<Area> {
        Some(self.rect(picture.width as u32, picture.height as u32))
    }

    fn run_window(&self, part: &Picture) -> Picture {
        resize(part, Area::whole(part), self.size, self.interpolation, false)
    }

    fn is_random(&self) -> bool {
        false
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, _: &mut Draws) -> Cow<'a, Picture> {
        let rect = self.rect(picture.width, picture.height);
        Cow::Owned(resize(&picture, rect, self.size, self.interpolation, false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;
    use crate::data::augment::golden::noise;
    use crate::data::augment::{Pipeline, operation::Op};

    #[test]
    fn the_evaluation_of_weights_keeps_the_middle() {
        // timm, 224 pixels and crop 0.875 of a picture of 320 × 400: the shorter side becomes 256, and 224 are kept,
        // which are 280 of the 320.
        let size = Size { height: 224, width: 224 };
        let middle = |w, h, size, part| Middle { size, part, interpolation: Interpolation::Bicubic }.rect(w, h);
        assert_eq!(middle(320, 400, size, 0.875), Area { x: 20, y: 60, width: 280, height: 280 });
        let wide = Size { height: 10, width: 30 };
        assert_eq!(middle(90, 90, wide, 1.0), Area { x: 0, y: 30, width: 90, height: 30 });
        assert_eq!(middle(1, 1, wide, 0.1), Area { x: 0, y: 0, width: 1, height: 1 });
        let pipeline = Pipeline::of_weights(size, Interpolation::Bicubic, 0.875);
        assert_eq!((pipeline.size(), pipeline.is_random()), (size, false));
        let out = pipeline.picture(&noise(320, 400), Seed::new(1));
        assert_eq!((out.width, out.height), (224, 224));
    }

    fn sized(json: &str, width: u32, height: u32, seed: u64) -> (u32, u32) {
        let op = Op::read("x", 0, &serde_json::from_str(json).unwrap()).unwrap();
        let out = op.run(Cow::Owned(noise(width, height)), 0, Seed::new(seed));
        (out.width, out.height)
    }

    #[test]
    fn sides_as_albumentations_rounds_them() {
        assert_eq!(sized(r#"{"op": "LongestMaxSize", "max_size": 64}"#, 30, 40, 0), (48, 64));
        assert_eq!(sized(r#"{"op": "SmallestMaxSize", "max_size": 64}"#, 30, 40, 0), (64, 85));
        // 25 · 10 / 100 = 2.5, which goes to 2.
        assert_eq!(sized(r#"{"op": "LongestMaxSize", "max_size": 10}"#, 100, 25, 0), (10, 2));
        assert_eq!(sized(r#"{"op": "LongestMaxSize", "max_size_hw": [20, 60]}"#, 30, 40, 0), (15, 20));
        assert_eq!(sized(r#"{"op": "SmallestMaxSize", "max_size_hw": [20, 60]}"#, 30, 40, 0), (60, 80));
        // A line of pixels does not fill the memory.
        assert_eq!(sized(r#"{"op": "SmallestMaxSize", "max_size": 4096}"#, 9, 1, 0), (15_625, 4096));
    }

    #[test]
    fn one_length_of_a_list_is_drawn() {
        let json = r#"{"op": "LongestMaxSize", "max_size": [8, 16, 32]}"#;
        let drawn = |n| (0..300).filter(|&seed| sized(json, 5, 8, seed).1 == n).count();
        assert!([8, 16, 32].iter().all(|&n| (70..130).contains(&drawn(n))));
        let error = |json: &str| Op::read("x", 0, &serde_json::from_str(json).unwrap()).unwrap_err().to_string();
        assert!(error(r#"{"op": "LongestMaxSize"}"#).contains("max_size = 512"));
        assert!(error(r#"{"op": "LongestMaxSize", "max_size": 8, "max_size_hw": [8, 8]}"#).contains("not both"));
    }
}
