//! Small dense matrices: as much of linear algebra as conditioning normal variables takes.
//!
//! Takes covariances in f64; gives Cholesky's root, the density of what was seen, and a matrix divided by a covariance. Sizes are numbers of
//! submissions, so nothing here is clever.

/// Rows after each other.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Matrix {
    columns: usize,
    values: Vec<f64>,
}

impl Matrix {
    /// `[rows, columns]` of what `value` says.
    pub fn of(rows: usize, columns: usize, value: impl Fn(usize, usize) -> f64) -> Matrix {
        let values = (0..rows * columns).map(|at| value(at / columns, at % columns)).collect();
        Matrix { columns, values }
    }

    /// One value.
    pub fn at(&self, row: usize, column: usize) -> f64 {
        self.values[row * self.columns + column]
    }

    fn rows(&self) -> usize {
        self.values.len() / self.columns.max(1)
    }

    /// The lower triangle L with L Lᵀ = self; `None` where self is no covariance.
    pub fn cholesky(&self) -> Option<Root> {
        let n = self.columns;
        let mut root = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                let known: f64 = (0..j).map(|k| root[i * n + k] * root[j * n + k]).sum();
                let rest = self.at(i, j) - known;
                root[i * n + j] = match i == j {
                    true if rest > 0.0 => rest.sqrt(),
                    true => return None,
                    false => rest / root[j * n + j],
                };
            }
        }
        Some(Root { n, values: root })
    }

    /// `self · covariance⁻¹`, of the covariance with this root; `[rows, n]`.
    pub fn divided_by(&self, root: &Root) -> Matrix {
        let rows = (0..self.rows()).flat_map(|row| {
            let row: Vec<f64> = (0..self.columns).map(|column| self.at(row, column)).collect();
            root.backward(root.forward(&row))
        });
        Matrix { columns: self.columns, values: rows.collect() }
    }
}

/// A lower triangle.
#[derive(Clone, Debug)]
pub(super) struct Root {
    n: usize,
    values: Vec<f64>,
}

impl Root {
    /// The y with L y = x.
    fn forward(&self, x: &[f64]) -> Vec<f64> {
        let mut y = vec![0.0; self.n];
        for i in 0..self.n {
            let known: f64 = (0..i).map(|k| self.values[i * self.n + k] * y[k]).sum();
            y[i] = (x[i] - known) / self.values[i * self.n + i];
        }
        y
    }

    /// The x with Lᵀ x = y.
    fn backward(&self, mut y: Vec<f64>) -> Vec<f64> {
        for i in (0..self.n).rev() {
            let known: f64 = (i + 1..self.n).map(|k| self.values[k * self.n + i] * y[k]).sum();
            y[i] = (y[i] - known) / self.values[i * self.n + i];
        }
        y
    }

    /// The logarithm of the density of `x`, normal with mean 0 and this covariance, up to a constant.
    pub fn log_density(&self, x: &[f64]) -> f64 {
        let y = self.forward(x);
        let size: f64 = (0..self.n).map(|i| self.values[i * self.n + i].ln()).sum();
        -size - 0.5 * y.iter().map(|y| y * y).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_covariance_of_three() {
        // numpy.linalg: cholesky, solve and slogdet of the same matrix.
        let a = [[4.0, 2.0, 0.6], [2.0, 2.0, 0.5], [0.6, 0.5, 1.0]];
        let root = Matrix::of(3, 3, |i, j| a[i][j]).cholesky().unwrap();
        let x = Matrix::of(1, 3, |_, j| [1.0, -1.0, 0.5][j]).divided_by(&root);
        // x A = (1, -1, 0.5)
        for (column, wanted) in [1.0, -1.0, 0.5].into_iter().enumerate() {
            let got: f64 = (0..3).map(|k| x.at(0, k) * a[k][column]).sum();
            assert!((got - wanted).abs() < 1e-12, "{x:?}");
        }
        // det = 3.48; (1, -1, 0.5) A⁻¹ (1, -1, 0.5)ᵀ by the solution itself.
        let quadratic = x.at(0, 0) - x.at(0, 1) + 0.5 * x.at(0, 2);
        let wanted = -0.5 * 3.48f64.ln() - 0.5 * quadratic;
        assert!((root.log_density(&[1.0, -1.0, 0.5]) - wanted).abs() < 1e-12);
        assert!(Matrix::of(2, 2, |_, _| 1.0).cholesky().is_none(), "singular");
        assert!(Matrix::of(0, 0, |_, _| 1.0).cholesky().is_some());
    }
}
