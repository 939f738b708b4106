//! Boxes above the view: the keys, a question, a choice, what a name means, what the laboratory says.
//!
//! Takes the popup of the model; gives a framed box over the body. The help is drawn from the table
//! of keys, and so are the answers that a question offers.
//!
//! - [`lists`]: boxes to choose from, and the board's filter.

mod lists;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use toji::base::text;
use toji::show::curves::series::Series;

use super::ink::{Ink, Tone, line, put, width, wrap};
use super::{page, words};
use crate::tui::keys::{self, Place};
use crate::tui::model::{Model, Popup, View};

/// Draws the popup, if there is one.
pub fn draw(model: &Model, ink: Ink, body: Rect, buffer: &mut Buffer) {
    match &model.popup {
        // A photo fills the body, a filter stands in the status row.
        Some(Popup::Filter) if model.view == View::Board => lists::filter(model, ink, body, buffer),
        None | Some(Popup::Zoom { .. } | Popup::Why { .. } | Popup::Filter) => {}
        Some(Popup::Columns { at }) => lists::columns(model, *at, ink, body, buffer),
        Some(Popup::Palette { line, at }) => lists::actions(model, line, *at, ink, body, buffer),
        Some(Popup::DecideAll { decision, edits, suspects, left_out, .. }) => {
            let mut text = vec![format!("{} {}:", decision.name(), counted(*suspects))];
            let of = |(id, _, value): &(String, String, String)| match value.as_str() {
                "" => text::fit(id, 24),
                value => format!("{} {} {}", text::fit(id, 24), ink.either("→", ">"), text::fit(value, 24)),
            };
            let named: Vec<String> = edits.iter().take(NAMED).map(of).collect();
            let more = if edits.len() > NAMED { format!(", and {} more", edits.len() - NAMED) } else { String::new() };
            text.push(format!("{}{more}", named.join(", ")));
            if *left_out > 0 {
                text.push(format!("{left_out} more show and stay: decided, or nothing like it is proposed for them."));
            }
            question("Decide", &text, Place::DecideAll, ink, body, buffer);
        }
        Some(Popup::Change(change)) => {
            let columns = usize::from(body.width.saturating_sub(4)).min(76);
            let rows = page::change::rows(change, ink, columns);
            let high = (rows.len() as u16 + 2).min(body.height);
            framed(&page::change::title(change), &rows, ink, centred(body, columns as u16 + 4, high), buffer);
        }
        Some(Popup::Series) => {
            let all = Series::all(model.metric());
            let row = |(number, series): (usize, &Series)| {
                let chosen = model.curves.chosen.contains(&series.word);
                format!("{number} {} {}", if chosen { "[x]" } else { "[ ]" }, series.title)
            };
            let rows: Vec<String> = (1..).zip(&all).map(row).collect();
            question("Which charts?", &rows, Place::Series, ink, body, buffer);
        }
        Some(Popup::Help { scroll }) => scrolled("Keys", *scroll, model, ink, body, buffer),
        Some(Popup::Explain { topic, scroll, .. }) => scrolled(topic, *scroll, model, ink, body, buffer),
        Some(Popup::Lab { scroll, .. }) => scrolled("Metric lab", *scroll, model, ink, body, buffer),
        Some(Popup::AskStop { recipe }) => {
            let mut text = vec![format!("Stop {recipe} at its next clean place?")];
            if let Some(found) = model.named(recipe) {
                let progress = words::progress(found);
                if !progress.is_empty() {
                    text.push(format!("It is at {progress}; r goes on from there."));
                }
            }
            question("Stop", &text, Place::AskStop, ink, body, buffer);
        }
        Some(Popup::ChooseRung { recipe }) => {
            let ladder = model.named(recipe).map(|recipe| recipe.ladder.as_slice()).unwrap_or_default();
            let mut rows = vec![format!("Run {recipe} up to which rung?")];
            rows.extend((1..).zip(ladder).map(|(place, rung)| format!("{place} {rung}")));
            question("Run", &rows, Place::ChooseRung, ink, body, buffer);
        }
    }
}

