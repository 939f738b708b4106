//! A file of weights into a network: by name, whole, or not at all.
//!
//! Only safetensors files are read; a pickle can run code. Every tensor of the network must be in the file
//! with the same shape and nothing may be left over, with two rules: PyTorch's counters
//! and tables of places ([`NOT_WEIGHTS`]) are passed over; a classifier of another size, or none, is left out, and said.
//! Position embeddings keep the file's shape; the networks fit them to the picture at hand.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};

use super::BackboneError;
use super::hub::HubName;
use super::preset::presets;
use crate::learn::ops::Params;

/// Ends of names that PyTorch writes and no network needs: a counter, and tables that follow from a window's size.
const NOT_WEIGHTS: [&str; 4] = ["num_batches_tracked", "relative_position_index", "relative_coords_table", "attn_mask"];

/// What was taken from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// How many tensors were taken.
    pub taken: usize,
    /// Tensors of the file that were left out by rule, each in words; the network keeps its own there.
    pub left_out: Vec<String>,
}

/// Where a network's first weights come from: the key `weights` of a recipe, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `"none"`: drawn from the seed.
    Drawn,
    /// A safetensors file.
    File(PathBuf),
    /// `"hf:OWNER/NAME"`: a hub's repository.
    Hub(HubName),
}

/// Reads the key `weights` of a recipe.
///
/// # Errors
/// When it is neither `none`, nor a file of a known kind, nor a hub's name.
pub fn source(weights: &str) -> Result<Source, BackboneError> {
    if weights == "none" {
        Ok(Source::Drawn)
    } else if let Some(name) = weights.strip_prefix(HubName::PREFIX) {
        Ok(Source::Hub(HubName::read(name)?))
    } else if let Some(kind) = Path::new(weights).extension()
        && ["safetensors", "pth", "pt", "bin", "ckpt", "pkl"].iter().any(|k| kind == *k)
    {
        Ok(Source::File(PathBuf::from(weights)))
    } else {
        Err(BackboneError::UnknownWeights(weights.to_owned()))
    }
}

/// Fills a network's tensors from a safetensors file. Nothing is changed when anything is wrong.
///
/// # Errors
/// When the file cannot be read, is a pickle, is damaged, or holds other tensors than the network.
pub fn load(path: &Path, params: &mut Params) -> Result<Loaded, BackboneError> {
    let bytes = std::fs::read(path).map_err(|source| BackboneError::Read { path: path.to_owned(), source })?;
    // A zip archive or a bare pickle stream: what torch.save writes, now and formerly.
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\x80\x02") {
        return Err(BackboneError::Pickle { path: path.to_owned() });
    }
    let damaged = |source| BackboneError::Damaged { path: path.to_owned(), source };
    let mut file = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).map_err(damaged)?;
    drop(bytes);
    let (mut missing, mut wrong, mut left_out, mut found) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (id, name, own, _) in params.iter() {
        let Some(tensor) = file.remove(name) else {
            // What this program adds behind timm's layers is in no file of timm's.
            match is_classifier(name) || name.starts_with("neck.") || name.starts_with("pool.") {
                true => left_out.push(format!("{name} is not in the file and begins drawn")),
                false => missing.push(name.to_owned()),
            }
            continue;
        };
        let tensor = tensor.to_dtype(DType::F32).map_err(damaged)?;
        if !finite(&tensor).map_err(damaged)? {
            wrong.push(format!("{name} holds numbers that are not finite"));
        } else if tensor.dims() == own.dims() {
            found.push((id, tensor));
        } else if is_classifier(name) {
            left_out.push(format!("{name} {:?}, since the embedding is {:?}", tensor.dims(), own.dims()));
        } else {
            let (theirs, ours) = (tensor.dims(), own.dims());
            let channels = match (theirs, ours) {
                (&[_, c, _, _], &[_, 3, _, _]) if c != 3 => format!(" (for pictures of {c} channels)"),
                _ => String::new(),
            };
            wrong.push(format!("{name} is {theirs:?}{channels}, the network's {ours:?}"));
        }
    }
    // The weight and the bias of a classifier are left out together, or a bias would meet a foreign weight.
    if left_out.iter().any(|text| is_classifier(text.split(' ').next().unwrap_or_default())) {
        found.retain(|(id, _)| !is_classifier(params.name(*id)));
    }
    let rest = file.into_keys().filter(|name| !NOT_WEIGHTS.iter().any(|end| name.ends_with(end)));
    let (mut classifier, mut left_over): (Vec<String>, Vec<String>) = rest.partition(|name| is_classifier(name));
    classifier.sort();
    left_out.extend(classifier.iter().map(|name| format!("{name}, since the network has no such layer")));
    left_over.sort();
    if missing.is_empty() && left_over.is_empty() && wrong.is_empty() {
        let taken = found.len();
        for (id, tensor) in found {
            params.set(id, tensor)?;
        }
        Ok(Loaded { taken, left_out })
    } else {
        Err(BackboneError::Different { path: path.to_owned(), missing, left_over, wrong })
    }
}

/// Whether a tensor belongs to timm's classifier, which is the neck here.
fn is_classifier(name: &str) -> bool {
    let layer = name.strip_suffix(".weight").or_else(|| name.strip_suffix(".bias"));
    layer.is_some_and(|layer| presets().any(|preset| preset.classifier == layer))
}

fn finite(tensor: &Tensor) -> candle_core::Result<bool> {
    Ok(tensor.flatten_all()?.to_vec1::<f32>()?.iter().all(|x| x.is_finite()))
}
