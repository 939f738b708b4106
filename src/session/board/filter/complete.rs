//! What may come next.
//!
//! Takes the text before the cursor and the project's recipes; gives the piece of text that would be replaced and
//! what could stand there: names of keys and facts, the values that this project's recipes have and those that are
//! declared, signs, joints. Names that begin with what was typed come before those that hold it.

use std::collections::BTreeMap;
use std::ops::Range;

use super::check::results;
use super::scan::{Scanner, is_bare, is_bare_value, is_joint};
use crate::session::board::Table;
use crate::session::board::facts::{self, FACTS, Kind};

/// One thing that may come next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What is written.
    pub text: String,
    /// A word about it; may be empty.
    pub about: String,
}

/// What may stand at a cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// The bytes of the text that a candidate replaces; they end at the cursor.
    pub replaces: Range<usize>,
    /// The candidates, the likeliest first.
    pub candidates: Vec<Candidate>,
}

/// As many are offered.
const MOST: usize = 60;

/// Where in a filter its text ends.
enum Place {
    /// A term begins, with so much of a word.
    Term { from: usize },
    /// A key is complete.
    Sign,
    /// A value begins, with so much of a word.
    Value { key: String, from: usize, quoted: bool },
    /// A term is complete.
    Joint,
    /// In quotes that are text to look for.
    Text,
}

