//! The recipes as they are shown, each made again only when something of it changed.
//!
//! A look finds most of a thousand recipes as they were: what a row is made of is compared (its text, plan, run, score, the pin's), and an equal one is
//! handed on. The page's outputs are made for the recipes that a viewer looks at; the other pages have their text and names.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rayon::prelude::*;

use super::{Scored, Survey};
use crate::base::Key;
use crate::dag::{Job, RunState, RunView, Stage};
use crate::score::metric::Score;
use crate::session::brew::Planned;
use crate::session::shared::Shared;
use crate::session::snapshot::Recipe as Row;
use crate::session::stages::{Task, score};
use crate::session::{Photos, Recipe};

/// The rows of the last look.
#[derive(Default)]
pub(super) struct Rows {
    known: HashMap<String, (Basis, Shared<Row>)>,
    /// Whose pages a viewer looks at; `None`: everybody's.
    looked_at: Option<HashSet<String>>,
}

/// Of what a row was made.
struct Basis {
    text: Arc<Recipe>,
    planned: Option<Arc<Planned>>,
    run: Option<Version>,
    scored: Option<(Version, Arc<Scored>)>,
    pinned: Option<Arc<Scored>>,
    unplanned: Option<String>,
    measuring: Option<f64>,
    waits: bool,
    has_page: bool,
    took: u64,
    photos: Option<Arc<Photos>>,
}

type Version = (String, (u64, u64, bool));

impl Basis {
    fn is(&self, other: &Basis) -> bool {
        fn same<T>(a: Option<&Arc<T>>, b: Option<&Arc<T>>) -> bool {
            match (a, b) {
                (Some(a), Some(b)) => Arc::ptr_eq(a, b),
                (a, b) => a.is_none() && b.is_none(),
            }
        }
        let version = |basis: &Basis| basis.scored.as_ref().map(|(version, _)| version.clone());
        Arc::ptr_eq(&self.text, &other.text)
            && same(self.planned.as_ref(), other.planned.as_ref())
            && same(self.scored.as_ref().map(|(_, s)| s), other.scored.as_ref().map(|(_, s)| s))
            && same(self.pinned.as_ref(), other.pinned.as_ref())
            && same(self.photos.as_ref(), other.photos.as_ref())
            && (&self.run, version(self)) == (&other.run, version(other))
            && (&self.unplanned, self.measuring) == (&other.unplanned, other.measuring)
            && (self.waits, self.has_page, self.took) == (other.waits, other.has_page, other.took)
    }
}

/// What all rows have in common.
pub(super) struct Around<'a> {
    /// The pin's name and score.
    pub pin: Option<(&'a str, Option<Arc<Scored>>)>,
    /// Jobs that wait.
    pub waiting: &'a [Job],
    /// Recipes that a worker has taken.
    pub taken: &'a [String],
}

impl Survey {
    /// From the next look on only these pages have outputs.
    pub(super) fn look_at(&mut self, recipes: &[String]) {
        self.rows.looked_at = Some(recipes.iter().cloned().collect());
    }

    /// All recipes as they are shown.
    pub(super) fn rows(&mut self, around: &Around<'_>) -> Vec<Shared<Row>> {
        let recipes: Vec<Arc<Recipe>> = self.recipes.iter().map(|(_, recipe)| recipe.clone()).collect();
        let measuring = around.pin.as_ref().and_then(|(name, _)| self.measuring(name));
        let waiting: HashSet<&str> = around
            .waiting
            .iter()
            .map(|job| job.recipe.as_str())
            .chain(around.taken.iter().map(String::as_str))
            .collect();
        self.weigh(&recipes, around);
        let mut known = std::mem::take(&mut self.rows.known);
        let mut rows = Vec::with_capacity(recipes.len());
        let mut next = HashMap::with_capacity(recipes.len());
        for text in recipes {
            let name = text.name.clone();
            let waits = waiting.contains(name.as_str());
            let pinned = around.pin.as_ref().filter(|(pin, _)| *pin != name).and_then(|(_, scored)| scored.clone());
            let version = |run: &RunView| (run.id().to_owned(), run.version());
            let scored = self.scored(&name);
            let basis = Basis {
                planned: self.plans.get(&name).map(|(_, planned)| planned.clone()),
                run: self.board.latest(&name).map(version),
                scored: scored.as_ref().and_then(|(id, scored)| Some((version(self.board.run(id)?), scored.clone()))),
                pinned,
                unplanned: self.unplanned.get(&name).cloned(),
                measuring,
                waits,
                has_page: self.rows.looked_at.as_ref().is_none_or(|looked| looked.contains(&name)),
                took: self.timed,
                photos: self.photos.as_ref().and_then(|photos| photos.as_ref().ok()).cloned(),
                text,
            };
            // What runs has a clock of its own.
            let runs = self.board.latest(&name).is_some_and(|run| run.state() == RunState::Running);
            let row = match known.remove(&name) {
                Some((old, row)) if !runs && old.is(&basis) => row,
                _ => self.recipe(&basis.text.clone(), waits, basis.pinned.as_deref(), measuring, basis.has_page).into(),
            };
            rows.push(row.clone());
            next.insert(name, (basis, row));
        }
        self.rows.known = next;
        rows
    }

    /// The run that came to the score that a recipe means now, its own before another's, and the score; where there is none the newest of its
    /// own, which stays visible while a new run is on. A change that was taken back is so shown with its own score again.
    pub(super) fn scored(&mut self, name: &str) -> Option<(String, Arc<Scored>)> {
        let planned = self.plans.get(name).and_then(|(_, planned)| planned.graph.stage(Task::Score).ok());
        let meant = planned.map(Stage::artefact);
        let is_meant = |run: &&RunView| meant.is_some() && run.score_key() == meant;
        let own = || self.board.of(name).rev();
        let newest = || own().find(|run| run.told.metrics.iter().any(|metric| metric.part.is_empty()));
        let others = || meant.as_ref().and_then(|key| self.board.scored(key));
        let run = own().find(is_meant).or_else(others).or_else(newest)?;
        let (id, key) = (run.id().to_owned(), run.score_key()?);
        if let Some(known) = self.scores.get(&key) {
            return Some((id, known.clone()));
        }
        let scored = Arc::new(self.load(key)?);
        self.scores.insert(key, scored.clone());
        Some((id, scored))
    }

    /// Finds out the differences to the pin that are not known yet, many at once: each draws its queries two thousand times.
    fn weigh(&mut self, recipes: &[Arc<Recipe>], around: &Around<'_>) {
        let Some((pin, Some(pinned))) = &around.pin else { return };
        let others = recipes.iter().filter(|recipe| recipe.name != *pin);
        let scored: Vec<Arc<Scored>> =
            others.filter_map(|recipe| self.scored(&recipe.name)).map(|(_, scored)| scored).collect();
        let new = scored.into_iter().filter(|scored| !self.deltas.contains_key(&(scored.key, pinned.key)));
        let new: Vec<Arc<Scored>> = new.collect();
        let drawn: Vec<_> = new
            .into_par_iter()
            .filter_map(|scored| Some(((scored.key, pinned.key), self.drawn(&scored, pinned)?)))
            .collect();
        self.deltas.extend(drawn);
    }

    fn load(&self, key: Key) -> Option<Scored> {
        let project = self.project.as_ref().ok()?;
        let folder = project.store.folder("score", &key).ok()?;
        let score = Score::load(&folder.join(score::FILE)).ok()?;
        let fold = project.store.meta("score", &key).ok()??.facts.get("fold").cloned();
        Some(Scored { key, score, fold })
    }
}
