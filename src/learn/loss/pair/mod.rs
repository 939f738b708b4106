//! Losses over the pairs and triplets of a batch: no head, photos are compared with each other.
//!
//! Takes embeddings `[b, d]` and their classes; photos of one label should be near, others far. The rows below
//! are known and not built.

use crate::book::technique::{Status, Technique};

/// A row that is recognised and not built.
const fn later(name: &'static str, about: &'static str, source: &'static str) -> Technique {
    Technique { name, slot: "loss", about, details: "", params: &[], source, status: Status::Later }
}

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
