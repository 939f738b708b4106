//! What a trained head says of photos: their cosines with each class.
//!
//! Takes the head's directions out of a checkpoint and embeddings; gives a number a photo and class, for steps at inference that mix them
//! with similarities (Happywhale 2022 1st). Scale and margin belong to training and are left out; of several directions of a class the
//! nearest counts.

use candle_core::{Device, Result, Tensor};

/// The tensor of a checkpoint that holds a head's directions, `[classes × directions of each, d]`.
pub const HEAD: &str = "loss.weight";

/// Cosines of `rows` (`[n, d]`, row-major) with `classes` classes, `[n, classes]` row-major; `None` where the head has another width or
/// no whole number of directions a class.
///
/// # Errors
/// When candle refuses an operation.
pub fn cosines(weight: &Tensor, classes: usize, d: usize, rows: &[f32]) -> Result<Option<Vec<f32>>> {
    let (directions, width) = weight.dims2()?;
    if classes == 0 || directions % classes != 0 || width != d {
        return Ok(None);
    }
    let unit = |rows: &Tensor| rows.broadcast_div(&(rows.sqr()?.sum_keepdim(1)?.sqrt()? + 1e-12)?);
    let n = rows.len() / d.max(1);
    let own = unit(&Tensor::from_slice(rows, (n, d), &Device::Cpu)?)?;
    let cosines = own.matmul(&unit(weight)?.t()?)?;
    Ok(Some(cosines.reshape((n, classes, directions / classes))?.max(2)?.flatten_all()?.to_vec1()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_direction_of_a_class_counts() {
        // Two classes of two directions in the plane.
        let weight = Tensor::new(&[[2.0f32, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -3.0]], &Device::Cpu).unwrap();
        let found = cosines(&weight, 2, 2, &[3.0, 4.0, 0.0, -1.0]).unwrap().unwrap();
        for (got, expected) in found.iter().zip([0.8, -0.6, 0.0, 1.0]) {
            assert!((got - expected).abs() < 1e-6, "{found:?}");
        }
        assert_eq!(cosines(&weight, 3, 2, &[1.0, 0.0]).unwrap(), None);
        assert_eq!(cosines(&weight, 2, 4, &[1.0; 4]).unwrap(), None);
    }
}
