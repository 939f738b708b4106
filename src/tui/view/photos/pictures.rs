//! Pictures in cells.
//!
//! Takes a picture of 8 bits a channel and a place; gives cells. [`HalfBlocks`] shows two pixels a
//! cell (`▀`: the upper one as text colour, the lower one as background), averaged over the area
//! that each covers; without colours it shows brightness. [`Marked`] leaves the pixels to the terminal
//! and says by marks which cells belong to which picture. Other ways to draw implement [`Pictures`].

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use toji::session::snapshot::Picture;

use crate::tui::Colour;
use crate::tui::terminal::graphics::{self, Framed, Mark};
use crate::tui::view::ink::Ink;

/// How many rows a picture takes that is so many columns wide, with cells of this width and height.
pub fn rows(picture: &Picture, columns: u16, (wide, high): (u16, u16)) -> u16 {
    if picture.width == 0 || picture.height == 0 {
        return 0;
    }
    let shape = f64::from(picture.height) / f64::from(picture.width);
    let rows = f64::from(columns) * shape * f64::from(wide) / f64::from(high.max(1));
    rows.round().clamp(1.0, 1_000.0) as u16
}

/// A way to draw a picture.
pub trait Pictures {
    /// Draws the part of a picture of `rows` rows that is visible in `place`: the first `hidden` rows are scrolled away.
    fn draw(&mut self, picture: &Picture, place: Rect, hidden: u16, rows: u16, buffer: &mut Buffer);
}

fn is_whole(picture: &Picture) -> bool {
    let bytes = u64::from(picture.width) * u64::from(picture.height) * 3;
    bytes > 0 && picture.rgb.len() as u64 == bytes
}

/// By the terminal's own graphics: marks, and the list of the pictures that they name.
#[derive(Debug)]
pub struct Marked {
    /// The pictures so far.
    pub framed: Vec<Framed>,
    /// For more pictures than can be marked.
    half: HalfBlocks,
}

impl Marked {
    /// For this terminal.
    pub fn new(ink: Ink) -> Marked {
        Marked { framed: Vec::new(), half: HalfBlocks::new(ink) }
    }
}

impl Pictures for Marked {
    fn draw(&mut self, picture: &Picture, place: Rect, hidden: u16, rows: u16, buffer: &mut Buffer) {
        if !is_whole(picture) || place.is_empty() {
            return;
        }
        if self.framed.len() >= graphics::MOST || place.width > graphics::LARGEST || rows > graphics::LARGEST {
            return self.half.draw(picture, place, hidden, rows, buffer);
        }
        self.framed.push(Framed { picture: picture.clone(), columns: place.width, rows });
        let picture = self.framed.len() as u8;
        for (y, x) in (0..place.height).flat_map(|y| (0..place.width).map(move |x| (y, x))) {
            if let Some(cell) = buffer.cell_mut((place.x + x, place.y + y)) {
                Mark { picture, row: hidden + y, column: x }.put(cell, None);
            }
        }
    }
}

/// Two pixels a cell.
#[derive(Clone, Copy, Debug)]
pub struct HalfBlocks {
    ink: Ink,
}

impl HalfBlocks {
    /// For this terminal.
    pub fn new(ink: Ink) -> HalfBlocks {
        HalfBlocks { ink }
    }

    fn colour(self, [r, g, b]: [u8; 3]) -> Color {
        match self.ink.colour {
            Colour::True => Color::Rgb(r, g, b),
            _ => Color::Indexed(nearest_indexed([r, g, b])),
        }
    }
}

impl Pictures for HalfBlocks {
    fn draw(&mut self, picture: &Picture, place: Rect, hidden: u16, rows: u16, buffer: &mut Buffer) {
        let columns = place.width;
        if !is_whole(picture) {
            return;
        }
        let pixels = averaged(picture, u32::from(columns), u32::from(rows) * 2);
        let pixel = |x: u16, y: u16| pixels.get(usize::from(y) * usize::from(columns) + usize::from(x)).copied();
        for y in 0..place.height {
            for x in 0..columns {
                let row = (hidden + y) * 2;
                let (Some(upper), Some(lower)) = (pixel(x, row), pixel(x, row + 1)) else { continue };
                let Some(cell) = buffer.cell_mut((place.x + x, place.y + y)) else { continue };
                match (self.ink.colour, self.ink.ascii()) {
                    (Colour::True | Colour::Indexed, false) => {
                        cell.set_symbol("▀").set_style(Style::new().fg(self.colour(upper)).bg(self.colour(lower)));
                    }
                    (Colour::True | Colour::Indexed, true) => {
                        cell.set_symbol(" ").set_style(Style::new().bg(self.colour(mean(upper, lower))));
                    }
                    (Colour::None | Colour::Sixteen, ascii) => {
                        const SHADES: [&str; 5] = [" ", "░", "▒", "▓", "█"];
                        const SIGNS: [&str; 10] = [" ", ".", ":", "-", "=", "+", "*", "#", "%", "@"];
                        let ramp: &[&str] = if ascii { &SIGNS } else { &SHADES };
                        let light = usize::from(brightness(mean(upper, lower)));
                        cell.set_symbol(ramp[light * ramp.len() / 256]);
                    }
                }
            }
        }
    }
}

fn mean(a: [u8; 3], b: [u8; 3]) -> [u8; 3] {
    std::array::from_fn(|i| u16::midpoint(u16::from(a[i]), u16::from(b[i])) as u8)
}

/// ITU-R BT.601 luma.
fn brightness([r, g, b]: [u8; 3]) -> u8 {
    ((u32::from(r) * 299 + u32::from(g) * 587 + u32::from(b) * 114) / 1_000) as u8
}

