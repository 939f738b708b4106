//! What an operation is, and how one entry of a list (`{ op = "Affine", rotate = [-10, 10], p = 0.5 }`) becomes one.
//!
//! An operation is one file: its settings (serde), its [`Row`] (the Technique that recipes and help read) and its code
//! as an [`Operation`]. `augment::ROWS` lists the rows. Takes canonical settings or a partial table: what is not
//! written is filled in from the row's defaults, so there is one place where a default stands. Gives an [`Op`], or an
//! error that names the operation, its place and the key.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::base::seed::Draws;
use crate::base::{Seed, Value};
use crate::book::technique::{Default, Technique};
use crate::data::augment::ROWS;
use crate::data::augment::mix::{Blend, Mix};
use crate::data::augment::pipeline::Shown;
use crate::data::augment::pipeline::sight::Detail;
use crate::data::augment::pipeline::sizes::Sizes;
use crate::data::augment::settings::{Scale, Size};
use crate::data::decode::Picture;
use crate::data::manifest::boxes::{BoxTable, Boxes};
use crate::data::view::Area;

/// An `[augment]` list cannot become a pipeline.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
pub enum AugmentError {
    /// It is not a list of tables with `op`.
    #[error("{list}: expected a list of operations such as {{ op = \"Resize\", size = [128, 128] }}")]
    Shape {
        /// "augment.train", "augment.eval" or a list in one of them: `augment.train[1].transforms`.
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
    #[error("{list}: no operation fixes the output size; add {add}")]
    NoSize {
        /// The list.
        list: String,
        /// The operation that would fix it, as a recipe writes it.
        add: String,
    },
}

impl AugmentError {
    /// The dotted name of what is wrong, as deep as it is known: `augment.train[1].transforms[0]`.
    pub fn place(&self) -> String {
        match self {
            AugmentError::Shape { list } | AugmentError::NoSize { list, .. } => list.clone(),
            AugmentError::Unknown { list, place, .. } | AugmentError::Parameter { list, place, .. } => {
                format!("{list}[{place}]")
            }
        }
    }
}

/// What an operation does with a picture. It holds its settings, checked, and nothing else.
pub trait Operation: fmt::Debug + Send + Sync {
    /// Which sizes can come out when these come in.
    ///
    /// # Errors
    /// When a picture could come in that it cannot take; the text says what to put before it.
    fn sizes(&self, before: Sizes) -> Result<Sizes, String> {
        Ok(before)
    }

    /// The same operation where another size shall come out; `None` for one that holds no size.
    fn scaled(&self, _: Scale) -> Option<Arc<dyn Operation>> {
        None
    }

    /// By how much a photo of this size may be reduced before it.
    fn detail(&self, _: Size) -> Detail {
        Detail::ALL
    }

    /// The part of a picture of this size that it reads, where that is a rectangle and nothing is drawn after it; the draws are those
    /// of [`Operation::run`].
    fn window(&self, _: Size, _: &mut Draws) -> Option<Area> {
        None
    }

    /// As [`Operation::run`], of the part that [`Operation::window`] named.
    fn run_window(&self, part: &Picture) -> Picture {
        part.clone()
    }

    /// Whether two seeds can give two results.
    fn is_random(&self) -> bool;

    /// The picture after it. Everything that is random comes from `draws`, in an order that never changes. An operation on whole
    /// batches leaves a picture as it is.
    fn run<'a>(&self, picture: Cow<'a, Picture>, _: &mut Draws) -> Cow<'a, Picture> {
        picture
    }

    /// The same for a photo with its place in the manifest, `None` for a picture that is no photo of it; for who reads boxes.
    fn run_photo<'a>(&self, picture: Cow<'a, Picture>, _: Option<Shown>, draws: &mut Draws) -> Cow<'a, Picture> {
        self.run(picture, draws)
    }

    /// What it does with a whole batch, for one that works on batches and not on pictures.
    fn mix(&self) -> Option<&dyn Mix> {
        None
    }

    /// The tables of boxes that it reads, in order. With any, it must see the whole photo and so stand first.
    fn tables(&self) -> Vec<BoxTable> {
        Vec::new()
    }

    /// The same operation with its tables' boxes, in the order of [`Operation::tables`]; `None` for one that has none.
    fn with_boxes(&self, _: &mut dyn Iterator<Item = Arc<Boxes>>) -> Option<Arc<dyn Operation>> {
        None
    }
}

