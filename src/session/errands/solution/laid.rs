//! A lock as a project of its own.
//!
//! Takes a lock and a folder; writes the recipes, `toji.toml`, the decisions about photos and what else was read, and opens that as a project on the data that is
//! at hand. Names in a lock come from elsewhere: one that would leave the folder is refused. A folder that holds something else is not touched.

use std::io;
use std::path::{Path, PathBuf};

use super::lock::InputKind;
use super::{LOCK, Solution};
use crate::base::files::unpack::inside;
use crate::base::files::{self, FileError};
use crate::base::{Cancel, Key, Progress, Value};
use crate::book;
use crate::session::project::FACTS;
use crate::session::{Photos, Project, Recipe, Rung, SessionError, Surroundings};

/// A lock that was laid out.
pub struct Laid {
    /// The project.
    pub project: Project,
    /// The recipe as it was.
    pub recipe: Recipe,
    /// How far up the ladder it is taken.
    pub rung: Rung,
    /// Files that the lock only knows the hash of, and that were not found with it.
    pub missing: Vec<String>,
}

/// Where things are that a lock does not hold itself.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// The folder of the tables and pictures.
    pub data: &'a Path,
    /// The `.toji` whose artefacts are used; its own where absent.
    pub store: Option<&'a Path>,
    /// A folder with large files under the names that the lock has for them.
    pub from: Option<&'a Path>,
}

/// Lays a lock out in a folder and opens it.
///
/// # Errors
/// When the folder holds something else, a name would leave it, a file cannot be written, or this Toji cannot read the recipe.
pub fn lay_out(
    solution: &Solution,
    folder: &Path,
    places: Places<'_>,
    around: &Surroundings,
) -> Result<Laid, SessionError> {
    let place = |name: &str| -> Result<PathBuf, SessionError> {
        let refuse = || {
            SessionError::Unfit(format!(
                "the lock names the file {name:?}, which lies outside of the project and cannot be laid out"
            ))
        };
        Ok(folder.join(inside(name).ok_or_else(refuse)?))
    };
    let own = [(FACTS, solution.competition.text.as_str())];
    let texts = solution.run.texts.iter().map(|text| (text.file.as_str(), text.text.as_str()));
    let inputs = solution.inputs.iter().filter_map(|input| Some((input.file.as_str(), input.text.as_deref()?)));
    let all = own.into_iter().chain(texts).chain(inputs).map(|(name, text)| Ok((place(name)?, text)));
    // All names before anything is written.
    let all = all.collect::<Result<Vec<_>, SessionError>>()?;
    let mark = folder.join(LOCK);
    let is_own =
        |there: &str| Solution::read(there).is_ok_and(|there| there.expected.file_hash == solution.expected.file_hash);
    let holds_another = match files::read_text(&mark) {
        Ok(there) => !is_own(&there),
        Err(_) => folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()),
    };
    if holds_another {
        let text = format!("{} holds something else; remove it, or name another folder", folder.display());
        return Err(SessionError::Unfit(text));
    }
    // First, so that a folder that was left half laid out is known again.
    files::publish(&mark, solution.text().as_bytes())?;
    for (file, text) in all {
        files::publish(&file, text.as_bytes())?;
    }
    let mut missing = Vec::new();
    let large = solution.inputs.iter().filter(|input| input.text.is_none() && input.kind != InputKind::Table);
    let large = large.map(|input| (input.file.as_str(), input.hash));
    let weights = solution.run.weights.iter().filter(|weights| weights.commit.is_none());
    let weights = weights.filter_map(|weights| Some((weights.file.as_str(), weights.blake3?)));
    for (name, hash) in large.chain(weights) {
        let to = place(name)?;
        if !is_it(&to, hash) && !fetch(places.from.map(|from| from.join(name)), &to, hash)? {
            missing.push(name.to_owned());
        }
    }
    let project = Project::open_with(folder, around, Some(places.data), places.store)
        .map_err(|found| SessionError::Mistakes(book::report(&found, book::Look::LINES)))?;
    let Some(file) = solution.recipe_file() else {
        return Err(SessionError::Unfit("the lock holds no recipe".to_owned()));
    };
    let recipe = Recipe::read(&place(file)?, &project.schema);
    if recipe.is_broken() {
        let text = book::report(&recipe.diagnostics, book::Look::LINES);
        return Err(SessionError::Mistakes(format!(
            "this Toji does not read the recipe as the one that wrote the lock did:\n{text}"
        )));
    }
    let rung = recipe.rung(Some(&solution.run.head.rung))?;
    Ok(Laid { project, recipe, rung, missing })
}

impl Laid {
    /// What the recipe means here that it did not mean then, as changes of settings; nothing where it is the same recipe.
    pub fn meant_otherwise(&self, solution: &Solution) -> Vec<String> {
        if self.recipe.key() == solution.run.head.recipe_key {
            return Vec::new();
        }
        let none = solution.run.settings == Value::table();
        let changes = self.recipe.settings().changes_from(&solution.run.settings);
        match none {
            true => vec!["the recipe reads otherwise than it did then".to_owned()],
            false => changes.iter().map(ToString::to_string).collect(),
        }
    }

    /// The photos.
    ///
    /// # Errors
    /// As [`Photos::read`].
    pub fn photos(&self, progress: &dyn Progress, cancel: &Cancel) -> Result<Photos, SessionError> {
        Photos::read(&self.project, progress, cancel)
    }
}

/// Whether a file is there with these bytes.
pub(super) fn is_it(file: &Path, hash: Key) -> bool {
    std::fs::File::open(file).and_then(Key::of_reader).is_ok_and(|found| found == hash)
}

/// Copies a file that has these bytes; whether it was there.
fn fetch(from: Option<PathBuf>, to: &Path, hash: Key) -> Result<bool, SessionError> {
    let Some(from) = from.filter(|from| is_it(from, hash)) else { return Ok(false) };
    let mut source = std::fs::File::open(&from).map_err(FileError::at("cannot read", &from))?;
    files::publish_with(to, |file| io::copy(&mut source, file).map(drop))?;
    Ok(true)
}