/// So many photos are named in a question about many.
const NAMED: usize = 8;

fn counted(photos: usize) -> String {
    if photos == 1 { "1 photo".to_owned() } else { format!("{} photos", words::count(photos as u64)) }
}

/// A box of text that may be longer than the screen.
fn scrolled(title: &str, scroll: usize, model: &Model, ink: Ink, body: Rect, buffer: &mut Buffer) {
    let rows = text_rows(model, ink, body);
    let shown = rows_shown(body);
    let first = scroll.min(rows.len().saturating_sub(shown));
    let more = if rows.len() > shown { " (j and k move)" } else { "" };
    let rows = &rows[first..(first + shown).min(rows.len())];
    framed(&format!("{title}{more}"), rows, ink, text_area(body), buffer);
}

/// The rows of the open help, explanation or laboratory; of a question none.
pub fn text_rows(model: &Model, ink: Ink, body: Rect) -> Vec<Line<'static>> {
    match &model.popup {
        Some(Popup::Help { .. }) => help_rows(model, ink, body),
        Some(Popup::Explain { text, .. }) => explained_rows(text, ink, body),
        Some(Popup::Lab { hash, .. }) => {
            super::ledger::lab_rows(model, hash, ink, usize::from(text_area(body).width.saturating_sub(4)))
        }
        _ => Vec::new(),
    }
}

/// An explanation: its first line is what it is about; what is indented stays so where it wraps.
fn explained_rows(text: &str, ink: Ink, body: Rect) -> Vec<Line<'static>> {
    let columns = usize::from(text_area(body).width.saturating_sub(4));
    let mut rows = Vec::new();
    let mut begins = true;
    for said in text.lines() {
        let indent = said.len() - said.trim_start().len();
        let hanging = if indent > 0 { " ".repeat(indent + 2) } else { String::new() };
        // A heading names what follows, then two spaces, then what it is.
        let spans = match said.split_once("  ").filter(|_| begins && indent == 0) {
            Some((name, about)) => vec![ink.span(name, Tone::Strong), ink.span(&format!("  {about}"), Tone::Plain)],
            None => vec![ink.span(said, Tone::Plain)],
        };
        begins = said.is_empty();
        rows.extend(wrap(&line(spans), columns, &line(vec![ink.span(&hanging, Tone::Plain)])));
    }
    rows
}

fn question(title: &str, text: &[String], place: Place, ink: Ink, body: Rect, buffer: &mut Buffer) {
    let columns = usize::from(body.width.saturating_sub(4)).min(56);
    let mut rows: Vec<Line<'static>> =
        text.iter().flat_map(|t| wrap(&line(vec![ink.span(t, Tone::Plain)]), columns, &Line::default())).collect();
    rows.push(Line::default());
    for binding in keys::at(place).filter(|b| !b.hint.is_empty()) {
        rows.push(line(vec![
            ink.span(&text::pad(binding.keys[0], 6), Tone::Strong),
            ink.span(&text::pad(binding.hint, 12), Tone::Plain),
            ink.span(binding.help, Tone::Faint),
        ]));
    }
    let wide = rows.iter().map(width).max().unwrap_or(0).min(columns) as u16 + 4;
    let high = (rows.len() as u16 + 2).min(body.height);
    framed(title, &rows, ink, centred(body, wide, high), buffer);
}

