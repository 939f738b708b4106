//! The record of one forward pass, and the walk back through it.
//!
//! An operation takes [`Var`]s and gives one; while training it leaves a closure that owns just the
//! tensors its gradient needs. [`Tape::backward`] calls the closures in reverse order and drops each,
//! so saved memory falls as the walk goes on. A value's first gradient is moved into place and
//! later ones are added to it in place. `partial` has what is not recorded: a frozen beginning, and parts that are
//! computed again on the way back. What a forward pass changes besides (running statistics) is
//! collected and applied by [`Tape::apply_updates`] after the step, so a step that is thrown away
//! leaves the network as it was.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use candle_core::Tensor;
use rayon::prelude::*;

mod dry;
pub(crate) mod memory;
mod network;
mod params;
mod partial;

pub use dry::Spent;
pub(crate) use dry::hollow;
pub use network::{Layer, Network, Places};
pub use params::{Kind, ParamId, Params};

use self::memory::Memory;
use self::partial::Again;
use super::composed::{Elsewhere, at_home};
use super::{OpsError, wide};
use crate::base::Seed;

/// Where a value was recorded: which recording of its tape, and which node in it.
type Source = Option<(u64, usize)>;

/// A value in a forward pass. Cheap to clone; its memory goes back to the tape with the last clone.
#[derive(Clone, Debug)]
pub struct Var(Arc<Value>);

#[derive(Debug)]
struct Value {
    tensor: Tensor,
    source: Source,
    /// Set when a tensor over the same memory may be in other hands.
    shared: AtomicBool,
    memory: Memory,
}

impl Drop for Value {
    fn drop(&mut self) {
        if !*self.shared.get_mut() {
            self.memory.reclaim(&self.tensor);
        }
    }
}

impl Var {
    /// The value as a candle tensor, which shares its memory and has no candle gradient.
    pub fn tensor(&self) -> Tensor {
        self.0.shared.store(true, Ordering::Relaxed);
        self.0.tensor.clone()
    }

    /// The shape.
    pub fn dims(&self) -> &[usize] {
        self.0.tensor.dims()
    }

    /// Where this value's gradient goes.
    pub(crate) fn target(&self) -> Target {
        Target(self.0.source)
    }

    /// The tensor for a kernel, which may not keep it: saved values are saved as [`Var`]s.
    pub(crate) fn peek(&self) -> &Tensor {
        &self.0.tensor
    }
}

/// Where a value's gradient goes: what an operation keeps of an input whose values it does not need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target(Source);

type Backward = Box<dyn FnOnce(Tensor, &mut Flow) -> Result<(), OpsError> + Send>;

/// What a tape does with operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Batch norms use running statistics, nothing is drawn, nothing kept.
    Evaluating,
    /// As in training, but nothing is kept: it will be computed again on the way back.
    Passing,
    /// As in training, and kept for the way back.
    Recording,
}

/// Numbers the recordings of all tapes, so that a value is never taken for another recording's.
fn next_recording() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The record of one forward pass.
pub struct Tape {
    trains: bool,
    mode: Mode,
    recording: u64,
    nodes: Vec<Backward>,
    updates: Vec<(ParamId, Tensor)>,
    memory: Memory,
    /// Where operations are composed of candle's; nothing where they are our own kernels.
    elsewhere: Option<Elsewhere>,
    /// What a counting tape has counted.
    spent: Option<Spent>,
    /// The place of this step's random draws, and how many operations have drawn.
    seed: (Seed, u64),
    /// Parameters that do not learn, by their order; none of them when empty.
    frozen: Arc<[bool]>,
    /// Whether a frozen beginning lasts.
    waits: bool,
    /// Whether parts are computed again instead of kept, and the parameters as of this forward pass for it.
    again: Again,
}

