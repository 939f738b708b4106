//! From a decoded picture to the numbers that a network reads.
//!
//! An augmentation is a named operation with albumentations' name and parameters; a [`Pipeline`] is
//! a list of them, as it stands in a recipe's `[augment]`, ending in pixels of one known size. Which
//! numbers an operation draws depends only on the [`crate::base::Seed`] that comes with the picture
//! and on the operation's place in the list: never on a thread, a clock or another picture.
//!
//! Between operations a picture is 8 bits a channel, as in albumentations on `uint8`, and each
//! operation rounds once. That keeps the pipeline within one grey level of the library people know
//! (tests/golden/augment holds its numbers) at the cost of one rounding an operation. Normalising
//! comes last and is not an operation: mean and standard deviation belong to the backbone's weights.
//!
//! ```text
//!   table.rs      names, parameters, defaults: what recipes may say and the help prints
//!   settings.rs   one settings table → one typed operation
//!   pipeline.rs   the list: output size, draws, normalisation
//!   resize.rs     area, linear and nearest resampling of a rectangle (RandomResizedCrop, Resize)
//!   affine.rs     RandomResizedCrop's rectangle aside, all geometry that turns (Affine)
//!   color.rs      ColorJitter
//! ```
//!
//! One default differs from albumentations 2.0.8 on purpose: `area_for_downscale` is "image" here
//! and `None` there. Plain linear interpolation reads 4 source pixels however many there are, so a
//! 750 × 1000 photo shrunk to 128 × 128 keeps one pixel in nine and small print turns into noise.
//! Write `area_for_downscale = "none"` for the library's own behaviour.

pub mod affine;
pub mod color;
pub mod pipeline;
pub mod resize;
pub mod settings;
pub mod table;

/// Raised when an operation gives other pixels for the same settings and seed.
pub const VERSION: u32 = 1;

pub use pipeline::{Normalization, Pipeline};
pub use settings::{AugmentError, Interpolation};
pub use table::{SECTIONS, TECHNIQUES};
