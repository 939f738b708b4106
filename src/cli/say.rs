//! Where text goes: lines or JSON on stdout, errors and a progress bar on stderr.
//!
//! A bar is drawn only on a terminal, at most ten times a second, and is wiped before a line is
//! written. A closed pipe ends the output without a word; the first other failure (a full disk) is kept for the exit code.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use toji::base::Progress;
use toji::base::text::{ascii, fit, plain};
use toji::book::Look;

/// The least time between two drawings of the bar.
const PAUSE: Duration = Duration::from_millis(100);

/// The outputs of this process. Clones share the bar.
#[derive(Clone)]
pub struct Say {
    json: bool,
    ascii: bool,
    bar: Arc<Mutex<Bar>>,
    /// Why a line could not be written, the first time.
    lost: Arc<OnceLock<io::Error>>,
}

struct Bar {
    shown: bool,
    last: Option<Instant>,
}

impl Say {
    /// Lines, or JSON; lines with ASCII signs where the terminal has no others.
    pub fn new(json: bool, ascii: bool) -> Say {
        Say { json, ascii, bar: Arc::new(Mutex::new(Bar { shown: false, last: None })), lost: Arc::default() }
    }

    /// Whether JSON was asked for.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// How reports of mistakes are drawn on stderr.
    pub fn look(&self) -> Look {
        if self.json || !io::stderr().is_terminal() {
            return Look::LINES;
        }
        let width = crossterm::terminal::size().map_or(80, |(width, _)| usize::from(width));
        Look { width, colour: super::surroundings::wants_colour(), pictures: true }
    }

    /// Columns that stdout has; a pipe gets `pipe`.
    pub fn columns(&self, pipe: usize) -> usize {
        match io::stdout().is_terminal() {
            true => crossterm::terminal::size().map_or(80, |(width, _)| usize::from(width)),
            false => pipe,
        }
    }

    /// One line on stdout. Foreign text in it must have been made plain.
    pub fn line(&self, text: &str) {
        self.wipe();
        self.keep(writeln!(io::stdout().lock(), "{}", self.drawn(text)));
    }

    /// A text with the signs that may be drawn. JSON is for programs and stays as it is.
    fn drawn<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.ascii { Cow::Owned(text.chars().map(ascii).collect()) } else { Cow::Borrowed(text) }
    }

    /// Why output was lost; `None` where all was written, or nobody reads it any more.
    pub fn lost(&self) -> Option<&io::Error> {
        self.keep(io::stdout().lock().flush());
        self.lost.get()
    }

    fn keep(&self, written: io::Result<()>) {
        if let Err(error) = written
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            // Only the first is kept: what follows fails for the same reason.
            let _ = self.lost.set(error);
        }
    }

    /// One JSON object on stdout.
    pub fn json<T: serde::Serialize>(&self, object: &T) {
        self.wipe();
        if let Ok(text) = serde_json::to_string(object) {
            self.keep(writeln!(io::stdout().lock(), "{text}"));
        }
    }

    /// Text on stderr.
    pub fn error(&self, text: &str) {
        self.wipe();
        let _ = writeln!(io::stderr().lock(), "{}", self.drawn(text));
    }

    /// A state of the bar; drawn only on a terminal and not too often.
    pub fn bar(&self, text: &str) {
        if self.json || !io::stderr().is_terminal() || super::surroundings::is_dumb() {
            return;
        }
        let mut bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        if bar.last.is_some_and(|last| last.elapsed() < PAUSE) {
            return;
        }
        bar.last = Some(Instant::now());
        bar.shown = true;
        let width = crossterm::terminal::size().map_or(80, |(width, _)| usize::from(width)).saturating_sub(1);
        let _ = write!(io::stderr().lock(), "\r\x1b[2K{}", self.drawn(&fit(text, width)));
    }

    /// Takes the bar away.
    pub fn wipe(&self) {
        let mut bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        if bar.shown {
            let _ = write!(io::stderr().lock(), "\r\x1b[2K");
            bar.shown = false;
        }
    }
}

impl Progress for Say {
    fn at(&self, what: &str, done: u64, total: u64, unit: &str) {
        self.bar(&gauge(&plain(what), done, total, unit));
    }
}

/// `embed ━━━━━╌╌╌╌╌ 120 of 480 photos`.
pub fn gauge(what: &str, done: u64, total: u64, unit: &str) -> String {
    if total == 0 {
        return format!("{what} {done} {unit}");
    }
    let full = (20 * done.min(total) / total) as usize;
    format!("{what} {}{} {done} of {total} {unit}", "━".repeat(full), "╌".repeat(20 - full))
}

/// A difference with its 95 % interval: `+0.0120 [+0.0040, +0.0201]`, or a dash.
pub fn short(delta: Option<&toji::score::Delta>) -> String {
    delta.map_or_else(
        || "-".to_owned(),
        |delta| format!("{:+.4} [{:+.4}, {:+.4}]", delta.value, delta.interval[0], delta.interval[1]),
    )
}
