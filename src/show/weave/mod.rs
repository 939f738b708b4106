//! A recipe's page with its outputs, as Markdown for whoever reads it elsewhere.
//!
//! Takes a snapshot and where the page will lie; gives its text and the pictures beside it: what the terminal's page shows, cell by cell, with the
//! score and the plan on top. Prose and cells stand as they are written; what stages gave comes from files and is escaped, so that a label can neither
//! steer the page nor fetch anything. Outputs of an older text say so; what was never made is said plainly. Links that are relative to the recipe are
//! rewritten for the page's place. Equal snapshots give equal bytes, but for the time on top.
//!
//! - [`markdown`]: escapes and tables; [`links`]: from one folder to another; `pictures`: photos in one PNG.

pub mod links;
pub mod markdown;
mod pictures;

use std::path::Path;

use super::{ShowError, curves, table};
use crate::base::files::publish;
use crate::book::edit::stamp;
use crate::session::board::facts::word;
use crate::session::snapshot::{Block, Curve, Output, OutputState, Problem, Recipe, Snapshot};
use markdown::{code, escaped, item, rows};

/// The first line of a page.
pub const MARK: &str = "<!-- Written by toji weave. Edit the recipe instead, and weave again. -->";

/// A page and the pictures that lie beside it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Woven {
    /// The Markdown.
    pub text: String,
    /// Names of pictures and their bytes.
    pub files: Vec<(String, Vec<u8>)>,
}

/// Weaves the page of a recipe for the file `out`, an absolute path ending in a file's name.
///
/// # Errors
/// When the snapshot has no such recipe, or a picture cannot be made.
pub fn weave(snapshot: &Snapshot, name: &str, out: &Path) -> Result<Woven, ShowError> {
    let Some(recipe) = snapshot.recipes.iter().find(|recipe| recipe.name == name) else {
        let known: Vec<&str> = snapshot.recipes.iter().map(|recipe| recipe.name.as_str()).collect();
        return Err(ShowError::UnknownRecipe { name: name.to_owned(), known: known.join(", ") });
    };
    let stem = out.file_stem().map_or_else(|| "page".to_owned(), |stem| stem.to_string_lossy().into_owned());
    let mut page = Page { snapshot, recipe, out, stem, woven: Woven::default(), has_curves: false };
    page.top();
    for block in &recipe.page {
        match block {
            Block::Prose { text, .. } => page.paragraph(&links::moved(text, around(&recipe.file), around(out))),
            Block::Cell { text, problems, outputs, .. } => {
                page.paragraph(&code("toml", text));
                let problems: Vec<String> = problems.iter().map(mistake).collect();
                page.paragraph(&problems.join("\n"));
                for output in outputs {
                    page.output(output)?;
                }
            }
        }
    }
    Ok(page.woven)
}

/// Writes the pictures, then the page.
///
/// # Errors
/// When a file cannot be written.
pub fn write(woven: &Woven, out: &Path) -> Result<(), ShowError> {
    for (name, bytes) in &woven.files {
        publish(&around(out).join(name), bytes)?;
    }
    Ok(publish(out, woven.text.as_bytes())?)
}

fn around(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

struct Page<'a> {
    snapshot: &'a Snapshot,
    recipe: &'a Recipe,
    out: &'a Path,
    stem: String,
    woven: Woven,
    has_curves: bool,
}

