//! Embeddings of one fold's queries and gallery by the network that was trained on it, or, where a recipe
//! trains nothing (`epochs = 0`), by the network as it comes.
//!
//! Evaluation draws nothing: `[augment] eval`, or what [`Sight`] makes of the weights, and the
//! running statistics of batch norm.

use std::path::Path;
use std::sync::Arc;

use super::fit::{Model, Purpose, begin, model, symptoms, tell_notes};
use super::{Bench, Made, SYMPTOMS, Task, damaged, reduce};
use crate::base::{Key, Progress, Value};
use crate::dag::Stage;
use crate::data::Role;
use crate::data::augment::Pipeline;
use crate::data::augment::pipeline::epochs;
use crate::data::augment::settings::Size;
use crate::data::batch::{Ahead, Epoch, Loader};
use crate::data::folds::Fold;
use crate::data::manifest::boxes::Region;
use crate::learn::ops::{Network, OpsError, Params, Tape};
use crate::learn::train::{self, Checkpoint};
use crate::learn::{Device, backbone};
use crate::retrieve::{self, Embeddings};
use crate::session::brew::graph::decode;
use crate::session::project::boxes;
use crate::session::project::weights::{self, Sight};
use crate::session::{Photos, Project, Recipe, SessionError, Slot};

/// The artefact's file.
pub const FILE: &str = "embeddings.safetensors";

/// Pictures a batch; fixed, so that it cannot change a bit.
const BATCH: usize = 64;

/// A map with fewer rows or columns says nothing of where something is.
const COARSEST: usize = 3;

/// The stage of one fold, by its `fit` or, without one, by the network as it comes.
///
/// Rows are named by places in the manifest, so the folds' key (and with it the manifest's) counts; `boxes` is the content of the
/// photos' boxes, where `[augment] eval` reads any.
///
/// # Errors
/// When the file of weights cannot be read.
pub fn stage(
    project: &Project,
    recipe: &Recipe,
    slot: Slot,
    fit: Option<Key>,
    folds: Key,
    boxes: Option<Key>,
) -> Result<Stage, SessionError> {
    let version = retrieve::embed::VERSION * 100 + crate::data::augment::VERSION;
    let mut stage = match fit {
        Some(fit) => Stage::new("embed", version).part(slot.to_string()).input("fit", fit),
        None => {
            begin(Stage::new("embed", train::VERSION * 10_000 + version).part(slot.to_string()), project, recipe, slot)?
        }
    };
    stage = stage.input("fold", folds);
    stage.tables.push("augment".to_owned());
    if let Some(key) = boxes {
        stage = stage.input(boxes::INPUT, key);
    }
    stage = reduce::read_by(stage, recipe)?;
    if let Some(list) = recipe.settings().get("augment.eval") {
        return Ok(stage.setting("augment.eval", epochs::without_paths(list)));
    }
    let size = match (weights::last_size(recipe)?, fit) {
        // A rung may end in an earlier stage of training, whose key does not know it.
        (Some(size), _) => Some(size),
        // Where nothing was trained, no key knows the size of training's pictures.
        (None, None) => {
            let Size { height, width } = weights::evaluation(recipe)?.size();
            Some([height, width])
        }
        (None, Some(_)) => None,
    };
    if let Some(size) = size {
        stage = stage.setting("augment.size", Value::List(size.map(|side| Value::Int(side as i64)).into()));
    }
    if recipe.settings().get("backbone.weights").and_then(Value::as_text).is_some_and(|name| name != "none") {
        stage = stage.setting("augment.eval", Value::Text("as the weights expect".to_owned()));
    }
    Ok(stage)
}

/// The host's queries and gallery, as places in the manifest.
pub fn host_places(photos: &Photos) -> (Vec<u32>, Vec<u32>) {
    let of = |wanted: &[Role]| {
        let all = photos.manifest.photos.iter().enumerate();
        all.filter(|(_, photo)| wanted.contains(&photo.role)).map(|(i, _)| i as u32).collect()
    };
    (of(&[Role::Query, Role::Both]), of(&[Role::Gallery, Role::Both]))
}

/// The stage that embeds the host's photos by one fold's network.
///
/// # Errors
/// When the file of weights cannot be read.
pub fn host_stage(
    project: &Project,
    recipe: &Recipe,
    photos: &Photos,
    slot: Slot,
    fit: Option<Key>,
) -> Result<Stage, SessionError> {
    let (queries, gallery) = host_places(photos);
    let boxes = photos.boxes_key(project, &weights::evaluation(recipe)?, &[queries, gallery].concat())?;
    Ok(stage(project, recipe, slot, fit, photos.key, boxes)?
        .part(format!("host {}", slot))
        .setting("of", Value::Text("host".to_owned())))
}

