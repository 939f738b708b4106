//! Why a stage runs, in words.
//!
//! Takes the stage as it is wanted and as the recipe's last run recorded it; gives the differences that
//! make its key another one: its version, its settings by table and dotted name, its inputs. A difference
//! that starts here comes before one that an earlier stage brings along, and after three the rest are counted.

use super::{Action, Node, Previous, Step};
use crate::base::value::Change;
use crate::base::{Key, Value};
use crate::dag::stage::Recorded;

/// Differences told in one reason; the others are counted.
const TOLD: usize = 3;

/// Why a stage whose artefact is absent (or may not be reused) runs.
pub(super) fn why(
    node: &Node,
    key: &Key,
    present: bool,
    previous: Option<&Previous>,
    after: &[usize],
    steps: &[Step],
) -> String {
    let stage = &node.stage;
    if !stage.may_reuse {
        return "runs each time: what it reads is not all in its key".to_owned();
    }
    let Some(previous) = previous else { return "never ran".to_owned() };
    let same = |r: &&Recorded| r.name == stage.name && r.part == stage.part;
    let Some(old) = previous.stages.iter().find(same) else { return "never ran".to_owned() };
    if old.key == *key && !present {
        // Nothing changed: what it reads may run again only because that is gone, too.
        let reason =
            if previous.finished.contains(key) { "no longer in the store" } else { "did not finish in the last run" };
        return reason.to_owned();
    }
    let mut causes = Vec::new();
    if old.version != stage.version {
        causes.push(format!("stage {} v{} → v{}", stage.name, old.version, stage.version));
    }
    causes.extend(settings_told(&stage.settings.changes_from(&old.settings), &stage.tables, &old.tables));
    causes.extend(inputs_told(node, old, after, steps));
    if let (Some(was), Some(now)) = (&old.span, &stage.span)
        && was.at != now.at
        && (was.of == now.of || now.open)
    {
        causes.push(format!("{} {} → {}", now.unit, was.at, now.at));
    }
    if causes.is_empty() {
        // The keys differ, so something did: a number's last digit, or the order of inputs.
        causes.push("settings changed in their last digits".to_owned());
    }
    let more = causes.len().saturating_sub(TOLD);
    causes.truncate(TOLD);
    let told = causes.join("; ");
    if more > 0 { format!("{told}; … and {more} more") } else { told }
}

/// Changed settings by table and name: first those with an old and a new value, then new, then gone.
fn settings_told(changes: &[Change], tables: &[String], old_tables: &[String]) -> Vec<String> {
    let rank = |c: &Change| match (&c.old, &c.new) {
        (Some(_), Some(_)) => 0,
        (None, _) => 1,
        (Some(_), None) => 2,
    };
    let mut changes: Vec<&Change> = changes.iter().filter(|c| !is_rounding(c)).collect();
    changes.sort_by_key(|c| rank(c));
    let is_table = |name: &str| tables.iter().chain(old_tables).any(|t| t == name);
    let told = |change: &&Change| {
        let end = change.name.find(['.', '[']).unwrap_or(change.name.len());
        let (head, rest) = change.name.split_at(end);
        let name = if is_table(head) {
            format!("[{head}] {}", rest.trim_start_matches('.')).trim_end().to_owned()
        } else {
            change.name.clone()
        };
        Change { name, ..(*change).clone() }.to_string()
    };
    changes.iter().map(told).collect()
}

/// What differs between two settings that are tables of tables, as a reason says it: `[loss] margin 17.2 → 22.9`, `+ [loss] scale 30.0`;
/// what changed first, then what is new, then what is gone. Of lists of unequal length, what came and what went.
pub fn in_words(now: &Value, old: &Value) -> Vec<String> {
    let heads = |value: &Value| match value {
        Value::Table(tables) => tables.keys().cloned().collect::<Vec<_>>(),
        _ => Vec::new(),
    };
    let changes: Vec<Change> = now.changes_from(old).into_iter().flat_map(items).collect();
    settings_told(&changes, &heads(now), &heads(old))
}

/// Of a list that became another one item by item what is new and what is gone; other changes as they are.
fn items(change: Change) -> Vec<Change> {
    let (Some(Value::List(old)), Some(Value::List(new))) = (&change.old, &change.new) else { return vec![change] };
    if old.is_empty() || new.is_empty() || !new.iter().any(|item| old.contains(item)) {
        return vec![change];
    }
    let without = |these: &[Value], those: &[Value]| {
        let mut rest = those.to_vec();
        let mut left = Vec::new();
        for item in these {
            match rest.iter().position(|other| other == item) {
                Some(place) => drop(rest.remove(place)),
                None => left.push(item.clone()),
            }
        }
        left
    };
    let one = |old, new| Change { name: change.name.clone(), old, new };
    let gone = without(old, new).into_iter().map(|item| one(Some(item), None));
    let came = without(new, old).into_iter().map(|item| one(None, Some(item)));
    let all: Vec<Change> = came.chain(gone).collect();
    // The same items in another order.
    if all.is_empty() { vec![change] } else { all }
}

/// Whether two numbers differ by no more than reading them back from JSON can change.
fn is_rounding(change: &Change) -> bool {
    match (&change.old, &change.new) {
        (Some(Value::Float(a)), Some(Value::Float(b))) => (a - b).abs() <= 2.0 * f64::EPSILON * a.abs().max(b.abs()),
        _ => false,
    }
}

/// Changed inputs: those that no stage makes first, since they are causes; then those that run again.
fn inputs_told(node: &Node, old: &Recorded, after: &[usize], steps: &[Step]) -> Vec<String> {
    let mut causes = Vec::new();
    let mut consequences = Vec::new();
    for input in &node.stage.inputs {
        let made_by = after.iter().map(|&j| &steps[j]).find(|s| s.key == input.key);
        let runs = made_by.is_some_and(|s| s.action == Action::Run);
        let was = old.inputs.iter().find(|x| x.name == input.name);
        let changed = was.is_none_or(|was| was.key != input.key);
        match (made_by, was) {
            (None, None) => causes.push(format!("+ input {}", input.name)),
            (None, Some(_)) if changed => causes.push(match node.described.get(&input.name) {
                Some(what) => format!("{}: {what}", input.name),
                None => format!("input {} changed", input.name),
            }),
            (Some(step), _) if runs => consequences.push(format!("input {} runs again", step.stage.label())),
            (Some(step), _) if changed => consequences.push(format!("input {} changed", step.stage.label())),
            _ => {}
        }
    }
    let gone = old.inputs.iter().filter(|x| node.stage.inputs.iter().all(|y| y.name != x.name));
    causes.extend(gone.map(|x| format!("- input {}", x.name)));
    causes.extend(consequences);
    causes
}
