//! Files that are either old or new, never half.
//!
//! Takes a path and what should stand there; publishes by writing beside it, syncing and renaming,
//! so that a reader, a kill or a power cut sees one or the other. Every error names the path.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// A file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{doing} {}: {source}", path.display())]
pub struct FileError {
    /// What was tried: "cannot read", "cannot write", …
    pub doing: &'static str,
    /// Which file or folder.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

impl FileError {
    /// For `map_err`: keeps what was tried and the path beside the system's words.
    pub fn at<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> FileError + 'a {
        move |source| FileError { doing, path: path.to_owned(), source }
    }

    /// Whether the file simply is not there.
    pub fn is_missing(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

/// The bytes of a file.
///
/// # Errors
/// When it cannot be opened or read.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    File::open(path).and_then(|mut f| f.read_to_end(&mut bytes)).map_err(FileError::at("cannot read", path))?;
    Ok(bytes)
}

/// The text of a UTF-8 file.
///
/// # Errors
/// When it cannot be read, or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String, FileError> {
    String::from_utf8(read(path)?).map_err(|e| FileError {
        doing: "cannot read",
        path: path.to_owned(),
        source: io::Error::new(
            io::ErrorKind::InvalidData,
            format!("not UTF-8 at byte {}", e.utf8_error().valid_up_to()),
        ),
    })
}

/// Makes a folder and those above it.
///
/// # Errors
/// When one of them cannot be made.
pub fn make_folder(path: &Path) -> Result<(), FileError> {
    fs::create_dir_all(path).map_err(FileError::at("cannot make folder", path))
}

/// Publishes a file: `write` fills a temporary neighbour, which is synced and renamed over `path`.
///
/// # Errors
/// When any step fails; `path` then holds what it held before.
pub fn publish_with(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), FileError> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_folder(folder)?;
    let tried = || -> io::Result<()> {
        let mut temporary = tempfile::Builder::new().prefix(".publish-").tempfile_in(folder)?;
        write(temporary.as_file_mut())?;
        temporary.as_file_mut().flush()?;
        temporary.as_file().sync_all()?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            temporary.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
        }
        temporary.persist(path).map_err(|e| e.error)?;
        sync_folder(folder)
    };
    tried().map_err(FileError::at("cannot write", path))
}

/// Publishes a file with the given bytes. See [`publish_with`].
///
/// # Errors
/// As [`publish_with`].
pub fn publish(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    publish_with(path, |file| file.write_all(bytes))
}

/// Publishes a whole folder: `fill` fills a temporary neighbour, which is renamed to `path`.
/// When `path` is there already it wins and the new one is thrown away: content-addressed folders
/// with one name hold one content.
///
/// # Errors
/// When filling or renaming fails; nothing is left at `path` then. The error type is the caller's.
pub fn publish_folder<E: From<FileError>>(path: &Path, fill: impl FnOnce(&Path) -> Result<(), E>) -> Result<(), E> {
    let parent = path.parent().unwrap_or(Path::new("."));
    make_folder(parent)?;
    let temporary = tempfile::Builder::new()
        .prefix(".publish-")
        .tempdir_in(parent)
        .map_err(FileError::at("cannot make a temporary folder in", parent))?;
    fill(temporary.path())?;
    sync_tree(temporary.path())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // A temporary folder is closed to everybody else; a published one is not.
        fs::set_permissions(temporary.path(), fs::Permissions::from_mode(0o755))
            .map_err(FileError::at("cannot open up", temporary.path()))?;
    }
    match fs::rename(temporary.path(), path) {
        Ok(()) => {
            // The folder has its final name; there is nothing temporary left to remove.
            let _ = temporary.keep();
            sync_folder(parent).map_err(FileError::at("cannot sync", parent))?;
            Ok(())
        }
        Err(_) if path.is_dir() => Ok(()),
        Err(e) => Err(FileError::at("cannot publish", path)(e).into()),
    }
}

