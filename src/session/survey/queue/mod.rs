//! What runs, what waits, what was lost, and whether it ends before the deadline.
//!
//! Takes the files of the queue, the runs and the plans; gives one list, in the order in which things happen: what runs, what waits, what was lost and
//! can be gone on with. Estimates beside what they came to, and the log of one run, are looked at here as well.

pub mod estimates;
pub mod log;
mod orders;

use std::collections::BTreeMap;

use serde::Serialize;

use super::Survey;
use crate::base::Time;
use crate::dag::{Job, Lane, Order, RunState, RunView, WorkerInfo};
use crate::session::brew::{self, due};
use crate::session::shared::Shared;
use crate::session::snapshot::{Recipe, State};

/// The queue of this machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Queued {
    /// Since when nothing new is taken.
    pub paused: Option<Time>,
    /// What runs, then what waits in the order in which it is taken, then what was lost.
    pub jobs: Vec<Entry>,
    /// The last moment, by `[leaderboard]`.
    pub deadline: Option<Time>,
    /// The minute in which this was said, where a deadline makes that matter.
    pub at: Option<Time>,
    /// Hours by which clocks here are before UTC.
    pub hours: f64,
    /// Of each recipe of which something would run, or runs: when it ends. Empty without a deadline.
    pub due: BTreeMap<String, Due>,
}

/// How a job stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Somebody works on it.
    Running,
    /// It waits for a worker.
    #[default]
    Waiting,
    /// Its worker died; it can be gone on with.
    Lost,
}

/// One job.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Entry {
    /// Name of the recipe.
    pub recipe: String,
    /// "run", "part" (the cheap part of a recipe), "review".
    pub order: Order,
    /// Up to which rung; empty where none is meant.
    pub rung: String,
    /// The worker's lane; `None`: it runs in the foreground of a terminal.
    pub lane: Option<Lane>,
    /// How it stands.
    pub state: Standing,
    /// Who began it: "asked for", "a save", "toji run".
    pub by: String,
    /// Since when it runs, waits or is lost.
    pub since: Time,
    /// What it does: "fit fold 0".
    pub doing: String,
    /// How much of that is done, 0 to 1.
    pub done: Option<f64>,
    /// Seconds that it still takes, or will take.
    pub seconds: Option<f64>,
    /// When it should end.
    pub ends: Option<Time>,
    /// Whether that is before the deadline; `None` without one, or where the end is not known.
    pub in_time: Option<bool>,
}

/// When a recipe would be done.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Due {
    /// When.
    pub ends: Time,
    /// Whether that is before the deadline.
    pub in_time: bool,
    /// Where it is not: the highest rung that would be.
    pub fits: Option<String>,
}

impl Due {
    /// "ends 2 h 10 min before the deadline", "would end 3 h 05 min after the deadline; up to holdout it fits".
    pub fn in_words(&self, deadline: Time) -> String {
        let fits = match &self.fits {
            _ if self.in_time => String::new(),
            Some(rung) => format!("; up to {rung} it fits"),
            None => "; no rung of it fits".to_owned(),
        };
        format!("{}{fits}", due::in_words(self.ends, deadline))
    }
}

impl Queued {
    /// The seconds of all that is left to do in the queue, as far as they are known, and whether all are.
    pub fn rest(&self) -> (f64, bool) {
        let jobs = || self.jobs.iter().filter(|job| job.state != Standing::Lost);
        (jobs().filter_map(|job| job.seconds).sum(), jobs().all(|job| job.seconds.is_some()))
    }
}

/// To the minute: seconds of an end are no knowledge, and would change with every look.
fn minute(time: Time) -> Time {
    Time((time.0 / 60.0).floor() * 60.0)
}

/// The rungs of a recipe's ladder with the seconds up to each; `None` where these are not known.
pub(super) type Rungs = Vec<(String, Option<f64>)>;

