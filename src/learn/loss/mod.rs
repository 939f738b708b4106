//! Losses: what the network is asked to do better, as one number per batch.
//!
//! Takes a batch of embeddings `[b, d]` and the classes they should fall into; gives the mean loss
//! and its gradients on the embeddings and on the loss's own weights, the *head*.
//!
//! Retrieval networks are mostly trained as classifiers: a head holds one direction per training
//! class, and the loss asks every embedding to point at the direction of its class. After training
//! the head is thrown away and the embeddings are compared with each other, so that classes which
//! never occurred in training can be found too. The losses differ in how they measure "points at".
//!
//! - [`cross_entropy`]: plain softmax over a linear classifier, the baseline of every table.
//! - [`normalized_softmax`]: the same with lengths taken away, only angles count.
//! - [`arcface`]: angles, and the right class must win by a margin.
//! - [`technique`]: the rows that recipes, help and docs/reference.md read.
//!
//! A loss is a differentiable expression over candle tensors ([`Loss::forward`]); candle's autograd
//! runs in one place only, [`gradients`], which treats the embeddings as a leaf and so cuts candle's
//! graph off from the backbone's own tape. A loss over pairs has no head and reads `targets`; one
//! with several centres per class has a larger head; one that grows its margin reads [`Moment`];
//! a weighted sum of losses concatenates heads. None of them needs more than this trait.

pub mod arcface;
pub mod cross_entropy;
mod normalize;
pub mod normalized_softmax;
pub mod technique;

use candle_core::{DType, Tensor, Var};

use super::ops::{Grads, Kind, OpsError, ParamId, Params};
use crate::base::{Seed, Value};

pub use technique::{SECTIONS, TECHNIQUES};

/// Start of the names of a loss's weights among the parameters and in a checkpoint. Not `head.`: that
/// is timm's name for a transformer's own last layer.
pub const HEAD: &str = "loss.";

/// A loss could not be made or computed.
#[derive(Debug, thiserror::Error)]
pub enum LossError {
    /// The `[loss]` table does not decode; the reader of recipes should have said so before.
    #[error("[loss] cannot be read: {0}")]
    Settings(#[from] crate::base::value::DecodeError),
    /// A head needs two classes at least, one-class training teaches nothing.
    #[error("{loss} needs at least 2 classes to tell apart, the training photos have {classes}; add labels or photos")]
    TooFewClasses {
        /// The loss.
        loss: &'static str,
        /// How many there are.
        classes: usize,
    },
    /// Embeddings, labels and head do not fit together.
    #[error("{loss} takes embeddings [b, {dimensions}] with one label each, got {embeddings:?} with {labels} labels")]
    Shape {
        /// The loss.
        loss: &'static str,
        /// Width of the embedding that the loss was built for.
        dimensions: usize,
        /// Shape that came.
        embeddings: Vec<usize>,
        /// Labels that came.
        labels: usize,
    },
    /// A label lies outside `0..classes`.
    #[error(
        "row {row} of the batch has class {class}, the head has {classes}; were the classes counted on other photos?"
    )]
    Class {
        /// Row in the batch, from 0.
        row: usize,
        /// The class that came.
        class: u32,
        /// How many classes the head has.
        classes: usize,
    },
    /// The gradient of something that must have one was not there.
    #[error("{loss} gave no gradient for its {what}")]
    NoGradient {
        /// The loss.
        loss: &'static str,
        /// "embeddings", "weight", …
        what: String,
    },
    /// The head's weights cannot join the network's.
    #[error(transparent)]
    Params(#[from] OpsError),
    /// candle refused an operation.
    #[error("{loss}: {source}")]
    Candle {
        /// The loss.
        loss: &'static str,
        /// What candle said.
        #[source]
        source: candle_core::Error,
    },
}

/// What a batch should have been, row by row.
#[derive(Clone, Copy, Debug)]
pub struct Targets<'a> {
    /// Class of each row, in `0..classes` of the training photos.
    pub classes: &'a [u32],
    /// Coarse class of each row, for losses with a second head; empty when the data has none.
    pub coarse: &'a [u32],
}

impl<'a> Targets<'a> {
    /// Targets of one label level.
    pub fn new(classes: &'a [u32]) -> Self {
        Targets { classes, coarse: &[] }
    }
}

/// How far training has come, for losses whose margin or weight changes on the way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Epochs finished, with the fraction of the present one, in `0.0..epochs`.
    pub epoch: f64,
    /// Epochs of the whole schedule, also when the run stops earlier.
    pub epochs: f64,
}

/// One weight of a head before the first step.
#[derive(Clone, Debug)]
pub struct HeadWeight {
    /// Name behind the checkpoint's `loss.`: "weight", "bias".
    pub name: String,
    /// Its first values, f32 on the CPU.
    pub tensor: Tensor,
}

/// A loss function, with the weights that it learns beside the network's.
pub trait Loss: Send + Sync {
    /// The name that recipes use.
    fn name(&self) -> &'static str;

    /// The head before the first step, in the order in which [`Loss::forward`] takes it; empty for
    /// losses that only compare embeddings. Every draw comes from `seed`.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    fn head(&self, seed: Seed) -> Result<Vec<HeadWeight>, LossError>;

