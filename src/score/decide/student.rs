//! Student's t distribution.
//!
//! Takes a value or a probability and the degrees of freedom, which need not be whole (Welch); gives the other. By the
//! regularised incomplete beta function as a continued fraction (Abramowitz and Stegun 26.5.8, evaluated as Lentz did).

/// Most terms of the continued fraction; it ends far earlier.
const TERMS: usize = 300;
/// Relative change at which it ends.
const ENOUGH: f64 = 1e-15;
/// In place of a zero denominator.
const TINY: f64 = 1e-300;

/// Probability of a value of at most `t`; `df` above 0, infinite for the normal distribution.
pub fn cdf(t: f64, df: f64) -> f64 {
    if t.is_nan() {
        return f64::NAN;
    }
    // Beyond it the normal distribution is nearer than 1e-7.
    let df = df.min(1e7);
    let tail = 0.5 * incomplete_beta(df / (df + t * t), df / 2.0, 0.5);
    if t > 0.0 { 1.0 - tail } else { tail }
}

/// The value that is exceeded with probability `1 - p`; `p` in (0, 1).
pub fn quantile(p: f64, df: f64) -> f64 {
    if p < 0.5 {
        return -quantile(1.0 - p, df);
    }
    let (mut low, mut high) = (0.0, 2.0);
    while cdf(high, df) < p && high < 1e12 {
        (low, high) = (high, high * 2.0);
    }
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if cdf(middle, df) < p { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// I_x(a, b).
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    // The fraction converges fast on this side only.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(1.0 - x, b, a);
    }
    let front = (ln_ratio(a.max(b), a.min(b)) - ln_gamma(a.min(b)) + a * x.ln() + b * (-x).ln_1p()).exp() / a;
    let safe = |x: f64| if x.abs() < TINY { TINY } else { x };
    let mut c = 1.0;
    let mut d = 1.0 / safe(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for m in 1..TERMS {
        let m = m as f64;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / safe(1.0 + even * d);
        c = safe(1.0 + even / c);
        value *= c * d;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / safe(1.0 + odd * d);
        c = safe(1.0 + odd / c);
        value *= c * d;
        if (c * d - 1.0).abs() < ENOUGH {
            break;
        }
    }
    front * value
}

/// ln Γ(a + b) - ln Γ(a); of a large `a` and a half by the asymptotic series, since the two are large and near each other.
fn ln_ratio(a: f64, b: f64) -> f64 {
    match a > 100.0 && b == 0.5 {
        true => 0.5 * a.ln() - 1.0 / (8.0 * a) + 1.0 / (192.0 * a.powi(3)),
        false => ln_gamma(a + b) - ln_gamma(a),
    }
}

/// ln Γ(x) for x > 0: Stirling's series, after steps up to where it is exact to 15 digits.
fn ln_gamma(mut x: f64) -> f64 {
    let mut steps = 0.0;
    while x < 15.0 {
        steps += x.ln();
        x += 1.0;
    }
    let inverse = 1.0 / (x * x);
    let series = (1.0 / 12.0 - inverse * (1.0 / 360.0 - inverse * (1.0 / 1260.0 - inverse / 1680.0))) / x;
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series - steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_scipys() {
        // scipy.stats.t.cdf(t, df)
        const KNOWN: [(f64, f64, f64); 8] = [
            (0.0, 3.0, 0.5),
            (-1.0, 1.0, 0.25),
            (2.0, 2.0, 0.908_248_290_463_863_1),
            (-2.5, 4.7, 0.028_796_079_673_433_67),
            (1.96, 1e6, 0.975_001_966_207_365_1),
            (-6.0, 2.0, 0.013_335_736_607_712_385),
            (-4.0, 150.0, 4.957_792_969_643_106e-5),
            (0.3, 0.5, 0.577_570_423_934_754_6),
        ];
        for (t, df, expected) in KNOWN {
            assert!((cdf(t, df) - expected).abs() < 1e-9 * expected.max(1e-2), "{t} {df}: {}", cdf(t, df));
        }
    }

    #[test]
    fn quantiles_turn_back() {
        for df in [1.0, 2.0, 3.4, 20.0, f64::INFINITY] {
            for p in [1e-5, 0.005, 0.3, 0.5, 0.975, 0.9999] {
                assert!((cdf(quantile(p, df), df) / p - 1.0).abs() < 1e-7, "{df} {p}");
            }
        }
        // scipy.stats.t.ppf
        assert!((quantile(0.975, 2.0) - 4.302_652_729_911_275).abs() < 1e-9);
        assert!((quantile(0.975, f64::INFINITY) - 1.959_963_984_540_054).abs() < 1e-6);
    }
}
