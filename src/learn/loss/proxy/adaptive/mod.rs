//! Classifiers that follow the training: what they have seen so far sets scale, margin or weights of the next batch.
//!
//! Takes embeddings and directions; gives the softmax cross-entropy over changed cosines, and the new values of the
//! buffers in which a loss remembers. What is remembered has no gradient.
//!
//! - [`adacos`]: the scale follows the angles.
//! - [`curricular`]: hard wrong classes count more as the right ones are learnt.
//! - [`adaface`]: the margin follows the length of the embedding, as a sign of the photo's quality.

pub mod adacos;
pub mod adaface;
pub mod curricular;

/// A running mean: `share` of the new value, the rest of the old one.
fn follow(old: f64, new: f64, share: f64) -> f64 {
    share * new + (1.0 - share) * old
}
