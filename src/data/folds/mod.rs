//! Which photos are learnt from, and which examine the model.
//!
//! Takes the manifest, a recipe's `[folds]` and the protocol of `toji.toml`; gives [`Fold`]s. Photos are put in the
//! order of their labels and ids before anything is drawn, so that the order of rows in a table changes nothing.
//! Stratification deals the photos of the label-sorted row out to the folds in turn, which is what scikit-learn's
//! StratifiedKFold computes: no label and no fold differs by more than one.

mod declared;
mod protocol;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;

use crate::base::{Seed, Value};

use super::competition::{Protocol, ProtocolKind};
use super::error::{counted, listed, nearest, quoted};
use super::manifest::{Manifest, Role};

pub use declared::{SECTIONS, TECHNIQUES};

/// One division of the labelled photos; indices into [`Manifest::photos`], ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    /// To learn from.
    pub train: Vec<u32>,
    /// To be looked up.
    pub query: Vec<u32>,
    /// To be found. A query that is also here never answers itself.
    pub gallery: Vec<u32>,
}

/// Raised when a scheme or a protocol gives other folds for the same settings.
pub const VERSION: u32 = 1;

/// Why there are no folds.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// `[folds]` does not fit.
    #[error("[folds]: {0}")]
    Settings(String),
    /// Nothing to learn from.
    #[error("[folds]: no photo {0} has a label")]
    NoLabels(&'static str),
    /// The column is not there.
    #[error("[folds] column: the tables have no column {column} with repeated values; {hint}there is {there}", column = quoted(.column), hint = .nearest.as_ref().map_or_else(String::new, |n| format!("did you mean {}? ", quoted(n))))]
    NoColumn {
        /// The column.
        column: String,
        /// The nearest.
        nearest: Option<String>,
        /// Those that are there, listed.
        there: String,
    },
    /// A value that no photo has.
    #[error("[folds] {key}: no labelled photo has {column} {value}; there is {there}", column = quoted(.column), value = quoted(.value))]
    NoValue {
        /// `train` or `eval`.
        key: &'static str,
        /// The column.
        column: String,
        /// The value.
        value: String,
        /// Those that are there, listed.
        there: String,
    },
    /// More folds than photos.
    #[error("[folds] k = {k}, but only {photos} labelled photos")]
    TooMany {
        /// Folds.
        k: usize,
        /// Photos.
        photos: usize,
    },
    /// A fold has nothing to learn from or nothing to examine with.
    #[error("fold {fold}: {why}")]
    Hollow {
        /// Number of the fold, from 0.
        fold: usize,
        /// What is missing, and what to do.
        why: &'static str,
    },
}

/// `[folds]` as it is written.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "scheme", rename_all = "lowercase")]
enum Scheme {
    Holdout { fraction: f64, seed: u64 },
    Stratified { k: usize, seed: u64 },
    Column { column: String, train: Option<OneOrMore>, eval: Option<OneOrMore> },
    Given,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    fn values(&self) -> &[String] {
        match self {
            OneOrMore::One(one) => std::slice::from_ref(one),
            OneOrMore::More(more) => more,
        }
    }
}

