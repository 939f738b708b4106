//! The hub's cache on disk, as `huggingface_hub` lays it out.
//!
//! ```text
//!   models--timm--resnet18.a1_in1k/
//!     blobs/<etag>                          the bytes; a large file's etag is its SHA-256
//!     refs/main                             the commit that the branch stood at when it was fetched
//!     snapshots/<commit>/model.safetensors  a link to its blob, or a copy where links cannot be made
//!   .locks/models--timm--resnet18.a1_in1k/<etag>.lock
//! ```
//!
//! Takes a name; gives paths. A blob is renamed into place when it is whole, and the reference comes last.

use std::path::{Path, PathBuf};

use super::{CARD, CONFIG, HubName, WEIGHTS};
use crate::base::files::{self, FileError};

/// Weights that are in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cached {
    /// The commit.
    pub commit: String,
    /// The safetensors file.
    pub weights: PathBuf,
    /// Its SHA-256 as the cache names it; `None` where the cache holds copies instead of links.
    pub sha256: Option<String>,
    /// What the weights expect, where the repository says it.
    pub config: Option<PathBuf>,
    /// The model card, where it was fetched.
    pub card: Option<PathBuf>,
}

/// One repository's folder.
pub(super) struct Repository {
    folder: PathBuf,
    locks: PathBuf,
}

impl Repository {
    pub(super) fn of(cache: &Path, name: &HubName) -> Repository {
        let folder = format!("models--{}", name.repository.replace('/', "--"));
        Repository { locks: cache.join(".locks").join(&folder), folder: cache.join(folder) }
    }

    /// The weights of a revision.
    pub(super) fn find(&self, revision: &str) -> Option<Cached> {
        let commit = match is_commit(revision) {
            true => revision.to_owned(),
            false => std::fs::read_to_string(self.reference(revision)).ok()?.trim().to_owned(),
        };
        if !is_commit(&commit) {
            return None;
        }
        let file = |name: &str| Some(self.snapshot(&commit, name)).filter(|file| file.is_file());
        let weights = file(WEIGHTS)?;
        let blob = std::fs::read_link(&weights).ok().and_then(|to| Some(to.file_name()?.to_str()?.to_owned()));
        Some(Cached {
            sha256: blob.filter(|name| is_sha256(name)),
            config: file(CONFIG),
            card: file(CARD),
            weights,
            commit,
        })
    }

    pub(super) fn reference(&self, revision: &str) -> PathBuf {
        self.folder.join("refs").join(revision)
    }

    pub(super) fn snapshot(&self, commit: &str, file: &str) -> PathBuf {
        self.folder.join("snapshots").join(commit).join(file)
    }

    pub(super) fn blob(&self, etag: &str) -> PathBuf {
        self.folder.join("blobs").join(etag)
    }

    pub(super) fn lock(&self, etag: &str) -> PathBuf {
        self.locks.join(format!("{etag}.lock"))
    }

    /// Lets a snapshot's file point to its blob.
    pub(super) fn link(&self, commit: &str, file: &str, etag: &str) -> Result<(), FileError> {
        let at = self.snapshot(commit, file);
        if let Some(folder) = at.parent() {
            files::make_folder(folder)?;
        }
        if at.is_file() {
            return Ok(());
        }
        // A link whose blob is gone.
        let _ = files::remove_file(&at);
        #[cfg(unix)]
        let linked = std::os::unix::fs::symlink(Path::new("../../blobs").join(etag), &at).is_ok();
        #[cfg(not(unix))]
        let linked = false;
        // Another process may have made the same link meanwhile.
        if linked || at.is_file() {
            return Ok(());
        }
        let blob = self.blob(etag);
        let mut from = std::fs::File::open(&blob).map_err(FileError::at("cannot read", &blob))?;
        files::publish_with(&at, |to| std::io::copy(&mut from, to).map(drop))
    }
}

/// Whether a revision is a whole commit hash.
pub(super) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether an etag is the SHA-256 of its file.
pub(super) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}
