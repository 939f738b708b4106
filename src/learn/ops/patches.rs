//! Pictures cut into square patches, each a row: what a vision transformer's first layer takes.

use candle_core::Tensor;
use rayon::prelude::*;

use super::tape::memory::{floats, tensor};
use super::{OpsError, Tape, Var};

impl Tape {
    /// Pictures `[b, c, h, w]` → rows `[b, ⌊h/size⌋, ⌊w/size⌋, c·size·size]`, a row in the order of a convolution's weight
    /// `[o, c, size, size]`, so that [`Tape::linear`] with that weight is the convolution of stride `size`. What is left
    /// at the lower and the right edge is not seen. Pictures are constants here: no gradient flows into them.
    ///
    /// # Errors
    /// When there is not one whole patch.
    pub fn patches(&mut self, x: &Tensor, size: usize) -> Result<Var, OpsError> {
        let &[b, c, h, w] = x.dims() else { return Err(OpsError::shape("patches", "pictures [b, c, h, w]", x.dims())) };
        if size == 0 || h < size || w < size || b * c == 0 {
            return Err(OpsError::shape("patches", format!("pictures of at least {size} by {size}"), x.dims()));
        }
        let dims = [b, h / size, w / size, c * size * size];
        if let Some(y) = self.dry(0, 0, &dims)? {
            return Ok(y);
        }
        if self.is_composed() {
            return self.composed_patches(x, size, [dims[1], dims[2]]);
        }
        let mut y = self.memory().dirty(dims.iter().product());
        floats("patches", x, |x| {
            y.par_chunks_mut(dims[2] * dims[3]).enumerate().for_each(|(line, y)| {
                let (image, top) = (line / dims[1], line % dims[1] * size);
                for (at, y) in y.chunks_exact_mut(dims[3]).enumerate() {
                    for (row, y) in y.chunks_exact_mut(size).enumerate() {
                        let from = (image * c + row / size) * h + top + row % size;
                        y.copy_from_slice(&x[from * w + at * size..][..size]);
                    }
                }
            });
            Ok(())
        })?;
        Ok(self.hold(tensor(y, &dims)?))
    }
}
