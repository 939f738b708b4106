//! The palette: every row of the table of keys, by what one types.
//!
//! Takes the model and what was typed; gives the rows that fit, the best first, each with why it cannot be done now. Letters
//! fit in their order, with others between ("tsp" finds "take it next"); words may come in any order. Enter does the
//! row's action as if its key were pressed; a row that belongs to another screen says how to come there.

use toji::session::command::Command;

use super::refusal;
use crate::tui::action::{Action, Motion};
use crate::tui::keys::{BINDINGS, Binding, Place};
use crate::tui::model::line::{Edit, Line};
use crate::tui::model::{Model, Popup, View};

/// A row of the palette.
#[derive(Debug)]
pub struct Entry {
    /// The row of the table.
    pub binding: &'static Binding,
    /// Why it cannot be done now.
    pub why_not: Option<String>,
}

/// The rows that fit what was typed, the best first; those of this screen before others.
pub fn entries(model: &Model, typed: &str) -> Vec<Entry> {
    let here = Place::View(model.view);
    let rank = |binding: &Binding| match binding.places {
        places if places.contains(&here) => 0,
        places if places.iter().any(|place| matches!(place, Place::View(_))) => 1,
        _ => 2,
    };
    let mut found: Vec<(i32, i32, &'static Binding)> =
        BINDINGS.iter().filter_map(|binding| Some((-fits(typed, binding)?, rank(binding), binding))).collect();
    // Stable: equal ones stay in the order of the table.
    found.sort_by_key(|(score, rank, _)| score + 10 * rank);
    found.into_iter().map(|(_, _, binding)| Entry { binding, why_not: why_not(model, binding) }).collect()
}

/// Why a row cannot be done now.
fn why_not(model: &Model, binding: &Binding) -> Option<String> {
    if binding.places.contains(&Place::View(model.view)) {
        return refusal(model, binding.action);
    }
    let mut views = binding.places.iter().filter_map(|place| match place {
        Place::View(view) => Some(*view),
        _ => None,
    });
    if let Some(view) = views.next() {
        let number = View::ALL.iter().position(|other| *other == view).unwrap_or(0) + 1;
        return Some(format!("only on the screen {}: {number} goes there", view.title()));
    }
    Some(
        match binding.places.first() {
            Some(Place::AskStop) => "answers the question of s",
            Some(Place::ChooseRung) => "answers the question of R",
            Some(Place::DecideAll) => "answers a question on the screen Review",
            Some(Place::Zoom) => "only beside a large photo",
            Some(Place::Filter | Place::BoardFilter) => "only while a filter is typed",
            Some(Place::Columns) => "only while columns are chosen",
            Some(Place::Palette) => "only in this list",
            _ => "only in a text above the screen",
        }
        .to_owned(),
    )
}

/// How well a row fits what was typed; `None` where it does not.
fn fits(typed: &str, binding: &Binding) -> Option<i32> {
    let text = format!("{} {}", binding.hint, binding.help);
    typed.split_whitespace().try_fold(0, |sum, word| {
        // A key as it is written is meant before all words.
        let is_key = binding.keys.contains(&word);
        let found = score(word, &text);
        match (is_key, found) {
            (true, found) => Some(sum + 1_000 + found.unwrap_or(0)),
            (false, found) => Some(sum + found?),
        }
    })
}

/// How well letters fit a text in their order: the more, the better. Letters side by side, and at the beginnings of words, count more;
/// small and capital letters are one. `None` where they do not fit.
pub fn score(typed: &str, text: &str) -> Option<i32> {
    let lower = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<Vec<char>>();
    let (typed, text) = (lower(typed), lower(text));
    let begins = |place: usize| place == 0 || !text[place - 1].is_alphanumeric();
    let first = *typed.first()?;
    let starts = (0..text.len()).filter(|place| text[*place] == first);
    let of_start = |start: usize| {
        let (mut sum, mut place, mut before) = (0, start, None::<usize>);
        for letter in &typed {
            let found = place + text[place..].iter().position(|other| other == letter)?;
            sum += 1;
            sum += if begins(found) { 6 } else { 0 };
            sum += match before {
                Some(before) if before + 1 == found => 8,
                // What lies between costs, up to a limit.
                Some(before) => -((found - before).min(6) as i32),
                None => 0,
            };
            before = Some(found);
            place = found + 1;
        }
        Some(sum)
    };
    starts.filter_map(of_start).max()
}

/// Moves along the rows; whether the palette is open.
pub fn moved(model: &mut Model, screen: usize, motion: Motion) -> bool {
    let Some(Popup::Palette { line, .. }) = &model.popup else { return false };
    let last = entries(model, line.text()).len().saturating_sub(1);
    if let Some(Popup::Palette { at, .. }) = &mut model.popup {
        *at = super::target((*at).min(last), last, screen, motion);
    }
    true
}

/// Does what an action in the palette means.
pub fn act(model: &mut Model, action: Action) -> Option<Command> {
    if action == Action::Palette {
        model.popup = Some(Popup::Palette { line: Line::default(), at: 0 });
        return None;
    }
    let Some(Popup::Palette { line, at }) = &mut model.popup else { return None };
    match action {
        Action::Type(sign) => {
            line.edit(Edit::Insert(sign));
            *at = 0;
        }
        Action::Line(edit) => {
            line.edit(edit);
            *at = 0;
        }
        Action::Do => {
            let (typed, at) = (line.text().to_owned(), *at);
            let mut found = entries(model, &typed);
            if found.is_empty() {
                model.reply = Some("no action is called so".to_owned());
                return None;
            }
            let entry = found.swap_remove(at.min(found.len() - 1));
            match entry.why_not {
                Some(why) => model.reply = Some(why),
                None => {
                    model.popup = None;
                    return super::act(model, entry.binding.action);
                }
            }
        }
        _ => {}
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_fit_in_their_order() {
        assert_eq!(score("", "anything"), None);
        assert_eq!(score("xyz", "run it"), None);
        assert_eq!(score("tir", "run it"), None, "not in another order");
        let best = |typed: &str, texts: [&'static str; 3]| {
            texts.into_iter().max_by_key(|text| score(typed, text).unwrap_or(i32::MIN)).unwrap()
        };
        assert_eq!(best("run", ["read until noon", "a run of it", "prune"]), "a run of it");
        assert_eq!(best("tn", ["patina", "take it next", "tan"]), "take it next", "beginnings of words count");
        assert_eq!(best("LOG", ["a long glow", "log", "l o g"]), "log");
        assert!(score("fol", "folds").unwrap() > score("fol", "of old").unwrap());
    }
}
