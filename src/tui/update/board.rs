//! Order, columns, filter and what is hidden on the board; and taking back.
//!
//! A choice holds at once and is kept when it is made: see [`Model::keep_choice`]. Taking back sends the command that
//! undoes the newest one, and says so where others have changed things meanwhile.

use toji::session::board::choice::COLUMNS;
use toji::session::command::Command;

use crate::tui::action::{Action, Motion};
use crate::tui::model::board::Done;
use crate::tui::model::line::{Edit, Line};
use crate::tui::model::{Model, Popup, View};

/// Does what an action on the board means.
pub fn act(model: &mut Model, action: Action) -> Option<Command> {
    match action {
        Action::Sort => {
            let mut all = vec!["name".to_owned()];
            all.extend(model.board.choice.columns.iter().filter(|name| *name != "what").cloned());
            let at = all.iter().position(|name| *name == model.board.choice.sort);
            let next = all[at.map_or(0, |at| (at + 1) % all.len())].clone();
            sorted(model, &next);
        }
        Action::Reverse => {
            model.board.choice.reverse = !model.board.choice.reverse;
            model.rearrange();
            model.reply = Some(model.order_in_words());
        }
        Action::Columns => {
            model.popup = match model.popup {
                Some(Popup::Columns { .. }) => None,
                _ => Some(Popup::Columns { at: 0 }),
            }
        }
        Action::ToggleColumn => toggle_column(model),
        Action::UsualColumns => model.board.choice.columns = COLUMNS.map(str::to_owned).to_vec(),
        Action::SortHere => {
            if let Some((name, _)) = at_cursor(model) {
                sorted(model, &name);
            }
        }
        Action::Folds => {
            model.board.choice.folds = !model.board.choice.folds;
            let text = if model.board.choice.folds { "folds and seeds one by one" } else { "a row a recipe" };
            model.reply = Some(text.to_owned());
        }
        Action::Hide => {
            let name = model.selected.clone();
            model.reply = Some(format!("{name} is hidden; D brings it back"));
            model.board.choice.hidden.insert(name.clone());
            model.remember(Done::Hid(name));
            let index = model.index();
            model.relist();
            model.select(index);
        }
        Action::Unhide => {
            let all = std::mem::take(&mut model.board.choice.hidden);
            model.remember(Done::Unhid(all));
            model.rearrange();
            model.reply = Some("nothing is hidden any more".to_owned());
        }
        Action::AskFilter => {
            model.board.line = Line::new(&model.board.choice.filter);
            model.board.cycle = None;
            model.popup = Some(Popup::Filter);
            model.read_filter();
        }
        Action::Type(sign) => typed(model, |line| _ = line.edit(Edit::Insert(sign))),
        Action::Erase => typed(model, |line| _ = line.edit(Edit::Erase)),
        Action::Line(edit) => typed(model, |line| _ = line.edit(edit)),
        Action::ClearFilter => {
            model.popup = None;
            typed(model, |line| *line = Line::default());
        }
        Action::AcceptFilter => match &model.board.mistake {
            Some(mistake) => {
                model.reply = Some(format!("esc takes the filter away; its mistake: {mistake}"));
            }
            None => {
                model.popup = None;
                model.reply = Some(counted(model));
            }
        },
        Action::Complete(forward) => complete(model, forward),
        Action::Undo => return undo(model),
        _ => {}
    }
    None
}

/// "3 of 7 recipes".
fn counted(model: &Model) -> String {
    format!("{} of {} recipes", model.board.listed.len(), model.snapshot.recipes.len())
}

fn sorted(model: &mut Model, name: &str) {
    model.sort_by(name);
    model.reply = Some(model.order_in_words());
}

fn typed(model: &mut Model, edit: impl FnOnce(&mut Line)) {
    model.board.cycle = None;
    edit(&mut model.board.line);
    model.read_filter();
}

