//! Photos that must not be parted: one is learnt from, its copy examines, and the score is a lie.
//!
//! Takes the photos that a scheme deals out; joins those with the same bytes and those that share a value in a column
//! that the recipe names (a product, a seller, a photo session), and, where it asks for that, those that look alike; through
//! as many steps as it takes. Gives for each photo whom it stays with, and counts for the page. Disjoint sets by union with the lowest place as root (Tarjan 1975), so that
//! nothing depends on the order of joining.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use super::FoldError;
use crate::data::error::{listed, nearest};
use crate::data::manifest::{Column, Manifest};
use crate::data::picture::alike;

/// Sets of photos; a photo alone is a set too.
#[derive(Clone, Debug)]
pub(super) struct Sets {
    /// For each photo of the manifest another of its set with a lower place, or itself.
    above: Vec<u32>,
}

/// How many photos stay together, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// Photos with the same bytes as another.
    pub copies: usize,
    /// Photos that look like another.
    pub near: usize,
    /// Photos that a person put into a group with another.
    pub grouped: usize,
    /// For each column of `together` the photos that share a value with another.
    pub columns: Vec<(String, usize)>,
    /// Sets of two photos or more.
    pub sets: usize,
    /// Photos in them.
    pub photos: usize,
    /// Sets whose photos have more than one label.
    pub across: usize,
}

impl Sets {
    /// Each of so many photos alone.
    pub fn new(photos: usize) -> Sets {
        Sets { above: (0..photos as u32).collect() }
    }

    /// The lowest photo of a photo's set.
    pub fn root(&self, photo: u32) -> u32 {
        let mut at = photo;
        while self.above[at as usize] != at {
            at = self.above[at as usize];
        }
        at
    }

    /// Makes one set of the sets of two photos.
    pub fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.shortened(a), self.shortened(b));
        self.above[a.max(b) as usize] = a.min(b);
    }

    /// Puts every photo directly under its root. What stands above has a lower place, so one pass in order does.
    fn settle(&mut self) {
        for photo in 0..self.above.len() {
            self.above[photo] = self.above[self.above[photo] as usize];
        }
    }

    /// The root; every photo on the way then stands directly under it.
    fn shortened(&mut self, photo: u32) -> u32 {
        let root = self.root(photo);
        let mut at = photo;
        while at != root {
            at = std::mem::replace(&mut self.above[at as usize], root);
        }
        root
    }

    /// Joins photos for which `value` is equal; those without one stay as they are. Gives how many share theirs.
    pub fn join_equal<K: Hash + Eq>(&mut self, photos: &[u32], value: impl Fn(u32) -> Option<K>) -> usize {
        let mut first: HashMap<K, (u32, usize)> = HashMap::new();
        for &photo in photos {
            let Some(value) = value(photo) else { continue };
            let (other, count) = first.entry(value).or_insert((photo, 0));
            *count += 1;
            self.join(*other, photo);
        }
        self.settle();
        first.into_values().map(|(_, count)| count).filter(|count| *count > 1).sum()
    }
}

/// Whom a recipe wants to stay together.
pub(super) struct Wanted<'a> {
    /// Photos with the same bytes.
    pub copies: bool,
    /// Photos with an equal value in a column. An empty value joins nobody.
    pub columns: &'a [String],
    /// Photos whose hashes (one for each of the manifest) differ in at most so many bits.
    pub near: Option<(u32, &'a [Option<u64>])>,
    /// The groups that a person put photos into, one for each of the manifest.
    pub groups: Option<&'a [Option<u32>]>,
}

/// The sets of the photos that are dealt out.
///
/// # Errors
/// When a column is not there.
pub(super) fn together(manifest: &Manifest, photos: &[u32], wanted: &Wanted<'_>) -> Result<(Sets, Joined), FoldError> {
    let mut sets = Sets::new(manifest.photos.len());
    let mut joined = Joined::default();
    if wanted.copies {
        joined.copies = sets.join_equal(photos, |photo| Some(manifest.photos[photo as usize].content));
    }
    if let Some((radius, hashes)) = wanted.near {
        let here: Vec<Option<u64>> =
            photos.iter().map(|&photo| hashes.get(photo as usize).copied().flatten()).collect();
        let mut met = BTreeSet::new();
        alike::near(&here, radius, |a, b| {
            sets.join(photos[a], photos[b]);
            met.extend([a, b]);
        });
        sets.settle();
        joined.near = met.len();
    }
    if let Some(groups) = wanted.groups {
        joined.grouped = sets.join_equal(photos, |photo| groups.get(photo as usize).copied().flatten());
    }
    for name in wanted.columns {
        let column = column(manifest, "together", name)?;
        joined.columns.push((name.clone(), sets.join_equal(photos, |photo| value(column, photo))));
    }
    let mut members: BTreeMap<u32, (usize, BTreeSet<Option<u32>>)> = BTreeMap::new();
    for &photo in photos {
        let (count, labels) = members.entry(sets.root(photo)).or_default();
        *count += 1;
        labels.insert(manifest.photos[photo as usize].label);
    }
    for (count, labels) in members.into_values().filter(|(count, _)| *count > 1) {
        joined.sets += 1;
        joined.photos += count;
        joined.across += usize::from(labels.len() > 1);
    }
    Ok((sets, joined))
}

/// A column of the tables by its name; `key` is the key of `[folds]` that names it.
pub(super) fn column<'a>(manifest: &'a Manifest, key: &'static str, name: &str) -> Result<&'a Column, FoldError> {
    manifest.columns.get(name).ok_or_else(|| FoldError::NoColumn {
        key,
        column: name.to_owned(),
        nearest: nearest(name, manifest.columns.keys().map(String::as_str)),
        there: listed(manifest.columns.keys()),
    })
}

/// A photo's value in a column, as a number; `None` where it is empty or its table lacks the column.
pub(super) fn value(column: &Column, photo: u32) -> Option<u32> {
    column.of_photo[photo as usize].filter(|&value| !column.values[value as usize].is_empty())
}
