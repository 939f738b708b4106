//! A page of curves on any plotters backend.
//!
//! Takes a settled [`Page`]; draws charts in rows of two and one legend below, which is also the
//! table of best values. All sizes are points, multiplied by `scale` into the backend's pixels.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::{By, Scale};
use super::page::{CHART, Chart, LEGEND_GAP, LEGEND_ROW, MARGIN, Page, Recipe};
use super::series::figure;
use super::ticks::{self, Tick};
use crate::base::text::{fit, width as columns};
use crate::show::ShowError;
use crate::show::canvas::Drawable;

pub(in crate::show) const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
pub(in crate::show) const QUIET: RGBColor = RGBColor(0x66, 0x66, 0x66);
pub(in crate::show) const AXIS: RGBColor = RGBColor(0x99, 0x99, 0x99);
pub(in crate::show) const GRID: RGBColor = RGBColor(0xe6, 0xe6, 0xe6);
const ALARM: RGBColor = RGBColor(0xb0, 0x3a, 0x00);

/// Space above a chart's plane for its title.
const TITLE: u32 = 40;

/// How a backend draws.
pub(in crate::show) struct Brush {
    /// The font's name to plotters.
    pub family: &'static str,
    /// Pixels to a point.
    pub scale: i32,
    /// How far below its place a text must be put to stand in the middle of it, in parts of its size: plotters'
    /// bitmaps sit too high.
    pub sink: f64,
}

impl Brush {
    /// Points as pixels.
    pub(in crate::show) fn at(&self, points: u32) -> i32 {
        points as i32 * self.scale
    }

    /// Where a text of some size is put to stand in the middle of `y`.
    pub(in crate::show) fn sunk(&self, y: i32, size: f64) -> i32 {
        y + (self.sink * size * f64::from(self.scale)).round() as i32
    }

    pub(in crate::show) fn text(
        &self,
        size: f64,
        colour: RGBColor,
        horizontal: HPos,
        vertical: VPos,
    ) -> TextStyle<'static> {
        // SVG writes size / 1.24 as the em; both backends then agree on what a point is.
        let font = FontDesc::new(FontFamily::Name(self.family), size * f64::from(self.scale), FontStyle::Normal);
        font.color(&colour).pos(Pos::new(horizontal, vertical))
    }

    pub(in crate::show) fn line(&self, colour: RGBColor, alpha: f64, tenths: u32) -> ShapeStyle {
        let width = (tenths * self.scale as u32).div_ceil(10);
        ShapeStyle { color: colour.mix(alpha), filled: false, stroke_width: width }
    }
}

/// An axis with its ticks, as plotters wants one.
#[derive(Clone, Debug)]
struct Axis {
    scale: Scale,
    ticks: Vec<Tick>,
}

impl Axis {
    fn label(&self, value: f64) -> String {
        self.ticks.iter().find(|tick| tick.0 == value).map(|tick| tick.1.clone()).unwrap_or_default()
    }
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let length = f64::from(limit.1 - limit.0);
        limit.0 + (self.scale.share(*value).clamp(-9.0, 9.0) * length).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.ticks.iter().map(|tick| tick.0).collect()
    }

    fn range(&self) -> Range<f64> {
        self.scale.low..self.scale.high
    }
}

fn failed(error: impl std::fmt::Display) -> ShowError {
    ShowError::Draw(error.to_string())
}

/// Draws the whole page.
pub(super) fn page<DB: DrawingBackend>(
    root: &DrawingArea<DB, Shift>,
    page: &Page,
    by: By,
    brush: &Brush,
    drawable: Drawable<'_>,
) -> Result<(), ShowError> {
    root.fill(&WHITE).map_err(failed)?;
    for (i, chart) in page.charts.iter().enumerate() {
        let (column, row) = (i as u32 % page.columns(), i as u32 / page.columns());
        let corner = (brush.at(MARGIN + column * CHART.0), brush.at(MARGIN + row * CHART.1));
        let area = root.clone().shrink(corner, (brush.at(CHART.0), brush.at(CHART.1)));
        draw_chart(&area, (i, chart), by, &page.recipes, brush, drawable)?;
    }
    let rows = (page.charts.len() as u32).div_ceil(page.columns());
    legend(root, page, by, brush.at(MARGIN + rows * CHART.1), brush, drawable)
}

