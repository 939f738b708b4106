//! Makes the lists of suspects.
//!
//! Takes the photos, and perhaps a recipe; looks at every picture once (remembered by content), and asks the recipe's networks about the labelled
//! photos: the highest rung of its ladder whose trainings are there, each photo by a network that did not learn from it; before any training
//! the network as it begins, which may be pretrained. Nothing is trained for it. The result lies in `.toji/reviews` until the next one.

use std::path::Path;

use super::file::{self, Made};
use super::{Review, outliers};
use crate::base::text::plain;
use crate::base::{Cancel, Progress, Value};
use crate::dag::Event;
use crate::learn::loss::proxy::logits;
use crate::learn::train::Checkpoint;
use crate::retrieve::Embeddings;
use crate::session::brew::rung::Ladder;
use crate::session::brew::{self, Manner};
use crate::session::stages::embed::{self, crops};
use crate::session::stages::fit::best;
use crate::session::stages::{Bench, Task, ensemble, post};
use crate::session::{Graph, Photos, Project, Recipe, Rung, SessionError, Slot};

/// What a review is asked for.
#[derive(Clone, Debug, Default)]
pub struct Asked<'a> {
    /// Whose networks; nobody's where absent, so that pictures alone are looked at.
    pub recipe: Option<&'a Recipe>,
    /// The rung whose networks are asked; the highest that is trained where absent.
    pub rung: Option<&'a str>,
    /// The network as it begins, though trained ones are there.
    pub untrained: bool,
    /// Whether parts of photos are looked at too, which costs several times as much.
    pub parts: bool,
    /// A file for the probabilities of labels that wrong ones were looked for by: a row a photo, for other tools.
    pub probabilities: Option<&'a Path>,
}

/// What one network says of the labelled photos.
pub(super) struct Told {
    /// The photos that it answers for, ascending places.
    pub answered: Vec<u32>,
    /// All labelled photos as it sees them.
    pub all: Embeddings,
    /// The host's queries and gallery as it sees them, where a submission had them embedded.
    pub host: Option<Embeddings>,
    /// The labels that its head knows, and for each of `answered` the cosines with them, row-major; nothing without such a head.
    pub head: Option<(Vec<u32>, Vec<f32>)>,
    /// For each of `answered` its angle to the dominant sub-center of its label, in degrees; nothing without sub-centers.
    pub angles: Option<Vec<f64>>,
    /// Parts of the photos that it answers for, and where it looks.
    pub parts: Option<crops::Seen>,
}

/// Makes a review and publishes it.
///
/// # Errors
/// When the recipe is an ensemble or cannot run, a rung is asked for that is not trained, or on a stop.
pub fn find(
    project: &Project,
    photos: &Photos,
    asked: &Asked<'_>,
    listen: &(dyn Fn(&Event) + Sync),
    cancel: &Cancel,
) -> Result<Review, SessionError> {
    let progress = |what: &str, done: u64, total: u64, unit: &str| {
        let (what, unit) = (what.to_owned(), unit.to_owned());
        listen(&Event::Progress { stage: "review".into(), part: String::new(), what, done, total, unit });
    };
    if let Some(recipe) = asked.recipe.filter(|recipe| ensemble::is_one(recipe)) {
        let text =
            format!("{} is an ensemble, and photos are reviewed by one recipe's networks: name a member", recipe.name);
        return Err(SessionError::Unfit(text));
    }
    let measures = measured(project, photos, &progress, cancel)?;
    let mut notes = Vec::new();
    let (mut told, mut trained) = (Vec::new(), false);
    if let Some(recipe) = asked.recipe {
        let (rung, is_trained) = networks(project, recipe, photos, asked)?;
        trained = is_trained;
        let own = if trained { recipe.clone() } else { untrained(recipe) };
        told = ask(project, &own, photos, &rung, asked.parts, listen, cancel)?;
        notes.push(match trained {
            true => format!("networks of {} at rung {}", plain(&recipe.name), rung.name),
            false => format!("the network of {} before training", plain(&recipe.name)),
        });
    }
    // Of a recipe's folds what crosses them is a leak, too; without one only the host's fence is known.
    let divided = asked.recipe.map(|recipe| project.divided(recipe, photos)).transpose()?;
    let folds = divided.as_ref().map_or(&[][..], |divided| divided.folds.as_slice());
    let suspects = super::suspects::all(photos, &measures, (folds, &told), asked.probabilities, &progress, cancel)?;
    let recipe = asked.recipe.map(|recipe| recipe.name.clone()).unwrap_or_default();
    file::save(project, photos, Made { recipe: recipe.clone(), trained, key: photos.key, notes }, suspects)?;
    let found = file::load(project, photos, &recipe, Some(photos.key))?;
    found.ok_or_else(|| SessionError::Unfit("the review was removed while it was made; make it again".to_owned()))
}

/// The rung whose networks are asked, and whether they are trained.
fn networks(
    project: &Project,
    recipe: &Recipe,
    photos: &Photos,
    asked: &Asked<'_>,
) -> Result<(Rung, bool), SessionError> {
    let is_there = |rung: &Rung| -> Result<bool, SessionError> {
        let graph = Graph::of(project, recipe, photos, rung)?;
        let mut fits = graph.slots.iter().map(|slot| graph.fit(*slot));
        let there = |fit: Task| {
            let stage = graph.stage(fit)?;
            Ok::<bool, SessionError>(project.store.has(stage.name, &stage.artefact()))
        };
        fits.try_fold(!graph.slots.is_empty(), |all, fit| Ok(all && fit.map(there).transpose()?.unwrap_or(false)))
    };
    if let (Some(name), false) = (asked.rung, asked.untrained) {
        let rung = recipe.rung(Some(name))?;
        return match is_there(&rung)? {
            true => Ok((rung, true)),
            false => Err(SessionError::Unfit(format!(
                "{} is not trained up to {name}: toji run {} --rung {name}",
                recipe.name, recipe.name
            ))),
        };
    }
    if !asked.untrained {
        for rung in Ladder::of(recipe)?.rungs().iter().rev().filter(|rung| rung.images.is_none()) {
            if is_there(rung)? {
                return Ok((rung.clone(), true));
            }
        }
    }
    // One network is as good as another before training.
    let first = Ladder::of(recipe)?.first_choice().clone();
    Ok((Rung { folds: Some(1), epochs: None, images: None, seeds: None, ..first }, false))
}

