//! Buffers of activations that go round instead of going back to the system.
//!
//! A batch's activations are tens of megabytes each; the C library maps and unmaps such blocks at
//! every step, and the kernel then clears each page anew: up to a third of a step's time. A [`Memory`]
//! keeps the freed buffers of one tape by their exact length, since each step asks for the same lengths.
//! It also counts, so that a plan can say what a batch needs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::{CpuStorage, Device, InplaceOp1, Layout, Storage, Tensor};

use crate::learn::ops::OpsError;

#[derive(Debug, Default)]
struct Free {
    buffers: HashMap<usize, Vec<Vec<f32>>>,
}

/// The freed buffers of one tape. Cloning gives a second handle on the same ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    free: Arc<Mutex<Free>>,
    /// Takes nothing back: tensors may be views of each other.
    off: bool,
}

/// Buffers shorter than this are left to the allocator, which serves them from its own lists.
const SMALL: usize = 1 << 14;

impl Memory {
    fn lock(&self) -> MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that takes nothing back.
    pub(crate) fn off() -> Memory {
        Memory { off: true, ..Memory::default() }
    }

    /// A buffer of `len` floats whose content is anything: write every element.
    pub(crate) fn dirty(&self, len: usize) -> Vec<f32> {
        self.lock().buffers.get_mut(&len).and_then(Vec::pop).unwrap_or_else(|| vec![0.0; len])
    }

    /// Takes a buffer back.
    pub(crate) fn give(&self, buffer: Vec<f32>) {
        if buffer.len() >= SMALL && !self.off {
            self.lock().buffers.entry(buffer.len()).or_default().push(buffer);
        }
    }

    /// Takes the buffer of a tensor back; nobody else may still use the tensor. One number spread over a shape, by which work is counted, has none.
    pub(crate) fn reclaim(&self, tensor: &Tensor) {
        if tensor.elem_count() >= SMALL
            && !self.off
            && tensor.is_contiguous()
            && let Ok(buffer) = take(tensor)
        {
            self.give(buffer);
        }
    }

    /// Gives all free buffers back to the system.
    pub(crate) fn clear(&self) {
        self.lock().buffers.clear();
    }

    /// Bytes in free buffers.
    pub(crate) fn free_bytes(&self) -> usize {
        self.lock().buffers.iter().map(|(len, all)| len * 4 * all.len()).sum()
    }
}

/// Moves the floats out of a tensor's storage, which is empty afterwards.
struct Take(Mutex<Vec<f32>>);

impl InplaceOp1 for Take {
    fn name(&self) -> &'static str {
        "take the buffer"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        if let CpuStorage::F32(data) = storage
            && layout.is_contiguous()
            && layout.start_offset() == 0
            && layout.shape().elem_count() == data.len()
        {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = std::mem::take(data);
        }
        Ok(())
    }
}

/// The floats of a tensor that nobody else uses, moved out when possible and copied otherwise.
pub(crate) fn take(tensor: &Tensor) -> Result<Vec<f32>, OpsError> {
    if tensor.elem_count() > 0 && matches!(tensor.device(), Device::Cpu) {
        let moved = Take(Mutex::new(Vec::new()));
        tensor.inplace_op1(&moved)?;
        let buffer = moved.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !buffer.is_empty() {
            return Ok(buffer);
        }
    }
    Ok(tensor.flatten_all()?.to_vec1::<f32>()?)
}

/// Calls `f` with the floats of a tensor, without a copy when it is contiguous.
pub(crate) fn floats<R>(
    op: &'static str,
    tensor: &Tensor,
    f: impl FnOnce(&[f32]) -> Result<R, OpsError>,
) -> Result<R, OpsError> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(data)), Some((start, end))) => f(&data[start..end]),
        _ => Err(OpsError::Device { op, got: format!("{:?} on {:?}", tensor.dtype(), tensor.device().location()) }),
    }
}

/// A tensor over a buffer, without a copy.
pub(crate) fn tensor(buffer: Vec<f32>, shape: &[usize]) -> Result<Tensor, OpsError> {
    Ok(Tensor::from_vec(buffer, shape, &Device::Cpu)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_round_with_its_address() {
        let memory = Memory::default();
        let buffer = memory.dirty(SMALL);
        let address = buffer.as_ptr();
        let made = tensor(buffer, &[2, SMALL / 2]).expect("tensor");
        memory.reclaim(&made);
        assert_eq!(memory.free_bytes(), SMALL * 4);
        let again = memory.dirty(SMALL);
        assert_eq!((again.as_ptr(), again.len()), (address, SMALL));
        assert_eq!(memory.free_bytes(), 0);
    }

    #[test]
    fn a_view_is_copied_and_its_owner_stays_whole() {
        let whole = tensor((0..6).map(|i| i as f32).collect(), &[3, 2]).expect("tensor");
        let part = whole.narrow(0, 1, 1).expect("row");
        assert_eq!(take(&part).expect("copy"), [2.0, 3.0]);
        assert_eq!(whole.flatten_all().expect("flat").to_vec1::<f32>().expect("all").len(), 6);
        let turned = whole.t().expect("turned");
        let seen = floats("test", &turned, |x| Ok(x.to_vec())).expect("floats");
        assert_eq!(seen, [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
    }
}
