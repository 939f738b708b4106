//! A brand's label as a flat sheet.
//!
//! Takes the plan of a label; gives its pixels and which of them are paper. Drawn once a brand: the
//! photos wrap the sheet round the bottle.

use super::glyph::{Glyph, Hand};
use super::look::{Label, Layout, Pattern};
use super::raster::{Canvas, Rgb, blend, cloud, shade, speck};
use crate::base::Seed;

/// Columns of a sheet.
pub const WIDTH: i32 = 144;
/// Rows of a sheet.
pub const HEIGHT: i32 = 192;

/// Small print is set in one hand everywhere, bold enough to survive being small.
const PRINT: Hand = Hand { across: 24, down: 30, taper: 256, wander: 0 };

/// A flat label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    canvas: Canvas,
    oval: bool,
}

impl Sheet {
    /// Prints the label.
    pub fn print(label: &Label) -> Sheet {
        let mut sheet = Sheet { canvas: Canvas::new(WIDTH, HEIGHT, label.paper), oval: label.layout == Layout::Oval };
        sheet.background(label);
        sheet.border(label);
        match label.layout {
            Layout::Column => {
                sheet.column(&label.name, label.hand, 72, 100, 14, 176, label.ink);
                sheet.column(&label.print, PRINT, 22, 36, 22, 170, label.ink);
                sheet.fine_text(label, 116, 40, 130, 150);
            }
            Layout::Aside => {
                sheet.column(&label.name, label.hand, 94, 84, 12, 178, label.ink);
                sheet.column(&label.print, PRINT, 30, 36, 10, 146, label.ink);
                sheet.seal(label, 34, 164);
            }
            Layout::Single => {
                sheet.column(&label.name, label.hand, 72, 124, 10, 134, label.ink);
                sheet.row(&label.print, PRINT, 157, 34, 8, 136, label.ink);
                sheet.fine_text(label, 30, 178, 114, 186);
            }
            Layout::Row => {
                sheet.row(&label.name, label.hand, 44, 66, 6, 138, label.ink);
                sheet.crest(label, 72, 108, 24);
                sheet.row(&label.print, PRINT, 157, 34, 8, 136, label.ink);
            }
            Layout::Band => {
                sheet.canvas.change(44..104, 0..HEIGHT, |_, _, _| label.accent);
                sheet.column(&label.name, label.hand, 74, 60, 10, 182, label.paper);
                sheet.column(&label.print, PRINT, 22, 35, 28, 178, label.ink);
                sheet.crest(label, 124, 30, 14);
                sheet.fine_text(label, 112, 60, 136, 170);
            }
            Layout::Oval => {
                sheet.column(&label.name, label.hand, 72, 104, 18, 136, label.ink);
                sheet.row(&label.print, PRINT, 152, 30, 20, 124, label.ink);
            }
        }
        sheet
    }

    /// The colour at a place in 1024ths of width and height; `None` beside the paper.
    pub fn at(&self, x: i32, y: i32) -> Option<Rgb> {
        if !(0..1024).contains(&x) || !(0..1024).contains(&y) {
            return None;
        }
        if self.oval {
            let (dx, dy) = (x - 512, y - 512);
            if dx * dx + dy * dy > 512 * 512 {
                return None;
            }
        }
        let (x, y) = (x * WIDTH - 512, y * HEIGHT - 512);
        let (cx, cy) = (x >> 10, y >> 10);
        let (u, v) = ((x & 1023) >> 2, (y & 1023) >> 2);
        let upper = blend(self.canvas.at(cx, cy), self.canvas.at(cx + 1, cy), u);
        let lower = blend(self.canvas.at(cx, cy + 1), self.canvas.at(cx + 1, cy + 1), u);
        Some(blend(upper, lower, v))
    }

    /// The sheet itself, for looking at.
    pub fn canvas(&self) -> &Canvas {
        &self.canvas
    }

    fn background(&mut self, label: &Label) {
        let faint = blend(label.paper, label.accent, 72);
        self.canvas.change_all(|x, y, paper| match label.pattern {
            Pattern::Plain => paper,
            Pattern::Washi => shade(paper, 256 - (cloud(x, y, 9, label.grain) + speck(x, y / 3, label.grain)) / 9),
            Pattern::Waves => {
                // Arcs of radius 18 about points that alternate from row to row.
                let row = y.div_euclid(9);
                let nearest = (0..3).find_map(|up| {
                    let cy = (row + 1 + (2 - up)) * 9;
                    let cx =
                        if (row - up) % 2 == 0 { x.div_euclid(36) * 36 + 18 } else { (x + 18).div_euclid(36) * 36 };
                    let square = (x - cx) * (x - cx) + (y - cy) * (y - cy);
                    (square < 18 * 18).then_some(square)
                });
                match nearest {
                    Some(d) if d > 15 * 15 || (60..130).contains(&d) => faint,
                    _ => paper,
                }
            }
            Pattern::Stripes if (x + y).rem_euclid(26) < 9 => faint,
            Pattern::Hills => {
                let ridge = HEIGHT - 20 - cloud(x, 0, 34, label.grain) / 4;
                let far = HEIGHT - 46 - cloud(x, 7, 24, label.grain) / 5;
                if y > ridge {
                    blend(paper, label.accent, 150)
                } else if y > far {
                    faint
                } else {
                    paper
                }
            }
            Pattern::Sun => {
                let (dx, dy) = (x - WIDTH / 2, y - 78);
                if dx * dx + dy * dy < 52 * 52 { blend(paper, label.accent, 120) } else { paper }
            }
            Pattern::Fade => blend(paper, label.accent, (y - HEIGHT / 3).max(0) * 190 / HEIGHT),
            Pattern::Stripes => paper,
        });
    }

