//! timm's networks, under timm's names: pictures → embeddings.
//!
//! [`build`] makes a network by its timm name with random weights, and [`load`] fills it from a
//! safetensors file whose keys are timm's (`layer1.0.conv1.weight`). The last layer, the embedding
//! neck, is named `fc` like timm's classifier, so a timm checkpoint with `num_classes = embedding` loads whole,
//! and one with another number of classes loads all but `fc`. [`PRESETS`] is the table of the networks,
//! with the mean, std and crop that their published weights were trained with.

mod presets;
mod resnet;
mod table;
mod weights;

use std::path::PathBuf;

use serde::Deserialize;

pub use presets::{PRESETS, Preset, Stem, preset};
pub use resnet::ResNet;
pub use table::{SECTIONS, TECHNIQUES};
pub use weights::{Loaded, load, weights_file};

use super::ops::{Network, OpsError, Params};
use crate::base::Seed;

/// How the last feature map becomes a vector.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Pool {
    /// The mean of each channel.
    Avg {},
    /// The generalised mean with power `p` (Radenović, Tolias and Chum 2018).
    Gem {
        /// The power; 1 is the mean, large is the maximum.
        p: f32,
    },
}

/// The `[backbone]` section of a recipe.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// timm's name.
    pub name: String,
    /// `none`, or a safetensors file.
    pub weights: String,
    /// The pooling.
    pub pool: Pool,
    /// Length of an embedding.
    pub embedding: usize,
}

/// What can go wrong with a backbone.
#[derive(Debug, thiserror::Error)]
pub enum BackboneError {
    /// No preset has this name.
    #[error("no backbone is named {name}; there are {known}")]
    UnknownName {
        /// The name asked for.
        name: String,
        /// Those there are.
        known: String,
    },
    /// The `weights` key is of a kind that comes later.
    #[error("weights = {0:?} is not built yet; download the file and give its path, ending in .safetensors")]
    NotBuilt(String),
    /// The `weights` key is neither `none` nor a safetensors file.
    #[error("weights = {0:?} is neither \"none\" nor a file ending in .safetensors")]
    UnknownWeights(String),
    /// A file of weights cannot be read.
    #[error("cannot read the weights {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A Python pickle, which may run any code when read.
    #[error(
        "{} is a Python pickle, which can run any code when it is read; convert it where you trust it: \
         python -c \"import sys, torch; from safetensors.torch import save_file; \
         save_file(torch.load(sys.argv[1], weights_only=True), sys.argv[2])\" IN.pth OUT.safetensors",
        path.display()
    )]
    Pickle {
        /// The file.
        path: PathBuf,
    },
    /// Not a safetensors file, or a damaged one.
    #[error("{} is not a whole safetensors file: {source}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        source: candle_core::Error,
    },
    /// The tensors of a file are not the network's.
    #[error("the weights {} are not of this network: {}", path.display(), differences(missing, left_over, wrong))]
    Different {
        /// The file.
        path: PathBuf,
        /// Names that the network has and the file lacks.
        missing: Vec<String>,
        /// Names that the file has and the network lacks.
        left_over: Vec<String>,
        /// Names with the two shapes, where they differ, or with what is wrong with the numbers.
        wrong: Vec<String>,
    },
    /// An operation refused.
    #[error(transparent)]
    Ops(#[from] OpsError),
}

fn differences(missing: &[String], left_over: &[String], wrong: &[String]) -> String {
    let parts = [("missing", missing), ("left over", left_over), ("wrong", wrong)];
    let part = |(word, names): (&str, &[String])| {
        let shown = names.iter().take(8).cloned().collect::<Vec<_>>().join(", ");
        let more = names.len().saturating_sub(8);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        (!names.is_empty()).then(|| format!("{word}: {shown}{more}"))
    };
    parts.into_iter().filter_map(part).collect::<Vec<_>>().join("; ")
}

/// What a network costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Numbers that learn.
    pub parameters: usize,
    /// Multiply-adds of one picture's forward pass.
    pub multiply_adds: u64,
}

/// The cost of a network for square pictures of `size` pixels.
///
/// # Errors
/// When no network has this name, or pictures are too small for it.
pub fn cost(settings: &Settings, size: usize) -> Result<Cost, BackboneError> {
    let mut params = Params::new();
    let network = ResNet::new(preset(&settings.name)?, settings.pool, settings.embedding, Seed::new(0), &mut params)?;
    Ok(Cost { parameters: params.count(), multiply_adds: network.multiply_adds(&params, size)? })
}

/// A network by its timm name, with random weights as timm draws them (He's normal distribution by
/// fan-out, the last norm of each block zero), from the seed.
///
/// # Errors
/// When no preset has the name.
pub fn build(
    name: &str,
    pool: Pool,
    embedding: usize,
    seed: Seed,
) -> Result<(Box<dyn Network>, Params), BackboneError> {
    let mut params = Params::new();
    let network = ResNet::new(preset(name)?, pool, embedding, seed.named("backbone"), &mut params)?;
    Ok((Box::new(network), params))
}
