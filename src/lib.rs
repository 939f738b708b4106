//! Toji: a literate terminal workbench for image-retrieval competitions.
//!
//! ```text
//!   recipes/*.md ──book──▶ settings ──┐
//!                                     ├─session──▶ stages ──dag──▶ plan ──▶ run ──▶ events ──▶ snapshot
//!   toji.toml, tables, pictures ──────┘                              │                          │
//!                                                                    ▼                          ▼
//!   data: Manifest, Fold ─▶ learn: Checkpoint ─▶ retrieve: Embeddings, Ranking ─▶ score: Score   show, tui
//! ```
//!
//! A folder may use only the folders before it in this list; a test holds that.

pub mod base;
pub mod book;
pub mod dag;
pub mod data;
pub mod learn;
pub mod retrieve;
pub mod review;
pub mod score;
pub mod session;
pub mod show;
