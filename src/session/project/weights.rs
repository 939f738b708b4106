//! The weights that a recipe begins with: where they are, what they are, what they expect of a picture.
//!
//! Takes `[backbone] name` and `weights`; gives a file with its key. A hub's weights are fetched when a run begins and by
//! `toji backbone NAME --fetch`, never while something is planned or looked at: until then their key is that of the name, the plan says so,
//! and the key of the content takes its place once they are there. What is in the cache is never asked for again.

use std::path::{Path, PathBuf};

use crate::base::{Cancel, Key, KeyWriter, Progress, Value};
use crate::data::augment::settings::Size;
use crate::data::augment::{At, AugmentError, Interpolation, Normalization, Pipeline};
use crate::learn::backbone::hub::{Expected, HubName, licence};
use crate::learn::backbone::{self, Settings, Source};
use crate::session::recipe::fitting;
use crate::session::{Project, Recipe, SessionError};

/// The weights of a recipe that begins with some.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// As the recipe names them.
    pub name: String,
    /// The safetensors file; `None` while a hub's are not fetched.
    pub file: Option<PathBuf>,
    /// The key of the content, with what the weights say of pictures; of the name alone while there is no file.
    pub key: Key,
    /// What they expect of a picture.
    pub expected: Expected,
    /// Whether the weights say that themselves; otherwise it is what the preset says.
    pub described: bool,
    /// For a hub's weights that are fetched: the commit.
    pub commit: Option<String>,
    /// For the same: the file's SHA-256 as the hub names it.
    pub sha256: Option<String>,
    /// The licence, where the hub's repository names it.
    pub licence: Option<String>,
}

impl Project {
    /// The weights of `[backbone]`; `None` when they are drawn. Looks only at files.
    ///
    /// # Errors
    /// When a file cannot be read, or says that it is of another network.
    pub fn weights(&self, settings: &Settings) -> Result<Option<Weights>, SessionError> {
        let preset = backbone::preset(&settings.name)?;
        let expected = Expected::of(preset);
        let none = Weights {
            name: settings.weights.clone(),
            file: None,
            key: KeyWriter::new("weights that are not fetched").bytes(settings.weights.as_bytes()).finish(),
            expected,
            described: false,
            commit: None,
            sha256: None,
            licence: None,
        };
        let described = |found: Option<Expected>| (found.is_some(), found.unwrap_or_else(|| none.expected.clone()));
        match backbone::source(&settings.weights)? {
            Source::Drawn => Ok(None),
            Source::File(file) => {
                let file = self.root.join(file);
                let content = self.weights_key(&file)?;
                let (described, expected) =
                    described(Expected::beside(&file, preset).map_err(backbone::BackboneError::from)?);
                let key = if described { with_description(content, &expected) } else { content };
                Ok(Some(Weights { file: Some(file), key, expected, described, ..none }))
            }
            Source::Hub(name) => {
                let Some(found) = self.around.hub.find(&name) else { return Ok(Some(none)) };
                // The cache names a large file by its hash, so that nobody has to read a gigabyte for a plan.
                let content = match &found.sha256 {
                    Some(hash) => KeyWriter::new("sha256").bytes(hash.as_bytes()).finish(),
                    None => self.weights_key(&found.weights)?,
                };
                let config = found.config.as_deref().map(|file| Expected::read(file, preset)).transpose();
                let (described, expected) = described(config.map_err(backbone::BackboneError::from)?);
                Ok(Some(Weights {
                    file: Some(found.weights),
                    key: with_description(content, &expected),
                    expected,
                    described,
                    commit: Some(found.commit),
                    sha256: found.sha256,
                    licence: licence(found.card.as_deref(), found.config.as_deref()),
                    ..none
                }))
            }
        }
    }

    /// The hub's weights that a recipe names and that are not in the cache.
    pub fn unfetched(&self, recipe: &Recipe) -> Option<HubName> {
        let weights = recipe.settings().get("backbone.weights").and_then(Value::as_text)?;
        match backbone::source(weights) {
            Ok(Source::Hub(name)) if self.around.hub.find(&name).is_none() => Some(name),
            _ => None,
        }
    }

