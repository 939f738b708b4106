//! Wrong labels: what networks that have not seen a photo think of its label.
//!
//! ```text
//!   embeddings out of fold ─┬─ neighbours ─▶ votes ──────────────────────────┐
//!                           └─ probabilities (or a head's) ─▶ confident ─────┼─ mean of ranks ─▶ suspects
//!   angles to the label's dominant sub-center (ArcFace with sub-centers) ────┘
//! ```
//!
//! The rule of the combined list: a photo's self-confidence as a share of the mean that photos of its label have, times the share of the vote that is
//! not against its label, is its doubt. Labels differ in how well they are known at all, and of one that is mostly confused a low confidence
//! says nothing; cleanlab takes the label's mean away (`adjust_pred_probs`), which leaves no more than differences between sure labels. The
//! photos are ranked by doubt, where angles are known by the mean of both ranks (ties share theirs), and the score is the rank as a share, 1 for
//! the first place. Average precision on two drawn sets (264 photos, 8 wrong, a network right about 60 %; 1,659, 50 wrong, 48 %): 0.72 and 0.73;
//! the share alone 0.71 and 0.72, self-confidence 0.49 and 0.62, the vote 0.25 and 0.37, the normalized margin, which saturates, 0.17 and 0.19,
//! the confidence less the label's mean 0.16 and 0.14, the mean of the ranks of vote and confidence 0.43 and 0.58. The rule was chosen on these
//! two; benches/README.md has sets that it was not chosen on. How many photos are over is how many the vote clearly and, where there are
//! probabilities, confident learning both doubt (without votes, it alone); which these are the ranks say, as cleanlab prunes by counts.

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

/// What a vote that is all against a label leaves of the trust in it, so that the confidence still tells such photos apart.
const LEFT: f64 = 0.02;

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
    let means = means(manifest, &known);
    let lists = [of_doubt(manifest, &known, &means), of(&|known| known.angle)];
    let mut suspects: Vec<Suspect> = known
        .iter()
        .map(|(&photo, known)| {
            let ranks: Vec<f64> = lists.iter().filter_map(|list| list.get(&photo).copied()).collect();
            suspect(manifest, photo, known, ranks.iter().sum::<f64>() / ranks.len().max(1) as f64)
        })
        .collect();
    suspects.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.photo.cmp(&b.photo)));
    let over = suspects.iter().filter(|suspect| suspect.is_over).count();
    suspects.iter_mut().enumerate().for_each(|(rank, suspect)| suspect.is_over = rank < over);
    suspects
}

/// The mean self-confidence of the photos of each label.
fn means(manifest: &Manifest, known: &BTreeMap<u32, Known<'_>>) -> BTreeMap<u32, f64> {
    let mut sums: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
    for (&photo, known) in known {
        if let (Some(label), Some((own, ..))) = (manifest.photos[photo as usize].label, known.learnt) {
            let (sum, count) = sums.entry(label).or_default();
            *sum += own;
            *count += 1.0;
        }
    }
    sums.into_iter().map(|(label, (sum, count))| (label, sum / count)).collect()
}

/// The ranks by doubt of the photos of which a vote or a confidence is known.
fn of_doubt(manifest: &Manifest, known: &BTreeMap<u32, Known<'_>>, means: &BTreeMap<u32, f64>) -> BTreeMap<u32, f64> {
    let sure = |photo: u32, known: &Known<'_>| {
        let mean = manifest.photos[photo as usize].label.and_then(|label| means.get(&label));
        let share = known.learnt.zip(mean).map(|((own, ..), mean)| own / mean.max(1e-9));
        let vote = known.vote.map(|vote| 1.0 + LEFT - vote.against());
        (share.is_some() || vote.is_some()).then(|| share.unwrap_or(1.0) * vote.unwrap_or(1.0))
    };
    ranks(known.iter().filter_map(|(&photo, known)| Some((photo, -sure(photo, known)?))).collect())
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
