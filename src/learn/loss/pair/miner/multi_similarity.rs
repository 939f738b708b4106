//! Pairs that are harder than the anchor's other kind, with some slack.
//!
//! Takes cosines; gives positives that are not clearly nearer than the nearest negative, and negatives that are not
//! clearly farther than the farthest positive. As pytorch-metric-learning's `MultiSimilarityMiner` (Wang et al.
//! 2019, arXiv 1904.06627).

use serde::Deserialize;

use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::learn::loss::pair::matrix::Matrix;
use crate::learn::loss::pair::select::{Labels, Pairs, Selection};

/// See [`ROW`].
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Slack, a difference of cosines.
    pub epsilon: f64,
}

/// Pairs that are not clearly solved.
pub const ROW: Technique = Technique {
    name: "MultiSimilarityMiner",
    slot: "miner",
    about: "Pairs that are not clearly solved beside the photo's other pairs; made for MultiSimilarityLoss.",
    details: "For each photo, with cosines s: a positive is taken when s - epsilon is below the cosine of the nearest negative, a negative \
when s + epsilon is above that of the farthest positive. A photo whose positives are all nearer than all its negatives, by epsilon, \
gives no pair any more. Photos without a positive or without a negative give none either.

epsilon: slack. 0.1 is the paper's and the library's. Larger takes more pairs; with 2 it takes all. Smaller looks only at what is \
in the wrong order.

Values that won: the 1st place of Nishika trademark search 2022 used MultiSimilarityLoss, for which this miner was made; what epsilon is \
not known. Start with the default.

Fails late in a training of clean data: batches run out of pairs and the loss shows 0; take larger batches, a memory, or a larger epsilon. With \
wrong labels it picks them first, as every miner of hard pairs does.",
    params: &[Param::new(
        "epsilon",
        Kind::Float { min: 0.0, max: 2.0 },
        Default::Is(Literal::Float(0.1)),
        "Slack: how much nearer than the nearest negative a solved positive is.",
    )],
    source: "pytorch_metric_learning.miners.MultiSimilarityMiner; Wang et al. 2019, arXiv 1904.06627",
    status: Status::Built,
};

impl Settings {
    pub(super) fn mine(&self, labels: &Labels<'_>, cosines: &Matrix) -> Selection {
        let mut pairs = Pairs::none(labels.anchors.len());
        for anchor in labels.rows() {
            let cosine = |other: u32| cosines.at(anchor, other);
            let nearest = labels.negatives(anchor).map(cosine).fold(f64::NEG_INFINITY, f64::max);
            let farthest = labels.positives(anchor).map(cosine).fold(f64::INFINITY, f64::min);
            let at = anchor as usize;
            pairs.positives[at] = labels.positives(anchor).filter(|&p| cosine(p) - self.epsilon < nearest).collect();
            pairs.negatives[at] = labels.negatives(anchor).filter(|&n| cosine(n) + self.epsilon > farthest).collect();
        }
        Selection::Pairs(pairs)
    }
}
