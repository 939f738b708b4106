//! docs/reference.md from the declared table.
//!
//! Takes a schema; gives Markdown: the tables with their keys, then the techniques slot by slot with
//! parameters, ranges, units, defaults and sources. A test compares the file with this text, so the page
//! cannot go stale.

use std::fmt::Write;

use super::print::inline;
use crate::book::check::kinds;
use crate::book::check::names::list;
use crate::book::technique::{Body, Default, Param, Schema, Status, Technique};

/// The page, ended by a line end.
pub fn reference(schema: &Schema) -> String {
    let mut out = String::from(
        "# Reference\n\n\
         Every table, key and technique that Toji knows. This page is printed from the table that the reader \
         checks recipes with; `toji explain NAME` prints a part of it.\n\n\
         A recipe is Markdown. Each fenced block whose info string is exactly `toml` is a cell, begins with a \
         table header, and all tables are merged; the same key twice is a mistake. With `extends`, tables merge \
         with the parent's key by key, lists are replaced as a whole, and where a table names another technique \
         than the parent's, nothing of the parent's table remains.\n\n\
         ## Tables\n",
    );
    for section in &schema.sections {
        let _ = write!(out, "\n### `[{}]`\n\n{}.{}\n", section.name, cell(section.about), later(section.status));
        match &section.body {
            Body::Params(params) => params_table(&mut out, params),
            Body::Optional(params) => {
                out.push_str("\nThe table need not be written.\n");
                params_table(&mut out, params);
            }
            Body::OneOf { tag, slot, unless } => {
                named(&mut out, schema, tag, slot);
                if !unless.is_empty() {
                    let _ = write!(out, "\nBeside `[{unless}]` the table need not be written.\n");
                }
            }
            Body::OneOfOr { tag, slot, default } => {
                named(&mut out, schema, tag, slot);
                out.push_str("\nWhen the table is not written: `");
                inline(&mut out, &default.value());
                out.push_str("`.\n");
            }
        }
    }
    let mut slots: Vec<&str> = Vec::new();
    for technique in &schema.techniques {
        if !slots.contains(&technique.slot) {
            slots.push(technique.slot);
        }
    }
    for slot in slots {
        let _ = write!(out, "\n## Techniques: {slot}\n");
        for technique in schema.of_slot(slot) {
            one(&mut out, technique);
        }
    }
    out
}

fn named(out: &mut String, schema: &Schema, tag: &str, slot: &str) {
    let names: Vec<&str> = schema.of_slot(slot).map(|t| t.name).collect();
    let _ = write!(
        out,
        "\nThe key `{tag}` names the technique ({slot}): {}. Its keys stand in the same table.\n",
        list(&names)
    );
}

fn one(out: &mut String, technique: &Technique) {
    let _ = write!(out, "\n### {}\n\n{}.{}\n", technique.name, cell(technique.about), later(technique.status));
    for paragraph in technique.details.split("\n\n").map(str::trim).filter(|p| !p.is_empty()) {
        let _ = write!(out, "\n{}\n", paragraph.lines().map(str::trim).collect::<Vec<_>>().join("\n"));
    }
    params_table(out, technique.params);
    if !technique.source.is_empty() {
        let _ = write!(out, "\nSource: {}.\n", technique.source.trim_end_matches('.'));
    }
}

fn params_table(out: &mut String, params: &[Param]) {
    if params.is_empty() {
        return;
    }
    out.push_str("\n| key | value | default | meaning |\n|---|---|---|---|\n");
    rows(out, params, "");
}

/// A row for each key; the keys of a fixed table follow it with their dotted names.
fn rows<'a>(out: &mut String, params: impl IntoIterator<Item = &'a Param>, before: &str) {
    for param in params {
        let name = format!("{before}{}", param.name);
        let _ = writeln!(
            out,
            "| `{name}` | {} | {} | {}.{} |",
            cell(&kinds::words(&param.kind, param.unit)),
            default(param),
            cell(param.about),
            later(param.status)
        );
        rows(out, kinds::fixed(&param.kind), &format!("{name}."));
    }
}

/// A parameter's default in words and code.
fn default(param: &Param) -> String {
    match &param.default {
        Default::Required => "must be written".to_owned(),
        Default::Absent => "none".to_owned(),
        Default::Is(literal) | Default::Unsaid(literal) => {
            let mut code = String::new();
            inline(&mut code, &literal.value());
            format!("`{}`", code.replace('|', "\\|"))
        }
    }
}

fn later(status: Status) -> &'static str {
    match status {
        Status::Built => "",
        Status::Later => " *Not built yet.*",
    }
}

/// A text that stays in its cell of a Markdown table.
fn cell(text: &str) -> String {
    text.trim().trim_end_matches('.').replace('|', "\\|").replace('\n', " ")
}
