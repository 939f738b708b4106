//! Every photo of a competition: what it shows, what it is for, what its bytes are.
//!
//! Takes the rows of the tables and the contents of the pictures; gives [`Manifest`], the one list that folds,
//! training, search and submission speak about by index. Labels are numbered in the order of their names, so the
//! numbers do not depend on the order of rows. Its key is made of what the photos are, not of where they lie: moving
//! the images' folder changes nothing, relabelling one photo does.

pub mod boxes;
mod changes;
pub mod edits;
mod file;
pub mod layout;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use crate::base::{Cancel, Key, KeyWriter, Progress};

use super::competition::Competition;
use super::error::{DataError, PICTURES, counted};
use super::picture::content::{self, Content, Stamp};
use super::picture::view::Area;
use super::table::Texts;
use boxes::Region;
pub use changes::Changes;
use edits::{Crop, Edited};
use layout::{Listing, Row};

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
    /// What `edits.csv` made of the tables, where it does anything.
    pub edited: Option<Box<Edited>>,
}

/// One photo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Photo {
    /// Its name in the competition, unique among the photos of one table.
    pub id: String,
    /// Its file: relative to the folder of `toji.toml`, or absolute.
    pub path: PathBuf,
    /// BLAKE3 of the file's bytes (and of the part that counts, where that is not all).
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
    /// The part that counts, where that is not all of it; `content`, `width` and `height` are then the part's.
    pub crop: Option<Crop>,
}

impl Photo {
    /// The part that counts, in pixels; `None` for all of it.
    pub fn part(&self) -> Option<Area> {
        self.crop.map(|crop| crop.area)
    }

    /// A region of what counts of it, in pixels of the whole photo: at least one.
    pub fn area(&self, region: Region) -> Area {
        let (left, top) = self.part().map_or((0, 0), |part| (part.x, part.y));
        let edge = |share: f64, side: u32| (share * f64::from(side)).round() as usize;
        let (x, y) = (edge(region.x_min, self.width), edge(region.y_min, self.height));
        let width = edge(region.x_max, self.width).saturating_sub(x).max(1);
        let height = edge(region.y_max, self.height).saturating_sub(y).max(1);
        Area { x: left + x, y: top + y, width, height }
    }

    /// BLAKE3 of the file's bytes, whichever part counts.
    pub fn whole(&self) -> Key {
        self.crop.map_or(self.content, |crop| crop.whole)
    }
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

/// What reading a manifest took, and what is worth saying.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Sentences for a person, with the names of files.
    pub notes: Vec<String>,
    /// Pictures known from the cache.
    pub cached: usize,
    /// Pictures that were read.
    pub read: usize,
    /// What the files of all photos were when they were looked at, then those of the photos that were left out.
    pub stamps: Vec<Option<Stamp>>,
}

impl Manifest {
    /// Reads the tables and looks at the pictures of a competition; `cache` is the file that remembers contents.
    ///
    /// # Errors
    /// When a table breaks a rule, a picture cannot be used (unless `toji.toml` says to skip those), or on request
    /// to stop.
    pub fn read(
        competition: &Competition,
        cache: &Path,
        cancel: &Cancel,
        progress: &dyn Progress,
    ) -> Result<(Manifest, Report), DataError> {
        let mut listing = Listing::read(competition)?;
        let paths: Vec<&Path> = listing.rows.iter().map(|row| row.path.as_path()).collect();
        let limits = &competition.data.limits;
        let contents = content::contents(&competition.root, &paths, limits, cache, cancel, progress)?;
        let both = || contents.of.iter().zip(&contents.stamps);
        let of = |wanted: bool| both().filter(move |(c, _)| matches!(c, Content::Picture { .. }) == wanted);
        let mut report = Report {
            notes: std::mem::take(&mut listing.notes),
            cached: contents.cached,
            read: contents.read,
            stamps: of(true).chain(of(false)).map(|(_, stamp)| *stamp).collect(),
        };
        let manifest = Manifest::of(listing, contents.of, competition.data.skip_unreadable)?;
        if !manifest.skipped.is_empty() {
            let pictures = counted(manifest.skipped.len(), "picture");
            report.notes.push(format!("{pictures} left out: missing or unreadable"));
        }
        Ok((manifest, report))
    }

