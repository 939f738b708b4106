//! Principal components, with whitening if asked.
//!
//! Takes embeddings `[n, d]`, gives a projection to `dim` directions that equals
//! `sklearn.decomposition.PCA`: covariance with n - 1, eigenvectors by falling variance, the entry
//! of greatest magnitude positive, whitening by the square root of the variance. Everything is
//! computed in f64; the covariance comes from matrix products over fixed chunks of rows.

use std::ops::Range;

use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::eigen;
use crate::base::Cancel;
use crate::retrieve::{Embeddings, RetrieveError};

/// Rows in one product; a function of nothing, so sums have one order. Many, since candle asks the system for its cores at each product.
const CHUNK: usize = 8192;
/// Columns in a block of the covariance: four blocks of 512 need ten products of sixteen.
const BLOCK: usize = 128;

/// A direction whose variance is below this share of the greatest is noise of the arithmetic
/// (embeddings are f32: their squares carry about 1e-14).
const NO_VARIANCE: f64 = 1e-12;

/// Whose mean and covariance a step takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// The gallery's.
    #[default]
    Gallery,
    /// Gallery and queries together; a photo that is in both counts once.
    Both,
}

/// A fitted projection.
#[derive(Clone, Debug, PartialEq)]
pub struct Pca {
    /// Directions, `dim`.
    pub dim: usize,
    /// Numbers in an embedding, `d`.
    pub input: usize,
    /// `[d]`.
    pub mean: Vec<f64>,
    /// `[dim, d]`, unit rows, by falling variance.
    pub components: Vec<f64>,
    /// `[dim]`, with n - 1.
    pub variance: Vec<f64>,
    /// Variance of all `d` directions.
    pub total_variance: f64,
    /// Whether directions are scaled to variance 1.
    pub whiten: bool,
}

fn wrong(why: String) -> RetrieveError {
    RetrieveError::Step { step: "pca", why }
}

impl Pca {
    /// Fits on the gallery, or on gallery and queries.
    ///
    /// # Errors
    /// When `dim` is greater than the embedding or than n - 1 photos can span; when whitening is asked of
    /// directions without variance; on a stop.
    pub fn fit(
        fit: Fit,
        queries: &Embeddings,
        gallery: &Embeddings,
        dim: usize,
        whiten: bool,
        cancel: &Cancel,
    ) -> Result<Pca, RetrieveError> {
        let mut rows: Vec<&[f32]> = gallery.rows().collect();
        if fit == Fit::Both {
            let known: std::collections::HashSet<u32> = gallery.photos.iter().copied().collect();
            rows.extend(
                queries.rows().zip(&queries.photos).filter(|(_, photo)| !known.contains(photo)).map(|(r, _)| r),
            );
        }
        let (n, input) = (rows.len(), gallery.dim);
        if dim == 0 || dim > input {
            return Err(wrong(format!("dim = {dim}, but the embedding has {input} numbers; give 1 to {input}")));
        }
        if dim + 1 > n {
            return Err(wrong(format!("dim = {dim} needs at least {} photos to fit on, there are {n}", dim + 1)));
        }
        let mut mean = vec![0.0f64; input];
        for row in &rows {
            mean.iter_mut().zip(*row).for_each(|(mean, &x)| *mean += f64::from(x));
        }
        mean.iter_mut().for_each(|mean| *mean /= n as f64);

        let covariance = covariance(&rows, &mean, cancel)?;
        let eigen = eigen::symmetric(covariance, input, cancel)?;
        // Rounding can leave a variance of nothing slightly below zero.
        let all: Vec<f64> = eigen.values.iter().map(|&v| v.max(0.0)).collect();
        let useful = all.iter().take_while(|&&v| v > all[0] * NO_VARIANCE && v > 0.0).count();
        if whiten && useful < dim {
            return Err(wrong(format!(
                "whiten = true, but only {useful} of {input} directions vary at all; give dim = {useful} or less, or whiten = false"
            )));
        }
        let mut components = eigen.vectors[..dim * input].to_vec();
        for row in components.chunks_exact_mut(input) {
            let greatest = row.iter().fold(0.0f64, |best, &x| if x.abs() > best.abs() { x } else { best });
            if greatest < 0.0 {
                row.iter_mut().for_each(|x| *x = -*x);
            }
        }
        let total_variance = all.iter().sum();
        Ok(Pca { dim, input, mean, components, variance: all[..dim].to_vec(), total_variance, whiten })
    }

