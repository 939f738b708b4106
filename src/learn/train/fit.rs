//! The training loop, on one screen.
//!
//! Takes a network with its weights, a loss and batches; leaves the weights trained, with a checkpoint
//! beside. What else it needs (time, the wish to stop, evaluation, an observer) comes in as
//! [`Surroundings`]. Shape after nanoGPT's train.py: forward, loss, backward, step, note, repeat.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::Tensor;

use super::average::Average;
use super::checkpoint::{self, Checkpoint, Exact, Lesson, Place, Rest};
use super::optimizer::{self, Optimizer, Sam, clip_factor, gradient_norm, sam};
use super::parts::Passage;
use super::{
    Batch, Batches, Evaluate, Evaluator, FitEvent, Frozen, Observer, Schedule, Step, TrainError, TrainSettings,
    updates_per_epoch,
};
use crate::base::cancel::Cancelled;
use crate::base::{Cancel, Clock, Key, Seed};
use crate::learn::loss::{self, Head, Loss, Mixture, Moment, Targets};
use crate::learn::ops::{Grads, Network, ParamId, Params, Processor, Tape};

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
    /// Epochs before this training, of stages that it starts from; epochs are counted from the first stage's start.
    pub first: usize,
    /// Stop after so many epochs, at most `first + settings.epochs`: a prefix of the whole training.
    pub until_epoch: usize,
    /// Key of all that the training depends on, `until_epoch` not included: a checkpoint of another
    /// key is refused.
    pub key: Key,
    /// The part before this one: its end may lie in the folder as the beginning of this one.
    pub before: Option<Before>,
}

/// A part of a training that another one starts from.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    /// The key in its checkpoint.
    pub key: Key,
    /// Epochs that it ends after.
    pub epochs: usize,
    /// What goes over.
    pub passage: Passage,
}

/// What training needs from outside.
pub struct Surroundings<'a> {
    /// Where the network runs.
    pub processor: Processor,
    /// Folder of the checkpoint. When one is there, training goes on from it.
    pub folder: &'a Path,
    /// Scores the network after epochs.
    pub evaluate: &'a mut dyn Evaluator,
    /// Hears what happens.
    pub observe: &'a mut dyn Observer,
    /// Tells the time: for speeds, and for when to save.
    pub clock: &'a dyn Clock,
    /// The wish to stop, heard between two batches; what a step has gathered by then is done again.
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
/// to `params` under `loss.`; with an average of weights, `params` ends as the average.
///
/// # Errors
/// [`TrainError::Cancelled`] when asked to stop, with the checkpoint written; otherwise whatever went wrong.
pub fn fit(
    task: &Task<'_>,
    params: &mut Params,
    batches: &mut dyn Batches,
    around: &mut Surroundings<'_>,
) -> Result<Fitted, TrainError> {
    let mut trainer = Trainer::begin(task, params, batches.steps(), around)?;
    let mut saved = around.clock.now();
    while trainer.at.epoch < task.until_epoch {
        let (epoch, first) = (trainer.at.epoch, trainer.at.batch);
        let failed = |slot| move |source| TrainError::Batch { epoch: epoch + 1, batch: slot + 1, source };
        let (mut images, mut seconds, mut waited) = (0, 0.0, 0.0);
        let mut incoming = batches.epoch(epoch, first).map_err(failed(first))?;
        let mut began = None;
        for slot in first..trainer.batches() {
            if around.cancel.is_cancelled() {
                return Err(trainer.stop(around));
            }
            let asked = around.clock.now();
            let begin = *began.get_or_insert(asked);
            let short = || TrainError::ShortEpoch { epoch: epoch + 1, got: slot, expected: trainer.batches() };
            let batch = match incoming.next().ok_or_else(short)? {
                // The loader heard the wish to stop before this loop did.
                Err(_) if around.cancel.is_cancelled() => return Err(trainer.stop(around)),
                batch => batch.map_err(failed(slot))?,
            };
            waited += around.clock.now().since(asked);
            trainer.learn(&batch)?;
            if !trainer.is_due() {
                continue;
            }
            let mut event = trainer.step()?;
            event.seconds = around.clock.now().since(begin);
            event.waited = waited;
            images += event.images;
            seconds += event.seconds;
            around.observe.event(&FitEvent::Step(event));
            if around.clock.now().since(saved) > around.save_seconds {
                trainer.save(around)?;
                saved = around.clock.now();
            }
            (began, waited) = (None, 0.0);
        }
        drop(incoming);

        let loss = trainer.at.loss_sum.0 / trainer.batches() as f64;
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
    trainer.finish()
}

/// All that moves while training.
struct Trainer<'a> {
    task: &'a Task<'a>,
    params: &'a mut Params,
    head: Head,
    optimizer: Optimizer,
    average: Option<Average>,
    schedule: Schedule,
    tape: Tape,
    /// Which parameters are frozen, by their order, and the step from which they learn.
    mask: Arc<[bool]>,
    thaw: usize,
    at: Place,
    /// Steps of an epoch, and batches of a step.
    updates: usize,
    each: usize,
    /// What the batches of the present step have given.
    gathered: Gathered,
    path: PathBuf,
    checked: bool,
}

