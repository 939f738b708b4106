//! The one writer of a run.
//!
//! Takes events and text, appends whole lines in single writes while it holds the run's lock. Progress is
//! coalesced, results are not. After a kill a resuming writer starts on a new line, so that what was
//! torn stays one unreadable line. Dropping the writer without an outcome is what a crash looks like.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{EVENTS, LOCK, LOG, RECIPE_LOCK, STAGES, STOP};
use crate::base::files::disk::File;
use crate::base::files::{self, FileError, Lock};
use crate::base::{Cancel, Clock, KeyWriter, Progress, Time, clock};
use crate::dag::error::{DagError, malformed};
use crate::dag::event::{Event, Line};
use crate::dag::stage::Recorded;

/// Least seconds between two progress lines about the same thing.
const PROGRESS_EVERY: f64 = 0.5;

/// What a run begins with.
#[derive(Clone, Debug)]
pub struct Start<'a> {
    /// Name of the recipe.
    pub recipe: &'a str,
    /// "smoke", "holdout", "full".
    pub rung: &'a str,
    /// Process id of the writer.
    pub pid: u32,
    /// Its command line.
    pub command: &'a [String],
    /// Machine and device.
    pub machine: &'a str,
    /// Text of `recipe.lock.toml`.
    pub lock: &'a str,
    /// What it sets out to do.
    pub stages: &'a [Recorded],
}

/// A run that this process writes. Shared between threads.
pub struct Run {
    id: String,
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    started: Time,
    attempt: u32,
    events: Mutex<Appended>,
    _lock: Lock,
}

/// The open `events.jsonl`.
struct Appended {
    file: File,
    /// A write failed in the middle of a line.
    torn: bool,
    /// When progress was last written, by stage, part and what.
    progress: HashMap<String, Time>,
}

impl Run {
    /// Begins a new run below `runs`. Its folder appears whole.
    pub(super) fn start(runs: &Path, start: &Start<'_>, clock: Arc<dyn Clock>) -> Result<Run, DagError> {
        files::make_folder(runs)?;
        let now = clock.now();
        let base = id(start, now);
        let mut taken = 0u64;
        loop {
            let id = if taken == 0 { base.clone() } else { format!("{base}~{taken}") };
            taken += 1;
            let folder = runs.join(&id);
            if folder.exists() {
                continue;
            }
            let mut held = None;
            files::publish_folder::<DagError>(&folder, |temporary| {
                // The lock belongs to the file, not to its name: it is held through the rename.
                held = Lock::try_take(&temporary.join(LOCK))?;
                files::publish(&temporary.join(RECIPE_LOCK), start.lock.as_bytes())?;
                let stages = temporary.join(STAGES);
                let text = serde_json::to_vec_pretty(start.stages).map_err(malformed(&stages, "a list of stages"))?;
                files::publish(&stages, &text)?;
                let events = temporary.join(EVENTS);
                let first = Line { at: now, event: started(start, 1) };
                files::publish(&events, &first.to_json().map_err(malformed(&events, "a log of events"))?)?;
                Ok(())
            })?;
            // Two starters in one millisecond: the folder is the other's when our lock is not in it.
            if let Some(mut lock) = held
                && lock.is_at(&folder.join(LOCK))
            {
                let _ = lock.describe(&format!("pid {} since {}\n", start.pid, stamp(now)));
                return Run::open(id, folder, lock, clock, now, 1);
            }
        }
    }