impl Page<'_> {
    /// A block with an empty line before it.
    fn paragraph(&mut self, text: &str) {
        let text = text.trim_end();
        if text.is_empty() {
            return;
        }
        if !self.woven.text.is_empty() {
            self.woven.text.push('\n');
        }
        self.woven.text.push_str(text);
        self.woven.text.push('\n');
    }

    /// Where it is from, the score, the plan.
    fn top(&mut self) {
        let recipe = self.recipe;
        let source = links::link(around(self.out), &recipe.file);
        let rung = if recipe.rung.is_empty() { String::new() } else { format!(", up to {}", escaped(&recipe.rung)) };
        self.paragraph(MARK);
        self.paragraph(&format!(
            "[{}]({source}) as it stood on {}: **{}**{rung}.",
            escaped(&recipe.name),
            stamp(self.snapshot.at),
            word(recipe.state),
        ));
        if let Some(message) = &recipe.message {
            self.paragraph(&escaped(message));
        }
        match &recipe.score {
            Some(score) => {
                let stale = if score.stale { " (of an older text)" } else { "" };
                let mut head = vec![score.metric.clone(), "95 %".to_owned(), "queries".to_owned()];
                let mut row = vec![
                    format!("{:.4}{stale}", score.value),
                    format!("{:.4} to {:.4}", score.interval[0], score.interval[1]),
                    score.queries.to_string(),
                ];
                if let (Some(delta), Some(pin)) = (&recipe.delta, &self.snapshot.pin) {
                    head.extend([format!("to {pin}"), "95 %".to_owned()]);
                    let [low, high] = delta.interval;
                    row.extend([format!("{:+.4}", delta.value), format!("{low:+.4} to {high:+.4}")]);
                }
                self.paragraph(&rows(&head, &[row]));
            }
            None => self.paragraph("It has no score yet."),
        }
        self.plan();
        self.paragraph("---");
    }

    fn plan(&mut self) {
        let recipe = self.recipe;
        if recipe.plan.is_empty() {
            return self.paragraph("There is no plan: the recipe or the project has mistakes.");
        }
        let unknown = |runs: bool, text: Option<String>| match (runs, text) {
            (true, Some(text)) => text,
            (true, None) => "?".to_owned(),
            (false, _) => String::new(),
        };
        let row = |step: &crate::session::snapshot::Step| {
            let runs = step.action != "reuse";
            let (time, disk) = (step.seconds.map(table::duration), step.bytes.map(table::bytes));
            vec![step.stage.clone(), step.action.clone(), unknown(runs, time), unknown(runs, disk), step.reason.clone()]
        };
        let all: Vec<Vec<String>> = recipe.plan.iter().map(row).collect();
        let head = ["stage", "action", "time", "disk", "why"].map(str::to_owned);
        self.paragraph(&format!("<details><summary>Plan: {}</summary>", table::sum(recipe)));
        self.paragraph(&rows(&head, &all));
        self.paragraph("</details>");
    }

    fn output(&mut self, output: &Output) -> Result<(), ShowError> {
        let stage = escaped(&output.stage);
        self.paragraph(&match &output.state {
            OutputState::Fresh => format!("**{stage}**"),
            OutputState::Stale { why } => {
                format!("**{stage}**, **stale**, of an older text: {}", escaped(why))
            }
            OutputState::Running => format!("**{stage}**, being made"),
            OutputState::Failed { error } => format!("**{stage}**, **failed**: {}", escaped(error)),
            OutputState::Missing => format!("**{stage}**: not made yet"),
        });
        for table in &output.tables {
            self.paragraph(&rows(&table.head, &table.rows));
        }
        let said = |i: &usize| output.tables.iter().any(|table| table.says.contains(i));
        let lines = output.lines.iter().enumerate().filter(|(i, _)| !said(i)).map(|(_, line)| item(line));
        self.paragraph(&lines.collect::<Vec<_>>().join("\n"));
        if output.stage.split_whitespace().next() == Some("fit") {
            self.curves()?;
        }
        let number = 1 + self.woven.files.iter().filter(|(name, _)| name.ends_with(".png")).count();
        if let Some(png) = pictures::png(&output.pictures)? {
            let word: String = output.stage.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
            self.picture(&format!("{}-{word}-{number}.png", self.stem), png, &format!("pictures of {}", output.stage));
        }
        Ok(())
    }

    /// The curves, once, as a picture and in numbers.
    fn curves(&mut self) -> Result<(), ShowError> {
        if self.has_curves || self.recipe.curves.is_empty() {
            return Ok(());
        }
        self.has_curves = true;
        let row = |curve: &crate::session::snapshot::Curve| {
            let finite = || curve.points.iter().filter(|point| point[1].is_finite());
            let (first, last) = (finite().next()?, finite().next_back()?);
            let of =
                if curve.seed > 0 { format!("{} (seed +{})", curve.fold, curve.seed) } else { curve.fold.to_string() };
            let number = |value: f64| match value.abs() {
                large if large >= 100.0 => format!("{value:.0}"),
                small if small < 1e-3 && small > 0.0 => format!("{value:.1e}"),
                _ => format!("{value:.4}"),
            };
            Some(vec![curve.series.clone(), of, number(first[1]), number(last[1]), format!("{:.1}", last[0])])
        };
        // What tells how the machine did is no part of the story.
        let told = |curve: &&Curve| curves::series::Series::named(&curve.series).lower_is_better.is_some();
        let all: Vec<Vec<String>> = self.recipe.curves.iter().filter(told).filter_map(row).collect();
        let head = ["series", "fold", "first", "last", "epoch"].map(str::to_owned);
        let choice = curves::Choice::default();
        match curves::lines(self.snapshot, std::slice::from_ref(&self.recipe.name), &choice)
            .and_then(|lines| curves::svg(&lines, &choice))
        {
            Ok((svg, _)) => self.picture(&format!("{}-curves.svg", self.stem), svg.into_bytes(), "curves over epochs"),
            Err(ShowError::Nothing) => {}
            Err(error) => return Err(error),
        }
        self.paragraph(&rows(&head, &all));
        Ok(())
    }

    fn picture(&mut self, name: &str, bytes: Vec<u8>, about: &str) {
        self.paragraph(&format!("![{}]({})", escaped(about), links::encoded(name)));
        self.woven.files.push((name.to_owned(), bytes));
    }
}

fn mistake(problem: &Problem) -> String {
    let help = problem.help.as_ref().map(|help| format!(" ({})", escaped(help))).unwrap_or_default();
    let place = match problem.line {
        0 => String::new(),
        line => format!(" in line {line}, column {}", problem.column),
    };
    format!("- **mistake**{place}: {}{help}", escaped(&problem.message))
}

#[cfg(test)]
mod tests;
