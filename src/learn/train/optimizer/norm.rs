//! The length of a gradient, and the factor that shortens it.

use candle_core::{CpuStorage, Result as CandleResult, Storage, Tensor, bail};
use rayon::prelude::*;

use super::rule::PIECE;
use crate::learn::ops::{Grads, ParamId, Params, wide};
use crate::learn::train::TrainError;

/// Length of the whole gradient, all tensors taken as one vector, and the first tensor in which
/// it is not finite. Sums are in f64 and in a fixed order, whoever computes them.
///
/// # Errors
/// When a gradient is no f32 tensor on the CPU.
pub fn gradient_norm(grads: &Grads, params: &Params) -> Result<(f64, Option<ParamId>), TrainError> {
    let mut total = 0.0;
    let mut broken = None;
    for (id, gradient) in grads.iter() {
        let squares =
            sum_of_squares(gradient).map_err(TrainError::tensor(format!("gradient of {}", params.name(id))))?;
        if !squares.is_finite() && broken.is_none() {
            broken = Some(id);
        }
        total += squares;
    }
    Ok((total.sqrt(), broken))
}

fn sum_of_squares(tensor: &Tensor) -> CandleResult<f64> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    let (Storage::Cpu(CpuStorage::F32(data)), Some((start, end))) = (&*storage, layout.contiguous_offsets()) else {
        bail!("must be f32 on the CPU")
    };
    let data = &data[start..end];
    if data.len() <= PIECE {
        return Ok(piece(data));
    }
    let pieces: Vec<f64> = data.par_chunks(PIECE).map(piece).collect();
    Ok(pieces.iter().sum())
}

/// Running sums side by side, so that the loop needs no order of its own; the same number on every CPU.
const LANES: usize = 32;

fn piece(data: &[f32]) -> f64 {
    wide!(|| {
        let mut sums = [0.0f64; LANES];
        let (rows, rest) = data.as_chunks::<LANES>();
        for row in rows {
            for (sum, x) in sums.iter_mut().zip(row) {
                *sum += f64::from(*x) * f64::from(*x);
            }
        }
        for (sum, x) in sums.iter_mut().zip(rest) {
            *sum += f64::from(*x) * f64::from(*x);
        }
        sums.iter().sum()
    })
}

/// Factor that shortens a gradient of length `norm` to `longest`, as `torch.nn.utils.clip_grad_norm_`.
pub fn clip_factor(norm: f64, longest: Option<f64>) -> f64 {
    longest.map_or(1.0, |longest| (longest / (norm + 1e-6)).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{gradient, one};
    use super::*;

    #[test]
    fn a_long_gradient_is_shortened_and_a_broken_one_named() {
        let (params, id) = one(&[0.0; 2]);
        let (norm, broken) = gradient_norm(&gradient(id, &[3.0, -4.0]), &params).unwrap();
        assert_eq!((norm, broken), (5.0, None));
        assert_eq!(clip_factor(5.0, None), 1.0);
        assert_eq!(clip_factor(5.0, Some(10.0)), 1.0);
        assert!((clip_factor(5.0, Some(1.0)) - 0.2).abs() < 1e-6);
        let (norm, broken) = gradient_norm(&gradient(id, &[f32::NAN, 1.0]), &params).unwrap();
        assert!(norm.is_nan() && broken == Some(id));
        let (params, id) = one(&[0.0; 100]);
        let (norm, _) = gradient_norm(&gradient(id, &[2.0; 100]), &params).unwrap();
        assert_eq!(norm, 20.0);
    }
}
