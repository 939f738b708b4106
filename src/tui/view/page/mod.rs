//! One recipe as a page: its prose and cells as written, and under each cell what its stages last gave.
//!
//! Takes the recipe's blocks and what of them is folded; gives pieces (rows of text, strips of pictures) that know their height,
//! so that the page scrolls by row. Nothing is cut off: long rows wrap. What is folded leaves a row that says what is hidden, and whether a mistake is.
//!
//! - [`prose`]: Markdown as rows; [`cell`]: a cell and its outputs; [`change`]: the box in which a value is typed.

mod cell;
pub mod change;
mod prose;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use toji::session::snapshot::{Block, Output, Picture, Problem, Recipe};

use super::ink::{Ink, Tone, line, put, put_at, wrap};
use super::photos::pictures::{HalfBlocks, Marked, Pictures};
use super::{heading, nothing, text_area, words};
use crate::tui::model::Model;
use crate::tui::model::page::{Folds, Ids, Part, head};
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

/// Where a part of the page begins.
pub struct Spot {
    /// Its first row.
    pub row: usize,
    /// Its first line in the file.
    pub line: usize,
    /// What it is.
    pub part: Part,
}

/// A page laid out at some width.
#[derive(Default)]
pub struct Layout {
    pieces: Vec<Piece>,
    /// Rows in all.
    pub rows: usize,
    /// The names that show, by their places among all of the page's, and their rows.
    pub stops: Vec<(usize, usize)>,
    /// Where its parts begin, from the top.
    spots: Vec<Spot>,
    /// The section that is being hidden.
    hidden: Option<Hidden>,
}

/// What a folded section hides so far.
struct Hidden {
    level: usize,
    /// The piece that tells of it.
    piece: usize,
    rows: usize,
    cells: usize,
    mistakes: usize,
}

/// Lines longer than this are hard to read.
const WIDEST_PROSE: usize = 96;

impl Layout {
    /// The page of a recipe. `cursor`: the name that is shown as chosen.
    pub fn new(recipe: &Recipe, folds: Option<&Folds>, cursor: Option<usize>, ink: Ink, columns: u16) -> Layout {
        let (wide, open) = (usize::from(columns), Folds::default());
        let folds = folds.unwrap_or(&open);
        let mut page = Layout::default();
        let (mut cells, mut sections) = (Ids::default(), Ids::default());
        if let (Some(message), false) = (&recipe.message, recipe.page.is_empty()) {
            let (marker, _, tone) = words::state(recipe.state, ink);
            let said = line(vec![ink.span(&format!("{marker} {message}"), tone)]);
            page.all(wrap(&said, wide, &line(vec![ink.span("  ", Tone::Plain)])));
            page.row(Line::default());
        }
        let (mut names_before, mut section) = (0, Part::Loose);
        for block in &recipe.page {
            match block {
                Block::Prose { text, line } => {
                    let prose = prose::laid(text, ink, wide.min(WIDEST_PROSE));
                    page.prose(prose, *line, folds, (&mut sections, &mut section), ink);
                }
                Block::Cell { text, line, names, problems, outputs } => {
                    let id = cells.next(head(text));
                    if let Some(hidden) = &mut page.hidden {
                        hidden.cells += 1;
                        hidden.mistakes += problems.len();
                        hidden.rows += text.lines().count();
                        names_before += names.len();
                        continue;
                    }
                    page.spots.push(Spot {
                        row: page.rows,
                        line: *line,
                        part: Part::Cell(id.clone(), !outputs.is_empty()),
                    });
                    if folds.cells.contains(&id) {
                        page.row(folded_cell(text, problems, outputs, ink));
                    } else {
                        let chosen = cursor.and_then(|at| at.checked_sub(names_before)).and_then(|at| names.get(at));
                        let (rows, places) = cell::rows(text, *line, names, chosen, problems, ink, wide);
                        let above = page.rows;
                        let stops = places.into_iter().enumerate();
                        page.stops.extend(stops.map(|(i, row)| (names_before + i, above + row)));
                        page.all(rows);
                        if folds.outputs.contains(&id) && !outputs.is_empty() {
                            page.row(folded_outputs(outputs, ink));
                        } else {
                            let mut pieces = Vec::new();
                            for output in outputs {
                                cell::output(output, &recipe.curves, ink, columns, &mut pieces);
                            }
                            pieces.into_iter().for_each(|piece| page.piece(piece));
                        }
                    }
                    names_before += names.len();
                }
            }
            if page.hidden.is_none() {
                page.row(Line::default());
            }
        }
        page.show_again(ink);
        if recipe.page.is_empty() {
            let text = recipe.message.as_deref().unwrap_or("The file is empty.");
            page.row(line(vec![ink.span(text, Tone::Faint)]));
        }
        page
    }

    /// The part that a row belongs to; above all of them the first.
    pub fn at(&self, row: usize) -> Option<&Spot> {
        self.spots.iter().rev().find(|spot| spot.row <= row).or(self.spots.first())
    }

