//! Miners: which pairs or triplets of a batch the loss sees.
//!
//! Takes labels and the matrix of a batch beside itself or a memory; gives a selection. Most pairs of a batch are
//! solved after some epochs and only thin out the mean, so a miner picks those that still teach something. It
//! looks at values alone: no gradient goes through a choice. As pytorch-metric-learning's `miners`.

pub mod batch_hard;
pub mod distance_weighted;
pub mod multi_similarity;
pub mod triplet_margin;

use candle_core::Result;
use serde::Deserialize;

use super::matrix::{Compared, Distance};
use super::select::{Labels, Selection};
use crate::base::Seed;
use crate::book::technique::{Status, Technique};

/// The decoded `miner` of a loss.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "name", deny_unknown_fields)]
pub enum Miner {
    /// All pairs that there are.
    #[serde(rename = "none")]
    None,
    /// See [`batch_hard::HARD`].
    BatchHardMiner,
    /// See [`batch_hard::EASY_HARD`].
    BatchEasyHardMiner(batch_hard::EasyHard),
    /// See [`triplet_margin::ROW`].
    TripletMarginMiner(triplet_margin::Settings),
    /// See [`multi_similarity::ROW`].
    MultiSimilarityMiner(multi_similarity::Settings),
    /// See [`distance_weighted::ROW`].
    DistanceWeightedMiner(distance_weighted::Settings),
}

/// The rows of the slot "miner".
pub const TECHNIQUES: &[&Technique] = &[
    &Technique {
        name: "none",
        slot: "miner",
        about: "All pairs or triplets of the batch.",
        details: "The loss sees every pair of equal labels and every pair of different ones; for triplets, every \
combination of both around each photo. Right for losses that weigh pairs themselves (MultiSimilarityLoss, CircleLoss, \
NTXentLoss, SupConLoss), and a fair start for all: with the mean over what is not solved, easy pairs do not count anyway.",
        params: &[],
        source: "pytorch_metric_learning, miner=None",
        status: Status::Built,
    },
    &batch_hard::HARD,
    &batch_hard::EASY_HARD,
    &triplet_margin::ROW,
    &multi_similarity::ROW,
    &distance_weighted::ROW,
];

impl Miner {
    /// What of its settings cannot hold together.
    pub(super) fn contradiction(&self) -> Option<String> {
        match self {
            Miner::BatchEasyHardMiner(settings) => settings.contradiction(),
            _ => None,
        }
    }

    /// Whether it reads [`Distance::LpDistance`].
    pub(super) fn reads_distances(&self) -> bool {
        !matches!(self, Miner::None | Miner::MultiSimilarityMiner(_))
    }

    /// The pairs or triplets; none where the loss chooses for itself. Draws come from `seed`.
    ///
    /// # Errors
    /// When `compared` lacks the distances.
    pub(super) fn mine(&self, labels: &Labels<'_>, compared: &Compared, seed: Seed) -> Result<Option<Selection>> {
        let distances = || compared.matrix(Distance::LpDistance);
        Ok(match self {
            Miner::None => None,
            Miner::BatchHardMiner => Some(batch_hard::hardest(labels, distances()?)),
            Miner::BatchEasyHardMiner(settings) => Some(settings.mine(labels, distances()?)),
            Miner::TripletMarginMiner(settings) => Some(settings.mine(labels, distances()?)),
            Miner::MultiSimilarityMiner(settings) => {
                Some(settings.mine(labels, compared.matrix(Distance::CosineSimilarity)?))
            }
            Miner::DistanceWeightedMiner(settings) => Some(settings.mine(labels, distances()?, compared.width(), seed)),
        })
    }
}
