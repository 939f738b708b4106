//! Every file that was made to be handed in, one line each in `ledger.jsonl`.
//!
//! Takes an [`Entry`], appends it and syncs; gives them all back in order. The file is for git and
//! for people: JSON, one object a line, never rewritten. A line that a crash cut short is passed over
//! and told by its number; the next entry begins on a line of its own.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::ScoreError;
use crate::base::files::disk::{self, File};
use crate::base::files::{FileError, make_folder, read};
use crate::base::{Key, Time};

/// One file that was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The file's name when it was written.
    pub file: PathBuf,
    /// BLAKE3 of its bytes.
    pub file_hash: Key,
    /// The recipe's name.
    pub recipe: String,
    /// Hash of the recipe as it was run, with all that it extends.
    pub recipe_hash: Key,
    /// What was measured: "MRR@20".
    pub metric: String,
    /// The score in cross-validation, when the recipe has one.
    pub cv: Option<f64>,
    /// Its 95 % interval.
    pub interval: Option<[f64; 2]>,
    /// When it was written, in whole seconds.
    pub date: Time,
    /// Queries that were answered by a filler, since their pictures cannot be used.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub filled: usize,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// The ledger as it stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    /// What was handed in, oldest first.
    pub entries: Vec<Entry>,
    /// Numbers (from 1) of lines that are no entry: cut short by a crash, or edited by hand.
    pub unreadable: Vec<usize>,
}

/// Appends an entry and syncs the file before it returns.
///
/// # Errors
/// When the file cannot be opened, written or synced.
pub fn append(path: &Path, entry: &Entry) -> Result<(), ScoreError> {
    // Whole seconds go through every JSON reader unchanged.
    let entry = Entry { date: Time(entry.date.0.round()), ..entry.clone() };
    let mut line = serde_json::to_string(&entry).map_err(|e| ScoreError::BadFile {
        path: path.to_owned(),
        kind: "ledger",
        why: e.to_string(),
    })?;
    line.push('\n');
    let folder = path.parent().unwrap_or(Path::new(""));
    make_folder(folder)?;
    let write = || -> std::io::Result<()> {
        let mut file = File::append(path)?;
        // Two commands may submit at once: a line is written under the file's own lock.
        file.lock()?;
        if file.seek(SeekFrom::End(0))? > 0 {
            file.seek(SeekFrom::End(-1))?;
            let mut last = [0];
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                line.insert(0, '\n');
            }
        }
        file.write_all(line.as_bytes())?;
        file.sync()?;
        // The first entry makes the file: its name must last, too.
        disk::sync_folder(folder)
    };
    let mut write = write;
    Ok(write().map_err(FileError::at("cannot append to", path))?)
}

/// Reads the ledger; one that is not there is empty.
///
/// # Errors
/// When the file is there but cannot be read.
pub fn load(path: &Path) -> Result<Ledger, ScoreError> {
    let bytes = match read(path) {
        Err(error) if error.is_missing() => return Ok(Ledger::default()),
        other => other?,
    };
    let mut ledger = Ledger::default();
    // Bytes, not text: a torn line may end inside a character.
    for (i, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match serde_json::from_slice(line) {
            Ok(entry) => ledger.entries.push(entry),
            Err(_) => ledger.unreadable.push(i + 1),
        }
    }
    Ok(ledger)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(recipe: &str) -> Entry {
        Entry {
            file: format!("submissions/{recipe}.csv").into(),
            file_hash: Key::of_bytes(recipe.as_bytes()),
            recipe: recipe.into(),
            recipe_hash: Key::of_bytes(b"text"),
            metric: "MRR@20".into(),
            cv: Some(0.269047619048),
            interval: Some([0.2, 0.3]),
            date: Time(1_700_000_000.0),
            filled: 0,
        }
    }

    #[test]
    fn no_entry_is_lost_or_half_under_any_fault() {
        use crate::base::files::sweep::Sweep;
        let file = |folder: &Path| folder.join("ledger.jsonl");
        // Whoever submits again after a fault writes an entry again, so each counts once.
        let entries = |folder: &Path| {
            let mut all: Vec<String> = load(&file(folder)).unwrap().entries.into_iter().map(|e| e.recipe).collect();
            all.sort();
            all.dedup();
            all
        };
        let act = |folder: &Path| {
            append(&file(folder), &entry("02")).map_err(|e| e.to_string())?;
            append(&file(folder), &entry("杜氏")).map_err(|e| e.to_string())
        };
        let look = |folder: &Path| assert!(entries(folder).iter().all(|name| name == "02" || name == "杜氏"));
        let end = |folder: &Path| entries(folder).join(" ");
        assert!(Sweep { prepare: &|_| {}, act: &act, look: &look, end: &end }.run() > 40);
        // An entry of which it was said that it was appended is there whatever comes after.
        let prepare = |folder: &Path| append(&file(folder), &entry("01")).unwrap();
        let look = |folder: &Path| assert_eq!(load(&file(folder)).unwrap().entries[0], entry("01"));
        assert!(Sweep { prepare: &prepare, act: &act, look: &look, end: &end }.run() > 40);
    }

    #[test]
    fn entries_come_back_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.jsonl");
        assert_eq!(load(&path).unwrap(), Ledger::default());
        append(&path, &entry("02-アークフェイス")).unwrap();
        append(&path, &Entry { date: Time(1_700_000_000.4), ..entry("03") }).unwrap();
        let ledger = load(&path).unwrap();
        assert_eq!(ledger.entries, [entry("02-アークフェイス"), entry("03")]);
        assert!(ledger.unreadable.is_empty());
    }

    #[test]
    fn a_torn_line_costs_only_itself() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.jsonl");
        append(&path, &entry("杜氏")).unwrap();
        let whole = read(&path).unwrap();
        // Every place at which a crash may cut the second line, also inside a character.
        for cut in [1, 30, whole.len() - 2, 40 + whole.iter().position(|&b| b > 127).unwrap()] {
            let mut torn = whole.clone();
            torn.extend_from_slice(&whole[..cut.min(whole.len() - 2)]);
            crate::base::files::publish(&path, &torn).unwrap();
            append(&path, &entry("03")).unwrap();
            let ledger = load(&path).unwrap();
            assert_eq!(ledger.entries, [entry("杜氏"), entry("03")], "cut at {cut}");
            assert_eq!(ledger.unreadable, [2]);
        }
    }
}
