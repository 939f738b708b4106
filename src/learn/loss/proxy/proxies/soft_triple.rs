//! SoftTriple: several centres per class, of which a photo softly chooses.
//!
//! Takes embeddings and K centres per class; a class's similarity is the mean of its centres' cosines, weighted by a softmax
//! over them, and the loss is the cross-entropy over these with a margin (Qian et al. 2019, arXiv 1909.05235). As
//! pytorch-metric-learning's `SoftTripleLoss`, which leaves out the paper's regulariser on the centres.

use candle_core::{D, Result as CandleResult, Tensor};
use serde::Deserialize;

use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::learn::loss::proxy::classify::{Classifier, INIT_STD, with_target};
use crate::learn::loss::sum::multiple::LABEL;
use crate::learn::loss::{Build, Loss, LossError};

/// See [`ROW`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `K`, centres of each class.
    pub centers_per_class: usize,
    /// `λ`, which multiplies the similarities.
    pub la: f64,
    /// `γ`, the temperature of the choice among centres.
    pub gamma: f64,
    /// `δ`, in cosine.
    pub margin: f64,
    /// Deviation of the head's first values.
    pub init_std: f64,
}

/// Several centres, softly chosen.
pub const ROW: Technique = Technique {
    name: "SoftTripleLoss",
    slot: "loss",
    about: "A softmax over labels that have several centres each, of which a photo softly chooses.",
    details: "Each label has centers_per_class vectors. With the cosines c_k of a photo to the centres of one label, the label's \
similarity is S = sum_k w_k·c_k, where w is the softmax of c_k / gamma: nearly the largest, but every centre has a share of \
the gradient. The loss is the cross-entropy over la·S_j, of which the photo's own label has la·(S_y - margin).

Against SubCenterArcFaceLoss, which takes the largest and an angle: here centres that no photo is near still move along, so \
none is lost, and the margin is small. The paper shows that a softmax with centres is a smoothed triplet loss over them, \
which gave the name.

centers_per_class 10, la 20, gamma 0.1, margin 0.01 are the paper's and the library's. The head has 10 vectors per \
label; with tens of thousands of labels it is larger than the network (25 million numbers for 5,000 labels and 512 \
dimensions), so 2 or 3 must do. The paper also draws a label's centres together by a regulariser, which the library \
leaves out, and this too.

Fails when labels have fewer photos than centres: each photo then has its own.",
    params: &[
        Param::new(
            "centers_per_class",
            Kind::Int { min: 1, max: 100 },
            Default::Is(Literal::Int(10)),
            "Vectors of each label.",
        ),
        Param::new(
            "la",
            Kind::Float { min: 0.1, max: 1000.0 },
            Default::Is(Literal::Float(20.0)),
            "Multiplies the similarities before the softmax over labels.",
        ),
        Param::new(
            "gamma",
            Kind::Float { min: 1e-3, max: 100.0 },
            Default::Is(Literal::Float(0.1)),
            "Temperature of the choice among a label's vectors; small takes the nearest alone.",
        ),
        Param::new(
            "margin",
            Kind::Float { min: 0.0, max: 2.0 },
            Default::Is(Literal::Float(0.01)),
            "Piece of the similarity by which the right label must win.",
        ),
        INIT_STD,
        LABEL,
    ],
    source: "pytorch_metric_learning.losses.SoftTripleLoss; Qian et al. 2019, arXiv 1909.05235",
    status: Status::Built,
};

impl Build for Settings {
    fn build(self, dimensions: usize, counts: &[u32]) -> Result<Box<dyn Loss>, LossError> {
        let classifier = Classifier::new(ROW.name, (dimensions, counts), self.init_std, None, None);
        let classifier = classifier.with_centers(self.centers_per_class);
        let per_class = classifier.per_class;
        Ok(classifier.loss(move |cosines, batch| {
            let similarities = similarities(&cosines, per_class, self.gamma)?; // [b, n]
            with_target(&similarities, batch.classes, |own| own - self.margin)? * self.la
        }))
    }
}

/// The similarity to each class, `[b, n]`, from the cosines to all its `per_class` centres, `[b, n · per_class]`.
fn similarities(cosines: &Tensor, per_class: usize, gamma: f64) -> CandleResult<Tensor> {
    let (b, rows) = cosines.dims2()?;
    let grouped = cosines.reshape((b, rows / per_class, per_class))?;
    let share = candle_nn::ops::softmax(&(&grouped / gamma)?, D::Minus1)?;
    (share * grouped)?.sum(D::Minus1)
}
