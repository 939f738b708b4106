//! CosFace: the right class must win by a piece of the cosine.
//!
//! Takes embeddings and one direction per class; gives the cross-entropy of `s·cos θ_j`, of which the target's is
//! `s·(cos θ_y − m)` (Wang et al. 2018, arXiv 1801.09414). As pytorch-metric-learning's `CosFaceLoss`.

use serde::Deserialize;

use crate::book::technique::{Default, Literal, Param, Status, Technique};
use crate::learn::loss::proxy::aim::{CLASS_WEIGHTS, ClassWeights, LABEL_SMOOTHING};
use crate::learn::loss::proxy::classify::{Classifier, INIT_STD, per_row, scale, with_target};
use crate::learn::loss::proxy::margin::{self, Margin, Margins, Measure};
use crate::learn::loss::sum::multiple::LABEL;
use crate::learn::loss::{Build, Loss, LossError};

/// See [`ROW`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `m`, taken from the cosine.
    pub margin: Margin,
    /// `s`, which multiplies the cosines.
    pub scale: f64,
    /// Deviation of the head's first values.
    pub init_std: f64,
    /// Share of the target's probability that is spread over all classes.
    pub label_smoothing: Option<f64>,
    /// How much a photo of each class counts.
    pub class_weights: Option<ClassWeights>,
}

/// Additive cosine margin.
pub const ROW: Technique = Technique {
    name: "CosFaceLoss",
    slot: "loss",
    about: "As ArcFaceLoss, with the margin taken from the cosine: simpler, and calmer where angles are small.",
    details: "As in NormalizedSoftmaxLoss the embedding and each label's vector are compared by the cosine of their \
angle t_j. Before the softmax the photo's own label loses the margin: its logit is scale·(cos(t_y) - margin), the \
others' are scale·cos(t_j). So a photo counts as right only when its own label's cosine is larger than every other by the \
margin.

Against ArcFaceLoss: a piece of the cosine is a wide angle near 0 and near 180 degrees, and a narrow one around 90. The \
slope does not grow for photos that are nearly right, as ArcFaceLoss's does.

margin: how much of the cosine; 0.35 with scale 64 is the paper's and the library's, made for faces. scale: as in \
ArcFaceLoss, 30 is a good start for some thousand labels. Google Landmark Retrieval 2019's first place trained some of its \
networks with it. margin may also be a table: { kind = \"minmax\" } and { kind = \"power\" } by the photos of each label (see \
those rows; the values are then pieces of the cosine), { from = 0.1, to = 0.35, epochs = 5 } growing and then constant.

Fails as ArcFaceLoss does: labels with one photo, many wrong labels, a margin that the network cannot reach.",
    params: &[
        Param::new(
            "margin",
            margin::COSINE,
            Default::Is(Literal::Float(0.35)),
            "Piece of the cosine by which the right label must win.",
        ),
        scale(64.0, "Multiplies the cosines before the softmax; 30 is a good start."),
        INIT_STD,
        LABEL_SMOOTHING,
        CLASS_WEIGHTS,
        LABEL,
    ],
    source: "pytorch_metric_learning.losses.CosFaceLoss; Wang et al. 2018, arXiv 1801.09414",
    status: Status::Built,
};

impl Build for Settings {
    fn build(self, dimensions: usize, counts: &[u32]) -> Result<Box<dyn Loss>, LossError> {
        let classifier =
            Classifier::new(ROW.name, (dimensions, counts), self.init_std, self.label_smoothing, self.class_weights);
        let margins = Margins::new(&self.margin, Measure::Cosine, counts);
        Ok(classifier.loss(move |cosines, batch| {
            let margins = margins.of_rows(batch.classes, batch.at);
            with_target(&cosines, batch.classes, |target| target - per_row(margins, target)?)? * self.scale
        }))
    }
}
