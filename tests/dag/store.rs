//! The store: published whole or not at all, by one worker or many, killed or copied.

use std::fs;

use toji::base::clock::Fixed;
use toji::base::{Key, Time, Value, files};
use toji::dag::{DagError, History, Reached, Sample, Stage, Store, View};

use super::{Ticking, fill, making, stage};

#[test]
fn an_artefact_is_found_again_with_what_is_known_about_it() {
    let toji = tempfile::tempdir().unwrap();
    let store = Store::open(toji.path());
    let mut facts = Value::table();
    facts.set("threads", Value::Int(2));
    let fit = stage(1).part("fold 0").cut("epoch", 2, 12);
    assert!(!store.has("fit", &fit.artefact()));
    assert!(store.list().is_empty() && fs::read_dir(toji.path()).unwrap().count() == 0, "looking makes nothing");

    let folder = store.publish(&fit, &making(&facts), &Fixed(Time(1012.5)), |f| fill(f, 1)).unwrap();
    let key = fit.artefact();
    assert_eq!(folder, toji.path().join(format!("store/fit/{}/{key}", &key.to_string()[..2])));
    assert!(store.has("fit", &key) && !store.has("fit", &fit.key()) && !store.has("embed", &key));
    assert_eq!(store.folder("fit", &key).unwrap(), folder);
    store.verify("fit", &key).unwrap();
    assert_eq!(store.list(), [("fit".to_owned(), key)]);

    let meta = Store::open(toji.path()).meta("fit", &key).unwrap().unwrap();
    assert_eq!((meta.seconds, meta.bytes, meta.date), (12.5, 10_021, Time(1012.5)));
    assert_eq!(meta.stage, (&fit).into());
    assert_eq!(meta.facts, facts);
    let names: Vec<&str> = meta.files.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["best/curve.json", "weights.safetensors", "zz.txt"]);
}

#[test]
fn a_failed_filling_leaves_nothing() {
    let toji = tempfile::tempdir().unwrap();
    let store = Store::open(toji.path());
    let facts = Value::table();
    let failed: Result<_, DagError> = store.publish(&stage(1), &making(&facts), &Fixed(Time(0.0)), |folder| {
        fill(folder, 1)?;
        Err(DagError::NoSuchRun { id: "why".into(), folder: folder.into() })
    });
    assert!(matches!(failed, Err(DagError::NoSuchRun { .. })));
    assert!(!store.has("fit", &stage(1).artefact()) && store.list().is_empty());
    let outer = toji.path().join("store/fit").join(&stage(1).artefact().to_string()[..2]);
    assert_eq!(fs::read_dir(outer).unwrap().count(), 0, "no temporary folder is left");
}

#[test]
fn settings_that_cannot_be_written_down_are_refused() {
    let toji = tempfile::tempdir().unwrap();
    let facts = Value::table();
    let stage = stage(1).setting("margin", Value::Float(f64::NAN));
    let refused = Store::open(toji.path()).publish(&stage, &making(&facts), &Fixed(Time(0.0)), |f| fill(f, 1));
    assert!(refused.unwrap_err().to_string().contains("write finite numbers"));
}

#[test]
fn two_workers_with_one_key_both_succeed() {
    let toji = tempfile::tempdir().unwrap();
    let facts = Value::table();
    std::thread::scope(|scope| {
        let publish = || {
            (0..20).for_each(|n| {
                let store = Store::open(toji.path());
                let clock = Ticking::from(1000.0);
                let folder = store.publish(&stage(n), &making(&facts), &clock, |f| fill(f, n)).unwrap();
                assert_eq!(fs::read(folder.join("weights.safetensors")).unwrap(), vec![n as u8; 10_000]);
            });
        };
        scope.spawn(publish);
        scope.spawn(publish);
    });
    let store = Store::open(toji.path());
    assert_eq!(store.list().len(), 20);
    assert!(store.list().iter().all(|(stage, key)| store.verify(stage, key).is_ok()));
}

#[test]
fn damage_is_seen_at_once_where_sizes_differ_and_on_asking_where_they_do_not() {
    let toji = tempfile::tempdir().unwrap();
    let store = Store::open(toji.path());
    let facts = Value::table();
    let key = stage(1).artefact();
    let publish = || store.publish(&stage(1), &making(&facts), &Fixed(Time(0.0)), |f| fill(f, 1)).unwrap();
    let folder = publish();
    fs::write(folder.join("zz.txt"), b"last by nam3").unwrap();
    assert!(store.folder("fit", &key).is_ok());
    assert!(matches!(store.verify("fit", &key), Err(DagError::Damaged { path }) if path.ends_with("zz.txt")));

    fs::write(folder.join("zz.txt"), b"shorter").unwrap();
    assert!(matches!(store.folder("fit", &key), Err(DagError::Missing { .. })));
    assert!(!Store::open(toji.path()).has("fit", &key));
    publish();
    store.verify("fit", &key).unwrap();
}

