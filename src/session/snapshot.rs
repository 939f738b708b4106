//! Everything that a viewer may show, as one value.
//!
//! Taken from recipes, plan, runs and store by the session; given to the TUI, to plain output and
//! to reports, which render it and never look behind it. Two equal snapshots draw equal screens.

use std::ops::{Deref, Range};
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use super::board::choice::Choice;
use super::errands::lab::metric::Report;
use super::errands::ledger::Standing;
use super::errands::looking::compare::Comparison;
use super::errands::looking::queries::Queries;
use super::errands::review::Review;
use super::shared::Shared;
use super::survey::queue::Queued;
use super::survey::queue::estimates::Estimates;
use super::survey::queue::log::Log;
use crate::base::{Key, Time, Value};
use crate::dag::{Axis, Points};
use crate::score::decide::projection::Projection;

/// The whole project at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Snapshot {
    /// The project folder's name.
    pub project: String,
    /// When it was taken.
    pub at: Time,
    /// Mistakes in `toji.toml` and the data, which stop every recipe.
    pub problems: Vec<Problem>,
    /// One entry a recipe, sorted by name.
    pub recipes: Vec<Shared<Recipe>>,
    /// The name of the recipe that the others are compared with.
    pub pin: Option<String>,
    /// What is worth knowing and stops nothing: about the pin, about the data.
    pub notes: Vec<String>,
    /// Submissions beside the leaderboard.
    #[serde(serialize_with = "shared")]
    pub ledger: Arc<Standing>,
    /// What the metric laboratory last said.
    #[serde(skip)]
    pub lab: Option<Arc<Report>>,
    /// The queries that a viewer asked for last.
    #[serde(skip)]
    pub queries: Arc<Queries>,
    /// The recipes that a viewer asked to compare last.
    #[serde(skip)]
    pub compared: Arc<Comparison>,
    /// Suspects and what was decided about them.
    #[serde(skip)]
    pub reviews: Arc<Vec<Arc<Review>>>,
    /// What came of the change of a text that a viewer asked for last.
    #[serde(skip)]
    pub answer: Option<Arc<Answer>>,
    /// What the user chose of the board, as it was when this viewer began.
    #[serde(skip)]
    pub choice: Arc<Choice>,
    /// What the detached worker does.
    pub worker: Worker,
    /// What runs, waits and was lost.
    #[serde(serialize_with = "shared")]
    pub queue: Arc<Queued>,
    /// The end of the log that a viewer asked for last.
    #[serde(skip)]
    pub log: Arc<Log>,
    /// How good estimates were.
    #[serde(skip)]
    pub estimates: Arc<Estimates>,
    /// Planning that takes long (hashing pictures for the first time).
    pub planning: Option<Counting>,
    /// One line about what just happened, for the status row.
    pub notice: Option<String>,
}

fn shared<T: Serialize, S: Serializer>(value: &Arc<T>, serializer: S) -> Result<S::Ok, S::Error> {
    value.as_ref().serialize(serializer)
}

/// Something counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Counting {
    /// What is being done.
    pub what: String,
    /// Done so far.
    pub done: u64,
    /// Of how many; 0 when not known.
    pub total: u64,
    /// "images", "batches", …
    pub unit: String,
}

/// The detached worker.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "lowercase", tag = "state")]
pub enum Worker {
    /// No process holds the worker's lock.
    #[default]
    Absent,
    /// A process waits for work.
    Idle,
    /// A process works.
    Busy {
        /// On which recipes.
        recipes: Vec<String>,
        /// How many jobs wait.
        queued: usize,
    },
}

