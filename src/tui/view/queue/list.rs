//! The rows of the queue: one a job, or two where it is narrow.
//!
//! Marker and word of the state, recipe, rung, lane, who began it, how far it is, what is left, when it ends, and whether that is in time.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use toji::dag::{Lane, Order};
use toji::session::survey::queue::{Entry, Standing};

use super::{cell, lit};
use crate::tui::model::Model;
use crate::tui::view::ink::{Ink, Tone, line, put};
use crate::tui::view::words;

/// From so many columns on a job has one row.
pub const MEDIUM: u16 = 70;
/// From so many, all that is known of it.
const WIDE: u16 = 130;

/// Rows of the head.
pub fn head(columns: u16) -> u16 {
    u16::from(columns >= MEDIUM)
}

/// Rows of a job.
pub fn rows_each(columns: u16) -> u16 {
    if columns < MEDIUM { 2 } else { 1 }
}

/// Draws the list, whole screens of it, that with the chosen job.
pub fn draw(model: &Model, ink: Ink, area: Rect, buffer: &mut Buffer) {
    let (head, each) = (head(area.width), rows_each(area.width));
    if head > 0 {
        put(buffer, area, 0, &heads(ink, area.width));
    }
    let shown = usize::from(area.height.saturating_sub(head) / each).max(1);
    let index = model.job_index();
    let first = index / shown * shown;
    for (place, job) in model.jobs().iter().enumerate().skip(first).take(shown) {
        let y = head + (place - first) as u16 * each;
        for (below, row) in (0..each).zip(rows(model, job, ink, area.width)) {
            let row = if place == index { lit(row, area.width) } else { row };
            put(buffer, area, y + below, &row);
        }
    }
}

/// The marker, the word and the tone of a job's state.
fn state(job: &Entry, paused: bool, ink: Ink) -> (&'static str, &'static str, Tone) {
    match job.state {
        Standing::Running => (ink.either("▸", ">"), "running", Tone::Live),
        Standing::Waiting if paused => ("=", "held", Tone::Care),
        Standing::Waiting => (":", "waiting", Tone::Name),
        Standing::Lost => ("?", "lost", Tone::Bad),
    }
}

fn rung(job: &Entry) -> String {
    match job.order {
        Order::Review => "review".to_owned(),
        Order::Part => format!("{}, part", job.rung),
        Order::Run => job.rung.clone(),
    }
}

fn lane(job: &Entry) -> &'static str {
    match job.lane {
        Some(Lane::Cheap) => "cheap",
        Some(Lane::Dear) => "dear",
        None => "own",
    }
}

/// "fit fold 0 62%".
pub fn doing(job: &Entry) -> String {
    let done = job.done.map(|done| format!(" {:.0}%", (100.0 * done).floor())).unwrap_or_default();
    format!("{}{done}", job.doing)
}

fn left(job: &Entry) -> String {
    job.seconds.map_or_else(|| "?".to_owned(), words::seconds)
}

/// "22:18", or "+1d 02:15" where that is tomorrow; and whether it is in time.
fn ends(model: &Model, job: &Entry) -> (String, Tone) {
    let (hours, now) = (model.snapshot.queue.hours, model.snapshot.at);
    let Some(end) = job.ends else { return ("?".to_owned(), Tone::Faint) };
    let (hour, minute, _) = end.of_day(hours);
    let day = match end.day(hours) - now.day(hours) {
        0 => String::new(),
        days => format!("{days:+}d "),
    };
    let said = format!("{day}{hour:02}:{minute:02}");
    match job.in_time {
        Some(false) => (format!("{said} late"), Tone::Bad),
        Some(true) => (format!("{said} in time"), Tone::Good),
        None => (said, Tone::Plain),
    }
}

/// Columns of the parts of a row: state, recipe, rung, lane, by, doing, left, ends. 0: left out.
fn columns(width: u16) -> [usize; 8] {
    let width = usize::from(width);
    let gaps = |parts: usize| 2 * (parts - 1);
    if width >= usize::from(WIDE) {
        let fixed = [9, 12, 5, 12, 26, 8, 20].iter().sum::<usize>();
        return [9, (width - gaps(8) - fixed).min(40), 12, 5, 12, 26, 8, 20];
    }
    let rest = |parts: usize| width.saturating_sub(9 + 7 + 7 + 17 + gaps(parts));
    match width {
        // What it does shows beneath the list as well.
        0..76 => [9, rest(5), 7, 0, 0, 0, 7, 17],
        _ => {
            let doing = (rest(6) * 9 / 20).max(14);
            [9, rest(6).saturating_sub(doing), 7, 0, 0, doing, 7, 17]
        }
    }
}

/// Whether a part stands to the right.
const RIGHT: [bool; 8] = [false, false, false, false, false, false, true, false];

fn heads(ink: Ink, width: u16) -> Line<'static> {
    let titles = ["state", "recipe", "rung", "lane", "by", "does", "left", "ends"];
    let widths = columns(width);
    let mut text = Vec::new();
    for ((title, wide), right) in titles.into_iter().zip(widths).zip(RIGHT).filter(|((_, wide), _)| *wide > 0) {
        text.push(cell(title, wide, right));
    }
    line(vec![ink.span(text.join("  ").trim_end(), Tone::Faint)])
}

fn rows(model: &Model, job: &Entry, ink: Ink, width: u16) -> Vec<Line<'static>> {
    let paused = model.snapshot.queue.paused.is_some();
    let (marker, word, tone) = state(job, paused, ink);
    let (ends, ends_tone) = ends(model, job);
    if width < MEDIUM {
        let left = left(job);
        let name = usize::from(width).saturating_sub(10 + 9);
        let first = line(vec![
            ink.span(&format!("{marker} {}", cell(word, 8, false)), tone),
            ink.span(&cell(&job.recipe, name, false), Tone::Strong),
            ink.span(&cell(&left, 9, true), Tone::Plain),
        ]);
        let what = [rung(job), doing(job)].into_iter().filter(|said| !said.is_empty()).collect::<Vec<_>>().join(" ");
        let room = usize::from(width).saturating_sub(3 + toji::base::text::width(&ends));
        let second =
            line(vec![ink.span(&format!("  {} ", cell(&what, room, false)), Tone::Plain), ink.span(&ends, ends_tone)]);
        return vec![first, second];
    }
    let widths = columns(width);
    let texts = [
        (format!("{marker} {word}"), tone),
        (job.recipe.clone(), Tone::Strong),
        (rung(job), Tone::Plain),
        (lane(job).to_owned(), Tone::Plain),
        (job.by.clone(), Tone::Plain),
        (doing(job), Tone::Plain),
        (left(job), Tone::Plain),
        (ends, ends_tone),
    ];
    let mut spans = Vec::new();
    for (((text, tone), wide), right) in texts.into_iter().zip(widths).zip(RIGHT) {
        if wide == 0 {
            continue;
        }
        if !spans.is_empty() {
            spans.push(ink.span("  ", Tone::Plain));
        }
        spans.push(ink.span(&cell(&text, wide, right), tone));
    }
    vec![line(spans)]
}
