//! Small changes to a recipe's text, with every other byte as it was.
//!
//! Takes a text, the dotted name of a setting and what its value shall be; gives the new text. [`find`] says where a value stands, [`replace`] writes
//! another in its place, [`add`] writes a key that is not there yet, [`mod@note`] appends prose. Comments, layout, line ends and a byte-order mark stay:
//! only the value's own bytes are others, or one line or one cell is new.
//!
//! Whatever was written is read again before it is given: the setting must have the new value, all others and the page's parts must be what they
//! were. So a text in which the change would mean something else is refused instead of harmed.

pub mod note;
mod value;

use std::ops::Range;
use std::path::Path;

pub use note::{note, stamp};
use value::{plain_of, written};

use super::read::{Block, Leaf};
use super::source::markdown;
use super::source::tree::{Node, Shape, Table};
use crate::base::Value;

/// Why a text is not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The name is no dotted name.
    #[error("{0:?} names no setting; write it like loss.margin or post.steps[0].dim")]
    BadKey(String),
    /// The new value is none.
    #[error("{}{why}", if value.is_empty() { String::new() } else { format!("{value}: ") })]
    BadValue {
        /// What was to be written.
        value: String,
        /// What is wrong with it.
        why: String,
    },
    /// The name is a table's.
    #[error("`{0}` is a table; change one of its keys")]
    IsTable(String),
    /// The value takes several lines, so that comments and layout in it would be lost.
    #[error(
        "`{key}` stands on the lines {first} to {last}; change one of the values in it, or all of it in your editor"
    )]
    ManyLines {
        /// The setting.
        key: String,
        /// Its first line, from 1.
        first: usize,
        /// Its last.
        last: usize,
    },
    /// The text does not say it.
    #[error("`{0}` is not written in this recipe")]
    NotWritten(String),
    /// The value cannot be read.
    #[error("`{0}` cannot be read as it stands; mend it in your editor")]
    Spoilt(String),
    /// A list cannot be taken over in parts.
    #[error("`{key}` is in a list, and a list is written as a whole: write `{list}` in this recipe")]
    InAList {
        /// The setting.
        key: String,
        /// The list.
        list: String,
    },
    /// There is no place for it that would mean this and nothing else.
    #[error(
        "there is no place in this text where `{0}` can be written without changing something else; write it in your editor"
    )]
    NoPlace(String),
    /// The text ends within something that would swallow what is appended.
    #[error("the text ends within a block that is never closed (a code fence, a comment); close it first")]
    Open,
    /// A note without words.
    #[error("a note needs a text")]
    Empty,
}

/// One step of a dotted name.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Item(usize),
}

/// `post.steps[0].dim` in steps.
fn steps(key: &str) -> Result<Vec<Step>, EditError> {
    let bad = || EditError::BadKey(key.to_owned());
    let mut steps = Vec::new();
    for part in key.split('.') {
        let (name, mut rest) = part.split_at(part.find('[').unwrap_or(part.len()));
        let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || !name.chars().all(is_bare) {
            return Err(bad());
        }
        steps.push(Step::Key(name.to_owned()));
        while let Some(after) = rest.strip_prefix('[') {
            let (number, after) = after.split_once(']').ok_or_else(bad)?;
            steps.push(Step::Item(number.parse().map_err(|_| bad())?));
            rest = after;
        }
        if !rest.is_empty() {
            return Err(bad());
        }
    }
    Ok(steps)
}

/// The steps as text again.
fn dotted(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Key(name) if text.is_empty() => text.push_str(name),
            Step::Key(name) => text.extend([".", name]),
            Step::Item(i) => text.push_str(&format!("[{i}]")),
        }
    }
    text
}

/// How far a name leads.
enum Led<'a> {
    /// To a value.
    Value(&'a Node),
    /// To a table that does not have the rest, which begins at this step.
    Table(&'a Table, usize),
    /// To something that has no keys, or a list without this item, at this step.
    Nothing(usize),
}

fn lead<'a>(root: &'a Table, steps: &[Step]) -> Led<'a> {
    let mut table = root;
    let mut node: Option<&Node> = None;
    for (i, step) in steps.iter().enumerate() {
        let next = match (step, node.map(|node| &node.shape)) {
            (Step::Key(name), None | Some(Shape::Table(_))) => match table.entries.get(name) {
                Some(entry) => &entry.node,
                None => return Led::Table(table, i),
            },
            (Step::Item(item), Some(Shape::List(items))) => match items.get(*item) {
                Some(node) => node,
                None => return Led::Nothing(i),
            },
            _ => return Led::Nothing(i),
        };
        if let Shape::Table(inner) = &next.shape {
            table = inner;
        }
        node = Some(next);
    }
    node.map_or(Led::Nothing(0), Led::Value)
}

