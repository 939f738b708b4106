//! A reader of one run.
//!
//! Takes the run's folder; gives what its events add up to. It keeps the offset after the last whole
//! line, asks for the file's size and time first and reads only what was appended, so that polling a
//! thousand runs is a thousand stats. A file that became shorter, another one (a copy between machines) or was written over
//! is read from its beginning. What the events say is [`Told`]'s.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::index::{self, Mark, Seen};
use super::points::Points;
use super::told::{Outcome, Told};
use super::{EVENTS, LOCK, RECIPE_LOCK, STAGES, STOP};
use crate::base::Key;
use crate::base::files::{self, FileError, Lock};
use crate::dag::error::{DagError, malformed};
use crate::dag::plan::Previous;
use crate::dag::stage::Recorded;

/// A shorter log is read faster than an index of it.
const SHORT: u64 = 16 << 10;

/// What a first look reads of a long log's beginning, and of its end.
const GLIMPSE: u64 = 32 << 10;

/// How a run stands.
#[derive(Clone, Debug, PartialEq)]
pub enum RunState {
    /// Its lock is held.
    Running,
    /// It ended as it should.
    Finished,
    /// It ended by an error.
    Failed(String),
    /// It ended on request.
    Stopped(String),
    /// No outcome and no living writer: it was killed, or it belongs to another machine.
    Lost,
}

/// A run as its files show it.
#[derive(Clone, Debug)]
pub struct RunView {
    id: String,
    folder: PathBuf,
    offset: u64,
    seen: Option<Seen>,
    /// What the log was when it was read, by its end: what was read belongs to no other.
    mark: Option<Mark>,
    /// How much of the log stands in its index.
    indexed: u64,
    /// How often it was read from its beginning, or its points were let go.
    readings: u64,
    alive: bool,
    /// What its events add up to.
    pub told: Told,
}

impl RunView {
    /// A view of the run in `folder`, nothing read yet.
    pub fn new(folder: &Path) -> RunView {
        let id = folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        RunView {
            id,
            folder: folder.to_owned(),
            offset: 0,
            seen: None,
            mark: None,
            indexed: 0,
            readings: 0,
            alive: false,
            told: Told::default(),
        }
    }

    /// The run's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The run's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file that keeps all that is needed to do the run again.
    pub fn lock_file(&self) -> PathBuf {
        self.folder.join(RECIPE_LOCK)
    }

    /// Reads what was appended since. Whether anything changed. A log that is read to its end, and that nobody writes, gets its index.
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub fn refresh(&mut self) -> Result<bool, DagError> {
        let mut changed = self.read_on()?;
        if self.told.outcome.is_none() {
            let alive = Lock::is_held(&self.folder.join(LOCK));
            if !alive {
                // The writer may have said its last words between our reading and our looking at the lock.
                changed |= self.read_on()?;
            }
            changed |= alive != self.alive;
            self.alive = alive;
        } else {
            self.alive = false;
        }
        if changed && !self.alive && self.offset >= SHORT && self.indexed != self.offset {
            self.keep();
        }
        Ok(changed)
    }

    /// Looks at both ends of a long log that was not read yet and has no index: enough to say how the run stands. Whether more is to be read.
    pub(super) fn glimpse(&mut self) -> bool {
        let path = self.folder.join(EVENTS);
        let Ok(mut file) = File::open(&path) else { return false };
        let Ok(found) = file.metadata() else { return false };
        if self.seen.is_some() || found.len() < 8 * GLIMPSE || self.folder.join(index::INDEX).exists() {
            return false;
        }
        let mut told = Told::default();
        let mut both = || -> io::Result<()> {
            told.read(&mut file.by_ref().take(GLIMPSE))?;
            file.seek(SeekFrom::Start(found.len() - GLIMPSE))?;
            told.read(&mut file)?;
            Ok(())
        };
        // An error shows when it is read whole.
        let _ = both();
        // Half a curve is none.
        told.curves.clear();
        told.axes.clear();
        (self.told, self.alive) = (told, self.told.outcome.is_none() && Lock::is_held(&self.folder.join(LOCK)));
        true
    }

    /// Lets go of points that were read from the index and that no screen shows any more; they are read again where they are asked for.
    pub(super) fn let_go(&mut self) {
        for points in self.told.curves.values_mut().filter(|points| points.is_read()) {
            *points = points.unread();
            // Who made something of the old ones makes it again, and lets go of them too.
            self.readings += 1;
        }
    }

    /// How many points of it were read from its index.
    pub(super) fn read_points(&self) -> usize {
        self.told.curves.values().filter(|points| points.is_read()).map(Points::len).sum()
    }

    /// Writes the index of a log that nobody writes.
    fn keep(&mut self) {
        if let Some(mark) = self.mark {
            index::write(&self.folder, mark, &mut self.told);
            self.indexed = self.offset;
        }
    }

    /// Other than before when anything was read since, or its writer died.
    pub fn version(&self) -> (u64, u64, bool) {
        (self.readings, self.offset, self.alive)
    }

    /// The artefact of the score over all queries that it came to last.
    pub fn score_key(&self) -> Option<Key> {
        self.told.metrics.iter().find(|metric| metric.part.is_empty())?.key
    }

    /// How the run stands, as of the last refresh.
    pub fn state(&self) -> RunState {
        match &self.told.outcome {
            Some(Outcome::Finished) => RunState::Finished,
            Some(Outcome::Failed(error)) => RunState::Failed(error.clone()),
            Some(Outcome::Stopped(reason)) => RunState::Stopped(reason.clone()),
            None if self.alive => RunState::Running,
            None => RunState::Lost,
        }
    }

    /// Whether somebody asked the run to stop.
    pub fn stop_requested(&self) -> bool {
        self.folder.join(STOP).exists()
    }

    /// The stages that the run set out to do and those that it finished, for the next plan.
    ///
    /// # Errors
    /// When `stages.json` cannot be read or understood.
    pub fn previous(&self) -> Result<Previous, DagError> {
        let path = self.folder.join(STAGES);
        let stages: Vec<Recorded> =
            serde_json::from_slice(&files::read(&path)?).map_err(malformed(&path, "a list of stages"))?;
        Ok(Previous { stages, finished: self.told.finished.clone() })
    }

    fn read_on(&mut self) -> Result<bool, DagError> {
        let path = self.folder.join(EVENTS);
        let Ok(found) = fs::metadata(&path) else { return Ok(false) };
        let seen = Seen::of(&found);
        if self.seen == Some(seen) {
            return Ok(false);
        }
        let mut file = File::open(&path).map_err(FileError::at("cannot read", &path))?;
        // Another file, or one that was written over in place.
        let goes_on = self.seen.is_some_and(|before| before.inode == seen.inode)
            && self.mark.is_some_and(|mark| mark.fits(&mut file, seen));
        if !goes_on || self.offset == 0 {
            (self.offset, self.indexed, self.told) = (0, 0, Told::default());
            self.readings += 1;
            if let Some((told, mark)) = index::read(&self.folder, &mut file, seen) {
                (self.told, self.offset, self.indexed) = (told, mark.offset, mark.offset);
            }
        }
        if seen.length > self.offset {
            file.seek(SeekFrom::Start(self.offset)).map_err(FileError::at("cannot read", &path))?;
            self.offset += self.told.read(&mut file).map_err(FileError::at("cannot read", &path))?;
        }
        self.mark = Mark::of(&mut file, seen, self.offset).ok();
        self.seen = Some(seen);
        Ok(true)
    }
}
