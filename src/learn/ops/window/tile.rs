//! Attention of one head in one window, forward and back, in the nearest cache.
//!
//! Takes the window's query, key and value `[n, d]`, a tile of biases `[n, n]`, and which tokens see each other; gives
//! `softmax(q·kᵀ + bias)·v`. A large window is worked on in blocks of query rows, so that its scores stay in cache.
//! Forward keeps the logarithm of each row's sum, so the way back needs no second softmax, only the exponential.

use pulp::Simd;

use super::layout::{Band, Layout, PADDING};
use crate::learn::ops::simd::math::exp_small;
use crate::learn::ops::simd::{LANES, Left, padded, small};

/// What timm adds where tokens are of different parts of the picture.
pub(super) const UNSEEN: f32 = -100.0;
/// Bias of what pads a row of scores.
pub(super) const NOTHING: f32 = -1e30;
/// Least length that a query or key is divided by, PyTorch's `normalize`.
const LEAST: f32 = 1e-12;

/// Sizes of a window's head.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Tokens of a window.
    pub(super) n: usize,
    /// Floats of a head.
    pub(super) d: usize,
    /// Channels of the map: all heads.
    pub(super) c: usize,
}

impl Shape {
    /// Query rows that are worked on together.
    fn block(&self) -> usize {
        let rows = 4096 / padded(self.n) / 6 * 6;
        rows.clamp(6, self.n.max(6))
    }
}

/// What is common to all windows of one head.
#[derive(Clone, Copy)]
pub(super) struct Head<'a> {
    pub(super) shape: Shape,
    /// First channel of the head.
    pub(super) first: usize,
    /// Factor of the scores.
    pub(super) scale: f32,
    /// Whether queries and keys are divided by their lengths first.
    pub(super) cosine: bool,
    /// What is added to query, key and value, `[d]` each.
    pub(super) offsets: [&'a [f32]; 3],
    /// Biases `[n, padded(n)]`.
    pub(super) bias: &'a [f32],
}

/// One window of one picture.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) layout: &'a Layout,
    pub(super) window: usize,
    /// Queries, keys and values of its band, `[.., 3c]`.
    pub(super) qkv: &'a Band<&'a [f32]>,
}

/// Buffers for one head of one window.
pub(super) struct Scratch {
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    /// Key, then value, turned: `[d, padded(n)]`.
    turned: [Vec<f32>; 2],
    /// Reciprocal lengths of queries and keys.
    lengths: [Vec<f32>; 2],
    scores: Vec<f32>,
    /// One over each row's sum of exponentials.
    factors: Vec<f32>,
    slopes: Vec<f32>,
    /// Output, or its gradient.
    out: Vec<f32>,
    /// Gradients of query, key and value.
    grads: [Vec<f32>; 3],
}

impl Scratch {
    pub(super) fn new(shape: Shape, training: bool) -> Scratch {
        let (rows, wide, high) = (shape.n, padded(shape.n), padded(shape.d));
        let block = shape.block() * wide;
        let of = |len: usize, wanted: bool| if wanted { vec![0.0; len] } else { Vec::new() };
        Scratch {
            q: of(rows * high, true),
            k: of(rows * high, true),
            v: of(rows * high, true),
            turned: [of(shape.d * wide, true), of(shape.d * wide, training)],
            lengths: [of(rows, true), of(rows, true)],
            scores: of(block, true),
            factors: of(shape.block(), true),
            slopes: of(block, training),
            out: of(rows * high, true),
            grads: [0; 3].map(|_| of(rows * high, training)),
        }
    }
}

/// Reads the tokens' floats from `from` on, adds `offset`, multiplies by `scale`; rows of `to` are padded with zeros.
#[inline(always)]
fn gather(to: &mut [f32], shape: Shape, place: Place<'_>, from: usize, offset: &[f32], scale: f32) {
    let tokens = place.layout.places(place.window);
    for (to, token) in to.chunks_exact_mut(padded(shape.d)).zip(tokens) {
        let to = &mut to[..shape.d];
        if *token == PADDING {
            to.iter_mut().zip(offset).for_each(|(to, offset)| *to = offset * scale);
            continue;
        }
        let x = place.qkv.token(*token, 3 * shape.c, from, shape.d);
        let whole = shape.d / LANES * LANES;
        let lanes = to.chunks_exact_mut(LANES).zip(x.chunks_exact(LANES)).zip(offset.chunks_exact(LANES));
        for ((to, x), offset) in lanes {
            for i in 0..LANES {
                to[i] = (x[i] + offset[i]) * scale;
            }
        }
        for i in whole..shape.d {
            to[i] = (x[i] + offset[i]) * scale;
        }
    }
}

