//! Rows of an embedding that is not finished yet, so that a kill in the sixth hour costs half a minute.
//!
//! Takes the folder of unfinished work and the photos in their order; gives the rows that an earlier attempt left there, and keeps new
//! ones: files `rows-<first>.safetensors`, each with the rows from one place on. A batch is kept whole or not at all and batches begin
//! at fixed places, so what is gone on with has the bits of what was done at once.

use std::path::{Path, PathBuf};

use super::BATCH;
use crate::base::{Clock, Time};
use crate::dag::Work;
use crate::retrieve::post::local::Patches;
use crate::retrieve::{Embeddings, RetrieveError};
use crate::session::SessionError;

/// Rows are kept after so many seconds.
const SECONDS: f64 = 30.0;

/// What a network makes of photos, one after the other.
pub(super) trait Rows: Clone {
    /// Whose they are, in order.
    fn photos(&self) -> &[u32];
    /// Whether other rows may stand behind these.
    fn is_like(&self, other: &Self) -> bool;
    /// Puts rows behind these.
    fn append(&mut self, other: Self) -> Result<(), RetrieveError>;
    /// Reads a file of them.
    fn load(path: &Path) -> Result<Self, RetrieveError>;
    /// Writes a file of them.
    fn save(&self, path: &Path) -> Result<(), RetrieveError>;
}

impl Rows for Embeddings {
    fn photos(&self) -> &[u32] {
        &self.photos
    }

    fn is_like(&self, other: &Self) -> bool {
        self.dim == other.dim
    }

    fn append(&mut self, other: Self) -> Result<(), RetrieveError> {
        self.photos.extend(other.photos);
        self.data.extend(other.data);
        Ok(())
    }

    fn load(path: &Path) -> Result<Self, RetrieveError> {
        Embeddings::load(path)
    }

    fn save(&self, path: &Path) -> Result<(), RetrieveError> {
        Embeddings::save(self, path)
    }
}

impl Rows for Patches {
    fn photos(&self) -> &[u32] {
        &self.photos
    }

    fn is_like(&self, other: &Self) -> bool {
        Patches::is_like(self, other)
    }

    fn append(&mut self, other: Self) -> Result<(), RetrieveError> {
        Patches::append(self, other)
    }

    fn load(path: &Path) -> Result<Self, RetrieveError> {
        Patches::load(path)
    }

    fn save(&self, path: &Path) -> Result<(), RetrieveError> {
        Patches::save(self, path)
    }
}

/// The rows so far.
pub(super) struct Kept<'a, R> {
    work: &'a Work,
    clock: &'a dyn Clock,
    /// How many photos there are.
    total: usize,
    /// Where the rows that are not in a file begin.
    first: usize,
    none: R,
    rows: R,
    last: Time,
}

impl<'a, R: Rows> Kept<'a, R> {
    /// What `work` has of the rows of `photos`, and the place where new ones go; `none` is such rows of no photo. What does not fit (a file
    /// that was cut off, other photos) ends what is taken, and is written again.
    pub(super) fn open(work: &'a Work, clock: &'a dyn Clock, photos: &[u32], none: R) -> (Kept<'a, R>, R) {
        let mut begun = none.clone();
        while let Ok(part) = R::load(&file(work, begun.photos().len())) {
            let (from, count) = (begun.photos().len(), part.photos().len());
            let end = from + count;
            let whole = end == photos.len() || end.is_multiple_of(BATCH);
            let fits = part.is_like(&none) && count > 0 && photos.get(from..end) == Some(part.photos());
            if !(whole && fits) || begun.append(part).is_err() {
                break;
            }
        }
        let first = begun.photos().len();
        let rows = none.clone();
        (Kept { work, clock, total: photos.len(), first, none, rows, last: clock.now() }, begun)
    }

    /// Takes the rows of a batch; writes those that came since the last time when that is long ago.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(super) fn add(&mut self, rows: R) -> Result<(), SessionError> {
        self.rows.append(rows)?;
        if self.clock.now().since(self.last) >= SECONDS {
            self.write()?;
        }
        Ok(())
    }

    /// Writes what is in no file yet.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write(&mut self) -> Result<(), SessionError> {
        if !self.rows.photos().is_empty() {
            self.rows.save(&file(self.work, self.first))?;
            self.first += self.rows.photos().len();
            self.rows = self.none.clone();
            self.work.reach(self.first as u32, Some(self.total as u32))?;
        }
        self.last = self.clock.now();
        Ok(())
    }
}

fn file(work: &Work, first: usize) -> PathBuf {
    work.folder().join(format!("rows-{first:09}.safetensors"))
}
