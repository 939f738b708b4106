//! The batches that a fold trains on: shuffled, augmented, with their classes.
//!
//! Takes a fold's training photos and a part of the training; gives batches that are a function of (seed, epoch, slot). The
//! photos' labels are numbered once, when the fold is opened, at both levels; a batch looks its photos up by their place
//! in the fold's list. With `flip_as_new_class` about half of the photos are mirrored, and of a class of their own.

use std::sync::Arc;

use super::seed;
use crate::base::Seed;
use crate::data::augment::{At, Normalization, Pipeline};
use crate::data::batch::{self, Ahead, Epoch, Labels, Loader, Pictures, Sampler};
use crate::data::folds::Fold;
use crate::data::manifest::boxes::Boxes;
use crate::learn::Device;
use crate::learn::loss::Counts;
use crate::learn::train::{self, Batches, Classes, Part};
use crate::session::project::weights;
use crate::session::stages::{Bench, pseudo};
use crate::session::{SessionError, Slot};

/// A photo with its label and its coarse label.
type Learnt = (u32, Option<u32>, Option<u32>);

/// One level of labels over the training photos.
struct Level {
    /// The class of each photo, by its place in the list.
    of_photo: Vec<u32>,
    /// Photos of each class.
    counts: Vec<u32>,
}

impl Level {
    /// From the label of each photo; `None` where one has none.
    fn of(labels: &[Option<u32>]) -> Option<Level> {
        let labels: Vec<u32> = labels.iter().copied().collect::<Option<_>>()?;
        let classes = Classes::of(labels.iter().copied());
        let of_photo = labels.iter().map(|&label| classes.class(label)).collect::<Option<_>>()?;
        Some(Level { of_photo, counts: classes.counts(labels) })
    }
}

/// The shuffled, augmented batches of one fold.
pub(super) struct FoldBatches<'a> {
    bench: &'a Bench<'a>,
    photos: Vec<u32>,
    fine: Level,
    /// Where all photos have a coarse label.
    coarse: Option<Level>,
    /// Photos of each class of the loss: of the labels, and of the mirrored ones behind them where there are such.
    counts: Vec<u32>,
    /// Whether a mirrored photo is of a class of its own.
    flip: bool,
    sampler: Sampler,
    batch: usize,
    seed: Seed,
    pictures: Arc<Pictures>,
    /// Height and width of the pictures, where they are not as `[augment]` has them.
    size: Option<[usize; 2]>,
    /// Of the tables of `[augment] train`, in order.
    pub(super) boxes: Vec<Arc<Boxes>>,
    normalization: Normalization,
}

