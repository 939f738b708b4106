//! A recipe's page: prose and cells, and under each cell what its stages last gave.
//!
//! An output stays visible when its text has changed, and then says that it is stale and why. Sample
//! pictures under `[augment]` are made here, a handful, and remembered until the list changes. What is a table is given as one too ([`tables`]).

mod mistakes;
mod tables;

use std::collections::HashMap;
use std::sync::Arc;

use super::Survey;
use crate::base::text::duration;
use crate::base::{Cancel, Key, KeyWriter, Value, files};
use crate::book;
use crate::dag::{Action, RunView, StageState, Step};
use crate::data::augment::At;
use crate::data::decode;
use crate::learn::backbone::Settings;
use crate::session::Recipe;
use crate::session::brew::Planned;
use crate::session::errands::looking::samples::{samples, shrunk};
use crate::session::project::weights::{self, in_words};
use crate::session::snapshot::{Block, Name, Output, OutputState, Picture, series};
use crate::session::stages::Task;
use crate::session::stages::ensemble::TOLD;
use crate::session::stages::fit::symptoms;
use crate::session::stages::post::gain::{self, Gains};
use crate::session::stages::score::GROWTH;

pub(super) use mistakes::problem;

/// How many sample pictures are shown.
const SAMPLES: usize = 8;

/// Longer sides of sample pictures are shrunk to so many pixels.
const LARGEST: u32 = 128;
/// Lists whose samples are remembered, at most.
const KEPT: usize = 64;

/// Augmented sample pictures by what they depend on.
#[derive(Default)]
pub(super) struct Samples(HashMap<Key, Vec<Vec<Picture>>>);

/// Which stages show under a cell with this table.
fn stages_of(table: &str) -> &'static [&'static str] {
    match table {
        "augment" => &["augment"],
        "backbone" => &["backbone"],
        "loss" => &["loss"],
        "train" => &["fit"],
        "folds" => &["fold"],
        "ensemble" => &["ensemble"],
        "post" => &["post", "score"],
        _ => &[],
    }
}

impl Survey {
    /// The page. `run` is the newest run, by which stages stand; `scored` the newest that came to a score. Only where it is looked at are
    /// there outputs.
    pub(super) fn page(
        &mut self,
        recipe: &Arc<Recipe>,
        planned: Option<&Planned>,
        run: Option<&RunView>,
        scored: Option<&RunView>,
        is_looked_at: bool,
    ) -> Vec<Block> {
        let runs = Newest { run, scored };
        let mut blocks = Vec::new();
        for block in &recipe.book.blocks {
            blocks.push(match block {
                book::Block::Prose { text, line } => Block::Prose { text: text.clone(), line: *line },
                book::Block::Cell { text, line, tables } => {
                    let mut outputs: Vec<Output> = Vec::new();
                    for stage in tables.iter().filter(|_| is_looked_at).flat_map(|table| stages_of(table)) {
                        outputs.extend(self.output(stage, recipe, planned, &runs));
                    }
                    let names = names(&recipe.book, text, *line);
                    Block::Cell { text: text.clone(), line: *line, names, problems: Vec::new(), outputs }
                }
            });
        }
        mistakes::place(&mut blocks, recipe, &self.root);
        if is_looked_at {
            self.add_score(&mut blocks, recipe, planned, &runs);
        }
        blocks
    }

    /// The score stands under the last cell when no `[post]` cell shows it.
    fn add_score(&mut self, blocks: &mut [Block], recipe: &Arc<Recipe>, planned: Option<&Planned>, runs: &Newest<'_>) {
        let shows =
            |block: &Block| matches!(block, Block::Cell { outputs, .. } if outputs.iter().any(|o| o.stage == "score"));
        if blocks.iter().any(shows) {
            return;
        }
        let score = self.output("score", recipe, planned, runs);
        if let Some(Block::Cell { outputs, .. }) = blocks.iter_mut().rev().find(|b| matches!(b, Block::Cell { .. })) {
            outputs.extend(score);
        }
    }

