//! Names and values of a filter beside a snapshot: what nothing is called, what cannot be compared.

use std::ops::Range;

use super::evaluate::{number, truth};
use super::{Filter, Mention, Mistake, Op, Operand, What};
use crate::book::check::names::{list, nearest};
use crate::session::board::Table;
use crate::session::board::facts::{self, FACTS, Kind};

impl Filter {
    /// The first mistake that only the project's recipes show: a key that none can have, a comparison that can never hold.
    pub fn check(&self, table: &Table<'_>) -> Option<Mistake> {
        self.mentions.iter().find_map(|mention| wrong(mention, table))
    }
}

/// Whether something can be called so: a fact, a series, a key; for columns and orders.
///
/// # Errors
/// When nothing is; the mistake names the nearest.
pub fn known(name: &str, table: &Table<'_>) -> Result<(), Mistake> {
    if is_known(name, table) { Ok(()) } else { Err(unknown(name, 0..name.len(), table)) }
}

fn unknown(text: &str, at: Range<usize>, table: &Table<'_>) -> Mistake {
    let help = match nearest(text, names(table).into_iter()) {
        Some(near) => format!("did you mean {near}?"),
        None => {
            "toji explain lists the keys, toji board --help the columns; text to look for stands in quotes".to_owned()
        }
    };
    Mistake::new(at, format!("nothing is called `{text}`")).help(help)
}

fn wrong(mention: &Mention, table: &Table<'_>) -> Option<Mistake> {
    let text = &mention.text;
    let at = mention.at.clone();
    match &mention.what {
        What::Key | What::Has if is_known(text, table) => None,
        What::Key | What::Has => Some(unknown(text, at, table)),
        What::Word => {
            if table.kind(text) == Kind::Flag {
                return None;
            }
            let is_key = facts::named(text).is_some() || text.eq_ignore_ascii_case(table.metric);
            let dotted = text.contains('.');
            let begins = |name: &&str| name.starts_with(text.as_str());
            let first = names(table).into_iter().find(begins);
            match first {
                Some(_) if is_key || (dotted && is_known(text, table)) => {
                    let example = if is_text(text, table) { format!("{text} = …") } else { format!("{text} > …") };
                    let help = format!("as in {example}; as text to look for it stands in quotes");
                    Some(Mistake::new(at, format!("`{text}` needs a comparison")).help(help).unfinished())
                }
                Some(first) if dotted => {
                    Some(Mistake::new(at, format!("`{text}` begins {first}")).help("tab completes it").unfinished())
                }
                // The table is right, its key is not: nobody looks for such a text.
                None if dotted && text.split('.').next().is_some_and(|head| is_known(head, table)) => {
                    Some(unknown(text, at, table).unfinished())
                }
                _ => None,
            }
        }
        What::Value { key, op, quoted } => {
            let kind = table.kind(key);
            let value = Operand { text: text.clone(), quoted: *quoted };
            if op.is_of_numbers() && number(&value, kind).is_none() {
                let help =
                    if kind == Kind::Seconds { "seconds, or 90s, 5m, 2h, 1d" } else { "< and > compare numbers" };
                return Some(Mistake::new(at, format!("`{text}` is no number")).help(help));
            }
            match kind {
                Kind::Words(words) if matches!(op, Op::Is | Op::IsNot) && !knows(words, text) => {
                    let near = nearest(text, words.iter().copied());
                    let help = near.map_or_else(|| format!("one of {}", list(words)), |n| format!("did you mean {n}?"));
                    Some(Mistake::new(at, format!("{key} is never `{text}`")).help(help))
                }
                Kind::Flag if matches!(op, Op::Is | Op::IsNot) && truth(text).is_none() => {
                    Some(Mistake::new(at, format!("{key} is never `{text}`")).help("it is true or false"))
                }
                _ => None,
            }
        }
    }
}

fn knows(words: &[&str], word: &str) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
}

fn is_text(name: &str, table: &Table<'_>) -> bool {
    match table.kind(name) {
        Kind::Text | Kind::Words(_) | Kind::Flag => true,
        Kind::Any => {
            let mut values = table.snapshot.recipes.iter().flat_map(|recipe| table.values(recipe, name));
            !values.any(|value| value.as_f64().is_some())
        }
        Kind::Number(_) | Kind::Difference | Kind::Seconds => false,
    }
}

/// Whether something can be called so: a fact, a series, a declared key or its table, or a key that some recipe has.
fn is_known(name: &str, table: &Table<'_>) -> bool {
    let declared = facts::declared();
    let within = format!("{name}.");
    facts::named(name).is_some()
        || name.eq_ignore_ascii_case(table.metric)
        || declared.contains_key(name)
        || declared.range(within.clone()..).next().is_some_and(|(key, _)| key.starts_with(&within))
        || table.snapshot.recipes.iter().any(|recipe| table.has(recipe, name))
}

/// What recipes come to, by name: the score that counts, facts, the series of curves.
pub(super) fn results<'a>(table: &Table<'a>) -> Vec<&'a str> {
    let mut all: Vec<&str> = vec![table.metric];
    all.extend(FACTS.iter().map(|fact| fact.name));
    let mut series: Vec<&str> =
        table.snapshot.recipes.iter().flat_map(|recipe| &recipe.curves).map(|curve| curve.series.as_str()).collect();
    series.sort_unstable();
    series.dedup();
    series.retain(|series| !all.contains(series));
    all.extend(series);
    all
}

/// All names that can be asked for: results and declared keys.
fn names<'a>(table: &Table<'a>) -> Vec<&'a str> {
    let mut all = results(table);
    all.extend(facts::declared().keys().map(String::as_str));
    all
}
