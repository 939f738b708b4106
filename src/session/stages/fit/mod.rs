//! Training on one fold: `[backbone]`, `[loss]`, `[train]` and `[augment] train` become weights.
//!
//! The full training has one key; a rung that ends early makes a prefix of it, under a key that is
//! derived from it, and the next rung goes on from there. How often it is evaluated, and what is
//! computed again to save memory, changes no weight and is in no key.
//!
//! A training in parts (`stages`, a constant rate and its cooldown) is a row of such stages: each has the one before among
//! its inputs and knows nothing of later ones, so that these can change without it.
//!
//! - [`mod@model`]: the network that it begins with;
//! - [`batches`]: its training photos, augmented, in batches; [`curve`]: what it tells while it runs;
//! - [`best`]: the weights of the best epoch;
//! - [`looks`]: what its evaluations gave, query by query;
//! - [`symptoms`]: silent mistakes that only show while it trains.

mod batches;
pub mod best;
mod curve;
pub mod looks;
mod model;
pub mod symptoms;

use std::cell::RefCell;
use std::path::Path;

use super::{Bench, Made, SYMPTOMS, damaged, embed, pseudo, reduce};
use crate::base::{Key, KeyWriter, Seed, Value, files};
use crate::dag::{Event, Stage, Step};
use crate::data;
use crate::data::augment::At;
use crate::data::augment::pipeline::epochs;
use crate::learn::loss;
use crate::learn::train::{self, Batches, Before, Checkpoint, Evaluate, FitEvent, Part, Surroundings, TrainError};
use crate::session::brew::graph::decode;
use crate::session::project::boxes;
use crate::session::{Project, Recipe, SessionError, Slot};
use batches::{Few, FoldBatches};
use best::Best;
pub(super) use curve::recall;
use curve::{Teller, tell_curve, tell_steps};
pub(super) use model::{Model, Purpose, model, tell_notes};
use symptoms::Symptoms;

/// Save within an epoch after so many seconds.
const SAVE_SECONDS: f64 = 120.0;
/// The untrained network's score, beside the checkpoint of unfinished work.
const UNTRAINED: &str = "untrained";

/// The stage of one part of a fold's training, cut after `until` epochs in all; `before` is the artefact of the part before it, `whole`
/// how many epochs all parts have.
/// `photos` is the content of what it trains on, so that a photo of the gallery that comes or goes trains nothing again, and `boxes` that
/// of their boxes, where `[augment] train` reads any.
///
/// # Errors
/// When the file of weights cannot be read.
pub fn stage(
    project: &Project,
    recipe: &Recipe,
    slot: Slot,
    (photos, boxes): (Key, Option<Key>),
    part: &Part,
    (until, whole): (usize, usize),
    before: Option<Key>,
) -> Result<Stage, SessionError> {
    let settings = recipe.settings();
    let version = train::VERSION * 100 + data::augment::VERSION;
    let mut stage = Stage::new("fit", version).part(label(slot, part));
    if let Some(table) = settings.get("loss") {
        stage = stage.setting("loss", loss::for_key(table));
    }
    stage = stage.setting("train", part.table.clone());
    stage.tables.extend(["loss", "train"].map(str::to_owned));
    let mut stage = begin(stage, project, recipe, slot)?.input("photos", photos);
    if let Some(key) = boxes {
        stage = stage.input(boxes::INPUT, key);
    }
    if let Some(before) = before {
        stage = stage.input("fit", before);
    }
    let (at, length) = ((until - part.first) as u32, (part.end - part.first) as u32);
    stage = if part.open { stage.open("epoch", at, length) } else { stage.cut("epoch", at, length) };
    stage.tables.push("augment".to_owned());
    if let Some(list) = settings.get("augment.train") {
        stage = stage.setting("augment.train", epochs::for_key(list, part.first..part.end, whole));
    }
    reduce::read_by(stage, recipe)
}

/// "fold 0", "fold 0 stage 1 of 2".
fn label(slot: Slot, this: &Part) -> String {
    if this.name.is_empty() { slot.to_string() } else { format!("{slot} {}", this.name) }
}

