//! Reduced pictures in one file: made once, read in every later epoch.
//!
//! Takes the photos' contents and files and a [`Reduction`]; writes a pack: JPEGs one after the other, and an index that finds one
//! by its photo's content. A picture whose longer side is above `max_resolution` is averaged down to it and written
//! with `jpeg_quality`; a smaller one is kept byte for byte. Names and meaning are those of FFCV's RGBImageField (Leclerc et al.
//! 2023, CVPR). What lies at a place depends on nothing but the photo's bytes and the two numbers, so a pack that was cut
//! off by a kill is gone on with after its last whole entry.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rayon::prelude::*;
use serde::Deserialize;

use crate::base::files::{FileError, disk};
use crate::base::{Cancel, Key, Progress, Seed};
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::data::augment::Pipeline;
use crate::data::augment::settings::Size;
use crate::data::decode::{DecodeError, Fault, Limits, inspect, read_limited};
use crate::data::error::DataError;
use crate::data::part::part_of_bytes;
use crate::data::synth::jpeg::{Colour, encode_with};
use crate::data::view::{Area, View};

/// The pictures' file.
pub const PICTURES: &str = "pictures.pack";
/// Where each lies in it.
pub const INDEX: &str = "pictures.index";
/// Pictures that are reduced between two looks at the wish to stop, and written together.
const CHUNK: usize = 256;
/// Bytes of an entry of the index: the photo's content, place and length, little-endian.
const ENTRY: usize = 32 + 8 + 4;

/// The row of the cache.
pub const RGB_IMAGE_FIELD: Technique = Technique {
    name: "RGBImageField",
    slot: "cache",
    about: "Keep reduced pictures on disk, and read these in every epoch.",
    details: "`[augment] cache = { max_resolution = 320, jpeg_quality = 95 }` makes one pass over the photos: each whose longer side is \
        above max_resolution is averaged down to it and written as a JPEG, smaller ones are kept as they are. Training, \
        evaluation and search then read the reduced ones. Decoding is most of what an input pipeline does, and it grows with the \
        pixels: 320 instead of 1000 is a tenth of the work.\n\n\
        The pack is a stage, `reduce`: the plan says what it takes in time and on disk, the store keeps it, and all folds and recipes \
        with the same two numbers share it. A photo that changes makes a new pack. Without it nothing is lost: where photos \
        fit into memory they are decoded once anyway. In a recipe that extends one with a cache, cache = false reads the photos again.\n\n\
        max_resolution should leave the smallest crop as large as what is made of it. With RandomResizedCrop to 224 and scale = \
        [0.6, 1.0] a photo of 3 : 4 needs 224 / 0.58 = 386; below, small crops are enlarged and become soft. FFCV's ImageNet recipes \
        take 400 to 500 for 224 and a quality of 90. Qualities below 85 leave blocks that a network learns.\n\n\
        It fails where a later recipe has larger pictures (it makes another pack), and where labels are told apart by print that is \
        gone at that size.",
    params: PARAMS,
    source: "Leclerc et al. 2023, FFCV: Accelerating Training by Removing Data Bottlenecks, CVPR; libffcv/ffcv fields/rgb_image.py",
    status: Status::Built,
};

/// The keys of `[augment] cache`.
pub const PARAMS: &[Param] = &[
    Param::new(
        "max_resolution",
        Kind::Int { min: 8, max: 16_384 },
        Default::Required,
        "Length of the longer side above which a picture is reduced.",
    )
    .unit("pixels"),
    Param::new(
        "jpeg_quality",
        Kind::Int { min: 1, max: 100 },
        Default::Is(Literal::Int(90)),
        "Quality of the reduced JPEGs on libjpeg's scale.",
    ),
];

/// What becomes of a large picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reduction {
    /// Longest side.
    pub max_resolution: u32,
    /// Quality of the JPEG, 1 to 100.
    #[serde(default = "ninety")]
    pub jpeg_quality: u32,
}

fn ninety() -> u32 {
    90
}

