//! All eigenvalues and eigenvectors of a symmetric matrix.
//!
//! Takes `[n, n]` in f64, gives the spectrum by falling value. Householder reflections make the
//! matrix tridiagonal, implicit QL steps make that diagonal (Wilkinson and Reinsch, Handbook for
//! Automatic Computation II, tred2 and tql2; Golub and Van Loan, chapter 8). Vectors are kept as
//! rows and rotated in narrow column blocks that stay in cache, one block a thread; each number sees
//! the same operations in the same order with any number of threads.

use rayon::prelude::*;

use crate::base::Cancel;
use crate::retrieve::RetrieveError;

/// Columns in a block of vectors: 2048 × 32 doubles are 512 kB.
const BLOCK: usize = 32;
/// QL steps for one eigenvalue; about two are usual.
const MOST_STEPS: usize = 80;

/// A symmetric matrix taken apart: A = Vᵀ diag(values) V.
#[derive(Clone, Debug, PartialEq)]
pub struct Eigen {
    /// `[n]`, falling.
    pub values: Vec<f64>,
    /// `[n, n]`: row i is the unit eigenvector of value i.
    pub vectors: Vec<f64>,
}

/// Takes a symmetric matrix apart; `matrix` is `[n, n]` and only its upper half's meaning counts.
///
/// # Errors
/// When the matrix holds NaN or infinity (no convergence), or on a stop.
pub fn symmetric(matrix: Vec<f64>, n: usize, cancel: &Cancel) -> Result<Eigen, RetrieveError> {
    if matrix.len() != n * n {
        return Err(RetrieveError::Shape { what: "numbers in a matrix [n, n]", expected: n * n, found: matrix.len() });
    }
    if matrix.iter().any(|x| !x.is_finite()) {
        return Err(RetrieveError::Step {
            step: "pca",
            why: "the covariance is not finite; are embeddings too large?".into(),
        });
    }
    // Squares of squares are taken on the way, so tiny and huge matrices are brought near 1 first. A power of two
    // changes no digit.
    let largest = matrix.iter().fold(0.0f64, |most, x| most.max(x.abs()));
    let exponent = if largest > 0.0 { largest.log2().floor().clamp(-1000.0, 1000.0) as i32 } else { 0 };
    let mut matrix = matrix;
    matrix.iter_mut().for_each(|x| *x *= 2f64.powi(-exponent));
    let mut tridiagonal = reduce(matrix, n, cancel)?;
    let vectors = diagonalise(&mut tridiagonal, n, cancel)?;
    let values: Vec<f64> = tridiagonal.diagonal.iter().map(|value| value * 2f64.powi(exponent)).collect();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]).then(a.cmp(&b)));
    Ok(Eigen {
        values: order.iter().map(|&i| values[i]).collect(),
        vectors: order.iter().flat_map(|&i| vectors[i * n..(i + 1) * n].iter().copied()).collect(),
    })
}

/// A = Q T Qᵀ with T tridiagonal.
struct Tridiagonal {
    diagonal: Vec<f64>,
    /// `below[i]` stands between i and i + 1; the last is 0.
    below: Vec<f64>,
    /// Qᵀ, `[n, n]`.
    transform: Vec<f64>,
}

/// Σ aᵢ bᵢ in eight running sums: a fixed order that a processor's vectors can follow.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a8, a_rest) = a.split_at(a.len() / 8 * 8);
    let (b8, b_rest) = b.split_at(a8.len());
    for (a, b) in a8.chunks_exact(8).zip(b8.chunks_exact(8)) {
        for i in 0..8 {
            sums[i] += a[i] * b[i];
        }
    }
    sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