/// Adds to a stage what a fold's network is before its first step: `[backbone]`, the weights it names, and the
/// draws of what they leave out.
///
/// # Errors
/// When the file of weights cannot be read.
pub(super) fn begin(stage: Stage, project: &Project, recipe: &Recipe, slot: Slot) -> Result<Stage, SessionError> {
    let mut stage = stage
        .table(recipe.settings(), "backbone")
        .setting("recipe.seed", Value::Int(recipe.seed_number().wrapping_add(slot.seed) as i64))
        .setting("fold", Value::Int(slot.fold as i64));
    stage.tables.push("recipe".to_owned());
    if let Some(weights) = project.weights(&decode(recipe, "backbone")?)? {
        // The content counts, not its name or place.
        stage = stage.setting("backbone.weights", Value::Text("file".to_owned())).input("weights", weights.key);
    }
    Ok(stage)
}

/// The root of a fold's draws.
fn seed(recipe: &Recipe, slot: Slot) -> Seed {
    Seed::new(recipe.seed_number().wrapping_add(slot.seed)).named("fit").at(slot.fold as u64)
}

/// What a training is examined with on its way.
struct Exam {
    /// By which looks are paired.
    stamp: String,
    /// Who is looked up.
    asked: data::folds::Asked,
    /// The best epoch so far.
    best: Best,
}

