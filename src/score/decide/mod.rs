//! Whether a training can still win: stop, go on, or promote, with the reason in words.
//!
//! Takes what was seen of a recipe's training so far (a [`Course`] of [`Look`]s) beside that of the pinned baseline and of the other
//! recipes; gives a [`Verdict`] with its evidence. All of it is a pure function of these values, so that every decision can be
//! replayed with another decider ([`replay`]).
//!
//! - [`paired`]: the default, a paired test against the pin, query by query, that pays for looking often and for comparing many;
//! - [`pairing`]: which looks of two trainings belong together;
//! - [`ranked`]: what decides by rank among recipes (Optuna's pruners, Ray's ASHA, keeping the best few);
//! - [`alone`]: what looks at one curve alone (Lightning's early stopping, thresholds);
//! - [`projection`]: where a curve is heading;
//! - [`student`]: the t distribution.
//!
//! More is better in every metric here.

pub mod alone;
mod declared;
pub mod paired;
pub mod pairing;
pub mod projection;
pub mod ranked;
pub mod replay;
pub mod student;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Score;
use crate::base::Value;
use crate::base::value::DecodeError;

pub use declared::{SECTIONS, TECHNIQUES};

/// One evaluation in the midst of a training.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// Epochs finished, from 1.
    pub epoch: usize,
    /// When it was done, in seconds of any clock that all looks share; orders what several recipes gave.
    pub at: f64,
    /// The score with every query's part.
    pub score: Arc<Score>,
}

/// What was seen of one training.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Course {
    /// The recipe's name.
    pub recipe: String,
    /// Length of the full schedule in epochs.
    pub epochs: usize,
    /// Epochs after which it is evaluated when nobody stops it, ascending.
    pub planned: Vec<usize>,
    /// Epochs after which rungs of its ladder end, ascending.
    pub ends: Vec<usize>,
    /// Looks in order of epochs.
    pub looks: Vec<Look>,
    /// Whether the training has come to its full length.
    pub complete: bool,
}

impl Course {
    /// What part of the full schedule was done at a look, in (0, 1].
    pub fn share(&self, look: &Look) -> f64 {
        look.epoch as f64 / self.epochs.max(1) as f64
    }

    /// The newest look.
    pub fn last(&self) -> Option<&Look> {
        self.looks.last()
    }

    /// The newest look that is not beyond a share of the schedule.
    pub fn until(&self, share: f64) -> Option<&Look> {
        self.looks.iter().rfind(|look| self.share(look) <= share + 1e-9)
    }

    /// The course as it was when `look` had just been done.
    fn up_to(&self, look: usize) -> Course {
        let looks = self.looks[..=look].to_vec();
        let complete = self.complete && look + 1 == self.looks.len();
        Course { looks, complete, ..self.clone() }
    }
}

/// What a decider is asked about: the newest look of `mine`.
pub struct Case<'a> {
    /// The recipe in question.
    pub mine: &'a Course,
    /// The pinned baseline's trainings, one a seed; empty without a pin.
    pub pin: &'a [Course],
    /// The other recipes' trainings, the pin's not among them; what they gave up to now.
    pub others: &'a [Course],
    /// Epochs after which this rung ends.
    pub rung_end: usize,
    /// The group of a query's photo (its label): queries of one group are drawn together.
    pub group: &'a (dyn Fn(u32) -> u32 + Sync),
}

/// What to do with a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Advice {
    /// It cannot win.
    Stop,
    /// Nothing speaks against it, and its rung is not at its end.
    GoOn,
    /// Its rung is at its end, and it may still win.
    Promote,
}

/// A decision with its grounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// What to do.
    pub advice: Advice,
    /// Why, in words, with numbers.
    pub reason: String,
    /// Whether it says of the recipe that it loses, and not only of its training that it has gone on for long enough.
    pub beaten: bool,
    /// The numbers that it rests on, by name.
    pub evidence: BTreeMap<String, f64>,
}

