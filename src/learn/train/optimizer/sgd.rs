//! SGD with momentum: the row that recipes read, its settings and its pass over a tensor.
//!
//! `torch.optim.SGD` in f32 with PyTorch's order of operations, Nesterov's momentum included.

use serde::Deserialize;

use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::learn::ops::wide;

/// Momentum.
pub const SGD: Technique = Technique {
    name: "SGD",
    slot: "optimizer",
    about: "Gradient descent with momentum: steps as long as the gradient, for CNNs that are tuned with care.",
    details: "With gradient g and weight w: g += weight_decay · w; m = momentum · m + g; w -= lr · m. With nesterov the \
weight moves by lr · (g + momentum · m) instead, a look one step ahead. m starts at 0; momentum = 0.9 makes a lasting \
gradient's steps ten times as long, so a rate that was right without momentum is ten times too large with it.

Steps scale with the gradient, unlike AdamW's: lr depends on loss, scale and batch and has to be found anew for each (try \
factors of 3); clip_grad_norm keeps single batches from throwing the weights away. With a well chosen rate it often ends level \
with AdamW for ResNets and below it for transformers. Landmark 2019 1st: 1e-3 with weight_decay 1e-5; Landmark 2020 1st: \
0.05 with 1e-4.

m takes the memory of the weights once more, half of what AdamW needs; nothing with momentum = 0.",
    params: &[
        Param::new("lr", Kind::Float { min: 0.0, max: 100.0 }, Default::Is(Literal::Float(1e-2)), "Base learning rate."),
        Param::new(
            "momentum",
            Kind::Float { min: 0.0, max: 0.999_999 },
            Default::Is(Literal::Float(0.9)),
            "Share of the last step that goes on. PyTorch's own default is 0.",
        ),
        Param::new(
            "weight_decay",
            Kind::Float { min: 0.0, max: 10.0 },
            Default::Is(Literal::Float(0.0)),
            "How strongly weights are drawn to 0, through the gradient.",
        ),
        Param::new(
            "nesterov",
            Kind::Bool,
            Default::Is(Literal::Bool(false)),
            "Looks one step ahead; a little steadier at high momentum.",
        ),
    ],
    source: "torch.optim.SGD (PyTorch 2); Sutskever et al. 2013, On the importance of initialization and momentum",
    status: Status::Built,
};

/// The decoded settings, see [`SGD`].
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sgd {
    /// Base learning rate.
    pub lr: f64,
    /// Share of the last step that goes on.
    pub momentum: f64,
    /// How much of a weight is added to its gradient.
    pub weight_decay: f64,
    /// Whether the gradient joins the momentum before and after.
    pub nesterov: bool,
}

/// The numbers of one step of one group.
#[derive(Clone, Copy)]
pub(super) struct Pass {
    scale: f32,
    decay: f32,
    momentum: f32,
    nesterov: bool,
    step: f32,
}

impl Sgd {
    pub(super) fn pass(&self, lr: f64, decays: bool, scale: f64) -> Pass {
        let decay = if decays { self.weight_decay as f32 } else { 0.0 };
        Pass { scale: scale as f32, decay, momentum: self.momentum as f32, nesterov: self.nesterov, step: -lr as f32 }
    }
}

impl Pass {
    /// One piece of weight, gradient and momentum; the last is empty when momentum is 0.
    pub(super) fn piece(self, w: &mut [f32], g: &[f32], m: &mut [f32]) {
        let Pass { scale, decay, momentum, nesterov, step } = self;
        if momentum == 0.0 {
            return wide!(|| {
                for (w, g) in w.iter_mut().zip(g) {
                    *w += step * (g * scale + decay * *w);
                }
            });
        }
        // Nesterov's looks one step ahead: the gradient joins the momentum once more.
        let [ahead, follow] = if nesterov { [1.0, momentum] } else { [0.0, 1.0] };
        wide!(|| {
            for ((w, g), m) in w.iter_mut().zip(g).zip(m) {
                let g = g * scale + decay * *w;
                *m = *m * momentum + g;
                *w += step * (ahead * g + follow * *m);
            }
        });
    }
}
