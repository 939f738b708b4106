//! What a recipe came to, by name; and its settings by dotted name.
//!
//! One table of facts: the name that columns, orders and filters use, a heading, one line about it, how its values are
//! read, and where in the snapshot it stands. Settings are looked up in the recipe's resolved tables (defaults and
//! parents filled in); a name goes through lists, so that `post.steps.op` is the operation of each step.

use std::sync::OnceLock;

use super::{Table, series};
use crate::base::Value;
use crate::session::snapshot::{Delta, Recipe, State};

/// One thing that can be asked of a recipe.
#[derive(Debug)]
pub struct Fact {
    /// Its name.
    pub name: &'static str,
    /// The heading of its column.
    pub title: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// How its values are read.
    pub kind: Kind,
    /// Whether the greatest comes first where nobody asked for the other order.
    pub greatest_first: bool,
    /// Its value.
    pub get: fn(&Table<'_>, &Recipe) -> Option<Value>,
}

/// How values are read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As they are.
    Any,
    /// Text.
    Text,
    /// One of these words.
    Words(&'static [&'static str]),
    /// A number with so many digits behind the point.
    Number(usize),
    /// A difference, with its sign.
    Difference,
    /// Seconds; a filter may say 90s, 5m, 2h, 1d.
    Seconds,
    /// True or false; its name alone is a filter.
    Flag,
}

/// The words for how recipes stand.
pub const STATES: [&str; 9] = ["new", "broken", "fresh", "stale", "queued", "running", "lost", "failed", "stopped"];

const fn fact(
    name: &'static str,
    title: &'static str,
    kind: Kind,
    about: &'static str,
    get: fn(&Table<'_>, &Recipe) -> Option<Value>,
) -> Fact {
    Fact { name, title, about, kind, greatest_first: false, get }
}

const fn score(
    name: &'static str,
    title: &'static str,
    about: &'static str,
    get: fn(&Table<'_>, &Recipe) -> Option<Value>,
) -> Fact {
    Fact { name, title, about, kind: Kind::Number(4), greatest_first: true, get }
}

/// All facts, in the order in which they are offered.
pub const FACTS: &[Fact] = &[
    fact("name", "recipe", Kind::Text, "its file's name without .md", |_, r| text(&r.name)),
    fact("state", "state", Kind::Words(&STATES), "how it stands", |_, r| text(word(r.state))),
    fact("rung", "rung", Kind::Text, "rung of the ladder that was asked for last", |_, r| text(&r.rung)),
    fact("epoch", "epoch", Kind::Number(1), "epochs finished", |_, r| float(r.epoch.map(|(done, _)| done))),
    fact("epochs", "epochs", Kind::Number(0), "epochs that there will be", |_, r| float(r.epoch.map(|(_, all)| all))),
    score("score", "score", "the last score, over all queries", |_, r| float(r.score.as_ref().map(|s| s.value))),
    score("low", "low", "lower end of the score's 95 % interval", |_, r| {
        float(r.score.as_ref().map(|s| s.interval[0]))
    }),
    score("high", "high", "upper end of the score's 95 % interval", |_, r| {
        float(r.score.as_ref().map(|s| s.interval[1]))
    }),
    fact("queries", "queries", Kind::Number(0), "queries that were scored", |_, r| {
        Some(Value::Int(r.score.as_ref()?.queries as i64))
    }),
    Fact {
        greatest_first: true,
        ..fact("delta", "to pin", Kind::Difference, DELTA, |t, r| float(Some(difference(t, r)?.value)))
    },
    Fact {
        greatest_first: true,
        ..fact("delta.low", "low", Kind::Difference, "lower end of the difference's 95 % interval", |t, r| {
            float(Some(difference(t, r)?.interval[0]))
        })
    },
    Fact {
        greatest_first: true,
        ..fact("delta.high", "high", Kind::Difference, "upper end of the difference's 95 % interval", |t, r| {
            float(Some(difference(t, r)?.interval[1]))
        })
    },
    score("last", "last", "the score's curve at its end", |t, r| float(series::last(&r.curves, t.metric))),
    score("best", "best", "the best point of the score's curve", |t, r| float(series::best(&r.curves, t.metric, true))),
    score("same", "same", "the score's curve at the epoch that another recipe has come to", |t, r| {
        float(series::at(&r.curves, t.metric, t.at?))
    }),
    score("smoothed", "smooth", "the score's curve at its end, smoothed (exponential mean, weight 0.8)", |t, r| {
        float(series::smoothed(&r.curves, t.metric))
    }),
    score("heading", "heading", "where the score is heading, while it trains", |_, r| {
        float(r.projection.as_ref().map(|p| p.value))
    }),
    fact("loss", "loss", Kind::Number(3), "the loss at its end", |_, r| float(series::last(&r.curves, "loss"))),
    fact("trainings", "runs", Kind::Number(0), "trainings: folds times seeds", |_, r| {
        let trainings = super::folds::trainings(r).len();
        (trainings > 0).then_some(Value::Int(trainings as i64))
    }),
    fact("sd", "sd", Kind::Number(4), "standard deviation of the score over its trainings", |t, r| {
        float(super::folds::summary(r, t.metric)?.score.deviation)
    }),
    fact("left", "left", Kind::Seconds, "seconds until its run ends", |_, r| float(r.seconds_left)),
    fact("cost", "cost", Kind::Seconds, "seconds that all that it has took to make", |_, r| float(r.cost)),
    fact("todo", "to run", Kind::Seconds, "seconds of all that would run", |_, r| float(r.plan_seconds)),
    fact("advice", "advice", Kind::Words(&["stop", "go-on", "promote"]), "what the decider says", |_, r| {
        text(&r.advice.as_ref()?.advice)
    }),
    fact("parent", "parent", Kind::Text, "the recipe that it extends", |_, r| text(r.parent.as_ref()?)),
    fact("change", "change", Kind::Text, "what it changes against its parent", |_, r| {
        (!r.changes.is_empty()).then(|| Value::Text(r.changes.join("; ")))
    }),
    fact("title", "title", Kind::Text, "its first heading", |_, r| text(&r.title)),
    fact("what", "what", Kind::Text, "why it is as it is, or what would run", |_, r| text(r.message.as_ref()?)),
    fact("stale", "stale", Kind::Flag, "its score belongs to an older text", |_, r| {
        Some(Value::Bool(r.score.as_ref().is_some_and(|score| score.stale)))
    }),
    fact("pin", "pin", Kind::Flag, "the others are compared with it", |t, r| {
        Some(Value::Bool(t.snapshot.pin.as_ref() == Some(&r.name)))
    }),
];

const DELTA: &str = "difference to the pin; while it trains, at the same share of the schedule";

/// The fact of that name.
pub fn named(name: &str) -> Option<&'static Fact> {
    FACTS.iter().find(|fact| fact.name.eq_ignore_ascii_case(name))
}

/// The word for a state.
pub fn word(state: State) -> &'static str {
    match state {
        State::New => "new",
        State::Broken => "broken",
        State::Fresh => "fresh",
        State::Stale => "stale",
        State::Queued => "queued",
        State::Running => "running",
        State::Lost => "lost",
        State::Failed => "failed",
        State::Stopped => "stopped",
    }
}

