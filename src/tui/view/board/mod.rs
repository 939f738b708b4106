//! All recipes at a glance.
//!
//! Takes the listed recipes and the chosen columns; gives a table in three forms: two rows a recipe on narrow terminals, one row
//! from 70 columns, more digits and each recipe's remark from 120. With folds and seeds one by one each recipe has a row a
//! training and one with their mean below it. Above the list stand the mistakes that stop every recipe and, where
//! it is not the usual one, what is listed and in which order; below it the selected recipe's details where there is room.
//!
//! - [`table`]: columns and their widths, a recipe's row; [`detail`]: what stands around the list.

mod detail;
mod table;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use toji::base::text;
use toji::session::board::folds;
use toji::session::snapshot::Recipe;

use super::ink::{Ink, Tone, line, put};
use crate::tui::model::Model;

/// How much room there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Narrow,
    Medium,
    Wide,
}

impl Form {
    fn of(columns: u16) -> Form {
        match columns {
            0..70 => Form::Narrow,
            70..120 => Form::Medium,
            _ => Form::Wide,
        }
    }

    fn rows_per_recipe(self) -> usize {
        if self == Form::Narrow { 2 } else { 1 }
    }

    fn heading_rows(self) -> u16 {
        u16::from(self != Form::Narrow)
    }
}

/// The parts of the board from the top.
struct Parts {
    problems: Vec<Line<'static>>,
    info: Option<Line<'static>>,
    list: Rect,
    detail: Rect,
}

fn parts(model: &Model, ink: Ink, body: Rect) -> Parts {
    let form = Form::of(body.width);
    let mut problems =
        detail::problem_rows(&model.snapshot.problems, ink, usize::from(body.width), usize::from(body.height / 3));
    if !problems.is_empty() {
        problems.push(Line::default());
    }
    let info = info(model, ink).filter(|_| body.height > 3);
    let above = problems.len() as u16 + u16::from(info.is_some());
    let room = body.height.saturating_sub(above);
    let rows = heights(model, form).iter().sum::<usize>();
    let wanted = u16::try_from(rows).unwrap_or(u16::MAX).saturating_add(form.heading_rows());
    // The details take what the list leaves; of a tall screen they always get some rows.
    let kept = match room {
        0..12 => 0,
        12..20 => 5,
        _ => 8,
    };
    let list = wanted.min(room.saturating_sub(kept));
    let detail = room - list;
    Parts {
        problems,
        info,
        list: Rect::new(body.x, body.y + above.min(body.height), body.width, list),
        detail: Rect::new(body.x, body.y + body.height - detail, body.width, detail),
    }
}

/// What is listed and in which order, where that is not all by name.
fn info(model: &Model, ink: Ink) -> Option<Line<'static>> {
    let choice = &model.board.choice;
    let (listed, all, hidden) = (model.board.listed.len(), model.snapshot.recipes.len(), model.hidden());
    if all == 0 {
        return None;
    }
    let mut spans = Vec::new();
    if !choice.filter.is_empty() {
        spans.push(ink.span(&format!("{listed} of {all}: "), Tone::Plain));
        spans.push(ink.span(&choice.filter, Tone::Strong));
    }
    let mut more = Vec::new();
    if choice.sort != "name" || choice.reverse {
        more.push(model.order_in_words());
    }
    if hidden > 0 {
        more.push(format!("{hidden} hidden (D lists them)"));
    }
    for text in more {
        let gap = if spans.is_empty() { "" } else { "  " };
        spans.push(ink.span(&format!("{gap}{text}"), Tone::Faint));
    }
    (!spans.is_empty()).then(|| line(spans))
}

/// Rows that each listed recipe takes.
fn heights(model: &Model, form: Form) -> Vec<usize> {
    let below = |recipe: &Recipe| if model.board.choice.folds { trainings(recipe) } else { 0 };
    model.on_board().map(|recipe| form.rows_per_recipe() + below(recipe)).collect()
}

/// Rows of a recipe's trainings: one each, and their mean where there are several.
fn trainings(recipe: &Recipe) -> usize {
    let parts = recipe.parts.iter().map(|part| (part.fold, part.seed));
    let curves = recipe.curves.iter().map(|curve| (curve.fold, curve.seed));
    let mut all: Vec<(u32, u64)> = parts.chain(curves).collect();
    all.sort_unstable();
    all.dedup();
    all.len() + usize::from(all.len() > 1)
}

/// How many recipes the list shows at once.
pub fn shown(model: &Model, body: Rect) -> usize {
    let form = Form::of(body.width);
    let list = parts(model, Ink::new(&model.options), body).list;
    (usize::from(list.height.saturating_sub(form.heading_rows())) / form.rows_per_recipe()).max(1)
}