impl Verdict {
    /// To stop what loses, for a reason.
    fn stop(reason: String) -> Verdict {
        Verdict { advice: Advice::Stop, reason, beaten: true, evidence: BTreeMap::new() }
    }

    /// To stop what has gone on for long enough.
    fn enough(reason: String) -> Verdict {
        Verdict { beaten: false, ..Verdict::stop(reason) }
    }

    /// Not to stop: to promote at the end of the rung, to go on before.
    fn keep(case: &Case<'_>, reason: String) -> Verdict {
        let ended = case.mine.last().is_some_and(|look| look.epoch >= case.rung_end);
        let advice = if ended { Advice::Promote } else { Advice::GoOn };
        Verdict { advice, reason, beaten: false, evidence: BTreeMap::new() }
    }

    fn with(mut self, name: &str, value: f64) -> Verdict {
        self.evidence.insert(name.to_owned(), value);
        self
    }
}

/// `[decide]` as it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", deny_unknown_fields)]
pub enum Decider {
    /// [`paired`]
    PairedBootstrap(paired::Paired),
    /// [`ranked::Percentile`] with 50.
    MedianPruner(ranked::Median),
    /// [`ranked::Percentile`]
    PercentilePruner(ranked::Percentile),
    /// [`ranked::Halving`]
    SuccessiveHalvingPruner(ranked::Halving),
    /// [`ranked::Asha`]
    ASHAScheduler(ranked::Asha),
    /// [`ranked::TopK`]
    TopK(ranked::TopK),
    /// [`alone::Stopping`]
    EarlyStopping(alone::Stopping),
    /// [`alone::Threshold`]
    ThresholdPruner(alone::Threshold),
}

impl Decider {
    /// The decider of a recipe's canonical `[decide]` table, and whether it may act by itself.
    ///
    /// # Errors
    /// When the table does not fit, which the declared rows should have caught.
    pub fn of(table: &Value) -> Result<(Decider, bool), DecodeError> {
        let auto = matches!(table.get("auto"), Some(Value::Bool(true)));
        let mut own = table.clone();
        if let Value::Table(entries) = &mut own {
            entries.remove("auto");
        }
        Ok((own.decode()?, auto))
    }

    /// What decides where nothing is written: the paired test with its defaults.
    pub fn usual() -> Decider {
        Decider::PairedBootstrap(paired::Paired { alpha: 0.05, start: 0.25, margin: 0.0, at: pairing::At::Share })
    }

    /// The name that recipes use.
    pub fn name(&self) -> &'static str {
        match self {
            Decider::PairedBootstrap(_) => "PairedBootstrap",
            Decider::MedianPruner(_) => "MedianPruner",
            Decider::PercentilePruner(_) => "PercentilePruner",
            Decider::SuccessiveHalvingPruner(_) => "SuccessiveHalvingPruner",
            Decider::ASHAScheduler(_) => "ASHAScheduler",
            Decider::TopK(_) => "TopK",
            Decider::EarlyStopping(_) => "EarlyStopping",
            Decider::ThresholdPruner(_) => "ThresholdPruner",
        }
    }

    /// What to do after the newest look of `case.mine`; going on when there is none.
    pub fn judge(&self, case: &Case<'_>) -> Verdict {
        if case.mine.looks.is_empty() {
            return Verdict::keep(case, "nothing was evaluated yet".to_owned());
        }
        match self {
            Decider::PairedBootstrap(own) => own.judge(case),
            Decider::MedianPruner(own) => own.percentile().judge(case),
            Decider::PercentilePruner(own) => own.judge(case),
            Decider::SuccessiveHalvingPruner(own) => own.judge(case),
            Decider::ASHAScheduler(own) => own.judge(case),
            Decider::TopK(own) => own.judge(case),
            Decider::EarlyStopping(own) => own.judge(case),
            Decider::ThresholdPruner(own) => own.judge(case),
        }
    }
}
