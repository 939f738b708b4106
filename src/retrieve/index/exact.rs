//! Exact nearest neighbours by cosine, as blocked products.
//!
//! Takes queries `[q, d]` and a gallery `[n, d]`; gives for each query the best k. Rows are L2-normalised while they are packed
//! for `kernel` (a zero row stays zero, as in PyTorch's `normalize`, and has cosine 0 with everything). A thread takes a block of
//! queries through a tile of the gallery, some rows at a time, and looks at the cosines while they are in its nearest cache.
//!
//! Every cosine is made by the same operations in the same order, so equal rows give equal bits wherever they stand, and ties are
//! true ties.

use std::collections::HashMap;
use std::ops::Range;

use rayon::prelude::*;

use super::top::Top;
use super::{Neighbours, kernel};
use crate::base::{Cancel, Progress};
use crate::retrieve::{Embeddings, NONE, Ranking, RetrieveError};

/// Version of the algorithm, for keys.
pub const VERSION: u32 = 1;

/// Gallery rows in a tile: 2048 × 512 floats are 4 MB, which the last cache holds for all threads.
pub(super) const GALLERY_TILE: usize = 2048;
/// Most queries in a block: 96 × 512 floats are 192 kB of the second cache.
const MOST_QUERIES: usize = 96;
/// Blocks that few queries are cut into.
const BLOCKS: usize = 16;

