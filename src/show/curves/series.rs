//! The series that a training tells, as people read them.
//!
//! Takes a series' name; gives its title, its word on the command line, its unit and which way is better. The table names what every
//! training tells; any other series is a score, which goes by its metric's name.

use crate::session::snapshot::{Snapshot, series};

/// What a series' numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Plain numbers.
    Number,
    /// 0 to 100.
    Percent,
    /// Bytes, which are shown as MB or GB.
    Bytes,
}

/// A series as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// Its name in snapshots and logs.
    pub name: String,
    /// Its word on the command line.
    pub word: &'static str,
    /// What stands above its chart.
    pub title: String,
    /// What its numbers are.
    pub unit: Unit,
    /// Whether less is better; `None` where it says how a training went and not how good it is.
    pub lower_is_better: Option<bool>,
}

/// What a score goes by on the command line, whatever its metric.
pub const SCORE: &str = "score";

/// Name, word, title, unit, whether less is better. Of the score, which is no row, the place is behind the first.
const TABLE: [(&str, &str, &str, Unit, Option<bool>); 8] = [
    (series::LOSS, "loss", "loss", Unit::Number, Some(true)),
    (series::RATE, "lr", "learning rate", Unit::Number, None),
    (series::GRADIENT, "gradient-norm", "gradient norm", Unit::Number, None),
    (series::SPEED, "images-per-second", "images per second", Unit::Number, None),
    (series::CPU, "cpu", "CPU", Unit::Percent, None),
    (series::MEMORY, "memory", "memory", Unit::Bytes, None),
    (series::GPU, "gpu", "GPU", Unit::Percent, None),
    (series::GPU_MEMORY, "gpu-memory", "GPU memory", Unit::Bytes, None),
];

/// All words of the command line, in the order of the charts.
pub fn words() -> Vec<&'static str> {
    let mut words: Vec<&str> = TABLE.iter().map(|row| row.1).collect();
    words.insert(1, SCORE);
    words
}

impl Series {
    /// The series of this name.
    pub fn named(name: &str) -> Series {
        match TABLE.iter().find(|row| row.0 == name) {
            Some(&(name, word, title, unit, lower_is_better)) => {
                Series { name: name.to_owned(), word, title: title.to_owned(), unit, lower_is_better }
            }
            None => Series {
                name: name.to_owned(),
                word: SCORE,
                title: name.to_owned(),
                unit: Unit::Number,
                lower_is_better: Some(lower_is_better(name)),
            },
        }
    }

    /// The series of this word of the command line, or of this name; `metric` is what the score goes by. `None` where it is neither.
    pub fn of_word(word: &str, metric: &str) -> Option<Series> {
        if word == SCORE || word == metric {
            return Some(Series::named(metric));
        }
        let row = TABLE.iter().find(|row| row.1 == word || row.0 == word)?;
        Some(Series::named(row.0))
    }

    /// All that a training tells, whether it has told it or not; `metric` is what the score goes by.
    pub fn all(metric: &str) -> Vec<Series> {
        words().into_iter().filter_map(|word| Series::of_word(word, metric)).collect()
    }

    /// By what numbers up to `largest` are divided to be read, and what they are then.
    pub fn scaled(&self, largest: f64) -> (f64, &'static str) {
        match self.unit {
            Unit::Number => (1.0, ""),
            Unit::Percent => (1.0, "%"),
            Unit::Bytes if largest >= 1e9 => (1e9, "GB"),
            Unit::Bytes => (1e6, "MB"),
        }
    }

    /// A number of it, with its unit: `0.612`, `87 %`, `1.2 GB`.
    pub fn value(&self, value: f64) -> String {
        let (by, unit) = self.scaled(value.abs());
        let number = figure(value / by);
        if unit.is_empty() { number } else { format!("{number} {unit}") }
    }
}

/// What the score of a snapshot's recipes goes by: the first metric that a recipe has a score or a curve of.
pub fn metric(snapshot: &Snapshot) -> Option<&str> {
    let scores = snapshot.recipes.iter().filter_map(|recipe| recipe.score.as_ref().map(|score| score.metric.as_str()));
    let curves = || snapshot.recipes.iter().flat_map(|recipe| &recipe.curves).map(|curve| curve.series.as_str());
    let is_score = |name: &&str| Series::named(name).word == SCORE;
    scores.chain(curves().filter(is_score)).next()
}

/// Whether less is better: losses and errors, everything else counts hits.
fn lower_is_better(series: &str) -> bool {
    let series = series.to_lowercase();
    series.contains("loss") || series.contains("error")
}

/// A number in three significant figures: `0.865`, `12.3`, `1234`, `3.00e-5`.
pub fn figure(x: f64) -> String {
    if !x.is_finite() {
        return format!("{x}");
    }
    if x == x.round() && x.abs() < 1e6 {
        return format!("{:.0}", x + 0.0);
    }
    let size = x.abs().log10().floor();
    if !(-3.0..6.0).contains(&size) {
        return format!("{x:.2e}");
    }
    let digits = (2.0 - size).clamp(0.0, 9.0) as usize;
    format!("{x:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_names_lead_to_a_series() {
        assert_eq!(words()[..3], ["loss", "score", "lr"]);
        for series in Series::all("mAP@R") {
            assert_eq!(Series::of_word(series.word, "mAP@R").as_ref(), Some(&series));
            assert_eq!(Series::of_word(&series.name, "mAP@R").as_ref(), Some(&series));
        }
        assert_eq!(Series::of_word("score", "mAP@R").map(|s| s.title), Some("mAP@R".to_owned()));
        assert_eq!(Series::of_word("accuracy", "mAP@R"), None);
        assert_eq!(Series::named("loss").lower_is_better, Some(true));
        assert_eq!((Series::named("MRR@20").lower_is_better, Series::named("lr").lower_is_better), (Some(false), None));
    }

    #[test]
    fn values_are_short_and_true() {
        let value = |name: &str, value: f64| Series::named(name).value(value);
        assert_eq!(value("loss", 0.8654), "0.865");
        assert_eq!(value("lr", 3e-5), "3.00e-5");
        assert_eq!(value("CPU", 87.25), "87.2 %");
        assert_eq!((value("memory", 1.25e9), value("memory", 3e6)), ("1.25 GB".to_owned(), "3 MB".to_owned()));
        for (x, text) in [
            (12.34, "12.3"),
            (7.0, "7"),
            (-0.0, "0"),
            (0.0123, "0.0123"),
            (1234.5, "1234"),
            (-0.5, "-0.500"),
            (2.5e7, "2.50e7"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(figure(x), text);
        }
    }
}
