//! How far up the ladder a recipe is taken.
//!
//! Takes a word, gives how many folds and epochs are wanted. A rung only cuts: the schedule is
//! always the full one, so the next rung goes on from where this one ended. It enters no key.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A rung of the ladder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rung {
    /// The first fold, two epochs: does it run, does it learn at all?
    Smoke,
    /// The first fold, all epochs.
    #[default]
    Holdout,
    /// All folds, all epochs.
    Full,
}

/// Epochs of the lowest rung.
const SMOKE_EPOCHS: usize = 2;

impl Rung {
    /// All rungs, lowest first.
    pub const ALL: [Rung; 3] = [Rung::Smoke, Rung::Holdout, Rung::Full];

    /// How many of `folds` folds are used.
    pub fn folds(self, folds: usize) -> usize {
        match self {
            Rung::Smoke | Rung::Holdout => folds.min(1),
            Rung::Full => folds,
        }
    }

    /// How many of `epochs` epochs are trained.
    pub fn epochs(self, epochs: usize) -> usize {
        match self {
            Rung::Smoke => epochs.min(SMOKE_EPOCHS),
            Rung::Holdout | Rung::Full => epochs,
        }
    }
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rung::Smoke => "smoke",
            Rung::Holdout => "holdout",
            Rung::Full => "full",
        })
    }
}

impl FromStr for Rung {
    type Err = String;

    fn from_str(text: &str) -> Result<Rung, String> {
        Rung::ALL
            .into_iter()
            .find(|rung| rung.to_string() == text)
            .ok_or_else(|| format!("no rung is called {text:?}; there are smoke, holdout, full"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rung_only_cuts() {
        assert_eq!((Rung::Smoke.folds(5), Rung::Smoke.epochs(12)), (1, 2));
        assert_eq!((Rung::Smoke.folds(1), Rung::Smoke.epochs(1)), (1, 1));
        assert_eq!((Rung::Holdout.folds(5), Rung::Holdout.epochs(12)), (1, 12));
        assert_eq!((Rung::Full.folds(5), Rung::Full.epochs(12)), (5, 12));
        for rung in Rung::ALL {
            assert_eq!(rung.to_string().parse::<Rung>(), Ok(rung));
        }
    }
}
