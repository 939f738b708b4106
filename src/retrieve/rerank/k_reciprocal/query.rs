//! A query on its way through the gallery.
//!
//! Takes cosines as the search makes them, and the weights of both photos; keeps the best by 1 − distance. What two photos share is a
//! sum over the query's weights, each of which has a column of the gallery's photos. The sum has one order from either side, as the
//! cosine has, so a pair may be looked at from both at once.

use std::ops::Range;

use super::weights::Weights;
use crate::retrieve::index::symmetric::Lines;
use crate::retrieve::rerank::lists::best;

/// By how much a score may be off that is computed in f32, as a share of its terms: a few roundings of 6e-8.
const ROUNDING: f64 = 1e-6;
/// Photos whose scores are compared together.
const SEEN: usize = 64;

/// What a query shares with each of some places, from `first` on.
pub(super) struct Shared {
    first: u32,
    values: Vec<f32>,
}

impl Shared {
    pub(super) fn of(&self, from: u32, count: usize) -> &[f32] {
        &self.values[(from - self.first) as usize..][..count]
    }
}

/// A query on its way through the gallery.
pub(super) struct Query {
    place: u32,
    lambda: f64,
    farthest: f64,
    depth: usize,
    /// Where the next tile begins in the column of each of its weights, once it has seen one.
    next: Vec<u32>,
    /// At most twice the depth.
    list: Vec<(u32, f64)>,
    /// The last of the best so far: a lower score is not among them.
    threshold: f64,
}

impl Query {
    /// The photo at `place`, whose farthest has this squared distance; its list is to be `depth` long.
    pub(super) fn of(place: u32, lambda: f64, farthest: f64, depth: usize) -> Query {
        Query { place, lambda, farthest, depth, next: Vec::new(), list: Vec::new(), threshold: f64::NEG_INFINITY }
    }

    /// What it shares with places, which follow those of the last call: the sum over photos of the smaller of both weights.
    pub(super) fn shared(&mut self, weights: &Weights, columns: &Weights, places: Range<u32>) -> Shared {
        let own = weights.row(self.place as usize);
        if self.next.is_empty() {
            let start = |&(column, _): &(u32, f32)| {
                columns.row(column as usize).partition_point(|&(row, _)| row < places.start) as u32
            };
            self.next = own.iter().map(start).collect();
        }
        let mut values = vec![0.0f32; places.len()];
        for (&(column, weight), next) in own.iter().zip(&mut self.next) {
            for &(row, other) in &columns.row(column as usize)[*next as usize..] {
                // One comparison says that it is within both bounds.
                let Some(value) = values.get_mut(row.wrapping_sub(places.start) as usize) else { break };
                *value += if other < weight { other } else { weight };
                *next += 1;
            }
        }
        Shared { first: places.start, values }
    }

    /// The best so far, in order; nothing is left.
    pub(super) fn finish(&mut self) -> Vec<(u32, f64)> {
        let mut list = std::mem::take(&mut self.list);
        best(&mut list, self.depth);
        list.shrink_to_fit();
        list
    }

    /// The score in f32 as base + slope · cosine + jaccard · shared / (2 − shared), and how much it may be off.
    fn rough(&self) -> (f32, f32, f32, f64) {
        let slope = 2.0 * self.lambda / self.farthest;
        let off = ROUNDING * (2.0 * slope + self.lambda + 2.0);
        ((self.lambda - slope) as f32, slope as f32, (1.0 - self.lambda) as f32, off)
    }

    /// Looks at the places from `from` on, with their cosines and what they share. The score in f32 passes over nearly all.
    pub(super) fn see(&mut self, cosines: &[f32], shared: &[f32], from: u32) {
        let (base, slope, jaccard, off) = self.rough();
        for ((cosines, shared), from) in cosines.chunks(SEEN).zip(shared.chunks(SEEN)).zip((from..).step_by(SEEN)) {
            let threshold = (self.threshold - off) as f32;
            let (mut rough, mut any) = ([0.0f32; SEEN], false);
            for ((rough, &cosine), &shared) in rough.iter_mut().zip(cosines).zip(shared) {
                *rough = base + slope * cosine + jaccard * (shared / (2.0 - shared));
                any |= *rough > threshold;
            }
            if any {
                for (((&cosine, &shared), rough), place) in cosines.iter().zip(shared).zip(rough).zip(from..) {
                    if rough > threshold {
                        self.take(place, cosine, shared);
                    }
                }
            }
        }
    }

    /// Takes a place into its list, if it is good enough. The score is 1 − the final distance.
    fn take(&mut self, place: u32, cosine: f32, shared: f32) {
        let (original, shared) = ((2.0 - 2.0 * f64::from(cosine)) / self.farthest, f64::from(shared));
        let score = 1.0 - ((1.0 - shared / (2.0 - shared)) * (1.0 - self.lambda) + original * self.lambda);
        // An equal score may have the earlier place.
        if score >= self.threshold && place != self.place {
            self.list.push((place, score));
            if self.list.len() >= 2 * self.depth {
                best(&mut self.list, self.depth);
                self.threshold = self.list[self.depth - 1].1;
            }
        }
    }
}

/// Shows queries their cosines with the rows of a block, and what these share with them, as [`Query::see`] does from the other side.
pub(super) fn see_back(queries: &mut [Query], shared: &[Shared], lines: Lines) {
    let whole = queries.len();
    for (queries, skipped) in queries.chunks_mut(SEEN).zip((0..).step_by(SEEN)) {
        let (mut bases, mut slopes, mut thresholds) = ([0.0f32; SEEN], [0.0f32; SEEN], [f32::INFINITY; SEEN]);
        let (mut jaccard, count) = (0.0, queries.len());
        for (i, query) in queries.iter().enumerate() {
            let off;
            (bases[i], slopes[i], jaccard, off) = query.rough();
            thresholds[i] = (query.threshold - off) as f32;
        }
        for ((line, place), shared) in lines.each(whole).zip(shared) {
            let line = &line[skipped..][..count];
            let shared = shared.of(lines.column + skipped as u32, count);
            let (mut rough, mut any) = ([0.0f32; SEEN], false);
            for (i, (&cosine, &shared)) in line.iter().zip(shared).enumerate() {
                rough[i] = bases[i] + slopes[i] * cosine + jaccard * (shared / (2.0 - shared));
                any |= rough[i] > thresholds[i];
            }
            if any {
                for (i, query) in queries.iter_mut().enumerate() {
                    if rough[i] > thresholds[i] {
                        query.take(place, line[i], shared[i]);
                        thresholds[i] = (query.threshold - query.rough().3) as f32;
                    }
                }
            }
        }
    }
}
