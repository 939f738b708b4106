//! The paired test against the pin, which pays for looking often and for comparing many recipes.
//!
//! Takes two trainings' looks, at the same share of their schedules or after the same time; gives the difference of the means over the queries that both
//! answered, how sure it is, and whether the recipe can be given up. The error of the difference has two parts:
//!
//! - other queries: a bootstrap that draws labels (all queries of one together), since queries of a label hang together. Not
//!   Wilcoxon's test, whose error is too large for reciprocal ranks, which are full of ties (Ihemelandu and Ekstrand 2023, arXiv
//!   2305.02461; Smucker, Allan and Carterette 2007);
//! - other seeds: the spread of the pin's mean between its seeds, measured with three seeds or more. Without it the test knows
//!   nothing of the luck of a training, and says so.
//!
//! Both together make a t statistic whose degrees of freedom follow Welch and Satterthwaite. A recipe is stopped when "it is not
//! worse than the pin" is refused. `alpha` is what all refusals of a training together may cost: it is divided evenly among the
//! looks at which the training can be stopped, which holds however these hang together (Bonferroni; Lan and DeMets 1983 call it
//! spending), and among the recipes that are compared, step by step (Holm 1979).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::pairing::At;
use super::{Case, Course, Look, Verdict, student};
use crate::base::Seed;
use crate::score::bootstrap::{self, COVERAGE};
use crate::score::number::rounded;
use crate::score::{Score, ScoreError};

/// Seeds from which the spread between seeds can be measured.
pub const SEEDS: usize = 3;

/// Labels among the shared queries without which nothing is refused.
pub const LABELS: usize = 5;

/// The settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Paired {
    /// Probability of stopping a recipe that is as good as the pin, over all looks of its training; in (0, 0.5].
    pub alpha: f64,
    /// Share of the full schedule before which only the ends of rungs are looked at, since curves cross early; in [0, 1].
    pub start: f64,
    /// How much worse a recipe may be: 0 stops those that are worse at all.
    pub margin: f64,
    /// Which look of the pin belongs to one of a recipe.
    #[serde(default)]
    pub at: At,
}

/// A recipe beside the pin.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Mean difference over the shared queries, of the seeds' means.
    pub delta: f64,
    /// 95 % interval of it; with the seeds' spread where that is measured.
    pub interval: [f64; 2],
    /// Standard error by the queries that were drawn.
    pub by_queries: f64,
    /// Standard error by the seeds' luck; `None` with fewer than [`SEEDS`] seeds.
    pub by_seeds: Option<f64>,
    /// Degrees of freedom of both together.
    pub df: f64,
    /// The difference in standard deviations of the queries' differences (Cohen's d of pairs).
    pub effect: f64,
    /// Shared queries.
    pub queries: usize,
    /// Labels among them, which are drawn.
    pub groups: usize,
}

