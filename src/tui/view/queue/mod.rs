//! What runs, what waits, what was lost; beneath it the log of the chosen one.
//!
//! One row a job from 60 columns on, two below; the log gets what is left, and at least half where there is anything in it.

mod list;
mod log;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use toji::base::text;
use toji::session::brew::due;
use toji::session::survey::queue::{Entry, Standing};

use super::board::invert;
use super::ink::{Ink, Tone, line, put, wrap};
use super::words;
use crate::tui::model::Model;

/// The parts of the screen, from the top.
struct Parts {
    heading: Rect,
    list: Rect,
    detail: Rect,
    log: Rect,
}

fn parts(model: &Model, body: Rect) -> Parts {
    let rows = |y: u16, height: u16| Rect { y: body.y + y, height, ..body };
    if model.queueing.is_large {
        return Parts { heading: rows(0, 0), list: rows(0, 0), detail: rows(0, 0), log: rows(0, body.height) };
    }
    let heading = heading(model, Ink::default(), usize::from(body.width)).len().min(2) as u16;
    let heading = heading.min(body.height);
    let room = body.height - heading;
    let jobs = u16::try_from(model.jobs().len()).unwrap_or(u16::MAX);
    let wanted = list::head(body.width).saturating_add(jobs.max(1).saturating_mul(list::rows_each(body.width)));
    let list = wanted.min(room.div_ceil(2));
    let detail = if room - list >= 6 { 2 } else { 0 };
    Parts {
        heading: rows(0, heading),
        list: rows(heading, list),
        detail: rows(heading + list, detail),
        log: rows(heading + list + detail, room - list - detail),
    }
}

/// How many rows of the log show at once.
pub fn log_rows(model: &Model, body: Rect) -> usize {
    usize::from(parts(model, body).log.height.saturating_sub(1))
}

/// Draws the screen.
pub fn draw(model: &Model, ink: Ink, body: Rect, buffer: &mut Buffer) {
    let parts = parts(model, body);
    for (y, row) in (0..parts.heading.height).zip(heading(model, ink, usize::from(body.width))) {
        put(buffer, parts.heading, y, &row);
    }
    if model.jobs().is_empty() {
        let text = if model.loaded { "Nothing runs or waits. r on a recipe runs it." } else { "Reading the queue …" };
        let text = wrap(&line(vec![ink.span(text, Tone::Faint)]), usize::from(parts.list.width), &Line::default());
        for (y, row) in (0..parts.list.height).zip(text) {
            put(buffer, parts.list, y, &row);
        }
    } else {
        list::draw(model, ink, parts.list, buffer);
    }
    if let Some(job) = model.job() {
        for (y, row) in (0..parts.detail.height).zip(detail(model, job, ink, usize::from(body.width))) {
            put(buffer, parts.detail, y, &row);
        }
    }
    log::draw(model, ink, parts.log, buffer);
}

/// "1 running, 2 waiting, about 3h 20m", whether it is paused, how near the deadline is.
fn heading(model: &Model, ink: Ink, columns: usize) -> Vec<Line<'static>> {
    let queue = &model.snapshot.queue;
    let count = |state: Standing| queue.jobs.iter().filter(|job| job.state == state).count();
    let states = [("running", Standing::Running), ("waiting", Standing::Waiting), ("lost", Standing::Lost)];
    let counted = states.map(|(word, state)| (count(state), word));
    let mut said: Vec<String> =
        counted.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let (rest, all) = queue.rest();
    if rest > 0.0 {
        said.push(format!("{} {}", if all { "about" } else { "more than" }, words::seconds(rest)));
    }
    if said.is_empty() {
        said.push("nothing to do".to_owned());
    }
    let mut spans = vec![ink.span(&said.join(", "), Tone::Strong)];
    if let Some(since) = queue.paused {
        let (hour, minute, _) = since.of_day(queue.hours);
        spans.push(ink.span(&format!("  PAUSED since {hour:02}:{minute:02}, p goes on"), Tone::Care));
    }
    if let Some(deadline) = queue.deadline {
        let now = queue.at.unwrap_or(model.snapshot.at);
        let short = deadline.since(now) < due::SHORT;
        let tone = if short { Tone::Care } else { Tone::Plain };
        spans.push(ink.span(&format!("  {}", due::left(now, deadline, queue.hours)), tone));
    }
    wrap(&line(spans), columns, &Line::default())
}

/// What the chosen job does, and whether it ends in time.
fn detail(model: &Model, job: &Entry, ink: Ink, columns: usize) -> Vec<Line<'static>> {
    let queue = &model.snapshot.queue;
    // What matters most stands first: a narrow screen cuts the rest.
    let mut said = vec![ink.span(&format!("{}  ", job.recipe), Tone::Strong)];
    let late = queue.due.get(&job.recipe).zip(queue.deadline);
    if let Some((due, deadline)) = late.filter(|_| job.state != Standing::Lost) {
        let tone = if due.in_time { Tone::Good } else { Tone::Bad };
        said.push(ink.span(&format!("{}; ", due.in_words(deadline)), tone));
    } else if job.state == Standing::Lost {
        said.push(ink.span("r goes on from its checkpoint; ", Tone::Care));
    }
    let since = job.since.clock(queue.hours);
    let state = match job.state {
        Standing::Running => "runs since",
        Standing::Waiting => "waits since",
        Standing::Lost => "lost, last heard of",
    };
    let doing = Some(list::doing(job)).filter(|doing| !doing.is_empty()).map(|doing| format!(", {doing}"));
    said.push(ink.span(&format!("{}, {state} {since}{}", job.by, doing.unwrap_or_default()), Tone::Plain));
    wrap(&line(said), columns, &line(vec![ink.span("  ", Tone::Plain)]))
}

/// The chosen row, lit.
fn lit(mut row: Line<'static>, columns: u16) -> Line<'static> {
    invert(&mut row, columns);
    row
}

/// A text in so many columns, at their right where it is a number.
fn cell(content: &str, columns: usize, right: bool) -> String {
    let fitted = text::fit(content, columns);
    let space = " ".repeat(columns.saturating_sub(text::width(&fitted)));
    if right { format!("{space}{fitted}") } else { format!("{fitted}{space}") }
}
