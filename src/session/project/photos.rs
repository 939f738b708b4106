//! The manifest with the key of its content, and the pictures behind it.
//!
//! Takes the facts of a competition; reads its tables, hashes its pictures (from a cache that knows
//! them by path, size, mtime and inode) and gives the manifest. The key depends on ids, labels,
//! roles and the pictures' bytes, not on where the files lie.

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::base::{Cancel, Key, KeyWriter, Progress, files};
use crate::data::batch::{Pack, Pictures};
use crate::data::content::Stamp;
use crate::data::decode::{Header, Picture};
use crate::data::folds::Fold;
use crate::data::manifest::edits::Edits;
use crate::data::manifest::{Report, Skipped};
use crate::data::part::part_of_file;
use crate::data::view::{Area, View};
use crate::data::{DataError, Manifest, Photo, Role, alike, folds};
use crate::session::project::TOJI;
use crate::session::project::boxes::Known;
use crate::session::{Project, Recipe, SessionError};

/// All photos of the project.
pub struct Photos {
    /// What they are.
    pub manifest: Arc<Manifest>,
    /// The key of the manifest's content.
    pub key: Key,
    /// The key of what the tables' other columns say, by which folds may be cut.
    pub columns: Key,
    /// The key of what folds are dealt out from besides: the tables' own photos and the groups, where they were edited.
    pub dealt: Key,
    /// What the reader has to say: an encoding that was guessed, pictures that were skipped.
    pub notes: Vec<String>,
    /// What the files of the manifest's photos were when they were looked at, then those that were left out.
    stamps: Vec<Option<Stamp>>,
    pictures: OnceLock<Arc<Pictures>>,
    /// How training photos look; made when a recipe asks.
    looks: Mutex<Option<Arc<Vec<Option<u64>>>>>,
    /// Tables of boxes that were read.
    pub(super) tables: Known,
    labelled: OnceLock<Arc<(Fold, Key)>>,
    /// Reduced ones, with the key of their pack.
    packed: Mutex<Option<(Key, Arc<Pictures>)>>,
}

/// The file of pictures' hashes, in `.toji`.
pub const CACHE: &str = "pictures.cache";

/// The file of how pictures look, in `.toji`.
pub const LOOKS: &str = "looks.cache";

/// The list of pictures that cannot be used, in `.toji`.
pub const UNUSABLE: &str = "unusable-pictures.txt";
/// Pictures that were left out and are named in the notes; the rest is in the list.
const TOLD: usize = 10;

/// Decoded pictures are kept up to so many bytes: a training set of 4,000 photos at 400 × 530 fits.
const ROOM: u64 = 2 << 30;

impl Photos {
    /// Reads tables and pictures' hashes.
    ///
    /// # Errors
    /// The mistakes in the data, each with file and row.
    pub fn read(project: &Project, progress: &dyn Progress, cancel: &Cancel) -> Result<Photos, SessionError> {
        Photos::read_edited(project, None, progress, cancel)
    }

