//! A file of weights into a network: by name, whole, or not at all.
//!
//! Only safetensors files are read; a pickle can run code. Every tensor of the network must be in the file
//! with the same shape and nothing may be left over, with two rules: PyTorch's counters
//! (`num_batches_tracked`) are passed over, and a classifier `fc` of another size is left out, and said.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device};

use super::BackboneError;
use crate::learn::ops::Params;

/// What was taken from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// How many tensors were taken.
    pub taken: usize,
    /// Tensors of the file that were left out by rule, each in words; the network keeps its own there.
    pub left_out: Vec<String>,
}

/// The file that the key `weights` of a recipe names, or `None` for `"none"`.
///
/// # Errors
/// When it is of a kind that comes later, or no kind at all.
pub fn weights_file(weights: &str) -> Result<Option<PathBuf>, BackboneError> {
    if weights == "none" {
        Ok(None)
    } else if weights.starts_with("hf:") {
        Err(BackboneError::NotBuilt(weights.to_owned()))
    } else if let Some(kind) = Path::new(weights).extension()
        && ["safetensors", "pth", "pt", "bin", "ckpt", "pkl"].iter().any(|k| kind == *k)
    {
        Ok(Some(PathBuf::from(weights)))
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
            missing.push(name.to_owned());
            continue;
        };
        if tensor.dims() == own.dims() {
            let tensor = tensor.to_dtype(DType::F32).map_err(damaged)?;
            match finite(&tensor).map_err(damaged)? {
                true => found.push((id, tensor)),
                false => wrong.push(format!("{name} holds numbers that are not finite")),
            }
        } else if name.starts_with("fc.") {
            left_out.push(format!("{name} {:?}, since the embedding is {:?}", tensor.dims(), own.dims()));
        } else {
            wrong.push(format!("{name} is {:?}, the network's {:?}", tensor.dims(), own.dims()));
        }
    }
    // The weight and the bias of `fc` are left out together, or a bias would meet a foreign weight.
    if !left_out.is_empty() {
        found.retain(|(id, _)| !params.name(*id).starts_with("fc."));
    }
    let mut left_over: Vec<String> = file.into_keys().filter(|name| !name.ends_with("num_batches_tracked")).collect();
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

fn finite(tensor: &candle_core::Tensor) -> candle_core::Result<bool> {
    Ok(tensor.flatten_all()?.to_vec1::<f32>()?.iter().all(|x| x.is_finite()))
}
