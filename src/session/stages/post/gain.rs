//! What each step of `[post]` is worth on the held-out queries.
//!
//! Takes the folds' embeddings; runs the chain's beginnings, each step alone, and the chain without each step; gives the differences
//! with their paired intervals, and the queries that the whole chain moves most. A step that helps alone may do nothing where another
//! has done its work, so all three are told.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::base::progress::Silent;
use crate::base::{Key, Progress, Seed, Value, files};
use crate::dag::Stage;
use crate::retrieve::post::Step;
use crate::retrieve::rerank::nearby::Means;
use crate::retrieve::{RetrieveError, Sides, index, post as post_steps, rerank};
use crate::score::metric::Score;
use crate::score::{Delta, paired};
use crate::session::stages::score::{self, BOOTSTRAP};
use crate::session::stages::{Bench, Made};
use crate::session::{Recipe, SessionError, Slot};

/// The artefact's file.
pub const FILE: &str = "gains.json";

/// Raised when other differences are computed.
const VERSION: u32 = 1;

/// Queries that are named in each direction.
const NAMED: usize = 20;

/// What the steps are worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gains {
    /// "MRR@20".
    pub metric: String,
    /// The score without any step.
    pub plain: f64,
    /// The score of the chain.
    pub chain: f64,
    /// The chain against no step.
    pub gain: Option<Delta>,
    /// Each step, in order.
    pub steps: Vec<Gain>,
    /// Queries that the chain answers better, most first.
    pub better: Vec<Moved>,
    /// Queries that it answers worse, most first.
    pub worse: Vec<Moved>,
}

impl Gains {
    /// A line a step and one for the whole, for narrow places.
    pub fn lines(&self) -> Vec<String> {
        let short = |delta: &Option<Delta>| {
            delta.as_ref().map_or_else(
                || "cannot be told".to_owned(),
                |delta| format!("{:+.4} ({:+.4} to {:+.4})", delta.value, delta.interval[0], delta.interval[1]),
            )
        };
        let line = |gain: &Gain| {
            let alone = gain.alone.as_ref().map_or_else(String::new, |alone| format!("; alone {:+.4}", alone.value));
            let lost = gain.left_out.as_ref().map_or_else(String::new, |lost| {
                format!("; left out {:+.4} ({:+.4} to {:+.4})", -lost.value, -lost.interval[1], -lost.interval[0])
            });
            format!("{}: here {}{alone}{lost}", gain.step.name(), short(&gain.here))
        };
        let whole = format!("all steps: {:.4} → {:.4}, {}", self.plain, self.chain, short(&self.gain));
        self.steps.iter().map(line).chain([whole]).collect()
    }
}

/// What one step is worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gain {
    /// The step, as the recipe has it.
    pub step: Step,
    /// It alone against no step; `None` where it cannot stand alone.
    pub alone: Option<Delta>,
    /// The chain up to it against the chain before it.
    pub here: Option<Delta>,
    /// The chain against the chain without it; `None` where the others cannot stand without it.
    pub left_out: Option<Delta>,
}

/// A query that the chain moves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// The query's photo, a place in the manifest.
    pub query: u32,
    /// Its part of the score without any step.
    pub before: f32,
    /// With the chain.
    pub after: f32,
}

/// The stage over all trainings of a rung. `inputs`: what each fold's steps read, by name.
pub fn stage(recipe: &Recipe, metric: String, inputs: Vec<(String, Key)>) -> Stage {
    let version = VERSION * 1_000_000 + post_steps::VERSION * 10_000 + rerank::VERSION * 100 + index::VERSION;
    let stage = Stage::new("gain", version).table(recipe.settings(), "post").setting("metric", Value::Text(metric));
    inputs.into_iter().fold(stage, |stage, (name, key)| stage.input(name, key))
}

pub(in crate::session::stages) fn make<'a>(bench: &'a Bench<'a>) -> Result<Made<'a>, SessionError> {
    let found = Chains::new(bench, false)?.gains(&super::read_steps(bench.recipe)?)?;
    let text = serde_json::to_vec_pretty(&found).map_err(|error| SessionError::Unfit(format!("{FILE}: {error}")))?;
    let write = move |folder: &Path| Ok(files::publish(&folder.join(FILE), &text)?);
    Ok(Made { facts: Value::table(), write: Box::new(write), hold: None })
}

/// Scores of chains, each computed once; `None` for a chain that cannot run.
pub(crate) struct Chains<'a> {
    bench: &'a Bench<'a>,
    /// Each training's embeddings, with what steps go by.
    sides: Vec<(Slot, Sides)>,
    /// Every chain that was tried, as JSON.
    pub known: BTreeMap<String, Option<Score>>,
}

