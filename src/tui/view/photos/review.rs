//! Suspects by kind, to decide about.
//!
//! Kinds with their counts, the ranked suspects of one kind, and for the chosen one its photo, those that it is about, the reason and what could be done.
//! Three columns from 120 on, two from 70, one below, where enter shows the photos one by one.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use toji::base::text;
use toji::session::errands::looking::Seen;
use toji::session::errands::review::{Entry, Listed};

use super::{Camera, Grid, Item, LONGEST, label, texts};
use crate::tui::model::Model;
use crate::tui::terminal::graphics::Framed;
use crate::tui::view::board::invert;
use crate::tui::view::ink::{Ink, Tone, line, put, put_at};
use crate::tui::view::words;

/// The parts of the screen.
struct Parts {
    title: Rect,
    /// The kinds, one a row; one row of text where it is narrow.
    kinds: Rect,
    list: Rect,
    detail: Rect,
    narrow: bool,
}

/// Columns of the kinds.
const KINDS: u16 = 23;

fn parts(body: Rect) -> Parts {
    let title = Rect { height: body.height.min(1), ..body };
    let rest = Rect { y: body.y + title.height, height: body.height - title.height, ..body };
    let split = |area: Rect, high: u16| {
        let high = high.min(area.height);
        let below = Rect { y: area.y + high, height: area.height - high, ..area };
        (Rect { height: high, ..area }, below)
    };
    if body.width < 70 {
        let (kinds, rest) = split(rest, 1);
        let (list, detail) = split(rest, if rest.height >= 8 { rest.height / 2 } else { rest.height });
        return Parts { title, kinds, list, detail, narrow: true };
    }
    let kinds = Rect { width: KINDS, ..rest };
    let right = Rect { x: rest.x + KINDS + 1, width: rest.width - KINDS - 1, ..rest };
    let (list, detail) = if body.width >= 120 {
        let wide = 50;
        let detail = Rect { x: right.x + wide + 1, width: right.width - wide - 1, ..right };
        (Rect { width: wide, ..right }, detail)
    } else {
        split(right, right.height * 2 / 5)
    };
    Parts { title, kinds, list, detail, narrow: false }
}

/// How many suspects the list shows at once.
pub fn shown(_: &Model, body: Rect) -> usize {
    usize::from(parts(body).list.height).max(1)
}

/// Draws the screen.
pub fn draw(model: &Model, ink: Ink, body: Rect, buffer: &mut Buffer) -> Vec<Framed> {
    let parts = parts(body);
    let Some((at, list)) = model.listed() else {
        // A review that cannot be read, or that found nothing, is no missing one.
        if let Some(review) = model.review() {
            let said = match &review.stale {
                Some(why) => (why.clone(), Tone::Care),
                None => (format!("No suspects among {} photos.", words::count(review.photos as u64)), Tone::Strong),
            };
            let again = (format!("m has a review made by the networks of {}.", model.selected), Tone::Plain);
            texts(&[said, (String::new(), Tone::Plain), again], ink, body, buffer);
            return Vec::new();
        }
        let said = [
            ("No review yet.".to_owned(), Tone::Strong),
            (String::new(), Tone::Plain),
            (
                "A review ranks photos that are worth a look: wrong labels, copies, leaks between parts, several or small objects, \
                 bad quality, labels that are taken for each other. It works before any training, and better after it."
                    .to_owned(),
                Tone::Plain,
            ),
            (String::new(), Tone::Plain),
            (format!("m has it made by the networks of {}.", model.selected), Tone::Plain),
        ];
        texts(&said, ink, body, buffer);
        return Vec::new();
    };
    title(model, ink, parts.title, buffer);
    kinds(model, at, ink, &parts, buffer);
    suspects(model, list, ink, parts.list, buffer);
    let Some(one) = model.suspect() else { return Vec::new() };
    let said = about(one);
    let items = items(model, model.suspect_index());
    let mut camera = Camera::new(model, ink);
    let area = parts.detail;
    let most = if parts.narrow { area.height } else { area.height.min(TEXT) };
    let used = texts(&said, ink, Rect { height: most, ..area }, buffer);
    let area = Rect { y: area.y + used, height: area.height - used, ..area };
    match Grid::of(area, items.len(), ink).filter(|_| !parts.narrow) {
        Some(grid) => grid.draw(&items, &mut camera, area, buffer),
        None => {
            for (item, y) in items.iter().skip(1).zip(0..area.height) {
                let [(first, tone), (second, _)] = &item.short;
                put(buffer, area, y, &line(vec![ink.span(&format!("{first} "), *tone), ink.span(second, Tone::Plain)]));
            }
        }
    }
    camera.framed()
}