    fn output(
        &mut self,
        stage: &str,
        recipe: &Arc<Recipe>,
        planned: Option<&Planned>,
        runs: &Newest<'_>,
    ) -> Option<Output> {
        let (run, either) = (runs.run, runs.run.filter(|run| !run.told.curves.is_empty()).or(runs.scored));
        let mut tabled = Vec::new();
        let (state, lines, pictures) = match stage {
            "augment" => {
                let planned = planned?;
                let (lines, pictures) = self.samples(recipe, planned)?;
                (OutputState::Fresh, lines, pictures)
            }
            "backbone" => (OutputState::Fresh, self.backbone_lines(recipe)?, Vec::new()),
            "loss" => (self.state("fit", planned, runs)?, loss_lines(either), Vec::new()),
            "fit" => (self.state("fit", planned, runs)?, fit_lines(either), Vec::new()),
            "fold" => {
                let lines = planned?.graph.divided.lines.clone();
                tabled = tables::folds(&lines);
                (OutputState::Fresh, lines, Vec::new())
            }
            "post" => {
                planned.filter(|planned| planned.plan.steps.iter().any(|s| s.stage.name == "post"))?;
                let mut lines = post_lines(run.or(runs.scored));
                match self.gains(recipe, planned) {
                    None => {}
                    Some(Some(gains)) => {
                        tabled = tables::gains(&gains, lines.len());
                        lines.extend(gains.lines());
                    }
                    Some(None) => lines.push(format!("toji post {} says what each step is worth", recipe.name)),
                }
                (self.state("post", planned, runs)?, lines, Vec::new())
            }
            "ensemble" => {
                planned?.graph.place(Task::Weights)?;
                let lines = told_of(run.or(runs.scored), TOLD);
                let lines = if lines.is_empty() { told_of(runs.scored, TOLD) } else { lines };
                (self.state("weights", planned, runs)?, lines, Vec::new())
            }
            "score" => {
                tabled = runs.scored.map(|run| tables::scores(&run.told.metrics)).unwrap_or_default();
                (self.state("score", planned, runs)?, score_lines(runs.scored), Vec::new())
            }
            _ => return None,
        };
        Some(Output { stage: stage.to_owned(), state, lines, tables: tabled, pictures })
    }

    /// What each step of `[post]` is worth, where that is known; `None` where there is nothing to weigh.
    fn gains(&self, recipe: &Recipe, planned: Option<&Planned>) -> Option<Option<Gains>> {
        let (Ok(project), Some(planned)) = (&self.project, planned) else { return None };
        let (stage, _) = planned.graph.gain(project, recipe)?;
        let read = || {
            let folder = project.store.folder(stage.name, &stage.artefact()).ok()?;
            serde_json::from_slice::<Gains>(&files::read(&folder.join(gain::FILE)).ok()?).ok()
        };
        Some(read())
    }

    /// How the stages of one name stand, taken together.
    fn state(&self, name: &str, planned: Option<&Planned>, runs: &Newest<'_>) -> Option<OutputState> {
        let run = runs.run;
        let of_run = |wanted: fn(&StageState) -> bool| {
            run.and_then(|run| run.told.stages.iter().rev().find(|s| s.stage == name && wanted(&s.state)))
        };
        let alive = run.is_some_and(|run| run.state() == crate::dag::RunState::Running);
        if alive && of_run(|s| *s == StageState::Started).is_some() {
            return Some(OutputState::Running);
        }
        let steps: Vec<&Step> = planned?.plan.steps.iter().filter(|step| step.stage.name == name).collect();
        let first = steps.iter().find(|step| step.action != Action::Reuse);
        let made = |s: &StageState| matches!(s, StageState::Reused | StageState::Finished { .. });
        let had = of_run(made).is_some() || runs.scored.is_some();
        if let Some(failed) = of_run(|s| matches!(s, StageState::Failed(_)))
            && first.is_some_and(|step| failed.key == Some(step.key))
            && let StageState::Failed(error) = &failed.state
        {
            return Some(OutputState::Failed { error: error.clone() });
        }
        Some(match first {
            None => OutputState::Fresh,
            Some(step) if had => OutputState::Stale { why: step.reason.clone() },
            Some(_) => OutputState::Missing,
        })
    }