fn leaf(text: &str) -> Leaf {
    Leaf::read(Path::new(""), text.to_owned())
}

fn span(node: &Node) -> Option<Range<usize>> {
    node.place.as_ref().map(|place| place.span.clone())
}

/// The bytes at which a setting's own value stands.
///
/// # Errors
/// When the name is none, or the text does not say it, or says it as a table or over several lines.
pub fn find(text: &str, key: &str) -> Result<Range<usize>, EditError> {
    place_of(&leaf(text).tables, text, key, &steps(key)?)
}

fn place_of(tables: &Table, text: &str, key: &str, steps: &[Step]) -> Result<Range<usize>, EditError> {
    let node = match lead(tables, steps) {
        Led::Value(node) => node,
        Led::Table(..) | Led::Nothing(_) => return Err(EditError::NotWritten(key.to_owned())),
    };
    if matches!(node.shape, Shape::Spoilt) {
        return Err(EditError::Spoilt(key.to_owned()));
    }
    let found = span(node).filter(|_| node.stands_together());
    let found = found.ok_or_else(|| EditError::IsTable(key.to_owned()))?;
    if text[found.clone()].contains('\n') {
        let line = |offset: usize| text[..offset].matches('\n').count() + 1;
        return Err(EditError::ManyLines { key: key.to_owned(), first: line(found.start), last: line(found.end) });
    }
    Ok(found)
}

/// The text with another value for a setting that it says. `value` is TOML; a word that is none is put into quotes.
///
/// # Errors
/// As [`find`], and when the value is none.
pub fn replace(text: &str, key: &str, value: &str) -> Result<String, EditError> {
    let (value, meant) = written(value)?;
    let (steps, before) = (steps(key)?, leaf(text));
    let found = place_of(&before.tables, text, key, &steps)?;
    let after = [&text[..found.start], &value, &text[found.end..]].concat();
    confirmed(&before, after, &steps, &meant)
}

/// The text with one more key. It is written into the table of this recipe that comes nearest to holding it, behind that table's last key, or
/// under its header; where the recipe has none, into a cell of its own at the end.
///
/// # Errors
/// When the name or the value is none, the setting is there already, it would stand in a list that is not there, or no place means what is meant.
pub fn add(text: &str, key: &str, value: &str) -> Result<String, EditError> {
    let (value, meant) = written(value)?;
    let (steps, before) = (steps(key)?, leaf(text));
    if steps.len() < 2 {
        return Err(EditError::IsTable(key.to_owned()));
    }
    let (table, from) = match lead(&before.tables, &steps) {
        Led::Table(table, from) => (table, from),
        Led::Value(_) => return replace(text, key, &value),
        Led::Nothing(from) => return Err(in_a_list(key, &steps[..from])),
    };
    if let Some(item) = steps[from..].iter().position(|step| matches!(step, Step::Item(_))) {
        return Err(in_a_list(key, &steps[..from + item]));
    }
    if from == 0 {
        let after = with_cell(text, &dotted(&steps[..1]), &format!("{} = {value}", dotted(&steps[1..])));
        return confirmed(&before, after, &steps, &meant);
    }
    let line = format!("{} = {value}", dotted(&steps[from..]));
    let after = match table.inline {
        true => within_braces(text, table, &before.tables, &steps[..from], &line),
        false => below(text, table, &before.tables, &steps[..from], &line),
    };
    confirmed(&before, after.ok_or_else(|| EditError::NoPlace(key.to_owned()))?, &steps, &meant)
}

fn in_a_list(key: &str, list: &[Step]) -> EditError {
    EditError::InAList { key: key.to_owned(), list: dotted(list) }
}

/// The line end that the text is written with: that of its first line.
fn line_end(text: &str) -> &'static str {
    let first = text.split_inclusive('\n').next().unwrap_or_default();
    if first.ends_with("\r\n") { "\r\n" } else { "\n" }
}

