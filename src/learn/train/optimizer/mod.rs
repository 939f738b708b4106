//! Optimisers, equal to PyTorch's and the papers', in one pass over each tensor.
//!
//! Takes weights and their gradients; changes the weights in place, in f32 with PyTorch's order of
//! operations. A pass is cut into pieces of a fixed length and every element depends on itself alone, so the
//! bits are the same for any number of threads. `groups` says which weights learn at which rate; `norm` is the
//! length of a gradient. `rule` joins the optimisers that step by themselves, one file each with its row;
//! [`sam`] lays a second pass over one of them.

pub mod adamw;
mod groups;
pub mod lion;
mod norm;
pub mod rule;
pub mod sam;
pub mod sgd;

use std::sync::{Mutex, PoisonError};

use candle_core::{CpuStorage, InplaceOp2, Layout, Result as CandleResult, bail};
use serde::Deserialize;

pub use adamw::AdamW;
pub use groups::{Group, groups};
pub use lion::Lion;
pub use norm::{clip_factor, gradient_norm};
pub use rule::RuleSettings;
pub use sam::Sam;
pub use sgd::Sgd;

use self::rule::Rule;
use super::TrainError;
use crate::learn::ops::{Grads, ParamId, Params};

/// The decoded `optimizer`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(tag = "name")]
pub enum OptimizerSettings {
    /// See [`adamw::ADAMW`].
    AdamW(AdamW),
    /// See [`sgd::SGD`].
    #[serde(rename = "SGD")]
    Sgd(Sgd),
    /// See [`lion::LION`].
    Lion(Lion),
    /// See [`sam::SAM`].
    #[serde(rename = "SAM")]
    Sam(Sam),
}

impl OptimizerSettings {
    /// What makes the step.
    pub fn rule(&self) -> RuleSettings {
        match *self {
            OptimizerSettings::AdamW(adamw) => RuleSettings::AdamW(adamw),
            OptimizerSettings::Sgd(sgd) => RuleSettings::Sgd(sgd),
            OptimizerSettings::Lion(lion) => RuleSettings::Lion(lion),
            OptimizerSettings::Sam(sam) => sam.base,
        }
    }

    /// The second pass over it, if there is one.
    pub fn sam(&self) -> Option<Sam> {
        if let OptimizerSettings::Sam(sam) = self { Some(*sam) } else { None }
    }
}

/// Fills the slice with one part (`m`, `v`) of what an optimiser remembered about a weight.
pub type ReadMemory<'a> = dyn FnMut(ParamId, &'static str, &mut [f32]) -> Result<(), TrainError> + 'a;

/// What makes a step from gradients.
pub struct Optimizer {
    settings: RuleSettings,
    groups: Vec<Group>,
    steps: usize,
    /// By the parameters' order; `None` for what never learns.
    memory: Vec<Option<Memory>>,
}

/// What is remembered about one weight: two floats, one or none for each of its numbers.
struct Memory([Vec<f32>; 2]);

impl Optimizer {
    /// Before the first step. `params` says only how large the weights are.
    pub fn new(settings: &OptimizerSettings, groups: Vec<Group>, params: &Params) -> Optimizer {
        let settings = settings.rule();
        let parts = settings.parts().len();
        let mut memory: Vec<Option<Memory>> = (0..params.len()).map(|_| None).collect();
        for id in groups.iter().filter(|g| g.since < usize::MAX).flat_map(|g| &g.weights) {
            let n = params.get(*id).elem_count();
            memory[id.index()] = Some(Memory([0, 1].map(|part| vec![0.0; if part < parts { n } else { 0 }])));
        }
        Optimizer { settings, groups, steps: 0, memory }
    }

    /// The base learning rate, before the schedule.
    pub fn lr(&self) -> f64 {
        self.settings.lr()
    }

    /// Steps made.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Whether the next step changes a tensor that has a gradient.
    pub fn holds(&self, id: ParamId) -> bool {
        self.groups.iter().any(|g| g.since <= self.steps && g.weights.contains(&id))
    }

    /// One step: every gradient is multiplied by `scale` first (1 when nothing is clipped).
    /// `lr` is the learning rate of this step, before the groups' factors. Tensors change in place:
    /// whoever keeps old weights keeps a [`Params::deep_copy`].
    ///
    /// # Errors
    /// When a tensor is no contiguous f32 tensor on the CPU.
    pub fn step(&mut self, params: &Params, grads: &Grads, lr: f64, scale: f64) -> Result<(), TrainError> {
        for group in self.groups.iter().filter(|g| g.since <= self.steps) {
            // A weight that was frozen begins as if training did, as PyTorch counts each tensor's own steps.
            let rule = Rule::new(&self.settings, lr * group.lr, group.decay, self.steps + 1 - group.since, scale);
            for &id in &group.weights {
                if let (Some(gradient), Some(memory)) = (grads.get(id), &mut self.memory[id.index()]) {
                    let update = Update { rule, memory: Mutex::new(memory) };
                    gradient
                        .contiguous()
                        .and_then(|gradient| params.get(id).inplace_op2(&gradient, &update))
                        .map_err(TrainError::tensor(format!("a step of {}", params.name(id))))?;
                }
            }
        }
        self.steps += 1;
        Ok(())
    }

    /// What the optimiser remembers about one weight, by name: `m`, `v`.
    pub fn memory(&self, id: ParamId) -> Vec<(&'static str, &[f32])> {
        let Some(Some(Memory(memory))) = self.memory.get(id.index()) else { return Vec::new() };
        self.settings.parts().iter().zip(memory).map(|(name, part)| (*name, part.as_slice())).collect()
    }

    /// Goes on from what [`Optimizer::steps`] and [`Optimizer::memory`] gave.
    ///
    /// # Errors
    /// What `read` gives.
    pub fn restore(&mut self, steps: usize, read: &mut ReadMemory<'_>) -> Result<(), TrainError> {
        for &id in self.groups.iter().flat_map(|g| &g.weights) {
            if let Some(Memory(memory)) = &mut self.memory[id.index()] {
                for (name, part) in self.settings.parts().iter().zip(memory) {
                    read(id, name, part)?;
                }
            }
        }
        self.steps = steps;
        Ok(())
    }
}

/// The pass as candle's in-place operation: the weight changes, the gradient is read.
struct Update<'a> {
    rule: Rule,
    memory: Mutex<&'a mut Memory>,
}

impl InplaceOp2 for Update<'_> {
    fn name(&self) -> &'static str {
        "a step of the optimiser"
    }

    fn cpu_fwd(&self, w: &mut CpuStorage, wl: &Layout, g: &CpuStorage, gl: &Layout) -> CandleResult<()> {
        let (CpuStorage::F32(w), CpuStorage::F32(g)) = (w, g) else { bail!("weight and gradient must be f32") };
        let (Some((w0, w1)), Some((g0, g1))) = (wl.contiguous_offsets(), gl.contiguous_offsets()) else {
            bail!("weight and gradient must be contiguous")
        };
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let Memory(memory) = &mut **memory;
        if wl.dims() != gl.dims() || memory.iter().any(|part| !part.is_empty() && part.len() != w1 - w0) {
            bail!("weight {:?} and gradient {:?} must have one shape", wl.dims(), gl.dims())
        }
        self.rule.run(&mut w[w0..w1], &g[g0..g1], memory);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
