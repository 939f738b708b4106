//! Operations on pictures' tensors, each with its gradient, fast on a CPU.
//!
//! A forward pass is written once, against a [`Tape`]: `let y = tape.conv_norm(&params, &conv, &x, …)?`.
//! In training the tape keeps, for each operation, only what its gradient needs; in evaluation it
//! keeps nothing. `tape.backward` walks back once and frees as it goes. Operations are few and fat
//! (convolution + batch norm + residual + activation is one), since on a CPU each further pass over a
//! batch's activations costs as much as a tenth of a convolution.
//!
//! An operation with parameters names one of them to `Tape::reach` before it does anything else, so that the tape knows
//! where a frozen beginning ends; parts of a network that need not be kept run through [`Tape::checkpoint`].
//!
//! Tensors at the border are candle's, f32, contiguous: maps `[b, h, w, c]`, channels last
//! ([`Tape::pictures`] turns pictures `[b, 3, h, w]` at the entrance), or `[b, d]`. Work is cut by
//! shape alone and every sum has a fixed order, so the bits are the same for any number of threads.
//! On a CUDA card the operations are `composed` of candle's ([`Tape::at`] a [`Processor`]); any other tensor of a device that an operation
//! has no kernel for is refused ([`OpsError::Device`]).

#![allow(
    clippy::needless_range_loop,
    clippy::type_complexity,
    reason = "kernels count lanes and channels, so that the compiler sees vectors, and hand each other tuples of slices"
)]

mod act;
mod attention;
mod blend;
mod composed;
mod conv;
mod gate;
mod head;
mod linear;
mod neck;
mod norm;
mod patches;
mod pool;
mod processor;
mod simd;
mod squeeze;
mod star;
mod tape;
mod tokens;
mod window;

pub use act::Act;
pub use conv::{Conv, Open, Standard};
pub use norm::{LayerNorm, Norm, ResponseNorm};
pub use pool::Window;
pub use processor::Processor;
pub(crate) use simd::wide;
pub use squeeze::Squeeze;
pub use star::StarRelu;
pub(crate) use tape::hollow;
pub use tape::{Flow, Grads, Kind, Layer, Network, ParamId, Params, Places, Spent, Tape, Var};
pub use tokens::Positions;
pub use window::{Likeness, Offsets, WindowAttention, Windows, log_places};

/// What can go wrong in an operation.
#[derive(Debug, thiserror::Error)]
pub enum OpsError {
    /// A tensor has a shape that the operation cannot take.
    #[error("{op}: expected {expected}, got a tensor of shape {got:?}")]
    Shape {
        /// The operation.
        op: &'static str,
        /// What it takes, in words.
        expected: String,
        /// What it was given.
        got: Vec<usize>,
    },
    /// A tensor lives on a device, or has a type, that the operation has no kernel for.
    #[error("{op}: no kernel for {got}; it takes f32 tensors on the CPU")]
    Device {
        /// The operation.
        op: &'static str,
        /// Device and type.
        got: String,
    },
    /// Two parameters were given the same name.
    #[error("two parameters are named {0}; every tensor of a network needs a name of its own")]
    DuplicateName(String),
    /// No parameter has this name.
    #[error("no parameter is named {0}")]
    UnknownName(String),
    /// A gradient was asked for a value that this tape did not record.
    #[error("{op}: this value was not recorded by this tape's present recording, so it has no gradient")]
    NotRecorded {
        /// What was asked.
        op: &'static str,
    },
    /// No device has this name.
    #[error(
        "no device is named {0:?}; there are auto, cpu, cuda and cuda:1 (or another number), a card also with +f32"
    )]
    UnknownDevice(String),
    /// A card has no memory left.
    #[error(
        "the card's memory is full; a smaller batch, checkpoint = true in [train], or TOJI_DEVICE=cpu needs less ({0})"
    )]
    Memory(candle_core::Error),
    /// candle refused.
    #[error(transparent)]
    Candle(candle_core::Error),
}

impl From<candle_core::Error> for OpsError {
    fn from(error: candle_core::Error) -> OpsError {
        let text = error.to_string();
        // The names that CUDA's driver, cuBLAS and cuDNN have for it.
        match ["OUT_OF_MEMORY", "ALLOC_FAILED"].iter().any(|name| text.contains(name)) {
            true => OpsError::Memory(error),
            false => OpsError::Candle(error),
        }
    }
}

impl OpsError {
    pub(crate) fn shape(op: &'static str, expected: impl Into<String>, got: &[usize]) -> OpsError {
        OpsError::Shape { op, expected: expected.into(), got: got.to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_card_is_told_with_what_helps() {
        let driver = "DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")";
        let told = |text: &str| OpsError::from(candle_core::Error::Cuda(text.into()).bt()).to_string();
        assert!(told(driver).starts_with("the card's memory is full; a smaller batch"), "{}", told(driver));
        assert!(told("CublasError(CUBLAS_STATUS_ALLOC_FAILED)").contains("TOJI_DEVICE=cpu"));
        assert!(told("DriverError(CUDA_ERROR_LAUNCH_FAILED)").starts_with("DriverError"));
    }
}
