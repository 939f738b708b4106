//! The scan: from coded bytes to planes of samples, as much of them as a window needs.
//!
//! Takes a [`Frame`] and a [`View`]; gives planes. MCUs above and beside the window are passed over without a transform, those
//! below it are not read at all. What is damaged stays grey up to the next restart marker or the end, as libjpeg leaves
//! it, so that the pixels of a window are those of the whole picture whatever follows it.

use std::cell::Cell;

use pulp::NullaryFnOnce;

use super::huffman::{Bits, Block, block};
use super::markers::{Component, Frame};
use super::transform::{Plain, Transform, samples};
use crate::data::picture::Area;

/// What of a picture is wanted: the samples of a block's side (8, 4, 2 or 1) and a rectangle of the picture at that size.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Samples that brightness has of each eight.
    pub side: usize,
    /// The rectangle, in reduced pixels, inside the reduced picture.
    pub window: Area,
}

/// Buffers that a thread keeps from picture to picture: fresh memory costs the system as much as the transform does.
#[derive(Default)]
pub struct Room(Vec<Vec<u8>>);

/// Bytes of the largest buffer that is kept.
const KEPT: usize = 8 << 20;

thread_local! {
    static ROOM: Cell<Room> = const { Cell::new(Room(Vec::new())) };
}

impl Room {
    /// This thread's.
    fn borrow() -> Room {
        ROOM.take()
    }

    /// An empty buffer.
    fn take(&mut self) -> Vec<u8> {
        self.0.pop().unwrap_or_default()
    }

    fn give(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        if self.0.len() < 4 && buffer.capacity() <= KEPT {
            self.0.push(buffer);
        }
    }

    /// Keeps the planes' buffers for the next picture.
    pub fn keep(mut self, planes: Vec<Plane>) {
        // In the order in which they will be asked for.
        planes.into_iter().rev().for_each(|plane| self.give(plane.samples));
        ROOM.set(self);
    }
}

/// The samples of one component.
pub struct Plane {
    /// Rows, `stride` apart.
    pub samples: Vec<u8>,
    /// Samples from row to row.
    pub stride: usize,
    /// Place of the first sample in the whole plane: column, row.
    pub from: (usize, usize),
    /// The whole plane's columns and rows that belong to the picture.
    pub size: (usize, usize),
    /// How many pixels a sample stands for: across, down; 1 or 2.
    pub spread: (usize, usize),
    /// Whether a sample of several pixels is spread by a filter. libjpeg repeats it at an eighth of the size, and where there are two
    /// columns at most.
    pub smooth: bool,
    /// Samples a block's side.
    side: usize,
}

/// MCUs from, to.
type Span = (usize, usize);

/// The planes of a view.
pub struct Read {
    /// One for each component.
    pub planes: Vec<Plane>,
    /// MCUs that had to be read and could not: the data ends before them or is none.
    pub lost: usize,
    /// MCUs that had to be read.
    pub mcus: usize,
    /// Gives the planes' buffers back.
    pub room: Room,
}

