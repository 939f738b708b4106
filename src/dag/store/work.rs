//! Unfinished work: `work/<key>/` in `.toji`, the checkpoints of an artefact that is still being made.
//!
//! It is held by a lock beside the folder, so that two workers never write the same checkpoints; it survives
//! a kill, tells the plan how far it came, and is removed when its artefact is published.

use std::fs;
use std::path::{Path, PathBuf};

use crate::base::Key;
use crate::base::files::{self, Lock};
use crate::dag::error::DagError;
use crate::dag::plan::Reached;

/// Unfinished work, held by this process.
#[derive(Debug)]
pub struct Work {
    folder: PathBuf,
    _lock: Lock,
}

impl Work {
    /// The work on `key` below `toji`; `None` while another living process holds it.
    pub(super) fn open(toji: &Path, key: &Key) -> Result<Option<Work>, DagError> {
        let folder = place(toji, key);
        let Some(lock) = Lock::try_take(&folder.with_extension("lock"))? else { return Ok(None) };
        files::make_folder(&folder)?;
        Ok(Some(Work { folder, _lock: lock }))
    }

    /// Where its checkpoints lie. Publish them with [`files::publish()`], so that a kill leaves the last one whole.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Records that the checkpoint of `at` units (epochs, photos) is complete, for the plan to say; of how many, where the stage's
    /// span does not tell.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn reach(&self, at: u32, of: Option<u32>) -> Result<(), DagError> {
        let text = of.map_or_else(|| at.to_string(), |of| format!("{at} of {of}"));
        Ok(files::publish(&self.folder.join("reached"), text.as_bytes())?)
    }

    /// Begins anew: what was there cannot be used (a copy between machines cut it off).
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn clear(&self) -> Result<(), DagError> {
        files::remove_folder(&self.folder)?;
        Ok(files::make_folder(&self.folder)?)
    }

    /// Throws the work away, for a trial that nobody goes on from.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn discard(self) -> Result<(), DagError> {
        files::remove_folder(&self.folder)?;
        // An empty file that a next trial would reuse; where it stays it does no harm.
        let _ = files::remove_file(&self.folder.with_extension("lock"));
        Ok(())
    }

    /// How much is complete.
    pub fn reached(&self) -> Option<Reached> {
        reached(&self.folder)
    }
}

/// Throws the work on `key` away.
pub(super) fn forget(toji: &Path, key: &Key) -> Result<(), DagError> {
    let folder = place(toji, key);
    let lock = folder.with_extension("lock");
    if lock.exists() {
        files::remove_folder(&folder)?;
        files::remove_file(&lock)?;
    }
    Ok(())
}

/// How much of `key` is complete, if there is work on it.
pub(super) fn reached_of(toji: &Path, key: &Key) -> Option<Reached> {
    reached(&place(toji, key))
}

pub(super) fn place(toji: &Path, key: &Key) -> PathBuf {
    toji.join("work").join(key.to_string())
}

fn reached(folder: &Path) -> Option<Reached> {
    let text = fs::read_to_string(folder.join("reached")).ok()?;
    let mut numbers = text.trim().split(" of ").map(str::parse);
    let at = numbers.next()?.ok()?;
    Some(Reached { at, of: numbers.next().and_then(Result::ok) })
}
