//! Photos that are worth a look, and what a person decided about them.
//!
//! ```text
//!   pictures ── measures ──┐
//!   networks ── embeddings, parts, heads ──┴─ find ─▶ suspects by kind ── file ─▶ .toji/reviews/NAME.json ─▶ Review
//!   a person ── edits ─▶ edits.csv ─▶ the manifest of the next reading, and what the review says of a suspect
//! ```
//!
//! - [`find`]: makes the lists, by the best networks that a recipe has;
//! - `suspects`: hands what they say to each list's own room;
//! - [`mod@file`]: keeps them, by ids, so that they can be shown beside photos that have changed since;
//! - [`edits`]: decisions: written down, taken back, weighed;
//! - [`outliers`]: training photos far from their label's dominant sub-center.

pub mod edits;
pub mod file;
pub mod find;
pub mod outliers;
mod suspects;

use std::path::PathBuf;

use serde::Serialize;

use super::looking::Seen;
use crate::data::view::Area;
use crate::review::Kind;

/// What a review found, with what was decided since.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Review {
    /// The recipe whose networks looked; empty where only pictures were looked at.
    pub recipe: String,
    /// Whether its networks were trained; suspects get better with it.
    pub trained: bool,
    /// Why it no longer holds, where it does not.
    pub stale: Option<String>,
    /// Photos that were looked at.
    pub photos: usize,
    /// What is worth saying, in words.
    pub notes: Vec<String>,
    /// One list a kind.
    pub lists: Vec<Listed>,
}

/// The suspects of one kind, the most suspect first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listed {
    /// Of what.
    pub kind: Kind,
    /// How many are over the list's threshold, also those that are not listed.
    pub over: usize,
    /// Those over the list's threshold, then the others.
    pub suspects: Vec<Entry>,
}

/// One suspect. Ids, labels and files come from the tables and are made plain by whoever shows them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Entry {
    /// Its place in the manifest; no photo's where it was dropped since.
    pub photo: u32,
    /// Its id.
    pub id: String,
    /// Its file, as in [`Seen`].
    pub file: PathBuf,
    /// The part of it that counts, as in [`Seen`].
    #[serde(skip)]
    pub part: Option<Area>,
    /// Its label, where it is known.
    pub label: Option<String>,
    /// Whether the host asks for it, as in [`Seen`].
    #[serde(skip)]
    pub is_of_host: bool,
    /// 0 to 1, comparable within one list only.
    pub score: f64,
    /// Whether it is over the list's threshold.
    pub is_over: bool,
    /// Why, in words.
    pub reason: String,
    /// What could be done: "", "drop", "relabel", "crop", "group".
    pub proposal: String,
    /// The label, the box or the group that is proposed.
    pub value: String,
    /// The photos that it is about.
    pub with: Vec<Seen>,
    /// What was decided, in words.
    pub decided: Option<String>,
}
