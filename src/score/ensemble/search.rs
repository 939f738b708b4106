//! Weights that suit some queries best.
//!
//! Takes a pool, the metric and the part that each query belongs to; gives weights in steps of 1/20 whose mean is highest over
//! all parts but one. Two members are tried at every step. More are searched by moving weight from one member to another, at first a
//! fifth, then a tenth, then a twentieth, always by the best single move, from equal weights and from the best member alone: a pattern
//! search on the simplex (Hooke and Jeeves 1961), which may end beside the best weights. Nothing is drawn; of equal weights the
//! first tried wins, and equal ones are tried first. Each try is kept, so that the searches for all parts share them.

use std::collections::BTreeMap;

use super::{Fusion, Pool};
use crate::score::metric::Metric;

/// Parts that weights are made of.
pub const GRID: u32 = 20;

/// The moves of a search, in parts of [`GRID`]: one after the other.
const MOVES: [u32; 3] = [4, 2, 1];

/// Tries on one pool.
pub struct Tries<'a> {
    pool: &'a Pool,
    fusion: Fusion,
    metric: Metric,
    k: usize,
    /// The part of each query, `[q]`.
    owners: &'a [u32],
    /// Queries in each part.
    counts: Vec<usize>,
    /// For all weights that were tried the sum over each part's queries.
    known: BTreeMap<Vec<u32>, Vec<f64>>,
}

impl<'a> Tries<'a> {
    /// No try yet. `owners`: the part of each query.
    pub fn new(pool: &'a Pool, fusion: Fusion, (metric, k): (Metric, usize), owners: &'a [u32]) -> Tries<'a> {
        let parts = owners.iter().max().map_or(0, |most| *most as usize + 1);
        let mut counts = vec![0; parts];
        owners.iter().for_each(|&part| counts[part as usize] += 1);
        Tries { pool, fusion, metric, k, owners, counts, known: BTreeMap::new() }
    }

    /// How many weights were tried.
    pub fn tried(&self) -> usize {
        self.known.len()
    }

    /// The mean under weights over all queries but those of the part `without`.
    fn value(&mut self, weights: &[u32], without: Option<u32>) -> f64 {
        if !self.known.contains_key(weights) {
            let factors = self.fusion.factors(&shares(weights));
            let parts = self.pool.parts(self.metric, self.k, &|_| factors.as_slice());
            let mut sums = vec![0.0; self.counts.len()];
            for (&owner, part) in self.owners.iter().zip(parts) {
                sums[owner as usize] += f64::from(part);
            }
            self.known.insert(weights.to_vec(), sums);
        }
        let sums = &self.known[weights];
        let used = |part: &usize| Some(*part as u32) != without;
        let (mut sum, mut count) = (0.0, 0);
        for part in (0..sums.len()).filter(used) {
            sum += sums[part];
            count += self.counts[part];
        }
        sum / count.max(1) as f64
    }

    /// The best weights, of sum 1, for all queries but those of the part `without`; members that are not `among` get none.
    pub fn best(&mut self, among: &[usize], without: Option<u32>) -> Vec<f64> {
        let members = self.pool.members;
        let of = |weights: &[(usize, u32)]| {
            let mut all = vec![0; members];
            weights.iter().for_each(|&(member, weight)| all[member] = weight);
            all
        };
        let equal = of(&among.iter().map(|&member| (member, 1)).collect::<Vec<_>>());
        let mut best = (self.value(&equal, without), equal);
        let mut offer = |tries: &mut Self, weights: Vec<u32>| {
            let value = tries.value(&weights, without);
            if value > best.0 {
                best = (value, weights);
            }
        };
        if let [first, second] = among[..] {
            // From the middle outwards.
            let mut all: Vec<u32> = (0..=GRID).collect();
            all.sort_by_key(|weight| weight.abs_diff(GRID / 2));
            all.into_iter().for_each(|weight| offer(self, of(&[(first, weight), (second, GRID - weight)])));
            return shares(&best.1);
        }
        let count = among.len() as u32;
        let spread: Vec<(usize, u32)> = among
            .iter()
            .zip(0..)
            .map(|(&m, i)| (m, GRID / count.max(1) + u32::from(i < GRID % count.max(1))))
            .collect();
        let mut alone: Option<(f64, Vec<u32>)> = None;
        for &member in among {
            let weights = of(&[(member, GRID)]);
            let value = self.value(&weights, without);
            if alone.as_ref().is_none_or(|best| value > best.0) {
                alone = Some((value, weights));
            }
        }
        for start in std::iter::once(of(&spread)).chain(alone.map(|(_, weights)| weights)) {
            let found = self.climb(start, among, without);
            offer(self, found);
        }
        shares(&best.1)
    }

    /// From `now` by the best single move as long as one helps, with ever smaller moves.
    fn climb(&mut self, mut now: Vec<u32>, among: &[usize], without: Option<u32>) -> Vec<u32> {
        let mut value = self.value(&now, without);
        for step in MOVES {
            loop {
                let (mut next, mut better) = (now.clone(), value);
                for &from in among.iter().filter(|&&from| now[from] >= step) {
                    for &to in among.iter().filter(|&&to| to != from) {
                        let mut moved = now.clone();
                        moved[from] -= step;
                        moved[to] += step;
                        let found = self.value(&moved, without);
                        if found > better {
                            (next, better) = (moved, found);
                        }
                    }
                }
                if better <= value {
                    break;
                }
                (now, value) = (next, better);
            }
        }
        now
    }
}

/// Whole numbers as shares of their sum.
fn shares(weights: &[u32]) -> Vec<f64> {
    let sum: u32 = weights.iter().sum();
    weights.iter().map(|&weight| f64::from(weight) / f64::from(sum.max(1))).collect()
}
