//! A chain of post steps that suits these queries, with the gain that it will really have.
//!
//! Takes a recipe; looks from its chain, and from none, for better ones, always by the best single change; gives the chain with two gains.
//! The first is over the queries by which it was chosen, and flatters. The second is nested: each part of the queries (a fold; labels in
//! five groups where there is only one fold) is answered by the chain that the other parts chose. A chain whose nested gain may be none does
//! not carry over, and is marked.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::base::{Cancel, Progress, Seed};
use crate::dag::Event;
use crate::retrieve::post::Step;
use crate::retrieve::rerank::nearby::{catalogue, nearby};
use crate::score::metric::Score;
use crate::score::{Delta, paired};
use crate::session::brew::{self, Manner};
use crate::session::stages::post::gain::Chains;
use crate::session::stages::score::BOOTSTRAP;
use crate::session::stages::{Bench, post};
use crate::session::{Graph, Photos, Project, Recipe, Rung, SessionError};

/// Parts of the queries where there is only one fold.
const PARTS: u32 = 5;
/// Changes after which a search ends in any case.
const CHANGES: usize = 8;

/// What the search found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tuned {
    /// "MRR@20".
    pub metric: String,
    /// The chain that all parts together choose.
    pub steps: Vec<Step>,
    /// The score without any step.
    pub plain: f64,
    /// The score of the recipe's own chain.
    pub own: f64,
    /// The score of the chain over the queries that chose it.
    pub value: f64,
    /// Its gain over no step on these queries; flatters.
    pub chosen: Delta,
    /// The nested gain: each part answered by the chain of the others.
    pub nested: Delta,
    /// Whether the nested gain is above zero with 95 % confidence.
    pub carries_over: bool,
    /// For each part the chain that the others chose, and its gain there.
    pub parts: Vec<Part>,
    /// Chains that were tried.
    pub tried: usize,
}

/// One part of the queries.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part {
    /// "fold 2", "labels 3".
    pub name: String,
    /// What the other parts chose.
    pub steps: Vec<Step>,
    /// What it gives here over no step.
    pub gain: f64,
}

/// Searches.
///
/// # Errors
/// When brewing fails, no chain runs, or on a stop.
pub fn tune(
    project: &Project,
    recipe: &Recipe,
    photos: &Photos,
    rung: &Rung,
    listen: &(dyn Fn(&Event) + Sync),
    cancel: &Cancel,
) -> Result<Tuned, SessionError> {
    let known =
        Graph::of(project, recipe, photos, rung)?.folds.iter().any(|fold| fold.known_labels(&photos.manifest) > 0);
    let manner = Manner { train: known, ..Manner::default() };
    brew::brew(project, recipe, photos, rung, manner, listen, cancel)?;
    let mut graph = Graph::of(project, recipe, photos, rung)?;
    if known {
        graph.add_train(project, recipe, photos)?;
    }
    let tell = |event: Event| listen(&event);
    let bench = Bench::new(project, recipe, photos, &graph, &tell, cancel);
    let mut chains = Chains::new(&bench, true)?;
    let means = chains.means();
    let catalogue = catalogue(means);
    let starts = [Vec::new(), post::read_steps(recipe)?];
    let (owners, names) = owners(&bench);
    let mut search =
        Search { chains: &mut chains, catalogue: &catalogue, owners: &owners, progress: &bench.progress("tune", "") };
    let plain = search.score(&[])?.ok_or_else(|| SessionError::Unfit("the embeddings cannot be ranked".to_owned()))?;
    let own = search.score(&starts[1])?.map_or(f64::NAN, |score| score.value);
    let steps = search.best(&starts, None)?;
    let mut parts = Vec::new();
    let mut nested = Score { per_query: plain.per_query.clone(), ..plain.clone() };
    for (part, name) in names.iter().enumerate() {
        let steps = search.best(&starts, Some(part as u32))?;
        let score = search.score(&steps)?.unwrap_or_else(|| plain.clone());
        let (mut gain, mut count) = (0.0, 0usize);
        for (query, _) in owners.iter().enumerate().filter(|(_, owner)| **owner == part as u32) {
            nested.per_query[query] = score.per_query[query];
            gain += f64::from(score.per_query[query]) - f64::from(plain.per_query[query]);
            count += 1;
        }
        parts.push(Part { name: name.clone(), steps, gain: gain / count.max(1) as f64 });
    }
    let found = search.score(&steps)?.unwrap_or_else(|| plain.clone());
    let tried = search.chains.known.len();
    let group =
        |photo: u32| photos.manifest.photos.get(photo as usize).and_then(|photo| photo.label).unwrap_or(u32::MAX);
    let against_plain = |score: &Score| paired(score, &plain, group, Seed::new(BOOTSTRAP));
    let (chosen, nested) = (against_plain(&found)?, against_plain(&nested)?);
    let carries_over = nested.interval[0] > 0.0;
    let (metric, plain, value) = (plain.metric.clone(), plain.value, found.value);
    Ok(Tuned { metric, steps, plain, own, value, chosen, nested, carries_over, parts, tried })
}

