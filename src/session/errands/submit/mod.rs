//! The file that is handed in.
//!
//! Takes a recipe; embeds the host's queries and gallery by each fold's network (or finds that in the
//! store), runs the recipe's post steps on them, ranks, writes the file in the competition's form and
//! notes it in the ledger. Several networks answer together, as `[final]` says: their embeddings, each divided
//! by its length, stand side by side, or their mean does where one space is common to all. An ensemble's members answer so one by one, and are then joined as on the held-out queries. A query whose picture was left out as unreadable is answered by a filler, and named.

mod answers;
mod export;
mod packed;
mod predict;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::base::{Cancel, Key, files};
use crate::dag::Event;
use crate::data::Role;
use crate::data::layout::Listing;
use crate::retrieve::post::Step;
use crate::score::ledger::{self, Entry};
use crate::score::submission::{self, Answer, Layout, Written};
use crate::session::brew::{self, Brewed, Manner};
use crate::session::errands::solution;
use crate::session::stages::ensemble::members::Kind;
use crate::session::stages::{self, Bench, Task, embed};
use crate::session::{Graph, Photos, Project, Recipe, Rung, SessionError};

pub use export::{Exported, export};
pub use packed::Packed;
pub(in crate::session) use predict::answer as answer_packed;
pub use predict::{Asked, Ids, Predicted, predict};

/// The ledger's file, beside `toji.toml`.
pub const LEDGER: &str = "ledger.jsonl";

/// A submission that was written.
#[derive(Clone, Debug, Serialize)]
pub struct Submitted {
    /// Name of the recipe.
    pub recipe: String,
    /// The file.
    pub file: PathBuf,
    /// BLAKE3 of its bytes.
    pub file_hash: Key,
    /// Queries answered.
    pub rows: usize,
    /// "MRR@20".
    pub metric: String,
    /// The recipe's own score.
    pub cv: f64,
    /// Its 95 % interval.
    pub interval: [f64; 2],
    /// The rung whose networks answer.
    pub rung: String,
    /// The score of each training.
    pub folds: Vec<f64>,
    /// The post steps in words.
    pub post: Vec<String>,
    /// The trainings whose networks answer: "fold 0", "all data"; none for an ensemble, whose members have theirs.
    pub networks: Vec<String>,
    /// Queries whose pictures cannot be used, answered by what the other queries found most often.
    pub filled: Vec<Filled>,
}

/// A query that was answered without being looked up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Filled {
    /// The query's id.
    pub query: String,
    /// Its picture.
    pub file: PathBuf,
    /// Why it cannot be used.
    pub why: String,
}

/// The answers of a recipe, written and not yet noted anywhere.
pub(in crate::session) struct Answered {
    /// All stages that they came from.
    pub graph: Graph,
    /// BLAKE3 of the file's bytes.
    pub file_hash: Key,
    /// Queries answered.
    pub rows: usize,
    /// "MRR@20".
    pub metric: String,
    /// The recipe's own score.
    pub score: f64,
    /// Its 95 % interval.
    pub interval: [f64; 2],
    /// The score of each training.
    pub folds: Vec<f64>,
    /// Queries answered by a filler.
    pub filled: Vec<Filled>,
    /// Stages that were found in the store.
    pub reused: Vec<String>,
}

