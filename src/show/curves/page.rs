//! What is to be seen on a picture of curves, before anything is drawn.
//!
//! Takes lines and how they are to be seen; gives charts with axes, polylines, best values and legend. Pure, so that the odd
//! cases (no point, one point, NaN, folds that are still running) are settled and tested here.

use super::axis::{By, LARGEST, Scale};
use super::series::Series;
use super::smooth::smoothed;
use super::{Choice, Line, thin};
use crate::show::palette::{self, COLOURS, Colour};

/// A chart's width and height, a legend row's and the margins, in points.
pub(super) const CHART: (u32, u32) = (620, 400);
pub(super) const LEGEND_ROW: u32 = 26;
/// Between the charts and the legend, and between its header and its rows.
pub(super) const LEGEND_GAP: u32 = 12;
pub(super) const MARGIN: u32 = 16;

/// Points of one polyline that are worth drawing; a chart is some 500 wide.
const MOST_POINTS: usize = 2000;

/// The whole picture.
#[derive(Debug, PartialEq)]
pub(super) struct Page {
    pub charts: Vec<Chart>,
    pub recipes: Vec<Recipe>,
}

/// One recipe's look and its row in the legend.
#[derive(Debug, PartialEq)]
pub(super) struct Recipe {
    pub name: String,
    pub pinned: bool,
    pub colour: Colour,
    /// From the eleventh recipe on colours repeat, with dashes.
    pub dashed: bool,
    /// For each chart: the best value and where; the last one where none is better than another.
    pub best: Vec<Option<[f64; 2]>>,
}

/// One chart.
#[derive(Debug, PartialEq)]
pub(super) struct Chart {
    pub series: Series,
    /// By what values are divided, as they stand here, and what they are then.
    pub unit: (f64, &'static str),
    pub x: Scale,
    pub y: Scale,
    pub strands: Vec<Strand>,
    /// How many values were NaN or infinite.
    pub not_finite: usize,
}

/// One polyline, torn where values are not finite.
#[derive(Debug, PartialEq)]
pub(super) struct Strand {
    /// Index into [`Page::recipes`].
    pub recipe: usize,
    /// Whether it is drawn thin: one of several folds beside their mean, or what was told behind what is smoothed.
    pub faint: bool,
    pub pieces: Vec<Vec<[f64; 2]>>,
}

impl Page {
    /// Settles what is drawn; `None` when there is no line at all.
    pub(super) fn new(lines: &[Line], choice: &Choice) -> Option<Page> {
        let mut names: Vec<(&str, bool)> = lines.iter().map(|line| (line.recipe.as_str(), line.pinned)).collect();
        names.sort_unstable();
        names.dedup_by_key(|(name, _)| *name);
        let plain: Vec<&str> = names.iter().map(|&(name, _)| name).collect();
        let places = palette::places(&plain);
        let mut recipes: Vec<Recipe> = names
            .iter()
            .zip(&places)
            .enumerate()
            .map(|(i, (&(name, pinned), &place))| Recipe {
                name: name.to_owned(),
                pinned,
                colour: COLOURS[place],
                dashed: places[..i].contains(&place),
                best: Vec::new(),
            })
            .collect();
        // Losses first, then scores, then what tells how a training went; each in order of appearance.
        let mut names: Vec<&str> = Vec::new();
        for line in lines {
            if !names.contains(&line.curve.series.as_str()) {
                names.push(&line.curve.series);
            }
        }
        let mut series: Vec<Series> = names.into_iter().map(Series::named).collect();
        series.sort_by_key(|series| match series.lower_is_better {
            Some(lower) => usize::from(!lower),
            None => 2 + super::series::words().iter().position(|word| *word == series.word).unwrap_or(0),
        });
        let charts: Vec<Chart> = series.into_iter().map(|series| chart(series, lines, &mut recipes, choice)).collect();
        if charts.is_empty() { None } else { Some(Page { charts, recipes }) }
    }

    /// Charts beside each other.
    pub(super) fn columns(&self) -> u32 {
        self.charts.len().min(2) as u32
    }

