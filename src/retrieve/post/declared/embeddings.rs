//! Rows of the steps that change embeddings.
//!
//! Each says its formula, what its parameters do, whose values are known, when it fails and what it costs.

use super::{count, default, number, row};
use crate::book::technique::{Default, Kind, Literal, Param, Technique};

pub(super) const TTA: Technique = row(
    "tta",
    "Test-time augmentation: the mean over several views of each photo.",
    "x ← L2(mean over views v of L2(network(v(photo)))), over every combination of scales, angles and flips, for queries and gallery alike. A \
     feature that only one view shows counts less than one that all show.\n\nScales 0.707, 1 and 1.414 are cirtorch's and those of Landmark \
     2019's first place (GeM networks trained at one size see small and large things better so); hflip is what most winners \
     with symmetric objects use (HappyWhale 2022: both sides). Do not mirror print: a mirrored label is another label, unless \
     the network was trained with HorizontalFlip. A larger picture is made of the photo's own pixels. angles turn the picture about its \
     middle and leave black corners, which a network that never saw them may dislike.\n\nCost: each view embeds all photos once more, scale² \
     times as long; each is kept, so that another combination embeds what is new alone. First in the chain, since it works on photos; \
     training photos that label-aware steps go by have the plain view.",
    &[
        Param::new("hflip", Kind::Bool, default::TTA_HFLIP, "Whether each view is there mirrored too."),
        Param::new(
            "vflip",
            Kind::Bool,
            Default::Is(Literal::Bool(false)),
            "Whether each view is there upside down too.",
        ),
        Param::new(
            "scales",
            Kind::List { of: &Kind::Float { min: 0.25, max: 4.0 }, min: 1, max: 8 },
            default::TTA_SCALES,
            "Sides of the picture over those of evaluation.",
        ),
        Param::new(
            "angles",
            Kind::List { of: &Kind::Float { min: -180.0, max: 180.0 }, min: 1, max: 8 },
            default::TTA_ANGLES,
            "Angles by which it is turned, counter-clockwise.",
        )
        .unit("degrees"),
    ],
    "Landmark retrieval 2019, first place (eval_retrieval.py); cirtorch extract_ms; ttach",
);

pub(super) const L2: Technique = row(
    "l2",
    "Divides each embedding by its L2 norm.",
    "x ← x / ‖x‖₂. Ranking does this by itself, so `l2` matters only before another step: PCA of unit vectors is not the \
     PCA of raw ones. A zero row stays zero.",
    &[],
    "torch.nn.functional.normalize",
);

pub(super) const PCA: Technique = row(
    "pca",
    "Keeps the directions of greatest variance, whitened if asked.",
    "x ← (x - mean) · Wᵀ with the first `dim` eigenvectors of the covariance, as sklearn.decomposition.PCA and \
     faiss.PCAMatrix. With whiten, each direction is divided by the square root of its variance (n - 1 in the \
     denominator). The sign of a direction is fixed: its entry of greatest magnitude is positive. No L2 follows, as in \
     both libraries; ranking is by cosine anyway.\n\nFitted on the gallery, or on gallery and queries together. Whitening \
     needs clearly more photos than dim: the last directions are noise that it blows up.",
    &[
        Param::new("dim", Kind::Int { min: 1, max: 65_536 }, Default::Required, "Directions that are kept."),
        Param::new(
            "whiten",
            Kind::Bool,
            Default::Is(Literal::Bool(false)),
            "Whether each direction is scaled to variance 1.",
        ),
        Param::new(
            "fit",
            Kind::Choice(&["gallery", "both"]),
            Default::Is(Literal::Text("gallery")),
            "Whose mean and covariance: the gallery's, or gallery and queries together.",
        ),
    ],
    "sklearn.decomposition.PCA; Jégou and Chum, ECCV 2012",
);

pub(super) const WHITEN_SUPERVISED: Technique = row(
    "whiten-supervised",
    "Whitening learnt from pairs of training photos with one label.",
    "x ← L2(P (x - m)). Photos of one label differ by lighting, angle and background; these differences, over pairs of training \
     photos, have the covariance S = L Lᵀ. P first makes them equally large in all directions (L⁻¹), then turns to the \
     directions in which all training photos differ most, and keeps `dim` of these. So a direction that tells labels apart \
     counts more than one that only tells shots apart, which plain PCA cannot know.\n\nPairs: each photo and the next one of its \
     label, the last with the first; m is the mean of the first photos of all pairs. Where S has no root, 1e-10 (times a \
     power of ten) is added to its diagonal, as in cirtorch. Needs the embeddings of training photos, and more pairs than the \
     embedding has numbers; a network that was trained on these very photos has them too close together, so that \
     held-out labels are the better teachers. Helps networks trained with contrastive losses and GeM (Radenović et al.); \
     with ArcFace it often changes nothing (HappyWhale 2022, third place, and Universal Embedding 2022 report no gain of PCA). \
     Cost: one pass over the training photos and d³ operations, some seconds at d = 2048.",
    &[Param::new("dim", Kind::Int { min: 1, max: 65_536 }, Default::Required, "Directions that are kept.")],
    "cirtorch whitenlearn; Mikolajczyk and Matas, ICCV 2007; Radenović, Tolias, Chum, TPAMI 2019",
);

pub(super) const AQE: Technique = row(
    "aqe",
    "Average query expansion: moves each query to the mean of itself and its best neighbours.",
    "q ← L2(q + Σ gᵢ) over the k nearest gallery photos with a cosine above 0: `alpha-qe` with alpha = 0. The gallery stays. One \
     wrong neighbour weighs as much as a right one, so k must be below the number of right answers that a query has; where there are \
     one or two, leave it out. PyRetri takes k = 10; the eighth place of the sake competition tried alpha-qe instead and \
     found it \"not very good\". Cost: one more search.",
    &[count("k", 10_000, default::AQE_K, "Neighbours that join.")],
    "Chum et al., Total Recall, ICCV 2007; PyRetri QE",
);

