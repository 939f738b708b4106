//! The trainings that deciders can be asked about again.
//!
//! Takes recipes; gives what their first folds' trainings kept of their evaluations, the pin's apart. A decider is written as in `[decide]`.

use std::path::Path;

use crate::book::technique::{Body, Default, Kind, Param, Section, Status};
use crate::book::{self, Schema};
use crate::score::decide::{self, Course, Decider};
use crate::session::brew::verdict::{Entrant, Looks};
use crate::session::{Photos, Project, Recipe, SessionError, stages};

/// A decider in a text of its own.
static WRITTEN: Section = Section {
    name: "replay",
    about: "A decider to ask again.",
    body: Body::Params(&[Param::new(
        "decide",
        Kind::OneOf { tag: "name", slot: "decider" },
        Default::Required,
        "As [decide] has it.",
    )]),
    status: Status::Built,
};

/// Trainings as they went.
pub struct Trainings {
    /// One of each recipe, the pin not among them.
    pub courses: Vec<Course>,
    /// The pin's, one a seed.
    pub pin: Vec<Course>,
}

/// What was kept of the trainings of `recipes`, and of the pin's.
///
/// # Errors
/// When a recipe does not fit the photos.
pub fn trainings(project: &Project, recipes: &[Recipe], photos: &Photos) -> Result<Trainings, SessionError> {
    let (looks, pinned) = (Looks::default(), project.pinned());
    // Ranks among a part of the gallery are compared only with ranks among as large a part.
    let mut part = None;
    let mut found = Trainings { courses: Vec::new(), pin: Vec::new() };
    if let Some(pin) = pinned.as_deref().and_then(|name| project.recipe(name).ok()).filter(|pin| !pin.is_broken()) {
        let entrant = Entrant::new(project, pin, photos, None)?;
        part = Some(stages::fit::looks::part(&entrant.graph));
        found.pin = looks.seeds(project, &entrant)?;
    }
    for recipe in recipes.iter().filter(|recipe| Some(recipe.name.as_str()) != pinned.as_deref()) {
        // One that does not fit the photos now has no training to ask about.
        let Ok(entrant) = Entrant::new(project, recipe.clone(), photos, None) else { continue };
        if stages::fit::looks::part(&entrant.graph) != *part.get_or_insert(stages::fit::looks::part(&entrant.graph)) {
            continue;
        }
        let Some(course) = looks.seeds(project, &entrant)?.into_iter().next() else { continue };
        found.courses.push(course);
    }
    Ok(found)
}

/// The decider that the inside of an inline table means: `name = "TopK", k = 2`.
///
/// # Errors
/// What is wrong with it, in words.
pub fn decider(text: &str) -> Result<Decider, String> {
    let mut schema = Schema::default();
    schema.sections.push(&WRITTEN);
    schema.techniques.extend(decide::TECHNIQUES.iter().copied());
    let (value, _, found) =
        book::facts_from(Path::new("--decide"), format!("[replay]\ndecide = {{ {text} }}\n"), &schema);
    if found.iter().any(book::Diagnostic::is_error) {
        return Err(book::report(&found, book::Look::LINES).trim_end().to_owned());
    }
    let table = value.get("replay.decide").cloned().unwrap_or_else(crate::base::Value::table);
    Decider::of(&table).map(|(decider, _)| decider).map_err(|error| error.to_string())
}

/// Every decider with its defaults; what has no default for all of its keys is given the usual value.
pub fn every() -> Vec<Decider> {
    let written = |name: &str| match name {
        "PercentilePruner" => format!("name = \"{name}\", percentile = 25"),
        "ThresholdPruner" => format!("name = \"{name}\", lower = 0.1"),
        _ => format!("name = \"{name}\""),
    };
    decide::TECHNIQUES.iter().filter_map(|technique| decider(&written(technique.name)).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_decider_can_be_asked_again() {
        let names: Vec<&str> = every().iter().map(Decider::name).collect();
        let declared: Vec<&str> = decide::TECHNIQUES.iter().map(|technique| technique.name).collect();
        assert_eq!(names, declared);
        let wrong = decider("name = \"TopK\", keep = 2").unwrap_err();
        assert!(wrong.contains("keep"), "{wrong}");
    }
}
