//! AdaCos: softmax over cosines with a scale that sets itself.
//!
//! Takes embeddings and one direction per class; gives the cross-entropy of `s·cos θ_j`. The fixed scale is
//! `√2·ln(n − 1)`; the dynamic one follows the batches' median angle and the weight of the wrong classes (Zhang et al.
//! 2019, arXiv 1905.00292, equations 12 to 16), remembered in a buffer.

use std::f64::consts::{FRAC_PI_4, SQRT_2};

use candle_core::{Result as CandleResult, Tensor};
use rayon::prelude::*;
use serde::Deserialize;

use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::learn::loss::proxy::aim::{CLASS_WEIGHTS, ClassWeights, LABEL_SMOOTHING};
use crate::learn::loss::proxy::classify::{Classifier, INIT_STD, numbers};
use crate::learn::loss::sum::multiple::LABEL;
use crate::learn::loss::{Build, Loss, LossError};

/// See [`ROW`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Whether the scale follows the training.
    pub dynamic: bool,
    /// Deviation of the head's first values.
    pub init_std: f64,
    /// Share of the target's probability that is spread over all classes.
    pub label_smoothing: Option<f64>,
    /// How much a photo of each class counts.
    pub class_weights: Option<ClassWeights>,
}

/// A scale that sets itself.
pub const ROW: Technique = Technique {
    name: "AdaCos",
    slot: "loss",
    about: "NormalizedSoftmaxLoss whose scale sets itself, so that there is nothing to tune.",
    details: "The logits are s·cos(t_j), as in NormalizedSoftmaxLoss (where the scale is 1 / temperature) and without a \
margin. How sharp the softmax has to be depends on how many labels there are: the authors ask where the probability of the right \
label changes fastest with its angle, and want that at 45 degrees. That gives the fixed scale \
sqrt(2)·ln(n - 1): 11 for 2,500 labels, 16 for 81,000.

dynamic = true begins there and follows the training. In each batch B is the mean over photos of the sum of \
exp(s·cos(t_k)) over all wrong labels, with the scale s of the batch before, and t the median angle of the photos to their \
own labels, at most 45 degrees. The new scale is ln(B) / cos(t): it falls as the angles do, and keeps the pressure on \
photos that are already near. It is kept in the checkpoint; where it would fall under 1 (few labels that lie far \
apart) it stays 1.

Use it where there is no time to search scale and margin. Its record in competitions is mixed: Google Landmark Retrieval \
2020's first place used its scale with class weights; the winners of 2019 and several teams of HappyWhale 2022 found it \
no help against a tuned ArcFaceLoss. It needs three labels at least, since ln(n - 1) is 0 for two.",
    params: &[
        Param::new(
            "dynamic",
            Kind::Bool,
            Default::Is(Literal::Bool(true)),
            "Whether the scale follows the training; false keeps sqrt(2)·ln(n - 1).",
        ),
        INIT_STD,
        LABEL_SMOOTHING,
        CLASS_WEIGHTS,
        LABEL,
    ],
    source: "Zhang et al. 2019, arXiv 1905.00292; 4uiiurz1/pytorch-adacos",
    status: Status::Built,
};

impl Build for Settings {
    fn build(self, dimensions: usize, counts: &[u32]) -> Result<Box<dyn Loss>, LossError> {
        let classifier =
            Classifier::new(ROW.name, (dimensions, counts), self.init_std, self.label_smoothing, self.class_weights);
        if counts.len() < 3 {
            return Err(LossError::TooFewClasses { loss: ROW.name, needs: 3, classes: counts.len() });
        }
        let fixed = SQRT_2 * (counts.len() as f64 - 1.0).ln();
        if !self.dynamic {
            return Ok(classifier.loss(move |cosines, _| cosines * fixed));
        }
        Ok(classifier.remembering(vec![("scale", fixed)], |cosines, batch| {
            let scale = dynamic(&cosines, batch.classes, batch.remembered[0])?;
            Ok(((cosines * scale)?, vec![scale]))
        }))
    }
}

/// The scale of a batch from the one before; `cosines` `[b, n]`.
fn dynamic(cosines: &Tensor, classes: &[u32], before: f64) -> CandleResult<f64> {
    let n = cosines.dim(1)?;
    let all = numbers(cosines)?;
    // exp(s·cos) without its largest factor exp(s), which the logarithm gives back.
    let wrong = |(row, &class): (&[f64], &u32)| {
        let others = row.iter().enumerate().filter(|(k, _)| *k != class as usize);
        others.map(|(_, c)| (before * (c - 1.0)).exp()).sum::<f64>()
    };
    let sums: Vec<f64> = all.par_chunks(n).zip(classes).map(wrong).collect();
    let log_b = before + (sums.iter().sum::<f64>() / classes.len() as f64).ln();
    let own = all.chunks(n).zip(classes).map(|(row, &class)| row[class as usize].clamp(-1.0, 1.0).acos());
    let mut angles: Vec<f64> = own.collect();
    angles.sort_by(f64::total_cmp);
    // The lower of two in the middle, as torch.median.
    let median = angles.get(angles.len().saturating_sub(1) / 2).copied().unwrap_or(FRAC_PI_4);
    Ok((log_b / median.min(FRAC_PI_4).cos()).max(1.0))
}
