//! The file that holds a training: weights for whoever embeds, and what going on needs.
//!
//! One safetensors file: the network's tensors under timm's names, the loss's under `loss.`, the
//! optimiser's memory under `optim.m.` and `optim.v.`, and one metadata entry `toji` with the place.
//! With an average of weights the names hold the average, and `optim.w.` the weights themselves.
//! Tensors are written and read one at a time, so a checkpoint never stands in memory twice; the file
//! is published whole or not at all. Equal trainings give equal bytes.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use safetensors::tensor::{Dtype, Metadata};
use serde::{Deserialize, Serialize};

use super::TrainError;
use super::optimizer::Optimizer;
use crate::base::Key;
use crate::base::files::tensors::write_floats;
use crate::base::files::{self, FileError};
use crate::learn::loss::HEAD;
use crate::learn::ops::{ParamId, Params};

/// Where a training stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Key of all that the training depends on.
    pub key: Key,
    /// Epochs finished.
    pub epoch: usize,
    /// Batches finished in the epoch that has begun; those of a whole step.
    pub batch: usize,
    /// Sum of these batches' losses.
    pub loss_sum: Exact,
    /// Steps that the optimiser has made.
    pub step: usize,
    /// What each finished epoch gave.
    pub history: Vec<Lesson>,
}

impl Place {
    /// Before the first step.
    pub fn start(key: Key) -> Place {
        Place { key, epoch: 0, batch: 0, loss_sum: Exact(0.0), step: 0, history: Vec::new() }
    }
}

/// What an epoch gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lesson {
    /// Mean loss over its batches.
    pub loss: Exact,
    /// Score after it, when it was evaluated.
    pub score: Option<Exact>,
}

/// A number that is written as text and read back to the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Exact(pub f64);

impl Serialize for Exact {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:?}", self.0))
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Exact, D::Error> {
        String::deserialize(deserializer)?.parse().map(Exact).map_err(serde::de::Error::custom)
    }
}

/// The optimiser's part of the names.
const OPTIMIZER: &str = "optim.";
/// The name of the metadata entry. One only: safetensors writes several in no fixed order.
const ENTRY: &str = "toji";
/// Longest header that is believed, in bytes.
const LONGEST_HEADER: u64 = 100_000_000;

/// The weights' part of the names, where an average has their names.
const WEIGHT: &str = "w";

/// What going on needs beside the weights that are kept.
#[derive(Clone, Copy)]
pub struct Rest<'a> {
    /// The optimiser.
    pub optimizer: &'a Optimizer,
    /// The weights themselves, where those kept are their average.
    pub weights: Option<&'a Params>,
}

impl<'a> Rest<'a> {
    /// The tensors of one name: part, shape and floats.
    #[expect(clippy::type_complexity, reason = "names and their floats, used once")]
    fn of(&self, id: ParamId) -> Result<Vec<(&'static str, Cow<'a, [f32]>)>, candle_core::Error> {
        let mut all: Vec<_> =
            self.optimizer.memory(id).into_iter().map(|(part, floats)| (part, Cow::Borrowed(floats))).collect();
        if let Some(weights) = self.weights {
            all.push((WEIGHT, Cow::Owned(weights.get(id).flatten_all()?.to_vec1::<f32>()?)));
        }
        Ok(all)
    }

    /// The parts' names alone.
    fn parts(&self, id: ParamId) -> impl Iterator<Item = &'static str> {
        let parts: Vec<_> = self.optimizer.memory(id).into_iter().map(|(part, _)| part).collect();
        parts.into_iter().chain(self.weights.map(|_| WEIGHT))
    }
}

