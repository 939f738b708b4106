//! `.toji` copied between machines while a worker writes: the union of two is valid at any moment.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use toji::base::clock::Fixed;
use toji::base::{Time, Value};
use toji::dag::{Board, Event, Outcome, RunState, Runs, Start, Store};

use super::{Ticking, fill, making, stage};

/// Copies a tree file by file into what is there, as `cp -r` does. What vanishes meanwhile is passed over.
pub fn copy(from: &Path, to: &Path) {
    let _ = fs::create_dir_all(to);
    let Ok(entries) = fs::read_dir(from) else { return };
    for entry in entries.flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else if let Ok(bytes) = fs::read(entry.path()) {
            fs::write(&target, bytes).unwrap();
        }
    }
}

/// Every file below a folder, relative to it.
fn files(folder: &Path, below: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder.join(below)).unwrap().flatten() {
        let path = below.join(entry.file_name());
        if entry.path().is_dir() { files(folder, &path, found) } else { found.push(path) }
    }
}

#[test]
fn a_half_copied_artefact_is_never_taken_for_whole() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let facts = Value::table();
    let key = stage(1).artefact();
    let source =
        Store::open(theirs.path()).publish(&stage(1), &making(&facts), &Fixed(Time(0.0)), |f| fill(f, 1)).unwrap();
    let mut names = Vec::new();
    files(&source, Path::new(""), &mut names);
    names.sort();
    assert_eq!(names.len(), 4);
    let store = Store::open(ours.path());
    let target = ours.path().join(source.strip_prefix(theirs.path()).unwrap());
    // The four files in every order in which a copy may meet them (rotations, both ways), each cut in half first.
    for turn in 0..8 {
        let mut order = names.clone();
        order.rotate_left(turn % 4);
        if turn >= 4 {
            order.reverse();
        }
        let _ = fs::remove_dir_all(&target);
        for name in &order {
            let bytes = fs::read(source.join(name)).unwrap();
            fs::create_dir_all(target.join(name).parent().unwrap()).unwrap();
            for cut in [0, bytes.len() / 2, bytes.len() - 1] {
                assert!(!store.has("fit", &key), "before {name:?} in {order:?}");
                fs::write(target.join(name), &bytes[..cut]).unwrap();
                assert!(!store.has("fit", &key), "{name:?} cut at {cut} in {order:?}");
                assert!(store.folder("fit", &key).is_err());
            }
            fs::write(target.join(name), bytes).unwrap();
        }
        assert!(store.has("fit", &key));
        store.verify("fit", &key).unwrap();
    }
    // A worker here that makes the same artefact does not mistake the half for it either.
    fs::write(target.join("weights.safetensors"), b"half").unwrap();
    store.publish(&stage(1), &making(&facts), &Fixed(Time(0.0)), |f| fill(f, 1)).unwrap();
    store.verify("fit", &key).unwrap();
}

#[test]
fn two_projects_become_one_while_a_worker_writes() {
    let (laptop, rented) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let facts = Value::table();
    let here = Store::open(laptop.path());
    for n in 0..5 {
        here.publish(&stage(n), &making(&facts), &Fixed(Time(0.0)), |f| fill(f, n)).unwrap();
    }
    let begin = |toji: &Path, machine: &str| {
        let start = Start { recipe: "r", rung: "full", pid: 1, command: &[], machine, lock: "seed = 7\n", stages: &[] };
        Runs::open(toji).start(&start, Arc::new(Ticking::from(1_000.0))).unwrap()
    };
    begin(laptop.path(), "laptop").finish().unwrap();

    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let store = Store::open(rented.path());
            let run = begin(rented.path(), "rented");
            for n in 3..23 {
                let point = Event::Point { series: "loss".into(), part: String::new(), x: n as f64, value: 1.0 };
                run.emit(point).unwrap();
                store.publish(&stage(n), &making(&facts), &Fixed(Time(0.0)), |f| fill(f, n)).unwrap();
            }
            run.finish().unwrap();
            done.store(true, Ordering::SeqCst);
        });
        loop {
            let last = done.load(Ordering::SeqCst);
            copy(rented.path(), laptop.path());
            let whole = here.list().into_iter().filter(|(stage, key)| here.has(stage, key));
            whole.for_each(|(stage, key)| here.verify(&stage, &key).unwrap());
            let mut board = Board::new();
            board.refresh(&Runs::open(laptop.path()));
            for run in board.runs() {
                let points = run.told.curves.values().next().map_or(0, |points| points.len());
                assert!(run.state() != RunState::Running && run.told.unreadable == 0);
                assert!(points == 20 || run.state() == RunState::Lost || run.told.machine == "laptop");
            }
            if last {
                break;
            }
        }
    });
    assert_eq!(here.list().len(), 23);
    assert!(here.list().iter().all(|(stage, key)| here.has(stage, key)));
    let mut board = Board::new();
    board.refresh(&Runs::open(laptop.path()));
    let outcomes: Vec<_> = board.runs().map(|run| run.told.outcome.clone()).collect();
    assert_eq!(outcomes, [Some(Outcome::Finished), Some(Outcome::Finished)]);
}
