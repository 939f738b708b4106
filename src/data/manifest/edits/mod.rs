//! `edits.csv`: what a person decided about photos, beside `toji.toml` and for git.
//!
//! ```text
//!   edits.csv ── read ──▶ Edits ─┐
//!                                ├─ apply ─▶ the manifest that everything else sees, and the tables' own behind it
//!   tables, pictures ─▶ Manifest ┘
//! ```
//!
//! Columns `id`, `action`, `value`, `by` (who or what suggested it), `date`, `note`; one decision a row, and of several about one thing the last
//! one holds. The tables of the competition are never touched, so that whoever has them and this file has the same data.
//! [`mod@file`] reads, appends and takes back; [`apply`] says what each action does to the manifest.

mod apply;
mod file;

use serde::{Deserialize, Serialize};

use super::Manifest;
use crate::data::error::Place;
use crate::data::view::Area;

pub use file::{append, undo};

/// The file's name, beside `toji.toml`.
pub const FILE: &str = "edits.csv";

/// What is done with a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It was looked at and stays; takes a drop back.
    Keep,
    /// It is left out: nobody learns from it and nobody is examined on it.
    Drop,
    /// `value` is its scored label; an empty value takes that back.
    Relabel,
    /// `value` is the part of it that counts: `x_min y_min x_max y_max` in pixels of the photo as it is shown; an empty value takes that back.
    Crop,
    /// It stays in one fold with all photos of the group `value`; an empty value takes that back.
    Group,
}

impl Action {
    /// All.
    pub const ALL: [Action; 5] = [Action::Keep, Action::Drop, Action::Relabel, Action::Crop, Action::Group];

    /// The word in the file and in commands.
    pub fn name(self) -> &'static str {
        match self {
            Action::Keep => "keep",
            Action::Drop => "drop",
            Action::Relabel => "relabel",
            Action::Crop => "crop",
            Action::Group => "group",
        }
    }

    /// The action of that name.
    pub fn named(name: &str) -> Option<Action> {
        Action::ALL.into_iter().find(|action| action.name() == name)
    }
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edit {
    /// The photo's id. Where a training photo and one of the host share it, the training photo is meant.
    pub id: String,
    /// What to do.
    pub action: Action,
    /// With what: a label, four numbers, the name of a group; empty for keep and drop.
    pub value: String,
    /// Who or what suggested it: the list of suspects, a person.
    pub by: String,
    /// When, as `2026-11-27T23:59:30.250Z`. Decisions that were made together have one date.
    pub date: String,
    /// Anything.
    pub note: String,
}

/// All decisions, in the file's order, each with its place there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edits {
    /// The rows.
    pub rows: Vec<(Edit, Place)>,
}

impl Edits {
    /// Decisions that stand in no file yet, for a look at what they would do.
    pub fn with(&self, more: &[Edit]) -> Edits {
        let place = Place::line(std::path::Path::new("the new edits"), 1);
        let more = more.iter().map(|edit| (edit.clone(), place.clone()));
        Edits { rows: self.rows.iter().cloned().chain(more).collect() }
    }
}

/// What edits made of a manifest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edited {
    /// The manifest as the tables say.
    pub tables: Manifest,
    /// For each of its photos the place in the edited one; `None` for a photo that was dropped.
    pub place: Vec<Option<u32>>,
    /// For each of its photos the group that it was put into.
    pub group: Vec<Option<u32>>,
    /// How many photos.
    pub counts: Counts,
}

/// How many photos were edited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Left out.
    pub dropped: usize,
    /// With another label than the tables say.
    pub relabelled: usize,
    /// Of which a part counts.
    pub cropped: usize,
    /// In a group.
    pub grouped: usize,
}

/// The part of a photo that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crop {
    /// In pixels of the photo as it is shown.
    pub area: Area,
    /// BLAKE3 of the file's bytes; [`super::Photo::content`] is that of the part.
    pub whole: crate::base::Key,
    /// Pixels a row of the whole photo, and its rows.
    pub size: (u32, u32),
}

/// The text of a crop as [`Action::Crop`] has it.
pub fn crop_text(area: Area) -> String {
    format!("{} {} {} {}", area.x, area.y, area.x + area.width, area.y + area.height)
}

impl std::fmt::Display for Crop {
    /// Edges, size and BLAKE3 of the whole, as the manifest's file has it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {} {}", crop_text(self.area), self.size.0, self.size.1, self.whole)
    }
}

impl Crop {
    /// Reads what `Display` writes.
    pub(super) fn of(text: &str) -> Option<Crop> {
        let fields: Vec<&str> = text.split(' ').collect();
        let (whole, numbers) = fields.split_last()?;
        let numbers: Vec<u32> = numbers.iter().map(|number| number.parse().ok()).collect::<Option<_>>()?;
        let &[x_min, y_min, x_max, y_max, width, height] = numbers.as_slice() else { return None };
        let side = |least: u32, most: u32| most.checked_sub(least).map(|side| side as usize);
        let (x, y) = (x_min as usize, y_min as usize);
        let area = Area { x, y, width: side(x_min, x_max)?, height: side(y_min, y_max)? };
        Some(Crop { area, whole: whole.parse().ok()?, size: (width, height) })
    }
}

#[cfg(test)]
mod tests;
