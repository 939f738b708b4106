//! Which pictures the screen shows, under which numbers, and which the terminal already has.
//!
//! Takes a frame's pictures and its buffer of marks; gives the marks numbers that stay the same from frame to frame, and
//! the bytes that make the terminal show what it does not have. A picture is known by its pixels and its size in cells.

use std::sync::Arc;

use ratatui::buffer::Buffer;
use toji::session::snapshot::Picture;

use super::regions;
use super::{BUDGET, Framed, MOST, Mark, cap, iterm2, kitty, sixel};
use crate::tui::terminal::taken::Tidy;
use crate::tui::terminal::way::{Protocol, Way};

/// So many pictures are kept in the terminal's memory before those go that are not shown.
const KEPT: usize = 128;

/// The pictures by number; see the file's head.
#[derive(Debug)]
pub struct Gallery {
    way: Way,
    /// The upper byte of Kitty's numbers, so that two workbenches in one window do not meet; 0: none.
    seat: u8,
    tidy: Tidy,
    frame: u64,
    /// The picture of number i + 1.
    slots: Vec<Option<Slot>>,
}

#[derive(Debug)]
struct Slot {
    framed: Framed,
    /// Whether the terminal has it (Kitty).
    sent: bool,
    /// The last frame that showed it.
    shown: u64,
}

/// Pictures beside each other that are drawn at the cursor at once are no wider, in columns: three photos of a page. One alone may be.
const WIDEST: u16 = 51;

/// What [`Gallery::place`] gives.
#[derive(Debug, Default)]
pub struct Placed {
    /// To be written before the cells.
    pub bytes: Vec<u8>,
    /// Whether pictures are left for the next frame; their cells are blank.
    pub left: bool,
}

/// What [`Gallery::draw`] gives.
#[derive(Debug, Default)]
pub struct Drawn {
    /// To be written at these cells, after the text.
    pub pieces: Vec<(u16, u16, Vec<u8>)>,
    /// Cells that are left for the next frame.
    pub left: Vec<(u16, u16)>,
}

fn same(a: &Framed, b: &Framed) -> bool {
    let pixels = |p: &Picture, q: &Picture| {
        (p.width, p.height) == (q.width, q.height) && (Arc::ptr_eq(&p.rgb, &q.rgb) || p.rgb == q.rgb)
    };
    (a.columns, a.rows) == (b.columns, b.rows) && pixels(&a.picture, &b.picture)
}

impl Gallery {
    /// Empty, by half blocks.
    pub fn new(seat: u8, tidy: Tidy) -> Gallery {
        let seat = if usize::from(seat) < super::numbers::NUMBERS.len() { seat } else { 0 };
        Gallery { way: Way::default(), seat, tidy, frame: 0, slots: Vec::new() }
    }

    /// The way that pictures are shown.
    pub fn way(&self) -> Way {
        self.way
    }

    /// From now on by this way; the bytes that take away what the old one left in the terminal.
    pub fn change(&mut self, way: Way) -> Vec<u8> {
        let old = self.way;
        let stays = (old.protocol, old.passthrough) == (way.protocol, way.passthrough);
        let bytes = if stays { Vec::new() } else { self.clear() };
        self.way = way;
        bytes
    }

    /// Nothing is in the terminal any more; the bytes that see to that.
    pub fn clear(&mut self) -> Vec<u8> {
        let bytes = self.deletes();
        self.forget();
        bytes
    }

    /// The terminal has lost everything.
    pub fn forget(&mut self) {
        self.slots.clear();
        self.tidy.set(Vec::new());
    }

    fn deletes(&self) -> Vec<u8> {
        let sent = self.slots.iter().enumerate().filter(|(_, slot)| slot.as_ref().is_some_and(|slot| slot.sent));
        sent.flat_map(|(at, _)| self.delete(at)).collect()
    }

    fn delete(&self, at: usize) -> Vec<u8> {
        kitty::delete(self.number(at), self.way.passthrough)
    }

    /// Kitty's number of a slot: the upper byte is told by a mark's third sign, the lower one by its colour.
    fn number(&self, at: usize) -> u32 {
        u32::from(self.seat) << 24 | (at as u32 + 1)
    }

    /// Gives the frame's marks their numbers and sends what the terminal must have for them.
    pub fn place(&mut self, framed: &[Framed], next: &mut Buffer) -> Placed {
        let mut placed = Placed::default();
        if framed.is_empty() || !self.way.protocol.is_graphic() {
            return placed;
        }
        self.frame += 1;
        let mut budget = BUDGET;
        let mut changed = false;
        let numbers: Vec<Option<u8>> = framed
            .iter()
            .map(|framed| {
                let at = self.slot(framed, &mut placed.bytes)?;
                if self.way.protocol == Protocol::Kitty && !self.send(at, &mut budget, &mut placed, &mut changed)? {
                    return None;
                }
                Some(at as u8 + 1)
            })
            .collect();
        changed |= self.evict(&mut placed.bytes);
        if changed {
            self.tidy.set(self.deletes());
        }
        let seat = (self.way.protocol == Protocol::Kitty && self.seat > 0).then_some(self.seat);
        for cell in &mut next.content {
            let Some(mark) = Mark::of(cell) else { continue };
            match numbers.get(usize::from(mark.picture) - 1).copied().flatten() {
                Some(picture) => Mark { picture, ..mark }.put(cell, seat),
                None => cell.reset(),
            }
        }
        placed
    }

