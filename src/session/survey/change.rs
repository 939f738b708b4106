//! Changes of recipes' texts that a viewer asks for.
//!
//! A wish becomes a checked proposal, a written file and an answer in the snapshot, by the number that the viewer gave; what was written here can be
//! taken back, newest first, as long as the file is still what was written.

use std::sync::Arc;

use super::{Survey, page};
use crate::session::recipe::change::{self, ChangeError, Proposal, Wish};
use crate::session::snapshot::{Answer, Problem};
use crate::session::{Recipe, SessionError, brew};

/// So many changes can be taken back.
const KEPT: usize = 200;

/// What was written, and what was answered last.
#[derive(Default)]
pub(super) struct Changes {
    written: Vec<Proposal>,
    pub answer: Option<Arc<Answer>>,
}

impl Survey {
    /// Sets a value in a recipe's text, and answers under `number`. What happened, for the status row; nothing where the answer says it.
    pub(super) fn set(&mut self, number: u64, name: &str, wish: Wish<'_>) -> Option<String> {
        let done = self.propose(name, wish).and_then(|proposal| proposal.write().map(|()| proposal));
        let (problems, said) = match done {
            Ok(proposal) => {
                let still = proposal.still().map(|still| format!("; {still}")).unwrap_or_default();
                let said = format!("{name}: {}, written; u takes it back{still}", proposal.said);
                self.changes.written.push(proposal);
                if self.changes.written.len() > KEPT {
                    self.changes.written.remove(0);
                }
                (Vec::new(), Some(said))
            }
            Err(ChangeError::Wrong(found)) => (found.iter().map(|d| page::problem(&self.root, d)).collect(), None),
            Err(error) => (vec![Problem { message: self.told(&error), ..Problem::default() }], None),
        };
        self.changes.answer = Some(Arc::new(Answer { number, problems }));
        said
    }

    fn propose(&mut self, name: &str, wish: Wish<'_>) -> Result<Proposal, ChangeError> {
        let recipe = self.text_of(name)?;
        match &self.project {
            Ok(project) => change::set(&recipe, &project.schema, Some(project.as_ref()), wish),
            Err(_) => change::set(&recipe, &crate::session::schema::recipes(), None, wish),
        }
    }

    fn text_of(&self, name: &str) -> Result<Arc<Recipe>, SessionError> {
        let found = self.recipes.iter().find(|(_, recipe)| recipe.name == name).map(|(_, recipe)| recipe.clone());
        found.ok_or_else(|| self.no_recipe(name))
    }

    /// Takes back what was set last in a recipe's text; what happened.
    pub(super) fn take_back(&mut self, name: &str) -> String {
        let Some(at) = self.changes.written.iter().rposition(|proposal| proposal.recipe == name) else {
            return format!("{name}: nothing was changed here that could be taken back");
        };
        let proposal = self.changes.written.remove(at);
        match proposal.take_back() {
            Ok(()) => format!("{name}: taken back: {}", proposal.said),
            Err(error) => {
                let said = format!("not taken back: {}", self.told(&error));
                // What another save came after stays so; what the disk refused may work later.
                if !matches!(error, ChangeError::Changed(_)) {
                    self.changes.written.insert(at, proposal);
                }
                said
            }
        }
    }

    fn told(&self, error: &ChangeError) -> String {
        match error {
            ChangeError::Session(error) => self.short(&brew::chain(error)),
            error => self.short(&error.to_string()),
        }
    }
}
