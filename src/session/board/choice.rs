//! What a user chose of the board: columns, order, filter, what is hidden.
//!
//! Kept as `.toji/board.json`, which stays with the project and is in no key. Whoever chooses sends a
//! [`Command::Arrange`](crate::session::command::Command); the newest choice wins. A file that cannot be read is as none.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::base::files::{self, FileError};

/// The file's name in `.toji`.
pub const FILE: &str = "board.json";

/// The columns of somebody who chose none.
pub const COLUMNS: [&str; 7] = ["state", "rung", "epoch", "score", "delta", "left", "what"];

/// See the file's head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Choice {
    /// Names of columns, from the left; the recipe's name stands before them.
    pub columns: Vec<String>,
    /// By what recipes are sorted.
    pub sort: String,
    /// Whether the other way round than is usual for it.
    pub reverse: bool,
    /// The filter as it was typed; empty: all recipes.
    pub filter: String,
    /// Recipes that are not shown.
    pub hidden: BTreeSet<String>,
    /// Whether folds and seeds are shown one by one.
    pub folds: bool,
}

impl Default for Choice {
    fn default() -> Choice {
        Choice {
            columns: COLUMNS.map(str::to_owned).to_vec(),
            sort: "name".to_owned(),
            reverse: false,
            filter: String::new(),
            hidden: BTreeSet::new(),
            folds: false,
        }
    }
}

impl Choice {
    /// Reads it from the folder `.toji`.
    pub fn load(toji: &Path) -> Choice {
        let text = files::read_text(&toji.join(FILE)).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Writes it into the folder `.toji`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, toji: &Path) -> Result<(), FileError> {
        let text = serde_json::to_string(self).unwrap_or_default();
        files::publish(&toji.join(FILE), text.as_bytes())
    }
}
