//! Local descriptors: what a network finds at each place of a photo.
//!
//! Takes one of a network's maps for each photo; gives [`Patches`], a compact form of the best places' descriptors: L2, PCA, L2, a byte a
//! number. [`mutual()`] pairs the places of two photos, and [`verify()`] asks whether one movement explains the pairs. A whole number a
//! code: products of codes are exact, so no order of sums and no width of vectors changes a bit.
//!
//! - `alike`: which places make two photos alike;
//! - `pack`: from maps to codes;
//! - `mutual`: places of two photos that are nearest to each other;
//! - `verify`: a transformation by RANSAC, and the pairs that agree with it.

mod alike;
mod mutual;
mod pack;
mod verify;

use std::collections::HashMap;
use std::path::Path;

pub use alike::{Alike, Near, alike};
pub use mutual::{Match, mutual, wide};
pub use pack::{Local, Pack};
pub use verify::{Found, Model, Pair, Settings, Transform, verify};

use crate::retrieve::RetrieveError;
use crate::retrieve::tensor_file::{self, Column, Numbers};

/// Version of the packing, for keys.
pub const VERSION: u32 = 1;

/// The patches of `n` different photos, as many of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patches {
    /// Rows and columns of the map that they stand on.
    pub map: [usize; 2],
    /// Patches a photo.
    pub each: usize,
    /// Numbers a patch.
    pub dim: usize,
    /// Indices into the manifest, `[n]`, each at most once.
    pub photos: Vec<u32>,
    /// `[n, each]`: where each patch stands, row · columns + column, ascending in a photo.
    pub cells: Vec<u16>,
    /// `[n, each, dim]`: a patch's direction, its greatest number as 127 or -127; 0 where there is none.
    pub codes: Vec<i8>,
}

impl Patches {
    /// How many photos.
    pub fn len(&self) -> usize {
        self.photos.len()
    }

    /// Whether there is no photo.
    pub fn is_empty(&self) -> bool {
        self.photos.is_empty()
    }

    /// Bytes of so many photos in a file, without its header.
    pub fn bytes(photos: usize, each: usize, dim: usize) -> u64 {
        (photos * (4 + each * (2 + dim))) as u64
    }

    /// The codes of photo `i`, `[each, dim]`.
    pub fn codes(&self, i: usize) -> &[i8] {
        &self.codes[i * self.each * self.dim..][..self.each * self.dim]
    }

    /// Column and row of a patch of photo `i`.
    pub fn position(&self, i: usize, patch: usize) -> [f64; 2] {
        let (cell, columns) = (usize::from(self.cells[i * self.each + patch]), self.map[1].max(1));
        [(cell % columns) as f64, (cell / columns) as f64]
    }

    /// Where each photo stands here.
    pub fn places(&self) -> HashMap<u32, usize> {
        self.photos.iter().copied().zip(0..).collect()
    }

    /// Whether other patches may stand behind these.
    pub fn is_like(&self, other: &Patches) -> bool {
        (self.map, self.each, self.dim) == (other.map, other.each, other.dim)
    }

    /// Puts other photos behind these.
    ///
    /// # Errors
    /// When they are of another map.
    pub fn append(&mut self, other: Patches) -> Result<(), RetrieveError> {
        if !self.is_like(&other) {
            let (expected, found) = (self.each * self.dim, other.each * other.dim);
            return Err(RetrieveError::Shape { what: "numbers in a photo's patches, on one map", expected, found });
        }
        self.photos.extend(other.photos);
        self.cells.extend(other.cells);
        self.codes.extend(other.codes);
        Ok(())
    }

