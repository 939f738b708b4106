//! What a report is about: one text of a recipe, its score, its stages.
//!
//! Takes a recipe as it stands, or a line of the ledger; gives its texts, the rung, the keys of its stages, the run that made it and what that run's
//! `recipe.lock.toml` keeps. A line of the ledger is told as it was: with what its submission kept (`solutions/`) and the keys of its own line, whatever the
//! recipe says by now.

use std::collections::HashSet;

use serde::Serialize;

use super::{Asked, Gaps, Lack, Whose};
use crate::base::{Key, Seed, Value};
use crate::book;
use crate::dag::{Board, RunView, Runs};
use crate::score::bootstrap::{self, Delta};
use crate::score::metric::Score;
use crate::session::brew::lock;
use crate::session::brew::rung::NOISE;
use crate::session::errands::solution::{self, past};
use crate::session::snapshot::{self, Snapshot};
use crate::session::stages::Task;
use crate::session::stages::score::{BOOTSTRAP, FILE};
use crate::session::{Graph, Ladder, Photos, Project, Recipe, Rung, SessionError};

/// What the report is about.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Subject {
    /// The recipe's name.
    pub recipe: String,
    /// Its first heading.
    pub title: String,
    /// The file that was handed in, where one is meant.
    pub submission: Option<Key>,
    /// The rung of its ladder.
    pub rung: String,
    /// Its score there.
    pub score: Option<snapshot::Score>,
    /// The score of each training, in order of fold and seed.
    pub trainings: Vec<(String, f64)>,
    /// The same trainings by several seeds, where they were run.
    pub seeds: Vec<(String, f64)>,
    /// The recipe that the others are compared with, where it is another one.
    pub pin: Option<String>,
    /// This minus the pin over the queries that both answered.
    pub to_pin: Option<Delta>,
    /// Its texts, the own one first, then those of its parents and members.
    pub texts: Vec<Text>,
    /// Its settings, defaults and parents filled in, as TOML.
    pub settings: String,
    /// Its network; none for an ensemble.
    pub network: Option<Network>,
    /// The technique of its loss.
    pub loss: Option<String>,
    /// Epochs that the rung trains, and those of the full training, where it trains.
    pub epochs: Option<[usize; 2]>,
    /// Seconds that its stages took, and how many of these were training.
    pub seconds: [f64; 2],
}

/// A text of a recipe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Text {
    /// The file, relative to the project's folder.
    pub file: String,
    /// What it says.
    pub text: String,
}

/// A network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Network {
    /// timm's name.
    pub name: String,
    /// Numbers that learn.
    pub parameters: u64,
    /// Multiply-adds for one picture.
    pub multiply_adds: u64,
    /// The longer side of the pictures that it sees, in pixels.
    pub side: usize,
}

/// A stage that is meant: name with its part, name, key.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// "fit fold 0".
    pub label: String,
    /// "fit".
    pub name: String,
    /// Its artefact.
    pub key: Key,
}

/// What is meant, found.
pub struct Meant {
    /// The recipe.
    pub recipe: Recipe,
    /// The rung.
    pub rung: String,
    /// All stages.
    pub stages: Vec<Wanted>,
    /// What it means on today's photos; `None` where that is no longer what is meant.
    pub graph: Option<Graph>,
    /// The run that came to the score.
    pub run: Option<RunView>,
    /// What that run's lock keeps.
    pub lock: Option<Value>,
    /// The line of the ledger, where one is meant.
    pub entry: Option<crate::score::ledger::Entry>,
}

impl Meant {
    /// The key of a stage.
    pub fn key(&self, label: &str) -> Option<Key> {
        self.stages.iter().find(|stage| stage.label == label).map(|stage| stage.key)
    }

    /// A text of the lock by its dotted name.
    pub fn locked(&self, name: &str) -> Option<String> {
        let value = self.lock.as_ref()?.get(name)?;
        value.as_text().map(str::to_owned).or_else(|| value.as_int().map(|number| number.to_string()))
    }
}

/// All runs of the project, read.
pub fn runs(project: &Project) -> Board {
    let mut board = Board::new();
    board.refresh(&Runs::open(&project.toji));
    board
}

