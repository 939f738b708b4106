//! The facts, the photos and the recipes, read when their files changed.
//!
//! Takes the stamps of what was read before; a look that finds nothing new reads nothing.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use rayon::prelude::*;

use super::super::project::FACTS;
use super::super::project::watch::{Stamp, stamp};
use super::super::snapshot::{Counting, Snapshot};
use super::super::{Photos, Project, Recipe, brew, recipe, schema};
use super::Survey;
use crate::base::{Cancel, Progress};

impl Survey {
    pub(super) fn read_project(&mut self) {
        let now = stamp([self.root.join(FACTS).as_path()]);
        if self.facts_stamp.as_ref() == Some(&now) {
            return;
        }
        self.facts_stamp = Some(now);
        self.project = Project::open(&self.root, &self.around).map(Arc::new);
        self.photos = None;
        self.recipes.clear();
        self.plans.clear();
    }

    /// Whether the photos must be read: never were, or a table changed.
    fn photos_are_old(&self) -> Option<Stamp> {
        let project = self.project.as_ref().ok()?;
        let now = stamp(project.competition.tables().iter().map(PathBuf::as_path));
        (self.photos.is_none() || self.photos_stamp != now).then_some(now)
    }

    pub(super) fn read_photos(&mut self, partly: &(dyn Fn(Snapshot) + Sync), cancel: &Cancel) {
        if self.photos_are_old().is_none() {
            return;
        }
        let before = self.snapshot();
        let progress = |what: &str, done: u64, total: u64, unit: &str| {
            let counting = Counting { what: what.to_owned(), done, total, unit: unit.to_owned() };
            partly(Snapshot { planning: Some(counting), ..before.clone() });
        };
        self.read_photos_with(&progress, cancel);
    }

    pub(super) fn read_photos_with(&mut self, progress: &dyn Progress, cancel: &Cancel) {
        let Ok(project) = self.project.clone() else { return };
        let Some(now) = self.photos_are_old() else { return };
        self.photos_stamp = now;
        self.plans.clear();
        let read = Photos::read(&project, progress, cancel);
        self.photos = Some(read.map(Arc::new).map_err(|error| self.short(&brew::chain(&error))));
    }

    /// Reads recipes whose stamps changed; gives the names of those that mean something else than before. Other prose, also a parent's, is none.
    pub(super) fn read_recipes(&mut self) -> Vec<String> {
        // Without facts the recipes are shown all the same, from where they usually are.
        let (folder, schema) = match &self.project {
            Ok(project) => (project.competition.workbench.recipes.clone(), project.clone()),
            Err(_) => return self.read_orphans(),
        };
        let schema = &schema.schema;
        let old: HashMap<PathBuf, (Stamp, Arc<Recipe>)> =
            self.recipes.drain(..).map(|(stamp, recipe)| (recipe.book.file.clone(), (stamp, recipe))).collect();
        let look = |file: PathBuf| {
            let (known, recipe) = old.get(&file).map(|(stamp, recipe)| (stamp, recipe.clone())).unzip();
            let parents = recipe.as_ref().map(|recipe| recipe.book.extends.clone()).unwrap_or_default();
            let now = stamp(std::iter::once(file.as_path()).chain(parents.iter().map(PathBuf::as_path)));
            match recipe {
                // A broken one is read again each time: a parent that was not there (in the midst of an editor's
                // save, say) is in no stamp.
                Some(recipe) if known == Some(&now) && !recipe.is_broken() => (now, recipe, false),
                before => {
                    let recipe = Recipe::read(&file, schema);
                    let all = std::iter::once(file.as_path()).chain(recipe.book.extends.iter().map(PathBuf::as_path));
                    let same = before.is_some_and(|before| !before.is_broken() && before.key() == recipe.key());
                    (stamp(all), Arc::new(recipe), !same)
                }
            }
        };
        // A thousand texts are a second's work for one thread.
        let read: Vec<_> = recipe::files_in(&folder).into_par_iter().with_min_len(8).map(look).collect();
        let changed = read.iter().filter(|(.., is_new)| *is_new).map(|(_, recipe, _)| recipe.name.clone()).collect();
        self.recipes = read.into_iter().map(|(stamp, recipe, _)| (stamp, recipe)).collect();
        changed
    }

    /// Recipes of a project whose facts have mistakes.
    fn read_orphans(&mut self) -> Vec<String> {
        let schema = schema::recipes();
        let files = recipe::files_in(&self.root.join("recipes"));
        self.recipes = files.iter().map(|file| (Stamp::new(), Arc::new(Recipe::read(file, &schema)))).collect();
        Vec::new()
    }
}
