//! Each training of the runs that are meant, with its series.
//!
//! Takes runs; gives for each fold and seed what it told, point by point, with the step and the time at which it lies. It is what the board
//! draws: the finest loss that there is, and of a training that was found in the store the series of the run that made it.

use super::runs::{score, state};
use super::times::Times;
use super::told::{History, settings};
use crate::base::{Time, Value};
use crate::dag::{Measured, RunView};
use crate::session::Slot;
use crate::session::snapshot::Curve;
use crate::session::survey::curves;

/// A step where the log does not say how many an epoch has: thousandths of an epoch.
const GRAIN: f64 = 1000.0;

/// A run with its trainings.
#[derive(Clone, Debug)]
pub struct Told {
    /// The recipe's name.
    pub recipe: String,
    /// The run's id.
    pub run: String,
    /// "smoke", "holdout", "full".
    pub rung: String,
    /// `running`, `finished`, `failed`, `stopped`, `lost`.
    pub state: &'static str,
    /// When its first attempt began.
    pub started: Time,
    /// When it ended; `None` while it runs.
    pub ended: Option<Time>,
    /// Seconds of work.
    pub seconds: f64,
    /// Machine and device.
    pub machine: String,
    /// The settings that it ran with.
    pub settings: Value,
    /// Its score over all trainings.
    pub score: Option<Measured>,
    /// Its trainings.
    pub trainings: Vec<Training>,
    /// Whether a log did not say how many steps an epoch has, so that steps are thousandths of an epoch.
    pub by_epochs: bool,
}

/// One training: a fold by a seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// The fold and the seed.
    pub slot: Slot,
    /// Its own score.
    pub score: Option<Measured>,
    /// Its series, in order of name.
    pub series: Vec<(String, Vec<Point>)>,
}

/// A point of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The optimiser's step, from the training's first.
    pub step: i64,
    /// Epochs, with a fraction.
    pub epoch: f64,
    /// Seconds since 1970; of what was found in the store the first time that is known.
    pub time: f64,
    /// How much; may be NaN or infinite.
    pub value: f64,
}

/// The runs that are meant, each with its trainings; runs that told no series have none.
pub fn of(history: &History) -> Vec<Told> {
    history.runs().into_iter().map(|run| told(run, history)).collect()
}

fn told(run: &RunView, history: &History) -> Told {
    let curves = curves::curves(run, &history.board);
    let by_epochs = curves.iter().any(|curve| curve.axis.steps.is_empty());
    let mut slots: Vec<Slot> =
        curves.iter().map(|curve| Slot { fold: curve.fold as usize, seed: curve.seed, ahead: 0 }).collect();
    slots.sort_unstable_by_key(|slot| (slot.seed, slot.fold));
    slots.dedup();
    let mut times = Times::of(run, &history.board);
    let of_slot = |slot: Slot| {
        let own = curves.iter().filter(|curve| curve.fold as usize == slot.fold && curve.seed == slot.seed);
        let mut named = |curve: &Curve| (curve.series.clone(), points(curve, &times.at(curve), run.told.started));
        let score = run.told.metrics.iter().find(|metric| Slot::of_part(&metric.part) == Some(slot)).cloned();
        Training { slot, score, series: own.map(&mut named).collect() }
    };
    let mut trainings: Vec<Training> = slots.into_iter().map(of_slot).collect();
    // The whole score is that of the only training.
    if let [only] = trainings.as_mut_slice() {
        only.score = only.score.take().or_else(|| score(run).cloned());
    }
    Told {
        recipe: run.told.recipe.clone(),
        run: run.id().to_owned(),
        rung: run.told.rung.clone(),
        state: state(run).0,
        started: run.told.started,
        ended: run.told.ended(),
        seconds: run.told.seconds(),
        machine: run.told.machine.clone(),
        settings: settings(run).unwrap_or_else(Value::table),
        score: score(run).cloned(),
        trainings,
        by_epochs,
    }
}

/// The points of a curve with their steps and times.
fn points(curve: &Curve, times: &[Option<f64>], started: Time) -> Vec<Point> {
    let first = times.iter().flatten().next().copied().unwrap_or(started.0);
    let place = |(&[epoch, value], time): (&[f64; 2], &Option<f64>)| Point {
        step: curve.axis.step(epoch).unwrap_or(epoch * GRAIN).round() as i64,
        epoch,
        time: time.unwrap_or(first),
        value,
    };
    curve.points.iter().zip(times).map(place).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::dag::Axis;

    #[test]
    fn points_lie_at_steps_and_times() {
        let axis = Arc::new(Axis::of(vec![[0.0, 10.0]], vec![[1.0, 1000.0, 0.0], [2.0, 1010.0, 10.0]]));
        let curve = Curve { points: vec![[0.5, 3.0], [1.0, 2.0], [1.5, f64::NAN]].into(), axis, ..Curve::default() };
        let found = points(&curve, &[None, Some(1000.0), Some(1005.0)], Time(900.0));
        assert_eq!(found.iter().map(|point| point.step).collect::<Vec<_>>(), [5, 10, 15]);
        // Before the first moment that is known stands that moment.
        assert_eq!(found.iter().map(|point| point.time).collect::<Vec<_>>(), [1000.0, 1000.0, 1005.0]);
        assert!(found[2].value.is_nan());
        let old = Curve { axis: Arc::default(), ..curve };
        let found = points(&old, &[None; 3], Time(900.0));
        assert_eq!((found[2].step, found[2].time), (1500, 900.0));
    }
}
