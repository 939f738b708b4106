//! Pictures, decoded and augmented ahead of whoever learns from them.
//!
//! ```text
//!   Pictures  every photo by its index; what was decoded once stays, up to a limit of bytes
//!   Pack      reduced pictures in one file, which take the photos' place
//!   Sampler   which photos an epoch shows, and which share a batch: pure
//!   Epoch     which photos, in which order, cut into which batches: pure
//!   Loader    threads that make batches ahead; they come out in the epoch's order
//!   Batch     [b, 3, h, w] numbers and the photos they come from
//! ```
//!
//! The bits of a batch are a function of (seed, epoch, slot in the epoch, photo) and of the
//! pipeline. How many threads there are, how far they run ahead and what the cache holds change the
//! speed only, so a run goes on at any epoch, on any machine of one kind, as if it had never stopped.

pub mod epoch;
pub mod loader;
pub mod pack;
pub mod pictures;
pub mod sampler;

pub use epoch::Epoch;
pub use loader::{Ahead, Batch, LoadError, Loader};
pub use pack::{Pack, Reduction};
pub use pictures::Pictures;
pub use sampler::{Labels, Sampler, SamplerError};

use crate::book::technique::Technique;

/// The rows of the slot "sampler".
pub const TECHNIQUES: &[&Technique] =
    &[&sampler::RANDOM, &sampler::M_PER_CLASS, &sampler::CLASS_BALANCED, &sampler::WEIGHTED, &sampler::HIERARCHICAL];

/// The rows of the slot "cache".
pub const CACHES: &[&Technique] = &[&pack::RGB_IMAGE_FIELD];
