//! Candidates on their way to a ranking.
//!
//! Takes what a ranker gives and steps change: for each query (place in the gallery, score), a larger score being better. Of equal scores
//! the earlier place stands first, as in a search.

use crate::retrieve::index::Neighbours;
use crate::retrieve::{Embeddings, NONE, Ranking};

/// One list a query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lists {
    /// `[q]` lists of (place in the gallery, score), best first.
    pub entries: Vec<Vec<(u32, f64)>>,
}

/// The better entry first; scores are never NaN here.
pub(super) fn order(a: &(u32, f64), b: &(u32, f64)) -> std::cmp::Ordering {
    b.1.partial_cmp(&a.1).unwrap_or(std::cmp::Ordering::Equal).then(a.0.cmp(&b.0))
}

/// Sorts a list and cuts it after `k`.
pub(super) fn best(list: &mut Vec<(u32, f64)>, k: usize) {
    if k > 0 && list.len() > k {
        list.select_nth_unstable_by(k - 1, order);
        list.truncate(k);
    }
    list.sort_unstable_by(order);
}

impl Lists {
    /// Lists as a search gave them.
    pub(super) fn of(found: &Neighbours) -> Lists {
        let list = |i| found.pairs(i).map(|(place, score)| (place, f64::from(score))).collect();
        Lists { entries: (0..found.len()).map(list).collect() }
    }

    /// Entries of the longest list.
    pub fn longest(&self) -> usize {
        self.entries.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// The first `k` of each list as photos; the scores are rounded to f32.
    pub fn ranking(&self, queries: &Embeddings, gallery: &Embeddings, k: usize) -> Ranking {
        let (mut items, mut scores) = (Vec::new(), Vec::new());
        for list in &self.entries {
            let list = &list[..k.min(list.len())];
            items.extend(list.iter().map(|&(place, _)| gallery.photos[place as usize]));
            items.extend(std::iter::repeat_n(NONE, k - list.len()));
            scores.extend(list.iter().map(|&(_, score)| score as f32));
            scores.extend(std::iter::repeat_n(f32::NEG_INFINITY, k - list.len()));
        }
        Ranking { queries: queries.photos.clone(), k, items, scores }
    }
}
