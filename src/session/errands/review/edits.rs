//! What a person decided about photos: written down, taken back, weighed.
//!
//! Takes decisions; checks them against the tables, says what they would run again, and appends them to `edits.csv`. A recipe is weighed by
//! running it on the tables as they are and as they were edited: the difference is over the queries that both have.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use serde::Serialize;

use crate::base::clock::DAY;
use crate::base::{Cancel, Progress, Seed};
use crate::dag::{self, Board, Event, History, Runs};
use crate::data::manifest::edits::{self, Counts, Edit, Edits};
use crate::score::bootstrap::{self, Delta};
use crate::score::metric::Score;
use crate::session::brew::{self, Manner};
use crate::session::stages::{Task, score};
use crate::session::{Graph, Photos, Project, Recipe, Rung, SessionError};

/// What decisions would do.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Preview {
    /// How many photos are edited with them.
    pub counts: Counts,
    /// What is worth saying.
    pub notes: Vec<String>,
    /// For each recipe without mistakes what would run.
    pub recipes: Vec<Rerun>,
}

/// What would run of a recipe.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Rerun {
    /// Its name.
    pub recipe: String,
    /// The rung.
    pub rung: String,
    /// Stages that would run, and would not as things stand.
    pub stages: Vec<String>,
    /// What they should take, in seconds; nothing where no history tells.
    pub seconds: Option<f64>,
}

/// A recipe on the tables as they are, and as they were edited.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Weighed {
    /// The recipe.
    pub recipe: String,
    /// "MRR@20".
    pub metric: String,
    /// What was edited.
    pub counts: Counts,
    /// The score on the tables as they are, over all queries.
    pub before: f64,
    /// The score on the edited ones, over all theirs.
    pub after: f64,
    /// After minus before, over the queries that both have.
    pub difference: f64,
    /// Its 95 % interval.
    pub interval: [f64; 2],
    /// The chance that after is better.
    pub better: f64,
    /// Queries that both have.
    pub queries: usize,
}

/// The file of edits of a project.
pub fn file(project: &Project) -> PathBuf {
    project.root.join(edits::FILE)
}

fn lock(project: &Project) -> PathBuf {
    project.toji.join("edits.lock")
}

