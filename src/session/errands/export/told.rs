//! Which runs are meant, and what they set out with.
//!
//! Takes recipes' names, or none for all; gives their runs, oldest first, and of a run the settings that its lock holds: those that it ran with,
//! whatever the recipe says by now.

use crate::base::Value;
use crate::dag::{Board, RunView, Runs};
use crate::session::brew::lock;
use crate::session::{Project, SessionError};

/// The runs of a project.
pub struct History {
    /// All of them, read.
    pub board: Board,
    /// Names of the recipes that are meant.
    recipes: Vec<String>,
    /// Whether of each recipe the newest run alone is meant.
    latest: bool,
}

impl History {
    /// Reads all runs. `recipes` are names, or paths of files; none: all that ever ran.
    ///
    /// # Errors
    /// When a name is that of no recipe and of no run, or nothing of it ever ran.
    pub fn read(project: &Project, recipes: &[String], latest: bool) -> Result<History, SessionError> {
        let board = board(project);
        let ran = |name: &str| board.latest(name).is_some();
        let mut found = Vec::new();
        for word in recipes {
            let name = match project.recipe(word) {
                Ok(recipe) => recipe.name,
                // A recipe that is gone has its runs still.
                Err(_) if ran(word) => word.clone(),
                Err(error) => return Err(error),
            };
            if !ran(&name) {
                let text = format!("{name} never ran: there is nothing of it to export; toji run {name} makes it run");
                return Err(SessionError::Unfit(text));
            }
            if !found.contains(&name) {
                found.push(name);
            }
        }
        if recipes.is_empty() {
            found.extend(board.runs().map(|run| run.told.recipe.clone()).filter(|name| !name.is_empty()));
            found.sort();
            found.dedup();
        }
        if found.is_empty() {
            let text = "no recipe of this project ever ran: there is nothing to export; toji run RECIPE makes one run";
            return Err(SessionError::Unfit(text.to_owned()));
        }
        Ok(History { board, recipes: found, latest })
    }

    /// Names of the recipes that are meant.
    pub fn recipes(&self) -> &[String] {
        &self.recipes
    }

    /// The runs that are meant: by recipe, oldest first.
    pub fn runs(&self) -> Vec<&RunView> {
        let of = |name: &String| {
            let own: Vec<&RunView> = self.board.runs().filter(|run| run.told.recipe == *name).collect();
            let first = if self.latest { own.len().saturating_sub(1) } else { 0 };
            own[first..].to_vec()
        };
        self.recipes.iter().flat_map(of).collect()
    }
}

/// All runs of a project, read.
pub fn board(project: &Project) -> Board {
    let mut board = Board::new();
    board.refresh(&Runs::open(&project.toji));
    board
}

/// The settings that a run set out with; `None` where its lock cannot be read.
pub fn settings(run: &RunView) -> Option<Value> {
    lock::of_run(run)?.get("settings").cloned()
}
