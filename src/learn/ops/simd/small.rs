//! Matrix products small enough for the nearest cache, without packing.
//!
//! `matmul` packs its factors, which pays from some hundred rows on. The heads of an attention have a few dozen rows
//! of 32 or 64 floats, already laid out for this loop: blocks of the output stay in vector registers while it walks once
//! along the inner size. It is called inside a `pulp` dispatch, so that a whole head is one piece of vector code.

use pulp::Simd;

/// Floats that the rows of a right factor and of an output are padded to: a multiple of every vector.
pub(crate) const LANES: usize = 16;

/// `n` padded to whole vectors.
pub(crate) const fn padded(n: usize) -> usize {
    n.div_ceil(LANES) * LANES
}

/// The left factor of a small product, some floats from one row to the next.
#[derive(Clone, Copy)]
pub(crate) enum Left<'a> {
    /// `[m, inner]`.
    Rows(&'a [f32], usize),
    /// Its transpose `[inner, m]`.
    Turned(&'a [f32], usize),
}

/// `dst = a·b`, or `dst += a·b` with `add`, for `a` `[m, inner]`, and `b` and `dst` with rows of `n` floats that follow
/// each other; `n` is a multiple of [`LANES`]. What pads `b` pads `dst`.
#[inline(always)]
pub(crate) fn small<S: Simd>(simd: S, dst: &mut [f32], m: usize, a: Left<'_>, b: &[f32], n: usize, add: bool) {
    debug_assert!(n.is_multiple_of(LANES) && b.len().is_multiple_of(n));
    let inner = b.len() / n;
    let (dst, b) = (S::as_mut_simd_f32s(dst).0, S::as_simd_f32s(b).0);
    let n = n / S::F32_LANES;
    // Six rows of four vectors, or of two where there are but 16 registers.
    let widest = if S::REGISTER_COUNT >= 32 { 4 } else { 2 };
    let mut col = 0;
    while col < n {
        let width = match n - col {
            left if left >= widest => widest,
            1 => 1,
            _ => 2,
        };
        let mut row = 0;
        while row < m {
            let height = (m - row).min(6);
            let dst = &mut dst[row * n + col..];
            let a = match a {
                Left::Rows(a, step) => Left::Rows(&a[row * step..], step),
                Left::Turned(a, step) => Left::Turned(&a[row..], step),
            };
            let b = Right { b: &b[col..], n, inner };
            match width {
                4 => rows::<S, 4>(simd, dst, height, a, b, add),
                2 => rows::<S, 2>(simd, dst, height, a, b, add),
                _ => rows::<S, 1>(simd, dst, height, a, b, add),
            }
            row += height;
        }
        col += width;
    }
}

/// Some columns of the right factor, from the first on; `n` counts vectors.
#[derive(Clone, Copy)]
struct Right<'a, V> {
    b: &'a [V],
    n: usize,
    inner: usize,
}

#[inline(always)]
fn rows<S: Simd, const W: usize>(
    simd: S,
    dst: &mut [S::f32s],
    height: usize,
    a: Left<'_>,
    b: Right<'_, S::f32s>,
    add: bool,
) {
    // A function of its own for each size of block, or the code of a whole head would be repeated for all of them.
    match height {
        6 => simd.vectorize(|| block::<S, 6, W>(simd, dst, a, b, add)),
        5 => simd.vectorize(|| block::<S, 5, W>(simd, dst, a, b, add)),
        4 => simd.vectorize(|| block::<S, 4, W>(simd, dst, a, b, add)),
        3 => simd.vectorize(|| block::<S, 3, W>(simd, dst, a, b, add)),
        2 => simd.vectorize(|| block::<S, 2, W>(simd, dst, a, b, add)),
        _ => simd.vectorize(|| block::<S, 1, W>(simd, dst, a, b, add)),
    }
}

/// `H` rows of `W` vectors of the output.
#[inline(always)]
fn block<S: Simd, const H: usize, const W: usize>(
    simd: S,
    dst: &mut [S::f32s],
    a: Left<'_>,
    b: Right<'_, S::f32s>,
    add: bool,
) {
    let Right { b, n, inner } = b;
    let mut sums = [[simd.splat_f32s(0.0); W]; H];
    match a {
        Left::Rows(a, from) => {
            let lines: [&[f32]; H] = std::array::from_fn(|i| &a[i * from..][..inner]);
            for k in 0..inner {
                let b = &b[k * n..][..W];
                for i in 0..H {
                    let x = simd.splat_f32s(lines[i][k]);
                    for j in 0..W {
                        sums[i][j] = simd.mul_add_e_f32s(x, b[j], sums[i][j]);
                    }
                }
            }
        }
        Left::Turned(a, from) => {
            for k in 0..inner {
                let (a, b) = (&a[k * from..][..H], &b[k * n..][..W]);
                for i in 0..H {
                    let x = simd.splat_f32s(a[i]);
                    for j in 0..W {
                        sums[i][j] = simd.mul_add_e_f32s(x, b[j], sums[i][j]);
                    }
                }
            }
        }
    }
    for (i, sums) in sums.iter().enumerate() {
        for (dst, sum) in dst[i * n..][..W].iter_mut().zip(sums) {
            *dst = if add { simd.add_f32s(*dst, *sum) } else { *sum };
        }
    }
}
