//! Runs: one writer, any number of readers, a writer that is killed.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use toji::base::clock::Fixed;
use toji::base::{Cancel, Clock, Key, Progress, Time};
use toji::dag::{Board, DagError, Event, Recorded, RunState, RunView, Runs, StageState, Start};

use super::{Ticking, stage};

const NOON: f64 = 1_795_521_600.0; // 2026-11-24T12:00:00Z

fn start<'a>(recipe: &'a str, stages: &'a [Recorded]) -> Start<'a> {
    Start { recipe, rung: "smoke", pid: 7, command: &[], machine: "box, cpu", lock: "seed = 7\n", stages }
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(Ticking::from(NOON))
}

fn point(x: f64) -> Event {
    Event::Point { series: "loss".into(), part: "fold 0".into(), x, value: 1.0 / (x + 1.0) }
}

fn read(runs: &Runs, id: &str) -> RunView {
    let mut view = RunView::new(&runs.folder(id));
    view.refresh().unwrap();
    view
}

#[test]
fn a_run_is_told_and_read_back() {
    let toji = tempfile::tempdir().unwrap();
    let runs = Runs::open(toji.path());
    let stages = [Recorded::from(&stage(1).part("fold 0"))];
    let key = stages[0].key;
    let run = runs.start(&start("02-arcface", &stages), clock()).unwrap();
    assert!(run.id().starts_with("20261124-120000-250-") && run.id().ends_with("-02-arcface"), "{}", run.id());
    assert_eq!(fs::read_to_string(run.folder().join("recipe.lock.toml")).unwrap(), "seed = 7\n");
    let (id, folder) = (run.id().to_owned(), run.folder().to_owned());
    let mut board = Board::new();
    assert_eq!(board.refresh(&runs), std::slice::from_ref(&id));
    assert_eq!(board.run(&id).unwrap().state(), RunState::Running);
    assert!(board.refresh(&runs).is_empty(), "nothing was said since");

    let (name, part) = ("fit".to_owned(), "fold 0".to_owned());
    let reason = "never ran".to_owned();
    run.emit(Event::StageStarted { stage: name.clone(), part: part.clone(), key, reason, seconds: Some(9.0) }).unwrap();
    (1..=3).for_each(|x| run.emit(point(x.into())).unwrap());
    run.emit(Event::Rewind { part: part.clone(), x: 2.0 }).unwrap();
    run.emit(point(2.5)).unwrap();
    run.emit(Event::StageFinished { stage: name, part, key, seconds: 8.5, bytes: 100 }).unwrap();
    for value in [0.5, 0.6] {
        let (name, interval) = ("MRR@20".to_owned(), Some([0.4, 0.7]));
        run.emit(Event::Metric { name, part: String::new(), value, interval, count: 50, key: Some(key) }).unwrap();
    }
    run.emit(Event::Warning { text: "two photos could not be read".into() }).unwrap();
    writeln!(run.log().unwrap(), "a word to people").unwrap();
    run.finish().unwrap();

    assert_eq!(board.refresh(&runs), std::slice::from_ref(&id));
    let view = board.latest("02-arcface").unwrap();
    assert_eq!((view.id(), view.state(), view.told.attempts), (id.as_str(), RunState::Finished, 1));
    let curve = &view.told.curves[&("loss".to_owned(), "fold 0".to_owned())];
    assert_eq!(curve.iter().map(|p| p[0]).collect::<Vec<_>>(), [1.0, 2.0, 2.5], "the point at 3 is superseded");
    assert_eq!(view.told.stages[0].state, StageState::Finished { seconds: 8.5, bytes: 100 });
    assert_eq!(
        (view.told.stages[0].expected, view.told.metrics.len(), view.told.metrics[0].value),
        (Some(9.0), 1, 0.6)
    );
    assert_eq!(view.told.warnings.len(), 1);
    let previous = board.previous("02-arcface").unwrap();
    assert_eq!(previous.stages, stages);
    assert!(previous.finished.contains(&key) && board.previous("01-baseline").is_none());
    assert_eq!(fs::read_to_string(folder.join("log.txt")).unwrap(), "a word to people\n");
    assert!(fs::read_to_string(folder.join("events.jsonl")).unwrap().contains(r#""x":3.0"#), "nothing is deleted");
}

#[test]
fn failed_stopped_and_lost_are_told_apart() {
    let toji = tempfile::tempdir().unwrap();
    let runs = Runs::open(toji.path());
    let begin = || runs.start(&start("r", &[]), Arc::new(Fixed(Time(NOON)))).unwrap();
    let (a, b, c) = (begin(), begin(), begin());
    let ids = [a.id().to_owned(), b.id().to_owned(), c.id().to_owned()];
    assert_eq!(runs.list(), ids, "three of one moment have three ids, which sort");
    runs.request_stop(&ids[1], "cannot win any more").unwrap();
    let cancel = Cancel::new();
    a.pass_on_stop(&cancel);
    assert!(!cancel.is_cancelled() && a.stop_requested().is_none());
    b.pass_on_stop(&cancel);
    assert!(cancel.is_cancelled() && read(&runs, &ids[1]).stop_requested());
    a.fail("loss is NaN at step 12").unwrap();
    let reason = b.stop_requested().unwrap();
    b.stop(reason).unwrap();
    drop(c);
    assert_eq!(read(&runs, &ids[0]).state(), RunState::Failed("loss is NaN at step 12".into()));
    assert_eq!(read(&runs, &ids[1]).state(), RunState::Stopped("cannot win any more".into()));
    assert_eq!(read(&runs, &ids[2]).state(), RunState::Lost);
    assert!(matches!(runs.request_stop("nothing", ""), Err(DagError::NoSuchRun { .. })));

    let again = runs.resume(&ids[1], &start("r", &[]), clock()).unwrap();
    assert_eq!((again.stop_requested(), read(&runs, &ids[1]).state()), (None, RunState::Running));
    assert!(matches!(runs.resume(&ids[1], &start("r", &[]), clock()), Err(DagError::RunHeld { .. })));
    again.finish().unwrap();
    let view = read(&runs, &ids[1]);
    assert_eq!((view.state(), view.told.attempts), (RunState::Finished, 2));
}

#[test]
fn what_is_decided_after_the_end_is_added_and_changes_no_outcome() {
    let toji = tempfile::tempdir().unwrap();
    let runs = Runs::open(toji.path());
    let run = runs.start(&start("x", &[]), clock()).unwrap();
    let id = run.id().to_owned();
    let decision = || Event::Decision {
        part: "fold 0".into(),
        epoch: 2,
        decider: "keep".into(),
        advice: "stop".into(),
        reason: "in place 3 of 3; smoke keeps 2".into(),
        evidence: [("place".to_owned(), 3.0)].into(),
        acted: true,
    };
    assert!(matches!(runs.add(&id, decision(), clock()), Err(DagError::RunHeld { .. })));
    run.finish().unwrap();
    runs.add(&id, decision(), clock()).unwrap();
    let view = read(&runs, &id);
    assert_eq!((view.state(), view.told.attempts, view.told.decisions.len()), (RunState::Finished, 1, 1));
    assert_eq!(view.told.decisions[0].evidence["place"], 3.0);
    assert!(matches!(runs.add("absent", decision(), clock()), Err(DagError::NoSuchRun { .. })));
}

#[test]
fn starters_of_one_moment_get_different_runs() {
    let toji = tempfile::tempdir().unwrap();
    let runs = Runs::open(toji.path());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let run = runs.start(&start("日本酒/強い", &[]), Arc::new(Fixed(Time(NOON)))).unwrap();
                    run.emit(point(1.0)).unwrap();
                    run.finish().unwrap();
                }
            });
        }
    });
    assert_eq!(runs.list().len(), 20);
    for id in runs.list() {
        let view = read(&runs, &id);
        assert_eq!((view.state(), view.told.attempts, view.told.curves.len()), (RunState::Finished, 1, 1), "{id}");
        assert!(id.contains("日本酒-強い"));
    }
}