    /// Width and height of the picture in points.
    pub(super) fn size(&self) -> (u32, u32) {
        let rows = (self.charts.len() as u32).div_ceil(self.columns());
        let legend = (self.recipes.len() as u32 + 1) * LEGEND_ROW + 2 * LEGEND_GAP;
        (self.columns() * CHART.0 + 2 * MARGIN, rows * CHART.1 + legend + 2 * MARGIN)
    }
}

fn chart(series: Series, lines: &[Line], recipes: &mut [Recipe], choice: &Choice) -> Chart {
    let of_series = || lines.iter().filter(|line| line.curve.series == series.name);
    let told = || of_series().flat_map(|line| line.curve.points.iter());
    let not_finite = told().filter(|point| !finite(point)).count();
    let unit = series.scaled(told().filter(|point| finite(point)).map(|point| point[1].abs()).fold(0.0, f64::max));
    let shows = |p: &[f64; 2]| finite(p) && Scale::can_hold(p[0], choice.log_x) && Scale::can_hold(p[1], choice.log_y);
    let mut strands = Vec::new();
    for (index, recipe) in recipes.iter_mut().enumerate() {
        let points = |line: &Line| -> Vec<[f64; 2]> {
            choice.by.points(&line.curve).iter().map(|p| [p[0], p[1] / unit.0]).collect()
        };
        let folds: Vec<Vec<[f64; 2]>> = of_series().filter(|line| line.recipe == recipe.name).map(points).collect();
        let smooth: Vec<Vec<[f64; 2]>> = folds.iter().map(|fold| smoothed(fold, choice.weight)).collect();
        let mean = if smooth.len() > 1 { mean(&smooth) } else { smooth.concat() };
        // Folds that have no epoch in common yet still have a best value, though no mean.
        let candidates = if mean.is_empty() { smooth.concat() } else { mean.clone() };
        let better = |a: &[f64; 2], b: &[f64; 2]| match series.lower_is_better {
            Some(true) => a[1] < b[1],
            Some(false) => a[1] > b[1],
            None => true,
        };
        let best = candidates.into_iter().filter(shows);
        recipe.best.push(best.reduce(|best, point| if better(&point, &best) { point } else { best }));
        if folds.len() > 1 || choice.weight > 0.0 {
            let faint = |fold: &Vec<[f64; 2]>| Strand { recipe: index, faint: true, pieces: pieces(fold, &shows) };
            strands.extend(folds.iter().map(faint));
        }
        strands.push(Strand { recipe: index, faint: false, pieces: pieces(&mean, &shows) });
    }
    // Later strands lie on top: folds, then recipes, then the pin.
    strands.retain(|strand| !strand.pieces.is_empty());
    strands.sort_by_key(|strand| (!strand.faint, recipes[strand.recipe].pinned));
    let all = || strands.iter().flat_map(|strand| strand.pieces.iter().flatten());
    let x = along(all().map(|point| point[0]), choice);
    let y = spread(all().map(|point| point[1]), series.lower_is_better, choice.log_y);
    Chart { series, unit, x, y, strands, not_finite }
}

/// Whether a point can stand on a chart. What training calls 1e31 is as broken as infinity, and an axis
/// that reached there would show nothing else.
fn finite(point: &[f64; 2]) -> bool {
    point.iter().all(|x| x.abs() < LARGEST)
}

/// A chart without a point has this axis.
const EMPTY: Scale = Scale { low: 0.0, high: 1.0, log: false };

/// The axis to the right: from the start of the training, or from the first point where there is no start to see.
fn along(places: impl Iterator<Item = f64>, choice: &Choice) -> Scale {
    let (low, high) = places.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    if low > high {
        return EMPTY;
    }
    let (low, high) = match choice.by {
        _ if choice.log_x => (low, high),
        By::Wall => (low, high),
        By::Epoch => (low.min(0.0), high.max(1.0)),
        By::Step | By::Running => (low.min(0.0), high),
    };
    Scale::new(low, high, choice.log_x)
        .or_else(|| Scale::new(low, low + low.abs().max(1.0), choice.log_x))
        .unwrap_or(EMPTY)
}

/// The axis upwards: 6 % of air, and 14 % on the side of the best values, where the best of all
/// is written beside its ring without touching a line; some height where all values are equal.
fn spread(values: impl Iterator<Item = f64>, lower_is_better: Option<bool>, log: bool) -> Scale {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| (low.min(y), high.max(y)));
    if low > high {
        return EMPTY;
    }
    // Values that differ in their last bits only are equal to the eye.
    let differ = high - low > 1e-9 * high.abs().max(low.abs());
    let (below, above) = match lower_is_better {
        Some(true) => (0.14, 0.06),
        Some(false) => (0.06, 0.14),
        None => (0.06, 0.06),
    };
    if log {
        let factor = if differ { high / low } else { 10.0 };
        return Scale::new(low / factor.powf(below), high * factor.powf(above), true).unwrap_or(EMPTY);
    }
    let height = if differ { high - low } else { high.abs().max(0.1) };
    Scale::new(low - below * height, high + above * height, false).unwrap_or(EMPTY)
}

