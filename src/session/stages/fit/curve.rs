//! What a training tells while it runs: the curves of its fold, and how far it is.
//!
//! Takes what the training loop says, or a checkpoint's history; gives events. A fold has one line of each series over all its epochs,
//! whatever parts its training has. Loss and score have a point an epoch, which a checkpoint keeps; everything else (the loss of the batches,
//! the learning rate, the gradient's length, speed, and what the machine does meanwhile) has ten, which only the log has.

use super::looks;
use crate::base::{Time, Value};
use crate::dag::Event;
use crate::learn::train::checkpoint::Lesson;
use crate::learn::train::{self, Checkpoint, FitEvent, Step};
use crate::session::snapshot::series;
use crate::session::stages::{Bench, Task};
use crate::session::{SessionError, Slot};

/// Points of a curve in one epoch.
const POINTS: usize = 10;

/// Tells the curve so far, of which `history` is kept with the weights. What was told of this part before by a killed attempt stands up to
/// `x`, the epoch of its checkpoint; what lies beyond is superseded. `from`: epochs of earlier parts of the training, whose points stand.
pub(super) fn tell_curve(
    bench: &Bench<'_>,
    part: &str,
    untrained: Option<f64>,
    history: &[Lesson],
    from: usize,
    x: f64,
) {
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
        point(series::LOSS, x, lesson.loss.0);
        if let Some(score) = lesson.score {
            point(&metric, x, score.0);
        }
    }
}

/// Tells how many steps an epoch of each part of the training has, on so many photos.
pub(super) fn tell_steps(bench: &Bench<'_>, name: &str, photos: usize) {
    for part in &bench.graph.parts {
        let batches = train::steps_per_epoch(photos, part.settings.batch);
        let (per_epoch, _) = train::updates_per_epoch(batches, part.settings.accumulate);
        (bench.tell)(Event::Steps { part: name.to_owned(), x: part.first as f64, per_epoch: per_epoch as u64 });
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
    let name = slot.to_string();
    if let Some(photos) = fact("photos").and_then(Value::as_f64) {
        tell_steps(bench, &name, photos as usize);
    }
    tell_curve(bench, &name, untrained.filter(|_| same), &history, 0, history.len() as f64);
    Ok(())
}

/// Turns what training says into events: a few points of each series an epoch, not one a step.
pub(super) struct Teller<'a> {
    bench: &'a Bench<'a>,
    /// "fold 0", as curves are called.
    part: &'a str,
    /// "fold 0 stage 1 of 2", as the stage is called.
    label: &'a str,
    per_epoch: usize,
    since: Since,
    /// Processor time of this process at the last point, and when that was.
    worked: Option<(Time, f64)>,
}

/// Sums over the steps since the last point.
#[derive(Default)]
struct Since {
    steps: usize,
    loss: f64,
    gradient_norm: f64,
    images: usize,
    seconds: f64,
}

impl<'a> Teller<'a> {
    /// Before the first event; `per_epoch` steps make an epoch.
    pub(super) fn new(bench: &'a Bench<'a>, part: &'a str, label: &'a str, per_epoch: usize) -> Teller<'a> {
        let mut teller = Teller { bench, part, label, per_epoch, since: Since::default(), worked: None };
        teller.load();
        teller
    }

    pub(super) fn tell(&mut self, event: &FitEvent) {
        match event {
            FitEvent::Resumed { epoch, batch } => {
                let text = format!("{} goes on after epoch {epoch} and {batch} batches", self.part);
                (self.bench.tell)(Event::Note { text });
            }
            FitEvent::Step(step) => {
                self.since.steps += 1;
                self.since.loss += step.loss;
                self.since.gradient_norm += step.gradient_norm;
                self.since.images += step.images;
                self.since.seconds += step.seconds;
                let every = self.per_epoch.div_ceil(POINTS);
                if step.step.is_multiple_of(every) || step.step.is_multiple_of(self.per_epoch) {
                    self.points(step);
                }
                (self.bench.tell)(Event::Progress {
                    stage: "fit".to_owned(),
                    part: self.label.to_owned(),
                    what: "train".to_owned(),
                    // Of the whole training, also where parts have steps of their own.
                    done: (step.epoch * self.per_epoch as f64).round() as u64,
                    total: (self.bench.graph.epochs * self.per_epoch) as u64,
                    unit: "steps".to_owned(),
                });
            }
            FitEvent::Epoch { epoch, loss, .. } => {
                self.point(series::LOSS, *epoch as f64, *loss);
                self.since = Since::default();
            }
            FitEvent::Score { epoch, value, .. } => self.point(&self.bench.project.metric(), *epoch as f64, *value),
            FitEvent::Saved { .. } => {}
        }
    }

    /// A point of everything that is told several times an epoch: means over the steps since the last one.
    fn points(&mut self, step: &Step) {
        let (since, x) = (std::mem::take(&mut self.since), step.epoch);
        let steps = since.steps as f64;
        self.point(series::BATCH_LOSS, x, since.loss / steps);
        self.point(series::RATE, x, step.lr);
        self.point(series::GRADIENT, x, since.gradient_norm / steps);
        if since.seconds > 0.0 {
            self.point(series::SPEED, x, since.images as f64 / since.seconds);
        }
        for (series, value) in self.load() {
            self.point(series, x, value);
        }
    }

    /// What the machine does, where it tells.
    fn load(&mut self) -> Vec<(&'static str, f64)> {
        let around = &self.bench.project.around;
        let (load, now) = ((around.load)(), around.clock.now());
        let before = std::mem::replace(&mut self.worked, load.processor_seconds.map(|seconds| (now, seconds)));
        let share = before.zip(load.processor_seconds).and_then(|((then, before), seconds)| {
            let passed = now.since(then) * around.threads.max(1) as f64;
            (passed > 0.0).then(|| (100.0 * (seconds - before) / passed).max(0.0))
        });
        let told = [
            (series::CPU, share),
            (series::MEMORY, load.memory.map(|bytes| bytes as f64)),
            (series::GPU, load.gpu),
            (series::GPU_MEMORY, load.gpu_memory.map(|bytes| bytes as f64)),
        ];
        told.into_iter().filter_map(|(series, value)| Some((series, value?))).collect()
    }

    fn point(&self, series: &str, x: f64, value: f64) {
        (self.bench.tell)(Event::Point { series: series.to_owned(), part: self.part.to_owned(), x, value });
    }
}
