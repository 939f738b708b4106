//! A row for each photo that a training's network has embedded: its id, what it is for, its label, its vector.
//!
//! Columns `recipe`, `rung`, `training` ("fold 0"), `id`, `role` (in the fold: `query`, `gallery`, `both`; of the host's photos what the host
//! gives them for), `label`, `vector`. The vectors are those of the network, before `[post]`: what `embed` made, number by number. One training's
//! are read at a time, and handed on in pieces.

use std::collections::HashSet;
use std::path::PathBuf;

use super::{Asked, Cells, PIECE, Table, column, texts};
use crate::data::Manifest;
use crate::learn::backbone;
use crate::retrieve::Embeddings;
use crate::session::brew::graph::decode;
use crate::session::stages::{Task, embed};
use crate::session::{Photos, Project, SessionError, Slot};

/// Whose photos.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Whose {
    /// Those that the folds examine.
    #[default]
    Folds,
    /// The host's.
    Host,
}

/// The embeddings of one training, where they lie.
pub struct Embedded {
    recipe: String,
    rung: String,
    training: String,
    /// Numbers a row.
    dim: usize,
    file: PathBuf,
    /// The fold's queries and gallery; none of the host's.
    sides: Option<(HashSet<u32>, HashSet<u32>)>,
}

/// The embeddings of a recipe: of each training its file.
///
/// # Errors
/// When the rung has no such fold, the recipe is an ensemble, or they are not in the store (the error names what makes them).
pub fn find(
    project: &Project,
    photos: &Photos,
    asked: &mut Asked,
    fold: Option<usize>,
    whose: Whose,
) -> Result<Vec<Embedded>, SessionError> {
    asked.is_single("embeddings")?;
    if whose == Whose::Host {
        asked.graph.add_host(project, &asked.recipe, photos)?;
    }
    let slots = match whose {
        Whose::Folds => asked.slots(fold)?,
        Whose::Host => {
            asked.graph.answering.iter().copied().filter(|slot| fold.is_none_or(|f| slot.fold == f)).collect()
        }
    };
    let dim = backbone::length(&decode(&asked.recipe, "backbone")?)?;
    let mut found = Vec::new();
    for slot in slots {
        let task = if whose == Whose::Host { Task::EmbedHost { slot } } else { Task::Embed { slot } };
        let stage = asked.graph.stage(task)?;
        if !project.store.has(stage.name, &stage.artefact()) {
            return Err(match whose {
                Whose::Folds => asked.missing("embeddings"),
                Whose::Host => {
                    let (name, rung) = (&asked.recipe.name, &asked.graph.rung);
                    SessionError::Unfit(format!(
                        "{name} has not embedded the host's photos up to {rung}; toji submit {name} --rung {rung} does"
                    ))
                }
            });
        }
        let file = project.store.folder(stage.name, &stage.artefact())?.join(embed::FILE);
        found.push(Embedded {
            recipe: asked.recipe.name.clone(),
            rung: asked.graph.rung.to_string(),
            training: slot.to_string(),
            dim,
            file,
            sides: (whose == Whose::Folds).then(|| sides(asked, slot)),
        });
    }
    Ok(found)
}

/// Whether vectors of several trainings can stand in one table: whether they are equally long.
///
/// # Errors
/// When they are not; the error names two.
pub fn check(found: &[Embedded]) -> Result<(), SessionError> {
    let Some(first) = found.first() else { return Ok(()) };
    let Some(other) = found.iter().find(|other| other.dim != first.dim) else { return Ok(()) };
    let text = format!(
        "vectors of {} have {} numbers and those of {} {}: one table cannot hold both; write a file for each recipe",
        first.recipe, first.dim, other.recipe, other.dim
    );
    Err(SessionError::Unfit(text))
}

fn sides(asked: &Asked, slot: Slot) -> (HashSet<u32>, HashSet<u32>) {
    let fold = asked.graph.fold(slot);
    (fold.query.iter().copied().collect(), fold.gallery.iter().copied().collect())
}

impl Embedded {
    /// The table of all rows of the training, which are read now, in pieces; at least one, which may be empty.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn tables<'a>(&'a self, manifest: &'a Manifest) -> Result<impl Iterator<Item = Table> + use<'a>, SessionError> {
        let read = Embeddings::load(&self.file)?;
        let count = read.len();
        let piece = move |first: usize| self.rows(&read, manifest, first, count.min(first + PIECE));
        Ok((0..count.max(1)).step_by(PIECE).map(piece))
    }

    fn rows(&self, read: &Embeddings, manifest: &Manifest, first: usize, end: usize) -> Table {
        let photos = &read.photos[first..end];
        let known = |place: &u32| manifest.photos.get(*place as usize);
        let label = |place: &u32| manifest.labels.get(known(place)?.label? as usize).cloned();
        let role = |place: &u32| match &self.sides {
            Some((queries, gallery)) => match (queries.contains(place), gallery.contains(place)) {
                (true, true) => "both",
                (true, false) => "query",
                (false, _) => "gallery",
            },
            None => known(place).map_or("", |photo| photo.role.name()),
        };
        let all = |name: &'static str, value: &str| texts(name, photos.iter().map(|_| value));
        Table {
            columns: vec![
                all("recipe", &self.recipe),
                all("rung", &self.rung),
                all("training", &self.training),
                texts("id", photos.iter().map(|place| known(place).map_or("", |photo| photo.id.as_str()))),
                texts("role", photos.iter().map(role)),
                column("label", Cells::Text(photos.iter().map(label).collect())),
                column(
                    "vector",
                    Cells::Vectors { dim: read.dim, numbers: read.data[first * read.dim..end * read.dim].to_vec() },
                ),
            ],
        }
    }
}
