//! Classifiers that follow the training: what they have seen so far sets scale, margin or weights of the next batch.
//!
//! Takes embeddings and directions; gives the softmax cross-entropy over changed cosines, and the new values of the
//! buffers in which a loss remembers. What is remembered has no gradient.
//!
//! - [`adacos`]: the scale follows the angles.
//! - [`curricular`]: hard wrong classes count more as the right ones are learnt.
//! - [`adaface`]: the margin follows the length of the embedding, as a sign of the photo's quality.

pub mod adacos;
pub mod adaface;
pub mod curricular;

use candle_core::{Device, Tensor};

use crate::learn::loss::{HeadWeight, LossError};

/// A buffer of one number, `[1]`.
fn number(loss: &'static str, name: &str, value: f64) -> Result<HeadWeight, LossError> {
    Tensor::new(&[value as f32], &Device::Cpu)
        .map(|tensor| HeadWeight::buffer(name, tensor))
        .map_err(|source| LossError::Candle { loss, source })
}

/// A buffer's next value, of the type of the old one.
fn next(old: &Tensor, value: f64) -> candle_core::Result<Tensor> {
    Tensor::new(&[value], old.device())?.to_dtype(old.dtype())
}
