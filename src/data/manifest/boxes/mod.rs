//! Boxes of photos: where in each photo the thing is.
//!
//! Takes a table with an id, `x_min`, `y_min`, `x_max`, `y_max` in pixels of the photo as it is shown (pascal_voc; the photo's EXIF rotation
//! applied) and perhaps a `score`, and the manifest; gives a [`Region`] for each photo that has one, as shares of its sides, so that it
//! holds for a picture that was decoded smaller. What cannot be meant is told with file and row, as for the competition's own tables.
//! Whoever finds boxes otherwise makes [`Boxes`] of them directly.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use super::layout::kinds::{self, Use};
use super::{Manifest, Photo};
use crate::base::{Key, KeyWriter};
use crate::data::competition::Competition;
use crate::data::error::{DataError, counted};
use crate::data::table::{Table, Texts};

/// A table of boxes as a recipe names it.
#[derive(Clone, Debug, PartialEq)]
pub struct BoxTable {
    /// The file, relative to the project's folder.
    pub file: String,
    /// Rows with a lower score are left out.
    pub min_score: Option<f64>,
}

/// A rectangle in a photo, as shares of its width and height: 0 to 1, least below greatest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Region {
    /// Left edge, of the width.
    pub x_min: f64,
    /// Upper edge, of the height.
    pub y_min: f64,
    /// Right edge.
    pub x_max: f64,
    /// Lower edge.
    pub y_max: f64,
}

/// The regions of a manifest's photos.
#[derive(Clone, PartialEq)]
pub struct Boxes {
    /// By the photo's place in the manifest.
    of: Vec<Option<Region>>,
    key: Key,
    /// What is worth saying about the table.
    pub notes: Vec<String>,
}

impl fmt::Debug for Boxes {
    /// Its content's key: two that print alike are alike.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Boxes({})", self.key.short())
    }
}

impl Boxes {
    /// The regions of a manifest's photos, by place.
    pub fn new(of: Vec<Option<Region>>) -> Boxes {
        let mut key = KeyWriter::new("boxes 1");
        of.iter().for_each(|region| write_key(&mut key, *region));
        Boxes { key: key.finish(), of, notes: Vec::new() }
    }

    /// Reads a table; photos that it does not name have no region.
    ///
    /// # Errors
    /// When it cannot be read, lacks a column, or a row cannot be meant: an id that is empty, stands twice without a score, or is that of
    /// two different photos, a coordinate that is no number, a box without a pixel of its photo. With file and rows.
    pub fn read(
        file: &Path,
        min_score: Option<f64>,
        manifest: &Manifest,
        competition: &Competition,
    ) -> Result<Boxes, DataError> {
        let table = Table::read(file, competition.data.encoding)?;
        let rows = Rows::of(&table, competition, min_score.is_some())?;
        let ids = Ids::of(manifest, rows.id.name == competition.data.columns.image);
        let mut best: HashMap<&str, (usize, f64)> = HashMap::new();
        let mut of = vec![None; manifest.photos.len()];
        let (mut strangers, mut below) = (0, 0);
        // In the order in which they are met; rows with the same fault are told together.
        let mut faults: Vec<(Fault, Vec<usize>)> = Vec::new();
        for row in 0..table.rows() {
            match rows.read(row) {
                Ok(found) if found.score.is_some_and(|score| min_score.is_some_and(|least| score < least)) => {
                    below += 1
                }
                Ok(found) => match rows.place(row, &found, &ids, &mut best) {
                    Ok(None) => {}
                    Ok(Some(places)) => {
                        strangers += usize::from(places.is_empty());
                        for &place in places {
                            let photo = &manifest.photos[place as usize];
                            match found.corners.map(|corners| region(corners, photo)) {
                                Some(None) => note(&mut faults, Fault::Empty, row),
                                region => of[place as usize] = region.flatten(),
                            }
                        }
                    }
                    Err(fault) => note(&mut faults, fault, row),
                },
                Err(fault) => note(&mut faults, fault, row),
            }
        }
        if let Some((fault, at)) = faults.first() {
            return Err(rows.error(*fault, at, &ids, &best));
        }
        if strangers > 0 && strangers + below == table.rows() {
            return Err(rows.strangers(manifest));
        }
        let (found, all) = (of.iter().flatten().count(), of.len());
        let mut notes = rows.table.notes.clone();
        notes.push(format!("boxes for {found} of {all} photos; the others stay whole"));
        if strangers > 0 {
            notes.push(format!("{} no photo's id", names(strangers)));
        }
        if below > 0 {
            notes.push(format!("{} below min_score left out", counted(below, "row")));
        }
        let name = file.display();
        let notes = notes.iter().map(|note| format!("{name}: {note}")).collect();
        Ok(Boxes { notes, ..Boxes::new(of) })
    }

