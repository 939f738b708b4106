//! NT-Xent: each positive must be found among the anchor's negatives.
//!
//! Takes cosines; gives the mean over positive pairs of a softmax cross-entropy in which the pair stands against
//! all negatives of its anchor. As pytorch-metric-learning's `NTXentLoss` (Sohn 2016; van den Oord et al. 2018,
//! arXiv 1807.03748, InfoNCE; Chen et al. 2020, arXiv 2002.05709, SimCLR).

use super::super::reduce::log_sum_exp;
use super::Matrix;
use super::softmax::{self, Softmax, temperature};
use crate::book::technique::{Status, Technique};
use crate::learn::loss::pair::select::Pairs;
use crate::learn::loss::pair::{MEMORY, MINER};
use crate::learn::loss::sum::multiple::LABEL;

/// See [`ROW`].
pub type Settings = softmax::Settings<Pairwise>;

/// A softmax for each positive pair, against its anchor's negatives.
#[derive(Clone, Debug, PartialEq)]
pub struct Pairwise;

impl Softmax for Pairwise {
    const NAME: &'static str = ROW.name;

    fn loss(temperature: f64, cosines: &Matrix, pairs: &Pairs, slopes: &mut Matrix) -> f64 {
        let share = 1.0 / pairs.count().0 as f64;
        let mut total = 0.0;
        for (row, (positives, negatives)) in pairs.positives.iter().zip(&pairs.negatives).enumerate() {
            let logit = |&other: &u32| cosines.row(row)[other as usize] / temperature;
            let far = log_sum_exp(negatives.iter().map(logit));
            let slopes = slopes.row_mut(row);
            let mut wrong = 0.0; // Σ over positives of the probability that negatives have
            for positive in positives {
                // −log(e^p / (e^p + e^far)) with the larger of both taken out.
                let excess = far - logit(positive);
                total += excess.max(0.0) + (-excess.abs()).exp().ln_1p();
                let probability = 1.0 / (1.0 + (-excess).exp());
                slopes[*positive as usize] -= probability * share / temperature;
                wrong += probability;
            }
            if wrong > 0.0 {
                for negative in negatives {
                    slopes[*negative as usize] += wrong * (logit(negative) - far).exp() * share / temperature;
                }
            }
        }
        total * share
    }
}

/// A softmax over the batch, pair by pair.
pub const ROW: Technique = Technique {
    name: "NTXentLoss",
    slot: "loss",
    about: "Each positive must be found among the photo's negatives: a classifier whose classes are the batch.",
    details: "No classifier is learned: for a photo and one of its positives, the cosines of that pair and of all the photo's \
negatives are divided by temperature and go through a softmax, and the loss is the cross-entropy with the positive as the right answer: \
-log(exp(s_p/T) / (exp(s_p/T) + sum over negatives exp(s_n/T))). The mean is over all positive pairs. It is also called \
InfoNCE, N-pairs loss with temperature, or SimCLR's loss; CLIP is trained with it.

temperature: how sharp. 0.07 is a scale of 14 in ArcFaceLoss's words; 0.05 to 0.2 are usual. Too small and only the hardest negative \
of each photo teaches, too large and embeddings never come apart. log(1 + negatives) is the loss of a network that \
knows nothing; see that it falls below.

The more negatives the better: take large batches or memory = 1024 and more, and a sampler that puts photos of a label \
together (MPerClassSampler). As SupConLoss, with the other positives \
left out of each softmax, so that they do not compete with each other.

Values that won: none that we know with labels; it is the standard for training without them, with two augmented pictures of \
each photo. Use it, or SupConLoss, where labels have two or three photos and ContrastiveLoss is the alternative.

Fails with small batches and without a memory, and where different labels look alike: they are negatives all the same. A batch without \
a positive pair teaches nothing (the loss is 0). Cost: [b, b] numbers, or [b, memory].",
    params: &[
        temperature(0.07),
        MINER,
        MEMORY,
        LABEL,
    ],
    source: "pytorch_metric_learning.losses.NTXentLoss; Sohn 2016, NIPS; van den Oord et al. 2018, arXiv 1807.03748; Chen et al. 2020, arXiv 2002.05709",
    status: Status::Built,
};
