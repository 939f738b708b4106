//! Sort and insert by voted labels (Landmark retrieval 2019, first place; Yokoo, Ozaki et al., arXiv 1906.04087).
//!
//! Takes lists; gives each with the photos of the query's label first, in their order, behind them photos of that label that the list
//! lacks, then the others. A photo's label is the one whose witnesses' cosines sum highest among its nearest labelled photos, its
//! confidence that sum over the number of votes; a photo is inserted when the query's confidence and its own exceed a threshold together.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use super::{Side, sums, witnesses};
use crate::retrieve::index::Neighbours;
use crate::retrieve::rerank::lists::Lists;
use crate::retrieve::rerank::{Run, terms};
use crate::retrieve::{RetrieveError, Sides};

/// A photo's voted label and the confidence in it.
fn vote(witnesses: &Neighbours, row: usize, labels: &[u32]) -> Option<(u32, f64)> {
    let sums = sums(witnesses, row, labels, f32::NEG_INFINITY);
    let best = sums.into_iter().reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map(|(label, sum)| (label, sum / witnesses.k as f64))
}

/// Reorders the lists in place; scores are moved so that they still fall: what is lifted has its own score above all others'.
pub(in crate::retrieve::rerank) fn apply(
    sides: &Sides,
    lists: &mut Lists,
    votes: usize,
    threshold: f64,
    run: Run,
) -> Result<String, RetrieveError> {
    const STEP: &str = "sort-insert";
    terms::finite(STEP, &[threshold])?;
    let labelled = sides.labelled(STEP)?;
    let voted = |side: Side| -> Result<Vec<Option<(u32, f64)>>, RetrieveError> {
        let witnesses = witnesses(sides, side, labelled, votes, run)?;
        Ok((0..witnesses.len()).map(|row| vote(&witnesses, row, &labelled.labels)).collect())
    };
    let (queries, gallery) = (voted(Side::Queries)?, voted(Side::Gallery)?);
    // Each label's photos, the surest first.
    let mut of_label: HashMap<u32, Vec<(u32, f64)>> = HashMap::new();
    for (place, vote) in (0..).zip(&gallery) {
        if let Some((label, confidence)) = vote {
            of_label.entry(*label).or_default().push((place, *confidence));
        }
    }
    of_label.par_iter_mut().for_each(|(_, photos)| super::super::lists::best(photos, usize::MAX));
    let moved = lists.entries.par_iter_mut().enumerate().map(|(query, list)| {
        let Some((label, confidence)) = queries[query] else { return (0, 0) };
        let is_own = |place: u32| sides.gallery.photos[place as usize] == sides.queries.photos[query];
        let there: HashSet<u32> = list.iter().map(|&(place, _)| place).collect();
        let inserted: Vec<u32> = of_label
            .get(&label)
            .into_iter()
            .flatten()
            .filter(|&&(place, other)| confidence + other > threshold && !there.contains(&place) && !is_own(place))
            .map(|&(place, _)| place)
            .collect();
        let (mut lifted, rest): (Vec<_>, Vec<_>) =
            list.iter().partition(|&&(place, _)| gallery[place as usize].is_some_and(|(other, _)| other == label));
        let low = list.iter().map(|&(_, score)| score).fold(f64::INFINITY, f64::min);
        let high = list.iter().map(|&(_, score)| score).fold(f64::NEG_INFINITY, f64::max);
        let (low, width) = if low <= high { (low, high - low + 1.0) } else { (0.0, 1.0) };
        let counts = (lifted.len(), inserted.len());
        lifted.iter_mut().for_each(|(_, score)| *score += 2.0 * width);
        let share = |i: usize| (inserted.len() - i) as f64 / (inserted.len() + 1) as f64;
        let between: Vec<(u32, f64)> =
            inserted.iter().enumerate().map(|(i, &place)| (place, low + width + (width - 1.0) * share(i))).collect();
        let length = list.len().max(run.depth);
        *list = lifted.into_iter().chain(between).chain(rest).take(length).collect();
        counts
    });
    let (lifted, inserted) = moved.reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    let mean = |count: usize| count as f64 / lists.entries.len().max(1) as f64;
    Ok(format!("sort-insert: {:.1} photos lifted and {:.1} inserted a query", mean(lifted), mean(inserted)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Cancel;
    use crate::base::progress::Silent;
    use crate::retrieve::{Embeddings, Labelled};

    #[test]
    fn worked_by_hand() {
        let at = |degrees: f64| [degrees.to_radians().cos() as f32, degrees.to_radians().sin() as f32];
        let rows = |first: u32, degrees: &[f64]| {
            let data = degrees.iter().flat_map(|&d| at(d)).collect();
            Embeddings::new(2, (first..first + degrees.len() as u32).collect(), data).unwrap()
        };
        // Labels 7 at 0 and 200 degrees, 8 at 90: a query at 10 has label 7, and so has the photo at 190.
        let embeddings = rows(100, &[0.0, 200.0, 90.0]);
        let labelled = Labelled { embeddings, labels: vec![7, 7, 8], coarse: None };
        let (queries, gallery) = (rows(0, &[10.0]), rows(10, &[80.0, 5.0, 190.0, 20.0]));
        let sides = Sides { labelled: Some(labelled), ..Sides::new(queries, gallery) };
        let cancel = Cancel::new();
        let run = Run { depth: 3, progress: &Silent, cancel: &cancel };
        let list = |threshold| {
            let mut lists = Lists { entries: vec![vec![(0, 0.9), (1, 0.5), (3, 0.4)]] };
            let note = apply(&sides, &mut lists, 1, threshold, run).unwrap();
            (lists.entries[0].clone(), note)
        };
        // Confidences are .985 (query) and .985 (the photo at 190): inserted up to 1.97, behind those lifted.
        let (places, note) = list(1.9);
        assert_eq!(places.iter().map(|&(place, _)| place).collect::<Vec<_>>(), [1, 3, 2]);
        assert!(places.windows(2).all(|pair| pair[0].1 > pair[1].1), "{places:?}");
        assert_eq!(note, "sort-insert: 2.0 photos lifted and 1.0 inserted a query");
        assert_eq!(list(1.98).0.iter().map(|&(place, _)| place).collect::<Vec<_>>(), [1, 3, 0]);
        let none = Sides { labelled: None, ..sides.clone() };
        let error = apply(&none, &mut Lists::default(), 1, 0.6, run).unwrap_err().to_string();
        assert!(error.contains("embed the training photos too"), "{error}");
    }
}
