//! Re-ranking by k-reciprocal neighbours (Zhong, Zheng, Cao, Li, CVPR 2017).
//!
//! Takes queries and gallery as one set; gives for each query the gallery by 1 − distance. Two photos are near when they share
//! neighbours that also have them for neighbours: the Jaccard distance of two such sets, softened by weights, mixed with the
//! original distance. The published code fills three matrices of all × all; here a photo's weights are the few numbers that are
//! not zero, and a pair without a common neighbour has the Jaccard distance 1 and is never touched. So memory grows with photos times
//! neighbours. The best of a list are exact: among untouched pairs the original distance alone decides.

use std::collections::HashSet;

use rayon::prelude::*;

use super::Run;
use super::lists::{Lists, best, order};
use super::union::Union;
use crate::retrieve::index::exact::inverse_norm;
use crate::retrieve::index::{self, Neighbours};
use crate::retrieve::{Embeddings, RetrieveError};

/// By how much the search's cosines may be off, twice over.
const SLACK: f64 = 1e-5;

/// The papers' parameters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// Neighbours looked at.
    pub k1: usize,
    /// Neighbours whose weights are averaged, the photo itself included.
    pub k2: usize,
    /// Weight of the original distance.
    pub lambda: f64,
}

/// Photos by weight: for each the (place, weight) that are not zero, by rising place.
struct Weights {
    /// Where each row starts, and the end.
    starts: Vec<usize>,
    entries: Vec<(u32, f32)>,
}

impl Weights {
    fn of(rows: Vec<Vec<(u32, f32)>>) -> Weights {
        let mut starts = vec![0];
        starts.extend(rows.iter().scan(0, |end, row| {
            *end += row.len();
            Some(*end)
        }));
        Weights { starts, entries: rows.into_iter().flatten().collect() }
    }

    fn row(&self, i: usize) -> &[(u32, f32)] {
        &self.entries[self.starts[i]..self.starts[i + 1]]
    }
}

/// Distances of one set: 2 − 2 cosine, divided for each photo by its farthest, as in the published code.
struct Distances<'a> {
    dim: usize,
    /// Rows of length 1.
    units: Vec<f32>,
    graph: &'a Neighbours,
}

/// Sums that run beside each other in a product of two rows: their order is fixed, and a compiler can make vectors of them.
const LANES: usize = 16;

impl<'a> Distances<'a> {
    fn of(all: &Embeddings, graph: &'a Neighbours) -> Distances<'a> {
        let mut units = all.data.clone();
        let dim = all.dim.max(1);
        units.par_chunks_mut(dim).for_each(|row| {
            let scale = inverse_norm(row);
            row.iter_mut().for_each(|x| *x = (f64::from(*x) * scale) as f32);
        });
        Distances { dim, units, graph }
    }

    /// The squared distance of photo `i` from its farthest; 1 where all are in one place.
    fn farthest(&self, i: usize) -> f64 {
        let farthest = 2.0 - 2.0 * f64::from(self.graph.least[i]);
        if farthest > 0.0 { farthest } else { 1.0 }
    }

    fn between(&self, i: usize, j: usize) -> f64 {
        if i == j {
            return 0.0;
        }
        let row = |i: usize| &self.units[i * self.dim..(i + 1) * self.dim];
        let (a, b) = (row(i).chunks_exact(LANES), row(j).chunks_exact(LANES));
        let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
        let mut sums = [0.0f32; LANES];
        for (a, b) in a.zip(b) {
            for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
                *sum += a * b;
            }
        }
        let cosine = sums.iter().map(|&sum| f64::from(sum)).sum::<f64>() + rest;
        (2.0 - 2.0 * cosine) / self.farthest(i)
    }
}

