//! The axes of a chart: where a point lies, and by what it is counted.
//!
//! Takes a curve and one of epoch, step, running time and time of day; gives points along it. A [`Scale`] is a stretch of an axis, linear
//! or logarithmic, with the arithmetic of looking closer: everything is done in shares of what is seen, so that a step to
//! the side is as long on both kinds.

use std::borrow::Cow;

use crate::dag::Axis;
use crate::session::snapshot::Curve;

/// By what a curve runs to the right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum By {
    /// Epochs.
    #[default]
    Epoch,
    /// Steps of the optimiser.
    Step,
    /// Seconds of work, pauses left out.
    Running,
    /// Seconds since 1970.
    Wall,
}

impl By {
    /// In the order in which one asks for them.
    pub const ALL: [By; 4] = [By::Epoch, By::Step, By::Running, By::Wall];

    /// The word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            By::Epoch => "epoch",
            By::Step => "step",
            By::Running => "running",
            By::Wall => "wall",
        }
    }

    /// What stands at the axis.
    pub fn title(self) -> &'static str {
        match self {
            By::Epoch => "epoch",
            By::Step => "step",
            By::Running => "running time",
            By::Wall => "time (UTC)",
        }
    }

    /// Where an epoch lies; `None` where the log does not say.
    pub fn place(self, axis: &Axis, epoch: f64) -> Option<f64> {
        match self {
            By::Epoch => Some(epoch),
            By::Step => axis.step(epoch),
            By::Running => axis.running(epoch),
            By::Wall => axis.wall(epoch),
        }
    }

    /// A curve's points (place, value) in order. Those of which the log does not say where they lie are left out.
    pub fn points(self, curve: &Curve) -> Cow<'_, [[f64; 2]]> {
        match self {
            By::Epoch => Cow::Borrowed(&curve.points),
            By::Running | By::Wall => Cow::Owned(self.timed(&curve.axis, &curve.points)),
            By::Step => {
                let placed = |&[epoch, value]: &[f64; 2]| Some([self.place(&curve.axis, epoch)?, value]);
                Cow::Owned(curve.points.iter().filter_map(placed).collect())
            }
        }
    }
}

impl By {
    /// Points along a line of time: [`By::place`] of each, in one walk along the knots.
    fn timed(self, axis: &Axis, points: &[[f64; 2]]) -> Vec<[f64; 2]> {
        let which = if self == By::Wall { 1 } else { 2 };
        let (mut rest, mut placed) = (axis.knots.as_slice(), Vec::with_capacity(points.len()));
        for &[epoch, value] in points {
            while rest.len() > 2 && rest[1][0] < epoch {
                rest = &rest[1..];
            }
            let place = match rest {
                [a, b, ..] if a[0] <= epoch && epoch < b[0] => {
                    Some(a[which] + (b[which] - a[which]) * (epoch - a[0]) / (b[0] - a[0]))
                }
                _ => self.place(axis, epoch),
            };
            placed.extend(place.map(|place| [place, value]));
        }
        placed
    }
}

/// A stretch of an axis. `low < high`, and both are positive on a logarithmic one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// Its beginning.
    pub low: f64,
    /// Its end.
    pub high: f64,
    /// Whether equal lengths are equal factors.
    pub log: bool,
}

/// Beyond this a number is a fault, not a point of a curve.
pub const LARGEST: f64 = 1e30;

impl Scale {
    /// A stretch; `None` where there is none between these ends.
    pub fn new(low: f64, high: f64, log: bool) -> Option<Scale> {
        let fits = low < high && low.abs() < LARGEST && high.abs() < LARGEST && (!log || low > 0.0);
        fits.then_some(Scale { low, high, log })
    }

    /// Whether a number has a place on an axis of this kind.
    pub fn can_hold(value: f64, log: bool) -> bool {
        value.abs() < LARGEST && (!log || value > 0.0)
    }

    /// Where a value lies: 0 at the beginning, 1 at the end.
    pub fn share(&self, value: f64) -> f64 {
        match self.log {
            true => (value / self.low).ln() / (self.high / self.low).ln(),
            false => (value - self.low) / (self.high - self.low),
        }
    }

    /// The value at a share.
    pub fn at(&self, share: f64) -> f64 {
        match self.log {
            true => self.low * (self.high / self.low).powf(share),
            false => self.low + (self.high - self.low) * share,
        }
    }

