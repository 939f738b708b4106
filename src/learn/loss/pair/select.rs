//! Which pairs and triplets of a batch a loss sees.
//!
//! Takes the labels of the batch and of what it is compared with; gives, for each photo as *anchor*, its
//! positives (equal label) and negatives (another label). Triplets are all combinations of an anchor's
//! positives and negatives, so a list of them is only kept where a miner chose some. As
//! `loss_and_miner_utils` of pytorch-metric-learning.

use std::borrow::Cow;

/// The labels of a batch beside those of what it is compared with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Labels<'a> {
    /// Class of each photo of the batch, `b`.
    pub(super) anchors: &'a [u32],
    /// Class of each row that it is compared with, `m`.
    pub(super) others: &'a [u32],
    /// Where each photo of the batch stands among the others; none when these are the batch itself, where no
    /// photo is paired with itself from the start.
    pub(super) places: Option<&'a [u32]>,
}

impl<'a> Labels<'a> {
    /// A batch beside itself.
    pub(super) fn within(classes: &'a [u32]) -> Labels<'a> {
        Labels { anchors: classes, others: classes, places: None }
    }

    /// Anchors, by number.
    pub(super) fn rows(&self) -> std::ops::Range<u32> {
        0..self.anchors.len() as u32
    }

    /// Others of the anchor's label. Beside a memory the photo's own row is among them: miners see it, and it is
    /// taken out afterwards ([`Selection::without_self`]).
    pub(super) fn positives(&self, anchor: u32) -> impl Iterator<Item = u32> + use<'a> {
        let Labels { anchors, others, places } = *self;
        let class = anchors[anchor as usize];
        let alike = (0u32..).zip(others).filter(move |&(_, &other)| other == class).map(|(place, _)| place);
        alike.filter(move |&place| places.is_some() || place != anchor)
    }

    /// Others of another label.
    pub(super) fn negatives(&self, anchor: u32) -> impl Iterator<Item = u32> + use<'a> {
        let class = self.anchors[anchor as usize];
        (0u32..).zip(self.others).filter(move |&(_, &other)| other != class).map(|(place, _)| place)
    }

    /// Whether the other is the anchor's own row in a memory.
    fn is_self(&self, anchor: u32, other: u32) -> bool {
        self.places.is_some_and(|places| places[anchor as usize] == other)
    }
}

/// The others of each anchor; one that is there twice counts twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pairs {
    /// Of its own label.
    pub(super) positives: Vec<Vec<u32>>,
    /// Of another.
    pub(super) negatives: Vec<Vec<u32>>,
}

impl Pairs {
    /// No pair for `rows` anchors.
    pub(super) fn none(rows: usize) -> Pairs {
        Pairs { positives: vec![Vec::new(); rows], negatives: vec![Vec::new(); rows] }
    }

    /// How many positive and negative pairs.
    pub(super) fn count(&self) -> (usize, usize) {
        (self.positives.iter().map(Vec::len).sum(), self.negatives.iter().map(Vec::len).sum())
    }

    /// Whether the library's pair losses call it nothing: no more than one pair of either kind.
    pub(super) fn are_too_few(&self) -> bool {
        let (positives, negatives) = self.count();
        positives <= 1 && negatives <= 1
    }

    /// Each pair once, in order.
    pub(super) fn distinct(mut self) -> Pairs {
        for others in self.positives.iter_mut().chain(&mut self.negatives) {
            others.sort_unstable();
            others.dedup();
        }
        self
    }
}

/// What a loss is computed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Selection {
    /// Pairs; as triplets, each anchor's positives with each of its negatives.
    Pairs(Pairs),
    /// Anchor, positive and negative; as pairs, one positive and one negative for each.
    Triplets(Vec<[u32; 3]>),
}

