//! The number that a competition counts, one part a query.
//!
//! Takes a ranking, the label of every photo and the gallery; gives a [`Score`]: the mean, its bootstrap interval
//! and every query's part. Ids never enter: photos are manifest indices, labels are numbers of the
//! one level that is scored. [`mod@judge`] says which places are right, [`Metric`] what they are worth, [`lab`] what they would be worth to a
//! host that errs.
//!
//! Every query counts in the mean, also one whose label the gallery lacks: averaging over answered queries only is the mistake that
//! doubles scores when half the queries have no answer.

pub mod judge;
pub mod lab;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use judge::{Judged, judge, judge_known};

use super::ScoreError;
use super::bootstrap;
use super::number::rounded;
use crate::base::Seed;
use crate::base::files::{publish, read};
use crate::retrieve::{Ranking, RetrieveError};

/// Version of the algorithm, for keys.
pub const VERSION: u32 = 1;

/// What is counted. Names as ranx and Kaggle have them; relevance is binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Mean reciprocal rank of the first relevant photo among the best k.
    Mrr {
        /// Places that count.
        k: usize,
    },
    /// Mean average precision: precision at each relevant place among the best k, summed, divided by the relevant photos of the gallery,
    /// at most k. As Kaggle's MAP@k and the Landmark contests; trec_eval and ranx divide by all of them, which is the same where a label
    /// has at most k photos.
    Map {
        /// Places that count.
        k: usize,
    },
    /// MAP@R: average precision over the best R, divided by R, where R is how many relevant photos the gallery has (Musgrave et al.,
    /// arXiv 2003.08505).
    MapAtR,
    /// Share of the gallery's relevant photos among the best k, as trec_eval and ranx have it. Papers of metric learning call
    /// [`Metric::HitRate`] so.
    Recall {
        /// Places that count.
        k: usize,
    },
    /// Whether a relevant photo is among the best k (CMC, top-k accuracy).
    HitRate {
        /// Places that count.
        k: usize,
    },
    /// Share of the best k places that are relevant; places that a short list lacks are wrong.
    Precision {
        /// Places that count.
        k: usize,
    },
    /// Normalised discounted cumulative gain: 1 / log2(rank + 1) at each relevant place, divided by what the best list would have.
    Ndcg {
        /// Places that count.
        k: usize,
    },
}

impl Metric {
    /// The names that `[competition] metric` takes.
    pub const NAMES: &'static [&'static str] = &["MRR", "MAP", "MAP@R", "Recall", "HitRate", "Precision", "nDCG"];

    /// The metric of a name of [`Metric::NAMES`] at k places.
    pub fn named(name: &str, k: usize) -> Option<Metric> {
        Some(match name {
            "MRR" => Metric::Mrr { k },
            "MAP" => Metric::Map { k },
            "MAP@R" => Metric::MapAtR,
            "Recall" => Metric::Recall { k },
            "HitRate" => Metric::HitRate { k },
            "Precision" => Metric::Precision { k },
            "nDCG" => Metric::Ndcg { k },
            _ => return None,
        })
    }

    /// How many places of a query's list it looks at.
    fn places(self, judged: &Judged) -> usize {
        match self {
            Metric::Mrr { k }
            | Metric::Map { k }
            | Metric::Recall { k }
            | Metric::HitRate { k }
            | Metric::Precision { k }
            | Metric::Ndcg { k } => k,
            Metric::MapAtR => judged.relevant,
        }
    }

    /// What one query is worth, 0 to 1; 0 where the gallery has no answer.
    pub fn part(self, judged: &Judged) -> f32 {
        let (k, relevant) = (self.places(judged), judged.relevant);
        let ranks = judged.ranks.iter().copied().take_while(|&rank| rank <= k);
        let precisions = || ranks.clone().zip(1..).map(|(rank, found)| f64::from(found) / rank as f64).sum::<f64>();
        let count = ranks.clone().count() as f64;
        let gain = |rank: usize| 1.0 / (rank as f64 + 1.0).log2();
        let part = match self {
            Metric::Mrr { .. } => return ranks.clone().next().map_or(0.0, |rank| 1.0 / rank as f32),
            _ if relevant == 0 => 0.0,
            Metric::Map { k } => precisions() / relevant.min(k) as f64,
            Metric::MapAtR => precisions() / relevant as f64,
            Metric::Recall { .. } => count / relevant as f64,
            Metric::HitRate { .. } => f64::from(u8::from(count > 0.0)),
            Metric::Precision { k } => count / k as f64,
            Metric::Ndcg { k } => ranks.map(gain).sum::<f64>() / (1..=relevant.min(k)).map(gain).sum::<f64>(),
        };
        part as f32
    }

    /// Scores a ranking. `labels` has one entry a photo of the manifest (the level that counts), `gallery` who was ranked;
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
        gallery: &[u32],
        groups: Option<&[u32]>,
        seed: Seed,
    ) -> Result<Score, ScoreError> {
        if let Some(found) = groups.map(<[u32]>::len).filter(|&found| found != ranking.queries.len()) {
            let expected = ranking.queries.len();
            return Err(RetrieveError::Shape { what: "groups, one a query", expected, found }.into());
        }
        let judged = judge(ranking, labels, gallery)?;
        if let Some(needed) = judged.iter().map(|judged| self.places(judged)).max().filter(|&k| k > ranking.k) {
            return Err(ScoreError::ShortLists { metric: self.to_string(), needed, k: ranking.k });
        }
        let per_query: Vec<f32> = judged.iter().map(|judged| self.part(judged)).collect();
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
            Metric::Map { k } => write!(f, "MAP@{k}"),
            Metric::MapAtR => f.write_str("MAP@R"),
            Metric::Recall { k } => write!(f, "Recall@{k}"),
            Metric::HitRate { k } => write!(f, "HitRate@{k}"),
            Metric::Precision { k } => write!(f, "Precision@{k}"),
            Metric::Ndcg { k } => write!(f, "nDCG@{k}"),
        }
    }
}

impl FromStr for Metric {
    type Err = ScoreError;

    fn from_str(text: &str) -> Result<Metric, ScoreError> {
        let unknown = || ScoreError::UnknownMetric(text.to_owned());
        if text == "MAP@R" {
            return Ok(Metric::MapAtR);
        }
        let (name, k) = text.split_once('@').ok_or_else(unknown)?;
        let k = k.parse().ok().filter(|&k: &usize| k > 0 && name != "MAP@R").ok_or_else(unknown)?;
        Metric::named(name, k).ok_or_else(unknown)
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
    /// Each query's part, `[q]`: its reciprocal rank, its average precision, ….
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
mod tests;
