//! The network of a training as timm takes it.
//!
//! Takes a recipe, a fold and a file; publishes the tensors of the trunk as safetensors under timm's keys, which are those that the network has here
//! anyway. What this program puts behind it (pooling with weights, neck, the layer in the classifier's place) is left out, so that
//! `timm.create_model(NAME, num_classes=0)` takes the file whole. The file's metadata has one entry, `pretrained_cfg`, a JSON object in the
//! form of the `config.json` of timm's repositories, which is read here too where the file is named as weights, with what is beside: the recipe, the weights
//! that training began with and their licence, pooling and neck.

use std::path::{Path, PathBuf};

use safetensors::tensor::Dtype;
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::Asked;
use crate::base::files::{self, tensors};
use crate::base::{Cancel, Key};
use crate::learn::Tensor;
use crate::learn::backbone::hub::Expected;
use crate::learn::backbone::{self, Neck, Pool, Preset, Settings};
use crate::learn::ops::OpsError;
use crate::learn::train::Checkpoint;
use crate::session::brew::graph::decode;
use crate::session::project::weights::{self, in_words};
use crate::session::stages::fit::best;
use crate::session::stages::{self, Bench};
use crate::session::{Photos, Project, SessionError, Slot};

/// The metadata's entry.
pub const ENTRY: &str = "pretrained_cfg";

/// A file that was written.
#[derive(Clone, Debug, Serialize)]
pub struct Written {
    /// The recipe.
    pub recipe: String,
    /// The rung.
    pub rung: String,
    /// "fold 0".
    pub training: String,
    /// The file.
    pub file: PathBuf,
    /// BLAKE3 of its bytes.
    pub file_hash: Key,
    /// Its size.
    pub bytes: u64,
    /// timm's name of the network.
    pub architecture: String,
    /// How many tensors.
    pub tensors: usize,
    /// How many numbers.
    pub parameters: usize,
    /// What was left out, by name.
    pub left_out: Vec<String>,
    /// What stands in the metadata.
    pub metadata: Json,
}

/// Writes the network of one training.
///
/// # Errors
/// When the recipe is an ensemble, the rung has no such fold, it is not trained (the error names what trains it), or the file cannot be written.
pub fn write(
    project: &Project,
    photos: &Photos,
    asked: &Asked,
    fold: Option<usize>,
    file: &Path,
) -> Result<Written, SessionError> {
    asked.is_single("network")?;
    let slots = asked.slots(fold)?;
    let slot = slots.first().copied().ok_or_else(|| asked.missing("networks"))?;
    let (recipe, graph) = (&asked.recipe, &asked.graph);
    let settings: Settings = decode(recipe, "backbone")?;
    let preset = backbone::preset(&settings.name)?;
    let params = match graph.fit(slot) {
        Some(fit) => {
            let stage = graph.stage(fit)?;
            if !project.store.has(stage.name, &stage.artefact()) {
                return Err(asked.missing("networks"));
            }
            let folder = project.store.folder(stage.name, &stage.artefact())?;
            let (_, mut params) = backbone::build(&settings, recipe.seed())?;
            Checkpoint::open(&best::weights(project, recipe, graph, slot, &folder)?)?.load(&mut params)?;
            params
        }
        None => {
            let cancel = Cancel::new();
            let bench = Bench::new(project, recipe, photos, graph, &|_| {}, &cancel);
            stages::untrained(&bench, slot)?.1
        }
    };
    let head = format!("{}.", head(preset));
    let is_ours = |name: &str| [head.as_str(), "neck.", "pool."].iter().any(|start| name.starts_with(start));
    let (own, trunk): (Vec<_>, Vec<_>) = params.iter().partition(|(_, name, ..)| is_ours(name));
    let metadata = metadata(project, asked, slot, &settings)?;
    let laid = trunk.iter().map(|(_, name, tensor, _)| ((*name).to_owned(), Dtype::F32, tensor.dims().to_vec()));
    let entry = Some((ENTRY, metadata.to_string()));
    let mut failed = None;
    let written = files::publish_tensors(file, entry, laid.collect(), |out, i| match numbers(trunk[i].2) {
        Ok(numbers) => tensors::write_floats(out, &numbers),
        Err(error) => {
            failed = Some(error);
            Err(std::io::Error::other("a tensor cannot be read"))
        }
    });
    if let Some(error) = failed {
        return Err(error.into());
    }
    written?;
    let bytes = files::read(file)?;
    Ok(Written {
        recipe: recipe.name.clone(),
        rung: graph.rung.to_string(),
        training: slot.to_string(),
        file: file.to_owned(),
        file_hash: Key::of_bytes(&bytes),
        bytes: bytes.len() as u64,
        architecture: settings.name,
        tensors: trunk.len(),
        parameters: trunk.iter().map(|(_, _, tensor, _)| tensor.elem_count()).sum(),
        left_out: own.iter().map(|(_, name, ..)| (*name).to_owned()).collect(),
        metadata,
    })
}

