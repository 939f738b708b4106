//! Rows moved towards their neighbours: query expansion, and database augmentation.
//!
//! Takes rows and a set to look for neighbours in; gives the rows moved: x ← L2(x + Σ sᵢ^α gᵢ) over the k nearest. With α = 0 that is
//! average query expansion (Chum et al., ICCV 2007), with more alpha query expansion (Radenović, Tolias, Chum, TPAMI 2019, section
//! 3.4); for the gallery among itself it is database augmentation (Arandjelović and Zisserman, CVPR 2012). The row itself has weight 1
//! (its cosine with itself); cosines of 0 or less give nothing, so that a power of a negative number never arises. A photo is not its
//! own neighbour.

use rayon::prelude::*;

use crate::base::{Cancel, Progress};
use crate::retrieve::index::Neighbours;
use crate::retrieve::index::exact::inverse_norm;
use crate::retrieve::{Embeddings, RetrieveError, index};

/// Whose rows move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::retrieve::post) enum Whose {
    Queries,
    Gallery,
}

/// The moved rows of one side, and what was done in one line. Neighbours are looked for in `gallery`.
pub(in crate::retrieve::post) fn expand(
    (step, whose): (&'static str, Whose),
    rows: &Embeddings,
    gallery: &Embeddings,
    (k, alpha): (usize, f64),
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<(Embeddings, String), RetrieveError> {
    if !(alpha >= 0.0 && alpha.is_finite()) {
        return Err(RetrieveError::Step { step, why: format!("alpha is {alpha}; give 0 or more") });
    }
    let found = index::neighbours(rows, gallery, k, progress, cancel)?;
    let (moved, mean) = towards(rows, &found, gallery, alpha)?;
    let who = match whose {
        Whose::Queries => "queries",
        Whose::Gallery => "gallery photos",
    };
    Ok((moved, format!("{step}: {} {who} moved by {mean:.1} neighbours each", rows.len())))
}

/// Each row and its neighbours in `others`, weighted by cosine^alpha, with an L2 norm; and how many joined on average.
pub(super) fn towards(
    rows: &Embeddings,
    found: &Neighbours,
    others: &Embeddings,
    alpha: f64,
) -> Result<(Embeddings, f64), RetrieveError> {
    let dim = rows.dim;
    let mut data = vec![0.0f32; rows.data.len()];
    data.par_chunks_exact_mut(dim).zip(rows.data.par_chunks_exact(dim)).enumerate().for_each(|(i, (out, own))| {
        let scale = inverse_norm(own);
        let mut sum: Vec<f64> = own.iter().map(|&x| f64::from(x) * scale).collect();
        for (place, cosine) in found.pairs(i).filter(|&(_, cosine)| cosine > 0.0) {
            let row = others.row(place as usize);
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
    });
    let joined = found.cosines.iter().filter(|&&cosine| cosine > 0.0).count();
    let mean = joined as f64 / rows.len().max(1) as f64;
    Ok((Embeddings::new(dim, rows.photos.clone(), data)?, mean))
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
        let run =
            |k, alpha| expand(("alpha-qe", Whose::Queries), &queries, &gallery, (k, alpha), &Silent, &Cancel::new());
        let (moved, note) = run(3, 2.0).unwrap();
        assert!((moved.data[0] - 0.973_080_3).abs() < 1e-6 && (moved.data[1] - 0.230_466_4).abs() < 1e-6, "{moved:?}");
        assert_eq!(note, "alpha-qe: 1 queries moved by 1.0 neighbours each");
        // alpha 0: (1, 0) + (.6, .8) = (1.6, .8) → (.894427, .447214).
        let (moved, _) = run(1, 0.0).unwrap();
        assert!((moved.data[0] - 0.894_427).abs() < 1e-6, "{moved:?}");
        assert!(run(1, f64::NAN).is_err());
    }
}
