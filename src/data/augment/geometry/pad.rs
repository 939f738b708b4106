//! PadIfNeeded and BorderCrop: a border added, a border taken away.
//!
//! PadIfNeeded takes a picture and the least height and width; gives it with pixels around it where it was smaller
//! (albumentations 2.0.8). BorderCrop takes away a border of one colour, as scans have it, as the trademark competition's
//! 2nd place did before resizing and padding with white; albumentations has no such operation.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;

use crate::base::seed::Draws;
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::data::augment::operation::{Built, Operation, Row, Settings};
use crate::data::augment::pipeline::sizes::{Bounds, Sizes};
use crate::data::augment::settings::{
    BORDER_MODE, Border, COLOUR, FILL, Fill, LAST_EPOCHS_OFF, P_ONE, SIDE, Scale, Size,
};
use crate::data::decode::Picture;

/// `position`.
pub const POSITION: Param = Param::new(
    "position",
    Kind::Choice(&["center", "top_left", "top_right", "bottom_left", "bottom_right", "random"]),
    Default::Is(Literal::Text("center")),
    "Where the picture lies among the padding.",
);

/// The row of PadIfNeeded.
pub const PAD_IF_NEEDED: Row = Row::of::<PadIfNeeded>(Technique {
    name: "PadIfNeeded",
    slot: "augment",
    about: "Add a border where the picture is smaller than a given size.",
    details: "What is large enough stays as it is. After LongestMaxSize it makes every picture one size without \
        changing a shape: { op = \"LongestMaxSize\", max_size = 384 }, { op = \"PadIfNeeded\", min_height = 384, \
        min_width = 384, fill = 255 }, as the trademark 2nd place did for drawings on white.\n\n\
        Each axis has either a least length (min_height, 1024 when nothing is written, as in albumentations) or a \
        divisor (pad_height_divisor = 32: the length becomes the next multiple of 32). With position \"center\" an \
        odd pixel goes below and to the right; \"random\" draws the place.\n\n\
        A border of a colour that pictures do not have tells the network where a picture ends, and it learns that: \
        choose `fill` as the background is (255 for scans), or border_mode \"reflect_101\" for photos. Cost: a copy.",
    params: &[
        Param::new("min_height", SIDE, Default::Absent, "Least rows; 1024 without pad_height_divisor.").unit("pixels"),
        Param::new("min_width", SIDE, Default::Absent, "Least columns; 1024 without pad_width_divisor.").unit("pixels"),
        Param::new("pad_height_divisor", SIDE, Default::Absent, "Rows become a multiple of it, instead of min_height.")
            .unit("pixels"),
        Param::new(
            "pad_width_divisor",
            SIDE,
            Default::Absent,
            "Columns become a multiple of it, instead of min_width.",
        )
        .unit("pixels"),
        POSITION,
        BORDER_MODE,
        FILL,
        P_ONE,
        LAST_EPOCHS_OFF,
    ],
    source: "albumentations 2.0.8 PadIfNeeded; anyai-28/nishika_jpo_2nd_solution",
    status: Status::Built,
});

/// Where a picture lies among its padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// In the middle.
    Center,
    /// Padding below and to the right.
    TopLeft,
    /// Below and to the left.
    TopRight,
    /// Above and to the right.
    BottomLeft,
    /// Above and to the left.
    BottomRight,
    /// Anywhere.
    Random,
}

impl Position {
    /// How many of the missing [rows, columns] stand before the picture.
    pub fn before(self, gaps: [usize; 2], draws: &mut Draws) -> [usize; 2] {
        let [rows, columns] = gaps;
        match self {
            Position::Center => [rows / 2, columns / 2],
            Position::TopLeft => [0, 0],
            Position::TopRight => [0, columns],
            Position::BottomLeft => [rows, 0],
            Position::BottomRight => [rows, columns],
            Position::Random => gaps.map(|gap| draws.below(gap as u64 + 1) as usize),
        }
    }
}

/// How many pixels are missing of `wanted`.
pub fn missing(have: usize, wanted: usize) -> usize {
    wanted.saturating_sub(have)
}

