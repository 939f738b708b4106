//! Where else than in epochs a training's points lie: in steps, in running time, on the wall's clock.
//!
//! Takes what the log says by the way (each line has its time, a process says when it began); gives for an epoch its step and its
//! times. All series of a part share one axis, and an axis has a bounded number of knots between which time is a
//! straight line: with a thousand runs of ten thousand points each, a time of its own for every point would take as much memory
//! as the points do.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::Time;

/// When there are twice so many knots, every second one is let go.
const KNOTS: usize = 128;

/// Points told within so many seconds were told at one moment: a curve that was found, of which only the end is true just now.
const MOMENT: f64 = 0.02;

/// The axes of one part of a run: "fold 0".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// (from this epoch on, an epoch has so many steps), ascending. Empty where the log is of an older version.
    pub steps: Vec<[f64; 2]>,
    /// (epoch, seconds since 1970, seconds that the part has been worked at), ascending.
    pub knots: Vec<[f64; 3]>,
    /// What of the run's running time went before this part, seconds.
    before: Option<f64>,
    /// When the moment of the last knot began.
    moment: f64,
}

impl Axis {
    /// From steps and knots as the fields have them.
    pub fn of(steps: Vec<[f64; 2]>, knots: Vec<[f64; 3]>) -> Axis {
        let last = knots.last().copied().unwrap_or_default();
        let before = (!knots.is_empty()).then_some(0.0);
        Axis { steps, knots, before, moment: last[1] }
    }

    /// The step at an epoch, counted from the training's first; `None` where the log does not say.
    pub fn step(&self, epoch: f64) -> Option<f64> {
        let (first, mut done) = (self.steps.first()?, 0.0);
        let mut now = [0.0, first[1]];
        for &[from, per_epoch] in self.steps.iter().skip_while(|piece| piece[0] <= 0.0).take_while(|p| p[0] < epoch) {
            done += (from - now[0]) * now[1];
            now = [from, per_epoch];
        }
        Some(done + (epoch - now[0]) * now[1])
    }

    /// Seconds of work at an epoch, pauses left out; `None` before the first that this run has made.
    pub fn running(&self, epoch: f64) -> Option<f64> {
        self.time(epoch, 2)
    }

    /// Seconds since 1970 at an epoch; `None` before the first that this run has made.
    pub fn wall(&self, epoch: f64) -> Option<f64> {
        self.time(epoch, 1)
    }

    /// The straight line between two knots; what lies a little behind the last one has its time.
    fn time(&self, epoch: f64, which: usize) -> Option<f64> {
        let next = self.knots.partition_point(|knot| knot[0] < epoch);
        let Some(b) = self.knots.get(next) else { return Some(self.knots.last()?[which]) };
        if b[0] == epoch {
            return Some(b[which]);
        }
        let a = self.knots.get(next.checked_sub(1)?)?;
        Some(a[which] + (b[which] - a[which]) * (epoch - a[0]) / (b[0] - a[0]))
    }

    /// From an epoch on, an epoch has so many steps; `running`: seconds that the run has been worked at.
    pub(super) fn pace(&mut self, from: f64, per_epoch: f64, running: f64) {
        self.before.get_or_insert(running);
        self.steps.retain(|piece| piece[0] < from);
        self.steps.push([from, per_epoch]);
    }

    /// A point was told.
    pub(super) fn see(&mut self, epoch: f64, at: Time, running: f64) {
        let running = running - *self.before.get_or_insert(running);
        match self.knots.last_mut() {
            Some(last) if epoch.is_nan() || epoch <= last[0] => {}
            Some(last) if at.0 - self.moment < MOMENT => *last = [epoch, at.0, running],
            _ => {
                self.knots.push([epoch, at.0, running]);
                self.moment = at.0;
            }
        }
        if self.knots.len() == 2 * KNOTS {
            let mut number = 0..;
            self.knots.retain(|_| number.next().is_some_and(|i: usize| i.is_multiple_of(2)));
        }
    }

    /// Work went back to an epoch.
    pub(super) fn rewind(&mut self, epoch: f64) {
        self.knots.retain(|knot| knot[0] <= epoch);
    }
}

