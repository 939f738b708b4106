//! A curve with no more points than can be seen: each column keeps its envelope.
//!
//! Takes points in order and the column that each falls into; gives of every column the first, the lowest, the highest and the last, in
//! their order. A line through these covers the same dots as one through all, so that no peak is lost however many points
//! there are.

/// The points that are worth drawing: those that [`column`](fn@thinned) puts beside each other, without what lies between the extremes.
/// Points whose value is no number are for the caller to leave out.
pub fn thinned(points: &[[f64; 2]], column: impl Fn(f64) -> i64) -> Vec<[f64; 2]> {
    let mut kept: Vec<[f64; 2]> = Vec::new();
    let mut begin = 0;
    while let Some(first) = points.get(begin) {
        let here = column(first[0]);
        let long = points[begin..].iter().take_while(|p| column(p[0]) == here).count().max(1);
        let part = &points[begin..begin + long];
        let (mut low, mut high) = (0, 0);
        for (i, point) in part.iter().enumerate() {
            if point[1] < part[low][1] {
                low = i;
            }
            if point[1] > part[high][1] {
                high = i;
            }
        }
        let mut places = [0, low.min(high), low.max(high), long - 1];
        let end = dedup(&mut places);
        kept.extend(places[..end].iter().map(|&i| part[i]));
        begin += long;
    }
    kept
}

/// Puts ascending numbers that differ to the front; how many there are.
fn dedup(places: &mut [usize; 4]) -> usize {
    let mut end = 1;
    for i in 1..places.len() {
        if places[i] > places[end - 1] {
            places[end] = places[i];
            end += 1;
        }
    }
    end
}

/// The points between two places, and the neighbour on each side, so that lines run on to the edges. Points have ascending places.
pub fn within(points: &[[f64; 2]], low: f64, high: f64) -> &[[f64; 2]] {
    let from = points.partition_point(|p| p[0] < low).saturating_sub(1);
    let to = (points.partition_point(|p| p[0] <= high) + 1).min(points.len());
    &points[from.min(to)..to]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_spike_stays() {
        let mut points: Vec<[f64; 2]> = (0..100_000).map(|i| [f64::from(i), 1.0]).collect();
        points[54_321][1] = 9.0;
        points[77_777][1] = -2.0;
        let thin = thinned(&points, |x| (x / 1000.0) as i64);
        assert!(thin.len() <= 400 && thin.contains(&[54_321.0, 9.0]) && thin.contains(&[77_777.0, -2.0]));
        assert_eq!(thinned(&points[..1], |_| 0), points[..1]);
        assert!(thinned(&[], |_| 0).is_empty());
    }

    #[test]
    fn what_lies_within_has_neighbours() {
        let points: Vec<[f64; 2]> = (0..10).map(|i| [f64::from(i), 0.0]).collect();
        let places = |low, high| within(&points, low, high).iter().map(|p| p[0]).collect::<Vec<_>>();
        assert_eq!(places(2.5, 4.0), [2.0, 3.0, 4.0, 5.0]);
        assert_eq!((places(-5.0, -1.0), places(20.0, 30.0)), (vec![0.0], vec![9.0]));
        assert_eq!(places(f64::NEG_INFINITY, f64::INFINITY).len(), 10);
        assert!(within(&[], 0.0, 1.0).is_empty());
    }

    proptest! {
        /// In every column the thinned curve has the lowest and the highest value of the whole one, begins and ends with it, and is
        /// a part of it in its order.
        #[test]
        fn every_column_keeps_its_extremes(values in prop::collection::vec(-1e6_f64..1e6, 1..400), columns in 1_usize..40) {
            let n = values.len();
            let points: Vec<[f64; 2]> = values.iter().enumerate().map(|(i, y)| [i as f64, *y]).collect();
            let column = |x: f64| (x as usize * columns / n) as i64;
            let thin = thinned(&points, column);
            prop_assert!(thin.len() <= 4 * columns && thin.windows(2).all(|pair| pair[0][0] < pair[1][0]));
            prop_assert!(thin.iter().all(|p| points[p[0] as usize] == *p));
            prop_assert!(thin.first() == points.first() && thin.last() == points.last());
            for here in 0..columns as i64 {
                let ends = |list: &[[f64; 2]]| {
                    let own = || list.iter().filter(|p| column(p[0]) == here).map(|p| p[1]);
                    (own().reduce(f64::min), own().reduce(f64::max))
                };
                prop_assert_eq!(ends(&thin), ends(&points));
            }
        }
    }
}
