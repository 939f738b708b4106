//! Carries a plan out: runs what must run, in order, as one run with its events.
//!
//! Takes a recipe and a rung; gives the score. Everything that it does is a stage of the plan, so a
//! second brewing of the same recipe finds all of it in the store. A run that was stopped or lost is
//! gone on with under its own id when the recipe still means the same stages.
//!
//! - [`graph`]: the stages that a recipe means; [`rung`]: how far up the ladder it is taken;
//! - [`verdict`]: what its decider says of its training; [`climb`]: many recipes up their ladders, fewer on each rung;
//! - [`steps`]: the steps of a plan, one after the other;
//! - [`lock`]: what is needed to do a run again;
//! - [`worker`]: brews the jobs of the queue, detached from any terminal;
//! - [`told`]: its log, what of it somebody wants to hear of, whether it ends before the deadline;
//! - [`stopwatch`]: tries a few batches where nothing tells how long a stage takes.

pub mod climb;
pub mod graph;
pub mod lock;
pub mod rung;
mod steps;
pub mod stopwatch;
pub mod told;
pub mod verdict;
pub mod worker;

use std::collections::BTreeSet;

use serde::Serialize;

pub use self::told::{due, happened};
use self::verdict::Council;
use super::stages::{self, Bench};
use super::{Graph, Photos, Project, Recipe, Rung, SessionError, Slot};
use crate::base::{Cancel, Key};
use crate::dag::{self, Action, Board, Event, History, Plan, RunState, RunView, Runs, Start, Step};
use crate::score::decide::Advice;
use crate::score::metric::Score;

/// What brewing gave.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Brewed {
    /// Name of the recipe.
    pub recipe: String,
    /// "MRR@20".
    pub metric: String,
    /// The mean over queries.
    pub score: f64,
    /// Its 95 % interval.
    pub interval: [f64; 2],
    /// What it took.
    pub seconds: f64,
    /// Stages that were found in the store.
    pub reused: Vec<String>,
}

/// How to go about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// Run only when everything that would run is cheap, and stop what takes three times as long as thought.
    pub only_cheap: bool,
    /// Run the steps that are cheap and wait for nothing dear, and leave the others.
    pub part: bool,
    /// Have every network that answers the host, by `[final]`.
    pub networks: bool,
    /// Have the trainings themselves, also where all that follows from them is there.
    pub fits: bool,
    /// Embed the host's queries and gallery by these as well, for a submission.
    pub host: bool,
    /// Embed the training photos as well, to judge their labels.
    pub train: bool,
    /// Have all that a review of the labelled photos reads.
    pub review: Review,
    /// Find out what each post step is worth.
    pub gain: Weigh,
    /// Whether what the recipe's decider says is done; where nothing is said here, as `[decide] auto` has it.
    pub decide: Option<bool>,
}

/// What is made for a review of the labelled photos.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Review {
    /// Nothing.
    #[default]
    Nothing,
    /// Their embeddings.
    Photos,
    /// Those, embeddings of their parts, and where networks look.
    Parts,
}

/// Whether it is found out what each post step is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weigh {
    /// No.
    #[default]
    Never,
    /// Where it takes no longer than what runs by itself.
    IfCheap,
    /// Whatever it takes.
    Always,
}

/// The graph of a recipe and its plan as things stand.
pub struct Planned {
    /// The graph.
    pub graph: Graph,
    /// The plan.
    pub plan: Plan,
}

/// Plans a recipe without mistakes. `board` must be fresh.
///
/// # Errors
/// When the recipe does not fit the data.
pub fn plan(
    project: &Project,
    recipe: &Recipe,
    photos: &Photos,
    rung: &Rung,
    board: &Board,
    history: &History,
) -> Result<Planned, SessionError> {
    let mut graph = Graph::of(project, recipe, photos, rung)?;
    let previous = board.previous(&recipe.name);
    describe_data(project, photos, &mut graph, previous.as_ref());
    let auto = project.competition.workbench.auto_seconds;
    let mut plan = dag::plan(&graph.nodes, &project.store, previous.as_ref(), history, auto);
    if let Some(name) = project.unfetched(recipe) {
        let needs = |step: &&mut Step| needs_weights(&graph, &step.stage) && step.action == Action::Run;
        for step in plan.steps.iter_mut().filter(needs) {
            step.reason = format!("{}; {name} is fetched first", step.reason);
        }
    }
    Ok(Planned { graph, plan })
}