/// What timm leaves out of a network without classes: the classifier, and the layers of a head that has several (MetaFormer's).
fn head(preset: &Preset) -> &'static str {
    preset.classifier.strip_suffix(".fc2").unwrap_or(preset.classifier)
}

/// Whether timm's output without classes is the embedding: pooled as timm pools this network, and nothing behind it.
fn is_plain(preset: &Preset, settings: &Settings) -> bool {
    let token = Settings::new(preset.name, Pool::Token {}, 1);
    let usual = if backbone::skeleton(&token).is_ok() { Pool::Token {} } else { Pool::Avg {} };
    settings.pool == usual && settings.neck == Neck::None && head(preset) == preset.classifier
}

fn numbers(tensor: &Tensor) -> Result<Vec<f32>, OpsError> {
    tensor.flatten_all().and_then(|flat| flat.to_vec1()).map_err(OpsError::from)
}

/// What stands in the file's metadata.
fn metadata(project: &Project, asked: &Asked, slot: Slot, settings: &Settings) -> Result<Json, SessionError> {
    let (recipe, rung) = (&asked.recipe, &asked.graph.rung);
    let found = project.weights(settings)?;
    let Expected { mean, std, interpolation, crop, .. } = match &found {
        Some(found) => found.expected.clone(),
        None => Expected::of(backbone::preset(&settings.name)?),
    };
    let size = weights::evaluation(recipe)?.size();
    let began = found.as_ref().map(|found| {
        json!({
            "name": found.name, "licence": found.licence.as_deref().unwrap_or("unknown"), "commit": found.commit,
            "sha256": found.sha256, "key": found.key, "expects": in_words(&found.expected),
        })
    });
    let licence = found.as_ref().and_then(|found| found.licence.as_deref());
    let numbers = |three: [f32; 3]| three.map(|number| json!(number));
    let preset = backbone::preset(&settings.name)?;
    let pool = match settings.pool {
        Pool::Avg {} => json!("avg"),
        Pool::Max {} => json!("max"),
        Pool::Token {} => json!("token"),
        Pool::Gem { .. } | Pool::Cat { .. } => Json::Null,
    };
    Ok(json!({
        "architecture": settings.name,
        "num_classes": 0,
        // By timm's word where it has one; a pooling that is ours is told beside.
        "global_pool": pool,
        "pretrained_cfg": {
            "input_size": [3, size.height, size.width],
            "mean": numbers(mean),
            "std": numbers(std),
            "interpolation": interpolation,
            "crop_pct": crop,
            "num_classes": 0,
            "license": licence,
        },
        "toji": {
            "recipe": recipe.name, "recipe_key": recipe.key(), "rung": rung.name, "training": slot.to_string(),
            "epochs": rung.epochs(asked.graph.epochs),
            "began_with": began,
            "pool": recipe.settings().get("backbone.pool"),
            "neck": recipe.settings().get("backbone.neck"),
            "embedding": backbone::length(settings)?,
            "is_plain": is_plain(preset, settings),
        },
    }))
}
