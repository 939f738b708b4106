//! What a recipe may write under `[train]`, and what a person should know before writing it.
//!
//! Constant rows for the reader, for help and for docs/reference.md, and the typed form that they
//! decode into. Names and defaults are PyTorch's.

use serde::Deserialize;

use crate::book::technique::{Body, Default, Kind, Literal, Param, Section, Status, Technique};
use crate::data::batch::Sampler;

/// The decoded `[train]` table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainSettings {
    /// Epochs of the full schedule, from 1.
    pub epochs: usize,
    /// Photos per step, from 2.
    pub batch: usize,
    /// Which photos share a batch.
    pub sampler: Sampler,
    /// How weights follow gradients.
    pub optimizer: OptimizerSettings,
    /// How the learning rate moves.
    pub schedule: ScheduleSettings,
    /// When the network is evaluated.
    pub eval: EvalSettings,
    /// Factor on the learning rate of the neck and of the loss's head.
    pub head_lr: f64,
    /// Factor on the learning rate from each layer to the one before it; 1 when absent.
    #[serde(default)]
    pub layer_decay: Option<f64>,
    /// Whether vectors and biases are spared from weight decay.
    #[serde(default)]
    pub weight_decay_exclude_1d: bool,
    /// Longest gradient; longer ones are shortened to it.
    #[serde(default)]
    pub clip_grad_norm: Option<f64>,
    /// Batches whose gradients make one step; 1 when absent.
    #[serde(default)]
    pub accumulate: Option<usize>,
    /// The average of weights that is evaluated and kept.
    #[serde(default)]
    pub ema: Option<EmaSettings>,
    /// The last part that does not learn.
    #[serde(default)]
    pub freeze: Option<String>,
    /// Epochs after which it learns.
    #[serde(default)]
    pub unfreeze_at: Option<usize>,
    /// Whether blocks are computed again on the way back.
    #[serde(default)]
    pub checkpoint: bool,
}

/// The decoded `ema`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmaSettings {
    /// How much of the average stays in a step.
    pub decay: f64,
    /// Whether less stays in the first steps.
    pub warmup: bool,
}

/// The decoded `optimizer`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "name", deny_unknown_fields)]
pub enum OptimizerSettings {
    /// See [`ADAMW`].
    AdamW {
        /// Base learning rate.
        lr: f64,
        /// Share of a weight that a step of rate 1 would take away.
        weight_decay: f64,
        /// How slowly the means of gradient and squared gradient move.
        betas: [f64; 2],
        /// Added to the divisor.
        eps: f64,
    },
    /// See [`SGD`].
    #[serde(rename = "SGD")]
    Sgd {
        /// Base learning rate.
        lr: f64,
        /// Share of the last step that goes on.
        momentum: f64,
        /// How much of a weight is added to its gradient.
        weight_decay: f64,
        /// Whether the gradient joins the momentum before and after.
        nesterov: bool,
    },
}

/// The decoded `schedule`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase", deny_unknown_fields)]
pub enum ScheduleSettings {
    /// See [`COSINE`].
    Cosine {
        /// Epochs of linear rise; may be a fraction.
        warmup_epochs: f64,
    },
    /// See [`CONSTANT`].
    Constant {
        /// Epochs of linear rise; may be a fraction.
        warmup_epochs: f64,
    },
}

/// The decoded `eval`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvalSettings {
    /// Evaluate after every so many epochs, and always at the end of a run.
    pub every_epochs: usize,
}

/// The sections of this folder.
pub const SECTIONS: &[&Section] = &[&TRAIN];

/// The rows of the slots "optimizer" and "schedule".
pub const TECHNIQUES: &[&Technique] = &[&ADAMW, &SGD, &SAM, &COSINE, &CONSTANT, &COSINE_RESTARTS];

