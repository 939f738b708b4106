//! ArcFace: the right class must win by an angle.
//!
//! Takes embeddings and one direction per class; gives the cross-entropy of `s·cos θ_j`, where the
//! target's angle is made larger by the margin `m` first (Deng et al. 2019, arXiv 1801.07698). As
//! pytorch-metric-learning's `ArcFaceLoss`, which stores the head as `[d, n]`; here it is `[n, d]`.

use candle_core::{Result as CandleResult, Tensor};
use serde::Deserialize;

use crate::book::technique::{Default, Literal, Param, Status, Technique};
use crate::learn::loss::proxy::aim::{CLASS_WEIGHTS, ClassWeights, LABEL_SMOOTHING};
use crate::learn::loss::proxy::classify::{Classifier, INIT_STD, numbers, per_row, scale, with_target};
use crate::learn::loss::proxy::margin::{self, Margin, Margins, Measure};
use crate::learn::loss::sum::multiple::LABEL;
use crate::learn::loss::{Build, Loss, LossError};

/// See [`ROW`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `m`.
    pub margin: Margin,
    /// `s`, the radius of the sphere on which the cosines become logits.
    pub scale: f64,
    /// Deviation of the head's first values.
    pub init_std: f64,
    /// Share of the target's probability that is spread over all classes.
    pub label_smoothing: Option<f64>,
    /// How much a photo of each class counts.
    pub class_weights: Option<ClassWeights>,
}

/// Additive angular margin.
pub const ROW: Technique = Technique {
    name: "ArcFaceLoss",
    slot: "loss",
    about: "A classifier over angles in which the right label must win by a margin; the field's first choice.",
    details: "As NormalizedSoftmaxLoss, the embedding and each label's vector are compared by their angle t_j. Before \
the softmax, the angle to the photo's own label is made larger by the margin: its logit is scale·cos(t_y + margin), \
the others' are scale·cos(t_j). A photo therefore counts as right only when its own label is nearer than every other \
by at least the margin, and labels are pushed apart until there is room between them. New labels then fall into the \
gaps, which is why it works for search among labels that training never saw. (Where t_y + margin passes 180 degrees, \
cos(t_y) - margin·sin(margin) is used, so that the loss keeps falling with the angle.)

margin, in degrees: how wide the gap should be. Too small and nothing is gained over the plain softmax, too large and \
the network cannot satisfy it: the loss stays high and MRR falls, first on labels with few or wrong photos. scale: how \
sharp the softmax is; small scales leave a loss that cannot reach 0, large ones look only at the worst photos. The two \
move together, and the pair decides more than the backbone: the spread over a grid of twelve was 0.066 MRR.

Values that won: sake labels, grid at 128 pixels: margin 17.2 degrees (0.3 rad) with scale 30 best at 0.6947 MRR, \
0.3 rad / 40: 0.6934, 0.5 / 30: 0.6877, 0.8 / 30: 0.6636, 0.3 / 10: 0.6503. Google Landmark Retrieval 2019 1st: 0.3 / 30. \
Google Landmark Recognition 2020 1st: 0.3 to 0.4 / 45; 2021 1st: 0.3 / 45 with sub-centres. Shopee 2021 1st: 0.8 to 1.0 \
on images, grown from 0.2. Open-image 2022 1st (ViT-H): 0.5 / 30. The defaults, 28.6 degrees and 64, are the library's \
and were made for faces: millions of photos, hundreds for each person. Start with 17.2 and 30.

margin may also be a table. { kind = \"minmax\" } and { kind = \"power\" } give each label a margin by its photos, wide for \
rare ones (values in radians, see those rows). { from = 11.5, to = 45.8, epochs = 10 } lets it grow from the first batch to the \
end of epoch 10 and stay, in degrees: Shopee 2021's first place went from 0.2 rad to 0.8 and 1.0 that way.

Fails when labels have one photo each, and when many labels are wrong (try a smaller margin, or clean them first). A \
loss that does not fall at all in the first epochs: warm up longer, or lower the margin.",
    params: &[
        Param::new(
            "margin",
            margin::ANGLE,
            Default::Is(Literal::Float(28.6)),
            "Angle by which the right label must win; 17.2 is a good start.",
        )
        .unit("degrees"),
        scale(64.0, "Multiplies the cosines before the softmax; 30 is a good start."),
        INIT_STD,
        LABEL_SMOOTHING,
        CLASS_WEIGHTS,
        LABEL,
    ],
    source: "pytorch_metric_learning.losses.ArcFaceLoss; Deng et al. 2019, arXiv 1801.07698",
    status: Status::Built,
};

impl Build for Settings {
    fn build(self, dimensions: usize, counts: &[u32]) -> Result<Box<dyn Loss>, LossError> {
        let classifier =
            Classifier::new(ROW.name, (dimensions, counts), self.init_std, self.label_smoothing, self.class_weights);
        let margins = Margins::new(&self.margin, Measure::Angle, counts);
        Ok(classifier.loss(move |cosines, batch| {
            let margins = margins.of_rows(batch.classes, batch.at);
            with_target(&cosines, batch.classes, |target| turned(target, &margins))? * self.scale
        }))
    }
}

/// Cosines are kept this far from ±1, where the slope of the angle is infinite. pytorch-metric-learning
/// clamps at ±1 itself and so gives infinite gradients for an embedding exactly on its direction.
const EDGE: f64 = 1e-7;

/// `cos(θ + m)` from `cos θ`, `[b, 1]`; where `θ + m` would pass 180° and the cosine rise again,
/// `cos θ − m·sin m`, so that the loss keeps falling with the angle. `margins` `[b]` in radians, below π.
pub(in crate::learn::loss::proxy) fn turned(cosine: &Tensor, margins: &[f64]) -> CandleResult<Tensor> {
    let past = margins.iter().map(|m| m * m.sin()).collect();
    let straight = (cosine - per_row(past, cosine)?)?;
    // θ ≤ 180° − m, said with cosines: these fall with the angle.
    let inside = numbers(&inside(cosine)?)?;
    let turns: Vec<u8> = inside.iter().zip(margins).map(|(c, m)| u8::from(*c >= -m.cos())).collect();
    Tensor::from_vec(turns, cosine.dims(), cosine.device())?.where_cond(&sum_of_angles(cosine, margins)?, &straight)
}

/// `cos(θ + m)` from `cos θ`, `[b, 1]`, wherever it falls.
pub(in crate::learn::loss::proxy) fn sum_of_angles(cosine: &Tensor, margins: &[f64]) -> CandleResult<Tensor> {
    let inside = inside(cosine)?;
    // (1 − c)(1 + c) and not 1 − c²: at small angles the square has lost the digits that count.
    let sine = ((1.0 - &inside)? * (&inside + 1.0)?)?.sqrt()?;
    let part = |of: fn(f64) -> f64| per_row(margins.iter().map(|m| of(*m)).collect(), cosine);
    (inside * part(f64::cos)?)? - (sine * part(f64::sin)?)?
}

fn inside(cosine: &Tensor) -> CandleResult<Tensor> {
    cosine.clamp(-1.0 + EDGE, 1.0 - EDGE)
}
