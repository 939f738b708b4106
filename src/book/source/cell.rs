//! One cell, parsed by itself.
//!
//! Takes the bytes of a cell; gives its tables with places in the whole file. The parser of the
//! toml crate recovers from syntax errors and tells all of them; values that an error touches are marked
//! as spoilt, so that no second message follows from the first.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::tree::{Entry, Node, Shape, Table, twice};
use crate::book::diagnostic::{Diagnostic, Place, Source};

/// The tables of a cell and its mistakes.
#[derive(Debug, Default)]
pub struct Cell {
    /// Its tables, merged within the cell.
    pub tables: Table,
    /// Names of its tables in the order in which they are written.
    pub names: Vec<String>,
    /// Syntax errors, keys written twice, numbers that are none.
    pub diagnostics: Vec<Diagnostic>,
}

/// Parses the bytes `ranges` of a file (in order) as one TOML document, in which every key stands in a table.
pub fn parse(source: &Arc<Source>, ranges: &[Range<usize>]) -> Cell {
    read(source, ranges, true)
}

/// Parses a whole file, whose keys may stand above the first table.
pub fn parse_whole(source: &Arc<Source>, range: Range<usize>) -> Cell {
    read(source, &[range], false)
}

fn read(source: &Arc<Source>, ranges: &[Range<usize>], in_tables: bool) -> Cell {
    let (mut text, pieces) = gather(&source.text, ranges);
    let stops = blank_stops(&mut text);
    let (document, mut errors) = DeTable::parse_recoverable(&text);
    errors.extend(stops);
    let mut reader = Reader { source, text: &text, pieces, errors: Vec::new(), found: Vec::new() };
    let doubled = reader.take_errors(errors);
    let bare = bare_key(&text).filter(|_| in_tables);
    if let Some(key) = bare.clone().filter(|key| !reader.spoilt(key)) {
        let place = reader.place(key);
        reader.found.push(
            Diagnostic::at(&place, "this key stands in no table")
                .help("begin with a table's header, as in `[train]`: each cell is read by itself"),
        );
    }
    let mut tables = reader.table(document.get_ref(), 0..text.len());
    // A key above the first header has been reported, or its header is broken; which table was meant is not known.
    for (key, value) in document.get_ref() {
        let header = value.span().start..key.span().end;
        let broken = reader.errors.iter().any(|error| header.contains(&error.start));
        if broken || (in_tables && !has_header(key, value)) {
            tables.entries.remove(key.get_ref().as_ref());
        }
    }
    tables.incomplete |= bare.is_some();
    for second in doubled {
        reader.doubled(&tables, second);
    }
    let mut names: Vec<(usize, String)> = Vec::new();
    for (name, entry) in &tables.entries {
        names.push((entry.key.as_ref().map_or(0, |key| key.span.start), name.clone()));
    }
    names.sort();
    Cell { tables, names: names.into_iter().map(|(_, name)| name).collect(), diagnostics: reader.found }
}

/// Most lines of a cell at which the parser may have to start again.
const STOPS: usize = 20;

/// Makes lines blank at which the parser would stop reading, and gives their errors, so that what stands below them
/// is still checked. It recovers from every other mistake by itself.
fn blank_stops(text: &mut String) -> Vec<toml::de::Error> {
    let mut stops: Vec<toml::de::Error> = Vec::new();
    while stops.len() < STOPS {
        let (_, errors) = DeTable::parse_recoverable(text);
        let stop = errors.into_iter().find(|e| e.message().starts_with("key with no value"));
        let Some((stop, at)) = stop.and_then(|e| e.span().map(|span| (e, span.start))) else { break };
        let Some((before, after)) = text.split_at_checked(at) else { break };
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let end = after.find('\n').map_or(text.len(), |length| at + length);
        if text[start..end].trim().is_empty() {
            break;
        }
        text.replace_range(start..end, &" ".repeat(end - start));
        stops.push(stop);
    }
    stops
}

/// A run of bytes that stand together in the cell and in the file.
struct Piece {
    /// Offset in the cell.
    cell: usize,
    /// Offsets in the file.
    file: Range<usize>,
}

