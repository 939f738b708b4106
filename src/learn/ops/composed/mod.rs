//! The operations composed of candle's own, for a device that has no kernels of ours: a CUDA card.
//!
//! A tape that is [`Tape::on`] a device takes parameters and pictures from the CPU and gives gradients, running statistics and
//! embeddings back there, so whoever trains or evaluates sees no difference. In between, each operation hands over to its
//! namesake here once it has checked its shapes. Whatever costs arithmetic (convolutions, products) has its way back written out;
//! the rest is a formula over tensors ([`Tape::formula`]), which is computed again on the way back under candle's autograd, so
//! that no more than its inputs is kept. Random draws are the CPU's, so the same recipe drops the same paths.
//!
//! With autocast, products and convolutions take and give numbers of 16 bits, formulas compute in 32, and residual streams of
//! transformers stay in 32, much as PyTorch's AMP; parameters and their gradients have 32.
//!
//! All of it also runs on candle's CPU device, which is how the tests compare it with our own kernels.

mod attention;
mod conv;
mod gates;
mod norm;
mod pool;
mod tokens;

pub(super) use self::attention::Gather;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Tensor};

use super::tape::memory::Memory;
use super::{Act, Flow, OpsError, ParamId, Params, Tape, Var};

/// Where a composed tape computes.
#[derive(Clone, Debug)]
pub(crate) struct Elsewhere {
    device: Device,
    /// What products and convolutions compute in, when not in 32 bits.
    half: Option<DType>,
    /// Parameters on the device, as of this forward pass.
    parameters: Arc<Mutex<HashMap<ParamId, Tensor>>>,
}

impl Elsewhere {
    /// Forgets the parameters, which are about to change.
    pub(super) fn forget(&self) {
        self.parameters.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn parameter(&self, params: &Params, id: ParamId) -> Result<Tensor, OpsError> {
        let mut all = self.parameters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tensor) = all.get(&id) {
            return Ok(tensor.clone());
        }
        let tensor = params.get(id).to_device(&self.device)?;
        all.insert(id, tensor.clone());
        Ok(tensor)
    }

    /// A tensor of this device in 32 bits.
    pub(super) fn full(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        x.to_device(&self.device)?.to_dtype(DType::F32)
    }

    /// A tensor of this device, in 16 bits where wanted.
    fn half(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        x.to_device(&self.device)?.to_dtype(self.half.unwrap_or(DType::F32))
    }
}

/// A tensor of the CPU in 32 bits, without candle's graph.
pub(super) fn at_home(x: &Tensor) -> Result<Tensor, OpsError> {
    Ok(x.detach().to_device(&Device::Cpu)?.to_dtype(DType::F32)?.contiguous()?)
}

impl Tape {
    /// This tape, computing on `device` by candle's operations. `autocast` is the type of products and convolutions, bf16 as a
    /// rule; 32 bits without one. An evaluating tape is for one state of the parameters.
    pub fn on(self, device: &Device, autocast: Option<DType>) -> Tape {
        let elsewhere = Elsewhere { device: device.clone(), half: autocast, parameters: Arc::default() };
        self.moved(Some(elsewhere), Memory::off())
    }

    /// The network's exit: a value on the CPU in 32 bits.
    ///
    /// # Errors
    /// When the device fails.
    pub fn leave(&mut self, y: &Var) -> Result<Var, OpsError> {
        if !self.is_composed() {
            return Ok(y.clone());
        }
        let (home, dtype, device, target) =
            (at_home(y.peek())?, y.peek().dtype(), y.peek().device().clone(), y.target());
        Ok(self.record(home, |_| {
            move |dy: Tensor, flow: &mut Flow| flow.add(target, dy.to_device(&device)?.to_dtype(dtype)?)
        }))
    }

    /// A parameter as a value.
    fn parameter(&mut self, params: &Params, id: ParamId) -> Result<Var, OpsError> {
        let tensor = self.place_of_composed()?.parameter(params, id)?;
        Ok(self.record(tensor, |_| move |dy: Tensor, flow: &mut Flow| flow.add_param(id, dy)))
    }

