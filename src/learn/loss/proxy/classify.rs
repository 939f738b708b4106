//! What classifiers share: a head of directions, cosines, the margin on the target's column, the scale.
//!
//! Takes the settings that all of them have ([`Classifier`]) and a formula, a closure that makes cosines into logits; gives
//! the loss. A loss with a margin says how it changes the target's cosine, over `[b, 1]`, and [`with_target`] does the rest;
//! so that the file of a loss holds settings, row and formula. A formula may remember numbers from batch to batch.

use candle_core::{DType, Device, Result as CandleResult, Tensor, bail};

use super::aim::{Aim, ClassWeights};
use crate::base::Seed;
use crate::book::technique::{Default, Kind, Literal, Param};
use crate::learn::loss::normalize::cosines;
use crate::learn::loss::{Forward, HeadWeight, Loss, LossError, Moment, Size, Targets, run};

/// The row of a head's first deviation, for losses in which only directions count.
pub(super) const INIT_STD: Param = Param::new(
    "init_std",
    Kind::Float { min: 1e-6, max: 10.0 },
    Default::Is(Literal::Float(0.01)),
    "Deviation of the normal draws that the head starts with. Only directions count in this loss, but a short vector \
     turns faster under AdamW's steps: 0.01 is ArcFace's own code, 1.0 pytorch-metric-learning's default.",
);

/// The row of `scale`, for losses over cosines; `about` may say more than that it multiplies.
pub(super) const fn scale(default: f64, about: &'static str) -> Param {
    Param::new("scale", Kind::Float { min: 0.1, max: 1000.0 }, Default::Is(Literal::Float(default)), about)
}

/// A head of one direction per class, or several, and the cross-entropy over what is made of the cosines.
#[derive(Clone, Debug)]
pub(super) struct Classifier {
    pub name: &'static str,
    pub size: Size,
    /// Directions of each class.
    pub per_class: usize,
    pub init_std: f64,
    pub aim: Aim,
}

impl Classifier {
    /// One direction per class. `counts`: photos of each class, `[n]`.
    pub(super) fn new(
        name: &'static str,
        (dimensions, counts): (usize, &[u32]),
        init_std: f64,
        label_smoothing: Option<f64>,
        class_weights: Option<ClassWeights>,
    ) -> Classifier {
        let aim = Aim::new(label_smoothing, class_weights, counts);
        Classifier { name, size: Size { dimensions, classes: counts.len() }, per_class: 1, init_std, aim }
    }

    /// The same with several directions per class.
    pub(super) fn with_centers(mut self, per_class: usize) -> Classifier {
        self.per_class = per_class.max(1);
        self
    }

