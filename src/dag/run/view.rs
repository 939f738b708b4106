//! A reader of one run.
//!
//! Takes the run's folder; gives what its events add up to. It keeps the offset after the last whole
//! line, asks for the file's size and time first and reads only what was appended, so that polling a
//! thousand runs is a thousand stats. A file that became shorter or another one (a copy between machines)
//! is read from its beginning. Unknown kinds and torn lines are counted and skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Metadata};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::axis::{self, Axis};
use super::{EVENTS, LOCK, RECIPE_LOCK, STAGES, STOP};
use crate::base::files::{self, FileError, Lock};
use crate::base::{Key, Time};
use crate::dag::error::{DagError, malformed};
use crate::dag::event::{Event, Line};
use crate::dag::plan::Previous;
use crate::dag::stage::Recorded;

/// At most so much is read at once: memory stays small beside a long log.
const CHUNK: u64 = 1 << 20;

/// How a run stands.
#[derive(Clone, Debug, PartialEq)]
pub enum RunState {
    /// Its lock is held.
    Running,
    /// It ended as it should.
    Finished,
    /// It ended by an error.
    Failed(String),
    /// It ended on request.
    Stopped(String),
    /// No outcome and no living writer: it was killed, or it belongs to another machine.
    Lost,
}

/// The last words of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It ended as it should.
    Finished,
    /// It ended by an error.
    Failed(String),
    /// It ended on request.
    Stopped(String),
}

/// How a stage of a run stands.
#[derive(Clone, Debug, PartialEq)]
pub enum StageState {
    /// It began; in a run that does not run any more it was cut off.
    Started,
    /// Its artefact was there.
    Reused,
    /// Its artefact is published.
    Finished {
        /// What the last attempt at it took.
        seconds: f64,
        /// Size.
        bytes: u64,
    },
    /// It failed.
    Failed(String),
}

/// A stage of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct StageView {
    /// Name.
    pub stage: String,
    /// "fold 0", or "".
    pub part: String,
    /// Its artefact; `None` when it failed before it began.
    pub key: Option<Key>,
    /// How it stands.
    pub state: StageState,
    /// When that was said.
    pub at: Time,
    /// What it should take, as was thought when it began.
    pub expected: Option<f64>,
}

/// The newest progress.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    /// Stage.
    pub stage: String,
    /// "fold 0", or "".
    pub part: String,
    /// What is being done.
    pub what: String,
    /// Done so far.
    pub done: u64,
    /// Of how many; 0 when not known.
    pub total: u64,
    /// "images", "batches".
    pub unit: String,
    /// When it was said.
    pub at: Time,
}

/// A result.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// "MRR@20".
    pub name: String,
    /// "fold 0", or "" for the whole recipe.
    pub part: String,
    /// How much.
    pub value: f64,
    /// 95 % interval.
    pub interval: Option<[f64; 2]>,
    /// Over how many.
    pub count: u64,
    /// The artefact that holds the details.
    pub key: Option<Key>,
    /// When it was said.
    pub at: Time,
}

/// A decision about a training; see [`Event::Decision`].
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// "fold 0".
    pub part: String,
    /// Epochs finished.
    pub epoch: usize,
    /// Who decided.
    pub decider: String,
    /// "stop", "go-on", "promote".
    pub advice: String,
    /// Why.
    pub reason: String,
    /// The numbers that it rests on.
    pub evidence: BTreeMap<String, f64>,
    /// Whether it was carried out without asking.
    pub acted: bool,
    /// When it was said.
    pub at: Time,
}

/// What the events of a run add up to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// Name of the recipe.
    pub recipe: String,
    /// The newest attempt's rung.
    pub rung: String,
    /// The newest attempt's process.
    pub pid: u32,
    /// The newest attempt's command line.
    pub command: Vec<String>,
    /// The newest attempt's machine and device.
    pub machine: String,
    /// How many attempts there were.
    pub attempts: u32,
    /// When the first attempt began.
    pub started: Time,
    /// When the newest attempt began.
    pub attempt_started: Time,
    /// When something was last said.
    pub last: Time,
    /// The newest attempt's last words, if it had any.
    pub outcome: Option<Outcome>,
    /// Stages in the order in which they were first met.
    pub stages: Vec<StageView>,
    /// Every artefact that was made or found.
    pub finished: BTreeSet<Key>,
    /// The newest progress of the newest attempt.
    pub progress: Option<Counted>,
    /// Curves by (series, part): points (x, value) with ascending x, without the superseded ones.
    pub curves: BTreeMap<(String, String), Arc<Vec<[f64; 2]>>>,
    /// Where the points of a part lie in steps and in time.
    pub axes: BTreeMap<String, Arc<Axis>>,
    /// When something was last said before the newest attempt's last words, and the seconds of the attempts before it.
    worked: (Time, f64),
    /// The newest result of each name and part.
    pub metrics: Vec<Measured>,
    /// Decisions about its trainings, in order.
    pub decisions: Vec<Decided>,
    /// Notes, with their times.
    pub notes: Vec<(Time, String)>,
    /// Warnings, with their times.
    pub warnings: Vec<(Time, String)>,
    /// Lines that were no events (torn by a kill).
    pub unreadable: usize,
    /// Events of kinds that this version does not know.
    pub unknown: usize,
}

