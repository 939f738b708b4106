//! What the two elastic losses share: a margin that is drawn anew for each photo.
//!
//! Takes the batch's seed, mean and deviation; gives a margin for each row, drawn from a normal distribution (Boutros et al.
//! 2022, arXiv 2109.09416). With `plus` the drawn margins are dealt out by need: the row that is furthest from its
//! class gets the largest.

use candle_core::{Result as CandleResult, Tensor};

use super::super::classify::numbers;
use crate::base::Seed;
use crate::book::technique::{Default, Kind, Literal, Param};

/// How margins are drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elastic {
    /// Mean of the margins.
    pub margin: f64,
    /// Their deviation.
    pub std: f64,
    /// Whether the hardest row gets the largest.
    pub plus: bool,
}

impl Elastic {
    /// One margin for each row. `target`: the cosines to the rows' own classes, `[b, 1]`.
    pub(super) fn margins(&self, target: &Tensor, seed: Seed) -> CandleResult<Vec<f64>> {
        let cosines = numbers(target)?;
        let mut draws = seed.named("margin").draws();
        let mut margins: Vec<f64> = cosines.iter().map(|_| self.margin + self.std * draws.normal()).collect();
        if self.plus {
            margins.sort_by(f64::total_cmp);
            let mut easiest_first: Vec<usize> = (0..cosines.len()).collect();
            easiest_first.sort_by(|&a, &b| cosines[b].total_cmp(&cosines[a]));
            let sorted = margins.clone();
            for (margin, row) in sorted.into_iter().zip(easiest_first) {
                margins[row] = margin;
            }
        }
        Ok(margins)
    }
}

/// The row of `std`.
pub(super) const STD: Param = Param::new(
    "std",
    Kind::Float { min: 0.0, max: 1.0 },
    Default::Is(Literal::Float(0.0125)),
    "Deviation of the drawn margins; 0 gives the loss without draws.",
);

/// The row of `plus`.
pub(super) const PLUS: Param = Param::new(
    "plus",
    Kind::Bool,
    Default::Is(Literal::Bool(false)),
    "Whether the batch's margins are dealt out by need, the largest to the photo that is furthest from its label.",
);
