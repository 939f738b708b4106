//! What there is to tell of a recipe in the end, as one plain value.
//!
//! ```text
//!   snapshot, ledger, store, runs, reviews, edits.csv ── gather ─▶ Report ─▶ pages (show/report), JSON, a pack
//! ```
//!
//! Everything in it was recorded while the project was worked on: nothing is trained, nothing is asked of a person. What was not recorded is a
//! [`Gap`] with the command that would record it, never a guess. The only date that is not one of what was recorded is [`Report::written`].
//!
//! - [`subject`]: which text, score and stages are meant: a recipe's of now, or those of a line of the ledger;
//! - [`tried`]: the other recipes as a tree, ablations, the simplest that is nearly as good;
//! - [`made`]: what stages took, on what machine, with which weights and libraries;
//! - [`seen`]: what the data showed, and the best and worst queries with their photos;
//! - [`handed`]: submissions beside the leaderboard.

pub mod handed;
pub mod licences;
pub mod made;
pub mod seen;
pub mod subject;
pub mod tried;

use serde::Serialize;

use crate::base::{Cancel, Progress};
use crate::score::ensemble;
use crate::score::ledger::Entry;
use crate::session::errands::looking::compare::{Asked as Compared, Comparison};
use crate::session::snapshot::{Curve, Snapshot};
use crate::session::stages::post;
use crate::session::stages::post::gain::Gains;
use crate::session::{Photos, Project, Recipe, SessionError};

pub use handed::{Handed, Line};
pub use licences::Licence;
pub use made::{Made, Took, Weights};
pub use seen::{Data, Example, Examples, Looked};
pub use subject::{Subject, Text};
pub use tried::{Ablation, Ended, Outcome, Simple, Tried};

/// Of what a report tells.
#[derive(Clone, Debug)]
pub enum Whose {
    /// A recipe as it stands.
    Recipe(Box<Recipe>),
    /// A file that was handed in, as it was made.
    Submission(Box<Entry>),
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What the report is about.
    pub whose: Whose,
    /// Recipes that are set beside it, at most five.
    pub beside: Vec<Recipe>,
    /// The day that the report bears: `2026-11-28`.
    pub written: String,
    /// Queries that are shown of each kind, best and worst.
    pub queries: usize,
}

/// The facts of a report.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// The competition's name.
    pub project: String,
    /// "MRR@20".
    pub metric: String,
    /// The day on which it was written, as it was given.
    pub written: String,
    /// What it is about.
    pub subject: Subject,
    /// It beside others, where others were named.
    pub beside: Option<Comparison>,
    /// All recipes, parents before their children.
    pub tried: Vec<Tried>,
    /// Runs that came to no end, the newest first.
    pub ended: Vec<Ended>,
    /// How many runs there were in all.
    pub runs: usize,
    /// The series of its trainings.
    pub curves: Vec<Curve>,
    /// What its post steps are worth, where that was weighed.
    pub gains: Option<Gains>,
    /// What its members are worth, where it is an ensemble.
    pub members: Option<ensemble::Report>,
    /// What was handed in.
    pub handed: Handed,
    /// What was found in the data, and decided.
    pub data: Data,
    /// Queries with their answers.
    pub examples: Option<Examples>,
    /// Recipes that differ from it in one key.
    pub ablations: Vec<Ablation>,
    /// The cheapest recipe that is nearly as good.
    pub simple: Option<Simple>,
    /// What each stage took.
    pub stages: Vec<Took>,
    /// By what it was made.
    pub made: Made,
    /// The licences of what the program is built of.
    pub licences: Vec<Licence>,
    /// What was not recorded.
    pub gaps: Vec<Gap>,
}

/// Something that a report should tell and that was not recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// What.
    pub what: Lack,
    /// The command, or the line of a file, that would record it.
    pub command: String,
}

/// What may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lack {
    /// A score.
    Score,
    /// The spread between seeds.
    Seeds,
    /// All folds.
    Folds,
    /// Curves of its trainings.
    Curves,
    /// What post steps are worth.
    Gains,
    /// What the members of an ensemble are worth.
    Members,
    /// A submission.
    Submission,
    /// A number of the public leaderboard.
    Public,
    /// A number of the private leaderboard.
    Private,
    /// How the host divides its queries.
    Split,
    /// A look at the data.
    Review,
    /// Ranked lists.
    Queries,
    /// A recipe that differs in one key.
    Ablations,
    /// A simple recipe that is nearly as good.
    Simple,
    /// The run and its lock.
    Run,
    /// A commit of the project's repository.
    Commit,
    /// The licence of weights.
    Licence,
    /// Artefacts, which are no longer in the store.
    Artefacts,
}

/// What is told while facts are gathered, for a progress bar.
const STEPS: u64 = 6;