    /// The projection of embeddings, `[n, dim]`.
    ///
    /// # Errors
    /// When the embeddings have another dim than those it was fitted on.
    pub fn project(&self, embeddings: &Embeddings) -> Result<Embeddings, RetrieveError> {
        if embeddings.dim != self.input {
            let (expected, found) = (self.input, embeddings.dim);
            return Err(RetrieveError::Shape {
                what: "numbers in an embedding, as PCA was fitted on",
                expected,
                found,
            });
        }
        let scale = |i: usize| if self.whiten { self.variance[i].sqrt().recip() } else { 1.0 };
        let matrix: Vec<f64> = (0..self.dim)
            .flat_map(|i| self.components[i * self.input..][..self.input].iter().map(move |x| x * scale(i)))
            .collect();
        let matrix = Tensor::from_vec(matrix, (self.dim, self.input), &Device::Cpu)?.t()?; // [d, dim]
        let mut data = Vec::with_capacity(embeddings.len() * self.dim);
        for rows in embeddings.rows().collect::<Vec<_>>().chunks(CHUNK) {
            let centred =
                Tensor::from_vec(centred(rows, &self.mean, 0..self.input), (rows.len(), self.input), &Device::Cpu)?;
            let projected = centred.matmul(&matrix)?; // [c, dim]
            data.extend(projected.flatten_all()?.to_vec1::<f64>()?.iter().map(|&x| x as f32));
        }
        Embeddings::new(self.dim, embeddings.photos.clone(), data)
    }

    /// What it keeps, in one line.
    pub(in crate::retrieve::post) fn note(&self) -> String {
        let kept = self.variance.iter().sum::<f64>() / self.total_variance.max(f64::MIN_POSITIVE);
        let whitened = if self.whiten { ", whitened" } else { "" };
        format!("pca: {} of {} directions keep {:.1} % of the variance{whitened}", self.dim, self.input, 100.0 * kept)
    }
}

/// The covariance `[d, d]` with n - 1. It is symmetric, so of its blocks only those on the diagonal and right of it are products.
fn covariance(rows: &[&[f32]], mean: &[f64], cancel: &Cancel) -> Result<Vec<f64>, RetrieveError> {
    let input = mean.len();
    let columns: Vec<Range<usize>> = (0..input).step_by(BLOCK).map(|from| from..input.min(from + BLOCK)).collect();
    let pairs: Vec<(usize, usize)> = (0..columns.len()).flat_map(|i| (i..columns.len()).map(move |j| (i, j))).collect();
    let zeros =
        |&(i, j): &(usize, usize)| Tensor::zeros((columns[i].len(), columns[j].len()), DType::F64, &Device::Cpu);
    let mut sums: Vec<Tensor> = pairs.iter().map(zeros).collect::<Result<_, _>>()?;
    for chunk in rows.chunks(CHUNK) {
        cancel.check()?;
        let part = |columns: &Range<usize>| {
            Tensor::from_vec(centred(chunk, mean, columns.clone()), (chunk.len(), columns.len()), &Device::Cpu) // [c, block]
        };
        let parts: Vec<Tensor> = columns.iter().map(part).collect::<Result<_, _>>()?;
        for (sum, &(i, j)) in sums.iter_mut().zip(&pairs) {
            *sum = (&*sum + parts[i].t()?.matmul(&parts[j])?)?;
        }
    }
    let mut whole = vec![0.0; input * input];
    for (sum, (i, j)) in sums.iter().zip(pairs) {
        let values = (sum / (rows.len() - 1) as f64)?.flatten_all()?.to_vec1::<f64>()?;
        for (line, a) in values.chunks_exact(columns[j].len()).zip(columns[i].clone()) {
            for (&value, b) in line.iter().zip(columns[j].clone()) {
                (whole[a * input + b], whole[b * input + a]) = (value, value);
            }
        }
    }
    Ok(whole)
}

