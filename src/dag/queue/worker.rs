//! Whoever does the queue's jobs: takes one by renaming its file, and lives as long as its lock.
//!
//! Takes lanes; gives jobs that nobody else has. A worker that ends, however it does, gives its jobs back.

use std::io;
use std::path::PathBuf;

use super::{Job, Lane, Queue, put, remove};
use crate::base::files::{FileError, Lock, disk};
use crate::dag::error::DagError;

/// A worker of the queue, alive as long as this value.
#[derive(Debug)]
pub struct Worker {
    pub(super) queue: Queue,
    pub(super) folder: PathBuf,
    pub(super) lock: Option<Lock>,
    pub(super) _alone: Option<Lock>,
}

/// A job that this worker has taken. Dropping it leaves it taken until the worker ends.
#[derive(Debug)]
#[must_use = "a job that is neither done nor given back stays taken until the worker ends"]
pub struct Taken {
    /// What is asked for.
    pub job: Job,
    file: PathBuf,
    waiting: PathBuf,
}

impl Worker {
    /// Name of its folder.
    pub fn id(&self) -> String {
        self.folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Takes the oldest job of the first of these lanes that has one, passing over what another worker does
    /// for the same recipe and lane. `None` when there is nothing to do, or the queue is paused.
    ///
    /// # Errors
    /// When a job cannot be moved or removed.
    pub fn take(&self, lanes: &[Lane]) -> Result<Option<Taken>, DagError> {
        let waiting = self.queue.newest();
        // As a rule nothing waits: looking often then costs one look at a folder.
        if !waiting.iter().any(|(_, job)| lanes.contains(&job.lane)) {
            return Ok(None);
        }
        if self.queue.paused().is_some() {
            return Ok(None);
        }
        let under_way: Vec<Job> = self.queue.workers().into_iter().flat_map(|w| w.jobs).collect();
        for lane in lanes {
            for (from, job) in waiting.iter().filter(|(_, job)| job.lane == *lane) {
                if under_way.iter().any(|w| w.recipe == job.recipe && w.lane == job.lane) {
                    continue;
                }
                let Some(name) = from.file_name() else { continue };
                let file = self.folder.join(name);
                match disk::rename(from, &file) {
                    Ok(()) => {}
                    Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                    Err(e) => return Err(FileError::at("cannot take", from)(e).into()),
                }
                // Older requests for the same are answered by this one.
                for (old, other) in self.queue.files(&self.queue.waiting_folder()) {
                    let same = |of: &Job| (of.recipe.clone(), of.order, of.lane, of.machine.clone());
                    let same = same(&other) == same(job);
                    if same && other.requested <= job.requested {
                        remove(&old)?;
                    }
                }
                return Ok(Some(Taken { job: job.clone(), file, waiting: self.queue.waiting_folder() }));
            }
        }
        Ok(None)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.lock = None;
        // What it had taken goes back; where that fails the next worker does it.
        let _ = self.queue.recover();
    }
}

impl Taken {
    /// The job is done (or failed for good): it leaves the queue.
    ///
    /// # Errors
    /// When its file cannot be removed.
    pub fn done(self) -> Result<(), DagError> {
        remove(&self.file).map(drop)
    }

    /// The job waits again, at its old place.
    ///
    /// # Errors
    /// When its file cannot be moved.
    pub fn give_back(self) -> Result<(), DagError> {
        put(&self.waiting, &self.job)?;
        remove(&self.file).map(drop)
    }
}
