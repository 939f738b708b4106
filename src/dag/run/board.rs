//! All runs of a project.
//!
//! Takes `.toji/runs`; begins, resumes and asks runs to stop, and keeps a view of each for whoever shows
//! them. The list is the folder's list, sorted by time because ids are; there is no index to be wrong.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::STOP;
use super::view::RunView;
use super::write::{Run, Start};
use crate::base::files;
use crate::base::{Clock, Key};
use crate::dag::error::DagError;
use crate::dag::event::Event;
use crate::dag::plan::Previous;
use crate::dag::store::names;

/// The runs below one `.toji`.
#[derive(Clone, Debug)]
pub struct Runs {
    folder: PathBuf,
}

impl Runs {
    /// The runs of the folder `.toji` given here. Makes nothing.
    pub fn open(toji: &Path) -> Runs {
        Runs { folder: toji.join("runs") }
    }

    /// Ids of all runs, oldest first.
    pub fn list(&self) -> Vec<String> {
        names(&self.folder)
    }

    /// The folder of a run.
    pub fn folder(&self, id: &str) -> PathBuf {
        self.folder.join(id)
    }

    /// Begins a new run, which this process then writes.
    ///
    /// # Errors
    /// When its folder cannot be made.
    pub fn start(&self, start: &Start<'_>, clock: Arc<dyn Clock>) -> Result<Run, DagError> {
        Run::start(&self.folder, start, clock)
    }

    /// Goes on with a run as a further attempt. A request to stop that was made before is forgotten.
    ///
    /// # Errors
    /// [`DagError::RunHeld`] while a living process writes it; [`DagError::NoSuchRun`].
    pub fn resume(&self, id: &str, start: &Start<'_>, clock: Arc<dyn Clock>) -> Result<Run, DagError> {
        Run::resume(&self.folder, id, start, clock)
    }

    /// Adds an event to a run that nobody writes: what was decided about it after its end.
    ///
    /// # Errors
    /// [`DagError::RunHeld`] while a living process writes it; [`DagError::NoSuchRun`]; when it cannot be written.
    pub fn add(&self, id: &str, event: Event, clock: Arc<dyn Clock>) -> Result<(), DagError> {
        Run::add(&self.folder, id, event, clock)
    }

    /// Asks a run to stop at the next clean place. Harmless when it does not run.
    ///
    /// # Errors
    /// When there is no such run, or the request cannot be written.
    pub fn request_stop(&self, id: &str, reason: &str) -> Result<(), DagError> {
        let folder = self.folder(id);
        if !folder.is_dir() {
            return Err(DagError::NoSuchRun { id: id.to_owned(), folder: self.folder.clone() });
        }
        Ok(files::publish(&folder.join(STOP), reason.as_bytes())?)
    }
}

/// Points that were read from indices are let go when there are more: 64 MiB.
const POINTS: usize = 4 << 20;

/// A view of every run, kept up to date by asking.
#[derive(Debug, Default)]
pub struct Board {
    runs: BTreeMap<String, RunView>,
    /// The runs of each recipe, oldest first.
    by_recipe: HashMap<String, Vec<String>>,
    /// The newest run that came to a score, by the score's artefact.
    by_score: HashMap<Key, String>,
}

impl Board {
    /// Without any run.
    pub fn new() -> Board {
        Board::default()
    }

    /// Finds runs and looks at both ends of long logs that have no index yet, so that a board can be shown before everything is read.
    /// Whether there was any such log.
    pub fn glimpse(&mut self, runs: &Runs) -> bool {
        let ids = runs.list();
        self.runs.retain(|id, _| ids.binary_search(id).is_ok());
        for id in ids {
            self.runs.entry(id).or_insert_with_key(|id| RunView::new(&runs.folder(id)));
        }
        let views: Vec<&mut RunView> = self.runs.values_mut().collect();
        let is_partial = views.into_par_iter().map(RunView::glimpse).reduce(|| false, |a, b| a | b);
        if is_partial {
            // Short ones, and those with an index.
            let rest: Vec<&mut RunView> = self.runs.values_mut().filter(|view| view.told.attempts == 0).collect();
            rest.into_par_iter().for_each(|view| drop(view.refresh()));
            self.order();
        }
        is_partial
    }

    /// Finds new runs, forgets removed ones and reads what was appended. Ids of the runs that changed,
    /// among them the removed ones. A run that cannot be read keeps what was read of it before.
    pub fn refresh(&mut self, runs: &Runs) -> Vec<String> {
        self.refresh_telling(runs, &|_, _| ())
    }

    /// As [`Board::refresh`]; tells how many runs of how many were looked at.
    pub fn refresh_telling(&mut self, runs: &Runs, tell: &(dyn Fn(u64, u64) + Sync)) -> Vec<String> {
        let ids = runs.list();
        let mut changed: Vec<String> = Vec::new();
        self.runs.retain(|id, _| {
            let there = ids.binary_search(id).is_ok();
            if !there {
                changed.push(id.clone());
            }
            there
        });
        for id in ids {
            self.runs.entry(id).or_insert_with_key(|id| RunView::new(&runs.folder(id)));
        }
        let total = self.runs.len() as u64;
        let done = AtomicU64::new(0);
        let views: Vec<&mut RunView> = self.runs.values_mut().collect();
        let look = |view: &mut RunView| {
            let is_new = view.refresh().unwrap_or(false);
            tell(done.fetch_add(1, Ordering::Relaxed) + 1, total);
            is_new.then(|| view.id().to_owned())
        };
        // A stat is soon done; many logs to be read are many threads' work.
        let of_all: Vec<String> = views.into_par_iter().with_min_len(16).filter_map(look).collect();
        changed.extend(of_all);
        if !changed.is_empty() {
            self.order();
        }
        if self.runs.values().map(RunView::read_points).sum::<usize>() > POINTS {
            self.runs.values_mut().for_each(RunView::let_go);
        }
        changed
    }

    /// Finds each recipe's runs, and who came to which score.
    fn order(&mut self) {
        self.by_recipe.clear();
        self.by_score.clear();
        for (id, run) in &self.runs {
            self.by_recipe.entry(run.told.recipe.clone()).or_default().push(id.clone());
            if let Some(key) = run.score_key() {
                self.by_score.insert(key, id.clone());
            }
        }
    }

    /// All runs, oldest first.
    pub fn runs(&self) -> impl DoubleEndedIterator<Item = &RunView> {
        self.runs.values()
    }

    /// One run.
    pub fn run(&self, id: &str) -> Option<&RunView> {
        self.runs.get(id)
    }

    /// The newest run of a recipe.
    pub fn latest(&self, recipe: &str) -> Option<&RunView> {
        self.run(self.by_recipe.get(recipe)?.last()?)
    }

    /// The runs of a recipe, oldest first.
    pub fn of(&self, recipe: &str) -> impl DoubleEndedIterator<Item = &RunView> {
        self.by_recipe.get(recipe).into_iter().flatten().filter_map(|id| self.runs.get(id))
    }

    /// The newest run of any recipe that came to a score.
    pub fn scored(&self, score: &Key) -> Option<&RunView> {
        self.run(self.by_score.get(score)?)
    }

    /// What a recipe's newest run set out to do and finished; `None` when it never ran or that cannot be read.
    pub fn previous(&self, recipe: &str) -> Option<Previous> {
        self.latest(recipe)?.previous().ok()
    }
}
