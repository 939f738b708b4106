//! The types and the declared keys that several operations share.
//!
//! Takes what a recipe's table says (serde); gives ranges to draw from, sizes, borders and colours. An operation's own
//! settings stand in its own file and are made of these. The keys at the end are the rows of `toji explain` for
//! what many operations take under one name, so that a word means the same everywhere.

use serde::Deserialize;

use crate::base::seed::Draws;
use crate::book::technique::{Default, Kind, Literal, Param};

/// Output size in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Size {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Size {
    /// `[height, width]` as recipes write it.
    ///
    /// # Errors
    /// When a side is 0.
    pub fn of([height, width]: [usize; 2]) -> Result<Size, String> {
        if height == 0 || width == 0 {
            return Err(format!("size = [{height}, {width}] holds no pixel"));
        }
        Ok(Size { height, width })
    }
}

/// Another size of what comes out: earlier sizes change alike.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// What comes out now.
    pub from: Size,
    /// What shall come out.
    pub to: Size,
}

impl Scale {
    /// A number of rows, scaled.
    pub fn rows(self, n: usize) -> usize {
        Scale::side(n, self.from.height, self.to.height)
    }

    /// A number of columns, scaled.
    pub fn columns(self, n: usize) -> usize {
        Scale::side(n, self.from.width, self.to.width)
    }

    /// A size, scaled.
    pub fn size(self, size: Size) -> Size {
        Size { height: self.rows(size.height), width: self.columns(size.width) }
    }

    fn side(n: usize, from: usize, to: usize) -> usize {
        ((n as f64 * to as f64 / from.max(1) as f64).round() as usize).max(1)
    }
}

/// A closed range to draw from uniformly, written `[low, high]`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(from = "[f64; 2]")]
pub struct Range {
    /// Least.
    pub low: f64,
    /// Greatest.
    pub high: f64,
}

impl From<[f64; 2]> for Range {
    fn from([low, high]: [f64; 2]) -> Range {
        Range { low, high }
    }
}

impl Range {
    /// One number of the range. A range of one number still takes a draw, so that later draws keep their place.
    pub fn draw(self, draws: &mut Draws) -> f64 {
        draws.uniform(self.low, self.high)
    }

    /// One whole number of the range, both ends included.
    pub fn draw_whole(self, draws: &mut Draws) -> i64 {
        draws.between(self.low as i64, self.high as i64)
    }

    /// Whether there is one number in it only.
    pub fn is_fixed(self) -> bool {
        self.low == self.high
    }

    /// The range itself, when its ends are in order; `name` is the key that an error names.
    ///
    /// # Errors
    /// When the ends are out of order or no numbers.
    pub fn ordered(self, name: &str) -> Result<Range, String> {
        if self.low <= self.high && self.low.is_finite() && self.high.is_finite() {
            Ok(self)
        } else {
            Err(format!("{name} = [{}, {}] should be [least, greatest]", self.low, self.high))
        }
    }
}

/// A number or a range; what a lone number means belongs to the key.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Numbers {
    /// `v`.
    One(f64),
    /// `[low, high]`.
    Range(Range),
}

impl Numbers {
    fn or(self, range: impl Fn(f64) -> Range) -> Range {
        match self {
            Numbers::One(v) => range(v),
            Numbers::Range(range) => range,
        }
    }

    /// `v` means `[v, v]`.
    pub fn same(self) -> Range {
        self.or(|v| Range { low: v, high: v })
    }

    /// `v` means `[-v, v]`.
    pub fn symmetric(self) -> Range {
        self.or(|v| Range { low: -v, high: v })
    }

    /// `v` means `[low, v]`; a `v` below `low` means `v` alone.
    pub fn from(self, low: f64) -> Range {
        self.or(|v| Range { low: low.min(v), high: v })
    }
}

/// How pixels between pixels are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interpolation {
    /// OpenCV's INTER_NEAREST.
    Nearest,
    /// OpenCV's INTER_LINEAR.
    Linear,
    /// OpenCV's INTER_AREA.
    Area,
    /// Pillow's BILINEAR, which widens where a picture shrinks: timm's, for published weights.
    #[serde(skip)]
    Bilinear,
    /// Pillow's BICUBIC, likewise.
    #[serde(skip)]
    Bicubic,
}

impl Interpolation {
    /// The one of a name as timm's configurations have it; bicubic for others.
    pub fn of_weights(name: &str) -> Interpolation {
        match name {
            "bilinear" => Interpolation::Bilinear,
            "nearest" => Interpolation::Nearest,
            _ => Interpolation::Bicubic,
        }
    }
}

/// `area_for_downscale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AreaForDownscale {
    /// An axis that shrinks is averaged.
    Image,
    /// It is interpolated.
    None,
}

impl AreaForDownscale {
    /// Whether a shrinking axis is averaged.
    pub fn is_on(self) -> bool {
        matches!(self, AreaForDownscale::Image)
    }
}

/// What stands outside the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Border {
    /// The fill colour.
    Constant,
    /// The nearest pixel of the edge: aaa|abc|ccc.
    Replicate,
    /// Mirrored with the edge doubled: cba|abc|cba.
    Reflect,
    /// Mirrored without doubling the edge: cb|abc|ba.
    #[serde(rename = "reflect_101")]
    Reflect101,
    /// From the other side: abc|abc|abc.
    Wrap,
}

