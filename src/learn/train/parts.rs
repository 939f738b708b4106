//! A training in parts, each a checkpoint that the next one starts from.
//!
//! Takes the recipe's `[train]`; gives its parts: the `stages` that it lists, or, with the schedule `constant-cooldown`, what comes
//! before the cooldown and the cooldown. A part says what it trains with and nothing of later parts, so that a change of these
//! leaves it as it is. Staged resolution: Landmark 2020 recognition 3rd (haqishen), 256 → 512 → 768 pixels.

use serde::Deserialize;

use super::schedule::{ConstantCooldown, ScheduleSettings};
use super::technique::TrainSettings;
use crate::base::Value;
use crate::base::value::DecodeError;

/// What a stage says for itself; everything else is as in `[train]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageSettings {
    /// Epochs, from 1.
    pub epochs: usize,
    /// Output size of the pictures.
    #[serde(default)]
    pub size: Option<Sides>,
    /// Base learning rate.
    #[serde(default)]
    pub lr: Option<f64>,
    /// Photos per step.
    #[serde(default)]
    pub batch: Option<usize>,
    /// How the learning rate moves.
    #[serde(default)]
    pub schedule: Option<ScheduleSettings>,
    /// The last part that does not learn, or "none".
    #[serde(default)]
    pub freeze: Option<String>,
}

/// The sides of a picture, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Sides {
    /// A square.
    Square(usize),
    /// Height and width.
    Both([usize; 2]),
}

impl Sides {
    /// Height and width.
    pub fn pair(self) -> [usize; 2] {
        match self {
            Sides::Square(side) => [side, side],
            Sides::Both(sides) => sides,
        }
    }
}

/// What a part takes over from the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// Weights, running statistics and the loss's head; optimiser, schedule and average begin anew. With an average of
    /// weights it is the average that goes over.
    Weights,
    /// Everything: it is one training, and the weights are those of one go.
    Everything,
}

/// A part of a training.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// "stage 1 of 2", "constant", "cooldown"; empty when the training is one.
    pub name: String,
    /// What it trains with; the schedule has `epochs` epochs from `origin` on.
    pub settings: TrainSettings,
    /// The same as a table, without what changes no weight and without what later parts have: for its key.
    pub table: Value,
    /// Height and width of the pictures, where they are not as `[augment]` has them.
    pub size: Option<[usize; 2]>,
    /// Epochs of the parts before it.
    pub first: usize,
    /// Epochs with this part.
    pub end: usize,
    /// Epochs before its schedule began: `first`, or 0 for a cooldown.
    pub origin: usize,
    /// What it takes over from the part before it; `None` for the first.
    pub passage: Option<Passage>,
    /// Whether it may be gone on with for any number of epochs, so that its end keeps the optimiser's memory.
    pub open: bool,
}

/// A mistake in how a training is divided.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct PartsError {
    /// The key in question, such as `train.stages[1].freeze`.
    pub key: String,
    /// What is wrong, and what to do.
    pub problem: String,
}

/// The parts of `[train]`, in order; none when nothing is trained.
///
/// # Errors
/// When keys contradict each other.
pub fn parts(train: &Value) -> Result<Vec<Part>, PartsError> {
    let settings = decode(train, "train")?;
    if !settings.stages.is_empty() {
        return stages(train, &settings);
    }
    let epochs = settings.epochs;
    if epochs == 0 {
        return Ok(Vec::new());
    }
    let whole = Part {
        name: String::new(),
        table: for_key(train),
        size: None,
        first: 0,
        end: epochs,
        origin: 0,
        passage: None,
        open: false,
        settings,
    };
    let ScheduleSettings::ConstantCooldown(fall) = &whole.settings.schedule else { return Ok(vec![whole]) };
    check_cooldown(fall, epochs, "train.schedule.cooldown_epochs")?;
    let (end, warmup) = (epochs - fall.cooldown_epochs, fall.warmup_epochs);
    let mut table = whole.table.clone();
    let mut schedule = Value::table();
    schedule.set("name", Value::Text("constant".to_owned()));
    schedule.set("warmup_epochs", Value::Float(warmup));
    table.set("schedule", schedule);
    if let Value::Table(keys) = &mut table {
        keys.remove("epochs");
    }
    let constant = Part { name: "constant".to_owned(), table, end, open: true, ..whole.clone() };
    let passage = Some(Passage::Everything);
    Ok(vec![constant, Part { name: "cooldown".to_owned(), first: end, passage, ..whole }])
}

fn stages(train: &Value, settings: &TrainSettings) -> Result<Vec<Part>, PartsError> {
    if settings.unfreeze_at.is_some() {
        let problem =
            "unfreeze_at does not go with stages: give the first stages freeze, and a later one freeze = \"none\"";
        return Err(PartsError { key: "train.unfreeze_at".to_owned(), problem: problem.to_owned() });
    }
    let Some(Value::List(written)) = train.get("stages") else { return Ok(Vec::new()) };
    let mut parts: Vec<Part> = Vec::with_capacity(written.len());
    for (i, (stage, written)) in settings.stages.iter().zip(written).enumerate() {
        let key = format!("train.stages[{i}]");
        let first = parts.last().map_or(0, |part| part.end);
        let mut table = train.clone();
        if let Value::Table(keys) = &mut table {
            keys.remove("stages");
        }
        table.set("epochs", Value::Int(stage.epochs as i64));
        let lr = if settings.optimizer.sam().is_some() { "optimizer.base.lr" } else { "optimizer.lr" };
        for (name, path) in [("lr", lr), ("batch", "batch"), ("schedule", "schedule"), ("freeze", "freeze")] {
            if let Some(value) = written.get(name) {
                table.set(path, value.clone());
            }
        }
        if let (Some("none"), Value::Table(keys)) = (stage.freeze.as_deref(), &mut table) {
            keys.remove("freeze");
        }
        let settings = decode(&table, &key)?;
        if let ScheduleSettings::ConstantCooldown(fall) = &settings.schedule {
            check_cooldown(fall, stage.epochs, &key)?;
        }
        let size = stage.size.map(Sides::pair);
        let mut table = for_key(&table);
        if let Some(size) = size {
            table.set("size", Value::List(size.map(|side| Value::Int(side as i64)).into()));
        }
        parts.push(Part {
            name: format!("stage {} of {}", i + 1, written_count(train)),
            settings,
            table,
            size,
            first,
            end: first + stage.epochs,
            origin: first,
            passage: (i > 0).then_some(Passage::Weights),
            open: false,
        });
    }
    Ok(parts)
}

fn written_count(train: &Value) -> usize {
    if let Some(Value::List(stages)) = train.get("stages") { stages.len() } else { 0 }
}

fn check_cooldown(fall: &ConstantCooldown, epochs: usize, key: &str) -> Result<(), PartsError> {
    let cooldown = fall.cooldown_epochs;
    if cooldown < epochs {
        return Ok(());
    }
    let problem = format!("cooldown_epochs = {cooldown}, but there are {epochs} epochs: write fewer than these");
    Err(PartsError { key: key.to_owned(), problem })
}

/// The table without what changes no weight.
fn for_key(table: &Value) -> Value {
    let mut table = table.clone();
    if let Value::Table(keys) = &mut table {
        keys.remove("eval");
        keys.remove("checkpoint");
        keys.remove("load_best_model_at_end");
    }
    table
}

fn decode(table: &Value, key: &str) -> Result<TrainSettings, PartsError> {
    table.decode().map_err(|error: DecodeError| PartsError { key: key.to_owned(), problem: error.to_string() })
}
