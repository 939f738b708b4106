//! A review on disk: `.toji/reviews/NAME.json`, published whole, the newest of each recipe.
//!
//! Photos stand there by role and id, since their places change whenever one is dropped. Reading it gives those that are still there, with what
//! `edits.csv` says of them by now; where photos, folds or networks are others than then, it says that it is stale and stays readable.

use std::collections::HashMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Entry, Listed, Review};
use crate::base::files::{self, FileError};
use crate::base::{Key, Time};
use crate::data::manifest::edits::{Action, Edits, crop_text};
use crate::review::{Kind, Proposal, Suspect};
use crate::session::errands::looking::Seen;
use crate::session::{Photos, Project, SessionError};

/// Suspects of a kind that are kept; nobody looks at more.
const KEPT: usize = 1000;
/// Photos that a suspect is shown with.
const WITH: usize = 12;
/// A file of more bytes is none that was written here: eighteen full lists of names of hundreds of characters have less.
const MOST: u64 = 128 << 20;
/// Raised when the file's form changes.
const FORM: u32 = 1;

/// A photo as the file names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Name(String, String);

/// The file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    form: u32,
    recipe: String,
    trained: bool,
    photos: usize,
    made: Time,
    /// Of photos and networks.
    key: Key,
    notes: Vec<String>,
    lists: Vec<List>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct List {
    kind: Kind,
    over: usize,
    suspects: Vec<One>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct One {
    photo: Name,
    with: Vec<Name>,
    score: f64,
    over: bool,
    reason: String,
    proposal: String,
    value: String,
}

/// What a review was made by.
pub(super) struct Made {
    /// The recipe; empty for pictures alone.
    pub recipe: String,
    /// Whether its networks were trained.
    pub trained: bool,
    /// Of photos and networks.
    pub key: Key,
    /// What is worth saying.
    pub notes: Vec<String>,
}

/// The file of a recipe's review; of pictures alone for an empty name.
pub fn path(project: &Project, recipe: &str) -> PathBuf {
    let name = if recipe.is_empty() { "pictures" } else { recipe };
    // A name with a slash, or one that is too long, is no file.
    let plain =
        name.len() <= 80 && name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c)) && !name.starts_with('.');
    let name = if plain { name.to_owned() } else { Key::of_bytes(name.as_bytes()).to_string() };
    project.toji.join("reviews").join(format!("{}{name}.json", if recipe.is_empty() { "" } else { "of-" }))
}

/// Publishes a review.
pub(super) fn save(project: &Project, photos: &Photos, made: Made, suspects: Vec<Suspect>) -> Result<(), SessionError> {
    let all = &photos.manifest.photos;
    let name = |photo: u32| all.get(photo as usize).map(|photo| Name(photo.role.name().to_owned(), photo.id.clone()));
    let mut lists: Vec<List> = Kind::ALL.into_iter().map(|kind| List { kind, over: 0, suspects: Vec::new() }).collect();
    for suspect in suspects {
        let (Some(list), Some(photo)) = (lists.iter_mut().find(|list| list.kind == suspect.kind), name(suspect.photo))
        else {
            continue;
        };
        list.over += usize::from(suspect.is_over);
        let (proposal, value) = proposed(photos, &suspect);
        let with = suspect.with.iter().take(WITH).filter_map(|photo| name(*photo)).collect();
        let (score, over, reason) = (suspect.score, suspect.is_over, suspect.reason);
        list.suspects.push(One { photo, with, score, over, reason, proposal, value });
    }
    for list in &mut lists {
        // Stable: of equal ones the first of the tables.
        list.suspects.sort_by(|a, b| b.over.cmp(&a.over).then(b.score.total_cmp(&a.score)));
        list.suspects.truncate(KEPT);
    }
    let Made { recipe, trained, key, notes } = made;
    let (form, photos, made) = (FORM, all.len(), project.around.clock.now());
    let file = path(project, &recipe);
    let record = Record { form, recipe, trained, photos, made, key, notes, lists };
    let text = serde_json::to_vec(&record).map_err(|e| SessionError::Unfit(format!("a review: {e}")))?;
    Ok(files::publish(&file, &text)?)
}

/// The action and the value of a proposal, as `edits.csv` would have them.
fn proposed(photos: &Photos, suspect: &Suspect) -> (String, String) {
    let manifest = &photos.manifest;
    let word = |action: Action| action.name().to_owned();
    match &suspect.proposal {
        Proposal::Look => (String::new(), String::new()),
        Proposal::Drop => (word(Action::Drop), String::new()),
        Proposal::Relabel(label) => {
            (word(Action::Relabel), manifest.labels.get(*label as usize).cloned().unwrap_or_default())
        }
        Proposal::Crop(region) => {
            let Some(photo) = manifest.photos.get(suspect.photo as usize) else { return Default::default() };
            (word(Action::Crop), crop_text(photo.area(*region)))
        }
        Proposal::Group => {
            let first = suspect.with.iter().chain([&suspect.photo]).min().copied().unwrap_or(suspect.photo);
            let id = manifest.photos.get(first as usize).map(|photo| photo.id.clone()).unwrap_or_default();
            (word(Action::Group), format!("with {id}"))
        }
    }
}

