//! Suspects, and what is decided about them.
//!
//! A viewer's decision becomes a line of `edits.csv`, a wish for a review a job of the worker. One function a command.

use super::Survey;
use crate::session::SessionError;

impl Survey {
    /// Writes decisions: of each photo its id, the action and its value; who or what suggested them, and a note.
    pub(super) fn decide(
        &mut self,
        edits: &[(String, String, String)],
        by: &str,
        note: &str,
    ) -> Result<String, SessionError> {
        let _ = (edits, by, note);
        Err(not_yet())
    }

    /// Takes the last decision back.
    pub(super) fn undo_decision(&mut self) -> Result<String, SessionError> {
        Err(not_yet())
    }

    /// Asks the worker for a recipe's review.
    pub(super) fn ask_review(&mut self, recipe: &str) -> Result<String, SessionError> {
        let _ = recipe;
        Err(not_yet())
    }
}

fn not_yet() -> SessionError {
    SessionError::Unfit("no review has been made here yet".to_owned())
}
