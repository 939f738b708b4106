//! Columns and rows.
//!
//! Takes the chosen columns and the recipes that are on the screen; gives their widths and rows. State, rung, epoch, score,
//! difference and time have widths of their own, so that the list stands still; others are as wide as what is on the screen. What
//! has no room goes from the right, whole, and the heading says how many; on narrow terminals a recipe's second row
//! has as much of it as fits, each with its name.

use ratatui::text::{Line, Span};
use toji::base::text;
use toji::session::board::Table;
use toji::session::board::facts::Kind;
use toji::session::snapshot::Recipe;

use super::{Form, right};
use crate::tui::model::{Model, is_active};
use crate::tui::view::ink::{Ink, Tone, line};
use crate::tui::view::{problems, words};

/// The least columns that a recipe's name gets, on terminals of 80 columns and on smaller ones.
const NAME: (usize, usize) = (12, 7);
/// The least columns that a remark is worth.
const WHAT: usize = 12;
/// The widest that a column is drawn.
const WIDEST: usize = 24;

/// How the rows on the screen are set.
pub(super) struct Shape {
    form: Form,
    columns: usize,
    name: usize,
    cells: Vec<Cell>,
    what: bool,
    left_out: usize,
}

/// A column.
struct Cell {
    name: String,
    width: usize,
    right: bool,
}

impl Shape {
    /// For these recipes on so many columns.
    pub fn of(model: &Model, form: Form, columns: u16, recipes: &[&Recipe], ink: Ink) -> Shape {
        let columns = usize::from(columns);
        let table = model.table();
        let chosen = model.board.choice.columns.iter().filter(|name| !["what", "name"].contains(&name.as_str()));
        let mut cells: Vec<Cell> = chosen.map(|name| cell(model, &table, name, form, recipes, ink)).collect();
        let taken = |cells: &[Cell]| 2 + cells.iter().map(|cell| cell.width + 1).sum::<usize>();
        let all = cells.len();
        let least = if columns >= 80 { NAME.0 } else { NAME.1 };
        while form != Form::Narrow && !cells.is_empty() && taken(&cells) + least > columns {
            cells.pop();
        }
        let rest = columns.saturating_sub(taken(&cells));
        let wanted = model.board.choice.columns.iter().any(|name| name == "what");
        let what = wanted && form == Form::Wide && rest >= 10 + 2 + WHAT;
        let name = if what { (rest * 2 / 5).clamp(10, 32) } else { rest };
        let left_out = if form == Form::Narrow { 0 } else { all - cells.len() };
        Shape { form, columns, name, cells, what, left_out }
    }

