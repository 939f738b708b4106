//! What differs between two manifests, in words for a plan's reason.
//!
//! Takes the manifest of now and that of an earlier run; counts by role and id, since places move when photos come and go.

use std::collections::HashMap;

use super::{Manifest, Photo, Role};
use crate::data::error::counted;

impl Manifest {
    /// How many labels changed from an earlier manifest, and how many photos came and went; for a plan's reason.
    pub fn changes_from(&self, earlier: &Manifest) -> Changes {
        let by_id = |manifest: &'_ Manifest| -> HashMap<(Role, String), usize> {
            manifest.photos.iter().enumerate().map(|(i, photo)| ((photo.role, photo.id.clone()), i)).collect()
        };
        let old = by_id(earlier);
        let mut changes = Changes::default();
        let mut met = 0;
        for photo in &self.photos {
            let Some(&at) = old.get(&(photo.role, photo.id.clone())) else {
                changes.new += 1;
                continue;
            };
            met += 1;
            let was = &earlier.photos[at];
            let name = |manifest: &'_ Manifest, photo: &Photo| photo.label.map(|l| manifest.labels[l as usize].clone());
            changes.relabelled += usize::from(name(self, photo) != name(earlier, was));
            // Bytes of the part that counts, so that another part is no other file.
            let is_recut = photo.crop.map(|crop| crop.area) != was.crop.map(|crop| crop.area);
            changes.recut += usize::from(is_recut);
            changes.redrawn += usize::from(photo.content != was.content && !is_recut);
        }
        let dropped = self.edited.as_ref().map_or(0, |edited| edited.counts.dropped);
        let gone = earlier.photos.len().saturating_sub(met);
        // Of those that were dropped some may have been before, and stand in neither.
        let there = |(at, place): (usize, &Option<u32>)| {
            let photo = self.tables().photos.get(at).filter(|_| place.is_none())?;
            old.contains_key(&(photo.role, photo.id.clone())).then_some(())
        };
        if let Some(edited) = self.edited.as_ref().filter(|_| dropped > 0) {
            changes.dropped = edited.place.iter().enumerate().filter_map(there).count();
        }
        changes.gone = gone.saturating_sub(changes.dropped);
        changes
    }
}

/// What differs between two manifests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Photos with another label.
    pub relabelled: usize,
    /// Photos whose file has other bytes.
    pub redrawn: usize,
    /// Photos of which another part counts.
    pub recut: usize,
    /// Photos that were dropped.
    pub dropped: usize,
    /// Photos that were not there.
    pub new: usize,
    /// Photos that are no longer there.
    pub gone: usize,
}

impl std::fmt::Display for Changes {
    /// `12 images relabelled, 3 new`; `nothing` when nothing did.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = [
            (self.relabelled, "relabelled"),
            (self.recut, "cropped otherwise"),
            (self.dropped, "dropped"),
            (self.redrawn, "with other bytes"),
            (self.new, "new"),
            (self.gone, "gone"),
        ];
        let mut told = parts.iter().filter(|(count, _)| *count > 0);
        match told.next() {
            None => return write!(f, "nothing"),
            Some((count, what)) => write!(f, "{} {what}", counted(*count, "image"))?,
        }
        told.try_for_each(|(count, what)| write!(f, ", {count} {what}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::manifest::tests::manifest;

    #[test]
    fn changes_are_counted_by_id() {
        let old = manifest(&[("1", "a", b"x"), ("2", "b", b"y"), ("3", "b", b"z")]);
        let new = manifest(&[("2", "c", b"y"), ("1", "a", b"X"), ("4", "d", b"w")]);
        assert_eq!(
            new.changes_from(&old),
            Changes { relabelled: 1, redrawn: 1, new: 1, gone: 1, ..Changes::default() }
        );
        insta::assert_snapshot!(new.changes_from(&old), @"1 image relabelled, 1 with other bytes, 1 new, 1 gone");
        insta::assert_snapshot!(old.changes_from(&old), @"nothing");
    }
}
