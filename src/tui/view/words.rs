//! Numbers and states as short words.
//!
//! Takes values of the snapshot; gives what the screens write for them, the same everywhere:
//! seconds, scores, differences, and each state as a marker with a word.

use toji::session::snapshot::{Delta, OutputState, Problem, Recipe, Score, State, Worker};

pub use toji::base::text::bytes;

use super::ink::{Ink, Tone};

/// "45s", "3m 20s", "2h 05m", "4d 07h".
pub fn seconds(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "?".to_owned();
    }
    if seconds > 0.0 && seconds < 0.95 {
        return "<1s".to_owned();
    }
    let s = seconds.max(0.0).round().min(1e12) as u64;
    match s {
        0..60 => format!("{s}s"),
        60..3_600 => format!("{}m {:02}s", s / 60, s % 60),
        3_600..86_400 => format!("{}h {:02}m", s / 3_600, s / 60 % 60),
        _ => format!("{}d {:02}h", s / 86_400, s / 3_600 % 24),
    }
}

/// "12,345".
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// "4.3/12", "12/12", "10/120".
pub fn epochs((done, total): (f64, f64)) -> String {
    let whole = done.fract().abs() < 0.05 || total >= 100.0;
    if whole {
        format!("{:.0}/{total:.0}", done.floor())
    } else {
        format!("{:.1}/{total:.0}", (done * 10.0).floor() / 10.0)
    }
}

/// "0.7321", with a `~` where it belongs to an older text.
pub fn score(score: &Score, decimals: usize) -> String {
    format!("{:.decimals$}{}", score.value, if score.stale { "~" } else { "" })
}

/// "[0.701, 0.760]".
pub fn interval([low, high]: [f64; 2], decimals: usize) -> String {
    format!("[{low:.decimals$}, {high:.decimals$}]")
}

/// "+.041 [+.012,+.070]" short, "+0.0410 [+0.0120, +0.0700]" long.
pub fn delta(delta: &Delta, long: bool) -> String {
    let [low, high] = delta.interval;
    if long {
        return format!("{:+.4} [{low:+.4}, {high:+.4}]", delta.value);
    }
    let short = |v: f64| format!("{v:+.3}").replacen("0.", ".", 1);
    format!("{} [{},{}]", short(delta.value), short(low), short(high))
}

/// The difference to the pin in the midst of a training, where no score of this text is there yet.
pub fn early(recipe: &Recipe) -> Option<&Delta> {
    let unfinished = matches!(recipe.state, State::Running | State::Stopped | State::Lost | State::Queued);
    let advice = recipe.advice.as_ref().filter(|_| unfinished)?;
    advice.delta.as_ref()
}

/// What the decider says, where the score is heading, how large the noise is; one line each.
pub fn advice(recipe: &Recipe) -> Vec<(String, Tone)> {
    let mut lines = Vec::new();
    if let Some(advice) = &recipe.advice {
        let (word, tone) = match advice.advice.as_str() {
            "stop" => ("stop", Tone::Bad),
            "promote" => ("promote", Tone::Good),
            _ => ("go on", Tone::Plain),
        };
        let done = match advice.acted {
            true => " (done)",
            false if tone != Tone::Plain => " (a does it)",
            false => "",
        };
        lines.push((format!("advice at epoch {}: {word}{done}: {}", advice.epoch, advice.reason), tone));
        if advice.delta.is_some() {
            let noise = advice.noise.map_or_else(
                || {
                    let cost =
                        advice.measuring.map(|needed| format!(", about {}", seconds(needed))).unwrap_or_default();
                    format!("noise not measured: two more seeds of the pin would{cost} (R on it, then n)")
                },
                |noise| format!("noise of seeds alone: ±{noise:.3}"),
            );
            lines.push((noise, Tone::Faint));
        }
    }
    if let Some(projection) = &recipe.projection {
        let [low, high] = projection.band;
        lines.push((format!("heading for {:.3} (80 % {low:.3} to {high:.3})", projection.value), Tone::Faint));
    }
    lines
}

/// Whether the interval leaves out zero: on the good side, on the bad side, or neither.
pub fn delta_tone(delta: &Delta) -> Tone {
    let [low, high] = delta.interval;
    if low > 0.0 {
        Tone::Good
    } else if high < 0.0 {
        Tone::Bad
    } else {
        Tone::Plain
    }
}

