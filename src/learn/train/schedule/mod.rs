//! How the learning rate moves over a training.
//!
//! Takes a step and the length of the full schedule; gives the rate. A pure function, so a run that stops early has used
//! the first part of the same curve. One file a curve, with its row, settings and formula, equal to PyTorch's schedulers:
//! `cosine` (once, or with restarts), `constant` (with a cooldown or without), `one_cycle`, `step`.

pub mod constant;
pub mod cosine;
pub mod one_cycle;
pub mod step;

use serde::Deserialize;

pub use constant::{Constant, ConstantCooldown, Decay};
pub use cosine::{Cosine, CosineRestarts};
pub use one_cycle::{Anneal, OneCycle};
pub use step::MultiStep;

use crate::book::technique::{Default, Kind, Literal, Param};

/// The key that most schedules share.
const WARMUP: Param = Param::new(
    "warmup_epochs",
    Kind::Float { min: 0.0, max: 1000.0 },
    Default::Is(Literal::Float(1.0)),
    "Epochs in which the rate rises in a straight line; may be a fraction.",
)
.unit("epochs");

/// The decoded `schedule`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum ScheduleSettings {
    /// See [`cosine::COSINE`].
    Cosine(Cosine),
    /// See [`constant::CONSTANT`].
    Constant(Constant),
    /// See [`one_cycle::ONE_CYCLE`].
    OneCycle(OneCycle),
    /// See [`step::STEP`].
    Step(MultiStep),
    /// See [`cosine::COSINE_RESTARTS`].
    CosineRestarts(CosineRestarts),
    /// See [`constant::CONSTANT_COOLDOWN`].
    ConstantCooldown(ConstantCooldown),
}

/// A learning-rate curve of a fixed length.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    curve: ScheduleSettings,
    lr: f64,
    steps: usize,
    per_epoch: usize,
    warmup: usize,
}

impl Schedule {
    /// The curve of `epochs` epochs with `per_epoch` steps each, for a base rate. `warmup_epochs` may be a fraction and
    /// is rounded to whole steps.
    pub fn new(settings: &ScheduleSettings, lr: f64, epochs: usize, per_epoch: usize) -> Schedule {
        let warmup_epochs = match settings {
            ScheduleSettings::Cosine(Cosine { warmup_epochs })
            | ScheduleSettings::Constant(Constant { warmup_epochs })
            | ScheduleSettings::Step(MultiStep { warmup_epochs, .. })
            | ScheduleSettings::CosineRestarts(CosineRestarts { warmup_epochs, .. })
            | ScheduleSettings::ConstantCooldown(ConstantCooldown { warmup_epochs, .. }) => *warmup_epochs,
            ScheduleSettings::OneCycle(_) => 0.0,
        };
        let warmup = (warmup_epochs * per_epoch as f64).round() as usize;
        Schedule { curve: settings.clone(), lr, steps: epochs * per_epoch, per_epoch, warmup }
    }

    /// Steps of the full length.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// The learning rate in step `t` (from 0), before the groups' factors: `lr · min(1, (t + 1) / warmup)` times what the
    /// curve says.
    ///
    /// Warm-up and curve are multiplied, so a cosine runs over all steps however long the warm-up is
    /// (timm and transformers begin the cosine after it). Its rate comes near 0 only with the last step.
    pub fn rate(&self, step: usize) -> f64 {
        let warm = if self.warmup == 0 { 1.0 } else { ((step + 1) as f64 / self.warmup as f64).min(1.0) };
        let factor = match &self.curve {
            ScheduleSettings::Constant(_) => warm,
            ScheduleSettings::Cosine(_) => warm * cosine::half((step as f64 / self.steps.max(1) as f64).min(1.0)),
            ScheduleSettings::OneCycle(cycle) => cycle.factor(step, self.steps),
            ScheduleSettings::Step(stairs) => warm * stairs.factor(step, self.per_epoch),
            ScheduleSettings::CosineRestarts(restarts) => return warm * restarts.rate(self.lr, step, self.per_epoch),
            ScheduleSettings::ConstantCooldown(fall) => warm * fall.factor(step, self.steps, self.per_epoch),
        };
        self.lr * factor
    }
}

#[cfg(test)]
mod tests;
