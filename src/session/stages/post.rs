//! The steps of `[post]` on one fold's embeddings: what changes them, and what ranks.
//!
//! Works on what is in the store, so that a changed step costs a blink and no training. Steps that go by labels get the fold's training
//! photos as its own network sees them; what such a step needs besides enters the key as an input.

use std::collections::BTreeSet;
use std::path::Path;

use super::fit::best;
use super::{Bench, Made, Task, embed};
use crate::base::{Key, Value};
use crate::dag::{Event, Stage};
use crate::learn::loss::proxy::logits;
use crate::learn::ops::OpsError;
use crate::learn::train::Checkpoint;
use crate::retrieve::post::{self, Step};
use crate::retrieve::rerank::{self, Chained};
use crate::retrieve::{Embeddings, Labelled, Logits, Sides};
use crate::session::{Recipe, SessionError, Slot};

/// The queries' file.
pub const QUERIES: &str = "queries.safetensors";
/// The gallery's file.
pub const GALLERY: &str = "gallery.safetensors";
/// The lists' file, where a step ranks.
pub const RANKING: &str = "ranking.safetensors";

/// The recipe's steps; none where they cannot be read, which is told where they run.
pub fn steps(recipe: &Recipe) -> Vec<Step> {
    recipe.settings().get("post").and_then(|post| post::read(post).ok()).unwrap_or_default()
}

/// Whether the recipe has any step; without one there is no such stage.
pub fn has_steps(recipe: &Recipe) -> bool {
    matches!(recipe.settings().get("post.steps"), Some(Value::List(steps)) if !steps.is_empty())
}

/// What a fold's steps read.
#[derive(Clone, Copy, Debug)]
pub struct Read {
    /// The embeddings of its queries and gallery.
    pub embed: Key,
    /// The embeddings of its training photos and what these photos and their labels are, where a step goes by them.
    pub labelled: Option<(Key, Key)>,
    /// Its training, where a step goes by its head.
    pub fit: Option<Key>,
    /// The least length of lists.
    pub k: usize,
}

/// The stage of one fold.
pub fn stage(recipe: &Recipe, slot: Slot, read: Read) -> Stage {
    let ranks = steps(recipe).iter().any(Step::ranks);
    let version = if ranks { post::VERSION * 100 + rerank::VERSION } else { post::VERSION };
    let mut stage =
        Stage::new("post", version).part(slot.to_string()).table(recipe.settings(), "post").input("embed", read.embed);
    if let Some((embedded, photos)) = read.labelled {
        stage = stage.input("training photos", embedded).input("photos", photos);
    }
    if let Some(fit) = read.fit {
        stage = stage.input("fit", fit);
    }
    if ranks { stage.setting("depth", Value::Int(read.k.max(rerank::DEPTH) as i64)) } else { stage }
}

pub(super) fn make<'a>(bench: &'a Bench<'a>, slot: Slot) -> Result<Made<'a>, SessionError> {
    let name = slot.to_string();
    let done = apply(bench, &read_steps(bench.recipe)?, sides(bench, slot, false)?, &name)?;
    let facts = Value::of(&serde_json::json!({ "steps": done.notes }));
    for note in &done.notes {
        (bench.tell)(Event::Note { text: format!("post {name}: {note}") });
    }
    let ranking = done.ranking(done.lists.as_ref().map_or(0, |lists| lists.longest()));
    let write = move |folder: &Path| {
        done.sides.queries.save(&folder.join(QUERIES))?;
        if let Some(ranking) = &ranking {
            ranking.save(&folder.join(RANKING))?;
        }
        Ok(done.sides.gallery.save(&folder.join(GALLERY))?)
    };
    Ok(Made { facts, write: Box::new(write), hold: None })
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
    let all = Embeddings::load(&bench.folder(Task::Embed { slot })?.join(embed::FILE))?;
    let fold = &bench.graph.folds[slot.fold];
    let mut sides = Sides::new(all.subset(&fold.query)?, all.subset(&fold.gallery)?);
    let steps = steps(bench.recipe);
    if any || steps.iter().any(Step::needs_labelled) {
        sides.labelled = labelled(bench, Task::EmbedTrain { slot })?;
    }
    if any || steps.iter().any(Step::needs_logits) {
        sides.logits = head(bench, slot, &sides)?;
    }
    Ok(sides)
}

/// The labelled photos that a task embedded, with their labels; nothing where the graph has no such task.
pub(crate) fn labelled(bench: &Bench<'_>, task: Task) -> Result<Option<Labelled>, SessionError> {
    if bench.graph.place(task).is_none() {
        return Ok(None);
    }
    let all = Embeddings::load(&bench.folder(task)?.join(embed::FILE))?;
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
    let train = &bench.graph.folds[slot.fold].train;
    let label = |photo: &u32| bench.photos.manifest.photos.get(*photo as usize).and_then(|photo| photo.label);
    let labels: BTreeSet<u32> = train.iter().filter_map(label).collect();
    let mut checkpoint = Checkpoint::open(&best::weights(bench.recipe, &bench.folder(fit)?)?)?;
    let Ok(weight) = checkpoint.tensor(logits::HEAD) else { return Ok(None) };
    let classes = labels.len();
    // Mirrored photos as classes of their own stand behind all others.
    let flips = bench.recipe.settings().get("train.flip_as_new_class") == Some(&Value::Bool(true));
    let all = if flips { 2 * classes } else { classes };
    let of = |side: &Embeddings| -> Result<Option<Vec<f32>>, SessionError> {
        let found = logits::cosines(&weight, all, side.dim, &side.data).map_err(OpsError::from)?;
        Ok(found.map(|rows| rows.chunks_exact(all.max(1)).flat_map(|row| &row[..classes]).copied().collect()))
    };
    let (Some(queries), Some(gallery)) = (of(&sides.queries)?, of(&sides.gallery)?) else { return Ok(None) };
    Ok(Some(Logits { classes, queries, gallery }))
}