    /// A few training photos, and under each how the network sees it in the first epoch and, where that changes, in the last.
    fn samples(&mut self, recipe: &Arc<Recipe>, planned: &Planned) -> Option<(Vec<String>, Vec<Vec<Picture>>)> {
        let project = self.project.as_ref().ok()?.clone();
        let photos = self.photos.as_ref()?.as_ref().ok()?.clone();
        let augment = recipe.settings().get("augment")?;
        let of = planned.graph.epochs.max(1);
        let epoch = |epoch| weights::training(recipe, None, At { epoch, of }).ok();
        let (pipeline, last) = (epoch(0)?, epoch(of - 1)?);
        let moves = pipeline != last;
        let fold = planned.graph.folds.first()?;
        let mut key = KeyWriter::new("samples");
        augment.write_key(&mut key);
        key.key(&photos.key).number(recipe.seed_number()).number(of as u64);
        let flips = recipe.settings().get("train.flip_as_new_class").is_some_and(|flip| *flip == Value::Bool(true));
        key.number(u64::from(flips));
        if let Some(boxes) = photos.boxes_key(&project, &pipeline, &fold.train).ok()? {
            key.key(&boxes);
        }
        let key = key.finish();
        if !self.samples.0.contains_key(&key) {
            let shown = |picture: decode::Picture| {
                let picture = shrunk(picture, LARGEST);
                Picture { width: picture.width, height: picture.height, rgb: picture.rgb.into() }
            };
            let mut made = Vec::new();
            for pipeline in [&pipeline].into_iter().chain(moves.then_some(&last)) {
                let wanted = (SAMPLES, 1);
                let found = samples(&project, recipe, &photos, fold, pipeline, wanted, &Cancel::new()).ok()?;
                let pairs = found.into_iter().map(|sample| (sample.before, sample.after));
                let (before, after): (Vec<_>, Vec<_>) = pairs.unzip();
                if made.is_empty() {
                    made.push(before.into_iter().map(shown).collect());
                }
                made.push(after.into_iter().flatten().map(shown).collect());
            }
            if self.samples.0.len() > KEPT {
                self.samples.0.clear();
            }
            self.samples.0.insert(key, made);
        }
        let size = pipeline.size();
        let ops: Vec<&str> = pipeline.ops().iter().map(|op| op.name).collect();
        let line = format!("{} × {} pixels after {}", size.width, size.height, ops.join(", "));
        let rows = moves.then(|| format!("as they are, in epoch 1, in epoch {of}"));
        Some(([line].into_iter().chain(rows).collect(), self.samples.0.get(&key).cloned().unwrap_or_default()))
    }

    /// The network's size, for the pictures that evaluation gives it.
    fn backbone_lines(&self, recipe: &Recipe) -> Option<Vec<String>> {
        let project = self.project.as_ref().ok()?;
        let (cost, side) = project.cost(recipe)?;
        let (parameters, multiply_adds) = (cost.parameters as f64 / 1e6, cost.multiply_adds as f64 / 1e9);
        let mut lines = vec![format!(
            "{parameters:.1} M parameters, {multiply_adds:.2} G multiply-adds for {side} × {side} pixels"
        )];
        let settings = recipe.settings().get("backbone").and_then(|table| table.decode::<Settings>().ok());
        let weights = settings.and_then(|settings| project.weights(&settings).ok()?);
        lines.extend(weights.map(|weights| match &weights.file {
            Some(_) => format!("weights: {}, {}", weights::shown(&weights, &project.root), in_words(&weights.expected)),
            None => format!("weights: {} are fetched when it runs", weights.name),
        }));
        Some(lines)
    }
}

/// The runs that a page is made of.
struct Newest<'a> {
    run: Option<&'a RunView>,
    scored: Option<&'a RunView>,
}

fn post_lines(run: Option<&RunView>) -> Vec<String> {
    told_of(run, "post ")
}

/// What a run said under a beginning, each once.
fn told_of(run: Option<&RunView>, beginning: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in run.iter().flat_map(|run| &run.told.notes).filter_map(|(_, text)| text.strip_prefix(beginning)) {
        // A run that was cut off and went on may tell the same again.
        if !lines.iter().any(|said| said == line) {
            lines.push(line.to_owned());
        }
    }
    lines
}

fn last_of(run: Option<&RunView>, series: &str) -> Vec<(String, [f64; 2], [f64; 2])> {
    let Some(run) = run else { return Vec::new() };
    let of_series = run.told.curves.iter().filter(|((name, _), _)| name == series);
    of_series.filter_map(|((_, part), points)| Some((part.clone(), points.first()?, points.last()?))).collect()
}

fn loss_lines(run: Option<&RunView>) -> Vec<String> {
    let line = |(part, first, last): (String, [f64; 2], [f64; 2])| {
        format!("{part}: loss {:.3} at the start, {:.3} after epoch {:.1}", first[1], last[1], last[0])
    };
    let epochs = last_of(run, series::LOSS);
    // Until the first epoch is over there is only what its batches gave.
    let begins = |(part, ..): &(String, [f64; 2], [f64; 2])| epochs.iter().all(|(other, ..)| other != part);
    let batches: Vec<_> = last_of(run, series::BATCH_LOSS).into_iter().filter(begins).collect();
    epochs.into_iter().chain(batches).map(line).collect()
}

