//! Deciders by rank among recipes.
//!
//! - [`Percentile`] (and [`Median`]): Optuna's: the best value so far against the finished trainings' values at the same epoch;
//! - [`Halving`]: Optuna's SuccessiveHalvingPruner (Li et al. 2018, asynchronous as there);
//! - [`Asha`]: Ray Tune's ASHAScheduler (arXiv 1810.05934), one bracket;
//! - [`TopK`]: the best few after so many epochs go on ("Is One Epoch All You Need", arXiv 2307.15422).
//!
//! None of them knows how sure a difference is. Optuna's "trials" and Ray's are the recipes' trainings here, the pin's among them;
//! their steps are epochs.

use serde::{Deserialize, Serialize};

use super::{Case, Course, Verdict, alone};

/// The trainings that a case's recipe is ranked among.
fn rivals<'a>(case: &'a Case<'_>) -> impl Iterator<Item = &'a Course> {
    // One training of the pin, as of everyone.
    case.others.iter().chain(case.pin.first())
}

fn values(course: &Course) -> impl Iterator<Item = (usize, f64)> {
    course.looks.iter().map(|look| (look.epoch, look.score.value))
}

/// Optuna's MedianPruner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Median {
    /// Finished trainings without which nothing is stopped.
    pub n_startup_trials: usize,
    /// Epochs before which nothing is stopped.
    pub n_warmup_steps: usize,
    /// Epochs between two judgements.
    pub interval_steps: usize,
    /// Values at the same epoch without which nothing is stopped.
    pub n_min_trials: usize,
}

impl Median {
    pub(super) fn percentile(&self) -> Percentile {
        let Median { n_startup_trials, n_warmup_steps, interval_steps, n_min_trials } = *self;
        Percentile { percentile: 50.0, n_startup_trials, n_warmup_steps, interval_steps, n_min_trials }
    }
}

/// Optuna's PercentilePruner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Percentile {
    /// The best so many per cent go on.
    pub percentile: f64,
    /// As [`Median`].
    pub n_startup_trials: usize,
    /// As [`Median`].
    pub n_warmup_steps: usize,
    /// As [`Median`].
    pub interval_steps: usize,
    /// As [`Median`].
    pub n_min_trials: usize,
}

impl Percentile {
    pub(super) fn judge(&self, case: &Case<'_>) -> Verdict {
        let finished: Vec<&Course> = rivals(case).filter(|course| course.complete).collect();
        if finished.is_empty() || finished.len() < self.n_startup_trials {
            let reason = format!("{} of {} recipes are finished", finished.len(), self.n_startup_trials.max(1));
            return Verdict::keep(case, reason);
        }
        let step = case.mine.last().map_or(0, |look| look.epoch);
        if !alone::due(case, self.n_warmup_steps, self.interval_steps) {
            return Verdict::keep(case, "not judged at this epoch".to_owned());
        }
        let at_step = |course: &&Course| values(course).find(|(epoch, _)| *epoch == step).map(|(_, value)| value);
        let others: Vec<f64> = finished.iter().filter_map(at_step).collect();
        let best = values(case.mine).map(|(_, value)| value).filter(|v| !v.is_nan()).fold(f64::NEG_INFINITY, f64::max);
        if best == f64::NEG_INFINITY {
            return Verdict::stop("no score is a number".to_owned());
        }
        let cutoff = percentile(&others, 100.0 - self.percentile).filter(|_| others.len() >= self.n_min_trials);
        let Some(cutoff) = cutoff else {
            return Verdict::keep(case, format!("only {} recipes were evaluated after epoch {step}", others.len()));
        };
        let (share, count) = (self.percentile, others.len());
        let verdict = match best < cutoff {
            true => Verdict::stop(format!(
                "{best:.3} is not among the best {share:.0} % of {count} recipes at epoch {step}, which begin at {cutoff:.3}"
            )),
            false => Verdict::keep(
                case,
                format!("{best:.3} is among the best {share:.0} % of {count} recipes at epoch {step}"),
            ),
        };
        verdict.with("best", best).with("cutoff", cutoff).with("of", count as f64)
    }
}