impl Survey {
    /// The queue as it stands, with the recipes as they are shown.
    pub(super) fn queued(&mut self, recipes: &[Shared<Recipe>], workers: &[WorkerInfo], waiting: &[Job]) -> Queued {
        let now = self.around.clock.now();
        let deadline = self.project.as_ref().ok().and_then(|project| project.competition.leaderboard.deadline);
        let paused = self.queue.paused();
        let known = |name: &str| recipes.iter().find(|recipe| recipe.name == name);
        let taken: Vec<&Job> = workers.iter().flat_map(|worker| &worker.jobs).collect();
        let mut jobs: Vec<Entry> = Vec::new();
        for job in &taken {
            let left = known(&job.recipe).filter(|recipe| recipe.state == State::Running).and_then(|r| r.seconds_left);
            let run = self.board.latest(&job.recipe).filter(|run| run.state() == RunState::Running);
            jobs.push(running(job, run, left, now));
        }
        let pids: Vec<u32> = workers.iter().filter(|w| !w.jobs.is_empty()).filter_map(WorkerInfo::pid).collect();
        let here = |run: &&RunView| run.told.machine == self.around.machine;
        for run in self.board.runs().filter(|run| run.state() == RunState::Running).filter(here) {
            let name = &run.told.recipe;
            // A member that an ensemble's job trains first is that job.
            if pids.contains(&run.told.pid) || taken.iter().any(|job| job.recipe == *name) {
                continue;
            }
            let left = known(name).and_then(|recipe| recipe.seconds_left);
            let job = Entry { by: command(&run.told.command), since: run.told.attempt_started, ..Entry::default() };
            jobs.push(at_work(job, Some(run), left, now));
        }
        let at = jobs.len();
        jobs.extend(waiting.iter().map(|job| {
            let seconds = match job.order {
                Order::Run => known(&job.recipe).and_then(|recipe| recipe.plan_seconds),
                Order::Part => self.cheap_seconds(&job.recipe),
                Order::Review => None,
            };
            Entry { seconds, since: job.requested, ..entry(job) }
        }));
        if paused.is_none() {
            for lane in [Lane::Cheap, Lane::Dear] {
                let places: Vec<usize> = (at..jobs.len()).filter(|&i| jobs[i].lane == Some(lane)).collect();
                let mut busy: Vec<Option<Time>> =
                    jobs[..at].iter().filter(|job| job.lane == Some(lane)).map(|job| job.ends).collect();
                busy.resize(workers.len().max(busy.len()).max(1), Some(now));
                let seconds: Vec<Option<f64>> = places.iter().map(|&i| jobs[i].seconds).collect();
                for (place, end) in places.into_iter().zip(due::ends(now, &busy, &seconds)) {
                    jobs[place].ends = end.map(minute);
                }
            }
        }
        let lost = |recipe: &&Shared<Recipe>| recipe.state == State::Lost;
        for recipe in recipes.iter().filter(lost) {
            let Some(run) = self.board.latest(&recipe.name).filter(here) else { continue };
            let told = &run.told;
            let doing = told.stages.last().map(|stage| label(&stage.stage, &stage.part)).unwrap_or_default();
            let (recipe, rung, seconds) = (recipe.name.clone(), told.rung.clone(), recipe.plan_seconds);
            let (state, by, since) = (Standing::Lost, command(&told.command), told.last);
            jobs.push(Entry { recipe, rung, state, by, since, doing, seconds, ..Entry::default() });
        }
        for job in &mut jobs {
            job.in_time = job.ends.zip(deadline).map(|(ends, deadline)| ends <= deadline);
        }
        let (at, hours) = (deadline.map(|_| minute(now)), self.around.clock.hours());
        let mut found = Queued { paused, jobs, deadline, at, hours, due: BTreeMap::new() };
        if let Some(deadline) = deadline.filter(|deadline| *deadline > now) {
            found.due = self.due(recipes, &found, deadline, now);
        }
        found
    }

    /// What of a recipe is cheap, in seconds.
    fn cheap_seconds(&self, name: &str) -> Option<f64> {
        let (_, planned) = self.plans.get(name)?;
        planned.plan.running().filter(|step| step.by_itself).map(|step| step.seconds).sum()
    }

    /// When each recipe would be done: where it runs or waits, as that says; else behind all that is asked for already.
    fn due(&mut self, recipes: &[Shared<Recipe>], queued: &Queued, deadline: Time, now: Time) -> BTreeMap<String, Due> {
        let dear = queued.jobs.iter().filter(|job| job.lane == Some(Lane::Dear));
        let free = dear.filter_map(|job| job.ends).fold(now, |free, end| if end > free { end } else { free });
        let mut due = BTreeMap::new();
        for recipe in recipes {
            let own = queued.jobs.iter().find(|job| job.recipe == recipe.name && job.state != Standing::Lost);
            let would_run = recipe.plan.iter().any(|step| step.action == "run");
            let (from, ends) = match own {
                Some(job) => (now, job.ends),
                None if would_run => (free, recipe.plan_seconds.map(|seconds| Time(free.0 + seconds))),
                None => continue,
            };
            let Some(ends) = ends.map(minute) else { continue };
            let in_time = ends <= deadline;
            let fits = if in_time { None } else { self.rung_in_time(&recipe.name, from, deadline) };
            due.insert(recipe.name.clone(), Due { ends, in_time, fits });
        }
        due
    }

