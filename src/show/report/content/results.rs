//! What parts of it are worth: post steps, members, other settings; what the leaderboard said; the simple model.

use super::super::plot::{Point, Scatter};
use super::{
    Block, Cell, Mark, Plot, Teller, Tone, cell, difference, interval, middle, number, p, short, table, turned,
};
use crate::score::ledger::agree::LEAST;
use crate::session::errands::report::{Lack, Line};

pub(super) fn post(teller: &Teller<'_>) -> Vec<Block> {
    let mut blocks = vec![teller.heading(p::POST)];
    let Some(gains) = &teller.report.gains else {
        blocks.push(teller.lack(Lack::Gains).unwrap_or_else(|| Block::says(teller.say(p::POST_NONE))));
        return blocks;
    };
    let whole = gains.gain.as_ref().map_or_else(|| "-".to_owned(), short);
    let with = [number(gains.plain), number(gains.chain), whole];
    blocks.push(Block::says(teller.fill(p::POST_ABOUT, &[&with[0], &with[1], &with[2]])));
    let lost = gains.steps.iter().filter_map(|gain| Some(difference(gain.step.name(), gain.left_out.as_ref()?)));
    blocks.extend(teller.differences("post", teller.say(p::POST_FIGURE), lost.collect()));
    let rows = gains.steps.iter().map(|gain| {
        let settings: Vec<String> =
            gain.step.parameters().into_iter().map(|(key, value)| format!("{key} = {value}")).collect();
        let left_out = gain.left_out.as_ref().map(turned);
        vec![
            Cell::from(gain.step.name()),
            Cell::from(settings.join(", ")),
            cell(gain.here.as_ref()),
            cell(gain.alone.as_ref()),
            cell(left_out.as_ref()),
        ]
    });
    let head = teller.heads([p::H_STEP, p::H_SETTINGS, p::H_HERE, p::H_ALONE, p::H_LEFT_OUT]);
    blocks.extend(table(head, rows.collect()));
    blocks
}

pub(super) fn members(teller: &Teller<'_>) -> Vec<Block> {
    let missing = teller.lack(Lack::Members);
    let Some(found) = &teller.report.members else {
        return missing.map(|missing| vec![teller.heading(p::ENSEMBLE), missing]).unwrap_or_default();
    };
    let searched = if found.searched { teller.say(p::ENSEMBLE_SEARCHED) } else { String::new() };
    let value = format!("{} {}", number(found.value), interval(found.interval));
    let mut blocks = vec![teller.heading(p::ENSEMBLE)];
    blocks.push(Block::says(teller.fill(p::ENSEMBLE_ABOUT, &[&found.fusion, &searched, &value])));
    let brings = found.members.iter().filter_map(|member| Some(difference(&member.name, member.left_out.as_ref()?)));
    blocks.extend(teller.differences("members", teller.say(p::ENSEMBLE_FIGURE), brings.collect()));
    let rows = found.members.iter().map(|member| {
        vec![
            Cell::from(member.name.clone()),
            Cell::from(format!("{:.2}", member.weight)),
            Cell::from(format!("{} {}", number(member.alone), interval(member.interval))),
            Cell::from(number(member.without)),
            cell(member.left_out.as_ref()),
        ]
    });
    let head = teller.heads([p::H_MEMBER, p::H_WEIGHT, p::H_ALONE, p::H_WITHOUT, p::H_BRINGS]);
    blocks.extend(table(head, rows.collect()));
    if found.members.len() > 1 {
        blocks.push(teller.below(p::ENSEMBLE_ERRORS));
        let names = found.members.iter().map(|member| member.name.clone());
        let head: Vec<String> = std::iter::once(String::new()).chain(names.clone()).collect();
        let one = |value: &Option<f64>| Cell::from(value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}")));
        let rows = names.zip(&found.correlation);
        let rows = rows.map(|(name, row)| std::iter::once(Cell::from(name)).chain(row.iter().map(one)).collect());
        blocks.extend(table(head, rows.collect()));
    }
    blocks
}

