//! How sure a mean over queries is.
//!
//! Percentile bootstrap (Efron and Tibshirani 1993, chapter 13): queries are drawn with replacement,
//! 2,000 times, and the middle 95 % of the means is the interval. Queries that hang together (of one
//! label, one product) are drawn as a group. Two recipes are compared query by query, which takes the
//! hardness of the queries out: the paired interval is far narrower than two separate ones suggest.
//! Draw `i` is a function of (seed, i), so threads change nothing.

use std::collections::HashMap;

use rayon::prelude::*;

use super::number::rounded;
use super::{Score, ScoreError};
use serde::{Deserialize, Serialize};

use crate::base::Seed;

/// Draws of the whole set.
pub const DRAWS: usize = 2000;
/// Share of the draws inside the interval.
pub const COVERAGE: f64 = 0.95;

/// One recipe minus another over the queries that both have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delta {
    /// Mean difference.
    pub value: f64,
    /// 95 % interval of it.
    pub interval: [f64; 2],
    /// Share of draws in which the first is better (ties count half).
    pub better: f64,
    /// Queries that both have.
    pub queries: usize,
    /// Queries that the first, neither or the second answers better.
    pub wins_ties_losses: [usize; 3],
}

/// The means of [`DRAWS`] draws of a set of values.
pub(super) struct Drawn {
    /// Sorted.
    means: Vec<f64>,
    /// What was drawn as a whole: groups, or single values.
    pub groups: usize,
}

impl Drawn {
    /// Draws `values`, which are not empty; `groups` has one entry a value.
    pub fn new(values: &[f64], groups: Option<&[u32]>, seed: Seed) -> Drawn {
        // Sum and count of each group, in order of first appearance.
        let mut cells: Vec<(f64, f64)> = Vec::new();
        let mut place: HashMap<u32, usize> = HashMap::new();
        for (i, &value) in values.iter().enumerate() {
            let cell = match groups {
                Some(groups) => *place.entry(groups[i]).or_insert(cells.len()),
                None => i,
            };
            if cell == cells.len() {
                cells.push((0.0, 0.0));
            }
            cells[cell].0 += value;
            cells[cell].1 += 1.0;
        }
        let seed = seed.named("bootstrap");
        let draw = |i: usize| {
            let mut draws = seed.at(i as u64).draws();
            let (mut sum, mut count) = (0.0, 0.0);
            for _ in 0..cells.len() {
                let cell = cells[draws.below(cells.len() as u64) as usize];
                sum += cell.0;
                count += cell.1;
            }
            sum / count
        };
        let mut means: Vec<f64> = (0..DRAWS).into_par_iter().map(draw).collect();
        means.sort_by(f64::total_cmp);
        Drawn { means, groups: cells.len() }
    }

    /// The middle 95 % of the means.
    pub fn interval(&self) -> [f64; 2] {
        let outside = (1.0 - COVERAGE) / 2.0;
        [rounded(quantile(&self.means, outside)), rounded(quantile(&self.means, 1.0 - outside))]
    }

    /// The standard error of the mean: the means' deviation, widened by what drawing from few groups makes too small.
    pub fn error(&self) -> f64 {
        let n = self.means.len() as f64;
        let mean = self.means.iter().sum::<f64>() / n;
        let variance = self.means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / n;
        let groups = self.groups as f64;
        (variance * groups / (groups - 1.0).max(1.0)).sqrt()
    }

    /// Share of the means above 0; those at 0 count half.
    fn above_zero(&self) -> f64 {
        let count = |keep: fn(f64) -> bool| self.means.iter().filter(|&&x| keep(x)).count() as f64;
        (count(|x| x > 0.0) + count(|x| x == 0.0) / 2.0) / self.means.len() as f64
    }
}

/// A quantile between sorted values, linear between neighbours (NumPy's default).
pub(super) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * (sorted.len() - 1) as f64;
    let (low, part) = (at.floor() as usize, at.fract());
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] + part * (sorted[high] - sorted[low])
}

/// The 95 % interval of the mean of `per_query`. `groups` has one entry a query; queries of one group
/// are drawn together. Without queries it is all that a score can be: 0 to 1. `groups` of another
/// length than `per_query` are the caller's mistake and panic.
pub fn interval(per_query: &[f32], groups: Option<&[u32]>, seed: Seed) -> [f64; 2] {
    if let Some(groups) = groups {
        assert_eq!(groups.len(), per_query.len(), "one group a query");
    }
    if per_query.is_empty() {
        return [0.0, 1.0];
    }
    let values: Vec<f64> = per_query.iter().map(|&part| f64::from(part)).collect();
    Drawn::new(&values, groups, seed).interval()
}