impl Comparison {
    /// `mine` beside `pin`, each one score a seed.
    ///
    /// # Errors
    /// When metrics differ or no query is in all of them.
    pub fn of(mine: &[&Score], pin: &[&Score], group: impl Fn(u32) -> u32) -> Result<Comparison, ScoreError> {
        let (Some(first), Some(base)) = (mine.first(), pin.first()) else { return Err(ScoreError::NoQueries) };
        if let Some(other) = mine.iter().chain(pin).find(|other| other.metric != first.metric) {
            return Err(ScoreError::DifferentMetrics { a: first.metric.clone(), b: other.metric.clone() });
        }
        let tables: Vec<BTreeMap<(u32, u32), f64>> = mine.iter().chain(pin).map(|score| by_query(score)).collect();
        let shared: Vec<(u32, u32)> =
            by_query(base).into_keys().filter(|query| tables.iter().all(|table| table.contains_key(query))).collect();
        if shared.is_empty() {
            return Err(ScoreError::NoQueries);
        }
        let (ours, theirs) = tables.split_at(mine.len());
        let mean = |tables: &[BTreeMap<(u32, u32), f64>], query: &(u32, u32)| {
            tables.iter().map(|table| table[query]).sum::<f64>() / tables.len() as f64
        };
        let values: Vec<f64> = shared.iter().map(|query| mean(ours, query) - mean(theirs, query)).collect();
        let groups: Vec<u32> = shared.iter().map(|&(photo, _)| group(photo)).collect();
        let n = values.len() as f64;
        let delta = values.iter().sum::<f64>() / n;
        let spread = (values.iter().map(|v| (v - delta).powi(2)).sum::<f64>() / (n - 1.0).max(1.0)).sqrt();
        let drawn = bootstrap::Drawn::new(&values, Some(&groups), Seed::new(0));
        let (by_queries, count) = (drawn.error(), drawn.groups);
        let of_query = (count as f64 - 1.0).max(1.0);
        let seeds = seed_spread(ours, theirs, &shared);
        let (by_seeds, df) = match seeds {
            Some((error, df)) => {
                let (a, b) = (by_queries.powi(2), error.powi(2));
                let both = if a + b > 0.0 { (a + b).powi(2) / (a * a / of_query + b * b / df) } else { of_query };
                (Some(error), both)
            }
            None => (None, of_query),
        };
        let mut found = Comparison {
            delta: rounded(delta),
            interval: drawn.interval(),
            by_queries,
            by_seeds,
            df,
            effect: if spread > 0.0 { delta / spread } else { 0.0 },
            queries: values.len(),
            groups: count,
        };
        if by_seeds.is_some() {
            let reach = student::quantile(0.5 + COVERAGE / 2.0, df) * found.error();
            found.interval = [rounded(delta - reach), rounded(delta + reach)];
        }
        Ok(found)
    }

    /// Standard error of the difference.
    pub fn error(&self) -> f64 {
        self.by_queries.hypot(self.by_seeds.unwrap_or(0.0))
    }

    /// Probability of a difference as low as this one, or lower, if the true one were `-margin`.
    pub fn p_worse(&self, margin: f64) -> f64 {
        let (distance, error) = (self.delta + margin, self.error());
        // So few labels, or labels that all fall alike, tell nothing of others.
        match self.groups >= LABELS && error > 1e-9 {
            true => student::cdf(distance / error, self.df),
            false => 1.0,
        }
    }
}

/// Each query's part. A photo that is a query several times is numbered.
fn by_query(score: &Score) -> BTreeMap<(u32, u32), f64> {
    let mut met: BTreeMap<u32, u32> = BTreeMap::new();
    let number = |(&photo, &part): (&u32, &f32)| {
        let times = met.entry(photo).or_insert(0);
        *times += 1;
        ((photo, *times), f64::from(part))
    };
    score.queries.iter().zip(&score.per_query).map(number).collect()
}

/// The standard error that the seeds' luck gives to a difference of means, with its degrees of freedom: the variance between seeds,
/// pooled over the sides that have [`SEEDS`] or more.
fn seed_spread(
    ours: &[BTreeMap<(u32, u32), f64>],
    theirs: &[BTreeMap<(u32, u32), f64>],
    shared: &[(u32, u32)],
) -> Option<(f64, f64)> {
    let (mut squares, mut df) = (0.0, 0.0);
    for side in [ours, theirs].into_iter().filter(|side| side.len() >= SEEDS) {
        let means: Vec<f64> = side
            .iter()
            .map(|table| shared.iter().map(|query| table[query]).sum::<f64>() / shared.len() as f64)
            .collect();
        let mean = means.iter().sum::<f64>() / means.len() as f64;
        squares += means.iter().map(|m| (m - mean).powi(2)).sum::<f64>();
        df += means.len() as f64 - 1.0;
    }
    (df > 0.0).then(|| ((squares / df * (1.0 / ours.len() as f64 + 1.0 / theirs.len() as f64)).sqrt(), df))
}

impl Paired {
    /// The looks at which a training can be stopped: ends of rungs, and what comes from `start` on.
    fn chances(&self, case: &Case<'_>) -> usize {
        let course = case.mine;
        let counts = |epoch: usize| epoch == case.rung_end || epoch as f64 >= self.start * course.epochs as f64 - 1e-9;
        let mut epochs = course.planned.clone();
        epochs.extend(course.looks.iter().map(|look| look.epoch));
        epochs.push(case.rung_end);
        epochs.extend(&course.ends);
        epochs.sort_unstable();
        epochs.dedup();
        epochs.into_iter().filter(|epoch| counts(*epoch)).count().max(1)
    }