/// Rows of text above the pictures, at most.
const TEXT: u16 = 5;

/// The chosen suspect's photos that show, then those of the next.
pub fn pictured(model: &Model, ink: Ink, body: Rect) -> Vec<Item> {
    let parts = parts(body);
    let index = model.suspect_index();
    let mut items = items(model, index);
    if parts.narrow {
        items.truncate(1);
        return items;
    }
    let Some(grid) = Grid::of(parts.detail, items.len(), ink) else { return Vec::new() };
    items.truncate(grid.count());
    let mut next = self::items(model, index + 1);
    next.truncate(grid.count());
    items.extend(next);
    items
}

/// The suspect at a place of the list, then the photos that it is about.
pub fn items(model: &Model, index: usize) -> Vec<Item> {
    let shown = model.suspects();
    let Some(one) = shown.get(index) else { return Vec::new() };
    let short = [("suspect".to_owned(), Tone::Strong), (label(one.label.as_ref()), Tone::Plain)];
    let mut long = about(one);
    long.push((one.file.display().to_string(), Tone::Faint));
    let mut items = vec![Item { photo: Some((one.file.clone(), one.part)), short, long }];
    for (seen, number) in one.with.iter().zip(1..) {
        let Seen { id, file, .. } = seen;
        let named = label(seen.label.as_ref());
        let long = vec![
            (format!("beside it: {named}"), Tone::Strong),
            (text::fit(id, LONGEST), Tone::Plain),
            (file.display().to_string(), Tone::Faint),
        ];
        // Another label than the suspect's is what matters as a rule.
        let tone = if seen.label == one.label { Tone::Plain } else { Tone::Care };
        let word = if seen.label == one.label { "same" } else { "differs" };
        items.push(Item {
            photo: Some((file.clone(), seen.part)),
            short: [(format!("{number} {word}"), tone), (named, Tone::Plain)],
            long,
        });
    }
    items
}

/// What is said about a suspect.
fn about(one: &Entry) -> Vec<(String, Tone)> {
    let mut said = vec![(format!("{}  {}", label(one.label.as_ref()), text::fit(&one.id, LONGEST)), Tone::Strong)];
    let below = if one.is_over { "" } else { " (below the threshold)" };
    said.push((format!("{}{below}", text::fit(&one.reason, 3 * LONGEST)), Tone::Plain));
    if let Some(decided) = &one.decided {
        said.push((format!("decided: {}", text::fit(decided, LONGEST)), Tone::Good));
    } else if !one.proposal.is_empty() {
        let value = if one.value.is_empty() { String::new() } else { format!(" {}", text::fit(&one.value, LONGEST)) };
        let key = one.proposal.chars().next().unwrap_or('?');
        said.push((format!("proposed: {}{value} ({key})", one.proposal), Tone::Live));
    }
    said
}

/// Whose review it is, how many suspects show.
fn title(model: &Model, ink: Ink, area: Rect, buffer: &mut Buffer) {
    let Some(review) = model.review() else { return };
    let pictures = review.recipe.is_empty();
    let trained = if review.trained || pictures { "" } else { " (untrained)" };
    let mut spans = vec![
        ink.span(
            &text::fit(if pictures { "pictures alone" } else { &review.recipe }, usize::from(area.width) / 3),
            Tone::Strong,
        ),
        ink.span(trained, Tone::Care),
    ];
    let count = model.suspects().len();
    let at = if count == 0 { 0 } else { model.suspect_index() + 1 };
    spans.push(ink.span(&format!("  {at}/{}", words::count(count as u64)), Tone::Faint));
    if !model.looking.filter.is_empty() {
        spans.push(ink.span(&format!("  filter: {}", text::fit(&model.looking.filter, 20)), Tone::Live));
    }
    if let Some(why) = &review.stale {
        // What to press comes first, since the rest may be cut.
        spans.push(ink.span(&format!("  ~ stale (m: again): {why}"), Tone::Care));
    } else {
        spans.push(ink.span(&format!("  {} photos looked at", words::count(review.photos as u64)), Tone::Faint));
    }
    put(buffer, area, 0, &line(spans));
}