/// Whether a stage begins with the recipe's weights: training, or embedding where nothing is trained.
fn needs_weights(graph: &Graph, stage: &dag::Stage) -> bool {
    stage.name == if graph.epochs == 0 { "embed" } else { "fit" }
}

impl Planned {
    /// The same for a submission: with the host's photos, and the training on every labelled photo where `[final]` asks for it.
    ///
    /// # Errors
    /// When the tables name no query or no gallery, or `[final]` does not fit.
    pub fn with_host(
        mut self,
        project: &Project,
        recipe: &Recipe,
        photos: &Photos,
        board: &Board,
        history: &History,
    ) -> Result<Planned, SessionError> {
        self.graph.add_host(project, recipe, photos)?;
        Ok(self.again(project, recipe, board, history))
    }

    /// The plan of the graph as it is now.
    fn again(self, project: &Project, recipe: &Recipe, board: &Board, history: &History) -> Planned {
        let (auto, previous) = (project.competition.workbench.auto_seconds, board.previous(&recipe.name));
        let plan = dag::plan(&self.graph.nodes, &project.store, previous.as_ref(), history, auto);
        Planned { plan, ..self }
    }
}

/// Says in words what changed in the data since the recipe's last run.
fn describe_data(project: &Project, photos: &Photos, graph: &mut Graph, previous: Option<&dag::Previous>) {
    let Some(old) = previous.and_then(|p| p.stages.iter().find(|stage| stage.name == "data")) else { return };
    let now = graph.nodes.iter().find(|node| node.stage.name == "data").map(|node| node.stage.artefact());
    if now == Some(old.key) {
        return;
    }
    let Some(words) = stages::data::changes(project, photos, &old.key) else { return };
    for node in graph.nodes.iter_mut().filter(|node| ["data", "fit"].contains(&node.stage.name)) {
        node.described.insert("photos".to_owned(), words.clone());
    }
}

