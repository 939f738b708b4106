//! What printed bytes would look like on a terminal.
//!
//! Takes the bytes of a log in pieces: text, progress bars that write over themselves (`\r`, `ESC[A`, `ESC[K`, as tqdm prints them), colours,
//! and whatever else a foreign library prints. Gives plain lines: the last state of each row, with nothing in it that could steer a terminal.
//! Memory is bounded by [`Limits`], whatever the bytes are. Rows are not wrapped: a log has no width of its own.

use std::collections::VecDeque;

use unicode_width::UnicodeWidthChar;

use super::text;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rows; the oldest go first.
    pub rows: usize,
    /// Columns of a row; what stands further to the right is cut off and marked with `…`.
    pub columns: usize,
}

/// Rows that the cursor may still come back to. Nested progress bars are a few rows high.
const WINDOW: usize = 64;

/// Characters of one cell: a character and marks that are set above or below it.
const STACK: usize = 4;

/// Printed rows, as far as they have come.
#[derive(Clone, Debug)]
pub struct Printed {
    limits: Limits,
    /// Rows above the window, the oldest first.
    sealed: VecDeque<String>,
    /// The rows that can still change; there is always one.
    open: VecDeque<Row>,
    row: usize,
    column: usize,
    state: State,
    /// The beginning of a character whose other bytes have not come yet.
    pending: Vec<u8>,
}

/// One row: cells by column.
#[derive(Clone, Debug, Default)]
struct Row {
    cells: Vec<Cell>,
    is_cut: bool,
}

/// A cell; `\0` as its first character: the right half of a wide one.
type Cell = [char; STACK];

const BLANK: Cell = [' ', '\0', '\0', '\0'];
const COVERED: Cell = ['\0'; STACK];

/// Where the bytes stand in a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Text.
    Ground,
    /// Behind ESC.
    Escape,
    /// Behind ESC and an intermediate: one more character and it is over.
    Designate,
    /// In a control sequence: its first number, whether more than digits of it have come, whether it is a private one.
    Control { number: u16, is_over: bool, is_private: bool },
    /// In a title, a picture, or another string that a terminal shows nowhere.
    Hidden,
    /// There, behind ESC.
    HiddenEscape,
}

impl Printed {
    /// Nothing printed yet.
    pub fn new(limits: Limits) -> Printed {
        let open = VecDeque::from([Row::default()]);
        let (state, pending) = (State::Ground, Vec::new());
        Printed { limits, sealed: VecDeque::new(), open, row: 0, column: 0, state, pending }
    }

    /// Prints more bytes; they may end within a character or a sequence.
    pub fn feed(&mut self, bytes: &[u8]) {
        let joined = [std::mem::take(&mut self.pending).as_slice(), bytes].concat();
        let mut rest = joined.as_slice();
        while !rest.is_empty() {
            match std::str::from_utf8(rest) {
                Ok(text) => {
                    text.chars().for_each(|c| self.take(c));
                    return;
                }
                Err(error) => {
                    let (good, bad) = rest.split_at(error.valid_up_to());
                    String::from_utf8_lossy(good).chars().for_each(|c| self.take(c));
                    let Some(length) = error.error_len() else {
                        self.pending = bad.to_vec();
                        return;
                    };
                    self.take('\u{fffd}');
                    rest = &bad[length..];
                }
            }
        }
    }

