//! What an ensemble gives, and what each member is worth in it.
//!
//! Takes a pool, the fusion and the weights, written or to be searched; gives the weights for each fold, the score, each member alone,
//! the ensemble without each member, all with paired intervals, and how alike the members err. Searched weights are honest: a fold's queries are
//! answered by the weights that the other folds' queries choose, also where a member is left out. With one fold the weights are searched on
//! the queries that they are scored on, which flatters; then a second score is told, for which labels in groups take the folds' place.

use serde::{Deserialize, Serialize};

use super::search::Tries;
use super::{Fusion, Pool, Weights};
use crate::base::Seed;
use crate::base::text::plain;
use crate::score::metric::{Metric, Score};
use crate::score::{Delta, ScoreError, paired};

/// What is asked of a pool.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The metric.
    pub metric: Metric,
    /// Places of a list that count.
    pub k: usize,
    /// The fold of each query, counted from 0 among those that ran, `[q]`.
    pub folds: &'a [u32],
    /// A group of each query's label, `[q]`: what takes the folds' place where there is only one.
    pub groups: &'a [u32],
    /// The label of a photo, whose queries are drawn together.
    pub label: &'a (dyn Fn(u32) -> u32 + Sync),
    /// Of the bootstrap.
    pub seed: Seed,
}

/// An ensemble, weighed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// "MRR@20".
    pub metric: String,
    /// "concat".
    pub fusion: String,
    /// Whether the weights were searched.
    pub searched: bool,
    /// The weights of all folds' queries, of sum 1: for what is handed in.
    pub weights: Vec<f64>,
    /// The weights that answer each fold's queries, in the order of the folds.
    pub by_fold: Vec<Vec<f64>>,
    /// Weights that were tried.
    pub tried: usize,
    /// The score, before the steps of the ensemble's own `[post]`.
    pub value: f64,
    /// Its 95 % interval.
    pub interval: [f64; 2],
    /// Queries.
    pub queries: usize,
    /// The score with weights that other labels chose, where the weights were searched on the queries that they are scored on.
    pub cross_validated: Option<f64>,
    /// Queries whose lists are certainly those of the whole gallery; of a fusion of lists all.
    pub proven: usize,
    /// The members, in the order of the recipe.
    pub members: Vec<Contribution>,
    /// `[m][m]`: the correlation of two members' errors over the queries; nothing where one errs on all alike.
    pub correlation: Vec<Vec<Option<f64>>>,
}

/// What one member is worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    /// Its name.
    pub name: String,
    /// Its weight.
    pub weight: f64,
    /// Its score alone.
    pub alone: f64,
    /// The interval of that.
    pub interval: [f64; 2],
    /// The ensemble against it alone.
    pub gain: Option<Delta>,
    /// The score of the ensemble without it.
    pub without: f64,
    /// The ensemble against the ensemble without it; below zero where it dilutes.
    pub left_out: Option<Delta>,
}

impl Contribution {
    /// Whether the ensemble is better without it, with 95 % confidence.
    pub fn dilutes(&self) -> bool {
        self.left_out.as_ref().is_some_and(|delta| delta.interval[1] < 0.0)
    }

    /// Whether it looks better without it, and may be as good.
    pub fn may_dilute(&self) -> bool {
        !self.dilutes() && self.left_out.as_ref().is_some_and(|delta| delta.value < 0.0)
    }
}

