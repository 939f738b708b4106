//! Embeddings of one fold's queries and gallery by the network that was trained on it, or, where a recipe
//! trains nothing (`epochs = 0`), by the network as it comes.
//!
//! Evaluation draws nothing: `[augment] eval`, or what [`Sight`] makes of the weights, and the
//! running statistics of batch norm.

pub(in crate::session) mod crops;
mod kept;
pub mod patches;
pub(in crate::session) mod places;
mod regions;
pub mod views;

use std::path::Path;
use std::sync::Arc;

use self::kept::Kept;
pub(crate) use self::regions::{regions, watched};
use self::views::{View, Whose};
use super::fit::{Model, Purpose, begin, best, model, symptoms, tell_notes};
use super::{Bench, Made, SYMPTOMS, damaged, reduce};
use crate::base::{Cancel, Key, Progress, Value};
use crate::dag::{Event, Stage, Step};
use crate::data::Role;
use crate::data::augment::pipeline::epochs;
use crate::data::augment::settings::Size;
use crate::data::batch::{Ahead, Epoch, Loader, Pictures};
use crate::data::folds::Fold;
use crate::learn::Device;
use crate::learn::ops::{Network, OpsError, Params, Tape};
use crate::learn::train::{self, Checkpoint};
use crate::retrieve::{self, Embeddings};
use crate::session::project::boxes;
use crate::session::project::weights::{self, Sight};
use crate::session::{Photos, Project, Recipe, SessionError, Slot, Surroundings};

/// The artefact's file.
pub const FILE: &str = "embeddings.safetensors";

/// Pictures a batch; fixed, so that it cannot change a bit.
const BATCH: usize = 64;

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
    if fit.is_some() && best::is_asked_for(recipe) && !slot.is_all_data() {
        stage = stage.setting(best::KEY, Value::Bool(true));
    }
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

/// The stage that embeds a fold's training photos (those at `places`, with their `content`) by its own network, where its training is `fit`.
///
/// # Errors
/// When the file of weights cannot be read.
pub fn train_stage(
    project: &Project,
    recipe: &Recipe,
    photos: &Photos,
    (slot, places, content): (Slot, &[u32], Key),
    fit: Option<Key>,
    folds: Key,
) -> Result<Stage, SessionError> {
    let boxes = photos.boxes_key(project, &weights::evaluation(recipe)?, places)?;
    Ok(stage(project, recipe, slot, fit, folds, boxes)?
        .input("photos", content)
        .part(format!("training photos {}", slot))
        .setting("of", Value::Text("train".to_owned())))
}

/// All photos with a label that may be learnt from, as places in the manifest.
pub fn labelled_places(photos: &Photos) -> &[u32] {
    &photos.labelled().0.train
}

/// The stage that embeds all labelled photos by one fold's network.
///
/// # Errors
/// When the file of weights cannot be read.
pub fn labelled_stage(
    project: &Project,
    recipe: &Recipe,
    photos: &Photos,
    slot: Slot,
    fit: Option<Key>,
) -> Result<Stage, SessionError> {
    let boxes = photos.boxes_key(project, &weights::evaluation(recipe)?, labelled_places(photos))?;
    Ok(stage(project, recipe, slot, fit, photos.key, boxes)?
        .part(format!("labelled photos {slot}"))
        .setting("of", Value::Text("labelled".to_owned())))
}

pub(super) fn make<'a>(bench: &'a Bench<'a>, slot: Slot, step: &Step) -> Result<Made<'a>, SessionError> {
    let Fold { query, gallery, .. } = bench.graph.fold(slot);
    made(bench, slot, &[&query[..], gallery].concat(), step)
}

pub(super) fn make_host<'a>(bench: &'a Bench<'a>, slot: Slot, step: &Step) -> Result<Made<'a>, SessionError> {
    let (queries, gallery) = host_places(bench.photos);
    made(bench, slot, &[queries, gallery].concat(), step)
}

pub(super) fn make_train<'a>(bench: &'a Bench<'a>, slot: Slot, step: &Step) -> Result<Made<'a>, SessionError> {
    made(bench, slot, &bench.graph.fold(slot).train, step)
}

pub(super) fn make_labelled<'a>(bench: &'a Bench<'a>, slot: Slot, step: &Step) -> Result<Made<'a>, SessionError> {
    made(bench, slot, labelled_places(bench.photos), step)
}

