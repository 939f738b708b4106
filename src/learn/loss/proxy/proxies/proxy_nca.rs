//! ProxyNCA: a softmax over the distances to all proxies.
//!
//! Takes embeddings and one proxy per class; gives `−log` of the share that the own proxy has of all `exp(−s·‖x − p‖²)`,
//! with lengths taken away first (Movshovitz-Attias et al. 2017, arXiv 1703.07464). As pytorch-metric-learning's
//! `ProxyNCALoss`, whose share counts the own proxy too.

use serde::Deserialize;

use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::learn::loss::proxy::classify::{Classifier, INIT_STD};
use crate::learn::loss::sum::multiple::LABEL;
use crate::learn::loss::{Build, Loss, LossError};

/// See [`ROW`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `s`, which multiplies the squared distances.
    pub softmax_scale: f64,
    /// Deviation of the head's first values.
    pub init_std: f64,
}

/// A softmax over distances to proxies.
pub const ROW: Technique = Technique {
    name: "ProxyNCALoss",
    slot: "loss",
    about: "A softmax over squared distances to one proxy per label.",
    details: "Each label has a vector, its proxy. Embedding x and proxies p_j are brought to length one, and the loss of a photo is \
-log(exp(-s·|x - p_y|^2) / sum_j exp(-s·|x - p_j|^2)) with s = softmax_scale. On the unit sphere |x - p|^2 = \
2 - 2·cos(t), so this is NormalizedSoftmaxLoss with temperature 1 / (2·softmax_scale).

softmax_scale: 1 is the library's default and far too soft for many labels: with 1,000 labels the right one can get at most \
exp(2) / (exp(2) + 1000) of the probability even when everything is perfect, the loss stays near log(n), and training \
stops early. 8 to 16 (temperature 0.06 to 0.03) is where it works as well as other softmax losses.

The first loss to replace triplets by proxies; here mainly to compare. Fails like all softmax losses without a margin: labels \
need only be told apart, not pushed apart.",
    params: &[
        Param::new(
            "softmax_scale",
            Kind::Float { min: 0.01, max: 1000.0 },
            Default::Is(Literal::Float(1.0)),
            "Multiplies the squared distances before the softmax; 8 to 16 for many labels.",
        ),
        INIT_STD,
        LABEL,
    ],
    source: "pytorch_metric_learning.losses.ProxyNCALoss; Movshovitz-Attias et al. 2017, arXiv 1703.07464",
    status: Status::Built,
};

impl Build for Settings {
    fn build(self, dimensions: usize, counts: &[u32]) -> Result<Box<dyn Loss>, LossError> {
        let classifier = Classifier::new(ROW.name, (dimensions, counts), self.init_std, None, None);
        // −s(2 − 2 cos θ); what is the same for all proxies falls out of the softmax.
        Ok(classifier.loss(move |cosines, _| cosines * (2.0 * self.softmax_scale)))
    }
}