/// The highest rung of a recipe on which it has a score; the usual one where it has none.
///
/// # Errors
/// When its ladder is none.
pub fn highest(project: &Project, photos: &Photos, recipe: &Recipe) -> Result<Rung, SessionError> {
    let scored = |rung: &&Rung| {
        let key = Graph::of(project, recipe, photos, rung).and_then(|graph| Ok(graph.stage(Task::Score)?.artefact()));
        key.is_ok_and(|key| project.store.has("score", &key))
    };
    let found = Ladder::of(recipe)?.rungs().iter().rev().find(scored).cloned();
    found.map_or_else(|| recipe.rung(None), Ok)
}

/// Finds what is meant.
pub(super) fn look(project: &Project, photos: &Photos, runs: &Board, asked: &Asked) -> Result<Meant, SessionError> {
    match &asked.whose {
        Whose::Recipe(recipe) => {
            if recipe.is_broken() {
                return Err(SessionError::Mistakes(format!("{} has mistakes; its page shows them", recipe.name)));
            }
            let rung = highest(project, photos, recipe)?;
            let graph = Graph::of(project, recipe, photos, &rung)?;
            let stages = wanted(&graph);
            let score = graph.stage(Task::Score)?.artefact();
            let run = made_by(runs, &recipe.name, &score).cloned();
            let lock = run.as_ref().and_then(lock::of_run);
            let recipe = recipe.as_ref().clone();
            Ok(Meant { recipe, rung: rung.to_string(), stages, graph: Some(graph), run, lock, entry: None })
        }
        Whose::Submission(entry) => {
            let of_text = |run: &&RunView| {
                let key = lock::of_run(run).and_then(|lock| Some(lock.get("lock.recipe_key")?.as_text()?.to_owned()));
                run.told.recipe == entry.recipe && key == Some(entry.recipe_hash.to_string())
            };
            let score = entry.stages.get("score").copied();
            let by_score = score.and_then(|key| made_by(runs, &entry.recipe, &key)).filter(of_text);
            let run = by_score.or_else(|| runs.runs().rev().find(of_text)).cloned();
            // What the submission kept is there also when its run is not.
            let (recipe, lock) = match past::find(project, entry) {
                Ok((kept, _)) => {
                    let lock = Value::of(&kept.run);
                    (from_lock(project, &lock)?, Some(lock))
                }
                // What is kept and cannot be read is told, not passed over.
                Err(error) if solution::file(&project.root, &entry.file_hash).exists() => return Err(error),
                // A text that says the same is as good.
                Err(error) => {
                    let now = project.recipe(&entry.recipe).ok().filter(|now| !now.is_broken());
                    let now = now.filter(|now| now.key() == entry.recipe_hash).ok_or(error)?;
                    (now, run.as_ref().and_then(lock::of_run))
                }
            };
            let graph = recipe.rung(Some(&entry.rung).filter(|rung| !rung.is_empty()).map(String::as_str)).ok();
            let graph = graph.and_then(|rung| Graph::of(project, &recipe, photos, &rung).ok());
            let same = |graph: &Graph| graph.stage(Task::Score).is_ok_and(|stage| Some(stage.artefact()) == score);
            let named = |(label, key): (&String, &Key)| {
                let name = label.split(' ').next().unwrap_or_default().to_owned();
                Wanted { label: label.clone(), name, key: *key }
            };
            Ok(Meant {
                rung: entry.rung.clone(),
                stages: entry.stages.iter().map(named).collect(),
                graph: graph.filter(same),
                run,
                lock,
                entry: Some(entry.as_ref().clone()),
                recipe,
            })
        }
    }
}

fn wanted(graph: &Graph) -> Vec<Wanted> {
    let one =
        |stage: &crate::dag::Stage| Wanted { label: stage.label(), name: stage.name.to_owned(), key: stage.artefact() };
    graph.nodes.iter().map(|node| one(&node.stage)).collect()
}

/// The newest run that came to a score, a recipe's own before another's.
fn made_by<'a>(runs: &'a Board, recipe: &str, score: &Key) -> Option<&'a RunView> {
    let came = |run: &&RunView| run.told.metrics.iter().any(|m| m.part.is_empty() && m.key == Some(*score));
    let newest = || runs.runs().rev().filter(came);
    newest().find(|run| run.told.recipe == recipe).or_else(|| newest().next())
}

