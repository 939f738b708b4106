//! The board as a table: what of a recipe can be shown, sorted by, asked for and grouped.
//!
//! ```text
//!   Snapshot ─▶ Table ─ value(recipe, name) ─┬─▶ filter: which recipes are listed
//!                         │                  ├─▶ listed: in which order
//!                  facts, settings, curves   └─▶ cell: what stands in a column
//! ```
//!
//! One name means one thing everywhere: `best` is a column, an order and a word of the filter's language, and so is
//! `loss.margin`, any key of a recipe. The workbench and `toji board` read the same table.
//!
//! - [`facts`]: what a recipe came to, by name; [`series`]: its curves as single numbers.
//! - [`filter`]: the small language over keys and facts, with mistakes and completion.
//! - [`folds`]: a recipe's trainings one by one, their mean and standard deviation.
//! - [`choice`]: what a user chose, as it is kept between starts.

pub mod choice;
pub mod facts;
pub mod filter;
pub mod folds;
pub mod series;

use std::cmp::Ordering;
use std::collections::BTreeMap;

use self::choice::Choice;
use self::facts::{Fact, Kind};
use self::filter::Filter;
use crate::base::Value;
use crate::score::metric::Metric;
use crate::session::snapshot::{Recipe, Snapshot};

/// A snapshot that is looked at by names.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    /// What is shown.
    pub snapshot: &'a Snapshot,
    /// The name of the score that counts: "MRR@20".
    pub metric: &'a str,
    /// The epoch at which `same` compares; `None`: nowhere.
    pub at: Option<f64>,
}

impl<'a> Table<'a> {
    /// The table of a snapshot. `at` is the epoch at which `same` compares.
    pub fn of(snapshot: &'a Snapshot, at: Option<f64>) -> Table<'a> {
        let scored = || snapshot.recipes.iter().find_map(|recipe| recipe.score.as_ref());
        let drawn = || {
            let series = snapshot.recipes.iter().flat_map(|recipe| &recipe.curves).map(|curve| curve.series.as_str());
            series.into_iter().find(|series| series.parse::<Metric>().is_ok())
        };
        let metric = scored().map(|score| score.metric.as_str()).or_else(drawn).unwrap_or("MRR@20");
        Table { snapshot, metric, at }
    }

    /// Everything that a name means of a recipe: what it came to, its curves' last values, its settings. Of a list every item.
    pub fn values(&self, recipe: &Recipe, name: &str) -> Vec<Value> {
        let mut found: Vec<Value> = self.came_to(recipe, name).into_iter().collect();
        found.extend(self.set(recipe, name));
        found
    }

    /// What stands in a column: what it came to, where that has the name, else what is set. `loss` is so the loss alone, though
    /// `[loss]` is a table as well.
    pub fn column(&self, recipe: &Recipe, name: &str) -> Vec<Value> {
        match self.came_to(recipe, name) {
            Some(value) => vec![value],
            None if facts::named(name).is_some() => Vec::new(),
            None => self.set(recipe, name),
        }
    }

    /// What a recipe came to under a name: a fact, the score that counts, the end of a curve.
    fn came_to(&self, recipe: &Recipe, name: &str) -> Option<Value> {
        if let Some(fact) = facts::named(name) {
            (fact.get)(self, recipe)
        } else if name.eq_ignore_ascii_case(self.metric) {
            recipe.score.as_ref().map(|score| Value::Float(score.value))
        } else {
            series::last(&recipe.curves, name).map(Value::Float)
        }
    }

    fn set(&self, recipe: &Recipe, name: &str) -> Vec<Value> {
        let mut set = Vec::new();
        facts::resolve(&recipe.settings, name, &mut set);
        set.into_iter().flat_map(facts::simple).collect()
    }

    /// Whether a recipe has something under a name, also a whole table.
    pub fn has(&self, recipe: &Recipe, name: &str) -> bool {
        let mut set = Vec::new();
        facts::resolve(&recipe.settings, name, &mut set);
        !set.is_empty() || !self.values(recipe, name).is_empty()
    }

    /// What stands in a column; seconds are written by `seconds`.
    pub fn cell(&self, recipe: &Recipe, name: &str, seconds: fn(f64) -> String) -> String {
        let values = self.column(recipe, name);
        let kind = self.kind(name);
        let shown: Vec<String> = values.iter().map(|value| facts::shown(value, kind, seconds)).collect();
        shown.join(", ")
    }

    /// How the values under a name are to be read.
    pub fn kind(&self, name: &str) -> Kind {
        match facts::named(name) {
            Some(fact) => fact.kind,
            None if name.eq_ignore_ascii_case(self.metric) => Kind::Number(4),
            None => Kind::Any,
        }
    }

    /// A column's heading.
    pub fn title<'n>(&self, name: &'n str) -> &'n str
    where
        'a: 'n,
    {
        match facts::named(name) {
            Some(fact) if fact.name == "score" => self.metric,
            Some(Fact { title, .. }) => title,
            None => name,
        }
    }

