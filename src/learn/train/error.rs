//! What can stop a training, each with the place where it happened and what to do.

use std::path::PathBuf;

use super::OtherError;
use crate::base::cancel::Cancelled;
use crate::base::files::FileError;
use crate::learn::loss::LossError;
use crate::learn::ops::OpsError;

/// A training could not begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// It was asked to stop; a checkpoint was written before.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// An operation of the network failed.
    #[error(transparent)]
    Ops(#[from] OpsError),
    /// The loss failed.
    #[error(transparent)]
    Loss(#[from] LossError),
    /// A tensor could not be read or changed.
    #[error("{doing}: {source}")]
    Tensor {
        /// What was tried, with the tensor's name.
        doing: String,
        /// What candle said.
        #[source]
        source: candle_core::Error,
    },
    /// A batch could not be made.
    #[error("epoch {epoch}, batch {batch}: {source}")]
    Batch {
        /// From 1.
        epoch: usize,
        /// From 1.
        batch: usize,
        /// The loader's words.
        source: OtherError,
    },
    /// A batch does not hold together.
    #[error("epoch {epoch}, batch {batch}: {images} pictures came with {classes} classes and {photos} photos")]
    BatchShape {
        /// From 1.
        epoch: usize,
        /// From 1.
        batch: usize,
        /// Pictures in the tensor.
        images: usize,
        /// Classes.
        classes: usize,
        /// Photos.
        photos: usize,
    },
    /// The loader ended an epoch too early.
    #[error("epoch {epoch} ended after {got} of {expected} batches")]
    ShortEpoch {
        /// From 1.
        epoch: usize,
        /// Batches that came.
        got: usize,
        /// Batches that were promised.
        expected: usize,
    },
    /// There is too little to train on.
    #[error(
        "a batch needs 2 photos at least, got {0}: batch norm has no variance over one; add photos or raise [train] batch"
    )]
    TooFewPhotos(usize),
    /// Loss or gradient is no number any more.
    #[error(
        "{what} became {value} in step {step} (epoch {epoch}); lower [train] optimizer.lr, warm up longer, or set \
         clip_grad_norm; the batch's photos: {photos:?}"
    )]
    NotFinite {
        /// "the loss", "the gradient of layer1.0.conv1.weight".
        what: String,
        /// NaN or infinity.
        value: f64,
        /// Step, from 1.
        step: usize,
        /// Epoch, from 1.
        epoch: usize,
        /// The manifest's indices of the batch's photos.
        photos: Vec<u32>,
    },
    /// A weight would never learn.
    #[error("{0} got no gradient in the first step: it is a weight of the network that the loss does not depend on")]
    NoGradient(String),
    /// A tensor has a gradient that nobody uses.
    #[error("{0} has a gradient and is in no optimiser group, so it would never change")]
    NotInOptimizer(String),
    /// A frozen weight has a gradient.
    #[error("{0} is frozen and got a gradient: the network meets it behind weights that learn")]
    Thawed(String),
    /// `[train] freeze` does not fit the network or the training.
    #[error("{0}")]
    Freeze(String),
    /// The evaluation failed.
    #[error("evaluation after epoch {epoch}: {source}")]
    Evaluate {
        /// Epochs finished.
        epoch: usize,
        /// Its own words.
        source: OtherError,
    },
    /// A checkpoint could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file is no checkpoint, or a damaged one.
    #[error("{}: {problem}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The checkpoint belongs to other settings.
    #[error("{} was written with other settings (key {found}, now {expected}); remove it to train anew", path.display())]
    OtherSettings {
        /// The file.
        path: PathBuf,
        /// Key in the file, shortened.
        found: String,
        /// Key of this training, shortened.
        expected: String,
    },
    /// More epochs are asked for than the schedule has, or fewer than are trained already.
    #[error("asked to train until epoch {until}; the schedule has {epochs} epochs and {done} are done")]
    Until {
        /// What was asked for.
        until: usize,
        /// Epochs of the schedule.
        epochs: usize,
        /// Epochs that the checkpoint has.
        done: usize,
    },
}

impl TrainError {
    /// For `map_err`: keeps what was tried beside candle's words.
    pub(super) fn tensor(doing: impl Into<String>) -> impl FnOnce(candle_core::Error) -> TrainError {
        move |source| TrainError::Tensor { doing: doing.into(), source }
    }
}