/// Some columns of rows minus the mean, `[rows, columns]` in f64.
fn centred(rows: &[&[f32]], mean: &[f64], columns: Range<usize>) -> Vec<f64> {
    let (mut data, mean) = (vec![0.0; rows.len() * columns.len()], &mean[columns.clone()]);
    data.par_chunks_exact_mut(columns.len()).zip(rows).with_min_len(64).for_each(|(out, row)| {
        for ((out, &x), mean) in out.iter_mut().zip(&row[columns.clone()]).zip(mean) {
            *out = f64::from(x) - mean;
        }
    });
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;

    fn drawn(seed: u64, photos: std::ops::Range<u32>, dim: usize) -> Embeddings {
        let mut draws = Seed::new(seed).draws();
        // Each coordinate leans on the one before, so that directions differ in variance.
        let mut data: Vec<f32> = Vec::new();
        for _ in photos.clone() {
            let mut last = 0.0;
            for _ in 0..dim {
                last = 0.7 * last + draws.normal() as f32;
                data.push(last + 1.0);
            }
        }
        Embeddings::new(dim, photos.collect(), data).unwrap()
    }

    #[test]
    fn worked_by_hand() {
        // Points (0,0), (2,2), (4,4), (2,2): mean 2, variance only along (1,1)/√2: Σ 2·(2² + 2²) / 3 = 16/3.
        let gallery = Embeddings::new(2, vec![0, 1, 2, 3], vec![0.0, 0.0, 2.0, 2.0, 4.0, 4.0, 2.0, 2.0]).unwrap();
        let pca = Pca::fit(Fit::Gallery, &gallery, &gallery, 1, true, &Cancel::new()).unwrap();
        assert!((pca.variance[0] - 16.0 / 3.0).abs() < 1e-12 && (pca.components[0] - 0.5f64.sqrt()).abs() < 1e-12);
        let projected = pca.project(&gallery).unwrap();
        // ±2√2 / √(16/3) = ±√(3/2).
        assert!((projected.data[2] - 1.5f32.sqrt()).abs() < 1e-6 && projected.data[1] == 0.0, "{projected:?}");
        assert_eq!(pca.note(), "pca: 1 of 2 directions keep 100.0 % of the variance, whitened");
        let error = Pca::fit(Fit::Gallery, &gallery, &gallery, 2, true, &Cancel::new()).unwrap_err().to_string();
        assert!(error.contains("only 1 of 2 directions vary"), "{error}");
    }

    #[test]
    fn whitened_rows_have_unit_covariance() {
        let gallery = drawn(5, 0..400, 12);
        let pca = Pca::fit(Fit::Gallery, &gallery, &gallery, 5, true, &Cancel::new()).unwrap();
        let white = pca.project(&gallery).unwrap();
        for a in 0..5 {
            for b in 0..5 {
                let sum: f64 = white.rows().map(|row| f64::from(row[a]) * f64::from(row[b])).sum();
                let expected = if a == b { 1.0 } else { 0.0 };
                assert!((sum / 399.0 - expected).abs() < 1e-5, "{a} {b}: {}", sum / 399.0);
            }
        }
    }

    #[test]
    fn impossible_dims_are_refused_in_words() {
        let gallery = drawn(5, 0..10, 12);
        let fit = |dim| Pca::fit(Fit::Gallery, &gallery, &gallery, dim, false, &Cancel::new()).unwrap_err().to_string();
        assert_eq!(fit(13), "post step pca: dim = 13, but the embedding has 12 numbers; give 1 to 12");
        assert_eq!(fit(10), "post step pca: dim = 10 needs at least 11 photos to fit on, there are 10");
    }

    #[test]
    fn both_counts_a_shared_photo_once() {
        let (queries, gallery) = (drawn(1, 0..30, 4), drawn(2, 20..60, 4));
        let both = Pca::fit(Fit::Both, &queries, &gallery, 2, false, &Cancel::new()).unwrap();
        let mut all = gallery.clone();
        all.photos.extend(0..20);
        all.data.extend_from_slice(&queries.data[..80]);
        assert_eq!(both, Pca::fit(Fit::Gallery, &queries, &all, 2, false, &Cancel::new()).unwrap());
    }
}
