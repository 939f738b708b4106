//! One recipe as a page: its prose and cells as written, and under each cell what its stages last gave.
//!
//! Takes the recipe's blocks; gives pieces (rows of text, strips of pictures) that know their height,
//! so that the page scrolls by row. Nothing is cut off: long rows wrap.

mod cell;
mod prose;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use toji::session::snapshot::{Block, Picture, Recipe};

use super::ink::{Ink, Tone, line, put, put_at, wrap};
use super::photos::pictures::{HalfBlocks, Marked, Pictures};
use super::{heading, nothing, text_area, words};
use crate::tui::model::Model;
use crate::tui::terminal::graphics::Framed;

/// Something of the page with a height.
enum Piece {
    /// One row of text.
    Row(Line<'static>),
    /// Pictures beside each other, and the height of the highest in rows.
    Strip { pictures: Vec<Placed>, rows: u16 },
}

/// A picture with its place in a strip.
struct Placed {
    column: u16,
    columns: u16,
    rows: u16,
    picture: Picture,
}

impl Piece {
    fn rows(&self) -> usize {
        match self {
            Piece::Row(_) => 1,
            Piece::Strip { rows, .. } => usize::from(*rows),
        }
    }
}

/// Lines longer than this are hard to read.
const WIDEST_PROSE: usize = 96;

/// How many rows the whole page has at this width.
pub fn rows(recipe: &Recipe, ink: Ink, columns: u16) -> usize {
    pieces(recipe, None, ink, columns).0.iter().map(Piece::rows).sum()
}

/// The row of each name that can be explained, at this width.
pub fn name_rows(recipe: &Recipe, ink: Ink, columns: u16) -> Vec<usize> {
    pieces(recipe, None, ink, columns).1
}

/// Draws the page of the selected recipe; gives the pictures that its marks name.
pub fn draw(model: &Model, ink: Ink, body: Rect, buffer: &mut Buffer) -> Vec<Framed> {
    let area = text_area(body);
    let Some(recipe) = model.recipe() else {
        nothing(model, ink, area, buffer);
        return Vec::new();
    };
    let (mut marked, mut half) = (Marked::new(ink), HalfBlocks::new(ink));
    let drawer: &mut dyn Pictures = if ink.way.protocol.is_graphic() { &mut marked } else { &mut half };
    let cursor = model.cursor.get(&recipe.name).copied();
    let (pieces, _) = pieces(recipe, cursor, ink, area.width);
    let total: usize = pieces.iter().map(Piece::rows).sum();
    let shown = usize::from(area.height);
    heading(model, ink, body, if total > shown { POSITION } else { 0 }, buffer);
    let first = model.scrolled().min(total.saturating_sub(shown));
    let mut at = 0;
    for piece in &pieces {
        let (top, bottom) = (at, at + piece.rows());
        at = bottom;
        if bottom <= first || top >= first + shown {
            continue;
        }
        let y = top.saturating_sub(first) as u16;
        match piece {
            Piece::Row(row) => put(buffer, area, y, row),
            Piece::Strip { pictures, .. } => {
                let hidden = first.saturating_sub(top) as u16;
                for placed in pictures {
                    let visible = placed.rows.saturating_sub(hidden).min(area.height - y);
                    let place = Rect::new(area.x + placed.column, area.y + y, placed.columns, visible);
                    drawer.draw(&placed.picture, place, hidden, placed.rows, buffer);
                }
            }
        }
    }
    position(first, shown, total, ink, body, buffer);
    marked.framed
}

/// Columns that [`position`] takes.
const POSITION: u16 = 7;

/// "34 %" at the right of the heading row, where the page is longer than the screen.
fn position(first: usize, shown: usize, total: usize, ink: Ink, body: Rect, buffer: &mut Buffer) {
    if total <= shown || body.height < 3 || body.width < 2 * POSITION {
        return;
    }
    let percent = (first + shown).min(total) * 100 / total;
    let text = format!("{percent:>4} %");
    put_at(buffer, body, body.width - POSITION + 1, 0, &line(vec![ink.span(&text, Tone::Faint)]));
}

/// The page from its top, and the row of each name in it. `cursor`: the name that is shown as chosen.
fn pieces(recipe: &Recipe, cursor: Option<usize>, ink: Ink, columns: u16) -> (Vec<Piece>, Vec<usize>) {
    let wide = usize::from(columns);
    let mut pieces = Vec::new();
    let mut name_rows = Vec::new();
    if let (Some(message), false) = (&recipe.message, recipe.page.is_empty()) {
        let (marker, _, tone) = words::state(recipe.state, ink);
        let said = line(vec![ink.span(&format!("{marker} {message}"), tone)]);
        pieces.extend(wrap(&said, wide, &line(vec![ink.span("  ", Tone::Plain)])).into_iter().map(Piece::Row));
        pieces.push(Piece::Row(Line::default()));
    }
    for block in &recipe.page {
        match block {
            Block::Prose { text, .. } => {
                pieces.extend(prose::rows(text, ink, wide.min(WIDEST_PROSE)).into_iter().map(Piece::Row));
            }
            Block::Cell { text, line, names, problems, outputs } => {
                let above: usize = pieces.iter().map(Piece::rows).sum();
                let chosen = cursor.and_then(|at| at.checked_sub(name_rows.len())).and_then(|at| names.get(at));
                let (rows, places) = cell::rows(text, *line, names, chosen, problems, ink, wide);
                name_rows.extend(places.into_iter().map(|row| above + row));
                pieces.extend(rows.into_iter().map(Piece::Row));
                for output in outputs {
                    cell::output(output, &recipe.curves, ink, columns, &mut pieces);
                }
            }
        }
        pieces.push(Piece::Row(Line::default()));
    }
    if recipe.page.is_empty() {
        let text = recipe.message.as_deref().unwrap_or("The file is empty.");
        pieces.push(Piece::Row(line(vec![ink.span(text, Tone::Faint)])));
    }
    (pieces, name_rows)
}
