//! Weighted sums of losses: several losses of one batch, or one loss of a batch whose pictures were mixed.

mod mixture;
pub mod multiple;

pub use mixture::Mixture;
