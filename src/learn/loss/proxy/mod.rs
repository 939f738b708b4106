//! Losses with a head: each training class has a direction (or several) that its photos are compared with.
//!
//! Takes embeddings `[b, d]` and classes; a batch needs no two photos of one class, since the head stands for all
//! those that are not in it. That makes these losses quick, and steady with any sampler.
//!
//! - [`classify`]: what they share: logits → loss, the margin on the target's column, first values of a head.
//! - [`plain`]: classifiers without a margin.
//! - [`angular`]: classifiers over angles in which the right class must win by a margin.

pub mod angular;
pub mod classify;
pub mod plain;

use crate::book::technique::{Status, Technique};

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
/// Proxies as anchors.
pub const PROXY_ANCHOR: Technique = later(
    "ProxyAnchorLoss",
    "One proxy per label, compared with the whole batch.",
    "Kim et al. 2020, arXiv 2003.13911",
);
