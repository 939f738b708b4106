//! Queries of the selected recipe with their answers.
//!
//! A list (rank of the first right answer, that of the other recipe, label) and, for the chosen query, its photo and its answers as photos with
//! rank, hit or miss, similarity and label. On narrow terminals the answers are rows of text below the list, and enter shows the photos one by
//! one; so it is where pictures are off.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use toji::base::text;
use toji::session::errands::looking::queries::{Queries, Query};

use super::{Camera, Grid, Item, label, similarity, texts};
use crate::tui::model::Model;
use crate::tui::terminal::graphics::Framed;
use crate::tui::view::board::invert;
use crate::tui::view::ink::{Ink, Tone, line, put};
use crate::tui::view::{nothing, words};

/// The parts of the screen.
struct Parts {
    title: Rect,
    list: Rect,
    detail: Rect,
    /// Whether answers stand beside the list, as pictures where there are any.
    beside: bool,
}

fn parts(body: Rect) -> Parts {
    let title = Rect { height: body.height.min(if body.width < 70 { 2 } else { 1 }), ..body };
    let rest = Rect { y: body.y + title.height, height: body.height - title.height, ..body };
    if body.width >= 70 {
        let wide = if body.width >= 120 { 52 } else { 28 };
        let list = Rect { width: wide, ..rest };
        let detail = Rect { x: rest.x + wide + 1, width: rest.width - wide - 1, ..rest };
        return Parts { title, list, detail, beside: true };
    }
    let high = if rest.height >= 10 { rest.height / 2 } else { rest.height };
    let list = Rect { height: high, ..rest };
    let detail = Rect { y: rest.y + high, height: rest.height - high, ..rest };
    Parts { title, list, detail, beside: false }
}

/// How many queries the list shows at once.
pub fn shown(_: &Model, body: Rect) -> usize {
    usize::from(parts(body).list.height.saturating_sub(1)).max(1)
}

/// Draws the screen.
pub fn draw(model: &Model, ink: Ink, body: Rect, buffer: &mut Buffer) -> Vec<Framed> {
    if model.recipe().is_none() {
        nothing(model, ink, body, buffer);
        return Vec::new();
    }
    let parts = parts(body);
    title(model, ink, parts.title, buffer);
    let Some(queries) = model.queries() else {
        let area = Rect { height: parts.list.height + parts.detail.height, width: body.width, ..parts.list };
        texts(&[(format!("Reading the lists of {} …", model.selected), Tone::Faint)], ink, area, buffer);
        return Vec::new();
    };
    if let Some(why) = &queries.missing {
        let run = "r runs it (R: up to a rung of your choice); nothing is trained by looking.".to_owned();
        texts(&[(why.clone(), Tone::Plain), (run, Tone::Faint)], ink, Rect { width: body.width, ..parts.list }, buffer);
        return Vec::new();
    }
    list(model, queries, ink, parts.list, buffer);
    let index = model.query_index();
    let items = items(model, index);
    let Some(query) = model.query_at(index) else { return Vec::new() };
    let mut area = parts.detail;
    if parts.beside {
        // One row each, the label stands under the photo; enter shows all of a long name.
        for ((said, tone), y) in about(queries, query).iter().skip(1).zip(0..area.height.min(ABOUT)) {
            put(buffer, area, y, &line(vec![ink.span(said, *tone)]));
        }
        area = below(area);
    }
    let mut camera = Camera::new(model, ink);
    match Grid::of(area, items.len(), ink).filter(|_| parts.beside) {
        Some(grid) => grid.draw(&items, &mut camera, area, buffer),
        None => {
            for (item, y) in items.iter().skip(1).zip(0..area.height) {
                let [(first, tone), (second, _)] = &item.short;
                let said = vec![ink.span(&text::pad(first, 14), *tone), ink.span(second, Tone::Plain)];
                put(buffer, area, y, &line(said));
            }
        }
    }
    camera.framed()
}

/// Rows of text above the answers.
const ABOUT: u16 = 2;