    /// Checks that lengths fit, that each photo stands here once, and its patches on the map, each at its own place.
    ///
    /// # Errors
    /// Names what does not fit.
    pub fn check(&self) -> Result<(), RetrieveError> {
        let patches = self.len() * self.each;
        for (what, expected, found) in [
            ("places of patches [n, each]", patches, self.cells.len()),
            ("numbers of patches [n, each, dim]", patches * self.dim, self.codes.len()),
        ] {
            if expected != found {
                return Err(RetrieveError::Shape { what, expected, found });
            }
        }
        let mut seen = std::collections::HashSet::with_capacity(self.len());
        if let Some(&photo) = self.photos.iter().find(|&&photo| !seen.insert(photo)) {
            return Err(RetrieveError::Duplicate { photo });
        }
        let places = self.map[0] * self.map[1];
        for cells in self.cells.chunks_exact(self.each.max(1)) {
            let ascends = cells.windows(2).all(|pair| pair[0] < pair[1]);
            let last = cells.last().map_or(0, |&cell| usize::from(cell));
            if !ascends || last >= places {
                let what = "places of a photo's patches on the map, ascending, below";
                return Err(RetrieveError::Shape { what, expected: places, found: last });
            }
        }
        Ok(())
    }

    /// Writes safetensors: `photos` u32 `[n]`, `map` u32 `[2]`, `cells` u16 `[n, each]`, `codes` i8 `[n, each, dim]`.
    ///
    /// # Errors
    /// When [`Patches::check`] fails or the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), RetrieveError> {
        self.check()?;
        let (n, map) = (self.len(), self.map.map(|side| side as u32));
        tensor_file::save(
            path,
            &[
                Column { name: "photos", shape: vec![n], numbers: Numbers::U32(&self.photos) },
                Column { name: "map", shape: vec![2], numbers: Numbers::U32(&map) },
                Column { name: "cells", shape: vec![n, self.each], numbers: Numbers::U16(&self.cells) },
                Column { name: "codes", shape: vec![n, self.each, self.dim], numbers: Numbers::I8(&self.codes) },
            ],
        )
    }

    /// Reads what [`Patches::save`] wrote.
    ///
    /// # Errors
    /// When the file cannot be read, is cut short, has other tensors or shapes, or fails [`Patches::check`].
    pub fn load(path: &Path) -> Result<Patches, RetrieveError> {
        let bad = |why: String| RetrieveError::BadFile { path: path.to_owned(), kind: "patches", why };
        let mut file = tensor_file::open(path, "patches")?;
        let (_, photos) = file.u32s("photos")?;
        let (_, map) = file.u32s("map")?;
        let (cells_shape, cells) = file.u16s("cells")?;
        let (shape, codes) = file.i8s("codes")?;
        let (&[rows, columns], &[n, each, dim]) = (&map[..], &shape[..]) else {
            return Err(bad(format!("map is {map:?} and codes have shape {shape:?}, not [n, each, dim]")));
        };
        if n != photos.len() || cells_shape != [n, each] {
            return Err(bad(format!("{} photos, cells {cells_shape:?} and codes {shape:?} do not fit", photos.len())));
        }
        let patches = Patches { map: [rows as usize, columns as usize], each, dim, photos, cells, codes };
        patches.check().map_err(|e| bad(e.to_string()))?;
        Ok(patches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_hold_the_same_patches_and_no_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p.safetensors");
        let codes = vec![127, -127, 0, 5, 1, 2, 3, 127];
        let patches = Patches { map: [2, 3], each: 2, dim: 2, photos: vec![9, 4], cells: vec![0, 5, 1, 2], codes };
        patches.save(&path).unwrap();
        assert_eq!(Patches::load(&path).unwrap(), patches);
        assert_eq!(std::fs::metadata(&path).unwrap().len() % 2, 0);
        assert_eq!(Patches::bytes(2, 2, 2), 24);
        assert_eq!((patches.position(0, 1), patches.codes(1)), ([2.0, 1.0], &[1, 2, 3, 127][..]));
        for (cells, what) in [(vec![0, 6, 1, 2], "below"), (vec![3, 3, 1, 2], "ascending"), (vec![0], "[n, each]")] {
            let error = Patches { cells, ..patches.clone() }.save(&path).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
        let twice = Patches { photos: vec![4, 4], ..patches.clone() };
        assert_eq!(twice.check().unwrap_err().to_string(), "photo 4 is embedded twice; each photo may have one row");
        let mut more = Patches { photos: vec![1], cells: vec![0, 1], codes: vec![0; 4], ..patches.clone() };
        more.append(patches.clone()).unwrap();
        assert_eq!((more.photos.clone(), more.places()[&4]), (vec![1, 9, 4], 2));
        assert!(more.append(Patches { map: [3, 2], ..patches }).is_err());
    }
}