/// To which part each query belongs, in the order of pooled scores, and the parts' names.
fn owners(bench: &Bench<'_>) -> (Vec<u32>, Vec<String>) {
    let folds: BTreeMap<usize, u32> = {
        let mut all: Vec<usize> = bench.graph.slots.iter().map(|slot| slot.fold).collect();
        all.sort_unstable();
        all.dedup();
        all.into_iter().zip(0..).collect()
    };
    let mut queries: Vec<(u32, u32)> = Vec::new();
    for slot in &bench.graph.slots {
        queries.extend(bench.graph.fold(*slot).query.iter().map(|&query| (query, folds[&slot.fold])));
    }
    // As scores are pooled: by photo, and those of one photo in the order of the trainings.
    queries.sort_by_key(|(query, _)| *query);
    if folds.len() > 1 {
        let names = folds.keys().map(|fold| format!("fold {fold}")).collect();
        return (queries.into_iter().map(|(_, part)| part).collect(), names);
    }
    let label = |photo: u32| bench.photos.manifest.photos.get(photo as usize).and_then(|photo| photo.label);
    let mut labels: Vec<Option<u32>> = queries.iter().map(|(query, _)| label(*query)).collect();
    let of: Vec<Option<u32>> = labels.clone();
    labels.sort_unstable();
    labels.dedup();
    Seed::new(BOOTSTRAP).named("tune").draws().shuffle(&mut labels);
    let part: BTreeMap<Option<u32>, u32> = labels.into_iter().zip((0..PARTS).cycle()).collect();
    let count = part.values().max().map_or(0, |most| most + 1);
    (of.iter().map(|label| part[label]).collect(), (0..count).map(|part| format!("labels {part}")).collect())
}

/// A search among chains whose scores are computed once.
struct Search<'a, 'b> {
    chains: &'a mut Chains<'b>,
    catalogue: &'a [Step],
    owners: &'a [u32],
    progress: &'a dyn Progress,
}

impl Search<'_, '_> {
    fn score(&mut self, steps: &[Step]) -> Result<Option<Score>, SessionError> {
        let before = self.chains.known.len();
        let score = self.chains.score(steps)?;
        if self.chains.known.len() > before {
            self.progress.at("tune", self.chains.known.len() as u64, 0, "chains");
        }
        Ok(score)
    }

    /// A chain's mean over all queries but those of the part `without`; worse than any where it cannot run.
    fn value(&mut self, steps: &[Step], without: Option<u32>) -> Result<f64, SessionError> {
        let Some(score) = self.score(steps)? else { return Ok(f64::NEG_INFINITY) };
        let used = score.per_query.iter().zip(self.owners).filter(|(_, owner)| Some(**owner) != without);
        let (sum, count) = used.fold((0.0, 0usize), |(sum, count), (part, _)| (sum + f64::from(*part), count + 1));
        Ok(sum / count.max(1) as f64)
    }

    /// From each start, the best single change as long as one helps; of equal chains the shorter and then the earlier.
    fn best(&mut self, starts: &[Vec<Step>], without: Option<u32>) -> Result<Vec<Step>, SessionError> {
        let mut found: Option<(f64, Vec<Step>)> = None;
        for start in starts {
            let mut now = (self.value(start, without)?, start.clone());
            for _ in 0..CHANGES {
                let mut next = now.clone();
                for other in nearby(&now.1, self.catalogue) {
                    let value = self.value(&other, without)?;
                    if value > next.0 || (value == next.0 && other.len() < next.1.len()) {
                        next = (value, other);
                    }
                }
                if next == now {
                    break;
                }
                now = next;
            }
            if found.as_ref().is_none_or(|best| now.0 > best.0) {
                found = Some(now);
            }
        }
        Ok(found.map(|(_, steps)| steps).unwrap_or_default())
    }
}