/// The edits as a row each, dated now.
pub fn dated(project: &Project, edits: Vec<Edit>) -> Vec<Edit> {
    let now = project.around.clock.now();
    // To the millisecond, since what has one date is taken back together.
    let clock = (now.0.rem_euclid(DAY) * 1000.0) as u64;
    let (seconds, rest) = (clock / 1000, clock % 1000);
    let time = format!("{:02}:{:02}:{:02}.{rest:03}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let date = format!("{}T{time}Z", now.date(0.0));
    edits.into_iter().map(|edit| Edit { date: date.clone(), ..edit }).collect()
}

/// Appends decisions to `edits.csv`; nothing is written where one of them cannot be meant, or an id is no photo's.
///
/// # Errors
/// What is wrong with the file or with one of them.
pub fn decide(project: &Project, photos: &Photos, more: &[Edit]) -> Result<(), SessionError> {
    let tables = photos.manifest.tables();
    let known: HashSet<&str> = tables.photos.iter().map(|photo| photo.id.as_str()).collect();
    let strange = more.iter().find(|edit| !known.contains(edit.id.as_str()));
    if let Some(edit) = strange {
        let id = crate::base::text::fit(&edit.id, 60);
        return Err(SessionError::Unfit(format!("no table has a photo {id:?}; nothing was written")));
    }
    project.edits()?.with(more).apply(tables.clone())?;
    Ok(edits::append(&file(project), &lock(project), project.competition.data.encoding, more)?)
}

/// Takes the last decisions back: all that were made together. Gives them.
///
/// # Errors
/// When the file has mistakes or cannot be written.
pub fn undo(project: &Project) -> Result<Vec<Edit>, SessionError> {
    Ok(edits::undo(&file(project), &lock(project), project.competition.data.encoding)?)
}

/// What decisions would do, were they added to those that are there.
///
/// # Errors
/// What is wrong with the file or with one of them.
pub fn preview(
    project: &Project,
    photos: &Photos,
    recipes: &[Recipe],
    more: &[Edit],
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Preview, SessionError> {
    let all = project.edits()?.with(more);
    let after = Photos::read_edited(project, Some(&all), progress, cancel)?;
    let mut board = Board::new();
    board.refresh(&Runs::open(&project.toji));
    let history = History::load(&project.store, &project.around.bench());
    let mut preview = Preview {
        counts: after.manifest.edited.as_ref().map_or_else(Counts::default, |edited| edited.counts),
        notes: after.notes.iter().filter(|note| !photos.notes.contains(note)).cloned().collect(),
        recipes: Vec::new(),
    };
    for recipe in recipes.iter().filter(|recipe| !recipe.is_broken()) {
        let rung = recipe.rung(None)?;
        let now = brew::plan(project, recipe, photos, &rung, &board, &history);
        let then = brew::plan(project, recipe, &after, &rung, &board, &history)?;
        let would = |plan: &dag::Plan| -> Vec<String> {
            let runs = plan.steps.iter().filter(|step| step.action == dag::Action::Run);
            runs.map(dag::Step::label).collect()
        };
        let already = now.as_ref().map(|now| would(&now.plan)).unwrap_or_default();
        let stages: Vec<String> = would(&then.plan).into_iter().filter(|stage| !already.contains(stage)).collect();
        // The list of photos is made anew in any case, also for a recipe that never ran.
        if stages.iter().any(|stage| stage != "data") {
            let (recipe, rung) = (recipe.name.clone(), rung.name.clone());
            preview.recipes.push(Rerun { recipe, rung, seconds: then.plan.seconds(), stages });
        }
    }
    Ok(preview)
}

/// Runs a recipe up to a rung on the tables as they are and as they were edited, where that was not done, and sets the scores side by side.
///
/// # Errors
/// When nothing is edited, the recipe cannot run, the two share no query, or on a stop.
pub fn weigh(
    project: &Project,
    recipe: &Recipe,
    photos: &Photos,
    rung: &Rung,
    listen: &(dyn Fn(&Event) + Sync),
    cancel: &Cancel,
) -> Result<Weighed, SessionError> {
    let Some(edited) = &photos.manifest.edited else {
        let file = file(project);
        return Err(SessionError::Unfit(format!("{} edits no photo, so there is nothing to weigh", file.display())));
    };
    let tables = Photos::read_edited(project, Some(&Edits::default()), &crate::base::progress::Silent, cancel)?;
    let score = |photos: &Photos| -> Result<Score, SessionError> {
        brew::brew(project, recipe, photos, rung, Manner::default(), listen, cancel)?;
        let graph = Graph::of(project, recipe, photos, rung)?;
        let stage = graph.stage(Task::Score)?;
        Ok(Score::load(&project.store.folder(stage.name, &stage.artefact())?.join(score::FILE))?)
    };
    // The edited one last, so that the board shows it.
    let (before, mut after) = (score(&tables)?, score(photos)?);
    let value = after.value;
    // By places of the tables.
    let back: HashMap<u32, u32> = (0u32..).zip(&edited.place).filter_map(|(old, new)| Some(((*new)?, old))).collect();
    let far = u32::MAX;
    after.queries.iter_mut().for_each(|photo| *photo = back.get(photo).copied().unwrap_or(far));
    let labels = tables.labels();
    let group = |photo: u32| labels.get(photo as usize).copied().flatten().unwrap_or(far);
    let Delta { value: difference, interval, better, queries, .. } =
        bootstrap::paired(&after, &before, group, Seed::new(score::BOOTSTRAP))?;
    let (recipe, metric, counts) = (recipe.name.clone(), before.metric.clone(), edited.counts);
    Ok(Weighed { recipe, metric, counts, before: before.value, after: value, difference, interval, better, queries })
}