    /// The highest rung of a recipe that ends before the deadline if it begins at a moment. Planned once for each plan of the recipe.
    fn rung_in_time(&mut self, name: &str, from: Time, deadline: Time) -> Option<String> {
        let (basis, _) = self.plans.get(name)?;
        if self.rungs.get(name).is_none_or(|(known, _)| known != basis) {
            let (basis, project) = (*basis, self.project.as_ref().ok()?.clone());
            let photos = self.photos.as_ref()?.as_ref().ok()?.clone();
            let recipe = self.recipes.iter().find(|(_, recipe)| recipe.name == name)?.1.clone();
            let ladder = crate::session::Ladder::of(&recipe).ok()?;
            let seconds =
                |rung| brew::plan(&project, &recipe, &photos, rung, &self.board, &self.history).ok()?.plan.seconds();
            let rungs = ladder.rungs().iter().map(|rung| (rung.name.clone(), seconds(rung))).collect();
            self.rungs.insert(name.to_owned(), (basis, rungs));
        }
        due::highest(from, deadline, &self.rungs.get(name)?.1).map(str::to_owned)
    }

    /// What to say of the deadline on the board: how near it is, and what would end too late.
    pub(super) fn time_is_short(&self, queued: &Queued) -> Vec<String> {
        let Some(deadline) = queued.deadline else { return Vec::new() };
        let now = self.around.clock.now();
        let rest = deadline.since(now);
        let near = (-due::SHORT..due::SHORT).contains(&rest).then(|| due::left(now, deadline, queued.hours));
        let late = queued.jobs.iter().filter(|job| job.in_time == Some(false) && rest > 0.0);
        let late = late.filter_map(|job| {
            let words = match queued.due.get(&job.recipe) {
                Some(due) => due.in_words(deadline),
                None => due::in_words(job.ends?, deadline),
            };
            Some(format!("{} {words}", job.recipe))
        });
        near.into_iter().chain(late).collect()
    }

    /// Whether what is said of the deadline is to be said anew, though no file changed: it is, every minute.
    pub fn is_due(&self) -> bool {
        let now = self.around.clock.now();
        let deadline = self.project.as_ref().ok().and_then(|project| project.competition.leaderboard.deadline);
        deadline.is_some_and(|deadline| deadline.since(now) > -due::SHORT) && now.since(self.looked) >= 60.0
    }
}

fn label(stage: &str, part: &str) -> String {
    format!("{stage} {part}").trim_end().to_owned()
}

fn entry(job: &Job) -> Entry {
    Entry {
        recipe: job.recipe.clone(),
        order: job.order,
        rung: job.rung.clone(),
        lane: Some(job.lane),
        by: if job.lane == Lane::Cheap && job.order == Order::Run { "a save" } else { "asked for" }.to_owned(),
        ..Entry::default()
    }
}

/// A job that a worker has taken.
fn running(job: &Job, run: Option<&RunView>, left: Option<f64>, now: Time) -> Entry {
    let since = run.map_or(job.requested, |run| run.told.attempt_started);
    let begins = if job.order == Order::Review { "looks for suspects" } else { "begins" };
    at_work(Entry { since, doing: begins.to_owned(), ..entry(job) }, run, left, now)
}

fn at_work(job: Entry, run: Option<&RunView>, left: Option<f64>, now: Time) -> Entry {
    let mut job = Entry { state: Standing::Running, seconds: left, ..job };
    job.ends = left.map(|left| minute(Time(now.0 + left)));
    let Some(run) = run else { return job };
    let told = &run.told;
    (job.recipe, job.rung) = (told.recipe.clone(), told.rung.clone());
    if let Some(counted) = &told.progress {
        job.doing = label(&counted.stage, &counted.part);
        job.done = (counted.total > 0).then(|| counted.done.min(counted.total) as f64 / counted.total as f64);
    }
    job
}

/// "toji run" of a command line.
fn command(words: &[String]) -> String {
    let mut rest = words.iter().skip(1);
    while let Some(word) = rest.next() {
        match word.as_str() {
            "--project" => drop(rest.next()),
            word if word.starts_with('-') => {}
            word => return format!("toji {word}"),
        }
    }
    "toji".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_named_by_its_word() {
        let named = |line: &str| command(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(named("target/release/toji --project x --json run a"), "toji run");
        assert_eq!(named("toji --project=x worker"), "toji worker");
        assert_eq!(named("toji"), "toji");
    }

    #[test]
    fn what_does_not_fit_says_what_would() {
        let due = |in_time, fits: Option<&str>| Due { ends: Time(100_000.0), in_time, fits: fits.map(str::to_owned) };
        let said = |due: Due, deadline: f64| due.in_words(Time(deadline));
        assert_eq!(said(due(true, None), 107_800.0), "ends 2 h 10 min before the deadline");
        assert_eq!(
            said(due(false, Some("holdout")), 92_800.0),
            "would end 2 h 0 min after the deadline; up to holdout it fits"
        );
        assert_eq!(said(due(false, None), 99_000.0), "would end 16 min after the deadline; no rung of it fits");
    }
}
