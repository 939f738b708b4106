//! What the ledger says, in few words.
//!
//! Takes the selected submission and the standing of all; gives short lines with their tones, the most telling first, for terminals that have room
//! for few of them.

use toji::base::Key;
use toji::session::errands::ledger::{Standing, Submission};
use toji::show::ledger as say;

use crate::tui::view::ink::Tone;

/// What decides, in few words, the most telling first.
pub(super) fn brief(one: &Submission, ledger: &Standing) -> Vec<(String, Tone)> {
    let mut said = Vec::new();
    if let Some(outlook) = &one.forecast {
        let [low, high] = outlook.interval;
        said.push((format!("private: {:.4} [{low:.4}, {high:.4}]", outlook.mean), Tone::Strong));
    }
    said.extend(one.unforeseen.as_ref().map(|why| (format!("no forecast: {why}"), Tone::Care)));
    if let Some(flip) = &one.flip {
        said.push((format!("{:.0} % that {} ends above it", 100.0 * flip.chance, flip.recipe), Tone::Plain));
    }
    let found = &ledger.agreement;
    said.push(match (found.spearman, found.kendall) {
        (Some(rho), Some(tau)) => {
            (format!("rank correlation {rho:+.2} (Spearman), {tau:+.2} (Kendall) over {}", found.pairs), Tone::Plain)
        }
        _ => (say::agreement(ledger), Tone::Plain),
    });
    let name = |hash: &Key| {
        let one = ledger.submissions.iter().find(|one| one.hash == *hash);
        one.map_or_else(|| hash.short(), |one| one.made.recipe.clone())
    };
    let off: Vec<&str> =
        ledger.submissions.iter().filter(|one| one.outlier).map(|one| one.made.recipe.as_str()).collect();
    if !off.is_empty() {
        said.push((format!("off the line (!): {}", off.join(", ")), Tone::Care));
    }
    if found.changes_sign {
        said.push(("the gap changes its sign: CV does not mean the same for all".to_owned(), Tone::Care));
    }
    let probes = &ledger.probes;
    let left = |left: Option<usize>| left.map(|left| format!(", {left} left")).unwrap_or_default();
    let days = match probes.days_left {
        None => String::new(),
        Some(..0) => "; it is over".to_owned(),
        Some(0) => "; the last day".to_owned(),
        Some(days) => format!("; {days} d"),
    };
    said.push((
        format!("today {}{}; in all {}{}{days}", probes.today, left(probes.left_today), probes.used, left(probes.left)),
        Tone::Plain,
    ));
    let finals = &ledger.finals;
    let marked: Vec<String> = finals.marked.iter().map(name).collect();
    let expected = finals.expected.map(|expected| format!(", {expected:.4}")).unwrap_or_default();
    said.push(match marked.as_slice() {
        [] => (format!("final (*): none of {}", finals.limit), Tone::Plain),
        marked => {
            (format!("final (*): {} of {}: {}{expected}", marked.len(), finals.limit, marked.join(", ")), Tone::Plain)
        }
    });
    if let Some(best) = &finals.best {
        said.push((format!("best kept: {}, {:.4}", best.recipes.join(" + "), best.expected), Tone::Good));
    }
    said
}
