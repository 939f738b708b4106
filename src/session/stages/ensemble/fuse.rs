//! Answers of all members to one, on any queries and gallery: a fold's or the host's.
//!
//! Takes what each member says ([`Voice`]); gives embeddings side by side or lists ([`Fused`]), and the candidates by which weights are
//! searched. Weighted similarity is a plain search among rows that stand side by side, each scaled by the root of its weight, so it is exact over
//! the whole gallery; where a photo has no direction for some member, a further number fills its row up to length 1, so that its other cosines
//! do not grow.

use std::collections::HashMap;

use rayon::prelude::*;

use crate::base::progress::Silent;
use crate::base::{Cancel, Progress};
use crate::retrieve::post::{Fit, Pca, l2};
use crate::retrieve::{Embeddings, Labelled, NONE, Ranking, index};
use crate::score::ensemble::pool::List;
use crate::score::ensemble::{Candidates, Fusion};
use crate::session::SessionError;

/// What a member says.
pub(crate) enum Voice {
    /// Embeddings of queries and gallery.
    Embeddings(Embeddings, Embeddings),
    /// A list a query: places in the gallery with scores, best first.
    Lists(Vec<List>),
}

/// What all say together.
pub(crate) enum Fused {
    /// Embeddings.
    Embeddings {
        /// The queries.
        queries: Embeddings,
        /// The gallery.
        gallery: Embeddings,
        /// What a PCA did.
        note: Option<String>,
    },
    /// Lists.
    Lists(Ranking),
}

impl Voice {
    /// A ranking's lists, as places in a gallery.
    pub(crate) fn of_ranking(ranking: &Ranking, gallery: &[u32]) -> Voice {
        let places: HashMap<u32, u32> = gallery.iter().copied().zip(0..).collect();
        let list = |i| {
            let scored = ranking.list(i).iter().zip(ranking.list_scores(i));
            scored.filter_map(|(item, &score)| Some((*places.get(item)?, f64::from(score)))).collect()
        };
        Voice::Lists((0..ranking.queries.len()).map(list).collect())
    }

    /// Lists of at most `depth`: those that there are, or the nearest by cosine.
    fn lists(&self, depth: usize, cancel: &Cancel) -> Result<Vec<List>, SessionError> {
        Ok(match self {
            Voice::Lists(lists) => lists.iter().map(|list| list.iter().take(depth).copied().collect()).collect(),
            Voice::Embeddings(queries, gallery) => {
                let found = index::neighbours(queries, gallery, depth, &Silent, cancel)?;
                (0..found.len()).map(|i| found.pairs(i).map(|(p, s)| (p, f64::from(s))).collect()).collect()
            }
        })
    }
}

