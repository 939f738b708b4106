//! What classifiers share: from cosines to logits, from logits to the loss, and how a head begins.
//!
//! Takes logits `[b, n]` and classes; gives `mean_i(−log softmax(logits_i)[class_i])`, as
//! `torch.nn.CrossEntropyLoss`. A loss with a margin says how it changes the target's cosine, in a closure over
//! `[b, 1]`, and [`margin_logits`] does the rest.

use candle_core::{D, Device, Result as CandleResult, Tensor, bail};

use crate::base::Seed;
use crate::book::technique::{Default, Kind, Literal, Param};
use crate::learn::loss::{HeadWeight, LossError, Size};

/// The row of a head's first deviation, for losses in which only directions count.
pub(super) const INIT_STD: Param = Param::new(
    "init_std",
    Kind::Float { min: 1e-6, max: 10.0 },
    Default::Is(Literal::Float(0.01)),
    "Deviation of the normal draws that the head starts with. Only directions count in this loss, but a short vector \
     turns faster under AdamW's steps: 0.01 is ArcFace's own code, 1.0 pytorch-metric-learning's default.",
);

/// `mean_i(log Σ_j exp(z_ij) − z_i,class)`, with the maximum taken out of the exponent.
///
/// With `label_smoothing` ε the target is `(1 − ε)` at the class plus `ε/n` everywhere, as in PyTorch.
///
/// `logits` `[b, n]`; every class must be below n.
pub(in crate::learn::loss) fn cross_entropy(
    logits: &Tensor,
    classes: &[u32],
    label_smoothing: f64,
) -> CandleResult<Tensor> {
    let log_softmax = candle_nn::ops::log_softmax(logits, D::Minus1)?; // [b, n]
    let target = log_softmax.gather(&column(classes, logits.device())?, 1)?; // [b, 1]
    let aim = if label_smoothing == 0.0 {
        target
    } else {
        ((target * (1.0 - label_smoothing))? + (log_softmax.mean_keepdim(D::Minus1)? * label_smoothing)?)?
    };
    aim.mean_all()?.neg()
}

/// Cosines `[b, n]` of which each row's own class has another value: `change` takes the targets' cosines `[b, 1]` and
/// gives what stands in their place; gradients go through both. To be multiplied by the scale.
pub(super) fn margin_logits(
    cosines: &Tensor,
    classes: &[u32],
    change: impl FnOnce(&Tensor) -> CandleResult<Tensor>,
) -> CandleResult<Tensor> {
    let index = column(classes, cosines.device())?; // [b, 1]
    let target = cosines.gather(&index, 1)?; // [b, 1]
    let change = (change(&target)? - &target)?; // [b, 1]
    // candle's scatter_add lets no gradient through to the places it adds to, so a mask does it.
    cosines + target_mask(cosines, classes)?.broadcast_mul(&change)?
}

/// Ones at each row's own class, zeros elsewhere: `[b, n]`, without gradient.
pub(super) fn target_mask(cosines: &Tensor, classes: &[u32]) -> CandleResult<Tensor> {
    let index = column(classes, cosines.device())?; // [b, 1]
    let ones = Tensor::ones(index.dims(), cosines.dtype(), cosines.device())?;
    cosines.detach().zeros_like()?.scatter(&index, &ones, 1) // [b, n]
}

/// Classes as an index tensor `[b, 1]`.
pub(in crate::learn::loss) fn column(classes: &[u32], device: &Device) -> CandleResult<Tensor> {
    Tensor::from_slice(classes, (classes.len(), 1), device)
}

/// The head's tensors, when there are as many as the loss has.
pub(super) fn parts<const N: usize>(head: &[Tensor]) -> CandleResult<&[Tensor; N]> {
    match head.try_into() {
        Ok(parts) => Ok(parts),
        Err(_) => bail!("the head has {N} tensors, got {}", head.len()),
    }
}

/// `weight [rows, d]` of normal draws with the given deviation, for heads of which only the direction counts.
pub(super) fn normal_head(
    loss: &'static str,
    size: Size,
    per_class: usize,
    deviation: f64,
    seed: Seed,
) -> Result<Vec<HeadWeight>, LossError> {
    let (rows, mut draws) = (size.classes * per_class, seed.named("weight").draws());
    let values: Vec<f32> = (0..rows * size.dimensions).map(|_| (draws.normal() * deviation) as f32).collect();
    let tensor = Tensor::from_vec(values, (rows, size.dimensions), &Device::Cpu)
        .map_err(|source| LossError::Candle { loss, source })?;
    Ok(vec![HeadWeight::weight("weight", tensor)])
}
