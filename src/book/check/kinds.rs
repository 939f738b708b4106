//! One value against the kind that is declared for its key.
//!
//! Takes a value with its place; gives the canonical value, or says what was expected, what was found and
//! in which range, with the unit.

use std::ops::RangeInclusive;

use super::Checker;
use super::names;
use crate::base::{Entries, Value};
use crate::book::source::tree::{Node, Shape, Table};
use crate::book::technique::{Kind, OVER_EPOCHS, Param, over_epochs};

impl Checker<'_> {
    /// Checks one value; `path` is its dotted name. Notes the origins of the value and of everything in it.
    pub(super) fn kind(&mut self, kind: &'static Kind, node: &Node, path: &str, unit: &str) -> Option<Value> {
        let value = match (kind, &node.shape) {
            (_, Shape::Spoilt) => None,
            (Kind::Bool, Shape::Bool(b)) => Some(Value::Bool(*b)),
            (Kind::Off, Shape::Bool(false)) => Some(Value::Bool(false)),
            (Kind::Off, Shape::Bool(true)) => {
                let help = "false leaves it out, also where a parent has it; to have it, write its table";
                self.say(node.place.as_ref(), format!("`{path}` cannot be true"), Some(help.to_owned()));
                return None;
            }
            (Kind::Int { min, max }, Shape::Int(i)) => {
                if !(min..=max).contains(&i) {
                    return self.outside(kind, node, path, unit);
                }
                Some(Value::Int(*i))
            }
            (Kind::Float { min, max }, Shape::Int(_) | Shape::Float(_)) => {
                let x = match node.shape {
                    Shape::Int(i) => i as f64,
                    Shape::Float(x) => x,
                    _ => return None,
                };
                if !(min..=max).contains(&&x) {
                    return self.outside(kind, node, path, unit);
                }
                // One zero, so that equal settings print and hash the same.
                Some(Value::Float(x + 0.0))
            }
            (Kind::Text, Shape::Text(s)) => Some(Value::Text(s.clone())),
            (Kind::Choice(words), Shape::Text(s)) => {
                if !words.contains(&s.as_str()) {
                    let near = names::nearest(s, words.iter().copied());
                    let help = near.map_or_else(
                        || format!("one of {}", names::list(words)),
                        |n| format!("did you mean `{n}`? One of {}", names::list(words)),
                    );
                    self.say(node.place.as_ref(), format!("`{path}` cannot be `{s}`"), Some(help));
                    return None;
                }
                Some(Value::Text(s.clone()))
            }
            (Kind::List { of, min, max }, Shape::List(items)) => {
                return self.list(of, *min..=*max, items, node, path, unit);
            }
            (Kind::OneOf { tag, slot }, _) => return self.technique(tag, slot, node, path),
            (Kind::Table(params), Shape::Table(table)) => {
                self.note(path, node.place.as_ref());
                return Some(Value::Table(self.params(params, table, node.place.as_ref(), path, None)));
            }
            (Kind::Either(kinds), _) => return self.either(kind, kinds, node, path, unit),
            (Kind::OverEpochs(of), Shape::Table(table)) => return self.over_epochs(of, table, node, path, unit),
            (Kind::OverEpochs(of), _) => return self.kind(of, node, path, unit),
            _ => {
                let message = format!("`{path}`: expected {}, found {}", words(kind, unit), found(node));
                self.say(node.place.as_ref(), message, repair(kind, node));
                return None;
            }
        };
        if value.is_some() {
            self.note(path, node.place.as_ref());
        }
        value
    }

    fn outside(&mut self, kind: &Kind, node: &Node, path: &str, unit: &str) -> Option<Value> {
        let message = format!("`{path}` is {}, but must be {}", bare(node), range(kind, unit));
        self.say(node.place.as_ref(), message, None);
        None
    }

    fn list(
        &mut self,
        of: &'static Kind,
        count: RangeInclusive<usize>,
        items: &[Node],
        node: &Node,
        path: &str,
        unit: &str,
    ) -> Option<Value> {
        let spoilt = items.iter().any(|item| matches!(item.shape, Shape::Spoilt));
        if !spoilt && !count.contains(&items.len()) {
            let message = format!(
                "`{path}` has {} value{}, expected {}",
                items.len(),
                if items.len() == 1 { "" } else { "s" },
                how_many(&count)
            );
            self.say(node.place.as_ref(), message, None);
            return None;
        }
        self.note(path, node.place.as_ref());
        let checked: Vec<Option<Value>> =
            items.iter().enumerate().map(|(i, item)| self.kind(of, item, &format!("{path}[{i}]"), unit)).collect();
        // With one item wrong the places of the others mean nothing any more.
        checked.into_iter().collect::<Option<Vec<Value>>>().map(Value::List)
    }

    /// A number that goes over the epochs.
    fn over_epochs(&mut self, of: &'static Kind, table: &Table, node: &Node, path: &str, unit: &str) -> Option<Value> {
        let keys = over_epochs(of, |key| table.entries.contains_key(key));
        for (name, entry) in table.entries.iter().filter(|(name, _)| keys.iter().all(|(key, ..)| key != name)) {
            let help = "a number that goes over the epochs is `{ from, to, epochs }` or `{ from, decay }`";
            self.say(entry.key.as_ref(), format!("unknown key `{name}` in `{path}`"), Some(help.to_owned()));
        }
        self.note(path, node.place.as_ref());
        let mut settings = Entries::new();
        for (name, kind, own) in keys {
            let dotted = format!("{path}.{name}");
            let Some(entry) = table.entries.get(name) else {
                if !table.incomplete {
                    let help = "a number that goes over the epochs is `{ from, to, epochs }` or `{ from, decay }`";
                    self.say(node.place.as_ref(), format!("`{dotted}` is missing"), Some(help.to_owned()));
                }
                continue;
            };
            self.name(&format!("{OVER_EPOCHS}.{name}"), entry.key.as_ref(), &dotted, &entry.node);
            if let Some(value) = self.kind(kind, &entry.node, &dotted, own.unwrap_or(unit)) {
                self.note(&dotted, entry.key.as_ref());
                settings.insert(name.to_owned(), value);
            }
        }
        Some(Value::Table(settings))
    }

    /// The first kind that fits. When none does, the one that was probably meant speaks: the kind of the same shape; of
    /// several tables the one whose keys were written.
    fn either(&mut self, kind: &Kind, kinds: &'static [Kind], node: &Node, path: &str, unit: &str) -> Option<Value> {
        let (said, named) = (self.found.len(), self.names.len());
        for kind in kinds {
            let value = self.kind(kind, node, path, unit);
            if self.found.len() == said {
                return value;
            }
            self.found.truncate(said);
            self.names.truncate(named);
        }
        let mut alike: Vec<&'static Kind> = kinds.iter().filter(|k| same_shape(k, node)).collect();
        if alike.len() > 1 && alike.iter().any(|k| has_key(k, node)) {
            alike.retain(|k| has_key(k, node));
        }
        match alike[..] {
            [meant] => self.kind(meant, node, path, unit),
            _ => {
                let message = format!("`{path}`: expected {}, found {}", words(kind, unit), found(node));
                self.say(node.place.as_ref(), message, None);
                None
            }
        }
    }
}