/// NumPy's nanpercentile, linear; `None` where no value is a number.
fn percentile(values: &[f64], percent: f64) -> Option<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let at = (percent / 100.0).clamp(0.0, 1.0) * last as f64;
    let low = at.floor() as usize;
    let (below, above) = (sorted[low], sorted[(low + 1).min(last)]);
    Some(below + (at - low as f64) * (above - below))
}

/// Optuna's SuccessiveHalvingPruner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Halving {
    /// Epochs of the lowest rung; absent, a hundredth of the longest finished training, at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_resource: Option<usize>,
    /// One in so many goes on, with as many times the epochs.
    pub reduction_factor: usize,
    /// Rungs left out at the beginning.
    pub min_early_stopping_rate: u32,
    /// Values at a rung below which nobody goes on.
    pub bootstrap_count: usize,
}

impl Halving {
    pub(super) fn judge(&self, case: &Case<'_>) -> Verdict {
        // "auto" is settled when the first training is finished; what came before left nothing at any rung, as in Optuna.
        let finished = |course: &&Course| course.complete && course.last().is_some();
        let first = rivals(case).filter(finished).filter_map(Course::last).min_by(|a, b| a.at.total_cmp(&b.at));
        let settled = match self.min_resource {
            Some(least) => Some((least, f64::NEG_INFINITY)),
            None => first.map(|look| ((look.epoch / 100).max(1), look.at)),
        };
        let Some((least, since)) = settled else {
            return Verdict::keep(case, "no recipe is finished, so there is no rung yet".to_owned());
        };
        let promotion = |rung: usize| {
            let power = self.min_early_stopping_rate.saturating_add(u32::try_from(rung).unwrap_or(u32::MAX));
            least.saturating_mul(self.reduction_factor.saturating_pow(power))
        };
        // What a training left at each rung: its value at the first look that was not before the rung's end.
        let left = |course: &Course| -> Vec<f64> {
            let mut rungs = Vec::new();
            let judged = course.looks.iter().filter(|look| look.at > since);
            for (epoch, value) in judged.map(|look| (look.epoch, look.score.value)) {
                while epoch >= promotion(rungs.len()) && !value.is_nan() {
                    rungs.push(value);
                }
            }
            rungs
        };
        let before = case.mine.looks.len().checked_sub(2).map_or(0, |look| left(&case.mine.up_to(look)).len());
        let Some((epoch, value)) = values(case.mine).last() else {
            return Verdict::keep(case, "nothing was evaluated yet".to_owned());
        };
        if value.is_nan() && epoch >= promotion(before) {
            return Verdict::stop("the score is no number".to_owned());
        }
        let others: Vec<Vec<f64>> = rivals(case).map(left).collect();
        let mut rung = before;
        while epoch >= promotion(rung) {
            let mut competing: Vec<f64> = others.iter().filter_map(|rungs| rungs.get(rung)).copied().collect();
            competing.push(value);
            competing.sort_by(|a, b| b.total_cmp(a));
            let (of, place) = (competing.len(), competing.iter().take_while(|other| **other > value).count() + 1);
            let kept = (of / self.reduction_factor.max(1)).max(1);
            let told = format!("{value:.3} is in place {place} of {of} at rung {rung} (epoch {})", promotion(rung));
            if of <= self.bootstrap_count || place > kept {
                let reason = format!("{told}; the best {kept} go on");
                return Verdict::stop(reason)
                    .with("rung", rung as f64)
                    .with("place", place as f64)
                    .with("of", of as f64);
            }
            rung += 1;
            if epoch < promotion(rung) {
                return Verdict::keep(case, told).with("place", place as f64).with("of", of as f64);
            }
        }
        Verdict::keep(case, format!("before the end of rung {rung} (epoch {})", promotion(rung)))
    }
}

