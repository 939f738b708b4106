//! Mistakes that no single key shows: what the recipe's tables mean together.
//!
//! Takes a recipe that was read without mistakes; tells, with file and line, a list of augmentations
//! that fixes no size, a memory smaller than a batch, a projection wider than the embedding, weights that are
//! not there, a part to freeze that the network lacks, a coarse label that the tables lack. It asks before anything runs, so
//! that nobody learns it after an hour.

use crate::base::Value;
use crate::base::text::plain;
use crate::book::OriginKind;
use crate::data::augment::geometry::flip;
use crate::data::augment::pipeline::epochs;
use crate::data::augment::{At, Pipeline};
use crate::data::folds::Fold;
use crate::learn::backbone::{self, Settings, Source};
use crate::learn::loss;
use crate::learn::train::{self, Frozen, Part};
use crate::retrieve::post::{self, Step};
use crate::retrieve::rerank;
use crate::session::brew::graph::decode;
use crate::session::project::{boxes, weights};
use crate::session::stages::embed::{patches, views};
use crate::session::stages::post as post_stage;
use crate::session::{Photos, Project, Recipe, SessionError};

/// Checks a recipe without mistakes.
///
/// # Errors
/// The first that is found, with its place in the recipe.
pub fn check(project: &Project, recipe: &Recipe) -> Result<(), SessionError> {
    let augment = recipe.settings().get("augment").cloned().unwrap_or_else(Value::table);
    Pipeline::train(&augment, At::FIRST).map_err(|error| at(recipe, &error.place(), &error.to_string()))?;
    Pipeline::eval(&augment).map_err(|error| at(recipe, &error.place(), &error.to_string()))?;
    for table in boxes::tables(&augment) {
        let file = project.root.join(&table.file);
        if !file.is_file() {
            return Err(at(recipe, "augment", &format!("there is no table of boxes {}", file.display())));
        }
    }
    if let (Some(Value::Bool(true)), Some(list)) =
        (recipe.settings().get("train.flip_as_new_class"), augment.get("train"))
        && let Some((place, name)) = flip::mirroring("augment.train", list)
    {
        let text = format!(
            "{name} mirrors photos under their label, and flip_as_new_class in [train] gives mirrored ones a label of their own: leave one out"
        );
        return Err(at(recipe, &place, &text));
    }
    if let Some(steps) = recipe.settings().get("post").and_then(|post| post::read(post).ok()) {
        rerank::check(&steps).map_err(|error| at(recipe, "post.steps", &error.to_string()))?;
    }
    let settings: Settings = decode(recipe, "backbone")?;
    let source = backbone::source(&settings.weights).map_err(|e| at(recipe, "backbone.weights", &e.to_string()))?;
    if let Source::File(file) = source {
        let file = project.root.join(file);
        if !file.is_file() {
            return Err(at(recipe, "backbone.weights", &format!("there is no file {}", file.display())));
        }
    }
    let parts = parts(recipe)?;
    every_epoch(recipe, &parts)?;
    for (i, part) in parts.iter().enumerate() {
        let stage = format!("train.stages[{i}]");
        weights::training(recipe, part.size, At::FIRST)
            .map_err(|error| at(recipe, &format!("{stage}.size"), &error.to_string()))?;
        let train = &part.settings;
        train.sampler.check_batch(train.batch).map_err(|error| at(recipe, "train.sampler", &error.to_string()))?;
        if let Some(table) = recipe.settings().get("loss") {
            loss::check(table, train.batch).map_err(|error| at(recipe, &error.place(), &error.to_string()))?;
            mixing(recipe, &augment, table)?;
        }
        if train.freeze.is_some() || train.unfreeze_at.is_some() {
            let (network, params) = backbone::outline(&settings)?;
            let key = if train.freeze.is_some() { "freeze" } else { "unfreeze_at" };
            let own = format!("{stage}.{key}");
            let key = if recipe.book.origins.contains_key(&own) { own } else { format!("train.{key}") };
            Frozen::of(train, network.as_ref(), &params, 1).map_err(|error| at(recipe, &key, &error.to_string()))?;
        }
    }
    views::check(recipe).map_err(|why| at(recipe, "post.steps[0]", &why))?;
    patches::shape(recipe).map_err(|(key, why)| at(recipe, &key, &why))?;
    project.weights(&settings).map_err(|e| at(recipe, "backbone.weights", &e.to_string()))?;
    let table = recipe.settings().get("post").cloned().unwrap_or_else(Value::table);
    let mut dim = backbone::length(&settings)?;
    for (i, step) in post::read(&table)?.iter().enumerate() {
        if let Step::Pca { dim: wanted, .. } | Step::WhitenSupervised { dim: wanted } = step {
            if *wanted > dim {
                let name = step.name();
                let text = format!("{name} to {wanted} dimensions, but {dim} come in; write {dim} or fewer");
                return Err(at(recipe, &format!("post.steps[{i}].dim"), &text));
            }
            dim = *wanted;
        }
    }
    Ok(())
}

