//! A cell and what its stages last gave.
//!
//! Takes the cell's text, its mistakes and its outputs; gives numbered, coloured rows, each mistake
//! under the line it belongs to with a caret, and under the cell each output with its state, its
//! lines, its pictures and, for training, its curves in one row each.

use std::ops::Range;

use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use toji::base::text;
use toji::session::snapshot::{Curve, Name, Output, OutputState, Picture, Problem};
use toji::show::curves::series::Series;

use super::{Piece, Placed};
use crate::tui::terminal::way::Protocol;
use crate::tui::view::ink::{Ink, Tone, line, styled, wrap};
use crate::tui::view::photos::pictures;
use crate::tui::view::words;

/// The rows of the cell's text, and the row of each of its names; `first` is the file's line of its first one,
/// `chosen` the name under the cursor.
pub fn rows(
    content: &str,
    first: usize,
    names: &[Name],
    chosen: Option<&Name>,
    problems: &[Problem],
    ink: Ink,
    columns: usize,
) -> (Vec<Line<'static>>, Vec<usize>) {
    let bar = ink.either("│", "|");
    let digits = (first + content.lines().count()).to_string().len();
    let gutter = |number: Option<usize>| {
        let number = number.map(|n| n.to_string()).unwrap_or_default();
        ink.span(&format!("{number:>digits$} {bar} "), Tone::Faint)
    };
    let room = columns.saturating_sub(digits + 3).max(8);
    let mut rows = Vec::new();
    let mut name_rows = Vec::new();
    let mut inside = None;
    for (i, source) in content.lines().enumerate() {
        let number = first + i;
        let mut code = highlighted(source, &mut inside, ink);
        if let Some(name) = chosen.filter(|name| name.line == i) {
            code = reversed(code, &name.characters);
        }
        let wrapped = wrap(&line(code), room, &line(vec![ink.span("  ", Tone::Plain)]));
        name_rows.extend(names.iter().filter(|name| name.line == i).map(|name| {
            let before = source.chars().take(name.characters.start);
            rows.len() + row_of(&wrapped, before.filter(|c| *c != ' ').count())
        }));
        for (part, row) in wrapped.into_iter().enumerate() {
            let mut spans = vec![gutter((part == 0).then_some(number))];
            spans.extend(row.spans);
            rows.push(line(spans));
        }
        for problem in problems.iter().filter(|p| p.line == number) {
            rows.extend(problem_rows(problem, source, &gutter(None), ink, room));
        }
    }
    let last = first + content.lines().count();
    for problem in problems.iter().filter(|p| p.line < first || p.line >= last) {
        rows.extend(problem_rows(problem, "", &gutter(None), ink, room));
    }
    (rows, name_rows)
}

/// The row that holds the character before which `letters` others stand, spaces not counted: wrapping loses only those.
fn row_of(rows: &[Line<'static>], letters: usize) -> usize {
    let mut seen = 0;
    let holds = |row: &Line<'static>| {
        seen += row.spans.iter().flat_map(|span| span.content.chars()).filter(|c| *c != ' ').count();
        seen > letters
    };
    rows.iter().position(holds).unwrap_or(rows.len().saturating_sub(1))
}

/// The spans with these characters of theirs in reverse.
fn reversed(spans: Vec<Span<'static>>, characters: &Range<usize>) -> Vec<Span<'static>> {
    let mut out = Vec::new();
    let mut at = 0;
    for span in spans {
        let style = span.style;
        for (i, part) in split(&span.content, at, characters).into_iter().enumerate().filter(|(_, p)| !p.is_empty()) {
            out.push(styled(part, if i == 1 { style.add_modifier(Modifier::REVERSED) } else { style }));
        }
        at += span.content.chars().count();
    }
    out
}

/// A text that begins at character `at`: what stands before these characters, inside, and behind.
fn split<'a>(text: &'a str, at: usize, characters: &Range<usize>) -> [&'a str; 3] {
    let byte =
        |character: usize| text.char_indices().nth(character.saturating_sub(at)).map_or(text.len(), |(byte, _)| byte);
    let (start, end) = (byte(characters.start), byte(characters.end));
    [&text[..start], &text[start..end], &text[end..]]
}

