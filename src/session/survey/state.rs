//! How one recipe stands.
//!
//! From its text, its plan and its last run: the state in one word, how far it is, what it scored,
//! how that compares with the pin, what would run.

use std::sync::Arc;

use super::curves::curves;
use super::{Scored, Survey};
use crate::base::{Key, Seed, Time};
use crate::dag::{Decided, Measured, Plan, Points, RunState, RunView, StageState, StageView};
use crate::score::decide::projection::{Projection, project};
use crate::score::decide::student;
use crate::score::{Metric, bootstrap};
use crate::session::brew::rung::NOISE_SEEDS;
use crate::session::recipe::Recipe as Text;
use crate::session::recipe::lineage::Lineage;
use crate::session::snapshot::{Advice, Delta, Part, Recipe, Score, State, Step, series};
use crate::session::stages::Task;
use crate::session::stages::score::BOOTSTRAP;
use crate::session::{Ladder, Slot, schema};

impl Survey {
    /// One recipe as it is shown.
    pub(super) fn recipe(
        &mut self,
        text: &Arc<Text>,
        waits: bool,
        pinned: Option<&Scored>,
        measuring: Option<f64>,
        has_page: bool,
    ) -> Recipe {
        let lineage = self.lineage(text);
        let run = self.board.latest(&text.name).cloned();
        let planned = self.plans.get(&text.name).map(|(_, planned)| planned.clone());
        let plan = planned.as_ref().map(|planned| &planned.plan);
        let fresh = plan.is_some_and(Plan::is_fresh);
        let state = state(text.is_broken(), waits, plan, run.as_ref());
        let scored = self.scored(&text.name);
        let (scored_run, scored) = scored.unzip();
        let scored_run = scored_run.and_then(|id| self.board.run(&id).cloned());
        let epochs = planned.as_ref().map_or(0, |planned| planned.graph.rung.epochs(planned.graph.epochs));
        let full = planned.as_ref().map_or(epochs, |planned| planned.graph.epochs);
        let at = run.as_ref().and_then(|run| epoch(run, full));
        // Without a plan (the data has mistakes now) nobody knows how far it goes.
        let running = run.clone().filter(|_| state == State::Running && plan.is_some());
        let until = running.as_ref().and_then(|run| until(run, planned.as_deref()?)).unwrap_or(epochs);
        let seconds_left = running.as_ref().and_then(|run| self.seconds_left(run, plan, until, full));
        let paired = scored.as_deref().zip(pinned).map(|(scored, pinned)| self.delta(scored, pinned));
        let (delta, unpaired) = match paired {
            None => (None, None),
            Some(Ok(delta)) => (Some(delta), None),
            Some(Err(why)) => (None, Some(why.to_owned())),
        };
        Recipe {
            name: text.name.clone(),
            file: text.book.file.clone(),
            title: text.book.title.clone(),
            state,
            rung: planned.as_ref().map(|planned| planned.graph.rung.to_string()).unwrap_or_default(),
            fold: run.as_ref().filter(|_| state == State::Running).and_then(|run| fold(run, planned.as_deref())),
            epoch: at.map(|at| (at, epochs.max(1) as f64)).filter(|_| epochs > 0),
            score: scored.as_deref().map(|scored| score(scored, !fresh)),
            delta,
            unpaired,
            advice: run.as_ref().and_then(|run| advice(run, plan, measuring)),
            projection: running.as_ref().and_then(|run| projection(run, full)),
            ladder: Ladder::of(text).map(|l| l.rungs().iter().map(|r| r.name.clone()).collect()).unwrap_or_default(),
            seconds_left,
            message: message(text, state, plan, run.as_ref(), self.unplanned.get(&text.name).cloned()),
            page: self.page(text, planned.as_deref(), run.as_ref(), scored_run.as_ref(), has_page),
            curves: run
                .iter()
                .chain(&scored_run)
                .map(|run| curves(run, &self.board))
                .find(|curves| !curves.is_empty())
                .unwrap_or_default(),
            plan: plan.map(|plan| steps(plan, run.as_ref().filter(|_| state == State::Running))).unwrap_or_default(),
            plan_seconds: plan.and_then(Plan::seconds),
            cost: plan.and_then(|plan| self.cost(plan)),
            parts: scored_run.as_ref().map(|run| parts(run, planned.as_deref())).unwrap_or_default(),
            parent: lineage.parent.clone(),
            changes: lineage.changes.clone(),
            settings: lineage.settings.clone(),
            family: lineage.family,
        }
    }

