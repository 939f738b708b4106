//! Normalisations.

mod batch;
mod layer;
mod passes;
mod response;

pub use batch::Norm;
pub(crate) use batch::{Statistics, check, check_count, returning};
pub use layer::LayerNorm;
pub(crate) use passes::{Affine, Moments, Return, Seen, moments, piece};
pub use response::ResponseNorm;
