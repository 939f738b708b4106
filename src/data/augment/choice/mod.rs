//! Operations made of operations: one of a list, some of a list, or of a ready-made space.
//!
//! ```text
//!   pick.rs      OneOf, SomeOf: lists of operations inside the list
//!   policy.rs    RandAugment, TrivialAugmentWide: torchvision's spaces of operations and magnitudes
//!   enhance.rs   what these spaces have that nothing else has: sharpness, solarize, autocontrast, equalize
//! ```

pub mod enhance;
pub mod pick;
pub mod policy;
