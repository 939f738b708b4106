//! One line of text that is typed: a value, a filter.
//!
//! Takes edits; holds the text and where the cursor stands in it. It moves and deletes by what a person takes for one character (a letter with its
//! marks, a kanji), and by words. What it holds is plain text: what could steer a terminal is not taken, and line ends become spaces, so pasted
//! text is as safe as typed text. [`Line::window`] gives the part that fits a screen.

use std::ops::Range;

use toji::base::text::{graphemes, plain, width};

/// More characters than this nobody types into one line; what is pasted beyond it is dropped.
pub const LONGEST: usize = 2_000;

/// A change of the line, or a movement in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Edit {
    /// A character before the cursor.
    Insert(char),
    /// Takes away the one before the cursor.
    Erase,
    /// Takes away the one under the cursor.
    Delete,
    /// Takes away up to the beginning of the word before the cursor.
    EraseWord,
    /// Takes away all before the cursor.
    EraseToStart,
    /// Takes away all from the cursor on.
    EraseToEnd,
    /// One to the left.
    Left,
    /// One to the right.
    Right,
    /// To the beginning of the word before the cursor.
    WordLeft,
    /// To the end of the word behind the cursor.
    WordRight,
    /// To the beginning.
    Home,
    /// To the end.
    End,
}

/// A line with a cursor in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    text: String,
    /// Offset of the character under the cursor, always at the beginning of one.
    cursor: usize,
}

impl Line {
    /// A line with this text and the cursor behind it.
    pub fn new(text: &str) -> Line {
        let text: String = plain(text).chars().take(LONGEST).collect();
        let cursor = text.len();
        Line { text, cursor }
    }

    /// What it holds.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The cursor's place in bytes.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Puts a text in place of a piece; the cursor stands behind it.
    pub fn replace(&mut self, piece: Range<usize>, with: &str) {
        if self.text.get(piece.clone()).is_some() {
            let with = plain(with);
            self.cursor = piece.start + with.len();
            self.text.replace_range(piece, &with);
            self.settle();
        }
    }

    /// What stands before the cursor, and from it on.
    pub fn around(&self) -> (&str, &str) {
        self.text.split_at(self.cursor)
    }

    /// Changes the line or moves the cursor; whether anything is another now.
    pub fn edit(&mut self, edit: Edit) -> bool {
        let before = (self.text.len(), self.cursor);
        match edit {
            Edit::Insert(c) => self.insert(c),
            Edit::Erase => self.remove(self.left(), self.cursor),
            Edit::Delete => self.remove(self.cursor, self.right()),
            Edit::EraseWord => self.remove(self.word_left(), self.cursor),
            Edit::EraseToStart => self.remove(0, self.cursor),
            Edit::EraseToEnd => self.remove(self.cursor, self.text.len()),
            Edit::Left => self.cursor = self.left(),
            Edit::Right => self.cursor = self.right(),
            Edit::WordLeft => self.cursor = self.word_left(),
            Edit::WordRight => self.cursor = self.word_right(),
            Edit::Home => self.cursor = 0,
            Edit::End => self.cursor = self.text.len(),
        }
        before != (self.text.len(), self.cursor)
    }

    fn insert(&mut self, c: char) {
        if self.text.chars().count() >= LONGEST {
            return;
        }
        let mut buffer = [0; 4];
        let safe = plain(c.encode_utf8(&mut buffer));
        // A control character is left out, not shown as a dot that would then be meant.
        if safe.starts_with(c) || safe == " " {
            self.text.insert_str(self.cursor, &safe);
            self.cursor += safe.len();
            self.settle();
        }
    }

    fn remove(&mut self, from: usize, to: usize) {
        self.text.replace_range(from..to, "");
        self.cursor = from;
        self.settle();
    }

    /// Moves the cursor out of the middle of what has become one character.
    fn settle(&mut self) {
        let to = self.starts().find(|at| *at >= self.cursor);
        self.cursor = to.unwrap_or(self.text.len());
    }

    /// Where each character begins, and where the last one ends.
    fn starts(&self) -> impl Iterator<Item = usize> {
        let ends = graphemes(&self.text).scan(0, |at, one| {
            *at += one.len();
            Some(*at)
        });
        std::iter::once(0).chain(ends)
    }

    fn left(&self) -> usize {
        self.cursor - graphemes(self.around().0).next_back().map_or(0, str::len)
    }

    fn right(&self) -> usize {
        self.cursor + graphemes(self.around().1).next().map_or(0, str::len)
    }

    fn word_left(&self) -> usize {
        let before = self.around().0;
        let mut at = before.trim_end_matches(' ').len();
        let kind = before[..at].chars().next_back().map(Kind::of);
        while let Some(c) = before[..at].chars().next_back().filter(|c| Some(Kind::of(*c)) == kind) {
            at -= c.len_utf8();
        }
        self.starts().take_while(|start| *start <= at).last().unwrap_or(0)
    }

    fn word_right(&self) -> usize {
        let after = self.around().1;
        let mut at = after.len() - after.trim_start_matches(' ').len();
        let kind = after[at..].chars().next().map(Kind::of);
        while let Some(c) = after[at..].chars().next().filter(|c| Some(Kind::of(*c)) == kind) {
            at += c.len_utf8();
        }
        let to = self.cursor + at;
        self.starts().find(|start| *start >= to).unwrap_or(self.text.len())
    }