/// The recipe that a lock keeps.
fn from_lock(project: &Project, lock: &Value) -> Result<Recipe, SessionError> {
    let texts = texts_in(lock).into_iter().map(|text| (text.file.into(), text.text)).collect::<Vec<_>>();
    Recipe::from_texts(&texts, &project.schema)
}

/// The texts that a lock keeps.
fn texts_in(lock: &Value) -> Vec<Text> {
    let Some(Value::List(all)) = lock.get("texts") else { return Vec::new() };
    let text = |entry: &Value, name: &str| Some(entry.get(name)?.as_text()?.to_owned());
    all.iter().filter_map(|entry| Some(Text { file: text(entry, "file")?, text: text(entry, "text")? })).collect()
}

/// A score in the store by its key, with the key of its folds.
pub fn score_at(project: &Project, key: &Key) -> Result<Option<(Score, Option<String>)>, SessionError> {
    if !project.store.has("score", key) {
        return Ok(None);
    }
    let score = Score::load(&project.store.folder("score", key)?.join(FILE))?;
    let meta = project.store.meta("score", key)?;
    Ok(Some((score, meta.and_then(|meta| Some(meta.facts.get("fold")?.as_text()?.to_owned())))))
}

/// A score as snapshots have it.
pub fn shown(score: &Score) -> snapshot::Score {
    let (value, interval, queries) = (score.value, score.interval, score.queries.len());
    snapshot::Score { metric: score.metric.clone(), value, interval, queries, stale: false }
}

/// One score minus another over the queries that both answered, drawn by label; `None` where they have none in common.
pub fn paired(photos: &Photos, a: &Score, b: &Score) -> Option<Delta> {
    let labels = photos.labels();
    let group = |photo: u32| labels.get(photo as usize).copied().flatten().unwrap_or(u32::MAX);
    bootstrap::paired(a, b, group, Seed::new(BOOTSTRAP)).ok()
}

/// Tells of it.
pub(super) fn tell(
    project: &Project,
    photos: &Photos,
    snapshot: &Snapshot,
    meant: &Meant,
    gaps: &mut Gaps,
) -> Result<Subject, SessionError> {
    let (recipe, rung) = (&meant.recipe, &meant.rung);
    let found = meant.key("score").map(|key| score_at(project, &key)).transpose()?.flatten();
    let score = match (&found, &meant.entry) {
        (Some((score, _)), _) => Some(shown(score)),
        // The ledger's line says it, too.
        (None, Some(entry)) => entry.cv.map(|value| snapshot::Score {
            metric: entry.metric.clone(),
            value,
            interval: entry.interval.unwrap_or([value; 2]),
            queries: 0,
            stale: false,
        }),
        (None, None) => None,
    };
    gaps.lacks(score.is_none(), Lack::Score, || format!("toji run {} --rung {rung}", recipe.name));
    let pin = snapshot.pin.clone().filter(|pin| *pin != recipe.name);
    let to_pin = match (&pin, &found) {
        (Some(pin), Some((own, folds))) => against(project, photos, pin, rung, (own, folds.as_deref()))?,
        _ => None,
    };
    let trainings = trainings(project, meant)?;
    let seeds = seeds(project, photos, meant, &trainings)?;
    let folds = meant.graph.as_ref().map_or(1, |graph| graph.folds.len());
    let trains = meant.graph.as_ref().is_some_and(|graph| graph.epochs > 0);
    gaps.lacks(folds > 1 && trainings.len() < folds, Lack::Folds, || {
        let ladder = Ladder::of(recipe).ok();
        let whole = ladder.iter().flat_map(Ladder::rungs).find(|rung| rung.folds(folds) == folds);
        format!("toji run {} --rung {}", recipe.name, whole.map_or_else(|| "full".to_owned(), ToString::to_string))
    });
    gaps.lacks(trains && seeds.is_empty(), Lack::Seeds, || format!("toji run {} --rung {NOISE}", recipe.name));
    let texts = meant.lock.as_ref().map(texts_in).filter(|texts| !texts.is_empty() && meant.entry.is_some());
    let texts = texts.unwrap_or_else(|| {
        let own = |(file, text): &(std::path::PathBuf, String)| Text {
            file: file.strip_prefix(&project.root).unwrap_or(file).display().to_string(),
            text: text.clone(),
        };
        recipe.book.texts.iter().map(own).collect()
    });
    let text = |name: &str| recipe.settings().get(name).and_then(Value::as_text).map(str::to_owned);
    let network = project.cost(recipe).and_then(|(cost, side)| {
        let (parameters, multiply_adds) = (cost.parameters as u64, cost.multiply_adds);
        Some(Network { name: text("backbone.name")?, parameters, multiply_adds, side })
    });
    Ok(Subject {
        recipe: recipe.name.clone(),
        title: recipe.book.title.clone(),
        submission: meant.entry.as_ref().map(|entry| entry.file_hash),
        rung: rung.clone(),
        score,
        trainings,
        seeds,
        pin,
        to_pin,
        texts,
        settings: book::print(recipe.settings()),
        network,
        loss: text("loss.name"),
        epochs: meant.graph.as_ref().filter(|_| trains).map(|graph| [graph.rung.epochs(graph.epochs), graph.epochs]),
        seconds: seconds(project, meant)?,
    })
}

