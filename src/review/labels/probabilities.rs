//! Probabilities of labels from neighbours, where a network has no head for them.
//!
//! Takes out-of-fold embeddings, as [`votes`](super::votes) does; gives for each held-out photo a row of probabilities: a softmax over the
//! labels of the mean cosine with a label's nearest photos (at most three, so that a label of many photos has no more say), divided by a
//! temperature. The temperature is the one of a geometric row from 0.01 to 1 under which the given labels are likeliest, since these are
//! mostly right (temperature scaling, Guo and others 2017, arXiv 1706.04599). Copies of a photo (by content) do not count.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::OutOfFold;
use crate::base::{Cancel, Progress};
use crate::data::manifest::Photo;
use crate::retrieve::{RetrieveError, index};

/// Nearest photos of a label that count.
const NEAREST: usize = 3;
/// Neighbours that are looked at a photo; a label that is not among them has the least cosine among them.
const SEEN: usize = 256;
/// Temperatures that are tried: 0.01 · 100^(i / 24).
const TRIED: usize = 25;
/// Photos that choose the temperature, at most: one number is not worth passing all of 100,000 rows twenty-five times.
const ASKED: usize = 20_000;

/// Out-of-fold probabilities.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// Places in the manifest, ascending, `[n]`.
    pub photos: Vec<u32>,
    /// The given labels as columns, `[n]`.
    pub labels: Vec<u32>,
    /// The manifest's label of each column, ascending.
    pub columns: Vec<u32>,
    /// `[n, columns]`, each row's sum is 1.
    pub rows: Vec<f32>,
    /// The temperature; 0 where there are no photos.
    pub temperature: f64,
}

