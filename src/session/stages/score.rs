//! The number that counts, over all queries of the folds that ran, with its interval.

use super::{Bench, Made, Task, rank};
use crate::base::{Key, Seed, Value};
use crate::dag::{Event, Stage};
use crate::retrieve::Ranking;
use crate::score::metric::{self, Metric, Score};
use crate::session::{Project, SessionError, Slot};

/// The artefact's file.
pub const FILE: &str = "score.json";

/// The seed of every bootstrap: two recipes are drawn alike.
pub const BOOTSTRAP: u64 = 0;

/// The stage.
pub fn stage(project: &Project, rankings: &[(Slot, Key)]) -> Stage {
    let stage = Stage::new("score", metric::VERSION).setting("metric", Value::Text(project.metric()));
    rankings.iter().fold(stage, |stage, (slot, key)| stage.input(format!("rank {slot}"), *key))
}

pub(super) fn make<'a>(bench: &'a Bench<'a>) -> Result<Made<'a>, SessionError> {
    let mut scores = Vec::new();
    for &slot in &bench.graph.slots {
        let ranking = Ranking::load(&bench.folder(Task::Rank { slot })?.join(rank::FILE))?;
        let score = of_fold(bench, &ranking)?;
        if bench.graph.slots.len() > 1 {
            tell(bench, &score, slot.to_string(), None);
        }
        scores.push(score);
    }
    let score = pooled(bench, &scores)?;
    tell(bench, &score, String::new(), Some(bench.graph.stage(Task::Score)?.artefact()));
    let by_fold: Vec<f64> = scores.iter().map(|score| score.value).collect();
    // Differences are paired only between scores on equal folds.
    let fold_key = bench.graph.stage(Task::Fold)?.artefact().to_string();
    let facts = Value::of(&serde_json::json!({ "folds": by_fold, "fold": fold_key }));
    let write = move |folder: &std::path::Path| Ok(score.save(&folder.join(FILE))?);
    Ok(Made { facts, write: Box::new(write), hold: None })
}

/// Tells the score that was found in the store.
pub(super) fn recall(bench: &Bench<'_>) -> Result<(), SessionError> {
    let score = Score::load(&bench.folder(Task::Score)?.join(FILE))?;
    tell(bench, &score, String::new(), Some(bench.graph.stage(Task::Score)?.artefact()));
    Ok(())
}

/// The score of one fold's ranking.
pub(super) fn of_fold(bench: &Bench<'_>, ranking: &Ranking) -> Result<Score, SessionError> {
    let metric = Metric::Mrr { k: bench.project.competition.k };
    Ok(metric.score(ranking, &bench.photos.labels(), None, Seed::new(BOOTSTRAP))?)
}

fn pooled(bench: &Bench<'_>, scores: &[Score]) -> Result<Score, SessionError> {
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
