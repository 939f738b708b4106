//! A submission made again, on this machine or another.
//!
//! Takes a pack, a lock, or a line of the ledger; lays it out as a project of its own, looks first whether data, weights and surroundings are those of then
//! ([`check`]), trains what is missing or only predicts by the packed weights, and says how what came out compares ([`judge`]): the same bytes, within tolerance, or
//! different.

pub mod check;
pub mod judge;
pub mod source;

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::laid::{Laid, Places, lay_out};
use super::lock::file_name;
use crate::base::files::lock::Lock;
use crate::base::{Cancel, Key, Progress, files};
use crate::dag::Event;
use crate::session::errands::submit::{self, Packed};
use crate::session::{Photos, SessionError, Surroundings};

pub use check::Checked;
pub use judge::{Judged, Verdict};
pub use source::Source;

/// How to go about it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// How far it goes.
    pub until: Until,
    /// Where the answers are written; in the folder where it was laid out when absent.
    pub out: Option<&'a Path>,
    /// By how much a score may differ on another kind of machine.
    pub tolerance: f64,
}

/// How far a reproduction goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Until {
    /// It only looks at data, weights and surroundings.
    Check,
    /// It predicts by the packed weights.
    Predict,
    /// It trains what is not there, and predicts.
    Train,
}

/// What came out of it.
#[derive(Clone, Debug, Serialize)]
pub struct Reproduced {
    /// The recipe.
    pub recipe: String,
    /// The submission's hash.
    pub submission: Key,
    /// How far it went.
    pub until: Until,
    /// The project that was laid out.
    pub folder: PathBuf,
    /// What was found before anything ran.
    pub checked: Checked,
    /// How it compares; nothing where it was only looked at, or where data or weights differ.
    pub judged: Option<Judged>,
}

/// Does it.
///
/// # Errors
/// When nothing can be laid out, weights that shall predict are not packed, or something fails; on a stop. That data or weights differ is no error, but ends it.
pub fn reproduce(
    around: &Surroundings,
    source: &Source,
    asked: Asked<'_>,
    listen: &(dyn Fn(&Event) + Sync),
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Reproduced, SessionError> {
    let solution = &source.solution;
    let Some(_alone) = Lock::try_take(&source::at_work(&source.work))? else {
        let text = format!("it is made again right now in {}; wait for that, or stop it", source.work.display());
        return Err(SessionError::Unfit(text));
    };
    let places = Places { data: &source.data, store: source.store.as_deref(), from: source.files.as_deref() };
    let laid = lay_out(solution, &source.work, places, around)?;
    let (checked, photos) = check::all(&laid, source, asked.until, progress, cancel)?;
    let mut done = Reproduced {
        recipe: solution.run.head.recipe.clone(),
        submission: solution.expected.file_hash,
        until: asked.until,
        folder: source.work.clone(),
        checked,
        judged: None,
    };
    let (Some(photos), false) = (photos, asked.until == Until::Check) else { return Ok(done) };
    if done.checked.is_blocked() {
        return Ok(done);
    }
    let file = match asked.out {
        Some(file) => file.to_owned(),
        None => source.answers.join(file_name(&solution.expected.file)),
    };
    // What lies where it was laid out is an earlier try of this, unless somebody named it.
    if asked.out.is_some() || !file.starts_with(&source.work) {
        refuse_to_overwrite(&file, source, asked.out.is_some())?;
    }
    let made = match asked.until {
        Until::Train => train(&laid, source, &photos, &file, listen, cancel)?,
        _ => predict(&laid, source, &photos, &file, progress, cancel)?,
    };
    done.judged = Some(judge::judge(source, &laid, &done.checked, made, &file, asked.tolerance)?);
    Ok(done)
}

/// What is there already gives way only when it is what shall come of it, or, where it was not named, begins as an earlier try does.
fn refuse_to_overwrite(file: &Path, source: &Source, is_named: bool) -> Result<(), SessionError> {
    let Ok(there) = files::read(file) else { return Ok(()) };
    let header = |bytes: &[u8]| bytes.split(|byte| *byte == b'\n').next().map(<[u8]>::to_vec);
    let expected = source.submission.as_ref().and_then(|text| header(text.as_bytes()));
    let is_try = !is_named && expected.is_some() && header(&there) == expected;
    if is_try || Key::of_bytes(&there) == source.solution.expected.file_hash {
        return Ok(());
    }
    let text = format!(
        "{} is there and is not this submission; nothing was written, name another file with --out",
        file.display()
    );
    Err(SessionError::Unfit(text))
}

/// What was made again.
pub(super) struct Made {
    /// BLAKE3 of the answers.
    pub file_hash: Key,
    /// How many.
    pub rows: usize,
    /// The score in cross-validation, its interval, and that of each training; where it trained.
    pub score: Option<(f64, [f64; 2], Vec<f64>)>,
    /// Stages that were found in the store.
    pub reused: Vec<String>,
    /// Stages by name with their keys, where it trained.
    pub stages: Vec<(String, Key)>,
    /// BLAKE3 of the packed weights, made again; where there were some.
    pub packed: Option<Key>,
}

fn train(
    laid: &Laid,
    source: &Source,
    photos: &Photos,
    file: &Path,
    listen: &(dyn Fn(&Event) + Sync),
    cancel: &Cancel,
) -> Result<Made, SessionError> {
    let Laid { project, recipe, rung, .. } = laid;
    let done = submit::answer(project, recipe, photos, rung, file, listen, cancel)?;
    let packed = match &source.solution.packed {
        None => None,
        Some(packed) => {
            let again = source.work.join("again.safetensors");
            files::remove_file(&again)?;
            let exported = submit::export(project, recipe, photos, rung, &again, listen, cancel)?;
            if exported.file_hash == packed.blake3 {
                files::remove_file(&again)?;
            }
            Some(exported.file_hash)
        }
    };
    Ok(Made {
        file_hash: done.file_hash,
        rows: done.rows,
        score: Some((done.score, done.interval, done.folds)),
        reused: done.reused,
        stages: done.graph.nodes.iter().map(|node| (node.stage.label(), node.stage.artefact())).collect(),
        packed,
    })
}

fn predict(
    laid: &Laid,
    source: &Source,
    photos: &Photos,
    file: &Path,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Made, SessionError> {
    let Some(weights) = &source.weights else {
        let text = "there are no packed weights to predict by: take a pack that toji pack wrote, or leave out --predict-only and train";
        return Err(SessionError::Unfit(text.to_owned()));
    };
    let packed = Packed::open(weights)?;
    let (file_hash, rows) = submit::answer_packed(&laid.project, photos, &packed, file, progress, cancel)?;
    let (reused, stages) = (Vec::new(), Vec::new());
    Ok(Made { file_hash, rows, score: None, reused, stages, packed: Some(packed.hash) })
}