    /// The part of the line that shows in so many columns, and the column of the cursor in it. The cursor is always inside, with a blank
    /// column for it at the line's end.
    pub fn window(&self, columns: usize) -> (&str, usize) {
        let (before, after) = self.around();
        let under = graphemes(after).next().map_or(1, width).max(1);
        let room = columns.saturating_sub(under);
        let mut start = before.len();
        let mut at = 0;
        for one in graphemes(before).rev() {
            if at + width(one) > room {
                break;
            }
            at += width(one);
            start -= one.len();
        }
        let (mut end, mut used) = (self.cursor, at);
        for one in graphemes(after) {
            if used + width(one) > columns {
                break;
            }
            used += width(one);
            end += one.len();
        }
        (&self.text[start..end], at)
    }
}

/// What a word is made of: characters of one kind.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Space,
    /// Letters, digits, what joins them in names; kana that join a word.
    Word,
    /// Signs.
    Sign,
    Hiragana,
    Katakana,
    Kanji,
}

impl Kind {
    fn of(c: char) -> Kind {
        match c {
            ' ' => Kind::Space,
            '\u{3041}'..='\u{309f}' => Kind::Hiragana,
            '\u{30a0}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{ff66}'..='\u{ff9f}' => Kind::Katakana,
            '\u{3005}'..='\u{3007}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' => {
                Kind::Kanji
            }
            c if c.is_alphanumeric() || c == '_' => Kind::Word,
            _ => Kind::Sign,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line as text with `|` for the cursor.
    fn shown(line: &Line) -> String {
        let (before, after) = line.around();
        format!("{before}|{after}")
    }

    fn after(text: &str, edits: &[Edit]) -> String {
        let mut line = Line::new(text);
        for edit in edits {
            line.edit(*edit);
        }
        shown(&line)
    }

    #[test]
    fn it_edits_by_character() {
        use Edit::*;
        assert_eq!(after("17.2", &[Erase, Insert('5')]), "17.5|");
        assert_eq!(after("17.2", &[Home, Delete, Insert('2')]), "2|7.2");
        assert_eq!(after("獺祭", &[Left, Insert('x')]), "獺x|祭");
        // A letter with a mark, a flag: one character each.
        assert_eq!(after("か\u{3099}x", &[Left, Left, Delete]), "|x");
        assert_eq!(after("🇯🇵", &[Erase]), "|");
        assert_eq!(after("ab", &[Left, EraseToStart]), "|b");
        assert_eq!(after("ab", &[Left, EraseToEnd, Right, Right]), "a|");
        assert_eq!(after("", &[Erase, Delete, Left, Right, EraseWord, WordLeft, WordRight]), "|");
    }

    #[test]
    fn it_moves_by_word() {
        use Edit::*;
        assert_eq!(after("scale = [0.6, 1.0]", &[WordLeft, WordLeft]), "scale = [0.6, 1.|0]");
        assert_eq!(after("one two  ", &[EraseWord]), "one |");
        assert_eq!(after("one two", &[Home, WordRight, WordRight]), "one two|");
        assert_eq!(after("純米大吟醸のラベル", &[EraseWord]), "純米大吟醸の|");
        assert_eq!(after("純米大吟醸のラベル", &[EraseWord, EraseWord, EraseWord]), "|");
    }

    #[test]
    fn nothing_that_steers_gets_in() {
        assert_eq!(after("", &[Edit::Insert('\u{1b}'), Edit::Insert('\u{202e}'), Edit::Insert('\n')]), " |");
        assert_eq!(shown(&Line::new("a\u{1b}[2Jb")), "a·[2Jb|");
        let mut line = Line::new(&"x".repeat(LONGEST + 5));
        assert!(!line.edit(Edit::Insert('y')));
        assert_eq!(line.text().len(), LONGEST);
    }

    #[test]
    fn the_window_goes_along() {
        let mut line = Line::new("獺祭純米大吟醸");
        assert_eq!(line.window(80), ("獺祭純米大吟醸", 14));
        assert_eq!(line.window(7), ("大吟醸", 6));
        line.edit(Edit::Home);
        assert_eq!(line.window(7), ("獺祭純", 0));
        line.edit(Edit::Right);
        assert_eq!(line.window(3), ("祭", 0));
        assert_eq!(line.window(0).1, 0);
    }

    proptest::proptest! {
        #[test]
        fn the_cursor_stands_before_a_character_and_shows(
            text in ".{0,30}",
            edits in proptest::collection::vec((0..12usize, proptest::char::any()), 0..40),
            columns in 4usize..20,
        ) {
            use Edit::*;
            let mut line = Line::new(&text);
            for (which, c) in edits {
                let all = [
                    Insert(c), Erase, Delete, EraseWord, EraseToStart, EraseToEnd, Left, Right, WordLeft, WordRight, Home, End,
                ];
                line.edit(all[which]);
                proptest::prop_assert!(line.starts().any(|at| at == line.cursor), "{}", shown(&line));
                let (part, at) = line.window(columns);
                proptest::prop_assert!(width(part) <= columns && at < columns, "{part:?} {at}");
                proptest::prop_assert_eq!(plain(line.text()), line.text());
            }
        }
    }
}
