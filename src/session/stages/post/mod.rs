//! The steps of `[post]` on one fold's embeddings: what changes them, and what ranks.
//!
//! Works on what is in the store, so that a changed step costs a blink and no training. Steps that go by labels get the fold's training
//! photos as its own network sees them; what such a step needs besides enters the key as an input.
//!
//! - [`chain`]: a stage a step, each reading the one before;
//! - [`mod@near`]: the searches that ranking steps read;
//! - [`gain`]: what each step is worth.

pub(in crate::session) mod chain;
pub mod gain;
pub mod near;

use std::collections::BTreeSet;

use super::fit::best;
use super::{Bench, Task, Whose, embed, ensemble};
use crate::base::Value;
use crate::learn::Tensor;
use crate::learn::loss::proxy::logits;
use crate::learn::ops::OpsError;
use crate::learn::train::Checkpoint;
use crate::retrieve::post::{self, Step};
use crate::retrieve::rerank::{self, Chained};
use crate::retrieve::{Embeddings, Labelled, Logits, Sides};
use crate::session::{Recipe, SessionError, Slot};

/// The queries' file.
const QUERIES: &str = "queries.safetensors";
/// The gallery's file.
const GALLERY: &str = "gallery.safetensors";
/// The labelled photos' file, where a later step goes by them.
const LABELLED: &str = "labelled.safetensors";
/// The lists' file, where a step ranks.
const LISTS: &str = "lists.safetensors";
/// Where "not in the gallery" stands, where a step says so.
const ABSENT: &str = "not-in-gallery.json";

/// The recipe's steps; none where they cannot be read, which is told where they run.
pub fn steps(recipe: &Recipe) -> Vec<Step> {
    recipe.settings().get("post").and_then(|post| post::read(post).ok()).unwrap_or_default()
}

/// Whether the recipe has any step; without one there is no such stage.
pub fn has_steps(recipe: &Recipe) -> bool {
    matches!(recipe.settings().get("post.steps"), Some(Value::List(steps)) if !steps.is_empty())
}

/// The recipe's steps.
///
/// # Errors
/// When one cannot be read.
pub(crate) fn read_steps(recipe: &Recipe) -> Result<Vec<Step>, SessionError> {
    let table = recipe.settings().get("post").cloned().unwrap_or_else(Value::table);
    Ok(post::read(&table)?)
}

/// Runs steps; lists are as long as the competition wants, at least.
pub(crate) fn apply(bench: &Bench<'_>, steps: &[Step], sides: Sides, name: &str) -> Result<Chained, SessionError> {
    Ok(rerank::apply(steps, sides, bench.project.competition.k, &bench.progress("post", name), bench.cancel)?)
}

/// A fold's queries and gallery as its network sees them, with what the recipe's steps go by, or with all that there is to go by.
pub(crate) fn sides(bench: &Bench<'_>, slot: Slot, any: bool) -> Result<Sides, SessionError> {
    let steps = steps(bench.recipe);
    let mut sides = plain_sides(bench, slot, any || steps.iter().any(Step::needs_labelled))?;
    sides.non_targets = non_targets(&bench.photos.manifest.labels, &steps, sides.labelled.as_ref())?;
    if any || steps.iter().any(Step::needs_logits) {
        sides.logits = head(bench, slot, &sides)?;
    }
    sides.views = views(bench, slot)?;
    sides.patches = embed::patches::load(bench, slot, Whose::Fold)?;
    Ok(sides)
}

/// The mean of a fold's test-time views, where the recipe asks for any.
fn views(bench: &Bench<'_>, slot: Slot) -> Result<Option<[Embeddings; 2]>, SessionError> {
    let Some(mean) = embed::views::mean(bench, slot, Whose::Fold)? else { return Ok(None) };
    let fold = bench.graph.fold(slot);
    Ok(Some([mean.subset(&fold.query)?, mean.subset(&fold.gallery)?]))
}

/// A fold's queries and gallery as its network sees them, with its training photos where they are asked for.
fn plain_sides(bench: &Bench<'_>, slot: Slot, with_labelled: bool) -> Result<Sides, SessionError> {
    if bench.graph.place(Task::Ensemble { slot }).is_some() {
        return ensemble::sides(bench, slot, with_labelled);
    }
    let all = Embeddings::load(&bench.folder(Task::Embed { slot })?.join(embed::FILE))?;
    let fold = bench.graph.fold(slot);
    let mut sides = Sides::new(all.subset(&fold.query)?, all.subset(&fold.gallery)?);
    if with_labelled {
        sides.labelled = labelled(bench, Task::EmbedTrain { slot })?;
    }
    Ok(sides)
}

