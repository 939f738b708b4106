//! The few operations by which anything durable is written: open, write, set a length, sync, rename, remove, make a folder.
//!
//! Takes paths and bytes; does the plain thing on the operating system's disk, and no more. Everything that the library
//! keeps goes through here, so that one place can tell it to a [`Watch`]: a test that records the operations below a folder,
//! or answers one of them as a full disk does. Without a watch an operation pays one relaxed load of a counter.
//! Errors are bare [`io::Error`]s; callers add what was tried and the path ([`FileError`](super::FileError)).

use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

/// One operation on the disk. `file` is the number of an open file, which stays its own when the file, or a folder above it, is renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation<'a> {
    /// A file is opened for writing; it is made, empty, where there is none.
    Open {
        /// Where.
        path: &'a Path,
        /// Its number from now on.
        file: u64,
    },
    /// Bytes are written at a place, in bytes from the beginning.
    Write {
        /// The file's path when it was opened.
        path: &'a Path,
        /// Its number.
        file: u64,
        /// The place of the first byte.
        at: u64,
        /// What is written.
        bytes: &'a [u8],
    },
    /// A file is cut, or grows by zeros.
    SetLength {
        /// The file's path when it was opened.
        path: &'a Path,
        /// Its number.
        file: u64,
        /// Its bytes from now on.
        length: u64,
    },
    /// A file's bytes and length become durable.
    SyncFile {
        /// The file's path, when it was opened.
        path: &'a Path,
        /// Its number; `None` for a file that was only opened to be synced.
        file: Option<u64>,
    },
    /// The entries of a folder become durable: what was made, renamed and removed in it.
    SyncFolder(&'a Path),
    /// A file or folder gets another name; a file that has it already is replaced.
    Rename {
        /// The old name.
        from: &'a Path,
        /// The new name.
        to: &'a Path,
    },
    /// A file loses its name.
    RemoveFile(&'a Path),
    /// An empty folder is removed.
    RemoveFolder(&'a Path),
    /// A folder is made in one that is there.
    MakeFolder(&'a Path),
}

impl Operation<'_> {
    fn is_below(&self, folder: &Path) -> bool {
        match self {
            Operation::Rename { from, to } => from.starts_with(folder) || to.starts_with(folder),
            Operation::Open { path, .. }
            | Operation::Write { path, .. }
            | Operation::SetLength { path, .. }
            | Operation::SyncFile { path, .. } => path.starts_with(folder),
            Operation::SyncFolder(path)
            | Operation::RemoveFile(path)
            | Operation::RemoveFolder(path)
            | Operation::MakeFolder(path) => path.starts_with(folder),
        }
    }
}

/// Whoever wants to know of the operations below a folder. For tests. It is asked and told in the order in which things happen, one
/// operation at a time, and must not itself write below its folder.
pub trait Watch: Send {
    /// An operation is about to be done. An error is returned to whoever wanted it, and the operation is not done; of
    /// a write, half the bytes are then there, as on a disk that became full.
    ///
    /// # Errors
    /// What the operation shall fail with.
    fn before(&mut self, operation: &Operation<'_>) -> io::Result<()>;

    /// The operation was done.
    fn done(&mut self, operation: &Operation<'_>);

    /// Whether files and folders are really synced meanwhile. A test whose folder goes with it saves most of its time without.
    fn syncs(&self) -> bool {
        false
    }
}

type Shared = Arc<Mutex<dyn Watch>>;

/// How many watches there are: what an operation looks at when there is none.
static WATCHES: AtomicUsize = AtomicUsize::new(0);
/// Numbers for watches and open files.
static NUMBERS: AtomicU64 = AtomicU64::new(1);
static WATCHED: RwLock<Vec<(u64, PathBuf, Shared)>> = RwLock::new(Vec::new());

/// A watch that is put on; it ends with this value.
#[derive(Debug)]
#[must_use = "a watch ends with this value"]
pub struct Watched(u64);

/// Puts a watch on a folder, which must be named as its writers name it: absolute where they do, links not resolved.
pub fn watch(folder: &Path, watch: Shared) -> Watched {
    let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
    WATCHED.write().unwrap_or_else(PoisonError::into_inner).push((number, folder.to_owned(), watch));
    WATCHES.fetch_add(1, Ordering::SeqCst);
    Watched(number)
}

impl Drop for Watched {
    fn drop(&mut self) {
        WATCHES.fetch_sub(1, Ordering::SeqCst);
        WATCHED.write().unwrap_or_else(PoisonError::into_inner).retain(|(number, ..)| *number != self.0);
    }
}

fn is_watched() -> bool {
    WATCHES.load(Ordering::Relaxed) > 0
}

fn perform<T>(operation: &Operation<'_>, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    if is_watched() { told(operation, act, || {}) } else { act() }
}

/// A sync, which a watch may do without.
fn perform_sync(operation: &Operation<'_>, act: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    if !is_watched() {
        return act();
    }
    let spared =
        watches_of(operation).iter().any(|watch| !watch.lock().unwrap_or_else(PoisonError::into_inner).syncs());
    told(operation, || if spared { Ok(()) } else { act() }, || {})
}

/// The watches of the folders that an operation is below.
fn watches_of(operation: &Operation<'_>) -> Vec<Shared> {
    let all = WATCHED.read().unwrap_or_else(PoisonError::into_inner);
    all.iter().filter(|(_, folder, _)| operation.is_below(folder)).map(|(.., watch)| watch.clone()).collect()
}

/// Asks the watches, acts, and tells them; or lets `refused` leave what a refused operation leaves.
#[cold]
fn told<T>(operation: &Operation<'_>, act: impl FnOnce() -> io::Result<T>, refused: impl FnOnce()) -> io::Result<T> {
    let ours = watches_of(operation);
    // Held until it is done: what is told is in the order of what happens.
    let mut held: Vec<_> = ours.iter().map(|watch| watch.lock().unwrap_or_else(PoisonError::into_inner)).collect();
    for watch in &mut held {
        if let Err(error) = watch.before(operation) {
            refused();
            return Err(error);
        }
    }
    let done = act()?;
    held.iter_mut().for_each(|watch| watch.done(operation));
    Ok(done)
}

/// A file that is open for reading and writing. Unlike [`fs::File`] it is written through this layer.
#[derive(Debug)]
pub struct File {
    file: fs::File,
    path: PathBuf,
    number: u64,
    appends: bool,
}

impl File {
    /// A new file; an error of kind `AlreadyExists` when there is one.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create_new(path: &Path) -> io::Result<File> {
        File::with(fs::File::options().read(true).write(true).create_new(true), path, false)
    }

    /// The file at `path`, or a new one; at its beginning, and as it is.
    ///
    /// # Errors
    /// When it cannot be opened or made.
    pub fn open(path: &Path) -> io::Result<File> {
        File::with(fs::File::options().read(true).write(true).create(true).truncate(false), path, false)
    }

    /// The file at `path`, or a new one, whose every write goes to its end.
    ///
    /// # Errors
    /// When it cannot be opened or made.
    pub fn append(path: &Path) -> io::Result<File> {
        File::with(fs::File::options().read(true).append(true).create(true), path, true)
    }

    fn with(how: &fs::OpenOptions, path: &Path, appends: bool) -> io::Result<File> {
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let file = perform(&Operation::Open { path, file: number }, || how.open(path))?;
        Ok(File { file, path: path.to_owned(), number, appends })
    }

    /// Its bytes.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Cuts it, or lets it grow by zeros.
    ///
    /// # Errors
    /// When it cannot be changed.
    pub fn set_length(&self, length: u64) -> io::Result<()> {
        let operation = Operation::SetLength { path: &self.path, file: self.number, length };
        perform(&operation, || self.file.set_len(length))
    }

    /// Makes its bytes and its length durable; its name is durable when its folder is synced.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn sync(&self) -> io::Result<()> {
        let operation = Operation::SyncFile { path: &self.path, file: Some(self.number) };
        perform_sync(&operation, || self.file.sync_all())
    }

    /// Waits for the lock on the file itself, which is released when the file is closed.
    ///
    /// # Errors
    /// When the file system has no locks.
    pub fn lock(&self) -> io::Result<()> {
        self.file.lock()
    }

    /// The system's file, for locks and for looking.
    pub(super) fn plain(&self) -> &fs::File {
        &self.file
    }
}

impl Read for File {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.file.read(bytes)
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !is_watched() {
            return self.file.write(bytes);
        }
        let at = if self.appends { self.length()? } else { self.file.stream_position()? };
        let operation = Operation::Write { path: &self.path, file: self.number, at, bytes };
        let mut file = &self.file;
        let half = || drop((&self.file).write_all(&bytes[..bytes.len() / 2]));
        told(&operation, || file.write_all(bytes), half).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Makes the bytes of a file durable that somebody else wrote.
pub(super) fn sync_file(path: &Path) -> io::Result<()> {
    perform_sync(&Operation::SyncFile { path, file: None }, || fs::File::open(path)?.sync_all())
}

/// Makes durable what was made, renamed and removed in a folder.
///
/// # Errors
/// When it cannot be opened, or the disk refuses.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    #[cfg(unix)]
    return perform_sync(&Operation::SyncFolder(folder), || fs::File::open(folder)?.sync_all());
    #[cfg(not(unix))]
    perform_sync(&Operation::SyncFolder(folder), || Ok(()))
}

/// Gives a file or a folder another name, at once: see [`fs::rename`].
///
/// # Errors
/// When it is not there, or cannot be renamed.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    perform(&Operation::Rename { from, to }, || fs::rename(from, to))
}