/// Joins what members say by `weights`; lists come out `depth` long where the gallery is.
///
/// # Errors
/// When a PCA does not fit, dims differ within a member, or on a stop.
pub(crate) fn fuse(
    fusion: Fusion,
    weights: &[f64],
    voices: Vec<Voice>,
    (queries, gallery): (&[u32], &[u32]),
    depth: usize,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Fused, SessionError> {
    if fusion.reads_lists() {
        let none = vec![None; 0];
        let found = candidates(fusion, &voices, (queries, gallery), &none, depth, cancel)?;
        let factors = fusion.factors(weights);
        let lists: Vec<List> = found.par_iter().map(|of| of.list(&factors, depth)).collect();
        return Ok(Fused::Lists(ranking(queries, gallery, &lists, depth)));
    }
    let scales = fusion.scales(weights);
    let (mut asked, mut among) = (Vec::new(), Vec::new());
    for (voice, scale) in voices.into_iter().zip(&scales) {
        // Who counts nothing need not stand there.
        if let (Voice::Embeddings(queries, gallery), true) = (voice, *scale > 0.0) {
            asked.push((queries, *scale));
            among.push((gallery, *scale));
        }
    }
    let fill = fusion == Fusion::Similarity {};
    let (mut queries, mut gallery) = (side_by_side(asked, false)?, side_by_side(among, fill)?);
    if gallery.dim > queries.dim {
        queries = widened(&queries, gallery.dim)?;
    }
    match fusion {
        Fusion::Similarity {} => Ok(Fused::Lists(index::search(&queries, &gallery, depth, progress, cancel)?)),
        Fusion::Concat { pca: Some(dim), whiten } => {
            let pca = Pca::fit(Fit::Gallery, &queries, &gallery, dim, whiten, cancel)?;
            let kept = pca.variance.iter().sum::<f64>() / pca.total_variance.max(f64::MIN_POSITIVE);
            let note = Some(format!("pca: {} to {dim} dimensions, {:.1} % of the variance", pca.input, kept * 100.0));
            (queries, gallery) = (pca.project(&queries)?, pca.project(&gallery)?);
            Ok(Fused::Embeddings { queries, gallery, note })
        }
        _ => Ok(Fused::Embeddings { queries, gallery, note: None }),
    }
}

/// Labelled photos as all members see them, side by side as queries and gallery are; nothing where a member that counts has none.
///
/// # Errors
/// When members have learnt from different photos.
pub(crate) fn labelled(
    fusion: Fusion,
    weights: &[f64],
    parts: Vec<Option<Labelled>>,
) -> Result<Option<Labelled>, SessionError> {
    let scales = fusion.scales(weights);
    let counting: Vec<(Option<Labelled>, f64)> =
        parts.into_iter().zip(scales).filter(|(_, scale)| *scale > 0.0).collect();
    let parts: Option<Vec<(Labelled, f64)>> = counting.into_iter().map(|(part, scale)| Some((part?, scale))).collect();
    let Some(parts) = parts else { return Ok(None) };
    let Some((first, _)) = parts.first() else { return Ok(None) };
    if parts.iter().any(|(part, _)| part.embeddings.photos != first.embeddings.photos) {
        let text = "the members have learnt from different photos, and steps by labels go by those of all: give them the same [folds]";
        return Err(SessionError::Unfit(text.to_owned()));
    }
    let (labels, coarse) = (first.labels.clone(), first.coarse.clone());
    let embeddings = side_by_side(parts.into_iter().map(|(part, scale)| (part.embeddings, scale)).collect(), false)?;
    Ok(Some(Labelled { embeddings, labels, coarse }))
}

/// Rows of length 1 of each part, scaled, side by side. `fill`: where a part has a row of zeros anywhere, a last number fills all rows up to
/// length 1.
pub(crate) fn side_by_side(mut parts: Vec<(Embeddings, f64)>, fill: bool) -> Result<Embeddings, SessionError> {
    let zeros: usize = parts.iter_mut().map(|(part, _)| l2(part)).sum();
    let photos = parts.first().map(|(part, _)| part.photos.clone()).unwrap_or_default();
    let dim = parts.iter().map(|(part, _)| part.dim).sum::<usize>() + usize::from(fill && zeros > 0);
    let mut data = Vec::with_capacity(photos.len() * dim);
    for i in 0..photos.len() {
        let mut length = 0.0;
        for (part, scale) in &parts {
            data.extend(part.row(i).iter().map(|&x| (f64::from(x) * scale) as f32));
            length += if part.row(i).iter().any(|&x| x != 0.0) { scale * scale } else { 0.0 };
        }
        if fill && zeros > 0 {
            data.push((1.0 - length).max(0.0).sqrt() as f32);
        }
    }
    Ok(Embeddings::new(dim, photos, data)?)
}

/// The same rows with zeros behind them.
fn widened(rows: &Embeddings, dim: usize) -> Result<Embeddings, SessionError> {
    let row = |row: &[f32]| row.iter().copied().chain(std::iter::repeat_n(0.0, dim - row.len())).collect::<Vec<f32>>();
    Ok(Embeddings::new(dim, rows.photos.clone(), rows.rows().flat_map(row).collect())?)
}

fn ranking(queries: &[u32], gallery: &[u32], lists: &[List], k: usize) -> Ranking {
    let mut ranking = Ranking { queries: queries.to_vec(), k, ..Ranking::default() };
    for list in lists {
        let list = &list[..k.min(list.len())];
        ranking.items.extend(list.iter().map(|&(place, _)| gallery[place as usize]));
        ranking.items.extend(std::iter::repeat_n(NONE, k - list.len()));
        ranking.scores.extend(list.iter().map(|&(_, score)| score as f32));
        ranking.scores.extend(std::iter::repeat_n(f32::NEG_INFINITY, k - list.len()));
    }
    ranking
}

/// For each query the photos that any member has among its first `depth`, with every member's number for each. `labels`: of all photos, by
/// which candidates are right.
///
/// # Errors
/// When dims differ within a member, or on a stop.
pub(crate) fn candidates(
    fusion: Fusion,
    voices: &[Voice],
    (queries, gallery): (&[u32], &[u32]),
    labels: &[Option<u32>],
    depth: usize,
    cancel: &Cancel,
) -> Result<Vec<Candidates>, SessionError> {
    let mut lists = Vec::new();
    for voice in voices {
        lists.push(voice.lists(depth, cancel)?);
    }
    let label = |photo: u32| labels.get(photo as usize).copied().flatten();
    let mut relevant: HashMap<u32, usize> = HashMap::new();
    for &photo in gallery {
        if let Some(label) = label(photo) {
            *relevant.entry(label).or_default() += 1;
        }
    }
    let among: std::collections::HashSet<u32> = gallery.iter().copied().collect();
    // With one over each row's length, so that a dot product is a cosine.
    let measured: Vec<Option<Measured<'_>>> = voices
        .iter()
        .map(|voice| match voice {
            Voice::Embeddings(queries, gallery) if !fusion.reads_lists() => {
                Some(Measured { queries, gallery, over: [over_lengths(queries), over_lengths(gallery)] })
            }
            _ => None,
        })
        .collect();
    let one = |(i, &query): (usize, &u32)| {
        let own: Vec<List> = lists.iter().map(|of| of.get(i).cloned().unwrap_or_default()).collect();
        let mut found = Candidates::of_lists(fusion, &own);
        let m = voices.len();
        for (member, measured) in measured.iter().enumerate() {
            let Some(measured) = measured else { continue };
            for (row, &place) in found.places.iter().enumerate() {
                found.numbers[row * m + member] = measured.cosine(i, place as usize);
            }
            let full = own[member].len() == depth;
            found.outside.push(own[member].last().filter(|_| full).map_or(f64::NEG_INFINITY, |(_, last)| *last));
        }
        if let Some(wanted) = label(query) {
            found.right = found.places.iter().map(|&place| label(gallery[place as usize]) == Some(wanted)).collect();
            let own = usize::from(among.contains(&query));
            found.relevant = relevant.get(&wanted).copied().unwrap_or(0).saturating_sub(own);
        }
        found
    };
    Ok(queries.par_iter().enumerate().map(one).collect())
}

/// A member's embeddings with one over the length of each row.
struct Measured<'a> {
    queries: &'a Embeddings,
    gallery: &'a Embeddings,
    over: [Vec<f64>; 2],
}

