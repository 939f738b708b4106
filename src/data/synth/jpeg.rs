//! Pixels → the bytes of a baseline JPEG, in whole numbers only.
//!
//! Takes 8-bit RGB and a quality (1 to 100, libjpeg's scale); gives a JFIF file with chroma at half
//! resolution (4:2:0) and the standard tables of ITU T.81 annex K. An own encoder because the sample
//! set is committed and redrawn by a test: its bytes must not depend on the CPU's floating point nor
//! on the release of a library. The DCT is two passes of an 8 × 8 matrix in 13-bit fixed point.

/// T.81 K.1 and K.2, in zigzag order.
const QUANTISATION: [[u8; 64]; 2] = [
    [
        16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40, 26, 24, 22, 22, 24, 49, 35, 37, 29, 40, 58, 51,
        61, 60, 57, 51, 56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87, 95, 98, 103, 104, 103, 62, 77,
        113, 121, 112, 100, 120, 92, 101, 103, 99,
    ],
    [
        17, 18, 18, 24, 21, 24, 47, 26, 26, 47, 99, 66, 56, 66, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
        99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
        99, 99, 99, 99, 99, 99, 99, 99,
    ],
];

/// Where the k-th number of the zigzag stands in a block of rows.
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// `cos((2x + 1) u π / 16)` with the DCT's scale (√⅛ for u = 0, else ½), times 2¹³.
const COSINES: [[i32; 8]; 8] = [
    [2896, 2896, 2896, 2896, 2896, 2896, 2896, 2896],
    [4017, 3406, 2276, 799, -799, -2276, -3406, -4017],
    [3784, 1567, -1567, -3784, -3784, -1567, 1567, 3784],
    [3406, -799, -4017, -2276, 2276, 4017, 799, -3406],
    [2896, -2896, -2896, 2896, 2896, -2896, -2896, 2896],
    [2276, -4017, 799, 3406, -3406, -799, 4017, -2276],
    [1567, -3784, 3784, -1567, -1567, 3784, -3784, 1567],
    [799, -2276, 3406, -4017, 4017, -3406, 2276, -799],
];

/// One Huffman table of T.81 annex K: class and place as in the DHT segment, codes of each length, values.
struct Huffman {
    place: u8,
    lengths: [u8; 16],
    values: &'static [u8],
}

const DC_VALUES: &[u8] = &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

/// K.3 to K.6: DC and AC of brightness, DC and AC of colour.
const HUFFMAN: [Huffman; 4] = [
    Huffman { place: 0x00, lengths: [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], values: DC_VALUES },
    Huffman {
        place: 0x10,
        lengths: [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125],
        values: &[
            1, 2, 3, 0, 4, 17, 5, 18, 33, 49, 65, 6, 19, 81, 97, 7, 34, 113, 20, 50, 129, 145, 161, 8, 35, 66, 177,
            193, 21, 82, 209, 240, 36, 51, 98, 114, 130, 9, 10, 22, 23, 24, 25, 26, 37, 38, 39, 40, 41, 42, 52, 53, 54,
            55, 56, 57, 58, 67, 68, 69, 70, 71, 72, 73, 74, 83, 84, 85, 86, 87, 88, 89, 90, 99, 100, 101, 102, 103,
            104, 105, 106, 115, 116, 117, 118, 119, 120, 121, 122, 131, 132, 133, 134, 135, 136, 137, 138, 146, 147,
            148, 149, 150, 151, 152, 153, 154, 162, 163, 164, 165, 166, 167, 168, 169, 170, 178, 179, 180, 181, 182,
            183, 184, 185, 186, 194, 195, 196, 197, 198, 199, 200, 201, 202, 210, 211, 212, 213, 214, 215, 216, 217,
            218, 225, 226, 227, 228, 229, 230, 231, 232, 233, 234, 241, 242, 243, 244, 245, 246, 247, 248, 249, 250,
        ],
    },
    Huffman { place: 0x01, lengths: [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0], values: DC_VALUES },
    Huffman {
        place: 0x11,
        lengths: [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119],
        values: &[
            0, 1, 2, 3, 17, 4, 5, 33, 49, 6, 18, 65, 81, 7, 97, 113, 19, 34, 50, 129, 8, 20, 66, 145, 161, 177, 193, 9,
            35, 51, 82, 240, 21, 98, 114, 209, 10, 22, 36, 52, 225, 37, 241, 23, 24, 25, 26, 38, 39, 40, 41, 42, 53,
            54, 55, 56, 57, 58, 67, 68, 69, 70, 71, 72, 73, 74, 83, 84, 85, 86, 87, 88, 89, 90, 99, 100, 101, 102, 103,
            104, 105, 106, 115, 116, 117, 118, 119, 120, 121, 122, 130, 131, 132, 133, 134, 135, 136, 137, 138, 146,
            147, 148, 149, 150, 151, 152, 153, 154, 162, 163, 164, 165, 166, 167, 168, 169, 170, 178, 179, 180, 181,
            182, 183, 184, 185, 186, 194, 195, 196, 197, 198, 199, 200, 201, 202, 210, 211, 212, 213, 214, 215, 216,
            217, 218, 226, 227, 228, 229, 230, 231, 232, 233, 234, 242, 243, 244, 245, 246, 247, 248, 249, 250,
        ],
    },
];

