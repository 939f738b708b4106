//! Contrastive loss: equal labels together, others a margin apart.
//!
//! Takes Euclidean distances of directions; gives the mean of what positives are too far and the mean of what
//! negatives are too near, added. As pytorch-metric-learning's `ContrastiveLoss` (Hadsell, Chopra, LeCun 2006),
//! the loss of Siamese networks.

use serde::Deserialize;

use super::{Distance, Formula, Matrix, Miner, Selection, mined};
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::learn::loss::pair::{MEMORY, MINER};
use crate::learn::loss::sum::multiple::LABEL;

/// See [`ROW`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Distance within which a positive pair costs nothing.
    pub pos_margin: f64,
    /// Distance beyond which a negative pair costs nothing.
    pub neg_margin: f64,
    /// Who chooses pairs.
    pub miner: Miner,
    /// Rows of the memory; 0 for none.
    pub memory: usize,
}

impl Formula for Settings {
    mined!();

    fn name(&self) -> &'static str {
        ROW.name
    }

    fn distance(&self) -> Distance {
        Distance::LpDistance
    }

    fn loss(&self, matrix: &Matrix, selection: &Selection, slopes: &mut Matrix) -> f64 {
        let pairs = selection.pairs(matrix.rows());
        if pairs.are_too_few() {
            return 0.0;
        }
        let mut mean = |others: &[Vec<u32>], sign: f64, margin: f64| {
            let violations = || {
                let pairs =
                    (0u32..).zip(others).flat_map(|(row, others)| others.iter().map(move |&other| (row, other)));
                let violations = pairs.map(|(row, other)| (row, other, sign * (matrix.at(row, other) - margin)));
                violations.filter(|&(.., violation)| violation > 0.0)
            };
            let count = violations().count();
            if count == 0 {
                return 0.0;
            }
            let share = 1.0 / count as f64;
            violations().for_each(|(row, other, _)| slopes.add(row, other, sign * share));
            violations().map(|(.., violation)| violation).sum::<f64>() * share
        };
        mean(&pairs.positives, 1.0, self.pos_margin) + mean(&pairs.negatives, -1.0, self.neg_margin)
    }
}

/// Pairs pulled together or apart.
pub const ROW: Technique = Technique {
    name: "ContrastiveLoss",
    slot: "loss",
    about: "Pairs: pulls equal labels together and pushes others apart (Siamese networks).",
    details: "No classifier: photos of a batch are compared with each other. Embeddings are divided by their lengths, \
and d is the Euclidean distance of a pair, between 0 (same direction) and 2 (opposite); 1.41 is a right angle. A pair of \
equal labels costs max(0, d - pos_margin), a pair of different labels max(0, neg_margin - d). The loss is the mean over \
the equal pairs that cost something plus the mean over the different pairs that cost something; pairs that are right \
already are not counted, so the loss stays in sight of the hard ones and does not go down as evenly as a classifier's.

neg_margin is the distance that other labels should keep: 1 is an angle of 60 degrees. Larger asks for more room, and \
more pairs cost something. pos_margin leaves equal labels some freedom; it is nearly always 0.

Values that won: Nishika trademark search 2022 2nd: pos_margin 0, neg_margin 1 with memory = 1024 (256, 512 and 2048 were \
tried); the image similarity challenge ISC21, descriptor track, 1st: neg_margin 1.0 to 1.1 with memory = 20000. Both had few photos of each label, \
where a classifier has nothing to learn from. Start with the defaults, memory = 1024 and batches of pairs: \
sampler = { name = \"MPerClassSampler\", m = 4 } in [train].

Fails without equal pairs: with thousands of labels and batches drawn at random most photos meet none, and only \
pushing is left. With many wrong labels, positives that are none pull for ever. \
Where there are dozens of photos of each label, ArcFaceLoss is usually better. \
Cost: [b, b] numbers, or [b, memory].",
    params: &[
        Param::new(
            "pos_margin",
            Kind::Float { min: 0.0, max: 2.0 },
            Default::Is(Literal::Float(0.0)),
            "Distance within which a pair of equal labels costs nothing.",
        ),
        Param::new(
            "neg_margin",
            Kind::Float { min: 0.0, max: 2.0 },
            Default::Is(Literal::Float(1.0)),
            "Distance beyond which a pair of different labels costs nothing.",
        ),
        MINER,
        MEMORY,
        LABEL,
    ],
    source: "pytorch_metric_learning.losses.ContrastiveLoss; Hadsell, Chopra and LeCun 2006, CVPR",
    status: Status::Built,
};