    /// The rows so far, the oldest first, without empty ones at the end.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.sealed.iter().cloned().chain(self.open.iter().map(Row::text)).collect();
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        let old = lines.len().saturating_sub(self.limits.rows);
        lines.drain(..old);
        lines
    }

    fn take(&mut self, c: char) {
        match (self.state, c) {
            // A line end ends a string that nobody closed, or the rest of the log would be hidden behind it.
            (State::Hidden | State::HiddenEscape, '\n') => {
                self.state = State::Ground;
                self.steer(c);
            }
            (State::Hidden, '\u{1b}') => self.state = State::HiddenEscape,
            (State::Hidden, '\u{7}' | '\u{9c}' | '\u{18}' | '\u{1a}') | (State::HiddenEscape, '\\') => {
                self.state = State::Ground;
            }
            (State::Hidden, _) => {}
            // ESC and anything else: a new sequence.
            (State::HiddenEscape, _) => {
                self.state = State::Escape;
                self.take(c);
            }
            (_, '\u{1b}') => self.state = State::Escape,
            (_, '\u{18}' | '\u{1a}') => self.state = State::Ground,
            (_, '\u{9b}') => self.state = State::Control { number: 0, is_over: false, is_private: false },
            (_, '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}') => self.state = State::Hidden,
            // What steers works within sequences, too.
            (_, c) if c.is_control() => self.steer(c),
            (State::Ground, c) => self.put(c),
            (State::Escape, c) => self.escape(c),
            (State::Designate, _) => self.state = State::Ground,
            (State::Control { number, is_over, is_private }, c) => self.control(number, is_over, is_private, c),
        }
    }

    fn steer(&mut self, c: char) {
        match c {
            '\n' | '\u{b}' | '\u{c}' => self.line_end(),
            '\r' => self.column = 0,
            '\u{8}' => self.column = self.column.saturating_sub(1),
            '\t' => self.column = self.clamped((self.column / 8 + 1) * 8),
            _ => {}
        }
    }

    fn escape(&mut self, c: char) {
        self.state = match c {
            '[' => State::Control { number: 0, is_over: false, is_private: false },
            ']' | 'P' | 'X' | '^' | '_' => State::Hidden,
            ' '..='/' => State::Designate,
            _ => State::Ground,
        };
        match c {
            'D' | 'E' => self.line_end(),
            'M' => self.row = self.row.saturating_sub(1),
            _ => {}
        }
    }

    fn control(&mut self, number: u16, is_over: bool, is_private: bool, c: char) {
        let digit = c.to_digit(10).map(|digit| digit as u16);
        self.state = match (c, digit) {
            (_, Some(digit)) if !is_over => {
                let number = number.saturating_mul(10).saturating_add(digit);
                State::Control { number, is_over, is_private }
            }
            (_, Some(_)) | (' '..='/', _) => State::Control { number, is_over, is_private },
            (':' | ';', _) => State::Control { number, is_over: true, is_private },
            ('<'..='?', _) => State::Control { number, is_over, is_private: true },
            _ => State::Ground,
        };
        if self.state == State::Ground && !is_private {
            self.obey(usize::from(number), c);
        }
    }

    /// A whole control sequence. Where on a screen the log began is not known, so places on it mean nothing here, and a wiped screen
    /// stays in the log.
    fn obey(&mut self, number: usize, end: char) {
        let by = number.max(1);
        match end {
            'A' => self.row = self.row.saturating_sub(by),
            'B' => self.down(by),
            'C' => self.column = self.clamped(self.column.saturating_add(by)),
            'D' => self.column = self.column.saturating_sub(by),
            'E' => {
                self.down(by);
                self.column = 0;
            }
            'F' => (self.row, self.column) = (self.row.saturating_sub(by), 0),
            'G' | '`' => self.column = self.clamped(by - 1),
            'J' if number == 0 => {
                self.open.truncate(self.row + 1);
                self.erase(self.column, usize::MAX);
            }
            'K' => match number {
                0 => self.erase(self.column, usize::MAX),
                1 => self.erase(0, self.column.saturating_add(1)),
                2 => self.erase(0, usize::MAX),
                _ => {}
            },
            'X' => self.erase(self.column, self.column.saturating_add(by)),
            _ => {}
        }
    }

    fn clamped(&self, column: usize) -> usize {
        column.min(self.limits.columns.saturating_sub(1))
    }

    fn down(&mut self, by: usize) {
        for _ in 0..by.min(WINDOW) {
            self.next_row();
        }
    }

    fn line_end(&mut self) {
        self.next_row();
        self.column = 0;
    }

    fn next_row(&mut self) {
        self.row += 1;
        if self.row < self.open.len() {
            return;
        }
        self.open.push_back(Row::default());
        if self.open.len() > WINDOW
            && let Some(oldest) = self.open.pop_front()
        {
            self.row -= 1;
            self.sealed.push_back(oldest.text());
            if self.sealed.len() > self.limits.rows {
                self.sealed.pop_front();
            }
        }
    }

    /// Blanks the columns from one to before another.
    fn erase(&mut self, from: usize, to: usize) {
        let row = &mut self.open[self.row];
        let to = to.min(row.cells.len());
        if from >= to {
            return;
        }
        row.part(from);
        row.part(to);
        row.cells[from..to].fill(BLANK);
        row.is_cut &= to < row.cells.len();
    }

    fn put(&mut self, c: char) {
        // What steers has no width, and what stands for it has one.
        let c = if c.is_ascii() || c.is_alphanumeric() {
            c
        } else {
            text::plain(c.encode_utf8(&mut [0; 4])).chars().next().unwrap_or(c)
        };
        let Some(wide) = c.width() else { return };
        let columns = self.limits.columns;
        let row = &mut self.open[self.row];
        if wide == 0 {
            row.mark(self.column, c);
            return;
        }
        if self.column + wide > columns {
            row.is_cut = true;
            return;
        }
        let end = self.column + wide;
        if row.cells.len() < end {
            row.cells.resize(end, BLANK);
        }
        row.part(self.column);
        row.part(end);
        row.cells[self.column] = [c, '\0', '\0', '\0'];
        row.cells[self.column + 1..end].fill(COVERED);
        self.column = end;
    }
}

impl Row {
    /// Blanks a wide character that lies over the border before a column: one of its halves goes.
    fn part(&mut self, column: usize) {
        if self.cells.get(column).is_some_and(|cell| cell[0] == '\0') && column > 0 {
            self.cells[column - 1] = BLANK;
            self.cells[column] = BLANK;
        }
    }

    /// Sets a mark on the character before a column; of more marks than a cell has room for the rest is left out.
    fn mark(&mut self, column: usize, mark: char) {
        let before = self.cells.iter_mut().take(column).rev().find(|cell| cell[0] != '\0');
        if let Some(free) = before.and_then(|cell| cell[1..].iter_mut().find(|place| **place == '\0')) {
            *free = mark;
        }
    }

