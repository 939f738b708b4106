//! Local descriptors of photos: what the post step `spatial-check` compares, embedded and kept by themselves.
//!
//! Takes a recipe with that step; gives the stage that keeps the patches of all queries and all gallery photos, whoever comes to stand in a
//! list: so a changed step before it, and whatever else is tried, embeds nothing again, and only weights, pictures and what is kept of
//! them are in the key. Patches are compact (40 bytes a place), since the whole gallery's are kept: its size is known beforehand and told.

use std::path::Path;
use std::sync::Arc;

use super::kept::Kept;
use super::{BATCH, Eyes, Whose, each_once, places_of, trained};
use crate::base::{Cancel, Progress, Value};
use crate::dag::{Event, Stage, Step};
use crate::data::augment::settings::Size;
use crate::data::batch::{Ahead, Epoch, Loader, Pictures};
use crate::learn::ops::{OpsError, Tape};
use crate::learn::{Device, backbone};
use crate::retrieve::post::local::{self, Local, Pack, Patches};
use crate::session::brew::graph::decode;
use crate::session::project::{boxes, weights};
use crate::session::stages::{Bench, Made, Task, post};
use crate::session::{Recipe, SessionError, Slot, Surroundings};

/// The artefact's file.
pub const FILE: &str = "patches.safetensors";

/// Photos whose places the projection is fitted on; thousands of places, while one map may have megabytes.
const SAMPLE: usize = 2 * BATCH;

/// On a coarser map any two pairs of places agree.
const COARSEST: usize = 3;

/// What a recipe keeps of a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) struct Shape {
    /// Rows and columns of the map.
    pub map: [usize; 2],
    /// Places a photo.
    pub each: usize,
    /// Numbers a place.
    pub dim: usize,
}

/// The step that goes by patches, with its place in the chain.
fn asked(recipe: &Recipe) -> Option<(usize, Local)> {
    post::steps(recipe).iter().enumerate().find_map(|(i, step)| Some((i, step.local()?)))
}

/// What a recipe keeps of a photo; nothing where no step asks for it.
///
/// # Errors
/// The key and what is wrong with it: a map that the backbone lacks, or that is too coarse for the pictures.
pub(in crate::session) fn shape(recipe: &Recipe) -> Result<Option<Shape>, (String, String)> {
    let Some((i, local)) = asked(recipe) else { return Ok(None) };
    let (step, key) = (format!("post.steps[{i}]"), format!("post.steps[{i}].out_index"));
    let wrong = |why: String| (step.clone(), why);
    let settings: backbone::Settings = decode(recipe, "backbone").map_err(|error| wrong(error.to_string()))?;
    let Size { height, width } = weights::evaluation(recipe).map_err(|error| wrong(error.to_string()))?.size();
    let maps = backbone::maps(&settings, height, width).map_err(|error| wrong(error.to_string()))?;
    let (out_index, count) = (local.out_index, maps.len());
    let at = count.checked_sub(out_index.unsigned_abs() as usize);
    let Some(&[rows, columns, channels]) = at.and_then(|at| maps.get(at)) else {
        let last = match count {
            0 => "none".to_owned(),
            1 => "one; write out_index = -1".to_owned(),
            _ => format!("{count}; write -1 to -{count}"),
        };
        return Err((key, format!("spatial-check looks at map {out_index} of {}, which has {last}", settings.name)));
    };
    if rows < COARSEST || columns < COARSEST {
        let finer = maps.iter().rposition(|map| map[0].min(map[1]) >= COARSEST);
        let finer = finer.map(|at| format!(", or write out_index = -{}", count - at)).unwrap_or_default();
        let text = format!(
            "spatial-check needs a map of {COARSEST} × {COARSEST} places at least, and map {out_index} of {} has {columns} × {rows} for pictures of \
             {width} × {height}: show it larger ones{finer}",
            settings.name
        );
        return Err((key, text));
    }
    let each = local.patches.min(rows * columns);
    Ok(Some(Shape { map: [rows, columns], each, dim: local.dim.min(channels) }))
}

/// The stage of a training's patches, from that of its embeddings; nothing where no step asks for it.
pub(in crate::session) fn stage(plain: Stage, recipe: &Recipe) -> Option<Stage> {
    let (_, Local { out_index, dim, patches }) = asked(recipe)?;
    // The projection is PCA's.
    let version = plain.version * 100 + local::VERSION * 10 + crate::retrieve::post::VERSION;
    let mut stage = Stage { name: "patches", version, ..plain }
        .setting("post.spatial-check.out_index", Value::Int(out_index))
        .setting("post.spatial-check.dim", Value::Int(dim as i64))
        .setting("post.spatial-check.patches", Value::Int(patches as i64));
    stage.tables.push("post".to_owned());
    Some(stage)
}

/// Bytes of the patches of so many photos.
pub(in crate::session) fn bytes(recipe: &Recipe, photos: usize) -> Option<u64> {
    let shape = shape(recipe).ok()??;
    Some(Patches::bytes(photos, shape.each, shape.dim))
}

/// A training's patches as steps read them, where the graph has any.
pub(in crate::session) fn load(bench: &Bench<'_>, slot: Slot, whose: Whose) -> Result<Vec<Arc<Patches>>, SessionError> {
    if bench.graph.place(Task::Patches { slot, whose }).is_none() {
        return Ok(Vec::new());
    }
    let folder = bench.folder(Task::Patches { slot, whose })?;
    Ok(vec![Arc::new(Patches::load(&folder.join(FILE))?)])
}

