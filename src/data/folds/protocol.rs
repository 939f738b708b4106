//! Which held-out photos are looked up, and among which.
//!
//! Takes the held-out photos; gives queries and gallery. One query per label against the rest is how the 8th place of
//! Nishika's sake competition validated (FIELD: StratifiedKFold, one random image of each class with two or more, the
//! other held-out images as gallery); leave-one-out is the usual examination on disjoint labels; given is what the
//! host's own tables say.

use std::collections::BTreeMap;

use crate::base::Seed;
use crate::data::competition::{Protocol, ProtocolKind};
use crate::data::manifest::{Manifest, Role};

/// Photos by label (labels are numbered by name), each group in the order of ids. Photos without a label are left
/// out.
pub(super) fn groups(manifest: &Manifest, photos: &[u32]) -> BTreeMap<u32, Vec<u32>> {
    let mut groups: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for &photo in photos {
        if let Some(label) = manifest.photos[photo as usize].label {
            groups.entry(label).or_default().push(photo);
        }
    }
    for members in groups.values_mut() {
        members.sort_by(|&a, &b| {
            let (a, b) = (&manifest.photos[a as usize], &manifest.photos[b as usize]);
            (&a.id, a.role).cmp(&(&b.id, b.role))
        });
    }
    groups
}

/// Queries and gallery among the held-out photos (ascending); both ascending.
pub(super) fn exam(manifest: &Manifest, held: &[u32], protocol: &Protocol) -> (Vec<u32>, Vec<u32>) {
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
