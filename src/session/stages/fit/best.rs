//! The weights of the epoch that scored best, beside those of the last.
//!
//! Takes each evaluation; keeps a file of weights where it is better than all before, in the folder of unfinished work and then in the
//! artefact. A training that goes on from another takes its best over. Whether the best or the last is embedded is
//! `[train] load_best_model_at_end`; of equal scores the earlier epoch is the better one.
//!
//! Which epoch is best depends on how it is evaluated, which no key of a training knows. So the file's name says it, and where the best is
//! asked for, the key of what is embedded has it too: one that was chosen by another metric or other queries is never taken for this one.

use std::path::{Path, PathBuf};

use super::looks;
use crate::base::{Key, KeyWriter, Value, files};
use crate::dag::Stage;
use crate::learn::train::checkpoint::{self, Lesson, Place};
use crate::learn::train::{self, Checkpoint, Evaluate};
use crate::session::stages::Task;
use crate::session::{Graph, Project, Recipe, SessionError, Slot};

/// The file of the best weights, around what they were chosen by.
const NAME: [&str; 2] = ["best-", ".safetensors"];

/// The input of a stage that embeds by the best epoch: what that was chosen by.
pub(crate) const CHOSEN: &str = "evaluation";

/// The key of a recipe that asks for it.
pub(in crate::session::stages) const KEY: &str = "train.load_best_model_at_end";

/// The best epoch so far.
pub(super) struct Best {
    file: PathBuf,
    key: Key,
    score: Option<f64>,
}

impl Best {
    /// The best of `history` by the evaluation `chosen`, whose weights lie in `folder`. A file of an epoch that the history does not have (a kill came between the two)
    /// is written again when the training comes there.
    pub(super) fn of(folder: &Path, chosen: Key, key: Key, history: &[Lesson]) -> Best {
        let file = folder.join(name(chosen));
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

fn name(chosen: Key) -> String {
    format!("{}{}{}", NAME[0], chosen.short(), NAME[1])
}

/// What the best epoch is chosen by: the metric, how photos are seen and which are looked up, and after which epochs.
pub(in crate::session) fn chosen_by(project: &Project, graph: &Graph, stage: &Stage) -> Key {
    let (eval, mut out) = (looks::eval(graph), KeyWriter::new("best 1"));
    let (every, queries) = eval.map_or((1, None), |eval| (eval.every_epochs, eval.queries));
    out.key(&looks::stamp_of(stage, eval)).bytes(project.metric().as_bytes()).number(every as u64);
    out.number(queries.map_or(u64::MAX, |queries| queries as u64));
    out.finish()
}

/// What a training's best epoch is chosen by.
pub(super) fn chosen(project: &Project, graph: &Graph, slot: Slot) -> Result<Key, SessionError> {
    let slot = Slot { ahead: 0, ..slot };
    Ok(chosen_by(project, graph, graph.stage(Task::Embed { slot })?))
}

/// After how many epochs a finished training was best, by how it is evaluated now; `None` where that is not known.
pub(in crate::session) fn epoch(project: &Project, graph: &Graph, slot: Slot) -> Option<usize> {
    let stage = graph.stage(graph.fit(slot)?).ok()?;
    let folder = project.store.folder(stage.name, &stage.artefact()).ok()?;
    let file = folder.join(name(chosen(project, graph, slot).ok()?));
    Some(Checkpoint::open(&file).ok()?.place().epoch)
}

/// Takes the best of one folder over to another, by each evaluation that chose one.
///
/// # Errors
/// When it cannot be read or written.
pub(super) fn carry(from: &Path, to: &Path) -> Result<(), SessionError> {
    let Ok(entries) = std::fs::read_dir(from) else { return Ok(()) };
    let is_one = |name: &str| name.starts_with(NAME[0]) && name.ends_with(NAME[1]);
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    for name in names.filter(|name| is_one(name)) {
        let (from, to) = (from.join(&name), to.join(&name));
        if !to.is_file() {
            files::publish(&to, &files::read(&from)?)?;
        }
    }
    Ok(())
}

/// Whether the best epoch's weights are asked for, and not the last's.
pub(in crate::session) fn is_asked_for(recipe: &Recipe) -> bool {
    recipe.settings().get(KEY) == Some(&Value::Bool(true))
}

/// The file of the weights that count in a training's folder.
///
/// # Errors
/// When the best are asked for and were not kept by this evaluation.
pub(crate) fn weights(
    project: &Project,
    recipe: &Recipe,
    graph: &Graph,
    slot: Slot,
    folder: &Path,
) -> Result<PathBuf, SessionError> {
    // Nobody examined what learnt from everything: its last epoch is the one that was chosen.
    if !is_asked_for(recipe) || slot.is_all_data() {
        return Ok(folder.join(train::CHECKPOINT));
    }
    let file = folder.join(name(chosen(project, graph, slot)?));
    if file.is_file() {
        return Ok(file);
    }
    let text = format!(
        "{} asks for the best epoch (load_best_model_at_end), and this training kept none by {} as it is evaluated now \
         ([train] eval, [augment] eval, the photos): set these as they were, or remove {} to train it again",
        recipe.name,
        project.metric(),
        folder.display()
    );
    Err(SessionError::Unfit(text))
}
