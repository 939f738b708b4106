//! SphereFace: the right class's angle must be a multiple smaller.
//!
//! Takes embeddings and one direction per class; gives the cross-entropy of `s·‖x‖·cos θ_j`, of which the target's is
//! `s·‖x‖·ψ(θ_y)` with `ψ(θ) = (−1)^k cos(mθ) − 2k` in piece k of the half circle (Liu et al. 2017, arXiv 1704.08063). As
//! pytorch-metric-learning's `SphereFaceLoss`.

use std::f64::consts::PI;

use candle_core::{Result as CandleResult, Tensor};
use serde::Deserialize;

use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::learn::loss::proxy::aim::{CLASS_WEIGHTS, ClassWeights, LABEL_SMOOTHING};
use crate::learn::loss::proxy::classify::{Classifier, INIT_STD, numbers, per_row, scale, with_target};
use crate::learn::loss::sum::multiple::LABEL;
use crate::learn::loss::{Build, Loss, LossError};

/// See [`ROW`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `m`, by which the angle is multiplied.
    pub margin: u32,
    /// `s`, which multiplies the cosines.
    pub scale: f64,
    /// Deviation of the head's first values.
    pub init_std: f64,
    /// Share of the target's probability that is spread over all classes.
    pub label_smoothing: Option<f64>,
    /// How much a photo of each class counts.
    pub class_weights: Option<ClassWeights>,
}

/// Multiplicative angular margin.
pub const ROW: Technique = Technique {
    name: "SphereFaceLoss",
    slot: "loss",
    about: "The first of the angular margins: the own label's angle is multiplied. Hard to train; for comparison.",
    details: "The vectors of the labels have length one, the embedding x keeps its own: a label's logit is \
scale·|x|·cos(t_j). For the photo's own label the angle is multiplied by the whole number margin: the cosine becomes \
cos(margin·t_y), continued so that it falls all the way to 180 degrees (in piece k of the half circle: \
(-1)^k·cos(margin·t_y) - 2k). A photo is right only when its own label is nearer than every other by that factor.

margin: 4 in the paper and the library, 1 is no margin. scale: 1, since the length of the embedding does its work; an \
embedding may lower the loss by growing, which cosine search does not see.

Where angles are near 90 degrees, as all are at the start, the factor asks for the impossible: with margin 4 the \
own label's cosine 0 becomes -3. The authors' first training therefore mixed the plain softmax in and took it away slowly, which \
neither the library nor this does. Warm up long and start with margin 2, or take ArcFaceLoss, which was made to be rid of \
this; it is here to compare with.",
    params: &[
        Param::new(
            "margin",
            Kind::Int { min: 1, max: 8 },
            Default::Is(Literal::Int(4)),
            "Multiplies the angle to the photo's own label.",
        ),
        scale(1.0, "Multiplies the logits beside the embedding's length."),
        INIT_STD,
        LABEL_SMOOTHING,
        CLASS_WEIGHTS,
        LABEL,
    ],
    source: "pytorch_metric_learning.losses.SphereFaceLoss; Liu et al. 2017, arXiv 1704.08063",
    status: Status::Built,
};

impl Build for Settings {
    fn build(self, dimensions: usize, counts: &[u32]) -> Result<Box<dyn Loss>, LossError> {
        let classifier =
            Classifier::new(ROW.name, (dimensions, counts), self.init_std, self.label_smoothing, self.class_weights);
        Ok(classifier.loss(move |cosines, batch| {
            let logits = with_target(&cosines, batch.classes, |target| multiplied(target, self.margin))?;
            // The tiny number keeps the slope of a zero row's length finite.
            let length = (batch.embeddings.sqr()?.sum_keepdim(1)? + 1e-24)?.sqrt()?; // [b, 1]
            logits.broadcast_mul(&length)? * self.scale
        }))
    }
}

/// `(−1)^k cos(mθ) − 2k` from `cos θ`, `[b, 1]`, with k the piece `[kπ/m, (k+1)π/m)` in which θ lies.
fn multiplied(cosine: &Tensor, margin: u32) -> CandleResult<Tensor> {
    // cos(mθ) by Chebyshev's recurrence: T_{i+1} = 2c·T_i − T_{i−1}.
    let (mut before, mut polynomial) = (cosine.ones_like()?, cosine.clone());
    for _ in 1..margin {
        let next = ((cosine * 2.0)? * &polynomial)?.sub(&before)?;
        (before, polynomial) = (polynomial, next);
    }
    let piece = |c: f64| (c.clamp(-1.0, 1.0).acos() / (PI / f64::from(margin))).floor();
    let pieces: Vec<f64> = numbers(cosine)?.into_iter().map(piece).collect();
    let signs = per_row(pieces.iter().map(|k| if k % 2.0 == 0.0 { 1.0 } else { -1.0 }).collect(), cosine)?;
    (polynomial * signs)? - per_row(pieces.iter().map(|k| 2.0 * k).collect(), cosine)?
}
