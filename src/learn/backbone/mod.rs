//! timm's networks, under timm's names: pictures → embeddings.
//!
//! [`build`] makes a network by its timm name with random weights, and [`load`] fills it from a
//! safetensors file whose keys are timm's (`layer1.0.conv1.weight`). The last layer, the embedding
//! neck, has the name of timm's classifier (`fc`), so a timm checkpoint with `num_classes = embedding` loads whole,
//! and one with another number of classes loads all but it.
//!
//! A family is one file: a table of its sizes (timm's names and numbers), and a [`Trunk`] that gives feature maps. What
//! follows is the same for all: pooling, then the neck. `maker` creates tensors with timm's first values; `preset` is what
//! the published weights of a name expect of a picture.

mod activation;
mod convnext;
mod efficientnet;
mod gate;
pub mod hub;
mod layers;
mod maker;
mod metaformer;
mod neck;
mod nfnet;
mod places;
mod pool;
mod preset;
mod profile;
mod resnet;
mod swin;
mod table;
mod vit;
mod weights;

use std::path::PathBuf;

use candle_core::Tensor;
use serde::Deserialize;

use self::maker::Maker;
pub use self::neck::Neck;
use self::pool::Pooling;
pub use self::pool::{Each, Pool};
use self::preset::{Config, IMAGENET};
pub use activation::region;
pub use preset::{Preset, preset, presets};
pub use profile::{Profile, profile};
pub use table::{SECTIONS, TECHNIQUES};
pub use weights::{Loaded, Source, load, source};

use super::ops::{Layer, Network, OpsError, Params, Places, Tape, Var, hollow};
use crate::base::Seed;

/// A network up to its last feature map: what a family builds.
trait Trunk: Send + Sync {
    /// Pictures `x` `[b, 3, h, w]` → what timm's `forward_features` gives.
    fn features(&self, params: &Params, tape: &mut Tape, x: &Tensor) -> Result<Features, OpsError>;

    /// Channels of each of the feature maps.
    fn channels(&self) -> Vec<usize>;

    /// Length of what [`Trunk::after_pool`] gives.
    fn pooled(&self) -> usize {
        self.channels().last().copied().unwrap_or(0)
    }

    /// Where a tensor stands.
    fn layer(&self, name: &str) -> Layer {
        layers::of(name)
    }

    /// What timm's head does between pooling and classifier (a norm): `[b, c]` → `[b, pooled]`.
    fn after_pool(&self, _params: &Params, _tape: &mut Tape, pooled: Var) -> Result<Var, OpsError> {
        Ok(pooled)
    }
}

/// What a trunk found in pictures.
struct Features {
    /// The stages' maps, the last one last; at least one.
    maps: Vec<Var>,
    /// The class token `[b, c]`, where the family has one.
    token: Option<Var>,
}

impl Features {
    /// Maps alone.
    fn maps(maps: Vec<Var>) -> Features {
        Features { maps, token: None }
    }
}

/// Trunk, pooling and neck: a whole network.
struct Backbone {
    trunk: Box<dyn Trunk>,
    pool: Pooling,
    drop: f32,
    neck: neck::Layers,
}

impl Backbone {
    fn new(settings: &Settings, params: &mut Params, seed: Option<Seed>) -> Result<Backbone, BackboneError> {
        let preset = preset(&settings.name)?;
        if settings.pool == (Pool::Token {}) && !preset.config.has_token() {
            return Err(BackboneError::NoToken(settings.name.clone()));
        }
        let mut maker = Maker::new(params, seed).with_drop_path(settings.drop_path);
        let trunk = preset.config.build(&mut maker)?;
        let pool = Pooling::new(settings.pool, &mut maker)?;
        let channels = pool.width(&*trunk);
        let neck = neck::Layers::new(settings.neck, preset.classifier, channels, settings.embedding, &mut maker)?;
        Ok(Backbone { trunk, pool, drop: settings.drop as f32, neck })
    }
}

impl Network for Backbone {
    fn forward(&self, params: &Params, tape: &mut Tape, x: &Tensor) -> Result<Var, OpsError> {
        let features = self.trunk.features(params, tape, x)?;
        let pooled = self.pool.forward(params, tape, &*self.trunk, features)?; // [b, c]
        self.neck.reach(tape);
        let pooled = tape.dropout(&pooled, self.drop)?;
        let y = self.neck.forward(params, tape, pooled)?; // [b, d]
        tape.leave(&y)
    }

    fn activation(&self, params: &Params, tape: &mut Tape, x: &Tensor) -> Result<Tensor, OpsError> {
        let maps = self.trunk.features(params, tape, x)?.maps;
        let last = maps.last().ok_or_else(|| OpsError::shape("activation", "a network with feature maps", x.dims()))?;
        activation::shares(&last.tensor())
    }

    fn map(&self, params: &Params, tape: &mut Tape, x: &Tensor, from_last: usize) -> Result<Tensor, OpsError> {
        let maps = self.trunk.features(params, tape, x)?.maps;
        let found = maps.len().checked_sub(from_last).and_then(|at| maps.get(at));
        let found = found.ok_or_else(|| OpsError::shape("map", "a network with so many feature maps", x.dims()))?;
        Ok(found.tensor())
    }

