//! ArcFace: the right class must win by an angle.
//!
//! Takes embeddings and one direction per class; gives the cross-entropy of `s·cos θ_j`, where the
//! target's angle is made larger by the margin `m` first (Deng et al. 2019, arXiv 1801.07698). As
//! pytorch-metric-learning's `ArcFaceLoss`, which stores the head as `[d, n]`; here it is `[n, d]`.

use candle_core::{DType, Tensor};

use super::cross_entropy::{column, cross_entropy, normal_head};
use super::normalize::cosines;
use super::{HeadWeight, Loss, LossError, Moment, Targets, check};
use crate::base::Seed;

/// Additive angular margin.
#[derive(Clone, Debug)]
pub struct ArcFaceLoss {
    /// Width of the embedding, `d`.
    pub dimensions: usize,
    /// Classes, `n`.
    pub classes: usize,
    /// `m`, in degrees.
    pub margin: f64,
    /// `s`, the radius of the sphere on which the cosines become logits.
    pub scale: f64,
    /// Deviation of the head's first values.
    pub init_std: f64,
}

/// Cosines are kept this far from ±1, where the slope of the angle is infinite. pytorch-metric-learning
/// clamps at ±1 itself and so gives infinite gradients for an embedding exactly on its direction.
const EDGE: f64 = 1e-7;

impl Loss for ArcFaceLoss {
    fn name(&self) -> &'static str {
        "ArcFaceLoss"
    }

    fn head(&self, seed: Seed) -> Result<Vec<HeadWeight>, LossError> {
        normal_head(self.name(), (self.classes, self.dimensions), self.init_std, seed)
    }

    fn forward(
        &self,
        head: &[Tensor],
        embeddings: &Tensor,
        targets: &Targets<'_>,
        _: Moment,
    ) -> Result<Tensor, LossError> {
        check(self.name(), self.dimensions, self.classes, embeddings, targets)?;
        let loss = || {
            let [weight] = head else { candle_core::bail!("the head is one weight, got {} tensors", head.len()) };
            let cosines = cosines(embeddings, weight)?; // [b, n]
            let index = column(targets.classes, cosines.device())?; // [b, 1]
            let target = cosines.gather(&index, 1)?; // [b, 1]
            let change = (self.with_margin(&target)? - &target)?; // [b, 1]
            // candle's scatter_add lets no gradient through to the places it adds to, so a mask does it.
            let ones = target.ones_like()?;
            let mask = cosines.detach().zeros_like()?.scatter(&index, &ones, 1)?; // [b, n]
            let logits = ((cosines + mask.broadcast_mul(&change)?)? * self.scale)?;
            cross_entropy(&logits, targets.classes, 0.0)
        };
        loss().map_err(|source| LossError::Candle { loss: self.name(), source })
    }
}

impl ArcFaceLoss {
    /// `cos(θ + m)` from `cos θ`, `[b, 1]`; where `θ + m` would pass 180° and the cosine rise again,
    /// `cos θ − m·sin m`, so that the loss keeps falling with the angle.
    fn with_margin(&self, cosine: &Tensor) -> candle_core::Result<Tensor> {
        let margin = self.margin.to_radians();
        let inside = cosine.clamp(-1.0 + EDGE, 1.0 - EDGE)?;
        // (1 − c)(1 + c) and not 1 − c²: at small angles the square has lost the digits that count.
        let sine = ((1.0 - &inside)? * (&inside + 1.0)?)?.sqrt()?;
        let turned = ((&inside * margin.cos())? - (sine * margin.sin())?)?;
        let straight = (cosine - margin * margin.sin())?;
        // θ ≤ 180° − m, said with cosines: these fall with the angle.
        let turns = inside.to_dtype(DType::F64)?.ge(-margin.cos())?; // [b, 1]
        turns.where_cond(&turned, &straight)
    }
}
