//! `events.index`, beside a run's log: what its events add up to, for who reads it next.
//!
//! Takes what was told and how far the log was read; publishes one binary file, from which a later reader has the same without parsing a
//! line, and single curves without the others. It only saves time: it may be deleted, lacks where a folder is read-only, and is passed over
//! where it is of another version, damaged, or does not belong to the log.
//!
//! ```text
//!   MAGIC                       16 bytes, with the version
//!   length of the head          8 bytes, little-endian
//!   hash of the head            32 bytes, BLAKE3
//!   head                        MessagePack: Head
//!   points                      per curve: x and value, 64-bit floats, little-endian
//! ```

use std::fs::{File, Metadata};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::EVENTS;
use super::points::{Ends, Kept, Place, Points};
use super::told::Told;
use crate::base::Key;
use crate::base::files::packed;

/// The index's name.
pub(super) const INDEX: &str = "events.index";

/// Raised when what is in it changes its form.
const MAGIC: &[u8; 16] = b"toji events 01\r\n";

/// Bytes before the head.
const AHEAD: usize = 16 + 8 + 32;

/// Of the log's end as it was read, so many bytes are hashed.
const TAIL: u64 = 4096;

/// Larger heads are no heads: a head has no points.
const LARGEST: u64 = 64 << 20;

/// What tells a file as it is from what it was: length, time of its last change in nanoseconds since 1970, number in its file system.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Seen {
    pub length: u64,
    pub changed: u64,
    pub inode: u64,
}

impl Seen {
    pub fn of(found: &Metadata) -> Seen {
        let changed = found.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(found);
        #[cfg(not(unix))]
        let inode = 0;
        Seen { length: found.len(), changed: changed.map_or(0, |time| time.as_nanos() as u64), inode }
    }
}

/// How far a log was read.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// The file then.
    pub seen: Seen,
    /// Bytes that were read: whole lines.
    pub offset: u64,
    /// Hash of what stands before that, [`TAIL`] bytes at most.
    tail: Key,
}

impl Mark {
    /// The mark of a log that was read up to `offset`.
    pub fn of(log: &mut File, seen: Seen, offset: u64) -> io::Result<Mark> {
        Ok(Mark { seen, offset, tail: tail(log, offset)? })
    }

    /// Whether what was read is what the log begins with: a log as it was, or one to which something was added. One of equal length that was written
    /// again may have been edited anywhere, and is read anew.
    pub fn fits(&self, log: &mut File, now: Seen) -> bool {
        let same = (self.seen.length, self.seen.changed) == (now.length, now.changed);
        let grew = now.length > self.seen.length;
        now.length >= self.offset && (same || grew && tail(log, self.offset).is_ok_and(|tail| tail == self.tail))
    }
}

fn tail(log: &mut File, offset: u64) -> io::Result<Key> {
    let length = offset.min(TAIL);
    log.seek(SeekFrom::Start(offset - length))?;
    let mut bytes = vec![0; length as usize];
    log.read_exact(&mut bytes)?;
    Ok(Key::of_bytes(&bytes))
}

#[derive(Serialize, Deserialize)]
struct Head {
    mark: Mark,
    told: Told,
    /// Series, part and place of each curve.
    curves: Vec<(String, String, Place)>,
}

/// Writes the index of a run's folder, and leaves the points to it: they are read again where somebody asks for them. Where it cannot be written nothing changes.
pub(super) fn write(folder: &Path, mark: Mark, told: &mut Told) {
    let mut curves = Vec::with_capacity(told.curves.len());
    let mut bytes: Vec<Vec<u8>> = Vec::with_capacity(told.curves.len());
    let mut at = 0;
    for ((series, part), points) in &told.curves {
        let own: Vec<u8> = points.iter().flatten().flat_map(|number| number.to_le_bytes()).collect();
        let place = Place { at, count: points.len() as u64, hash: short(&own), ends: Ends::of(points) };
        curves.push((series.clone(), part.clone(), place));
        at += own.len() as u64;
        bytes.push(own);
    }
    // `told` is skipped over its curves, so nothing is written twice.
    let head = Head { mark, told: std::mem::take(told), curves };
    let written = packed::pack(&head).is_some_and(|packed| {
        let path = folder.join(INDEX);
        let write = |file: &mut crate::base::files::disk::File| {
            let mut file = BufWriter::new(file);
            file.write_all(MAGIC)?;
            file.write_all(&(packed.len() as u64).to_le_bytes())?;
            file.write_all(Key::of_bytes(&packed).as_bytes())?;
            file.write_all(&packed)?;
            bytes.iter().try_for_each(|points| file.write_all(points))?;
            file.flush()
        };
        packed::publish_lightly(&path, write).is_ok()
    });
    *told = head.told;
    if written {
        lend(folder, told, head.curves);
    }
}