impl<'a> FoldBatches<'a> {
    pub(super) fn new(
        bench: &'a Bench<'a>,
        fold: &Fold,
        slot: Slot,
        now: &Part,
        normalization: Normalization,
    ) -> Result<FoldBatches<'a>, SessionError> {
        let all = &bench.photos.manifest.photos;
        let own = fold.train.iter().map(|&i| (i, all[i as usize].label, all[i as usize].coarse));
        let added = pseudo::added(bench, slot)?;
        let learnt: Vec<Learnt> = own.chain(added.iter().map(|&(i, label, coarse)| (i, Some(label), coarse))).collect();
        let level = |label: fn(&Learnt) -> Option<u32>| -> Option<Level> {
            Level::of(&learnt.iter().map(label).collect::<Vec<_>>())
        };
        let unlabelled =
            || SessionError::Unfit(format!("{slot} trains on a photo without a label; this is a fault of Toji"));
        let fine = level(|photo| photo.1).ok_or_else(unlabelled)?;
        if fine.counts.len() < 2 {
            let text = format!("{slot} trains on {} label(s); a loss needs at least two", fine.counts.len());
            return Err(SessionError::Unfit(text));
        }
        let flip = now.settings.flip_as_new_class;
        let batches = FoldBatches {
            bench,
            photos: learnt.iter().map(|photo| photo.0).collect(),
            counts: fine.counts.repeat(if flip { 2 } else { 1 }),
            flip,
            fine,
            coarse: level(|photo| photo.2),
            sampler: now.settings.sampler,
            batch: now.settings.batch,
            seed: seed(bench.recipe, slot).named("batches"),
            pictures: bench.pictures()?,
            size: now.size,
            boxes: bench.photos.all_boxes(bench.project, &weights::training(bench.recipe, None, At::FIRST)?)?,
            normalization,
        };
        let checked = batches.sampler.check(batches.labels(), batches.batch);
        checked.map_err(|error| SessionError::Unfit(format!("{slot}: {error}")))?;
        Ok(batches)
    }

    /// The pipeline of an epoch.
    pub(super) fn pipeline(&self, at: At) -> Result<Pipeline, SessionError> {
        Ok(weights::training(self.bench.recipe, self.size, at)?.with_boxes(self.boxes.iter().cloned()))
    }

    /// The labels as samplers see them.
    fn labels(&self) -> Labels<'_> {
        let coarse = self.coarse.as_ref().map_or(&[][..], |level| &level.of_photo);
        Labels { fine: &self.fine.of_photo, coarse }
    }

    /// Photos of each class, as the loss is built for them.
    pub(super) fn counts(&self) -> Counts<'_> {
        Counts { classes: &self.counts, coarse: self.coarse.as_ref().map_or(&[], |level| &level.counts) }
    }

    /// How many photos there are, those with pseudo-labels among them.
    pub(super) fn count_photos(&self) -> usize {
        self.photos.len()
    }

    /// Which they are, ascending.
    pub(super) fn sorted_photos(&self) -> Vec<u32> {
        let mut photos = self.photos.clone();
        photos.sort_unstable();
        photos
    }

    /// How many labels there are.
    pub(super) fn count_labels(&self) -> usize {
        self.fine.counts.len()
    }

    /// Batch `number` of an epoch with its classes.
    fn labelled(&self, batch: batch::Batch, order: &Epoch, number: usize) -> Result<train::Batch, train::OtherError> {
        let places = &order.places()[order.slots(number)];
        let of = |level: &Level| places.iter().map(|&place| level.of_photo[place as usize]).collect();
        let (mut classes, coarse): (Vec<u32>, _) = (of(&self.fine), self.coarse.as_ref().map_or_else(Vec::new, of));
        for (class, slot) in classes.iter_mut().zip(order.slots(number)) {
            if order.is_mirrored(slot) {
                *class += self.fine.counts.len() as u32;
            }
        }
        let photos = batch.photos.clone();
        let mixed = batch.mixed.clone();
        Ok(train::Batch { images: batch.tensor(&Device::Cpu)?, classes, coarse, photos, mixed })
    }
}

impl Batches for FoldBatches<'_> {
    fn steps(&self) -> usize {
        train::steps_per_epoch(self.photos.len(), self.batch)
    }

    fn epoch(&mut self, epoch: usize, first: usize) -> Result<train::Epoch<'_>, train::OtherError> {
        let mut order = Epoch::sampled(&self.photos, self.labels(), &self.sampler, self.batch, self.seed, epoch as u64);
        if self.flip {
            order = order.mirroring();
        }
        let at = At { epoch, of: self.bench.graph.epochs };
        let ahead = Ahead { threads: self.bench.project.around.threads, ..Ahead::default() };
        let loader = Loader::start(
            order.clone(),
            first,
            self.pictures.clone(),
            Arc::new(self.pipeline(at)?),
            self.normalization,
            ahead,
            self.bench.cancel,
        )?;
        Ok(Box::new((first..).zip(loader).map(move |(number, batch)| self.labelled(batch?, &order, number))))
    }
}

/// The first three batches of an epoch.
pub(super) struct Few<'a>(pub(super) FoldBatches<'a>);

impl Batches for Few<'_> {
    fn steps(&self) -> usize {
        self.0.steps().min(3)
    }

    fn epoch(&mut self, epoch: usize, first: usize) -> Result<train::Epoch<'_>, train::OtherError> {
        let steps = self.steps();
        Ok(Box::new(self.0.epoch(epoch, first)?.take(steps - first)))
    }
}
