//! Boxes to choose from: all actions, the board's columns; and the board's filter while it is typed.
//!
//! The filter's box lies at the bottom, so that the list above it shows what passes; beneath the line stand the
//! mistake with its place, or what may come next.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use toji::base::text;
use toji::session::board::filter::Mistake;

use super::{framed, text_area};
use crate::tui::model::Model;
use crate::tui::model::line::Line as Typed;
use crate::tui::update::palette;
use crate::tui::view::board::invert;
use crate::tui::view::ink::{Ink, Tone, line, styled, wrap};

/// Rows of a box besides those of its list: frame, the typed line, and two that say why.
const AROUND: usize = 5;

/// The palette.
pub fn actions(model: &Model, typed: &Typed, at: usize, ink: Ink, body: Rect, buffer: &mut Buffer) {
    let area = text_area(body);
    let columns = usize::from(area.width.saturating_sub(4));
    let entries = palette::entries(model, typed.text());
    let at = at.min(entries.len().saturating_sub(1));
    let mut rows = vec![input(":", typed, columns, ink).0];
    let room = usize::from(area.height).saturating_sub(AROUND).max(1);
    for (place, entry) in entries.iter().enumerate().skip(at / room * room).take(room) {
        let cursor = if place == at { ink.either("❯", ">") } else { " " };
        let refused = entry.why_not.is_some();
        let tone = if refused { Tone::Faint } else { Tone::Plain };
        let key = entry.binding.keys.first().copied().unwrap_or_default();
        let why = entry.why_not.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        let mark = if refused { "-" } else { " " };
        let mut row = line(vec![
            ink.span(&format!("{cursor}{mark}{} ", text::pad(key, 9)), if refused { tone } else { Tone::Strong }),
            ink.span(&format!("{}{why}", entry.binding.help), tone),
        ]);
        if place == at {
            row = cut(row, columns, ink);
            invert(&mut row, columns as u16);
        }
        rows.push(row);
    }
    if entries.is_empty() {
        rows.push(line(vec![ink.span("  no action is called so", Tone::Faint)]));
    }
    let told = entries.get(at).map(|entry| match &entry.why_not {
        Some(why) => line(vec![ink.span(&format!("not now: {why}"), Tone::Care)]),
        None => line(vec![ink.span(&format!("enter: {}", entry.binding.help), Tone::Plain)]),
    });
    rows.resize(room + 1, Line::default());
    rows.extend(told.into_iter().flat_map(|told| wrap(&told, columns, &Line::default())).take(2));
    framed(&format!("Actions, {}", entries.len()), &rows, ink, area, buffer);
}

/// The board's columns.
pub fn columns(model: &Model, at: usize, ink: Ink, body: Rect, buffer: &mut Buffer) {
    let area = text_area(body);
    let columns = usize::from(area.width.saturating_sub(4));
    let all = model.offered_columns();
    let at = at.min(all.len().saturating_sub(1));
    let room = usize::from(area.height).saturating_sub(3).max(1);
    let wide = all.iter().map(|(name, _)| text::width(name)).max().unwrap_or(0).min(columns / 2);
    let mut rows = Vec::new();
    for (place, (name, about)) in all.iter().enumerate().skip(at / room * room).take(room) {
        let cursor = if place == at { ink.either("❯", ">") } else { " " };
        let is_chosen = model.board.choice.columns.contains(name);
        let mark = if is_chosen { "[x]" } else { "[ ]" };
        let sorted = if model.board.choice.sort == *name { "*" } else { " " };
        let tone = if is_chosen { Tone::Strong } else { Tone::Plain };
        let mut row = line(vec![
            ink.span(&format!("{cursor}{mark}{sorted}"), Tone::Plain),
            ink.span(&text::pad(name, wide), tone),
            ink.span(&format!("  {about}"), Tone::Faint),
        ]);
        if place == at {
            row = cut(row, columns, ink);
            invert(&mut row, columns as u16);
        }
        rows.push(row);
    }
    rows.resize(room, Line::default());
    let place = format!("{}/{}; * sorted: {}", at + 1, all.len(), model.order_in_words());
    rows.push(line(vec![ink.span(&place, Tone::Faint)]));
    framed("Columns", &rows, ink, area, buffer);
}

