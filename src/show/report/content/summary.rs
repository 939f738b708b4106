//! The first sentences: what it reaches, what it is, what that is worth, what it took.

use super::{Block, Teller, number, p};
use crate::session::errands::report::tried::judged;
use crate::session::errands::report::{Lack, Outcome};

pub(super) fn tell(teller: &Teller<'_>) -> Vec<Block> {
    let mut blocks = vec![teller.heading(p::SUMMARY), Block::says(sentences(teller).join(joint(teller)))];
    blocks.extend(teller.lack(Lack::Score));
    blocks
}

/// What stands between sentences.
fn joint(teller: &Teller<'_>) -> &'static str {
    match teller.language {
        p::Language::English => " ",
        p::Language::Japanese => "",
    }
}

/// Two to six sentences.
fn sentences(teller: &Teller<'_>) -> Vec<String> {
    let (report, subject) = (teller.report, &teller.report.subject);
    let mut said = Vec::new();
    said.push(match &subject.score {
        Some(score) => {
            let [low, high] = score.interval.map(number);
            let value = number(score.value);
            if score.queries == 0 {
                teller.fill(p::S_SCORE_OF_LEDGER, &[&subject.recipe, &score.metric, &value, &low, &high])
            } else {
                let queries = score.queries.to_string();
                let with = [&subject.recipe, &score.metric, &value, &low, &high, &queries, &subject.rung];
                teller.fill(p::S_SCORE, &with.map(String::as_str))
            }
        }
        None => teller.fill(p::S_NO_SCORE, &[&subject.recipe]),
    });
    let millions = |count: u64| format!("{:.1}", count as f64 / 1e6);
    match (&subject.network, &report.members) {
        (_, Some(members)) => {
            let names: Vec<&str> = members.members.iter().map(|member| member.name.as_str()).collect();
            said.push(teller.fill(p::S_MEMBERS, &[&names.len().to_string(), &names.join(", ")]));
        }
        (Some(network), None) => {
            let (parameters, side) = (millions(network.parameters), network.side.to_string());
            said.push(match (&subject.loss, subject.epochs) {
                (Some(loss), Some([until, all])) => {
                    let epochs = if until == all { all.to_string() } else { format!("{until}/{all}") };
                    teller.fill(p::S_TRAINED, &[&network.name, &parameters, &side, loss, &epochs])
                }
                _ => teller.fill(p::S_UNTRAINED, &[&network.name, &parameters, &side]),
            });
        }
        (None, None) => {}
    }
    if let (Some(pin), Some(delta)) = (&subject.pin, &subject.to_pin) {
        let [low, high] = delta.interval.map(|end| format!("{end:+.4}"));
        let phrase = match judged(Some(delta)) {
            Outcome::Better => p::S_BETTER,
            Outcome::Worse => p::S_WORSE,
            _ => p::S_UNDECIDED,
        };
        said.push(teller.fill(phrase, &[pin, &format!("{:+.4}", delta.value), &low, &high]));
    }
    if report.tried.len() > 1 {
        let count = |outcomes: &[Outcome]| {
            report.tried.iter().filter(|tried| outcomes.contains(&tried.outcome)).count().to_string()
        };
        let failed = count(&[Outcome::Failed, Outcome::Stopped, Outcome::Lost, Outcome::Broken]);
        let (better, worse) = (count(&[Outcome::Better]), count(&[Outcome::Worse]));
        let all = report.tried.len().to_string();
        said.push(teller.fill(p::S_TRIED, &[&all, &better, &worse, &count(&[Outcome::Undecided]), &failed]));
    }
    let of_board = report
        .handed
        .lines
        .iter()
        .filter(|line| line.is_subject)
        .find_map(|line| Some((&line.public.as_ref()?.1, line.private.as_ref().map(|(_, text)| text))));
    match of_board {
        Some((public, Some(private))) => said.push(teller.fill(p::S_BOTH, &[public, private])),
        Some((public, None)) => said.push(teller.fill(p::S_PUBLIC, &[public])),
        None => {}
    }
    let [seconds, training] = subject.seconds;
    if seconds > 0.0 && said.len() < 6 {
        said.push(teller.fill(p::S_TIME, &[&teller.time(seconds), &teller.time(training)]));
    }
    if let Some(simple) = report.simple.as_ref().filter(|simple| !simple.is_subject && said.len() < 6) {
        let share = format!("{:.0}", simple.share * 100.0);
        said.push(teller.fill(p::S_SIMPLE, &[&simple.recipe, &share, &teller.time(simple.seconds)]));
    }
    said
}
