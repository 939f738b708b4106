//! A set of photos by what is known of them: ids, labels, roles, a fold.
//!
//! Takes the words of a command; gives places in the manifest, in the order in which ids were named, else in the tables' order (of a fold:
//! queries, then gallery). What several words say holds at once.

use std::collections::{BTreeMap, BTreeSet};

use crate::data::Role;
use crate::data::folds::Fold;
use crate::session::{Photos, SessionError};

/// What photos are for: to the host, or in a fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// To learn from.
    Train,
    /// To be looked up.
    Query,
    /// To be found.
    Gallery,
}

/// Which photos are wanted; empty lists and `None` leave open.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// By id.
    pub ids: Vec<String>,
    /// With one of these labels.
    pub labels: Vec<String>,
    /// For this.
    pub part: Option<Part>,
}

impl Choice {
    /// The photos; with a fold those that it examines (or trains on, where the part says so).
    ///
    /// # Errors
    /// When an id or a label is not there, or nothing is left.
    pub fn photos(&self, photos: &Photos, fold: Option<&Fold>) -> Result<Vec<u32>, SessionError> {
        let manifest = &photos.manifest;
        let mut chosen: Vec<u32> = match (fold, self.part) {
            (None, None) => (0..manifest.photos.len() as u32).collect(),
            (None, Some(Part::Train)) => manifest.with_role(&[Role::Train]).collect(),
            (None, Some(Part::Query)) => manifest.with_role(&[Role::Query, Role::Both]).collect(),
            (None, Some(Part::Gallery)) => manifest.with_role(&[Role::Gallery, Role::Both]).collect(),
            (Some(fold), Some(Part::Train)) => fold.train.clone(),
            (Some(fold), Some(Part::Query)) => fold.query.clone(),
            (Some(fold), Some(Part::Gallery)) => fold.gallery.clone(),
            (Some(fold), None) => {
                let mut met = BTreeSet::new();
                fold.query.iter().chain(&fold.gallery).copied().filter(|photo| met.insert(*photo)).collect()
            }
        };
        if !self.labels.is_empty() {
            let number = |name: &String| {
                manifest.labels.iter().position(|label| label == name).map(|at| at as u32).ok_or_else(|| {
                    let like: Vec<&str> = manifest
                        .labels
                        .iter()
                        .filter(|label| label.contains(name.as_str()))
                        .take(5)
                        .map(|l| &l[..])
                        .collect();
                    let like = if like.is_empty() { String::new() } else { format!("; there is {}", like.join(", ")) };
                    SessionError::Unfit(format!("no label {name:?} among {}{like}", manifest.labels.len()))
                })
            };
            let labels = self.labels.iter().map(number).collect::<Result<BTreeSet<u32>, _>>()?;
            chosen.retain(|photo| {
                manifest.photos.get(*photo as usize).and_then(|photo| photo.label).is_some_and(|l| labels.contains(&l))
            });
        }
        if !self.ids.is_empty() {
            let mut places: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
            for (place, photo) in (0u32..).zip(&manifest.photos) {
                places.entry(photo.id.as_str()).or_default().push(place);
            }
            let allowed: BTreeSet<u32> = chosen.into_iter().collect();
            chosen = Vec::new();
            for id in &self.ids {
                let found = places.get(id.as_str());
                let found = found.ok_or_else(|| SessionError::Unfit(format!("no photo has the id {id:?}")))?;
                chosen.extend(found.iter().filter(|photo| allowed.contains(photo)));
            }
        }
        if chosen.is_empty() {
            return Err(SessionError::Unfit("no photo is all of this at once".to_owned()));
        }
        Ok(chosen)
    }
}
