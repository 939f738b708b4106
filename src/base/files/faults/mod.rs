//! What a kill, a power cut and a full disk make of a folder. A tool for tests; nothing else uses it.
//!
//! Takes the operations that were recorded below a folder; gives ([`replay`]) the states in which a machine may find it after any number of them.
//! The model is POSIX's with what ext4, XFS and APFS add to it: bytes are durable when their file is synced, names when their folder is;
//! what was not synced may be there or not, a write also in part or as zeros of its length; a rename is one step, in both
//! of its folders. After ALICE (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014), which records and replays
//! system calls, and CrashMonkey (Mohan et al., "Finding Crash-Consistency Bugs with Bounded Black-Box Crash Testing", OSDI 2018).

mod replay;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use replay::Disk;

use super::FileError;
use super::disk::{Operation, Watch, Watched, watch};
use crate::base::Seed;

/// What is lost when everything stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Nothing that was done: the process was killed, and the system lives.
    Nothing,
    /// Everything that was not synced: the power went, and the disk had written no more than it was told to.
    Unsynced,
    /// A drawn part of what was not synced: the power went, and the disk was busy.
    Torn(Seed),
}

/// Files with their bytes and folders (`None`) by their paths below some folder.
pub type Tree = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// An operation with its bytes, its paths relative to the recorded folder.
#[derive(Clone, Debug)]
enum Step {
    Open { path: PathBuf, file: u64 },
    Write { path: PathBuf, file: u64, at: u64, bytes: Arc<[u8]> },
    SetLength { path: PathBuf, file: u64, length: u64 },
    SyncFile { path: PathBuf, file: Option<u64> },
    SyncFolder(PathBuf),
    Rename { from: PathBuf, to: PathBuf },
    Remove(PathBuf),
    MakeFolder(PathBuf),
}

/// What was in a folder, which counts as durable, and what was then done below it, in order.
#[derive(Clone, Debug, Default)]
pub struct Log {
    start: Tree,
    steps: Vec<Step>,
}

impl Log {
    /// How many operations there are.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// An operation in words, for messages: `rename .publish-3 → toji.toml`.
    pub fn told(&self, number: usize) -> String {
        match self.steps.get(number) {
            None => "the end".to_owned(),
            Some(Step::Open { path, .. }) => format!("open {}", path.display()),
            Some(Step::Write { path, at, bytes, .. }) => format!("write {} +{at} {}", path.display(), bytes.len()),
            Some(Step::SetLength { path, length, .. }) => format!("cut {} to {length}", path.display()),
            Some(Step::SyncFile { path, .. }) => format!("sync {}", path.display()),
            Some(Step::SyncFolder(path)) => format!("sync folder {}", path.display()),
            Some(Step::Rename { from, to }) => format!("rename {} → {}", from.display(), to.display()),
            Some(Step::Remove(path)) => format!("remove {}", path.display()),
            Some(Step::MakeFolder(path)) => format!("make {}", path.display()),
        }
    }
}

/// Records what is done below a folder, as long as it lives.
pub struct Recorder {
    _watched: Watched,
    records: Arc<Mutex<Records>>,
}

struct Records {
    folder: PathBuf,
    log: Log,
}

impl Recorder {
    /// Begins to record; what the folder holds now counts as durable.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn on(folder: &Path) -> Result<Recorder, FileError> {
        let log = Log { start: tree(folder)?, steps: Vec::new() };
        let records = Arc::new(Mutex::new(Records { folder: folder.to_owned(), log }));
        Ok(Recorder { _watched: watch(folder, records.clone()), records })
    }

    /// What was recorded.
    pub fn stop(self) -> Log {
        std::mem::take(&mut locked(&self.records).log)
    }
}

impl Watch for Records {
    fn before(&mut self, _: &Operation<'_>) -> io::Result<()> {
        Ok(())
    }

    fn done(&mut self, operation: &Operation<'_>) {
        let short = |path: &Path| path.strip_prefix(&self.folder).unwrap_or(path).to_owned();
        self.log.steps.push(match *operation {
            Operation::Open { path, file } => Step::Open { path: short(path), file },
            Operation::Write { path, file, at, bytes } => {
                Step::Write { path: short(path), file, at, bytes: bytes.into() }
            }
            Operation::SetLength { path, file, length } => Step::SetLength { path: short(path), file, length },
            Operation::SyncFile { path, file } => Step::SyncFile { path: short(path), file },
            Operation::SyncFolder(path) => Step::SyncFolder(short(path)),
            Operation::Rename { from, to } => Step::Rename { from: short(from), to: short(to) },
            Operation::RemoveFile(path) | Operation::RemoveFolder(path) => Step::Remove(short(path)),
            Operation::MakeFolder(path) => Step::MakeFolder(short(path)),
        });
    }
}

