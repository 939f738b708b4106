//! All recipes at a glance.
//!
//! Takes the snapshot; gives a table in three forms: two rows a recipe on narrow terminals, one row
//! from 70 columns, more digits and each recipe's remark from 120. Below it stand the selected
//! recipe's details where there is room, above it the mistakes that stop every recipe.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use toji::base::text;
use toji::session::snapshot::{Problem, Recipe};

use super::ink::{Ink, Tone, line, put, wrap};
use super::{curves, plan, problems, words};
use crate::tui::model::{Model, is_active};

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

    fn rows_per_recipe(self) -> u16 {
        if self == Form::Narrow { 2 } else { 1 }
    }

    fn heading_rows(self) -> u16 {
        u16::from(self != Form::Narrow)
    }
}

/// The parts of the board from the top.
struct Parts {
    problems: Vec<Line<'static>>,
    list: Rect,
    detail: Rect,
}

fn parts(model: &Model, ink: Ink, body: Rect) -> Parts {
    let form = Form::of(body.width);
    let mut problems =
        problem_rows(&model.snapshot.problems, ink, usize::from(body.width), usize::from(body.height / 3));
    if !problems.is_empty() {
        problems.push(Line::default());
    }
    let above = problems.len() as u16;
    let room = body.height.saturating_sub(above);
    let recipes = u16::try_from(model.snapshot.recipes.len()).unwrap_or(u16::MAX);
    let wanted = recipes.saturating_mul(form.rows_per_recipe()).saturating_add(form.heading_rows());
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
        list: Rect::new(body.x, body.y + above.min(body.height), body.width, list),
        detail: Rect::new(body.x, body.y + body.height - detail, body.width, detail),
    }
}

/// How many recipes the list shows at once.
pub fn shown(model: &Model, body: Rect) -> usize {
    let form = Form::of(body.width);
    let list = parts(model, Ink::new(&model.options), body).list;
    usize::from(list.height.saturating_sub(form.heading_rows()) / form.rows_per_recipe()).max(1)
}

