//! Iterative neighbour blending, INB (Shopee Price Match 2021, first place).
//!
//! Takes queries and gallery as one set; gives both moved. In each stage every photo becomes the sum of itself and its neighbours above a
//! threshold, weighted by their cosine, with an L2 norm behind; then neighbours are looked for anew. With `min2` the nearest joins also
//! below the threshold, as each photo there had at least one partner.

use std::collections::HashMap;

use rayon::prelude::*;

use crate::base::{Cancel, Progress};
use crate::retrieve::index::exact::inverse_norm;
use crate::retrieve::{Embeddings, RetrieveError, index};

/// Both sides moved, and what was done in one line. A photo that is in both counts once, with the gallery's row.
pub(in crate::retrieve::post) fn blend(
    queries: &Embeddings,
    gallery: &Embeddings,
    k: usize,
    thresholds: &[f64],
    min2: bool,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<(Embeddings, Embeddings, String), RetrieveError> {
    if let Some(threshold) = thresholds.iter().find(|t| !(-1.0..=1.0).contains(*t)) {
        return Err(RetrieveError::Step {
            step: "inb",
            why: format!("threshold {threshold} is no cosine; give -1 to 1"),
        });
    }
    let known: HashMap<u32, usize> = gallery.photos.iter().copied().zip(0..).collect();
    let (mut photos, mut data) = (gallery.photos.clone(), gallery.data.clone());
    for (photo, row) in queries.photos.iter().zip(queries.rows()).filter(|(photo, _)| !known.contains_key(photo)) {
        photos.push(*photo);
        data.extend_from_slice(row);
    }
    let mut all = Embeddings::new(gallery.dim, photos, data)?;
    let mut joined = 0;
    for &threshold in thresholds {
        let near = index::neighbours(&all, &all, k, progress, cancel)?;
        let joins = |rank: usize, cosine: f32| cosine > 0.0 && (f64::from(cosine) > threshold || (min2 && rank == 0));
        let rows = (0..all.len()).into_par_iter().map(|i| {
            let row = all.row(i);
            let scale = inverse_norm(row);
            let mut sum: Vec<f64> = row.iter().map(|&x| f64::from(x) * scale).collect();
            let mut count = 0;
            for (_, (place, cosine)) in near.pairs(i).enumerate().filter(|&(rank, (_, cosine))| joins(rank, cosine)) {
                let other = all.row(place as usize);
                let weight = f64::from(cosine) * inverse_norm(other);
                sum.iter_mut().zip(other).for_each(|(sum, &x)| *sum += weight * f64::from(x));
                count += 1;
            }
            let norm = sum.iter().map(|x| x * x).sum::<f64>().sqrt();
            let scale = if norm > 0.0 { norm.recip() } else { 0.0 };
            (sum.iter().map(|x| (x * scale) as f32).collect::<Vec<f32>>(), count)
        });
        let rows: Vec<(Vec<f32>, usize)> = rows.collect();
        joined = rows.iter().map(|(_, count)| count).sum();
        all.data = rows.into_iter().flat_map(|(row, _)| row).collect();
    }
    let mean = joined as f64 / all.len().max(1) as f64;
    let note = format!("inb: {} stages, {mean:.1} neighbours each in the last", thresholds.len());
    Ok((all.subset(&queries.photos)?, all.subset(&gallery.photos)?, note))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::progress::Silent;

    #[test]
    fn worked_by_hand() {
        // a = (1, 0), b = (.6, .8), c = (0, -1): cosines .6 (a, b), 0 (a, c), -.8 (b, c).
        let queries = Embeddings::new(2, vec![0], vec![2.0, 0.0]).unwrap();
        let gallery = Embeddings::new(2, vec![1, 2], vec![0.6, 0.8, 0.0, -3.0]).unwrap();
        let run =
            |thresholds: &[f64], min2| blend(&queries, &gallery, 5, thresholds, min2, &Silent, &Cancel::new()).unwrap();
        // a + .6 b = (1.36, .48), norm 1.442221; b + .6 a = (1.2, .8), norm 1.442221; c stays.
        let (q, g, note) = run(&[0.5], true);
        let near = |row: &[f32], expected: [f32; 2]| row.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(
            near(q.row(0), [0.942_990_4, 0.332_820_1]) && near(g.row(0), [0.832_050_3, 0.554_700_2]),
            "{q:?} {g:?}"
        );
        assert_eq!((g.row(1), note.as_str()), (&[0.0, -1.0][..], "inb: 1 stages, 0.7 neighbours each in the last"));
        // Above .6 nobody joins by the threshold; with min2 the nearest does.
        assert!(near(run(&[0.7], false).0.row(0), [1.0, 0.0]));
        assert_eq!(run(&[0.7], true).0, q);
        // A second stage starts from the first one's rows, whose cosine is .969231: (1.749438, .870452), norm 1.954027.
        assert!(near(run(&[0.5, 0.5], true).0.row(0), [0.895_299, 0.445_466]));
        assert!(blend(&queries, &gallery, 5, &[1.5], true, &Silent, &Cancel::new()).is_err());
    }
}
