//! A reader of one run.
//!
//! Takes the run's folder; gives what its events add up to. It keeps the offset after the last whole
//! line, asks for the file's size and time first and reads only what was appended, so that polling a
//! thousand runs is a thousand stats. A file that became shorter or another one (a copy between machines)
//! is read from its beginning. Unknown kinds and torn lines are counted and skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::axis::{self, Axis};
use super::index::{self, Mark, Seen};
use super::points::Points;
use super::{EVENTS, LOCK, RECIPE_LOCK, STAGES, STOP};
use crate::base::files::{self, FileError, Lock};
use crate::base::{Key, Time};
use crate::dag::error::{DagError, malformed};
use crate::dag::event::{Event, Line};
use crate::dag::plan::Previous;
use crate::dag::stage::Recorded;

/// At most so much is read at once: memory stays small beside a long log.
const CHUNK: u64 = 1 << 20;

/// A shorter log is read faster than an index of it.
const SHORT: u64 = 16 << 10;

/// What a first look reads of a long log's beginning, and of its end.
const GLIMPSE: u64 = 32 << 10;

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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// It ended as it should.
    Finished,
    /// It ended by an error.
    Failed(String),
    /// It ended on request.
    Stopped(String),
}

/// How a stage of a run stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    #[serde(skip)]
    pub curves: BTreeMap<(String, String), Points>,
    /// Where the points of a part lie in steps and in time.
    #[serde(with = "shared")]
    pub axes: BTreeMap<String, Arc<Axis>>,
    /// When something was last said before the newest attempt's last words, and the seconds of the attempts before it.
    worked: (Time, f64),
    /// When the newest attempt said its last words.
    ended: Option<Time>,
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
    seen: Option<Seen>,
    /// What the log was when it was read, by its end: what was read belongs to no other.
    mark: Option<Mark>,
    /// How much of the log stands in its index.
    indexed: u64,
    /// How often it was read from its beginning.
    readings: u64,
    alive: bool,
    /// What its events add up to.
    pub told: Told,
}

impl RunView {
    /// A view of the run in `folder`, nothing read yet.
    pub fn new(folder: &Path) -> RunView {
        let id = folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        RunView {
            id,
            folder: folder.to_owned(),
            offset: 0,
            seen: None,
            mark: None,
            indexed: 0,
            readings: 0,
            alive: false,
            told: Told::default(),
        }
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

    /// Reads what was appended since. Whether anything changed. A log that is read to its end, and that nobody writes, gets its index.
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
        if changed && !self.alive && self.offset >= SHORT && self.indexed != self.offset {
            self.keep();
        }
        Ok(changed)
    }

    /// Looks at both ends of a long log that was not read yet and has no index: enough to say how the run stands. Whether more is to be read.
    pub(super) fn glimpse(&mut self) -> bool {
        let path = self.folder.join(EVENTS);
        let Ok(mut file) = File::open(&path) else { return false };
        let Ok(found) = file.metadata() else { return false };
        if self.seen.is_some() || found.len() < 8 * GLIMPSE || self.folder.join(index::INDEX).exists() {
            return false;
        }
        let mut told = Told::default();
        let mut both = || -> io::Result<()> {
            told.read(&mut file.by_ref().take(GLIMPSE))?;
            file.seek(SeekFrom::Start(found.len() - GLIMPSE))?;
            told.read(&mut file)?;
            Ok(())
        };
        // An error shows when it is read whole.
        let _ = both();
        // Half a curve is none.
        told.curves.clear();
        told.axes.clear();
        (self.told, self.alive) = (told, self.told.outcome.is_none() && Lock::is_held(&self.folder.join(LOCK)));
        true
    }

    /// Lets go of points that were read from the index and that no screen shows any more; they are read again where they are asked for.
    pub(super) fn let_go(&mut self) {
        for points in self.told.curves.values_mut().filter(|points| points.is_read()) {
            *points = points.unread();
        }
    }