    /// Fetches a hub's weights into its cache, when they are not there.
    ///
    /// # Errors
    /// What [`crate::learn::backbone::hub::Hub::fetch`] gives.
    pub fn fetch(&self, name: &HubName, progress: &dyn Progress, cancel: &Cancel) -> Result<(), SessionError> {
        let fetched = self.around.hub.fetch(name, self.around.clock.as_ref(), progress, cancel);
        fetched.map(drop).map_err(|error| SessionError::Backbone(error.into()))
    }
}

fn with_description(content: Key, expected: &Expected) -> Key {
    KeyWriter::new("described weights").key(&content).key(&expected.key()).finish()
}

/// How pictures come to a network for an embedding.
#[derive(Clone, Debug)]
pub struct Sight {
    /// Mean and standard deviation.
    pub normalization: Normalization,
    /// What is done to a picture first.
    pub evaluation: Pipeline,
}

impl Sight {
    /// The picture that evaluation gives: `[augment] eval` when it is written; otherwise as the weights expect it, at the size
    /// of the last stage of training, or without weights a plain resize to that size.
    ///
    /// # Errors
    /// When `[augment]` fixes no size.
    pub fn of(recipe: &Recipe, expected: &Expected, with_weights: bool) -> Result<Sight, SessionError> {
        let plain = evaluation(recipe)?;
        let evaluation = match with_weights && recipe.settings().get("augment.eval").is_none() {
            true => {
                let interpolation = Interpolation::of_weights(&expected.interpolation);
                Pipeline::of_weights(plain.size(), interpolation, f64::from(expected.crop))
            }
            false => plain,
        };
        Ok(Sight { normalization: Normalization { mean: expected.mean, std: expected.std }, evaluation })
    }
}

/// The pipeline of training in one epoch, with pictures of a stage's own height and width where it has them.
///
/// # Errors
/// When `[augment]` fixes no size.
pub fn training(recipe: &Recipe, size: Option<[usize; 2]>, at: At) -> Result<Pipeline, AugmentError> {
    let augment = recipe.settings().get("augment").cloned().unwrap_or_else(Value::table);
    let pipeline = Pipeline::train(&augment, at)?;
    match size {
        Some([height, width]) => pipeline.at(Size { height, width }),
        None => Ok(pipeline),
    }
}

/// `[augment] eval` as it is written, or a resize to the size of the last stage of training.
///
/// # Errors
/// When `[augment]` fixes no size, or the recipe's stages contradict each other.
pub fn evaluation(recipe: &Recipe) -> Result<Pipeline, SessionError> {
    let augment = recipe.settings().get("augment").cloned().unwrap_or_else(Value::table);
    let plain = Pipeline::eval(&augment)?;
    match (augment.get("eval"), last_size(recipe)?) {
        (None, Some([height, width])) => Ok(Pipeline::to_size(Size { height, width })),
        _ => Ok(plain),
    }
}

/// Height and width of the pictures in the last stage of training, where it has its own.
///
/// # Errors
/// When the recipe's stages contradict each other.
pub fn last_size(recipe: &Recipe) -> Result<Option<[usize; 2]>, SessionError> {
    Ok(fitting::parts(recipe)?.last().and_then(|part| part.size))
}

/// What weights expect, in words: "crop 0.95, bicubic, mean 0.485 0.456 0.406, std 0.229 0.224 0.225".
pub fn in_words(expected: &Expected) -> String {
    let three = |numbers: [f32; 3]| numbers.map(|x| x.to_string()).join(" ");
    let Expected { mean, std, interpolation, crop, .. } = expected;
    format!("crop {crop}, {interpolation}, mean {}, std {}", three(*mean), three(*std))
}

/// A path as a person wrote it, or the file's name in a hub's cache, for notes.
pub fn shown(weights: &Weights, root: &Path) -> String {
    match (&weights.file, &weights.commit) {
        (_, Some(commit)) => format!("{} at {}", weights.name, &commit[..12.min(commit.len())]),
        (Some(file), None) => file.strip_prefix(root).unwrap_or(file).display().to_string(),
        (None, None) => weights.name.clone(),
    }
}
