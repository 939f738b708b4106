//! The table over drawn recipes.

use std::sync::Arc;

use super::choice::Choice;
use super::filter::parse;
use super::folds::{families, family_in_words, in_words, summary, trainings};
use super::{Table, series};
use crate::base::{Key, Value};
use crate::session::snapshot::{Curve, Delta, Part, Recipe, Score, Settings, Snapshot, State};

pub(super) fn curve(series: &str, fold: u32, seed: u64, points: &[[f64; 2]]) -> Curve {
    Curve { series: series.to_owned(), fold, seed, points: points.to_vec().into(), axis: Arc::default() }
}

pub(super) fn score(value: f64) -> Score {
    Score { metric: "MRR@20".to_owned(), value, interval: [value - 0.03, value + 0.03], queries: 1_000, stale: false }
}

/// Settings from dotted names.
pub(super) fn settings(entries: &[(&str, Value)]) -> Settings {
    let mut tables = Value::table();
    entries.iter().for_each(|(path, value)| tables.set(path, value.clone()));
    Settings::new(tables)
}

fn step(op: &str, entries: &[(&str, Value)]) -> Value {
    let mut step = Value::table();
    step.set("op", Value::Text(op.to_owned()));
    entries.iter().for_each(|(key, value)| step.set(key, value.clone()));
    step
}

/// Five recipes: one pinned, one that trains, one with mistakes.
pub(super) fn snapshot() -> Snapshot {
    let text = |text: &str| Value::Text(text.to_owned());
    let base = |name: &str, seed: i64, extra: &[(&str, Value)]| {
        let mut all = vec![
            ("recipe.seed", Value::Int(seed)),
            ("backbone.name", text("resnet18")),
            ("loss.name", text("ArcFaceLoss")),
            ("loss.margin", Value::Float(17.2)),
            ("train.epochs", Value::Int(12)),
            ("train.optimizer.name", text("AdamW")),
            ("post.steps", Value::List(vec![step("l2", &[])])),
        ];
        all.extend(extra.iter().cloned());
        Recipe { name: name.to_owned(), settings: settings(&all), ..Recipe::default() }
    };
    let family = Some(Key::of_bytes(b"family"));
    let recipes = vec![
        Recipe {
            title: "01 · The plain thing".to_owned(),
            state: State::Fresh,
            rung: "full".to_owned(),
            score: Some(score(0.61)),
            epoch: Some((12.0, 12.0)),
            cost: Some(1_200.0),
            family,
            parts: vec![Part { fold: 0, seed: 0, score: score(0.60) }, Part { fold: 1, seed: 0, score: score(0.62) }],
            curves: vec![
                curve("MRR@20", 0, 0, &[[1.0, 0.2], [6.0, 0.5], [12.0, 0.6]]),
                curve("MRR@20", 1, 0, &[[1.0, 0.3], [6.0, 0.7], [12.0, 0.62]]),
                curve("loss", 0, 0, &[[1.0, 3.0], [12.0, 0.5]]),
            ],
            ..base("01-base", 0, &[])
        },
        Recipe {
            state: State::Fresh,
            score: Some(score(0.63)),
            delta: Some(Delta { value: 0.02, interval: [-0.01, 0.05], queries: 900 }),
            cost: Some(60.0),
            family,
            ..base("02-seed", 7, &[])
        },
        Recipe {
            state: State::Running,
            epoch: Some((6.0, 12.0)),
            seconds_left: Some(300.0),
            curves: vec![curve("MRR@20", 0, 0, &[[3.0, 0.4], [6.0, 0.55]])],
            parent: Some("01-base".to_owned()),
            changes: vec!["[loss] margin 17.2 → 22.9".to_owned()],
            ..base(
                "03-純米",
                0,
                &[
                    ("loss.margin", Value::Float(22.9)),
                    ("backbone.name", text("swin_tiny")),
                    ("pseudo_labels.rounds", Value::Int(2)),
                    ("post.steps", Value::List(vec![step("l2", &[]), step("pca", &[("dim", Value::Int(128))])])),
                ],
            )
        },
        Recipe { name: "04-broken".to_owned(), state: State::Broken, ..Recipe::default() },
        Recipe { name: "05-new".to_owned(), title: "Small print".to_owned(), ..Recipe::default() },
    ];
    let recipes = recipes.into_iter().map(Into::into).collect();
    Snapshot { recipes, pin: Some("01-base".to_owned()), ..Snapshot::default() }
}

