//! Negatives drawn evenly over distances.
//!
//! Takes Euclidean distances; gives triplets with a drawn positive and a negative drawn with the inverse of how
//! often its distance occurs on a sphere. As pytorch-metric-learning's `DistanceWeightedMiner` (Wu et al. 2017,
//! arXiv 1706.07567). Weights are scaled anchor by anchor, where the library scales by the whole batch and
//! loses in f32 the anchors that have no near negative.

use serde::Deserialize;

use crate::base::Seed;
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::learn::loss::pair::matrix::Matrix;
use crate::learn::loss::pair::select::{Labels, Selection};

/// See [`ROW`].
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Nearer negatives count as if they were so far.
    pub cutoff: f64,
    /// Negatives from here on are never drawn.
    pub nonzero_loss_cutoff: f64,
}

/// Negatives of all distances.
pub const ROW: Technique = Technique {
    name: "DistanceWeightedMiner",
    slot: "miner",
    about: "Draws negatives so that near and far ones come equally often.",
    details: "On a sphere of many dimensions nearly all pairs are a right angle apart (distance 1.41), so negatives drawn at random are \
all alike and easy, while the hardest are few and noisy. Here a negative at distance x is drawn with the weight 1 / q(x), where \
q(x) = x^(d-2) (1 - x^2 / 4)^((d-3) / 2) says how often that distance occurs among random directions of d numbers. For each photo as many \
triplets are drawn as there are photos of its label, each with a positive drawn evenly.

cutoff: distances below count as this one, because the weights of the very nearest would leave nothing to others. \
nonzero_loss_cutoff: negatives from here on are never drawn; they cost nothing (1.4 is about a right angle). A photo without \
a nearer negative gives no triplet.

Made for the margin loss of the same paper (not here); a milder way than BatchHardMiner for TripletMarginLoss and ContrastiveLoss. \
Values that won: none that we know. Start with the defaults and embeddings of 128 to 512 numbers.

Fails with few labels in a batch (no near negatives to draw) and early, when all embeddings are nearer than cutoff and the draw is even. \
The draws are a function of the recipe's seed, the epoch and the batch.",
    params: &[
        Param::new(
            "cutoff",
            Kind::Float { min: 0.01, max: 2.0 },
            Default::Is(Literal::Float(0.5)),
            "Nearer negatives count as if they were at this distance.",
        ),
        Param::new(
            "nonzero_loss_cutoff",
            Kind::Float { min: 0.0, max: 2.0 },
            Default::Is(Literal::Float(1.4)),
            "Negatives at this distance or beyond are never drawn.",
        ),
    ],
    source: "pytorch_metric_learning.miners.DistanceWeightedMiner; Wu et al. 2017, arXiv 1706.07567",
    status: Status::Built,
};

impl Settings {
    /// `width`: numbers of an embedding, `d`.
    pub(in crate::learn::loss::pair) fn mine(
        &self,
        labels: &Labels<'_>,
        distances: &Matrix,
        width: usize,
        seed: Seed,
    ) -> Selection {
        let mut triplets = Vec::new();
        for anchor in labels.rows() {
            let positives: Vec<u32> = labels.positives(anchor).collect();
            let negatives: Vec<u32> = labels.negatives(anchor).collect();
            let weights = self.weights(negatives.iter().map(|&n| distances.at(anchor, n)), width);
            let total: f64 = weights.iter().sum();
            if positives.is_empty() || total <= 0.0 {
                continue;
            }
            // Within a batch the photo itself counts among those of its label.
            let count = positives.len() + usize::from(labels.places.is_none());
            let mut draws = seed.at(u64::from(anchor)).draws();
            for _ in 0..count {
                let positive = positives[draws.below(positives.len() as u64) as usize];
                triplets.push([anchor, positive, negatives[at_share(&weights, draws.unit() * total)]]);
            }
        }
        Selection::Triplets(triplets)
    }

    /// Weights of an anchor's negatives, in any scale; 0 is never drawn.
    pub(in crate::learn::loss::pair) fn weights(&self, distances: impl Iterator<Item = f64>, width: usize) -> Vec<f64> {
        let width = width as f64;
        let logarithms: Vec<f64> = distances
            .map(|distance| {
                let x = distance.max(self.cutoff);
                let logarithm = (2.0 - width) * x.ln() - (width - 3.0) / 2.0 * (1.0 - 0.25 * x * x).ln();
                if x < self.nonzero_loss_cutoff && logarithm.is_finite() { logarithm } else { f64::NEG_INFINITY }
            })
            .collect();
        let largest = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weight = |logarithm: &f64| if largest.is_finite() { (logarithm - largest).exp() } else { 0.0 };
        logarithms.iter().map(weight).collect()
    }
}

/// The place in which the running sum of the weights passes `share`, which is below their sum.
fn at_share(weights: &[f64], share: f64) -> usize {
    let mut sum = 0.0;
    let passes = weights.iter().position(|weight| {
        sum += weight;
        share < sum
    });
    // Rounding may leave a share at the very end; the last that can be drawn has it.
    passes.or_else(|| weights.iter().rposition(|&weight| weight > 0.0)).unwrap_or(0)
}
