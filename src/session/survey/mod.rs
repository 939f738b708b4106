//! Looks at the files and gives a snapshot.
//!
//! Takes the project's folder; remembers what it read (recipes by stamp, runs by offset, photos until
//! the data changes) so that another look costs little. A viewer calls [`Survey::look`] when the
//! watch says so and a few times a second while something runs; it never computes anything dear.
//!
//! - [`compare`]: the recipes that a viewer compares;
//! - [`change`]: a value set in a recipe's text, and taken back;
//! - [`commands`]: what a viewer asks for, carried out;
//! - [`curves`]: the curves of a recipe's trainings;
//! - [`files`]: facts, photos and recipes, read when they changed;
//! - [`glance`]: whether pictures changed behind the tables;
//! - [`ledger`]: how submissions stand beside the leaderboard;
//! - [`plans`]: the plans of all recipes;
//! - [`pin`]: the recipe that the others are compared with;
//! - [`queries`]: the queries that a viewer looks at;
//! - [`queue`]: what runs, waits and was lost, its log, estimates beside what they came to;
//! - [`review`]: suspects, and what is decided about them;
//! - [`remembered`]: the board as it was, for the next start;
//! - [`rows`]: the recipes as they are shown, each made again when something of it changed;
//! - [`state`]: how one recipe stands: state, epoch, time left, plan;
//! - [`page`]: its prose and cells with what their stages last gave.

mod change;
mod commands;
mod compare;
pub(in crate::session) mod curves;
mod files;
mod glance;
mod ledger;
mod page;
mod pin;
mod plans;
mod queries;
pub mod queue;
mod remembered;
mod review;
mod rows;
mod state;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::board::choice::Choice;
use super::brew::{self, Planned, stopwatch};
use super::project::TOJI;
use super::project::watch::{Stamp, stamp};
use super::recipe::lineage::Lineage;
use super::snapshot::{Counting, Delta, Problem, Snapshot, Worker};
use super::{Photos, Project, Recipe, SessionError, Surroundings, recipe};
use crate::base::{Cancel, Key, Progress, Time, Value};
use crate::book::Diagnostic;
use crate::dag::{Board, History, Lane, Queue, RunState, Runs};
use crate::data::decode::Limits;
use crate::score::metric::Score;

/// A process beside the viewer, which itself computes nothing that takes memory or time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Helper {
    /// Does the queue's work, detached.
    Worker,
    /// Plans all recipes, trying a few batches where nothing tells how long stages take; then it ends.
    Trial,
}

/// Starts a process. Given by the binary.
pub type Launch = Arc<dyn Fn(Helper) -> std::io::Result<()> + Send + Sync>;

/// What is known of the project's files.
pub struct Survey {
    root: PathBuf,
    around: Surroundings,
    launch: Launch,
    queue: Queue,
    project: Result<Arc<Project>, Vec<Diagnostic>>,
    facts_stamp: Option<Stamp>,
    photos: Option<Result<Arc<Photos>, String>>,
    photos_stamp: Stamp,
    recipes: Vec<(Stamp, Arc<Recipe>)>,
    board: Board,
    history: History,
    plans: HashMap<String, (Key, Arc<Planned>)>,
    unplanned: HashMap<String, String>,
    scores: HashMap<Key, Arc<Scored>>,
    deltas: HashMap<(Key, Key), Option<Delta>>,
    paces: HashMap<String, state::Pace>,
    pending: BTreeSet<String>,
    samples: page::Samples,
    history_stamp: Stamp,
    tried: HashSet<Key>,
    glance: glance::Glance,
    submissions: ledger::Submissions,
    queries: queries::Asked,
    compared: compare::Compared,
    log: queue::log::Asked,
    estimates: queue::estimates::Known,
    rungs: HashMap<String, (Key, queue::Rungs)>,
    looked: Time,
    reviews: review::Reviews,
    changes: change::Changes,
    /// Rungs that were asked for instead of those that recipes had last.
    preferred: HashMap<String, String>,
    lineages: HashMap<String, (Arc<Recipe>, Arc<Lineage>)>,
    causes: HashMap<String, plans::Cause>,
    rows: rows::Rows,
    kept: remembered::Remembered,
    took: HashMap<Key, f64>,
    /// How often that changed.
    timed: u64,
    choice: Arc<Choice>,
    notice: Option<String>,
    /// A recipe whose work the notice tells of, and the notice: it goes when that has ended.
    announced: Option<(String, String)>,
    began: bool,
}

