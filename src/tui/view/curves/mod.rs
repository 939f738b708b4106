//! Loss and score over epochs, of several recipes on the same axes.
//!
//! Takes the curves of the marked recipes (or of the pin, the selected and the running ones); gives
//! a legend and one or two panels, beside or above each other as there is room. Each recipe has its
//! letter and its colour; the pin is dashed.

pub(in crate::tui::view) mod canvas;
mod panel;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::Line;
use toji::base::text;
use toji::session::snapshot::Recipe;

use super::ink::{Ink, Tone, line, put, styled};
use super::{heading, nothing, text_area};
use crate::tui::model::{Measure, Model};
use panel::{Panel, Series};

/// Draws the curves.
pub fn draw(model: &Model, ink: Ink, body: Rect, buffer: &mut Buffer) {
    let area = text_area(body);
    if model.recipe().is_none() {
        return nothing(model, ink, area, buffer);
    }
    heading(model, ink, body, 0, buffer);
    plots(model, ink, area, buffer);
}

/// Legend and panels, without a heading: the board has them too where there is room.
pub fn plots(model: &Model, ink: Ink, area: Rect, buffer: &mut Buffer) {
    let drawn = model.drawn();
    let metric = drawn.iter().find_map(|(_, r)| r.score.as_ref().map(|s| s.metric.as_str())).unwrap_or("MRR@20");
    let legend = legend(model, &drawn, metric, ink, area);
    for (y, row) in (0..area.height).zip(&legend) {
        put(buffer, area, y, row);
    }
    let used = (legend.len() as u16).min(area.height);
    let plots = Rect { y: area.y + used, height: area.height - used, ..area };
    let (first, second) = match model.measure {
        Measure::Loss => (Some("loss"), None),
        Measure::Score => (Some(metric), None),
        Measure::Both => (Some("loss"), Some(metric)),
    };
    let (left, right) = match second {
        None => (plots, Rect::default()),
        Some(_) if plots.width >= 110 => {
            let half = plots.width / 2;
            (Rect { width: half - 1, ..plots }, Rect { x: plots.x + half + 1, width: plots.width - half - 1, ..plots })
        }
        Some(_) if plots.height >= 12 => {
            let half = plots.height / 2;
            (Rect { height: half, ..plots }, Rect { y: plots.y + half, height: plots.height - half, ..plots })
        }
        // Too low for both: the measure that decides. Key m changes it.
        Some(_) => (Rect::default(), plots),
    };
    for (series, place) in [(first, left), (second, right)] {
        let Some(series) = series else { continue };
        let curves = drawn.iter().flat_map(|(i, recipe)| series_of(model, *i, recipe, series, ink)).collect();
        let log = model.log_scale && series == "loss";
        Panel { title: series, log, epochs: last_epoch(&drawn), curves }.draw(ink, place, buffer);
    }
}

/// The recipe's curves of that series, one a fold.
fn series_of<'a>(model: &Model, index: usize, recipe: &'a Recipe, series: &str, ink: Ink) -> Vec<Series<'a>> {
    recipe
        .curves
        .iter()
        .filter(|c| c.series == series)
        .map(|c| Series {
            letter: letter(index),
            style: ink.series(index),
            dashed: model.is_pin(recipe),
            front: recipe.name == model.selected,
            points: &c.points,
        })
        .collect()
}

/// How far the axis goes: to the planned end, so that a run shows how much is left.
fn last_epoch(drawn: &[(usize, &Recipe)]) -> f64 {
    drawn.iter().filter_map(|(_, r)| r.epoch).map(|(_, total)| total).filter(|t| t.is_finite()).fold(0.0, f64::max)
}

/// a to z, then A to Z, then from the start.
fn letter(index: usize) -> char {
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
