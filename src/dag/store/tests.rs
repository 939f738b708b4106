//! The store under every fault: what is published is whole or absent, unfinished work is never ahead of its checkpoint.

use std::path::Path;

use super::*;
use crate::base::Value;
use crate::base::clock::Fixed;
use crate::base::files::sweep::{Sweep, everything};

const CHECKPOINT: &str = "checkpoint";

fn stage() -> Stage {
    Stage::new("fit", 1).setting("number", Value::Int(1)).input("data", Key::of_bytes(b"data"))
}

fn publish(toji: &Path, text: &[u8], replace: bool) -> Result<(), DagError> {
    let facts = Value::table();
    let (recipe, run, machine, started) = ("02-arcface", "run-1", "box, cpu", Time(1000.0));
    let making = Making { recipe, run, machine, started, before: 0.0, work: 10.0, facts: &facts, replace };
    let fill = |folder: &Path| -> Result<(), DagError> {
        files::publish(&folder.join("weights"), text)?;
        Ok(files::publish(&folder.join("looks/1.json"), b"[1, 2]")?)
    };
    Store::open(toji).publish(&stage(), &making, &Fixed(Time(1012.5)), fill).map(drop)
}

/// Trains to the second epoch, or goes on from the first.
fn train(store: &Store) -> Result<Work, DagError> {
    let work = store.work(&stage().key())?.expect("nobody else works here");
    let file = work.folder().join(CHECKPOINT);
    for epoch in 1..=2u32 {
        let have = files::read_text(&file).map_or(0, |text| text.parse().unwrap());
        if have < epoch {
            files::publish(&file, epoch.to_string().as_bytes())?;
            work.reach(epoch, None)?;
        }
    }
    Ok(work)
}

/// Whatever can be seen is whole.
fn look(toji: &Path) {
    let store = Store::open(toji);
    for (stage, key) in store.list() {
        if store.has(&stage, &key) {
            store.verify(&stage, &key).unwrap();
        }
    }
    let work = work::place(toji, &stage().key());
    if let Some(reached) = store.unfinished(&stage().key()) {
        let have: u32 = files::read_text(&work.join(CHECKPOINT)).unwrap().parse().unwrap();
        assert!(have >= reached.at, "{reached:?} is told of, and the checkpoint has {have}");
    }
}

/// The same, and the timings, which are written anew where they are lost.
fn look_at_timings(toji: &Path) {
    look(toji);
    History::load(&Store::open(toji), "box, cpu");
}

#[test]
fn an_artefact_and_its_work() {
    let act = |toji: &Path| {
        let work = train(&Store::open(toji))?;
        publish(toji, b"trained", false)?;
        drop(work);
        Ok(())
    };
    let act = |toji: &Path| act(toji).map_err(|e: DagError| e.to_string());
    assert!(Sweep { prepare: &|_| {}, act: &act, look: &look_at_timings, end: &everything }.run() > 300);
}

#[test]
fn an_artefact_that_gives_way() {
    let act = |toji: &Path| publish(toji, b"another", true).map_err(|e| e.to_string());
    let prepare = |toji: &Path| publish(toji, b"first", false).unwrap();
    assert!(Sweep { prepare: &prepare, act: &act, look: &look, end: &everything }.run() > 200);
}

#[test]
fn work_that_begins_anew_or_is_thrown_away() {
    let prepare = |toji: &Path| drop(train(&Store::open(toji)).unwrap());
    let clear = |toji: &Path| {
        let work = Store::open(toji).work(&stage().key())?.expect("nobody else works here");
        work.clear()?;
        files::publish(&work.folder().join(CHECKPOINT), b"9")?;
        work.reach(9, None)
    };
    let clear = |toji: &Path| clear(toji).map_err(|e: DagError| e.to_string());
    assert!(Sweep { prepare: &prepare, act: &clear, look: &look, end: &everything }.run() > 100);
    let discard = |toji: &Path| match Store::open(toji).work(&stage().key())? {
        Some(work) => work.discard(),
        None => panic!("nobody else works here"),
    };
    let discard = |toji: &Path| discard(toji).map_err(|e: DagError| e.to_string());
    assert!(Sweep { prepare: &prepare, act: &discard, look: &look, end: &everything }.run() > 30);
}

#[test]
fn timings() {
    let act = |toji: &Path| {
        for seconds in [1.0, 2.0] {
            let sample = Sample { date: Time(seconds), seconds, work: 1.0, bytes: 10 };
            History::note(toji, "box, cpu", "fit", sample)?;
        }
        Ok(())
    };
    let act = |toji: &Path| act(toji).map_err(|e: DagError| e.to_string());
    assert!(Sweep { prepare: &|_| {}, act: &act, look: &look_at_timings, end: &everything }.run() > 50);
}
