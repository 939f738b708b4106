//! The table `[post]` and its steps, as recipes may write them.
//!
//! One row is the whole truth about a step: parameters with default and range, the paper, and whether it is built. Steps of status
//! `Later` are recognised, so that a recipe that names one hears "not built yet" and not "unknown". Rows stand by what a step
//! does: `embeddings` changes embeddings, `rankers` rank the whole gallery, `labels` change scores and lists, mostly by labels, and `spatial`
//! looks at the photos' places.

pub(super) mod default;
mod embeddings;
mod labels;
mod rankers;
mod spatial;

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
const BY_LABELS: &[&str] = &["sort-insert", "bridge", "coarse-agreement", "class-logits"];

/// Whether a step goes by the labels of training photos.
pub fn goes_by_labels(op: &str) -> bool {
    BY_LABELS.contains(&op)
}

/// A row of slot "post".
const fn row(
    name: &'static str,
    about: &'static str,
    details: &'static str,
    params: &'static [Param],
    source: &'static str,
) -> Technique {
    Technique { name, slot: "post", about, details, params, source, status: Status::Built }
}

const fn count(name: &'static str, most: i64, default: Default, about: &'static str) -> Param {
    Param::new(name, Kind::Int { min: 1, max: most }, default, about)
}

const fn number(name: &'static str, min: f64, max: f64, default: Default, about: &'static str) -> Param {
    Param::new(name, Kind::Float { min, max }, default, about)
}

/// The steps of slot "post".
pub const TECHNIQUES: &[&Technique] = &[
    &embeddings::TTA,
    &embeddings::L2,
    &embeddings::PCA,
    &embeddings::WHITEN_SUPERVISED,
    &embeddings::AQE,
    &embeddings::ALPHA_QE,
    &embeddings::DBA,
    &embeddings::INB,
    &embeddings::NEGATIVE_SUBTRACTION,
    &rankers::K_RECIPROCAL,
    &rankers::DIFFUSION,
    &rankers::CSLS,
    &rankers::INVERTED_SOFTMAX,
    &labels::SORT_INSERT,
    &labels::BRIDGE,
    &labels::COARSE_AGREEMENT,
    &labels::CLASS_LOGITS,
    &labels::NON_TARGET_PENALTY,
    &labels::NOT_IN_GALLERY,
    &spatial::SPATIAL_CHECK,
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

    #[test]
    fn every_built_step_explains_itself() {
        for step in TECHNIQUES.iter().filter(|step| step.status == Status::Built) {
            assert!(step.details.len() > 80 && !step.source.is_empty(), "{}", step.name);
        }
    }
}
