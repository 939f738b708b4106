//! One rate for long, with or without a fall at the end.
//!
//! Constant, and constant with a cooldown: "warmup, stable, decay" as measured by Hägele et al. 2024, arXiv 2405.18392.
//! What comes before the cooldown does not depend on the length. Rows, settings, curve.

use serde::Deserialize;

use super::WARMUP;
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};

/// No change after the warm-up.
pub const CONSTANT: Technique = Technique {
    name: "constant",
    slot: "schedule",
    about: "A short rise, then always the same rate.",
    details: "In step t (from 0) the rate is lr · min(1, (t + 1) / W), where W is warmup_epochs in steps. Useful to find the \
largest lr that a network bears, and to compare runs of different lengths; ends below a cosine of the same length.",
    params: &[WARMUP],
    source: "torch.optim.lr_scheduler.ConstantLR × LinearLR",
    status: Status::Built,
};

/// A fall in the last epochs alone.
pub const CONSTANT_COOLDOWN: Technique = Technique {
    name: "constant-cooldown",
    slot: "schedule",
    about: "The same rate for long, then a fall to zero in the last epochs; a longer training goes on from a shorter one.",
    details: "After the warm-up the rate stays lr. In the last cooldown_epochs it falls to 0: with D steps of cooldown, of which \
n are done, it is lr · (1 - sqrt(n / D)) (\"1-sqrt\") or lr · (1 - n / D) (\"linear\"). Also known as WSD: warmup, stable, decay.

Everything before the cooldown is the same for every length, and that is what it is for: the constant part is a step of its own in the plan, \
`fit fold 0 constant`, whose checkpoint is kept. Change epochs from 12 to 20 and the training goes on from the end of the \
constant part, so 8 epochs and a cooldown are paid, not 20; it gives the same weights to the bit as 20 epochs at one go. A cosine of another length would have to start from the first \
step. Another cooldown, or none (epochs cut short by a rung), starts from the same checkpoint too. Inside `stages` it \
is only a curve.

The paper: a cooldown of 10 to 20 % of the steps ends level with a cosine of the same length, 1-sqrt a little better than \
linear, with lr at about half of the cosine's best. The score moves little while the rate is constant and jumps during the \
cooldown: compare recipes after it. The checkpoint between the parts holds the optimiser's memory, three times the weights with AdamW.",
    params: &[
        WARMUP,
        Param::new(
            "cooldown_epochs",
            Kind::Int { min: 1, max: 100_000 },
            Default::Is(Literal::Int(2)),
            "Last epochs, in which the rate falls to 0; fewer than epochs.",
        )
        .unit("epochs"),
        Param::new(
            "decay_type",
            Kind::Choice(&["1-sqrt", "linear"]),
            Default::Is(Literal::Text("1-sqrt")),
            "The shape of the fall.",
        ),
    ],
    source: "Hägele et al. 2024, arXiv 2405.18392; names as in transformers' get_wsd_schedule",
    status: Status::Built,
};

/// The decoded settings, see [`CONSTANT`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constant {
    /// Epochs of linear rise; may be a fraction.
    pub warmup_epochs: f64,
}

/// The decoded settings, see [`CONSTANT_COOLDOWN`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConstantCooldown {
    /// Epochs of linear rise; may be a fraction.
    pub warmup_epochs: f64,
    /// Last epochs, in which the rate falls.
    pub cooldown_epochs: usize,
    /// The shape of the fall.
    pub decay_type: Decay,
}

/// The shape of a cooldown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Decay {
    /// One minus a square root: falls fast first.
    #[serde(rename = "1-sqrt")]
    OneMinusSqrt,
    /// A straight line.
    #[serde(rename = "linear")]
    Linear,
}

impl ConstantCooldown {
    /// Factor on the rate in step `step` of `steps`, in epochs of `per_epoch` steps.
    pub(super) fn factor(&self, step: usize, steps: usize, per_epoch: usize) -> f64 {
        let cooldown = (self.cooldown_epochs * per_epoch).min(steps);
        let Some(done) = step.checked_sub(steps - cooldown) else { return 1.0 };
        let part = (done as f64 / cooldown.max(1) as f64).min(1.0);
        match self.decay_type {
            Decay::OneMinusSqrt => 1.0 - part.sqrt(),
            Decay::Linear => 1.0 - part,
        }
    }
}
