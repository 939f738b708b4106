//! Softmax cross-entropy, and the linear classifier that everybody starts with.
//!
//! Takes logits `[b, n]` and classes; gives `mean_i(−log softmax(logits_i)[class_i])`. The function
//! is shared by all losses that classify. [`CrossEntropyLoss`] puts it over a linear layer with
//! bias, as `torch.nn.Linear` and `torch.nn.CrossEntropyLoss` do.

use candle_core::{D, Device, Result as CandleResult, Tensor};

use super::{HeadWeight, Loss, LossError, Moment, Targets, check};
use crate::base::Seed;

/// A linear classifier over the embedding, trained with softmax cross-entropy.
#[derive(Clone, Debug)]
pub struct CrossEntropyLoss {
    /// Width of the embedding, `d`.
    pub dimensions: usize,
    /// Classes, `n`.
    pub classes: usize,
    /// Share of the target's probability that is spread over all classes, `0.0..1.0`.
    pub label_smoothing: f64,
}

impl Loss for CrossEntropyLoss {
    fn name(&self) -> &'static str {
        "CrossEntropyLoss"
    }

    /// `weight [n, d]` and `bias [n]`, uniform in ±1/√d as `torch.nn.Linear` draws them.
    fn head(&self, seed: Seed) -> Result<Vec<HeadWeight>, LossError> {
        let bound = 1.0 / (self.dimensions as f64).sqrt();
        let draw = |name: &str, shape: &[usize]| {
            let mut draws = seed.named(name).draws();
            let values: Vec<f32> = (0..shape.iter().product()).map(|_| draws.uniform(-bound, bound) as f32).collect();
            Tensor::from_vec(values, shape, &Device::Cpu)
                .map(|tensor| HeadWeight { name: name.to_owned(), tensor })
                .map_err(|source| LossError::Candle { loss: self.name(), source })
        };
        Ok(vec![draw("weight", &[self.classes, self.dimensions])?, draw("bias", &[self.classes])?])
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
            let [weight, bias] = head else {
                candle_core::bail!("the head is weight and bias, got {} tensors", head.len())
            };
            let logits = embeddings.matmul(&weight.t()?)?.broadcast_add(bias)?; // [b, n]
            cross_entropy(&logits, targets.classes, self.label_smoothing)
        };
        loss().map_err(|source| LossError::Candle { loss: self.name(), source })
    }
}

/// `mean_i(log Σ_j exp(z_ij) − z_i,class)`, with the maximum taken out of the exponent.
///
/// With `label_smoothing` ε the target is `(1 − ε)` at the class plus `ε/n` everywhere, as in PyTorch.
///
/// `logits` `[b, n]`; every class must be below n.
pub(super) fn cross_entropy(logits: &Tensor, classes: &[u32], label_smoothing: f64) -> CandleResult<Tensor> {
    let log_softmax = candle_nn::ops::log_softmax(logits, D::Minus1)?; // [b, n]
    let target = log_softmax.gather(&column(classes, logits.device())?, 1)?; // [b, 1]
    let aim = if label_smoothing == 0.0 {
        target
    } else {
        ((target * (1.0 - label_smoothing))? + (log_softmax.mean_keepdim(D::Minus1)? * label_smoothing)?)?
    };
    aim.mean_all()?.neg()
}

/// Classes as an index tensor `[b, 1]`.
pub(super) fn column(classes: &[u32], device: &Device) -> CandleResult<Tensor> {
    Tensor::from_slice(classes, (classes.len(), 1), device)
}

/// Normal draws with the given deviation, for heads of which only the direction counts.
pub(super) fn normal_head(
    loss: &'static str,
    (classes, dimensions): (usize, usize),
    deviation: f64,
    seed: Seed,
) -> Result<Vec<HeadWeight>, LossError> {
    let mut draws = seed.named("weight").draws();
    let values: Vec<f32> = (0..classes * dimensions).map(|_| (draws.normal() * deviation) as f32).collect();
    let tensor = Tensor::from_vec(values, (classes, dimensions), &Device::Cpu)
        .map_err(|source| LossError::Candle { loss, source })?;
    Ok(vec![HeadWeight { name: "weight".to_owned(), tensor }])
}
