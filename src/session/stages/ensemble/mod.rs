//! Several recipes that answer together: two stages behind those of the members.
//!
//! `weights` looks at all folds: it searches the weights where that is asked for, and says what each member is worth ([`Report`]).
//! `ensemble`, one a fold, joins the members' answers: to embeddings, with which the recipe's own `[post]` and `rank` go on, or to lists. Their keys
//! are made of `[ensemble]` and of the members' artefacts, so a member's prose or another ladder changes nothing here.
//!
//! - [`members`]: who they are, whether they fit each other, and the graph of all their stages;
//! - [`outside`]: members that another program made;
//! - [`mod@fuse`]: answers of all members to one.

pub mod fuse;
pub mod members;
pub mod outside;

use std::path::Path;

use self::fuse::{Fused, Voice, candidates, fuse};
use self::members::Kind;
use super::post::{self, chain};
use super::score::BOOTSTRAP;
use super::{Bench, Made, SYMPTOMS, Task};
use crate::base::{Key, Progress, Seed, Value, files};
use crate::dag::{Event, Stage};
use crate::retrieve::post::Step;
use crate::retrieve::rerank::DEPTH;
use crate::retrieve::{Embeddings, Ranking, Sides, index};
use crate::score::ensemble::{self, Asked, Ensemble, Pool, Report};
use crate::score::metric::Metric;
use crate::session::{Graph, Project, Recipe, SessionError, Slot};

/// The queries' file, where the fusion gives embeddings.
pub const QUERIES: &str = "queries.safetensors";
/// The gallery's file.
pub const GALLERY: &str = "gallery.safetensors";
/// The lists' file, where it gives lists.
pub const RANKING: &str = "ranking.safetensors";
/// The file of `weights`.
pub const FILE: &str = "ensemble.json";

/// How what is told of an ensemble begins.
pub const TOLD: &str = "ensemble: ";

/// Raised when equal settings give other results.
const VERSION: u32 = 1;
/// Groups of labels that take the folds' place where there is one.
const GROUPS: u32 = 5;

/// `[ensemble]` of a recipe; nothing for a recipe of its own.
///
/// # Errors
/// When it does not fit, which the declared table should have caught.
pub fn settings(recipe: &Recipe) -> Result<Option<Ensemble>, SessionError> {
    Ok(recipe.settings().get("ensemble").map(Ensemble::of).transpose()?)
}

/// Whether a recipe is an ensemble.
pub fn is_one(recipe: &Recipe) -> bool {
    recipe.settings().get("ensemble").is_some()
}

/// Whether a recipe is an ensemble that gives lists, behind which nothing can go on.
pub fn gives_lists(recipe: &Recipe) -> bool {
    matches!(settings(recipe), Ok(Some(own)) if !own.fusion.gives_embeddings())
}

fn base(project: &Project, recipe: &Recipe, name: &'static str) -> Stage {
    let version = VERSION * 10_000 + ensemble::VERSION * 100 + index::VERSION;
    let depth = project.competition.k.max(DEPTH) as i64;
    Stage::new(name, version).table(recipe.settings(), "ensemble").setting("depth", Value::Int(depth))
}

/// The stage over all folds. `inputs`: what each member says on each fold.
pub fn weights_stage(project: &Project, recipe: &Recipe, folds: Key, inputs: Vec<(String, Key)>) -> Stage {
    let stage = base(project, recipe, "weights")
        .setting("metric", Value::Text(project.metric()))
        .setting("k", Value::Int(project.competition.k as i64))
        .input("fold", folds);
    inputs.into_iter().fold(stage, |stage, (name, key)| stage.input(name, key))
}

/// The stage of one fold. `weights`: where they are searched, the stage that does it.
pub fn stage(
    project: &Project,
    recipe: &Recipe,
    slot: Slot,
    folds: Key,
    inputs: Vec<(String, Key)>,
    weights: Option<Key>,
) -> Stage {
    let mut stage = base(project, recipe, "ensemble").part(slot.to_string()).input("fold", folds);
    if let Some(weights) = weights {
        // Which fold a network is asked about decides by which weights it is.
        stage = stage.setting("fold", Value::Int(slot.fold as i64)).input("weights", weights);
    }
    inputs.into_iter().fold(stage, |stage, (name, key)| stage.input(name, key))
}

