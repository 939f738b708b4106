//! What is to be seen on a picture of curves, before anything is drawn.
//!
//! Takes lines; gives charts with ranges, polylines, best values and legend. Pure, so that the odd
//! cases (no point, one point, NaN, folds that are still running) are settled and tested here.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Line;
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
    /// For each chart: the best value and where.
    pub best: Vec<Option<[f64; 2]>>,
}

/// One chart.
#[derive(Debug, PartialEq)]
pub(super) struct Chart {
    pub series: String,
    pub lower_is_better: bool,
    pub x: Range<f64>,
    pub y: Range<f64>,
    pub strands: Vec<Strand>,
    /// How many values were NaN or infinite.
    pub not_finite: usize,
}

/// One polyline, torn where values are not finite.
#[derive(Debug, PartialEq)]
pub(super) struct Strand {
    /// Index into [`Page::recipes`].
    pub recipe: usize,
    /// Whether it is one of several folds, drawn thin beside their mean.
    pub faint: bool,
    pub pieces: Vec<Vec<[f64; 2]>>,
}

/// Whether less is better: losses and errors, everything else counts hits.
fn lower_is_better(series: &str) -> bool {
    let series = series.to_lowercase();
    series.contains("loss") || series.contains("error")
}

impl Page {
    /// Settles what is drawn; `None` when there is no line at all.
    pub(super) fn new(lines: &[Line]) -> Option<Page> {
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
        // Loss first, then the others in order of appearance.
        let mut series: Vec<&str> = Vec::new();
        for line in lines {
            if !series.contains(&line.curve.series.as_str()) {
                series.push(&line.curve.series);
            }
        }
        series.sort_by_key(|series| !lower_is_better(series));
        let charts: Vec<Chart> = series.iter().map(|series| chart(series, lines, &mut recipes)).collect();
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

fn chart(series: &str, lines: &[Line], recipes: &mut [Recipe]) -> Chart {
    let lower = lower_is_better(series);
    let mut strands = Vec::new();
    let mut not_finite = 0;
    for (index, recipe) in recipes.iter_mut().enumerate() {
        let folds: Vec<&[[f64; 2]]> = lines
            .iter()
            .filter(|line| line.recipe == recipe.name && line.curve.series == series)
            .map(|line| &line.curve.points[..])
            .collect();
        not_finite += folds.iter().flat_map(|fold| fold.iter()).filter(|point| !finite(point)).count();
        let mean = if folds.len() > 1 { mean(&folds) } else { folds.concat() };
        // Folds that have no epoch in common yet still have a best value, though no mean.
        let candidates = if mean.is_empty() { folds.concat() } else { mean.clone() };
        let better = |a: &[f64; 2], b: &[f64; 2]| if lower { a[1] < b[1] } else { a[1] > b[1] };
        let best = candidates.into_iter().filter(finite);
        recipe.best.push(best.reduce(|best, point| if better(&point, &best) { point } else { best }));
        if folds.len() > 1 {
            strands.extend(folds.iter().map(|fold| Strand { recipe: index, faint: true, pieces: pieces(fold) }));
        }
        strands.push(Strand { recipe: index, faint: false, pieces: pieces(&mean) });
    }
    // Later strands lie on top: folds, then recipes, then the pin.
    strands.retain(|strand| !strand.pieces.is_empty());
    strands.sort_by_key(|strand| (!strand.faint, recipes[strand.recipe].pinned));
    let all = || strands.iter().flat_map(|strand| strand.pieces.iter().flatten());
    let last = all().map(|point| point[0]).fold(1.0, f64::max);
    let first = all().map(|point| point[0]).fold(0.0, f64::min);
    let y = spread(all().map(|point| point[1]), lower);
    Chart { series: series.to_owned(), lower_is_better: lower, x: first..last, y, strands, not_finite }
}

/// Whether a point can stand on a chart. What training calls 1e31 is as broken as infinity, and an axis
/// that reached there would show nothing else.
fn finite(point: &[f64; 2]) -> bool {
    point.iter().all(|x| x.abs() < 1e30)
}

/// The range of an axis: 6 % of air, and 14 % on the side of the best values, where the best of all
/// is written beside its ring without touching a line; some height where all values are equal.
fn spread(values: impl Iterator<Item = f64>, lower_is_better: bool) -> Range<f64> {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| (low.min(y), high.max(y)));
    if low > high {
        return 0.0..1.0;
    }
    // Values that differ in their last bits only are equal to the eye.
    let differ = high - low > 1e-9 * high.abs().max(low.abs());
    let height = if differ { high - low } else { high.abs().max(0.1) };
    let (below, above) = if lower_is_better { (0.14, 0.06) } else { (0.06, 0.14) };
    low - below * height..high + above * height
}

/// The mean over folds at each epoch that all of them have, finite.
fn mean(folds: &[&[[f64; 2]]]) -> Vec<[f64; 2]> {
    let mut at: BTreeMap<u64, (f64, f64, usize)> = BTreeMap::new();
    for [x, y] in folds.iter().flat_map(|fold| fold.iter()).filter(|point| point[0] >= 0.0 && finite(point)) {
        // Bits of numbers that are not negative sort as the numbers do; `+ 0.0` makes -0 plain.
        let entry = at.entry((x + 0.0).to_bits()).or_insert((*x, 0.0, 0));
        (entry.1, entry.2) = (entry.1 + y, entry.2 + 1);
    }
    let n = folds.len();
    at.into_values().filter(|&(_, _, count)| count == n).map(|(x, sum, _)| [x, sum / n as f64]).collect()
}

/// The points as polylines, torn where a value is not finite, thinned where they are too many.
fn pieces(points: &[[f64; 2]]) -> Vec<Vec<[f64; 2]>> {
    let pieces = points.split(|point| !finite(point)).filter(|piece| !piece.is_empty());
    pieces.map(thinned).collect()
}

/// At most [`MOST_POINTS`] points: of each stretch the least and the greatest, so that no spike is lost.
fn thinned(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    if points.len() <= MOST_POINTS {
        return points.to_vec();
    }
    let stretch = points.len().div_ceil(MOST_POINTS / 2);
    let extremes = |part: &[[f64; 2]]| {
        let mut ends = [part[0], part[0]];
        for &point in part {
            if point[1] < ends[0][1] {
                ends[0] = point;
            }
            if point[1] >= ends[1][1] {
                ends[1] = point;
            }
        }
        ends.sort_by(|a, b| a[0].total_cmp(&b[0]));
        ends
    };
    points.chunks(stretch).flat_map(extremes).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::session::snapshot::Curve;

    fn line(recipe: &str, series: &str, fold: u32, points: &[[f64; 2]]) -> Line {
        let curve = Curve { series: series.into(), fold, points: Arc::new(points.to_vec()), ..Curve::default() };
        Line { recipe: recipe.into(), pinned: recipe == "pin", curve }
    }

    #[test]
    fn folds_are_faint_beside_their_mean_and_the_pin_lies_on_top() {
        let page = Page::new(&[
            line("pin", "MRR@20", 0, &[[1.0, 0.2], [2.0, 0.3]]),
            line("zz", "MRR@20", 0, &[[1.0, 0.4], [2.0, 0.8]]),
            line("zz", "MRR@20", 1, &[[1.0, 0.6], [2.0, 0.6], [3.0, 0.9]]),
            line("zz", "loss", 0, &[[1.0, 3.0], [2.0, 2.0]]),
        ])
        .unwrap();
        let [loss, mrr] = &page.charts[..] else { panic!("two charts") };
        assert_eq!((loss.series.as_str(), loss.lower_is_better, mrr.lower_is_better), ("loss", true, false));
        let strands: Vec<(usize, bool)> = mrr.strands.iter().map(|s| (s.recipe, s.faint)).collect();
        assert_eq!(strands, [(1, true), (1, true), (1, false), (0, false)]);
        assert_eq!(mrr.strands[2].pieces, [[[1.0, 0.5], [2.0, 0.7]]], "only epochs that both folds have");
        let best: Vec<_> = page.recipes.iter().map(|recipe| &recipe.best[..]).collect();
        assert_eq!(best, [[None, Some([2.0, 0.3])], [Some([2.0, 2.0]), Some([2.0, 0.7])]]);
        assert_eq!(mrr.x, 0.0..3.0);
    }

    #[test]
    fn odd_numbers_of_points() {
        let page = Page::new(&[
            line("a", "loss", 0, &[]),
            line("b", "loss", 0, &[[1.0, 2.0]]),
            line("c", "loss", 0, &[[1.0, f64::NAN], [2.0, 2.0], [3.0, f64::INFINITY], [4.0, 2.0]]),
            line("a", "MRR@20", 0, &[]),
        ])
        .unwrap();
        let loss = &page.charts[0];
        assert_eq!(loss.not_finite, 2);
        assert_eq!(loss.strands[1].pieces, [[[2.0, 2.0]], [[4.0, 2.0]]]);
        assert!(loss.y.start < 2.0 && loss.y.end > 2.0, "{:?}", loss.y);
        let mrr = &page.charts[1];
        assert_eq!((mrr.x.clone(), mrr.y.clone(), mrr.strands.len()), (0.0..1.0, 0.0..1.0, 0));
        assert_eq!(page.recipes[0].best, [None, None]);
        assert!(Page::new(&[]).is_none());
    }

    #[test]
    fn thinning_keeps_the_spike() {
        let mut points: Vec<[f64; 2]> = (0..100_000).map(|i| [f64::from(i), 1.0]).collect();
        points[54_321][1] = 9.0;
        let thin = thinned(&points);
        assert!(thin.len() <= MOST_POINTS && thin.contains(&[54_321.0, 9.0]));
        assert!(thin.windows(2).all(|pair| pair[0][0] <= pair[1][0]));
    }
}