/// A loss over pairs has nothing to say about a picture of two labels.
fn mixing(recipe: &Recipe, augment: &Value, table: &Value) -> Result<(), SessionError> {
    let mixes =
        Pipeline::train(augment, At::FIRST).ok().and_then(|pipeline| Some((pipeline.mixes()?, pipeline.ops().len())));
    let (Some((name, length)), Ok(Some((_, loss)))) = (mixes, loss::asks_for_pairs(table)) else { return Ok(()) };
    let text = format!(
        "{name} gives each picture two labels, and {loss} asks of two pictures whether they show the same: half a pair is none; take a loss \
         with a head, such as ArcFaceLoss, or leave {name} out"
    );
    Err(at(recipe, &format!("augment.train[{}]", length - 1), &text))
}

/// Numbers that go over the epochs must be sound in each of them, and leave the size alone.
fn every_epoch(recipe: &Recipe, parts: &[Part]) -> Result<(), SessionError> {
    let of = parts.last().map_or(0, |part| part.end);
    let Some(list) = recipe.settings().get("augment.train") else { return Ok(()) };
    for epoch in epochs::worth_a_look(list, of) {
        let size = parts.iter().find(|part| epoch < part.end).and_then(|part| part.size);
        // A stage's size that the list cannot have at all is told with the stage.
        let Ok(wanted) = weights::training(recipe, size, At::FIRST).map(|all| all.size()) else { continue };
        let pipeline = weights::training(recipe, size, At { epoch, of })
            .map_err(|error| at(recipe, &error.place(), &format!("in epoch {}, {error}", epoch + 1)))?;
        let size = pipeline.size();
        if size != wanted {
            let [now, otherwise] = [size, wanted].map(|size| format!("{} × {}", size.height, size.width));
            let text = format!(
                "in epoch {} pictures of {now} come out instead of {otherwise}: sizes that change are the stages of [train]",
                epoch + 1
            );
            return Err(at(recipe, "augment.train", &text));
        }
    }
    Ok(())
}

/// Whether the labels that a loss goes by are there, on the folds that will be trained on.
///
/// # Errors
/// When it asks for coarse labels and there are none, too few, or not for all training photos.
pub fn check_labels(project: &Project, recipe: &Recipe, photos: &Photos, folds: &[Fold]) -> Result<(), SessionError> {
    let Some(table) = recipe.settings().get("loss") else { return Ok(()) };
    let asks = loss::asks_for_coarse(table).map_err(|error| at(recipe, &error.place(), &error.to_string()))?;
    let Some(key) = asks.filter(|_| !matches!(parts(recipe).as_deref(), Ok([]))) else { return Ok(()) };
    let refuse = |problem: String| Err(at(recipe, &key, &format!("this loss goes by the coarse label, and {problem}")));
    let manifest = &photos.manifest;
    if manifest.coarse.is_empty() {
        let lacking = match &project.competition.data.columns.coarse {
            None => "toji.toml names no column for it".to_owned(),
            Some(assumed) => format!("the tables have no column \"{}\"", plain(&assumed.name)),
        };
        return refuse(format!("{lacking}: write coarse = \"…\" in [data.columns] of toji.toml"));
    }
    for (i, fold) in folds.iter().enumerate() {
        let train = || fold.train.iter().map(|&photo| &manifest.photos[photo as usize]);
        let without: Vec<&str> =
            train().filter(|photo| photo.coarse.is_none()).map(|photo| photo.id.as_str()).collect();
        if let [first, ..] = without[..] {
            let (count, first) = (without.len(), plain(first));
            return refuse(format!(
                "fold {i} trains on {count} photo(s) without one, {first} the first: fill the column"
            ));
        }
        let mut there: Vec<_> = train().map(|photo| photo.coarse).collect();
        there.sort_unstable();
        there.dedup();
        if there.len() < 2 {
            return refuse(format!("all training photos of fold {i} have the same one: leave the loss out"));
        }
    }
    Ok(())
}

