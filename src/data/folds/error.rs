//! Why there are no folds.
//!
//! Each error names the key of `[folds]` or the fold, and what there is instead or what to write.

use crate::data::error::quoted;

/// Why there are no folds.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// `[folds]` does not fit.
    #[error("[folds]: {0}")]
    Settings(String),
    /// Nothing to learn from.
    #[error("[folds]: no photo {0} has a label")]
    NoLabels(&'static str),
    /// The column is not there.
    #[error("[folds] {key}: the tables have no column {column} with repeated values; {hint}there is {there}", column = quoted(.column), hint = .nearest.as_ref().map_or_else(String::new, |n| format!("did you mean {}? ", quoted(n))))]
    NoColumn {
        /// The key that names it: `column`, `together`, `by`.
        key: &'static str,
        /// The column.
        column: String,
        /// The nearest.
        nearest: Option<String>,
        /// Those that are there, listed.
        there: String,
    },
    /// A value that no photo has.
    #[error("[folds] {key}: no labelled photo has {column} {value}; there is {there}", column = quoted(.column), value = quoted(.value))]
    NoValue {
        /// `train` or `eval`.
        key: &'static str,
        /// The column.
        column: String,
        /// The value.
        value: String,
        /// Those that are there, listed.
        there: String,
    },
    /// More folds than photos.
    #[error("[folds] k = {k}, but only {photos} labelled photos")]
    TooMany {
        /// Folds.
        k: usize,
        /// Photos.
        photos: usize,
    },
    /// More folds than groups to deal out whole.
    #[error("[folds] k = {k}, but only {groups} {what}{hint}", hint = if *.groups < 2 { String::new() } else { format!("; take k = {groups} or fewer") })]
    TooFewGroups {
        /// Folds.
        k: usize,
        /// Groups.
        groups: usize,
        /// What a group is, in words.
        what: String,
    },
    /// A fold has nothing to learn from or nothing to examine with.
    #[error("fold {fold}: {why}")]
    Hollow {
        /// Number of the fold, from 0.
        fold: usize,
        /// What is missing, and what to do.
        why: &'static str,
    },
}
