//! Tables and pictures become batches.
//!
//! ```text
//!   toji.toml ─competition─▶ Competition ─┐
//!   CSV, Parquet ──table──▶ layout ─▶ rows ├─manifest─▶ Manifest ─folds, protocol─▶ Fold
//!   pictures ──content──▶ hashes, sizes ──┘      │
//!                                                └─decode─▶ augment ─▶ batch ─▶ learn, retrieve
//! ```
//!
//! What a person gets wrong is found here, once, and told with file and row: nothing later has to
//! ask whether a label is empty or a photo is there. A warm start reads the tables and asks the
//! system for the size and time of every picture; no picture is opened.

pub mod augment;
pub mod batch;
pub mod competition;
pub mod error;
pub mod folds;
pub mod manifest;
pub mod picture;
pub mod synth;
pub mod table;

pub use competition::{Competition, FACTS, guess};
pub use error::DataError;
pub use folds::{Fold, SECTIONS, TECHNIQUES};
pub use manifest::{Manifest, Photo, Role, layout};
pub use picture::{alike, content, decode, part, view};
