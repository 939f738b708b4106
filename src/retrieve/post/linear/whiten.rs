//! Whitening learnt from matching pairs (Mikolajczyk and Matas, ICCV 2007; `whitenlearn` of cirtorch).
//!
//! Takes labelled embeddings; gives a projection in which photos of one label differ equally in all directions, and of these the directions
//! in which photos differ most. With the pairs' differences d and S = mean d dᵀ = L Lᵀ the rows become L⁻¹ (x − m), then are turned
//! by the eigenvectors of Σ y yᵀ. All in f64; an L2 norm follows.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};

use super::eigen;
use crate::base::Cancel;
use crate::retrieve::index::exact::inverse_norm;
use crate::retrieve::sides::Labelled;
use crate::retrieve::{Embeddings, RetrieveError};

/// Rows in one product; a function of nothing, so sums have one order.
const CHUNK: usize = 2048;
/// The first number that is added to a diagonal whose matrix has no root, and its growth, as in cirtorch.
const RIDGE: [f64; 2] = [1e-10, 10.0];

/// A fitted projection.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::retrieve::post) struct Whiten {
    /// `[d]`.
    mean: Vec<f64>,
    /// `[dim, d]`, by falling spread.
    matrix: Vec<f64>,
    dim: usize,
    pairs: usize,
    ridge: f64,
}

fn wrong(why: String) -> RetrieveError {
    RetrieveError::Step { step: "whiten-supervised", why }
}

/// For each label with several photos each photo and the next one of its label, the last with the first: `[p]` pairs of rows.
pub(super) fn pairs(labels: &[u32]) -> Vec<(usize, usize)> {
    let mut of: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    labels.iter().enumerate().for_each(|(row, &label)| of.entry(label).or_default().push(row));
    let ring = |rows: Vec<usize>| {
        let next: Vec<usize> = rows.iter().copied().cycle().skip(1).take(rows.len()).collect();
        rows.into_iter().zip(next).filter(|(a, b)| a != b).collect::<Vec<_>>()
    };
    of.into_values().flat_map(ring).collect()
}

impl Whiten {
    /// Fits on the labelled photos.
    ///
    /// # Errors
    /// When `dim` is greater than the embedding, no label has two photos, the matrices cannot be taken apart; on a stop.
    pub(in crate::retrieve::post) fn fit(
        labelled: &Labelled,
        dim: usize,
        cancel: &Cancel,
    ) -> Result<Whiten, RetrieveError> {
        let (rows, d) = (&labelled.embeddings, labelled.embeddings.dim);
        if dim == 0 || dim > d {
            return Err(wrong(format!("dim = {dim}, but the embedding has {d} numbers; give 1 to {d}")));
        }
        let pairs = pairs(&labelled.labels);
        if pairs.is_empty() {
            return Err(wrong("no label has two training photos, so there is no pair to learn from; use pca".into()));
        }
        let mut mean = vec![0.0f64; d];
        for &(a, _) in &pairs {
            mean.iter_mut().zip(rows.row(a)).for_each(|(mean, &x)| *mean += f64::from(x));
        }
        mean.iter_mut().for_each(|mean| *mean /= pairs.len() as f64);
        let difference = |&(a, b): &(usize, usize)| -> Vec<f64> {
            rows.row(a).iter().zip(rows.row(b)).map(|(&a, &b)| f64::from(a) - f64::from(b)).collect()
        };
        let mut within = products(pairs.len(), d, |i| difference(&pairs[i]), cancel)?;
        within.iter_mut().for_each(|x| *x /= pairs.len() as f64);
        let centred = |i: usize| rows.row(i).iter().zip(&mean).map(|(&x, mean)| f64::from(x) - mean).collect();
        let spread = products(rows.len(), d, centred, cancel)?;
        let (root, ridge) = cholesky(&within, d)?;
        cancel.check()?;
        let inverse = Tensor::from_vec(inverse_lower(&root, d), (d, d), &Device::Cpu)?;
        let spread = Tensor::from_vec(spread, (d, d), &Device::Cpu)?;
        let turned = inverse.matmul(&spread)?.matmul(&inverse.t()?)?.flatten_all()?.to_vec1::<f64>()?; // [d, d]
        let eigen = eigen::symmetric(turned, d, cancel)?;
        let vectors = Tensor::from_vec(eigen.vectors[..dim * d].to_vec(), (dim, d), &Device::Cpu)?;
        let mut matrix = vectors.matmul(&inverse)?.flatten_all()?.to_vec1::<f64>()?; // [dim, d]
        // An eigenvector's sign means nothing: the entry of greatest magnitude is positive, as in PCA.
        for row in matrix.chunks_exact_mut(d) {
            let greatest = row.iter().fold(0.0f64, |best, &x| if x.abs() > best.abs() { x } else { best });
            if greatest < 0.0 {
                row.iter_mut().for_each(|x| *x = -*x);
            }
        }
        Ok(Whiten { mean, matrix, dim, pairs: pairs.len(), ridge })
    }

