//! Steps that add a number to each score, or read the scores.
//!
//! Takes both sides and the lists so far; gives new scores: scale · score + term(query, photo). Without lists so far the whole gallery is
//! scored so, exactly; otherwise the lists are, and sorted anew. Hubs, photos that are near to everything, are lowered over the whole gallery: by
//! 2 cosine − r(query) − r(photo), r the mean cosine with the nearest of the other side (CSLS; Conneau et al., ICLR 2018), or by the share that a
//! query has in all queries' similarity to a photo (inverted softmax; Smith et al., ICLR 2017). Both ask all queries about each photo, so a
//! list depends on the other queries.

use rayon::prelude::*;

use super::lists::{Lists, best};
use super::{NotInGallery, Run};
use crate::retrieve::index::exact::{by, log_sums};
use crate::retrieve::{Embeddings, RetrieveError, Sides, index};

/// Changes all scores: `scale` · score + `term(query, place)`. Terms are finite.
pub(super) fn add(
    sides: &Sides,
    lists: &mut Option<Lists>,
    scale: f64,
    term: impl Fn(usize, u32) -> f64 + Sync,
    run: Run,
) -> Result<(), RetrieveError> {
    if let Some(lists) = lists {
        lists.entries.par_iter_mut().enumerate().for_each(|(query, list)| {
            list.iter_mut().for_each(|(place, score)| *score = scale * *score + term(query, *place));
            best(list, usize::MAX);
        });
        return Ok(());
    }
    let score = |query: usize, place: u32, cosine: f32| (scale * f64::from(cosine) + term(query, place)) as f32;
    *lists = Some(Lists::of(&by(&sides.queries, &sides.gallery, run.depth, score, run.progress, run.cancel)?));
    Ok(())
}

/// A parameter that is a number.
///
/// # Errors
/// When it is NaN or infinite.
pub(super) fn finite(step: &'static str, numbers: &[f64]) -> Result<(), RetrieveError> {
    match numbers.iter().find(|x| !x.is_finite()) {
        Some(x) => Err(RetrieveError::Step { step, why: format!("a parameter is {x}; give a number") }),
        None => Ok(()),
    }
}

/// score ← `knn_ratio` · score + (1 − `knn_ratio`) · the query's logit for the photo's class (HappyWhale 2022, first place). A photo's
/// class is the greatest of its own logits, of equals the first.
pub(super) fn class_logits(
    sides: &Sides,
    lists: &mut Option<Lists>,
    knn_ratio: f64,
    run: Run,
) -> Result<String, RetrieveError> {
    const STEP: &str = "class-logits";
    finite(STEP, &[knn_ratio])?;
    let logits = sides.logits.as_ref().ok_or_else(|| RetrieveError::Step {
        step: STEP,
        why: "there are no class logits here; it needs a loss with a class for each label (ArcFaceLoss, …), or leave it out"
            .into(),
    })?;
    let greatest =
        |row: &[f32]| (1..row.len()).fold(0, |best, class| if row[class] > row[best] { class } else { best });
    let classes: Vec<usize> = logits.gallery.chunks_exact(logits.classes).map(greatest).collect();
    let term = |query: usize, place: u32| {
        (1.0 - knn_ratio) * f64::from(logits.queries[query * logits.classes + classes[place as usize]])
    };
    add(sides, lists, knn_ratio, term, run)?;
    Ok(format!("class-logits: {} classes, knn_ratio {knn_ratio}", logits.classes))
}

/// score ← score − `weight` · (n(query) + n(photo)), n the mean cosine with the `k` nearest non-targets (Landmark 2020 recognition,
/// first place). A query's own part moves its whole list, which a threshold over queries sees.
pub(super) fn non_target_penalty(
    sides: &Sides,
    lists: &mut Option<Lists>,
    (k, weight): (usize, f64),
    run: Run,
) -> Result<String, RetrieveError> {
    const STEP: &str = "non-target-penalty";
    finite(STEP, &[weight])?;
    let none = || RetrieveError::Step {
        step: STEP,
        why: "there are no photos that are known to be no answer; supply some, or leave it out".into(),
    };
    let non_targets = sides.non_targets.as_ref().filter(|photos| !photos.is_empty()).ok_or_else(none)?;
    let likeness = |side: &Embeddings| -> Result<Vec<f64>, RetrieveError> {
        Ok(means(&index::neighbours(side, non_targets, k, run.progress, run.cancel)?))
    };
    let (queries, gallery) = (likeness(&sides.queries)?, likeness(&sides.gallery)?);
    add(sides, lists, 1.0, |query, place| -weight * (queries[query] + gallery[place as usize]), run)?;
    Ok(format!("non-target-penalty: {} non-targets, {k} nearest", non_targets.len()))
}