fn reduce(mut a: Vec<f64>, n: usize, cancel: &Cancel) -> Result<Tridiagonal, RetrieveError> {
    let mut diagonal = vec![0.0; n];
    let mut below = vec![0.0; n];
    // Reflection k: x - beta v (v · x) on the coordinates after k; v is kept in row k of `a`, right of the diagonal.
    let mut betas = vec![0.0; n];
    for k in 0..n.saturating_sub(1) {
        cancel.check()?;
        let (done, rest) = a.split_at_mut((k + 1) * n);
        diagonal[k] = done[k * n + k];
        let v = &mut done[k * n + k + 1..];
        let tail = dot(&v[1..], &v[1..]);
        if tail == 0.0 {
            below[k] = v[0];
            continue;
        }
        let norm = (v[0] * v[0] + tail).sqrt();
        below[k] = if v[0] > 0.0 { -norm } else { norm };
        v[0] -= below[k];
        let beta = 2.0 / (v[0] * v[0] + tail);
        betas[k] = beta;
        let v = &*v;
        let p: Vec<f64> = rest.par_chunks_exact(n).with_min_len(16).map(|row| beta * dot(&row[k + 1..], v)).collect();
        let half = 0.5 * beta * dot(v, &p);
        let w: Vec<f64> = p.iter().zip(v).map(|(p, v)| p - half * v).collect();
        rest.par_chunks_exact_mut(n).with_min_len(16).enumerate().for_each(|(i, row)| {
            let (vi, wi) = (v[i], w[i]);
            for ((x, v), w) in row[k + 1..].iter_mut().zip(v).zip(&w) {
                *x -= vi * w + wi * v;
            }
        });
    }
    if n > 0 {
        diagonal[n - 1] = a[n * n - 1];
    }
    // Qᵀ from the last reflection to the first: each touches only the corner that is not yet identity.
    let mut transform = vec![0.0; n * n];
    (0..n).for_each(|i| transform[i * n + i] = 1.0);
    for k in (0..n.saturating_sub(1)).rev().filter(|&k| betas[k] != 0.0) {
        let (v, beta) = (&a[k * n + k + 1..(k + 1) * n], betas[k]);
        transform[(k + 1) * n..].par_chunks_exact_mut(n).with_min_len(16).for_each(|row| {
            let row = &mut row[k + 1..];
            let scale = beta * dot(row, v);
            row.iter_mut().zip(v).for_each(|(x, v)| *x -= scale * v);
        });
    }
    Ok(Tridiagonal { diagonal, below, transform })
}

/// One plane rotation of the rows `i` and `i + 1`.
struct Rotation {
    i: usize,
    cosine: f64,
    sine: f64,
}

/// Leaves the eigenvalues on the diagonal; gives the eigenvectors as rows.
fn diagonalise(t: &mut Tridiagonal, n: usize, cancel: &Cancel) -> Result<Vec<f64>, RetrieveError> {
    let blocks = n.div_ceil(BLOCK);
    let mut columns: Vec<Vec<f64>> = (0..blocks)
        .map(|block| {
            let (from, to) = (block * BLOCK, n.min((block + 1) * BLOCK));
            t.transform.chunks_exact(n).flat_map(|row| row[from..to].iter().copied()).collect()
        })
        .collect();
    t.transform = Vec::new();
    let (d, e) = (&mut t.diagonal, &mut t.below);
    // Against the whole matrix, not the neighbours: few photos in many dimensions leave a long tail of
    // rounding that never falls below itself.
    let size = d.iter().zip(&*e).fold(0.0f64, |most, (d, e)| most.max(d.abs() + e.abs()));
    for l in 0..n {
        for step in 0.. {
            let m = (l..n - 1).find(|&m| e[m].abs() <= f64::EPSILON * size).unwrap_or(n - 1);
            if m == l {
                break;
            }
            if step == MOST_STEPS {
                return Err(RetrieveError::Step { step: "pca", why: format!("eigenvalue {l} does not converge") });
            }
            cancel.check()?;
            let rotations = ql_step(d, e, l, m);
            columns.par_iter_mut().for_each(|block| {
                let width = block.len() / n;
                for rotation in &rotations {
                    rotate(&mut block[rotation.i * width..(rotation.i + 2) * width], rotation.cosine, rotation.sine);
                }
            });
        }
    }
    let mut vectors = Vec::with_capacity(n * n);
    for i in 0..n {
        columns.iter().for_each(|block| {
            let width = block.len() / n;
            vectors.extend_from_slice(&block[i * width..(i + 1) * width]);
        });
    }
    Ok(vectors)
}

/// One implicit QL step with Wilkinson's shift on the rows `l..=m`.
fn ql_step(d: &mut [f64], e: &mut [f64], l: usize, m: usize) -> Vec<Rotation> {
    let mut rotations = Vec::with_capacity(m - l);
    let quotient = (d[l + 1] - d[l]) / (2.0 * e[l]);
    let root = quotient.hypot(1.0);
    let mut g = d[m] - d[l] + e[l] / (quotient + if quotient < 0.0 { -root } else { root });
    let (mut sine, mut cosine, mut p) = (1.0, 1.0, 0.0);
    for i in (l..m).rev() {
        let f = sine * e[i];
        let b = cosine * e[i];
        let r = f.hypot(g);
        e[i + 1] = r;
        if r == 0.0 {
            // The matrix fell apart on the way; the next step sees two smaller ones.
            d[i + 1] -= p;
            e[m] = 0.0;
            return rotations;
        }
        (sine, cosine) = (f / r, g / r);
        g = d[i + 1] - p;
        let s = (d[i] - g) * sine + 2.0 * cosine * b;
        p = sine * s;
        d[i + 1] = g + p;
        g = cosine * s - b;
        rotations.push(Rotation { i, cosine, sine });
    }
    d[l] -= p;
    e[l] = g;
    e[m] = 0.0;
    rotations
}

