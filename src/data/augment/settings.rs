//! One settings table (`{ op = "Affine", rotate = [-10, 10], p = 0.5 }`) → one typed operation.
//!
//! Takes canonical settings or a partial table: what is not written is filled in from the declared
//! defaults of [`super::table`], so there is one place where a default stands. Gives [`Op`], whose
//! ranges are ready to draw from, or an error that names the operation, its place and the key.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::table::TECHNIQUES;
use crate::base::Value;
use crate::base::seed::Draws;
use crate::book::technique::{Default, Technique};

/// An `[augment]` list cannot become a pipeline.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
pub enum AugmentError {
    /// It is not a list of tables with `op`.
    #[error("{list}: expected a list of operations such as {{ op = \"Resize\", size = [128, 128] }}")]
    Shape {
        /// "augment.train" or "augment.eval".
        list: String,
    },
    /// No such operation.
    #[error("{list}[{place}]: there is no operation \"{name}\"")]
    Unknown {
        /// The list.
        list: String,
        /// Place in the list, from 0.
        place: usize,
        /// What was written.
        name: String,
    },
    /// A parameter is missing, unknown or out of range.
    #[error("{list}[{place}] {name}: {reason}")]
    Parameter {
        /// The list.
        list: String,
        /// Place in the list, from 0.
        place: usize,
        /// The operation.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// Pictures of different sizes would come out.
    #[error("{list}: no operation fixes the output size; add {{ op = \"Resize\", size = [128, 128] }}")]
    NoSize {
        /// The list.
        list: String,
    },
}

/// Output size in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Size {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// A closed range to draw from uniformly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Least.
    pub low: f64,
    /// Greatest.
    pub high: f64,
}

impl Range {
    /// One number of the range. A range of one number still takes a draw, so that later draws keep their place.
    pub fn draw(self, draws: &mut Draws) -> f64 {
        draws.uniform(self.low, self.high)
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

/// One operation with its probability.
#[derive(Clone, Debug, PartialEq)]
pub struct Op {
    /// albumentations' name.
    pub name: &'static str,
    /// Probability that a picture gets it.
    pub p: f64,
    /// What it does.
    pub action: Action,
}

/// What an operation does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Cut out a random rectangle and resize it.
    RandomResizedCrop {
        /// Output size.
        size: Size,
        /// Share of the area.
        scale: Range,
        /// Width / height.
        ratio: Range,
        /// When an axis does not shrink, or `area` is off.
        interpolation: Interpolation,
        /// Average over the area on an axis that shrinks.
        area: bool,
    },
    /// Mirror left and right.
    HorizontalFlip,
    /// Scale, turn, shear, shift.
    Affine(Affine),
    /// Brightness, contrast, saturation, hue.
    ColorJitter {
        /// Factors for brightness, contrast and saturation.
        factors: [Range; 3],
        /// Turns of the colour circle.
        hue: Range,
    },
    /// Resize the whole picture.
    Resize {
        /// Output size.
        size: Size,
        /// When an axis does not shrink, or `area` is off.
        interpolation: Interpolation,
        /// Average over the area on an axis that shrinks.
        area: bool,
    },
    /// Cut out the middle, in the shape of what comes out, and resize it.
    Middle {
        /// Output size.
        size: Size,
        /// Part of the largest such rectangle's side that is kept, above 0 and at most 1.
        part: f64,
        /// How pixels are made.
        interpolation: Interpolation,
    },
}

/// Parameters of Affine. Pairs are (x, y).
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    /// Magnification.
    pub scale: [Range; 2],
    /// Shift as a share of width and height.
    pub translate: [Range; 2],
    /// Degrees, counter-clockwise.
    pub rotate: Range,
    /// Degrees.
    pub shear: [Range; 2],
    /// One scale for both axes.
    pub keep_ratio: bool,
    /// Linear or nearest.
    pub interpolation: Interpolation,
    /// What stands outside.
    pub border: Border,
    /// Colour outside.
    pub fill: [f32; 3],
}

impl Op {
    /// Reads one entry of a list.
    ///
    /// # Errors
    /// When the operation is unknown, or a parameter is missing, unknown or senseless.
    pub fn read(list: &str, place: usize, entry: &Value) -> Result<Op, AugmentError> {
        let shape = || AugmentError::Shape { list: list.to_owned() };
        let Value::Table(written) = entry else { return Err(shape()) };
        let name = written.get("op").and_then(Value::as_text).ok_or_else(shape)?;
        let technique = TECHNIQUES.iter().find(|t| t.name == name).ok_or_else(|| AugmentError::Unknown {
            list: list.to_owned(),
            place,
            name: name.to_owned(),
        })?;
        let fail =
            |reason: String| AugmentError::Parameter { list: list.to_owned(), place, name: name.to_owned(), reason };
        let settings = filled_in(technique, written);
        let (p, action) = action(technique.name, &settings).map_err(fail)?;
        if !(0.0..=1.0).contains(&p) {
            return Err(fail(format!("p = {p} is not a probability")));
        }
        Ok(Op { name: technique.name, p, action })
    }
}

fn filled_in(technique: &Technique, written: &BTreeMap<String, Value>) -> Value {
    let mut settings = written.clone();
    settings.remove("op");
    for param in technique.params {
        if let Default::Is(literal) = &param.default {
            settings.entry(param.name.to_owned()).or_insert_with(|| literal.value());
        }
    }
    Value::Table(settings)
}

