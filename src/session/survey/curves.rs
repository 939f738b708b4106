//! The curves of a recipe, from what its runs told.
//!
//! Takes a run; gives a curve for each series of each training that counts. The loss is the finest that the log has: of tenths of an
//! epoch where the run has trained, of whole epochs where a checkpoint told them. A training that was found in the store has its loss
//! and score from there and all else from the run that made it, if that is still here.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::dag::{Board, Points, RunView, StageState, StageView};
use crate::score::Metric;
use crate::session::Slot;
use crate::session::snapshot::{Curve, series};

/// The curves of a run's trainings, by series and fold.
pub(in crate::session) fn curves(run: &RunView, board: &Board) -> Vec<Curve> {
    let parts: BTreeMap<&str, Slot> = run
        .told
        .curves
        .keys()
        .filter_map(|(_, part)| Some((part.as_str(), Slot::of_part(part)?)))
        // Trainings that come before the one that counts, and what nobody examines, would be drawn over it.
        .filter(|(_, slot)| slot.ahead == 0 && !slot.is_all_data())
        .collect();
    let mut found: Vec<Curve> = Vec::new();
    for (&part, slot) in &parts {
        let maker = maker(run, part, board).unwrap_or(run);
        let axis = maker.told.axes.get(part).cloned().unwrap_or_default();
        let mut own = of_part(run, part);
        let (coarse, batches) = (own.remove(series::LOSS), of_part(maker, part).remove(series::BATCH_LOSS));
        own.remove(series::BATCH_LOSS);
        if let Some(points) = finest(coarse, batches) {
            own.insert(series::LOSS, points);
        }
        for (name, points) in of_part(maker, part) {
            // Scores are those of the recall: the run that made it may have asked by another metric.
            if name != series::BATCH_LOSS && name.parse::<Metric>().is_err() {
                own.entry(name).or_insert(points);
            }
        }
        let curve = |(name, points): (&str, Points)| Curve {
            series: name.to_owned(),
            fold: slot.fold as u32,
            seed: slot.seed,
            points,
            axis: Arc::clone(&axis),
        };
        found.extend(own.into_iter().map(curve));
    }
    // What belongs to no fold.
    let loose = |((name, part), points): (&(String, String), &Points)| {
        let curve = Curve { series: name.clone(), points: points.clone(), ..Curve::default() };
        Slot::of_part(part).is_none().then_some(curve)
    };
    found.extend(run.told.curves.iter().filter_map(loose));
    found.sort_by(|a, b| (&a.series, a.seed, a.fold).cmp(&(&b.series, b.seed, b.fold)));
    found
}

/// The series of one part of a run.
fn of_part<'a>(run: &'a RunView, part: &str) -> BTreeMap<&'a str, Points> {
    let own = run.told.curves.iter().filter(|((_, own), _)| own == part);
    own.map(|((name, _), points)| (name.as_str(), points.clone())).collect()
}

/// The run that made a training which this run found in the store.
pub(in crate::session) fn maker<'a>(run: &RunView, part: &str, board: &'a Board) -> Option<&'a RunView> {
    let own = |stage: &&StageView| stage.stage == "fit" && Slot::of_part(&stage.part) == Slot::of_part(part);
    let last = run.told.stages.iter().rfind(own)?;
    if last.state != StageState::Reused {
        return None;
    }
    let key = last.key?;
    let made = |stage: &StageView| stage.key == Some(key) && matches!(stage.state, StageState::Finished { .. });
    let knows = |other: &&RunView| other.told.finished.contains(&key) && other.told.stages.iter().any(made);
    board.runs().rev().find(knows)
}

/// The loss by batches, behind what is only known by epochs.
fn finest(epochs: Option<Points>, batches: Option<Points>) -> Option<Points> {
    let (Some(epochs), Some(batches)) = (&epochs, &batches) else { return epochs.or(batches) };
    let Some(first) = batches.first() else { return Some(epochs.clone()) };
    // Without reading either, in the common case.
    if epochs.first().is_none_or(|earliest| earliest[0] >= first[0]) {
        return Some(batches.clone());
    }
    let before = epochs.partition_point(|point| point[0] < first[0]);
    if before == 0 {
        return Some(batches.clone());
    }
    // The first point of a training that went on in the midst of an epoch is not what came before it.
    Some(epochs[..before].iter().chain(batches.iter()).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(from: &[[f64; 2]]) -> Option<Points> {
        Some(from.to_vec().into())
    }

    #[test]
    fn the_finest_loss_is_shown() {
        let (epochs, batches) = (points(&[[1.0, 9.0], [2.0, 8.0]]), points(&[[0.5, 9.5], [1.0, 8.5], [1.5, 8.2]]));
        assert_eq!(finest(epochs.clone(), None), epochs);
        assert_eq!(finest(None, batches.clone()), batches);
        assert_eq!(finest(epochs.clone(), points(&[])), epochs);
        assert_eq!(finest(epochs.clone(), batches.clone()), batches);
        // A higher rung that went on after two epochs of a lower one.
        let later = points(&[[2.1, 7.9], [2.2, 7.8]]);
        assert_eq!(finest(epochs, later), points(&[[1.0, 9.0], [2.0, 8.0], [2.1, 7.9], [2.2, 7.8]]));
        assert_eq!(finest(None, None), None);
    }
}
