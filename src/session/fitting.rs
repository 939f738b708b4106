//! Mistakes that no single key shows: what the recipe's tables mean together.
//!
//! Takes a recipe that was read without mistakes; tells, with file and line, a list of augmentations
//! that fixes no size, a memory smaller than a batch, a projection wider than the embedding, weights that are
//! not there, a part to freeze that the network lacks. It asks before anything runs, so that nobody learns it after an hour.

use super::graph::decode;
use super::{Project, Recipe, SessionError};
use crate::base::Value;
use crate::data::augment::Pipeline;
use crate::learn::backbone::{self, Settings, Source};
use crate::learn::loss;
use crate::learn::train::{Frozen, TrainSettings};
use crate::retrieve::post::{self, Step};

/// Checks a recipe without mistakes.
///
/// # Errors
/// The first that is found, with its place in the recipe.
pub fn check(project: &Project, recipe: &Recipe) -> Result<(), SessionError> {
    let augment = recipe.settings().get("augment").cloned().unwrap_or_else(Value::table);
    Pipeline::train(&augment).map_err(|error| at(recipe, "augment.train", &error.to_string()))?;
    Pipeline::eval(&augment).map_err(|error| at(recipe, "augment.eval", &error.to_string()))?;
    let settings: Settings = decode(recipe, "backbone")?;
    let source = backbone::source(&settings.weights).map_err(|e| at(recipe, "backbone.weights", &e.to_string()))?;
    if let Source::File(file) = source {
        let file = project.root.join(file);
        if !file.is_file() {
            return Err(at(recipe, "backbone.weights", &format!("there is no file {}", file.display())));
        }
    }
    let train: TrainSettings = decode(recipe, "train")?;
    train.sampler.check_batch(train.batch).map_err(|error| at(recipe, "train.sampler", &error.to_string()))?;
    if let Some(table) = recipe.settings().get("loss") {
        loss::check(table, train.batch).map_err(|error| at(recipe, "loss", &error.to_string()))?;
    }
    if train.freeze.is_some() || train.unfreeze_at.is_some() {
        let (network, params) = backbone::outline(&settings)?;
        let key = if train.freeze.is_some() { "train.freeze" } else { "train.unfreeze_at" };
        Frozen::of(&train, network.as_ref(), &params, 1).map_err(|error| at(recipe, key, &error.to_string()))?;
    }
    project.weights(&settings).map_err(|e| at(recipe, "backbone.weights", &e.to_string()))?;
    let table = recipe.settings().get("post").cloned().unwrap_or_else(Value::table);
    let mut dim = backbone::length(&settings)?;
    for (i, step) in post::read(&table)?.iter().enumerate() {
        if let Step::Pca { dim: wanted, .. } = step {
            if *wanted > dim {
                let text = format!("pca to {wanted} dimensions, but {dim} come in; write {dim} or fewer");
                return Err(at(recipe, &format!("post.steps[{i}].dim"), &text));
            }
            dim = *wanted;
        }
    }
    Ok(())
}

/// A mistake with the place of the nearest key that was written.
fn at(recipe: &Recipe, key: &str, text: &str) -> SessionError {
    let mut name = key.to_owned();
    let origin = loop {
        match recipe.book.origins.get(&name).filter(|origin| origin.line > 0) {
            Some(origin) => break Some(origin),
            None => match name.rfind(['.', '[']) {
                Some(end) => name.truncate(end),
                None => break None,
            },
        }
    };
    let place = match origin {
        Some(origin) => format!("{}:{}:{}", origin.file.display(), origin.line, origin.column),
        None => recipe.book.file.display().to_string(),
    };
    SessionError::Unfit(format!("{place}: {text}"))
}
