//! Losses: what the network is asked to do better, as one number per batch.
//!
//! Takes a batch of embeddings `[b, d]` and the classes they should fall into; gives the mean loss
//! and its gradients on the embeddings and on the loss's own weights, the *head*.
//!
//! Retrieval networks are mostly trained as classifiers: a head holds one direction (a *proxy*) per training
//! class, and the loss asks every embedding to point at the direction of its class. After training
//! the head is thrown away and the embeddings are compared with each other, so that classes which
//! never occurred in training can be found too. The losses differ in how they measure "points at".
//! The other family has no head: it compares the photos of a batch with each other.
//!
//! - [`proxy`]: losses with a head, from the plain classifier to margins that follow the training.
//! - [`pair`]: losses over pairs and triplets of a batch.
//! - [`sum`]: several losses at once, losses that go by the coarse label, and batches of mixed pictures.
//! - [`technique`]: the section and the list; a loss is one file (settings, row, code) and one line there.
//!
//! A loss is a differentiable expression over candle tensors ([`Loss::forward`]); candle's autograd
//! runs in one place only, [`gradients`], which treats the embeddings as a leaf and so cuts candle's
//! graph off from the backbone's own tape. A loss that carries something from batch to batch has a *buffer*
//! in its head and gives the new value with the loss; one that changes on the way or draws reads [`Moment`].

mod error;
mod head;
mod normalize;
pub mod pair;
pub mod proxy;
pub mod sum;
pub mod technique;

use candle_core::Tensor;

use crate::base::{Seed, Value};

pub use error::LossError;
pub use head::{Gradients, HEAD, Head, HeadWeight, gradients};
pub use proxy::margin::grows_until as margin_grows_until;
pub use sum::Mixture;
use sum::multiple::Asked;
pub use sum::multiple::for_key;
pub use technique::{SECTIONS, TECHNIQUES};

/// What a batch should have been, row by row.
#[derive(Clone, Copy, Debug)]
pub struct Targets<'a> {
    /// Class of each row, in `0..classes` of the training photos.
    pub classes: &'a [u32],
    /// Coarse class of each row, for losses that go by it; empty when the data has none.
    pub coarse: &'a [u32],
}

impl<'a> Targets<'a> {
    /// Targets of one label level.
    pub fn new(classes: &'a [u32]) -> Self {
        Targets { classes, coarse: &[] }
    }
}

/// How many training photos each class has.
#[derive(Clone, Copy, Debug)]
pub struct Counts<'a> {
    /// Of each class, `[classes]`.
    pub classes: &'a [u32],
    /// Of each coarse class; empty when the data has none.
    pub coarse: &'a [u32],
}

impl<'a, T: AsRef<[u32]> + ?Sized> From<&'a T> for Counts<'a> {
    /// Of one label level.
    fn from(classes: &'a T) -> Counts<'a> {
        Counts { classes: classes.as_ref(), coarse: &[] }
    }
}

/// Where training stands, for losses whose margin changes on the way, and for those that draw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Epochs finished, with the fraction of the present one, counted through all parts of a training. How many there will be
    /// no loss is told: a training that is made longer goes on from the end of a shorter one.
    pub epoch: f64,
    /// Root of this batch's draws: a function of the recipe's seed, epoch and batch.
    pub seed: Seed,
}

/// What a loss gives for one batch.
#[derive(Clone, Debug)]
pub struct Forward {
    /// The mean loss, a scalar that candle can differentiate.
    pub value: Tensor,
    /// New values of the head's buffers: place in the head ([`Loss::head`]), value of the buffer's shape.
    pub buffers: Vec<(usize, Tensor)>,
}

impl From<Tensor> for Forward {
    /// A loss that carries nothing on.
    fn from(value: Tensor) -> Forward {
        Forward { value, buffers: Vec::new() }
    }
}

/// Which photos a loss wants to see together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// Any photos, in any order.
    Any,
    /// Several photos of a label in each batch; without them there is nothing to pull together.
    Pairs,
}

/// A loss function, with the weights that it learns beside the network's.
pub trait Loss: Send + Sync {
    /// The name that recipes use.
    fn name(&self) -> &'static str;

    /// How many tensors the head has.
    fn head_len(&self) -> usize;

    /// The head before the first step, [`Loss::head_len`] tensors in the order in which [`Loss::forward`] takes it; empty for
    /// losses that only compare embeddings. Every draw comes from `seed`.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    fn head(&self, seed: Seed) -> Result<Vec<HeadWeight>, LossError>;

