//! A whole training under every fault: killed, powered off or out of room at any write, it comes to the same bits.
//!
//! A tiny project is run once while what it writes below `.toji` is recorded. The states in which a machine may then wake up are laid out, and
//! the recipe is run again in each. A few of them by default; `TOJI_TEST_FAULTS=all` tries all.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use toji::base::files::faults::{Disk, Full, Lost, Recorder, Unsynced, tree};
use toji::base::files::{Lock, publish};
use toji::base::progress::Silent;
use toji::base::{Cancel, Clock, Key, Seed, Time, Value};
use toji::dag::{Board, RunState, Runs};
use toji::learn::backbone::hub::Hub;
use toji::learn::ops::Processor;
use toji::session::brew::{Brewed, Manner, brew, chain};
use toji::session::errands::tidy;
use toji::session::{Load, Photos, Project, Surroundings};

use crate::project::copy;

/// Two epochs, a checkpoint after each, reduced pictures: through in a second.
const TINY: &str = r#"# Tiny

```toml
[recipe]
seed = 3

[augment]
train = [{ op = "RandomResizedCrop", size = [32, 32], scale = [0.6, 1.0] }]
cache = { max_resolution = 48, jpeg_quality = 90 }

[backbone]
name = "convnext_atto"
weights = "none"
embedding = 8

[loss]
name = "ArcFaceLoss"
margin = 17.2
scale = 30

[train]
epochs = 2
batch = 8
optimizer = { name = "SGD", lr = 0.01, momentum = 0.0 }

[folds]
scheme = "stratified"
k = 2

[post]
steps = [{ op = "alpha-qe", k = 2 }]
```
"#;

struct System;

impl Clock for System {
    fn now(&self) -> Time {
        Time(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64())
    }
}

fn around(facts: impl Fn(&Path) -> Value + Send + Sync + 'static) -> Surroundings {
    Surroundings {
        clock: Arc::new(System),
        machine: "box".to_owned(),
        processor: Processor::cpu(),
        threads: 1,
        pid: std::process::id(),
        command: vec!["toji".to_owned()],
        hub: Hub::from_environment(&|_| None),
        facts: Arc::new(facts),
        load: Arc::new(Load::default),
        prints: Arc::new(|_, _| ()),
    }
}

/// A project with a few of the sample's photos.
struct Tiny(tempfile::TempDir, #[expect(dead_code, reason = "it is held")] Unsynced);

impl Tiny {
    fn empty() -> Tiny {
        let folder = tempfile::tempdir().unwrap();
        let fast = Unsynced::on(folder.path());
        Tiny(folder, fast)
    }

    fn new() -> Tiny {
        let tiny = Tiny::empty();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        copy(&root.join("data/sample/images"), &tiny.path("data/sample/images"));
        for (table, rows) in [("train.csv", 36), ("cite.csv", 8), ("test.csv", 4), ("sample_submission.csv", 4)] {
            let text = fs::read_to_string(root.join("data/sample").join(table)).unwrap();
            let lines: Vec<&str> = text.lines().take(rows + 1).collect();
            fs::write(tiny.path("data/sample").join(table), lines.join("\n") + "\n").unwrap();
        }
        tiny.words();
        tiny
    }

    /// Another with the same photos, and with what a machine found in `.toji`.
    fn found(&self, disk: &Disk<'_>, lost: Lost) -> Tiny {
        let other = Tiny::empty();
        fs::create_dir_all(other.path("data/sample")).unwrap();
        copy_links(&self.path("data/sample"), &other.path("data/sample"));
        other.words();
        disk.lay_out(&other.path(".toji"), lost).unwrap();
        other
    }

    fn words(&self) {
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("toji.toml"), self.path("toji.toml")).unwrap();
        self.recipe(TINY);
    }

    fn recipe(&self, text: &str) {
        publish(&self.path("recipes/tiny.md"), text.as_bytes()).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn open(&self, around: &Surroundings) -> (Project, Photos) {
        let project = Project::open(self.0.path(), around).unwrap_or_else(|found| panic!("{found:?}"));
        let photos = Photos::read(&project, &Silent, &Cancel::new()).unwrap();
        (project, photos)
    }

    /// What `toji run tiny` does.
    fn run_with(&self, around: &Surroundings) -> Result<Brewed, String> {
        let project = Project::open(self.0.path(), around).unwrap_or_else(|found| panic!("{found:?}"));
        let told = |error: toji::session::SessionError| chain(&error);
        let recipe = project.recipe("tiny").map_err(told)?;
        let photos = Photos::read(&project, &Silent, &Cancel::new()).map_err(told)?;
        let rung = recipe.rung(None).map_err(told)?;
        brew(&project, &recipe, &photos, &rung, Manner::default(), &|_| {}, &Cancel::new()).map_err(told)
    }

    fn run(&self) -> Result<Brewed, String> {
        self.run_with(&around(|_| Value::table()))
    }

    /// Every file of every artefact that a reader may see, without the descriptions, which have times.
    fn bits(&self) -> BTreeMap<PathBuf, Key> {
        let all = tree(&self.path(".toji/store")).unwrap();
        let counts = |path: &Path| {
            !path.ends_with("meta.json") && !path.iter().any(|name| name.to_string_lossy().starts_with('.'))
        };
        all.into_iter()
            .filter(|(path, _)| counts(path))
            .filter_map(|(path, bytes)| Some((path, Key::of_bytes(&bytes?))))
            .collect()
    }
}

fn copy_links(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy_links(&entry.path(), &target);
        } else {
            fs::hard_link(entry.path(), &target).or_else(|_| fs::copy(entry.path(), &target).map(drop)).unwrap();
        }
    }
}

