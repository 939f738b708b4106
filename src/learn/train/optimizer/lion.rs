//! Lion: the row that recipes read, its settings and its pass over a tensor.
//!
//! Chen et al. 2023, arXiv 2302.06675, in f32 with the order of operations of timm's `Lion`: the step is the sign of
//! a mean of gradients, so that every weight moves by exactly lr.

use serde::Deserialize;

use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::learn::ops::wide;

/// The sign of a momentum.
pub const LION: Technique = Technique {
    name: "Lion",
    slot: "optimizer",
    about: "Moves every weight by exactly lr, in the direction that recent gradients agree on; half of AdamW's memory.",
    details: "With gradient g, weight w and a running mean m: c = betas[0] · m + (1 - betas[0]) · g; \
w = w · (1 - lr · weight_decay) - lr · sign(c); m = betas[1] · m + (1 - betas[1]) · g. sign(c) is 1, -1 or 0, so a step \
has the same length for every weight and every batch; only directions are learnt from the data. The mean of the step looks back \
over about 10 gradients, the one that is kept over about 100.

Because all weights move by lr, the rate has to be smaller than AdamW's: the paper takes 3 to 10 times smaller with a weight_decay 3 to \
10 times larger, which keeps their product. 1e-4 for small networks, 1e-5 for large pretrained ones. The schedule should \
end near 0 (cosine, or a cooldown): with a rate that stays, weights keep jumping by lr around the best place.

Good with batches of 64 and more; with small batches the sign of a noisy mean is noise, and AdamW is the safer choice. No \
winner of the image retrieval competitions that we know used it. m takes the memory of the weights once more, half of what \
AdamW needs.",
    params: &[
        Param::new("lr", Kind::Float { min: 0.0, max: 10.0 }, Default::Is(Literal::Float(1e-4)), "Base learning rate."),
        Param::new(
            "betas",
            Kind::List { of: &Kind::Float { min: 0.0, max: 0.999_999 }, min: 2, max: 2 },
            Default::Is(Literal::List(&[Literal::Float(0.9), Literal::Float(0.99)])),
            "How slowly the mean of the step and the mean that is kept move.",
        ),
        Param::new(
            "weight_decay",
            Kind::Float { min: 0.0, max: 100.0 },
            Default::Is(Literal::Float(0.0)),
            "How strongly weights are drawn to 0; the paper takes 3 to 10 times AdamW's.",
        ),
    ],
    source: "Chen et al. 2023, Symbolic discovery of optimization algorithms, arXiv 2302.06675; timm.optim.Lion",
    status: Status::Built,
};

/// The decoded settings, see [`LION`].
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lion {
    /// Base learning rate.
    pub lr: f64,
    /// How slowly the mean of the step and the mean that is kept move.
    pub betas: [f64; 2],
    /// Share of a weight that a step of rate 1 would take away.
    pub weight_decay: f64,
}

/// The numbers of one step of one group.
#[derive(Clone, Copy)]
pub(super) struct Pass {
    scale: f32,
    keep: f32,
    beta1: f32,
    toward1: f32,
    toward2: f32,
    step: f32,
}

impl Lion {
    pub(super) fn pass(&self, lr: f64, decays: bool, scale: f64) -> Pass {
        let [beta1, beta2] = self.betas;
        let decay = if decays { self.weight_decay } else { 0.0 };
        Pass {
            scale: scale as f32,
            keep: (1.0 - lr * decay) as f32,
            beta1: beta1 as f32,
            toward1: (1.0 - beta1) as f32,
            toward2: (1.0 - beta2) as f32,
            step: -lr as f32,
        }
    }
}

impl Pass {
    /// One piece of weight, gradient and mean, all of one length.
    pub(super) fn piece(self, w: &mut [f32], g: &[f32], m: &mut [f32]) {
        let Pass { scale, keep, beta1, toward1, toward2, step } = self;
        wide!(|| {
            for ((w, g), m) in w.iter_mut().zip(g).zip(m) {
                let g = g * scale;
                let c = *m * beta1 + toward1 * g;
                // 0 for 0, unlike signum.
                let sign = f32::from(u8::from(c > 0.0)) - f32::from(u8::from(c < 0.0));
                *w = *w * keep + step * sign;
                *m += toward2 * (g - *m);
            }
        });
    }
}