/// The batches of a step that is not yet made.
#[derive(Default)]
struct Gathered {
    grads: Option<Grads>,
    losses: Vec<f64>,
    photos: Vec<u32>,
    /// New values of the head's buffers. The next batch sees them; they join the parameters with the step, so that
    /// a batch that is done again after a stop finds what it found the first time.
    buffers: Vec<(usize, Tensor)>,
    /// The batches themselves, where they are passed again, each with the number of `buffers` that it saw.
    batches: Vec<(Batch, usize)>,
}

/// What a pass over one batch gives: its mean loss, gradients, new values of the head's buffers.
struct Passed {
    value: f64,
    grads: Grads,
    buffers: Vec<(usize, Tensor)>,
}

impl<'a> Trainer<'a> {
    /// The beginning, or what the folder's checkpoint holds.
    fn begin(
        task: &'a Task<'a>,
        params: &'a mut Params,
        batches: usize,
        around: &mut Surroundings<'_>,
    ) -> Result<Trainer<'a>, TrainError> {
        let Task { settings, until_epoch: until, key, .. } = *task;
        let (updates, each) = updates_per_epoch(batches, settings.accumulate);
        let schedule = Schedule::new(&settings.schedule, settings.optimizer.rule().lr(), settings.epochs, updates);
        let head = Head::add(task.loss, params, task.seed)?;
        let frozen = Frozen::of(settings, task.network, params, updates)?;
        let groups = optimizer::groups(params, task.network, settings, frozen);
        let mut optimizer = Optimizer::new(&settings.optimizer, groups, params);
        let mut average = settings.ema.map(|ema| Average::new(ema, params)).transpose()?;
        let path = around.folder.join(CHECKPOINT);
        let at = match Checkpoint::open(&path) {
            Err(TrainError::File(e)) if e.is_missing() => Place::start(key),
            Err(e) => return Err(e),
            Ok(mut checkpoint) => {
                let mut place = checkpoint.place().clone();
                let before = task.before.filter(|before| before.key == place.key && before.epochs == place.epoch);
                if place.key != key && before.is_none() {
                    return Err(TrainError::OtherSettings { path, found: place.key.short(), expected: key.short() });
                }
                match before.filter(|_| place.key != key).map(|before| before.passage) {
                    Some(Passage::Weights) => {
                        // Only what was learnt goes over: weights, statistics, the head, and the curve so far.
                        checkpoint.load(params)?;
                        average = settings.ema.map(|ema| Average::new(ema, params)).transpose()?;
                        place = Place { epoch: place.epoch, history: place.history, ..Place::start(key) };
                    }
                    Some(Passage::Everything) | None => {
                        let average = average.as_mut().map(|average| &mut average.params);
                        checkpoint.resume(params, &mut optimizer, average)?;
                        place.key = key;
                        around.observe.event(&FitEvent::Resumed { epoch: place.epoch, batch: place.batch });
                    }
                }
                place
            }
        };
        let end = task.first + settings.epochs;
        if until > end || until < at.epoch || at.epoch < task.first {
            return Err(TrainError::Until { until, epochs: end, done: at.epoch });
        }
        let mask = |frozen: &Frozen| params.iter().map(|(_, name, ..)| frozen.holds(task.network, name)).collect();
        let (mask, thaw) = frozen.as_ref().map_or((Arc::default(), 0), |frozen| (mask(frozen), frozen.steps));
        let mut tape = Tape::train().at(&around.processor);
        tape.compute_again(settings.checkpoint);
        Ok(Trainer {
            task,
            params,
            head,
            optimizer,
            average,
            schedule,
            tape,
            mask,
            thaw,
            at,
            updates,
            each,
            gathered: Gathered::default(),
            path,
            checked: false,
        })
    }

    /// Batches of an epoch that are used.
    fn batches(&self) -> usize {
        self.updates * self.each
    }

    /// Batches of the epoch that were used so far, those of the present step included.
    fn batch(&self) -> usize {
        self.at.batch + self.gathered.losses.len()
    }

    /// Epochs finished when `batches` of the epoch that has begun are, with the fraction of these.
    fn done(&self, batches: usize) -> f64 {
        self.at.epoch as f64 + batches as f64 / self.batches() as f64
    }

    /// One batch's gradient joins the step's.
    fn learn(&mut self, batch: &Batch) -> Result<(), TrainError> {
        let seen = std::mem::take(&mut self.gathered.buffers);
        let passed = self.pass(batch, self.batch(), &seen);
        if self.task.settings.optimizer.sam().is_some() {
            self.gathered.batches.push((batch.clone(), seen.len()));
        }
        self.gathered.buffers = seen;
        let Passed { value, grads, buffers } = passed?;
        self.gathered.buffers.extend(buffers);
        self.gathered.losses.push(value);
        self.gathered.photos.extend(&batch.photos);
        match &mut self.gathered.grads {
            None => self.gathered.grads = Some(grads),
            Some(sum) => sum.add(grads)?,
        }
        Ok(())
    }

    /// Forward, loss, backward over the batch at `slot` of the epoch; `seen` are the head's newer buffers.
    fn pass(&mut self, batch: &Batch, slot: usize, seen: &[(usize, Tensor)]) -> Result<Passed, TrainError> {
        let Task { network, loss, seed, .. } = *self.task;
        check_batch(batch, self.at.epoch, slot)?;
        let place = |name: &str| seed.named(name).at(self.at.epoch as u64).at(slot as u64);
        let moment = Moment { epoch: self.done(slot), seed: place("loss draws") };
        let draws = place("draws");
        self.tape.freeze(self.frozen());
        self.tape.seed(draws);

        let embeddings = network.forward(self.params, &mut self.tape, &batch.images)?; // [b, d]
        let targets = Targets { classes: &batch.classes, coarse: &batch.coarse };
        let head = self.head.tensors(self.params, seen);
        let mixture = batch.mixed.as_ref().map(|mixed| Mixture::new(loss, &targets, &mixed.partners, mixed.own));
        let loss = mixture.as_ref().map_or(loss, |mixture| mixture);
        let fall = loss::gradients(loss, &head, &embeddings.tensor(), &targets, moment)?;
        if !fall.value.is_finite() {
            return Err(not_finite("the loss", fall.value, &self.at, &batch.photos));
        }
        let mut grads = match self.tape.is_recording() {
            true => self.tape.backward(&embeddings, &fall.embeddings)?,
            // Nothing but the loss learns: the whole network is frozen, and its neck has no weights.
            false => Grads::default(),
        };
        self.head.insert(&mut grads, fall.head);
        Ok(Passed { value: fall.value, grads, buffers: fall.buffers })
    }

    /// SAM's second pass: the gradient of the step's batches at the weights uphill of `grads`. Each batch sees the draws and
    /// buffers of its first pass, and nothing but the gradient is kept of the second.
    fn pass_uphill(&mut self, sam: Sam, grads: &Grads, norm: f64, first: &Gathered) -> Result<Grads, TrainError> {
        // The first pass has moved the running statistics; what the second one would do to them is thrown away.
        self.tape.apply_updates(self.params)?;
        let before = sam.climb(self.params, grads, 1.0 / first.losses.len() as f64, norm)?;
        let mut sum = Grads::default();
        let passed = first.batches.iter().enumerate().try_for_each(|(i, (batch, seen))| {
            let passed = self.pass(batch, self.at.batch + i, &first.buffers[..*seen])?;
            Ok(sum.add(passed.grads)?)
        });
        sam::come_back(self.params, before)?;
        self.tape.discard();
        passed.map(|()| sum)
    }

    /// Length of a step's mean gradient, which must be finite.
    fn length(&self, grads: &Grads, share: f64, photos: &[u32]) -> Result<f64, TrainError> {
        let (norm, broken) = gradient_norm(grads, self.params)?;
        match broken {
            None => Ok(norm * share),
            Some(id) => {
                let what = format!("the gradient of {}", self.params.name(id));
                Err(not_finite(&what, norm * share, &self.at, photos))
            }
        }
    }

    /// What is frozen in the present step.
    fn frozen(&self) -> Arc<[bool]> {
        if self.at.step < self.thaw { self.mask.clone() } else { Arc::default() }
    }

    /// Whether the present step has all its batches.
    fn is_due(&self) -> bool {
        self.gathered.losses.len() == self.each
    }

    /// The optimiser's step with what was gathered, and the average's.
    fn step(&mut self) -> Result<Step, TrainError> {
        let settings = self.task.settings;
        let mut gathered = std::mem::take(&mut self.gathered);
        let mut grads = gathered.grads.take().unwrap_or_default();
        if !self.checked || self.at.step == self.thaw {
            check_gradients(self.params, &grads, &self.optimizer, &self.frozen())?;
            self.checked = true;
        }
        // The mean over all photos of the step, as of one large batch.
        let share = 1.0 / gathered.losses.len() as f64;
        let mut norm = self.length(&grads, share, &gathered.photos)?;
        if let Some(sam) = settings.optimizer.sam() {
            grads = self.pass_uphill(sam, &grads, norm, &gathered)?;
            norm = self.length(&grads, share, &gathered.photos)?;
        }
        let Gathered { losses, photos, buffers, .. } = gathered;
        let lr = self.schedule.rate(self.at.step);
        self.optimizer.step(self.params, &grads, lr, share * clip_factor(norm, settings.clip_grad_norm))?;
        self.tape.apply_updates(self.params)?;
        self.head.set_buffers(self.params, buffers)?;

        self.at.step += 1;
        self.at.batch += losses.len();
        let loss = losses.iter().sum::<f64>();
        self.at.loss_sum.0 += loss;
        if let Some(average) = &mut self.average {
            average.update(self.params, self.at.step)?;
        }
        Ok(Step {
            step: self.at.step,
            steps: self.schedule.steps(),
            epoch: self.done(self.at.batch),
            loss: loss * share,
            lr,
            gradient_norm: norm,
            images: photos.len(),
            seconds: 0.0,
            waited: 0.0,
        })
    }

    /// The weights that count: the average where there is one.
    fn kept(&self) -> &Params {
        self.average.as_ref().map_or(&*self.params, |average| &average.params)
    }

    /// Leaves the weights that count in the caller's hands.
    fn finish(self) -> Result<Fitted, TrainError> {
        if let Some(average) = self.average {
            *self.params = average.params;
        }
        Ok(Fitted { epochs: self.at.epoch, history: self.at.history, path: self.path })
    }

    /// The score after an epoch, when it is due.
    fn score(&self, epoch: usize, around: &mut Surroundings<'_>) -> Result<Option<f64>, TrainError> {
        let last = epoch == self.task.until_epoch;
        if !last && !epoch.is_multiple_of(self.task.settings.eval.every_epochs) {
            return Ok(None);
        }
        let began = around.clock.now();
        let now = Evaluate { network: self.task.network, params: self.kept(), epoch, last };
        let value = around.evaluate.score(&now).map_err(|source| TrainError::Evaluate { epoch, source })?;
        if let Some(value) = value {
            around.observe.event(&FitEvent::Score { epoch, value, seconds: around.clock.now().since(began) });
        }
        Ok(value)
    }

    fn finish_epoch(&mut self, loss: f64, score: Option<f64>) {
        self.at.history.push(Lesson { loss: Exact(loss), score: score.map(Exact) });
        self.at.epoch += 1;
        self.at.batch = 0;
        self.at.loss_sum = Exact(0.0);
    }

    fn save(&self, around: &mut Surroundings<'_>) -> Result<(), TrainError> {
        let weights = self.average.as_ref().map(|_| &*self.params);
        let rest = Rest { optimizer: &self.optimizer, weights };
        checkpoint::save(&self.path, self.kept(), Some(rest), &self.at)?;
        around.observe.event(&FitEvent::Saved { epoch: self.at.epoch, batch: self.at.batch });
        Ok(())
    }

    /// Saves what whole steps have made, and gives the error that leaves the loop.
    fn stop(&self, around: &mut Surroundings<'_>) -> TrainError {
        self.save(around).err().unwrap_or(Cancelled.into())
    }
}

