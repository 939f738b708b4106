//! Who is near whom: for each row the nearest of another set, or of its own.
//!
//! Takes what a search finds; gives places (not photos) with their cosines, nearest first, so that steps go on to use the rows. A
//! gallery's neighbours among itself are its graph, which several steps read and which is worth a file: it costs gallery² products,
//! and only `k` of each row are kept.

use std::path::Path;

use crate::retrieve::tensor_file::{self, Column, Numbers};
use crate::retrieve::{NONE, RetrieveError};

/// `q` lists of at most `k` places.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Neighbours {
    /// Places in a list.
    pub k: usize,
    /// `[q, k]`, row-major, nearest first; [`NONE`] fills the end of short lists.
    pub places: Vec<u32>,
    /// `[q, k]` cosines, falling along each list; negative infinity beside [`NONE`].
    pub cosines: Vec<f32>,
    /// `[q]`: the least cosine of each row with any other, where it was asked for; otherwise empty.
    pub least: Vec<f32>,
}

impl Neighbours {
    /// Lists of (cosine, place) as they come out of a search, at most `k` long.
    pub(super) fn of(k: usize, lists: impl ExactSizeIterator<Item = Vec<(f32, u32)>>) -> Neighbours {
        let (mut places, mut cosines) = (Vec::with_capacity(k * lists.len()), Vec::with_capacity(k * lists.len()));
        for list in lists {
            let missing = k - list.len().min(k);
            places.extend(list.iter().map(|&(_, place)| place).chain(std::iter::repeat_n(NONE, missing)));
            cosines.extend(list.iter().map(|&(s, _)| s).chain(std::iter::repeat_n(f32::NEG_INFINITY, missing)));
        }
        Neighbours { k, places, cosines, least: Vec::new() }
    }

    /// How many rows have a list.
    pub fn len(&self) -> usize {
        self.places.len() / self.k.max(1)
    }

    /// Whether there is no list.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The places near row `i`, nearest first, without the filling.
    pub fn list(&self, i: usize) -> &[u32] {
        let row = &self.places[i * self.k..(i + 1) * self.k];
        &row[..row.iter().position(|&place| place == NONE).unwrap_or(self.k)]
    }

    /// (Place, cosine) of those near row `i`, nearest first.
    pub fn pairs(&self, i: usize) -> impl ExactSizeIterator<Item = (u32, f32)> {
        let list = self.list(i);
        list.iter().copied().zip(self.cosines[i * self.k..][..list.len()].iter().copied())
    }

    /// The first `k` of each list; all where there are no more.
    pub fn first(&self, k: usize) -> Neighbours {
        let (k, width) = (k.min(self.k), self.k.max(1));
        let places = self.places.chunks_exact(width).flat_map(|row| row[..k].iter().copied()).collect();
        let cosines = self.cosines.chunks_exact(width).flat_map(|row| row[..k].iter().copied()).collect();
        Neighbours { k, places, cosines, least: self.least.clone() }
    }

    /// Checks the lengths, that nothing follows [`NONE`], and that every place is below `rows`.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn check(&self, rows: usize) -> Result<(), RetrieveError> {
        let expected = self.places.len();
        if self.k == 0 || !expected.is_multiple_of(self.k) {
            return Err(RetrieveError::Shape {
                what: "places [q, k], a multiple of",
                expected: self.k,
                found: expected,
            });
        }
        if self.cosines.len() != expected {
            return Err(RetrieveError::Shape { what: "cosines [q, k]", expected, found: self.cosines.len() });
        }
        if !self.least.is_empty() && self.least.len() != self.len() {
            return Err(RetrieveError::Shape {
                what: "least cosines [q]",
                expected: self.len(),
                found: self.least.len(),
            });
        }
        for (i, row) in self.places.chunks_exact(self.k).enumerate() {
            let list = self.list(i);
            let why = if list.iter().any(|&place| place as usize >= rows) {
                "names a place that is not there"
            } else if row[list.len()..].iter().any(|&place| place != NONE) {
                "goes on after its end"
            } else {
                continue;
            };
            return Err(RetrieveError::BadList { query: i as u32, why });
        }
        Ok(())
    }

    /// Writes safetensors: `places` u32 `[q, k]`, `cosines` f32 `[q, k]`, `least` f32 `[q]` or `[0]`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), RetrieveError> {
        let shape = vec![self.len(), self.k];
        tensor_file::save(
            path,
            &[
                Column { name: "places", shape: shape.clone(), numbers: Numbers::U32(&self.places) },
                Column { name: "cosines", shape, numbers: Numbers::F32(&self.cosines) },
                Column { name: "least", shape: vec![self.least.len()], numbers: Numbers::F32(&self.least) },
            ],
        )
    }

    /// Reads what [`Neighbours::save`] wrote, for lists of places among `rows` rows.
    ///
    /// # Errors
    /// When the file cannot be read, is cut short, has other tensors or shapes, or fails [`Neighbours::check`].
    pub fn load(path: &Path, rows: usize) -> Result<Self, RetrieveError> {
        let bad = |why: String| RetrieveError::BadFile { path: path.to_owned(), kind: "neighbours", why };
        let mut file = tensor_file::open(path, "neighbours")?;
        let (shape, places) = file.u32s("places")?;
        let (cosine_shape, cosines) = file.f32s("cosines")?;
        let (_, least) = file.f32s("least")?;
        let &[_, k] = &shape[..] else {
            return Err(bad(format!("places has shape {shape:?}, not [q, k]")));
        };
        if cosine_shape != shape {
            return Err(bad(format!("places {shape:?} and cosines {cosine_shape:?} do not fit")));
        }
        let neighbours = Neighbours { k, places, cosines, least };
        neighbours.check(rows).map_err(|e| bad(e.to_string()))?;
        Ok(neighbours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph() -> Neighbours {
        let lists = vec![vec![(0.9, 2), (0.5, 1)], vec![(0.4, 0)]];
        Neighbours { least: vec![-0.5, 0.4], ..Neighbours::of(2, lists.into_iter()) }
    }

    #[test]
    fn files_hold_the_same_lists() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("n.safetensors");
        graph().save(&path).unwrap();
        assert_eq!(Neighbours::load(&path, 3).unwrap(), graph());
        let error = Neighbours::load(&path, 2).unwrap_err().to_string();
        assert!(
            error.contains("is no neighbours file: the list of query photo 0 names a place that is not there"),
            "{error}"
        );
        assert_eq!(graph().pairs(1).collect::<Vec<_>>(), [(0, 0.4)]);
        assert_eq!((graph().first(1).list(0), graph().first(9)), (&[2][..], graph()));
    }
}