/// Gathers the facts. Nothing is trained and nothing is written.
///
/// # Errors
/// When the recipe has mistakes, a submission's text is no longer known, or what the store holds cannot be read.
pub fn gather(
    project: &Project,
    photos: &Photos,
    snapshot: &Snapshot,
    asked: &Asked,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Report, SessionError> {
    let at = |done: u64| progress.at("gather", done, STEPS, "parts");
    let mut gaps = Gaps::default();
    at(0);
    let runs = subject::runs(project);
    let looked = subject::look(project, photos, &runs, asked)?;
    let subject = subject::tell(project, photos, snapshot, &looked, &mut gaps)?;
    at(1);
    cancel.check()?;
    let board = tried::Board::read(project, photos, cancel)?;
    let tried = tried::tree(&board, photos, snapshot);
    let ended = tried::ended(project, &runs);
    let ablations = tried::ablations(&board, photos, &looked);
    let simple = tried::simple(project, &board, &looked, &subject)?;
    at(2);
    cancel.check()?;
    let curves = looked.run.as_ref().map(|run| crate::session::survey::curves::curves(run, &runs)).unwrap_or_default();
    let gains = gains(project, &looked)?;
    let is_ensemble = crate::session::stages::ensemble::is_one(&looked.recipe);
    let members = match (&looked.graph, is_ensemble) {
        (Some(graph), true) => crate::session::stages::ensemble::read(project, graph).ok(),
        _ => None,
    };
    at(3);
    let handed = handed::tell(project, snapshot, &looked, &mut gaps);
    let data = seen::data(project, photos, snapshot, &looked, &mut gaps)?;
    at(4);
    cancel.check()?;
    let examples = seen::examples(project, photos, &looked, asked.queries, cancel)?;
    at(5);
    let stages = made::stages(project, &looked)?;
    let made = made::tell(project, &looked, &mut gaps);
    let beside = match (asked.beside.is_empty(), &asked.whose) {
        (false, Whose::Recipe(own)) => {
            let all: Vec<&Recipe> = std::iter::once(own.as_ref()).chain(&asked.beside).collect();
            Some(Compared::of(project, photos, &all, None)?.compare()?)
        }
        _ => None,
    };
    // In the order of the report.
    let (name, rung) = (&looked.recipe.name, &looked.rung);
    let trained = looked.graph.as_ref().is_some_and(|graph| graph.epochs > 0);
    gaps.lacks(trained && !is_ensemble && curves.is_empty(), Lack::Curves, || format!("toji run {name} --rung {rung}"));
    let has_steps = post::has_steps(&looked.recipe);
    gaps.lacks(has_steps && gains.is_none(), Lack::Gains, || format!("toji post {name} --rung {rung}"));
    gaps.lacks(is_ensemble && members.is_none(), Lack::Members, || format!("toji ensemble {name} --rung {rung}"));
    gaps.lacks(examples.is_none(), Lack::Queries, || format!("toji run {name} --rung {rung}"));
    gaps.lacks(ablations.is_empty(), Lack::Ablations, || {
        format!("a recipe with [recipe] extends = \"{name}.md\" and one key changed; toji run it --rung {rung}")
    });
    gaps.lacks(simple.is_none(), Lack::Simple, || format!("toji run another recipe --rung {rung}"));
    gaps.lacks(stages.iter().any(|stage| stage.missing > 0), Lack::Artefacts, || {
        format!("toji run {name} --rung {rung}")
    });
    at(STEPS);
    Ok(Report {
        project: project.name(),
        metric: project.metric(),
        written: asked.written.clone(),
        subject,
        beside,
        tried,
        ended,
        runs: runs.runs().count(),
        curves,
        gains,
        members,
        handed,
        data,
        examples,
        ablations,
        simple,
        stages,
        made,
        licences: licences::all(),
        gaps: gaps.sorted(),
    })
}

/// What was noticed to be missing.
#[derive(Debug, Default)]
pub struct Gaps(Vec<Gap>);

impl Gaps {
    /// Notes that something is missing, if it is.
    fn lacks(&mut self, missing: bool, what: Lack, command: impl FnOnce() -> String) {
        if missing {
            self.0.push(Gap { what, command: command() });
        }
    }

    /// In the order of [`Lack`].
    fn sorted(mut self) -> Vec<Gap> {
        self.0.sort_by_key(|gap| gap.what);
        self.0
    }
}

/// The post steps' gains, as they lie in the store.
fn gains(project: &Project, looked: &subject::Meant) -> Result<Option<Gains>, SessionError> {
    let Some((stage, _)) = looked.graph.as_ref().and_then(|graph| graph.gain(project, &looked.recipe)) else {
        return Ok(None);
    };
    if !project.store.has(stage.name, &stage.artefact()) {
        return Ok(None);
    }
    let file = project.store.folder(stage.name, &stage.artefact())?.join(post::gain::FILE);
    let read = serde_json::from_slice(&crate::base::files::read(&file)?);
    read.map(Some).map_err(|error| SessionError::Unfit(format!("{}: {error}", file.display())))
}