impl Huffman {
    /// (code, length) of each value (T.81 annex C).
    fn codes(&self) -> [(u16, u8); 256] {
        let mut codes = [(0, 0); 256];
        let (mut code, mut next) = (0u16, self.values.iter());
        for (length, &count) in (1u8..).zip(&self.lengths) {
            for &value in next.by_ref().take(usize::from(count)) {
                codes[usize::from(value)] = (code, length);
                code += 1;
            }
            code <<= 1;
        }
        codes
    }
}

/// How the colour of four pixels becomes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// The mean, rounded once; below the picture the last row of pixels goes on. The committed sample set is written so.
    Mean,
    /// Each pixel's colour is rounded, then their mean, up and down by turns; below the picture the last row of colour goes on.
    Libjpeg,
}

/// The file. `rgb` holds `height × width × 3` bytes, rows from the top; both sides are 1 to 65535.
pub fn encode(rgb: &[u8], width: usize, height: usize, quality: u32) -> Vec<u8> {
    encode_with(rgb, width, height, quality, Colour::Mean)
}

/// As [`encode`], with a choice of how colour is reduced.
pub fn encode_with(rgb: &[u8], width: usize, height: usize, quality: u32, colour: Colour) -> Vec<u8> {
    assert_eq!(rgb.len(), width * height * 3, "three bytes for each pixel");
    let tables = QUANTISATION.map(|table| scaled(&table, quality));
    let mut out = header(&tables, width as u16, height as u16);
    let codes = HUFFMAN.each_ref().map(Huffman::codes);
    let mut bits = BitWriter { out: &mut out, held: 0, count: 0 };
    let mut before = [0i32; 3]; // each component's last DC
    for top in (0..height).step_by(16) {
        for left in (0..width).step_by(16) {
            let (luma, chroma) = macroblock(rgb, width, height, left, top, colour);
            for block in &luma {
                encode_block(&mut bits, block, &tables[0], &mut before[0], &codes[0], &codes[1]);
            }
            for (c, block) in chroma.iter().enumerate() {
                encode_block(&mut bits, block, &tables[1], &mut before[1 + c], &codes[2], &codes[3]);
            }
        }
    }
    bits.finish();
    out.extend([0xFF, 0xD9]);
    out
}

/// libjpeg's scale: 50 is the table itself, 100 is all ones.
fn scaled(table: &[u8; 64], quality: u32) -> [i32; 64] {
    let quality = quality.clamp(1, 100) as i32;
    let percent = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    table.map(|q| ((i32::from(q) * percent + 50) / 100).clamp(1, 255))
}

