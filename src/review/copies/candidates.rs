//! Which photos are worth comparing: few pairs, in which all near copies are.
//!
//! Takes the small grey pictures and hashes of photos that differ in their pixels, and embeddings where there are some; gives pairs, each
//! once. A perceptual hash alone confuses bottles under one light and loses trimmed copies, so pairs come from three sides: hashes within a
//! Hamming radius, the nearest by 8 × 8 grey areas (of the whole picture, and of four windows with a fourteenth cut off each side, since a
//! trimmed copy lies within its original), and the nearest embeddings. Searches are exact and blocked ([`index`]), so nothing has the size n².

use std::collections::BTreeSet;

use super::Settings;
use crate::base::{Cancel, Progress};
use crate::data::picture::alike;
use crate::retrieve::{Embeddings, RetrieveError, index};
use crate::review::measures::{Measures, SMALL};

/// Areas a side of what is searched.
const SIDE: usize = 8;
/// Neighbours of each window.
const NEAR: usize = 4;
/// The share of a side that a window leaves out.
const CUT: f64 = 1.0 / 14.0;
/// Correlation of the 8 × 8 areas below which a neighbour is a stranger.
const LEAST: f32 = 0.8;

/// Pairs (a < b) of places in the manifest. `photos` differ in pixels.
pub(super) fn candidates(
    photos: &[(u32, &Measures)],
    embeddings: Option<&Embeddings>,
    settings: &Settings,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Vec<(u32, u32)>, RetrieveError> {
    let mut found: BTreeSet<(u32, u32)> = BTreeSet::new();
    let mut add = |a: u32, b: u32| {
        if a != b {
            found.insert((a.min(b), a.max(b)));
        }
    };
    let hashes: Vec<Option<u64>> = photos.iter().map(|(_, m)| Some(m.hash)).collect();
    alike::near(&hashes, settings.radius, |a, b| add(photos[a].0, photos[b].0));
    let gallery = cut(photos, [0.5; 2], 1.0)?;
    let mut search = |queries: &Embeddings| -> Result<(), RetrieveError> {
        let near = index::neighbours(queries, &gallery, NEAR, progress, cancel)?;
        for (row, &photo) in queries.photos.iter().enumerate() {
            let alike = near.pairs(row).filter(|(_, cosine)| *cosine >= LEAST);
            alike.for_each(|(place, _)| add(photo, gallery.photos[place as usize]));
        }
        Ok(())
    };
    search(&gallery)?;
    for x in [-1.0, 1.0] {
        for y in [-1.0, 1.0] {
            search(&cut(photos, [0.5 + x * CUT / 4.0, 0.5 + y * CUT / 4.0], 1.0 - CUT)?)?;
        }
    }
    if let Some(embeddings) = embeddings.filter(|embeddings| !embeddings.is_empty()) {
        let known: BTreeSet<u32> = photos.iter().map(|(photo, _)| *photo).collect();
        let near = index::graph(embeddings, NEAR, progress, cancel)?;
        for (row, &photo) in embeddings.photos.iter().enumerate() {
            let alike = near.pairs(row).filter(|(_, cosine)| f64::from(*cosine) >= settings.cosine);
            let alike = alike.map(|(place, _)| embeddings.photos[place as usize]);
            alike.filter(|other| known.contains(&photo) && known.contains(other)).for_each(|other| add(photo, other));
        }
    }
    Ok(found.into_iter().collect())
}

/// The 8 × 8 areas of a window of each photo, about their mean; a cosine of two rows is their correlation.
fn cut(photos: &[(u32, &Measures)], middle: [f64; 2], side: f64) -> Result<Embeddings, RetrieveError> {
    let [columns, rows] = middle.map(|middle| weights(middle - side / 2.0, middle + side / 2.0));
    let mut data = Vec::with_capacity(photos.len() * SIDE * SIDE);
    for (_, measures) in photos {
        let (lines, _) = measures.small.as_chunks::<SMALL>();
        let across = lines.iter().map(|line| sums(&columns, |x| f32::from(line[x])));
        let across: Vec<[f32; SIDE]> = across.collect();
        let mut areas = [[0.0; SIDE]; SIDE];
        for (column, area) in (0..SIDE).map(|column| (column, sums(&rows, |y| across[y][column]))) {
            areas.iter_mut().zip(area).for_each(|(row, value)| row[column] = value);
        }
        let areas = areas.as_flattened();
        let mean = areas.iter().sum::<f32>() / areas.len() as f32;
        data.extend(areas.iter().map(|area| area - mean));
    }
    Embeddings::new(SIDE * SIDE, photos.iter().map(|(photo, _)| *photo).collect(), data)
}

fn sums(weights: &[Vec<(usize, f32)>; SIDE], value: impl Fn(usize) -> f32) -> [f32; SIDE] {
    std::array::from_fn(|i| weights[i].iter().map(|&(at, weight)| weight * value(at)).sum())
}

/// For each of eight equal parts of a span (shares of a side) the areas that it covers, with their weights.
fn weights(from: f64, to: f64) -> [Vec<(usize, f32)>; SIDE] {
    let step = (to - from) * SMALL as f64 / SIDE as f64;
    std::array::from_fn(|i| {
        let (low, high) = (from * SMALL as f64 + i as f64 * step, from * SMALL as f64 + (i + 1) as f64 * step);
        let covered = |at: usize| ((at + 1) as f64).min(high) - (at as f64).max(low);
        let areas = low.max(0.0) as usize..(high.ceil() as usize).min(SMALL);
        areas.map(|at| (at, (covered(at).max(0.0) / step) as f32)).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_span_weigh_one() {
        for (from, to) in [(0.0, 1.0), (0.02, 0.95), (0.0714, 1.0)] {
            for part in weights(from, to) {
                assert!((part.iter().map(|(_, weight)| weight).sum::<f32>() - 1.0).abs() < 1e-5, "{part:?}");
            }
        }
        assert_eq!(weights(0.0, 1.0)[7], [(21, 1.0 / 3.0), (22, 1.0 / 3.0), (23, 1.0 / 3.0)]);
    }
}
