//! The number that a competition counts, one part a query.
//!
//! Takes a ranking and the label of every photo; gives a [`Score`]: the mean, its bootstrap interval
//! and every query's part. Ids never enter: photos are manifest indices, labels are numbers of the
//! one level that is scored.

mod mrr;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use mrr::reciprocal_ranks;

use super::ScoreError;
use super::bootstrap;
use super::number::rounded;
use crate::base::Seed;
use crate::base::files::{publish, read};
use crate::retrieve::{Ranking, RetrieveError};

/// Version of the algorithm, for keys.
pub const VERSION: u32 = 1;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Mean reciprocal rank of the first relevant photo among the best k.
    Mrr {
        /// Places that count.
        k: usize,
    },
}

impl Metric {
    /// How long ranked lists must be.
    pub fn k(self) -> usize {
        match self {
            Metric::Mrr { k } => k,
        }
    }

    /// Scores a ranking. `labels` has one entry a photo of the manifest (the level that counts);
    /// `groups` gives the group of each query, in the ranking's order, that the bootstrap draws as a
    /// whole; without it each query is drawn by itself.
    ///
    /// # Errors
    /// When lists are shorter than the metric looks, a photo is not in `labels`, groups are not one a query, or
    /// no query is there.
    pub fn score(
        self,
        ranking: &Ranking,
        labels: &[Option<u32>],
        groups: Option<&[u32]>,
        seed: Seed,
    ) -> Result<Score, ScoreError> {
        if let Some(found) = groups.map(<[u32]>::len).filter(|&found| found != ranking.queries.len()) {
            let expected = ranking.queries.len();
            return Err(RetrieveError::Shape { what: "groups, one a query", expected, found }.into());
        }
        let per_query = match self {
            Metric::Mrr { k } => reciprocal_ranks(ranking, labels, k)?,
        };
        if per_query.is_empty() {
            return Err(ScoreError::NoQueries);
        }
        let interval = bootstrap::interval(&per_query, groups, seed);
        Ok(Score {
            metric: self.to_string(),
            value: mean(&per_query),
            interval,
            queries: ranking.queries.clone(),
            per_query,
        })
    }
}

/// The mean of the queries' parts in f64, in order, rounded to 12 decimals.
fn mean(per_query: &[f32]) -> f64 {
    rounded(per_query.iter().map(|&part| f64::from(part)).sum::<f64>() / per_query.len().max(1) as f64)
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Metric::Mrr { k } => write!(f, "MRR@{k}"),
        }
    }
}

impl FromStr for Metric {
    type Err = ScoreError;

    fn from_str(text: &str) -> Result<Metric, ScoreError> {
        match text.split_once('@').map(|(name, k)| (name, k.parse())) {
            Some(("MRR", Ok(k))) if k > 0 => Ok(Metric::Mrr { k }),
            _ => Err(ScoreError::UnknownMetric(text.to_owned())),
        }
    }
}

/// A score with all that is needed to compare it later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// "MRR@20".
    pub metric: String,
    /// The mean over all queries, answerable or not.
    pub value: f64,
    /// 95 % percentile bootstrap interval.
    pub interval: [f64; 2],
    /// The queries' photos (indices into the manifest), `[q]`.
    pub queries: Vec<u32>,
    /// Each query's part, `[q]`: its reciprocal rank.
    pub per_query: Vec<f32>,
}