fn below(detail: Rect) -> Rect {
    let used = detail.height.min(ABOUT);
    Rect { y: detail.y + used, height: detail.height - used, ..detail }
}

/// The chosen query's photos that show, then those of the next query.
pub fn pictured(model: &Model, ink: Ink, body: Rect) -> Vec<Item> {
    let parts = parts(body);
    let index = model.query_index();
    let mut items = items(model, index);
    if !parts.beside {
        // Enter shows the query first.
        items.truncate(1);
        return items;
    }
    let Some(grid) = Grid::of(below(parts.detail), items.len(), ink) else { return Vec::new() };
    items.truncate(grid.count());
    let mut next = self::items(model, index + 1);
    next.truncate(grid.count());
    items.extend(next);
    items
}

/// The query at a place of the order, then its answers.
pub fn items(model: &Model, index: usize) -> Vec<Item> {
    let (Some(queries), Some(query)) = (model.queries(), model.query_at(index)) else { return Vec::new() };
    let own = queries.seen(query.photo);
    let mut long = about(queries, query);
    long.push((own.file.display().to_string(), Tone::Faint));
    let short = [("query".to_owned(), Tone::Strong), (label(own.label.as_ref()), Tone::Plain)];
    let mut items = vec![Item { photo: Some((own.file, own.part)), short, long }];
    for answer in queries.answers(query) {
        let (word, tone) = if answer.hit { ("hit", Tone::Good) } else { ("miss", Tone::Bad) };
        let first = format!("{} {word} {}", answer.rank, similarity(answer.similarity));
        let Some(seen) = answer.seen else {
            let said = ("not in the gallery".to_owned(), Tone::Plain);
            let long = vec![(format!("answer {first}"), tone), said.clone()];
            items.push(Item { photo: None, short: [(first, tone), said], long });
            continue;
        };
        let named = label(seen.label.as_ref());
        let long = vec![
            (format!("answer {} {word}  similarity {:.4}", answer.rank, answer.similarity), tone),
            (format!("{named}  {}", text::fit(&seen.id, super::LONGEST)), Tone::Plain),
            (format!("asked: {}", label(own.label.as_ref())), Tone::Plain),
            (seen.file.display().to_string(), Tone::Faint),
        ];
        items.push(Item { photo: Some((seen.file, seen.part)), short: [(first, tone), (named, Tone::Plain)], long });
    }
    items
}

fn rank(first: Option<usize>, relevant: usize) -> String {
    match first {
        Some(rank) => rank.to_string(),
        None if relevant == 0 => "-".to_owned(),
        None => "miss".to_owned(),
    }
}

/// What is said about a query.
fn about(queries: &Queries, query: &Query) -> Vec<(String, Tone)> {
    let own = queries.seen(query.photo);
    let metric = &queries.metric;
    let mut told = match (query.first, query.relevant) {
        (Some(rank), count) => format!("first hit {rank}, {count} right"),
        (None, 0) => "nothing right in the gallery".to_owned(),
        (None, count) => format!("no hit among {}, {count} right", queries.k),
    };
    told += &format!("; {metric} {:.4}", query.value);
    if let (Some((first, value)), Some(beside)) = (query.other, &queries.beside) {
        let was = rank(first, query.relevant);
        told += &format!("; was {was}, {value:.4} in {}", text::fit(&beside.recipe, 40));
    }
    let id = text::fit(&own.id, super::LONGEST);
    vec![
        (label(own.label.as_ref()), Tone::Strong),
        (format!("{id}  {}", queries.training(query)), Tone::Faint),
        (told, Tone::Plain),
    ]
}