#[test]
fn curves_become_numbers() {
    let curves = [
        curve("s", 0, 0, &[[1.0, 0.2], [2.0, 0.8], [3.0, f64::NAN], [4.0, 0.4]]),
        curve("s", 1, 0, &[[1.0, 0.4], [2.0, 0.6]]),
    ];
    let near = |a: Option<f64>, b: f64| assert!((a.unwrap() - b).abs() < 1e-12, "{a:?} {b}");
    near(series::last(&curves, "S"), 0.5);
    near(series::best(&curves, "s", true), 0.7);
    near(series::best(&curves, "s", false), 0.3);
    near(series::at(&curves, "s", 1.5), 0.3);
    near(series::at(&curves[..1], "s", 3.0), 0.8);
    assert_eq!(series::at(&curves, "s", 9.0), None, "nobody knows what it will be");
    // Of one point the smoothed value is the point; of two, w·a + b over w + 1.
    near(series::smoothed(&[curve("s", 0, 0, &[[1.0, 0.3]])], "s"), 0.3);
    near(series::smoothed(&curves[1..], "s"), (0.8 * 0.4 + 0.6) / 1.8);
    // A long curve forgets its beginning.
    let long: Vec<[f64; 2]> = (0..5_000).map(|i| [f64::from(i), if i < 2_500 { 1e6 } else { 0.25 }]).collect();
    near(series::smoothed(&[curve("s", 0, 0, &long)], "s"), 0.25);
    assert_eq!(series::last(&curves, "t"), None);
}

#[test]
fn every_column_has_its_cell() {
    let snapshot = snapshot();
    let table = Table::of(&snapshot, Some(6.0));
    let cells = |place: usize, names: &[&str]| {
        let seconds = |seconds: f64| format!("{seconds}s");
        names.iter().map(|name| table.cell(&snapshot.recipes[place], name, seconds)).collect::<Vec<_>>().join(" | ")
    };
    let names = ["state", "score", "delta", "last", "best", "same", "loss", "trainings", "sd", "cost", "left"];
    assert_eq!(cells(0, &names), "fresh | 0.6100 |  | 0.6100 | 0.6500 | 0.6000 | 0.500 | 2 | 0.0141 | 1200s | ");
    assert_eq!(cells(1, &names), "fresh | 0.6300 | +0.0200 |  |  |  |  |  |  | 60s | ");
    assert_eq!(cells(2, &names), "running |  |  | 0.5500 | 0.5500 | 0.5500 |  | 1 |  |  | 300s");
    assert_eq!(
        cells(2, &["loss.margin", "post.steps.op", "post.steps[1].dim", "train.optimizer", "change", "MRR@20"]),
        "22.9 | l2, pca | 128 | AdamW | [loss] margin 17.2 → 22.9 | "
    );
    assert_eq!(table.title("score"), "MRR@20");
}

