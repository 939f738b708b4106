//! Cells that must be drawn, as rectangles of pixels.
//!
//! Takes marks that are new at their places; gives rectangles, each with the picture's cell or nothing at each of its
//! places, and then the pixels of one. Cells come together where they lie in one row with a small gap at most, and in rows
//! below each other that have cells at the same columns: pictures beside each other are one rectangle, and what a popup or
//! the screen's edge cut off is left out.

use std::collections::BTreeMap;

use super::{Framed, Mark, scale};

/// A rectangle of cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// Column on the screen.
    pub x: u16,
    /// Row on the screen.
    pub y: u16,
    /// Rows of marks, all of one length; no mark where nothing is to be drawn.
    pub rows: Vec<Vec<Option<Mark>>>,
}

impl Region {
    /// Its columns and rows.
    pub fn size(&self) -> (u16, u16) {
        (self.rows.first().map_or(0, Vec::len) as u16, self.rows.len() as u16)
    }

    /// The cells that are drawn.
    pub fn cells(&self) -> impl Iterator<Item = (u16, u16)> {
        self.rows
            .iter()
            .zip(self.y..)
            .flat_map(|(row, y)| row.iter().zip(self.x..).filter(|(mark, _)| mark.is_some()).map(move |(_, x)| (x, y)))
    }

    /// How many different pictures it shows.
    pub fn pictures(&self) -> usize {
        let mut all: Vec<u8> = self.rows.iter().flatten().flatten().map(|mark| mark.picture).collect();
        all.sort_unstable();
        all.dedup();
        all.len()
    }
}

/// The rectangles of these marks, which come row by row from the left. Cells up to `gap` columns apart are joined. No rectangle is wider than the
/// first of `widest` columns where it shows several pictures, and than the second where it shows one: parts that are encoded by themselves have
/// colours of their own, and a seam between them.
pub fn regions(marks: &[(u16, u16, Mark)], gap: u16, widest: (u16, u16)) -> Vec<Region> {
    let mut found: Vec<Region> = Vec::new();
    // Those that the next row may go on with.
    let mut open: Vec<usize> = Vec::new();
    for row in marks.chunk_by(|a, b| a.1 == b.1) {
        let y = row[0].1;
        let mut goes_on = Vec::new();
        for part in parts(row, gap, widest) {
            let (x, last) = (part[0].0, part[part.len() - 1].0);
            let mut cells = vec![None; usize::from(last - x) + 1];
            for (column, _, mark) in part {
                cells[usize::from(column - x)] = Some(*mark);
            }
            let same = |region: &Region| {
                let above = region.rows.last().map(|above| above.iter().map(Option::is_some));
                region.x == x
                    && usize::from(region.y) + region.rows.len() == usize::from(y)
                    && above.is_some_and(|above| above.eq(cells.iter().map(Option::is_some)))
            };
            match open.iter().copied().find(|&i| same(&found[i])) {
                Some(at) => {
                    found[at].rows.push(cells);
                    goes_on.push(at);
                }
                None => {
                    goes_on.push(found.len());
                    found.push(Region { x, y, rows: vec![cells] });
                }
            }
        }
        open = goes_on;
    }
    found
}

/// A row's marks in parts.
fn parts(row: &[(u16, u16, Mark)], gap: u16, (several, alone): (u16, u16)) -> Vec<&[(u16, u16, Mark)]> {
    let mut parts = Vec::new();
    let mut begin = 0;
    for i in 1..=row.len() {
        let ends = match row.get(i) {
            None => true,
            Some((x, _, mark)) => {
                let wide = x - row[begin].0;
                let is_alone = row[begin].2.picture == mark.picture;
                x - row[i - 1].0 > gap + 1 || wide >= if is_alone { alone } else { several }.max(1)
            }
        };
        if ends {
            parts.push(&row[begin..i]);
            begin = i;
        }
    }
    parts
}

/// A rectangle of pixels.
#[derive(Clone, Debug, Default)]
pub struct Pixels {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// Three bytes a pixel.
    pub rgb: Vec<u8>,
    /// Whether each is drawn.
    pub drawn: Vec<bool>,
}

