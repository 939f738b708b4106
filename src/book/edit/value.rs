//! A value as it is typed, and trees without places.
//!
//! Takes what a person types for a value; gives it as it will stand in the text, with what it means. Trees are made plain values, so that
//! a text before and after a change can be compared.

use std::path::Path;

use super::{EditError, Step};
use crate::base::{Entries, Value};
use crate::book::diagnostic::Source;
use crate::book::source::cell;
use crate::book::source::tree::{Node, Shape, Table};

/// The value as it is written, and what it means. A bare word that is no TOML is text without its quotes.
pub(super) fn written(typed: &str) -> Result<(String, Value), EditError> {
    let typed = typed.trim();
    let bad = |why: String| EditError::BadValue { value: typed.to_owned(), why };
    if typed.is_empty() {
        return Err(bad("a value is missing".to_owned()));
    }
    if let Some(c) = typed.chars().find(|c| c.is_control()) {
        let what = if matches!(c, '\n' | '\r') { "a line end" } else { "a control character" };
        return Err(bad(format!("{what} in it; a value is one line")));
    }
    match meaning(typed) {
        Ok(value) => Ok((typed.to_owned(), value)),
        Err(_) if is_word(typed) => Ok((format!("\"{typed}\""), Value::Text(typed.to_owned()))),
        Err(why) => Err(bad(format!("{why}; texts stand in quotes"))),
    }
}

/// `cosine`, `hf:timm/resnet18.a1_in1k`, `01-baseline.md`: what nobody could mean otherwise than as text.
fn is_word(text: &str) -> bool {
    if matches!(text, "nan" | "inf") {
        return false;
    }
    text.starts_with(char::is_alphabetic) && text.chars().all(|c| c.is_alphanumeric() || "-_./:@+".contains(c)) || {
        let file = text.strip_suffix(".md").is_some_and(|stem| !stem.is_empty());
        file && text.chars().all(|c| c.is_alphanumeric() || "-_./".contains(c))
    }
}

/// What a text means as the value of a key.
fn meaning(typed: &str) -> Result<Value, String> {
    const BEFORE: &str = "[v]\nx = ";
    let whole = format!("{BEFORE}{typed}\n");
    let all = 0..whole.len();
    let source = Source::new(Path::new(""), whole);
    let read = cell::parse(&source, &[all]);
    if let Some(mistake) = read.diagnostics.first() {
        return Err(mistake.message.clone());
    }
    let tables: Vec<&Node> = read.tables.entries.values().map(|entry| &entry.node).collect();
    let [Node { shape: Shape::Table(table), .. }] = tables.as_slice() else { return Err("not one value".to_owned()) };
    let (Some(entry), 1) = (table.entries.get("x"), table.entries.len()) else {
        return Err("not one value".to_owned());
    };
    let place = entry.node.place.as_ref().map(|place| place.span.clone());
    if place != Some(BEFORE.len()..BEFORE.len() + typed.len()) {
        return Err("more than a value: a comment, or another key".to_owned());
    }
    Ok(plain_of(&entry.node))
}

/// A node without places.
pub(super) fn plain_of(node: &Node) -> Value {
    match &node.shape {
        Shape::Bool(b) => Value::Bool(*b),
        Shape::Int(i) => Value::Int(*i),
        Shape::Float(x) => Value::Float(*x),
        Shape::Text(text) => Value::Text(text.clone()),
        // Neither is a value of any key; their texts tell them apart.
        Shape::Date | Shape::Spoilt => {
            let place = node.place.as_ref().and_then(|place| place.source.text.get(place.span.clone()));
            Value::Text(format!("\u{0}{}", place.unwrap_or_default()))
        }
        Shape::List(items) => Value::List(items.iter().map(plain_of).collect()),
        Shape::Table(table) => plain_table(table),
    }
}

/// A table without places.
pub(super) fn plain_table(table: &Table) -> Value {
    Value::Table(table.entries.iter().map(|(name, entry)| (name.clone(), plain_of(&entry.node))).collect())
}

/// Takes a setting out, and the tables that are empty without it.
pub(super) fn take_away(value: &mut Value, steps: &[Step]) {
    let Some((first, rest)) = steps.split_first() else { return };
    let empty = |value: &Value| matches!(value, Value::Table(table) if table.is_empty());
    match (first, value) {
        (Step::Key(name), Value::Table(table)) => take_from(table, name, rest, empty),
        (Step::Item(i), Value::List(items)) => {
            if let Some(item) = items.get_mut(*i) {
                match rest.is_empty() {
                    true => *item = Value::table(),
                    false => take_away(item, rest),
                }
            }
        }
        _ => {}
    }
}

fn take_from(table: &mut Entries, name: &str, rest: &[Step], empty: impl Fn(&Value) -> bool) {
    if let Some(inner) = table.get_mut(name).filter(|_| !rest.is_empty()) {
        take_away(inner, rest);
        if !empty(inner) {
            return;
        }
    }
    table.remove(name);
}
