//! Draws of Beta(α, α), the share in which two pictures are mixed.
//!
//! Takes α and a stream; gives a number from 0 to 1. A Beta number is g / (g + h) of two Gamma numbers; these are drawn by
//! Marsaglia and Tsang 2000, "A simple method for generating gamma variables", with their step for α below 1, and kept as logarithms:
//! at α = 0.01 a Gamma number itself is often too small for a float.

use crate::base::seed::Draws;

/// One draw of Beta(α, α); α above 0.
pub fn beta(alpha: f64, draws: &mut Draws) -> f64 {
    let (g, h) = (log_gamma(alpha, draws), log_gamma(alpha, draws));
    1.0 / (1.0 + (h - g).exp())
}

/// The logarithm of one draw of Gamma(α, 1).
fn log_gamma(alpha: f64, draws: &mut Draws) -> f64 {
    // Gamma(α) is Gamma(α + 1) · u^(1/α); 1 - u is above 0.
    let boost = (1.0 - draws.unit()).ln() / alpha;
    let d = alpha + 1.0 - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = draws.normal();
        let v = (1.0 + c * x).powi(3);
        let u = 1.0 - draws.unit();
        if v > 0.0 && u.ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d.ln() + v.ln() + boost;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;

    #[test]
    fn moments_are_those_of_the_distribution() {
        let mut draws = Seed::new(8).draws();
        for alpha in [0.01, 0.2, 0.8, 1.0, 4.0, 100.0] {
            let all: Vec<f64> = (0..20_000).map(|_| beta(alpha, &mut draws)).collect();
            assert!(all.iter().all(|x| (0.0..=1.0).contains(x)), "{alpha}");
            let mean = all.iter().sum::<f64>() / 20_000.0;
            let variance = all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0;
            let known = 0.25 / (2.0 * alpha + 1.0);
            assert!((mean - 0.5).abs() < 5.0 * (known / 20_000.0).sqrt(), "{alpha}: {mean}");
            assert!((variance / known - 1.0).abs() < 0.06, "{alpha}: {variance}, not {known}");
        }
    }
}