impl Reduction {
    /// The bytes that are kept of a picture's bytes, or of a part of it, and whether it was seen to be damaged: what it lacks is a picture's
    /// grey afterwards. A part is always written anew.
    ///
    /// # Errors
    /// When they are no picture.
    pub fn apply<'a>(
        &self,
        bytes: &'a [u8],
        part: Option<Area>,
        limits: &Limits,
    ) -> Result<(Cow<'a, [u8]>, bool), Fault> {
        let header = inspect(bytes)?;
        let (width, height) = part.map_or((header.width, header.height), |a| (a.width as u32, a.height as u32));
        let longest = width.max(height);
        if longest <= self.max_resolution && part.is_none() {
            // Kept as it is, it is seen when it is decoded.
            return Ok((Cow::Borrowed(bytes), false));
        }
        let share = (f64::from(self.max_resolution) / f64::from(longest.max(1))).min(1.0);
        let side = |n: u32| ((f64::from(n) * share).round() as usize).max(1);
        let resize = Pipeline::to_size(Size { height: side(height), width: side(width) });
        let view = |_| View { denominator: resize.denominator(width, height), window: None };
        let seen = part_of_bytes(bytes, part, limits, view)?;
        let picture = match share < 1.0 {
            true => resize.picture(&seen.picture, Seed::new(0)),
            false => seen.picture,
        };
        let (width, height) = (picture.width as usize, picture.height as usize);
        let bytes = encode_with(&picture.rgb, width, height, self.jpeg_quality, Colour::Libjpeg);
        Ok((Cow::Owned(bytes), seen.damaged))
    }
}

/// A photo of a pack: its content, its file, and the part of it that counts.
pub type Source = (Key, PathBuf, Option<Area>);

/// Writes the pack of photos (sorted by content, each once) into a folder, or goes on with what lies there.
/// Gives the contents, among those that were reduced now, whose pictures were damaged.
///
/// # Errors
/// When a file is no picture, the folder cannot be written, or on a stop; what is whole by then stays.
pub fn write(
    folder: &Path,
    photos: &[Source],
    reduction: &Reduction,
    limits: &Limits,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Vec<Key>, DataError> {
    let (pictures, index) = (folder.join(PICTURES), folder.join(INDEX));
    let open = |path: &Path| disk::File::open(path).map_err(FileError::at("cannot open", path));
    let (mut data, mut list) = (open(&pictures)?, open(&index)?);
    // Before hours of work go into files that a power cut would take away by name.
    disk::sync_folder(folder).map_err(FileError::at("cannot sync", folder))?;
    let mut known = Vec::new();
    list.read_to_end(&mut known).map_err(FileError::at("cannot read", &index))?;
    let entries: Vec<Entry> = known.as_chunks::<ENTRY>().0.iter().map(Entry::read).collect();
    let length = data.length().map_err(FileError::at("cannot read", &pictures))?;
    // Whole entries of these photos, in their order, whose bytes are there.
    let whole = entries.iter().zip(photos).take_while(|(entry, (key, ..))| entry.key == *key && entry.end() <= length);
    let (done, mut end) = whole.fold((0, 0), |(done, _), (entry, _)| (done + 1, entry.end()));
    let cut = |file: &mut disk::File, length: u64, path: &Path| {
        file.set_length(length).and_then(|()| file.seek(SeekFrom::End(0))).map_err(FileError::at("cannot write", path))
    };
    cut(&mut data, end, &pictures)?;
    cut(&mut list, (done * ENTRY) as u64, &index)?;
    let mut damaged = Vec::new();
    for (number, chunk) in photos[done..].chunks(CHUNK).enumerate() {
        progress.at("reducing", (done + number * CHUNK) as u64, photos.len() as u64, "images");
        cancel.check()?;
        let reduce = |(_, path, part): &Source| -> Result<(Vec<u8>, bool), DecodeError> {
            let reduced = read_limited(path, limits).and_then(|bytes| {
                let (kept, damaged) = reduction.apply(&bytes, *part, limits)?;
                Ok((kept.into_owned(), damaged))
            });
            reduced.map_err(|fault| DecodeError { path: path.clone(), fault })
        };
        let reduced: Vec<Result<(Vec<u8>, bool), DecodeError>> = chunk.par_iter().map(reduce).collect();
        let (mut bytes, mut lines) = (Vec::new(), Vec::new());
        for ((key, ..), one) in chunk.iter().zip(reduced) {
            let (one, is_damaged) = one?;
            damaged.extend(is_damaged.then_some(*key));
            Entry { key: *key, start: end, length: one.len() as u32 }.write(&mut lines);
            end += one.len() as u64;
            bytes.extend(one);
        }
        // The index follows the bytes, so that no stop leaves an entry without its picture; both last, so that it costs one chunk.
        data.write_all(&bytes).and_then(|()| data.sync()).map_err(FileError::at("cannot write", &pictures))?;
        list.write_all(&lines).and_then(|()| list.sync()).map_err(FileError::at("cannot write", &index))?;
    }
    progress.at("reducing", photos.len() as u64, photos.len() as u64, "images");
    Ok(damaged)
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    key: Key,
    start: u64,
    length: u32,
}

impl Entry {
    fn read(bytes: &[u8; ENTRY]) -> Entry {
        let (mut key, mut start, mut length) = ([0; 32], [0; 8], [0; 4]);
        key.copy_from_slice(&bytes[..32]);
        start.copy_from_slice(&bytes[32..40]);
        length.copy_from_slice(&bytes[40..]);
        Entry { key: Key::from_bytes(key), start: u64::from_le_bytes(start), length: u32::from_le_bytes(length) }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.key.as_bytes());
        out.extend(self.start.to_le_bytes());
        out.extend(self.length.to_le_bytes());
    }

    fn end(&self) -> u64 {
        self.start.saturating_add(u64::from(self.length))
    }
}

