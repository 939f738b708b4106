//! SAM: the row that recipes read, its settings, and the climb to the disturbed weights.
//!
//! Foret et al. 2021, arXiv 2010.01412; ASAM (`adaptive`): Kwon et al. 2021, arXiv 2102.11600; as davda54/sam computes
//! both. The optimiser under it makes the step; the training loop does the second pass.

use candle_core::Tensor;
use serde::Deserialize;

use super::gradient_norm;
use super::rule::RuleSettings;
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::learn::ops::{Grads, ParamId, Params};
use crate::learn::train::TrainError;

/// Sharpness-aware minimisation.
pub const SAM: Technique = Technique {
    name: "SAM",
    slot: "optimizer",
    about: "Takes the gradient at the worst place nearby, which leads to flat minima; every batch is passed twice.",
    details: "A step has two passes over the same pictures. The first gives the gradient g, and all weights together are moved \
uphill by rho: w + rho · g / |g|, where |g| is the length of the whole gradient. The second pass gives the gradient there; the \
weights go back, and `base` makes its step with that second gradient. A minimum in which the loss rises steeply all around is \
left, a flat one is kept, and flat ones are said to carry over better to labels that were never seen. With adaptive = true \
(ASAM) each weight's share of the way is scaled by its own size: w + rho · w² · g / | |w| · g |, so that layers with large \
weights are disturbed more; rho is then about ten times larger.

`base` is an optimiser with its own settings: base = { name = \"AdamW\", lr = 3e-4 }; its lr is what the schedule moves. rho: 0.05 (the \
paper, for batches on one card); 0.02 to 0.2 are worth a try; with adaptive 0.5 to 2. Google Universal Image Embedding 2022 5th: SAM over AdamW with \
weight_decay 0.1, on a frozen ViT-H with a small head; Shopee 2021 2nd: SAM with CurricularFace.

With `accumulate` the way uphill is that of the whole step's gradient, and then each of its batches is passed again; they are kept in memory until \
then. clip_grad_norm shortens the second gradient, with which the step is made; the first has the length rho anyway. Both passes draw \
the same dropout, and batch norm's running statistics take in the first pass alone, whose weights are the ones that are kept. The loss that is \
shown is the first pass's.

Fails where the learning rate is still too high to settle anywhere, and helps little with many photos and short trainings. \
Costs twice the time of `base`, and the memory of the weights once more during a step.",
    params: &[
        Param::new(
            "rho",
            Kind::Float { min: 0.0, max: 100.0 },
            Default::Is(Literal::Float(0.05)),
            "How far all weights together are moved uphill, as a length; 0 is `base` alone.",
        ),
        Param::new(
            "adaptive",
            Kind::Bool,
            Default::Is(Literal::Bool(false)),
            "Scales each weight's way by its size (ASAM); rho is then about ten times larger.",
        ),
        Param::new(
            "base",
            Kind::OneOf { tag: "name", slot: "optimizer" },
            Default::Is(Literal::Table(&[("name", Literal::Text("AdamW"))])),
            "The optimiser that makes the step, with its settings; any but SAM itself.",
        ),
    ],
    source: "Foret et al. 2021, arXiv 2010.01412; Kwon et al. 2021 (adaptive), arXiv 2102.11600; davda54/sam",
    status: Status::Built,
};

/// The decoded settings, see [`SAM`].
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sam {
    /// How far the weights are moved.
    pub rho: f64,
    /// Whether each weight's way is scaled by its size.
    pub adaptive: bool,
    /// What makes the step.
    pub base: RuleSettings,
}

/// Added to the gradient's length, as davda54/sam does.
const EPS: f64 = 1e-12;

impl Sam {
    /// Moves the weights uphill along `share` times these gradients, whose length is `norm` (share included); gives the
    /// weights as they were, for [`come_back`].
    ///
    /// # Errors
    /// When a gradient does not have its weight's shape.
    pub fn climb(
        &self,
        params: &mut Params,
        grads: &Grads,
        share: f64,
        norm: f64,
    ) -> Result<Vec<(ParamId, Tensor)>, TrainError> {
        let failed = |params: &Params, id| TrainError::tensor(format!("SAM's way uphill of {}", params.name(id)));
        let length = if self.adaptive {
            let mut scaled = Grads::default();
            for (id, gradient) in grads.iter() {
                scaled.insert(id, params.get(id).mul(gradient).map_err(failed(params, id))?);
            }
            gradient_norm(&scaled, params)?.0 * share
        } else {
            norm
        };
        let scale = self.rho * share / (length + EPS);
        let mut before = Vec::with_capacity(grads.len());
        for (id, gradient) in grads.iter() {
            let old = params.get(id).clone();
            let moved = || {
                let way = if self.adaptive { old.sqr()?.mul(gradient)? } else { gradient.clone() };
                old.add(&(way * scale)?)
            };
            let moved = moved().map_err(failed(params, id))?;
            params.set(id, moved)?;
            before.push((id, old));
        }
        Ok(before)
    }
}

/// Puts weights back to where [`Sam::climb`] found them.
///
/// # Errors
/// Never, for what it gave.
pub fn come_back(params: &mut Params, before: Vec<(ParamId, Tensor)>) -> Result<(), TrainError> {
    before.into_iter().try_for_each(|(id, tensor)| params.set(id, tensor)).map_err(TrainError::from)
}
