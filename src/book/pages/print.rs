//! Settings as canonical TOML.
//!
//! Takes canonical settings; gives one text for each meaning: tables in order of name, keys too, one key a
//! line, lists of tables one item a line. Read back with the same schema it gives the same settings.

use std::fmt::Write;

use crate::base::Value;

/// The settings as TOML, ended by a line end.
pub fn print(settings: &Value) -> String {
    let mut out = String::new();
    let Value::Table(tables) = settings else { return out };
    // What stands in no table must come first, or it would join the last one.
    for (name, value) in tables.iter().filter(|(_, v)| !matches!(v, Value::Table(_))) {
        line(&mut out, name, value);
    }
    for (name, value) in tables {
        let Value::Table(entries) = value else { continue };
        if !out.is_empty() {
            out.push('\n');
        }
        let _ = writeln!(out, "[{}]", key(name));
        for (name, value) in entries {
            line(&mut out, name, value);
        }
    }
    out
}

fn line(out: &mut String, name: &str, value: &Value) {
    let _ = write!(out, "{} = ", key(name));
    match value {
        Value::List(items) if items.iter().any(|i| matches!(i, Value::Table(_))) => {
            out.push_str("[\n");
            for item in items {
                out.push_str("  ");
                inline(out, item);
                out.push_str(",\n");
            }
            out.push(']');
        }
        value => inline(out, value),
    }
    out.push('\n');
}

/// A value on one line.
pub(super) fn inline(out: &mut String, value: &Value) {
    match value {
        Value::Bool(b) => drop(write!(out, "{b}")),
        Value::Int(i) => drop(write!(out, "{i}")),
        // Rust writes the shortest digits that read back to the same bits, always with a point or an exponent.
        Value::Float(x) => drop(write!(out, "{x:?}")),
        Value::Text(s) => quoted(out, s),
        Value::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { ", " });
                inline(out, item);
            }
            out.push(']');
        }
        Value::Table(entries) if entries.is_empty() => out.push_str("{}"),
        Value::Table(entries) => {
            out.push_str("{ ");
            for (i, (name, value)) in entries.iter().enumerate() {
                let _ = write!(out, "{}{} = ", if i == 0 { "" } else { ", " }, key(name));
                inline(out, value);
            }
            out.push_str(" }");
        }
    }
}

fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if bare {
        return name.to_owned();
    }
    let mut out = String::new();
    quoted(&mut out, name);
    out
}

fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => drop(write!(out, "\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}
