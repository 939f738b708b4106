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
//! - [`project`]: the folder of a competition, opened; [`schema`]: all that its files may say.
//! - [`recipe`]: one recipe, read and checked; [`photos`]: the manifest with its key.
//! - [`boxes`]: tables of boxes that augmentations read.
//! - [`fitting`]: what only the tables of a recipe together show to be wrong.
//! - [`guard`]: what runs and still is a mistake; [`symptoms`]: what only training itself shows;
//! - [`graph`]: recipe × photos → the stages of [`stages`], one file each: what its key is made of,
//!   and how it is run.
//! - [`brew`]: carries a plan out; [`worker`]: does so for jobs of the queue, detached from any terminal.
//! - [`survey`]: looks at the files again and gives a [`snapshot`]; [`watch`]: says when to look.
//! - [`stopwatch`]: tries a few batches where nothing tells how long a stage takes;
//! - [`samples`]: photos before and after augmentation, for people to look at;
//! - [`gaze`]: where its networks look, as a table of boxes;
//! - [`submit`]: the file that is handed in; [`outliers`]: training photos that are mostly wrongly labelled.
//!
//! A viewer holds a snapshot and sends a [`command`]; whatever it asks for becomes a file that a
//! worker reads, so that a viewer can die at any moment without harm.

pub mod boxes;
pub mod brew;
pub mod command;
pub mod fitting;
pub mod gaze;
pub mod graph;
pub mod guard;
pub mod lock;
pub mod outliers;
pub mod photos;
pub mod project;
pub mod recipe;
pub mod rung;
pub mod samples;
pub mod schema;
pub mod snapshot;
pub mod stages;
pub mod stopwatch;
pub mod submit;
pub mod survey;
pub mod symptoms;
pub mod watch;
pub mod weights;
pub mod worker;

pub use graph::Graph;
pub use photos::Photos;
pub use project::{Project, Surroundings};
pub use recipe::Recipe;
pub use rung::Rung;

use crate::base::cancel::Cancelled;
use crate::base::files::FileError;

/// What can go wrong when the parts meet.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// A recipe or `toji.toml` has mistakes; they are in the diagnostics.
    #[error("{0}")]
    Mistakes(String),
    /// No recipe has this name.
    #[error("no recipe is called {name}; there are: {there}")]
    NoSuchRecipe {
        /// What was asked for.
        name: String,
        /// What there is.
        there: String,
    },
    /// Another process works on the same artefact.
    #[error("another worker is making {0}; wait for it, or stop it first")]
    Held(String),
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
