//! Normalisations.

mod batch;
mod passes;

pub use batch::Norm;
pub(crate) use batch::returning;
pub(crate) use passes::{Seen, moments};