    /// The mean loss of a batch as a scalar that candle can differentiate.
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
    ) -> Result<Tensor, LossError>;
}

/// The loss that a recipe's `[loss]` table asks for.
///
/// `dimensions`: width of the embedding; `classes`: how many classes the training photos have.
///
/// # Errors
/// When the settings do not decode or fewer than two classes are there.
pub fn build(settings: &Value, dimensions: usize, classes: usize) -> Result<Box<dyn Loss>, LossError> {
    use technique::LossSettings as S;
    let loss: Box<dyn Loss> = match settings.decode()? {
        S::CrossEntropyLoss { label_smoothing } => {
            Box::new(cross_entropy::CrossEntropyLoss { dimensions, classes, label_smoothing })
        }
        S::NormalizedSoftmaxLoss { temperature, init_std } => {
            Box::new(normalized_softmax::NormalizedSoftmaxLoss { dimensions, classes, temperature, init_std })
        }
        S::ArcFaceLoss { margin, scale, init_std } => {
            Box::new(arcface::ArcFaceLoss { dimensions, classes, margin, scale, init_std })
        }
    };
    if classes < 2 {
        return Err(LossError::TooFewClasses { loss: loss.name(), classes });
    }
    Ok(loss)
}

/// A loss's weights in their place among a network's parameters, where the optimiser and the checkpoint
/// find them as any others.
#[derive(Clone, Debug)]
pub struct Head(Vec<ParamId>);

impl Head {
    /// Adds the head to the parameters, each name behind `loss.`.
    ///
    /// # Errors
    /// When it cannot be drawn, or is there already.
    pub fn add(loss: &dyn Loss, params: &mut Params, seed: Seed) -> Result<Head, LossError> {
        let mut ids = Vec::new();
        for weight in loss.head(seed.named("loss"))? {
            ids.push(params.add(format!("{HEAD}{}", weight.name), weight.tensor, Kind::Weight)?);
        }
        Ok(Head(ids))
    }

    /// The weights as they stand, for [`gradients`].
    pub fn tensors(&self, params: &Params) -> Vec<Tensor> {
        self.0.iter().map(|id| params.get(*id).clone()).collect()
    }

    /// Puts the head's gradients beside the network's.
    pub fn insert(&self, grads: &mut Grads, gradients: Vec<Tensor>) {
        for (id, gradient) in self.0.iter().zip(gradients) {
            grads.insert(*id, gradient);
        }
    }
}

/// A loss and where it falls.
#[derive(Debug)]
pub struct Gradients {
    /// Mean loss of the batch.
    pub value: f64,
    /// Gradient on the embeddings, `[b, d]`.
    pub embeddings: Tensor,
    /// Gradients on the head's weights, in their order.
    pub head: Vec<Tensor>,
}

/// Loss and gradients of one batch: the one place where candle's autograd runs.
///
/// # Errors
/// As [`Loss::forward`]; and when the loss does not depend on its embeddings or on a head weight.
pub fn gradients(
    loss: &dyn Loss,
    head: &[Tensor],
    embeddings: &Tensor,
    targets: &Targets<'_>,
    at: Moment,
) -> Result<Gradients, LossError> {
    let name = loss.name();
    let candle = |source| LossError::Candle { loss: name, source };
    // Leaves are copies: b·d and classes·d numbers, little beside one activation of the backbone.
    let leaf = |t: &Tensor| Var::from_tensor(&t.detach()).map_err(candle);
    let head_vars: Vec<Var> = head.iter().map(leaf).collect::<Result<_, _>>()?;
    let embeddings = leaf(embeddings)?;
    let head_tensors: Vec<Tensor> = head_vars.iter().map(|v| v.as_tensor().clone()).collect();

    let value = loss.forward(&head_tensors, embeddings.as_tensor(), targets, at)?;
    let mut store = value.backward().map_err(candle)?;
    let mut take = |var: &Var, what: &str| match store.remove(var.as_tensor()) {
        Some(gradient) => gradient.contiguous().map_err(candle),
        None => Err(LossError::NoGradient { loss: name, what: what.to_owned() }),
    };
    Ok(Gradients {
        embeddings: take(&embeddings, "embeddings")?,
        head: head_vars
            .iter()
            .enumerate()
            .map(|(i, var)| take(var, &format!("head weight {i}")))
            .collect::<Result<_, _>>()?,
        value: value.to_dtype(DType::F64).and_then(|v| v.to_scalar()).map_err(candle)?,
    })
}

/// Checks that a batch fits a classifier's head.
fn check(
    loss: &'static str,
    dimensions: usize,
    classes: usize,
    embeddings: &Tensor,
    targets: &Targets<'_>,
) -> Result<(), LossError> {
    let labels = targets.classes.len();
    if embeddings.dims() != [labels, dimensions] || labels == 0 {
        return Err(LossError::Shape { loss, dimensions, embeddings: embeddings.dims().to_vec(), labels });
    }
    match targets.classes.iter().position(|&class| class as usize >= classes) {
        Some(row) => Err(LossError::Class { row, class: targets.classes[row], classes }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
