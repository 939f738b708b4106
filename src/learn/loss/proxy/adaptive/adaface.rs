//! AdaFace: the margin follows the length of the embedding.
//!
//! Takes embeddings and one direction per class; gives a softmax cross-entropy in which the own class loses an angle and a
//! piece of the cosine, both by how the embedding's length lies among those before it (Kim et al. 2022, arXiv 2204.00964;
//! mk-minchul/AdaFace). Mean and deviation of the lengths are remembered in buffers.

use std::f64::consts::PI;

use candle_core::{Result as CandleResult, Tensor};
use serde::Deserialize;

use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::learn::loss::proxy::aim::{CLASS_WEIGHTS, ClassWeights, LABEL_SMOOTHING};
use crate::learn::loss::proxy::angular::arcface::sum_of_angles;
use crate::learn::loss::proxy::classify::{Classifier, INIT_STD, numbers, per_row, scale, with_target};
use crate::learn::loss::sum::multiple::LABEL;
use crate::learn::loss::{Build, Loss, LossError};

use super::follow;

/// See [`ROW`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `m`.
    pub margin: f64,
    /// How far the length moves the margin.
    pub h: f64,
    /// `s`, which multiplies the cosines.
    pub scale: f64,
    /// Share of a new batch in mean and deviation of the lengths.
    pub t_alpha: f64,
    /// Deviation of the head's first values.
    pub init_std: f64,
    /// Share of the target's probability that is spread over all classes.
    pub label_smoothing: Option<f64>,
    /// How much a photo of each class counts.
    pub class_weights: Option<ClassWeights>,
}

/// A margin by the photo's quality.
pub const ROW: Technique = Technique {
    name: "AdaFace",
    slot: "loss",
    about: "A margin that follows the embedding's length: clear photos are pressed harder, blurred ones let go.",
    details: "A network tends to give long embeddings to clear photos and short ones to blurred or cut ones. AdaFace takes the \
length as a sign of quality: q = h·(|x| - mean) / deviation, cut to -1..1, where mean and deviation follow the lengths of \
the batches so far (t_alpha is a new batch's share; they are kept in the checkpoint and begin at 20 and 100). The photo's \
own label then has the logit scale·(cos(t_y - margin·q) - (margin + margin·q)): for q = -1 that is ArcFaceLoss, which \
presses photos near the border less; for q = 0 CosFaceLoss; for q = 1 an angle the other way, which presses the hard ones \
most. So hard photos count when they are clear, and are let go when nobody could tell what they show. q has no gradient: a \
photo cannot lower its loss by growing shorter.

margin 0.4 (radians, and a piece of the cosine), h 0.333, scale 64, t_alpha 0.01 are the authors' for faces. Cosines are \
cut to 0.001 from 1, lengths to 0.001..100, as in their code.

It needs a length that may speak: behind a neck that ends in batch norm all embeddings are about equally long, and q is \
noise. Made for faces of very different quality; it brought nothing for the 5th place of the Universal Image Embedding \
challenge 2022, whose photos are mostly clear.",
    params: &[
        Param::new(
            "margin",
            Kind::Float { min: 0.0, max: 2.0 },
            Default::Is(Literal::Float(0.4)),
            "How much the right label must win by, as an angle and as a piece of the cosine.",
        )
        .unit("radians, and cosine"),
        Param::new(
            "h",
            Kind::Float { min: 0.0, max: 10.0 },
            Default::Is(Literal::Float(0.333)),
            "How far a length of one deviation above the mean moves the margin; 1 is all the way.",
        ),
        scale(64.0, "Multiplies the cosines before the softmax; 30 is a good start."),
        Param::new(
            "t_alpha",
            Kind::Float { min: 0.0, max: 1.0 },
            Default::Is(Literal::Float(0.01)),
            "Share of a new batch in mean and deviation of the lengths.",
        ),
        INIT_STD,
        LABEL_SMOOTHING,
        CLASS_WEIGHTS,
        LABEL,
    ],
    source: "mk-minchul/AdaFace, head.py; Kim et al. 2022, arXiv 2204.00964",
    status: Status::Built,
};

/// What the authors' code keeps cosines from 1, angles from their ends, and the deviation from 0 by.
const EPS: f64 = 1e-3;
/// Lengths are cut to this range.
const LENGTHS: (f64, f64) = (1e-3, 100.0);

impl Build for Settings {
    fn build(self, dimensions: usize, counts: &[u32]) -> Result<Box<dyn Loss>, LossError> {
        let classifier =
            Classifier::new(ROW.name, (dimensions, counts), self.init_std, self.label_smoothing, self.class_weights);
        let first = vec![("batch_mean", 20.0), ("batch_std", 100.0)];
        Ok(classifier.remembering(first, move |cosines, batch| {
            let lengths: Vec<f64> = numbers(&batch.embeddings.sqr()?.sum_keepdim(1)?)?
                .into_iter()
                .map(|square| square.sqrt().clamp(LENGTHS.0, LENGTHS.1))
                .collect();
            let (mean, std) = moments(&lengths);
            let mean = follow(batch.remembered[0], mean, self.t_alpha);
            let std = follow(batch.remembered[1], std, self.t_alpha);
            let quality = |length: &f64| ((length - mean) / (std + EPS) * self.h).clamp(-1.0, 1.0);
            let quality: Vec<f64> = lengths.iter().map(quality).collect();
            let cosines = cosines.clamp(-1.0 + EPS, 1.0 - EPS)?;
            let change = |target: &Tensor| with_margin(target, self.margin, &quality);
            Ok(((with_target(&cosines, batch.classes, change)? * self.scale)?, vec![mean, std]))
        }))
    }
}

/// `cos(θ − m·q) − (m + m·q)` from `cos θ`, `[b, 1]`, the angle kept from both ends of the half circle. `quality` `[b]`.
fn with_margin(target: &Tensor, margin: f64, quality: &[f64]) -> CandleResult<Tensor> {
    let turn: Vec<f64> = quality.iter().map(|q| -margin * q).collect();
    let less = per_row(quality.iter().map(|q| margin + margin * q).collect(), target)?;
    let angles = numbers(target)?.into_iter().zip(&turn).map(|(cosine, turn)| cosine.acos() + turn);
    let angles: Vec<f64> = angles.collect();
    let inside: Vec<u8> = angles.iter().map(|angle| u8::from((EPS..=PI - EPS).contains(angle))).collect();
    let ends = per_row(angles.iter().map(|angle| angle.clamp(EPS, PI - EPS).cos()).collect(), target)?;
    let inside = Tensor::from_vec(inside, target.dims(), target.device())?;
    inside.where_cond(&sum_of_angles(target, &turn)?, &ends)? - less
}

/// Mean and deviation (divided by one less than their number, as torch.std; 0 for one alone).
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0).max(1.0)).sqrt())
}
