//! The losses themselves, as functions of compared pairs: one file each, with its settings and its row.
//!
//! Takes the matrix of distances or cosines and the pairs that count; gives the loss and its slope on each
//! number of the matrix. Nothing here knows a network, a memory or a gradient of an embedding.

pub mod circle;
pub mod contrastive;
pub mod multi_similarity;
pub mod ntxent;
mod softmax;
pub mod supcon;
pub mod triplet_margin;

use super::matrix::{Distance, Matrix};
use super::miner::Miner;
use super::select::{Labels, Selection};
use crate::base::Seed;

/// A loss over pairs or triplets.
pub(super) trait Formula: Send + Sync {
    /// The name that recipes use.
    fn name(&self) -> &'static str;

    /// What it is a function of.
    fn distance(&self) -> Distance;

    /// Who chooses pairs.
    fn miner(&self) -> &Miner;

    /// Rows of the memory; 0 for none.
    fn memory(&self) -> usize;

    /// What of the settings cannot hold together.
    fn contradiction(&self) -> Option<String> {
        None
    }

    /// What is compared when neither a miner nor a memory chooses; draws come from `seed`.
    fn select(&self, labels: &Labels<'_>, _: Seed) -> Selection {
        Selection::all(labels)
    }

    /// The loss, and in `slopes` (0 before) how it changes with each number of the matrix.
    fn loss(&self, matrix: &Matrix, selection: &Selection, slopes: &mut Matrix) -> f64;
}

/// What every formula's settings hold besides.
macro_rules! mined {
    () => {
        fn miner(&self) -> &Miner {
            &self.miner
        }

        fn memory(&self) -> usize {
            self.memory
        }
    };
}
use mined;