    /// The projection of embeddings, `[n, dim]`, unit rows.
    ///
    /// # Errors
    /// When the embeddings have another dim than those it was fitted on.
    pub(in crate::retrieve::post) fn project(&self, embeddings: &Embeddings) -> Result<Embeddings, RetrieveError> {
        let d = embeddings.dim;
        let matrix = Tensor::from_slice(&self.matrix, (self.dim, self.mean.len()), &Device::Cpu)?.t()?; // [d, dim]
        let mut data = Vec::with_capacity(embeddings.len() * self.dim);
        for chunk in embeddings.data.chunks(CHUNK * d) {
            let rows = chunk.chunks_exact(d);
            let centred: Vec<f64> =
                rows.flat_map(|row| row.iter().zip(&self.mean).map(|(&x, mean)| f64::from(x) - mean)).collect();
            let projected = Tensor::from_vec(centred, (chunk.len() / d, d), &Device::Cpu)?.matmul(&matrix)?; // [c, dim]
            data.extend(projected.flatten_all()?.to_vec1::<f64>()?.iter().map(|&x| x as f32));
        }
        for row in data.chunks_exact_mut(self.dim) {
            let scale = inverse_norm(row);
            row.iter_mut().for_each(|x| *x = (f64::from(*x) * scale) as f32);
        }
        Embeddings::new(self.dim, embeddings.photos.clone(), data)
    }

    /// What it learnt from, in one line.
    pub(in crate::retrieve::post) fn note(&self) -> String {
        let ridge = if self.ridge > 0.0 { format!(", ridge {:e} added", self.ridge) } else { String::new() };
        format!("whiten-supervised: {} of {} directions from {} pairs{ridge}", self.dim, self.mean.len(), self.pairs)
    }
}

/// Σ x xᵀ over `n` rows, `[d, d]`.
fn products(n: usize, d: usize, row: impl Fn(usize) -> Vec<f64>, cancel: &Cancel) -> Result<Vec<f64>, RetrieveError> {
    let mut sum = Tensor::zeros((d, d), DType::F64, &Device::Cpu)?;
    for from in (0..n).step_by(CHUNK) {
        cancel.check()?;
        let count = CHUNK.min(n - from);
        let rows: Vec<f64> = (from..from + count).flat_map(&row).collect();
        let rows = Tensor::from_vec(rows, (count, d), &Device::Cpu)?; // [c, d]
        sum = (sum + rows.t()?.matmul(&rows)?)?;
    }
    Ok(sum.flatten_all()?.to_vec1::<f64>()?)
}

/// The lower root L of `matrix` + ridge · 1 = L Lᵀ, and the ridge that it took: 0, or 1e-10 times a power of ten.
fn cholesky(matrix: &[f64], n: usize) -> Result<(Vec<f64>, f64), RetrieveError> {
    let mut ridge = 0.0;
    while ridge < 1.0 {
        if let Some(root) = lower_root(matrix, n, ridge) {
            return Ok((root, ridge));
        }
        ridge = if ridge == 0.0 { RIDGE[0] } else { ridge * RIDGE[1] };
    }
    Err(wrong("the photos of one label hardly differ; are they copies of each other?".into()))
}

