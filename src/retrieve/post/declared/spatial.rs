//! The row of the step that looks at the photos' places.
//!
//! Its last three parameters say which descriptors are kept, and so what is embedded; the others only how they are compared.

use super::{count, default, number, row};
use crate::book::technique::{Default, Kind, Literal, Param, Technique};

pub(super) const SPATIAL_CHECK: Technique = row(
    "spatial-check",
    "Lifts the best candidates whose places agree with the query's on one movement.",
    "score ← score + weight · agreeing places / places of a photo, for the first `depth` of each list. Places are the cells of one of the backbone's \
     feature maps (the patches of a ViT) at evaluation's size. A cell of the query and one of the candidate belong together where each is the \
     other's nearest with a cosine of at least `threshold`; they agree where one transformation takes the first to within \
     `residual_threshold` cells of the second. It is found by RANSAC: a transformation through every sample of the pairs (1 for translation, 2 for \
     similarity, 3 for affine), or through `max_trials` drawn ones where there are more, and the one that most pairs agree with is fitted \
     to these again. Transformations that mirror, or scale any direction by more than `max_scale`, do not count, nor as few pairs as a \
     sample has. Candidates below `depth` stay as they are; of equal scores the photo that stands first in the gallery goes first.\n\nAn \
     embedding says what is in a photo and not where: two photos with the same parts in another order look alike to it. This step asks for the \
     same parts in the same order. Defaults: a cosine of 0.6 is DELG's distance of 0.9, 1000 trials are DELG's, 1.5 cells and the division by \
     the number of places are Patch-NetVLAD's, 40 numbers a place DELF's; DELG re-ranks the first 100 by inliers alone (weight = 100 does that), \
     the host's baseline of Landmark 2020 added them to the cosine. affine is DELG's model; translation suits photos from one stand. DELF and \
     DELG look at the map before the last, which is finer (out_index = -2), and train it for the purpose, which is not done here. Patches of a \
     photo are those with the longest vectors (HOW), where there are more than `patches`.\n\nIt fails where things are not rigid (clothes, animals), \
     where only a class is asked for, and on coarse maps. Measured on groceries (1,050 photos of labels that ResNet-18 had not \
     learnt, each among all others, 96 pixels, ArcFace from random weights; MRR@20 .880 without): the last map, 3 × 3, loses (.869 with weight .25, \
     .850 with 1), the one before, 6 × 6, gives .916 and .918, the one before that, 12 × 12, .918 and .944. Packages are as rigid as things get, and \
     weights from scratch leave more to gain than others; measure it with toji post. A finer map costs with the square of its places. A ViT without registers has \
     long vectors at places without meaning, so keep all of them. It refuses a map of fewer than 3 × 3 places; every backbone has a last one, a ViT no other. With \
     several networks (a submission of all folds) the shares are averaged; with tta, places are those of the plain view.\n\nCost: all queries and all \
     gallery photos go through the network once more, and what is kept is a stage of its own, patches · (dim + 2) bytes a photo (49 places \
     of 40 numbers: 2 kB, 226 MB for 110,000 photos, which the plan says beforehand); out_index, dim and patches change it, the other parameters only \
     compare anew. Then some 0.1 ms for each candidate of each query. An ensemble's members have it in their own recipes.",
    &[
        count("depth", 100, default::SPATIAL_DEPTH, "Candidates of each query, from the first."),
        number("threshold", -1.0, 1.0, default::SPATIAL_THRESHOLD, "Least cosine of two places that belong together."),
        Param::new(
            "model",
            Kind::Choice(&["translation", "similarity", "affine"]),
            Default::Is(Literal::Text("similarity")),
            "What may happen between two photos: moved; turned and scaled too; any linear map.",
        ),
        number(
            "residual_threshold",
            0.0,
            100.0,
            default::SPATIAL_RESIDUAL_THRESHOLD,
            "How far a place may lie from where it should be.",
        )
        .unit("cells"),
        count(
            "max_trials",
            1_000_000,
            default::SPATIAL_MAX_TRIALS,
            "Samples tried a candidate; where there are no more, all are.",
        ),
        number(
            "max_scale",
            1.0,
            100.0,
            default::SPATIAL_MAX_SCALE,
            "How much larger or smaller a thing may be, in any direction.",
        ),
        number("weight", 0.0, 1000.0, default::SPATIAL_WEIGHT, "Weight of the share of places that agree."),
        Param::new(
            "out_index",
            Kind::Int { min: -8, max: -1 },
            default::SPATIAL_OUT_INDEX,
            "Which of the backbone's maps: -1 is the last, -2 the one before.",
        ),
        count("dim", 1024, default::SPATIAL_DIM, "Numbers that are kept of a place, after PCA."),
        count(
            "patches",
            4096,
            default::SPATIAL_PATCHES,
            "Places that are kept of a photo, those with the longest vectors first.",
        ),
    ],
    "Philbin et al., CVPR 2007; Noh et al., ICCV 2017 (DELF); Cao, Araujo and Sim, ECCV 2020 (DELG); Hausler et al., CVPR 2021 (Patch-NetVLAD)",
);