pub(super) fn make<'a>(
    bench: &'a Bench<'a>,
    slot: Slot,
    number: usize,
    until: usize,
    step: &Step,
) -> Result<Made<'a>, SessionError> {
    let now = &bench.graph.parts[number];
    let (settings, before) = (&now.settings, bench.graph.before(slot, number));
    let work = bench.work(step)?;
    let checkpoint = work.folder().join(train::CHECKPOINT);
    // A lower rung's end is this one's beginning, and so is the end of the part before it.
    let end = before.map(Stage::artefact);
    let rung = step.resume.and_then(|resume| resume.key);
    if let Some(key) = rung.or(end.filter(|_| !checkpoint.is_file())) {
        let from = bench.project.store.folder("fit", &key)?.join(train::CHECKPOINT);
        files::publish(&checkpoint, &files::read(&from)?)?;
    }
    if let Some(key) = rung.or(end) {
        let from = bench.project.store.folder("fit", &key)?;
        looks::carry(&from, work.folder(), now.end)?;
        best::carry(&from, work.folder())?;
    }
    let this = bench.graph.fold(slot);
    let Model { network, mut params, sight, notes } = model(bench, slot, Purpose::Artefact)?;
    tell_notes(bench, notes);
    let mut batches = FoldBatches::new(bench, this, slot, now, sight.normalization)?;
    let seen = pseudo::seen(bench.graph, bench.recipe, bench.photos, slot)?;
    boxes::check(&step.stage, bench.photos.boxes_key(bench.project, &batches.pipeline(At::FIRST)?, &seen)?)?;
    for text in batches.boxes.iter().flat_map(|boxes| &boxes.notes) {
        (bench.tell)(Event::Note { text: text.clone() });
    }
    let loss = loss::build(
        bench.recipe.settings().get("loss").unwrap_or(&Value::table()),
        network.embedding(),
        batches.counts(),
    )?;
    let (name, label) = (slot.to_string(), label(slot, now));
    let grows_until = bench.recipe.settings().get("loss").and_then(loss::margin_grows_until).unwrap_or(0.0);
    let symptoms = RefCell::new(Symptoms::new(settings, grows_until, None));
    let warn = |found: Vec<String>| bench.warn(&label, found);
    let so_far = if checkpoint.is_file() { Some(Checkpoint::open(&checkpoint)?.place().clone()) } else { None };
    let history = so_far.as_ref().map_or(&[][..], |place| &place.history);
    // What learns from everything is examined by nobody.
    let mut exam = match slot.is_all_data() {
        true => None,
        false => Some(Exam {
            stamp: looks::stamp(bench.graph, slot)?,
            asked: looks::asked(bench, slot),
            best: {
                let chosen = best::chosen(bench.project, bench.graph, slot)?;
                Best::of(work.folder(), chosen, step.stage.key(), history)
            },
        }),
    };
    let mut examine = |now: &Evaluate<'_>| -> Result<Option<f64>, train::OtherError> {
        let Some(Exam { stamp, asked, best }) = &mut exam else { return Ok(None) };
        let eyes = embed::Eyes { network: now.network, params: now.params, sight: &sight };
        let found = embed::of_photos(bench, &asked.photos(), &eyes, (&label, "fit"))?;
        warn(symptoms.borrow_mut().look(now.epoch, &found));
        let ranking = super::rank::search(bench, asked, &found, (&label, "fit"))?;
        let score = super::score::of_fold(bench, &ranking, &asked.gallery)?;
        if now.epoch > 0 {
            looks::save(work.folder(), stamp, now.epoch, &score)?;
        }
        best.see(now, score.value)?;
        Ok(Some(score.value))
    };
    let untrained = match step.resume {
        None if !checkpoint.is_file() => {
            // What the curve is to be compared with: a network that has learnt nothing.
            let now = Evaluate { network: network.as_ref(), params: &params, epoch: 0, last: false };
            let value = examine(&now).map_err(|source| match source.downcast::<SessionError>() {
                Ok(own) => *own,
                Err(other) => SessionError::Unfit(other.to_string()),
            })?;
            if let Some(value) = value {
                files::publish(&work.folder().join(UNTRAINED), value.to_string().as_bytes())?;
            }
            value
        }
        _ => untrained(bench, &work.folder().join(UNTRAINED), rung.or(end))?,
    };
    *symptoms.borrow_mut() = Symptoms::new(settings, grows_until, untrained);
    let (per_epoch, each) = train::updates_per_epoch(batches.steps(), settings.accumulate);
    let begun = so_far.as_ref().map_or(0.0, |at| at.epoch as f64 + at.batch as f64 / (per_epoch * each) as f64);
    tell_steps(bench, &name, batches.count_photos());
    tell_curve(bench, &name, untrained, history, now.first, begun);
    let (pictures, learnt) = (bench.pictures()?, batches.sorted_photos());
    let mut teller = Teller::new(bench, &name, &label, per_epoch);
    let mut observe = |event: &FitEvent| {
        teller.tell(event);
        warn(symptoms.borrow_mut().hear(event));
        if let (FitEvent::Score { epoch, .. }, Some(hear)) = (event, bench.judge) {
            hear(slot, *epoch);
        }
        if let FitEvent::Epoch { .. } = event {
            warn(symptoms.borrow_mut().see(&damaged(bench.photos, &pictures, &learnt), learnt.len()));
        }
        if let FitEvent::Saved { epoch, batch: 0 } = event {
            // Only a hint for plans; the checkpoint itself is what counts.
            let _ = work.reach(epoch.saturating_sub(now.first) as u32, None);
        }
    };
    let task = train::Task {
        network: network.as_ref(),
        loss: loss.as_ref(),
        settings,
        seed: seed(bench.recipe, slot),
        first: now.origin,
        until_epoch: until,
        key: step.stage.key(),
        before: before.zip(now.passage).map(|(stage, passage)| Before { key: stage.key(), epochs: now.first, passage }),
    };
    let mut around = Surroundings {
        processor: bench.project.around.processor.clone(),
        folder: work.folder(),
        evaluate: &mut examine,
        observe: &mut observe,
        clock: bench.project.around.clock.as_ref(),
        cancel: bench.cancel,
        save_seconds: SAVE_SECONDS,
    };
    let fitted =
        train::fit(&task, &mut params, &mut batches, &mut around).map_err(|error| name_photos(bench, error))?;
    let complete = fitted.epochs >= now.end && !now.open;
    let facts = Value::of(&serde_json::json!({
        "epochs": fitted.epochs,
        "parameters": params.count(),
        "photos": batches.count_photos(),
        "labels": batches.count_labels(),
        "untrained": untrained,
        SYMPTOMS: symptoms.borrow().told(),
    }));
    let from = work.folder().to_owned();
    let write = move |folder: &Path| {
        let to = folder.join(train::CHECKPOINT);
        looks::carry(&from, folder, until)?;
        best::carry(&from, folder)?;
        if complete {
            // Nobody goes on from here: the optimiser's memory would be two thirds of the file.
            let place = Checkpoint::open(&fitted.path)?.place().clone();
            train::checkpoint::save(&to, &params, None, &place)?;
        } else {
            files::publish(&to, &files::read(&fitted.path)?)?;
        }
        Ok(())
    };
    Ok(Made { facts, write: Box::new(write), hold: Some(work) })
}

