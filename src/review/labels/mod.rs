//! Wrong labels: what networks that have not seen a photo think of its label.
//!
//! ```text
//!   embeddings out of fold ─┬─ neighbours ─▶ votes ──────────────────────────┐
//!                           └─ probabilities (or a head's) ─▶ confident ─────┼─ mean of ranks ─▶ suspects
//!   angles to the label's dominant sub-center (ArcFace with sub-centers) ────┘
//! ```
//!
//! The rule of the combined list: each photo has a rank among all photos by each of the evidences that speak of it (the vote against its
//! label; 1 - its self-confidence; the angle), ties share their mean rank, and the score is the mean of these ranks as shares, 1 for the first
//! place in all. A photo is over where the vote is clear and, where there are probabilities, confident learning chose it too; without votes,
//! where it chose it. On a fold of a drawn set (332 held out, 13 wrong, a small network right about 71 %): average precision 0.62, against 0.49
//! of the vote, 0.63 of the self-confidence and 0.46 of the normalized margin, which saturates; over are 16, of which 8 are wrong, where
//! confident learning alone chose 66 with 9.

mod confident;
mod neighbours;
mod probabilities;

use std::collections::BTreeMap;

use super::{Kind, Proposal, Suspect};
use crate::base::text::{fit, plain};
use crate::data::manifest::Manifest;

pub use confident::{Confident, Probabilities};
pub use neighbours::{OutOfFold, Vote, Voting, votes};
pub use probabilities::{Rows, of_cosines, probabilities};

/// [`Vote::against`] from which another label is clear: its share is 0.4 above the given label's.
const CLEAR: f64 = 0.7;

/// What confident learning said, and of whom.
#[derive(Clone, Copy, Debug)]
pub struct Learnt<'a> {
    /// Places in the manifest, in the order of what was said.
    pub photos: &'a [u32],
    /// The manifest's label of each class.
    pub columns: &'a [u32],
    /// What was said.
    pub confident: &'a Confident,
}

/// What is known about labels; each part may be empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence<'a> {
    /// What neighbours voted ([`votes`]).
    pub votes: &'a [Vote],
    /// What confident learning said.
    pub learnt: Option<Learnt<'a>>,
    /// Degrees from each photo of the manifest to its label's dominant sub-center, where it is known.
    pub angles: &'a [Option<f64>],
}

/// All that is known about one photo.
#[derive(Clone, Copy, Default)]
struct Known<'a> {
    vote: Option<&'a Vote>,
    /// Self-confidence, whether it was chosen, the most probable other label.
    learnt: Option<(f64, bool, u32)>,
    angle: Option<f64>,
}

/// The photos whose labels are doubted, by falling score; photos of which only the angle is known are ranked too. Photos that are not in the
/// manifest, or have no label there, are passed over.
pub fn wrong_labels(manifest: &Manifest, evidence: &Evidence<'_>) -> Vec<Suspect> {
    let mut known: BTreeMap<u32, Known<'_>> = BTreeMap::new();
    let labelled = |photo: u32| manifest.photos.get(photo as usize).is_some_and(|photo| photo.label.is_some());
    for vote in evidence.votes.iter().filter(|vote| labelled(vote.photo)) {
        known.entry(vote.photo).or_default().vote = Some(vote);
    }
    if let Some(Learnt { photos, columns, confident }) = evidence.learnt {
        let said = confident.self_confidence.iter().zip(&confident.chosen).zip(&confident.other);
        for (&photo, ((&own, &chosen), &other)) in photos.iter().zip(said).filter(|(photo, _)| labelled(**photo)) {
            let Some(&other) = columns.get(other as usize) else { continue };
            known.entry(photo).or_default().learnt = Some((own, chosen, other));
        }
    }
    for (photo, angle) in (0u32..).zip(evidence.angles) {
        if let Some(angle) = angle.filter(|angle| angle.is_finite() && labelled(photo)) {
            known.entry(photo).or_default().angle = Some(angle);
        }
    }
    let of = |part: &dyn Fn(&Known<'_>) -> Option<f64>| -> BTreeMap<u32, f64> {
        ranks(known.iter().filter_map(|(&photo, known)| Some((photo, part(known)?))).collect())
    };
    let lists = [
        of(&|known| known.vote.map(Vote::against)),
        of(&|known| known.learnt.map(|(own, ..)| 1.0 - own)),
        of(&|known| known.angle),
    ];
    let mut suspects: Vec<Suspect> = known
        .iter()
        .map(|(&photo, known)| {
            let ranks: Vec<f64> = lists.iter().filter_map(|list| list.get(&photo).copied()).collect();
            suspect(manifest, photo, known, ranks.iter().sum::<f64>() / ranks.len().max(1) as f64)
        })
        .collect();
    suspects.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.photo.cmp(&b.photo)));
    suspects
}

/// For each photo the share of the others that are less suspect, those with the same number by half: 0 to 1.
fn ranks(mut numbers: Vec<(u32, f64)>) -> BTreeMap<u32, f64> {
    numbers.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    let last = (numbers.len() as f64 - 1.0).max(1.0);
    let mut below = 0;
    let mut out = BTreeMap::new();
    for same in numbers.chunk_by(|a, b| a.1 == b.1) {
        let rank = below as f64 + (same.len() - 1) as f64 / 2.0;
        out.extend(same.iter().map(|(photo, _)| (*photo, rank / last)));
        below += same.len();
    }
    out
}

fn suspect(manifest: &Manifest, photo: u32, known: &Known<'_>, score: f64) -> Suspect {
    let name = |label: u32| manifest.labels.get(label as usize).map_or("?".to_owned(), |name| fit(&plain(name), 60));
    let vote = known.vote;
    let clear = vote.is_some_and(|vote| vote.against() >= CLEAR);
    let is_over = match (known.learnt, vote) {
        (Some((_, chosen, _)), Some(_)) => chosen && clear,
        (Some((_, chosen, _)), None) => chosen,
        (None, _) => clear,
    };
    let mut why = Vec::new();
    if let Some(vote) = vote {
        let percent = |share: f64| format!("{:.0} %", 100.0 * share);
        why.push(match vote.best == vote.given {
            true => "its neighbours all agree with its label".to_owned(),
            false => format!(
                "neighbours vote {} for {}, {} for its label {}",
                percent(vote.best_share),
                name(vote.best),
                percent(vote.given_share),
                name(vote.given)
            ),
        });
    }
    if let Some((own, chosen, other)) = known.learnt {
        let chosen = if chosen { "confident learning counts it as" } else { "the next likely label is" };
        why.push(format!("{chosen} {} (its own has {:.0} %)", name(other), 100.0 * own));
    }
    if let Some(angle) = known.angle {
        why.push(format!("{angle:.0} degrees from its label's dominant sub-center"));
    }
    let agreed = |vote: &Vote| known.learnt.is_none_or(|(.., other)| other == vote.best);
    Suspect {
        kind: Kind::WrongLabel,
        photo,
        with: vote.map_or(Vec::new(), |vote| vote.near.clone()),
        score,
        is_over,
        reason: why.join("; "),
        proposal: match vote.filter(|vote| clear && agreed(vote)) {
            Some(vote) => Proposal::Relabel(vote.best),
            None => Proposal::Look,
        },
    }
}

#[cfg(test)]
mod tests;