/// The best `k` photos of the gallery for each query, by cosine; ties go to the earlier gallery
/// place; a query's own photo is not in its list; lists are short when the gallery is.
///
/// # Errors
/// When dims differ, `k` is 0, a number is not finite (its photo is named), or on a stop.
pub fn search(
    queries: &Embeddings,
    gallery: &Embeddings,
    k: usize,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Ranking, RetrieveError> {
    let found = neighbours(queries, gallery, k, progress, cancel)?;
    let items = found.places.iter().map(|&place| if place == NONE { NONE } else { gallery.photos[place as usize] });
    Ok(Ranking { queries: queries.photos.clone(), k, items: items.collect(), scores: found.cosines })
}

/// As [`search`], with places in the gallery for photos, for steps that go on to use the rows.
///
/// # Errors
/// As [`search`].
pub fn neighbours(
    queries: &Embeddings,
    gallery: &Embeddings,
    k: usize,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Neighbours, RetrieveError> {
    let top = Top::new(at_least_one(k)?);
    let own = own_places(queries, gallery);
    let mut states: Vec<(Top, Option<u32>)> = own.into_iter().map(|own| (top.clone(), own)).collect();
    tiles(queries, gallery, &mut states, |(top, own), cosines, from| top.offer(cosines, from, *own), progress, cancel)?;
    Ok(finished(k, states))
}

/// As [`neighbours`], by `score(query, place, cosine)`; the lists' "cosines" are then these scores, which may not be NaN.
///
/// # Errors
/// As [`search`].
pub(in crate::retrieve) fn by(
    queries: &Embeddings,
    gallery: &Embeddings,
    k: usize,
    score: impl Fn(usize, u32, f32) -> f32 + Sync,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Neighbours, RetrieveError> {
    let top = Top::new(at_least_one(k)?);
    let own = own_places(queries, gallery);
    let mut states: Vec<((Top, Option<u32>), usize)> = own.into_iter().map(|own| (top.clone(), own)).zip(0..).collect();
    let look = |((top, own), query): &mut ((Top, Option<u32>), usize), cosines: &[f32], from: u32| {
        let mut scores = [0.0f32; kernel::MOST_SEEN];
        let scores = &mut scores[..cosines.len()];
        for ((out, &cosine), place) in scores.iter_mut().zip(cosines).zip(from..) {
            *out = score(*query, place, cosine);
        }
        top.offer(scores, from, *own);
    };
    tiles(queries, gallery, &mut states, look, progress, cancel)?;
    Ok(finished(k, states.into_iter().map(|(state, _)| state).collect()))
}

/// For each query ln Σ exp(`beta` · cosine) over the gallery without the query's own photo; −∞ for an empty one.
///
/// # Errors
/// As [`search`].
pub(in crate::retrieve) fn log_sums(
    queries: &Embeddings,
    gallery: &Embeddings,
    beta: f64,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Vec<f64>, RetrieveError> {
    let own = own_places(queries, gallery);
    let mut states: Vec<(Option<u32>, f64, f64)> = own.into_iter().map(|own| (own, f64::NEG_INFINITY, 0.0)).collect();
    // In the order of the gallery, however it is cut; the greatest so far is taken out of the sum.
    let look = |(own, greatest, sum): &mut (Option<u32>, f64, f64), cosines: &[f32], from: u32| {
        for (&cosine, place) in cosines.iter().zip(from..) {
            if Some(place) == *own {
                continue;
            }
            let x = beta * f64::from(cosine);
            if x > *greatest {
                *sum *= (*greatest - x).exp();
                *greatest = x;
            }
            *sum += (x - *greatest).exp();
        }
    };
    tiles(queries, gallery, &mut states, look, progress, cancel)?;
    Ok(states.into_iter().map(|(_, greatest, sum)| greatest + sum.ln()).collect())
}

pub(super) fn at_least_one(k: usize) -> Result<usize, RetrieveError> {
    let none = RetrieveError::Shape { what: "length of a ranked list, at least", expected: 1, found: 0 };
    if k == 0 { Err(none) } else { Ok(k) }
}

pub(super) fn finished(k: usize, states: Vec<(Top, Option<u32>)>) -> Neighbours {
    let lists: Vec<Vec<(f32, u32)>> = states.into_par_iter().map(|(top, _)| top.finish()).collect();
    Neighbours::of(k, lists.into_iter())
}

/// For each query its own place in the gallery, where it has one.
pub(super) fn own_places(queries: &Embeddings, gallery: &Embeddings) -> Vec<Option<u32>> {
    let place: HashMap<u32, u32> = gallery.photos.iter().copied().zip(0..).collect();
    queries.photos.iter().map(|photo| place.get(photo).copied()).collect()
}

/// Shows every query the cosines of all gallery rows, a tile at a time, in the order of the gallery. `states` has one entry a
/// query; `look` takes it, some cosines, and the place of the first of them.
///
/// # Errors
/// When dims differ, a number is not finite (its photo is named), or on a stop.
pub(super) fn tiles<S: Send>(
    queries: &Embeddings,
    gallery: &Embeddings,
    states: &mut [S],
    look: impl Fn(&mut S, &[f32], u32) + Sync,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<(), RetrieveError> {
    let look = |state: &mut S, (): &mut (), cosines: &[f32], from: u32| look(state, cosines, from);
    tiles_beside(queries, gallery, states, |_, _| (), look, progress, cancel)
}

/// As [`tiles`], with something beside the cosines: before a query sees a tile, `beside` makes it for the tile's places, and it lasts as
/// long as the tile.
///
/// # Errors
/// As [`tiles`].
pub(in crate::retrieve) fn tiles_beside<S: Send, B>(
    queries: &Embeddings,
    gallery: &Embeddings,
    states: &mut [S],
    beside: impl Fn(&mut S, Range<u32>) -> B + Sync,
    look: impl Fn(&mut S, &mut B, &[f32], u32) + Sync,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<(), RetrieveError> {
    queries.check()?;
    gallery.check()?;
    if queries.dim != gallery.dim {
        let (expected, found) = (gallery.dim, queries.dim);
        return Err(RetrieveError::Shape {
            what: "numbers in a query's embedding, as in the gallery",
            expected,
            found,
        });
    }
    let (q, n, dim, height) = (queries.len(), gallery.len(), gallery.dim, height(queries.len()));
    let (mut groups, mut panels) = (Vec::new(), Vec::new());
    kernel::pack(queries, 0, q, kernel::GROUP, &mut groups);
    for from in (0..n).step_by(GALLERY_TILE) {
        progress.at("search", from as u64, n as u64, "photos");
        cancel.check()?;
        let real = GALLERY_TILE.min(n - from);
        kernel::pack(gallery, from, real, kernel::width(), &mut panels);
        let places = from as u32..(from + real) as u32;
        let blocks = states.par_chunks_mut(height).zip(groups.par_chunks(height * dim));
        blocks.for_each_init(Vec::new, |spare, (states, groups)| {
            let mut besides: Vec<B> = states.iter_mut().map(|state| beside(state, places.clone())).collect();
            kernel::walk(groups, &panels, dim, spare, |first, step, lines| {
                let there = step.min(real - first);
                for ((state, beside), line) in states.iter_mut().zip(&mut besides).zip(lines.chunks_exact(step)) {
                    look(state, beside, &line[..there], (from + first) as u32);
                }
            });
        });
    }
    progress.at("search", n as u64, n as u64, "photos");
    Ok(())
}

/// Queries in a block, which is the work of one thread at a time; few queries are cut finer, so that all threads have some.
pub(super) fn height(queries: usize) -> usize {
    queries.div_ceil(BLOCKS).next_multiple_of(kernel::GROUP).clamp(kernel::GROUP, MOST_QUERIES)
}

/// 1 / ‖row‖₂, summed in f64 so that no finite row overflows; 0 for a zero row.
pub(in crate::retrieve) fn inverse_norm(row: &[f32]) -> f64 {
    let square: f64 = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    if square > 0.0 { square.sqrt().recip() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::Seed;
    use crate::base::progress::Silent;

    fn run(queries: &Embeddings, gallery: &Embeddings, k: usize) -> Ranking {
        search(queries, gallery, k, &Silent, &Cancel::new()).unwrap()
    }

    fn drawn(seed: u64, photos: std::ops::Range<u32>, dim: usize) -> Embeddings {
        let mut draws = Seed::new(seed).draws();
        let data = (0..photos.len() * dim).map(|_| draws.normal() as f32).collect();
        Embeddings::new(dim, photos.collect(), data).unwrap()
    }

    /// All cosines in f64, a full stable sort.
    fn naive(queries: &Embeddings, gallery: &Embeddings, k: usize) -> Vec<Vec<(u32, f64)>> {
        let unit = |row: &[f32]| -> Vec<f64> {
            let norm = row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
            row.iter().map(|&x| if norm > 0.0 { f64::from(x) / norm } else { 0.0 }).collect()
        };
        let list = |query: &[f32], photo: u32| {
            let query = unit(query);
            let mut all: Vec<(u32, f64)> = gallery
                .rows()
                .zip(&gallery.photos)
                .filter(|&(_, &other)| other != photo)
                .map(|(row, &other)| (other, unit(row).iter().zip(&query).map(|(a, b)| a * b).sum()))
                .collect();
            // Not `total_cmp`, which parts 0 from -0.
            all.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap());
            all.truncate(k);
            all
        };
        queries.rows().zip(&queries.photos).map(|(row, &photo)| list(row, photo)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Corners of a cube make many exact ties; photos overlap, so queries meet themselves.
        #[test]
        fn equals_the_naive_search(seed: u64, q in 0u32..20, n in 0u32..60, k in 1usize..12, shift in 0u32..30) {
            let mut draws = Seed::new(seed).draws();
            let mut rows = |photos: std::ops::Range<u32>| {
                // Four coordinates ±1: every norm is 2, every product ±¼ exactly, every cosine one of -1, -½, 0, ½, 1.
                let data = (0..4 * photos.len()).map(|_| if draws.chance(0.5) { 1.0 } else { -1.0 }).collect();
                Embeddings::new(4, photos.collect(), data).unwrap()
            };
            let (queries, gallery) = (rows(0..q), rows(shift..shift + n));
            let ranking = run(&queries, &gallery, k);
            ranking.check().unwrap();
            for (i, list) in naive(&queries, &gallery, k).iter().enumerate() {
                let photos: Vec<u32> = list.iter().map(|&(photo, _)| photo).collect();
                prop_assert_eq!(ranking.list(i), &photos[..]);
                for (score, (_, cosine)) in ranking.list_scores(i).iter().zip(list) {
                    prop_assert!((f64::from(*score) - cosine).abs() < 1e-6);
                }
            }
        }
    }

    #[test]
    fn several_tiles_give_the_naive_lists() {
        let (queries, gallery) = (drawn(1, 0..1100, 8), drawn(2, 500..4800, 8));
        let ranking = run(&queries, &gallery, 5);
        ranking.check().unwrap();
        // Every 37th query; near-ties may swap, so the cosines are compared.
        let naive = naive(&queries, &gallery, 5);
        for i in (0..1100).step_by(37) {
            for (score, (_, cosine)) in ranking.list_scores(i).iter().zip(&naive[i]) {
                assert!((f64::from(*score) - cosine).abs() < 1e-6, "query {i}");
            }
        }
    }

    #[test]
    fn ties_go_to_the_earlier_place_in_every_tile() {
        // The same row at places spread over three tiles, one of them the last of the gallery; 96 dims, so that sums round.
        let mut gallery = drawn(3, 10_000..14_500, 96);
        let spread = [5, 17, 2047, 2048, 2500, 4095, 4096, 4490, 4499];
        let twin: Vec<f32> = gallery.row(5).to_vec();
        for &place in &spread {
            gallery.data[place * 96..(place + 1) * 96].copy_from_slice(&twin);
        }
        let mut queries = drawn(4, 0..3, 96);
        queries.data[96..192].copy_from_slice(&twin);
        // The second query is one of the twins in number as well: only that one is left out.
        queries.photos[1] = gallery.photos[2048];
        let ranking = run(&queries, &gallery, 8);
        let expected: Vec<u32> =
            spread.iter().filter(|&&place| place != 2048).map(|&place| gallery.photos[place]).collect();
        assert_eq!(ranking.list(1), expected);
        let scores = ranking.list_scores(1);
        assert!(scores.iter().all(|s| s.to_bits() == scores[0].to_bits()), "{scores:?}");
    }

    #[test]
    fn short_galleries_and_empty_ones() {
        let (queries, gallery) = (drawn(1, 0..2, 4), drawn(2, 1..3, 4));
        let ranking = run(&queries, &gallery, 4);
        assert_eq!(ranking.list(1), [2], "photo 1 does not answer itself");
        assert_eq!(ranking.items[5..], [NONE; 3]);
        let empty = Embeddings::new(4, vec![], vec![]).unwrap();
        assert_eq!(run(&queries, &empty, 2).items, [NONE; 4]);
        assert!(run(&empty, &gallery, 2).items.is_empty());
    }

    #[test]
    fn broken_input_is_named() {
        let (queries, mut gallery) = (drawn(1, 0..2, 4), drawn(2, 1..3, 4));
        let error = |queries: &Embeddings, gallery: &Embeddings, k| {
            search(queries, gallery, k, &Silent, &Cancel::new()).unwrap_err().to_string()
        };
        assert!(error(&queries, &drawn(2, 0..3, 5), 1).contains("expected 5, found 4"));
        assert!(error(&queries, &gallery, 0).contains("at least: expected 1, found 0"));
        gallery.data[6] = f32::INFINITY;
        assert!(error(&queries, &gallery, 1).starts_with("photo 2 has inf in dimension 2"));
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let (queries, gallery) = (drawn(1, 0..300, 64), drawn(2, 100..3000, 64));
        let with = |threads| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap()
                .install(|| run(&queries, &gallery, 10))
        };
        let one = with(1);
        for threads in [2, 5] {
            let many = with(threads);
            assert_eq!(one.items, many.items);
            let bits = |r: &Ranking| r.scores.iter().map(|s| s.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&one), bits(&many));
        }
    }
}
