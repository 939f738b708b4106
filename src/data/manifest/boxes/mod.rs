//! Boxes of photos: where in each photo the thing is.
//!
//! Takes a table with an id, `x_min`, `y_min`, `x_max`, `y_max` in pixels of the photo as it is shown (pascal_voc; the photo's EXIF rotation
//! applied) and perhaps a `score`, and the manifest; gives a [`Region`] for each photo that has one, as shares of its sides, so that it
//! holds for a picture that was decoded smaller. What cannot be meant is told with file and row, as for the competition's own tables.
//! Whoever finds boxes otherwise makes [`Boxes`] of them directly. [`rows`] reads one row, and says what is wrong with it.

mod rows;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use super::Manifest;
use crate::base::{Key, KeyWriter};
use crate::data::competition::Competition;
use crate::data::error::{DataError, counted};
use crate::data::table::Table;
use rows::{Fault, Ids, Rows, note, region};

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
                                // A box beside the part that counts says nothing of it.
                                Some(None) if photo.crop.is_some() => of[place as usize] = None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Value, files};
    use crate::data::manifest::{Photo, Role};

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
            crop: None,
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
