//! What was handed in, beside the leaderboard.
//!
//! Takes the ledger as the snapshot has it; gives a line a file, how public scores agree with cross-validation, and what the private leaderboard
//! changed. What depends on today (how many may still be handed in) is left out: a report says the same tomorrow.

use serde::Serialize;

use super::subject::Meant;
use super::{Gaps, Lack};
use crate::base::Key;
use crate::score::ledger::agree::Agreement;
use crate::session::Project;
use crate::session::errands::ledger::Submission;
use crate::session::snapshot::Snapshot;

/// What was handed in.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Handed {
    /// A line a file, the newest first.
    pub lines: Vec<Line>,
    /// How the public leaderboard agrees with cross-validation.
    pub agreement: Agreement,
    /// What is worth knowing of the ledger.
    pub notes: Vec<String>,
}

/// A file that was handed in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// BLAKE3 of its bytes.
    pub hash: Key,
    /// The recipe.
    pub recipe: String,
    /// The rung whose networks answered.
    pub rung: String,
    /// When it was made, on the host's clock.
    pub date: String,
    /// The score in cross-validation.
    pub cv: Option<f64>,
    /// Its 95 % interval.
    pub interval: Option<[f64; 2]>,
    /// The public leaderboard's number, as it was shown.
    pub public: Option<(f64, String)>,
    /// The private one's.
    pub private: Option<(f64, String)>,
    /// Its place among these files by the public number, from 1, where the private one is known too.
    pub public_place: Option<usize>,
    /// Its place by the private number.
    pub private_place: Option<usize>,
    /// What was expected of the private leaderboard: mean and 95 % interval.
    pub forecast: Option<(f64, [f64; 2])>,
    /// Whether it is off the line through all.
    pub outlier: bool,
    /// Whether it is marked as final.
    pub is_final: bool,
    /// Whether the report is about it: the file itself, or one of the recipe.
    pub is_subject: bool,
}

/// Tells of it.
pub(super) fn tell(project: &Project, snapshot: &Snapshot, meant: &Meant, gaps: &mut Gaps) -> Handed {
    let standing = &snapshot.ledger;
    let of_subject = |one: &Submission| match &meant.entry {
        Some(entry) => one.hash == entry.file_hash,
        None => one.made.recipe == meant.recipe.name,
    };
    let line = |one: &Submission| Line {
        hash: one.hash,
        recipe: one.made.recipe.clone(),
        rung: one.made.rung.clone(),
        date: one.made.date.clone(),
        cv: one.made.cv,
        interval: one.made.interval,
        public: one.public.as_ref().map(|seen| (seen.score, seen.text.clone())),
        private: one.private.as_ref().map(|seen| (seen.score, seen.text.clone())),
        public_place: None,
        private_place: None,
        forecast: one.forecast.map(|outlook| (outlook.mean, outlook.interval)),
        outlier: one.outlier,
        is_final: one.is_final,
        is_subject: of_subject(one),
    };
    let mut lines: Vec<Line> = standing.submissions.iter().map(line).collect();
    places(&mut lines);
    let name = &meant.recipe.name;
    let own = || lines.iter().filter(|line| line.is_subject);
    gaps.lacks(own().next().is_none(), Lack::Submission, || format!("toji submit {name}"));
    let any = own().next().is_some();
    gaps.lacks(any && own().all(|line| line.public.is_none()), Lack::Public, || format!("toji lb add {name} SCORE"));
    gaps.lacks(any && own().all(|line| line.private.is_none()), Lack::Private, || {
        format!("toji lb add {name} SCORE --private")
    });
    gaps.lacks(any && project.competition.leaderboard.public_share.is_none(), Lack::Split, || {
        "public_share under [leaderboard] of toji.toml".to_owned()
    });
    Handed { lines, agreement: standing.agreement.clone(), notes: standing.notes.clone() }
}

/// Places of the files that have both numbers; equal numbers share the better place.
fn places(lines: &mut [Line]) {
    let both: Vec<(usize, f64, f64)> = lines
        .iter()
        .enumerate()
        .filter_map(|(place, line)| Some((place, line.public.as_ref()?.0, line.private.as_ref()?.0)))
        .collect();
    for &(place, public, private) in &both {
        lines[place].public_place = Some(1 + both.iter().filter(|(_, other, _)| *other > public).count());
        lines[place].private_place = Some(1 + both.iter().filter(|(_, _, other)| *other > private).count());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_among_files_with_both_numbers() {
        let line = |public: Option<f64>, private: Option<f64>| Line {
            hash: Key::of_bytes(b"file"),
            recipe: String::new(),
            rung: String::new(),
            date: String::new(),
            cv: None,
            interval: None,
            public: public.map(|score| (score, score.to_string())),
            private: private.map(|score| (score, score.to_string())),
            public_place: None,
            private_place: None,
            forecast: None,
            outlier: false,
            is_final: false,
            is_subject: false,
        };
        let numbers = [(0.5, Some(0.3)), (0.9, None), (0.4, Some(0.6)), (0.4, Some(0.2))];
        let mut lines: Vec<Line> = numbers.map(|(public, private)| line(Some(public), private)).into();
        places(&mut lines);
        let told: Vec<_> = lines.iter().map(|line| (line.public_place, line.private_place)).collect();
        assert_eq!(told, [(Some(1), Some(2)), (None, None), (Some(2), Some(1)), (Some(2), Some(3))]);
    }
}
