//! Cosines: once down to zero, or again and again.
//!
//! SGDR (Loshchilov and Hutter 2017, arXiv 1608.03983), with and without restarts, as PyTorch's
//! `CosineAnnealingLR` and `CosineAnnealingWarmRestarts`. Rows, settings, curves.

use std::f64::consts::PI;

use serde::Deserialize;

use super::WARMUP;
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};

/// Half a cosine to zero.
pub const COSINE: Technique = Technique {
    name: "cosine",
    slot: "schedule",
    about: "A short rise, then half a cosine down to zero; the field's standard.",
    details: "In step t (from 0) of T the rate is lr · min(1, (t + 1) / W) · (1 + cos(pi · t / T)) / 2, where W is \
warmup_epochs in steps and T the steps of all epochs. Warm-up and cosine are multiplied: the cosine runs over the whole \
training (timm begins it after the warm-up; the curves differ by a few per cent).

The high rate in the middle finds a good region, the low one at the end settles in it: the score \
often rises once more when the rate falls. A run that is cut short must therefore be compared with others at the same epoch of the same length, never \
with one whose schedule was shorter.

Warm-up keeps the first steps small while AdamW's means and the batch norms have seen little: 1 epoch from scratch, 10 to \
20 % of the epochs for large pretrained networks or large margins (Happywhale 2022 1st: 20 %).",
    params: &[WARMUP],
    source: "torch.optim.lr_scheduler.CosineAnnealingLR × LinearLR; Loshchilov and Hutter 2017, arXiv 1608.03983",
    status: Status::Built,
};

/// Warm restarts.
pub const COSINE_RESTARTS: Technique = Technique {
    name: "cosine-restarts",
    slot: "schedule",
    about: "Several cosines after each other, each beginning at the full rate again.",
    details: "A cycle of T_i epochs goes from lr down to eta_min by half a cosine: eta_min + (lr - eta_min) · (1 + cos(pi · \
T_cur / T_i)) / 2, where T_cur counts the epochs since the cycle began, with the fraction of the present one. The first cycle has T_0 epochs, each later \
one T_mult times as many as the one before: T_0 = 1 and T_mult = 2 make cycles of 1, 2, 4, 8 epochs.

A restart throws the weights out of where they had settled, and the next cycle may settle better; the end of each cycle is a \
usable network. A length that ends between two restarts ends on a high rate, which costs score: make epochs a sum of \
whole cycles (T_0 = 3, T_mult = 2: 3, 9, 21 epochs). Seldom better than one cosine of the same length. Trademark search (Nishika 22) 2nd used it; \
Landmark 2020 retrieval 22nd raised the margin from cycle to cycle.

eta_min is a rate, as in PyTorch, and belongs to the base rate: head_lr and layer_decay multiply the whole curve.",
    params: &[
        Param::new(
            "T_0",
            Kind::Int { min: 1, max: 100_000 },
            Default::Required,
            "Epochs of the first cycle; there is no good value for every length.",
        )
        .unit("epochs"),
        Param::new(
            "T_mult",
            Kind::Int { min: 1, max: 1000 },
            Default::Is(Literal::Int(1)),
            "How many times as long as the one before each later cycle is.",
        ),
        Param::new(
            "eta_min",
            Kind::Float { min: 0.0, max: 10.0 },
            Default::Is(Literal::Float(0.0)),
            "Learning rate at the end of a cycle.",
        ),
        Param { default: Default::Is(Literal::Float(0.0)), ..WARMUP },
    ],
    source: "torch.optim.lr_scheduler.CosineAnnealingWarmRestarts; Loshchilov and Hutter 2017, arXiv 1608.03983",
    status: Status::Built,
};

/// The decoded settings, see [`COSINE`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cosine {
    /// Epochs of linear rise; may be a fraction.
    pub warmup_epochs: f64,
}

/// The decoded settings, see [`COSINE_RESTARTS`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CosineRestarts {
    /// Epochs of the first cycle.
    #[serde(rename = "T_0")]
    pub first: usize,
    /// How many times as long as the one before each later cycle is.
    #[serde(rename = "T_mult")]
    pub times: usize,
    /// Learning rate at the end of a cycle.
    pub eta_min: f64,
    /// Epochs of linear rise; may be a fraction.
    pub warmup_epochs: f64,
}

/// Half a cosine, from 1 to 0, after the part `done` of it.
pub(super) fn half(done: f64) -> f64 {
    0.5 * (1.0 + (PI * done).cos())
}

impl CosineRestarts {
    /// The rate in step `step` of epochs of `per_epoch` steps.
    pub(super) fn rate(&self, lr: f64, step: usize, per_epoch: usize) -> f64 {
        let (mut cycle, mut step) = (self.first.max(1).saturating_mul(per_epoch.max(1)), step);
        while step >= cycle {
            step -= cycle;
            cycle = cycle.saturating_mul(self.times.max(1));
        }
        self.eta_min + (lr - self.eta_min) * half(step as f64 / cycle as f64)
    }
}
