//! Tables and pictures become batches.

pub mod augment;
pub mod batch;
pub mod decode;
pub mod synth;
