//! A canvas of whole numbers and the arithmetic that drawing needs.
//!
//! Takes and gives 8-bit colours; weights run from 0 to 256, angles from 0 to 4095 (a whole turn),
//! sines are scaled by 2¹⁴. Tables were made once with 64-bit floats and are fixed since.

/// Red, green, blue.
pub type Rgb = [u8; 3];

/// One whole turn.
pub const TURN: i32 = 4096;

/// `sin(i / 64 · ¼ turn)` times 2¹⁴.
const QUARTER: [i32; 65] = [
    0, 402, 804, 1205, 1606, 2006, 2404, 2801, 3196, 3590, 3981, 4370, 4756, 5139, 5520, 5897, 6270, 6639, 7005, 7366,
    7723, 8076, 8423, 8765, 9102, 9434, 9760, 10080, 10394, 10702, 11003, 11297, 11585, 11866, 12140, 12406, 12665,
    12916, 13160, 13395, 13623, 13842, 14053, 14256, 14449, 14635, 14811, 14978, 15137, 15286, 15426, 15557, 15679,
    15791, 15893, 15986, 16069, 16143, 16207, 16261, 16305, 16340, 16364, 16379, 16384,
];

/// `asin(i / 64)` in 4096ths of a turn.
const ARC: [i32; 65] = [
    0, 10, 20, 31, 41, 51, 61, 71, 82, 92, 102, 113, 123, 133, 144, 154, 165, 175, 186, 196, 207, 218, 229, 240, 251,
    262, 273, 284, 295, 307, 318, 330, 341, 353, 365, 377, 389, 402, 414, 427, 440, 453, 467, 480, 494, 508, 523, 538,
    553, 568, 585, 601, 618, 636, 655, 674, 695, 716, 739, 765, 792, 824, 861, 909, 1024,
];

/// Sine times 2¹⁴ of an angle in 4096ths of a turn.
pub fn sin(angle: i32) -> i32 {
    let angle = angle.rem_euclid(TURN);
    let (half, within) = (angle / 2048, angle % 2048);
    let quarter = if within > 1024 { 2048 - within } else { within };
    let (i, part) = ((quarter / 16) as usize, quarter % 16);
    let value = if i == 64 { QUARTER[64] } else { QUARTER[i] + (QUARTER[i + 1] - QUARTER[i]) * part / 16 };
    if half == 1 { -value } else { value }
}

/// Cosine, as [`sin`].
pub fn cos(angle: i32) -> i32 {
    sin(angle + 1024)
}

/// Arc sine of `x / 1024`, −1024 to 1024, in 4096ths of a turn (−1024 to 1024).
pub fn asin(x: i32) -> i32 {
    let (size, sign) = (x.abs().min(1024), x.signum());
    let (i, part) = ((size / 16) as usize, size % 16);
    let value = if i == 64 { ARC[64] } else { ARC[i] + (ARC[i + 1] - ARC[i]) * part / 16 };
    sign * value
}

/// `from` to `to` by a weight of 0 to 256.
pub fn blend(from: Rgb, to: Rgb, weight: i32) -> Rgb {
    let weight = weight.clamp(0, 256);
    std::array::from_fn(|c| ((i32::from(from[c]) * (256 - weight) + i32::from(to[c]) * weight + 128) >> 8) as u8)
}

/// A colour times `gain / 256`.
pub fn shade(colour: Rgb, gain: i32) -> Rgb {
    colour.map(|v| ((i32::from(v) * gain + 128) >> 8).clamp(0, 255) as u8)
}

/// A hash of a lattice point, for textures: 0 to 255.
pub fn speck(x: i32, y: i32, salt: u32) -> i32 {
    let mut h = (x as u32).wrapping_mul(0x9E37_79B1) ^ (y as u32).wrapping_mul(0x85EB_CA77) ^ salt;
    h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
    h = (h ^ (h >> 12)).wrapping_mul(0x297A_2D39);
    ((h ^ (h >> 15)) & 255) as i32
}

/// A soft texture: [`speck`] at a lattice of `cell` pixels, linear between: 0 to 255.
pub fn cloud(x: i32, y: i32, cell: i32, salt: u32) -> i32 {
    let (cx, cy) = (x.div_euclid(cell), y.div_euclid(cell));
    let (u, v) = (x.rem_euclid(cell), y.rem_euclid(cell));
    let top = speck(cx, cy, salt) * (cell - u) + speck(cx + 1, cy, salt) * u;
    let low = speck(cx, cy + 1, salt) * (cell - u) + speck(cx + 1, cy + 1, salt) * u;
    (top * (cell - v) + low * v) / (cell * cell)
}

/// Pixels in rows from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canvas {
    /// Columns.
    pub width: i32,
    /// Rows.
    pub height: i32,
    /// `height × width` colours.
    pub pixels: Vec<Rgb>,
}

impl Canvas {
    /// A canvas of one colour.
    pub fn new(width: i32, height: i32, colour: Rgb) -> Canvas {
        Canvas { width, height, pixels: vec![colour; (width * height) as usize] }
    }

    /// The colour at a place; beyond the edge that of the edge.
    pub fn at(&self, x: i32, y: i32) -> Rgb {
        let (x, y) = (x.clamp(0, self.width - 1), y.clamp(0, self.height - 1));
        self.pixels[(y * self.width + x) as usize]
    }