/// Brews what a recipe answers by, and writes its answers to `file`.
///
/// # Errors
/// As [`submit`].
pub(in crate::session) fn answer(
    project: &Project,
    recipe: &Recipe,
    photos: &Photos,
    rung: &Rung,
    file: &Path,
    listen: &(dyn Fn(&Event) + Sync),
    cancel: &Cancel,
) -> Result<Answered, SessionError> {
    // Whether the sample is a table at all is judged when the file is written.
    if let Ok(Some(spelling)) = Listing::read(&project.competition)?.spelling(&project.competition) {
        return Err(spelling.into());
    }
    one_head(project, recipe, photos, rung)?;
    let manner = Manner { host: true, ..Manner::default() };
    let done = brew::brew(project, recipe, photos, rung, manner, listen, cancel)?;
    let Brewed { metric, score, interval, reused, .. } = done;
    let mut graph = Graph::of(project, recipe, photos, rung)?;
    graph.add_host(project, recipe, photos)?;
    let tell = |event: Event| listen(&event);
    let answers = answers::of(&Bench::new(project, recipe, photos, &graph, &tell, cancel))?;
    let (written, filled) = write(project, photos, answers, file)?;
    let key = graph.stage(Task::Score)?.artefact();
    let meta = project.store.meta("score", &key)?;
    let folds: Vec<f64> = meta.and_then(|meta| meta.facts.get("folds")?.decode().ok()).unwrap_or_default();
    let (file_hash, rows) = (written.hash, written.rows);
    Ok(Answered { graph, file_hash, rows, metric, score, interval, folds, filled, reused })
}

/// Writes answers in the host's form, with fillers where a query's picture cannot be used.
fn write(
    project: &Project,
    photos: &Photos,
    mut answers: Vec<Answer>,
    file: &Path,
) -> Result<(Written, Vec<Filled>), SessionError> {
    let filled = fill(photos, &mut answers, project.competition.submission.count);
    let (layout, sample) = form(project)?;
    let (_, gallery) = embed::host_places(photos);
    let mut ids: HashSet<&str> = gallery.iter().map(|&i| photos.manifest.photos[i as usize].id.as_str()).collect();
    ids.extend(project.competition.submission.not_in_gallery.as_deref());
    Ok((submission::write(file, &layout, &answers, sample, &ids)?, filled))
}

/// Writes the submission of a recipe to `file` and notes it in the ledger, with all that it takes to make it again in
/// [`solution::FOLDER`].
///
/// # Errors
/// When the sample spells ids as other numbers than the tables do (before anything is brewed), when brewing fails,
/// the tables name no queries, or the file would not be valid.
pub fn submit(
    project: &Project,
    recipe: &Recipe,
    photos: &Photos,
    rung: &Rung,
    file: &Path,
    listen: &(dyn Fn(&Event) + Sync),
    cancel: &Cancel,
) -> Result<Submitted, SessionError> {
    refuse_to_overwrite(project, file)?;
    let done = answer(project, recipe, photos, rung, file, listen, cancel)?;
    let entry = Entry {
        file: file.strip_prefix(&project.root).unwrap_or(file).to_owned(),
        file_hash: done.file_hash,
        recipe: recipe.name.clone(),
        recipe_hash: recipe.key(),
        metric: done.metric.clone(),
        cv: Some(done.score),
        interval: Some(done.interval),
        date: project.around.clock.now(),
        filled: done.filled.len(),
        rung: rung.to_string(),
        folds: done.folds.clone(),
        post: stages::post::steps(recipe).iter().map(in_words).collect(),
        networks: done.graph.answering.iter().map(ToString::to_string).collect(),
        stages: done.graph.nodes.iter().map(|node| (node.stage.label(), node.stage.artefact())).collect(),
    };
    let (post, networks) = (entry.post.clone(), entry.networks.clone());
    // First, so that no line of the ledger is without.
    solution::keep(project, recipe, photos, &done.graph, rung, &entry, done.rows)?;
    ledger::append(&project.root.join(LEDGER), entry)?;
    let Answered { file_hash, rows, metric, score: cv, interval, folds, filled, .. } = done;
    let (recipe, file, rung) = (recipe.name.clone(), file.to_owned(), rung.to_string());
    Ok(Submitted { recipe, file, file_hash, rows, metric, cv, interval, rung, folds, post, networks, filled })
}

