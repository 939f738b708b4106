//! Bytes of the terminal become keys and answers.
//!
//! Takes bytes in whatever pieces they come; gives key presses as crossterm names them, and what the terminal answered.
//! What it does not know it drops whole, so that no part of an unknown answer is ever taken for a key. Pasted text is one
//! thing, so that none of its letters is a key; what is too long of it is dropped.
//!
//! One thing the bytes alone do not tell: an escape may be the key or the beginning of more. So a piece that ends in the
//! middle waits, and who reads says by [`Input::quiet`] that nothing came for a while.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::ask::Answer;

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Came {
    /// A key press.
    Key(KeyEvent),
    /// An answer to a question.
    Answer(Answer),
    /// Text that was pasted.
    Paste(String),
}

/// Of a pasted text so many bytes are kept.
const LONGEST_PASTE: usize = 16 * 1024;

/// An answer longer than this is dropped.
const LONGEST: usize = 4096;
/// What ends pasted text.
const PASTE_END: &[u8] = b"\x1b[201~";
/// After so many quiet spells the rest of an answer is not waited for any more.
const PATIENCE: u8 = 10;

/// The reader's state between two pieces.
#[derive(Debug, Default)]
pub struct Input {
    waiting: Vec<u8>,
    quiet: u8,
    skips: Option<Skip>,
    pasted: Vec<u8>,
}

/// What is being dropped, however long it is.
#[derive(Clone, Copy, Debug)]
enum Skip {
    /// Pasted text.
    Paste,
    /// A string that is too long for an answer.
    String,
}

/// What the beginning of some bytes is.
enum Start {
    /// So many bytes, which mean this or nothing.
    Whole(usize, Option<Came>),
    /// So many bytes, and then pasted text.
    Paste(usize),
    /// More must come before it can be told.
    Part,
}

impl Input {
    /// Takes a piece.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Came> {
        self.quiet = 0;
        self.waiting.extend_from_slice(bytes);
        let mut all = Vec::new();
        while !self.waiting.is_empty() {
            if let Some(skip) = self.skips {
                if !self.skip(skip) {
                    break;
                }
                if matches!(skip, Skip::Paste) {
                    all.push(self.paste());
                }
                continue;
            }
            match start(&self.waiting) {
                Start::Whole(length, came) => {
                    self.waiting.drain(..length.min(self.waiting.len()));
                    all.extend(came);
                }
                Start::Paste(length) => {
                    self.waiting.drain(..length);
                    self.skips = Some(Skip::Paste);
                }
                Start::Part if self.waiting.len() > LONGEST => self.skips = Some(Skip::String),
                Start::Part => break,
            }
        }
        all
    }

    /// Drops up to the end of what is skipped; whether the end is there.
    fn skip(&mut self, skip: Skip) -> bool {
        let ends: &[&[u8]] = match skip {
            Skip::Paste => &[PASTE_END],
            Skip::String => &[b"\x1b\\", b"\x07"],
        };
        let end_of =
            |end: &&[u8]| self.waiting.windows(end.len()).position(|window| window == *end).map(|at| at + end.len());
        match ends.iter().filter_map(end_of).min() {
            Some(end) => {
                let skipped: Vec<u8> = self.waiting.drain(..end).collect();
                self.keep(skip, &skipped);
                self.skips = None;
                true
            }
            // The end may have begun.
            None => {
                let longest = ends.iter().map(|end| end.len()).max().unwrap_or(1);
                let skipped: Vec<u8> = self.waiting.drain(..self.waiting.len().saturating_sub(longest - 1)).collect();
                self.keep(skip, &skipped);
                false
            }
        }
    }

    /// Of what is dropped, pasted text is kept.
    fn keep(&mut self, skip: Skip, bytes: &[u8]) {
        if matches!(skip, Skip::Paste) {
            let room = (LONGEST_PASTE + PASTE_END.len()).saturating_sub(self.pasted.len());
            self.pasted.extend(&bytes[..bytes.len().min(room)]);
        }
    }

    /// The pasted text, without what ended it.
    fn paste(&mut self) -> Came {
        let bytes = std::mem::take(&mut self.pasted);
        let text = bytes.strip_suffix(PASTE_END).unwrap_or(&bytes);
        Came::Paste(String::from_utf8_lossy(&text[..text.len().min(LONGEST_PASTE)]).into_owned())
    }

    /// Whether the last piece ended in the middle of something.
    pub fn waits(&self) -> bool {
        !self.waiting.is_empty() || self.skips.is_some()
    }

    /// Nothing came for a while: a lone escape is the key, escape and one more character is that key with alt. Anything
    /// longer is an answer on a slow line; it is waited for some more, and then dropped.
    pub fn quiet(&mut self) -> Vec<Came> {
        self.quiet += 1;
        let waiting = std::mem::take(&mut self.waiting);
        if self.skips.is_some() && self.quiet < PATIENCE {
            self.waiting = waiting;
            return Vec::new();
        }
        if self.skips.take().is_some() {
            self.pasted.clear();
            return Vec::new();
        }
        match waiting.as_slice() {
            [0x1b] => vec![key(KeyCode::Esc, KeyModifiers::NONE)],
            [0x1b, byte] => vec![key(KeyCode::Char(char::from(*byte)), KeyModifiers::ALT)],
            _ if self.quiet < PATIENCE => {
                self.waiting = waiting;
                Vec::new()
            }
            _ => Vec::new(),
        }
    }
}

