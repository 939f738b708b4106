//! The threads that wait for the terminal: one for its bytes, one for its size.
//!
//! Both sleep in the system and wake for nothing else. Only where a piece ends in the middle of a sequence does the first
//! one look at the clock: by the terminal's own read timer, for a tenth of a second at a time.

use std::io;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use crossterm::event::Event as Input;
use ratatui::layout::Size;
use rustix::io::Errno;
use rustix::termios::{OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr};

use super::ask::{self, Answers};
use super::input::{self, Came};
use crate::tui::Options;
use crate::tui::drive::Event;

/// Starts both; they end with the process, which the caller is about to leave when nobody listens any more.
pub fn start(events: Sender<Event>) -> io::Result<()> {
    let mut sizes = signal_hook::iterator::Signals::new([signal_hook::consts::SIGWINCH])?;
    let resized = events.clone();
    thread::Builder::new().name("tui-size".to_owned()).spawn(move || {
        for _ in sizes.forever() {
            let Ok((width, height)) = crossterm::terminal::size() else { continue };
            if resized.send(Event::Input(Input::Resize(width, height))).is_err() {
                return;
            }
        }
    })?;
    thread::Builder::new().name("tui-keys".to_owned()).spawn(move || {
        let mut input = input::Input::default();
        while let Some(came) = read(&mut input) {
            if came.is_empty() {
                continue;
            }
            for one in came {
                let event = match one {
                    Came::Key(key) => Event::Input(Input::Key(key)),
                    Came::Answer(answer) => Event::Answer(answer, Instant::now()),
                    Came::Paste(text) => Event::Paste(text),
                };
                if events.send(event).is_err() {
                    return;
                }
            }
            // Nothing is read before this was taken: it may have opened an editor, whose keys come by the same line.
            let (taken, wait) = mpsc::sync_channel(0);
            if events.send(Event::Read(taken)).is_err() || wait.recv().is_ok() {
                return;
            }
        }
        let _ = events.send(Event::InputEnded);
    })?;
    Ok(())
}

/// What came next, after waiting for it; `None` when the terminal is gone.
fn read(input: &mut input::Input) -> Option<Vec<Came>> {
    if !input.waits() {
        return match piece()? {
            bytes if bytes.is_empty() => None,
            bytes => Some(input.take(&bytes)),
        };
    }
    with_timer(true);
    let bytes = piece();
    with_timer(false);
    match bytes? {
        bytes if bytes.is_empty() => Some(input.quiet()),
        bytes => Some(input.take(&bytes)),
    }
}

/// One read; empty where the time is over or the terminal has ended, `None` where it cannot be read.
fn piece() -> Option<Vec<u8>> {
    let mut buffer = [0; 1024];
    loop {
        match rustix::io::read(io::stdin(), &mut buffer[..]) {
            Ok(length) => return Some(buffer[..length].to_vec()),
            Err(Errno::INTR) => {}
            Err(_) => return None,
        }
    }
}

/// Whether a read returns after a tenth of a second with nothing, or waits for at least one byte.
fn with_timer(timed: bool) {
    // Where the terminal is gone, the next read says so.
    let Ok(mut mode) = tcgetattr(io::stdin()) else { return };
    mode.special_codes[SpecialCodeIndex::VMIN] = u8::from(!timed);
    mode.special_codes[SpecialCodeIndex::VTIME] = u8::from(timed);
    let _ = tcsetattr(io::stdin(), OptionalActions::Now, &mode);
}

/// The terminal's size in cells and, where the system knows, in pixels (else 0).
pub fn sizes() -> io::Result<(Size, Size)> {
    let found = crossterm::terminal::window_size();
    match found {
        Ok(found) => Ok((Size::new(found.columns, found.rows), Size::new(found.width, found.height))),
        Err(_) => crossterm::terminal::size().map(|(width, height)| (Size::new(width, height), Size::ZERO)),
    }
}

/// Asks once and waits for all answers, at most a second; without the workbench, for `toji doctor`. Keys that are
/// pressed meanwhile are dropped.
///
/// # Errors
/// Where the terminal cannot be written, or its mode not changed.
pub fn inspect(options: &Options) -> io::Result<Answers> {
    const PATIENCE: Duration = Duration::from_secs(1);
    let mut answers = Answers::default();
    if !options.answers {
        return Ok(answers);
    }
    crossterm::terminal::enable_raw_mode()?;
    let asked = Instant::now();
    let mut out = io::stdout();
    let written = io::Write::write_all(&mut out, &ask::question(options)).and_then(|()| io::Write::flush(&mut out));
    with_timer(true);
    let mut input = input::Input::default();
    while written.is_ok() && !answers.is_complete(options) && asked.elapsed() < PATIENCE {
        let Some(bytes) = piece() else { break };
        for came in input.take(&bytes) {
            if let Came::Answer(answer) = came {
                answers.take(answer, asked.elapsed());
            }
        }
    }
    crossterm::terminal::disable_raw_mode()?;
    written.map(|()| answers)
}
