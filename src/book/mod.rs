//! The literate recipe: text ↔ prose and cells, with diagnostics. Knows no stage.
//!
//! ```text
//!   recipe.md ──source::markdown──▶ prose, cells ──source::cell──▶ trees with places ─┐
//!   its parents (`extends`) ── the same ──────────────────────────────────────────────┤ read: merge
//!                                                                                     ▼
//!   technique::Schema (constants of the folders that own the techniques) ──check──▶ settings, diagnostics
//! ```
//!
//! A recipe is Markdown. Every fenced block whose info string is exactly `toml` is a cell, wherever
//! Markdown sees one (in a list or a quotation too); `toml example`, an indented block or a block
//! inside an HTML comment is prose. Each cell is parsed by itself and begins with a table header;
//! the tables of all cells are merged, and a key written twice is a mistake that names both places.
//!
//! `extends` takes over another recipe and overrides it:
//!
//! - tables merge key by key, however deep; a list is replaced as a whole;
//! - where a table names a technique (`[loss] name`, `pool = { kind = … }`) and the child names
//!   another one than the parent, nothing of the parent's table remains, for the parameters of one
//!   technique mean nothing to another; where the child names none, or the same, the keys merge;
//! - `recipe.extends` itself is never inherited and is not among the settings, so a recipe that
//!   is written out in full is the same recipe.
//!
//! What a person changes without an editor is written by [`edit`]: one value, one more key, a note; everything else keeps its bytes.
//!
//! Every value keeps its place until it has been checked, so that a mistake in a parent is told with the parent's
//! file, and a position is always one in the Markdown file: line from 1, column in characters from 1.
//! Nothing stops at the first mistake, and one mistake gives one message: what a syntax error may have
//! swallowed is not reported as missing.

pub mod check;
pub mod diagnostic;
pub mod edit;
pub mod pages;
pub mod read;
pub mod source;
pub mod technique;

pub use diagnostic::{Diagnostic, Look, Severity, report};
pub use pages::{Unknown, explain, keys, print, reference, values};
pub use read::{
    Block, Book, Bytes, Name, Origin, OriginKind, facts_from, read, read_as, read_facts, read_with, settings_from,
};
pub use technique::Schema;

use technique::{Body, Default, Kind, Literal, Param, Section, Status};

/// The tables that belong to the recipe itself.
pub const SECTIONS: &[&Section] = &[&RECIPE];

const RECIPE: Section = Section {
    name: "recipe",
    about: "What this recipe builds on, and its seed",
    body: Body::Params(&[
        Param::new(
            "extends",
            Kind::Text,
            Default::Absent,
            "Another recipe, relative to this file, whose settings hold where this one says nothing",
        ),
        Param::new(
            "seed",
            Kind::Int { min: 0, max: i64::MAX },
            Default::Is(Literal::Int(0)),
            "Every random draw is a function of this number",
        ),
    ]),
    status: Status::Built,
};