fn fit_lines(run: Option<&RunView>) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let Some(run) = run else { return lines };
    for ((_, part), points) in run.told.curves.iter().filter(|((name, _), _)| name == series::SPEED) {
        let Some(end) = points.last().map(|last| last[0].ceil()) else { continue };
        // Points of an epoch are about as many pictures each: the mean is of seconds a picture.
        let own: Vec<f64> = points.iter().filter(|p| p[0] > end - 1.0 && p[1] > 0.0).map(|p| 1.0 / p[1]).collect();
        let mean = own.len() as f64 / own.iter().sum::<f64>();
        if mean.is_finite() {
            lines.push(format!("{part}: {mean:.0} images per second in epoch {end:.0}"));
        }
    }
    for (_, warning) in run.told.warnings.iter().filter(|(_, warning)| symptoms::is_one(warning)) {
        // A run that was cut off and went on may tell the same again.
        let line = format!("! {warning}");
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    for stage in run.told.stages.iter().filter(|stage| stage.stage == "fit") {
        match &stage.state {
            StageState::Finished { seconds, bytes } => {
                let megabytes = *bytes as f64 / 1e6;
                lines.push(format!("{}: trained in {}, {megabytes:.1} MB", stage.part, duration(*seconds)));
            }
            StageState::Reused => lines.push(format!("{}: found in the store", stage.part)),
            StageState::Started | StageState::Failed(_) => {}
        }
    }
    lines
}

fn score_lines(run: Option<&RunView>) -> Vec<String> {
    let Some(run) = run else { return Vec::new() };
    let line = |metric: &crate::dag::Measured| {
        let interval = metric.interval.map(|[low, high]| format!(" [{low:.4}, {high:.4}]")).unwrap_or_default();
        let part = if metric.part.is_empty() { String::new() } else { format!("{}: ", metric.part) };
        format!("{part}{} {:.4}{interval} over {} queries", metric.name, metric.value, metric.count)
    };
    let growth = told_of(Some(run), GROWTH);
    let mut lines: Vec<String> = run.told.metrics.iter().map(line).collect();
    for line in growth {
        // A run that was cut off and went on may tell the same again.
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// The names in a cell that begins at line `first` of the file. In a list or a quotation the cell's text lacks what
/// stands before it in the file's lines, and so the columns are counted from there.
fn names(book: &book::Book, cell: &str, first: usize) -> Vec<Name> {
    let Some((_, whole)) = book.texts.first() else { return Vec::new() };
    let lines = mistakes::lines(whole, cell, first);
    let name = |name: &book::Name| {
        let line = name.line.checked_sub(first)?;
        let (shown, before) = lines.get(line)?;
        let start = name.column.checked_sub(before + 1)?;
        let end = start + name.width;
        let inside = end <= shown.chars().count();
        let value = name.value.and_then(|bytes| whole.get(bytes.start..bytes.end)).map(str::to_owned);
        let (topic, key) = (name.topic.clone(), name.key.clone());
        inside.then_some(Name { line, characters: start..end, topic, key, value })
    };
    book.names.iter().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::session::schema;

    #[test]
    fn names_are_counted_in_the_text_that_is_shown() {
        let text = "# x\n\n> - 獺\n>\n>   ```toml\n>   [loss]\n>   name = \"ArcFaceLoss\"\n>   margin = 9\n>   ```\n";
        let load = |_: &Path| Ok(text.to_owned());
        let (book, _) = book::read_with(Path::new("x.md"), &schema::recipes(), &load);
        let cell = book.blocks.iter().find_map(|block| match block {
            book::Block::Cell { text, line, .. } => Some((text.clone(), *line)),
            book::Block::Prose { .. } => None,
        });
        let (cell, first) = cell.unwrap();
        let lines: Vec<&str> = cell.lines().collect();
        let found = names(&book, &cell, first);
        let named: Vec<(String, &str)> = found
            .iter()
            .map(|n| (lines[n.line].chars().skip(n.characters.start).take(n.characters.len()).collect(), &*n.topic))
            .collect();
        let expected = [("loss", "loss"), ("\"ArcFaceLoss\"", "loss.ArcFaceLoss"), ("margin", "ArcFaceLoss.margin")];
        assert_eq!(named, expected.map(|(word, topic)| (word.to_owned(), topic)));
        let values: Vec<(&str, Option<&str>)> = found.iter().map(|n| (&*n.key, n.value.as_deref())).collect();
        assert_eq!(values, [("loss", None), ("loss.name", Some("\"ArcFaceLoss\"")), ("loss.margin", Some("9"))]);
    }
}
