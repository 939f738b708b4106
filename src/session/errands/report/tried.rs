//! What was tried: all recipes as a tree, runs that came to no end, ablations, the simplest that is nearly as good.
//!
//! Takes recipes, snapshot and store; pairs each recipe with its parent and with the pin on the highest rung on which both have a score over equal
//! folds. Losses and failures are told like gains: who reads only what worked learns that everything works.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;

use super::subject::{self, Meant, Subject};
use crate::base::{Cancel, Key};
use crate::dag::{self, RunState};
use crate::score::bootstrap::Delta;
use crate::score::metric::Score;
use crate::session::errands::looking::compare::{differences, is_about};
use crate::session::snapshot::{self, Snapshot, State};
use crate::session::stages::Task;
use crate::session::{Graph, Ladder, Photos, Project, Recipe, SessionError};

/// Runs without an end that are told one by one.
const TOLD: usize = 40;
/// The share of the score that a simple recipe must reach.
pub const NEARLY: f64 = 0.95;

/// One recipe of the project.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tried {
    /// Its name.
    pub name: String,
    /// Its first heading.
    pub title: String,
    /// The recipe that it extends.
    pub parent: Option<String>,
    /// How many parents it has above it in this list.
    pub depth: usize,
    /// How it stands.
    pub state: State,
    /// The highest rung on which its text has a score.
    pub rung: String,
    /// Its score there, or, marked as stale, that of an older text.
    pub score: Option<snapshot::Score>,
    /// This minus its parent.
    pub to_parent: Option<Delta>,
    /// This minus the pin.
    pub to_pin: Option<Delta>,
    /// What it changes against its parent: `[loss] margin 17.2 → 22.9`.
    pub changes: Vec<String>,
    /// What came of it.
    pub outcome: Outcome,
    /// Why it failed, was stopped or has no score, in the words that were recorded.
    pub why: Option<String>,
    /// Seconds that its stages took.
    pub seconds: Option<f64>,
}

/// What came of a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The others are compared with it.
    Pin,
    /// Better than the pin, for certain.
    Better,
    /// Worse than the pin, for certain.
    Worse,
    /// Neither for certain.
    Undecided,
    /// It has a score that cannot be paired with the pin's.
    Unpaired,
    /// It failed.
    Failed,
    /// It was stopped.
    Stopped,
    /// Its worker died.
    Lost,
    /// It has mistakes.
    Broken,
    /// It never came to a score.
    Unscored,
}

/// A run that came to no end.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ended {
    /// The recipe.
    pub recipe: String,
    /// The rung.
    pub rung: String,
    /// The day on which it began, on the host's clock.
    pub date: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Why.
    pub why: String,
}

/// A recipe that differs from the subject in one key.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ablation {
    /// The other recipe.
    pub recipe: String,
    /// `[loss] margin`.
    pub key: String,
    /// What the subject has there.
    pub own: Option<String>,
    /// What the other has.
    pub other: Option<String>,
    /// On which rung both were scored; empty where they were not.
    pub rung: String,
    /// The other's score there.
    pub score: Option<f64>,
    /// The subject minus the other.
    pub delta: Option<Delta>,
}

/// The cheapest recipe that is nearly as good.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Simple {
    /// Its name.
    pub recipe: String,
    /// Whether that is the subject itself.
    pub is_subject: bool,
    /// On which rung.
    pub rung: String,
    /// Its score there.
    pub score: f64,
    /// That as a share of the subject's.
    pub share: f64,
    /// Seconds that its stages took.
    pub seconds: f64,
    /// The same of the subject.
    pub of_subject: f64,
    /// Numbers that learn.
    pub parameters: Option<u64>,
}

/// The scores of a recipe on a rung.
struct Scored {
    rung: String,
    folds: Key,
    score: Arc<Score>,
    seconds: f64,
}

/// All recipes with their scores, the highest rung first.
pub struct Board {
    recipes: Vec<(Recipe, Vec<Scored>)>,
}

impl Board {
    /// Reads the scores that lie in the store.
    ///
    /// # Errors
    /// On a stop, or when a score cannot be read.
    pub fn read(project: &Project, photos: &Photos, cancel: &Cancel) -> Result<Board, SessionError> {
        let mut known: HashMap<Key, Arc<Score>> = HashMap::new();
        let mut recipes = Vec::new();
        for recipe in project.recipes() {
            cancel.check()?;
            let ladder = if recipe.is_broken() { None } else { Ladder::of(&recipe).ok() };
            let mut scored = Vec::new();
            for rung in ladder.iter().flat_map(|ladder| ladder.rungs().iter().rev()) {
                // What cannot be planned has no score; its message says why.
                let Ok(graph) = Graph::of(project, &recipe, photos, rung) else { continue };
                let (key, folds) = (graph.stage(Task::Score)?.artefact(), graph.stage(Task::Fold)?.artefact());
                let score = match known.get(&key) {
                    Some(score) => score.clone(),
                    None => match subject::score_at(project, &key)? {
                        Some((score, _)) => Arc::new(score),
                        None => continue,
                    },
                };
                known.insert(key, score.clone());
                let seconds = seconds(project, &graph)?;
                scored.push(Scored { rung: rung.to_string(), folds, score, seconds });
            }
            recipes.push((recipe, scored));
        }
        Ok(Board { recipes })
    }