/// Runs a recipe up to a rung.
///
/// # Errors
/// When it has mistakes, something fails, or on a stop ([`SessionError::is_cancelled`]).
pub fn brew(
    project: &Project,
    recipe: &Recipe,
    photos: &Photos,
    rung: &Rung,
    manner: Manner,
    listen: &(dyn Fn(&Event) + Sync),
    cancel: &Cancel,
) -> Result<Brewed, SessionError> {
    if recipe.is_broken() {
        let count = recipe.diagnostics.iter().filter(|d| d.is_error()).count();
        return Err(SessionError::Mistakes(format!("{} has {count} mistake(s)", recipe.book.file.display())));
    }
    if let Some(name) = project.unfetched(recipe) {
        // Before the plan: the stages' keys are made of what comes.
        let progress = |what: &str, done: u64, total: u64, unit: &str| {
            let (stage, part, what, unit) = ("fit".to_owned(), String::new(), what.to_owned(), unit.to_owned());
            listen(&Event::Progress { stage, part, what, done, total, unit });
        };
        project.fetch(&name, &progress, cancel)?;
        listen(&Event::Note { text: format!("{name} is in {}", project.around.hub.cache.display()) });
    }
    if stages::ensemble::is_one(recipe) {
        // Members that cannot answer together are not trained for it.
        Graph::of(project, recipe, photos, rung)?;
    }
    members_first(project, recipe, photos, rung, manner, listen, cancel)?;
    if manner.host || manner.networks {
        folds_first(project, recipe, photos, rung, manner, listen, cancel)?;
    }
    // Until the run says what it uses, nothing that the plan finds may be tidied away.
    let entering = project.store.entering()?;
    let runs = Runs::open(&project.toji);
    let mut board = Board::new();
    board.refresh(&runs);
    let history = History::load(&project.store, &project.around.bench());
    let mut planned = plan(project, recipe, photos, rung, &board, &history)?;
    if manner.host {
        planned.graph.add_host(project, recipe, photos)?;
    } else if manner.networks {
        planned.graph.add_answering(project, recipe, photos)?;
    }
    if manner.networks || manner.fits || (manner.host && planned.graph.goes_by_heads(recipe)) {
        planned.graph.want_fits();
    }
    if manner.train {
        planned.graph.add_train(project, recipe, photos)?;
    }
    if manner.review != Review::Nothing {
        planned.graph.add_review(project, recipe, photos, manner.review == Review::Parts)?;
    }
    if manner.gain != Weigh::Never {
        planned.graph.add_gain(project, recipe);
    }
    if manner.host
        || manner.networks
        || manner.fits
        || manner.train
        || manner.review != Review::Nothing
        || planned.graph.place(stages::Task::Gain).is_some()
    {
        planned = planned.again(project, recipe, &board, &history);
    }
    if let (Weigh::IfCheap, Some(place)) = (manner.gain, planned.graph.place(stages::Task::Gain))
        && !planned.plan.steps[place].cheap
    {
        planned.graph.without_gain();
        planned = planned.again(project, recipe, &board, &history);
    }
    let Planned { graph, plan } = planned;
    if let Some(step) = plan.steps.iter().find(|step| step.action == Action::Blocked) {
        return Err(SessionError::Unfit(format!("{}: {}", step.label(), step.reason)));
    }
    if manner.only_cheap && !plan.starts_by_itself() {
        return Err(SessionError::Unfit("not cheap any more: it waits to be asked".to_owned()));
    }
    if manner.part && !plan.running().any(|step| step.by_itself) {
        return Err(SessionError::Unfit("no step of it is cheap and waits for nothing dear".to_owned()));
    }
    let rung_name = rung.to_string();
    let recorded = graph.recorded();
    let text = lock::text(project, recipe, photos, &graph, rung);
    let start = Start {
        recipe: &recipe.name,
        rung: &rung_name,
        pid: project.around.pid,
        command: &project.around.command,
        machine: &project.around.machine,
        lock: &text,
        stages: &recorded,
    };
    let clock = project.around.clock.clone();
    let run = match board.latest(&recipe.name).filter(|view| goes_on(view, &recorded)) {
        Some(view) => runs.resume(view.id(), &start, clock)?,
        None => runs.start(&start, clock)?,
    };
    drop(entering);
    let log = told::log::Log::open(&run, &project.around)?;
    // The run's own file has its beginning and its end from the run itself.
    let say = |event: Event| {
        log.write(&event);
        listen(&event);
    };
    say(run.began(&start));
    let tell = |event: Event| {
        log.write(&event);
        listen(&event);
        // A full disk is met by the next artefact, whose error names the file.
        let _ = run.emit(event);
    };
    for text in project.around.processor.displaced().into_iter().chain(photos.notes.iter().map(String::as_str)) {
        tell(Event::Note { text: text.to_owned() });
    }
    for warning in &recipe.diagnostics {
        let help = warning.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
        tell(Event::Warning { text: format!("{}{help}", warning.message) });
    }
    // A stop that the decider wants is a stop of this run alone.
    let own = cancel.child();
    let decided = std::sync::Mutex::new(None);
    // Made when a training is first evaluated: it plans all recipes.
    let council = std::sync::OnceLock::new();
    let rung_end = rung.epochs(graph.epochs);
    let judge = |slot: Slot, epoch: usize| {
        if graph.slots.first() != Some(&slot) {
            return;
        }
        let council = council.get_or_init(|| Council::on(project, recipe, photos, rung, project.pinned().as_deref()));
        let verdict = match council {
            Ok(council) => {
                council.verdict(&graph, rung_end, epoch).map(|found| found.map(|(_, verdict)| (council, verdict)))
            }
            Err(error) => return tell(Event::Note { text: format!("no advice: {}", chain(error)) }),
        };
        match verdict {
            Ok(Some((council, verdict))) => {
                let acted = manner.decide.unwrap_or(council.auto) && verdict.advice == Advice::Stop && epoch < rung_end;
                if let (true, Ok(mut decided)) = (acted, decided.lock()) {
                    *decided = Some(verdict.reason.clone());
                    own.cancel();
                }
                tell(council.told(&slot.to_string(), epoch, verdict, acted));
            }
            Ok(None) => {}
            Err(error) => tell(Event::Note { text: format!("no advice: {}", chain(&error)) }),
        }
    };
    let bench = Bench { judge: Some(&judge), ..Bench::new(project, recipe, photos, &graph, &tell, &own) };
    let done = steps::watched(&run, &own, || steps::all(&bench, &plan, &run, manner));
    let began = run.started();
    match done {
        Ok((score, reused)) => {
            let seconds = project.around.clock.now().since(began);
            say(Event::RunFinished { seconds });
            run.finish()?;
            let Score { metric, value, interval, .. } = score;
            Ok(Brewed { recipe: recipe.name.clone(), metric, score: value, interval, seconds, reused })
        }
        Err(error) if error.is_cancelled() => {
            let decided = decided.into_inner().ok().flatten();
            if let Some(reason) = decided {
                say(Event::RunStopped { reason: reason.clone() });
                run.stop(reason.clone())?;
                return Err(SessionError::Decided { recipe: recipe.name.clone(), reason });
            }
            let reason = run.stop_requested().unwrap_or_else(|| "asked to".to_owned());
            say(Event::RunStopped { reason: reason.clone() });
            run.stop(reason)?;
            Err(error)
        }
        Err(SessionError::Part { recipe, left }) => {
            let reason = format!("its cheap part is done; {left} is left to be asked for");
            say(Event::RunStopped { reason: reason.clone() });
            run.stop(reason)?;
            Err(SessionError::Part { recipe, left })
        }
        Err(error) => {
            let text = chain(&error);
            say(Event::RunFailed { error: text.clone() });
            // Where not even that can be written (a full disk), the run reads as lost; why it failed is told here all the same.
            let _ = run.fail(text);
            Err(error)
        }
    }
}

