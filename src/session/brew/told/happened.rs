//! What of a run somebody may want to be told while looking elsewhere.
//!
//! Takes the events of one recipe's brewing; tells when it finished, failed, was stopped or decided about, and when it can no longer end before
//! the deadline. Whoever hears it (a command of the user, [`crate::session`] knows none) gets one value with all that is known.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::due;
use crate::base::text::duration;
use crate::base::{Key, Time};
use crate::dag::{Board, Event, History, Runs};
use crate::session::brew::{Planned, plan};
use crate::session::stages::Task;
use crate::session::{Photos, Project, Recipe};

/// A training is taken by its own pace after so many seconds; before, by the estimate.
const SETTLED: f64 = 20.0;

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The run reached the end of its rung.
    Finished,
    /// It ended by an error.
    Failed,
    /// Its worker died.
    Lost,
    /// It was stopped on request.
    Stopped,
    /// Its decider advises to stop it or to take it further, or has stopped it.
    Decided,
    /// By its pace it ends after the deadline.
    DeadlineAtRisk,
}

impl Kind {
    /// As it is written: "finished", "deadline-at-risk".
    pub fn word(self) -> &'static str {
        match self {
            Kind::Finished => "finished",
            Kind::Failed => "failed",
            Kind::Lost => "lost",
            Kind::Stopped => "stopped",
            Kind::Decided => "decided",
            Kind::DeadlineAtRisk => "deadline-at-risk",
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Happened {
    /// What.
    pub event: Kind,
    /// When.
    pub at: Time,
    /// Name of the competition, or of its folder.
    pub project: String,
    /// Name of the recipe.
    pub recipe: String,
    /// "smoke", "holdout", "full".
    pub rung: String,
    /// One line for people.
    pub text: String,
    /// The score, where there is one.
    pub score: Option<f64>,
    /// Its 95 % interval.
    pub interval: Option<[f64; 2]>,
    /// Seconds that the attempt took, once it is over.
    pub seconds: Option<f64>,
    /// When it should end, where the deadline is at risk.
    pub ends: Option<Time>,
}

impl Happened {
    /// With nothing but its text.
    pub fn plain(event: Kind, project: &Project, recipe: &str, rung: &str, text: String) -> Happened {
        Happened {
            event,
            at: project.around.clock.now(),
            project: project.name(),
            recipe: recipe.to_owned(),
            rung: rung.to_owned(),
            text,
            score: None,
            interval: None,
            seconds: None,
            ends: None,
        }
    }
}

/// Hears the events of one recipe.
pub struct Ear<'a> {
    project: &'a Project,
    recipe: &'a Recipe,
    photos: &'a Photos,
    tell: &'a (dyn Fn(&Happened) + Sync),
    heard: Mutex<Heard>,
}

/// What was heard so far.
#[derive(Default)]
struct Heard {
    /// Whether the events are those of the recipe itself, not of a member that is trained first.
    is_own: bool,
    rung: String,
    score: Option<(String, f64, Option<[f64; 2]>)>,
    /// What was last advised of a training, if it was told.
    advised: Option<(String, String)>,
    /// The decider stopped it: that it stops then is no news.
    acted: bool,
    outlook: Option<Outlook>,
}

/// What is left until the deadline.
struct Outlook {
    deadline: Time,
    planned: Planned,
    /// Keys of steps that have not ended, with their seconds.
    left: Vec<(Key, Option<f64>)>,
    now: Option<Stage>,
    told: bool,
}

/// The stage that runs.
struct Stage {
    key: Key,
    began: Time,
    expected: Option<f64>,
    /// Batches and the moment when they were first counted.
    first: Option<(u64, Time)>,
    /// By its pace: the moment that it ends.
    ends: Option<Time>,
}

impl<'a> Ear<'a> {
    /// For the brewing of `recipe`; `tell` gets what happens.
    pub fn new(
        project: &'a Project,
        recipe: &'a Recipe,
        photos: &'a Photos,
        tell: &'a (dyn Fn(&Happened) + Sync),
    ) -> Ear<'a> {
        Ear { project, recipe, photos, tell, heard: Mutex::default() }
    }

    /// Hears one event.
    pub fn hear(&self, event: &Event) {
        let happened = {
            let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            self.take(&mut heard, event)
        };
        // Not under the lock: whoever is told may take a while.
        if let Some(happened) = happened {
            (self.tell)(&happened);
        }
    }

