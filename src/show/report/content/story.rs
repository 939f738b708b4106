//! The recipe as it was written, what was tried beside it, its curves, its folds.

use super::{
    Block, Cell, Mark, Plot, Row, Rows, Teller, Tone, cell, compared, difference, interval, number, p, plot, table,
};
use crate::score::Metric;
use crate::session::errands::report::{Lack, Outcome, Tried};
use crate::session::snapshot::{Curve, series};
use crate::show::curves::Line;
use crate::show::curves::series::{Series, figure};
use crate::show::report::prose;

/// Recipes that a plot has room for.
const PLOTTED: usize = 40;

pub(super) fn recipe(teller: &Teller<'_>) -> Vec<Block> {
    let subject = &teller.report.subject;
    let mut blocks = vec![teller.heading(p::RECIPE_AS_WRITTEN)];
    let mut texts = subject.texts.iter();
    blocks.extend(texts.next().map(|own| prose::blocks(&own.text, 3)).unwrap_or_default());
    for text in texts {
        blocks.push(Block::Details(teller.fill(p::TEXT_OF, &[&text.file]), prose::blocks(&text.text, 4)));
    }
    if !subject.settings.is_empty() {
        let code = Block::Code("toml".to_owned(), subject.settings.clone());
        blocks.push(Block::Details(teller.say(p::SETTINGS), vec![code]));
    }
    blocks
}

pub(super) fn tried(teller: &Teller<'_>) -> Vec<Block> {
    let report = teller.report;
    let mut blocks = vec![teller.heading(p::TRIED), Block::says(teller.say(p::TRIED_ABOUT))];
    blocks.extend(figure_of_recipes(teller));
    let row = |tried: &Tried| {
        let mark = if tried.name == report.subject.recipe { Mark::Strong } else { Mark::None };
        let score = match &tried.score {
            Some(score) if score.stale => {
                Cell::from(format!("{} ({})", number(score.value), teller.say(p::OLD_TEXT))).marked(Mark::Quiet)
            }
            Some(score) => Cell::from(format!("{} {}", number(score.value), interval(score.interval))),
            None => Cell::from("-").marked(Mark::Quiet),
        };
        vec![
            Cell { text: tried.name.clone(), mark, depth: tried.depth },
            Cell::from(tried.rung.clone()),
            score,
            cell(tried.to_parent.as_ref()),
            cell(tried.to_pin.as_ref()),
            teller.outcome(tried.outcome),
            Cell::from(tried.seconds.map(|seconds| teller.time(seconds)).unwrap_or_default()),
            Cell::from(tried.changes.join("; ")),
        ]
    };
    let head = [p::H_RECIPE, p::H_RUNG, p::H_SCORE, p::H_TO_PARENT, p::H_TO_PIN, p::H_OUTCOME, p::H_TIME, p::H_CHANGES];
    blocks.extend(table(teller.heads(head), report.tried.iter().map(row).collect()));
    let why = report.tried.iter().filter_map(|tried| Some((tried, tried.why.as_ref()?)));
    let why: Vec<Vec<Cell>> = why
        .map(|(tried, why)| {
            vec![Cell::from(tried.name.clone()), teller.outcome(tried.outcome), Cell::from(why.clone())]
        })
        .collect();
    blocks.extend(table(teller.heads([p::H_RECIPE, p::H_OUTCOME, p::H_WHY]), why));
    blocks.push(teller.below(p::ENDED));
    if report.ended.is_empty() {
        blocks.push(Block::says(teller.fill(p::ENDED_NONE, &[&report.runs.to_string()])));
    } else {
        let counts = [report.ended.len().to_string(), report.runs.to_string()];
        blocks.push(Block::says(teller.fill(p::ENDED_ABOUT, &[&counts[0], &counts[1]])));
        let rows = report.ended.iter().map(|ended| {
            let first = ended.why.lines().next().unwrap_or_default();
            let cells = [ended.date.as_str(), &ended.recipe, &ended.rung].map(Cell::from);
            cells.into_iter().chain([teller.outcome(ended.outcome), Cell::from(first)]).collect()
        });
        let head = teller.heads([p::H_DATE, p::H_RECIPE, p::H_RUNG, p::H_OUTCOME, p::H_WHY]);
        blocks.extend(table(head, rows.collect()));
    }
    if let Some(comparison) = &report.beside {
        blocks.push(teller.below(p::BESIDE));
        blocks.extend(compared(comparison, teller.language, 4));
    }
    blocks
}

/// Differences to the pin, or scores where nothing is paired with it.
fn figure_of_recipes(teller: &Teller<'_>) -> Option<Block> {
    let report = teller.report;
    let pin = report.tried.iter().find(|tried| tried.outcome == Outcome::Pin);
    let paired = |tried: &Tried| Some(difference(&tried.name, tried.to_pin.as_ref()?));
    let mut rows: Vec<Row> = report.tried.iter().filter_map(paired).take(PLOTTED).collect();
    if let Some(pin) = pin.filter(|_| !rows.is_empty()) {
        rows.sort_by(|a, b| b.value.total_cmp(&a.value));
        return teller.differences("tried", teller.fill(p::TRIED_FIGURE, &[&pin.name]), rows);
    }
    let scored = |tried: &Tried| {
        let score = tried.score.as_ref().filter(|score| !score.stale)?;
        let tone = if tried.name == report.subject.recipe { Tone::Plain } else { Tone::Quiet };
        let (value, interval) = (score.value, Some(score.interval));
        Some(Row { name: tried.name.clone(), value, interval, text: number(value), tone })
    };
    let mut rows: Vec<Row> = report.tried.iter().filter_map(scored).take(PLOTTED).collect();
    rows.sort_by(|a, b| b.value.total_cmp(&a.value));
    let plot = Rows { axis: report.metric.clone(), mark: plot::Mark::Dot, zero: false, rows };
    (plot.rows.len() > 1).then(|| teller.figure("scores", teller.say(p::SCORES_FIGURE), Plot::Rows(plot)))
}

