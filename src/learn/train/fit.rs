//! The training loop, on one screen.
//!
//! Takes a network with its weights, a loss and batches; leaves the weights trained, with a checkpoint
//! beside. What else it needs (time, the wish to stop, evaluation, an observer) comes in as
//! [`Surroundings`]. Shape after nanoGPT's train.py: forward, loss, backward, step, note, repeat.

use std::path::{Path, PathBuf};

use super::checkpoint::{self, Checkpoint, Exact, Lesson, Place};
use super::optimizer::{self, Optimizer, clip_factor, gradient_norm};
use super::{Batch, Batches, Evaluate, Evaluator, FitEvent, Observer, Schedule, Step, TrainError, TrainSettings};
use crate::base::cancel::Cancelled;
use crate::base::{Cancel, Clock, Key, Seed};
use crate::learn::loss::{self, Head, Loss, Moment, Targets};
use crate::learn::ops::{Grads, Network, Params, Tape};

/// Name of the checkpoint in its folder.
pub const CHECKPOINT: &str = "checkpoint.safetensors";

/// A good value for [`Surroundings::save_seconds`]: a kill then costs five minutes at most.
pub const SAVE_SECONDS: f64 = 300.0;

/// What is to be trained.
pub struct Task<'a> {
    /// The network.
    pub network: &'a dyn Network,
    /// What it should do better.
    pub loss: &'a dyn Loss,
    /// The recipe's `[train]`.
    pub settings: &'a TrainSettings,
    /// The recipe's seed (for the fold); the head's first values come from it.
    pub seed: Seed,
    /// Stop after so many epochs, at most `settings.epochs`: a prefix of the whole training.
    pub until_epoch: usize,
    /// Key of all that the training depends on, `until_epoch` not included: a checkpoint of another
    /// key is refused.
    pub key: Key,
}

/// What training needs from outside.
pub struct Surroundings<'a> {
    /// Folder of the checkpoint. When one is there, training goes on from it.
    pub folder: &'a Path,
    /// Scores the network after epochs.
    pub evaluate: &'a mut dyn Evaluator,
    /// Hears what happens.
    pub observe: &'a mut dyn Observer,
    /// Tells the time: for speeds, and for when to save.
    pub clock: &'a dyn Clock,
    /// The wish to stop, heard between two steps.
    pub cancel: &'a Cancel,
    /// Save within an epoch after so many seconds. Changes no weight.
    pub save_seconds: f64,
}

/// What a training gave; the weights are in the `Params` and in the checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// The checkpoint.
    pub path: PathBuf,
    /// Epochs finished.
    pub epochs: usize,
    /// Mean loss and score of each epoch, those before a resume included.
    pub history: Vec<Lesson>,
}

/// Trains until `task.until_epoch`, from the folder's checkpoint when one is there. The head is added
/// to `params` under `loss.`.
///
/// # Errors
/// [`TrainError::Cancelled`] when asked to stop, with the checkpoint written; otherwise whatever went wrong.
pub fn fit(
    task: &Task<'_>,
    params: &mut Params,
    batches: &mut dyn Batches,
    around: &mut Surroundings<'_>,
) -> Result<Fitted, TrainError> {
    let per_epoch = batches.steps();
    let mut trainer = Trainer::begin(task, params, per_epoch, around)?;
    let mut saved = around.clock.now();
    while trainer.at.epoch < task.until_epoch {
        let (epoch, first) = (trainer.at.epoch, trainer.at.batch);
        let failed = |slot| move |source| TrainError::Batch { epoch: epoch + 1, batch: slot + 1, source };
        let (mut images, mut seconds) = (0, 0.0);
        let mut incoming = batches.epoch(epoch, first).map_err(failed(first))?;
        for slot in first..per_epoch {
            if around.cancel.is_cancelled() {
                return Err(trainer.stop(around));
            }
            let began = around.clock.now();
            let short = || TrainError::ShortEpoch { epoch: epoch + 1, got: slot, expected: per_epoch };
            let batch = match incoming.next().ok_or_else(short)? {
                // The loader heard the wish to stop before this loop did.
                Err(_) if around.cancel.is_cancelled() => return Err(trainer.stop(around)),
                batch => batch.map_err(failed(slot))?,
            };
            let waited = around.clock.now().since(began);
            let mut event = trainer.step(&batch)?;
            event.seconds = around.clock.now().since(began);
            event.waited = waited;
            images += event.images;
            seconds += event.seconds;
            around.observe.event(&FitEvent::Step(event));
            if around.clock.now().since(saved) > around.save_seconds {
                trainer.save(around)?;
                saved = around.clock.now();
            }
        }
        drop(incoming);

        let loss = trainer.at.loss_sum.0 / per_epoch as f64;
        let images_per_second = if seconds > 0.0 { images as f64 / seconds } else { 0.0 };
        around.observe.event(&FitEvent::Epoch { epoch: epoch + 1, loss, images_per_second });
        let score = match trainer.score(epoch + 1, around) {
            // The epoch stands finished but for its score, which a resume makes up for.
            Err(_) if around.cancel.is_cancelled() => return Err(trainer.stop(around)),
            score => score?,
        };
        trainer.finish_epoch(loss, score);
        trainer.save(around)?;
        saved = around.clock.now();
    }
    Ok(Fitted { epochs: trainer.at.epoch, history: trainer.at.history, path: trainer.path })
}