impl Report {
    /// The report for people, a line each.
    pub fn lines(&self) -> Vec<String> {
        let named = |weights: &[f64]| {
            let each =
                self.members.iter().zip(weights).map(|(member, weight)| format!("{} {weight:.2}", plain(&member.name)));
            each.collect::<Vec<_>>().join(", ")
        };
        let how = if self.searched { format!(" (searched, {} tried)", self.tried) } else { String::new() };
        let mut lines = vec![format!("{}: {}{how}", self.fusion, named(&self.weights))];
        if self.searched && self.by_fold.len() > 1 {
            let each = self.by_fold.iter().map(|weights| named(weights)).collect::<Vec<_>>().join("; ");
            lines.push(format!("each fold is answered by the weights of the others: {each}"));
        }
        let [low, high] = self.interval;
        let metric = plain(&self.metric);
        lines.push(format!(
            "{metric} {:.4} [{low:.4}, {high:.4}] over {} queries, before [post]",
            self.value, self.queries
        ));
        if let Some(value) = self.cross_validated {
            lines.push(format!(
                "! with one fold the weights are searched on the same queries that they are scored on; with weights of other labels it is {value:.4}"
            ));
        }
        for member in &self.members {
            let brings = member.left_out.as_ref().map_or_else(String::new, |delta| {
                let [low, high] = delta.interval;
                format!(": brings {:+.4} [{low:+.4}, {high:+.4}]", delta.value)
            });
            lines.push(format!(
                "{} alone {:.4}, the others without it {:.4}{brings}",
                plain(&member.name),
                member.alone,
                member.without
            ));
        }
        for member in self.members.iter().filter(|member| member.dilutes() || member.may_dilute()) {
            lines.push(format!("! {}", self.dilution(member)));
        }
        for (i, a) in self.members.iter().enumerate() {
            for (j, b) in self.members.iter().enumerate().skip(i + 1) {
                if let Some(found) = self.correlation.get(i).and_then(|row| *row.get(j)?) {
                    lines.push(format!("errors of {} and {} correlate by {found:.2}", plain(&a.name), plain(&b.name)));
                }
            }
        }
        if self.proven < self.queries {
            let unsure = self.queries - self.proven;
            lines.push(format!("{unsure} of {} lists may differ here from those of the whole gallery", self.queries));
        }
        lines
    }

    /// What a member that takes more than it gives costs.
    pub fn dilution(&self, member: &Contribution) -> String {
        let word = if member.dilutes() { "dilutes" } else { "may dilute" };
        let by = member.left_out.as_ref().map_or_else(String::new, |delta| {
            let [low, high] = delta.interval;
            format!(" ({:+.4} [{:+.4}, {:+.4}])", -delta.value, -high, -low)
        });
        format!(
            "{} {word}: without it {} {:.4} instead of {:.4}{by}; give it less weight or take it out",
            plain(&member.name),
            plain(&self.metric),
            member.without,
            self.value
        )
    }
}

/// Weighs an ensemble. `names`: of the members.
///
/// # Errors
/// When there is no query.
pub fn report(
    pool: &Pool,
    fusion: Fusion,
    weights: &Weights,
    names: &[String],
    asked: &Asked<'_>,
) -> Result<Report, ScoreError> {
    let (all, folds): (Vec<usize>, usize) =
        ((0..pool.members).collect(), asked.folds.iter().max().map_or(0, |most| *most as usize + 1));
    let mut weigh = Weigh { pool, fusion, asked, tries: tries(pool, fusion, asked, asked.folds), weights, folds };
    let by_fold = weigh.by_fold(&all);
    let together = weigh.over_all(&all);
    let (whole, parts) = weigh.scored(&by_fold)?;
    let mut alone_parts: Vec<Vec<f32>> = Vec::new();
    let mut members = Vec::new();
    for (member, name) in names.iter().enumerate() {
        let (alone, alone_each) = weigh.scored(&vec![only(pool.members, member); folds])?;
        alone_parts.push(alone_each);
        let rest: Vec<usize> = all.iter().copied().filter(|other| *other != member).collect();
        let without_weights = weigh.by_fold(&rest);
        let (without, _) = weigh.scored(&without_weights)?;
        members.push(Contribution {
            name: name.clone(),
            weight: together[member],
            alone: alone.value,
            interval: alone.interval,
            gain: paired(&whole, &alone, asked.label, asked.seed).ok(),
            without: without.value,
            left_out: paired(&whole, &without, asked.label, asked.seed).ok(),
        });
    }
    let cross_validated = if weights.are_searched() && folds == 1 { Some(weigh.by_groups(&all)?) } else { None };
    let factors: Vec<Vec<f64>> = by_fold.iter().map(|weights| fusion.factors(weights)).collect();
    let sure = |query: &usize| pool.is_proven(*query, &factors[asked.folds[*query] as usize], asked.k);
    let proven = if fusion.reads_lists() { parts.len() } else { (0..parts.len()).filter(sure).count() };
    let correlation = alone_parts.iter().map(|a| alone_parts.iter().map(|b| correlation(a, b)).collect()).collect();
    Ok(Report {
        metric: whole.metric.clone(),
        fusion: fusion.name().to_owned(),
        searched: weights.are_searched(),
        weights: together,
        by_fold,
        tried: if weights.are_searched() { weigh.tries.tried() } else { 0 },
        value: whole.value,
        interval: whole.interval,
        queries: parts.len(),
        cross_validated,
        proven,
        members,
        correlation,
    })
}