    /// How many points of it were read from its index.
    pub(super) fn read_points(&self) -> usize {
        self.told.curves.values().filter(|points| points.is_read()).map(Points::len).sum()
    }

    /// Writes the index of a log that nobody writes.
    fn keep(&mut self) {
        if let Some(mark) = self.mark {
            index::write(&self.folder, mark, &mut self.told);
            self.indexed = self.offset;
        }
    }

    /// Other than before when anything was read since, or its writer died.
    pub fn version(&self) -> (u64, u64, bool) {
        (self.readings, self.offset, self.alive)
    }

    /// The artefact of the score over all queries that it came to last.
    pub fn score_key(&self) -> Option<Key> {
        self.told.metrics.iter().find(|metric| metric.part.is_empty())?.key
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
        let seen = Seen::of(&found);
        if self.seen == Some(seen) {
            return Ok(false);
        }
        let mut file = File::open(&path).map_err(FileError::at("cannot read", &path))?;
        // Another file, or one that was written over in place.
        let goes_on = self.seen.is_some_and(|before| before.inode == seen.inode)
            && self.mark.is_some_and(|mark| mark.fits(&mut file, seen));
        if !goes_on || self.offset == 0 {
            (self.offset, self.indexed, self.told) = (0, 0, Told::default());
            self.readings += 1;
            if let Some((told, mark)) = index::read(&self.folder, &mut file, seen) {
                (self.told, self.offset, self.indexed) = (told, mark.offset, mark.offset);
            }
        }
        if seen.length > self.offset {
            file.seek(SeekFrom::Start(self.offset)).map_err(FileError::at("cannot read", &path))?;
            self.offset += self.told.read(&mut file).map_err(FileError::at("cannot read", &path))?;
        }
        self.mark = Mark::of(&mut file, seen, self.offset).ok();
        self.seen = Some(seen);
        Ok(true)
    }
}

/// Axes are shared with snapshots.
mod shared {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::Axis;

    pub fn serialize<S: Serializer>(axes: &BTreeMap<String, Arc<Axis>>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(axes.iter().map(|(part, axis)| (part, axis.as_ref())))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Arc<Axis>>, D::Error> {
        let axes = BTreeMap::<String, Axis>::deserialize(deserializer)?;
        Ok(axes.into_iter().map(|(part, axis)| (part, Arc::new(axis))).collect())
    }
}

impl Told {
    /// Reads what a log still has, from where it stands; gives the bytes of whole lines.
    pub(super) fn read(&mut self, log: &mut impl Read) -> io::Result<u64> {
        let mut rest: Vec<u8> = Vec::new();
        let mut done = 0;
        loop {
            let read = log.by_ref().take(CHUNK).read_to_end(&mut rest)?;
            // What follows the last line end is being written, or was torn; it is read again next time.
            let whole = rest.iter().rposition(|&b| b == b'\n').map_or(0, |end| end + 1);
            for line in rest[..whole].split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
                match Line::from_json(line) {
                    Some(line) => self.take(line),
                    None => self.unreadable += 1,
                }
            }
            rest.drain(..whole);
            done += whole as u64;
            if read == 0 {
                return Ok(done);
            }
        }
    }

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
                let points = self.curves.entry((series, part)).or_default().change();
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
                    points.change().retain(|point| point[0] <= x);
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
        match (&self.outcome, self.ended) {
            (None, _) => (self.worked.0, self.ended) = (at, None),
            // What is decided about it later is no work of its own.
            (Some(_), None) => self.ended = Some(at),
            (Some(_), Some(_)) => {}
        }
    }

    /// Seconds that processes have worked on the run, pauses left out.
    pub fn seconds(&self) -> f64 {
        self.running(self.ended.unwrap_or(self.worked.0))
    }

    /// When the newest attempt said its last words; `None` where it said none.
    pub fn ended(&self) -> Option<Time> {
        self.ended
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
