//! A recipe's trainings one by one: folds and seeds with their scores and curves, their mean and standard deviation.
//!
//! Takes a recipe of the snapshot; gives a row a training and a summary. A mean over trainings is not the recipe's score,
//! which counts every query once. The deviation is that of single trainings (n - 1 in the denominator); with
//! several folds and several seeds it is told for both: folds differ in their photos, seeds in chance alone.

use std::collections::BTreeMap;

use super::Table;
use crate::base::Key;
use crate::session::Slot;
use crate::session::snapshot::{Part, Recipe};

/// A mean with its standard deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The standard deviation; `None` of a single one.
    pub deviation: Option<f64>,
    /// Of how many.
    pub count: usize,
}

impl Spread {
    /// Of some numbers; `None` without any.
    pub fn of(numbers: &[f64]) -> Option<Spread> {
        let count = numbers.len();
        let mean = numbers.iter().sum::<f64>() / count.max(1) as f64;
        let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
        let deviation = (count > 1).then(|| (squares / (count - 1) as f64).sqrt());
        (count > 0).then_some(Spread { mean, deviation, count })
    }
}

/// What a recipe's trainings come to together.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Of their scores; of the ends of the score's curves where none of them is scored.
    pub score: Spread,
    /// Of the folds' means over seeds, where there are several of both.
    pub over_folds: Option<Spread>,
    /// Of the seeds' means over folds, where there are several of both.
    pub over_seeds: Option<Spread>,
}

/// The trainings of a recipe as recipes of their own, with the names that stages use ("fold 1 seed +2"): each has its score and curves.
pub fn trainings(recipe: &Recipe) -> Vec<Recipe> {
    let mut found: BTreeMap<(u64, u32), Recipe> = BTreeMap::new();
    let mut of = |seed: u64, fold: u32, put: &mut dyn FnMut(&mut Recipe)| {
        let slot = Slot { fold: fold as usize, seed, ahead: 0 };
        let fresh = || Recipe { name: slot.to_string(), state: recipe.state, ..Recipe::default() };
        put(found.entry((seed, fold)).or_insert_with(fresh));
    };
    for part in &recipe.parts {
        of(part.seed, part.fold, &mut |own| own.score = Some(part.score.clone()));
    }
    for curve in &recipe.curves {
        of(curve.seed, curve.fold, &mut |own| {
            own.curves.push(curve.clone());
            let end = curve.points.last().map_or(0.0, |point| point[0]);
            let (done, all) = own.epoch.unwrap_or((0.0, recipe.epoch.map_or(end, |(_, all)| all)));
            own.epoch = Some((done.max(end), all));
        });
    }
    found.into_values().collect()
}

/// Their mean and deviation. `metric` is the series that is taken where nothing is scored.
pub fn summary(recipe: &Recipe, metric: &str) -> Option<Summary> {
    let scored: Vec<(u32, u64, f64)> = match recipe.parts.as_slice() {
        [] => {
            let curves = recipe.curves.iter().filter(|curve| curve.series == metric);
            curves.filter_map(|curve| Some((curve.fold, curve.seed, curve.points.last()?[1]))).collect()
        }
        parts => parts.iter().map(|Part { fold, seed, score }| (*fold, *seed, score.value)).collect(),
    };
    let all: Vec<f64> = scored.iter().map(|(.., value)| *value).collect();
    let score = Spread::of(&all)?;
    let (mut folds, mut seeds) = (BTreeMap::<u32, Vec<f64>>::new(), BTreeMap::<u64, Vec<f64>>::new());
    for (fold, seed, value) in scored {
        folds.entry(fold).or_default().push(value);
        seeds.entry(seed).or_default().push(value);
    }
    let means = |groups: Vec<&Vec<f64>>| {
        Spread::of(&groups.iter().map(|group| group.iter().sum::<f64>() / group.len() as f64).collect::<Vec<_>>())
    };
    let both = folds.len() > 1 && seeds.len() > 1;
    Some(Summary {
        score,
        over_folds: both.then(|| means(folds.values().collect())).flatten(),
        over_seeds: both.then(|| means(seeds.values().collect())).flatten(),
    })
}

/// The summary in words: "mean 0.7321 ± 0.0102 over 5 trainings". `sign` is "±", or "+-" where that cannot be drawn.
pub fn in_words(summary: &Summary, sign: &str) -> String {
    let score = &summary.score;
    let spread = |spread: &Spread| spread.deviation.map(|sd| format!("{sign} {sd:.4}")).unwrap_or_default();
    let trainings = if score.count == 1 { "1 training".to_owned() } else { format!("{} trainings", score.count) };
    let mut told = format!("mean {:.4} {}", score.mean, spread(score)).trim_end().to_owned();
    told.push_str(&format!(" over {trainings}"));
    if let (Some(folds), Some(seeds)) = (&summary.over_folds, &summary.over_seeds) {
        told.push_str(&format!("; {} over {} folds", spread(folds), folds.count));
        told.push_str(&format!(", {} over {} seeds", spread(seeds), seeds.count));
    }
    told
}

/// Of the listed recipes those that differ from each other in their seed alone: their places, each group in the listed order.
pub fn families(table: &Table<'_>, listed: &[usize]) -> Vec<Vec<usize>> {
    let mut found: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
    for place in listed {
        if let Some(family) = table.snapshot.recipes.get(*place).and_then(|recipe| recipe.family) {
            found.entry(family).or_default().push(*place);
        }
    }
    found.into_values().filter(|members| members.len() > 1).collect()
}

/// A family in words: "3 recipes that differ in the seed alone: mean 0.7321 ± 0.0102"; `None` where fewer than two have a score.
pub fn family_in_words(table: &Table<'_>, members: &[usize], sign: &str) -> Option<String> {
    let scores = members.iter().filter_map(|place| table.snapshot.recipes.get(*place)?.score.as_ref());
    let spread = Spread::of(&scores.map(|score| score.value).collect::<Vec<_>>())?;
    let deviation = spread.deviation?;
    Some(format!("{} recipes differ in the seed alone: mean {:.4} {sign} {deviation:.4}", spread.count, spread.mean))
}
