//! Products of query rows with gallery rows, made in registers and left in the nearest cache.
//!
//! Takes groups of six queries `[d, 6]` and panels of two vectors of gallery rows `[d, width]`, both packed in the order in
//! which they are read; gives a small row-major tile of their products. A tile is as large as the first two caches hold, so
//! that who looks at it never waits for memory; a general matrix product would write it out and read it again. Each number is one
//! running sum along the row (rows beyond 512 numbers: a sum of equal parts), whatever stands beside it, so equal rows give equal
//! bits wherever they stand.

use pulp::{Simd, WithSimd};

use crate::retrieve::Embeddings;
use crate::retrieve::index::exact::inverse_norm;

/// Queries in a group: six rows of two vectors are twelve sums, which fill the pipes and leave registers for the factors.
pub(super) const GROUP: usize = 6;
/// Numbers of a row that are walked at a time: a panel's 16 kB and a group's 6 kB stay in the first cache.
const PART: usize = 256;
/// The longest running sum.
const RUN: usize = 512;
/// Panels whose products with a block of queries are looked at together.
const PANELS: usize = 8;
/// Most products of a query that are looked at together: [`PANELS`] panels of the widest vectors.
pub(super) const MOST_SEEN: usize = PANELS * 32;

/// Gallery rows in a panel on this CPU: two vectors.
pub(super) fn width() -> usize {
    struct Ask;
    impl WithSimd for Ask {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            2 * S::F32_LANES
        }
    }
    pulp::Arch::new().dispatch(Ask)
}

/// Gallery rows whose products are looked at together on this CPU.
pub(super) fn seen() -> usize {
    PANELS * width()
}

/// Rows `from..from + count` divided by their lengths, as panels `[d, width]` one after the other; zeros fill the last.
pub(super) fn pack(embeddings: &Embeddings, from: usize, count: usize, width: usize, panels: &mut Vec<f32>) {
    use rayon::prelude::*;
    let dim = embeddings.dim;
    panels.clear();
    panels.resize(count.div_ceil(width) * width * dim, 0.0);
    panels.par_chunks_exact_mut(width * dim).enumerate().for_each(|(i, panel)| {
        let first = i * width;
        for j in 0..width.min(count - first) {
            let row = embeddings.row(from + first + j);
            let scale = inverse_norm(row);
            for (out, &x) in panel[j..].iter_mut().step_by(width).zip(row) {
                *out = (f64::from(x) * scale) as f32;
            }
        }
    });
}

/// Shows the products of all groups with some panels at a time, while they are in the nearest cache: `look` takes the place of the first
/// panel's first row, how many numbers a line has, and the lines `[6 · groups, step]`. `spare` is memory to work in.
pub(super) fn walk(
    groups: &[f32],
    panels: &[f32],
    dim: usize,
    spare: &mut Vec<f32>,
    mut look: impl FnMut(usize, usize, &[f32]),
) {
    let (mut tile, seen) = (Vec::new(), seen());
    for (i, panels) in panels.chunks(seen * dim).enumerate() {
        let step = panels.len() / dim;
        tile.resize(groups.len() / dim * step, 0.0);
        products(groups, panels, dim, &mut tile, spare);
        look(i * seen, step, &tile);
    }
}

/// The tile `out` `[6 · groups, width · panels]` of products of all groups with all panels. `spare` is memory to work in.
fn products(groups: &[f32], panels: &[f32], dim: usize, out: &mut [f32], spare: &mut Vec<f32>) {
    pulp::Arch::new().dispatch(Tile { groups, panels, dim, out, spare });
}

struct Tile<'a> {
    groups: &'a [f32],
    panels: &'a [f32],
    dim: usize,
    out: &'a mut [f32],
    spare: &'a mut Vec<f32>,
}