    /// The row of titles; `+2` where so many columns have no room.
    pub fn heading(&self, model: &Model, ink: Ink) -> Line<'static> {
        let table = model.table();
        let marks = if self.left_out > 0 { format!("+{}", self.left_out) } else { String::new() };
        let titles = self.cells.iter().map(|cell| (title(&table, &cell.name, self.form), Tone::Faint));
        self.row(&marks, "recipe", titles.collect(), "what", Some(Tone::Faint), ink)
    }

    /// A recipe's rows: two on narrow terminals, else one.
    pub fn rows(&self, model: &Model, recipe: &Recipe, ink: Ink) -> Vec<Line<'static>> {
        if self.form == Form::Narrow {
            return self.narrow(model, recipe, ink);
        }
        let table = model.table();
        let contents = self.cells.iter().map(|cell| content(model, &table, recipe, &cell.name, self.form, ink));
        let remark = remark(recipe).unwrap_or_default();
        vec![self.row(&marks(model, recipe, ink), &recipe.name, contents.collect(), &remark, None, ink)]
    }

    /// The row of one training: what it has of the columns.
    pub fn training(&self, model: &Model, training: &Recipe, ink: Ink) -> Line<'static> {
        let table = model.table();
        if self.form == Form::Narrow {
            let mut spans = vec![ink.span(&format!("    {}", training.name), Tone::Plain)];
            let last = table.cell(training, "last", words::seconds);
            let score = training.score.as_ref().map(|score| words::score(score, 3));
            let loss = table.cell(training, "loss", words::seconds);
            let pieces = [("", score.unwrap_or_default()), ("last ", last), ("loss ", loss)];
            for (label, piece) in pieces.iter().filter(|(_, piece)| !piece.is_empty()) {
                spans.push(ink.span(&format!("  {label}{piece}"), Tone::Plain));
            }
            return line(spans);
        }
        let of_recipes = ["state", "rung", "delta", "left"];
        let contents = self.cells.iter().map(|cell| match cell.name.as_str() {
            name if of_recipes.contains(&name) => (String::new(), Tone::Plain),
            name => content(model, &table, training, name, self.form, ink),
        });
        self.row("", &format!("  {}", training.name), contents.collect(), "", Some(Tone::Plain), ink)
    }

    /// Sets the cells side by side. With a tone, all take that one.
    fn row(
        &self,
        marks: &str,
        name: &str,
        cells: Vec<(String, Tone)>,
        what: &str,
        all: Option<Tone>,
        ink: Ink,
    ) -> Line<'static> {
        let tone = |own: Tone| all.unwrap_or(own);
        let mut spans: Vec<Span<'static>> = vec![
            ink.span(&text::pad(marks, 2), tone(Tone::Plain)),
            ink.span(&text::pad(name, self.name), tone(Tone::Strong)),
        ];
        for (cell, (content, own)) in self.cells.iter().zip(cells) {
            let set = if cell.right { right(&content, cell.width) } else { text::pad(&content, cell.width) };
            spans.extend([ink.span(" ", Tone::Plain), ink.span(&set, tone(own))]);
        }
        if self.what {
            spans.extend([ink.span("  ", Tone::Plain), ink.span(what, tone(Tone::Plain))]);
        }
        line(spans)
    }

    /// Two rows: name, epoch and state; then the other columns, most telling first.
    fn narrow(&self, model: &Model, recipe: &Recipe, ink: Ink) -> Vec<Line<'static>> {
        let columns = self.columns;
        let has = |name: &str| model.board.choice.columns.iter().any(|column| column == name);
        let (marker, word, tone) = words::state(recipe.state, ink);
        let state = match has("state") {
            true if columns >= 24 => format!("{marker} {word}"),
            true => marker.to_owned(),
            false => String::new(),
        };
        // Where training has ended, how far it went is no news.
        let goes_on = recipe.epoch.filter(|(done, total)| done < total && columns >= 34 && has("epoch"));
        let epoch = goes_on.map(words::epochs).unwrap_or_default();
        let name = columns.saturating_sub(2 + 1 + text::width(&epoch) + 1 + text::width(&state));
        let first = line(vec![
            ink.span(&marks(model, recipe, ink), Tone::Plain),
            ink.span(&text::pad(&recipe.name, name), Tone::Strong),
            ink.span(&format!(" {epoch} "), Tone::Plain),
            ink.span(&state, tone),
        ]);
        let table = model.table();
        let told = |name: &str| -> (String, Tone) {
            let (content, tone) = content(model, &table, recipe, name, self.form, ink);
            match name {
                "state" | "rung" | "epoch" | "epochs" | "name" => (String::new(), tone),
                "score" | "delta" => (content, tone),
                "what" => (remark(recipe).unwrap_or_default(), Tone::Faint),
                _ if content.is_empty() => (content, tone),
                "left" => (format!("{content} left"), tone),
                name => (format!("{} {content}", title(&table, name, self.form)), tone),
            }
        };
        // What does not fit any more is left out whole, but a remark is cut.
        let mut second = vec![ink.span(" ", Tone::Plain)];
        let mut room = columns.saturating_sub(1);
        for column in &model.board.choice.columns {
            let (piece, tone) = told(column);
            if piece.is_empty() {
                continue;
            }
            let may_cut = column == "what" && room >= 12;
            let piece = format!(" {}", text::fit(&piece, if may_cut { room - 1 } else { usize::MAX }));
            let wide = text::width(&piece);
            if wide <= room {
                second.push(ink.span(&piece, tone));
                room -= wide;
            }
        }
        vec![first, line(second)]
    }
}

