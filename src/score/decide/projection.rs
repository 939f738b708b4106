//! Where a curve is heading.
//!
//! Takes a curve so far; gives what they would be at the end of the schedule, with a band. A saturating curve is fitted,
//! `a - b · x^(-c)` or `a - b · exp(-c · x)`, whichever is nearer (both are in Domhan et al. 2015); the band is the middle 80 % of
//! fits to resampled residuals. A hint for people, no test: what a learning rate's decay will do is not in the curve yet.

use serde::{Deserialize, Serialize};

use crate::base::Seed;

/// Looks without which nothing is projected: one more than a curve has parameters.
pub const LOOKS: usize = 4;
/// Resampled curves behind the band.
const DRAWS: usize = 200;
/// What the band holds.
const COVERAGE: f64 = 0.8;

/// The value at the full length.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Projection {
    /// The fitted curve's.
    pub value: f64,
    /// 80 % of the resampled curves'.
    pub band: [f64; 2],
}

/// What a curve comes to at the end of its schedule; `points` are (share of the schedule, value) in order. `None` with fewer than
/// [`LOOKS`] finite points, or when it is there.
pub fn project(points: &[[f64; 2]], seed: Seed) -> Option<Projection> {
    let points: Vec<[f64; 2]> = points.iter().copied().filter(|[x, value]| *x > 0.0 && value.is_finite()).collect();
    if points.len() < LOOKS || points.last()?[0] >= 1.0 {
        return None;
    }
    let fitted = Curve::fit(&points)?;
    let residuals: Vec<f64> = points.iter().map(|[x, y]| y - fitted.at(*x)).collect();
    // Residuals of a fit are too small by what its three parameters took.
    let wider = (points.len() as f64 / (points.len() as f64 - 3.0)).sqrt();
    let mut ends: Vec<f64> = (0..DRAWS)
        .filter_map(|i| {
            let mut draws = seed.named("projection").at(i as u64).draws();
            let redrawn: Vec<[f64; 2]> = points
                .iter()
                .map(|[x, _]| [*x, fitted.at(*x) + wider * residuals[draws.below(residuals.len() as u64) as usize]])
                .collect();
            let next = wider * residuals[draws.below(residuals.len() as u64) as usize];
            Curve::fit(&redrawn).map(|curve| curve.at(1.0) + next)
        })
        .collect();
    ends.sort_by(f64::total_cmp);
    let last = ends.len().checked_sub(1)?;
    let at = |q: f64| ends[(q * last as f64).round() as usize].clamp(0.0, 1.0);
    let value = fitted.at(1.0).clamp(0.0, 1.0);
    let [low, high] = [at((1.0 - COVERAGE) / 2.0), at((1.0 + COVERAGE) / 2.0)];
    Some(Projection { value, band: [low.min(value), high.max(value)] })
}

/// `a - b · g(x)`, with `g` falling from the first point on.
#[derive(Clone, Copy, Debug)]
struct Curve {
    form: Form,
    a: f64,
    b: f64,
    c: f64,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Power,
    Exponential,
}

impl Form {
    fn g(self, c: f64, x: f64) -> f64 {
        match self {
            Form::Power => x.max(1e-6).powf(-c),
            Form::Exponential => (-c * x).exp(),
        }
    }
}

impl Curve {
    fn at(&self, x: f64) -> f64 {
        self.a - self.b * self.form.g(self.c, x)
    }

    /// Least squares: `a` and `b` have a formula for each `c`, which is tried on a grid of equal ratios.
    fn fit(points: &[[f64; 2]]) -> Option<Curve> {
        let mut best: Option<(f64, Curve)> = None;
        for form in [Form::Power, Form::Exponential] {
            let (low, high): (f64, f64) = match form {
                Form::Power => (0.1, 4.0),
                Form::Exponential => (0.5, 40.0),
            };
            for step in 0..40 {
                let c = low * (high / low).powf(f64::from(step) / 39.0);
                let n = points.len() as f64;
                let g: Vec<f64> = points.iter().map(|[x, _]| form.g(c, *x)).collect();
                let (mean_g, mean_y) = (g.iter().sum::<f64>() / n, points.iter().map(|p| p[1]).sum::<f64>() / n);
                let (mut gg, mut gy) = (0.0, 0.0);
                for (g, [_, y]) in g.iter().zip(points) {
                    gg += (g - mean_g).powi(2);
                    gy += (g - mean_g) * (y - mean_y);
                }
                // A curve that falls is taken as level.
                let b = if gg > 0.0 { (-gy / gg).max(0.0) } else { 0.0 };
                let curve = Curve { form, a: mean_y + b * mean_g, b, c };
                let error: f64 = points.iter().map(|[x, y]| (y - curve.at(*x)).powi(2)).sum();
                if error.is_finite() && best.as_ref().is_none_or(|(least, _)| error < *least) {
                    best = Some((error, curve));
                }
            }
        }
        best.map(|(_, curve)| curve)
    }
}