/// The folds of a recipe: `settings` is its canonical `[folds]` table.
///
/// # Errors
/// When the settings do not fit the data, or a fold would have nothing to learn from or no query.
pub fn folds(manifest: &Manifest, settings: &Value, protocol: &Protocol) -> Result<Vec<Fold>, FoldError> {
    let scheme: Scheme = settings.decode().map_err(|e| FoldError::Settings(e.to_string()))?;
    let divisions = match &scheme {
        Scheme::Holdout { fraction, seed } => {
            let sorted = by_label(manifest, &trainable(manifest)?, Seed::new(*seed).named("folds"));
            // Photo p of the row is held out when p × fraction passes a whole number: of n photos of a label
            // n × fraction, give or take one.
            let part = |p: usize| (p as f64 * fraction).floor();
            let held = |p: usize| part(p + 1) > part(p);
            let pick = |wanted: bool| {
                sorted.iter().enumerate().filter(|(p, _)| held(*p) == wanted).map(|(_, photo)| *photo).collect()
            };
            vec![(pick(false), pick(true))]
        }
        Scheme::Stratified { k, seed } => {
            let pool = trainable(manifest)?;
            if *k < 2 || *k > pool.len() {
                return Err(FoldError::TooMany { k: *k, photos: pool.len() });
            }
            let sorted = by_label(manifest, &pool, Seed::new(*seed).named("folds"));
            let pick = |fold: usize, wanted: bool| {
                sorted.iter().enumerate().filter(|(p, _)| (p % k == fold) == wanted).map(|(_, photo)| *photo).collect()
            };
            (0..*k).map(|fold| (pick(fold, false), pick(fold, true))).collect()
        }
        Scheme::Column { column, train, eval } => by_column(manifest, column, train.as_ref(), eval.as_ref())?,
        Scheme::Given if protocol.kind != ProtocolKind::Given => {
            let message = "scheme = \"given\" needs protocol.kind = \"given\" in toji.toml";
            return Err(FoldError::Settings(message.to_owned()));
        }
        Scheme::Given => {
            let exam = labelled(manifest, &[Role::Query, Role::Gallery, Role::Both]);
            if exam.is_empty() {
                return Err(FoldError::NoLabels("among the tables' queries and gallery"));
            }
            vec![(trainable(manifest)?, exam)]
        }
    };
    divisions
        .into_iter()
        .enumerate()
        .map(|(fold, (mut train, mut held))| {
            train.sort_unstable();
            held.sort_unstable();
            let (query, gallery) = protocol::exam(manifest, &held, protocol);
            let why = match (protocol.kind, train.is_empty(), query.is_empty()) {
                (_, true, _) => "no photo is left to learn from",
                (_, _, false) if gallery.is_empty() => "no held-out photo is in the gallery",
                (_, _, false) => return Ok(Fold { train, query, gallery }),
                (ProtocolKind::OnePerLabel, ..) => {
                    "no label has two held-out photos, so there is no query; take fewer folds or a larger fraction"
                }
                (ProtocolKind::LeaveOneOut, ..) => "no photo is held out",
                (ProtocolKind::Given, ..) => {
                    "no held-out photo is a query of the tables; use scheme = \"given\", or another protocol.kind"
                }
            };
            Err(FoldError::Hollow { fold, why })
        })
        .collect()
}

/// Labelled photos with some roles, ascending.
fn labelled(manifest: &Manifest, roles: &[Role]) -> Vec<u32> {
    manifest.with_role(roles).filter(|&photo| manifest.photos[photo as usize].label.is_some()).collect()
}

fn trainable(manifest: &Manifest) -> Result<Vec<u32>, FoldError> {
    let photos = labelled(manifest, &[Role::Train]);
    if photos.is_empty() { Err(FoldError::NoLabels("for training")) } else { Ok(photos) }
}

/// Photos by the name of their label; within one, shuffled from the order of their ids by a stream of its own.
fn by_label(manifest: &Manifest, photos: &[u32], seed: Seed) -> Vec<u32> {
    protocol::groups(manifest, photos)
        .into_iter()
        .flat_map(|(label, mut members)| {
            seed.named(&manifest.labels[label as usize]).draws().shuffle(&mut members);
            members
        })
        .collect()
}

type Division = (Vec<u32>, Vec<u32>);

