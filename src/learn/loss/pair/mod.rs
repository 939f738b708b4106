//! Losses over the pairs and triplets of a batch: no head, photos are compared with each other.
//!
//! Takes embeddings `[b, d]` and their classes; photos of one label should be near, others far. Every such loss
//! goes the same way, which is [`PairLoss`]:
//!
//! ```text
//!   batch ──▶ memory (the last rows, or none) ──▶ matrix [b, m] of cosines or distances
//!                                                   │        │
//!                                   miner: which pairs       formula: the loss and its slopes on the matrix
//!                                                                     │
//!                                       gradient on the embeddings ◀──┘
//! ```
//!
//! - [`formula`]: the losses, one file each: settings, row, and slopes in closed form.
//! - [`miner`]: who chooses pairs. Values only; no gradient goes through a choice.
//! - `memory`: rows of the steps before, in buffers of the head.
//! - `matrix`, `select`, `reduce`: comparing, listing pairs, taking means.
//!
//! Slopes are written by hand, not by candle's autograd: a formula walks lists of pairs with f64 sums in order, and
//! needs no matrix besides the one it reads and the one it writes. Nothing has the size `[b, b, b]`.

pub mod formula;
mod matrix;
mod memory;
pub mod miner;
mod reduce;
mod select;

use candle_core::{DType, Tensor};

use super::normalize::normalize;
use super::{Build, Forward, HeadWeight, Loss, LossError, Moment, Size, Targets, Wants, run};
use crate::base::Seed;
use crate::book::technique::{Default, Kind, Literal, Param};
use formula::Formula;
use matrix::{Compared, Distance, Known, Matrix};
use select::{Labels, Selection};

/// The key `miner` of every loss here.
const MINER: Param = Param::new(
    "miner",
    Kind::OneOf { tag: "name", slot: "miner" },
    Default::Is(Literal::Table(&[("name", Literal::Text("none"))])),
    "Who chooses the pairs or triplets that the loss sees; without one it sees all.",
);

/// The key `memory` of every loss here.
const MEMORY: Param = Param::new(
    "memory",
    Kind::Int { min: 0, max: 1_000_000 },
    Default::Is(Literal::Int(0)),
    "Cross-batch memory (CrossBatchMemory's memory_size; Wang et al. 2020, arXiv 1912.06798): the batch is compared with so many \
     embeddings of the last steps, itself among them; 0 compares it with itself alone. At least a batch; 1024 is usual, 20000 \
     won the image similarity challenge ISC21. Only the batch learns. The rows lie in the checkpoint. Old rows mislead while \
     the network moves fast: warm up, or take fewer.",
)
.unit("rows");

/// Any loss over pairs, with its miner and its memory.
pub struct PairLoss<F> {
    size: Size,
    formula: F,
}

impl<F: Formula + 'static> Build for F {
    fn build(self, dimensions: usize, counts: &[u32]) -> Result<Box<dyn Loss>, LossError> {
        let (classes, most) = (counts.len(), memory::MOST_CLASSES);
        if self.memory() > 0 && classes > most {
            let problem =
                format!("a memory holds labels of {most} classes at most, the training photos have {classes}");
            return Err(LossError::Contradiction { loss: self.name(), problem });
        }
        Build::check(&self, 0)?;
        Ok(Box::new(PairLoss { size: Size { dimensions, classes }, formula: self }))
    }

    fn check(&self, batch: usize) -> Result<(), LossError> {
        let size = self.memory();
        let small = || {
            format!(
                "a batch of {batch} does not fit into memory = {size}: make the memory at least as large as a batch"
            )
        };
        let small = (size > 0 && batch > size).then(small);
        match self.contradiction().or_else(|| self.miner().contradiction()).or(small) {
            Some(problem) => Err(LossError::Contradiction { loss: self.name(), problem }),
            None => Ok(()),
        }
    }
}

impl<F: Formula + 'static> Loss for PairLoss<F> {
    fn name(&self) -> &'static str {
        self.formula.name()
    }

    fn head_len(&self) -> usize {
        if self.formula.memory() == 0 { 0 } else { memory::BUFFERS.len() }
    }

    /// The memory's buffers, where there is one.
    fn head(&self, _: Seed) -> Result<Vec<HeadWeight>, LossError> {
        let size = self.formula.memory();
        if size == 0 {
            return Ok(Vec::new());
        }
        let tensors = memory::empty(size, self.size.dimensions)
            .map_err(|source| LossError::Candle { loss: self.name(), source })?;
        Ok(memory::BUFFERS.into_iter().zip(tensors).map(|(name, tensor)| HeadWeight::buffer(name, tensor)).collect())
    }

    fn forward(
        &self,
        head: &[Tensor],
        embeddings: &Tensor,
        targets: &Targets<'_>,
        at: Moment,
    ) -> Result<Forward, LossError> {
        let (formula, classes) = (&self.formula, targets.classes);
        self.formula.check(classes.len())?;
        run(self.name(), self.size, embeddings, targets, || {
            let memory = match formula.memory() {
                0 => None,
                _ => Some(memory::enqueue(head, embeddings, classes)?),
            };
            let labels = match &memory {
                None => Labels::within(classes),
                Some(memory) => Labels { anchors: classes, others: &memory.classes, places: Some(&memory.places) },
            };
            let distance = formula.distance();
            let distances = distance == Distance::LpDistance || formula.miner().reads_distances();
            let anchors = normalize(&embeddings.to_dtype(DType::F64)?)?; // [b, d]
            let compared = Compared::new(&anchors, memory.as_ref().map(|memory| &memory.embeddings), distances)?;

            let matrix = compared.matrix(distance)?; // [b, m]
            let mut slopes = Matrix::zeros(matrix.rows(), matrix.columns());
            // An embedding that is not a number must not pass as a pair that costs nothing.
            let value = if matrix.is_broken() {
                f64::NAN
            } else {
                let selection = match formula.miner().mine(&labels, &compared, at.seed.named("miner"))? {
                    Some(mined) => mined,
                    None if memory.is_some() => Selection::all(&labels),
                    None => formula.select(&labels, at.seed.named("triplets")),
                };
                formula.loss(matrix, &selection.without_self(&labels), &mut slopes)
            };
            let known = Known { value, gradient: compared.gradient(distance, &slopes)? };
            let value = anchors.apply_op1(known)?.to_dtype(embeddings.dtype())?;
            let buffers = memory.map_or_else(Vec::new, |memory| memory.buffers.into_iter().enumerate().collect());
            Ok(Forward { value, buffers })
        })
    }

    fn sampler(&self) -> Wants {
        Wants::Pairs
    }
}

#[cfg(test)]
mod tests;