impl<'a> Chains<'a> {
    /// Reads the embeddings of all trainings of the rung; `any`: what any step may go by, and not only what the recipe's do.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn new(bench: &'a Bench<'a>, any: bool) -> Result<Chains<'a>, SessionError> {
        let mut sides = Vec::new();
        for &slot in &bench.graph.slots {
            sides.push((slot, super::sides(bench, slot, any)?));
        }
        Ok(Chains { bench, sides, known: BTreeMap::new() })
    }

    /// What there is to go by in all trainings.
    pub fn means(&self) -> Means {
        let sides = || self.sides.iter().map(|(_, sides)| sides);
        let labelled = |sides: &Sides| sides.labelled.as_ref().is_some_and(|labelled| !labelled.labels.is_empty());
        let coarse = |sides: &Sides| sides.labelled.as_ref().is_some_and(|labelled| labelled.coarse.is_some());
        let seen = sides().all(|sides| !sides.patches.is_empty());
        Means {
            dim: sides().map(|sides| sides.gallery.dim).min().unwrap_or(0),
            gallery: sides().map(|sides| sides.gallery.len()).min().unwrap_or(0),
            labelled: sides().all(labelled),
            coarse: sides().all(coarse),
            logits: sides().all(|sides| sides.logits.is_some()),
            local: super::steps(self.bench.recipe).iter().find_map(Step::local).filter(|_| seen),
        }
    }

    fn gains(mut self, steps: &[Step]) -> Result<Gains, SessionError> {
        let progress = self.bench.progress("gain", "");
        let (plain, chain) = (self.must(&[])?, self.must(steps)?);
        let mut found = Vec::new();
        for (i, step) in steps.iter().enumerate() {
            progress.at("gain", i as u64, steps.len() as u64, "steps");
            let alone = self.score(std::slice::from_ref(step))?;
            let (before, here) = (self.score(&steps[..i])?, self.score(&steps[..=i])?);
            let without = self.score(&[&steps[..i], &steps[i + 1..]].concat())?;
            found.push(Gain {
                step: step.clone(),
                alone: self.delta(alone.as_ref(), Some(&plain)),
                here: self.delta(here.as_ref(), before.as_ref()),
                left_out: self.delta(Some(&chain), without.as_ref()),
            });
        }
        progress.at("gain", steps.len() as u64, steps.len() as u64, "steps");
        let moved = plain.queries.iter().zip(&plain.per_query).zip(&chain.per_query);
        let mut moved: Vec<Moved> = moved
            .map(|((&query, &before), &after)| Moved { query, before, after })
            .filter(|m| m.before != m.after)
            .collect();
        // Stable: of equal ones the first photo.
        moved.sort_by(|a, b| (b.after - b.before).total_cmp(&(a.after - a.before)));
        let better = moved.iter().take_while(|m| m.after > m.before).take(NAMED).copied().collect();
        let worse = moved.iter().rev().take_while(|m| m.after < m.before).take(NAMED).copied().collect();
        let gain = self.delta(Some(&chain), Some(&plain));
        let (metric, plain, chain) = (plain.metric, plain.value, chain.value);
        Ok(Gains { metric, plain, chain, gain, steps: found, better, worse })
    }

    fn delta(&self, a: Option<&Score>, b: Option<&Score>) -> Option<Delta> {
        let labels = &self.bench.photos.manifest.photos;
        let group = |photo: u32| labels.get(photo as usize).and_then(|photo| photo.label).unwrap_or(u32::MAX);
        paired(a?, b?, group, Seed::new(BOOTSTRAP)).ok()
    }

    fn must(&mut self, steps: &[Step]) -> Result<Score, SessionError> {
        match self.score(steps)? {
            Some(score) => Ok(score),
            // Once more, for its error.
            None => self.of_chain(steps),
        }
    }

    /// The pooled score of a chain over all trainings of the rung; `None` where it cannot run.
    ///
    /// # Errors
    /// On a stop, or when embeddings cannot be read.
    pub fn score(&mut self, steps: &[Step]) -> Result<Option<Score>, SessionError> {
        let name = serde_json::to_string(steps).unwrap_or_default();
        if let Some(known) = self.known.get(&name) {
            return Ok(known.clone());
        }
        let found = match self.of_chain(steps) {
            Ok(score) => Some(score),
            // A step that does not fit these embeddings alone (a projection on more directions than there are) is no error of the chain.
            Err(SessionError::Retrieve(error)) if !matches!(error, RetrieveError::Cancelled(_)) => None,
            Err(error) => return Err(error),
        };
        self.known.insert(name, found.clone());
        Ok(found)
    }

    fn of_chain(&self, steps: &[Step]) -> Result<Score, SessionError> {
        let bench = self.bench;
        let mut scores = Vec::new();
        for (slot, sides) in &self.sides {
            bench.cancel.check()?;
            let k = bench.project.competition.k;
            let done = rerank::apply(steps, sides.clone(), k, &Silent, bench.cancel)?;
            let ranking = match done.ranking(k) {
                Some(ranking) => ranking,
                None => index::search(&done.sides.queries, &done.sides.gallery, k, &Silent, bench.cancel)?,
            };
            scores.push(score::of_fold(bench, &ranking, &bench.graph.fold(*slot).gallery)?);
        }
        score::pooled(bench, &scores)
    }
}
