//! Diffusion over the graph of neighbours (Iscen et al., CVPR 2017; decoupled: Yang et al., AAAI 2019).
//!
//! Takes queries and gallery as one set; gives for each query the gallery by similarity that has spread along mutual neighbours. The
//! graph joins photos that are among each other's kd nearest (themselves counted), by cosine^gamma; S is it divided by the roots of both
//! degrees. For each photo (1 − alpha S) x = e is solved by conjugate gradients within the photos nearest to it, once and for
//! all; two photos are then as similar as their solutions, a sparse product. Nothing is dense: what the spreading does not reach is 0.

use rayon::prelude::*;

use super::Run;
use super::lists::{Lists, best};
use super::union::Union;
use crate::retrieve::index::{self, Neighbours};
use crate::retrieve::{Embeddings, RetrieveError};

/// The published code's parameters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub kd: usize,
    pub gamma: f64,
    pub alpha: f64,
    pub truncation: usize,
}

/// Steps of conjugate gradients, and the residual that ends them, as in the published code.
const ITERATIONS: usize = 20;
const TOLERANCE: f64 = 1e-6;
/// Added to degrees, so that a photo without mutual neighbours has one.
const EPSILON: f64 = 1e-12;

/// S, by rows of (place, value).
fn stochastic(graph: &Neighbours, settings: Settings) -> Vec<Vec<(u32, f64)>> {
    let k = settings.kd.saturating_sub(1);
    let near = |i: usize| &graph.list(i)[..k.min(graph.list(i).len())];
    let affinity: Vec<Vec<(u32, f64)>> = (0..graph.len())
        .into_par_iter()
        .map(|i| {
            let mutual = graph.pairs(i).take(k).filter(|&(j, _)| near(j as usize).contains(&(i as u32)));
            mutual.map(|(j, cosine)| (j, f64::from(cosine.max(0.0)).powf(settings.gamma))).collect()
        })
        .collect();
    let roots: Vec<f64> =
        affinity.iter().map(|row| (row.iter().map(|(_, a)| a).sum::<f64>() + EPSILON).sqrt().recip()).collect();
    let divided = |(i, row): (usize, Vec<(u32, f64)>)| {
        row.into_iter().map(|(j, a)| (j, a * roots[i] * roots[j as usize])).collect()
    };
    affinity.into_iter().enumerate().map(divided).collect()
}

/// The solution for one photo within those nearest to it: (place, value), unit length.
fn spread(
    s: &[Vec<(u32, f64)>],
    graph: &Neighbours,
    i: usize,
    settings: Settings,
    local: &mut [u32],
) -> Vec<(u32, f32)> {
    let around = graph.list(i);
    let around = &around[..settings.truncation.saturating_sub(1).min(around.len())];
    // Numbers of those around, in the order of nearness; then only those that can be reached.
    let ids: Vec<u32> = std::iter::once(i as u32).chain(around.iter().copied()).collect();
    ids.iter().zip(0..).for_each(|(&id, number)| local[id as usize] = number);
    let mut reached = vec![false; ids.len()];
    let mut open = vec![0usize];
    reached[0] = true;
    while let Some(at) = open.pop() {
        for &(other, value) in &s[ids[at] as usize] {
            let number = local[other as usize];
            if number != u32::MAX && value > 0.0 && !std::mem::replace(&mut reached[number as usize], true) {
                open.push(number as usize);
            }
        }
    }
    let members: Vec<u32> = ids.iter().zip(&reached).filter(|(_, reached)| **reached).map(|(&id, _)| id).collect();
    ids.iter().for_each(|&id| local[id as usize] = u32::MAX);
    members.iter().zip(0..).for_each(|(&id, number)| local[id as usize] = number);
    let rows: Vec<Vec<(u32, f64)>> = members
        .iter()
        .map(|&id| {
            let inside = s[id as usize].iter().map(|&(other, value)| (local[other as usize], value));
            inside.filter(|&(number, _)| number != u32::MAX).collect()
        })
        .collect();
    members.iter().for_each(|&id| local[id as usize] = u32::MAX);
    let x = solve(&rows, settings.alpha);
    let norm = x.iter().map(|x| x * x).sum::<f64>().sqrt();
    let scale = if norm > 0.0 { norm.recip() } else { 0.0 };
    let mut solution: Vec<(u32, f32)> =
        members.into_iter().zip(x).map(|(id, x)| (id, (x * scale) as f32)).filter(|&(_, x)| x != 0.0).collect();
    solution.sort_unstable_by_key(|&(id, _)| id);
    solution
}

