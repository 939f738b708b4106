//! Softmax attention of several heads over all tokens (Vaswani et al. 2017), forward and back as one operation each.
//!
//! Takes queries, keys and values packed as timm packs them, `[b, n, 3·d]` with (3, heads, d/heads) along the last axis; gives
//! `[b, n, d]`. A task takes one picture, head after head; of the scores it holds as many rows of one head as fit the cache
//! beside the factors. Kept for the gradient is one float for each row of scores (the logarithm of its sum), from which the walk
//! back finds the probabilities again, as FlashAttention does (Dao et al. 2022).

mod kernel;

use candle_core::Tensor;
use rayon::prelude::*;

use self::kernel::Plan;
use super::tape::memory::{floats, take, tensor};
use super::{Flow, OpsError, Tape, Var};

impl Tape {
    /// `softmax(q·kᵀ / √(d/heads)) · v` of each head: `[b, .., 3·d]` → `[b, .., d]` over all places of a picture.
    ///
    /// # Errors
    /// When heads do not divide `d`, or the input is empty.
    pub fn attention(&mut self, qkv: &Var, heads: usize) -> Result<Var, OpsError> {
        let op = "attention";
        let whole = qkv.dims().to_vec();
        let &[b, ref places @ .., packed] = whole.as_slice() else {
            return Err(OpsError::shape(op, "an input [b, .., 3·d]", &whole));
        };
        let n: usize = places.iter().product();
        if heads == 0 || packed % (3 * heads) != 0 || b * n * packed == 0 {
            return Err(OpsError::shape(op, format!("[b, .., 3·d] with d a multiple of {heads}"), qkv.dims()));
        }
        let d = packed / 3;
        let dims: Vec<usize> = whole.iter().take(whole.len() - 1).copied().chain([d]).collect();
        if let Some(y) = self.dry(2 * b * n * n * d, b * n * (d + heads), &dims)? {
            return Ok(y);
        }
        if self.is_composed() {
            return self.composed_attention(qkv, heads, &dims);
        }
        let plan = Plan::new(n, heads, d / heads);
        let mut y = self.memory().dirty(b * n * d);
        let mut logarithms = vec![0.0f32; b * heads * n];
        let memory = self.memory().clone();
        floats(op, qkv.peek(), |qkv| {
            let tasks =
                qkv.par_chunks(n * packed).zip(y.par_chunks_mut(n * d)).zip(logarithms.par_chunks_mut(heads * n));
            tasks
                .with_max_len(1)
                .for_each(|((qkv, y), logarithms)| kernel::forward(&plan, &memory, qkv, y, logarithms));
            Ok(())
        })?;
        let qkv = qkv.clone();
        Ok(self.record(tensor(y, &dims)?, |y| {
            let y = y.clone();
            move |dy: Tensor, flow: &mut Flow| {
                let (dy, memory) = (take(&dy)?, flow.memory.clone());
                let mut dqkv = memory.dirty(b * n * packed);
                floats(op, qkv.peek(), |qkv| {
                    floats(op, y.peek(), |y| {
                        let tasks = dqkv.par_chunks_mut(n * packed).zip(qkv.par_chunks(n * packed));
                        let tasks = tasks.zip(y.par_chunks(n * d).zip(dy.par_chunks(n * d)));
                        let tasks = tasks.zip(logarithms.par_chunks(heads * n)).with_max_len(1);
                        tasks.for_each(|(((dqkv, qkv), (y, dy)), logarithms)| {
                            kernel::backward(&plan, &memory, qkv, y, dy, logarithms, dqkv);
                        });
                        Ok(())
                    })
                })?;
                memory.give(dy);
                flow.add(qkv.target(), tensor(dqkv, &whole)?)
            }
        }))
    }
}
