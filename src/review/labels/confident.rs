//! Confident learning: which labels are wrong, by probabilities that come from networks which have not seen the photos.
//!
//! Takes out-of-fold probabilities `[n, classes]` and the given labels; gives the confident joint, cleanlab's choice
//! (`find_label_issues(filter_by="prune_by_noise_rate")`) and its two scores (`get_label_quality_scores`). A photo counts confidently as of a
//! class where its probability reaches the class's mean probability among the photos labelled so; the counts by (given, confident) label,
//! brought to the counts of the given labels, say how many of each class are really of each other, and so many are chosen by margin.
//! Northcutt, Jiang and Chuang 2021 (arXiv 1911.00068); numbers as cleanlab 2.9.0. Counts are kept for pairs of labels that occur, so many
//! classes cost n × classes for the probabilities and no classes².

use std::collections::BTreeMap;

use crate::retrieve::RetrieveError;

/// cleanlab's FLOATING_POINT_COMPARISON.
const FUZZ: f64 = 1e-6;
/// A class whose photos have no probability at all still needs this much.
const LEAST_THRESHOLD: f64 = 2.0 * FUZZ;

/// Probabilities that classes have for photos.
#[derive(Clone, Copy, Debug)]
pub struct Probabilities<'a> {
    /// How many classes.
    pub classes: usize,
    /// `[n, classes]`, row-major, each 0 to 1 and finite.
    pub rows: &'a [f32],
    /// `[n]` given labels, each below `classes`.
    pub labels: &'a [u32],
}

/// What confident learning says of each photo.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Confident {
    /// For (given label, true label) how many photos: calibrated, so that a given label's sum is its count. Pairs that do not occur lack.
    pub joint: BTreeMap<(u32, u32), i64>,
    /// `[n]`: whether the label is among those chosen as wrong.
    pub chosen: Vec<bool>,
    /// `[n]`: probability of the given label; low is suspect.
    pub self_confidence: Vec<f64>,
    /// `[n]`: (probability of the given label - the highest other + 1) / 2; low is suspect.
    pub normalized_margin: Vec<f64>,
    /// `[n]`: the most probable other label; the given one where there is only one class.
    pub other: Vec<u32>,
}

impl<'a> Probabilities<'a> {
    /// Checks lengths, labels and numbers.
    ///
    /// # Errors
    /// When a length does not fit, a label is no class, or a probability is not within 0 and 1.
    pub fn new(classes: usize, rows: &'a [f32], labels: &'a [u32]) -> Result<Probabilities<'a>, RetrieveError> {
        let shape = |what, expected, found| Err(RetrieveError::Shape { what, expected, found });
        if rows.len() != classes * labels.len() {
            return shape("probabilities [n, classes]", classes * labels.len(), rows.len());
        }
        if let Some(&label) = labels.iter().find(|&&label| label as usize >= classes) {
            return shape("the greatest label, below the number of classes", classes.saturating_sub(1), label as usize);
        }
        if let Some(at) = rows.iter().position(|p| !(0.0..=1.0).contains(p)) {
            return shape("numbers that are probabilities, of all", rows.len(), at);
        }
        Ok(Probabilities { classes, rows, labels })
    }

    fn row(&self, i: usize) -> &'a [f32] {
        &self.rows[i * self.classes..(i + 1) * self.classes]
    }

    fn all(&self) -> impl Iterator<Item = (&'a [f32], usize)> {
        self.labels.iter().enumerate().map(|(i, &label)| (self.row(i), label as usize))
    }

    /// What confident learning says of them.
    pub fn confident(&self) -> Confident {
        if self.classes == 0 {
            return Confident::default();
        }
        let joint = calibrated(counted(self), self.labels);
        let other = |(row, label): (&[f32], usize)| {
            let others = row.iter().enumerate().filter(|(class, _)| *class != label);
            first_greatest(others).unwrap_or(label)
        };
        let others: Vec<usize> = self.all().map(other).collect();
        let self_confidence: Vec<f64> = self.all().map(|(row, label)| f64::from(row[label])).collect();
        let margin = |((row, label), &other): ((&[f32], usize), &usize)| {
            let highest = if other == label { 0.0 } else { f64::from(row[other]) };
            (f64::from(row[label]) - highest + 1.0) / 2.0
        };
        Confident {
            chosen: chosen(self, &joint),
            self_confidence,
            normalized_margin: self.all().zip(&others).map(margin).collect(),
            other: others.into_iter().map(|class| class as u32).collect(),
            joint,
        }
    }
}

