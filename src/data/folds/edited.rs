//! What `edits.csv` does to folds: no more than it must.
//!
//! Takes folds that were dealt out as the tables say; gives them for the edited manifest. A photo that was dropped goes, a photo with another
//! label stays where it was, and all others stay in any case: so a score before and after is of the same queries, and nothing is trained
//! again that saw none of the edited photos. Only where a scheme keeps labels apart does a photo follow its new label.

use std::collections::HashSet;

use super::scheme::Division;
use crate::data::manifest::Manifest;

/// The divisions of the tables' photos as divisions of the edited manifest's. `apart`: whether no label may lie in both parts.
pub(super) fn carried(manifest: &Manifest, divisions: Vec<Division>, apart: bool) -> Vec<Division> {
    let Some(edited) = &manifest.edited else { return divisions };
    let tables = &edited.tables;
    let name = |of: &Manifest, place: u32| {
        let label = of.photos.get(place as usize).and_then(|photo| photo.label)?;
        of.labels.get(label as usize).cloned()
    };
    let now = |place: &u32| edited.place.get(*place as usize).copied().flatten();
    let relabelled: HashSet<u32> = (0u32..)
        .zip(&edited.place)
        .filter_map(|(old, new)| Some((old, (*new)?)))
        .filter(|(old, new)| apart && name(tables, *old) != name(manifest, *new))
        .map(|(_, new)| new)
        .collect();
    let carry = |(train, held): Division| {
        let [mut train, mut held] = [train, held].map(|part| part.iter().filter_map(now).collect::<Vec<u32>>());
        if relabelled.is_empty() {
            return (train, held);
        }
        let labels = |part: &[u32]| -> HashSet<u32> {
            let own = part.iter().filter(|photo| !relabelled.contains(photo));
            own.filter_map(|photo| manifest.photos[*photo as usize].label).collect()
        };
        let (learnt, asked) = (labels(&train), labels(&held));
        let only = |photo: &u32, here: &HashSet<u32>, there: &HashSet<u32>| {
            let label = manifest.photos[*photo as usize].label;
            relabelled.contains(photo) && label.is_some_and(|label| here.contains(&label) && !there.contains(&label))
        };
        let to_train: Vec<u32> = held.extract_if(.., |photo| only(photo, &learnt, &asked)).collect();
        let to_held: Vec<u32> = train.extract_if(.., |photo| only(photo, &asked, &learnt)).collect();
        train.extend(to_train);
        held.extend(to_held);
        (train, held)
    };
    divisions.into_iter().map(carry).collect()
}
