//! What an evaluation in the midst of a training gave, query by query: one file a look, beside the checkpoint.
//!
//! Takes a score and its epoch; gives files that any two trainings can be paired by later. They lie in the folder of unfinished work
//! while the training goes on, and in its artefact afterwards; a training that goes on from another takes its looks over. They are as
//! reproducible as the checkpoint: when a look was done is its file's date.

use std::path::{Path, PathBuf};

use crate::base::files;
use crate::score::Score;
use crate::session::SessionError;

const BEFORE: &str = "look-";
const BEHIND: &str = ".json";

/// Keeps the score after `epoch` epochs.
///
/// # Errors
/// When it cannot be written.
pub fn save(folder: &Path, epoch: usize, score: &Score) -> Result<(), SessionError> {
    Ok(score.save(&folder.join(format!("{BEFORE}{epoch:05}{BEHIND}")))?)
}

/// The looks in a folder, by epoch; none where there is no folder.
pub fn files(folder: &Path) -> Vec<(usize, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let epoch = |name: &str| name.strip_prefix(BEFORE)?.strip_suffix(BEHIND)?.parse().ok();
    let mut found: Vec<(usize, PathBuf)> =
        entries.flatten().filter_map(|entry| Some((epoch(entry.file_name().to_str()?)?, entry.path()))).collect();
    found.sort();
    found
}

/// Copies the looks of `from` up to an epoch that `to` does not have, with their dates.
///
/// # Errors
/// When one cannot be read or written.
pub fn carry(from: &Path, to: &Path, until: usize) -> Result<(), SessionError> {
    for (_, file) in files(from).into_iter().filter(|(epoch, _)| *epoch <= until) {
        let Some(target) = file.file_name().map(|name| to.join(name)).filter(|target| !target.exists()) else {
            continue;
        };
        files::publish(&target, &files::read(&file)?)?;
        // Only their order is told by it: where a file system refuses, ranks among recipes may be judged in another order.
        if let Ok(date) = std::fs::metadata(&file).and_then(|found| found.modified()) {
            let _ = std::fs::File::options().write(true).open(&target).and_then(|file| file.set_modified(date));
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
            save(from.path(), epoch, &score(epoch as f64)).unwrap();
        }
        save(to.path(), 2, &score(7.0)).unwrap();
        carry(from.path(), to.path(), 2).unwrap();
        let found = files(to.path());
        assert_eq!(found.iter().map(|(epoch, _)| *epoch).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(Score::load(&found[1].1).unwrap().value, 7.0);
        assert_eq!(files(from.path()).len(), 3);
        assert!(files(&from.path().join("absent")).is_empty());
    }
}
