//! Which photos a photo shares with others, and how much.
//!
//! Takes the graph of neighbours and unit rows; gives each photo's weights: exp(−distance) over its k-reciprocal neighbours, grown by
//! theirs, as shares of 1, and their mean over the nearest. Few are not zero, so they lie as rows of (place, weight), and turned around
//! as columns.

use rayon::prelude::*;

use crate::retrieve::Embeddings;
use crate::retrieve::index::Neighbours;
use crate::retrieve::index::exact::inverse_norm;

/// Photos by weight: for each the (place, weight) that are not zero, by rising place.
pub(super) struct Weights {
    /// Where each row starts, and the end.
    starts: Vec<usize>,
    entries: Vec<(u32, f32)>,
}

impl Weights {
    pub(super) fn of(rows: Vec<Vec<(u32, f32)>>) -> Weights {
        let mut starts = vec![0];
        starts.extend(rows.iter().scan(0, |end, row| {
            *end += row.len();
            Some(*end)
        }));
        Weights { starts, entries: rows.into_iter().flatten().collect() }
    }

    pub(super) fn row(&self, i: usize) -> &[(u32, f32)] {
        &self.entries[self.starts[i]..self.starts[i + 1]]
    }
}

/// Distances of one set: 2 − 2 cosine, divided for each photo by its farthest, as in the published code.
pub(super) struct Distances<'a> {
    dim: usize,
    /// Rows of length 1.
    units: Vec<f32>,
    graph: &'a Neighbours,
}

/// Sums that run beside each other in a product of two rows: their order is fixed, and a compiler can make vectors of them.
const LANES: usize = 16;

impl<'a> Distances<'a> {
    pub(super) fn of(all: &Embeddings, graph: &'a Neighbours) -> Distances<'a> {
        let mut units = all.data.clone();
        let dim = all.dim.max(1);
        units.par_chunks_mut(dim).for_each(|row| {
            let scale = inverse_norm(row);
            row.iter_mut().for_each(|x| *x = (f64::from(*x) * scale) as f32);
        });
        Distances { dim, units, graph }
    }

    /// The squared distance of photo `i` from its farthest; 1 where all are in one place.
    pub(super) fn farthest(&self, i: usize) -> f64 {
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

/// A photo and its `k` nearest.
pub(super) fn ranks(graph: &Neighbours, i: u32, k: usize) -> impl Iterator<Item = u32> {
    let list = graph.list(i as usize);
    std::iter::once(i).chain(list[..k.min(list.len())].iter().copied())
}

/// Those of a photo and its `k` nearest that have it among their `k` nearest, in order of nearness.
pub(super) fn mutual(graph: &Neighbours, i: u32, k: usize) -> Vec<u32> {
    ranks(graph, i, k).filter(|&j| ranks(graph, j, k).any(|back| back == i)).collect()
}

/// A photo's weights: exp(−distance) over its mutual neighbours, grown by those of theirs (`halves`), as shares of 1.
pub(super) fn weigh(distances: &Distances, halves: &[Vec<u32>], i: usize, k1: usize) -> Vec<(u32, f32)> {
    let core = mutual(distances.graph, i as u32, k1);
    let mut grown = core.clone();
    for &candidate in &core {
        let theirs = &halves[candidate as usize];
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

/// The mean of the weights of a photo and its `k2` − 1 nearest. `sums` is memory to work in, one zero a photo.
pub(super) fn averaged(raw: &Weights, graph: &Neighbours, i: usize, k2: usize, sums: &mut [f64]) -> Vec<(u32, f32)> {
    let (mut rows, mut places) = (0, Vec::new());
    // From the nearest to the farthest, so that sums have an order.
    for row in ranks(graph, i as u32, k2 - 1) {
        rows += 1;
        for &(place, weight) in raw.row(row as usize) {
            let sum = &mut sums[place as usize];
            if *sum == 0.0 {
                places.push(place);
            }
            *sum += f64::from(weight);
        }
    }
    places.sort_unstable();
    // A weight of 0 is noted each time that it is met.
    places.dedup();
    let mean = |place: u32| (place, (std::mem::take(&mut sums[place as usize]) / f64::from(rows)) as f32);
    places.into_iter().map(mean).collect()
}

/// For each place the gallery's rows that have a weight for it.
pub(super) fn columns(weights: &Weights, all: usize, gallery: usize) -> Weights {
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