    fn parameters<const N: usize>(&mut self, params: &Params, ids: [ParamId; N]) -> Result<[Var; N], OpsError> {
        let all: Vec<Var> = ids.into_iter().map(|id| self.parameter(params, id)).collect::<Result<_, _>>()?;
        all.try_into().map_err(|_| OpsError::NotRecorded { op: "parameters" })
    }

    fn place_of_composed(&self) -> Result<&Elsewhere, OpsError> {
        self.elsewhere().ok_or(OpsError::NotRecorded { op: "a composed operation" })
    }

    /// A constant on the device.
    fn known(&self, values: Vec<f32>, dims: &[usize]) -> Result<Tensor, OpsError> {
        Ok(Tensor::from_vec(values, dims, &self.place_of_composed()?.device)?)
    }

    /// Numbers of rows, on the device.
    fn rows(&self, rows: Vec<u32>) -> Result<Tensor, OpsError> {
        let count = rows.len();
        Ok(Tensor::from_vec(rows, count, &self.place_of_composed()?.device)?)
    }

    /// `f` of the inputs, which it sees in 32 bits; the output has the type of the first input. `f` runs once more on the way back.
    fn formula(
        &mut self,
        inputs: &[&Var],
        f: impl Fn(&[Tensor]) -> candle_core::Result<Tensor> + Send + 'static,
    ) -> Result<Var, OpsError> {
        let dtype = inputs.first().map_or(DType::F32, |x| x.peek().dtype());
        self.formula_in(dtype, inputs, f)
    }