/// Weighs the members, and searches the weights where that is asked for.
pub(super) fn make_weights<'a>(bench: &'a Bench<'a>) -> Result<Made<'a>, SessionError> {
    let own = must(bench)?;
    let metric: Metric = bench.project.metric().parse()?;
    let labels = bench.photos.labels();
    let label = |photo: u32| labels.get(photo as usize).copied().flatten().unwrap_or(u32::MAX);
    let progress = bench.progress("weights", "");
    let (mut pool, mut folds) = (Pool { members: own.of.len(), ..Pool::default() }, Vec::new());
    let places = fold_places(bench.graph);
    for (done, slot) in bench.graph.slots.iter().enumerate() {
        bench.cancel.check()?;
        progress.at("weights", done as u64, bench.graph.slots.len() as u64, "folds");
        let voices = voices(bench, &own, *slot)?;
        let fold = bench.graph.fold(*slot);
        let found = candidates(own.fusion, &voices, (&fold.query, &fold.gallery), &labels, depth(bench), bench.cancel)?;
        folds.extend(std::iter::repeat_n(places[&slot.fold], found.len()));
        pool.photos.extend(&fold.query);
        pool.queries.extend(found);
    }
    let groups = label_groups(&pool.photos, &labels);
    let (k, seed) = (bench.project.competition.k, Seed::new(BOOTSTRAP));
    let asked = Asked { metric, k, folds: &folds, groups: &groups, label: &label, seed };
    let report = ensemble::report(&pool, own.fusion, &own.weights, &names(bench.graph), &asked)?;
    tell(bench, &report);
    let warnings = warnings(&report);
    bench.warn("weights", warnings.clone());
    let facts = Value::of(&serde_json::json!({ SYMPTOMS: warnings }));
    let text = serde_json::to_vec_pretty(&report).map_err(|error| SessionError::Unfit(format!("{FILE}: {error}")))?;
    let write = move |folder: &Path| Ok(files::publish(&folder.join(FILE), &text)?);
    Ok(Made { facts, write: Box::new(write), hold: None })
}

/// Joins the members' answers on one fold.
pub(super) fn make<'a>(bench: &'a Bench<'a>, slot: Slot) -> Result<Made<'a>, SessionError> {
    let own = must(bench)?;
    let weights = weights_of(bench, &own, slot)?;
    let fold = bench.graph.fold(slot);
    let name = slot.to_string();
    let progress = bench.progress("ensemble", &name);
    let voices = voices(bench, &own, slot)?;
    let asked = (&fold.query[..], &fold.gallery[..]);
    let fused = fuse(own.fusion, &weights, voices, asked, depth(bench), &progress, bench.cancel)?;
    if let Fused::Embeddings { note: Some(note), .. } = &fused {
        (bench.tell)(Event::Note { text: format!("{TOLD}{name}: {note}") });
    }
    let write = move |folder: &Path| {
        match fused {
            Fused::Embeddings { queries, gallery, .. } => {
                queries.save(&folder.join(QUERIES))?;
                gallery.save(&folder.join(GALLERY))?;
            }
            Fused::Lists(ranking) => ranking.save(&folder.join(RANKING))?,
        }
        Ok(())
    };
    Ok(Made::new(write))
}

/// The weights that answer one fold.
fn weights_of(bench: &Bench<'_>, own: &Ensemble, slot: Slot) -> Result<Vec<f64>, SessionError> {
    if !own.weights.are_searched() {
        return Ok(own.weights.written(own.of.len()));
    }
    let place = fold_places(bench.graph)[&slot.fold] as usize;
    let found = read(bench.project, bench.graph)?.by_fold.get(place).cloned();
    found.ok_or_else(|| SessionError::Unfit(format!("{slot} has no weights; this is a fault of Toji")))
}

/// Both sides of one fold as joined, with its training photos as all members see them where they are asked for. A member's own steps change
/// its training photos as they change the others.
///
/// # Errors
/// When the fusion gives lists, or the members have learnt from different photos.
pub(crate) fn sides(bench: &Bench<'_>, slot: Slot, with_labelled: bool) -> Result<Sides, SessionError> {
    let (queries, gallery) = embeddings(bench, slot)?;
    let mut sides = Sides::new(queries, gallery);
    if !with_labelled {
        return Ok(sides);
    }
    let (own, train) = (must(bench)?, &bench.graph.fold(slot).train);
    // What a search only tries need not be there.
    let needed = post::steps(bench.recipe).iter().any(Step::needs_labelled);
    let mut parts = Vec::new();
    for (i, member) in bench.graph.members.iter().enumerate() {
        parts.push(match &member.kind {
            Kind::Outside(outside) => match outside.voice(bench, &[slot.fold], (train, &[])) {
                Ok(Voice::Embeddings(embeddings, _)) => post::with_labels(bench, embeddings)?,
                Err(error) if needed => return Err(error),
                Ok(Voice::Lists(_)) | Err(_) => None,
            },
            Kind::Recipe(_) => {
                let theirs = bench.member(i)?;
                let mut seen = post::sides(theirs, slot, false)?;
                seen.labelled = post::labelled(theirs, Task::EmbedTrain { slot })?;
                post::apply(theirs, &post::read_steps(theirs.recipe)?, seen, &slot.to_string())?.sides.labelled
            }
        });
    }
    sides.labelled = fuse::labelled(own.fusion, &weights_of(bench, &own, slot)?, parts)?;
    Ok(sides)
}

