//! One recipe, read and checked.
//!
//! Takes a Markdown file; gives its page, its settings and its mistakes. The name of a recipe is its
//! file's name without `.md`: that is how people, runs and the ledger call it.
//!
//! - [`schema`]: all that it may say;
//! - [`change`]: one value set, a note appended, without an editor;
//! - [`guard`]: what runs and still is a mistake;
//! - [`lineage`]: what it changes against its parent;
//! - [`fitting`]: what only its tables together, and the project's files, show to be wrong.

pub mod change;
pub mod fitting;
pub mod guard;
pub mod lineage;
pub mod schema;

use std::path::{Path, PathBuf};

use crate::base::files::FileError;
use crate::base::{Key, KeyWriter, Seed, Value};
use crate::book::{self, Book, Diagnostic, Schema};
use crate::session::SessionError;
use crate::session::brew::rung::{Ladder, Rung};

/// A recipe as it stands on disk.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// File name without `.md`.
    pub name: String,
    /// What was read.
    pub book: Book,
    /// Its mistakes and those of its parents, and, where there are none, what [`guard`] warns of.
    pub diagnostics: Vec<Diagnostic>,
}

impl Recipe {
    /// Reads the recipe in `file`.
    pub fn read(file: &Path, schema: &Schema) -> Recipe {
        let (book, mut diagnostics) = book::read(file, schema);
        if !diagnostics.iter().any(Diagnostic::is_error) {
            diagnostics.extend(guard::findings(&book));
        }
        Recipe { name: name_of(file), book, diagnostics }
    }

    /// A recipe from texts that are at hand, the first its own, the others those of its parents, under the names by which they name each other.
    ///
    /// # Errors
    /// When there is no text, or it has mistakes: the first of them.
    pub fn from_texts(texts: &[(PathBuf, String)], schema: &Schema) -> Result<Recipe, SessionError> {
        let load = |path: &Path| {
            let found = texts.iter().find(|(file, _)| file == path).map(|(_, text)| text.clone());
            let missing = || std::io::Error::new(std::io::ErrorKind::NotFound, "its text is not among those given");
            found.ok_or_else(missing).map_err(FileError::at("cannot read", path))
        };
        let Some((file, _)) = texts.first() else {
            return Err(SessionError::Unfit("a recipe without a text".to_owned()));
        };
        let (book, diagnostics) = book::read_with(file, schema, &load);
        match diagnostics.iter().find(|found| found.is_error()) {
            Some(mistake) => Err(SessionError::Mistakes(format!("{}: {}", file.display(), mistake.message))),
            None => Ok(Recipe { name: name_of(file), book, diagnostics }),
        }
    }

    /// Whether it has a mistake that keeps it from running.
    pub fn is_broken(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// Its canonical settings.
    pub fn settings(&self) -> &Value {
        &self.book.settings
    }

    /// Its seed's number.
    pub fn seed_number(&self) -> u64 {
        self.settings().get("recipe.seed").and_then(Value::as_int).unwrap_or(0) as u64
    }

    /// The rung of its ladder that a name means; the usual one where none is named.
    ///
    /// # Errors
    /// When its ladder has no such rung, or is none.
    pub fn rung(&self, name: Option<&str>) -> Result<Rung, SessionError> {
        let ladder = Ladder::of(self)?;
        name.map_or_else(|| Ok(ladder.first_choice()), |name| ladder.rung(name)).cloned()
    }

    /// The root of all its random draws.
    pub fn seed(&self) -> Seed {
        Seed::new(self.seed_number())
    }

    /// The hash of its settings: equal for recipes that do the same, whatever their prose.
    pub fn key(&self) -> Key {
        let mut out = KeyWriter::new("toji recipe 1");
        self.settings().write_key(&mut out);
        out.finish()
    }
}

/// The name of the recipe in a file.
pub fn name_of(file: &Path) -> String {
    file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The recipes' files in a folder, sorted by name: every `.md` except README and hidden ones.
/// A folder that is not there holds none.
pub fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e.eq_ignore_ascii_case("md")))
        .filter(|path| {
            let name = name_of(path);
            !name.starts_with('.') && !name.eq_ignore_ascii_case("readme")
        })
        .collect();
    files.sort();
    files
}
