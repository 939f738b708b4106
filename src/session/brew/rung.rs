//! How far up the ladder a recipe is taken.
//!
//! Takes `[folds] ladder`, or the usual rungs where it is not written; gives, for a rung's name, how many folds, epochs and seeds are
//! wanted. A rung only cuts: the schedule is always the full one, so the next rung goes on from where this one ended. It enters no key.
//! The exception says `images`: it learns from a part of the photos, which is a training of its own.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::graph::decode;
use crate::session::{Recipe, SessionError};

/// A rung of the ladder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// What people call it.
    #[serde(rename = "rung")]
    pub name: String,
    /// How many folds are trained; all where absent.
    #[serde(default)]
    pub folds: Option<usize>,
    /// Epochs after which each training is cut; none where absent.
    #[serde(default)]
    pub epochs: Option<usize>,
    /// Photos to learn from, of every label the same share; all where absent. What is trained on fewer is no prefix of the next rung.
    #[serde(default)]
    pub images: Option<usize>,
    /// Seeds of each fold; one where absent.
    #[serde(default)]
    pub seeds: Option<usize>,
    /// At most so many recipes go on from here; all that may still win where absent.
    #[serde(default)]
    pub keep: Option<usize>,
}

/// The name of the rung that is meant when none is named.
pub const USUAL: &str = "holdout";

/// The name of a rung beside every ladder: the first fold by three seeds, which measure what a seed alone does to a score.
pub const NOISE: &str = "noise";
/// Seeds of it: the fewest that tell a spread.
pub const NOISE_SEEDS: usize = 3;

/// The rungs of a recipe, lowest first; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder {
    rungs: Vec<Rung>,
    noise: Rung,
}

/// One training of a recipe: a fold by a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot {
    /// The fold, from 0; [`Slot::ALL_DATA`] for all labelled photos.
    pub fold: usize,
    /// What is added to the recipe's seed: 0 for its own.
    pub seed: u64,
    /// How many trainings with pseudo-labels come after it: 0 for the one that counts.
    pub ahead: usize,
}

impl Slot {
    /// The fold of a training on all labelled photos, which examines nobody.
    pub const ALL_DATA: usize = usize::MAX;

    /// The training that a stage's part belongs to: "fold 0", "host fold 3", "fold 1 seed +2 stage 2 of 3", "host all data".
    pub fn of_part(part: &str) -> Option<Slot> {
        let mut words = part.split(' ').skip_while(|word| !["fold", "all"].contains(word));
        let fold = match (words.next()?, words.next()?) {
            ("fold", number) => number.parse().ok()?,
            (_, "data") => Slot::ALL_DATA,
            _ => return None,
        };
        let mut words = words.peekable();
        let seed = match words.next_if_eq(&"seed") {
            Some(_) => words.next()?.strip_prefix('+')?.parse().ok()?,
            None => 0,
        };
        let ahead = match words.next_if_eq(&"round") {
            Some(_) => words.next()?.strip_prefix('-')?.parse().ok()?,
            None => 0,
        };
        Some(Slot { fold, seed, ahead })
    }

    /// A fold by the recipe's own seed.
    pub fn of_fold(fold: usize) -> Slot {
        Slot { fold, seed: 0, ahead: 0 }
    }

    /// All labelled photos by the recipe's own seed.
    pub fn of_all_data() -> Slot {
        Slot::of_fold(Slot::ALL_DATA)
    }

    /// Whether it learns from all labelled photos.
    pub fn is_all_data(&self) -> bool {
        self.fold == Slot::ALL_DATA
    }
}

impl fmt::Display for Slot {
    /// `fold 0`, `fold 0 seed +1`, `all data`, `fold 0 round -1` (the training before the one that counts): as stages and events name it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all_data() {
            f.write_str("all data")?
        } else {
            write!(f, "fold {}", self.fold)?
        }
        if self.seed > 0 {
            write!(f, " seed +{}", self.seed)?;
        }
        if self.ahead > 0 { write!(f, " round -{}", self.ahead) } else { Ok(()) }
    }
}