/// Removes a file, or a link.
///
/// # Errors
/// When it is not there, or cannot be removed.
pub fn remove_file(path: &Path) -> io::Result<()> {
    perform(&Operation::RemoveFile(path), || fs::remove_file(path))
}

/// Removes a folder and all that is in it, by name.
///
/// # Errors
/// When it is not there, or a part of it cannot be removed.
pub fn remove_tree(folder: &Path) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let removed = if is_folder { remove_tree(&entry.path()) } else { remove_file(&entry.path()) };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    perform(&Operation::RemoveFolder(folder), || fs::remove_dir(folder))
}

/// Makes one folder; an error of kind `AlreadyExists` when there is something of that name.
pub(super) fn make_new_folder(path: &Path) -> io::Result<()> {
    perform(&Operation::MakeFolder(path), || fs::create_dir(path))
}

/// Makes a folder and those above it, durably: what is synced in a folder that a power cut takes away is lost with it.
pub(super) fn make_folders(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().unwrap_or(Path::new(""));
    make_folders(parent)?;
    match make_new_folder(path) {
        Ok(()) => sync_folder(parent),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Sets the date of a file. No operation: nothing may depend on it.
///
/// # Errors
/// When the file system refuses.
pub fn set_modified(path: &Path, date: SystemTime) -> io::Result<()> {
    fs::File::options().write(true).open(path)?.set_modified(date)
}
