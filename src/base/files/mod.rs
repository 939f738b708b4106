//! Files that are either old or new, never half.
//!
//! Takes a path and what should stand there; publishes by writing beside it, syncing and renaming,
//! so that a reader, a kill, a full disk or a power cut sees one or the other. Every error names the path, and
//! says what to do about a full disk.
//!
//! - [`mod@publish`]: whole files and folders, and removing them whole;
//! - [`mod@tensors`]: whole files of tensors, streamed;
//! - [`archive`]: whole zip archives; [`mod@unpack`]: those that came from elsewhere, laid out or refused;
//! - [`packed`]: values that only save time, and may be lost;
//! - [`lock`]: the sign of life of whoever works on something;
//! - [`disk`]: the operations that all of it is made of, and the only ones that the library writes by;
//! - [`faults`]: for tests, what a kill, a power cut or a full disk makes of them.
//!
//! What is appended instead (events, the ledger, packs) is told from what was torn by its readers, and synced before anything else
//! relies on it.

pub mod archive;
pub mod disk;
pub mod faults;
pub mod lock;
pub mod packed;
pub mod publish;
#[cfg(test)]
pub(crate) mod sweep;
pub mod tensors;
#[cfg(test)]
mod tests;
pub mod unpack;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

pub use lock::Lock;
pub use publish::{UNPUBLISHED, publish, publish_folder, publish_with, remove_folder};
pub use tensors::publish_tensors;

/// A file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{doing} {}: {source}{}", path.display(), advice(source))]
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

/// What to do about what the system said, where there is something.
fn advice(source: &io::Error) -> &'static str {
    match is_full(source) {
        true => "; make room (toji gc lists what no recipe needs) and do it again: it goes on from what is there",
        false => "",
    }
}

fn is_full(source: &io::Error) -> bool {
    matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
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

/// Makes a folder and those above it, so that a power cut does not take them away with what is published in them.
///
/// # Errors
/// When one of them cannot be made.
pub fn make_folder(path: &Path) -> Result<(), FileError> {
    disk::make_folders(path).map_err(FileError::at("cannot make folder", path))
}

/// Removes a file, without complaint when it is not there. Whether it was there.
///
/// # Errors
/// When it cannot be removed.
pub fn remove_file(path: &Path) -> Result<bool, FileError> {
    match disk::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(FileError::at("cannot remove", path)(error)),
    }
}
