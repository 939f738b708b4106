//! The answer to "what is this?".
//!
//! Takes a name as people write it (`ArcFaceLoss`, `margin`, `loss.margin`, `[loss]`); gives everything that
//! the declared table says about it, under each place where the name exists, or the nearest names.

use std::fmt::Write;

use super::print::inline;
use crate::book::check::kinds;
use crate::book::check::names::{distance, nearest};
use crate::book::technique::{Body, Default, Kind, Param, Schema, Status, Technique};

/// Nothing has this name.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("nothing is named `{name}`{}", hint(.nearest))]
pub struct Unknown {
    /// The name that was asked for.
    pub name: String,
    /// The nearest right names, best first; at most three.
    pub nearest: Vec<String>,
}

fn hint(nearest: &[String]) -> String {
    if nearest.is_empty() { String::new() } else { format!("; did you mean {}?", nearest.join(" or ")) }
}

/// Explains a name. Where it has several meanings, each is given.
///
/// # Errors
/// When nothing has the name; the error has the nearest ones.
pub fn explain(schema: &Schema, name: &str) -> Result<String, Unknown> {
    let asked = name.trim().trim_start_matches('[').trim_end_matches(']');
    let topics = topics(schema);
    let exact = |topic: &&Topic| topic.names.iter().any(|n| n == asked);
    let mut answers: Vec<&Topic> = topics.iter().filter(exact).collect();
    if answers.is_empty() {
        answers = topics.iter().filter(|t| t.names.iter().any(|n| n.eq_ignore_ascii_case(asked))).collect();
    }
    if answers.is_empty() {
        return Err(Unknown { name: asked.chars().take(80).collect(), nearest: near(&topics, asked) });
    }
    let told = answers.iter().map(|t| t.text.trim_end()).collect::<Vec<_>>().join("\n\n");
    Ok(told.lines().map(str::trim_end).collect::<Vec<_>>().join("\n") + "\n")
}

/// Something that can be asked for.
struct Topic {
    /// What it may be called; the first is its full name.
    names: Vec<String>,
    text: String,
}

fn near(topics: &[Topic], asked: &str) -> Vec<String> {
    let mut names: Vec<&str> = topics.iter().flat_map(|t| t.names.iter().map(String::as_str)).collect();
    names.sort_unstable();
    names.dedup();
    let mut found: Vec<String> = Vec::new();
    while let Some(best) = nearest(asked, names.iter().copied().filter(|n| !found.iter().any(|f| f == n))) {
        // Further answers must be about as near as the first.
        if found.len() == 3 || found.first().is_some_and(|first| distance(asked, best) > distance(asked, first) + 1) {
            break;
        }
        found.push(best.to_owned());
    }
    found
}

