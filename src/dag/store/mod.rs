//! Artefacts by key: `.toji/store/<stage>/<aa>/<key>/`, each with a `meta.json` about its making.
//!
//! Takes a stage and a function that fills a folder; publishes the folder by sync and rename, so two
//! workers may make the same artefact and both succeed. `meta.json` lists every file with its size and
//! hash: a folder that a copy between machines has not finished yet fails that list and counts as
//! absent. Beside it, `work/<key>/` in `.toji` holds the checkpoints of unfinished work, under a lock.
//! Deleting all of it loses time only.

mod meta;
#[cfg(test)]
mod tests;
mod work;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

pub use meta::{Making, Meta, StoredFile};
pub use work::Work;

use self::meta::{META, describe, hash_file, read_meta, whole};
use super::error::DagError;
use super::history::{History, Sample};
use super::plan::{Reached, View};
use super::stage::Stage;
use crate::base::files::{self, FileError, Lock, disk};
use crate::base::{Clock, Key, Time};

/// Temporary folders older than this are what a killed worker left.
const LEFT_OVER: f64 = 7.0 * 86_400.0;

/// Held, in `.toji`, by who begins to use artefacts, and by who removes them.
const TIDYING: &str = "tidying.lock";

/// What tells a `meta.json` that was checked from another one at its path.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<std::time::SystemTime>,
    bytes: u64,
    inode: u64,
}

/// The artefacts and the unfinished work of one project.
pub struct Store {
    toji: PathBuf,
    /// Artefacts that were seen whole, so that asking again is one stat.
    seen: Mutex<HashMap<Key, Stamp>>,
}

impl Store {
    /// The store of the folder `.toji` given here. Makes nothing.
    pub fn open(toji: &Path) -> Store {
        Store { toji: toji.to_owned(), seen: Mutex::default() }
    }

    /// The folder `.toji`.
    pub fn root(&self) -> &Path {
        &self.toji
    }

    /// Where an artefact lies, or would: to look for files that need not be whole. To read it, ask [`Store::folder`].
    pub fn place(&self, stage: &str, key: &Key) -> PathBuf {
        self.path(stage, key)
    }

    /// Where unfinished work on an artefact lies, or would: to look at what somebody else is making.
    pub fn unfinished_folder(&self, key: &Key) -> PathBuf {
        work::place(&self.toji, key)
    }

    fn path(&self, stage: &str, key: &Key) -> PathBuf {
        let name = key.to_string();
        self.toji.join("store").join(stage).join(&name[..2]).join(name)
    }

    /// Whether the whole artefact is there. The first time it reads the file list and compares sizes;
    /// after that it is one stat of `meta.json`. Before reading an artefact, ask [`Store::folder`].
    pub fn has(&self, stage: &str, key: &Key) -> bool {
        let folder = self.path(stage, key);
        let Some(stamp) = stamp(&folder.join(META)) else { return false };
        let known = |seen: &HashMap<Key, Stamp>| seen.get(key) == Some(&stamp);
        if self.seen.lock().is_ok_and(|seen| known(&seen)) {
            return true;
        }
        let whole = whole(&folder, key);
        if whole && let Ok(mut seen) = self.seen.lock() {
            seen.insert(*key, stamp);
        }
        whole
    }

    /// The artefact's folder, all of whose files are there with their sizes.
    ///
    /// # Errors
    /// When it is absent or not whole.
    pub fn folder(&self, stage: &str, key: &Key) -> Result<PathBuf, DagError> {
        let folder = self.path(stage, key);
        if whole(&folder, key) { Ok(folder) } else { Err(DagError::Missing { stage: stage.to_owned(), key: *key }) }
    }

    /// What is known about an artefact; `None` when it is absent.
    ///
    /// # Errors
    /// When `meta.json` cannot be read or understood.
    pub fn meta(&self, stage: &str, key: &Key) -> Result<Option<Meta>, DagError> {
        read_meta(&self.path(stage, key))
    }

    /// Every artefact by stage and key, sorted, from the folders' names alone; some may be incomplete.
    pub fn list(&self) -> Vec<(String, Key)> {
        let mut found = Vec::new();
        for stage in names(&self.toji.join("store")) {
            let folder = self.toji.join("store").join(&stage);
            for pair in names(&folder) {
                let keys = names(&folder.join(pair)).into_iter().filter_map(|name| name.parse::<Key>().ok());
                found.extend(keys.map(|key| (stage.clone(), key)));
            }
        }
        found.sort();
        found
    }

