//! Zeros around a map, for convolutions whose padding differs from side to side.

use candle_core::Tensor;
use rayon::prelude::*;

use crate::learn::ops::tape::memory::{floats, take, tensor};
use crate::learn::ops::{Flow, OpsError, Tape, Var};

impl Tape {
    /// Puts zeros around `x` `[b, h, w, c]`: as many rows above and below, and columns left and right, as the two pairs say.
    pub fn pad(&mut self, x: &Var, rows: [usize; 2], columns: [usize; 2]) -> Result<Var, OpsError> {
        let &[b, h, w, c] = x.dims() else { return Err(OpsError::shape("pad", "an input [b, h, w, c]", x.dims())) };
        if rows == [0; 2] && columns == [0; 2] {
            return Ok(x.clone());
        }
        let (height, width) = (h + rows[0] + rows[1], w + columns[0] + columns[1]);
        let dims = [b, height, width, c];
        if let Some(y) = self.dry(0, 0, &dims)? {
            return Ok(y);
        }
        if self.is_composed() {
            return self.composed_pad(x, rows, columns);
        }
        let (image, padded) = ((h * w * c).max(1), (height * width * c).max(1));
        let start = move |row: usize| ((rows[0] + row) * width + columns[0]) * c;
        let mut y = self.memory().dirty(b * height * width * c);
        floats("pad", x.peek(), |x| {
            y.par_chunks_mut(padded).zip(x.par_chunks(image)).for_each(|(y, x)| {
                y.fill(0.0);
                for (row, x) in x.chunks_exact((w * c).max(1)).enumerate() {
                    y[start(row)..start(row) + w * c].copy_from_slice(x);
                }
            });
            Ok(())
        })?;
        let (x, x_dims) = (x.target(), x.dims().to_vec());
        Ok(self.record(tensor(y, &dims)?, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                if !flow.wants(x) {
                    return Ok(());
                }
                let dy = take(&dy)?;
                let mut dx = flow.memory.dirty(b * h * w * c);
                dx.par_chunks_mut(image).zip(dy.par_chunks(padded)).for_each(|(dx, dy)| {
                    for (row, dx) in dx.chunks_exact_mut((w * c).max(1)).enumerate() {
                        dx.copy_from_slice(&dy[start(row)..start(row) + w * c]);
                    }
                });
                flow.memory.give(dy);
                flow.add(x, tensor(dx, &x_dims)?)
            }
        }))
    }
}
