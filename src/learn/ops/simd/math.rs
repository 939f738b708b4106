//! Elementary functions that the compiler turns into vector code inside `wide!`.
//!
//! Each takes and gives one f32, has no branch and no table, and is `#[inline(always)]`, so that a loop over a slice
//! becomes 8 or 16 lanes wide. NaN stays NaN. The stated errors are the largest found against f64 over dense grids (the tests
//! repeat them); "relative" counts where the result is a normal number. Products and sums are
//! not fused: `f32::mul_add` is a call for each number wherever the CPU has no such instruction.
//!
//! Gaussian and its integral share one exponential: with `t = 1 / (1 + 0.3·|x|)`, `1 - Φ(|x|) = exp(-x²/2) · t · P(t)`, a
//! form of Hastings (1955), here with a polynomial of degree 7 fitted by Lawson's algorithm to 1.5e-7.

/// `1.5 · 2²³`: adding it rounds a float of magnitude below 2²² to a whole number, which then stands in the low bits.
const ROUNDER: f32 = 12_582_912.0;

/// `c[0] + c[1]·x + c[2]·x² + …`
#[inline(always)]
fn polynomial<const N: usize>(x: f32, c: [f32; N]) -> f32 {
    let mut sum = c[N - 1];
    for i in (0..N - 1).rev() {
        sum = sum * x + c[i];
    }
    sum
}

/// `x`, but at least `low`; NaN stays (`f32::max` would drop it).
#[inline(always)]
fn at_least(x: f32, low: f32) -> f32 {
    if x < low { low } else { x }
}

/// `x`, but at most `high`; NaN stays.
#[inline(always)]
fn at_most(x: f32, high: f32) -> f32 {
    if x > high { high } else { x }
}

/// `2ⁿ` for a whole number from -126 to 127.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) << 23) as u32)
}

/// `eˣ` = `p · 2ⁿ` for an argument within ±125: `p` and `n`.
#[inline(always)]
fn exp_parts(x: f32) -> (f32, i32) {
    // ln 2 in two parts, the first with few bits, so that n·ln 2 is taken off exactly.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    let shifted = x * std::f32::consts::LOG2_E + ROUNDER;
    let whole = shifted - ROUNDER;
    let rest = x - whole * LN_2[0] - whole * LN_2[1]; // within ±0.347
    // Cephes' expf (Moshier 1992).
    let fifth = polynomial(rest, [5e-1, 1.666_666_5e-1, 4.166_579_6e-2, 8.333_452e-3, 1.398_2e-3, 1.987_569_1e-4]);
    let power = fifth * (rest * rest) + rest + 1.0;
    (power, (shifted.to_bits() as i32).wrapping_sub(ROUNDER.to_bits() as i32))
}

/// `eˣ` for `x` at most 88 that comes to nothing below -87, a little faster: for softmax, whose largest `x` is 0.
/// Relative error at most 1.2e-7 from -87 on; from -87 to minus infinity it gives at most 1.7e-38.
#[inline(always)]
pub(crate) fn exp_small(x: f32) -> f32 {
    let (power, n) = exp_parts(at_least(x, -87.0));
    power * power_of_two(n)
}

/// `1 / (1 + e⁻ˣ)`; relative error at most 2.5e-7 from -80 on.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp_small(at_most(-x, 88.0)))
}

/// The standard normal distribution at `x`: `Φ(x)` with an absolute error of at most 1.5e-7, and its density `φ(x)`.
#[inline(always)]
fn normal(x: f32) -> (f32, f32) {
    let size = x.abs();
    let bell = exp_small(-0.5 * at_most(x * x, 170.0));
    let t = 1.0 / (size * 0.3 + 1.0);
    let tail = polynomial(
        t,
        [
            0.119_629_3,
            0.120_753_96,
            0.099_913_49,
            0.128_561_65,
            -0.053_683_67,
            0.206_353_53,
            -0.157_203_1,
            0.035_674_777,
        ],
    );
    let tail = bell * t * tail; // 1 - Φ(|x|)
    (if x > 0.0 { 1.0 - tail } else { tail }, bell * 0.398_942_3)
}

/// SiLU (swish), `x · sigmoid(x)`; relative error at most 3e-7 from -80 on, and 0 towards minus infinity.
#[inline(always)]
pub(crate) fn silu(x: f32) -> f32 {
    at_least(x, -88.0) * sigmoid(x)
}

