//! One line of `steps`: a post step with its parameters.
//!
//! Decoded from recipes; names, defaults and ranges are those of the declared table, which a test holds against this. A step either
//! changes embeddings or ranks: [`Step::ranks`].

use serde::{Deserialize, Serialize};

use super::declared::default;
use super::linear::Fit;
use super::local::{Local, Model};

/// One line of `steps`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Step {
    /// The mean over several views of each photo.
    Tta {
        /// Whether each view is there mirrored too.
        #[serde(default = "default::tta_hflip")]
        hflip: bool,
        /// Whether each view is there upside down too.
        #[serde(default)]
        vflip: bool,
        /// Sides over those of evaluation.
        #[serde(default = "default::tta_scales")]
        scales: Vec<f64>,
        /// Degrees, counter-clockwise.
        #[serde(default = "default::tta_angles")]
        angles: Vec<f64>,
    },
    /// Each row divided by its L2 norm.
    L2 {},
    /// Projection on the directions of greatest variance.
    Pca {
        /// Directions kept.
        dim: usize,
        /// Whether each direction is scaled to variance 1.
        #[serde(default)]
        whiten: bool,
        /// Whose mean and covariance.
        #[serde(default)]
        fit: Fit,
    },
    /// Whitening learnt from pairs of training photos with one label.
    WhitenSupervised {
        /// Directions kept.
        dim: usize,
    },
    /// Each query moved to the mean of itself and its neighbours.
    Aqe {
        /// Neighbours.
        #[serde(default = "default::aqe_k")]
        k: usize,
    },
    /// Each query moved towards its best neighbours.
    AlphaQe {
        /// Neighbours.
        #[serde(default = "default::alpha_qe_k")]
        k: usize,
        /// Power of the cosine that weighs a neighbour.
        #[serde(default = "default::alpha_qe_alpha")]
        alpha: f64,
    },
    /// Each gallery photo moved towards its neighbours in the gallery.
    Dba {
        /// Neighbours.
        #[serde(default = "default::dba_k")]
        k: usize,
        /// Power of the cosine that weighs a neighbour.
        #[serde(default = "default::dba_alpha")]
        alpha: f64,
    },
    /// Everybody blended with the neighbours above a threshold, several times over.
    Inb {
        /// Neighbours.
        #[serde(default = "default::inb_k")]
        k: usize,
        /// Least cosine of a neighbour, one for each stage.
        #[serde(default = "default::inb_thresholds")]
        thresholds: Vec<f64>,
        /// Whether the nearest always joins.
        #[serde(default = "default::inb_min2")]
        min2: bool,
    },
    /// Each photo without its part along the nearest negatives.
    NegativeSubtraction {
        /// Negatives.
        #[serde(default = "default::negative_k")]
        k: usize,
        /// How much of their mean is taken away.
        #[serde(default = "default::negative_beta")]
        beta: f64,
        /// How often.
        #[serde(default = "default::negative_iterations")]
        iterations: usize,
        /// Negatives that a negative is averaged with, itself included.
        #[serde(default = "default::negative_dba_k")]
        dba_k: usize,
        /// Power of the cosine in that average.
        #[serde(default = "default::negative_dba_alpha")]
        dba_alpha: f64,
    },
    /// Ranks by k-reciprocal neighbours.
    KReciprocal {
        /// Neighbours looked at.
        #[serde(default = "default::k_reciprocal_k1")]
        k1: usize,
        /// Neighbours whose weights are averaged.
        #[serde(default = "default::k_reciprocal_k2")]
        k2: usize,
        /// Weight of the original distance.
        #[serde(default = "default::k_reciprocal_lambda")]
        lambda: f64,
    },
    /// Ranks by similarity spread over the graph of neighbours.
    Diffusion {
        /// Neighbours of the graph.
        #[serde(default = "default::diffusion_kd")]
        kd: usize,
        /// Power of the cosine.
        #[serde(default = "default::diffusion_gamma")]
        gamma: f64,
        /// How far it spreads.
        #[serde(default = "default::diffusion_alpha")]
        alpha: f64,
        /// Photos around each that it spreads over.
        #[serde(default = "default::diffusion_truncation")]
        truncation: usize,
    },
    /// Ranks with hubs lowered by their mean similarity.
    Csls {
        /// Neighbours.
        #[serde(default = "default::csls_k")]
        k: usize,
    },
    /// Ranks with each gallery photo's similarities as shares over the queries.
    InvertedSoftmax {
        /// Inverse temperature.
        #[serde(default = "default::inverted_softmax_beta")]
        beta: f64,
    },
    /// Ranks by the direct cosine and the best bridge over a label.
    Bridge {
        /// Labels of each photo.
        #[serde(default = "default::bridge_k")]
        k: usize,
        /// Added to the confidence in a photo's nearest label.
        #[serde(default = "default::bridge_bonus")]
        bonus: f64,
        /// Weight of the bridge beside the cosine.
        #[serde(default = "default::bridge_weight")]
        weight: f64,
    },
    /// Lifts photos with the query's voted label, and inserts those that the list lacks.
    SortInsert {
        /// Labelled photos that vote.
        #[serde(default = "default::sort_insert_votes")]
        votes: usize,
        /// Sum of both confidences above which a photo is inserted.
        #[serde(default = "default::sort_insert_threshold")]
        threshold: f64,
    },
    /// Adds the agreement of labels and coarse labels.
    CoarseAgreement {
        /// Labelled photos that vote.
        #[serde(default = "default::coarse_votes")]
        votes: usize,
        /// Weight of the label.
        #[serde(default = "default::coarse_alpha")]
        alpha: f64,
        /// Weight of the coarse label.
        #[serde(default = "default::coarse_beta")]
        beta: f64,
    },
    /// Mixes scores with the query's class logits.
    ClassLogits {
        /// Share of the score.
        #[serde(default = "default::class_logits_knn_ratio")]
        knn_ratio: f64,
    },
    /// Lowers photos that resemble known non-targets.
    NonTargetPenalty {
        /// The labels of training photos that are no answer to anybody.
        labels: Vec<String>,
        /// Non-targets.
        #[serde(default = "default::non_target_k")]
        k: usize,
        /// Weight of their mean similarity.
        #[serde(default = "default::non_target_weight")]
        weight: f64,
    },
    /// Lifts candidates whose places agree with the query's on one movement.
    SpatialCheck {
        /// Candidates of each query.
        #[serde(default = "default::spatial_depth")]
        depth: usize,
        /// Least cosine of two places that belong together.
        #[serde(default = "default::spatial_threshold")]
        threshold: f64,
        /// What may happen between two photos.
        #[serde(default)]
        model: Model,
        /// Cells between a place and where it should be, at most.
        #[serde(default = "default::spatial_residual_threshold")]
        residual_threshold: f64,
        /// Samples tried, at most.
        #[serde(default = "default::spatial_max_trials")]
        max_trials: usize,
        /// How much larger or smaller a thing may be.
        #[serde(default = "default::spatial_max_scale")]
        max_scale: f64,
        /// Weight of the share of places that agree.
        #[serde(default = "default::spatial_weight")]
        weight: f64,
        /// Which of the backbone's maps, from the end.
        #[serde(default = "default::spatial_out_index")]
        out_index: i64,
        /// Numbers a place.
        #[serde(default = "default::spatial_dim")]
        dim: usize,
        /// Places a photo.
        #[serde(default = "default::spatial_patches")]
        patches: usize,
    },
    /// Says below which score the answer is not in the gallery.
    NotInGallery {
        /// Share of the queries that have no answer.
        ratio: f64,
    },
}

