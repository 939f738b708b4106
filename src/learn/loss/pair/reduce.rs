//! Sums of exponents, and the mean of what a batch gave.
//!
//! Takes the losses of single anchors with their slopes; gives one number and leaves the slopes as its own.
//! As `MeanReducer`, `AvgNonZeroReducer` and `lmu.logsumexp` of pytorch-metric-learning, in f64 and in order.

use super::matrix::Matrix;
use super::select::Pairs;

/// Which losses the mean is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reducer {
    /// All (`MeanReducer`).
    Mean,
    /// Those above 0 (`AvgNonZeroReducer`), so that a few hard ones are not thinned by many that are solved.
    AvgNonZero,
}

/// The mean of a loss that each anchor has.
///
/// `loss(row, positives, negatives, slopes)` gives an anchor's loss from its row of the matrix and writes the slopes,
/// which are 0 before. Afterwards `slopes` are those of the mean.
pub(super) fn over_anchors(
    matrix: &Matrix,
    pairs: &Pairs,
    reducer: Reducer,
    slopes: &mut Matrix,
    loss: impl Fn(&[f64], &[u32], &[u32], &mut [f64]) -> f64,
) -> f64 {
    let losses: Vec<f64> = (0..matrix.rows())
        .map(|row| loss(matrix.row(row), &pairs.positives[row], &pairs.negatives[row], slopes.row_mut(row)))
        .collect();
    let counts = |&loss: &f64| reducer == Reducer::Mean || loss > 0.0;
    let count = losses.iter().filter(|loss| counts(loss)).count();
    let share = if count == 0 { 0.0 } else { 1.0 / count as f64 };
    for (row, loss) in losses.iter().enumerate() {
        let share = if counts(loss) { share } else { 0.0 };
        slopes.row_mut(row).iter_mut().for_each(|slope| *slope *= share);
    }
    losses.iter().filter(|loss| counts(loss)).sum::<f64>() * share
}

/// `log Σ exp(x)`; minus infinity for nothing.
pub(super) fn log_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = values.clone().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY { largest } else { values.map(|x| (x - largest).exp()).sum::<f64>().ln() + largest }
}

/// `log(1 + exp(x))` and its slope. Above 20 the line itself, as `torch.nn.Softplus` has it.
pub(super) fn softplus(x: f64) -> (f64, f64) {
    if x > 20.0 { (x, 1.0) } else { (x.exp().ln_1p(), 1.0 / (1.0 + (-x).exp())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_neither_overflow_nor_vanish() {
        assert!((log_sum_exp([1e4, 1e4].into_iter()) - (1e4 + 2f64.ln())).abs() < 1e-9);
        assert!((log_sum_exp([-1e4, -1e4, -2e4].into_iter()) - (-1e4 + 2f64.ln())).abs() < 1e-9);
        assert_eq!(log_sum_exp(std::iter::empty()), f64::NEG_INFINITY);
        assert_eq!(softplus(0.0), (2f64.ln(), 0.5));
        assert_eq!(softplus(-800.0), (0.0, 0.0));
        assert_eq!(softplus(21.0), (21.0, 1.0));
    }

    #[test]
    fn means_are_over_all_or_over_what_is_not_solved() {
        let matrix = Matrix::zeros(4, 1);
        let pairs = Pairs::none(4);
        let run = |reducer, losses: [f64; 4]| {
            let next = std::cell::Cell::new(0);
            let mut slopes = Matrix::zeros(4, 1);
            let value = over_anchors(&matrix, &pairs, reducer, &mut slopes, |_, _, _, slopes| {
                slopes[0] = 1.0;
                losses[next.replace(next.get() + 1)]
            });
            (value, (0..4).map(|row| slopes.row(row)[0]).collect::<Vec<_>>())
        };
        assert_eq!(run(Reducer::Mean, [3.0, 0.0, 0.0, 1.0]), (1.0, vec![0.25; 4]));
        assert_eq!(run(Reducer::AvgNonZero, [3.0, 0.0, 0.0, 1.0]), (2.0, vec![0.5, 0.0, 0.0, 0.5]));
        assert_eq!(run(Reducer::AvgNonZero, [0.0; 4]), (0.0, vec![0.0; 4]));
    }
}