    /// The region of a photo.
    pub fn get(&self, photo: u32) -> Option<Region> {
        self.of.get(photo as usize).copied().flatten()
    }

    /// The key of some photos' regions in their order: it stays the same when those of others change.
    pub fn key_of(&self, photos: &[u32]) -> Key {
        let mut key = KeyWriter::new("boxes of 1");
        key.number(photos.len() as u64);
        photos.iter().for_each(|&photo| write_key(&mut key, self.get(photo)));
        key.finish()
    }
}

fn names(rows: usize) -> String {
    format!("{} {}", counted(rows, "row"), if rows == 1 { "names" } else { "name" })
}

fn write_key(key: &mut KeyWriter, region: Option<Region>) {
    match region {
        None => key.tag(0),
        Some(Region { x_min, y_min, x_max, y_max }) => {
            key.tag(1);
            [x_min, y_min, x_max, y_max].iter().fold(key, |key, edge| key.number(edge.to_bits()))
        }
    };
}

/// The manifest's photos by id. Tables of a competition may give one id to a training photo and to one of the gallery.
struct Ids<'a> {
    photos: &'a [Photo],
    of: HashMap<&'a str, Vec<u32>>,
    /// Photos may be called by their files, in any folder.
    by_file: bool,
}

impl Ids<'_> {
    fn of(manifest: &Manifest, by_file: bool) -> Ids<'_> {
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
struct Rows<'a> {
    table: &'a Table,
    id: Texts<'a>,
    edges: [Texts<'a>; 4],
    score: Option<Texts<'a>>,
}

const EDGES: [&str; 4] = ["x_min", "y_min", "x_max", "y_max"];

/// One row: its box in pixels, unless all four are empty.
struct Found<'a> {
    id: &'a str,
    corners: Option<[f64; 4]>,
    score: Option<f64>,
}

/// What can be wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    NoId,
    /// An edge, by its place in [`EDGES`], or 4 for the score.
    NoNumber(usize),
    Empty,
    Twice,
    TwoPhotos,
}

fn note(faults: &mut Vec<(Fault, Vec<usize>)>, fault: Fault, row: usize) {
    match faults.iter_mut().find(|(known, _)| *known == fault) {
        // A photo that is listed twice has one mistake.
        Some((_, rows)) if rows.last() == Some(&row) => {}
        Some((_, rows)) => rows.push(row),
        None => faults.push((fault, vec![row])),
    }
}

/// The part of a box that lies in its photo, as shares; `None` when that is nothing.
fn region([x_min, y_min, x_max, y_max]: [f64; 4], photo: &Photo) -> Option<Region> {
    let share = |edge: f64, side: u32| (edge / f64::from(side.max(1))).clamp(0.0, 1.0);
    let region = Region {
        x_min: share(x_min, photo.width),
        y_min: share(y_min, photo.height),
        x_max: share(x_max, photo.width),
        y_max: share(y_max, photo.height),
    };
    (region.x_min < region.x_max && region.y_min < region.y_max).then_some(region)
}

