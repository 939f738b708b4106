//! Round numbers for axes.
//!
//! Takes a range and how many ticks there is room for; gives values that are 1, 2 or 5 times a power
//! of ten, with as many decimals as their step needs.

/// A tick: where, and its text.
pub type Tick = (f64, String);

/// Ticks of a linear axis, at most `most` + 1.
pub fn linear(low: f64, high: f64, most: usize) -> Vec<Tick> {
    let range = high - low;
    if !range.is_finite() || range <= 0.0 || most == 0 {
        return Vec::new();
    }
    let step = round_up(range / most as f64);
    let decimals = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
    let first = (low / step - 1e-9).ceil();
    (0..=most)
        .map(|i| (first + i as f64) * step)
        .take_while(|v| *v <= high + step * 1e-9)
        // No "-0.0".
        .map(|v| if v == 0.0 { 0.0 } else { v })
        .map(|v| (v, written(v, decimals)))
        .collect()
}

/// Ticks of a logarithmic axis over positive values.
pub fn logarithmic(low: f64, high: f64, most: usize) -> Vec<Tick> {
    if low <= 0.0 || high <= low || most == 0 {
        return Vec::new();
    }
    let decades = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
    for steps in [&[1.0, 2.0, 5.0][..], &[1.0][..]] {
        let all: Vec<Tick> = decades
            .clone()
            .flat_map(|d| steps.iter().map(move |s| (s * 10_f64.powi(d), d)))
            .filter(|(v, _)| (low..=high).contains(v))
            .map(|(v, d)| (v, written(v, (-d).clamp(0, 9) as usize)))
            .collect();
        if all.len() <= most + 1 {
            return all;
        }
    }
    let every = (decades.count() / most).max(1);
    let first = low.log10().ceil() as i32;
    (0..=most as i32)
        .map(|i| first + i * every as i32)
        .map(|d| (10_f64.powi(d), d))
        .filter(|(v, _)| (low..=high).contains(v))
        .map(|(v, d)| (v, written(v, (-d).clamp(0, 9) as usize)))
        .collect()
}

fn written(value: f64, decimals: usize) -> String {
    if value.abs() >= 1e6 { format!("{value:.0e}") } else { format!("{value:.decimals$}") }
}

/// The next of 1, 2, 5 times a power of ten.
fn round_up(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let times = step / power;
    let round = [1.0, 2.0, 5.0].into_iter().find(|r| times <= r * (1.0 + 1e-9)).unwrap_or(10.0);
    round * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|t| t.1.as_str()).collect()
    }

    #[test]
    fn steps_are_round() {
        assert_eq!(texts(&linear(0.0, 12.0, 6)), ["0", "2", "4", "6", "8", "10", "12"]);
        assert_eq!(texts(&linear(0.613, 0.748, 3)), ["0.65", "0.70"]);
        assert_eq!(texts(&linear(-0.1, 0.1, 2)), ["-0.1", "0.0", "0.1"]);
        assert_eq!(texts(&logarithmic(0.3, 30.0, 6)), ["0.5", "1", "2", "5", "10", "20"]);
        assert_eq!(texts(&logarithmic(0.001, 1000.0, 3)), ["0.001", "0.1", "10", "1000"]);
    }

    #[test]
    fn hopeless_ranges_have_no_ticks() {
        for (low, high) in [(1.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY), (2.0, 1.0)] {
            assert!(linear(low, high, 4).is_empty());
        }
        assert!(logarithmic(0.0, 1.0, 4).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn ticks_lie_in_their_range_and_are_few(low in -1e9_f64..1e9, range in 1e-6_f64..1e9, most in 1_usize..12) {
            let ticks = linear(low, low + range, most);
            proptest::prop_assert!(ticks.len() <= most + 1);
            let slack = range * 1e-6 + low.abs() * 1e-9;
            proptest::prop_assert!(ticks.iter().all(|(v, _)| *v >= low - slack && *v <= low + range + slack));
        }
    }
}