    /// [`Tape::formula`] whose output has a type of its own.
    fn formula_in(
        &mut self,
        dtype: DType,
        inputs: &[&Var],
        f: impl Fn(&[Tensor]) -> candle_core::Result<Tensor> + Send + 'static,
    ) -> Result<Var, OpsError> {
        let place = self.place_of_composed()?.clone();
        let full = |x: &&Var| place.full(x.peek()).map(|x| x.detach());
        let xs: Vec<Tensor> = inputs.iter().map(full).collect::<Result<_, _>>()?;
        let y = f(&xs)?.to_dtype(dtype)?.contiguous()?.detach();
        drop(xs);
        let inputs: Vec<Var> = inputs.iter().map(|x| (*x).clone()).collect();
        Ok(self.record(y, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let mut leaves = Vec::new();
                let mut xs = Vec::new();
                for x in &inputs {
                    let full = place.full(x.peek())?.detach();
                    let leaf = match flow.wants(x.target()) {
                        true => Some(candle_core::Var::from_tensor(&full)?),
                        false => None,
                    };
                    xs.push(leaf.as_ref().map_or(full, |leaf| leaf.as_tensor().clone()));
                    leaves.push(leaf);
                }
                let y = f(&xs)?;
                let grads = (y * dy.to_dtype(DType::F32)?)?.sum_all()?.backward()?;
                for (x, leaf) in inputs.iter().zip(&leaves) {
                    if let Some(dx) = leaf.as_ref().and_then(|leaf| grads.get(leaf)) {
                        flow.add(x.target(), dx.detach().to_dtype(x.peek().dtype())?.contiguous()?)?;
                    }
                }
                Ok(())
            }
        }))
    }

    /// Rows `x` `[.., c]` times a weight `[d, ..]` of `c` numbers a row: `[.., d]`.
    fn product(&mut self, x: &Var, weight: &Var) -> Result<Var, OpsError> {
        let place = self.place_of_composed()?.clone();
        let (dims, d) = (x.dims().to_vec(), weight.dims()[0]);
        let c = dims.last().copied().unwrap_or(1).max(1);
        let rows = x.peek().elem_count() / c;
        let flat = move |x: &Tensor, width: usize| -> candle_core::Result<Tensor> {
            place.half(x)?.contiguous()?.reshape((x.elem_count() / width.max(1), width))
        };
        let out: Vec<usize> = dims.iter().take(dims.len() - 1).copied().chain([d]).collect();
        let y = flat(x.peek(), c)?.matmul(&flat(weight.peek(), c)?.t()?)?.reshape(out)?;
        let (x, weight) = (x.clone(), weight.clone());
        Ok(self.record(y.detach(), |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let dy = flat(&dy, d)?; // [rows, d]
                if flow.wants(x.target()) {
                    let dx = dy.matmul(&flat(weight.peek(), c)?)?.reshape(dims)?;
                    flow.add(x.target(), dx.to_dtype(x.peek().dtype())?)?;
                }
                if flow.wants(weight.target()) && rows > 0 {
                    let dw = dy.t()?.contiguous()?.matmul(&flat(x.peek(), c)?)?;
                    flow.add(weight.target(), dw.to_dtype(DType::F32)?.reshape(weight.dims())?)?;
                }
                Ok(())
            }
        }))
    }

    /// `x + bias` over the last axis.
    fn shifted(&mut self, x: &Var, bias: &Var) -> Result<Var, OpsError> {
        let dtype = x.peek().dtype();
        let y = x.peek().broadcast_add(&bias.peek().to_dtype(dtype)?)?;
        let (x, bias, c) = (x.target(), bias.clone(), bias.peek().elem_count());
        Ok(self.record(y.detach(), |_| {
            move |dy: Tensor, flow: &mut Flow| {
                if flow.wants(bias.target()) {
                    let rows = dy.to_dtype(DType::F32)?.contiguous()?.reshape((dy.elem_count() / c.max(1), c))?;
                    flow.add(bias.target(), rows.sum(0)?.reshape(bias.dims())?)?;
                }
                flow.add(x, dy)
            }
        }))
    }

    /// `act(x)`.
    fn acted(&mut self, x: Var, act: Act) -> Result<Var, OpsError> {
        if act == Act::None {
            return Ok(x);
        }
        self.formula(&[&x], move |x| apply(act, &x[0]))
    }

    /// [`Tape::linear`].
    pub(super) fn composed_linear(
        &mut self,
        params: &Params,
        x: &Var,
        weight: ParamId,
        bias: Option<ParamId>,
        act: Act,
    ) -> Result<Var, OpsError> {
        let weight = self.parameter(params, weight)?;
        let mut y = self.product(x, &weight)?;
        if let Some(bias) = bias {
            let bias = self.parameter(params, bias)?;
            y = self.shifted(&y, &bias)?;
        }
        self.acted(y, act)
    }
}

/// An activation of numbers of 32 bits.
fn apply(act: Act, x: &Tensor) -> candle_core::Result<Tensor> {
    match act {
        Act::None => Ok(x.clone()),
        Act::Relu => rectify(x),
        Act::Silu => x * candle_nn::ops::sigmoid(x)?,
        Act::Gelu => x.gelu_erf(),
        Act::QuickGelu => x * candle_nn::ops::sigmoid(&(x * 1.702)?)?,
        Act::GeluTanh => x.gelu(),
        Act::Relu6 => {
            let x = rectify(x)?;
            let most = x.ones_like()?.affine(6.0, 0.0)?;
            x.ge(&most)?.where_cond(&most, &x)
        }
    }
}

/// `max(x, 0)` as our kernels have it: without a slope at 0, and NaN stays NaN. candle's `relu` lets the gradient through at 0.
fn rectify(x: &Tensor) -> candle_core::Result<Tensor> {
    let zeros = x.zeros_like()?;
    x.le(&zeros)?.where_cond(&zeros, x)
}

/// The mean over all pixels of maps `[b, .., c]`: `[b, c]`.
fn pixels_mean(x: &Tensor) -> candle_core::Result<Tensor> {
    pixels(x)?.mean(1)
}

/// Maps `[b, .., c]` as `[b, n, c]`.
fn pixels(x: &Tensor) -> candle_core::Result<Tensor> {
    let (b, c) = (x.dim(0)?, x.dim(x.rank() - 1)?);
    x.contiguous()?.reshape((b, x.elem_count() / (b * c).max(1), c))
}
