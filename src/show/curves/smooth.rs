//! A curve made smooth: an exponential moving average without its bias.
//!
//! Takes points in order and a weight in [0, 1); gives as many points. Value n is Σ wᵏ·yₙ₋ₖ / Σ wᵏ over k = 0 … n-1, the average that
//! TensorBoard draws: with w = 0.9 about the last ten points count. It is computed on every point that there is, before any are
//! left out to draw them, so that it looks the same however wide the screen is.

/// The largest weight that is taken: about the last hundred points count.
pub const MOST: f64 = 0.99;

/// The points with smoothed values. What is no number stays where it is and counts for nothing; a weight outside [0, [`MOST`]] is
/// taken to its edge.
pub fn smoothed(points: &[[f64; 2]], weight: f64) -> Vec<[f64; 2]> {
    let weight = if weight.is_nan() { 0.0 } else { weight.clamp(0.0, MOST) };
    let (mut sum, mut weights) = (0.0, 0.0);
    let smooth = |&[x, y]: &[f64; 2]| {
        if !y.is_finite() {
            return [x, y];
        }
        // The sums keep their size, so that neither grows nor fades over a long curve.
        (sum, weights) = (weight * sum + (1.0 - weight) * y, weight * weights + (1.0 - weight));
        [x, sum / weights]
    };
    points.iter().map(smooth).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The formula as it is written above.
    fn naive(points: &[[f64; 2]], weight: f64) -> Vec<f64> {
        let values: Vec<f64> = points.iter().map(|p| p[1]).collect();
        let at = |n: usize| {
            let back = || values[..=n].iter().rev().filter(|y| y.is_finite()).zip(0..);
            let sum: f64 = back().map(|(y, k)| weight.powi(k) * y).sum();
            sum / back().map(|(_, k)| weight.powi(k)).sum::<f64>()
        };
        (0..values.len()).map(|n| if values[n].is_finite() { at(n) } else { values[n] }).collect()
    }

    #[test]
    fn it_is_the_average_of_tensorboard() {
        // By hand with 0.5: 4; (4/2 + 8)/(3/2) = 20/3; (4/4 + 8/2 + 2)/(7/4) = 4.
        let points = [[0.0, 4.0], [1.0, 8.0], [2.0, 2.0]];
        let values: Vec<f64> = smoothed(&points, 0.5).iter().map(|p| p[1]).collect();
        assert!(values.iter().zip([4.0, 20.0 / 3.0, 4.0]).all(|(a, b)| (a - b).abs() < 1e-12), "{values:?}");
        assert_eq!(smoothed(&points, 0.0), points, "no weight changes nothing");
        assert_eq!(smoothed(&points, f64::NAN), points);
        assert_eq!(smoothed(&[], 0.9), [[0.0; 2]; 0]);
    }

    #[test]
    fn gaps_stay_gaps() {
        let points = [[0.0, f64::NAN], [1.0, 1.0], [2.0, f64::INFINITY], [3.0, 3.0]];
        let smooth = smoothed(&points, 0.5);
        assert!(smooth[0][1].is_nan() && smooth[2][1].is_infinite());
        assert_eq!((smooth[1][1], smooth[3][1]), (1.0, (0.5 + 3.0) / 1.5));
    }

    #[test]
    fn a_constant_stays_itself_over_a_million_points() {
        let points: Vec<[f64; 2]> = (0..1_000_000).map(|i| [f64::from(i), 0.3]).collect();
        assert!(smoothed(&points, 0.99).iter().all(|p| (p[1] - 0.3).abs() < 1e-12));
    }

    proptest! {
        #[test]
        fn it_equals_the_formula(
            values in prop::collection::vec(prop_oneof![9 => -1e3_f64..1e3, 1 => Just(f64::NAN)], 0..60),
            weight in 0.0_f64..0.99,
        ) {
            let points: Vec<[f64; 2]> = values.iter().enumerate().map(|(i, y)| [i as f64, *y]).collect();
            for (ours, theirs) in smoothed(&points, weight).iter().zip(naive(&points, weight)) {
                let same = (ours[1] - theirs).abs() < 1e-9 || (ours[1].is_nan() && theirs.is_nan());
                prop_assert!(same, "{} {theirs}", ours[1]);
            }
        }
    }
}
