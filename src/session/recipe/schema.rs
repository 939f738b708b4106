//! All that a recipe and `toji.toml` may say, gathered from the folders that own it.
//!
//! Takes the constant tables of book, data, learn, retrieve and score; gives one [`Schema`] for recipes and
//! one for the facts of the competition. Help, linter, `toji explain` and docs/reference.md read these.

use crate::book::{self, Schema};
use crate::{data, learn, retrieve, score};

/// What a recipe may contain.
pub fn recipes() -> Schema {
    let mut schema = Schema::default();
    let sections = [
        book::SECTIONS,
        data::augment::SECTIONS,
        learn::backbone::SECTIONS,
        learn::loss::SECTIONS,
        learn::train::SECTIONS,
        data::SECTIONS,
        retrieve::post::SECTIONS,
        score::decide::SECTIONS,
    ];
    let techniques = [
        data::augment::TECHNIQUES,
        data::batch::TECHNIQUES,
        data::batch::CACHES,
        learn::backbone::TECHNIQUES,
        learn::loss::TECHNIQUES,
        learn::loss::pair::miner::TECHNIQUES,
        learn::train::TECHNIQUES,
        data::TECHNIQUES,
        retrieve::post::TECHNIQUES,
        score::decide::TECHNIQUES,
    ];
    schema.sections.extend(sections.into_iter().flatten());
    schema.techniques.extend(techniques.into_iter().flatten());
    schema
}

/// What `toji.toml` may contain.
pub fn facts() -> Schema {
    let mut schema = Schema::default();
    schema.sections.extend(data::FACTS.iter().copied());
    schema
}

/// docs/reference.md: every key of recipes and of `toji.toml`, every technique, every JSON field.
pub fn reference() -> String {
    let mut text = book::reference(&recipes());
    text.push_str("\n# toji.toml\n\nThe facts of the competition, written once.\n");
    // The second schema's page without its own title.
    let facts = book::reference(&facts());
    let body = facts.split_once("\n## ").map_or("", |(_, body)| body);
    text.push_str(&format!("\n## {body}"));
    text.push_str(JSON);
    text
}

/// The fields of `--json`, by command.
const JSON: &str = include_str!("json.md");
