//! All dotted names of the declared table.
//!
//! Takes the schema; gives every key that a recipe can have, as `toji explain` names it (`loss.margin`,
//! `train.optimizer.lr`, `post.steps.op`), with the words that can stand there where these are few. Lists have no
//! places: `post.steps.op` is the operation of any step. A table that names a technique answers by its own name too, so
//! that `train.optimizer` can be AdamW.

use std::collections::BTreeMap;

use crate::book::technique::{Body, Kind, Param, Schema};

/// Every dotted key with the words that are declared for it: techniques, choices, `true` and `false`; none for numbers and free text.
pub fn keys(schema: &Schema) -> BTreeMap<String, Vec<&'static str>> {
    let mut found = Found { schema, keys: BTreeMap::new(), within: Vec::new() };
    for section in &schema.sections {
        match &section.body {
            Body::Params(params) | Body::Optional(params) => found.params(section.name, params),
            Body::OneOf { tag, slot, .. } | Body::OneOfOr { tag, slot, .. } => found.slot(section.name, tag, slot),
        }
    }
    found.keys
}

struct Found<'a> {
    schema: &'a Schema,
    keys: BTreeMap<String, Vec<&'static str>>,
    /// Slots that are being listed: an operation may hold operations of its own kind.
    within: Vec<&'static str>,
}

impl Found<'_> {
    fn add(&mut self, path: &str, words: &[&'static str]) {
        let known = self.keys.entry(path.to_owned()).or_default();
        for word in words {
            if !known.contains(word) {
                known.push(word);
            }
        }
    }

    fn params(&mut self, path: &str, params: &'static [Param]) {
        for param in params {
            self.kind(&format!("{path}.{}", param.name), &param.kind);
        }
    }

    fn slot(&mut self, path: &str, tag: &str, slot: &'static str) {
        let techniques: Vec<_> = self.schema.of_slot(slot).collect();
        let names: Vec<&'static str> = techniques.iter().map(|technique| technique.name).collect();
        self.add(path, &names);
        self.add(&format!("{path}.{tag}"), &names);
        if self.within.contains(&slot) {
            return;
        }
        self.within.push(slot);
        for technique in techniques {
            self.params(path, technique.params);
        }
        self.within.pop();
    }

    fn kind(&mut self, path: &str, kind: &'static Kind) {
        match kind {
            Kind::Bool => self.add(path, &["true", "false"]),
            Kind::Off => self.add(path, &["false"]),
            Kind::Int { .. } | Kind::Float { .. } | Kind::Text => self.add(path, &[]),
            Kind::Choice(words) => self.add(path, words),
            Kind::List { of, .. } => self.kind(path, of),
            Kind::OneOf { tag, slot } => self.slot(path, tag, slot),
            Kind::Table(params) => {
                self.add(path, &[]);
                self.params(path, params);
            }
            Kind::Either(kinds) => kinds.iter().for_each(|kind| self.kind(path, kind)),
            Kind::OverEpochs(of) => {
                self.kind(path, of);
                for key in ["from", "to", "epochs", "decay"] {
                    self.add(&format!("{path}.{key}"), &[]);
                }
            }
        }
    }
}
