//! Matrix products over slices: the one place where the `gemm` crate is called.
//!
//! Takes matrices as slices with a step between rows and between columns, so that transposes and parts
//! of bigger arrays cost nothing; gives `dst = a·b` or `dst += a·b`. Always on the calling thread:
//! operations cut their work above this, by shape alone, so that bits do not depend on threads.

/// A read-only matrix inside a slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    row_step: usize,
    col_step: usize,
}

impl<'a> Matrix<'a> {
    /// Rows of `cols` floats, `row_step` apart.
    pub(crate) fn new(data: &'a [f32], rows: usize, cols: usize, row_step: usize) -> Matrix<'a> {
        Matrix { data, rows, cols, row_step, col_step: 1 }
    }

    /// `count` rows from `first` on.
    ///
    /// # Panics
    /// When there are not so many.
    pub(crate) fn rows(self, first: usize, count: usize) -> Matrix<'a> {
        assert!(first + count <= self.rows, "rows {first}.. of {}", self.rows);
        Matrix { data: &self.data[first * self.row_step..], rows: count, ..self }
    }

    /// The transpose.
    pub(crate) fn turned(self) -> Matrix<'a> {
        Matrix { rows: self.cols, cols: self.rows, row_step: self.col_step, col_step: self.row_step, ..self }
    }
}

/// `dst = a·b`, or `dst += a·b` with `add`; `dst` has `a`'s rows, `row_step` apart, of `b`'s columns.
///
/// # Panics
/// When the sizes do not fit each other or the slices: a fault of the calling operation.
#[expect(unsafe_code, reason = "gemm takes raw pointers; the assertions above the call bound every access")]
pub(crate) fn matmul(dst: &mut [f32], row_step: usize, a: Matrix<'_>, b: Matrix<'_>, add: bool) {
    let (m, n, k) = (a.rows, b.cols, a.cols);
    assert_eq!(k, b.rows, "inner sizes of a product");
    if m == 0 || n == 0 {
        return;
    }
    let holds = |len: usize, rows: usize, cols: usize, row_step: usize, col_step: usize| {
        rows == 0 || cols == 0 || (rows - 1) * row_step + (cols - 1) * col_step < len
    };
    assert!(holds(dst.len(), m, n, row_step, 1) && (row_step >= n || m == 1), "a product's output fits its slice");
    assert!(holds(a.data.len(), m, k, a.row_step, a.col_step), "the left factor fits its slice");
    assert!(holds(b.data.len(), k, n, b.row_step, b.col_step), "the right factor fits its slice");
    let keep = if add { 1.0 } else { 0.0 };
    // SAFETY: by the assertions, every element of the three matrices lies inside its slice, and the
    // output's elements are distinct; `dst` is borrowed mutably, so it overlaps neither factor.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            dst.as_mut_ptr(),
            1,
            row_step as isize,
            add,
            a.data.as_ptr(),
            a.col_step as isize,
            a.row_step as isize,
            b.data.as_ptr(),
            b.col_step as isize,
            b.row_step as isize,
            keep,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_transposes_and_parts() {
        // a = [[1 2 3], [4 5 6]], numpy: a @ a.T = [[14 32], [32 77]], a.T @ a = [[17 22 27], [22 29 36], [27 36 45]]
        let a = [1.0, 2.0, 3.0, 9.0, 4.0, 5.0, 6.0, 9.0];
        let a = Matrix::new(&a, 2, 3, 4);
        let mut wide = [100.0; 6];
        matmul(&mut wide, 3, a, a.turned(), false);
        assert_eq!(wide, [14.0, 32.0, 100.0, 32.0, 77.0, 100.0]);
        let mut square = [1.0; 9];
        matmul(&mut square, 3, a.turned(), a, true);
        assert_eq!(square, [18.0, 23.0, 28.0, 23.0, 30.0, 37.0, 28.0, 37.0, 46.0]);
    }

    #[test]
    #[should_panic(expected = "the left factor fits its slice")]
    fn a_matrix_beyond_its_slice_is_refused() {
        let short = [0.0; 5];
        let whole = [0.0; 6];
        matmul(&mut [0.0; 4], 2, Matrix::new(&short, 2, 3, 3), Matrix::new(&whole, 3, 2, 2), false);
    }
}
