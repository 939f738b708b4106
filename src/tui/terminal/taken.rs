//! Taking the terminal over and giving it back.
//!
//! Whatever happens, the terminal is put back: on leaving, on an error, and on a panic before its message is printed.
//! What the terminal keeps for us beyond the screen (Kitty's pictures) is named in a [`Tidy`] as long as it is kept, and
//! leaving deletes it.

use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ThreadId;

use crossterm::cursor::{Hide, Show};
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::style::ResetColor;
use crossterm::terminal::{EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{execute, queue};

/// The bytes that delete what the terminal keeps, always up to date; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Tidy(Arc<Mutex<Vec<u8>>>);

impl Tidy {
    /// From now on these.
    pub fn set(&self, bytes: Vec<u8>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = bytes;
    }

    /// The bytes, once. Where a panic interrupted [`Tidy::set`] there are none, instead of waiting for ever.
    fn take(&self) -> Vec<u8> {
        self.0.try_lock().map(|mut bytes| std::mem::take(&mut *bytes)).unwrap_or_default()
    }
}

/// The bytes that take the terminal over: another screen, no cursor, pasted text not read as keys.
pub fn write_enter(out: &mut impl Write) -> io::Result<()> {
    execute!(out, EnterAlternateScreen, EnableBracketedPaste, Hide)
}

/// The bytes that give it back, also out of an unfinished frame.
pub fn write_leave(out: &mut impl Write, tidy: &Tidy) -> io::Result<()> {
    queue!(out, EndSynchronizedUpdate)?;
    out.write_all(&tidy.take())?;
    execute!(out, ResetColor, DisableBracketedPaste, Show, LeaveAlternateScreen)
}

/// Takes this process's terminal over.
pub fn enter() -> io::Result<()> {
    crossterm::terminal::enable_raw_mode()?;
    write_enter(&mut io::stdout())
}

/// Gives it back. Errors are of no use here: there is nothing left to tell them with.
pub fn leave(tidy: &Tidy) {
    let _ = write_leave(&mut io::stdout(), tidy);
    let _ = crossterm::terminal::disable_raw_mode();
}

/// The terminal while the workbench has it; dropped, it is given back.
#[derive(Debug)]
pub struct Taken(Tidy);

impl Taken {
    /// Takes it.
    pub fn take(tidy: Tidy) -> io::Result<Taken> {
        let taken = Taken(tidy);
        enter()?;
        Ok(taken)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        leave(&self.0);
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

    #[test]
    fn a_panic_gives_the_terminal_back_before_its_message() {
        let out = Writes::default();
        let hook_out = out.clone();
        let said = Arc::new(Mutex::new(Vec::new()));
        let reports = Arc::clone(&said);
        let standard = std::panic::take_hook();
        let message_out = out.clone();
        let tidy = Tidy::default();
        tidy.set(b"<delete>".to_vec());
        let own: Hook = Box::new(move |_| message_out.clone().write_all(b"message").unwrap());
        std::panic::set_hook(panic_hook(
            std::thread::current().id(),
            Arc::new(own),
            move || write_leave(&mut hook_out.clone(), &tidy).unwrap(),
            move |text| reports.lock().unwrap().push(text),
        ));
        let caught = std::panic::catch_unwind(|| panic!("on the owner's thread"));
        let other = std::thread::spawn(|| panic!("on another thread")).join();
        std::panic::set_hook(standard);
        assert!(caught.is_err() && other.is_err());
        let bytes: Vec<u8> = out.0.lock().unwrap().concat();
        let text = String::from_utf8(bytes).unwrap();
        for restore in ["\x1b[?2026l", "<delete>", "\x1b[0m", "\x1b[?2004l", "\x1b[?25h", "\x1b[?1049l"] {
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
        write_leave(&mut bytes, &Tidy::default()).unwrap();
        parser.process(&bytes);
        let screen = parser.screen();
        assert!(!screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste());
    }
}