pub(super) const ALPHA_QE: Technique = row(
    "alpha-qe",
    "Moves each query towards its best neighbours, weighted by similarity.",
    "q ← L2(q + Σ sᵢ^alpha · gᵢ) over the k nearest gallery photos, sᵢ their cosine; the query itself has weight 1, a \
     neighbour with a cosine of 0 or less has none. Rows are L2-normalised first; the gallery stays. alpha = 0 is \
     average query expansion (AQE). It helps where a query has several right answers and the first are mostly right, \
     and hurts where they are not.",
    &[
        count("k", 10_000, default::ALPHA_QE_K, "Neighbours that join (nQE in the paper)."),
        number("alpha", 0.0, 100.0, default::ALPHA_QE_ALPHA, "Power of a neighbour's cosine."),
    ],
    "Radenović, Tolias, Chum, Fine-tuning CNN Image Retrieval with No Human Annotation, TPAMI 2019",
);

pub(super) const DBA: Technique = row(
    "dba",
    "Database augmentation: moves each gallery photo towards its neighbours in the gallery.",
    "g ← L2(g + Σ sᵢ^alpha · gᵢ) over the k nearest other gallery photos: alpha query expansion, with each gallery photo as the \
     query. Photos of one label draw together, and a badly lit one is found through its better siblings. alpha = 0 is the plain \
     mean of the paper. Queries stay; put `alpha-qe` behind it to move them too.\n\nThe first place of Landmark 2019 took the ten \
     nearest with the photo itself (here k = 9) and alpha = 3, and reports that DBA helped in the first stage of that competition \
     and not in the second; the fifth place of Landmark 2021 kept it before its bridges; in HappyWhale 2022 it did not help. It \
     fails where labels have fewer photos than k: then it draws strangers together. Cost: gallery × gallery products, about a \
     minute for 100,000 photos of 512 numbers on two cores.",
    &[
        count("k", 10_000, default::DBA_K, "Neighbours that join, without the photo itself."),
        number("alpha", 0.0, 100.0, default::DBA_ALPHA, "Power of a neighbour's cosine."),
    ],
    "Arandjelović and Zisserman, CVPR 2012; qe_dba of Landmark 2019, first place",
);

pub(super) const INB: Technique = row(
    "inb",
    "Iterative neighbour blending: everybody moves towards the neighbours above a threshold, several times.",
    "In each stage x ← L2(x + Σ sᵢ xᵢ) over the k nearest with a cosine sᵢ above the stage's threshold, for queries and gallery together \
     (a photo of both counts once, with the gallery's row); then neighbours are looked for anew. It is query expansion and \
     database augmentation at once, and a threshold instead of a number says who joins, so that a label with two photos and one \
     with fifty are both served.\n\nWith min2 the nearest joins also below the threshold: in that competition each photo had at least \
     one partner. The first place of Shopee 2021 took k = 51 with the photo itself and three stages, tuned thresholds on \
     held-out groups, and went from .776 to .784 by it, to .793 with thresholds tuned together. The thresholds depend on the \
     network and its margin; 0.5 is where to begin, not what they used. Too low a threshold joins labels to one cloud, and each stage \
     makes it worse. Cost: a search of all among all for each stage.",
    &[
        count("k", 10_000, default::INB_K, "Neighbours looked at, without the photo itself."),
        Param::new(
            "thresholds",
            Kind::List { of: &Kind::Float { min: -1.0, max: 1.0 }, min: 1, max: 10 },
            default::INB_THRESHOLDS,
            "Least cosine of a neighbour that joins, one for each stage.",
        ),
        Param::new("min2", Kind::Bool, default::INB_MIN2, "Whether the nearest joins also below the threshold."),
    ],
    "Shopee Price Match 2021, first place",
);

pub(super) const NEGATIVE_SUBTRACTION: Technique = row(
    "negative-subtraction",
    "Takes away from each photo what it shares with its nearest negatives.",
    "x ← L2(x - beta · mean of the k nearest negatives), `iterations` times, for queries and gallery. Negatives are photos that are an \
     answer to no query; each is first averaged with its own neighbours (L2(Σ sᵢ^dba_alpha nᵢ) over the dba_k nearest, itself included). \
     What a photo has in common with them (a background, a frame, a kind of picture) cannot help to find its answer, and after the \
     subtraction no longer pulls unrelated photos together.\n\nNegatives are the known non-targets where there are any, otherwise the \
     training photos: right where the test's labels do not occur in training, as in the image similarity challenge, and wrong where \
     they do, since it then takes away what the answer looks like. The first place of ISC21 used these defaults and had a local AP \
     of .9479. Cost: a search of both sides among the negatives, and one of the negatives among themselves.",
    &[
        count("k", 10_000, default::NEGATIVE_K, "Negatives whose mean is taken away."),
        number("beta", 0.0, 10.0, default::NEGATIVE_BETA, "How much of the mean is taken away."),
        count("iterations", 100, default::NEGATIVE_ITERATIONS, "How often, with negatives looked for anew."),
        count(
            "dba_k",
            10_000,
            default::NEGATIVE_DBA_K,
            "Negatives in a negative's average, itself included; 1 for none.",
        ),
        number("dba_alpha", 0.0, 100.0, default::NEGATIVE_DBA_ALPHA, "Power of the cosine in that average."),
    ],
    "Image similarity challenge 2021 (ISC21), descriptor track, first place",
);
