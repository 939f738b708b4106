//! A document as a value: headings, paragraphs, tables, figures, code, notes.
//!
//! What a report says is decided once and written three times, as HTML, Markdown and Word. Text in it is as it was recorded; each writer makes it
//! plain and escapes it for its own form.

use super::phrases::Language;
use super::plot::{Rows, Scatter};
use crate::show::curves::Line;
use crate::show::sheet::page::Group;

/// A document.
#[derive(Clone, Debug)]
pub struct Document {
    /// In which language it is.
    pub language: Language,
    /// What stands on top.
    pub title: String,
    /// Lines under the title.
    pub lead: Vec<String>,
    /// All else.
    pub blocks: Vec<Block>,
}

/// A part of a document.
#[derive(Clone, Debug)]
pub enum Block {
    /// A heading: 2 for the document's own, deeper ones up to 6.
    Heading(u8, String),
    /// A paragraph.
    Paragraph(Vec<Span>),
    /// A list: its first number, or none for dashes.
    List(Option<u64>, Vec<Vec<Block>>),
    /// A quotation.
    Quote(Vec<Block>),
    /// Code in a language; empty for plain text.
    Code(String, String),
    /// A table.
    Table(Table),
    /// A plot.
    Figure(Figure),
    /// Photos with what is said of them.
    Photos(Photos),
    /// Something that is missing, or to be known before all else.
    Note(Vec<Span>),
    /// What only some readers want, under its title.
    Details(String, Vec<Block>),
    /// A line across.
    Rule,
}

/// A stretch of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The text.
    pub text: String,
    /// How it is set.
    pub style: Style,
    /// Where it leads: `http`, `https` or `mailto`; nothing else is written as a link.
    pub link: Option<String>,
}

/// How text is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Bold.
    pub strong: bool,
    /// Italic.
    pub emphasis: bool,
    /// Of a fixed width.
    pub code: bool,
    /// Struck through.
    pub struck: bool,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Its heads.
    pub head: Vec<String>,
    /// Its rows, as long as the head.
    pub rows: Vec<Vec<Cell>>,
}

/// A cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Its text.
    pub text: String,
    /// What it says.
    pub mark: Mark,
    /// Levels that it is set in, in a tree.
    pub depth: usize,
}

/// What a cell says beside its text, which says it too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mark {
    /// Nothing.
    #[default]
    None,
    /// It is what the report is about.
    Strong,
    /// Better, for certain.
    Better,
    /// Worse, for certain.
    Worse,
    /// Not the point.
    Quiet,
}

/// A plot with its caption.
#[derive(Clone, Debug)]
pub struct Figure {
    /// The name of its file, without ending.
    pub name: String,
    /// What it shows, in a sentence.
    pub about: String,
    /// The plot.
    pub plot: Plot,
}

/// What is drawn.
#[derive(Clone, Debug)]
pub enum Plot {
    /// Curves over epochs.
    Curves(Vec<Line>),
    /// Values in rows.
    Rows(Rows),
    /// Two scores against each other.
    Scatter(Scatter),
}

/// Photos in groups.
#[derive(Clone, Debug)]
pub struct Photos {
    /// The name of its file, without ending.
    pub name: String,
    /// What it shows.
    pub about: String,
    /// The groups.
    pub groups: Vec<Group>,
}

impl From<&str> for Span {
    fn from(text: &str) -> Span {
        Span { text: text.to_owned(), ..Span::default() }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell { text, ..Cell::default() }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::from(text.to_owned())
    }
}

impl Cell {
    /// The cell with what it says.
    pub fn marked(self, mark: Mark) -> Cell {
        Cell { mark, ..self }
    }

    /// The text behind its place in a tree.
    pub fn indented(&self) -> String {
        match self.depth {
            0 => self.text.clone(),
            depth => format!("{}└ {}", "\u{2003}".repeat(depth - 1), self.text),
        }
    }
}

impl Block {
    /// A paragraph of plain text.
    pub fn says(text: impl Into<String>) -> Block {
        Block::Paragraph(vec![Span { text: text.into(), ..Span::default() }])
    }

    /// A list of plain lines.
    pub fn lines<T: Into<String>>(lines: impl IntoIterator<Item = T>) -> Block {
        Block::List(None, lines.into_iter().map(|line| vec![Block::says(line)]).collect())
    }
}

impl Table {
    /// Whether the cells of a column are all numbers, so that they stand to the right.
    pub fn is_number(&self, column: usize) -> bool {
        // `0.2593 [0.1634, 0.3620]`, `+0.01`, `3 min 05 s`, `1.2 MB`, `1 → 2`; no date, no hash, no name that begins with digits.
        let word = |word: &str| {
            let bare = word.trim_matches(|c: char| "[](),%".contains(c)).replace('−', "-");
            let is_unit = ["s", "min", "h", "M", "G", "B", "kB", "MB", "GB", "TB", "秒", "分", "時間", "→", "-"]
                .contains(&&*bare);
            is_unit || bare.is_empty() || bare.parse::<f64>().is_ok()
        };
        let number = |text: &str| text.split_whitespace().all(word);
        let mut cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.text.as_str()).peekable();
        cells.peek().is_some() && cells.all(number)
    }
}

/// All text that a document may draw into pictures, for the choice of a font.
pub fn drawn(blocks: &[Block]) -> String {
    let mut out = String::new();
    for block in blocks {
        match block {
            Block::Figure(figure) => match &figure.plot {
                Plot::Curves(lines) => lines.iter().for_each(|line| out.push_str(&line.recipe)),
                Plot::Rows(rows) => {
                    out.push_str(&rows.axis);
                    rows.rows.iter().for_each(|row| out.extend([row.name.as_str(), row.text.as_str()]));
                }
                Plot::Scatter(scatter) => {
                    out.extend([scatter.x.as_str(), scatter.y.as_str()]);
                    scatter.points.iter().for_each(|point| out.push_str(&point.name));
                }
            },
            Block::Photos(photos) => {
                for group in &photos.groups {
                    out.extend(group.name.iter().map(String::as_str));
                    group.cards.iter().for_each(|card| out.extend(card.lines.iter().map(String::as_str)));
                }
            }
            Block::Details(_, blocks) | Block::Quote(blocks) => out.push_str(&drawn(blocks)),
            Block::List(_, items) => items.iter().for_each(|blocks| out.push_str(&drawn(blocks))),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_to_the_right_and_names_do_not() {
        let is_number = |cells: &[&str]| {
            let rows = cells.iter().map(|cell| vec![Cell::from(*cell)]).collect();
            Table { head: vec!["x".to_owned()], rows }.is_number(0)
        };
        assert!(is_number(&["0.2593 [0.1634, 0.3620]", "-", "", "+0.0120 [-0.0040, +0.0201]"]));
        assert!(is_number(&["3 min 05 s", "2 時間 10 分", "1.2 MB", "1 → 2", "12"]));
        for name in ["01-baseline", "2026-11-28", "6ffab501ccb1", "[loss] margin 17.2 → 22.9", "fold 0"] {
            assert!(!is_number(&[name, "1"]), "{name}");
        }
        assert!(!is_number(&[]));
    }
}
