//! A model becomes a screen.
//!
//! Takes `&Model`, so drawing cannot change anything; gives cells in a buffer. Equal models draw
//! equal screens, whatever was there before. The frame is the same everywhere: a title row, the
//! view, a status row, a row of keys; small terminals lose these rows first.

mod bars;
mod board;
mod compare;
mod curves;
pub mod ink;
mod ledger;
mod page;
mod photos;
mod plan;
mod popup;
mod queue;
mod words;

use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use toji::session::errands::looking::loader::Wish;
use toji::session::snapshot::{Block, Name, Problem, Recipe, Worker};

use super::keys::Place;
use super::model::page::Part;
use super::model::{Model, Popup, View};
use super::terminal::graphics::Framed;
pub use curves::Charted;
use ink::{Ink, Tone, line, put};

/// Draws the whole screen into an empty buffer of the model's size; gives the pictures that are left to the terminal.
pub fn draw(model: &Model, buffer: &mut Buffer) -> Vec<Framed> {
    let ink = Ink::new(&model.options);
    let frame = Frame::of(model.size);
    bars::title(model, ink, frame.title, buffer);
    let mut framed = Vec::new();
    match model.view {
        _ if matches!(model.popup, Some(Popup::Zoom { .. })) => {
            framed = photos::zoom::draw(model, ink, frame.body, buffer)
        }
        _ if matches!(model.popup, Some(Popup::Why { .. })) => {
            framed = photos::why::draw(model, ink, frame.body, buffer)
        }
        View::Queries => framed = photos::queries::draw(model, ink, frame.body, buffer),
        View::Review => framed = photos::review::draw(model, ink, frame.body, buffer),
        View::Board => board::draw(model, ink, frame.body, buffer),
        View::Page => framed = page::draw(model, ink, frame.body, buffer),
        View::Curves => curves::draw(model, ink, frame.body, buffer),
        View::Plan => plan::draw(model, ink, frame.body, buffer),
        View::Compare => compare::draw(model, ink, frame.body, buffer),
        View::Ledger => ledger::draw(model, ink, frame.body, buffer),
        View::Queue => queue::draw(model, ink, frame.body, buffer),
    }
    bars::bottom(model, ink, &frame, buffer);
    popup::draw(model, ink, frame.body, buffer);
    if ink.ascii() {
        ink::in_ascii(buffer);
    }
    framed
}

/// Where things are on a terminal of some size; rows that have no room have height 0.
#[derive(Clone, Copy, Debug)]
struct Frame {
    title: Rect,
    body: Rect,
    status: Rect,
    hints: Rect,
}

impl Frame {
    fn of(size: Size) -> Frame {
        let Size { width, height } = size;
        let title = u16::from(height >= 4);
        let hints = u16::from(height >= 3);
        let status = u16::from(height >= 6);
        let row = |y: u16, rows: u16| Rect::new(0, y, width, rows);
        Frame {
            title: row(0, title),
            body: row(title, height - title - hints - status),
            status: row(height - hints - status, status),
            hints: row(height - hints, hints),
        }
    }
}

/// How many rows (on the board: recipes, in the ledger: submissions) the current view or popup shows at once.
pub fn rows_shown(model: &Model) -> usize {
    let body = Frame::of(model.size).body;
    let boxed = [Place::Help, Place::Explain, Place::Lab, Place::Columns, Place::Palette];
    if boxed.contains(&model.place()) {
        return popup::rows_shown(body);
    }
    match model.view {
        View::Board => board::shown(model, body),
        View::Curves => 5,
        View::Ledger => ledger::shown(model, body),
        View::Queries => photos::queries::shown(model, body),
        View::Review => photos::review::shown(model, body),
        View::Compare => compare::shown(body),
        View::Queue => queue::log_rows(model, body),
        View::Page | View::Plan => usize::from(text_area(body).height),
    }
}

/// The photos that the screen shows, the most wanted first, and those that it shows after the next key.
pub fn wanted(model: &Model) -> Vec<Wish> {
    photos::wanted(model, Frame::of(model.size).body)
}

/// How many photos can be shown large, one after the other.
pub fn photos(model: &Model) -> usize {
    photos::items(model).len()
}

/// The charts of the curves, as they would be drawn.
pub fn charts(model: &Model) -> Vec<Charted<'_>> {
    curves::charts(model, Ink::new(&model.options), Frame::of(model.size).body)
}

/// How many rows page or plan of the selected recipe have in all.
pub fn rows(model: &Model) -> usize {
    let ink = Ink::new(&model.options);
    let area = text_area(Frame::of(model.size).body);
    match (model.view, model.recipe()) {
        (View::Page, Some(recipe)) => page::layout(model, recipe, ink, area.width).rows,
        (View::Compare, Some(_)) => compare::rows(model, ink, Frame::of(model.size).body).len(),
        (View::Plan, Some(recipe)) => plan::rows(model, recipe, ink, area.width).len(),
        _ => 0,
    }
}

