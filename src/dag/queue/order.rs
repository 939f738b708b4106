//! Which job comes next, and whether one does.
//!
//! Takes a recipe's name and how its waiting job shall move, or the wish to pause; changes the files of the waiting jobs one by one, so that
//! a kill leaves the old order, the new one, or one between them, and never a job less. A pause is a file of its machine: it holds for viewers
//! and workers that come later, until it is taken away.

use std::path::{Path, PathBuf};

use super::{Job, Lane, Queue, put, remove};
use crate::base::files;
use crate::base::{Key, Time};
use crate::dag::error::DagError;

/// Where a waiting job goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shift {
    /// Before the one that is taken before it.
    Up,
    /// Behind the one that is taken after it.
    Down,
}

impl Queue {
    /// Puts the waiting jobs of a recipe before all others. Whether there was one.
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn first(&self, recipe: &str) -> Result<bool, DagError> {
        let waiting = self.newest();
        let most = waiting.iter().filter(|(_, job)| job.recipe != recipe).map(|(_, job)| job.ahead).max();
        let ahead = most.map_or(0, |most| most.saturating_add(1));
        let mut found = false;
        for (file, job) in waiting.into_iter().filter(|(_, job)| job.recipe == recipe) {
            found = true;
            if job.ahead < ahead {
                self.put_instead(&file, &Job { ahead, ..job })?;
            }
        }
        Ok(found)
    }

    /// Moves a recipe's waiting jobs by one place among those of their lanes. Whether one waits at all; the first stays the first.
    ///
    /// # Errors
    /// When a job cannot be written.
    pub fn shift(&self, recipe: &str, shift: Shift) -> Result<bool, DagError> {
        let mut found = false;
        for lane in [Lane::Cheap, Lane::Dear] {
            let mut jobs: Vec<(PathBuf, Job)> = self.newest().into_iter().filter(|(_, job)| job.lane == lane).collect();
            let Some(at) = jobs.iter().position(|(_, job)| job.recipe == recipe) else { continue };
            found = true;
            let other = match shift {
                Shift::Up => at.checked_sub(1),
                Shift::Down => Some(at + 1).filter(|&to| to < jobs.len()),
            };
            let Some(other) = other else { continue };
            jobs.swap(at, other);
            self.set_order(jobs)?;
        }
        Ok(found)
    }

    /// Makes this the order of jobs of one lane, by putting as few as possible further ahead.
    fn set_order(&self, jobs: Vec<(PathBuf, Job)>) -> Result<(), DagError> {
        let mut behind: Option<Job> = None;
        for (file, job) in jobs.into_iter().rev() {
            let least = match &behind {
                None => job.ahead,
                Some(behind) if job.requested < behind.requested => behind.ahead,
                Some(behind) => behind.ahead.saturating_add(1),
            };
            let moved = Job { ahead: job.ahead.max(least), ..job.clone() };
            if moved.ahead > job.ahead {
                self.put_instead(&file, &moved)?;
            }
            behind = Some(moved);
        }
        Ok(())
    }

    /// A changed job in the place of its old file, unless a worker has taken that meanwhile.
    fn put_instead(&self, file: &Path, job: &Job) -> Result<(), DagError> {
        let new = put(&self.waiting_folder(), job)?;
        if !remove(file)? {
            remove(&new)?;
        }
        Ok(())
    }

    /// Lets no worker of this machine take anything until [`Queue::resume`]. What runs goes back to the queue at its next clean place.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn pause(&self, now: Time) -> Result<(), DagError> {
        if self.paused().is_none() {
            files::publish(&self.pause_file(), now.0.to_string().as_bytes())?;
        }
        Ok(())
    }

    /// Takes the pause away. Whether there was one.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn resume(&self) -> Result<bool, DagError> {
        remove(&self.pause_file())
    }

    /// Since when no worker of this machine takes anything; `None`: they do.
    pub fn paused(&self) -> Option<Time> {
        let file = self.pause_file();
        // A look that costs one stat while nothing is paused. Whatever stands in the file, its being there counts.
        file.exists().then(|| {
            let text = files::read_text(&file).unwrap_or_default();
            Time(text.trim().parse().ok().filter(|at: &f64| at.is_finite()).unwrap_or(0.0))
        })
    }

    fn pause_file(&self) -> PathBuf {
        self.folder.join(format!("paused-{}", Key::of_bytes(self.machine.as_bytes()).short()))
    }
}
