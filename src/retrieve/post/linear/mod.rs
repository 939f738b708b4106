//! Post steps that are one matrix: the same projection for every photo.
//!
//! [`Pca`] is fitted without labels, `whiten` on pairs of labelled photos; [`eigen`] takes their symmetric matrices apart.

pub mod eigen;
mod pca;
mod whiten;

pub use pca::{Fit, Pca};
pub(super) use whiten::Whiten;
