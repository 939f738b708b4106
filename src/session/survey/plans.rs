//! The plans of all recipes.
//!
//! A recipe is planned again when its settings, the data, its newest run or anything in the store changed. With a thousand recipes that is asked at
//! every look, so what costs nothing to compare is compared first: the same text, photos, history and run.

use std::path::PathBuf;
use std::sync::Arc;

use rayon::prelude::*;

use super::super::project::{TOJI, boxes};
use super::super::stages::ensemble;
use super::super::{Photos, Project, Recipe, Rung, brew};
use super::Survey;
use crate::base::{Key, KeyWriter};
use crate::dag::{Job, Order, RunState};
use crate::session::project::watch::{Stamp, stamp};

/// Of what a plan was made, as far as it is free to compare.
pub(super) struct Cause {
    text: Arc<Recipe>,
    photos: Arc<Photos>,
    rung: Option<String>,
    history: Stamp,
    run: Option<(String, RunState, usize)>,
}

impl Cause {
    fn is(&self, other: &Cause) -> bool {
        Arc::ptr_eq(&self.text, &other.text)
            && Arc::ptr_eq(&self.photos, &other.photos)
            && (&self.rung, &self.history, &self.run) == (&other.rung, &other.history, &other.run)
    }
}

impl Survey {
    /// Plans every sound recipe whose settings, data or runs changed since its last plan.
    pub(super) fn plan(&mut self) {
        let (Ok(project), Some(Ok(photos))) = (self.project.clone(), self.photos.clone()) else { return };
        // Publishing an artefact, by anybody, moves this file.
        let history = stamp([self.root.join(TOJI).join("history.json").as_path()]);
        let waiting = self.queue.waiting();
        let mut new = Vec::new();
        for recipe in self.recipes.iter().map(|(_, recipe)| recipe.clone()).collect::<Vec<_>>() {
            let name = &recipe.name;
            if recipe.is_broken() {
                self.plans.remove(name);
                self.unplanned.remove(name);
                self.causes.remove(name);
                continue;
            }
            let run = self.board.latest(name);
            let cause = Cause {
                text: recipe.clone(),
                photos: photos.clone(),
                rung: self.rung_among(name, &waiting),
                history: history.clone(),
                run: run.map(|run| (run.id().to_owned(), run.state(), run.told.finished.len())),
            };
            // Files that only the recipe names are looked at each time.
            let names_files = ensemble::is_one(&recipe) || self.has_boxes(&recipe);
            let is_known = self.causes.get(name).is_some_and(|known| known.is(&cause));
            if is_known && !names_files && self.plans.contains_key(name) {
                continue;
            }
            let Ok(rung) = recipe.rung(cause.rung.as_deref()).or_else(|_| recipe.rung(None)) else { continue };
            let basis = self.basis(&project, &cause, &rung.to_string());
            self.causes.insert(name.clone(), cause);
            if self.plans.get(name).is_some_and(|(known, _)| *known == basis) {
                continue;
            }
            new.push((recipe.clone(), rung, basis));
        }
        // The first time that is all of them.
        let plan = |(recipe, rung, basis): (Arc<Recipe>, Rung, Key)| {
            let planned = brew::plan(&project, &recipe, &photos, &rung, &self.board, &self.history);
            (recipe, basis, planned)
        };
        let made: Vec<_> = new.into_par_iter().map(plan).collect();
        for (recipe, basis, planned) in made {
            let name = recipe.name.clone();
            match planned {
                Ok(planned) => {
                    self.unplanned.remove(&name);
                    self.plans.insert(name, (basis, Arc::new(planned)));
                }
                Err(error) => {
                    self.plans.remove(&name);
                    self.unplanned.insert(name, brew::chain(&error));
                }
            }
        }
    }

    fn has_boxes(&self, recipe: &Recipe) -> bool {
        recipe.settings().get("augment").is_some_and(|augment| !boxes::tables(augment).is_empty())
    }

    /// All that a plan is made of.
    fn basis(&self, project: &Project, cause: &Cause, rung: &str) -> Key {
        let recipe = &cause.text;
        let mut basis = KeyWriter::new("plan");
        basis.key(&recipe.key()).key(&cause.photos.key).key(&cause.photos.columns).bytes(rung.as_bytes());
        basis.bytes(format!("{:?}", cause.history).as_bytes());
        if let Some(augment) = recipe.settings().get("augment") {
            let files: Vec<PathBuf> = boxes::tables(augment).iter().map(|t| project.root.join(&t.file)).collect();
            basis.bytes(format!("{:?}", stamp(files.iter().map(PathBuf::as_path))).as_bytes());
        }
        if ensemble::is_one(recipe) {
            let files = ensemble::members::watched(project, recipe);
            basis.bytes(format!("{:?}", stamp(files.iter().map(PathBuf::as_path))).as_bytes());
            // A member may have changed by what it extends, too.
            let theirs = self.recipes.iter().filter(|(_, other)| files.contains(&other.book.file));
            theirs.for_each(|(_, member)| {
                basis.key(&member.key());
            });
        }
        if let Some((id, state, finished)) = &cause.run {
            basis.bytes(id.as_bytes()).bytes(format!("{state:?}").as_bytes());
            basis.number(*finished as u64);
        }
        basis.finish()
    }

    /// The rung that a recipe last had.
    pub(super) fn rung_of(&self, name: &str) -> Option<String> {
        self.rung_among(name, &self.queue.waiting())
    }

    fn rung_among(&self, name: &str, waiting: &[Job]) -> Option<String> {
        if let Some(rung) = self.preferred.get(name) {
            return Some(rung.clone());
        }
        let runs = |job: &&Job| job.recipe == name && job.order == Order::Run;
        let waiting = waiting.iter().find(runs).map(|job| job.rung.clone());
        let last = || self.board.latest(name).map(|run| run.told.rung.clone());
        waiting.or_else(last)
    }
}