/// Whether the labels that steps of `[post]` go by are learnt at all.
///
/// # Errors
/// When a step asks for the labels of training photos and no query of any fold has one of them: folds by `group`, as a rule.
pub fn check_known(project: &Project, recipe: &Recipe, photos: &Photos, folds: &[Fold]) -> Result<(), SessionError> {
    let Some(Value::List(steps)) = recipe.settings().get("post.steps") else { return Ok(()) };
    let has_coarse = photos.manifest.photos.iter().any(|photo| photo.coarse.is_some());
    for (i, step) in post::read(recipe.settings().get("post").unwrap_or(&Value::table()))?.iter().enumerate() {
        if let Step::CoarseAgreement { beta, .. } = step
            && *beta != 0.0
            && !has_coarse
        {
            let text = "coarse-agreement goes by a coarse label, and the tables have none: name its column in [data.columns] of toji.toml, \
                        write beta = 0, or leave it out";
            return Err(at(recipe, &format!("post.steps[{i}]"), text));
        }
        let names = &photos.manifest.labels;
        let unknown = post_stage::named(step).into_iter().flatten().find(|label| !names.contains(label));
        if let Some(label) = unknown {
            let text = format!(
                "no training photo has the label {}, whose photos should be no answer to anybody; there are {} labels, such as {}",
                plain(label),
                names.len(),
                plain(&names.iter().take(3).cloned().collect::<Vec<_>>().join(", "))
            );
            return Err(at(recipe, &format!("post.steps[{i}].labels"), &text));
        }
        if matches!(step, Step::NotInGallery { .. }) && project.competition.submission.not_in_gallery.is_none() {
            let text = "not-in-gallery needs the host's word for it: write [submission] not_in_gallery in toji.toml, as \"new_individual\"";
            return Err(at(recipe, &format!("post.steps[{i}]"), text));
        }
        let pairs = recipe.settings().get("loss").and_then(|table| loss::asks_for_pairs(table).ok().flatten());
        if let (true, Some((_, loss))) = (step.needs_logits(), pairs) {
            let text = format!(
                "{} goes by a head with a class for each label, and {loss} has none: leave it out",
                step.name()
            );
            return Err(at(recipe, &format!("post.steps[{i}]"), &text));
        }
    }
    for (i, step) in steps.iter().enumerate() {
        let Some(op) = step.get("op").and_then(Value::as_text).filter(|op| post::goes_by_labels(op)) else { continue };
        if folds.iter().all(|fold| fold.known_labels(&photos.manifest) == 0) {
            let scheme = recipe.settings().get("folds.scheme").and_then(Value::as_text).unwrap_or("holdout");
            return Err(at(recipe, &format!("post.steps[{i}]"), &unknown_labels(op, scheme)));
        }
    }
    Ok(())
}

/// What is wrong with a step that goes by labels where none recurs, and what to write instead.
fn unknown_labels(op: &str, scheme: &str) -> String {
    format!(
        "{op} goes by the labels of training photos, and under scheme = \"{scheme}\" no query has a label that training knows: \
         take scheme = \"stratified\" where the test's labels occur in training, \"mixed\" where some do, or leave {op} out"
    )
}

/// The parts of a recipe's training, in order; none when it trains nothing.
///
/// # Errors
/// When keys of `[train]` contradict each other, with the place.
pub fn parts(recipe: &Recipe) -> Result<Vec<Part>, SessionError> {
    let train = recipe.settings().get("train").cloned().unwrap_or_else(Value::table);
    let parts = train::parts(&train).map_err(|error| at(recipe, &error.key, &error.problem))?;
    let all = parts.last().map_or(0, |part| part.end);
    // A parent's epochs are overridden by stages, as any key is; only who writes both contradicts himself.
    let origins = &recipe.book.origins;
    let stages = origins.iter().find(|(key, _)| key.starts_with("train.stages")).map(|(_, origin)| &origin.file);
    let written = origins
        .get("train.epochs")
        .is_some_and(|origin| origin.kind != OriginKind::Default && Some(&origin.file) == stages);
    if let (Some(epochs), true) = (train.get("epochs").and_then(Value::as_int), written)
        && epochs != all as i64
    {
        let text = format!("epochs = {epochs}, but the stages have {all} in all: leave epochs out");
        return Err(at(recipe, "train.epochs", &text));
    }
    Ok(parts)
}

/// A mistake with the place of the nearest key that was written.
pub(crate) fn at(recipe: &Recipe, key: &str, text: &str) -> SessionError {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_by_labels_is_refused_where_none_recurs() {
        insta::assert_snapshot!(unknown_labels("sort-insert", "group"), @r#"sort-insert goes by the labels of training photos, and under scheme = "group" no query has a label that training knows: take scheme = "stratified" where the test's labels occur in training, "mixed" where some do, or leave sort-insert out"#);
    }
}