    /// Goes on with a run whose writer is gone: a further attempt under the same id.
    pub(super) fn resume(runs: &Path, id: &str, start: &Start<'_>, clock: Arc<dyn Clock>) -> Result<Run, DagError> {
        let folder = runs.join(id);
        if !folder.is_dir() {
            return Err(DagError::NoSuchRun { id: id.to_owned(), folder: runs.to_owned() });
        }
        let Some(mut lock) = Lock::try_take(&folder.join(LOCK))? else {
            return Err(DagError::RunHeld { id: id.to_owned() });
        };
        let now = clock.now();
        let _ = lock.describe(&format!("pid {} since {}\n", start.pid, stamp(now)));
        files::remove_file(&folder.join(STOP))?;
        // The newest attempt may follow a newer text of the recipe.
        files::publish(&folder.join(RECIPE_LOCK), start.lock.as_bytes())?;
        let stages = folder.join(STAGES);
        let text = serde_json::to_vec_pretty(start.stages).map_err(malformed(&stages, "a list of stages"))?;
        files::publish(&stages, &text)?;
        let attempts = files::read(&folder.join(EVENTS))?
            .split(|&b| b == b'\n')
            .filter_map(Line::from_json)
            .filter(|line| matches!(line.event, Event::RunStarted { .. }))
            .count();
        let run = Run::open(id.to_owned(), folder, lock, clock, now, attempts as u32 + 1)?;
        run.emit(run.began(start))?;
        Ok(run)
    }

    /// One event after the end of a run, on disk when this returns; no attempt begins.
    pub(super) fn add(runs: &Path, id: &str, event: Event, clock: Arc<dyn Clock>) -> Result<(), DagError> {
        let folder = runs.join(id);
        if !folder.is_dir() {
            return Err(DagError::NoSuchRun { id: id.to_owned(), folder: runs.to_owned() });
        }
        let lock = Lock::try_take(&folder.join(LOCK))?.ok_or_else(|| DagError::RunHeld { id: id.to_owned() })?;
        let now = clock.now();
        Run::open(id.to_owned(), folder, lock, clock, now, 0)?.end(event)
    }

    fn open(
        id: String,
        folder: PathBuf,
        lock: Lock,
        clock: Arc<dyn Clock>,
        started: Time,
        attempt: u32,
    ) -> Result<Run, DagError> {
        let path = folder.join(EVENTS);
        let open = || -> io::Result<(File, bool)> {
            let mut file = File::append(&path)?;
            let mut last = [b'\n'];
            if file.length()? > 0 {
                file.seek(SeekFrom::End(-1))?;
                file.read_exact(&mut last)?;
            }
            Ok((file, last != [b'\n']))
        };
        let (file, torn) = open().map_err(FileError::at("cannot open", &path))?;
        let events = Mutex::new(Appended { file, torn, progress: HashMap::new() });
        Ok(Run { id, folder, clock, started, attempt, events, _lock: lock })
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The event that this attempt began with.
    pub fn began(&self, start: &Start<'_>) -> Event {
        started(start, self.attempt)
    }

    /// Where its log is.
    pub fn log_file(&self) -> PathBuf {
        self.folder.join(LOG)
    }

    /// When this attempt began.
    pub fn started(&self) -> Time {
        self.started
    }

    /// Says something: one line, in one write. [`Event::Progress`] is dropped when the last one about the
    /// same thing is less than half a second old, unless it is complete.
    ///
    /// # Errors
    /// When it cannot be written (a full disk). The next line then starts anew.
    pub fn emit(&self, event: Event) -> Result<(), DagError> {
        let at = self.clock.now();
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        if let Event::Progress { stage, part, what, done, total, .. } = &event {
            let name = format!("{stage}\0{part}\0{what}");
            let recent = events.progress.get(&name).is_some_and(|last| at.since(*last) < PROGRESS_EVERY);
            if recent && done != total {
                return Ok(());
            }
            events.progress.insert(name, at);
        }
        let path = self.folder.join(EVENTS);
        let mut text = Line { at, event }.to_json().map_err(malformed(&path, "a log of events"))?;
        if events.torn {
            text.insert(0, b'\n');
        }
        events.torn = true;
        events.file.write_all(&text).map_err(FileError::at("cannot write", &path))?;
        events.torn = false;
        Ok(())
    }

    /// A [`Progress`] that says what it is told as events of a stage.
    pub fn progress<'a>(&'a self, stage: &'a str, part: &'a str) -> RunProgress<'a> {
        RunProgress { run: self, stage, part }
    }

    /// `log.txt`, open for appending.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn log(&self) -> Result<File, DagError> {
        let path = self.log_file();
        Ok(File::append(&path).map_err(FileError::at("cannot open", &path))?)
    }

    /// Why somebody wants the run to stop, if so. One stat when nobody does.
    pub fn stop_requested(&self) -> Option<String> {
        let text = fs::read_to_string(self.folder.join(STOP)).ok()?;
        Some(if text.trim().is_empty() { "asked to".to_owned() } else { text.trim().to_owned() })
    }

    /// Passes a request to stop on to the work. Call it every second or so.
    pub fn pass_on_stop(&self, cancel: &Cancel) {
        if self.stop_requested().is_some() {
            cancel.cancel();
        }
    }

    /// Ends the run as it should.
    ///
    /// # Errors
    /// When the last event cannot be written.
    pub fn finish(self) -> Result<(), DagError> {
        let seconds = self.clock.now().since(self.started);
        self.end(Event::RunFinished { seconds })
    }

    /// Ends the run by an error.
    ///
    /// # Errors
    /// As [`Run::finish`].
    pub fn fail(self, error: impl Into<String>) -> Result<(), DagError> {
        self.end(Event::RunFailed { error: error.into() })
    }

    /// Ends the run on request.
    ///
    /// # Errors
    /// As [`Run::finish`].
    pub fn stop(self, reason: impl Into<String>) -> Result<(), DagError> {
        self.end(Event::RunStopped { reason: reason.into() })
    }

    /// The last event is on disk before the lock is released: a reader never sees a finished run as lost.
    fn end(self, event: Event) -> Result<(), DagError> {
        self.emit(event)?;
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(events.file.sync().map_err(FileError::at("cannot sync", &self.folder.join(EVENTS)))?)
    }
}

