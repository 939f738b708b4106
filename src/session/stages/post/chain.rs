//! The steps of `[post]` as stages, one after the other: each reads what the one before it made.
//!
//! Takes a recipe's steps and one training's embeddings; gives a stage a step, keyed by the step and all before it, so that a changed step
//! runs from there on. A step that changes embeddings keeps both sides (and the labelled photos, where a later step goes by them); one that
//! ranks keeps lists with their whole scores, and reads the embeddings of the last step that changed them.

use std::path::Path;

use super::near;
use super::{ABSENT, GALLERY, LABELLED, LISTS, QUERIES};
use crate::base::{Key, Value, files};
use crate::dag::{Event, Stage};
use crate::retrieve::post::{self, Step};
use crate::retrieve::rerank::{self, Chained, Lists, Needs, NotInGallery};
use crate::retrieve::{Embeddings, RetrieveError, Sides};
use crate::session::stages::{Bench, Made, Task, Whose, embed};
use crate::session::{Recipe, SessionError, Slot};

/// What a chain's label-aware steps go by.
#[derive(Clone, Copy, Debug)]
pub(in crate::session) struct Labels {
    /// The embeddings of the training photos.
    pub embedded: Key,
    /// Which photos these are, and their labels.
    pub photos: Key,
}

/// One training's chain.
pub(in crate::session) struct Chain {
    /// Of which training.
    pub slot: Slot,
    /// The steps.
    pub steps: Vec<Step>,
    /// Their parameters as the recipe's settings have them.
    pub written: Vec<Value>,
    /// The embeddings of its queries and gallery.
    pub embed: Key,
    /// What label-aware steps go by.
    pub labelled: Option<Labels>,
    /// Its test-time views but the plain one, for `tta`.
    pub views: Vec<Key>,
    /// Its local descriptors, for steps that compare places.
    pub patches: Option<Key>,
    /// Its training, for steps that go by the head.
    pub fit: Option<Key>,
    /// The least length of lists.
    pub k: usize,
    /// Queries, gallery and labelled photos.
    pub sizes: (f64, f64, f64),
}

/// How far a chain has come.
#[derive(Clone, Copy, Debug)]
pub(in crate::session) struct Reached {
    /// The embeddings.
    pub embeddings: Key,
    /// The lists, once a step has ranked.
    pub lists: Option<Key>,
}

/// The parameters of the recipe's steps as its settings have them.
pub(in crate::session) fn written(recipe: &Recipe) -> Vec<Value> {
    let Some(Value::List(steps)) = recipe.settings().get("post.steps") else { return Vec::new() };
    let mut steps = steps.clone();
    for step in &mut steps {
        if let Value::Table(entries) = step {
            entries.remove("op");
        }
    }
    steps
}

impl Chain {
    /// Whether labelled photos are kept behind step `i`, since a later one goes by them.
    fn carries(&self, i: usize) -> bool {
        self.steps[i + 1..].iter().any(Step::needs_labelled)
    }

    /// "fold 0 pca"; a step that stands there for the second time is "fold 0 aqe 2".
    fn part(&self, i: usize) -> String {
        let name = self.steps[i].name();
        match self.steps[..i].iter().filter(|step| step.name() == name).count() {
            0 => format!("{} {name}", self.slot),
            before => format!("{} {name} {}", self.slot, before + 1),
        }
    }

    /// The stage of step `i`; `searched` are the searches that ranking steps read.
    pub fn stage(&self, i: usize, reached: Reached, searched: &[(near::Among, Key)]) -> Stage {
        let (step, written) = (&self.steps[i], self.written.get(i).cloned().unwrap_or_else(Value::table));
        let version = if step.ranks() { post::VERSION * 100 + rerank::VERSION } else { post::VERSION };
        let mut stage = Stage::new("post", version)
            .part(self.part(i))
            .setting(&format!("post.{}", step.name()), written)
            .input("embeddings", reached.embeddings)
            .paced(format!("post {}", step.name()));
        stage.tables.push("post".to_owned());
        if let Some(lists) = reached.lists {
            stage = stage.input("lists", lists);
        }
        let carries = !step.ranks() && self.carries(i);
        if let Some(labels) = self.labelled.filter(|_| step.needs_labelled() || carries) {
            stage = stage.input("photos", labels.photos);
            // Behind another step they lie with its embeddings.
            if self.steps[..i].iter().all(Step::ranks) {
                stage = stage.input("training photos", labels.embedded);
            }
        }
        if carries {
            stage = stage.setting("carries", Value::Text("training photos".to_owned()));
        }
        if matches!(step, Step::Tta { .. }) {
            stage = self.views.iter().fold(stage, |stage, key| stage.input("view", *key));
        }
        if !step.ranks() {
            return stage;
        }
        let needs = self.needs(i, reached.lists.is_some());
        for (_, key) in searched.iter().filter(|(among, _)| among.wanted(&needs).is_some()) {
            stage = stage.input("neighbours", *key);
        }
        if let Some(fit) = self.fit.filter(|_| step.needs_logits()) {
            stage = stage.input("fit", fit).input("embed", self.embed);
        }
        if let Some(patches) = self.patches.filter(|_| step.local().is_some()) {
            stage = stage.input("patches", patches);
        }
        stage.setting("depth", Value::Int(self.k.max(rerank::DEPTH) as i64))
    }

