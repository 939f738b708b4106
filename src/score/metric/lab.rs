//! One set of lists under every way in which hosts have been seen to compute MRR@k.
//!
//! Takes what each query's list holds; gives the number under the rules and under each mistake (all of them from public cases), with how
//! far it would move for another draw of queries. A leaderboard that shows half of the local score is more often a host's or one's own
//! mistake than a bad model: the variant that gives the leaderboard's number names it. Several may: rank 20 and a cut below 20 differ
//! only where something stands in place 20.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use super::{Judged, judge, judge_known};
use crate::base::Seed;
use crate::retrieve::Ranking;
use crate::score::ScoreError;

/// One query as the laboratory sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Its answers at the level that counts.
    pub fine: Judged,
    /// Its answers at the coarser level, where the data have one.
    pub coarse: Option<Judged>,
    /// Its answers when of each label only the first k photos of the gallery are known.
    pub truncated: Judged,
    /// Its label, for means over labels and for draws.
    pub class: u32,
}

impl Query {
    /// The queries of a ranking among `gallery`, in its order; `coarse` are the photos' coarser labels, where the data have them.
    ///
    /// # Errors
    /// When the ranking fails its check, or a photo has no entry in the labels.
    pub fn all(
        ranking: &Ranking,
        labels: &[Option<u32>],
        coarse: Option<&[Option<u32>]>,
        gallery: &[u32],
        k: usize,
    ) -> Result<Vec<Query>, ScoreError> {
        let (mut met, mut first): (BTreeMap<u32, usize>, HashSet<u32>) = (BTreeMap::new(), HashSet::new());
        for &photo in gallery {
            let Some(label) = labels.get(photo as usize).copied().flatten() else { continue };
            let count = met.entry(label).or_default();
            *count += 1;
            if *count <= k {
                first.insert(photo);
            }
        }
        let fine = judge(ranking, labels, gallery)?;
        let truncated = judge_known(ranking, labels, gallery, &|photo| first.contains(&photo))?;
        let mut coarse = coarse.map(|coarse| judge(ranking, coarse, gallery)).transpose()?.map(Vec::into_iter);
        let class = |query: u32| labels.get(query as usize).copied().flatten().unwrap_or(u32::MAX);
        let of = |((fine, truncated), &query)| {
            let coarse = coarse.as_mut().and_then(Iterator::next);
            Query { fine, coarse, truncated, class: class(query) }
        };
        Ok(fine.into_iter().zip(truncated).zip(&ranking.queries).map(of).collect())
    }
}

/// A way to compute the number.
#[derive(Clone, Copy)]
pub struct Variant {
    /// What it is called.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    of: fn(&[&Query], usize) -> f64,
}

/// One variant's number.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Found {
    /// [`Variant::name`]
    pub variant: &'static str,
    /// [`Variant::about`]
    pub about: &'static str,
    /// The number.
    pub value: f64,
    /// Its standard deviation over draws of the queries' labels.
    pub error: f64,
}

/// Draws of the bootstrap.
const DRAWS: u64 = 200;

/// All variants, the right one first.
pub const VARIANTS: &[Variant] = &[
    row("correct", "MRR as the rules say", |q, k| mean(q, |q| first(&q.fine, k))),
    row("answerable-only", "divides by the queries that have an answer in the gallery", |q, k| {
        let with: Vec<&Query> = q.iter().copied().filter(|q| q.fine.relevant > 0).collect();
        mean(&with, |q| first(&q.fine, k))
    }),
    row("hit-queries-only", "divides by the queries with a hit", |q, k| {
        let with: Vec<&Query> = q.iter().copied().filter(|q| first(&q.fine, k) > 0.0).collect();
        mean(&with, |q| first(&q.fine, k))
    }),
    row("no-cutoff", "counts hits below place k of longer lists", |q, _| mean(q, |q| first(&q.fine, usize::MAX))),
    row("cutoff-below", "asks for rank < k, so place k is lost", |q, k| mean(q, |q| first(&q.fine, k - 1))),
    row("cutoff-half", "looks at half of the places", |q, k| mean(q, |q| first(&q.fine, k / 2))),
    row("sum-over-positives", "adds 1/rank of every relevant id, not of the first alone", |q, k| {
        mean(q, |q| reciprocals(&q.fine, k))
    }),
    row("mean-over-positives", "takes the mean of 1/rank over all relevant ids of the gallery", |q, k| {
        mean(q, |q| reciprocals(&q.fine, k) / q.fine.relevant.max(1) as f64)
    }),
    row("reciprocal-of-mean-rank", "divides 1 by the mean rank of the first hits", |q, k| {
        let ranks: Vec<f64> = q.iter().map(|q| first(&q.fine, k)).filter(|part| *part > 0.0).map(f64::recip).collect();
        if ranks.is_empty() { 0.0 } else { ranks.len() as f64 / ranks.iter().sum::<f64>() }
    }),
    row("plus-one-twice", "adds 1 to a rank that counts from 1, so a first place is worth 0.5", |q, k| {
        mean(q, |q| within(&q.fine, k).next().map_or(0.0, |rank| 1.0 / (rank + 1) as f64))
    }),
    row("no-hit-as-first", "credits a list without a hit as if the hit were first", |q, k| {
        mean(q, |q| within(&q.fine, k).next().map_or(1.0, |rank| 1.0 / rank as f64))
    }),
    row("unanswerable-as-one", "counts a query without an answer as 1", |q, k| {
        mean(q, |q| if q.fine.relevant == 0 { 1.0 } else { first(&q.fine, k) })
    }),
    row("average-precision", "computes MAP@k", |q, k| mean(q, |q| f64::from(super::Metric::Map { k }.part(&q.fine)))),
    row("drop-first", "throws the first id away as if it were the query itself", |q, k| {
        mean(q, |q| {
            let rank = q.fine.ranks.iter().find(|rank| **rank > 1 && **rank <= k + 1);
            rank.map_or(0.0, |rank| 1.0 / (rank - 1) as f64)
        })
    }),
    row("mean-over-classes", "averages within each label, then over labels", |q, k| {
        let mut classes: BTreeMap<u32, Vec<&Query>> = BTreeMap::new();
        q.iter().for_each(|q| classes.entry(q.class).or_default().push(q));
        let of = |members: &Vec<&Query>| mean(members, |q| first(&q.fine, k));
        if classes.is_empty() { 0.0 } else { classes.values().map(of).sum::<f64>() / classes.len() as f64 }
    }),
    row("coarse-level", "compares the coarser label", |q, k| {
        mean(q, |q| q.coarse.as_ref().map_or(f64::NAN, |coarse| first(coarse, k)))
    }),
    row("truth-truncated", "knows only the first k relevant ids of the gallery", |q, k| {
        mean(q, |q| first(&q.truncated, k))
    }),
];

