//! What is to be made again, and where its parts are.
//!
//! Takes a pack (zip or unpacked), a lock alone, or a line of the ledger in its project; gives the lock with the places of data, packed weights, the list of photos and the
//! submission of then. `SETTINGS.json` of an unpacked pack says where its folders are; what is said on the command line goes before it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::photos::{self, Listed};
use super::super::{FOLDER, LOCK, Solution, laid, lock, past};
use crate::base::files::unpack::{self, inside};
use crate::base::{Key, Value, files};
use crate::score::ledger::Entry;
use crate::session::project::FACTS;
use crate::session::{Project, SessionError};

/// The file of a pack that says where its folders are.
pub const SETTINGS: &str = "SETTINGS.json";

/// The folder in which a solution is laid out, beside its lock.
pub const WORK: &str = "reproduced";

/// The lock that is held while something is laid out and made again in a folder: beside it.
pub fn at_work(folder: &Path) -> PathBuf {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    folder.with_file_name(format!("{name}.lock"))
}

/// A solution with the places of its parts.
pub struct Source {
    /// The lock.
    pub solution: Solution,
    /// Whether it is the submission's own lock, and not its run's.
    pub whole: bool,
    /// The folder of the tables and pictures.
    pub data: PathBuf,
    /// The folder in which it is laid out.
    pub work: PathBuf,
    /// The folder of the answers, where no file is named for them.
    pub answers: PathBuf,
    /// The `.toji` whose artefacts are used, where that is another project's.
    pub store: Option<PathBuf>,
    /// The folder that has large files under the lock's names for them.
    pub files: Option<PathBuf>,
    /// Packed weights.
    pub weights: Option<PathBuf>,
    /// The photos of then.
    pub photos: Option<Vec<Listed>>,
    /// The text of the submission of then.
    pub submission: Option<String>,
}

impl Source {
    /// A lock, a pack, or the folder of one that was unpacked.
    ///
    /// # Errors
    /// When it is none of these, was changed, may not be unpacked, or nobody says where the data is.
    pub fn open(path: &Path, data: Option<&Path>) -> Result<Source, SessionError> {
        if path.is_dir() {
            return Source::of_folder(path, data);
        }
        if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("zip")) {
            let folder = unpacked(path)?;
            // Who made it says where things lie in it, and nowhere else.
            Settings::read(&folder)?.stay_inside()?;
            return Source::of_folder(&folder, data);
        }
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        if path.file_name().is_some_and(|name| name == LOCK) && folder.join(FACTS).is_file() {
            return Source::of_folder(folder, data);
        }
        let solution = Solution::load(path)?;
        let Some(data) = data else {
            let text = format!(
                "{} holds no data: say where the competition's tables and pictures are with --data DIR",
                path.display()
            );
            return Err(SessionError::Unfit(text));
        };
        let work = folder.join(format!("{WORK}-{}", solution.expected.file_hash.short()));
        Ok(Source {
            photos: listed(folder, &solution)?,
            whole: true,
            data: data.to_owned(),
            answers: work.join("submissions"),
            work,
            store: None,
            files: None,
            weights: None,
            submission: None,
            solution,
        })
    }

    /// A line of the ledger, in its project.
    ///
    /// # Errors
    /// When nothing is kept of it.
    pub fn of_line(project: &Project, entry: &Entry, data: Option<&Path>) -> Result<Source, SessionError> {
        let (solution, whole) = past::find(project, entry)?;
        let folder = project.root.join(FOLDER);
        let work = project.toji.join(WORK).join(entry.file_hash.short());
        Ok(Source {
            photos: listed(&folder, &solution)?,
            whole,
            data: data.unwrap_or(&project.competition.data.folder).to_owned(),
            answers: work.join("submissions"),
            work,
            store: Some(project.toji.clone()),
            files: Some(project.root.clone()),
            weights: None,
            submission: submission(&project.root.join(&entry.file), &solution),
            solution,
        })
    }

    /// A pack that was unpacked.
    fn of_folder(folder: &Path, data: Option<&Path>) -> Result<Source, SessionError> {
        let file = folder.join(LOCK);
        if !file.is_file() {
            let text = format!(
                "{} has no {LOCK}: name a pack that toji pack wrote, or the folder that it was unpacked to",
                folder.display()
            );
            return Err(SessionError::Unfit(text));
        }
        let solution = Solution::load(&file)?;
        let settings = Settings::read(folder)?;
        let data = match data {
            Some(data) => data.to_owned(),
            None => {
                let written = solution.run.facts.get("data.folder").and_then(Value::as_text).unwrap_or(".");
                settings.place(folder, "RAW_DATA_DIR", written)
            }
        };
        if !data.is_dir() {
            let text = format!(
                "there is no folder {}: say where the competition's tables and pictures are with --data DIR, or RAW_DATA_DIR in {SETTINGS}",
                data.display()
            );
            return Err(SessionError::Unfit(text));
        }
        let weights = match &solution.packed {
            None => None,
            Some(packed) => {
                let name = inside(&packed.file).ok_or_else(|| odd(&packed.file))?;
                let own = name.file_name().map(PathBuf::from).unwrap_or_default();
                Some(settings.place(folder, "MODEL_DIR", "models").join(own)).filter(|file| file.is_file())
            }
        };
        let then = folder.join("submissions").join(lock::file_name(&solution.expected.file));
        let work = settings.place(folder, "CHECKPOINT_DIR", WORK);
        Ok(Source {
            photos: listed(folder, &solution)?,
            whole: true,
            data,
            answers: if settings.0.contains_key("SUBMISSION_DIR") {
                settings.place(folder, "SUBMISSION_DIR", "answers")
            } else {
                work.join("submissions")
            },
            work,
            store: None,
            files: Some(folder.to_owned()),
            weights,
            submission: submission(&then, &solution),
            solution,
        })
    }

    /// Whether the packed weights have the bytes that the lock says; `None` where there are none.
    pub(super) fn weights_are_whole(&self) -> Option<bool> {
        let packed = self.solution.packed.as_ref()?;
        Some(self.weights.as_ref().is_some_and(|file| laid::is_it(file, packed.blake3)))
    }
}

