//! The nearest right name.
//!
//! Takes a name that nobody declared; gives the one that was probably meant: one of the same table a few
//! letters away (edit distance with swapped neighbours), or the table where the very name belongs.

use std::collections::BTreeSet;

use crate::book::technique::{Body, Kind, Param, Schema, Technique};

/// Edits (insert, delete, replace, swap two neighbours) between two words, case and `-_ ` apart.
pub fn distance(a: &str, b: &str) -> usize {
    let fold =
        |s: &str| -> Vec<char> { s.chars().filter(|c| !"-_ ".contains(*c)).flat_map(char::to_lowercase).collect() };
    let (a, b) = (fold(a), fold(b));
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let replace = last[j] + usize::from(a[i] != b[j]);
            let mut least = replace.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// The nearest of some names, if one is near enough to be meant.
pub fn nearest<'a>(name: &str, among: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // No name is that long; and the distance of long words costs their product.
    if name.chars().count() > 80 {
        return None;
    }
    let plain = name.to_lowercase();
    among
        .filter_map(|candidate| {
            let edits = distance(name, candidate);
            let near = edits <= (name.chars().count().max(candidate.chars().count()) / 3).max(1);
            // `arcface` for ArcFaceLoss, `lr_rate` for lr.
            let short = plain.chars().count().min(candidate.chars().count());
            let candidate_plain = candidate.to_lowercase();
            let part = short >= 3 && (candidate_plain.contains(&plain) || plain.contains(&candidate_plain));
            (near || part).then_some((if near { edits } else { 100 + edits }, candidate))
        })
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// "`a`, `b` and `c`".
pub fn list(names: &[&str]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [one] => format!("`{one}`"),
        [head @ .., last] => {
            format!("{} and `{last}`", head.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", "))
        }
    }
}

/// Help for a table that nobody declared.
pub(super) fn unknown_table(schema: &Schema, name: &str) -> Option<String> {
    if let Some(home) = homes(schema, name).first() {
        return Some(format!("`{name}` belongs to {home}"));
    }
    let tables: Vec<&str> = schema.sections.iter().map(|s| s.name).collect();
    Some(match nearest(name, tables.iter().copied()) {
        Some(near) => format!("did you mean `[{near}]`?"),
        None => format!("the tables are {}", list(&tables)),
    })
}

/// Help for a key that a table does not have. `technique` is the technique that the table names.
pub(super) fn unknown_key(
    schema: &Schema,
    name: &str,
    params: &[Param],
    path: &str,
    technique: Option<&Technique>,
) -> Option<String> {
    let here = nearest(name, params.iter().map(|p| p.name));
    if let Some(near) = here.filter(|near| distance(name, near) <= 1) {
        return Some(format!("did you mean `{near}`?"));
    }
    // The very name, in a technique that could stand here: "`margin` belongs to ArcFaceLoss".
    let mut homes: Vec<String> =
        technique.map_or(Vec::new(), |t| takes(schema, t.slot, name).map(str::to_owned).collect());
    if homes.is_empty() {
        homes = self::homes(schema, name);
        homes.retain(|home| *home != format!("[{path}]"));
    }
    match homes.as_slice() {
        [home] => return Some(format!("`{name}` belongs to {home}")),
        [a, b] => return Some(format!("`{name}` belongs to {a} and {b}")),
        // Where it could be anywhere, the places help nobody.
        _ => {}
    }
    if let Some(near) = here {
        return Some(format!("did you mean `{near}`?"));
    }
    let owner = technique.map_or_else(|| format!("[{path}]"), |t| t.name.to_owned());
    let known: Vec<&str> = params.iter().map(|p| p.name).collect();
    Some(format!("{owner} has {}", if known.is_empty() { "no further keys".to_owned() } else { list(&known) }))
}

/// Help for a technique that its slot does not have.
pub(super) fn unknown_technique(schema: &Schema, slot: &str, name: &str) -> Option<String> {
    if let Some(near) = nearest(name, schema.of_slot(slot).map(|t| t.name)) {
        return Some(format!("did you mean `{near}`?"));
    }
    if let Some(other) = schema.techniques.iter().find(|t| t.name == name) {
        return Some(format!("`{name}` is of another kind: {}", other.slot));
    }
    Some(format!("one of {}", list(&schema.of_slot(slot).map(|t| t.name).collect::<Vec<_>>())))
}

/// Where a key belongs: "`[train]`", "`[loss]`", and the techniques that stand inside a table: "AdamW".
pub(in crate::book) fn homes(schema: &Schema, key: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for section in &schema.sections {
        match &section.body {
            Body::Params(params) | Body::Optional(params) => {
                if params.iter().any(|p| p.name == key) {
                    found.push(format!("[{}]", section.name));
                }
                let inside = params.iter().flat_map(|p| slots(&p.kind)).flat_map(|slot| takes(schema, slot, key));
                found.extend(inside.map(str::to_owned));
            }
            Body::OneOf { slot, .. } | Body::OneOfOr { slot, .. } => {
                if takes(schema, slot, key).next().is_some() {
                    found.push(format!("[{}]", section.name));
                }
            }
        }
    }
    let mut seen = BTreeSet::new();
    found.retain(|home| seen.insert(home.clone()));
    found
}

fn takes<'a>(schema: &'a Schema, slot: &'a str, key: &'a str) -> impl Iterator<Item = &'static str> + 'a {
    schema.of_slot(slot).filter(move |t| t.params.iter().any(|p| p.name == key)).map(|t| t.name)
}

/// The slots whose techniques may stand in a value of this kind.
pub(in crate::book) fn slots(kind: &Kind) -> Vec<&'static str> {
    match kind {
        Kind::OneOf { slot, .. } => vec![slot],
        Kind::List { of, .. } => slots(of),
        Kind::Either(kinds) => kinds.iter().flat_map(slots).collect(),
        Kind::Table(params) => params.iter().flat_map(|p| slots(&p.kind)).collect(),
        Kind::Bool
        | Kind::Off
        | Kind::Int { .. }
        | Kind::Float { .. }
        | Kind::Text
        | Kind::Choice(_)
        | Kind::OverEpochs(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        assert_eq!(distance("margin", "margin"), 0);
        assert_eq!(distance("margni", "margin"), 1, "two neighbours swapped");
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("weight_decay", "weightDecay"), 0);
    }

    #[test]
    fn near_enough() {
        let known = ["name", "margin", "scale"];
        assert_eq!(nearest("mragin", known.into_iter()), Some("margin"));
        assert_eq!(nearest("arcface", ["SoftmaxLoss", "ArcFaceLoss"].into_iter()), Some("ArcFaceLoss"));
        assert_eq!(nearest("banana", known.into_iter()), None);
    }
}
