//! ArcFace: the right class must win by an angle.
//!
//! Takes embeddings and one direction per class; gives the cross-entropy of `s·cos θ_j`, where the
//! target's angle is made larger by the margin `m` first (Deng et al. 2019, arXiv 1801.07698). As
//! pytorch-metric-learning's `ArcFaceLoss`, which stores the head as `[d, n]`; here it is `[n, d]`.

use candle_core::{DType, Result as CandleResult, Tensor};
use serde::Deserialize;

use crate::base::Seed;
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::learn::loss::normalize::cosines;
use crate::learn::loss::proxy::classify::{INIT_STD, cross_entropy, margin_logits, normal_head, parts};
use crate::learn::loss::{Build, Forward, HeadWeight, Loss, LossError, Moment, Size, Targets, run};

/// See [`ROW`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `m`, in degrees.
    pub margin: f64,
    /// `s`, the radius of the sphere on which the cosines become logits.
    pub scale: f64,
    /// Deviation of the head's first values.
    pub init_std: f64,
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

Fails when labels have one photo each, and when many labels are wrong (try a smaller margin, or clean them first). A \
loss that does not fall at all in the first epochs: warm up longer, or lower the margin.",
    params: &[
        Param::new(
            "margin",
            Kind::Float { min: 0.0, max: 180.0 },
            Default::Is(Literal::Float(28.6)),
            "Angle by which the right label must win; 17.2 is a good start.",
        )
        .unit("degrees"),
        Param::new(
            "scale",
            Kind::Float { min: 0.1, max: 1000.0 },
            Default::Is(Literal::Float(64.0)),
            "Multiplies the cosines before the softmax; 30 is a good start.",
        ),
        INIT_STD,
    ],
    source: "pytorch_metric_learning.losses.ArcFaceLoss; Deng et al. 2019, arXiv 1801.07698",
    status: Status::Built,
};

/// Additive angular margin.
#[derive(Clone, Debug)]
pub struct ArcFaceLoss {
    size: Size,
    settings: Settings,
}

impl Build for Settings {
    fn build(self, dimensions: usize, counts: &[u32]) -> Result<Box<dyn Loss>, LossError> {
        Ok(Box::new(ArcFaceLoss { size: Size { dimensions, classes: counts.len() }, settings: self }))
    }
}

impl Loss for ArcFaceLoss {
    fn name(&self) -> &'static str {
        ROW.name
    }

    fn head(&self, seed: Seed) -> Result<Vec<HeadWeight>, LossError> {
        normal_head(self.name(), self.size, 1, self.settings.init_std, seed)
    }

    fn forward(
        &self,
        head: &[Tensor],
        embeddings: &Tensor,
        targets: &Targets<'_>,
        _: Moment,
    ) -> Result<Forward, LossError> {
        run(self.name(), self.size, embeddings, targets, || {
            let [weight] = parts(head)?;
            let margin = self.settings.margin.to_radians();
            let cosines = cosines(embeddings, weight)?; // [b, n]
            let logits = margin_logits(&cosines, targets.classes, |target| turned(target, margin))?;
            Ok(cross_entropy(&(logits * self.settings.scale)?, targets.classes, 0.0)?.into())
        })
    }
}

/// Cosines are kept this far from ±1, where the slope of the angle is infinite. pytorch-metric-learning
/// clamps at ±1 itself and so gives infinite gradients for an embedding exactly on its direction.
const EDGE: f64 = 1e-7;

/// `cos(θ + m)` from `cos θ`, `[b, 1]`; where `θ + m` would pass 180° and the cosine rise again,
/// `cos θ − m·sin m`, so that the loss keeps falling with the angle. `margin` in radians.
fn turned(cosine: &Tensor, margin: f64) -> CandleResult<Tensor> {
    let inside = cosine.clamp(-1.0 + EDGE, 1.0 - EDGE)?;
    // (1 − c)(1 + c) and not 1 − c²: at small angles the square has lost the digits that count.
    let sine = ((1.0 - &inside)? * (&inside + 1.0)?)?.sqrt()?;
    let turned = ((&inside * margin.cos())? - (sine * margin.sin())?)?;
    let straight = (cosine - margin * margin.sin())?;
    // θ ≤ 180° − m, said with cosines: these fall with the angle.
    let turns = inside.to_dtype(DType::F64)?.ge(-margin.cos())?; // [b, 1]
    turns.where_cond(&turned, &straight)
}
