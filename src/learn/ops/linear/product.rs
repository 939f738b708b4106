//! The three products of a linear layer, in register tiles over rows that are read where they lie.
//!
//! Only the weight is packed: into panels of [`WIDTH`] outputs, `[k, WIDTH]` each, with zeros where there are fewer.

use rayon::prelude::*;

use crate::learn::ops::conv::tile::{self, Job, Over, Row, Tile, WIDTH};
use crate::learn::ops::tape::memory::Memory;

/// Rows that are read again from the second-level cache while one panel after another goes by.
const ROWS: usize = 112;

/// Panels `[n / WIDTH, k, WIDTH]` of a weight `[n, k]`, for rows of `k` floats.
pub(super) fn pack(memory: &Memory, w: &[f32], n: usize, k: usize) -> Vec<f32> {
    const BLOCK: usize = 16;
    let mut packed = memory.dirty(n.div_ceil(WIDTH) * k * WIDTH);
    packed.par_chunks_mut(k * WIDTH).enumerate().for_each(|(panel, packed)| {
        let first = panel * WIDTH;
        let width = WIDTH.min(n - first);
        if width < WIDTH {
            packed.fill(0.0);
        }
        for start in (0..k).step_by(BLOCK) {
            let block = start..(start + BLOCK).min(k);
            for lane in 0..width {
                let w = &w[(first + lane) * k..][..k];
                for at in block.clone() {
                    packed[at * WIDTH + lane] = w[at];
                }
            }
        }
    });
    packed
}

/// Panels `[n / WIDTH, k, WIDTH]` of a weight `[k, n]`, for the way back.
pub(super) fn pack_turned(memory: &Memory, w: &[f32], k: usize, n: usize) -> Vec<f32> {
    let mut packed = memory.dirty(n.div_ceil(WIDTH) * k * WIDTH);
    packed.par_chunks_mut(k * WIDTH).enumerate().for_each(|(panel, packed)| {
        let first = panel * WIDTH;
        let width = WIDTH.min(n - first);
        for (line, w) in packed.chunks_exact_mut(WIDTH).zip(w.chunks_exact(n)) {
            line[..width].copy_from_slice(&w[first..][..width]);
            line[width..].fill(0.0);
        }
    });
    packed
}

/// Tiles over `rows` rows, for a source with `k` floats a row and an output with `n`.
fn tiles(rows: usize, k: usize, n: usize) -> Vec<Tile> {
    let room = tile::room();
    let (segment, mut at, mut tiles) = (room.segment, 0, Vec::new());
    while at < rows {
        let len = segment.min(rows - at);
        let segments = if rows - at >= 2 * segment { 2 } else { 1 };
        let mut tile = Tile { len, segments, ..Tile::default() };
        for s in 0..segments {
            (tile.from[s], tile.to[s]) = ((at + s * segment) * k, (at + s * segment) * n);
        }
        tiles.push(tile);
        at += len * segments;
    }
    tiles
}

/// `out = x · panels`, or added to what is there: rows of `k` floats → rows of `n`.
pub(super) fn rows(x: &[f32], k: usize, panels: &[f32], n: usize, out: &mut [f32], add: bool) {
    for (x, out) in x.chunks(ROWS * k).zip(out.chunks_mut(ROWS * n)) {
        let tiles = tiles(x.len() / k, k, n);
        for (at, panel) in panels.chunks_exact(k * WIDTH).enumerate() {
            let width = WIDTH.min(n - at * WIDTH);
            let job = Job { runs: &[0], run: k, steps: [k, n], width, add };
            tile::sums(job, &tiles, [0, at * WIDTH], x, panel, out);
        }
    }
}

/// A part of the sum over rows of `dyᵀ · x`: of `high` outputs from `top` on and whole panels of inputs from `left` on. `sums` is
/// `[panels, high, WIDTH]` and is added to; `dy` has `d` floats a row and `x` has `c`.
pub(super) fn outer(dy: &[f32], d: usize, x: &[f32], c: usize, [top, left]: [usize; 2], high: usize, sums: &mut [f32]) {
    for (dy, x) in dy.chunks(ROWS * d).zip(x.chunks(ROWS * c)) {
        let row = [Row { from: 0, to: 0, len: x.len() / c }];
        for (panel, sums) in sums.chunks_exact_mut(high * WIDTH).enumerate() {
            let at = [top, left + panel * WIDTH];
            tile::products(Over { rows: &row, at, steps: [d, c], values: high, add: true }, dy, x, sums);
        }
    }
}

/// Writes sums of [`outer`] into a weight's gradient `[d, c]`.
pub(super) fn unpack(sums: &[f32], [top, left]: [usize; 2], high: usize, c: usize, dw: &mut [f32]) {
    for (panel, sums) in sums.chunks_exact(high * WIDTH).enumerate() {
        for (row, sums) in sums.chunks_exact(WIDTH).enumerate() {
            dw[(top + row) * c + left + panel * WIDTH..][..WIDTH].copy_from_slice(sums);
        }
    }
}
