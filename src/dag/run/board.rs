//! All runs of a project.
//!
//! Takes `.toji/runs`; begins, resumes and asks runs to stop, and keeps a view of each for whoever shows
//! them. The list is the folder's list, sorted by time because ids are; there is no index to be wrong.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::STOP;
use super::view::RunView;
use super::write::{Run, Start};
use crate::base::Clock;
use crate::base::files;
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

/// A view of every run, kept up to date by asking.
#[derive(Debug, Default)]
pub struct Board {
    runs: BTreeMap<String, RunView>,
}

impl Board {
    /// Without any run.
    pub fn new() -> Board {
        Board::default()
    }

    /// Finds new runs, forgets removed ones and reads what was appended. Ids of the runs that changed,
    /// among them the removed ones. A run that cannot be read keeps what was read of it before.
    pub fn refresh(&mut self, runs: &Runs) -> Vec<String> {
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
            let view = self.runs.entry(id).or_insert_with_key(|id| RunView::new(&runs.folder(id)));
            if view.refresh().unwrap_or(false) {
                changed.push(view.id().to_owned());
            }
        }
        changed
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
        self.runs().rev().find(|run| run.told.recipe == recipe)
    }

    /// What a recipe's newest run set out to do and finished; `None` when it never ran or that cannot be read.
    pub fn previous(&self, recipe: &str) -> Option<Previous> {
        self.latest(recipe)?.previous().ok()
    }
}