/// The pixels of a region, with cells of this size. `picture` finds a mark's picture.
pub fn pixels<'a>(region: &Region, cell: (u16, u16), picture: impl Fn(u8) -> Option<&'a Framed>) -> Pixels {
    let (columns, rows) = region.size();
    let (wide, high) = (usize::from(cell.0), usize::from(cell.1));
    let (width, height) = (usize::from(columns) * wide, usize::from(rows) * high);
    let mut out = Pixels { width, height, rgb: vec![0; width * height * 3], drawn: vec![false; width * height] };
    // Of each picture the rows that are needed, from the first to the last.
    let mut needed: BTreeMap<u8, (u16, u16)> = BTreeMap::new();
    for mark in region.rows.iter().flatten().flatten() {
        let (first, last) = needed.entry(mark.picture).or_insert((mark.row, mark.row));
        (*first, *last) = ((*first).min(mark.row), (*last).max(mark.row));
    }
    for (number, (first, last)) in needed {
        let Some(framed) = picture(number) else { continue };
        let full = (usize::from(framed.columns) * wide, usize::from(framed.rows) * high);
        let band = scale::scaled(&framed.picture, full, usize::from(first) * high..(usize::from(last) + 1) * high);
        let places =
            region.rows.iter().enumerate().flat_map(|(y, row)| row.iter().enumerate().map(move |(x, m)| (x, y, m)));
        for (x, y, mark) in places.filter_map(|(x, y, mark)| mark.filter(|m| m.picture == number).map(|m| (x, y, m))) {
            for line in 0..high {
                let from = (usize::from(mark.row - first) * high + line) * full.0 + usize::from(mark.column) * wide;
                let to = (y * high + line) * width + x * wide;
                let Some(source) = band.get(from * 3..(from + wide) * 3) else { continue };
                out.rgb[to * 3..(to + wide) * 3].copy_from_slice(source);
                out.drawn[to..to + wide].fill(true);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use toji::session::snapshot::Picture;

    fn mark(picture: u8, x: u16, y: u16) -> (u16, u16, Mark) {
        (x, y, Mark { picture, row: y, column: x })
    }

    /// The marks of a drawing: a digit is a picture's cell.
    fn drawing(rows: &[&str]) -> Vec<(u16, u16, Mark)> {
        let cells = rows.iter().zip(0..).flat_map(|(row, y)| row.bytes().zip(0..).map(move |(c, x)| (c, x, y)));
        cells.filter(|(c, ..)| c.is_ascii_digit()).map(|(c, x, y)| mark(c - b'0', x, y)).collect()
    }

    fn shapes(rows: &[&str], gap: u16, widest: u16) -> Vec<(u16, u16, u16, u16)> {
        let all = regions(&drawing(rows), gap, (widest, widest));
        all.iter().map(|r| (r.x, r.y, r.size().0, r.size().1)).collect()
    }

    #[test]
    fn neighbours_come_together_and_a_popup_parts_them() {
        let strip = ["111 222", "111 222", "111 222"];
        assert_eq!(shapes(&strip, 1, 80), [(0, 0, 7, 3)]);
        assert_eq!(shapes(&strip, 0, 80), [(0, 0, 3, 3), (4, 0, 3, 3)]);
        assert_eq!(shapes(&strip, 1, 4), [(0, 0, 3, 3), (4, 0, 3, 3)]);
        let wide =
            |widest| regions(&drawing(&["11111", "11111"]), 1, widest).iter().map(Region::size).collect::<Vec<_>>();
        assert_eq!((wide((3, 8)), wide((3, 4))), (vec![(5, 2)], vec![(4, 2), (1, 2)]), "one alone is not parted");
        assert_eq!(
            shapes(&["111 222", "11   22", "111 222"], 1, 80),
            [(0, 0, 7, 1), (0, 1, 2, 1), (5, 1, 2, 1), (0, 2, 7, 1)]
        );
        assert_eq!(shapes(&["11", "", "11"], 1, 80), [(0, 0, 2, 1), (0, 2, 2, 1)]);
        let all = regions(&drawing(&strip), 1, (80, 80));
        assert_eq!((all[0].cells().count(), all[0].pictures()), (18, 2));
    }

    #[test]
    fn pixels_are_the_pictures_own_and_gaps_are_holes() {
        // One pixel a cell: what is drawn is the picture.
        let rgb: Vec<u8> = (1..=18).collect();
        let framed = Framed { picture: Picture { width: 3, height: 2, rgb: rgb.clone().into() }, columns: 3, rows: 2 };
        let all = regions(&drawing(&["111", "1 1"]), 1, (80, 80));
        assert_eq!(all.len(), 2);
        let first = pixels(&all[0], (1, 1), |_| Some(&framed));
        assert_eq!((first.rgb, first.drawn), (rgb[..9].to_vec(), vec![true; 3]));
        let second = pixels(&all[1], (1, 1), |_| Some(&framed));
        assert_eq!(second.drawn, [true, false, true]);
        assert_eq!(second.rgb, [10, 11, 12, 0, 0, 0, 16, 17, 18]);
        let large = pixels(&all[0], (4, 6), |_| Some(&framed));
        assert_eq!((large.width, large.height), (12, 6));
        assert_eq!(pixels(&all[0], (4, 6), |_| None).drawn, [false; 72]);
    }
}