/// Brings the members of an ensemble up to the rung, each in a run of its own, which it would have had without the ensemble.
fn members_first(
    project: &Project,
    recipe: &Recipe,
    photos: &Photos,
    rung: &Rung,
    manner: Manner,
    listen: &(dyn Fn(&Event) + Sync),
    cancel: &Cancel,
) -> Result<(), SessionError> {
    for (_, member) in stages::ensemble::members::recipes(project, recipe)? {
        cancel.check()?;
        let mut board = Board::new();
        board.refresh(&Runs::open(&project.toji));
        let history = History::load(&project.store, &project.around.bench());
        let mut planned = self::plan(project, &member, photos, rung, &board, &history)?;
        if manner.host {
            planned = planned.with_host(project, &member, photos, &board, &history)?;
        } else if manner.networks {
            planned.graph.add_answering(project, &member, photos)?;
            planned.graph.want_fits();
            planned = planned.again(project, &member, &board, &history);
        }
        if planned.plan.is_fresh() {
            continue;
        }
        listen(&Event::Note { text: format!("{} is a member and is brought up to {rung} first", member.name) });
        // Whether it beats the pin is not asked here: it is wanted.
        let gain = if manner.gain == Weigh::Always { Weigh::Never } else { manner.gain };
        let manner = Manner { gain, train: false, decide: Some(false), ..manner };
        brew(project, &member, photos, rung, manner, listen, cancel)?;
        listen(&Event::Note { text: format!("{} is there", member.name) });
    }
    Ok(())
}

/// Trains the folds in a run of their own where they say how long the training on every labelled photo is, and have not said it yet.
fn folds_first(
    project: &Project,
    recipe: &Recipe,
    photos: &Photos,
    rung: &Rung,
    manner: Manner,
    listen: &(dyn Fn(&Event) + Sync),
    cancel: &Cancel,
) -> Result<(), SessionError> {
    if !graph::host::settings(recipe)?.has_all_data() {
        return Ok(());
    }
    let known = || Graph::of(project, recipe, photos, rung)?.epochs_of_all_data(project, recipe);
    if known()?.is_none() {
        let text = "the folds come first: their best epochs say how long the training on every labelled photo is";
        listen(&Event::Note { text: text.to_owned() });
        let folds = Manner { host: false, networks: false, fits: true, ..manner };
        brew(project, recipe, photos, rung, folds, listen, cancel)?;
        if known()?.is_none() {
            let text = "which epochs were best on the folds is not known: their trainings kept none by how they are evaluated now; write [final] epochs";
            return Err(SessionError::Unfit(text.to_owned()));
        }
    }
    Ok(())
}

/// Whether a run can be gone on with: it did not end by itself, and set out to do the same.
fn goes_on(view: &RunView, stages: &[dag::Recorded]) -> bool {
    let keys = |stages: &[dag::Recorded]| stages.iter().map(|stage| stage.key).collect::<BTreeSet<Key>>();
    matches!(view.state(), RunState::Lost | RunState::Stopped(_) | RunState::Failed(_))
        && view.previous().is_ok_and(|previous| keys(&previous.stages) == keys(stages))
}

/// An error with its causes, on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let told = cause.to_string();
        if !text.contains(&told) {
            text.push_str(": ");
            text.push_str(&told);
        }
        source = cause.source();
    }
    text
}
