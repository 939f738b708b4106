//! What of the store nobody needs any more.
//!
//! Takes the recipes as they stand, the runs and the ledger; gives every artefact and every folder of unfinished work with its size and
//! whether it stays, and why. Nothing is removed before somebody has seen the list. What stays:
//!
//! - all that the recipes mean now, on every rung of their ladders, with what a submission needs;
//! - what the newest run of each recipe made, which its page still shows, and what a running one makes;
//! - what a submission in the ledger was made of.
//!
//! Runs themselves are history and are never touched here. Folders in which submissions were reproduced go, with the answers in them. While one is
//! at work everything else stays, too: it wants artefacts that no recipe means any more.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::base::files::lock::Lock;
use crate::base::{Key, Time, files};
use crate::dag::{Board, Recorded, RunState, RunView, Runs};
use crate::score::ledger;
use crate::session::brew::lock;
use crate::session::brew::rung::Ladder;
use crate::session::errands::solution::LOCK;
use crate::session::errands::solution::reproduce::source::{WORK, at_work};
use crate::session::{Graph, Photos, Project, Recipe, SessionError};

/// One thing in the store.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Item {
    /// "fit", "embed", …; "work" for what is unfinished, "reproduced" for a submission that was made again.
    pub stage: String,
    /// Its key; of a reproduction the hash of the submission's file.
    pub key: String,
    /// Its size.
    pub bytes: u64,
    /// When it was last written.
    pub date: Time,
    /// Whether it stays.
    pub stays: bool,
    /// Why it stays or goes.
    pub why: String,
    /// Where it lies.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// Everything in the store, the largest that goes first. Only a look: what a run that begins now will use is told by [`remove`] alone.
///
/// # Errors
/// When the ledger cannot be read.
pub fn everything(project: &Project, photos: &Photos) -> Result<Vec<Item>, SessionError> {
    let needed = needed(project, photos)?;
    let mut items = Vec::new();
    for (stage, key) in project.store.list() {
        items.push(item(stage.clone(), key, project.store.place(&stage, &key), needed.get(&key)));
    }
    for folder in folders(&project.toji.join("work")) {
        let Some(key) = folder.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<Key>().ok())
        else {
            continue;
        };
        let mut work = item("work".to_owned(), key, folder, needed.get(&key));
        if work.stays && items.iter().any(|made| made.key == work.key && project.store.has(&made.stage, &key)) {
            // A kill between the two leaves both.
            (work.stays, work.why) = (false, "its artefact is published".to_owned());
        }
        items.push(work);
    }
    let again: Vec<Item> = reproductions(&project.toji.join(WORK)).into_iter().map(reproduced).collect();
    if again.iter().any(|item| item.stays) {
        for item in items.iter_mut().filter(|item| !item.stays) {
            (item.stays, item.why) = (true, "a submission is made again, which may want it".to_owned());
        }
    }
    items.extend(again);
    items.sort_by(|a, b| a.stays.cmp(&b.stays).then(b.bytes.cmp(&a.bytes)).then(a.key.cmp(&b.key)));
    Ok(items)
}

/// Removes what does not stay, and what a killed worker left half written more than a week ago; gives the bytes that were freed.
/// Looks again before it removes, while no run can begin: what one wants that began since the list was made is left, and so is
/// unfinished work that a living worker holds.
///
/// # Errors
/// When the ledger cannot be read, or a folder cannot be removed; those before it are gone.
pub fn remove(project: &Project, photos: &Photos, items: &[Item]) -> Result<u64, SessionError> {
    let _alone = project.store.tidying()?;
    let going: BTreeSet<PathBuf> =
        everything(project, photos)?.into_iter().filter(|item| !item.stays).map(|item| item.folder).collect();
    project.store.sweep(project.around.clock.now());
    let mut freed = 0;
    for item in items.iter().filter(|item| !item.stays && going.contains(&item.folder)) {
        if item.stage == WORK {
            let lock = at_work(&item.folder);
            let Some(_alone) = Lock::try_take(&lock)? else { continue };
            files::remove_folder(&item.folder)?;
            files::remove_file(&lock)?;
        } else if item.stage == "work" {
            let Ok(key) = item.key.parse::<Key>() else { continue };
            let Some(work) = project.store.work(&key)? else { continue };
            work.discard()?;
        } else {
            files::remove_folder(&item.folder)?;
        }
        freed += item.bytes;
    }
    Ok(freed)
}

