//! A file on its way into the cache: `<etag>.incomplete`.
//!
//! Takes bytes as they come and hashes them; what an earlier attempt left is hashed first. Gives the file its name only when
//! size and hash are those that the hub announced.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::HubError;
use super::cache::is_sha256;
use super::sha256::Sha256;
use crate::base::Cancel;
use crate::base::files::disk::{self, File};
use crate::base::files::{self, FileError};

/// Bytes that are read and written at once.
pub(super) const PIECE: usize = 1 << 17;

/// The beginning of a file, open for more.
pub(super) struct Part {
    path: PathBuf,
    file: File,
    hash: Sha256,
    /// Bytes that are there.
    pub(super) have: u64,
}

impl Part {
    /// The part beside `blob`, from an earlier attempt or empty.
    pub(super) fn open(blob: &Path, cancel: &Cancel) -> Result<Part, HubError> {
        let mut name = blob.file_name().unwrap_or_default().to_owned();
        name.push(".incomplete");
        let path = blob.with_file_name(name);
        if let Some(folder) = path.parent() {
            files::make_folder(folder)?;
        }
        let file = File::open(&path).map_err(FileError::at("cannot open", &path))?;
        let mut part = Part { path, file, hash: Sha256::new(), have: 0 };
        let mut piece = vec![0u8; PIECE];
        loop {
            cancel.check()?;
            match part.file.read(&mut piece).map_err(FileError::at("cannot read", &part.path))? {
                0 => return Ok(part),
                n => {
                    part.hash.update(&piece[..n]);
                    part.have += n as u64;
                }
            }
        }
    }

    /// Begins anew.
    pub(super) fn clear(&mut self) -> Result<(), FileError> {
        let cleared = self.file.set_length(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        cleared.map_err(FileError::at("cannot write", &self.path))?;
        (self.hash, self.have) = (Sha256::new(), 0);
        Ok(())
    }

    /// Appends.
    pub(super) fn add(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.file.write_all(bytes).map_err(FileError::at("cannot write", &self.path))?;
        self.hash.update(bytes);
        self.have += bytes.len() as u64;
        Ok(())
    }

    /// Checks the whole and publishes it as `blob`, whose name is the etag. `file` is for messages. What is wrong is thrown away.
    pub(super) fn publish(self, blob: &Path, etag: &str, size: Option<u64>, file: &str) -> Result<(), HubError> {
        self.file.sync().map_err(FileError::at("cannot write", &self.path))?;
        let found = self.hash.finish();
        let file = file.to_owned();
        let wrong = match size {
            Some(expected) if expected != self.have => Some(HubError::WrongSize { file, expected, found: self.have }),
            _ if is_sha256(etag) && !found.eq_ignore_ascii_case(etag) => {
                Some(HubError::WrongHash { file, expected: etag.to_owned(), found })
            }
            _ => None,
        };
        if let Some(wrong) = wrong {
            let _ = files::remove_file(&self.path);
            return Err(wrong);
        }
        let folder = blob.parent().unwrap_or(Path::new(""));
        let named = disk::rename(&self.path, blob).and_then(|()| disk::sync_folder(folder));
        Ok(named.map_err(FileError::at("cannot write", blob))?)
    }
}
