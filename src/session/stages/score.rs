//! The number that counts, over all queries of the folds that ran, with its interval; and what it would be in galleries of
//! other sizes.

use super::post::chain;
use super::{Bench, Made, Task, rank};
use crate::base::{Key, Seed, Value};
use crate::dag::{Event, Stage};
use crate::data::Role;
use crate::retrieve::{Ranking, Sides, index};
use crate::score::growth::Growth;
use crate::score::metric::{self, Metric, Score};
use crate::session::{Project, SessionError, Slot};

/// The artefact's file.
pub const FILE: &str = "score.json";

/// The seed of every bootstrap: two recipes are drawn alike.
pub const BOOTSTRAP: u64 = 0;

/// Queries of a fold that are looked at for the gallery's growth; more would say the same more slowly.
const ASKED: usize = 2000;

/// How what is told of the gallery's growth begins.
pub const GROWTH: &str = "growth: ";

/// The stage.
pub fn stage(project: &Project, rankings: &[(Slot, Key)]) -> Stage {
    let stage = Stage::new("score", metric::VERSION).setting("metric", Value::Text(project.metric()));
    rankings.iter().fold(stage, |stage, (slot, key)| stage.input(format!("rank {slot}"), *key))
}

pub(super) fn make<'a>(bench: &'a Bench<'a>) -> Result<Made<'a>, SessionError> {
    let (mut scores, mut growths) = (Vec::new(), Vec::new());
    for &slot in &bench.graph.slots {
        let ranking = Ranking::load(&bench.folder(Task::Rank { slot })?.join(rank::FILE))?;
        let score = of_fold(bench, &ranking, &bench.graph.fold(slot).gallery)?;
        if bench.graph.slots.len() > 1 {
            tell(bench, &score, slot.to_string(), None);
        }
        // What a gallery's size does is known for the rank by cosine of the first right answer alone.
        if matches!(score.metric.parse(), Ok(Metric::Mrr { .. })) && !rank::by_steps(bench) {
            growths.push(grown(bench, slot)?);
        }
        scores.push(score);
    }
    let growth = (!growths.is_empty()).then(|| Growth::pooled(&growths));
    let score = pooled(bench, &scores)?;
    tell(bench, &score, String::new(), Some(bench.graph.stage(Task::Score)?.artefact()));
    if let Some(growth) = &growth {
        tell_growth(bench, &score.metric, growth);
    }
    let by_fold: Vec<f64> = scores.iter().map(|score| score.value).collect();
    // Differences are paired only between scores on equal folds.
    let fold_key = bench.graph.stage(Task::Fold)?.artefact().to_string();
    let facts = Value::of(&serde_json::json!({ "folds": by_fold, "fold": fold_key, "growth": growth }));
    let write = move |folder: &std::path::Path| Ok(score.save(&folder.join(FILE))?);
    Ok(Made { facts, write: Box::new(write), hold: None })
}

/// Tells the score that was found in the store.
pub(super) fn recall(bench: &Bench<'_>) -> Result<(), SessionError> {
    let score = Score::load(&bench.folder(Task::Score)?.join(FILE))?;
    let key = bench.graph.stage(Task::Score)?.artefact();
    tell(bench, &score, String::new(), Some(key));
    // Scores of earlier programs do not have it.
    let meta = bench.project.store.meta("score", &key)?;
    if let Some(growth) = meta.as_ref().and_then(|meta| meta.facts.get("growth")?.decode().ok()) {
        tell_growth(bench, &score.metric, &growth);
    }
    Ok(())
}

/// What a fold's score would be among a part of its gallery's other photos.
fn grown(bench: &Bench<'_>, slot: Slot) -> Result<Growth, SessionError> {
    let Sides { queries, gallery, .. } = chain::ranked_sides(bench, slot)?;
    // Evenly over the queries, which stand in the order of the manifest.
    let (all, step) = (&bench.graph.fold(slot).query, queries.len().div_ceil(ASKED).max(1));
    let asked: Vec<u32> = all.iter().copied().step_by(step).collect();
    let queries = queries.subset(&asked)?;
    let name = slot.to_string();
    let places =
        index::places(&queries, &gallery, &bench.photos.labels(), &bench.progress("score", &name), bench.cancel)?;
    Ok(Growth::of(&places, gallery.len(), bench.project.competition.k))
}

/// Says it beside the size of the host's gallery.
fn tell_growth(bench: &Bench<'_>, metric: &str, growth: &Growth) {
    let host = bench.photos.manifest.with_role(&[Role::Gallery, Role::Both]).count();
    for line in growth.lines(metric, host) {
        (bench.tell)(Event::Note { text: format!("{GROWTH}{line}") });
    }
}

/// The score of one fold's ranking among `gallery`.
pub(super) fn of_fold(bench: &Bench<'_>, ranking: &Ranking, gallery: &[u32]) -> Result<Score, SessionError> {
    let metric: Metric = bench.project.metric().parse()?;
    Ok(metric.score(ranking, &bench.photos.labels(), gallery, None, Seed::new(BOOTSTRAP))?)
}

pub(super) fn pooled(bench: &Bench<'_>, scores: &[Score]) -> Result<Score, SessionError> {
    let labels = bench.photos.labels();
    let group = |photo: u32| labels.get(photo as usize).copied().flatten().unwrap_or(u32::MAX);
    Ok(Score::pooled(scores, group, Seed::new(BOOTSTRAP))?)
}

fn tell(bench: &Bench<'_>, score: &Score, part: String, key: Option<Key>) {
    (bench.tell)(Event::Metric {
        name: score.metric.clone(),
        part,
        value: score.value,
        interval: Some(score.interval),
        count: score.queries.len() as u64,
        key,
    });
}
