//! Parts of labelled photos as a network sees them, and where it looks in the whole: what tells that there are several objects, or a small one.
//!
//! Takes a fold's network and the photos that it answers for ([`answered`]); gives for each of [`CROPS`] the embeddings of that part of every
//! photo, and the last map of each photo shown whole, as shares. A stage of its own, since it costs several times an embedding and only
//! `toji review` reads it.

use std::path::Path;
use std::sync::Arc;

use super::{Eyes, labelled_places, labelled_stage, regions, rows, trained};
use crate::base::{Key, Value};
use crate::dag::{Stage, Step};
use crate::data::batch::Pictures;
use crate::data::manifest::boxes::Region;
use crate::retrieve::Embeddings;
use crate::review::objects::CROPS;
use crate::session::stages::{Bench, Made, Task};
use crate::session::{Graph, Photos, Project, Recipe, SessionError, Slot};

/// Raised when other parts are looked at.
const VERSION: u32 = 2;

/// The file of the last maps: one row a photo, its places by rows.
const MAPS: &str = "maps.safetensors";

/// The file of one part's embeddings.
fn file(crop: usize) -> String {
    format!("crop-{crop}.safetensors")
}

/// What was seen of the photos that a network answers for.
pub(in crate::session) struct Seen {
    /// For each of [`CROPS`] its embeddings.
    pub crops: Vec<Embeddings>,
    /// The last maps with their number of columns; nothing where the network has no map that tells where something is.
    pub maps: Option<(Embeddings, usize)>,
}

/// The labelled photos that a network answers for, ascending: those that it did not learn from, unless an earlier one did not either. The
/// first also answers for photos that all have learnt from. Where nothing is trained the first answers for all.
pub(in crate::session) fn answered(graph: &Graph, photos: &Photos, slot: Slot) -> Vec<u32> {
    let all = labelled_places(photos);
    let Some(first) = graph.slots.first() else { return Vec::new() };
    if graph.fit(slot).is_none() {
        return if slot == *first { all.to_vec() } else { Vec::new() };
    }
    let learnt = |slot: Slot, photo: u32| graph.fold(slot).train.binary_search(&photo).is_ok();
    let owner = |photo: u32| graph.slots.iter().copied().find(|slot| !learnt(*slot, photo)).unwrap_or(*first);
    all.iter().copied().filter(|photo| owner(*photo) == slot).collect()
}

/// The stage of one fold's network.
///
/// # Errors
/// When the file of weights cannot be read.
pub(in crate::session) fn stage(
    project: &Project,
    recipe: &Recipe,
    photos: &Photos,
    slot: Slot,
    fit: Option<Key>,
    folds: Key,
) -> Result<Stage, SessionError> {
    Ok(labelled_stage(project, recipe, photos, slot, fit)?
        .paced("crops")
        .part(format!("crops {slot}"))
        .input("division", folds)
        .setting("of", Value::Text(format!("crops {VERSION}"))))
}

/// The artefact of a step.
pub(in crate::session::stages) fn make<'a>(
    bench: &'a Bench<'a>,
    slot: Slot,
    step: &Step,
) -> Result<Made<'a>, SessionError> {
    let places = answered(bench.graph, bench.photos, slot);
    let model = trained(bench, slot)?;
    let eyes = Eyes { network: model.network.as_ref(), params: &model.params, sight: &model.sight };
    let mut crops = Vec::with_capacity(CROPS.len());
    for (number, (_, region)) in CROPS.iter().enumerate() {
        let pictures = cut(bench, *region);
        let (total, name) = (places.len() * CROPS.len(), step.stage.part.as_str());
        let told = bench.progress("embed", name);
        let before = number * places.len();
        let progress = |what: &str, done: u64, _: u64, unit: &str| {
            crate::base::Progress::at(&told, what, before as u64 + done, total as u64, unit);
        };
        let around = &bench.project.around;
        let hear: super::Hear<'_> = &mut |_, _| Ok(());
        crops.push(rows(around, pictures, (places.clone(), 0), &eyes, hear, &progress, bench.cancel)?);
    }
    let maps = match super::watched(bench.recipe, None) {
        Ok(size) => Some(regions::shares(bench, slot, places, size)?),
        // A network without a map that is fine enough.
        Err(_) => None,
    };
    let columns = maps.as_ref().map_or(0, |(_, columns)| *columns);
    let write = move |folder: &Path| {
        for (number, crop) in crops.iter().enumerate() {
            crop.save(&folder.join(file(number)))?;
        }
        match &maps {
            Some((maps, _)) => Ok(maps.save(&folder.join(MAPS))?),
            None => Ok(()),
        }
    };
    Ok(Made { facts: Value::of(&serde_json::json!({ "columns": columns })), write: Box::new(write), hold: None })
}

/// What a network's artefact says.
///
/// # Errors
/// When it cannot be read.
pub(in crate::session) fn load(bench: &Bench<'_>, slot: Slot) -> Result<Option<Seen>, SessionError> {
    let task = Task::Crops { slot };
    if bench.graph.place(task).is_none() {
        return Ok(None);
    }
    let folder = bench.folder(task)?;
    let crops = (0..CROPS.len()).map(|number| Ok(Embeddings::load(&folder.join(file(number)))?));
    let crops = crops.collect::<Result<Vec<_>, SessionError>>()?;
    let stage = bench.graph.stage(task)?;
    let meta = bench.project.store.meta(stage.name, &stage.artefact())?;
    let columns = meta.as_ref().and_then(|meta| meta.facts.get("columns")?.as_int()).unwrap_or(0) as usize;
    let maps = match columns {
        0 => None,
        columns => Some((Embeddings::load(&folder.join(MAPS))?, columns)),
    };
    Ok(Some(Seen { crops, maps }))
}

/// The photos, of which only a region counts.
fn cut(bench: &Bench<'_>, region: Region) -> Arc<Pictures> {
    let photos = &bench.photos.manifest.photos;
    let paths = photos.iter().map(|photo| bench.project.root.join(&photo.path)).collect();
    let parts = photos.iter().map(|photo| Some(photo.area(region))).collect();
    Arc::new(Pictures::new(paths, bench.project.competition.data.limits, 0).parts(parts))
}
