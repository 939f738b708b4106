//! The transform in AVX2's vectors: 16-bit products of pairs, added in 32 bits.
//!
//! Takes and gives what [`Plain`](super::transform::Plain) does, bit for bit. The first pass runs down all columns at once, with even
//! and odd coefficients apart, since these mirror; the second spreads pairs of a row's numbers over all of its outputs, so that
//! nothing is transposed.

use pulp::x86::V3;
use std::arch::x86_64::{__m128i, __m256i};

use super::huffman::Block;
use super::transform::{FIRST, SECOND, Transform, means};

/// Pairs of a matrix's rows 2j and 2j + 1 for each of 8 lanes, whose outputs repeat after N.
const fn pairs<const N: usize>() -> [[i16; 16]; 4] {
    let matrix = means::<N>();
    let mut out = [[0; 16]; 4];
    let mut j = 0;
    while j < 4 {
        let mut lane = 0;
        while lane < 8 {
            out[j][2 * lane] = matrix[2 * j][lane % N];
            out[j][2 * lane + 1] = matrix[2 * j + 1][lane % N];
            lane += 1;
        }
        j += 1;
    }
    out
}

/// Rows `a` and `b` of 16 bits as pairs.
#[inline(always)]
fn zipped(simd: V3, a: __m128i, b: __m128i) -> __m256i {
    let low = simd.avx._mm256_castsi128_si256(simd.sse2._mm_unpacklo_epi16(a, b));
    simd.avx2._mm256_inserti128_si256::<1>(low, simd.sse2._mm_unpackhi_epi16(a, b))
}

/// The same pair in all lanes.
#[inline(always)]
fn both(simd: V3, a: i16, b: i16) -> __m256i {
    simd.avx._mm256_set1_epi32(i32::from(b) << 16 | i32::from(a as u16))
}

/// The first pass: output row `x` and its mirror image `N - 1 - x`, all columns.
#[inline(always)]
fn down<const N: usize>(simd: V3, even: [__m256i; 2], odd: [__m256i; 2], x: usize) -> [__m256i; 2] {
    let even = simd.avx2._mm256_add_epi32(half::<N>(simd, even, 0, x), simd.avx._mm256_set1_epi32(FIRST.0));
    let odd = half::<N>(simd, odd, 1, x);
    let (sum, rest) = (simd.avx2._mm256_add_epi32(even, odd), simd.avx2._mm256_sub_epi32(even, odd));
    [simd.avx2._mm256_srai_epi32::<{ FIRST.1 }>(sum), simd.avx2._mm256_srai_epi32::<{ FIRST.1 }>(rest)]
}

/// The part of every second coefficient from `k` on.
#[inline(always)]
fn half<const N: usize>(simd: V3, rows: [__m256i; 2], k: usize, x: usize) -> __m256i {
    let matrix = const { means::<N>() };
    let first = simd.avx2._mm256_madd_epi16(rows[0], both(simd, matrix[k][x], matrix[k + 2][x]));
    let second = simd.avx2._mm256_madd_epi16(rows[1], both(simd, matrix[k + 4][x], matrix[k + 6][x]));
    simd.avx2._mm256_add_epi32(first, second)
}

/// Pairs of the block's even and odd rows.
#[inline(always)]
fn rows(simd: V3, block: &Block) -> ([__m256i; 2], [__m256i; 2]) {
    let [a, b, c, d, e, f, g, h]: [__m128i; 8] = pulp::cast(*block);
    ([zipped(simd, a, c), zipped(simd, e, g)], [zipped(simd, b, d), zipped(simd, f, h)])
}

