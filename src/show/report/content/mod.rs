//! What a report says, in which order.
//!
//! Takes the facts and a language; gives a document. Nothing is computed here that was not gathered, but for means and counts of what is told anyway.
//!
//! - [`summary`]: the first sentences;
//! - [`story`]: the recipe, what was tried, curves, folds;
//! - [`results`]: post steps, members, leaderboard, ablations, the simple model;
//! - [`mod@compared`]: recipes beside each other;
//! - [`data`]: findings, decisions, queries with their photos;
//! - [`made`]: cost, environment, licences, what is missing.

mod compared;
mod data;
mod made;
mod results;
mod story;
mod summary;

use super::document::{Block, Cell, Document, Figure, Mark, Plot, Span, Style, Table};
use super::phrases::{self as p, Language, Phrase};
use super::plot::{self, Row, Rows, Tone};
use crate::base::text::duration;
use crate::score::Delta;
use crate::session::errands::report::{Lack, Outcome, Report};

pub(super) use compared::compared;

/// The document of a report.
pub(super) fn document(report: &Report, language: Language) -> Document {
    let teller = Teller { report, language };
    let subject = &report.subject;
    let title = if subject.title.is_empty() { &subject.recipe } else { &subject.title };
    let mut lead = vec![teller.fill(p::LEAD, &[&report.project, &subject.recipe, &report.written])];
    if let Some(hash) = &subject.submission {
        lead.push(teller.fill(p::LEAD_FILE, &[&hash.short().to_string(), &subject.recipe]));
    }
    lead.push(teller.say(p::NOTHING_INVENTED));
    let mut blocks = Vec::new();
    for part in [
        summary::tell,
        story::recipe,
        story::tried,
        story::curves,
        story::folds,
        results::post,
        results::members,
        results::leaderboard,
        data::data,
        data::queries,
        results::ablations,
        made::cost,
        results::simple,
        made::made,
        made::missing,
    ] {
        blocks.extend(part(&teller));
    }
    Document { language, title: teller.fill(p::TITLE, &[title]), lead, blocks }
}

/// The facts and the language in which they are told.
struct Teller<'a> {
    report: &'a Report,
    language: Language,
}

impl Teller<'_> {
    fn say(&self, phrase: Phrase) -> String {
        phrase.get(self.language).to_owned()
    }

    fn fill(&self, phrase: Phrase, with: &[&str]) -> String {
        phrase.fill(self.language, with)
    }

    fn heading(&self, phrase: Phrase) -> Block {
        Block::Heading(2, self.say(phrase))
    }

    fn below(&self, phrase: Phrase) -> Block {
        Block::Heading(3, self.say(phrase))
    }

    fn heads<const N: usize>(&self, heads: [Phrase; N]) -> Vec<String> {
        heads.map(|head| self.say(head)).to_vec()
    }

    fn figure(&self, name: &str, about: String, plot: Plot) -> Block {
        Block::Figure(Figure { name: name.to_owned(), about, plot })
    }

    /// A note about something that was not recorded; nothing where it was.
    fn lack(&self, what: Lack) -> Option<Block> {
        let gap = self.report.gaps.iter().find(|gap| gap.what == what)?;
        let code = Style { code: true, ..Style::default() };
        let lead = Span::from(self.fill(p::MISSING_ONE, &[&self.say(lacking(what))]).as_str());
        Some(Block::Note(vec![lead, Span { text: gap.command.clone(), style: code, link: None }]))
    }

    fn time(&self, seconds: f64) -> String {
        time(seconds, self.language)
    }

    fn outcome(&self, outcome: Outcome) -> Cell {
        let (phrase, mark) = match outcome {
            Outcome::Pin => (p::O_PIN, Mark::Strong),
            Outcome::Better => (p::O_BETTER, Mark::Better),
            Outcome::Worse => (p::O_WORSE, Mark::Worse),
            Outcome::Undecided => (p::O_UNDECIDED, Mark::None),
            Outcome::Unpaired => (p::O_UNPAIRED, Mark::Quiet),
            Outcome::Failed => (p::O_FAILED, Mark::Worse),
            Outcome::Stopped => (p::O_STOPPED, Mark::Quiet),
            Outcome::Lost => (p::O_LOST, Mark::Quiet),
            Outcome::Broken => (p::O_BROKEN, Mark::Worse),
            Outcome::Unscored => (p::O_UNSCORED, Mark::Quiet),
        };
        Cell::from(self.say(phrase)).marked(mark)
    }

    /// A plot of differences around zero; nothing where there is none.
    fn differences(&self, name: &str, about: String, rows: Vec<Row>) -> Option<Block> {
        let axis = format!("Δ {}", self.report.metric);
        let plot = Rows { axis, mark: plot::Mark::Dot, zero: true, rows };
        (!plot.rows.is_empty()).then(|| self.figure(name, about, Plot::Rows(plot)))
    }
}

