//! The defaults of post steps, each written once: for the table that people read and for the decoder of recipes.

use crate::book::technique::{Default, Literal};

macro_rules! defaults {
    ($($function:ident $constant:ident: $kind:ty = $literal:ident($value:expr);)*) => {
        $(
            pub(super) const $constant: Default = Default::Is(Literal::$literal($value));

            pub(in crate::retrieve::post) fn $function() -> $kind {
                $value as $kind
            }
        )*
    };
}

defaults! {
    aqe_k AQE_K: usize = Int(10);
    alpha_qe_k ALPHA_QE_K: usize = Int(3);
    alpha_qe_alpha ALPHA_QE_ALPHA: f64 = Float(3.0);
    dba_k DBA_K: usize = Int(10);
    dba_alpha DBA_ALPHA: f64 = Float(3.0);
    inb_k INB_K: usize = Int(50);
    negative_k NEGATIVE_K: usize = Int(10);
    negative_beta NEGATIVE_BETA: f64 = Float(0.35);
    negative_iterations NEGATIVE_ITERATIONS: usize = Int(1);
    negative_dba_k NEGATIVE_DBA_K: usize = Int(10);
    negative_dba_alpha NEGATIVE_DBA_ALPHA: f64 = Float(3.0);
    k_reciprocal_k1 K_RECIPROCAL_K1: usize = Int(20);
    k_reciprocal_k2 K_RECIPROCAL_K2: usize = Int(6);
    k_reciprocal_lambda K_RECIPROCAL_LAMBDA: f64 = Float(0.3);
    diffusion_kd DIFFUSION_KD: usize = Int(50);
    diffusion_gamma DIFFUSION_GAMMA: f64 = Float(3.0);
    diffusion_alpha DIFFUSION_ALPHA: f64 = Float(0.99);
    diffusion_truncation DIFFUSION_TRUNCATION: usize = Int(1000);
    csls_k CSLS_K: usize = Int(10);
    inverted_softmax_beta INVERTED_SOFTMAX_BETA: f64 = Float(30.0);
    bridge_k BRIDGE_K: usize = Int(5);
    bridge_bonus BRIDGE_BONUS: f64 = Float(0.5);
    bridge_weight BRIDGE_WEIGHT: f64 = Float(1.0);
    sort_insert_votes SORT_INSERT_VOTES: usize = Int(3);
    sort_insert_threshold SORT_INSERT_THRESHOLD: f64 = Float(0.6);
    coarse_votes COARSE_VOTES: usize = Int(3);
    coarse_alpha COARSE_ALPHA: f64 = Float(1.0);
    coarse_beta COARSE_BETA: f64 = Float(0.1);
    class_logits_knn_ratio CLASS_LOGITS_KNN_RATIO: f64 = Float(0.5);
    non_target_k NON_TARGET_K: usize = Int(5);
    non_target_weight NON_TARGET_WEIGHT: f64 = Float(1.0);
    spatial_depth SPATIAL_DEPTH: usize = Int(50);
    spatial_threshold SPATIAL_THRESHOLD: f64 = Float(0.6);
    spatial_residual_threshold SPATIAL_RESIDUAL_THRESHOLD: f64 = Float(1.5);
    spatial_max_trials SPATIAL_MAX_TRIALS: usize = Int(1000);
    spatial_max_scale SPATIAL_MAX_SCALE: f64 = Float(2.0);
    spatial_weight SPATIAL_WEIGHT: f64 = Float(1.0);
    spatial_out_index SPATIAL_OUT_INDEX: i64 = Int(-1);
    spatial_dim SPATIAL_DIM: usize = Int(40);
    spatial_patches SPATIAL_PATCHES: usize = Int(196);
}

pub(super) const TTA_HFLIP: Default = Default::Is(Literal::Bool(true));
pub(super) const TTA_SCALES: Default = Default::Is(Literal::List(&[Literal::Float(1.0)]));
pub(super) const TTA_ANGLES: Default = Default::Is(Literal::List(&[Literal::Float(0.0)]));

pub(in crate::retrieve::post) fn tta_hflip() -> bool {
    true
}

pub(in crate::retrieve::post) fn tta_scales() -> Vec<f64> {
    vec![1.0]
}

pub(in crate::retrieve::post) fn tta_angles() -> Vec<f64> {
    vec![0.0]
}

const STAGES: [f64; 3] = [0.5, 0.5, 0.5];

pub(super) const INB_THRESHOLDS: Default =
    Default::Is(Literal::List(&[Literal::Float(STAGES[0]), Literal::Float(STAGES[1]), Literal::Float(STAGES[2])]));
pub(super) const INB_MIN2: Default = Default::Is(Literal::Bool(true));

pub(in crate::retrieve::post) fn inb_thresholds() -> Vec<f64> {
    STAGES.to_vec()
}

pub(in crate::retrieve::post) fn inb_min2() -> bool {
    true
}