/// The mean over folds wherever one of them has a point and all are on their way. Between two points of a fold lies the straight line;
/// beside a number that is none there is no mean.
fn mean(folds: &[Vec<[f64; 2]>]) -> Vec<[f64; 2]> {
    let mut places: Vec<f64> = folds.iter().flatten().map(|point| point[0]).filter(|x| x.abs() < LARGEST).collect();
    places.sort_unstable_by(f64::total_cmp);
    places.dedup();
    let at = |x: f64| -> Option<[f64; 2]> {
        let sum = folds.iter().map(|fold| between(fold, x)).sum::<Option<f64>>()?;
        Some([x, sum / folds.len() as f64])
    };
    places.into_iter().filter_map(at).collect()
}

/// A fold's value at a place, by the straight line between its neighbours.
fn between(fold: &[[f64; 2]], x: f64) -> Option<f64> {
    let next = fold.partition_point(|point| point[0] < x);
    let b = fold.get(next)?;
    if b[0] == x {
        return Some(b[1]).filter(|_| finite(b));
    }
    let a = fold.get(next.checked_sub(1)?)?;
    (finite(a) && finite(b)).then(|| a[1] + (b[1] - a[1]) * (x - a[0]) / (b[0] - a[0]))
}

/// The points as polylines, torn where a value does not show, thinned where they are too many.
fn pieces(points: &[[f64; 2]], shows: &impl Fn(&[f64; 2]) -> bool) -> Vec<Vec<[f64; 2]>> {
    points.split(|point| !shows(point)).filter(|piece| !piece.is_empty()).map(thinned).collect()
}

