//! What a viewer may ask for.
//!
//! Taken from keys and arguments; given to the session, which turns it into files that the worker
//! reads. A viewer changes nothing by itself.

use serde::{Deserialize, Serialize};

use super::board::choice::Choice;
use crate::base::Key;

/// A wish.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "command")]
pub enum Command {
    /// Show the pages of these recipes with what their stages gave; the other pages have only their text.
    Look {
        /// Their names.
        recipes: Vec<String>,
    },
    /// Run (or go on with) a recipe up to a rung; `None`: the rung it last had, at first "holdout".
    Run {
        /// Name of the recipe.
        recipe: String,
        /// "smoke", "holdout" or "full".
        rung: Option<String>,
    },
    /// Stop the recipe's run at the next clean place, or take it out of the queue.
    Stop {
        /// Name of the recipe.
        recipe: String,
    },
    /// Put the recipe's waiting job before all others.
    First {
        /// Name of the recipe.
        recipe: String,
    },
    /// Move the recipe's waiting job by one place.
    Shift {
        /// Name of the recipe.
        recipe: String,
        /// Up: it is taken earlier; else down.
        up: bool,
    },
    /// Let what runs hold at its next clean place, and start nothing new.
    Pause,
    /// Let the queue go on.
    Resume,
    /// Run the part of a recipe that is cheap and waits for nothing dear.
    Part {
        /// Name of the recipe.
        recipe: String,
    },
    /// Show the log of a recipe's newest run from now on.
    Log {
        /// Name of the recipe.
        recipe: String,
    },
    /// Compare everything with this recipe; the same again takes the pin away.
    Pin {
        /// Name of the recipe.
        recipe: String,
    },
    /// Mark a submission as final, or take the mark off.
    Final {
        /// Hash of its file.
        hash: Key,
        /// Whether it shall be final.
        marked: bool,
    },
    /// Ask the metric laboratory about a submission and its public score.
    Lab {
        /// Hash of its file.
        hash: Key,
    },
    /// Show a recipe's queries with their answers from now on.
    Queries {
        /// Name of the recipe.
        recipe: String,
        /// Beside which other recipe.
        against: Option<String>,
    },
    /// Compare recipes from now on; the others with the first.
    Compare {
        /// Names of two to six recipes.
        recipes: Vec<String>,
    },
    /// Write decisions about photos into `edits.csv`.
    Edit {
        /// Of each photo its id, "keep", "drop", "relabel", "crop" or "group", and the label, the box or the group.
        edits: Vec<(String, String, String)>,
        /// Who or what suggested it.
        by: String,
        /// A note.
        note: String,
    },
    /// Take the last decision back.
    Undo,
    /// Have suspects looked for, by the networks of a recipe.
    Review {
        /// Name of the recipe.
        recipe: String,
    },
    /// Set a value in a recipe's text, where the text with it has no mistake; answered under the number.
    Set {
        /// The number of the answer.
        number: u64,
        /// Name of the recipe.
        recipe: String,
        /// Dotted name of the setting.
        key: String,
        /// Its new value as it was typed.
        value: String,
        /// What was seen there.
        seen: Option<String>,
        /// Whether the recipe may get a key that it does not have.
        add: bool,
    },
    /// Take back what was set last in a recipe's text.
    TakeBack {
        /// Name of the recipe.
        recipe: String,
    },
    /// Keep what a user chose of the board.
    Arrange {
        /// Columns, order, filter, what is hidden.
        choice: Choice,
    },
    /// Look at the files again.
    Refresh,
}