fn lower_root(matrix: &[f64], n: usize, ridge: f64) -> Option<Vec<f64>> {
    let mut root = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = root[i * n..i * n + j].iter().zip(&root[j * n..j * n + j]).map(|(a, b)| a * b).sum();
            let left = matrix[i * n + j] + if i == j { ridge } else { 0.0 } - dot;
            root[i * n + j] = if i == j {
                if !(left > 0.0 && left.is_finite()) {
                    return None;
                }
                left.sqrt()
            } else {
                left / root[j * n + j]
            };
        }
    }
    Some(root)
}

/// The inverse of a lower triangle, row by row.
fn inverse_lower(root: &[f64], n: usize) -> Vec<f64> {
    let mut inverse = vec![0.0; n * n];
    for i in 0..n {
        let (done, rest) = inverse.split_at_mut(i * n);
        let row = &mut rest[..n];
        row[i] = 1.0;
        for j in 0..i {
            let factor = root[i * n + j];
            row[..=j].iter_mut().zip(&done[j * n..]).for_each(|(x, other)| *x -= factor * other);
        }
        let scale = root[i * n + i].recip();
        row[..=i].iter_mut().for_each(|x| *x *= scale);
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_and_inverses_worked_by_hand() {
        // [[4, 2], [2, 10]] = [[2, 0], [1, 3]] [[2, 1], [0, 3]]; the inverse of the root is [[1/2, 0], [-1/6, 1/3]].
        let (root, ridge) = cholesky(&[4.0, 2.0, 2.0, 10.0], 2).unwrap();
        assert_eq!((root.as_slice(), ridge), (&[2.0, 0.0, 1.0, 3.0][..], 0.0));
        let inverse = inverse_lower(&root, 2);
        let expected = [0.5, 0.0, -1.0 / 6.0, 1.0 / 3.0];
        assert!(inverse.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15), "{inverse:?}");
        // Without a root: the first ridge is enough.
        assert_eq!(cholesky(&[1.0, 0.0, 0.0, 0.0], 2).unwrap().1, 1e-10);
    }

    #[test]
    fn pairs_go_round_each_label() {
        assert_eq!(pairs(&[5, 3, 5, 9, 5, 3]), [(1, 5), (5, 1), (0, 2), (2, 4), (4, 0)]);
    }

    #[test]
    fn differences_within_a_label_become_round() {
        // Labels far apart along x, photos of a label spread along y ten times as much as along x.
        let data = vec![0.0, 1.0, 0.1, -1.0, 5.0, 1.0, 5.1, -1.0, 9.0, 2.0, 9.3, 0.5];
        let embeddings = Embeddings::new(2, (0..6).collect(), data).unwrap();
        let labelled = Labelled { embeddings: embeddings.clone(), labels: vec![0, 0, 1, 1, 2, 2], coarse: None };
        let whiten = Whiten::fit(&labelled, 2, &Cancel::new()).unwrap();
        let moved = |i: usize| -> Vec<f64> {
            let x: Vec<f64> = embeddings.row(i).iter().zip(&whiten.mean).map(|(&x, m)| f64::from(x) - m).collect();
            whiten.matrix.chunks_exact(2).map(|row| row[0] * x[0] + row[1] * x[1]).collect()
        };
        let mut covariance = [0.0; 3];
        for (a, b) in pairs(&labelled.labels) {
            let d: Vec<f64> = moved(a).iter().zip(moved(b)).map(|(a, b)| a - b).collect();
            [d[0] * d[0], d[0] * d[1], d[1] * d[1]].iter().zip(&mut covariance).for_each(|(x, sum)| *sum += x / 6.0);
        }
        assert!((covariance[0] - 1.0).abs() < 1e-9 && covariance[1].abs() < 1e-9 && (covariance[2] - 1.0).abs() < 1e-9);
        let same = Labelled { labels: (0..6).collect(), ..labelled };
        assert!(Whiten::fit(&same, 2, &Cancel::new()).unwrap_err().to_string().contains("no label has two"));
    }
}
