//! Matrix products small enough for the nearest cache, without packing.
//!
//! `matmul` packs its factors, which pays from some hundred rows on. The heads of an attention have a few dozen rows
//! of 32 or 64 floats, already laid out for this loop: blocks of the output stay in vector registers while it walks once
//! along the inner size. It is called inside a `pulp` dispatch, so that a whole head is one piece of vector code.

use pulp::{Simd, WithSimd};

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
    // Six rows of four vectors, or of two where there are but 16 registers.
    let widest = if S::REGISTER_COUNT >= 32 { 4 } else { 2 };
    let mut col = 0;
    while col < n {
        let width = match (n - col) / S::F32_LANES {
            left if left >= widest => widest,
            1 => 1,
            _ => 2,
        };
        let mut row = 0;
        while row < m {
            let height = (m - row).min(6);
            let job = Job {
                dst: &mut dst[row * n + col..],
                a: match a {
                    Left::Rows(a, step) => Left::Rows(&a[row * step..], step),
                    Left::Turned(a, step) => Left::Turned(&a[row..], step),
                },
                b: &b[col..],
                n,
                inner,
                add,
            };
            match width {
                4 => rows::<S, 4>(simd, height, job),
                2 => rows::<S, 2>(simd, height, job),
                _ => rows::<S, 1>(simd, height, job),
            }
            row += height;
        }
        col += width * S::F32_LANES;
    }
}

/// A block of a product: its places in output and factors.
struct Job<'a> {
    dst: &'a mut [f32],
    a: Left<'a>,
    b: &'a [f32],
    n: usize,
    inner: usize,
    add: bool,
}

#[inline(always)]
fn rows<S: Simd, const W: usize>(simd: S, height: usize, job: Job<'_>) {
    // A function of its own for each size of block, or the code of a whole head would be repeated for all of them.
    match height {
        6 => simd.vectorize(Block::<6, W>(job)),
        5 => simd.vectorize(Block::<5, W>(job)),
        4 => simd.vectorize(Block::<4, W>(job)),
        3 => simd.vectorize(Block::<3, W>(job)),
        2 => simd.vectorize(Block::<2, W>(job)),
        _ => simd.vectorize(Block::<1, W>(job)),
    }
}

/// `H` rows of `W` vectors of the output. A type and not a closure: only so is it sure to be inlined where the vectors are.
struct Block<'a, const H: usize, const W: usize>(Job<'a>);

impl<const H: usize, const W: usize> WithSimd for Block<'_, H, W> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Job { dst, a, b, n, inner, add } = self.0;
        let mut sums = [[simd.splat_f32s(0.0); W]; H];
        // One check for a step's vectors and one for its floats, and none for each row: those would cost the registers.
        match a {
            Left::Rows(a, from) => {
                let mut lines = [&a[..0]; H];
                for i in 0..H {
                    lines[i] = &a[i * from..][..inner];
                }
                for k in 0..inner {
                    let b = &S::as_simd_f32s(&b[k * n..][..W * S::F32_LANES]).0[..W];
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
                    let (a, b) = (&a[k * from..][..H], &S::as_simd_f32s(&b[k * n..][..W * S::F32_LANES]).0[..W]);
                    for i in 0..H {
                        let x = simd.splat_f32s(a[i]);
                        for j in 0..W {
                            sums[i][j] = simd.mul_add_e_f32s(x, b[j], sums[i][j]);
                        }
                    }
                }
            }
        }
        for i in 0..H {
            let dst = &mut S::as_mut_simd_f32s(&mut dst[i * n..][..W * S::F32_LANES]).0[..W];
            for j in 0..W {
                dst[j] = if add { simd.add_f32s(dst[j], sums[i][j]) } else { sums[i][j] };
            }
        }
    }
}
