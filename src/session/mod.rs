//! Text, graph and stages meet here: a snapshot out, a command in.
//!
//! ```text
//!   toji.toml ─▶ Project ─┐
//!   recipes/*.md ─▶ Recipe ├─ graph ─▶ nodes, tasks ─ dag::plan ─▶ steps
//!   tables, pictures ─▶ Photos                                      │
//!                                                                   ▼
//!   queue ─▶ worker ─▶ brew: runs the steps by stages/*, tells events ─▶ survey ─▶ Snapshot
//! ```
//!
//! - [`project`]: the folder of a competition, opened: its photos, boxes and weights, and when files change.
//! - [`recipe`]: one recipe, read and checked: what it may say, what is wrong with it, what it is warned of.
//! - [`brew`]: plans a recipe as a graph of stages, and carries the plan out, here or in a worker.
//! - [`stages`]: one file each: what a stage's key is made of, and how it is run.
//! - [`shared`]: what one snapshot hands on to the next.
//! - [`survey`]: looks at the files again and gives a [`snapshot`].
//! - [`board`]: the snapshot as a table: columns, orders, the filter's language, folds and seeds.
//! - [`errands`]: what single commands ask for: a submission, boxes, outliers, samples.
//!
//! A viewer holds a snapshot and sends a [`command`]; whatever it asks for becomes a file that a
//! worker reads, so that a viewer can die at any moment without harm.

pub mod board;
pub mod brew;
pub mod command;
pub mod errands;
pub mod project;
pub mod recipe;
pub mod shared;
pub mod snapshot;
pub mod stages;
pub mod survey;

pub use brew::graph::Graph;
pub use brew::rung::{Ladder, Rung, Slot};
pub use project::photos::Photos;
pub use project::{Load, Project, Surroundings};
pub use recipe::{Recipe, schema};

use crate::base::cancel::Cancelled;
use crate::base::files::FileError;
use crate::base::text::plain;

/// What can go wrong when the parts meet.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// A recipe or `toji.toml` has mistakes; they are in the diagnostics.
    #[error("{0}")]
    Mistakes(String),
    /// No recipe has this name.
    #[error("no recipe is called {}; there are: {}", plain(name), plain(there))]
    NoSuchRecipe {
        /// What was asked for.
        name: String,
        /// What there is.
        there: String,
    },
    /// It was asked for in a way that cannot be done, whatever the recipe and the data are.
    #[error("{0}")]
    Misuse(String),
    /// Another process works on the same artefact.
    #[error("another worker is making {0}; wait for it, or stop it first")]
    Held(String),
    /// A recipe's decider stopped its training.
    #[error("{recipe} was stopped: {reason}")]
    Decided {
        /// The recipe.
        recipe: String,
        /// Why.
        reason: String,
    },
    /// Of a recipe only the cheap part was asked for, and it is done.
    #[error("the cheap part of {recipe} is done; {left} is left to be asked for")]
    Part {
        /// The recipe.
        recipe: String,
        /// What was left, in words.
        left: String,
    },
    /// The recipe cannot be run on this data.
    #[error("{0}")]
    Unfit(String),
    /// Asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The store, a run, the queue.
    #[error(transparent)]
    Dag(#[from] crate::dag::DagError),
    /// Tables and pictures.
    #[error(transparent)]
    Data(#[from] crate::data::DataError),
    /// Pictures that cannot be used, more than the error names.
    #[error("{error}; all are listed in {list}")]
    Unusable {
        /// The error, which is told whole.
        error: Box<crate::data::DataError>,
        /// The file that lists them.
        list: String,
    },
    /// Folds.
    #[error(transparent)]
    Fold(#[from] crate::data::folds::FoldError),
    /// An augmentation.
    #[error(transparent)]
    Augment(#[from] crate::data::augment::AugmentError),
    /// A batch.
    #[error(transparent)]
    Load(#[from] crate::data::batch::LoadError),
    /// A backbone.
    #[error(transparent)]
    Backbone(#[from] crate::learn::backbone::BackboneError),
    /// An operation.
    #[error(transparent)]
    Ops(#[from] crate::learn::ops::OpsError),
    /// A loss.
    #[error(transparent)]
    Loss(#[from] crate::learn::loss::LossError),
    /// Training.
    #[error(transparent)]
    Train(#[from] crate::learn::train::TrainError),
    /// Embedding, post steps, search.
    #[error(transparent)]
    Retrieve(#[from] crate::retrieve::RetrieveError),
    /// Metric, submission, ledger.
    #[error(transparent)]
    Score(#[from] crate::score::ScoreError),
    /// Settings that do not fit their types: a fault of a declared table.
    #[error("settings: {0}; this is a fault of Toji")]
    Settings(#[from] crate::base::value::DecodeError),
}

impl SessionError {
    /// Whether the work stopped because it was asked to.
    pub fn is_cancelled(&self) -> bool {
        use crate::data::batch::LoadError;
        use crate::learn::backbone::{BackboneError, hub::HubError};
        use crate::learn::train::TrainError;
        match self {
            SessionError::Cancelled(_) | SessionError::Load(LoadError::Cancelled(_)) => true,
            SessionError::Train(e) => matches!(e, TrainError::Cancelled(_)),
            SessionError::Backbone(BackboneError::Hub(e)) => matches!(e, HubError::Cancelled(_)),
            SessionError::Retrieve(e) => matches!(e, crate::retrieve::RetrieveError::Cancelled(_)),
            SessionError::Data(e) => matches!(e, crate::data::DataError::Cancelled(_)),
            _ => false,
        }
    }
}