    /// A recipe's newest look beside the pin's at the same share of the schedule.
    fn compare(&self, course: &Course, share: f64, case: &Case<'_>) -> Option<(Comparison, usize)> {
        let mine = course.until(share)?;
        // The pin's look that belongs to it, of every seed that has it; an older one would be of a weaker pin.
        let epoch = self.at.of(case.pin.first()?, course, mine)?;
        let at = |pin: &'_ Course| pin.looks.iter().find(|look| look.epoch == epoch).cloned();
        let looks: Vec<Look> = case.pin.iter().filter_map(at).collect();
        let pin: Vec<&Score> = looks.iter().map(|look| look.score.as_ref()).collect();
        Comparison::of(&[mine.score.as_ref()], &pin, case.group).ok().map(|found| (found, epoch))
    }

    pub(super) fn judge(&self, case: &Case<'_>) -> Verdict {
        let Some(last) = case.mine.last() else {
            return Verdict::keep(case, "nothing was evaluated yet".to_owned());
        };
        let Some(pin) = case.pin.first() else {
            return Verdict::keep(case, "there is no training of a pinned baseline to compare with".to_owned());
        };
        let share = case.mine.share(last);
        let Some((found, pin_epoch)) = self.compare(case.mine, share, case) else {
            return Verdict::keep(case, self.at.nothing(&pin.recipe));
        };
        let p = found.p_worse(self.margin);
        let looks = self.chances(case);
        let level = self.alpha / looks as f64;
        let others: Vec<f64> = case
            .others
            .iter()
            .filter_map(|other| self.compare(other, share, case))
            .map(|(found, _)| found.p_worse(self.margin))
            .collect();
        let compared = others.len() + 1;
        let refused = holm(p, &others, level);
        let told =
            in_words(&found, &pin.recipe, &self.at.in_words((last.epoch, case.mine.epochs), (pin_epoch, pin.epochs)));
        let early = share < self.start - 1e-9 && last.epoch != case.rung_end;
        let verdict = if refused && !early {
            Verdict::stop(format!("cannot win: {told}; by chance {}", odds(p)))
        } else if refused {
            Verdict::keep(
                case,
                format!("behind, but curves cross before {:.0} % of the schedule: {told}", self.start * 100.0),
            )
        } else if found.interval[0] > 0.0 {
            Verdict::keep(case, format!("better: {told}"))
        } else if found.delta < 0.0 {
            Verdict::keep(case, format!("may still win: {told}"))
        } else {
            Verdict::keep(case, format!("no worse: {told}"))
        };
        let mut verdict = verdict
            .with("delta", found.delta)
            .with("low", found.interval[0])
            .with("high", found.interval[1])
            .with("error_by_queries", found.by_queries)
            .with("df", found.df)
            .with("effect", found.effect)
            .with("p", p)
            .with("level", level)
            .with("looks", looks as f64)
            .with("compared", compared as f64)
            .with("queries", found.queries as f64)
            .with("labels", found.groups as f64)
            .with("epoch", last.epoch as f64)
            .with("pin_epoch", pin_epoch as f64);
        if let Some(error) = found.by_seeds {
            verdict = verdict.with("error_by_seeds", error);
        }
        verdict
    }
}

/// Holm's step-down: whether `p` is refused among `others` when the whole family may err with probability `level`.
fn holm(p: f64, others: &[f64], level: f64) -> bool {
    let mut all: Vec<(f64, bool)> = others.iter().map(|other| (*other, false)).chain([(p, true)]).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let left = all.len();
    for (i, (p, mine)) in all.into_iter().enumerate() {
        if p > level / (left - i) as f64 {
            return false;
        }
        if mine {
            return true;
        }
    }
    false
}