    /// The mean loss of a batch, with the new values of the head's buffers.
    ///
    /// `head` in the order of [`Loss::head`], `embeddings` `[b, d]` (not normalised), all of one
    /// floating-point type (f64 works too, which the tests use).
    ///
    /// # Errors
    /// When shapes or classes do not fit, or candle refuses an operation.
    fn forward(
        &self,
        head: &[Tensor],
        embeddings: &Tensor,
        targets: &Targets<'_>,
        at: Moment,
    ) -> Result<Forward, LossError>;

    /// Which photos should come together in a batch.
    fn sampler(&self) -> Wants {
        Wants::Any
    }
}

/// The decoded settings of one loss, which know how to make it.
pub trait Build {
    /// The loss. `dimensions`: width of the embedding; `counts`: photos of each class, `[classes]`.
    ///
    /// # Errors
    /// When the settings do not fit the classes.
    fn build(self, dimensions: usize, counts: &[u32]) -> Result<Box<dyn Loss>, LossError>;

    /// Whether the settings go with each other and with batches of `batch` photos.
    ///
    /// # Errors
    /// When they do not.
    fn check(&self, batch: usize) -> Result<(), LossError> {
        let _ = batch;
        Ok(())
    }
}

/// Whether a recipe's `[loss]` table goes with batches of `batch` photos, which can be said before any photo is read.
///
/// # Errors
/// When it does not, or does not decode; [`LossError::place`] says where.
pub fn check(settings: &Value, batch: usize) -> Result<(), LossError> {
    Asked::read(settings)?.check(batch)
}

/// The key in a recipe's `[loss]` that asks for the coarse label, where one does: `loss.losses[1].label`.
///
/// # Errors
/// When the table does not decode.
pub fn asks_for_coarse(settings: &Value) -> Result<Option<String>, LossError> {
    Ok(Asked::read(settings)?.coarse())
}

/// The key and the name of the first loss that wants pairs in its batches, where one does: `loss.name`, ContrastiveLoss.
///
/// # Errors
/// When the table does not decode.
pub fn asks_for_pairs(settings: &Value) -> Result<Option<(String, &'static str)>, LossError> {
    Ok(Asked::read(settings)?.pairs())
}

/// Where in a checkpoint the directions of the first SubCenterArcFaceLoss lie that goes by the scored label, and how many each
/// class has: "loss.weight", 3.
///
/// # Errors
/// When the table does not decode.
pub fn sub_centers(settings: &Value) -> Result<Option<(String, usize)>, LossError> {
    Ok(Asked::read(settings)?.sub_centers())
}

/// The loss that a recipe's `[loss]` table asks for.
///
/// `dimensions`: width of the embedding; `counts`: how many training photos each class has, and each coarse class.
///
/// # Errors
/// When the settings do not decode or fewer than two classes are there.
pub fn build<'a>(
    settings: &Value,
    dimensions: usize,
    counts: impl Into<Counts<'a>>,
) -> Result<Box<dyn Loss>, LossError> {
    Asked::read(settings)?.build(dimensions, counts.into())
}

/// What a loss is built for, against which it checks what it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Width of the embedding, `d`.
    pub dimensions: usize,
    /// Classes, `n`.
    pub classes: usize,
}

impl Size {
    /// Checks that a batch has rows of this width with one class each, below [`Size::classes`].
    ///
    /// # Errors
    /// [`LossError::Shape`] or [`LossError::Class`].
    pub fn check(&self, loss: &'static str, embeddings: &Tensor, targets: &Targets<'_>) -> Result<(), LossError> {
        let Size { dimensions, classes } = *self;
        let labels = targets.classes.len();
        if embeddings.dims() != [labels, dimensions] || labels == 0 {
            return Err(LossError::Shape { loss, dimensions, embeddings: embeddings.dims().to_vec(), labels });
        }
        match targets.classes.iter().position(|&class| class as usize >= classes) {
            Some(row) => Err(LossError::Class { row, class: targets.classes[row], classes }),
            None => Ok(()),
        }
    }
}

/// Runs a loss's expression on a batch that fits, and names the loss where candle refuses.
fn run(
    loss: &'static str,
    size: Size,
    embeddings: &Tensor,
    targets: &Targets<'_>,
    expression: impl FnOnce() -> candle_core::Result<Forward>,
) -> Result<Forward, LossError> {
    size.check(loss, embeddings, targets)?;
    expression().map_err(|source| LossError::Candle { loss, source })
}

#[cfg(test)]
mod tests;