/// Cross-domain similarity local scaling with `k` neighbours of each side.
pub(super) fn csls(sides: &Sides, k: usize, run: Run) -> Result<Lists, RetrieveError> {
    let (queries, gallery) = (&sides.queries, &sides.gallery);
    let near = means(&index::neighbours(queries, gallery, k, run.progress, run.cancel)?);
    let back = means(&index::neighbours(gallery, queries, k, run.progress, run.cancel)?);
    let score =
        |query: usize, place: u32, cosine: f32| (2.0 * f64::from(cosine) - near[query] - back[place as usize]) as f32;
    Ok(Lists::of(&by(queries, gallery, run.depth, score, run.progress, run.cancel)?))
}

/// `beta` · cosine − ln Σ exp(`beta` · cosine) over all queries.
pub(super) fn inverted_softmax(sides: &Sides, beta: f64, run: Run) -> Result<Lists, RetrieveError> {
    finite("inverted-softmax", &[beta])?;
    let (queries, gallery) = (&sides.queries, &sides.gallery);
    let sums = log_sums(gallery, queries, beta, run.progress, run.cancel)?;
    let score = |_, place: u32, cosine: f32| (beta * f64::from(cosine) - sums[place as usize]) as f32;
    Ok(Lists::of(&by(queries, gallery, run.depth, score, run.progress, run.cancel)?))
}

/// The mean cosine of each list; 0 for an empty one.
pub(super) fn means(found: &index::Neighbours) -> Vec<f64> {
    let mean = |i| {
        let pairs = found.pairs(i);
        let count = pairs.len().max(1) as f64;
        pairs.map(|(_, cosine)| f64::from(cosine)).sum::<f64>() / count
    };
    (0..found.len()).map(mean).collect()
}

/// The greatest threshold below which at most the share `ratio` of the queries' best scores lie, and where it falls in each list: what
/// the first place of HappyWhale 2022 approached by bisection. A query without a list has no answer either way.
pub(super) fn not_in_gallery(lists: &Lists, ratio: f64) -> NotInGallery {
    let first = |list: &Vec<(u32, f64)>| list.first().map_or(f64::NEG_INFINITY, |&(_, score)| score);
    let mut firsts: Vec<f64> = lists.entries.iter().map(first).collect();
    firsts.sort_by(f64::total_cmp);
    let below = (ratio.clamp(0.0, 1.0) * firsts.len() as f64).floor() as usize;
    let threshold = firsts.get(below).copied().unwrap_or(f64::INFINITY);
    let before = lists.entries.iter().map(|list| list.iter().take_while(|&&(_, score)| score >= threshold).count());
    NotInGallery { threshold, before: before.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_leaves_the_asked_share_below_it() {
        let lists = Lists {
            entries: [0.9, 0.3, 0.5, 0.3, 0.7].iter().map(|&s| vec![(0, s), (1, s - 0.25), (2, s - 0.5)]).collect(),
        };
        // .4 of five queries are two: both with .3.
        let found = not_in_gallery(&lists, 0.4);
        assert_eq!((found.threshold, found.before.as_slice()), (0.5, &[2, 0, 1, 0, 1][..]));
        // One of the two that are equal cannot be told from the other, so none is.
        assert_eq!(not_in_gallery(&lists, 0.2).threshold, 0.3);
        assert_eq!(not_in_gallery(&lists, 0.0).before, [3, 1, 1, 1, 2]);
        assert_eq!(not_in_gallery(&lists, 1.0).before, [0; 5]);
    }
}