/// Divides each row by its length and multiplies by `scale`; notes one over the length.
#[inline(always)]
fn normalize(x: &mut [f32], row: usize, lengths: &mut [f32], scale: f32) {
    for (x, length) in x.chunks_exact_mut(row).zip(lengths) {
        *length = 1.0 / dot(x, x).sqrt().max(LEAST);
        let factor = *length * scale;
        x.iter_mut().for_each(|x| *x *= factor);
    }
}

/// From the gradient of the normalised rows `unit · scale` to that of the rows; gives the sum of `dy · unit`.
#[inline(always)]
fn normalize_back(dy: &mut [f32], x: &[f32], row: usize, lengths: &[f32], scale: f32) -> f32 {
    let mut total = 0.0;
    for ((dy, x), length) in dy.chunks_exact_mut(row).zip(x.chunks_exact(row)).zip(lengths) {
        let along = dot(dy, x) / (scale * scale); // x is unit · scale
        total += along * scale;
        let factor = *length * scale;
        dy.iter_mut().zip(x).for_each(|(dy, x)| *dy = (*dy - along * x) * factor);
    }
    total
}

/// `Σ a·b` for rows of whole vectors.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for i in 0..LANES {
            sums[i] += a[i] * b[i];
        }
    }
    sums.iter().sum()
}

/// `x` `[n, padded(d)]` → `[d, padded(n)]`.
#[inline(always)]
fn turn(to: &mut [f32], x: &[f32], shape: Shape) {
    let (wide, high) = (padded(shape.n), padded(shape.d));
    for from in (0..shape.n).step_by(LANES) {
        let rows = &x[from * high..];
        for (i, to) in to.chunks_exact_mut(wide).enumerate() {
            let to = &mut to[from..from + LANES];
            for (j, to) in to.iter_mut().enumerate() {
                *to = rows.get(j * high + i).copied().unwrap_or(0.0);
            }
        }
    }
}

/// Adds the biases of query rows `from..`, and what hides tokens of other parts.
#[inline(always)]
fn add_bias(scores: &mut [f32], from: usize, head: &Head<'_>, place: Place<'_>) {
    let wide = padded(head.shape.n);
    let scores = scores.chunks_exact_mut(wide).zip(head.bias[from * wide..].chunks_exact(wide));
    if place.layout.mixed[place.window] {
        let parts = place.layout.regions(place.window);
        for ((scores, bias), mine) in scores.zip(&parts[from..]) {
            scores.iter_mut().zip(bias).for_each(|(s, b)| *s += b);
            for (s, part) in scores.iter_mut().zip(parts) {
                *s += if part == mine { 0.0 } else { UNSEEN };
            }
        }
    } else {
        for (scores, bias) in scores {
            scores.iter_mut().zip(bias).for_each(|(s, b)| *s += b);
        }
    }
}

/// Scores → their exponentials, less the greatest; gives it and their sum.
#[inline(always)]
fn exponentials(row: &mut [f32]) -> (f32, f32) {
    let mut most = [f32::NEG_INFINITY; LANES];
    for x in row.chunks_exact(LANES) {
        for i in 0..LANES {
            most[i] = if x[i] > most[i] { x[i] } else { most[i] };
        }
    }
    let most = most.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sums = [0.0; LANES];
    for x in row.chunks_exact_mut(LANES) {
        for i in 0..LANES {
            x[i] = exp_small(x[i] - most);
            sums[i] += x[i];
        }
    }
    (most, sums.iter().sum())
}

impl Scratch {
    #[inline(always)]
    fn queries_and_keys(&mut self, head: &Head<'_>, place: Place<'_>) {
        let Shape { d, c, .. } = head.shape;
        let scale = if head.cosine { 1.0 } else { head.scale };
        gather(&mut self.q, head.shape, place, head.first, head.offsets[0], scale);
        gather(&mut self.k, head.shape, place, c + head.first, head.offsets[1], 1.0);
        gather(&mut self.v, head.shape, place, 2 * c + head.first, head.offsets[2], 1.0);
        if head.cosine {
            normalize(&mut self.q, padded(d), &mut self.lengths[0], head.scale);
            normalize(&mut self.k, padded(d), &mut self.lengths[1], 1.0);
        }
        turn(&mut self.turned[0], &self.k, head.shape);
    }

