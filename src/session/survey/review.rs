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
use crate::session::{Photos, Project, SessionError, Slot, brew};

/// The reviews that were read.
#[derive(Default)]
pub(super) struct Reviews {
    /// By recipe, with what each was read from.
    known: HashMap<String, (Basis, Arc<Review>)>,
    /// In the order of the recipes, that of pictures alone last.
    pub found: Arc<Vec<Arc<Review>>>,
}

/// The files' stamps, the photos, and whether the networks that would be asked now are trained.
type Basis = (Stamp, Option<Key>, Option<bool>);

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
            let trained = self.is_trained(&project, name);
            let basis = (stamp(files.iter().map(|file| file.as_path())), Some(photos.key), trained);
            if self.reviews.known.get(name).is_none_or(|(then, _)| *then != basis) {
                let review = match file::load(&project, &photos, name, Some(photos.key)) {
                    Ok(review) => aged(review.unwrap_or_default(), trained),
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

    /// Whether the trainings of a recipe's plan are in the store; `None` where nothing is planned.
    fn is_trained(&self, project: &Project, name: &str) -> Option<bool> {
        let (_, planned) = self.plans.get(name)?;
        let graph = &planned.graph;
        let is_there = |slot: &Slot| {
            let stage = graph.fit(*slot).and_then(|fit| graph.stage(fit).ok());
            stage.is_some_and(|stage| project.store.has(stage.name, &stage.artefact()))
        };
        Some(!graph.slots.is_empty() && graph.slots.iter().all(is_there))
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
            return Err(self.no_recipe(recipe));
        }
        self.queue.add_review(recipe, self.around.clock.now())?;
        Ok(format!("{recipe}: a review is asked for"))
    }

    /// The photos, once they are read.
    ///
    /// # Errors
    /// When they cannot be read, or are not yet.
    pub fn read(&self) -> Result<Arc<Photos>, SessionError> {
        match &self.photos {
            Some(Ok(photos)) => Ok(photos.clone()),
            Some(Err(why)) => Err(SessionError::Unfit(why.clone())),
            None => Err(SessionError::Unfit("the photos are still being read".to_owned())),
        }
    }
}

/// What of a review has been overtaken, in words that say what to do. Nothing is made again by itself: with other training photos the trainings that
/// it was made by are none any more, and a review by the network before training would take the place of a better one.
fn aged(review: Review, trained: Option<bool>) -> Review {
    let stale = match (&review.stale, review.trained, trained) {
        (Some(_), true, Some(false)) => {
            "photos were edited since; r trains on them as they are now, then make it again, since before that only the untrained network can be asked"
        }
        (Some(_), ..) => "photos or edits are others than when it was made",
        (None, false, Some(true)) if !review.recipe.is_empty() => {
            "the network has been trained since, and knows more now"
        }
        (None, ..) => return review,
    };
    Review { stale: Some(stale.to_owned()), ..review }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_overtaken_says_what_to_do() {
        let said = |stale: bool, trained: bool, now: Option<bool>| {
            let stale = stale.then(|| "others".to_owned());
            let review = Review { recipe: "02".to_owned(), trained, stale, ..Review::default() };
            aged(review, now).stale.unwrap_or_default()
        };
        assert_eq!(said(false, true, Some(true)), "");
        assert_eq!(
            said(false, true, Some(false)),
            "",
            "the same photos: it holds, whatever was removed from the store"
        );
        assert_eq!(said(false, false, None), "");
        assert!(said(false, false, Some(true)).starts_with("the network has been trained since"));
        assert!(said(true, true, Some(false)).contains("r trains on them as they are now"));
        assert!(said(true, true, Some(true)).starts_with("photos or edits are others"));
        assert!(said(true, false, None).starts_with("photos or edits are others"));
        let pictures = Review::default();
        assert_eq!(aged(pictures, Some(true)).stale, None);
    }
}