/// The derivative of [`silu`]; absolute error at most 1e-6.
#[inline(always)]
pub(crate) fn silu_slope(x: f32) -> f32 {
    let s = sigmoid(x);
    // 1 - s is 0 from 17 on, and an infinite x would make NaN of it.
    at_most(at_least(x, -88.0), 88.0) * (1.0 - s) * s + s
}

/// GELU with the error function, `x · Φ(x)`; absolute error at most 5e-7, or 3e-7 of the result above 1.
#[inline(always)]
pub(crate) fn gelu(x: f32) -> f32 {
    at_least(x, -20.0) * normal(x).0
}

/// The derivative of [`gelu`], `Φ(x) + x · φ(x)`; absolute error at most 5e-7.
#[inline(always)]
pub(crate) fn gelu_slope(x: f32) -> f32 {
    let (integral, density) = normal(x);
    at_most(at_least(x, -20.0), 20.0) * density + integral
}

/// GELU by its tanh form, `x · (1 + tanh(√(2/π) · (x + 0.044715·x³))) / 2`; absolute error at most 1e-6, or 3e-7 of the
/// result above 1.
#[inline(always)]
pub(crate) fn gelu_tanh(x: f32) -> f32 {
    at_least(x, -20.0) * tanh_gate(x).0
}

/// The derivative of [`gelu_tanh`]; absolute error at most 2e-6.
#[inline(always)]
pub(crate) fn gelu_tanh_slope(x: f32) -> f32 {
    let (gate, inner) = tanh_gate(x);
    let x = at_most(at_least(x, -20.0), 20.0);
    x * inner * gate * (1.0 - gate) + gate
}

/// The gate `(1 + tanh u) / 2 = sigmoid(2u)` of [`gelu_tanh`], and the derivative of `2u`.
#[inline(always)]
fn tanh_gate(x: f32) -> (f32, f32) {
    const TWICE_ROOT: f32 = 1.595_769;
    let x = at_most(at_least(x, -20.0), 20.0);
    let square = x * x;
    let gate = sigmoid(TWICE_ROOT * x * (square * 0.044_715 + 1.0));
    (gate, TWICE_ROOT * (square * (3.0 * 0.044_715) + 1.0))
}

/// CLIP's quick GELU, `x · sigmoid(1.702·x)`; absolute error at most 5e-7, or 3e-7 of the result above 1.
#[inline(always)]
pub(crate) fn quick_gelu(x: f32) -> f32 {
    at_least(x, -88.0) * sigmoid(1.702 * x)
}

/// The derivative of [`quick_gelu`]; absolute error at most 1e-6.
#[inline(always)]
pub(crate) fn quick_gelu_slope(x: f32) -> f32 {
    let s = sigmoid(1.702 * x);
    1.702 * at_most(at_least(x, -88.0), 88.0) * (1.0 - s) * s + s
}

#[cfg(test)]
mod tests {
    use super::super::wide;
    use super::*;

