//! Which held-out photos are looked up, and among which.
//!
//! Takes the photos that a fold learns from and those that it holds out; gives queries and gallery. One query per label
//! against the rest is how the 8th place of Nishika's sake competition validated (FIELD: StratifiedKFold, one random image of
//! each class with two or more, the other held-out images as gallery); leave-one-out is the usual examination on disjoint
//! labels; given is what the host's own tables say. A gallery of a fold is smaller than the host's and knows every label
//! that is asked: `distractors` adds photos that answer nobody, `unanswered` takes the answers of some queries away.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::base::{Key, Seed};
use crate::data::competition::{Amount, Distractors, Protocol, ProtocolKind};
use crate::data::manifest::{Manifest, Role};

use super::Fold;

/// Photos in the order of their ids.
pub(super) fn by_id(manifest: &Manifest, photos: &[u32]) -> Vec<u32> {
    let mut sorted = photos.to_vec();
    sorted.sort_by(|&a, &b| {
        let (a, b) = (&manifest.photos[a as usize], &manifest.photos[b as usize]);
        (&a.id, a.role).cmp(&(&b.id, b.role))
    });
    sorted
}

/// Photos by label (labels are numbered by name), each group in the order of ids. Photos without a label are left
/// out.
pub(super) fn groups(manifest: &Manifest, photos: &[u32]) -> BTreeMap<u32, Vec<u32>> {
    let mut groups: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for photo in by_id(manifest, photos) {
        if let Some(label) = manifest.photos[photo as usize].label {
            groups.entry(label).or_default().push(photo);
        }
    }
    groups
}

/// A fold of photos to learn from and photos that are held out, both ascending.
pub(super) fn exam(manifest: &Manifest, train: Vec<u32>, held: &[u32], protocol: &Protocol) -> Fold {
    let (query, mut gallery) = parts(manifest, held, protocol);
    let seed = Seed::new(protocol.seed).named("protocol");
    if protocol.unanswered > 0.0 {
        let taken = unanswered(manifest, &query, &gallery, protocol.unanswered, seed);
        gallery.retain(|&photo| manifest.photos[photo as usize].label.is_none_or(|label| !taken.contains(&label)));
    }
    let added = match protocol.distractors {
        Some(amount) => distractors(manifest, &train, held, &query, (amount, protocol.distractors_from), seed),
        None => Vec::new(),
    };
    let distractors = added.len();
    gallery.extend(added);
    gallery.sort_unstable();
    Fold { train, query, gallery, distractors }
}

/// Queries and gallery among the held-out photos (ascending); both ascending.
fn parts(manifest: &Manifest, held: &[u32], protocol: &Protocol) -> (Vec<u32>, Vec<u32>) {
    let role = |photo: u32| manifest.photos[photo as usize].role;
    match protocol.kind {
        ProtocolKind::LeaveOneOut => (held.to_vec(), held.to_vec()),
        ProtocolKind::Given => (
            held.iter().copied().filter(|&p| matches!(role(p), Role::Query | Role::Both)).collect(),
            held.iter().copied().filter(|&p| matches!(role(p), Role::Gallery | Role::Both)).collect(),
        ),
        ProtocolKind::OnePerLabel => {
            let seed = Seed::new(protocol.seed).named("protocol");
            let mut query: Vec<u32> = groups(manifest, held)
                .into_iter()
                .filter(|(_, members)| members.len() >= 2)
                .map(|(label, members)| {
                    let drawn = seed.named(&manifest.labels[label as usize]).draws().below(members.len() as u64);
                    members[drawn as usize]
                })
                .collect();
            query.sort_unstable();
            let gallery = held.iter().copied().filter(|photo| query.binary_search(photo).is_err()).collect();
            (query, gallery)
        }
    }
}

/// How many right answers each query has in the gallery, itself not counted.
pub(super) fn answers(manifest: &Manifest, query: &[u32], gallery: &[u32]) -> Vec<usize> {
    let label = |photo: u32| manifest.photos[photo as usize].label;
    let mut there: BTreeMap<u32, usize> = BTreeMap::new();
    for label in gallery.iter().filter_map(|&photo| label(photo)) {
        *there.entry(label).or_insert(0) += 1;
    }
    let of = |&query: &u32| {
        let found = label(query).and_then(|label| there.get(&label)).copied().unwrap_or(0);
        found - usize::from(found > 0 && gallery.binary_search(&query).is_ok())
    };
    query.iter().map(of).collect()
}

/// The labels whose photos leave the gallery, so that the wished share of the queries has no answer, as nearly as whole
/// labels allow; queries that have none anyway count.
fn unanswered(manifest: &Manifest, query: &[u32], gallery: &[u32], share: f64, seed: Seed) -> BTreeSet<u32> {
    let wanted = (share * query.len() as f64).round() as usize;
    let mut asked: BTreeMap<u32, usize> = BTreeMap::new();
    let mut lacking = 0;
    for (&photo, answers) in query.iter().zip(answers(manifest, query, gallery)) {
        match manifest.photos[photo as usize].label.filter(|_| answers > 0) {
            Some(label) => *asked.entry(label).or_insert(0) += 1,
            None => lacking += 1,
        }
    }
    let mut labels: Vec<(u32, usize)> = asked.into_iter().collect();
    seed.named("unanswered").draws().shuffle(&mut labels);
    let mut taken = BTreeSet::new();
    for (label, queries) in labels {
        // A label of many queries that would lead further away than nothing is passed over.
        if lacking + queries <= wanted + wanted.saturating_sub(lacking) && lacking < wanted {
            lacking += queries;
            taken.insert(label);
        }
    }
    taken
}

/// Photos from outside the held-out part that answer no query. Nothing with the bytes of a held-out photo is among them, so
/// no right answer is counted as a wrong one where bytes can tell.
fn distractors(
    manifest: &Manifest,
    train: &[u32],
    held: &[u32],
    query: &[u32],
    (amount, from): (Amount, Distractors),
    seed: Seed,
) -> Vec<u32> {
    let label = |photo: u32| manifest.photos[photo as usize].label;
    let asked: BTreeSet<u32> = query.iter().filter_map(|&photo| label(photo)).collect();
    let content = |photo: u32| manifest.photos[photo as usize].content;
    let known: HashSet<Key> = held.iter().map(|&photo| content(photo)).collect();
    let mut pool: Vec<u32> = match from {
        Distractors::Train => train.to_vec(),
        Distractors::Host => manifest.with_role(&[Role::Gallery, Role::Both]).collect(),
    };
    pool.retain(|&photo| {
        label(photo).is_none_or(|label| !asked.contains(&label))
            && !known.contains(&content(photo))
            && held.binary_search(&photo).is_err()
    });
    let mut pool = by_id(manifest, &pool);
    seed.named("distractors").draws().shuffle(&mut pool);
    let count = match amount {
        Amount::Photos(photos) => photos,
        Amount::Share(share) => (share * pool.len() as f64).round() as usize,
    };
    pool.truncate(count);
    pool
}