/// A column with the width that it takes.
fn cell(model: &Model, table: &Table<'_>, name: &str, form: Form, recipes: &[&Recipe], ink: Ink) -> Cell {
    let long = form == Form::Wide;
    let fixed = match name {
        "state" => Some((9, false)),
        "rung" => Some((7, false)),
        "epoch" | "left" => Some((7, true)),
        "score" => Some((if long { 7 } else { 6 }, false)),
        "delta" => Some((if long { 27 } else { 19 }, false)),
        _ => None,
    };
    let (width, right) = fixed.unwrap_or_else(|| {
        let contents = recipes.iter().map(|recipe| text::width(&content(model, table, recipe, name, form, ink).0));
        let wide = contents.chain([text::width(&title(table, name, form))]).max().unwrap_or(0);
        let is_number = match table.kind(name) {
            Kind::Number(_) | Kind::Difference | Kind::Seconds => true,
            Kind::Text | Kind::Words(_) | Kind::Flag => false,
            Kind::Any => recipes.iter().flat_map(|recipe| table.column(recipe, name)).all(|v| v.as_f64().is_some()),
        };
        (wide.clamp(3, WIDEST), is_number)
    });
    Cell { name: name.to_owned(), width, right }
}

/// A column's title.
fn title(table: &Table<'_>, name: &str, form: Form) -> String {
    match (name, table.at) {
        ("delta", _) if form == Form::Wide => "difference to the pin, 95 %".to_owned(),
        ("delta", _) => "to the pin, 95 %".to_owned(),
        ("same", Some(at)) => format!("at {}", (at * 10.0).round() / 10.0),
        _ => table.title(name).to_owned(),
    }
}

/// What stands in a column of a recipe's row.
fn content(model: &Model, table: &Table<'_>, recipe: &Recipe, name: &str, form: Form, ink: Ink) -> (String, Tone) {
    let plain = |text: Option<String>| (text.unwrap_or_default(), Tone::Plain);
    let decimals = if form == Form::Wide { 4 } else { 3 };
    match name {
        "state" => {
            let (marker, word, tone) = words::state(recipe.state, ink);
            (format!("{marker} {word}"), tone)
        }
        "epoch" => plain(recipe.epoch.map(words::epochs)),
        "score" => plain(recipe.score.as_ref().map(|score| words::score(score, decimals))),
        "delta" => difference(model, recipe, form == Form::Wide),
        "left" => plain(recipe.seconds_left.map(words::seconds)),
        "what" => plain(remark(recipe)),
        name => plain(Some(table.cell(recipe, name, words::seconds))),
    }
}

/// A cursor and a star: selected, marked for the curves.
fn marks(model: &Model, recipe: &Recipe, ink: Ink) -> String {
    let cursor = if recipe.name == model.selected { ink.either("❯", ">") } else { " " };
    let star = if model.marked.contains(&recipe.name) { "*" } else { " " };
    format!("{cursor}{star}")
}

fn difference(model: &Model, recipe: &Recipe, long: bool) -> (String, Tone) {
    // While it trains, beside the pin at the same share of the schedule; the remark says at which epoch.
    if let (Some(delta), false) = (words::early(recipe), model.is_pin(recipe)) {
        return (words::delta(delta, long), words::delta_tone(delta));
    }
    match (&recipe.delta, model.is_pin(recipe)) {
        (_, true) => ("pin".to_owned(), Tone::Strong),
        (Some(delta), false) => (words::delta(delta, long), words::delta_tone(delta)),
        // The details say why.
        (None, false) if recipe.unpaired.is_some() => ("not paired".to_owned(), Tone::Faint),
        (None, false) => (String::new(), Tone::Plain),
    }
}

/// Why it is as it is, or what would run.
fn remark(recipe: &Recipe) -> Option<String> {
    if let Some(problem) = problems(recipe).next() {
        return Some(format!("line {}: {}", problem.line, problem.message));
    }
    if let (Some(advice), true) = (&recipe.advice, is_active(recipe.state)) {
        return Some(format!("{}: {}", advice.advice, advice.reason));
    }
    if recipe.message.is_some() {
        return recipe.message.clone();
    }
    let step = recipe.plan.iter().find(|s| s.action != "reuse")?;
    Some(format!("{} {}: {}", step.action, step.stage, step.reason))
}