/// The recipe as one that trains nothing: its network as it begins, its pictures and its folds. It runs under a name of its own, so that its score
/// is nobody's.
fn untrained(recipe: &Recipe) -> Recipe {
    let mut own = recipe.clone();
    own.name = format!("{} before training", recipe.name);
    if let Value::Table(tables) = &mut own.book.settings {
        tables.retain(|name, _| ["recipe", "backbone", "augment", "folds", "train"].contains(&name));
        if let Some(Value::Table(train)) = tables.get_mut("train") {
            // Parts have epochs of their own.
            train.remove("stages");
            train.insert("epochs".to_owned(), Value::Int(0));
        }
    }
    own
}

/// Every picture's measures, by place; `None` for what cannot be decoded.
fn measured(
    project: &Project,
    photos: &Photos,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<super::suspects::Measured, SessionError> {
    // Of whole files: what is odd about a file does not go away by a crop.
    let files: Vec<(crate::base::Key, &Path)> =
        photos.manifest.photos.iter().map(|photo| (photo.whole(), photo.path.as_path())).collect();
    super::suspects::measured(project, &files, progress, cancel)
}

/// What the networks of a rung say of the labelled photos.
fn ask(
    project: &Project,
    recipe: &Recipe,
    photos: &Photos,
    rung: &Rung,
    parts: bool,
    listen: &(dyn Fn(&Event) + Sync),
    cancel: &Cancel,
) -> Result<Vec<Told>, SessionError> {
    let review = if parts { brew::Review::Parts } else { brew::Review::Photos };
    brew::brew(project, recipe, photos, rung, Manner { review, fits: true, ..Manner::default() }, listen, cancel)?;
    let mut graph = Graph::of(project, recipe, photos, rung)?;
    graph.add_review(project, recipe, photos, parts)?;
    let tell = |event: Event| listen(&event);
    let bench = Bench::new(project, recipe, photos, &graph, &tell, cancel);
    let mut told = Vec::new();
    for slot in graph.slots.clone() {
        let answered = crops::answered(&graph, photos, slot);
        if answered.is_empty() {
            continue;
        }
        let stage = graph.stage(Task::EmbedLabelled { slot })?;
        let all = Embeddings::load(&project.store.folder(stage.name, &stage.artefact())?.join(embed::FILE))?;
        let own = all.subset(&answered)?;
        let (head, angles) = heads(&bench, slot, &own)?;
        let parts = crops::load(&bench, slot)?;
        // Of one network, since copies are looked for by one.
        let host = told.is_empty().then(|| host(project, recipe, photos, rung, slot)).flatten();
        told.push(Told { answered, all, host, head, angles, parts });
    }
    Ok(told)
}

/// The host's photos as a training sees them, where they are in the store: nothing is embedded for it.
fn host(project: &Project, recipe: &Recipe, photos: &Photos, rung: &Rung, slot: Slot) -> Option<Embeddings> {
    let mut graph = Graph::of(project, recipe, photos, rung).ok()?;
    // A competition without a test, or a training that does not answer the host, has none.
    graph.add_host(project, recipe, photos).ok()?;
    let stage = graph.stage(Task::EmbedHost { slot }).ok()?;
    let key = stage.artefact();
    if !project.store.has(stage.name, &key) {
        return None;
    }
    Embeddings::load(&project.store.folder(stage.name, &key).ok()?.join(embed::FILE)).ok()
}

/// The classes of a training's head.
type Head = Option<(Vec<u32>, Vec<f32>)>;

/// What a training's head says of photos: cosines with each class's direction, and angles to sub-centers.
fn heads(bench: &Bench<'_>, slot: Slot, own: &Embeddings) -> Result<(Head, Option<Vec<f64>>), SessionError> {
    let Some(fit) = bench.graph.fit(slot) else { return Ok((None, None)) };
    let stage = bench.graph.stage(fit)?;
    let folder = bench.project.store.folder(stage.name, &stage.artefact())?;
    let file = best::weights(bench.project, bench.recipe, bench.graph, slot, &folder)?;
    let mut checkpoint = Checkpoint::open(&file)?;
    let photos = &bench.photos.manifest.photos;
    let label = |photo: &u32| photos.get(*photo as usize).and_then(|photo| photo.label);
    let mut learnt: Vec<u32> = bench.graph.fold(slot).train.iter().filter_map(label).collect();
    learnt.sort_unstable();
    learnt.dedup();
    let mut head = None;
    if let Ok(weight) = checkpoint.tensor(logits::HEAD) {
        let found = post::cosines(&weight, learnt.len(), post::mirrors(bench.recipe), own)?;
        head = found.map(|rows| (learnt.clone(), rows));
    }
    let angles = match outliers::sub_centers(bench.recipe) {
        Some(asked) => outliers::angles(&mut checkpoint, &asked, own, learnt, label)?,
        None => None,
    };
    Ok((head, angles))
}