/// The place of the greatest, the first among equals.
fn first_greatest<'a>(values: impl Iterator<Item = (usize, &'a f32)>) -> Option<usize> {
    let better = |best: Option<(usize, f32)>, (place, &value): (usize, &f32)| match best {
        Some((_, greatest)) if greatest >= value => best,
        _ => Some((place, value)),
    };
    values.fold(None, better).map(|(place, _)| place)
}

/// How many photos of each given label count confidently as of each class; at least one of each class as itself.
fn counted(all: &Probabilities<'_>) -> BTreeMap<(u32, u32), i64> {
    let mut sums = vec![(0.0, 0u32); all.classes];
    for (row, label) in all.all() {
        sums[label].0 += f64::from(row[label]);
        sums[label].1 += 1;
    }
    // A class that nobody is labelled as is confident of nobody.
    let mean =
        |&(sum, count): &(f64, u32)| if count == 0 { 2.0 } else { (sum / f64::from(count)).max(LEAST_THRESHOLD) };
    let thresholds: Vec<f64> = sums.iter().map(mean).collect();
    let mut joint = BTreeMap::new();
    for (row, label) in all.all() {
        let mut confident = row.iter().zip(&thresholds).enumerate().filter(|(_, (p, t))| f64::from(**p) >= **t - FUZZ);
        let guess = match (confident.next(), confident.next()) {
            (None, _) => continue,
            (Some((only, _)), None) => only,
            _ => first_greatest(row.iter().enumerate()).unwrap_or(label),
        };
        *joint.entry((label as u32, guess as u32)).or_default() += 1;
    }
    for class in 0..all.classes as u32 {
        let own: &mut i64 = joint.entry((class, class)).or_default();
        *own = (*own).max(1);
    }
    joint
}

/// `calibrate_confident_joint`: rows brought to the counts of the given labels, rounded so that sums stay.
fn calibrated(joint: BTreeMap<(u32, u32), i64>, labels: &[u32]) -> BTreeMap<(u32, u32), i64> {
    let mut counts: BTreeMap<u32, f64> = BTreeMap::new();
    labels.iter().for_each(|&label| *counts.entry(label).or_default() += 1.0);
    let mut sums: BTreeMap<u32, i64> = BTreeMap::new();
    joint.iter().for_each(|(&(given, _), count)| *sums.entry(given).or_default() += count);
    let row = |given: &u32| counts.get(given).copied().unwrap_or(0.0);
    let mut scaled: BTreeMap<(u32, u32), f64> = BTreeMap::new();
    for (&(given, truth), &count) in &joint {
        let sum = sums.get(&given).copied().unwrap_or(1) as f64;
        scaled.insert((given, truth), count as f64 / sum * row(&given));
    }
    let total: f64 = scaled.values().sum();
    if total > 0.0 {
        scaled.values_mut().for_each(|value| *value = *value / total * labels.len() as f64);
    }
    rounded_rows(&scaled)
}

/// Rounds each row (first number of the keys) so that its sum is the rounded sum.
fn rounded_rows(values: &BTreeMap<(u32, u32), f64>) -> BTreeMap<(u32, u32), i64> {
    let entries: Vec<((u32, u32), f64)> = values.iter().map(|(&at, &value)| (at, value)).collect();
    let mut out = BTreeMap::new();
    for row in entries.chunk_by(|x, y| x.0.0 == y.0.0) {
        let values: Vec<f64> = row.iter().map(|(_, value)| *value).collect();
        out.extend(row.iter().map(|(at, _)| *at).zip(rounded(&values)));
    }
    out
}