/// What must stand between a text's end and a new block.
fn gap(text: &str) -> String {
    let end = line_end(text);
    let last: Vec<&str> = text.split_inclusive('\n').rev().take(2).collect();
    let blank = |line: &&str| line.trim_matches(['\r', '\n', '\u{feff}']).is_empty();
    match last.as_slice() {
        [] => String::new(),
        [one] if blank(one) => String::new(),
        [one, ..] if blank(one) => String::new(),
        [one, ..] if one.ends_with('\n') => end.to_owned(),
        _ => end.repeat(2),
    }
}

fn with_cell(text: &str, table: &str, line: &str) -> String {
    let end = line_end(text);
    format!("{text}{}```toml{end}[{table}]{end}{line}{end}```{end}", gap(text))
}

/// Into an inline table, behind its last key.
fn within_braces(text: &str, table: &Table, root: &Table, steps: &[Step], line: &str) -> Option<String> {
    let Led::Value(node) = lead(root, steps) else { return None };
    let whole = span(node)?;
    let last = table.entries.values().filter_map(|entry| span(&entry.node)).map(|span| span.end).max();
    let (at, piece) = match last {
        Some(end) => (end, format!(", {line}")),
        None => (whole.start + 1, format!(" {line} ")),
    };
    let rest = if last.is_none() { whole.end.checked_sub(1)? } else { at };
    Some([text.get(..at)?, &piece, text.get(rest..)?].concat())
}

/// Onto a line of its own behind a table's last key, or under its header.
fn below(text: &str, table: &Table, root: &Table, steps: &[Step], line: &str) -> Option<String> {
    let own = table.entries.values().filter(|entry| entry.node.stands_together());
    let places = own.filter_map(|entry| Some((entry.key.as_ref()?.span.start, span(&entry.node)?.end)));
    let (before, end) = match places.max() {
        // What stands before the last key stands before the new one: a quotation's marks, indentation, the beginning of a dotted key.
        Some((key, end)) => (&text[line_start(text, key)..key], end),
        None => {
            let (parent, Some(Step::Key(name))) = (&steps[..steps.len() - 1], steps.last()) else { return None };
            let around = match lead(root, parent) {
                Led::Value(Node { shape: Shape::Table(around), .. }) => around,
                _ if parent.is_empty() => root,
                _ => return None,
            };
            let header = around.entries.get(name)?.key.as_ref()?.span.clone();
            let start = line_start(text, header.start);
            (text.get(start..header.start)?.split('[').next()?, header.end)
        }
    };
    let next = text[end..].find('\n').map(|at| end + at + 1)?;
    let line_end = if text[..next].ends_with("\r\n") { "\r\n" } else { "\n" };
    Some([&text[..next], before, line, line_end, &text[next..]].concat())
}

fn line_start(text: &str, offset: usize) -> usize {
    text[..offset].rfind('\n').map_or(0, |at| at + 1)
}

/// The new text, if it says what is meant and nothing else than before.
fn confirmed(before: &Leaf, after: String, steps: &[Step], meant: &Value) -> Result<String, EditError> {
    let key = || dotted(steps);
    let read = leaf(&after);
    let is_meant = matches!(lead(&read.tables, steps), Led::Value(node) if plain_of(node) == *meant);
    let without = |tables: &Table| {
        let mut all = value::plain_table(tables);
        value::take_away(&mut all, steps);
        all
    };
    let rest = without(&before.tables) == without(&read.tables);
    if !is_meant
        || !rest
        || prose(&before.blocks) != prose(&read.blocks)
        || read.diagnostics.len() > before.diagnostics.len()
    {
        return Err(EditError::NoPlace(key()));
    }
    Ok(after)
}

/// The new text, if its cells are what they were and all from `start` on is one quotation that is no part of anything before.
fn confirmed_note(before: &str, after: String, start: usize) -> Result<String, EditError> {
    let (old, new) = (leaf(before), leaf(&after));
    let same = value::plain_table(&old.tables) == value::plain_table(&new.tables);
    let cells = |leaf: &Leaf| leaf.blocks.iter().filter(|block| matches!(block, Block::Cell { .. })).count();
    let stands = markdown::ends_in_quote(&after, start);
    match same && stands && cells(&old) == cells(&new) && old.diagnostics.len() == new.diagnostics.len() {
        true => Ok(after),
        false => Err(EditError::Open),
    }
}

/// The prose of a page.
fn prose(blocks: &[Block]) -> Vec<String> {
    let text = |block: &Block| match block {
        Block::Prose { text, .. } => Some(text.clone()),
        Block::Cell { .. } => None,
    };
    blocks.iter().filter_map(text).collect()
}

#[cfg(test)]
mod tests;
