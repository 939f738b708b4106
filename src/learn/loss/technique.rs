//! What a recipe may write under `[loss]`, and what a person should know before writing it.
//!
//! Constant rows for the reader, for help and for docs/reference.md, and the typed form that the
//! rows' values decode into. Names and defaults are pytorch-metric-learning's (2.9) and PyTorch's.
//! Values of winners are from their write-ups and repositories, named where they stand.

use serde::Deserialize;

use crate::book::technique::{Body, Default, Kind, Literal, Param, Section, Status, Technique};

/// The decoded `[loss]` table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "name", deny_unknown_fields)]
pub enum LossSettings {
    /// See [`CROSS_ENTROPY`].
    CrossEntropyLoss {
        /// Share of the target spread over all classes.
        label_smoothing: f64,
    },
    /// See [`NORMALIZED_SOFTMAX`].
    NormalizedSoftmaxLoss {
        /// Divides the cosines.
        temperature: f64,
        /// Deviation of the head's first values.
        init_std: f64,
    },
    /// See [`ARCFACE`].
    ArcFaceLoss {
        /// Degrees.
        margin: f64,
        /// Multiplies the cosines.
        scale: f64,
        /// Deviation of the head's first values.
        init_std: f64,
    },
}

/// The section of this folder.
pub const SECTIONS: &[&Section] = &[&LOSS];

/// `[loss]`.
pub const LOSS: Section = Section {
    name: "loss",
    about: "What the network is asked to do better; decides more than the size of the network.",
    body: Body::OneOf { tag: "name", slot: "loss" },
    status: Status::Built,
};

/// The rows of the slot "loss".
pub const TECHNIQUES: &[&Technique] = &[
    &CROSS_ENTROPY,
    &NORMALIZED_SOFTMAX,
    &ARCFACE,
    &COSFACE,
    &SUB_CENTER_ARCFACE,
    &CONTRASTIVE,
    &TRIPLET,
    &MULTI_SIMILARITY,
    &CIRCLE,
    &PROXY_ANCHOR,
];

const INIT_STD: Param = Param::new(
    "init_std",
    Kind::Float { min: 1e-6, max: 10.0 },
    Default::Is(Literal::Float(0.01)),
    "Deviation of the normal draws that the head starts with. Only directions count in this loss, but a short vector \
     turns faster under AdamW's steps: 0.01 is ArcFace's own code, 1.0 pytorch-metric-learning's default.",
);

/// Softmax over a linear classifier.
pub const CROSS_ENTROPY: Technique = Technique {
    name: "CrossEntropyLoss",
    slot: "loss",
    about: "A plain classifier over the training labels: the baseline.",
    details: "A linear layer (one weight vector and one bias per label) turns the embedding x into one number per \
label, z_j = w_j·x + b_j. The loss of a photo of label y is -log(exp(z_y) / sum_j exp(z_j)): it is 0 when the right \
label gets all the probability, and log(n) for a network that knows nothing about n labels. Watch for that number in \
the first epoch: a loss that starts far above log(n) points to a wrong setting.

After training the layer is dropped and embeddings are compared by cosine. That works, but the loss never asked for \
it: an embedding may lower the loss by growing longer instead of turning, and two labels need only lie on different \
sides of a plane, not apart. Use it as the baseline that a better loss has to beat.

label_smoothing takes a share of the target's probability and spreads it over all labels. For retrieval it is mostly \
useless or worse: no gain in a sake-label study (0.5038 to 0.5057 MRR for all variants, noise), minus 0.23 points for \
the 2nd place of Google Landmark Retrieval 2021.

Fails when most labels have one or two photos: a linear layer then learns the photos by heart.",
    params: &[Param::new(
        "label_smoothing",
        Kind::Float { min: 0.0, max: 0.99 },
        Default::Is(Literal::Float(0.0)),
        "Share of the target's probability that is spread over all labels.",
    )],
    source: "torch.nn.Linear and torch.nn.CrossEntropyLoss (PyTorch 2)",
    status: Status::Built,
};

/// Softmax over cosines.
pub const NORMALIZED_SOFTMAX: Technique = Technique {
    name: "NormalizedSoftmaxLoss",
    slot: "loss",
    about: "A classifier over cosines: trains what the search will compare.",
    details: "The embedding x and each label's vector w_j are divided by their lengths; what is left is the cosine of \
the angle between them. The loss is the softmax cross-entropy of cos(x, w_j) / temperature. Length no longer helps, so \
the network has to turn embeddings towards their label, which is what cosine search measures later.

temperature sets how sharp the softmax is. A cosine lies in -1..1, and without a small temperature the best possible \
loss would still be far from 0. 0.05 equals a scale of 20 in ArcFaceLoss (scale = 1 / temperature, margin 0). A lower \
temperature lets easy photos rest and works on hard ones; too low (below about 0.01) and the loss follows a few wrong \
labels.

A good second baseline; ArcFaceLoss with the same scale adds the margin and is usually better.",
    params: &[
        Param::new(
            "temperature",
            Kind::Float { min: 1e-4, max: 100.0 },
            Default::Is(Literal::Float(0.05)),
            "Divides the cosines; smaller is sharper.",
        ),
        INIT_STD,
    ],
    source: "pytorch_metric_learning.losses.NormalizedSoftmaxLoss; Zhai and Wu 2019, arXiv 1811.12649",
    status: Status::Built,
};

