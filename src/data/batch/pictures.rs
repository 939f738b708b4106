//! Every photo by its index, decoded at most once while there is room.
//!
//! Takes paths (or pictures that are in memory already) and a limit of bytes; gives pictures that
//! can be shared between threads, training and evaluation. What was decoded first stays: an epoch
//! reads every photo once, and on such a walk throwing out the oldest keeps nothing that is needed next.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::data::decode::{DecodeError, Limits, Picture, decode};

/// Photos that can be asked for by index.
#[derive(Debug)]
pub struct Pictures {
    paths: Vec<PathBuf>,
    limits: Limits,
    kept: Vec<OnceLock<Arc<Picture>>>,
    room: u64,
    used: AtomicU64,
    decoded: AtomicU64,
}

impl Pictures {
    /// Photo `i` is the file `paths[i]`; decoded pictures are kept up to `room` bytes (3 a pixel).
    pub fn new(paths: Vec<PathBuf>, limits: Limits, room: u64) -> Pictures {
        let kept = paths.iter().map(|_| OnceLock::new()).collect();
        Pictures { paths, limits, kept, room, used: AtomicU64::new(0), decoded: AtomicU64::new(0) }
    }

    /// Photos that are in memory already.
    pub fn in_memory(pictures: Vec<Picture>) -> Pictures {
        let mut all = Pictures::new(vec![PathBuf::new(); pictures.len()], Limits::default(), 0);
        all.kept = pictures.into_iter().map(|picture| OnceLock::from(Arc::new(picture))).collect();
        all
    }

    /// How many photos there are.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// The picture of photo `index`, which must be below [`Pictures::len`].
    ///
    /// # Errors
    /// When the file cannot be decoded; the error names it.
    pub fn get(&self, index: u32) -> Result<Arc<Picture>, DecodeError> {
        let index = index as usize;
        if let Some(picture) = self.kept[index].get() {
            return Ok(picture.clone());
        }
        let picture = Arc::new(decode(&self.paths[index], &self.limits)?);
        self.decoded.fetch_add(1, Ordering::Relaxed);
        let bytes = picture.rgb.len() as u64;
        if self.reserve(bytes) && self.kept[index].set(picture.clone()).is_err() {
            // Another thread was first; its copy stays and ours gives its room back.
            self.used.fetch_sub(bytes, Ordering::Relaxed);
        }
        Ok(picture)
    }

    /// How often a file was decoded so far.
    pub fn decoded(&self) -> u64 {
        self.decoded.load(Ordering::Relaxed)
    }

    /// Bytes of pictures that are kept.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    fn reserve(&self, bytes: u64) -> bool {
        let fits = |used: u64| used.checked_add(bytes).filter(|&sum| sum <= self.room);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }
}
