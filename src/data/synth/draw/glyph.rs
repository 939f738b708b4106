//! Pseudo-characters: random strokes, put together the way characters are.
//!
//! Takes a seed and a hand (the thickness of strokes); gives a sheet of ink, 32 × 32, 0 to 255. A
//! character is one part, or two or three parts side by side, above each other or inside a frame;
//! a part is a handful of horizontal, vertical and slanting strokes that keep to its box. Nobody can
//! read them, and any two differ about as much as two real ones.

use crate::base::Seed;
use crate::base::seed::Draws;

/// Side of a character's sheet.
pub const SIDE: i32 = 32;

/// How strokes look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hand {
    /// Thickness of horizontal strokes, in 256ths of the side.
    pub across: i32,
    /// Thickness of vertical and slanting strokes.
    pub down: i32,
    /// Thickness at a stroke's end, in 256ths of that at its start.
    pub taper: i32,
    /// How far ends wander, in 256ths of the side: 0 is print, 16 is a brush.
    pub wander: i32,
}

/// A sheet of ink: `SIDE × SIDE` weights of 0 to 255.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glyph {
    ink: Vec<u8>,
}

/// A box in 256ths of the side: left, top, right, bottom.
type Part = [i32; 4];

impl Glyph {
    /// The character of a seed in a hand.
    pub fn draw(seed: Seed, hand: Hand) -> Glyph {
        let draws = &mut seed.draws();
        let mut sheet = Sheet { wet: vec![false; (4 * SIDE * SIDE) as usize], hand };
        let cut = 96 + draws.below(48) as i32;
        let parts: Vec<Part> = match draws.below(10) {
            0 | 1 => vec![[20, 20, 236, 236], [64, 64, 192, 192]],
            2..=5 => vec![[16, 20, cut - 8, 236], [cut + 8, 20, 240, 236]],
            6..=7 => vec![[28, 16, 228, cut], [28, cut + 12, 228, 240]],
            8 => vec![[16, 20, cut - 8, 236], [cut + 8, 16, 240, 118], [cut + 8, 134, 240, 240]],
            _ => {
                sheet.frame([28, 24, 228, 232], draws);
                vec![[74, 70, 182, 196]]
            }
        };
        for part in parts {
            sheet.part(part.map(|edge| edge + draws.between(-10, 10) as i32), draws);
        }
        sheet.dried()
    }

    /// Ink at a place in 256ths of the side, 0 to 255, linear between the sheet's points.
    pub fn ink(&self, x: i32, y: i32) -> i32 {
        let point = |x: i32, y: i32| {
            let inside = (0..SIDE).contains(&x) && (0..SIDE).contains(&y);
            if inside { i32::from(self.ink[(y * SIDE + x) as usize]) } else { 0 }
        };
        let (x, y) = (x * SIDE - 128, y * SIDE - 128);
        let (cx, cy, u, v) = (x >> 8, y >> 8, x & 255, y & 255);
        let upper = point(cx, cy) * (256 - u) + point(cx + 1, cy) * u;
        let lower = point(cx, cy + 1) * (256 - u) + point(cx + 1, cy + 1) * u;
        (upper * (256 - v) + lower * v) >> 16
    }
}

/// The character while it is drawn, at twice its resolution.
struct Sheet {
    wet: Vec<bool>,
    hand: Hand,
}

impl Sheet {
    fn part(&mut self, part: Part, draws: &mut Draws) {
        let [left, top, right, bottom] = part;
        let (width, height) = (right - left, bottom - top);
        match draws.below(8) {
            // A box, perhaps with a bar: 口, 日.
            0 => {
                self.frame(part, draws);
                if draws.below(2) == 0 {
                    self.line(left, (top + bottom) / 2, right, (top + bottom) / 2, draws);
                }
            }
            // Bars and a post: 土, 王, 千.
            1 | 2 => {
                let bars = 2 + draws.below(if height > 120 { 3 } else { 2 }) as i32;
                for bar in 0..bars {
                    let y = top + height * (2 * bar + 1) / (2 * bars);
                    let inset = draws.below(3) as i32 * width / 8;
                    self.line(left + inset, y, right - inset, y, draws);
                }
                let x = left + width * draws.between(3, 5) as i32 / 8;
                self.line(x, top, x, bottom, draws);
            }
            // A post with sweeps: 木, 人.
            3 | 4 => {
                let (x, y) = (left + width / 2, top + height * draws.between(2, 4) as i32 / 8);
                self.line(left, y, right, y, draws);
                self.line(x, top, x, bottom, draws);
                self.line(x, y, left, bottom, draws);
                self.line(x, y, right, bottom, draws);
            }
            // A roof over something: 宀.
            5 => {
                let y = top + height / 3;
                self.line((left + right) / 2, top, (left + right) / 2, y, draws);
                self.line(left, y, right, y, draws);
                self.line(left, y, left, top + height / 2, draws);
                self.line(right, y, right, top + height / 2, draws);
                self.strokes([left + width / 6, y + height / 6, right - width / 6, bottom], 2, draws);
            }
            // Drops: 氵, 灬.
            6 => {
                let drops = 3 + draws.below(2) as i32;
                for drop in 0..drops {
                    let along = (2 * drop + 1) * if width > height { width } else { height } / (2 * drops);
                    let (x, y) =
                        if width > height { (left + along, top + height / 2) } else { (left + width / 2, top + along) };
                    let (dx, dy) = (draws.between(-18, 18) as i32, draws.between(10, 26) as i32);
                    self.line(x - dx, y - dy, x + dx, y + dy, draws);
                }
                if width.max(height) > 180 {
                    self.strokes(part, 2, draws);
                }
            }
            _ => {
                let count = 3 + draws.below(3);
                self.strokes(part, count, draws);
            }
        }
    }