fn action(name: &str, settings: &Value) -> Result<(f64, Action), String> {
    fn decode<T: for<'de> Deserialize<'de>>(settings: &Value) -> Result<T, String> {
        settings.decode().map_err(|e| e.to_string())
    }
    Ok(match name {
        "RandomResizedCrop" => {
            let w: WrittenCrop = decode(settings)?;
            let (scale, ratio) = (ordered("scale", w.scale)?, ordered("ratio", w.ratio)?);
            if ratio.low <= 0.0 || scale.low < 0.0 || scale.high > 1.0 {
                return Err("scale must lie in 0 to 1 and ratio above 0".to_owned());
            }
            let (interpolation, area) = (w.interpolation, w.area_for_downscale.is_on());
            (w.p, Action::RandomResizedCrop { size: size(w.size)?, scale, ratio, interpolation, area })
        }
        "Resize" => {
            let w: WrittenResize = decode(settings)?;
            let (interpolation, area) = (w.interpolation, w.area_for_downscale.is_on());
            (w.p, Action::Resize { size: size(w.size)?, interpolation, area })
        }
        "HorizontalFlip" => (decode::<WrittenFlip>(settings)?.p, Action::HorizontalFlip),
        "ColorJitter" => {
            let w: WrittenJitter = decode(settings)?;
            let factor = |name, written: Numbers| match written {
                Numbers::One(v) => ordered(name, [(1.0 - v).max(0.0), 1.0 + v]),
                Numbers::Range(range) => ordered(name, range),
            };
            let hue = match w.hue {
                Numbers::One(v) => ordered("hue", [-v, v])?,
                Numbers::Range(range) => ordered("hue", range)?,
            };
            let factors = [
                factor("brightness", w.brightness)?,
                factor("contrast", w.contrast)?,
                factor("saturation", w.saturation)?,
            ];
            if factors.iter().any(|f| f.low < 0.0) || hue.low < -0.5 || hue.high > 0.5 {
                return Err("factors must not be negative and hue must lie in -0.5 to 0.5".to_owned());
            }
            (w.p, Action::ColorJitter { factors, hue })
        }
        "Affine" => {
            let w: WrittenAffine = decode(settings)?;
            let none = Axes::Both(Numbers::One(0.0));
            let affine = Affine {
                scale: w.scale.ranges("scale", 1.0)?,
                translate: w.translate_percent.unwrap_or(none).ranges("translate_percent", 0.0)?,
                rotate: w.rotate.range("rotate")?,
                shear: w.shear.ranges("shear", 0.0)?,
                keep_ratio: w.keep_ratio,
                interpolation: w.interpolation,
                border: w.border_mode,
                fill: match w.fill {
                    Fill::Grey(v) => [v; 3],
                    Fill::Rgb(rgb) => rgb,
                },
            };
            if affine.scale.iter().any(|s| s.low <= 0.0) {
                return Err("scale must be above 0".to_owned());
            }
            if affine.shear.iter().any(|s| s.low <= -90.0 || s.high >= 90.0) {
                return Err("shear must lie between -90 and 90 degrees".to_owned());
            }
            (w.p, Action::Affine(affine))
        }
        other => return Err(format!("\"{other}\" is declared but has no code")),
    })
}

fn size([height, width]: [usize; 2]) -> Result<Size, String> {
    if height == 0 || width == 0 {
        return Err(format!("size = [{height}, {width}] holds no pixel"));
    }
    Ok(Size { height, width })
}

fn ordered(name: &str, [low, high]: [f64; 2]) -> Result<Range, String> {
    if low <= high && low.is_finite() && high.is_finite() {
        Ok(Range { low, high })
    } else {
        Err(format!("{name} = [{low}, {high}] should be [least, greatest]"))
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum AreaForDownscale {
    Image,
    None,
}

impl AreaForDownscale {
    fn is_on(self) -> bool {
        matches!(self, AreaForDownscale::Image)
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Numbers {
    One(f64),
    Range([f64; 2]),
}

impl Numbers {
    fn range(self, name: &str) -> Result<Range, String> {
        match self {
            Numbers::One(v) => ordered(name, [v, v]),
            Numbers::Range(range) => ordered(name, range),
        }
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Axes {
    Both(Numbers),
    Apart { x: Option<Numbers>, y: Option<Numbers> },
}

impl Axes {
    fn ranges(self, name: &str, unchanged: f64) -> Result<[Range; 2], String> {
        let [x, y] = match self {
            Axes::Both(both) => [both, both],
            Axes::Apart { x, y } => [x, y].map(|axis| axis.unwrap_or(Numbers::One(unchanged))),
        };
        Ok([x.range(name)?, y.range(name)?])
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Fill {
    Grey(f32),
    Rgb([f32; 3]),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCrop {
    size: [usize; 2],
    scale: [f64; 2],
    ratio: [f64; 2],
    interpolation: Interpolation,
    area_for_downscale: AreaForDownscale,
    p: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenResize {
    size: [usize; 2],
    interpolation: Interpolation,
    area_for_downscale: AreaForDownscale,
    p: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFlip {
    p: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenJitter {
    brightness: Numbers,
    contrast: Numbers,
    saturation: Numbers,
    hue: Numbers,
    p: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAffine {
    scale: Axes,
    translate_percent: Option<Axes>,
    rotate: Numbers,
    shear: Axes,
    keep_ratio: bool,
    interpolation: Interpolation,
    border_mode: Border,
    fill: Fill,
    p: f64,
}
