//! Multi-similarity loss: pairs, weighted by how hard they are among their anchor's others.
//!
//! Takes cosines; gives the mean over all anchors of two soft maxima, one over what positives lack and one over
//! what negatives have too much. As pytorch-metric-learning's `MultiSimilarityLoss` (Wang et al. 2019, arXiv
//! 1904.06627).

use serde::Deserialize;

use super::super::reduce::{Reducer, log_sum_exp, over_anchors};
use super::{Distance, Formula, Matrix, Miner, Selection, mined};
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::learn::loss::pair::{MEMORY, MINER};
use crate::learn::loss::sum::multiple::LABEL;

/// See [`ROW`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How sharply hard positives stand out.
    pub alpha: f64,
    /// How sharply hard negatives stand out.
    pub beta: f64,
    /// The cosine in the middle.
    pub base: f64,
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
        if pairs.are_too_few() {
            return 0.0;
        }
        let pairs = pairs.into_owned().distinct();
        over_anchors(matrix, &pairs, Reducer::Mean, slopes, |row, positives, negatives, slopes| {
            // (1/k) log(1 + Σ exp(±k (s − base))), whose slope is a share of the sum.
            let mut half = |others: &[u32], sharpness: f64, sign: f64| {
                let exponent = |&other: &u32| sign * sharpness * (row[other as usize] - self.base);
                let sum = log_sum_exp(others.iter().map(exponent).chain([0.0]));
                for other in others {
                    slopes[*other as usize] += sign * (exponent(other) - sum).exp();
                }
                sum / sharpness
            };
            half(positives, self.alpha, -1.0) + half(negatives, self.beta, 1.0)
        })
    }
}

/// Weighted pairs.
pub const ROW: Technique = Technique {
    name: "MultiSimilarityLoss",
    slot: "loss",
    about: "Pairs, each weighted by how hard it is beside the others; the first pair loss to try.",
    details: "No classifier: every photo of a batch is compared with all others by the cosine s, in -1..1. For each photo, \
loss = (1/alpha) log(1 + sum over positives exp(-alpha (s - base))) + (1/beta) log(1 + sum over negatives exp(beta (s - base))), \
and the mean over the batch is taken. A logarithm of a sum of exponentials is a soft maximum: the hardest pairs \
of each photo decide, the others count a little, and a pair's pull depends both on its own cosine and on how it stands among \
the photo's other pairs.

base: where the two halves meet; positives below it and negatives above it cost most. alpha and beta: how much the \
hardest stand out among positives and negatives. beta is large because a batch has many negatives, most of them easy; alpha is small so \
that all positives are pulled, also those that look quite different. The three are rarely tuned.

miner = { name = \"MultiSimilarityMiner\" } belongs to it in the paper: it leaves out pairs that are no harder than the \
photo's other kind.

Values that won: Nishika trademark search 2022, 1st place used it, and a late submission of the 2nd place found it better than \
ContrastiveLoss (few photos of each label, where hard samples matter). Start with the defaults, the miner, memory = 1024 \
and batches of pairs: sampler = { name = \"MPerClassSampler\", m = 4 } in [train].

Fails when most labels have one photo, when batches are small (below about 32) and have no memory, and with many wrong labels, \
which are the hardest pairs of all. Cost: [b, b] numbers, or [b, memory].",
    params: &[
        Param::new(
            "alpha",
            Kind::Float { min: 0.01, max: 1000.0 },
            Default::Is(Literal::Float(2.0)),
            "How sharply the hardest positives stand out.",
        ),
        Param::new(
            "beta",
            Kind::Float { min: 0.01, max: 1000.0 },
            Default::Is(Literal::Float(50.0)),
            "How sharply the hardest negatives stand out.",
        ),
        Param::new(
            "base",
            Kind::Float { min: -1.0, max: 1.0 },
            Default::Is(Literal::Float(0.5)),
            "The cosine that positives should be above and negatives below.",
        ),
        MINER,
        MEMORY,
        LABEL,
    ],
    source: "pytorch_metric_learning.losses.MultiSimilarityLoss; Wang et al. 2019, arXiv 1904.06627",
    status: Status::Built,
};
