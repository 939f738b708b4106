//! A list of operations that always gives pictures of one size.
//!
//! Takes the settings of `[augment]` and an epoch; knows its output size before anything runs. Applied to a
//! picture with a [`Seed`], gives normalised numbers in PyTorch's order [3, height, width], or the
//! picture before normalisation for people to look at. The same seed gives the same bits.
//!
//! ```text
//!   operation.rs   the trait Operation; one entry of a list → one checked operation
//!   sizes.rs       which sizes can come out of a list
//!   sight.rs       how much of a photo a list has to see
//!   epochs.rs      numbers that go over the epochs, operations that are off at the end
//! ```

pub mod epochs;
pub mod operation;
pub mod sight;
pub mod sizes;

use std::borrow::Cow;
use std::sync::Arc;

pub use epochs::At;
use operation::{AugmentError, Op};
use sizes::Sizes;

use crate::base::{Seed, Value};
use crate::book::technique::{Body, Default, Kind, Literal, Param, Section, Status};
use crate::data::augment::colour::lanes::planes;
use crate::data::augment::geometry::resize::{Middle, Resize};
use crate::data::augment::mix::Mixed;
use crate::data::augment::settings::{Interpolation, Scale, Size};
use crate::data::decode::Picture;
use crate::data::manifest::boxes::{BoxTable, Boxes};
use crate::data::view::Seen;

/// `[augment]`.
pub const SECTIONS: &[&Section] = &[&Section {
    name: "augment",
    about: "How pictures are changed before the network sees them.",
    body: Body::Params(&[
        Param::new(
            "train",
            OPERATIONS,
            Default::Is(Literal::List(&[Literal::Table(&[
                ("op", Literal::Text("Resize")),
                ("size", Literal::List(&[Literal::Int(128), Literal::Int(128)])),
            ])])),
            "Operations in training, in order; at least one must fix the size.",
        ),
        Param::new(
            "eval",
            OPERATIONS,
            Default::Absent,
            "Operations before an embedding is made; when not written, Resize to the size of training, or, where [backbone] names \
             weights, the crop and interpolation that they were made for, at that size.",
        ),
        Param::new(
            "cache",
            Kind::Either(&[Kind::Table(crate::data::batch::pack::PARAMS), Kind::Off]),
            Default::Unsaid(Literal::Bool(false)),
            "Keep pictures on disk that are reduced to a longer side of max_resolution, as JPEGs of jpeg_quality, and read these \
             instead of the photos (toji explain RGBImageField); false reads the photos themselves, also where a recipe that this one \
             extends has a cache.",
        ),
    ]),
    status: Status::Built,
}];

/// A list of operations: `[augment] train`, and the lists inside OneOf and SomeOf.
pub const OPERATIONS: Kind = Kind::List { of: &Kind::OneOf { tag: "op", slot: "augment" }, min: 1, max: 32 };

/// Mean and standard deviation of each channel (red, green, blue) on the scale 0 to 1, which belong
/// to a backbone's weights: a pixel becomes `(value / 255 - mean) / std`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalization {
    /// Mean.
    pub mean: [f32; 3],
    /// Standard deviation, above 0.
    pub std: [f32; 3],
}

impl Normalization {
    /// ImageNet's, which most of timm's weights expect.
    pub const IMAGENET: Normalization = Normalization { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

    /// A picture as numbers, channel after channel: `out` is [3, height, width].
    pub fn write(&self, picture: &Picture, out: &mut [f32]) {
        let pixels = picture.rgb.len() / 3;
        assert_eq!(out.len(), 3 * pixels, "one number for each channel of each pixel");
        // One multiplication and one addition instead of two divisions.
        let factors = self.std.map(|std| 1.0 / (255.0 * std));
        let adds = std::array::from_fn(|c| -self.mean[c] / self.std[c]);
        planes(&picture.rgb, factors, adds, out);
    }
}

/// A decoded picture and whose it is: some operations have to know.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The pixels, perhaps fewer than the file has: what is known of a photo by places is known as shares of its sides.
    pub picture: &'a Picture,
    /// Which photo of the manifest it is; `None` for a picture that is none.
    pub photo: Option<Shown>,
}

/// A photo as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its place in the manifest.
    pub place: u32,
    /// Whether it is shown in its mirror image.
    pub mirrored: bool,
}

impl Shown {
    /// As it is.
    pub fn plain(place: u32) -> Shown {
        Shown { place, mirrored: false }
    }
}