/// cleanlab's `round_preserving_sum`: to the nearest (halves to even), then those that were rounded down most go up, or up most down.
fn rounded(values: &[f64]) -> Vec<i64> {
    let mut whole: Vec<f64> = values.iter().map(|value| value.round_ties_even()).collect();
    let wanted = values.iter().sum::<f64>().round_ties_even();
    loop {
        let lack = wanted - whole.iter().sum::<f64>();
        if lack.abs() < 0.5 {
            return whole.into_iter().map(|value| value as i64).collect();
        }
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&a, &b| (values[a] - whole[a]).total_cmp(&(values[b] - whole[b])));
        if lack > 0.0 {
            order.reverse();
        }
        order.iter().take(lack.abs() as usize).for_each(|&at| whole[at] += lack.signum());
    }
}

/// `find_label_issues`, `prune_by_noise_rate`, one photo of each class kept.
fn chosen(all: &Probabilities<'_>, joint: &BTreeMap<(u32, u32), i64>) -> Vec<bool> {
    // A given label whose own count is below 1 takes what lacks from its other entries, in equal parts.
    let entries: Vec<((u32, u32), i64)> = joint.iter().map(|(&at, &count)| (at, count)).collect();
    let mut prune: BTreeMap<(u32, u32), f64> = BTreeMap::new();
    for row in entries.chunk_by(|x, y| x.0.0 == y.0.0) {
        let own = row.iter().find(|((given, truth), _)| given == truth).map_or(0, |(_, count)| *count);
        let others = (row.iter().filter(|(_, count)| *count != 0).count() as f64 - 1.0).max(1.0);
        let lack = (1 - own).max(0) as f64;
        for &((given, truth), count) in row {
            let kept = if given == truth { own.max(1) as f64 } else { (count as f64 - lack / others).max(0.0) };
            // By true label first: this is the matrix's transpose, whose rows are rounded.
            prune.insert((truth, given), kept);
        }
    }
    let prune = rounded_rows(&prune);
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); all.classes];
    all.labels.iter().enumerate().for_each(|(i, &label)| members[label as usize].push(i));
    let mut chosen = vec![false; all.labels.len()];
    for (&(truth, given), &count) in &prune {
        let members = &members[given as usize];
        if truth == given || count <= 0 || members.len() <= 1 {
            continue;
        }
        let margin = |i: usize| f64::from(all.row(i)[truth as usize]) - f64::from(all.row(i)[given as usize]);
        let mut order = members.clone();
        order.sort_by(|&a, &b| margin(b).total_cmp(&margin(a)));
        order.iter().take(count as usize).for_each(|&i| chosen[i] = true);
    }
    // Who is predicted as labelled is not wrong, whatever the counts.
    for ((row, label), chosen) in all.all().zip(&mut chosen) {
        let own = f64::from(row[label]) + FUZZ;
        let beaten = row.iter().enumerate().any(|(class, &p)| {
            let p = f64::from(p);
            class != label && (p > own || (p == own && class < label))
        });
        *chosen &= beaten;
    }
    chosen
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_swapped_label_is_chosen() {
        // Two classes, three photos each; the last of class 0 is sure to be of class 1.
        let rows = [0.9, 0.1, 0.8, 0.2, 0.05, 0.95, 0.1, 0.9, 0.2, 0.8, 0.15, 0.85];
        let labels = [0, 0, 0, 1, 1, 1];
        let found = Probabilities::new(2, &rows, &labels).unwrap().confident();
        assert_eq!(found.chosen, [false, false, true, false, false, false]);
        assert_eq!(found.other, [1, 1, 1, 0, 0, 0]);
        assert!((found.self_confidence[2] - 0.05).abs() < 1e-7 && (found.normalized_margin[2] - 0.05).abs() < 1e-7);
        let joint: Vec<((u32, u32), i64)> = found.joint.into_iter().collect();
        assert_eq!(joint, [((0, 0), 2), ((0, 1), 1), ((1, 1), 3)]);
    }

    #[test]
    fn sums_are_kept_when_rounded() {
        assert_eq!(rounded(&[0.4, 0.4, 0.2]), [0, 1, 0]);
        assert_eq!(rounded(&[1.6, 1.6, 0.8]), [1, 2, 1]);
        assert_eq!(rounded(&[]), Vec::<i64>::new());
    }

    #[test]
    fn bad_input_is_refused_and_little_is_enough() {
        assert!(Probabilities::new(2, &[0.5; 3], &[0, 1]).is_err());
        assert!(Probabilities::new(2, &[0.5; 4], &[0, 2]).is_err());
        assert!(Probabilities::new(2, &[0.5, f32::NAN, 0.5, 0.5], &[0, 1]).is_err());
        assert_eq!(Probabilities::new(0, &[], &[]).unwrap().confident(), Confident::default());
        let one = Probabilities::new(1, &[1.0, 1.0], &[0, 0]).unwrap().confident();
        assert_eq!((one.chosen, one.other), (vec![false; 2], vec![0; 2]));
        let single = Probabilities::new(3, &[0.1, 0.8, 0.1], &[0]).unwrap().confident();
        assert_eq!(single.chosen, [false]);
    }

    /// cleanlab's joint, choice and scores on drawn probabilities, made by tests/golden/review/confident.py: usual ones, a class without a
    /// photo, classes with one photo, and a class whose photos are all taken for others.
    #[test]
    fn cleanlab_says_the_same() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/review/confident.json");
        let golden: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        let cases = golden.as_array().unwrap();
        let mut worst: f64 = 0.0;
        let mut issues = 0;
        for case in cases {
            let name = &case["name"];
            let numbers =
                |key: &str| -> Vec<f64> { case[key].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect() };
            // 24 bits each, as the script wrote them.
            let rows: Vec<f32> = numbers("probabilities").iter().map(|x| (*x / 16_777_216.0) as f32).collect();
            let labels: Vec<u32> = numbers("labels").iter().map(|x| *x as u32).collect();
            let classes = case["classes"].as_u64().unwrap() as usize;
            let found = Probabilities::new(classes, &rows, &labels).unwrap().confident();
            let joint: Vec<i64> = numbers("joint").iter().map(|x| *x as i64).collect();
            for (at, &count) in joint.iter().enumerate() {
                let key = ((at / classes) as u32, (at % classes) as u32);
                assert_eq!(found.joint.get(&key).copied().unwrap_or(0), count, "{name} {key:?}");
            }
            let chosen: Vec<bool> = numbers("chosen").iter().map(|x| *x == 1.0).collect();
            assert_eq!(found.chosen, chosen, "{name}");
            issues += chosen.iter().filter(|chosen| **chosen).count();
            for (own, key) in
                [(&found.self_confidence, "self_confidence"), (&found.normalized_margin, "normalized_margin")]
            {
                let differ = own.iter().zip(numbers(key)).map(|(own, theirs)| (own - theirs).abs());
                worst = differ.fold(worst, f64::max);
            }
        }
        assert!(cases.len() >= 5 && issues > 20 && worst < 1e-7, "{} {issues} {worst}", cases.len());
    }

    proptest! {
        /// What is chosen is predicted as something else, each label keeps its count, and order matters to nobody.
        #[test]
        fn choices_hold_their_promises(classes in 1usize..6, draws in prop::collection::vec((0u32..6, prop::collection::vec(1u32..1000, 6)), 1..40)) {
            let labels: Vec<u32> = draws.iter().map(|(label, _)| label % classes as u32).collect();
            let rows: Vec<f32> = draws.iter().flat_map(|(_, row)| {
                let sum: u32 = row[..classes].iter().sum();
                row[..classes].iter().map(move |&x| x as f32 / sum as f32)
            }).collect();
            let found = Probabilities::new(classes, &rows, &labels).unwrap().confident();
            for (i, &label) in labels.iter().enumerate() {
                prop_assert!(!found.chosen[i] || found.normalized_margin[i] < 0.5 + 1e-6);
                prop_assert!(classes == 1 || found.other[i] != label);
            }
            let total: i64 = found.joint.values().sum();
            prop_assert_eq!(total, labels.len() as i64);
        }
    }
}
