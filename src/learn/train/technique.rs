//! What a recipe may write under `[train]`, and what a person should know before writing it.
//!
//! Constant rows for the reader, for help and for docs/reference.md, and the typed form that they
//! decode into. Names and defaults are PyTorch's.

use serde::Deserialize;

pub use super::optimizer::OptimizerSettings;
use super::optimizer::adamw::ADAMW;
use super::optimizer::lion::LION;
use super::optimizer::sam::SAM;
use super::optimizer::sgd::SGD;
use super::parts::StageSettings;
pub use super::schedule::ScheduleSettings;
use super::schedule::constant::{CONSTANT, CONSTANT_COOLDOWN};
use super::schedule::cosine::{COSINE, COSINE_RESTARTS};
use super::schedule::one_cycle::ONE_CYCLE;
use super::schedule::step::STEP;
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
    /// Whether photos are mirrored, and a mirrored one is of a class of its own.
    #[serde(default)]
    pub flip_as_new_class: bool,
    /// How weights follow gradients.
    pub optimizer: OptimizerSettings,
    /// How the learning rate moves.
    pub schedule: ScheduleSettings,
    /// When the network is evaluated.
    pub eval: EvalSettings,
    /// Whether the best epoch's weights count, and not the last's.
    #[serde(default)]
    pub load_best_model_at_end: bool,
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
    /// Stages, each of which starts from the end of the one before; see [`super::parts()`].
    #[serde(default)]
    pub stages: Vec<StageSettings>,
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

/// The decoded `eval`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvalSettings {
    /// Evaluate after every so many epochs, and always at the end of a run.
    pub every_epochs: usize,
    /// At most so many queries are looked up then.
    #[serde(default)]
    pub queries: Option<usize>,
    /// At most so many photos of the gallery they are looked up among, their answers always.
    #[serde(default)]
    pub gallery: Option<usize>,
}

/// The sections of this folder.
pub const SECTIONS: &[&Section] = &[&TRAIN];

/// The rows of the slots "optimizer" and "schedule".
pub const TECHNIQUES: &[&Technique] =
    &[&ADAMW, &SGD, &LION, &SAM, &COSINE, &CONSTANT, &CONSTANT_COOLDOWN, &ONE_CYCLE, &STEP, &COSINE_RESTARTS];

/// How a training is looked at.
const EVAL: &[Param] = &[
    Param::new(
        "every_epochs",
        Kind::Int { min: 1, max: 100_000 },
        Default::Is(Literal::Int(1)),
        "Evaluate after every so many epochs, and always at the end of a run.",
    )
    .unit("epochs"),
    Param::new(
        "queries",
        Kind::Int { min: 16, max: 10_000_000 },
        Default::Absent,
        "At most so many queries are looked up then, the same for all recipes (all); 1000 tell a difference of 0.02 as a rule. The \
         score at the end of a rung is over all of them.",
    )
    .unit("photos"),
    Param::new(
        "gallery",
        Kind::Int { min: 16, max: 10_000_000 },
        Default::Absent,
        "Among at most so many photos, their answers always among them (all). What costs time is to embed the gallery, so this makes an \
         evaluation cheap. Its score is higher than that of the whole gallery: recipes are compared only where this is the same.",
    )
    .unit("photos"),
];

/// What a stage may say.
const STAGE: &[Param] = &[
    Param::new(
        "epochs",
        Kind::Int { min: 1, max: 100_000 },
        Default::Required,
        "Epochs of the stage.",
    )
    .unit("epochs"),
    Param::new(
        "size",
        Kind::Either(&[
            Kind::Int { min: 8, max: 4096 },
            Kind::List { of: &Kind::Int { min: 8, max: 4096 }, min: 2, max: 2 },
        ]),
        Default::Absent,
        "Output size of the pictures, or height and width, in place of [augment]'s; operations before the last that has a size are \
         scaled with it.",
    )
    .unit("pixels"),
    Param::new("lr", Kind::Float { min: 0.0, max: 100.0 }, Default::Absent, "Base learning rate of the optimiser."),
    Param::new("batch", Kind::Int { min: 2, max: 65_536 }, Default::Absent, "Photos per step.").unit("photos"),
    Param::new(
        "schedule",
        Kind::OneOf { tag: "name", slot: "schedule" },
        Default::Absent,
        "How the learning rate moves over the stage.",
    ),
    Param::new(
        "freeze",
        Kind::Text,
        Default::Absent,
        "The last part that does not learn in this stage; \"none\": everything learns.",
    ),
];

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
            "flip_as_new_class",
            Kind::Bool,
            Default::Unsaid(Literal::Bool(false)),
            "Mirrors each training photo left and right with chance 0.5, and a mirrored photo belongs to a label of its own: of n \
             labels the loss has 2n classes, label c mirrored is class n + c. For things whose mirror image is another thing \
             (whale flukes, profiles, writing): the network has to tell the sides apart, and learns from twice as many classes, of \
             which each counts as having its label's photos (margins by count, class_weights). The draw follows from seed, epoch and \
             slot; it comes before [augment] train, which may not mirror as well: HorizontalFlip and VerticalFlip are refused. Coarse \
             labels, samplers and evaluation are as without. Humpback Whale Identification 2019 1st (earhian): +0.006. Fails where \
             both sides look alike (bottles, symmetric labels): the head parts what nobody can; take HorizontalFlip there. Cost: a head \
             twice as large, and half as many photos of each class an epoch.",
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
            Kind::Table(EVAL),
            Default::Is(Literal::Table(&[("every_epochs", Literal::Int(1))])),
            "When the network is evaluated; changes no weight.",
        ),
        Param::new(
            "load_best_model_at_end",
            Kind::Bool,
            Default::Unsaid(Literal::Bool(false)),
            "Whether photos are embedded by the weights of the epoch that scored best on the fold, and not by the last ones \
             (transformers' TrainingArguments). Both are kept, so this trains nothing again. With a schedule that falls to zero the last \
             epoch is the best one as a rule, and choosing by the score flatters it: the best of n noisy numbers is too high.",
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
            Default::Unsaid(Literal::Float(1.0)),
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
            Default::Unsaid(Literal::Int(1)),
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
        Param::new(
            "stages",
            Kind::List { of: &Kind::Table(STAGE), min: 1, max: 16 },
            Default::Absent,
            "Trains in stages, each from the end of the one before: stages = [{ size = 128, epochs = 8 }, { size = 224, epochs = 3, \
             lr = 3e-5 }] learns for 8 epochs on small pictures, where a photo costs a third, and for 3 on large ones. Each stage is a step of \
             its own in the plan, `fit fold 0 stage 1 of 2`, whose checkpoint is kept: a change of the second stage trains the \
             first no more. Weights, running statistics and the loss's head go on; optimiser, schedule, warm-up and ema begin anew. What a \
             stage does not say is as in [train]; epochs are their sum. Evaluation is at the last stage's size \
             from the start, unless [augment] eval is written. Landmark 2020 recognition 3rd: 256 (10 epochs, 1e-4), 512 (16, \
             5e-5), 768 (1, 1e-5); Google Universal Image Embedding 2022 1st: freeze first, then everything at a tenth of the rate.",
        ),
    ]),
    status: Status::Built,
};
