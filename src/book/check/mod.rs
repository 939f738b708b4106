//! A tree against the declared table.
//!
//! Takes the merged tree and the schema; gives canonical settings (defaults filled in, whole
//! numbers widened where a real one is meant) with the origin of each, and every mistake with its place.
//! A value that is wrong is left out of the settings and nothing further is said about it.

pub(super) mod kinds;
pub mod names;

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{Entries, Value};
use crate::book::diagnostic::{Diagnostic, Place};
use crate::book::read::{Bytes, Name, Origin, OriginKind};
use crate::book::source::tree::{Node, Shape, Table};
use crate::book::technique::{Body, Default, Param, Schema, Section, Status, Technique};

/// What checking gives.
#[derive(Debug)]
pub struct Checked {
    /// Canonical settings.
    pub settings: Value,
    /// Where each of them is from, by dotted name.
    pub origins: BTreeMap<String, Origin>,
    /// The names in the asked file that the declared table knows, right value or wrong, in order of their places.
    pub names: Vec<Name>,
    /// The mistakes, in no order.
    pub diagnostics: Vec<Diagnostic>,
}

/// Checks a tree. `file` is the file that was asked for: values from others are inherited, and a missing
/// table is its mistake.
pub fn check(tree: &Table, schema: &Schema, file: &std::path::Path) -> Checked {
    let tables = || schema.sections.iter().map(|s| s.name);
    // A misspelt table is not also a missing one.
    let unknown = tree.entries.keys().filter(|name| !tables().any(|t| t == *name));
    let meant = unknown.filter_map(|name| names::nearest(name, tables())).collect();
    let mut checker = Checker::new(schema, file, tree.incomplete, meant);
    let mut settings = Entries::new();
    for section in &schema.sections {
        if let Some(value) = checker.section(section, tree) {
            settings.insert(section.name.to_owned(), value);
        }
    }
    for (name, entry) in &tree.entries {
        if !schema.sections.iter().any(|s| s.name == name) && !matches!(entry.node.shape, Shape::Spoilt) {
            checker.say(entry.key.as_ref(), format!("unknown table `[{name}]`"), names::unknown_table(schema, name));
        }
    }
    let settings = Value::Table(settings);
    let (mut origins, mut named) = (checker.origins, checker.names);
    named.sort();
    named.dedup();
    // Origins are noted on the way down; what turned out wrong further in has none.
    let mut names = BTreeSet::new();
    name_all("", &settings, &mut names);
    origins.retain(|name, _| names.contains(name));
    Checked { settings, origins, names: named, diagnostics: checker.found }
}

fn name_all(path: &str, value: &Value, names: &mut BTreeSet<String>) {
    names.insert(path.to_owned());
    match value {
        Value::Table(map) => map.iter().for_each(|(key, inner)| {
            name_all(&if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, inner, names);
        }),
        Value::List(items) => {
            items.iter().enumerate().for_each(|(i, item)| name_all(&format!("{path}[{i}]"), item, names))
        }
        _ => {}
    }
}

