//! The ledger as plain text: a table of submissions, and what follows from it, in words.
//!
//! Takes a [`Standing`] and a width; gives lines for a pipe, a log or a terminal. The workbench writes the same words.

use crate::base::text::{fit, plain};
use crate::score::ledger::agree::{ENOUGH, FAR, LEAST};
use crate::session::errands::ledger::{Standing, Submission};
use crate::show::table::{Align, Column, table};

const COLUMNS: &[Column] = &[
    Column { title: "", align: Align::Left, spare: 0, least: 1 },
    Column { title: "date", align: Align::Left, spare: 3, least: 10 },
    Column { title: "hash", align: Align::Left, spare: 1, least: 8 },
    Column { title: "recipe", align: Align::Left, spare: 0, least: 10 },
    Column { title: "rung", align: Align::Left, spare: 5, least: 5 },
    Column { title: "CV", align: Align::Right, spare: 0, least: 6 },
    Column { title: "95 %", align: Align::Right, spare: 4, least: 11 },
    Column { title: "public", align: Align::Right, spare: 0, least: 6 },
    Column { title: "gap", align: Align::Right, spare: 2, least: 7 },
    Column { title: "forecast", align: Align::Right, spare: 2, least: 6 },
    Column { title: "95 %", align: Align::Right, spare: 4, least: 11 },
    Column { title: "private", align: Align::Right, spare: 6, least: 6 },
    Column { title: "", align: Align::Left, spare: 7, least: 7 },
];

