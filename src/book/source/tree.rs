//! Values that know their places, and how two trees become one.
//!
//! Takes the tables of two cells (a key twice is a mistake) or of a recipe and its parent (the
//! recipe wins, key by key); gives one tree, in which every value still knows the file it came from.

use std::collections::BTreeMap;

use crate::base::Value;
use crate::book::diagnostic::{Diagnostic, Place};
use crate::book::technique::{Body, Kind, Param, Schema};

/// A value at its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub shape: Shape,
    /// Where it stands; `None` for a default.
    pub place: Option<Place>,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Shape {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A real number, finite.
    Float(f64),
    /// A string.
    Text(String),
    /// A date or a time, which no key takes.
    Date,
    /// A list.
    List(Vec<Node>),
    /// A table.
    Table(Table),
    /// Something that a syntax error spoilt. It has been reported, and nothing more is said about it.
    Spoilt,
}

/// A table.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Its entries by name.
    pub entries: BTreeMap<String, Entry>,
    /// Written in braces, and so closed: `{ kind = "gem" }`.
    pub inline: bool,
    /// A syntax error stands in it, so what is missing may have been meant.
    pub incomplete: bool,
}

/// A key with its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where the key stands; `None` for a default.
    pub key: Option<Place>,
    /// The value.
    pub node: Node,
}

impl Node {
    /// A default as a tree without places.
    pub fn of_value(value: Value) -> Node {
        let shape = match value {
            Value::Bool(b) => Shape::Bool(b),
            Value::Int(i) => Shape::Int(i),
            Value::Float(f) => Shape::Float(f),
            Value::Text(s) => Shape::Text(s),
            Value::List(items) => Shape::List(items.into_iter().map(Node::of_value).collect()),
            Value::Table(map) => {
                let entries = map.into_iter().map(|(k, v)| (k, Entry { key: None, node: Node::of_value(v) })).collect();
                Shape::Table(Table { entries, inline: true, incomplete: false })
            }
        };
        Node { shape, place: None }
    }

    /// Whether its place holds all of it: a table under a header does not, nor a list of such tables, nor what a syntax error spoilt.
    pub fn stands_together(&self) -> bool {
        match &self.shape {
            Shape::Table(table) => table.inline,
            Shape::List(items) => items.iter().all(Node::stands_together),
            Shape::Spoilt => false,
            Shape::Bool(_) | Shape::Int(_) | Shape::Float(_) | Shape::Text(_) | Shape::Date => true,
        }
    }
}

impl Table {
    /// The text of an entry, if it is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match &self.entries.get(name)?.node.shape {
            Shape::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Adds another cell's tables. The first of two equal keys holds; the second is a mistake.
pub fn join(into: &mut Table, from: Table, path: &str, found: &mut Vec<Diagnostic>) {
    into.incomplete |= from.incomplete;
    for (name, entry) in from.entries {
        let dotted = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let Some(old) = into.entries.get_mut(&name) else {
            into.entries.insert(name, entry);
            continue;
        };
        match (&mut old.node.shape, entry.node.shape) {
            (Shape::Table(a), Shape::Table(b)) if !a.inline && !b.inline => join(a, b, &dotted, found),
            _ => {
                if let (Some(first), Some(second)) = (&old.key, &entry.key) {
                    found.push(twice(&dotted, first, second));
                }
            }
        }
    }
}

/// The mistake of a key that is written twice.
pub fn twice(name: &str, first: &Place, second: &Place) -> Diagnostic {
    let (line, column) = first.position();
    Diagnostic::at(second, format!("`{name}` is written twice: here and at {line}:{column}"))
        .also(first, "first written here")
        .help("keep one of the two")
}

/// Puts a recipe over its parent. See the module `book` for the rule.
pub fn inherit(child: Table, parent: Table, schema: &Schema) -> Table {
    merge(
        child,
        parent,
        |name| match schema.sections.iter().find(|s| s.name == name).map(|s| &s.body) {
            Some(Body::Params(params) | Body::Optional(params)) => Inside::Params(params),
            Some(Body::OneOf { tag, slot, .. } | Body::OneOfOr { tag, slot, .. }) => Inside::Technique { tag, slot },
            None => Inside::Unknown,
        },
        schema,
    )
}

/// What a table is, as far as merging is concerned.
#[derive(Clone, Copy)]
enum Inside {
    Params(&'static [Param]),
    Technique { tag: &'static str, slot: &'static str },
    Unknown,
}

fn inside(kind: &'static Kind) -> Inside {
    match kind {
        Kind::Table(params) => Inside::Params(params),
        Kind::OneOf { tag, slot } => Inside::Technique { tag, slot },
        Kind::Either(kinds) => {
            kinds.iter().map(inside).find(|i| !matches!(i, Inside::Unknown)).unwrap_or(Inside::Unknown)
        }
        _ => Inside::Unknown,
    }
}

fn among(params: &'static [Param], name: &str) -> Inside {
    params.iter().find(|p| p.name == name).map_or(Inside::Unknown, |p| inside(&p.kind))
}

fn merge(child: Table, parent: Table, what: impl Fn(&str) -> Inside, schema: &Schema) -> Table {
    let mut merged =
        Table { entries: parent.entries, inline: child.inline, incomplete: child.incomplete || parent.incomplete };
    for (name, mut entry) in child.entries {
        let inherited = merged.entries.remove(&name).map(|old| old.node.shape);
        if let Shape::Table(new) = entry.node.shape {
            entry.node.shape = Shape::Table(match inherited {
                Some(Shape::Table(old)) => over(new, old, what(&name), schema),
                _ => new,
            });
        }
        merged.entries.insert(name, entry);
    }
    merged
}

fn over(child: Table, parent: Table, inside: Inside, schema: &Schema) -> Table {
    match inside {
        Inside::Technique { tag, .. } if child.entries.contains_key(tag) && child.text(tag) != parent.text(tag) => {
            child
        }
        Inside::Technique { tag, slot } => {
            let name = child.text(tag).or(parent.text(tag)).unwrap_or_default();
            let params = schema.technique(slot, name).map_or(&[][..], |t| t.params);
            merge(child, parent, |key| among(params, key), schema)
        }
        Inside::Params(params) => merge(child, parent, |key| among(params, key), schema),
        Inside::Unknown => merge(child, parent, |_| Inside::Unknown, schema),
    }
}
