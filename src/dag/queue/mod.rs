//! Jobs as files that workers take by renaming them.
//!
//! ```text
//!   .toji/queue/waiting/<time>-<lane>-<n>.json      what is asked for
//!   .toji/queue/workers/<worker>/lock               held while the worker lives
//!   .toji/queue/workers/<worker>/<time>-….json      what it has taken
//!   .toji/queue/worker-<device>.lock                held by the one worker of the background on this device
//!   .toji/queue/paused-<machine>                    there while no worker of that machine shall take anything
//! ```
//!
//! A rename has one winner, so a job has one worker. A worker whose lock is gone gives its jobs back. The
//! newest request for a recipe and lane takes the place of older ones. Jobs name their machine:
//! a queue that was copied with `.toji` starts nothing by surprise on another one.
//!
//! - [`mod@order`]: which job comes next, and that none does: the queue paused;
//! - [`mod@worker`]: whoever takes them.

pub mod order;
#[cfg(test)]
mod tests;
pub mod worker;

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::{DagError, malformed};
use super::run::stamp;
use super::store::names;
use crate::base::Time;
use crate::base::files::{self, FileError, Lock, disk};
pub use worker::{Taken, Worker};

/// What kind of work a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// It starts by itself after a save.
    Cheap,
    /// Somebody asked for it.
    Dear,
}

/// What a job is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// To run the recipe.
    #[default]
    Run,
    /// To look for suspects among the photos, by the networks that the recipe has.
    Review,
    /// To run the part of the recipe that is cheap and waits for nothing dear.
    Part,
}

/// A wish to run a recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Name of the recipe.
    pub recipe: String,
    /// What is asked for.
    #[serde(default)]
    pub order: Order,
    /// "smoke", "holdout", "full"; empty where no rung is meant.
    pub rung: String,
    /// What kind of work it is.
    pub lane: Lane,
    /// When it was asked for.
    pub requested: Time,
    /// The machine that it was asked on; only workers there take it.
    pub machine: String,
    /// How many workers have died over it.
    #[serde(default)]
    pub deaths: u32,
    /// Jobs with more of it are taken earlier, whenever they were asked for.
    #[serde(default)]
    pub ahead: u32,
}

/// A worker and what it has taken.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerInfo {
    /// Name of its folder.
    pub id: String,
    /// What it wrote about itself: process, start. For people.
    pub about: String,
    /// What it works on.
    pub jobs: Vec<Job>,
}

impl WorkerInfo {
    /// The worker's process, as it wrote.
    pub fn pid(&self) -> Option<u32> {
        #[derive(Deserialize)]
        struct About {
            pid: u32,
        }
        serde_json::from_str::<About>(&self.about).ok().map(|about| about.pid)
    }
}

/// The queue below one `.toji`, as seen from one machine.
#[derive(Clone, Debug)]
pub struct Queue {
    folder: PathBuf,
    machine: String,
}

impl Queue {
    /// The queue of the folder `.toji` given here, for the machine named. Makes nothing.
    pub fn open(toji: &Path, machine: &str) -> Queue {
        Queue { folder: toji.join("queue"), machine: machine.to_owned() }
    }

    fn waiting_folder(&self) -> PathBuf {
        self.folder.join("waiting")
    }

    fn workers_folder(&self) -> PathBuf {
        self.folder.join("workers")
    }

