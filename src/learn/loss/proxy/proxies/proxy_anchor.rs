//! Proxy Anchor: each proxy looks at the whole batch.
//!
//! Takes embeddings and one proxy per class; gives, over all proxies, how far their own photos are outside the margin and
//! how far others' are inside, as soft maxima over the batch (Kim et al. 2020, arXiv 2003.13911). As
//! pytorch-metric-learning's `ProxyAnchorLoss`.

use candle_core::{Result as CandleResult, Tensor};
use serde::Deserialize;

use crate::base::Seed;
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::learn::loss::normalize::cosines;
use crate::learn::loss::proxy::classify::{Classifier, INIT_STD, parts, target_mask};
use crate::learn::loss::sum::multiple::LABEL;
use crate::learn::loss::{Build, Forward, HeadWeight, Loss, LossError, Moment, Targets, run};

/// See [`ROW`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `δ`, in cosine.
    pub margin: f64,
    /// `α`, how sharp the soft maxima are.
    pub alpha: f64,
    /// Deviation of the head's first values.
    pub init_std: f64,
}

/// Proxies as anchors.
pub const ROW: Technique = Technique {
    name: "ProxyAnchorLoss",
    slot: "loss",
    about: "One proxy per label, compared with the whole batch: hard photos count more, as in losses over pairs.",
    details: "Each label has a vector, its proxy; c is the cosine between a photo and a proxy. For each proxy with photos of its label in \
the batch: log(1 + sum over these photos of exp(-alpha·(c - margin))), a soft maximum of how far they are from being \
near enough; the mean over those proxies is the first part. For every proxy: log(1 + sum over the photos of other labels of \
exp(alpha·(c + margin))), how near the nearest strangers are; the mean over all proxies is the second. Their sum is the loss.

Where a softmax weighs a photo by its own cosines alone, here a photo's weight depends on the others of the batch: the \
hardest get most. It converges fast and needs no miner.

margin 0.1 and alpha 32 are the paper's and the library's. alpha: sharper looks only at the hardest photo. The paper trains \
proxies with 100 times the network's learning rate: set head_lr high. Batches should be large (the paper: 120 to 180), and with many \
labels most proxies have no photo in a batch: the first part then speaks for few.

Fails with wrong labels, which are the hardest photos of all, and with tens of thousands of labels in small batches; \
ArcFaceLoss is the field's choice there.",
    params: &[
        Param::new(
            "margin",
            Kind::Float { min: 0.0, max: 1.0 },
            Default::Is(Literal::Float(0.1)),
            "Own photos should have a cosine above it, others one below its negative.",
        ),
        Param::new(
            "alpha",
            Kind::Float { min: 0.1, max: 1000.0 },
            Default::Is(Literal::Float(32.0)),
            "How sharp the soft maxima over the batch are.",
        ),
        INIT_STD,
        LABEL,
    ],
    source: "pytorch_metric_learning.losses.ProxyAnchorLoss; Kim et al. 2020, arXiv 2003.13911",
    status: Status::Built,
};

/// Soft maxima over the batch for each proxy.
#[derive(Clone, Debug)]
pub struct ProxyAnchorLoss {
    classifier: Classifier,
    margin: f64,
    alpha: f64,
}

impl Build for Settings {
    fn build(self, dimensions: usize, counts: &[u32]) -> Result<Box<dyn Loss>, LossError> {
        let classifier = Classifier::new(ROW.name, (dimensions, counts), self.init_std, None, None);
        Ok(Box::new(ProxyAnchorLoss { classifier, margin: self.margin, alpha: self.alpha }))
    }
}

impl Loss for ProxyAnchorLoss {
    fn name(&self) -> &'static str {
        ROW.name
    }

    fn head_len(&self) -> usize {
        1
    }

    fn head(&self, seed: Seed) -> Result<Vec<HeadWeight>, LossError> {
        self.classifier.head(seed)
    }

    fn forward(
        &self,
        head: &[Tensor],
        embeddings: &Tensor,
        targets: &Targets<'_>,
        _: Moment,
    ) -> Result<Forward, LossError> {
        run(self.name(), self.classifier.size, embeddings, targets, || {
            let [proxies] = parts(head)?;
            let cosines = cosines(embeddings, proxies)?; // [b, n]
            let own = target_mask(&cosines, targets.classes)?; // [b, n]
            let others = (1.0 - &own)?;
            let mut present = targets.classes.to_vec();
            present.sort_unstable();
            present.dedup();
            let near = soft_maximum(&((&cosines - self.margin)? * -self.alpha)?, &own)?;
            let far = soft_maximum(&((&cosines + self.margin)? * self.alpha)?, &others)?;
            let value = ((near / present.len() as f64)? + (far / self.classifier.size.classes as f64)?)?;
            Ok(value.into())
        })
    }
}

/// Below everything that a cosine times `alpha` can be; its exponential is 0.
const NOTHING: f64 = -1e30;

/// `Σ_j ln(1 + Σ_i exp(z_ij))` over the places where the mask is 1, `[b, n]`; a column without any adds 0.
fn soft_maximum(z: &Tensor, mask: &Tensor) -> CandleResult<Tensor> {
    let nothing = (z.ones_like()? * NOTHING)?;
    let z = mask.gt(0.0)?.where_cond(z, &nothing)?;
    // The 1 is exp(0), so the largest exponent is 0 at least.
    let largest = z.detach().max_keepdim(0)?.relu()?; // [1, n]
    let sum = z.broadcast_sub(&largest)?.exp()?.sum_keepdim(0)?; // [1, n]
    ((sum + largest.neg()?.exp()?)?.log()? + largest)?.sum_all()
}