fn draw_chart<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    (index, chart): (usize, &Chart),
    by: By,
    recipes: &[Recipe],
    brush: &Brush,
    drawable: Drawable<'_>,
) -> Result<(), ShowError> {
    let unit = if chart.unit.1.is_empty() { String::new() } else { format!(" ({})", chart.unit.1) };
    let title = drawable(&fit(&format!("{}{unit}", chart.series.title), 40));
    let style = brush.text(21.0, INK, HPos::Left, VPos::Center);
    let (width, _) = area.estimate_text_size(&title, &style).map_err(failed)?;
    let left = brush.at(62);
    area.draw(&Text::new(title, (left, brush.at(18)), style)).map_err(failed)?;
    let direction = match chart.series.lower_is_better {
        Some(true) => "lower is better",
        Some(false) => "higher is better",
        None => "",
    };
    let quiet = brush.text(14.0, QUIET, HPos::Left, VPos::Center);
    area.draw(&Text::new(direction, (left + width as i32 + brush.at(10), brush.at(19)), quiet)).map_err(failed)?;

    let across = Axis { scale: chart.x, ticks: ticks::of(chart.x, by, 10) };
    let upwards = Axis { scale: chart.y, ticks: ticks::numbers(chart.y, 7) };
    let mut context = ChartBuilder::on(area)
        .margin_top(brush.at(TITLE))
        .margin_right(brush.at(18))
        .y_label_area_size(brush.at(62))
        .x_label_area_size(brush.at(46))
        .build_cartesian_2d(across.clone(), upwards.clone())
        .map_err(failed)?;
    let beside = format!("{}{}", by.title(), if chart.x.log { " (log)" } else { "" });
    context
        .configure_mesh()
        .axis_style(brush.line(AXIS, 1.0, 10))
        .bold_line_style(brush.line(GRID, 1.0, 10))
        .light_line_style(TRANSPARENT)
        .max_light_lines(1)
        .x_label_formatter(&|x| across.label(*x))
        .y_label_formatter(&|y| upwards.label(*y))
        .label_style(brush.text(14.0, QUIET, HPos::Center, VPos::Center))
        .axis_desc_style(brush.text(14.0, QUIET, HPos::Center, VPos::Center))
        .y_label_offset(brush.sunk(0, 14.0))
        .set_all_tick_mark_size(brush.at(4))
        .x_desc(beside)
        .draw()
        .map_err(failed)?;

    for strand in &chart.strands {
        let recipe = &recipes[strand.recipe];
        let colour = rgb(recipe);
        let (alpha, tenths) = if strand.faint { (0.35, 10) } else { (1.0, if recipe.pinned { 32 } else { 20 }) };
        let style = brush.line(colour, alpha, tenths);
        for piece in &strand.pieces {
            let points = piece.iter().map(|&[x, y]| (x, y));
            let dashes = match (recipe.pinned, recipe.dashed) {
                _ if strand.faint => None,
                (true, _) => Some((10, 5)),
                (_, true) => Some((3, 3)),
                _ => None,
            };
            match dashes {
                None => drop(context.draw_series(LineSeries::new(points, style)).map_err(failed)?),
                Some((dash, gap)) => {
                    let (dash, gap) = (brush.at(dash), brush.at(gap));
                    context.draw_series(DashedLineSeries::new(points, dash, gap, style)).map_err(failed)?;
                }
            }
            // A point alone makes no line; few points deserve to be seen.
            if !strand.faint && piece.len() <= 30 || piece.len() == 1 {
                let size = brush.at(5) / 2;
                let dot = |&[x, y]: &[f64; 2]| Circle::new((x, y), size, colour.mix(alpha).filled());
                context.draw_series(piece.iter().map(dot)).map_err(failed)?;
            }
        }
    }
    // Best values lie over all lines: a ring each, and the best of all in figures.
    let ranked = recipes.iter().filter(|_| chart.series.lower_is_better.is_some());
    let best = ranked.filter_map(|recipe| Some((recipe, recipe.best[index]?)));
    let lower_is_better = chart.series.lower_is_better == Some(true);
    for (recipe, [x, y]) in best.clone() {
        let ring = |size, colour: RGBColor| Circle::new((x, y), size, colour.filled());
        context.draw_series([ring(brush.at(6), rgb(recipe)), ring(brush.at(3), WHITE)]).map_err(failed)?;
    }
    let better = |a: f64, b: f64| if lower_is_better { a < b } else { a > b };
    if let Some((recipe, [x, y])) = best.reduce(|a, b| if better(b.1[1], a.1[1]) { b } else { a }) {
        let (at_x, at_y) = context.backend_coord(&(x, y));
        let corner = area.get_base_pixel();
        let right = chart.x.share(x) > 0.5;
        let horizontal = if right { HPos::Right } else { HPos::Left };
        // Beyond the best value there is no line.
        let shift = if lower_is_better { brush.at(18) } else { -brush.at(18) };
        let style = brush.text(16.0, rgb(recipe), horizontal, VPos::Center);
        let at = (at_x - corner.0, brush.sunk(at_y - corner.1 + shift, 16.0));
        area.draw(&Text::new(format!("best {}", figure(y)), at, style)).map_err(failed)?;
    }
    let plane = context.plotting_area().get_pixel_range();
    let corner = area.get_base_pixel();
    if chart.strands.is_empty() {
        let middle = ((plane.0.start + plane.0.end) / 2 - corner.0, (plane.1.start + plane.1.end) / 2 - corner.1);
        let style = brush.text(17.0, QUIET, HPos::Center, VPos::Center);
        area.draw(&Text::new("no values yet", middle, style)).map_err(failed)?;
    }
    if chart.not_finite > 0 {
        let values = if chart.not_finite == 1 { "value is" } else { "values are" };
        let note = format!("{} {values} NaN or infinite", chart.not_finite);
        let style = brush.text(14.0, ALARM, HPos::Right, VPos::Center);
        area.draw(&Text::new(note, (plane.0.end - corner.0, brush.at(19)), style)).map_err(failed)?;
    }
    Ok(())
}

