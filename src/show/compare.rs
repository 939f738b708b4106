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

/// All sections. Of the queries that moved at most `queries` are told; `narrow` says the same in fewer columns.
fn sections(found: &Comparison, queries: usize, narrow: bool) -> Vec<Section> {
    let mut all = vec![Section { title: "scores".to_owned(), rows: scores(found, narrow) }];
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

fn scores(found: &Comparison, narrow: bool) -> Vec<Row> {
    let decimals = if narrow { 3 } else { 4 };
    let mut rows = vec![row("rung", found, |side| Some(side.rung.clone()).filter(|rung| !rung.is_empty()))];
    let metric = found.sides.iter().find_map(|side| side.score.as_ref()).map_or("score", |score| &score.metric);
    rows.push(row(metric, found, |side| side.score.as_ref().map(|score| format!("{:.decimals$}", score.value))));
    let interval = |[low, high]: [f64; 2], signed: bool| match (signed, narrow) {
        (true, false) => format!("[{low:+.4}, {high:+.4}]"),
        (false, false) => format!("[{low:.4}, {high:.4}]"),
        (true, true) => format!("[{low:+.3},{high:+.3}]").replace("0.", "."),
        (false, true) => format!("[{low:.3},{high:.3}]").replace("0.", "."),
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
                (_, 0) => (if narrow { "the first" } else { "compared with it" }.to_owned(), Mark::None),
                (Some(delta), _) if delta.interval[0] > 0.0 => (of(delta), Mark::Better),
                (Some(delta), _) if delta.interval[1] < 0.0 => (of(delta), Mark::Worse),
                (Some(delta), _) => (of(delta), Mark::None),
                (None, _) => cell(None),
            })
            .collect(),
    };
    if found.sides.iter().any(|side| side.delta.is_some()) {
        rows.push(paired(&format!("Δ{metric}"), &|delta| format!("{:+.decimals$}", delta.value)));
        let unnamed = |mut row: Row| {
            row.cells[0] = (String::new(), Mark::None);
            row
        };
        rows.push(unnamed(paired("  95 %", &|delta| interval(delta.interval, true))));
        rows.push(unnamed(paired("  that is", &|delta| verdict(delta).to_owned())));
        rows.push(unnamed(paired("  P better", &|delta| format!("{:.3}", delta.better))));
        let (name, between) = if narrow { ("  w/t/l", "/") } else { ("  wins / ties / losses", " / ") };
        rows.push(unnamed(paired(name, &|delta| delta.wins_ties_losses.map(|count| count.to_string()).join(between))));
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
    // What other recipes made and this one shares takes room and no time worth telling.
    let ran = |side: &Side, seconds: f64| made(side) && (side.cost.missing == 0 || seconds >= 0.05);
    let time = |side: &Side, seconds: f64| ran(side, seconds).then(|| duration(seconds));
    let mut rows = vec![
        row("time", found, |side| time(side, side.cost.seconds)),
        row("  training", found, |side| time(side, side.cost.training)),
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

/// A comparison set for so many columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Sheet {
    /// What is said.
    pub sections: Vec<Section>,
    /// The recipes' letters, in the order of the columns.
    letters: Vec<char>,
    name: usize,
    cell: usize,
    beside: bool,
}

/// The widest that a name makes its column.
const NAME: usize = 30;
/// The narrowest useful cell: an interval in few columns.
const CELL: usize = 13;
/// The widest.
const WIDEST: usize = 36;
/// Rows that a long value may take.
const ROWS: usize = 6;
/// Columns between cells.
const GAP: usize = 2;

impl Sheet {
    /// For `columns`; recipes have these letters, and of the queries that moved at most `queries` are told.
    pub fn of(found: &Comparison, queries: usize, columns: usize, letters: Vec<char>) -> Sheet {
        let recipes = found.sides.len().max(1);
        let mut sections = sections(found, queries, false);
        let widest = |sections: &[Section], of: &dyn Fn(&Row) -> usize| {
            sections.iter().take(2).flat_map(|section| &section.rows).map(of).max().unwrap_or(0)
        };
        let names = |row: &Row| width(&plain(&row.name));
        let cells = |row: &Row| row.cells.iter().map(|(text, _)| width(&plain(text))).max().unwrap_or(0);
        // Scores and costs decide; long settings and labels are broken into rows.
        let room = |name: usize| (columns.saturating_sub(name) / recipes).saturating_sub(GAP);
        let mut name = widest(&sections, &names);
        if room(name) < widest(&sections, &cells) {
            sections = self::sections(found, queries, true);
            name = widest(&sections, &names).min(columns.saturating_sub(recipes * (CELL + GAP))).max(8);
        }
        let spare = room(name).saturating_sub(WIDEST) * recipes;
        let name = (name + spare).clamp(name, NAME.max(name));
        let cell = room(name).min(WIDEST);
        Sheet { sections, letters, name, cell, beside: cell >= CELL }
    }

    fn letter(&self, column: usize) -> char {
        self.letters.get(column).copied().unwrap_or('?')
    }

    /// A row as lines: its name and its cells, padded. Long values go on below; a long name stands alone. Where recipes do not fit beside each other
    /// each has a line with its letter.
    pub fn set(&self, row: &Row) -> Vec<(String, Vec<Cell>)> {
        let name = plain(&row.name);
        if !self.beside {
            let mut lines = vec![(name, Vec::new())];
            for (i, (text, mark)) in row.cells.iter().enumerate().filter(|(_, (text, _))| !text.is_empty()) {
                lines.push((format!("  {}", self.letter(i)), vec![(plain(text), *mark)]));
            }
            return lines;
        }
        let broken: Vec<Vec<String>> = row.cells.iter().map(|(text, _)| broken(&plain(text), self.cell)).collect();
        let mut lines = Vec::new();
        let mut first = pad(&name, self.name);
        if width(&name) > self.name {
            lines.push((name, Vec::new()));
            first = " ".repeat(self.name);
        }
        for at in 0..broken.iter().map(Vec::len).max().unwrap_or(0) {
            let cell = |(parts, (_, mark)): (&Vec<String>, &Cell)| {
                (pad(parts.get(at).map_or("", String::as_str), self.cell), *mark)
            };
            let cells = broken.iter().zip(&row.cells).map(cell).collect();
            lines.push((std::mem::replace(&mut first, " ".repeat(self.name)), cells));
        }
        lines
    }

    /// The recipes' names over their columns; nothing where they do not stand beside each other.
    pub fn heads(&self, found: &Comparison) -> Option<(String, Vec<String>)> {
        let head = |(i, side): (usize, &Side)| pad(&plain(&format!("{} {}", self.letter(i), side.recipe)), self.cell);
        self.beside.then(|| (" ".repeat(self.name), found.sides.iter().enumerate().map(head).collect()))
    }

    /// Each recipe with its letter and its title.
    pub fn legend(&self, found: &Comparison) -> Vec<String> {
        let told = |(i, side): (usize, &Side)| {
            let title = if side.title.is_empty() { String::new() } else { format!("  {}", side.title) };
            plain(&format!("{} {}{title}", self.letter(i), side.recipe))
        };
        found.sides.iter().enumerate().map(told).collect()
    }
}

/// A text in rows of at most so many columns, broken behind a space where there is one; the last is cut where there would be too many.
fn broken(text: &str, columns: usize) -> Vec<String> {
    let (mut rows, mut rest) = (Vec::new(), text);
    while width(rest) > columns && rows.len() + 1 < ROWS {
        let mut used = 0;
        let end = rest.char_indices().find(|(_, sign)| {
            used += width(sign.encode_utf8(&mut [0; 4]));
            used > columns
        });
        let end = end.map_or(rest.len(), |(at, _)| at).max(rest.chars().next().map_or(1, char::len_utf8));
        let at = rest[..end].rfind(' ').map_or(end, |space| space + 1);
        rows.push(rest[..at].trim_end().to_owned());
        rest = &rest[at..];
    }
    rows.push(fit(rest, columns));
    rows
}

/// As lines of at most `columns`, for a pipe or a log.
pub fn lines(found: &Comparison, queries: usize, columns: usize) -> Vec<String> {
    let sheet = Sheet::of(found, queries, columns, ('a'..='z').take(found.sides.len()).collect());
    let mut lines: Vec<String> = sheet.legend(found).iter().map(|line| fit(line, columns)).collect();
    for section in &sheet.sections {
        lines.push(String::new());
        lines.push(fit(&plain(&section.title), columns));
        for row in &section.rows {
            lines.extend(sheet.set(row).into_iter().map(|(name, cells)| {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_go_on_below_and_lose_nothing_but_spaces() {
        assert_eq!(
            broken("[{ op = \"HorizontalFlip\", p = 0.5 }]", 16),
            ["[{ op =", "\"HorizontalFlip\"", ", p = 0.5 }]"]
        );
        assert_eq!(broken("純米大吟醸", 4), ["純米", "大吟", "醸"]);
        assert_eq!(broken("", 4), [""]);
        assert_eq!(broken(&"x".repeat(1_000), 10).len(), ROWS);
    }

    proptest::proptest! {
        #[test]
        fn no_row_is_wider_than_it_may_be(text in ".{0,60}", columns in 2_usize..20) {
            let text = plain(&text);
            for row in broken(&text, columns) {
                proptest::prop_assert!(width(&row) <= columns, "{row:?}");
            }
        }
    }
}
