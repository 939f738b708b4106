//! The weights of the epoch that scored best, beside those of the last.
//!
//! Takes each evaluation; keeps a file of weights where it is better than all before, in the folder of unfinished work and then in the
//! artefact. A training that goes on from another takes its best over. Whether the best or the last is embedded is
//! `[train] load_best_model_at_end`; of equal scores the earlier epoch is the better one.

use std::path::{Path, PathBuf};

use crate::base::{Key, Value, files};
use crate::learn::train::checkpoint::{self, Lesson, Place};
use crate::learn::train::{self, Checkpoint, Evaluate};
use crate::session::{Recipe, SessionError};

/// The file of the best weights.
const FILE: &str = "best.safetensors";

/// The key of a recipe that asks for it.
pub(in crate::session::stages) const KEY: &str = "train.load_best_model_at_end";

/// The best epoch so far.
pub(super) struct Best {
    file: PathBuf,
    key: Key,
    score: Option<f64>,
}

impl Best {
    /// The best of `history`, whose weights lie in `folder`. A file of an epoch that the history does not have (a kill came between the two)
    /// is written again when the training comes there.
    pub(super) fn of(folder: &Path, key: Key, history: &[Lesson]) -> Best {
        let file = folder.join(FILE);
        let epoch = Checkpoint::open(&file).ok().map(|best| best.place().epoch);
        let score = epoch.and_then(|epoch| history.get(epoch.checked_sub(1)?)?.score).map(|score| score.0);
        Best { file, key, score }
    }

    /// Keeps the weights if they are the best so far.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(super) fn see(&mut self, now: &Evaluate<'_>, score: f64) -> Result<(), SessionError> {
        if now.epoch > 0 && self.score.is_none_or(|best| score > best) {
            let place = Place { epoch: now.epoch, ..Place::start(self.key) };
            checkpoint::save(&self.file, now.params, None, &place)?;
            self.score = Some(score);
        }
        Ok(())
    }
}

/// Takes the best of one folder over to another, where there is one.
///
/// # Errors
/// When it cannot be read or written.
pub(super) fn carry(from: &Path, to: &Path) -> Result<(), SessionError> {
    let (from, to) = (from.join(FILE), to.join(FILE));
    if from.is_file() && !to.is_file() {
        files::publish(&to, &files::read(&from)?)?;
    }
    Ok(())
}

/// Whether the best epoch's weights are asked for, and not the last's.
pub(in crate::session::stages) fn is_asked_for(recipe: &Recipe) -> bool {
    recipe.settings().get(KEY) == Some(&Value::Bool(true))
}

/// The file of the weights that count in a training's folder.
///
/// # Errors
/// When the best are asked for and the training was done by a program that did not keep them.
pub(crate) fn weights(recipe: &Recipe, folder: &Path) -> Result<PathBuf, SessionError> {
    if !is_asked_for(recipe) {
        return Ok(folder.join(train::CHECKPOINT));
    }
    let file = folder.join(FILE);
    if file.is_file() {
        return Ok(file);
    }
    let text = format!(
        "{} asks for the best epoch (load_best_model_at_end), and this training did not keep it: remove {} to train it again",
        recipe.name,
        folder.display()
    );
    Err(SessionError::Unfit(text))
}
