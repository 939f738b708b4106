//! Coefficients → samples, at the full size or 4, 2 or 1 samples a side (ITU T.81, A.3.3).
//!
//! Takes a block; gives N × N samples, each the mean of the 8 / N × 8 / N ones that the full transform would give: what a
//! box filter makes of the full picture, without making it (libjpeg's reduced sizes are the same means). Two passes of a
//! matrix in 14-bit fixed point, five bits kept in between. [`Plain`] says in loops what `wide.rs` does in vectors, bit for bit.

use super::huffman::Block;

/// `cos((2x + 1) k π / 16)` with the transform's scale (√⅛ for k = 0, else ½), times 2¹⁴.
const COSINES: [[i16; 8]; 8] = [
    [5793, 5793, 5793, 5793, 5793, 5793, 5793, 5793],
    [8035, 6811, 4551, 1598, -1598, -4551, -6811, -8035],
    [7568, 3135, -3135, -7568, -7568, -3135, 3135, 7568],
    [6811, -1598, -8035, -4551, 4551, 8035, 1598, -6811],
    [5793, -5793, -5793, 5793, 5793, -5793, -5793, 5793],
    [4551, -8035, 1598, 6811, -6811, -1598, 8035, -4551],
    [3135, -7568, 7568, -3135, -3135, 7568, -7568, 3135],
    [1598, -4551, 6811, -8035, 8035, -6811, 4551, -1598],
];

/// The matrix for N samples: means of neighbours, by coefficient and sample.
pub const fn means<const N: usize>() -> [[i16; N]; 8] {
    let mut out = [[0; N]; 8];
    let (mut k, part) = (0, 8 / N);
    while k < 8 {
        let mut x = 0;
        while x < N {
            let (mut sum, mut i) = (0i32, 0);
            while i < part {
                sum += COSINES[k][x * part + i] as i32;
                i += 1;
            }
            out[k][x] = (sum / part as i32) as i16;
            x += 1;
        }
        k += 1;
    }
    out
}

/// Half of the last bit that the first pass drops, and how many it drops.
pub const FIRST: (i32, i32) = (1 << 8, 9);
/// The same of the second pass, with the 128 that samples stand about.
pub const SECOND: (i32, i32) = ((1 << 18) + (128 << 19), 19);

/// The two sizes that most blocks are made at.
pub trait Transform: Copy {
    /// 8 × 8 samples into rows that are `stride` apart.
    fn eight(self, block: &Block, out: &mut [u8], stride: usize);
    /// 4 × 4 samples.
    fn four(self, block: &Block, out: &mut [u8], stride: usize);
}

/// The loops.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

impl Transform for Plain {
    #[inline(always)]
    fn eight(self, block: &Block, out: &mut [u8], stride: usize) {
        product::<8>(block, out, stride);
    }

    #[inline(always)]
    fn four(self, block: &Block, out: &mut [u8], stride: usize) {
        product::<4>(block, out, stride);
    }
}

/// The samples of a block, `side` (8, 4, 2, 1) in a row, into rows that are `stride` apart. `flat` says that there is no coefficient but
/// the first.
#[inline(always)]
pub fn samples(transform: impl Transform, block: &Block, flat: bool, side: usize, out: &mut [u8], stride: usize) {
    if flat || side == 1 {
        let grey = (((i32::from(block[0]) + 4) >> 3) + 128).clamp(0, 255) as u8;
        for row in out.chunks_mut(stride).take(side) {
            if let Some(row) = row.get_mut(..side) {
                row.fill(grey);
            }
        }
        return;
    }
    match side {
        8 => transform.eight(block, out, stride),
        4 => transform.four(block, out, stride),
        _ => product::<2>(block, out, stride),
    }
}

fn product<const N: usize>(block: &Block, out: &mut [u8], stride: usize) {
    let matrix = const { means::<N>() };
    let mut halfway = [[FIRST.0; 8]; N];
    for (row, factors) in block.chunks_exact(8).zip(&matrix) {
        for (sums, &factor) in halfway.iter_mut().zip(factors) {
            for (sum, &v) in sums.iter_mut().zip(row) {
                *sum += i32::from(v) * i32::from(factor);
            }
        }
    }
    for (sums, row) in halfway.iter().zip(out.chunks_mut(stride)) {
        let Some(row) = row.get_mut(..N) else { return };
        for (x, to) in row.iter_mut().enumerate() {
            let mut sum = SECOND.0;
            for (v, factors) in sums.iter().zip(&matrix) {
                let v = (v >> FIRST.1).clamp(i32::from(i16::MIN), i32::from(i16::MAX));
                sum = sum.wrapping_add(v * i32::from(factors[x]));
            }
            *to = (sum >> SECOND.1).clamp(0, 255) as u8;
        }
    }
}