fn header(tables: &[[i32; 64]; 2], width: u16, height: u16) -> Vec<u8> {
    let mut out = vec![0xFF, 0xD8];
    let mut segment = |marker: u8, body: &[u8]| {
        out.extend([0xFF, marker]);
        out.extend((body.len() as u16 + 2).to_be_bytes());
        out.extend(body);
    };
    segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
    for (place, table) in (0u8..).zip(tables) {
        let mut body = vec![place];
        body.extend(table.iter().map(|&q| q as u8));
        segment(0xDB, &body);
    }
    let ([h0, h1], [w0, w1]) = (height.to_be_bytes(), width.to_be_bytes());
    segment(0xC0, &[8, h0, h1, w0, w1, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]);
    for table in &HUFFMAN {
        let mut body = vec![table.place];
        body.extend(table.lengths);
        body.extend(table.values);
        segment(0xC4, &body);
    }
    segment(0xDA, &[3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0]);
    out
}

type Block = [i32; 64];

/// Four blocks of brightness and one each of blue and red difference, about 0, of the 16 × 16 pixels
/// at a place; beyond the picture its last row and column go on.
fn macroblock(
    rgb: &[u8],
    width: usize,
    height: usize,
    left: usize,
    top: usize,
    colour: Colour,
) -> ([Block; 4], [Block; 2]) {
    let (mut luma, mut chroma) = ([[0; 64]; 4], [[0; 64]; 2]);
    for y in 0..16 {
        let row = (top + y).min(height - 1);
        let colour_row = match colour {
            Colour::Mean => row,
            Colour::Libjpeg => (((top + y) / 2).min((height - 1) / 2) * 2 + y % 2).min(height - 1),
        };
        for x in 0..16 {
            let column = (left + x).min(width - 1);
            let pixel = |row: usize| [0, 1, 2].map(|c| i32::from(rgb[(row * width + column) * 3 + c]));
            let [r, g, b] = pixel(row);
            // JFIF's matrix times 2¹⁶.
            luma[(y / 8) * 2 + x / 8][(y % 8) * 8 + x % 8] =
                ((19595 * r + 38470 * g + 7471 * b + (1 << 15)) >> 16) - 128;
            let place = (y / 2) * 8 + x / 2;
            let [r, g, b] = if colour_row == row { [r, g, b] } else { pixel(colour_row) };
            let differences = [-11059 * r - 21709 * g + 32768 * b, 32768 * r - 27439 * g - 5329 * b];
            for (block, difference) in chroma.iter_mut().zip(differences) {
                block[place] += match colour {
                    Colour::Mean => difference,
                    Colour::Libjpeg => ((difference + 32767) >> 16) + 128,
                };
            }
        }
    }
    let chroma = match colour {
        // The sum of four pixels, so 2¹⁸.
        Colour::Mean => chroma.map(|block| block.map(|sum| ((sum + (1 << 17)) >> 18).min(127))),
        Colour::Libjpeg => {
            chroma.map(|block| std::array::from_fn(|place| ((block[place] + 1 + (place & 1) as i32) >> 2) - 128))
        }
    };
    (luma, chroma)
}

fn encode_block(
    bits: &mut BitWriter<'_>,
    block: &Block,
    table: &[i32; 64],
    before: &mut i32,
    dc: &[(u16, u8); 256],
    ac: &[(u16, u8); 256],
) {
    let frequencies = transform(block);
    // 2¹⁷ is the scale of the transform.
    let level = |k: usize| {
        let (value, step) = (frequencies[usize::from(ZIGZAG[k])], table[k] << 17);
        if value < 0 { -((-value + step / 2) / step) } else { (value + step / 2) / step }
    };
    let first = level(0);
    let (size, tail) = magnitude(first - *before);
    *before = first;
    bits.code(dc[usize::from(size)]);
    bits.write(tail, size);
    let mut zeros = 0u8;
    for k in 1..64 {
        let value = level(k);
        if value == 0 {
            zeros += 1;
            continue;
        }
        while zeros >= 16 {
            bits.code(ac[0xF0]);
            zeros -= 16;
        }
        let (size, tail) = magnitude(value);
        bits.code(ac[usize::from(zeros << 4 | size)]);
        bits.write(tail, size);
        zeros = 0;
    }
    if zeros > 0 {
        bits.code(ac[0]);
    }
}

