//! What a recipe may write under `[loss]`: the section, and the list of all losses.
//!
//! Typed settings of a loss, its row and its code stand in its own file; here is one line for each, from which the
//! reader's rows, the decoded form and the way to a [`Loss`] are made. Names and defaults are
//! pytorch-metric-learning's (2.9) and PyTorch's; values of winners are named with their source where they stand.

use serde::Deserialize;

use super::sum::multiple;
use super::{Build, Loss, LossError, pair, proxy};
use crate::book::technique::{Body, Section, Status, Technique};

/// The section of this folder.
pub const SECTIONS: &[&Section] = &[&LOSS];

/// `[loss]`.
pub const LOSS: Section = Section {
    name: "loss",
    about: "What the network is asked to do better; decides more than the size of the network.",
    body: Body::OneOf { tag: "name", slot: "loss", unless: "ensemble" },
    status: Status::Built,
};

/// From `Name: folder::file`, where the file has `Settings` and `ROW`, and from further rows: that of a sum of losses, and those of
/// what may stand inside a loss.
macro_rules! losses {
    (built { $($name:ident: $first:ident $(:: $step:ident)*,)* } rows { $($row:expr,)* }) => {
        /// The decoded table of one loss.
        #[derive(Clone, Debug, PartialEq, Deserialize)]
        #[serde(tag = "name")]
        pub enum LossSettings {
            $(
                #[doc = concat!("Of ", stringify!($name), ".")]
                $name($first $(:: $step)* ::Settings),
            )*
        }

        impl Build for LossSettings {
            fn build(self, dimensions: usize, counts: &[u32]) -> Result<Box<dyn Loss>, LossError> {
                match self {
                    $(LossSettings::$name(settings) => settings.build(dimensions, counts),)*
                }
            }

            fn check(&self, batch: usize) -> Result<(), LossError> {
                match self {
                    $(LossSettings::$name(settings) => settings.check(batch),)*
                }
            }
        }

        /// The rows of the slots "loss" and "margin".
        pub const TECHNIQUES: &[&Technique] = &[$(&$first $(:: $step)* ::ROW,)* $(&$row,)*];
    };
}

losses! {
    built {
        CrossEntropyLoss: proxy::plain::cross_entropy,
        NormalizedSoftmaxLoss: proxy::plain::normalized_softmax,
        ArcFaceLoss: proxy::angular::arcface,
        CosFaceLoss: proxy::angular::cosface,
        SubCenterArcFaceLoss: proxy::angular::sub_center_arcface,
        ElasticArcFaceLoss: proxy::angular::elastic_arcface,
        ElasticCosFaceLoss: proxy::angular::elastic_cosface,
        SphereFaceLoss: proxy::angular::sphereface,
        AdaCos: proxy::adaptive::adacos,
        CurricularFace: proxy::adaptive::curricular,
        AdaFace: proxy::adaptive::adaface,
        ProxyNCALoss: proxy::proxies::proxy_nca,
        ProxyAnchorLoss: proxy::proxies::proxy_anchor,
        SoftTripleLoss: proxy::proxies::soft_triple,
        ContrastiveLoss: pair::formula::contrastive,
        TripletMarginLoss: pair::formula::triplet_margin,
        MultiSimilarityLoss: pair::formula::multi_similarity,
        CircleLoss: pair::formula::circle,
        NTXentLoss: pair::formula::ntxent,
        SupConLoss: pair::formula::supcon,
    }
    rows {
        multiple::ROW,
        proxy::margin::MINMAX,
        proxy::margin::POWER,
    }
}
