//! The log that a viewer looks at: of the newest run of one recipe.
//!
//! Remembers which recipe was asked for and reads the end of its run's log again when the file changed.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use super::Survey;
use crate::dag::Tail;
use crate::session::brew;
use crate::session::project::watch::{Stamp, stamp};

/// The end of a run's log.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Log {
    /// The recipe; empty where none was asked for.
    pub recipe: String,
    /// Its newest run; empty where it never ran.
    pub run: String,
    /// Lines that a terminal would show, the oldest first.
    pub lines: Vec<String>,
    /// Size of the file, in bytes.
    pub bytes: u64,
    /// Whether there is more before the first line.
    pub is_cut: bool,
}

/// What was asked for, and what was found.
#[derive(Default)]
pub(in crate::session::survey) struct Asked {
    recipe: Option<String>,
    /// Of what `found` was made.
    basis: Option<(String, PathBuf, Stamp)>,
    /// The log.
    pub found: Arc<Log>,
}

impl Asked {
    /// From the next look on this one.
    pub fn ask(&mut self, recipe: &str) {
        self.recipe = Some(recipe.to_owned());
    }
}

impl Survey {
    /// Reads the log that was asked for, if it is another one than that which is known.
    pub(in crate::session::survey) fn read_log(&mut self) {
        let Some(recipe) = self.log.recipe.clone() else { return };
        let Some(run) = self.board.latest(&recipe) else {
            if self.log.found.recipe != recipe {
                self.log.found = Arc::new(Log { recipe, ..Log::default() });
            }
            return;
        };
        let (file, id) = (run.log(), run.id().to_owned());
        let basis = (recipe.clone(), file.clone(), stamp([file.as_path()]));
        if self.log.basis.as_ref() == Some(&basis) {
            return;
        }
        self.log.basis = Some(basis);
        let Tail { lines, bytes, is_cut } = Tail::of(&file)
            .unwrap_or_else(|error| Tail { lines: vec![self.short(&brew::chain(&error))], ..Tail::default() });
        self.log.found = Arc::new(Log { recipe, run: id, lines, bytes, is_cut });
    }
}