#[test]
fn a_whole_artefact_stays_unless_it_must_give_way() {
    let toji = tempfile::tempdir().unwrap();
    let store = Store::open(toji.path());
    let facts = Value::table();
    let mut making = making(&facts);
    for (replace, expected) in [(false, 1), (false, 1), (true, 3)] {
        let number = if replace { 3 } else { 1 };
        making.replace = replace;
        let folder = store.publish(&stage(1), &making, &Fixed(Time(0.0)), |f| fill(f, number)).unwrap();
        assert_eq!(fs::read(folder.join("weights.safetensors")).unwrap()[0], expected);
    }
    store.verify("fit", &stage(1).artefact()).unwrap();
}

#[test]
fn what_a_killed_worker_left_is_ignored_and_swept_after_a_week() {
    let toji = tempfile::tempdir().unwrap();
    let store = Store::open(toji.path());
    let facts = Value::table();
    let folder = store.publish(&stage(1), &making(&facts), &Fixed(Time(0.0)), |f| fill(f, 1)).unwrap();
    let left = folder.parent().unwrap().join(".publish-Xy12");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("weights.safetensors"), b"half").unwrap();
    assert_eq!(store.list().len(), 1);
    let now = fs::metadata(&left).unwrap().modified().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(store.sweep(Time(now.as_secs_f64() + 60.0)), 0);
    assert_eq!(store.sweep(Time(now.as_secs_f64() + 8.0 * 86_400.0)), 1);
    assert!(!left.exists() && store.has("fit", &stage(1).artefact()));
}

#[test]
fn unfinished_work_survives_and_ends_with_its_artefact() {
    let toji = tempfile::tempdir().unwrap();
    let store = Store::open(toji.path());
    let key = stage(1).artefact();
    assert_eq!(store.unfinished(&key), None);
    let work = store.work(&key).unwrap().expect("free");
    assert!(store.work(&key).unwrap().is_none(), "somebody works on it");
    files::publish(&work.folder().join("checkpoint.safetensors"), b"epoch 3").unwrap();
    work.reach(3, None).unwrap();
    let three = Some(Reached { at: 3, of: None });
    drop(work);

    let work = Store::open(toji.path()).work(&key).unwrap().expect("its worker is gone");
    assert_eq!((work.reached(), store.unfinished(&key)), (three, three));
    assert_eq!(fs::read(work.folder().join("checkpoint.safetensors")).unwrap(), b"epoch 3");
    let facts = Value::table();
    store.publish(&stage(1), &making(&facts), &Fixed(Time(0.0)), |f| fill(f, 1)).unwrap();
    assert_eq!((store.unfinished(&key), fs::read_dir(toji.path().join("work")).unwrap().count()), (None, 0));
}

#[test]
fn timings_are_kept_by_machine_and_rebuilt_when_lost() {
    let toji = tempfile::tempdir().unwrap();
    let store = Store::open(toji.path());
    let facts = Value::table();
    for n in 1..4 {
        let clock = Fixed(Time(1000.0 + 20.0 * n as f64));
        store.publish(&stage(n), &making(&facts), &clock, |f| fill(f, n)).unwrap();
    }
    let elsewhere = toji::dag::Making { machine: "other box, cuda", ..making(&facts) };
    store.publish(&stage(9), &elsewhere, &Fixed(Time(1001.0)), |f| fill(f, 9)).unwrap();

    let known = History::load(&store, "box, cpu");
    // 20, 40 and 60 seconds for 10 units each.
    assert_eq!(known.estimate("fit", 5.0).map(|e| e.seconds), Some(20.0));
    assert_eq!(History::load(&store, "other box, cuda").estimate("fit", 5.0).map(|e| e.seconds), Some(0.5));
    assert_eq!(History::load(&store, "a third").estimate("fit", 5.0), None);
    fs::remove_file(toji.path().join("history.json")).unwrap();
    assert_eq!(History::load(&store, "box, cpu"), known);
    fs::write(toji.path().join("history.json"), b"{\"torn").unwrap();
    assert_eq!(History::load(&store, "box, cpu"), known);

    let timed = Sample { date: Time(5000.0), seconds: 3.0, work: 3.0, bytes: 1 };
    History::note(toji.path(), "box, cpu", "embed", timed).unwrap();
    assert_eq!(History::load(&store, "box, cpu").estimate("embed", 100.0).map(|e| e.seconds), Some(100.0));
}

#[test]
fn foreign_folders_in_the_store_are_passed_over() {
    let toji = tempfile::tempdir().unwrap();
    for folder in ["store/fit/ab/not-a-key", "store/.cache/x", "store/fit/cd"] {
        fs::create_dir_all(toji.path().join(folder)).unwrap();
    }
    let store = Store::open(toji.path());
    assert!(store.list().is_empty());
    let key = Key::of_bytes(b"x");
    let folder = toji.path().join("store/fit").join(&key.to_string()[..2]).join(key.to_string());
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("meta.json"), b"{").unwrap();
    assert!(!store.has("fit", &key));
    assert!(matches!(store.meta("fit", &key), Err(DagError::Malformed { .. })));
    // Another artefact's description does not make this one.
    let facts = Value::table();
    let other = store.publish(&Stage::new("fit", 7), &making(&facts), &Fixed(Time(0.0)), |f| fill(f, 1)).unwrap();
    fs::copy(other.join("meta.json"), folder.join("meta.json")).unwrap();
    assert!(!store.has("fit", &key));
}
