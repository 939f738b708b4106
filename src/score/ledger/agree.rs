//! Whether the leaderboard orders submissions as cross-validation does.
//!
//! Takes the two numbers of each submission; gives Spearman's and Kendall's rank correlation, the line through them, and those that do not fit
//! it. The line is Theil and Sen's (the median of all slopes; Sen 1968), which up to 29 % of wild points do not move, and a submission is an outlier
//! when it is off the line by more than [`FAR`] robust deviations (1.4826 times the median absolute deviation from the median residual, which is a
//! standard deviation where errors are normal). Competitors draw this picture by hand; a submission off the line learnt something that
//! one side does not reward, or was made by a mistake.

use serde::Serialize;

/// Robust deviations from the line beyond which a submission is an outlier.
pub const FAR: f64 = 3.0;
/// Pairs from which outliers are named: a line through fewer has no spread worth the word.
pub const ENOUGH: usize = 5;
/// Pairs from which a rank correlation is told.
pub const LEAST: usize = 3;
/// The median absolute deviation times this is the deviation of a normal distribution.
const NORMAL: f64 = 1.4826;

/// A submission's two numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// In cross-validation.
    pub cv: f64,
    /// Half of its 95 % interval.
    pub reach: f64,
    /// On the leaderboard.
    pub lb: f64,
    /// Half a unit of its last decimal.
    pub half: f64,
}

/// How the two sides agree.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Agreement {
    /// Submissions with both numbers.
    pub pairs: usize,
    /// Spearman's rho, -1 to 1; `None` with fewer than [`LEAST`] pairs, or where one side is all ties.
    pub spearman: Option<f64>,
    /// Kendall's tau-b, likewise.
    pub kendall: Option<f64>,
    /// The line: leaderboard = slope · cv + zero, as `[slope, zero]`.
    pub line: Option<[f64; 2]>,
    /// One robust deviation from it.
    pub scale: Option<f64>,
    /// Median of leaderboard minus cv.
    pub gap: Option<f64>,
    /// Whether that difference is clearly above zero for one submission and clearly below for another, beyond the intervals in
    /// cross-validation: then the local examination does not mean the same for all recipes.
    pub changes_sign: bool,
    /// Places of the outliers in what was given.
    pub outliers: Vec<usize>,
}

/// How these agree.
pub fn agreement(pairs: &[Pair]) -> Agreement {
    let (cv, lb): (Vec<f64>, Vec<f64>) = pairs.iter().map(|pair| (pair.cv, pair.lb)).unzip();
    let ranked = pairs.len() >= LEAST;
    let gaps = |sign: f64| pairs.iter().any(|pair| sign * (pair.lb - pair.cv) > pair.reach + pair.half);
    let mut found = Agreement {
        pairs: pairs.len(),
        spearman: ranked.then(|| spearman(&cv, &lb)).flatten(),
        kendall: ranked.then(|| kendall(&cv, &lb)).flatten(),
        gap: median(lb.iter().zip(&cv).map(|(lb, cv)| lb - cv).collect()),
        changes_sign: gaps(1.0) && gaps(-1.0),
        ..Agreement::default()
    };
    let Some([slope, zero]) = line(&cv, &lb) else { return found };
    found.line = Some([slope, zero]);
    let residuals: Vec<f64> = pairs.iter().map(|pair| pair.lb - slope * pair.cv - zero).collect();
    let middle = median(residuals.clone()).unwrap_or(0.0);
    let off: Vec<f64> = residuals.iter().map(|residual| (residual - middle).abs()).collect();
    // Where most lie on one line exactly, the last decimal is the scale.
    let coarsest = pairs.iter().map(|pair| pair.half).fold(0.0, f64::max);
    let scale = (NORMAL * median(off.clone()).unwrap_or(0.0)).max(coarsest);
    found.scale = Some(scale);
    if pairs.len() >= ENOUGH {
        found.outliers = (0..pairs.len()).filter(|&i| off[i] > FAR * scale + 1e-12).collect();
    }
    found
}

/// Ranks from 1, ties sharing the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let below = |x: f64| values.iter().filter(|&&y| y < x).count() as f64;
    let same = |x: f64| values.iter().filter(|&&y| y == x).count() as f64;
    values.iter().map(|&x| below(x) + (same(x) + 1.0) / 2.0).collect()
}

/// Spearman's rho: Pearson's correlation of the ranks.
fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    let (a, b) = (ranks(a), ranks(b));
    let middle = (a.len() as f64 + 1.0) / 2.0;
    let sum = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| (x - middle) * (y - middle)).sum::<f64>();
    let spread = (sum(&a, &a) * sum(&b, &b)).sqrt();
    (spread > 0.0).then(|| (sum(&a, &b) / spread).clamp(-1.0, 1.0))
}

/// Kendall's tau-b: concordant minus discordant pairs over the geometric mean of the pairs that each side does not tie.
fn kendall(a: &[f64], b: &[f64]) -> Option<f64> {
    let (mut balance, mut untied_a, mut untied_b) = (0.0, 0.0, 0.0);
    for i in 0..a.len() {
        for j in 0..i {
            let order = |x: &[f64]| f64::from(x[i].total_cmp(&x[j]) as i8);
            balance += order(a) * order(b);
            untied_a += order(a).abs();
            untied_b += order(b).abs();
        }
    }
    let spread = f64::sqrt(untied_a * untied_b);
    (spread > 0.0).then(|| balance / spread)
}

