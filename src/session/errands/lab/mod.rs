//! The retrieval laboratory: what is tried on held-out lists and embeddings that are in the store.
//!
//! Takes a recipe that has come to a rung (what is missing is made first); gives tables for people.
//!
//! - [`gains`]: what each post step is worth;
//! - [`tune`]: a chain of post steps that suits the held-out queries, with its nested gain;
//! - [`ensemble`]: what an ensemble's members are worth;
//! - [`metric`]: a score under every way in which hosts err.

pub mod ensemble;
pub mod gains;
pub mod metric;
pub mod tune;
