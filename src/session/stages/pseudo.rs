//! What a training is sure of among the host's photos, for the next one to learn.
//!
//! Takes a training's labelled photos and the host's as its network sees them; gives the photos that get a label by `[pseudo_labels]`. They
//! are learnt like any labelled photo. No photo that examines the training may be among them: neither the photo itself nor another file
//! with its bytes, and what was written is checked again when it is read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Bench, Made, SYMPTOMS, Task, embed};
use crate::base::{Key, Value, files};
use crate::dag::{Event, Stage};
use crate::data::Role;
use crate::retrieve::pseudo::{self, From, Guess, PseudoLabels};
use crate::retrieve::{Embeddings, index};
use crate::session::{Graph, Photos, Recipe, Rung, SessionError, Slot};

/// The input of a training that learns from them.
pub const INPUT: &str = "pseudo-labels";

/// The artefact's file.
const FILE: &str = "pseudo-labels.json";

/// The least part of the photos that a round should label.
const FEW: usize = 10;

/// `[pseudo_labels]`, where the recipe has it.
///
/// # Errors
/// When it does not fit, which the declared table should have caught.
pub(in crate::session) fn settings(recipe: &Recipe) -> Result<Option<PseudoLabels>, SessionError> {
    Ok(recipe.settings().get("pseudo_labels").map(PseudoLabels::of).transpose()?)
}

/// How many trainings come after a fold's first one: none where the rung ends early, so that it begins what the next rung goes on with.
///
/// # Errors
/// As [`settings`].
pub(in crate::session) fn rounds(recipe: &Recipe, rung: &Rung, epochs: usize) -> Result<usize, SessionError> {
    let whole = rung.epochs(epochs) == epochs && rung.images.is_none() && epochs > 0;
    Ok(settings(recipe)?.filter(|_| whole).map_or(0, |own| own.thresholds.len()))
}

/// The training before this one.
pub(in crate::session) fn before(slot: Slot) -> Slot {
    Slot { ahead: slot.ahead + 1, ..slot }
}

/// The least similarity of the labels that the training `slot` learns. Counted from the last: the first labels are judged by the first.
fn threshold(own: &PseudoLabels, slot: Slot) -> f64 {
    let at = own.thresholds.len().checked_sub(slot.ahead + 1);
    // There are as many rounds as thresholds.
    at.and_then(|at| own.thresholds.get(at)).copied().unwrap_or(1.0)
}

/// The stage of the labels that the training `slot` learns, from what the one before it sees of labelled and host's photos.
pub(in crate::session) fn stage(own: &PseudoLabels, slot: Slot, labelled: Key, host: Key) -> Stage {
    let from = match own.from {
        From::Both => "both",
        From::Query => "query",
        From::Gallery => "gallery",
    };
    let mut stage = Stage::new("pseudo-labels", pseudo::VERSION * 100 + index::VERSION)
        .part(slot.to_string())
        .setting("pseudo_labels.threshold", Value::Float(threshold(own, slot)))
        .setting("pseudo_labels.from", Value::Text(from.to_owned()))
        .setting("pseudo_labels.k", Value::Int(own.k as i64))
        .setting("pseudo_labels.margin", Value::Float(own.margin))
        .input("training photos", labelled)
        .input("host", host);
    stage.tables.push("pseudo_labels".to_owned());
    stage
}

/// The host's photos that may be labelled, as places in the manifest.
pub(in crate::session) fn candidates(photos: &Photos, from: From) -> Vec<u32> {
    let wanted = |role: Role| match from {
        From::Both => matches!(role, Role::Query | Role::Gallery | Role::Both),
        From::Query => matches!(role, Role::Query | Role::Both),
        From::Gallery => matches!(role, Role::Gallery | Role::Both),
    };
    let all = photos.manifest.photos.iter().zip(0..);
    all.filter(|(photo, _)| wanted(photo.role) && photo.label.is_none()).map(|(_, place)| place).collect()
}

/// All photos that a training may learn from: its fold's, and behind a round of pseudo-labels those that may have got one.
///
/// # Errors
/// As [`settings`].
pub(in crate::session) fn seen(
    graph: &Graph,
    recipe: &Recipe,
    photos: &Photos,
    slot: Slot,
) -> Result<Vec<u32>, SessionError> {
    let mut all = graph.fold(slot).train.clone();
    if let (Some(own), Some(_)) = (settings(recipe)?, graph.place(Task::PseudoLabels { slot })) {
        all.extend(candidates(photos, own.from));
    }
    Ok(all)
}

/// A labelled photo as it is written, for people too.
#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    guess: Guess,
    id: String,
    name: String,
}

