//! Recipes side by side: only what differs.
//!
//! Takes the comparison of the marked recipes (or of the pin and the selected one); gives a row a thing and a column a recipe, or, on narrow
//! terminals, a line a recipe under each thing, and the curves of all on one axis where there is room beside or below.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use toji::base::text;
use toji::show::compare::{self, Mark, Sheet};

use super::ink::{Ink, Tone, line, put, wrap};
use super::{curves, nothing};
use crate::tui::model::Model;

/// Queries that are listed.
const QUERIES: usize = 200;

/// The text, and the curves where they have room.
struct Parts {
    text: Rect,
    curves: Option<Rect>,
}

fn parts(body: Rect) -> Parts {
    let margin = u16::from(body.width >= 60);
    let body = Rect { x: body.x + margin, width: body.width.saturating_sub(2 * margin), ..body };
    if body.width >= 140 && body.height >= 16 {
        let wide = body.width * 3 / 5;
        let text = Rect { width: wide, ..body };
        return Parts { text, curves: Some(Rect { x: body.x + wide + 2, width: body.width - wide - 2, ..body }) };
    }
    if body.height >= 40 {
        let high = body.height - 16;
        let curves = Rect { y: body.y + high, height: 16, ..body };
        return Parts { text: Rect { height: high, ..body }, curves: Some(curves) };
    }
    Parts { text: body, curves: None }
}

/// How many rows of text show.
pub fn shown(body: Rect) -> usize {
    usize::from(parts(body).text.height)
}

/// Draws the screen.
pub fn draw(model: &Model, ink: Ink, body: Rect, buffer: &mut Buffer) {
    if model.recipe().is_none() {
        return nothing(model, ink, body, buffer);
    }
    let parts = parts(body);
    let rows = rows(model, ink, body);
    let last = rows.len().saturating_sub(usize::from(parts.text.height));
    for (y, row) in (0..parts.text.height).zip(rows.iter().skip(model.scrolled().min(last))) {
        put(buffer, parts.text, y, row);
    }
    if let (Some(area), true) = (parts.curves, model.compared().len() > 1) {
        curves::plots(model, ink, area, buffer);
    }
}

/// All rows of text.
pub fn rows(model: &Model, ink: Ink, body: Rect) -> Vec<Line<'static>> {
    let columns = usize::from(parts(body).text.width);
    let say = |text: &str, tone: Tone| wrap(&line(vec![ink.span(text, tone)]), columns, &Line::default());
    let names = model.compared();
    if names.len() < 2 {
        let mut rows = say("Nothing to compare yet.", Tone::Strong);
        let how = "Mark two to six recipes on the board with space, or pin one with p and select another.";
        rows.extend(say(how, Tone::Plain));
        return rows;
    }
    let Some(found) = model.comparison() else {
        return say(&format!("Comparing {} …", names.join(", ")), Tone::Faint);
    };
    if let Some(why) = &found.missing {
        return say(why, Tone::Plain);
    }
    // The letters of the curves.
    let place = |name: &String| model.snapshot.recipes.iter().position(|recipe| recipe.name == *name).unwrap_or(0);
    let letters = names.iter().map(|name| curves::letter(place(name))).collect();
    let sheet = Sheet::of(found, QUERIES, columns, letters);
    let here = |i: usize| names.get(i).is_some_and(|name| *name == model.selected);
    let mut rows: Vec<Line<'static>> = Vec::new();
    match sheet.heads(found) {
        Some((gap, heads)) => {
            let mut spans = vec![ink.span(&gap, Tone::Plain)];
            for (i, head) in heads.iter().enumerate() {
                spans.push(ink.span(if here(i) { ink.either(" ❯", " >") } else { "  " }, Tone::Strong));
                spans.push(ink.span(head, Tone::Strong));
            }
            rows.push(line(spans));
        }
        None => {
            for (i, said) in sheet.legend(found).iter().enumerate() {
                let cursor = if here(i) { ink.either("❯", ">") } else { " " };
                rows.push(line(vec![ink.span(&text::fit(&format!("{cursor}{said}"), columns), Tone::Strong)]));
            }
        }
    }
    for note in compare::notes(found) {
        rows.extend(say(&note, Tone::Care));
    }
    for section in &sheet.sections {
        rows.push(Line::default());
        rows.extend(say(&section.title, Tone::Faint));
        for row in &section.rows {
            for (name, cells) in sheet.set(row) {
                let mut spans = vec![ink.span(&name, Tone::Plain)];
                for (text, mark) in cells {
                    let tone = match mark {
                        Mark::None => Tone::Plain,
                        Mark::Better => Tone::Good,
                        Mark::Worse => Tone::Bad,
                        Mark::Missing => Tone::Faint,
                    };
                    spans.push(ink.span("  ", Tone::Plain));
                    spans.push(ink.span(&text, tone));
                }
                rows.push(line(spans));
            }
        }
    }
    rows
}