/// What may come next behind `text[..cursor]`; a cursor within a character counts as before it.
pub fn complete(text: &str, cursor: usize, table: &Table<'_>) -> Completion {
    let cursor = (0..=cursor.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let text = &text[..cursor];
    let (from, candidates) = match place(text) {
        Place::Term { from } => (from, terms(&text[from..], table)),
        Place::Sign => (cursor, signs()),
        Place::Joint => (cursor, joints()),
        Place::Text => (cursor, Vec::new()),
        Place::Value { key, from, quoted } if key.eq_ignore_ascii_case("has") => {
            (from, keys(text[from..].trim_start_matches('"'), table, quoted))
        }
        Place::Value { key, from, .. } => (from, values(&key, text[from..].trim_start_matches('"'), table)),
    };
    Completion { replaces: from..cursor, candidates }
}

/// Reads on as far as the text goes, whatever it is.
fn place(text: &str) -> Place {
    let mut scan = Scanner::new(text);
    loop {
        scan.skip();
        let begun = scan.at;
        let Some(next) = scan.peek() else { return Place::Term { from: begun } };
        if "()!&|".contains(next) {
            scan.at += next.len_utf8();
            if next == ')' && scan.rest().chars().all(char::is_whitespace) {
                return Place::Joint;
            }
            continue;
        }
        let key = if next == '"' {
            match scan.quoted() {
                Ok(key) => key,
                Err(_) => return Place::Text,
            }
        } else {
            scan.word(false).to_owned()
        };
        if scan.rest().is_empty() {
            return if next == '"' { Place::Joint } else { Place::Term { from: begun } };
        }
        if is_joint(&key) && next != '"' {
            continue;
        }
        let spaced = scan.peek().is_some_and(char::is_whitespace);
        scan.skip();
        if scan.operator().is_none() {
            match scan.peek() {
                None if spaced => return Place::Sign,
                // A sign without a key: whatever it is, one goes on behind it.
                Some(c) if key.is_empty() => scan.at += c.len_utf8(),
                _ => {}
            }
            continue;
        }
        scan.skip();
        let from = scan.at;
        let quoted = scan.peek() == Some('"');
        if quoted {
            if scan.quoted().is_err() {
                return Place::Value { key, from, quoted };
            }
        } else {
            scan.word(true);
            if scan.rest().is_empty() {
                return Place::Value { key, from, quoted };
            }
        }
        if scan.rest().chars().all(char::is_whitespace) {
            return Place::Joint;
        }
    }
}

fn candidate(text: impl Into<String>, about: impl Into<String>) -> Candidate {
    Candidate { text: text.into(), about: about.into() }
}

/// Those that begin with what was typed, then those that hold it; capitals are as small letters.
fn chosen(typed: &str, all: impl IntoIterator<Item = Candidate>) -> Vec<Candidate> {
    let typed = typed.to_lowercase();
    let (mut begins, mut holds) = (Vec::new(), Vec::new());
    for one in all {
        let text = one.text.trim_matches('"').to_lowercase();
        if text.starts_with(&typed) {
            begins.push(one);
        } else if text.contains(&typed) {
            holds.push(one);
        }
    }
    begins.extend(holds);
    begins.truncate(MOST);
    begins
}

fn written_key(key: &str) -> String {
    if is_bare(key) { key.to_owned() } else { format!("\"{key}\"") }
}

fn terms(typed: &str, table: &Table<'_>) -> Vec<Candidate> {
    let mut all = keys(typed, table, false);
    if !typed.is_empty() {
        all.extend(chosen(typed, [candidate("not", "the opposite"), candidate("has:", "the key is there")]));
    }
    all.truncate(MOST);
    all
}

fn keys(typed: &str, table: &Table<'_>, quoted: bool) -> Vec<Candidate> {
    // Keys that no recipe of the project has are offered only to who knows how they begin.
    let mut present: BTreeMap<String, ()> = BTreeMap::new();
    for recipe in &table.snapshot.recipes {
        facts::walk(&recipe.settings, &mut String::new(), &mut |path, _| {
            if !present.contains_key(path) {
                present.insert(path.to_owned(), ());
            }
        });
    }
    let about = |name: &str| facts::named(name).map(|fact| fact.about).unwrap_or_default();
    let written = |name: &str| if quoted { format!("\"{name}\"") } else { written_key(name) };
    let facts: Vec<Candidate> = results(table).into_iter().map(|name| candidate(written(name), about(name))).collect();
    let own = present.keys().filter(|name| FACTS.iter().all(|fact| fact.name != *name));
    let own: Vec<Candidate> = own.map(|name| candidate(written(name), "")).collect();
    let mut all = chosen(typed, facts.into_iter().chain(own));
    if !typed.is_empty() {
        let other = facts::declared().keys().filter(|name| !present.contains_key(*name) && name.starts_with(typed));
        all.extend(other.map(|name| candidate(written(name), "no recipe has it")));
    }
    all.truncate(MOST);
    all
}

fn values(key: &str, typed: &str, table: &Table<'_>) -> Vec<Candidate> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for recipe in &table.snapshot.recipes {
        let mut own: Vec<String> = table.values(recipe, key).iter().map(facts::written).collect();
        own.sort();
        own.dedup();
        own.into_iter().for_each(|value| *counts.entry(value).or_default() += 1);
    }
    let kind = table.kind(key);
    let words: &[&str] = match kind {
        Kind::Words(words) => words,
        Kind::Flag => &["true", "false"],
        _ => facts::declared().get(key).map_or(&[], Vec::as_slice),
    };
    let mut seen: Vec<(String, usize)> = counts.into_iter().collect();
    let as_number = |text: &str| text.parse::<f64>().ok();
    // Numbers by size, words by how many recipes have them.
    seen.sort_by(|(a, n), (b, m)| match (as_number(a), as_number(b)) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => m.cmp(n),
    });
    let written = |value: &str| if is_bare_value(value) { value.to_owned() } else { quoted(value) };
    let recipes = |n: usize| if n == 1 { "1 recipe".to_owned() } else { format!("{n} recipes") };
    let mut all: Vec<Candidate> = seen.iter().map(|(value, n)| candidate(written(value), recipes(*n))).collect();
    let new = words.iter().filter(|word| seen.iter().all(|(value, _)| value != *word));
    all.extend(new.map(|word| candidate(written(word), "no recipe")));
    chosen(typed, all)
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn signs() -> Vec<Candidate> {
    let all = [
        ("=", "equal"),
        ("!=", "not equal"),
        (">", "greater"),
        (">=", "greater or equal"),
        ("<", "less"),
        ("<=", "less or equal"),
        ("~", "has a part, or fits with * and ?"),
        ("!~", "has not"),
    ];
    all.map(|(sign, about)| candidate(sign, about)).to_vec()
}

fn joints() -> Vec<Candidate> {
    [candidate("and", "both"), candidate("or", "one of them")].to_vec()
}
