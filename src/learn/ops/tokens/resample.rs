//! A grid of vectors on another grid: bicubic interpolation that averages where the grid shrinks, as PyTorch's
//! `interpolate(mode="bicubic", antialias=True)` and Pillow's.
//!
//! Both axes have a matrix of weights of their own, so the gradient is the product with the transposes.

use std::ops::Range;

/// From one grid to another.
#[derive(Clone, Debug)]
pub(super) struct Resample {
    from: [usize; 2],
    to: [usize; 2],
    /// Of each axis, for each new place: the first old place and the weights from there on. None where the axis stays.
    axes: [Option<Vec<(usize, Vec<f32>)>>; 2],
}

/// Keys' cubic kernel (1981) with -0.5.
fn cubic(x: f64) -> f64 {
    let x = x.abs();
    match x {
        _ if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
        _ if x < 2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
        _ => 0.0,
    }
}

fn axis(from: usize, to: usize) -> Option<Vec<(usize, Vec<f32>)>> {
    if from == to {
        return None;
    }
    let step = from as f64 / to as f64;
    let scale = step.max(1.0);
    let one = |place: usize| {
        let centre = step * (place as f64 + 0.5);
        let first = (centre - 2.0 * scale + 0.5).max(0.0) as usize;
        let end = ((centre + 2.0 * scale + 0.5) as usize).min(from);
        let weights: Vec<f64> = (first..end).map(|at| cubic((at as f64 - centre + 0.5) / scale)).collect();
        let sum: f64 = weights.iter().sum();
        (first, weights.iter().map(|w| (w / sum) as f32).collect())
    };
    Some((0..to).map(one).collect())
}

impl Resample {
    /// From `from` rows and columns to `to`.
    pub(super) fn new(from: [usize; 2], to: [usize; 2]) -> Resample {
        Resample { from, to, axes: [axis(from[0], to[0]), axis(from[1], to[1])] }
    }

    /// Calls `f` with a weight, an old place of an axis and a new one.
    fn each(&self, axis: usize, places: Range<usize>, mut f: impl FnMut(f32, usize, usize)) {
        for new in places {
            match &self.axes[axis] {
                None => f(1.0, new, new),
                Some(weights) => {
                    let (first, weights) = &weights[new];
                    weights.iter().enumerate().for_each(|(i, weight)| f(*weight, first + i, new));
                }
            }
        }
    }

    /// Adds `old` `[rows, columns, d]`, resampled, to `new`.
    pub(super) fn forward(&self, old: &[f32], d: usize, new: &mut [f32]) {
        let ([rows, cols], [_, across]) = (self.from, self.to);
        let mut between = vec![0.0f32; rows * across * d];
        for row in 0..rows {
            self.each(1, 0..across, |weight, col, new| {
                add(&mut between[(row * across + new) * d..][..d], &old[(row * cols + col) * d..][..d], weight);
            });
        }
        self.each(0, 0..self.to[0], |weight, row, to| {
            add(&mut new[to * across * d..][..across * d], &between[row * across * d..][..across * d], weight);
        });
    }

    /// Adds the gradient of `new`, taken back, to that of `old`.
    pub(super) fn backward(&self, new: &[f32], d: usize, old: &mut [f32]) {
        let ([rows, cols], [_, across]) = (self.from, self.to);
        let mut between = vec![0.0f32; rows * across * d];
        self.each(0, 0..self.to[0], |weight, row, from| {
            add(&mut between[row * across * d..][..across * d], &new[from * across * d..][..across * d], weight);
        });
        for row in 0..rows {
            self.each(1, 0..across, |weight, col, new| {
                add(&mut old[(row * cols + col) * d..][..d], &between[(row * across + new) * d..][..d], weight);
            });
        }
    }
}

fn add(sum: &mut [f32], x: &[f32], weight: f32) {
    sum.iter_mut().zip(x).for_each(|(s, x)| *s += weight * x);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// torch.nn.functional.interpolate(torch.tensor([[[[1., 2., 4., 8., 3.]]]]), size=(1, w), mode="bicubic", antialias=True)
    #[test]
    fn rows_are_as_pytorch_resamples_them() {
        let old = [1.0, 2.0, 4.0, 8.0, 3.0];
        let cases: [(usize, &[f32]); 3] = [
            (5, &[1.0, 2.0, 4.0, 8.0, 3.0]),
            (3, &[1.230769, 4.64186, 5.261539]),
            (8, &[0.928044, 1.294097, 2.093872, 3.193726, 5.404419, 7.99353, 5.175363, 2.640221]),
        ];
        for (to, right) in cases {
            let mut new = vec![0.0; to];
            Resample::new([1, 5], [1, to]).forward(&old, 1, &mut new);
            assert!(new.iter().zip(right).all(|(n, r)| (n - r).abs() < 2e-5), "{to}: {new:?}");
            let mut turned = vec![0.0; to];
            Resample::new([5, 1], [to, 1]).forward(&old, 1, &mut turned);
            assert_eq!(new, turned);
        }
    }
}
