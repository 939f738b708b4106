//! Curves of several recipes on the same axes.
//!
//! Takes the curves of the marked recipes (or of the pin, the selected and the running ones); gives
//! a legend and as many charts as are wanted and have room, beside and above each other. Each recipe has its
//! letter and its colour; the pin is dashed.
//!
//! - [`chart`]: what the charts show; [`panel`]: one of them in cells; [`canvas`]: lines in cells.

pub(in crate::tui::view) mod canvas;
mod chart;
mod panel;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::Line;
use toji::base::text;
use toji::session::snapshot::Recipe;

use super::ink::{Ink, Tone, line, put, styled};
use super::{heading, nothing, text_area};
use crate::tui::model::Model;
pub use chart::Charted;
use panel::Look;

/// Draws the curves.
pub fn draw(model: &Model, ink: Ink, body: Rect, buffer: &mut Buffer) {
    let area = text_area(body);
    if model.recipe().is_none() {
        return nothing(model, ink, area, buffer);
    }
    heading(model, ink, body, 0, buffer);
    drawn(model, ink, area, true, buffer);
}

/// Legend and charts, without a heading and without what keys move: the board has them too where there is room.
pub fn plots(model: &Model, ink: Ink, area: Rect, buffer: &mut Buffer) {
    drawn(model, ink, area, false, buffer);
}

/// The charts as they stand on the screen of curves.
pub fn charts<'a>(model: &'a Model, ink: Ink, body: Rect) -> Vec<Charted<'a>> {
    let area = text_area(body);
    let legend = legend(model, &model.drawn(), model.metric(), ink, area);
    chart::charts(model, ink, below(area, legend.len())).0
}

fn drawn(model: &Model, ink: Ink, area: Rect, own: bool, buffer: &mut Buffer) {
    let mut legend = legend(model, &model.drawn(), model.metric(), ink, area);
    let (charts, hidden) = chart::charts(model, ink, below(area, legend.len()));
    if let Some(last) = legend.last_mut().filter(|_| hidden > 0) {
        last.spans.push(ink.span(&format!("  +{hidden} charts: o"), Tone::Faint));
    }
    for (y, row) in (0..area.height).zip(&legend) {
        put(buffer, area, y, row);
    }
    let all = model.charted();
    let focus = all.get(model.curves.focus.min(all.len().saturating_sub(1))).map(|series| series.word);
    for chart in &charts {
        let takes_keys = own && focus == Some(chart.series.word);
        let look = Look {
            mark: if takes_keys && all.len() > 1 { ink.either("❯", ">") } else { "" },
            by: model.curves.by,
            weight: model.curves.weight(),
            hair: model.curves.hair.filter(|_| own),
            crossed: takes_keys,
        };
        panel::draw(chart, look, ink, buffer);
    }
}

/// What a legend of so many rows leaves.
fn below(area: Rect, rows: usize) -> Rect {
    let used = (rows as u16).min(area.height);
    Rect { y: area.y + used, height: area.height - used, ..area }
}

/// a to z, then A to Z, then from the start.
pub fn letter(index: usize) -> char {
    let letters = ('a'..='z').chain('A'..='Z');
    letters.clone().nth(index % letters.count()).unwrap_or('a')
}

/// One row a recipe: letter, line, name, last loss, last and best score.
fn legend(model: &Model, drawn: &[(usize, &Recipe)], metric: &str, ink: Ink, area: Rect) -> Vec<Line<'static>> {
    let columns = usize::from(area.width);
    let most = usize::from(area.height / 4).max(1);
    let wide = columns >= 60;
    let name_wide = drawn.iter().map(|(_, r)| text::width(&text::plain(&r.name))).max().unwrap_or(0);
    let name_wide = name_wide.min(columns / if wide { 3 } else { 2 });
    let mut rows = Vec::new();
    for (index, recipe) in drawn {
        let style = ink.series(*index);
        let cursor = if recipe.name == model.selected { ink.either("❯", ">") } else { " " };
        let sample = match (model.is_pin(recipe), ink.ascii()) {
            (true, false) => "╌╌",
            (false, false) => "──",
            (true, true) => "- ",
            (false, true) => "--",
        };
        let last = |series: &str| {
            recipe.curves.iter().rev().find(|c| c.series == series).and_then(|c| c.points.last()).map(|p| p[1])
        };
        let best = recipe
            .curves
            .iter()
            .filter(|c| c.series == metric)
            .flat_map(|c| c.points.iter())
            .filter(|p| p[1].is_finite())
            .max_by(|a, b| a[1].total_cmp(&b[1]));
        let mut spans = vec![
            ink.span(cursor, Tone::Strong),
            styled(&format!("{} {sample} ", letter(*index)), style.add_modifier(Modifier::BOLD)),
            ink.span(&text::pad(&recipe.name, name_wide), Tone::Strong),
        ];
        if model.is_pin(recipe) {
            spans.push(ink.span(" pin", Tone::Plain));
        } else if wide {
            spans.push(ink.span("    ", Tone::Plain));
        }
        match last("loss") {
            Some(loss) if wide => spans.push(ink.span(&format!("  loss {loss:.3}"), Tone::Plain)),
            Some(loss) => spans.push(ink.span(&format!(" {loss:.2}"), Tone::Plain)),
            None => spans.push(ink.span("  no curves yet", Tone::Faint)),
        }
        if let Some(score) = last(metric) {
            let label = if wide { format!("  {metric}") } else { String::new() };
            spans.push(ink.span(&format!("{label} {score:.3}"), Tone::Plain));
        }
        if let (Some([epoch, value]), true) = (best, wide) {
            spans.push(ink.span(&format!("  best {value:.3} at epoch {epoch:.0}"), Tone::Faint));
        }
        rows.push(line(spans));
    }
    if rows.len() > most {
        let hidden = rows.len() - (most - 1);
        rows.truncate(most - 1);
        rows.push(line(vec![ink.span(&format!(" and {hidden} more"), Tone::Faint)]));
    }
    if drawn.is_empty() {
        rows.push(line(vec![ink.span("Nothing is marked.", Tone::Faint)]));
    }
    rows
}