/// The marker and the word of a state.
pub fn state(state: State, ink: Ink) -> (&'static str, &'static str, Tone) {
    match state {
        State::New => ("-", "new", Tone::Faint),
        State::Broken => (ink.either("✗", "x"), "broken", Tone::Bad),
        State::Fresh => (ink.either("✓", "="), "fresh", Tone::Good),
        State::Stale => ("~", "stale", Tone::Care),
        State::Queued => (":", "queued", Tone::Name),
        State::Running => (ink.either("▸", ">"), "running", Tone::Live),
        State::Lost => ("?", "lost", Tone::Bad),
        State::Failed => ("!", "failed", Tone::Bad),
        State::Stopped => (ink.either("▪", "#"), "stopped", Tone::Care),
    }
}

/// The marker, the word and the reason of an output's state.
pub fn output_state(state: &OutputState, ink: Ink) -> (&'static str, &'static str, Option<&str>, Tone) {
    match state {
        OutputState::Fresh => (ink.either("✓", "="), "fresh", None, Tone::Good),
        OutputState::Stale { why } => ("~", "stale", Some(why), Tone::Care),
        OutputState::Running => (ink.either("▸", ">"), "running", None, Tone::Live),
        OutputState::Failed { error } => ("!", "failed", Some(error), Tone::Bad),
        OutputState::Missing => ("-", "not made yet", None, Tone::Faint),
    }
}

/// What the worker does: names where they fit into `columns`, counts where not.
pub fn worker(worker: &Worker, columns: usize) -> String {
    match worker {
        Worker::Absent => "no worker".to_owned(),
        Worker::Idle => "worker idle".to_owned(),
        Worker::Busy { recipes, queued } => {
            let names = if recipes.is_empty() { "busy".to_owned() } else { recipes.join(", ") };
            let long = match queued {
                0 => format!("worker: {names}"),
                n => format!("worker: {names} +{n} queued"),
            };
            let short = match queued {
                0 => format!("{} busy", recipes.len()),
                n => format!("{} busy, {n} queued", recipes.len()),
            };
            let shortest = match queued {
                0 => format!("{} busy", recipes.len()),
                n => format!("{} busy +{n}", recipes.len()),
            };
            let fits = |text: &String| toji::base::text::width(text) <= columns;
            [long, short].into_iter().find(fits).unwrap_or(shortest)
        }
    }
}

/// Rung, fold and epoch: "holdout fold 1/1 epoch 4.3/12".
pub fn progress(recipe: &Recipe) -> String {
    let mut parts = Vec::new();
    if !recipe.rung.is_empty() {
        parts.push(recipe.rung.clone());
    }
    if let Some((fold, folds)) = recipe.fold
        && folds > 1
    {
        parts.push(format!("fold {fold}/{folds}"));
    }
    if let Some(epoch) = recipe.epoch {
        parts.push(format!("epoch {}", epochs(epoch)));
    }
    parts.join(" ")
}

/// "toji.toml:12:3: unknown key"; a mistake that names its own place has no other.
pub fn mistake(problem: &Problem) -> String {
    match place(problem) {
        place if place.is_empty() => problem.message.clone(),
        place => format!("{place}: {}", problem.message),
    }
}

/// "toji.toml:12:3".
pub fn place(problem: &Problem) -> String {
    let file = problem.file.display();
    match (problem.line, problem.column) {
        (0, _) => format!("{file}"),
        (line, 0) => format!("{file}:{line}"),
        (line, column) => format!("{file}:{line}:{column}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stay_short() {
        let all: Vec<String> =
            [0.0, 0.2, 44.6, 200.0, 3_599.6, 7_500.0, 100_000.0, f64::NAN, 1e300].map(seconds).into();
        assert_eq!(all[..8], ["0s", "<1s", "45s", "3m 20s", "1h 00m", "2h 05m", "1d 03h", "?"]);
    }

    #[test]
    fn sizes_and_counts() {
        assert_eq!(
            [0, 812, 3_400_000, 999_600, 120_000_000_000].map(bytes),
            ["0 B", "812 B", "3.4 MB", "1.0 MB", "120 GB"]
        );
        assert_eq!([7, 1_000, 1_234_567].map(count), ["7", "1,000", "1,234,567"]);
    }

    #[test]
    fn epochs_never_round_up_to_done() {
        assert_eq!(epochs((11.99, 12.0)), "11.9/12");
        assert_eq!(epochs((12.0, 12.0)), "12/12");
        assert_eq!(epochs((10.7, 120.0)), "10/120");
    }

    #[test]
    fn differences_carry_their_sign() {
        let d = Delta { value: 0.041, interval: [-0.012, 0.07], queries: 10 };
        assert_eq!(delta(&d, false), "+.041 [-.012,+.070]");
        assert_eq!(delta(&d, true), "+0.0410 [-0.0120, +0.0700]");
        assert_eq!(delta_tone(&d), Tone::Plain);
    }
}
