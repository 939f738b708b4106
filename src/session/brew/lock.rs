//! `recipe.lock.toml`: all that is needed to do a run again, there from the first moment.
//!
//! Takes the recipe, the stages and what the binary knows of its surroundings; gives the text. Every
//! result can be traced to it: the texts of the recipe and its parents, the canonical settings, the
//! stages' keys, the data's hash, the weights that training began with (file, hash, licence), commit and dirty
//! diff, toolchain, machine, seed, command line.

use crate::base::Value;
use crate::book;
use crate::learn::backbone::Settings;
use crate::session::brew::graph::decode;
use crate::session::project::weights::in_words;
use crate::session::stages::ensemble::members::Kind;
use crate::session::{Graph, Photos, Project, Recipe, Rung};

/// Raised when fields change their meaning.
const VERSION: i64 = 1;

/// The text of the lock file.
pub fn text(project: &Project, recipe: &Recipe, photos: &Photos, graph: &Graph, rung: &Rung) -> String {
    let mut lock = Value::table();
    let text = |s: &str| Value::Text(s.to_owned());
    lock.set("lock.version", Value::Int(VERSION));
    lock.set("lock.recipe", text(&recipe.name));
    lock.set("lock.rung", Value::Text(rung.to_string()));
    lock.set("lock.recipe_key", Value::Text(recipe.key().to_string()));
    lock.set("lock.seed", Value::Int(recipe.seed_number() as i64));
    lock.set("lock.command", Value::List(project.around.command.iter().map(|word| text(word)).collect()));
    lock.set("lock.machine", Value::Text(project.around.bench()));
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
    let members = || {
        graph.members.iter().filter_map(|member| match &member.kind {
            Kind::Recipe(own) => Some(&own.0),
            Kind::Outside(_) => None,
        })
    };
    let all = || std::iter::once(recipe).chain(members());
    lock.set("weights", Value::List(all().filter_map(|recipe| weights(project, recipe)).collect()));
    let texts = all().flat_map(|recipe| &recipe.book.texts).map(|(file, content)| {
        let mut entry = Value::table();
        let file = file.strip_prefix(&project.root).unwrap_or(file);
        entry.set("file", Value::Text(file.display().to_string()));
        entry.set("text", text(content));
        entry
    });
    lock.set("texts", Value::List(texts.collect()));
    book::print(&lock)
}

/// The weights that training begins with; nothing when they are drawn. What cannot be read has stopped the plan already.
fn weights(project: &Project, recipe: &Recipe) -> Option<Value> {
    let weights = project.weights(&decode::<Settings>(recipe, "backbone").ok()?).ok()??;
    let mut entry = Value::table();
    let mut set = |name: &str, text: String| entry.set(name, Value::Text(text));
    set("file", weights.name);
    match (weights.commit, weights.sha256, weights.file) {
        (Some(commit), Some(hash), _) => {
            set("commit", commit);
            set("sha256", hash);
        }
        (commit, _, Some(file)) => {
            commit.into_iter().for_each(|commit| set("commit", commit));
            set("blake3", project.weights_key(&file).ok()?.to_string());
        }
        _ => {}
    }
    // Only a hub's repository names one.
    set("licence", weights.licence.unwrap_or_else(|| "unknown".to_owned()));
    set("expects", in_words(&weights.expected));
    Some(entry)
}