    fn border(&mut self, label: &Label) {
        let Label { accent, border, .. } = *label;
        let oval = self.oval;
        self.canvas.change_all(|x, y, colour| {
            // Distance to the edge of the paper.
            let inside = if oval {
                let (dx, dy) = ((x - WIDTH / 2) * 1000 / (WIDTH / 2), (y - HEIGHT / 2) * 1000 / (HEIGHT / 2));
                (1_000_000 - dx * dx - dy * dy).max(0) / 26_000
            } else {
                x.min(y).min(WIDTH - 1 - x).min(HEIGHT - 1 - y)
            };
            match inside {
                3..=5 if border >= 1 => accent,
                8..=9 if border >= 2 => accent,
                _ => colour,
            }
        });
    }

    /// Characters from `top` to `bottom` about the column `x`, at most `size` large.
    #[expect(
        clippy::too_many_arguments,
        reason = "a place on paper is four numbers, and naming a type for it says less"
    )]
    fn column(&mut self, text: &[Seed], hand: Hand, x: i32, size: i32, top: i32, bottom: i32, ink: Rgb) {
        let pitch = (bottom - top) / text.len() as i32;
        let size = size.min(pitch - pitch / 12);
        for (i, character) in (0..).zip(text) {
            let y = top + pitch * i + (pitch - size) / 2;
            self.stamp(&Glyph::draw(*character, hand), x - size / 2, y, size, ink);
        }
    }

    /// Characters from `left` to `right` about the row `y`, at most `size` large.
    #[expect(clippy::too_many_arguments, reason = "as above")]
    fn row(&mut self, text: &[Seed], hand: Hand, y: i32, size: i32, left: i32, right: i32, ink: Rgb) {
        let pitch = (right - left) / text.len() as i32;
        let size = size.min(pitch - pitch / 12);
        for (i, character) in (0..).zip(text) {
            let x = left + pitch * i + (pitch - size) / 2;
            self.stamp(&Glyph::draw(*character, hand), x, y - size / 2, size, ink);
        }
    }

    fn stamp(&mut self, glyph: &Glyph, left: i32, top: i32, size: i32, ink: Rgb) {
        self.canvas.change(left..left + size, top..top + size, |x, y, paper| {
            let place = |i: i32| (2 * i + 1) * 128 / size;
            // Ink has an edge: what lies half under a stroke is pressed towards all or nothing.
            blend(paper, ink, (glyph.ink(place(x - left), place(y - top)) - 64) * 2)
        });
    }

    /// Lines that are too fine to be read, the same on all brands of a meigara.
    fn fine_text(&mut self, label: &Label, left: i32, top: i32, right: i32, bottom: i32) {
        self.canvas.change(left..right, top..bottom, |x, y, paper| {
            let word = (x - left) % 6 < 4 && speck(x / 6, y / 2, label.grain) > 90;
            if word { blend(paper, label.ink, 150) } else { paper }
        });
    }

    /// A square red stamp.
    fn seal(&mut self, label: &Label, x: i32, y: i32) {
        self.canvas.change(x - 15..x + 15, y - 15..y + 15, |_, _, _| [176, 34, 34]);
        let glyph = Glyph::draw(Seed::new(u64::from(label.grain)), PRINT);
        self.stamp(&glyph, x - 12, y - 12, 24, [240, 230, 220]);
    }

    /// A round crest: a ring and what stands in it.
    fn crest(&mut self, label: &Label, x: i32, y: i32, radius: i32) {
        let petals = 3 + (label.grain % 4) as i32;
        self.canvas.change(x - radius..x + radius, y - radius..y + radius, |px, py, paper| {
            let (dx, dy) = (px - x, py - y);
            let square = (dx * dx + dy * dy) * 100 / (radius * radius);
            let petal = (0..petals).any(|k| {
                let angle = k * super::raster::TURN / petals;
                let (cx, cy) = (super::raster::cos(angle) * radius / 2, super::raster::sin(angle) * radius / 2);
                let (ex, ey) = (dx - (cx >> 14), dy - (cy >> 14));
                (ex * ex + ey * ey) * 16 < radius * radius
            });
            if (72..=100).contains(&square) || petal { label.accent } else { paper }
        });
    }
}
