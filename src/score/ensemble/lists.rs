//! What a ranked list says of its photos, as numbers that can be added to another list's.
//!
//! Takes one query's list, best first, with its scores; gives one number an entry. `rrf` (Cormack, Clarke and Büttcher 2009) looks at
//! places alone. The norms are ranx's of the same names and bring scores of any scale together; a photo that a list lacks counts 0, except
//! under `borda`, which gives all absent ones what is left.

use serde::{Deserialize, Serialize};

/// Below this a spread counts as this, as in ranx.
const LEAST: f64 = 1e-9;

/// How the scores of one list come to one scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    /// (s − least) / (greatest − least).
    MinMax,
    /// s / greatest.
    Max,
    /// (s − least) / Σ (s − least).
    Sum,
    /// (s − mean) / standard deviation: zero mean, unit variance.
    Zmuv,
    /// 1 − place / length, places from 0.
    Rank,
    /// 1 − place / candidates, places from 0; what is absent shares what is left.
    Borda,
}

impl Norm {
    /// The names that recipes use.
    pub const NAMES: &'static [&'static str] = &["min-max", "max", "sum", "zmuv", "rank", "borda"];

    /// One number an entry of a list whose `scores` fall along it, and the number of a photo that the list lacks. `candidates`: photos
    /// that stand in any member's list of this query.
    pub fn of(self, scores: &[f64], candidates: usize) -> (Vec<f64>, f64) {
        let n = scores.len() as f64;
        let least = scores.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let all = |f: &dyn Fn(f64) -> f64| scores.iter().map(|&s| f(s)).collect::<Vec<f64>>();
        let places = |over: f64| (0..scores.len()).map(|place| 1.0 - place as f64 / over).collect::<Vec<f64>>();
        let found = match self {
            Norm::MinMax => all(&|s| (s - least) / (greatest - least).max(LEAST)),
            Norm::Max => all(&|s| s / greatest.max(LEAST)),
            Norm::Sum => {
                let sum = scores.iter().sum::<f64>() - least * n;
                all(&|s| (s - least) / sum.max(LEAST))
            }
            Norm::Zmuv => {
                let mean = scores.iter().sum::<f64>() / n.max(1.0);
                let variance = scores.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / n.max(1.0);
                all(&|s| (s - mean) / variance.sqrt().max(LEAST))
            }
            Norm::Rank => places(n),
            Norm::Borda => places(candidates as f64),
        };
        let absent = match self {
            Norm::Borda => 0.5 - (n - 1.0) / (2.0 * candidates.max(1) as f64),
            _ => 0.0,
        };
        (found, absent)
    }
}

/// 1 / (k + place) for each place of a list, from 1.
pub fn rrf(length: usize, k: usize) -> Vec<f64> {
    (1..=length).map(|place| 1.0 / (k + place) as f64).collect()
}