/// The picture at another size: each pixel is the mean of the area it covers, whole pixels only; an
/// enlarged picture repeats its pixels.
fn averaged(picture: &Picture, columns: u32, rows: u32) -> Vec<[u8; 3]> {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let span = |i: usize, n: usize, size: usize| {
        let from = i * size / n;
        (from, ((i + 1) * size / n).max(from + 1).min(size))
    };
    let mut out = Vec::with_capacity((columns * rows) as usize);
    for y in 0..rows as usize {
        let (top, bottom) = span(y, rows as usize, height);
        for x in 0..columns as usize {
            let (left, right) = span(x, columns as usize, width);
            let mut sum = [0_u64; 3];
            for row in top..bottom {
                for pixel in picture.rgb[(row * width + left) * 3..(row * width + right) * 3].chunks_exact(3) {
                    for (sum, value) in sum.iter_mut().zip(pixel) {
                        *sum += u64::from(*value);
                    }
                }
            }
            let n = ((bottom - top) * (right - left)).max(1) as u64;
            out.push(sum.map(|s| ((s + n / 2) / n) as u8));
        }
    }
    out
}

/// The nearest of xterm's 6×6×6 cube (16 to 231) and grey ramp (232 to 255).
fn nearest_indexed(rgb: [u8; 3]) -> u8 {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let distance = |a: [u8; 3]| a.iter().zip(rgb).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum::<u32>();
    let cube = rgb.map(|v| (0..6_u8).min_by_key(|&i| LEVELS[usize::from(i)].abs_diff(v)).unwrap_or(0));
    let cube_colour = cube.map(|i| LEVELS[usize::from(i)]);
    let grey = (u16::from(brightness(rgb)).saturating_sub(3) / 10).min(23) as u8;
    let grey_colour = [8 + 10 * grey; 3];
    if distance(grey_colour) < distance(cube_colour) { 232 + grey } else { 16 + 36 * cube[0] + 6 * cube[1] + cube[2] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::Charset;

    fn picture(width: u32, height: u32, rgb: &[u8]) -> Picture {
        Picture { width, height, rgb: rgb.into() }
    }

    #[test]
    fn halving_averages_four_pixels() {
        let rgb = [0, 0, 0, 100, 0, 0, 100, 0, 0, 200, 40, 0];
        assert_eq!(averaged(&picture(2, 2, &rgb), 1, 1), [[100, 10, 0]]);
        assert_eq!(averaged(&picture(1, 1, &[1, 2, 3]), 2, 2), [[1, 2, 3]; 4]);
    }

    #[test]
    fn colours_find_their_index() {
        assert_eq!(
            [[0, 0, 0], [255, 255, 255], [255, 0, 0], [128, 128, 128]].map(nearest_indexed),
            [16, 231, 196, 244]
        );
    }

    #[test]
    fn two_pixels_stand_in_one_cell() {
        let ink = Ink { colour: Colour::True, ..Ink::default() };
        let mut buffer = Buffer::empty(Rect::new(0, 0, 2, 1));
        HalfBlocks::new(ink).draw(&picture(1, 2, &[9, 8, 7, 1, 2, 3]), Rect::new(0, 0, 1, 1), 0, 1, &mut buffer);
        assert_eq!(buffer[(0, 0)].symbol(), "▀");
        assert_eq!((buffer[(0, 0)].fg, buffer[(0, 0)].bg), (Color::Rgb(9, 8, 7), Color::Rgb(1, 2, 3)));
    }

    #[test]
    fn a_wrong_length_draws_nothing() {
        let ink = Ink { colour: Colour::None, charset: Charset::Ascii, ..Ink::default() };
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 2));
        HalfBlocks::new(ink).draw(&picture(9, 9, &[255; 5]), Rect::new(0, 0, 4, 2), 0, 2, &mut buffer);
        assert_eq!(buffer, Buffer::with_lines(["    ", "    "]));
        assert_eq!(rows(&picture(0, 4, &[]), 8, (1, 2)), 0);
    }

    #[test]
    fn rows_go_by_the_shape_of_a_cell() {
        let square = picture(40, 40, &[]);
        assert_eq!((rows(&square, 16, (1, 2)), rows(&square, 16, (9, 20)), rows(&square, 16, (10, 16))), (8, 7, 10));
    }

    #[test]
    fn marks_name_picture_row_and_column() {
        let mut marked = Marked::new(Ink::default());
        let mut buffer = Buffer::empty(Rect::new(0, 0, 9, 4));
        marked.draw(&picture(1, 1, &[1, 2, 3]), Rect::new(0, 0, 4, 2), 1, 3, &mut buffer);
        marked.draw(&picture(1, 1, &[4, 5, 6]), Rect::new(5, 1, 2, 2), 0, 2, &mut buffer);
        // A picture whose bytes do not fit, and one that is scrolled away: no marks.
        marked.draw(&picture(9, 9, &[1]), Rect::new(8, 0, 1, 1), 0, 1, &mut buffer);
        marked.draw(&picture(1, 1, &[4, 5, 6]), Rect::new(8, 0, 1, 0), 1, 1, &mut buffer);
        assert_eq!(marked.framed.len(), 2);
        let mark = |x, y| Mark::of(&buffer[(x, y)]);
        assert_eq!(mark(0, 0), Some(Mark { picture: 1, row: 1, column: 0 }));
        assert_eq!(mark(3, 1), Some(Mark { picture: 1, row: 2, column: 3 }));
        assert_eq!(mark(6, 2), Some(Mark { picture: 2, row: 1, column: 1 }));
        assert_eq!((mark(4, 0), mark(8, 0)), (None, None));
    }
}