/// A run as its files show it.
#[derive(Clone, Debug)]
pub struct RunView {
    id: String,
    folder: PathBuf,
    offset: u64,
    seen: Option<(u64, Option<SystemTime>, u64)>,
    alive: bool,
    /// What its events add up to.
    pub told: Told,
}

impl RunView {
    /// A view of the run in `folder`, nothing read yet.
    pub fn new(folder: &Path) -> RunView {
        let id = folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        RunView { id, folder: folder.to_owned(), offset: 0, seen: None, alive: false, told: Told::default() }
    }

    /// The run's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The run's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file that keeps all that is needed to do the run again.
    pub fn lock_file(&self) -> PathBuf {
        self.folder.join(RECIPE_LOCK)
    }

    /// Reads what was appended since. Whether anything changed.
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub fn refresh(&mut self) -> Result<bool, DagError> {
        let mut changed = self.read_on()?;
        if self.told.outcome.is_none() {
            let alive = Lock::is_held(&self.folder.join(LOCK));
            if !alive {
                // The writer may have said its last words between our reading and our looking at the lock.
                changed |= self.read_on()?;
            }
            changed |= alive != self.alive;
            self.alive = alive;
        } else {
            self.alive = false;
        }
        Ok(changed)
    }

    /// How the run stands, as of the last refresh.
    pub fn state(&self) -> RunState {
        match &self.told.outcome {
            Some(Outcome::Finished) => RunState::Finished,
            Some(Outcome::Failed(error)) => RunState::Failed(error.clone()),
            Some(Outcome::Stopped(reason)) => RunState::Stopped(reason.clone()),
            None if self.alive => RunState::Running,
            None => RunState::Lost,
        }
    }

    /// Whether somebody asked the run to stop.
    pub fn stop_requested(&self) -> bool {
        self.folder.join(STOP).exists()
    }

    /// The stages that the run set out to do and those that it finished, for the next plan.
    ///
    /// # Errors
    /// When `stages.json` cannot be read or understood.
    pub fn previous(&self) -> Result<Previous, DagError> {
        let path = self.folder.join(STAGES);
        let stages: Vec<Recorded> =
            serde_json::from_slice(&files::read(&path)?).map_err(malformed(&path, "a list of stages"))?;
        Ok(Previous { stages, finished: self.told.finished.clone() })
    }

    fn read_on(&mut self) -> Result<bool, DagError> {
        let path = self.folder.join(EVENTS);
        let Ok(found) = fs::metadata(&path) else { return Ok(false) };
        let stamp = (found.len(), found.modified().ok(), inode(&found));
        if self.seen == Some(stamp) {
            return Ok(false);
        }
        let replaced = self.seen.is_some_and(|(_, _, inode)| inode != stamp.2);
        if found.len() < self.offset || replaced {
            self.offset = 0;
            self.told = Told::default();
        }
        let mut file = File::open(&path).map_err(FileError::at("cannot read", &path))?;
        file.seek(SeekFrom::Start(self.offset)).map_err(FileError::at("cannot read", &path))?;
        let mut rest: Vec<u8> = Vec::new();
        loop {
            let read = file.by_ref().take(CHUNK).read_to_end(&mut rest).map_err(FileError::at("cannot read", &path))?;
            // What follows the last line end is being written, or was torn; it is read again next time.
            let whole = rest.iter().rposition(|&b| b == b'\n').map_or(0, |end| end + 1);
            for line in rest[..whole].split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
                match Line::from_json(line) {
                    Some(line) => self.told.take(line),
                    None => self.told.unreadable += 1,
                }
            }
            rest.drain(..whole);
            self.offset += whole as u64;
            if read == 0 {
                break;
            }
        }
        self.seen = Some(stamp);
        Ok(true)
    }
}