    /// The loss whose logits `[b, n]` are what `formula` makes of the cosines `[b, n · per_class]`.
    pub(super) fn loss(
        self,
        formula: impl Fn(Tensor, &Batch<'_>) -> CandleResult<Tensor> + Send + Sync + 'static,
    ) -> Box<dyn Loss> {
        self.remembering(Vec::new(), move |cosines, batch| Ok((formula(cosines, batch)?, Vec::new())))
    }

    /// The same with a formula that carries numbers on from batch to batch, each a buffer of the head. `numbers`: their
    /// names with their first values; `formula` gives their next ones with the logits.
    pub(super) fn remembering(
        self,
        numbers: Vec<(&'static str, f64)>,
        formula: impl Fn(Tensor, &Batch<'_>) -> CandleResult<(Tensor, Vec<f64>)> + Send + Sync + 'static,
    ) -> Box<dyn Loss> {
        Box::new(CosineLoss { classifier: self, numbers, formula })
    }

    /// `weight [n · per_class, d]`, the directions of one class in a row: normal draws, of which only the direction counts.
    pub(super) fn head(&self, seed: Seed) -> Result<Vec<HeadWeight>, LossError> {
        let (rows, mut draws) = (self.size.classes * self.per_class, seed.named("weight").draws());
        let values: Vec<f32> =
            (0..rows * self.size.dimensions).map(|_| (draws.normal() * self.init_std) as f32).collect();
        let tensor = Tensor::from_vec(values, (rows, self.size.dimensions), &Device::Cpu)
            .map_err(|source| LossError::Candle { loss: self.name, source })?;
        Ok(vec![HeadWeight::weight("weight", tensor)])
    }
}

/// What a formula may read of a batch beside the cosines.
pub(super) struct Batch<'a> {
    /// `[b, d]`, not normalised.
    pub embeddings: &'a Tensor,
    /// Class of each row.
    pub classes: &'a [u32],
    /// The numbers that the formula left after the batch before.
    pub remembered: &'a [f64],
    pub at: Moment,
}

/// The cross-entropy over what a formula makes of cosines.
struct CosineLoss<F> {
    classifier: Classifier,
    numbers: Vec<(&'static str, f64)>,
    formula: F,
}

impl<F> Loss for CosineLoss<F>
where
    F: Fn(Tensor, &Batch<'_>) -> CandleResult<(Tensor, Vec<f64>)> + Send + Sync,
{
    fn name(&self) -> &'static str {
        self.classifier.name
    }

    fn head_len(&self) -> usize {
        1 + self.numbers.len()
    }

    /// The directions, and a buffer `[1]` for each number.
    fn head(&self, seed: Seed) -> Result<Vec<HeadWeight>, LossError> {
        let mut head = self.classifier.head(seed)?;
        for (name, first) in &self.numbers {
            let tensor = Tensor::new(&[*first as f32], &Device::Cpu)
                .map_err(|source| LossError::Candle { loss: self.name(), source })?;
            head.push(HeadWeight::buffer(name, tensor));
        }
        Ok(head)
    }

    fn forward(
        &self,
        head: &[Tensor],
        embeddings: &Tensor,
        targets: &Targets<'_>,
        at: Moment,
    ) -> Result<Forward, LossError> {
        run(self.name(), self.classifier.size, embeddings, targets, || {
            let (weight, old) = match head {
                [weight, old @ ..] if head.len() == self.head_len() => (weight, old),
                _ => bail!("the head has {} tensors, got {}", self.head_len(), head.len()),
            };
            let first = |(tensor, (_, first)): (&Tensor, &(&str, f64))| -> CandleResult<f64> {
                Ok(numbers(tensor)?.first().copied().unwrap_or(*first))
            };
            let remembered = old.iter().zip(&self.numbers).map(first).collect::<CandleResult<Vec<f64>>>()?;
            let batch = Batch { embeddings, classes: targets.classes, remembered: &remembered, at };
            let (logits, new) = (self.formula)(cosines(embeddings, weight)?, &batch)?;
            let next = |(place, (old, new)): (usize, (&Tensor, f64))| -> CandleResult<(usize, Tensor)> {
                Ok((1 + place, Tensor::new(&[new], old.device())?.to_dtype(old.dtype())?))
            };
            let buffers = old.iter().zip(new).enumerate().map(next).collect::<CandleResult<_>>()?;
            Ok(Forward { value: self.classifier.aim.loss(&logits, targets.classes)?, buffers })
        })
    }
}

/// Cosines `[b, n]` of which each row's own class has another value: `change` takes the targets' cosines `[b, 1]` and
/// gives what stands in their place; gradients go through both. To be multiplied by the scale.
pub(super) fn with_target(
    cosines: &Tensor,
    classes: &[u32],
    change: impl FnOnce(&Tensor) -> CandleResult<Tensor>,
) -> CandleResult<Tensor> {
    let target = cosines.gather(&column(classes, cosines.device())?, 1)?; // [b, 1]
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

/// One number for each row, as `[b, 1]` of the type and place of `like`.
pub(super) fn per_row(values: Vec<f64>, like: &Tensor) -> CandleResult<Tensor> {
    Tensor::from_vec(values, (like.dim(0)?, 1), like.device())?.to_dtype(like.dtype())
}

/// The numbers of a tensor, without history.
pub(super) fn numbers(tensor: &Tensor) -> CandleResult<Vec<f64>> {
    tensor.detach().to_dtype(DType::F64)?.flatten_all()?.to_vec1()
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