impl Measured<'_> {
    fn cosine(&self, query: usize, place: usize) -> f64 {
        let pairs = self.queries.row(query).iter().zip(self.gallery.row(place));
        let dot: f64 = pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        dot * self.over[0][query] * self.over[1][place]
    }
}

/// One over the length of each row; 0 for a row of zeros.
fn over_lengths(rows: &Embeddings) -> Vec<f64> {
    let one = |row: &[f32]| {
        let square: f64 = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        if square > 0.0 { square.sqrt().recip() } else { 0.0 }
    };
    rows.rows().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;

    fn drawn(seed: u64, photos: std::ops::Range<u32>, dim: usize) -> Embeddings {
        let mut draws = Seed::new(seed).draws();
        let data = (0..photos.len() * dim).map(|_| draws.normal() as f32).collect();
        Embeddings::new(dim, photos.collect(), data).unwrap()
    }

    fn voices() -> Vec<Voice> {
        let (mut first, second) = (drawn(2, 0..90, 7), drawn(4, 0..90, 12));
        // A photo for which the first member has no direction.
        first.data[7..14].fill(0.0);
        vec![Voice::Embeddings(drawn(1, 100..130, 7), first), Voice::Embeddings(drawn(3, 100..130, 12), second)]
    }

    fn cosine(a: &[f32], b: &[f32]) -> f64 {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let length = dot(a, a).sqrt() * dot(b, b).sqrt();
        if length > 0.0 { dot(a, b) / length } else { 0.0 }
    }

    #[test]
    fn similarity_is_the_weighted_sum_of_cosines_over_the_whole_gallery() {
        let (queries, gallery): (Vec<u32>, Vec<u32>) = ((100..130).collect(), (0..90).collect());
        let run = |fusion, depth| {
            fuse(fusion, &[0.3, 0.7], voices(), (&queries, &gallery), depth, &Silent, &Cancel::new()).unwrap()
        };
        let Fused::Lists(found) = run(Fusion::Similarity {}, 90) else { panic!("lists") };
        let all = voices();
        for i in 0..queries.len() {
            for (item, &score) in found.list(i).iter().zip(found.list_scores(i)) {
                let each = all.iter().map(|voice| match voice {
                    Voice::Embeddings(q, g) => cosine(q.row(i), g.row(*item as usize)),
                    Voice::Lists(_) => 0.0,
                });
                let sum: f64 = each.zip([0.3, 0.7]).map(|(cosine, weight)| cosine * weight).sum();
                assert!((sum - f64::from(score)).abs() < 1e-6, "query {i} photo {item}: {sum} {score}");
            }
        }
        // With the roots of the weights, concat is the same order; only a row with zeros in it is divided by its own length.
        let roots = [0.3f64.sqrt(), 0.7f64.sqrt()];
        let fusion = Fusion::Concat { pca: None, whiten: false };
        let Fused::Embeddings { queries: q, gallery: g, .. } =
            fuse(fusion, &roots, voices(), (&queries, &gallery), 90, &Silent, &Cancel::new()).unwrap()
        else {
            panic!("embeddings")
        };
        let plain = index::search(&q, &g, 90, &Silent, &Cancel::new()).unwrap();
        for i in 0..queries.len() {
            let without = |list: &[u32]| list.iter().copied().filter(|&item| item != 1).collect::<Vec<u32>>();
            assert_eq!(without(plain.list(i)), without(found.list(i)));
        }
    }

    #[test]
    fn a_proven_list_is_that_of_the_whole_gallery() {
        let (queries, gallery): (Vec<u32>, Vec<u32>) = ((100..130).collect(), (0..90).collect());
        let fusion = Fusion::Similarity {};
        let pool = crate::score::ensemble::Pool {
            members: 2,
            photos: queries.clone(),
            queries: candidates(fusion, &voices(), (&queries, &gallery), &[], 12, &Cancel::new()).unwrap(),
        };
        let Fused::Lists(whole) =
            fuse(fusion, &[0.5, 0.5], voices(), (&queries, &gallery), 5, &Silent, &Cancel::new()).unwrap()
        else {
            panic!("lists")
        };
        let factors = fusion.factors(&[0.5, 0.5]);
        let sure: Vec<usize> = (0..30).filter(|&query| pool.is_proven(query, &factors, 5)).collect();
        assert!(sure.len() > 5 && sure.len() < 30, "{}", sure.len());
        for query in sure {
            let list: Vec<u32> = pool.queries[query].list(&factors, 5).iter().map(|(place, _)| *place).collect();
            assert_eq!(list, whole.list(query));
        }
    }
}
