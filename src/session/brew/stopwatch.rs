//! What a recipe's dear stages would take, tried on a few batches, where this machine has no history of them.
//!
//! Takes a recipe and its graph; trains three batches, embeds one, ranks a little, and notes the speeds
//! in the history, from which plans estimate. Nothing that it computes is kept. A stage that has
//! history is not tried again.

use crate::base::{Cancel, Clock, Seed};
use crate::dag::{Event, History, Sample};
use crate::learn::backbone;
use crate::retrieve::{Embeddings, Sides, index, post, rerank};
use crate::session::stages::{self, Bench, Task};
use crate::session::{Graph, Photos, Project, Recipe, SessionError};

/// Rows of the drawn embeddings that searching is tried on, at most.
const ROWS: usize = 4096;
/// Queries that searching is tried with, at most.
const QUERIES: usize = 256;

/// The stages of the graph that run a while and have no history here.
pub fn unknown(graph: &Graph, history: &History) -> Vec<Task> {
    let mut met = Vec::new();
    let mut tasks = Vec::new();
    for (node, task) in graph.nodes.iter().zip(&graph.tasks) {
        let runs_a_while = !matches!(task, Task::Data | Task::Fold | Task::Score | Task::Gain);
        if runs_a_while && !met.contains(&node.stage.name) && history.estimate(node.stage.name, node.work).is_none() {
            met.push(node.stage.name);
            tasks.push(*task);
        }
    }
    tasks
}

/// Tries the given stages and notes their speeds. `listen` hears what is being tried.
///
/// # Errors
/// What would stop the recipe itself: an unreadable picture, too few labels; or on a stop.
pub fn time(
    project: &Project,
    recipe: &Recipe,
    photos: &Photos,
    graph: &Graph,
    tasks: &[Task],
    listen: &(dyn Fn(&Event) + Sync),
    cancel: &Cancel,
) -> Result<(), SessionError> {
    let tell = |event: Event| listen(&event);
    let bench = Bench { project, recipe, photos, graph, tell: &tell, cancel, judge: None, trial: true };
    let clock = project.around.clock.as_ref();
    for task in tasks {
        cancel.check()?;
        let stage = graph.stage(*task)?;
        let mut bytes = 0;
        let (seconds, work) = match *task {
            Task::Reduce => {
                let (seconds, photos, size) = stages::reduce::tried(&bench)?;
                bytes = size;
                (seconds, photos)
            }
            Task::Fit { slot, .. } => stages::fit::tried(&bench, slot)?,
            Task::Embed { slot }
            | Task::EmbedHost { slot }
            | Task::EmbedTrain { slot }
            | Task::EmbedLabelled { slot } => stages::embed::tried(&bench, slot)?,
            Task::Post { .. } => posted(&bench, clock)?,
            Task::Rank { .. } => ranked(&bench, clock)?,
            Task::Data | Task::Fold | Task::Score | Task::Gain => continue,
        };
        // Other sizes are not known by trying: 0 says so until the first artefact.
        let sample = Sample { date: clock.now(), seconds, work, bytes };
        History::note(&project.toji, &project.around.bench(), stage.name, sample)?;
    }
    Ok(())
}

/// Embeddings of the recipe's width that mean nothing.
fn drawn(bench: &Bench<'_>, rows: usize, first: u32) -> Result<Embeddings, SessionError> {
    let dim = backbone::length(&crate::session::brew::graph::decode(bench.recipe, "backbone")?)?;
    let mut draws = Seed::new(0).named("stopwatch").at(u64::from(first)).draws();
    let data = (0..rows * dim).map(|_| draws.unit() as f32 - 0.5).collect();
    Ok(Embeddings::new(dim, (first..first + rows as u32).collect(), data)?)
}

/// Queries and gallery of the first fold's size, within limits.
fn pair(bench: &Bench<'_>) -> Result<(Embeddings, Embeddings), SessionError> {
    let (queries, gallery) = bench.graph.folds.first().map_or((1, 1), |fold| (fold.query.len(), fold.gallery.len()));
    let (queries, gallery) = (queries.clamp(1, QUERIES), gallery.clamp(1, ROWS));
    Ok((drawn(bench, queries, ROWS as u32)?, drawn(bench, gallery, 0)?))
}

fn ranked(bench: &Bench<'_>, clock: &dyn Clock) -> Result<(f64, f64), SessionError> {
    let (queries, gallery) = pair(bench)?;
    let k = bench.project.competition.k;
    let began = clock.now();
    index::search(&queries, &gallery, k, &crate::base::progress::Silent, bench.cancel)?;
    Ok((clock.now().since(began), (queries.len() * gallery.len()) as f64))
}

fn posted(bench: &Bench<'_>, clock: &dyn Clock) -> Result<(f64, f64), SessionError> {
    let (queries, gallery) = pair(bench)?;
    let work = (queries.len() * gallery.len()) as f64;
    let table = bench.recipe.settings().get("post").cloned().unwrap_or_else(crate::base::Value::table);
    let mut steps = post::read(&table)?;
    // What goes by labels or by a trained head has nothing to go by here, and is cheap beside the search.
    steps.retain(|step| !step.needs_labelled() && !step.needs_logits());
    let (k, silent) = (bench.project.competition.k, &crate::base::progress::Silent);
    let began = clock.now();
    rerank::apply(&steps, Sides::new(queries, gallery), k, silent, bench.cancel)?;
    Ok((clock.now().since(began), work))
}
