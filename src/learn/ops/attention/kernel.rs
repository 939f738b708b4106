//! The attention of one picture over slices: head after head, some rows of scores after others.

use crate::learn::ops::simd::{Matrix, math, matmul, wide};
use crate::learn::ops::tape::memory::Memory;

/// Floats of the scores that one step holds: a quarter of a core's second-level cache.
const SCORES: usize = 1 << 16;
/// Rows of scores are a multiple of this many floats: whole vectors.
const LANES: usize = 16;

/// How an attention is cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// Tokens.
    n: usize,
    /// Tokens filled up to whole vectors.
    line: usize,
    heads: usize,
    /// Channels of one head.
    dim: usize,
    /// Rows of scores held at once.
    rows: usize,
}

impl Plan {
    pub(super) fn new(n: usize, heads: usize, dim: usize) -> Plan {
        let line = n.next_multiple_of(LANES);
        let most = (SCORES / line).max(LANES);
        // Steps of even length: 400 rows of which 157 fit are three steps of 134.
        Plan { n, line, heads, dim, rows: n.div_ceil(n.div_ceil(most)) }
    }

    fn d(&self) -> usize {
        self.heads * self.dim
    }

    /// The factor of the scores.
    fn factor(&self) -> f32 {
        1.0 / (self.dim as f32).sqrt()
    }

    /// Where query, key or value (0, 1, 2) of a head begins.
    fn at(&self, part: usize, head: usize) -> usize {
        part * self.d() + head * self.dim
    }

    /// Queries, keys and values of a head, each `[n, dim]`.
    fn parts<'a>(&self, qkv: &'a [f32], head: usize) -> [Matrix<'a>; 3] {
        [0, 1, 2].map(|part| Matrix::new(&qkv[self.at(part, head)..], self.n, self.dim, 3 * self.d()))
    }
}

/// One picture: `qkv` `[n, 3·d]` → `y` `[n, d]`, and `logarithms` `[heads, n]`.
pub(super) fn forward(plan: &Plan, memory: &Memory, qkv: &[f32], y: &mut [f32], logarithms: &mut [f32]) {
    let Plan { n, line, heads, dim, rows } = *plan;
    let mut scores = memory.dirty(rows * line);
    for head in 0..heads {
        let [queries, keys, values] = plan.parts(qkv, head);
        for top in (0..n).step_by(rows) {
            let rows = rows.min(n - top);
            matmul(&mut scores, line, queries.rows(top, rows), keys.turned(), false);
            let logarithms = &mut logarithms[head * n + top..][..rows];
            wide!(|| softmax(plan, &mut scores, logarithms));
            let probabilities = Matrix::new(&scores, rows, n, line);
            matmul(&mut y[top * plan.d() + head * dim..], plan.d(), probabilities, values, false);
        }
    }
    memory.give(scores);
}

/// Turns rows of products into probabilities, and notes the logarithm of each row's sum.
#[inline(always)]
fn softmax(plan: &Plan, scores: &mut [f32], logarithms: &mut [f32]) {
    let factor = plan.factor();
    for (scores, logarithm) in scores.chunks_exact_mut(plan.line).zip(logarithms) {
        scores[plan.n..].fill(f32::NEG_INFINITY);
        let most = factor * fold(scores, f32::NEG_INFINITY, |a, b| if a > b { a } else { b });
        scores.iter_mut().for_each(|s| *s = math::exp_small(*s * factor - most));
        scores[plan.n..].fill(0.0);
        let sum = fold(scores, 0.0, |a, b| a + b);
        let inverse = 1.0 / sum;
        scores.iter_mut().for_each(|s| *s *= inverse);
        *logarithm = most + sum.ln();
    }
}

/// Folds a row of whole vectors to one number, in a fixed order.
#[inline(always)]
fn fold(row: &[f32], start: f32, f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [start; LANES];
    for part in row.chunks_exact(LANES) {
        for lane in 0..LANES {
            lanes[lane] = f(lanes[lane], part[lane]);
        }
    }
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] = f(lanes[lane], lanes[lane + width]);
        }
        width /= 2;
    }
    lanes[0]
}

/// One picture back: `dy` `[n, d]` → `dqkv` `[n, 3·d]`.
pub(super) fn backward(
    plan: &Plan,
    memory: &Memory,
    qkv: &[f32],
    y: &[f32],
    dy: &[f32],
    logarithms: &[f32],
    dqkv: &mut [f32],
) {
    let Plan { n, line, heads, dim, rows } = *plan;
    let d = plan.d();
    let mut scores = memory.dirty(rows * line);
    let mut slopes = memory.dirty(rows * line);
    let mut along = vec![0.0f32; rows];
    for head in 0..heads {
        let [queries, keys, values] = plan.parts(qkv, head);
        for top in (0..n).step_by(rows) {
            let (rows, add) = (rows.min(n - top), top > 0);
            let queries = queries.rows(top, rows);
            let gradient = Matrix::new(&dy[top * d + head * dim..], rows, dim, d);
            matmul(&mut scores, line, queries, keys.turned(), false);
            matmul(&mut slopes, line, gradient, values.turned(), false);
            for (row, along) in along[..rows].iter_mut().enumerate() {
                let at = (top + row) * d + head * dim;
                *along = wide!(|| y[at..][..dim].iter().zip(&dy[at..][..dim]).map(|(y, dy)| y * dy).sum());
            }
            wide!(|| turn_back(plan, &logarithms[head * n + top..][..rows], &along, &mut scores, &mut slopes));
            let probabilities = Matrix::new(&scores, rows, n, line);
            let step = Matrix::new(&slopes, rows, n, line);
            matmul(&mut dqkv[plan.at(2, head)..], 3 * d, probabilities.turned(), gradient, add);
            matmul(&mut dqkv[plan.at(0, head) + top * 3 * d..], 3 * d, step, keys, false);
            matmul(&mut dqkv[plan.at(1, head)..], 3 * d, step.turned(), queries, add);
        }
    }
    memory.give(scores);
    memory.give(slopes);
}

/// Finds the probabilities again, and turns `slopes`, which enter as the probabilities' gradients, into those of the products.
/// `along` is each row's product of output and gradient.
#[inline(always)]
fn turn_back(plan: &Plan, logarithms: &[f32], along: &[f32], scores: &mut [f32], slopes: &mut [f32]) {
    let factor = plan.factor();
    let lines = scores.chunks_exact_mut(plan.line).zip(slopes.chunks_exact_mut(plan.line));
    for ((scores, slopes), (logarithm, along)) in lines.zip(logarithms.iter().zip(along)) {
        for (score, slope) in scores.iter_mut().zip(slopes) {
            let probability = math::exp_small(*score * factor - *logarithm);
            *score = probability;
            *slope = probability * factor * (*slope - along);
        }
    }
}
