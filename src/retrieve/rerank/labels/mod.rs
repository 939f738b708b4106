//! Label-aware steps: what the labels of training photos say at inference.
//!
//! Each takes the nearest labelled photos of queries and gallery as witnesses. A photo is no witness for itself, so that photos of
//! training that stand in a fold's gallery are treated as those of the test are.

pub(super) mod bridge;
pub(super) mod coarse;
pub(super) mod sort_insert;

use super::Run;
use crate::retrieve::index::{self, Neighbours};
use crate::retrieve::post::Step;
use crate::retrieve::{Labelled, RetrieveError, Sides};

/// Labelled photos that bridge looks at for each label that it wants: labels have several photos.
const BRIDGED: usize = 20;

/// How many labelled photos near each row a step looks at; none where it goes by no label.
pub(super) fn depth(step: &Step) -> Option<usize> {
    match step {
        Step::SortInsert { votes, .. } | Step::CoarseAgreement { votes, .. } => Some(*votes),
        Step::Bridge { k, .. } => Some(BRIDGED * k.max(&1)),
        _ => None,
    }
}

/// Which side's neighbours are asked for.
#[derive(Clone, Copy)]
enum Side {
    Queries,
    Gallery,
}

/// The `k` nearest labelled photos of each row of a side: the known ones where they are of these photos and enough.
fn witnesses(sides: &Sides, side: Side, labelled: &Labelled, k: usize, run: Run) -> Result<Neighbours, RetrieveError> {
    let rows = match side {
        Side::Queries => &sides.queries,
        Side::Gallery => &sides.gallery,
    };
    let Some(known) = &sides.near.labelled else {
        return index::neighbours(rows, &labelled.embeddings, k, run.progress, run.cancel);
    };
    let known = &known[side as usize];
    known.check(labelled.embeddings.len())?;
    if known.len() != rows.len() || known.k < k {
        let (expected, found) = (rows.len(), if known.k < k { known.k } else { known.len() });
        return Err(RetrieveError::Shape { what: "known neighbours among labelled photos", expected, found });
    }
    Ok(known.first(k))
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