/// An open pack.
#[derive(Debug)]
pub struct Pack {
    path: PathBuf,
    file: Mutex<File>,
    places: HashMap<Key, (u64, u32)>,
}

impl Pack {
    /// The pack in a folder.
    ///
    /// # Errors
    /// When its files cannot be read.
    pub fn open(folder: &Path) -> Result<Pack, DataError> {
        let (path, index) = (folder.join(PICTURES), folder.join(INDEX));
        let file = File::open(&path).map_err(FileError::at("cannot open", &path))?;
        let bytes = crate::base::files::read(&index)?;
        let entries = bytes.as_chunks::<ENTRY>().0.iter().map(Entry::read);
        let places = entries.map(|entry| (entry.key, (entry.start, entry.length))).collect();
        Ok(Pack { path, file: Mutex::new(file), places })
    }

    /// The file of the pictures.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The kept bytes of a photo, by its content.
    ///
    /// # Errors
    /// When it is not in the pack, or the file cannot be read.
    pub fn read(&self, content: &Key) -> Result<Vec<u8>, Fault> {
        let Some(&(start, length)) = self.places.get(content) else {
            return Err(Fault::Broken("it is not among the reduced pictures".to_owned()));
        };
        let mut bytes = vec![0; length as usize];
        let mut file = self.file.lock().map_err(|_| Fault::Broken("another reader died".to_owned()))?;
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::progress::Silent;
    use crate::data::decode::decode_bytes;
    use crate::data::synth::jpeg::encode;

    const REDUCTION: Reduction = Reduction { max_resolution: 40, jpeg_quality: 95 };

    /// Soft pictures of several sizes, sorted by content.
    fn ground(folder: &Path) -> Vec<(Key, PathBuf)> {
        let mut photos: Vec<(Key, PathBuf)> = (0..600u32)
            .map(|i| {
                let (width, height) = ([30, 60, 97][i as usize % 3], [40, 81, 55][i as usize % 3]);
                let rgb: Vec<u8> = (0..width * height)
                    .flat_map(|p| [p % width * 2 + i % 50, p / width * 2, 90 + i % 7].map(|v| v as u8))
                    .collect();
                let bytes = encode(&rgb, width as usize, height as usize, 90);
                let path = folder.join(format!("{i}.jpg"));
                crate::base::files::publish(&path, &bytes).unwrap();
                (Key::of_bytes(&bytes), path)
            })
            .collect();
        photos.sort();
        photos.dedup_by_key(|photo| photo.0);
        photos
    }

    fn pack(folder: &Path, photos: &[(Key, PathBuf)], cancel: &Cancel) -> Result<Vec<Key>, DataError> {
        let photos: Vec<Source> = photos.iter().map(|(key, path)| (*key, path.clone(), None)).collect();
        write(folder, &photos, &REDUCTION, &Limits::default(), &Silent, cancel)
    }

    #[test]
    fn large_pictures_are_reduced_and_small_ones_kept() {
        let folder = tempfile::tempdir().unwrap();
        let photos = ground(folder.path());
        pack(folder.path(), &photos, &Cancel::new()).unwrap();
        let pack = Pack::open(folder.path()).unwrap();
        for (key, path) in &photos {
            let (own, kept) = (std::fs::read(path).unwrap(), pack.read(key).unwrap());
            let whole = decode_bytes(&own, &Limits::default()).unwrap();
            let seen = decode_bytes(&kept, &Limits::default()).unwrap();
            assert_eq!(whole.height <= 40 && whole.width <= 40, own == kept);
            assert_eq!((whole.width.max(whole.height)).min(40), seen.width.max(seen.height));
            let mean = |p: &crate::data::decode::Picture| {
                p.rgb.iter().map(|&v| f64::from(v)).sum::<f64>() / p.rgb.len() as f64
            };
            assert!((mean(&whole) - mean(&seen)).abs() < 1.5);
        }
        let error = pack.read(&Key::of_bytes(b"another")).unwrap_err().to_string();
        assert!(error.contains("not among"), "{error}");
    }

    #[test]
    fn a_pack_is_gone_on_with_after_any_fault() {
        use crate::base::files::sweep::{Sweep, everything};
        let ground_folder = tempfile::tempdir().unwrap();
        let mut photos = ground(ground_folder.path());
        // More than one chunk, and small ones, so that all the faults are through soon.
        photos.retain(|(_, path)| std::fs::metadata(path).unwrap().len() < 1200);
        photos.truncate(CHUNK + 9);
        assert!(photos.len() > CHUNK, "{} photos", photos.len());
        let act = |folder: &Path| pack(folder, &photos, &Cancel::new()).map(drop).map_err(|e| e.to_string());
        let look = |_: &Path| {};
        assert!(Sweep { prepare: &|_| {}, act: &act, look: &look, end: &everything }.run() > 50);
    }

    #[test]
    fn a_pack_that_was_cut_off_is_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let photos = ground(folder.path());
        let bytes = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
        pack(folder.path(), &photos, &Cancel::new()).unwrap();
        let whole = (bytes(PICTURES), bytes(INDEX));
        for (pictures, index) in
            [(whole.0.len() - 5, whole.1.len()), (9, ENTRY), (whole.0.len(), 300 * ENTRY + 7), (0, 0)]
        {
            let cut = |name: &str, length: usize| {
                let file = File::options().write(true).open(folder.path().join(name)).unwrap();
                file.set_len(length as u64).unwrap();
            };
            cut(PICTURES, pictures);
            cut(INDEX, index);
            pack(folder.path(), &photos, &Cancel::new()).unwrap();
            assert!((bytes(PICTURES), bytes(INDEX)) == whole, "cut at {pictures} and {index}");
        }
        let stopped = Cancel::new();
        stopped.cancel();
        assert!(pack(folder.path(), &photos, &stopped).is_ok(), "nothing is left to be stopped");
        std::fs::remove_file(folder.path().join(INDEX)).unwrap();
        assert!(pack(folder.path(), &photos, &stopped).is_err());
    }

    #[test]
    fn of_a_part_only_the_part_is_kept() {
        let (rgb, limits) = ((0..90 * 70 * 3).map(|p| (p * 7 % 251) as u8).collect::<Vec<u8>>(), Limits::default());
        let bytes = encode(&rgb, 90, 70, 95);
        for (width, height, kept) in [(30, 20, (30, 20)), (80, 60, (40, 30))] {
            let part = Some(Area { x: 5, y: 6, width, height });
            let (own, _) = REDUCTION.apply(&bytes, part, &limits).unwrap();
            let picture = decode_bytes(&own, &limits).unwrap();
            assert_eq!((picture.width, picture.height), kept);
        }
    }
}
