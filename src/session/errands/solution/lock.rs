//! `solution.lock`: all that a submission was made of, and what came out.
//!
//! Takes a recipe's graph and the line of the ledger; gives TOML text, and reads it back. The tables of a run's lock come first in meaning; added are the text of
//! `toji.toml`, the other files that were read (small texts as they were, of all the hash), the photos by role, seconds of each stage, and what is
//! expected: scores, the submission's bytes, the networks' bytes. A seal over the values tells a lock that was changed by hand from one that was written.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::photos::List;
use crate::base::{Key, KeyWriter, Time, Value, files};
use crate::book;
use crate::data::manifest::edits;
use crate::learn::backbone::{self, Source, hub};
use crate::learn::train::CHECKPOINT;
use crate::score::ledger::Entry;
use crate::session::brew::lock::{self as run, Lock};
use crate::session::project::{FACTS, boxes};
use crate::session::stages::ensemble::members;
use crate::session::{Graph, Photos, Project, Recipe, Rung, SessionError};

/// Texts up to this size stand in the lock: 1 MiB.
const LARGEST: u64 = 1 << 20;

/// Locks above this size are none: 64 MiB.
pub const MOST: u64 = 64 << 20;

/// A solution's lock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Solution {
    /// What its run was made of.
    #[serde(flatten)]
    pub run: Lock,
    /// The competition.
    pub competition: About,
    /// What came out.
    pub expected: Expected,
    /// All photos.
    #[serde(default)]
    pub photos: PhotoLists,
    /// Other files that were read.
    #[serde(default)]
    pub inputs: Vec<Input>,
    /// What the stages took, where it is known.
    #[serde(default)]
    pub times: Vec<Seconds>,
    /// The packed weights, in a pack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packed: Option<Packed>,
}

/// The competition's facts as they were written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Its name.
    pub name: String,
    /// The text of `toji.toml`.
    pub text: String,
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// The submission's file, relative to the project, or its name alone.
    pub file: String,
    /// BLAKE3 of its bytes.
    pub file_hash: Key,
    /// Queries that it answers; 0 where that was not written down.
    #[serde(default)]
    pub rows: usize,
    /// When it was written, in whole seconds since 1970.
    pub date: Time,
    /// "MRR@20".
    pub metric: String,
    /// The score in cross-validation.
    #[serde(default)]
    pub score: Option<f64>,
    /// Its 95 % interval.
    #[serde(default)]
    pub interval: Option<[f64; 2]>,
    /// The score of each training.
    #[serde(default)]
    pub folds: Vec<f64>,
    /// Queries that were answered by a filler.
    #[serde(default)]
    pub filled: usize,
    /// The post steps in words.
    #[serde(default)]
    pub post: Vec<String>,
    /// The trainings whose networks answered.
    #[serde(default)]
    pub networks: Vec<String>,
    /// The trained weights themselves, where they were kept.
    #[serde(default)]
    pub checkpoints: Vec<Checkpoint>,
}

/// Trained weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// "fit fold 0".
    pub stage: String,
    /// BLAKE3 of the checkpoint's file.
    pub blake3: Key,
}

/// All photos of then.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PhotoLists {
    /// The file that lists them, beside the lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// BLAKE3 of that file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_hash: Option<Key>,
    /// The key of what the tables' other columns say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Key>,
    /// The key of what folds are dealt out from besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dealt: Option<Key>,
    /// By what the host gives them for: train, gallery, query, both.
    #[serde(default)]
    pub roles: BTreeMap<String, RoleList>,
}

/// The photos of one role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleList {
    /// How many.
    pub count: usize,
    /// The key of their ids and bytes, in order.
    pub hash: Key,
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Relative to the project; of the host's own tables relative to the data's folder.
    pub file: String,
    /// What it is.
    pub kind: InputKind,
    /// BLAKE3 of its bytes.
    pub hash: Key,
    /// Its size.
    pub bytes: u64,
    /// What it says, of small texts that are the author's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InputKind {
    /// Decisions about photos.
    Edits,
    /// A table of boxes.
    Boxes,
    /// What another program made, as a member of an ensemble.
    Member,
    /// What stands beside weights that training began with, and says what they expect of a picture.
    Description,
    /// One of the host's tables, or its sample of a submission.
    Table,
}

/// What a stage took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seconds {
    /// "fit fold 0".
    pub stage: String,
    /// Seconds of work.
    pub seconds: f64,
    /// On which machine.
    pub machine: String,
}

/// The file of packed weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packed {
    /// Its name in the pack.
    pub file: String,
    /// BLAKE3 of its bytes.
    pub blake3: Key,
}