pub(super) fn curves(teller: &Teller<'_>) -> Vec<Block> {
    let report = teller.report;
    let mut blocks = vec![teller.heading(p::CURVES)];
    // What tells how the machine did is no part of the story.
    let told = |curve: &&Curve| curve.series == series::LOSS || curve.series.parse::<Metric>().is_ok();
    let curves: Vec<&Curve> = report.curves.iter().filter(told).filter(|curve| !curve.points.is_empty()).collect();
    if curves.is_empty() {
        blocks.push(teller.lack(Lack::Curves).unwrap_or_else(|| Block::says(teller.say(p::CURVES_NONE))));
        return blocks;
    }
    let line = |curve: &&Curve| Line { recipe: report.subject.recipe.clone(), pinned: false, curve: (*curve).clone() };
    // A chart each, so that they can be read on a telephone too.
    for (name, about, is_loss) in [("curves-loss", p::LOSS_FIGURE, true), ("curves-score", p::SCORE_FIGURE, false)] {
        let own = curves.iter().filter(|curve| (curve.series == series::LOSS) == is_loss);
        let lines: Vec<Line> = own.map(line).collect();
        if !lines.is_empty() {
            blocks.push(teller.figure(name, teller.say(about), Plot::Curves(lines)));
        }
    }
    let row = |curve: &&Curve| {
        let finite = || curve.points.iter().filter(|point| point[1].is_finite());
        let (first, last) = (finite().next()?, finite().next_back()?);
        let lower = Series::named(&curve.series).lower_is_better == Some(true);
        let better = |a: &[f64; 2], b: &[f64; 2]| if lower { a[1] < b[1] } else { a[1] > b[1] };
        let best = finite().fold(first, |best, point| if better(point, best) { point } else { best });
        let seed = if curve.seed > 0 { format!(" seed +{}", curve.seed) } else { String::new() };
        let cells = [
            curve.series.clone(),
            format!("fold {}{seed}", curve.fold),
            figure(first[1]),
            figure(last[1]),
            figure(best[1]),
            figure(best[0]),
        ];
        Some(cells.map(Cell::from).to_vec())
    };
    let head = [p::H_SERIES, p::H_TRAINING, p::H_FIRST, p::H_LAST, p::H_BEST, p::H_EPOCH];
    blocks.extend(table(teller.heads(head), curves.iter().filter_map(row).collect()));
    blocks
}

pub(super) fn folds(teller: &Teller<'_>) -> Vec<Block> {
    let (report, subject) = (teller.report, &teller.report.subject);
    let mut blocks = vec![teller.heading(p::FOLDS)];
    let count = subject.trainings.len();
    if count > 1 {
        let row = |(name, value): &(String, f64)| Row {
            name: name.clone(),
            value: *value,
            text: number(*value),
            ..Row::default()
        };
        let rows = subject.trainings.iter().map(row).collect();
        let plot = Rows { axis: report.metric.clone(), mark: plot::Mark::Dot, zero: false, rows };
        blocks.push(teller.figure("folds", teller.say(p::FOLDS_FIGURE), Plot::Rows(plot)));
        blocks.push(Block::says(spread(teller, &subject.trainings)));
    }
    let row = |(name, value): &(String, f64)| vec![Cell::from(name.clone()), Cell::from(number(*value))];
    let listed = |of: &[(String, f64)]| table(teller.heads([p::H_TRAINING, p::H_SCORE]), of.iter().map(row).collect());
    blocks.extend(listed(&subject.trainings));
    if subject.seeds.len() > 1 && subject.seeds != subject.trainings {
        blocks.push(teller.below(p::SEEDS));
        blocks.push(Block::says(spread(teller, &subject.seeds)));
        blocks.extend(listed(&subject.seeds));
    }
    blocks.extend([teller.lack(Lack::Folds), teller.lack(Lack::Seeds)].into_iter().flatten());
    if !report.data.folds.is_empty() {
        blocks.push(teller.below(p::FOLDS_MADE));
        blocks.push(Block::lines(report.data.folds.iter().cloned()));
    }
    blocks
}

/// Mean and standard deviation of some trainings, at least two.
fn spread(teller: &Teller<'_>, trainings: &[(String, f64)]) -> String {
    let count = trainings.len();
    let mean = trainings.iter().map(|(_, value)| value).sum::<f64>() / count as f64;
    let squares: f64 = trainings.iter().map(|(_, value)| (value - mean).powi(2)).sum();
    let deviation = (squares / count.saturating_sub(1).max(1) as f64).sqrt();
    teller.fill(p::FOLDS_SPREAD, &[&number(mean), &number(deviation), &count.to_string()])
}
