//! What a viewer may ask of the queue besides runs: another order, a pause, the cheap part of a recipe.
//!
//! Each becomes a file that workers read; what comes of it is seen at the next look.

use super::Survey;
use crate::dag::{DagError, Queue, Shift};
use crate::session::SessionError;

impl Survey {
    /// Puts a recipe's waiting jobs before all others.
    pub(in crate::session::survey) fn put_first(&self, recipe: &str) -> Result<String, SessionError> {
        self.moved(recipe, &|queue| queue.first(recipe), "is next")
    }

    /// Moves them by one place.
    pub(in crate::session::survey) fn shift(&self, recipe: &str, up: bool) -> Result<String, SessionError> {
        let (shift, word, stays) = match up {
            true => (Shift::Up, "moved up", "is the first already"),
            false => (Shift::Down, "moved down", "is the last already"),
        };
        let order = || self.queue.waiting().into_iter().map(|job| job.recipe).collect::<Vec<String>>();
        let before = order();
        let said = self.moved(recipe, &|queue| queue.shift(recipe, shift), word)?;
        Ok(if order() == before { format!("{recipe} {stays}") } else { said })
    }

    fn moved(
        &self,
        recipe: &str,
        how: &dyn Fn(&Queue) -> Result<bool, DagError>,
        word: &str,
    ) -> Result<String, SessionError> {
        match how(&self.queue)? {
            true => Ok(format!("{recipe} {word}")),
            false if self.is_known(recipe) => Err(SessionError::Unfit(format!("{recipe} does not wait"))),
            false => Err(self.no_recipe(recipe)),
        }
    }

    /// Lets nothing new start, and what runs hold at its next clean place.
    pub(in crate::session::survey) fn pause(&self) -> Result<String, SessionError> {
        self.queue.pause(self.around.clock.now())?;
        Ok("paused: what runs holds at its next clean place, nothing new starts".to_owned())
    }

    /// Lets the queue go on.
    pub(in crate::session::survey) fn resume(&self) -> Result<String, SessionError> {
        let said = if self.queue.resume()? { "the queue goes on" } else { "the queue was not paused" };
        Ok(said.to_owned())
    }

    /// Asks for what of a recipe is cheap and waits for nothing dear.
    pub(in crate::session::survey) fn ask_for_part(&self, name: &str) -> Result<String, SessionError> {
        let (_, planned) =
            self.plans.get(name).ok_or_else(|| SessionError::Unfit(format!("{name} has no plan yet")))?;
        if !planned.plan.running().any(|step| step.by_itself) {
            return Err(SessionError::Unfit(format!("no step of {name} is cheap and waits for nothing dear")));
        }
        self.queue.add_part(name, &planned.graph.rung.to_string(), self.around.clock.now())?;
        Ok(format!("{name}: its cheap part was asked for"))
    }
}