/// The best of the gallery for each query. `graph` has the neighbours of the union among itself, with their least cosines.
pub(super) fn rank(
    union: &Union,
    gallery: &Embeddings,
    graph: &Neighbours,
    settings: Settings,
    run: Run,
) -> Result<Lists, RetrieveError> {
    let all = &union.all;
    let Settings { k1, k2, .. } = settings;
    if k1 == 0 || k2 == 0 || !(0.0..=1.0).contains(&settings.lambda) {
        let why = format!(
            "k1 is {k1}, k2 {k2}, lambda {}; give k1 and k2 of at least 1 and lambda from 0 to 1",
            settings.lambda
        );
        return Err(RetrieveError::Step { step: "k-reciprocal", why });
    }
    let near = index::neighbours(&union.queries()?, gallery, run.depth, run.progress, run.cancel)?;
    let distances = Distances::of(all, graph);
    run.cancel.check()?;
    let raw = Weights::of((0..all.len()).into_par_iter().map(|i| weights(&distances, i, settings.k1)).collect());
    run.cancel.check()?;
    let weights = if settings.k2 == 1 {
        raw
    } else {
        Weights::of((0..all.len()).into_par_iter().map(|i| averaged(&raw, graph, i, settings.k2)).collect())
    };
    run.cancel.check()?;
    let columns = columns(&weights, all.len(), union.gallery_len());
    let entries = (0..union.places.len()).into_par_iter().map_init(
        || vec![0.0f32; union.gallery_len()],
        |shared, q| {
            let place = union.places[q] as usize;
            // Without a list of what is touched: to note it costs more than to look through all once.
            for &(column, weight) in weights.row(place) {
                for &(row, other) in columns.row(column as usize) {
                    shared[row as usize] += weight.min(other);
                }
            }
            let distance = |shared: f32, original: f64| {
                let shared = f64::from(shared);
                (1.0 - shared / (2.0 - shared)) * (1.0 - settings.lambda) + original * settings.lambda
            };
            // Not the search's cosine, which is rounded: a score may not depend on how long lists are.
            let score = |row: u32| 1.0 - distance(shared[row as usize], distances.between(place, row as usize));
            let mut list: Vec<(u32, f64)> = near.list(q).iter().map(|&row| (row, score(row))).collect();
            // What is left is not among the nearest, so its original distance is no less than theirs (the search rounds cosines
            // by less than the slack), which says how good its score can be. The most promising are looked at first, until no
            // other can come before the last of the list.
            let last = near.list(q).last();
            let closest =
                last.map_or(0.0, |&row| distances.between(place, row as usize) - SLACK / distances.farthest(place));
            let is_near: HashSet<u32> = near.list(q).iter().copied().collect();
            let rest = shared.iter().zip(0..).filter(|&(&shared, row)| shared > 0.0 && row != place as u32);
            let mut left: Vec<(u32, f64)> = rest
                .filter(|(_, row)| !is_near.contains(row))
                .map(|(&shared, row)| (row, 1.0 - distance(shared, closest)))
                .collect();
            best(&mut list, run.depth);
            let (mut some, mut next) = (&mut left[..], run.depth);
            while !some.is_empty() {
                // The next most promising, without sorting all that will never be looked at; twice as many each time, since to choose
                // them goes through all that is left.
                let many = next.min(some.len());
                next *= 2;
                if many < some.len() {
                    some.select_nth_unstable_by(many - 1, order);
                }
                let (now, later) = some.split_at_mut(many);
                now.sort_unstable_by(order);
                if list.len() >= run.depth && list[list.len() - 1].1 > now[0].1 {
                    break;
                }
                list.extend(now.iter().map(|&(row, _)| (row, score(row))));
                best(&mut list, run.depth);
                some = later;
            }
            shared.fill(0.0);
            list.shrink_to_fit();
            list
        },
    );
    Ok(Lists { entries: entries.collect() })
}

/// A photo and its `k` nearest.
fn ranks(graph: &Neighbours, i: u32, k: usize) -> impl Iterator<Item = u32> {
    let list = graph.list(i as usize);
    std::iter::once(i).chain(list[..k.min(list.len())].iter().copied())
}

/// Those of a photo and its `k` nearest that have it among their `k` nearest, in order of nearness.
fn mutual(graph: &Neighbours, i: u32, k: usize) -> Vec<u32> {
    ranks(graph, i, k).filter(|&j| ranks(graph, j, k).any(|back| back == i)).collect()
}

/// A photo's weights: exp(−distance) over its mutual neighbours, grown by those of theirs, as shares of 1.
fn weights(distances: &Distances, i: usize, k1: usize) -> Vec<(u32, f32)> {
    let core = mutual(distances.graph, i as u32, k1);
    let mut grown = core.clone();
    let half = (k1 as f64 / 2.0).round_ties_even() as usize;
    for &candidate in &core {
        let theirs = mutual(distances.graph, candidate, half);
        let common = theirs.iter().filter(|j| core.contains(j)).count();
        if 3 * common > 2 * theirs.len() {
            grown.extend(theirs);
        }
    }
    grown.sort_unstable();
    grown.dedup();
    let raw: Vec<f64> = grown.iter().map(|&j| (-distances.between(i, j as usize)).exp()).collect();
    let sum: f64 = raw.iter().sum();
    grown.into_iter().zip(raw).map(|(j, weight)| (j, (weight / sum) as f32)).collect()
}

/// The mean of the weights of a photo and its `k2` − 1 nearest.
fn averaged(raw: &Weights, graph: &Neighbours, i: usize, k2: usize) -> Vec<(u32, f32)> {
    let rows: Vec<u32> = ranks(graph, i as u32, k2 - 1).collect();
    let mut all: Vec<(u32, f32)> = rows.iter().flat_map(|&row| raw.row(row as usize)).copied().collect();
    // Stable, so that a sum goes from the nearest to the farthest.
    all.sort_by_key(|&(place, _)| place);
    let share = |part: &[(u32, f32)]| {
        (part[0].0, (part.iter().map(|&(_, w)| f64::from(w)).sum::<f64>() / rows.len() as f64) as f32)
    };
    all.chunk_by(|a, b| a.0 == b.0).map(share).collect()
}

/// For each place the gallery's rows that have a weight for it.
fn columns(weights: &Weights, all: usize, gallery: usize) -> Weights {
    let mut starts = vec![0; all + 1];
    let end = weights.starts[gallery];
    weights.entries[..end].iter().for_each(|&(column, _)| starts[column as usize + 1] += 1);
    for i in 0..all {
        starts[i + 1] += starts[i];
    }
    let mut next = starts.clone();
    let mut entries = vec![(0, 0.0); end];
    for row in 0..gallery {
        for &(column, weight) in weights.row(row) {
            entries[next[column as usize]] = (row as u32, weight);
            next[column as usize] += 1;
        }
    }
    Weights { starts, entries }
}