/// How many rows the open help, explanation or laboratory has in all.
pub fn popup_rows(model: &Model) -> usize {
    popup::text_rows(model, Ink::new(&model.options), Frame::of(model.size).body).len()
}

/// The names of the selected recipe's page that show, by their places among [`names`], and their rows.
pub fn stops(model: &Model) -> Vec<(usize, usize)> {
    laid(model).map(|page| page.stops).unwrap_or_default()
}

/// The part of the selected recipe's page that a row belongs to.
pub fn part(model: &Model, row: usize) -> Option<Part> {
    laid(model)?.at(row).map(|spot| spot.part.clone())
}

/// The line of the file in which the part of the page begins that a row belongs to.
pub fn line_at(model: &Model, row: usize) -> usize {
    laid(model).and_then(|page| page.at(row).map(|spot| spot.line)).unwrap_or(1)
}

fn laid(model: &Model) -> Option<page::Layout> {
    let area = text_area(Frame::of(model.size).body);
    model.recipe().map(|recipe| page::layout(model, recipe, Ink::new(&model.options), area.width))
}

/// The first row of the selected recipe's page or plan that is shown.
pub fn first_row(model: &Model) -> usize {
    model.scrolled().min(rows(model).saturating_sub(page_rows_shown(model)))
}

/// How many rows of a page are shown, whatever lies above it.
pub fn page_rows_shown(model: &Model) -> usize {
    usize::from(text_area(Frame::of(model.size).body).height)
}

/// The names in a recipe's cells that can be explained, from the top.
pub fn names(recipe: &Recipe) -> impl Iterator<Item = &Name> {
    recipe.page.iter().flat_map(|block| match block {
        Block::Cell { names, .. } => names.as_slice(),
        Block::Prose { .. } => &[],
    })
}

/// The line of the file in which a name stands, by its place among [`names`].
pub fn name_line(recipe: &Recipe, place: usize) -> usize {
    let mut lines = recipe.page.iter().flat_map(|block| match block {
        Block::Cell { names, line, .. } => names.iter().map(|name| line + name.line).collect(),
        Block::Prose { .. } => Vec::new(),
    });
    lines.nth(place).unwrap_or(1)
}

/// The mistakes in a recipe's cells, from the top.
pub fn problems(recipe: &Recipe) -> impl Iterator<Item = &Problem> {
    recipe.page.iter().flat_map(|block| match block {
        Block::Cell { problems, .. } => problems.as_slice(),
        Block::Prose { .. } => &[],
    })
}

/// What to say in the shell when the workbench is left while something runs.
pub fn farewell(model: &Model) -> Option<String> {
    let Worker::Busy { recipes, queued } = &model.snapshot.worker else { return None };
    let waiting = if *queued > 0 { format!(" ({queued} more in the queue)") } else { String::new() };
    let names = if recipes.is_empty() { "The worker".to_owned() } else { recipes.join(", ") };
    Some(toji::base::text::plain(&format!("{names} goes on{waiting}; `toji` shows it again.")))
}

/// The part of the body below the recipe's own heading row.
fn text_area(body: Rect) -> Rect {
    let heading = u16::from(body.height >= 3);
    let margin = u16::from(body.width >= 60);
    Rect::new(body.x + margin, body.y + heading, body.width.saturating_sub(2 * margin), body.height - heading)
}

/// The row above page, curves and plan: which recipe, and how it stands. So many columns at the
/// `right` are left for something else.
fn heading(model: &Model, ink: Ink, body: Rect, right: u16, buffer: &mut Buffer) {
    if body.height < 3 {
        return;
    }
    let Some(recipe) = model.recipe() else { return };
    let (marker, word, tone) = words::state(recipe.state, ink);
    let mut spans = vec![
        ink.span(&recipe.name, Tone::Strong),
        ink.span(&format!("  {}  ", model.place_in_list()), Tone::Faint),
        ink.span(&format!("{marker} {word}"), tone),
    ];
    let progress = words::progress(recipe);
    if !progress.is_empty() {
        spans.push(ink.span(&format!("  {progress}"), Tone::Plain));
    }
    if let Some(seconds) = recipe.seconds_left {
        spans.push(ink.span(&format!("  {} left", words::seconds(seconds)), Tone::Plain));
    }
    if let Some(score) = &recipe.score {
        spans.push(ink.span(&format!("  {} {}", score.metric, words::score(score, 4)), Tone::Strong));
    }
    let margin = u16::from(body.width >= 60);
    let place = Rect { width: body.width.saturating_sub(right), ..body };
    ink::put_at(buffer, place, margin, 0, &line(spans));
}

/// What stands where there is no recipe to show.
fn nothing(model: &Model, ink: Ink, area: Rect, buffer: &mut Buffer) {
    let text =
        if model.loaded { "There is no recipe yet. Key 1 goes to the board." } else { "Reading the recipes …" };
    put(buffer, area, 0, &line(vec![ink.span(text, Tone::Faint)]));
}