impl Border {
    /// The pixel that stands in for place `i` of `0..n`; `None` means the fill colour. `n` is at least 1.
    pub fn source(self, i: i64, n: i64) -> Option<i64> {
        if (0..n).contains(&i) {
            return Some(i);
        }
        match self {
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
}

/// A colour: one grey level or red, green and blue, 0 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Fill {
    /// One level for all channels.
    Grey(f32),
    /// Red, green, blue.
    Rgb([f32; 3]),
}

impl Fill {
    /// Red, green and blue.
    pub fn rgb(self) -> [f32; 3] {
        match self {
            Fill::Grey(v) => [v; 3],
            Fill::Rgb(rgb) => rgb,
        }
    }

    /// Red, green and blue as bytes.
    pub fn bytes(self) -> [u8; 3] {
        self.rgb().map(|v| (v + 0.5) as u8)
    }
}

/// A probability.
pub const CHANCE: Kind = Kind::OverEpochs(&Kind::Float { min: 0.0, max: 1.0 });
/// A side of a picture.
pub const SIDE: Kind = Kind::Int { min: 1, max: 4096 };
/// `[height, width]`.
pub const SIZE: Kind = Kind::List { of: &Kind::Int { min: 8, max: 4096 }, min: 2, max: 2 };
/// One grey level or three channels.
pub const COLOUR: Kind = Kind::Either(&[
    Kind::Float { min: 0.0, max: 255.0 },
    Kind::List { of: &Kind::Float { min: 0.0, max: 255.0 }, min: 3, max: 3 },
]);

/// A number in `$low..=$high` or a range of such numbers, each of which may go over the epochs.
macro_rules! number_or_range {
    ($low:expr, $high:expr) => {{
        const NUMBER: Kind = Kind::OverEpochs(&Kind::Float { min: $low, max: $high });
        Kind::Either(&[NUMBER, Kind::List { of: &NUMBER, min: 2, max: 2 }])
    }};
}

/// `[low, high]` with both in `$low..=$high`, which may go over the epochs; `float` or `int`.
macro_rules! range {
    (float $low:expr, $high:expr) => {
        Kind::List { of: &Kind::OverEpochs(&Kind::Float { min: $low, max: $high }), min: 2, max: 2 }
    };
    (int $low:expr, $high:expr) => {
        Kind::List { of: &Kind::OverEpochs(&Kind::Int { min: $low, max: $high }), min: 2, max: 2 }
    };
}

/// A default range.
macro_rules! from_to {
    ($low:literal, $high:literal) => {
        Default::Is(Literal::List(&[Literal::Float($low), Literal::Float($high)]))
    };
    (int $low:literal, $high:literal) => {
        Default::Is(Literal::List(&[Literal::Int($low), Literal::Int($high)]))
    };
}

pub(super) use {from_to, number_or_range, range};

pub use super::pipeline::epochs::LAST_EPOCHS_OFF;

/// `p` with default 0.5.
pub const P_HALF: Param =
    Param::new("p", CHANCE, Default::Is(Literal::Float(0.5)), "Probability that a picture gets the operation.");
/// `p` with default 1.
pub const P_ONE: Param =
    Param::new("p", CHANCE, Default::Is(Literal::Float(1.0)), "Probability that a picture gets the operation.");
/// `size`.
pub const SIZE_PARAM: Param =
    Param::new("size", SIZE, Default::Required, "Output size as [height, width].").unit("pixels");
/// `interpolation` of what resizes.
pub const INTERPOLATION: Param = Param::new(
    "interpolation",
    Kind::Choice(&["linear", "nearest", "area"]),
    Default::Is(Literal::Text("linear")),
    "How pixels between pixels are made: OpenCV's INTER_LINEAR, INTER_NEAREST or INTER_AREA.",
);
/// `area_for_downscale`.
pub const AREA_FOR_DOWNSCALE: Param = Param::new(
    "area_for_downscale",
    Kind::Choice(&["image", "none"]),
    Default::Is(Literal::Text("image")),
    "\"image\": an axis that shrinks is averaged over its area; \"none\": the interpolation above, aliasing included.",
);
/// `interpolation` of what turns or bends.
pub const WARP_INTERPOLATION: Param = Param::new(
    "interpolation",
    Kind::Choice(&["linear", "nearest"]),
    Default::Is(Literal::Text("linear")),
    "How pixels between pixels are made.",
);
/// `border_mode`.
pub const BORDER_MODE: Param = Param::new(
    "border_mode",
    Kind::Choice(&["constant", "replicate", "reflect", "reflect_101", "wrap"]),
    Default::Is(Literal::Text("constant")),
    "What stands outside the picture (OpenCV's BORDER_…).",
);
/// `fill`.
pub const FILL: Param = Param::new(
    "fill",
    COLOUR,
    Default::Is(Literal::Float(0.0)),
    "Grey level, or [red, green, blue], outside the picture with border_mode \"constant\".",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_as_opencv_draws_them() {
        let at = |border: Border| (-3..6).map(|i| border.source(i, 3)).collect::<Vec<_>>();
        let some = |list: [i64; 9]| list.map(Some).to_vec();
        assert_eq!(at(Border::Reflect), some([2, 1, 0, 0, 1, 2, 2, 1, 0]));
        assert_eq!(at(Border::Reflect101), some([1, 2, 1, 0, 1, 2, 1, 0, 1]));
        assert_eq!(at(Border::Wrap), some([0, 1, 2, 0, 1, 2, 0, 1, 2]));
        assert_eq!(at(Border::Replicate), some([0, 0, 0, 0, 1, 2, 2, 2, 2]));
        assert_eq!(Border::Reflect101.source(5, 1), Some(0));
    }
}
