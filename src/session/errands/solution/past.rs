//! What is known of a line of the ledger.
//!
//! Takes a line; gives its lock: the one that the submission kept, or, of a line from before there were such, what the lock of the run that
//! made it says. Of those the decisions about photos, the list of the photos and the other files that were read are not known.

use super::lock::{About, PhotoLists, expected, own as for_git};
use super::{Solution, file};
use crate::base::{Value, files};
use crate::book;
use crate::dag::{RunView, Runs};
use crate::score::ledger::Entry;
use crate::session::brew::lock::{self, Lock};
use crate::session::{Project, SessionError};

/// The lock of a line, and whether it is the submission's own.
///
/// # Errors
/// When nothing is kept of it, or what is kept cannot be read or was changed.
pub fn find(project: &Project, entry: &Entry) -> Result<(Solution, bool), SessionError> {
    let own = file(&project.root, &entry.file_hash);
    if own.exists() {
        let found = Solution::load(&own)?;
        if found.expected.file_hash != entry.file_hash {
            let text =
                format!("{} is the lock of another submission: bring back the one that was there", own.display());
            return Err(SessionError::Unfit(text));
        }
        return Ok((found, true));
    }
    let run = of_run(project, entry).ok_or_else(|| {
        SessionError::Unfit(format!(
            "nothing is kept of submission {}: there is neither {} nor a run of {} as it was then; it can be made again only from a copy of the recipe",
            entry.file_hash.short(),
            own.strip_prefix(&project.root).unwrap_or(&own).display(),
            entry.recipe
        ))
    })?;
    let name = run.facts.get("competition.name").and_then(Value::as_text).unwrap_or_default().to_owned();
    let competition = About { name, text: book::print(&run.facts) };
    let (photos, inputs, times) = (PhotoLists::default(), Vec::new(), Vec::new());
    Ok((
        Solution { competition, expected: expected(entry), photos, inputs, times, packed: None, run: for_git(run) },
        false,
    ))
}

/// The lock of the run that made a line: of the same recipe on the same rung, and of those the one with most of its stages; the newest of equals.
fn of_run(project: &Project, entry: &Entry) -> Option<Lock> {
    let runs = Runs::open(&project.toji);
    let file = |id: &String| RunView::new(&runs.folder(id)).lock_file();
    let read = |id: &String| lock::read::<Lock>(&files::read_text(&file(id)).ok()?).ok();
    let is_it = |lock: &Lock| {
        lock.head.recipe_key == entry.recipe_hash && (entry.rung.is_empty() || lock.head.rung == entry.rung)
    };
    let common =
        |lock: &Lock| lock.stages.iter().filter(|stage| entry.stages.values().any(|key| *key == stage.key)).count();
    runs.list().iter().filter_map(read).filter(is_it).max_by_key(common)
}