fn key(code: KeyCode, modifiers: KeyModifiers) -> Came {
    Came::Key(KeyEvent::new(code, modifiers))
}

fn whole(length: usize, code: KeyCode, modifiers: KeyModifiers) -> Start {
    Start::Whole(length, Some(key(code, modifiers)))
}

fn start(bytes: &[u8]) -> Start {
    match bytes {
        [0x1b] => Start::Part,
        [0x1b, b'[', rest @ ..] => control(rest),
        [0x1b, b'O', rest @ ..] => match rest {
            [] => Start::Part,
            [0x00..=0x1f, ..] => whole(2, KeyCode::Char('O'), KeyModifiers::ALT),
            [last, ..] => Start::Whole(3, named(*last).map(|code| key(code, KeyModifiers::NONE))),
        },
        // DCS, OSC, APC, PM, SOS.
        [0x1b, kind @ (b'P' | b']' | b'_' | b'^' | b'X'), rest @ ..] => string(*kind, rest),
        // Two escapes: the first is the key.
        [0x1b, 0x1b, ..] => whole(1, KeyCode::Esc, KeyModifiers::NONE),
        [0x1b, rest @ ..] => match typed(rest) {
            Start::Whole(length, Some(Came::Key(pressed))) => {
                whole(length + 1, pressed.code, pressed.modifiers | KeyModifiers::ALT)
            }
            Start::Whole(length, other) => Start::Whole(length + 1, other),
            other => other,
        },
        _ => typed(bytes),
    }
}

/// A key that is a character.
fn typed(bytes: &[u8]) -> Start {
    let Some(&first) = bytes.first() else { return Start::Part };
    let control = |c: u8| whole(1, KeyCode::Char(char::from(c)), KeyModifiers::CONTROL);
    match first {
        0x00 => control(b' '),
        b'\r' => whole(1, KeyCode::Enter, KeyModifiers::NONE),
        b'\t' => whole(1, KeyCode::Tab, KeyModifiers::NONE),
        0x7f => whole(1, KeyCode::Backspace, KeyModifiers::NONE),
        0x01..=0x1a => control(first - 1 + b'a'),
        0x1c..=0x1f => control(first - 0x1c + b'4'),
        0x20..=0x7e => whole(1, KeyCode::Char(char::from(first)), KeyModifiers::NONE),
        _ => {
            let length = match first {
                0xc2..=0xdf => 2,
                0xe0..=0xef => 3,
                0xf0..=0xf4 => 4,
                _ => return Start::Whole(1, None),
            };
            let Some(encoded) = bytes.get(..length) else {
                // What cannot go on to be a character is not waited for.
                let goes_on = bytes[1..].iter().all(|byte| byte & 0xc0 == 0x80);
                return if goes_on { Start::Part } else { Start::Whole(1, None) };
            };
            match std::str::from_utf8(encoded).ok().and_then(|text| text.chars().next()) {
                Some(c) => whole(length, KeyCode::Char(c), KeyModifiers::NONE),
                None => Start::Whole(1, None),
            }
        }
    }
}

