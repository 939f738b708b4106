//! Chains of post steps whose last ones rank.
//!
//! Takes both sides ([`Sides`]) and the steps of `[post]`; gives the sides after the steps that change embeddings, and lists once a
//! step ranks. The order is: what changes embeddings; then at most one step that ranks the whole gallery by other than cosine
//! (`k-reciprocal`, `diffusion`, `csls`, `inverted-softmax`); then steps that change scores or lists, as many as there are. [`check`] says
//! what stands in the wrong place before anything runs.
//!
//! A step that adds to scores (`bridge`, `coarse-agreement`, `class-logits`, `non-target-penalty`) is exact over the whole gallery when it
//! is the first to rank; behind another it changes the scores of that one's lists. `spatial-check` looks at the best of the lists alone. Lists are as long as the competition asks, and at
//! least [`DEPTH`], so that there is something to reorder.
//!
//! Label-aware steps use photos of training whose labels are known as witnesses at inference. Where the test's labels occur in
//! training that was the largest gain on record (Landmark 2019 and 2021); where they do not, they have nothing to say.

mod diffusion;
mod k_reciprocal;
mod labels;
mod lists;
pub mod nearby;
mod spatial;
mod terms;
mod union;

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};

pub use lists::Lists;

use super::index::{self, Neighbours};
use super::post::{self, Step, local};
use super::{Embeddings, Ranking, RetrieveError, Sides};
use crate::base::{Cancel, Progress};
use union::Union;

/// Version of the algorithms, for keys.
pub const VERSION: u32 = 2;

/// The least length of lists inside a chain: what the first place of Landmark 2019 reordered.
pub const DEPTH: usize = 100;

/// Where queries without an answer are told apart from those with one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NotInGallery {
    /// The score below which a photo is no answer; infinite where none is.
    #[serde(deserialize_with = "or_infinite")]
    pub threshold: f64,
    /// For each query how many photos of its list stand before "not in the gallery": 0 where that is the first answer.
    pub before: Vec<usize>,
}

/// JSON has no word for infinity, and writes null.
fn or_infinite<'a, D: Deserializer<'a>>(written: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(written)?.unwrap_or(f64::INFINITY))
}

/// What a chain gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Chained {
    /// Both sides after the steps that change embeddings.
    pub sides: Sides,
    /// The lists, where a step ranks; otherwise photos are ranked by cosine, as without a chain.
    pub lists: Option<Lists>,
    /// Where "not in the gallery" stands, when it was asked for.
    pub not_in_gallery: Option<NotInGallery>,
    /// One line a step: what it did.
    pub notes: Vec<String>,
}

impl Chained {
    /// The first `k` of each list, where a step ranks.
    pub fn ranking(&self, k: usize) -> Option<Ranking> {
        self.lists.as_ref().map(|lists| {
            let (queries, gallery) = (&self.sides.queries.photos, &self.sides.gallery.photos);
            lists.ranking(queries, gallery, self.not_in_gallery.as_ref(), k)
        })
    }
}

/// Checks the order of steps.
///
/// # Errors
/// Names the step that stands too late, and before which it belongs.
pub fn check(steps: &[Step]) -> Result<(), RetrieveError> {
    let mut ranked: Option<&Step> = None;
    for (i, step) in steps.iter().enumerate() {
        if i > 0 && matches!(step, Step::Tta { .. }) {
            let why =
                "it works on photos, before anything is done to their embeddings; move it to the front".to_owned();
            return Err(RetrieveError::Step { step: step.name(), why });
        }
        if let Some(before) = ranked
            && (!step.ranks() || step.ranks_gallery())
        {
            let does = if step.ranks() { "ranks the whole gallery anew" } else { "changes embeddings" };
            let before = before.name();
            return Err(RetrieveError::Step {
                step: step.name(),
                why: format!("it {does}, and {before} has ranked before it; move {} before {before}", step.name()),
            });
        }
        if step.local().is_some() && steps[..i].iter().any(|before| before.local().is_some()) {
            let why = "it stands there twice, and one set of patches is kept; leave one out".to_owned();
            return Err(RetrieveError::Step { step: step.name(), why });
        }
        if step.ranks() {
            ranked = ranked.or(Some(step));
        }
    }
    Ok(())
}

/// How many neighbours the ranking steps of a chain read: each search can be done once and given to all chains whose embeddings are the
/// same ([`crate::retrieve::Near`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Of the union's graph.
    pub graph: Option<usize>,
    /// Of each query in the gallery: where the first step that ranks reorders lists.
    pub gallery: Option<usize>,
    /// Of each photo among the labelled ones.
    pub labelled: Option<usize>,
}

