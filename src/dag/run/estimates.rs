//! What stages were thought to take beside what they took.
//!
//! Takes the runs of one machine, whose events say the estimate at a stage's beginning and the seconds at its end; gives the pairs, the newest
//! first, and how good the estimates are in words.

use serde::Serialize;

use super::{Board, StageState};
use crate::base::Time;
use crate::base::text::duration;

/// Shorter stages say nothing of how good estimates are: their time is that of the disk.
const LEAST: f64 = 1.0;

/// One finished stage that had an estimate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// Name of the recipe.
    pub recipe: String,
    /// Stage and part: "fit fold 0".
    pub stage: String,
    /// When it was finished.
    pub at: Time,
    /// Seconds that it was thought to take when it began.
    pub estimate: f64,
    /// Seconds that it took.
    pub seconds: f64,
}

impl Judged {
    /// What it took in units of the estimate; `None` where the estimate was nothing.
    pub fn ratio(&self) -> Option<f64> {
        (self.estimate > 0.0).then(|| self.seconds / self.estimate)
    }

    /// Whether it is long enough to say something.
    fn counts(&self) -> bool {
        self.seconds.max(self.estimate) >= LEAST
    }
}

/// The finished stages of a machine's runs that had an estimate, the newest first.
pub fn judged(board: &Board, machine: &str) -> Vec<Judged> {
    let mut found = Vec::new();
    for run in board.runs().filter(|run| run.told.machine == machine) {
        for stage in &run.told.stages {
            if let (StageState::Finished { seconds, .. }, Some(estimate)) = (&stage.state, stage.expected) {
                let label = format!("{} {}", stage.stage, stage.part).trim_end().to_owned();
                let (recipe, at) = (run.told.recipe.clone(), stage.at);
                found.push(Judged { recipe, stage: label, at, estimate, seconds: *seconds });
            }
        }
    }
    found.sort_by(|a, b| b.at.0.total_cmp(&a.at.0));
    found
}

/// The median ratio of truth to estimate over the stages that took a second or should have.
pub fn median_ratio(judged: &[Judged]) -> Option<f64> {
    quartiles(judged).map(|(_, [_, middle, _])| middle)
}

fn quartiles(judged: &[Judged]) -> Option<(usize, [f64; 3])> {
    let mut ratios: Vec<f64> = judged.iter().filter(|one| one.counts()).filter_map(Judged::ratio).collect();
    ratios.sort_by(f64::total_cmp);
    let last = ratios.len().checked_sub(1)?;
    Some((ratios.len(), [0.25, 0.5, 0.75].map(|share| ratios[(last as f64 * share).round() as usize])))
}

/// "Over 12 stages of a second or more, estimates were a little short: the median stage took 1.2 times its estimate, half of them 0.9 to 1.4
/// times."
pub fn in_words(judged: &[Judged]) -> String {
    let Some((count, [low, middle, high])) = quartiles(judged) else {
        return format!("No stage of {} or more had an estimate here yet.", duration(LEAST));
    };
    let verdict = match middle {
        ..0.5 => "much too long",
        0.5..0.8 => "too long",
        0.8..1.25 => "right",
        1.25..2.0 => "too short",
        _ => "much too short",
    };
    let stages = if count == 1 { "1 stage".to_owned() } else { format!("{count} stages") };
    let spread =
        if count >= 4 { format!("; half of them took {low:.1} to {high:.1} times theirs") } else { String::new() };
    format!("Over {stages}, estimates were {verdict}: the median took {middle:.2} times its estimate{spread}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(estimate: f64, seconds: f64) -> Judged {
        Judged { recipe: "a".into(), stage: "fit".into(), at: Time(0.0), estimate, seconds }
    }

    #[test]
    fn the_median_is_said_in_words() {
        let all = [one(10.0, 12.0), one(10.0, 14.0), one(100.0, 90.0), one(4.0, 8.0), one(0.5, 0.01), one(0.0, 3.0)];
        assert_eq!(median_ratio(&all), Some(1.4));
        insta::assert_snapshot!(in_words(&all), @"Over 4 stages, estimates were too short: the median took 1.40 times its estimate; half of them took 1.2 to 1.4 times theirs.");
        insta::assert_snapshot!(in_words(&all[2..3]), @"Over 1 stage, estimates were right: the median took 0.90 times its estimate.");
        insta::assert_snapshot!(in_words(&all[4..]), @"No stage of 1.0 s or more had an estimate here yet.");
    }
}
