//! The rows of a table of boxes: one row → one photo's box in pixels, or what is wrong with it.
//!
//! Takes the table, the competition's names of columns and the manifest's ids; gives corners and score row by row. Rows with the same
//! fault are told together, with the file and their places.

use std::collections::HashMap;
use std::path::Path;

use super::Region;
use crate::data::competition::Competition;
use crate::data::error::DataError;
use crate::data::manifest::layout::kinds::{self, Use};
use crate::data::manifest::{Manifest, Photo};
use crate::data::table::{Table, Texts};

/// The manifest's photos by id. Tables of a competition may give one id to a training photo and to one of the gallery.
pub(super) struct Ids<'a> {
    photos: &'a [Photo],
    of: HashMap<&'a str, Vec<u32>>,
    /// Photos may be called by their files, in any folder.
    by_file: bool,
}

impl Ids<'_> {
    pub(super) fn of(manifest: &Manifest, by_file: bool) -> Ids<'_> {
        let mut of: HashMap<&str, Vec<u32>> = HashMap::with_capacity(manifest.photos.len());
        for (place, photo) in (0u32..).zip(&manifest.photos) {
            of.entry(&photo.id).or_default().push(place);
            let file =
                photo.path.file_name().and_then(|name| name.to_str()).filter(|name| by_file && *name != photo.id);
            if let Some(file) = file {
                of.entry(file).or_default().push(place);
            }
        }
        Ids { photos: &manifest.photos, of, by_file }
    }

    /// The photos that an id means: one picture, however often it is listed; otherwise the paths of two.
    fn places(&self, id: &str) -> Result<&[u32], [String; 2]> {
        let file = || Path::new(id).file_name().and_then(|name| self.of.get(name.to_str()?)).filter(|_| self.by_file);
        let Some(places) = self.of.get(id).or_else(file) else { return Ok(&[]) };
        let photo = |place: &u32| &self.photos[*place as usize];
        let first = places.first().map(photo);
        match (first, places.iter().map(photo).find(|other| first.is_some_and(|first| first.content != other.content)))
        {
            (Some(first), Some(other)) => Err([first, other].map(|photo| photo.path.display().to_string())),
            _ => Ok(places),
        }
    }
}

/// The columns of the table that matter.
pub(super) struct Rows<'a> {
    pub(super) table: &'a Table,
    pub(super) id: Texts<'a>,
    edges: [Texts<'a>; 4],
    score: Option<Texts<'a>>,
}

const EDGES: [&str; 4] = ["x_min", "y_min", "x_max", "y_max"];

/// One row: its box in pixels, unless all four are empty.
pub(super) struct Found<'a> {
    id: &'a str,
    pub(super) corners: Option<[f64; 4]>,
    pub(super) score: Option<f64>,
}

/// What can be wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    NoId,
    /// An edge, by its place in [`EDGES`], or 4 for the score.
    NoNumber(usize),
    Empty,
    Twice,
    TwoPhotos,
}

pub(super) fn note(faults: &mut Vec<(Fault, Vec<usize>)>, fault: Fault, row: usize) {
    match faults.iter_mut().find(|(known, _)| *known == fault) {
        // A photo that is listed twice has one mistake.
        Some((_, rows)) if rows.last() == Some(&row) => {}
        Some((_, rows)) => rows.push(row),
        None => faults.push((fault, vec![row])),
    }
}

/// The part of a box that lies in its photo, as shares; `None` when that is nothing.
pub(super) fn region([x_min, y_min, x_max, y_max]: [f64; 4], photo: &Photo) -> Option<Region> {
    // A table is about whole photos, also where only a part of one counts.
    let (left, top) = photo.crop.map_or((0.0, 0.0), |crop| (crop.area.x as f64, crop.area.y as f64));
    let share = |edge: f64, side: u32| (edge / f64::from(side.max(1))).clamp(0.0, 1.0);
    let region = Region {
        x_min: share(x_min - left, photo.width),
        y_min: share(y_min - top, photo.height),
        x_max: share(x_max - left, photo.width),
        y_max: share(y_max - top, photo.height),
    };
    (region.x_min < region.x_max && region.y_min < region.y_max).then_some(region)
}