/// Additive angular margin.
pub const ARCFACE: Technique = Technique {
    name: "ArcFaceLoss",
    slot: "loss",
    about: "A classifier over angles in which the right label must win by a margin; the field's first choice.",
    details: "As NormalizedSoftmaxLoss, the embedding and each label's vector are compared by their angle t_j. Before \
the softmax, the angle to the photo's own label is made larger by the margin: its logit is scale·cos(t_y + margin), \
the others' are scale·cos(t_j). A photo therefore counts as right only when its own label is nearer than every other \
by at least the margin, and labels are pushed apart until there is room between them. New labels then fall into the \
gaps, which is why it works for search among labels that training never saw. (Where t_y + margin passes 180 degrees, \
cos(t_y) - margin·sin(margin) is used, so that the loss keeps falling with the angle.)

margin, in degrees: how wide the gap should be. Too small and nothing is gained over the plain softmax, too large and \
the network cannot satisfy it: the loss stays high and MRR falls, first on labels with few or wrong photos. scale: how \
sharp the softmax is; small scales leave a loss that cannot reach 0, large ones look only at the worst photos. The two \
move together, and the pair decides more than the backbone: the spread over a grid of twelve was 0.066 MRR.

Values that won: sake labels, grid at 128 pixels: margin 17.2 degrees (0.3 rad) with scale 30 best at 0.6947 MRR, \
0.3 rad / 40: 0.6934, 0.5 / 30: 0.6877, 0.8 / 30: 0.6636, 0.3 / 10: 0.6503. Google Landmark Retrieval 2019 1st: 0.3 / 30. \
Google Landmark Recognition 2020 1st: 0.3 to 0.4 / 45; 2021 1st: 0.3 / 45 with sub-centres. Shopee 2021 1st: 0.8 to 1.0 \
on images, grown from 0.2. Open-image 2022 1st (ViT-H): 0.5 / 30. The defaults, 28.6 degrees and 64, are the library's \
and were made for faces: millions of photos, hundreds for each person. Start with 17.2 and 30.

Fails when labels have one photo each, and when many labels are wrong (try a smaller margin, or clean them first). A \
loss that does not fall at all in the first epochs: warm up longer, or lower the margin.",
    params: &[
        Param::new(
            "margin",
            Kind::Float { min: 0.0, max: 180.0 },
            Default::Is(Literal::Float(28.6)),
            "Angle by which the right label must win; 17.2 is a good start.",
        )
        .unit("degrees"),
        Param::new(
            "scale",
            Kind::Float { min: 0.1, max: 1000.0 },
            Default::Is(Literal::Float(64.0)),
            "Multiplies the cosines before the softmax; 30 is a good start.",
        ),
        INIT_STD,
    ],
    source: "pytorch_metric_learning.losses.ArcFaceLoss; Deng et al. 2019, arXiv 1801.07698",
    status: Status::Built,
};

/// A row that is recognised and not built.
const fn later(name: &'static str, about: &'static str, source: &'static str) -> Technique {
    Technique { name, slot: "loss", about, details: "", params: &[], source, status: Status::Later }
}

/// Additive cosine margin.
pub const COSFACE: Technique = later(
    "CosFaceLoss",
    "As ArcFaceLoss, with the margin taken from the cosine.",
    "Wang et al. 2018, arXiv 1801.09414",
);
/// Several directions per label.
pub const SUB_CENTER_ARCFACE: Technique = later(
    "SubCenterArcFaceLoss",
    "ArcFaceLoss with several directions per label, so that odd photos find one of their own.",
    "Deng et al. 2020, ECCV",
);
/// Pairs pulled together or apart.
pub const CONTRASTIVE: Technique = later(
    "ContrastiveLoss",
    "Pairs: pulls equal labels together and pushes others apart.",
    "Hadsell et al. 2006, CVPR",
);
/// Triplets.
pub const TRIPLET: Technique = later(
    "TripletMarginLoss",
    "Triplets: the equal photo must be nearer than the other.",
    "Schroff et al. 2015, arXiv 1503.03832",
);
/// Weighted pairs.
pub const MULTI_SIMILARITY: Technique =
    later("MultiSimilarityLoss", "Pairs, weighted by how hard they are.", "Wang et al. 2019, arXiv 1904.06627");
/// Pairs with their own pace.
pub const CIRCLE: Technique =
    later("CircleLoss", "Pairs, each weighted by how far it is from its optimum.", "Sun et al. 2020, arXiv 2002.10857");
/// Proxies as anchors.
pub const PROXY_ANCHOR: Technique = later(
    "ProxyAnchorLoss",
    "One proxy per label, compared with the whole batch.",
    "Kim et al. 2020, arXiv 2003.13911",
);
