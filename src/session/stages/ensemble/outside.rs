//! A member that another program made: a file of embeddings or of ranked lists.
//!
//! Takes the file's name as the recipe has it, relative to the project; gives what it says on a fold's or the host's photos, matched by ids.
//! The file's bytes are in the key. `{fold}` in the name of embeddings stands for the fold's number, from 0: a file for each fold's network, which
//! for the host stand side by side.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::fuse::{Voice, side_by_side};
use crate::base::{Key, KeyWriter};
use crate::dag::Event;
use crate::score::ScoreError;
use crate::score::ensemble::Source;
use crate::score::ensemble::outside::{Lists, Rows};
use crate::session::stages::Bench;
use crate::session::{Project, SessionError};

/// Stands for the number of a fold.
const FOLD: &str = "{fold}";

/// A member from outside.
pub struct Outside {
    source: Source,
    root: PathBuf,
}

impl Outside {
    /// The member that `source` names, which is no recipe.
    pub fn new(project: &Project, source: &Source) -> Outside {
        Outside { source: source.clone(), root: project.root.clone() }
    }

    /// Whether it gives lists.
    pub fn gives_lists(&self) -> bool {
        matches!(self.source, Source::Ranked { .. })
    }

    /// The file that is named.
    fn file(&self) -> &str {
        match &self.source {
            Source::Embeddings { embeddings, .. } => embeddings,
            Source::Ranked { ranked } => ranked,
            Source::Recipe(name) => name,
        }
    }

    /// What people call it: the file's name.
    pub fn name(&self) -> String {
        Path::new(self.file()).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The files for some folds, each with that of its ids.
    pub fn files(&self, folds: &[usize]) -> Vec<(PathBuf, Option<PathBuf>)> {
        let ids = match &self.source {
            Source::Embeddings { ids, .. } => ids.as_deref(),
            _ => None,
        };
        let of = |fold: usize| {
            let path = |name: &str| self.root.join(name.replace(FOLD, &fold.to_string()));
            (path(self.file()), ids.map(path))
        };
        let mut files: Vec<_> = folds.iter().map(|&fold| of(fold)).collect();
        files.dedup();
        files
    }

    /// The key of its bytes for some folds.
    ///
    /// # Errors
    /// When a file is not there.
    pub fn key(&self, project: &Project, folds: &[usize]) -> Result<Key, SessionError> {
        let mut key =
            KeyWriter::new(if self.gives_lists() { "lists from outside 1" } else { "embeddings from outside 1" });
        for (file, ids) in self.files(folds) {
            // How a file is read depends on the ending of its name.
            let ending = file.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
            key.bytes(ending.as_bytes()).key(&project.weights_key(&file)?);
            if let Some(ids) = ids {
                key.key(&project.weights_key(&ids)?);
            }
        }
        Ok(key.finish())
    }

    /// What it says of queries and a gallery, which some folds' networks see.
    ///
    /// # Errors
    /// When a file cannot be read, or lacks a photo: how many, and the first of them.
    pub(crate) fn voice(
        &self,
        bench: &Bench<'_>,
        folds: &[usize],
        (queries, gallery): (&[u32], &[u32]),
    ) -> Result<Voice, SessionError> {
        let photos = &bench.photos.manifest.photos;
        let with_ids = |places: &[u32]| -> Vec<(u32, &str)> {
            places.iter().filter_map(|&i| Some((i, photos.get(i as usize)?.id.as_str()))).collect()
        };
        let (queries, gallery) = (with_ids(queries), with_ids(gallery));
        let outside = |error| SessionError::Score(ScoreError::Outside(error));
        if self.gives_lists() {
            let file = self.root.join(self.file());
            let lists = Lists::read(&file, &bench.project.competition.submission.separator).map_err(outside)?;
            let known: HashSet<&str> = photos.iter().map(|photo| photo.id.as_str()).collect();
            let (found, elsewhere) = lists.of(&queries, &gallery, &|id| known.contains(id)).map_err(outside)?;
            if elsewhere > 0 {
                let text = format!(
                    "{}: {elsewhere} entries of its lists are not in this gallery, and are passed over",
                    self.name()
                );
                (bench.tell)(Event::Note { text });
            }
            return Ok(Voice::Lists(found));
        }
        let (mut asked, mut among) = (Vec::new(), Vec::new());
        for (file, ids) in self.files(folds) {
            let rows = Rows::read(&file, ids.as_deref()).map_err(outside)?;
            asked.push((rows.of(&queries).map_err(outside)?, 1.0));
            among.push((rows.of(&gallery).map_err(outside)?, 1.0));
        }
        Ok(Voice::Embeddings(side_by_side(asked, false)?, side_by_side(among, false)?))
    }
}