/// The table, the newest submission first, `*` before a final one.
pub fn submissions(standing: &Standing, columns: usize) -> Vec<String> {
    let row = |one: &Submission| {
        let interval = |[low, high]: [f64; 2]| format!("{low:.3}–{high:.3}");
        vec![
            if one.is_final { "*" } else { "" }.to_owned(),
            one.made.date.clone(),
            one.hash.to_string()[..8].to_owned(),
            one.made.recipe.clone(),
            one.made.rung.clone(),
            one.made.cv.map(|cv| format!("{cv:.4}")).unwrap_or_default(),
            one.made.interval.map(interval).unwrap_or_default(),
            one.public.as_ref().map(|seen| seen.text.clone()).unwrap_or_default(),
            one.gap.map(|gap| format!("{gap:+.4}")).unwrap_or_default(),
            one.forecast.map(|outlook| format!("{:.4}", outlook.mean)).unwrap_or_default(),
            one.forecast.map(|outlook| interval(outlook.interval)).unwrap_or_default(),
            one.private.as_ref().map(|seen| seen.text.clone()).unwrap_or_default(),
            if one.outlier { "off the line" } else { "" }.to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = standing.submissions.iter().map(row).collect();
    // A column in which nothing stands says nothing.
    let used: Vec<usize> = (0..COLUMNS.len()).filter(|&i| rows.iter().any(|row| !row[i].is_empty())).collect();
    let kept: Vec<Column> = used.iter().map(|&i| COLUMNS[i].clone()).collect();
    let rows: Vec<Vec<String>> = rows.iter().map(|row| used.iter().map(|&i| row[i].clone()).collect()).collect();
    table(&kept, &rows, columns)
}

/// What follows from all of them: correlation, outliers, probes, finals, notes; one line each, not cut.
pub fn words(standing: &Standing) -> Vec<String> {
    let mut lines = vec![agreement(standing)];
    lines.extend(outliers(standing));
    if standing.agreement.changes_sign {
        lines.push(
            "public minus CV is clearly above zero for some and below for others: the local examination does not mean the same for all recipes"
                .to_owned(),
        );
    }
    lines.push(probes(standing));
    lines.extend(finals(standing));
    lines.extend(standing.notes.iter().map(|note| format!("note: {note}")));
    lines
}

/// What to type where nothing was made yet.
pub fn empty() -> Vec<String> {
    [
        "no submission yet",
        "toji submit RECIPE       writes the file, checks it, notes it here",
        "toji lb add RECIPE 0.37  notes what the leaderboard showed",
        "toji final mark RECIPE   marks it as final",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// `CV and public: Spearman +0.61, Kendall +0.52 over 7 submissions; public is 0.21 below CV (median)`.
pub fn agreement(standing: &Standing) -> String {
    let found = &standing.agreement;
    let pairs = match found.pairs {
        1 => "1 submission".to_owned(),
        n => format!("{n} submissions"),
    };
    let gap = found.gap.map(|gap| {
        let side = if gap < 0.0 { "below" } else { "above" };
        format!("; public is {:.4} {side} CV (median)", gap.abs())
    });
    let gap = gap.unwrap_or_default();
    match (found.spearman, found.kendall) {
        (Some(rho), Some(tau)) => {
            let few = if found.pairs < ENOUGH { ": too few to mean much" } else { "" };
            format!("CV and public: Spearman {rho:+.2}, Kendall {tau:+.2} over {pairs}{few}{gap}")
        }
        _ if found.pairs == 0 => "no submission has a public score yet: toji lb add notes one".to_owned(),
        _ if found.pairs < LEAST => format!("CV and public: {pairs} with both, a rank correlation takes {LEAST}{gap}"),
        _ => format!("CV and public: {pairs} with both, but one side is all ties{gap}"),
    }
}

/// Which are off the line, and by which rule.
pub fn outliers(standing: &Standing) -> Option<String> {
    let found = &standing.agreement;
    let scale = found.scale.filter(|_| found.pairs >= ENOUGH)?;
    let names: Vec<String> = found
        .outliers
        .iter()
        .filter_map(|&i| standing.submissions.get(i))
        .map(|one| format!("{} ({})", one.made.recipe, &one.hash.to_string()[..8]))
        .collect();
    let rule = format!("more than {FAR:.0} robust deviations of {scale:.4} off the Theil-Sen line");
    Some(match names.as_slice() {
        [] => format!("no outlier ({rule})"),
        names => format!("off the line: {} ({rule})", names.join(", ")),
    })
}

/// `2 handed in today, 3 left; 14 in all, 41 left until 2026-12-01 (8 days)`.
pub fn probes(standing: &Standing) -> String {
    let probes = &standing.probes;
    let mut text = format!("{} handed in today", probes.today);
    if let Some(left) = probes.left_today {
        text.push_str(&format!(", {left} left"));
    }
    text.push_str(&format!("; {} in all", probes.used));
    if let Some(left) = probes.left {
        text.push_str(&format!(", {left} left"));
    }
    if let (Some(day), Some(days)) = (&probes.deadline, probes.days_left) {
        match days {
            ..0 => text.push_str(&format!("; over since {day}")),
            0 => text.push_str(&format!(" until {day} (the last day)")),
            1 => text.push_str(&format!(" until {day} (1 day)")),
            days => text.push_str(&format!(" until {day} ({days} days)")),
        }
    }
    if probes.left_today.is_none() && probes.left.is_none() {
        text.push_str(" (no limit under [leaderboard] of toji.toml)");
    }
    text
}

/// Which are final, and which should be.
pub fn finals(standing: &Standing) -> Vec<String> {
    let finals = &standing.finals;
    let name = |hash: &crate::base::Key| {
        let one = standing.submissions.iter().find(|one| one.hash == *hash);
        one.map_or_else(|| hash.short(), |one| format!("{} ({})", one.made.recipe, &hash.to_string()[..8]))
    };
    let marked: Vec<String> = finals.marked.iter().map(name).collect();
    let mut lines = vec![match marked.as_slice() {
        [] => format!("none of {} finals is marked", finals.limit),
        marked => {
            let expected = finals.expected.map(|expected| format!(", {expected:.4} expected of the best"));
            format!(
                "final: {} of {}: {}{}",
                marked.len(),
                finals.limit,
                marked.join(", "),
                expected.unwrap_or_default()
            )
        }
    }];
    if let Some(best) = &finals.best {
        let names: Vec<String> = best.hashes.iter().map(name).collect();
        let what = if names.len() == 1 { "best kept" } else { "best kept together" };
        lines.push(format!("{what}: {}, {:.4} expected; {}", names.join(" + "), best.expected, best.why));
    }
    lines
}

/// What is known of one submission beyond its row; one line each, not cut.
pub fn details(one: &Submission) -> Vec<String> {
    let mut lines = vec![format!("{}  {}", one.made.file, one.hash.short())];
    if !one.made.folds.is_empty() {
        let folds: Vec<String> = one.made.folds.iter().map(|fold| format!("{fold:.4}")).collect();
        let rung = if one.made.rung.is_empty() { String::new() } else { format!("{} ", one.made.rung) };
        lines.push(format!("{rung}by fold: {}", folds.join(" ")));
    }
    if !one.made.post.is_empty() {
        lines.push(format!("post: {}", one.made.post.join("; ")));
    }
    if let Some(outlook) = &one.forecast {
        let [low, high] = outlook.interval;
        lines.push(format!("private: {:.4} expected (95 % {low:.4} to {high:.4})", outlook.mean));
    }
    lines.extend(one.unforeseen.as_ref().map(|why| format!("no forecast: {why}")));
    if let Some(flip) = &one.flip {
        lines.push(format!("{} (next below) ends above it with a chance of {:.0} %", flip.recipe, 100.0 * flip.chance));
    }
    lines
}

/// The whole page, no line wider than `columns`.
pub fn page(standing: &Standing, columns: usize) -> Vec<String> {
    if standing.submissions.is_empty() {
        let notes = standing.notes.iter().map(|note| format!("note: {note}"));
        return empty().into_iter().chain(notes).map(|line| fit(&plain(&line), columns)).collect();
    }
    let mut lines = submissions(standing, columns);
    lines.extend(words(standing).iter().map(|line| plain(line)));
    lines
}