/// About [`MOST_POINTS`] points at most, evenly over the number of points; no spike is lost.
fn thinned(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let Some((first, last)) = points.first().zip(points.last()) else { return Vec::new() };
    if points.len() <= MOST_POINTS || last[0] <= first[0] {
        return points.to_vec();
    }
    let columns = (MOST_POINTS / 4) as f64 / (last[0] - first[0]);
    thin::thinned(points, |x| ((x - first[0]) * columns) as i64)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::session::snapshot::Curve;

    fn line(recipe: &str, series: &str, fold: u32, points: &[[f64; 2]]) -> Line {
        let curve = Curve { series: series.into(), fold, points: points.to_vec().into(), ..Curve::default() };
        Line { recipe: recipe.into(), pinned: recipe == "pin", curve }
    }

    #[test]
    fn folds_are_faint_beside_their_mean_and_the_pin_lies_on_top() {
        let page = Page::new(
            &[
                line("pin", "MRR@20", 0, &[[1.0, 0.2], [2.0, 0.3]]),
                line("zz", "MRR@20", 0, &[[1.0, 0.4], [2.0, 0.8]]),
                line("zz", "MRR@20", 1, &[[1.0, 0.6], [2.0, 0.6], [3.0, 0.9]]),
                line("zz", "loss", 0, &[[1.0, 3.0], [2.0, 2.0]]),
            ],
            &Choice::default(),
        )
        .unwrap();
        let [loss, mrr] = &page.charts[..] else { panic!("two charts") };
        let lower = |chart: &Chart| chart.series.lower_is_better;
        assert_eq!((loss.series.name.as_str(), lower(loss), lower(mrr)), ("loss", Some(true), Some(false)));
        let strands: Vec<(usize, bool)> = mrr.strands.iter().map(|s| (s.recipe, s.faint)).collect();
        assert_eq!(strands, [(1, true), (1, true), (1, false), (0, false)]);
        assert_eq!(mrr.strands[2].pieces, [[[1.0, 0.5], [2.0, 0.7]]], "only epochs that both folds have");
        let best: Vec<_> = page.recipes.iter().map(|recipe| &recipe.best[..]).collect();
        assert_eq!(best, [[None, Some([2.0, 0.3])], [Some([2.0, 2.0]), Some([2.0, 0.7])]]);
        assert_eq!((mrr.x.low, mrr.x.high), (0.0, 3.0));
    }

    #[test]
    fn odd_numbers_of_points() {
        let page = Page::new(
            &[
                line("a", "loss", 0, &[]),
                line("b", "loss", 0, &[[1.0, 2.0]]),
                line("c", "loss", 0, &[[1.0, f64::NAN], [2.0, 2.0], [3.0, f64::INFINITY], [4.0, 2.0]]),
                line("a", "MRR@20", 0, &[]),
            ],
            &Choice::default(),
        )
        .unwrap();
        let loss = &page.charts[0];
        assert_eq!(loss.not_finite, 2);
        assert_eq!(loss.strands[1].pieces, [[[2.0, 2.0]], [[4.0, 2.0]]]);
        assert!(loss.y.low < 2.0 && loss.y.high > 2.0, "{:?}", loss.y);
        let mrr = &page.charts[1];
        assert_eq!((mrr.x, mrr.y, mrr.strands.len()), (EMPTY, EMPTY, 0));
        assert_eq!(page.recipes[0].best, [None, None]);
        assert!(Page::new(&[], &Choice::default()).is_none());
    }

    #[test]
    fn thinning_keeps_the_spike() {
        let mut points: Vec<[f64; 2]> = (0..100_000).map(|i| [f64::from(i), 1.0]).collect();
        points[54_321][1] = 9.0;
        let thin = thinned(&points);
        assert!(thin.len() <= MOST_POINTS + 4 && thin.contains(&[54_321.0, 9.0]));
        assert!(thin.windows(2).all(|pair| pair[0][0] <= pair[1][0]));
    }

    #[test]
    fn folds_of_other_sizes_have_a_mean_along_the_way() {
        let folds = [vec![[0.0, 0.0], [1.0, 1.0], [2.0, f64::NAN], [3.0, 3.0]], vec![[0.5, 2.0], [3.0, 2.0]]];
        assert_eq!(mean(&folds), [[0.5, 1.25], [1.0, 1.5], [3.0, 2.5]], "none beside a number that is none");
    }

    #[test]
    fn other_axes_and_smoothing() {
        use crate::dag::Axis;
        let axis = Arc::new(Axis::of(vec![[0.0, 50.0]], vec![[0.0, 1000.0, 0.0], [4.0, 1400.0, 200.0]]));
        let points: Vec<[f64; 2]> = (0..=4).map(|i| [f64::from(i), 2e9 + f64::from(i % 2) * 1e9]).collect();
        let curve = Curve { series: "memory".into(), points: points.into(), axis, ..Curve::default() };
        let lines = [Line { recipe: "a".into(), pinned: false, curve }];
        let page = |choice: Choice| Page::new(&lines, &choice).unwrap().charts.remove(0);
        let steps = page(Choice { by: By::Step, ..Choice::default() });
        assert_eq!((steps.unit, steps.x), ((1e9, "GB"), Scale { low: 0.0, high: 200.0, log: false }));
        assert_eq!(steps.strands[0].pieces[0][1], [50.0, 3.0]);
        let wall = page(Choice { by: By::Wall, ..Choice::default() });
        assert_eq!(wall.x, Scale { low: 1000.0, high: 1400.0, log: false });
        let smooth = page(Choice { weight: 0.5, log_x: true, log_y: true, ..Choice::default() });
        assert_eq!((smooth.x.low, smooth.x.log, smooth.y.log), (1.0, true, true));
        let faint: Vec<bool> = smooth.strands.iter().map(|strand| strand.faint).collect();
        assert_eq!(faint, [true, false], "what was told lies behind");
        // By hand: (2 / 2 + 3) / 1.5.
        assert!((smooth.strands[1].pieces[0][0][1] - 8.0 / 3.0).abs() < 1e-12);
    }
}