/// Publishes a checkpoint: everything with `rest`, the weights (or their average) alone without.
///
/// # Errors
/// When a tensor is not f32, or the file cannot be written.
pub fn save(path: &Path, params: &Params, rest: Option<Rest<'_>>, place: &Place) -> Result<(), TrainError> {
    let problem = |problem: String| TrainError::Checkpoint { path: path.to_owned(), problem };
    let laid = |name: String, tensor: &Tensor| (name, Dtype::F32, tensor.dims().to_vec());
    let mut all: Vec<_> = params.iter().map(|(_, name, tensor, _)| laid(name.to_owned(), tensor)).collect();
    for (id, name, tensor, _) in params.iter() {
        let parts = rest.iter().flat_map(|rest| rest.parts(id));
        all.extend(parts.map(|part| laid(format!("{OPTIMIZER}{part}.{name}"), tensor)));
    }
    let place = serde_json::to_string(place).map_err(|e| problem(e.to_string()))?;
    let ids: Vec<ParamId> = params.iter().map(|(id, ..)| id).collect();
    // What the optimiser has of one weight, while its parts are written one after the other.
    let (mut behind, mut parts) = (ids.iter(), Vec::<(&str, Cow<'_, [f32]>)>::new().into_iter());
    files::publish_tensors(path, Some((ENTRY, place)), all, |out, i| {
        if let Some(&id) = ids.get(i) {
            let floats = params.get(id).flatten_all().and_then(|flat| flat.to_vec1::<f32>());
            return write_floats(out, &floats.map_err(io::Error::other)?);
        }
        loop {
            if let Some((_, floats)) = parts.next() {
                return write_floats(out, &floats);
            }
            let (Some(rest), Some(&id)) = (rest, behind.next()) else { return Ok(()) };
            parts = rest.of(id).map_err(io::Error::other)?.into_iter();
        }
    })?;
    Ok(())
}

/// A checkpoint on disk, opened: its header is read and checked, its tensors are read when asked for.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    file: File,
    header: Metadata,
    data: u64,
    place: Place,
}

impl Checkpoint {
    /// Opens a checkpoint.
    ///
    /// # Errors
    /// When the file is missing, cut short, or no checkpoint of a training.
    pub fn open(path: &Path) -> Result<Checkpoint, TrainError> {
        let problem = |problem: &str| TrainError::Checkpoint { path: path.to_owned(), problem: problem.to_owned() };
        let mut file = File::open(path).map_err(FileError::at("cannot read", path))?;
        let size = file.metadata().map_err(FileError::at("cannot read", path))?.len();
        let mut length = [0; 8];
        file.read_exact(&mut length).map_err(|_| problem("shorter than a safetensors header"))?;
        let length = u64::from_le_bytes(length);
        if length > LONGEST_HEADER || length + 8 > size {
            return Err(problem("its header would be longer than the file: no safetensors file, or cut short"));
        }
        let mut header = vec![0; length as usize];
        file.read_exact(&mut header).map_err(FileError::at("cannot read", path))?;
        let header: Metadata =
            serde_json::from_slice(&header).map_err(|e| problem(&format!("its header is damaged: {e}")))?;
        if header.data_len() as u64 + length + 8 != size {
            return Err(problem("its length is not what its header says: cut short, or written to since"));
        }
        let place = header.metadata().as_ref().and_then(|m| m.get(ENTRY)).ok_or_else(|| {
            problem("has no entry `toji` in its metadata: weights from elsewhere belong in [backbone] weights")
        })?;
        let place = serde_json::from_str(place).map_err(|e| problem(&format!("its entry `toji` is damaged: {e}")))?;
        Ok(Checkpoint { path: path.to_owned(), file, data: length + 8, place, header })
    }

    /// Where the training stood.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Reads the network's weights and buffers (their average, where there is one) into `params`, for embedding.
    /// The loss's weights are read only when `params` has them; the optimiser's memory is not touched.
    ///
    /// # Errors
    /// When a tensor of `params` is missing or has another shape, or the file has a tensor of a
    /// network that `params` lacks.
    pub fn load(&mut self, params: &mut Params) -> Result<(), TrainError> {
        let names = self.header.offset_keys();
        if let Some(left) =
            names.iter().find(|n| !n.starts_with(OPTIMIZER) && !n.starts_with(HEAD) && params.by_name(n).is_none())
        {
            return Err(self.problem(format!("holds {left}, which this network does not have: another [backbone]?")));
        }
        self.fill(params, "")
    }

    /// One tensor by its name, `loss.weight`, on the CPU.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn tensor(&mut self, name: &str) -> Result<Tensor, TrainError> {
        let shape = self.header.info(name).ok_or_else(|| self.problem(format!("lacks {name}")))?.shape.clone();
        let mut floats = vec![0.0; shape.iter().product()];
        self.read(name, &mut floats, Some(&shape))?;
        Tensor::from_vec(floats, shape, &Device::Cpu).map_err(TrainError::tensor(name))
    }

    /// Reads everything that going on needs: [`Checkpoint::load`], the optimiser's memory, and with an average
    /// the weights beside it.
    ///
    /// # Errors
    /// As [`Checkpoint::load`]; also when the file was saved without an optimiser.
    pub fn resume(
        &mut self,
        params: &mut Params,
        optimizer: &mut Optimizer,
        average: Option<&mut Params>,
    ) -> Result<(), TrainError> {
        match average {
            None => self.load(params)?,
            Some(average) => {
                self.load(average)?;
                self.fill(params, &format!("{OPTIMIZER}{WEIGHT}."))?;
            }
        }
        let step = self.place.step;
        optimizer.restore(step, &mut |id, part, floats| {
            self.read(&format!("{OPTIMIZER}{part}.{}", params.name(id)), floats, None)
        })
    }

    /// Reads all tensors of `params`, under their names behind `start`.
    fn fill(&mut self, params: &mut Params, start: &str) -> Result<(), TrainError> {
        let wanted: Vec<_> =
            params.iter().map(|(id, name, tensor, _)| (id, format!("{start}{name}"), tensor.dims().to_vec())).collect();
        for (id, name, shape) in wanted {
            let mut floats = vec![0.0; shape.iter().product()];
            self.read(&name, &mut floats, Some(&shape))?;
            let tensor = Tensor::from_vec(floats, shape, &Device::Cpu).map_err(TrainError::tensor(name))?;
            params.set(id, tensor)?;
        }
        Ok(())
    }

    fn read(&mut self, name: &str, floats: &mut [f32], shape: Option<&[usize]>) -> Result<(), TrainError> {
        let info = self.header.info(name).ok_or_else(|| self.problem(format!("lacks {name}")))?;
        let fits = shape.is_none_or(|shape| shape == info.shape);
        let (start, end) = info.data_offsets;
        if info.dtype != Dtype::F32 || end - start != 4 * floats.len() || !fits {
            let expected = shape.map_or(format!("{} numbers", floats.len()), |s| format!("{s:?}"));
            return Err(self.problem(format!(
                "{name} is {:?} of shape {:?}, expected F32 of {expected}: another [backbone], or other training labels?",
                info.dtype, info.shape
            )));
        }
        let mut bytes = [0u8; 1 << 14];
        let mut read = || -> io::Result<()> {
            self.file.seek(SeekFrom::Start(self.data + start as u64))?;
            for piece in floats.chunks_mut(bytes.len() / 4) {
                let bytes = &mut bytes[..4 * piece.len()];
                self.file.read_exact(bytes)?;
                for (float, four) in piece.iter_mut().zip(bytes.chunks_exact(4)) {
                    *float = f32::from_le_bytes([four[0], four[1], four[2], four[3]]);
                }
            }
            Ok(())
        };
        read().map_err(FileError::at("cannot read", &self.path)).map_err(TrainError::from)
    }

    fn problem(&self, problem: String) -> TrainError {
        TrainError::Checkpoint { path: self.path.clone(), problem }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::*;
    use crate::learn::ops::Kind;

    #[test]
    fn a_network_of_a_thousand_tensors_has_a_long_header() {
        let mut params = Params::new();
        let one = |i: usize| Tensor::full(i as f32, 1, &Device::Cpu).unwrap();
        for i in 0..1000 {
            params
                .add(format!("blocks.{}.{}.squeeze_excitation.weight", i / 10, i % 10), one(i), Kind::Weight)
                .unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        save(&path, &params, None, &Place::start(Key::of_bytes(b"x"))).unwrap();
        assert!(std::fs::metadata(&path).unwrap().len() > 70_000 + 4_000);
        let mut read = Params::new();
        for i in 0..1000 {
            read.add(params.name(params.weights().nth(i).unwrap()).to_owned(), one(0), Kind::Weight).unwrap();
        }
        Checkpoint::open(&path).unwrap().load(&mut read).unwrap();
        let last = read.get(read.weights().last().unwrap()).to_vec1::<f32>().unwrap();
        assert_eq!(last, [999.0]);
    }
}