/// The probabilities of all photos that were held out and have a label. Columns are the labels of all held-out photos; a label without other
/// photos in a fold has the least similarity there. A photo that several folds hold out has the mean of its similarities.
///
/// # Errors
/// When a held-out photo has no embedding, embeddings are broken, or on a stop.
pub fn probabilities(
    folds: &[OutOfFold<'_>],
    photos: &[Photo],
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Rows, RetrieveError> {
    let known = |photo: u32| photos.get(photo as usize).and_then(|photo| Some((photo.label?, photo.content)));
    let labelled = |list: &[u32]| list.iter().copied().filter(|&photo| known(photo).is_some()).collect::<Vec<_>>();
    let held = folds.iter().flat_map(|fold| labelled(fold.held));
    let columns: BTreeMap<u32, usize> = {
        let mut labels: Vec<u32> = held.filter_map(|photo| Some(known(photo)?.0)).collect();
        labels.sort_unstable();
        labels.dedup();
        labels.into_iter().zip(0..).collect()
    };
    // One row for each photo that is held out, in place: for many photos and labels this is what takes the memory.
    let mut places: Vec<u32> = folds.iter().flat_map(|fold| labelled(fold.held)).collect();
    places.sort_unstable();
    places.dedup();
    let classes = columns.len().max(1);
    let mut counts: Vec<f32> = vec![0.0; places.len()];
    let mut rows: Vec<f32> = vec![0.0; places.len() * columns.len()];
    for fold in folds {
        let gallery = fold.embeddings.subset(&labelled(&fold.embeddings.photos))?;
        let queries = fold.embeddings.subset(&labelled(fold.held))?;
        if gallery.is_empty() || queries.is_empty() {
            continue;
        }
        let near = index::neighbours(&queries, &gallery, SEEN, progress, cancel)?;
        let of_query: BTreeMap<u32, usize> = queries.photos.iter().copied().zip(0..).collect();
        let likeness = |photo: u32, query: usize| -> Option<Vec<f32>> {
            let (_, content) = known(photo)?;
            let least = near.pairs(query).last().map_or(0.0, |(_, cosine)| cosine);
            let mut of: Vec<(f32, usize)> = vec![(0.0, 0); columns.len()];
            for (at, cosine) in near.pairs(query) {
                let (label, its_content) = known(gallery.photos[at as usize])?;
                let Some((sum, count)) = columns.get(&label).and_then(|&at| of.get_mut(at)) else { continue };
                if its_content != content && *count < NEAREST {
                    *sum += cosine;
                    *count += 1;
                }
            }
            Some(of.into_iter().map(|(sum, n)| if n == 0 { least } else { sum / n as f32 }).collect())
        };
        places.par_iter().zip(&mut counts).zip(rows.par_chunks_mut(classes)).for_each(|((&photo, count), sums)| {
            let found = of_query.get(&photo).and_then(|&query| likeness(photo, query));
            if let Some(found) = found {
                *count += 1.0;
                sums.iter_mut().zip(found).for_each(|(sum, value)| *sum += value);
            }
        });
    }
    // Of a fold without others to ask nothing is known.
    let known_of: Vec<bool> = counts.iter().map(|count| *count > 0.0).collect();
    if known_of.contains(&false) {
        let mut keep = known_of.iter().flat_map(|known| std::iter::repeat_n(*known, columns.len()));
        rows.retain(|_| keep.next().unwrap_or(false));
        let mut keep = known_of.iter();
        places.retain(|_| keep.next().copied().unwrap_or(false));
        counts.retain(|count| *count > 0.0);
    }
    let labels: Vec<u32> =
        places.iter().filter_map(|&photo| columns.get(&known(photo)?.0)).map(|&at| at as u32).collect();
    rows.par_chunks_mut(classes).zip(&counts).for_each(|(row, count)| row.iter_mut().for_each(|value| *value /= count));
    let temperature = likeliest(&rows, &labels, columns.len());
    rows.par_chunks_mut(columns.len().max(1)).for_each(|row| softmax(row, temperature));
    Ok(Rows { photos: places, labels, columns: columns.into_keys().collect(), rows, temperature })
}

/// Probabilities from cosines, `[n, columns]` row-major, with the label of each column: a softmax under the likeliest temperature, as for
/// neighbours. `labels` are places of columns.
pub fn of_cosines(photos: Vec<u32>, labels: Vec<u32>, columns: Vec<u32>, mut rows: Vec<f32>) -> Rows {
    let temperature = likeliest(&rows, &labels, columns.len());
    rows.par_chunks_mut(columns.len().max(1)).for_each(|row| softmax(row, temperature));
    Rows { photos, labels, columns, rows, temperature }
}

/// The temperature under which the given labels are likeliest.
fn likeliest(rows: &[f32], labels: &[u32], classes: usize) -> f64 {
    if labels.is_empty() || classes == 0 {
        return 0.0;
    }
    let cost = |temperature: f64| -> f64 {
        let one = |(row, &label): (&[f32], &u32)| {
            let most = row.iter().fold(f32::NEG_INFINITY, |most, &x| most.max(x));
            let scaled = |x: f32| f64::from(x - most) / temperature;
            row.iter().map(|&x| scaled(x).exp()).sum::<f64>().ln() - scaled(row[label as usize])
        };
        rows.chunks_exact(classes).zip(labels).step_by(labels.len().div_ceil(ASKED)).map(one).sum()
    };
    let tried = (0..TRIED).map(|i| 0.01 * 100f64.powf(i as f64 / (TRIED - 1) as f64));
    let costs: Vec<(f64, f64)> = tried.collect::<Vec<_>>().into_par_iter().map(|t| (cost(t), t)).collect();
    costs.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).map_or(0.0, |(_, temperature)| temperature)
}

fn softmax(row: &mut [f32], temperature: f64) {
    let most = row.iter().fold(f32::NEG_INFINITY, |most, &x| most.max(x));
    let powers: Vec<f64> = row.iter().map(|&x| (f64::from(x - most) / temperature).exp()).collect();
    let sum: f64 = powers.iter().sum();
    row.iter_mut().zip(powers).for_each(|(out, power)| *out = (power / sum) as f32);
}
