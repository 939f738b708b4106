//! Alpha query expansion (Radenović, Tolias, Chum, TPAMI 2019, section 3.4).
//!
//! Takes queries and gallery, gives the queries moved: q ← L2(q + Σ sᵢ^α gᵢ) over the k nearest
//! gallery photos. The query has weight 1 (its cosine with itself); cosines of 0 or less give
//! nothing, so that a power of a negative number never arises. A query that is in the gallery is not
//! its own neighbour.

use rayon::prelude::*;

use crate::base::{Cancel, Progress};
use crate::retrieve::index::exact::inverse_norm;
use crate::retrieve::{Embeddings, RetrieveError, index};

/// The moved queries, and what was done in one line.
pub(super) fn expand(
    queries: &Embeddings,
    gallery: &Embeddings,
    k: usize,
    alpha: f64,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<(Embeddings, String), RetrieveError> {
    if !(alpha >= 0.0 && alpha.is_finite()) {
        return Err(RetrieveError::Step { step: "alpha-qe", why: format!("alpha is {alpha}; give 0 or more") });
    }
    let dim = queries.dim;
    let found = index::neighbours(queries, gallery, k, progress, cancel)?;
    let mut data = vec![0.0f32; queries.data.len()];
    data.par_chunks_exact_mut(dim).zip(queries.data.par_chunks_exact(dim)).zip(&found.lists).for_each(
        |((out, query), list)| {
            let scale = inverse_norm(query);
            let mut sum: Vec<f64> = query.iter().map(|&x| f64::from(x) * scale).collect();
            for &(cosine, place) in list.iter().filter(|&&(cosine, _)| cosine > 0.0) {
                let row = gallery.row(place as usize);
                let weight = f64::from(cosine).powf(alpha) * inverse_norm(row);
                for (sum, &x) in sum.iter_mut().zip(row) {
                    *sum += weight * f64::from(x);
                }
            }
            let norm = sum.iter().map(|x| x * x).sum::<f64>().sqrt();
            let scale = if norm > 0.0 { norm.recip() } else { 0.0 };
            for (out, x) in out.iter_mut().zip(&sum) {
                *out = (x * scale) as f32;
            }
        },
    );
    let joined: usize = found.lists.iter().map(|list| list.iter().filter(|&&(cosine, _)| cosine > 0.0).count()).sum();
    let mean = joined as f64 / queries.len().max(1) as f64;
    let note = format!("alpha-qe: {} queries moved by {mean:.1} neighbours each", queries.len());
    Ok((Embeddings::new(dim, queries.photos.clone(), data)?, note))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::progress::Silent;

    #[test]
    fn worked_by_hand() {
        // Query (2, 0) → (1, 0). Gallery: (3, 4) → (.6, .8), cosine .6; (0, 5), cosine 0; (-1, 0), cosine -1;
        // (9, 0) is the query's own photo. With alpha 2: (1, 0) + .36 (.6, .8) = (1.216, .288), norm 1.249640.
        let queries = Embeddings::new(2, vec![0], vec![2.0, 0.0]).unwrap();
        let gallery = Embeddings::new(2, vec![1, 2, 3, 0], vec![3.0, 4.0, 0.0, 5.0, -1.0, 0.0, 9.0, 0.0]).unwrap();
        let (moved, note) = expand(&queries, &gallery, 3, 2.0, &Silent, &Cancel::new()).unwrap();
        assert!((moved.data[0] - 0.973_080_3).abs() < 1e-6 && (moved.data[1] - 0.230_466_4).abs() < 1e-6, "{moved:?}");
        assert_eq!(note, "alpha-qe: 1 queries moved by 1.0 neighbours each");
        // alpha 0: (1, 0) + (.6, .8) = (1.6, .8) → (.894427, .447214).
        let (moved, _) = expand(&queries, &gallery, 1, 0.0, &Silent, &Cancel::new()).unwrap();
        assert!((moved.data[0] - 0.894_427).abs() < 1e-6, "{moved:?}");
        assert!(expand(&queries, &gallery, 1, f64::NAN, &Silent, &Cancel::new()).is_err());
    }
}