/// The score of each training, by name.
fn trainings(project: &Project, meant: &Meant) -> Result<Vec<(String, f64)>, SessionError> {
    let values = match (&meant.entry, meant.key("score")) {
        (Some(entry), _) if !entry.folds.is_empty() => entry.folds.clone(),
        (_, Some(key)) => by_training(project, &key)?,
        _ => Vec::new(),
    };
    let names: Vec<String> = match &meant.graph {
        Some(graph) => graph.slots.iter().map(ToString::to_string).collect(),
        None => (0..values.len()).map(|fold| format!("fold {fold}")).collect(),
    };
    Ok(names.into_iter().zip(values).collect())
}

/// The same trainings by several seeds: those of the rung where it has them, else those of the rung beside the ladder; none where they were not run.
fn seeds(
    project: &Project,
    photos: &Photos,
    meant: &Meant,
    own: &[(String, f64)],
) -> Result<Vec<(String, f64)>, SessionError> {
    let Some(graph) = &meant.graph else { return Ok(Vec::new()) };
    if graph.slots.iter().any(|slot| slot.seed > 0) {
        return Ok(own.to_vec());
    }
    let beside = meant.recipe.rung(Some(NOISE)).and_then(|rung| Graph::of(project, &meant.recipe, photos, &rung));
    let Ok(beside) = beside else { return Ok(Vec::new()) };
    let values = by_training(project, &beside.stage(Task::Score)?.artefact())?;
    Ok(beside.slots.iter().map(ToString::to_string).zip(values).collect())
}

/// What each training of a score came to; nothing where it is not in the store.
fn by_training(project: &Project, key: &Key) -> Result<Vec<f64>, SessionError> {
    let meta = project.store.meta("score", key)?;
    Ok(meta.and_then(|meta| meta.facts.get("folds")?.decode().ok()).unwrap_or_default())
}

/// Seconds that the stages took, each once, and those of them that were training.
fn seconds(project: &Project, meant: &Meant) -> Result<[f64; 2], SessionError> {
    let mut seconds = [0.0; 2];
    let mut counted = HashSet::new();
    for stage in meant.stages.iter().filter(|stage| counted.insert((&stage.name, stage.key))) {
        if let Some(meta) = project.store.meta(&stage.name, &stage.key)? {
            seconds[0] += meta.seconds;
            seconds[1] += if stage.name == "fit" { meta.seconds } else { 0.0 };
        }
    }
    Ok(seconds)
}

/// A score minus that of a recipe on the rung of the same name, where both examine the same folds.
fn against(
    project: &Project,
    photos: &Photos,
    other: &str,
    rung: &str,
    (own, folds): (&Score, Option<&str>),
) -> Result<Option<Delta>, SessionError> {
    let Ok(other) = project.recipe(other) else { return Ok(None) };
    let Ok(rung) = other.rung(Some(rung)) else { return Ok(None) };
    if other.is_broken() {
        return Ok(None);
    }
    let Ok(graph) = Graph::of(project, &other, photos, &rung) else { return Ok(None) };
    let found = score_at(project, &graph.stage(Task::Score)?.artefact())?;
    Ok(found.filter(|(_, theirs)| theirs.as_deref() == folds).and_then(|(score, _)| paired(photos, own, &score)))
}