/// The board's filter.
pub fn filter(model: &Model, ink: Ink, body: Rect, buffer: &mut Buffer) {
    let height = body.height.min(5);
    let area = Rect::new(body.x, body.y + body.height - height, body.width, height);
    let columns = usize::from(area.width.saturating_sub(4));
    let board = &model.board;
    let (typed, window) = input("/", &board.line, columns, ink);
    let mut rows = vec![typed];
    match &board.mistake {
        Some(mistake) => rows.extend(wrong(mistake, board.line.text(), &window, columns, ink)),
        None => rows.extend(offered(model, columns, ink)),
    }
    let (listed, all) = (board.listed.len(), model.snapshot.recipes.len());
    let last = if board.mistake.is_some() { ", by the last that could be read" } else { "" };
    framed(&format!("Filter: {listed} of {all} recipes{last}"), &rows, ink, area, buffer);
}

/// The mistake under its place, and in words.
fn wrong(mistake: &Mistake, typed: &str, window: &Range<usize>, columns: usize, ink: Ink) -> Vec<Line<'static>> {
    let tone = if mistake.is_unfinished { Tone::Care } else { Tone::Bad };
    let wide = |from: usize, to: usize| text::width(&text::plain(typed.get(from..to.max(from)).unwrap_or_default()));
    let (from, to) = (mistake.at.start.max(window.start), mistake.at.end.min(window.end));
    let caret =
        ink.span(&format!("{}{}", " ".repeat(2 + wide(window.start, from)), "^".repeat(wide(from, to).max(1))), tone);
    let help = mistake.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
    let told = line(vec![ink.span(&format!("{}{help}", mistake.message), tone)]);
    // On narrow terminals the words take the caret's row too.
    match text::width(&mistake.message) + text::width(&help) > columns {
        true => wrap(&told, columns, &Line::default()).into_iter().take(2).collect(),
        false => vec![line(vec![caret]), told],
    }
}

/// What may come next, and a word about the first or the chosen of it.
fn offered(model: &Model, columns: usize, ink: Ink) -> Vec<Line<'static>> {
    let board = &model.board;
    let candidates = &board.completion.candidates;
    let at = board.cycle.as_ref().map(|(at, _)| *at);
    // Those before the chosen one go where there is no room.
    let first = at.map_or(0, |at| {
        let wide = |from: usize| candidates[from..=at].iter().map(|one| text::width(&one.text) + 2).sum::<usize>() + 6;
        (0..=at).find(|from| wide(*from) <= columns).unwrap_or(at)
    });
    let mut spans = vec![ink.span("tab: ", Tone::Faint)];
    for (place, candidate) in candidates.iter().enumerate().skip(first).take(columns) {
        let chosen = at == Some(place);
        let shown = if chosen { format!("[{}]", candidate.text) } else { format!(" {} ", candidate.text) };
        spans.push(ink.span(&shown, if chosen { Tone::Strong } else { Tone::Plain }));
    }
    if candidates.is_empty() {
        return Vec::new();
    }
    let about = &candidates[at.unwrap_or(0).min(candidates.len() - 1)];
    let told = if about.about.is_empty() { String::new() } else { format!("     {}: {}", about.text, about.about) };
    vec![line(spans), line(vec![ink.span(&told, Tone::Faint)])]
}

/// The typed line behind a sign, with its cursor: the character that it stands on is reversed, at the end it is a low line. Of a long
/// line the part around the cursor; which bytes that is.
fn input(sign: &str, typed: &Typed, columns: usize, ink: Ink) -> (Line<'static>, Range<usize>) {
    let room = columns.saturating_sub(3).max(1);
    let (whole, cursor) = (typed.text(), typed.cursor());
    let wide = |range: Range<usize>| text::width(&text::plain(&whole[range]));
    let borders = || whole.char_indices().map(|(place, _)| place).chain([whole.len()]);
    let from = borders().find(|from| *from >= cursor || wide(*from..cursor) < room).unwrap_or(cursor).min(cursor);
    let to = borders().rfind(|to| *to >= cursor && wide(from..*to) <= room).unwrap_or(cursor);
    let under = whole[cursor..to].chars().next();
    let behind = cursor + under.map_or(0, char::len_utf8);
    let style = ink.style(Tone::Strong);
    let mut spans: Vec<Span<'static>> =
        vec![ink.span(&format!("{sign} "), Tone::Plain), styled(&whole[from..cursor], style)];
    match under {
        Some(sign) => {
            spans.push(styled(&sign.to_string(), style.add_modifier(Modifier::REVERSED)));
            spans.push(styled(&whole[behind..to], style));
        }
        None => spans.push(styled("_", style)),
    }
    (line(spans), from..to)
}

/// A line cut to so many columns.
fn cut(row: Line<'static>, columns: usize, ink: Ink) -> Line<'static> {
    let whole: String = row.spans.iter().map(|span| span.content.as_ref()).collect();
    line(vec![ink.span(&text::fit(&whole, columns), Tone::Plain)])
}
