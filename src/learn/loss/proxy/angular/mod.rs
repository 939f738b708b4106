//! Classifiers over angles in which the right class must win by a margin.
//!
//! Takes embeddings and directions; gives the softmax cross-entropy of the scaled cosines, of which the target's was made
//! smaller first. Each file is one way to make it smaller; the rest is [`classify`](super::classify).
//!
//! - [`arcface`]: by an angle; [`sub_center_arcface`]: the same with several directions per class.
//! - [`cosface`]: by a piece of the cosine.
//! - [`elastic_arcface`], [`elastic_cosface`]: by amounts that are drawn for each photo.
//! - [`sphereface`]: by a factor on the angle.

pub mod arcface;
pub mod cosface;
mod elastic;
pub mod elastic_arcface;
pub mod elastic_cosface;
pub mod sphereface;
pub mod sub_center_arcface;
