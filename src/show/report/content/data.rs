//! What the data showed, what was decided about photos, and queries with theirs.

use super::super::document::Photos;
use super::{Block, Cell, Teller, p, table};
use crate::session::errands::looking::Seen;
use crate::session::errands::report::{Example, Lack};
use crate::show::sheet::page::{Card, Group, Mark};

pub(super) fn data(teller: &Teller<'_>) -> Vec<Block> {
    let data = &teller.report.data;
    let counts = [data.train, data.labels, data.queries, data.gallery, data.skipped].map(|count| count.to_string());
    let mut blocks =
        vec![teller.heading(p::DATA), Block::says(teller.fill(p::DATA_ABOUT, &counts.each_ref().map(String::as_str)))];
    for review in &data.reviews {
        let photos = review.photos.to_string();
        let title = match review.recipe.as_str() {
            "" => teller.fill(p::REVIEW_OF_PICTURES, &[&photos]),
            recipe => teller.fill(p::REVIEW_OF, &[recipe, &photos]),
        };
        blocks.push(Block::Heading(3, title));
        if review.stale {
            blocks.push(Block::says(teller.say(p::REVIEW_STALE)));
        }
        if review.found.is_empty() {
            blocks.push(Block::says(teller.say(p::REVIEW_CLEAN)));
        }
        let row = |(kind, count): &(String, usize)| vec![Cell::from(kind.clone()), Cell::from(count.to_string())];
        blocks.extend(table(teller.heads([p::H_KIND, p::H_COUNT]), review.found.iter().map(row).collect()));
    }
    blocks.extend(teller.lack(Lack::Review));
    blocks.push(teller.below(p::EDITS));
    if data.edits.is_empty() {
        blocks.push(Block::says(teller.say(p::EDITS_NONE)));
    }
    let row = |(action, by, count): &(String, String, usize)| {
        [action.clone(), by.clone(), count.to_string()].map(Cell::from).to_vec()
    };
    blocks.extend(table(teller.heads([p::H_ACTION, p::H_BY, p::H_COUNT]), data.edits.iter().map(row).collect()));
    if !data.notes.is_empty() {
        blocks.push(teller.below(p::NOTES));
        blocks.push(Block::lines(data.notes.iter().cloned()));
    }
    blocks
}

pub(super) fn queries(teller: &Teller<'_>) -> Vec<Block> {
    let mut blocks = vec![teller.heading(p::QUERIES)];
    let Some(found) = &teller.report.examples else {
        blocks.extend(teller.lack(Lack::Queries));
        return blocks;
    };
    let counts = [found.queries, found.first, found.none, found.k].map(|count| count.to_string());
    blocks.push(Block::says(teller.fill(p::QUERIES_ABOUT, &counts.each_ref().map(String::as_str))));
    for (name, title, examples) in [("best", p::BEST, &found.best), ("worst", p::WORST, &found.worst)] {
        if examples.is_empty() {
            continue;
        }
        blocks.push(teller.below(title));
        let groups = examples.iter().map(|example| group(teller, example)).collect();
        blocks.push(Block::Photos(Photos { name: name.to_owned(), about: teller.say(title), groups }));
    }
    blocks
}

/// A query and its answers as cards.
fn group(teller: &Teller<'_>, example: &Example) -> Group {
    let label = |seen: &Seen| seen.label.clone().unwrap_or_else(|| teller.say(p::NO_LABEL));
    let rank = match example.first {
        Some(rank) => teller.fill(p::AT_RANK, &[&rank.to_string()]),
        None => teller.say(p::NO_HIT),
    };
    let name = teller.fill(p::QUERY_LINE, &[&example.seen.id, &rank, &format!("{:.4}", example.value)]);
    let own = Card {
        picture: example.picture.clone(),
        mark: Mark::Query,
        lines: vec![example.training.clone(), label(&example.seen)],
    };
    let answers = example.answers.iter().map(|answer| {
        let lines = match &answer.seen {
            Some(seen) => vec![format!("{}  {:.3}", answer.rank, answer.similarity), label(seen), seen.id.clone()],
            None => vec![format!("{}  {:.3}", answer.rank, answer.similarity), teller.say(p::NOT_THERE)],
        };
        let mark = if answer.hit { Mark::Hit } else { Mark::Miss };
        Card { picture: answer.picture.clone(), mark, lines }
    });
    Group { name: vec![name], cards: std::iter::once(own).chain(answers).collect() }
}
