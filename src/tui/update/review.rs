//! Decisions about suspects.
//!
//! A key decides about the chosen suspect and goes on to the next; a capital letter asks about all that show, with what would be written, exactly;
//! what is written then is what was shown, also when a new review has come meanwhile. Decided ones are not decided again by the many.

use std::collections::BTreeSet;

use toji::base::text::fit;
use toji::session::command::Command;
use toji::session::errands::review::Entry;

use crate::tui::action::{Action, Decision};
use crate::tui::model::review::{Edit, edits};
use crate::tui::model::{Model, Popup};

/// Does what an action on the screen Review means.
pub fn act(model: &mut Model, action: Action) -> Option<Command> {
    match action {
        Action::Decide(decision) => {
            let one = model.suspect()?;
            let (edits, note) = (edits(one, decision).ok()?, one.reason.clone());
            let (by, id) = (by(model), fit(&one.id, 30));
            model.reply = Some(format!("asked to {} {id}", decision.name()));
            model.choose_suspect(model.suspect_index() + 1);
            return Some(Command::Edit { edits, by, note });
        }
        Action::AskAll(decision) => {
            let (edits, suspects, left_out) = all(model, decision);
            let filter = match model.looking.filter.as_str() {
                "" => String::new(),
                filter => format!(", filter {filter:?}"),
            };
            let said = (by(model), format!("{suspects} at once{filter}"));
            model.popup = Some(Popup::DecideAll { decision, edits, suspects, left_out, said });
        }
        Action::DecideAll => {
            if let Some(Popup::DecideAll { decision, edits, said: (by, note), suspects, .. }) = model.popup.take() {
                model.reply = Some(format!("asked to {} {suspects} photos; u takes it back", decision.name()));
                return Some(Command::Edit { edits, by, note });
            }
        }
        Action::Undo => {
            model.reply = Some("asked to take the last decision back".to_owned());
            return Some(Command::Undo);
        }
        Action::Review => {
            let recipe = model.selected.clone();
            model.reply = Some(format!("asked for a review by {recipe}"));
            return Some(Command::Review { recipe });
        }
        Action::NextKind => model.choose_kind(1),
        Action::PreviousKind => model.choose_kind(-1),
        Action::Below => {
            model.looking.all = !model.looking.all;
            let text =
                if model.looking.all { "also those below the threshold" } else { "only those over the threshold" };
            model.reply = Some(text.to_owned());
        }
        Action::AskFilter => model.popup = Some(Popup::Filter),
        Action::Type(sign) => {
            model.looking.filter.push(sign);
            model.choose_suspect(0);
        }
        Action::Erase => {
            model.looking.filter.pop();
            model.choose_suspect(0);
        }
        Action::ClearFilter => {
            model.looking.filter.clear();
            model.popup = None;
            model.choose_suspect(0);
        }
        _ => {}
    }
    None
}

/// The name of the list that suggests it.
fn by(model: &Model) -> String {
    model.listed().map_or_else(String::new, |(_, list)| list.kind.name().to_owned())
}

/// Why the chosen suspect cannot be decided so.
pub fn refusal(model: &Model, decision: Decision) -> Option<String> {
    match model.suspect() {
        None => Some("no suspect is chosen".to_owned()),
        Some(one) => edits(one, decision).err(),
    }
}

/// Why not all that show can be decided so.
pub fn refusal_of_all(model: &Model, decision: Decision) -> Option<String> {
    let shown = model.suspects();
    let none = !shown.iter().any(|one| one.decided.is_none() && edits(one, decision).is_ok());
    none.then(|| match decision {
        Decision::Keep | Decision::Drop => "nothing that shows is undecided".to_owned(),
        _ => format!("no {} is proposed for anything that shows and is undecided", decision.value()),
    })
}

/// What would be written for all that show, for how many suspects, and how many others show.
fn all(model: &Model, decision: Decision) -> (Vec<Edit>, usize, usize) {
    let shown = model.suspects();
    let open = |one: &&&Entry| one.decided.is_none();
    let (mut written, mut met) = (Vec::new(), BTreeSet::new());
    let mut suspects = 0;
    for edits in shown.iter().filter(open).filter_map(|one| edits(one, decision).ok()) {
        suspects += 1;
        // A photo of two clusters is written once.
        written.extend(edits.into_iter().filter(|edit| met.insert(edit.clone())));
    }
    (written, suspects, shown.len() - suspects)
}
