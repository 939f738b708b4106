//! Triplet loss: the photo of the same label must be nearer than the other by a margin.
//!
//! Takes Euclidean distances of directions; gives the mean over the triplets that break the margin. As
//! pytorch-metric-learning's `TripletMarginLoss` (Schroff, Kalenichenko, Philbin 2015, arXiv 1503.03832), with its
//! `swap` (Balntas et al. 2016) and `smooth_loss`. Triplets are walked through, not listed.

use serde::Deserialize;

use super::super::reduce::softplus;
use super::super::select::Labels;
use super::{Distance, Formula, Matrix, Miner, Selection, mined};
use crate::base::Seed;
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::learn::loss::pair::{MEMORY, MINER};
use crate::learn::loss::sum::multiple::LABEL;

/// See [`ROW`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// By how much the positive must be nearer.
    pub margin: f64,
    /// Whether the negative's distance to the positive counts where it is the smaller.
    pub swap: bool,
    /// Whether the smooth form is taken.
    pub smooth_loss: bool,
    /// How many triplets each photo is the anchor of.
    pub triplets_per_anchor: PerAnchor,
    /// Who chooses triplets.
    pub miner: Miner,
    /// Rows of the memory; 0 for none.
    pub memory: usize,
}

/// How many triplets of an anchor are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum PerAnchor {
    /// Every one.
    Every(All),
    /// So many, drawn.
    Drawn(usize),
}

/// The word "all".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum All {
    /// The word.
    All,
}

impl Formula for Settings {
    mined!();

    fn name(&self) -> &'static str {
        ROW.name
    }

    fn distance(&self) -> Distance {
        Distance::LpDistance
    }

    fn contradiction(&self) -> Option<String> {
        let both = self.swap && self.memory > 0;
        both.then(|| "swap needs distances from positives to negatives, which a memory does not have: write memory = 0, or leave swap out".to_owned())
    }

    fn select(&self, labels: &Labels<'_>, seed: Seed) -> Selection {
        match self.triplets_per_anchor {
            PerAnchor::Every(All::All) => Selection::all(labels),
            PerAnchor::Drawn(count) => drawn(labels, count, seed),
        }
    }

    fn loss(&self, matrix: &Matrix, selection: &Selection, slopes: &mut Matrix) -> f64 {
        // What a triplet costs, its slope, and the pair that stands for the negative's distance.
        let cost = |[anchor, positive, negative]: [u32; 3]| {
            let mut far = (anchor, negative);
            if self.swap && matrix.at(positive, negative) < matrix.at(anchor, negative) {
                far = (positive, negative);
            }
            let violation = matrix.at(anchor, positive) - matrix.at(far.0, far.1) + self.margin;
            let (loss, slope) = if self.smooth_loss { softplus(violation) } else { (violation.max(0.0), 1.0) };
            (loss, slope, far)
        };
        let (mut sum, mut count) = (0.0, 0usize);
        selection.each_triplet(|triplet| {
            let (loss, ..) = cost(triplet);
            if loss > 0.0 {
                sum += loss;
                count += 1;
            }
        });
        if count == 0 {
            return 0.0;
        }
        let share = 1.0 / count as f64;
        selection.each_triplet(|triplet| {
            let (loss, slope, far) = cost(triplet);
            if loss > 0.0 {
                slopes.add(triplet[0], triplet[1], slope * share);
                slopes.add(far.0, far.1, -slope * share);
            }
        });
        sum * share
    }
}

/// `count` triplets of each anchor that has a positive and a negative, with repetition.
fn drawn(labels: &Labels<'_>, count: usize, seed: Seed) -> Selection {
    let mut triplets = Vec::new();
    for anchor in labels.rows() {
        let positives: Vec<u32> = labels.positives(anchor).collect();
        let negatives: Vec<u32> = labels.negatives(anchor).collect();
        if positives.is_empty() || negatives.is_empty() {
            continue;
        }
        let mut draws = seed.at(u64::from(anchor)).draws();
        let mut one = |of: &[u32]| of[draws.below(of.len() as u64) as usize];
        triplets.extend((0..count).map(|_| [anchor, one(&positives), one(&negatives)]));
    }
    Selection::Triplets(triplets)
}

