//! Rows divided by their lengths, as one operation for candle's autograd.
//!
//! Takes rows `[n, d]`; gives `x / max(‖x‖, 1e-12)` for each, `torch.nn.functional.normalize(x, dim=1)`.
//! Written in candle's own operations it would walk a head of thousands of classes a dozen times
//! forward and back; here each way is one pass, over rows, with sums in f64 and in order.

use candle_core::{CpuStorage, CustomOp1, CustomOp3, Layout, Result, Shape, Tensor, WithDType, bail};
use rayon::prelude::*;

/// Shorter rows are divided by this instead, so that a zero row stays zero and has a finite gradient.
const SHORTEST: f64 = 1e-12;

/// Rows `[n, d]` of length one.
///
/// # Errors
/// When the tensor is not `[n, d]` of f32 or f64 on the CPU.
pub(super) fn normalize(rows: &Tensor) -> Result<Tensor> {
    rows.contiguous()?.apply_op1(Normalize)
}

/// `cos θ` between every embedding `[b, d]` and every class's direction `[n, d]`: `[b, n]`.
///
/// The product is taken as head × embeddingsᵀ, so that the head's gradient, by far the largest tensor
/// here, comes out in the head's own layout.
pub(super) fn cosines(embeddings: &Tensor, weight: &Tensor) -> Result<Tensor> {
    normalize(weight)?.matmul(&normalize(embeddings)?.t()?)?.t()?.contiguous()
}

struct Normalize;
struct NormalizeBackward;

impl CustomOp1 for Normalize {
    fn name(&self) -> &'static str {
        "normalize"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (_, d) = layout.shape().dims2()?;
        let y = match x {
            CpuStorage::F32(x) => CpuStorage::F32(forward(part(x, layout)?, d)),
            CpuStorage::F64(x) => CpuStorage::F64(forward(part(x, layout)?, d)),
            _ => bail!("normalize takes f32 or f64"),
        };
        Ok((y, layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(x.apply_op3_no_bwd(y, &dy.contiguous()?, &NormalizeBackward)?))
    }
}

impl CustomOp3 for NormalizeBackward {
    fn name(&self) -> &'static str {
        "normalize backward"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        y: &CpuStorage,
        yl: &Layout,
        dy: &CpuStorage,
        dyl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        use CpuStorage::{F32, F64};
        let (_, d) = xl.shape().dims2()?;
        let dx = match (x, y, dy) {
            (F32(x), F32(y), F32(dy)) => F32(backward([part(x, xl)?, part(y, yl)?, part(dy, dyl)?], d)),
            (F64(x), F64(y), F64(dy)) => F64(backward([part(x, xl)?, part(y, yl)?, part(dy, dyl)?], d)),
            _ => bail!("normalize takes f32 or f64, all alike"),
        };
        Ok((dx, xl.shape().clone()))
    }
}

fn part<'a, T>(data: &'a [T], layout: &Layout) -> Result<&'a [T]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&data[start..end]),
        None => bail!("normalize takes contiguous rows"),
    }
}

fn dot<T: WithDType>(a: &[T], b: &[T]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a.to_f64() * b.to_f64()).sum()
}

fn forward<T: WithDType>(x: &[T], d: usize) -> Vec<T> {
    let mut y = x.to_vec();
    y.par_chunks_mut(d).for_each(|row| {
        let length = dot(row, row).sqrt().max(SHORTEST);
        row.iter_mut().for_each(|y| *y = T::from_f64(y.to_f64() / length));
    });
    y
}

/// `(dy − y (y · dy)) / ‖x‖`; `dy / 1e-12` where the row was shorter than that.
fn backward<T: WithDType>([x, y, dy]: [&[T]; 3], d: usize) -> Vec<T> {
    let mut dx = dy.to_vec();
    let rows = x.par_chunks(d).zip(y.par_chunks(d));
    dx.par_chunks_mut(d).zip(rows).for_each(|(dx, (x, y))| {
        let length = dot(x, x).sqrt();
        let along = if length > SHORTEST { dot(y, dx) } else { 0.0 };
        let length = length.max(SHORTEST);
        dx.iter_mut().zip(y).for_each(|(dx, y)| *dx = T::from_f64((dx.to_f64() - y.to_f64() * along) / length));
    });
    dx
}
