//! Which photos make which batch of an epoch.
//!
//! Takes the photos, a sampler, the batch size and (seed, epoch); gives each batch's photos with
//! their slots. Nothing here reads a file or starts a thread: epoch 7 can be asked for without
//! having lived through the six before it.

use std::ops::Range;

use super::sampler::{Labels, Sampler};
use crate::base::Seed;

/// One walk through a list of photos.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    photos: Vec<u32>,
    /// For each slot the photo's place in the list that was given.
    places: Vec<u32>,
    batch: usize,
    drop_last: bool,
    seed: Seed,
    epoch: u64,
    mirroring: bool,
}

impl Epoch {
    /// All photos once, as they are listed, in batches of which the last may be smaller: evaluation.
    pub fn given(listed: Vec<u32>, batch: usize) -> Epoch {
        let places = (0..listed.len() as u32).collect();
        Epoch {
            photos: listed,
            places,
            batch: batch.max(1),
            drop_last: false,
            seed: Seed::new(0),
            epoch: 0,
            mirroring: false,
        }
    }

    /// The walk number `epoch` (from 0) under the recipe's seed; `labels` has one entry for each listed photo.
    /// Photos that do not fill a whole batch at the end are left out of this epoch; unless there are
    /// fewer than one batch in all, which then is given as it is.
    pub fn sampled(
        listed: &[u32],
        labels: Labels<'_>,
        sampler: &Sampler,
        batch: usize,
        seed: Seed,
        epoch: u64,
    ) -> Epoch {
        let batch = batch.max(1);
        let places = sampler.places(labels, batch, seed.named("order").at(epoch));
        let photos: Vec<u32> = places.iter().map(|&place| listed[place as usize]).collect();
        let drop_last = photos.len() > batch;
        Epoch { photos, places, batch, drop_last, seed, epoch, mirroring: false }
    }

    /// The same walk with about half of its photos mirrored left and right, before anything else happens to them.
    pub fn mirroring(self) -> Epoch {
        Epoch { mirroring: true, ..self }
    }

    /// Whether the photo in a slot is mirrored; a draw of its own at (seed, epoch, slot, place).
    pub fn is_mirrored(&self, slot: usize) -> bool {
        self.mirroring && self.seed_of(slot).named("mirrored").draws().chance(0.5)
    }

    /// The photos in the order of their slots, those of a dropped batch included.
    pub fn photos(&self) -> &[u32] {
        &self.photos
    }

    /// For each slot the photo's place in the list that was given.
    pub fn places(&self) -> &[u32] {
        &self.places
    }

    /// How many batches there are.
    pub fn batches(&self) -> usize {
        if self.drop_last { self.photos.len() / self.batch } else { self.photos.len().div_ceil(self.batch) }
    }

    /// The slots of a batch (from 0).
    pub fn slots(&self, batch: usize) -> Range<usize> {
        let start = (batch * self.batch).min(self.photos.len());
        start..(start + self.batch).min(self.photos.len())
    }

    /// The place from which the picture in a slot draws: (seed, epoch, slot, its place in the list). Not the
    /// photo's place in the manifest, which moves when other photos come or go.
    pub fn seed_of(&self, slot: usize) -> Seed {
        self.seed.named("augment").at(self.epoch).at(slot as u64).at(u64::from(self.places[slot]))
    }

    /// The place from which a batch draws as a whole: (seed, epoch, batch).
    pub fn seed_of_batch(&self, batch: usize) -> Seed {
        self.seed.named("mix").at(self.epoch).at(batch as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(n: u32, batch: usize, epoch: u64) -> Epoch {
        let (listed, fine): (Vec<u32>, Vec<u32>) = (0..n).map(|i| (i, 0)).unzip();
        let labels = Labels { fine: &fine, coarse: &[] };
        Epoch::sampled(&listed, labels, &Sampler::RandomSampler {}, batch, Seed::new(7), epoch)
    }

    #[test]
    fn every_photo_once_and_another_order_each_epoch() {
        let (first, second) = (epoch(48, 8, 0), epoch(48, 8, 1));
        assert_ne!(first.photos(), second.photos());
        assert_eq!(epoch(48, 8, 1), second);
        let mut all: Vec<usize> = (0..first.batches()).flat_map(|b| first.slots(b)).collect();
        all.dedup();
        assert_eq!(all, (0..48).collect::<Vec<_>>());
        let mut photos = first.photos().to_vec();
        photos.sort_unstable();
        assert_eq!(photos, (0..48).collect::<Vec<_>>());
    }

    #[test]
    fn half_of_a_mirroring_walk_is_mirrored_and_the_rest_of_it_stays() {
        let plain = epoch(400, 8, 2);
        let mirroring = plain.clone().mirroring();
        let which = |epoch: &Epoch| (0..400).map(|slot| epoch.is_mirrored(slot)).collect::<Vec<bool>>();
        let count = |all: &[bool]| all.iter().filter(|is| **is).count();
        assert_eq!(count(&which(&plain)), 0);
        let first = which(&mirroring);
        assert!((160..240).contains(&count(&first)), "{}", count(&first));
        assert_eq!(which(&epoch(400, 8, 2).mirroring()), first);
        assert_ne!(which(&epoch(400, 8, 3).mirroring()), first);
        assert_eq!((mirroring.photos(), mirroring.seed_of(7)), (plain.photos(), plain.seed_of(7)));
    }

    #[test]
    fn the_last_batch_is_kept_or_dropped() {
        let given = |n: u32, batch| Epoch::given((0..n).collect(), batch);
        assert_eq!((given(50, 8).batches(), epoch(50, 8, 0).batches()), (7, 6));
        assert_eq!(given(50, 8).slots(6), 48..50);
        assert_eq!(epoch(5, 8, 0).batches(), 1);
        assert_eq!(epoch(8, 8, 0).batches(), 1);
        assert_eq!((given(0, 8).batches(), epoch(0, 8, 0).batches()), (0, 0));
    }
}
