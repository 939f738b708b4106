//! What a review found and what was decided about it, as a screen shows it.
//!
//! Lists by kind, each ranked, each suspect with its reason, what could be done and the photos that it is about. Ids, labels
//! and files come from the tables and are made plain by whoever shows them.

use std::path::PathBuf;

use super::Seen;
use crate::review::Kind;

/// The suspects of one recipe's review.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Review {
    /// The recipe whose network looked; empty before any review.
    pub recipe: String,
    /// Whether that network was trained; suspects get better with it.
    pub trained: bool,
    /// Why it no longer holds, where it does not.
    pub stale: Option<String>,
    /// Photos that were looked at.
    pub photos: usize,
    /// One list a kind.
    pub lists: Vec<Listed>,
}

/// The suspects of one kind, the most suspect first.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// Of what.
    pub kind: Kind,
    /// Those over the list's threshold, then the others.
    pub suspects: Vec<Entry>,
}

/// One suspect.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// Its place in the manifest.
    pub photo: u32,
    /// Its id.
    pub id: String,
    /// Its file, as in [`Seen`].
    pub file: PathBuf,
    /// Its label, where it is known.
    pub label: Option<String>,
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