impl WithSimd for Tile<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Tile { groups, panels, dim, out, spare } = self;
        let width = 2 * S::F32_LANES;
        let step = panels.len() / dim;
        let run = dim.div_ceil(dim.div_ceil(RUN));
        for start in (0..dim).step_by(run) {
            let end = dim.min(start + run);
            let to: &mut [f32] = if start == 0 {
                &mut *out
            } else {
                spare.clear();
                spare.resize(out.len(), 0.0);
                &mut *spare
            };
            for (p, panel) in panels.chunks_exact(width * dim).enumerate() {
                for from in (start..end).step_by(PART) {
                    let upto = end.min(from + PART);
                    for (g, group) in groups.chunks_exact(GROUP * dim).enumerate() {
                        simd.vectorize(Block {
                            group: &group[GROUP * from..GROUP * upto],
                            panel: &panel[width * from..width * upto],
                            out: &mut to[g * GROUP * step + p * width..],
                            step,
                            first: from == start,
                        });
                    }
                }
            }
            if start > 0 {
                out.iter_mut().zip(&*spare).for_each(|(out, part)| *out += part);
            }
        }
    }
}

/// Six rows of two vectors; a type and not a closure, so that it is compiled for the vectors.
struct Block<'a> {
    group: &'a [f32],
    panel: &'a [f32],
    out: &'a mut [f32],
    step: usize,
    /// Whether sums begin here, and do not go on from `out`.
    first: bool,
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Block { group, panel, out, step, first } = self;
        let width = 2 * S::F32_LANES;
        let mut sums = [[simd.splat_f32s(0.0); 2]; GROUP];
        if !first {
            for (i, sums) in sums.iter_mut().enumerate() {
                let out = &S::as_simd_f32s(&out[i * step..][..width]).0[..2];
                *sums = [out[0], out[1]];
            }
        }
        for (a, b) in group.chunks_exact(GROUP).zip(panel.chunks_exact(width)) {
            let b = &S::as_simd_f32s(b).0[..2];
            let (b0, b1) = (b[0], b[1]);
            for (sums, &a) in sums.iter_mut().zip(a) {
                let a = simd.splat_f32s(a);
                sums[0] = simd.mul_add_e_f32s(a, b0, sums[0]);
                sums[1] = simd.mul_add_e_f32s(a, b1, sums[1]);
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            let out = &mut S::as_mut_simd_f32s(&mut out[i * step..][..width]).0[..2];
            out.copy_from_slice(sums);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;

    #[test]
    fn products_of_every_length_equal_sums_in_f64() {
        let mut draws = Seed::new(9).draws();
        for (queries, rows, dim) in [(1, 1, 1), (6, 8, 3), (7, 70, 255), (13, 33, 257), (5, 40, 513), (6, 9, 1300)] {
            let mut drawn = |n: usize| {
                let data = (0..n * dim).map(|_| draws.normal() as f32).collect();
                Embeddings::new(dim, (0..n as u32).collect(), data).unwrap()
            };
            let (a, b, width) = (drawn(queries), drawn(rows), width());
            let (mut groups, mut panels) = (Vec::new(), Vec::new());
            pack(&a, 0, queries, GROUP, &mut groups);
            pack(&b, 0, rows, width, &mut panels);
            let step = panels.len() / dim;
            let mut out = vec![7.0; groups.len() / dim * step];
            products(&groups, &panels, dim, &mut out, &mut Vec::new());
            for (i, line) in out.chunks_exact(step).enumerate() {
                for (j, &x) in line.iter().enumerate() {
                    // What fills up is zero.
                    let expected = if i < queries && j < rows {
                        let sum: f64 = a.row(i).iter().zip(b.row(j)).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
                        sum * inverse_norm(a.row(i)) * inverse_norm(b.row(j))
                    } else {
                        0.0
                    };
                    assert!((f64::from(x) - expected).abs() < 1e-6, "{queries} {rows} {dim}: {i} {j}: {x} {expected}");
                }
            }
        }
    }
}
