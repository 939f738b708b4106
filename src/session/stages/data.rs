//! The manifest: which photos there are, what they show and what they are for.
//!
//! Its content is read before anything is planned, so its key is known; the artefact keeps it for
//! a look back when the data changes ("12 photos relabelled").

use super::{Bench, Made};
use crate::base::Key;
use crate::dag::Stage;
use crate::session::{Photos, Project, SessionError};

/// Raised when the manifest's file form changes.
pub const VERSION: u32 = 1;

/// The manifest's file.
pub const FILE: &str = "manifest.parquet";

/// The stage.
pub fn stage(_: &Project, photos: &Photos) -> Stage {
    Stage::new("data", VERSION).input("photos", photos.key)
}

pub(super) fn make<'a>(bench: &'a Bench<'a>) -> Made<'a> {
    Made::new(|folder| Ok(bench.photos.manifest.save(&folder.join(FILE))?))
}

/// What changed in the data since the manifest in the artefact `old`, in words; `None` when that
/// artefact is gone.
pub fn changes(project: &Project, photos: &Photos, old: &Key) -> Option<String> {
    let folder = project.store.folder("data", old).ok()?;
    let load = || -> Result<_, SessionError> { Ok(crate::data::Manifest::load(&folder.join(FILE))?) };
    let old = load().ok()?;
    Some(photos.manifest.changes_from(&old).to_string())
}
