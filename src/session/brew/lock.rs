//! `recipe.lock.toml`: all that is needed to do a run again, there from the first moment.
//!
//! Takes the recipe, the stages and what the binary knows of its surroundings; gives the text, and reads it back. Every
//! result can be traced to it: the texts of the recipe and its parents, the canonical settings, the
//! stages' keys, the data's hash, the weights that training began with (file, hash, licence), commit and dirty
//! diff, toolchain, machine, seed, command line. What a submission keeps ([`crate::session::errands::solution`]) is this with more.

use serde::{Deserialize, Serialize};

use crate::base::{Key, Value, files};
use crate::book;
use crate::dag::RunView;
use crate::learn::backbone::Settings;
use crate::session::brew::graph::decode;
use crate::session::project::weights::in_words;
use crate::session::stages::ensemble::members::Kind;
use crate::session::{Graph, Photos, Project, Recipe, Rung};

/// Raised when fields change their meaning.
pub const VERSION: i64 = 1;

/// What a run was made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lock {
    /// What it was.
    #[serde(rename = "lock")]
    pub head: Head,
    /// Commit, toolchain, crates, CPU, GPU and system, as the binary tells them.
    #[serde(default = "Value::table")]
    pub surroundings: Value,
    /// `toji.toml` as settings.
    #[serde(default = "Value::table")]
    pub facts: Value,
    /// The recipe's canonical settings.
    #[serde(default = "Value::table")]
    pub settings: Value,
    /// Its stages in order.
    #[serde(default)]
    pub stages: Vec<LockedStage>,
    /// What training began with: one for the recipe and for each member of an ensemble that does not begin with draws.
    #[serde(default)]
    pub weights: Vec<LockedWeights>,
    /// The texts of the recipe and its parents, and of an ensemble's members; the recipe's own first.
    #[serde(default)]
    pub texts: Vec<LockedText>,
}

/// The first table of a lock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// [`VERSION`].
    pub version: i64,
    /// The recipe's name.
    pub recipe: String,
    /// How far up the ladder.
    pub rung: String,
    /// The hash of its settings.
    pub recipe_key: Key,
    /// What its draws are a function of.
    pub seed: i64,
    /// The command line that asked for it.
    #[serde(default)]
    pub command: Vec<String>,
    /// The machine and what it computes with.
    #[serde(default)]
    pub machine: String,
    /// The key of what all photos are.
    pub manifest: Key,
}

/// A stage's identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedStage {
    /// "fit fold 0".
    pub stage: String,
    /// The version of its algorithm.
    pub version: i64,
    /// Its artefact's key.
    pub key: Key,
}

/// Weights that training began with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedWeights {
    /// As the recipe names them: `hf:timm/…`, or a file relative to the project.
    pub file: String,
    /// A hub's commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The file's SHA-256, as a hub names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// BLAKE3 of the file, where no hub names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blake3: Option<Key>,
    /// The licence; "unknown" where nothing says it.
    pub licence: String,
    /// What they expect of a picture, in words.
    #[serde(default)]
    pub expects: String,
}

/// A file of text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedText {
    /// Relative to the project, with `/`; absolute where it lies outside.
    pub file: String,
    /// What it said.
    pub text: String,
}

impl Lock {
    /// What a recipe's graph is made of.
    pub fn of(project: &Project, recipe: &Recipe, photos: &Photos, graph: &Graph, rung: &Rung) -> Lock {
        let head = Head {
            version: VERSION,
            recipe: recipe.name.clone(),
            rung: rung.to_string(),
            recipe_key: recipe.key(),
            seed: recipe.seed_number() as i64,
            command: project.around.command.clone(),
            machine: project.around.bench(),
            manifest: photos.key,
        };
        let stage = |node: &crate::dag::Node| LockedStage {
            stage: node.stage.label(),
            version: i64::from(node.stage.version),
            key: node.stage.artefact(),
        };
        let members = || {
            graph.members.iter().filter_map(|member| match &member.kind {
                Kind::Recipe(own) => Some(&own.0),
                Kind::Outside(_) => None,
            })
        };
        let all = || std::iter::once(recipe).chain(members());
        let text = |(file, text): &(std::path::PathBuf, String)| {
            let file = file.strip_prefix(&project.root).unwrap_or(file);
            LockedText { file: file.display().to_string(), text: text.clone() }
        };
        Lock {
            head,
            surroundings: (project.around.facts)(&project.root),
            facts: project.facts.clone(),
            settings: recipe.settings().clone(),
            stages: graph.nodes.iter().map(stage).collect(),
            weights: all().filter_map(|recipe| weights(project, recipe)).collect(),
            texts: all().flat_map(|recipe| &recipe.book.texts).map(text).collect(),
        }
    }

    /// A fact about the surroundings, as text.
    pub fn surrounding(&self, name: &str) -> Option<&str> {
        self.surroundings.get(name).and_then(Value::as_text)
    }
}

/// The text of the lock file.
pub fn text(project: &Project, recipe: &Recipe, photos: &Photos, graph: &Graph, rung: &Rung) -> String {
    book::print(&Value::of(&Lock::of(project, recipe, photos, graph, rung)))
}

/// A lock, or what holds one, from its text.
///
/// # Errors
/// When it is no TOML, lacks what a lock has, or was written by a newer Toji; in words.
pub fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    let values = book::values(text)?;
    match values.get("lock.version").and_then(Value::as_int) {
        Some(version) if version > VERSION => Err("it was written by a newer Toji; take that one".to_owned()),
        Some(_) => values.decode().map_err(|error| error.to_string()),
        None => Err("it has no [lock] version, so it is no lock of Toji's".to_owned()),
    }
}

/// What the lock of a run keeps, also what this version has no name for; `None` where it cannot be read.
pub fn of_run(run: &RunView) -> Option<Value> {
    book::values(&files::read_text(&run.lock_file()).ok()?).ok()
}

/// The weights that training begins with; nothing when they are drawn. What cannot be read has stopped the plan already.
pub fn weights(project: &Project, recipe: &Recipe) -> Option<LockedWeights> {
    let found = project.weights(&decode::<Settings>(recipe, "backbone").ok()?).ok()??;
    // A hub that names a hash spares reading a gigabyte.
    let blake3 = match (&found.commit, &found.sha256, &found.file) {
        (Some(_), Some(_), _) | (_, _, None) => None,
        (_, _, Some(file)) => Some(project.weights_key(file).ok()?),
    };
    Some(LockedWeights {
        file: found.name,
        commit: found.commit,
        sha256: found.sha256,
        blake3,
        // Only a hub's repository names one.
        licence: found.licence.unwrap_or_else(|| "unknown".to_owned()),
        expects: in_words(&found.expected),
    })
}
