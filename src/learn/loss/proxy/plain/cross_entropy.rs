//! The linear classifier that everybody starts with.
//!
//! Takes embeddings, a weight and a bias per class; gives the softmax cross-entropy of their products, as
//! `torch.nn.Linear` and `torch.nn.CrossEntropyLoss` do (PyTorch 2).

use candle_core::{Device, Tensor};
use serde::Deserialize;

use crate::base::Seed;
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::learn::loss::proxy::aim::{Aim, CLASS_WEIGHTS, ClassWeights};
use crate::learn::loss::proxy::classify::parts;
use crate::learn::loss::sum::multiple::LABEL;
use crate::learn::loss::{Build, Forward, HeadWeight, Loss, LossError, Moment, Size, Targets, run};

/// See [`ROW`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Share of the target's probability that is spread over all classes, `0.0..1.0`.
    pub label_smoothing: f64,
    /// How much a photo of each class counts.
    pub class_weights: Option<ClassWeights>,
}

/// Softmax over a linear classifier.
pub const ROW: Technique = Technique {
    name: "CrossEntropyLoss",
    slot: "loss",
    about: "A plain classifier over the training labels: the baseline.",
    details: "A linear layer (one weight vector and one bias per label) turns the embedding x into one number per \
label, z_j = w_j·x + b_j. The loss of a photo of label y is -log(exp(z_y) / sum_j exp(z_j)): it is 0 when the right \
label gets all the probability, and log(n) for a network that knows nothing about n labels. Watch for that number in \
the first epoch: a loss that starts far above log(n) points to a wrong setting.

After training the layer is dropped and embeddings are compared by cosine. That works, but the loss never asked for \
it: an embedding may lower the loss by growing longer instead of turning, and two labels need only lie on different \
sides of a plane, not apart. Use it as the baseline that a better loss has to beat.

label_smoothing takes a share of the target's probability and spreads it over all labels. For retrieval it is mostly \
useless or worse: no gain in a sake-label study (0.5038 to 0.5057 MRR for all variants, noise), minus 0.23 points for \
the 2nd place of Google Landmark Retrieval 2021.

class_weights lets rare labels count more: the loss of a photo is multiplied by its label's weight, and the batch's sum \
divided by the sum of its weights (torch.nn.CrossEntropyLoss(weight=...)). \"log\" is gentle: with 1000 photos a label's \
photo counts a tenth of a single one's, with \"inverse\" a thousandth, which makes training noisy.

Fails when most labels have one or two photos: a linear layer then learns the photos by heart.",
    params: &[
        Param::new(
            "label_smoothing",
            Kind::Float { min: 0.0, max: 0.99 },
            Default::Is(Literal::Float(0.0)),
            "Share of the target's probability that is spread over all labels.",
        ),
        CLASS_WEIGHTS,
        LABEL,
    ],
    source: "torch.nn.Linear and torch.nn.CrossEntropyLoss (PyTorch 2)",
    status: Status::Built,
};

/// A linear classifier over the embedding, trained with softmax cross-entropy.
#[derive(Clone, Debug)]
pub struct CrossEntropyLoss {
    size: Size,
    aim: Aim,
}

impl Build for Settings {
    fn build(self, dimensions: usize, counts: &[u32]) -> Result<Box<dyn Loss>, LossError> {
        let aim = Aim::new(Some(self.label_smoothing), self.class_weights, counts);
        Ok(Box::new(CrossEntropyLoss { size: Size { dimensions, classes: counts.len() }, aim }))
    }
}

impl Loss for CrossEntropyLoss {
    fn name(&self) -> &'static str {
        ROW.name
    }

    fn head_len(&self) -> usize {
        2
    }

    /// `weight [n, d]` and `bias [n]`, uniform in ±1/√d as `torch.nn.Linear` draws them.
    fn head(&self, seed: Seed) -> Result<Vec<HeadWeight>, LossError> {
        let Size { dimensions, classes } = self.size;
        let bound = 1.0 / (dimensions as f64).sqrt();
        let draw = |name: &str, shape: &[usize]| {
            let mut draws = seed.named(name).draws();
            let values: Vec<f32> = (0..shape.iter().product()).map(|_| draws.uniform(-bound, bound) as f32).collect();
            Tensor::from_vec(values, shape, &Device::Cpu)
                .map(|tensor| HeadWeight::weight(name, tensor))
                .map_err(|source| LossError::Candle { loss: self.name(), source })
        };
        Ok(vec![draw("weight", &[classes, dimensions])?, draw("bias", &[classes])?])
    }

    fn forward(
        &self,
        head: &[Tensor],
        embeddings: &Tensor,
        targets: &Targets<'_>,
        _: Moment,
    ) -> Result<Forward, LossError> {
        run(self.name(), self.size, embeddings, targets, || {
            let [weight, bias] = parts(head)?;
            let logits = embeddings.matmul(&weight.t()?)?.broadcast_add(bias)?; // [b, n]
            Ok(self.aim.loss(&logits, targets.classes)?.into())
        })
    }
}