/// A score with the folds it belongs to: scores are paired only on equal folds.
struct Scored {
    key: Key,
    score: Score,
    fold: Option<Value>,
}

impl Survey {
    /// A survey of the project in `root`; reads nothing yet.
    pub fn new(root: &Path, around: &Surroundings, launch: Launch) -> Survey {
        Survey {
            root: root.to_owned(),
            around: around.clone(),
            launch,
            queue: Queue::open(&root.join(TOJI), &around.machine),
            project: Err(Vec::new()),
            facts_stamp: None,
            photos: None,
            photos_stamp: Stamp::new(),
            recipes: Vec::new(),
            board: Board::new(),
            history: History::new(),
            plans: HashMap::new(),
            unplanned: HashMap::new(),
            scores: HashMap::new(),
            deltas: HashMap::new(),
            paces: HashMap::new(),
            pending: BTreeSet::new(),
            samples: page::Samples::default(),
            history_stamp: Stamp::new(),
            tried: HashSet::new(),
            glance: glance::Glance::default(),
            submissions: ledger::Submissions::default(),
            queries: queries::Asked::default(),
            compared: compare::Compared::default(),
            log: queue::log::Asked::default(),
            estimates: queue::estimates::Known::default(),
            rungs: HashMap::new(),
            looked: Time(f64::NEG_INFINITY),
            reviews: review::Reviews::default(),
            changes: change::Changes::default(),
            preferred: HashMap::new(),
            lineages: HashMap::new(),
            causes: HashMap::new(),
            rows: rows::Rows::default(),
            kept: remembered::Remembered::default(),
            took: HashMap::new(),
            timed: 0,
            choice: Arc::new(Choice::load(&root.join(TOJI))),
            notice: None,
            announced: None,
            began: false,
        }
    }

    /// The folders whose direct files should be watched.
    pub fn folders(&self) -> Vec<PathBuf> {
        let mut folders = vec![self.root.clone()];
        if let Ok(project) = &self.project {
            folders.push(project.competition.workbench.recipes.clone());
            folders.push(project.competition.data.folder.clone());
        }
        // Runs, jobs and reviews of other processes: a run in another terminal, another workbench.
        folders
            .extend(["runs", "queue/waiting", "queue/workers", "reviews"].map(|name| self.root.join(TOJI).join(name)));
        folders.retain(|folder| folder.is_dir());
        folders.dedup();
        folders
    }

    /// The stamp of what a save waits for: the queue and the runs of cheap jobs, whose end is worth a look at once. `None` where nobody
    /// waits for any.
    pub fn awaited(&self) -> Option<Stamp> {
        let workers = self.queue.workers().into_iter().flat_map(|worker| worker.jobs);
        let mut jobs = self.queue.waiting().into_iter().chain(workers).filter(|job| job.lane == Lane::Cheap).peekable();
        jobs.peek()?;
        let toji = self.root.join(TOJI);
        let mut files = vec![toji.join("runs"), toji.join("queue/waiting")];
        files.extend(jobs.filter_map(|job| Some(self.board.latest(&job.recipe)?.folder().join("events.jsonl"))));
        Some(stamp(files.iter().map(PathBuf::as_path)))
    }

    /// What a photo may cost that a screen shows.
    pub fn limits(&self) -> Limits {
        self.project.as_ref().map(|project| project.competition.data.limits).unwrap_or_default()
    }

    /// Whether something runs or waits, so that looking again soon is worth it.
    pub fn is_busy(&self) -> bool {
        let waits = || !self.queue.waiting().is_empty();
        self.queue.has_background_worker() || waits() || self.board.runs().any(|run| run.state() == RunState::Running)
    }

    /// Reads what changed and gives the snapshot. `partly` is shown snapshots while reading takes long.
    pub fn look(&mut self, partly: &(dyn Fn(Snapshot) + Sync), cancel: &Cancel) -> Snapshot {
        if !self.began
            && let Some(board) = self.remembered()
        {
            partly(board);
        }
        self.read_project();
        // Before the photos, which may take long: the board is there while they are read.
        let changed_texts = self.read_recipes();
        self.read_ledger();
        self.read_photos(partly, cancel);
        self.read_history();
        self.read_runs(partly);
        self.plan();
        self.read_ledger();
        self.read_queries();
        self.read_compared();
        self.read_reviews();
        self.read_log();
        self.read_estimates();
        if self.began {
            self.pending.extend(changed_texts);
            self.start_cheap();
        } else {
            self.began = true;
            self.first_pour();
        }
        self.keep_worker();
        self.try_speeds();
        let snapshot = self.snapshot();
        self.remember(&snapshot);
        snapshot
    }

