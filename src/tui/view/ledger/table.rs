//! Rows of the ledger's table.
//!
//! Takes a submission; gives one row from 70 columns on, with more columns from 120, or two rows on narrower terminals. What has not come yet
//! stands empty; a private score that came takes the place of the forecast's interval.

use ratatui::text::Line;
use toji::base::text;
use toji::session::errands::ledger::{Standing, Submission};

use crate::tui::view::ink::{Ink, Tone, line};

/// "❯*": selected, final.
fn marks(one: &Submission, selected: bool, ink: Ink) -> String {
    let cursor = if selected { ink.either("❯", ">") } else { " " };
    format!("{cursor}{}", if one.is_final { "*" } else { " " })
}

/// ".412" for "0.412": a column less.
fn short(value: f64) -> String {
    format!("{value:.3}").replacen("0.", ".", 1)
}

fn range([low, high]: [f64; 2], ink: Ink) -> String {
    format!("{}{}{}", short(low), ink.either("–", "-"), short(high))
}

/// A column's heading, how wide it is, and what stands in it.
struct Column {
    title: &'static str,
    wide: usize,
    cell: fn(&Submission, Ink) -> (String, Tone),
}

/// The columns that have room beside the recipe's name.
pub(super) struct Table {
    before: Vec<Column>,
    name: usize,
    after: Vec<Column>,
}

fn number(value: Option<f64>, decimals: usize) -> String {
    value.map(|value| format!("{value:.decimals$}")).unwrap_or_default()
}

fn gap(one: &Submission) -> (String, Tone) {
    let tone = if one.outlier { Tone::Care } else { Tone::Plain };
    let mark = if one.outlier { "!" } else { "" };
    (one.gap.map(|gap| format!("{mark}{gap:+.3}").replacen("0.", ".", 1)).unwrap_or_default(), tone)
}

impl Table {
    /// For a terminal of so many columns.
    pub fn of(ledger: &Standing, columns: usize) -> Table {
        let wide = columns >= 120;
        let before = match wide {
            true => vec![
                Column { title: "date", wide: 10, cell: |one, _| (one.made.date.clone(), Tone::Faint) },
                Column { title: "hash", wide: 8, cell: |one, _| (one.hash.to_string()[..8].to_owned(), Tone::Faint) },
            ],
            false => vec![Column {
                title: "date",
                wide: 5,
                cell: |one, _| (one.made.date.get(5..).unwrap_or_default().to_owned(), Tone::Faint),
            }],
        };
        let mut after = vec![
            Column { title: "CV", wide: 6, cell: |one, _| (number(one.made.cv, 4), Tone::Plain) },
            Column {
                title: "95 %",
                wide: 9,
                cell: |one, ink| (one.made.interval.map(|at| range(at, ink)).unwrap_or_default(), Tone::Faint),
            },
            Column {
                title: "public",
                wide: 7,
                cell: |one, _| (one.public.as_ref().map(|seen| seen.text.clone()).unwrap_or_default(), Tone::Strong),
            },
            Column { title: "gap", wide: 6, cell: |one, _| gap(one) },
            Column {
                title: "forecast",
                wide: 8,
                cell: |one, _| (number(one.forecast.map(|outlook| outlook.mean), 4), Tone::Plain),
            },
            Column {
                title: "95 %",
                wide: 9,
                cell: |one, ink| {
                    (one.forecast.map(|outlook| range(outlook.interval, ink)).unwrap_or_default(), Tone::Faint)
                },
            },
        ];
        if wide {
            after.insert(0, Column { title: "rung", wide: 8, cell: |one, _| (one.made.rung.clone(), Tone::Plain) });
        }
        if wide || ledger.submissions.iter().any(|one| one.private.is_some()) {
            let cell = |one: &Submission, _| {
                (one.private.as_ref().map(|seen| seen.text.clone()).unwrap_or_default(), Tone::Strong)
            };
            // What came takes the place of what was to come.
            if !wide {
                after.truncate(after.len() - 1);
            }
            after.push(Column { title: "private", wide: 7, cell });
        }
        let taken: usize = 2 + before.iter().chain(&after).map(|column| column.wide + 1).sum::<usize>();
        Table { before, name: columns.saturating_sub(taken).min(40), after }
    }

    /// The row above.
    pub fn heading(&self, ink: Ink) -> Line<'static> {
        let cell = |column: &Column| (column.title.to_owned(), Tone::Faint);
        self.set("  ", ("recipe", Tone::Faint), &cell, ink)
    }

    /// A submission's row.
    pub fn row(&self, one: &Submission, selected: bool, ink: Ink) -> Line<'static> {
        self.set(&marks(one, selected, ink), (&one.made.recipe, Tone::Strong), &|column| (column.cell)(one, ink), ink)
    }

    fn set(
        &self,
        marks: &str,
        name: (&str, Tone),
        cell: &dyn Fn(&Column) -> (String, Tone),
        ink: Ink,
    ) -> Line<'static> {
        let mut spans = vec![ink.span(marks, Tone::Plain)];
        for column in &self.before {
            let (said, tone) = cell(column);
            spans.push(ink.span(&format!("{} ", text::pad(&said, column.wide)), tone));
        }
        spans.push(ink.span(&text::pad(name.0, self.name), name.1));
        for column in &self.after {
            let (said, tone) = cell(column);
            let said = text::fit(&said, column.wide);
            let space = " ".repeat(1 + column.wide - text::width(&said));
            spans.push(ink.span(&format!("{space}{said}"), tone));
        }
        line(spans)
    }
}

/// Two rows: name and public score; day, CV, difference, forecast.
pub(super) fn narrow(one: &Submission, selected: bool, ink: Ink, columns: usize) -> Vec<Line<'static>> {
    let public = one.public.as_ref().map(|seen| seen.text.clone()).unwrap_or_else(|| "-".to_owned());
    let name = columns.saturating_sub(2 + 1 + text::width(&public));
    let first = line(vec![
        ink.span(&marks(one, selected, ink), Tone::Plain),
        ink.span(&text::pad(&one.made.recipe, name), Tone::Strong),
        ink.span(&format!(" {public}"), Tone::Strong),
    ]);
    let (difference, tone) = gap(one);
    let mut second = vec![ink.span(&format!("  {}", one.made.date.get(5..).unwrap_or_default()), Tone::Faint)];
    if let Some(cv) = one.made.cv {
        second.push(ink.span(&format!(" CV {cv:.4}"), Tone::Plain));
    }
    second.push(ink.span(&format!(" {difference}"), tone));
    if let Some(outlook) = &one.forecast {
        second.push(ink.span(&format!(" {} {}", ink.either("→", ">"), range(outlook.interval, ink)), Tone::Plain));
    }
    vec![first, line(second)]
}
