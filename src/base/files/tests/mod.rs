//! The model of faults against cases by hand, a writer that is wrong and is caught, and the layer without and with watches.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::disk::{self, File, Operation, Watch};
use super::faults::{Disk, Full, Log, Lost, Recorder, Tree, lay_out, tree};
use super::sweep::{Sweep, everything};
use super::{publish, publish_folder, read, remove_folder};
use crate::base::Seed;
use crate::base::files::FileError;

const SEEDS: u64 = 64;

/// Does something in a folder that holds `before`, and gives what was recorded.
fn recorded(before: &[(&str, &[u8])], act: impl FnOnce(&Path)) -> Log {
    let folder = tempfile::tempdir().unwrap();
    let before: Tree = before.iter().map(|(name, bytes)| (name.into(), Some(bytes.to_vec()))).collect();
    lay_out(&before, folder.path()).unwrap();
    let recorder = Recorder::on(folder.path()).unwrap();
    act(folder.path());
    let log = recorder.stop();
    // Done again in the model, it is what lies there.
    assert_eq!(Disk::after(&log, log.len()).wake(Lost::Nothing), tree(folder.path()).unwrap());
    log
}

/// What stands at a name after the last operation: in the worst case, and in all drawn ones.
fn found(log: &Log, steps: usize, name: &str) -> (Option<Vec<u8>>, BTreeSet<Option<Vec<u8>>>) {
    let disk = Disk::after(log, steps);
    let at = |lost| disk.wake(lost).remove(Path::new(name)).flatten();
    (at(Lost::Unsynced), (0..SEEDS).map(|n| at(Lost::Torn(Seed::new(n)))).collect())
}

fn written(path: &Path, bytes: &[u8]) -> File {
    let mut file = File::open(path).unwrap();
    file.write_all(bytes).unwrap();
    file
}

#[test]
fn bytes_last_when_their_file_is_synced_and_names_when_their_folder_is() {
    let log = recorded(&[], |folder| {
        let file = written(&folder.join("a"), b"abc");
        file.sync().unwrap();
        disk::sync_folder(folder).unwrap();
    });
    assert_eq!(
        (0..5).map(|n| log.told(n)).collect::<Vec<_>>(),
        ["open a", "write a +0 3", "sync a", "sync folder ", "the end"]
    );
    for steps in 0..4 {
        assert_eq!(found(&log, steps, "a").0, None, "nobody promised the name after {steps}");
    }
    assert_eq!(found(&log, 4, "a"), (Some(b"abc".to_vec()), BTreeSet::from([Some(b"abc".to_vec())])));
    // Where the name is there before it was promised, it has the bytes that were synced.
    assert_eq!(found(&log, 3, "a").1, BTreeSet::from([None, Some(b"abc".to_vec())]));
    let (_, torn) = found(&log, 2, "a");
    let may: BTreeSet<Option<Vec<u8>>> =
        [&b""[..], b"a", b"ab", b"abc", b"\0\0\0", b"a\0\0", b"ab\0"].map(|bytes| Some(bytes.to_vec())).into();
    assert!(torn.contains(&None) && torn.contains(&Some(b"\0\0\0".to_vec())) && torn.len() > 5, "{torn:?}");
    assert!(torn.iter().flatten().all(|bytes| may.contains(&Some(bytes.clone()))), "{torn:?}");
}

#[test]
fn what_is_appended_and_cut_is_torn_in_order() {
    let log = recorded(&[("a", b"old")], |folder| {
        let mut file = File::append(&folder.join("a")).unwrap();
        file.write_all(b"12").unwrap();
        file.set_length(4).unwrap();
        file.write_all(b"3").unwrap();
    });
    let (kept, torn) = found(&log, log.len(), "a");
    assert_eq!(kept.as_deref(), Some(&b"old"[..]));
    for bytes in [&b"old"[..], b"old1", b"old12", b"old13"] {
        assert!(torn.contains(&Some(bytes.to_vec())), "{bytes:?} of {torn:?}");
    }
    assert!(torn.iter().flatten().all(|bytes| bytes.starts_with(b"old") && bytes.len() <= 5), "{torn:?}");
}

#[test]
fn a_rename_is_one_step_in_both_of_its_folders() {
    let log = recorded(&[("a", b"1")], |folder| {
        disk::make_new_folder(&folder.join("in")).unwrap();
        disk::sync_folder(folder).unwrap();
        disk::rename(&folder.join("a"), &folder.join("in/b")).unwrap();
        disk::sync_folder(&folder.join("in")).unwrap();
    });
    let places = |steps: usize, lost| {
        let tree = Disk::after(&log, steps).wake(lost);
        ["a", "in/b"].map(|name| tree.contains_key(Path::new(name)))
    };
    assert_eq!((places(3, Lost::Nothing), places(3, Lost::Unsynced)), ([false, true], [true, false]));
    let torn: BTreeSet<[bool; 2]> = (0..SEEDS).map(|n| places(3, Lost::Torn(Seed::new(n)))).collect();
    assert_eq!(torn, BTreeSet::from([[true, false], [false, true]]));
    assert_eq!(places(4, Lost::Unsynced), [false, true], "either folder's sync makes it last");
}

#[test]
fn a_file_is_known_by_its_number_through_a_rename_above_it() {
    let log = recorded(&[], |folder| {
        disk::make_new_folder(&folder.join("a")).unwrap();
        let mut file = written(&folder.join("a/x"), b"1");
        disk::rename(&folder.join("a"), &folder.join("b")).unwrap();
        file.write_all(b"2").unwrap();
    });
    assert_eq!(Disk::after(&log, 9).wake(Lost::Nothing)[Path::new("b/x")].as_deref(), Some(&b"12"[..]));
}