    /// Whether the greatest comes first where nobody asked for the other order: scores, not times.
    pub fn greatest_first(&self, name: &str) -> bool {
        facts::named(name).map_or(name.eq_ignore_ascii_case(self.metric), |fact| fact.greatest_first)
    }

    /// The recipes that are listed, by their places in the snapshot: those that are not hidden and pass the filter, in the chosen
    /// order. Recipes without a value come last in both directions; equal ones stay as they were.
    pub fn listed(&self, choice: &Choice, filter: &Filter) -> Vec<usize> {
        let all = self.snapshot.recipes.iter().enumerate();
        let shown = all.filter(|(_, recipe)| !choice.hidden.contains(&recipe.name) && filter.matches(self, recipe));
        let mut keyed: Vec<(usize, Option<Value>)> = match choice.sort.as_str() {
            // The snapshot is sorted by name.
            "name" | "" => shown.map(|(place, _)| (place, Some(Value::Int(place as i64)))).collect(),
            name => shown.map(|(place, recipe)| (place, self.column(recipe, name).into_iter().next())).collect(),
        };
        let turned = self.greatest_first(&choice.sort) != choice.reverse;
        keyed.sort_by(|(_, a), (_, b)| match (a, b) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) if turned => order(b, a),
            (Some(a), Some(b)) => order(a, b),
        });
        keyed.into_iter().map(|(place, _)| place).collect()
    }

    /// The keys in which these recipes differ, in alphabetical order; keys that only some have among them.
    pub fn differing(&self, recipes: &[usize]) -> Vec<String> {
        let mut met: BTreeMap<String, (&Value, usize, bool)> = BTreeMap::new();
        let known: Vec<&Recipe> =
            recipes.iter().filter_map(|place| self.snapshot.recipes.get(*place)).map(|recipe| &**recipe).collect();
        let known: Vec<&Recipe> = known.into_iter().filter(|recipe| !recipe.settings.is_empty()).collect();
        for recipe in &known {
            facts::walk(&recipe.settings, &mut String::new(), &mut |path, value| match met.get_mut(path) {
                Some((first, count, differs)) => {
                    *count += 1;
                    *differs |= *first != value;
                }
                None => drop(met.insert(path.to_owned(), (value, 1, false))),
            });
        }
        let differs = |(_, count, differs): &(&Value, usize, bool)| *differs || *count < known.len();
        met.into_iter().filter(|(_, seen)| differs(seen)).map(|(path, _)| path).collect()
    }
}

/// Numbers before flags before text; text without regard to capitals.
fn order(a: &Value, b: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Int(_) | Value::Float(_) => 0,
        Value::Bool(_) => 1,
        Value::Text(_) => 2,
        Value::List(_) | Value::Table(_) => 3,
    };
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Text(a), Value::Text(b)) => a.to_lowercase().cmp(&b.to_lowercase()),
        (a, b) => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            _ => rank(a).cmp(&rank(b)),
        },
    }
}

#[cfg(test)]
mod tests;
