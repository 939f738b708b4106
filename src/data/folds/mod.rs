//! Which photos are learnt from, and which examine the model.
//!
//! ```text
//!   manifest, [folds] ─ scheme ─▶ learnt | held out, fold by fold      (together: who must not be parted)
//!   held out, [protocol] of toji.toml ─ protocol ─▶ queries, gallery   (distractors, queries without an answer)
//! ```
//!
//! - [`declared`]: the schemes as recipes write them; [`scheme`]: what they come to, and which of them
//!   imitates a competition.
//! - [`mod@edited`]: what `edits.csv` does to folds: no more than it must;
//! - [`together`]: copies of one photo, and groups that a column names, stay in one part.
//! - [`protocol`]: who is looked up among whom.
//! - [`part`]: a part of a fold, drawn by seed, for whoever must be quick.
//! - [`composition`]: all of it in numbers and words, for the page.
//!
//! Photos are put in the order of their labels and ids before anything is drawn, so that the order of rows in a table
//! changes nothing. Stratification deals the photos of the label-sorted row out to the folds in turn, which is what
//! scikit-learn's StratifiedKFold computes: no label and no fold differs by more than one. What must stay together goes
//! first, and single photos even it out.

mod composition;
mod declared;
mod edited;
mod error;
mod part;
mod protocol;
mod scheme;
mod together;

use crate::base::Value;

use super::competition::{Amount, Protocol, ProtocolKind};
use super::manifest::{Manifest, Role};

pub use composition::Composition;
pub use declared::{SECTIONS, TECHNIQUES};
pub use error::FoldError;
pub use part::Asked;
pub use scheme::labels::Labels;
pub use together::Joined;

/// One division of the labelled photos; indices into [`Manifest::photos`], ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fold {
    /// To learn from.
    pub train: Vec<u32>,
    /// To be looked up.
    pub query: Vec<u32>,
    /// To be found. A query that is also here never answers itself.
    pub gallery: Vec<u32>,
    /// How many photos of the gallery were not held out: they answer nobody.
    pub distractors: usize,
}

/// All folds of a recipe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Division {
    /// The folds. Those of the second repeat follow those of the first.
    pub folds: Vec<Fold>,
    /// What stays in one part.
    pub joined: Joined,
    /// How many distractors each gallery should have, where a number was asked for; 1 for a share.
    pub wished: Option<usize>,
}

/// Raised when a scheme or a protocol gives other folds for the same settings.
pub const VERSION: u32 = 1;

/// Whether a recipe's `[folds]` asks how photos look, so that [`divide`] must be given their hashes.
pub fn asks_for_looks(settings: &Value) -> bool {
    settings.get("near").is_some()
}

/// The folds of a recipe: `settings` is its canonical `[folds]` table, `looks` has for each photo of the manifest its
/// perceptual hash ([`alike`](super::picture::alike)), where the recipe asks for that. Photos that were edited lie where they would as the tables
/// have them ([`edited`]), and `looks` are by the tables' places.
///
/// # Errors
/// When the settings do not fit the data, or a fold would have nothing to learn from or no query.
pub fn divide(
    manifest: &Manifest,
    settings: &Value,
    protocol: &Protocol,
    looks: Option<&[Option<u64>]>,
) -> Result<Division, FoldError> {
    let (tables, groups) = (manifest.tables(), manifest.edited.as_ref().map(|edited| edited.group.as_slice()));
    let (divisions, joined) = scheme::divisions(tables, settings, protocol, scheme::Known { looks, groups })?;
    let divisions = edited::carried(manifest, divisions, scheme::parts_labels(settings));
    let fold = |(fold, (mut train, mut held)): (usize, scheme::Division)| {
        train.sort_unstable();
        held.sort_unstable();
        let exam = protocol::exam(manifest, train, &held, protocol);
        let why = match (protocol.kind, exam.train.is_empty(), exam.query.is_empty()) {
            (_, true, _) => "no photo is left to learn from",
            (_, _, false) if exam.gallery.is_empty() => "no held-out photo is in the gallery",
            (_, _, false) => return Ok(exam),
            (ProtocolKind::OnePerLabel, ..) => {
                "no label has two held-out photos, so there is no query; take fewer folds or a larger fraction"
            }
            (ProtocolKind::LeaveOneOut, ..) => "no photo is held out",
            (ProtocolKind::Given, ..) => {
                "no held-out photo is a query of the tables; use scheme = \"given\", or another protocol.kind"
            }
        };
        Err(FoldError::Hollow { fold, why })
    };
    let wished = protocol.distractors.map(|amount| match amount {
        Amount::Photos(photos) => photos,
        Amount::Share(_) => 1,
    });
    Ok(Division { folds: divisions.into_iter().enumerate().map(fold).collect::<Result<_, _>>()?, joined, wished })
}

/// The folds alone, of a recipe that does not ask how photos look; see [`divide`].
///
/// # Errors
/// As [`divide`].
pub fn folds(manifest: &Manifest, settings: &Value, protocol: &Protocol) -> Result<Vec<Fold>, FoldError> {
    Ok(divide(manifest, settings, protocol, None)?.folds)
}

impl Fold {
    /// How many of the labels in the examination are learnt too.
    pub fn known_labels(&self, manifest: &Manifest) -> usize {
        let label = |photo: &u32| manifest.photos[*photo as usize].label;
        let learnt: std::collections::BTreeSet<u32> = self.train.iter().filter_map(label).collect();
        let asked: std::collections::BTreeSet<u32> = self.query.iter().filter_map(label).collect();
        asked.intersection(&learnt).count()
    }
}

/// Labelled photos with some roles, ascending.
fn labelled(manifest: &Manifest, roles: &[Role]) -> Vec<u32> {
    manifest.with_role(roles).filter(|&photo| manifest.photos[photo as usize].label.is_some()).collect()
}

fn trainable(manifest: &Manifest) -> Result<Vec<u32>, FoldError> {
    let photos = labelled(manifest, &[Role::Train]);
    if photos.is_empty() { Err(FoldError::NoLabels("for training")) } else { Ok(photos) }
}

#[cfg(test)]
mod tests;