    /// Asks for a recipe. Older requests for it in the same lane that still wait are dropped.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add(&self, recipe: &str, rung: &str, lane: Lane, now: Time) -> Result<(), DagError> {
        self.ask(recipe, (Order::Run, rung), lane, now)
    }

    /// Asks for a review by a recipe's networks.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add_review(&self, recipe: &str, now: Time) -> Result<(), DagError> {
        self.ask(recipe, (Order::Review, ""), Lane::Dear, now)
    }

    /// Asks for the cheap part of a recipe.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add_part(&self, recipe: &str, rung: &str, now: Time) -> Result<(), DagError> {
        self.ask(recipe, (Order::Part, rung), Lane::Cheap, now)
    }

    fn ask(&self, recipe: &str, (order, rung): (Order, &str), lane: Lane, now: Time) -> Result<(), DagError> {
        let job = Job {
            recipe: recipe.to_owned(),
            order,
            rung: rung.to_owned(),
            lane,
            requested: now,
            machine: self.machine.clone(),
            deaths: 0,
            ahead: 0,
        };
        let older = self.files(&self.waiting_folder());
        let new = put(&self.waiting_folder(), &job)?;
        for (file, other) in older {
            let is_same = other.recipe == recipe && other.order == order && other.lane == lane;
            if file != new && is_same && other.machine == self.machine {
                remove(&file)?;
            }
        }
        Ok(())
    }

    /// Jobs of this machine that wait, in the order in which they are taken within a lane.
    pub fn waiting(&self) -> Vec<Job> {
        self.newest().into_iter().map(|(_, job)| job).collect()
    }

    /// Takes every waiting job of a recipe out of the queue. How many there were.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub fn cancel(&self, recipe: &str) -> Result<usize, DagError> {
        let mut removed = 0;
        for (file, job) in self.files(&self.waiting_folder()) {
            if job.recipe == recipe && job.machine == self.machine {
                removed += usize::from(remove(&file)?);
            }
        }
        Ok(removed)
    }

    /// The living workers with what they have taken.
    pub fn workers(&self) -> Vec<WorkerInfo> {
        let folder = self.workers_folder();
        let alive = names(&folder).into_iter().filter(|id| Lock::is_held(&folder.join(id).join("lock")));
        alive
            .map(|id| {
                let about = fs::read_to_string(folder.join(&id).join("lock")).unwrap_or_default().trim().to_owned();
                let jobs = self.files(&folder.join(&id)).into_iter().map(|(_, job)| job).collect();
                WorkerInfo { id, about, jobs }
            })
            .collect()
    }

    /// Whether a worker of the background lives, on any device.
    pub fn has_background_worker(&self) -> bool {
        let is_workers = |name: &String| name.starts_with("worker-") && name.ends_with(".lock");
        names(&self.folder).iter().filter(|name| is_workers(name)).any(|name| Lock::is_held(&self.folder.join(name)))
    }

    /// Becomes a worker of the queue.
    ///
    /// # Errors
    /// When its folder cannot be made.
    pub fn register(&self, pid: u32, now: Time) -> Result<Worker, DagError> {
        self.enter(pid, now, None)
    }

    /// Becomes the one worker of the background on a device ("CPU", "CUDA card 1"); `None` when there is one. Workers on two devices
    /// share the queue: a job is renamed by one of them.
    ///
    /// # Errors
    /// When its folder cannot be made.
    pub fn register_background(&self, device: &str, pid: u32, now: Time) -> Result<Option<Worker>, DagError> {
        let device: String = device.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let lock = self.folder.join(format!("worker-{device}.lock"));
        let Some(mut alone) = Lock::try_take(&lock)? else { return Ok(None) };
        let _ = alone.describe(&about(pid, now));
        self.enter(pid, now, Some(alone)).map(Some)
    }

    fn enter(&self, pid: u32, now: Time, alone: Option<Lock>) -> Result<Worker, DagError> {
        self.recover()?;
        // Nobody may take the new folder for a dead worker's before its lock is held.
        let _entering = Lock::wait(&self.folder.join("enter.lock"))?;
        let mut taken = 0u64;
        loop {
            let folder = self.workers_folder().join(format!("{}-{pid}-{taken}", stamp(now)));
            taken += 1;
            if folder.exists() {
                continue;
            }
            if let Some(mut lock) = Lock::try_take(&folder.join("lock"))? {
                let _ = lock.describe(&about(pid, now));
                return Ok(Worker { queue: self.clone(), folder, lock: Some(lock), _alone: alone });
            }
        }
    }

    /// Gives the jobs of dead workers back to the queue. How many there were.
    ///
    /// # Errors
    /// When a job cannot be moved.
    pub fn recover(&self) -> Result<usize, DagError> {
        let mut returned = 0;
        let dead = |id: &String| !Lock::is_held(&self.workers_folder().join(id).join("lock"));
        if !names(&self.workers_folder()).iter().any(dead) {
            return Ok(0);
        }
        let _entering = Lock::wait(&self.folder.join("enter.lock"))?;
        for id in names(&self.workers_folder()) {
            let folder = self.workers_folder().join(id);
            // Held while the jobs move; a worker never returns to its folder.
            let Some(_lock) = Lock::try_take(&folder.join("lock"))? else { continue };
            let jobs = self.files(&folder);
            let all_ours = jobs.iter().all(|(_, job)| job.machine == self.machine);
            for (file, mut job) in jobs.into_iter().filter(|(_, job)| job.machine == self.machine) {
                job.deaths += 1;
                put(&self.waiting_folder(), &job)?;
                remove(&file)?;
                returned += 1;
            }
            if all_ours {
                disk::remove_tree(&folder).map_err(FileError::at("cannot remove", &folder))?;
            }
        }
        Ok(returned)
    }

    /// Jobs of this machine that wait and have not been asked for anew since, in the order in which they are taken.
    fn newest(&self) -> Vec<(PathBuf, Job)> {
        let mut jobs = self.files(&self.waiting_folder());
        jobs.retain(|(_, job)| job.machine == self.machine);
        let mut kept: Vec<(PathBuf, Job)> = Vec::new();
        for (file, job) in jobs.into_iter().rev() {
            let same = |k: &Job| (&k.recipe, k.order, k.lane) == (&job.recipe, job.order, job.lane);
            if !kept.iter().any(|(_, k)| same(k)) {
                kept.push((file, job));
            }
        }
        kept.reverse();
        // Stable: among equals the oldest is first.
        kept.sort_by_key(|(_, job)| std::cmp::Reverse(job.ahead));
        kept
    }

    /// The jobs in a folder by time. A file that is gone by now or cannot be understood is passed over.
    fn files(&self, folder: &Path) -> Vec<(PathBuf, Job)> {
        let read = |name: String| {
            let file = folder.join(name);
            let job: Job = serde_json::from_slice(&files::read(&file).ok()?).ok()?;
            Some((file, job))
        };
        let mut jobs: Vec<_> =
            names(folder).into_iter().filter(|name| name.ends_with(".json")).filter_map(read).collect();
        // Of a job that was cut off while it was put further ahead, what it was put to is the newer one.
        jobs.sort_by(|(_, a), (_, b)| a.requested.0.total_cmp(&b.requested.0).then(a.ahead.cmp(&b.ahead)));
        jobs
    }
}

fn about(pid: u32, now: Time) -> String {
    format!("{{\"pid\":{pid},\"started\":{}}}\n", now.0)
}

/// Publishes a job under a name of its own.
fn put(folder: &Path, job: &Job) -> Result<PathBuf, DagError> {
    let text = serde_json::to_vec(job).map_err(malformed(folder, "a folder of jobs"))?;
    let lane = if job.lane == Lane::Cheap { "cheap" } else { "dear" };
    // The content's hash keeps two requests of one moment apart; equal requests are one.
    let name = format!("{}-{lane}-{}.json", stamp(job.requested), crate::base::Key::of_bytes(&text).short());
    let file = folder.join(name);
    files::publish(&file, &text)?;
    Ok(file)
}

/// Removes a file; whether it was there.
fn remove(file: &Path) -> Result<bool, DagError> {
    let was_there = files::remove_file(file)?;
    if was_there && let Some(folder) = file.parent() {
        // A power cut must not bring back what was done, or an older wish beside a newer one.
        disk::sync_folder(folder).map_err(FileError::at("cannot sync", folder))?;
    }
    Ok(was_there)
}
