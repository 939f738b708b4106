//! Pooling, by windows and whole.

use candle_core::Tensor;

use super::{pixels, pixels_mean};
use crate::learn::ops::{OpsError, ParamId, Params, Tape, Var, Window};

/// Where a window's pixels lie along the axes of a padded map.
struct Cut {
    /// What is put before and behind along each axis.
    around: [[usize; 2]; 2],
    /// For each axis and place in the window, the padded pixels that the outputs see there.
    seen: [Vec<Tensor>; 2],
}

impl Cut {
    fn new(tape: &Tape, window: Window, from: [usize; 2], to: [usize; 2]) -> Result<Cut, OpsError> {
        let Window { kernel, stride, padding, .. } = window;
        let around = [0, 1].map(|axis| {
            let whole = (to[axis] - 1) * stride + kernel;
            [padding, whole.saturating_sub(padding + from[axis])]
        });
        let along = |axis: usize| -> Result<Vec<Tensor>, OpsError> {
            let one = |at: usize| tape.rows((0..to[axis]).map(|i| (i * stride + at) as u32).collect());
            (0..kernel).map(one).collect()
        };
        Ok(Cut { around, seen: [along(0)?, along(1)?] })
    }

    /// `fold` over the window's places of the map, which has `beyond` around it.
    fn folded(
        &self,
        x: &Tensor,
        beyond: f32,
        fold: impl Fn(&Tensor, &Tensor) -> candle_core::Result<Tensor>,
    ) -> candle_core::Result<Tensor> {
        let mut padded = x.clone();
        for (axis, around) in [1, 2].into_iter().zip(self.around) {
            let side = |count: usize, padded: &Tensor| {
                let mut dims = padded.dims().to_vec();
                dims[axis] = count;
                Tensor::full(beyond, dims, x.device())
            };
            let [before, behind] = around;
            if before > 0 {
                padded = Tensor::cat(&[&side(before, &padded)?, &padded], axis)?;
            }
            if behind > 0 {
                padded = Tensor::cat(&[&padded, &side(behind, &padded)?], axis)?;
            }
        }
        let mut total: Option<Tensor> = None;
        for rows in &self.seen[0] {
            let line = padded.index_select(rows, 1)?;
            for columns in &self.seen[1] {
                let here = line.index_select(columns, 2)?;
                total = Some(match &total {
                    None => here,
                    Some(total) => fold(total, &here)?,
                });
            }
        }
        total.map_or_else(|| candle_core::bail!("a window without pixels"), Ok)
    }
}

/// `later` where it is more or NaN, `so_far` elsewhere: the first of equal maxima counts, and takes the gradient.
fn later_if_more(so_far: &Tensor, later: &Tensor) -> candle_core::Result<Tensor> {
    let more = (later.gt(so_far)? + later.ne(later)?)?;
    more.where_cond(later, so_far)
}

impl Tape {
    /// [`Tape::max_pool`].
    pub(in crate::learn::ops) fn composed_max_pool(
        &mut self,
        x: &Var,
        window: Window,
        from: [usize; 2],
        to: [usize; 2],
    ) -> Result<Var, OpsError> {
        let cut = Cut::new(self, window, from, to)?;
        self.formula(&[x], move |x| cut.folded(&x[0], f32::NEG_INFINITY, later_if_more))
    }

    /// [`Tape::avg_pool`]; `counts` are the pixels of each window that exist.
    pub(in crate::learn::ops) fn composed_avg_pool(
        &mut self,
        x: &Var,
        window: Window,
        from: [usize; 2],
        to: [usize; 2],
        counts: Vec<f32>,
    ) -> Result<Var, OpsError> {
        let cut = Cut::new(self, window, from, to)?;
        let counts = self.known(counts, &[1, to[0], to[1], 1])?;
        self.formula(&[x], move |x| cut.folded(&x[0], 0.0, |a, b| a + b)?.broadcast_div(&counts))
    }

    /// [`Tape::global_avg`].
    pub(in crate::learn::ops) fn composed_global_avg(&mut self, x: &Var) -> Result<Var, OpsError> {
        self.formula(&[x], |x| pixels_mean(&x[0]))
    }

    /// [`Tape::global_max`].
    pub(in crate::learn::ops) fn composed_global_max(&mut self, x: &Var) -> Result<Var, OpsError> {
        self.formula(&[x], |x| {
            let all = pixels(&x[0])?; // [b, n, c]
            // The maximum's place has no gradient: one pixel takes it, where candle's `max` gives it to all that are equal.
            let known = all.detach();
            let infinite = (known.ones_like()? * f64::INFINITY)?;
            let at = known.ne(&known)?.where_cond(&infinite, &known)?.argmax_keepdim(1)?; // [b, 1, c]
            all.gather(&at, 1)?.squeeze(1)
        })
    }

    /// [`Tape::gem`].
    pub(in crate::learn::ops) fn composed_gem(&mut self, x: &Var, least: f32, p: f32) -> Result<Var, OpsError> {
        self.formula(&[x], move |x| {
            let raised = pixels(&x[0])?.maximum(least)?.powf(f64::from(p))?;
            raised.mean(1)?.powf(1.0 / f64::from(p))
        })
    }

    /// [`Tape::gem_learned`].
    pub(in crate::learn::ops) fn composed_gem_learned(
        &mut self,
        params: &Params,
        x: &Var,
        least: f32,
        power: ParamId,
    ) -> Result<Var, OpsError> {
        let power = self.parameter(params, power)?;
        self.formula(&[x, &power], move |x| {
            let raised = pixels(&x[0])?.maximum(least)?.log()?.broadcast_mul(&x[1])?.exp()?;
            raised.mean(1)?.log()?.broadcast_div(&x[1])?.exp()
        })
    }
}