/// `[train]`.
pub const TRAIN: Section = Section {
    name: "train",
    about: "How long and how fast the network learns.",
    body: Body::Params(&[
        Param::new(
            "epochs",
            Kind::Int { min: 0, max: 100_000 },
            Default::Is(Literal::Int(12)),
            "How often every training photo is shown. The schedule has this length, also when a rung stops earlier. 0: \
             zero-shot, the network is used as it comes; write `neck = { kind = \"none\" }` in [backbone] then, since any other \
             neck would be drawn at random.",
        )
        .unit("epochs"),
        Param::new(
            "batch",
            Kind::Int { min: 2, max: 65_536 },
            Default::Is(Literal::Int(64)),
            "Photos per step; the rest of an epoch that does not fill a batch is left out.",
        )
        .unit("photos"),
        Param::new(
            "sampler",
            Kind::OneOf { tag: "name", slot: "sampler" },
            Default::Is(Literal::Table(&[("name", Literal::Text("RandomSampler"))])),
            "Which photos an epoch shows, and which of them share a batch; losses over pairs need MPerClassSampler.",
        ),
        Param::new(
            "optimizer",
            Kind::OneOf { tag: "name", slot: "optimizer" },
            Default::Is(Literal::Table(&[("name", Literal::Text("AdamW"))])),
            "How weights follow gradients.",
        ),
        Param::new(
            "schedule",
            Kind::OneOf { tag: "name", slot: "schedule" },
            Default::Is(Literal::Table(&[("name", Literal::Text("cosine"))])),
            "How the learning rate moves over the training.",
        ),
        Param::new(
            "eval",
            Kind::Table(&[Param::new(
                "every_epochs",
                Kind::Int { min: 1, max: 100_000 },
                Default::Is(Literal::Int(1)),
                "Evaluate after every so many epochs, and always at the end of a run.",
            )
            .unit("epochs")]),
            Default::Is(Literal::Table(&[("every_epochs", Literal::Int(1))])),
            "When the network is evaluated; changes no weight.",
        ),
        Param::new(
            "head_lr",
            Kind::Float { min: 0.0, max: 1000.0 },
            Default::Is(Literal::Float(1.0)),
            "Factor on the learning rate of what starts from noise under a pretrained network: the neck, and the loss's \
             head. 10 is common (Happywhale 2022 1st; Shopee 2021 1st: a larger one).",
        ),
        Param::new(
            "layer_decay",
            Kind::Float { min: 0.01, max: 1.0 },
            Default::Absent,
            "Factor on the learning rate from each layer to the one before it: 0.75 lets the first layers of a pretrained \
             network move least (timm's param_groups_layer_decay, layers as timm's group_matcher numbers them; BEiT, \
             arXiv 2106.08254). Usual for transformers: 0.65 to 0.9.",
        ),
        Param::new(
            "weight_decay_exclude_1d",
            Kind::Bool,
            Default::Is(Literal::Bool(false)),
            "Spares vectors (biases, norms), position embeddings and class tokens from weight decay, as timm does unless \
             told otherwise; PyTorch's optimisers decay all.",
        ),
        Param::new(
            "clip_grad_norm",
            Kind::Float { min: 1e-6, max: 1e9 },
            Default::Absent,
            "Shortens a gradient that is longer than this, all weights taken as one vector \
             (torch.nn.utils.clip_grad_norm_). Helps a large head_lr and large margins through the first epochs.",
        ),
        Param::new(
            "accumulate",
            Kind::Int { min: 1, max: 1024 },
            Default::Absent,
            "Batches whose gradients are averaged into one step, for more photos a step than memory holds: the step of one \
             batch of batch × accumulate photos, except that batch norm, and losses that compare a batch's photos with \
             each other, see one batch at a time. Epochs, warm-up and schedule count such steps; what does not fill one is \
             left out.",
        )
        .unit("batches"),
        Param::new(
            "ema",
            Kind::Table(&[
                Param::new(
                    "decay",
                    Kind::Float { min: 0.0, max: 0.999_999 },
                    Default::Is(Literal::Float(0.999)),
                    "How much of the average stays in a step; it reaches back about 1 / (1 - decay) steps. timm's long \
                     trainings use 0.9998.",
                ),
                Param::new(
                    "warmup",
                    Kind::Bool,
                    Default::Is(Literal::Bool(true)),
                    "In step t (from 0) at most 1 - (1 + t)^(-2/3) stays, so that the average soon forgets the beginning.",
                ),
            ]),
            Default::Absent,
            "A moving average of all weights and running statistics is evaluated and kept in their place \
             (timm's ModelEmaV3). Smooths the last steps as a falling learning rate does; worth most with a constant one. \
             Costs the memory of the weights once more.",
        ),
        Param::new(
            "freeze",
            Kind::Text,
            Default::Absent,
            "The last part that does not learn, from the pictures on: \"stem\" (all before the first block), a stage or block \
             by timm's name (\"layer2\", \"stages.1\", \"blocks.5\"), or \"backbone\" (all but neck and loss). What is \
             frozen has no gradient and no weight decay, its batch norms keep their statistics, and no time is spent on its \
             way back. Good for a pretrained network and few photos.",
        ),
        Param::new(
            "unfreeze_at",
            Kind::Int { min: 1, max: 100_000 },
            Default::Absent,
            "Epochs after which everything learns; without it what is frozen stays so. A head that starts from noise then no \
             longer sends noise into pretrained weights (Google Universal Image Embedding 2022 1st: head alone first).",
        )
        .unit("epochs"),
        Param::new(
            "checkpoint",
            Kind::Bool,
            Default::Is(Literal::Bool(false)),
            "Keeps only each block's input for the way back and computes the rest again there: the same weights to the bit, \
             for much less memory and about a third more time (timm's set_grad_checkpointing).",
        ),
    ]),
    status: Status::Built,
};

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

/// Sharpness-aware minimisation. Later.
pub const SAM: Technique = Technique {
    name: "SAM",
    slot: "optimizer",
    about: "Looks for flat minima with a second pass at a disturbed place.",
    details: "",
    params: &[],
    source: "Foret et al. 2021, arXiv 2010.01412",
    status: Status::Later,
};

const WARMUP: Param = Param::new(
    "warmup_epochs",
    Kind::Float { min: 0.0, max: 1000.0 },
    Default::Is(Literal::Float(1.0)),
    "Epochs in which the rate rises in a straight line; may be a fraction.",
)
.unit("epochs");

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

/// Warm restarts. Later.
pub const COSINE_RESTARTS: Technique = Technique {
    name: "cosine-restarts",
    slot: "schedule",
    about: "Several cosines after each other.",
    details: "",
    params: &[],
    source: "torch.optim.lr_scheduler.CosineAnnealingWarmRestarts",
    status: Status::Later,
};
