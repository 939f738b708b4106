//! Which places make two photos alike.
//!
//! Takes what each place of two photos brings to their embeddings, vectors that add up to them; gives each place's share in the cosine, which add up to
//! it, and the pairs of places that are each other's nearest, as the step `spatial-check` pairs them ([`mutual()`]), those first that add most to the
//! cosine. (Stylianou, Souvenir and Pless, WACV 2019, for the shares.)

use super::mutual::{mutual, wide};
use super::pack::code;

/// Two places that are each other's nearest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Near {
    /// Of the first photo.
    pub a: usize,
    /// Of the second photo.
    pub b: usize,
    /// Their cosine.
    pub cosine: f64,
    /// What the pair adds to the cosine of the photos.
    pub share: f64,
}

/// What makes two photos alike.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alike {
    /// The cosine of the sums.
    pub cosine: f64,
    /// What each place of the first photo, and of the second, adds to it: either adds up to it.
    pub shares: [Vec<f64>; 2],
    /// Pairs that add something, the most first.
    pub pairs: Vec<Near>,
}

/// Which of the places `a` and `b`, each `[places, dim]`, make their sums alike; at most `most` pairs. Sums without a direction have a cosine of 0.
pub fn alike(a: &[f32], b: &[f32], dim: usize, most: usize) -> Alike {
    let dim = dim.max(1);
    let (sum_a, sum_b) = (sum(a, dim), sum(b, dim));
    let length = (dot(&sum_a, &sum_a) * dot(&sum_b, &sum_b)).sqrt();
    let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
    let shares = |places: &[f32], other: &[f64]| -> Vec<f64> {
        let with = |place: &[f32]| place.iter().zip(other).map(|(x, y)| f64::from(*x) * y).sum::<f64>() * scale;
        places.chunks_exact(dim).map(with).collect()
    };
    let codes = |places: &[f32]| wide(&places.chunks_exact(dim).flat_map(code).collect::<Vec<i8>>(), dim);
    let near = |pair: super::Match| {
        let place = |all: &[f32], at: usize| all[at * dim..][..dim].iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
        let share = dot(&place(a, pair.a), &place(b, pair.b)) * scale;
        Near { a: pair.a, b: pair.b, cosine: pair.cosine, share }
    };
    let mut pairs: Vec<Near> = mutual(&codes(a), &codes(b), dim, 0.0).into_iter().map(near).collect();
    pairs.retain(|pair| pair.share > 0.0);
    // Stable: of equal ones the first of the first photo.
    pairs.sort_by(|a, b| b.share.total_cmp(&a.share));
    pairs.truncate(most);
    Alike { cosine: dot(&sum_a, &sum_b) * scale, shares: [shares(a, &sum_b), shares(b, &sum_a)], pairs }
}

fn sum(places: &[f32], dim: usize) -> Vec<f64> {
    let mut sum = vec![0.0; dim];
    for place in places.chunks_exact(dim) {
        sum.iter_mut().zip(place).for_each(|(sum, x)| *sum += f64::from(*x));
    }
    sum
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;

    #[test]
    fn worked_by_hand() {
        // Places [3, 0], [0, 1] make [3, 1]; places [0, 2], [2, 0], [0, 0] make [2, 2]: cosine 8 / √80.
        let found = alike(&[3.0, 0.0, 0.0, 1.0], &[0.0, 2.0, 2.0, 0.0, 0.0, 0.0], 2, 9);
        let root = 80f64.sqrt();
        assert!((found.cosine - 8.0 / root).abs() < 1e-12);
        for (found, expected) in found.shares[0].iter().zip([6.0, 2.0]) {
            assert!((found - expected / root).abs() < 1e-12);
        }
        for (found, expected) in found.shares[1].iter().zip([2.0, 6.0, 0.0]) {
            assert!((found - expected / root).abs() < 1e-12);
        }
        let pairs: Vec<(usize, usize)> = found.pairs.iter().map(|pair| (pair.a, pair.b)).collect();
        assert_eq!(pairs, [(0, 1), (1, 0)], "the pair that adds more first");
        assert!((found.pairs[0].share - 6.0 / root).abs() < 1e-12 && (found.pairs[0].cosine - 1.0).abs() < 1e-12);
        assert_eq!(alike(&[3.0, 0.0, 0.0, 1.0], &[0.0, 2.0, 2.0, 0.0], 2, 1).pairs.len(), 1);
    }

    #[test]
    fn shares_of_either_photo_add_up_to_the_cosine() {
        let mut draws = Seed::new(11).draws();
        for dim in [1, 3, 40] {
            let mut side = |places: usize| (0..places * dim).map(|_| draws.normal() as f32).collect::<Vec<f32>>();
            let (a, b) = (side(12), side(20));
            let found = alike(&a, &b, dim, 100);
            for shares in &found.shares {
                assert!((shares.iter().sum::<f64>() - found.cosine).abs() < 1e-9);
            }
            assert!(found.pairs.is_sorted_by(|a, b| a.share >= b.share) && found.cosine.abs() <= 1.0 + 1e-9);
        }
    }

    #[test]
    fn nothing_is_like_nothing() {
        assert_eq!(alike(&[], &[], 4, 3), Alike::default());
        let found = alike(&[0.0; 8], &[1.0; 8], 4, 3);
        assert_eq!((found.cosine, found.pairs.len(), found.shares[0].len()), (0.0, 0, 2));
    }
}
