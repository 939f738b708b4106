//! One step of the flow as a value, and the key of what it makes.
//!
//! Takes a stage's name, version, settings and the keys of its inputs; gives the key under which its
//! artefact stands in the store. A long stage (a fit over epochs) may be cut: the artefact after `at`
//! of `of` epochs is a prefix of the full one and its key is derived from (stage key, at), so every rung
//! of the ladder continues the one before. Rung, device, threads, paths and worker count are in no key.

use serde::{Deserialize, Serialize};

use crate::base::{Key, KeyWriter, Value};

/// A named input: which artefact (or which content outside the store) a stage reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// The part it plays: "data", "fit", "embeddings".
    pub name: String,
    /// Its content.
    pub key: Key,
}

/// How far a long stage goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// What is counted: "epoch".
    pub unit: String,
    /// Stops after this many; `at == of` is the full stage.
    pub at: u32,
    /// Length of the full stage. It must also be in the settings: the span itself is in no key.
    pub of: u32,
}

/// One step of the flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// "data", "fold", "fit", …: lower-case letters, digits and `-`; it names a folder of the store.
    pub name: &'static str,
    /// A constant beside the algorithm, raised when its results change for equal settings.
    pub version: u32,
    /// Tells steps of one name apart for people: "fold 0", or "". Not in the key: whatever makes two
    /// parts different stands in their settings or inputs.
    pub part: String,
    /// The recipe's tables among the top level of the settings, so that a reason can say
    /// `[loss] margin 17.2 → 22.9`.
    pub tables: Vec<String>,
    /// Its own settings in canonical form: `{ loss = {…}, train = {…} }`.
    pub settings: Value,
    /// What it reads, in a fixed order.
    pub inputs: Vec<Input>,
    /// `false`: it runs each time (it looks at something outside its inputs), and so does all that reads it.
    pub may_reuse: bool,
    /// How far it goes, where it can be cut.
    pub span: Option<Span>,
}

impl Stage {
    /// A stage without settings and inputs that may be reused.
    pub fn new(name: &'static str, version: u32) -> Stage {
        Stage {
            name,
            version,
            part: String::new(),
            tables: Vec::new(),
            settings: Value::table(),
            inputs: Vec::new(),
            may_reuse: true,
            span: None,
        }
    }

    /// The same stage for one part of the recipe.
    pub fn part(mut self, part: impl Into<String>) -> Stage {
        self.part = part.into();
        self
    }

    /// The same stage with a whole table of the recipe among its settings; an absent table stays absent.
    pub fn table(mut self, recipe: &Value, name: &str) -> Stage {
        self.tables.push(name.to_owned());
        if let Some(table) = recipe.get(name) {
            self.settings.set(name, table.clone());
        }
        self
    }

    /// The same stage with one setting, by dotted path.
    pub fn setting(mut self, path: &str, value: Value) -> Stage {
        self.settings.set(path, value);
        self
    }

    /// The same stage with one more input.
    pub fn input(mut self, name: impl Into<String>, key: Key) -> Stage {
        self.inputs.push(Input { name: name.into(), key });
        self
    }

    /// The same stage, cut after `at` of `of` units; a cut beyond the end is the end.
    pub fn cut(mut self, unit: &str, at: u32, of: u32) -> Stage {
        self.span = Some(Span { unit: unit.to_owned(), at: at.min(of), of });
        self
    }

    /// The same stage, run each time.
    pub fn never_reused(mut self) -> Stage {
        self.may_reuse = false;
        self
    }

    /// Name and part as people read them: "fit fold 0".
    pub fn label(&self) -> String {
        label(self.name, &self.part)
    }

    /// The key of the full stage: name, version, settings, inputs by name and key, in that order.
    pub fn key(&self) -> Key {
        let mut out = KeyWriter::new("toji stage 1");
        out.bytes(self.name.as_bytes()).number(u64::from(self.version));
        self.settings.write_key(&mut out);
        out.number(self.inputs.len() as u64);
        for input in &self.inputs {
            out.bytes(input.name.as_bytes()).key(&input.key);
        }
        out.finish()
    }

    /// The key of the stage cut after `at` units. At its full length that is [`Stage::key`] itself.
    pub fn prefix(&self, at: u32) -> Key {
        let full = self.key();
        match &self.span {
            Some(span) if at < span.of => prefix_of(&full, at),
            _ => full,
        }
    }

    /// The key of what this stage makes, which is what later stages take as input.
    pub fn artefact(&self) -> Key {
        match &self.span {
            Some(span) => self.prefix(span.at),
            None => self.key(),
        }
    }
}

/// The key of a cut stage from the full stage's key.
fn prefix_of(full: &Key, at: u32) -> Key {
    KeyWriter::new("toji prefix 1").key(full).number(u64::from(at)).finish()
}

/// A stage's name and part as people read them.
pub(super) fn label(name: &str, part: &str) -> String {
    if part.is_empty() { name.to_owned() } else { format!("{name} {part}") }
}

/// A stage as it stood when a run began or an artefact was made: what a later plan compares with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// [`Stage::name`].
    pub name: String,
    /// [`Stage::version`].
    pub version: u32,
    /// [`Stage::part`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub part: String,
    /// [`Stage::artefact`].
    pub key: Key,
    /// [`Stage::tables`].
    #[serde(default)]
    pub tables: Vec<String>,
    /// [`Stage::settings`].
    pub settings: Value,
    /// [`Stage::inputs`].
    #[serde(default)]
    pub inputs: Vec<Input>,
    /// [`Stage::span`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
}

impl From<&Stage> for Recorded {
    fn from(stage: &Stage) -> Recorded {
        Recorded {
            name: stage.name.to_owned(),
            version: stage.version,
            part: stage.part.clone(),
            key: stage.artefact(),
            tables: stage.tables.clone(),
            settings: stage.settings.clone(),
            inputs: stage.inputs.clone(),
            span: stage.span.clone(),
        }
    }
}
