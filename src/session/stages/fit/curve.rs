//! What a training tells while it runs: the curves of its fold, and how far it is.
//!
//! Takes what the training loop says, or a checkpoint's history; gives events. A fold has one line of each series over all its epochs,
//! whatever parts its training has.

use super::looks;
use crate::base::Value;
use crate::dag::Event;
use crate::learn::train::checkpoint::Lesson;
use crate::learn::train::{self, Checkpoint, FitEvent};
use crate::session::stages::{Bench, Task};
use crate::session::{SessionError, Slot};

/// Points of the loss curve in one epoch.
const POINTS: usize = 10;

/// Tells the whole curve so far: what was told of this part before (by a killed attempt, with points beyond
/// its last checkpoint) is superseded. `from`: epochs of earlier parts of the training, whose points stand.
pub(super) fn tell_curve(bench: &Bench<'_>, part: &str, untrained: Option<f64>, history: &[Lesson], from: usize) {
    let x = if from == 0 { -1.0 } else { from as f64 };
    (bench.tell)(Event::Rewind { part: part.to_owned(), x });
    let point = |series: &str, x: f64, value: f64| {
        let (series, part) = (series.to_owned(), part.to_owned());
        (bench.tell)(Event::Point { series, part, x, value });
    };
    let metric = bench.project.metric();
    if let Some(value) = untrained.filter(|_| from == 0) {
        point(&metric, 0.0, value);
    }
    for (i, lesson) in history.iter().enumerate().skip(from) {
        let x = (i + 1) as f64;
        point("loss", x, lesson.loss.0);
        if let Some(score) = lesson.score {
            point(&metric, x, score.0);
        }
    }
}

/// Tells the curve of a training that was found in the store.
pub(in crate::session::stages) fn recall(bench: &Bench<'_>, slot: Slot, task: Task) -> Result<(), SessionError> {
    let file = bench.folder(task)?.join(train::CHECKPOINT);
    let meta = bench.project.store.meta("fit", &bench.graph.stage(task)?.artefact())?;
    let fact = |name: &str| meta.as_ref().and_then(|meta| meta.facts.get(name));
    let untrained = fact("untrained").and_then(Value::as_f64);
    let mut history = Checkpoint::open(&file)?.place().history.clone();
    // What was scored by another metric has no place in this one's curve.
    let same = looks::metric(&bench.folder(task)?).is_none_or(|metric| metric == bench.project.metric());
    if !same {
        history.iter_mut().for_each(|lesson| lesson.score = None);
    }
    tell_curve(bench, &slot.to_string(), untrained.filter(|_| same), &history, 0);
    Ok(())
}

/// Turns what training says into events: a few points of the loss an epoch, not one a step.
pub(super) struct Teller<'a> {
    bench: &'a Bench<'a>,
    /// "fold 0", as curves are called.
    part: &'a str,
    /// "fold 0 stage 1 of 2", as the stage is called.
    label: &'a str,
    per_epoch: usize,
    sum: f64,
    count: usize,
    lr: f64,
}

impl<'a> Teller<'a> {
    /// Before the first event; `per_epoch` steps make an epoch.
    pub(super) fn new(bench: &'a Bench<'a>, part: &'a str, label: &'a str, per_epoch: usize) -> Teller<'a> {
        Teller { bench, part, label, per_epoch, sum: 0.0, count: 0, lr: 0.0 }
    }

    pub(super) fn tell(&mut self, event: &FitEvent) {
        let part = self.part.to_owned();
        let point =
            |series: &str, x: f64, value: f64| Event::Point { series: series.to_owned(), part: part.clone(), x, value };
        let tell = self.bench.tell;
        match event {
            FitEvent::Resumed { epoch, batch } => {
                let text = format!("{part} goes on after epoch {epoch} and {batch} batches");
                tell(Event::Note { text });
            }
            FitEvent::Step(step) => {
                self.sum += step.loss;
                self.count += 1;
                self.lr = step.lr;
                let every = self.per_epoch.div_ceil(POINTS);
                if step.step.is_multiple_of(every) || step.step.is_multiple_of(self.per_epoch) {
                    tell(point("loss", step.epoch, self.sum / self.count as f64));
                    (self.sum, self.count) = (0.0, 0);
                }
                tell(Event::Progress {
                    stage: "fit".to_owned(),
                    part: self.label.to_owned(),
                    what: "train".to_owned(),
                    // Of the whole training, also where parts have steps of their own.
                    done: (step.epoch * self.per_epoch as f64).round() as u64,
                    total: (self.bench.graph.epochs * self.per_epoch) as u64,
                    unit: "steps".to_owned(),
                });
            }
            FitEvent::Epoch { epoch, loss, images_per_second } => {
                // The epoch's mean takes the place of its batches, so that a curve reads the same while it is
                // made and when it is found in the store.
                let x = *epoch as f64;
                tell(Event::Rewind { part: part.clone(), x: x - 1.0 });
                tell(point("loss", x, *loss));
                tell(point("lr", x, self.lr));
                tell(point("images per second", x, *images_per_second));
                (self.sum, self.count) = (0.0, 0);
            }
            FitEvent::Score { epoch, value, .. } => {
                tell(point(&self.bench.project.metric(), *epoch as f64, *value));
            }
            FitEvent::Saved { .. } => {}
        }
    }
}