/// Mistakes of the declared table itself: a default that its own kind refuses, a default of a key or a technique
/// that is not built, two techniques of one slot with one name. For a test of whoever puts a schema together.
pub fn mistakes_of(schema: &Schema) -> Vec<String> {
    let mut checker = Checker::new(schema, std::path::Path::new("schema"), false, Vec::new());
    let mut mistakes = Vec::new();
    let sections = schema.sections.iter().flat_map(|s| match &s.body {
        Body::Params(params) | Body::Optional(params) => params.iter().map(|p| (s.name, p)).collect::<Vec<_>>(),
        Body::OneOf { .. } | Body::OneOfOr { .. } => Vec::new(),
    });
    let params = sections.chain(schema.techniques.iter().flat_map(|t| t.params.iter().map(|p| (t.name, p))));
    for (owner, param) in params.collect::<Vec<_>>() {
        if let Some(literal) = param.default.literal() {
            let said = checker.found.len();
            checker.kind(&param.kind, &Node::of_value(literal.value()), param.name, param.unit);
            for d in checker.found.drain(said..) {
                mistakes.push(format!("default of `{}` in {owner}: {}", param.name, d.message));
            }
        }
    }
    for section in &schema.sections {
        if let Body::OneOfOr { tag, slot, default } = &section.body {
            checker.technique(tag, slot, &Node::of_value(default.value()), section.name);
            mistakes.extend(checker.found.drain(..).map(|d| format!("default of [{}]: {}", section.name, d.message)));
        }
    }
    for (i, t) in schema.techniques.iter().enumerate() {
        if schema.techniques[..i].iter().any(|other| other.slot == t.slot && other.name == t.name) {
            mistakes.push(format!("slot {} has {} twice", t.slot, t.name));
        }
    }
    for (i, s) in schema.sections.iter().enumerate() {
        if schema.sections[..i].iter().any(|other| other.name == s.name) {
            mistakes.push(format!("[{}] is declared twice", s.name));
        }
    }
    mistakes
}

struct Checker<'a> {
    schema: &'a Schema,
    file: &'a std::path::Path,
    origins: BTreeMap<String, Origin>,
    names: Vec<Name>,
    /// What `toji explain` knows the table in hand by, where it is a fixed one inside a key: `Affine.translate_percent`.
    inside: String,
    found: Vec<Diagnostic>,
    /// A cell or a parent could not be read wholly: a table that is missing may stand there.
    loose: bool,
    /// Tables that misspelt ones probably mean.
    meant: Vec<&'static str>,
}

