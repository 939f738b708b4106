//! At which places of a list the answers of a query stand.
//!
//! Takes a ranking, the label of every photo and who is in the gallery; gives, for each query, the ranks of its relevant photos and how
//! many the gallery has. Every metric is a function of these. Relevant is a photo with the query's label; a photo without label is never
//! relevant, not even to a query without label, and no photo to itself. Ranks begin at 1. Ties were broken when the list was made: by
//! the higher similarity, then by the earlier photo of the manifest.

use std::collections::{BTreeMap, HashSet};

use crate::retrieve::{ABSENT, NONE, Ranking};
use crate::score::ScoreError;

/// One query's answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// Ranks of the relevant photos in the list, ascending, from 1.
    pub ranks: Vec<usize>,
    /// Relevant photos in the gallery, found or not, the query itself not counted.
    pub relevant: usize,
}

/// Judges every query's list, in the ranking's order. `labels[photo]` is the label that counts.
///
/// # Errors
/// When the ranking fails its check, or a photo has no entry in `labels`.
pub fn judge(ranking: &Ranking, labels: &[Option<u32>], gallery: &[u32]) -> Result<Vec<Judged>, ScoreError> {
    judge_known(ranking, labels, gallery, &|_| true)
}

/// As [`judge`] by somebody who knows the label only of some photos of the gallery: the others are relevant to nobody.
///
/// # Errors
/// As [`judge`].
pub fn judge_known(
    ranking: &Ranking,
    labels: &[Option<u32>],
    gallery: &[u32],
    is_known: &dyn Fn(u32) -> bool,
) -> Result<Vec<Judged>, ScoreError> {
    ranking.check()?;
    let known = |photo: u32| photo == NONE || photo == ABSENT || (photo as usize) < labels.len();
    if let Some(&photo) = ranking.queries.iter().chain(&ranking.items).chain(gallery).find(|&&photo| !known(photo)) {
        return Err(ScoreError::UnknownPhoto { photo, labels: labels.len() });
    }
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    for &photo in gallery.iter().filter(|photo| is_known(**photo)) {
        if let Some(label) = labels.get(photo as usize).copied().flatten() {
            *counts.entry(label).or_default() += 1;
        }
    }
    let among: HashSet<u32> = gallery.iter().copied().filter(|&photo| is_known(photo)).collect();
    let one = |(i, &query): (usize, &u32)| {
        // A query that is NONE has no label and so no answer.
        let Some(label) = labels.get(query as usize).copied().flatten() else { return Judged::default() };
        let list = ranking.list(i).iter().zip(1..);
        let ranks: Vec<usize> = list
            .filter(|(item, _)| labels.get(**item as usize) == Some(&Some(label)) && is_known(**item))
            .map(|(_, rank)| rank)
            .collect();
        let own = usize::from(among.contains(&query));
        let relevant = counts.get(&label).copied().unwrap_or(0).saturating_sub(own);
        if relevant == 0
            && let Some(place) = ranking.list(i).iter().position(|item| *item == ABSENT)
        {
            // "Not in the gallery" is right then, and is all that is.
            return Judged { ranks: vec![place + 1], relevant: 1 };
        }
        Judged { ranks, relevant }
    };
    Ok(ranking.queries.iter().enumerate().map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relevant_is_what_shares_the_label_and_is_another_photo() {
        // Photo 4 has no label; photo 0 is a query that stands in the gallery itself.
        let labels = [Some(7), Some(7), Some(8), Some(7), None, Some(9)];
        let scores = vec![0.9, 0.8, 0.7, 0.9, f32::NEG_INFINITY, f32::NEG_INFINITY, 0.5, 0.4, 0.3];
        let items = vec![4, 1, 3, 0, NONE, NONE, 0, 1, 2];
        let ranking = Ranking { queries: vec![0, 5, 4], k: 3, items, scores };
        let found = judge(&ranking, &labels, &[0, 1, 2, 3, 4]).unwrap();
        let of = |ranks: &[usize], relevant| Judged { ranks: ranks.to_vec(), relevant };
        assert_eq!(found, [of(&[2, 3], 2), of(&[], 0), of(&[], 0)]);
        // Said where there is an answer it takes a place; where there is none it is the answer.
        let items = vec![4, ABSENT, 3, 0, ABSENT, NONE, 0, 1, 2];
        let said = Ranking { items, ..ranking.clone() };
        let found = judge(&said, &labels, &[0, 1, 2, 3, 4]).unwrap();
        assert_eq!(found, [of(&[3], 2), of(&[2], 1), of(&[], 0)]);
        let error = judge(&ranking, &labels[..4], &[0]).unwrap_err().to_string();
        assert!(error.starts_with("photo 5 is not in the manifest of 4 photos"), "{error}");
    }
}
