//! Training: batches of pictures and a recipe's `[train]` table → weights.
//!
//! [`fit()`] is the loop, on one screen. What it needs from elsewhere comes in as values and traits, so
//! that it knows no loader, no score and no screen:
//!
//! ```text
//!   Batches ──▶ Network on the tape ──▶ Loss ──▶ tape backward ──▶ Optimizer at the Schedule's rate
//!                                                                    │
//!   Evaluator ◀── after an epoch ────────────────────────────────────┤
//!   Observer  ◀── FitEvent, at every step ───────────────────────────┤
//!   checkpoint.safetensors ◀── after an epoch, every few minutes, when asked to stop
//! ```
//!
//! A training is a function of (settings, seed, batches). Nothing in it depends on the clock, on the
//! number of threads, or on where it was stopped and resumed: the order of batches and every draw
//! belong to (seed, epoch, slot), the schedule always has the full length, and the checkpoint
//! holds the rest. A rung that ends early (`until_epoch`) is therefore a prefix of the whole, and
//! going on from it gives the same bits as never having stopped.
//!
//! The last batch of an epoch is left out when it is not full, as in the peers' `drop_last`: batch
//! norm over one or two pictures has no use for their statistics ([`steps_per_epoch`]).
//!
//! [`technique`] has the rows that recipes and help read; [`optimizer`], [`schedule`], [`average`] and
//! [`checkpoint`] are the means. A step is one of the optimiser: with `accumulate` it takes several batches, with SAM
//! each of them twice, and training stops only between two steps.
//!
//! A training may have [`parts()`]: stages of growing pictures, or a constant rate and its cooldown. Each is a [`fit()`] of its own that
//! finds the end of the one before as its beginning ([`Before`]); epochs are counted through all of them.

pub mod average;
pub mod checkpoint;
mod error;
mod fit;
mod freeze;
pub mod optimizer;
pub mod parts;
pub mod schedule;
pub mod speed;
pub mod technique;

use candle_core::Tensor;

pub use checkpoint::Checkpoint;
pub use error::TrainError;
pub use fit::{Before, CHECKPOINT, Fitted, SAVE_SECONDS, Surroundings, Task, fit};
pub use freeze::Frozen;
pub use parts::{Part, Passage, parts};
pub use schedule::Schedule;
pub use technique::{SECTIONS, TECHNIQUES, TrainSettings};

use super::ops::{Network, Params};
use crate::data::augment::Mixed;

/// Raised when a training gives other weights for the same settings: by a change of the loop, of an
/// operation, of an initialisation.
pub const VERSION: u32 = 2;

/// An error of a part that this folder does not know: the loader's, the evaluation's.
pub type OtherError = Box<dyn std::error::Error + Send + Sync>;

/// One step's pictures.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Pictures `[b, 3, h, w]`, f32, normalised.
    pub images: Tensor,
    /// Class of each, in `0..classes` of the training photos ([`Classes`]).
    pub classes: Vec<u32>,
    /// Coarse class of each; empty when the data has none.
    pub coarse: Vec<u32>,
    /// Which photos they are, for messages.
    pub photos: Vec<u32>,
    /// How the pictures were mixed with each other, where they were: each has its partner's class besides.
    pub mixed: Option<Mixed>,
}

/// The batches of one epoch, in order.
pub type Epoch<'a> = Box<dyn Iterator<Item = Result<Batch, OtherError>> + 'a>;

/// Whoever makes batches. What it gives must be a function of (its seed, epoch, place) alone.
pub trait Batches {
    /// Batches of an epoch; the same for every epoch, at least 1. See [`steps_per_epoch`].
    fn steps(&self) -> usize;

    /// The batches `first..steps()` of epoch `epoch` (from 0). `first` is above 0 after a resume.
    ///
    /// # Errors
    /// When the epoch cannot begin; single batches may fail on their own.
    fn epoch(&mut self, epoch: usize, first: usize) -> Result<Epoch<'_>, OtherError>;
}

/// Full batches in an epoch of `photos` photos; the rest of each epoch's order is left out. With fewer
/// photos than one batch, one batch of all of them.
pub fn steps_per_epoch(photos: usize, batch: usize) -> usize {
    (photos / batch.max(1)).max(1)
}

