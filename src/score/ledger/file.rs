//! `ledger.jsonl`: appended, never rewritten.
//!
//! Takes a [`Line`], appends it under the file's lock and syncs; gives all lines back in order. A line without a kind is a submission, as
//! they were written at first. A line that a crash cut short, or that somebody edited into nonsense, is passed over and told by its number; the
//! next one begins on a line of its own.

use std::collections::HashSet;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::Deserialize;

use super::{Entry, Ledger, Line, Mark, Placed};
use crate::base::files::disk::{self, File};
use crate::base::files::{FileError, make_folder, read};
use crate::base::{Key, Time};
use crate::score::ScoreError;

/// Appends a line and syncs the file before it returns.
///
/// # Errors
/// When the file cannot be opened, written or synced.
pub fn append(path: &Path, line: impl Into<Line>) -> Result<(), ScoreError> {
    amend(path, |_| Ok(line.into()))
}

/// Appends the line that `decide` makes of the ledger as it stands; nobody writes in between.
///
/// # Errors
/// What `decide` refuses; when the file cannot be opened, read, written or synced.
pub fn amend<E: From<ScoreError>>(path: &Path, decide: impl FnOnce(&Ledger) -> Result<Line, E>) -> Result<(), E> {
    let file_error = |error: FileError| E::from(ScoreError::from(error));
    let folder = path.parent().unwrap_or(Path::new(""));
    make_folder(folder).map_err(file_error)?;
    let open = || -> std::io::Result<(File, Vec<u8>)> {
        let mut file = File::append(path)?;
        // Two commands may write at once.
        file.lock()?;
        file.seek(SeekFrom::Start(0))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok((file, bytes))
    };
    let (mut file, bytes) = open().map_err(FileError::at("cannot append to", path)).map_err(file_error)?;
    let line = whole_seconds(decide(&parse(&bytes))?);
    let text = serde_json::to_string(&line).map_err(|e| ScoreError::BadFile {
        path: path.to_owned(),
        kind: "ledger",
        why: e.to_string(),
    })?;
    let torn = bytes.last().is_some_and(|last| *last != b'\n');
    let text = format!("{}{text}\n", if torn { "\n" } else { "" });
    let mut write = || -> std::io::Result<()> {
        file.seek(SeekFrom::End(0))?;
        file.write_all(text.as_bytes())?;
        file.sync()?;
        // The first line makes the file: its name must last, too.
        disk::sync_folder(folder)
    };
    write().map_err(FileError::at("cannot append to", path)).map_err(file_error)
}

/// Whole seconds go through every JSON reader unchanged.
fn whole_seconds(mut line: Line) -> Line {
    let date = match &mut line {
        Line::Submission(entry) => &mut entry.date,
        Line::Leaderboard(placed) => &mut placed.date,
        Line::Final(mark) => &mut mark.date,
    };
    *date = Time(date.0.round());
    line
}

/// Reads the ledger; one that is not there is empty.
///
/// # Errors
/// When the file is there but cannot be read.
pub fn load(path: &Path) -> Result<Ledger, ScoreError> {
    match read(path) {
        Err(error) if error.is_missing() => Ok(Ledger::default()),
        other => Ok(parse(&other?)),
    }
}

/// A line without a kind is a submission.
#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

/// The ledger of these bytes. Bytes, not text: a torn line may end inside a character.
fn parse(bytes: &[u8]) -> Ledger {
    let mut ledger = Ledger::default();
    let mut about: Vec<(usize, Key)> = Vec::new();
    for (number, line) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match of_bytes(line) {
            Some(Line::Submission(entry)) => ledger.entries.push(entry),
            Some(Line::Leaderboard(placed)) => {
                about.push((number, placed.file_hash));
                ledger.placed.push(placed);
            }
            Some(Line::Final(mark)) => {
                about.push((number, mark.file_hash));
                ledger.marks.push(mark);
            }
            None => ledger.unreadable.push(number),
        }
    }
    let made: HashSet<Key> = ledger.entries.iter().map(|entry| entry.file_hash).collect();
    ledger.strange = about.into_iter().filter(|(_, hash)| !made.contains(hash)).map(|(number, _)| number).collect();
    ledger
}

