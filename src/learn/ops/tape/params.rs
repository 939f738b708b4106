//! The named tensors of a network: weights that learn and buffers (running statistics) that follow.
//!
//! Names are the checkpoint's keys (timm's: `layer1.0.conv1.weight`), so a file of weights and a
//! network meet by name alone. A [`ParamId`] is a tensor's place in the order of creation; gradients
//! and optimiser states are kept by it, and every loop over parameters has that order.

use std::collections::HashMap;

use candle_core::Tensor;

use crate::learn::ops::OpsError;

/// Place of a tensor in its [`Params`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParamId(pub(crate) usize);

impl ParamId {
    /// The place as a number, `0..params.len()`.
    pub fn index(self) -> usize {
        self.0
    }
}

/// Whether a tensor learns by gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Has a gradient; belongs in an optimiser group.
    Weight,
    /// Has none: running mean and variance.
    Buffer,
}

#[derive(Clone, Debug)]
struct Entry {
    name: String,
    tensor: Tensor,
    kind: Kind,
}

/// All tensors of one network, f32.
#[derive(Clone, Debug, Default)]
pub struct Params {
    entries: Vec<Entry>,
    places: HashMap<String, ParamId>,
}

impl Params {
    /// Without any tensor.
    pub fn new() -> Params {
        Params::default()
    }

    /// Adds a tensor under a name that no other has.
    pub fn add(&mut self, name: impl Into<String>, tensor: Tensor, kind: Kind) -> Result<ParamId, OpsError> {
        let name = name.into();
        let id = ParamId(self.entries.len());
        if self.places.contains_key(&name) {
            return Err(OpsError::DuplicateName(name));
        }
        self.places.insert(name.clone(), id);
        self.entries.push(Entry { name, tensor: tensor.detach(), kind });
        Ok(id)
    }

    /// The tensor. Panics for an id of another network with more tensors.
    pub fn get(&self, id: ParamId) -> &Tensor {
        &self.entries[id.0].tensor
    }

    /// Replaces the tensor by one of the same shape.
    pub fn set(&mut self, id: ParamId, tensor: Tensor) -> Result<(), OpsError> {
        let entry = &mut self.entries[id.0];
        if entry.tensor.dims() != tensor.dims() {
            let expected = format!("the shape {:?} of {}", entry.tensor.dims(), entry.name);
            return Err(OpsError::shape("set a parameter", expected, tensor.dims()));
        }
        entry.tensor = tensor.detach();
        Ok(())
    }

    /// The place of a name.
    pub fn by_name(&self, name: &str) -> Option<ParamId> {
        self.places.get(name).copied()
    }

    /// The name, as a checkpoint has it.
    pub fn name(&self, id: ParamId) -> &str {
        &self.entries[id.0].name
    }

    /// Weight or buffer.
    pub fn kind(&self, id: ParamId) -> Kind {
        self.entries[id.0].kind
    }

    /// How many tensors there are, buffers included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All tensors in order of creation: place, name, tensor, kind.
    pub fn iter(&self) -> impl Iterator<Item = (ParamId, &str, &Tensor, Kind)> {
        self.entries.iter().enumerate().map(|(i, e)| (ParamId(i), e.name.as_str(), &e.tensor, e.kind))
    }

    /// The places of all weights, in order.
    pub fn weights(&self) -> impl Iterator<Item = ParamId> + '_ {
        self.iter().filter(|(.., kind)| *kind == Kind::Weight).map(|(id, ..)| id)
    }

    /// How many numbers learn, as `sum(p.numel() for p in model.parameters())`.
    pub fn count(&self) -> usize {
        self.weights().map(|id| self.get(id).elem_count()).sum()
    }

    /// A copy whose tensors share no memory with this one's (for an average, or to go back to).
    pub fn deep_copy(&self) -> Result<Params, OpsError> {
        let mut copy = self.clone();
        for entry in &mut copy.entries {
            entry.tensor = entry.tensor.copy()?;
        }
        Ok(copy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn zeros(n: usize) -> Tensor {
        Tensor::zeros(n, candle_core::DType::F32, &Device::Cpu).expect("zeros")
    }

    #[test]
    fn a_name_belongs_to_one_tensor_and_shapes_stay() {
        let mut params = Params::new();
        let weight = params.add("fc.weight", zeros(6), Kind::Weight).expect("first");
        params.add("bn1.running_mean", zeros(2), Kind::Buffer).expect("second");
        let again = params.add("fc.weight", zeros(6), Kind::Weight).expect_err("twice");
        insta::assert_snapshot!(again, @"two parameters are named fc.weight; every tensor of a network needs a name of its own");
        let wrong = params.set(weight, zeros(5)).expect_err("shape");
        insta::assert_snapshot!(wrong, @"set a parameter: expected the shape [6] of fc.weight, got a tensor of shape [5]");
        assert_eq!(params.by_name("fc.weight"), Some(weight));
        assert_eq!((params.len(), params.count(), params.weights().count()), (2, 6, 1));
    }
}