/// Optimiser steps in an epoch of `batches` batches, and the batches of each step. With fewer batches
/// than one step wants, one step of all of them.
pub fn updates_per_epoch(batches: usize, accumulate: Option<usize>) -> (usize, usize) {
    let each = accumulate.unwrap_or(1).clamp(1, batches.max(1));
    ((batches / each).max(1), each)
}

/// The network as it stands, for whoever evaluates it.
pub struct Evaluate<'a> {
    /// The network.
    pub network: &'a dyn Network,
    /// Its weights (and the loss's, under `loss.`).
    pub params: &'a Params,
    /// Epochs finished.
    pub epoch: usize,
    /// Whether this run ends here.
    pub last: bool,
}

/// Gives a network's score. Whether more is better, and what it is called, is its own business.
pub trait Evaluator {
    /// The score; `None` where there is nothing to look up.
    ///
    /// # Errors
    /// Any; training then stops with it.
    fn score(&mut self, now: &Evaluate<'_>) -> Result<Option<f64>, OtherError>;
}

impl<F: FnMut(&Evaluate<'_>) -> Result<Option<f64>, OtherError>> Evaluator for F {
    fn score(&mut self, now: &Evaluate<'_>) -> Result<Option<f64>, OtherError> {
        self(now)
    }
}

/// What happens while training.
#[derive(Clone, Debug, PartialEq)]
pub enum FitEvent {
    /// Training goes on from a checkpoint.
    Resumed {
        /// Epochs finished.
        epoch: usize,
        /// Batches finished in the epoch that had begun.
        batch: usize,
    },
    /// A step was made. Comes fast; an observer keeps what it can show.
    Step(Step),
    /// An epoch was finished.
    Epoch {
        /// Epochs finished.
        epoch: usize,
        /// Mean loss over its batches.
        loss: f64,
        /// Training speed since the epoch began or was resumed, evaluation not counted; 0 when no step was left.
        images_per_second: f64,
    },
    /// The network was evaluated.
    Score {
        /// Epochs finished.
        epoch: usize,
        /// The score.
        value: f64,
        /// Seconds that it took.
        seconds: f64,
    },
    /// A checkpoint was published.
    Saved {
        /// Epochs finished.
        epoch: usize,
        /// Batches finished in the epoch that has begun.
        batch: usize,
    },
}

/// One step of training: of the optimiser, over all batches that make it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Steps finished since the optimiser began.
    pub step: usize,
    /// Steps of its full schedule.
    pub steps: usize,
    /// Epochs finished, with a fraction; those of earlier stages count.
    pub epoch: f64,
    /// Mean loss of the photos.
    pub loss: f64,
    /// Learning rate that was used, before the groups' factors.
    pub lr: f64,
    /// Length of the whole gradient, before clipping.
    pub gradient_norm: f64,
    /// Pictures of the step.
    pub images: usize,
    /// Seconds of the step, waiting included.
    pub seconds: f64,
    /// Of these, seconds spent waiting for pictures.
    pub waited: f64,
}

/// Receives what happens.
pub trait Observer {
    /// One event, in order.
    fn event(&mut self, event: &FitEvent);
}

impl<F: FnMut(&FitEvent)> Observer for F {
    fn event(&mut self, event: &FitEvent) {
        self(event);
    }
}

/// The training photos' labels, numbered without gaps in the order of their first number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classes(Vec<u32>);

impl Classes {
    /// The classes of some labels (indices into the manifest's table), sorted.
    pub fn of(labels: impl IntoIterator<Item = u32>) -> Classes {
        let mut all: Vec<u32> = labels.into_iter().collect();
        all.sort_unstable();
        all.dedup();
        Classes(all)
    }

    /// How many of these labels each class has, `[len()]`; labels that were not counted are left out.
    pub fn counts(&self, labels: impl IntoIterator<Item = u32>) -> Vec<u32> {
        let mut counts = vec![0; self.0.len()];
        for class in labels.into_iter().filter_map(|label| self.class(label)) {
            counts[class as usize] += 1;
        }
        counts
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The class of a label, in `0..len()`; `None` for a label that was not counted.
    pub fn class(&self, label: u32) -> Option<u32> {
        self.0.binary_search(&label).ok().map(|place| place as u32)
    }

    /// The label of a class.
    pub fn label(&self, class: u32) -> Option<u32> {
        self.0.get(class as usize).copied()
    }
}

#[cfg(test)]
mod tests;
