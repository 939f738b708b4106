//! Batches of pictures → weights.
//!
//! [`ops`] holds the operations with their gradients, on a tape of our own whose border is candle
//! tensors; [`backbone`] builds timm's networks from them. Losses and heads work on the small
//! embedding `[b, d]` and may use candle's own autograd; `ARCHITECTURE.md` has the figures behind
//! that decision.

pub mod backbone;
pub mod loss;
pub mod ops;
pub mod train;

pub use candle_core::{Device, Tensor};