/// All that moves while training.
struct Trainer<'a> {
    task: &'a Task<'a>,
    params: &'a mut Params,
    head: Head,
    optimizer: Box<dyn Optimizer>,
    schedule: Schedule,
    tape: Tape,
    at: Place,
    per_epoch: usize,
    path: PathBuf,
    checked: bool,
}

impl<'a> Trainer<'a> {
    /// The beginning, or what the folder's checkpoint holds.
    fn begin(
        task: &'a Task<'a>,
        params: &'a mut Params,
        per_epoch: usize,
        around: &mut Surroundings<'_>,
    ) -> Result<Trainer<'a>, TrainError> {
        let Task { settings, until_epoch: until, key, .. } = *task;
        let schedule = Schedule::new(&settings.schedule, settings.epochs, per_epoch);
        let head = Head::add(task.loss, params, task.seed)?;
        let mut optimizer = optimizer::build(&settings.optimizer, params, settings.head_lr);
        let path = around.folder.join(CHECKPOINT);
        let at = match Checkpoint::open(&path) {
            Err(TrainError::File(e)) if e.is_missing() => Place::start(key),
            Err(e) => return Err(e),
            Ok(mut checkpoint) => {
                let place = checkpoint.place().clone();
                if place.key != key {
                    return Err(TrainError::OtherSettings { path, found: place.key.short(), expected: key.short() });
                }
                checkpoint.resume(params, optimizer.as_mut())?;
                around.observe.event(&FitEvent::Resumed { epoch: place.epoch, batch: place.batch });
                place
            }
        };
        if until > settings.epochs || until < at.epoch {
            return Err(TrainError::Until { until, epochs: settings.epochs, done: at.epoch });
        }
        Ok(Trainer {
            task,
            params,
            head,
            optimizer,
            schedule,
            tape: Tape::train(),
            at,
            per_epoch,
            path,
            checked: false,
        })
    }

    /// Forward, loss, backward, step.
    fn step(&mut self, batch: &Batch) -> Result<Step, TrainError> {
        let Task { network, loss, settings, .. } = *self.task;
        check_batch(batch, &self.at)?;
        let params = &mut *self.params;
        let done = self.at.epoch as f64 + self.at.batch as f64 / self.per_epoch as f64;

        let embeddings = network.forward(params, &mut self.tape, &batch.images)?; // [b, d]
        let targets = Targets { classes: &batch.classes, coarse: &batch.coarse };
        let moment = Moment { epoch: done, epochs: settings.epochs as f64 };
        let fall = loss::gradients(loss, &self.head.tensors(params), &embeddings.tensor(), &targets, moment)?;
        if !fall.value.is_finite() {
            return Err(not_finite("the loss", fall.value, &self.at, batch));
        }
        let mut grads = self.tape.backward(&embeddings, &fall.embeddings)?;
        self.head.insert(&mut grads, fall.head);
        if !self.checked {
            check_gradients(params, &grads, self.optimizer.as_ref())?;
            self.checked = true;
        }
        let (norm, broken) = gradient_norm(&grads, params)?;
        if let Some(id) = broken {
            return Err(not_finite(&format!("the gradient of {}", params.name(id)), norm, &self.at, batch));
        }
        let lr = self.optimizer.lr() * self.schedule.factor(self.at.step);
        self.optimizer.step(params, &grads, lr, clip_factor(norm, settings.clip_grad_norm))?;
        self.tape.apply_updates(params)?;

        self.at.step += 1;
        self.at.batch += 1;
        self.at.loss_sum.0 += fall.value;
        Ok(Step {
            step: self.at.step,
            steps: self.schedule.steps(),
            epoch: self.at.epoch as f64 + self.at.batch as f64 / self.per_epoch as f64,
            loss: fall.value,
            lr,
            gradient_norm: norm,
            images: batch.classes.len(),
            seconds: 0.0,
            waited: 0.0,
        })
    }

    /// The score after an epoch, when it is due.
    fn score(&self, epoch: usize, around: &mut Surroundings<'_>) -> Result<Option<f64>, TrainError> {
        let last = epoch == self.task.until_epoch;
        if !last && !epoch.is_multiple_of(self.task.settings.eval.every_epochs) {
            return Ok(None);
        }
        let began = around.clock.now();
        let now = Evaluate { network: self.task.network, params: self.params, epoch, last };
        let value = around.evaluate.score(&now).map_err(|source| TrainError::Evaluate { epoch, source })?;
        around.observe.event(&FitEvent::Score { epoch, value, seconds: around.clock.now().since(began) });
        Ok(Some(value))
    }

    fn finish_epoch(&mut self, loss: f64, score: Option<f64>) {
        self.at.history.push(Lesson { loss: Exact(loss), score: score.map(Exact) });
        self.at.epoch += 1;
        self.at.batch = 0;
        self.at.loss_sum = Exact(0.0);
    }

    fn save(&self, around: &mut Surroundings<'_>) -> Result<(), TrainError> {
        checkpoint::save(&self.path, self.params, Some(self.optimizer.as_ref()), &self.at)?;
        around.observe.event(&FitEvent::Saved { epoch: self.at.epoch, batch: self.at.batch });
        Ok(())
    }

    /// Saves, and gives the error that leaves the loop.
    fn stop(&self, around: &mut Surroundings<'_>) -> TrainError {
        self.save(around).err().unwrap_or(Cancelled.into())
    }
}

