//! Artefacts by key: `.toji/store/<stage>/<aa>/<key>/`, each with a `meta.json` about its making.
//!
//! Takes a stage and a function that fills a folder; publishes the folder by sync and rename, so two
//! workers may make the same artefact and both succeed. `meta.json` lists every file with its size and
//! hash: a folder that a copy between machines has not finished yet fails that list and counts as
//! absent. Beside it, `.toji/work/<key>/` holds the checkpoints of unfinished work, under a lock.
//! Deleting all of it loses time only.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::error::{DagError, malformed};
use super::history::{History, Sample};
use super::plan::View;
use super::stage::{Recorded, Stage};
use crate::base::files::{self, FileError, Lock};
use crate::base::{Clock, Key, Time, Value};

const META: &str = "meta.json";
/// Temporary folders older than this are what a killed worker left.
const LEFT_OVER: f64 = 7.0 * 86_400.0;

/// One file of an artefact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// Path inside the artefact's folder, with `/`.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// BLAKE3 of its bytes.
    pub hash: Key,
}

/// What is known about an artefact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// The stage that made it, with its key, settings and inputs.
    pub stage: Recorded,
    /// Seconds of work, over all attempts that led to it.
    pub seconds: f64,
    /// How much work that was, in the stage's own units (images × epochs); 0 when not counted.
    #[serde(default)]
    pub work: f64,
    /// Size of all files.
    pub bytes: u64,
    /// The recipe that had it made.
    pub recipe: String,
    /// The run that made it.
    pub run: String,
    /// When it was published.
    pub date: Time,
    /// The machine and device, as timings are told apart: "host, AMD EPYC 9R14, cpu".
    pub machine: String,
    /// Threads, toolchain, versions, …: recorded, in no key.
    pub facts: Value,
    /// Every file except `meta.json`, sorted by name.
    pub files: Vec<StoredFile>,
}