/// The caret, the message, and what to do.
fn problem_rows(problem: &Problem, source: &str, gutter: &Span<'static>, ink: Ink, room: usize) -> Vec<Line<'static>> {
    let before: String = source.chars().take(problem.column.saturating_sub(1)).collect();
    let at = text::width(&text::plain(&before));
    let mut said = Vec::new();
    if source.is_empty() {
        said.push((0, format!("! {}", words::mistake(problem))));
    } else if at < room {
        said.push((at, format!("^ {}", problem.message)));
    } else {
        // The line is wrapped: the column is named instead.
        said.push((0, format!("! column {}: {}", problem.column, problem.message)));
    }
    if let Some(help) = &problem.help {
        said.push((at.min(room), format!("  {help}")));
    }
    let mut rows = Vec::new();
    for (i, (at, message)) in said.into_iter().enumerate() {
        // A message that would hang far to the right begins further left, under its caret.
        let tone = if i == 0 { Tone::Bad } else { Tone::Plain };
        let wide = text::width(&text::plain(&message));
        if at > 0 && at + wide > room {
            if i == 0 {
                let caret = line(vec![gutter.clone(), ink.span(&format!("{}^", " ".repeat(at)), Tone::Bad)]);
                rows.push(caret);
            }
            let message = message.trim_start_matches(['^', ' ']).to_owned();
            push_wrapped(&message, tone, gutter, ink, room, &mut rows);
        } else {
            push_wrapped(&format!("{}{message}", " ".repeat(at)), tone, gutter, ink, room, &mut rows);
        }
    }
    rows
}

fn push_wrapped(
    message: &str,
    tone: Tone,
    gutter: &Span<'static>,
    ink: Ink,
    room: usize,
    rows: &mut Vec<Line<'static>>,
) {
    for row in wrap(&line(vec![ink.span(message, tone)]), room, &Line::default()) {
        let mut spans = vec![gutter.clone()];
        spans.extend(row.spans);
        rows.push(line(spans));
    }
}

/// One line of TOML in tones. `inside` carries an unfinished multi-line string to the next line.
fn highlighted(source: &str, inside: &mut Option<&'static str>, ink: Ink) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    let mut rest = source;
    let (table, comment) = rest.split_at(rest.find('#').unwrap_or(rest.len()));
    let bare = |c: char| c.is_alphanumeric() || matches!(c, '[' | ']' | '_' | '-' | '.' | '"' | '\'');
    let table_name = table.trim();
    if inside.is_none() && table_name.starts_with('[') && table_name.ends_with(']') && table_name.chars().all(bare) {
        return vec![ink.span(table, Tone::Strong), ink.span(comment, Tone::Faint)];
    }
    while !rest.is_empty() {
        if let Some(quote) = *inside {
            let end = rest.find(quote).map(|at| at + quote.len());
            let (string, after) = rest.split_at(end.unwrap_or(rest.len()));
            spans.push(ink.span(string, Tone::Text));
            if end.is_some() {
                *inside = None;
            }
            rest = after;
            continue;
        }
        let (length, tone, opens) = token(rest);
        spans.push(ink.span(&rest[..length], tone));
        *inside = opens;
        rest = &rest[length..];
    }
    spans
}

/// The length in bytes of the first token, its tone, and the quote of a multi-line string it opens.
fn token(rest: &str) -> (usize, Tone, Option<&'static str>) {
    for quote in ["\"\"\"", "'''"] {
        if rest.starts_with(quote) {
            return (quote.len(), Tone::Text, Some(quote));
        }
    }
    let Some(first) = rest.chars().next() else { return (0, Tone::Plain, None) };
    let run = |belongs: fn(char) -> bool| rest.find(|c| !belongs(c)).unwrap_or(rest.len());
    match first {
        '#' => (rest.len(), Tone::Faint, None),
        '"' | '\'' => {
            let mut escaped = false;
            let end = rest.char_indices().skip(1).find(|&(_, c)| {
                let ends = c == first && !escaped;
                escaped = first == '"' && c == '\\' && !escaped;
                ends
            });
            (end.map_or(rest.len(), |(at, _)| at + 1), Tone::Text, None)
        }
        c if c.is_alphanumeric() || matches!(c, '+' | '-' | '_') => {
            let length = run(|c| c.is_alphanumeric() || matches!(c, '+' | '-' | '_' | '.' | ':'));
            let is_key = rest[length..].trim_start().starts_with('=');
            let word = &rest[..length];
            let is_value =
                matches!(word, "true" | "false" | "inf" | "nan") || word.starts_with(|c: char| !c.is_alphabetic());
            (
                length,
                if is_key {
                    Tone::Name
                } else if is_value {
                    Tone::Number
                } else {
                    Tone::Plain
                },
                None,
            )
        }
        _ => (first.len_utf8(), Tone::Plain, None),
    }
}

/// One output: its state, its lines, its pictures, its curves.
pub fn output(output: &Output, curves: &[Curve], ink: Ink, columns: u16, pieces: &mut Vec<Piece>) {
    let wide = usize::from(columns);
    let (marker, word, reason, tone) = words::output_state(&output.state, ink);
    let mut head = vec![ink.span("  ", Tone::Plain), ink.span(&format!("{marker} {} {word}", output.stage), tone)];
    if let Some(reason) = reason {
        head.push(ink.span(&format!(": {reason}"), if tone == Tone::Bad { Tone::Bad } else { Tone::Plain }));
    }
    let indent = line(vec![ink.span("    ", Tone::Plain)]);
    let mut push = |row: Line<'static>| pieces.extend(wrap(&row, wide, &indent).into_iter().map(Piece::Row));
    push(line(head));
    // What is stale stays readable, only fainter.
    let stale = matches!(output.state, OutputState::Stale { .. });
    let tone = if stale { Tone::Faint } else { Tone::Plain };
    for said in &output.lines {
        push(line(vec![ink.span("    ", Tone::Plain), ink.span(said, tone)]));
    }
    if output.stage.split_whitespace().next() == Some("fit") {
        // How good it is; how it went has charts of its own.
        for curve in curves.iter().filter(|curve| Series::named(&curve.series).lower_is_better.is_some()) {
            if let Some(row) = curve_row(curve, tone, ink, wide) {
                pieces.push(Piece::Row(row));
            }
        }
    }
    strips(&output.pictures, ink, columns, pieces);
}

/// "    loss fold 1  2.310 ▇▅▃▂▁▁ 0.420".
fn curve_row(curve: &Curve, tone: Tone, ink: Ink, columns: usize) -> Option<Line<'static>> {
    const BARS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    const SIGNS: [&str; 8] = ["_", ".", ":", "-", "=", "+", "*", "#"];
    let points: Vec<f64> = curve.points.iter().map(|p| p[1]).filter(|v| v.is_finite()).collect();
    let (first, last) = (points.first()?, points.last()?);
    let name = match curve.fold {
        0 => curve.series.clone(),
        fold => format!("{} fold {}", curve.series, fold + 1),
    };
    let room = columns.saturating_sub(4 + 14 + 1 + 8 + 1 + 8).clamp(4, 48).min(points.len());
    let (low, high) = points.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
    let bars: String = (0..room)
        .map(|i| {
            let part =
                &points[i * points.len() / room..((i + 1) * points.len() / room).max(i * points.len() / room + 1)];
            let mean = part.iter().map(|v| v / part.len() as f64).sum::<f64>();
            let level = if high > low { (mean - low) / (high - low) * 7.0 } else { 3.0 };
            let level = (level.round().max(0.0) as usize).min(7);
            if ink.ascii() { SIGNS[level] } else { BARS[level] }
        })
        .collect();
    Some(line(vec![
        ink.span(&format!("    {} {first:>8.3} ", text::pad(&name, 14)), tone),
        ink.span(&bars, Tone::Name),
        ink.span(&format!(" {last:.3}"), tone),
    ]))
}

