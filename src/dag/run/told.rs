//! What the events of a run add up to.
//!
//! Takes lines of a log, one after the other; gives a value. Unknown kinds and torn lines are counted and skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::axis::{self, Axis};
use super::points::Points;
use crate::base::{Key, Time};
use crate::dag::event::{Event, Line};

/// At most so much is read at once: memory stays small beside a long log.
const CHUNK: u64 = 1 << 20;

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