/// The circumstances of a making, which enter `meta.json` and no key.
#[derive(Clone, Debug)]
pub struct Making<'a> {
    /// Name of the recipe.
    pub recipe: &'a str,
    /// Id of the run.
    pub run: &'a str,
    /// As [`Meta::machine`].
    pub machine: &'a str,
    /// When this attempt began; its seconds are counted until the artefact is complete.
    pub started: Time,
    /// Seconds that earlier attempts at the same artefact took.
    pub before: f64,
    /// Units of work that `before` and this attempt did together; 0 when not counted.
    pub work: f64,
    /// As [`Meta::facts`].
    pub facts: &'a Value,
    /// Whether a whole artefact that is there already gives way: [`Step::replace`](super::Step::replace).
    pub replace: bool,
}

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
        self.forget_work(&key).map_err(DagError::from)?;
        if let Ok(Some(meta)) = read_meta(&path) {
            let sample = Sample { date: meta.date, seconds: meta.seconds, work: meta.work, bytes: meta.bytes };
            // Timings only help to guess and are rebuilt from the store; a full disk is met elsewhere.
            let _ = History::note(&self.toji, making.machine, stage.name, sample);
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

    /// Removes temporary folders that a killed worker left more than a week before `now`.
    pub fn sweep(&self, now: Time) -> usize {
        let store = self.toji.join("store");
        let folders = names(&store).into_iter().flat_map(|stage| {
            let stage = store.join(stage);
            names(&stage).into_iter().map(move |pair| stage.join(pair))
        });
        let mut removed = 0;
        for entry in folders.filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten() {
            let age = entry.metadata().ok().and_then(|m| m.modified().ok()).and_then(|t| {
                let since = t.duration_since(std::time::UNIX_EPOCH).ok()?;
                Some(now.0 - since.as_secs_f64())
            });
            if entry.file_name().to_string_lossy().starts_with(".publish-")
                && age.is_some_and(|age| age > LEFT_OVER)
                && fs::remove_dir_all(entry.path()).is_ok()
            {
                removed += 1;
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
        let folder = self.toji.join("work").join(key.to_string());
        let Some(lock) = Lock::try_take(&folder.with_extension("lock"))? else { return Ok(None) };
        files::make_folder(&folder)?;
        Ok(Some(Work { folder, _lock: lock }))
    }

    /// Throws unfinished work away.
    fn forget_work(&self, key: &Key) -> Result<(), FileError> {
        let folder = self.toji.join("work").join(key.to_string());
        for gone in [fs::remove_dir_all(&folder), fs::remove_file(folder.with_extension("lock"))] {
            match gone {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    return Err(FileError::at("cannot remove", &folder)(e));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl View for Store {
    fn has(&self, stage: &str, key: &Key) -> bool {
        Store::has(self, stage, key)
    }

    fn unfinished(&self, key: &Key) -> Option<u32> {
        reached(&self.toji.join("work").join(key.to_string()))
    }
}

/// Unfinished work, held by this process.
#[derive(Debug)]
pub struct Work {
    folder: PathBuf,
    _lock: Lock,
}

impl Work {
    /// Where its checkpoints lie. Publish them with [`files::publish`], so that a kill leaves the last one whole.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Records that the checkpoint of `at` units (epochs) is complete, for the plan to say.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn reach(&self, at: u32) -> Result<(), DagError> {
        Ok(files::publish(&self.folder.join("reached"), at.to_string().as_bytes())?)
    }

    /// How many units (epochs) are complete.
    pub fn reached(&self) -> Option<u32> {
        reached(&self.folder)
    }
}

fn reached(folder: &Path) -> Option<u32> {
    fs::read_to_string(folder.join("reached")).ok()?.trim().parse().ok()
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

/// The text of `meta.json` for what `folder` now holds.
fn describe(stage: &Stage, making: &Making<'_>, clock: &dyn Clock, folder: &Path) -> Result<Vec<u8>, DagError> {
    let mut listed = Vec::new();
    list_files(folder, "", &mut listed)?;
    listed.sort_by(|a, b| a.name.cmp(&b.name));
    let date = clock.now();
    let meta = Meta {
        stage: stage.into(),
        seconds: making.before + date.since(making.started).max(0.0),
        work: making.work,
        bytes: listed.iter().map(|f| f.bytes).sum(),
        recipe: making.recipe.to_owned(),
        run: making.run.to_owned(),
        date,
        machine: making.machine.to_owned(),
        facts: making.facts.clone(),
        files: listed,
    };
    let refused = |reason: String| DagError::NotRecordable { stage: stage.label(), reason };
    let text = serde_json::to_vec_pretty(&meta).map_err(|e| refused(e.to_string()))?;
    // NaN becomes null in JSON: an artefact whose meta cannot be read back would be made again for ever.
    serde_json::from_slice::<Meta>(&text).map_err(|e| refused(e.to_string()))?;
    Ok(text)
}

fn list_files(folder: &Path, prefix: &str, found: &mut Vec<StoredFile>) -> Result<(), DagError> {
    for entry in fs::read_dir(folder).map_err(FileError::at("cannot list", folder))? {
        let entry = entry.map_err(FileError::at("cannot list", folder))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(FileError::at("cannot look at", &path))?;
        let Some(name) = entry.file_name().to_str().map(|name| format!("{prefix}{name}")) else {
            return Err(DagError::NotAFile { path });
        };
        if kind.is_dir() {
            list_files(&path, &format!("{name}/"), found)?;
        } else if kind.is_file() {
            let bytes = entry.metadata().map_err(FileError::at("cannot look at", &path))?.len();
            found.push(StoredFile { name, bytes, hash: hash_file(&path)? });
        } else {
            return Err(DagError::NotAFile { path });
        }
    }
    Ok(())
}

fn hash_file(path: &Path) -> Result<Key, FileError> {
    fs::File::open(path).and_then(Key::of_reader).map_err(FileError::at("cannot read", path))
}

fn read_meta(folder: &Path) -> Result<Option<Meta>, DagError> {
    let path = folder.join(META);
    match files::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(malformed(&path, "a description of an artefact")),
        Err(e) if e.is_missing() => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Whether the folder holds all files of the artefact `key`, with their sizes.
fn whole(folder: &Path, key: &Key) -> bool {
    let Ok(Some(meta)) = read_meta(folder) else { return false };
    let there = |file: &StoredFile| {
        fs::metadata(folder.join(&file.name)).is_ok_and(|found| found.is_file() && found.len() == file.bytes)
    };
    meta.stage.key == *key && meta.files.iter().all(there)
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