    /// The searches that step `i` reads.
    fn needs(&self, i: usize, has_lists: bool) -> Needs {
        needs(&self.steps[i], has_lists, self.k)
    }
}

/// About how much work a step is, in the measure of its own kind, for so many queries, gallery and labelled photos.
pub(in crate::session) fn work(step: &Step, (queries, gallery, labelled): (f64, f64, f64)) -> f64 {
    match step {
        Step::Tta { .. } | Step::L2 {} | Step::Pca { .. } | Step::WhitenSupervised { .. } => {
            queries + gallery + labelled
        }
        Step::KReciprocal { .. } | Step::Diffusion { .. } => queries + gallery,
        Step::SpatialCheck { depth, .. } => queries * gallery.min(*depth as f64),
        Step::Dba { .. } => gallery * gallery,
        Step::Inb { .. } => (queries + gallery) * (queries + gallery),
        Step::NegativeSubtraction { .. } | Step::NonTargetPenalty { .. } => (queries + gallery) * labelled,
        _ => queries * gallery,
    }
}

fn needs(step: &Step, has_lists: bool, k: usize) -> Needs {
    let needs = Needs::of(std::slice::from_ref(step), k);
    Needs { gallery: needs.gallery.filter(|_| !has_lists), ..needs }
}

/// The place of the last step before `until` that changed embeddings.
fn changed(steps: &[Step], until: usize) -> Option<usize> {
    steps[..until].iter().rposition(|step| !step.ranks())
}

/// Queries and gallery before step `until`, with the labelled photos where they are asked for and there.
fn before(bench: &Bench<'_>, slot: Slot, until: usize, labelled: bool) -> Result<Sides, SessionError> {
    let steps = super::read_steps(bench.recipe)?;
    let Some(step) = changed(&steps, until) else { return super::plain_sides(bench, slot, labelled) };
    let folder = bench.folder(Task::Post { slot, step })?;
    let mut sides = Sides::new(Embeddings::load(&folder.join(QUERIES))?, Embeddings::load(&folder.join(GALLERY))?);
    let file = folder.join(LABELLED);
    if labelled && file.is_file() {
        sides.labelled = super::with_labels(bench, Embeddings::load(&file)?)?;
    }
    Ok(sides)
}

/// What step `number` needs of queries and gallery where it only changes lists and its neighbours were searched before: who they are.
/// `None` where it reads embeddings.
fn names(bench: &Bench<'_>, slot: Slot, number: usize, steps: &[Step]) -> Result<Option<Sides>, SessionError> {
    let step = &steps[number];
    let searched = |among| bench.graph.place(Task::Near { slot, among }).is_some();
    let reorders = matches!(step, Step::NotInGallery { .. } | Step::SortInsert { .. });
    let has_lists = number.checked_sub(1).is_some_and(|last| steps[last].ranks());
    let lists = has_lists || reorders && searched(near::Among::Gallery);
    let witnesses = !step.needs_labelled() || searched(near::Among::Labelled);
    // An ensemble's labelled photos come from its members.
    if !(step.goes_by_lists() && lists && witnesses) || bench.graph.place(Task::Ensemble { slot }).is_some() {
        return Ok(None);
    }
    let fold = bench.graph.fold(slot);
    let mut sides = Sides::new(Embeddings::named(fold.query.clone())?, Embeddings::named(fold.gallery.clone())?);
    if step.needs_labelled() {
        let file = match changed(steps, number) {
            Some(step) => bench.folder(Task::Post { slot, step })?.join(LABELLED),
            None => bench.folder(Task::EmbedTrain { slot })?.join(embed::FILE),
        };
        sides.labelled = super::with_labels(bench, Embeddings::named(Embeddings::photos_in(&file)?)?)?;
    }
    Ok(Some(sides))
}

/// What a training's ranking steps, or the search behind a chain without any, rank.
pub(in crate::session::stages) fn ranked_sides(bench: &Bench<'_>, slot: Slot) -> Result<Sides, SessionError> {
    let steps = super::read_steps(bench.recipe)?;
    before(bench, slot, steps.len(), steps.iter().any(Step::needs_labelled))
}

