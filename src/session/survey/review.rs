//! Suspects, and what is decided about them.
//!
//! A viewer's decision becomes a line of `edits.csv`, a wish for a review a job of the worker. The newest review of a recipe is read again when its
//! file, the photos or the decisions changed.

use std::collections::HashMap;
use std::sync::Arc;

use super::Survey;
use crate::base::Key;
use crate::data::manifest::edits::{Action, Edit};
use crate::session::errands::review::{Review, edits, file};
use crate::session::project::watch::{Stamp, stamp};
use crate::session::{Photos, SessionError, brew};

/// The reviews that were read.
#[derive(Default)]
pub(super) struct Reviews {
    /// By recipe, with what each was read from.
    known: HashMap<String, (Basis, Arc<Review>)>,
    /// In the order of the recipes, that of pictures alone last.
    pub found: Arc<Vec<Arc<Review>>>,
}

type Basis = (Stamp, Option<Key>);

impl Survey {
    /// Reads the newest review of each recipe, and that of pictures alone under an empty name.
    pub(super) fn read_reviews(&mut self) {
        let (Ok(project), Some(Ok(photos))) = (self.project.clone(), self.photos.clone()) else { return };
        let names: Vec<String> =
            self.recipes.iter().map(|(_, recipe)| recipe.name.clone()).chain([String::new()]).collect();
        let mut found = Vec::new();
        for name in &names {
            let files = [file::path(&project, name), edits::file(&project)];
            if !files[0].is_file() {
                continue;
            }
            let basis = (stamp(files.iter().map(|file| file.as_path())), Some(photos.key));
            if self.reviews.known.get(name).is_none_or(|(then, _)| *then != basis) {
                let review = match file::load(&project, &photos, name, Some(photos.key)) {
                    Ok(review) => review.unwrap_or_default(),
                    Err(error) => Review {
                        recipe: name.clone(),
                        stale: Some(self.short(&brew::chain(&error))),
                        ..Review::default()
                    },
                };
                self.reviews.known.insert(name.clone(), (basis, Arc::new(review)));
            }
            found.extend(self.reviews.known.get(name).map(|(_, review)| review.clone()));
        }
        self.reviews.known.retain(|name, _| names.contains(name));
        self.reviews.found = Arc::new(found);
    }

    /// Writes decisions: of each photo its id, the action and its value; who or what suggested them, and a note.
    pub(super) fn decide(
        &mut self,
        wanted: &[(String, String, String)],
        by: &str,
        note: &str,
    ) -> Result<String, SessionError> {
        let (project, photos) = (self.opened()?, self.read()?);
        let edit = |(id, action, value): &(String, String, String)| {
            let named = Action::named(action);
            let action = named.ok_or_else(|| SessionError::Unfit(format!("there is no action {action:?}")))?;
            let [id, value, by, note] = [id, value, by, note].map(str::to_owned);
            Ok(Edit { id, action, value, by, date: String::new(), note })
        };
        let more = edits::dated(&project, wanted.iter().map(edit).collect::<Result<Vec<_>, SessionError>>()?);
        edits::decide(&project, &photos, &more)?;
        let what = match more.as_slice() {
            [one] => format!("{} {} {}", one.action.name(), one.id, one.value).trim_end().to_owned(),
            more => format!("{} photos", more.len()),
        };
        Ok(format!("{what}: written to {}; u takes it back", crate::data::manifest::edits::FILE))
    }

    /// Takes the last decision back.
    pub(super) fn undo_decision(&mut self) -> Result<String, SessionError> {
        let back = edits::undo(&*self.opened()?)?;
        Ok(match back.as_slice() {
            [] => "there is nothing to take back".to_owned(),
            [one] => format!("taken back: {} {} {}", one.action.name(), one.id, one.value).trim_end().to_owned(),
            back => format!("taken back: what was decided about {} photos", back.len()),
        })
    }

    /// Asks the worker for a recipe's review.
    pub(super) fn ask_review(&mut self, recipe: &str) -> Result<String, SessionError> {
        if !self.is_known(recipe) {
            return Err(SessionError::NoSuchRecipe { name: recipe.to_owned(), there: "see the board".to_owned() });
        }
        self.queue.add_review(recipe, self.around.clock.now())?;
        Ok(format!("{recipe}: a review is asked for"))
    }

    /// The photos, once they are read.
    pub(super) fn read(&self) -> Result<Arc<Photos>, SessionError> {
        match &self.photos {
            Some(Ok(photos)) => Ok(photos.clone()),
            Some(Err(why)) => Err(SessionError::Unfit(why.clone())),
            None => Err(SessionError::Unfit("the photos are still being read".to_owned())),
        }
    }
}
