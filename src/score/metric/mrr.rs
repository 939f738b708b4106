//! MRR@k: 1 / rank of the first relevant photo, 0 when none stands among the best k.
//!
//! Relevant is a photo with the query's label. Every query counts in the mean, also one whose label
//! the gallery lacks: averaging over answered queries only is the mistake that doubles scores when
//! half the queries have no answer. A photo without label is never relevant, not even to a query
//! without label. Ranks begin at 1; the cut is at k, inclusive.

use crate::retrieve::{NONE, Ranking};
use crate::score::ScoreError;

/// The reciprocal rank of each query, in the ranking's order. `labels[photo]` is the label that counts.
///
/// # Errors
/// When lists are shorter than `k` or a photo has no entry in `labels`.
pub fn reciprocal_ranks(ranking: &Ranking, labels: &[Option<u32>], k: usize) -> Result<Vec<f32>, ScoreError> {
    ranking.check()?;
    if ranking.k < k {
        return Err(ScoreError::ShortLists { metric: format!("MRR@{k}"), needed: k, k: ranking.k });
    }
    let known = |photo: u32| photo == NONE || (photo as usize) < labels.len();
    if let Some(&photo) = ranking.queries.iter().chain(&ranking.items).find(|&&photo| !known(photo)) {
        return Err(ScoreError::UnknownPhoto { photo, labels: labels.len() });
    }
    let part = |(i, &query): (usize, &u32)| {
        // A query that is NONE has no label and so no answer.
        let label = labels.get(query as usize).copied().flatten()?;
        let list = ranking.list(i);
        let first = list.iter().take(k).position(|&item| labels[item as usize] == Some(label))?;
        Some(1.0 / (first + 1) as f32)
    };
    Ok(ranking.queries.iter().enumerate().map(|query| part(query).unwrap_or(0.0)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;
    use crate::score::Metric;

    /// Lists of length `k` for queries 0.., with relevant photos at the given ranks. Query `i` has label `i`;
    /// the photos 100·(i + 1) + rank are its gallery.
    fn ranking(relevant: &[&[usize]], k: usize) -> (Ranking, Vec<Option<u32>>) {
        let mut labels = vec![None; 100 * (relevant.len() + 1)];
        let mut ranking = Ranking { k, ..Ranking::default() };
        for (i, ranks) in relevant.iter().enumerate() {
            labels[i] = Some(i as u32);
            ranking.queries.push(i as u32);
            for rank in 1..=k {
                let photo = 100 * (i + 1) + rank;
                labels[photo] = if ranks.contains(&rank) { Some(i as u32) } else { Some(1000) };
                ranking.items.push(photo as u32);
                ranking.scores.push(1.0 - rank as f32 / 100.0);
            }
        }
        (ranking, labels)
    }

    /// First relevant ranks 1, 3, 25, none in the gallery, [2, 3], 20, 21. The public mistakes give other numbers
    /// on the same lists: sum over all positives .3166667, mean over positives .2571429, over answered queries only
    /// .4708333, without the unanswerable .3138889, rank < k .2619048, +1 twice .1615646.
    const SEVEN: [&[usize]; 7] = [&[1], &[3], &[25], &[], &[2, 3], &[20], &[21]];

    fn mrr(k: usize) -> f64 {
        let (ranking, labels) = ranking(&SEVEN, 30);
        Metric::Mrr { k }.score(&ranking, &labels, None, Seed::new(1)).unwrap().value
    }

    #[test]
    fn golden_values() {
        assert!((mrr(20) - 0.269_047_6).abs() < 1e-7, "{}", mrr(20));
        assert!((mrr(10) - 0.261_904_8).abs() < 1e-7, "{}", mrr(10));
        assert!((mrr(30) - 0.281_564_6).abs() < 1e-7, "no cut in reach: {}", mrr(30));
    }

    #[test]
    fn each_part_is_kept() {
        let (ranking, labels) = ranking(&SEVEN, 30);
        let parts = reciprocal_ranks(&ranking, &labels, 20).unwrap();
        assert_eq!(parts, [1.0, 1.0 / 3.0, 0.0, 0.0, 0.5, 0.05, 0.0]);
    }

    #[test]
    fn without_label_nothing_is_relevant() {
        let (ranking, mut labels) = ranking(&[&[1], &[1]], 5);
        labels[0] = None;
        labels[101] = None;
        labels[201] = None;
        assert_eq!(reciprocal_ranks(&ranking, &labels, 5).unwrap(), [0.0, 0.0]);
    }

    #[test]
    fn lists_that_are_too_short_for_the_cut_are_no_score() {
        let (ranking, labels) = ranking(&SEVEN, 10);
        let error = reciprocal_ranks(&ranking, &labels, 20).unwrap_err();
        assert_eq!(error.to_string(), "MRR@20 needs ranked lists of length 20, these have 10; rank again with k = 20");
        let error = reciprocal_ranks(&ranking, &labels[..500], 10).unwrap_err();
        assert!(error.to_string().starts_with("photo 501 is not in the manifest of 500 photos"), "{error}");
    }

    #[test]
    fn a_gallery_smaller_than_k_is_no_mistake() {
        let scores = vec![0.9, f32::NEG_INFINITY, f32::NEG_INFINITY];
        let ranking = Ranking { queries: vec![0], k: 3, items: vec![1, NONE, NONE], scores };
        assert_eq!(reciprocal_ranks(&ranking, &[Some(4), Some(4)], 3).unwrap(), [1.0]);
        assert_eq!(reciprocal_ranks(&ranking, &[Some(4), Some(5)], 3).unwrap(), [0.0]);
    }
}
