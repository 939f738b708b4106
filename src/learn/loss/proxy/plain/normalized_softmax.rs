//! Softmax over cosines: only directions count.
//!
//! Takes embeddings and one direction per class; gives the cross-entropy of `cos θ_j / T`. As
//! pytorch-metric-learning's `NormalizedSoftmaxLoss` (Zhai and Wu 2019, arXiv 1811.12649), which
//! stores the head as `[d, n]`; here it is `[n, d]`, as every linear layer's weight.

use serde::Deserialize;

use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::learn::loss::proxy::aim::{CLASS_WEIGHTS, ClassWeights, LABEL_SMOOTHING};
use crate::learn::loss::proxy::classify::{Classifier, INIT_STD};
use crate::learn::loss::sum::multiple::LABEL;
use crate::learn::loss::{Build, Loss, LossError};

/// See [`ROW`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `T`; smaller is sharper.
    pub temperature: f64,
    /// Deviation of the head's first values.
    pub init_std: f64,
    /// Share of the target's probability that is spread over all classes.
    pub label_smoothing: Option<f64>,
    /// How much a photo of each class counts.
    pub class_weights: Option<ClassWeights>,
}

/// Softmax over cosines.
pub const ROW: Technique = Technique {
    name: "NormalizedSoftmaxLoss",
    slot: "loss",
    about: "A classifier over cosines: trains what the search will compare.",
    details: "The embedding x and each label's vector w_j are divided by their lengths; what is left is the cosine of \
the angle between them. The loss is the softmax cross-entropy of cos(x, w_j) / temperature. Length no longer helps, so \
the network has to turn embeddings towards their label, which is what cosine search measures later.

temperature sets how sharp the softmax is. A cosine lies in -1..1, and without a small temperature the best possible \
loss would still be far from 0. 0.05 equals a scale of 20 in ArcFaceLoss (scale = 1 / temperature, margin 0). A lower \
temperature lets easy photos rest and works on hard ones; too low (below about 0.01) and the loss follows a few wrong \
labels.

A good second baseline; ArcFaceLoss with the same scale adds the margin and is usually better.",
    params: &[
        Param::new(
            "temperature",
            Kind::Float { min: 1e-4, max: 100.0 },
            Default::Is(Literal::Float(0.05)),
            "Divides the cosines; smaller is sharper.",
        ),
        INIT_STD,
        LABEL_SMOOTHING,
        CLASS_WEIGHTS,
        LABEL,
    ],
    source: "pytorch_metric_learning.losses.NormalizedSoftmaxLoss; Zhai and Wu 2019, arXiv 1811.12649",
    status: Status::Built,
};

impl Build for Settings {
    fn build(self, dimensions: usize, counts: &[u32]) -> Result<Box<dyn Loss>, LossError> {
        let classifier =
            Classifier::new(ROW.name, (dimensions, counts), self.init_std, self.label_smoothing, self.class_weights);
        Ok(classifier.loss(move |cosines, _| cosines / self.temperature))
    }
}