#[test]
fn recipes_are_sorted_and_those_without_a_value_come_last() {
    let snapshot = snapshot();
    let table = Table::of(&snapshot, Some(6.0));
    let sorted = |sort: &str, reverse: bool| {
        let choice = Choice { sort: sort.to_owned(), reverse, ..Choice::default() };
        table.listed(&choice, &Default::default())
    };
    assert_eq!(sorted("name", false), [0, 1, 2, 3, 4]);
    assert_eq!(sorted("name", true), [4, 3, 2, 1, 0]);
    assert_eq!(sorted("score", false), [1, 0, 2, 3, 4], "the greatest first");
    assert_eq!(sorted("score", true), [0, 1, 2, 3, 4]);
    assert_eq!(sorted("cost", false), [1, 0, 2, 3, 4], "the cheapest first");
    assert_eq!(sorted("loss.margin", false), [0, 1, 2, 3, 4]);
    assert_eq!(sorted("backbone.name", true), [2, 0, 1, 3, 4]);
    assert_eq!(sorted("same", false), [0, 2, 1, 3, 4]);
    let choice = Choice { hidden: ["01-base".to_owned()].into(), ..Choice::default() };
    assert_eq!(table.listed(&choice, &parse("resnet18 or state = new").unwrap()), [4], "text is looked for on pages");
    assert_eq!(table.listed(&choice, &parse("backbone.name = resnet18").unwrap()), [1]);
}

#[test]
fn keys_that_differ_are_found() {
    let snapshot = snapshot();
    let table = Table::of(&snapshot, None);
    assert_eq!(table.differing(&[0, 1, 3]), ["recipe.seed"], "broken ones have no settings");
    let keys = table.differing(&[0, 1, 2]);
    assert_eq!(keys, ["backbone.name", "loss.margin", "post.steps", "pseudo_labels.rounds", "recipe.seed"]);
}

#[test]
fn folds_and_seeds_have_a_mean_and_a_deviation() {
    let snapshot = snapshot();
    let table = Table::of(&snapshot, None);
    let own = trainings(&snapshot.recipes[0]);
    let told: Vec<(String, f64, usize)> =
        own.iter().map(|one| (one.name.clone(), one.score.as_ref().unwrap().value, one.curves.len())).collect();
    assert_eq!(told, [("fold 0".to_owned(), 0.6, 2), ("fold 1".to_owned(), 0.62, 1)]);
    let words = |recipe: &Recipe| summary(recipe, "MRR@20").map(|summary| in_words(&summary, "±"));
    // Two numbers 0.02 apart: 0.02 / sqrt 2.
    assert_eq!(words(&snapshot.recipes[0]).unwrap(), "mean 0.6100 ± 0.0141 over 2 trainings");
    assert_eq!(words(&snapshot.recipes[2]).unwrap(), "mean 0.5500 over 1 training", "from the curve while it trains");
    assert_eq!(words(&snapshot.recipes[4]), None);
    let part = |fold, seed, value| Part { fold, seed, score: score(value) };
    let both = Recipe {
        parts: vec![part(0, 0, 0.5), part(1, 0, 0.7), part(0, 1, 0.52), part(1, 1, 0.72)],
        ..Recipe::default()
    };
    // Folds' means 0.51 and 0.71, seeds' 0.6 and 0.62.
    assert_eq!(
        words(&both).unwrap(),
        "mean 0.6100 ± 0.1160 over 4 trainings; ± 0.1414 over 2 folds, ± 0.0141 over 2 seeds"
    );
    assert_eq!(families(&table, &[0, 1, 2, 3, 4]), [[0, 1]]);
    assert_eq!(
        family_in_words(&table, &[0, 1], "±").unwrap(),
        "2 recipes differ in the seed alone: mean 0.6200 ± 0.0141"
    );
}

#[test]
fn a_choice_is_kept_and_a_broken_file_is_none() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Choice::load(folder.path()), Choice::default());
    let choice = Choice { filter: "loss.margin > 20".to_owned(), folds: true, ..Choice::default() };
    choice.save(folder.path()).unwrap();
    assert_eq!(Choice::load(folder.path()), choice);
    crate::base::files::publish(&folder.path().join(super::choice::FILE), b"{ \"sort\": 3").unwrap();
    assert_eq!(Choice::load(folder.path()), Choice::default());
    crate::base::files::publish(&folder.path().join(super::choice::FILE), b"{ \"sort\": \"best\" }").unwrap();
    assert_eq!(Choice::load(folder.path()), Choice { sort: "best".to_owned(), ..Choice::default() });
}
