//! Dealing out a row of photos, as numbers alone.
//!
//! Takes what stands at each place of a row: a label, and the set whose members must not be parted. Gives each place its
//! part. Where every set is a photo alone, `even` and `holdout` are the plain dealing in turn that scikit-learn's
//! StratifiedKFold and train_test_split(stratify) come to; where one would be parted, sets go first, the largest to where
//! it disturbs least, and single photos even out what is left. `lightest` and `steady` deal whole groups: GroupKFold and
//! StratifiedGroupKFold.

use std::cmp::Reverse;
use std::collections::BTreeMap;

/// What stands at one place of a row.
#[derive(Clone, Copy, Debug)]
pub(in crate::data::folds) struct Place {
    /// The label whose photos are to be spread.
    pub label: u32,
    /// The set that stays whole, by any number.
    pub set: u32,
}

/// The places of each set of two or more, largest set first, equals in the order of the row.
fn sets(row: &[Place]) -> Vec<Vec<usize>> {
    let mut members: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (place, at) in row.iter().enumerate() {
        members.entry(at.set).or_default().push(place);
    }
    let mut sets: Vec<Vec<usize>> = members.into_values().filter(|set| set.len() > 1).collect();
    sets.sort_by_key(|set| (Reverse(set.len()), set.first().copied()));
    sets
}

/// How many places of a set have each label.
fn labels(row: &[Place], set: &[usize]) -> BTreeMap<u32, usize> {
    let mut counts = BTreeMap::new();
    for &place in set {
        *counts.entry(row[place].label).or_insert(0) += 1;
    }
    counts
}

/// Whether no set has places in two parts.
fn whole<T: PartialEq>(sets: &[Vec<usize>], part: &[T]) -> bool {
    sets.iter().all(|set| set.iter().all(|&place| part[place] == part[set[0]]))
}

/// The part of each place, such that the parts have equal shares of every label; `sizes` is how many photos each part has
/// already. Without sets, and with parts that begin empty, place p gets part p mod k: no label and no part then differs by
/// more than one.
pub(in crate::data::folds) fn even(row: &[Place], mut sizes: Vec<usize>) -> Vec<usize> {
    let k = sizes.len();
    let sets = sets(row);
    let plain: Vec<usize> = (0..row.len()).map(|place| place % k).collect();
    if sizes.iter().all(|size| *size == 0) && whole(&sets, &plain) {
        return plain;
    }
    let mut of_label: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    let mut part: Vec<Option<usize>> = vec![None; row.len()];
    for set in &sets {
        let labels = labels(row, set);
        // The least growth of the sum of squared counts; of equal parts the smallest, then the first.
        let met = |label: &u32, part: usize| of_label.get(label).map_or(0, |counts| counts[part]);
        let cost = |part: usize| labels.iter().map(|(label, count)| met(label, part) * count).sum::<usize>();
        let best = (0..k).min_by_key(|&part| (cost(part), sizes[part], part)).unwrap_or(0);
        sizes[best] += set.len();
        for (label, count) in labels {
            of_label.entry(label).or_insert_with(|| vec![0; k])[best] += count;
        }
        set.iter().for_each(|&place| part[place] = Some(best));
    }
    let mut dealt = Vec::with_capacity(row.len());
    for (at, part) in row.iter().zip(part) {
        dealt.push(part.unwrap_or_else(|| {
            let counts = of_label.entry(at.label).or_insert_with(|| vec![0; k]);
            let best = (0..k).min_by_key(|&part| (counts[part], sizes[part], part)).unwrap_or(0);
            counts[best] += 1;
            sizes[best] += 1;
            best
        }));
    }
    dealt
}

