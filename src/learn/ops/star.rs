//! StarReLU, `s · max(x, 0)² + b` with two numbers that learn (Yu et al. 2022), one pass forward and one back; without them the
//! squared ReLU (So et al. 2021).

use candle_core::Tensor;
use rayon::prelude::*;

use super::act::rectify;
use super::linear::add_up;
use super::simd::wide;
use super::tape::memory::{floats, take, tensor};
use super::{Flow, OpsError, ParamId, Params, Tape, Var};

/// Floats of one task.
const BLOCK: usize = 1 << 15;
/// Sums run side by side, so that they are one vector.
const SIDE: usize = 16;

/// The two numbers of a StarReLU, `[1]` each.
#[derive(Clone, Copy, Debug)]
pub struct StarRelu {
    /// The factor `s`.
    pub scale: ParamId,
    /// The shift `b`.
    pub bias: ParamId,
}

impl Tape {
    /// `scale · max(x, 0)² + bias`, or `max(x, 0)²` without parameters; any shape.
    ///
    /// # Errors
    /// When a parameter is not one number.
    pub fn star_relu(&mut self, params: &Params, x: &Var, star: Option<&StarRelu>) -> Result<Var, OpsError> {
        let op = "star_relu";
        let star = star.copied();
        if let Some(StarRelu { scale, bias }) = star {
            self.reach(scale);
            self.reach(bias);
            for id in [scale, bias] {
                if params.get(id).dims() != [1] {
                    return Err(OpsError::shape(op, "a scale and a bias [1]", params.get(id).dims()));
                }
            }
        }
        let (dims, len) = (x.dims().to_vec(), x.peek().elem_count());
        if let Some(y) = self.dry(0, len, &dims)? {
            return Ok(y);
        }
        if self.is_composed() {
            return self.composed_star_relu(params, x, star);
        }
        let one = |id: ParamId| floats(op, params.get(id), |value| Ok(value[0]));
        let (scale, bias) = match star {
            None => (1.0, 0.0),
            Some(StarRelu { scale, bias }) => (one(scale)?, one(bias)?),
        };
        let mut y = self.memory().dirty(len);
        floats(op, x.peek(), |x| {
            y.par_chunks_mut(BLOCK).zip(x.par_chunks(BLOCK)).for_each(|(y, x)| wide!(|| forward(x, y, scale, bias)));
            Ok(())
        })?;
        let x = x.clone();
        Ok(self.record(tensor(y, &dims)?, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let mut g = take(&dy)?;
                let mut sums = vec![0.0f32; len.div_ceil(BLOCK) * 2 * SIDE];
                floats(op, x.peek(), |x| {
                    let tasks = g.par_chunks_mut(BLOCK).zip(x.par_chunks(BLOCK)).zip(sums.par_chunks_mut(2 * SIDE));
                    tasks.for_each(|((g, x), sums)| wide!(|| backward(x, g, scale, sums)));
                    Ok(())
                })?;
                if let Some(StarRelu { scale, bias }) = star {
                    let total = add_up(&sums, 2 * SIDE);
                    let (by_scale, by_bias) = total.split_at(SIDE);
                    flow.add_param(scale, tensor(vec![by_scale.iter().sum()], &[1])?)?;
                    flow.add_param(bias, tensor(vec![by_bias.iter().sum()], &[1])?)?;
                }
                flow.add(x.target(), tensor(g, &dims)?)
            }
        }))
    }
}

#[inline(always)]
fn forward(x: &[f32], y: &mut [f32], scale: f32, bias: f32) {
    for (y, x) in y.iter_mut().zip(x) {
        let x = rectify(*x);
        *y = scale * (x * x) + bias;
    }
}

/// Turns the gradient `g` of the result into that of `x`, and gives the sums of `g · max(x, 0)²` and of `g`, `SIDE` of each.
#[inline(always)]
fn backward(x: &[f32], g: &mut [f32], scale: f32, sums: &mut [f32]) {
    let (by_scale, by_bias) = sums.split_at_mut(SIDE);
    let mut each = |i: usize, x: f32, g: &mut f32| {
        let x = rectify(x);
        by_scale[i] += *g * (x * x);
        by_bias[i] += *g;
        *g *= 2.0 * scale * x;
    };
    let mut whole = g.chunks_exact_mut(SIDE);
    let mut xs = x.chunks_exact(SIDE);
    for (g, x) in (&mut whole).zip(&mut xs) {
        for i in 0..SIDE {
            each(i, x[i], &mut g[i]);
        }
    }
    for (i, (g, x)) in whole.into_remainder().iter_mut().zip(xs.remainder()).enumerate() {
        each(i, *x, g);
    }
}