#[test]
fn a_writer_that_renames_without_a_sync_is_caught() {
    let wrong = |folder: &Path| {
        drop(written(&folder.join("tmp"), b"new"));
        disk::rename(&folder.join("tmp"), &folder.join("a")).unwrap();
        disk::sync_folder(folder).unwrap();
    };
    let log = recorded(&[("a", b"old")], wrong);
    let (kept, torn) = found(&log, log.len(), "a");
    assert_eq!(kept.as_deref(), Some(&b""[..]), "the name of an empty file");
    assert!(torn.contains(&Some(b"\0\0\0".to_vec())) && torn.contains(&Some(b"ne".to_vec())), "{torn:?}");
    // And by the sweep that all writers go through.
    let prepare = |folder: &Path| publish(&folder.join("a"), b"old").unwrap();
    let act = |folder: &Path| {
        wrong(folder);
        Ok(())
    };
    let look = |folder: &Path| assert!([&b"old"[..], b"new"].contains(&&read(&folder.join("a")).unwrap()[..]));
    let sweep = Sweep { prepare: &prepare, act: &act, look: &look, end: &everything };
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| sweep.run())).unwrap_err();
    let told = caught.downcast_ref::<String>().unwrap();
    assert!(told.contains("half: "), "{told}");
}

#[test]
fn a_file_is_old_or_new_whatever_happens() {
    let old_or_new = |folder: &Path| {
        let bytes = read(&folder.join("a")).unwrap();
        assert!(bytes == b"old" || bytes == b"new, and longer", "{bytes:?}");
    };
    let sweep = Sweep {
        prepare: &|folder| publish(&folder.join("a"), b"old").unwrap(),
        act: &|folder| publish(&folder.join("a"), b"new, and longer").map_err(|e| e.to_string()),
        look: &old_or_new,
        end: &everything,
    };
    assert!(sweep.run() > 30);
}

#[test]
fn a_folder_is_whole_or_absent_whatever_happens() {
    let fill = |inside: &Path| -> Result<(), FileError> {
        publish(&inside.join("x"), b"1")?;
        publish(&inside.join("deep/y"), b"22")
    };
    let whole_or_absent = |folder: &Path| {
        let there = folder.join("store/of/a").is_dir();
        assert!(!there || everything(folder) == "store/of/a/deep/y: [50, 50]\nstore/of/a/x: [49]\n");
    };
    let publishing = Sweep {
        prepare: &|_| {},
        act: &|folder| publish_folder(&folder.join("store/of/a"), fill).map_err(|e| e.to_string()),
        look: &whole_or_absent,
        end: &everything,
    };
    assert!(publishing.run() > 100);
    let removing = Sweep {
        prepare: &|folder| publish_folder(&folder.join("store/of/a"), fill).unwrap(),
        act: &|folder| remove_folder(&folder.join("store/of/a")).map(drop).map_err(|e| e.to_string()),
        look: &whole_or_absent,
        end: &everything,
    };
    assert!(removing.run() > 50);
}

#[test]
fn a_full_disk_names_the_file_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    publish(&path, b"old").unwrap();
    // Make a file, write, sync, rename.
    for from in 0..4 {
        let full = Full::on(folder.path(), from, true);
        let told = publish(&path, b"new").unwrap_err().to_string();
        assert!(told.contains(&path.display().to_string()) && told.contains("toji gc"), "{told}");
        drop(full);
        assert_eq!(everything(folder.path()), "a: [111, 108, 100]\n");
        assert_eq!(tree(folder.path()).unwrap().len(), 1, "nothing temporary is left");
    }
    let full = Full::on(folder.path(), 4, true);
    publish(&path, b"new").unwrap();
    assert_eq!(full.refused(), None);
    drop(full);
    // Of a write that found no room, a part is there.
    let full = Full::on(folder.path(), 1, false);
    let mut file = File::append(&path).unwrap();
    file.write_all(b"1234").unwrap_err();
    assert_eq!(full.refused().map(|told| told.starts_with("Write")), Some(true));
    assert_eq!(read(&path).unwrap(), b"new12");
}

/// Has no room for a new file or folder, as a disk without free inodes; names can change.
struct NothingNew;

impl Watch for NothingNew {
    fn before(&mut self, operation: &Operation<'_>) -> std::io::Result<()> {
        let is_new = match operation {
            Operation::MakeFolder(_) => true,
            Operation::Open { path, .. } => !path.exists(),
            _ => false,
        };
        if is_new { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn done(&mut self, _: &Operation<'_>) {}
}

#[test]
fn room_can_be_made_on_a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    super::make_folder(&folder.path().join(".publish-gone-0/left")).unwrap();
    publish_folder::<FileError>(&path, |inside| publish(&inside.join("x"), b"1")).unwrap();
    let full = disk::watch(folder.path(), Arc::new(Mutex::new(NothingNew)));
    publish(&folder.path().join("b"), b"1").unwrap_err();
    assert!(remove_folder(&path).unwrap() && !remove_folder(&path).unwrap());
    drop(full);
    let left: Vec<_> = tree(folder.path()).unwrap().into_keys().collect();
    assert_eq!(left, [Path::new(".publish-gone-0"), Path::new(".publish-gone-0/left")]);
}

#[test]
fn a_watch_knows_of_its_own_folder_alone() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
    for folder in [&one, &other] {
        super::make_folder(folder).unwrap();
    }
    let full = Full::on(&one, 0, true);
    let recorder = Recorder::on(&other).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| (0..50).for_each(|_| drop(publish(&one.join("a"), b"1").unwrap_err())));
        scope.spawn(|| (0..50).for_each(|_| publish(&other.join("a"), b"1").unwrap()));
    });
    assert_eq!(recorder.stop().len(), 50 * 5);
    drop(full);
    publish(&one.join("a"), b"1").unwrap();
}