pub(in crate::session::stages) fn make<'a>(
    bench: &'a Bench<'a>,
    (slot, whose): (Slot, Whose),
    step: &Step,
) -> Result<Made<'a>, SessionError> {
    let Some((_, local)) = asked(bench.recipe) else {
        return Err(SessionError::Unfit("no step asks for patches; this is a fault of Toji".to_owned()));
    };
    let work = bench.work(step)?;
    if step.replace {
        work.clear()?;
    }
    let (model, places) = (trained(bench, slot)?, places_of(bench, slot, whose));
    let now = bench.photos.boxes_key(bench.project, &model.sight.evaluation, &places)?;
    boxes::check(&step.stage, now)?;
    let places = each_once(&places);
    let from_last = local.out_index.unsigned_abs() as usize;
    let (network, params) = (model.network.as_ref(), &model.params);
    let show = Show { around: &bench.project.around, pictures: bench.pictures()?, cancel: bench.cancel };
    let eyes = Eyes { network, params, sight: &model.sight };
    let pack = learnt(&show, &eyes, local, &places)?;
    let (mut kept, mut found) = Kept::open(&work, bench.project.around.clock.as_ref(), &places, pack.empty());
    let (begun, total) = (found.len(), places.len());
    if begun > 0 {
        let text = format!("{} goes on after {begun} of {total} photos", step.label());
        (bench.tell)(Event::Note { text });
    }
    let progress = bench.progress("patches", &step.stage.part);
    progress.at("patches", begun as u64, total as u64, "photos");
    let rest = show.walk(&eyes, (places, begun), from_last, &mut |photos, _, maps| {
        let patches = pack.patches(photos, &maps)?;
        found.append(patches.clone())?;
        progress.at("patches", found.len() as u64, total as u64, "photos");
        kept.add(patches)
    });
    if rest.as_ref().is_err_and(SessionError::is_cancelled) {
        kept.write()?;
    }
    rest?;
    let write = move |folder: &Path| Ok(found.save(&folder.join(FILE))?);
    Ok(Made { hold: Some(work), ..Made::new(write) })
}

/// The projection, from photos that are spread evenly. Learnt anew by an attempt that goes on: it is the same.
fn learnt(show: &Show<'_>, eyes: &Eyes<'_>, local: Local, places: &[u32]) -> Result<Pack, SessionError> {
    let count = places.len().min(SAMPLE);
    let some: Vec<u32> = (0..count).map(|i| places[i * places.len() / count]).collect();
    let (mut sides, mut all) = ([0; 2], Vec::new());
    show.walk(eyes, (some.clone(), 0), local.out_index.unsigned_abs() as usize, &mut |_, map, maps| {
        sides = map;
        all.extend(maps);
        Ok(())
    })?;
    Ok(Pack::fit(sides, local, &some, &all, show.cancel)?)
}

/// The patches of pictures that no stage keeps, as steps read them; none where no step asks for it. The projection is fitted on the same
/// photos.
///
/// # Errors
/// When a picture cannot be decoded, or on a stop.
pub(in crate::session) fn seen(
    recipe: &Recipe,
    around: &Surroundings,
    pictures: Arc<Pictures>,
    eyes: &Eyes<'_>,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Vec<Arc<Patches>>, SessionError> {
    let Some((_, local)) = asked(recipe) else { return Ok(Vec::new()) };
    let places: Vec<u32> = (0..pictures.len() as u32).collect();
    let (show, total) = (Show { around, pictures, cancel }, places.len());
    let pack = learnt(&show, eyes, local, &places)?;
    let mut found = pack.empty();
    show.walk(eyes, (places, 0), local.out_index.unsigned_abs() as usize, &mut |photos, _, maps| {
        found.append(pack.patches(photos, &maps)?)?;
        progress.at("patches", found.len() as u64, total as u64, "photos");
        Ok(())
    })?;
    Ok(vec![Arc::new(found)])
}

/// Gets each batch's photos, rows and columns of their maps, and the maps, `[photos, rows · columns, channels]`.
type Hear<'a> = &'a mut dyn FnMut(&[u32], [usize; 2], Vec<f32>) -> Result<(), SessionError>;

/// What photos are shown with.
struct Show<'a> {
    around: &'a Surroundings,
    pictures: Arc<Pictures>,
    cancel: &'a Cancel,
}

impl Show<'_> {
    /// Shows photos to a network, from the place `from` on, which begins a batch or is the end.
    fn walk(
        &self,
        eyes: &Eyes<'_>,
        (places, from): (Vec<u32>, usize),
        from_last: usize,
        hear: Hear<'_>,
    ) -> Result<(), SessionError> {
        let pipeline = Arc::new(eyes.sight.evaluation.clone());
        let ahead = Ahead { threads: self.around.threads, ..Ahead::default() };
        let (pictures, first) = (self.pictures.clone(), from.div_ceil(BATCH));
        let walk = Epoch::given(places, BATCH);
        let loader = Loader::start(walk, first, pictures, pipeline, eyes.sight.normalization, ahead, self.cancel)?;
        let mut tape = Tape::eval().at(&self.around.processor);
        for batch in loader {
            self.cancel.check()?;
            let batch = batch?;
            let photos = batch.photos.clone();
            let images = batch.tensor(&Device::Cpu).map_err(OpsError::from)?;
            let map = eyes.network.map(eyes.params, &mut tape, &images, from_last)?; // [b, rows, columns, c]
            let (_, rows, columns, _) = map.dims4().map_err(OpsError::from)?;
            let maps: Vec<f32> = map.flatten_all().and_then(|flat| flat.to_vec1()).map_err(OpsError::from)?;
            hear(&photos, [rows, columns], maps)?;
        }
        Ok(())
    }
}
