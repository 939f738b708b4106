//! Everything of a batch beside everything it is compared with: cosines and distances, and the way back.
//!
//! Takes embeddings `[b, d]` and, where there is a memory, its rows `[m, d]`; gives `[b, m]` numbers for the
//! formulas to read, and turns their slopes into a gradient on the embeddings. Rows are divided by their
//! lengths first. As `CosineSimilarity` and `LpDistance` (p = 2) of pytorch-metric-learning.
//!
//! All in f64: a distance between near rows is the root of a difference that f32 has no digits for.

use candle_core::{CpuStorage, CustomOp1, DType, Device, Layout, Result, Shape, Tensor, bail};

use crate::learn::loss::normalize::normalize;

/// Rows of a memory that are taken at a time, so that its f64 copy stays small.
const PART: usize = 1024;

/// Squared distances below this are summed from differences: from a product they would have lost their digits,
/// and equal rows would not be at 0.
const NEAR: f64 = 1e-4;

/// How two embeddings are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Distance {
    /// The cosine of their angle, larger is nearer.
    CosineSimilarity,
    /// The Euclidean distance of their directions, `0.0..=2.0`.
    LpDistance,
}

/// Numbers `[rows, columns]`.
#[derive(Clone, Debug)]
pub(super) struct Matrix {
    values: Vec<f64>,
    rows: usize,
    columns: usize,
}

impl Matrix {
    /// All 0.
    pub(super) fn zeros(rows: usize, columns: usize) -> Matrix {
        Matrix { values: vec![0.0; rows * columns], rows, columns }
    }

    /// How many rows.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// How many columns.
    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// One number. Panics outside, as an index does.
    pub(super) fn at(&self, row: u32, column: u32) -> f64 {
        self.values[row as usize * self.columns + column as usize]
    }

    /// Adds to one number. Panics outside, as an index does.
    pub(super) fn add(&mut self, row: u32, column: u32, value: f64) {
        self.values[row as usize * self.columns + column as usize] += value;
    }

    /// A row.
    pub(super) fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.columns..][..self.columns]
    }

    /// A row, to be written.
    pub(super) fn row_mut(&mut self, row: usize) -> &mut [f64] {
        &mut self.values[row * self.columns..][..self.columns]
    }

    /// Whether a number is infinite or none.
    pub(super) fn is_broken(&self) -> bool {
        self.values.iter().any(|x| !x.is_finite())
    }

    /// Some columns as a tensor `[rows, count]`.
    fn part(&self, first: usize, count: usize) -> Result<Tensor> {
        let values: Vec<f64> = (0..self.rows).flat_map(|row| &self.row(row)[first..first + count]).copied().collect();
        Tensor::from_vec(values, (self.rows, count), &Device::Cpu)
    }

    /// The sum of the matrix and its mirror image; for square ones.
    fn with_mirror(&self) -> Matrix {
        let mut sum = self.clone();
        for row in 0..self.rows {
            for (column, value) in self.row(row).iter().enumerate() {
                sum.values[column * self.columns + row] += value;
            }
        }
        sum
    }
}

/// Rows of numbers that stand one behind the other, with their squared lengths (1, or 0 for a row without direction).
struct Rows {
    values: Vec<f64>,
    squares: Vec<f64>,
    width: usize,
}

impl Rows {
    fn of(tensor: &Tensor) -> Result<Rows> {
        let width = tensor.dim(1)?;
        let values: Vec<f64> = tensor.flatten_all()?.to_vec1()?;
        let squares = values.chunks(width.max(1)).map(|row| row.iter().map(|x| x * x).sum()).collect();
        Ok(Rows { values, squares, width })
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.width..][..self.width]
    }
}

/// A batch beside what it is compared with.
pub(super) struct Compared {
    /// `[b, d]`, f64, length one, cut off from the graph.
    anchors: Tensor,
    /// `[m, d]` as they were remembered; none when the batch is compared with itself.
    memory: Option<Tensor>,
    cosines: Matrix,
    distances: Option<Matrix>,
}