/// The planes of a view; `None` where the sampling is of a rare kind.
pub fn planes(frame: &Frame<'_>, view: View) -> Option<Read> {
    let most = |of: fn(&Component) -> usize| frame.components.iter().map(of).max();
    let (across, down) = (most(|c| c.across)?, most(|c| c.down)?);
    let mcus = (frame.width.div_ceil(across * 8), frame.height.div_ceil(down * 8));
    let mut shapes = Vec::with_capacity(3);
    let (mut columns, mut rows) = ((usize::MAX, 0), (usize::MAX, 0));
    for component in &frame.components {
        // A plane of fewer samples is reduced less, as long as it stays within the picture's own.
        let mut side = view.side;
        while side < 8
            && (across * view.side).is_multiple_of(component.across * side * 2)
            && (down * view.side).is_multiple_of(component.down * side * 2)
        {
            side *= 2;
        }
        let spread = |most: usize, own: usize| {
            let (pixels, samples) = (most * view.side, own * side);
            (pixels.is_multiple_of(samples) && pixels / samples <= 2).then_some(pixels / samples)
        };
        let spread = (spread(across, component.across)?, spread(down, component.down)?);
        let size = (
            (frame.width * component.across * side).div_ceil(across * 8),
            (frame.height * component.down * side).div_ceil(down * 8),
        );
        let Area { x, y, width, height } = view.window;
        columns = joined(columns, needed(x, width, spread.0, size.0, component.across * side));
        rows = joined(rows, needed(y, height, spread.1, size.1, component.down * side));
        shapes.push((side, spread, size));
    }
    let mut room = Room::borrow();
    let mut planes: Vec<Plane> = (frame.components.iter().zip(shapes))
        .map(|(component, (side, spread, size))| {
            let (wide, high) = (component.across * side, component.down * side);
            let stride = (columns.1 - columns.0) * wide;
            let mut samples = room.take();
            samples.resize(stride * (rows.1 - rows.0) * high, 128);
            Plane {
                samples,
                stride,
                from: (columns.0 * wide, rows.0 * high),
                size,
                spread,
                smooth: view.side > 1 && (size.0 > 2 || spread.0 == 1),
                side,
            }
        })
        .collect();
    let (across, span) = (mcus.0, (columns, rows));
    let planes_of = &mut planes;
    let (clean, lost) = match pulp::Arch::new() {
        #[cfg(target_arch = "x86_64")]
        pulp::Arch::V4(simd) => {
            simd.vectorize(Fill { transform: *simd, frame, planes: planes_of, across, span, clean: room.take() })
        }
        #[cfg(target_arch = "x86_64")]
        pulp::Arch::V3(simd) => {
            simd.vectorize(Fill { transform: simd, frame, planes: planes_of, across, span, clean: room.take() })
        }
        _ => Fill { transform: Plain, frame, planes: planes_of, across, span, clean: room.take() }.call(),
    };
    room.give(clean);
    Some(Read { planes, lost, mcus: mcus.0 * rows.1, room })
}

/// The MCUs of an axis that hold the samples of `length` pixels from `start`, and one sample more on each side.
fn needed(start: usize, length: usize, spread: usize, samples: usize, of_mcu: usize) -> Span {
    let first = (start / spread).saturating_sub(1);
    let last = ((start + length - 1) / spread + 1).min(samples - 1);
    (first / of_mcu, last / of_mcu + 1)
}

fn joined(a: Span, b: Span) -> Span {
    (a.0.min(b.0), a.1.max(b.1))
}

/// Reads MCU after MCU. A task instead of a closure, so that it is always compiled into the function that has the vectors.
struct Fill<'a, T> {
    transform: T,
    frame: &'a Frame<'a>,
    planes: &'a mut [Plane],
    /// MCUs in a row of the whole picture.
    across: usize,
    /// Columns and rows of MCUs that have a place.
    span: (Span, Span),
    /// Room for the scan's bytes.
    clean: Vec<u8>,
}

impl<T: Transform> NullaryFnOnce for Fill<'_, T> {
    /// The room, and how many MCUs were lost.
    type Output = (Vec<u8>, usize);

    #[inline(always)]
    fn call(self) -> (Vec<u8>, usize) {
        let Fill { transform, frame, planes, across, span, clean } = self;
        let mcus = across * span.1.1;
        let most = if frame.restart > 0 { mcus.div_ceil(frame.restart) } else { 1 };
        let intervals = Intervals::of(frame.scan, frame.restart > 0, most, clean);
        let lost = fill(transform, frame, planes, across, span, &intervals);
        (intervals.clean, lost)
    }
}

/// How many MCUs were lost.
#[inline(always)]
fn fill(
    transform: impl Transform,
    frame: &Frame<'_>,
    planes: &mut [Plane],
    across: usize,
    (columns, rows): (Span, Span),
    intervals: &Intervals,
) -> usize {
    let each = if frame.restart > 0 { frame.restart } else { usize::MAX };
    let mut room: Block = [0; 64];
    let (mut bits, mut last) = (Bits::new(&[], 0), [0i32; 3]);
    let (mut whole, mut lost) = (false, 0);
    for mcu in 0..across * rows.1 {
        if mcu.is_multiple_of(each) {
            (bits, last, whole) = match intervals.get(mcu / each) {
                Some(begun) => (begun, [0; 3], true),
                None => return lost + across * rows.1 - mcu,
            };
        }
        if !whole {
            lost += 1;
            continue;
        }
        let (row, column) = (mcu / across, mcu % across);
        let place = (row >= rows.0 && (columns.0..columns.1).contains(&column))
            .then(|| (row - rows.0, column.saturating_sub(columns.0)));
        let read = mcu_at(transform, frame, planes, &mut bits, &mut last, &mut room, place);
        lost += usize::from(read.is_none());
        whole = read.is_some() && !bits.is_past();
    }
    lost
}

