//! Four neighbours into one token: the gathering of Swin's patch merging.

use candle_core::Tensor;
use rayon::prelude::*;

use crate::learn::ops::tape::memory::{floats, take, tensor};
use crate::learn::ops::{Flow, OpsError, Tape, Var};

/// For each part of a merged token, how far down and right it comes from, in timm's order.
const PARTS: [[usize; 2]; 4] = [[0, 0], [1, 0], [0, 1], [1, 1]];

impl Tape {
    /// `[b, h, w, c]` → `[b, ⌈h/2⌉, ⌈w/2⌉, 4c]`: of each 2 × 2 tokens the upper left, lower left, upper right and lower right
    /// one after the other, with zeros beyond the edges.
    pub fn merge_patches(&mut self, x: &Var) -> Result<Var, OpsError> {
        let &[b, h, w, c] = x.dims() else { return Err(OpsError::shape("merge_patches", "[b, h, w, c]", x.dims())) };
        let (down, across) = (h.div_ceil(2), w.div_ceil(2));
        let dims = [b, down, across, 4 * c];
        if b * h * w * c == 0 {
            return Err(OpsError::shape("merge_patches", "a map of at least one token", x.dims()));
        }
        if let Some(y) = self.dry(0, 0, &dims)? {
            return Ok(y);
        }
        if self.is_composed() {
            return self.composed_merge_patches(x);
        }
        let mut y = self.memory().dirty(dims.iter().product());
        floats("merge_patches", x.peek(), |x| {
            y.par_chunks_mut(across * 4 * c).enumerate().for_each(|(line, y)| {
                let (image, top) = (&x[line / down * h * w * c..][..h * w * c], line % down * 2);
                for (at, y) in y.chunks_exact_mut(4 * c).enumerate() {
                    for ([row, col], y) in PARTS.iter().zip(y.chunks_exact_mut(c)) {
                        let (row, col) = (top + row, 2 * at + col);
                        match row < h && col < w {
                            true => y.copy_from_slice(&image[(row * w + col) * c..][..c]),
                            false => y.fill(0.0),
                        }
                    }
                }
            });
            Ok(())
        })?;
        let x = x.target();
        Ok(self.record(tensor(y, &dims)?, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let (dy, mut dx) = (take(&dy)?, flow.memory.dirty(b * h * w * c));
                dx.par_chunks_mut(w * c).enumerate().for_each(|(line, dx)| {
                    let (image, row) = (line / h, line % h);
                    let dy = &dy[(image * down + row / 2) * across * 4 * c..][..across * 4 * c];
                    for (col, dx) in dx.chunks_exact_mut(c).enumerate() {
                        let part = 2 * (col % 2) + row % 2;
                        dx.copy_from_slice(&dy[(col / 2 * 4 + part) * c..][..c]);
                    }
                });
                flow.memory.give(dy);
                flow.add(x, tensor(dx, &[b, h, w, c])?)
            }
        }))
    }
}