impl Tape {
    /// A tape that records, and whose batch norms use the batch's statistics. Use one tape for all
    /// steps of a training: it keeps its buffers.
    pub fn train() -> Tape {
        Tape {
            trains: true,
            mode: Mode::Recording,
            recording: next_recording(),
            nodes: Vec::new(),
            updates: Vec::new(),
            memory: Memory::default(),
            elsewhere: None,
            spent: None,
            seed: (Seed::new(0), 0),
            frozen: Arc::default(),
            waits: false,
            again: Again::default(),
        }
    }

    /// A tape that keeps nothing, and whose batch norms use the running statistics.
    pub fn eval() -> Tape {
        Tape { trains: false, mode: Mode::Evaluating, ..Tape::train() }
    }

    /// This tape, with another place to compute and other buffers.
    pub(super) fn moved(self, elsewhere: Option<Elsewhere>, memory: Memory) -> Tape {
        Tape { elsewhere, memory, ..self }
    }

    /// Where operations are composed of candle's, if they are.
    pub(super) fn elsewhere(&self) -> Option<&Elsewhere> {
        self.elsewhere.as_ref()
    }

    /// Whether operations are composed of candle's instead of being our own kernels.
    pub(crate) fn is_composed(&self) -> bool {
        self.elsewhere.is_some()
    }

    /// Whether operations do as in training: batch statistics, random draws.
    pub fn is_training(&self) -> bool {
        self.mode != Mode::Evaluating
    }

    /// Whether the next operation is kept for the way back.
    pub fn is_recording(&self) -> bool {
        self.mode == Mode::Recording
    }

    /// Sets the place of a step's random draws (dropout, stochastic depth): a function of (recipe, fold, step).
    pub fn seed(&mut self, step: Seed) {
        self.seed = (step, 0);
    }

    /// The place of the next operation's draws in this step.
    pub(crate) fn place(&mut self) -> Seed {
        self.seed.1 += 1;
        self.seed.0.at(self.seed.1)
    }

    /// A value without a gradient: the pictures.
    pub fn constant(&self, x: &Tensor) -> Var {
        self.make(x.detach(), None, true)
    }

    /// A value whose gradient [`Grads::of`] gives back.
    pub fn watch(&mut self, x: &Tensor) -> Var {
        let node = self.nodes.len();
        let source = self.next_source();
        if source.is_some() {
            self.nodes.push(Box::new(move |dy, flow| {
                flow.watched.insert(node, dy);
                Ok(())
            }));
        }
        self.make(x.detach(), source, true)
    }

    /// Walks back from `y` with its gradient `dy` (of the same shape) and forgets the recording.
    ///
    /// # Errors
    /// When `y` was not recorded since the last walk, when `dy` has another shape, or when an operation fails.
    pub fn backward(&mut self, y: &Var, dy: &Tensor) -> Result<Grads, OpsError> {
        let last = self.source(y).ok_or(OpsError::NotRecorded { op: "backward" })?;
        if y.dims() != dy.dims() {
            return Err(OpsError::shape("backward", format!("a gradient of shape {:?}", y.dims()), dy.dims()));
        }
        let nodes = std::mem::take(&mut self.nodes);
        let mut flow = Flow::new(self, nodes.len());
        flow.values[last] = Some(dy.copy()?);
        let walked = flow.walk(nodes);
        // Afterwards: parts that are computed again fetch these parameters on the way.
        self.begin();
        walked?;
        if flow.elsewhere.is_some() {
            for tensor in flow.params.values_mut().chain(flow.watched.values_mut()) {
                *tensor = at_home(tensor)?;
            }
        }
        Ok(Grads { recording: flow.recording, params: flow.params, watched: flow.watched })
    }

    /// Writes what the forward passes since the last call changed in the buffers (running statistics).
    pub fn apply_updates(&mut self, params: &mut Params) -> Result<(), OpsError> {
        let composed = self.is_composed();
        let home = |tensor: Tensor| if composed { at_home(&tensor) } else { Ok(tensor) };
        self.updates.drain(..).try_for_each(|(id, tensor)| params.set(id, home(tensor)?))
    }

    /// Forgets the recording and the updates, as if the forward pass had not been.
    pub fn discard(&mut self) {
        self.nodes.clear();
        self.updates.clear();
        self.begin();
    }

