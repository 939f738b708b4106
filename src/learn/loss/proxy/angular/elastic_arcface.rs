//! ElasticArcFace: ArcFace with a margin that is drawn anew for each photo.
//!
//! Takes embeddings and one direction per class; gives ArcFace's loss with a margin `m_i` from a normal distribution for
//! each row (Boutros et al. 2022, arXiv 2109.09416; fdbtrs/ElasticFace). Draws belong to seed, epoch and batch.

use serde::Deserialize;

use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::learn::loss::proxy::aim::{CLASS_WEIGHTS, LABEL_SMOOTHING};
use crate::learn::loss::proxy::classify::{INIT_STD, scale};
use crate::learn::loss::sum::multiple::LABEL;
use crate::learn::loss::{Build, Loss, LossError};

use super::arcface::turned;
use super::elastic::{Elastic, PLUS, STD};

/// See [`ROW`]; margins are radians.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Settings(Elastic);

/// Drawn angular margins.
pub const ROW: Technique = Technique {
    name: "ElasticArcFaceLoss",
    slot: "loss",
    about: "ArcFaceLoss whose margin is drawn anew for each photo, so that no label is held to one width.",
    details: "As ArcFaceLoss, but in every batch each photo gets a margin of its own, drawn from a normal distribution \
with mean margin and deviation std: the logit of its label is scale·cos(t_y + m_i). A fixed margin supposes that all \
labels are equally spread; drawn ones let a label's vector come nearer at one time and be pushed further at another, \
which the authors found better on faces.

plus = true (ElasticFace+) sorts the drawn margins of a batch and gives the largest to the photo \
that is furthest from its label, the smallest to the nearest. (The authors' code meant that, but indexes the sorted margins by the \
order of rows instead of by their rank, so that its margins stay shuffled; here the hardest has the largest.)

margin here is in radians (as in the authors' code; 0.5 is 28.6 degrees), unlike ArcFaceLoss's. std: 0.0125 is the default of \
the authors' code; they trained with 0.05 too. HappyWhale 2022's 29th place took 0.3 with std 0.025. Draws follow from the recipe's seed, so two runs \
are equal to the bit. Where t_y + m_i passes 180 degrees the loss goes on straight, as ArcFaceLoss does; the \
authors' code turns back there.

Fails where ArcFaceLoss fails. A large std is noise in the loss: with few photos a label it costs more than it gives.",
    params: &[
        Param::new(
            "margin",
            Kind::Float { min: 0.0, max: 3.0 },
            Default::Is(Literal::Float(0.5)),
            "Mean of the drawn angles by which the right label must win.",
        )
        .unit("radians"),
        scale(64.0, "Multiplies the cosines before the softmax; 30 is a good start."),
        STD,
        PLUS,
        INIT_STD,
        LABEL_SMOOTHING,
        CLASS_WEIGHTS,
        LABEL,
    ],
    source: "fdbtrs/ElasticFace, utils/losses.py; Boutros et al. 2022, arXiv 2109.09416",
    status: Status::Built,
};

impl Build for Settings {
    fn build(self, dimensions: usize, counts: &[u32]) -> Result<Box<dyn Loss>, LossError> {
        Ok(self.0.loss(ROW.name, (dimensions, counts), |target, margins| turned(target, &margins)))
    }
}
