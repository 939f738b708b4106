//! A comparison as a table of words: one row a thing that differs, one column a recipe.
//!
//! Takes a [`Comparison`]; gives sections of rows whose cells are plain text, and lines for a pipe or a log. The workbench and the command line
//! print the same rows.

use crate::base::text::{bytes, duration, fit, pad, plain, width};
use crate::score::Delta;
use crate::session::errands::looking::compare::{Comparison, Difference, Moved, Side};

/// What a cell says, for its colour; its text says it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Nothing.
    None,
    /// Better than the first recipe, for certain.
    Better,
    /// Worse than the first recipe, for certain.
    Worse,
    /// Nothing is there.
    Missing,
}

/// A cell: its text and what it says.
pub type Cell = (String, Mark);

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What is compared.
    pub name: String,
    /// One a recipe.
    pub cells: Vec<Cell>,
}

/// Rows under a heading.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// "scores", "settings", "queries that moved".
    pub title: String,
    /// Its rows.
    pub rows: Vec<Row>,
}

/// The columns' letters: a, b, c, …
pub fn letter(column: usize) -> char {
    ('a'..='z').nth(column % 26).unwrap_or('a')
}

/// All sections. Of the queries that moved at most `queries` are told.
pub fn sections(found: &Comparison, queries: usize) -> Vec<Section> {
    let mut all = vec![Section { title: "scores".to_owned(), rows: scores(found) }];
    all.push(Section { title: "cost".to_owned(), rows: costs(found) });
    let told = |difference: &Difference| Row {
        name: difference.key.clone(),
        cells: difference.values.iter().map(|value| cell(value.clone())).collect(),
    };
    let title = if found.differences.is_empty() { "settings: all the same" } else { "settings that differ" };
    all.push(Section { title: title.to_owned(), rows: found.differences.iter().map(told).collect() });
    let shown = &found.moved[..queries.min(found.moved.len())];
    let title = match (found.moved_in_all, shown.len()) {
        (0, _) => "no query moved, or lists are missing".to_owned(),
        (all, shown) if shown < all => {
            format!("queries that moved: the {shown} that moved most of {all}; rank of the first hit")
        }
        (all, _) => format!("queries that moved: {all}; rank of the first hit"),
    };
    all.push(Section { title, rows: shown.iter().map(query).collect() });
    all
}

/// Text, or a dash for what is not there.
fn cell(text: Option<String>) -> Cell {
    text.map_or(("-".to_owned(), Mark::Missing), |text| (text, Mark::None))
}

fn row(name: &str, found: &Comparison, of: impl Fn(&Side) -> Option<String>) -> Row {
    Row { name: name.to_owned(), cells: found.sides.iter().map(|side| cell(of(side))).collect() }
}

fn scores(found: &Comparison) -> Vec<Row> {
    let mut rows = vec![row("rung", found, |side| Some(side.rung.clone()).filter(|rung| !rung.is_empty()))];
    let metric = found.sides.iter().find_map(|side| side.score.as_ref()).map_or("score", |score| &score.metric);
    rows.push(row(metric, found, |side| side.score.as_ref().map(|score| format!("{:.4}", score.value))));
    let interval = |[low, high]: [f64; 2], signed: bool| match signed {
        true => format!("[{low:+.4}, {high:+.4}]"),
        false => format!("[{low:.4}, {high:.4}]"),
    };
    rows.push(row("  95 %", found, |side| side.score.as_ref().map(|score| interval(score.interval, false))));
    rows.push(row("  queries", found, |side| side.score.as_ref().map(|score| score.queries.to_string())));
    let paired = |name: &str, of: &dyn Fn(&Delta) -> String| Row {
        name: name.to_owned(),
        cells: found
            .sides
            .iter()
            .enumerate()
            .map(|(i, side)| match (&side.delta, i) {
                (_, 0) => ("compared with it".to_owned(), Mark::None),
                (Some(delta), _) if delta.interval[0] > 0.0 => (of(delta), Mark::Better),
                (Some(delta), _) if delta.interval[1] < 0.0 => (of(delta), Mark::Worse),
                (Some(delta), _) => (of(delta), Mark::None),
                (None, _) => cell(None),
            })
            .collect(),
    };
    if found.sides.iter().any(|side| side.delta.is_some()) {
        rows.push(paired(&format!("Δ{metric}"), &|delta| format!("{:+.4}", delta.value)));
        let unnamed = |mut row: Row| {
            row.cells[0] = (String::new(), Mark::None);
            row
        };
        rows.push(unnamed(paired("  95 %", &|delta| interval(delta.interval, true))));
        rows.push(unnamed(paired("  that is", &|delta| verdict(delta).to_owned())));
        rows.push(unnamed(paired("  P(better)", &|delta| format!("{:.3}", delta.better))));
        rows.push(unnamed(paired("  wins / ties / losses", &|delta| {
            let [wins, ties, losses] = delta.wins_ties_losses;
            format!("{wins} / {ties} / {losses}")
        })));
    }
    let trainings = found.sides.iter().map(|side| side.trainings.len()).max().unwrap_or(0);
    if trainings > 1 {
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in found.sides.iter().flat_map(|side| &side.trainings) {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        for name in names {
            let own = |side: &Side| side.trainings.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
            rows.push(row(&format!("  {name}"), found, |side| own(side).map(|value| format!("{value:.4}"))));
        }
    }
    rows
}

/// What an interval says, in words.
fn verdict(delta: &Delta) -> &'static str {
    match delta.interval {
        [low, _] if low > 0.0 => "better",
        [_, high] if high < 0.0 => "worse",
        _ => "undecided",
    }
}

