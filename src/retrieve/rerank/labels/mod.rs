//! Label-aware steps: what the labels of training photos say at inference.
//!
//! Each takes the nearest labelled photos of queries and gallery as witnesses. A photo is no witness for itself, so that photos of
//! training that stand in a fold's gallery are treated as those of the test are.

pub(super) mod bridge;
pub(super) mod coarse;
pub(super) mod sort_insert;

use super::Run;
use crate::retrieve::index::{self, Neighbours};
use crate::retrieve::{Embeddings, Labelled, RetrieveError};

/// The `k` nearest labelled photos of each row.
fn witnesses(rows: &Embeddings, labelled: &Labelled, k: usize, run: Run) -> Result<Neighbours, RetrieveError> {
    index::neighbours(rows, &labelled.embeddings, k, run.progress, run.cancel)
}

/// For each label among a row's witnesses the sum of their cosines, in the order in which labels are met.
fn sums(witnesses: &Neighbours, row: usize, labels: &[u32], from: f32) -> Vec<(u32, f64)> {
    let mut sums: Vec<(u32, f64)> = Vec::new();
    for (place, cosine) in witnesses.pairs(row) {
        let (label, cosine) = (labels[place as usize], f64::from(cosine.max(from)));
        match sums.iter_mut().find(|(other, _)| *other == label) {
            Some((_, sum)) => *sum += cosine,
            None => sums.push((label, cosine)),
        }
    }
    sums
}
