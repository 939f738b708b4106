//! Every photo by its index, decoded at most once while there is room.
//!
//! Takes paths (or pictures that are in memory already) and a limit of bytes; gives what a pipeline needs to see of
//! a photo ([`Pipeline::denominator`], [`Pipeline::window`]), shared between threads, training and evaluation. What was decoded first
//! stays, as long as there is room: an epoch reads every photo once, and on such a walk throwing out the oldest keeps
//! nothing that is needed next. What stays is decoded whole; without room only the rectangle is that the
//! pipeline reads. Either way the pipeline gets the same bits.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::pack::{Pack, Reduction};
use crate::base::{Key, Seed};
use crate::data::augment::Pipeline;
use crate::data::decode::{DecodeError, Header, Limits, Picture, read_limited, view_bytes};
use crate::data::part::part_of_file;
use crate::data::view::{Area, Seen, View, reduced};

/// Photos that can be asked for by index.
#[derive(Debug)]
pub struct Pictures {
    paths: Vec<PathBuf>,
    /// The part of each photo that counts; empty where all count whole.
    parts: Vec<Option<Area>>,
    /// Reduced pictures, and each photo's content.
    pack: Option<(Pack, Vec<Key>)>,
    limits: Limits,
    /// What becomes of a file's bytes before it is seen.
    reduction: Option<Reduction>,
    kept: Vec<Kept>,
    room: u64,
    used: AtomicU64,
    decoded: AtomicU64,
    /// Photos that were seen to be damaged.
    damaged: Mutex<BTreeSet<u32>>,
}

/// What is remembered of a photo.
#[derive(Debug, Default)]
struct Kept {
    /// Its own size.
    size: OnceLock<Header>,
    /// It, with its sides divided by 1, 2, 4, 8.
    reduced: [OnceLock<Arc<Picture>>; 4],
}

impl Pictures {
    /// Photo `i` is the file `paths[i]`; decoded pictures are kept up to `room` bytes (3 a pixel).
    pub fn new(paths: Vec<PathBuf>, limits: Limits, room: u64) -> Pictures {
        let kept = paths.iter().map(|_| Kept::default()).collect();
        let (used, decoded, damaged) = (AtomicU64::new(0), AtomicU64::new(0), Mutex::default());
        let parts = Vec::new();
        Pictures { paths, parts, pack: None, limits, reduction: None, kept, room, used, decoded, damaged }
    }

    /// The same photos, of which these parts count, in pixels, as if each had been cut out and saved.
    pub fn parts(mut self, parts: Vec<Option<Area>>) -> Pictures {
        self.parts = parts;
        self
    }

    /// The same photos, read from a pack by their contents; paths only name them then.
    pub fn packed(mut self, pack: Pack, contents: Vec<Key>) -> Pictures {
        self.pack = Some((pack, contents));
        self
    }

    /// The same photos, each reduced when it is read, to the bits that a pack would have.
    pub fn reduced_by(mut self, reduction: Option<Reduction>) -> Pictures {
        self.reduction = reduction;
        self
    }

    /// Photos that are in memory already; these are never reduced.
    pub fn in_memory(pictures: Vec<Picture>) -> Pictures {
        let mut all = Pictures::new(vec![PathBuf::new(); pictures.len()], Limits::default(), 0);
        for (kept, picture) in all.kept.iter_mut().zip(pictures) {
            let picture = Arc::new(picture);
            kept.reduced = std::array::from_fn(|_| OnceLock::from(picture.clone()));
            kept.size = OnceLock::from(Header { width: picture.width, height: picture.height });
        }
        all
    }

