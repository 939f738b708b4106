//! Round numbers for axes.
//!
//! Takes a range and how many ticks there is room for; gives values that are 1, 2 or 5 times a power
//! of ten, with as many decimals as their step needs. Time is counted in sixties: its steps are those of clocks.

use super::axis::{By, Scale};
use crate::base::Time;

/// A tick: where, and its text.
pub type Tick = (f64, String);

/// Ticks of an axis to the right, at most `most` + 1.
pub fn of(scale: Scale, by: By, most: usize) -> Vec<Tick> {
    match by {
        By::Epoch | By::Step => numbers(scale, most),
        By::Running => times(scale, most, |seconds, _| spell(seconds)),
        By::Wall => times(scale, most, clock),
    }
}

/// Ticks of an axis of numbers, at most `most` + 1: logarithmic ones where there are two of them.
pub fn numbers(scale: Scale, most: usize) -> Vec<Tick> {
    let ticks = if scale.log { logarithmic(scale.low, scale.high, most) } else { Vec::new() };
    if ticks.len() >= 2 { ticks } else { linear(scale.low, scale.high, most) }
}

/// Steps of clocks and calendars, seconds.
const STEPS: [f64; 24] = [
    1.0,
    2.0,
    5.0,
    10.0,
    15.0,
    30.0,
    60.0,
    120.0,
    300.0,
    600.0,
    900.0,
    1800.0,
    3600.0,
    7200.0,
    10_800.0,
    21_600.0,
    43_200.0,
    DAY,
    172_800.0,
    432_000.0,
    864_000.0,
    1_728_000.0,
    4_320_000.0,
    8_640_000.0,
];
const DAY: f64 = 86_400.0;

fn times(scale: Scale, most: usize, text: impl Fn(f64, f64) -> String) -> Vec<Tick> {
    let Scale { low, high, log } = scale;
    if most == 0 {
        return Vec::new();
    }
    if log {
        // Each step is a tick, as many of them as there is room for.
        let there: Vec<f64> = STEPS.into_iter().filter(|step| (low..=high).contains(step)).collect();
        let every = there.len().div_ceil(most + 1).max(1);
        return there.into_iter().step_by(every).map(|step| (step, text(step, step))).collect();
    }
    let step = STEPS.into_iter().find(|step| (high - low) / step <= most as f64);
    match step {
        // Less than a second, or a hundred days and more, is counted in numbers.
        Some(step) if step > 1.0 || high - low >= 2.0 => {
            let first = (low / step - 1e-9).ceil();
            let ticks = (0..=most).map(|i| (first + i as f64) * step).take_while(|t| *t <= high + step * 1e-9);
            ticks.map(|t| (t, text(t, step))).collect()
        }
        _ => linear(low, high, most).into_iter().map(|(t, _)| (t, text(t, (high - low) / most as f64))).collect(),
    }
}

/// A length of time as short as can be: `0`, `0.25s`, `30s`, `5m`, `1h30`, `2d`, `2d06h`.
pub fn spell(seconds: f64) -> String {
    if !(0.0..1e12).contains(&seconds) {
        return format!("{seconds:.0}s");
    }
    let whole = seconds.round() as u64;
    let (days, hours, minutes, rest) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60, whole % 60);
    match (days, hours, minutes, rest) {
        _ if seconds < 10.0 && (seconds - seconds.round()).abs() > 1e-6 => format!("{seconds:.2}s"),
        (0, 0, 0, 0) => "0".to_owned(),
        (0, 0, 0, s) => format!("{s}s"),
        (0, 0, m, 0) => format!("{m}m"),
        (0, 0, m, s) => format!("{m}m{s:02}"),
        (0, h, 0, _) => format!("{h}h"),
        (0, h, m, _) => format!("{h}h{m:02}"),
        (d, 0, _, _) => format!("{d}d"),
        (d, h, _, _) => format!("{d}d{h:02}h"),
    }
}

