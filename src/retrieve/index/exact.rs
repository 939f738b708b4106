//! Exact nearest neighbours by cosine, as blocked matrix products.
//!
//! Takes queries `[q, d]` and a gallery `[n, d]`; gives for each query the best k. Rows are
//! L2-normalised while they are copied into a tile (a zero row stays zero, as in PyTorch's
//! `normalize`, and has cosine 0 with everything). One product gives a tile of cosines, which is
//! scanned while it is warm.
//!
//! All tiles of one search have one shape, filled up with zero rows where photos end: the matrix
//! product then walks every pair in the same order, so equal rows give equal bits wherever they
//! stand, and ties are true ties.

use std::collections::HashMap;

use candle_core::{Device, Storage, Tensor};
use rayon::prelude::*;

use super::top::Top;
use crate::base::{Cancel, Progress};
use crate::retrieve::{Embeddings, NONE, Ranking, RetrieveError};

/// Version of the algorithm, for keys.
pub const VERSION: u32 = 1;

/// Gallery rows in a tile: 2048 × 512 floats are 4 MB.
const GALLERY_TILE: usize = 2048;
/// Queries in a tile; a tile of cosines is 8 MB.
const QUERY_TILE: usize = 1024;
/// Tiles of small sets are filled up to a multiple of this, so that no product has a single row
/// (matrix-vector products sum in another order).
const ROUND: usize = 16;

/// For each query the places (not photos) of its best gallery rows, best first.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbours {
    /// `[q]` lists of (cosine, place in the gallery).
    pub lists: Vec<Vec<(f32, u32)>>,
}

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
    let mut ranking = Ranking {
        queries: queries.photos.clone(),
        k,
        items: Vec::with_capacity(queries.len() * k),
        scores: Vec::with_capacity(queries.len() * k),
    };
    for list in found.lists {
        let missing = k - list.len();
        ranking.items.extend(list.iter().map(|&(_, place)| gallery.photos[place as usize]));
        ranking.items.extend(std::iter::repeat_n(NONE, missing));
        ranking.scores.extend(list.iter().map(|&(score, _)| score));
        ranking.scores.extend(std::iter::repeat_n(f32::NEG_INFINITY, missing));
    }
    Ok(ranking)
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
    if k == 0 {
        return Err(RetrieveError::Shape { what: "length of a ranked list, at least", expected: 1, found: 0 });
    }
    let own = own_places(queries, gallery);
    let tops = vec![Top::new(k); queries.len()];
    let mut states: Vec<(Top, Option<u32>)> = tops.into_iter().zip(own).collect();
    tiles(queries, gallery, &mut states, |(top, own), cosines, from| top.offer(cosines, from, *own), progress, cancel)?;
    Ok(Neighbours { lists: states.into_par_iter().map(|(top, _)| top.finish()).collect() })
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
    let (q, n) = (queries.len(), gallery.len());
    let query_tile = QUERY_TILE.min(q.next_multiple_of(ROUND));
    let gallery_tile = GALLERY_TILE.min(n.next_multiple_of(ROUND));
    let query_tiles: Vec<Tensor> =
        (0..q).step_by(QUERY_TILE).map(|from| tile(queries, from, query_tile)).collect::<Result<_, _>>()?;
    for from in (0..n).step_by(GALLERY_TILE) {
        progress.at("search", from as u64, n as u64, "photos");
        let rows = tile(gallery, from, gallery_tile)?.t()?; // [d, t]
        let real = gallery_tile.min(n - from);
        for (i, queries) in query_tiles.iter().enumerate() {
            cancel.check()?;
            let cosines = queries.matmul(&rows)?; // [query_tile, t]
            let (storage, _) = cosines.storage_and_layout();
            let Storage::Cpu(cosines) = &*storage else {
                // Both tiles were made on the CPU.
                continue;
            };
            let cosines = cosines.as_slice::<f32>()?;
            let first = i * QUERY_TILE;
            let last = q.min(first + QUERY_TILE);
            states[first..last]
                .par_iter_mut()
                .zip(cosines.par_chunks_exact(gallery_tile))
                .for_each(|(state, row)| look(state, &row[..real], from as u32));
        }
    }
    progress.at("search", n as u64, n as u64, "photos");
    Ok(())
}

/// Rows `from..` of the embeddings, normalised, filled up with zeros to `[height, d]`.
fn tile(embeddings: &Embeddings, from: usize, height: usize) -> candle_core::Result<Tensor> {
    let dim = embeddings.dim;
    let real = height.min(embeddings.len() - from);
    let mut data = vec![0.0; height * dim];
    let rows = &embeddings.data[from * dim..(from + real) * dim];
    data.par_chunks_exact_mut(dim).zip(rows.par_chunks_exact(dim)).for_each(|(out, row)| {
        let scale = inverse_norm(row);
        for (out, &x) in out.iter_mut().zip(row) {
            *out = (f64::from(x) * scale) as f32;
        }
    });
    Tensor::from_vec(data, (height, dim), &Device::Cpu)
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
