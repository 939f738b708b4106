//! What a retrieval network's end needs beside linear layers and norms: PReLU, and vectors side by side.

use candle_core::Tensor;

use super::tape::memory::{floats, take, tensor};
use super::{Flow, OpsError, ParamId, Params, Tape, Var};

impl Tape {
    /// `x` where it is above zero and `slope · x` elsewhere, with one slope `[1]` that learns, as PyTorch's `PReLU()`
    /// (He et al. 2015). For small tensors: it runs on one thread.
    pub fn prelu(&mut self, params: &Params, x: &Var, slope: ParamId) -> Result<Var, OpsError> {
        self.reach(slope);
        let (dims, len) = (x.dims().to_vec(), x.peek().elem_count());
        if params.get(slope).elem_count() != 1 {
            return Err(OpsError::shape("prelu", "one slope", params.get(slope).dims()));
        }
        if let Some(y) = self.dry(0, len, &dims)? {
            return Ok(y);
        }
        if self.is_composed() {
            return self.composed_prelu(params, x, slope);
        }
        let a = floats("prelu", params.get(slope), |a| Ok(a[0]))?;
        let y = floats("prelu", x.peek(), |x| {
            Ok(x.iter().map(|x| if *x > 0.0 { *x } else { a * x }).collect::<Vec<f32>>())
        })?;
        let x = x.clone();
        Ok(self.record(tensor(y, &dims)?, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let mut g = take(&dy)?;
                let total = floats("prelu", x.peek(), |x| {
                    let mut total = 0.0f64;
                    for (g, x) in g.iter_mut().zip(x) {
                        if *x <= 0.0 {
                            total += f64::from(*g) * f64::from(*x);
                            *g *= a;
                        }
                    }
                    Ok(total)
                })?;
                flow.add_param(slope, tensor(vec![total as f32], &[1])?)?;
                flow.add(x.target(), tensor(g, &dims)?)
            }
        }))
    }

    /// Vectors side by side: `[b, m]` and `[b, n]` → `[b, m + n]`.
    pub fn beside(&mut self, left: &Var, right: &Var) -> Result<Var, OpsError> {
        let (&[b, m], &[rows, n]) = (left.dims(), right.dims()) else {
            return Err(OpsError::shape("beside", "two inputs [b, c]", left.dims()));
        };
        if rows != b || m * n == 0 {
            return Err(OpsError::shape("beside", format!("vectors of {b} pictures"), right.dims()));
        }
        if let Some(y) = self.dry(0, 0, &[b, m + n])? {
            return Ok(y);
        }
        if self.is_composed() {
            return self.composed_beside(left, right);
        }
        let mut y = vec![0.0; b * (m + n)];
        floats("beside", left.peek(), |left| {
            floats("beside", right.peek(), |right| {
                for ((y, left), right) in y.chunks_exact_mut(m + n).zip(left.chunks_exact(m)).zip(right.chunks_exact(n))
                {
                    y[..m].copy_from_slice(left);
                    y[m..].copy_from_slice(right);
                }
                Ok(())
            })
        })?;
        let (left, right) = (left.target(), right.target());
        Ok(self.record(tensor(y, &[b, m + n])?, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let dy = take(&dy)?;
                let part = |from: usize, len: usize| -> Vec<f32> {
                    dy.chunks_exact(m + n).flat_map(|dy| &dy[from..][..len]).copied().collect()
                };
                flow.add(left, tensor(part(0, m), &[b, m])?)?;
                flow.add(right, tensor(part(m, n), &[b, n])?)
            }
        }))
    }
}
