//! A run under every fault: its folder is whole or absent, and after any stop it goes on under its own id.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::base::clock::Fixed;
use crate::base::files::sweep::Sweep;
use crate::base::{Key, Time, files};
use crate::dag::error::DagError;
use crate::dag::event::Event;
use crate::dag::stage::{Recorded, Stage};

const RECIPE: &str = "02-arcface";

fn stages() -> [Recorded; 1] {
    [Recorded::from(&Stage::new("fit", 1).part("fold 0").input("data", Key::of_bytes(b"data")))]
}

fn board(toji: &Path) -> (Runs, Board) {
    let runs = Runs::open(toji);
    let mut board = Board::new();
    board.refresh(&runs);
    (runs, board)
}

/// What `toji run` does around its steps.
fn act(toji: &Path) -> Result<(), DagError> {
    let stages = stages();
    let start = Start {
        recipe: RECIPE,
        rung: "smoke",
        pid: 7,
        command: &[],
        machine: "box, cpu",
        lock: "seed = 7\n",
        stages: &stages,
    };
    let clock = Arc::new(Fixed(Time(1_795_521_600.0)));
    let (runs, board) = board(toji);
    let run = match board.latest(RECIPE) {
        Some(view) if view.state() == RunState::Finished => return Ok(()),
        Some(view) => runs.resume(view.id(), &start, clock)?,
        None => runs.start(&start, clock)?,
    };
    writeln!(run.log()?, "a word to people").map_err(files::FileError::at("cannot write", &run.folder().join(LOG)))?;
    let (stage, part, key) = ("fit".to_owned(), "fold 0".to_owned(), stages[0].key);
    run.emit(Event::StageStarted {
        stage: stage.clone(),
        part: part.clone(),
        key,
        reason: "never ran".into(),
        seconds: None,
    })?;
    run.emit(Event::Metric {
        name: "MRR@20".into(),
        part: part.clone(),
        value: 0.5,
        interval: None,
        count: 9,
        key: None,
    })?;
    run.emit(Event::StageFinished { stage, part, key, seconds: 1.0, bytes: 2 })?;
    run.finish()
}

/// Every run that can be seen says what it set out to do.
fn look(toji: &Path) {
    let (runs, board) = board(toji);
    for run in board.runs() {
        assert_eq!(run.previous().unwrap().stages, stages());
        assert_eq!(files::read_text(&runs.folder(run.id()).join(RECIPE_LOCK)).unwrap(), "seed = 7\n");
        assert!(run.told.attempts >= 1 && run.state() != RunState::Running);
    }
}

fn end(toji: &Path) -> String {
    let (_, board) = board(toji);
    let told = |run: &RunView| {
        format!("{} {:?} {:?} {:?}\n", run.id(), run.state(), run.told.stages[0].state, run.told.metrics[0].value)
    };
    board.runs().map(told).collect()
}

#[test]
fn a_run_goes_on_after_any_stop() {
    let act = |toji: &Path| act(toji).map_err(|e| e.to_string());
    assert!(Sweep { prepare: &|_| {}, act: &act, look: &look, end: &end }.run() > 100);
}

#[test]
fn so_does_one_that_was_cut_off_and_asked_to_stop() {
    // An attempt that was killed in the midst of a line, and a request to stop it.
    let prepare = |toji: &Path| {
        let stages = stages();
        let start = Start {
            recipe: RECIPE,
            rung: "smoke",
            pid: 6,
            command: &[],
            machine: "box, cpu",
            lock: "seed = 7\n",
            stages: &stages,
        };
        let run = Runs::open(toji).start(&start, Arc::new(Fixed(Time(1_795_521_600.0)))).unwrap();
        let (id, path) = (run.id().to_owned(), run.folder().join(EVENTS));
        drop(run);
        files::disk::File::append(&path).unwrap().write_all(b"{\"at\":1,\"ev").unwrap();
        Runs::open(toji).request_stop(&id, "enough").unwrap();
    };
    let act = |toji: &Path| act(toji).map_err(|e| e.to_string());
    assert!(Sweep { prepare: &prepare, act: &act, look: &look, end: &end }.run() > 100);
}
