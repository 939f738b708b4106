//! What the two elastic losses share: a margin that is drawn anew for each photo.
//!
//! Takes the settings and how a margin narrows a cosine; gives the loss with a margin for each row, drawn from a normal distribution (Boutros et al.
//! 2022, arXiv 2109.09416). With `plus` the drawn margins are dealt out by need: the row that is furthest from its
//! class gets the largest.

use candle_core::{Result as CandleResult, Tensor};
use serde::Deserialize;

use super::super::classify::{Classifier, numbers, with_target};
use crate::base::Seed;
use crate::book::technique::{Default, Kind, Literal, Param};
use crate::learn::loss::Loss;
use crate::learn::loss::proxy::aim::ClassWeights;

/// What either loss's table says.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Elastic {
    /// Mean of the margins, in the loss's own measure.
    pub margin: f64,
    /// `s`, which multiplies the cosines.
    pub scale: f64,
    /// Deviation of the margins.
    pub std: f64,
    /// Whether the hardest row gets the largest.
    pub plus: bool,
    /// Deviation of the head's first values.
    pub init_std: f64,
    /// Share of the target's probability that is spread over all classes.
    pub label_smoothing: Option<f64>,
    /// How much a photo of each class counts.
    pub class_weights: Option<ClassWeights>,
}

impl Elastic {
    /// The loss of a name, for embeddings of so many numbers and photos of each class; `narrowed` takes the cosines to the rows' own
    /// classes, `[b, 1]`, and a margin for each row.
    pub(super) fn loss(
        self,
        name: &'static str,
        (dimensions, counts): (usize, &[u32]),
        narrowed: impl Fn(&Tensor, Vec<f64>) -> CandleResult<Tensor> + Send + Sync + 'static,
    ) -> Box<dyn Loss> {
        let Elastic { init_std, label_smoothing, class_weights, .. } = self;
        let classifier = Classifier::new(name, (dimensions, counts), init_std, label_smoothing, class_weights);
        classifier.loss(move |cosines, batch| {
            let change = |target: &Tensor| narrowed(target, self.margins(target, batch.at.seed)?);
            with_target(&cosines, batch.classes, change)? * self.scale
        })
    }

    /// One margin for each row. `target`: the cosines to the rows' own classes, `[b, 1]`.
    fn margins(&self, target: &Tensor, seed: Seed) -> CandleResult<Vec<f64>> {
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