impl<'a> Rows<'a> {
    fn of(table: &'a Table, competition: &Competition, scored: bool) -> Result<Rows<'a>, DataError> {
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

    fn read(&self, row: usize) -> Result<Found<'a>, Fault> {
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
    fn place<'b>(
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
    fn strangers(&self, manifest: &Manifest) -> DataError {
        let (column, value) = (self.id.name.to_owned(), self.id.get(0).to_owned());
        let photo = manifest.photos.first().map_or_else(String::new, |photo| photo.id.clone());
        DataError::NoPhotos { place: self.table.place(0), column, value, photo }
    }

    /// A fault with all its rows, of which there is at least one.
    fn error(&self, fault: Fault, rows: &[usize], ids: &Ids<'_>, best: &HashMap<&str, (usize, f64)>) -> DataError {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Value, files};
    use crate::data::manifest::Role;

    fn manifest() -> Manifest {
        let photo = |(id, bytes): (&str, &str)| Photo {
            id: id.to_owned(),
            path: format!("{bytes}.jpg").into(),
            content: Key::of_bytes(bytes.as_bytes()),
            label: None,
            coarse: None,
            role: Role::Train,
            width: 200,
            height: 100,
        };
        let photos = [("1", "a"), ("2", "b"), ("3", "c"), ("3", "c"), ("4", "d"), ("4", "e")].map(photo).to_vec();
        Manifest { photos, ..Manifest::default() }
    }

    fn read(text: &str, min_score: Option<f64>) -> Result<Boxes, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("boxes.csv");
        files::publish(&file, text.as_bytes()).unwrap();
        let mut facts = Value::table();
        for (key, text) in [("competition.name", "x"), ("competition.metric", "MRR"), ("data.layout", "nishika")] {
            facts.set(key, Value::Text(text.to_owned()));
        }
        facts.set("competition.k", Value::Int(20));
        let competition = Competition::of(folder.path(), &facts).unwrap();
        let plain = |told: String| told.replace(&format!("{}/", folder.path().display()), "");
        let boxes = Boxes::read(&file, min_score, &manifest(), &competition).map_err(|e| plain(e.to_string()))?;
        Ok(Boxes { notes: boxes.notes.iter().cloned().map(plain).collect(), ..boxes })
    }

    fn edges(boxes: &Boxes, photo: u32) -> Option<[f64; 4]> {
        boxes.get(photo).map(|Region { x_min, y_min, x_max, y_max }| [x_min, y_min, x_max, y_max])
    }

    #[test]
    fn boxes_are_shares_of_their_photo_and_are_clipped_to_it() {
        let boxes =
            read("gid,x_min,y_min,x_max,y_max\n1,50,25,100,75\n3,-9,10.5,400,99\n7,1,1,2,2\n2,,,,\n", None).unwrap();
        assert_eq!(edges(&boxes, 0), Some([0.25, 0.25, 0.5, 0.75]));
        assert_eq!(edges(&boxes, 1), None);
        assert_eq!(edges(&boxes, 2), Some([0.0, 0.105, 1.0, 0.99]));
        assert_eq!(edges(&boxes, 2), edges(&boxes, 3), "one picture that is listed twice");
        assert_eq!(edges(&boxes, 99), None);
        assert_eq!(
            boxes.notes,
            ["boxes.csv: boxes for 3 of 6 photos; the others stay whole", "boxes.csv: 1 row names no photo's id"]
        );
    }

    #[test]
    fn photos_may_be_called_by_their_files_and_a_table_of_none_is_a_mistake() {
        let columns = "x_min,y_min,x_max,y_max";
        let boxes = read(&format!("filename,{columns}\nimages/b.jpg,50,25,100,75\na.jpg,0,0,100,50\n"), None).unwrap();
        assert_eq!(edges(&boxes, 0), Some([0.0, 0.0, 0.5, 0.5]));
        assert_eq!(edges(&boxes, 1), Some([0.25, 0.25, 0.5, 0.75]));
        let error = read(&format!("id,{columns}\na.jpg,0,0,100,50\n"), None).unwrap_err();
        insta::assert_snapshot!(error, @r#"boxes.csv line 2: no row names a photo; id is "a.jpg" here, and photos are called as "1""#);
        let scored = read(&format!("id,{columns},score\n1,0,0,100,50,0.9\n2,,,,,\n"), Some(0.5)).unwrap();
        assert_eq!((edges(&scored, 0).is_some(), edges(&scored, 1)), (true, None));
    }

    #[test]
    fn the_best_score_counts() {
        let text =
            "id,x_min,y_min,x_max,y_max,score\n1,0,0,10,10,0.4\n1,0,0,20,20,0.9\n1,0,0,30,30,0.5\n2,0,0,10,10,0.2\n";
        assert_eq!(edges(&read(text, None).unwrap(), 0), Some([0.0, 0.0, 0.1, 0.2]));
        let above = read(text, Some(0.3)).unwrap();
        assert_eq!((edges(&above, 0), edges(&above, 1)), (Some([0.0, 0.0, 0.1, 0.2]), None));
        assert!(above.notes[1].ends_with("1 row below min_score left out"), "{:?}", above.notes);
    }

    #[test]
    fn the_key_is_that_of_the_photos_that_are_asked_for() {
        let one = read("id,x_min,y_min,x_max,y_max\n1,0,0,10,10\n2,0,0,10,10\n", None).unwrap();
        let other = read("id,x_min,y_min,x_max,y_max\n2,0,0,10,10\n1,0,0,10,11\n", None).unwrap();
        assert_eq!(one.key_of(&[1, 2]), other.key_of(&[1, 2]));
        assert_ne!(one.key_of(&[0, 1]), other.key_of(&[0, 1]));
        assert_ne!(one, other);
    }

    #[test]
    fn mistakes_are_told_with_their_rows() {
        let told = |rows: &str| read(&format!("id,x_min,y_min,x_max,y_max\n{rows}"), None).unwrap_err();
        insta::assert_snapshot!(told("1,0,0,10,10\n,0,0,1,1\n"), @"boxes.csv line 3: id is empty; a box needs the id of its photo");
        insta::assert_snapshot!(told("1,0,0,ten,10\n2,0,0,,1\n"), @r#"boxes.csv line 2 (also in 3): x_max is "ten", which is no number"#);
        insta::assert_snapshot!(told("3,10,0,10,10\n2,300,0,310,1\n"), @r#"boxes.csv line 2 (also in 3): the box of "3" holds no pixel of its photo; x_min < x_max and y_min < y_max, in pixels of the photo, or leave all four empty"#);
        insta::assert_snapshot!(told("1,0,0,10,10\n1,0,0,9,9\n"), @r#"boxes.csv line 3: id "1" stands in line 2 already; ids must be unique"#);
        insta::assert_snapshot!(told("4,0,0,10,10\n"), @r#"boxes.csv line 2: the id "4" is that of two photos, d.jpg and e.jpg, and a box can be of one only"#);
        insta::assert_snapshot!(read("id,x_min,y_min,x_max\n1,0,0,1\n", None).unwrap_err(), @r#"boxes.csv: no column "y_max" (a table of boxes has it); did you mean "x_max"? there is "id", "x_min", "y_min", "x_max""#);
        insta::assert_snapshot!(read("id,x_min,y_min,x_max,y_max\n1,0,0,1,1\n", Some(0.5)).unwrap_err(), @r#"boxes.csv: no column "score" (min_score); there is "id", "x_min", "y_min", "x_max", "y_max""#);
        let stray: String = (1..40).map(|i| format!("{i},0,0,1,1\n")).collect();
        assert!(
            told(&format!("{stray}abc,0,0,1,1\n")).contains("abc"),
            "ids follow the rule of the competition's tables"
        );
    }
}
