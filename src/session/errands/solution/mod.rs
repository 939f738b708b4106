//! A result that anyone gets again.
//!
//! ```text
//!   toji submit ─▶ solutions/<hash>.lock, solutions/photos-<key>.csv     beside toji.toml, for git
//!   toji pack ───▶ one zip: the lock, weights, recipes, the host's documents      (pack)
//!   toji reproduce: lock, pack, or a past line ─▶ laid out ─▶ checked ─▶ run ─▶ judged      (reproduce)
//! ```
//!
//! Everything in it was recorded while working. What a submission keeps is a run's lock ([`crate::session::brew::lock`]) with the text of
//! `toji.toml`, the decisions about photos, the hashes of all that was read, and what came out ([`lock`]). It needs neither the store nor the recipes as
//! they stand now, so it outlives `toji gc` and every edit. A line of the ledger from before there were such files has its run's lock ([`past`]).
//!
//! A lock is never run in the project that it came from: it is laid out as a project of its own ([`laid`]), with the recipes and facts of then, whose
//! store may be the project's, so that what is there is not made again.

pub mod laid;
pub mod lock;
pub mod pack;
pub mod past;
pub mod photos;
pub mod reproduce;

use std::path::{Path, PathBuf};

use crate::base::files;
use crate::score::ledger::Entry;
use crate::session::{Graph, Photos, Project, Recipe, Rung, SessionError};

pub use lock::Solution;

/// The folder of what submissions keep, beside `toji.toml`.
pub const FOLDER: &str = "solutions";

/// The lock's name in a pack.
pub const LOCK: &str = "solution.lock";

/// The lock that a submission of this hash keeps in a project.
pub fn file(root: &Path, hash: &crate::base::Key) -> PathBuf {
    root.join(FOLDER).join(format!("{}.lock", hash.short()))
}

/// Keeps what it takes to make a submission again.
///
/// # Errors
/// When a file that it was made of cannot be read, or the lock cannot be written.
pub fn keep(
    project: &Project,
    recipe: &Recipe,
    photos: &Photos,
    graph: &Graph,
    rung: &Rung,
    entry: &Entry,
    rows: usize,
) -> Result<(), SessionError> {
    let list = photos::list(project, photos);
    let solution = Solution::of(project, recipe, photos, graph, rung, (entry, rows), &list)?;
    // First, so that no lock names a list that is not there.
    files::publish(&project.root.join(FOLDER).join(&list.file), list.text.as_bytes())?;
    files::publish(&file(&project.root, &entry.file_hash), solution.text().as_bytes())?;
    Ok(())
}