/// What the index of a run's folder says of its log, and how far that was read; `None` where there is no index of this log.
pub(super) fn read(folder: &Path, log: &mut File, now: Seen) -> Option<(Told, Mark)> {
    let mut file = File::open(folder.join(INDEX)).ok()?;
    let head = head(&mut file)?;
    let end = head.curves.last().map_or(0, |(_, _, place)| place.at + place.count * 16);
    let is_whole = file.metadata().ok()?.len() == file.stream_position().ok()? + end;
    if !is_whole || !head.mark.fits(log, now) {
        return None;
    }
    let mut told = head.told;
    lend(folder, &mut told, head.curves);
    Some((told, head.mark))
}

/// Reads up to the points.
fn head(file: &mut File) -> Option<Head> {
    let mut ahead = [0; AHEAD];
    file.read_exact(&mut ahead).ok()?;
    let (length, hash) = ahead.strip_prefix(MAGIC)?.split_at(8);
    let length = u64::from_le_bytes(length.try_into().ok()?);
    if length > LARGEST {
        return None;
    }
    let mut packed = vec![0; length as usize];
    file.read_exact(&mut packed).ok()?;
    if Key::of_bytes(&packed).as_bytes() != hash {
        return None;
    }
    packed::unpack(&packed)
}

/// Gives curves by their places.
fn lend(folder: &Path, told: &mut Told, curves: Vec<(String, String, Place)>) {
    let folder: Arc<Path> = folder.into();
    let curve = |(series, part, place)| {
        let name = (series, part);
        (name.clone(), Points::kept(Kept { folder: folder.clone(), name: Arc::new(name), place }))
    };
    told.curves = curves.into_iter().map(curve).collect();
}

/// The points of a curve, from the index, or from the log where the index is gone or another one by now.
pub(super) fn points(kept: &Kept) -> Vec<[f64; 2]> {
    indexed(kept).or_else(|| logged(kept)).unwrap_or_default()
}

fn indexed(kept: &Kept) -> Option<Vec<[f64; 2]>> {
    let mut file = File::open(kept.folder.join(INDEX)).ok()?;
    let mut ahead = [0; AHEAD];
    file.read_exact(&mut ahead).ok()?;
    let length = u64::from_le_bytes(ahead.strip_prefix(MAGIC)?[..8].try_into().ok()?);
    file.seek(SeekFrom::Start(AHEAD as u64 + length + kept.place.at)).ok()?;
    let mut bytes = Vec::new();
    file.take(kept.place.count * 16).read_to_end(&mut bytes).ok()?;
    let number = |bytes: &[u8]| f64::from_le_bytes(bytes.try_into().unwrap_or_default());
    let point = |bytes: &[u8]| [number(&bytes[..8]), number(&bytes[8..])];
    let is_whole = bytes.len() as u64 == kept.place.count * 16 && short(&bytes) == kept.place.hash;
    is_whole.then(|| bytes.chunks_exact(16).map(point).collect())
}

fn logged(kept: &Kept) -> Option<Vec<[f64; 2]>> {
    let mut told = Told::default();
    told.read(&mut File::open(kept.folder.join(EVENTS)).ok()?).ok()?;
    Some(told.curves.remove(&*kept.name)?.to_vec())
}

