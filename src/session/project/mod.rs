//! The folder of a competition, opened.
//!
//! Takes the folder that holds `toji.toml` and what the binary knows of its surroundings; gives the
//! facts, the store and the places of everything else. Nothing is written by opening.
//!
//! - [`photos`]: the manifest with its key, and the pictures behind it;
//! - [`boxes`]: tables of boxes that augmentations read;
//! - [`weights`]: the weights that a recipe begins with;
//! - [`watch`]: says when files changed.

pub mod boxes;
pub mod photos;
pub mod watch;
pub mod weights;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Photos, Recipe, SessionError, recipe, schema};
use crate::base::progress::Silent;
use crate::base::{Cancel, Clock, Key, KeyWriter, Value, files};
use crate::book::{self, Diagnostic, Schema};
use crate::dag::Store;
use crate::data::Competition;
use crate::data::folds::{self, Fold};
use crate::data::manifest::edits::{self, Edits};
use crate::learn::backbone::hub::Hub;
use crate::learn::backbone::{self, Cost};
use crate::learn::ops::Processor;
use crate::score::Metric;
use watch::{Stamp, stamp};

/// Takes the log of a run and whether the run begins (else it ends).
pub type Prints = Arc<dyn Fn(&Path, bool) + Send + Sync>;

/// What the library may not ask for by itself.
#[derive(Clone)]
pub struct Surroundings {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// This machine, by whose name queue and runs go, whatever networks run on.
    pub machine: String,
    /// Where networks run.
    pub processor: Processor,
    /// Threads for decoding and augmenting.
    pub threads: usize,
    /// This process.
    pub pid: u32,
    /// Its command line.
    pub command: Vec<String>,
    /// Where hub weights come from.
    pub hub: Hub,
    /// Facts for `recipe.lock.toml` about a project's folder: commit, dirty diff, toolchain, crates' hash, CPU.
    pub facts: Arc<dyn Fn(&Path) -> Value + Send + Sync>,
    /// What this process takes of the machine now. Asked some ten times an epoch; answers at once.
    pub load: Arc<dyn Fn() -> Load + Send + Sync>,
    /// Sends what libraries and panics print into this file too, from the beginning of a run (`true`) to its end (`false`).
    pub prints: Prints,
}

/// What a process takes of its machine. `None` where the machine does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Processor time since the process began, over all of its threads, seconds.
    pub processor_seconds: Option<f64>,
    /// Bytes of memory that are resident.
    pub memory: Option<u64>,
    /// How busy the GPU is that networks run on, 0 to 100.
    pub gpu: Option<f64>,
    /// Bytes of its memory in use, by whomever.
    pub gpu_memory: Option<u64>,
}

impl Surroundings {
    /// The machine and what it computes with, as histories of timings and records of results tell machines apart.
    pub fn bench(&self) -> String {
        self.processor.of(&self.machine)
    }
}

/// A competition's folder.
pub struct Project {
    /// The folder of `toji.toml`.
    pub root: PathBuf,
    /// The folder of everything that is made: `root/.toji`.
    pub toji: PathBuf,
    /// The facts.
    pub competition: Competition,
    /// The facts as settings.
    pub facts: Value,
    /// Artefacts.
    pub store: Store,
    /// What recipes may say.
    pub schema: Schema,
    /// What the binary knows.
    pub around: Surroundings,
    /// What networks cost, by settings and size: counting one means building it.
    costs: Mutex<HashMap<Key, Option<Cost>>>,
    /// Folds by photos and settings: most recipes share them.
    folds: Mutex<HashMap<Key, Arc<Divided>>>,
    /// Keys of files of weights, by their stamps.
    weights: Mutex<HashMap<PathBuf, (Stamp, Key)>>,
}