impl Compared {
    /// Compares.
    ///
    /// `anchors` `[b, d]` of f64 and length one; `memory` `[m, d]` of any length; `distances`: whether
    /// [`Distance::LpDistance`] will be asked for.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub(super) fn new(anchors: &Tensor, memory: Option<&Tensor>, distances: bool) -> Result<Compared> {
        let anchors = anchors.detach();
        let rows = anchors.dim(0)?;
        let columns = memory.map_or(Ok(rows), |memory| memory.dim(0))?;
        let mut compared = Compared {
            memory: memory.map(Tensor::detach),
            cosines: Matrix::zeros(rows, columns),
            distances: None,
            anchors,
        };
        let own = Rows::of(&compared.anchors)?;
        let mut cosines = Matrix::zeros(rows, columns);
        let mut found = distances.then(|| Matrix::zeros(rows, columns));
        compared.parts(|first, part| {
            let count = part.dim(0)?;
            let products: Vec<f64> = compared.anchors.matmul(&part.t()?)?.flatten_all()?.to_vec1()?; // [b, count]
            for row in 0..rows {
                cosines.row_mut(row)[first..][..count].copy_from_slice(&products[row * count..][..count]);
            }
            if let Some(distances) = &mut found {
                let others = Rows::of(part)?;
                for row in 0..rows {
                    for (column, out) in distances.row_mut(row)[first..][..count].iter_mut().enumerate() {
                        let product = products[row * count + column];
                        let mut square = own.squares[row] + others.squares[column] - 2.0 * product;
                        if square < NEAR {
                            let pair = own.row(row).iter().zip(others.row(column));
                            square = pair.map(|(x, y)| (x - y) * (x - y)).sum();
                        }
                        *out = square.sqrt();
                    }
                }
            }
            Ok(())
        })?;
        (compared.cosines, compared.distances) = (cosines, found);
        Ok(compared)
    }

    /// The numbers `[b, m]`.
    ///
    /// # Errors
    /// For distances that were not asked for.
    pub(super) fn matrix(&self, distance: Distance) -> Result<&Matrix> {
        match (distance, &self.distances) {
            (Distance::CosineSimilarity, _) => Ok(&self.cosines),
            (Distance::LpDistance, Some(distances)) => Ok(distances),
            (Distance::LpDistance, None) => bail!("distances were not computed"),
        }
    }

    /// Width of the embeddings, `d`.
    pub(super) fn width(&self) -> usize {
        self.anchors.dims().get(1).copied().unwrap_or(0)
    }

    /// The gradient on the anchors (of length one), `[b, d]`, from the slope of each number. A memory's rows
    /// get none; within a batch both sides of a pair do.
    ///
    /// # Errors
    /// As [`Compared::matrix`], and when candle refuses.
    pub(super) fn gradient(&self, distance: Distance, slopes: &Matrix) -> Result<Tensor> {
        let mirrored = self.memory.is_none().then(|| slopes.with_mirror());
        let slopes = mirrored.as_ref().unwrap_or(slopes);
        match distance {
            Distance::CosineSimilarity => self.pull(slopes),
            Distance::LpDistance => self.push(self.matrix(distance)?, slopes),
        }
    }

    /// `Σ_j s_ij y_j`.
    fn pull(&self, slopes: &Matrix) -> Result<Tensor> {
        let mut sum = self.anchors.zeros_like()?;
        self.parts(|first, part| {
            sum = (&sum + slopes.part(first, part.dim(0)?)?.matmul(part)?)?;
            Ok(())
        })?;
        Ok(sum)
    }

    /// `Σ_j s_ij (x_i − y_j) / d_ij`, where rows that coincide push nowhere.
    fn push(&self, distances: &Matrix, slopes: &Matrix) -> Result<Tensor> {
        let own = Rows::of(&self.anchors)?;
        let mut weights = slopes.clone();
        let mut sums = vec![0.0; slopes.rows()]; // Σ_j s_ij / d_ij
        let mut near = vec![0.0; own.values.len()]; // [b, d], pairs whose difference is taken as it is
        self.parts(|first, part| {
            let mut others = None;
            for row in 0..slopes.rows() {
                for column in first..first + part.dim(0)? {
                    let distance = distances.row(row)[column];
                    let weight = &mut weights.row_mut(row)[column];
                    *weight = if *weight == 0.0 || distance == 0.0 { 0.0 } else { *weight / distance };
                    if *weight != 0.0 && distance * distance < NEAR {
                        let others = match &mut others {
                            Some(others) => others,
                            none => none.insert(Rows::of(part)?),
                        };
                        let differences = own.row(row).iter().zip(others.row(column - first));
                        let out = near[row * own.width..][..own.width].iter_mut();
                        out.zip(differences).for_each(|(out, (x, y))| *out += *weight * (x - y));
                        *weight = 0.0;
                    }
                    sums[row] += *weight;
                }
            }
            Ok(())
        })?;
        let near = Tensor::from_vec(near, self.anchors.dims(), &Device::Cpu)?;
        let away = self.anchors.broadcast_mul(&Tensor::from_vec(sums, (slopes.rows(), 1), &Device::Cpu)?)?;
        (near + away)? - self.pull(&weights)?
    }

    /// The others, of length one and f64, some at a time with the place of their first.
    fn parts(&self, mut each: impl FnMut(usize, &Tensor) -> Result<()>) -> Result<()> {
        let Some(memory) = &self.memory else { return each(0, &self.anchors) };
        let all = memory.dim(0)?;
        for first in (0..all).step_by(PART) {
            let part = memory.narrow(0, first, PART.min(all - first))?;
            each(first, &normalize(&part.to_dtype(DType::F64)?)?)?;
        }
        Ok(())
    }
}

/// A number whose gradient is known already: joins candle's graph as one operation.
pub(super) struct Known {
    /// The loss.
    pub(super) value: f64,
    /// Its gradient on the operation's input, of its shape, f64.
    pub(super) gradient: Tensor,
}

impl CustomOp1 for Known {
    fn name(&self) -> &'static str {
        "loss over pairs"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok((CpuStorage::F64(vec![self.value]), Shape::from(())))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, slope: &Tensor) -> Result<Option<Tensor>> {
        self.gradient.broadcast_mul(slope).map(Some)
    }
}
