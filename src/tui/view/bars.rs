//! The rows around every view: tabs and worker above, status and keys below.
//!
//! Takes the model and the table of keys; gives three rows. Keys that cannot be used now stay in
//! their places, fainter; pressing one tells why.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use toji::session::snapshot::Counting;

use super::Frame;
use super::ink::{Ink, Tone, line, put, put_at, styled, width};
use super::words;
use crate::tui::keys;
use crate::tui::model::{Model, Popup, View};
use crate::tui::update::refusal;

/// Tabs, the project's name, the worker.
pub fn title(model: &Model, ink: Ink, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let (mut tabs, form) = tabs(model.view, ink, usize::from(area.width));
    let taken: usize = tabs.iter().map(|span| toji::base::text::width(&span.content)).sum();
    let room = usize::from(area.width).saturating_sub(taken + 2);
    let worker = if model.loaded { words::worker(&model.snapshot.worker, room) } else { String::new() };
    let project = format!("  {}", model.snapshot.project);
    let whole = toji::base::text::width(&project) + toji::base::text::width(&worker) < room;
    if form != Tabs::Numbers && model.loaded && whole {
        tabs.push(ink.span(&project, Tone::Faint));
    }
    let left = line(tabs);
    let right = line(vec![ink.span(&toji::base::text::fit(&worker, room), Tone::Plain)]);
    let taken = u16::try_from(width(&right)).unwrap_or(0);
    let at = area.width.saturating_sub(taken);
    put(buffer, Rect { width: at.saturating_sub(u16::from(taken > 0)), ..area }, 0, &left);
    put_at(buffer, area, at, 0, &right);
}

/// How tabs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tabs {
    /// Names with a space around each.
    Padded,
    /// Names.
    Names,
    /// Numbers, and the name of the current one; where even these do not fit, those around it.
    Numbers,
}

/// The tabs, in the longest form that leaves some room.
fn tabs(current: View, ink: Ink, columns: usize) -> (Vec<Span<'static>>, Tabs) {
    let written = |form: Tabs, from: usize, to: usize| {
        let mut tabs: Vec<Span<'static>> = Vec::new();
        for (number, view) in (1..).zip(View::ALL).skip(from).take(to - from) {
            let here = view == current;
            let title = match form {
                Tabs::Padded => format!(" {} ", view.title()),
                Tabs::Names => view.title().to_owned(),
                Tabs::Numbers if here => format!("{number} {}", view.title()),
                Tabs::Numbers => number.to_string(),
            };
            let style = ink.style(if here { Tone::Strong } else { Tone::Plain });
            if !tabs.is_empty() {
                tabs.push(ink.span(" ", Tone::Plain));
            }
            tabs.push(styled(&title, if here { style.add_modifier(Modifier::REVERSED) } else { style }));
        }
        tabs
    };
    let all = View::ALL.len();
    // What is left for the project and the worker.
    for (form, spare) in [(Tabs::Padded, 28), (Tabs::Names, 20)] {
        let tabs = written(form, 0, all);
        if width(&line(tabs.clone())) + spare <= columns {
            return (tabs, form);
        }
    }
    // Numbers around the current one, fewer and fewer: what it is called shows in any case.
    let at = View::ALL.iter().position(|view| *view == current).unwrap_or(0);
    let around = |reach: usize| written(Tabs::Numbers, at.saturating_sub(reach), (at + reach + 1).min(all));
    let fits = |tabs: &Vec<Span<'static>>| width(&line(tabs.clone())) <= columns;
    let tabs = (0..all).rev().map(around).find(fits).unwrap_or_else(|| around(0));
    (tabs, Tabs::Numbers)
}