    /// Puts rows and contents (one for each row) together.
    ///
    /// # Errors
    /// When pictures cannot be used and `skip` does not say to leave them out.
    pub fn of(listing: Listing, contents: Vec<Content>, skip: bool) -> Result<Manifest, DataError> {
        let left_out = |row: &Row, why: &str| Skipped {
            id: row.id.clone(),
            path: row.path.clone(),
            role: row.role,
            why: why.to_owned(),
        };
        let total = listing.rows.len();
        let mut skipped = Vec::new();
        let mut places = Vec::new();
        for (row, content) in listing.rows.iter().zip(&contents) {
            if let Content::Unusable(why) = content {
                if places.len() < PICTURES {
                    places.push(listing.place(row));
                }
                skipped.push(left_out(row, why));
            }
        }
        if !skipped.is_empty() && !skip {
            return Err(DataError::Pictures { total, places, all: skipped });
        }
        let usable: Vec<(&Row, Key, u32, u32)> = listing
            .rows
            .iter()
            .zip(&contents)
            .filter_map(|(row, content)| match content {
                Content::Picture { key, width, height } => Some((row, *key, *width, *height)),
                Content::Unusable(_) => None,
            })
            .collect();
        let labels = Numbered::of(usable.iter().map(|(row, ..)| row.label.as_deref()));
        let coarse = Numbered::of(usable.iter().map(|(row, ..)| row.coarse.as_deref()));
        let photos = usable
            .iter()
            .enumerate()
            .map(|(i, &(row, content, width, height))| Photo {
                id: row.id.clone(),
                path: row.path.clone(),
                content,
                label: labels.numbers[i],
                coarse: coarse.numbers[i],
                role: row.role,
                width,
                height,
                crop: None,
            })
            .collect();
        let names: std::collections::BTreeSet<&String> =
            listing.tables.iter().flat_map(|table| table.names()).collect();
        let mut columns = BTreeMap::new();
        for name in names {
            let texts: Vec<Option<Texts<'_>>> = listing.tables.iter().map(|table| table.find(name)).collect();
            let values = || usable.iter().map(|(row, ..)| texts[row.table].map(|texts| texts.get(row.row)));
            // A column with a value of its own for most photos (ids, file names, titles) makes no folds.
            if let Some(numbered) = Numbered::at_most(values().flatten().count() / 2, values()) {
                columns.insert(name.clone(), Column { values: numbered.names, of_photo: numbered.numbers });
            }
        }
        Ok(Manifest { photos, labels: labels.names, coarse: coarse.names, columns, skipped, edited: None })
    }

    /// The key of what all photos are: ids, contents, labels, roles. Paths and other columns do not enter.
    pub fn key(&self) -> Key {
        let mut out = KeyWriter::new("manifest 1");
        for names in [&self.labels, &self.coarse] {
            out.number(names.len() as u64);
            for name in names {
                out.bytes(name.as_bytes());
            }
        }
        out.number(self.photos.len() as u64);
        let number = |label: Option<u32>| label.map_or(0, |l| u64::from(l) + 1);
        for photo in &self.photos {
            out.bytes(photo.id.as_bytes()).key(&photo.content).tag(photo.role as u8);
            out.number(number(photo.label)).number(number(photo.coarse));
        }
        out.finish()
    }

    /// The key of some photos in their order: ids, contents and names of labels. It stays the same when other photos
    /// come or go, so what was learnt from a fold is not learnt again because the host added queries.
    pub fn key_of(&self, photos: &[u32]) -> Key {
        let mut out = KeyWriter::new("photos 1");
        out.number(photos.len() as u64);
        for &index in photos {
            let photo = &self.photos[index as usize];
            out.bytes(photo.id.as_bytes()).key(&photo.content);
            for (names, label) in [(&self.labels, photo.label), (&self.coarse, photo.coarse)] {
                match label {
                    Some(label) => out.tag(1).bytes(names[label as usize].as_bytes()),
                    None => out.tag(0),
                };
            }
        }
        out.finish()
    }