/// Settings of one operation, as serde reads them (without `op` and `p`).
pub trait Settings: DeserializeOwned {
    /// The checked operation; `place` is its dotted name, for lists inside it.
    ///
    /// # Errors
    /// When the settings make no sense together.
    fn operation(self, place: &str) -> Built;
}

/// A checked operation, or why it is none.
pub type Built = Result<Arc<dyn Operation>, Unfit>;

/// Why settings are no operation.
#[derive(Debug)]
pub enum Unfit {
    /// In words, about the operation itself.
    Here(String),
    /// About one in a list inside it.
    Inside(AugmentError),
}

impl From<String> for Unfit {
    fn from(reason: String) -> Unfit {
        Unfit::Here(reason)
    }
}

impl From<&str> for Unfit {
    fn from(reason: &str) -> Unfit {
        Unfit::Here(reason.to_owned())
    }
}

/// One operation as it is declared: what people read about it and how its settings are read.
pub struct Row {
    /// Name, parameters, defaults, words.
    pub technique: Technique,
    read: fn(&Value, &str) -> Built,
}

impl Row {
    /// The row of the operation with settings `S`.
    pub const fn of<S: Settings>(technique: Technique) -> Row {
        Row { technique, read: read::<S> }
    }
}

fn read<S: Settings>(settings: &Value, place: &str) -> Built {
    settings.decode::<S>().map_err(|error| error.to_string())?.operation(place)
}

/// One operation with its probability.
#[derive(Clone, Debug)]
pub struct Op {
    /// albumentations' name.
    pub name: &'static str,
    /// Probability that a picture gets it.
    pub p: f64,
    /// What it does.
    pub operation: Arc<dyn Operation>,
}

impl PartialEq for Op {
    /// An operation is its settings, and these print exactly (Rust's shortest digits that read back to the same bits).
    fn eq(&self, other: &Op) -> bool {
        (self.name, self.p) == (other.name, other.p)
            && format!("{:?}", self.operation) == format!("{:?}", other.operation)
    }
}

impl Op {
    /// An operation that every picture gets, made by code instead of by a recipe.
    pub fn always(name: &'static str, operation: impl Operation + 'static) -> Op {
        Op { name, p: 1.0, operation: Arc::new(operation) }
    }

    /// Reads one entry of a list; `list` is how errors call the list, `place` counts from 0.
    ///
    /// # Errors
    /// When the operation is unknown, or a parameter is missing, unknown or senseless.
    pub fn read(list: &str, place: usize, entry: &Value) -> Result<Op, AugmentError> {
        let shape = || AugmentError::Shape { list: list.to_owned() };
        let Value::Table(written) = entry else { return Err(shape()) };
        let name = written.get("op").and_then(Value::as_text).ok_or_else(shape)?;
        let row = ROWS.iter().find(|row| row.technique.name == name).ok_or_else(|| AugmentError::Unknown {
            list: list.to_owned(),
            place,
            name: name.to_owned(),
        })?;
        let fail =
            |reason: String| AugmentError::Parameter { list: list.to_owned(), place, name: name.to_owned(), reason };
        let mut settings = written.clone();
        settings.remove("op");
        for param in row.technique.params {
            if let Default::Is(literal) = &param.default {
                settings.or_insert_with(param.name, || literal.value());
            }
        }
        for (key, value) in &settings {
            // What is unknown or missing is told by serde; a recipe has been checked before, with places.
            if row.technique.params.iter().any(|p| p.name == key && !p.kind.takes(value)) {
                return Err(fail(format!("{key} = {value} is not within its range")));
            }
        }
        let p = settings.remove("p").and_then(|p| p.as_f64()).unwrap_or(1.0);
        match (row.read)(&Value::Table(settings), &format!("{list}[{place}]")) {
            Ok(operation) => Ok(Op { name: row.technique.name, p, operation }),
            Err(Unfit::Here(reason)) => Err(fail(reason)),
            Err(Unfit::Inside(error)) => Err(error),
        }
    }

