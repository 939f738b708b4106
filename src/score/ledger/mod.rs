//! Every file that was made to be handed in, what the leaderboard said of it, and which are final.
//!
//! `ledger.jsonl` is for git and for people: JSON, one object a line, appended and never rewritten ([`mod@file`]). A line is one of three
//! kinds: a submission, a number on the leaderboard, a final mark. A later line about the same file takes the earlier one's place, and both stay
//! as history. From the lines come
//!
//! - [`agree`]: whether the leaderboard orders submissions as cross-validation does, and which do not fit in;
//! - [`shake`]: what the private score will be, how likely two submissions change places, which pair is best kept.

pub mod agree;
pub mod file;
pub mod shake;

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::base::{Key, Time};

pub use file::{amend, append, load};

/// One file that was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The file's name when it was written.
    pub file: PathBuf,
    /// BLAKE3 of its bytes.
    pub file_hash: Key,
    /// The recipe's name.
    pub recipe: String,
    /// Hash of the recipe as it was run, with all that it extends.
    pub recipe_hash: Key,
    /// What was measured: "MRR@20".
    pub metric: String,
    /// The score in cross-validation, when the recipe has one.
    pub cv: Option<f64>,
    /// Its 95 % interval.
    pub interval: Option<[f64; 2]>,
    /// When it was written, in whole seconds.
    pub date: Time,
    /// Queries that were answered by a filler, since their pictures cannot be used.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub filled: usize,
    /// The rung of the ladder whose networks answered.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rung: String,
    /// The score of each training: one a fold, or one a fold and seed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folds: Vec<f64>,
    /// The post steps, in order, each as `alpha-qe k = 5, alpha = 3`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub post: Vec<String>,
    /// The trainings whose networks answered: "fold 0", "all data".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<String>,
    /// The keys of all stages that it came from, by name and part.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stages: BTreeMap<String, Key>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// A part of the test queries with a leaderboard of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Shown while the competition runs.
    Public,
    /// Shown at its end.
    Private,
}

/// A number on the leaderboard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Placed {
    /// Which submission.
    pub file_hash: Key,
    /// Which leaderboard.
    pub part: Part,
    /// The number, 0 to 1.
    pub score: f64,
    /// How many decimals were shown.
    pub decimals: u32,
    /// When it was handed in, in whole seconds.
    pub date: Time,
}

/// That a submission shall be judged, or no longer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// Which submission.
    pub file_hash: Key,
    /// Whether it shall.
    pub marked: bool,
    /// When that was decided, in whole seconds.
    pub date: Time,
}

/// A line of the ledger.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(clippy::large_enum_variant, reason = "a line is made, written and forgotten")]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Line {
    /// A file was made.
    Submission(Entry),
    /// The leaderboard showed a number.
    Leaderboard(Placed),
    /// A submission was marked as final, or unmarked.
    Final(Mark),
}

/// The ledger as it stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    /// What was made, oldest first.
    pub entries: Vec<Entry>,
    /// What the leaderboard showed, in the order in which it was written down.
    pub placed: Vec<Placed>,
    /// What was marked.
    pub marks: Vec<Mark>,
    /// Numbers (from 1) of lines that are none: cut short by a crash, or edited by hand.
    pub unreadable: Vec<usize>,
    /// Numbers of lines about a file that no line made.
    pub strange: Vec<usize>,
}

/// Why a name means no submission.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfound {
    /// Nothing was made yet.
    #[error("the ledger has no submission yet; toji submit RECIPE makes one")]
    Empty,
    /// There are lines, and none can be read.
    #[error(
        "line {0} of ledger.jsonl cannot be read, and no other line is a submission: mend it, or bring an older copy back"
    )]
    Unreadable(usize),
    /// Nothing has this name.
    #[error(
        "no submission of the ledger has a hash that begins with {0:?}, and none was made by a recipe of this name; toji lb lists them"
    )]
    Unknown(String),
    /// Too few digits.
    #[error("{0:?} is too short for a hash: give {DIGITS} digits or more, or a recipe's name")]
    Short(String),
    /// Several hashes begin so.
    #[error("{text:?} may be {}; give more digits", found.join(" or "))]
    Ambiguous {
        /// What was asked for.
        text: String,
        /// Those that begin so.
        found: Vec<String>,
    },
}

