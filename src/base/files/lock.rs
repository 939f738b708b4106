//! Locks that live as long as their holder.
//!
//! Takes the path of a lock file; gives a [`Lock`] when nobody else holds it. The system releases it when the process dies, however it
//! dies, so a lock is the one sign of life that needs no clock and no process list. What is written into the file is for people.

use std::fs;
use std::io::{self, Seek, Write};
use std::path::Path;

use super::disk::File;
use super::{FileError, make_folder};

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
            match file.plain().try_lock() {
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
        Lock::waiting(path, fs::File::lock)
    }

    fn waiting(path: &Path, hold: impl Fn(&fs::File) -> io::Result<()>) -> Result<Lock, FileError> {
        if let Some(folder) = path.parent() {
            make_folder(folder)?;
        }
        loop {
            let file = open_lock(path)?;
            hold(file.plain()).map_err(FileError::at("cannot lock", path))?;
            if is_at(&file, path) {
                return Ok(Lock { file });
            }
        }
    }

    /// Holds the lock at `path` together with others who share it, waiting as long as one holds it alone. For moments, too.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn share(path: &Path) -> Result<Lock, FileError> {
        Lock::waiting(path, fs::File::lock_shared)
    }

    /// Whether a living process holds the lock at `path`. Looks without taking it for longer than a moment.
    pub fn is_held(path: &Path) -> bool {
        fs::File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock)))
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
        self.file.set_length(0)?;
        self.file.rewind()?;
        self.file.write_all(text.as_bytes())
    }
}

fn open_lock(path: &Path) -> Result<File, FileError> {
    File::open(path).map_err(FileError::at("cannot open lock", path))
}

/// Whether the open file is still the one at `path`.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.plain().metadata(), fs::metadata(path)) {
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