/// Which places are held out: of each label the same fraction, give or take one. A set goes where its first place would go
/// by itself, if its label's share has room for all of it; a set larger than that is learnt from.
pub(in crate::data::folds) fn holdout(row: &[Place], fraction: f64) -> Vec<bool> {
    // Place p is held out when p × fraction passes a whole number: of n photos of a label n × fraction.
    let part = |place: usize| (place as f64 * fraction).floor();
    let plain: Vec<bool> = (0..row.len()).map(|place| part(place + 1) > part(place)).collect();
    let sets = sets(row);
    if whole(&sets, &plain) {
        return plain;
    }
    let mut room: BTreeMap<u32, usize> = BTreeMap::new();
    for (at, _) in row.iter().zip(&plain).filter(|(_, held)| **held) {
        *room.entry(at.label).or_insert(0) += 1;
    }
    let mut held: Vec<Option<bool>> = vec![None; row.len()];
    for set in &sets {
        let labels = labels(row, set);
        let fits = labels.iter().all(|(label, count)| room.get(label).is_some_and(|room| room >= count));
        let takes = plain[set[0]] && fits;
        if takes {
            labels.iter().for_each(|(label, count)| *room.entry(*label).or_insert(0) -= count);
        }
        set.iter().for_each(|&place| held[place] = Some(takes));
    }
    // Single photos: first those that would be held out anyway, then others while there is room.
    for wanted in [true, false] {
        for (place, at) in row.iter().enumerate().filter(|(place, _)| plain[*place] == wanted) {
            if let (None, Some(room)) = (held[place], room.get_mut(&at.label).filter(|room| **room > 0)) {
                held[place] = Some(true);
                *room -= 1;
            }
        }
    }
    held.into_iter().map(|held| held == Some(true)).collect()
}

/// The part of each group: in the given order to the part with the fewest photos so far, of equals the first.
/// In falling order of size it is scikit-learn's GroupKFold.
pub(in crate::data::folds) fn lightest(groups: &[usize], k: usize) -> Vec<usize> {
    let mut sizes = vec![0; k];
    let lightest = |size: &usize| {
        let best = (0..k).min_by_key(|&part| (sizes[part], part)).unwrap_or(0);
        sizes[best] += size;
        best
    };
    groups.iter().map(lightest).collect()
}

/// The part of each group, such that the parts have equal shares of every class: scikit-learn's StratifiedGroupKFold,
/// number for number. `groups[g]` lists classes with counts, classes ascending and below `classes`.
///
/// The group with the most uneven classes goes first, to the part where the spread of all classes' shares grows least; of
/// parts that are as good, to the one with the fewest photos.
pub(in crate::data::folds) fn steady(groups: &[Vec<(usize, usize)>], classes: usize, k: usize) -> Vec<usize> {
    let mut all = vec![0.0; classes];
    groups.iter().flatten().for_each(|&(class, count)| all[class] += count as f64);
    let uneven: Vec<f64> = groups.iter().map(|group| deviation_of(group, classes)).collect();
    let mut order: Vec<usize> = (0..groups.len()).collect();
    // Stable: equals keep the order in which they came.
    order.sort_by(|&a, &b| uneven[b].total_cmp(&uneven[a]));
    let mut counts = vec![vec![0.0; classes]; k];
    let mut spread = vec![0.0; classes];
    let mut part = vec![0; groups.len()];
    for g in order {
        let (mut best, mut least, mut fewest) = (0, f64::INFINITY, f64::INFINITY);
        for candidate in 0..k {
            let mut now = groups[g].iter().peekable();
            let mut sum = 0.0;
            for (class, known) in spread.iter().enumerate() {
                sum += match now.next_if(|(of, _)| *of == class) {
                    Some((_, count)) => {
                        let with =
                            |part: usize| counts[part][class] + if part == candidate { *count as f64 } else { 0.0 };
                        deviation(k, |part| with(part) / all[class])
                    }
                    None => *known,
                };
            }
            let value = sum / classes as f64;
            let photos: f64 = counts[candidate].iter().sum();
            // NumPy's isclose, with its default tolerances.
            let close = (value - least).abs() <= 1e-8 + 1e-5 * least.abs();
            if value < least || (close && photos < fewest) {
                (best, least, fewest) = (candidate, value, photos);
            }
        }
        part[g] = best;
        for &(class, count) in &groups[g] {
            counts[best][class] += count as f64;
            spread[class] = deviation(k, |part| counts[part][class] / all[class]);
        }
    }
    part
}

/// The standard deviation of a group's counts over all classes.
fn deviation_of(group: &[(usize, usize)], classes: usize) -> f64 {
    let mut counts = vec![0.0; classes];
    group.iter().for_each(|&(class, count)| counts[class] = count as f64);
    deviation(classes, |class| counts[class])
}

/// The standard deviation of n numbers, summed in their order as NumPy does.
fn deviation(n: usize, number: impl Fn(usize) -> f64) -> f64 {
    let mean = (0..n).map(&number).sum::<f64>() / n as f64;
    let square = |i: usize| {
        let x = number(i) - mean;
        x * x
    };
    ((0..n).map(square).sum::<f64>() / n as f64).sqrt()
}
