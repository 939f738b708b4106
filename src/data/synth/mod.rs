//! The project's own photos: a shelf of bottles, drawn from a seed.
//!
//! ```text
//!   SynthSpec ──plan──▶ Set: brands, photos, roles, planted faults ──draw──▶ pixels ──jpeg──▶ files
//!                        └──tables──▶ train.csv cite.csv test.csv sample_submission.csv truth.csv
//!   a submission, truth.csv ──host──▶ public, private: scored rightly, or with a bug by name
//! ```
//!
//! A set has the layout of the Nishika sake contest and the troubles of real ones: brands that differ
//! in small print only, wrong labels, near-duplicates, photos with two bottles, brands with one photo.
//! Here the truth is known, so a claim such as "finds wrong labels" can be counted.
//!
//! Whole numbers and fixed tables only, an own JPEG encoder: the same spec gives the same bytes on
//! every CPU, with any number of threads. Each photo is a function of (seed, brand, number), so a
//! set of 100,000 is drawn on all cores. `data/sample` is [`SynthSpec::SAMPLE`]; a test redraws it.
//!
//! What is scored is `brand_id`, the finer of the two levels; `meigara` is the name on the label,
//! which up to three brands share.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use self::draw::label::Sheet;
use self::draw::look::Look;
use self::draw::photo::{self, Subject};
use self::draw::raster::{Canvas, shade};
use self::draw::scene::Neighbours;
use self::plan::{Fault, Photo, Set};
use crate::base::cancel::Cancelled;
use crate::base::files::{self, FileError, disk};
use crate::base::{Cancel, Progress, Seed};

pub mod draw;
pub mod host;
pub mod jpeg;
pub mod names;
pub mod plan;
pub mod tables;

/// Folder of the photos inside a set.
pub const IMAGES: &str = "images";

/// What is to be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SynthSpec {
    /// Everything follows from it.
    pub seed: u64,
    /// Brands, those with one photo included: at least 6.
    pub brands: usize,
    /// Photos of all roles together: at least 6 a brand.
    pub photos: usize,
    /// Side of a square with about as many pixels as a photo has: 32 to 512.
    pub size: u32,
}

impl SynthSpec {
    /// The set that is committed as data/sample.
    pub const SAMPLE: SynthSpec = SynthSpec { seed: 20_260_101, brands: 27, photos: 483, size: 96 };
}

/// What was drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// Photos.
    pub photos: usize,
    /// Bytes of all photos.
    pub bytes: u64,
}

/// Why a set was not drawn.
#[derive(Debug, thiserror::Error)]
pub enum SynthError {
    /// The numbers make no set.
    #[error("{what} is {found}, it must be {must}")]
    Spec {
        /// Which number.
        what: &'static str,
        /// What was given.
        found: u64,
        /// What is possible.
        must: String,
    },
    /// There is something already.
    #[error("{} is not an empty folder; nothing was drawn, name a new one", .0.display())]
    NotEmpty(PathBuf),
    /// A file could not be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The work was asked to stop; nothing is left behind.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Draws a set into `folder`, which must not exist or be empty: the four tables, `truth.csv` and `images/`.
/// The folder appears when it is whole.
///
/// # Errors
/// When the spec makes no set, the folder holds something, a file cannot be written, or on request.
pub fn draw_set(
    folder: &Path,
    spec: &SynthSpec,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Drawn, SynthError> {
    let set = Set::of(spec)?;
    if !is_free(folder)? {
        return Err(SynthError::NotEmpty(folder.to_owned()));
    }
    // A bare name has no parent that could be opened and synced.
    let folder = if folder.parent() == Some(Path::new("")) { &Path::new(".").join(folder) } else { folder };
    let mut drawn = Drawn { photos: set.photos.len(), bytes: 0 };
    files::publish_folder(folder, |inside| -> Result<(), SynthError> {
        for (name, text) in tables::all(&set) {
            write(&inside.join(name), text.as_bytes())?;
        }
        let images = inside.join(IMAGES);
        files::make_folder(&images)?;
        drawn.bytes = draw_photos(&images, &set, progress, cancel)?;
        Ok(())
    })?;
    Ok(drawn)
}

fn is_free(folder: &Path) -> Result<bool, FileError> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => Ok(false),
        Err(e) => Err(FileError::at("cannot list", folder)(e)),
    }
}

