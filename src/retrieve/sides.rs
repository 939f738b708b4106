//! What a chain of post steps works on.
//!
//! Takes queries and gallery, and what label-aware steps need besides: labelled training photos, photos that are known to be no answer, the
//! class logits of both sides, local descriptors. Steps change them in place or rank them; a step that lacks what it needs says what to supply.

use std::sync::Arc;

use super::index::Neighbours;
use super::post::local::Patches;
use super::{Embeddings, RetrieveError};

/// Training photos with labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Labelled {
    /// `[n, dim]`, made by the same network as queries and gallery.
    pub embeddings: Embeddings,
    /// The label of each, `[n]`.
    pub labels: Vec<u32>,
    /// The coarse label of each, `[n]`, where the competition has one.
    pub coarse: Option<Vec<u32>>,
}

impl Labelled {
    /// Checks that lengths fit.
    ///
    /// # Errors
    /// Names what is too short or too long.
    pub fn check(&self) -> Result<(), RetrieveError> {
        self.embeddings.check()?;
        let expected = self.embeddings.len();
        let coarse = self.coarse.as_ref().map_or(expected, Vec::len);
        for (what, found) in [("labels [n]", self.labels.len()), ("coarse labels [n]", coarse)] {
            if found != expected {
                return Err(RetrieveError::Shape { what, expected, found });
            }
        }
        Ok(())
    }
}

/// What the trained head says about both sides: for each photo a number a class, as cosines or as logits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logits {
    /// Classes, `c`.
    pub classes: usize,
    /// `[q, c]`, row-major.
    pub queries: Vec<f32>,
    /// `[g, c]`, row-major.
    pub gallery: Vec<f32>,
}

impl Logits {
    /// Checks that there is a finite number for each photo and class.
    ///
    /// # Errors
    /// Names the side that does not fit.
    pub fn check(&self, queries: usize, gallery: usize) -> Result<(), RetrieveError> {
        if self.classes == 0 {
            return Err(RetrieveError::Shape { what: "classes of logits, at least", expected: 1, found: 0 });
        }
        let sides = [
            ("logits of queries [q, c]", &self.queries, queries),
            ("logits of the gallery [g, c]", &self.gallery, gallery),
        ];
        for (what, numbers, rows) in sides {
            let expected = rows * self.classes;
            // A number that is not finite counts as missing.
            let found = numbers.iter().filter(|x| x.is_finite()).count();
            if found != expected || numbers.len() != expected {
                return Err(RetrieveError::Shape { what, expected, found: found.min(numbers.len()) });
            }
        }
        Ok(())
    }
}

/// Queries and gallery, and what is known besides.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sides {
    /// The queries.
    pub queries: Embeddings,
    /// The gallery.
    pub gallery: Embeddings,
    /// Training photos with labels, for label-aware steps.
    pub labelled: Option<Labelled>,
    /// Photos that are known to be no answer, in the same space.
    pub non_targets: Option<Embeddings>,
    /// Class logits of both sides.
    pub logits: Option<Logits>,
    /// Queries and gallery as the mean of their test-time views, where these were embedded.
    pub views: Option<[Embeddings; 2]>,
    /// Local descriptors of both sides' photos, one set a network.
    pub patches: Vec<Arc<Patches>>,
    /// Who is near whom among the last embeddings, where it is known.
    pub near: Near,
}

/// Searches among one state of the embeddings, done once for all steps that read them; what is missing here is searched where it is
/// needed. More neighbours than a step wants change none of its bits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Near {
    /// The union's graph ([`crate::retrieve::rerank::graph`]).
    pub graph: Option<Neighbours>,
    /// For each query its neighbours in the gallery.
    pub gallery: Option<Neighbours>,
    /// For each query, and for each gallery photo, the nearest labelled photos.
    pub labelled: Option<[Neighbours; 2]>,
}

impl Sides {
    /// Queries and gallery alone.
    pub fn new(queries: Embeddings, gallery: Embeddings) -> Sides {
        Sides { queries, gallery, ..Sides::default() }
    }

    /// Checks lengths, numbers, and that all rows have one dimension.
    ///
    /// # Errors
    /// Names the side that does not fit.
    pub fn check(&self) -> Result<(), RetrieveError> {
        self.queries.check()?;
        self.gallery.check()?;
        let expected = self.gallery.dim;
        let same = |what, found| {
            if found == expected { Ok(()) } else { Err(RetrieveError::Shape { what, expected, found }) }
        };
        same("numbers in a query's embedding, as in the gallery", self.queries.dim)?;
        if let Some(labelled) = &self.labelled {
            labelled.check()?;
            same("numbers in a labelled photo's embedding, as in the gallery", labelled.embeddings.dim)?;
        }
        if let Some(non_targets) = &self.non_targets {
            non_targets.check()?;
            same("numbers in a non-target's embedding, as in the gallery", non_targets.dim)?;
        }
        for patches in &self.patches {
            patches.check()?;
        }
        if let Some(logits) = &self.logits {
            logits.check(self.queries.len(), self.gallery.len())?;
        }
        Ok(())
    }

    /// Every set of embeddings here; steps that only change the space change all of them.
    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut Embeddings> {
        let labelled = self.labelled.as_mut().map(|labelled| &mut labelled.embeddings);
        [&mut self.queries, &mut self.gallery].into_iter().chain(labelled).chain(self.non_targets.as_mut())
    }

    /// The labelled photos.
    ///
    /// # Errors
    /// When there are none: what to supply.
    pub(super) fn labelled(&self, step: &'static str) -> Result<&Labelled, RetrieveError> {
        self.labelled.as_ref().filter(|labelled| !labelled.labels.is_empty()).ok_or_else(|| RetrieveError::Step {
            step,
            why: "it goes by the labels of training photos, and there are none here; embed the training photos too, or leave \
                  the step out"
                .into(),
        })
    }
}