/// The rows of the help: what works here, under the name of the place.
fn help_rows(model: &Model, ink: Ink, body: Rect) -> Vec<Line<'static>> {
    let columns = usize::from(text_area(body).width.saturating_sub(4));
    let keys_wide = if columns >= 50 { 16 } else { 12 };
    let mut rows = Vec::new();
    for binding in keys::at(Place::View(model.view)) {
        let keys = text::pad(&binding.keys.join(" "), keys_wide);
        let row = line(vec![ink.span(&keys, Tone::Strong), ink.span(binding.help, Tone::Plain)]);
        rows.extend(wrap(&row, columns, &line(vec![ink.span(&" ".repeat(keys_wide), Tone::Plain)])));
    }
    rows.push(Line::default());
    let notes: &[&str] = match model.view {
        View::Ledger => &[
            "* is final; ! before a gap (public minus CV): off the line through all submissions.",
            "forecast: the private score, with the interval that has it with 95 %. docs/ledger.md says how.",
        ],
        View::Queries => &[
            "rank: of the first right answer; miss: it is not among the best; -: the gallery has none. was: in the other recipe.",
            "toji queries RECIPE --against OTHER --out page.html writes the same for a browser.",
        ],
        View::Review => &[
            "Decisions are lines of edits.csv beside toji.toml; recipes see them, and the plan says what they run again.",
        ],
        View::Queue => &[
            "A worker has two lanes: cheap jobs need not wait for dear ones. own: it runs in a terminal of its own.",
            "late: it would end after the deadline of [leaderboard] in toji.toml. toji queue does the same from a shell.",
        ],
        _ => &[
            "A ~ behind a score: it belongs to an older text of the recipe.",
            "Differences are to the pin, over the queries that both answered, with a 95 % interval.",
            "docs/board.md has the filter's language; toji board --where asks the same in the shell.",
        ],
    };
    rows.extend(notes.iter().flat_map(|t| wrap(&line(vec![ink.span(t, Tone::Faint)]), columns, &Line::default())));
    rows
}

/// How many rows of the help or an explanation fit.
pub fn rows_shown(body: Rect) -> usize {
    usize::from(text_area(body).height.saturating_sub(2))
}

fn text_area(body: Rect) -> Rect {
    centred(body, body.width.min(84), body.height)
}

fn centred(body: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(body.width), height.min(body.height));
    Rect::new(body.x + (body.width - width) / 2, body.y + (body.height - height) / 2, width, height)
}

/// An empty box with a title in its frame and rows in it.
fn framed(title: &str, rows: &[Line<'static>], ink: Ink, area: Rect, buffer: &mut Buffer) {
    let area = area.intersection(buffer.area);
    if area.width < 2 || area.height < 2 {
        return;
    }
    for y in area.top()..area.bottom() {
        // A wide character that the frame cuts in half would push the row aside.
        if let Some(before) = area.x.checked_sub(1).and_then(|x| buffer.cell_mut((x, y)))
            && text::width(before.symbol()) > 1
        {
            before.set_symbol(" ");
        }
        for x in area.left()..area.right() {
            buffer[(x, y)].reset();
        }
    }
    let inner = usize::from(area.width - 2);
    let (side, flat) = (ink.either("│", "|"), ink.either("─", "-"));
    let (tl, tr, bl, br) = if ink.ascii() { ("+", "+", "+", "+") } else { ("┌", "┐", "└", "┘") };
    let title = text::fit(&format!(" {title} "), inner);
    let rest = flat.repeat(inner - text::width(&title));
    put(buffer, area, 0, &line(vec![ink.span(&format!("{tl}{title}{rest}{tr}"), Tone::Strong)]));
    for y in 1..area.height - 1 {
        let row = rows.get(usize::from(y) - 1);
        put(buffer, area, y, &line(vec![ink.span(side, Tone::Strong)]));
        super::ink::put_at(buffer, area, area.width - 1, y, &line(vec![ink.span(side, Tone::Strong)]));
        if let (Some(row), true) = (row, area.width > 4) {
            let inside = Rect::new(area.x + 2, area.y, area.width - 4, area.height);
            put(buffer, inside, y, row);
        }
    }
    put(buffer, area, area.height - 1, &line(vec![ink.span(&format!("{bl}{}{br}", flat.repeat(inner)), Tone::Strong)]));
}