    fn of(&self, name: &str) -> Option<&(Recipe, Vec<Scored>)> {
        self.recipes.iter().find(|(recipe, _)| recipe.name == name)
    }

    /// The highest rung on which both have a score over equal folds.
    fn common<'a>(own: &'a [Scored], other: &'a [Scored]) -> Option<(&'a Scored, &'a Scored)> {
        let twin = |one: &&Scored| other.iter().find(|two| two.rung == one.rung && two.folds == one.folds);
        own.iter().find_map(|one| Some((one, twin(&one)?)))
    }

    fn delta(&self, photos: &Photos, own: &str, other: &str) -> Option<Delta> {
        let (own, other) = (&self.of(own)?.1, &self.of(other)?.1);
        let (one, two) = Board::common(own, other)?;
        subject::paired(photos, &one.score, &two.score)
    }
}

/// Seconds that the stages of a graph took, each once.
fn seconds(project: &Project, graph: &Graph) -> Result<f64, SessionError> {
    let mut counted = std::collections::HashSet::new();
    let mut sum = 0.0;
    for stage in graph.nodes.iter().map(|node| &node.stage) {
        if counted.insert((stage.name, stage.artefact())) {
            sum += project.store.meta(stage.name, &stage.artefact())?.map_or(0.0, |meta| meta.seconds);
        }
    }
    Ok(sum)
}

/// All recipes, parents before their children, names in order.
pub(super) fn tree(board: &Board, photos: &Photos, snapshot: &Snapshot) -> Vec<Tried> {
    let mut children: BTreeMap<Option<&str>, Vec<&snapshot::Recipe>> = BTreeMap::new();
    let is_known = |name: &str| snapshot.recipes.iter().any(|recipe| recipe.name == name);
    for recipe in &snapshot.recipes {
        let parent = recipe.parent.as_deref().filter(|parent| is_known(parent) && *parent != recipe.name);
        children.entry(parent).or_default().push(recipe);
    }
    let mut found: Vec<Tried> = Vec::new();
    let mut open: Vec<(&snapshot::Recipe, usize)> =
        children.get(&None).into_iter().flatten().rev().map(|recipe| (*recipe, 0)).collect();
    while let Some((recipe, depth)) = open.pop() {
        // Recipes that extend each other in a ring are broken, and stand in nobody's tree.
        if found.len() >= snapshot.recipes.len() {
            break;
        }
        found.push(one(board, photos, snapshot, recipe, depth));
        let own = children.get(&Some(recipe.name.as_str())).into_iter().flatten();
        open.extend(own.rev().map(|child| (*child, depth + 1)));
    }
    for recipe in &snapshot.recipes {
        if !found.iter().any(|known| known.name == recipe.name) {
            found.push(one(board, photos, snapshot, recipe, 0));
        }
    }
    found
}

fn one(board: &Board, photos: &Photos, snapshot: &Snapshot, recipe: &snapshot::Recipe, depth: usize) -> Tried {
    let own = board.of(&recipe.name).and_then(|(_, scored)| scored.first());
    let to_parent = recipe.parent.as_deref().and_then(|parent| board.delta(photos, &recipe.name, parent));
    let is_pin = snapshot.pin.as_ref() == Some(&recipe.name);
    let pin = snapshot.pin.as_deref().filter(|_| !is_pin);
    let to_pin = pin.and_then(|pin| board.delta(photos, &recipe.name, pin));
    let outcome = match (recipe.state, own) {
        (State::Broken, _) => Outcome::Broken,
        (State::Failed, _) => Outcome::Failed,
        (State::Stopped, None) => Outcome::Stopped,
        (State::Lost, None) => Outcome::Lost,
        (_, None) => Outcome::Unscored,
        (_, Some(_)) if is_pin => Outcome::Pin,
        (_, Some(_)) => judged(to_pin.as_ref()),
    };
    let stale = || recipe.score.clone().map(|score| snapshot::Score { stale: true, ..score });
    let acted = recipe.advice.as_ref().filter(|advice| advice.acted && advice.advice == "stop");
    let why = match outcome {
        Outcome::Failed | Outcome::Stopped | Outcome::Lost | Outcome::Broken => recipe.message.clone(),
        Outcome::Unscored => recipe.message.clone(),
        Outcome::Unpaired => recipe.unpaired.clone(),
        _ => None,
    };
    Tried {
        name: recipe.name.clone(),
        title: recipe.title.clone(),
        parent: recipe.parent.clone(),
        depth,
        state: recipe.state,
        rung: own.map(|own| own.rung.clone()).unwrap_or_default(),
        score: own.map(|own| subject::shown(&own.score)).or_else(stale),
        to_parent,
        to_pin,
        changes: recipe.changes.clone(),
        outcome,
        why: acted.map(|advice| advice.reason.clone()).or(why),
        seconds: own.map(|own| own.seconds).filter(|seconds| *seconds > 0.0),
    }
}

