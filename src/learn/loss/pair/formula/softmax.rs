//! What the losses share that put the cosines of a batch through a softmax: NTXentLoss and SupConLoss.
//!
//! Takes cosines and the pairs that count; gives 0 for a batch without pairs of both kinds, and otherwise what a
//! [`Softmax`] makes of them. Settings and the keys' rows are the same for both, but for the default temperature.

use std::marker::PhantomData;

use serde::Deserialize;

use super::{Distance, Formula, Matrix, Miner, Selection, mined};
use crate::book::technique::{Default, Kind, Literal, Param};
use crate::learn::loss::pair::select::Pairs;

/// The settings of a softmax loss.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings<S> {
    /// Divides the cosines.
    pub temperature: f64,
    /// Who chooses pairs.
    pub miner: Miner,
    /// Rows of the memory; 0 for none.
    pub memory: usize,
    #[serde(skip)]
    softmax: PhantomData<S>,
}

/// Which cosines stand against which in a softmax.
pub(super) trait Softmax: Send + Sync {
    /// The name that recipes use.
    const NAME: &'static str;

    /// The loss over pairs of which there are both kinds, and in `slopes` (0 before) how it changes with each cosine.
    fn loss(temperature: f64, cosines: &Matrix, pairs: &Pairs, slopes: &mut Matrix) -> f64;
}

impl<S: Softmax> Formula for Settings<S> {
    mined!();

    fn name(&self) -> &'static str {
        S::NAME
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
        S::loss(self.temperature, matrix, &pairs, slopes)
    }
}

/// The row of `temperature`.
pub(super) const fn temperature(default: f64) -> Param {
    Param::new(
        "temperature",
        Kind::Float { min: 1e-3, max: 100.0 },
        Default::Is(Literal::Float(default)),
        "Divides the cosines; smaller is sharper.",
    )
}
