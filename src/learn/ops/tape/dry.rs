//! A forward pass without numbers: what it would cost.
//!
//! Takes shapes; gives multiply-adds and the floats that a training step would keep. Every operation asks
//! [`Tape::dry`] first, once its shapes are checked, so one piece of code builds, counts and runs a network.

use candle_core::{DType, Device, Tensor};

use super::{Tape, Var};
use crate::learn::ops::OpsError;

/// What a forward pass costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Multiply-adds of convolutions, linear layers and attention.
    pub multiply_adds: u64,
    /// Floats that a training step keeps for its gradient.
    pub kept: u64,
}

impl Tape {
    /// A tape that computes nothing and counts; its values have shapes only.
    pub fn counting() -> Tape {
        Tape { spent: Some(Spent::default()), ..Tape::eval() }
    }

    /// What was counted so far; nothing on a tape that computes.
    pub fn spent(&self) -> Spent {
        self.spent.unwrap_or_default()
    }

    /// On a counting tape notes an operation's cost and gives its output, of shape `dims`; on others nothing. `kept` are the
    /// floats that its gradient needs beside its inputs (its output too, where the next operation needs it).
    pub(crate) fn dry(&mut self, multiply_adds: usize, kept: usize, dims: &[usize]) -> Result<Option<Var>, OpsError> {
        let Some(spent) = &mut self.spent else { return Ok(None) };
        spent.multiply_adds += multiply_adds as u64;
        spent.kept += kept as u64;
        Ok(Some(self.hold(hollow(dims)?)))
    }
}

/// A tensor of a shape whose floats are one and the same zero: it takes no memory.
pub(crate) fn hollow(dims: &[usize]) -> Result<Tensor, OpsError> {
    Ok(Tensor::zeros((), DType::F32, &Device::Cpu)?.broadcast_as(dims)?)
}
