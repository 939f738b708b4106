//! Normalisations.

mod batch;

pub use batch::Norm;
pub(crate) use batch::{lane_sum, moments, rectify, returning};
