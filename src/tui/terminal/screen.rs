//! The screen: what the terminal shows, and the way to change it.
//!
//! Takes drawn buffers with the pictures that their marks name; writes only what differs from what the terminal already
//! shows, as one `write` inside synchronised output, and nothing at all when nothing does.

use std::cell::Cell as Shared;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::Instant;

use crossterm::cursor::MoveTo;
use crossterm::queue;
use crossterm::style::ResetColor;
use crossterm::terminal::{BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Rect, Size};

use super::graphics::{Framed, Gallery, Mark};
use super::taken::Tidy;
use super::way::{Protocol, Way};

/// Gathers what is written until `flush`, then passes it on in one piece.
#[derive(Debug)]
pub struct OneWrite<W: Write> {
    gathered: Vec<u8>,
    /// Bytes passed on so far; shared, since the backend hides its writer.
    written: Rc<Shared<u64>>,
    inner: W,
}

impl<W: Write> OneWrite<W> {
    /// Over `inner`.
    pub fn new(inner: W) -> OneWrite<W> {
        OneWrite { gathered: Vec::new(), written: Rc::default(), inner }
    }
}

impl<W: Write> Write for OneWrite<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.gathered.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.gathered.is_empty() {
            self.inner.write_all(&self.gathered)?;
            self.written.set(self.written.get() + self.gathered.len() as u64);
            self.gathered.clear();
        }
        self.inner.flush()
    }
}

/// What the terminal shows, and the way to change it.
#[derive(Debug)]
pub struct Screen<W: Write> {
    backend: CrosstermBackend<OneWrite<W>>,
    written: Rc<Shared<u64>>,
    shown: Buffer,
    unknown: bool,
    gallery: Gallery,
    /// To be written with the next frame, before all else.
    first: Vec<u8>,
    asked: Instant,
}

impl<W: Write> Screen<W> {
    /// A terminal of that size whose content is not known; pictures have numbers above `seat`, and `tidy` is told
    /// how to delete them.
    pub fn new(out: W, size: Size, seat: u8, tidy: Tidy) -> Screen<W> {
        let out = OneWrite::new(out);
        Screen {
            written: Rc::clone(&out.written),
            backend: CrosstermBackend::new(out),
            shown: Buffer::empty(area(size)),
            unknown: true,
            gallery: Gallery::new(seat, tidy),
            first: Vec::new(),
            asked: Instant::now(),
        }
    }

    /// Its size in cells.
    pub fn size(&self) -> Size {
        self.shown.area.as_size()
    }

    /// Writes a question at once.
    ///
    /// # Errors
    /// Where the terminal cannot be written.
    pub fn ask(&mut self, question: &[u8]) -> io::Result<()> {
        self.backend.write_all(question)?;
        Write::flush(&mut self.backend)?;
        self.asked = Instant::now();
        Ok(())
    }

    /// When it was asked last.
    pub fn asked(&self) -> Instant {
        self.asked
    }

    /// Bytes that were written so far.
    pub fn written(&self) -> u64 {
        self.written.get()
    }

    /// How pictures are shown.
    pub fn way(&self) -> Way {
        self.gallery.way()
    }

    /// From now on pictures are shown so; the next frame is written whole.
    pub fn change(&mut self, way: Way) {
        let bytes = self.gallery.change(way);
        self.first.extend(bytes);
        self.unknown = true;
        self.shown.reset();
    }

    /// The terminal has another size.
    pub fn resize(&mut self, size: Size) {
        self.shown = Buffer::empty(area(size));
        self.unknown = true;
    }

    /// All is to be written again, pictures too.
    pub fn renew(&mut self) {
        let bytes = self.gallery.clear();
        self.first.extend(bytes);
        self.resize(self.size());
    }

    /// The terminal was given back and taken again: it keeps nothing.
    pub fn forget(&mut self, size: Size) {
        self.gallery.forget();
        self.resize(size);
    }

    /// Makes the terminal show what `paint` draws into an empty buffer, with the pictures that it gives. Returns whether
    /// pictures are left for the next frame.
    ///
    /// # Errors
    /// Where the terminal cannot be written.
    pub fn show(&mut self, paint: impl FnOnce(&mut Buffer) -> Vec<Framed>) -> io::Result<bool> {
        let mut next = Buffer::empty(self.shown.area);
        let framed = paint(&mut next);
        let placed = self.gallery.place(&framed, &mut next);
        let mut changes = self.shown.diff(&next);
        if changes.is_empty() && placed.bytes.is_empty() && self.first.is_empty() && !self.unknown {
            return Ok(placed.left);
        }
        // Kitty's marks are written as they are. Elsewhere the text under a picture is wiped, and the pixels follow.
        let at_cursor = matches!(self.way().protocol, Protocol::Iterm2 | Protocol::Sixel);
        let mark = |(x, y, cell): &(u16, u16, &Cell)| Some((*x, *y, Mark::of(cell)?));
        let marks: Vec<_> = if at_cursor { changes.iter().filter_map(mark).collect() } else { Vec::new() };
        let drawn = self.gallery.draw(&marks);
        let blank = Cell::default();
        if at_cursor {
            changes.iter_mut().filter(|change| Mark::of(change.2).is_some()).for_each(|change| change.2 = &blank);
        }
        queue!(self.backend, BeginSynchronizedUpdate)?;
        self.backend.write_all(&std::mem::take(&mut self.first))?;
        if self.unknown {
            queue!(self.backend, ResetColor, MoveTo(0, 0), Clear(ClearType::All))?;
        }
        self.backend.write_all(&placed.bytes)?;
        self.backend.draw(changes.into_iter())?;
        for (x, y, bytes) in &drawn.pieces {
            queue!(self.backend, MoveTo(*x, *y))?;
            self.backend.write_all(bytes)?;
        }
        queue!(self.backend, EndSynchronizedUpdate)?;
        Write::flush(&mut self.backend)?;
        for &(x, y) in &drawn.left {
            next[(x, y)].reset();
        }
        self.shown = next;
        self.unknown = false;
        Ok(placed.left || !drawn.left.is_empty())
    }
}

fn area(size: Size) -> Rect {
    Rect::from((ratatui::layout::Position::ORIGIN, size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Writes(Arc<Mutex<Vec<Vec<u8>>>>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push(bytes.to_vec());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn text(buffer: &mut Buffer, text: &str) -> Vec<Framed> {
        buffer.set_string(0, 0, text, ratatui::style::Style::new());
        Vec::new()
    }

    #[test]
    fn a_frame_is_one_write_and_an_equal_frame_none() {
        let writes = Writes::default();
        let mut screen = Screen::new(writes.clone(), Size::new(80, 24), 0, Tidy::default());
        screen.show(|b| text(b, "獺祭 0.731")).unwrap();
        assert_eq!(writes.0.lock().unwrap().len(), 1);
        screen.show(|b| text(b, "獺祭 0.731")).unwrap();
        assert_eq!(writes.0.lock().unwrap().len(), 1);
        screen.show(|b| text(b, "獺祭 0.732")).unwrap();
        let all = writes.0.lock().unwrap();
        assert_eq!(all.len(), 2);
        let last = String::from_utf8(all[1].clone()).unwrap();
        assert!(last.starts_with("\x1b[?2026h") && last.ends_with("\x1b[?2026l"), "{last:?}");
        assert!(last.contains('2') && !last.contains("獺"), "only the changed cell: {last:?}");
    }
}
