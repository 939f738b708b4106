//! Queries and gallery as one set, which graphs are made of.
//!
//! Takes both sides; gives the gallery's rows, and behind them the queries that are not in it. A photo that is in both counts
//! once, with the gallery's row: twice, it would be its own nearest neighbour, and everybody's neighbours would come in pairs.

use std::collections::HashMap;

use crate::retrieve::{Embeddings, RetrieveError};

/// One set of rows.
#[derive(Clone, Debug)]
pub(super) struct Union {
    /// The gallery, then the other queries.
    pub all: Embeddings,
    /// Where each query stands in `all`, `[q]`.
    pub places: Vec<u32>,
    gallery: usize,
}

impl Union {
    /// Both sides as one.
    pub(super) fn of(queries: &Embeddings, gallery: &Embeddings) -> Result<Union, RetrieveError> {
        let known: HashMap<u32, u32> = gallery.photos.iter().copied().zip(0..).collect();
        let (mut photos, mut data) = (gallery.photos.clone(), gallery.data.clone());
        let mut places = Vec::with_capacity(queries.len());
        for (photo, row) in queries.photos.iter().zip(queries.rows()) {
            if let Some(&place) = known.get(photo) {
                places.push(place);
            } else {
                places.push(photos.len() as u32);
                photos.push(*photo);
                data.extend_from_slice(row);
            }
        }
        Ok(Union { all: Embeddings::new(gallery.dim, photos, data)?, places, gallery: gallery.len() })
    }

    /// Rows of the gallery.
    pub(super) fn gallery_len(&self) -> usize {
        self.gallery
    }

    /// The queries with their rows here.
    pub(super) fn queries(&self) -> Result<Embeddings, RetrieveError> {
        let photos: Vec<u32> = self.places.iter().map(|&place| self.all.photos[place as usize]).collect();
        self.all.subset(&photos)
    }
}
