//! What a recipe's dear stages would take, tried on a few batches, where this machine has no history of them.
//!
//! Takes a recipe and its graph; trains three batches, embeds one, ranks a little, and notes the speeds
//! in the history, from which plans estimate. Nothing that it computes is kept. A stage that has
//! history is not tried again.

use std::sync::Arc;

use crate::base::{Cancel, Clock, Seed};
use crate::dag::{Event, History, Sample};
use crate::learn::backbone;
use crate::retrieve::post::local::Patches;
use crate::retrieve::rerank::{self, Chained, Needs};
use crate::retrieve::{Embeddings, Labelled, Sides, index};
use crate::session::stages::embed::patches::{self, Shape};
use crate::session::stages::post::chain;
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
        // A member is tried for itself.
        let runs_a_while = !matches!(task, Task::Data | Task::Fold | Task::Score | Task::Gain | Task::Member { .. });
        let pace = node.stage.timed_as();
        if runs_a_while && !node.light && !met.contains(&pace) && history.estimate(pace, node.work).is_none() {
            met.push(pace);
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
    let bench = Bench { trial: true, ..Bench::new(project, recipe, photos, graph, &tell, cancel) };
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
            | Task::EmbedLabelled { slot }
            | Task::Crops { slot }
            | Task::View { slot, .. }
            | Task::Patches { slot, .. } => stages::embed::tried(&bench, slot)?,
            Task::Near { .. } | Task::PseudoLabels { .. } => ranked(&bench, clock)?,
            Task::Post { step, .. } => posted(&bench, step, clock)?,
            Task::Rank { .. } => ranked(&bench, clock)?,
            Task::Weights | Task::Ensemble { .. } => {
                // Each member's search once, which together is one of the sum of their widths.
                let (seconds, work) = ranked(&bench, clock)?;
                (seconds, work * graph.members.len() as f64)
            }
            Task::Data | Task::Fold | Task::Score | Task::Gain | Task::Member { .. } => {
                continue;
            }
        };
        // Other sizes are not known by trying: 0 says so until the first artefact.
        let sample = Sample { date: clock.now(), seconds, work, bytes };
        History::note(&project.toji, &project.around.bench(), stage.timed_as(), sample)?;
    }
    Ok(())
}

/// The width of a recipe's embeddings; of an ensemble the sum of its members', as far as they are recipes.
fn width(bench: &Bench<'_>) -> Result<usize, SessionError> {
    if bench.members.is_empty() {
        return Ok(backbone::length(&crate::session::brew::graph::decode(bench.recipe, "backbone")?)?);
    }
    let each = bench.members.iter().flatten().map(width).collect::<Result<Vec<usize>, _>>()?;
    Ok(each.iter().sum::<usize>().max(1))
}

/// Embeddings of the recipe's width that mean nothing.
fn drawn(bench: &Bench<'_>, rows: usize, first: u32) -> Result<Embeddings, SessionError> {
    let dim = width(bench)?;
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

/// Patches of photos that mean nothing: of few kinds, so that places find each other.
fn places(sides: &Sides, Shape { map, each, dim }: Shape) -> Patches {
    let photos = [&sides.queries.photos[..], &sides.gallery.photos].concat();
    let mut draws = Seed::new(0).named("stopwatch").named("patches").draws();
    let kinds: Vec<Vec<i8>> =
        (0..2 * each).map(|_| (0..dim).map(|_| draws.between(-127, 127) as i8).collect()).collect();
    let mut codes = Vec::with_capacity(photos.len() * each * dim);
    (0..photos.len() * each).for_each(|_| codes.extend(&kinds[draws.below(kinds.len() as u64) as usize]));
    let cells = photos.iter().flat_map(|_| 0..each as u16).collect();
    Patches { map, each, dim, photos, cells, codes }
}

/// One step by itself, on the searches that it reads.
fn posted(bench: &Bench<'_>, number: usize, clock: &dyn Clock) -> Result<(f64, f64), SessionError> {
    let (queries, gallery) = pair(bench)?;
    let labelled = drawn(bench, gallery.len(), (ROWS + QUERIES) as u32)?;
    let sizes = (queries.len() as f64, gallery.len() as f64, labelled.len() as f64);
    let step = stages::post::read_steps(bench.recipe)?.remove(number);
    let (k, silent) = (bench.project.competition.k, &crate::base::progress::Silent);
    let mut sides = Sides { views: Some([queries.clone(), gallery.clone()]), ..Sides::new(queries, gallery) };
    let needs = Needs::of(std::slice::from_ref(&step), k);
    if let Some(k) = needs.graph {
        sides.near.graph = Some(rerank::graph(&sides.queries, &sides.gallery, k, silent, bench.cancel)?);
    }
    if let Some(k) = needs.gallery {
        sides.near.gallery = Some(index::neighbours(&sides.queries, &sides.gallery, k, silent, bench.cancel)?);
    }
    if let Some(k) = needs.labelled {
        let near = |rows: &Embeddings| index::neighbours(rows, &labelled, k, silent, bench.cancel);
        sides.near.labelled = Some([near(&sides.queries)?, near(&sides.gallery)?]);
    }
    let labels = |each: u32| (0..labelled.len() as u32).map(|i| i / each).collect::<Vec<u32>>();
    sides.labelled = Some(Labelled { labels: labels(4), coarse: Some(labels(16)), embeddings: labelled });
    if step.local().is_some()
        && let Ok(Some(shape)) = patches::shape(bench.recipe)
    {
        sides.patches = vec![Arc::new(places(&sides, shape))];
    }
    let work = chain::work(&step, sizes);
    let mut now = Chained { sides, lists: None, not_in_gallery: None, notes: Vec::new() };
    let began = clock.now();
    rerank::advance(&[], &step, &mut now, k, silent, bench.cancel)?;
    Ok((clock.now().since(began), work))
}