/// `0.034 behind 01-baseline at epoch 3 of 12 (0.017 to 0.051), noise of seeds not measured`.
fn in_words(found: &Comparison, pin: &str, at: &str) -> String {
    let [low, high] = found.interval;
    let (size, side, low, high) = match found.delta < 0.0 {
        true => (-found.delta, "behind", -high, -low),
        false => (found.delta, "ahead of", low, high),
    };
    let noise = if found.by_seeds.is_some() { "with the seeds' noise" } else { "noise not measured" };
    format!("{size:.3} {side} {pin} at {at} (95 % {low:.3} to {high:.3}, {noise})")
}

/// A probability as odds: `1 in 800`.
fn odds(p: f64) -> String {
    match p {
        p if p < 1e-6 => "less than 1 in 1,000,000".to_owned(),
        p => {
            let n = (1.0 / p).round();
            let n = if n >= 100.0 {
                (n / 10f64.powi(n.log10() as i32 - 1)).round() * 10f64.powi(n.log10() as i32 - 1)
            } else {
                n
            };
            format!("1 in {n}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(per_query: Vec<f32>) -> Score {
        let queries = (0..per_query.len() as u32).collect();
        Score { metric: "MRR@20".into(), value: 0.0, interval: [0.0; 2], queries, per_query }
    }

    #[test]
    fn the_error_by_queries_is_the_sandwich() {
        // Two queries a label, with equal differences: as if there were half as many.
        let pin = score(vec![0.5; 200]);
        let mine = score((0..200).map(|i| if i / 2 % 2 == 0 { 0.7 } else { 0.2 }).collect());
        let alone = Comparison::of(&[&mine], &[&pin], |photo| photo).unwrap();
        let paired = Comparison::of(&[&mine], &[&pin], |photo| photo / 2).unwrap();
        assert!((alone.delta + 0.05).abs() < 1e-6);
        // The deviation of ±0.25 over √200 and √100.
        assert!((alone.by_queries - 0.25 / 200f64.sqrt()).abs() < 1e-3, "{alone:?}");
        assert!((paired.by_queries - 0.25 / 100f64.sqrt()).abs() < 1.5e-3, "{paired:?}");
        assert_eq!((paired.groups, paired.queries, paired.by_seeds), (100, 200, None));
    }

    #[test]
    fn three_seeds_measure_the_noise() {
        // The pin's seeds have means 0.4, 0.5, 0.6 on all queries alike: a variance of 0.01.
        let pins: Vec<Score> = [0.4, 0.5, 0.6].into_iter().map(|v| score(vec![v; 50])).collect();
        let pin: Vec<&Score> = pins.iter().collect();
        let found = Comparison::of(&[&score(vec![0.3; 50])], &pin, |photo| photo).unwrap();
        assert!((found.delta + 0.2).abs() < 1e-7 && found.by_queries < 1e-7, "{found:?}");
        assert!((found.by_seeds.unwrap() - (0.01f64 * 4.0 / 3.0).sqrt()).abs() < 1e-7);
        // t of -0.2 / 0.11547 with 2 degrees of freedom (scipy.stats.t.cdf).
        assert!((found.p_worse(0.0) - 0.112_701_665).abs() < 1e-6, "{}", found.p_worse(0.0));
        assert!(found.p_worse(0.3) > 0.5);
        let two = Comparison::of(&[&score(vec![0.3; 50])], &pin[..2], |photo| photo).unwrap();
        assert_eq!(two.by_seeds, None);
    }

    #[test]
    fn holm_steps_down() {
        // 0.01 ≤ 0.05 / 3, 0.02 ≤ 0.05 / 2, 0.06 > 0.05.
        assert!(holm(0.02, &[0.01, 0.06], 0.05) && !holm(0.06, &[0.01, 0.02], 0.05));
        // 0.03 > 0.05 / 3, so nothing is refused, though 0.03 ≤ 0.05.
        assert!(!holm(0.03, &[0.03, 0.9], 0.05));
        assert!(holm(0.05, &[], 0.05));
    }

    #[test]
    fn odds_are_read_by_people() {
        assert_eq!([0.5, 0.04, 0.00123, 1e-9].map(odds), ["1 in 2", "1 in 25", "1 in 810", "less than 1 in 1,000,000"]);
    }
}
