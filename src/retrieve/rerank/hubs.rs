//! Rankings with hubs lowered: photos that are near to everything.
//!
//! Takes both sides; gives the gallery by 2 cosine − r(query) − r(photo), r the mean cosine with the nearest of the other side (CSLS;
//! Conneau et al., ICLR 2018), or by the share that a query has in all queries' similarity to a photo (inverted softmax; Smith et
//! al., ICLR 2017), as its logarithm. Both ask all queries about each photo, so a list depends on the other queries.

use super::Run;
use super::lists::Lists;
use super::terms::{finite, means};
use crate::retrieve::index::exact::{by, log_sums};
use crate::retrieve::{RetrieveError, Sides, index};

/// Cross-domain similarity local scaling with `k` neighbours of each side.
pub(super) fn csls(sides: &Sides, k: usize, run: Run) -> Result<Lists, RetrieveError> {
    let (queries, gallery) = (&sides.queries, &sides.gallery);
    let near = means(&index::neighbours(queries, gallery, k, run.progress, run.cancel)?);
    let back = means(&index::neighbours(gallery, queries, k, run.progress, run.cancel)?);
    let score =
        |query: usize, place: u32, cosine: f32| (2.0 * f64::from(cosine) - near[query] - back[place as usize]) as f32;
    Ok(Lists::of(&by(queries, gallery, run.depth, score, run.progress, run.cancel)?))
}

/// `beta` · cosine − ln Σ exp(`beta` · cosine) over all queries.
pub(super) fn inverted_softmax(sides: &Sides, beta: f64, run: Run) -> Result<Lists, RetrieveError> {
    finite("inverted-softmax", &[beta])?;
    let (queries, gallery) = (&sides.queries, &sides.gallery);
    let sums = log_sums(gallery, queries, beta, run.progress, run.cancel)?;
    let score = |_, place: u32, cosine: f32| (beta * f64::from(cosine) - sums[place as usize]) as f32;
    Ok(Lists::of(&by(queries, gallery, run.depth, score, run.progress, run.cancel)?))
}
