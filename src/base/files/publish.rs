//! Publishing and removing, whole or not at all.
//!
//! Takes a path and what should stand there; writes a hidden neighbour, syncs it and renames it, so that a reader, a kill, a full disk
//! or a power cut leaves the old or the new. Removing is the same in reverse: renamed away, synced, then taken apart.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::disk::{self, File};
use super::{FileError, is_full, make_folder};

/// How the names of what is not published yet begin; a kill may leave some.
pub const UNPUBLISHED: &str = ".publish-";

/// A neighbour that is removed again unless it was given its name.
struct Temporary {
    path: PathBuf,
    is_folder: bool,
    is_gone: bool,
}

impl Temporary {
    /// Makes something new under a hidden name in `folder`. Names are counted; one that is taken, by another process or by what a kill
    /// left, is passed over.
    fn make<T>(folder: &Path, is_folder: bool, make: impl Fn(&Path) -> io::Result<T>) -> io::Result<(Temporary, T)> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        loop {
            let path = folder.join(format!("{UNPUBLISHED}{}", COUNT.fetch_add(1, Ordering::Relaxed)));
            match make(&path) {
                Ok(made) => return Ok((Temporary { path, is_folder, is_gone: false }, made)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn file(folder: &Path) -> io::Result<(Temporary, File)> {
        Temporary::make(folder, false, File::create_new)
    }

    fn folder(folder: &Path) -> io::Result<Temporary> {
        Ok(Temporary::make(folder, true, disk::make_new_folder)?.0)
    }

    /// The name that a folder will get which is to be removed, one that no other has.
    fn to_be(folder: &Path) -> Temporary {
        let mut names = (0u64..).map(|number| folder.join(format!("{UNPUBLISHED}gone-{number}")));
        let path = names.find(|path| !path.exists()).unwrap_or_default();
        Temporary { path, is_folder: true, is_gone: false }
    }

    /// Gives it its name.
    fn publish(&mut self, path: &Path) -> io::Result<()> {
        disk::rename(&self.path, path)?;
        self.is_gone = true;
        Ok(())
    }

    /// Removes it now.
    fn remove(&mut self) -> io::Result<()> {
        self.is_gone = true;
        if self.is_folder { disk::remove_tree(&self.path) } else { disk::remove_file(&self.path) }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.is_gone {
            // What cannot be removed is swept when it is old.
            let _ = self.remove();
        }
    }
}

/// The folder around a path.
fn around(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Publishes a file: `write` fills a temporary neighbour, which is synced and renamed over `path`. In a folder that is not published itself
/// nothing is synced, since [`publish_folder`] syncs all of it.
///
/// # Errors
/// When any step fails; `path` then holds what it held before.
pub fn publish_with(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), FileError> {
    let folder = around(path);
    make_folder(folder)?;
    let tried = || -> io::Result<()> {
        let (mut temporary, mut file) = Temporary::file(folder)?;
        write(&mut file)?;
        let is_hidden = folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(UNPUBLISHED));
        if is_hidden {
            return temporary.publish(path);
        }
        file.sync()?;
        temporary.publish(path)?;
        disk::sync_folder(folder)
    };
    tried().map_err(FileError::at("cannot write", path))
}

/// As [`publish_with`], but nothing is synced: after a power cut the file may be there and not be whole.
pub(super) fn hastily(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), FileError> {
    let tried = || -> io::Result<()> {
        let (mut temporary, mut file) = Temporary::file(around(path))?;
        write(&mut file)?;
        temporary.publish(path)
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
    let parent = around(path);
    make_folder(parent)?;
    let mut temporary =
        Temporary::folder(parent).map_err(FileError::at("cannot make a temporary folder in", parent))?;
    fill(&temporary.path)?;
    sync_tree(&temporary.path)?;
    match temporary.publish(path) {
        Ok(()) => Ok(disk::sync_folder(parent).map_err(FileError::at("cannot sync", parent))?),
        Err(_) if path.is_dir() => Ok(()),
        Err(e) => Err(FileError::at("cannot publish", path)(e).into()),
    }
}

/// Removes a folder so that no reader ever sees a part of it, also after a power cut: it is renamed first. Whether it was there.
///
/// # Errors
/// When it cannot be moved or removed.
pub fn remove_folder(path: &Path) -> Result<bool, FileError> {
    let parent = around(path);
    if !path.is_dir() {
        return Ok(false);
    }
    let (mut aside, old) = match Temporary::folder(parent) {
        Ok(aside) => {
            let old = aside.path.join("old");
            (aside, old)
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        // Where there is no room even for a folder, removing is what is asked for most.
        Err(e) if is_full(&e) => {
            let aside = Temporary::to_be(parent);
            let old = aside.path.clone();
            (aside, old)
        }
        Err(e) => return Err(FileError::at("cannot make a temporary folder in", parent)(e)),
    };
    match disk::rename(path, &old) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(FileError::at("cannot remove", path)(e)),
    }
    // Its parts may only go when its name has gone for good: a power cut would bring the name back, with a part of them.
    disk::sync_folder(parent).map_err(FileError::at("cannot sync", parent))?;
    aside.remove().map(|()| true).map_err(FileError::at("cannot remove", path))
}

/// Syncs every file and folder below `folder`, and the folder itself.
fn sync_tree(folder: &Path) -> Result<(), FileError> {
    let listed = std::fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut entries = listed.map_err(FileError::at("cannot list", folder))?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for path in entries.iter().map(std::fs::DirEntry::path) {
        if path.is_dir() {
            sync_tree(&path)?;
        } else {
            disk::sync_file(&path).map_err(FileError::at("cannot sync", &path))?;
        }
    }
    disk::sync_folder(folder).map_err(FileError::at("cannot sync", folder))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::read;
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
}