/// The fewest digits of a hash that name a submission.
pub const DIGITS: usize = 4;

impl Ledger {
    /// The newest entry of each file, in the order of these entries.
    pub fn files(&self) -> Vec<&Entry> {
        let mut met = HashSet::new();
        let mut found: Vec<&Entry> = self.entries.iter().rev().filter(|entry| met.insert(entry.file_hash)).collect();
        found.reverse();
        found
    }

    /// The newest entry of a file.
    pub fn entry(&self, hash: &Key) -> Option<&Entry> {
        self.entries.iter().rfind(|entry| entry.file_hash == *hash)
    }

    /// What a leaderboard last said of a file.
    pub fn placed(&self, hash: &Key, part: Part) -> Option<&Placed> {
        self.placed.iter().rfind(|placed| placed.file_hash == *hash && placed.part == part)
    }

    /// Whether a file is marked as final.
    pub fn is_final(&self, hash: &Key) -> bool {
        self.marks.iter().rfind(|mark| mark.file_hash == *hash).is_some_and(|mark| mark.marked)
    }

    /// The files that are marked as final, in the order of [`Ledger::files`].
    pub fn finals(&self) -> Vec<&Entry> {
        self.files().into_iter().filter(|entry| self.is_final(&entry.file_hash)).collect()
    }

    /// The submission that a text means: the newest of a recipe, or the one whose hash begins so.
    ///
    /// # Errors
    /// When there is none, or several hashes begin so.
    pub fn find(&self, text: &str) -> Result<&Entry, Unfound> {
        if let Some(newest) = self.entries.iter().rfind(|entry| entry.recipe == text) {
            return Ok(newest);
        }
        if self.entries.is_empty() {
            return Err(self.unreadable.first().map_or(Unfound::Empty, |line| Unfound::Unreadable(*line)));
        }
        let digits = text.to_ascii_lowercase();
        let is_hash = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hash && digits.len() < DIGITS {
            return Err(Unfound::Short(text.to_owned()));
        }
        let begins = |entry: &&Entry| is_hash && entry.file_hash.to_string().starts_with(&digits);
        match self.files().into_iter().filter(begins).collect::<Vec<_>>().as_slice() {
            [only] => Ok(only),
            [] => Err(Unfound::Unknown(text.to_owned())),
            several => {
                let name = |entry: &&Entry| format!("{} ({})", entry.file_hash.short(), entry.recipe);
                Err(Unfound::Ambiguous { text: text.to_owned(), found: several.iter().map(name).collect() })
            }
        }
    }
}

/// A number as a leaderboard shows it, with its decimals: what is hidden behind the last one is not known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shown {
    /// The number, 0 to 1.
    pub score: f64,
    /// Digits behind the point.
    pub decimals: u32,
}

impl Shown {
    /// Reads a number such as `0.3712`.
    ///
    /// # Errors
    /// What is wrong with it, in words: a percentage is told apart from nonsense.
    pub fn read(text: &str) -> Result<Shown, String> {
        let decimals = text.split_once('.').map_or(0, |(_, rest)| rest.len()) as u32;
        let plain = decimals < 18 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        match text.parse::<f64>() {
            Ok(score) if plain && (0.0..=1.0).contains(&score) => Ok(Shown { score, decimals }),
            Ok(score) if plain && score <= 100.0 => Err(format!(
                "the metric is in 0 to 1; if the leaderboard shows {text} in percent, write {:.*}",
                decimals as usize + 2,
                score / 100.0
            )),
            _ => Err("a number from 0 to 1 as the leaderboard shows it, such as 0.3712".to_owned()),
        }
    }

    /// Half a unit of its last decimal.
    pub fn half(self) -> f64 {
        0.5 * 10f64.powi(-(self.decimals as i32))
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.*}", self.decimals as usize, self.score)
    }
}

impl Placed {
    /// The number as it was shown.
    pub fn shown(&self) -> Shown {
        Shown { score: self.score, decimals: self.decimals }
    }
}

impl From<Entry> for Line {
    fn from(entry: Entry) -> Line {
        Line::Submission(entry)
    }
}