/// Keys that are needed, each with a reason; the first reason counts.
fn needed(project: &Project, photos: &Photos) -> Result<BTreeMap<Key, String>, SessionError> {
    let mut needed = BTreeMap::new();
    let mut note = |keys: Vec<Key>, why: &str| {
        for key in keys {
            needed.entry(key).or_insert_with(|| why.to_owned());
        }
    };
    // What a recipe means that has mistakes, or does not fit now, nobody knows: all that its runs made stays.
    let mut unknown: BTreeSet<String> = BTreeSet::new();
    for recipe in project.recipes() {
        match meant(project, &recipe, photos) {
            Ok(keys) => note(keys, &format!("{} as it stands", recipe.name)),
            Err(_) => drop(unknown.insert(recipe.name.clone())),
        }
    }
    let runs = Runs::open(&project.toji);
    let mut board = Board::new();
    board.refresh(&runs);
    let mut latest: BTreeSet<String> = BTreeSet::new();
    let handed_in: BTreeSet<Key> = ledger::load(&project.root.join(super::submit::LEDGER))?
        .entries
        .iter()
        .map(|entry| entry.recipe_hash)
        .collect();
    for run in board.runs().rev() {
        let keys = |stages: Vec<Recorded>| stages.iter().map(|stage| stage.key).collect::<Vec<Key>>();
        let Ok(previous) = run.previous() else { continue };
        let recipe = &run.told.recipe;
        if run.state() == RunState::Running {
            // With the prefixes that its trainings may go on from, whatever the recipe has become meanwhile.
            note(previous.stages.iter().flat_map(Recorded::keys).collect(), &format!("{recipe} runs"));
        } else if unknown.contains(recipe) {
            note(keys(previous.stages), &format!("a run of {recipe}, which has mistakes or does not fit now"));
        } else if latest.insert(recipe.clone()) {
            note(keys(previous.stages), &format!("the newest run of {recipe}"));
        } else if recipe_of(run).is_some_and(|hash| handed_in.contains(&hash)) {
            note(keys(previous.stages), &format!("a submission of {recipe} in the ledger"));
        }
    }
    Ok(needed)
}

/// Everything that a recipe means on any rung.
fn meant(project: &Project, recipe: &Recipe, photos: &Photos) -> Result<Vec<Key>, SessionError> {
    if recipe.is_broken() {
        return Err(SessionError::Mistakes(format!("{} has mistakes", recipe.name)));
    }
    let mut keys = Vec::new();
    let ladder = Ladder::of(recipe)?;
    for rung in ladder.all() {
        let mut graph = Graph::of(project, recipe, photos, rung)?;
        // Where the tables name no query of the host, or nothing is trained, there is nothing of it.
        let _ = graph.add_host(project, recipe, photos);
        let _ = graph.add_train(project, recipe, photos);
        graph.add_gain(project, recipe);
        for node in &graph.nodes {
            keys.push(node.stage.artefact());
            // A training goes on from any prefix of it, and unfinished work lies under its own key.
            let whole = node.stage.span.as_ref().map_or(0, |span| span.of);
            keys.extend((1..=whole).map(|at| node.stage.prefix(at)));
        }
    }
    Ok(keys)
}

/// The hash of the recipe that a run's lock names.
fn recipe_of(run: &RunView) -> Option<Key> {
    lock::of_run(run)?.get("lock.recipe_key")?.as_text()?.parse().ok()
}

/// The folders in which submissions were made again: of a hash's name, with what was laid out. Links are not followed, and what is somebody's stays.
fn reproductions(within: &Path) -> Vec<PathBuf> {
    let is_folder = |path: &Path| std::fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
    let is_hash = |path: &Path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.len() == Key::SHORT && name.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let mut found = if is_folder(within) { folders(within) } else { Vec::new() };
    found.retain(|path| is_folder(path) && is_hash(path) && path.join(LOCK).is_file());
    found
}

/// A submission that was made again. What it was made of lies elsewhere, so that it can be made once more.
fn reproduced(folder: PathBuf) -> Item {
    let key = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stays = Lock::is_held(&at_work(&folder));
    let why = match stays {
        true => "a submission is made again here",
        false => "a submission was made again here; its answers lie in it",
    };
    let (bytes, date) = size(&folder);
    Item { stage: WORK.to_owned(), key, bytes, date, stays, why: why.to_owned(), folder }
}

fn item(stage: String, key: Key, folder: PathBuf, needed: Option<&String>) -> Item {
    let (bytes, date) = size(&folder);
    let why = needed.cloned().unwrap_or_else(|| match stage.as_str() {
        "work" => "unfinished, and no recipe wants it".to_owned(),
        _ => "no recipe means it any more".to_owned(),
    });
    Item { stage, key: key.to_string(), bytes, date, stays: needed.is_some(), why, folder }
}

/// Bytes in a folder and in those inside, and when something in it was last written. Links are not followed.
fn size(folder: &Path) -> (u64, Time) {
    let (mut bytes, mut date) = (0, 0.0f64);
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(found) = entry.metadata() else { continue };
        let since = found.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        date = date.max(since.map_or(0.0, |since| since.as_secs_f64()));
        if found.is_dir() {
            let (inside, last) = size(&entry.path());
            (bytes, date) = (bytes + inside, date.max(last.0));
        } else {
            bytes += found.len();
        }
    }
    (bytes, Time(date))
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    found.sort();
    found
}
