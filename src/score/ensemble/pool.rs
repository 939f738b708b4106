//! The candidates of all queries, and what any weights make of them.
//!
//! Takes for each query the places in the gallery that any member found, a number from each member for each, and which are right; gives
//! fused lists and each query's part of the metric. With the cosines of all members at each candidate, a fused list is that of the whole
//! gallery as soon as its last place reaches what no photo outside can ([`Pool::is_proven`]).

use rayon::prelude::*;

use super::Fusion;
use super::lists::rrf;
use crate::score::metric::{Judged, Metric};

/// What the members say for one query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Candidates {
    /// Places in the gallery, ascending, `[c]`.
    pub places: Vec<u32>,
    /// `[c, m]`, row-major.
    pub numbers: Vec<f64>,
    /// Whether a candidate is right, `[c]`.
    pub right: Vec<bool>,
    /// Right photos in the gallery, among the candidates or not, the query itself not counted.
    pub relevant: usize,
    /// `[m]`: no photo outside the candidates has a greater number from this member; empty where nothing is known of them.
    pub outside: Vec<f64>,
}

/// All queries, in the order of their folds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pool {
    /// Members, `m`.
    pub members: usize,
    /// The queries' photos, `[q]`.
    pub photos: Vec<u32>,
    /// One entry a query.
    pub queries: Vec<Candidates>,
}

/// One member's list for a query: places in the gallery with scores, best first.
pub type List = Vec<(u32, f64)>;

impl Candidates {
    /// Lists of all members for one query, as numbers that the fusion adds; nothing is right yet.
    pub fn of_lists(fusion: Fusion, lists: &[List]) -> Candidates {
        let mut places: Vec<u32> = lists.iter().flatten().map(|(place, _)| *place).collect();
        places.sort_unstable();
        places.dedup();
        let m = lists.len();
        let mut numbers = vec![0.0; places.len() * m];
        for (member, list) in lists.iter().enumerate() {
            let (found, absent) = match fusion {
                Fusion::Wsum { norm } => {
                    norm.of(&list.iter().map(|(_, score)| *score).collect::<Vec<f64>>(), places.len())
                }
                Fusion::Rrf { k } => (rrf(list.len(), k), 0.0),
                Fusion::Concat { .. } | Fusion::Similarity {} => (list.iter().map(|(_, s)| *s).collect(), 0.0),
            };
            numbers.iter_mut().skip(member).step_by(m.max(1)).for_each(|number| *number = absent);
            for ((place, _), number) in list.iter().zip(found) {
                if let Ok(row) = places.binary_search(place) {
                    numbers[row * m + member] = number;
                }
            }
        }
        Candidates { right: vec![false; places.len()], places, numbers, ..Candidates::default() }
    }

    /// The fused number of each candidate, `[c]`.
    pub fn fused(&self, factors: &[f64]) -> Vec<f64> {
        let row = |row: &[f64]| row.iter().zip(factors).map(|(number, factor)| number * factor).sum();
        self.numbers.chunks_exact(factors.len().max(1)).map(row).collect()
    }

    /// The best `k` candidates with their numbers, best first; of equal ones the earlier place.
    pub fn list(&self, factors: &[f64], k: usize) -> List {
        let mut list: List = self.places.iter().copied().zip(self.fused(factors)).collect();
        list.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        list.truncate(k);
        list
    }

    /// At which of the first `k` places the right photos stand, at most `most` of them.
    fn judged(&self, factors: &[f64], k: usize, most: usize) -> Judged {
        let fused = self.fused(factors);
        let before = |a: usize, b: usize| fused[a].total_cmp(&fused[b]).reverse().then(a.cmp(&b));
        let mut right: Vec<usize> = (0..fused.len()).filter(|&row| self.right[row]).collect();
        right.sort_by(|&a, &b| before(a, b));
        let mut ranks = Vec::new();
        for &row in right.iter().take(most) {
            let rank = 1 + (0..fused.len()).filter(|&other| before(other, row).is_lt()).count();
            if rank > k {
                break;
            }
            ranks.push(rank);
        }
        Judged { ranks, relevant: self.relevant }
    }
}

impl Pool {
    /// Each query's part of the metric among the first `k` places, `[q]`. `factors(query)`: what the members' numbers are multiplied by.
    pub fn parts<'a>(&self, metric: Metric, k: usize, factors: &(dyn Fn(usize) -> &'a [f64] + Sync)) -> Vec<f32> {
        let most = if matches!(metric, Metric::Mrr { .. }) { 1 } else { usize::MAX };
        let part = |(query, of): (usize, &Candidates)| metric.part(&of.judged(factors(query), k, most));
        self.queries.par_iter().enumerate().map(part).collect()
    }

    /// Whether the best `k` of a query are certainly those of the whole gallery.
    pub fn is_proven(&self, query: usize, factors: &[f64], k: usize) -> bool {
        let of = &self.queries[query];
        if of.outside.len() != factors.len() {
            return false;
        }
        let bound: f64 = of.outside.iter().zip(factors).filter(|(_, f)| **f > 0.0).map(|(most, f)| most * f).sum();
        let list = of.list(factors, k);
        // Nothing is outside where a member's list has the whole gallery.
        bound == f64::NEG_INFINITY || (list.len() == k && list.last().is_some_and(|(_, last)| *last > bound))
    }
}