impl<'a> Checker<'a> {
    fn new(schema: &'a Schema, file: &'a std::path::Path, loose: bool, meant: Vec<&'static str>) -> Checker<'a> {
        let (origins, names, found) = (BTreeMap::new(), Vec::new(), Vec::new());
        Checker { schema, file, origins, names, inside: String::new(), found, loose, meant }
    }

    fn say(&mut self, place: Option<&Place>, message: String, help: Option<String>) {
        let mut diagnostic = match place {
            Some(place) => Diagnostic::at(place, message),
            None => Diagnostic::of_file(self.file, message),
        };
        diagnostic.help = help;
        self.found.push(diagnostic);
    }

    /// Remembers where a setting is from.
    fn note(&mut self, path: &str, place: Option<&Place>) {
        let origin = match place {
            Some(place) => {
                let (line, column) = place.position();
                let file = place.source.file.clone();
                let kind = if file == self.file { OriginKind::Own } else { OriginKind::Inherited };
                Origin { kind, file, line, column }
            }
            None => Origin { kind: OriginKind::Default, file: self.file.to_owned(), line: 0, column: 0 },
        };
        self.origins.insert(path.to_owned(), origin);
    }

    /// Remembers what a name in the asked file is about, and which setting it names with which value.
    fn name(&mut self, topic: &str, place: Option<&Place>, key: &str, value: &Node) {
        if let Some(place) = place.filter(|place| place.source.file == self.file) {
            let (line, column) = place.position();
            let width = place.source.text.get(place.span.clone()).map_or(0, |text| text.chars().count());
            let span = value.place.as_ref().filter(|_| value.stands_together()).map(|place| place.span.clone());
            let value = span.map(|span| Bytes { start: span.start, end: span.end });
            self.names.push(Name { line, column, width, topic: topic.to_owned(), key: key.to_owned(), value });
        }
    }

    fn section(&mut self, section: &'static Section, tree: &Table) -> Option<Value> {
        let Some(entry) = tree.entries.get(section.name) else { return self.absent(section, tree) };
        if section.status == Status::Later {
            self.say(entry.key.as_ref(), format!("`[{}]` is not built yet", section.name), later_help());
            return None;
        }
        self.name(section.name, entry.key.as_ref(), section.name, &entry.node);
        let table = match &entry.node.shape {
            Shape::Table(table) => table,
            Shape::Spoilt => return None,
            _ => {
                let message = format!("`{}` is a table, found {}", section.name, kinds::found(&entry.node));
                self.say(
                    entry.node.place.as_ref(),
                    message,
                    Some(format!("write `[{}]` on a line of its own", section.name)),
                );
                return None;
            }
        };
        match &section.body {
            Body::Params(params) | Body::Optional(params) => {
                self.note(section.name, entry.key.as_ref());
                Some(Value::Table(self.params(params, table, entry.key.as_ref(), section.name, None)))
            }
            Body::OneOf { tag, slot, .. } | Body::OneOfOr { tag, slot, .. } => {
                self.named(tag, slot, table, entry.key.as_ref(), section.name)
            }
        }
    }

    /// A table that nobody wrote.
    fn absent(&mut self, section: &'static Section, tree: &Table) -> Option<Value> {
        if section.status == Status::Later {
            return None;
        }
        match &section.body {
            Body::Params(params) => {
                let required: Vec<&str> =
                    params.iter().filter(|p| matches!(p.default, Default::Required)).map(|p| p.name).collect();
                if required.is_empty() {
                    self.note(section.name, None);
                    return Some(Value::Table(self.params(params, &Table::default(), None, section.name, None)));
                }
                self.missing_table(section, &names::list(&required));
                None
            }
            Body::OneOf { unless, .. } if tree.entries.contains_key(*unless) => None,
            Body::OneOf { tag, .. } => {
                self.missing_table(section, &format!("`{tag}`"));
                None
            }
            Body::OneOfOr { tag, slot, default } => {
                self.technique(tag, slot, &Node::of_value(default.value()), section.name)
            }
            Body::Optional(_) => None,
        }
    }

    fn missing_table(&mut self, section: &Section, keys: &str) {
        if !self.loose && !self.meant.contains(&section.name) {
            let help =
                format!("add a cell with `[{}]` and {keys}: {}", section.name, section.about.trim_end_matches('.'));
            self.say(None, format!("table `[{}]` is missing", section.name), Some(help));
        }
    }

    /// The keys of a table with fixed parameters. `tag` is a key that has been dealt with already.
    fn params(
        &mut self,
        params: &'static [Param],
        table: &Table,
        place: Option<&Place>,
        path: &str,
        tag: Option<(&str, &Technique)>,
    ) -> Entries {
        // A misspelt key is not also a missing one.
        let mut meant = Vec::new();
        for (name, entry) in &table.entries {
            if params.iter().any(|p| p.name == name) || tag.is_some_and(|(tag, _)| tag == name) {
                continue;
            }
            let owner = tag.map(|(_, technique)| technique);
            let whose = owner.map_or_else(|| format!("[{path}]"), |t| t.name.to_owned());
            meant.extend(names::nearest(name, params.iter().map(|p| p.name)));
            let help = names::unknown_key(self.schema, name, params, path, owner);
            self.say(entry.key.as_ref(), format!("unknown key `{name}` in {whose}"), help);
        }
        let owner = match tag {
            Some((_, technique)) => technique.name.to_owned(),
            None if self.inside.is_empty() => path.to_owned(),
            None => self.inside.clone(),
        };
        let outside = std::mem::take(&mut self.inside);
        let mut settings = Entries::new();
        for param in params {
            let dotted = format!("{path}.{}", param.name);
            self.inside = format!("{owner}.{}", param.name);
            if let Some(entry) = table.entries.get(param.name) {
                self.name(&self.inside.clone(), entry.key.as_ref(), &dotted, &entry.node);
            }
            let value = match (table.entries.get(param.name), &param.default) {
                (Some(entry), _) if param.status == Status::Later => {
                    self.say(entry.key.as_ref(), format!("`{dotted}` is not built yet"), later_help());
                    None
                }
                (Some(entry), _) => {
                    let value = self.kind(&param.kind, &entry.node, &dotted, param.unit);
                    if value.is_some() {
                        // The key is where a person looks, not the value behind it.
                        self.note(&dotted, entry.key.as_ref());
                    }
                    value.filter(|value| !param.default.leaves_out(value))
                }
                (None, Default::Is(literal)) if param.status == Status::Built => {
                    self.kind(&param.kind, &Node::of_value(literal.value()), &dotted, param.unit)
                }
                (None, Default::Required) if param.status == Status::Built => {
                    if !table.incomplete && !meant.contains(&param.name) {
                        let help =
                            format!("{}: {}", param.about.trim_end_matches('.'), kinds::words(&param.kind, param.unit));
                        self.say(place, format!("`{dotted}` is missing"), Some(help));
                    }
                    None
                }
                (None, _) => None,
            };
            if let Some(value) = value {
                settings.insert(param.name.to_owned(), value);
            }
        }
        self.inside = outside;
        settings
    }

    /// A table that names a technique.
    fn technique(&mut self, tag: &str, slot: &str, node: &Node, path: &str) -> Option<Value> {
        match &node.shape {
            Shape::Table(table) => self.named(tag, slot, table, node.place.as_ref(), path),
            Shape::Spoilt => None,
            _ => {
                let message = format!("`{path}` is a table that names a technique, found {}", kinds::found(node));
                let example = match &node.shape {
                    Shape::Text(text) => text.clone(),
                    _ => self.schema.of_slot(slot).next().map_or_else(String::new, |t| t.name.to_owned()),
                };
                self.say(node.place.as_ref(), message, Some(format!("write `{{ {tag} = \"{example}\" }}`")));
                None
            }
        }
    }

    /// The values of a table that does not say which technique it is: wrong is what each technique with such a key refuses.
    fn whichever(&mut self, slot: &str, table: &Table, path: &str) {
        for (name, entry) in &table.entries {
            let mut wrong: Option<Vec<Diagnostic>> = None;
            for param in self.schema.of_slot(slot).flat_map(|t| t.params).filter(|param| param.name == name) {
                let mut apart = Checker::new(self.schema, self.file, true, Vec::new());
                apart.kind(&param.kind, &entry.node, &format!("{path}.{name}"), param.unit);
                if apart.found.is_empty() {
                    wrong = None;
                    break;
                }
                wrong = wrong.or(Some(apart.found));
            }
            self.found.extend(wrong.into_iter().flatten());
        }
    }

    fn named(&mut self, tag: &str, slot: &str, table: &Table, place: Option<&Place>, path: &str) -> Option<Value> {
        let known = || names::list(&self.schema.of_slot(slot).map(|t| t.name).collect::<Vec<_>>());
        let Some(entry) = table.entries.get(tag) else {
            if !table.incomplete {
                let help = format!("one of {}", known());
                self.say(place, format!("`{path}.{tag}` is missing"), Some(help));
                self.whichever(slot, table, path);
            }
            return None;
        };
        let name = match &entry.node.shape {
            Shape::Text(name) => name,
            Shape::Spoilt => return None,
            _ => {
                let message = format!("`{path}.{tag}`: expected text, found {}", kinds::found(&entry.node));
                let help = format!("one of {}", known());
                self.say(entry.node.place.as_ref(), message, Some(help));
                return None;
            }
        };
        let value = entry.node.place.as_ref();
        let Some(technique) = self.schema.technique(slot, name) else {
            let help = names::unknown_technique(self.schema, slot, name);
            self.say(value, format!("unknown technique `{name}` ({slot})"), help);
            return None;
        };
        self.name(&format!("{slot}.{name}"), value, &format!("{path}.{tag}"), &entry.node);
        if technique.status == Status::Later {
            self.say(value, format!("`{name}` ({slot}) is not built yet"), later_help());
            return None;
        }
        self.note(path, place);
        self.note(&format!("{path}.{tag}"), entry.key.as_ref());
        let mut settings = self.params(technique.params, table, place, path, Some((tag, technique)));
        settings.insert(tag.to_owned(), Value::Text(name.clone()));
        Some(Value::Table(settings))
    }
}

fn later_help() -> Option<String> {
    Some("it is known and will come; take it out for now".to_owned())
}