/// Rows of pictures, one strip each; what has no room at the right is counted.
fn strips(rows: &[Vec<Picture>], ink: Ink, columns: u16, pieces: &mut Vec<Piece>) {
    const WIDE: u16 = 16;
    const HIGH: u16 = 10;
    let count: usize = rows.iter().map(Vec::len).sum();
    if ink.way.protocol == Protocol::Off {
        if count > 0 {
            pieces.push(Piece::Row(line(vec![ink.span(&format!("    {count} pictures, not shown"), Tone::Faint)])));
        }
        return;
    }
    let wide = WIDE.min(columns.saturating_sub(4));
    if wide < 4 {
        return;
    }
    let per_strip = usize::from((columns.saturating_sub(4) + 1) / (wide + 1)).max(1);
    for strip in rows.iter().filter(|row| !row.is_empty()).map(|row| &row[..row.len().min(per_strip)]) {
        let place = |(i, picture): (usize, &Picture)| {
            // High pictures become narrower instead of higher.
            let rows = pictures::rows(picture, wide, ink.way.cell);
            let columns =
                if rows > HIGH { (u32::from(wide) * u32::from(HIGH) / u32::from(rows)).max(1) as u16 } else { wide };
            // Cheap: the pixels are shared.
            Placed { column: 4 + i as u16 * (wide + 1), columns, rows: rows.min(HIGH), picture: picture.clone() }
        };
        let pictures: Vec<Placed> = strip.iter().enumerate().map(place).collect();
        let rows = pictures.iter().map(|p| p.rows).max().unwrap_or(0);
        pieces.push(Piece::Strip { pictures, rows });
        pieces.push(Piece::Row(Line::default()));
    }
    let hidden = rows.iter().map(|row| row.len().saturating_sub(per_strip)).max().unwrap_or(0);
    if hidden > 0 {
        pieces.push(Piece::Row(line(vec![ink.span(&format!("    and {hidden} more"), Tone::Faint)])));
    }
}
