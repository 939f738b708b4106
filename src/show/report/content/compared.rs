//! Two to six recipes beside each other: scores, cost, settings that differ, queries that moved.
//!
//! The same as the command and the workbench say (`crate::show::compare`), in the language of the report and with a plot of the differences.

use super::super::document::{Figure, Plot};
use super::super::plot::{self, Rows};
use super::{Block, Cell, Mark, cell, difference, number, p, table};
use crate::base::text::bytes;
use crate::session::errands::looking::compare::{Comparison, Difference, Moved, Side};
use crate::show::compare::notes;
use crate::show::report::Language;

/// Queries that are told.
const MOVED: usize = 20;

/// Its parts, under headings of this level.
pub(in crate::show::report) fn compared(found: &Comparison, language: Language, level: u8) -> Vec<Block> {
    let told = Told { found, language, level };
    let notes = notes(found);
    let notes = (!notes.is_empty()).then(|| Block::lines(notes));
    [told.scores(), told.costs(), told.settings(), told.moved(), notes.into_iter().collect()].concat()
}

struct Told<'a> {
    found: &'a Comparison,
    language: Language,
    level: u8,
}

impl Told<'_> {
    fn say(&self, phrase: p::Phrase) -> String {
        phrase.get(self.language).to_owned()
    }

    fn heading(&self, phrase: p::Phrase) -> Block {
        Block::Heading(self.level, self.say(phrase))
    }

    /// A table with a column a recipe.
    fn beside(&self, rows: Vec<Vec<Cell>>) -> Option<Block> {
        let names = self.found.sides.iter().map(|side| side.recipe.clone());
        table(std::iter::once(String::new()).chain(names).collect(), rows)
    }

    fn row(&self, name: String, of: impl Fn(&Side) -> Option<String>) -> Vec<Cell> {
        let cells = self.found.sides.iter().map(|side| dash(of(side)));
        std::iter::once(Cell::from(name)).chain(cells).collect()
    }

    fn scores(&self) -> Vec<Block> {
        let found = self.found;
        let metric = found.sides.iter().find_map(|side| side.score.as_ref()).map(|score| score.metric.clone());
        let metric = metric.unwrap_or_else(|| self.say(p::H_SCORE));
        let mut rows = vec![
            self.row(self.say(p::H_RUNG), |side| Some(side.rung.clone()).filter(|rung| !rung.is_empty())),
            self.row(metric.clone(), |side| {
                let score = side.score.as_ref()?;
                Some(format!("{} {}", number(score.value), super::interval(score.interval)))
            }),
            self.row(self.say(p::C_QUERIES), |side| side.score.as_ref().map(|score| score.queries.to_string())),
        ];
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in found.sides.iter().filter(|side| side.trainings.len() > 1).flat_map(|side| &side.trainings) {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        for name in names {
            let own = |side: &Side| side.trainings.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
            rows.push(self.row(name.to_owned(), |side| own(side).map(number)));
        }
        let mut blocks = vec![self.heading(p::C_SCORES)];
        if found.sides.iter().any(|side| side.delta.is_some()) {
            let deltas = found.sides.iter().enumerate().map(|(i, side)| match i {
                0 => Cell::from(self.say(p::C_FIRST)).marked(Mark::Quiet),
                _ => cell(side.delta.as_ref()),
            });
            rows.push(std::iter::once(Cell::from(format!("Δ {metric}"))).chain(deltas).collect());
            let better = |side: &Side| side.delta.as_ref().map(|delta| format!("{:.3}", delta.better));
            rows.push(self.row(self.say(p::C_BETTER), better));
            let counts = |side: &Side| {
                let counts = side.delta.as_ref()?.wins_ties_losses.map(|count| count.to_string());
                Some(counts.join(" / "))
            };
            rows.push(self.row(self.say(p::C_COUNTS), counts));
            let drawn = found.sides.iter().filter_map(|side| Some(difference(&side.recipe, side.delta.as_ref()?)));
            let (axis, mark, zero) = (format!("Δ {metric}"), plot::Mark::Dot, true);
            let first = found.sides.first().map(|side| side.recipe.as_str()).unwrap_or_default();
            blocks.push(Block::Figure(Figure {
                name: "beside".to_owned(),
                about: p::C_FIGURE.fill(self.language, &[first]),
                plot: Plot::Rows(Rows { axis, mark, zero, rows: drawn.collect() }),
            }));
        }
        blocks.extend(self.beside(rows));
        blocks
    }

    fn costs(&self) -> Vec<Block> {
        let time = |seconds: f64| super::time(seconds, self.language);
        let made = |side: &Side| side.cost.bytes > 0 || side.cost.seconds > 0.0;
        let per = |count: Option<u64>, unit: f64| count.map(|count| count as f64 / unit);
        let mut rows = vec![
            self.row(self.say(p::H_TIME), |side| made(side).then(|| time(side.cost.seconds))),
            self.row(self.say(p::C_TRAINING), |side| made(side).then(|| time(side.cost.training))),
            self.row(self.say(p::H_DISK), |side| made(side).then(|| bytes(side.cost.bytes))),
            self.row(self.say(p::C_PARAMETERS), |side| per(side.cost.parameters, 1e6).map(|n| format!("{n:.1} M"))),
            self.row(self.say(p::C_ADDS), |side| per(side.cost.multiply_adds, 1e9).map(|n| format!("{n:.2} G"))),
        ];
        if self.found.sides.iter().any(|side| side.cost.missing > 0) {
            rows.push(self.row(self.say(p::C_TO_RUN), |side| Some(side.cost.missing.to_string())));
        }
        std::iter::once(self.heading(p::C_COST)).chain(self.beside(rows)).collect()
    }

    fn settings(&self) -> Vec<Block> {
        let found = &self.found.differences;
        if found.is_empty() {
            return vec![self.heading(p::C_SETTINGS), Block::says(self.say(p::C_SAME))];
        }
        let row = |one: &Difference| {
            std::iter::once(Cell::from(one.key.clone())).chain(one.values.iter().cloned().map(dash)).collect()
        };
        std::iter::once(self.heading(p::C_SETTINGS)).chain(self.beside(found.iter().map(row).collect())).collect()
    }

    fn moved(&self) -> Vec<Block> {
        let found = self.found;
        let mut blocks = vec![self.heading(p::C_MOVED)];
        if found.moved_in_all == 0 {
            blocks.push(Block::says(self.say(p::C_MOVED_NONE)));
            return blocks;
        }
        let shown = &found.moved[..MOVED.min(found.moved.len())];
        let counts = [found.moved_in_all.to_string(), shown.len().to_string()];
        blocks.push(Block::says(p::C_MOVED_ABOUT.fill(self.language, &counts.each_ref().map(String::as_str))));
        blocks.extend(self.beside(shown.iter().map(|moved| self.query(moved)).collect()));
        blocks
    }

    /// The rank of the first hit in each recipe.
    fn query(&self, moved: &Moved) -> Vec<Cell> {
        let label = moved.label.clone().unwrap_or_else(|| self.say(p::NO_LABEL));
        let first = moved.value.first().copied().flatten();
        let one = |(i, (rank, value)): (usize, (&Option<usize>, &Option<f32>))| {
            let Some(value) = value else { return dash(None) };
            let text = rank.map_or_else(|| self.say(p::NO_HIT), |rank| rank.to_string());
            let mark = match (i, first) {
                (1.., Some(first)) if *value > first => Mark::Better,
                (1.., Some(first)) if *value < first => Mark::Worse,
                _ => Mark::None,
            };
            Cell::from(text).marked(mark)
        };
        let ranks = moved.first.iter().zip(&moved.value).enumerate().map(one);
        std::iter::once(Cell::from(format!("{} {label}", moved.id))).chain(ranks).collect()
    }
}

fn dash(text: Option<String>) -> Cell {
    text.map_or_else(|| Cell::from("-").marked(Mark::Quiet), Cell::from)
}