/// The difference to the pin: while it trains and nothing of this text is scored, that which the decider saw; none for the pin itself.
pub fn difference<'r>(table: &Table<'_>, recipe: &'r Recipe) -> Option<&'r Delta> {
    if table.snapshot.pin.as_ref() == Some(&recipe.name) {
        return None;
    }
    let unfinished = matches!(recipe.state, State::Running | State::Stopped | State::Lost | State::Queued);
    let early = recipe.advice.as_ref().filter(|_| unfinished).and_then(|advice| advice.delta.as_ref());
    early.or(recipe.delta.as_ref())
}

fn text(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| Value::Text(text.to_owned()))
}

fn float(number: Option<f64>) -> Option<Value> {
    number.filter(|number| number.is_finite()).map(Value::Float)
}

/// Every dotted key that a recipe can have, with the words that are declared for it.
pub fn declared() -> &'static std::collections::BTreeMap<String, Vec<&'static str>> {
    static DECLARED: OnceLock<std::collections::BTreeMap<String, Vec<&'static str>>> = OnceLock::new();
    DECLARED.get_or_init(|| crate::book::keys(&crate::session::schema::recipes()))
}

/// What stands under a dotted name; a list is gone through item by item, or at one place: `post.steps[0].op`.
pub fn resolve<'v>(value: &'v Value, path: &str, found: &mut Vec<&'v Value>) {
    match value {
        _ if path.is_empty() => found.push(value),
        Value::List(items) => items.iter().for_each(|item| resolve(item, path, found)),
        Value::Table(entries) => {
            let (step, rest) = path.split_once('.').unwrap_or((path, ""));
            let (name, place) = match step.strip_suffix(']').and_then(|step| step.split_once('[')) {
                Some((name, place)) => (name, place.parse::<usize>().ok()),
                None => (step, None),
            };
            match (entries.get(name), place) {
                (Some(Value::List(items)), Some(place)) => {
                    items.get(place).into_iter().for_each(|item| resolve(item, rest, found));
                }
                (Some(inner), None) => resolve(inner, rest, found),
                _ => {}
            }
        }
        _ => {}
    }
}

/// The keys by which a table names its technique.
const TAGS: [&str; 3] = ["name", "op", "kind"];

/// A setting as single values: a list's items, and of a table the technique that it names.
pub fn simple(value: &Value) -> Vec<Value> {
    match value {
        Value::List(items) => items.iter().flat_map(simple).collect(),
        Value::Table(entries) => TAGS.iter().find_map(|tag| entries.get(tag)).into_iter().cloned().collect(),
        value => vec![value.clone()],
    }
}

/// Calls `seen` for every key with a plain value or a list, with its dotted name; for the items of a list that are tables too.
pub fn walk<'v>(value: &'v Value, path: &mut String, seen: &mut dyn FnMut(&str, &'v Value)) {
    let Value::Table(entries) = value else { return };
    for (name, inner) in entries {
        let before = path.len();
        if before > 0 {
            path.push('.');
        }
        path.push_str(name);
        match inner {
            Value::Table(_) => walk(inner, path, seen),
            inner => seen(path, inner),
        }
        path.truncate(before);
    }
}

/// A value as a column shows it.
pub fn shown(value: &Value, kind: Kind, seconds: fn(f64) -> String) -> String {
    match (kind, value.as_f64()) {
        (Kind::Number(_) | Kind::Difference, Some(number)) if number.abs() >= 1e7 => format!("{number:.2e}"),
        (Kind::Number(digits), Some(number)) => format!("{number:.digits$}"),
        (Kind::Difference, Some(number)) => format!("{number:+.4}"),
        (Kind::Seconds, Some(number)) => seconds(number),
        _ => written(value),
    }
}

/// A value as it is written, without quotes: what patterns look at.
pub fn written(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Float(number) => number.to_string(),
        other => other.to_string(),
    }
}
