//! Which look of the pin belongs to a look of another training.
//!
//! Takes two courses and how they are set beside each other: at the same share of their schedules, or after the same time of training.
//! Gives the pin's epoch, with words for both. A schedule's share is what a learning rate knows, so equal shares compare equally finished
//! trainings; equal time compares what a fast network gives and a slow one, when time is what there is little of.

use serde::{Deserialize, Serialize};

use super::{Course, Look};

/// How two trainings are set beside each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum At {
    /// At the same share of the schedule.
    #[default]
    Share,
    /// After the same time of training.
    Time,
}

impl Course {
    /// Seconds of an epoch with its evaluation: the median of what lies between two looks, so that a training that was stopped for a night
    /// is not slow. `None` before the second look, and where the looks' dates say nothing (files that were copied without them).
    pub fn pace(&self) -> Option<f64> {
        let pace = |pair: &[Look]| (pair[1].at - pair[0].at) / (pair[1].epoch - pair[0].epoch).max(1) as f64;
        let mut found: Vec<f64> = self.looks.windows(2).map(pace).collect();
        found.sort_by(f64::total_cmp);
        found.get(found.len().checked_sub(1)? / 2).copied().filter(|pace| *pace > 1e-3)
    }
}

impl At {
    /// The last epoch of `pin`'s planned evaluations that is not beyond `mine`, a look of `course`; `None` where there is none, or where
    /// times are asked for and not known.
    pub(super) fn of(self, pin: &Course, course: &Course, mine: &Look) -> Option<usize> {
        let reach = match self {
            At::Share => (course.share(mine) + 1e-9) * pin.epochs.max(1) as f64,
            At::Time => mine.epoch as f64 * course.pace()? / pin.pace()? + 1e-9,
        };
        pin.planned.iter().copied().rfind(|at| *at as f64 <= reach)
    }

    /// `epoch 3 of 12`, `epoch 3 of 12, its 6 of 24`, `epoch 3 of 12, its 6 of 24 after as much time`.
    pub(super) fn in_words(self, (epoch, epochs): (usize, usize), pin: (usize, usize)) -> String {
        let time = if self == At::Time { " after as much time" } else { "" };
        match pin == (epoch, epochs) {
            true => format!("epoch {epoch} of {epochs}{time}"),
            false => format!("epoch {epoch} of {epochs}, its {} of {}{time}", pin.0, pin.1),
        }
    }

    /// Why there is nothing to compare with.
    pub(super) fn nothing(self, pin: &str) -> String {
        match self {
            At::Share => format!("{pin} was not evaluated at this share of its schedule, or on other queries"),
            At::Time => format!(
                "{pin} was not evaluated after as much time, or on other queries, or the time of an epoch is not known \
                 (it shows from the second evaluation on)"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::score::Score;

    fn course(epochs: usize, ends: &[f64]) -> Course {
        let score = Arc::new(Score {
            metric: "MRR@20".into(),
            value: 0.0,
            interval: [0.0; 2],
            queries: Vec::new(),
            per_query: Vec::new(),
        });
        let looks = ends.iter().zip(1..).map(|(at, epoch)| Look { epoch, at: *at, score: score.clone() }).collect();
        Course { epochs, looks, planned: (1..=epochs).collect(), ..Course::default() }
    }

    #[test]
    fn a_night_between_two_epochs_is_no_training() {
        assert_eq!(course(5, &[100.0, 110.0, 30_000.0, 30_010.0, 30_021.0]).pace(), Some(10.0));
        assert_eq!(course(5, &[100.0]).pace(), None);
        // Copied without their dates.
        assert_eq!(course(5, &[7.0, 7.0, 7.0]).pace(), None);
    }

    #[test]
    fn a_slow_training_stands_beside_more_epochs_of_a_fast_one() {
        let pin = course(20, &[10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0]);
        let slow = course(10, &[35.0, 70.0]);
        let mine = &slow.looks[1];
        assert_eq!(At::Time.of(&pin, &slow, mine), Some(7));
        assert_eq!(At::Share.of(&pin, &slow, mine), Some(4));
        // Beyond the pin's end it is the pin's end that counts.
        assert_eq!(At::Time.of(&course(3, &[1.0, 2.0, 3.0]), &slow, mine), Some(3));
        assert_eq!(At::Time.of(&course(3, &[1.0]), &slow, mine), None);
        assert_eq!(At::Time.in_words((2, 10), (7, 20)), "epoch 2 of 10, its 7 of 20 after as much time");
    }
}
