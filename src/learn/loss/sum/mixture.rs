//! The loss of a batch whose pictures were mixed: each row has its own class and its partner's.
//!
//! Takes any loss, a partner for each row and a share λ; gives λ · L(own classes) + (1 - λ) · L(partners' classes), one expression that
//! candle differentiates. Both see the same embeddings, head and draws; buffers move on once, as the own classes say. Zhang et al. 2017,
//! arXiv 1710.09412 (their mixup_criterion); for a cross-entropy it is that of the mixed one-hot labels.

use candle_core::Tensor;

use crate::base::Seed;
use crate::learn::loss::{Forward, HeadWeight, Loss, LossError, Moment, Targets, Wants};

/// A loss over two classes a row.
pub struct Mixture<'a> {
    loss: &'a dyn Loss,
    /// The partners' classes, and their coarse ones.
    classes: Vec<u32>,
    coarse: Vec<u32>,
    /// Share of the own classes.
    own: f64,
}

impl<'a> Mixture<'a> {
    /// `partners`: for each row of the batch another row, `[b]`; `own`: the share of the row's own class, 0 to 1.
    pub fn new(loss: &'a dyn Loss, targets: &Targets<'_>, partners: &[u32], own: f64) -> Mixture<'a> {
        // A partner that is no row leaves the list too short, which the loss tells as a wrong shape.
        let of = |labels: &[u32]| partners.iter().filter_map(|&row| labels.get(row as usize).copied()).collect();
        Mixture { loss, classes: of(targets.classes), coarse: of(targets.coarse), own }
    }
}

impl Loss for Mixture<'_> {
    fn name(&self) -> &'static str {
        self.loss.name()
    }

    fn head_len(&self) -> usize {
        self.loss.head_len()
    }

    fn head(&self, seed: Seed) -> Result<Vec<HeadWeight>, LossError> {
        self.loss.head(seed)
    }

    fn forward(
        &self,
        head: &[Tensor],
        embeddings: &Tensor,
        targets: &Targets<'_>,
        at: Moment,
    ) -> Result<Forward, LossError> {
        let own = self.loss.forward(head, embeddings, targets, at)?;
        let theirs = Targets { classes: &self.classes, coarse: &self.coarse };
        let partner = self.loss.forward(head, embeddings, &theirs, at)?;
        let value = (own.value * self.own).and_then(|value| value + (partner.value * (1.0 - self.own))?);
        let value = value.map_err(|source| LossError::Candle { loss: self.name(), source })?;
        Ok(Forward { value, buffers: own.buffers })
    }

    fn sampler(&self) -> Wants {
        self.loss.sampler()
    }
}