fn of_bytes(line: &[u8]) -> Option<Line> {
    let Kind { kind } = serde_json::from_slice(line).ok()?;
    let is_share = |score: f64| (0.0..=1.0).contains(&score);
    Some(match kind.as_deref() {
        None | Some("submission") => {
            let entry: Entry = serde_json::from_slice(line).ok()?;
            if !entry.cv.is_none_or(is_share) {
                return None;
            }
            Line::Submission(entry)
        }
        Some("leaderboard") => {
            let placed: Placed = serde_json::from_slice(line).ok()?;
            if !is_share(placed.score) || placed.decimals > 17 {
                return None;
            }
            Line::Leaderboard(placed)
        }
        Some("final") => Line::Final(serde_json::from_slice::<Mark>(line).ok()?),
        Some(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::Part;
    use super::super::tests::entry;
    use super::*;

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
            append(&file(folder), entry("02")).map_err(|e| e.to_string())?;
            append(&file(folder), entry("杜氏")).map_err(|e| e.to_string())
        };
        let look = |folder: &Path| assert!(entries(folder).iter().all(|name| name == "02" || name == "杜氏"));
        let end = |folder: &Path| entries(folder).join(" ");
        assert!(Sweep { prepare: &|_| {}, act: &act, look: &look, end: &end }.run() > 40);
        // An entry of which it was said that it was appended is there whatever comes after.
        let prepare = |folder: &Path| append(&file(folder), entry("01")).unwrap();
        let look = |folder: &Path| assert_eq!(load(&file(folder)).unwrap().entries[0], entry("01"));
        assert!(Sweep { prepare: &prepare, act: &act, look: &look, end: &end }.run() > 40);
    }

    #[test]
    fn entries_come_back_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.jsonl");
        assert_eq!(load(&path).unwrap(), Ledger::default());
        append(&path, entry("02-アークフェイス")).unwrap();
        append(&path, Entry { date: Time(1_700_000_000.4), ..entry("03") }).unwrap();
        let ledger = load(&path).unwrap();
        assert_eq!(ledger.entries, [entry("02-アークフェイス"), entry("03")]);
        assert!(ledger.unreadable.is_empty());
    }

    #[test]
    fn a_torn_line_costs_only_itself() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.jsonl");
        append(&path, entry("杜氏")).unwrap();
        let whole = read(&path).unwrap();
        // Every place at which a crash may cut the second line, also inside a character.
        for cut in [1, 30, whole.len() - 2, 40 + whole.iter().position(|&b| b > 127).unwrap()] {
            let mut torn = whole.clone();
            torn.extend_from_slice(&whole[..cut.min(whole.len() - 2)]);
            crate::base::files::publish(&path, &torn).unwrap();
            append(&path, entry("03")).unwrap();
            let ledger = load(&path).unwrap();
            assert_eq!(ledger.entries, [entry("杜氏"), entry("03")], "cut at {cut}");
            assert_eq!(ledger.unreadable, [2]);
        }
    }

    #[test]
    fn three_kinds_of_lines_and_those_without_a_kind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.jsonl");
        // As it was written before there were kinds.
        let old = r#"{"file":"s.csv","file_hash":"HASH","recipe":"01","recipe_hash":"HASH","metric":"MRR@20","cv":0.5,"interval":[0.4,0.6],"date":1700000000.0}"#;
        let hash = Key::of_bytes(b"old");
        crate::base::files::publish(&path, old.replace("HASH", &hash.to_string()).as_bytes()).unwrap();
        let placed = Placed { file_hash: hash, part: Part::Public, score: 0.37, decimals: 4, date: Time(1.0) };
        let mark = Mark { file_hash: hash, marked: true, date: Time(2.0) };
        append(&path, Line::Leaderboard(placed.clone())).unwrap();
        append(&path, Line::Final(mark.clone())).unwrap();
        append(&path, entry("02")).unwrap();
        let ledger = load(&path).unwrap();
        assert_eq!(
            (ledger.entries.len(), &ledger.placed[..], &ledger.marks[..]),
            (2, &[placed.clone()][..], &[mark][..])
        );
        assert_eq!((ledger.entries[0].cv, ledger.entries[0].rung.as_str()), (Some(0.5), ""));
        assert_eq!(ledger.entries[1], entry("02"));
        assert!(ledger.unreadable.is_empty() && ledger.strange.is_empty());
        // Edited by hand: percent, a kind that nobody knows, another file's hash.
        let text = crate::base::files::read_text(&path).unwrap();
        let edited = text.replace("0.37,", "37.2,").replace("\"final\"", "\"finale\"");
        let stray = Placed { file_hash: Key::of_bytes(b"nobody's"), ..placed };
        crate::base::files::publish(&path, edited.as_bytes()).unwrap();
        append(&path, Line::Leaderboard(stray)).unwrap();
        let ledger = load(&path).unwrap();
        assert_eq!((ledger.unreadable, ledger.strange), (vec![2, 3], vec![5]));
    }

    #[test]
    fn what_is_refused_leaves_the_file_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.jsonl");
        append(&path, entry("02")).unwrap();
        let before = read(&path).unwrap();
        let refused = amend(&path, |ledger| {
            assert_eq!(ledger.entries, [entry("02")]);
            Err(ScoreError::NoQueries)
        });
        assert!(refused.is_err());
        assert_eq!(read(&path).unwrap(), before);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            parse(&bytes);
        }
    }
}
