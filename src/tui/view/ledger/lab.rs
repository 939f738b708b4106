//! What the metric laboratory says of a submission.
//!
//! Takes the report of the snapshot, which comes a moment after it was asked for; gives the rows of the box: the verdict, then every way of
//! counting, the nearest to the public score first.

use ratatui::text::Line;
use toji::base::{Key, text};

use crate::tui::model::Model;
use crate::tui::view::ink::{Ink, Tone, line, wrap};

/// What the laboratory says of a submission, for the box.
pub fn lab_rows(model: &Model, hash: &Key, ink: Ink, columns: usize) -> Vec<Line<'static>> {
    let hang = line(vec![ink.span("  ", Tone::Plain)]);
    let mut rows = Vec::new();
    let Some(report) = model.snapshot.lab.as_ref().filter(|report| report.hash == *hash) else {
        return vec![line(vec![ink.span("looking at the held-out lists …", Tone::Live)])];
    };
    let mut add = |text: &str, tone: Tone| rows.extend(wrap(&line(vec![ink.span(text, tone)]), columns, &hang));
    add(&format!("{}, public {}", report.recipe, report.lb), Tone::Strong);
    add(&report.what, Tone::Plain);
    let names: Vec<&str> =
        report.verdicts.iter().filter(|verdict| verdict.explains).map(|verdict| verdict.found.variant).collect();
    match names.as_slice() {
        _ if report.verdicts.is_empty() => {}
        [] => add("No way of counting gives this number: look at the file that was sent (ids, order).", Tone::Care),
        names if names.contains(&"correct") => {
            add("The rules as they are give this number, as far as these queries can tell.", Tone::Good);
        }
        names => add(&format!("The rules do not give this number; {} would.", names.join(", ")), Tone::Care),
    }
    rows.push(Line::default());
    let wide = report.verdicts.iter().map(|verdict| verdict.found.variant.len()).max().unwrap_or(0);
    for verdict in &report.verdicts {
        let (mark, tone) = if verdict.explains { (ink.either("✓", "="), Tone::Good) } else { (" ", Tone::Plain) };
        let off = verdict.found.value - report.score;
        let name = ink.span(&format!("{mark} {}", text::pad(verdict.found.variant, wide)), tone);
        let numbers = format!("{:.4} {off:+.4}", verdict.found.value);
        let about = ink.span(verdict.found.about, Tone::Faint);
        if columns >= 70 {
            let indent = line(vec![ink.span(&" ".repeat(wide + 18), Tone::Plain)]);
            let row = vec![name, ink.span(&format!(" {numbers}  "), Tone::Plain), about];
            rows.extend(wrap(&line(row), columns, &indent));
        } else {
            rows.push(line(vec![name]));
            rows.push(line(vec![ink.span(&format!("  {numbers}"), Tone::Plain)]));
            rows.extend(wrap(&line(vec![ink.span("  ", Tone::Plain), about]), columns, &hang));
        }
    }
    rows
}
