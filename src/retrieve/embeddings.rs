//! One row of numbers a photo.
//!
//! Made by `embed`, changed by `post`, ranked by `index`. A row belongs to a photo by its index in
//! the manifest, never by its place, so subsets and caches cannot be mixed up.

use std::collections::HashSet;
use std::path::Path;

use rayon::prelude::*;

use super::RetrieveError;
use super::tensor_file::{self, Column, Numbers};

/// Rows that a thread takes at a time.
const AT_ONCE: usize = 256;

/// Embeddings of `n` different photos.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embeddings {
    /// Numbers a photo.
    pub dim: usize,
    /// Indices into the manifest, `[n]`, each at most once.
    pub photos: Vec<u32>,
    /// `[n, dim]`, row-major, finite.
    pub data: Vec<f32>,
}

impl Embeddings {
    /// Embeddings whose lengths fit, whose photos differ and whose numbers are finite.
    ///
    /// # Errors
    /// Names the first photo that breaks one of these.
    pub fn new(dim: usize, photos: Vec<u32>, data: Vec<f32>) -> Result<Self, RetrieveError> {
        let embeddings = Embeddings { dim, photos, data };
        embeddings.check()?;
        Ok(embeddings)
    }

    /// Photos whose numbers are not needed, since a step goes by who they are alone: one zero each.
    ///
    /// # Errors
    /// Names a photo that is there twice.
    pub fn named(photos: Vec<u32>) -> Result<Self, RetrieveError> {
        let data = vec![0.0; photos.len()];
        Embeddings::new(1, photos, data)
    }

    /// How many photos.
    pub fn len(&self) -> usize {
        self.photos.len()
    }

    /// Whether there is no photo.
    pub fn is_empty(&self) -> bool {
        self.photos.is_empty()
    }