impl Rung {
    fn new(name: &str, folds: Option<usize>, epochs: Option<usize>, seeds: Option<usize>) -> Rung {
        Rung { name: name.to_owned(), folds, epochs, images: None, seeds, keep: None }
    }

    /// How many of `folds` folds are used.
    pub fn folds(&self, folds: usize) -> usize {
        self.folds.map_or(folds, |most| most.min(folds))
    }

    /// How many of `epochs` epochs are trained.
    pub fn epochs(&self, epochs: usize) -> usize {
        self.epochs.map_or(epochs, |most| most.min(epochs))
    }

    /// What is trained of `folds` folds: all of the first seed, then all of the next.
    pub fn slots(&self, folds: usize) -> Vec<Slot> {
        let seeds = self.seeds.unwrap_or(1).max(1) as u64;
        (0..seeds).flat_map(|seed| (0..self.folds(folds)).map(move |fold| Slot { fold, seed, ahead: 0 })).collect()
    }
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Ladder {
    /// The usual one: a try of two epochs, one fold, all folds, all folds by three seeds.
    pub fn usual() -> Ladder {
        Ladder::new(vec![
            Rung::new("smoke", Some(1), Some(2), None),
            Rung::new(USUAL, Some(1), None, None),
            Rung::new("full", None, None, None),
            Rung::new("seeds", None, None, Some(3)),
        ])
    }

    fn new(rungs: Vec<Rung>) -> Ladder {
        Ladder { rungs, noise: Rung::new(NOISE, Some(1), None, Some(NOISE_SEEDS)) }
    }

    /// The ladder of a recipe.
    ///
    /// # Errors
    /// When two rungs have one name, or a rung asks for less than the one below it: no rung would then be a prefix of the next.
    pub fn of(recipe: &Recipe) -> Result<Ladder, SessionError> {
        #[derive(Deserialize)]
        struct Folds {
            #[serde(default)]
            ladder: Vec<Rung>,
        }
        let rungs = decode::<Folds>(recipe, "folds")?.ladder;
        if rungs.is_empty() {
            return Ok(Ladder::usual());
        }
        let all = |count: Option<usize>| count.unwrap_or(usize::MAX);
        for (i, rung) in rungs.iter().enumerate() {
            let name = &rung.name;
            if rungs[..i].iter().any(|other| other.name == *name) {
                return Err(SessionError::Unfit(format!("[folds] ladder: two rungs are called {name}")));
            }
            let Some(below) = i.checked_sub(1).map(|below| &rungs[below]) else { continue };
            // What learns from fewer photos is a training of its own, so it may have more epochs than a rung above it.
            let counts = |of: &Rung| {
                let epochs = if rung.images == below.images { all(of.epochs) } else { 0 };
                [
                    ("folds", all(of.folds)),
                    ("epochs", epochs),
                    ("images", all(of.images)),
                    ("seeds", of.seeds.unwrap_or(1)),
                ]
            };
            if let Some(((what, _), _)) = counts(rung).into_iter().zip(counts(below)).find(|(own, low)| own.1 < low.1) {
                let text = format!(
                    "[folds] ladder: {name} has fewer {what} than {}, which stands below it; a rung goes on from the one below",
                    below.name
                );
                return Err(SessionError::Unfit(text));
            }
        }
        Ok(Ladder::new(rungs))
    }

    /// The rungs, lowest first.
    pub fn rungs(&self) -> &[Rung] {
        &self.rungs
    }

    /// The rungs, and the one beside them.
    pub fn all(&self) -> impl Iterator<Item = &Rung> {
        self.rungs.iter().chain([&self.noise])
    }

    /// The rung of a name, on the ladder or beside it.
    ///
    /// # Errors
    /// When there is none, with those that there are.
    pub fn rung(&self, name: &str) -> Result<&Rung, SessionError> {
        self.all().find(|rung| rung.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.rungs.iter().map(|rung| rung.name.as_str()).collect();
            SessionError::Misuse(format!("no rung is called {name:?}; there are {}, and noise", names.join(", ")))
        })
    }

