//! The recipes that a viewer compares.
//!
//! Remembers which were asked for last and compares them again when a plan of theirs is another one, so that a look that finds nothing new reads
//! nothing. What is missing is said in place of the comparison.

use std::sync::Arc;

use super::Survey;
use crate::base::{Key, KeyWriter};
use crate::session::errands::looking::compare::{Asked, Comparison};
use crate::session::{Photos, Project, Recipe, SessionError, brew};

/// What was asked for, and what was found.
#[derive(Default)]
pub(super) struct Compared {
    recipes: Vec<String>,
    /// Of what `found` was made.
    basis: Option<Key>,
    /// The comparison.
    pub found: Arc<Comparison>,
}

impl Compared {
    /// From the next look on these.
    pub fn ask(&mut self, recipes: &[String]) {
        self.recipes = recipes.to_vec();
        self.basis = None;
    }
}

impl Survey {
    /// Compares the recipes that were asked for, if anything of them is new.
    pub(super) fn read_compared(&mut self) {
        if self.compared.recipes.is_empty() {
            return;
        }
        let (Ok(project), Some(Ok(photos))) = (self.project.clone(), self.photos.clone()) else { return };
        let mut basis = KeyWriter::new("comparison of");
        for name in &self.compared.recipes {
            basis.bytes(name.as_bytes());
            match self.plans.get(name) {
                Some((plan, _)) => basis.tag(1).key(plan),
                None => basis.tag(0),
            };
        }
        let basis = basis.finish();
        if self.compared.basis == Some(basis) {
            return;
        }
        self.compared.basis = Some(basis);
        let names = self.compared.recipes.clone();
        let made = self.comparison(&project, &photos, &names);
        let made = made.unwrap_or_else(|error| Comparison::missing(&names, self.short(&brew::chain(&error))));
        self.compared.found = Arc::new(made);
    }

    fn comparison(&self, project: &Project, photos: &Photos, names: &[String]) -> Result<Comparison, SessionError> {
        let of = |name: &String| {
            let known = self.recipes.iter().find(|(_, recipe)| recipe.name == *name);
            let there = "it is gone from the recipes".to_owned();
            known.map(|(_, recipe)| recipe.as_ref()).ok_or(SessionError::NoSuchRecipe { name: name.clone(), there })
        };
        let recipes: Vec<&Recipe> = names.iter().map(of).collect::<Result<_, _>>()?;
        Asked::of(project, photos, &recipes, None)?.compare()
    }
}
