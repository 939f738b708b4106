//! Submissions beside the leaderboard.
//!
//! Takes the ledger of the snapshot; gives a table in three forms (two rows a submission on narrow terminals, one from 70 columns, more digits
//! from 120), below it the selected submission's details and what follows from all of them, and where there is room a picture of
//! the public score against cross-validation with the line through it.
//!
//! - `table`: rows of the table;
//! - `brief`: what follows from all submissions in few words, for small terminals; `show::ledger` has the long ones;
//! - `picture`: the scatter;
//! - `lab`: what the metric laboratory says, for the box above.

mod brief;
mod lab;
mod picture;
mod table;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use toji::base::text;
use toji::show::ledger as say;

use super::board;
use super::ink::{Ink, Tone, line, put, wrap};
use crate::tui::model::Model;
use brief::brief;
pub use lab::lab_rows;
use picture::picture;
use table::{Table, narrow};

/// Columns and rows of the picture, its frame included.
const PICTURE: (u16, u16) = (34, 12);

/// The parts from the top: so many rows of the table, the rest below it.
struct Parts {
    list: Rect,
    below: Rect,
    narrow: bool,
}

fn parts(model: &Model, body: Rect) -> Parts {
    let narrow = body.width < 70;
    let each = if narrow { 2 } else { 1 };
    let count = u16::try_from(model.snapshot.ledger.submissions.len()).unwrap_or(u16::MAX);
    let wanted = count.saturating_mul(each).saturating_add(1 - u16::from(narrow));
    let kept = match body.height {
        0..10 => 0,
        10..20 => 8,
        20..30 => 13,
        _ => 22,
    };
    let list = wanted.min(body.height.saturating_sub(kept));
    Parts {
        list: Rect { height: list, ..body },
        below: Rect { y: body.y + list, height: body.height - list, ..body },
        narrow,
    }
}

/// How many submissions the table shows at once.
pub fn shown(model: &Model, body: Rect) -> usize {
    let parts = parts(model, body);
    let rows = if parts.narrow { parts.list.height / 2 } else { parts.list.height.saturating_sub(1) };
    usize::from(rows).max(1)
}

/// Draws the ledger.
pub fn draw(model: &Model, ink: Ink, body: Rect, buffer: &mut Buffer) {
    let ledger = &model.snapshot.ledger;
    if ledger.submissions.is_empty() {
        return empty(model, ink, body, buffer);
    }
    let parts = parts(model, body);
    let (shown, columns) = (shown(model, body), usize::from(body.width));
    let table = (!parts.narrow).then(|| Table::of(ledger, columns));
    if let Some(table) = &table {
        put(buffer, parts.list, 0, &table.heading(ink));
    }
    let first = model.submission_index() / shown * shown;
    for (i, one) in ledger.submissions.iter().enumerate().skip(first).take(shown) {
        let selected = i == model.submission_index();
        let mut lines = match &table {
            Some(table) => vec![table.row(one, selected, ink)],
            None => narrow(one, selected, ink, columns),
        };
        let each = lines.len() as u16;
        let y = (i - first) as u16 * each + u16::from(table.is_some());
        for (below, line) in (0..).zip(&mut lines) {
            if selected {
                board::invert(line, body.width);
            }
            put(buffer, parts.list, y + below, line);
        }
    }
    below(model, ink, parts.below, buffer);
}

fn empty(model: &Model, ink: Ink, area: Rect, buffer: &mut Buffer) {
    let columns = usize::from(area.width);
    let (first, rest) = match model.loaded {
        false => ("Reading the ledger …".to_owned(), Vec::new()),
        true => ("No submission yet.".to_owned(), say::empty().into_iter().skip(1).collect()),
    };
    let mut rows = vec![line(vec![ink.span(&first, Tone::Strong)]), Line::default()];
    let hang = line(vec![ink.span("  ", Tone::Plain)]);
    for text in rest {
        rows.extend(wrap(&line(vec![ink.span(&text, Tone::Plain)]), columns, &hang));
    }
    for note in &model.snapshot.ledger.notes {
        rows.extend(wrap(&line(vec![ink.span(&format!("note: {note}"), Tone::Faint)]), columns, &hang));
    }
    for (y, row) in (0..area.height).zip(&rows) {
        put(buffer, area, y, row);
    }
}

/// The selected submission, and what follows from all.
fn below(model: &Model, ink: Ink, area: Rect, buffer: &mut Buffer) {
    let Some(one) = model.submission() else { return };
    if area.height < 2 {
        return;
    }
    let ledger = &model.snapshot.ledger;
    let has_picture = area.width >= 76
        && area.height >= 8
        && ledger.submissions.iter().any(|one| one.public.is_some() && one.made.cv.is_some());
    let large = area.width >= 120 && area.height >= 20;
    let (wide, high) = if large { (60, 20) } else { PICTURE };
    let texts = if has_picture { area.width - wide - 2 } else { area.width };
    let all = usize::from(area.width);
    let columns = usize::from(texts);
    let rule = ink.either("─", "-");
    let name = text::fit(&one.made.recipe, all / 2);
    let head = format!("{rule}{rule} {name} ");
    let which = format!(" {}/{} {rule}{rule}", model.submission_index() + 1, ledger.submissions.len());
    let rest = rule.repeat(all.saturating_sub(text::width(&head) + text::width(&which)));
    put(buffer, area, 0, &line(vec![ink.span(&format!("{head}{rest}{which}"), Tone::Faint)]));
    let hang = line(vec![ink.span("  ", Tone::Plain)]);
    let mut rows: Vec<Line<'static>> = Vec::new();
    let mut add = |text: &str, tone: Tone| rows.extend(wrap(&line(vec![ink.span(text, tone)]), columns, &hang));
    let about = say::details(one);
    if large {
        about.iter().skip(1).for_each(|text| add(text, Tone::Plain));
        for text in say::words(ledger) {
            let tone = if text.starts_with("note: ") { Tone::Faint } else { Tone::Plain };
            add(&text, tone);
        }
    } else {
        brief(one, ledger).iter().for_each(|(text, tone)| add(text, *tone));
        ledger.notes.iter().for_each(|note| add(&format!("note: {note}"), Tone::Faint));
        about
            .iter()
            .skip(1)
            .filter(|text| text.starts_with("post: ") || text.contains("by fold: "))
            .for_each(|text| add(text, Tone::Plain));
    }
    // The file's name last: what decides comes first, in what room there is.
    about.first().iter().for_each(|file| add(file, Tone::Faint));
    for (y, row) in (1..area.height).zip(&rows) {
        put(buffer, Rect { width: texts, ..area }, y, row);
    }
    if has_picture {
        let place =
            Rect { x: area.x + area.width - wide, y: area.y + 1, width: wide, height: high.min(area.height - 1) };
        picture(model, ink, place, buffer);
    }
}
