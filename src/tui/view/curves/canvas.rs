//! Lines in cells.
//!
//! Takes points in fine steps of a cell; gives cells. With Braille a cell has 2 × 4 dots; in ASCII it
//! has one, and a curve is drawn with its letter. Where two curves meet in a cell the dots of both
//! stay and the later one gives the colour.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// A grid of dots over some cells.
#[derive(Debug)]
pub struct Canvas {
    columns: usize,
    rows: usize,
    ascii: bool,
    cells: Vec<Option<Mark>>,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    dots: u8,
    letter: char,
    style: Style,
}

/// A pen: what a curve is drawn with.
#[derive(Clone, Copy, Debug)]
pub struct Pen {
    /// Its letter, for ASCII.
    pub letter: char,
    /// Its colour.
    pub style: Style,
    /// With gaps.
    pub dashed: bool,
}

impl Canvas {
    /// Empty.
    pub fn new(columns: u16, rows: u16, ascii: bool) -> Canvas {
        let (columns, rows) = (usize::from(columns), usize::from(rows));
        Canvas { columns, rows, ascii, cells: vec![None; columns * rows] }
    }

    /// How many dots across.
    pub fn dots_across(&self) -> usize {
        self.columns * if self.ascii { 1 } else { 2 }
    }

    /// How many dots down.
    pub fn dots_down(&self) -> usize {
        self.rows * if self.ascii { 1 } else { 4 }
    }

    /// Connects points (dots from the left, dots from the top); what lies outside is left out.
    pub fn polyline(&mut self, points: &[(i32, i32)], pen: Pen) {
        let mut step = 0_u32;
        if let [only] = points {
            self.dot(*only, pen);
        }
        for pair in points.windows(2) {
            let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
            // Bresenham (1965), all octants.
            let (dx, dy) = ((x1 - x0).abs(), -(y1 - y0).abs());
            let (sx, sy) = ((x1 - x0).signum(), (y1 - y0).signum());
            let (mut x, mut y, mut error) = (x0, y0, dx + dy);
            loop {
                let gap = pen.dashed && step % 6 >= 3;
                if !gap {
                    self.dot((x, y), pen);
                }
                if (x, y) == (x1, y1) {
                    break;
                }
                step += 1;
                let twice = 2 * error;
                if twice >= dy {
                    error += dy;
                    x += sx;
                }
                if twice <= dx {
                    error += dx;
                    y += sy;
                }
            }
        }
    }

    fn dot(&mut self, (x, y): (i32, i32), pen: Pen) {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { return };
        if x >= self.dots_across() || y >= self.dots_down() {
            return;
        }
        let (column, row, bit) = if self.ascii { (x, y, 0) } else { (x / 2, y / 4, BRAILLE[y % 4][x % 2]) };
        let cell = &mut self.cells[row * self.columns + column];
        let dots = cell.map_or(0, |c| c.dots) | bit;
        *cell = Some(Mark { dots, letter: pen.letter, style: pen.style });
    }

    /// Writes the cells with dots over the area.
    pub fn draw(&self, area: Rect, buffer: &mut Buffer) {
        for (i, cell) in self.cells.iter().enumerate() {
            let Some(mark) = cell else { continue };
            let (x, y) = ((i % self.columns) as u16, (i / self.columns) as u16);
            let symbol =
                if self.ascii { mark.letter } else { char::from_u32(0x2800 + u32::from(mark.dots)).unwrap_or(' ') };
            if let Some(cell) = buffer.cell_mut((area.x + x, area.y + y)) {
                cell.set_char(symbol).set_style(mark.style);
            }
        }
    }
}

/// Unicode's numbering of the eight dots, by row and column.
const BRAILLE: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(ascii: bool, dashed: bool, points: &[(i32, i32)]) -> Vec<String> {
        let mut canvas = Canvas::new(4, 2, ascii);
        canvas.polyline(points, Pen { letter: 'a', style: Style::new(), dashed });
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 2));
        canvas.draw(buffer.area, &mut buffer);
        buffer.content.chunks(4).map(|row| row.iter().map(|c| c.symbol()).collect()).collect()
    }

    #[test]
    fn lines_in_braille_and_letters() {
        assert_eq!(drawn(false, false, &[(0, 7), (7, 0)]), ["  ⡠⠊", "⡠⠊  "]);
        assert_eq!(drawn(true, false, &[(0, 1), (3, 0)]), ["  aa", "aa  "]);
        assert_eq!(drawn(false, true, &[(0, 0), (7, 0)]), ["⠉⠁ ⠉", "    "]);
        assert_eq!(drawn(false, false, &[(-50, 3), (50, 3)]), ["⣀⣀⣀⣀", "    "]);
    }
}
