//! Threads that decode and augment ahead of the consumer.
//!
//! Takes an [`Epoch`], its pictures and a pipeline; gives its batches in order. Of n threads, thread
//! t makes the batches t, t + n, t + 2n … into a bounded channel of its own, and the consumer reads
//! the channels in turn: that is all the ordering there is. Dropping the loader stops its threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use candle_core::{Device, Tensor};

use super::{Epoch, Pictures};
use crate::base::Cancel;
use crate::base::cancel::Cancelled;
use crate::data::augment::geometry::flip::mirrored;
use crate::data::augment::{Mixed, Normalization, Pipeline, Shown};
use crate::data::decode::DecodeError;

/// Why a batch did not come.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A photo cannot be decoded; the text names its file.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A list names a photo that is not there.
    #[error("photo {photo} was asked for, but there are only {photos}; the fold belongs to another manifest")]
    NoSuchPhoto {
        /// The index.
        photo: u32,
        /// How many photos there are.
        photos: usize,
    },
    /// The work was asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// A thread could not be started.
    #[error("cannot start a thread for decoding: {0}")]
    Thread(#[source] std::io::Error),
    /// A thread died.
    #[error("a decoding thread stopped without a word while batch {batch} was awaited; this is a fault of Toji")]
    Died {
        /// The batch, from 0.
        batch: usize,
    },
}

/// How far and how broadly to work ahead. No result depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// Threads, at least 1.
    pub threads: usize,
    /// Finished batches that may wait for each thread, at least 1.
    pub batches: usize,
}

impl Default for Ahead {
    fn default() -> Self {
        Ahead { threads: 2, batches: 2 }
    }
}

/// Normalised pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// [b, 3, h, w], rows from the top, channels red, green, blue.
    pub images: Vec<f32>,
    /// Which photos they are, in order: b indices.
    pub photos: Vec<u32>,
    /// How they were mixed with each other, where they were.
    pub mixed: Option<Mixed>,
    /// Pictures.
    pub b: usize,
    /// Rows.
    pub h: usize,
    /// Columns.
    pub w: usize,
}

impl Batch {
    /// The numbers as a tensor [b, 3, h, w] on a device; takes them over without a copy on the CPU.
    ///
    /// # Errors
    /// When the device refuses it.
    pub fn tensor(self, device: &Device) -> candle_core::Result<Tensor> {
        Tensor::from_vec(self.images, (self.b, 3, self.h, self.w), device)
    }
}

/// Batches of one epoch, in order: an iterator. After an error it ends.
#[derive(Debug)]
pub struct Loader {
    channels: Vec<Receiver<Result<Batch, LoadError>>>,
    threads: Vec<JoinHandle<()>>,
    next: usize,
    end: usize,
    stop: Arc<AtomicBool>,
}

/// What every thread needs.
struct Work {
    epoch: Epoch,
    pictures: Arc<Pictures>,
    pipeline: Arc<Pipeline>,
    normalization: Normalization,
    cancel: Cancel,
    stop: Arc<AtomicBool>,
}

impl Loader {
    /// Starts to work on the epoch from batch `from` on (0, or where a run goes on).
    ///
    /// # Errors
    /// When the epoch names a photo that is not there, or no thread can be started.
    pub fn start(
        epoch: Epoch,
        from: usize,
        pictures: Arc<Pictures>,
        pipeline: Arc<Pipeline>,
        normalization: Normalization,
        ahead: Ahead,
        cancel: &Cancel,
    ) -> Result<Loader, LoadError> {
        if let Some(&photo) = epoch.photos().iter().find(|&&photo| photo as usize >= pictures.len()) {
            return Err(LoadError::NoSuchPhoto { photo, photos: pictures.len() });
        }
        let end = epoch.batches();
        let stop = Arc::new(AtomicBool::new(false));
        let work =
            Arc::new(Work { epoch, pictures, pipeline, normalization, cancel: cancel.clone(), stop: stop.clone() });
        let threads = ahead.threads.clamp(1, end.saturating_sub(from).max(1));
        let mut loader = Loader { channels: Vec::new(), threads: Vec::new(), next: from, end, stop };
        for thread in 0..threads {
            let (send, receive) = sync_channel(ahead.batches.max(1));
            let work = work.clone();
            let handle = std::thread::Builder::new()
                .name(format!("pictures {thread}"))
                .spawn(move || work.run((from + thread..end).step_by(threads), &send))
                .map_err(LoadError::Thread)?;
            loader.channels.push(receive);
            loader.threads.push(handle);
        }
        // Batch `next` is read from channel `next % threads`.
        loader.channels.rotate_right(from % threads);
        Ok(loader)
    }

