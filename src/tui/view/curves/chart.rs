//! What the charts of the curves show, before anything is drawn.
//!
//! Takes the model and a place; gives for each chart its lines, its two axes and where its plot lies. The same charts are drawn by
//! `panel` and asked by `update`: how far a column reaches, what all is, whose curve is near.

use std::borrow::Cow;
use std::collections::BTreeMap;

use ratatui::layout::Rect;
use ratatui::style::Style;
use toji::base::text;
use toji::session::snapshot::Recipe;
use toji::show::curves::axis::{By, LARGEST, Scale};
use toji::show::curves::series::Series;
use toji::show::curves::smooth::smoothed;
use toji::show::curves::thin;
use toji::show::curves::ticks::{self, Tick};

use super::letter;
use crate::tui::model::Model;
use crate::tui::view::ink::Ink;

/// The least rows and columns of a chart.
const HIGH: u16 = 6;
const WIDE: u16 = 30;
/// From so many columns for each on, charts stand beside each other.
const AMPLE: u16 = 55;

/// One line.
#[derive(Clone, Debug)]
pub struct Strand<'a> {
    /// The recipe.
    pub recipe: &'a str,
    /// Names it on the screen.
    pub letter: char,
    /// Its colour.
    pub style: Style,
    /// The pin.
    pub dashed: bool,
    /// Drawn over the others.
    pub front: bool,
    /// (place, value) along the axis, as told.
    pub raw: Cow<'a, [[f64; 2]]>,
    /// The same, smoothed, where that is asked for.
    pub smooth: Option<Vec<[f64; 2]>>,
}

impl Strand<'_> {
    /// What is read off the line.
    pub fn points(&self) -> &[[f64; 2]] {
        self.smooth.as_deref().unwrap_or(&self.raw)
    }

    /// The value at the point nearest to a place; `None` where the line is more than `slack` of the axis away.
    pub fn value(&self, x: &Scale, place: f64, slack: f64) -> Option<f64> {
        let points = self.points();
        let next = points.partition_point(|p| p[0] < place);
        let around = [next.checked_sub(1), Some(next)].into_iter().flatten().filter_map(|i| points.get(i));
        let far = |p: &&[f64; 2]| (x.share(p[0]) - x.share(place)).abs();
        let ends = [points.first()?, points.last()?].map(|p| x.share(p[0]));
        let at = x.share(place);
        let inside = (ends[0] - slack..=ends[1] + slack).contains(&at);
        let nearest = around.filter(|p| far(p).is_finite()).min_by(|a, b| far(a).total_cmp(&far(b)))?;
        (inside && nearest[1].is_finite()).then_some(nearest[1])
    }
}

/// One chart.
#[derive(Clone, Debug)]
pub struct Charted<'a> {
    /// What it shows.
    pub series: Series,
    /// Title, plot, axes.
    pub area: Rect,
    /// The plot in it; without columns or rows where there is nothing to draw.
    pub plot: Rect,
    /// To the right; `None` where there is no point.
    pub x: Option<Scale>,
    /// Upwards.
    pub y: Option<Scale>,
    /// Whether upwards is logarithmic.
    pub log: bool,
    /// By what values are divided to be read, and what they are then.
    pub unit: (f64, &'static str),
    /// Numbers at the left.
    pub ticks: Vec<Tick>,
    /// The lines.
    pub strands: Vec<Strand<'a>>,
}

