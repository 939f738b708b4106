//! Several recipes that answer together: what is fused, by which weights, and what each member is worth.
//!
//! Takes for each query the candidates that any member found, with what every member says of each ([`pool`]); gives fused lists, the
//! metric under any weights, weights that a search finds ([`search`]), and the [`mod@report`] of what each member contributes. Knows
//! neither recipes nor networks.
//!
//! All four fusions are one thing here: a number from each member for each candidate, multiplied by the member's factor and added. They
//! differ in the numbers: cosines for `concat` and `similarity`, places in lists for `rrf`, scores brought to one scale for `wsum`
//! ([`lists`]). So one try of weights is a weighted sum over candidates, and never a search of the gallery.

mod declared;
pub mod lists;
pub mod outside;
pub mod pool;
pub mod report;
pub mod search;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::base::Value;
use crate::base::value::DecodeError;

pub use declared::{SECTIONS, TECHNIQUES};
pub use lists::Norm;
pub use pool::{Candidates, Pool};
pub use report::{Asked, Contribution, Report, report};
pub use search::GRID;

/// Version of the algorithms, for keys.
pub const VERSION: u32 = 1;

/// `[ensemble]` as it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ensemble {
    /// The members.
    pub of: Vec<Source>,
    /// How their answers become one.
    pub fusion: Fusion,
    /// What each counts.
    pub weights: Weights,
}

impl Ensemble {
    /// The settings of a canonical `[ensemble]` table.
    ///
    /// # Errors
    /// When the table does not fit, which the declared rows should have caught.
    pub fn of(table: &Value) -> Result<Ensemble, DecodeError> {
        table.decode()
    }
}

/// Where a member's answers come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Source {
    /// A recipe's file.
    Recipe(String),
    /// A file of embeddings.
    Embeddings {
        /// `.npy`, `.safetensors` or `.parquet`; `{fold}` in its name stands for the number of the fold.
        embeddings: String,
        /// The ids of its rows, one a line; a Parquet file has them itself.
        #[serde(default)]
        ids: Option<String>,
    },
    /// A file of ranked lists.
    Ranked {
        /// A table of query, gallery ids or of query, gallery id, score.
        ranked: String,
    },
}

/// How answers become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fusion {
    /// Embeddings divided by their length, times the weight, side by side.
    Concat {
        /// Directions that a PCA of the result keeps.
        #[serde(default)]
        pca: Option<usize>,
        /// Whether the PCA whitens.
        whiten: bool,
    },
    /// The weighted sum of cosines.
    Similarity {},
    /// Reciprocal rank fusion.
    Rrf {
        /// What is added to each rank.
        k: usize,
    },
    /// The weighted sum of normalised scores.
    Wsum {
        /// How each list's scores come to one scale.
        norm: Norm,
    },
}

impl Fusion {
    /// The name that recipes use.
    pub fn name(self) -> &'static str {
        match self {
            Fusion::Concat { .. } => "concat",
            Fusion::Similarity {} => "similarity",
            Fusion::Rrf { .. } => "rrf",
            Fusion::Wsum { .. } => "wsum",
        }
    }

    /// Whether the result is embeddings, so that steps can go on from it; otherwise it is lists.
    pub fn gives_embeddings(self) -> bool {
        matches!(self, Fusion::Concat { .. })
    }

    /// Whether it reads ranked lists; otherwise it reads embeddings.
    pub fn reads_lists(self) -> bool {
        matches!(self, Fusion::Rrf { .. } | Fusion::Wsum { .. })
    }

    /// What each member's numbers are multiplied by, of sum 1: the weights, or where they stand before the dot product, their squares.
    /// Weights without any above zero count alike.
    pub fn factors(self, weights: &[f64]) -> Vec<f64> {
        let raw: Vec<f64> = match self {
            Fusion::Concat { .. } => weights.iter().map(|w| w * w).collect(),
            Fusion::Similarity {} | Fusion::Rrf { .. } | Fusion::Wsum { .. } => weights.to_vec(),
        };
        let sum: f64 = raw.iter().sum();
        if sum > 0.0 { raw.iter().map(|f| f / sum).collect() } else { vec![1.0 / raw.len().max(1) as f64; raw.len()] }
    }

    /// What a member's rows of length 1 are multiplied by before they stand side by side, so that the cosines of the result are the
    /// fused ones: the square roots of [`Fusion::factors`].
    pub fn scales(self, weights: &[f64]) -> Vec<f64> {
        self.factors(weights).into_iter().map(f64::sqrt).collect()
    }
}

/// What each member counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Weights {
    /// `equal` or `search`.
    Named(Named),
    /// One a member.
    Given(Vec<f64>),
}

/// Weights by a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Named {
    /// All alike.
    Equal,
    /// Found on held-out queries.
    Search,
}

impl Weights {
    /// Whether they are searched.
    pub fn are_searched(&self) -> bool {
        *self == Weights::Named(Named::Search)
    }

    /// The weights of `members` members, of sum 1; of searched ones those that the search begins with.
    pub fn written(&self, members: usize) -> Vec<f64> {
        match self {
            Weights::Given(weights) => {
                let sum: f64 = weights.iter().sum();
                weights.iter().map(|w| w / if sum > 0.0 { sum } else { 1.0 }).collect()
            }
            Weights::Named(_) => vec![1.0 / members.max(1) as f64; members],
        }
    }
}
