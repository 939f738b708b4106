//! A line of text that is being typed.
//!
//! Text and a cursor between its characters. Every edit keeps the cursor within the text.

use std::ops::Range;

/// See the file's head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    text: String,
    /// The cursor, in bytes, on a character's border.
    at: usize,
}

/// A movement of the cursor, or what is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Edit {
    /// A character to the left.
    Left,
    /// A character to the right.
    Right,
    /// To the beginning.
    Home,
    /// To the end.
    End,
    /// Take the character before the cursor away.
    Erase,
    /// Take the word before the cursor away.
    EraseWord,
    /// Take all before the cursor away.
    EraseLine,
}

impl Line {
    /// A line with its cursor at the end.
    pub fn of(text: &str) -> Line {
        Line { text: text.to_owned(), at: text.len() }
    }

    /// What was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The cursor, in bytes.
    pub fn cursor(&self) -> usize {
        self.at
    }

    /// Types a character.
    pub fn insert(&mut self, sign: char) {
        self.text.insert(self.at, sign);
        self.at += sign.len_utf8();
    }

    /// Puts a text in place of a piece; the cursor stands behind it.
    pub fn replace(&mut self, piece: Range<usize>, with: &str) {
        if self.text.get(piece.clone()).is_some() {
            self.at = piece.start + with.len();
            self.text.replace_range(piece, with);
        }
    }

    /// Moves, or takes away.
    pub fn edit(&mut self, edit: Edit) {
        let before = self.text[..self.at].char_indices().next_back().map_or(0, |(place, _)| place);
        match edit {
            Edit::Left => self.at = before,
            Edit::Right => self.at += self.text[self.at..].chars().next().map_or(0, char::len_utf8),
            Edit::Home => self.at = 0,
            Edit::End => self.at = self.text.len(),
            Edit::Erase => self.replace(before..self.at, ""),
            Edit::EraseWord => {
                let kept = self.text[..self.at].trim_end();
                let kept = kept
                    .rfind(char::is_whitespace)
                    .map_or(0, |place| place + kept[place..].chars().next().map_or(0, char::len_utf8));
                self.replace(kept..self.at, "");
            }
            Edit::EraseLine => self.replace(0..self.at, ""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_edited_at_its_cursor() {
        let mut line = Line::of("loss 獺祭");
        let mut said = |edits: &[Edit]| {
            edits.iter().for_each(|edit| line.edit(*edit));
            format!("{}|{}", &line.text()[..line.cursor()], &line.text()[line.cursor()..])
        };
        assert_eq!(said(&[Edit::Left]), "loss 獺|祭");
        assert_eq!(said(&[Edit::Erase]), "loss |祭");
        assert_eq!(said(&[Edit::Right, Edit::Right]), "loss 祭|");
        assert_eq!(said(&[Edit::EraseWord]), "loss |");
        assert_eq!(said(&[Edit::EraseWord, Edit::Erase, Edit::Left]), "|");
        let mut line = Line::of("a b");
        line.edit(Edit::Home);
        line.insert('獺');
        assert_eq!((line.text(), line.cursor()), ("獺a b", 3));
        line.replace(3..4, "xyz");
        assert_eq!((line.text(), line.cursor()), ("獺xyz b", 6));
        line.replace(1..2, "no character ends there");
        line.edit(Edit::EraseLine);
        assert_eq!((line.text(), line.cursor()), (" b", 0));
    }

    proptest::proptest! {
        #[test]
        fn the_cursor_stays_on_a_border(
            text in ".{0,20}",
            edits in proptest::collection::vec(
                proptest::sample::select(vec![
                    Edit::Left, Edit::Right, Edit::Home, Edit::End, Edit::Erase, Edit::EraseWord, Edit::EraseLine,
                ]),
                0..20,
            ),
        ) {
            let mut line = Line::of(&text);
            for (i, edit) in edits.into_iter().enumerate() {
                line.edit(edit);
                proptest::prop_assert!(line.text().is_char_boundary(line.cursor()));
                if i % 3 == 0 {
                    line.insert('é');
                }
            }
        }
    }
}