/// The folds of some photos, with the keys that stages are made of.
pub struct Divided {
    /// The folds.
    pub folds: Arc<Vec<Fold>>,
    /// The key of which photos are where.
    pub key: Key,
    /// For each fold the key of what its training photos are.
    pub train: Vec<Key>,
    /// For each fold how many photos are embedded: queries and gallery, each once.
    pub embedded: Vec<usize>,
    /// The folds in words: what they are made of, what stays together, how far they are from the host's examination.
    pub lines: Vec<String>,
}

/// The name of the facts' file.
pub const FACTS: &str = "toji.toml";
/// The name of the folder of everything that is made.
pub const TOJI: &str = ".toji";
/// The file below it that holds the name of the recipe that was pinned here; empty when the pin was taken off.
pub const PIN: &str = "pin";

impl Project {
    /// Opens the project in `root`.
    ///
    /// # Errors
    /// The mistakes of `toji.toml`, all at once.
    pub fn open(root: &Path, around: &Surroundings) -> Result<Project, Vec<Diagnostic>> {
        Project::open_with(root, around, None, None)
    }

    /// Opens the project in `root` on tables and pictures in the folder `data`, whatever its facts say, with the artefacts of another
    /// project's `.toji`.
    ///
    /// # Errors
    /// As [`Project::open`].
    pub fn open_with(
        root: &Path,
        around: &Surroundings,
        data: Option<&Path>,
        store: Option<&Path>,
    ) -> Result<Project, Vec<Diagnostic>> {
        let file = root.join(FACTS);
        let (facts, _, mut diagnostics) = book::read_facts(&file, &schema::facts());
        if diagnostics.iter().any(Diagnostic::is_error) {
            return Err(diagnostics);
        }
        let mut meant = facts.clone();
        data.iter().for_each(|data| meant.set("data.folder", Value::Text(data.display().to_string())));
        let competition = Competition::of(root, &meant).map_err(|error| {
            diagnostics.push(Diagnostic::of_file(&file, error.to_string()));
            diagnostics
        })?;
        let toji = root.join(TOJI);
        Ok(Project {
            store: Store::open(store.unwrap_or(&toji)),
            root: root.to_owned(),
            toji,
            competition,
            facts,
            schema: schema::recipes(),
            around: around.clone(),
            costs: Mutex::default(),
            folds: Mutex::default(),
            weights: Mutex::default(),
        })
    }

    /// The competition's name, or that of its folder.
    pub fn name(&self) -> String {
        let folder = || self.root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if self.competition.name.is_empty() { folder() } else { self.competition.name.clone() }
    }

    /// The name of the recipe that the others are compared with: what was pinned here, else what `toji.toml` pins.
    pub fn pinned(&self) -> Option<String> {
        let here = files::read_text(&self.toji.join(PIN)).ok().map(|name| name.trim().to_owned());
        let written = || self.competition.workbench.pin.as_ref().map(|pin| recipe::name_of(Path::new(pin)));
        here.or_else(written).filter(|name| !name.is_empty())
    }

    /// What was decided about photos, as `edits.csv` says.
    ///
    /// # Errors
    /// The file's mistakes, with their lines.
    pub fn edits(&self) -> Result<Edits, SessionError> {
        Ok(Edits::read(&self.root.join(edits::FILE), self.competition.data.encoding)?)
    }

    /// All recipes, read, sorted by name.
    pub fn recipes(&self) -> Vec<Recipe> {
        recipe::files_in(&self.competition.workbench.recipes)
            .iter()
            .map(|file| Recipe::read(file, &self.schema))
            .collect()
    }