impl<'a> Rows<'a> {
    pub(super) fn of(table: &'a Table, competition: &Competition, scored: bool) -> Result<Rows<'a>, DataError> {
        let columns = &competition.data.columns;
        // As the competition calls its ids, which may be the names of files.
        let names = columns.id.as_deref().into_iter().chain(["id", &columns.gallery_id, &columns.image]);
        let id = match names.filter_map(|name| table.find(name)).next() {
            Some(id) => id,
            None => table.column(columns.id.as_deref().unwrap_or("id"), WHOSE)?,
        };
        let mixed = competition.data.mixed_ids || id.name == columns.image;
        kinds::look(table, id, Use::Id { mixed })?;
        let edges = EDGES.map(|name| table.column(name, WHOSE));
        let [a, b, c, d] = edges;
        let score = match scored {
            true => Some(table.column("score", "min_score")?),
            false => table.find("score"),
        };
        Ok(Rows { table, id, edges: [a?, b?, c?, d?], score })
    }

    pub(super) fn read(&self, row: usize) -> Result<Found<'a>, Fault> {
        let id = self.id.get(row);
        if id.is_empty() {
            return Err(Fault::NoId);
        }
        let number = |column: &Texts<'a>, place: usize| {
            let number = column.get(row).parse::<f64>().ok().filter(|x| x.is_finite());
            number.ok_or(Fault::NoNumber(place))
        };
        // A photo without a box need not have a score either.
        let none = self.edges.iter().all(|edge| edge.get(row).is_empty());
        let scored = self.score.as_ref().filter(|score| !none || !score.get(row).is_empty());
        let score = scored.map(|score| number(score, EDGES.len())).transpose()?;
        if none {
            return Ok(Found { id, corners: None, score });
        }
        let mut corners = [0.0; 4];
        for (place, (corner, column)) in corners.iter_mut().zip(&self.edges).enumerate() {
            *corner = number(column, place)?;
        }
        Ok(Found { id, corners: Some(corners), score })
    }

    /// The photos that a row speaks of; `None` where a row before it has a better box.
    pub(super) fn place<'b>(
        &self,
        row: usize,
        found: &Found<'a>,
        ids: &'b Ids<'_>,
        best: &mut HashMap<&'a str, (usize, f64)>,
    ) -> Result<Option<&'b [u32]>, Fault> {
        let score = match (best.get(found.id), found.score) {
            (Some(_), None) => return Err(Fault::Twice),
            (Some(&(_, known)), Some(score)) if score <= known => return Ok(None),
            (_, score) => score.unwrap_or(0.0),
        };
        best.insert(found.id, (row, score));
        ids.places(found.id).map(Some).map_err(|_| Fault::TwoPhotos)
    }

    /// A table that names no photo at all.
    pub(super) fn strangers(&self, manifest: &Manifest) -> DataError {
        let (column, value) = (self.id.name.to_owned(), self.id.get(0).to_owned());
        let photo = manifest.photos.first().map_or_else(String::new, |photo| photo.id.clone());
        DataError::NoPhotos { place: self.table.place(0), column, value, photo }
    }

    /// A fault with all its rows, of which there is at least one.
    pub(super) fn error(
        &self,
        fault: Fault,
        rows: &[usize],
        ids: &Ids<'_>,
        best: &HashMap<&str, (usize, f64)>,
    ) -> DataError {
        let place = self.table.places(rows);
        let row = rows.first().copied().unwrap_or_default();
        let id = self.id.get(row).to_owned();
        match fault {
            Fault::NoId => {
                let hint = "a box needs the id of its photo";
                DataError::Blank { place, column: self.id.name.to_owned(), hint }
            }
            Fault::NoNumber(at) => {
                let column = self.edges.get(at).or(self.score.as_ref());
                let (name, value) = column.map_or(("score", ""), |column| (column.name, column.get(row)));
                DataError::NoNumber { place, column: name.to_owned(), value: value.to_owned() }
            }
            Fault::Empty => DataError::EmptyBox { place, id },
            Fault::Twice => {
                let first = best.get(id.as_str()).map_or(0, |(first, _)| self.table.place(*first).at);
                DataError::DoubleId { place, first, column: self.id.name.to_owned(), id }
            }
            Fault::TwoPhotos => {
                let [first, second] = ids.places(&id).err().unwrap_or_default();
                DataError::TwoPhotos { place, id, first, second }
            }
        }
    }
}

/// Whose columns these are, for a message about one that is not there.
const WHOSE: &str = "a table of boxes has it";