    /// Reads them as they would be with these decisions instead of those in `edits.csv`.
    ///
    /// # Errors
    /// As [`Photos::read`].
    pub fn read_edited(
        project: &Project,
        edits: Option<&Edits>,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<Photos, SessionError> {
        let cache = project.toji.join(CACHE);
        let list = |all: &[Skipped]| {
            let lines: Vec<String> =
                all.iter().map(|s| format!("{} ({}): {}", s.id, s.path.display(), s.why)).collect();
            files::publish(&project.toji.join(UNUSABLE), (lines.join("\n") + "\n").as_bytes()).map(|()| lines)
        };
        let (manifest, report) = match Manifest::read(&project.competition, &cache, cancel, progress) {
            Ok(read) => read,
            Err(DataError::Pictures { all, total, places }) => {
                list(&all)?;
                let more = all.len() > places.len();
                let error = DataError::Pictures { all, total, places };
                return Err(match more {
                    true => SessionError::Unusable { error: Box::new(error), list: format!("{TOJI}/{UNUSABLE}") },
                    false => error.into(),
                });
            }
            Err(error) => return Err(error.into()),
        };
        let Report { mut notes, mut stamps, .. } = report;
        let own = match edits {
            Some(_) => None,
            None => Some(project.edits()?),
        };
        let edits = edits.or(own.as_ref());
        let (manifest, told) = match edits {
            Some(edits) => edits.apply(manifest)?,
            None => (manifest, Vec::new()),
        };
        notes.extend(told);
        if let Some(edited) = &manifest.edited {
            // Of photos that were dropped nobody asks; those that were left out follow.
            let mut places = edited.place.iter();
            stamps.retain(|_| places.next().is_none_or(Option::is_some));
        }
        if !manifest.skipped.is_empty() {
            let all = list(&manifest.skipped)?;
            notes.extend(all.iter().take(TOLD).map(|line| format!("left out {line}")));
            if all.len() > TOLD {
                notes.push(format!("… and {} more; all are in {TOJI}/{UNUSABLE}", all.len() - TOLD));
            }
        }
        let mut columns = KeyWriter::new("columns 1");
        for (name, column) in &manifest.columns {
            columns.bytes(name.as_bytes());
            for value in &column.values {
                columns.bytes(value.as_bytes());
            }
            for value in &column.of_photo {
                columns.number(value.map_or(0, |value| u64::from(value) + 1));
            }
        }
        let mut dealt = KeyWriter::new("dealt 1");
        if let Some(edited) = &manifest.edited {
            dealt.key(&edited.tables.key());
            for group in &edited.group {
                dealt.number(group.map_or(0, |group| u64::from(group) + 1));
            }
        }
        let (key, columns, dealt) = (manifest.key(), columns.finish(), dealt.finish());
        let manifest = Arc::new(manifest);
        let (pictures, packed, tables) = (OnceLock::new(), Mutex::default(), Known::default());
        let (looks, labelled) = (Mutex::default(), OnceLock::new());
        let photos = Photos { key, columns, dealt, manifest, notes, stamps, pictures, looks, packed, tables, labelled };
        // Here somebody watches the bar; a recipe that asks for it later waits without one.
        let asks = |recipe: &Recipe| recipe.settings().get("folds").is_some_and(folds::asks_for_looks);
        if project.recipes().iter().any(|recipe| !recipe.is_broken() && asks(recipe)) {
            photos.looks(project, progress, cancel)?;
        }
        Ok(photos)
    }

    /// All labelled photos that may be learnt from, as a fold that examines nobody, with its key.
    pub fn labelled(&self) -> &Arc<(Fold, Key)> {
        self.labelled.get_or_init(|| {
            let of = |place: &u32| self.manifest.photos[*place as usize].label.is_some();
            let train: Vec<u32> = self.manifest.with_role(&[Role::Train]).filter(of).collect();
            let key = self.manifest.key_of(&train);
            Arc::new((Fold { train, ..Fold::default() }, key))
        })
    }

    /// The perceptual hash of each training photo, by its place among those of the tables; `None` for others, and for what cannot be
    /// decoded. Looked at once; the file `looks.cache` remembers it by content.
    ///
    /// # Errors
    /// When asked to stop, or when the file cannot be written.
    pub fn looks(
        &self,
        project: &Project,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<Arc<Vec<Option<u64>>>, SessionError> {
        let mut known = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(looks) = known.as_ref() {
            return Ok(looks.clone());
        }
        let tables = self.manifest.tables();
        let photos = &tables.photos;
        let places: Vec<u32> = tables.with_role(&[Role::Train]).collect();
        let pictures: Vec<_> =
            places.iter().map(|&i| (photos[i as usize].content, photos[i as usize].path.as_path())).collect();
        let (limits, cache) = (&project.competition.data.limits, project.toji.join(LOOKS));
        let found = alike::hashes(&project.root, &pictures, limits, &cache, cancel, progress)?;
        let mut looks = vec![None; photos.len()];
        places.into_iter().zip(found).for_each(|(place, hash)| looks[place as usize] = hash);
        Ok(known.insert(Arc::new(looks)).clone())
    }

    /// The pictures by their place in the manifest; decoded when asked for.
    pub fn pictures(&self, project: &Project) -> Arc<Pictures> {
        let open = || {
            let paths = self.manifest.photos.iter().map(|photo| project.root.join(&photo.path)).collect();
            Arc::new(Pictures::new(paths, project.competition.data.limits, ROOM).parts(self.parts()))
        };
        self.pictures.get_or_init(open).clone()
    }

    /// The part of each photo that counts; empty where all count whole.
    fn parts(&self) -> Vec<Option<Area>> {
        let parts = || self.manifest.photos.iter().map(Photo::part);
        if parts().any(|part| part.is_some()) { parts().collect() } else { Vec::new() }
    }

    /// What a view shows of a photo, which nobody keeps: for people to look at.
    ///
    /// # Errors
    /// When the file cannot be decoded; the error names it.
    pub fn look(
        &self,
        project: &Project,
        photo: u32,
        view: impl FnOnce(Header) -> View,
    ) -> Result<Picture, SessionError> {
        let found = self.manifest.photos.get(photo as usize);
        let found = found.ok_or_else(|| SessionError::Unfit(format!("there is no photo {photo}")))?;
        let (file, limits) = (project.root.join(&found.path), &project.competition.data.limits);
        Ok(part_of_file(&file, found.part(), limits, view).map_err(DataError::from)?.picture)
    }

    /// The reduced pictures of the pack `key` in a folder, by their place in the manifest.
    ///
    /// # Errors
    /// When the pack cannot be read.
    pub fn packed(&self, project: &Project, key: Key, folder: &Path) -> Result<Arc<Pictures>, SessionError> {
        let mut known = self.packed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, pictures)) = known.as_ref().filter(|(of, _)| *of == key) {
            return Ok(pictures.clone());
        }
        let photos = &self.manifest.photos;
        let paths = photos.iter().map(|photo| project.root.join(&photo.path)).collect();
        let contents = photos.iter().map(|photo| photo.content).collect();
        let all = Pictures::new(paths, project.competition.data.limits, ROOM)
            .parts(self.parts())
            .packed(Pack::open(folder)?, contents);
        Ok(known.insert((key, Arc::new(all))).1.clone())
    }

    /// How many files [`Photos::is_changed`] can look at.
    pub fn files(&self) -> usize {
        self.stamps.len()
    }

    /// Whether a file is another one than when the photos were read: it changed, came or went.
    pub fn is_changed(&self, project: &Project, file: usize) -> bool {
        let Manifest { photos, skipped, .. } = self.manifest.as_ref();
        let path = match photos.get(file) {
            Some(photo) => &photo.path,
            None => &skipped[file - photos.len()].path,
        };
        Stamp::at(&project.root.join(path)) != self.stamps[file]
    }

    /// The scored label of each photo, by its place in the manifest.
    pub fn labels(&self) -> Vec<Option<u32>> {
        self.manifest.photos.iter().map(|photo| photo.label).collect()
    }
}
