//! What lies in a folder: tables, folders of pictures.
//!
//! Looks two levels down for tables and three for folders, and stops after some thousand names, so that a folder with
//! 100,000 pictures is guessed at once. Hidden folders are passed over.

use std::fs;
use std::path::{Path, PathBuf};

use crate::base::files::FileError;
use crate::data::content::is_picture;
use crate::data::error::DataError;
use crate::data::table::Table;

/// Levels of folders below the first that are looked into.
const DEPTH: usize = 3;
/// Tables are looked for this deep.
const TABLE_DEPTH: usize = 2;
/// Most folders that are remembered.
const FOLDERS: usize = 500;
/// Most names that are read of one folder.
const NAMES: usize = 5_000;
/// How many of a table's first rows are looked for on disk.
const ROWS: usize = 20;

/// Tables and folders, relative to the folder that was looked at.
pub(super) struct Surroundings {
    root: PathBuf,
    pub tables: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

/// Where the pictures of a table are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The column that names them.
    pub column: String,
    /// Relative to the table's folder.
    pub folder: String,
    /// What the table leaves out at the end of a name.
    pub suffix: &'static str,
}

impl Surroundings {
    /// Looks around.
    pub fn of(root: &Path) -> Result<Surroundings, DataError> {
        let mut seen = Surroundings { root: root.to_owned(), tables: Vec::new(), folders: vec![PathBuf::new()] };
        let mut at = 0;
        while at < seen.folders.len() && seen.folders.len() < FOLDERS {
            let folder = seen.folders[at].clone();
            let entries = match fs::read_dir(root.join(&folder)) {
                Ok(entries) => entries,
                Err(error) if at == 0 => return Err(FileError::at("cannot list", root)(error).into()),
                Err(_) => {
                    at += 1;
                    continue;
                }
            };
            let depth = folder.components().count();
            let mut names: Vec<(String, bool)> = entries
                .flatten()
                .take(NAMES)
                .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path().is_dir()))
                .filter(|(name, _)| !name.starts_with('.'))
                .collect();
            names.sort();
            for (name, is_folder) in names {
                let path = folder.join(&name);
                if is_folder && depth < DEPTH {
                    seen.folders.push(path);
                } else if !is_folder && depth < TABLE_DEPTH && is_table(&path) {
                    seen.tables.push(path);
                }
            }
            at += 1;
        }
        Ok(seen)
    }

    /// The column and the folder in which most of a table's first pictures are found; of equals the first column and
    /// the uppermost folder.
    pub fn pictures(&self, path: &Path, table: &Table) -> Option<Place> {
        let home = path.parent().unwrap_or(Path::new(""));
        let rows = table.rows().min(ROWS);
        // A column that names whole files beats one that needs an ending, whatever the order of the columns.
        let mut best: Option<((usize, bool), Place)> = None;
        for name in table.names() {
            let Some(texts) = table.find(name) else { continue };
            let values: Vec<&str> = (0..rows).map(|row| texts.get(row)).filter(|value| !value.is_empty()).collect();
            for folder in &self.folders {
                for suffix in ["", ".jpg", ".jpeg", ".png", ".webp", ".JPG"] {
                    let found = |value: &&&str| {
                        // With an ending of its own a value needs none, without one it needs one.
                        is_picture(value) == suffix.is_empty()
                            && self.root.join(folder).join(format!("{value}{suffix}")).is_file()
                    };
                    let hits = values.iter().filter(found).count();
                    let rank = (hits, suffix.is_empty());
                    if hits > 0 && best.as_ref().is_none_or(|(most, _)| rank > *most) {
                        let folder = relative(home, folder);
                        best = Some((rank, Place { column: name.clone(), folder, suffix }));
                    }
                }
            }
        }
        best.map(|(_, place)| place)
    }
}

/// The way from one folder to another, both relative to the same place.
fn relative(from: &Path, to: &Path) -> String {
    let (from, to): (Vec<_>, Vec<_>) = (from.components().collect(), to.components().collect());
    let same = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..".to_owned(), from.len() - same);
    let down = to[same..].iter().map(|step| step.as_os_str().to_string_lossy().into_owned());
    let steps: Vec<String> = up.chain(down).collect();
    if steps.is_empty() { ".".to_owned() } else { steps.join("/") }
}

fn is_table(path: &Path) -> bool {
    let end = path.extension().map(|end| end.to_string_lossy().to_ascii_lowercase());
    matches!(end.as_deref(), Some("csv" | "tsv" | "parquet"))
}

/// Whether a table is a sample of the file that is handed in.
pub(super) fn is_sample(path: &Path) -> bool {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    stem.contains("submission") || stem.contains("sample_sub")
}

/// Whether a table is called by one of some names, apart from its ending.
pub(super) fn stem_is(path: &Path, names: &[&str]) -> bool {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    names.contains(&stem.as_str())
}

/// A title for a folder.
pub(super) fn name(folder: &Path) -> String {
    folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_between_folders() {
        let way = |from: &str, to: &str| relative(Path::new(from), Path::new(to));
        assert_eq!(way("", ""), ".");
        assert_eq!(way("tables", "images/train"), "../images/train");
        assert_eq!(way("d", "d/images"), "images");
        assert_eq!(way("d", ""), "..");
    }
}