/// Ray Tune's ASHAScheduler with one bracket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asha {
    /// Epochs at which a training ends in any case.
    pub max_t: usize,
    /// Epochs before which nothing is stopped.
    pub grace_period: usize,
    /// One in so many goes on, with as many times the epochs.
    pub reduction_factor: f64,
}

impl Asha {
    pub(super) fn judge(&self, case: &Case<'_>) -> Verdict {
        // Everybody's looks in the order in which they came; each is recorded at the highest rung that is due.
        let mut all: Vec<(f64, usize, usize, f64)> = Vec::new();
        let of = |place: usize, course: &Course| -> Vec<(f64, usize, usize, f64)> {
            course.looks.iter().map(|look| (look.at, place, look.epoch, look.score.value)).collect()
        };
        all.extend(of(0, case.mine));
        for (place, course) in rivals(case).enumerate() {
            all.extend(of(place + 1, course));
        }
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        let newest = case.mine.last().map_or(0, |look| look.epoch);
        let (grace, factor) = (self.grace_period.max(1) as f64, self.reduction_factor.max(1.0 + 1e-9));
        let rungs = ((self.max_t as f64 / grace).ln() / factor.ln() + 1.0).max(0.0) as i32;
        let mut recorded: Vec<(f64, Vec<(usize, f64)>)> =
            (0..rungs).rev().map(|rung| (grace * factor.powi(rung), Vec::new())).collect();
        for (_, place, epoch, value) in all {
            let judged = place == 0 && epoch == newest;
            if judged && epoch >= self.max_t {
                return Verdict::enough(format!("epoch {epoch} is the last that is wanted (max_t)"));
            }
            let due = recorded
                .iter_mut()
                .find(|(milestone, seen)| epoch as f64 >= *milestone && seen.iter().all(|(other, _)| *other != place));
            let Some((milestone, seen)) = due else {
                if judged {
                    break;
                }
                continue;
            };
            let earlier: Vec<f64> = seen.iter().map(|(_, value)| *value).collect();
            let cutoff = percentile(&earlier, (1.0 - 1.0 / factor) * 100.0);
            if judged {
                let of = earlier.len() as f64;
                return match cutoff.filter(|cutoff| value < *cutoff) {
                    Some(cutoff) => Verdict::stop(format!(
                        "{value:.3} at epoch {epoch}; {cutoff:.3} is wanted to go on from {milestone:.0}, by {of} earlier recipes"
                    ))
                    .with("cutoff", cutoff)
                    .with("of", of),
                    None => Verdict::keep(case, format!("{value:.3} is enough to go on from epoch {milestone:.0}"))
                        .with("of", of),
                };
            }
            seen.push((place, value));
        }
        Verdict::keep(case, format!("no rung ends at epoch {newest}"))
    }
}

/// The best few go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopK {
    /// How many.
    pub k: usize,
    /// Epochs after which they are chosen.
    pub epochs: usize,
}

impl TopK {
    pub(super) fn judge(&self, case: &Case<'_>) -> Verdict {
        let at = |course: &Course| values(course).find(|(epoch, _)| *epoch >= self.epochs).map(|(_, value)| value);
        let Some(mine) = at(case.mine) else {
            return Verdict::keep(case, format!("chosen after {} epochs", self.epochs));
        };
        let better = |value: f64| value > mine || mine.is_nan();
        let others: Vec<f64> = rivals(case).filter_map(at).collect();
        let (place, of) = (1 + others.iter().filter(|value| better(**value)).count(), others.len() + 1);
        let told = format!("{mine:.3} after {} epochs is in place {place} of {of}", self.epochs);
        let verdict = match place > self.k {
            true => Verdict::stop(format!("{told}; the best {} go on", self.k)),
            false => Verdict::keep(case, told),
        };
        verdict.with("place", place as f64).with("of", of as f64)
    }
}