    fn places(&self, params: &Params, tape: &mut Tape, x: &Tensor) -> Result<Places, OpsError> {
        let features = self.trunk.features(params, tape, x)?;
        let last = features.maps.last().ok_or_else(|| OpsError::shape("places", "feature maps", x.dims()))?;
        let (b, rows, columns, channels) = last.tensor().dims4()?;
        let map: Vec<f32> = last.tensor().flatten_all()?.to_vec1()?; // [b, rows, columns, channels]
        let pooled = self.pool.forward(params, tape, &*self.trunk, features)?; // [b, c]
        let embeddings = self.neck.forward(params, tape, pooled)?.tensor(); // [b, d]
        let embeddings: Vec<f32> = embeddings.flatten_all()?.to_vec1()?;
        let seen = places::Seen { map: &map, places: rows * columns, channels, embeddings: &embeddings };
        let neck = |pooled: &Tensor| {
            let pooled = tape.constant(pooled);
            Ok(self.neck.forward(params, tape, pooled)?.tensor())
        };
        let exact = places::exact(&seen, b, self.pool.parts(params, &map, rows * columns, channels)?, neck)?;
        let is_exact = exact.is_some();
        let parts = exact.unwrap_or_else(|| places::mean(&map, rows * columns));
        let width = if is_exact { self.neck.length() } else { channels };
        Ok(Places { map: [rows, columns], embeddings, dim: self.neck.length(), parts, width, is_exact })
    }

    fn embedding(&self) -> usize {
        self.neck.length()
    }

    fn layer(&self, name: &str) -> Layer {
        self.trunk.layer(name)
    }
}

/// The `[backbone]` section of a recipe.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// timm's name.
    pub name: String,
    /// `none`, a safetensors file, or a hub's repository; see [`source`].
    pub weights: String,
    /// The pooling.
    pub pool: Pool,
    /// What makes an embedding out of the pooled vector.
    #[serde(default)]
    pub neck: Neck,
    /// Length of an embedding, where the neck has a choice.
    pub embedding: usize,
    /// Rate of dropout before the neck.
    #[serde(default)]
    pub drop: f64,
    /// Rate of stochastic depth of the last block.
    #[serde(default)]
    pub drop_path: f64,
}

impl Settings {
    /// A network with random weights and a linear neck.
    pub fn new(name: &str, pool: Pool, embedding: usize) -> Settings {
        let (name, weights) = (name.to_owned(), "none".to_owned());
        Settings { name, weights, pool, neck: Neck::Linear, embedding, drop: 0.0, drop_path: 0.0 }
    }
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
    /// The pooling asks for a class token, which this network lacks.
    #[error("{0} has no class token; pool = {{ kind = \"avg\" }} and \"gem\" take what it has")]
    NoToken(String),
    /// The `weights` key is neither `none` nor a safetensors file.
    #[error("weights = {0:?} is neither \"none\", nor \"hf:OWNER/NAME\", nor a file ending in .safetensors")]
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
    /// Weights cannot be had from the hub.
    #[error(transparent)]
    Hub(#[from] hub::HubError),
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

/// The cost of a network for square pictures of `size` pixels. Computes nothing: the network is run on shapes.
///
/// # Errors
/// When no network has this name, or pictures are too small for it.
pub fn cost(settings: &Settings, size: usize) -> Result<Cost, BackboneError> {
    let mut params = Params::new();
    let network = Backbone::new(settings, &mut params, None)?;
    let mut tape = Tape::counting();
    network.forward(&params, &mut tape, &hollow(&[1, 3, size, size])?)?;
    Ok(Cost { parameters: params.count(), multiply_adds: tape.spent().multiply_adds })
}

/// Rows, columns and channels of each feature map, the last one last, for pictures of `height` × `width` pixels. Computes nothing, as
/// [`cost`].
///
/// # Errors
/// When no network has this name, or pictures are too small for it.
pub fn maps(settings: &Settings, height: usize, width: usize) -> Result<Vec<[usize; 3]>, BackboneError> {
    let mut params = Params::new();
    let network = Backbone::new(settings, &mut params, None)?;
    let pictures = hollow(&[1, 3, height, width])?;
    let maps = network.trunk.features(&params, &mut Tape::counting(), &pictures)?.maps;
    let sides = |map: &Var| {
        let (_, rows, columns, channels) = map.tensor().dims4().map_err(OpsError::from)?;
        Ok([rows, columns, channels])
    };
    maps.iter().map(sides).collect()
}

/// Rows and columns of the last of [`maps`].
///
/// # Errors
/// As [`maps`].
pub fn last_map(settings: &Settings, height: usize, width: usize) -> Result<(usize, usize), BackboneError> {
    let last = maps(settings, height, width)?.pop();
    let [rows, columns, _] =
        last.ok_or_else(|| OpsError::shape("last map", "a network with feature maps", &[height, width]))?;
    Ok((rows, columns))
}

/// How long a recipe's embeddings are: what `embedding` says, or the pooled vector's length where the neck has no linear layer.
///
/// # Errors
/// When no network has this name.
pub fn length(settings: &Settings) -> Result<usize, BackboneError> {
    if settings.neck.chooses_length() {
        return Ok(settings.embedding);
    }
    Ok(Backbone::new(settings, &mut Params::new(), None)?.neck.length())
}

/// The tensors of a network, hollow: names, shapes and kinds, without memory for their numbers.
///
/// # Errors
/// When no network has this name.
pub fn skeleton(settings: &Settings) -> Result<Params, BackboneError> {
    Ok(outline(settings)?.1)
}

/// [`skeleton`], with the network that can say where its tensors stand.
///
/// # Errors
/// When no network has this name.
pub fn outline(settings: &Settings) -> Result<(Box<dyn Network>, Params), BackboneError> {
    let mut params = Params::new();
    let network = Backbone::new(settings, &mut params, None)?;
    Ok((Box::new(network), params))
}

/// The network of a recipe, with random weights as timm draws them, from the seed.
///
/// # Errors
/// When no preset has the name.
pub fn build(settings: &Settings, seed: Seed) -> Result<(Box<dyn Network>, Params), BackboneError> {
    let mut params = Params::new();
    let network = Backbone::new(settings, &mut params, Some(seed.named("backbone")))?;
    Ok((Box::new(network), params))
}
