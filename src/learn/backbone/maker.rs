//! Makes a network's tensors: name, shape, first values.
//!
//! Takes timm's names and its initialisations; adds the tensors to the [`Params`]. Each tensor's draws belong to (seed, name),
//! so a network's first weights do not depend on the order in which its parts are made. Without a seed the tensors are hollow:
//! enough for counting parameters, comparing shapes with a file, or [`Tape::counting`](crate::learn::ops::Tape::counting).

use candle_core::{Device, Tensor};

use crate::base::Seed;
use crate::learn::ops::{Conv, Kind, LayerNorm, Norm, OpsError, ParamId, Params, hollow};

/// The first values of a tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Init {
    /// All the same.
    Is(f32),
    /// Normal with mean 0.
    Normal { std: f64 },
    /// Normal with mean 0, cut at ±2 (absolute, as timm's `trunc_normal_`; at its usual std of 0.02 never reached).
    TruncNormal { std: f64 },
    /// Uniform in `±bound`.
    Uniform { bound: f64 },
}

impl Init {
    /// He's normal distribution by fan-out, `2 / (o · kh · kw)`, for a convolution's `[o, c, kh, kw]` in `groups`.
    pub(super) fn fan_out(dims: &[usize], groups: usize) -> Init {
        let fan = dims[0] * dims[2..].iter().product::<usize>() / groups;
        Init::Normal { std: (2.0 / fan as f64).sqrt() }
    }

    /// PyTorch's default of linear layers and convolutions, weight and bias: uniform within one over the root of the fan-in.
    pub(super) fn fan_in(fan: usize) -> Init {
        Init::Uniform { bound: 1.0 / (fan as f64).sqrt() }
    }
}

/// A fully connected layer's tensors, for `Tape::linear`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Linear {
    pub(super) weight: ParamId,
    pub(super) bias: Option<ParamId>,
}

/// A convolution's geometry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) channels: usize,
    pub(super) out: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) groups: usize,
}

impl Shape {
    /// A dense convolution.
    pub(super) fn new(channels: usize, out: usize, kernel: usize, stride: usize) -> Shape {
        Shape { channels, out, kernel, stride, groups: 1 }
    }
}

/// Creates tensors under their names, each from its own place in the seed.
pub(super) struct Maker<'a> {
    params: &'a mut Params,
    seed: Option<Seed>,
    drop_path: f64,
}

impl<'a> Maker<'a> {
    /// Adds to `params`; hollow tensors without a seed.
    pub(super) fn new(params: &'a mut Params, seed: Option<Seed>) -> Maker<'a> {
        Maker { params, seed, drop_path: 0.0 }
    }

    /// The same with a rate of stochastic depth for the last block.
    pub(super) fn with_drop_path(self, drop_path: f64) -> Self {
        Maker { drop_path, ..self }
    }

    /// Rate of stochastic depth of block `at` when block `last` would have the recipe's: a straight line from 0 (timm).
    pub(super) fn drop_path(&self, at: usize, last: usize) -> f32 {
        (self.drop_path * at as f64 / last.max(1) as f64) as f32
    }

    /// One tensor.
    pub(super) fn tensor(&mut self, name: &str, dims: &[usize], kind: Kind, init: Init) -> Result<ParamId, OpsError> {
        let Some(seed) = self.seed else { return self.params.add(name, hollow(dims)?, kind) };
        let mut draws = seed.named(name).draws();
        let mut draw = || match init {
            Init::Is(value) => value,
            Init::Normal { std } => (draws.normal() * std) as f32,
            Init::TruncNormal { std } => loop {
                let value = draws.normal() * std;
                if value.abs() <= 2.0 {
                    break value as f32;
                }
            },
            Init::Uniform { bound } => draws.uniform(-bound, bound) as f32,
        };
        let values: Vec<f32> = (0..dims.iter().product()).map(|_| draw()).collect();
        self.params.add(name, Tensor::from_vec(values, dims, &Device::Cpu)?, kind)
    }

    /// A convolution's weight `NAME.weight`, by fan-out; padding keeps the size at stride 1.
    pub(super) fn conv(&mut self, name: &str, shape: Shape) -> Result<Conv, OpsError> {
        let Shape { channels, out, kernel, stride, groups } = shape;
        let dims = [out, channels / groups, kernel, kernel];
        let weight = self.tensor(&format!("{name}.weight"), &dims, Kind::Weight, Init::fan_out(&dims, groups))?;
        Ok(Conv { weight, stride, padding: kernel / 2, dilation: 1, groups })
    }

    /// A batch norm `NAME`; `gamma` is its first weight.
    pub(super) fn batch_norm(&mut self, name: &str, channels: usize, gamma: f32, eps: f64) -> Result<Norm, OpsError> {
        let mut each =
            |part: &str, kind, value| self.tensor(&format!("{name}.{part}"), &[channels], kind, Init::Is(value));
        Ok(Norm {
            weight: each("weight", Kind::Weight, gamma)?,
            bias: each("bias", Kind::Weight, 0.0)?,
            running_mean: each("running_mean", Kind::Buffer, 0.0)?,
            running_var: each("running_var", Kind::Buffer, 1.0)?,
            momentum: 0.1,
            eps,
        })
    }

    /// A layer norm `NAME` with scale and shift; `gamma` is its first scale.
    pub(super) fn layer_norm(
        &mut self,
        name: &str,
        channels: usize,
        gamma: f32,
        eps: f64,
    ) -> Result<LayerNorm, OpsError> {
        let mut each =
            |part: &str, value| self.tensor(&format!("{name}.{part}"), &[channels], Kind::Weight, Init::Is(value));
        Ok(LayerNorm { weight: each("weight", gamma)?, bias: Some(each("bias", 0.0)?), eps })
    }

    /// A fully connected layer `NAME` with a weight `[out, inner]`, and a bias `[out]` if wanted.
    pub(super) fn linear(
        &mut self,
        name: &str,
        inner: usize,
        out: usize,
        weight: Init,
        bias: Option<Init>,
    ) -> Result<Linear, OpsError> {
        let weight = self.tensor(&format!("{name}.weight"), &[out, inner], Kind::Weight, weight)?;
        let bias = bias.map(|init| self.tensor(&format!("{name}.bias"), &[out], Kind::Weight, init)).transpose()?;
        Ok(Linear { weight, bias })
    }
}
