//! A setting, free of where and how it was written.
//!
//! Takes what a recipe's cell or `toji.toml` says; gives one canonical form: tables are sorted, an
//! integer where a real number is meant has become a real number. Equal meaning is equal `Value`,
//! so keys can be made from it and two versions can be compared in words.

mod entries;

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use entries::Entries;

use super::key::KeyWriter;

/// A TOML value without dates, without positions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A real number.
    Float(f64),
    /// A string.
    Text(String),
    /// An ordered list.
    List(Vec<Value>),
    /// Named values, sorted by name.
    Table(Entries),
}

/// One difference between two settings, by dotted name: `loss.margin`, `post.steps[0].dim`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Dotted name of what differs.
    pub name: String,
    /// What stood there before; `None` when it is new.
    pub old: Option<Value>,
    /// What stands there now; `None` when it is gone.
    pub new: Option<Value>,
}

impl Value {
    /// A table without entries.
    pub fn table() -> Value {
        Value::Table(Entries::new())
    }

    /// Any serialisable thing as a value; what has no place in TOML (null, bytes) is left out.
    pub fn of<T: Serialize>(thing: &T) -> Value {
        fn convert(json: serde_json::Value) -> Option<Value> {
            Some(match json {
                serde_json::Value::Null => return None,
                serde_json::Value::Bool(b) => Value::Bool(b),
                serde_json::Value::Number(n) => match n.as_i64() {
                    Some(i) => Value::Int(i),
                    None => Value::Float(n.as_f64()?),
                },
                serde_json::Value::String(s) => Value::Text(s),
                serde_json::Value::Array(items) => Value::List(items.into_iter().filter_map(convert).collect()),
                serde_json::Value::Object(map) => {
                    Value::Table(map.into_iter().filter_map(|(k, v)| Some((k, convert(v)?))).collect())
                }
            })
        }
        serde_json::to_value(thing).ok().and_then(convert).unwrap_or_else(Value::table)
    }

    /// Reads the value into a typed form.
    ///
    /// # Errors
    /// When a field is missing, unknown to the type or of another kind; the text names it.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        let json = serde_json::to_value(self).map_err(|e| DecodeError(e.to_string()))?;
        serde_json::from_value(json).map_err(|e| DecodeError(e.to_string()))
    }

    /// The value at a dotted path of table keys, if each step is there.
    pub fn get(&self, path: &str) -> Option<&Value> {
        path.split('.').try_fold(self, |value, step| match value {
            Value::Table(map) => map.get(step),
            _ => None,
        })
    }

    /// Puts a value at a dotted path, making the tables on the way.
    pub fn set(&mut self, path: &str, new: Value) {
        let (head, rest) = match path.split_once('.') {
            Some((head, rest)) => (head, Some(rest)),
            None => (path, None),
        };
        if !matches!(self, Value::Table(_)) {
            *self = Value::table();
        }
        if let Value::Table(map) = self {
            match rest {
                None => drop(map.insert(head.to_owned(), new)),
                Some(rest) => map.or_insert_with(head, Value::table).set(rest, new),
            }
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        if let Value::Text(s) = self { Some(s) } else { None }
    }

    /// The number, whole or real, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(i) => Some(*i as f64),
            Value::Float(f) => Some(*f),
            _ => None,
        }
    }

    /// The whole number, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        if let Value::Int(i) = self { Some(*i) } else { None }
    }

    /// Writes the value into a key: a tag, lengths, then the parts. Floats by their bits (`-0.0` as `0.0`).
    pub fn write_key(&self, out: &mut KeyWriter) {
        match self {
            Value::Bool(b) => out.tag(1).number(u64::from(*b)),
            Value::Int(i) => out.tag(2).number(*i as u64),
            Value::Float(f) => out.tag(3).number(if *f == 0.0 { 0 } else { f.to_bits() }),
            Value::Text(s) => out.tag(4).bytes(s.as_bytes()),
            Value::List(items) => {
                out.tag(5).number(items.len() as u64);
                for item in items {
                    item.write_key(out);
                }
                out
            }
            Value::Table(map) => {
                out.tag(6).number(map.len() as u64);
                for (name, value) in map {
                    out.bytes(name.as_bytes());
                    value.write_key(out);
                }
                out
            }
        };
    }

    /// What differs from `old` to `self`, in order of name. Lists of equal length are compared by
    /// place, others as a whole.
    pub fn changes_from(&self, old: &Value) -> Vec<Change> {
        let mut found = Vec::new();
        compare("", Some(old), Some(self), &mut found);
        found
    }
}

