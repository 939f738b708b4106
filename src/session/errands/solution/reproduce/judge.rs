//! How what was made again compares with what was expected.
//!
//! Takes the answers and scores of then and now, and what differs between the machines; gives one of three verdicts. The same bytes are the same, whatever else.
//! Other bytes are within tolerance only where something that can change bits is known to differ (the kind of CPU, the toolchain, …) and the numbers are near: on equal
//! surroundings Toji promises equal bits, so other ones are a fault, however small.

use std::collections::HashMap;
use std::path::Path;

use serde::Serialize;

use super::super::laid::Laid;
use super::{Checked, Made, Source};
use crate::base::{Key, files};
use crate::score::submission::{self, Answer};
use crate::session::SessionError;

/// How much a score may differ where no other tolerance is asked for.
pub const TOLERANCE: f64 = 0.005;

/// Share of the queries that may have another first answer, where only predicting was asked for and so no score is there.
pub const OTHER_FIRST: f64 = 0.01;

/// How it compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The same bytes.
    Same,
    /// Other bytes, for a known reason, and near.
    Within,
    /// Something else.
    Different,
}

/// The comparison.
#[derive(Clone, Debug, Serialize)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// The file that was written.
    pub file: std::path::PathBuf,
    /// BLAKE3 of its bytes.
    pub file_hash: Key,
    /// What it was.
    pub expected_hash: Key,
    /// Queries that it answers.
    pub answered: usize,
    /// Rows, compared with those of then; nothing where the submission of then is not at hand.
    pub rows: Option<Rows>,
    /// The score in cross-validation; nothing where nothing was trained.
    pub score: Option<f64>,
    /// What it was.
    pub expected_score: Option<f64>,
    /// Whether the packed weights came out with the same bytes; nothing where there are none, or nothing was trained.
    pub weights_same: Option<bool>,
    /// Trained networks that have the bytes of then, of how many whose bytes are known.
    pub checkpoints: Option<[usize; 2]>,
    /// Stages that were found in the store and not made.
    pub reused: Vec<String>,
    /// Stages that are other ones than they were.
    pub stages_differ: Vec<String>,
    /// Why bits may differ.
    pub reasons: Vec<String>,
    /// What decided, in a sentence.
    pub why: String,
}

/// Rows of two submissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rows {
    /// Queries of then.
    pub of: usize,
    /// Those with other answers, or none.
    pub differ: usize,
    /// Those whose first answer is another.
    pub other_first: usize,
}

impl Rows {
    /// Compares two submissions query by query; the order of rows does not count.
    pub fn of(then: &[Answer], now: &[Answer]) -> Rows {
        let now: HashMap<&str, &Answer> = now.iter().map(|answer| (answer.query.as_str(), answer)).collect();
        let mut rows = Rows { of: then.len(), ..Rows::default() };
        for was in then {
            let is = now.get(was.query.as_str()).map(|answer| &answer.items);
            rows.differ += usize::from(is != Some(&was.items));
            rows.other_first += usize::from(is.and_then(|items| items.first()) != was.items.first());
        }
        rows
    }
}

/// Compares what was made with what was expected.
///
/// # Errors
/// When the answers cannot be read back.
pub(super) fn judge(
    source: &Source,
    laid: &Laid,
    checked: &Checked,
    made: Made,
    file: &Path,
    tolerance: f64,
) -> Result<Judged, SessionError> {
    let expected = &source.solution.expected;
    let separator = &laid.project.competition.submission.separator;
    let read = |text: &str| submission::answers(text, separator).map_err(SessionError::Unfit);
    let rows = match &source.submission {
        None => None,
        Some(then) => Some(Rows::of(&read(then)?, &read(&files::read_text(file)?)?)),
    };
    let then: HashMap<&str, &Key> = source.solution.run.stages.iter().map(|s| (s.stage.as_str(), &s.key)).collect();
    let other = |(name, key): &&(String, Key)| then.get(name.as_str()).is_some_and(|was| *was != key);
    let stages_differ: Vec<String> = made.stages.iter().filter(other).map(|(name, _)| name.clone()).collect();
    let mut reasons = checked.reasons();
    if let (Some(first), true) = (stages_differ.first(), reasons.is_empty()) {
        reasons.push(format!("this Toji makes {first} otherwise than the one of then"));
    }
    let score = made.score.as_ref().map(|(score, ..)| *score);
    let trained = score.is_some();
    let (verdict, why) = decide(&Compared {
        same_bytes: made.file_hash == expected.file_hash,
        score: score.zip(expected.score),
        rows,
        has_reason: !reasons.is_empty(),
        tolerance,
        metric: &expected.metric,
    });
    let kept: Vec<bool> = expected.checkpoints.iter().filter_map(|was| is_kept(laid, &made, was)).collect();
    let checkpoints = (trained && !kept.is_empty()).then(|| [kept.iter().filter(|same| **same).count(), kept.len()]);
    let weights_same =
        made.packed.filter(|_| trained).zip(source.solution.packed.as_ref()).map(|(is, was)| is == was.blake3);
    Ok(Judged {
        verdict,
        file: file.to_owned(),
        file_hash: made.file_hash,
        expected_hash: expected.file_hash,
        answered: made.rows,
        rows,
        score,
        expected_score: expected.score,
        weights_same,
        checkpoints,
        reused: made.reused,
        stages_differ,
        reasons,
        why,
    })
}

