//! Where pixels are read: sizes, crops, borders, mirrors, turns and bends.
//!
//! ```text
//!   resample.rs   a rectangle resized in one go: the engine of all that only stretches
//!   warp.rs       a picture read at any places: the engine of all that turns or bends
//!   resize.rs     Resize, LongestMaxSize, SmallestMaxSize, and the evaluation of published weights
//!   crop.rs       RandomResizedCrop, RandomCrop, CenterCrop
//!   pad.rs        PadIfNeeded, BorderCrop
//!   flip.rs       HorizontalFlip, VerticalFlip, RandomGridShuffle: pixels move, none changes
//!   affine.rs     Affine, ShiftScaleRotate, SafeRotate
//!   distort.rs    Perspective, GridDistortion
//! ```

pub mod affine;
pub mod crop;
pub mod distort;
pub mod flip;
pub mod pad;
pub mod resample;
pub mod resize;
pub mod warp;