/// The newest review of a recipe (of pictures alone for an empty name); nothing where there is none. `key` is what a review made now would
/// be made of, where that is known.
///
/// # Errors
/// When the file is there and cannot be read as one.
pub fn load(
    project: &Project,
    photos: &Photos,
    recipe: &str,
    key: Option<Key>,
) -> Result<Option<Review>, SessionError> {
    let file = path(project, recipe);
    let broken = |why: String| {
        let why = std::io::Error::new(std::io::ErrorKind::InvalidData, why);
        SessionError::from(FileError::at("cannot read the review in", &file)(why))
    };
    // A viewer reads it, and must not grow by whatever lies there.
    if std::fs::metadata(&file).is_ok_and(|about| about.len() > MOST) {
        return Err(broken("it is too large for one; remove it, and have it made again".to_owned()));
    }
    let bytes = match files::read(&file) {
        Err(error) if error.is_missing() => return Ok(None),
        bytes => bytes?,
    };
    let mut record: Record =
        serde_json::from_slice(&bytes).map_err(|e| broken(format!("{e}; remove it, and have it made again")))?;
    for list in &mut record.lists {
        list.suspects.truncate(KEPT);
        list.suspects.iter_mut().for_each(|one| one.with.truncate(WITH));
    }
    if record.form != FORM {
        return Ok(None);
    }
    let edits = project.edits()?;
    Ok(Some(shown(record, photos, &decisions(&edits), key)))
}

/// What `edits.csv` says of each id, in words: the newest of each action.
fn decisions(edits: &Edits) -> HashMap<&str, String> {
    let mut by_id: HashMap<&str, Vec<(Action, &str)>> = HashMap::new();
    for (edit, _) in &edits.rows {
        let known = by_id.entry(&edit.id).or_default();
        let ends = |action: Action| {
            action == edit.action
                || matches!((action, edit.action), (Action::Drop, Action::Keep) | (Action::Keep, Action::Drop))
        };
        known.retain(|(action, _)| !ends(*action));
        let is_taken_back = edit.value.is_empty() && !matches!(edit.action, Action::Keep | Action::Drop);
        if !is_taken_back {
            known.push((edit.action, &edit.value));
        }
    }
    let words = |(action, value): &(Action, &str)| match value.is_empty() {
        true => action.name().to_owned(),
        false => format!("{} {value}", action.name()),
    };
    let told = by_id.into_iter().filter(|(_, all)| !all.is_empty());
    told.map(|(id, all)| (id, all.iter().map(words).collect::<Vec<_>>().join(", "))).collect()
}

fn shown(record: Record, photos: &Photos, decided: &HashMap<&str, String>, key: Option<Key>) -> Review {
    // A photo that was dropped is in the tables still, and is shown with that.
    let tables = photos.manifest.tables();
    let mut of: HashMap<(&str, &str), u32> = HashMap::with_capacity(photos.manifest.photos.len());
    for (place, photo) in (0u32..).zip(&photos.manifest.photos) {
        of.entry((photo.role.name(), &photo.id)).or_insert(place);
    }
    let mut gone: HashMap<(&str, &str), u32> = HashMap::new();
    if let Some(edited) = &photos.manifest.edited {
        for ((place, photo), now) in (0u32..).zip(&tables.photos).zip(&edited.place) {
            if now.is_none() {
                gone.entry((photo.role.name(), &photo.id)).or_insert(place);
            }
        }
    }
    let seen = |Name(role, id): &Name| -> Option<Seen> {
        let name = (role.as_str(), id.as_str());
        match of.get(&name) {
            Some(place) => Seen::of(&photos.manifest, *place),
            // It has no place any more; nobody shows it by one.
            None => {
                gone.get(&name).and_then(|place| Seen::of(tables, *place)).map(|seen| Seen { photo: u32::MAX, ..seen })
            }
        }
    };
    let entry = |one: One| -> Option<Entry> {
        let own = seen(&one.photo)?;
        let Seen { photo, id, file, part, label, is_of_host } = own;
        let decided = decided.get(id.as_str()).filter(|_| !is_of_host).cloned();
        let One { score, over, reason, proposal, value, with, .. } = one;
        let with = with.iter().filter_map(seen).collect();
        Some(Entry {
            photo,
            id,
            file,
            part,
            label,
            is_of_host,
            score,
            is_over: over,
            reason,
            proposal,
            value,
            with,
            decided,
        })
    };
    let lists = record.lists.into_iter().map(|List { kind, over, suspects }| Listed {
        kind,
        over,
        suspects: suspects.into_iter().filter_map(entry).collect(),
    });
    let stale = key
        .filter(|key| *key != record.key)
        .map(|_| "photos, folds or networks are others than when it was made".to_owned());
    let Record { recipe, trained, photos, notes, .. } = record;
    let lists = lists.filter(|list| !list.suspects.is_empty()).collect();
    Review { recipe, trained, stale, photos, notes, lists }
}
