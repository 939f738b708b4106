//! An action becomes a changed model and, sometimes, a command.
//!
//! Pure: takes the model and an action, asks nothing of the surroundings. An action that cannot be
//! done now says why in the status row instead of being hidden, so that keys keep their places.

use toji::session::command::Command;
use toji::session::snapshot::{Recipe, State};

use super::action::{Action, Motion};
use super::model::{Measure, Model, Popup, View, Wish, is_active};
use super::view;

/// Does what the action means. A returned command is to be sent; the reply in the status row
/// already says what was asked for.
pub fn update(model: &mut Model, action: Action) -> Option<Command> {
    model.reply = refusal(model, action);
    if model.reply.is_some() {
        return None;
    }
    match action {
        Action::Quit => model.wish = Wish::Quit,
        Action::Suspend => model.wish = Wish::Suspend,
        Action::Redraw => model.wish = Wish::Redraw,
        Action::Refresh => {
            model.reply = Some("looking at the files again".to_owned());
            return Some(Command::Refresh);
        }
        Action::Help => model.popup = Some(Popup::Help { scroll: 0 }),
        Action::Back => match model.popup.take() {
            Some(_) => {}
            None => model.view = View::Board,
        },
        Action::Show(view) => model.view = view,
        Action::NextView => model.view = turned(model.view, 1),
        Action::PreviousView => model.view = turned(model.view, View::ALL.len() - 1),
        Action::Move(motion) => moved(model, motion),
        Action::NextRecipe => model.select(model.index() + 1),
        Action::PreviousRecipe => model.select(model.index().saturating_sub(1)),
        Action::Mark => {
            if !model.marked.remove(&model.selected) {
                model.marked.insert(model.selected.clone());
            }
        }
        Action::ClearMarks => model.marked.clear(),
        Action::LogScale => {
            model.log_scale = !model.log_scale;
            model.reply = Some(if model.log_scale { "logarithmic loss" } else { "linear loss" }.to_owned());
        }
        Action::Measure => {
            model.measure = match model.measure {
                Measure::Both => Measure::Loss,
                Measure::Loss => Measure::Score,
                Measure::Score => Measure::Both,
            }
        }
        Action::ChooseRung => model.popup = Some(Popup::ChooseRung { recipe: model.selected.clone() }),
        Action::AskStop => model.popup = Some(Popup::AskStop { recipe: model.selected.clone() }),
        Action::Run => {
            let recipe = model.selected.clone();
            model.reply = Some(format!("asked to run {recipe}"));
            return Some(Command::Run { recipe, rung: None });
        }
        Action::RunRung(rung) => {
            if let Some(Popup::ChooseRung { recipe }) = model.popup.take() {
                let rung = rung.name().to_owned();
                model.reply = Some(format!("asked to run {recipe} up to {rung}"));
                return Some(Command::Run { recipe, rung: Some(rung) });
            }
        }
        Action::Stop => {
            if let Some(Popup::AskStop { recipe }) = model.popup.take() {
                model.reply = Some(format!("asked to stop {recipe}"));
                return Some(Command::Stop { recipe });
            }
        }
        Action::Pin => {
            let recipe = model.selected.clone();
            let pinned = model.snapshot.pin.as_deref() == Some(recipe.as_str());
            model.reply = Some(match pinned {
                true => format!("asked to take the pin from {recipe}"),
                false => format!("asked to pin {recipe}"),
            });
            return Some(Command::Pin { recipe });
        }
    }
    None
}

/// Why the action cannot be done now; `None` where it can.
pub fn refusal(model: &Model, action: Action) -> Option<String> {
    match action {
        Action::Suspend if model.options.suspend.is_none() => Some("cannot suspend here".to_owned()),
        Action::ClearMarks if model.marked.is_empty() => Some("nothing is marked".to_owned()),
        Action::Show(View::Page | View::Plan) | Action::Mark | Action::Pin => no_recipe(model),
        Action::Run | Action::ChooseRung => no_recipe(model).or_else(|| cannot_run(model, action)),
        Action::AskStop => no_recipe(model).or_else(|| {
            let recipe = model.recipe()?;
            (!is_active(recipe.state)).then(|| format!("{} does not run: nothing to stop", recipe.name))
        }),
        Action::NextRecipe if model.index() + 1 >= model.snapshot.recipes.len() => {
            Some("this is the last recipe".to_owned())
        }
        Action::PreviousRecipe if model.index() == 0 => Some("this is the first recipe".to_owned()),
        _ => None,
    }
}

fn no_recipe(model: &Model) -> Option<String> {
    match (model.recipe(), model.loaded) {
        (Some(_), _) => None,
        (None, true) => Some("there is no recipe yet: write one into recipes/".to_owned()),
        (None, false) => Some("the recipes are still being read".to_owned()),
    }
}

fn cannot_run(model: &Model, action: Action) -> Option<String> {
    let recipe = model.recipe()?;
    let name = &recipe.name;
    if let Some(problem) = model.snapshot.problems.first() {
        let file = problem.file.display();
        return Some(format!("no recipe can run before this is mended: {file}: {}", problem.message));
    }
    match recipe.state {
        State::Broken => Some(match first_problem(recipe) {
            Some(problem) => format!("{name} has a mistake in line {}: {}", problem.line, problem.message),
            None => format!("{name} has mistakes: enter shows them"),
        }),
        State::Running => Some(format!("{name} runs already: s stops it")),
        State::Queued => Some(format!("{name} waits for the worker already: s takes it out of the queue")),
        State::Fresh if action == Action::Run => {
            Some(format!("nothing to run: every stage of {name} is in the store (R: another rung)"))
        }
        _ => None,
    }
}

/// The first mistake in the recipe's cells.
pub fn first_problem(recipe: &Recipe) -> Option<&toji::session::snapshot::Problem> {
    view::problems(recipe).next()
}

fn turned(view: View, by: usize) -> View {
    let at = View::ALL.iter().position(|v| *v == view).unwrap_or(0);
    View::ALL[(at + by) % View::ALL.len()]
}

/// Moves the selection on board and curves, the text elsewhere.
fn moved(model: &mut Model, motion: Motion) {
    let screen = view::rows_shown(model).max(1);
    if let Some(Popup::Help { scroll }) = model.popup {
        let last = view::help_rows(model).saturating_sub(screen);
        model.popup = Some(Popup::Help { scroll: target(scroll, last, screen, motion) });
        return;
    }
    match model.view {
        View::Board | View::Curves => {
            let last = model.snapshot.recipes.len().saturating_sub(1);
            model.select(target(model.index(), last, screen, motion));
        }
        View::Page | View::Plan => {
            let last = view::rows(model).saturating_sub(screen);
            model.scroll_to(target(model.scrolled().min(last), last, screen, motion));
        }
    }
}

fn target(from: usize, last: usize, screen: usize, motion: Motion) -> usize {
    let half = (screen / 2).max(1);
    let to = match motion {
        Motion::Down => from + 1,
        Motion::Up => from.saturating_sub(1),
        Motion::HalfDown => from + half,
        Motion::HalfUp => from.saturating_sub(half),
        Motion::PageDown => from + screen,
        Motion::PageUp => from.saturating_sub(screen),
        Motion::Top => 0,
        Motion::Bottom => last,
    };
    to.min(last)
}