/// Leaves out the syncs below a folder that is thrown away anyway, as long as it lives.
pub struct Unsynced {
    _watched: Watched,
}

struct Nobody;

impl Unsynced {
    /// Begins to leave them out.
    pub fn on(folder: &Path) -> Unsynced {
        Unsynced { _watched: watch(folder, Arc::new(Mutex::new(Nobody))) }
    }
}

impl Watch for Nobody {
    fn before(&mut self, _: &Operation<'_>) -> io::Result<()> {
        Ok(())
    }

    fn done(&mut self, _: &Operation<'_>) {}
}

/// A disk that is full below a folder, as long as this lives: an operation that needs room fails from the given one on.
pub struct Full {
    _watched: Watched,
    gauge: Arc<Mutex<Gauge>>,
}

struct Gauge {
    seen: usize,
    from: usize,
    lasting: bool,
    refused: Option<String>,
}

impl Full {
    /// Fails operation number `from` (counted from 0) or, when it needs no room, the next that does; with `lasting` all that follow, too.
    pub fn on(folder: &Path, from: usize, lasting: bool) -> Full {
        let gauge = Arc::new(Mutex::new(Gauge { seen: 0, from, lasting, refused: None }));
        Full { _watched: watch(folder, gauge.clone()), gauge }
    }

    /// The first operation that was refused, if any was.
    pub fn refused(&self) -> Option<String> {
        locked(&self.gauge).refused.clone()
    }
}

impl Watch for Gauge {
    fn before(&mut self, operation: &Operation<'_>) -> io::Result<()> {
        self.seen += 1;
        let needs_room = match operation {
            Operation::Open { path, .. } => !path.exists(),
            Operation::Write { .. } | Operation::Rename { .. } | Operation::MakeFolder(_) => true,
            // Where room is found for bytes when they are written out at last.
            Operation::SyncFile { .. } => true,
            _ => false,
        };
        if self.seen <= self.from || !needs_room || (self.refused.is_some() && !self.lasting) {
            return Ok(());
        }
        self.refused.get_or_insert_with(|| format!("{operation:.200?}"));
        // What Linux and macOS say; elsewhere the kind alone.
        Err(if cfg!(unix) { io::Error::from_raw_os_error(28) } else { io::ErrorKind::StorageFull.into() })
    }

    fn done(&mut self, _: &Operation<'_>) {}
}

fn locked<T: ?Sized>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Everything below a folder; nothing where there is none.
///
/// # Errors
/// When something in it cannot be read.
pub fn tree(folder: &Path) -> Result<Tree, FileError> {
    let mut tree = Tree::new();
    let mut open = vec![PathBuf::new()];
    while let Some(inside) = open.pop() {
        let at = folder.join(&inside);
        let listed = match std::fs::read_dir(&at) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && inside.as_os_str().is_empty() => return Ok(tree),
            listed => listed.and_then(Iterator::collect::<io::Result<Vec<_>>>),
        };
        for entry in listed.map_err(FileError::at("cannot list", &at))? {
            let path = inside.join(entry.file_name());
            if entry.path().is_dir() {
                tree.insert(path.clone(), None);
                open.push(path);
            } else {
                tree.insert(path, Some(super::read(&entry.path())?));
            }
        }
    }
    Ok(tree)
}

/// Writes a tree below a folder.
///
/// # Errors
/// When something cannot be written.
pub fn lay_out(tree: &Tree, folder: &Path) -> Result<(), FileError> {
    std::fs::create_dir_all(folder).map_err(FileError::at("cannot make folder", folder))?;
    // A folder sorts before what is in it.
    for (path, bytes) in tree {
        let path = folder.join(path);
        match bytes {
            None => std::fs::create_dir(&path),
            Some(bytes) => std::fs::File::create(&path).and_then(|mut file| io::Write::write_all(&mut file, bytes)),
        }
        .map_err(FileError::at("cannot write", &path))?;
    }
    Ok(())
}
