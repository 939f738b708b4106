//! Where the rows of each window lie in a picture.
//!
//! A map `[h, w, c]` is rolled up and left by the shift, padded below and on the right to whole windows, and cut. Nothing is
//! moved for that: a [`Layout`] says where in the map a window's token comes from. A band (one row of windows) covers rows
//! of the map that follow each other in a circle, so the output of each band is one or two slices of it, and bands are
//! written side by side without a lock.

use super::position::pairs;
use super::tile::UNSEEN;
use crate::learn::ops::composed::Gather;

/// How a map of tokens is cut into windows, along rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Height and width of a window in tokens, at least 1.
    pub size: [usize; 2],
    /// How far the windows are moved down and right, in tokens; less than the size. What is cut at the edges meets in
    /// common windows, where a token sees only those of its own part.
    pub shift: [usize; 2],
}

impl Windows {
    /// What timm's Swin makes of a window of `size` by `size` on a map: no larger than the map, and shifted by half, if
    /// it is to be, only along an axis with more than one window.
    pub fn fit(size: usize, shifted: bool, map: [usize; 2]) -> Windows {
        let shift = |side: usize| if shifted && side > size { size / 2 } else { 0 };
        Windows { size: map.map(|side| side.min(size)), shift: map.map(shift) }
    }

    /// Tokens of a window.
    pub fn tokens(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// Relative places of two tokens of a window: rows of a table of biases.
    pub fn places(&self) -> usize {
        (2 * self.size[0] - 1) * (2 * self.size[1] - 1)
    }
}

/// A place that is padding.
pub(super) const PADDING: u32 = u32::MAX;

/// The windows of one picture's map.
#[derive(Debug)]
pub(super) struct Layout {
    /// Height and width of the map.
    pub(super) map: [usize; 2],
    pub(super) windows: Windows,
    /// Windows along rows and columns.
    pub(super) count: [usize; 2],
    /// For each window in order, for each of its tokens: the place in its band, counted in tokens, or [`PADDING`].
    pub(super) places: Vec<u32>,
    /// For each window and token, the part of the picture it belongs to; empty without a shift.
    regions: Vec<f32>,
    /// For each window, whether it has tokens of several parts.
    pub(super) mixed: Vec<bool>,
}

impl Layout {
    pub(super) fn new(map: [usize; 2], windows: Windows) -> Layout {
        let (size, shift) = (windows.size, windows.shift);
        let count = [0, 1].map(|axis| map[axis].div_ceil(size[axis]));
        let shifted = shift != [0, 0];
        let (mut places, mut regions) = (Vec::new(), Vec::new());
        // timm's three slices of the padded map along one axis: all but the last window, and the two parts of that.
        let region = |axis: usize, at: usize| match shift[axis] {
            0 => 0,
            shift => {
                let end = count[axis] * size[axis];
                usize::from(at >= end - size[axis]) + usize::from(at >= end - shift)
            }
        };
        for top in (0..count[0]).map(|i| i * size[0]) {
            for left in (0..count[1]).map(|i| i * size[1]) {
                for row in 0..size[0] {
                    for col in left..left + size[1] {
                        let inside = top + row < map[0] && col < map[1];
                        let place = row * map[1] + (col + shift[1]) % map[1];
                        places.push(if inside { place as u32 } else { PADDING });
                        if shifted {
                            regions.push((3 * region(0, top + row) + region(1, col)) as f32);
                        }
                    }
                }
            }
        }
        let mixed = match shifted {
            false => vec![false; count[0] * count[1]],
            true => regions.chunks(windows.tokens()).map(|of| of.iter().any(|part| *part != of[0])).collect(),
        };
        Layout { map, windows, count, places, regions, mixed }
    }

    /// The same for operations that gather all windows at once.
    pub(super) fn gather(&self) -> Gather {
        let ([h, w], n) = (self.map, self.windows.tokens());
        let windows = self.count[0] * self.count[1];
        let mut back = vec![0; h * w];
        let mut from = Vec::with_capacity(windows * n);
        for window in 0..windows {
            let start = self.rows(window / self.count[1])[0];
            for place in self.places(window) {
                let at = match *place {
                    PADDING => h * w,
                    place => (start + place as usize / w) % h * w + place as usize % w,
                };
                if let Some(back) = back.get_mut(at) {
                    *back = from.len() as u32;
                }
                from.push(at as u32);
            }
        }
        let unseen = self.mixed.contains(&true).then(|| {
            let pairs = |of: &[f32]| of.iter().flat_map(|q| of.iter().map(move |k| q != k)).collect::<Vec<bool>>();
            let all = (0..windows).flat_map(|window| pairs(self.regions(window)));
            all.map(|apart| if apart { UNSEEN } else { 0.0 }).collect()
        });
        let mut places = Vec::with_capacity(n * n);
        pairs(&self.windows, |_, _, place| places.push(place as u32));
        Gather { windows, tokens: n, from, back, unseen, places }
    }

    /// The places of a window's tokens in its band.
    pub(super) fn places(&self, window: usize) -> &[u32] {
        &self.places[window * self.windows.tokens()..][..self.windows.tokens()]
    }

    /// The parts of the picture that a window's tokens belong to.
    pub(super) fn regions(&self, window: usize) -> &[f32] {
        &self.regions[window * self.windows.tokens()..][..self.windows.tokens()]
    }