    /// What it is beside its parent; made once for each text.
    fn lineage(&mut self, text: &Arc<Text>) -> Arc<Lineage> {
        if let Some((known, lineage)) = self.lineages.get(&text.name)
            && Arc::ptr_eq(known, text)
        {
            return lineage.clone();
        }
        let parent = text.book.extends.first().map(|file| {
            let known = self.recipes.iter().find(|(_, recipe)| recipe.book.file == *file);
            known.map_or_else(|| Arc::new(Text::read(file, &schema::recipes())), |(_, recipe)| recipe.clone())
        });
        let lineage = Arc::new(Lineage::of(text, parent.as_deref()));
        self.lineages.insert(text.name.clone(), (text.clone(), lineage.clone()));
        lineage
    }

    /// Remembers what the stages of runs took.
    pub(super) fn count_seconds(&mut self, runs: &[String]) {
        for stage in runs.iter().filter_map(|id| self.board.run(id)).flat_map(|run| &run.told.stages) {
            if let (Some(key), StageState::Finished { seconds, .. }) = (stage.key, &stage.state)
                && self.took.insert(key, *seconds) != Some(*seconds)
            {
                self.timed += 1;
            }
        }
    }

    /// Seconds that what is there of a plan's stages took; `None` where no run tells of any.
    fn cost(&self, plan: &Plan) -> Option<f64> {
        plan.steps.iter().filter_map(|step| self.took.get(&step.key)).copied().reduce(|a, b| a + b)
    }

    /// Seconds that two more seeds of a recipe's first fold should take, which measure the noise; `None` without history.
    pub(super) fn measuring(&self, pin: &str) -> Option<f64> {
        let graph = &self.plans.get(pin)?.1.graph;
        let fit = graph.place(graph.fit(*graph.slots.first()?)?)?;
        let estimate = self.history.estimate("fit", graph.nodes[fit].work)?;
        Some((NOISE_SEEDS - 1) as f64 * estimate.seconds)
    }

    /// The difference to the pin, or why there is none; remembered, since it is drawn two thousand times.
    fn delta(&mut self, scored: &Scored, pinned: &Scored) -> Result<Delta, &'static str> {
        match (&scored.fold, &pinned.fold) {
            (Some(own), Some(pins)) if own == pins => {}
            (Some(_), Some(_)) => return Err("its queries are other ones: [folds], the rung or the photos differ"),
            _ => return Err("one of the two scores does not say on which folds it was made; run it again"),
        }
        let pair = (scored.key, pinned.key);
        let known = match self.deltas.get(&pair) {
            Some(known) => known.clone(),
            None => {
                let drawn = self.drawn(scored, pinned).ok_or("the photos cannot be read")?;
                self.deltas.insert(pair, drawn.clone());
                drawn
            }
        };
        known.ok_or("the two have no query in common, or other metrics")
    }

    /// The difference of two scores on equal folds, if they have one; `None` where these are others, or without photos.
    pub(super) fn drawn(&self, scored: &Scored, pinned: &Scored) -> Option<Option<Delta>> {
        scored.fold.as_ref().filter(|own| Some(*own) == pinned.fold.as_ref())?;
        let photos = self.photos.as_ref()?.as_ref().ok()?;
        let group = |photo: u32| photos.manifest.photos.get(photo as usize).and_then(|p| p.label).unwrap_or(u32::MAX);
        let found = bootstrap::paired(&scored.score, &pinned.score, group, Seed::new(BOOTSTRAP)).ok();
        Some(found.map(|found| Delta { value: found.value, interval: found.interval, queries: found.queries }))
    }

    /// The rest of the running stage at the pace since it was first seen, and the later ones as history tells;
    /// `None` when one of them is not known.
    fn seconds_left(&mut self, run: &RunView, plan: Option<&Plan>, until: usize, full: usize) -> Option<f64> {
        let told = &run.told;
        let now = told.stages.iter().rev().find(|stage| stage.state == StageState::Started)?;
        let counted = told.progress.as_ref().filter(|p| p.stage == now.stage && p.part == now.part && p.total > 0);
        let clock = self.around.clock.now();
        let own = match counted {
            Some(p) if p.what == "train" => {
                // A rung or a part may end before the training that is counted here.
                let end = p.total as f64 * until as f64 / full.max(1) as f64;
                let name = format!("{} {} {}", run.id(), told.attempts, now.part);
                let pace = self.paces.entry(name).or_insert(Pace { done: p.done, at: p.at });
                let (done, seconds) = (p.done.saturating_sub(pace.done), p.at.since(pace.at));
                if done == 0 || seconds <= 0.0 {
                    (now.expected? - clock.since(now.at)).max(0.0)
                } else {
                    (end - p.done as f64).max(0.0) * seconds / done as f64
                }
            }
            _ => (now.expected? - clock.since(now.at)).max(0.0),
        };
        let later = plan.into_iter().flat_map(Plan::running).filter(|step| Some(step.key) != now.key);
        Some(own + later.map(|step| step.seconds).sum::<Option<f64>>()?)
    }
}

