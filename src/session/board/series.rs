//! Curves as single numbers: the last, the best, the one at some epoch, the smoothed last.
//!
//! Takes a recipe's curves and the name of a series; gives the mean over its trainings (folds and seeds) that have such a
//! number. Points that are no numbers are passed over. Smoothing is TensorBoard's: an exponential mean whose bias
//! towards zero is taken out, with the weight [`WEIGHT`](crate::dag::run::points::WEIGHT), over the points as they were written.

use crate::dag::Points;
use crate::session::snapshot::Curve;

/// The last value.
pub fn last(curves: &[Curve], series: &str) -> Option<f64> {
    mean(curves, series, |points| points.ends().number)
}

/// The greatest value, or the least where `greatest` is false.
pub fn best(curves: &[Curve], series: &str, greatest: bool) -> Option<f64> {
    mean(curves, series, |points| if greatest { points.ends().greatest } else { points.ends().least })
}

/// The last value up to an epoch; none where the curve ends before it, since then nobody knows.
pub fn at(curves: &[Curve], series: &str, epoch: f64) -> Option<f64> {
    mean(curves, series, |points| {
        if points.last()?[0] + 1e-9 < epoch {
            return None;
        }
        let until = points.partition_point(|point| point[0] <= epoch + 1e-9);
        points[..until].iter().rev().find(|point| point[1].is_finite()).map(|point| point[1])
    })
}

/// The smoothed value at the end.
pub fn smoothed(curves: &[Curve], series: &str) -> Option<f64> {
    mean(curves, series, |points| points.ends().smoothed)
}

/// The epoch of the last point of a series; of several trainings that which is least far.
pub fn reached(curves: &[Curve], series: &str) -> Option<f64> {
    let of_series = curves.iter().filter(|curve| curve.series == series);
    of_series.filter_map(|curve| curve.points.last()).map(|point| point[0]).reduce(f64::min)
}

fn mean(curves: &[Curve], series: &str, of: impl Fn(&Points) -> Option<f64>) -> Option<f64> {
    let mut sum = 0.0;
    let mut count = 0;
    for curve in curves.iter().filter(|curve| curve.series.eq_ignore_ascii_case(series)) {
        if let Some(value) = of(&curve.points) {
            sum += value;
            count += 1;
        }
    }
    (count > 0).then(|| sum / f64::from(count))
}
