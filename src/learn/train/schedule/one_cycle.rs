//! One rise and one fall over the whole training.
//!
//! PyTorch's `OneCycleLR` with two phases, without its cycle of momentum (Smith and Topin 2018, arXiv 1708.07120).
//! Row, settings, curve.

use serde::Deserialize;

use super::cosine::half;
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};

/// Up and down once.
pub const ONE_CYCLE: Technique = Technique {
    name: "one-cycle",
    slot: "schedule",
    about: "A long rise to lr, then a long fall to almost nothing; bears a large lr and suits short trainings.",
    details: "The rate starts at lr / div_factor, reaches lr after the share pct_start of the steps, and ends at \
lr / div_factor / final_div_factor; between these points it moves by half a cosine or in a straight line (anneal_strategy). lr is \
what PyTorch calls max_lr.

The long rise is its warm-up, so there is no warmup_epochs. It lets the network bear an lr that would blow it up at the start, \
two or three times a cosine's; that in turn suits trainings of few epochs. pct_start = 0.3 is PyTorch's; 0.1 to 0.2 for \
pretrained networks, where it comes close to a cosine with a long warm-up (Happywhale 2022 1st: warm-up over 20 %).

A run that is cut short ends at a high rate: compare it with others at the same epoch of the same length only. PyTorch also moves \
momentum (SGD's momentum, AdamW's betas[0]) against the rate unless cycle_momentum = False; here it stays as the optimiser has it.",
    params: &[
        Param::new(
            "pct_start",
            Kind::Float { min: 0.0, max: 1.0 },
            Default::Is(Literal::Float(0.3)),
            "Share of the steps in which the rate rises.",
        ),
        Param::new(
            "div_factor",
            Kind::Float { min: 1.0, max: 1e9 },
            Default::Is(Literal::Float(25.0)),
            "The first rate is lr divided by this.",
        ),
        Param::new(
            "final_div_factor",
            Kind::Float { min: 1.0, max: 1e12 },
            Default::Is(Literal::Float(1e4)),
            "The last rate is the first one divided by this.",
        ),
        Param::new(
            "anneal_strategy",
            Kind::Choice(&["cos", "linear"]),
            Default::Is(Literal::Text("cos")),
            "How the rate moves between these points.",
        ),
    ],
    source: "torch.optim.lr_scheduler.OneCycleLR (cycle_momentum = False); Smith and Topin 2018, arXiv 1708.07120",
    status: Status::Built,
};

/// The decoded settings, see [`ONE_CYCLE`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneCycle {
    /// Share of the steps in which the rate rises.
    pub pct_start: f64,
    /// The first rate is lr divided by this.
    pub div_factor: f64,
    /// The last rate is the first one divided by this.
    pub final_div_factor: f64,
    /// How the rate moves.
    pub anneal_strategy: Anneal,
}

/// How a rate moves from one value to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Anneal {
    /// By half a cosine.
    Cos,
    /// In a straight line.
    Linear,
}

impl OneCycle {
    /// Factor on the rate in step `step` of `steps`.
    pub(super) fn factor(&self, step: usize, steps: usize) -> f64 {
        let first = 1.0 / self.div_factor;
        let last = first / self.final_div_factor;
        // PyTorch's points: the top and the end are reached in the last step of each phase.
        let top = self.pct_start * steps as f64 - 1.0;
        let end = steps as f64 - 1.0;
        let step = (step as f64).min(end);
        let (from, to, start, length) = if step <= top { (first, 1.0, 0.0, top) } else { (1.0, last, top, end - top) };
        // A phase of one step stands at its end.
        let part = if length > 0.0 { (step - start) / length } else { 1.0 };
        match self.anneal_strategy {
            Anneal::Cos => to + (from - to) * half(part),
            Anneal::Linear => (to - from) * part + from,
        }
    }
}
