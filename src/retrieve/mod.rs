//! Weights × pictures → ranked lists.
//!
//! ```text
//!   batches ─embed─▶ Embeddings ─post: Vec<Step>─▶ Embeddings ─index::search─▶ Ranking ─▶ score
//!                                                           └─rerank: Vec<Step>─▶ Lists ─▶ Ranking
//! ```
//!
//! - [`embed`] runs a network, given as a closure, over batches and collects one row a photo.
//! - [`post`] changes embeddings before they are ranked: L2, PCA and whitening, expansion by neighbours.
//!   The steps of `[post]` run in the order in which they are written; each says what it is fitted on.
//! - [`rerank`] runs chains whose last steps rank: by neighbours that are mutual, by the labels of training photos.
//! - [`pseudo`] guesses labels for photos without any.
//! - [`index`] finds the exact best k of a gallery for each query. Ranking is by cosine always: rows
//!   are L2-normalised on the way in, so an empty `[post]` means cosine and a last `l2` changes nothing.
//!
//! Photos are numbers here: indices into the manifest. They stay whole numbers through every file,
//! so the field's classic mistakes with ids (leading zeros lost, large ids merged by float32, a
//! query that finds itself) have no place to happen. [`Embeddings`] and [`Ranking`] are the hand-over
//! types; their file form is safetensors.
//!
//! The same input gives the same bits with any number of threads: tiles are functions of shapes,
//! sums have a fixed order, and ties go to the photo that stands first in the gallery.

pub mod embed;
mod embeddings;
pub mod index;
pub mod post;
pub mod pseudo;
mod ranking;
pub mod rerank;
mod sides;
mod tensor_file;

use std::path::PathBuf;

pub use embeddings::Embeddings;
pub use post::{SECTIONS, TECHNIQUES};
pub use ranking::{ABSENT, NONE, Ranking};
pub use sides::{Labelled, Logits, Near, Sides};

use crate::base::cancel::Cancelled;
use crate::base::files::FileError;

/// Why photos could not be embedded, changed or ranked.
#[derive(Debug, thiserror::Error)]
pub enum RetrieveError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file is there but does not hold what its name says.
    #[error("{} is no {kind} file: {why}; delete it and run again", path.display())]
    BadFile {
        /// Which file.
        path: PathBuf,
        /// "embeddings", "ranking" or "neighbours".
        kind: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// Lengths that belong together differ.
    #[error("{what}: expected {expected}, found {found}")]
    Shape {
        /// What was measured, with its shape in words.
        what: &'static str,
        /// What it should be.
        expected: usize,
        /// What it is.
        found: usize,
    },
    /// One photo twice in one set of embeddings.
    #[error("photo {photo} is embedded twice; each photo may have one row")]
    Duplicate {
        /// Index into the manifest.
        photo: u32,
    },
    /// A photo that was asked for has no row.
    #[error("photo {photo} has no embedding; embed it first")]
    Missing {
        /// Index into the manifest.
        photo: u32,
    },
    /// NaN or infinity in an embedding.
    #[error(
        "photo {photo} has {value} in dimension {dimension} of its embedding; the network or the picture is broken"
    )]
    NotFinite {
        /// Index into the manifest.
        photo: u32,
        /// Which dimension, from 0.
        dimension: usize,
        /// What stands there.
        value: f32,
    },
    /// A ranked list that no search gives.
    #[error("the list of query photo {query} {why}")]
    BadList {
        /// The query, an index into the manifest.
        query: u32,
        /// What is wrong with its list.
        why: &'static str,
    },
    /// A post step cannot do what it was asked to.
    #[error("post step {step}: {why}")]
    Step {
        /// The step's name: "pca", …
        step: &'static str,
        /// Why not, and what to change.
        why: String,
    },
    /// The settings of `[post]` do not decode.
    #[error("[post]: {0}")]
    Settings(String),
    /// A stop was asked for.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// The matrix product failed.
    #[error("matrix product: {0}")]
    Tensor(#[from] candle_core::Error),
}
