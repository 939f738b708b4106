//! Deciders that look at one curve alone.
//!
//! - [`Stopping`]: PyTorch Lightning's `EarlyStopping(mode="max")`: no better for so many looks;
//! - [`Threshold`]: Optuna's `ThresholdPruner`: outside of bounds.
//!
//! Neither knows whether a recipe beats another: both save epochs that bring nothing, and stop what diverged.

use serde::{Deserialize, Serialize};

use super::{Case, Verdict};

/// Lightning's early stopping. `patience` counts looks, not epochs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stopping {
    /// An improvement is a value above the best so far by more than this.
    pub min_delta: f64,
    /// Looks without improvement until it stops.
    pub patience: usize,
    /// A value beyond which nothing better is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopping_threshold: Option<f64>,
    /// A value below which it has diverged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub divergence_threshold: Option<f64>,
}

impl Stopping {
    pub(super) fn judge(&self, case: &Case<'_>) -> Verdict {
        let (mut best, mut waited) = (f64::NEG_INFINITY, 0);
        for look in &case.mine.looks {
            let value = look.score.value;
            let verdict = if !value.is_finite() {
                Some(Verdict::stop("the score is no number".to_owned()))
            } else if self.stopping_threshold.is_some_and(|bound| value > bound) {
                Some(Verdict::enough(format!("{value:.3} is all that is wanted")))
            } else if self.divergence_threshold.is_some_and(|bound| value < bound) {
                Some(Verdict::stop(format!("{value:.3} is so low that it has diverged")))
            } else if value - self.min_delta > best {
                (best, waited) = (value, 0);
                None
            } else {
                waited += 1;
                let long = waited >= self.patience;
                long.then(|| Verdict::enough(format!("no better than {best:.3} in {waited} looks")))
            };
            if let Some(verdict) = verdict {
                return verdict.with("best", best).with("waited", waited as f64);
            }
        }
        let reason = format!("best {best:.3}, {waited} of {} looks without a better one", self.patience);
        Verdict::keep(case, reason).with("best", best).with("waited", waited as f64)
    }
}

/// Optuna's ThresholdPruner; steps are epochs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// Stops below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower: Option<f64>,
    /// Stops above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper: Option<f64>,
    /// Epochs before which it never stops.
    pub n_warmup_steps: usize,
    /// Epochs between two judgements.
    pub interval_steps: usize,
}

impl Threshold {
    pub(super) fn judge(&self, case: &Case<'_>) -> Verdict {
        let Some(last) = case.mine.last().filter(|_| due(case, self.n_warmup_steps, self.interval_steps)) else {
            return Verdict::keep(case, "not judged at this epoch".to_owned());
        };
        let value = last.score.value;
        let below = self.lower.filter(|bound| value < *bound).map(|bound| format!("{value:.3} is below {bound}"));
        let above = self.upper.filter(|bound| value > *bound).map(|bound| format!("{value:.3} is above {bound}"));
        match below.or(above) {
            _ if value.is_nan() => Verdict::stop("the score is no number".to_owned()),
            Some(reason) => Verdict::stop(reason).with("value", value),
            None => Verdict::keep(case, format!("{value:.3} is within the bounds")).with("value", value),
        }
    }
}

/// Whether the newest look is the first in its interval after the warm-up, as Optuna's pruners ask.
pub(super) fn due(case: &Case<'_>, warmup: usize, interval: usize) -> bool {
    let looks = &case.mine.looks;
    let Some(step) = looks.last().map(|look| look.epoch).filter(|step| *step >= warmup) else { return false };
    let interval = interval.max(1);
    let begins = (step - warmup) / interval * interval + warmup;
    looks.iter().rev().nth(1).is_none_or(|before| before.epoch < begins)
}