/// The stage that embeds a fold's training photos (those at `places`) by its own network, where its training is `fit`.
///
/// # Errors
/// When the file of weights cannot be read.
pub fn train_stage(
    project: &Project,
    recipe: &Recipe,
    photos: &Photos,
    (slot, places): (Slot, &[u32]),
    fit: Key,
    folds: Key,
) -> Result<Stage, SessionError> {
    let boxes = photos.boxes_key(project, &weights::evaluation(recipe)?, places)?;
    Ok(stage(project, recipe, slot, Some(fit), folds, boxes)?
        .part(format!("training photos {}", slot))
        .setting("of", Value::Text("train".to_owned())))
}

pub(super) fn make<'a>(bench: &'a Bench<'a>, slot: Slot) -> Result<Made<'a>, SessionError> {
    let (model, name) = (trained(bench, slot)?, slot.to_string());
    let Fold { query, gallery, .. } = &bench.graph.folds[slot.fold];
    check(bench, Task::Embed { slot }, &model.sight, &[&query[..], gallery].concat())?;
    let found = fold(bench, slot, model.network.as_ref(), &model.params, &model.sight, &name, "embed")?;
    made(bench, found, &name)
}

pub(super) fn make_host<'a>(bench: &'a Bench<'a>, slot: Slot) -> Result<Made<'a>, SessionError> {
    let (model, name) = (trained(bench, slot)?, format!("host {}", slot));
    let (queries, gallery) = host_places(bench.photos);
    let mut places = [queries, gallery].concat();
    check(bench, Task::EmbedHost { slot }, &model.sight, &places)?;
    places.sort_unstable();
    places.dedup();
    let found = photos(bench, places, model.network.as_ref(), &model.params, &model.sight, &name, "embed")?;
    made(bench, found, &name)
}

/// The artefact; warns of photos that were damaged.
fn made<'a>(bench: &Bench<'_>, found: Embeddings, name: &str) -> Result<Made<'a>, SessionError> {
    let warning = symptoms::damaged(&damaged(bench.photos, &*bench.pictures()?, &found.photos), found.len());
    bench.warn(&format!("embed {name}"), warning.clone());
    let facts = Value::of(&serde_json::json!({ SYMPTOMS: warning.as_slice() }));
    Ok(Made { facts, ..Made::new(move |folder: &Path| Ok(found.save(&folder.join(FILE))?)) })
}

/// Whether the photos' boxes are those that a stage was planned with.
fn check(bench: &Bench<'_>, task: Task, sight: &Sight, places: &[u32]) -> Result<(), SessionError> {
    let now = bench.photos.boxes_key(bench.project, &sight.evaluation, places)?;
    boxes::check(bench.graph.stage(task)?, now)
}

pub(super) fn make_train<'a>(bench: &'a Bench<'a>, slot: Slot) -> Result<Made<'a>, SessionError> {
    let (model, name) = (trained(bench, slot)?, format!("training photos {}", slot));
    let places = bench.graph.folds[slot.fold].train.clone();
    check(bench, Task::EmbedTrain { slot }, &model.sight, &places)?;
    let found = photos(bench, places, model.network.as_ref(), &model.params, &model.sight, &name, "embed")?;
    made(bench, found, &name)
}

/// Embeds one batch by the untrained network: seconds, and its work in the measure of the graph.
pub(crate) fn tried(bench: &Bench<'_>, slot: Slot) -> Result<(f64, f64), SessionError> {
    let model = model(bench, slot, Purpose::Trial)?;
    let places: Vec<u32> = bench.graph.folds[slot.fold].gallery.iter().take(BATCH).copied().collect();
    let count = places.len() as f64;
    let clock = bench.project.around.clock.as_ref();
    let began = clock.now();
    photos(bench, places, model.network.as_ref(), &model.params, &model.sight, "a trial", "embed")?;
    let giga = bench.project.cost(bench.recipe).map_or(1.0, |(cost, _)| cost.multiply_adds as f64 / 1e9);
    Ok((clock.now().since(began), count * giga))
}

/// A fold's network with the weights of its fit, where it has one.
fn trained(bench: &Bench<'_>, slot: Slot) -> Result<Model, SessionError> {
    let mut model = model(bench, slot, Purpose::Artefact)?;
    match bench.graph.fit(slot) {
        Some(fit) => Checkpoint::open(&bench.folder(fit)?.join(train::CHECKPOINT))?.load(&mut model.params)?,
        None => tell_notes(bench, std::mem::take(&mut model.notes)),
    }
    Ok(model)
}