/// The recipe, its score, the order, the other recipe.
fn title(model: &Model, ink: Ink, area: Rect, buffer: &mut Buffer) {
    let mut spans = vec![ink.span(&text::fit(&model.selected, usize::from(area.width) / 2), Tone::Strong)];
    let Some(queries) = model.queries().filter(|queries| queries.missing.is_none()) else {
        put(buffer, area, 0, &line(spans));
        return;
    };
    let (at, of) = (model.query_index() + 1, queries.queries.len());
    spans.push(ink.span(&format!("  {}/{}", words::count(at as u64), words::count(of as u64)), Tone::Faint));
    spans.push(ink.span(&format!("  {} {:.4}", queries.metric, queries.value), Tone::Plain));
    let compares = queries.beside.as_ref().is_some_and(|beside| beside.why.is_none());
    let order = if model.asking.order.compares() && !compares { "worst" } else { model.asking.order.name() };
    let mut second = vec![ink.span(&format!("{order} first"), Tone::Faint)];
    if order == "order" || order == "label" {
        second = vec![ink.span(if order == "label" { "by label" } else { "as in the tables" }, Tone::Faint)];
    }
    if let Some(beside) = &queries.beside {
        let name = text::fit(&beside.recipe, 30);
        match &beside.why {
            Some(why) => second.push(ink.span(&format!("  not beside {name}: {why}"), Tone::Care)),
            None => {
                let gain = beside.own - beside.other;
                let tone = if gain < 0.0 { Tone::Bad } else { Tone::Good };
                second.push(ink.span(&format!("  {gain:+.4}"), tone));
                let counts = format!(", {} lost, {} won against {name}", beside.lost, beside.won);
                second.push(ink.span(&counts, Tone::Plain));
            }
        }
    }
    if area.height > 1 {
        put(buffer, area, 1, &line(second));
    } else {
        spans.push(ink.span("  ", Tone::Plain));
        spans.extend(second);
    }
    put(buffer, area, 0, &line(spans));
}

/// The queries, a screen of them.
fn list(model: &Model, queries: &Queries, ink: Ink, area: Rect, buffer: &mut Buffer) {
    let compares = queries.beside.as_ref().is_some_and(|beside| beside.why.is_none());
    let was = if compares { "  was" } else { "" };
    let long = area.width >= 50;
    let value = if long { "  value" } else { "" };
    put(buffer, area, 0, &line(vec![ink.span(&format!("  rank{was}{value}  query"), Tone::Faint)]));
    let rows = usize::from(area.height.saturating_sub(1)).max(1);
    let index = model.query_index();
    let first = index / rows * rows;
    for (i, y) in (first..model.placed().len()).zip(1..area.height) {
        let Some(query) = model.query_at(i) else { continue };
        let mut row = row(queries, query, (i == index, compares, long), ink, usize::from(area.width));
        if i == index {
            invert(&mut row, area.width);
        }
        put(buffer, area, y, &row);
    }
}

fn row(
    queries: &Queries,
    query: &Query,
    (selected, compares, long): (bool, bool, bool),
    ink: Ink,
    columns: usize,
) -> Line<'static> {
    let own = queries.seen(query.photo);
    let tone = match query.first {
        Some(1) => Tone::Good,
        Some(_) => Tone::Plain,
        None => Tone::Bad,
    };
    let cursor = if selected { ink.either("❯ ", "> ") } else { "  " };
    let mut spans =
        vec![ink.span(cursor, Tone::Plain), ink.span(&format!("{:>4}", rank(query.first, query.relevant)), tone)];
    if compares {
        let was = query.other.map(|(first, _)| rank(first, query.relevant)).unwrap_or_default();
        spans.push(ink.span(&format!("{was:>5}"), Tone::Faint));
    }
    if long {
        spans.push(ink.span(&format!("{:>7.3}", query.value), Tone::Plain));
    }
    let room = columns.saturating_sub(spans.iter().map(|span| text::width(&span.content)).sum::<usize>() + 2);
    let named = label(own.label.as_ref());
    spans.push(ink.span("  ", Tone::Plain));
    if long && room >= 30 {
        spans.push(ink.span(&text::pad(&named, room - 13), Tone::Plain));
        spans.push(ink.span(&format!(" {}", text::fit(&own.id, 12)), Tone::Faint));
    } else {
        spans.push(ink.span(&text::fit(&named, room), Tone::Plain));
    }
    line(spans)
}
