//! The queries that a viewer looks at.
//!
//! Remembers what was asked for last and reads its lists again when they are other ones: a look that finds the same artefacts
//! reads nothing. What is missing is said in place of the queries.

use std::sync::Arc;

use super::Survey;
use crate::base::{Key, KeyWriter};
use crate::session::errands::looking::queries::{self, Queries};
use crate::session::{Photos, Project, SessionError, brew};

/// What was asked for, and what was found.
#[derive(Default)]
pub(super) struct Asked {
    recipe: Option<(String, Option<String>)>,
    /// Of what `found` was made.
    basis: Option<Key>,
    /// The queries.
    pub found: Arc<Queries>,
}

impl Asked {
    /// From the next look on these.
    pub fn ask(&mut self, recipe: &str, against: Option<&str>) {
        self.recipe = Some((recipe.to_owned(), against.map(str::to_owned)));
    }
}

impl Survey {
    /// Reads the queries that were asked for, if their lists are other ones than those that are known.
    pub(super) fn read_queries(&mut self) {
        let Some((recipe, against)) = self.queries.recipe.clone() else { return };
        let (Ok(project), Some(Ok(photos))) = (self.project.clone(), self.photos.clone()) else { return };
        let mut basis = KeyWriter::new("queries of");
        for name in std::iter::once(&recipe).chain(&against) {
            basis.bytes(name.as_bytes());
            match self.lists(&project, name) {
                Ok(keys) => {
                    for key in &keys {
                        basis.tag(1).key(key);
                    }
                }
                Err(why) => {
                    basis.tag(0).bytes(why.as_bytes());
                }
            }
        }
        let basis = basis.key(&photos.key).finish();
        if self.queries.basis == Some(basis) {
            return;
        }
        self.queries.basis = Some(basis);
        let mut found = self.found(&project, &photos, &recipe);
        if let (Some(other), None) = (&against, &found.missing) {
            found.set_beside(&self.found(&project, &photos, other));
        }
        self.queries.found = Arc::new(found);
    }

    /// The keys of a recipe's lists, or why there are none.
    fn lists(&self, project: &Project, name: &str) -> Result<Vec<Key>, String> {
        let (_, planned) = self.plans.get(name).ok_or_else(|| self.unplanned_because(name))?;
        let (keys, folds) = queries::keys(project, &planned.graph, name).map_err(|error| brew::chain(&error))?;
        Ok(keys.into_iter().map(|(_, key)| key).chain([folds]).collect())
    }

    fn found(&self, project: &Project, photos: &Photos, name: &str) -> Queries {
        let read = || -> Result<Queries, SessionError> {
            let planned = self.plans.get(name).ok_or_else(|| SessionError::Unfit(self.unplanned_because(name)))?;
            Queries::of(project, photos, &planned.1.graph, name)
        };
        read().unwrap_or_else(|error| Queries::missing(name, self.short(&brew::chain(&error))))
    }

    fn unplanned_because(&self, name: &str) -> String {
        let known = self.unplanned.get(name).cloned();
        known.unwrap_or_else(|| format!("{name} has mistakes, or is no recipe; its page shows them"))
    }
}