fn by_column(
    manifest: &Manifest,
    name: &str,
    train: Option<&OneOrMore>,
    eval: Option<&OneOrMore>,
) -> Result<Vec<Division>, FoldError> {
    let column = manifest.columns.get(name).ok_or_else(|| FoldError::NoColumn {
        column: name.to_owned(),
        nearest: nearest(name, manifest.columns.keys().map(String::as_str)),
        there: listed(manifest.columns.keys()),
    })?;
    let mut with_value: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for photo in labelled(manifest, &[Role::Train, Role::Query, Role::Gallery, Role::Both]) {
        if let Some(value) = column.of_photo[photo as usize] {
            with_value.entry(column.values[value as usize].as_str()).or_default().push(photo);
        }
    }
    let pick = |key: &'static str, wanted: &OneOrMore| -> Result<Vec<u32>, FoldError> {
        let mut photos = Vec::new();
        for value in wanted.values() {
            let found = with_value.get(value.as_str()).ok_or_else(|| FoldError::NoValue {
                key,
                column: name.to_owned(),
                value: value.clone(),
                there: listed(with_value.keys()),
            })?;
            photos.extend(found);
        }
        Ok(photos)
    };
    match (train, eval) {
        (Some(train), Some(eval)) => {
            if let Some(both) = train.values().iter().find(|value| eval.values().contains(value)) {
                return Err(FoldError::Settings(format!("{} is in train and in eval", quoted(both))));
            }
            Ok(vec![(pick("train", train)?, pick("eval", eval)?)])
        }
        (None, None) => {
            let mut values: Vec<&str> = with_value.keys().copied().filter(|value| !value.is_empty()).collect();
            if values.len() < 2 || values.len() > 100 {
                let count = values.len();
                let message =
                    format!("column {} has {count} values; folds need 2 to 100, or name train and eval", quoted(name));
                return Err(FoldError::Settings(message));
            }
            if values.iter().all(|value| value.parse::<u64>().is_ok()) {
                values.sort_by_key(|value| value.parse::<u64>().unwrap_or(0));
            }
            Ok(values
                .iter()
                .map(|held| {
                    let others = values.iter().filter(|value| *value != held);
                    (others.flat_map(|value| with_value[value].iter().copied()).collect(), with_value[held].clone())
                })
                .collect())
        }
        _ => Err(FoldError::Settings("write both train and eval, or neither".to_owned())),
    }
}

/// What a fold is made of, for a table and for notes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composition {
    /// Photos to learn from.
    pub train: usize,
    /// Labels to learn.
    pub labels: usize,
    /// Queries.
    pub queries: usize,
    /// Photos to be found.
    pub gallery: usize,
    /// Names of held-out labels with a single held-out photo: it can answer nobody.
    pub lone: Vec<String>,
    /// Queries without any right answer in the gallery; they score 0.
    pub unanswerable: usize,
    /// Held-out labels that training never sees.
    pub unseen: usize,
}

impl Fold {
    /// What the fold is made of.
    pub fn composition(&self, manifest: &Manifest) -> Composition {
        let labels = |photos: &[u32]| -> BTreeMap<u32, usize> {
            let mut counts = BTreeMap::new();
            for label in photos.iter().filter_map(|&photo| manifest.photos[photo as usize].label) {
                *counts.entry(label).or_insert(0) += 1;
            }
            counts
        };
        let learnt = labels(&self.train);
        let held: BTreeSet<u32> = self.query.iter().chain(&self.gallery).copied().collect();
        let held = labels(&held.into_iter().collect::<Vec<_>>());
        let in_gallery = labels(&self.gallery);
        let answers = |query: u32| {
            let found = manifest.photos[query as usize].label.and_then(|l| in_gallery.get(&l)).copied().unwrap_or(0);
            found - usize::from(found > 0 && self.gallery.binary_search(&query).is_ok())
        };
        Composition {
            train: self.train.len(),
            labels: learnt.len(),
            queries: self.query.len(),
            gallery: self.gallery.len(),
            lone: held
                .iter()
                .filter(|(_, count)| **count == 1)
                .map(|(label, _)| manifest.labels[*label as usize].clone())
                .collect(),
            unanswerable: self.query.iter().filter(|&&query| answers(query) == 0).count(),
            unseen: held.keys().filter(|label| !learnt.contains_key(label)).count(),
        }
    }
}

impl fmt::Display for Composition {
    /// `learns 320 photos of 24 labels, asks 21 of 59 photos; 3 labels with a single held-out photo, …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Composition { train, labels, queries, gallery, lone, unanswerable, unseen } = self;
        let (train, labels) = (counted(*train, "photo"), counted(*labels, "label"));
        write!(f, "learns {train} of {labels}, asks {queries} of {}", counted(*gallery, "photo"))?;
        if !lone.is_empty() {
            let labels = counted(lone.len(), "label");
            write!(f, "; {labels} with a single held-out photo, which can answer nobody: {}", listed(lone))?;
        }
        if *unanswerable > 0 {
            write!(f, "; {unanswerable} of the queries have no right answer and score 0")?;
        }
        if *unseen > 0 {
            write!(f, "; {} held out but never learnt", counted(*unseen, "label"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