#[cfg(test)]
pub(in crate::score) mod tests {
    use super::*;

    pub(in crate::score) fn entry(recipe: &str) -> Entry {
        Entry {
            file: format!("submissions/{recipe}.csv").into(),
            file_hash: Key::of_bytes(recipe.as_bytes()),
            recipe: recipe.into(),
            recipe_hash: Key::of_bytes(b"text"),
            metric: "MRR@20".into(),
            cv: Some(0.269047619048),
            interval: Some([0.2, 0.3]),
            date: Time(1_700_000_000.0),
            filled: 0,
            rung: "holdout".into(),
            folds: vec![0.25, 0.2875],
            post: vec!["alpha-qe k = 5, alpha = 3".into()],
            networks: vec!["fold 0".into()],
            stages: BTreeMap::from([("score".to_owned(), Key::of_bytes(b"score"))]),
        }
    }

    #[test]
    fn a_later_line_takes_the_place_of_an_earlier_one() {
        let hash = entry("02").file_hash;
        let placed = |score, part| Placed { file_hash: hash, part, score, decimals: 4, date: Time(0.0) };
        let ledger = Ledger {
            entries: vec![entry("02"), entry("03"), Entry { cv: Some(0.5), ..entry("02") }],
            placed: vec![placed(0.3, Part::Public), placed(0.9, Part::Private), placed(0.31, Part::Public)],
            marks: [true, false, true].map(|marked| Mark { file_hash: hash, marked, date: Time(0.0) }).to_vec(),
            ..Ledger::default()
        };
        assert_eq!(ledger.files().iter().map(|e| e.recipe.as_str()).collect::<Vec<_>>(), ["03", "02"]);
        assert_eq!(ledger.entry(&hash).unwrap().cv, Some(0.5));
        assert_eq!(ledger.placed(&hash, Part::Public).unwrap().score, 0.31);
        assert_eq!(ledger.finals().len(), 1);
        assert_eq!((ledger.placed.len(), ledger.marks.len()), (3, 3), "history stays");
    }

    #[test]
    fn a_submission_is_named_by_recipe_or_by_unique_digits() {
        let ledger = Ledger { entries: vec![entry("02"), entry("03"), entry("beef")], ..Ledger::default() };
        let hash = entry("03").file_hash.to_string();
        assert_eq!(ledger.find(&hash[..4]).unwrap().recipe, "03");
        assert_eq!(ledger.find(&hash.to_uppercase()).unwrap().recipe, "03");
        assert_eq!(ledger.find("02").unwrap().recipe, "02");
        assert_eq!(ledger.find("beef").unwrap().recipe, "beef", "a recipe's name comes first");
        assert!(matches!(ledger.find(&hash[..3]), Err(Unfound::Short(_))));
        assert!(matches!(ledger.find("純米"), Err(Unfound::Unknown(_))));
        assert!(matches!(ledger.find(""), Err(Unfound::Unknown(_))));
        assert_eq!(Ledger::default().find("02"), Err(Unfound::Empty));
        // Two hashes with equal beginnings.
        let mut bytes = *entry("03").file_hash.as_bytes();
        bytes[31] ^= 1;
        let twin = Entry { file_hash: Key::from_bytes(bytes), recipe: "twin".into(), ..entry("03") };
        let ledger = Ledger { entries: vec![entry("03"), twin], ..Ledger::default() };
        let Err(Unfound::Ambiguous { found, .. }) = ledger.find(&hash[..8]) else { panic!() };
        assert_eq!(found.len(), 2);
        assert_eq!(ledger.find(&hash).unwrap().recipe, "03");
    }

    #[test]
    fn a_number_keeps_its_decimals() {
        let shown = Shown::read("0.3700").unwrap();
        assert_eq!((shown.to_string(), shown.half()), ("0.3700".to_owned(), 0.00005));
        assert!(Shown::read("37.2").unwrap_err().contains("write 0.372"));
        for wrong in ["", "1e-3", "-0.1", "0,37", "137", "NaN", "+.5", "a third"] {
            assert!(Shown::read(wrong).unwrap_err().contains("0.3712"), "{wrong}");
        }
    }
}