    /// The manifest as the tables say, by which folds are dealt out.
    pub fn tables(&self) -> &Manifest {
        self.edited.as_deref().map_or(self, |edited| &edited.tables)
    }

    /// The file of a photo as a path that can be opened.
    pub fn file(&self, root: &Path, photo: u32) -> PathBuf {
        root.join(&self.photos[photo as usize].path)
    }

    /// Indices of the photos with one of some roles, ascending.
    pub fn with_role<'a>(&'a self, roles: &'a [Role]) -> impl Iterator<Item = u32> + 'a {
        (0u32..).zip(&self.photos).filter(move |(_, photo)| roles.contains(&photo.role)).map(|(i, _)| i)
    }
}

/// Texts, numbered in the order of their names.
struct Numbered {
    names: Vec<String>,
    numbers: Vec<Option<u32>>,
}

impl Numbered {
    fn of<'a>(values: impl Iterator<Item = Option<&'a str>>) -> Numbered {
        Numbered::at_most(usize::MAX, values).unwrap_or(Numbered { names: Vec::new(), numbers: Vec::new() })
    }

    /// `None` as soon as there are more than `most` different texts.
    fn at_most<'a>(most: usize, values: impl Iterator<Item = Option<&'a str>>) -> Option<Numbered> {
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        let mut met: Vec<Option<u32>> = Vec::new();
        for value in values {
            let next = numbers.len() as u32;
            met.push(value.map(|value| *numbers.entry(value).or_insert(next)));
            if numbers.len() > most {
                return None;
            }
        }
        let mut sorted: Vec<(&str, u32)> = numbers.into_iter().collect();
        sorted.sort_unstable();
        let mut rank = vec![0u32; sorted.len()];
        for (place, (_, number)) in (0u32..).zip(&sorted) {
            rank[*number as usize] = place;
        }
        Some(Numbered {
            names: sorted.iter().map(|(name, _)| (*name).to_owned()).collect(),
            numbers: met.into_iter().map(|number| number.map(|n| rank[n as usize])).collect(),
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_names() {
        let numbered = Numbered::of([Some("b"), None, Some("a"), Some("b"), Some("")].into_iter());
        assert_eq!(numbered.names, ["", "a", "b"]);
        assert_eq!(numbered.numbers, [Some(2), None, Some(1), Some(2), Some(0)]);
    }

    pub(super) fn manifest(photos: &[(&str, &str, &[u8])]) -> Manifest {
        let labels = Numbered::of(photos.iter().map(|(_, label, _)| Some(*label)));
        let photo = |(i, (id, _, bytes)): (usize, &(&str, &str, &[u8]))| Photo {
            id: (*id).to_owned(),
            path: format!("{id}.jpg").into(),
            content: Key::of_bytes(bytes),
            label: labels.numbers[i],
            coarse: None,
            role: Role::Train,
            width: 1,
            height: 1,
            crop: None,
        };
        Manifest { photos: photos.iter().enumerate().map(photo).collect(), labels: labels.names, ..Manifest::default() }
    }

    #[test]
    fn the_key_sees_content_and_labels_but_no_path() {
        let base = manifest(&[("1", "a", b"x"), ("2", "b", b"y")]);
        let mut moved = base.clone();
        moved.photos[0].path = "/elsewhere/1.jpg".into();
        assert_eq!(moved.key(), base.key());
        assert_ne!(manifest(&[("1", "a", b"x"), ("2", "b", b"z")]).key(), base.key());
        assert_ne!(manifest(&[("1", "a", b"x"), ("2", "a", b"y")]).key(), base.key());
        assert_ne!(manifest(&[("1", "a", b"x"), ("2", "c", b"y")]).key(), base.key());
    }
}