fn odd(name: &str) -> SessionError {
    SessionError::Unfit(format!("the lock names the file {name:?}, which lies outside of the pack"))
}

/// `SETTINGS.json`: names of folders.
struct Settings(BTreeMap<String, String>);

impl Settings {
    fn read(folder: &Path) -> Result<Settings, SessionError> {
        let file = folder.join(SETTINGS);
        if !file.is_file() {
            return Ok(Settings(BTreeMap::new()));
        }
        let read = serde_json::from_str(&files::read_text(&file)?);
        let why = |error| SessionError::Unfit(format!("{} is no table of names and folders: {error}", file.display()));
        read.map(Settings).map_err(why)
    }

    /// Refuses folders outside of the pack's own, but for the data, which a person says.
    fn stay_inside(&self) -> Result<(), SessionError> {
        let outside = |(name, place): &(&String, &String)| {
            name.as_str() != "RAW_DATA_DIR"
                && !place.is_empty()
                && unpack::inside(place.trim_end_matches('/')).is_none()
        };
        match self.0.iter().find(outside) {
            None => Ok(()),
            Some((name, place)) => Err(SessionError::Unfit(format!(
                "SETTINGS.json of the pack wants to write to {place:?} ({name}), outside of its own folder: change that in the unpacked folder if you mean it, and reproduce the folder"
            ))),
        }
    }

    /// A folder, relative to that of the pack.
    fn place(&self, folder: &Path, name: &str, usual: &str) -> PathBuf {
        folder.join(self.0.get(name).map(String::as_str).filter(|said| !said.is_empty()).unwrap_or(usual))
    }
}

/// Unpacks a pack into a folder beside it, or finds it there.
fn unpacked(zip: &Path) -> Result<PathBuf, SessionError> {
    let folder = zip.with_extension("");
    let refuse = |why: String| SessionError::Unfit(format!("{} cannot be used: {why}", zip.display()));
    let bytes = unpack::entry(zip, LOCK, lock::MOST)?;
    let bytes = bytes.ok_or_else(|| refuse(format!("it has no {LOCK}, so toji pack did not write it")))?;
    let text = String::from_utf8(bytes).map_err(|_| refuse(format!("its {LOCK} is no text")))?;
    Solution::read(&text).map_err(|why| refuse(format!("its {LOCK}: {why}")))?;
    if folder.exists() {
        if files::read_text(&folder.join(LOCK)).is_ok_and(|there| there == text) {
            return Ok(folder);
        }
        return Err(refuse(format!(
            "it is unpacked to {}, and something else is there: remove or rename that",
            folder.display()
        )));
    }
    unpack::unpack(zip, &folder)?;
    Ok(folder)
}

/// The list of the photos, where it is beside the lock; one with other bytes is refused.
fn listed(folder: &Path, solution: &Solution) -> Result<Option<Vec<Listed>>, SessionError> {
    let (Some(name), Some(hash)) = (&solution.photos.list, solution.photos.list_hash) else { return Ok(None) };
    let file = folder.join(inside(name).ok_or_else(|| odd(name))?);
    if !file.is_file() {
        return Ok(None);
    }
    let text = files::read_text(&file)?;
    let refuse = |why: &str| SessionError::Unfit(format!("{} cannot be used: {why}", file.display()));
    if Key::of_bytes(text.as_bytes()) != hash {
        return Err(refuse("it was changed after it was written; take the file as Toji wrote it, or remove it"));
    }
    photos::read(&text).map(Some).map_err(|why| refuse(&why))
}

/// The submission of then, where its file still has these bytes.
fn submission(file: &Path, solution: &Solution) -> Option<String> {
    let text = files::read_text(file).ok()?;
    (Key::of_bytes(text.as_bytes()) == solution.expected.file_hash).then_some(text)
}