    fn strokes(&mut self, [left, top, right, bottom]: Part, count: u64, draws: &mut Draws) {
        let place = |draws: &mut Draws, low: i32, high: i32| low + (high - low) * draws.below(5) as i32 / 4;
        for _ in 0..count {
            let (x0, y0) = (place(draws, left, right), place(draws, top, bottom));
            match draws.below(3) {
                0 => self.line(left, y0, right, y0, draws),
                1 => self.line(x0, top, x0, bottom, draws),
                _ => {
                    let (x1, y1) = (place(draws, left, right), place(draws, top, bottom));
                    self.line(x0, y0.min(y1), x1, y0.max(y1) + 24, draws);
                }
            }
        }
    }

    fn frame(&mut self, [left, top, right, bottom]: Part, draws: &mut Draws) {
        self.line(left, top, right, top, draws);
        self.line(left, top, left, bottom, draws);
        self.line(right, top, right, bottom, draws);
        if draws.below(3) > 0 {
            self.line(left, bottom, right, bottom, draws);
        }
    }

    /// One stroke: every point nearer to the line than half its thickness, which changes along it.
    fn line(&mut self, x0: i32, y0: i32, x1: i32, y1: i32, draws: &mut Draws) {
        let wander = i64::from(self.hand.wander);
        let [x0, y0, x1, y1] = [x0, y0, x1, y1].map(|v| v + draws.between(-wander, wander) as i32);
        let thick = if (x1 - x0).abs() > 2 * (y1 - y0).abs() { self.hand.across } else { self.hand.down };
        let (dx, dy) = (x1 - x0, y1 - y0);
        let square = (dx * dx + dy * dy).max(1);
        let step = 256 / (2 * SIDE);
        let cells = |a: i32, b: i32| ((a.min(b) - thick) / step).max(0)..((a.max(b) + thick) / step + 1).min(2 * SIDE);
        for row in cells(y0, y1) {
            for column in cells(x0, x1) {
                let (px, py) = (column * step + step / 2 - x0, row * step + step / 2 - y0);
                let along = (px * dx + py * dy).clamp(0, square);
                // Distance to the nearest point of the line, in 16ths.
                let (ex, ey) = (
                    px * 16 - (i64::from(dx) * i64::from(along) * 16 / i64::from(square)) as i32,
                    py * 16 - (i64::from(dy) * i64::from(along) * 16 / i64::from(square)) as i32,
                );
                let share = (i64::from(along) * 256 / i64::from(square)) as i32;
                let half = thick * 8 * (256 + (self.hand.taper - 256) * share / 256) / 256;
                if ex * ex + ey * ey <= half * half {
                    self.wet[(row * 2 * SIDE + column) as usize] = true;
                }
            }
        }
    }

    fn dried(self) -> Glyph {
        let wet = |x: i32, y: i32| u32::from(self.wet[(y * 2 * SIDE + x) as usize]);
        let ink = (0..SIDE * SIDE)
            .map(|i| {
                let (x, y) = (i % SIDE * 2, i / SIDE * 2);
                ((wet(x, y) + wet(x + 1, y) + wet(x, y + 1) + wet(x + 1, y + 1)) * 255 / 4) as u8
            })
            .collect();
        Glyph { ink }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINT: Hand = Hand { across: 18, down: 26, taper: 256, wander: 0 };

    #[test]
    fn characters_have_ink_and_differ() {
        let all: Vec<Glyph> = (0..200).map(|i| Glyph::draw(Seed::new(i), PRINT)).collect();
        let mut close = 0;
        for (i, glyph) in all.iter().enumerate() {
            let dark = glyph.ink.iter().filter(|&&v| v > 127).count();
            assert!((60..700).contains(&dark), "character {i} has {dark} dark points of 1024");
            for other in &all[..i] {
                let apart = glyph.ink.iter().zip(&other.ink).filter(|(a, b)| a.abs_diff(**b) > 127).count();
                assert_ne!(apart, 0, "character {i} is another one again");
                close += usize::from(apart < 100);
            }
        }
        assert!(close < 100, "{close} of 19,900 pairs look alike");
    }
}