    fn read_history(&mut self) {
        let now = stamp([self.root.join(TOJI).join("history.json").as_path()]);
        if let Ok(project) = &self.project
            && (now != self.history_stamp || !self.began)
        {
            self.history = History::load(&project.store, &self.around.bench());
            self.history_stamp = now;
        }
    }

    /// Reads what runs said. Where many long logs were never read, the board is shown by their beginnings and ends first.
    fn read_runs(&mut self, partly: &(dyn Fn(Snapshot) + Sync)) {
        let runs = Runs::open(&self.root.join(TOJI));
        if self.began || !self.board.glimpse(&runs) {
            let changed = self.board.refresh(&runs);
            return self.count_seconds(&changed);
        }
        self.plan();
        let before = self.snapshot();
        let told = |done: u64, total: u64| {
            let counting = Counting { what: "reading".to_owned(), done, total, unit: "runs".to_owned() };
            partly(Snapshot { planning: Some(counting), ..before.clone() });
        };
        told(0, self.board.runs().count() as u64);
        let sometimes = |done: u64, total: u64| {
            if done.is_multiple_of(32) {
                told(done, total);
            }
        };
        self.board.refresh_telling(&runs, &sometimes);
        // Also of those that the first look read whole.
        let all: Vec<String> = self.board.runs().map(|run| run.id().to_owned()).collect();
        self.count_seconds(&all);
    }

    /// Where nothing tells how long a recipe's stages take here, a process tries a few batches, once for each text,
    /// while no worker needs the processor. What it finds arrives through the history's file.
    fn try_speeds(&mut self) {
        if self.queue.has_background_worker() || !self.queue.waiting().is_empty() {
            return;
        }
        let unknown = |planned: &Planned| !stopwatch::unknown(&planned.graph, &self.history).is_empty();
        let untimed = self.plans.values().filter(|(_, planned)| unknown(planned));
        let keys: Vec<Key> =
            untimed.filter_map(|(_, planned)| planned.plan.steps.last()).map(|step| step.key).collect();
        let mut new = false;
        for key in keys {
            new |= self.tried.insert(key);
        }
        if new && let Err(error) = (self.launch)(Helper::Trial) {
            self.notice = Some(format!("cannot try a few batches: {error}"));
        }
    }

    /// A look that starts nothing: for plots and lists.
    pub fn look_only(&mut self, progress: &dyn Progress) -> Snapshot {
        self.read_project();
        self.read_photos_with(progress, &Cancel::new());
        self.read_recipes();
        let changed = self.board.refresh(&Runs::open(&self.root.join(TOJI)));
        self.count_seconds(&changed);
        if let Ok(project) = &self.project {
            self.history = History::load(&project.store, &self.around.bench());
        }
        self.plan();
        self.read_ledger();
        self.read_reviews();
        self.read_log();
        self.read_estimates();
        self.snapshot()
    }

    /// From now on a recipe stands by this rung, whichever it had last.
    pub fn prefer(&mut self, recipe: &str, rung: &str) {
        self.preferred.insert(recipe.to_owned(), rung.to_owned());
    }

    /// Reads facts, recipes and runs, and none of the photos: enough to ask for a recipe.
    pub fn read_texts(&mut self) {
        self.read_project();
        self.read_recipes();
        self.board.refresh(&Runs::open(&self.root.join(TOJI)));
    }

    /// Looks at everything anew, whatever the stamps say.
    pub fn forget(&mut self) {
        self.facts_stamp = None;
        self.photos = None;
        self.recipes.clear();
        self.plans.clear();
        self.submissions = ledger::Submissions::default();
    }

    /// After a save what is cheap runs by itself: now, or when what the recipe is doing has ended. A newer save wins.
    fn start_cheap(&mut self) {
        let under_way: Vec<String> =
            self.queue.workers().into_iter().flat_map(|w| w.jobs).map(|job| job.recipe).collect();
        for name in self.pending.clone() {
            let running = self.board.latest(&name).is_some_and(|run| run.state() == RunState::Running);
            if running || under_way.contains(&name) {
                continue;
            }
            let Some((_, planned)) = self.plans.get(&name) else { continue };
            self.pending.remove(&name);
            if planned.plan.starts_by_itself() {
                let asked =
                    self.queue.add(&name, &planned.graph.rung.to_string(), Lane::Cheap, self.around.clock.now());
                self.notice = asked.err().map(|error| brew::chain(&error));
            }
        }
    }