    /// The recipe that `name` means: a recipe's name or file name, else a path to a Markdown file.
    ///
    /// # Errors
    /// When there is none; the error lists those that there are.
    pub fn recipe(&self, name: &str) -> Result<Recipe, SessionError> {
        let folder = &self.competition.workbench.recipes;
        // A bare name is a recipe's before it is a file's that happens to lie here.
        let candidates = [folder.join(name), folder.join(format!("{name}.md")), PathBuf::from(name)];
        let is_page = |file: &Path| file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("md"));
        if let Some(file) = candidates.iter().find(|file| is_page(file) && file.is_file()) {
            return Ok(Recipe::read(file, &self.schema));
        }
        let there: Vec<String> = recipe::files_in(folder).iter().map(|file| recipe::name_of(file)).collect();
        let there = if there.is_empty() { format!("none in {}", folder.display()) } else { there.join(", ") };
        Err(SessionError::NoSuchRecipe { name: name.to_owned(), there })
    }

    /// What a recipe's network costs for one picture of the size that evaluation gives it, with the side
    /// of that picture; `None` when the recipe names none.
    pub fn cost(&self, recipe: &Recipe) -> Option<(Cost, usize)> {
        let size = weights::evaluation(recipe).ok()?.size();
        let side = size.height.max(size.width);
        self.cost_at(recipe, side).map(|cost| (cost, side))
    }

    /// What a pass of the recipe's network over a square picture of this side costs.
    pub fn cost_at(&self, recipe: &Recipe, side: usize) -> Option<Cost> {
        let table = recipe.settings().get("backbone")?;
        let mut key = KeyWriter::new("cost");
        table.write_key(&mut key);
        let key = key.number(side as u64).finish();
        let mut costs = self.costs.lock().unwrap_or_else(PoisonError::into_inner);
        let count = || backbone::cost(&table.decode().ok()?, side).ok();
        *costs.entry(key).or_insert_with(count)
    }

    /// The folds of a recipe on these photos.
    ///
    /// # Errors
    /// When its scheme does not fit them.
    pub fn divided(&self, recipe: &Recipe, photos: &Photos) -> Result<Arc<Divided>, SessionError> {
        let settings = recipe.settings().get("folds").cloned().unwrap_or_else(Value::table);
        let mut key = KeyWriter::new("folds of");
        settings.write_key(&mut key);
        let key = key.key(&photos.key).key(&photos.columns).key(&photos.dealt).finish();
        if let Some(known) = self.folds.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(known.clone());
        }
        let looks = match folds::asks_for_looks(&settings) {
            true => Some(photos.looks(self, &Silent, &Cancel::new())?),
            false => None,
        };
        let looks = looks.as_ref().map(|looks| looks.as_slice());
        let found = folds::divide(&photos.manifest, &settings, &self.competition.protocol, looks)?;
        let (lines, folds) = (found.lines(&photos.manifest), found.folds);
        let mut division = KeyWriter::new("division 1");
        for list in folds.iter().flat_map(|fold| [&fold.train, &fold.query, &fold.gallery]) {
            division.number(list.len() as u64);
            for &photo in list {
                division.number(u64::from(photo));
            }
        }
        let embedded = |fold: &Fold| {
            let mut places: Vec<u32> = fold.query.iter().chain(&fold.gallery).copied().collect();
            places.sort_unstable();
            places.dedup();
            places.len()
        };
        let divided = Arc::new(Divided {
            key: division.finish(),
            train: folds.iter().map(|fold| photos.manifest.key_of(&fold.train)).collect(),
            embedded: folds.iter().map(embedded).collect(),
            lines,
            folds: Arc::new(folds),
        });
        self.folds.lock().unwrap_or_else(PoisonError::into_inner).insert(key, divided.clone());
        Ok(divided)
    }

    /// The key of a file of weights; read again only when the file changed.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn weights_key(&self, file: &Path) -> Result<Key, SessionError> {
        let now = stamp([file]);
        let mut known = self.weights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((then, key)) = known.get(file)
            && *then == now
            && !now.is_empty()
        {
            return Ok(*key);
        }
        let key = Key::of_bytes(&files::read(file)?);
        known.insert(file.to_owned(), (now, key));
        Ok(key)
    }

    /// The metric's name, as it is shown.
    pub fn metric(&self) -> String {
        let (name, k) = (&self.competition.metric, self.competition.k);
        Metric::named(name, k).map_or_else(|| format!("{name}@{k}"), |metric| metric.to_string())
    }
}
