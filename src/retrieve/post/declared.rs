//! The table `[post]` and its steps, as recipes may write them.
//!
//! One row is the whole truth about a step: parameters with default and range, the paper, and
//! whether it is built. Steps of status `Later` are recognised, so that a recipe that names one
//! hears "not built yet" and not "unknown".

use crate::book::technique::{Body, Default, Kind, Literal, Param, Section, Status, Technique};

/// `[post]`.
pub const SECTIONS: &[&Section] = &[&Section {
    name: "post",
    about: "What happens to embeddings before they are ranked by cosine.",
    body: Body::Params(&[Param::new(
        "steps",
        Kind::List { of: &Kind::OneOf { tag: "op", slot: "post" }, min: 0, max: 32 },
        Default::Is(Literal::List(&[])),
        "Steps in the order in which they run; without any, photos are ranked by plain cosine.",
    )]),
    status: Status::Built,
}];

/// The steps that go by the labels of training photos. Where no label of the test occurs in training (folds by group) they
/// have nothing to say; a recipe that has one there is refused before anything runs.
const BY_LABELS: &[&str] = &["sort-insert", "bridge", "coarse-agreement"];

/// Whether a step goes by the labels of training photos.
pub fn goes_by_labels(op: &str) -> bool {
    BY_LABELS.contains(&op)
}

const ALPHA_QE_K: i64 = 3;
const ALPHA_QE_ALPHA: f64 = 3.0;

pub(super) fn alpha_qe_k() -> usize {
    ALPHA_QE_K as usize
}

pub(super) fn alpha_qe_alpha() -> f64 {
    ALPHA_QE_ALPHA
}

const fn later(name: &'static str, about: &'static str, params: &'static [Param], source: &'static str) -> Technique {
    Technique { name, slot: "post", about, details: "", params, source, status: Status::Later }
}

/// The steps of slot "post".
pub const TECHNIQUES: &[&Technique] = &[
    &Technique {
        name: "l2",
        slot: "post",
        about: "Divides each embedding by its L2 norm.",
        details: "x ← x / ‖x‖₂. Ranking does this by itself, so `l2` matters only before another step: PCA of unit \
                  vectors is not the PCA of raw ones. A zero row stays zero.",
        params: &[],
        source: "torch.nn.functional.normalize",
        status: Status::Built,
    },
    &Technique {
        name: "pca",
        slot: "post",
        about: "Keeps the directions of greatest variance, whitened if asked.",
        details: "x ← (x - mean) · Wᵀ with the first `dim` eigenvectors of the covariance, as \
                  sklearn.decomposition.PCA and faiss.PCAMatrix. With whiten, each direction is divided by the square \
                  root of its variance (n - 1 in the denominator). The sign of a direction is fixed: its entry of \
                  greatest magnitude is positive. No L2 follows, as in both libraries; ranking is by cosine \
                  anyway.\n\nFitted on the gallery, or on gallery and queries together. Whitening needs clearly more \
                  photos than dim: the last directions are noise that it blows up.",
        params: &[
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
        source: "sklearn.decomposition.PCA; Jégou and Chum, ECCV 2012",
        status: Status::Built,
    },
    &Technique {
        name: "alpha-qe",
        slot: "post",
        about: "Moves each query towards its best neighbours, weighted by similarity.",
        details: "q ← L2(q + Σ sᵢ^alpha · gᵢ) over the k nearest gallery photos, sᵢ their cosine; the query itself \
                  has weight 1, a neighbour with a cosine of 0 or less has none. Rows are L2-normalised first; the \
                  gallery stays. alpha = 0 is average query expansion (AQE). It helps where a query has several right \
                  answers and the first are mostly right, and hurts where they are not.",
        params: &[
            Param::new(
                "k",
                Kind::Int { min: 1, max: 10_000 },
                Default::Is(Literal::Int(ALPHA_QE_K)),
                "Neighbours that join (nQE in the paper).",
            ),
            Param::new(
                "alpha",
                Kind::Float { min: 0.0, max: 100.0 },
                Default::Is(Literal::Float(ALPHA_QE_ALPHA)),
                "Power of a neighbour's cosine.",
            ),
        ],
        source: "Radenović, Tolias, Chum, Fine-tuning CNN Image Retrieval with No Human Annotation, TPAMI 2019",
        status: Status::Built,
    },
    &later(
        "k-reciprocal",
        "Re-ranks by the Jaccard distance of k-reciprocal neighbours.",
        &[
            Param::new("k1", Kind::Int { min: 1, max: 1000 }, Default::Is(Literal::Int(20)), "Neighbours looked at."),
            Param::new("k2", Kind::Int { min: 1, max: 1000 }, Default::Is(Literal::Int(6)), "Neighbours averaged."),
            Param::new(
                "lambda",
                Kind::Float { min: 0.0, max: 1.0 },
                Default::Is(Literal::Float(0.3)),
                "Weight of the original distance.",
            ),
        ],
        "Zhong et al., CVPR 2017",
    ),
    &later("aqe", "Average query expansion: alpha-qe with alpha = 0.", &[], "Chum et al., ICCV 2007"),
    &later("dba", "Moves each gallery photo towards its neighbours.", &[], "Arandjelović and Zisserman, CVPR 2012"),
    &later("inb", "Iterative neighbour blending in three stages.", &[], "Shopee Price Match 2021, first place"),
    &later("whiten-supervised", "Whitening learnt from matching pairs.", &[], "Mikolajczyk and Matas, ICCV 2007"),
    &later("diffusion", "Spreads similarity over the gallery's neighbour graph.", &[], "Iscen et al., CVPR 2017"),
    &later("csls", "Lowers hubs: photos that are near to everything.", &[], "Conneau et al., ICLR 2018"),
    &later("inverted-softmax", "Lowers hubs by normalising over queries.", &[], "Smith et al., ICLR 2017"),
    &later("negative-subtraction", "Subtracts the nearest negative embeddings.", &[], "ISC21 descriptor, first place"),
    &later(
        "sort-insert",
        "Label-aware: lifts photos whose voted label is the query's.",
        &[],
        "Landmark 2019, Yokoo et al.",
    ),
    &later("bridge", "Label-aware: confidence over the labelled photos between.", &[], "Landmark 2021, fifth place"),
    &later("non-target-penalty", "Lowers photos that resemble known non-targets.", &[], "Landmark 2020, first place"),
    &later("coarse-agreement", "Prefers photos whose coarse label agrees.", &[], "Landmark 2021, second place"),
    &later("spatial-check", "Compares local patches of the best candidates.", &[], "Philbin et al., CVPR 2007"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_by_labels_are_steps() {
        let is_step = |name: &&&str| TECHNIQUES.iter().any(|row| row.name == **name);
        assert_eq!(BY_LABELS.iter().find(|name| !is_step(name)), None);
        assert!(goes_by_labels("bridge") && !goes_by_labels("pca"));
    }
}
