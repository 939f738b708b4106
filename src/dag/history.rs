//! What stages took on this machine, so that a plan can say what a step will take.
//!
//! Takes timings of published artefacts; gives the median of the recent ones, scaled by the units of work
//! that the caller counts (images × epochs). Timings are told apart by machine and device, since `.toji`
//! moves between machines. `.toji/history.json` is an index: when it is lost it is rebuilt from the store.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::{DagError, malformed};
use super::store::Store;
use crate::base::{Time, files};

/// How many timings of a stage are kept and used: old ones tell of old code.
const KEPT: usize = 9;

/// One timing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// When the work ended.
    pub date: Time,
    /// What it took.
    pub seconds: f64,
    /// Units of work; 0 when not counted.
    pub work: f64,
    /// Size of what it made.
    pub bytes: u64,
}

/// What a step should take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Seconds.
    pub seconds: f64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// Timings of one machine, by stage.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    stages: BTreeMap<String, Vec<Sample>>,
}

/// Timings of all machines: machine → stage → newest timings.
type Index = BTreeMap<String, BTreeMap<String, Vec<Sample>>>;

impl History {
    /// Without any timing: everything is unknown, which counts as dear.
    pub fn new() -> History {
        History::default()
    }

    /// The timings of `machine` from the index; where that is absent or unreadable, from every `meta.json`
    /// of the store (once: the index is then written).
    pub fn load(store: &Store, machine: &str) -> History {
        let path = store.root().join("history.json");
        let mut index = read(&path).unwrap_or_else(|_| {
            let index = rebuild(store);
            // Only an index: where it cannot be written it is rebuilt next time.
            let _ = write(&path, &index);
            index
        });
        History { stages: index.remove(machine).unwrap_or_default() }
    }

    /// Adds a timing to this value.
    pub fn add(&mut self, stage: &str, sample: Sample) {
        add(self.stages.entry(stage.to_owned()).or_default(), sample);
    }

    /// Adds a timing to the index on disk, as publishing an artefact does; also for a stage that was timed on
    /// a few batches before it is offered. Two workers that write at once may lose one of both timings.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn note(toji: &Path, machine: &str, stage: &str, sample: Sample) -> Result<(), DagError> {
        let path = toji.join("history.json");
        let mut index = read(&path).unwrap_or_else(|_| rebuild(&Store::open(toji)));
        add(index.entry(machine.to_owned()).or_default().entry(stage.to_owned()).or_default(), sample);
        write(&path, &index)
    }

    /// What `work` units of a stage should take; 0 units: as long as it usually took. `None` without history.
    pub fn estimate(&self, stage: &str, work: f64) -> Option<Estimate> {
        let samples = self.stages.get(stage).filter(|s| !s.is_empty())?;
        let rates: Vec<f64> = samples.iter().filter(|s| s.work > 0.0).map(|s| s.seconds / s.work).collect();
        let seconds = if work > 0.0 && !rates.is_empty() {
            median(rates)? * work
        } else {
            median(samples.iter().map(|s| s.seconds).collect())?
        };
        let bytes = median(samples.iter().map(|s| s.bytes as f64).collect())?;
        Some(Estimate { seconds, bytes: bytes as u64 })
    }
}

fn add(samples: &mut Vec<Sample>, sample: Sample) {
    // The same artefact may be met twice: by its publishing and by a rebuild that already saw it.
    if samples.contains(&sample) {
        return;
    }
    samples.push(sample);
    samples.sort_by(|a, b| a.date.0.total_cmp(&b.date.0));
    let old = samples.len().saturating_sub(KEPT);
    samples.drain(..old);
}

/// The middle value; of an even number the lower of the two in the middle, which is one that was measured.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied()
}

fn read(path: &Path) -> Result<Index, DagError> {
    serde_json::from_slice(&files::read(path)?).map_err(malformed(path, "an index of timings"))
}

fn write(path: &Path, index: &Index) -> Result<(), DagError> {
    let text = serde_json::to_vec(index).map_err(malformed(path, "an index of timings"))?;
    Ok(files::publish(path, &text)?)
}

fn rebuild(store: &Store) -> Index {
    let mut index = Index::new();
    for (stage, key) in store.list() {
        if let Ok(Some(meta)) = store.meta(&stage, &key) {
            let sample = Sample { date: meta.date, seconds: meta.seconds, work: meta.work, bytes: meta.bytes };
            let pace = meta.stage.pace.unwrap_or(stage);
            add(index.entry(meta.machine).or_default().entry(pace).or_default(), sample);
        }
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(date: f64, seconds: f64, work: f64) -> Sample {
        Sample { date: Time(date), seconds, work, bytes: 100 }
    }

    #[test]
    fn the_median_rate_scales_with_the_work() {
        let mut history = History::new();
        assert_eq!(history.estimate("fit", 10.0), None);
        // Rates 2, 3 and 50 seconds a unit: one slow run (a laptop that slept) changes nothing.
        for (date, seconds, work) in [(1.0, 20.0, 10.0), (2.0, 500.0, 10.0), (3.0, 30.0, 10.0)] {
            history.add("fit", sample(date, seconds, work));
        }
        assert_eq!(history.estimate("fit", 4.0), Some(Estimate { seconds: 12.0, bytes: 100 }));
        assert_eq!(history.estimate("fit", 0.0).map(|e| e.seconds), Some(30.0));
        assert_eq!(history.estimate("rank", 4.0), None);
    }

    #[test]
    fn old_timings_are_forgotten() {
        let mut history = History::new();
        for i in 0..40 {
            history.add("rank", sample(f64::from(i), if i < 20 { 9.0 } else { 1.0 }, 0.0));
        }
        assert_eq!(history.estimate("rank", 0.0).map(|e| e.seconds), Some(1.0));
        assert_eq!(history.stages["rank"].len(), KEPT);
    }
}
