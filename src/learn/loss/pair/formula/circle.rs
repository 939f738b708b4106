//! Circle loss: each pair is pulled by how far it is from where it should be.
//!
//! Takes cosines; gives the mean over the anchors that have both kinds of pairs and are not solved. As
//! pytorch-metric-learning's `CircleLoss` (Sun et al. 2020, arXiv 2002.10857, the form for pairs). A pair's
//! pace is a weight, not a part of the formula that is differentiated.

use serde::Deserialize;

use super::super::reduce::{Reducer, log_sum_exp, over_anchors, softplus};
use super::{Distance, Formula, Matrix, Miner, Selection, mined};
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::learn::loss::pair::{MEMORY, MINER};
use crate::learn::loss::sum::multiple::LABEL;

/// See [`ROW`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The margin of both kinds: positives should pass 1 − m, negatives stay below m.
    pub m: f64,
    /// Scale of the exponents.
    pub gamma: f64,
    /// Who chooses pairs.
    pub miner: Miner,
    /// Rows of the memory; 0 for none.
    pub memory: usize,
}

impl Settings {
    /// Exponent of a pair and the pace at which it follows the cosine.
    fn exponent(&self, cosine: f64, positive: bool) -> (f64, f64) {
        let pace = match positive {
            true => -self.gamma * (1.0 + self.m - cosine).max(0.0),
            false => self.gamma * (cosine + self.m).max(0.0),
        };
        let aim = if positive { 1.0 - self.m } else { self.m };
        (pace * (cosine - aim), pace)
    }
}

impl Formula for Settings {
    mined!();

    fn name(&self) -> &'static str {
        ROW.name
    }

    fn distance(&self) -> Distance {
        Distance::CosineSimilarity
    }

    fn loss(&self, matrix: &Matrix, selection: &Selection, slopes: &mut Matrix) -> f64 {
        let pairs = selection.pairs(matrix.rows());
        if pairs.are_too_few() {
            return 0.0;
        }
        let pairs = pairs.into_owned().distinct();
        over_anchors(matrix, &pairs, Reducer::AvgNonZero, slopes, |row, positives, negatives, slopes| {
            if positives.is_empty() || negatives.is_empty() {
                return 0.0;
            }
            let exponent = |&other: &u32, positive| self.exponent(row[other as usize], positive);
            let near = log_sum_exp(positives.iter().map(|other| exponent(other, true).0));
            let far = log_sum_exp(negatives.iter().map(|other| exponent(other, false).0));
            let (loss, slope) = softplus(near + far);
            for (others, sum, positive) in [(positives, near, true), (negatives, far, false)] {
                for other in others {
                    let (exponent, pace) = exponent(other, positive);
                    slopes[*other as usize] += slope * (exponent - sum).exp() * pace;
                }
            }
            loss
        })
    }
}

/// Pairs with their own pace.
pub const ROW: Technique = Technique {
    name: "CircleLoss",
    slot: "loss",
    about: "Pairs, each pulled at its own pace by how far it is from its aim.",
    details: "No classifier: every photo of a batch is compared with all others by the cosine s. A positive pair should reach \
1 - m, a negative one stay below m. For each photo, loss = log(1 + sum over negatives exp(gamma a (s - m)) * sum over positives \
exp(-gamma b (s - 1 + m))), where the paces a = max(0, s + m) and b = max(0, 1 + m - s) are weights that are not differentiated: a pair that is \
far from its aim is pulled hard, one that is nearly there hardly at all. (Other losses pull both kinds alike until \
the margin is met, however far each is.) The mean is over photos with both kinds of pairs whose loss is above 0.

m sets both aims: smaller is stricter (0.25: positives above 0.75, negatives below 0.25). gamma is the scale, as \
ArcFaceLoss's: how much the hardest pair decides. The loss is large in numbers (tens) because gamma multiplies it; \
with a learning rate from another loss, clip gradients. The paper has m 0.25 and gamma 256 for faces, 0.25 and 128 for persons, 0.4 and \
80 for fine-grained search, which are the defaults.

Values that won: none known to us. On sake labels at 128 pixels it gave 0.109 MRR, 0.187 with batches of pairs, far below ArcFaceLoss in \
the sibling studies (about 0.505): do not begin with it.

Fails with batches that were not made of pairs (see the two numbers above; sampler = { name = \"MPerClassSampler\", m = 4 } in \
[train] makes them) and with a high learning rate. \
Cost: [b, b] numbers, or [b, memory].",
    params: &[
        Param::new(
            "m",
            Kind::Float { min: 0.0, max: 1.0 },
            Default::Is(Literal::Float(0.4)),
            "Positives should pass the cosine 1 - m, negatives stay below m.",
        ),
        Param::new(
            "gamma",
            Kind::Float { min: 0.1, max: 1000.0 },
            Default::Is(Literal::Float(80.0)),
            "Scale of the exponents.",
        ),
        MINER,
        MEMORY,
        LABEL,
    ],
    source: "pytorch_metric_learning.losses.CircleLoss; Sun et al. 2020, arXiv 2002.10857",
    status: Status::Built,
};
