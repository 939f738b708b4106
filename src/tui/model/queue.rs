//! Where the user looks in the queue.
//!
//! Holds the chosen job by what it is, so that a list that moves does not move the choice, and how far its log is scrolled. A log that is
//! scrolled back stands still: what is appended meanwhile shows when it is followed again.

use std::sync::Arc;

use toji::dag::{Lane, Order};
use toji::session::command::Command;
use toji::session::survey::queue::Entry;
use toji::session::survey::queue::log::Log;

use super::{Model, View};

/// See the file's head.
#[derive(Clone, Debug, Default)]
pub struct Queueing {
    /// The chosen job, and its place when it was chosen.
    chosen: Option<(usize, Name)>,
    /// Whether the log has the whole screen.
    pub is_large: bool,
    /// Lines of the log that are scrolled past its end; 0: it is followed.
    pub back: usize,
    /// The log as it was when it was scrolled back.
    held: Option<Arc<Log>>,
    /// The recipe whose log the session was asked for last.
    asked: Option<String>,
}

/// What tells a job from others.
type Name = (String, Option<Lane>, Order);

fn name(job: &Entry) -> Name {
    (job.recipe.clone(), job.lane, job.order)
}

impl Model {
    /// The jobs, in the order in which they are shown.
    pub fn jobs(&self) -> &[Entry] {
        &self.snapshot.queue.jobs
    }

    /// The chosen job's place; where it is gone, that of its recipe, or where it was.
    pub fn job_index(&self) -> usize {
        let jobs = self.jobs();
        let of_recipe = |recipe: &str| jobs.iter().position(|job| job.recipe == recipe);
        let found = match &self.queueing.chosen {
            None => of_recipe(&self.selected),
            Some((at, chosen)) => {
                let same = jobs.iter().position(|job| name(job) == *chosen);
                same.or_else(|| of_recipe(&chosen.0)).or(Some(*at))
            }
        };
        found.unwrap_or(0).min(jobs.len().saturating_sub(1))
    }

    /// The chosen job.
    pub fn job(&self) -> Option<&Entry> {
        self.jobs().get(self.job_index())
    }

    /// Chooses by place, the last one where there are fewer; its recipe is then the selected one.
    pub fn choose_job(&mut self, index: usize) {
        let at = index.min(self.jobs().len().saturating_sub(1));
        let Some(job) = self.jobs().get(at).cloned() else { return };
        if self.job_index() != at {
            self.follow_log();
        }
        if let Some(place) = self.snapshot.recipes.iter().position(|recipe| recipe.name == job.recipe) {
            self.select(place);
        }
        self.queueing.chosen = Some((at, name(&job)));
    }

    /// The recipe that keys of the queue are about: the chosen job's, else the selected one.
    pub fn job_recipe(&self) -> String {
        self.job().map_or_else(|| self.selected.clone(), |job| job.recipe.clone())
    }

    /// The log that shows.
    pub fn log(&self) -> &Log {
        self.queueing.held.as_deref().unwrap_or(&self.snapshot.log)
    }

    /// Shows its end again, and what comes.
    pub fn follow_log(&mut self) {
        (self.queueing.back, self.queueing.held) = (0, None);
    }

    /// Scrolls it so many lines back from its end.
    pub fn scroll_log(&mut self, back: usize) {
        if back == 0 {
            return self.follow_log();
        }
        self.queueing.back = back;
        self.queueing.held.get_or_insert_with(|| self.snapshot.log.clone());
    }

    /// Asks for the log of the chosen job, where it is another one than was asked for last.
    pub fn ask_log(&mut self) -> Option<Command> {
        if self.view != View::Queue {
            return None;
        }
        // Keys are about the selected recipe: on coming here that is the chosen job's.
        if self.queueing.chosen.is_none() {
            self.choose_job(self.job_index());
        }
        let recipe = self.job_recipe();
        if recipe.is_empty() || self.queueing.asked.as_ref() == Some(&recipe) {
            return None;
        }
        self.follow_log();
        self.queueing.asked = Some(recipe.clone());
        Some(Command::Log { recipe })
    }
}