#[test]
fn progress_is_coalesced_and_results_are_not() {
    let toji = tempfile::tempdir().unwrap();
    let runs = Runs::open(toji.path());
    // The clock goes on by a quarter of a second a line, so every second count may pass.
    let run = runs.start(&start("r", &[]), clock()).unwrap();
    let progress = run.progress("fit", "fold 0");
    (1..=101).for_each(|done| progress.at("train", done, 101, "batches"));
    progress.at("decode", 1, 9, "images");
    (0..10).for_each(|x| run.emit(point(x.into())).unwrap());
    let text = fs::read_to_string(run.folder().join("events.jsonl")).unwrap();
    let count = |what: &str| text.lines().filter(|l| l.contains(what)).count();
    assert_eq!((count(r#""what":"train""#), count(r#""done":101"#), count(r#""what":"decode""#)), (51, 1, 1));
    assert_eq!(count("point"), 10);
    assert_eq!(read(&runs, run.id()).told.progress.map(|p| p.done), Some(1));
}

#[test]
fn a_reader_beside_the_writer_sees_whole_lines_in_order() {
    let toji = tempfile::tempdir().unwrap();
    let runs = Runs::open(toji.path());
    let run = runs.start(&start("r", &[]), clock()).unwrap();
    let id = run.id().to_owned();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut view = RunView::new(&runs.folder(&id));
            loop {
                let last = done.load(Ordering::SeqCst);
                view.refresh().unwrap();
                assert_eq!(view.told.unreadable, 0);
                assert_ne!(view.state(), RunState::Lost, "the outcome is there before the lock is gone");
                if let Some(curve) = view.told.curves.values().next() {
                    assert!(curve.iter().enumerate().all(|(i, p)| p[0] == i as f64));
                }
                if last {
                    return view;
                }
            }
        });
        (0..3000).for_each(|x| run.emit(point(x.into())).unwrap());
        run.finish().unwrap();
        done.store(true, Ordering::SeqCst);
        let view = reader.join().unwrap();
        assert_eq!((view.state(), view.told.curves.values().next().unwrap().len()), (RunState::Finished, 3000));
    });
}