    /// How many batches are still to come.
    pub fn remaining(&self) -> usize {
        self.end - self.next
    }
}

impl Work {
    fn run(&self, batches: impl Iterator<Item = usize>, send: &SyncSender<Result<Batch, LoadError>>) {
        for batch in batches {
            let made = self.batch(batch);
            let failed = made.is_err();
            if send.send(made).is_err() || failed {
                return;
            }
        }
    }

    fn batch(&self, batch: usize) -> Result<Batch, LoadError> {
        let slots = self.epoch.slots(batch);
        let size = self.pipeline.size();
        let mut images = vec![0f32; slots.len() * self.pipeline.numbers()];
        let photos = self.epoch.photos()[slots.clone()].to_vec();
        for (slot, out) in slots.clone().zip(images.chunks_exact_mut(self.pipeline.numbers())) {
            self.cancel.check()?;
            if self.stop.load(Ordering::Relaxed) {
                return Err(Cancelled.into());
            }
            let (seed, photo, mirror) =
                (self.epoch.seed_of(slot), self.epoch.photos()[slot], self.epoch.is_mirrored(slot));
            let mut seen = self.pictures.see(photo, &self.pipeline, seed, mirror)?;
            if mirror {
                seen.picture = Arc::new(mirrored(&seen.picture));
            }
            let shown = Shown { place: photo, mirrored: mirror };
            self.pipeline.apply_seen(&seen, Some(shown), seed, &self.normalization, out);
        }
        let mixed = self.pipeline.mix(slots.len(), self.epoch.seed_of_batch(batch));
        if let Some(mixed) = &mixed {
            mixed.apply(&mut images, size);
        }
        Ok(Batch { images, photos, mixed, b: slots.len(), h: size.height, w: size.width })
    }
}

