//! Every photo of a competition, in memory: what it shows, what it is for, what its bytes are.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::base::Key;

/// All photos of a competition, in the order of the tables (training, gallery, queries).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifest {
    /// The photos.
    pub photos: Vec<Photo>,
    /// Names of the scored labels, sorted; [`Photo::label`] points here.
    pub labels: Vec<String>,
    /// Names of the other label level, sorted; [`Photo::coarse`] points here. Empty when there is none.
    pub coarse: Vec<String>,
    /// What else the tables say about the photos, by the column's name, for folds by column.
    pub columns: BTreeMap<String, Column>,
    /// Photos that were left out because their file is missing or unreadable.
    pub skipped: Vec<Skipped>,
}

/// One photo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Photo {
    /// Its name in the competition, unique among the photos of one table.
    pub id: String,
    /// Its file: relative to the folder of `toji.toml`, or absolute.
    pub path: PathBuf,
    /// BLAKE3 of the file's bytes.
    pub content: Key,
    /// The scored label, an index into [`Manifest::labels`]; `None` where the host keeps it secret.
    pub label: Option<u32>,
    /// The other label level, an index into [`Manifest::coarse`]: the wider one as a rule, the narrower one where
    /// the wider is scored.
    pub coarse: Option<u32>,
    /// What the host gives it for.
    pub role: Role,
    /// Pixels a row, after the EXIF rotation.
    pub width: u32,
    /// Rows, after the EXIF rotation.
    pub height: u32,
}

/// What the host gives a photo for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// To learn from; it has a label.
    Train,
    /// To be looked up among the gallery.
    Query,
    /// To be found.
    Gallery,
    /// Both query and gallery: it is looked up among the others.
    Both,
}

/// A column of a table that has no meaning of its own, one value a photo.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Column {
    /// The values that occur, sorted.
    pub values: Vec<String>,
    /// For each photo an index into `values`; `None` where its table has no such column.
    pub of_photo: Vec<Option<u32>>,
}

/// A photo that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its id.
    pub id: String,
    /// Its file.
    pub path: PathBuf,
    /// What it was for.
    pub role: Role,
    /// Why it was left out.
    pub why: String,
}
