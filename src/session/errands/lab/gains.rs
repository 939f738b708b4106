//! What each post step of a recipe is worth, for people.
//!
//! Takes a recipe; brings it up to a rung (training only what is missing), has its steps weighed, and gives the table of
//! [`crate::session::stages::post::gain`].

use crate::base::{Cancel, files};
use crate::dag::Event;
use crate::session::brew::{self, Manner, Weigh};
use crate::session::stages::post::gain::{self, Gains};
use crate::session::stages::{Task, post};
use crate::session::{Graph, Photos, Project, Recipe, Rung, SessionError};

/// Weighs the steps of `[post]`.
///
/// # Errors
/// When the recipe has no steps, or brewing fails.
pub fn gains(
    project: &Project,
    recipe: &Recipe,
    photos: &Photos,
    rung: &Rung,
    listen: &(dyn Fn(&Event) + Sync),
    cancel: &Cancel,
) -> Result<Gains, SessionError> {
    if !recipe.is_broken() && !post::has_steps(recipe) {
        return Err(SessionError::Unfit(format!("{} has no steps in [post]: there is nothing to weigh", recipe.name)));
    }
    brew::brew(project, recipe, photos, rung, Manner { gain: Weigh::Always, ..Manner::default() }, listen, cancel)?;
    let mut graph = Graph::of(project, recipe, photos, rung)?;
    graph.add_gain(project, recipe);
    let stage = graph.stage(Task::Gain)?;
    let file = project.store.folder(stage.name, &stage.artefact())?.join(gain::FILE);
    serde_json::from_slice(&files::read(&file)?)
        .map_err(|error| SessionError::Unfit(format!("{}: {error}", file.display())))
}