/// Rotates two rows that stand one after the other.
fn rotate(rows: &mut [f64], cosine: f64, sine: f64) {
    let (low, high) = rows.split_at_mut(rows.len() / 2);
    for (a, b) in low.iter_mut().zip(high) {
        let (x, y) = (*a, *b);
        *b = sine * x + cosine * y;
        *a = cosine * x - sine * y;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::Seed;

    fn run(matrix: &[f64], n: usize) -> Eigen {
        symmetric(matrix.to_vec(), n, &Cancel::new()).unwrap()
    }

    fn check(matrix: &[f64], n: usize) {
        let eigen = run(matrix, n);
        let size = matrix.iter().fold(1e-300f64, |m, x| m.max(x.abs()));
        let row = |i: usize| &eigen.vectors[i * n..(i + 1) * n];
        for i in 0..n {
            for j in 0..=i {
                let expected = if i == j { 1.0 } else { 0.0 };
                assert!((dot(row(i), row(j)) - expected).abs() < 1e-12 * n as f64, "orthonormal {i} {j}");
            }
            for k in 0..n {
                let left = dot(&matrix[k * n..(k + 1) * n], row(i));
                assert!((left - eigen.values[i] * row(i)[k]).abs() < 1e-13 * size * n as f64, "A v = λ v, {i} {k}");
            }
        }
        assert!(eigen.values.windows(2).all(|pair| pair[0] >= pair[1]));
    }

    #[test]
    fn worked_by_hand() {
        // [[2, 1], [1, 2]] has 3 along (1, 1) and 1 along (1, -1).
        let eigen = run(&[2.0, 1.0, 1.0, 2.0], 2);
        assert!((eigen.values[0] - 3.0).abs() < 1e-15 && (eigen.values[1] - 1.0).abs() < 1e-15);
        assert!(run(&[], 0).values.is_empty());
        assert_eq!(run(&[7.0], 1), Eigen { values: vec![7.0], vectors: vec![1.0] });
        // The second difference matrix of size n: 2 - 2 cos(jπ / (n + 1)).
        let n = 30;
        let mut chain = vec![0.0; n * n];
        for i in 0..n {
            chain[i * n + i] = 2.0;
            if i > 0 {
                chain[i * n + i - 1] = -1.0;
                chain[(i - 1) * n + i] = -1.0;
            }
        }
        for (j, value) in run(&chain, n).values.iter().rev().enumerate() {
            let exact = 2.0 - 2.0 * ((j + 1) as f64 * std::f64::consts::PI / (n + 1) as f64).cos();
            assert!((value - exact).abs() < 1e-13, "{j}: {value} {exact}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        /// Full rank, deficient rank, repeated and vanishing values.
        #[test]
        fn the_parts_give_the_matrix(seed: u64, n in 1usize..40, rank in 1usize..50, scale in -100i32..100) {
            let mut draws = Seed::new(seed).draws();
            let mut matrix = vec![0.0; n * n];
            for _ in 0..rank {
                let v: Vec<f64> = (0..n).map(|_| draws.between(-2, 2) as f64).collect();
                for i in 0..n {
                    for j in 0..n {
                        matrix[i * n + j] += v[i] * v[j];
                    }
                }
            }
            matrix.iter_mut().for_each(|x| *x *= 10f64.powi(scale));
            check(&matrix, n);
        }
    }

    /// As PCA meets it: fewer photos than dimensions, most values nothing but rounding.
    #[test]
    fn few_rows_in_many_dimensions() {
        let (n, rank) = (300, 40);
        let mut draws = Seed::new(9).draws();
        let rows: Vec<f64> = (0..rank * n).map(|_| f64::from(draws.unit() as f32) - 0.5).collect();
        let entry = |i: usize, j: usize| (0..rank).map(|r| rows[r * n + i] * rows[r * n + j]).sum::<f64>();
        let matrix: Vec<f64> = (0..n * n).map(|at| entry(at / n, at % n)).collect();
        check(&matrix, n);
        let values = run(&matrix, n).values;
        assert!(values[rank - 1] > 0.1 && values[rank].abs() < 1e-12, "{} {}", values[rank - 1], values[rank]);
    }

    #[test]
    fn zero_identity_and_blocks() {
        for n in [1, 2, 5, 70] {
            check(&vec![0.0; n * n], n);
            let mut identity = vec![0.0; n * n];
            (0..n).for_each(|i| identity[i * n + i] = 1.0);
            check(&identity, n);
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let n = 100;
        let mut draws = Seed::new(3).draws();
        let mut matrix = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                matrix[i * n + j] = draws.normal();
                matrix[j * n + i] = matrix[i * n + j];
            }
        }
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| run(&matrix, n))
        };
        assert_eq!(with(1), with(3));
    }
}