impl Step {
    /// The name in recipes.
    pub fn name(&self) -> &'static str {
        match self {
            Step::Tta { .. } => "tta",
            Step::L2 {} => "l2",
            Step::Pca { .. } => "pca",
            Step::WhitenSupervised { .. } => "whiten-supervised",
            Step::Aqe { .. } => "aqe",
            Step::AlphaQe { .. } => "alpha-qe",
            Step::Dba { .. } => "dba",
            Step::Inb { .. } => "inb",
            Step::NegativeSubtraction { .. } => "negative-subtraction",
            Step::KReciprocal { .. } => "k-reciprocal",
            Step::Diffusion { .. } => "diffusion",
            Step::Csls { .. } => "csls",
            Step::InvertedSoftmax { .. } => "inverted-softmax",
            Step::Bridge { .. } => "bridge",
            Step::SortInsert { .. } => "sort-insert",
            Step::CoarseAgreement { .. } => "coarse-agreement",
            Step::ClassLogits { .. } => "class-logits",
            Step::NonTargetPenalty { .. } => "non-target-penalty",
            Step::SpatialCheck { .. } => "spatial-check",
            Step::NotInGallery { .. } => "not-in-gallery",
        }
    }

    /// Its parameters in the order of their names, as recipes write the values: `("k", "3")`.
    pub fn parameters(&self) -> Vec<(String, String)> {
        let value = serde_json::to_value(self).unwrap_or_default();
        let entries = value.as_object().into_iter().flatten().filter(|(key, _)| *key != "op");
        entries.map(|(key, value)| (key.clone(), value.to_string())).collect()
    }

    /// Whether it goes by labelled photos of training.
    pub fn needs_labelled(&self) -> bool {
        matches!(
            self,
            Step::WhitenSupervised { .. }
                | Step::NegativeSubtraction { .. }
                | Step::Bridge { .. }
                | Step::SortInsert { .. }
                | Step::CoarseAgreement { .. }
                | Step::NonTargetPenalty { .. }
        )
    }

    /// Whether it goes by what the trained head says of each class.
    pub fn needs_logits(&self) -> bool {
        matches!(self, Step::ClassLogits { .. })
    }

    /// The local descriptors that it goes by.
    pub fn local(&self) -> Option<Local> {
        match *self {
            Step::SpatialCheck { out_index, dim, patches, .. } => Some(Local { out_index, dim, patches }),
            _ => None,
        }
    }

    /// Whether it makes or changes lists, and not embeddings.
    pub fn ranks(&self) -> bool {
        self.ranks_gallery()
            || matches!(
                self,
                Step::Bridge { .. }
                    | Step::SortInsert { .. }
                    | Step::CoarseAgreement { .. }
                    | Step::ClassLogits { .. }
                    | Step::NonTargetPenalty { .. }
                    | Step::SpatialCheck { .. }
                    | Step::NotInGallery { .. }
            )
    }

    /// Whether it changes lists by what is known of photos beside their embeddings, once there are lists and its neighbours among
    /// labelled photos were searched before.
    pub fn goes_by_lists(&self) -> bool {
        matches!(
            self,
            Step::Bridge { .. } | Step::SortInsert { .. } | Step::CoarseAgreement { .. } | Step::NotInGallery { .. }
        )
    }

    /// Whether it ranks the whole gallery anew, so that nothing can have ranked before it.
    pub fn ranks_gallery(&self) -> bool {
        matches!(
            self,
            Step::KReciprocal { .. } | Step::Diffusion { .. } | Step::Csls { .. } | Step::InvertedSoftmax { .. }
        )
    }
}
