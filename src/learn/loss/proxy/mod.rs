//! Losses with a head: each training class has a direction (or several) that its photos are compared with.
//!
//! Takes embeddings `[b, d]` and classes; a batch needs no two photos of one class, since the head stands for all
//! those that are not in it. That makes these losses quick, and steady with any sampler.
//!
//! - [`classify`]: what classifiers share: the head, cosines, the margin on the target's column.
//! - [`aim`]: logits → loss, with smoothed labels and weights of classes.
//! - [`logits`]: what a trained head says of photos.
//! - [`margin`]: one margin for all, one that grows, one for each class.
//! - [`plain`]: classifiers without a margin.
//! - [`angular`]: classifiers over angles in which the right class must win by a margin.
//! - [`adaptive`]: the same with scale, margin or weights that follow the training.
//! - [`proxies`]: losses that look at proxies in another way.

pub mod adaptive;
pub mod aim;
pub mod angular;
mod classify;
pub mod logits;
pub mod margin;
pub mod plain;
pub mod proxies;