pub(super) fn make_view<'a>(
    bench: &'a Bench<'a>,
    (slot, whose, number): (Slot, Whose, usize),
    step: &Step,
) -> Result<Made<'a>, SessionError> {
    let places = places_of(bench, slot, whose);
    let view = View::of(bench.recipe).get(number).copied();
    let view =
        view.ok_or_else(|| SessionError::Unfit(format!("there is no view {number}; this is a fault of Toji")))?;
    seen(bench, slot, &places, Some(view), step)
}

/// Queries and gallery of a fold or of the host, as places in the manifest.
fn places_of(bench: &Bench<'_>, slot: Slot, whose: Whose) -> Vec<u32> {
    let Fold { query, gallery, .. } = bench.graph.fold(slot);
    match whose {
        Whose::Fold => [&query[..], gallery].concat(),
        Whose::Host => {
            let (queries, gallery) = host_places(bench.photos);
            [queries, gallery].concat()
        }
    }
}

/// The artefact of a step in the plain view.
fn made<'a>(bench: &'a Bench<'a>, slot: Slot, places: &[u32], step: &Step) -> Result<Made<'a>, SessionError> {
    seen(bench, slot, places, None, step)
}

/// The artefact of a step, with the rows that an earlier attempt left; warns of photos that were damaged.
fn seen<'a>(
    bench: &'a Bench<'a>,
    slot: Slot,
    places: &[u32],
    view: Option<View>,
    step: &Step,
) -> Result<Made<'a>, SessionError> {
    let work = bench.work(step)?;
    if step.replace {
        // What an earlier attempt saw need not be what is there now.
        work.clear()?;
    }
    let (mut model, name) = (trained(bench, slot)?, step.stage.part.as_str());
    if let Some(view) = view {
        model.sight.evaluation = view.pipeline(&model.sight.evaluation)?;
    }
    let now = bench.photos.boxes_key(bench.project, &model.sight.evaluation, places)?;
    // Whether the photos' boxes are those that the stage was planned with.
    boxes::check(&step.stage, now)?;
    let places = each_once(places);
    let clock = bench.project.around.clock.as_ref();
    let dim = model.network.embedding();
    let none = Embeddings { dim, ..Embeddings::default() };
    let (mut kept, mut found) = Kept::open(&work, clock, &places, none);
    let begun = found.len();
    if begun > 0 {
        let text = format!("{} goes on after {begun} of {} photos", step.label(), places.len());
        (bench.tell)(Event::Note { text });
    }
    let eyes = Eyes { network: model.network.as_ref(), params: &model.params, sight: &model.sight };
    let rest = photos(bench, places, begun, &eyes, (name, "embed"), &mut |photos, rows| {
        kept.add(Embeddings { dim, photos: photos.to_vec(), data: rows.to_vec() })
    });
    let rest = match rest {
        Err(error) if error.is_cancelled() => {
            kept.write()?;
            return Err(error);
        }
        rest => rest?,
    };
    if begun == 0 {
        found = rest;
    } else {
        found.photos.extend(rest.photos);
        found.data.extend(rest.data);
    }
    let warning = symptoms::damaged(&damaged(bench.photos, &*bench.pictures()?, &found.photos), found.len());
    bench.warn(&format!("embed {name}"), warning.clone());
    let facts = Value::of(&serde_json::json!({ SYMPTOMS: warning.as_slice() }));
    let write = move |folder: &Path| Ok(found.save(&folder.join(FILE))?);
    Ok(Made { facts, write: Box::new(write), hold: Some(work) })
}

/// Places in the manifest in its order, each once: how photos are embedded.
pub(super) fn each_once(places: &[u32]) -> Vec<u32> {
    let mut places = places.to_vec();
    places.sort_unstable();
    places.dedup();
    places
}

/// Embeds one batch by the untrained network: seconds, and its work in the measure of the graph.
pub(crate) fn tried(bench: &Bench<'_>, slot: Slot) -> Result<(f64, f64), SessionError> {
    let model = model(bench, slot, Purpose::Trial)?;
    let places: Vec<u32> = bench.graph.fold(slot).gallery.iter().take(BATCH).copied().collect();
    let count = places.len() as f64;
    let clock = bench.project.around.clock.as_ref();
    let began = clock.now();
    let eyes = Eyes { network: model.network.as_ref(), params: &model.params, sight: &model.sight };
    photos(bench, places, 0, &eyes, ("a trial", "embed"), &mut |_, _| Ok(()))?;
    let giga = bench.project.cost(bench.recipe).map_or(1.0, |(cost, _)| cost.multiply_adds as f64 / 1e9);
    Ok((clock.now().since(began), count * giga))
}

