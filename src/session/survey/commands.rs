//! What a viewer may ask for, carried out.
//!
//! Takes a [`Command`]; most go on in the file of what they are about. Gives what was done, in words; what comes of it is seen at the next look.

use super::super::brew::{self, worker};
use super::super::command::Command;
use super::super::project::TOJI;
use super::super::recipe::change::Wish;
use super::{SessionError, Survey};
use crate::dag::{Lane, RunState, Runs};

impl Survey {
    /// Does what a viewer asks for. What comes of it is seen at the next look.
    pub fn obey(&mut self, command: &Command) {
        if let Some(said) = self.carry_out(command).transpose() {
            self.announced = match (command, &said) {
                (Command::Run { recipe, .. } | Command::Part { recipe } | Command::Review { recipe }, Ok(said)) => {
                    Some((recipe.clone(), said.clone()))
                }
                _ => None,
            };
            self.notice = Some(said.unwrap_or_else(|error| brew::chain(&error)));
        }
    }

    /// Does what is asked for and says what was done; `None` for looks, which say nothing.
    ///
    /// # Errors
    /// Why it cannot be done.
    pub fn carry_out(&mut self, command: &Command) -> Result<Option<String>, SessionError> {
        let done = match command {
            Command::Refresh => {
                self.forget();
                Ok("looking at all files again".to_owned())
            }
            Command::Pin { recipe } => self.toggle_pin(recipe),
            Command::Stop { recipe } => self.stop(recipe),
            Command::First { recipe } => self.put_first(recipe),
            Command::Shift { recipe, up } => self.shift(recipe, *up),
            Command::Pause => self.pause(),
            Command::Resume => self.resume(),
            Command::Part { recipe } => self.ask_for_part(recipe),
            Command::Final { hash, marked } => self.mark_final(hash, *marked),
            Command::Lab { hash } => self.ask_lab(hash),
            Command::Run { recipe, rung } => self.ask_for(recipe, rung.as_deref()),
            Command::Edit { edits, by, note } => self.decide(edits, by, note),
            // Whoever arranged it knows.
            Command::Arrange { choice } => match choice.save(&self.root.join(TOJI)) {
                Ok(()) => return Ok(None),
                Err(error) => Err(error.into()),
            },
            Command::Undo => self.undo_decision(),
            Command::Review { recipe } => self.ask_review(recipe),
            Command::Set { number, recipe, key, value, seen, add } => {
                let wish = Wish { key, value, seen: seen.as_deref(), add: *add };
                return Ok(self.set(*number, recipe, wish));
            }
            Command::TakeBack { recipe } => Ok(self.take_back(recipe)),
            // Looking says nothing of what happened.
            Command::Look { recipes } => {
                self.look_at(recipes);
                return Ok(None);
            }
            Command::Queries { recipe, against } => {
                self.queries.ask(recipe, against.as_deref());
                return Ok(None);
            }
            Command::Compare { recipes } => {
                self.compared.ask(recipes);
                return Ok(None);
            }
            Command::Log { recipe } => {
                self.log.ask(recipe);
                return Ok(None);
            }
        };
        done.map(Some)
    }

    pub(super) fn ask_for(&mut self, name: &str, rung: Option<&str>) -> Result<String, SessionError> {
        let known = self.recipes.iter().find(|(_, recipe)| recipe.name == name);
        let Some((_, recipe)) = known else {
            return Err(self.no_recipe(name));
        };
        if recipe.is_broken() {
            return Err(SessionError::Mistakes(format!("{name} has mistakes; its page shows them")));
        }
        let rung = match rung {
            Some(named) => recipe.rung(Some(named))?,
            None => recipe.rung(self.rung_of(name).as_deref()).or_else(|_| recipe.rung(None))?,
        };
        self.queue.add(name, &rung.to_string(), Lane::Dear, self.around.clock.now())?;
        self.plans.remove(name);
        Ok(format!("{name}: asked for, up to {rung}"))
    }

    /// That no recipe has this name, with those that there are.
    pub(super) fn no_recipe(&self, name: &str) -> SessionError {
        let names: Vec<&str> = self.recipes.iter().map(|(_, recipe)| recipe.name.as_str()).collect();
        let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        SessionError::NoSuchRecipe { name: name.to_owned(), there }
    }

    fn stop(&mut self, name: &str) -> Result<String, SessionError> {
        let removed = self.queue.cancel(name)?;
        let runs = Runs::open(&self.root.join(TOJI));
        let changed = self.board.refresh(&runs);
        self.count_seconds(&changed);
        let taken = self.queue.workers().iter().flat_map(|w| &w.jobs).any(|job| job.recipe == name);
        if taken {
            // It may not have begun its run yet: reading the photos comes first.
            worker::request_stop(&self.root, name, self.around.clock.now())?;
        }
        match self.board.latest(name).filter(|run| run.state() == RunState::Running) {
            Some(run) => {
                runs.request_stop(run.id(), "asked to in the workbench")?;
                Ok(format!("{name}: stops at the next step; its checkpoint stays"))
            }
            None if taken => Ok(format!("{name}: stops before it begins")),
            None if removed > 0 => Ok(format!("{name}: taken out of the queue")),
            None if self.is_known(name) => Ok(format!("{name} does not run")),
            None => Err(self.no_recipe(name)),
        }
    }
}