impl Needs {
    /// What a chain needs whose lists are at least `k` long.
    pub fn of(steps: &[Step], k: usize) -> Needs {
        let graph = steps.iter().find_map(|step| match step {
            Step::KReciprocal { k1, k2, .. } => Some((*k1).max(*k2)),
            Step::Diffusion { kd, truncation, .. } => Some((*kd).max(*truncation).saturating_sub(1).max(1)),
            _ => None,
        });
        let reorders = |step: &&Step| {
            matches!(step, Step::SortInsert { .. } | Step::NotInGallery { .. } | Step::SpatialCheck { .. })
        };
        let gallery = steps.iter().find(|step| step.ranks()).filter(reorders).map(|_| k.max(DEPTH));
        Needs { graph, gallery, labelled: steps.iter().filter_map(labels::depth).max() }
    }
}

/// The `k` nearest of each photo among queries and gallery together (a photo of both counts once, the gallery's first), with
/// each one's least cosine. `[g + other queries]` lists of places in this order.
///
/// # Errors
/// When dims differ, `k` is 0, a number is not finite, or on a stop.
pub fn graph(
    queries: &Embeddings,
    gallery: &Embeddings,
    k: usize,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Neighbours, RetrieveError> {
    index::graph(&Union::of(queries, gallery)?.all, k, progress, cancel)
}

/// Runs a chain; lists come out at least `k` long where the gallery is.
///
/// # Errors
/// When steps stand in the wrong order, a step lacks what it needs or cannot be fitted, sides do not fit each other; on a stop.
pub fn apply(
    steps: &[Step],
    sides: Sides,
    k: usize,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Chained, RetrieveError> {
    check(steps)?;
    sides.check()?;
    let mut now = Chained { sides, lists: None, not_in_gallery: None, notes: Vec::new() };
    let run = Run { depth: k.max(DEPTH), progress, cancel };
    for (i, step) in steps.iter().enumerate() {
        cancel.check()?;
        progress.at("post", i as u64, steps.len() as u64, "steps");
        run.advance(&steps[..i], step, &mut now)?;
    }
    progress.at("post", steps.len() as u64, steps.len() as u64, "steps");
    Ok(now)
}

/// Runs the next step of a chain whose earlier steps, `before`, have made `now` of what there was; lists are at least `k` long where the
/// gallery is.
///
/// # Errors
/// As [`apply`].
pub fn advance(
    before: &[Step],
    step: &Step,
    now: &mut Chained,
    k: usize,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<(), RetrieveError> {
    check(&[before, std::slice::from_ref(step)].concat())?;
    now.sides.check()?;
    Run { depth: k.max(DEPTH), progress, cancel }.advance(before, step, now)
}

/// Says when a step before it moved queries that this one ranks by their rows in the gallery, as where each photo is looked up among the
/// others.
fn without_effect(before: &[Step], step: &Step, sides: &Sides) -> Option<String> {
    let moves = before.iter().find(|step| matches!(step, Step::Aqe { .. } | Step::AlphaQe { .. }))?;
    let ranks = Some(step).filter(|step| matches!(step, Step::KReciprocal { .. } | Step::Diffusion { .. }))?;
    let gallery: std::collections::HashSet<u32> = sides.gallery.photos.iter().copied().collect();
    let both = sides.queries.photos.iter().filter(|photo| gallery.contains(photo)).count();
    (both > 0).then(|| {
        format!(
            "{} of {} queries stand in the gallery too, and {} takes their rows there: {} does nothing for these, though it would \
             where queries are apart",
            both,
            sides.queries.len(),
            ranks.name(),
            moves.name()
        )
    })
}

/// What all ranking steps of a chain share.
#[derive(Clone, Copy)]
struct Run<'a> {
    depth: usize,
    progress: &'a dyn Progress,
    cancel: &'a Cancel,
}

impl Run<'_> {
    fn advance(self, before: &[Step], step: &Step, now: &mut Chained) -> Result<(), RetrieveError> {
        now.notes.extend(without_effect(before, step, &now.sides));
        let note = if step.ranks() {
            self.rank(step, now)?
        } else {
            // What is near belongs to the last embeddings; steps before it have made others of these.
            post::change(step, &mut now.sides, self.progress, self.cancel)?
        };
        now.notes.push(note);
        Ok(())
    }

    fn rank(self, step: &Step, now: &mut Chained) -> Result<String, RetrieveError> {
        let Chained { sides, lists, not_in_gallery, .. } = now;
        let note = match step {
            Step::KReciprocal { k1, k2, lambda } => {
                let union = Union::of(&sides.queries, &sides.gallery)?;
                let graph = self.graph("k-reciprocal", sides, &union, (*k1).max(*k2))?;
                let settings = k_reciprocal::Settings { k1: *k1, k2: *k2, lambda: *lambda };
                *lists = Some(k_reciprocal::rank(&union, &sides.gallery, &graph, settings, self)?);
                format!("k-reciprocal: {} photos, k1 {k1}, k2 {k2}", union.all.len())
            }
            Step::Diffusion { kd, gamma, alpha, truncation } => {
                let union = Union::of(&sides.queries, &sides.gallery)?;
                let wanted = (*kd).max(*truncation).saturating_sub(1).max(1);
                let graph = self.graph("diffusion", sides, &union, wanted)?;
                let settings = diffusion::Settings { kd: *kd, gamma: *gamma, alpha: *alpha, truncation: *truncation };
                let (ranked, note) = diffusion::rank(&union, &sides.gallery, &graph, settings, self)?;
                *lists = Some(ranked);
                note
            }
            Step::Csls { k } => {
                *lists = Some(terms::csls(sides, *k, self)?);
                format!("csls: {k} neighbours of each side")
            }
            Step::InvertedSoftmax { beta } => {
                *lists = Some(terms::inverted_softmax(sides, *beta, self)?);
                format!("inverted-softmax: shares over {} queries", sides.queries.len())
            }
            Step::Bridge { k, bonus, weight } => labels::bridge::apply(sides, lists, (*k, *bonus, *weight), self)?,
            Step::CoarseAgreement { votes, alpha, beta } => {
                labels::coarse::apply(sides, lists, (*votes, *alpha, *beta), self)?
            }
            Step::SortInsert { votes, threshold } => {
                let mut ranked = self.lists(sides, lists.take())?;
                let note = labels::sort_insert::apply(sides, &mut ranked, *votes, *threshold, self)?;
                *lists = Some(ranked);
                note
            }
            Step::ClassLogits { knn_ratio } => terms::class_logits(sides, lists, *knn_ratio, self)?,
            Step::NonTargetPenalty { k, weight, .. } => terms::non_target_penalty(sides, lists, (*k, *weight), self)?,
            Step::SpatialCheck {
                depth, threshold, model, residual_threshold, max_trials, max_scale, weight, ..
            } => {
                let mut ranked = self.lists(sides, lists.take())?;
                let verify = local::Settings {
                    model: *model,
                    residual_threshold: *residual_threshold,
                    max_trials: *max_trials,
                    max_scale: *max_scale,
                };
                let settings = spatial::Settings { depth: *depth, threshold: *threshold, verify, weight: *weight };
                let note = spatial::apply(sides, &mut ranked, &settings, self)?;
                *lists = Some(ranked);
                note
            }
            Step::NotInGallery { ratio } => {
                let ranked = self.lists(sides, lists.take())?;
                let found = terms::not_in_gallery(&ranked, *ratio);
                let without = found.before.iter().filter(|&&before| before == 0).count();
                let note = format!(
                    "not-in-gallery: {without} of {} queries, below {:.6}",
                    found.before.len(),
                    found.threshold
                );
                (*lists, *not_in_gallery) = (Some(ranked), Some(found));
                note
            }
            Step::Tta { .. }
            | Step::L2 {}
            | Step::Pca { .. }
            | Step::WhitenSupervised { .. }
            | Step::Aqe { .. }
            | Step::AlphaQe { .. }
            | Step::Dba { .. }
            | Step::Inb { .. }
            | Step::NegativeSubtraction { .. } => post::change(step, sides, self.progress, self.cancel)?,
        };
        Ok(note)
    }

    /// The lists so far, or those by cosine.
    fn lists(self, sides: &Sides, lists: Option<Lists>) -> Result<Lists, RetrieveError> {
        if let Some(lists) = lists {
            return Ok(lists);
        }
        if let Some(found) = &sides.near.gallery {
            found.check(sides.gallery.len())?;
            if found.len() == sides.queries.len() && found.k >= self.depth {
                return Ok(Lists::of(&found.first(self.depth)));
            }
        }
        let found = index::neighbours(&sides.queries, &sides.gallery, self.depth, self.progress, self.cancel)?;
        Ok(Lists::of(&found))
    }

    /// The union's graph: the given one where it is of these photos and long enough.
    fn graph<'g>(
        self,
        step: &'static str,
        sides: &'g Sides,
        union: &Union,
        k: usize,
    ) -> Result<Cow<'g, Neighbours>, RetrieveError> {
        let Some(graph) = &sides.near.graph else {
            return Ok(Cow::Owned(index::graph(&union.all, k, self.progress, self.cancel)?));
        };
        let rows = union.all.len();
        graph.check(rows)?;
        if graph.len() != rows || graph.least.len() != rows || graph.k < k {
            return Err(RetrieveError::Step {
                step,
                why: format!(
                    "the given graph has {} lists of {} and {} least cosines; it needs {rows} of at least {k}",
                    graph.len(),
                    graph.k,
                    graph.least.len()
                ),
            });
        }
        Ok(Cow::Borrowed(graph))
    }
}