/// Embeds the queries and the gallery of a fold, each photo once, in the order of the manifest.
pub(super) fn fold(
    bench: &Bench<'_>,
    slot: Slot,
    network: &dyn Network,
    params: &Params,
    sight: &Sight,
    name: &str,
    stage: &str,
) -> Result<Embeddings, SessionError> {
    let fold = &bench.graph.folds[slot.fold];
    let mut places: Vec<u32> = fold.query.iter().chain(&fold.gallery).copied().collect();
    places.sort_unstable();
    places.dedup();
    photos(bench, places, network, params, sight, name, stage)
}

/// Embeds photos by their places in the manifest.
pub(crate) fn photos(
    bench: &Bench<'_>,
    places: Vec<u32>,
    network: &dyn Network,
    params: &Params,
    sight: &Sight,
    name: &str,
    stage: &str,
) -> Result<Embeddings, SessionError> {
    let pipeline = Arc::new(sight.evaluation.clone());
    let total = places.len();
    let walk = Epoch::given(places, BATCH);
    let ahead = Ahead { threads: bench.project.around.threads, ..Ahead::default() };
    let pictures = bench.pictures()?;
    let loader = Loader::start(walk, 0, pictures, pipeline, sight.normalization, ahead, bench.cancel)?;
    let batches = loader.map(|batch| -> Result<_, SessionError> {
        let batch = batch?;
        Ok((batch.photos.clone(), batch))
    });
    let mut tape = Tape::eval().at(&bench.project.around.processor);
    let forward = |batch: crate::data::batch::Batch| -> Result<Vec<f32>, SessionError> {
        let images = batch.tensor(&Device::Cpu).map_err(OpsError::from)?;
        let rows = network.forward(params, &mut tape, &images)?.tensor();
        Ok(rows.flatten_all().and_then(|flat| flat.to_vec1()).map_err(OpsError::from)?)
    };
    retrieve::embed::embed(network.embedding(), total, batches, forward, &bench.progress(stage, name), bench.cancel)
}

/// The size at which photos are shown whole to a recipe's networks, to see where they look: `side` pixels square, or twice the size of
/// evaluation, since a box is as fine as the last map.
///
/// # Errors
/// When the network's last map has too few places for a box at that size, known from its shapes alone.
pub(crate) fn watched(recipe: &Recipe, side: Option<usize>) -> Result<Size, SessionError> {
    let usual = weights::evaluation(recipe)?.size();
    let twice = Size { height: 2 * usual.height, width: 2 * usual.width };
    let Size { height, width } = side.map_or(twice, |side| Size { height: side, width: side });
    let (rows, columns) = backbone::last_map(&decode(recipe, "backbone")?, height, width)?;
    if rows < COARSEST || columns < COARSEST {
        let text = format!(
            "the network's last map has {columns} × {rows} places for a picture of {width} × {height}, too few for a box; show it larger ones, with --size"
        );
        return Err(SessionError::Unfit(text));
    }
    Ok(Size { height, width })
}

/// Where one fold's network looks in each of these photos, in their order. It sees them whole, at a size of [`watched`].
pub(crate) fn regions(
    bench: &Bench<'_>,
    slot: Slot,
    places: Vec<u32>,
    size: Size,
) -> Result<Vec<(u32, Region)>, SessionError> {
    let model = trained(bench, slot)?;
    let pipeline = Arc::new(Pipeline::to_size(size));
    let (total, name) = (places.len() as u64, slot.to_string());
    let progress = bench.progress("boxes", &name);
    let ahead = Ahead { threads: bench.project.around.threads, ..Ahead::default() };
    let pictures = bench.photos.pictures(bench.project);
    let walk = Epoch::given(places, BATCH);
    let loader = Loader::start(walk, 0, pictures, pipeline, model.sight.normalization, ahead, bench.cancel)?;
    let mut tape = Tape::eval().at(&bench.project.around.processor);
    let mut found = Vec::with_capacity(total as usize);
    for batch in loader {
        bench.cancel.check()?;
        let batch = batch?;
        let photos = batch.photos.clone();
        let images = batch.tensor(&Device::Cpu).map_err(OpsError::from)?;
        let shares = model.network.activation(&model.params, &mut tape, &images)?; // [b, rows, columns]
        let columns = shares.dim(2).map_err(OpsError::from)?;
        let shares: Vec<Vec<f32>> = shares.flatten_from(1).and_then(|rows| rows.to_vec2()).map_err(OpsError::from)?;
        found.extend(photos.into_iter().zip(shares.iter().map(|shares| backbone::region(shares, columns))));
        progress.at("boxes", found.len() as u64, total, "photos");
    }
    Ok(found)
}