impl<'a> From<&'a Picture> for Source<'a> {
    /// A picture that is no photo of the manifest.
    fn from(picture: &'a Picture) -> Source<'a> {
        Source { picture, photo: None }
    }
}

/// A list of operations with a known output size.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    ops: Vec<Op>,
    size: Size,
}

impl Pipeline {
    /// The pipeline of training in one epoch: `train` in the settings of `[augment]`.
    ///
    /// # Errors
    /// When an operation is not right, or none fixes the size.
    pub fn train(augment: &Value, at: At) -> Result<Pipeline, AugmentError> {
        match augment.get("train") {
            Some(list) => Pipeline::new("augment.train", &epochs::settled(list, at)),
            None => Err(AugmentError::NoSize { list: "augment.train".to_owned(), add: Sizes::ANY.mend() }),
        }
    }

    /// The pipeline of evaluation: `eval` in the settings of `[augment]`, or, when that is not written, a resize
    /// to the size of training.
    ///
    /// # Errors
    /// When an operation is not right, none fixes the size, one is random or goes over the epochs.
    pub fn eval(augment: &Value) -> Result<Pipeline, AugmentError> {
        match augment.get("eval") {
            Some(list) => match epochs::first_moving("augment.eval", list) {
                Some(error) => Err(error),
                None => Pipeline::new("augment.eval", list)?.without_chance("augment.eval"),
            },
            None => Pipeline::train(augment, At::FIRST).map(|train| Pipeline::to_size(train.size)),
        }
    }

    /// A pipeline from a list of operations in which nothing goes over the epochs; `name` is how errors call the list.
    ///
    /// # Errors
    /// When an operation is not right, or none fixes the size.
    pub fn new(name: &str, list: &Value) -> Result<Pipeline, AugmentError> {
        let ops = Op::read_all(name, list)?;
        let mut sizes = Sizes::ANY;
        for (place, op) in ops.iter().enumerate() {
            let told = |reason: String| AugmentError::Parameter {
                list: name.to_owned(),
                place,
                name: op.name.to_owned(),
                reason,
            };
            if op.operation.mix().is_some() && place + 1 < ops.len() {
                return Err(told(
                    "it mixes the pictures of a whole batch, which have one size then; put it last".to_owned(),
                ));
            }
            if place > 0 && !op.operation.tables().is_empty() {
                let reason = "a box is a place in the whole photo; put it first, before anything moves a pixel";
                return Err(told(reason.to_owned()));
            }
            sizes = op.sizes(sizes).map_err(told)?;
        }
        let size = sizes.fixed().ok_or_else(|| AugmentError::NoSize { list: name.to_owned(), add: sizes.mend() })?;
        Ok(Pipeline { ops, size })
    }

    /// The plain pipeline: resize, nothing drawn.
    pub fn to_size(size: Size) -> Pipeline {
        Pipeline { ops: vec![Op::always("Resize", Resize::plain(size))], size }
    }

    /// The evaluation of published weights, as timm does it: the shorter side becomes `size / crop`, and the middle is
    /// kept. `crop` is above 0 and at most 1.
    pub fn of_weights(size: Size, interpolation: Interpolation, crop: f64) -> Pipeline {
        let middle = Middle { size, part: crop, interpolation };
        Pipeline { ops: vec![Op::always("CenterCrop", middle)], size }
    }

    /// The same pipeline for pictures of another size: what comes out has it, and earlier operations that have a size are
    /// scaled alike, so that a crop keeps its share.
    ///
    /// # Errors
    /// When another size would come out: an operation keeps its size (a divisor to pad to) or one that the scaling makes
    /// too small for a crop.
    pub fn at(mut self, size: Size) -> Result<Pipeline, AugmentError> {
        let scale = Scale { from: self.size, to: size };
        self.ops.iter_mut().for_each(|op| *op = op.scaled(scale));
        self.size = size;
        let after = self.ops.iter().try_fold(Sizes::ANY, |sizes, op| op.sizes(sizes));
        match after.map(Sizes::fixed) {
            Ok(Some(out)) if out == size => Ok(self),
            _ => Err(AugmentError::NoSize {
                list: format!("the pipeline at {} × {}", size.height, size.width),
                add: format!("{{ op = \"Resize\", size = [{}, {}] }}", self.size.height, self.size.width),
            }),
        }
    }

