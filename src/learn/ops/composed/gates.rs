//! Residual streams, what is dropped from them, gates of channels, and activations that learn.

use candle_core::{D, DType, Tensor};

use super::{apply, pixels, pixels_mean, rectify};
use crate::learn::ops::{Act, OpsError, ParamId, Params, Squeeze, StarRelu, Tape, Var};

/// `x` times a gate `[b, c]` of its maps `[b, .., c]`.
fn gated(x: &Tensor, gate: &Tensor) -> candle_core::Result<Tensor> {
    pixels(x)?.broadcast_mul(&gate.unsqueeze(1)?)?.reshape(x.dims())
}

/// A factor `[b]` as one for `x` `[b, ..]`.
fn by_picture(factor: &Tensor, x: &Tensor) -> candle_core::Result<Tensor> {
    let mut dims = vec![1; x.rank()];
    dims[0] = factor.elem_count();
    factor.reshape(dims)
}

impl Tape {
    /// [`Tape::residual`], with each picture's factor.
    pub(in crate::learn::ops) fn composed_residual(
        &mut self,
        params: &Params,
        x: &Var,
        branch: &Var,
        gamma: Option<ParamId>,
        keeps: Vec<f32>,
    ) -> Result<Var, OpsError> {
        let count = keeps.len();
        let keeps = match keeps.iter().all(|keep| *keep == 1.0) {
            true => None,
            false => Some(self.known(keeps, &[count])?),
        };
        let gamma = gamma.map(|gamma| self.parameter(params, gamma)).transpose()?;
        let f = move |x: &[Tensor]| {
            let mut branch = x[1].clone();
            if let Some(gamma) = x.get(2) {
                branch = branch.broadcast_mul(gamma)?;
            }
            if let Some(keeps) = &keeps {
                branch = branch.broadcast_mul(&by_picture(keeps, &branch)?)?;
            }
            &x[0] + branch
        };
        match &gamma {
            None => self.formula_in(DType::F32, &[x, branch], f),
            Some(gamma) => self.formula_in(DType::F32, &[x, branch, gamma], f),
        }
    }

    /// `x` times constant factors, of each picture `[b]` or of each number.
    pub(in crate::learn::ops) fn composed_factors(&mut self, x: &Var, factors: Vec<f32>) -> Result<Var, OpsError> {
        let whole = factors.len() == x.peek().elem_count();
        let dims = if whole { x.dims().to_vec() } else { vec![factors.len()] };
        let factors = self.known(factors, &dims)?;
        self.formula(&[x], move |x| match whole {
            true => &x[0] * &factors,
            false => x[0].broadcast_mul(&by_picture(&factors, &x[0])?),
        })
    }

    /// [`Tape::activate`].
    pub(in crate::learn::ops) fn composed_activate(&mut self, x: &Var, act: Act, factor: f32) -> Result<Var, OpsError> {
        self.formula(&[x], move |x| apply(act, &x[0])? * f64::from(factor))
    }

    /// [`Tape::swiglu`].
    pub(in crate::learn::ops) fn composed_swiglu(&mut self, x: &Var) -> Result<Var, OpsError> {
        self.formula(&[x], |x| {
            let halves = x[0].chunk(2, D::Minus1)?;
            apply(Act::Silu, &halves[0].contiguous()?)? * halves[1].contiguous()?
        })
    }

    /// [`Tape::join`].
    pub(in crate::learn::ops) fn composed_join(
        &mut self,
        params: &Params,
        x: &Var,
        branch: &Var,
        factor: f32,
        gain: Option<ParamId>,
    ) -> Result<Var, OpsError> {
        let gain = gain.map(|gain| self.parameter(params, gain)).transpose()?;
        let f = move |x: &[Tensor]| {
            let branch = (&x[1] * f64::from(factor))?;
            match x.get(2) {
                None => &x[0] + branch,
                Some(gain) => &x[0] + branch.broadcast_mul(gain)?,
            }
        };
        match &gain {
            None => self.formula(&[x, branch], f),
            Some(gain) => self.formula(&[x, branch, gain], f),
        }
    }

    /// [`Tape::channel_attention`].
    pub(in crate::learn::ops) fn composed_channel_attention(
        &mut self,
        params: &Params,
        x: &Var,
        weight: ParamId,
    ) -> Result<Var, OpsError> {
        let k = params.get(weight).elem_count();
        let weight = self.parameter(params, weight)?;
        self.formula(&[x, &weight], move |x| {
            let mean = pixels_mean(&x[0])?; // [b, c]
            let (c, around) = (mean.dim(1)?, mean.pad_with_zeros(1, k / 2, k / 2)?);
            let taps = x[1].flatten_all()?;
            let mut sum = mean.zeros_like()?;
            for tap in 0..k {
                sum = (sum + around.narrow(1, tap, c)?.broadcast_mul(&taps.narrow(0, tap, 1)?)?)?;
            }
            gated(&x[0], &candle_nn::ops::sigmoid(&sum)?)
        })
    }

    /// [`Tape::squeeze_excite`].
    pub(in crate::learn::ops) fn composed_squeeze_excite(
        &mut self,
        params: &Params,
        x: &Var,
        squeeze: &Squeeze,
    ) -> Result<Var, OpsError> {
        let [a, a_bias] = self.parameters(params, squeeze.reduce)?;
        let [b, b_bias] = self.parameters(params, squeeze.expand)?;
        let act = squeeze.act;
        self.formula(&[x, &a, &a_bias, &b, &b_bias], move |x| {
            let linear = |rows: &Tensor, weight: &Tensor, bias: &Tensor| {
                rows.matmul(&weight.flatten_from(1)?.t()?)?.broadcast_add(bias)
            };
            let inner = apply(act, &linear(&pixels_mean(&x[0])?, &x[1], &x[2])?)?;
            gated(&x[0], &candle_nn::ops::sigmoid(&linear(&inner, &x[3], &x[4])?)?)
        })
    }

    /// [`Tape::prelu`].
    pub(in crate::learn::ops) fn composed_prelu(
        &mut self,
        params: &Params,
        x: &Var,
        slope: ParamId,
    ) -> Result<Var, OpsError> {
        let slope = self.parameter(params, slope)?;
        self.formula(&[x, &slope], |x| {
            let above = x[0].gt(&x[0].zeros_like()?)?;
            above.where_cond(&x[0], &x[0].broadcast_mul(&x[1])?)
        })
    }

    /// [`Tape::star_relu`].
    pub(in crate::learn::ops) fn composed_star_relu(
        &mut self,
        params: &Params,
        x: &Var,
        star: Option<StarRelu>,
    ) -> Result<Var, OpsError> {
        let Some(StarRelu { scale, bias }) = star else { return self.formula(&[x], |x| rectify(&x[0])?.sqr()) };
        let [scale, bias] = self.parameters(params, [scale, bias])?;
        self.formula(&[x, &scale, &bias], |x| rectify(&x[0])?.sqr()?.broadcast_mul(&x[1])?.broadcast_add(&x[2]))
    }

    /// [`Tape::beside`].
    pub(in crate::learn::ops) fn composed_beside(&mut self, left: &Var, right: &Var) -> Result<Var, OpsError> {
        self.formula(&[left, right], |x| Tensor::cat(&[&x[0], &x[1]], 1))
    }
}