/// The first row of the list that is shown, and how many are.
fn window(model: &Model, form: Form, heights: &[usize], list: Rect) -> (usize, usize) {
    let room = usize::from(list.height.saturating_sub(form.heading_rows()));
    // Whole screens of whole recipes: moving by one row repaints two rows, not the list.
    let screen = (room / form.rows_per_recipe() * form.rows_per_recipe()).max(form.rows_per_recipe());
    let index = model.index().min(heights.len().saturating_sub(1));
    let before: usize = heights.iter().take(index).sum();
    let own = heights.get(index).copied().unwrap_or(0);
    let first = before / screen * screen;
    let first = if before + own > first + screen { before } else { first };
    let visible = if model.board.choice.folds { room } else { screen };
    // The last screen is full: it begins at the first recipe from which on all have room.
    let all: usize = heights.iter().sum();
    let mut begins = heights.iter().scan(0, |sum, height| Some(std::mem::replace(sum, *sum + height)));
    let last = begins.find(|begins| all - begins <= visible).unwrap_or(before);
    (first.min(last), visible)
}

/// Draws the board.
pub fn draw(model: &Model, ink: Ink, body: Rect, buffer: &mut Buffer) {
    let parts = parts(model, ink, body);
    for (y, row) in (0..body.height).zip(parts.problems.iter().chain(&parts.info)) {
        put(buffer, body, y, row);
    }
    if model.snapshot.recipes.is_empty() {
        return detail::empty(model, ink, parts.detail, buffer);
    }
    if model.board.listed.is_empty() {
        let text = "No recipe is listed: / changes the filter, D brings hidden ones back.";
        put(buffer, parts.detail, 0, &line(vec![ink.span(text, Tone::Faint)]));
        return;
    }
    let form = Form::of(body.width);
    let heights = heights(model, form);
    let (first, screen) = window(model, form, &heights, parts.list);
    let mut begins = 0;
    let mut visible: Vec<(usize, &Recipe)> = Vec::new();
    for (recipe, height) in model.on_board().zip(&heights) {
        if begins + height > first && begins < first + screen {
            visible.push((begins, recipe));
        }
        begins += height;
    }
    let recipes: Vec<&Recipe> = visible.iter().map(|(_, recipe)| *recipe).collect();
    let shape = table::Shape::of(model, form, body.width, &recipes, ink);
    if form != Form::Narrow {
        put(buffer, parts.list, 0, &shape.heading(model, ink));
    }
    for (begins, recipe) in visible {
        let mut lines = shape.rows(model, recipe, ink);
        if recipe.name == model.selected {
            lines.iter_mut().for_each(|line| invert(line, body.width));
        }
        if model.board.choice.folds {
            lines.extend(below(model, recipe, &shape, ink));
        }
        for (row, line) in (begins..).zip(&lines).filter(|(row, _)| (first..first + screen).contains(row)) {
            put(buffer, parts.list, form.heading_rows() + (row - first) as u16, line);
        }
    }
    detail::draw(model, ink, parts.detail, buffer);
}

/// A recipe's trainings, and what they come to together.
fn below(model: &Model, recipe: &Recipe, shape: &table::Shape, ink: Ink) -> Vec<Line<'static>> {
    let own = folds::trainings(recipe);
    let mut lines: Vec<Line<'static>> = own.iter().map(|training| shape.training(model, training, ink)).collect();
    if own.len() > 1 {
        let summary = folds::summary(recipe, model.table().metric);
        let mut told = summary.map(|summary| folds::in_words(&summary, ink.either("±", "+-"))).unwrap_or_default();
        if told.is_empty() {
            told = "no score yet".to_owned();
        }
        lines.push(line(vec![ink.span("    ", Tone::Plain), ink.span(&told, Tone::Strong)]));
    }
    lines
}

/// The selected row: reversed as a whole, whatever its colours were.
pub(super) fn invert(line: &mut Line<'static>, columns: u16) {
    let style = Style::new().add_modifier(Modifier::REVERSED);
    let missing = usize::from(columns).saturating_sub(super::ink::width(line));
    for span in &mut line.spans {
        span.style = style.add_modifier(span.style.add_modifier & Modifier::BOLD);
    }
    line.spans.push(super::ink::styled(&" ".repeat(missing), style));
}

/// Text set to the right of a column.
fn right(content: &str, width: usize) -> String {
    let fitted = text::fit(content, width);
    format!("{}{fitted}", " ".repeat(width.saturating_sub(text::width(&fitted))))
}