#[cfg(unix)]
fn inode(found: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(found)
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> u64 {
    0
}

impl Told {
    /// Adds one event.
    pub fn take(&mut self, line: Line) {
        let at = line.at;
        self.last = at;
        match line.event {
            Event::RunStarted { recipe, rung, pid, command, machine, attempt: _ } => {
                if self.attempts == 0 {
                    self.started = at;
                } else {
                    self.worked.1 += self.worked.0.since(self.attempt_started).max(0.0);
                }
                self.attempts += 1;
                self.attempt_started = at;
                (self.recipe, self.rung, self.pid) = (recipe, rung, pid);
                (self.command, self.machine) = (command, machine);
                self.outcome = None;
                self.progress = None;
            }
            Event::StageStarted { stage, part, key, seconds, .. } => {
                self.stage(StageView {
                    stage,
                    part,
                    key: Some(key),
                    state: StageState::Started,
                    at,
                    expected: seconds,
                });
            }
            Event::StageReused { stage, part, key } => {
                self.finished.insert(key);
                self.stage(StageView { stage, part, key: Some(key), state: StageState::Reused, at, expected: None });
            }
            Event::StageFinished { stage, part, key, seconds, bytes } => {
                self.finished.insert(key);
                let state = StageState::Finished { seconds, bytes };
                self.stage(StageView { stage, part, key: Some(key), state, at, expected: None });
            }
            Event::StageFailed { stage, part, error } => {
                self.stage(StageView { stage, part, key: None, state: StageState::Failed(error), at, expected: None });
            }
            Event::Progress { stage, part, what, done, total, unit } => {
                self.progress = Some(Counted { stage, part, what, done, total, unit, at });
            }
            Event::Point { series, part, x, value } if x.is_finite() => {
                let running = self.running(at);
                match self.axes.get_mut(&part) {
                    Some(axis) => axis::own(axis).see(x, at, running),
                    None => axis::own(self.axes.entry(part.clone()).or_default()).see(x, at, running),
                }
                let points = Arc::make_mut(self.curves.entry((series, part)).or_default());
                while points.last().is_some_and(|last| last[0] >= x) {
                    points.pop();
                }
                points.push([x, value]);
            }
            // A point without a place is nowhere.
            Event::Point { .. } => {}
            Event::Steps { part, x, per_epoch } => {
                let running = self.running(at);
                axis::own(self.axes.entry(part).or_default()).pace(x, per_epoch as f64, running);
            }
            Event::Rewind { part, x } => {
                if let Some(axis) = self.axes.get_mut(&part) {
                    axis::own(axis).rewind(x);
                }
                for (_, points) in self.curves.iter_mut().filter(|((_, p), _)| *p == part) {
                    Arc::make_mut(points).retain(|point| point[0] <= x);
                }
            }
            Event::Metric { name, part, value, interval, count, key } => {
                self.metrics.retain(|m| m.name != name || m.part != part);
                self.metrics.push(Measured { name, part, value, interval, count, key, at });
            }
            Event::Decision { part, epoch, decider, advice, reason, evidence, acted } => {
                self.decisions.push(Decided { part, epoch, decider, advice, reason, evidence, acted, at });
            }
            Event::Note { text } => self.notes.push((at, text)),
            Event::Warning { text } => self.warnings.push((at, text)),
            Event::RunFinished { .. } => self.outcome = Some(Outcome::Finished),
            Event::RunFailed { error } => self.outcome = Some(Outcome::Failed(error)),
            Event::RunStopped { reason } => self.outcome = Some(Outcome::Stopped(reason)),
            Event::Unknown => self.unknown += 1,
        }
        if self.outcome.is_none() {
            self.worked.0 = at;
        }
    }

    /// Seconds that processes have worked on the run until now.
    fn running(&self, now: Time) -> f64 {
        self.worked.1 + now.since(self.attempt_started).max(0.0)
    }

    /// Puts a stage's newest state in the place of its older one.
    fn stage(&mut self, new: StageView) {
        match self.stages.iter_mut().find(|s| s.stage == new.stage && s.part == new.part) {
            Some(old) => {
                let (key, expected) = (new.key.or(old.key), new.expected.or(old.expected));
                *old = StageView { key, expected, ..new };
            }
            None => self.stages.push(new),
        }
    }
}
