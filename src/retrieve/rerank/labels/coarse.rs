//! Agreement of labels and coarse labels (Landmark retrieval 2021, second place).
//!
//! Takes scores; gives score + alpha · s(label of the photo) + beta · s(coarse label of the photo). s are shares over the query's nearest
//! labelled photos, each counted by its cosine; a photo's labels are those of its nearest labelled photo. A country, a brand or a species
//! is right more often than a label, so that a wrong label still lifts photos from the right surroundings.

use super::{Side, sums, witnesses};
use crate::retrieve::rerank::lists::Lists;
use crate::retrieve::rerank::{Run, terms};
use crate::retrieve::{RetrieveError, Sides};

/// Changes the scores.
pub(in crate::retrieve::rerank) fn apply(
    sides: &Sides,
    lists: &mut Option<Lists>,
    (votes, alpha, beta): (usize, f64, f64),
    run: Run,
) -> Result<String, RetrieveError> {
    const STEP: &str = "coarse-agreement";
    terms::finite(STEP, &[alpha, beta])?;
    let labelled = sides.labelled(STEP)?;
    let none = Vec::new();
    let coarse = match &labelled.coarse {
        Some(coarse) => coarse,
        None if beta == 0.0 => &none,
        None => {
            let why = "there are no coarse labels; name their column in toji.toml, or set beta = 0".into();
            return Err(RetrieveError::Step { step: STEP, why });
        }
    };
    let asked = witnesses(sides, Side::Queries, labelled, votes, run)?;
    let shares = |labels: &[u32]| -> Vec<Vec<(u32, f64)>> {
        let of = |row| {
            let mut sums = if labels.is_empty() { Vec::new() } else { sums(&asked, row, labels, 0.0) };
            let total: f64 = sums.iter().map(|(_, sum)| sum).sum();
            sums.iter_mut().for_each(|(_, sum)| *sum = if total > 0.0 { *sum / total } else { 0.0 });
            sums
        };
        (0..asked.len()).map(of).collect()
    };
    let (fine, wide) = (shares(&labelled.labels), shares(coarse));
    let nearest = witnesses(sides, Side::Gallery, labelled, 1, run)?;
    let photos: Vec<Option<u32>> = (0..nearest.len()).map(|row| nearest.list(row).first().copied()).collect();
    let share = |of: &[(u32, f64)], label: u32| of.iter().find(|(other, _)| *other == label).map_or(0.0, |&(_, s)| s);
    let term = |query: usize, place: u32| {
        let Some(witness) = photos[place as usize] else { return 0.0 };
        let wide = coarse.get(witness as usize).map_or(0.0, |&label| share(&wide[query], label));
        alpha * share(&fine[query], labelled.labels[witness as usize]) + beta * wide
    };
    terms::add(sides, lists, 1.0, term, run)?;
    Ok(format!("coarse-agreement: {votes} votes among {} labelled photos", labelled.labels.len()))
}