impl Score {
    /// Several folds' scores as one: all queries, in order of photo, one mean and one interval.
    /// `group` gives the group of a query's photo for the bootstrap.
    ///
    /// # Errors
    /// When metrics differ or no query is there.
    pub fn pooled(scores: &[Score], group: impl Fn(u32) -> u32, seed: Seed) -> Result<Score, ScoreError> {
        let first = scores.first().ok_or(ScoreError::NoQueries)?;
        if let Some(other) = scores.iter().find(|other| other.metric != first.metric) {
            return Err(ScoreError::DifferentMetrics { a: first.metric.clone(), b: other.metric.clone() });
        }
        let mut parts: Vec<(u32, f32)> =
            scores.iter().flat_map(|s| s.queries.iter().copied().zip(s.per_query.iter().copied())).collect();
        // Stable: a photo that is a query in several folds keeps their order.
        parts.sort_by_key(|&(photo, _)| photo);
        let (queries, per_query): (Vec<u32>, Vec<f32>) = parts.into_iter().unzip();
        if queries.is_empty() {
            return Err(ScoreError::NoQueries);
        }
        let groups: Vec<u32> = queries.iter().map(|&photo| group(photo)).collect();
        let interval = bootstrap::interval(&per_query, Some(&groups), seed);
        Ok(Score { metric: first.metric.clone(), value: mean(&per_query), interval, queries, per_query })
    }

    /// Writes JSON; the numbers come back to the bit.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), ScoreError> {
        let json = serde_json::to_vec(self).map_err(|e| ScoreError::BadFile {
            path: path.to_owned(),
            kind: "score",
            why: e.to_string(),
        })?;
        Ok(publish(path, &json)?)
    }

    /// Reads what [`Score::save`] wrote.
    ///
    /// # Errors
    /// When the file cannot be read, is no such JSON, or its parts do not fit together.
    pub fn load(path: &Path) -> Result<Score, ScoreError> {
        let bad = |why: String| ScoreError::BadFile { path: path.to_owned(), kind: "score", why };
        let score: Score = serde_json::from_slice(&read(path)?).map_err(|e| bad(e.to_string()))?;
        if score.queries.len() != score.per_query.len() {
            return Err(bad(format!("{} queries but {} parts", score.queries.len(), score.per_query.len())));
        }
        Ok(score)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_printed() {
        assert_eq!("MRR@20".parse::<Metric>().unwrap(), Metric::Mrr { k: 20 });
        assert_eq!(Metric::Mrr { k: 5 }.to_string(), "MRR@5");
        for wrong in ["MRR", "MRR@0", "MRR@-1", "mrr@20", "MAP@20", "MRR@20 "] {
            assert!(wrong.parse::<Metric>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn files_hold_the_same_score() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("score.json");
        let queries: Vec<u32> = (0..50).collect();
        let per_query: Vec<f32> =
            queries.iter().map(|&i| if i % 7 == 0 { 0.0 } else { 1.0 / (i % 20 + 1) as f32 }).collect();
        let interval = bootstrap::interval(&per_query, None, Seed::new(1));
        let score = Score { metric: "MRR@20".into(), value: mean(&per_query), interval, queries, per_query };
        score.save(&path).unwrap();
        assert_eq!(Score::load(&path).unwrap(), score);
        publish(&path, b"{\"metric\":\"MRR@20\",\"value\":1,\"interval\":[0,1],\"queries\":[1],\"per_query\":[]}")
            .unwrap();
        assert!(
            Score::load(&path).unwrap_err().to_string().ends_with("score.json is no score file: 1 queries but 0 parts")
        );
    }

    #[test]
    fn folds_are_pooled_by_query_and_not_by_mean_of_means() {
        let fold = |queries: &[u32], per_query: &[f32]| Score {
            metric: "MRR@20".into(),
            value: 0.0,
            interval: [0.0; 2],
            queries: queries.to_vec(),
            per_query: per_query.to_vec(),
        };
        let pooled =
            Score::pooled(&[fold(&[9, 2, 4], &[1.0, 0.5, 0.0]), fold(&[3], &[0.0])], |p| p, Seed::new(1)).unwrap();
        assert_eq!((pooled.value, &pooled.queries[..]), (0.375, &[2, 3, 4, 9][..]));
        assert_eq!(pooled.per_query, [0.5, 0.0, 0.0, 1.0]);
        assert!(matches!(Score::pooled(&[], |p| p, Seed::new(1)), Err(ScoreError::NoQueries)));
    }
}