#[test]
fn torn_foreign_and_shortened_files_are_survived() {
    let toji = tempfile::tempdir().unwrap();
    let runs = Runs::open(toji.path());
    let run = runs.start(&start("r", &[]), clock()).unwrap();
    let (id, events) = (run.id().to_owned(), run.folder().join("events.jsonl"));
    run.emit(point(0.0)).unwrap();
    drop(run);
    let whole = fs::read(&events).unwrap();
    let append = |bytes: &[u8]| fs::File::options().append(true).open(&events).unwrap().write_all(bytes).unwrap();
    append("{\"at\":1,\"event\":\"note\",\"text\":\"杜".as_bytes().split_last().unwrap().1);
    let mut view = RunView::new(&runs.folder(&id));
    view.refresh().unwrap();
    assert_eq!((view.told.unreadable, view.told.curves.len(), view.state()), (0, 1, RunState::Lost));

    let run = runs.resume(&id, &start("r", &[]), clock()).unwrap();
    run.emit(point(1.0)).unwrap();
    append(b"{\"at\":2,\"event\":\"of a newer version\",\"x\":[]}\nno json\n");
    view.refresh().unwrap();
    assert_eq!((view.told.unreadable, view.told.unknown, view.told.attempts), (2, 1, 2));
    assert_eq!(view.told.curves.values().next().unwrap().len(), 2);
    drop(run);

    // A copy from another machine put an older log in its place: shorter, then of a new inode.
    fs::write(&events, &whole).unwrap();
    assert!(view.refresh().unwrap());
    assert_eq!((view.told.attempts, view.told.curves.values().next().unwrap().len()), (1, 1));
    toji::base::files::publish(&events, &[whole.clone(), whole].concat()).unwrap();
    assert!(view.refresh().unwrap());
    assert_eq!(view.told.attempts, 2);
    fs::remove_dir_all(runs.folder(&id)).unwrap();
    let mut board = Board::new();
    assert!(board.refresh(&runs).is_empty());
}

/// The other process of the next test: writes a run until it is killed.
#[test]
#[ignore = "started by a_killed_worker_leaves_a_run_that_is_lost_and_can_be_resumed"]
fn the_worker_that_is_killed() {
    let mut folder = String::new();
    std::io::stdin().read_line(&mut folder).unwrap();
    let runs = Runs::open(Path::new(folder.trim()));
    let key = Key::of_bytes(b"fit");
    let run = runs.start(&start("02-arcface", &[]), clock()).unwrap();
    let (stage, part, reason) = ("fit".to_owned(), "fold 0".to_owned(), "never ran".to_owned());
    run.emit(Event::StageStarted { stage, part, key, reason, seconds: None }).unwrap();
    (0..100).for_each(|x| run.emit(point(x.into())).unwrap());
    let mut events = fs::File::options().append(true).open(run.folder().join("events.jsonl")).unwrap();
    events.write_all(b"{\"at\":17955").unwrap();
    println!("ready");
    // Never answered: the parent kills this process.
    let _ = std::io::stdin().read(&mut [0]);
}

#[test]
fn a_killed_worker_leaves_a_run_that_is_lost_and_can_be_resumed() {
    let toji = tempfile::tempdir().unwrap();
    let runs = Runs::open(toji.path());
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["dag::run::the_worker_that_is_killed", "--exact", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{}", toji.path().display()).unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().ends_with("ready")), "the child came up");

    let mut board = Board::new();
    let id = board.refresh(&runs).pop().unwrap();
    assert_eq!(board.run(&id).unwrap().state(), RunState::Running);
    assert!(matches!(runs.resume(&id, &start("02-arcface", &[]), clock()), Err(DagError::RunHeld { .. })));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(board.refresh(&runs), std::slice::from_ref(&id), "its death is a change though no byte was written");
    let view = board.run(&id).unwrap();
    assert_eq!((view.state(), &view.told.stages[0].state), (RunState::Lost, &StageState::Started));

    let run = runs.resume(&id, &start("02-arcface", &[]), clock()).unwrap();
    run.emit(Event::Rewind { part: "fold 0".into(), x: 89.0 }).unwrap();
    run.emit(point(90.0)).unwrap();
    run.finish().unwrap();
    board.refresh(&runs);
    let view = board.run(&id).unwrap();
    assert_eq!((view.state(), view.told.attempts, view.told.unreadable), (RunState::Finished, 2, 1));
    assert_eq!(view.told.curves.values().next().unwrap().len(), 91);
}