/// A loss that is no number, with the batch's photos by their files.
fn name_photos(bench: &Bench<'_>, error: TrainError) -> SessionError {
    match &error {
        TrainError::NotFinite { photos, .. } => {
            let all = &bench.photos.manifest.photos;
            let files =
                photos.iter().filter_map(|&i| all.get(i as usize)).map(|photo| photo.path.display().to_string());
            SessionError::Unfit(format!("{error}; the batch's photos: {}", files.collect::<Vec<_>>().join(", ")))
        }
        _ => error.into(),
    }
}

/// The untrained network's score as it was found when the training began, here or in the artefact that it goes on from.
fn untrained(bench: &Bench<'_>, file: &Path, from: Option<Key>) -> Result<Option<f64>, SessionError> {
    if let Some(key) = from {
        let meta = bench.project.store.meta("fit", &key)?;
        return Ok(meta.and_then(|meta| meta.facts.get("untrained").and_then(Value::as_f64)));
    }
    Ok(files::read_text(file).ok().and_then(|text| text.trim().parse().ok()))
}

/// Trains three batches that are thrown away: seconds of one batch, and its work in the measure of the graph.
pub(crate) fn tried(bench: &Bench<'_>, slot: Slot) -> Result<(f64, f64), SessionError> {
    let Some(now) = bench.graph.parts.first() else { return Err(SessionError::Unfit("nothing is trained".to_owned())) };
    let Model { network, mut params, sight, .. } = model(bench, slot, Purpose::Trial)?;
    let mut batches = Few(FoldBatches::new(bench, bench.graph.fold(slot), slot, now, sight.normalization)?);
    let table = bench.recipe.settings().get("loss").cloned().unwrap_or_else(Value::table);
    let loss = loss::build(&table, network.embedding(), batches.0.counts())?;
    let key = KeyWriter::new("stopwatch").number(u64::from(bench.project.around.pid)).finish();
    let work =
        bench.project.store.work(&key)?.ok_or_else(|| SessionError::Held("a trial of a few batches".to_owned()))?;
    let mut steps = Vec::new();
    let mut observe = |event: &FitEvent| {
        if let FitEvent::Step(step) = event {
            steps.push((step.seconds, step.images as f64));
        }
    };
    let mut no_score = |_: &Evaluate<'_>| -> Result<Option<f64>, train::OtherError> { Ok(None) };
    let task = train::Task {
        network: network.as_ref(),
        loss: loss.as_ref(),
        settings: &now.settings,
        seed: seed(bench.recipe, slot),
        first: 0,
        until_epoch: 1,
        key,
        before: None,
    };
    let mut around = Surroundings {
        processor: bench.project.around.processor.clone(),
        folder: work.folder(),
        evaluate: &mut no_score,
        observe: &mut observe,
        clock: bench.project.around.clock.as_ref(),
        cancel: bench.cancel,
        save_seconds: f64::INFINITY,
    };
    let done = train::fit(&task, &mut params, &mut batches, &mut around);
    work.discard()?;
    done?;
    // The first batch waits for the first pictures; where there is only one it has to do.
    let later = if steps.len() > 1 { &steps[1..] } else { &steps[..] };
    let (seconds, images) = later.iter().fold((0.0, 0.0), |sum, step| (sum.0 + step.0, sum.1 + step.1));
    let cost = match now.size {
        Some([height, width]) => bench.project.cost_at(bench.recipe, height.max(width)),
        None => bench.project.cost(bench.recipe).map(|(cost, _)| cost),
    };
    Ok((seconds, images * cost.map_or(1.0, |cost| cost.multiply_adds as f64 / 1e9)))
}