    /// A function of this file with its counterpart in f64, where to compare, and the greatest absolute and relative
    /// error: the larger one of the two counts.
    type Case = (&'static str, fn(f32) -> f32, fn(f64) -> f64, [f32; 2], [f64; 2]);

    /// The error function by its Taylor series, or its continued fraction far out; to 1e-15.
    fn exact_erfc(x: f64) -> f64 {
        if x < 0.0 {
            return 2.0 - exact_erfc(-x);
        }
        if x < 3.0 {
            let (mut term, mut sum, mut n) = (x, x, 0.0);
            while term.abs() > 1e-18 {
                n += 1.0;
                term *= -x * x / n;
                sum += term / (2.0 * n + 1.0);
            }
            return 1.0 - sum * std::f64::consts::FRAC_2_SQRT_PI;
        }
        let fraction = (1..120).rev().fold(x, |below, n| x + f64::from(n) / 2.0 / below);
        (-x * x).exp() / fraction / std::f64::consts::PI.sqrt()
    }

    fn phi(x: f64) -> f64 {
        exact_erfc(-x * std::f64::consts::FRAC_1_SQRT_2) / 2.0
    }

    fn bell(x: f64) -> f64 {
        (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt()
    }

    fn gate(x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }

    fn inner(x: f64) -> f64 {
        (8.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))
    }

    const CASES: [Case; 10] = [
        ("exp_small", exp_small, f64::exp, [-87.0, 88.0], [0.0, 1.2e-7]),
        ("sigmoid", sigmoid, gate, [-80.0, 100.0], [0.0, 2.5e-7]),
        ("silu", silu, |x| x * gate(x), [-80.0, 90.0], [1e-37, 3e-7]),
        ("silu_slope", silu_slope, |x| gate(x) * (1.0 + x * (1.0 - gate(x))), [-90.0, 90.0], [1e-6, 0.0]),
        ("gelu", gelu, |x| x * phi(x), [-25.0, 25.0], [5e-7, 3e-7]),
        ("gelu_slope", gelu_slope, |x| phi(x) + x * bell(x), [-25.0, 25.0], [5e-7, 0.0]),
        ("gelu_tanh", gelu_tanh, |x| x * gate(inner(x)), [-25.0, 25.0], [1e-6, 3e-7]),
        (
            "gelu_tanh_slope",
            gelu_tanh_slope,
            |x| {
                let slope = (8.0 / std::f64::consts::PI).sqrt() * (1.0 + 3.0 * 0.044715 * x * x);
                gate(inner(x)) * (1.0 + x * slope * (1.0 - gate(inner(x))))
            },
            [-25.0, 25.0],
            [2e-6, 0.0],
        ),
        ("quick_gelu", quick_gelu, |x| x * gate(1.702 * x), [-45.0, 45.0], [5e-7, 3e-7]),
        (
            "quick_gelu_slope",
            quick_gelu_slope,
            |x| gate(1.702 * x) * (1.0 + 1.702 * x * (1.0 - gate(1.702 * x))),
            [-45.0, 45.0],
            [1e-6, 0.0],
        ),
    ];

    #[test]
    fn errors_are_as_stated() {
        let mut beyond = Vec::new();
        for (name, fast, exact, [low, high], [absolute, relative]) in CASES {
            let grid = (0..=400_000).map(|i| low + (high - low) * (i as f32 / 400_000.0));
            let near_zero = (-120..0).flat_map(|e| [1.0f32, -1.3].map(|x| x * 2f32.powi(e)));
            let x: Vec<f32> = grid.chain(near_zero).collect();
            let mut y = vec![0.0; x.len()];
            wide!(|| y.iter_mut().zip(&x).for_each(|(y, x)| *y = fast(*x)));
            let (mut worst, mut at) = (0.0, 0.0);
            for (x, y) in x.iter().zip(&y) {
                let right = exact(f64::from(*x));
                let error = (f64::from(*y) - right).abs() / absolute.max(relative * right.abs());
                if error.is_nan() || error > worst {
                    (worst, at) = (error, *x);
                }
            }
            if worst > 1.0 {
                beyond.push(format!("{name}({at}): {worst:.2} of the stated error"));
            }
        }
        assert!(beyond.is_empty(), "{beyond:#?}");
    }

    #[test]
    fn nan_stays_and_infinities_have_their_limits() {
        let limits: [(fn(f32) -> f32, [f32; 2]); 10] = [
            (exp_small, [0.0, f32::NAN]),
            (sigmoid, [0.0, 1.0]),
            (silu, [0.0, f32::INFINITY]),
            (silu_slope, [0.0, 1.0]),
            (gelu, [0.0, f32::INFINITY]),
            (gelu_slope, [0.0, 1.0]),
            (gelu_tanh, [0.0, f32::INFINITY]),
            (gelu_tanh_slope, [0.0, 1.0]),
            (quick_gelu, [0.0, f32::INFINITY]),
            (quick_gelu_slope, [0.0, 1.0]),
        ];
        for (i, (f, [low, high])) in limits.into_iter().enumerate() {
            assert!(f(f32::NAN).is_nan(), "{i}");
            assert!((f(f32::NEG_INFINITY) - low).abs() < 1e-30, "{i}: {}", f(f32::NEG_INFINITY));
            assert!(high.is_nan() || f(f32::INFINITY) == high, "{i}: {}", f(f32::INFINITY));
        }
        assert_eq!(exp_small(0.0), 1.0);
    }
}