    /// The output of a window into its band `[.., c]`, and into `sums` `[n]` the logarithm of each query's sum.
    #[inline(always)]
    pub(super) fn forward<S: Simd>(
        &mut self,
        simd: S,
        head: &Head<'_>,
        place: Place<'_>,
        y: &mut Band<&mut [f32]>,
        sums: &mut [f32],
    ) {
        self.queries_and_keys(head, place);
        let Shape { n, d, c } = head.shape;
        let (wide, high) = (padded(n), padded(d));
        let tokens = place.layout.places(place.window);
        for from in (0..n).step_by(head.shape.block()) {
            let rows = head.shape.block().min(n - from);
            let scores = &mut self.scores[..rows * wide];
            let q = Left::Rows(&self.q[from * high..], high);
            small(simd, scores, rows, q, &self.turned[0], wide, false);
            add_bias(scores, from, head, place);
            for ((scores, sum), factor) in scores.chunks_exact_mut(wide).zip(&mut sums[from..]).zip(&mut self.factors) {
                let (most, total) = exponentials(scores);
                (*sum, *factor) = (most + total.ln(), 1.0 / total);
            }
            let p = Left::Rows(scores, wide);
            small(simd, &mut self.out[..rows * high], rows, p, &self.v, high, false);
            let out = self.out.chunks_exact(high).zip(&self.factors);
            for ((out, factor), token) in out.zip(&tokens[from..from + rows]).filter(|(_, token)| **token != PADDING) {
                let to = y.token(*token, c, head.first, d);
                to.iter_mut().zip(out).for_each(|(to, o)| *to = o * factor);
            }
        }
    }

    /// The gradients of a window: of query, key and value into its band `[.., 3c]`, and added to `biases`
    /// `[n, padded(n)]` and to `offsets` `[d]` of each; gives that of the scale. `sums` are forward's.
    #[inline(always)]
    pub(super) fn backward<S: Simd>(
        &mut self,
        simd: S,
        head: &Head<'_>,
        place: Place<'_>,
        (dy, sums): (&Band<&[f32]>, &[f32]),
        (dqkv, biases, offsets): (&mut Band<&mut [f32]>, &mut [f32], [&mut [f32]; 3]),
    ) -> f32 {
        self.queries_and_keys(head, place);
        let Shape { n, d, c } = head.shape;
        let (wide, high) = (padded(n), padded(d));
        let tokens = place.layout.places(place.window);
        turn(&mut self.turned[1], &self.v, head.shape);
        for (to, token) in self.out.chunks_exact_mut(high).zip(tokens) {
            match *token {
                PADDING => to[..d].fill(0.0),
                token => to[..d].copy_from_slice(dy.token(token, c, head.first, d)),
            }
        }
        let [dq, dk, dv] = &mut self.grads;
        for from in (0..n).step_by(head.shape.block()) {
            let rows = head.shape.block().min(n - from);
            let (q, out) = (&self.q[from * high..][..rows * high], &self.out[from * high..][..rows * high]);
            let (p, ds) = (&mut self.scores[..rows * wide], &mut self.slopes[..rows * wide]);
            small(simd, p, rows, Left::Rows(q, high), &self.turned[0], wide, false);
            add_bias(p, from, head, place);
            small(simd, ds, rows, Left::Rows(out, high), &self.turned[1], wide, false);
            let biases = biases[from * wide..].chunks_exact_mut(wide);
            let each = p.chunks_exact_mut(wide).zip(ds.chunks_exact_mut(wide));
            for (((p, ds), sum), db) in each.zip(&sums[from..]).zip(biases) {
                p.iter_mut().for_each(|p| *p = exp_small(*p - sum));
                let along = dot(p, ds);
                for ((ds, p), db) in ds.iter_mut().zip(&*p).zip(db) {
                    *ds = p * (*ds - along);
                    *db += *ds;
                }
            }
            small(simd, dv, n, Left::Turned(p, wide), out, high, from > 0);
            small(simd, dk, n, Left::Turned(ds, wide), q, high, from > 0);
            small(simd, &mut dq[from * high..], rows, Left::Rows(ds, wide), &self.k, high, false);
        }
        let mut scale = 0.0;
        if head.cosine {
            scale = normalize_back(dq, &self.q, high, &self.lengths[0], head.scale);
            normalize_back(dk, &self.k, high, &self.lengths[1], 1.0);
        } else {
            dq.iter_mut().for_each(|dq| *dq *= head.scale);
        }
        for (part, (grads, offset)) in self.grads.iter().zip(offsets).enumerate() {
            for (grad, token) in grads.chunks_exact(high).zip(tokens) {
                offset.iter_mut().zip(grad).for_each(|(offset, grad)| *offset += grad);
                if *token != PADDING {
                    dqkv.token(*token, 3 * c, part * c + head.first, d).copy_from_slice(&grad[..d]);
                }
            }
        }
        scale
    }
}
