//! AdamW: the row that recipes read, its settings and its pass over a tensor.
//!
//! `torch.optim.AdamW` in f32 with PyTorch's order of operations (Loshchilov and Hutter 2019, arXiv 1711.05101).

use serde::Deserialize;

use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::learn::ops::wide;

/// Adam with decoupled weight decay.
pub const ADAMW: Technique = Technique {
    name: "AdamW",
    slot: "optimizer",
    about: "Steps of about the same length for every weight, with decoupled weight decay; needs little tuning.",
    details: "For each weight it keeps two running means, of the gradient (m, over about 1 / (1 - betas[0]) = 10 steps) \
and of its square (v, over about 1000 steps), and moves the weight by lr · m / (sqrt(v) + eps): a weight whose gradients \
agree moves by about lr at every step, one whose gradients cancel out hardly moves. m and v start at 0 and are corrected \
for it. Apart from that every weight is first multiplied by 1 - lr · weight_decay, biases and batch-norm weights \
included, as PyTorch does when all parameters are in one group.

lr is the first thing to tune: 1e-3 for small networks from scratch, 1e-4 for pretrained CNNs and 2e-5 to 5e-5 for large \
pretrained transformers (sake labels, best single recipe: 3.1e-5, weight_decay 1e-2; Happywhale 2022 1st: 1.6e-3 with \
the head at 1.6e-2). A loss that jumps or turns NaN wants less, or a longer warm-up.

m and v take twice the memory of the weights.",
    params: &[
        Param::new("lr", Kind::Float { min: 0.0, max: 10.0 }, Default::Is(Literal::Float(1e-3)), "Base learning rate."),
        Param::new(
            "weight_decay",
            Kind::Float { min: 0.0, max: 10.0 },
            Default::Is(Literal::Float(1e-2)),
            "How strongly weights are drawn to 0.",
        ),
        Param::new(
            "betas",
            Kind::List { of: &Kind::Float { min: 0.0, max: 0.999_999 }, min: 2, max: 2 },
            Default::Is(Literal::List(&[Literal::Float(0.9), Literal::Float(0.999)])),
            "How slowly the means of gradient and squared gradient move.",
        ),
        Param::new(
            "eps",
            Kind::Float { min: 0.0, max: 1.0 },
            Default::Is(Literal::Float(1e-8)),
            "Added to the divisor, so that tiny gradients do not make large steps.",
        ),
    ],
    source: "torch.optim.AdamW (PyTorch 2); Loshchilov and Hutter 2019, arXiv 1711.05101",
    status: Status::Built,
};

/// The decoded settings, see [`ADAMW`].
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamW {
    /// Base learning rate.
    pub lr: f64,
    /// Share of a weight that a step of rate 1 would take away.
    pub weight_decay: f64,
    /// How slowly the means of gradient and squared gradient move.
    pub betas: [f64; 2],
    /// Added to the divisor.
    pub eps: f64,
}

/// The numbers of one step of one group, in f64 until here and rounded once, as PyTorch does with Python's floats.
#[derive(Clone, Copy)]
pub(super) struct Pass {
    scale: f32,
    keep: f32,
    toward1: f32,
    beta2: f32,
    toward2: f32,
    root2: f32,
    eps: f32,
    step: f32,
}

impl AdamW {
    /// `steps` that the group makes with this one, from 1.
    pub(super) fn pass(&self, lr: f64, decays: bool, steps: usize, scale: f64) -> Pass {
        let AdamW { weight_decay, betas: [beta1, beta2], eps, .. } = *self;
        let decay = if decays { weight_decay } else { 0.0 };
        Pass {
            scale: scale as f32,
            keep: (1.0 - lr * decay) as f32,
            toward1: (1.0 - beta1) as f32,
            beta2: beta2 as f32,
            toward2: (1.0 - beta2) as f32,
            root2: (1.0 - beta2.powf(steps as f64)).sqrt() as f32,
            eps: eps as f32,
            step: (-lr / (1.0 - beta1.powf(steps as f64))) as f32,
        }
    }
}

impl Pass {
    /// One piece of weight, gradient, mean and mean square, all of one length.
    pub(super) fn piece(self, w: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32]) {
        let Pass { scale, keep, toward1, beta2, toward2, root2, eps, step } = self;
        wide!(|| {
            for (((w, g), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
                let g = g * scale;
                *m += toward1 * (g - *m);
                *v = *v * beta2 + toward2 * g * g;
                *w = *w * keep + step * *m / (v.sqrt() / root2 + eps);
            }
        });
    }
}