    fn piece(&mut self, piece: Piece) {
        self.rows += piece.rows();
        self.pieces.push(piece);
    }

    fn row(&mut self, row: Line<'static>) {
        self.piece(Piece::Row(row));
    }

    fn all(&mut self, rows: Vec<Line<'static>>) {
        rows.into_iter().for_each(|row| self.row(row));
    }

    /// A block of prose, by its sections.
    fn prose(
        &mut self,
        prose: prose::Laid,
        first: usize,
        folds: &Folds,
        (ids, section): (&mut Ids, &mut Part),
        ink: Ink,
    ) {
        let mut rows = prose.rows.into_iter();
        let mut taken = 0;
        let before = prose.headings.first().map_or(usize::MAX, |heading| heading.rows.start);
        if before > 0 {
            let piece: Vec<_> = rows.by_ref().take(before).collect();
            taken += piece.len();
            self.shown(piece, first, section.clone());
        }
        for (i, heading) in prose.headings.iter().enumerate() {
            let end = prose.headings.get(i + 1).map_or(usize::MAX, |next| next.rows.start);
            if self.hidden.as_ref().is_some_and(|hidden| heading.level <= hidden.level) {
                self.show_again(ink);
            }
            let id = ids.next(&heading.title);
            *section = Part::Section(id.clone());
            let mut piece: Vec<_> = rows.by_ref().take(end - taken).collect();
            taken += piece.len();
            let line = first + heading.line;
            if self.hidden.is_none() && folds.sections.contains(&id) {
                let body = piece.split_off(heading.rows.len().min(piece.len()));
                self.shown(piece, line, section.clone());
                self.hidden =
                    Some(Hidden { level: heading.level, piece: self.pieces.len(), rows: 0, cells: 0, mistakes: 0 });
                self.row(Line::default());
                self.row(Line::default());
                self.shown(body, line, section.clone());
            } else {
                self.shown(piece, line, section.clone());
            }
        }
    }

    /// Rows of prose, where they are not hidden.
    fn shown(&mut self, rows: Vec<Line<'static>>, line: usize, part: Part) {
        match &mut self.hidden {
            Some(hidden) => hidden.rows += rows.iter().filter(|row| !row.spans.is_empty()).count(),
            None if rows.is_empty() => {}
            None => {
                self.spots.push(Spot { row: self.rows, line, part });
                self.all(rows);
            }
        }
    }

    /// Ends a hidden section, and says what it hides.
    fn show_again(&mut self, ink: Ink) {
        let Some(hidden) = self.hidden.take() else { return };
        let mut said = vec![ink.span(&format!("+ folded: {}", counted(hidden.rows, "line")), Tone::Faint)];
        if hidden.cells > 0 {
            said.push(ink.span(&format!(", {}", counted(hidden.cells, "cell")), Tone::Faint));
        }
        said.extend(mistakes(hidden.mistakes, ink));
        self.pieces[hidden.piece] = Piece::Row(line(said));
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn mistakes(count: usize, ink: Ink) -> Option<ratatui::text::Span<'static>> {
    (count > 0).then(|| ink.span(&format!("  ! {}", counted(count, "mistake")), Tone::Bad))
}

/// "+ [loss] 4 lines  ▸ fit running".
fn folded_cell(text: &str, problems: &[Problem], outputs: &[Output], ink: Ink) -> Line<'static> {
    let mut spans = vec![
        ink.span("+ ", Tone::Faint),
        ink.span(head(text), Tone::Strong),
        ink.span(&format!(" {}", counted(text.lines().count(), "line")), Tone::Faint),
    ];
    spans.extend(mistakes(problems.len(), ink));
    spans.extend(states(outputs, ink));
    line(spans)
}

/// "  + ▸ fit running  ~ score stale".
fn folded_outputs(outputs: &[Output], ink: Ink) -> Line<'static> {
    let mut spans = vec![ink.span("+", Tone::Faint)];
    spans.extend(states(outputs, ink));
    line(spans)
}

fn states(outputs: &[Output], ink: Ink) -> impl Iterator<Item = ratatui::text::Span<'static>> {
    outputs.iter().map(move |output| {
        let (marker, word, _, tone) = words::output_state(&output.state, ink);
        ink.span(&format!("  {marker} {} {word}", output.stage), tone)
    })
}

/// The page of the model's selected recipe in this area.
pub fn layout(model: &Model, recipe: &Recipe, ink: Ink, columns: u16) -> Layout {
    let cursor = model.cursor.get(&recipe.name).copied();
    Layout::new(recipe, model.page.folds.get(&recipe.name), cursor, ink, columns)
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
    let page = layout(model, recipe, ink, area.width);
    let shown = usize::from(area.height);
    heading(model, ink, body, if page.rows > shown { POSITION } else { 0 }, buffer);
    let first = model.scrolled().min(page.rows.saturating_sub(shown));
    let mut at = 0;
    for piece in &page.pieces {
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
    position(first, shown, page.rows, ink, body, buffer);
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
