//! `meta.json`: what an artefact is, who made it, what it took, and every file that belongs to it.
//!
//! Takes a filled folder; gives its description with the size and BLAKE3 hash of each file. That list is
//! what tells a whole artefact from one that a copy between machines has not finished: sizes are
//! compared whenever an artefact is opened, hashes when somebody asks to verify.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::base::files::{self, FileError};
use crate::base::{Clock, Key, Time, Value};
use crate::dag::error::{DagError, malformed};
use crate::dag::stage::{Recorded, Stage};

pub(super) const META: &str = "meta.json";

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
    /// Whether a whole artefact that is there already gives way: [`Step::replace`](crate::dag::Step::replace).
    pub replace: bool,
}

/// The text of `meta.json` for what `folder` now holds.
pub(super) fn describe(
    stage: &Stage,
    making: &Making<'_>,
    clock: &dyn Clock,
    folder: &Path,
) -> Result<Vec<u8>, DagError> {
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

pub(super) fn hash_file(path: &Path) -> Result<Key, FileError> {
    fs::File::open(path).and_then(Key::of_reader).map_err(FileError::at("cannot read", path))
}

pub(super) fn read_meta(folder: &Path) -> Result<Option<Meta>, DagError> {
    let path = folder.join(META);
    match files::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(malformed(&path, "a description of an artefact")),
        Err(e) if e.is_missing() => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Whether the folder holds all files of the artefact `key`, with their sizes.
pub(super) fn whole(folder: &Path, key: &Key) -> bool {
    let Ok(Some(meta)) = read_meta(folder) else { return false };
    let there = |file: &StoredFile| {
        fs::metadata(folder.join(&file.name)).is_ok_and(|found| found.is_file() && found.len() == file.bytes)
    };
    meta.stage.key == *key && meta.files.iter().all(there)
}
