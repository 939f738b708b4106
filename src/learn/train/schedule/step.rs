//! Falls at given epochs.
//!
//! PyTorch's `MultiStepLR`. Row, settings, curve.

use serde::Deserialize;

use super::WARMUP;
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};

/// A staircase.
pub const STEP: Technique = Technique {
    name: "step",
    slot: "schedule",
    about: "The same rate until given epochs, and a tenth of it after each.",
    details: "After each of the milestones, counted in epochs, the rate is multiplied by gamma: lr · gamma^k, where k milestones are past. \
A milestone may be a fraction of an epoch and is rounded to whole steps; named twice it counts twice. Warm-up is multiplied with it.

The classic of SGD and ResNets: milestones at a half and three quarters of the training. It leaves the time of each fall to you, which a cosine does not ask \
for; what it gives in return is that everything before the first milestone does not depend on the length. A first milestone before \
the score has stopped rising costs the most. Milestones beyond the last epoch do nothing.",
    params: &[
        Param::new(
            "milestones",
            Kind::List { of: &Kind::Float { min: 0.0, max: 100_000.0 }, min: 1, max: 64 },
            Default::Required,
            "Epochs after which the rate falls.",
        )
        .unit("epochs"),
        Param::new(
            "gamma",
            Kind::Float { min: 0.0, max: 1.0 },
            Default::Is(Literal::Float(0.1)),
            "Factor on the rate at each milestone.",
        ),
        WARMUP,
    ],
    source: "torch.optim.lr_scheduler.MultiStepLR × LinearLR",
    status: Status::Built,
};

/// The decoded settings, see [`STEP`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultiStep {
    /// Epochs after which the rate falls.
    pub milestones: Vec<f64>,
    /// Factor on the rate at each.
    pub gamma: f64,
    /// Epochs of linear rise; may be a fraction.
    pub warmup_epochs: f64,
}

impl MultiStep {
    /// Factor on the rate in step `step`, in epochs of `per_epoch` steps.
    pub(super) fn factor(&self, step: usize, per_epoch: usize) -> f64 {
        let past = self.milestones.iter().filter(|epoch| step as f64 >= (*epoch * per_epoch as f64).round());
        self.gamma.powi(past.count() as i32)
    }
}
