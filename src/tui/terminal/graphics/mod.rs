//! Pictures by the terminal's own graphics.
//!
//! A view does not draw such a picture: it marks the cells that belong to it. A mark is Kitty's placeholder character with
//! the cell's row and column in the picture as combining marks, and the picture's place in the frame's list as colour.
//! So a picture moves, is cut by an edge, lies under a popup and is compared with the frame before as text is:
//!
//! - for Kitty the marks are written as they are, and the terminal itself puts the pixels there ([`kitty`]); each picture
//!   is sent once, by [`gallery`], and lives until it is evicted or the workbench is left;
//! - for iTerm2 and Sixel, which draw at the cursor, only marks that are new at their place are drawn: [`regions`] gathers
//!   them to rectangles, [`scale`] makes the pixels, [`iterm2`] and [`sixel`] write them. Text that is written over a
//!   picture wipes it, cell by cell, in these terminals.
//!
//! One picture may cost [`cap`] bytes on the line, however it is encoded; a frame encodes at most [`BUDGET`] pixels and
//! leaves the rest to the next one, so that keys are taken in between.

mod base64;
mod gallery;
pub mod iterm2;
pub mod kitty;
pub mod numbers;
mod palette;
mod regions;
mod scale;
pub mod sixel;

use ratatui::buffer::Cell;
use ratatui::style::{Color, Style};
use toji::session::snapshot::Picture;

pub use gallery::Gallery;
use numbers::NUMBERS;

/// The most bytes of a picture among others.
pub const CAP: usize = 64 * 1024;

/// The most bytes of a picture of so many cells: one that is shown large may cost four times as much, or it would be one of few colours.
pub fn cap(cells: usize) -> usize {
    const AMONG_OTHERS: usize = 600;
    CAP * (cells / AMONG_OTHERS).clamp(1, 4)
}

/// After so many pixels a frame encodes no further picture: some milliseconds' worth by every way.
pub const BUDGET: usize = 100_000;

/// A picture of a frame, and how many cells the whole of it takes.
#[derive(Clone, Debug)]
pub struct Framed {
    /// The pixels.
    pub picture: Picture,
    /// Columns.
    pub columns: u16,
    /// Rows, hidden ones too.
    pub rows: u16,
}

/// The most columns and rows that a mark can tell.
pub const LARGEST: u16 = NUMBERS.len() as u16;

/// The most pictures of a frame.
pub const MOST: usize = 255;

/// What a mark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Which picture, from 1: its place in the frame's list or, on the screen, in the gallery.
    pub picture: u8,
    /// Row in the picture.
    pub row: u16,
    /// Column in the picture.
    pub column: u16,
}

impl Mark {
    /// Marks a cell; `seat` is the third combining mark, which completes Kitty's number of a picture.
    pub fn put(self, cell: &mut Cell, seat: Option<u8>) {
        let number = |n: u16| NUMBERS.get(usize::from(n)).copied();
        let (Some(row), Some(column)) = (number(self.row), number(self.column)) else { return };
        let mut symbol = String::from_iter([kitty::PLACEHOLDER, row, column]);
        symbol.extend(seat.and_then(|seat| number(u16::from(seat))));
        cell.set_symbol(&symbol).set_style(Style::new().fg(Color::Indexed(self.picture)));
    }

    /// The mark of a cell.
    pub fn of(cell: &Cell) -> Option<Mark> {
        let mut signs = cell.symbol().chars();
        if signs.next() != Some(kitty::PLACEHOLDER) {
            return None;
        }
        let mut number = || {
            let sign = signs.next()?;
            NUMBERS.binary_search(&sign).ok().map(|at| at as u16)
        };
        let (row, column) = (number()?, number()?);
        match cell.fg {
            Color::Indexed(picture @ 1..) => Some(Mark { picture, row, column }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_picture_may_cost_more_but_not_any_sum() {
        assert_eq!(
            [1, 14 * 10, 1_199, 1_200, 60 * 43, usize::MAX].map(cap),
            [1, 1, 1, 2, 4, 4].map(|times| times * CAP)
        );
    }

    #[test]
    fn marks_are_read_as_they_are_written() {
        let mut cell = Cell::default();
        for (row, column, seat) in [(0, 0, None), (9, 15, Some(7)), (LARGEST - 1, LARGEST - 1, Some(31))] {
            let mark = Mark { picture: 200, row, column };
            mark.put(&mut cell, seat);
            assert_eq!(Mark::of(&cell), Some(mark));
            assert_eq!(toji::base::text::width(cell.symbol()), 1);
        }
        assert_eq!(Mark::of(&Cell::new("▀")), None);
        assert!(!cell.symbol().contains(char::is_control));
    }
}
