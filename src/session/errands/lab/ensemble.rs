//! What an ensemble's members are worth, for people.
//!
//! Takes an ensemble's recipe; brings it and its members up to a rung (training only what is missing), and gives the report of
//! [`crate::session::stages::ensemble`].

use crate::base::Cancel;
use crate::dag::Event;
use crate::score::ensemble::Report;
use crate::session::brew::{self, Manner};
use crate::session::stages::ensemble;
use crate::session::{Graph, Photos, Project, Recipe, Rung, SessionError};

/// Weighs the members.
///
/// # Errors
/// When the recipe is no ensemble, or brewing fails.
pub fn report(
    project: &Project,
    recipe: &Recipe,
    photos: &Photos,
    rung: &Rung,
    listen: &(dyn Fn(&Event) + Sync),
    cancel: &Cancel,
) -> Result<Report, SessionError> {
    if !recipe.is_broken() && !ensemble::is_one(recipe) {
        return Err(SessionError::Unfit(format!("{} has no [ensemble]: there are no members to weigh", recipe.name)));
    }
    brew::brew(project, recipe, photos, rung, Manner::default(), listen, cancel)?;
    ensemble::read(project, &Graph::of(project, recipe, photos, rung)?)
}