fn compare(name: &str, old: Option<&Value>, new: Option<&Value>, found: &mut Vec<Change>) {
    match (old, new) {
        (Some(a), Some(b)) if a == b => {}
        (Some(Value::Table(a)), Some(Value::Table(b))) => {
            let mut names: Vec<&String> = a.keys().chain(b.keys()).collect();
            names.sort();
            names.dedup();
            for step in names {
                let path = if name.is_empty() { step.clone() } else { format!("{name}.{step}") };
                compare(&path, a.get(step), b.get(step), found);
            }
        }
        (Some(Value::List(a)), Some(Value::List(b))) if a.len() == b.len() => {
            for (i, (x, y)) in a.iter().zip(b).enumerate() {
                compare(&format!("{name}[{i}]"), Some(x), Some(y), found);
            }
        }
        _ => found.push(Change { name: name.to_owned(), old: old.cloned(), new: new.cloned() }),
    }
}

/// A value did not fit the type that reads it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(String);

impl fmt::Display for Value {
    /// As it would stand in a TOML cell, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(b) => write!(f, "{b}"),
            Value::Int(i) => write!(f, "{i}"),
            Value::Float(x) => write!(f, "{x:?}"),
            Value::Text(s) => write!(f, "{s:?}"),
            Value::List(items) => {
                write!(f, "[")?;
                for (i, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if i == 0 { "" } else { ", " })?;
                }
                write!(f, "]")
            }
            Value::Table(map) => {
                write!(f, "{{")?;
                for (i, (name, value)) in map.iter().enumerate() {
                    write!(f, "{} {name} = {value}", if i == 0 { "" } else { "," })?;
                }
                write!(f, " }}")
            }
        }
    }
}

impl fmt::Display for Change {
    /// `loss.margin 17.2 → 22.9`, `+ post.steps […]`, `- loss.scale 30`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => write!(f, "{} {old} → {new}", self.name),
            (None, Some(new)) => write!(f, "+ {} {new}", self.name),
            (Some(old), None) => write!(f, "- {} {old}", self.name),
            (None, None) => write!(f, "{}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(entries: &[(&str, Value)]) -> Value {
        Value::Table(entries.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect())
    }

    #[test]
    fn changes_are_told_by_name() {
        let old = table(&[("loss", table(&[("margin", Value::Float(17.2)), ("scale", Value::Float(30.0))]))]);
        let new = table(&[("loss", table(&[("margin", Value::Float(22.9)), ("name", Value::Text("x".into()))]))]);
        let told: Vec<String> = new.changes_from(&old).iter().map(ToString::to_string).collect();
        assert_eq!(told, ["loss.margin 17.2 → 22.9", "+ loss.name \"x\"", "- loss.scale 30.0"]);
    }

    #[test]
    fn different_shapes_have_different_keys() {
        let key = |v: &Value| {
            let mut w = KeyWriter::new("test");
            v.write_key(&mut w);
            w.finish()
        };
        let ab = Value::List(vec![Value::Text("a".into()), Value::Text("b".into())]);
        let joined = Value::List(vec![Value::Text("ab".into())]);
        assert_ne!(key(&ab), key(&joined));
        assert_ne!(key(&Value::Int(1)), key(&Value::Float(1.0)));
        assert_eq!(key(&Value::Float(0.0)), key(&Value::Float(-0.0)));
    }

    #[test]
    fn set_and_get_by_path() {
        let mut value = Value::table();
        value.set("train.epochs", Value::Int(3));
        assert_eq!(value.get("train.epochs"), Some(&Value::Int(3)));
        assert_eq!(value.get("train.batch"), None);
    }
}
