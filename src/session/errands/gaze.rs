//! Where a trained network looks in each photo, as a table of boxes.
//!
//! Takes a recipe; trains it where it is not trained yet, and runs its networks over all photos: each photo is looked at by a
//! network that did not learn from it where a fold has one, else by the first fold's. Gives a CSV of boxes in pixels, of the form
//! that `RandomCropNearBBox` reads, for people to look at and to mend, and for another recipe to crop by.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::base::{Cancel, files};
use crate::dag::Event;
use crate::data::manifest::Photo;
use crate::data::manifest::boxes::Region;
use crate::session::brew::{self, Manner};
use crate::session::stages::{Bench, embed, ensemble};
use crate::session::{Graph, Photos, Project, Recipe, Rung, SessionError, Slot};

/// A table that was written.
#[derive(Clone, Debug, Serialize)]
pub struct Gazed {
    /// The file.
    pub file: PathBuf,
    /// Photos with a box.
    pub rows: usize,
    /// Mean share of a photo's area that its box has.
    pub area: f64,
    /// Photos that a network looked at which had not learnt from them.
    pub held_out: usize,
    /// Places in the manifest and boxes, in the manifest's order.
    #[serde(skip)]
    pub boxes: Vec<(u32, Region)>,
}

/// The first line of a table of boxes.
pub const HEADER: &str = "id,x_min,y_min,x_max,y_max";

/// Writes the boxes of all photos by the networks of a recipe. Photos are shown whole, `size` pixels square; by default at twice the size
/// of evaluation, since a box is as fine as the last map.
///
/// # Errors
/// When the file is there with another content, the last map has too few places, brewing fails, or one id means two pictures.
pub fn gaze(
    project: &Project,
    recipe: &Recipe,
    photos: &Photos,
    (rung, size): (&Rung, Option<usize>),
    file: &Path,
    listen: &(dyn Fn(&Event) + Sync),
    cancel: &Cancel,
) -> Result<Gazed, SessionError> {
    if ensemble::is_one(recipe) {
        let text =
            format!("{} is an ensemble, and only a network looks somewhere: name one of its members", recipe.name);
        return Err(SessionError::Unfit(text));
    }
    // Before a training that would be for nothing.
    let size = embed::watched(recipe, size)?;
    brew::brew(project, recipe, photos, rung, Manner::default(), listen, cancel)?;
    let graph = Graph::of(project, recipe, photos, rung)?;
    let tell = |event: Event| listen(&event);
    let bench = Bench::new(project, recipe, photos, &graph, &tell, cancel);
    let folds = rung.folds(graph.folds.len());
    // For each photo the first fold whose network has not learnt from it, else the first.
    let mut taught = vec![vec![false; photos.manifest.photos.len()]; folds];
    for (taught, fold) in taught.iter_mut().zip(graph.folds.iter()) {
        fold.train.iter().for_each(|&photo| taught[photo as usize] = true);
    }
    let mut by_fold: Vec<Vec<u32>> = vec![Vec::new(); folds];
    let mut held_out = 0;
    for photo in 0..photos.manifest.photos.len() {
        let fresh = taught.iter().position(|taught| !taught[photo]);
        held_out += usize::from(fresh.is_some());
        by_fold[fresh.unwrap_or(0)].push(photo as u32);
    }
    let mut boxes = Vec::with_capacity(photos.manifest.photos.len());
    for (fold, places) in by_fold.into_iter().enumerate().filter(|(_, places)| !places.is_empty()) {
        boxes.extend(embed::regions(&bench, Slot::of_fold(fold), places, size)?);
    }
    boxes.sort_unstable_by_key(|(photo, _)| *photo);
    let text = table(&photos.manifest.photos, &boxes)?;
    publish(file, &text)?;
    let area = boxes.iter().map(|(_, r)| (r.x_max - r.x_min) * (r.y_max - r.y_min)).sum::<f64>();
    let area = area / boxes.len().max(1) as f64;
    Ok(Gazed { file: file.to_owned(), rows: text.lines().count() - 1, area, held_out, boxes })
}

/// The table: one row an id. One picture that is listed twice under its id has one row.
fn table(photos: &[Photo], boxes: &[(u32, Region)]) -> Result<String, SessionError> {
    let mut text = format!("{HEADER}\n");
    let mut known: HashMap<&str, &Photo> = HashMap::new();
    for (place, region) in boxes {
        let photo = &photos[*place as usize];
        match known.insert(&photo.id, photo) {
            None => {}
            Some(other) if other.content == photo.content => continue,
            Some(other) => {
                let (first, second) = (other.path.display(), photo.path.display());
                return Err(SessionError::Unfit(format!(
                    "id {} means two pictures, {first} and {second}; a table of boxes cannot tell them apart",
                    photo.id
                )));
            }
        }
        let (width, height) = (f64::from(photo.width), f64::from(photo.height));
        let quoted = match photo.id.contains([',', '"', '\n', '\r']) {
            true => format!("\"{}\"", photo.id.replace('"', "\"\"")),
            false => photo.id.clone(),
        };
        let Region { x_min, y_min, x_max, y_max } = *region;
        // In pixels of the whole photo, as such tables are read.
        let (left, top) = photo.crop.map_or((0.0, 0.0), |crop| (crop.area.x as f64, crop.area.y as f64));
        let [x_min, x_max] = [x_min, x_max].map(|x| left + x * width);
        let [y_min, y_max] = [y_min, y_max].map(|y| top + y * height);
        let _ = writeln!(text, "{quoted},{x_min:.1},{y_min:.1},{x_max:.1},{y_max:.1}");
    }
    Ok(text)
}

/// A table that somebody may have mended by hand is never overwritten; the same content once more is no change.
fn publish(file: &Path, text: &str) -> Result<(), SessionError> {
    if file.exists() {
        return match files::read(file)? == text.as_bytes() {
            true => Ok(()),
            false => Err(SessionError::Unfit(format!(
                "{} is there with other boxes; nothing was written, name another file",
                file.display()
            ))),
        };
    }
    Ok(files::publish(file, text.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Key;
    use crate::data::Role;

    fn photo(id: &str, bytes: &str) -> Photo {
        Photo {
            id: id.to_owned(),
            path: format!("{bytes}.jpg").into(),
            content: Key::of_bytes(bytes.as_bytes()),
            label: None,
            coarse: None,
            role: Role::Train,
            width: 200,
            height: 100,
            crop: None,
        }
    }

    const PART: Region = Region { x_min: 0.25, y_min: 0.0, x_max: 0.5, y_max: 1.0 };

    #[test]
    fn boxes_are_pixels_and_ids_are_quoted() {
        let photos = [photo("a", "1"), photo("x,\"y", "2"), photo("a", "1")];
        let text = table(&photos, &[(0, PART), (1, PART), (2, PART)]).unwrap();
        assert_eq!(text, "id,x_min,y_min,x_max,y_max\na,50.0,0.0,100.0,100.0\n\"x,\"\"y\",50.0,0.0,100.0,100.0\n");
        let error = table(&[photo("a", "1"), photo("a", "2")], &[(0, PART), (1, PART)]).unwrap_err().to_string();
        assert!(error.contains("1.jpg and 2.jpg"), "{error}");
    }

    #[test]
    fn a_mended_table_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("boxes.csv");
        publish(&file, "a\n").unwrap();
        publish(&file, "a\n").unwrap();
        assert!(publish(&file, "b\n").is_err());
        assert_eq!(files::read(&file).unwrap(), b"a\n");
    }
}
