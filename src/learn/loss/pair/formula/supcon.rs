//! Supervised contrastive loss: all positives of a photo share its probability.
//!
//! Takes cosines; gives the mean over anchors with positives of the cross-entropy between "any of my positives,
//! evenly" and a softmax over all others. As pytorch-metric-learning's `SupConLoss` (Khosla et al. 2020, arXiv
//! 2004.11362, the form with the sum outside the logarithm).

use super::super::reduce::{Reducer, log_sum_exp, over_anchors};
use super::Matrix;
use super::softmax::{self, Softmax, temperature};
use crate::book::technique::{Status, Technique};
use crate::learn::loss::pair::select::Pairs;
use crate::learn::loss::pair::{MEMORY, MINER};
use crate::learn::loss::sum::multiple::LABEL;

/// See [`ROW`].
pub type Settings = softmax::Settings<Supervised>;

/// One softmax for each anchor, whose positives share the right answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Supervised;

impl Softmax for Supervised {
    const NAME: &'static str = ROW.name;

    fn loss(temperature: f64, cosines: &Matrix, pairs: &Pairs, slopes: &mut Matrix) -> f64 {
        let pairs = pairs.clone().distinct();
        over_anchors(cosines, &pairs, Reducer::AvgNonZero, slopes, |row, positives, negatives, slopes| {
            if positives.is_empty() {
                return 0.0;
            }
            let logit = |&other: &u32| row[other as usize] / temperature;
            let sum = log_sum_exp(positives.iter().chain(negatives).map(logit));
            let share = 1.0 / positives.len() as f64;
            for other in positives.iter().chain(negatives) {
                slopes[*other as usize] += (logit(other) - sum).exp() / temperature;
            }
            for other in positives {
                slopes[*other as usize] -= share / temperature;
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
        temperature(0.1),
        MINER,
        MEMORY,
        LABEL,
    ],
    source: "pytorch_metric_learning.losses.SupConLoss; Khosla et al. 2020, arXiv 2004.11362",
    status: Status::Built,
};
