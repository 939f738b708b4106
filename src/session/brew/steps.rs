//! The steps of a plan, carried out one after the other within a run.
//!
//! Takes a plan and a bench; makes what is missing, publishes it, tells it, and gives the score. A request to stop is passed on while
//! something runs; what another process makes meanwhile is waited for; what starts by itself is stopped when it overruns.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Manner, chain};
use crate::base::{Cancel, Value};
use crate::dag::{Action, Event, Making, Plan, Run, Step};
use crate::score::metric::Score;
use crate::session::SessionError;
use crate::session::stages::{self, Bench};

/// How often a running brew looks for a request to stop.
const LOOK: Duration = Duration::from_millis(250);
/// A cheap stage is stopped after so many times its estimate, plus [`GRACE`] seconds.
const OVERRUN: f64 = 3.0;
/// Seconds that no estimate needs to be right about.
const GRACE: f64 = 5.0;

/// Does `work` while a thread passes a request to stop on.
pub(super) fn watched<T>(run: &Run, cancel: &Cancel, work: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                run.pass_on_stop(cancel);
                std::thread::park_timeout(LOOK);
            }
        });
        // Also when `work` panics: otherwise the scope would wait for the watcher for ever.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        over.store(true, Ordering::Relaxed);
        watcher.thread().unpark();
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

pub(super) fn all(
    bench: &Bench<'_>,
    plan: &Plan,
    run: &Run,
    manner: Manner,
) -> Result<(Score, Vec<String>), SessionError> {
    let (mut reused, mut left) = (Vec::new(), Vec::new());
    for (step, task) in plan.steps.iter().zip(&bench.graph.tasks) {
        bench.cancel.check()?;
        match step.action {
            Action::Reuse => {
                reused.push(step.label());
                let (stage, part) = (step.stage.name.to_owned(), step.stage.part.clone());
                (bench.tell)(Event::StageReused { stage, part, key: step.key });
                if step.present {
                    stages::recall(bench, *task)?;
                }
            }
            Action::Run if manner.part && !step.by_itself => left.push(step.label()),
            Action::Run => one(bench, *task, step, run, manner)?,
            Action::Blocked => {}
        }
    }
    if let Some(first) = left.first() {
        let more = if left.len() > 1 { format!(" and {} more", left.len() - 1) } else { String::new() };
        return Err(SessionError::Part { recipe: bench.recipe.name.clone(), left: format!("{first}{more}") });
    }
    let folder = bench.project.store.folder("score", &bench.graph.stage(stages::Task::Score)?.artefact())?;
    Ok((Score::load(&folder.join(stages::score::FILE))?, reused))
}

/// Makes and publishes one artefact.
fn one(bench: &Bench<'_>, task: stages::Task, step: &Step, run: &Run, manner: Manner) -> Result<(), SessionError> {
    let clock = bench.project.around.clock.as_ref();
    let started = clock.now();
    let (stage, part) = (step.stage.name.to_owned(), step.stage.part.clone());
    (bench.tell)(Event::StageStarted {
        stage: stage.clone(),
        part: part.clone(),
        key: step.key,
        reason: step.reason.clone(),
        seconds: step.seconds,
    });
    let overrun = AtomicBool::new(false);
    let made: Result<Option<std::path::PathBuf>, SessionError> =
        limited(bench, (manner.only_cheap || manner.part).then_some(step.seconds).flatten(), &overrun, || {
            let made = made_or_found(bench, task, step)?;
            let Some(made) = made else { return Ok(None) };
            let facts: Value = made.facts;
            let making = Making {
                recipe: &bench.recipe.name,
                run: run.id(),
                machine: &bench.project.around.bench(),
                started,
                before: 0.0,
                work: step.work,
                facts: &facts,
                replace: step.replace,
            };
            let folder = bench.project.store.publish(&step.stage, &making, clock, made.write)?;
            drop(made.hold);
            Ok(Some(folder))
        });
    let folder = match made {
        Ok(Some(folder)) => folder,
        Ok(None) => {
            (bench.tell)(Event::StageReused { stage, part, key: step.key });
            return stages::recall(bench, task);
        }
        Err(error) => {
            let told = match overrun.load(Ordering::Relaxed) {
                true => format!("took {OVERRUN} times as long as thought and was stopped; it waits to be asked"),
                false => chain(&error),
            };
            if overrun.load(Ordering::Relaxed) || !error.is_cancelled() {
                (bench.tell)(Event::StageFailed { stage, part, error: told.clone() });
            }
            return Err(if overrun.load(Ordering::Relaxed) { SessionError::Unfit(told) } else { error });
        }
    };
    let bytes = size_of(&folder);
    (bench.tell)(Event::StageFinished { stage, part, key: step.key, seconds: clock.now().since(started), bytes });
    Ok(())
}

/// Makes a step's artefact; `None` when another process made it meanwhile, which is waited for.
fn made_or_found<'a>(
    bench: &'a Bench<'a>,
    task: stages::Task,
    step: &Step,
) -> Result<Option<stages::Made<'a>>, SessionError> {
    let mut told = false;
    loop {
        bench.cancel.check()?;
        if told && bench.project.store.has(step.stage.name, &step.key) {
            return Ok(None);
        }
        match stages::make(bench, task, step) {
            Err(SessionError::Held(what)) => {
                if !told {
                    (bench.tell)(Event::Note {
                        text: format!("{what} is being made by another process; waiting for it"),
                    });
                }
                told = true;
                std::thread::sleep(LOOK);
            }
            made => return made.map(Some),
        }
    }
}

/// Does `work`, and asks it to stop when it takes [`OVERRUN`] times the estimate.
fn limited<T>(bench: &Bench<'_>, estimate: Option<f64>, overrun: &AtomicBool, work: impl FnOnce() -> T) -> T {
    let Some(estimate) = estimate else { return work() };
    let clock = bench.project.around.clock.as_ref();
    let started = clock.now();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                if clock.now().since(started) > estimate * OVERRUN + GRACE {
                    overrun.store(true, Ordering::Relaxed);
                    bench.cancel.cancel();
                    return;
                }
                std::thread::park_timeout(LOOK);
            }
        });
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        over.store(true, Ordering::Relaxed);
        watcher.thread().unpark();
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn size_of(folder: &std::path::Path) -> u64 {
    std::fs::read_dir(folder).into_iter().flatten().flatten().filter_map(|f| f.metadata().ok()).map(|m| m.len()).sum()
}
