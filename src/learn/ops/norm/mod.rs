//! Normalisations.

mod batch;
mod layer;
mod passes;

pub use batch::Norm;
pub(crate) use batch::returning;
pub use layer::LayerNorm;
pub(crate) use passes::{Seen, moments};