/// (1 − alpha S) x = (1, 0, 0, …) by conjugate gradients from 0.
fn solve(rows: &[Vec<(u32, f64)>], alpha: f64) -> Vec<f64> {
    let n = rows.len();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut x = vec![0.0; n];
    let mut r = vec![0.0; n];
    r[0] = 1.0;
    let mut p = r.clone();
    let mut rho = 1.0f64;
    for _ in 0..ITERATIONS {
        if rho.sqrt() < TOLERANCE {
            break;
        }
        let spread = |row: &Vec<(u32, f64)>| row.iter().map(|&(j, s)| s * p[j as usize]).sum::<f64>();
        let q: Vec<f64> = rows.iter().zip(&p).map(|(row, p)| p - alpha * spread(row)).collect();
        let curve = dot(&p, &q);
        if curve <= 0.0 {
            break;
        }
        let step = rho / curve;
        x.iter_mut().zip(&p).for_each(|(x, p)| *x += step * p);
        r.iter_mut().zip(&q).for_each(|(r, q)| *r -= step * q);
        let next = dot(&r, &r);
        let turn = next / rho;
        p.iter_mut().zip(&r).for_each(|(p, r)| *p = r + turn * *p);
        rho = next;
    }
    x
}

/// The best of the gallery for each query, and what was done in one line. What the spreading does not reach follows by cosine, with
/// the score cosine − 2, below all others.
pub(super) fn rank(
    union: &Union,
    gallery: &Embeddings,
    graph: &Neighbours,
    settings: Settings,
    run: Run,
) -> Result<(Lists, String), RetrieveError> {
    if !(settings.alpha >= 0.0 && settings.alpha < 1.0 && settings.gamma >= 0.0 && settings.gamma.is_finite()) {
        let Settings { alpha, gamma, .. } = settings;
        let why = format!("alpha is {alpha} and gamma {gamma}; give alpha from 0 to below 1 and gamma from 0");
        return Err(RetrieveError::Step { step: "diffusion", why });
    }
    let near = index::neighbours(&union.queries()?, gallery, run.depth, run.progress, run.cancel)?;
    let s = stochastic(graph, settings);
    let all = graph.len();
    let mut solutions: Vec<Vec<(u32, f32)>> = Vec::with_capacity(all);
    // Some at a time, so that a stop is heard.
    for from in (0..all).step_by(4096) {
        run.cancel.check()?;
        run.progress.at("diffusion", from as u64, all as u64, "photos");
        let part = (from..all.min(from + 4096)).into_par_iter();
        let solved = part.map_init(|| vec![u32::MAX; all], |local, i| spread(&s, graph, i, settings, local));
        solutions.extend(solved.collect::<Vec<_>>());
    }
    // For each place the gallery's photos that reach it.
    let mut columns: Vec<Vec<(u32, f32)>> = vec![Vec::new(); all];
    for (row, solution) in solutions[..union.gallery_len()].iter().enumerate() {
        solution.iter().for_each(|&(column, x)| columns[column as usize].push((row as u32, x)));
    }
    let entries = (0..union.places.len()).into_par_iter().map_init(
        || vec![0.0f64; union.gallery_len()],
        |sums, q| {
            let place = union.places[q];
            let mut touched = Vec::new();
            for &(column, x) in &solutions[place as usize] {
                for &(row, other) in &columns[column as usize] {
                    let sum = &mut sums[row as usize];
                    if *sum == 0.0 {
                        touched.push(row);
                    }
                    *sum += f64::from(x) * f64::from(other);
                }
            }
            let mut list = Vec::with_capacity(touched.len() + near.k);
            for row in touched {
                let score = std::mem::take(&mut sums[row as usize]);
                if score != 0.0 && row != place {
                    list.push((row, score));
                }
            }
            let there: std::collections::HashSet<u32> = list.iter().map(|&(row, _)| row).collect();
            let others = near.pairs(q).filter(|(row, _)| !there.contains(row));
            list.extend(others.map(|(row, cosine)| (row, f64::from(cosine) - 2.0)));
            best(&mut list, run.depth);
            list.shrink_to_fit();
            list
        },
    );
    let entries: Vec<Vec<(u32, f64)>> = entries.collect();
    let reached = solutions.iter().map(Vec::len).sum::<usize>() as f64 / all.max(1) as f64;
    Ok((Lists { entries }, format!("diffusion: {all} photos, each reaches {reached:.0}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conjugate_gradients_solve_a_chain() {
        // S = [[0, .5, 0], [.5, 0, .5], [0, .5, 0]], alpha .8: (1 − .8 S) x = e₀ has the determinant .68 and
        // x = (.84, .4, .16) / .68.
        let rows = vec![vec![(1, 0.5)], vec![(0, 0.5), (2, 0.5)], vec![(1, 0.5)]];
        let x = solve(&rows, 0.8);
        for (x, expected) in x.iter().zip([0.84, 0.4, 0.16]) {
            assert!((x - expected / 0.68).abs() < 1e-12, "{x}");
        }
    }
}