/// The rectangle of `size` whose corner is at row `y`, column `x`; what lies outside of the picture is border.
pub fn cut(picture: Cow<'_, Picture>, y: i64, x: i64, size: Size, border: Border, fill: Fill) -> Cow<'_, Picture> {
    let (width, height) = (picture.width as usize, picture.height as usize);
    if (y, x, size.width, size.height) == (0, 0, width, height) {
        return picture;
    }
    let fill = fill.bytes();
    // One question to the border for each column instead of each pixel.
    let columns: Vec<Option<usize>> = (0..size.width as i64)
        .map(|column| border.source(x + column, width as i64).map(|column| column as usize * 3))
        .collect();
    let inside = x >= 0 && x as usize + size.width <= width;
    let mut rgb = Vec::with_capacity(size.width * size.height * 3);
    for row in 0..size.height as i64 {
        let Some(row) = border.source(y + row, height as i64) else {
            (0..size.width).for_each(|_| rgb.extend_from_slice(&fill));
            continue;
        };
        let line = &picture.rgb[row as usize * width * 3..(row as usize + 1) * width * 3];
        if inside {
            rgb.extend_from_slice(&line[x as usize * 3..(x as usize + size.width) * 3]);
            continue;
        }
        for column in &columns {
            match column {
                Some(at) => rgb.extend_from_slice(&line[*at..at + 3]),
                None => rgb.extend_from_slice(&fill),
            }
        }
    }
    Cow::Owned(Picture { width: size.width as u32, height: size.height as u32, rgb })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PadIfNeeded {
    min_height: Option<usize>,
    min_width: Option<usize>,
    pad_height_divisor: Option<usize>,
    pad_width_divisor: Option<usize>,
    position: Position,
    border_mode: Border,
    fill: Fill,
}

impl PadIfNeeded {
    /// How long a side becomes.
    fn length(have: usize, least: Option<usize>, divisor: Option<usize>) -> usize {
        match divisor {
            Some(divisor) => have.checked_next_multiple_of(divisor).unwrap_or(have),
            None => have.max(least.unwrap_or(1024)),
        }
    }

    fn lengths(&self, have: [usize; 2]) -> [usize; 2] {
        [
            Self::length(have[0], self.min_height, self.pad_height_divisor),
            Self::length(have[1], self.min_width, self.pad_width_divisor),
        ]
    }
}

impl Settings for PadIfNeeded {
    fn operation(self, _: &str) -> Built {
        if self.min_height.is_some() && self.pad_height_divisor.is_some() {
            return Err("write min_height or pad_height_divisor, not both".into());
        }
        if self.min_width.is_some() && self.pad_width_divisor.is_some() {
            return Err("write min_width or pad_width_divisor, not both".into());
        }
        Ok(Arc::new(self))
    }
}

impl Operation for PadIfNeeded {
    fn sizes(&self, before: Sizes) -> Result<Sizes, String> {
        let least = self.lengths([before.height.least, before.width.least]);
        let most = self.lengths([before.height.most, before.width.most]);
        let [height, width] = [0, 1].map(|axis| Bounds { least: least[axis], most: most[axis] });
        Ok(Sizes { height, width })
    }

    fn scaled(&self, scale: Scale) -> Option<Arc<dyn Operation>> {
        Some(Arc::new(PadIfNeeded {
            min_height: self.pad_height_divisor.is_none().then(|| scale.rows(self.min_height.unwrap_or(1024))),
            min_width: self.pad_width_divisor.is_none().then(|| scale.columns(self.min_width.unwrap_or(1024))),
            ..*self
        }))
    }

    fn is_random(&self) -> bool {
        self.position == Position::Random
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, draws: &mut Draws) -> Cow<'a, Picture> {
        let have = [picture.height as usize, picture.width as usize];
        let [height, width] = self.lengths(have);
        let [top, left] = self.position.before([height - have[0], width - have[1]], draws);
        cut(picture, -(top as i64), -(left as i64), Size { height, width }, self.border_mode, self.fill)
    }
}

/// The row of BorderCrop.
pub const BORDER_CROP: Row = Row::of::<BorderCrop>(Technique {
    name: "BorderCrop",
    slot: "augment",
    about: "Cut away a border of one colour, as scans and drawings on white have it.",
    details: "The smallest rectangle is kept that holds every pixel of which some channel differs from `color` by more than \
        `tolerance`. A picture that is all border stays as it is. Nothing is drawn, so it may stand in `eval` too, and should: \
        a query with a wide border and a catalogue drawing without one are the same size in the network's eyes then.\n\n\
        The tolerance takes up JPEG noise and paper that is not quite white: 0 keeps a border with one speck of dust, above 60 \
        pale drawings lose their edges. The trademark 2nd place cropped the white border of every picture, then \
        resized the longer side, padded with white and scaled by 0.9.\n\n\
        It fails on photos with a bright sky at the edge, which it takes for a border, and the sizes that come out differ: \
        LongestMaxSize and PadIfNeeded, or Resize, follow. Cost: one look at the pixels of the border.",
    params: &[
        Param::new(
            "color",
            COLOUR,
            Default::Is(Literal::Float(255.0)),
            "The border's grey level, or [red, green, blue].",
        ),
        Param::new(
            "tolerance",
            Kind::Int { min: 0, max: 255 },
            Default::Is(Literal::Int(10)),
            "Greatest distance of a channel to `color` that still is border.",
        )
        .unit("grey levels"),
        P_ONE,
        LAST_EPOCHS_OFF,
    ],
    source: "anyai-28/nishika_jpo_2nd_solution, 2nd place of the Nishika trademark image search",
    status: Status::Built,
});

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BorderCrop {
    color: Fill,
    tolerance: u8,
}

impl Settings for BorderCrop {
    fn operation(self, _: &str) -> Built {
        Ok(Arc::new(self))
    }
}

impl Operation for BorderCrop {
    fn sizes(&self, before: Sizes) -> Result<Sizes, String> {
        let up_to = |bounds: Bounds| Bounds { least: 1, most: bounds.most };
        Ok(Sizes { height: up_to(before.height), width: up_to(before.width) })
    }

    fn is_random(&self) -> bool {
        false
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, _: &mut Draws) -> Cow<'a, Picture> {
        let (width, height) = (picture.width as usize, picture.height as usize);
        let colour = self.color.bytes();
        let is_border = |y: usize, x: usize| {
            let pixel = &picture.rgb[(y * width + x) * 3..][..3];
            pixel.iter().zip(colour).all(|(&a, b)| a.abs_diff(b) <= self.tolerance)
        };
        let blank = |y: usize| (0..width).all(|x| is_border(y, x));
        let Some(top) = (0..height).find(|&y| !blank(y)) else { return picture };
        let bottom = (top..height).rev().find(|&y| !blank(y)).unwrap_or(top);
        // Row by row along memory: each row narrows what is still unknown at the left and the right.
        let (mut left, mut right) = (width - 1, 0);
        for y in top..=bottom {
            left = (0..left).find(|&x| !is_border(y, x)).unwrap_or(left);
            right = (right + 1..width).rev().find(|&x| !is_border(y, x)).unwrap_or(right);
        }
        let size = Size { height: bottom - top + 1, width: right - left + 1 };
        cut(picture, top as i64, left as i64, size, Border::Constant, Fill::Grey(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Seed, Value};
    use crate::data::augment::golden::{distribution, noise};
    use crate::data::augment::operation::Op;

    fn run(json: &str, picture: &Picture) -> Picture {
        let entry: Value = serde_json::from_str(json).unwrap();
        Op::read("x", 0, &entry).unwrap().run(Cow::Borrowed(picture), 0, Seed::new(0)).into_owned()
    }

    /// A white sheet with two marks.
    fn sheet(marks: &[(usize, usize)]) -> Picture {
        let mut rgb = vec![250; 12 * 9 * 3];
        marks.iter().for_each(|(y, x)| rgb[(y * 12 + x) * 3 + 1] = 90);
        Picture { width: 12, height: 9, rgb }
    }

    #[test]
    fn the_border_goes_and_the_content_stays() {
        let size = |marks: &[(usize, usize)]| {
            let out = run(r#"{"op": "BorderCrop"}"#, &sheet(marks));
            (out.height, out.width, out.rgb[1])
        };
        assert_eq!(size(&[(2, 3), (6, 7)]), (5, 5, 90));
        assert_eq!(size(&[(2, 7), (6, 3)]), (5, 5, 250));
        assert_eq!(size(&[(4, 4)]), (1, 1, 90));
        assert_eq!(size(&[(0, 0), (8, 11)]), (9, 12, 90));
        assert_eq!(size(&[(1, 0), (3, 0)]), (3, 1, 90));
        assert_eq!(size(&[(1, 11), (3, 11)]), (3, 1, 90));
        assert_eq!(size(&[]), (9, 12, 250), "all border: nothing to keep, nothing to cut");
        let strict = run(r#"{"op": "BorderCrop", "tolerance": 4}"#, &sheet(&[(4, 4)]));
        assert_eq!((strict.height, strict.width), (9, 12), "250 is not 255");
        let other = run(r#"{"op": "BorderCrop", "color": [250, 250, 250], "tolerance": 0}"#, &sheet(&[(4, 4), (5, 4)]));
        assert_eq!((other.height, other.width), (2, 1));
    }

    #[test]
    fn a_divisor_pads_to_the_next_multiple() {
        let out = run(r#"{"op": "PadIfNeeded", "pad_height_divisor": 8, "pad_width_divisor": 5}"#, &noise(10, 17));
        assert_eq!((out.height, out.width), (24, 10));
        let read = |json: &str| Op::read("x", 0, &serde_json::from_str(json).unwrap());
        assert!(read(r#"{"op": "PadIfNeeded", "min_width": 9, "pad_width_divisor": 5}"#).is_err());
    }

    #[test]
    fn random_places_are_spread_as_albumentations_spreads_them() {
        distribution("PadIfNeeded", &["top", "left"], |draws| {
            Position::Random.before([24, 10], draws).map(|v| v as f64).to_vec()
        });
    }
}
