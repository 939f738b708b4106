//! What was seen of pictures, remembered by the content of their files.
//!
//! Takes pictures by content and file, and how one is looked at; gives what was seen of each, from a cache file where that is known. A pass that is
//! cut off is gone on with, and the same picture under two names is looked at once.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use crate::base::{Cancel, Key, Progress, files};
use crate::data::error::DataError;

/// How many pictures are looked at before what is known is saved.
const SAVE_EVERY: usize = 8192;

/// A cache file: where it is, how its bytes are read (nothing where they are torn or of another version) and written.
pub(crate) struct Memory<'a, T> {
    /// The file.
    pub file: &'a Path,
    /// Bytes → what is known.
    pub parse: fn(&[u8]) -> Option<HashMap<Key, T>>,
    /// What is known → bytes.
    pub print: fn(&HashMap<Key, T>) -> Vec<u8>,
}

impl<T: Clone + Send + Sync> Memory<'_, T> {
    /// What `look` sees of each picture, `None` where it sees nothing; `what` is told with the count.
    ///
    /// # Errors
    /// When asked to stop (what was seen until then is remembered), or when the cache cannot be written.
    pub fn of(
        &self,
        pictures: &[(Key, &Path)],
        look: impl Fn(&Path) -> Option<T> + Sync,
        what: &str,
        cancel: &Cancel,
        progress: &dyn Progress,
    ) -> Result<Vec<Option<T>>, DataError> {
        let mut known = fs::read(self.file).ok().and_then(|bytes| (self.parse)(&bytes)).unwrap_or_default();
        let mut missing: BTreeMap<Key, &Path> = BTreeMap::new();
        for (key, path) in pictures.iter().filter(|(key, _)| !known.contains_key(key)) {
            missing.entry(*key).or_insert(path);
        }
        let missing: Vec<(Key, &Path)> = missing.into_iter().collect();
        let (done, total) = (AtomicU64::new(0), missing.len() as u64);
        for chunk in missing.chunks(SAVE_EVERY) {
            let seen: Vec<(Key, Option<T>)> = chunk
                .par_iter()
                .filter(|_| !cancel.is_cancelled())
                .map(|(key, path)| {
                    let seen = look(path);
                    let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                    if done.is_multiple_of(16) || done == total {
                        progress.at(what, done, total, "images");
                    }
                    (*key, seen)
                })
                .collect();
            known.extend(seen.into_iter().filter_map(|(key, seen)| Some((key, seen?))));
            files::publish(self.file, &(self.print)(&known))?;
            cancel.check()?;
        }
        cancel.check()?;
        Ok(pictures.iter().map(|(key, _)| known.get(key).cloned()).collect())
    }
}
