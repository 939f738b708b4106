//! The log of the chosen job's run.
//!
//! Takes the lines that a terminal would show of it; gives its title and as many rows as fit, those before the place that the user scrolled to.
//! Long lines are wrapped, so that a narrow screen shows them whole.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::tui::model::Model;
use crate::tui::view::ink::{Ink, Tone, line, put, wrap};
use crate::tui::view::words;

/// Draws title and rows.
pub fn draw(model: &Model, ink: Ink, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let log = model.log();
    put(buffer, area, 0, &title(model, ink));
    // The log of the job before stays known until that of this one has come.
    let lines: &[String] = if log.recipe == model.job_recipe() { &log.lines } else { &[] };
    let rows = rows(lines, model.queueing.back, ink, usize::from(area.width), usize::from(area.height) - 1);
    for (y, row) in (1..area.height).zip(&rows) {
        put(buffer, area, y, row);
    }
}

/// "log of 02-arcface: follows; its end, 81.2 kB", or how far it is scrolled back.
fn title(model: &Model, ink: Ink) -> Line<'static> {
    let log = model.log();
    let recipe = model.job_recipe();
    let said = match &log.recipe {
        of if *of != recipe => format!("log of {recipe}: being read"),
        of if log.run.is_empty() => format!("{of} has no run yet: no log"),
        of if log.lines.is_empty() => format!("log of {of}: empty"),
        of => {
            let end = if log.is_cut { "its end, " } else { "" };
            let back = match model.queueing.back {
                0 => "follows".to_owned(),
                back => format!("stands {} lines back, G follows", words::count(back as u64)),
            };
            format!("log of {of}: {back}; {end}{}", words::bytes(log.bytes))
        }
    };
    let rule = ink.either("─", "-");
    line(vec![ink.span(&format!("{rule}{rule} {said} "), Tone::Faint)])
}

/// The rows that end with the line so many before the last.
fn rows(lines: &[String], back: usize, ink: Ink, columns: usize, height: usize) -> Vec<Line<'static>> {
    let shown = &lines[..lines.len() - back.min(lines.len().saturating_sub(1))];
    let mut rows: Vec<Line<'static>> = Vec::new();
    let indent = line(vec![ink.span("  ", Tone::Plain)]);
    for text in shown.iter().rev() {
        if rows.len() >= height {
            break;
        }
        let wrapped = wrap(&line(vec![ink.span(text, Tone::Plain)]), columns, &indent);
        rows.extend(wrapped.into_iter().rev());
    }
    rows.truncate(height);
    rows.reverse();
    rows
}