/// Which of `all` states are tried, and whether that is all of them.
fn tried(all: usize, few: usize) -> (Vec<usize>, bool) {
    let every = std::env::var("TOJI_TEST_FAULTS").is_ok_and(|wish| wish == "all");
    let step = if every { 1 } else { all.div_ceil(few).max(1) };
    // The last is the whole run.
    ((0..=all).filter(|n| n % step == step / 2 || *n == all).collect(), every)
}

#[test]
fn whatever_is_lost_a_run_comes_to_the_same_bits() {
    let tiny = Tiny::new();
    let recorder = Recorder::on(&tiny.path(".toji")).unwrap();
    let straight = tiny.run().unwrap();
    let log = recorder.stop();
    let expected = tiny.bits();
    assert!(expected.keys().any(|path| path.ends_with("checkpoint.safetensors")) && log.len() > 200);

    let (states, all) = tried(log.len(), 12);
    let mut disk = Disk::of(&log);
    let mut count = 0;
    for (number, state) in states.into_iter().enumerate() {
        while disk.done() < state && disk.advance() {}
        let kinds = [Lost::Nothing, Lost::Unsynced, Lost::Torn(Seed::new(state as u64)), Lost::Torn(Seed::new(1))];
        for lost in if all { &kinds[..] } else { &kinds[number % 3..=number % 3] } {
            let told = format!("{lost:?} before operation {state} of {}, {}", log.len(), log.told(state));
            let found = tiny.found(&disk, *lost);
            // What was said to be done lasts.
            assert!(state < log.len() || found.bits() == expected, "{told}: lost afterwards");
            let again = found.run().unwrap_or_else(|error| panic!("{told}: {error}"));
            assert_eq!(again.score.to_bits(), straight.score.to_bits(), "{told}");
            assert!(found.bits() == expected, "{told}: other bits");
            count += 1;
        }
    }
    println!("{count} stops of {} operations: all to the same bits", log.len());

    let (places, all) = tried(log.len(), 5);
    let mut count = 0;
    for from in places {
        for lasting in if all { &[false, true][..] } else { &[true][..] } {
            let other = tiny.found(&Disk::of(&log), Lost::Nothing);
            let full = Full::on(&other.path(".toji"), from, *lasting);
            let done = other.run();
            let Some(refused) = full.refused() else { continue };
            drop(full);
            if let Err(error) = done {
                let place = other.path(".toji").display().to_string();
                assert!(error.contains(&place) && error.contains("make room"), "{refused}: {error}");
            }
            other.run().unwrap_or_else(|error| panic!("{refused}: {error}"));
            assert!(other.bits() == expected, "no room for {refused}: other bits");
            count += 1;
        }
    }
    assert!(count > 3);
    println!("{count} full disks: all to the same bits");
}

#[test]
fn what_a_run_began_to_use_meanwhile_is_not_tidied_away() {
    let tiny = Tiny::new();
    tiny.run().unwrap();
    let first = tiny.bits();
    tiny.recipe(&TINY.replace("margin = 17.2", "margin = 22.9"));
    tiny.run().unwrap();
    let surroundings = around(|_| Value::table());
    let (project, photos) = tiny.open(&surroundings);
    let items = tidy::everything(&project, &photos).unwrap();
    let going = items.iter().filter(|item| !item.stays).count();
    assert!(going >= 4, "{items:?}");

    // Between the list and the removing, somebody goes back to the first recipe, and all of it is found.
    tiny.recipe(TINY);
    let again = tiny.run().unwrap();
    assert!(again.reused.contains(&"fit fold 0".to_owned()), "{:?}", again.reused);
    assert_eq!(tidy::remove(&project, &photos, &items).unwrap(), 0);
    let kept = tiny.bits();
    assert!(first.iter().all(|(path, key)| kept.get(path) == Some(key)));

    // What was looked at anew goes.
    let items = tidy::everything(&project, &photos).unwrap();
    assert!(tidy::remove(&project, &photos, &items).unwrap() > 0);
    assert!(tiny.bits() == first);
}

#[test]
fn nothing_is_tidied_away_while_a_run_looks_what_is_there() {
    let tiny = Tiny::new();
    let lock = tiny.path(".toji/tidying.lock");
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    // The facts are asked for between the plan and the moment in which the run says what it uses.
    let (inside, at) = (seen.clone(), lock.clone());
    let surroundings = around(move |_| {
        inside.lock().unwrap().push(Lock::try_take(&at).unwrap().is_none());
        Value::table()
    });
    tiny.run_with(&surroundings).unwrap();
    assert_eq!(*seen.lock().unwrap(), [true]);
    assert!(Lock::try_take(&lock).unwrap().is_some(), "held no longer than that");

    // Work that a kill left beside its artefact is not needed.
    let (project, photos) = tiny.open(&surroundings);
    let (_, key) = project.store.list().into_iter().find(|(stage, _)| stage == "fit").unwrap();
    publish(&project.store.unfinished_folder(&key).join("checkpoint.safetensors"), b"left").unwrap();
    let items = tidy::everything(&project, &photos).unwrap();
    let going: Vec<&str> = items.iter().filter(|item| !item.stays).map(|item| item.why.as_str()).collect();
    assert_eq!(going, ["its artefact is published"]);
    tidy::remove(&project, &photos, &items).unwrap();
    assert!(!project.store.unfinished_folder(&key).exists() && project.store.has("fit", &key));
    let mut board = Board::new();
    board.refresh(&Runs::open(&project.toji));
    assert_eq!(board.latest("tiny").unwrap().state(), RunState::Finished);
}