impl Selection {
    /// All pairs that the labels allow.
    pub(super) fn all(labels: &Labels<'_>) -> Selection {
        Selection::Pairs(Pairs {
            positives: labels.rows().map(|anchor| labels.positives(anchor).collect()).collect(),
            negatives: labels.rows().map(|anchor| labels.negatives(anchor).collect()).collect(),
        })
    }

    /// Without pairs of a photo and its own row in a memory; a triplet falls with its positive pair.
    pub(super) fn without_self(mut self, labels: &Labels<'_>) -> Selection {
        match &mut self {
            Selection::Pairs(pairs) => {
                for (anchor, positives) in (0..).zip(&mut pairs.positives) {
                    positives.retain(|&other| !labels.is_self(anchor, other));
                }
            }
            Selection::Triplets(triplets) => {
                triplets.retain(|&[anchor, positive, _]| !labels.is_self(anchor, positive));
            }
        }
        self
    }

    /// As pairs of `rows` anchors.
    pub(super) fn pairs(&self, rows: usize) -> Cow<'_, Pairs> {
        match self {
            Selection::Pairs(pairs) => Cow::Borrowed(pairs),
            Selection::Triplets(triplets) => {
                let mut pairs = Pairs::none(rows);
                for &[anchor, positive, negative] in triplets {
                    pairs.positives[anchor as usize].push(positive);
                    pairs.negatives[anchor as usize].push(negative);
                }
                Cow::Owned(pairs)
            }
        }
    }

    /// Calls for each triplet, in order.
    pub(super) fn each_triplet(&self, mut each: impl FnMut([u32; 3])) {
        match self {
            Selection::Triplets(triplets) => triplets.iter().copied().for_each(each),
            Selection::Pairs(pairs) => {
                for ((anchor, positives), negatives) in (0..).zip(&pairs.positives).zip(&pairs.negatives) {
                    for &positive in positives {
                        negatives.iter().for_each(|&negative| each([anchor, positive, negative]));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_and_triplets_of_five_photos_by_hand() {
        let labels = Labels::within(&[7, 7, 3, 7, 5]);
        let all = Selection::all(&labels);
        let Selection::Pairs(pairs) = &all else { panic!() };
        assert_eq!(pairs.positives, [vec![1, 3], vec![0, 3], vec![], vec![0, 1], vec![]]);
        assert_eq!(pairs.negatives, [vec![2, 4], vec![2, 4], vec![0, 1, 3, 4], vec![2, 4], vec![0, 1, 2, 3]]);
        assert_eq!((pairs.count(), pairs.are_too_few()), ((6, 14), false));
        let mut triplets = Vec::new();
        all.each_triplet(|triplet| triplets.push(triplet));
        // Three anchors with two positives and two negatives.
        assert_eq!(triplets.len(), 12);
        assert_eq!(triplets[..3], [[0, 1, 2], [0, 1, 4], [0, 3, 2]]);
        let back = Selection::Triplets(triplets).pairs(5).into_owned();
        assert_eq!(back.positives[0], [1, 1, 3, 3]);
        assert_eq!(back.clone().distinct().positives[0], [1, 3]);
        // Without a positive no triplet, and so no negative pair.
        assert!(back.negatives[2].is_empty());
    }

    #[test]
    fn a_photos_own_row_in_a_memory_is_taken_out() {
        // The batch (1, 2) stands at 3 and 0 of a memory of four.
        let labels = Labels { anchors: &[1, 2], others: &[2, 1, 2, 1], places: Some(&[3, 0]) };
        let all = Selection::all(&labels).without_self(&labels);
        let expected = Pairs { positives: vec![vec![1], vec![2]], negatives: vec![vec![0, 2], vec![1, 3]] };
        assert_eq!(all, Selection::Pairs(expected));
        let triplets = Selection::Triplets(vec![[0, 3, 0], [0, 1, 0], [1, 3, 3]]).without_self(&labels);
        assert_eq!(triplets, Selection::Triplets(vec![[0, 1, 0], [1, 3, 3]]));
    }
}
