//! Triplets by how far the negative is behind the positive.
//!
//! Takes Euclidean distances; gives all triplets that break a margin, or the hard, semihard or easy ones of
//! them. As pytorch-metric-learning's `TripletMarginMiner`; semihard is FaceNet's (Schroff et al. 2015, arXiv
//! 1503.03832).

use serde::Deserialize;

use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::learn::loss::pair::matrix::Matrix;
use crate::learn::loss::pair::select::{Labels, Selection};

/// See [`ROW`].
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Distance by which the negative should be behind the positive.
    pub margin: f64,
    /// Which triplets.
    pub type_of_triplets: Type,
}

/// Which triplets are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    /// All that break the margin.
    All,
    /// Those whose negative is not behind the positive at all.
    Hard,
    /// Those whose negative is behind the positive, by the margin at most.
    Semihard,
    /// Those that keep the margin.
    Easy,
}

/// Triplets around a margin.
pub const ROW: Technique = Technique {
    name: "TripletMarginMiner",
    slot: "miner",
    about: "Triplets that break a margin: all of them, the hard or the semihard ones.",
    details: "For each photo a, each positive p and each negative n, x = d(a, n) - d(a, p) says by how much the negative is farther \
(Euclidean distances of directions, 0..2). type_of_triplets chooses: \"all\": x <= margin; \"hard\": x <= 0, the negative is \
nearer; \"semihard\": 0 < x <= margin, the order is right and the room too small; \"easy\": x > margin, for experiments only.

\"semihard\" is what FaceNet was trained with and the safest choice at the beginning of a training: hard triplets can pull all embeddings \
into one point, and many of them are wrong labels. \"all\" with the loss's own margin changes nothing for \
TripletMarginLoss, which leaves solved triplets out of its mean anyway; with another loss it does.

margin: 0.2 is FaceNet's (there on squared distances). Take at least the loss's own margin, or solved triplets are all that is left. \
With ContrastiveLoss and NTXentLoss a pair counts once for each triplet that has it.

Values that won: none that we know. Cost: the chosen triplets are listed, 12 bytes each; with a large memory \"all\" may be millions.",
    params: &[
        Param::new(
            "margin",
            Kind::Float { min: 0.0, max: 2.0 },
            Default::Is(Literal::Float(0.2)),
            "Distance by which a negative should be farther than a positive.",
        ),
        Param::new(
            "type_of_triplets",
            Kind::Choice(&["all", "hard", "semihard", "easy"]),
            Default::Is(Literal::Text("all")),
            "Which triplets are taken.",
        ),
    ],
    source: "pytorch_metric_learning.miners.TripletMarginMiner; Schroff et al. 2015, arXiv 1503.03832",
    status: Status::Built,
};

impl Settings {
    pub(super) fn mine(&self, labels: &Labels<'_>, distances: &Matrix) -> Selection {
        let mut triplets = Vec::new();
        for anchor in labels.rows() {
            let negatives: Vec<u32> = labels.negatives(anchor).collect();
            for positive in labels.positives(anchor) {
                let near = distances.at(anchor, positive);
                let taken = negatives.iter().filter(|&&negative| self.takes(distances.at(anchor, negative) - near));
                triplets.extend(taken.map(|&negative| [anchor, positive, negative]));
            }
        }
        Selection::Triplets(triplets)
    }

    /// Whether a triplet is taken whose negative is so much farther.
    fn takes(&self, behind: f64) -> bool {
        match self.type_of_triplets {
            Type::All => behind <= self.margin,
            Type::Hard => behind <= self.margin && behind <= 0.0,
            Type::Semihard => behind <= self.margin && behind > 0.0,
            Type::Easy => behind > self.margin,
        }
    }
}
