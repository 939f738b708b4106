//! Many files below one folder.
//!
//! Takes a folder and what shall stand below it; writes each file whole. A list of what was written (`.toji-export.json`) lies beside, so that the next export of
//! the same kind replaces its own files, also those that are no more, and touches no other. A folder that holds anything else is refused, unless that
//! is asked for.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::files;
use crate::show::ShowError;

/// The list of what an export wrote.
pub const LIST: &str = ".toji-export.json";

/// What an export wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct List {
    /// "tensorboard", "wandb".
    kind: String,
    /// Files, relative to the folder, with `/` between.
    files: BTreeSet<String>,
}

/// A folder that may be written.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    kind: &'static str,
    /// What an earlier export wrote.
    before: BTreeSet<String>,
    now: BTreeSet<String>,
}

impl Folder {
    /// The folder for an export of a kind.
    ///
    /// # Errors
    /// When it is no folder, or holds what no export of this kind wrote and `force` does not say to write beside it.
    pub fn open(root: &Path, kind: &'static str, force: bool) -> Result<Folder, ShowError> {
        let new = |before| Folder { root: root.to_owned(), kind, before, now: BTreeSet::new() };
        if !root.exists() {
            return Ok(new(BTreeSet::new()));
        }
        let refused = |why: String| ShowError::Refused { folder: root.to_owned(), why };
        if !root.is_dir() {
            return Err(refused("it is a file; name a folder".to_owned()));
        }
        let list = root.join(LIST);
        let known = files::read(&list).ok().and_then(|bytes| serde_json::from_slice::<List>(&bytes).ok());
        match known {
            Some(known) if known.kind == kind => return Ok(new(known.files)),
            Some(known) if !force => {
                let other = known.kind;
                return Err(refused(format!(
                    "an export of {other} lies there; name another folder, or write beside it with --force"
                )));
            }
            _ => {}
        }
        let mut entries = std::fs::read_dir(root).map_err(files::FileError::at("cannot list", root))?;
        if entries.next().is_some() && !force {
            return Err(refused(
                "it holds files that no export wrote; name another folder, or write beside them with --force"
                    .to_owned(),
            ));
        }
        Ok(new(BTreeSet::new()))
    }

    /// Writes one file at a place below the folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, place: &Path, bytes: &[u8]) -> Result<(), ShowError> {
        let name = place.iter().map(|step| step.to_string_lossy()).collect::<Vec<_>>().join("/");
        if self.now.insert(name) {
            // Before the file: what a kill leaves is known to be ours.
            self.list()?;
        }
        Ok(files::publish(&self.root.join(place), bytes)?)
    }

    /// Removes what an earlier export wrote and this one did not, and ends the list.
    ///
    /// # Errors
    /// When something cannot be removed or written.
    pub fn finish(mut self) -> Result<usize, ShowError> {
        for name in std::mem::take(&mut self.before) {
            // A list may have been written by anybody: only what lies below the folder is removed.
            let inside = Path::new(&name).components().all(|step| matches!(step, std::path::Component::Normal(_)));
            if inside && !self.now.contains(&name) {
                files::remove_file(&self.root.join(&name))?;
            }
        }
        self.list()?;
        Ok(self.now.len())
    }

    fn list(&self) -> Result<(), ShowError> {
        let all = self.before.union(&self.now).cloned().collect();
        let list = List { kind: self.kind.to_owned(), files: all };
        let bytes = serde_json::to_vec_pretty(&list).map_err(|error| ShowError::Draw(error.to_string()))?;
        Ok(files::publish(&self.root.join(LIST), &bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn export(root: &Path, kind: &'static str, names: &[&str], force: bool) -> Result<usize, ShowError> {
        let mut folder = Folder::open(root, kind, force)?;
        for name in names {
            folder.write(Path::new(name), name.as_bytes())?;
        }
        folder.finish()
    }

    fn there(root: &Path) -> Vec<String> {
        let mut found: Vec<String> = fs::read_dir(root.join("a"))
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        found.sort();
        found
    }

    #[test]
    fn the_next_export_replaces_its_own_files_alone() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("out");
        assert_eq!(export(&root, "wandb", &["a/one", "a/two"], false).unwrap(), 2);
        fs::File::create(root.join("a/mine")).unwrap();
        assert_eq!(export(&root, "wandb", &["a/two", "a/three"], false).unwrap(), 2);
        assert_eq!(there(&root), ["mine", "three", "two"]);
        let error = export(&root, "tensorboard", &["a/x"], false).unwrap_err().to_string();
        assert!(error.contains("an export of wandb lies there"), "{error}");
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::File::create(root.join("notes.txt")).unwrap();
        let error = export(root, "wandb", &["a/x"], false).unwrap_err().to_string();
        assert!(error.contains("no export wrote") && error.contains("--force"), "{error}");
        assert!(there(root).is_empty());
        assert_eq!(export(root, "wandb", &["a/x"], true).unwrap(), 1);
        assert!(root.join("notes.txt").is_file());
        let error = export(&root.join("notes.txt"), "wandb", &[], false).unwrap_err().to_string();
        assert!(error.contains("it is a file"), "{error}");
    }

    #[test]
    fn a_list_cannot_point_outside() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("out");
        export(&root, "wandb", &["a/x"], false).unwrap();
        let outside = folder.path().join("outside");
        fs::File::create(&outside).unwrap();
        let list = r#"{ "kind": "wandb", "files": ["../outside", "a/x"] }"#;
        crate::base::files::publish(&root.join(LIST), list.as_bytes()).unwrap();
        export(&root, "wandb", &["a/y"], false).unwrap();
        assert!(outside.is_file());
        assert_eq!(there(&root), ["y"]);
    }
}
