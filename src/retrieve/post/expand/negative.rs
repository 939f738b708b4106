//! Negative embedding subtraction (ISC21 descriptor track, first place).
//!
//! Takes queries, gallery, and photos that are answers to none of them; gives both sides without what they share with their nearest
//! negatives: x ← L2(x − beta · mean of the k nearest). What negatives have in common with everything (a background, a frame, a font)
//! then counts less. Negatives are averaged with their own neighbours first.

use rayon::prelude::*;

use super::weighted::towards;
use crate::base::{Cancel, Progress};
use crate::retrieve::index::exact::inverse_norm;
use crate::retrieve::{Embeddings, RetrieveError, index};

/// The first place's parameters.
#[derive(Clone, Copy, Debug)]
pub(in crate::retrieve::post) struct Settings {
    pub(in crate::retrieve::post) k: usize,
    pub(in crate::retrieve::post) beta: f64,
    pub(in crate::retrieve::post) iterations: usize,
    pub(in crate::retrieve::post) dba_k: usize,
    pub(in crate::retrieve::post) dba_alpha: f64,
}

/// The negatives averaged with their neighbours, unit rows. `dba_k` counts the photo itself.
pub(in crate::retrieve::post) fn averaged(
    negatives: &Embeddings,
    settings: Settings,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Embeddings, RetrieveError> {
    if settings.dba_k < 2 {
        return Ok(negatives.clone());
    }
    let near = index::neighbours(negatives, negatives, settings.dba_k - 1, progress, cancel)?;
    Ok(towards(negatives, &near, negatives, settings.dba_alpha)?.0)
}

/// One side without its part along the negatives.
pub(in crate::retrieve::post) fn subtract(
    side: &Embeddings,
    negatives: &Embeddings,
    settings: Settings,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Embeddings, RetrieveError> {
    let mut now = side.clone();
    for _ in 0..settings.iterations {
        let near = index::neighbours(&now, negatives, settings.k, progress, cancel)?;
        let before = now.clone();
        now.data.par_chunks_exact_mut(side.dim).enumerate().for_each(|(i, out)| {
            let scale = inverse_norm(before.row(i));
            let mut sum: Vec<f64> = before.row(i).iter().map(|&x| f64::from(x) * scale).collect();
            let list = near.list(i);
            for &place in list {
                let row = negatives.row(place as usize);
                let weight = settings.beta / list.len() as f64 * inverse_norm(row);
                sum.iter_mut().zip(row).for_each(|(sum, &x)| *sum -= weight * f64::from(x));
            }
            let norm = sum.iter().map(|x| x * x).sum::<f64>().sqrt();
            let scale = if norm > 0.0 { norm.recip() } else { 0.0 };
            out.iter_mut().zip(&sum).for_each(|(out, x)| *out = (x * scale) as f32);
        });
    }
    Ok(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::progress::Silent;

    #[test]
    fn worked_by_hand() {
        // (.6, .8) − .5 · (0, 1) = (.6, .3), norm .670820 → (.894427, .447214).
        let side = Embeddings::new(2, vec![0], vec![3.0, 4.0]).unwrap();
        let negatives = Embeddings::new(2, vec![7, 8], vec![0.0, 5.0, -1.0, 0.0]).unwrap();
        let settings = Settings { k: 1, beta: 0.5, iterations: 1, dba_k: 1, dba_alpha: 3.0 };
        let moved = subtract(&side, &negatives, settings, &Silent, &Cancel::new()).unwrap();
        assert!((moved.data[0] - 0.894_427).abs() < 1e-6 && (moved.data[1] - 0.447_214).abs() < 1e-6, "{moved:?}");
        assert_eq!(averaged(&negatives, settings, &Silent, &Cancel::new()).unwrap(), negatives);
    }
}