/// A row of a plot of differences.
fn difference(name: &str, delta: &Delta) -> Row {
    let tone = match delta.interval {
        [low, _] if low > 0.0 => Tone::Good,
        [_, high] if high < 0.0 => Tone::Bad,
        _ => Tone::Plain,
    };
    let (value, interval) = (delta.value, Some(delta.interval));
    Row { name: name.to_owned(), value, interval, text: short(delta), tone }
}

/// `+0.0120 [+0.0040, +0.0201]`.
fn short(delta: &Delta) -> String {
    let [low, high] = delta.interval;
    format!("{:+.4} [{low:+.4}, {high:+.4}]", delta.value)
}

/// A difference as a cell; a dash where there is none.
fn cell(delta: Option<&Delta>) -> Cell {
    let Some(delta) = delta else { return Cell::from("-").marked(Mark::Quiet) };
    let mark = match delta.interval {
        [low, _] if low > 0.0 => Mark::Better,
        [_, high] if high < 0.0 => Mark::Worse,
        _ => Mark::None,
    };
    Cell::from(short(delta)).marked(mark)
}

/// The other way round.
fn turned(delta: &Delta) -> Delta {
    let [low, high] = delta.interval;
    let [wins, ties, losses] = delta.wins_ties_losses;
    Delta {
        value: -delta.value,
        interval: [-high, -low],
        better: 1.0 - delta.better,
        queries: delta.queries,
        wins_ties_losses: [losses, ties, wins],
    }
}

/// Seconds as people say them.
fn time(seconds: f64, language: Language) -> String {
    let said = duration(seconds);
    match language {
        Language::English => said,
        Language::Japanese => {
            let units = [(" h", " 時間"), (" min", " 分"), (" s", " 秒")];
            units.iter().fold(said, |said, (from, to)| said.replace(from, to))
        }
    }
}

fn number(value: f64) -> String {
    format!("{value:.4}")
}

fn interval([low, high]: [f64; 2]) -> String {
    format!("[{low:.4}, {high:.4}]")
}

fn table(head: Vec<String>, rows: Vec<Vec<Cell>>) -> Option<Block> {
    (!rows.is_empty()).then_some(Block::Table(Table { head, rows }))
}

/// What is missing, in words.
fn lacking(what: Lack) -> Phrase {
    match what {
        Lack::Score => p::L_SCORE,
        Lack::Seeds => p::L_SEEDS,
        Lack::Folds => p::L_FOLDS,
        Lack::Curves => p::L_CURVES,
        Lack::Gains => p::L_GAINS,
        Lack::Members => p::L_MEMBERS,
        Lack::Submission => p::L_SUBMISSION,
        Lack::Public => p::L_PUBLIC,
        Lack::Private => p::L_PRIVATE,
        Lack::Split => p::L_SPLIT,
        Lack::Review => p::L_REVIEW,
        Lack::Queries => p::L_QUERIES,
        Lack::Ablations => p::L_ABLATIONS,
        Lack::Simple => p::L_SIMPLE,
        Lack::Run => p::L_RUN,
        Lack::Commit => p::L_COMMIT,
        Lack::Licence => p::L_LICENCE,
        Lack::Artefacts => p::L_ARTEFACTS,
    }
}

/// The middle of some numbers; `None` of nothing.
fn middle(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    let upper = *values.get(half)?;
    Some(if values.len().is_multiple_of(2) { f64::midpoint(*values.get(half.checked_sub(1)?)?, upper) } else { upper })
}