/// The charts in a place, in order, and how many more there is no room for.
pub fn charts<'a>(model: &'a Model, ink: Ink, place: Rect) -> (Vec<Charted<'a>>, usize) {
    let all = model.charted();
    let focus = model.curves.focus.min(all.len().saturating_sub(1));
    let places = places(place, all.len());
    // The chart that takes keys is among those that show.
    let first = (focus + 1).saturating_sub(places.len());
    let hidden = all.len() - places.len().min(all.len());
    let drawn = model.drawn();
    let shown: Vec<(Series, Rect)> = all.into_iter().skip(first).zip(places).collect();
    let strands: Vec<Vec<Strand<'_>>> = shown.iter().map(|(series, _)| strands(model, &drawn, series, ink)).collect();
    let x = model.curves.window.or_else(|| whole(model, &drawn, strands.iter().flatten()));
    let charted = |((series, area), strands): ((Series, Rect), Vec<Strand<'a>>)| chart(model, series, area, x, strands);
    (shown.into_iter().zip(strands).map(charted).collect(), hidden)
}

/// Where so many charts stand; fewer where there is no room for all.
fn places(area: Rect, n: usize) -> Vec<Rect> {
    let n = n as u16;
    if n == 0 || area.width < 12 || area.height < 4 {
        return Vec::new();
    }
    let fewest = (area.width / AMPLE).clamp(1, n);
    let most = (area.width / WIDE).clamp(fewest, n);
    let room = (area.height / HIGH).max(1);
    let columns = (fewest..=most).find(|columns| n.div_ceil(*columns) <= room).unwrap_or(most);
    let rows = n.div_ceil(columns).min(room);
    let (wide, high) = (area.width / columns, area.height / rows);
    let place = |i: u16| {
        let (column, row) = (i % columns, i / columns);
        let left = column * wide + u16::from(column > 0);
        let right = if column + 1 == columns { area.width } else { (column + 1) * wide - 1 };
        let bottom = if row + 1 == rows { area.height } else { (row + 1) * high };
        Rect::new(area.x + left, area.y + row * high, right - left, bottom - row * high)
    };
    (0..n.min(rows * columns)).map(place).collect()
}

/// The lines of a series, one a fold.
fn strands<'a>(model: &Model, drawn: &[(usize, &'a Recipe)], series: &Series, ink: Ink) -> Vec<Strand<'a>> {
    let by = model.curves.by;
    let weight = model.curves.weight();
    let of_recipe = |(index, recipe): &(usize, &'a Recipe)| {
        let (index, recipe) = (*index, *recipe);
        let (dashed, front) = (model.is_pin(recipe), recipe.name == model.selected);
        let strand = move |curve: &'a toji::session::snapshot::Curve| {
            let raw = by.points(curve);
            Strand {
                recipe: recipe.name.as_str(),
                letter: letter(index),
                style: ink.series(index),
                dashed,
                front,
                // Of all points, before any are left out.
                smooth: (weight > 0.0).then(|| smoothed(&raw, weight)),
                raw,
            }
        };
        recipe.curves.iter().filter(|curve| curve.series == series.name).map(strand).collect::<Vec<_>>()
    };
    drawn.iter().flat_map(of_recipe).collect()
}

/// The whole axis to the right: from the start of training to the planned end, so that a run shows how much is left.
fn whole<'a>(
    model: &Model,
    drawn: &[(usize, &Recipe)],
    strands: impl Iterator<Item = &'a Strand<'a>>,
) -> Option<Scale> {
    let (by, log) = (model.curves.by, model.curves.log_x);
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for strand in strands {
        // Points are in order: only the ends count, but for those that have no place on a logarithmic axis.
        let holds = |p: &&[f64; 2]| Scale::can_hold(p[0], log);
        low = low.min(strand.raw.iter().find(holds).map_or(low, |p| p[0]));
        high = high.max(strand.raw.iter().rev().find(holds).map_or(high, |p| p[0]));
    }
    if low > high {
        return None;
    }
    if matches!(by, By::Epoch | By::Step) {
        let planned = |recipe: &Recipe| {
            let epochs = recipe.epoch.map(|(_, total)| total).filter(|total| *total < LARGEST)?;
            by.place(&recipe.curves.first()?.axis, epochs)
        };
        high = drawn.iter().filter_map(|(_, recipe)| planned(recipe)).fold(high, f64::max);
    }
    if !log && by != By::Wall {
        low = low.min(0.0);
    }
    // One point has an axis too.
    Scale::new(low, high, log).or_else(|| Scale::new(low, low + if low > 0.0 { low } else { 1.0 }, log))
}

