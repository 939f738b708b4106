//! The points of a curve, which need not be in memory.
//!
//! Takes points as a log tells them, or the place in a run's index where they lie ([`index`](super::index)); gives them as a slice, read when somebody first
//! asks for it, and what most ask for (how many, the ends, the least and greatest value, the smoothed end) without reading anything. A thousand
//! runs of ten thousand points are 160 MB, of which a screen shows a few.

use std::fmt;
use std::ops::Deref;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

/// How much of the smoothed value the points before keep: TensorBoard's exponential mean, whose bias towards zero is taken out.
pub const WEIGHT: f64 = 0.8;

/// Points that a smoothed value can still be told from: [`WEIGHT`] to this power is less than a float's rounding.
const REACH: usize = 256;

/// Points (x, value) with ascending x. Copies share them.
#[derive(Clone, Default)]
pub struct Points {
    /// The points, where they are in memory from the beginning.
    held: Arc<Vec<[f64; 2]>>,
    /// Where they lie otherwise.
    kept: Option<Arc<Lazy>>,
}

struct Lazy {
    kept: Kept,
    read: OnceLock<Vec<[f64; 2]>>,
}

/// Points that lie in a file.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// The run's folder.
    pub folder: Arc<Path>,
    /// The series and the part whose points they are.
    pub name: Arc<(String, String)>,
    /// Where they lie.
    pub place: Place,
}

/// Where a curve's points lie in an index, and what is known without reading them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Bytes before the first point.
    pub at: u64,
    /// How many points.
    pub count: u64,
    /// The first eight bytes of the points' hash.
    pub hash: [u8; 8],
    /// What is asked for most.
    pub ends: Ends,
}

/// What is known of points without looking at them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ends {
    /// The first point.
    pub first: Option<[f64; 2]>,
    /// The last point.
    pub last: Option<[f64; 2]>,
    /// The last value that is a number.
    pub number: Option<f64>,
    /// The least value.
    pub least: Option<f64>,
    /// The greatest value.
    pub greatest: Option<f64>,
    /// The value at the end, smoothed with [`WEIGHT`].
    pub smoothed: Option<f64>,
}

impl Ends {
    /// Those of a curve.
    pub fn of(points: &[[f64; 2]]) -> Ends {
        let numbers = || points.iter().map(|point| point[1]).filter(|value| value.is_finite());
        let tail = &points[points.len().saturating_sub(REACH)..];
        let (mut sum, mut weights) = (0.0, 0.0);
        for value in tail.iter().map(|point| point[1]).filter(|value| value.is_finite()) {
            sum = sum * WEIGHT + value * (1.0 - WEIGHT);
            weights = weights * WEIGHT + (1.0 - WEIGHT);
        }
        Ends {
            first: points.first().copied(),
            last: points.last().copied(),
            number: points.iter().rev().map(|point| point[1]).find(|value| value.is_finite()),
            least: numbers().reduce(f64::min),
            greatest: numbers().reduce(f64::max),
            smoothed: (weights > 0.0).then(|| sum / weights),
        }
    }
}

impl Points {
    /// These points.
    pub fn new(points: Vec<[f64; 2]>) -> Points {
        Points { held: Arc::new(points), kept: None }
    }

    /// Points that lie in an index.
    pub(super) fn kept(kept: Kept) -> Points {
        Points { held: Arc::default(), kept: Some(Arc::new(Lazy { kept, read: OnceLock::new() })) }
    }

    /// Where they lie, if they do in a file.
    pub(super) fn place(&self) -> Option<&Kept> {
        self.kept.as_deref().map(|lazy| &lazy.kept)
    }

    /// Whether they were read into memory from a file.
    pub(super) fn is_read(&self) -> bool {
        self.kept.as_ref().is_some_and(|lazy| lazy.read.get().is_some())
    }

    /// The same points, to be read again.
    pub(super) fn unread(&self) -> Points {
        self.place().cloned().map_or_else(|| self.clone(), Points::kept)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self.kept.as_deref() {
            // Of a log that became another one meanwhile there may be fewer.
            Some(lazy) => lazy.read.get().map_or(lazy.kept.place.count as usize, Vec::len),
            None => self.held.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is known without reading them; of points in memory it is found out anew.
    pub fn ends(&self) -> Ends {
        self.place().map_or_else(|| Ends::of(&self.held), |kept| kept.place.ends)
    }

    /// The first point.
    pub fn first(&self) -> Option<[f64; 2]> {
        self.place().map_or_else(|| self.held.first().copied(), |kept| kept.place.ends.first)
    }

    /// The last point.
    pub fn last(&self) -> Option<[f64; 2]> {
        self.place().map_or_else(|| self.held.last().copied(), |kept| kept.place.ends.last)
    }

    /// The points to be changed: read where they are not, copied where somebody else has them.
    pub fn change(&mut self) -> &mut Vec<[f64; 2]> {
        if self.kept.is_some() {
            *self = Points::new(self.to_vec());
        }
        Arc::make_mut(&mut self.held)
    }
}

impl Deref for Points {
    type Target = [[f64; 2]];

    fn deref(&self) -> &[[f64; 2]] {
        match self.kept.as_deref() {
            Some(lazy) => lazy.read.get_or_init(|| super::index::points(&lazy.kept)),
            None => &self.held,
        }
    }
}

impl PartialEq for Points {
    /// Equal copies are told without reading; so are points in files with equal hashes.
    fn eq(&self, other: &Points) -> bool {
        match (&self.kept, &other.kept) {
            (Some(own), Some(other)) => {
                let key = |lazy: &Lazy| (lazy.kept.place.count, lazy.kept.place.hash);
                Arc::ptr_eq(own, other) || key(own) == key(other)
            }
            (None, None) => Arc::ptr_eq(&self.held, &other.held) || self.held == other.held,
            _ => self.len() == other.len() && **self == **other,
        }
    }
}

impl fmt::Debug for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl From<Vec<[f64; 2]>> for Points {
    fn from(points: Vec<[f64; 2]>) -> Points {
        Points::new(points)
    }
}

impl FromIterator<[f64; 2]> for Points {
    fn from_iter<I: IntoIterator<Item = [f64; 2]>>(points: I) -> Points {
        Points::new(points.into_iter().collect())
    }
}