impl Solution {
    /// What a submission was made of: its line of the ledger with the queries that it answers, and the list of its photos.
    ///
    /// # Errors
    /// When a file that it was made of cannot be read.
    pub fn of(
        project: &Project,
        recipe: &Recipe,
        photos: &Photos,
        graph: &Graph,
        rung: &Rung,
        (entry, rows): (&Entry, usize),
        list: &List,
    ) -> Result<Solution, SessionError> {
        let run = Lock::of(project, recipe, photos, graph, rung);
        let (mut times, mut checkpoints) = (Vec::new(), Vec::new());
        for stage in &run.stages {
            let name = stage.stage.split(' ').next().unwrap_or_default();
            // An ensemble's graph names its members' stages by whose they are.
            let node = graph.nodes.iter().find(|node| node.stage.artefact() == stage.key);
            let name = node.map_or(name, |node| node.stage.name);
            let Some(meta) = project.store.meta(name, &stage.key)? else { continue };
            times.push(Seconds { stage: stage.stage.clone(), seconds: meta.seconds, machine: meta.machine.clone() });
            let weights = meta.files.iter().find(|file| file.name == CHECKPOINT);
            checkpoints.extend(weights.map(|file| Checkpoint { stage: stage.stage.clone(), blake3: file.hash }));
        }
        Ok(Solution {
            competition: About { name: project.name(), text: files::read_text(&project.root.join(FACTS))? },
            expected: Expected { rows, checkpoints, ..expected(entry) },
            photos: PhotoLists {
                list: Some(list.file.clone()),
                list_hash: Some(Key::of_bytes(list.text.as_bytes())),
                columns: Some(photos.columns),
                dealt: Some(photos.dealt),
                roles: list.roles.clone(),
            },
            inputs: inputs(project, recipe, graph)?,
            packed: None,
            times,
            run: own(run),
        })
    }

    /// The lock's text, sealed.
    pub fn text(&self) -> String {
        let mut values = Value::of(self);
        let seal = seal(&values);
        values.set("seal", Value::Text(seal.to_string()));
        format!("# Written by Toji; read by: toji reproduce. Changed by hand it is refused.\n{}", book::print(&values))
    }

    /// Reads a lock from its text.
    ///
    /// # Errors
    /// When it is none, or was changed after it was written; in words.
    pub fn read(text: &str) -> Result<Solution, String> {
        let mut values = book::values(text)?;
        let found: Solution = run::read(text)?;
        let Value::Table(tables) = &mut values else { return Err("it is no table".to_owned()) };
        let sealed = tables.remove("seal").as_ref().and_then(Value::as_text).map(str::to_owned);
        match sealed {
            Some(sealed) if sealed == seal(&values).to_string() => Ok(found),
            Some(_) => {
                Err("it was changed after it was written: its seal does not fit; take the file as Toji wrote it"
                    .to_owned())
            }
            None => Err("it has no seal, so it was cut short, or is another file than solution.lock".to_owned()),
        }
    }

    /// Reads a lock from a file.
    ///
    /// # Errors
    /// When it cannot be read or is none.
    pub fn load(file: &Path) -> Result<Solution, SessionError> {
        Solution::read(&files::read_text(file)?)
            .map_err(|why| SessionError::Unfit(format!("{} cannot be used: {why}", file.display())))
    }

    /// Where the recipe's own text stands, relative to the project.
    pub fn recipe_file(&self) -> Option<&str> {
        self.run.texts.first().map(|text| text.file.as_str())
    }
}

/// What the ledger says of a submission.
pub(super) fn expected(entry: &Entry) -> Expected {
    Expected {
        file: entry.file.display().to_string(),
        file_hash: entry.file_hash,
        rows: 0,
        // As the ledger has it.
        date: Time(entry.date.0.round()),
        metric: entry.metric.clone(),
        score: entry.cv,
        interval: entry.interval,
        folds: entry.folds.clone(),
        filled: entry.filled,
        post: entry.post.clone(),
        networks: entry.networks.clone(),
        checkpoints: Vec::new(),
    }
}

fn seal(values: &Value) -> Key {
    let mut key = KeyWriter::new("solution lock 1");
    values.write_key(&mut key);
    key.finish()
}

/// The run's lock without the text of what was not committed, since the recipes' own texts are there, and without folders of this machine in the command line.
pub(super) fn own(mut run: Lock) -> Lock {
    if let Value::Table(facts) = &mut run.surroundings
        && let Some(diff) = facts.remove("dirty_diff")
    {
        let is_dirty = diff.as_text().is_some_and(|diff| !diff.is_empty());
        facts.insert("dirty".to_owned(), Value::Bool(is_dirty));
    }
    run.head.command = for_others(&run.head.command);
    let mut met = std::collections::BTreeSet::new();
    run.texts.retain(|text| met.insert(text.file.clone()));
    run
}

/// A command line without the folders of the machine on which it was typed: of the program and of files elsewhere their names.
pub(in crate::session::errands) fn for_others(command: &[String]) -> Vec<String> {
    let word = |(i, word): (usize, &String)| match word {
        _ if i == 0 => "toji".to_owned(),
        word if is_elsewhere(word) => file_name(word).to_owned(),
        word => word.clone(),
    };
    command.iter().enumerate().map(word).collect()
}

/// Whether a path says where it lies on one machine: it is absolute, or leads out of the folder it is relative to.
pub(super) fn is_elsewhere(path: &str) -> bool {
    path.starts_with(['/', '~']) || path.starts_with("..") || path.contains(":\\")
}