    /// The rows of the map in a band: where they start, and how many there are before padding.
    fn rows(&self, band: usize) -> [usize; 2] {
        let (h, from) = (self.map[0], band * self.windows.size[0]);
        [(from + self.windows.shift[0]) % h, self.windows.size[0].min(h - from)]
    }

    /// The bands of a picture's map, to read.
    pub(super) fn bands<'a>(&self, map: &'a [f32], c: usize) -> Vec<Band<&'a [f32]>> {
        let (line, h) = (self.map[1] * c, self.map[0]);
        let band = |band| {
            let [start, rows] = self.rows(band);
            let first = rows.min(h - start);
            Band { first: &map[start * line..][..first * line], rest: &map[..(rows - first) * line] }
        };
        (0..self.count[0]).map(band).collect()
    }

    /// The bands of a picture's map, to write.
    pub(super) fn bands_mut<'a>(&self, map: &'a mut [f32], c: usize) -> Vec<Band<&'a mut [f32]>> {
        let line = self.map[1] * c;
        let (mut last, mut first) = map.split_at_mut(self.windows.shift[0] * line);
        let mut bands = Vec::with_capacity(self.count[0]);
        for band in 0..self.count[0] {
            let rows = self.rows(band)[1];
            let (mine, left) = first.split_at_mut(first.len().min(rows * line));
            let (rest, over) = last.split_at_mut(rows * line - mine.len());
            (first, last) = (left, over);
            bands.push(Band { first: mine, rest });
        }
        bands
    }
}

/// One row of windows in a map: its rows up to the map's lower edge, and the rest from the upper edge on.
pub(super) struct Band<T> {
    first: T,
    rest: T,
}

impl Band<&[f32]> {
    /// `len` floats of the token at a place, from `from` on.
    #[inline(always)]
    pub(super) fn token(&self, place: u32, c: usize, from: usize, len: usize) -> &[f32] {
        let at = place as usize * c;
        match at.checked_sub(self.first.len()) {
            None => &self.first[at + from..][..len],
            Some(at) => &self.rest[at + from..][..len],
        }
    }
}

impl Band<&mut [f32]> {
    /// `len` floats of the token at a place, from `from` on.
    #[inline(always)]
    pub(super) fn token(&mut self, place: u32, c: usize, from: usize, len: usize) -> &mut [f32] {
        let at = place as usize * c;
        match at.checked_sub(self.first.len()) {
            None => &mut self.first[at + from..][..len],
            Some(at) => &mut self.rest[at + from..][..len],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A 5 × 3 map in windows of 2 × 2 moved by 1: rolled, padded, cut.
    #[test]
    fn a_shifted_and_padded_map() {
        let windows = Windows::fit(2, true, [5, 3]);
        assert_eq!(windows, Windows { size: [2, 2], shift: [1, 1] });
        let layout = Layout::new([5, 3], windows);
        assert_eq!(layout.count, [3, 2]);
        let map: Vec<f32> = (0..15).map(|i| i as f32).collect();
        let mut seen = Vec::new();
        for (band, of) in layout.bands(&map, 1).iter().enumerate() {
            for window in 2 * band..2 * band + 2 {
                let at = |place: &u32| if *place == PADDING { -1.0 } else { of.token(*place, 1, 0, 1)[0] };
                seen.push(layout.places(window).iter().map(at).collect::<Vec<_>>());
            }
        }
        // Rolled: rows 1 2 3 4 0, columns 1 2 0.
        let expected: [[f32; 4]; 6] = [
            [4.0, 5.0, 7.0, 8.0],
            [3.0, -1.0, 6.0, -1.0],
            [10.0, 11.0, 13.0, 14.0],
            [9.0, -1.0, 12.0, -1.0],
            [1.0, 2.0, -1.0, -1.0],
            [0.0, -1.0, -1.0, -1.0],
        ];
        assert_eq!(seen, expected);
        // The padded map is 6 × 4: its last window is cut before the last row and the last column.
        assert_eq!(layout.mixed, [false, true, false, true, true, true]);
        assert_eq!(layout.regions(1), [1.0, 2.0, 1.0, 2.0]);
        assert_eq!(layout.regions(5), [4.0, 5.0, 7.0, 8.0]);
        let mut copy = vec![0.0; 15];
        for (band, mut of) in layout.bands_mut(&mut copy, 1).into_iter().enumerate() {
            for window in 2 * band..2 * band + 2 {
                for (place, value) in
                    layout.places(window).iter().zip(&expected[window]).filter(|(p, _)| **p != PADDING)
                {
                    of.token(*place, 1, 0, 1)[0] = *value;
                }
            }
        }
        assert_eq!(copy, map);
    }

    #[test]
    fn a_window_is_no_larger_than_the_map() {
        assert_eq!(Windows::fit(7, true, [4, 14]), Windows { size: [4, 7], shift: [0, 3] });
        assert_eq!(Windows::fit(7, true, [7, 8]), Windows { size: [7, 7], shift: [0, 3] });
        assert_eq!(Windows::fit(7, false, [14, 14]), Windows { size: [7, 7], shift: [0, 0] });
        assert_eq!(Windows { size: [4, 7], shift: [0, 3] }.places(), 7 * 13);
    }
}