/// What a difference to the pin says.
pub fn judged(delta: Option<&Delta>) -> Outcome {
    match delta.map(|delta| delta.interval) {
        None => Outcome::Unpaired,
        Some([low, _]) if low > 0.0 => Outcome::Better,
        Some([_, high]) if high < 0.0 => Outcome::Worse,
        Some(_) => Outcome::Undecided,
    }
}

/// Runs that came to no end, the newest first.
pub(super) fn ended(project: &Project, runs: &dag::Board) -> Vec<Ended> {
    let hours = project.competition.leaderboard.utc_offset;
    let one = |run: &dag::RunView| {
        let (outcome, why) = match run.state() {
            RunState::Failed(error) => (Outcome::Failed, error),
            RunState::Stopped(reason) => (Outcome::Stopped, reason),
            RunState::Lost => (Outcome::Lost, String::new()),
            RunState::Running | RunState::Finished => return None,
        };
        let (recipe, rung, date) = (run.told.recipe.clone(), run.told.rung.clone(), run.told.started.date(hours));
        Some(Ended { recipe, rung, date, outcome, why })
    };
    runs.runs().rev().filter_map(one).take(TOLD).collect()
}

/// Recipes that differ from the subject in one key, seeds and ladders left out.
pub(super) fn ablations(board: &Board, photos: &Photos, meant: &Meant) -> Vec<Ablation> {
    let own = board.of(&meant.recipe.name).filter(|(now, _)| now.key() == meant.recipe.key());
    let mut found = Vec::new();
    for (other, scored) in &board.recipes {
        if other.is_broken() || other.name == meant.recipe.name {
            continue;
        }
        let told = differences(&[&meant.recipe, other]);
        let [only] = told.as_slice() else { continue };
        if is_about(&only.key) || only.key == "[recipe] seed" || only.key.starts_with("[folds]") {
            continue;
        }
        let both = own.and_then(|(_, own)| Board::common(own, scored));
        found.push(Ablation {
            recipe: other.name.clone(),
            key: only.key.clone(),
            own: only.values.first().cloned().flatten(),
            other: only.values.get(1).cloned().flatten(),
            rung: both.map(|(own, _)| own.rung.clone()).unwrap_or_default(),
            score: both.map(|(_, other)| other.score.value),
            delta: both.and_then(|(own, other)| subject::paired(photos, &own.score, &other.score)),
        });
    }
    found
}

/// The cheapest recipe that reaches [`NEARLY`] of the subject's score on its folds; `None` where no other was scored there, or the subject was not.
pub(super) fn simple(
    project: &Project,
    board: &Board,
    meant: &Meant,
    subject: &Subject,
) -> Result<Option<Simple>, SessionError> {
    let (Some(score), Some(graph)) = (&subject.score, &meant.graph) else { return Ok(None) };
    let folds = graph.stage(Task::Fold)?.artefact();
    let of_subject = subject.seconds[0];
    let here = |scored: &&Scored| scored.rung == meant.rung && scored.folds == folds;
    let all = board.recipes.iter().filter_map(|(recipe, scored)| Some((recipe, scored.iter().find(here)?)));
    let others: Vec<(&Recipe, &Scored)> = all.filter(|(recipe, _)| recipe.name != meant.recipe.name).collect();
    if others.is_empty() {
        return Ok(None);
    }
    let enough = others.into_iter().filter(|(_, other)| other.score.value >= NEARLY * score.value);
    let cheapest = enough.min_by(|(_, a), (_, b)| a.seconds.total_cmp(&b.seconds));
    let cheaper = cheapest.filter(|(_, other)| other.seconds < of_subject);
    let share = |value: f64| if score.value > 0.0 { value / score.value } else { 1.0 };
    let (recipe, value, seconds) = match cheaper {
        Some((recipe, other)) => (recipe, other.score.value, other.seconds),
        None => (&meant.recipe, score.value, of_subject),
    };
    Ok(Some(Simple {
        recipe: recipe.name.clone(),
        is_subject: recipe.name == meant.recipe.name,
        rung: meant.rung.clone(),
        score: value,
        share: share(value),
        seconds,
        of_subject,
        parameters: project.cost(recipe).map(|(cost, _)| cost.parameters as u64),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_without_zero_decides() {
        let delta =
            |interval: [f64; 2]| Delta { value: 0.01, interval, better: 0.9, queries: 10, wins_ties_losses: [5, 3, 2] };
        assert_eq!(judged(Some(&delta([0.001, 0.02]))), Outcome::Better);
        assert_eq!(judged(Some(&delta([-0.02, -0.001]))), Outcome::Worse);
        assert_eq!(judged(Some(&delta([-0.001, 0.02]))), Outcome::Undecided);
        assert_eq!(judged(None), Outcome::Unpaired);
    }
}
