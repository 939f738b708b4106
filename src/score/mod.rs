//! Ranked lists → a number, an interval, a file to hand in, and a line in the ledger.
//!
//! - [`metric`] turns a ranking and the labels into one reciprocal rank a query, and their mean.
//! - [`bootstrap`] says how far that mean would move with other queries, and whether two recipes differ.
//! - [`decide`] says whether a training can still win: stop, go on, promote.
//! - [`ensemble`] fuses several recipes' answers, finds weights, and says what each is worth.
//! - [`growth`] says what the number would be in galleries of other sizes.
//! - [`submission`] writes the competition's file and checks it against the sample before it is there.
//! - [`ledger`] remembers every file that was made: hash ↔ recipe ↔ score ↔ leaderboard, and forecasts its private score.
//!
//! The reciprocal rank of every query is kept in a [`Score`], so any two scores can be paired later
//! over the queries that both have. A score of 0.76 over 1,200 queries moves by about 0.02 from one
//! draw of queries to the next; without an interval it is not worth comparing.

pub mod bootstrap;
pub mod decide;
pub mod ensemble;
pub mod growth;
pub mod ledger;
pub mod metric;
mod number;
pub mod submission;

use std::path::PathBuf;

pub use bootstrap::{Delta, paired};
pub use metric::{Metric, Score};

use crate::base::files::FileError;
use crate::retrieve::RetrieveError;

/// Why lists could not be scored or handed in.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file is there but does not hold what its name says.
    #[error("{} is no {kind} file: {why}", path.display())]
    BadFile {
        /// Which file.
        path: PathBuf,
        /// "score", "sample submission", …
        kind: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The lists are not what a search gives.
    #[error(transparent)]
    Ranking(#[from] RetrieveError),
    /// The metric's name is unknown.
    #[error("unknown metric {0:?}; give MRR@20, or another whole number from 1 after the @")]
    UnknownMetric(String),
    /// Lists are shorter than the metric looks.
    #[error("{metric} needs ranked lists of length {needed}, these have {k}; rank again with k = {needed}")]
    ShortLists {
        /// The metric.
        metric: String,
        /// Length that it needs.
        needed: usize,
        /// Length that there is.
        k: usize,
    },
    /// A photo has no entry in the list of labels.
    #[error("photo {photo} is not in the manifest of {labels} photos that the labels belong to")]
    UnknownPhoto {
        /// Index that was asked for.
        photo: u32,
        /// How many labels there are.
        labels: usize,
    },
    /// There is nothing to average.
    #[error("there are no queries to score; the protocol must leave at least one")]
    NoQueries,
    /// Two scores are of different metrics.
    #[error("{a} and {b} cannot be compared; score both recipes with one metric")]
    DifferentMetrics {
        /// The first's metric.
        a: String,
        /// The second's metric.
        b: String,
    },
    /// A file of an ensemble's member does not fit.
    #[error(transparent)]
    Outside(#[from] ensemble::outside::OutsideError),
    /// A name means no submission of the ledger.
    #[error(transparent)]
    Unfound(#[from] ledger::Unfound),
    /// A submission would not be accepted; nothing was written.
    #[error("the submission has {} fault{}:{}", found.len(), if found.len() == 1 { "" } else { "s" }, submission::lines(found))]
    Refused {
        /// Each fault, in order of row.
        found: Vec<submission::Violation>,
    },
}