fn tries<'a>(pool: &'a Pool, fusion: Fusion, asked: &Asked<'a>, owners: &'a [u32]) -> Tries<'a> {
    Tries::new(pool, fusion, (asked.metric, asked.k), owners)
}

/// All weight on one member.
fn only(members: usize, member: usize) -> Vec<f64> {
    (0..members).map(|other| f64::from(u8::from(other == member))).collect()
}

struct Weigh<'a, 'b> {
    pool: &'a Pool,
    fusion: Fusion,
    asked: &'b Asked<'a>,
    tries: Tries<'a>,
    weights: &'b Weights,
    folds: usize,
}

impl Weigh<'_, '_> {
    /// The written weights of some members, of sum 1.
    fn written(&self, among: &[usize]) -> Vec<f64> {
        let written = self.weights.written(self.pool.members);
        let mut kept = vec![0.0; self.pool.members];
        among.iter().for_each(|&member| kept[member] = written[member]);
        let sum: f64 = kept.iter().sum();
        match sum > 0.0 {
            true => kept.iter().map(|weight| weight / sum).collect(),
            // Only members without weight are left: they count alike.
            false => {
                among.iter().for_each(|&member| kept[member] = 1.0 / among.len().max(1) as f64);
                kept
            }
        }
    }

    /// The weights of some members that answer each fold.
    fn by_fold(&mut self, among: &[usize]) -> Vec<Vec<f64>> {
        if !self.weights.are_searched() || among.len() < 2 {
            return vec![self.written(among); self.folds];
        }
        let own = |fold: usize| (self.folds > 1).then_some(fold as u32);
        (0..self.folds).map(own).collect::<Vec<_>>().into_iter().map(|fold| self.tries.best(among, fold)).collect()
    }

    /// The weights of some members over all queries.
    fn over_all(&mut self, among: &[usize]) -> Vec<f64> {
        if self.weights.are_searched() { self.tries.best(among, None) } else { self.written(among) }
    }

    /// The score by each fold's weights, and each query's part in the order of the pool.
    fn scored(&self, by_fold: &[Vec<f64>]) -> Result<(Score, Vec<f32>), ScoreError> {
        self.scored_by(by_fold, self.asked.folds)
    }

    fn scored_by(&self, weights: &[Vec<f64>], owners: &[u32]) -> Result<(Score, Vec<f32>), ScoreError> {
        let factors: Vec<Vec<f64>> = weights.iter().map(|weights| self.fusion.factors(weights)).collect();
        let parts =
            self.pool.parts(self.asked.metric, self.asked.k, &|query| factors[owners[query] as usize].as_slice());
        let (metric, queries) = (self.asked.metric.to_string(), self.pool.photos.clone());
        let score = Score { metric, value: 0.0, interval: [0.0; 2], queries, per_query: parts.clone() };
        Ok((Score::pooled(&[score], self.asked.label, self.asked.seed)?, parts))
    }

    /// The score where each group of labels is answered by the weights that the other groups choose.
    fn by_groups(&self, among: &[usize]) -> Result<f64, ScoreError> {
        let mut tries = tries(self.pool, self.fusion, self.asked, self.asked.groups);
        let groups = self.asked.groups.iter().max().map_or(0, |most| *most + 1);
        let weights: Vec<Vec<f64>> = (0..groups).map(|group| tries.best(among, Some(group))).collect();
        Ok(self.scored_by(&weights, self.asked.groups)?.0.value)
    }
}

/// Pearson's correlation of what two members miss (1 − part), in order; `None` where one misses everywhere the same.
pub fn correlation(a: &[f32], b: &[f32]) -> Option<f64> {
    let n = a.len().min(b.len());
    let mean = |x: &[f32]| x[..n].iter().map(|&x| f64::from(x)).sum::<f64>() / n.max(1) as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (&x, &y) in a.iter().zip(b) {
        let (x, y) = (f64::from(x) - mean_a, f64::from(y) - mean_b);
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    (aa > 0.0 && bb > 0.0).then(|| (ab / (aa * bb).sqrt()).clamp(-1.0, 1.0))
}
