//! A row for each run: what it was, how it went, what it came to.
//!
//! Columns `recipe`, `run`, `rung`, `state` (`running`, `finished`, `failed`, `stopped`, `lost`), `reason` (of what ended it), `metric`, `score`,
//! `low` and `high` (95 % interval), `queries`; `started` and `ended` (seconds since 1970, UTC), `seconds` (of work, pauses left out),
//! `attempts`, `machine`, `seed`, `recipe_key` (equal for equal settings), `score_key`; and as JSON `folds` (each training's score), `keys`
//! (each stage's artefact), `settings` (those it ran with). What is not known is a gap.

use serde_json::{Map, Value as Json, json};

use super::told::History;
use super::{Cells, Table, column, texts};
use crate::base::Value;
use crate::dag::{Measured, RunState, RunView};
use crate::session::brew::lock;

/// The word for a run's state, and why it ended so.
pub fn state(run: &RunView) -> (&'static str, Option<String>) {
    match run.state() {
        RunState::Running => ("running", None),
        RunState::Finished => ("finished", None),
        RunState::Failed(why) => ("failed", Some(why)),
        RunState::Stopped(why) => ("stopped", Some(why)),
        RunState::Lost => ("lost", None),
    }
}

/// The score of a whole run.
pub fn score(run: &RunView) -> Option<&Measured> {
    run.told.metrics.iter().rev().find(|metric| metric.part.is_empty())
}

/// The table of the runs that are meant.
pub fn table(history: &History) -> Table {
    let runs = history.runs();
    let locks: Vec<Option<Value>> = runs.iter().map(|run| lock::of_run(run)).collect();
    let of = |get: &dyn Fn(&RunView) -> Option<String>| Cells::Text(runs.iter().map(|run| get(run)).collect());
    let real = |get: &dyn Fn(&RunView) -> Option<f64>| Cells::Real(runs.iter().map(|run| get(run)).collect());
    let whole = |get: &dyn Fn(&RunView) -> Option<i64>| Cells::Whole(runs.iter().map(|run| get(run)).collect());
    let locked = |path: &str| {
        let text = |lock: &Option<Value>| lock.as_ref()?.get(path)?.as_text().map(str::to_owned);
        Cells::Text(locks.iter().map(text).collect())
    };
    let seed = |lock: &Option<Value>| lock.as_ref()?.get("lock.seed")?.as_int();
    let settings = |lock: &Option<Value>| lock.as_ref()?.get("settings").and_then(written);
    let bound = |which: usize| move |run: &RunView| Some(score(run)?.interval?[which]);
    Table {
        columns: vec![
            texts("recipe", runs.iter().map(|run| run.told.recipe.as_str())),
            texts("run", runs.iter().map(|run| run.id())),
            texts("rung", runs.iter().map(|run| run.told.rung.as_str())),
            texts("state", runs.iter().map(|run| state(run).0)),
            column("reason", of(&|run| state(run).1)),
            column("metric", of(&|run| Some(score(run)?.name.clone()))),
            column("score", real(&|run| Some(score(run)?.value))),
            column("low", real(&bound(0))),
            column("high", real(&bound(1))),
            column("queries", whole(&|run| Some(score(run)?.count as i64))),
            column("started", real(&|run| Some(run.told.started.0))),
            column("ended", real(&|run| run.told.ended().map(|time| time.0))),
            column("seconds", real(&|run| Some(run.told.seconds()))),
            column("attempts", whole(&|run| Some(i64::from(run.told.attempts)))),
            texts("machine", runs.iter().map(|run| run.told.machine.as_str())),
            column("seed", Cells::Whole(locks.iter().map(seed).collect())),
            column("recipe_key", locked("lock.recipe_key")),
            column("score_key", of(&|run| Some(score(run)?.key?.to_string()))),
            column("folds", of(&|run| Some(folds(run).to_string()))),
            column("keys", of(&|run| Some(keys(run).to_string()))),
            column("settings", Cells::Text(locks.iter().map(settings).collect())),
        ],
    }
}

/// Settings as JSON.
fn written(settings: &Value) -> Option<String> {
    serde_json::to_string(settings).ok()
}

/// The scores of a run's trainings.
fn folds(run: &RunView) -> Json {
    let parts = run.told.metrics.iter().filter(|metric| !metric.part.is_empty());
    let of = |metric: &Measured| (metric.part.clone(), json!({ "metric": metric.name, "score": metric.value }));
    Json::Object(parts.map(of).collect::<Map<_, _>>())
}

/// The artefacts of a run's stages.
fn keys(run: &RunView) -> Json {
    let label = |stage: &crate::dag::StageView| format!("{} {}", stage.stage, stage.part).trim_end().to_owned();
    let known = run.told.stages.iter().filter_map(|stage| Some((label(stage), json!(stage.key?.to_string()))));
    Json::Object(known.collect::<Map<_, _>>())
}
