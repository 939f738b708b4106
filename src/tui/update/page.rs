//! What keys do on a page: the cursor among names, explanations, folds, the editor, a value changed in place.

use toji::book;
use toji::session::command::Command;
use toji::session::schema;

use crate::tui::action::Action;
use crate::tui::model::line::Edit;
use crate::tui::model::page::Change;
use crate::tui::model::{Model, Popup, Wish};
use crate::tui::view;

/// Does what an action on a page, or in its popups, means.
pub fn act(model: &mut Model, action: Action) -> Option<Command> {
    match action {
        Action::NextName | Action::PreviousName | Action::Explain | Action::Change => {
            let Some((place, _)) = under_cursor(model) else {
                model.reply = Some("all names are folded: z and Z unfold".to_owned());
                return None;
            };
            match action {
                Action::NextName => step(model, true),
                Action::PreviousName => step(model, false),
                Action::Explain => {
                    model.cursor.insert(model.selected.clone(), place);
                    explain(model, place);
                }
                _ => change(model, place),
            }
        }
        Action::OpenEditor => {
            let recipe = model.recipe()?;
            model.page.opens = Some((recipe.file.clone(), line(model)));
            model.wish = Wish::Edit;
        }
        Action::Fold => {
            let part = view::part(model, row(model))?;
            if !model.page.folds.entry(model.selected.clone()).or_default().turn(&part) {
                model.reply = Some("nothing to fold here: a heading, a cell and its outputs can be".to_owned());
            }
        }
        Action::FoldAll => {
            let recipe = model.recipe()?.clone();
            let folds = model.page.folds.entry(recipe.name.clone()).or_default();
            model.reply = Some(folds.turn_all(&recipe).to_owned());
        }
        Action::SetValue => {
            if let Some(Popup::Change(change)) = &mut model.popup {
                return change.ask(&mut model.page);
            }
        }
        Action::UndoChange => {
            // What came of it is told as soon as it is known: nothing may stand before that.
            return Some(Command::TakeBack { recipe: model.selected.clone() });
        }
        _ => {}
    }
    None
}

/// Takes an edit of the line that is typed in a page's popup; whether there is one.
pub fn typed(model: &mut Model, edit: Edit) -> bool {
    let Some(Popup::Change(change)) = &mut model.popup else { return false };
    // What was sent is what is shown until the answer comes.
    if change.waits.is_none() {
        change.line.edit(edit);
    }
    true
}

/// Why an action on a page cannot be done now; `None` where it can.
pub fn refusal(model: &Model, action: Action) -> Option<String> {
    let recipe = model.recipe()?;
    match action {
        Action::OpenEditor if model.options.edit.is_none() => Some("no editor can be opened here".to_owned()),
        Action::Explain | Action::NextName | Action::PreviousName | Action::Change => {
            // What needs the page laid out is told when the key is pressed: this is asked for each frame.
            let what = if action == Action::Change { "to change" } else { "to explain" };
            view::names(recipe).next().is_none().then(|| format!("no cell of this page has a name {what}"))
        }
        Action::SetValue => match &model.popup {
            Some(Popup::Change(change)) if change.waits.is_some() => Some("it is being checked".to_owned()),
            _ => None,
        },
        _ => None,
    }
}

/// The name under the cursor, and whether the cursor is on the screen: where it was never set or has been scrolled
/// away, it is the first name that shows, else the last above.
fn under_cursor(model: &Model) -> Option<(usize, bool)> {
    let (stops, first) = (view::stops(model), view::first_row(model));
    let shown = first..first + view::page_rows_shown(model);
    let set = model.cursor.get(&model.selected);
    let set = set.filter(|at| stops.iter().any(|(name, row)| name == *at && shown.contains(row)));
    match set {
        Some(at) => Some((*at, true)),
        None => {
            let next = stops.iter().find(|(_, row)| *row >= first);
            next.or(stops.last()).map(|(name, _)| (*name, false))
        }
    }
}

/// The row that folding is about: the cursor's, else the first on the screen.
fn row(model: &Model) -> usize {
    let on_screen = under_cursor(model).filter(|(_, on_screen)| *on_screen);
    let row =
        on_screen.and_then(|(at, _)| view::stops(model).iter().find(|(name, _)| *name == at).map(|(_, row)| *row));
    row.unwrap_or_else(|| view::first_row(model))
}

/// The line of the file that an editor shall begin at: the cursor's, that of the first mistake, else of the part on top of the screen.
fn line(model: &Model) -> usize {
    let Some(recipe) = model.recipe() else { return 1 };
    if let Some((place, true)) = under_cursor(model) {
        return view::name_line(recipe, place);
    }
    let wrong = view::problems(recipe).find(|problem| problem.line > 0).map(|problem| problem.line);
    wrong.unwrap_or_else(|| view::line_at(model, view::first_row(model)))
}

/// Moves the cursor by a name, the page so that it shows, and the explanation along if one is open.
fn step(model: &mut Model, forward: bool) {
    let Some((at, on_screen)) = under_cursor(model) else { return };
    let stops = view::stops(model);
    let Some(at) = stops.iter().position(|(name, _)| *name == at) else { return };
    let to = match (on_screen, forward) {
        (false, true) => at,
        (_, true) => (at + 1).min(stops.len() - 1),
        (_, false) => at.saturating_sub(1),
    };
    let (name, row) = stops[to];
    model.cursor.insert(model.selected.clone(), name);
    let (first, screen) = (view::first_row(model), view::page_rows_shown(model).max(1));
    // Two rows of what stands around it, where there is room.
    let around = 2.min(screen.saturating_sub(1) / 2);
    if row < first + around {
        model.scroll_to(row.saturating_sub(around));
    } else if row + around >= first + screen {
        model.scroll_to(row + around + 1 - screen);
    }
    if matches!(model.popup, Some(Popup::Explain { .. })) {
        explain(model, name);
    }
}

/// Opens the box in which another value for a name is typed.
fn change(model: &mut Model, place: usize) {
    model.cursor.insert(model.selected.clone(), place);
    let Some(name) = model.recipe().and_then(|recipe| view::names(recipe).nth(place)) else { return };
    if name.value.as_ref().is_some_and(|value| value.contains('\n')) {
        model.reply = Some(format!("{} stands on several lines: change a value in it, or press e", name.key));
        return;
    }
    let about = book::explain(&schema::recipes(), &name.topic).unwrap_or_default();
    let change = Change::of(&model.selected, name, about.lines().next().unwrap_or_default());
    model.popup = Some(Popup::Change(Box::new(change)));
}

/// Opens the explanation of a name of the page: of the key itself, and then of the technique that it belongs to.
fn explain(model: &mut Model, place: usize) {
    let Some(topic) = model.recipe().and_then(|r| view::names(r).nth(place)).map(|name| name.topic.clone()) else {
        return;
    };
    let schema = schema::recipes();
    let mut text = book::explain(&schema, &topic).unwrap_or_else(|unknown| unknown.to_string());
    if let Some(technique) = schema.techniques.iter().find(|t| topic.split('.').next() == Some(t.name)) {
        let whole = format!("{}.{}", technique.slot, technique.name);
        text.push('\n');
        text.push_str(&book::explain(&schema, &whole).unwrap_or_default());
    }
    model.popup = Some(Popup::Explain { topic, text, scroll: 0 });
}
