//! What can go wrong with the files under `.toji`, with the path and what to do about it.

use std::path::{Path, PathBuf};

use crate::base::Key;
use crate::base::files::FileError;

/// A file of store, run or queue could not be written, read or understood.
#[derive(Debug, thiserror::Error)]
pub enum DagError {
    /// The system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file is there but does not say what it should.
    #[error("{} is not {what}: {source}; remove it, it is made anew", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it should have been.
        what: &'static str,
        /// What the reader stumbled over.
        #[source]
        source: serde_json::Error,
    },
    /// A record does not survive being written and read back (a setting that is NaN or infinite).
    #[error("the settings of stage {stage} cannot be recorded: {reason}; write finite numbers in the recipe")]
    NotRecordable {
        /// Name of the stage.
        stage: String,
        /// What was lost.
        reason: String,
    },
    /// An artefact is not in the store, or only a part of it is.
    #[error("the store has no whole artefact of stage {stage} with key {key}; run the recipe again")]
    Missing {
        /// Name of the stage.
        stage: String,
        /// Its key.
        key: Key,
    },
    /// The bytes of an artefact are not those that were published.
    #[error("{} changed since it was published; remove the folder around it and run the recipe again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// A stage left something in its artefact that is neither a file nor a folder.
    #[error("{} is neither a plain file nor a folder, so it cannot be part of an artefact", path.display())]
    NotAFile {
        /// What was found.
        path: PathBuf,
    },
    /// A living process writes the run.
    #[error("run {id} is being written by a living process; wait for it or stop it first")]
    RunHeld {
        /// The run.
        id: String,
    },
    /// There is no such run.
    #[error("there is no run {id} in {}", folder.display())]
    NoSuchRun {
        /// The run.
        id: String,
        /// Where it was looked for.
        folder: PathBuf,
    },
}

/// For `map_err` after serde_json: keeps the file and what it should have been.
pub(super) fn malformed<'a>(path: &'a Path, what: &'static str) -> impl FnOnce(serde_json::Error) -> DagError + 'a {
    move |source| DagError::Malformed { path: path.to_owned(), what, source }
}