    /// The same pipeline with more operations behind it; `name` is how errors call their list.
    ///
    /// # Errors
    /// When an operation is not right, or the size is no longer fixed.
    pub fn followed_by(mut self, name: &str, list: &Value) -> Result<Pipeline, AugmentError> {
        let fixed = self.ops.len();
        self.ops.extend(Op::read_all(name, list)?);
        let mut sizes = Sizes::ANY;
        for (place, op) in self.ops.iter().enumerate() {
            sizes = op.sizes(sizes).map_err(|reason| AugmentError::Parameter {
                list: name.to_owned(),
                place: place.saturating_sub(fixed),
                name: op.name.to_owned(),
                reason,
            })?;
        }
        self.size = sizes.fixed().ok_or_else(|| AugmentError::NoSize { list: name.to_owned(), add: sizes.mend() })?;
        Ok(self)
    }

    /// Rows and columns of what comes out.
    pub fn size(&self) -> Size {
        self.size
    }

    /// How many numbers one picture becomes: 3 × height × width.
    pub fn numbers(&self) -> usize {
        3 * self.size.height * self.size.width
    }

    /// The operations in order.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// Whether two seeds can give two results.
    pub fn is_random(&self) -> bool {
        self.ops.iter().any(Op::is_random)
    }

    /// The tables of boxes that its operations read, in order.
    pub fn tables(&self) -> Vec<BoxTable> {
        self.ops.iter().flat_map(|op| op.operation.tables()).collect()
    }

    /// The same pipeline with the boxes of its tables, in the order of [`Pipeline::tables`]. Without them every photo is one without a
    /// box.
    pub fn with_boxes(mut self, boxes: impl IntoIterator<Item = Arc<Boxes>>) -> Pipeline {
        let mut boxes = boxes.into_iter();
        self.ops.iter_mut().for_each(|op| *op = op.with_boxes(&mut boxes));
        self
    }

    /// The picture as the network sees it, unless its batch is mixed: `out` is [3, height, width], normalised, of
    /// [`Pipeline::numbers`] numbers.
    pub fn apply<'a>(&self, source: impl Into<Source<'a>>, seed: Seed, normalization: &Normalization, out: &mut [f32]) {
        normalization.write(&self.run(source.into(), seed), out);
    }

    /// As [`Pipeline::apply`] of a photo of which only what is needed was seen.
    pub fn apply_seen(
        &self,
        seen: &Seen<Arc<Picture>>,
        photo: Option<Shown>,
        seed: Seed,
        normalization: &Normalization,
        out: &mut [f32],
    ) {
        normalization.write(&self.run_seen(seen, photo, seed), out);
    }

    /// As [`Pipeline::picture`] of a photo of which only what is needed was seen.
    pub fn picture_seen(&self, seen: &Seen<Arc<Picture>>, photo: Option<Shown>, seed: Seed) -> Picture {
        self.run_seen(seen, photo, seed).into_owned()
    }

    /// The picture before normalisation, for people to look at.
    pub fn picture<'a>(&self, source: impl Into<Source<'a>>, seed: Seed) -> Picture {
        self.run(source.into(), seed).into_owned()
    }

    /// The name of the operation on whole batches, where it ends with one.
    pub fn mixes(&self) -> Option<&'static str> {
        self.ops.last().filter(|op| op.operation.mix().is_some()).map(|op| op.name)
    }

    /// How a batch of `rows` pictures is mixed, where it is.
    pub fn mix(&self, rows: usize, seed: Seed) -> Option<Mixed> {
        let place = self.ops.len().checked_sub(1)?;
        let blend = self.ops[place].blend(self.size, place, seed)?;
        Some(Mixed::of(blend, rows, seed))
    }

    fn run<'a>(&self, Source { picture, photo }: Source<'a>, seed: Seed) -> Cow<'a, Picture> {
        let ops = self.ops.iter().enumerate();
        ops.fold(Cow::Borrowed(picture), |current, (place, op)| op.run_photo(current, photo, place, seed))
    }

    fn without_chance(self, name: &str) -> Result<Pipeline, AugmentError> {
        match self.ops.iter().enumerate().find(|(_, op)| op.is_random()) {
            None => Ok(self),
            Some((place, op)) => Err(AugmentError::Parameter {
                list: name.to_owned(),
                place,
                name: op.name.to_owned(),
                reason: "it draws random numbers; an embedding must be the same every time".to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests;