/// Where a training was when it was first seen.
pub(super) struct Pace {
    done: u64,
    at: Time,
}

fn state(broken: bool, waits: bool, plan: Option<&Plan>, run: Option<&RunView>) -> State {
    let Some(run) = run else {
        return if broken {
            State::Broken
        } else if waits {
            State::Queued
        } else if plan.is_some_and(Plan::is_fresh) {
            State::Fresh
        } else {
            State::New
        };
    };
    // Whether it still means what the run set out to do.
    let same = plan.is_none_or(|plan| plan.running().next().is_none_or(|step| tried(run, &step.key)));
    match run.state() {
        RunState::Running => State::Running,
        _ if broken => State::Broken,
        _ if waits => State::Queued,
        _ if plan.is_some_and(Plan::is_fresh) => State::Fresh,
        RunState::Lost if same => State::Lost,
        RunState::Failed(_) if same => State::Failed,
        RunState::Stopped(_) if same => State::Stopped,
        RunState::Lost | RunState::Failed(_) | RunState::Stopped(_) | RunState::Finished => State::Stale,
    }
}

/// Whether a run met the artefact that would be made next.
fn tried(run: &RunView, key: &Key) -> bool {
    run.told.stages.iter().any(|stage| stage.key.as_ref() == Some(key))
}

/// Epochs finished, with a fraction, in the fold that was last at work.
fn epoch(run: &RunView, full: usize) -> Option<f64> {
    let told = &run.told;
    if let Some(p) = told.progress.as_ref().filter(|p| p.what == "train" && p.total > 0)
        && run.state() == RunState::Running
    {
        return Some(p.done as f64 / p.total as f64 * full as f64);
    }
    let part =
        told.stages.iter().rev().find(|stage| stage.state == StageState::Started).map(|stage| stage.part.as_str());
    let last = |points: &Points| points.last().map(|point| point[0]);
    // The curve of a fold goes on through the parts of its training: "fold 0" and "fold 0 stage 1 of 2".
    let within =
        |part: &str, name: &str| part.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    let here = |name: &str| part.is_none_or(|part| part.is_empty() || within(part, name));
    let is_loss = |name: &str| [series::LOSS, series::BATCH_LOSS].contains(&name);
    let losses = told.curves.iter().filter(|((series, name), _)| is_loss(series) && here(name));
    losses.filter_map(|(_, points)| last(points)).reduce(f64::max)
}

fn fold(run: &RunView, planned: Option<&crate::session::brew::Planned>) -> Option<(u32, u32)> {
    let planned = planned?;
    let trainings = planned.graph.slots.len() as u32;
    let now = run.told.stages.iter().rev().find(|stage| stage.state == StageState::Started)?;
    let slot = Slot::of_part(&now.part)?;
    let place = planned.graph.slots.iter().position(|own| *own == slot)? as u32;
    Some((place + 1, trainings))
}

/// The epoch after which the part of the training that runs now ends.
fn until(run: &RunView, planned: &crate::session::brew::Planned) -> Option<usize> {
    let now = run.told.stages.iter().rev().find(|stage| stage.state == StageState::Started)?.key?;
    let graph = &planned.graph;
    let place = graph.nodes.iter().position(|node| node.stage.artefact() == now)?;
    if let Task::Fit { until, .. } = graph.tasks[place] { Some(until) } else { None }
}

/// The scores of the trainings that a run came to; of a single one the whole score is its own.
fn parts(run: &RunView, planned: Option<&crate::session::brew::Planned>) -> Vec<Part> {
    let part = |measured: &Measured, slot: Slot| Part {
        fold: slot.fold as u32,
        seed: slot.seed,
        score: Score {
            metric: measured.name.clone(),
            value: measured.value,
            interval: measured.interval.unwrap_or([measured.value; 2]),
            queries: measured.count as usize,
            stale: false,
        },
    };
    let of_slot = |measured: &Measured| Some(part(measured, Slot::of_part(&measured.part)?));
    let found: Vec<Part> = run.told.metrics.iter().filter_map(of_slot).collect();
    let single = || {
        let whole = run.told.metrics.iter().find(|measured| measured.part.is_empty())?;
        match planned?.graph.slots.as_slice() {
            [slot] => Some(part(whole, *slot)),
            _ => None,
        }
    };
    if found.is_empty() { single().into_iter().collect() } else { found }
}