impl Iterator for Loader {
    type Item = Result<Batch, LoadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        let batch = self.next;
        let made = self.channels[batch % self.channels.len()].recv().unwrap_or(Err(LoadError::Died { batch }));
        self.next = if made.is_ok() { batch + 1 } else { self.end };
        Some(made)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::from(self.next < self.end), Some(self.remaining()))
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A thread that waits to send wakes when its channel closes.
        self.channels.clear();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;
    use crate::data::augment::settings::Size;
    use crate::data::batch::{Labels, Sampler};
    use crate::data::decode::{Limits, Picture};

    fn pictures(n: u32) -> Arc<Pictures> {
        let one = |i: u32| {
            let mut draws = Seed::new(9).at(u64::from(i)).draws();
            let (width, height) = (20 + i % 5, 24 + i % 3);
            Picture { width, height, rgb: (0..width * height * 3).map(|_| draws.below(256) as u8).collect() }
        };
        Arc::new(Pictures::in_memory((0..n).map(one).collect()))
    }

    fn pipeline() -> Arc<Pipeline> {
        let list = r#"[{"op": "RandomResizedCrop", "size": [12, 16]}, {"op": "HorizontalFlip"}, {"op": "Affine", "rotate": [-20, 20]}]"#;
        Arc::new(Pipeline::new("x", &serde_json::from_str(list).unwrap()).unwrap())
    }

    fn load(epoch: &Epoch, from: usize, threads: usize, batches: usize) -> Vec<Batch> {
        let photos = epoch.photos().len() as u32;
        let (ahead, cancel) = (Ahead { threads, batches }, Cancel::new());
        let loader =
            Loader::start(epoch.clone(), from, pictures(photos), pipeline(), Normalization::IMAGENET, ahead, &cancel);
        loader.unwrap().collect::<Result<_, _>>().unwrap()
    }

    fn epoch(n: u32, batch: usize, number: u64) -> Epoch {
        let (listed, fine): (Vec<u32>, Vec<u32>) = (0..n).map(|i| (i, i / 3)).unzip();
        let labels = Labels { fine: &fine, coarse: &[] };
        Epoch::sampled(&listed, labels, &Sampler::WeightedRandomSampler { power: 0.0 }, batch, Seed::new(7), number)
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(24))]
        #[test]
        fn any_number_of_threads_gives_the_same_bits(n in 1u32..40, batch in 1usize..9, threads in 2usize..6, ahead in 1usize..4, number in 0u64..3) {
            let epoch = epoch(n, batch, number);
            let alone = load(&epoch, 0, 1, 1);
            proptest::prop_assert_eq!(&alone, &load(&epoch, 0, threads, ahead));
            let photos: Vec<u32> = alone.iter().flat_map(|b| b.photos.clone()).collect();
            proptest::prop_assert_eq!(&photos, &epoch.photos()[..photos.len()]);
            let from = alone.len() / 2;
            proptest::prop_assert_eq!(&alone[from..], &load(&epoch, from, threads, ahead));
        }
    }

    #[test]
    fn a_mixed_batch_depends_on_its_place_alone() {
        let list = r#"[{"op": "Resize", "size": [12, 16]}, {"op": "OneOf", "p": 0.8, "transforms": [{"op": "MixUp", "p": 0.5}, {"op": "CutMix", "p": 0.5}]}]"#;
        let pipeline = Arc::new(Pipeline::new("x", &serde_json::from_str(list).unwrap()).unwrap());
        let plain = Arc::new(Pipeline::to_size(Size { height: 12, width: 16 }));
        let run = |pipeline: &Arc<Pipeline>, from, threads| -> Vec<Batch> {
            let (ahead, cancel) = (Ahead { threads, batches: 2 }, Cancel::new());
            let (norm, photos) = (Normalization::IMAGENET, pictures(40));
            let loader = Loader::start(epoch(40, 4, 2), from, photos, pipeline.clone(), norm, ahead, &cancel).unwrap();
            loader.collect::<Result<_, _>>().unwrap()
        };
        let all = run(&pipeline, 0, 1);
        assert_eq!(all, run(&pipeline, 0, 3));
        assert_eq!(all[4..], run(&pipeline, 4, 2));
        let shares: Vec<f64> = all.iter().flat_map(|batch| &batch.mixed).map(|mixed| mixed.own).collect();
        assert!((5..10).contains(&shares.len()), "{shares:?}");
        assert!(shares.windows(2).all(|pair| pair[0] != pair[1]), "{shares:?}");
        for (mixed, plain) in all.iter().zip(run(&plain, 0, 1)) {
            assert_eq!(mixed.photos, plain.photos);
            assert!(mixed.mixed.is_some() || mixed.images == plain.images);
        }
    }

    #[test]
    fn a_mirrored_slot_shows_the_mirror_image_under_the_same_draws() {
        let size = Size { height: 12, width: 16 };
        let run = |epoch: &Epoch, ops: Option<&str>, pictures: Vec<Picture>| -> Vec<f32> {
            let pipeline = match ops {
                Some(ops) => Pipeline::new("x", &serde_json::from_str(ops).unwrap()).unwrap(),
                None => Pipeline::to_size(size),
            };
            let (ahead, cancel) = (Ahead { threads: 3, batches: 1 }, Cancel::new());
            let pictures = Arc::new(Pictures::in_memory(pictures));
            let loader =
                Loader::start(epoch.clone(), 0, pictures, Arc::new(pipeline), Normalization::IMAGENET, ahead, &cancel);
            loader.unwrap().flat_map(|batch| batch.unwrap().images).collect()
        };
        let one = |i: u32| {
            let mut draws = Seed::new(4).at(u64::from(i)).draws();
            Picture { width: 16, height: 12, rgb: (0..12 * 16 * 3).map(|_| draws.below(256) as u8).collect() }
        };
        let photos = || (0..24).map(one).collect::<Vec<_>>();
        let (plain, mirroring) = (epoch(24, 4, 1), epoch(24, 4, 1).mirroring());
        let (before, after) = (run(&plain, None, photos()), run(&mirroring, None, photos()));
        for slot in 0..24 {
            let rows = |all: &[f32]| all[slot * 576..][..576].chunks(16).map(<[f32]>::to_vec).collect::<Vec<_>>();
            let mut expected = rows(&before);
            if mirroring.is_mirrored(slot) {
                expected.iter_mut().for_each(|row| row.reverse());
            }
            assert_eq!(rows(&after), expected, "slot {slot}");
        }
        // What comes later draws as it did: with every photo its own mirror image nothing changes.
        let ops = r#"[{"op": "RandomResizedCrop", "size": [12, 16]}, {"op": "ColorJitter", "p": 1.0}]"#;
        let grey = || vec![Picture { width: 16, height: 12, rgb: vec![99; 12 * 16 * 3] }; 24];
        assert_eq!(run(&plain, Some(ops), grey()), run(&mirroring, Some(ops), grey()));
    }

    #[test]
    fn a_later_epoch_needs_no_earlier_one_and_differs_from_it() {
        let again = load(&epoch(10, 4, 5), 0, 2, 1);
        assert_eq!(load(&epoch(10, 4, 5), 0, 3, 2), again);
        assert_ne!(load(&epoch(10, 4, 4), 0, 2, 1), again);
    }

    #[test]
    fn files_are_decoded_once_while_there_is_room_and_a_bad_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<_> = (0..6).map(|i| folder.path().join(format!("{i}.png"))).collect();
        for path in &paths {
            image::RgbImage::from_pixel(10, 10, image::Rgb([9, 8, 7])).save(path).unwrap();
        }
        let plain = Arc::new(Pipeline::to_size(Size { height: 8, width: 8 }));
        let run = |pictures: &Arc<Pictures>, n: u32| -> Result<Vec<Batch>, LoadError> {
            let epoch = Epoch::given((0..n).collect(), 2);
            let (ahead, cancel) = (Ahead::default(), Cancel::new());
            Loader::start(epoch, 0, pictures.clone(), plain.clone(), Normalization::IMAGENET, ahead, &cancel)?.collect()
        };
        // 300 bytes each: four fit, two are decoded anew each epoch.
        let some = Arc::new(Pictures::new(paths.clone(), Limits::default(), 1300));
        assert_eq!(run(&some, 6).unwrap().len(), 3);
        run(&some, 6).unwrap();
        assert_eq!((some.decoded(), some.used()), (8, 1200));
        std::fs::remove_file(&paths[3]).unwrap();
        let all = Arc::new(Pictures::new(paths, Limits::default(), 1 << 20));
        assert!(run(&all, 6).unwrap_err().to_string().contains("3.png"));
        assert!(run(&all, 7).unwrap_err().to_string().contains("photo 6"));
    }

    #[test]
    fn cancelling_or_dropping_ends_the_threads() {
        let cancel = Cancel::new();
        let (pictures, pipeline) = (pictures(40), pipeline());
        let start = |cancel: &Cancel| {
            let ahead = Ahead { threads: 3, batches: 1 };
            Loader::start(
                epoch(40, 2, 0),
                0,
                pictures.clone(),
                pipeline.clone(),
                Normalization::IMAGENET,
                ahead,
                cancel,
            )
        };
        let mut loader = start(&cancel).unwrap();
        assert!(loader.next().unwrap().is_ok());
        drop(loader);
        assert_eq!(Arc::strong_count(&pictures), 1, "no thread holds the pictures any more");
        let mut loader = start(&cancel).unwrap();
        cancel.cancel();
        let last = loader.by_ref().find(|batch| batch.is_err());
        assert!(matches!(last, Some(Err(LoadError::Cancelled(_)))));
        assert!(loader.next().is_none());
    }

    #[test]
    fn a_batch_becomes_a_tensor() {
        let batch = load(&epoch(3, 3, 0), 0, 1, 1).remove(0);
        let first = batch.images[0];
        let tensor = batch.tensor(&Device::Cpu).unwrap();
        assert_eq!(tensor.dims(), [3, 3, 12, 16]);
        assert_eq!(tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap()[0], first);
    }
}