/// `a` minus `b` over the queries that both have, with its interval. `group` gives the group of a
/// query's photo. A photo that is a query several times is matched in order.
///
/// # Errors
/// When the metrics differ or the two share no query.
pub fn paired(a: &Score, b: &Score, group: impl Fn(u32) -> u32, seed: Seed) -> Result<Delta, ScoreError> {
    if a.metric != b.metric {
        return Err(ScoreError::DifferentMetrics { a: a.metric.clone(), b: b.metric.clone() });
    }
    let mut others: HashMap<u32, std::collections::VecDeque<f32>> = HashMap::new();
    for (&photo, &part) in b.queries.iter().zip(&b.per_query) {
        others.entry(photo).or_default().push_back(part);
    }
    let mut shared: Vec<(u32, f64)> = Vec::new();
    for (&photo, &part) in a.queries.iter().zip(&a.per_query) {
        if let Some(other) = others.get_mut(&photo).and_then(std::collections::VecDeque::pop_front) {
            shared.push((photo, f64::from(part) - f64::from(other)));
        }
    }
    if shared.is_empty() {
        return Err(ScoreError::NoQueries);
    }
    // By photo, so that the order of the two lists does not matter to the draws.
    shared.sort_by_key(|&(photo, _)| photo);
    let groups: Vec<u32> = shared.iter().map(|&(photo, _)| group(photo)).collect();
    let values: Vec<f64> = shared.iter().map(|&(_, difference)| difference).collect();
    let drawn = Drawn::new(&values, Some(&groups), seed);
    let count = |keep: fn(f64) -> bool| values.iter().filter(|&&x| keep(x)).count();
    Ok(Delta {
        value: rounded(values.iter().sum::<f64>() / values.len() as f64),
        interval: drawn.interval(),
        better: drawn.above_zero(),
        queries: values.len(),
        wins_ties_losses: [count(|x| x > 0.0), count(|x| x == 0.0), count(|x| x < 0.0)],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(queries: Vec<u32>, per_query: Vec<f32>) -> Score {
        Score { metric: "MRR@20".into(), value: 0.0, interval: [0.0; 2], queries, per_query }
    }

    #[test]
    fn the_interval_is_that_of_a_binomial() {
        // 400 queries, half answered: the mean's deviation is √(.25 / 400) = .025, the interval .5 ± 1.96 · .025.
        let parts: Vec<f32> = (0..400).map(|i| (i % 2) as f32).collect();
        let [low, high] = interval(&parts, None, Seed::new(1));
        assert!((low - 0.451).abs() < 0.004 && (high - 0.549).abs() < 0.004, "{low} {high}");
        assert_eq!(interval(&parts, None, Seed::new(1)), [low, high]);
        assert_eq!(interval(&[0.25; 9], None, Seed::new(1)), [0.25, 0.25]);
    }

    #[test]
    fn groups_are_drawn_whole() {
        // Twenty groups of twenty equal queries hold no more than twenty queries: √20 wider.
        let parts: Vec<f32> = (0..400).map(|i| (i / 20 % 2) as f32).collect();
        let groups: Vec<u32> = (0..400).map(|i| i / 20).collect();
        let [low, high] = interval(&parts, Some(&groups), Seed::new(1));
        assert!((high - low) > 0.39 && (high - low) < 0.46, "{low} {high}");
        // One group a query is the same as none.
        let own: Vec<u32> = (0..400).rev().collect();
        assert_eq!(interval(&parts, Some(&own), Seed::new(1)), interval(&parts, None, Seed::new(1)));
    }

    #[test]
    fn a_difference_is_paired_by_photo() {
        // b lacks photo 3 and stands in another order; a is better by .5 on photo 1 only.
        let a = score(vec![1, 2, 3, 4], vec![1.0, 0.5, 1.0, 0.0]);
        let b = score(vec![4, 2, 1], vec![0.0, 0.5, 0.5]);
        let delta = paired(&a, &b, |photo| photo, Seed::new(1)).unwrap();
        assert_eq!((delta.queries, delta.wins_ties_losses), (3, [1, 2, 0]));
        assert!((delta.value - 0.5 / 3.0).abs() < 1e-9 && delta.interval[0] == 0.0, "{delta:?}");
        let back = paired(&b, &a, |photo| photo, Seed::new(1)).unwrap();
        assert_eq!((back.value, back.interval), (-delta.value, [-delta.interval[1], -delta.interval[0]]));
        let other = score(vec![9], vec![1.0]);
        assert!(matches!(paired(&a, &other, |photo| photo, Seed::new(1)), Err(ScoreError::NoQueries)));
    }

    #[test]
    fn pairing_takes_the_queries_hardness_out() {
        let hard: Vec<f32> = (0..300).map(|i| if i % 3 == 0 { 0.0 } else { 1.0 / (i % 5 + 1) as f32 }).collect();
        let easier: Vec<f32> = hard.iter().map(|part| (part + 0.02).min(1.0)).collect();
        let (a, b) = (score((0..300).collect(), easier.clone()), score((0..300).collect(), hard));
        let delta = paired(&a, &b, |photo| photo, Seed::new(1)).unwrap();
        assert!(delta.interval[0] > 0.0 && delta.better == 1.0, "{delta:?}");
        let alone = interval(&easier, None, Seed::new(1));
        assert!(alone[1] - alone[0] > 10.0 * (delta.interval[1] - delta.interval[0]));
    }

    #[test]
    fn quantiles_are_numpys() {
        // np.quantile([1, 2, 4, 8], [0, .1, .5, 1]) = [1, 1.3, 3, 8]
        for (q, expected) in [(0.0, 1.0), (0.1, 1.3), (0.5, 3.0), (1.0, 8.0)] {
            assert!((quantile(&[1.0, 2.0, 4.0, 8.0], q) - expected).abs() < 1e-12);
        }
    }
}
