//! What can go wrong with a loss, in words for whoever wrote the recipe.
//!
//! Takes nothing but what the other files of this folder found; gives one error type, with the loss's name,
//! the shapes that came, and what to do where that is known.

use crate::learn::ops::OpsError;

/// A loss could not be made or computed.
#[derive(Debug, thiserror::Error)]
pub enum LossError {
    /// The `[loss]` table does not decode; the reader of recipes should have said so before.
    #[error("[loss] cannot be read: {0}")]
    Settings(#[from] crate::base::value::DecodeError),
    /// Settings that are right one by one and wrong together.
    #[error("{loss}: {problem}")]
    Contradiction {
        /// The loss.
        loss: &'static str,
        /// Which they are, and what to do.
        problem: String,
    },
    /// What is wrong in one of several losses, or between them.
    #[error("{key}: {source}")]
    At {
        /// The key within `[loss]`: `losses[1]`, `weights`.
        key: String,
        /// What is wrong there.
        source: Box<LossError>,
    },
    /// A head needs two classes at least, one-class training teaches nothing; some losses need more.
    #[error(
        "{loss} needs at least {needs} classes to tell apart, the training photos have {classes}; add labels or photos"
    )]
    TooFewClasses {
        /// The loss.
        loss: &'static str,
        /// How many it needs.
        needs: usize,
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
    /// A head with several directions per class has another number of rows.
    #[error("{loss}: a head of {rows} directions is not {sub_centers} for each class")]
    Centers {
        /// The loss.
        loss: &'static str,
        /// Rows of the head.
        rows: usize,
        /// Directions that each class should have.
        sub_centers: usize,
    },
    /// A new value came for something that is no buffer.
    #[error("{loss} gave a new value for place {place} of its head, which is no buffer")]
    NoBuffer {
        /// The loss.
        loss: &'static str,
        /// Place in the head, from 0.
        place: usize,
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

impl LossError {
    /// The same in the loss at this place of a list of several.
    pub(super) fn inside(self, place: usize) -> LossError {
        LossError::At { key: format!("losses[{place}]"), source: Box::new(self) }
    }

    /// The dotted name of what is wrong, as deep as it is known: `loss`, `loss.losses[1]`.
    pub fn place(&self) -> String {
        match self {
            LossError::At { key, .. } => format!("loss.{key}"),
            _ => "loss".to_owned(),
        }
    }
}