fn costs(found: &Comparison) -> Vec<Row> {
    let made = |side: &Side| side.cost.bytes > 0 || side.cost.seconds > 0.0;
    let mut rows = vec![
        row("time", found, |side| made(side).then(|| duration(side.cost.seconds))),
        row("  training", found, |side| made(side).then(|| duration(side.cost.training))),
        row("disk", found, |side| made(side).then(|| bytes(side.cost.bytes))),
    ];
    if found.sides.iter().any(|side| side.cost.missing > 0) {
        rows.push(row("stages to run", found, |side| Some(side.cost.missing.to_string())));
    }
    let millions = |n: Option<u64>, unit: f64| n.map(|n| n as f64 / unit);
    rows.push(row("parameters", found, |side| millions(side.cost.parameters, 1e6).map(|n| format!("{n:.1} M"))));
    rows.push(row("multiply-adds", found, |side| millions(side.cost.multiply_adds, 1e9).map(|n| format!("{n:.2} G"))));
    rows
}

fn query(moved: &Moved) -> Row {
    let name = format!("{}  {}", moved.id, moved.label.as_deref().unwrap_or("no label"));
    let first = moved.value.first().copied().flatten();
    let cells = moved.first.iter().zip(&moved.value).enumerate().map(|(i, (rank, value))| {
        let said = match (rank, value) {
            (_, None) => return cell(None),
            (Some(rank), _) => rank.to_string(),
            (None, _) => "miss".to_owned(),
        };
        let mark = match (i, first, value) {
            (1.., Some(first), Some(value)) if *value > first => Mark::Better,
            (1.., Some(first), Some(value)) if *value < first => Mark::Worse,
            _ => Mark::None,
        };
        (said, mark)
    });
    Row { name, cells: cells.collect() }
}

/// Why recipes have no score or cannot be paired, a line each.
pub fn notes(found: &Comparison) -> Vec<String> {
    let noted = found.sides.iter().filter_map(|side| Some(format!("{}: {}", side.recipe, side.why.as_ref()?)));
    noted.map(|note| plain(&note)).collect()
}

/// As lines of at most `columns`: a table where the recipes fit beside each other, else one line a recipe under each name.
pub fn lines(found: &Comparison, queries: usize, columns: usize) -> Vec<String> {
    let sections = sections(found, queries);
    let mut lines: Vec<String> = found
        .sides
        .iter()
        .enumerate()
        .map(|(i, side)| {
            let title = if side.title.is_empty() { String::new() } else { format!("  {}", side.title) };
            fit(&plain(&format!("{}  {}{title}", letter(i), side.recipe)), columns)
        })
        .collect();
    let form = Form::of(&sections, found.sides.len(), columns);
    for section in &sections {
        lines.push(String::new());
        lines.push(fit(&plain(&section.title), columns));
        for row in &section.rows {
            lines.extend(form.set(row).into_iter().map(|(name, cells)| {
                let cells = cells.iter().map(|(text, _)| format!("  {text}"));
                fit(std::iter::once(name).chain(cells).collect::<String>().trim_end(), columns)
            }));
        }
    }
    let notes = notes(found);
    if !notes.is_empty() {
        lines.push(String::new());
        lines.extend(notes);
    }
    lines
}

/// How rows are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    name: usize,
    cell: usize,
    beside: bool,
}

/// The widest that a name makes its column.
const NAME: usize = 30;
/// The narrowest useful cell.
const CELL: usize = 11;
/// The widest.
const WIDEST: usize = 32;

impl Form {
    /// The form for so many recipes in so many columns.
    pub fn of(sections: &[Section], recipes: usize, columns: usize) -> Form {
        let rows = || sections.iter().flat_map(|section| &section.rows);
        let name = rows().map(|row| width(&plain(&row.name))).max().unwrap_or(0).min(NAME).min(columns / 3).max(8);
        let natural = rows().flat_map(|row| &row.cells).map(|(text, _)| width(&plain(text)) + 2).max().unwrap_or(CELL);
        let room = columns.saturating_sub(name) / recipes.max(1);
        let cell = natural.clamp(CELL, WIDEST).min(room.saturating_sub(2));
        Form { name, cell, beside: cell >= CELL }
    }

    /// A row as lines: its name and its cells, padded. Where recipes do not fit beside each other, the name stands alone and each recipe has a
    /// line with its letter.
    pub fn set(self, row: &Row) -> Vec<(String, Vec<Cell>)> {
        if self.beside {
            let cells = row.cells.iter().map(|(text, mark)| (pad(&plain(text), self.cell), *mark)).collect();
            return vec![(pad(&plain(&row.name), self.name), cells)];
        }
        let mut lines = vec![(plain(&row.name), Vec::new())];
        for (i, (text, mark)) in row.cells.iter().enumerate().filter(|(_, (text, _))| !text.is_empty()) {
            lines.push((format!("  {}", letter(i)), vec![(plain(text), *mark)]));
        }
        lines
    }

    /// The recipes' names over their columns; nothing where they do not stand beside each other.
    pub fn heads(self, found: &Comparison) -> Option<(String, Vec<String>)> {
        let head = |(i, side): (usize, &Side)| pad(&plain(&format!("{} {}", letter(i), side.recipe)), self.cell);
        self.beside.then(|| (" ".repeat(self.name), found.sides.iter().enumerate().map(head).collect()))
    }
}
