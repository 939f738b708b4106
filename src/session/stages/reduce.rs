//! Reduced pictures, where `[augment] cache` asks for them: one pack for all folds and recipes with its two numbers.
//!
//! Training and embedding have the two numbers in their keys instead of the pack's key, since a reduced picture depends
//! on its own photo and on them alone: a photo that comes or goes makes a new pack and trains nothing again.

use std::path::Path;

use super::fit::symptoms;
use super::{Bench, Made, SYMPTOMS};
use crate::base::files::{FileError, disk};
use crate::base::{Key, KeyWriter, Value};
use crate::dag::{Stage, Step};
use crate::data::augment;
use crate::data::batch::Reduction;
use crate::data::batch::pack::{self, INDEX, PICTURES};
use crate::session::{Photos, Recipe, SessionError};

/// Raised when equal settings give other bytes, together with [`augment::VERSION`], which the readers' keys have.
pub const VERSION: u32 = 1;

/// The dotted name of the key.
const CACHE: &str = "augment.cache";
/// Photos that a trial reduces.
const TRIED: usize = 24;

/// What a recipe asks for.
///
/// # Errors
/// When it does not fit, which the declared table should have caught.
pub fn reduction(recipe: &Recipe) -> Result<Option<Reduction>, SessionError> {
    Ok(recipe.settings().get(CACHE).map(Value::decode).transpose()?)
}

/// Adds the two numbers to the settings of a stage that reads pictures.
///
/// # Errors
/// As [`reduction`].
pub(super) fn read_by(stage: Stage, recipe: &Recipe) -> Result<Stage, SessionError> {
    let Some(reduction) = reduction(recipe)? else { return Ok(stage) };
    let number = |n: u32| Value::Int(i64::from(n));
    Ok(stage
        .setting("augment.cache.max_resolution", number(reduction.max_resolution))
        .setting("augment.cache.jpeg_quality", number(reduction.jpeg_quality)))
}

/// The stage, where the recipe has a cache.
///
/// # Errors
/// As [`reduction`].
pub fn stage(recipe: &Recipe, photos: &Photos) -> Result<Option<Stage>, SessionError> {
    if reduction(recipe)?.is_none() {
        return Ok(None);
    }
    let mut contents: Vec<&Key> = photos.manifest.photos.iter().map(|photo| &photo.content).collect();
    contents.sort_unstable();
    contents.dedup();
    let mut key = KeyWriter::new("contents 1");
    for content in contents {
        key.key(content);
    }
    let mut stage = Stage::new("reduce", VERSION * 100 + augment::VERSION).input("photos", key.finish());
    stage.tables.push("augment".to_owned());
    Ok(Some(read_by(stage, recipe)?))
}

/// Contents, files and parts that count, sorted, each content once.
fn sources(bench: &Bench<'_>) -> Vec<pack::Source> {
    let photos = bench.photos.manifest.photos.iter();
    let mut all: Vec<_> =
        photos.map(|photo| (photo.content, bench.project.root.join(&photo.path), photo.part())).collect();
    all.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    all.dedup_by_key(|photo| photo.0);
    all
}

pub(super) fn make<'a>(bench: &'a Bench<'a>, step: &Step) -> Result<Made<'a>, SessionError> {
    let Some(reduction) = reduction(bench.recipe)? else {
        return Err(SessionError::Unfit("the recipe has no [augment] cache; this is a fault of Toji".to_owned()));
    };
    let work = bench.project.store.work(&step.key)?.ok_or_else(|| SessionError::Held(step.label()))?;
    if !step.replace && bench.project.store.has("reduce", &step.key) {
        return Err(SessionError::Held(step.label()));
    }
    let (photos, limits) = (sources(bench), bench.project.competition.data.limits);
    let progress = bench.progress("reduce", &step.stage.part);
    let damaged = pack::write(work.folder(), &photos, &reduction, &limits, &progress, bench.cancel)?;
    let file = |content: &Key| bench.photos.manifest.photos.iter().find(|photo| photo.content == *content);
    let files: Vec<&Path> = damaged.iter().filter_map(file).map(|photo| photo.path.as_path()).collect();
    let warning = symptoms::damaged(&files, photos.len());
    bench.warn("reduce", warning.clone());
    let facts = Value::of(&serde_json::json!({ "photos": photos.len(), SYMPTOMS: warning.as_slice() }));
    let from = work.folder().to_owned();
    let write = move |folder: &Path| {
        for name in [PICTURES, INDEX] {
            let file = from.join(name);
            // Both folders are in the store, so nothing is copied.
            disk::rename(&file, &folder.join(name)).map_err(FileError::at("cannot move", &file))?;
        }
        Ok(())
    };
    Ok(Made { facts, write: Box::new(write), hold: Some(work) })
}

/// Reduces a few photos and keeps nothing: seconds, photos, and bytes.
pub(crate) fn tried(bench: &Bench<'_>) -> Result<(f64, f64, u64), SessionError> {
    let (Some(reduction), all) = (reduction(bench.recipe)?, sources(bench)) else { return Ok((0.0, 0.0, 0)) };
    let few: Vec<_> = all.iter().step_by(all.len().div_ceil(TRIED).max(1)).cloned().collect();
    let key = KeyWriter::new("stopwatch of reduce").number(u64::from(bench.project.around.pid)).finish();
    let work =
        bench.project.store.work(&key)?.ok_or_else(|| SessionError::Held("a trial of a few pictures".to_owned()))?;
    let (clock, limits) = (bench.project.around.clock.as_ref(), bench.project.competition.data.limits);
    let began = clock.now();
    let done = pack::write(work.folder(), &few, &reduction, &limits, &crate::base::progress::Silent, bench.cancel);
    let seconds = clock.now().since(began);
    let bytes = std::fs::metadata(work.folder().join(PICTURES)).map_or(0, |file| file.len());
    work.discard()?;
    done?;
    Ok((seconds, few.len() as f64, bytes))
}
