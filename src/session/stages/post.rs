//! The steps of `[post]` on one fold's embeddings.
//!
//! Works on what is in the store, so that a changed step costs a blink and no training.

use std::path::Path;

use super::{Bench, Made, Task, embed};
use crate::base::{Key, Value};
use crate::dag::{Event, Stage};
use crate::retrieve::{Embeddings, post};
use crate::session::{Recipe, SessionError, Slot};

/// The queries' file.
pub const QUERIES: &str = "queries.safetensors";
/// The gallery's file.
pub const GALLERY: &str = "gallery.safetensors";

/// Whether the recipe has any step; without one there is no such stage.
pub fn has_steps(recipe: &Recipe) -> bool {
    matches!(recipe.settings().get("post.steps"), Some(Value::List(steps)) if !steps.is_empty())
}

/// The stage of one fold.
pub fn stage(recipe: &Recipe, slot: Slot, embed: Key) -> Stage {
    Stage::new("post", post::VERSION).part(slot.to_string()).table(recipe.settings(), "post").input("embed", embed)
}

pub(super) fn make<'a>(bench: &'a Bench<'a>, slot: Slot) -> Result<Made<'a>, SessionError> {
    let all = Embeddings::load(&bench.folder(Task::Embed { slot })?.join(embed::FILE))?;
    let name = slot.to_string();
    let done = apply(
        bench,
        &all.subset(&bench.graph.folds[slot.fold].query)?,
        &all.subset(&bench.graph.folds[slot.fold].gallery)?,
        &name,
    )?;
    let facts = Value::of(&serde_json::json!({ "steps": done.notes }));
    for note in &done.notes {
        (bench.tell)(Event::Note { text: format!("post {name}: {note}") });
    }
    let write = move |folder: &Path| {
        done.queries.save(&folder.join(QUERIES))?;
        Ok(done.gallery.save(&folder.join(GALLERY))?)
    };
    Ok(Made { facts, write: Box::new(write), hold: None })
}

/// Runs the recipe's steps on queries and gallery.
pub(crate) fn apply(
    bench: &Bench<'_>,
    queries: &Embeddings,
    gallery: &Embeddings,
    name: &str,
) -> Result<post::Processed, SessionError> {
    let table = bench.recipe.settings().get("post").cloned().unwrap_or_else(Value::table);
    let steps = post::read(&table)?;
    Ok(post::apply(&steps, queries.clone(), gallery.clone(), &bench.progress("post", name), bench.cancel)?)
}
