//! The JPEGs that cameras and websites write, decoded to the size that is wanted.
//!
//! ```text
//!   markers.rs    the header: size, planes, tables, or "not of the common kind"
//!   huffman.rs    bits → coefficients
//!   transform.rs  coefficients → samples, 8, 4, 2 or 1 a side of each block
//!   wide.rs       the same in vectors
//!   scan.rs       all blocks of a window → planes
//!   colour.rs     planes → red, green, blue
//! ```
//!
//! Takes a file's bytes, a denominator (1, 2, 4, 8) and a window; gives its pixels. 8-bit sequential JPEGs in grey or YCbCr with
//! one scan are read here, since no library in Rust alone reads them at a reduced size as fast; all others
//! (progressive, CMYK, RGB, 12 bits, rare samplings) are left to `image`. At full size pixels are within one or two grey levels of libjpeg-turbo's,
//! whose upsampling and rounding this follows; at a reduced one each is the mean of those it stands for.
//! No table or size that a file names may cost more than its pixels do, and nothing panics or loops on damaged bytes.

mod colour;
mod huffman;
mod markers;
mod scan;
#[cfg(test)]
mod tests;
mod transform;
#[cfg(target_arch = "x86_64")]
mod wide;

use super::Area;
use markers::Frame;
use scan::{Plane, Read, View, planes};

/// A header of the common kind.
pub struct Header<'a> {
    frame: Frame<'a>,
}

/// Reads the header; `None` where another decoder is needed.
pub fn header(bytes: &[u8]) -> Option<Header<'_>> {
    markers::read(bytes).map(|frame| Header { frame })
}

impl<'a> Header<'a> {
    /// Width and height as they are stored.
    pub fn size(&self) -> (u32, u32) {
        (self.frame.width as u32, self.frame.height as u32)
    }

    /// The TIFF structure of the EXIF segment.
    pub fn exif(&self) -> Option<&'a [u8]> {
        self.frame.exif
    }

    /// The pixels of a window, three bytes each, row by row: `window` lies in the picture reduced by `denominator` (1, 2, 4 or
    /// 8), whose sides are the picture's divided and rounded up; and whether data was missing on the way to its lower edge, where
    /// the picture then is grey. `None` where another decoder is needed.
    pub fn decode(&self, denominator: u32, window: Area) -> Option<(Vec<u8>, bool)> {
        let side = 8 / denominator as usize;
        let inside = |start: usize, length: usize, side: usize| {
            length > 0 && start.checked_add(length).is_some_and(|end| end <= side.div_ceil(denominator as usize))
        };
        let Area { x, y, width, height } = window;
        if !inside(x, width, self.frame.width) || !inside(y, height, self.frame.height) {
            return None;
        }
        let Read { planes, room, lost, .. } = planes(&self.frame, View { side, window })?;
        let mut out = vec![0; width * height * 3];
        crate::base::wide::wide!(|| draw(&planes, window, &mut out));
        room.keep(planes);
        Some((out, lost > 0))
    }

    /// The share of the picture that is lost, 0 to 1: its data ends before it does, or cannot be read. All data are read for that, and hardly any
    /// pixel is made. `None` where another decoder is needed.
    pub fn lost(&self) -> Option<f64> {
        let [x, y] = [self.frame.width, self.frame.height].map(|side| side.div_ceil(8) - 1);
        let last = Area { x, y, width: 1, height: 1 };
        let Read { planes, room, lost, mcus } = planes(&self.frame, View { side: 1, window: last })?;
        room.keep(planes);
        Some(lost as f64 / mcus.max(1) as f64)
    }
}

/// The place of the first 255 in bytes, eight at a time.
pub fn next_255(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(eight) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let before = scan::plain_bytes(*eight);
        at += before;
        if before < 8 {
            return Some(at);
        }
    }
    Some(at + bytes.get(at..)?.iter().position(|&byte| byte == 0xFF)?)
}

#[inline(always)]
fn draw(planes: &[Plane], window: Area, out: &mut [u8]) {
    let mut rooms = [(); 3].map(|()| Room::default());
    for (row, out) in out.chunks_exact_mut(window.width * 3).enumerate() {
        let y = window.y + row;
        match (planes, &mut rooms) {
            ([grey], [room, ..]) => {
                for (pixel, &v) in out.chunks_exact_mut(3).zip(line(grey, window, y, room)) {
                    pixel.fill(v);
                }
            }
            ([luma, blue, red], [first, second, third]) => {
                let (luma, blue) = (line(luma, window, y, first), line(blue, window, y, second));
                colour::rgb(luma, blue, line(red, window, y, third), out);
            }
            _ => {}
        }
    }
}

/// Room for a row that is made of others.
#[derive(Default)]
struct Room {
    row: Vec<u8>,
    wide: Vec<u8>,
    sums: Vec<u16>,
}

/// The samples of a plane for the window's pixels of row `y`.
#[inline(always)]
fn line<'a>(plane: &'a Plane, window: Area, y: usize, room: &'a mut Room) -> &'a [u8] {
    let (across, down) = plane.spread;
    // The samples of the row and, where they are spread, one more on each side.
    let margin = usize::from(across > 1);
    let first = (window.x / across).saturating_sub(margin);
    let last = ((window.x + window.width - 1) / across + margin).min(plane.size.0 - 1);
    let count = last + 1 - first;
    let samples = |row: usize| {
        let at = (row - plane.from.1) * plane.stride + first - plane.from.0;
        &plane.samples[at..at + count]
    };
    let row = y / down;
    let near = samples(row);
    let far = match (down, y % 2) {
        (1, _) => near,
        (_, 0) => samples(row.saturating_sub(1)),
        _ => samples((row + 1).min(plane.size.1 - 1)),
    };
    let from = window.x - first * across;
    match (across, down) {
        (1, 1) => &near[from..],
        (1, _) if !plane.smooth => &near[from..],
        (_, _) if !plane.smooth => {
            room.wide.clear();
            room.wide.extend(near.iter().flat_map(|&v| [v; 2]));
            &room.wide[from..]
        }
        (1, _) => {
            room.row.resize(count, 0);
            colour::between(near, far, 1 + (y % 2) as u16, &mut room.row);
            &room.row[from..]
        }
        (_, 1) => {
            room.wide.resize(count * 2, 0);
            colour::twice_as_wide(near, &mut room.wide);
            &room.wide[from..]
        }
        _ => {
            room.wide.resize(count * 2, 0);
            room.sums.resize(count, 0);
            colour::twice_both(near, far, &mut room.sums, &mut room.wide);
            &room.wide[from..]
        }
    }
}
