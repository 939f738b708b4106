//! What is written into the ledger beside submissions.
//!
//! Takes a submission's name (a file, a recipe, or the beginning of a hash) and what to write of it; appends a line, after a look at the
//! ledger that nobody can change in between.

use std::path::Path;

use serde::Serialize;

use crate::base::{Key, Time, files};
use crate::score::ledger::{self, Entry, Ledger, Line, Mark, Part, Placed, Shown, Unfound};
use crate::session::errands::submit::LEDGER;
use crate::session::{Project, SessionError};

/// A line that was written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Noted {
    /// The submission's hash.
    pub hash: Key,
    /// Its recipe.
    pub recipe: String,
    /// Its file, as it was named when it was written.
    pub file: String,
    /// What the same leaderboard said of it before.
    pub before: Option<String>,
    /// Those that are final now.
    pub finals: Vec<Key>,
}

/// The submission that `text` means: a file below `here` that the ledger knows by its bytes, a recipe's newest, or a hash.
///
/// # Errors
/// When it means none, or several.
pub fn find(project: &Project, here: &Path, text: &str) -> Result<Entry, SessionError> {
    let ledger = ledger::load(&project.root.join(LEDGER))?;
    let file = here.join(text);
    if file.is_file() {
        let hash = Key::of_bytes(&files::read(&file)?);
        let known = ledger.entry(&hash).cloned();
        return known.ok_or_else(|| {
            SessionError::Unfit(format!(
                "{text} (hash {}) is no submission of the ledger: it was changed since toji submit wrote it, or made elsewhere",
                hash.short()
            ))
        });
    }
    Ok(ledger.find(text).cloned().map_err(crate::score::ScoreError::from)?)
}

/// Notes a leaderboard's number of a submission, handed in at `date`.
///
/// # Errors
/// When the ledger cannot be written.
pub fn place(project: &Project, entry: &Entry, shown: Shown, part: Part, date: Time) -> Result<Noted, SessionError> {
    let mut before = None;
    let mut finals = Vec::new();
    ledger::amend(&project.root.join(LEDGER), |ledger| -> Result<Line, SessionError> {
        before = ledger.placed(&entry.file_hash, part).map(|placed| placed.shown().to_string());
        finals = marked(ledger);
        let Shown { score, decimals } = shown;
        Ok(Line::Leaderboard(Placed { file_hash: entry.file_hash, part, score, decimals, date }))
    })?;
    Ok(noted(entry, before, finals))
}

/// Marks a submission as final, or takes the mark off.
///
/// # Errors
/// When it is (or is not) marked already, as many are marked as `finals` allows, or the ledger cannot be written.
pub fn mark(project: &Project, entry: &Entry, on: bool) -> Result<Noted, SessionError> {
    let limit = project.competition.leaderboard.finals;
    let date = project.around.clock.now();
    let name = format!("{} ({})", entry.file_hash.short(), entry.recipe);
    let mut finals = Vec::new();
    ledger::amend(&project.root.join(LEDGER), |ledger| -> Result<Line, SessionError> {
        if ledger.entry(&entry.file_hash).is_none() {
            return Err(crate::score::ScoreError::from(Unfound::Unknown(entry.file_hash.short())).into());
        }
        let there = ledger.finals();
        if ledger.is_final(&entry.file_hash) == on {
            let text = if on { "is marked as final already" } else { "is not marked as final" };
            return Err(SessionError::Unfit(format!("{name} {text}")));
        }
        if on && there.len() >= limit {
            let names: Vec<String> =
                there.iter().map(|entry| format!("{} ({})", entry.file_hash.short(), entry.recipe)).collect();
            return Err(SessionError::Unfit(format!(
                "{} of {limit} final submissions are marked already: {}; unmark one first, or raise finals under [leaderboard] of toji.toml",
                there.len(),
                names.join(", ")
            )));
        }
        finals = marked(ledger).into_iter().filter(|hash| *hash != entry.file_hash).collect();
        if on {
            finals.push(entry.file_hash);
        }
        Ok(Line::Final(Mark { file_hash: entry.file_hash, marked: on, date }))
    })?;
    Ok(noted(entry, None, finals))
}

fn marked(ledger: &Ledger) -> Vec<Key> {
    ledger.finals().iter().map(|entry| entry.file_hash).collect()
}

fn noted(entry: &Entry, before: Option<String>, finals: Vec<Key>) -> Noted {
    let (hash, recipe, file) = (entry.file_hash, entry.recipe.clone(), entry.file.display().to_string());
    Noted { hash, recipe, file, before, finals }
}