/// Whether a network that was trained again has the bytes of then; nothing where it is not there.
fn is_kept(laid: &Laid, made: &Made, was: &super::super::lock::Checkpoint) -> Option<bool> {
    let (_, key) = made.stages.iter().find(|(name, _)| *name == was.stage)?;
    let meta = laid.project.store.meta("fit", key).ok()??;
    let file = meta.files.iter().find(|file| file.name == crate::learn::train::CHECKPOINT)?;
    Some(file.hash == was.blake3)
}

struct Compared<'a> {
    same_bytes: bool,
    /// Now and then.
    score: Option<(f64, f64)>,
    rows: Option<Rows>,
    has_reason: bool,
    tolerance: f64,
    metric: &'a str,
}

fn decide(found: &Compared<'_>) -> (Verdict, String) {
    let by = found.score.map(|(now, then)| now - then);
    if found.same_bytes {
        // Equal answers with another score: other held-out queries, say, or a measurement of another version.
        return match by.filter(|by| *by != 0.0) {
            Some(by) => (Verdict::Within, format!("the same bytes, and {} differs by {by:+.6}", found.metric)),
            None => (Verdict::Same, "the same bytes".to_owned()),
        };
    }
    let rows = found.rows.map(|rows| {
        format!(", {} of {} rows differ ({} in their first answer)", rows.differ, rows.of, rows.other_first)
    });
    let rows = rows.unwrap_or_default();
    let near = match (by, found.rows) {
        (Some(by), _) => Some((
            by.abs() <= found.tolerance,
            format!("{} differs by {by:+.6}, and {} is tolerated{rows}", found.metric, found.tolerance),
        )),
        (None, Some(Rows { of, other_first, .. })) => {
            let share = other_first as f64 / of.max(1) as f64;
            let told = format!(
                "{:.2} % of the queries have another first answer, and {:.0} % are tolerated{rows}",
                share * 100.0,
                OTHER_FIRST * 100.0
            );
            Some((share <= OTHER_FIRST, told))
        }
        (None, None) => None,
    };
    match near {
        None => (
            Verdict::Different,
            "other bytes, and neither a score nor the submission of then is at hand to say how much".to_owned(),
        ),
        Some((false, told)) => (Verdict::Different, told),
        Some((true, told)) if !found.has_reason => {
            let text = format!(
                "{told}; nothing that can change bits is known to differ, so they should be the same: please tell Toji's authors"
            );
            (Verdict::Different, text)
        }
        Some((true, told)) => (Verdict::Within, told),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(by: Option<f64>, rows: Option<Rows>, has_reason: bool) -> Compared<'static> {
        let score = by.map(|by| (0.5 + by, 0.5));
        Compared { same_bytes: false, score, rows, has_reason, tolerance: TOLERANCE, metric: "MRR@20" }
    }

    #[test]
    fn equal_bytes_are_the_same_and_others_need_a_reason_and_nearness() {
        let rows = |other_first| Some(Rows { of: 200, differ: 30, other_first });
        let verdict = |found: &Compared<'_>| decide(found).0;
        assert_eq!(verdict(&Compared { same_bytes: true, ..found(Some(0.0), None, false) }), Verdict::Same);
        assert_eq!(verdict(&Compared { same_bytes: true, ..found(None, None, false) }), Verdict::Same);
        assert_eq!(verdict(&Compared { same_bytes: true, ..found(Some(0.1), None, false) }), Verdict::Within);
        assert_eq!(verdict(&found(Some(0.004), rows(9), true)), Verdict::Within);
        assert_eq!(verdict(&found(Some(-0.004), rows(9), false)), Verdict::Different);
        assert_eq!(verdict(&found(Some(0.006), rows(0), true)), Verdict::Different);
        assert_eq!(verdict(&found(None, rows(2), true)), Verdict::Within);
        assert_eq!(verdict(&found(None, rows(3), true)), Verdict::Different);
        assert_eq!(verdict(&found(None, None, true)), Verdict::Different);
        insta::assert_snapshot!(decide(&found(Some(0.004), rows(9), true)).1, @"MRR@20 differs by +0.004000, and 0.005 is tolerated, 30 of 200 rows differ (9 in their first answer)");
    }

    #[test]
    fn rows_are_compared_by_query() {
        let answer = |query: &str, items: &[&str]| Answer {
            query: query.into(),
            items: items.iter().map(|&i| i.into()).collect(),
        };
        let then = [answer("1", &["a", "b"]), answer("2", &["c"]), answer("3", &["d", "e"]), answer("4", &["f"])];
        let now = [answer("2", &["c"]), answer("1", &["a", "x"]), answer("3", &["e", "d"])];
        assert_eq!(Rows::of(&then, &now), Rows { of: 4, differ: 3, other_first: 2 });
    }
}