    /// The stretch between two shares of this one; `None` where numbers are too coarse to tell its ends apart.
    pub fn part(&self, from: f64, to: f64) -> Option<Scale> {
        let part = Scale::new(self.at(from), self.at(to), self.log)?;
        // With fewer than some thousand numbers between the ends a line becomes stairs.
        let fine = (part.high - part.low) > 1e-12 * part.high.abs().max(part.low.abs());
        fine.then_some(part)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_curve_lies_along_each_axis() {
        let axis = Arc::new(Axis::of(vec![[0.0, 40.0]], vec![[1.0, 1000.0, 0.0], [3.0, 1100.0, 60.0]]));
        let points = vec![[0.5, 9.0], [1.0, 8.0], [2.0, 7.0], [3.0, 6.0]].into();
        let curve = Curve { points, axis, ..Curve::default() };
        let places = |by: By| by.points(&curve).iter().map(|p| p[0]).collect::<Vec<_>>();
        assert_eq!(places(By::Epoch), [0.5, 1.0, 2.0, 3.0]);
        assert_eq!(places(By::Step), [20.0, 40.0, 80.0, 120.0]);
        assert_eq!(places(By::Running), [0.0, 30.0, 60.0], "what another run has done has no time here");
        assert_eq!(places(By::Wall), [1000.0, 1050.0, 1100.0]);
        let old = Curve { axis: Arc::default(), ..curve.clone() };
        assert!(By::Step.points(&old).is_empty());
    }

    #[test]
    fn stretches_that_are_none() {
        for (low, high, log) in
            [(1.0, 1.0, false), (2.0, 1.0, false), (f64::NAN, 1.0, false), (0.0, 1.0, true), (0.0, 1e40, false)]
        {
            assert_eq!(Scale::new(low, high, log), None);
        }
        let wide = Scale::new(1e9, 2e9, false).unwrap();
        assert_eq!(wide.part(0.5, 0.5 + 1e-13), None);
        assert!(!Scale::can_hold(0.0, true) && Scale::can_hold(0.0, false) && !Scale::can_hold(f64::NAN, false));
    }

    proptest! {
        #[test]
        fn share_and_value_are_inverse(low in 1e-3_f64..1e3, range in 1e-3_f64..1e4, share in -0.5_f64..1.5, log: bool) {
            let scale = Scale::new(low, low + range, log).unwrap();
            prop_assert!((scale.share(scale.at(share)) - share).abs() < 1e-6);
            prop_assert!(scale.share(low).abs() < 1e-9 && (scale.share(low + range) - 1.0).abs() < 1e-9);
        }

        /// A walk along the knots finds what looking each point up finds.
        #[test]
        fn a_walk_finds_the_same(steps in prop::collection::vec(0.01_f64..3.0, 0..12), many in 0_usize..50) {
            let ascend = |sum: &mut f64, step: &f64| {
                *sum += step;
                Some([*sum, 1000.0 + 7.0 * *sum * step, 3.0 * *sum])
            };
            let mut knots: Vec<[f64; 3]> = steps.iter().scan(0.0, ascend).collect();
            knots.sort_by(|a, b| a[1].total_cmp(&b[1]));
            let mut places: Vec<f64> = steps.iter().scan(0.0, |sum, step| { *sum += step; Some(*sum) }).collect();
            places.sort_by(f64::total_cmp);
            for (knot, place) in knots.iter_mut().zip(places) {
                knot[0] = place;
            }
            let axis = Arc::new(Axis::of(Vec::new(), knots));
            let points: Vec<[f64; 2]> = (0..many).map(|i| [i as f64 * 0.37, i as f64]).collect();
            let curve = Curve { points: points.clone().into(), axis: Arc::clone(&axis), ..Curve::default() };
            for by in [By::Running, By::Wall] {
                let looked: Vec<[f64; 2]> =
                    points.iter().filter_map(|p| Some([by.place(&axis, p[0])?, p[1]])).collect();
                let walked = by.points(&curve);
                prop_assert_eq!(walked.len(), looked.len());
                prop_assert!(walked.iter().zip(&looked).all(|(a, b)| (a[0] - b[0]).abs() < 1e-9 && a[1] == b[1]));
            }
        }

        /// Looking closer at a place leaves it where it is on the screen.
        #[test]
        fn a_closer_look_keeps_the_place(low in 1e-3_f64..1e3, range in 1e-3_f64..1e4, share in 0.0_f64..1.0, log: bool) {
            let scale = Scale::new(low, low + range, log).unwrap();
            let value = scale.at(share);
            let closer = scale.part(share - share / 2.0, share + (1.0 - share) / 2.0).unwrap();
            prop_assert!((closer.share(value) - share).abs() < 1e-6);
        }
    }
}
