//! What an evaluation in the midst of a training gave, query by query: one file a look, beside the checkpoint.
//!
//! Takes a score and its epoch; gives files that any two trainings can be paired by later. They lie in the folder of unfinished work
//! while the training goes on, and in its artefact afterwards; a training that goes on from another takes its looks over. They are as
//! reproducible as the checkpoint: when a look was done is its file's date.

use std::path::{Path, PathBuf};

use super::best;
use crate::base::{Key, KeyWriter, Seed, Value, files};
use crate::dag::Stage;
use crate::data::folds::Asked;
use crate::learn::train::technique::EvalSettings;
use crate::score::Score;
use crate::session::stages::{Bench, Task};
use crate::session::{Graph, SessionError, Slot};

const BEFORE: &str = "look-";
const BEHIND: &str = ".json";

/// What a training is looked at with: the folds' photos and how they are seen, which the training's own key does not know. Looks of
/// another stamp are of other queries, or of pictures that were prepared otherwise, and are not compared.
///
/// # Errors
/// When the graph has no such training.
pub fn stamp(graph: &Graph, slot: Slot) -> Result<String, SessionError> {
    // Trainings before the one that counts are examined as that one is.
    let slot = Slot { ahead: 0, ..slot };
    Ok(stamp_of(graph.stage(Task::Embed { slot })?, eval(graph)).short())
}

/// The stamp of who is embedded as `stage` does, in full.
pub(super) fn stamp_of(stage: &Stage, eval: Option<&EvalSettings>) -> Key {
    let mut out = KeyWriter::new("look 1");
    let mut settings = stage.settings.clone();
    if let Value::Table(entries) = &mut settings {
        // Which epoch is embedded at the end changes nothing of the evaluations on the way.
        entries.remove("train");
    }
    settings.write_key(&mut out);
    for input in stage.inputs.iter().filter(|input| input.name != "fit" && input.name != best::CHOSEN) {
        out.bytes(input.name.as_bytes()).key(&input.key);
    }
    // Ranks among fewer photos are others; how many were looked up changes no rank of any of them.
    if let Some((eval, gallery)) = eval.and_then(|eval| Some((eval, eval.gallery?))) {
        out.bytes(b"gallery").number(gallery as u64).number(eval.queries.map_or(u64::MAX, |queries| queries as u64));
    }
    out.finish()
}

/// How large a part of the gallery, and of how many queries, a training is evaluated on; `None`: on all of the gallery. Trainings of which
/// this differs are not compared.
pub fn part(graph: &Graph) -> Option<(usize, Option<usize>)> {
    eval(graph).and_then(|eval| Some((eval.gallery?, eval.queries)))
}

/// Whether evaluations on the way look at everything, as the score at the end does.
pub fn whole(graph: &Graph) -> bool {
    eval(graph).is_none_or(|eval| eval.gallery.is_none() && eval.queries.is_none())
}

/// The metric that the looks in a folder were scored by; `None` where there is none.
pub(super) fn metric(folder: &Path) -> Option<String> {
    all(folder).first().and_then(|(_, _, file)| Some(Score::load(file).ok()?.metric))
}

/// `[train] eval`; nothing where nothing is trained.
pub(super) fn eval(graph: &Graph) -> Option<&EvalSettings> {
    graph.parts.last().map(|part| &part.settings.eval)
}

/// What an evaluation in the midst of a training looks up: the fold's queries and gallery, or the part of them that `[train] eval` allows.
pub(super) fn asked(bench: &Bench<'_>, slot: Slot) -> Asked {
    let (queries, gallery) = eval(bench.graph).map_or((None, None), |eval| (eval.queries, eval.gallery));
    let seed = Seed::new(0).named("eval").at(slot.fold as u64);
    Asked::of(bench.graph.fold(slot), &bench.photos.labels(), queries, gallery, seed)
}

/// Keeps the score after `epoch` epochs.
///
/// # Errors
/// When it cannot be written.
pub fn save(folder: &Path, stamp: &str, epoch: usize, score: &Score) -> Result<(), SessionError> {
    Ok(score.save(&folder.join(format!("{BEFORE}{stamp}-{epoch:05}{BEHIND}")))?)
}

/// The looks of a stamp in a folder, by epoch; none where there is no folder.
pub fn files(folder: &Path, stamp: &str) -> Vec<(usize, PathBuf)> {
    all(folder).into_iter().filter(|(of, ..)| of == stamp).map(|(_, epoch, file)| (epoch, file)).collect()
}

fn all(folder: &Path) -> Vec<(String, usize, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let place = |name: &str| {
        let (stamp, epoch) = name.strip_prefix(BEFORE)?.strip_suffix(BEHIND)?.split_once('-')?;
        Some((stamp.to_owned(), epoch.parse().ok()?))
    };
    let named = |entry: std::fs::DirEntry| {
        let (stamp, epoch) = place(entry.file_name().to_str()?)?;
        Some((stamp, epoch, entry.path()))
    };
    let mut found: Vec<(String, usize, PathBuf)> = entries.flatten().filter_map(named).collect();
    found.sort();
    found
}

/// Copies the looks of `from` up to an epoch that `to` does not have, with their dates.
///
/// # Errors
/// When one cannot be read or written.
pub fn carry(from: &Path, to: &Path, until: usize) -> Result<(), SessionError> {
    for (_, _, file) in all(from).into_iter().filter(|(_, epoch, _)| *epoch <= until) {
        let Some(target) = file.file_name().map(|name| to.join(name)).filter(|target| !target.exists()) else {
            continue;
        };
        files::publish(&target, &files::read(&file)?)?;
        // Only their order is told by it: where a file system refuses, ranks among recipes may be judged in another order.
        if let Ok(date) = std::fs::metadata(&file).and_then(|found| found.modified()) {
            let _ = files::disk::set_modified(&target, date);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_taken_over_up_to_an_epoch() {
        let [from, to] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let score = |value: f64| Score {
            metric: "MRR@20".into(),
            value,
            interval: [0.0, 1.0],
            queries: vec![3, 5],
            per_query: vec![1.0, 0.5],
        };
        for epoch in [1, 2, 10] {
            save(from.path(), "a", epoch, &score(epoch as f64)).unwrap();
        }
        save(to.path(), "a", 2, &score(7.0)).unwrap();
        carry(from.path(), to.path(), 2).unwrap();
        save(from.path(), "b", 1, &score(9.0)).unwrap();
        let found = files(to.path(), "a");
        assert_eq!(found.iter().map(|(epoch, _)| *epoch).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(Score::load(&found[1].1).unwrap().value, 7.0);
        assert_eq!((files(from.path(), "a").len(), files(from.path(), "b").len()), (3, 1));
        assert!(files(&from.path().join("absent"), "a").is_empty());
    }
}
