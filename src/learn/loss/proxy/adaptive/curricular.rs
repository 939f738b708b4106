//! CurricularFace: first the easy, then the hard.
//!
//! Takes embeddings and one direction per class; gives ArcFace's loss in which the cosines of hard wrong classes are
//! weighted by `t + cos θ_j`, where `t` follows the mean cosine of the right ones (Huang et al. 2020, arXiv
//! 2004.00288; HuangYG123/CurricularFace), remembered in a buffer.

use serde::Deserialize;

use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::learn::loss::proxy::aim::{CLASS_WEIGHTS, ClassWeights, LABEL_SMOOTHING};
use crate::learn::loss::proxy::angular::arcface::{sum_of_angles, turned};
use crate::learn::loss::proxy::classify::{Classifier, INIT_STD, column, numbers, scale, with_target};
use crate::learn::loss::sum::multiple::LABEL;
use crate::learn::loss::{Build, Loss, LossError};

use super::follow;

/// See [`ROW`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `m`, in radians.
    pub margin: f64,
    /// `s`, which multiplies the cosines.
    pub scale: f64,
    /// Share of a new batch in `t`.
    pub t_alpha: f64,
    /// Deviation of the head's first values.
    pub init_std: f64,
    /// Share of the target's probability that is spread over all classes.
    pub label_smoothing: Option<f64>,
    /// How much a photo of each class counts.
    pub class_weights: Option<ClassWeights>,
}

/// Hard wrong classes count more as training goes on.
pub const ROW: Technique = Technique {
    name: "CurricularFace",
    slot: "loss",
    about: "ArcFaceLoss that leaves hard wrong labels alone at first and weights them up as it learns.",
    details: "The photo's own label gets ArcFaceLoss's margin: its logit is scale·cos(t_y + margin). A wrong label j is hard \
when its cosine is larger than that, cos(t_j) > cos(t_y + margin); its logit then is scale·cos(t_j)·(t + cos(t_j)), otherwise \
scale·cos(t_j). The number t begins at 0 and follows the mean cosine of photos to their own labels: new t = t_alpha·mean + \
(1 - t_alpha)·t. So at the start hard wrong labels are damped, which lets the easy part be learnt, and once the own \
cosines are near 0.5 they are weighted up. t is kept in the checkpoint.

margin in radians (as in the authors' code; 0.5 is 28.6 degrees), unlike ArcFaceLoss's. scale: 64 in the paper, 30 is a \
good start for some thousand labels. t_alpha: 0.01 in the authors' code; with a few hundred steps in all a larger one \
(0.05) lets t arrive.

Shopee 2021's second place trained with it (and SAM). Fails where wrong labels are many: what looks hard late in training \
is then mostly wrong, and it is just what gets the weight.",
    params: &[
        Param::new(
            "margin",
            Kind::Float { min: 0.0, max: 3.0 },
            Default::Is(Literal::Float(0.5)),
            "Angle by which the right label must win.",
        )
        .unit("radians"),
        scale(64.0, "Multiplies the cosines before the softmax; 30 is a good start."),
        Param::new(
            "t_alpha",
            Kind::Float { min: 0.0, max: 1.0 },
            Default::Is(Literal::Float(0.01)),
            "Share of a new batch in the mean that sets the weight of hard labels.",
        ),
        INIT_STD,
        LABEL_SMOOTHING,
        CLASS_WEIGHTS,
        LABEL,
    ],
    source: "HuangYG123/CurricularFace, head/metrics.py; Huang et al. 2020, arXiv 2004.00288",
    status: Status::Built,
};

impl Build for Settings {
    fn build(self, dimensions: usize, counts: &[u32]) -> Result<Box<dyn Loss>, LossError> {
        let classifier =
            Classifier::new(ROW.name, (dimensions, counts), self.init_std, self.label_smoothing, self.class_weights);
        Ok(classifier.remembering(vec![("t", 0.0)], move |cosines, batch| {
            let margins = vec![self.margin; batch.classes.len()];
            let target = cosines.gather(&column(batch.classes, cosines.device())?, 1)?; // [b, 1]
            let own = numbers(&target)?;
            let t = follow(batch.remembered[0], own.iter().sum::<f64>() / own.len() as f64, self.t_alpha);
            let hard = cosines.broadcast_gt(&sum_of_angles(&target, &margins)?)?; // [b, n]
            let logits = hard.where_cond(&(&cosines * (&cosines + t)?)?, &cosines)?;
            let logits = (with_target(&logits, batch.classes, |_| turned(&target, &margins))? * self.scale)?;
            Ok((logits, vec![t]))
        }))
    }
}