/// A fold's network with the weights of its fit, where it has one.
fn trained(bench: &Bench<'_>, slot: Slot) -> Result<Model, SessionError> {
    let mut model = model(bench, slot, Purpose::Artefact)?;
    match bench.graph.fit(slot) {
        Some(fit) => {
            let file = best::weights(bench.project, bench.recipe, bench.graph, slot, &bench.folder(fit)?)?;
            Checkpoint::open(&file)?.load(&mut model.params)?;
        }
        None => tell_notes(bench, std::mem::take(&mut model.notes)),
    }
    Ok(model)
}

/// A network and how it sees.
pub(in crate::session) struct Eyes<'a> {
    /// The network.
    pub network: &'a dyn Network,
    /// Its weights.
    pub params: &'a Params,
    /// How photos are prepared for it.
    pub sight: &'a Sight,
}

/// Embeds photos by their places in the manifest, each once and in its order; `told` is the part and the stage that progress is told of.
pub(super) fn of_photos(
    bench: &Bench<'_>,
    places: &[u32],
    eyes: &Eyes<'_>,
    told: (&str, &str),
) -> Result<Embeddings, SessionError> {
    photos(bench, each_once(places), 0, eyes, told, &mut |_, _| Ok(()))
}

/// Gets each batch's photos and rows.
pub(in crate::session) type Hear<'a> = &'a mut dyn FnMut(&[u32], &[f32]) -> Result<(), SessionError>;

/// Embeds the photos at `places` from the place `from` on, which begins a batch or is the end; `hear` gets each batch's photos and rows.
fn photos(
    bench: &Bench<'_>,
    places: Vec<u32>,
    from: usize,
    eyes: &Eyes<'_>,
    (name, stage): (&str, &str),
    hear: Hear<'_>,
) -> Result<Embeddings, SessionError> {
    let pictures = bench.pictures()?;
    let (total, progress) = (places.len(), bench.progress(stage, name));
    // Of all, also where some are there.
    let progress =
        |what: &str, done: u64, _: u64, unit: &str| progress.at(what, from as u64 + done, total as u64, unit);
    rows(&bench.project.around, pictures, (places, from), eyes, hear, &progress, bench.cancel)
}

/// Embeds those of `pictures` at `places` from the place `from` on, which begins a batch or is the end; `hear` gets each batch's photos
/// and rows.
///
/// # Errors
/// When a picture cannot be decoded, a row is not finite, or on a stop.
pub(in crate::session) fn rows(
    around: &Surroundings,
    pictures: Arc<Pictures>,
    (places, from): (Vec<u32>, usize),
    eyes: &Eyes<'_>,
    hear: Hear<'_>,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Embeddings, SessionError> {
    let pipeline = Arc::new(eyes.sight.evaluation.clone());
    let left = places.len() - from.min(places.len());
    let walk = Epoch::given(places, BATCH);
    let ahead = Ahead { threads: around.threads, ..Ahead::default() };
    let first = from.div_ceil(BATCH);
    let loader = Loader::start(walk, first, pictures, pipeline, eyes.sight.normalization, ahead, cancel)?;
    let batches = loader.map(|batch| -> Result<_, SessionError> {
        let batch = batch?;
        Ok((batch.photos.clone(), batch))
    });
    let mut tape = Tape::eval().at(&around.processor);
    let forward = |batch: crate::data::batch::Batch| -> Result<Vec<f32>, SessionError> {
        let photos = batch.photos.clone();
        let images = batch.tensor(&Device::Cpu).map_err(OpsError::from)?;
        let rows = eyes.network.forward(eyes.params, &mut tape, &images)?.tensor();
        let rows: Vec<f32> = rows.flatten_all().and_then(|flat| flat.to_vec1()).map_err(OpsError::from)?;
        hear(&photos, &rows)?;
        Ok(rows)
    };
    retrieve::embed::embed(eyes.network.embedding(), left, batches, forward, progress, cancel)
}