/// The bytes of the ranges as one text, lines ended by `\n` alone, and where each run of them is from.
fn gather(file: &str, ranges: &[Range<usize>]) -> (String, Vec<Piece>) {
    let (mut text, mut pieces) = (String::new(), Vec::new());
    for range in ranges {
        let mut start = range.start;
        for line in file.get(range.clone()).unwrap_or_default().split_inclusive("\r\n") {
            let kept = line.strip_suffix("\r\n").unwrap_or(line);
            pieces.push(Piece { cell: text.len(), file: start..start + kept.len() });
            text.push_str(kept);
            if kept.len() < line.len() {
                pieces.push(Piece { cell: text.len(), file: start + kept.len() + 1..start + line.len() });
                text.push('\n');
            }
            start += line.len();
        }
    }
    (text, pieces)
}

/// The first key, if it stands before any table header.
fn bare_key(text: &str) -> Option<Range<usize>> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_start();
        if !trimmed.is_empty() && !trimmed.starts_with('#') {
            let start = at + line.len() - trimmed.len();
            let end = trimmed.find('=').unwrap_or(trimmed.len());
            return (!trimmed.starts_with('[')).then(|| start..start + trimmed[..end].trim_end().len());
        }
        at += line.len();
    }
    None
}

/// Whether a table header made this entry. A header begins before the name in it; every other value comes after its key.
fn has_header(key: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>) -> bool {
    let own = value.span() != (0..0) && value.span().start < key.span().start;
    own || matches!(value.get_ref(), DeValue::Table(inner) if inner.iter().any(|(k, v)| has_header(k, v)))
}