/// Not `files::publish`: the whole folder is published at once, and synced then.
fn write(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    disk::File::create_new(path).and_then(|mut file| file.write_all(bytes)).map_err(FileError::at("cannot write", path))
}

fn draw_photos(images: &Path, set: &Set, progress: &dyn Progress, cancel: &Cancel) -> Result<u64, SynthError> {
    let studio = Studio::new(set);
    let (done, bytes) = (AtomicU64::new(0), AtomicU64::new(0));
    let total = set.photos.len() as u64;
    set.of_brands().into_par_iter().try_for_each(|photos| -> Result<(), SynthError> {
        let Some(first) = photos.first() else { return Ok(()) };
        let printed = studio.print(first.brand);
        photos.par_iter().try_for_each(|photo| {
            cancel.check()?;
            let file = studio.file(photo, &printed);
            write(&images.join(photo.filename()), &file)?;
            bytes.fetch_add(file.len() as u64, Ordering::Relaxed);
            progress.at("drawing", done.fetch_add(1, Ordering::Relaxed) + 1, total, "photos");
            Ok(())
        })
    })?;
    Ok(bytes.into_inner())
}

/// Where photos of a set are taken.
struct Studio<'a> {
    set: &'a Set,
    seed: Seed,
    neighbours: Neighbours,
}

impl<'a> Studio<'a> {
    fn new(set: &'a Set) -> Studio<'a> {
        let seed = Seed::new(set.spec.seed);
        Studio { set, seed, neighbours: Neighbours::of(seed) }
    }

    fn print(&self, brand: usize) -> (Look, Sheet) {
        let brand = &self.set.brands[brand];
        let look = Look::of(self.seed, brand.meigara as u64, brand.variant as u64);
        let sheet = Sheet::print(&look.label);
        (look, sheet)
    }

    /// The bytes of a photo's file.
    fn file(&self, photo: &Photo, printed: &(Look, Sheet)) -> Vec<u8> {
        let draws = &mut self.place(photo).named("file").draws();
        let quality = draws.between(58, 92) as u32;
        let canvas = match photo.fault {
            Fault::TwoBottles { second } => {
                let other = self.print(second);
                self.take(photo, printed, Some((&other.0, &other.1)))
            }
            Fault::NearDuplicate { of } => {
                // The same picture, trimmed a little and passed on through another program.
                let original = self.take(&self.set.photos[of], printed, None);
                let mut trim = |side: i32| draws.between(0, i64::from(side / 14)) as i32;
                let (width, height) = (original.width, original.height);
                let (left, top) = (trim(width), trim(height));
                let (right, bottom) = (width - trim(width), height - trim(height));
                let mut copy = original.enlarged(left, top, right, bottom);
                let gain = draws.between(236, 276) as i32;
                copy.change_all(|_, _, colour| shade(colour, gain));
                copy
            }
            Fault::None | Fault::Single | Fault::WrongLabel { .. } => self.take(photo, printed, None),
        };
        jpeg::encode(&canvas.bytes(), canvas.width as usize, canvas.height as usize, quality)
    }

    fn take(&self, photo: &Photo, printed: &(Look, Sheet), second: Option<Subject<'_>>) -> Canvas {
        let size = self.set.spec.size as i32;
        photo::take((&printed.0, &printed.1), second, &self.neighbours, size, self.place(photo))
    }

    fn place(&self, photo: &Photo) -> Seed {
        self.seed.named("photo").at(photo.brand as u64).at(photo.number)
    }
}