    /// How many photos there are.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    fn seen_reduced(
        &self,
        path: &Path,
        part: Option<Area>,
        reduction: &Reduction,
        view: impl FnOnce(Header) -> View,
    ) -> Result<Seen<Picture>, DecodeError> {
        let read = || {
            let bytes = read_limited(path, &self.limits)?;
            let (bytes, damaged) = reduction.apply(&bytes, part, &self.limits)?;
            let seen = view_bytes(&bytes, &self.limits, view)?;
            Ok(Seen { damaged: damaged || seen.damaged, ..seen })
        };
        read().map_err(|fault| DecodeError { path: path.to_owned(), fault })
    }

    /// What the pipeline needs of photo `index` under a seed; the index must be below [`Pictures::len`]. With `mirror` the pipeline will
    /// see it mirrored left and right, which is the caller's to do: a window then is one of the mirrored picture.
    ///
    /// # Errors
    /// When the file cannot be decoded; the error names it.
    pub fn see(
        &self,
        index: u32,
        pipeline: &Pipeline,
        seed: Seed,
        mirror: bool,
    ) -> Result<Seen<Arc<Picture>>, DecodeError> {
        let kept = &self.kept[index as usize];
        let place = |denominator: u32| &kept.reduced[denominator.trailing_zeros().min(3) as usize];
        if let Some(size) = kept.size.get()
            && let Some(picture) = place(pipeline.denominator(size.width, size.height)).get()
        {
            // What it lacks was noted when it was decoded.
            return Ok(Seen { picture: picture.clone(), window: None, damaged: false });
        }
        let mut reserved = None;
        let view = |size: Header| {
            let _ = kept.size.set(size);
            let denominator = pipeline.denominator(size.width, size.height);
            let [width, height] = [size.width, size.height].map(|side| u64::from(reduced(side, denominator)));
            let bytes = width * height * 3;
            if self.reserve(bytes) {
                reserved = Some((denominator, bytes));
                return View { denominator, window: None };
            }
            let window = pipeline.window(size.width, size.height, seed);
            let turned = |area: Area| Area { x: width as usize - area.x - area.width, ..area };
            View { denominator, window: if mirror { window.map(turned) } else { window } }
        };
        let path = &self.paths[index as usize];
        let part = self.parts.get(index as usize).copied().flatten();
        let seen = match self.pack.as_ref().and_then(|(pack, keys)| Some((pack, keys.get(index as usize)?))) {
            Some((pack, key)) => pack
                .read(key)
                .and_then(|bytes| view_bytes(&bytes, &self.limits, view))
                .map_err(|fault| DecodeError { path: path.clone(), fault }),
            None => match &self.reduction {
                Some(reduction) => self.seen_reduced(path, part, reduction, view),
                None => part_of_file(path, part, &self.limits, view),
            },
        };
        let give_back = |bytes| {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
        };
        if let (Err(_), Some((_, bytes))) = (&seen, reserved) {
            give_back(bytes);
        }
        let Seen { picture, window, damaged } = seen?;
        if damaged {
            self.damaged.lock().unwrap_or_else(PoisonError::into_inner).insert(index);
        }
        let picture = Arc::new(picture);
        self.decoded.fetch_add(1, Ordering::Relaxed);
        if let Some((denominator, bytes)) = reserved
            && place(denominator).set(picture.clone()).is_err()
        {
            // Another thread was first; its copy stays and ours gives its room back.
            give_back(bytes);
        }
        Ok(Seen { picture, window, damaged })
    }

    /// The photos of which data were missing when they were decoded so far, ascending.
    pub fn damaged(&self) -> Vec<u32> {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    /// How often a file was decoded so far.
    pub fn decoded(&self) -> u64 {
        self.decoded.load(Ordering::Relaxed)
    }

    /// Bytes of pictures that are kept.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    fn reserve(&self, bytes: u64) -> bool {
        let fits = |used: u64| used.checked_add(bytes).filter(|&sum| sum <= self.room);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::augment::geometry::flip::mirrored;
    use crate::data::synth::jpeg::encode;

    #[test]
    fn room_changes_no_bit() {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = (0..6)
            .map(|i| {
                let (width, height) = (90 + 7 * i, 120 - 5 * i);
                let rgb: Vec<u8> =
                    (0..width * height * 3).map(|p| ((p / 3 % width) * 2 + p * p % 31 + i * 9) as u8).collect();
                let path = folder.path().join(format!("{i}.jpg"));
                let mut bytes = encode(&rgb, width, height, 85);
                if i == 5 {
                    // Damaged in the middle of the scan, where no header is.
                    let middle = bytes.len() / 2;
                    bytes[middle] ^= 0x55;
                }
                crate::base::files::publish(&path, &bytes).unwrap();
                path
            })
            .collect();
        let list = r#"[{"op": "RandomResizedCrop", "size": [30, 30], "scale": [0.6, 1.0]}, {"op": "HorizontalFlip"}]"#;
        let pipeline = Pipeline::new("x", &serde_json::from_str(list).unwrap()).unwrap();
        let all = |pictures: &Pictures| -> Vec<Picture> {
            let each = |i: u32| {
                let seed = Seed::new(4).at(u64::from(i));
                let mirror = i % 2 == 1;
                let mut seen = pictures.see(i % 6, &pipeline, seed, mirror).unwrap();
                if mirror {
                    seen.picture = Arc::new(mirrored(&seen.picture));
                }
                pipeline.picture_seen(&seen, None, seed)
            };
            (0..18).map(each).collect()
        };
        let none = Pictures::new(paths.clone(), Limits::default(), 0);
        let some = Pictures::new(paths.clone(), Limits::default(), 20_000);
        let much = Pictures::new(paths, Limits::default(), 1 << 30);
        let seen = all(&none);
        assert_eq!(seen, all(&some));
        assert_eq!(seen, all(&much));
        assert_eq!((none.decoded(), much.decoded()), (18, 6));
        // Half the size: 45 × 60 pixels of the first one.
        assert!(much.used() < 6 * 70 * 65 * 3 && some.decoded() < 18);
    }
}
