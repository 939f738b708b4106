//! Re-ranking by k-reciprocal neighbours (Zhong, Zheng, Cao, Li, CVPR 2017).
//!
//! Takes queries and gallery as one set; gives for each query the gallery by 1 − distance. Two photos are near when they share
//! neighbours that also have them for neighbours: the Jaccard distance of two such sets, softened by weights ([`weights`]), mixed with the
//! original distance. The published code fills three matrices of all × all; here a photo's weights are the few numbers that are
//! not zero, and what two photos share is summed while the search's tile of their cosines is in the cache ([`query`]). So memory grows with
//! photos times neighbours, and lists are exact: every pair is scored.

mod query;
mod weights;

use std::ops::Range;

use rayon::prelude::*;

use super::Run;
use super::lists::Lists;
use super::union::Union;
use crate::retrieve::index::Neighbours;
use crate::retrieve::index::exact::tiles_beside;
use crate::retrieve::index::symmetric::symmetric;
use crate::retrieve::{Embeddings, RetrieveError};
use query::{Query, Shared, see_back};
use weights::{Distances, Weights, averaged, columns, mutual, weigh};

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
    let distances = Distances::of(all, graph);
    run.cancel.check()?;
    let half = (settings.k1 as f64 / 2.0).round_ties_even() as usize;
    let halves: Vec<Vec<u32>> = (0..all.len() as u32).into_par_iter().map(|i| mutual(graph, i, half)).collect();
    let raw = (0..all.len()).into_par_iter().map(|i| weigh(&distances, &halves, i, settings.k1));
    let raw = Weights::of(raw.collect());
    run.cancel.check()?;
    let weights = if settings.k2 == 1 {
        raw
    } else {
        let rows = (0..all.len()).into_par_iter();
        let sums = || vec![0.0f64; all.len()];
        Weights::of(rows.map_init(sums, |sums, i| averaged(&raw, graph, i, settings.k2, sums)).collect())
    };
    run.cancel.check()?;
    let n = union.gallery_len();
    let columns = columns(&weights, all.len(), n);
    let farthest: Vec<f64> = (0..all.len()).map(|i| distances.farthest(i)).collect();
    drop(distances);
    let query = |place: u32| Query::of(place, settings.lambda, farthest[place as usize], run.depth);
    let beside = |query: &mut Query, places: Range<u32>| query.shared(&weights, &columns, places);
    let look = |query: &mut Query, shared: &mut Shared, cosines: &[f32], from: u32| {
        query.see(cosines, shared.of(from, cosines.len()), from);
    };
    // Where most photos of the gallery are queries, all pairs of the gallery are made, each once.
    if all.len() == n && 2 * union.places.len() > n {
        let mut rows: Vec<Query> = (0..n as u32).map(query).collect();
        symmetric(gallery, &mut rows, beside, look, see_back, run.progress, run.cancel)?;
        let mut lists: Vec<_> = rows.par_iter_mut().map(Query::finish).collect();
        let entries = union.places.iter().map(|&place| std::mem::take(&mut lists[place as usize])).collect();
        return Ok(Lists { entries });
    }
    let mut queries: Vec<Query> = union.places.iter().map(|&place| query(place)).collect();
    tiles_beside(&union.queries()?, gallery, &mut queries, beside, look, run.progress, run.cancel)?;
    Ok(Lists { entries: queries.par_iter_mut().map(Query::finish).collect() })
}