/// One recipe.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Recipe {
    /// File name without `.md`: how people name it.
    pub name: String,
    /// The file.
    pub file: PathBuf,
    /// The first heading.
    pub title: String,
    /// How it stands.
    pub state: State,
    /// Rung of the ladder that was asked for last: "smoke", "holdout", "full".
    pub rung: String,
    /// Fold now in training (1-based) and how many this rung has.
    pub fold: Option<(u32, u32)>,
    /// Epochs finished (with a fraction) and how many there will be, while training or after it.
    pub epoch: Option<(f64, f64)>,
    /// The last score.
    pub score: Option<Score>,
    /// Difference to the pinned recipe over the queries that both have.
    pub delta: Option<Delta>,
    /// Why there is no difference, where both have a score.
    pub unpaired: Option<String>,
    /// What the decider said last of its newest training, where that is what the text means.
    pub advice: Option<Advice>,
    /// Where the score is heading, while it trains.
    pub projection: Option<Projection>,
    /// The rungs of its ladder, lowest first.
    pub ladder: Vec<String>,
    /// Seconds until the run ends, when known.
    pub seconds_left: Option<f64>,
    /// Why it failed, is stale, or what it does.
    pub message: Option<String>,
    /// The literate page.
    pub page: Vec<Block>,
    /// Series over epochs.
    pub curves: Vec<Curve>,
    /// What would run now, in order.
    pub plan: Vec<Step>,
    /// Seconds and bytes of all steps that would run; `None` where a step has no history.
    pub plan_seconds: Option<f64>,
    /// Seconds that what it has of its stages took to make, by the runs that are kept.
    pub cost: Option<f64>,
    /// The scores of its trainings, one a fold and seed.
    pub parts: Vec<Part>,
    /// The recipe that it extends.
    pub parent: Option<String>,
    /// What it changes against that: `[loss] margin 17.2 → 22.9`, …
    pub changes: Vec<String>,
    /// Its resolved settings.
    #[serde(skip)]
    pub settings: Settings,
    /// Equal for recipes that differ in their seed alone.
    #[serde(skip)]
    pub family: Option<Key>,
}

/// The score of one training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Fold, from 0.
    pub fold: u32,
    /// What is added to the recipe's seed: 0 for its own.
    pub seed: u64,
    /// Its score.
    pub score: Score,
}

/// A recipe's settings, defaults and parents filled in; snapshots share them.
#[derive(Clone, Debug)]
pub struct Settings(Arc<Value>);

impl Settings {
    /// These tables.
    pub fn new(tables: Value) -> Settings {
        Settings(Arc::new(tables))
    }

    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        matches!(self.0.as_ref(), Value::Table(tables) if tables.is_empty())
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings::new(Value::table())
    }
}

impl PartialEq for Settings {
    fn eq(&self, other: &Settings) -> bool {
        // Snapshots follow each other several times a second, and mostly share them.
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Deref for Settings {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

/// How a recipe stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing of it has run.
    #[default]
    New,
    /// It has mistakes.
    Broken,
    /// Every stage is in the store.
    Fresh,
    /// Its text or data changed since its results were made.
    Stale,
    /// It waits for the worker.
    Queued,
    /// It runs.
    Running,
    /// Its worker died.
    Lost,
    /// Its last run failed.
    Failed,
    /// Its last run was stopped on request.
    Stopped,
}

/// A score with its interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// "MRR@20".
    pub metric: String,
    /// The mean over queries.
    pub value: f64,
    /// 95 % bootstrap interval.
    pub interval: [f64; 2],
    /// How many queries.
    pub queries: usize,
    /// Whether it belongs to an older text of the recipe.
    pub stale: bool,
}

/// What a decider says of a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// "stop", "go-on", "promote".
    pub advice: String,
    /// Why, in words.
    pub reason: String,
    /// Who decided: "PairedBootstrap".
    pub decider: String,
    /// Epochs finished when it was said.
    pub epoch: usize,
    /// Difference to the pin at the same share of the schedule.
    pub delta: Option<Delta>,
    /// Half of the band that the pin's seeds alone would give a difference, 95 %; `None`: not measured.
    pub noise: Option<f64>,
    /// Seconds that measuring it should take, where it is not measured and history tells.
    pub measuring: Option<f64>,
    /// Whether it was carried out without asking.
    pub acted: bool,
}

/// A paired difference with its interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delta {
    /// This recipe minus the pin.
    pub value: f64,
    /// 95 % bootstrap interval.
    pub interval: [f64; 2],
    /// Queries that both answered.
    pub queries: usize,
}

/// One part of a page.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Block {
    /// Markdown text.
    Prose {
        /// The text as written.
        text: String,
        /// Its first line in the file, from 1.
        line: usize,
    },
    /// A `toml` cell with what its stages last gave.
    Cell {
        /// The cell's text without its fences.
        text: String,
        /// Its first line in the file, from 1.
        line: usize,
        /// The names in it that can be explained, in order of their places.
        #[serde(skip)]
        names: Vec<Name>,
        /// Mistakes in it.
        problems: Vec<Problem>,
        /// What its stages last gave.
        outputs: Vec<Output>,
    },
}