/// The axis to be changed, copied where a viewer still holds it.
pub(super) fn own(axis: &mut Arc<Axis>) -> &mut Axis {
    Arc::make_mut(axis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dag::event::{Event, Line};
    use crate::dag::run::Told;

    #[test]
    fn running_time_leaves_out_what_lies_between_attempts() {
        let mut told = Told::default();
        let part = || "fold 0".to_owned();
        let mut say = |at: f64, event: Event| told.take(Line { at: Time(at), event });
        let start = |attempt: u32| Event::RunStarted {
            recipe: "a".into(),
            rung: "full".into(),
            pid: 1,
            command: Vec::new(),
            machine: "box".into(),
            attempt,
        };
        let point = |x: f64| Event::Point { series: "loss".into(), part: part(), x, value: 1.0 };
        say(1000.0, start(1));
        say(1030.0, Event::Steps { part: part(), x: 0.0, per_epoch: 50 });
        say(1040.0, point(0.5));
        say(1050.0, point(1.0));
        say(1060.0, point(1.5));
        say(1065.0, Event::Note { text: "the last word before a kill".into() });
        // Gone on with two hours later from the checkpoint of the first epoch.
        say(8000.0, start(2));
        say(8020.0, Event::Steps { part: part(), x: 0.0, per_epoch: 50 });
        say(8020.0, Event::Rewind { part: part(), x: 1.0 });
        say(8020.0, point(1.0));
        say(8030.0, point(1.5));
        let (axis, points) = (&told.axes[&part()], &told.curves[&("loss".to_owned(), part())]);
        assert_eq!(points.iter().map(|p| p[0]).collect::<Vec<_>>(), [0.5, 1.0, 1.5], "told again, and once there");
        assert_eq!([0.5, 1.0, 1.5].map(|x| axis.running(x)), [10.0, 20.0, 65.0].map(Some));
        assert_eq!([0.5, 1.0, 1.5].map(|x| axis.wall(x)), [1040.0, 1050.0, 8030.0].map(Some));
        assert_eq!(axis.step(1.5), Some(75.0));
    }

    #[test]
    fn steps_add_up_over_parts_of_other_sizes() {
        let mut axis = Axis::default();
        assert_eq!(axis.step(1.0), None);
        axis.pace(0.0, 10.0, 0.0);
        axis.pace(2.0, 40.0, 0.0);
        assert_eq!([0.0, 0.5, 2.0, 2.5, 3.0].map(|x| axis.step(x)), [0.0, 5.0, 20.0, 40.0, 60.0].map(Some));
        // The second part begins again, with other batches.
        axis.pace(2.0, 20.0, 9.0);
        assert_eq!(axis.step(3.0), Some(40.0));
        // A log that begins in the middle: what came before is taken to be alike.
        let mut late = Axis::default();
        late.pace(3.0, 7.0, 0.0);
        assert_eq!(late.step(4.0), Some(28.0));
    }

    #[test]
    fn time_runs_straight_between_knots_and_not_before_the_first() {
        let mut axis = Axis::default();
        axis.pace(0.0, 10.0, 5.0);
        for (epoch, at, running) in [(1.0, 100.0, 5.0), (2.0, 110.0, 15.0), (3.0, 1000.0, 25.0)] {
            axis.see(epoch, Time(at), running);
        }
        assert_eq!(
            [0.5, 1.0, 1.5, 2.5, 3.0, 3.2].map(|x| axis.running(x)).map(|t| t.unwrap_or(-1.0)),
            [-1.0, 0.0, 5.0, 15.0, 20.0, 20.0]
        );
        assert_eq!([1.0, 2.5].map(|x| axis.wall(x)), [Some(100.0), Some(555.0)]);
        axis.rewind(2.0);
        assert_eq!(axis.wall(3.0), Some(110.0));
        assert_eq!(Axis::default().wall(1.0), None);
    }

    #[test]
    fn a_curve_that_was_found_has_one_moment() {
        let mut axis = Axis::default();
        for epoch in 0..40 {
            axis.see(f64::from(epoch), Time(100.0 + 1e-4 * f64::from(epoch)), 1.0);
        }
        axis.see(39.5, Time(103.0), 4.0);
        axis.see(f64::NAN, Time(103.0), 4.0);
        assert_eq!(axis.knots.iter().map(|knot| knot[0]).collect::<Vec<_>>(), [39.0, 39.5]);
        assert_eq!((axis.wall(38.0), axis.running(39.5)), (None, Some(3.0)));
    }

    #[test]
    fn knots_stay_few_and_true() {
        let mut axis = Axis::default();
        for i in 0..10_000 {
            let x = f64::from(i) / 100.0;
            axis.see(x, Time(1000.0 + 3.0 * x), 3.0 * x);
        }
        assert!(axis.knots.len() < 2 * KNOTS, "{}", axis.knots.len());
        for x in [0.0, 0.004, 17.77, 50.0, 99.0] {
            assert!((axis.running(x).unwrap() - 3.0 * x).abs() < 1e-9, "{x}");
        }
        assert!((axis.wall(99.99).unwrap() - 1299.97).abs() < 3.0);
    }
}