    /// Makes ready for the next forward pass.
    fn begin(&mut self) {
        self.recording = next_recording();
        self.again.forget();
        if let Some(elsewhere) = &self.elsewhere {
            elsewhere.forget();
        }
        self.freeze(self.frozen.clone());
    }

    /// Gives the memory that waits for reuse back to the system.
    pub fn trim(&self) {
        self.memory.clear();
    }

    /// Bytes of memory that wait for reuse.
    pub fn spare_bytes(&self) -> usize {
        self.memory.free_bytes()
    }

    fn make(&self, tensor: Tensor, source: Source, shared: bool) -> Var {
        Var(Arc::new(Value { tensor, source, shared: AtomicBool::new(shared), memory: self.memory.clone() }))
    }

    fn source(&self, x: &Var) -> Option<usize> {
        x.0.source.filter(|(recording, _)| *recording == self.recording).map(|(_, node)| node)
    }

    /// Where the next recorded value stands; nowhere when nothing is recorded.
    fn next_source(&self) -> Source {
        (self.mode == Mode::Recording).then_some((self.recording, self.nodes.len()))
    }

    /// The buffers that operations take their outputs from.
    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// An operation's output. While training, `make` is called with it and gives the way back: a closure
    /// that takes the output's gradient, its own to reuse, and passes gradients on through the [`Flow`].
    pub(crate) fn record<F>(&mut self, tensor: Tensor, make: impl FnOnce(&Var) -> F) -> Var
    where
        F: FnOnce(Tensor, &mut Flow) -> Result<(), OpsError> + Send + 'static,
    {
        let source = self.next_source();
        let output = self.make(tensor, source, false);
        if source.is_some() {
            self.nodes.push(Box::new(make(&output)));
        }
        output
    }

    /// An intermediate result that an operation keeps for its gradient; its memory comes back when dropped.
    pub(crate) fn hold(&self, tensor: Tensor) -> Var {
        self.make(tensor, None, false)
    }

    /// Notes the new content of a buffer, for [`Tape::apply_updates`].
    pub(crate) fn update(&mut self, id: ParamId, tensor: Tensor) {
        self.updates.push((id, tensor));
    }

    /// Content of a buffer as of the last update in this step (a layer may run twice in one pass).
    pub(crate) fn latest<'a>(&'a self, params: &'a Params, id: ParamId) -> &'a Tensor {
        self.updates.iter().rev().find(|(other, _)| *other == id).map_or(params.get(id), |(_, tensor)| tensor)
    }
}

/// The gradients on their way back through a tape.
pub struct Flow {
    recording: u64,
    values: Vec<Option<Tensor>>,
    watched: BTreeMap<usize, Tensor>,
    params: BTreeMap<ParamId, Tensor>,
    pub(crate) memory: Memory,
    elsewhere: Option<Elsewhere>,
}

impl Flow {
    fn new(tape: &Tape, nodes: usize) -> Flow {
        Flow {
            recording: tape.recording,
            values: (0..nodes).map(|_| None).collect(),
            watched: BTreeMap::new(),
            params: BTreeMap::new(),
            memory: tape.memory.clone(),
            elsewhere: tape.elsewhere.clone(),
        }
    }

    /// Calls the operations' ways back, the last first, and drops each with what it kept.
    fn walk(&mut self, mut nodes: Vec<Backward>) -> Result<(), OpsError> {
        while let Some(node) = nodes.pop() {
            if let Some(dy) = self.values[nodes.len()].take() {
                node(dy, self)?;
            }
        }
        Ok(())
    }

    fn place(&self, x: Target) -> Option<usize> {
        x.0.filter(|(recording, _)| *recording == self.recording).map(|(_, node)| node)
    }

    /// Whether a value's gradient is wanted at all.
    pub(crate) fn wants(&self, x: Target) -> bool {
        self.place(x).is_some()
    }

    /// What has flowed into a value so far, taken out so that an operation can add to it in place.
    pub(crate) fn so_far(&mut self, x: Target) -> Option<Tensor> {
        self.place(x).and_then(|node| self.values[node].take())
    }

