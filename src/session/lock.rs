//! `recipe.lock.toml`: all that is needed to do a run again, there from the first moment.
//!
//! Takes the recipe, the stages and what the binary knows of its surroundings; gives the text. Every
//! result can be traced to it: the texts of the recipe and its parents, the canonical settings, the
//! stages' keys, the data's hash, the weights that training began with (file, hash, licence), commit and dirty
//! diff, toolchain, machine, seed, command line.

use super::{Graph, Photos, Project, Recipe, Rung};
use crate::base::{Key, Value};
use crate::book;
use crate::learn::backbone;

/// What stands for a licence that nothing tells.
const UNKNOWN: &str = "unknown";

/// Weights that a training begins with.
struct Weights {
    /// As the recipe names them.
    file: String,
    /// BLAKE3 of the file's bytes.
    hash: Key,
    /// The licence in the source's words, when it tells one.
    licence: Option<String>,
}

/// All weights that a recipe names; empty when it trains from nothing.
fn weights(project: &Project, recipe: &Recipe) -> Vec<Weights> {
    let named = recipe.settings().get("backbone.weights").and_then(Value::as_text).unwrap_or("none");
    // What cannot be read has stopped the plan already.
    let Ok(Some(file)) = backbone::weights_file(named) else { return Vec::new() };
    let Ok(hash) = project.weights_key(&project.root.join(file)) else { return Vec::new() };
    vec![Weights { file: named.to_owned(), hash, licence: None }]
}

/// Raised when fields change their meaning.
const VERSION: i64 = 1;

/// The text of the lock file.
pub fn text(project: &Project, recipe: &Recipe, photos: &Photos, graph: &Graph, rung: Rung) -> String {
    let mut lock = Value::table();
    let text = |s: &str| Value::Text(s.to_owned());
    lock.set("lock.version", Value::Int(VERSION));
    lock.set("lock.recipe", text(&recipe.name));
    lock.set("lock.rung", Value::Text(rung.to_string()));
    lock.set("lock.recipe_key", Value::Text(recipe.key().to_string()));
    lock.set("lock.seed", Value::Int(recipe.seed_number() as i64));
    lock.set("lock.command", Value::List(project.around.command.iter().map(|word| text(word)).collect()));
    lock.set("lock.machine", text(&project.around.machine));
    lock.set("lock.manifest", Value::Text(photos.key.to_string()));
    lock.set("surroundings", (project.around.facts)(&project.root));
    lock.set("facts", project.facts.clone());
    lock.set("settings", recipe.settings().clone());
    let stages = graph.nodes.iter().map(|node| {
        let mut entry = Value::table();
        entry.set("stage", Value::Text(node.stage.label()));
        entry.set("version", Value::Int(i64::from(node.stage.version)));
        entry.set("key", Value::Text(node.stage.artefact().to_string()));
        entry
    });
    lock.set("stages", Value::List(stages.collect()));
    let weights = weights(project, recipe).into_iter().map(|used| {
        let mut entry = Value::table();
        entry.set("file", text(&used.file));
        entry.set("blake3", Value::Text(used.hash.to_string()));
        entry.set("licence", text(used.licence.as_deref().unwrap_or(UNKNOWN)));
        entry
    });
    lock.set("weights", Value::List(weights.collect()));
    let texts = recipe.book.texts.iter().map(|(file, content)| {
        let mut entry = Value::table();
        let file = file.strip_prefix(&project.root).unwrap_or(file);
        entry.set("file", Value::Text(file.display().to_string()));
        entry.set("text", text(content));
        entry
    });
    lock.set("texts", Value::List(texts.collect()));
    book::print(&lock)
}
