//! Which places of two photos belong together: each the other's nearest.
//!
//! Takes the codes of two photos; gives pairs of patches whose cosine is the greatest for both of them and reaches a threshold, as
//! Patch-NetVLAD pairs them (Hausler, Garg, Xu, Milford and Fischer, CVPR 2021). Of equal cosines the earlier patch is nearer. Products are
//! whole numbers and exact.

use crate::base::wide::wide as widest;

/// Two patches that belong together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match {
    /// The patch of the first photo.
    pub a: usize,
    /// The patch of the second photo.
    pub b: usize,
    /// Their cosine.
    pub cosine: f64,
}

/// Codes as products want them, `[each, dim]`, with the inverse lengths of patches, `[each]`; 0 for a patch without a direction.
pub fn wide(codes: &[i8], dim: usize) -> (Vec<i16>, Vec<f64>) {
    let numbers: Vec<i16> = codes.iter().map(|&x| i16::from(x)).collect();
    let scale = |row: &[i16]| match dot(row, row) {
        0 => 0.0,
        square => f64::from(square).sqrt().recip(),
    };
    let scales = numbers.chunks_exact(dim.max(1)).map(scale).collect();
    (numbers, scales)
}

/// Pairs of patches that are each other's nearest with a cosine of at least `threshold`, by the first photo's patches.
pub fn mutual(a: &(Vec<i16>, Vec<f64>), b: &(Vec<i16>, Vec<f64>), dim: usize, threshold: f64) -> Vec<Match> {
    let ((a, a_scales), (b, b_scales)) = (a, b);
    let (rows, columns, dim) = (a_scales.len(), b_scales.len(), dim.max(1));
    let mut dots = vec![0i32; rows * columns];
    widest!(|| {
        for (row, dots) in a.chunks_exact(dim).zip(dots.chunks_exact_mut(columns.max(1))) {
            for (column, product) in b.chunks_exact(dim).zip(dots) {
                *product = dot(row, column);
            }
        }
    });
    // Nearest of each row, and of each column; a cosine of a patch without a direction is 0.
    let mut of_row = vec![(f64::NEG_INFINITY, usize::MAX); rows];
    let mut of_column = vec![(f64::NEG_INFINITY, usize::MAX); columns];
    for (i, dots) in dots.chunks_exact(columns.max(1)).enumerate() {
        for (j, &product) in dots.iter().enumerate() {
            let cosine = f64::from(product) * (a_scales[i] * b_scales[j]);
            if cosine > of_row[i].0 {
                of_row[i] = (cosine, j);
            }
            if cosine > of_column[j].0 {
                of_column[j] = (cosine, i);
            }
        }
    }
    let both = of_row
        .into_iter()
        .enumerate()
        .filter(|&(i, (cosine, j))| cosine >= threshold && of_column.get(j).is_some_and(|&(_, nearest)| nearest == i));
    both.map(|(a, (cosine, b))| Match { a, b, cosine }).collect()
}

/// The product of two rows: whole numbers, so that it is exact in any order.
#[inline(always)]
fn dot(a: &[i16], b: &[i16]) -> i32 {
    a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;

    fn pairs(a: &[i8], b: &[i8], dim: usize, threshold: f64) -> Vec<(usize, usize)> {
        mutual(&wide(a, dim), &wide(b, dim), dim, threshold).iter().map(|found| (found.a, found.b)).collect()
    }

    #[test]
    fn worked_by_hand() {
        // Directions at 0, 45 and 90 degrees against 50 and 90: 45 and 50 find each other, 0 finds 50 in vain.
        let a = [127, 0, 100, 100, 0, 127];
        let b = [82, 97, 0, 90];
        assert_eq!(pairs(&a, &b, 2, 0.0), [(1, 0), (2, 1)]);
        assert_eq!(pairs(&a, &b, 2, 0.999), [(2, 1)]);
        let found = mutual(&wide(&a, 2), &wide(&b, 2), 2, 0.999)[0];
        assert!((found.cosine - 1.0).abs() < 1e-12);
    }

    #[test]
    fn alike_and_empty() {
        // All equal: the first of each finds the first of the other, and nobody else.
        assert_eq!(pairs(&[3, 4, 3, 4, 3, 4], &[3, 4, 3, 4], 2, 0.6), [(0, 0)]);
        // Nothing at all has a cosine of 0 with everything.
        assert_eq!(pairs(&[0, 0, 0, 0], &[1, 2], 2, 0.1), []);
        assert_eq!(pairs(&[], &[1, 2], 2, 0.0), []);
        assert_eq!(pairs(&[1, 2], &[], 2, 0.0), []);
        assert_eq!(pairs(&[1, 2], &[2, 4], 2, 0.99), [(0, 0)]);
    }

    #[test]
    fn equals_the_plain_way() {
        for seed in 0..40 {
            let mut draws = Seed::new(seed).draws();
            let (n, m, dim) =
                (1 + draws.below(30) as usize, 1 + draws.below(30) as usize, 3 + draws.below(40) as usize);
            let mut side = |n: usize| (0..n * dim).map(|_| draws.between(-127, 127) as i8).collect::<Vec<i8>>();
            let (a, b) = (side(n), side(m));
            let cosine = |i: usize, j: usize| {
                let dot = |x: &[i8], y: &[i8]| x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
                let (x, y) = (&a[i * dim..][..dim], &b[j * dim..][..dim]);
                dot(x, y) / (dot(x, x).sqrt() * dot(y, y).sqrt()).max(1e-300)
            };
            let mut plain = Vec::new();
            for i in 0..n {
                let j = (0..m).fold(0, |best, j| if cosine(i, j) > cosine(i, best) { j } else { best });
                let back = (0..n).fold(0, |best, i| if cosine(i, j) > cosine(best, j) { i } else { best });
                if back == i && cosine(i, j) >= 0.3 {
                    plain.push((i, j));
                }
            }
            assert_eq!(pairs(&a, &b, dim, 0.3), plain, "seed {seed}");
        }
    }
}
