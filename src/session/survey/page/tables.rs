//! Outputs that are tables, as tables.
//!
//! Takes what a stage gave; gives heads and rows, and which of the output's lines say the same in words: a terminal shows the lines, a written page
//! the tables.

use std::ops::Range;

use crate::dag::Measured;
use crate::score::bootstrap::Delta;
use crate::session::snapshot::Table;
use crate::session::stages::post::gain::{Gain, Gains};

fn table<const N: usize>(head: [&str; N], rows: Vec<[String; N]>, says: Range<usize>) -> Vec<Table> {
    if rows.is_empty() {
        return Vec::new();
    }
    let (head, rows) = (head.map(str::to_owned).to_vec(), rows.into_iter().map(Vec::from).collect());
    vec![Table { head, rows, says }]
}

/// The scores of a run, by fold and for the whole: the first lines of `score`.
pub(super) fn scores(metrics: &[Measured]) -> Vec<Table> {
    let row = |metric: &Measured| {
        let interval = metric.interval.map(|[low, high]| format!("{low:.4} to {high:.4}")).unwrap_or_default();
        let part = if metric.part.is_empty() { "all" } else { &metric.part };
        [part.to_owned(), metric.name.clone(), format!("{:.4}", metric.value), interval, metric.count.to_string()]
    };
    table(["part", "metric", "score", "95 %", "queries"], metrics.iter().map(row).collect(), 0..metrics.len())
}

/// What each fold is made of: the first lines of `fold`.
pub(super) fn folds(lines: &[String]) -> Vec<Table> {
    let row = |line: &String| -> Option<[String; 4]> {
        let (fold, rest) = line.strip_prefix("fold ")?.split_once(": ")?;
        let mut parts = rest.split(", ");
        let train = parts.next()?.strip_suffix(" train")?;
        let queries = parts.next()?.strip_suffix(" queries")?;
        let gallery = parts.next()?.replacen(" gallery", "", 1);
        parts.next().is_none().then(|| [fold.to_owned(), train.to_owned(), queries.to_owned(), gallery])
    };
    let rows: Vec<[String; 4]> = lines.iter().map_while(row).collect();
    let says = 0..rows.len();
    table(["fold", "train", "queries", "gallery"], rows, says)
}

/// What each post step is worth: the lines of `post` from `first` on.
pub(super) fn gains(gains: &Gains, first: usize) -> Vec<Table> {
    let told = |delta: Option<&Delta>, sign: f64| match delta {
        Some(delta) => {
            let [low, high] = if sign < 0.0 { [-delta.interval[1], -delta.interval[0]] } else { delta.interval };
            format!("{:+.4} ({low:+.4} to {high:+.4})", sign * delta.value)
        }
        None => "cannot be told".to_owned(),
    };
    let row = |gain: &Gain| {
        let (alone, here, left_out) = (gain.alone.as_ref(), gain.here.as_ref(), gain.left_out.as_ref());
        [gain.step.name().to_owned(), told(here, 1.0), told(alone, 1.0), told(left_out, -1.0)]
    };
    let all = format!("all: {:.4} → {:.4}", gains.plain, gains.chain);
    let whole = [all, told(gains.gain.as_ref(), 1.0), String::new(), String::new()];
    let rows: Vec<[String; 4]> = gains.steps.iter().map(row).chain([whole]).collect();
    let says = first..first + rows.len();
    table(["step", "in its place", "alone", "left out"], rows, says)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_folds_become_rows() {
        let lines = [
            "fold 0: 1,059 train, 353 queries, 412 gallery with 3 distractors",
            "fold 1: 1 train, 2 queries, 3 gallery",
            "kept together: 4 sets",
        ];
        let found = folds(&lines.map(str::to_owned));
        assert_eq!(found[0].says, 0..2);
        assert_eq!(found[0].rows, [["0", "1,059", "353", "412 with 3 distractors"], ["1", "1", "2", "3"]]);
        assert!(folds(&["no fold".to_owned()]).is_empty());
    }
}