/// A time of day in UTC, as fine as the step asks for: `11-28`, `14:05`, `14:05:30`.
fn clock(seconds: f64, step: f64) -> String {
    let second = (seconds + 1e-6).rem_euclid(DAY) as u64;
    let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
    if step >= DAY {
        return Time(seconds + 1e-6).date(0.0).get(5..).unwrap_or_default().to_owned();
    }
    if step >= 60.0 { format!("{h:02}:{m:02}") } else { format!("{h:02}:{m:02}:{s:02}") }
}

/// A place on an axis in words: `3.25`, `1200`, `1h05`, `11-28 14:05:30`.
pub fn place(by: By, value: f64) -> String {
    match by {
        By::Epoch => format!("{value:.2}"),
        By::Step => format!("{value:.0}"),
        By::Running => spell(if value >= 10.0 { value.round() } else { value }),
        By::Wall => format!("{} {}", clock(value, DAY), clock(value, 1.0)),
    }
}

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
    fn time_has_steps_of_clocks() {
        let of = |by, low, high, log, most| {
            let ticks = super::of(Scale::new(low, high, log).unwrap(), by, most);
            ticks.into_iter().map(|t| t.1).collect::<Vec<_>>()
        };
        assert_eq!(of(By::Running, 0.0, 100.0, false, 5), ["0", "30s", "1m", "1m30"]);
        assert_eq!(of(By::Running, 0.0, 9000.0, false, 6), ["0", "30m", "1h", "1h30", "2h", "2h30"]);
        assert_eq!(of(By::Running, 0.0, 0.5, false, 2), ["0", "0.50s"]);
        assert_eq!(of(By::Running, 1.0, 9000.0, true, 4), ["1s", "10s", "1m", "10m", "1h"]);
        // `date -u -d @1795558709`: 2026-11-24 22:18:29
        assert_eq!(of(By::Wall, 1_795_558_709.0, 1_795_565_909.0, false, 4), ["22:30", "23:00", "23:30", "00:00"]);
        assert_eq!(of(By::Wall, 1_795_558_709.0, 1_795_558_719.0, false, 2), ["22:18:30", "22:18:35"]);
        assert_eq!(of(By::Wall, 1_795_558_709.0, 1_795_858_709.0, false, 4), ["11-25", "11-26", "11-27", "11-28"]);
        assert_eq!(place(By::Wall, 1_795_558_709.5), "11-24 22:18:29");
        assert_eq!((place(By::Running, 3900.2), place(By::Epoch, 3.0)), ("1h05".to_owned(), "3.00".to_owned()));
        assert_eq!((spell(200_000.0), spell(-1.0)), ("2d07h".to_owned(), "-1s".to_owned()));
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
        fn times_lie_in_their_range_and_are_few(low in 0.0_f64..2e9, range in 1e-2_f64..1e9, most in 1_usize..12, log: bool) {
            let scale = Scale::new(low.max(1e-3), low.max(1e-3) + range, log).unwrap();
            for by in By::ALL {
                let ticks = of(scale, by, most);
                proptest::prop_assert!(ticks.len() <= most + 1, "{by:?} {ticks:?}");
                let slack = range * 1e-6 + low * 1e-9;
                proptest::prop_assert!(ticks.iter().all(|(v, _)| *v >= scale.low - slack && *v <= scale.high + slack));
            }
        }

        #[test]
        fn ticks_lie_in_their_range_and_are_few(low in -1e9_f64..1e9, range in 1e-6_f64..1e9, most in 1_usize..12) {
            let ticks = linear(low, low + range, most);
            proptest::prop_assert!(ticks.len() <= most + 1);
            let slack = range * 1e-6 + low.abs() * 1e-9;
            proptest::prop_assert!(ticks.iter().all(|(v, _)| *v >= low - slack && *v <= low + range + slack));
        }
    }
}
