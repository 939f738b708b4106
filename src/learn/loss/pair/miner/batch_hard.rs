//! The nearest and farthest others of each photo.
//!
//! Takes Euclidean distances; gives at most one triplet for each anchor (Hermans, Beyer, Leibe 2017, arXiv
//! 1703.07737), or other mixtures of easy and hard (Xuan, Stylianou, Pless 2020, arXiv 1904.04370). As
//! pytorch-metric-learning's `BatchHardMiner` and `BatchEasyHardMiner`. Of equal distances the first counts.

use serde::Deserialize;

use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::learn::loss::pair::matrix::Matrix;
use crate::learn::loss::pair::select::{Labels, Pairs, Selection};

/// The hardest triplet of each photo.
pub const HARD: Technique = Technique {
    name: "BatchHardMiner",
    slot: "miner",
    about: "Each photo with its farthest positive and its nearest negative: the hardest triplet.",
    details: "For each photo that has both: the photo of its label that is farthest from it and the photo of another label \
that is nearest to it. One triplet for each photo in place of thousands, and always the one that is most wrong. It made \
the triplet loss work for person search (Hermans et al.), with batches of a few photos (4) of each of many labels (18 or 32).

Takes no parameters; the batch is its parameter: the more photos of each label, the harder the positive.

Fails with wrong labels: the farthest positive of a batch is a wrong label sooner than a hard photo, and it is chosen every \
time. May fall into one point at the beginning of a training (see TripletMarginLoss); then take semihard triplets. \
With ContrastiveLoss it gives one pair of each kind for each photo.",
    params: &[],
    source: "pytorch_metric_learning.miners.BatchHardMiner; Hermans, Beyer and Leibe 2017, arXiv 1703.07737",
    status: Status::Built,
};

const STRATEGIES: &[&str] = &["hard", "semihard", "easy", "all"];

/// One other of each kind, easy or hard.
pub const EASY_HARD: Technique = Technique {
    name: "BatchEasyHardMiner",
    slot: "miner",
    about: "Each photo with its nearest or farthest positive and its nearest or farthest negative.",
    details: "As BatchHardMiner with a choice for each kind. Positives: \"hard\" is the farthest, \"easy\" the nearest, \"semihard\" \
the farthest that is still nearer than the chosen negative, \"all\" every one. Negatives: \"hard\" is the nearest, \"easy\" the \
farthest, \"semihard\" the nearest that is still farther than the chosen positive, \"all\" every one. Photos without a match are \
left out.

The defaults, the easiest positive with a semihard negative, are for labels whose photos look quite different from each \
other (front and back of a bottle): each photo need only be near to one of its label, and the label may lie in several places. \
That kept labels apart which training never saw better than pulling all into one point (Xuan et al.).

\"semihard\" for both kinds, or beside \"all\", has no meaning and is an error. With a memory, \"easy\" positives are the photo's own \
row, which is not compared: take another. Values that won: none that we know.",
    params: &[
        Param::new(
            "pos_strategy",
            Kind::Choice(STRATEGIES),
            Default::Is(Literal::Text("easy")),
            "Which photos of the same label.",
        ),
        Param::new(
            "neg_strategy",
            Kind::Choice(STRATEGIES),
            Default::Is(Literal::Text("semihard")),
            "Which photos of other labels.",
        ),
    ],
    source: "pytorch_metric_learning.miners.BatchEasyHardMiner; Xuan, Stylianou and Pless 2020, arXiv 1904.04370",
    status: Status::Built,
};

/// Which others of a kind are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// The one that is most wrong.
    Hard,
    /// The most wrong one that is still on the right side of the other kind's.
    Semihard,
    /// The one that is most right.
    Easy,
    /// Every one.
    All,
}

/// See [`EASY_HARD`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EasyHard {
    /// Of positives.
    pub pos_strategy: Strategy,
    /// Of negatives.
    pub neg_strategy: Strategy,
}

/// The first of the largest, or of the smallest.
fn extreme(row: &[f64], others: impl Iterator<Item = u32>, largest: bool) -> Option<u32> {
    let beats = |a: f64, b: f64| if largest { a > b } else { a < b };
    others.reduce(|best, other| if beats(row[other as usize], row[best as usize]) { other } else { best })
}

/// The farthest positive and the nearest negative of each anchor that has both.
pub(super) fn hardest(labels: &Labels<'_>, distances: &Matrix) -> Selection {
    let triplet = |anchor: u32| {
        let row = distances.row(anchor as usize);
        let positive = extreme(row, labels.positives(anchor), true)?;
        Some([anchor, positive, extreme(row, labels.negatives(anchor), false)?])
    };
    Selection::Triplets(labels.rows().filter_map(triplet).collect())
}

impl EasyHard {
    /// What of the strategies cannot hold together.
    pub(super) fn contradiction(&self) -> Option<String> {
        use Strategy::{All, Semihard};
        match (self.pos_strategy, self.neg_strategy) {
            (Semihard, Semihard) => Some(
                "BatchEasyHardMiner: pos_strategy and neg_strategy cannot both be \"semihard\", each waits for the other"
                    .to_owned(),
            ),
            (All, Semihard) | (Semihard, All) => Some(
                "BatchEasyHardMiner: \"semihard\" is measured against one photo of the other kind, which \"all\" does not name"
                    .to_owned(),
            ),
            _ => None,
        }
    }

    pub(super) fn mine(&self, labels: &Labels<'_>, distances: &Matrix) -> Selection {
        let mut pairs = Pairs::none(labels.anchors.len());
        for anchor in labels.rows() {
            let row = distances.row(anchor as usize);
            let positive = |below: Option<f64>| {
                let others = labels.positives(anchor).filter(|&p| below.is_none_or(|limit| row[p as usize] < limit));
                extreme(row, others, self.pos_strategy != Strategy::Easy)
            };
            let negative = |above: Option<f64>| {
                let others = labels.negatives(anchor).filter(|&n| above.is_none_or(|limit| row[n as usize] > limit));
                extreme(row, others, self.neg_strategy == Strategy::Easy)
            };
            let distance = |other: u32| row[other as usize];
            let (positive, negative) = match (self.pos_strategy, self.neg_strategy) {
                (Strategy::Semihard, _) => {
                    let negative = negative(None);
                    (negative.and_then(|n| positive(Some(distance(n)))), negative)
                }
                (_, Strategy::Semihard) => {
                    let positive = positive(None);
                    (positive, positive.and_then(|p| negative(Some(distance(p)))))
                }
                _ => (positive(None), negative(None)),
            };
            let at = anchor as usize;
            match (self.pos_strategy, self.neg_strategy) {
                (Strategy::All, Strategy::All) => {
                    pairs.positives[at] = labels.positives(anchor).collect();
                    pairs.negatives[at] = labels.negatives(anchor).collect();
                }
                (Strategy::All, _) => {
                    pairs.positives[at] = labels.positives(anchor).collect();
                    pairs.negatives[at] = negative.into_iter().collect();
                }
                (_, Strategy::All) => {
                    pairs.positives[at] = positive.into_iter().collect();
                    pairs.negatives[at] = labels.negatives(anchor).collect();
                }
                _ => {
                    if let (Some(positive), Some(negative)) = (positive, negative) {
                        (pairs.positives[at], pairs.negatives[at]) = (vec![positive], vec![negative]);
                    }
                }
            }
        }
        Selection::Pairs(pairs)
    }
}
