//! The best k of a stream of scores.
//!
//! Takes rows of scores in ascending order of gallery place; keeps at most 2k candidates and a
//! threshold, below which a score is passed over without a branch on each. Equal scores keep the
//! earlier place, so the answer does not depend on how the stream was cut.

use std::cmp::Ordering;

/// Candidates of one query.
#[derive(Clone, Debug)]
pub(super) struct Top {
    k: usize,
    kept: Vec<(f32, u32)>,
    /// The k-th best score so far; a later score must be greater to matter.
    threshold: f32,
}

/// Falling score, then rising place. Scores are never NaN here.
fn order(a: &(f32, u32), b: &(f32, u32)) -> Ordering {
    b.0.partial_cmp(&a.0).unwrap_or(Ordering::Equal).then(a.1.cmp(&b.1))
}

impl Top {
    /// Keeps the best `k`, at least 1.
    pub(super) fn new(k: usize) -> Top {
        Top { k, kept: Vec::new(), threshold: f32::NEG_INFINITY }
    }

    /// Looks at the scores of the places from `first` on; `skip` is a place that does not count.
    /// Calls must come in ascending order of place.
    pub(super) fn offer(&mut self, scores: &[f32], first: u32, skip: Option<u32>) {
        // 64 comparisons without a branch cost less than one mispredicted branch.
        for (i, chunk) in scores.chunks(64).enumerate() {
            let threshold = self.threshold;
            if !chunk.iter().fold(false, |any, &score| any | (score > threshold)) {
                continue;
            }
            for (j, &score) in chunk.iter().enumerate() {
                let place = first + (i * 64 + j) as u32;
                if score > self.threshold && Some(place) != skip {
                    self.kept.push((score, place));
                    if self.kept.len() >= 2 * self.k {
                        self.prune();
                    }
                }
            }
        }
    }

    /// The k-th best score so far: a lower one is not among the best. Negative infinity before `k` were kept.
    pub(super) fn threshold(&self) -> f32 {
        self.threshold
    }

    /// Takes the score of a place in any order of places.
    pub(super) fn push(&mut self, score: f32, place: u32) {
        // An equal score may have the earlier place.
        if score >= self.threshold {
            self.kept.push((score, place));
            if self.kept.len() >= 2 * self.k {
                self.prune();
            }
        }
    }

    fn prune(&mut self) {
        if self.kept.len() >= self.k {
            let (_, &mut (score, _), _) = self.kept.select_nth_unstable_by(self.k - 1, order);
            self.kept.truncate(self.k);
            self.threshold = score;
        }
    }

    /// The best, in order; fewer than k when fewer were offered.
    pub(super) fn finish(mut self) -> Vec<(f32, u32)> {
        self.prune();
        self.kept.sort_unstable_by(order);
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Few different scores make many ties; any cut of the stream gives what a full stable sort gives.
        #[test]
        fn equals_a_full_sort(scores in prop::collection::vec(0u8..6, 0..400), k in 1usize..40, cut in 1usize..90, skip in 0u32..400) {
            let scores: Vec<f32> = scores.into_iter().map(f32::from).collect();
            let mut top = Top::new(k);
            for (i, part) in scores.chunks(cut).enumerate() {
                top.offer(part, (i * cut) as u32, Some(skip));
            }
            let mut all: Vec<(f32, u32)> = scores.iter().copied().zip(0..).filter(|&(_, place)| place != skip).collect();
            all.sort_by(|a, b| b.0.total_cmp(&a.0));
            all.truncate(k);
            prop_assert_eq!(top.finish(), all.clone());
            let mut top = Top::new(k);
            let shuffled = (0..scores.len()).map(|i| (i * 7 + cut) % scores.len()).filter(|i| *i != skip as usize);
            if !scores.len().is_multiple_of(7) {
                shuffled.for_each(|i| top.push(scores[i], i as u32));
                prop_assert_eq!(top.finish(), all);
            }
        }
    }
}