const fn row(name: &'static str, about: &'static str, of: fn(&[&Query], usize) -> f64) -> Variant {
    Variant { name, about, of }
}

/// Ranks that count.
fn within(judged: &Judged, k: usize) -> impl Iterator<Item = usize> {
    judged.ranks.iter().copied().take_while(move |&rank| rank <= k)
}

fn first(judged: &Judged, k: usize) -> f64 {
    within(judged, k).next().map_or(0.0, |rank| 1.0 / rank as f64)
}

fn reciprocals(judged: &Judged, k: usize) -> f64 {
    within(judged, k).map(|rank| 1.0 / rank as f64).sum()
}

fn mean(queries: &[&Query], part: impl Fn(&Query) -> f64) -> f64 {
    queries.iter().map(|query| part(query)).sum::<f64>() / queries.len().max(1) as f64
}

/// Every variant that these queries can tell, the right one first. `k`: places that count, at least 1.
pub fn all(queries: &[Query], k: usize, seed: Seed) -> Vec<Found> {
    let whole: Vec<&Query> = queries.iter().collect();
    let mut classes: BTreeMap<u32, Vec<&Query>> = BTreeMap::new();
    whole.iter().for_each(|query| classes.entry(query.class).or_default().push(query));
    let classes: Vec<Vec<&Query>> = classes.into_values().collect();
    let draws: Vec<Vec<&Query>> = (0..DRAWS)
        .map(|draw| {
            let mut draws = seed.named("lab").at(draw).draws();
            (0..classes.len())
                .flat_map(|_| classes[draws.below(classes.len() as u64) as usize].iter().copied())
                .collect()
        })
        .collect();
    let one = |variant: &Variant| {
        let value = (variant.of)(&whole, k.max(1));
        let drawn: Vec<f64> = draws.iter().map(|drawn| (variant.of)(drawn, k.max(1))).collect();
        let middle = drawn.iter().sum::<f64>() / drawn.len().max(1) as f64;
        let spread = drawn.iter().map(|v| (v - middle).powi(2)).sum::<f64>() / (drawn.len().max(2) - 1) as f64;
        Found { variant: variant.name, about: variant.about, value, error: spread.sqrt() }
    };
    VARIANTS.iter().map(one).filter(|found| found.value.is_finite()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First relevant ranks 1, 3, 25, none in the gallery, [2, 3], 20, 21.
    const SEVEN: [&[usize]; 7] = [&[1], &[3], &[25], &[], &[2, 3], &[20], &[21]];

    #[test]
    fn golden_values() {
        let judged = |ranks: &[usize]| Judged { ranks: ranks.to_vec(), relevant: ranks.len() };
        let queries: Vec<Query> = (0..)
            .zip(SEVEN)
            .map(|(i, ranks)| Query { fine: judged(ranks), coarse: None, truncated: judged(ranks), class: i / 2 })
            .collect();
        let found = all(&queries, 20, Seed::new(0));
        let value = |name: &str| found.iter().find(|found| found.variant == name).map(|found| found.value);
        // By hand from each definition, to seven digits.
        for (name, expected) in [
            ("correct", 0.269_047_6),
            ("answerable-only", 0.313_888_9),
            ("hit-queries-only", 0.470_833_3),
            ("no-cutoff", 0.281_564_6),
            ("cutoff-below", 0.261_904_8),
            ("cutoff-half", 0.261_904_8),
            ("sum-over-positives", 0.316_666_7),
            ("mean-over-positives", 0.257_142_9),
            ("reciprocal-of-mean-rank", 0.153_846_2),
            ("plus-one-twice", 0.161_564_6),
            ("no-hit-as-first", 0.697_619_0),
            ("unanswerable-as-one", 0.411_904_8),
            ("average-precision", 0.280_952_4),
            ("drop-first", 0.228_947_4),
            ("mean-over-classes", 0.235_416_7),
            ("truth-truncated", 0.269_047_6),
        ] {
            let got = value(name).unwrap();
            assert!((got - expected).abs() < 1e-7, "{name}: {got} instead of {expected}");
        }
        assert_eq!(value("coarse-level"), None, "these have no coarser level");
        assert!(found.iter().all(|found| found.error > 0.0 && found.error < 0.5), "{found:?}");
    }
}
