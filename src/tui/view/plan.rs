//! The plan of one recipe: what would run, why, and for how long.
//!
//! Takes the recipe's steps; gives a heading with the sum and one or two rows a step: marker and
//! word of the action, stage, seconds, size, reason.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use toji::base::text;
use toji::session::snapshot::{Recipe, State, Step};

use super::ink::{Ink, Tone, line, put, wrap};
use super::{heading, nothing, text_area, words};
use crate::tui::action::Action;
use crate::tui::model::Model;
use crate::tui::update::refusal;

/// Draws the plan of the selected recipe.
pub fn draw(model: &Model, ink: Ink, body: Rect, buffer: &mut Buffer) {
    let area = text_area(body);
    let Some(recipe) = model.recipe() else { return nothing(model, ink, area, buffer) };
    heading(model, ink, body, 0, buffer);
    let rows = rows(model, recipe, ink, area.width);
    let last = rows.len().saturating_sub(usize::from(area.height));
    for (y, row) in (0..area.height).zip(rows.iter().skip(model.scrolled().min(last))) {
        put(buffer, area, y, row);
    }
}

/// All rows of the plan.
pub fn rows(model: &Model, recipe: &Recipe, ink: Ink, columns: u16) -> Vec<Line<'static>> {
    let columns = usize::from(columns);
    let mut rows = wrap(&line(vec![ink.span(&summary(recipe), Tone::Strong)]), columns, &Line::default());
    rows.push(Line::default());
    // As wide as its longest name, as far as there is room.
    let longest = recipe.plan.iter().map(|step| text::width(&step.stage)).max().unwrap_or(0);
    let (least, most) = if columns >= 100 { (22, 44) } else { (14, if columns >= 60 { 28 } else { 19 }) };
    let stage_wide = longest.clamp(least, most);
    for step in &recipe.plan {
        rows.extend(step_rows(step, ink, columns, stage_wide));
    }
    let how = refusal(model, Action::Run).unwrap_or_else(|| "r runs it; R asks up to which rung.".to_owned());
    rows.push(Line::default());
    rows.extend(wrap(&line(vec![ink.span(&how, Tone::Faint)]), columns, &Line::default()));
    rows
}

/// "2 steps would run in 3m 20s, 3 are in the store."
pub fn summary(recipe: &Recipe) -> String {
    let count = |action: &str| recipe.plan.iter().filter(|s| s.action == action).count();
    let (run, reuse, blocked) = (count("run"), count("reuse"), count("blocked"));
    if recipe.plan.is_empty() {
        return match recipe.state {
            State::Broken => "No plan: the recipe has mistakes.".to_owned(),
            _ => "No plan yet.".to_owned(),
        };
    }
    let mut text = match run {
        0 => "Nothing would run".to_owned(),
        1 => "1 step would run".to_owned(),
        n => format!("{n} steps would run"),
    };
    if run > 0 {
        match recipe.plan_seconds {
            Some(seconds) => text.push_str(&format!(" in about {}", words::seconds(seconds))),
            None => text.push_str(", time not known yet"),
        }
    }
    if reuse > 0 {
        text.push_str(&format!(", {reuse} in the store"));
    }
    if blocked > 0 {
        text.push_str(&format!(", {blocked} blocked"));
    }
    text.push('.');
    text
}

fn step_rows(step: &Step, ink: Ink, columns: usize, stage_wide: usize) -> Vec<Line<'static>> {
    let (marker, tone) = match step.action.as_str() {
        "run" => (ink.either("▸", ">"), Tone::Live),
        "reuse" => (ink.either("✓", "="), Tone::Good),
        "blocked" => ("!", Tone::Bad),
        _ => ("-", Tone::Plain),
    };
    let runs = step.action == "run";
    let seconds = match (step.seconds, runs) {
        (Some(seconds), _) => words::seconds(seconds),
        (None, true) => "?".to_owned(),
        (None, false) => String::new(),
    };
    let size = step.bytes.map(words::bytes).unwrap_or_default();
    let mut reason = step.reason.clone();
    if runs && step.cheap {
        reason.push_str(if reason.is_empty() { "starts by itself" } else { " (starts by itself)" });
    }
    let mut spans = vec![
        ink.span(&format!("{marker} {}", text::pad(&step.action, 8)), tone),
        ink.span(&text::pad(&step.stage, stage_wide), if runs { Tone::Strong } else { Tone::Plain }),
        ink.span(&format!(" {seconds:>8}"), Tone::Plain),
    ];
    let reason_span = ink.span(&reason, Tone::Plain);
    if columns >= 60 {
        spans.push(ink.span(&format!("  {size:>7}  "), Tone::Faint));
        let indent = 2 + 8 + stage_wide + 9 + 11;
        spans.push(reason_span);
        return wrap(&line(spans), columns, &line(vec![ink.span(&" ".repeat(indent), Tone::Plain)]));
    }
    let mut rows = vec![line(spans)];
    if !reason.is_empty() {
        let indent = line(vec![ink.span("  ", Tone::Plain)]);
        rows.extend(wrap(&line(vec![ink.span("  ", Tone::Plain), reason_span]), columns, &indent));
    }
    rows
}