/// Status and keys.
pub fn bottom(model: &Model, ink: Ink, frame: &Frame, buffer: &mut Buffer) {
    let status = status(model, ink, frame.status.width.max(frame.hints.width));
    if frame.status.height > 0 {
        let mut place = frame.status;
        if let Some(reading) = model.meter {
            let words = line(vec![ink.span(&reading.words(), Tone::Faint)]);
            let wide = u16::try_from(width(&words)).unwrap_or(u16::MAX).min(place.width);
            place.width -= wide;
            put_at(buffer, frame.status, place.width, 0, &words);
            place.width = place.width.saturating_sub(1);
        }
        if let Some(status) = status {
            put(buffer, place, 0, &status);
        }
    } else if let (Some(reply), true) = (&model.reply, model.popup.is_none()) {
        return put(buffer, frame.hints, 0, &line(vec![ink.span(reply, Tone::Care)]));
    }
    if frame.hints.height > 0 {
        put(buffer, frame.hints, 0, &hints(model, ink, usize::from(frame.hints.width)));
    }
}

/// The most pressing thing to say: the answer to the last key, planning, what happened, what is wrong.
fn status(model: &Model, ink: Ink, columns: u16) -> Option<Line<'static>> {
    let snapshot = &model.snapshot;
    if matches!(model.popup, Some(Popup::Filter)) && model.view == View::Review {
        return Some(line(vec![ink.span(&format!("filter: {}_", model.looking.filter), Tone::Strong)]));
    }
    if let Some(reply) = &model.reply {
        return Some(line(vec![ink.span(reply, Tone::Care)]));
    }
    if let Some(planning) = &snapshot.planning {
        return Some(counting(planning, ink, columns));
    }
    if let Some(notice) = &snapshot.notice {
        return Some(line(vec![ink.span(notice, Tone::Plain)]));
    }
    // The board shows them itself.
    let problem = snapshot.problems.first().filter(|_| model.view != View::Board)?;
    Some(line(vec![ink.span(&format!("! {}", words::mistake(problem)), Tone::Bad)]))
}

/// "hashing pictures [######----] 12,000/100,000 images".
fn counting(counting: &Counting, ink: Ink, columns: u16) -> Line<'static> {
    let mut spans = vec![ink.span(&counting.what, Tone::Live)];
    let of = match counting.total {
        0 if counting.done == 0 => String::new(),
        0 => words::count(counting.done),
        total => format!("{}/{}", words::count(counting.done), words::count(total)),
    };
    if counting.total > 0 && columns >= 60 {
        let done = counting.done.min(counting.total) as f64 / counting.total as f64;
        let full = (done * 10.0).floor() as usize;
        spans.push(ink.span(&format!(" [{}{}]", "#".repeat(full), "-".repeat(10 - full)), Tone::Live));
    }
    spans.push(ink.span(&format!(" {of} {}", counting.unit), Tone::Plain));
    line(spans)
}

/// The keys of this place, as many as fit; the last two (help and quit) always.
fn hints(model: &Model, ink: Ink, columns: usize) -> Line<'static> {
    let all: Vec<Vec<Span<'static>>> = keys::at(model.place())
        .filter(|binding| !binding.hint.is_empty())
        .map(|binding| {
            let refused = refusal(model, binding.action).is_some();
            let (key, word) = if refused { (Tone::Faint, Tone::Faint) } else { (Tone::Strong, Tone::Plain) };
            vec![ink.span(binding.keys[0], key), ink.span(&format!(" {}", binding.hint), word)]
        })
        .collect();
    let gap = if columns >= 60 { 2 } else { 1 };
    let wide = |hint: &[Span<'static>]| hint.iter().map(|s| toji::base::text::width(&s.content)).sum::<usize>() + gap;
    let (first, last) = all.split_at(all.len().saturating_sub(2));
    let mut room = columns.saturating_sub(last.iter().map(|h| wide(h)).sum());
    let mut spans = Vec::new();
    for hint in first {
        let wide = wide(hint);
        if wide > room {
            break;
        }
        room -= wide;
        spans.extend(hint.iter().cloned());
        spans.push(ink.span(&" ".repeat(gap), Tone::Plain));
    }
    for hint in last {
        spans.extend(hint.iter().cloned());
        spans.push(ink.span(&" ".repeat(gap), Tone::Plain));
    }
    line(spans)
}