/// The second pass for the lanes of `packed` that hold a row's pairs.
#[inline(always)]
fn along(simd: V3, packed: __m256i, lanes: [[i32; 8]; 4], factors: &[[i16; 16]; 4]) -> __m256i {
    let mut sum = simd.avx._mm256_set1_epi32(SECOND.0);
    for j in 0..4 {
        let spread = simd.avx2._mm256_permutevar8x32_epi32(packed, pulp::cast(lanes[j]));
        sum = simd.avx2._mm256_add_epi32(sum, simd.avx2._mm256_madd_epi16(spread, pulp::cast(factors[j])));
    }
    simd.avx2._mm256_srai_epi32::<{ SECOND.1 }>(sum)
}

/// Two rows of eight from a pack of both.
#[inline(always)]
fn eights(simd: V3, packed: __m256i) -> __m256i {
    const FACTORS: [[i16; 16]; 4] = pairs::<8>();
    let first = along(simd, packed, const { [[0; 8], [1; 8], [4; 8], [5; 8]] }, &FACTORS);
    let second = along(simd, packed, const { [[2; 8], [3; 8], [6; 8], [7; 8]] }, &FACTORS);
    simd.avx2._mm256_packs_epi32(first, second)
}

/// Two rows of four from a pack of both, one in each half.
#[inline(always)]
fn fours(simd: V3, packed: __m256i) -> __m256i {
    const FACTORS: [[i16; 16]; 4] = pairs::<4>();
    const LANES: [[i32; 8]; 4] =
        [[0, 0, 0, 0, 2, 2, 2, 2], [1, 1, 1, 1, 3, 3, 3, 3], [4, 4, 4, 4, 6, 6, 6, 6], [5, 5, 5, 5, 7, 7, 7, 7]];
    along(simd, packed, LANES, &FACTORS)
}

impl Transform for V3 {
    #[inline(always)]
    fn eight(self, block: &Block, out: &mut [u8], stride: usize) {
        let (even, odd) = rows(self, block);
        let (a, b) = (down::<8>(self, even, odd, 0), down::<8>(self, even, odd, 1));
        let (c, d) = (down::<8>(self, even, odd, 2), down::<8>(self, even, odd, 3));
        // Rows 0 and 1, 2 and 3, …, each as four of one, four of the other, and again.
        let upper = self.avx2._mm256_packus_epi16(
            eights(self, self.avx2._mm256_packs_epi32(a[0], b[0])),
            eights(self, self.avx2._mm256_packs_epi32(c[0], d[0])),
        );
        let lower = self.avx2._mm256_packus_epi16(
            eights(self, self.avx2._mm256_packs_epi32(d[1], c[1])),
            eights(self, self.avx2._mm256_packs_epi32(b[1], a[1])),
        );
        let order = pulp::cast([0, 4, 1, 5, 2, 6, 3, 7]);
        let upper: [[u8; 8]; 4] = pulp::cast(self.avx2._mm256_permutevar8x32_epi32(upper, order));
        let lower: [[u8; 8]; 4] = pulp::cast(self.avx2._mm256_permutevar8x32_epi32(lower, order));
        for (row, bytes) in upper.iter().chain(&lower).enumerate() {
            if let Some(to) = out.get_mut(row * stride..).and_then(|rest| rest.first_chunk_mut()) {
                *to = *bytes;
            }
        }
    }

    #[inline(always)]
    fn four(self, block: &Block, out: &mut [u8], stride: usize) {
        let (even, odd) = rows(self, block);
        let (a, b) = (down::<4>(self, even, odd, 0), down::<4>(self, even, odd, 1));
        let sums = self.avx2._mm256_packs_epi32(
            fours(self, self.avx2._mm256_packs_epi32(a[0], b[0])),
            fours(self, self.avx2._mm256_packs_epi32(b[1], a[1])),
        );
        let bytes: [[u8; 4]; 8] = pulp::cast(self.avx2._mm256_packus_epi16(sums, sums));
        for (row, place) in [0, 4, 1, 5].into_iter().enumerate() {
            if let Some(to) = out.get_mut(row * stride..).and_then(|rest| rest.first_chunk_mut()) {
                *to = bytes[place];
            }
        }
    }
}