/// The joined embeddings of one fold's queries and gallery.
///
/// # Errors
/// When the fusion gives lists.
pub(crate) fn embeddings(bench: &Bench<'_>, slot: Slot) -> Result<(Embeddings, Embeddings), SessionError> {
    let own = must(bench)?;
    if !own.fusion.gives_embeddings() {
        let text = format!(
            "{} gives lists, and here embeddings are asked for: take fusion = {{ name = \"concat\" }}",
            own.fusion.name()
        );
        return Err(SessionError::Unfit(text));
    }
    let folder = bench.folder(Task::Ensemble { slot })?;
    Ok((Embeddings::load(&folder.join(QUERIES))?, Embeddings::load(&folder.join(GALLERY))?))
}

/// The joined lists of one fold; nothing where the fusion gives embeddings.
pub(super) fn lists(bench: &Bench<'_>, slot: Slot) -> Result<Option<Ranking>, SessionError> {
    match settings(bench.recipe)?.filter(|own| !own.fusion.gives_embeddings()) {
        Some(_) => Ok(Some(Ranking::load(&bench.folder(Task::Ensemble { slot })?.join(RANKING))?)),
        None => Ok(None),
    }
}

/// The report of an ensemble, as it lies in the store, with the members' names of today.
///
/// # Errors
/// When it is not there.
pub fn read(project: &Project, graph: &Graph) -> Result<Report, SessionError> {
    let stage = graph.stage(Task::Weights)?;
    let file = project.store.folder(stage.name, &stage.artefact())?.join(FILE);
    let mut report: Report = serde_json::from_slice(&files::read(&file)?)
        .map_err(|error| SessionError::Unfit(format!("{}: {error}", file.display())))?;
    for (member, name) in report.members.iter_mut().zip(names(graph)) {
        member.name = name;
    }
    Ok(report)
}

/// Tells what was found in the store.
pub(super) fn recall(bench: &Bench<'_>) -> Result<(), SessionError> {
    tell(bench, &read(bench.project, bench.graph)?);
    Ok(())
}

fn tell(bench: &Bench<'_>, report: &Report) {
    for line in report.lines() {
        (bench.tell)(Event::Note { text: format!("{TOLD}{line}") });
    }
}

/// What every run of it says again.
fn warnings(report: &Report) -> Vec<String> {
    report.members.iter().filter(|member| member.dilutes()).map(|member| report.dilution(member)).collect()
}

fn must(bench: &Bench<'_>) -> Result<Ensemble, SessionError> {
    settings(bench.recipe)?
        .ok_or_else(|| SessionError::Unfit("the recipe has no [ensemble]; this is a fault of Toji".to_owned()))
}

/// The length of members' lists.
pub(crate) fn depth(bench: &Bench<'_>) -> usize {
    bench.project.competition.k.max(DEPTH)
}

fn names(graph: &Graph) -> Vec<String> {
    graph.members.iter().map(|member| member.name.clone()).collect()
}

/// What each member says on one fold.
fn voices(bench: &Bench<'_>, own: &Ensemble, slot: Slot) -> Result<Vec<Voice>, SessionError> {
    let fold = bench.graph.fold(slot);
    let mut found = Vec::new();
    for (i, member) in bench.graph.members.iter().enumerate() {
        found.push(match &member.kind {
            Kind::Outside(outside) => outside.voice(bench, &[slot.fold], (&fold.query, &fold.gallery))?,
            Kind::Recipe(_) => {
                let theirs = bench.member(i)?;
                let ranked = if own.fusion.reads_lists() { chain::lists(theirs, slot)? } else { None };
                match ranked {
                    Some((lists, _)) => Voice::Lists(lists.entries),
                    None => {
                        let Sides { queries, gallery, .. } = chain::ranked_sides(theirs, slot)?;
                        Voice::Embeddings(queries, gallery)
                    }
                }
            }
        });
    }
    Ok(found)
}

/// The folds that ran, each with its number among them.
fn fold_places(graph: &Graph) -> std::collections::BTreeMap<usize, u32> {
    let mut folds: Vec<usize> = graph.slots.iter().map(|slot| slot.fold).collect();
    folds.sort_unstable();
    folds.dedup();
    folds.into_iter().zip(0..).collect()
}

/// A group for each query, by its label, in a drawn order of labels.
fn label_groups(queries: &[u32], labels: &[Option<u32>]) -> Vec<u32> {
    let label = |photo: &u32| labels.get(*photo as usize).copied().flatten();
    let mut all: Vec<Option<u32>> = queries.iter().map(label).collect();
    all.sort_unstable();
    all.dedup();
    Seed::new(BOOTSTRAP).named("ensemble").draws().shuffle(&mut all);
    let group: std::collections::BTreeMap<Option<u32>, u32> = all.into_iter().zip((0..GROUPS).cycle()).collect();
    queries.iter().map(|photo| group.get(&label(photo)).copied().unwrap_or(0)).collect()
}