    /// Publishes the artefact of `stage`: `fill` writes its files into the folder it is given.
    /// When the whole artefact is there already it stays (unless `making.replace`), an incomplete one is
    /// replaced. The folder of unfinished work of this key is removed afterwards.
    ///
    /// # Errors
    /// The caller's when filling fails; then nothing is published.
    pub fn publish<E: From<DagError>>(
        &self,
        stage: &Stage,
        making: &Making<'_>,
        clock: &dyn Clock,
        fill: impl FnOnce(&Path) -> Result<(), E>,
    ) -> Result<PathBuf, E> {
        let key = stage.artefact();
        let path = self.path(stage.name, &key);
        let filled = |folder: &Path| -> Result<(), Filling<E>> {
            fill(folder).map_err(Filling::Caller)?;
            let meta = describe(stage, making, clock, folder)?;
            // Last, so that a folder with a meta.json has had all its files.
            files::publish(&folder.join(META), &meta)?;
            // Makes room only now: until here an older artefact serves its readers.
            self.make_room(&path, &key, making.replace)?;
            Ok(())
        };
        files::publish_folder(&path, filled).map_err(|error| match error {
            Filling::Caller(e) => e,
            Filling::Dag(e) => e.into(),
        })?;
        if !whole(&path, &key) {
            // A copy from another machine wrote into the folder just now; ours is gone with the temporary one.
            return Err(DagError::Missing { stage: stage.name.to_owned(), key }.into());
        }
        work::forget(&self.toji, &key)?;
        if let Ok(Some(meta)) = read_meta(&path) {
            let sample = Sample { date: meta.date, seconds: meta.seconds, work: meta.work, bytes: meta.bytes };
            // Timings only help to guess and are rebuilt from the store; a full disk is met elsewhere.
            let _ = History::note(&self.toji, making.machine, stage.timed_as(), sample);
        }
        Ok(path)
    }

    /// Moves an incomplete (or, with `replace`, any) artefact out of the way.
    fn make_room(&self, path: &Path, key: &Key, replace: bool) -> Result<(), DagError> {
        if !path.exists() {
            return Ok(());
        }
        let _guard = Lock::wait(&self.toji.join("store/.repair.lock"))?;
        if replace || !whole(path, key) {
            files::remove_folder(path)?;
        }
        Ok(())
    }

    /// Reads every byte of an artefact and compares it with what was published.
    ///
    /// # Errors
    /// [`DagError::Missing`] when it is not whole, [`DagError::Damaged`] with the first file that changed.
    pub fn verify(&self, stage: &str, key: &Key) -> Result<(), DagError> {
        let folder = self.folder(stage, key)?;
        for file in read_meta(&folder)?.into_iter().flat_map(|meta| meta.files) {
            let path = folder.join(&file.name);
            if hash_file(&path)? != file.hash {
                return Err(DagError::Damaged { path });
            }
        }
        Ok(())
    }

    /// Holds off [`Store::tidying`] while a run looks what is there and says what it will use. Many may hold it.
    ///
    /// # Errors
    /// When the lock cannot be opened.
    pub fn entering(&self) -> Result<Lock, DagError> {
        Ok(Lock::share(&self.toji.join(TIDYING))?)
    }

    /// Waits for all who are [`Store::entering`] and holds others off, while what nobody needs is looked for and removed.
    ///
    /// # Errors
    /// When the lock cannot be opened.
    pub fn tidying(&self) -> Result<Lock, DagError> {
        Ok(Lock::wait(&self.toji.join(TIDYING))?)
    }

    /// Removes temporary files and folders, anywhere in `.toji`, that a killed worker left more than a week before `now`. How many there were.
    pub fn sweep(&self, now: Time) -> usize {
        let mut removed = 0;
        let mut open = vec![self.toji.clone()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if !entry.file_name().to_string_lossy().starts_with(files::UNPUBLISHED) {
                    open.extend(is_folder.then(|| entry.path()));
                    continue;
                }
                let age = entry.metadata().ok().and_then(|m| m.modified().ok()).and_then(|t| {
                    let since = t.duration_since(std::time::UNIX_EPOCH).ok()?;
                    Some(now.0 - since.as_secs_f64())
                });
                if age.is_some_and(|age| age > LEFT_OVER) {
                    let path = entry.path();
                    let gone = if is_folder { disk::remove_tree(&path) } else { disk::remove_file(&path) };
                    removed += usize::from(gone.is_ok());
                }
            }
        }
        removed
    }

    /// The folder for unfinished work on the artefact `key`, made if need be; `None` while another living
    /// process works on it. It survives a kill, and publishing the artefact removes it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn work(&self, key: &Key) -> Result<Option<Work>, DagError> {
        Work::open(&self.toji, key)
    }
}

impl View for Store {
    fn has(&self, stage: &str, key: &Key) -> bool {
        Store::has(self, stage, key)
    }

    fn unfinished(&self, key: &Key) -> Option<Reached> {
        work::reached_of(&self.toji, key)
    }
}

/// Why filling a folder failed: the caller's reason or ours.
enum Filling<E> {
    Caller(E),
    Dag(DagError),
}

impl<E> From<FileError> for Filling<E> {
    fn from(e: FileError) -> Self {
        Filling::Dag(e.into())
    }
}

impl<E> From<DagError> for Filling<E> {
    fn from(e: DagError) -> Self {
        Filling::Dag(e)
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = fs::metadata(path).ok()?;
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(&found);
    #[cfg(not(unix))]
    let inode = 0;
    Some(Stamp { modified: found.modified().ok(), bytes: found.len(), inode })
}

/// Names in a folder that are not hidden; an absent folder has none.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries.flatten().filter_map(|e| e.file_name().into_string().ok()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    names
}
