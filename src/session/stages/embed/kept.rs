//! Rows of an embedding that is not finished yet, so that a kill in the sixth hour costs half a minute.
//!
//! Takes the folder of unfinished work and the photos in their order; gives the rows that an earlier attempt left there, and keeps new
//! ones: files `rows-<first>.safetensors`, each with the rows from one place on. A batch is kept whole or not at all and batches begin
//! at fixed places, so what is gone on with has the bits of what was done at once.

use std::path::PathBuf;

use super::BATCH;
use crate::base::{Clock, Time};
use crate::dag::Work;
use crate::retrieve::Embeddings;
use crate::session::SessionError;

/// Rows are kept after so many seconds.
const SECONDS: f64 = 30.0;

/// The rows so far.
pub(super) struct Kept<'a> {
    work: &'a Work,
    clock: &'a dyn Clock,
    /// How many photos there are.
    total: usize,
    /// Where the rows that are not in a file begin.
    first: usize,
    rows: Embeddings,
    last: Time,
}

impl<'a> Kept<'a> {
    /// What `work` has of the rows of `photos`, and the place where new ones go. What does not fit (a file that was cut off, other
    /// photos) ends what is taken, and is written again.
    pub(super) fn open(work: &'a Work, clock: &'a dyn Clock, photos: &[u32], dim: usize) -> (Kept<'a>, Embeddings) {
        let mut begun = Embeddings { dim, photos: Vec::new(), data: Vec::new() };
        while let Ok(part) = Embeddings::load(&file(work, begun.len())) {
            let end = begun.len() + part.len();
            let whole = end == photos.len() || end.is_multiple_of(BATCH);
            let fits = part.dim == dim && !part.is_empty() && photos.get(begun.len()..end) == Some(&part.photos[..]);
            if !(whole && fits) {
                break;
            }
            begun.photos.extend(part.photos);
            begun.data.extend(part.data);
        }
        let rows = Embeddings { dim, photos: Vec::new(), data: Vec::new() };
        (Kept { work, clock, total: photos.len(), first: begun.len(), rows, last: clock.now() }, begun)
    }

    /// Takes the rows of a batch; writes those that came since the last time when that is long ago.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(super) fn add(&mut self, photos: &[u32], rows: &[f32]) -> Result<(), SessionError> {
        self.rows.photos.extend_from_slice(photos);
        self.rows.data.extend_from_slice(rows);
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
        if !self.rows.is_empty() {
            self.rows.save(&file(self.work, self.first))?;
            self.first += self.rows.len();
            self.rows.photos.clear();
            self.rows.data.clear();
            self.work.reach(self.first as u32, Some(self.total as u32))?;
        }
        self.last = self.clock.now();
        Ok(())
    }
}

fn file(work: &Work, first: usize) -> PathBuf {
    work.folder().join(format!("rows-{first:09}.safetensors"))
}
