//! The box in which a value of a page is changed.
//!
//! Takes what is typed; gives rows: the line with its cursor, what stood there, what would be wrong with it, and the keys.

use ratatui::style::Modifier;
use ratatui::text::Line;
use toji::base::text::{self, graphemes};

use crate::tui::keys::{self, Place};
use crate::tui::model::line;
use crate::tui::model::page::Change;
use crate::tui::view::ink::{Ink, Tone, line as row, styled, wrap};

/// What stands in the box's frame.
pub fn title(change: &Change) -> String {
    match change.adds {
        true => format!("A key of [{}]", change.key),
        false => change.key.clone(),
    }
}

/// The rows of the box.
pub fn rows(change: &Change, ink: Ink, columns: usize) -> Vec<Line<'static>> {
    let mut rows = vec![typed(&change.line, ink, columns), Line::default()];
    let mut say =
        |text: &str, tone: Tone| rows.extend(wrap(&row(vec![ink.span(text, tone)]), columns, &Line::default()));
    match change.waits {
        Some(_) => say("checking the recipe with it …".replace('…', ink.either("…", "...")).as_str(), Tone::Live),
        None if change.problems.is_empty() => {
            match change.adds {
                true => say(
                    "Type key = value, as in the cell. A key that a parent or a default sets is then this recipe's own.",
                    Tone::Plain,
                ),
                false => say(&format!("it is {}", change.was), Tone::Plain),
            }
            say(&change.about, Tone::Faint);
        }
        None => {
            say("Not written:", Tone::Bad);
            for problem in &change.problems {
                say(&format!("! {}", problem.what), Tone::Bad);
                if let Some(help) = &problem.help {
                    say(&format!("  {help}"), Tone::Plain);
                }
            }
        }
    }
    rows.push(Line::default());
    for binding in keys::at(Place::Change).filter(|binding| !binding.hint.is_empty()) {
        rows.push(row(vec![
            ink.span(&text::pad(binding.keys[0], 6), Tone::Strong),
            ink.span(&text::pad(binding.hint, 12), Tone::Plain),
            ink.span(binding.help, Tone::Faint),
        ]));
    }
    rows
}

/// A line that is typed, with the cursor in reverse.
pub fn typed(typed: &line::Line, ink: Ink, columns: usize) -> Line<'static> {
    const PROMPT: &str = "> ";
    let (part, at) = typed.window(columns.saturating_sub(PROMPT.len()).max(2));
    let mut column = 0;
    let (mut before, mut under, mut after) = (String::new(), String::new(), String::new());
    for one in graphemes(part) {
        let piece = match () {
            () if column < at => &mut before,
            () if under.is_empty() => &mut under,
            () => &mut after,
        };
        piece.push_str(one);
        column += text::width(one);
    }
    if under.is_empty() {
        under.push(' ');
    }
    let cursor = ink.style(Tone::Plain).add_modifier(Modifier::REVERSED);
    row(vec![
        ink.span(PROMPT, Tone::Faint),
        ink.span(&before, Tone::Plain),
        styled(&under, cursor),
        ink.span(&after, Tone::Plain),
    ])
}