    fn take(&self, heard: &mut Heard, event: &Event) -> Option<Happened> {
        let now = self.project.around.clock.now();
        let plain = |heard: &Heard, kind: Kind, text: String| {
            Happened::plain(kind, self.project, &self.recipe.name, &heard.rung, text)
        };
        match event {
            Event::RunStarted { recipe, rung, .. } => {
                let is_own = *recipe == self.recipe.name;
                *heard = Heard { is_own, rung: rung.clone(), ..Heard::default() };
                if is_own {
                    heard.outlook = self.outlook(rung, now);
                }
                self.at_risk(heard, now)
            }
            Event::StageStarted { key, seconds, .. } => {
                let outlook = heard.outlook.as_mut()?;
                outlook.now = Some(Stage { key: *key, began: now, expected: *seconds, first: None, ends: None });
                self.at_risk(heard, now)
            }
            Event::StageFinished { key, .. } | Event::StageReused { key, .. } => {
                let outlook = heard.outlook.as_mut()?;
                outlook.left.retain(|(other, _)| other != key);
                outlook.now = None;
                None
            }
            Event::Progress { what, done, total, .. } if what == "train" && *total > 0 => {
                heard.outlook.as_mut()?.count(*done, *total, now);
                self.at_risk(heard, now)
            }
            Event::Metric { name, part, value, interval, .. } if part.is_empty() && heard.is_own => {
                heard.score = Some((name.clone(), *value, *interval));
                None
            }
            Event::Decision { part, epoch, advice, reason, acted, .. } if heard.is_own => {
                heard.acted |= acted;
                let advised = Some((part.clone(), advice.clone())).filter(|_| advice != "go-on");
                let is_new = advised.is_some() && advised != heard.advised;
                heard.advised = advised;
                let done = if *acted { " (done)" } else { "" };
                is_new.then(|| plain(heard, Kind::Decided, format!("{advice}{done} at epoch {epoch}: {reason}")))
            }
            Event::RunFinished { seconds } if heard.is_own => {
                let said = match &heard.score {
                    Some((name, value, Some([low, high]))) => format!("{name} {value:.4} [{low:.4}, {high:.4}] "),
                    Some((name, value, None)) => format!("{name} {value:.4} "),
                    None => String::new(),
                };
                let (score, interval) = heard.score.as_ref().map(|(_, value, interval)| (*value, *interval)).unzip();
                let text = format!("{said}in {}", duration(*seconds));
                let (interval, seconds) = (interval.flatten(), Some(*seconds));
                Some(Happened { score, interval, seconds, ..plain(heard, Kind::Finished, text) })
            }
            Event::RunFailed { error } => {
                let whose = if heard.is_own { "" } else { "of a member that comes first: " };
                Some(plain(heard, Kind::Failed, format!("{whose}{error}")))
            }
            Event::RunStopped { reason } if heard.is_own && !heard.acted => {
                Some(plain(heard, Kind::Stopped, reason.clone()))
            }
            _ => None,
        }
    }

    /// What is left to do, where there is a deadline that is not over.
    fn outlook(&self, rung: &str, now: Time) -> Option<Outlook> {
        let deadline = self.project.competition.leaderboard.deadline.filter(|deadline| *deadline > now)?;
        let mut board = Board::new();
        board.refresh(&Runs::open(&self.project.toji));
        let history = History::load(&self.project.store, &self.project.around.bench());
        let rung = self.recipe.rung(Some(rung)).ok()?;
        let planned = plan(self.project, self.recipe, self.photos, &rung, &board, &history).ok()?;
        let left = planned.plan.running().map(|step| (step.key, step.seconds)).collect();
        Some(Outlook { deadline, planned, left, now: None, told: false })
    }

    /// Tells once that it ends too late.
    fn at_risk(&self, heard: &mut Heard, now: Time) -> Option<Happened> {
        let outlook = heard.outlook.as_mut().filter(|outlook| !outlook.told)?;
        let (ends, deadline) = (outlook.ends(now)?, outlook.deadline);
        if ends <= deadline {
            return None;
        }
        outlook.told = true;
        let text = due::in_words(ends, deadline);
        let plain = Happened::plain(Kind::DeadlineAtRisk, self.project, &self.recipe.name, &heard.rung, text);
        Some(Happened { ends: Some(ends), ..plain })
    }
}

impl Outlook {
    /// Takes the pace of the training that runs.
    fn count(&mut self, done: u64, total: u64, now: Time) {
        let share = self.share();
        let Some(stage) = &mut self.now else { return };
        let (from, at) = *stage.first.get_or_insert((done, now));
        let seconds = now.since(at);
        if done > from && seconds >= SETTLED {
            let rest = (total as f64 * share - done as f64).max(0.0);
            stage.ends = Some(Time(now.0 + rest * seconds / (done - from) as f64));
        }
    }

    /// The part of the whole training after which the stage that runs ends: a rung may cut it.
    fn share(&self) -> f64 {
        let graph = &self.planned.graph;
        let here = |stage: &Stage| graph.nodes.iter().position(|node| node.stage.artefact() == stage.key);
        match self.now.as_ref().and_then(here).map(|place| graph.tasks[place]) {
            Some(Task::Fit { until, .. }) => until as f64 / graph.epochs.max(1) as f64,
            _ => 1.0,
        }
    }

    /// When all of it ends; `None` where a step is of unknown length.
    fn ends(&self, now: Time) -> Option<Time> {
        let own = match &self.now {
            Some(stage) => stage.ends.or(stage.expected.map(|seconds| Time(stage.began.0 + seconds)))?.0.max(now.0),
            None => now.0,
        };
        let running = self.now.as_ref().map(|stage| stage.key);
        let later = self.left.iter().filter(|(key, _)| Some(*key) != running);
        Some(Time(own + later.map(|(_, seconds)| *seconds).sum::<Option<f64>>()?))
    }
}