/// A name in a cell that can be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// Line of the cell's text, from 0.
    pub line: usize,
    /// The first of its characters in that line, from 0, and the one behind its last.
    pub characters: Range<usize>,
    /// What to ask [`crate::book::explain`] for.
    pub topic: String,
    /// The setting that it names: `loss`, `loss.margin`, `post.steps[0].dim`; of a technique the key that chooses it.
    pub key: String,
    /// The setting's value as it is written; none for a table.
    pub value: Option<String>,
}

/// What came of a change of a recipe's text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The number under which it was asked for.
    pub number: u64,
    /// Why it was not written; it was where there are none.
    pub problems: Vec<Problem>,
}

/// A mistake with its place.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// Line, from 1; 0 when the whole file is meant.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// What one stage last gave.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Output {
    /// Name of the stage: "fit", "post", …
    pub stage: String,
    /// Whether it still holds.
    pub state: OutputState,
    /// Plain lines to show.
    pub lines: Vec<String>,
    /// What of it is a table.
    pub tables: Vec<Table>,
    /// Rows of small pictures; what stands in one column belongs together.
    #[serde(skip)]
    pub pictures: Vec<Vec<Picture>>,
}

/// A part of an output as a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Table {
    /// Its columns.
    pub head: Vec<String>,
    /// Its rows, each as long as the head.
    pub rows: Vec<Vec<String>>,
    /// The output's lines that say the same in words.
    pub says: Range<usize>,
}

/// Whether an output still holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase", tag = "state")]
pub enum OutputState {
    /// It belongs to the text as it stands.
    Fresh,
    /// It belongs to an older text.
    Stale {
        /// What changed.
        why: String,
    },
    /// It is being made.
    Running,
    /// Making it failed.
    Failed {
        /// The error.
        error: String,
    },
    /// It was never made.
    Missing,
}

/// A small picture, 8 bits a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// `height * width * 3` bytes, rows from the top.
    pub rgb: Arc<[u8]>,
}

/// Names of the series that a training tells beside its score, which goes by the metric's name.
pub mod series {
    /// Mean loss of an epoch; in a [`Curve`](super::Curve), of a tenth of one where the log has it.
    pub const LOSS: &str = "loss";
    /// Mean loss of about a tenth of an epoch. A snapshot shows it as [`LOSS`].
    pub const BATCH_LOSS: &str = "batch loss";
    /// Learning rate, before the groups' factors.
    pub const RATE: &str = "lr";
    /// Length (L2) of the whole gradient before clipping, a mean over steps.
    pub const GRADIENT: &str = "gradient norm";
    /// Pictures that the training learns from in a second.
    pub const SPEED: &str = "images per second";
    /// Share of all processors that the process keeps busy, 0 to 100.
    pub const CPU: &str = "CPU";
    /// Resident bytes of the process.
    pub const MEMORY: &str = "memory";
    /// How busy the GPU is, 0 to 100.
    pub const GPU: &str = "GPU";
    /// Bytes of the GPU's memory in use.
    pub const GPU_MEMORY: &str = "GPU memory";
}

/// A series of numbers over epochs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Curve {
    /// "loss", "MRR@20", …
    pub series: String,
    /// Fold, from 0.
    pub fold: u32,
    /// What is added to the recipe's seed: 0 for its own.
    pub seed: u64,
    /// Points (epoch, value) with ascending epochs.
    #[serde(serialize_with = "points")]
    pub points: Points,
    /// Where the points lie in steps and in time. The curves of one training share it.
    #[serde(skip)]
    pub axis: Arc<Axis>,
}

fn points<S: Serializer>(points: &Points, serializer: S) -> Result<S::Ok, S::Error> {
    (**points).serialize(serializer)
}

/// One step of the plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Stage, with its fold where it has one: "fit fold 1".
    pub stage: String,
    /// "reuse", "run", "blocked".
    pub action: String,
    /// Why, in words.
    pub reason: String,
    /// Expected seconds; `None` without history.
    pub seconds: Option<f64>,
    /// Expected bytes; `None` without history.
    pub bytes: Option<u64>,
    /// Whether it would start by itself after a save.
    pub cheap: bool,
}
