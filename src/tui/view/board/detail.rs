//! Below the list: the selected recipe's details; above it: mistakes that stop every recipe; in its place: what to do first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use toji::base::text;
use toji::session::snapshot::Problem;

use crate::tui::model::{Model, is_active};
use crate::tui::view::ink::{Ink, Tone, line, put, wrap};
use crate::tui::view::{curves, plan, problems, words};

/// Changes against the parent that are told; the others are counted.
const CHANGES: usize = 6;

/// What the table has no room for, of the selected recipe.
pub(super) fn draw(model: &Model, ink: Ink, area: Rect, buffer: &mut Buffer) {
    let Some(recipe) = model.recipe() else { return };
    if area.height < 2 {
        return;
    }
    let columns = usize::from(area.width);
    let name = text::fit(&recipe.name, columns / 2);
    let rule = ink.either("─", "-");
    let head = format!("{rule}{rule} {name} ");
    let which = format!(" {} {rule}{rule}", model.place_in_list());
    let rest = rule.repeat(columns.saturating_sub(text::width(&head) + text::width(&which)));
    let mut rows = vec![line(vec![ink.span(&format!("{head}{rest}{which}"), Tone::Faint)])];
    let mut say = |text: &str, tone: Tone| {
        rows.extend(wrap(&line(vec![ink.span(text, tone)]), columns, &line(vec![ink.span("  ", Tone::Plain)])));
    };
    if !recipe.title.is_empty() && recipe.title != recipe.name {
        say(&recipe.title, Tone::Strong);
    }
    if let (Some(parent), false) = (&recipe.parent, recipe.changes.is_empty()) {
        let more = recipe.changes.len().saturating_sub(CHANGES);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        let told: Vec<&str> = recipe.changes.iter().take(CHANGES).map(String::as_str).collect();
        say(&format!("as {parent}, but {}{more}", told.join("; ")), Tone::Plain);
    }
    if let Some(message) = &recipe.message {
        let (_, _, tone) = words::state(recipe.state, ink);
        say(message, if tone == Tone::Bad { tone } else { Tone::Plain });
    }
    if recipe.fold.is_some_and(|(_, folds)| folds > 1) && is_active(recipe.state) {
        say(&words::progress(recipe), Tone::Plain);
    }
    for problem in problems(recipe).take(2) {
        say(&words::mistake(problem), Tone::Bad);
    }
    if let Some(score) = &recipe.score {
        let stale = if score.stale { ", of an older text" } else { "" };
        let interval = words::interval(score.interval, 3);
        let queries = words::count(score.queries as u64);
        say(&format!("{} {:.4} {interval} over {queries} queries{stale}", score.metric, score.value), Tone::Plain);
    }
    if let (Some(delta), Some(pin), false) = (&recipe.delta, &model.snapshot.pin, model.is_pin(recipe)) {
        let queries = words::count(delta.queries as u64);
        say(&format!("{} against {pin} over {queries} queries", words::delta(delta, true)), words::delta_tone(delta));
    }
    for (text, tone) in words::advice(recipe) {
        say(&text, tone);
    }
    if let (Some(why), Some(pin), false) = (&recipe.unpaired, &model.snapshot.pin, model.is_pin(recipe)) {
        say(&format!("no difference to {pin}: {why}"), Tone::Plain);
    }
    if !recipe.plan.is_empty() {
        say(&plan::summary(recipe), Tone::Plain);
        for step in recipe.plan.iter().filter(|s| s.action != "reuse").take(3) {
            say(&format!("  {} {}: {}", step.action, step.stage, step.reason), Tone::Faint);
        }
    }
    for note in &model.snapshot.notes {
        say(&format!("note: {note}"), Tone::Faint);
    }
    for (y, row) in (0..area.height).zip(&rows) {
        put(buffer, area, y, row);
    }
    // A large terminal has room for the curves as well.
    let used = u16::try_from(rows.len() + 1).unwrap_or(u16::MAX);
    if area.height >= used.saturating_add(14) {
        curves::plots(model, ink, Rect { y: area.y + used, height: area.height - used, ..area }, buffer);
    }
}

/// Mistakes in `toji.toml` and the data, in at most `most` rows.
pub(super) fn problem_rows(all: &[Problem], ink: Ink, columns: usize, most: usize) -> Vec<Line<'static>> {
    let mut rows = Vec::new();
    for problem in all {
        let text = format!("! {}", words::mistake(problem));
        let indent = line(vec![ink.span("  ", Tone::Plain)]);
        rows.extend(wrap(&line(vec![ink.span(&text, Tone::Bad)]), columns, &indent));
        if let Some(help) = &problem.help {
            rows.extend(wrap(&line(vec![ink.span(&format!("  {help}"), Tone::Plain)]), columns, &indent));
        }
    }
    if rows.len() > most && most > 0 {
        rows.truncate(most - 1);
        rows.push(line(vec![ink.span(&format!("  {} mistakes in all", all.len()), Tone::Faint)]));
    }
    rows.truncate(most);
    rows
}

/// A project without recipes, or one that is still being read.
pub(super) fn empty(model: &Model, ink: Ink, area: Rect, buffer: &mut Buffer) {
    let columns = usize::from(area.width);
    let text: &[(&str, Tone)] = match model.loaded {
        false => &[("Reading the recipes …", Tone::Faint)],
        true => &[
            ("No recipe yet.", Tone::Strong),
            ("", Tone::Plain),
            (
                "A recipe is a Markdown file in recipes/, with prose and toml cells. Save this as recipes/01-first.md and it appears here:",
                Tone::Plain,
            ),
            ("  # 01 First try", Tone::Faint),
            ("  ```toml", Tone::Faint),
            ("  [loss]", Tone::Faint),
            ("  name = \"ArcFaceLoss\"", Tone::Faint),
            ("  ```", Tone::Faint),
            ("", Tone::Plain),
            ("toji explain lists what a recipe can hold.", Tone::Plain),
        ],
    };
    let rows = text.iter().flat_map(|(t, tone)| wrap(&line(vec![ink.span(t, *tone)]), columns, &Line::default()));
    for (y, row) in (0..area.height).zip(rows) {
        put(buffer, area, y, &row);
    }
}