fn not_finite(what: &str, value: f64, at: &Place, batch: &Batch) -> TrainError {
    let (what, photos) = (what.to_owned(), batch.photos.clone());
    TrainError::NotFinite { what, value, step: at.step + 1, epoch: at.epoch + 1, photos }
}

fn check_batch(batch: &Batch, at: &Place) -> Result<(), TrainError> {
    let images = batch.images.dims().first().copied().unwrap_or(0);
    if batch.classes.len() != images || batch.photos.len() != images {
        let (classes, photos) = (batch.classes.len(), batch.photos.len());
        return Err(TrainError::BatchShape { epoch: at.epoch + 1, batch: at.batch + 1, images, classes, photos });
    }
    if images < 2 { Err(TrainError::TooFewPhotos(images)) } else { Ok(()) }
}

/// Every weight has a gradient, and every gradient an optimiser group that uses it.
fn check_gradients(params: &Params, grads: &Grads, optimizer: &dyn Optimizer) -> Result<(), TrainError> {
    if let Some(id) = params.weights().find(|id| grads.get(*id).is_none()) {
        return Err(TrainError::NoGradient(params.name(id).to_owned()));
    }
    match grads.iter().find(|(id, _)| !optimizer.holds(*id)) {
        Some((id, _)) => Err(TrainError::NotInOptimizer(params.name(id).to_owned())),
        None => Ok(()),
    }
}