/// The kinds with how many suspects each has over its threshold, and how many are not decided.
fn kinds(model: &Model, at: usize, ink: Ink, parts: &Parts, buffer: &mut Buffer) {
    let lists = model.lists();
    let open = |list: &Listed| list.suspects.iter().filter(|one| one.is_over && one.decided.is_none()).count();
    let over = |list: &Listed| list.over.max(list.suspects.iter().filter(|one| one.is_over).count());
    let told = |list: &Listed| match (open(list), over(list)) {
        (open, over) if open == over => words::count(over as u64),
        (open, over) => format!("{}/{}", words::count(open as u64), words::count(over as u64)),
    };
    if parts.narrow {
        let Some(list) = lists.get(at) else { return };
        let said = format!("[ {} {} ]  {}/{}", list.kind.name(), told(list), at + 1, lists.len());
        return put(buffer, parts.kinds, 0, &line(vec![ink.span(&said, Tone::Live)]));
    }
    let rows = usize::from(parts.kinds.height).max(1);
    let first = at / rows * rows;
    for ((i, list), y) in lists.iter().enumerate().skip(first).zip(0..parts.kinds.height) {
        let tone = if open(list) > 0 { Tone::Plain } else { Tone::Faint };
        let cursor = if i == at { ink.either("❯ ", "> ") } else { "  " };
        let count = told(list);
        let name = usize::from(KINDS).saturating_sub(3 + text::width(&count));
        let mut row = line(vec![
            ink.span(cursor, Tone::Plain),
            ink.span(&text::pad(list.kind.name(), name), tone),
            ink.span(&format!(" {count}"), tone),
        ]);
        if i == at {
            invert(&mut row, KINDS);
        }
        put(buffer, parts.kinds, y, &row);
    }
    let bar = ink.either("│", "|");
    for y in 0..parts.kinds.height {
        put_at(buffer, Rect { width: KINDS + 1, ..parts.kinds }, KINDS, y, &line(vec![ink.span(bar, Tone::Faint)]));
    }
}

/// The suspects of a kind, a screen of them.
fn suspects(model: &Model, list: &Listed, ink: Ink, area: Rect, buffer: &mut Buffer) {
    let shown = model.suspects();
    if shown.is_empty() {
        let said = match (model.looking.filter.is_empty(), list.suspects.is_empty()) {
            (false, _) => "none has this label or id; / then esc shows all",
            (true, true) => "none",
            (true, false) => "none over the threshold; a shows those below",
        };
        return put(buffer, area, 0, &line(vec![ink.span(said, Tone::Faint)]));
    }
    let rows = usize::from(area.height).max(1);
    let index = model.suspect_index();
    let first = index / rows * rows;
    for ((i, one), y) in shown.iter().enumerate().skip(first).zip(0..area.height) {
        let mut row = row(one, i == index, ink, usize::from(area.width));
        if i == index {
            invert(&mut row, area.width);
        }
        put(buffer, area, y, &row);
    }
}

fn row(one: &Entry, selected: bool, ink: Ink, columns: usize) -> Line<'static> {
    let cursor = if selected { ink.either("❯ ", "> ") } else { "  " };
    let tone = if one.is_over { Tone::Plain } else { Tone::Faint };
    let proposed = match (one.decided.as_deref(), one.proposal.as_str()) {
        (Some(decided), _) => format!(" {}", text::fit(decided.split(':').next().unwrap_or(decided), 12)),
        (None, "relabel") => format!(" {} {}", ink.either("→", ">"), text::fit(&one.value, columns / 3)),
        (None, "") => String::new(),
        (None, proposal) => format!(" {proposal}?"),
    };
    let score = format!("{:.2} ", one.score).replacen("0.", ".", 1);
    let room = columns.saturating_sub(2 + text::width(&score) + text::width(&proposed));
    let decided = if one.decided.is_some() { Tone::Good } else { Tone::Live };
    line(vec![
        ink.span(cursor, Tone::Plain),
        ink.span(&score, Tone::Faint),
        ink.span(&text::pad(&format!("{}  {}", label(one.label.as_ref()), one.id), room), tone),
        ink.span(&proposed, decided),
    ])
}