    /// Lets a gradient flow into a value; `dx` must be the caller's own.
    pub(crate) fn add(&mut self, x: Target, dx: Tensor) -> Result<(), OpsError> {
        let Some(node) = self.place(x) else {
            self.memory.reclaim(&dx);
            return Ok(());
        };
        let total = match self.values[node].take() {
            None => dx,
            Some(first) => self.sum(first, dx)?,
        };
        self.values[node] = Some(total);
        Ok(())
    }

    /// Lets a gradient flow into a parameter; `dw` must be the caller's own.
    pub(crate) fn add_param(&mut self, id: ParamId, dw: Tensor) -> Result<(), OpsError> {
        let total = match self.params.remove(&id) {
            None => dw,
            Some(first) => self.sum(first, dw)?,
        };
        self.params.insert(id, total);
        Ok(())
    }

    /// What has flowed into a parameter so far, taken out.
    pub(crate) fn take_param(&mut self, id: ParamId) -> Option<Tensor> {
        self.params.remove(&id)
    }

    fn sum(&self, first: Tensor, second: Tensor) -> Result<Tensor, OpsError> {
        if self.elsewhere.is_some() {
            return Ok((first + second)?);
        }
        let total = sum(first, &second)?;
        self.memory.reclaim(&second);
        Ok(total)
    }
}

/// `first + second` in the memory of `first`.
fn sum(first: Tensor, second: &Tensor) -> Result<Tensor, OpsError> {
    let mut total = memory::take(&first)?;
    memory::floats("add gradients", second, |second| {
        let add = |total: &mut [f32], second: &[f32]| {
            wide!(|| total.iter_mut().zip(second).for_each(|(t, s)| *t += s));
        };
        match total.len() <= BLOCK {
            true => add(&mut total, second),
            false => total.par_chunks_mut(BLOCK).zip(second.par_chunks(BLOCK)).for_each(|(t, s)| add(t, s)),
        }
        Ok(())
    })?;
    memory::tensor(total, first.dims())
}

/// Floats of one task of a sum.
const BLOCK: usize = 1 << 16;

/// The gradients of one walk back.
#[derive(Debug, Default)]
pub struct Grads {
    recording: u64,
    params: BTreeMap<ParamId, Tensor>,
    watched: BTreeMap<usize, Tensor>,
}

impl Grads {
    /// The gradient of a parameter, when one flowed there.
    pub fn get(&self, id: ParamId) -> Option<&Tensor> {
        self.params.get(&id)
    }

    /// The gradient of a parameter, moved out.
    pub fn take(&mut self, id: ParamId) -> Option<Tensor> {
        self.params.remove(&id)
    }

    /// Adds a gradient that was found elsewhere, such as a head's by candle's autograd.
    pub fn insert(&mut self, id: ParamId, dw: Tensor) {
        self.params.insert(id, dw);
    }

    /// Adds the gradients of another batch.
    pub fn add(&mut self, other: Grads) -> Result<(), OpsError> {
        for (id, dw) in other.params {
            let total = match self.params.remove(&id) {
                None => dw,
                Some(first) => sum(first, &dw)?,
            };
            self.params.insert(id, total);
        }
        Ok(())
    }

    /// The gradient of a watched value.
    pub fn of(&self, x: &Var) -> Option<&Tensor> {
        x.0.source.filter(|(recording, _)| *recording == self.recording).and_then(|(_, node)| self.watched.get(&node))
    }

    /// All parameters' gradients, in the order of the parameters.
    pub fn iter(&self) -> impl Iterator<Item = (ParamId, &Tensor)> {
        self.params.iter().map(|(id, dw)| (*id, dw))
    }

    /// How many parameters have a gradient.
    pub fn len(&self) -> usize {
        self.params.len()
    }

    /// Whether no gradient flowed into any parameter.
    pub fn is_empty(&self) -> bool {
        self.params.is_empty()
    }
}

#[cfg(test)]
mod tests;
