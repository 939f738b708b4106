//! The terminal: taken over, written, given back.
//!
//! Takes drawn buffers; writes only the cells that differ from what the terminal already shows, as
//! one `write` inside synchronised output, and nothing at all when none does. Whatever happens, the
//! terminal is put back: on leaving, on an error, and on a panic before its message is printed.

use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::sync::Arc;
use std::thread::ThreadId;

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::style::ResetColor;
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
};
use crossterm::{execute, queue};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};

/// Gathers what is written until `flush`, then passes it on in one piece.
#[derive(Debug)]
pub struct OneWrite<W: Write> {
    gathered: Vec<u8>,
    inner: W,
}

impl<W: Write> OneWrite<W> {
    /// Over `inner`.
    pub fn new(inner: W) -> OneWrite<W> {
        OneWrite { gathered: Vec::new(), inner }
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
            self.gathered.clear();
        }
        self.inner.flush()
    }
}

/// What the terminal shows, and the way to change it.
#[derive(Debug)]
pub struct Screen<W: Write> {
    backend: CrosstermBackend<OneWrite<W>>,
    shown: Buffer,
    unknown: bool,
}

impl<W: Write> Screen<W> {
    /// A terminal of that size whose content is not known.
    pub fn new(out: W, size: Size) -> Screen<W> {
        let area = Rect::from((ratatui::layout::Position::ORIGIN, size));
        Screen { backend: CrosstermBackend::new(OneWrite::new(out)), shown: Buffer::empty(area), unknown: true }
    }

    /// Its size in cells.
    pub fn size(&self) -> Size {
        self.shown.area.as_size()
    }

    /// The terminal has another size, or what it shows is not known any more.
    pub fn forget(&mut self, size: Size) {
        self.shown = Buffer::empty(Rect::from((ratatui::layout::Position::ORIGIN, size)));
        self.unknown = true;
    }

    /// Makes the terminal show what `paint` draws into an empty buffer.
    ///
    /// # Errors
    /// Where the terminal cannot be written.
    pub fn show(&mut self, paint: impl FnOnce(&mut Buffer)) -> io::Result<()> {
        let mut next = Buffer::empty(self.shown.area);
        paint(&mut next);
        let changes = self.shown.diff(&next);
        if changes.is_empty() && !self.unknown {
            return Ok(());
        }
        queue!(self.backend, BeginSynchronizedUpdate)?;
        if self.unknown {
            queue!(self.backend, ResetColor, MoveTo(0, 0), Clear(ClearType::All))?;
        }
        self.backend.draw(changes.into_iter())?;
        queue!(self.backend, EndSynchronizedUpdate)?;
        Write::flush(&mut self.backend)?;
        self.shown = next;
        self.unknown = false;
        Ok(())
    }
}

/// The bytes that take the terminal over: another screen, no cursor, pasted text not read as keys.
pub fn write_enter(out: &mut impl Write) -> io::Result<()> {
    execute!(out, EnterAlternateScreen, EnableBracketedPaste, Hide)
}

/// The bytes that give it back, also out of an unfinished frame.
pub fn write_leave(out: &mut impl Write) -> io::Result<()> {
    execute!(out, EndSynchronizedUpdate, ResetColor, DisableBracketedPaste, Show, LeaveAlternateScreen)
}

/// Takes this process's terminal over.
pub fn enter() -> io::Result<()> {
    crossterm::terminal::enable_raw_mode()?;
    write_enter(&mut io::stdout())
}

/// Gives it back. Errors are of no use here: there is nothing left to tell them with.
pub fn leave() {
    let _ = write_leave(&mut io::stdout());
    let _ = crossterm::terminal::disable_raw_mode();
}

/// The terminal while the workbench has it; dropped, it is given back.
#[derive(Debug)]
pub struct Taken;

impl Taken {
    /// Takes it.
    pub fn take() -> io::Result<Taken> {
        let taken = Taken;
        enter()?;
        Ok(taken)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        leave();
    }
}

/// A panic hook of the standard library's shape.
pub type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

/// The hook for the time the workbench has the terminal. A panic of the thread `owner` gives the
/// terminal back before `previous` prints its message. A panic of another thread must not print
/// over the screen, so it is given to `report`, and the workbench goes on.
pub fn panic_hook(
    owner: ThreadId,
    previous: Arc<Hook>,
    restore: impl Fn() + Send + Sync + 'static,
    report: impl Fn(String) + Send + Sync + 'static,
) -> Hook {
    Box::new(move |info| {
        if std::thread::current().id() == owner {
            restore();
            previous(info);
        } else {
            report(format!("a part of toji stopped: {info}"));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

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

    fn text(buffer: &mut Buffer, text: &str) {
        buffer.set_string(0, 0, text, ratatui::style::Style::new());
    }

    #[test]
    fn a_frame_is_one_write_and_an_equal_frame_none() {
        let writes = Writes::default();
        let mut screen = Screen::new(writes.clone(), Size::new(80, 24));
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

    #[test]
    fn a_panic_gives_the_terminal_back_before_its_message() {
        let out = Writes::default();
        let hook_out = out.clone();
        let said = Arc::new(Mutex::new(Vec::new()));
        let reports = Arc::clone(&said);
        let standard = std::panic::take_hook();
        let message_out = out.clone();
        let own: Hook = Box::new(move |_| message_out.clone().write_all(b"message").unwrap());
        std::panic::set_hook(panic_hook(
            std::thread::current().id(),
            Arc::new(own),
            move || write_leave(&mut hook_out.clone()).unwrap(),
            move |text| reports.lock().unwrap().push(text),
        ));
        let caught = std::panic::catch_unwind(|| panic!("on the owner's thread"));
        let other = std::thread::spawn(|| panic!("on another thread")).join();
        std::panic::set_hook(standard);
        assert!(caught.is_err() && other.is_err());
        let bytes: Vec<u8> = out.0.lock().unwrap().concat();
        let text = String::from_utf8(bytes).unwrap();
        for restore in ["\x1b[?2026l", "\x1b[0m", "\x1b[?2004l", "\x1b[?25h", "\x1b[?1049l"] {
            assert!(text.contains(restore), "{restore:?} is missing in {text:?}");
        }
        assert!(text.ends_with("message"), "the message comes after the restoring: {text:?}");
        let said = said.lock().unwrap();
        assert!(said.iter().any(|s| s.contains("on another thread")), "{said:?}");
    }

    #[test]
    fn leaving_undoes_entering() {
        let mut parser = vt100::Parser::default();
        let mut bytes = Vec::new();
        write_enter(&mut bytes).unwrap();
        parser.process(&bytes);
        assert!(
            parser.screen().alternate_screen() && parser.screen().hide_cursor() && parser.screen().bracketed_paste()
        );
        bytes.clear();
        write_leave(&mut bytes).unwrap();
        parser.process(&bytes);
        let screen = parser.screen();
        assert!(!screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste());
    }
}
