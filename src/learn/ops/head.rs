//! A network's entrance, ReLU, and residual sums with ReLU.

use candle_core::Tensor;
use rayon::prelude::*;

use super::act::rectify;
use super::tape::memory::{floats, take, tensor};
use super::{Act, Flow, OpsError, Tape, Var};

/// Floats of one task of an elementwise pass.
const BLOCK: usize = 1 << 16;

impl Tape {
    /// A network's entrance: pictures `x` `[b, 3, h, w]`, or with any number of channels, as a map `[b, h, w, 3]` without a
    /// gradient.
    pub fn pictures(&mut self, x: &Tensor) -> Result<Var, OpsError> {
        let &[b, c, h, w] = x.dims() else {
            return Err(OpsError::shape("pictures", "an input [b, 3, h, w]", x.dims()));
        };
        if let Some(y) = self.dry(0, 0, &[b, h, w, c])? {
            return Ok(y);
        }
        if self.is_composed() {
            return self.composed_pictures(x);
        }
        let mut y = self.memory().dirty(b * h * w * c);
        floats("pictures", x, |x| {
            let image = (c * h * w).max(1);
            y.par_chunks_mut(image).zip(x.par_chunks(image)).for_each(|(y, x)| {
                for (at, pixel) in y.chunks_exact_mut(c).enumerate() {
                    pixel.iter_mut().enumerate().for_each(|(channel, y)| *y = x[channel * h * w + at]);
                }
            });
            Ok(())
        })?;
        Ok(self.hold(tensor(y, &[b, h, w, c])?))
    }

    /// `max(x, 0)`.
    pub fn relu(&mut self, x: &Var) -> Result<Var, OpsError> {
        self.rectified("relu", x, None)
    }

    /// `max(a + b, 0)`, the end of a residual block.
    pub fn add_relu(&mut self, a: &Var, b: &Var) -> Result<Var, OpsError> {
        if a.dims() != b.dims() {
            return Err(OpsError::shape("add_relu", format!("a tensor of shape {:?}", a.dims()), b.dims()));
        }
        self.rectified("add_relu", a, Some(b))
    }

    fn rectified(&mut self, op: &'static str, a: &Var, b: Option<&Var>) -> Result<Var, OpsError> {
        let dims = a.dims().to_vec();
        if let Some(y) = self.dry(0, a.peek().elem_count(), &dims)? {
            return Ok(y);
        }
        if self.is_composed() {
            return self.composed_sum(a, b, Act::Relu);
        }
        let mut y = self.memory().dirty(a.peek().elem_count());
        floats(op, a.peek(), |a| match b {
            None => {
                y.par_chunks_mut(BLOCK).zip(a.par_chunks(BLOCK)).for_each(|(y, a)| {
                    y.iter_mut().zip(a).for_each(|(y, a)| *y = rectify(*a));
                });
                Ok(())
            }
            Some(b) => floats(op, b.peek(), |b| {
                let pairs = a.par_chunks(BLOCK).zip(b.par_chunks(BLOCK));
                y.par_chunks_mut(BLOCK).zip(pairs).for_each(|(y, (a, b))| {
                    y.iter_mut().zip(a).zip(b).for_each(|((y, a), b)| *y = rectify(a + b));
                });
                Ok(())
            }),
        })?;
        let (a, b) = (a.target(), b.map(Var::target));
        Ok(self.record(tensor(y, &dims)?, |y| {
            let y = y.clone();
            move |dy: Tensor, flow: &mut Flow| {
                let mut g = take(&dy)?;
                floats(op, y.peek(), |y| {
                    g.par_chunks_mut(BLOCK).zip(y.par_chunks(BLOCK)).for_each(|(g, y)| {
                        g.iter_mut().zip(y).for_each(|(g, y)| *g = if *y > 0.0 { *g } else { 0.0 });
                    });
                    Ok(())
                })?;
                if let Some(b) = b.filter(|b| flow.wants(*b)) {
                    let mut copy = flow.memory.dirty(g.len());
                    copy.copy_from_slice(&g);
                    flow.add(b, tensor(copy, &dims)?)?;
                }
                flow.add(a, tensor(g, &dims)?)
            }
        }))
    }
}