fn short(bytes: &[u8]) -> [u8; 8] {
    let mut hash = [0; 8];
    hash.copy_from_slice(&Key::of_bytes(bytes).as_bytes()[..8]);
    hash
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::{Board, RunState, RunView, Runs};
    use super::*;
    use crate::base::Time;
    use crate::dag::event::{Event, Line};

    /// A log of `points` points of two series, which ends with `last`.
    fn log(points: u32, last: Option<Event>) -> Vec<u8> {
        let part = || "fold 0".to_owned();
        let mut events = vec![
            Event::RunStarted {
                recipe: "酒".into(),
                rung: "full".into(),
                pid: 1,
                command: vec!["toji".into()],
                machine: "box".into(),
                attempt: 1,
            },
            Event::Steps { part: part(), x: 0.0, per_epoch: 10 },
        ];
        for i in 0..points {
            let x = f64::from(i) / 10.0;
            let value = if i == 7 { f64::NAN } else { 1.0 / (1.0 + x) };
            events.push(Event::Point { series: "loss".into(), part: part(), x, value });
            if i % 10 == 0 {
                events.push(Event::Point { series: "MRR@20".into(), part: part(), x, value: x / 100.0 });
            }
        }
        events.extend(last);
        let line = |(i, event): (usize, Event)| Line { at: Time(1000.0 + i as f64), event }.to_json().unwrap();
        events.into_iter().enumerate().flat_map(line).collect()
    }

    fn folder(bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let toji = tempfile::tempdir().unwrap();
        let run = toji.path().join("runs/1-r");
        fs::create_dir_all(&run).unwrap();
        write_over(&run.join(EVENTS), bytes);
        (toji, run)
    }

    /// Writes into the file that is there, as a run and a copying program do: its number stays.
    fn write_over(path: &Path, bytes: &[u8]) {
        let mut file = crate::base::files::disk::File::open(path).unwrap();
        file.set_length(0).unwrap();
        file.write_all(bytes).unwrap();
    }

    fn seen(folder: &Path) -> Told {
        let mut view = RunView::new(folder);
        view.refresh().unwrap();
        view.told.clone()
    }

    /// What the log says, read line by line.
    fn plain(bytes: &[u8]) -> Told {
        let mut told = Told::default();
        told.read(&mut &bytes[..]).unwrap();
        told
    }

    fn bits(told: &Told) -> Vec<[u64; 2]> {
        told.curves.values().flat_map(|points| points.iter().map(|point| point.map(f64::to_bits))).collect()
    }

    fn equal(a: &Told, b: &Told) -> bool {
        let loose = |told: &Told| {
            let mut told = told.clone();
            told.curves.clear();
            told
        };
        loose(a) == loose(b) && bits(a) == bits(b) && a.curves.keys().eq(b.curves.keys())
    }

    #[test]
    fn the_next_reader_has_the_same_and_reads_no_line() {
        let bytes = log(3000, Some(Event::RunFinished { seconds: 9.0 }));
        let (_toji, run) = folder(&bytes);
        assert!(equal(&seen(&run), &plain(&bytes)));
        assert!(run.join(INDEX).is_file());
        // Read no line: what stands in the log now is none of it, only its length and time are the same.
        let stamp = fs::metadata(run.join(EVENTS)).unwrap().modified().unwrap();
        write_over(&run.join(EVENTS), &vec![b'x'; bytes.len()]);
        fs::File::options().write(true).open(run.join(EVENTS)).unwrap().set_modified(stamp).unwrap();
        let told = seen(&run);
        assert!(equal(&told, &plain(&bytes)));
        let loss = &told.curves[&("loss".to_owned(), "fold 0".to_owned())];
        let whole = Ends::of(loss);
        assert_eq!((loss.len(), loss.ends().greatest, loss.last()), (3000, Some(1.0), whole.last));
        assert_eq!(loss.ends().smoothed.map(f64::to_bits), whole.smoothed.map(f64::to_bits));
    }

    #[test]
    fn what_is_appended_is_read_behind_it() {
        let (begin, whole) = (log(2000, None), log(4000, Some(Event::RunStopped { reason: "enough".into() })));
        assert_eq!(whole[..begin.len()], begin);
        let (_toji, run) = folder(&begin);
        let mut view = RunView::new(&run);
        view.refresh().unwrap();
        assert!(run.join(INDEX).is_file() && view.state() == RunState::Lost);
        write_over(&run.join(EVENTS), &whole);
        // Both who saw the beginning, and who knows it from the index alone.
        view.refresh().unwrap();
        assert!(equal(&view.told, &plain(&whole)));
        assert!(equal(&seen(&run), &plain(&whole)) && view.state() == RunState::Stopped("enough".into()));
        // Half a line is read when it is whole.
        let more = [whole.as_slice(), b"{\"at\":5000,\"event\":\"note\",\"te"].concat();
        write_over(&run.join(EVENTS), &more);
        assert!(equal(&seen(&run), &plain(&whole)));
        write_over(&run.join(EVENTS), &[more.as_slice(), b"xt\":\"hm\"}\n"].concat());
        assert_eq!(seen(&run).notes.len(), 1);
    }

    #[test]
    fn an_index_of_another_log_is_passed_over() {
        let bytes = log(2000, Some(Event::RunFinished { seconds: 9.0 }));
        let (_toji, run) = folder(&bytes);
        seen(&run);
        let other = log(2500, Some(Event::RunFailed { error: "no room".into() }));
        write_over(&run.join(EVENTS), &other);
        assert!(equal(&seen(&run), &plain(&other)));
        // A copy that keeps times has the same log, in another file; of one that does not, and of one that was edited, nobody knows.
        let (_there, copy) = folder(&other);
        fs::copy(run.join(INDEX), copy.join(INDEX)).unwrap();
        let stamp = fs::metadata(run.join(EVENTS)).unwrap().modified().unwrap();
        let mut log = File::options().read(true).write(true).open(copy.join(EVENTS)).unwrap();
        for (time, is_known) in [(stamp, true), (stamp + std::time::Duration::from_secs(2), false)] {
            log.set_modified(time).unwrap();
            let now = Seen::of(&log.metadata().unwrap());
            assert_eq!(read(&copy, &mut log, now).is_some(), is_known);
            assert!(equal(&seen(&copy), &plain(&other)));
        }
    }

    #[test]
    fn a_log_that_is_written_over_in_place_is_read_anew() {
        let (one, two) = (log(2000, None), log(2600, Some(Event::RunFailed { error: "no room".into() })));
        // Longer, and another log from its first point on.
        let two: Vec<u8> = String::from_utf8(two).unwrap().replace("\"value\":0.", "\"value\":1.").into_bytes();
        let (_toji, run) = folder(&one);
        let mut view = RunView::new(&run);
        view.refresh().unwrap();
        let before = view.version();
        write_over(&run.join(EVENTS), &two);
        view.refresh().unwrap();
        assert!(equal(&view.told, &plain(&two)) && view.version() != before);
        // And so is what it left for the next reader.
        assert!(equal(&seen(&run), &plain(&two)));
    }

    #[test]
    fn a_damaged_or_lost_index_costs_time_alone() {
        let bytes = log(1500, Some(Event::RunFinished { seconds: 9.0 }));
        let (_toji, run) = folder(&bytes);
        let lazy = seen(&run);
        let index = fs::read(run.join(INDEX)).unwrap();
        for at in (0..index.len()).step_by(97).chain([0, 15, 16, 23, 24, 55, 56, index.len() - 1]) {
            let mut damaged = index.clone();
            damaged[at] ^= 16;
            write_over(&run.join(INDEX), &damaged);
            assert!(equal(&seen(&run), &plain(&bytes)), "byte {at}");
            write_over(&run.join(INDEX), &index[..at]);
            assert!(equal(&seen(&run), &plain(&bytes)), "cut at {at}");
        }
        // Gone after it was read, before its points were.
        fs::remove_file(run.join(INDEX)).unwrap();
        assert_eq!(bits(&lazy), bits(&plain(&bytes)));
    }

    #[test]
    fn a_first_look_reads_both_ends_and_the_next_all() {
        let bytes = log(20_000, Some(Event::RunFinished { seconds: 9.0 }));
        let (toji, run) = folder(&bytes);
        let runs = Runs::open(toji.path());
        let mut board = Board::new();
        assert!(board.glimpse(&runs));
        let told = &board.latest("酒").unwrap().told;
        assert!(told.curves.is_empty() && board.latest("酒").unwrap().state() == RunState::Finished);
        assert_eq!(board.refresh(&runs), ["1-r"]);
        assert!(equal(&board.latest("酒").unwrap().told, &plain(&bytes)));
        // With an index there is nothing to be looked at first.
        assert!(run.join(INDEX).is_file() && !Board::new().glimpse(&runs));
    }

    #[test]
    fn a_short_log_and_a_living_one_have_no_index() {
        let (_toji, run) = folder(&log(20, Some(Event::RunFinished { seconds: 9.0 })));
        seen(&run);
        assert!(!run.join(INDEX).exists());
        let (_toji, run) = folder(&log(2000, None));
        let lock = crate::base::files::Lock::try_take(&run.join(super::super::LOCK)).unwrap();
        seen(&run);
        assert!(lock.is_some() && !run.join(INDEX).exists());
    }

    #[test]
    fn points_that_were_read_are_let_go_and_come_back() {
        let (_toji, run) = folder(&log(2000, Some(Event::RunFinished { seconds: 9.0 })));
        let mut view = RunView::new(&run);
        view.refresh().unwrap();
        assert_eq!(view.read_points(), 0);
        let before = bits(&view.told);
        assert_eq!(view.read_points(), 2200);
        view.let_go();
        assert_eq!((view.read_points(), bits(&view.told)), (0, before));
    }
}
