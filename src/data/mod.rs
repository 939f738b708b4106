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
//! ask whether a label is empty or a photo is there.

pub mod decode;
pub mod manifest;
