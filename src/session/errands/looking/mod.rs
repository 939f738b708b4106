//! Photos for people to look at, on a screen, on a sheet, in a list.
//!
//! - [`queries`]: each query of a recipe with its answers, alone or beside another recipe's;
//! - [`compare`]: two to six recipes side by side: settings, scores, cost, queries that moved;
//! - [`choice`]: the photos of a label, a fold, a role, by id;
//! - [`samples`]: photos before and after augmentation;
//! - [`why`]: which places make an answer like its query;
//! - [`loader`]: the thread that decodes what a screen shows, while it shows it.
//!
//! Nothing here trains: what is not in the store is told with the command that makes it.

pub mod choice;
pub mod compare;
pub mod loader;
pub mod queries;
pub mod samples;
pub mod why;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::data::view::Area;
use crate::data::{Manifest, Role};

/// A photo, as people know it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Its place in the manifest.
    pub photo: u32,
    /// Its id.
    pub id: String,
    /// Its file: relative to the project's folder, or absolute.
    pub file: PathBuf,
    /// The part of it that counts, in pixels of the whole; `None` for all of it.
    #[serde(skip)]
    pub part: Option<Area>,
    /// Its scored label, where it is known.
    pub label: Option<String>,
    /// Whether the host asks for it, so that it cannot be dropped, relabelled or grouped.
    #[serde(skip)]
    pub is_of_host: bool,
}

impl Seen {
    /// The photo at a place of the manifest; `None` where there is none.
    pub fn of(manifest: &Manifest, photo: u32) -> Option<Seen> {
        let known = manifest.photos.get(photo as usize)?;
        let label = known.label.and_then(|label| manifest.labels.get(label as usize)).cloned();
        let is_of_host = known.role != Role::Train;
        Some(Seen { photo, id: known.id.clone(), file: known.path.clone(), part: known.part(), label, is_of_host })
    }
}