/// One row a recipe: how its line looks, its name, and its best value in each chart.
fn legend<DB: DrawingBackend>(
    root: &DrawingArea<DB, Shift>,
    page: &Page,
    by: By,
    top: i32,
    brush: &Brush,
    drawable: Drawable<'_>,
) -> Result<(), ShowError> {
    let (width, _) = page.size();
    let name_at = MARGIN + 62;
    let charts = page.charts.len() as u32;
    let cell = 200.min((width - 2 * MARGIN - 300) / charts);
    // The values stand close to the names, so that the eye need not travel.
    let pin = |recipe: &Recipe| if recipe.pinned { "  (pin)" } else { "" };
    let names = page.recipes.iter().map(|recipe| columns(&recipe.name) + columns(pin(recipe))).max().unwrap_or(0);
    let cells_at = (width - MARGIN - 18 - cell * charts).min(name_at + 60.max(9 * names as u32) + 30);
    let row = |i: usize| {
        let gap = if i > 0 { 2 * LEGEND_GAP } else { LEGEND_GAP };
        top + brush.at(gap + LEGEND_ROW * i as u32 + LEGEND_ROW / 2)
    };
    let put = |text: String, x: u32, y: i32, size: f64, colour: RGBColor| {
        let style = brush.text(size, colour, HPos::Left, VPos::Center);
        root.draw(&Text::new(text, (brush.at(x), brush.sunk(y, size)), style)).map_err(failed)
    };
    put("recipe".to_owned(), name_at, row(0), 14.0, QUIET)?;
    for (i, chart) in page.charts.iter().enumerate() {
        let which = if chart.series.lower_is_better.is_some() { "best" } else { "last" };
        let title = drawable(&fit(&format!("{which} {}", chart.series.title), cell as usize / 8));
        put(title, cells_at + cell * i as u32, row(0), 14.0, QUIET)?;
    }
    let rule = row(0) + brush.at(LEGEND_ROW / 2);
    let ends = vec![(brush.at(name_at), rule), (brush.at(cells_at + cell * charts), rule)];
    root.draw(&PathElement::new(ends, brush.line(GRID, 1.0, 10))).map_err(failed)?;
    for (i, recipe) in page.recipes.iter().enumerate() {
        let y = row(i + 1);
        sample(root, recipe, brush.at(MARGIN + 12), brush.at(MARGIN + 50), y, brush)?;
        let room = ((cells_at - name_at) / 9) as usize;
        let name = fit(&recipe.name, room.saturating_sub(columns(pin(recipe))));
        put(format!("{}{}", drawable(&name), pin(recipe)), name_at, y, 16.0, INK)?;
        for (j, best) in recipe.best.iter().enumerate() {
            let text = match best {
                Some([x, y]) => format!("{} {}", figure(*y), at(by, *x)),
                None => "none yet".to_owned(),
            };
            put(text, cells_at + cell * j as u32, y, 16.0, if best.is_some() { INK } else { QUIET })?;
        }
    }
    Ok(())
}