fn chart<'a>(model: &Model, series: Series, area: Rect, x: Option<Scale>, strands: Vec<Strand<'a>>) -> Charted<'a> {
    let log = model.curves.log_y.contains(series.word);
    let held = model.curves.window.and_then(|_| model.curves.held.get(series.word)).copied();
    let y = held.filter(|held| held.log == log).or_else(|| upwards(x, log, &strands));
    let unit = series.scaled(y.map_or(0.0, |y| y.low.abs().max(y.high.abs())));
    let rows = area.height.saturating_sub(3);
    let scaled = y.and_then(|y| Scale::new(y.low / unit.0, y.high / unit.0, log));
    let most = usize::from(rows / 3).clamp(1, 8);
    let ticks = scaled.map(|scale| upward_ticks(scale, most)).unwrap_or_default();
    let labels = ticks.iter().map(|t| text::width(&t.1)).max().unwrap_or(0).min(usize::from(area.width / 3)) as u16;
    // Labels, the axis, the plot, a column for the letters.
    let plot = Rect::new(area.x + labels + 1, area.y + 1, area.width.saturating_sub(labels + 2), rows);
    Charted { series, area, plot, x: x.filter(|_| y.is_some()), y, log, unit, ticks, strands }
}

/// How far a chart reaches upwards: as the points in sight do.
fn upwards(x: Option<Scale>, log: bool, strands: &[Strand<'_>]) -> Option<Scale> {
    let x = x?;
    let in_sight = |p: &&[f64; 2]| x.low <= p[0] && p[0] <= x.high && Scale::can_hold(p[1], log);
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for strand in strands {
        // With a neighbour on each side, which only matters where no point is in sight.
        let near = thin::within(&strand.raw, x.low, x.high);
        let mut seen = near.iter().filter(in_sight).peekable();
        let lone = if seen.peek().is_none() { near } else { &[] };
        for p in seen.chain(lone.iter().filter(|p| Scale::can_hold(p[1], log))) {
            (low, high) = (low.min(p[1]), high.max(p[1]));
        }
    }
    if low > high {
        return None;
    }
    let room = match high - low {
        range if range > 0.0 => range * 0.04,
        _ => (high.abs() * 0.1).max(1e-3),
    };
    let (low, high) = match (log, low >= 0.0) {
        (true, _) => (low / 1.05, high * 1.05),
        (false, true) => ((low - room).max(0.0), high + room),
        (false, false) => (low - room, high + room),
    };
    Scale::new(low, high, log)
}

/// As many as there is room for, but at least two where round numbers allow it.
fn upward_ticks(scale: Scale, most: usize) -> Vec<Tick> {
    let ticks = if scale.log { ticks::logarithmic(scale.low, scale.high, most) } else { Vec::new() };
    if ticks.len() >= 2 {
        return ticks;
    }
    let linear = |most| ticks::linear(scale.low, scale.high, most);
    (most..most + 4).map(linear).find(|t| t.len() >= 2).unwrap_or(ticks)
}

impl Charted<'_> {
    /// What each recipe's line has at a place, in the order of the lines: the mean over its folds, and its letter's look.
    pub fn values(&self, place: f64) -> Vec<(char, Style, &str, f64)> {
        let Some(x) = self.x else { return Vec::new() };
        let slack = 0.5 / f64::from(self.plot.width.max(1));
        let mut sums: BTreeMap<&str, (usize, char, Style, f64, usize)> = BTreeMap::new();
        for (i, strand) in self.strands.iter().enumerate() {
            if let Some(value) = strand.value(&x, place, slack) {
                let sum = sums.entry(strand.recipe).or_insert((i, strand.letter, strand.style, 0.0, 0));
                (sum.3, sum.4) = (sum.3 + value, sum.4 + 1);
            }
        }
        let mut found: Vec<_> = sums.into_iter().collect();
        found.sort_by_key(|(_, (first, ..))| *first);
        found.into_iter().map(|(recipe, (_, letter, style, sum, n))| (letter, style, recipe, sum / n as f64)).collect()
    }

    /// The recipe whose line passes nearest to a place and height.
    pub fn nearest(&self, place: f64, height: f64) -> Option<&str> {
        let (x, y) = (self.x?, self.y?);
        let slack = 0.5 / f64::from(self.plot.width.max(1));
        let far = |strand: &Strand<'_>| {
            let value = strand.value(&x, place, slack)?;
            Scale::can_hold(value, self.log).then(|| (y.share(value) - height).abs())
        };
        let there = self.strands.iter().filter_map(|strand| Some((far(strand)?, strand.recipe)));
        there.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, recipe)| recipe)
    }
}
