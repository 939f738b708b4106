//! From text to values that know their places.
//!
//! `markdown` finds prose and cells, `cell` parses one cell (or a whole TOML file), `tree` merges.

pub mod cell;
pub mod markdown;
pub mod tree;