fn same_shape(kind: &Kind, node: &Node) -> bool {
    match kind {
        Kind::Bool | Kind::Off => matches!(node.shape, Shape::Bool(_)),
        Kind::Int { .. } | Kind::Float { .. } => matches!(node.shape, Shape::Int(_) | Shape::Float(_)),
        Kind::Text | Kind::Choice(_) => matches!(node.shape, Shape::Text(_)),
        Kind::List { .. } => matches!(node.shape, Shape::List(_)),
        Kind::OneOf { .. } | Kind::Table(_) => matches!(node.shape, Shape::Table(_)),
        Kind::Either(kinds) => kinds.iter().any(|k| same_shape(k, node)),
        Kind::OverEpochs(of) => matches!(node.shape, Shape::Table(_)) || same_shape(of, node),
    }
}

/// Whether a table has a key by which it can be told to be of this kind.
fn has_key(kind: &Kind, node: &Node) -> bool {
    let Shape::Table(table) = &node.shape else { return false };
    match kind {
        Kind::OneOf { tag, .. } => table.entries.contains_key(*tag),
        Kind::Table(params) => params.iter().any(|param| table.entries.contains_key(param.name)),
        Kind::OverEpochs(_) => ["from", "to", "decay", "epochs"].iter().any(|key| table.entries.contains_key(*key)),
        _ => false,
    }
}

/// What was found, in words.
pub(super) fn found(node: &Node) -> String {
    match &node.shape {
        Shape::Bool(_) => "true or false".to_owned(),
        Shape::Int(i) => format!("the whole number {i}"),
        Shape::Float(x) => format!("the real number {x:?}"),
        Shape::Text(_) => "text".to_owned(),
        Shape::Date => "a date".to_owned(),
        Shape::List(_) => "a list".to_owned(),
        Shape::Table(_) => "a table".to_owned(),
        Shape::Spoilt => "nothing readable".to_owned(),
    }
}

