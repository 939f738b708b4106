//! Batch, layer and response norms.

use std::sync::{Arc, OnceLock};

use candle_core::Tensor;

use super::{apply, pixels};
use crate::learn::ops::norm::{LayerNorm, Norm, ResponseNorm, check, check_count};
use crate::learn::ops::{Act, OpsError, Params, Tape, Var};

/// Mean and biased variance of each channel of rows `[n, c]`, `[1, c]` each.
fn moments(rows: &Tensor) -> candle_core::Result<[Tensor; 2]> {
    let mean = rows.mean_keepdim(0)?;
    let variance = rows.broadcast_sub(&mean)?.sqr()?.mean_keepdim(0)?;
    Ok([mean, variance])
}

/// `[.., c]` as `[n, c]`.
fn rows(x: &Tensor) -> candle_core::Result<Tensor> {
    let c = x.dim(x.rank() - 1)?;
    x.contiguous()?.reshape((x.elem_count() / c.max(1), c))
}

impl Tape {
    /// `act(batch_norm(x) + residual)`.
    pub(in crate::learn::ops) fn composed_batch_norm(
        &mut self,
        params: &Params,
        x: &Var,
        norm: &Norm,
        residual: Option<&Var>,
        act: Act,
    ) -> Result<Var, OpsError> {
        let c = x.dims().last().copied().unwrap_or(0);
        for id in [norm.weight, norm.bias, norm.running_mean, norm.running_var] {
            check(c, params.get(id).elem_count(), x.dims())?;
        }
        let eps = norm.eps;
        let place = self.place_of_composed()?.clone();
        let fixed = match self.is_training() {
            false => {
                let of = |id| Ok::<_, OpsError>(place.parameter(params, id)?.reshape((1, c))?);
                Some([of(norm.running_mean)?, of(norm.running_var)?])
            }
            true => None,
        };
        let n = x.peek().elem_count() / c.max(1);
        if fixed.is_none() {
            check_count(n, x.dims())?;
        }
        // What the forward pass finds, for the running statistics.
        let seen: Arc<OnceLock<[Tensor; 2]>> = Arc::default();
        let found = seen.clone();
        let [weight, bias] = self.parameters(params, [norm.weight, norm.bias])?;
        let f = move |x: &[Tensor]| {
            let flat = rows(&x[0])?;
            let [mean, variance] = match &fixed {
                None => {
                    let moments = moments(&flat)?;
                    found.get_or_init(|| moments.each_ref().map(Tensor::detach));
                    moments
                }
                Some(fixed) => fixed.clone(),
            };
            let scale = x[1].reshape((1, c))?.div(&(variance + eps)?.sqrt()?)?;
            let y = flat.broadcast_sub(&mean)?.broadcast_mul(&scale)?.broadcast_add(&x[2])?.reshape(x[0].dims())?;
            match x.get(3) {
                None => apply(act, &y),
                Some(residual) => apply(act, &(y + residual)?),
            }
        };
        let y = match residual {
            None => self.formula(&[x, &weight, &bias], f)?,
            Some(residual) => self.formula(&[x, &weight, &bias, residual], f)?,
        };
        if let Some([mean, variance]) = seen.get() {
            let unbiased = (variance * (n as f64 / (n - 1) as f64))?;
            for (id, new) in [(norm.running_mean, mean), (norm.running_var, &unbiased)] {
                let old = place.full(self.latest(params, id))?;
                let moved = ((&old * (1.0 - norm.momentum))? + (new.reshape(c)? * norm.momentum)?)?;
                self.update(id, moved.detach());
            }
        }
        Ok(y)
    }

    /// [`Tape::layer_norm`].
    pub(in crate::learn::ops) fn composed_layer_norm(
        &mut self,
        params: &Params,
        x: &Var,
        norm: &LayerNorm,
    ) -> Result<Var, OpsError> {
        let weight = self.parameter(params, norm.weight)?;
        let bias = norm.bias.map(|bias| self.parameter(params, bias)).transpose()?;
        let eps = norm.eps;
        let f = move |x: &[Tensor]| {
            let last = x[0].rank() - 1;
            let apart = x[0].broadcast_sub(&x[0].mean_keepdim(last)?)?;
            let variance = apart.sqr()?.mean_keepdim(last)?;
            let y = apart.broadcast_div(&(variance + eps)?.sqrt()?)?.broadcast_mul(&x[1])?;
            match x.get(2) {
                None => Ok(y),
                Some(bias) => y.broadcast_add(bias),
            }
        };
        match &bias {
            None => self.formula(&[x, &weight], f),
            Some(bias) => self.formula(&[x, &weight, bias], f),
        }
    }

    /// [`Tape::response_norm`].
    pub(in crate::learn::ops) fn composed_response_norm(
        &mut self,
        params: &Params,
        x: &Var,
        norm: &ResponseNorm,
    ) -> Result<Var, OpsError> {
        let [weight, bias] = self.parameters(params, [norm.weight, norm.bias])?;
        let eps = norm.eps;
        self.formula(&[x, &weight, &bias], move |x| {
            let flat = pixels(&x[0])?; // [b, n, c]
            // The root of exactly nothing has no slope.
            let lengths = (flat.sqr()?.sum_keepdim(1)? + 1e-30)?.sqrt()?; // [b, 1, c]
            let share = lengths.broadcast_div(&(lengths.mean_keepdim(2)? + eps)?)?;
            let y = flat.broadcast_mul(&share)?.broadcast_mul(&x[1])?.broadcast_add(&x[2])?;
            (y + flat)?.reshape(x[0].dims())
        })
    }
}