    /// The rung that is meant when none is named: `holdout`, or the first that trains to the end, or the last.
    pub fn first_choice(&self) -> &Rung {
        let whole = || self.rungs.iter().find(|rung| rung.epochs.is_none());
        let usual = self.rungs.iter().find(|rung| rung.name == USUAL).or_else(whole);
        // A ladder has a rung.
        usual.unwrap_or(&self.rungs[self.rungs.len() - 1])
    }

    /// The rung above one.
    pub fn above(&self, name: &str) -> Option<&Rung> {
        let place = self.rungs.iter().position(|rung| rung.name == name)?;
        self.rungs.get(place + 1)
    }

    /// Epochs after which trainings of the first fold on so many `images` (all where absent) end, of `epochs`; ascending, each once.
    pub fn ends(&self, epochs: usize, images: Option<usize>) -> Vec<usize> {
        let alike = self.rungs.iter().filter(|rung| rung.images == images);
        let mut ends: Vec<usize> = alike.map(|rung| rung.epochs(epochs)).collect();
        ends.sort_unstable();
        ends.dedup();
        ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rung_only_cuts() {
        let ladder = Ladder::usual();
        let rung = |name: &str| ladder.rung(name).unwrap();
        assert_eq!((rung("smoke").folds(5), rung("smoke").epochs(12)), (1, 2));
        assert_eq!((rung("smoke").folds(1), rung("smoke").epochs(1)), (1, 1));
        assert_eq!((rung("holdout").folds(5), rung("holdout").epochs(12)), (1, 12));
        assert_eq!((rung("full").folds(5), rung("full").epochs(12)), (5, 12));
        assert_eq!(ladder.ends(12, None), [2, 12]);
        assert_eq!(ladder.above("smoke").map(|rung| rung.name.as_str()), Some("holdout"));
        assert_eq!((ladder.above("seeds"), ladder.first_choice().name.as_str()), (None, "holdout"));
        assert_eq!(rung(NOISE).slots(5), [0, 1, 2].map(|seed| Slot { fold: 0, seed, ahead: 0 }));
        assert_eq!(ladder.above(NOISE), None);
        let error = ladder.rung("half").unwrap_err().to_string();
        assert!(error.contains("smoke, holdout, full, seeds"), "{error}");
    }

    #[test]
    fn a_part_names_its_fold_first() {
        let parts = ["fold 0", "fold 12", "host fold 3", "fold 1 stage 2 of 3", "fold 4 constant", "", "fold"];
        let folds = parts.map(|part| Slot::of_part(part).map(|slot| slot.fold));
        assert_eq!(folds, [Some(0), Some(12), Some(3), Some(1), Some(4), None, None]);
        for part in ["all data", "host all data", "all data stage 1 of 2"] {
            assert_eq!(Slot::of_part(part), Some(Slot::of_all_data()), "{part}");
        }
        assert_eq!(Slot::of_part(&Slot::of_all_data().to_string()), Some(Slot::of_all_data()));
        assert_eq!(Slot::of_part("all photos"), None);
    }

    #[test]
    fn seeds_come_after_all_folds_of_the_first() {
        let slots = Ladder::usual().rung("seeds").unwrap().slots(2);
        let names: Vec<String> = slots.iter().map(Slot::to_string).collect();
        assert_eq!(names, ["fold 0", "fold 1", "fold 0 seed +1", "fold 1 seed +1", "fold 0 seed +2", "fold 1 seed +2"]);
        assert_eq!(Slot::of_part("host fold 1 seed +2 stage 1 of 2"), Some(Slot { fold: 1, seed: 2, ahead: 0 }));
        let earlier = Slot { fold: 1, seed: 2, ahead: 1 };
        assert_eq!(earlier.to_string(), "fold 1 seed +2 round -1");
        for part in ["fold 1 seed +2 round -1", "host fold 1 seed +2 round -1 stage 1 of 2"] {
            assert_eq!(Slot::of_part(part), Some(earlier), "{part}");
        }
        // Every lower rung's trainings are among a higher one's, in the same order.
        assert!(slots.starts_with(&Ladder::usual().rung("full").unwrap().slots(2)));
    }
}