/// Triplets.
pub const ROW: Technique = Technique {
    name: "TripletMarginLoss",
    slot: "loss",
    about: "Triplets: the photo of the same label must be nearer than the other by a margin.",
    details: "No classifier: a triplet is an anchor a, a positive p of its label and a negative n of another. With \
embeddings of length one and Euclidean distances d in 0..2 it costs max(0, d(a, p) - d(a, n) + margin): nothing once \
the negative is farther than the positive by the margin. Only the order around each anchor matters, and that is what \
a search result is. The loss is the mean over the triplets that cost something.

margin: 0.05 is the library's, 0.1 to 0.3 are usual. swap: where n is nearer to p than to a, that distance counts (a harder \
triplet for nothing); not with a memory. smooth_loss: log(1 + exp(d(a, p) - d(a, n) + margin)), which never quite rests. \
triplets_per_anchor: \"all\" or a number that is drawn for each photo, for large batches with many photos of a label; a miner or \
a memory takes its place.

A batch of 64 with 4 photos of each label has 64 * 3 * 60 = 11,520 triplets. Soon most of them are solved, and the few \
that are left decide: choose them with miner = { name = \"BatchHardMiner\" } (or semihard triplets by \
TripletMarginMiner), and give batches several photos of each label: sampler = { name = \"MPerClassSampler\", m = 4 } in [train].

Values that won: none of the large image competitions we know was won with it; the 1st place of HappyWhale 2022 lists it among what did not help. \
It is the classic of face and person search (FaceNet: margin 0.2 on squared distances). Try it after ArcFaceLoss, or added to it.

Fails by collapse: with the hardest negatives from the first step on, all embeddings may fall into one point, where the loss \
stays at the margin (watch for exactly that number). Then take semihard triplets, a lower learning rate or a \
warm-up. One wrong label makes many hard triplets. Cost: [b, b] numbers and a walk through the triplets.",
    params: &[
        Param::new(
            "margin",
            Kind::Float { min: 0.0, max: 4.0 },
            Default::Is(Literal::Float(0.05)),
            "By how much the positive must be nearer than the negative.",
        ),
        Param::new(
            "swap",
            Kind::Bool,
            Default::Is(Literal::Bool(false)),
            "Whether the distance from the positive to the negative counts where it is the smaller.",
        ),
        Param::new(
            "smooth_loss",
            Kind::Bool,
            Default::Is(Literal::Bool(false)),
            "log(1 + exp(x)) in place of max(0, x).",
        ),
        Param::new(
            "triplets_per_anchor",
            Kind::Either(&[Kind::Choice(&["all"]), Kind::Int { min: 1, max: 100_000 }]),
            Default::Is(Literal::Text("all")),
            "How many triplets each photo is the anchor of, drawn with repetition; without miner and memory.",
        ),
        MINER,
        MEMORY,
        LABEL,
    ],
    source: "pytorch_metric_learning.losses.TripletMarginLoss; Schroff et al. 2015, arXiv 1503.03832; swap: Balntas et al. 2016, BMVC",
    status: Status::Built,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_triplets_are_right_and_even() {
        let labels = Labels::within(&[4, 4, 4, 9, 1]);
        let Selection::Triplets(triplets) = drawn(&labels, 3000, Seed::new(1)) else { panic!() };
        assert_eq!(triplets.len(), 9000, "9 and 1 have no positive");
        let mut counts = std::collections::BTreeMap::new();
        for triplet in &triplets {
            *counts.entry(*triplet).or_insert(0) += 1;
        }
        // Each anchor has 2 positives and 2 negatives: 750 of each in the mean, deviation 24.
        assert_eq!(counts.len(), 12);
        assert!(counts.values().all(|n| (640..860).contains(n)), "{counts:?}");
        assert_eq!(drawn(&labels, 5, Seed::new(2)), drawn(&labels, 5, Seed::new(2)));
        assert_ne!(drawn(&labels, 5, Seed::new(2)), drawn(&labels, 5, Seed::new(3)));
    }
}