    /// Where a picture is kept, from now on if it was not; `None` where the frame has too many.
    fn slot(&mut self, framed: &Framed, bytes: &mut Vec<u8>) -> Option<usize> {
        let known = self.slots.iter().position(|slot| slot.as_ref().is_some_and(|slot| same(&slot.framed, framed)));
        let at = match known {
            Some(at) => at,
            None => {
                let at = self.slots.iter().position(Option::is_none).or_else(|| {
                    (self.slots.len() < MOST).then(|| {
                        self.slots.push(None);
                        self.slots.len() - 1
                    })
                });
                let at = at.or_else(|| self.oldest())?;
                let new = Slot { framed: framed.clone(), sent: false, shown: 0 };
                if self.slots[at].replace(new).is_some_and(|old| old.sent) {
                    bytes.extend(self.delete(at));
                }
                at
            }
        };
        self.slots[at].as_mut()?.shown = self.frame;
        Some(at)
    }

    /// Sends a picture that the terminal lacks; `Some(false)` where it must wait, `None` where it cannot be encoded.
    fn send(&mut self, at: usize, budget: &mut usize, placed: &mut Placed, changed: &mut bool) -> Option<bool> {
        let (number, way) = (self.number(at), self.way);
        let slot = self.slots[at].as_mut()?;
        if slot.sent {
            return Some(true);
        }
        if *budget == 0 {
            placed.left = true;
            return Some(false);
        }
        let framed = &slot.framed;
        let most = (
            u32::from(framed.columns) * u32::from(way.cell.0).max(8),
            u32::from(framed.rows) * u32::from(way.cell.1).max(16),
        );
        let png = kitty::png(&framed.picture, most, cap(usize::from(framed.columns) * usize::from(framed.rows)))?;
        *budget = budget.saturating_sub(framed.picture.rgb.len() / 3);
        placed.bytes.extend(kitty::send(number, &png, (framed.columns, framed.rows), way.passthrough));
        slot.sent = true;
        *changed = true;
        Some(true)
    }

    /// The slot that was not shown for the longest time and is not in this frame.
    fn oldest(&self) -> Option<usize> {
        let old = self.slots.iter().enumerate().filter_map(|(at, slot)| Some((slot.as_ref()?.shown, at)));
        old.filter(|(shown, _)| *shown < self.frame).min().map(|(_, at)| at)
    }

    /// Keeps the terminal's memory small; whether something went.
    fn evict(&mut self, bytes: &mut Vec<u8>) -> bool {
        let mut changed = false;
        while self.slots.iter().flatten().count() > KEPT {
            let Some(at) = self.oldest() else { break };
            if self.slots[at].take().is_some_and(|slot| slot.sent) {
                bytes.extend(self.delete(at));
                changed = true;
            }
        }
        changed
    }

    /// Draws marks that are new at their places, for protocols that draw at the cursor.
    pub fn draw(&self, marks: &[(u16, u16, Mark)]) -> Drawn {
        let mut drawn = Drawn::default();
        let Way { protocol, cell, colours, widest, .. } = self.way;
        let columns = (widest / u32::from(cell.0.max(1))).clamp(1, u32::from(super::LARGEST)) as u16;
        // A Sixel picture may have holes, and xterm keeps no more than sixteen: neighbours are one.
        let gap = if protocol == Protocol::Sixel { 1 } else { 0 };
        let mut budget = BUDGET;
        for region in regions::regions(marks, gap, (columns.min(WIDEST), columns)) {
            let (columns, rows) = region.size();
            let count = usize::from(columns) * usize::from(rows) * usize::from(cell.0) * usize::from(cell.1);
            if count > budget && !drawn.pieces.is_empty() {
                drawn.left.extend(region.cells());
                budget = 0;
                continue;
            }
            let pixels = regions::pixels(&region, cell, |number| self.framed(number));
            budget = budget.saturating_sub(count);
            let bytes = match protocol {
                Protocol::Sixel => {
                    let pictures = region.pictures().max(1);
                    sixel::show(&pixels, colours, pictures * cap(usize::from(columns) * usize::from(rows) / pictures))
                }
                Protocol::Iterm2 => iterm2::show(&pixels, (columns, rows)),
                Protocol::Kitty | Protocol::Half | Protocol::Off => continue,
            };
            drawn.pieces.push((region.x, region.y, bytes));
        }
        drawn
    }

    fn framed(&self, number: u8) -> Option<&Framed> {
        let slot = self.slots.get(usize::from(number).checked_sub(1)?)?;
        slot.as_ref().map(|slot| &slot.framed)
    }
}