/// Removes a folder so that no reader ever sees a part of it: it is renamed first. Whether it was there.
///
/// # Errors
/// When it cannot be moved or removed.
pub fn remove_folder(path: &Path) -> Result<bool, FileError> {
    let parent = path.parent().unwrap_or(Path::new("."));
    let aside = tempfile::Builder::new().prefix(".publish-").tempdir_in(parent);
    let aside = match aside {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        aside => aside.map_err(FileError::at("cannot make a temporary folder in", parent))?,
    };
    match fs::rename(path, aside.path().join("old")) {
        Ok(()) => aside.close().map(|()| true).map_err(FileError::at("cannot remove", path)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(FileError::at("cannot remove", path)(e)),
    }
}

/// Syncs every file and folder below `folder`, and the folder itself.
fn sync_tree(folder: &Path) -> Result<(), FileError> {
    for entry in fs::read_dir(folder).map_err(FileError::at("cannot list", folder))? {
        let entry = entry.map_err(FileError::at("cannot list", folder))?;
        let path = entry.path();
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            sync_tree(&path)?;
        } else {
            File::open(&path).and_then(|f| f.sync_all()).map_err(FileError::at("cannot sync", &path))?;
        }
    }
    sync_folder(folder).map_err(FileError::at("cannot sync", folder))
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// A lock that lives as long as its holder: the system releases it when the process dies, however it dies.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

/// How often a lock that seems taken is asked for again, two milliseconds apart: whoever looks with
/// [`Lock::is_held`] holds it for a moment, which must not make a worker believe that another one lives.
const TRIES: u32 = 10;

impl Lock {
    /// Takes the lock at `path`, or `None` when a living process holds it.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn try_take(path: &Path) -> Result<Option<Lock>, FileError> {
        if let Some(folder) = path.parent() {
            make_folder(folder)?;
        }
        for tried in 0..TRIES {
            if tried > 0 {
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
            let file = open_lock(path)?;
            match file.try_lock() {
                // Another holder may have removed the file between opening and locking.
                Ok(()) if is_at(&file, path) => return Ok(Some(Lock { file })),
                Ok(()) | Err(fs::TryLockError::WouldBlock) => {}
                Err(fs::TryLockError::Error(e)) => return Err(FileError::at("cannot lock", path)(e)),
            }
        }
        Ok(None)
    }

    /// Takes the lock at `path`, waiting as long as another holds it. For moments, not for work.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn wait(path: &Path) -> Result<Lock, FileError> {
        if let Some(folder) = path.parent() {
            make_folder(folder)?;
        }
        loop {
            let file = open_lock(path)?;
            file.lock().map_err(FileError::at("cannot lock", path))?;
            if is_at(&file, path) {
                return Ok(Lock { file });
            }
        }
    }

    /// Whether a living process holds the lock at `path`. Looks without taking it for longer than a moment.
    pub fn is_held(path: &Path) -> bool {
        File::options()
            .read(true)
            .open(path)
            .is_ok_and(|f| matches!(f.try_lock_shared(), Err(fs::TryLockError::WouldBlock)))
    }

    /// Whether the lock is the file at `path`: it stays locked while the folder around it is renamed.
    pub fn is_at(&self, path: &Path) -> bool {
        is_at(&self.file, path)
    }

    /// Writes who holds the lock into its file, for people; nothing may depend on it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn describe(&mut self, text: &str) -> io::Result<()> {
        use std::io::Seek;
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(text.as_bytes())
    }
}

fn open_lock(path: &Path) -> Result<File, FileError> {
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .read(true)
        .open(path)
        .map_err(FileError::at("cannot open lock", path))
}

/// Whether the open file is still the one at `path`.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(there)) => open.ino() == there.ino() && open.dev() == there.dev(),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publish_replaces_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/er/file.txt");
        publish(&path, b"one").unwrap();
        publish(&path, b"two").unwrap();
        let failed = publish_with(&path, |f| {
            f.write_all(b"thr")?;
            Err(io::Error::other("disk full"))
        });
        assert!(failed.unwrap_err().to_string().contains("file.txt: disk full"));
        assert_eq!(read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_folder_is_published_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store/abc");
        publish_folder::<FileError>(&path, |f| publish(&f.join("x"), b"1")).unwrap();
        publish_folder::<FileError>(&path, |f| publish(&f.join("x"), b"2")).unwrap();
        assert_eq!(read(&path.join("x")).unwrap(), b"1");
        assert_eq!(fs::read_dir(dir.path().join("store")).unwrap().count(), 1);
        assert!(remove_folder(&path).unwrap());
        assert!(!remove_folder(&path).unwrap() && !remove_folder(&path.join("deeper")).unwrap());
        assert_eq!(fs::read_dir(dir.path().join("store")).unwrap().count(), 0);
    }

    #[test]
    fn a_lock_is_held_by_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        assert!(!Lock::is_held(&path));
        let lock = Lock::try_take(&path).unwrap().expect("free");
        assert!(Lock::is_held(&path));
        assert!(Lock::try_take(&path).unwrap().is_none());
        drop(lock);
        assert!(!Lock::is_held(&path));
    }

    #[test]
    fn looking_at_a_lock_does_not_keep_others_from_taking_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        drop(Lock::try_take(&path).unwrap());
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    Lock::is_held(&path);
                    std::thread::yield_now();
                }
            });
            let taken = (0..200).filter(|_| Lock::try_take(&path).unwrap().is_some()).count();
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            assert_eq!(taken, 200);
        });
    }

    #[test]
    fn a_removed_lock_file_is_not_held() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let mut first = Lock::try_take(&path).unwrap().expect("free");
        first.describe("pid 1, a long description").unwrap();
        first.describe("pid 2").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "pid 2");
        fs::remove_file(&path).unwrap();
        let second = Lock::try_take(&path).unwrap();
        assert!(second.is_some() && Lock::is_held(&path));
    }
}