    fn text(&self) -> String {
        let shown: String = self.cells.iter().flatten().filter(|c| **c != '\0').collect();
        let mut shown = text::plain(shown.trim_end());
        if self.is_cut {
            shown.push('…');
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits { rows: 200, columns: 80 };

    fn shown(bytes: &[u8]) -> Vec<String> {
        let mut printed = Printed::new(LIMITS);
        printed.feed(bytes);
        printed.lines()
    }

    #[test]
    fn a_bar_shows_its_last_state() {
        let bar = "  0%|     | 0/3\r 33%|#    | 1/3\r100%|#####| 3/3\n完了\n";
        assert_eq!(shown(bar.as_bytes()), ["100%|#####| 3/3", "完了"]);
        // A shorter text leaves what it does not cover, unless the line is wiped.
        assert_eq!(shown(b"downloading\rdone"), ["doneloading"]);
        assert_eq!(shown(b"downloading\r\x1b[Kdone"), ["done"]);
    }

    #[test]
    fn nested_bars_write_over_each_other() {
        // As tqdm prints two bars at positions 0 and 1.
        let two = "epoch 0\n\rbatch 1\x1b[A\repoch 1\n\rbatch 2\x1b[A\repoch 2\n\n";
        assert_eq!(shown(two.as_bytes()), ["epoch 2", "batch 2"]);
    }

    #[test]
    fn colours_titles_and_pictures_leave_only_their_text() {
        assert_eq!(shown(b"\x1b[1;31merror\x1b[0m: \x1b]0;owned\x07no \x1b_Gi=1;AAAA\x1b\\disk"), ["error: no disk"]);
        assert_eq!(shown("a\u{9b}31mb\u{202e}c".as_bytes()), ["ab·c"]);
        assert_eq!(shown(b"\x1b]2;never closed\nnext"), ["", "next"], "it hides no more than its line");
    }

    #[test]
    fn wide_characters_are_covered_whole() {
        assert_eq!(shown("獺祭\rx".as_bytes()), ["x 祭"]);
        assert_eq!(shown("獺祭\x08y".as_bytes()), ["獺 y"]);
        assert_eq!(shown("e\u{301}\u{302}\u{303}\u{304}\u{305}".as_bytes()), ["e\u{301}\u{302}\u{303}"]);
    }

    #[test]
    fn long_lines_are_cut_and_old_ones_go() {
        let limits = Limits { rows: 3, columns: 10 };
        let mut printed = Printed::new(limits);
        for i in 0..500 {
            printed.feed(format!("line {i} of many\n").as_bytes());
        }
        assert_eq!(printed.lines(), ["line 497 o…", "line 498 o…", "line 499 o…"]);
        assert!(printed.sealed.len() <= limits.rows && printed.open.len() <= WINDOW);
    }

    /// Bytes among which sequences are frequent.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            4 => any::<Vec<u8>>(),
            2 => "[a-z獺祭é\u{301}\u{202e}\r\n\t\u{8}]{0,9}".prop_map(String::into_bytes),
            3 => "\u{1b}[\\[\\]PX_^(][?0-9;]{0,4}[A-Ha-hKJXmGMDE\\\\]?".prop_map(String::into_bytes),
        ];
        proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_bytes_become_safe_lines_within_limits(
            bytes in bytes(), rows in 0usize..9, columns in 0usize..12, cut in any::<proptest::sample::Index>(),
        ) {
            let mut whole = Printed::new(Limits { rows, columns });
            whole.feed(&bytes);
            let lines = whole.lines();
            prop_assert!(lines.len() <= rows);
            for line in &lines {
                prop_assert!(!line.chars().any(char::is_control), "{:?}", line);
                prop_assert_eq!(&text::plain(line), line);
                prop_assert!(text::width(line) <= columns + 1, "{:?}", line);
            }
            // In pieces it is the same.
            let at = cut.index(bytes.len() + 1);
            let mut pieces = Printed::new(Limits { rows, columns });
            pieces.feed(&bytes[..at]);
            pieces.feed(&bytes[at..]);
            prop_assert_eq!(pieces.lines(), lines);
        }

        /// The reference is a terminal's emulator, for what progress bars print.
        #[test]
        fn bars_look_as_on_a_terminal(
            pieces in proptest::collection::vec("[ab獺]{0,5}|\r|\r\n|\u{1b}\\[[1-3]?[ABCDKG]|\u{1b}\\[2K|\u{1b}\\[3[12]m|\u{8}", 0..18)
        ) {
            let bytes = pieces.concat();
            let size = |n: u16| std::num::NonZeroU16::new(n).unwrap();
            let mut terminal = vt100::Parser::new(size(60), size(200), 0);
            terminal.process(bytes.as_bytes());
            let mut expected: Vec<String> = terminal.screen().rows(0, 200).map(|row| row.trim_end().to_owned()).collect();
            while expected.last().is_some_and(String::is_empty) {
                expected.pop();
            }
            let mut printed = Printed::new(Limits { rows: 200, columns: 200 });
            printed.feed(bytes.as_bytes());
            prop_assert_eq!(printed.lines(), expected);
        }
    }
}