/// The last step of a path in a lock, which may be of any system.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().filter(|name| !name.is_empty()).unwrap_or("submission.csv")
}

/// All files that were read besides recipes, weights and pictures.
fn inputs(project: &Project, recipe: &Recipe, graph: &Graph) -> Result<Vec<Input>, SessionError> {
    let mut found: Vec<Input> = Vec::new();
    let mut add = |file: &Path, below: &Path, kind: InputKind| -> Result<(), SessionError> {
        if !file.is_file() {
            return Ok(());
        }
        let bytes = files::read(file)?;
        let name = file.strip_prefix(below).unwrap_or(file).display().to_string();
        if found.iter().any(|known| known.file == name && known.kind == kind) {
            return Ok(());
        }
        let (hash, size) = (Key::of_bytes(&bytes), bytes.len() as u64);
        let text = match kind {
            InputKind::Table => None,
            _ if size > LARGEST => None,
            _ => String::from_utf8(bytes).ok(),
        };
        found.push(Input { file: name, kind, hash, bytes: size, text });
        Ok(())
    };
    let (root, folder) = (&project.root, &project.competition.data.folder);
    add(&root.join(edits::FILE), root, InputKind::Edits)?;
    let of_member = |member: &members::Member| match &member.kind {
        members::Kind::Recipe(own) => Some(own.0.clone()),
        members::Kind::Outside(_) => None,
    };
    for recipe in std::iter::once(recipe.clone()).chain(graph.members.iter().filter_map(of_member)) {
        let tables = recipe.settings().get("augment").map(boxes::tables).unwrap_or_default();
        for table in tables {
            add(&root.join(&table.file), root, InputKind::Boxes)?;
        }
        let weights = recipe.settings().get("backbone.weights").and_then(Value::as_text);
        if let Some(Ok(Source::File(file))) = weights.map(backbone::source)
            && let Some(description) = hub::Expected::file_beside(&root.join(file))
        {
            add(&description, root, InputKind::Description)?;
        }
    }
    let is_recipe = |file: &Path| file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("md"));
    for file in members::watched(project, recipe).iter().filter(|file| !is_recipe(file)) {
        add(file, root, InputKind::Member)?;
    }
    let tables = project.competition.tables();
    for file in tables.iter().chain(&project.competition.submission.sample).filter(|file| !file.ends_with(edits::FILE))
    {
        add(file, folder, InputKind::Table)?;
    }
    Ok(found)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn solution() -> Solution {
        let entry: Entry = serde_json::from_str(
            &r#"{"file":"submissions/02.csv","file_hash":"HASH","recipe":"02","recipe_hash":"HASH","metric":"MRR@20","cv":1.0,"interval":[0.4,1.0],"date":1700000000.0}"#
                .replace("HASH", &Key::of_bytes(b"x").to_string()),
        )
        .unwrap();
        let head = run::Head {
            version: run::VERSION,
            recipe: "02".to_owned(),
            rung: "full".to_owned(),
            recipe_key: Key::of_bytes(b"recipe"),
            seed: 7,
            command: vec!["toji".to_owned(), "submit".to_owned()],
            machine: "a box".to_owned(),
            manifest: Key::of_bytes(b"photos"),
        };
        let text = run::LockedText { file: "recipes/02.md".to_owned(), text: "# 酒\n\n```toml\n".to_owned() };
        let (stages, weights, texts) = (Vec::new(), Vec::new(), vec![text]);
        let (surroundings, facts, settings) = (Value::table(), Value::table(), Value::table());
        Solution {
            run: Lock { head, surroundings, facts, settings, stages, weights, texts },
            competition: About { name: "Sake".to_owned(), text: "[data]\n".to_owned() },
            expected: expected(&entry),
            photos: PhotoLists::default(),
            inputs: Vec::new(),
            times: Vec::new(),
            packed: None,
        }
    }

    #[test]
    fn a_lock_comes_back_as_it_was_written() {
        let solution = solution();
        assert_eq!(Solution::read(&solution.text()).unwrap(), solution);
        assert_eq!(solution.text(), solution.text());
        assert_eq!(solution.recipe_file(), Some("recipes/02.md"));
        // Line ends of another system are no change.
        assert_eq!(Solution::read(&solution.text().replace('\n', "\r\n")).unwrap(), solution);
    }

    #[test]
    fn a_changed_lock_is_refused() {
        let text = solution().text();
        for (old, new) in
            [("seed = 7", "seed = 8"), ("# 酒", "# 水"), ("score = 1.0", "score = 0.9"), ("seal = ", "sael = ")]
        {
            assert!(text.contains(old), "{old}: {text}");
            let told = Solution::read(&text.replace(old, new)).unwrap_err();
            assert!(told.contains("seal"), "{told}");
        }
        assert!(Solution::read(&text.replace("version = 1", "version = 2")).unwrap_err().contains("newer Toji"));
        assert!(Solution::read("a = 1\n").unwrap_err().contains("no lock"));
        assert!(Solution::read("a = \n").is_err());
    }
}