pub(super) fn leaderboard(teller: &Teller<'_>) -> Vec<Block> {
    let handed = &teller.report.handed;
    let mut blocks = vec![teller.heading(p::LEADERBOARD)];
    let lacks = [Lack::Submission, Lack::Public, Lack::Private, Lack::Split];
    let missing = lacks.into_iter().filter_map(|what| teller.lack(what));
    if handed.lines.is_empty() {
        blocks.push(Block::says(teller.say(p::LEADERBOARD_NONE)));
        blocks.extend(missing);
        return blocks;
    }
    let agreement = &handed.agreement;
    let pairs = agreement.pairs.to_string();
    blocks.push(Block::says(match (agreement.spearman, agreement.kendall, agreement.gap) {
        (Some(rho), Some(tau), Some(gap)) => {
            let with = [pairs, format!("{rho:.2}"), format!("{tau:.2}"), format!("{gap:+.4}")];
            teller.fill(p::AGREEMENT, &with.each_ref().map(String::as_str))
        }
        _ => teller.fill(p::TOO_FEW, &[&pairs, &LEAST.to_string()]),
    }));
    if agreement.changes_sign {
        blocks.push(Block::says(teller.say(p::SIGN_CHANGES)));
    }
    blocks.extend(shake(teller));
    blocks.extend(scatter(teller));
    let row = |line: &Line| {
        let mark = if line.is_subject { Mark::Strong } else { Mark::None };
        let gap = line.public.as_ref().zip(line.cv).map(|((public, _), cv)| format!("{:+.4}", public - cv));
        let shown = |seen: &Option<(f64, String)>| Cell::from(seen.as_ref().map_or("-", |(_, text)| text));
        let places = line.public_place.zip(line.private_place).map(|(from, to)| format!("{from} → {to}"));
        let forecast = line.forecast.map(|(mean, ends)| format!("{} {}", number(mean), interval(ends)));
        let mut says = Vec::new();
        if line.is_final {
            says.push(teller.say(p::FINAL));
        }
        if line.outlier {
            says.push(teller.say(p::OUTLIER));
        }
        vec![
            Cell::from(line.date.clone()),
            Cell::from(line.hash.short().to_string()),
            Cell::from(line.recipe.clone()).marked(mark),
            Cell::from(line.cv.map_or_else(|| "-".to_owned(), number)),
            shown(&line.public),
            Cell::from(gap.unwrap_or_default()),
            Cell::from(forecast.unwrap_or_default()),
            shown(&line.private),
            Cell::from(places.unwrap_or_default()),
            Cell::from(says.join(", ")),
        ]
    };
    let head = [
        p::H_DATE,
        p::H_HASH,
        p::H_RECIPE,
        p::H_CV,
        p::H_PUBLIC,
        p::H_GAP,
        p::H_FORECAST,
        p::H_PRIVATE,
        p::H_PLACES,
        p::H_OUTCOME,
    ];
    blocks.extend(narrowed(teller.heads(head), handed.lines.iter().map(row).collect()));
    if !handed.notes.is_empty() {
        blocks.push(Block::lines(handed.notes.iter().cloned()));
    }
    blocks.extend(missing);
    blocks
}

/// A table without the columns in which nothing stands.
fn narrowed(head: Vec<String>, rows: Vec<Vec<Cell>>) -> Option<Block> {
    let said = |column: usize| {
        rows.iter().any(|row| row.get(column).is_some_and(|cell| !cell.text.is_empty() && cell.text != "-"))
    };
    let kept: Vec<usize> = (0..head.len()).filter(|&column| said(column)).collect();
    let of = |row: &Vec<Cell>| kept.iter().filter_map(|&column| row.get(column).cloned()).collect();
    let narrow = rows.iter().map(of).collect();
    table(kept.iter().filter_map(|&column| head.get(column).cloned()).collect(), narrow)
}