/// One MCU, into the planes where it has a place (row and column of MCUs there); `None` where the bits are none.
#[inline(always)]
fn mcu_at(
    transform: impl Transform,
    frame: &Frame<'_>,
    planes: &mut [Plane],
    bits: &mut Bits<'_>,
    last: &mut [i32; 3],
    room: &mut Block,
    place: Option<(usize, usize)>,
) -> Option<()> {
    for ((plane, component), last) in planes.iter_mut().zip(&frame.components).zip(last) {
        let (Some(dc), Some(ac)) = (frame.dc.get(component.dc)?, frame.ac.get(component.ac)?) else { return None };
        for down in 0..component.down {
            for right in 0..component.across {
                let Some((row, column)) = place else {
                    block::<false>(bits, (dc, ac), &component.steps, last, room)?;
                    continue;
                };
                *room = [0; 64];
                let end = block::<true>(bits, (dc, ac), &component.steps, last, room)?;
                let (row, column) = (row * component.down + down, column * component.across + right);
                let at = (row * plane.stride + column) * plane.side;
                let (stride, out) = (plane.stride, plane.samples.get_mut(at..)?);
                samples(transform, room, end <= 1, plane.side, out, stride);
            }
        }
    }
    Some(())
}

/// The scan's bytes without stuffing, cut at restart markers.
struct Intervals {
    clean: Vec<u8>,
    ends: Vec<usize>,
}

/// How many of eight bytes stand before the first 255.
#[inline(always)]
pub fn plain_bytes(eight: [u8; 8]) -> usize {
    // A byte of the inverse is 0 where taking 1 away borrows; what borrows falsely stands above the first such one.
    let inverse = !u64::from_le_bytes(eight);
    let found = inverse.wrapping_sub(0x0101_0101_0101_0101) & !inverse & 0x8080_8080_8080_8080;
    (found.trailing_zeros() / 8) as usize
}

/// Zeros behind each interval, so that eight bytes can be read at its last one.
const PAD: usize = 8;

impl Intervals {
    /// Reads up to the first marker that is no restart, or until the `most` intervals that are needed are there. Restarts that the
    /// header does not announce are passed over.
    #[inline(always)]
    fn of(scan: &[u8], cut: bool, most: usize, mut clean: Vec<u8>) -> Intervals {
        clean.clear();
        clean.reserve(scan.len() + PAD);
        let mut ends = Vec::new();
        let mut at = 0;
        while let Some(&byte) = scan.get(at) {
            // Eight bytes at once where none of them is 255.
            if let Some(eight) = scan.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
                let plain = plain_bytes(*eight);
                if plain > 0 {
                    clean.extend_from_slice(eight);
                    clean.truncate(clean.len() - (8 - plain));
                    at += plain;
                    continue;
                }
            } else if byte != 0xFF {
                clean.push(byte);
                at += 1;
                continue;
            }
            match scan.get(at + 1) {
                Some(0x00) => {
                    clean.push(0xFF);
                    at += 2;
                }
                Some(0xFF) => at += 1,
                Some(0xD0..=0xD7) => {
                    if cut {
                        if ends.len() + 1 >= most {
                            break;
                        }
                        ends.push(clean.len());
                        clean.extend_from_slice(&[0; PAD]);
                    }
                    at += 2;
                }
                _ => break,
            }
        }
        ends.push(clean.len());
        clean.extend_from_slice(&[0; PAD]);
        Intervals { clean, ends }
    }

    fn get(&self, number: usize) -> Option<Bits<'_>> {
        let end = *self.ends.get(number)?;
        let start = match number.checked_sub(1) {
            Some(before) => self.ends.get(before)? + PAD,
            None => 0,
        };
        Some(Bits::new(self.clean.get(start..end + PAD)?, end - start))
    }
}
