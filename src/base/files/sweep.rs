//! Every fault at every operation of something that is written: for unit tests anywhere in the library.
//!
//! Takes how a folder is prepared, what is then done in it, what must hold of it at any moment, and what of it counts in the end; does
//! it once while it is recorded, then lays out all the states in which a kill or a power cut may leave it and does it again, and
//! does it on a disk that is full from each operation on. The end must be as if nothing had happened.

use std::path::Path;

use super::faults::{Disk, Full, Log, Lost, Recorder, Unsynced, tree};
use crate::base::Seed;

/// How many draws of what is torn are tried after each operation.
const DRAWS: u64 = 4;

/// Something that writes, and what is expected of it.
pub(crate) struct Sweep<'a> {
    /// Makes what was there before.
    pub prepare: &'a dyn Fn(&Path),
    /// Writes; done again after a fault, it goes on.
    pub act: &'a dyn Fn(&Path) -> Result<(), String>,
    /// Whether what is there can be read, at any moment; panics where it is half.
    pub look: &'a dyn Fn(&Path),
    /// What counts when it is done.
    pub end: &'a dyn Fn(&Path) -> String,
}

/// All files but temporary ones and locks, with their bytes: what usually counts.
pub(crate) fn everything(folder: &Path) -> String {
    let hidden = |path: &Path| path.iter().any(|name| name.to_string_lossy().starts_with('.'));
    let is_lock = |path: &Path| path.ends_with("lock") || path.extension().is_some_and(|e| e == "lock");
    let all = tree(folder).unwrap();
    let files = all.iter().filter(|(path, _)| !hidden(path) && !is_lock(path));
    files.filter_map(|(path, bytes)| Some(format!("{}: {:?}\n", path.display(), bytes.as_ref()?))).collect()
}

impl Sweep<'_> {
    /// Tries all faults. Gives how many states there were, so that a caller can see that something was written.
    pub fn run(&self) -> usize {
        let straight = tempfile::tempdir().unwrap();
        let _fast = Unsynced::on(straight.path());
        (self.prepare)(straight.path());
        let recorder = Recorder::on(straight.path()).unwrap();
        (self.act)(straight.path()).unwrap();
        let log = recorder.stop();
        let expected = (self.end)(straight.path());
        assert!(!log.is_empty(), "nothing was written through the layer");
        self.stops(&log, &expected) + self.full_disks(log.len(), &expected)
    }

    /// Kills and power cuts.
    fn stops(&self, log: &Log, expected: &str) -> usize {
        let mut disk = Disk::of(log);
        let mut states = 0;
        for done in 0..=log.len() {
            let torn = (0..DRAWS).map(|draw| Lost::Torn(Seed::new(draw)));
            for lost in [Lost::Nothing, Lost::Unsynced].into_iter().chain(torn) {
                let folder = tempfile::tempdir().unwrap();
                let _fast = Unsynced::on(folder.path());
                disk.lay_out(folder.path(), lost).unwrap();
                let told = format!("{lost:?} before operation {done}, {}", log.told(done));
                if done == log.len() {
                    // It said that it was done, so nothing of it may be lost any more.
                    let found = (self.end)(folder.path());
                    assert!(found == expected, "{told}: lost afterwards: there is\n{found}\nnot\n{expected}");
                }
                self.again(folder.path(), expected, &told);
                states += 1;
            }
            disk.advance();
        }
        states
    }

    /// A disk that is full once, or stays so until the next try.
    fn full_disks(&self, operations: usize, expected: &str) -> usize {
        let mut states = 0;
        for from in 0..operations {
            for lasting in [false, true] {
                let folder = tempfile::tempdir().unwrap();
                let _fast = Unsynced::on(folder.path());
                (self.prepare)(folder.path());
                let full = Full::on(folder.path(), from, lasting);
                let done = (self.act)(folder.path());
                let Some(refused) = full.refused() else { continue };
                drop(full);
                let told = format!("no room for {refused}, lasting: {lasting}");
                if let Err(error) = done {
                    let place = folder.path().display().to_string();
                    assert!(error.contains(&place), "{told}: names no path: {error}");
                    assert!(error.contains("make room"), "{told}: {error}");
                }
                self.again(folder.path(), expected, &told);
                states += 1;
            }
        }
        states
    }

    fn again(&self, folder: &Path, expected: &str, told: &str) {
        let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (self.look)(folder)));
        assert!(looked.is_ok(), "half: {told}; there is\n{}", everything(folder));
        let done = (self.act)(folder);
        assert!(done.is_ok(), "{told}: done again: {done:?}");
        assert!((self.end)(folder) == expected, "{told}: then there is\n{}\nnot\n{expected}", (self.end)(folder));
    }
}