pub(super) fn make<'a>(bench: &'a Bench<'a>, slot: Slot) -> Result<Made<'a>, SessionError> {
    let fault = || SessionError::Unfit("a recipe without [pseudo_labels]; this is a fault of Toji".to_owned());
    let own = settings(bench.recipe)?.ok_or_else(fault)?;
    let threshold = threshold(&own, slot);
    let earlier = before(slot);
    let known = super::post::labelled(bench, Task::EmbedTrain { slot: earlier })?.ok_or_else(fault)?;
    let host = Embeddings::load(&bench.folder(Task::EmbedHost { slot: earlier })?.join(embed::FILE))?;
    let all = candidates(bench.photos, own.from);
    let examined = examined(bench, slot);
    let (examining, asked): (Vec<u32>, Vec<u32>) = all.iter().partition(|&&photo| examined.has(bench, photo));
    let name = slot.to_string();
    let progress = bench.progress("pseudo-labels", &name);
    let found =
        pseudo::guesses(&host.subset(&asked)?, &known, (own.k, threshold, own.margin), &progress, bench.cancel)?;
    let labels: BTreeSet<u32> = found.iter().map(|guess| guess.label).collect();
    let text = format!(
        "pseudo-labels {name}: {} of {} photos of the host are as alike as {threshold} to a label, {} labels in all",
        found.len(),
        all.len(),
        labels.len()
    );
    (bench.tell)(Event::Note { text });
    let mut warnings = Vec::new();
    if found.len() * FEW < all.len() {
        warnings.push(format!(
            "{} of {} photos were labelled; a lower threshold labels more, [pseudo_labels] thresholds",
            found.len(),
            all.len()
        ));
    }
    if !examining.is_empty() {
        warnings.push(format!(
            "{} photos of the host examine this training (the same photo, or the same bytes) and were left out",
            examining.len()
        ));
    }
    bench.warn(&format!("pseudo-labels {name}"), warnings.clone());
    let manifest = &bench.photos.manifest;
    let line = |guess: &Guess| Line {
        guess: *guess,
        id: manifest.photos[guess.photo as usize].id.clone(),
        name: manifest.labels.get(guess.label as usize).cloned().unwrap_or_default(),
    };
    let lines: Vec<Line> = found.iter().map(line).collect();
    let facts = Value::of(&serde_json::json!({ "photos": found.len(), "of": all.len(), SYMPTOMS: warnings }));
    let text = serde_json::to_vec(&lines).map_err(|error| SessionError::Unfit(format!("{FILE}: {error}")))?;
    let write = move |folder: &Path| Ok(files::publish(&folder.join(FILE), &text)?);
    Ok(Made { facts, write: Box::new(write), hold: None })
}

/// Who examines a training: photos, and the bytes of their files.
struct Examined {
    photos: BTreeSet<u32>,
    contents: BTreeSet<Key>,
}

fn examined(bench: &Bench<'_>, slot: Slot) -> Examined {
    let fold = bench.graph.fold(slot);
    let photos: BTreeSet<u32> = fold.query.iter().chain(&fold.gallery).copied().collect();
    let contents = photos.iter().map(|&photo| bench.photos.manifest.photos[photo as usize].content).collect();
    Examined { photos, contents }
}

impl Examined {
    fn has(&self, bench: &Bench<'_>, photo: u32) -> bool {
        let content = bench.photos.manifest.photos.get(photo as usize).map(|photo| photo.content);
        self.photos.contains(&photo) || content.is_some_and(|content| self.contents.contains(&content))
    }
}

/// A photo that a training learns besides: its place, label and coarse label.
pub(super) type Added = (u32, u32, Option<u32>);

/// What a training learns besides its fold's photos, by their places; nothing where it is the first of its fold, or only tried.
///
/// # Errors
/// When the artefact cannot be read, or names a photo that examines the training or a label that nobody has.
pub(super) fn added(bench: &Bench<'_>, slot: Slot) -> Result<Vec<Added>, SessionError> {
    if bench.trial || bench.graph.place(Task::PseudoLabels { slot }).is_none() {
        return Ok(Vec::new());
    }
    let file = bench.folder(Task::PseudoLabels { slot })?.join(FILE);
    let refuse =
        |why: String| SessionError::Unfit(format!("{}: {why}; remove its folder and run again", file.display()));
    let lines: Vec<Line> = serde_json::from_slice(&files::read(&file)?).map_err(|error| refuse(error.to_string()))?;
    let examined = examined(bench, slot);
    let photos = &bench.photos.manifest.photos;
    let mut coarse: BTreeMap<u32, Option<u32>> = BTreeMap::new();
    for &place in &bench.graph.fold(slot).train {
        let photo = &photos[place as usize];
        photo.label.into_iter().for_each(|label| {
            coarse.entry(label).or_insert(photo.coarse);
        });
    }
    let mut added = Vec::with_capacity(lines.len());
    for Line { guess: Guess { photo, label, .. }, id, .. } in lines {
        if examined.has(bench, photo) {
            return Err(refuse(format!("{id} examines {slot} and must not be learnt by it")));
        }
        match (photos.get(photo as usize).is_some_and(|own| own.id == id), coarse.get(&label)) {
            (true, Some(coarse)) => added.push((photo, label, *coarse)),
            _ => return Err(refuse(format!("{id} or its label is not among the photos"))),
        }
    }
    Ok(added)
}