/// What the private leaderboard changed.
fn shake(teller: &Teller<'_>) -> Option<Block> {
    let lines = &teller.report.handed.lines;
    let both: Vec<&Line> = lines.iter().filter(|line| line.public_place.is_some()).collect();
    let moved = both.iter().filter(|line| line.public_place != line.private_place).count().to_string();
    let gaps = both.iter().filter_map(|line| Some(line.private.as_ref()?.0 - line.public.as_ref()?.0));
    let gap = format!("{:+.4}", middle(gaps.collect())?);
    Some(Block::says(teller.fill(p::SHAKE, &[&moved, &both.len().to_string(), &gap])))
}

/// Public scores against cross-validation, where there are two of them or more.
fn scatter(teller: &Teller<'_>) -> Option<Block> {
    let handed = &teller.report.handed;
    let point = |line: &Line| {
        let tone = match (line.is_subject, line.outlier) {
            (true, _) => Tone::Plain,
            (false, true) => Tone::Bad,
            (false, false) => Tone::Quiet,
        };
        let (x, y) = (line.cv?, line.public.as_ref()?.0);
        Some(Point { name: line.recipe.clone(), x, across: line.interval, y, tone })
    };
    let points: Vec<Point> = handed.lines.iter().filter_map(point).collect();
    if points.len() < 2 {
        return None;
    }
    let (x, y) = (teller.say(p::A_CV), teller.say(p::A_PUBLIC));
    let plot = Scatter { x: format!("{x} ({})", teller.report.metric), y, points, line: handed.agreement.line };
    Some(teller.figure("leaderboard", teller.say(p::LEADERBOARD_FIGURE), Plot::Scatter(plot)))
}

pub(super) fn ablations(teller: &Teller<'_>) -> Vec<Block> {
    let found = &teller.report.ablations;
    let mut blocks = vec![teller.heading(p::ABLATIONS)];
    if found.is_empty() {
        blocks.extend(teller.lack(Lack::Ablations));
        return blocks;
    }
    blocks.push(Block::says(teller.say(p::ABLATIONS_ABOUT)));
    let rows = found.iter().filter_map(|one| Some(difference(&one.recipe, one.delta.as_ref()?)));
    blocks.extend(teller.differences("ablations", teller.say(p::ABLATIONS_FIGURE), rows.collect()));
    let dash = |value: &Option<String>| Cell::from(value.as_deref().unwrap_or("-"));
    let rows = found.iter().map(|one| {
        vec![
            Cell::from(one.recipe.clone()),
            Cell::from(one.key.clone()),
            dash(&one.own),
            dash(&one.other),
            Cell::from(one.rung.clone()),
            Cell::from(one.score.map_or_else(|| "-".to_owned(), number)),
            cell(one.delta.as_ref()),
        ]
    });
    let head = [p::H_RECIPE, p::H_KEY, p::H_OWN, p::H_OTHER, p::H_RUNG, p::H_SCORE, p::H_DELTA];
    blocks.extend(table(teller.heads(head), rows.collect()));
    blocks
}

pub(super) fn simple(teller: &Teller<'_>) -> Vec<Block> {
    let mut blocks = vec![teller.heading(p::SIMPLE)];
    let Some(found) = &teller.report.simple else {
        blocks.extend(teller.lack(Lack::Simple));
        return blocks;
    };
    let (took, instead) = (teller.time(found.seconds), teller.time(found.of_subject));
    if found.is_subject {
        blocks.push(Block::says(teller.fill(p::SIMPLE_IS_SUBJECT, &[&took])));
        return blocks;
    }
    let (score, share) = (number(found.score), format!("{:.1}", found.share * 100.0));
    let own = &teller.report.subject.recipe;
    let mut said = teller.fill(p::SIMPLE_IS, &[&found.recipe, &score, &share, own, &took, &instead]);
    if let Some(parameters) = found.parameters {
        said.push(' ');
        said.push_str(&teller.fill(p::SIMPLE_SIZE, &[&format!("{:.1}", parameters as f64 / 1e6)]));
    }
    blocks.push(Block::says(said));
    blocks
}