/// Puts the next candidate into the line, or the one before.
fn complete(model: &mut Model, forward: bool) {
    let board = &mut model.board;
    let count = board.completion.candidates.len();
    if count == 0 {
        model.reply = Some("nothing is known that could come here".to_owned());
        return;
    }
    let (at, line) = match board.cycle.take() {
        Some((at, line)) if forward => ((at + 1) % count, line),
        Some((at, line)) => ((at + count - 1) % count, line),
        None if forward => (0, board.line.clone()),
        None => (count - 1, board.line.clone()),
    };
    let completion = board.completion.clone();
    board.line = line.clone();
    board.line.replace(completion.replaces.clone(), &completion.candidates[at].text);
    model.read_filter();
    // Tab goes on among the same candidates until something is typed.
    model.board.completion = completion;
    model.board.cycle = Some((at, line));
}

/// The column under the picker's cursor.
fn at_cursor(model: &Model) -> Option<(String, &'static str)> {
    let Some(Popup::Columns { at }) = model.popup else { return None };
    let mut all = model.offered_columns();
    let last = all.len().checked_sub(1)?;
    Some(all.swap_remove(at.min(last)))
}

fn toggle_column(model: &mut Model) {
    let Some((name, _)) = at_cursor(model) else { return };
    let columns = &mut model.board.choice.columns;
    match columns.iter().position(|column| *column == name) {
        Some(place) => drop(columns.remove(place)),
        // What a recipe is about takes the rest of the row, so it stays the last.
        None => {
            let place = columns.iter().position(|column| column == "what").unwrap_or(columns.len());
            columns.insert(place, name);
        }
    }
}

/// Moves the picker's cursor; whether it is open.
pub fn moved(model: &mut Model, screen: usize, motion: Motion) -> bool {
    let last = model.offered_columns().len().saturating_sub(1);
    if let Some(Popup::Columns { at }) = &mut model.popup {
        *at = super::target((*at).min(last), last, screen, motion);
        return true;
    }
    false
}

/// Takes the newest thing back.
fn undo(model: &mut Model) -> Option<Command> {
    let done = model.board.done.remove(model.last_done()?);
    match done {
        Done::Hid(name) => {
            model.board.choice.hidden.remove(&name);
            model.rearrange();
            model.reply = Some(format!("{name} is shown again"));
        }
        Done::Unhid(names) => {
            model.board.choice.hidden.extend(names);
            model.rearrange();
            model.reply = Some(format!("{} hidden again", model.hidden()));
        }
        Done::Pinned { recipe, before } => {
            let now = model.snapshot.pin.clone();
            if now == before {
                model.reply = Some(match before {
                    Some(before) => format!("{before} is the pin already"),
                    None => "nothing is pinned already".to_owned(),
                });
                return None;
            }
            return match (before, now) {
                (Some(before), _) => {
                    model.reply = Some(format!("asked to pin {before} again"));
                    Some(Command::Pin { recipe: before })
                }
                (None, Some(now)) if now == recipe => {
                    model.reply = Some(format!("asked to take the pin from {now}"));
                    Some(Command::Pin { recipe: now })
                }
                (None, now) => {
                    let now = now.unwrap_or_default();
                    model.reply = Some(format!("{now} has been pinned meanwhile: p on it takes the pin off"));
                    None
                }
            };
        }
        Done::Final { hash, was } => {
            let found = model.snapshot.ledger.submissions.iter().find(|one| one.hash == hash)?;
            if found.is_final == was {
                model.reply = Some(format!("{} is as it was already", found.made.recipe));
                return None;
            }
            model.reply = Some(format!("asked to take back the final mark's change of {}", found.made.recipe));
            return Some(Command::Final { hash, marked: was });
        }
    }
    None
}

/// Why an action on the board cannot be done now.
pub fn refusal(model: &Model, action: Action) -> Option<String> {
    match action {
        Action::Sort | Action::Reverse | Action::Columns | Action::Folds | Action::AskFilter => {
            model.snapshot.recipes.is_empty().then(|| super::no_recipe(model)).flatten()
        }
        Action::Unhide if model.board.choice.hidden.is_empty() => Some("nothing is hidden".to_owned()),
        Action::Undo if model.last_done().is_none() => Some(match model.view {
            View::Ledger => "no final mark was set or taken off here: nothing to take back".to_owned(),
            _ => "nothing to take back: u takes back what was pinned or hidden in this session".to_owned(),
        }),
        _ => None,
    }
}