    /// Row `i`, `[dim]`.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.data[i * self.dim..(i + 1) * self.dim]
    }

    /// All rows in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        // `max(1)`: without dimensions there are no data, and so no rows.
        self.data.chunks_exact(self.dim.max(1))
    }

    /// The rows of some photos, in the given order: queries and gallery of a fold out of one cache.
    ///
    /// # Errors
    /// When a photo has no row.
    pub fn subset(&self, photos: &[u32]) -> Result<Embeddings, RetrieveError> {
        let place: std::collections::HashMap<u32, usize> =
            self.photos.iter().enumerate().map(|(i, &photo)| (photo, i)).collect();
        let at = |photo: &u32| place.get(photo).copied().ok_or(RetrieveError::Missing { photo: *photo });
        let places: Vec<usize> = photos.iter().map(at).collect::<Result<_, _>>()?;
        let mut data = vec![0.0; photos.len() * self.dim];
        let rows = data.par_chunks_exact_mut(self.dim.max(1)).zip(places).with_min_len(AT_ONCE);
        rows.for_each(|(row, i)| row.copy_from_slice(self.row(i)));
        Embeddings::new(self.dim, photos.to_vec(), data)
    }

    /// Checks lengths, photos and numbers; see [`Embeddings::new`].
    ///
    /// # Errors
    /// Names the first photo that breaks one of these.
    pub fn check(&self) -> Result<(), RetrieveError> {
        if self.dim == 0 {
            return Err(RetrieveError::Shape { what: "numbers in an embedding, at least", expected: 1, found: 0 });
        }
        let expected = self.photos.len() * self.dim;
        if self.data.len() != expected {
            let found = self.data.len();
            return Err(RetrieveError::Shape { what: "numbers in embeddings [n, dim]", expected, found });
        }
        let mut seen = HashSet::with_capacity(self.photos.len());
        if let Some(&photo) = self.photos.iter().find(|&&photo| !seen.insert(photo)) {
            return Err(RetrieveError::Duplicate { photo });
        }
        // First all without a branch on each, which takes a fraction of the time.
        let whole = |part: &[f32]| part.iter().fold(true, |all, x| all & x.is_finite());
        if self.data.par_chunks(AT_ONCE * self.dim).all(whole) {
            return Ok(());
        }
        for (row, &photo) in self.rows().zip(&self.photos) {
            if let Some(dimension) = row.iter().position(|x| !x.is_finite()) {
                return Err(RetrieveError::NotFinite { photo, dimension, value: row[dimension] });
            }
        }
        Ok(())
    }

    /// Writes safetensors: `photos` u32 `[n]`, `data` f32 `[n, dim]`. Old file or new, never half.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), RetrieveError> {
        self.check()?;
        let n = self.photos.len();
        tensor_file::save(
            path,
            &[
                Column { name: "photos", shape: vec![n], numbers: Numbers::U32(&self.photos) },
                Column { name: "data", shape: vec![n, self.dim], numbers: Numbers::F32(&self.data) },
            ],
        )
    }

    /// A matrix of numbers that another program wrote as safetensors, `[rows, dim]`: the tensor of the first of `names` that is there, or
    /// the only one of the file. Gives dim and the rows.
    ///
    /// # Errors
    /// When the file cannot be read, or has no such f32 matrix.
    pub fn tensor(path: &Path, names: &[&str]) -> Result<(usize, Vec<f32>), RetrieveError> {
        let bad = |why: String| RetrieveError::BadFile { path: path.to_owned(), kind: "embeddings", why };
        let mut file = tensor_file::open(path, "embeddings")?;
        let there = file.names();
        let named = names.iter().map(|name| (*name).to_owned()).find(|name| there.contains(name));
        let only = || if let [only] = &there[..] { Some(only.clone()) } else { None };
        let Some(name) = named.or_else(only) else {
            return Err(bad(format!(
                "it has the tensors {}; call the one with embeddings {}",
                there.join(", "),
                names[0]
            )));
        };
        match file.f32s(&name)? {
            (shape, data) if shape.len() == 2 && shape[1] > 0 => Ok((shape[1], data)),
            (shape, _) => Err(bad(format!("tensor {name} has shape {shape:?}, not [photos, numbers]"))),
        }
    }

    /// The photos of a file that [`Embeddings::save`] wrote, without its rows.
    ///
    /// # Errors
    /// When the file cannot be read, is cut short, or names no photos.
    pub fn photos_in(path: &Path) -> Result<Vec<u32>, RetrieveError> {
        Ok(tensor_file::open(path, "embeddings")?.u32s("photos")?.1)
    }

    /// Reads what [`Embeddings::save`] wrote, or another program in the same form.
    ///
    /// # Errors
    /// When the file cannot be read, is cut short, has other tensors or shapes, or fails [`Embeddings::check`].
    pub fn load(path: &Path) -> Result<Self, RetrieveError> {
        let bad = |why: String| RetrieveError::BadFile { path: path.to_owned(), kind: "embeddings", why };
        let mut file = tensor_file::open(path, "embeddings")?;
        let (shape, photos) = file.u32s("photos")?;
        let (data_shape, data) = file.f32s("data")?;
        let (&[n], &[rows, dim]) = (&shape[..], &data_shape[..]) else {
            return Err(bad(format!("photos has shape {shape:?} and data {data_shape:?}, not [n] and [n, dim]")));
        };
        if n != rows {
            return Err(bad(format!("{n} photos but {rows} rows of data")));
        }
        Embeddings::new(dim, photos, data).map_err(|e| bad(e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        let twice = Embeddings::new(1, vec![4, 9, 4], vec![0.0; 3]).unwrap_err();
        assert_eq!(twice.to_string(), "photo 4 is embedded twice; each photo may have one row");
        let nan = Embeddings::new(2, vec![4, 9], vec![0.0, 0.0, 1.0, f32::NAN]).unwrap_err();
        assert!(nan.to_string().starts_with("photo 9 has NaN in dimension 1"), "{nan}");
        let short = Embeddings::new(2, vec![4, 9], vec![0.0; 3]).unwrap_err();
        assert_eq!(short.to_string(), "numbers in embeddings [n, dim]: expected 4, found 3");
        assert!(Embeddings::new(0, vec![], vec![]).is_err());
    }

    #[test]
    fn a_subset_goes_by_photo_and_not_by_place() {
        let all = Embeddings::new(2, vec![7, 3, 5], vec![7.0, 7.5, 3.0, 3.5, 5.0, 5.5]).unwrap();
        let some = all.subset(&[5, 7]).unwrap();
        assert_eq!((some.photos, some.data), (vec![5, 7], vec![5.0, 5.5, 7.0, 7.5]));
        assert_eq!(all.subset(&[6]).unwrap_err().to_string(), "photo 6 has no embedding; embed it first");
    }

    #[test]
    fn files_hold_the_same_bits() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("e.safetensors");
        let embeddings = Embeddings::new(3, vec![u32::MAX - 1, 0], vec![0.1, -0.0, 3e-39, 1e38, 2.0, -5.5]).unwrap();
        embeddings.save(&path).unwrap();
        assert_eq!(Embeddings::load(&path).unwrap(), embeddings);
        assert_eq!(Embeddings::photos_in(&path).unwrap(), embeddings.photos);
        assert_eq!(Embeddings::named(embeddings.photos.clone()).unwrap().photos, embeddings.photos);
        let none = Embeddings::new(3, vec![], vec![]).unwrap();
        none.save(&path).unwrap();
        assert_eq!(Embeddings::load(&path).unwrap(), none);
    }
}
