//! Parts of a picture painted over, so that the rest must do.
//!
//! ```text
//!   coarse.rs    CoarseDropout (Cutout), and what a hole is filled with
//!   erasing.rs   RandomErasing
//! ```

pub mod coarse;
pub mod erasing;
