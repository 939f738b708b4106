//! Chains of post steps that differ from a chain by one step: where a search for a better one looks next.
//!
//! Takes a chain and what there is to go by; gives every chain with one step more, one less, or one with other values. Values are those
//! that papers and winners used: a grid around them finds what suits these queries, not what suits the task. New steps stand where they
//! belong: what changes the space, then what moves photos by their neighbours, then one that ranks the gallery, then what goes by labels.

use super::check;
use crate::retrieve::post::local::{Local, Model};
use crate::retrieve::post::{Fit, Step};

/// What steps may go by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Means {
    /// Numbers in an embedding.
    pub dim: usize,
    /// Photos in the gallery.
    pub gallery: usize,
    /// Whether there are labelled photos of training whose labels queries may have.
    pub labelled: bool,
    /// Whether these have coarse labels.
    pub coarse: bool,
    /// Whether there are class logits.
    pub logits: bool,
    /// The local descriptors that there are.
    pub local: Option<Local>,
}

/// The steps that a search tries, in the order in which they stand in a chain.
pub fn catalogue(means: Means) -> Vec<Step> {
    let mut all = Vec::new();
    for dim in [32, 64, 128, 256, 512].into_iter().filter(|dim| *dim < means.dim && *dim < means.gallery) {
        all.extend([false, true].map(|whiten| Step::Pca { dim, whiten, fit: Fit::default() }));
    }
    // Each photo has its neighbours among the others.
    let neighbours = |k: &usize| *k < means.gallery;
    all.extend([3, 5, 10].into_iter().filter(neighbours).map(|k| Step::Dba { k, alpha: 3.0 }));
    all.extend([1, 3, 5, 10].into_iter().filter(neighbours).map(|k| Step::Aqe { k }));
    let alpha_qe = [(2, 1.0), (3, 3.0), (5, 3.0), (10, 3.0)];
    all.extend(alpha_qe.into_iter().filter(|(k, _)| neighbours(k)).map(|(k, alpha)| Step::AlphaQe { k, alpha }));
    let reciprocal = [(20, 6, 0.3), (10, 3, 0.3), (10, 3, 0.6), (30, 10, 0.3), (20, 6, 0.6)];
    let reciprocal = reciprocal.into_iter().filter(|(k1, ..)| neighbours(k1));
    all.extend(reciprocal.map(|(k1, k2, lambda)| Step::KReciprocal { k1, k2, lambda }));
    all.extend([5, 10].into_iter().filter(neighbours).map(|k| Step::Csls { k }));
    if means.labelled {
        all.extend([0.5, 1.0].map(|weight| Step::Bridge { k: 5, bonus: 0.5, weight }));
    }
    if let Some(local) = means.local {
        let tried = [(0.6, 0.25), (0.6, 1.0), (0.7, 0.5), (0.5, 0.5), (0.6, 100.0)];
        all.extend(tried.map(|(threshold, weight)| spatial_check(local, threshold, weight)));
    }
    if means.labelled {
        all.extend([0.5, 0.6, 0.8].map(|threshold| Step::SortInsert { votes: 3, threshold }));
        if means.coarse {
            all.push(Step::CoarseAgreement { votes: 3, alpha: 0.5, beta: 0.2 });
        }
    }
    if means.logits {
        all.extend([0.5, 0.8].map(|knn_ratio| Step::ClassLogits { knn_ratio }));
    }
    all
}

/// The step with the usual values on descriptors that are there.
fn spatial_check(Local { out_index, dim, patches }: Local, threshold: f64, weight: f64) -> Step {
    let (depth, model, residual_threshold, max_trials, max_scale) = (50, Model::Similarity, 1.5, 1000, 2.0);
    Step::SpatialCheck {
        depth,
        threshold,
        model,
        residual_threshold,
        max_trials,
        max_scale,
        weight,
        out_index,
        dim,
        patches,
    }
}

/// Every chain one step away from `chain`, each once; the order is that of the catalogue.
pub fn nearby(chain: &[Step], catalogue: &[Step]) -> Vec<Vec<Step>> {
    let mut found: Vec<Vec<Step>> = Vec::new();
    let mut add = |other: Vec<Step>| {
        if other != chain && !found.contains(&other) && check(&other).is_ok() {
            found.push(other);
        }
    };
    for at in 0..chain.len() {
        add([&chain[..at], &chain[at + 1..]].concat());
    }
    for step in catalogue {
        if let Some(at) = chain.iter().position(|own| own.name() == step.name()) {
            let mut other = chain.to_vec();
            other[at] = step.clone();
            add(other);
            continue;
        }
        let at = chain.iter().position(|own| place(own) > place(step)).unwrap_or(chain.len());
        add([&chain[..at], std::slice::from_ref(step), &chain[at..]].concat());
        // Two that rank the gallery cannot stand together: the new one takes the other's place.
        if let Some(at) = chain.iter().position(|own| own.ranks_gallery() && step.ranks_gallery()) {
            let mut other = chain.to_vec();
            other[at] = step.clone();
            add(other);
        }
    }
    found
}

/// Where a step belongs.
fn place(step: &Step) -> u32 {
    match step {
        Step::Tta { .. } | Step::L2 {} => 0,
        Step::Pca { .. } | Step::WhitenSupervised { .. } => 1,
        Step::NegativeSubtraction { .. } => 2,
        Step::Dba { .. } | Step::Inb { .. } => 3,
        Step::Aqe { .. } | Step::AlphaQe { .. } => 4,
        Step::KReciprocal { .. } | Step::Diffusion { .. } | Step::Csls { .. } | Step::InvertedSoftmax { .. } => 5,
        Step::Bridge { .. }
        | Step::CoarseAgreement { .. }
        | Step::ClassLogits { .. }
        | Step::NonTargetPenalty { .. } => 6,
        Step::SpatialCheck { .. } => 7,
        Step::SortInsert { .. } => 8,
        Step::NotInGallery { .. } => 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_changed_by_one_step_at_a_time() {
        let means = Means { dim: 128, gallery: 500, labelled: true, coarse: false, logits: false, local: None };
        let catalogue = catalogue(means);
        assert!(catalogue.is_sorted_by_key(place) && !catalogue.iter().any(|step| step.needs_logits()));
        let first = nearby(&[], &catalogue);
        assert_eq!(first.len(), catalogue.len());
        let pca = Step::Pca { dim: 64, whiten: true, fit: Fit::default() };
        let chain =
            vec![pca, Step::KReciprocal { k1: 20, k2: 6, lambda: 0.3 }, Step::SortInsert { votes: 3, threshold: 0.6 }];
        let found = nearby(&chain, &catalogue);
        for other in &found {
            check(other).unwrap();
            let kept = chain.iter().filter(|step| other.contains(step)).count();
            assert!(kept >= 2 && other.len().abs_diff(chain.len()) <= 1, "{other:?}");
        }
        let has = |wanted: &[&str]| found.iter().any(|other| other.iter().map(Step::name).eq(wanted.iter().copied()));
        assert!(has(&["pca", "dba", "k-reciprocal", "sort-insert"]) && has(&["pca", "csls", "sort-insert"]));
        assert!(has(&["pca", "k-reciprocal", "bridge", "sort-insert"]) && has(&["k-reciprocal", "sort-insert"]));
        // Nothing is offered that these embeddings cannot have.
        let small = Means { dim: 32, gallery: 4, ..Means::default() };
        assert!(super::catalogue(small).iter().all(|step| matches!(
            step,
            Step::Dba { k: 3, .. } | Step::Aqe { k: 1 | 3 } | Step::AlphaQe { k: 2 | 3, .. }
        )));
    }
}
