//! Forward passes that are recorded in part: a frozen beginning, and parts that are computed again on the way back.
//!
//! **Frozen.** [`Tape::freeze`] says which parameters do not learn. A forward pass then begins as an evaluation, running
//! statistics and all, and nothing is kept, until an operation meets a parameter that learns ([`Tape::reach`]). What is
//! frozen must come first in the network; whatever follows is recorded.
//!
//! **Computed again.** [`Tape::checkpoint`] keeps a part's input alone; on the way back the part runs once more, with the same
//! random draws, and its operations' gradients follow. Gradients get the same bits as without: they flow and add
//! up in the same order. Running statistics follow the first pass only. PyTorch's `torch.utils.checkpoint` (Chen et
//! al. 2016, arXiv 1604.06174).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use candle_core::Tensor;

use super::{Flow, Mode, ParamId, Params, Tape, Target, Var};
use crate::learn::ops::OpsError;

/// Whether parts are computed again.
#[derive(Debug, Default)]
pub(super) struct Again {
    wanted: bool,
    /// The parameters of this forward pass, once a part has asked for them.
    params: Option<Arc<Params>>,
}

impl Again {
    /// Lets the parameters go.
    pub(super) fn forget(&mut self) {
        self.params = None;
    }
}

impl Tape {
    /// Sets which parameters do not learn, by their order ([`ParamId::index`]); none when empty. They must be those that a
    /// forward pass meets first. Set it between two forward passes.
    pub fn freeze(&mut self, frozen: Arc<[bool]>) {
        self.frozen = frozen;
        self.waits = self.trains && !self.frozen.is_empty();
        self.mode = if self.trains && !self.waits { Mode::Recording } else { Mode::Evaluating };
    }

    /// An operation is about to use a parameter: where it learns, a frozen beginning ends. Every operation with parameters
    /// says so before it asks whether it is training.
    pub(crate) fn reach(&mut self, id: ParamId) {
        if self.waits && !self.frozen.get(id.index()).copied().unwrap_or(false) {
            (self.waits, self.mode) = (false, Mode::Recording);
        }
    }

    /// Whether [`Tape::checkpoint`] computes parts again instead of keeping what they need: less memory, a forward pass more.
    pub fn compute_again(&mut self, wanted: bool) {
        self.again.wanted = wanted;
    }

    /// A part of a network, `part(x)`: a block or a stage. While training with [`Tape::compute_again`] only `x` is kept.
    ///
    /// All values that `part` works on must come through `x` or be constants; its parameters come from `params`, which are the
    /// same for all parts of a forward pass.
    ///
    /// # Errors
    /// What `part` gives.
    pub fn checkpoint<F>(&mut self, params: &Params, x: &Var, part: F) -> Result<Var, OpsError>
    where
        F: Fn(&Params, &mut Tape, &Var) -> Result<Var, OpsError> + Send + 'static,
    {
        if !self.again.wanted || self.mode != Mode::Recording {
            return part(params, self, x);
        }
        let kept = self.again.params.get_or_insert_with(|| Arc::new(params.clone())).clone();
        let seed = self.seed;
        self.mode = Mode::Passing;
        let y = part(params, self, x);
        self.mode = Mode::Recording;
        let y = y?;
        // The output is recorded under a new name; the old one must not give the memory away.
        let alone = Arc::strong_count(&y.0) == 1 && !y.0.shared.swap(true, Ordering::Relaxed);
        let output = y.0.tensor.clone();
        drop(y);
        let x = x.clone();
        let y = self.record(output, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let mut inner = Tape { seed, ..Tape::train().moved(flow.elsewhere.clone(), flow.memory.clone()) };
                let start = inner.enter(&x, flow.wants(x.target()));
                let y = part(&kept, &mut inner, &start)?;
                inner.back_into(flow, &y, dy, &start, x.target())
            }
        });
        if !alone {
            y.0.shared.store(true, Ordering::Relaxed);
        }
        Ok(y)
    }

    /// A value of another tape, whose gradient is collected if wanted. The other tape's value must live on.
    fn enter(&mut self, x: &Var, wanted: bool) -> Var {
        if wanted { self.watch(x.peek()) } else { self.constant(x.peek()) }
    }

    /// Walks back from `y` to `start` as part of another tape's walk, in which `start` is called `x`; `y` may be `start` itself.
    fn back_into(&mut self, outer: &mut Flow, y: &Var, dy: Tensor, start: &Var, x: Target) -> Result<(), OpsError> {
        let last = self.source(y).ok_or(OpsError::NotRecorded { op: "checkpoint" })?;
        let nodes = std::mem::take(&mut self.nodes);
        let mut flow = Flow::new(self, nodes.len());
        // What flowed before is added to in the order of a tape that had kept everything.
        flow.params = std::mem::take(&mut outer.params);
        let start = self.source(start);
        if let Some(start) = start {
            flow.values[start] = outer.so_far(x);
        }
        flow.values[last] = match flow.values[last].take() {
            None => Some(dy),
            Some(first) => Some(flow.sum(first, dy)?),
        };
        flow.walk(nodes)?;
        outer.params = std::mem::take(&mut flow.params);
        match start.and_then(|start| flow.watched.remove(&start)) {
            None => Ok(()),
            Some(dx) => outer.add(x, dx),
        }
    }
}