/// The lists behind the last step of a training's chain; `None` where no step ranks.
pub(in crate::session::stages) fn lists(bench: &Bench<'_>, slot: Slot) -> Result<Option<Ranked>, SessionError> {
    let steps = super::read_steps(bench.recipe)?;
    let Some(step) = steps.len().checked_sub(1).filter(|last| steps[*last].ranks()) else { return Ok(None) };
    load(bench, slot, step).map(Some)
}

/// Lists, and where "not in the gallery" stands in them.
type Ranked = (Lists, Option<NotInGallery>);

fn load(bench: &Bench<'_>, slot: Slot, step: usize) -> Result<Ranked, SessionError> {
    let (folder, rows) = (bench.folder(Task::Post { slot, step })?, bench.graph.fold(slot).gallery.len());
    let file = folder.join(ABSENT);
    let absent = match file.is_file() {
        true => {
            let bad = |error: serde_json::Error| SessionError::Unfit(format!("{}: {error}", file.display()));
            Some(serde_json::from_slice(&files::read(&file)?).map_err(bad)?)
        }
        false => None,
    };
    Ok((Lists::load(&folder.join(LISTS), rows)?, absent))
}

pub(in crate::session::stages) fn make<'a>(
    bench: &'a Bench<'a>,
    slot: Slot,
    number: usize,
) -> Result<Made<'a>, SessionError> {
    let (name, steps) = (slot.to_string(), super::read_steps(bench.recipe)?);
    let step = steps.get(number).ok_or_else(|| SessionError::Unfit(format!("there is no post step {number}")))?;
    let carries = steps[number + 1..].iter().any(Step::needs_labelled);
    let mut sides = match names(bench, slot, number, &steps)? {
        Some(sides) => sides,
        None => before(bench, slot, number, step.needs_labelled() || carries)?,
    };
    if matches!(step, Step::Tta { .. }) {
        sides.views = super::views(bench, slot)?;
    }
    let (mut lists, mut not_in_gallery) = (None, None);
    if step.ranks() {
        if let Some(last) = number.checked_sub(1).filter(|last| steps[*last].ranks()) {
            let (found, absent) = load(bench, slot, last)?;
            (lists, not_in_gallery) = (Some(found), absent);
        }
        sides.non_targets =
            super::non_targets(&bench.photos.manifest.labels, std::slice::from_ref(step), sides.labelled.as_ref())?;
        let needs = needs(step, lists.is_some(), bench.project.competition.k);
        sides.near = near::load(bench, slot, &sides, &needs)?;
        if step.local().is_some() {
            sides.patches = embed::patches::load(bench, slot, Whose::Fold)?;
        }
        if step.needs_logits() {
            sides.logits = super::head(bench, slot, &super::plain_sides(bench, slot, false)?)?;
        }
    }
    let mut now = Chained { sides, lists, not_in_gallery, notes: Vec::new() };
    let progress = bench.progress("post", &name);
    rerank::advance(&steps[..number], step, &mut now, bench.project.competition.k, &progress, bench.cancel)?;
    let facts = Value::of(&serde_json::json!({ "steps": now.notes }));
    recall(bench, slot, facts.get("steps"));
    let ranks = step.ranks();
    let absent = now.not_in_gallery.as_ref().map(serde_json::to_vec).transpose();
    let absent = absent.map_err(|error| SessionError::Unfit(format!("{ABSENT}: {error}")))?;
    let write = move |folder: &Path| -> Result<(), SessionError> {
        if let Some(absent) = &absent {
            files::publish(&folder.join(ABSENT), absent)?;
        }
        Ok(save(&now, ranks, carries, folder)?)
    };
    Ok(Made { facts, write: Box::new(write), hold: None })
}

/// Tells what a step did, by the notes beside its artefact.
pub(in crate::session::stages) fn recall(bench: &Bench<'_>, slot: Slot, notes: Option<&Value>) {
    let Some(Value::List(notes)) = notes else { return };
    for note in notes.iter().filter_map(Value::as_text) {
        (bench.tell)(Event::Note { text: format!("post {slot}: {note}") });
    }
}

fn save(now: &Chained, ranks: bool, carries: bool, folder: &Path) -> Result<(), RetrieveError> {
    if ranks {
        return now.lists.as_ref().map_or(Ok(()), |lists| lists.save(&folder.join(LISTS)));
    }
    now.sides.queries.save(&folder.join(QUERIES))?;
    now.sides.gallery.save(&folder.join(GALLERY))?;
    match now.sides.labelled.as_ref().filter(|_| carries) {
        Some(labelled) => labelled.embeddings.save(&folder.join(LABELLED)),
        None => Ok(()),
    }
}
