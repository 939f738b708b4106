//! Where the user looks among curves: which charts, along which axes, how close, and where the crosshair is.
//!
//! Everything is held in numbers of the axes and in words of the series, never in cells: another size of the terminal, another recipe
//! or new points leave it where it is.

use std::collections::{BTreeMap, BTreeSet};

use toji::show::curves::axis::{By, Scale};
use toji::show::curves::series::{self, SCORE, Series};

use super::Model;

/// Weights of smoothing, from none on.
pub const WEIGHTS: [f64; 7] = [0.0, 0.3, 0.6, 0.8, 0.9, 0.95, 0.99];

/// Series that belong together, in the order in which one key shows them.
pub const SETS: [(&str, &[&str]); 5] = [
    ("loss and score", &["loss", SCORE]),
    ("loss", &["loss"]),
    ("score", &[SCORE]),
    ("how it trains", &["loss", SCORE, "lr", "gradient-norm"]),
    ("what the machine does", &["images-per-second", "cpu", "memory", "gpu", "gpu-memory"]),
];

/// What a key of the curves asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Chart {
    /// The next set of series.
    NextSet,
    /// Ask which series.
    Ask,
    /// Show the series of this place in the list, from 1, or no longer.
    Pick(u8),
    /// The next chart takes the keys that are about one.
    NextOne,
    /// By epoch, step, running time, time of day.
    NextAxis,
    /// Logarithmic or linear to the right.
    LogX,
    /// Logarithmic or linear upwards, of the chart that takes keys.
    LogY,
    /// Smoother.
    Smoother,
    /// Less smooth.
    Rougher,
    /// The crosshair so many columns to the right.
    Right(i8),
    /// The crosshair so many rows up; without one, the recipe before.
    Up(i8),
    /// Take the crosshair away; without one, back to the board.
    Leave,
    /// Select the recipe whose curve is nearest to the crosshair.
    Nearest,
    /// Look closer.
    Closer,
    /// Look from farther away.
    Farther,
    /// Show all.
    All,
    /// Half a chart to the right, or to the left.
    Pan(i8),
}

/// Where the crosshair is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hair {
    /// Along the axis.
    pub x: f64,
    /// How high, from 0 at the bottom to 1, whatever the chart counts.
    pub y: f64,
}

/// See the file's head.
#[derive(Clone, Debug)]
pub struct Curves {
    /// Words of the series that are shown.
    pub chosen: Vec<&'static str>,
    /// Which of them takes the keys that are about one chart.
    pub focus: usize,
    /// By what curves run to the right.
    pub by: By,
    /// Whether logarithmically.
    pub log_x: bool,
    /// Words of the series with a logarithmic axis upwards.
    pub log_y: BTreeSet<&'static str>,
    /// Place in [`WEIGHTS`].
    pub smooth: usize,
    /// The stretch that is looked at closely; `None`: all.
    pub window: Option<Scale>,
    /// How far up the charts reach while a stretch is looked at, by the words of their series: as they did when the user last did anything, so
    /// that points that arrive do not move what is looked at.
    pub held: BTreeMap<&'static str, Scale>,
    /// The crosshair.
    pub hair: Option<Hair>,
}

impl Default for Curves {
    fn default() -> Curves {
        Curves {
            chosen: SETS[0].1.to_vec(),
            focus: 0,
            by: By::default(),
            log_x: false,
            log_y: BTreeSet::new(),
            smooth: 0,
            window: None,
            held: BTreeMap::new(),
            hair: None,
        }
    }
}

impl Curves {
    /// The weight of smoothing.
    pub fn weight(&self) -> f64 {
        WEIGHTS.get(self.smooth).copied().unwrap_or_default()
    }
}

impl Model {
    /// What the score goes by.
    pub fn metric(&self) -> &str {
        series::metric(&self.snapshot).unwrap_or("MRR@20")
    }

    /// The series to show, in order. Those of a card are left out where no recipe that is drawn has one.
    pub fn charted(&self) -> Vec<Series> {
        let metric = self.metric();
        let drawn = self.drawn();
        let is_told = |series: &Series| {
            let told = || drawn.iter().flat_map(|(_, recipe)| &recipe.curves).any(|curve| curve.series == series.name);
            !series.word.starts_with("gpu") || told()
        };
        let all = || self.curves.chosen.iter().filter_map(|word| Series::of_word(word, metric));
        let told: Vec<Series> = all().filter(is_told).collect();
        if told.is_empty() { all().collect() } else { told }
    }
}
