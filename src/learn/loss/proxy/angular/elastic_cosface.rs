//! ElasticCosFace: CosFace with a margin that is drawn anew for each photo.
//!
//! Takes embeddings and one direction per class; gives CosFace's loss with a margin `m_i` from a normal distribution for
//! each row (Boutros et al. 2022, arXiv 2109.09416; fdbtrs/ElasticFace). Draws belong to seed, epoch and batch.

use serde::Deserialize;

use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::learn::loss::proxy::aim::{CLASS_WEIGHTS, LABEL_SMOOTHING};
use crate::learn::loss::proxy::classify::{INIT_STD, per_row, scale};
use crate::learn::loss::sum::multiple::LABEL;
use crate::learn::loss::{Build, Loss, LossError};

use super::elastic::{Elastic, PLUS, STD};

/// See [`ROW`]; margins are pieces of a cosine.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Settings(Elastic);

/// Drawn cosine margins.
pub const ROW: Technique = Technique {
    name: "ElasticCosFaceLoss",
    slot: "loss",
    about: "CosFaceLoss whose margin is drawn anew for each photo; that of the best single sake network.",
    details: "As CosFaceLoss, but in every batch each photo gets a margin of its own, drawn from a normal distribution \
with mean margin and deviation std: the logit of its label is scale·(cos(t_y) - m_i). A fixed margin supposes that all \
labels are equally spread; drawn ones let a label's vector come nearer at one time and be pushed further at another.

plus = true (ElasticFace+) sorts the drawn margins of a batch and gives the largest to the photo \
that is furthest from its label, the smallest to the nearest. (The authors' code meant that, but indexes the sorted margins by the \
order of rows instead of by their rank, so that its margins stay shuffled; here the hardest has the largest.)

Values that won: the best single network of the sake label search (8th place, CAFormer-M36 at 448 pixels, 0.7377) had margin 0.35, \
std 0.0125, scale 30 and plus = true. The paper's defaults are 0.35, 0.0125 and 64. Draws follow from the recipe's \
seed, so two runs are equal to the bit.

Fails where CosFaceLoss fails. A large std is noise in the loss: with few photos a label it costs more than it gives.",
    params: &[
        Param::new(
            "margin",
            Kind::Float { min: 0.0, max: 2.0 },
            Default::Is(Literal::Float(0.35)),
            "Mean of the drawn pieces of the cosine by which the right label must win.",
        ),
        scale(64.0, "Multiplies the cosines before the softmax; 30 is a good start."),
        STD,
        PLUS,
        INIT_STD,
        LABEL_SMOOTHING,
        CLASS_WEIGHTS,
        LABEL,
    ],
    source: "fdbtrs/ElasticFace, utils/losses.py; Boutros et al. 2022, arXiv 2109.09416; ryota0051/nishika-sake",
    status: Status::Built,
};

impl Build for Settings {
    fn build(self, dimensions: usize, counts: &[u32]) -> Result<Box<dyn Loss>, LossError> {
        Ok(self.0.loss(ROW.name, (dimensions, counts), |target, margins| target - per_row(margins, target)?))
    }
}