/// A stretch of the recipe's line.
fn sample<DB: DrawingBackend>(
    root: &DrawingArea<DB, Shift>,
    recipe: &Recipe,
    from: i32,
    to: i32,
    y: i32,
    brush: &Brush,
) -> Result<(), ShowError> {
    let style = brush.line(rgb(recipe), 1.0, if recipe.pinned { 32 } else { 20 });
    let (dash, gap) = match (recipe.pinned, recipe.dashed) {
        (true, _) => (brush.at(10), brush.at(5)),
        (_, true) => (brush.at(3), brush.at(3)),
        _ => (to - from, 1),
    };
    let mut x = from;
    while x < to {
        let stroke = vec![(x, y), ((x + dash).min(to), y)];
        root.draw(&PathElement::new(stroke, style)).map_err(failed)?;
        x += dash + gap;
    }
    Ok(())
}

fn rgb(recipe: &Recipe) -> RGBColor {
    let [red, green, blue] = recipe.colour;
    RGBColor(red, green, blue)
}

/// Where a value lies, in words.
fn at(by: By, place: f64) -> String {
    match by {
        By::Epoch => format!("at epoch {}", figure(place)),
        By::Step => format!("at step {}", ticks::place(by, place)),
        By::Running => format!("after {}", ticks::place(by, place)),
        By::Wall => format!("at {}", ticks::place(by, place)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_words() {
        assert_eq!(at(By::Epoch, 7.0), "at epoch 7");
        assert_eq!(at(By::Step, 1234.0), "at step 1234");
        assert_eq!(at(By::Running, 3900.0), "after 1h05");
    }

    #[test]
    fn an_axis_maps_its_ends_to_the_ends() {
        let scale = Scale::new(1.0, 100.0, true).unwrap();
        let axis = Axis { scale, ticks: ticks::numbers(scale, 3) };
        assert_eq!([1.0, 10.0, 100.0].map(|x| axis.map(&x, (0, 400))), [0, 200, 400]);
        assert_eq!(axis.key_points(3).iter().map(|x| axis.label(*x)).collect::<Vec<_>>(), ["1", "10", "100"]);
        assert_eq!(axis.label(50.0), "");
    }
}
