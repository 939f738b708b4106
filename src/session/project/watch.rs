//! Says when files changed.
//!
//! Takes folders; gives a message soon after something in them was written, created, removed or
//! renamed over (editors save by renaming, so folders are watched and not files). Watching can fail
//! or stay silent (network file systems, inotify limits): [`stamp`] is the cheap look that a caller
//! makes every second or so besides.

use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::{Duration, SystemTime};

use notify_debouncer_full::notify::{RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};

/// A burst of events (a save is three to five of them, within a few milliseconds) becomes one message.
const QUIET: Duration = Duration::from_millis(15);
/// How often the debouncer looks whether a burst is over.
const TICK: Duration = Duration::from_millis(5);

/// Watches until dropped.
pub struct Watch {
    _watcher: Option<Debouncer<RecommendedWatcher, RecommendedCache>>,
    /// Why watching does not work here, if so; looking by [`stamp`] still does.
    pub trouble: Option<String>,
}

impl Watch {
    /// Watches the files directly in each folder and sends `message` after a change.
    pub fn start<M: Clone + Send + 'static>(folders: &[PathBuf], changed: Sender<M>, message: M) -> Watch {
        let tell = move |result: DebounceEventResult| {
            let worth = match result {
                Ok(events) => events.iter().any(|event| !event.kind.is_access()),
                Err(_) => true,
            };
            if worth {
                // The listener is gone when the program ends.
                let _ = changed.send(message.clone());
            }
        };
        let mut watcher = match new_debouncer(QUIET, Some(TICK), tell) {
            Ok(watcher) => watcher,
            Err(error) => return Watch { _watcher: None, trouble: Some(error.to_string()) },
        };
        let mut trouble = None;
        for folder in folders.iter().filter(|folder| folder.is_dir()) {
            if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
                trouble = Some(format!("cannot watch {}: {error}", folder.display()));
            }
        }
        Watch { _watcher: Some(watcher), trouble }
    }
}

/// What tells one state of some files from another: path, size and time of each.
pub type Stamp = Vec<(PathBuf, u64, Option<SystemTime>)>;

/// The stamp of files; those that are not there are left out.
pub fn stamp<'a>(files: impl IntoIterator<Item = &'a Path>) -> Stamp {
    let look = |file: &Path| {
        let meta = std::fs::metadata(file).ok()?;
        Some((file.to_owned(), meta.len(), meta.modified().ok()))
    };
    files.into_iter().filter_map(look).collect()
}
