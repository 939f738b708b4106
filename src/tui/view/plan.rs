//! The plan of one recipe: what would run, why, and for how long.
//!
//! Takes the recipe's steps; gives a heading with the sum and one or two rows a step: marker and
//! word of the action, stage, seconds, size, reason. Below them whether it ends before the deadline, and how good the estimates of this machine were.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use toji::base::text;
use toji::dag::Judged;
use toji::session::snapshot::{Recipe, State, Step};
use toji::session::survey::queue::estimates::Estimates;

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
    let mut how = refusal(model, Action::Run).unwrap_or_else(|| "r runs it; R asks up to which rung.".to_owned());
    if refusal(model, Action::RunPart).is_none() {
        how.push_str(" o runs only what is cheap.");
    }
    rows.push(Line::default());
    if let Some((due, deadline)) = model.snapshot.queue.due.get(&recipe.name).zip(model.snapshot.queue.deadline) {
        let words = due.in_words(deadline);
        let words = format!("It {words}.");
        let tone = if due.in_time { Tone::Good } else { Tone::Bad };
        rows.extend(wrap(&line(vec![ink.span(&words, tone)]), columns, &Line::default()));
    }
    rows.extend(wrap(&line(vec![ink.span(&how, Tone::Faint)]), columns, &Line::default()));
    rows.extend(estimates(&model.snapshot.estimates, ink, columns));
    rows
}

/// So many of the newest stages are shown with their estimates.
const JUDGED: usize = 8;

/// Estimates beside what they came to.
fn estimates(estimates: &Estimates, ink: Ink, columns: usize) -> Vec<Line<'static>> {
    if estimates.newest.is_empty() {
        return Vec::new();
    }
    let mut rows = vec![Line::default()];
    rows.extend(wrap(&line(vec![ink.span(&estimates.words, Tone::Plain)]), columns, &Line::default()));
    let newest = &estimates.newest[..estimates.newest.len().min(JUDGED)];
    let name = |one: &Judged| match columns {
        0..60 => one.stage.clone(),
        _ => format!("{}  {}", one.stage, one.recipe),
    };
    let longest = newest.iter().map(|one| text::width(&name(one))).max().unwrap_or(0);
    let wide = longest.min(columns.saturating_sub(28)).max(8);
    let row = |name: &str, estimate: &str, took: &str, ratio: &str, tone: Tone| {
        let name = text::pad(name, wide);
        line(vec![ink.span(&format!("{name} {estimate:>9}{took:>9}{ratio:>8}"), tone)])
    };
    rows.push(row("last stages", "estimate", "took", "ratio", Tone::Faint));
    for one in newest {
        let ratio = one.ratio().map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        let (estimate, took) = (words::seconds(one.estimate), words::seconds(one.seconds));
        rows.push(row(&name(one), &estimate, &took, &ratio, Tone::Plain));
    }
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
        let running = || recipe.plan.iter().filter(|step| step.action == "run");
        let known: u64 = running().filter_map(|step| step.bytes).sum();
        let unknown = running().filter(|step| step.bytes.is_none()).count();
        // Less than this nobody has to make room for.
        if known >= 1 << 20 {
            let between = if recipe.plan_seconds.is_some() { " and" } else { ";" };
            text.push_str(&format!("{between} {} of disk", words::bytes(known)));
        }
        match unknown {
            0 => {}
            1 => text.push_str(" (1 of unknown size)"),
            n => text.push_str(&format!(" ({n} of unknown size)")),
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
    let size = match (step.bytes, runs) {
        (Some(bytes), _) => words::bytes(bytes),
        (None, true) => "?".to_owned(),
        (None, false) => String::new(),
    };
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
    // On a narrow screen the size goes in front of the reason.
    let mut rows = vec![line(spans)];
    let reason_span = match size.as_str() {
        "" => reason_span,
        size if reason.is_empty() => ink.span(size, Tone::Plain),
        size => ink.span(&format!("{size}  {reason}"), Tone::Plain),
    };
    if !reason_span.content.is_empty() {
        let indent = line(vec![ink.span("  ", Tone::Plain)]);
        rows.extend(wrap(&line(vec![ink.span("  ", Tone::Plain), reason_span]), columns, &indent));
    }
    rows
}