/// The labelled photos that a task embedded, with their labels; nothing where the graph has no such task.
pub(crate) fn labelled(bench: &Bench<'_>, task: Task) -> Result<Option<Labelled>, SessionError> {
    if bench.graph.place(task).is_none() {
        return Ok(None);
    }
    with_labels(bench, Embeddings::load(&bench.folder(task)?.join(embed::FILE))?)
}

/// The labelled photos that steps name as no answer to anybody; `names`: of the labels, by their numbers.
pub(crate) fn non_targets(
    names: &[String],
    steps: &[Step],
    labelled: Option<&Labelled>,
) -> Result<Option<Embeddings>, SessionError> {
    let (Some(named), Some(labelled)) = (steps.iter().find_map(named), labelled) else { return Ok(None) };
    let is_one = |label: u32| names.get(label as usize).is_some_and(|name| named.contains(name));
    let pairs = labelled.embeddings.photos.iter().zip(&labelled.labels);
    let photos: Vec<u32> = pairs.filter(|(_, label)| is_one(**label)).map(|(photo, _)| *photo).collect();
    Ok(Some(labelled.embeddings.subset(&photos)?))
}

/// The labels that a step names as no answer.
pub(crate) fn named(step: &Step) -> Option<&[String]> {
    match step {
        Step::NonTargetPenalty { labels, .. } => Some(labels),
        _ => None,
    }
}

/// Photos with a label among those that were embedded, with their labels.
pub(crate) fn with_labels(bench: &Bench<'_>, all: Embeddings) -> Result<Option<Labelled>, SessionError> {
    let of = |photo: &u32| bench.photos.manifest.photos.get(*photo as usize);
    let with: Vec<u32> =
        all.photos.iter().copied().filter(|photo| of(photo).is_some_and(|p| p.label.is_some())).collect();
    let labels = with.iter().filter_map(|photo| of(photo)?.label).collect();
    let coarse: Option<Vec<u32>> = with.iter().map(|photo| of(photo)?.coarse).collect();
    let embeddings = if with.len() == all.len() { all } else { all.subset(&with)? };
    Ok(Some(Labelled { embeddings, labels, coarse }))
}

/// The cosines of both sides with the head's classes; nothing for a loss without a direction for each label, or where nothing was trained.
pub(crate) fn head(bench: &Bench<'_>, slot: Slot, sides: &Sides) -> Result<Option<Logits>, SessionError> {
    let Some(fit) = bench.graph.fit(slot) else { return Ok(None) };
    let mut checkpoint =
        Checkpoint::open(&best::weights(bench.project, bench.recipe, bench.graph, slot, &bench.folder(fit)?)?)?;
    let Ok(weight) = checkpoint.tensor(logits::HEAD) else { return Ok(None) };
    logits_of(&weight, classes(bench, slot), mirrors(bench.recipe), sides)
}

/// How many labels a training learns.
pub(crate) fn classes(bench: &Bench<'_>, slot: Slot) -> usize {
    let label = |photo: &u32| bench.photos.manifest.photos.get(*photo as usize).and_then(|photo| photo.label);
    bench.graph.fold(slot).train.iter().filter_map(label).collect::<BTreeSet<u32>>().len()
}

/// Whether mirrored photos are classes of their own.
pub(crate) fn mirrors(recipe: &Recipe) -> bool {
    recipe.settings().get("train.flip_as_new_class") == Some(&Value::Bool(true))
}

/// The cosines of embeddings with a head's directions, `[n, classes]`; nothing where it has not a direction for each label.
pub(crate) fn cosines(
    weight: &Tensor,
    classes: usize,
    flips: bool,
    of: &Embeddings,
) -> Result<Option<Vec<f32>>, SessionError> {
    let all = if flips { 2 * classes } else { classes };
    let found = logits::cosines(weight, all, of.dim, &of.data).map_err(OpsError::from)?;
    Ok(found.map(|rows| rows.chunks_exact(all.max(1)).flat_map(|row| &row[..classes]).copied().collect()))
}

/// The cosines of both sides with a head's directions, of `classes` labels; nothing where it has not a direction for each. With `flips`
/// mirrored photos are classes of their own, which stand behind all others.
pub(crate) fn logits_of(
    weight: &Tensor,
    classes: usize,
    flips: bool,
    sides: &Sides,
) -> Result<Option<Logits>, SessionError> {
    let of = |side: &Embeddings| cosines(weight, classes, flips, side);
    let (Some(queries), Some(gallery)) = (of(&sides.queries)?, of(&sides.gallery)?) else { return Ok(None) };
    Ok(Some(Logits { classes, queries, gallery }))
}