/// Draws the board.
pub fn draw(model: &Model, ink: Ink, body: Rect, buffer: &mut Buffer) {
    let parts = parts(model, ink, body);
    for (y, row) in (0..body.height).zip(&parts.problems) {
        put(buffer, body, y, row);
    }
    if model.snapshot.recipes.is_empty() {
        return empty(model, ink, parts.detail, buffer);
    }
    let form = Form::of(body.width);
    if form != Form::Narrow {
        put(buffer, parts.list, 0, &row(form, body.width, &heading(model, form), ink, Some(Tone::Faint)));
    }
    let shown = shown(model, body);
    // Whole screens of recipes: moving by one row repaints two rows, not the list.
    let first = model.index() / shown * shown;
    for (i, recipe) in model.snapshot.recipes.iter().enumerate().skip(first).take(shown) {
        let y = form.heading_rows() + (i - first) as u16 * form.rows_per_recipe();
        let selected = recipe.name == model.selected;
        let mut lines = match form {
            Form::Narrow => narrow(model, recipe, ink, body.width),
            _ => vec![row(form, body.width, &cells(model, recipe, form, ink), ink, None)],
        };
        for (below, line) in (0..form.rows_per_recipe()).zip(&mut lines) {
            if selected {
                invert(line, body.width);
            }
            put(buffer, parts.list, y + below, line);
        }
    }
    detail(model, ink, parts.detail, buffer);
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

/// The texts of a row, in the order of the columns.
struct Cells {
    marks: String,
    name: String,
    state: (String, Tone),
    rung: String,
    epoch: String,
    score: String,
    delta: (String, Tone),
    left: String,
    remark: String,
}

fn heading(model: &Model, form: Form) -> Cells {
    let metric = model.snapshot.recipes.iter().find_map(|r| r.score.as_ref()).map_or("MRR@20", |s| s.metric.as_str());
    let delta = if form == Form::Wide { "difference to the pin, 95 %" } else { "to the pin, 95 %" };
    Cells {
        marks: String::new(),
        name: "recipe".to_owned(),
        state: ("state".to_owned(), Tone::Plain),
        rung: "rung".to_owned(),
        epoch: "epoch".to_owned(),
        score: metric.to_owned(),
        delta: (delta.to_owned(), Tone::Plain),
        left: "left".to_owned(),
        remark: "what".to_owned(),
    }
}

fn cells(model: &Model, recipe: &Recipe, form: Form, ink: Ink) -> Cells {
    let (marker, word, tone) = words::state(recipe.state, ink);
    let decimals = if form == Form::Wide { 4 } else { 3 };
    Cells {
        marks: marks(model, recipe, ink),
        name: recipe.name.clone(),
        state: (format!("{marker} {word}"), tone),
        rung: recipe.rung.clone(),
        epoch: recipe.epoch.map(words::epochs).unwrap_or_default(),
        score: recipe.score.as_ref().map(|s| words::score(s, decimals)).unwrap_or_default(),
        delta: difference(model, recipe, form == Form::Wide),
        left: recipe.seconds_left.map(words::seconds).unwrap_or_default(),
        remark: remark(recipe).unwrap_or_default(),
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

/// Sets the cells side by side; the name takes what the others leave. With a tone, all take that one.
fn row(form: Form, columns: u16, cells: &Cells, ink: Ink, all: Option<Tone>) -> Line<'static> {
    let wide = form == Form::Wide;
    let (score, delta) = if wide { (7, 27) } else { (6, 19) };
    let fixed = 2 + 9 + 1 + 7 + 1 + 7 + 1 + score + 1 + delta + 1 + 7 + 1;
    let rest = usize::from(columns).saturating_sub(fixed);
    let name = if wide { (rest * 2 / 5).clamp(10, 32) } else { rest };
    let cell = |content: &str, width: usize, tone: Tone| ink.span(&text::pad(content, width), all.unwrap_or(tone));
    let right = |content: &str, width: usize| {
        let fitted = text::fit(content, width);
        let gap = " ".repeat(width - text::width(&fitted));
        ink.span(&format!("{gap}{fitted}"), all.unwrap_or(Tone::Plain))
    };
    let gap = || ink.span(" ", Tone::Plain);
    let mut spans: Vec<Span<'static>> = vec![
        cell(&cells.marks, 2, Tone::Plain),
        cell(&cells.name, name, Tone::Strong),
        gap(),
        cell(&cells.state.0, 9, cells.state.1),
        gap(),
        cell(&cells.rung, 7, Tone::Plain),
        gap(),
        right(&cells.epoch, 7),
        gap(),
        cell(&cells.score, score, Tone::Plain),
        gap(),
        cell(&cells.delta.0, delta, cells.delta.1),
        gap(),
        right(&cells.left, 7),
    ];
    if wide {
        spans.push(ink.span("  ", Tone::Plain));
        spans.push(ink.span(&cells.remark, all.unwrap_or(Tone::Plain)));
    }
    line(spans)
}

/// Two rows: name, epoch and state; score, difference, time left or remark.
fn narrow(model: &Model, recipe: &Recipe, ink: Ink, columns: u16) -> Vec<Line<'static>> {
    let columns = usize::from(columns);
    let (marker, word, tone) = words::state(recipe.state, ink);
    let state = if columns >= 24 { format!("{marker} {word}") } else { marker.to_owned() };
    // Where training has ended, how far it went is no news.
    let epoch =
        recipe.epoch.filter(|(done, total)| done < total && columns >= 34).map(words::epochs).unwrap_or_default();
    let name = columns.saturating_sub(2 + 1 + text::width(&epoch) + 1 + text::width(&state));
    let first = line(vec![
        ink.span(&marks(model, recipe, ink), Tone::Plain),
        ink.span(&text::pad(&recipe.name, name), Tone::Strong),
        ink.span(&format!(" {epoch} "), Tone::Plain),
        ink.span(&state, tone),
    ]);
    // Most telling first; what does not fit any more is left out whole, but a remark is cut.
    let (delta, delta_tone) = difference(model, recipe, false);
    let pieces = [
        (recipe.score.as_ref().map(|s| words::score(s, 3)), Tone::Plain, false),
        (Some(delta), delta_tone, false),
        (recipe.seconds_left.map(|s| format!("{} left", words::seconds(s))), Tone::Plain, false),
        (remark(recipe), Tone::Faint, true),
    ];
    let mut second = vec![ink.span(" ", Tone::Plain)];
    let mut room = columns.saturating_sub(1);
    for (piece, tone, may_cut) in pieces {
        let Some(piece) = piece.filter(|p| !p.is_empty()) else { continue };
        let piece = format!(" {}", text::fit(&piece, if may_cut && room >= 12 { room - 1 } else { usize::MAX }));
        let wide = text::width(&piece);
        if wide <= room {
            second.push(ink.span(&piece, tone));
            room -= wide;
        }
    }
    vec![first, line(second)]
}