/// A control sequence behind `ESC [`.
fn control(rest: &[u8]) -> Start {
    // The Linux console's first five function keys.
    if let [b'[', more @ ..] = rest {
        return match more.first() {
            None => Start::Part,
            Some(last @ b'A'..=b'E') => whole(4, KeyCode::F(last - b'A' + 1), KeyModifiers::NONE),
            Some(_) => Start::Whole(4, None),
        };
    }
    let Some(end) = rest.iter().position(|byte| !(0x20..=0x3f).contains(byte)) else { return Start::Part };
    let (middle, last, length) = (&rest[..end], rest[end], end + 3);
    if !(0x40..=0x7e).contains(&last) {
        // Broken off by something else, which is looked at by itself.
        return Start::Whole(end + 2, None);
    }
    if (middle, last) == (b"200", b'~') {
        return Start::Paste(length);
    }
    Start::Whole(length, meaning(middle, last))
}

/// What a control sequence means.
fn meaning(middle: &[u8], last: u8) -> Option<Came> {
    let text = std::str::from_utf8(middle).ok()?;
    let private = text.strip_prefix('?');
    let numbers: Vec<u32> = private
        .unwrap_or(text)
        .split(';')
        .map(|n| n.split(':').next().unwrap_or_default().parse().unwrap_or(0))
        .collect();
    let number = |i: usize| numbers.get(i).copied().unwrap_or(0);
    match (private.is_some(), last) {
        (true, b'c') => Some(Came::Answer(Answer::Attributes(numbers))),
        // Which item, then 0 for success.
        (true, b'S') if number(1) == 0 && number(0) == 1 => Some(Came::Answer(Answer::Registers(number(2)))),
        (true, b'S') if number(1) == 0 && number(0) == 2 => Some(Came::Answer(Answer::Geometry(number(2), number(3)))),
        (true, _) => None,
        (false, b't') if number(0) == 6 => Some(Came::Answer(Answer::Cell(number(2), number(1)))),
        (false, b't') if number(0) == 4 => Some(Came::Answer(Answer::Area(number(2), number(1)))),
        (false, b'Z') => Some(key(KeyCode::BackTab, KeyModifiers::SHIFT)),
        (false, b'~') => Some(key(numbered(number(0))?, modifiers(number(1)))),
        // A cursor's place looks like a function key, but for its row.
        (false, b'P'..=b'S') if number(0) > 1 => None,
        (false, _) => Some(key(named(last)?, modifiers(number(1)))),
    }
}

/// xterm's number for modifiers: 1 and the sum of shift 1, alt 2, control 4.
fn modifiers(number: u32) -> KeyModifiers {
    let bits = number.saturating_sub(1);
    let mut found = KeyModifiers::NONE;
    for (bit, modifier) in [(1, KeyModifiers::SHIFT), (2, KeyModifiers::ALT), (4, KeyModifiers::CONTROL)] {
        if bits & bit != 0 {
            found |= modifier;
        }
    }
    found
}

/// Keys by the letter that ends their sequence.
fn named(last: u8) -> Option<KeyCode> {
    Some(match last {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'H' => KeyCode::Home,
        b'F' => KeyCode::End,
        b'P'..=b'S' => KeyCode::F(last - b'P' + 1),
        _ => return None,
    })
}

/// Keys by the number before `~`.
fn numbered(number: u32) -> Option<KeyCode> {
    Some(match number {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        11..=15 => KeyCode::F(number as u8 - 10),
        17..=21 => KeyCode::F(number as u8 - 11),
        23 | 24 => KeyCode::F(number as u8 - 12),
        _ => return None,
    })
}

/// A string behind its introducer, up to its end: `ESC \`, or a bell.
fn string(kind: u8, rest: &[u8]) -> Start {
    for (at, byte) in rest.iter().enumerate() {
        let end = match (byte, rest.get(at + 1)) {
            (0x07, _) => 1,
            (0x1b, Some(b'\\')) => 2,
            (0x1b, None) => return Start::Part,
            // Another sequence begins: this one was never ended.
            (0x1b, Some(_)) => return Start::Whole(at + 2, None),
            _ => continue,
        };
        return Start::Whole(at + 2 + end, answered(kind, &rest[..at]));
    }
    Start::Part
}

/// The answers that are strings.
fn answered(kind: u8, text: &[u8]) -> Option<Came> {
    let text = String::from_utf8_lossy(text);
    let answer = match kind {
        b'P' => Answer::Name(toji::base::text::fit(text.strip_prefix(">|")?.trim(), 60)),
        b']' => {
            text.strip_prefix("1337;ReportCellSize=")?;
            Answer::Iterm2
        }
        b'_' => Answer::Kitty(text.strip_prefix('G')?.split_once(';')?.1 == "OK"),
        _ => return None,
    };
    Some(Came::Answer(answer))
}

#[cfg(test)]
mod tests;
