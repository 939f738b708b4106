//! Whether a recipe passes.

use super::{Expr, Filter, Op, Operand};
use crate::base::Value;
use crate::session::board::Table;
use crate::session::board::facts::{self, Kind};
use crate::session::snapshot::{Block, Recipe};

impl Filter {
    /// Whether a recipe passes.
    pub fn matches(&self, table: &Table<'_>, recipe: &Recipe) -> bool {
        self.expr.as_ref().is_none_or(|expr| holds(expr, table, recipe))
    }
}

fn holds(expr: &Expr, table: &Table<'_>, recipe: &Recipe) -> bool {
    match expr {
        Expr::Word(word) if table.kind(word) == Kind::Flag => table.values(recipe, word).contains(&Value::Bool(true)),
        Expr::Word(text) | Expr::Text(text) => stands_in(recipe, text),
        Expr::Has(key) => table.has(recipe, &key.text),
        Expr::Compare { key, op, value } => compares(table, recipe, key, *op, value),
        Expr::Not(inner) => !holds(inner, table, recipe),
        Expr::And(items) => items.iter().all(|item| holds(item, table, recipe)),
        Expr::Or(items) => items.iter().any(|item| holds(item, table, recipe)),
    }
}

/// Whether the text stands in the recipe's name, title, message or page.
fn stands_in(recipe: &Recipe, text: &str) -> bool {
    let wanted = text.to_lowercase();
    let has = |text: &str| text.to_lowercase().contains(&wanted);
    let on_page = |block: &Block| match block {
        Block::Prose { text, .. } | Block::Cell { text, .. } => has(text),
    };
    has(&recipe.name)
        || has(&recipe.title)
        || recipe.message.as_deref().is_some_and(has)
        || recipe.page.iter().any(on_page)
}

fn compares(table: &Table<'_>, recipe: &Recipe, key: &str, op: Op, wanted: &Operand) -> bool {
    let kind = table.kind(key);
    let values = table.values(recipe, key);
    let any = |holds: &dyn Fn(&Value) -> bool| values.iter().any(holds);
    let number = number(wanted, kind);
    let compared = |value: &Value, with: fn(&f64, &f64) -> bool| {
        value.as_f64().zip(number).is_some_and(|(value, number)| with(&value, &number))
    };
    match op {
        Op::Is => any(&|value| equals(value, wanted, number)),
        Op::IsNot => !any(&|value| equals(value, wanted, number)),
        Op::Less => any(&|value| compared(value, f64::lt)),
        Op::AtMost => any(&|value| compared(value, f64::le)),
        Op::Greater => any(&|value| compared(value, f64::gt)),
        Op::AtLeast => any(&|value| compared(value, f64::ge)),
        Op::Like => any(&|value| fits(&facts::written(value), &wanted.text)),
        Op::Unlike => !any(&|value| fits(&facts::written(value), &wanted.text)),
    }
}

fn equals(value: &Value, wanted: &Operand, number: Option<f64>) -> bool {
    match (value, number) {
        (Value::Int(_) | Value::Float(_), Some(number)) => value.as_f64().is_some_and(|value| {
            // What a person reads off the screen is equal: 0.1 + 0.2 is 0.3.
            (value - number).abs() <= 1e-9 * value.abs().max(number.abs())
        }),
        (Value::Bool(flag), _) => truth(&wanted.text) == Some(*flag),
        (value, _) => facts::written(value).to_lowercase() == wanted.text.to_lowercase(),
    }
}

/// What a word says of a flag.
pub(super) fn truth(word: &str) -> Option<bool> {
    match word.to_lowercase().as_str() {
        "true" | "yes" | "on" => Some(true),
        "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// A value as a number: `12`, `1e-3`; where seconds are meant also `90s`, `5m`, `2h`, `1d`.
pub(super) fn number(value: &Operand, kind: Kind) -> Option<f64> {
    if value.quoted {
        return None;
    }
    let plain = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    plain(&value.text).or_else(|| {
        let units = [("min", 60.0), ("m", 60.0), ("s", 1.0), ("h", 3_600.0), ("d", 86_400.0)];
        let unit = units.iter().filter(|_| kind == Kind::Seconds).find(|(unit, _)| value.text.ends_with(unit));
        unit.and_then(|(unit, seconds)| Some(plain(value.text.strip_suffix(unit)?)? * seconds))
    })
}

/// Whether a text fits a pattern: with `*` (anything) or `?` (one character) as a whole, else somewhere in it; capitals are as small letters.
fn fits(text: &str, pattern: &str) -> bool {
    let (text, pattern) = (text.to_lowercase(), pattern.to_lowercase());
    if !pattern.contains(['*', '?']) {
        return text.contains(&pattern);
    }
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    let (mut at, mut place) = (0, 0);
    // The newest star, and how far the text was when it took nothing.
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(place) {
            Some('*') => {
                star = Some((place, at));
                place += 1;
            }
            Some(c) if *c == '?' || *c == text[at] => (at, place) = (at + 1, place + 1),
            _ => match star {
                // It takes one character more.
                Some((before, taken)) => {
                    star = Some((before, taken + 1));
                    (at, place) = (taken + 1, before + 1);
                }
                None => return false,
            },
        }
    }
    pattern[place..].iter().all(|c| *c == '*')
}