/// What the table has no room for, of the selected recipe.
fn detail(model: &Model, ink: Ink, area: Rect, buffer: &mut Buffer) {
    let Some(recipe) = model.recipe() else { return };
    if area.height < 2 {
        return;
    }
    let columns = usize::from(area.width);
    let name = text::fit(&recipe.name, columns / 2);
    let rule = ink.either("─", "-");
    let head = format!("{rule}{rule} {name} ");
    let which = format!(" {}/{} {rule}{rule}", model.index() + 1, model.snapshot.recipes.len());
    let rest = rule.repeat(columns.saturating_sub(text::width(&head) + text::width(&which)));
    let mut rows = vec![line(vec![ink.span(&format!("{head}{rest}{which}"), Tone::Faint)])];
    let mut say = |text: &str, tone: Tone| {
        rows.extend(wrap(&line(vec![ink.span(text, tone)]), columns, &line(vec![ink.span("  ", Tone::Plain)])));
    };
    if !recipe.title.is_empty() && recipe.title != recipe.name {
        say(&recipe.title, Tone::Strong);
    }
    if let Some(message) = &recipe.message {
        let (_, _, tone) = words::state(recipe.state, ink);
        say(message, if tone == Tone::Bad { tone } else { Tone::Plain });
    }
    if recipe.fold.is_some_and(|(_, folds)| folds > 1) && is_active(recipe.state) {
        say(&words::progress(recipe), Tone::Plain);
    }
    for problem in problems(recipe).take(2) {
        say(&words::mistake(problem), Tone::Bad);
    }
    if let Some(score) = &recipe.score {
        let stale = if score.stale { ", of an older text" } else { "" };
        let interval = words::interval(score.interval, 3);
        let queries = words::count(score.queries as u64);
        say(&format!("{} {:.4} {interval} over {queries} queries{stale}", score.metric, score.value), Tone::Plain);
    }
    if let (Some(delta), Some(pin), false) = (&recipe.delta, &model.snapshot.pin, model.is_pin(recipe)) {
        let queries = words::count(delta.queries as u64);
        say(&format!("{} against {pin} over {queries} queries", words::delta(delta, true)), words::delta_tone(delta));
    }
    for (text, tone) in words::advice(recipe) {
        say(&text, tone);
    }
    if let (Some(why), Some(pin), false) = (&recipe.unpaired, &model.snapshot.pin, model.is_pin(recipe)) {
        say(&format!("no difference to {pin}: {why}"), Tone::Plain);
    }
    if !recipe.plan.is_empty() {
        say(&plan::summary(recipe), Tone::Plain);
        for step in recipe.plan.iter().filter(|s| s.action != "reuse").take(3) {
            say(&format!("  {} {}: {}", step.action, step.stage, step.reason), Tone::Faint);
        }
    }
    for note in &model.snapshot.notes {
        say(&format!("note: {note}"), Tone::Faint);
    }
    for (y, row) in (0..area.height).zip(&rows) {
        put(buffer, area, y, row);
    }
    // A large terminal has room for the curves as well.
    let used = u16::try_from(rows.len() + 1).unwrap_or(u16::MAX);
    if area.height >= used.saturating_add(14) {
        curves::plots(model, ink, Rect { y: area.y + used, height: area.height - used, ..area }, buffer);
    }
}

/// Mistakes in `toji.toml` and the data, in at most `most` rows.
fn problem_rows(all: &[Problem], ink: Ink, columns: usize, most: usize) -> Vec<Line<'static>> {
    let mut rows = Vec::new();
    for problem in all {
        let text = format!("! {}", words::mistake(problem));
        let indent = line(vec![ink.span("  ", Tone::Plain)]);
        rows.extend(wrap(&line(vec![ink.span(&text, Tone::Bad)]), columns, &indent));
        if let Some(help) = &problem.help {
            rows.extend(wrap(&line(vec![ink.span(&format!("  {help}"), Tone::Plain)]), columns, &indent));
        }
    }
    if rows.len() > most && most > 0 {
        rows.truncate(most - 1);
        rows.push(line(vec![ink.span(&format!("  {} mistakes in all", all.len()), Tone::Faint)]));
    }
    rows.truncate(most);
    rows
}

/// A project without recipes, or one that is still being read.
fn empty(model: &Model, ink: Ink, area: Rect, buffer: &mut Buffer) {
    let columns = usize::from(area.width);
    let text: &[(&str, Tone)] = match model.loaded {
        false => &[("Reading the recipes …", Tone::Faint)],
        true => &[
            ("No recipe yet.", Tone::Strong),
            ("", Tone::Plain),
            (
                "A recipe is a Markdown file in recipes/, with prose and toml cells. Save this as recipes/01-first.md and it appears here:",
                Tone::Plain,
            ),
            ("  # 01 First try", Tone::Faint),
            ("  ```toml", Tone::Faint),
            ("  [loss]", Tone::Faint),
            ("  name = \"ArcFaceLoss\"", Tone::Faint),
            ("  ```", Tone::Faint),
            ("", Tone::Plain),
            ("toji explain lists what a recipe can hold.", Tone::Plain),
        ],
    };
    let rows = text.iter().flat_map(|(t, tone)| wrap(&line(vec![ink.span(t, *tone)]), columns, &Line::default()));
    for (y, row) in (0..area.height).zip(rows) {
        put(buffer, area, y, &row);
    }
}