fn topics(schema: &Schema) -> Vec<Topic> {
    let mut topics = Vec::new();
    let mut places: Vec<(String, &'static str)> = Vec::new();
    for section in &schema.sections {
        let mut text = format!("[{}]  {}{}\n", section.name, line_of(section.about), later(section.status));
        match &section.body {
            Body::Params(params) | Body::Optional(params) => {
                keys(&mut text, params);
                topics.push(Topic { names: vec![section.name.to_owned()], text });
                for param in *params {
                    key_topics(&mut topics, param, section.name, &[]);
                    slot_places(&mut places, &param.kind, &format!("{}.{}", section.name, param.name));
                }
            }
            Body::OneOf { tag, slot, .. } | Body::OneOfOr { tag, slot, .. } => {
                let _ = writeln!(text, "\n  {tag} = one of");
                technique_lines(&mut text, schema, slot);
                topics.push(Topic { names: vec![section.name.to_owned(), format!("{}.{tag}", section.name)], text });
                places.push((section.name.to_owned(), slot));
            }
        }
    }
    for technique in &schema.techniques {
        topics.push(technique_topic(technique, &places));
        let homes: Vec<&str> =
            places.iter().filter(|(_, slot)| *slot == technique.slot).map(|(place, _)| place.as_str()).collect();
        for param in technique.params {
            key_topics(&mut topics, param, technique.name, &homes);
        }
    }
    topics
}

fn technique_topic(technique: &Technique, places: &[(String, &str)]) -> Topic {
    let mut text =
        format!("{} ({})  {}{}\n", technique.name, technique.slot, line_of(technique.about), later(technique.status));
    for paragraph in technique.details.split("\n\n").map(str::trim).filter(|p| !p.is_empty()) {
        let _ = write!(text, "\n{}\n", paragraph.lines().map(str::trim).collect::<Vec<_>>().join("\n"));
    }
    keys(&mut text, technique.params);
    if !technique.source.is_empty() {
        let _ = write!(text, "\nSource: {}\n", technique.source);
    }
    let mut names = vec![technique.name.to_owned(), format!("{}.{}", technique.slot, technique.name)];
    names.extend(
        places.iter().filter(|(_, slot)| *slot == technique.slot).map(|(p, _)| format!("{p}.{}", technique.name)),
    );
    Topic { names, text }
}

/// A key, and the keys of a fixed table in it. `owner` is a table or a technique, `homes` where the technique may stand.
fn key_topics(topics: &mut Vec<Topic>, param: &Param, owner: &str, homes: &[&str]) {
    let mut names = vec![format!("{owner}.{}", param.name), param.name.to_owned()];
    names.extend(homes.iter().map(|home| format!("{home}.{}", param.name)));
    let mut text = format!("{}  {}{}\n", names[0], line_of(param.about), later(param.status));
    let _ = writeln!(text, "  {}", value(param));
    topics.push(Topic { names, text });
    for inner in kinds::fixed(&param.kind) {
        key_topics(topics, inner, &format!("{owner}.{}", param.name), &[]);
    }
}

fn slot_places(places: &mut Vec<(String, &'static str)>, kind: &Kind, path: &str) {
    match kind {
        Kind::OneOf { slot, .. } => places.push((path.to_owned(), slot)),
        Kind::List { of, .. } => slot_places(places, of, path),
        Kind::Either(kinds) => kinds.iter().for_each(|k| slot_places(places, k, path)),
        Kind::Table(params) => params.iter().for_each(|p| slot_places(places, &p.kind, &format!("{path}.{}", p.name))),
        _ => {}
    }
}

fn technique_lines(text: &mut String, schema: &Schema, slot: &str) {
    let widest = schema.of_slot(slot).map(|t| t.name.len()).max().unwrap_or(0);
    for technique in schema.of_slot(slot) {
        let _ =
            writeln!(text, "    {:widest$}  {}{}", technique.name, line_of(technique.about), later(technique.status));
    }
}

fn keys(text: &mut String, params: &[Param]) {
    let widest = params.iter().map(|p| p.name.len()).max().unwrap_or(0);
    for (i, param) in params.iter().enumerate() {
        let _ = writeln!(
            text,
            "{}  {:widest$}  {}{}",
            if i == 0 { "\n" } else { "" },
            param.name,
            param.about,
            later(param.status)
        );
        let _ = writeln!(text, "  {:widest$}  {}", "", value(param));
    }
}

/// "a real number, 0.0 to 180.0 degrees; default 28.6".
fn value(param: &Param) -> String {
    let mut text = kinds::words(&param.kind, param.unit);
    match &param.default {
        Default::Required => text.push_str("; must be written"),
        Default::Absent => text.push_str("; may be left out"),
        Default::Is(literal) | Default::Unsaid(literal) => {
            text.push_str("; default ");
            inline(&mut text, &literal.value());
        }
    }
    text
}

fn later(status: Status) -> &'static str {
    match status {
        Status::Built => "",
        Status::Later => " (not built yet)",
    }
}

/// One line without its full stop, so that what follows joins on.
fn line_of(about: &str) -> &str {
    about.trim_end_matches('.')
}
