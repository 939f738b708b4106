//! Bridged confidence (Landmark retrieval 2021, fifth place).
//!
//! Takes scores; gives score + weight · bridge: the greatest, over labels that query and photo are both near to, of the lesser of the two
//! confidences. A confidence is the cosine with the label's nearest photo, with a bonus for the nearest label of all. Two photos that
//! do not look alike (inside and outside, front and back of a label) are joined where training shows both.

use rayon::prelude::*;

use super::{BRIDGED, Side, witnesses};
use crate::retrieve::index::Neighbours;
use crate::retrieve::rerank::lists::Lists;
use crate::retrieve::rerank::{Run, terms};
use crate::retrieve::{RetrieveError, Sides};

/// A photo's nearest labels with the confidence in each, by label.
fn confidences(found: &Neighbours, row: usize, labels: &[u32], k: usize, bonus: f64) -> Vec<(u32, f64)> {
    let mut nearest: Vec<(u32, f64)> = Vec::new();
    for (place, cosine) in found.pairs(row) {
        let label = labels[place as usize];
        if nearest.iter().all(|&(other, _)| other != label) {
            let bonus = if nearest.is_empty() { bonus } else { 0.0 };
            nearest.push((label, f64::from(cosine) + bonus));
        }
        if nearest.len() == k {
            break;
        }
    }
    nearest.sort_unstable_by_key(|&(label, _)| label);
    nearest
}

/// The best bridge between two photos; 0 without a common label.
fn bridge(a: &[(u32, f64)], b: &[(u32, f64)]) -> f64 {
    let (mut i, mut j) = (0, 0);
    let mut best = 0.0f64;
    while i < a.len() && j < b.len() {
        match a[i].0.cmp(&b[j].0) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                best = best.max(a[i].1.min(b[j].1));
                (i, j) = (i + 1, j + 1);
            }
        }
    }
    best
}

/// Changes the scores.
pub(in crate::retrieve::rerank) fn apply(
    sides: &Sides,
    lists: &mut Option<Lists>,
    (k, bonus, weight): (usize, f64, f64),
    run: Run,
) -> Result<String, RetrieveError> {
    const STEP: &str = "bridge";
    terms::finite(STEP, &[bonus, weight])?;
    let labelled = sides.labelled(STEP)?;
    let of = |side: Side| -> Result<Vec<Vec<(u32, f64)>>, RetrieveError> {
        let found = witnesses(sides, side, labelled, BRIDGED * k.max(1), run)?;
        let rows = (0..found.len()).into_par_iter();
        Ok(rows.map(|row| confidences(&found, row, &labelled.labels, k.max(1), bonus)).collect())
    };
    let (queries, gallery) = (of(Side::Queries)?, of(Side::Gallery)?);
    terms::add(sides, lists, 1.0, |query, place| weight * bridge(&queries[query], &gallery[place as usize]), run)?;
    Ok(format!("bridge: over the {k} nearest labels of {} labelled photos", labelled.labels.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worked_by_hand() {
        // Query: labels 1 (.9, nearest: 1.4), 2 (.6). Photo: 2 (.8, nearest: 1.3), 3 (.7), 1 (.2).
        let lists = [vec![(0.9, 0), (0.85, 1), (0.6, 2)], vec![(0.8, 2), (0.7, 3), (0.2, 0)]];
        let labels = [1, 1, 2, 3];
        let found = Neighbours {
            k: 3,
            places: lists.iter().flatten().map(|&(_, place)| place).collect(),
            cosines: lists.iter().flatten().map(|&(cosine, _)| cosine).collect(),
            least: Vec::new(),
        };
        let (a, b) = (confidences(&found, 0, &labels, 5, 0.5), confidences(&found, 1, &labels, 5, 0.5));
        assert_eq!(a.iter().map(|x| x.0).collect::<Vec<_>>(), [1, 2]);
        // Over label 1: min(1.4, .2); over label 2: min(.6, 1.3).
        assert!((bridge(&a, &b) - 0.6).abs() < 1e-6);
        assert_eq!(bridge(&a, &confidences(&found, 1, &labels, 1, 0.5)[..0]), 0.0);
        assert_eq!(confidences(&found, 0, &labels, 1, 0.5).len(), 1);
    }
}