fn not_finite(what: &str, value: f64, at: &Place, photos: &[u32]) -> TrainError {
    let (what, photos) = (what.to_owned(), photos.to_owned());
    TrainError::NotFinite { what, value, step: at.step + 1, epoch: at.epoch + 1, photos }
}

fn check_batch(batch: &Batch, epoch: usize, at: usize) -> Result<(), TrainError> {
    let images = batch.images.dims().first().copied().unwrap_or(0);
    if batch.classes.len() != images || batch.photos.len() != images {
        let (classes, photos) = (batch.classes.len(), batch.photos.len());
        return Err(TrainError::BatchShape { epoch: epoch + 1, batch: at + 1, images, classes, photos });
    }
    if images < 2 { Err(TrainError::TooFewPhotos(images)) } else { Ok(()) }
}

/// Every weight has a gradient unless it is frozen, and every gradient an optimiser group that uses it.
fn check_gradients(params: &Params, grads: &Grads, optimizer: &Optimizer, frozen: &[bool]) -> Result<(), TrainError> {
    let frozen = |id: ParamId| frozen.get(id.index()).copied().unwrap_or(false);
    if let Some(id) = params.weights().find(|id| grads.get(*id).is_none() && !frozen(*id)) {
        return Err(TrainError::NoGradient(params.name(id).to_owned()));
    }
    if let Some((id, _)) = grads.iter().find(|(id, _)| frozen(*id)) {
        return Err(TrainError::Thawed(params.name(id).to_owned()));
    }
    match grads.iter().find(|(id, _)| !optimizer.holds(*id)) {
        Some((id, _)) => Err(TrainError::NotInOptimizer(params.name(id).to_owned())),
        None => Ok(()),
    }
}