    /// Reads a list.
    ///
    /// # Errors
    /// When it is no list, or an entry is not right.
    pub fn read_all(name: &str, list: &Value) -> Result<Vec<Op>, AugmentError> {
        let Value::List(entries) = list else { return Err(AugmentError::Shape { list: name.to_owned() }) };
        entries.iter().enumerate().map(|(place, entry)| Op::read(name, place, entry)).collect()
    }

    /// Which sizes can come out, the chance that it is skipped included.
    ///
    /// # Errors
    /// As [`Operation::sizes`].
    pub fn sizes(&self, before: Sizes) -> Result<Sizes, String> {
        if self.p <= 0.0 {
            return Ok(before);
        }
        let after = self.operation.sizes(before)?;
        Ok(if self.p >= 1.0 { after } else { before.or(after) })
    }

    /// The same operation where another size shall come out.
    pub fn scaled(&self, scale: Scale) -> Op {
        let operation = self.operation.scaled(scale).unwrap_or_else(|| Arc::clone(&self.operation));
        Op { operation, ..self.clone() }
    }

    /// Whether two seeds can give two results.
    pub fn is_random(&self) -> bool {
        self.p > 0.0 && (self.p < 1.0 || self.operation.is_random())
    }

    /// The same operation with its tables' boxes.
    pub fn with_boxes(&self, boxes: &mut dyn Iterator<Item = Arc<Boxes>>) -> Op {
        let operation = self.operation.with_boxes(boxes).unwrap_or_else(|| Arc::clone(&self.operation));
        Op { operation, ..self.clone() }
    }

    /// The picture after the operation, or the picture itself where the chance says so. `place` is the operation's
    /// place in its list: with the name it makes the draws, so that inserting one leaves the draws of those before it.
    pub fn run<'a>(&self, picture: Cow<'a, Picture>, place: usize, seed: Seed) -> Cow<'a, Picture> {
        self.run_photo(picture, None, place, seed)
    }

    /// The same for a photo with its place in the manifest.
    pub fn run_photo<'a>(
        &self,
        picture: Cow<'a, Picture>,
        photo: Option<Shown>,
        place: usize,
        seed: Seed,
    ) -> Cow<'a, Picture> {
        let mut draws = self.draws(place, seed);
        if self.p < 1.0 && !draws.chance(self.p) {
            return picture;
        }
        self.operation.run_photo(picture, photo, &mut draws)
    }

    /// The picture after the operation, whatever its chance: for what has been chosen already.
    pub fn force<'a>(&self, picture: Cow<'a, Picture>, place: usize, seed: Seed) -> Cow<'a, Picture> {
        self.operation.run(picture, &mut self.draws(place, seed))
    }

    /// The same for a photo with its place in the manifest.
    pub fn force_photo<'a>(
        &self,
        picture: Cow<'a, Picture>,
        photo: Option<Shown>,
        place: usize,
        seed: Seed,
    ) -> Cow<'a, Picture> {
        self.operation.run_photo(picture, photo, &mut self.draws(place, seed))
    }

    /// What it does with a batch of pictures of one size; `None` where the chance says so, and for one on pictures.
    pub fn blend(&self, size: Size, place: usize, seed: Seed) -> Option<Blend> {
        let mix = self.operation.mix()?;
        let mut draws = self.draws(place, seed);
        if self.p < 1.0 && !draws.chance(self.p) {
            return None;
        }
        Some(mix.draw(size, &mut draws))
    }

    /// What it does with a batch, whatever its chance; `None` for one on pictures.
    pub fn force_blend(&self, size: Size, place: usize, seed: Seed) -> Option<Blend> {
        Some(self.operation.mix()?.draw(size, &mut self.draws(place, seed)))
    }

    /// Its stream of numbers at a place of a list.
    pub fn draws(&self, place: usize, seed: Seed) -> Draws {
        seed.named(self.name).at(place as u64).draws()
    }
}