    /// Changes each pixel of a rectangle, as far as it lies on the canvas: `change(x, y, colour)`.
    pub fn change(
        &mut self,
        x: std::ops::Range<i32>,
        y: std::ops::Range<i32>,
        mut change: impl FnMut(i32, i32, Rgb) -> Rgb,
    ) {
        for row in y.start.max(0)..y.end.min(self.height) {
            for column in x.start.max(0)..x.end.min(self.width) {
                let pixel = &mut self.pixels[(row * self.width + column) as usize];
                *pixel = change(column, row, *pixel);
            }
        }
    }

    /// Changes every pixel.
    pub fn change_all(&mut self, change: impl FnMut(i32, i32, Rgb) -> Rgb) {
        self.change(0..self.width, 0..self.height, change);
    }

    /// The mean of each 2 × 2 pixels. Both sides must be even.
    pub fn halved(&self) -> Canvas {
        let (width, height) = (self.width / 2, self.height / 2);
        let mut pixels = Vec::with_capacity((width * height) as usize);
        for y in 0..height {
            for x in 0..width {
                let four = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(dx, dy)| self.at(2 * x + dx, 2 * y + dy));
                pixels
                    .push(std::array::from_fn(|c| ((four.iter().map(|p| u32::from(p[c])).sum::<u32>() + 2) / 4) as u8));
            }
        }
        Canvas { width, height, pixels }
    }

    /// Each pixel twice along both axes: the other way of [`Canvas::halved`].
    pub fn doubled(&self) -> Canvas {
        let mut pixels = Vec::with_capacity(4 * self.pixels.len());
        for row in self.pixels.chunks_exact(self.width as usize) {
            for _ in 0..2 {
                pixels.extend(row.iter().flat_map(|&pixel| [pixel; 2]));
            }
        }
        Canvas { width: 2 * self.width, height: 2 * self.height, pixels }
    }

    /// Blurred with weights 1 2 1 along both axes, `times` over.
    pub fn blurred(mut self, times: u32) -> Canvas {
        for _ in 0..times {
            self.mix([(-1, 0), (0, 0), (0, 0), (1, 0)]);
            self.mix([(0, -1), (0, 0), (0, 0), (0, 1)]);
        }
        self
    }

    /// Smeared along one axis, as by a hand that shakes.
    pub fn smeared(mut self, along_x: bool) -> Canvas {
        self.mix([-1, 0, 1, 2].map(|k| if along_x { (k, 0) } else { (0, k) }));
        self
    }

    /// Replaces each pixel by the mean of four at the given offsets.
    fn mix(&mut self, offsets: [(i32, i32); 4]) {
        let mut pixels = Vec::with_capacity(self.pixels.len());
        for y in 0..self.height {
            let rows = offsets.map(|(_, dy)| (y + dy).clamp(0, self.height - 1) * self.width);
            for x in 0..self.width {
                let mut sum = [2u16; 3];
                for ((dx, _), row) in offsets.iter().zip(rows) {
                    let pixel = self.pixels[(row + (x + dx).clamp(0, self.width - 1)) as usize];
                    for c in 0..3 {
                        sum[c] += u16::from(pixel[c]);
                    }
                }
                pixels.push(sum.map(|v| (v / 4) as u8));
            }
        }
        self.pixels = pixels;
    }

    /// The rectangle from (`left`, `top`) to (`right`, `bottom`), enlarged back to the canvas's own size (linear).
    pub fn enlarged(&self, left: i32, top: i32, right: i32, bottom: i32) -> Canvas {
        let mut out = self.clone();
        let place = |i: i32, n: i32, low: i32, high: i32| low * 256 + (2 * i + 1) * (high - low) * 128 / n - 128;
        out.change_all(|x, y, _| {
            let (sx, sy) = (place(x, self.width, left, right), place(y, self.height, top, bottom));
            let (cx, cy) = (sx >> 8, sy >> 8);
            let upper = blend(self.at(cx, cy), self.at(cx + 1, cy), sx & 255);
            let lower = blend(self.at(cx, cy + 1), self.at(cx + 1, cy + 1), sx & 255);
            blend(upper, lower, sy & 255)
        });
        out
    }

    /// The pixels as bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.pixels.as_flattened().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sine_and_its_inverse_agree_with_the_real_ones() {
        for angle in -5000..5000 {
            let exact = (f64::from(angle) / 4096.0 * std::f64::consts::TAU).sin() * 16384.0;
            assert!((f64::from(sin(angle)) - exact).abs() < 8.0, "{angle}");
        }
        for x in -1024..=1024 {
            let exact = (f64::from(x) / 1024.0).asin() / std::f64::consts::TAU * 4096.0;
            // The slope at the ends is steep; a linear table is 15 off at most (1.3 degrees).
            assert!((f64::from(asin(x)) - exact).abs() < 30.0, "{x}: {} {exact}", asin(x));
        }
    }

    #[test]
    fn blur_and_halving_keep_flat_colours() {
        let flat = Canvas::new(6, 4, [9, 100, 255]);
        assert_eq!(flat.clone().blurred(2).smeared(true), flat);
        assert_eq!(flat.halved(), Canvas::new(3, 2, [9, 100, 255]));
        assert_eq!(flat.halved().doubled(), flat);
        assert_eq!(flat.enlarged(1, 1, 5, 3), flat);
    }

    #[test]
    fn enlarging_the_whole_changes_nothing() {
        let mut canvas = Canvas::new(8, 6, [0; 3]);
        canvas.change_all(|x, y, _| [(x * 30) as u8, (y * 40) as u8, 7]);
        assert_eq!(canvas.enlarged(0, 0, 8, 6), canvas);
    }
}