fn bare(node: &Node) -> String {
    match &node.shape {
        Shape::Int(i) => i.to_string(),
        Shape::Float(x) => format!("{x:?}"),
        _ => found(node),
    }
}

/// What is expected, in words: "a real number in 0.0 to 180.0 degrees".
pub(in crate::book) fn words(kind: &Kind, unit: &str) -> String {
    let within = |noun: &str| {
        let range = range(kind, unit);
        if range.is_empty() { noun.to_owned() } else { format!("{noun}, {range}") }
    };
    match kind {
        Kind::Bool => "true or false".to_owned(),
        Kind::Off => "false".to_owned(),
        Kind::Int { .. } => within("a whole number"),
        Kind::Float { .. } => within("a real number"),
        Kind::Text => "text".to_owned(),
        Kind::Choice(words) => format!("one of {}", names::list(words)),
        Kind::List { of, min, max } => format!("a list of {}, each {}", how_many(&(*min..=*max)), words(of, unit)),
        Kind::OneOf { tag, slot } => format!("a table that names a technique ({slot}) by `{tag}`"),
        Kind::Table(params) => {
            format!("a table with {}", names::list(&params.iter().map(|p| p.name).collect::<Vec<_>>()))
        }
        Kind::Either(kinds) => kinds.iter().map(|k| words(k, unit)).collect::<Vec<_>>().join("; or "),
        Kind::OverEpochs(of) => format!("{}, or over epochs", words(of, unit)),
    }
}

/// "0.0 to 180.0 degrees", "at least 1", "" where nothing bounds it.
pub(in crate::book) fn range(kind: &Kind, unit: &str) -> String {
    let told = match kind {
        Kind::Int { min, max } => {
            bounds((*min != i64::MIN).then(|| min.to_string()), (*max != i64::MAX).then(|| max.to_string()))
        }
        Kind::Float { min, max } => {
            bounds((*min > f64::MIN).then(|| real(*min)), (*max < f64::MAX).then(|| real(*max)))
        }
        _ => String::new(),
    };
    if unit.is_empty() || told.is_empty() { told } else { format!("{told} {unit}") }
}

/// A bound, short where it is large: 1e9, not 1000000000.0.
fn real(x: f64) -> String {
    if x.abs() >= 1e6 { format!("{x:e}") } else { format!("{x:?}") }
}

/// The fixed keys of a table of this kind; for lists and alternatives, of the tables in them.
pub(in crate::book) fn fixed(kind: &Kind) -> Vec<&'static Param> {
    match kind {
        Kind::Table(params) => params.iter().collect(),
        Kind::List { of, .. } => fixed(of),
        Kind::Either(kinds) => kinds.iter().flat_map(fixed).collect(),
        _ => Vec::new(),
    }
}

fn bounds(least: Option<String>, most: Option<String>) -> String {
    match (least, most) {
        (Some(least), Some(most)) => format!("{least} to {most}"),
        (Some(least), None) => format!("at least {least}"),
        (None, Some(most)) => format!("at most {most}"),
        (None, None) => String::new(),
    }
}

fn how_many(count: &RangeInclusive<usize>) -> String {
    match (*count.start(), *count.end()) {
        (a, b) if a == b => a.to_string(),
        (0, usize::MAX) => "any number".to_owned(),
        (a, usize::MAX) => format!("at least {a}"),
        (a, b) => format!("{a} to {b}"),
    }
}

/// What to write instead, where that is plain.
fn repair(kind: &Kind, node: &Node) -> Option<String> {
    match (kind, &node.shape) {
        (Kind::Int { .. }, Shape::Float(x)) if x.fract() == 0.0 && x.abs() < 1e15 => {
            Some(format!("write `{}`", *x as i64))
        }
        (Kind::Int { .. } | Kind::Float { .. } | Kind::Bool, Shape::Text(s)) => {
            let s = s.trim();
            let reads = s.parse::<f64>().is_ok_and(f64::is_finite) || matches!(s, "true" | "false");
            reads.then(|| format!("write it without quotes: `{s}`"))
        }
        (Kind::Text | Kind::Choice(_), Shape::Int(_) | Shape::Float(_) | Shape::Bool(_) | Shape::Date) => {
            Some("put it in quotes".to_owned())
        }
        (Kind::List { .. }, Shape::Int(_) | Shape::Float(_) | Shape::Text(_) | Shape::Table(_)) => {
            Some("put it in brackets: `[…]`".to_owned())
        }
        _ => None,
    }
}