/// Refuses a step that goes by the head of one network where several answer together.
fn one_head(project: &Project, recipe: &Recipe, photos: &Photos, rung: &Rung) -> Result<(), SessionError> {
    let mut graph = Graph::of(project, recipe, photos, rung)?;
    graph.add_answering(project, recipe, photos)?;
    let members = graph.members.iter().filter_map(|member| match &member.kind {
        Kind::Recipe(own) => Some((&own.0, &own.1)),
        Kind::Outside(_) => None,
    });
    let mut all = members.chain([(recipe, &graph)]);
    let by_head = |recipe: &Recipe| stages::post::steps(recipe).iter().any(Step::needs_logits);
    if let Some((recipe, graph)) = all.find(|(recipe, graph)| by_head(recipe) && graph.answering.len() > 1) {
        let text = format!(
            "{}: class-logits goes by the head of one network, and here {} answer together: take --rung holdout, or [final] fit = \"all-data\"",
            recipe.name,
            graph.answering.len()
        );
        return Err(SessionError::Unfit(text));
    }
    Ok(())
}

/// How the host wants its answers, and its sample of them where there is one.
fn form(project: &Project) -> Result<(Layout, Option<&Path>), SessionError> {
    let facts = &project.competition.submission;
    // A sample that the facts name must be there; the one that a layout assumes may be missing.
    let named = project.facts.get("submission.sample").is_some();
    let sample = facts.sample.as_deref().filter(|sample| named || sample.is_file());
    let text = sample.map(files::read_text).transpose()?;
    let header = text.as_deref().and_then(submission::header_of);
    let default = Layout::default();
    let [id_column, list_column] = facts.columns.clone().or(header).unwrap_or([default.id_column, default.list_column]);
    Ok((Layout { id_column, list_column, separator: facts.separator.clone(), k: facts.count }, sample))
}

/// A post step as people write about it: `alpha-qe k = 5, alpha = 3`.
fn in_words(step: &Step) -> String {
    let parameters: Vec<String> =
        step.parameters().into_iter().map(|(key, value)| format!("{key} = {value}")).collect();
    [step.name().to_owned(), parameters.join(", ")].join(" ").trim_end().to_owned()
}

/// A file that is there already gives way only when the ledger knows its bytes: it is a submission then.
fn refuse_to_overwrite(project: &Project, file: &Path) -> Result<(), SessionError> {
    if !file.exists() {
        return Ok(());
    }
    let known = file.is_file() && {
        let hash = Key::of_bytes(&files::read(file)?);
        ledger::load(&project.root.join(LEDGER))?.entries.iter().any(|entry| entry.file_hash == hash)
    };
    if known {
        return Ok(());
    }
    let text = format!(
        "{} is there and is no submission of the ledger; nothing was written, name another file",
        file.display()
    );
    Err(SessionError::Unfit(text))
}

/// Answers the queries whose pictures were left out: a host wants a row for each. They get the photos that stand in
/// most of the other lists, which are the likeliest where nothing is known, then the gallery in its order.
fn fill(photos: &Photos, answers: &mut Vec<Answer>, count: usize) -> Vec<Filled> {
    let left_out = photos.manifest.skipped.iter().filter(|photo| matches!(photo.role, Role::Query | Role::Both));
    let filled: Vec<Filled> = left_out
        .map(|photo| Filled { query: photo.id.clone(), file: photo.path.clone(), why: photo.why.clone() })
        .collect();
    if filled.is_empty() {
        return filled;
    }
    let (_, gallery) = embed::host_places(photos);
    let mut likely: Vec<(&str, usize)> =
        gallery.iter().map(|&i| (photos.manifest.photos[i as usize].id.as_str(), 0)).collect();
    let places: HashMap<&str, usize> = likely.iter().enumerate().map(|(place, (id, _))| (*id, place)).collect();
    for item in answers.iter().flat_map(|answer| &answer.items) {
        if let Some(&place) = places.get(item.as_str()) {
            likely[place].1 += 1;
        }
    }
    // Stable: of equally frequent ones the first in the gallery.
    likely.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    let items: Vec<String> = likely.iter().take(count).map(|(id, _)| (*id).to_owned()).collect();
    answers.extend(filled.iter().map(|filled| Answer { query: filled.query.clone(), items: items.clone() }));
    filled
}
