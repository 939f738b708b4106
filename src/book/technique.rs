//! The declared table of every key and every technique that a recipe may name.
//!
//! Each folder that owns techniques declares them as constants of these types; the reader checks
//! recipes against them, and help, linter, `toji explain` and docs/reference.md are printed from
//! them. One row is the whole truth about a name: default, range, unit, source.

use crate::base::Value;

/// Everything a recipe (or `toji.toml`) may contain.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// The tables, in the order in which they are documented.
    pub sections: Vec<&'static Section>,
    /// All techniques of all slots.
    pub techniques: Vec<&'static Technique>,
}

/// One top-level table: `[loss]`.
#[derive(Debug)]
pub struct Section {
    /// Name of the table.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// What stands inside.
    pub body: Body,
    /// Whether it works already.
    pub status: Status,
}

/// What a table holds.
#[derive(Debug)]
pub enum Body {
    /// Fixed parameters.
    Params(&'static [Param]),
    /// The table itself is one technique of a slot, named by the key `tag`: `[loss] name = …`.
    OneOf {
        /// The key that names the technique ("name", "op", "kind").
        tag: &'static str,
        /// The slot whose techniques may stand here.
        slot: &'static str,
        /// A table beside which this one need not be written; empty: it must be.
        unless: &'static str,
    },
    /// As `OneOf`, for a table that need not be written: then this default holds.
    OneOfOr {
        /// The key that names the technique.
        tag: &'static str,
        /// The slot.
        slot: &'static str,
        /// The table that holds when none is written; it names the technique.
        default: Literal,
    },
    /// Fixed parameters of a table that need not be written; without it there are no settings of it at all.
    Optional(&'static [Param]),
}

/// A named technique: a loss, an augmentation, an optimiser, a post step.
#[derive(Debug)]
pub struct Technique {
    /// The name people know it by.
    pub name: &'static str,
    /// Where it may stand: "loss", "augment", "optimizer", "schedule", "pool", "post", "folds".
    pub slot: &'static str,
    /// One line.
    pub about: &'static str,
    /// Some paragraphs: formula, what the parameters do, when it fails. Plain text.
    pub details: &'static str,
    /// Its parameters, without the tag.
    pub params: &'static [Param],
    /// Paper or library that it equals.
    pub source: &'static str,
    /// Whether it works already.
    pub status: Status,
}

/// One key.
#[derive(Debug)]
pub struct Param {
    /// The key.
    pub name: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// What holds when it is not written.
    pub default: Default,
    /// One line.
    pub about: &'static str,
    /// "degrees", "epochs", "pixels"; empty when it has none.
    pub unit: &'static str,
    /// Whether it works already.
    pub status: Status,
}

/// Whether a name that is recognised also works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It works.
    Built,
    /// It is known and will come; using it is an error that says so.
    Later,
}

/// What values a key takes.
#[derive(Debug)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// `false` alone: what is made of a table otherwise is not made, also where a parent asks for it.
    Off,
    /// A whole number in `min..=max`.
    Int {
        /// Least.
        min: i64,
        /// Greatest.
        max: i64,
    },
    /// A real number in `min..=max`; a whole number is read as real.
    Float {
        /// Least.
        min: f64,
        /// Greatest.
        max: f64,
    },
    /// Any text.
    Text,
    /// One of some words.
    Choice(&'static [&'static str]),
    /// A list of between `min` and `max` values of one kind.
    List {
        /// Kind of each item.
        of: &'static Kind,
        /// Fewest items.
        min: usize,
        /// Most items.
        max: usize,
    },
    /// A table that names a technique of a slot by its key `tag`: `{ op = "Affine", … }`.
    OneOf {
        /// The key that names the technique.
        tag: &'static str,
        /// The slot.
        slot: &'static str,
    },
    /// A table with fixed keys.
    Table(&'static [Param]),
    /// The first of some kinds that fits: `brightness = 0.2` or `[0.8, 1.2]`.
    Either(&'static [Kind]),
    /// A number of a kind, or how such a number goes over the epochs: `{ from = 0.5, decay = 0.5 }`,
    /// `{ from = 0.0, to = 0.5, epochs = 4 }`.
    OverEpochs(&'static Kind),
}

/// The row that tells of numbers that go over the epochs, as `toji explain` is asked for it.
pub const OVER_EPOCHS: &str = "over epochs";

/// The keys of a number that goes over the epochs, besides those of its own kind: how long it moves.
pub const EPOCHS: Kind = Kind::Float { min: 1e-3, max: 10_000.0 };
/// The factor from epoch to epoch.
pub const DECAY: Kind = Kind::Float { min: 0.0, max: 1.0 };

/// A key of a number that goes over the epochs: name, kind, and unit where it is not the number's own.
pub type EpochsKey = (&'static str, &'static Kind, Option<&'static str>);

/// The keys of a table that says how a number of the kind `of` goes over the epochs; by what is written of them, a straight line
/// that ends, or a factor from epoch to epoch.
pub fn over_epochs(of: &'static Kind, is_written: impl Fn(&str) -> bool) -> Vec<EpochsKey> {
    if is_written("to") || is_written("epochs") {
        vec![("from", of, None), ("to", of, None), ("epochs", &EPOCHS, Some("epochs"))]
    } else {
        vec![("from", of, None), ("decay", &DECAY, Some(""))]
    }
}

impl Kind {
    /// Whether a value is of this kind and within its bounds. A table that names a technique is checked by whoever
    /// knows the techniques, so any table is taken for one.
    pub fn takes(&self, value: &Value) -> bool {
        match (self, value) {
            (Kind::Off, Value::Bool(on)) => !on,
            (Kind::Bool, Value::Bool(_)) | (Kind::Text, Value::Text(_)) | (Kind::OneOf { .. }, Value::Table(_)) => true,
            (Kind::Int { min, max }, Value::Int(i)) => (min..=max).contains(&i),
            (Kind::Float { min, max }, Value::Int(_) | Value::Float(_)) => {
                value.as_f64().is_some_and(|x| (min..=max).contains(&&x))
            }
            (Kind::Choice(words), Value::Text(text)) => words.contains(&text.as_str()),
            (Kind::List { of, min, max }, Value::List(items)) => {
                (min..=max).contains(&&items.len()) && items.iter().all(|item| of.takes(item))
            }
            (Kind::Table(params), Value::Table(entries)) => entries
                .iter()
                .all(|(key, value)| params.iter().find(|p| p.name == key).is_some_and(|p| p.kind.takes(value))),
            (Kind::Either(kinds), value) => kinds.iter().any(|kind| kind.takes(value)),
            (Kind::OverEpochs(of), Value::Table(entries)) => {
                let keys = over_epochs(of, |key| entries.contains_key(key));
                keys.len() == entries.len()
                    && keys.iter().all(|(key, kind, _)| entries.get(key).is_some_and(|value| kind.takes(value)))
            }
            (Kind::OverEpochs(of), value) => of.takes(value),
            _ => false,
        }
    }
}

/// What holds when a key is not written.
#[derive(Debug)]
pub enum Default {
    /// It must be written.
    Required,
    /// Nothing: the technique works without it.
    Absent,
    /// This value; it enters the settings (and so the keys) as if it were written.
    Is(Literal),
    /// This value too, but it is left out of the settings (and so of the keys) also where it is written. For keys that were declared
    /// after trainings were kept without them: writing the default out must train nothing again.
    Unsaid(Literal),
}

impl Default {
    /// The value that holds when the key is not written, where one is declared.
    pub fn literal(&self) -> Option<&Literal> {
        match self {
            Default::Is(literal) | Default::Unsaid(literal) => Some(literal),
            Default::Required | Default::Absent => None,
        }
    }

    /// Whether a value says no more than leaving the key away, and so is left out of the settings.
    pub fn leaves_out(&self, value: &Value) -> bool {
        matches!(self, Default::Unsaid(literal) if literal.value() == *value)
    }
}

/// A default value in a constant.
#[derive(Clone, Copy, Debug)]
pub enum Literal {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A real number.
    Float(f64),
    /// A string.
    Text(&'static str),
    /// A list.
    List(&'static [Literal]),
    /// A table. Defaults of a named technique's own keys are filled in besides.
    Table(&'static [(&'static str, Literal)]),
}

impl Literal {
    /// The literal as a setting.
    pub fn value(&self) -> Value {
        match self {
            Literal::Bool(b) => Value::Bool(*b),
            Literal::Int(i) => Value::Int(*i),
            Literal::Float(f) => Value::Float(*f),
            Literal::Text(s) => Value::Text((*s).to_owned()),
            Literal::List(items) => Value::List(items.iter().map(Literal::value).collect()),
            Literal::Table(entries) => {
                Value::Table(entries.iter().map(|(k, v)| ((*k).to_owned(), v.value())).collect())
            }
        }
    }
}

impl Param {
    /// A key that works, for the constants' brevity; fields can be overridden with struct update syntax.
    pub const fn new(name: &'static str, kind: Kind, default: Default, about: &'static str) -> Param {
        Param { name, kind, default, about, unit: "", status: Status::Built }
    }

    /// The same key with a unit.
    pub const fn unit(mut self, unit: &'static str) -> Param {
        self.unit = unit;
        self
    }

    /// The same key, recognised but not built.
    pub const fn later(mut self) -> Param {
        self.status = Status::Later;
        self
    }
}

impl Schema {
    /// The techniques that may stand in a slot, in order of declaration.
    pub fn of_slot<'a>(&'a self, slot: &'a str) -> impl Iterator<Item = &'static Technique> + 'a {
        self.techniques.iter().copied().filter(move |t| t.slot == slot)
    }

    /// The technique of a slot with a name.
    pub fn technique(&self, slot: &str, name: &str) -> Option<&'static Technique> {
        self.of_slot(slot).find(|t| t.name == name)
    }
}
