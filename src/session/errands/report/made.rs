//! By what a recipe was made: time and disk of each kind of stage, machine, toolchain, seeds, hashes, weights.
//!
//! Takes the artefacts' descriptions and the run's lock; gives what they say. What the lock does not have is absent.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use super::subject::Meant;
use super::{Gaps, Lack};
use crate::base::{Key, Value};
use crate::session::errands::solution::lock::for_others;
use crate::session::{Project, SessionError};

/// What the stages of one kind took.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Took {
    /// "fit".
    pub stage: String,
    /// How many are in the store.
    pub count: usize,
    /// How many are not.
    pub missing: usize,
    /// Seconds.
    pub seconds: f64,
    /// Bytes of their artefacts.
    pub bytes: u64,
    /// Where they were made.
    pub machines: Vec<String>,
}

/// By what it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Made {
    /// The run that came to the score.
    pub run: Option<String>,
    /// Machine and device.
    pub machine: Option<String>,
    /// The processor.
    pub cpu: Option<String>,
    /// Its threads.
    pub threads: Option<String>,
    /// The card.
    pub gpu: Option<String>,
    /// System and architecture.
    pub os: Option<String>,
    /// The program's version.
    pub toji: Option<String>,
    /// The compiler's.
    pub rustc: Option<String>,
    /// BLAKE3 of the list of crates that the program was built of.
    pub crates: Option<String>,
    /// The commit of the project's repository.
    pub commit: Option<String>,
    /// Whether files differed from that commit.
    pub dirty: Option<bool>,
    /// The command line.
    pub command: Vec<String>,
    /// The recipe's seed.
    pub seed: u64,
    /// The key of the photos and tables.
    pub manifest: Option<String>,
    /// The key of the recipe's settings.
    pub recipe: String,
    /// BLAKE3 of the file that was handed in.
    pub file: Option<Key>,
    /// The weights that training began with.
    pub weights: Vec<Weights>,
    /// The keys of all stages.
    pub keys: Vec<(String, Key)>,
}

/// A file of weights.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Weights {
    /// As the recipe names it.
    pub file: String,
    /// The commit of its repository.
    pub commit: Option<String>,
    /// Its hash, with the name of the function before it: `sha256 …`.
    pub hash: Option<String>,
    /// Its licence; `None` where nobody says.
    pub licence: Option<String>,
}

/// What each kind of stage took, in the order in which they run.
pub(super) fn stages(project: &Project, meant: &Meant) -> Result<Vec<Took>, SessionError> {
    let mut found: Vec<Took> = Vec::new();
    let mut counted = HashSet::new();
    for stage in meant.stages.iter().filter(|stage| counted.insert((&stage.name, stage.key))) {
        let place = match found.iter().position(|took| took.stage == stage.name) {
            Some(place) => place,
            None => {
                found.push(Took { stage: stage.name.clone(), ..Took::default() });
                found.len() - 1
            }
        };
        let took = &mut found[place];
        match project.store.meta(&stage.name, &stage.key)? {
            Some(meta) => {
                took.count += 1;
                took.seconds += meta.seconds;
                took.bytes += meta.bytes;
                if !took.machines.contains(&meta.machine) {
                    took.machines.push(meta.machine);
                }
            }
            None => took.missing += 1,
        }
    }
    Ok(found)
}

/// Tells of its making.
pub(super) fn tell(project: &Project, meant: &Meant, gaps: &mut Gaps) -> Made {
    let name = &meant.recipe.name;
    let of = |name: &str| meant.locked(name);
    let weights = weights(meant.lock.as_ref());
    gaps.lacks(meant.lock.is_none(), Lack::Run, || format!("toji run {name} --rung {}", meant.rung));
    let commit = of("surroundings.commit");
    gaps.lacks(meant.lock.is_some() && commit.is_none(), Lack::Commit, || {
        "git init, and a commit before the next toji run".to_owned()
    });
    let unnamed = weights.iter().find(|weights| weights.licence.is_none());
    gaps.lacks(unnamed.is_some(), Lack::Licence, || {
        let file = unnamed.map(|weights| weights.file.clone()).unwrap_or_default();
        format!("take weights whose repository names a licence, or write where {file} is from into the recipe's prose")
    });
    // A run keeps what was not committed, a submission only whether there was any.
    let dirty = || match meant.lock.as_ref()?.get("surroundings.dirty") {
        Some(Value::Bool(dirty)) => Some(*dirty),
        _ => meant.lock.as_ref()?.get("surroundings.dirty_diff")?.as_text().map(|diff| !diff.is_empty()),
    };
    let command = match meant.lock.as_ref().and_then(|lock| lock.get("lock.command")) {
        // Folders are nobody's business.
        Some(Value::List(words)) => {
            for_others(&words.iter().filter_map(Value::as_text).map(str::to_owned).collect::<Vec<_>>())
        }
        _ => Vec::new(),
    };
    let keys: BTreeMap<&String, Key> = meant.stages.iter().map(|stage| (&stage.label, stage.key)).collect();
    let mut met = HashSet::new();
    let ordered = meant.stages.iter().filter(|stage| met.insert(&stage.label));
    Made {
        run: meant.run.as_ref().map(|run| run.id().to_owned()),
        machine: of("lock.machine"),
        cpu: of("surroundings.cpu"),
        threads: of("surroundings.threads"),
        gpu: of("surroundings.gpu"),
        os: of("surroundings.os"),
        toji: of("surroundings.toji"),
        rustc: of("surroundings.rustc"),
        crates: of("surroundings.crates"),
        dirty: commit.as_ref().and_then(|_| dirty()),
        commit,
        command,
        seed: meant.recipe.seed_number(),
        manifest: of("lock.manifest"),
        recipe: meant.recipe.key().to_string(),
        file: meant.entry.as_ref().map(|entry| entry.file_hash),
        weights: if weights.is_empty() { begun_with(project, meant) } else { weights },
        keys: ordered.filter_map(|stage| Some((stage.label.clone(), *keys.get(&stage.label)?))).collect(),
    }
}

/// The weights that a lock keeps.
fn weights(lock: Option<&Value>) -> Vec<Weights> {
    let Some(Value::List(all)) = lock.and_then(|lock| lock.get("weights")) else { return Vec::new() };
    let text = |entry: &Value, name: &str| entry.get(name).and_then(Value::as_text).map(str::to_owned);
    let hash =
        |entry: &Value| ["sha256", "blake3"].iter().find_map(|name| Some(format!("{name} {}", text(entry, name)?)));
    let one = |entry: &Value| Weights {
        file: text(entry, "file").unwrap_or_default(),
        commit: text(entry, "commit"),
        hash: hash(entry),
        licence: text(entry, "licence").filter(|licence| licence != "unknown"),
    };
    all.iter().map(one).collect()
}

/// What the recipe begins with, where no lock says it.
fn begun_with(project: &Project, meant: &Meant) -> Vec<Weights> {
    let settings = meant.recipe.settings().get("backbone").and_then(|table| table.decode().ok());
    let found = settings.and_then(|settings| project.weights(&settings).ok().flatten());
    let one = |weights: crate::session::project::weights::Weights| Weights {
        file: weights.name,
        commit: weights.commit,
        hash: weights.sha256.map(|hash| format!("sha256 {hash}")),
        licence: weights.licence,
    };
    found.map(one).into_iter().collect()
}