/// Progress of one stage, said as events.
pub struct RunProgress<'a> {
    run: &'a Run,
    stage: &'a str,
    part: &'a str,
}

impl Progress for RunProgress<'_> {
    fn at(&self, what: &str, done: u64, total: u64, unit: &str) {
        // Showing may drop updates; a full disk is met by the next result.
        let _ = self.run.emit(Event::Progress {
            stage: self.stage.to_owned(),
            part: self.part.to_owned(),
            what: what.to_owned(),
            done,
            total,
            unit: unit.to_owned(),
        });
    }
}

fn started(start: &Start<'_>, attempt: u32) -> Event {
    Event::RunStarted {
        recipe: start.recipe.to_owned(),
        rung: start.rung.to_owned(),
        pid: start.pid,
        command: start.command.to_vec(),
        machine: start.machine.to_owned(),
        attempt,
    }
}

/// `20261124-221829-123-a1b2-02-arcface`: time to the millisecond (UTC), four digits of machine and
/// process, the recipe.
fn id(start: &Start<'_>, now: Time) -> String {
    let who = KeyWriter::new("toji run").bytes(start.machine.as_bytes()).number(u64::from(start.pid)).finish().short();
    let recipe: String = start
        .recipe
        .chars()
        .map(|c| if c.is_alphanumeric() || c == '-' || c == '_' { c } else { '-' })
        .take(40)
        .collect();
    format!("{}-{}-{recipe}", stamp(now), &who[..4])
}

/// UTC as `YYYYMMDD-HHMMSS-mmm`, which sorts by time.
pub(in crate::dag) fn stamp(time: Time) -> String {
    let ms = (time.0.max(0.0) * 1000.0) as u64;
    let (days, in_day) = (ms / 86_400_000, ms % 86_400_000);
    let (year, month, day) = clock::civil(days as i64);
    let (h, m, s, ms) = (in_day / 3_600_000, in_day / 60_000 % 60, in_day / 1000 % 60, in_day % 1000);
    format!("{year:04}{month:02}{day:02}-{h:02}{m:02}{s:02}-{ms:03}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_dates_in_utc() {
        // `date -u -d @N +%Y%m%d-%H%M%S`
        assert_eq!(stamp(Time(0.0)), "19700101-000000-000");
        assert_eq!(stamp(Time(951_782_400.0)), "20000229-000000-000");
        assert_eq!(stamp(Time(1_795_558_709.25)), "20261124-221829-250");
        assert_eq!(stamp(Time(4_107_542_399.999)), "21000228-235959-999");
    }
}