/// Theil and Sen's line; `None` where all points are above each other.
fn line(x: &[f64], y: &[f64]) -> Option<[f64; 2]> {
    let pairs = (0..x.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
    let slopes = pairs.filter(|&(i, j)| x[i] != x[j]).map(|(i, j)| (y[i] - y[j]) / (x[i] - x[j])).collect();
    let slope = median(slopes)?;
    Some([slope, median(y.to_vec())? - slope * median(x.to_vec())?])
}

/// The median; `None` of nothing.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        0 => Some(f64::midpoint(*values.get(middle.checked_sub(1)?)?, values[middle])),
        _ => values.get(middle).copied(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(cv: &[f64], lb: &[f64]) -> Vec<Pair> {
        cv.iter().zip(lb).map(|(&cv, &lb)| Pair { cv, lb, reach: 0.02, half: 0.0005 }).collect()
    }

    #[test]
    fn as_scipy_has_it() {
        // scipy 1.17: stats.spearmanr, kendalltau, theilslopes(lb, cv); 1.4826 * median(abs(r - median(r))).
        let cv = [0.691, 0.732, 0.704, 0.650, 0.720, 0.711, 0.60];
        let lb = [0.501, 0.540, 0.498, 0.470, 0.530, 0.505, 0.52];
        let found = agreement(&pairs(&cv, &lb));
        assert!((found.spearman.unwrap() - 0.607_142_857_142_857_2).abs() < 1e-12, "{found:?}");
        assert!((found.kendall.unwrap() - 0.523_809_523_809_523_8).abs() < 1e-12, "{found:?}");
        let [slope, zero] = found.line.unwrap();
        assert!((slope - 0.756_097_560_975_611_8).abs() < 1e-12 && (zero + 0.027_292_682_926_830_6).abs() < 1e-12);
        assert!((found.scale.unwrap() - 0.011_860_8).abs() < 1e-9, "{found:?}");
        assert_eq!(found.outliers, [6]);
        assert!(!found.changes_sign);
        // Ties on both sides.
        let found = agreement(&pairs(&[0.5, 0.5, 0.6, 0.7, 0.7], &[0.3, 0.4, 0.4, 0.5, 0.6]));
        assert!((found.spearman.unwrap() - 0.892_217_816_219_194).abs() < 1e-12, "{found:?}");
        assert!((found.kendall.unwrap() - 0.824_957_911_384_305_4).abs() < 1e-12, "{found:?}");
        assert!((found.line.unwrap()[0] - 1.0).abs() < 1e-12);
    }

    #[test]
    fn few_pairs_tell_little() {
        assert_eq!(agreement(&[]), Agreement::default());
        let two = agreement(&pairs(&[0.5, 0.6], &[0.4, 0.3]));
        assert_eq!((two.pairs, two.spearman, two.kendall), (2, None, None));
        assert!((two.gap.unwrap() + 0.2).abs() < 1e-12);
        let same = agreement(&pairs(&[0.5; 6], &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]));
        assert_eq!((same.spearman, same.kendall, same.line, same.outliers.len()), (None, None, None, 0));
    }

    #[test]
    fn a_gap_that_changes_its_sign_is_told() {
        let found = agreement(&pairs(&[0.5, 0.6, 0.7], &[0.6, 0.61, 0.5]));
        assert!(found.changes_sign);
        assert!(!agreement(&pairs(&[0.5, 0.6, 0.7], &[0.51, 0.61, 0.69])).changes_sign, "within the intervals");
    }

    proptest! {
        #[test]
        fn correlations_are_of_order_alone(points in prop::collection::vec((0u8..40, 0u8..40), 3..20), turn in 1u8..9) {
            let (cv, lb): (Vec<f64>, Vec<f64>) =
                points.iter().map(|&(a, b)| (f64::from(a) / 40.0, f64::from(b) / 40.0)).unzip();
            let found = agreement(&pairs(&cv, &lb));
            let bent: Vec<f64> = lb.iter().map(|x| x.powi(i32::from(turn))).collect();
            let same = agreement(&pairs(&cv, &bent));
            for (a, b) in [(found.spearman, same.spearman), (found.kendall, same.kendall)] {
                prop_assert!(a.is_some() == b.is_some());
                prop_assert!((a.unwrap_or(0.0) - b.unwrap_or(0.0)).abs() < 1e-9 && a.unwrap_or(0.0).abs() <= 1.0 + 1e-12);
            }
            // The other way round: the other sign.
            let turned: Vec<f64> = lb.iter().map(|x| 1.0 - x).collect();
            let other = agreement(&pairs(&cv, &turned));
            prop_assert!((found.spearman.unwrap_or(0.0) + other.spearman.unwrap_or(0.0)).abs() < 1e-9);
            prop_assert!((found.kendall.unwrap_or(0.0) + other.kendall.unwrap_or(0.0)).abs() < 1e-9);
        }

        #[test]
        fn one_wild_point_of_many_moves_the_line_little(wild in 0.0f64..1.0, place in 0usize..9) {
            let cv: Vec<f64> = (0..9).map(|i| 0.5 + f64::from(i) * 0.02).collect();
            let mut lb: Vec<f64> = cv.iter().map(|x| 0.8 * x + 0.05).collect();
            lb[place] = wild;
            let found = agreement(&pairs(&cv, &lb));
            let [slope, _] = found.line.unwrap();
            prop_assert!((slope - 0.8).abs() < 1e-9);
            let off = (wild - (0.8 * cv[place] + 0.05)).abs() > 3.0 * 0.0005 + 1e-9;
            prop_assert_eq!(found.outliers, if off { vec![place] } else { vec![] });
        }
    }
}