struct Reader<'a> {
    source: &'a Arc<Source>,
    /// The cell. All offsets but those in places are in it.
    text: &'a str,
    pieces: Vec<Piece>,
    /// Places of syntax errors.
    errors: Vec<Range<usize>>,
    found: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn place(&self, span: Range<usize>) -> Place {
        let start = self.in_file(span.start);
        let end = if span.end > span.start { self.in_file(span.end - 1) + 1 } else { start };
        Place { source: self.source.clone(), span: start..end.max(start) }
    }

    fn in_file(&self, offset: usize) -> usize {
        let after = self.pieces.partition_point(|piece| piece.cell <= offset);
        let Some(piece) = self.pieces.get(after.saturating_sub(1)) else { return 0 };
        (piece.file.start + (offset - piece.cell.min(offset))).min(piece.file.end)
    }

    /// Reports syntax errors, one a line; gives the places of keys that are written twice.
    fn take_errors(&mut self, errors: Vec<toml::de::Error>) -> Vec<Range<usize>> {
        let mut doubled = Vec::new();
        let mut spans: Vec<(Range<usize>, String)> = Vec::new();
        for error in errors {
            let end = self.text.trim_end().len();
            let mut span = error.span().unwrap_or(end..end);
            span.end = span.end.min(self.text.len());
            span.start = span.start.min(span.end);
            if error.message() == "duplicate key" {
                doubled.push(span);
            } else {
                spans.push((span, error.message().to_owned()));
            }
        }
        spans.sort_by_key(|(span, _)| span.start);
        let mut last_line = None;
        for (span, message) in spans {
            let line = self.text[..self.floor(span.start)].matches('\n').count();
            self.errors.push(span.clone());
            if last_line.replace(line) != Some(line) {
                let message = self.in_words(span.start, &message);
                let place = self.place(span);
                self.found.push(Diagnostic::at(&place, message));
            }
        }
        doubled
    }

    /// The parser's message, but for a value that is not there, which it calls a broken string.
    fn in_words(&self, at: usize, message: &str) -> String {
        let (before, after) = self.text.split_at(self.floor(at));
        let next = after.trim_start_matches([' ', '\t']).chars().next();
        let nothing = matches!(next, None | Some('\n' | '#' | ',' | '}' | ']'));
        if nothing && before.trim_end_matches([' ', '\t']).ends_with('=') {
            return "not TOML: a value is missing after `=`".to_owned();
        }
        format!("not TOML: {message}")
    }

    fn floor(&self, mut offset: usize) -> usize {
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }

    /// Whether a syntax error stands on one of the lines of a span.
    fn spoilt(&self, span: &Range<usize>) -> bool {
        if self.errors.is_empty() {
            return false;
        }
        let bytes = self.text.as_bytes();
        let start = bytes[..span.start.min(bytes.len())].iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        let from = span.end.min(bytes.len());
        let end = bytes[from..].iter().position(|&b| b == b'\n').map_or(bytes.len(), |at| from + at);
        self.errors.iter().any(|error| error.start <= end && error.end >= start)
    }

    fn table(&mut self, table: &DeTable<'_>, span: Range<usize>) -> Table {
        let entries = table
            .iter()
            .map(|(key, value)| {
                let place = self.place(key.span());
                let node = self.value(value, key.span());
                (key.get_ref().to_string(), Entry { key: Some(place), node })
            })
            .collect();
        let inline = self.text[self.floor(span.start)..].starts_with('{');
        Table { entries, inline, incomplete: self.errors.iter().any(|e| e.end >= span.start && e.start <= span.end) }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, key: Range<usize>) -> Node {
        let span = value.span();
        let whole = key.start.min(span.start)..key.end.max(span.end);
        let shape = match value.get_ref() {
            // A value that the parser made up has no span.
            _ if span == (0..0) => Shape::Spoilt,
            DeValue::Table(table) => {
                // A header's table goes on below its header: whatever is missing there may stand on a spoilt line.
                let inside = if self.text[self.floor(span.start)..].starts_with('{') {
                    span.clone()
                } else {
                    0..self.text.len()
                };
                let inline = inside == span;
                let mut table = self.table(table, inside);
                table.inline = inline;
                Shape::Table(table)
            }
            DeValue::Array(items) => Shape::List(items.iter().map(|item| self.value(item, item.span())).collect()),
            _ if self.spoilt(&whole) => Shape::Spoilt,
            DeValue::Boolean(b) => Shape::Bool(*b),
            DeValue::Datetime(_) => Shape::Date,
            DeValue::String(text) => Shape::Text(text.to_string()),
            DeValue::Integer(i) => match i64::from_str_radix(i.as_str(), i.radix()) {
                Ok(i) => Shape::Int(i),
                Err(_) => self.refuse(span.clone(), "this whole number is too large"),
            },
            DeValue::Float(f) => match f.as_str().parse::<f64>() {
                Ok(f) if f.is_finite() => Shape::Float(f),
                Ok(f) if f.is_nan() => self.refuse(span.clone(), "`nan` is no number that a setting can have"),
                _ => self.refuse(span.clone(), "this number is not finite"),
            },
        };
        Node { shape, place: Some(self.place(span)) }
    }

    fn refuse(&mut self, span: Range<usize>, message: &str) -> Shape {
        let place = self.place(span);
        self.found.push(Diagnostic::at(&place, message));
        Shape::Spoilt
    }

    /// Reports a key that is written twice within the cell. The parser tells only the second place; the
    /// first is the nearest equal key above it, or the nearest equal header.
    fn doubled(&mut self, tables: &Table, second: Range<usize>) {
        let name = self.text[self.floor(second.start)..self.floor(second.end)].to_owned();
        let at = self.place(second.clone());
        let mut nearest: Option<(String, Place)> = None;
        nearest_key(tables, "", name.trim_matches(['"', '\'']), at.span.start, &mut nearest);
        let header = self.text[..self.floor(second.start)].trim_end().ends_with('[');
        if header || nearest.is_none() {
            let line = format!("[{name}]");
            if let Some(start) = self.text[..self.floor(second.start).saturating_sub(1)].rfind(&line) {
                nearest = Some((line, self.place(start + 1..start + 1 + name.len())));
            }
        }
        self.found.push(match nearest {
            Some((dotted, first)) => twice(&dotted, &first, &at),
            None => Diagnostic::at(&at, format!("`{name}` is written twice")).help("keep one of the two"),
        });
    }
}

fn nearest_key(table: &Table, path: &str, name: &str, before: usize, nearest: &mut Option<(String, Place)>) {
    for (key, entry) in &table.entries {
        let dotted = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        if let Some(place) = entry.key.as_ref().filter(|place| key == name && place.span.start < before)
            && nearest.as_ref().is_none_or(|(_, best)| best.span.start < place.span.start)
        {
            *nearest = Some((dotted.clone(), place.clone()));
        }
        search(&entry.node, &dotted, name, before, nearest);
    }
}

fn search(node: &Node, path: &str, name: &str, before: usize, nearest: &mut Option<(String, Place)>) {
    match &node.shape {
        Shape::Table(inner) => nearest_key(inner, path, name, before, nearest),
        Shape::List(items) => {
            for (i, item) in items.iter().enumerate() {
                search(item, &format!("{path}[{i}]"), name, before, nearest);
            }
        }
        _ => {}
    }
}