/// The DCT, scaled by 2¹⁷ (2¹³ twice, less 2⁹ between the passes).
fn transform(block: &Block) -> Block {
    let mut rows = [0; 64];
    for y in 0..8 {
        for (u, cosines) in COSINES.iter().enumerate() {
            let sum: i32 = cosines.iter().zip(&block[y * 8..y * 8 + 8]).map(|(c, v)| c * v).sum();
            rows[y * 8 + u] = (sum + (1 << 8)) >> 9;
        }
    }
    let mut out = [0; 64];
    for (v, cosines) in COSINES.iter().enumerate() {
        for u in 0..8 {
            out[v * 8 + u] = (0..8).map(|y| cosines[y] * rows[y * 8 + u]).sum();
        }
    }
    out
}

/// Number of bits of a level and its bits, negative ones as their ones' complement (T.81 F.1.2).
fn magnitude(value: i32) -> (u8, u32) {
    let size = 32 - value.unsigned_abs().leading_zeros();
    let tail = if value < 0 { value - 1 } else { value };
    (size as u8, tail as u32 & ((1 << size) - 1))
}

struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    held: u32,
    count: u8,
}

impl BitWriter<'_> {
    fn code(&mut self, (code, length): (u16, u8)) {
        self.write(u32::from(code), length);
    }

    fn write(&mut self, bits: u32, count: u8) {
        self.held = self.held << count | bits;
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.held >> self.count) as u8;
            self.out.push(byte);
            if byte == 0xFF {
                self.out.push(0);
            }
        }
        self.held &= (1 << self.count) - 1;
    }

    /// Fills the last byte with ones.
    fn finish(mut self) {
        if self.count > 0 {
            self.write(0x7F, 7);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;
    use crate::data::decode::{Limits, decode_bytes};

    /// Soft colours with some noise, so that every kind of block occurs.
    fn picture(width: usize, height: usize) -> Vec<u8> {
        let mut draws = Seed::new(4).draws();
        (0..height)
            .flat_map(|y| (0..width).map(move |x| (x, y)))
            .flat_map(|(x, y)| {
                let noise = draws.below(9) as usize;
                [x * 255 / width, y * 255 / height, (x + y) * 4 % 256 / 2 + noise].map(|v| v.min(255) as u8)
            })
            .collect()
    }

    #[test]
    fn another_decoder_reads_what_was_written() {
        for (width, height) in [(1, 1), (16, 16), (17, 33), (84, 112)] {
            let rgb = picture(width, height);
            let decoded = decode_bytes(&encode(&rgb, width, height, 95), &Limits::default()).unwrap();
            assert_eq!((decoded.width as usize, decoded.height as usize), (width, height));
            let error: u64 = rgb.iter().zip(&decoded.rgb).map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2)).sum();
            let mean = error / rgb.len() as u64;
            assert!(mean < 40, "{width} × {height}: mean square error {mean}");
        }
    }

    #[test]
    fn black_and_white_reach_the_ends_of_every_table() {
        // Full contrast at quality 100 has the largest levels; flat grey has only end-of-block codes.
        let checks: Vec<u8> = (0..64 * 64).flat_map(|i| [if (i + i / 64) % 2 == 0 { 255 } else { 0 }; 3]).collect();
        let decoded = decode_bytes(&encode(&checks, 64, 64, 100), &Limits::default()).unwrap();
        let worst = checks.iter().zip(&decoded.rgb).map(|(&a, &b)| a.abs_diff(b)).max();
        assert!(worst.unwrap() <= 3, "{worst:?}");
        assert!(encode(&vec![128; 64 * 64 * 3], 64, 64, 50).len() < 750);
    }

    #[test]
    fn a_lower_quality_is_a_smaller_file() {
        let rgb = picture(84, 112);
        let sizes = [30, 60, 90].map(|quality| encode(&rgb, 84, 112, quality).len());
        assert!(sizes.is_sorted(), "{sizes:?}");
    }
}