fn score(scored: &Scored, stale: bool) -> Score {
    let score = &scored.score;
    let (value, interval, queries) = (score.value, score.interval, score.queries.len());
    Score { metric: score.metric.clone(), value, interval, queries, stale }
}

/// What was said last of a run's training, unless the text means another training by now.
fn advice(run: &RunView, plan: Option<&Plan>, measuring: Option<f64>) -> Option<Advice> {
    let said = run.told.decisions.last()?;
    let of_stage = |stage: &&StageView| stage.stage == "fit" && Slot::of_part(&stage.part) == Slot::of_part(&said.part);
    let key = run.told.stages.iter().rev().find(of_stage)?.key;
    if plan.is_some_and(|plan| plan.steps.iter().all(|step| Some(step.key) != key)) {
        return None;
    }
    // What chooses among recipes (`keep`) has no comparison of its own: the one before it stands.
    let same = |other: &&Decided| (&other.part, other.epoch) == (&said.part, said.epoch);
    let measured = run.told.decisions.iter().rev().take_while(same).find(|other| other.evidence.contains_key("delta"));
    let number = |name: &str| measured?.evidence.get(name).copied();
    let delta = || {
        let (value, interval) = (number("delta")?, [number("low")?, number("high")?]);
        Some(Delta { value, interval, queries: number("queries")? as usize })
    };
    Some(Advice {
        advice: said.advice.clone(),
        reason: said.reason.clone(),
        decider: said.decider.clone(),
        epoch: said.epoch,
        delta: delta(),
        noise: number("error_by_seeds")
            .map(|error| error * student::quantile(0.975, number("df").unwrap_or(f64::INFINITY))),
        measuring,
        acted: said.acted,
    })
}

/// Where the score of the first fold is heading.
fn projection(run: &RunView, full: usize) -> Option<Projection> {
    let scores =
        run.told.curves.iter().find(|((series, part), _)| {
            series.parse::<Metric>().is_ok() && Slot::of_part(part) == Some(Slot::of_fold(0))
        });
    let (_, points) = scores?;
    let shares: Vec<[f64; 2]> = points.iter().map(|[x, value]| [x / full.max(1) as f64, *value]).collect();
    project(&shares, Seed::new(BOOTSTRAP))
}

/// The steps as they are shown; what a running run has before it needs no reason any more.
fn steps(plan: &Plan, running: Option<&RunView>) -> Vec<Step> {
    let mut shown: Vec<Step> = plan.steps.iter().map(step).collect();
    let Some(run) = running else { return shown };
    let now = run.told.stages.iter().rev().find(|stage| stage.state == StageState::Started).and_then(|stage| stage.key);
    for (shown, step) in shown.iter_mut().zip(&plan.steps).filter(|(_, step)| step.action == crate::dag::Action::Run) {
        shown.reason = if Some(step.key) == now { "runs now" } else { "comes after it" }.to_owned();
    }
    shown
}

fn step(step: &crate::dag::Step) -> Step {
    Step {
        stage: step.label(),
        action: step.action.word().to_owned(),
        reason: step.reason.clone(),
        seconds: step.seconds,
        bytes: step.bytes,
        cheap: step.action != crate::dag::Action::Run || step.by_itself,
    }
}

fn message(
    text: &Text,
    state: State,
    plan: Option<&Plan>,
    run: Option<&RunView>,
    unplanned: Option<String>,
) -> Option<String> {
    match state {
        State::Broken => {
            let first = text.diagnostics.iter().find(|d| d.is_error())?;
            let file = first.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let place = match (first.file == text.book.file, first.line) {
                (true, 0) => String::new(),
                (true, line) => format!("line {line}: "),
                (false, line) => format!("{file} line {line}: "),
            };
            let help = first.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
            Some(format!("{place}{}{help}", first.message))
        }
        State::Running => {
            let p = run?.told.progress.as_ref()?;
            Some(format!("{} {} {} of {} {}", p.stage, p.part, p.done, p.total, p.unit))
        }
        State::Failed => match run?.state() {
            RunState::Failed(error) => Some(error),
            _ => None,
        },
        State::Stopped => match run?.state() {
            RunState::Stopped(reason) => Some(format!("stopped: {reason}")),
            _ => None,
        },
        State::Lost => Some("its worker died; running it again goes on from the checkpoint".to_owned()),
        State::New | State::Stale | State::Queued => {
            let first = plan.and_then(|plan| plan.running().next());
            first.map(|step| format!("{}: {}", step.label(), step.reason)).or(unplanned)
        }
        State::Fresh => None,
    }
}
