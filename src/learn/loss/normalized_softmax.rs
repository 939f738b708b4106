//! Softmax over cosines: only directions count.
//!
//! Takes embeddings and one direction per class; gives the cross-entropy of `cos θ_j / T`. As
//! pytorch-metric-learning's `NormalizedSoftmaxLoss` (Zhai and Wu 2019, arXiv 1811.12649), which
//! stores the head as `[d, n]`; here it is `[n, d]`, as every linear layer's weight.

use candle_core::Tensor;

use super::cross_entropy::{cross_entropy, normal_head};
use super::normalize::cosines;
use super::{HeadWeight, Loss, LossError, Moment, Targets, check};
use crate::base::Seed;

/// Softmax cross-entropy over cosines divided by a temperature.
#[derive(Clone, Debug)]
pub struct NormalizedSoftmaxLoss {
    /// Width of the embedding, `d`.
    pub dimensions: usize,
    /// Classes, `n`.
    pub classes: usize,
    /// `T`; smaller is sharper.
    pub temperature: f64,
    /// Deviation of the head's first values.
    pub init_std: f64,
}

impl Loss for NormalizedSoftmaxLoss {
    fn name(&self) -> &'static str {
        "NormalizedSoftmaxLoss"
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
            let logits = (cosines(embeddings, weight)? / self.temperature)?; // [b, n]
            cross_entropy(&logits, targets.classes, 0.0)
        };
        loss().map_err(|source| LossError::Candle { loss: self.name(), source })
    }
}