    /// On the very first start, with an empty store, a recipe runs by itself.
    fn first_pour(&mut self) {
        let Ok(project) = self.project.clone() else { return };
        let Some(first) = &project.competition.workbench.first else { return };
        let name = recipe::name_of(Path::new(first));
        let fresh =
            self.board.runs().next().is_none() && project.store.list().is_empty() && self.queue.waiting().is_empty();
        if fresh && self.plans.contains_key(&name) {
            let asked = self.ask_for(&name, None);
            let told = match asked {
                Ok(_) => format!("first start: {name} runs by itself; press ? for help"),
                Err(error) => brew::chain(&error),
            };
            self.announced = Some((name, told.clone()));
            self.notice = Some(told);
        }
    }

    /// Whoever asks for work makes sure that somebody does it, unless the queue is paused.
    pub fn keep_worker(&mut self) {
        if !self.queue.waiting().is_empty()
            && self.queue.paused().is_none()
            && !self.queue.has_background_worker()
            && let Err(error) = (self.launch)(Helper::Worker)
        {
            self.notice = Some(format!("cannot start the worker: {error}"));
        }
    }

    fn snapshot(&mut self) -> Snapshot {
        self.looked = self.around.clock.now();
        let mut problems: Vec<Problem> = Vec::new();
        if let Err(found) = &self.project {
            problems.extend(found.iter().map(|d| page::problem(&self.root, d)));
        }
        if let Some(Err(text)) = &self.photos {
            problems.extend(text.lines().map(|line| Problem { message: line.to_owned(), ..Problem::default() }));
        }
        let (pin, pin_note) = self.pin();
        let workers = self.queue.workers();
        let waiting = self.queue.waiting();
        let busy: Vec<String> = workers.iter().flat_map(|w| &w.jobs).map(|job| job.recipe.clone()).collect();
        let taken = busy.clone();
        let ended =
            |(name, _): &mut (String, String)| !taken.contains(name) && !waiting.iter().any(|job| job.recipe == *name);
        if let Some((_, notice)) = self.announced.take_if(ended) {
            self.notice.take_if(|now| *now == notice);
        }
        let worker = match (self.queue.has_background_worker(), busy.is_empty()) {
            (false, _) => Worker::Absent,
            (true, true) if waiting.is_empty() => Worker::Idle,
            (true, _) => Worker::Busy { recipes: busy, queued: waiting.len() },
        };
        let pinned = pin.as_deref().and_then(|name| self.scored(name)).map(|(_, scored)| scored);
        let pinned_by = pin.as_deref().map(|name| (name, pinned.clone()));
        let recipes = self.rows(&rows::Around { pin: pinned_by, waiting: &waiting, taken: &taken });
        // In one pass: this is done at every look, with a thousand recipes too.
        let known: HashSet<&str> = self.recipes.iter().map(|(_, recipe)| recipe.name.as_str()).collect();
        self.lineages.retain(|name, _| known.contains(name.as_str()));
        let queued = self.queued(&recipes, &workers, &waiting);
        let short = self.time_is_short(&queued);
        let unscored = pin.as_ref().filter(|name| pinned.is_none() && pin_note.is_none() && self.is_known(name));
        let unscored = unscored.map(|name| format!("{name}, the pin, has no score yet: no difference is shown"));
        let read = self.photos.as_ref().and_then(|photos| photos.as_ref().ok());
        let of_data: Vec<String> =
            read.map(|photos| photos.notes.iter().map(|note| self.short(note)).collect()).unwrap_or_default();
        Snapshot {
            project: self.name(),
            at: self.around.clock.now(),
            problems,
            recipes,
            pin,
            ledger: self.submissions.standing.clone(),
            lab: self.submissions.lab.clone(),
            queries: self.queries.found.clone(),
            compared: self.compared.found.clone(),
            reviews: self.reviews.found.clone(),
            answer: self.changes.answer.clone(),
            notes: pin_note.into_iter().chain(unscored).chain(short).chain(of_data).collect(),
            queue: Arc::new(queued),
            log: self.log.found.clone(),
            estimates: self.estimates.found.clone(),
            choice: self.choice.clone(),
            worker,
            planning: None,
            notice: self.notice.clone(),
        }
    }

    /// A message without the project's own folder, which is known and takes half of a narrow screen.
    fn short(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.root.display()), "")
    }

    fn name(&self) -> String {
        let written = self.project.as_ref().ok().map(|project| project.name());
        written.unwrap_or_else(|| self.root.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default())
    }
}
