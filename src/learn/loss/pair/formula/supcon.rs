//! Supervised contrastive loss: all positives of a photo share its probability.
//!
//! Takes cosines; gives the mean over anchors with positives of the cross-entropy between "any of my positives,
//! evenly" and a softmax over all others. As pytorch-metric-learning's `SupConLoss` (Khosla et al. 2020, arXiv
//! 2004.11362, the form with the sum outside the logarithm).

use serde::Deserialize;

use super::super::reduce::{Reducer, log_sum_exp, over_anchors};
use super::{Distance, Formula, Matrix, Miner, Selection, mined};
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::learn::loss::pair::{MEMORY, MINER};

/// See [`ROW`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Divides the cosines.
    pub temperature: f64,
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
        Distance::CosineSimilarity
    }

    fn loss(&self, matrix: &Matrix, selection: &Selection, slopes: &mut Matrix) -> f64 {
        let pairs = selection.pairs(matrix.rows());
        let (positives, negatives) = pairs.count();
        if pairs.are_too_few() || positives == 0 || negatives == 0 {
            return 0.0;
        }
        let pairs = pairs.into_owned().distinct();
        over_anchors(matrix, &pairs, Reducer::AvgNonZero, slopes, |row, positives, negatives, slopes| {
            if positives.is_empty() {
                return 0.0;
            }
            let logit = |&other: &u32| row[other as usize] / self.temperature;
            let sum = log_sum_exp(positives.iter().chain(negatives).map(logit));
            let share = 1.0 / positives.len() as f64;
            for other in positives.iter().chain(negatives) {
                slopes[*other as usize] += (logit(other) - sum).exp() / self.temperature;
            }
            for other in positives {
                slopes[*other as usize] -= share / self.temperature;
            }
            positives.iter().map(|other| sum - logit(other)).sum::<f64>() * share
        })
    }
}

/// A softmax over the batch, all positives at once.
pub const ROW: Technique = Technique {
    name: "SupConLoss",
    slot: "loss",
    about: "Supervised contrastive: a softmax over the batch in which all positives of a photo share the right answer.",
    details: "No classifier is learned: for each photo, the cosines to all other photos of the batch are divided by temperature and go through \
a softmax; the loss is the mean over its positives p of -log(exp(s_p/T) / sum over all others exp(s/T)). It is least when all \
positives are equally near and everything else is far. With one positive for each photo it equals NTXentLoss; with more, positives also compete with each \
other, so the loss does not go to 0: with P positives it rests at log(P).

temperature: how sharp the softmax is. 0.1 is the paper's and the library's; 0.05 to 0.2 are usual.

Its strength is a large batch or memory: the paper has batches of 6144. In retrieval take memory = 1024 or more and batches of pairs: \
sampler = { name = \"MPerClassSampler\", m = 4 } in [train].

Values that won: none that we know in image retrieval competitions; in the paper it is about one point above a plain classifier on \
ImageNet. Compare with MultiSimilarityLoss, which looks at hard pairs more.

Fails with small batches, and where most labels have one photo: those only push. A batch without a positive pair teaches \
nothing (the loss is 0). Cost: [b, b] numbers, or [b, memory].",
    params: &[
        Param::new(
            "temperature",
            Kind::Float { min: 1e-3, max: 100.0 },
            Default::Is(Literal::Float(0.1)),
            "Divides the cosines; smaller is sharper.",
        ),
        MINER,
        MEMORY,
    ],
    source: "pytorch_metric_learning.losses.SupConLoss; Khosla et al. 2020, arXiv 2004.11362",
    status: Status::Built,
};
