//! An action becomes a changed model and, sometimes, a command.
//!
//! Pure: takes the model and an action, asks nothing of the surroundings. An action that cannot be
//! done now says why in the status row instead of being hidden, so that keys keep their places.
//!
//! - [`board`]: order, columns, filter and what is hidden, and taking back;
//! - [`curves`]: charts, their axes and the crosshair;
//! - [`page`]: the cursor, folds, the editor, a value changed in place;
//! - [`palette`]: all actions by what one types;
//! - [`queue`]: the order of jobs, the pause, the log;
//! - [`review`]: decisions about suspects, one or all that show, and the filter.

mod board;
mod curves;
mod page;
pub mod palette;
mod queue;
mod review;

use toji::session::command::Command;
use toji::session::errands::ledger::Submission;
use toji::session::errands::looking::queries::Order;
use toji::session::snapshot::{Recipe, State};

use super::action::{Action, Motion};
use super::model::board::Done;
use super::model::line::Edit;
use super::model::{Model, Popup, View, Wish, is_active};
use super::terminal::meter::Reading;
use super::view;

/// Does what the action means. A returned command is to be sent; the reply in the status row
/// already says what was asked for.
pub fn update(model: &mut Model, action: Action) -> Option<Command> {
    if model.view == View::Queue && model.popup.is_none() {
        // Jobs come and go by themselves; keys are about the one that is lit now.
        model.choose_job(model.job_index());
    }
    let command = act(model, action);
    curves::hold(model);
    // Whoever comes back to the board finds a recipe selected that it lists.
    if model.view == View::Board && !model.is_listed(&model.selected) {
        model.rearrange();
    }
    // Wherever a key has led to the queries of another recipe, these are asked for; and what was chosen of the board is kept.
    let asked = command.or_else(|| model.ask_queries()).or_else(|| model.ask_compared());
    asked.or_else(|| model.ask_page()).or_else(|| model.ask_log()).or_else(|| model.keep_choice())
}

fn act(model: &mut Model, action: Action) -> Option<Command> {
    model.reply = refusal(model, action);
    if model.reply.is_some() {
        return None;
    }
    match action {
        Action::Quit => model.wish = Wish::Quit,
        Action::Suspend => model.wish = Wish::Suspend,
        Action::Meter => model.meter = if model.meter.is_some() { None } else { Some(Reading::default()) },
        Action::Redraw => model.wish = Wish::Redraw,
        Action::Refresh => {
            model.reply = Some("looking at the files again".to_owned());
            model.album.clear();
            model.whys = Default::default();
            return Some(Command::Refresh);
        }
        Action::Help => model.popup = Some(Popup::Help { scroll: 0 }),
        Action::Back => match model.popup.take() {
            Some(Popup::Why { at, zoomed: true, .. }) => model.popup = Some(Popup::Zoom { at }),
            Some(_) => {}
            None => model.view = View::Board,
        },
        Action::Show(view) => model.view = view,
        Action::NextView => model.view = turned(model.view, 1),
        Action::PreviousView => model.view = turned(model.view, View::ALL.len() - 1),
        Action::Move(motion) => moved(model, motion),
        Action::NextRecipe => match beside(model, 1) {
            Some(name) => model.select_named(name),
            None => model.select(model.index() + 1),
        },
        Action::PreviousRecipe => match beside(model, -1) {
            Some(name) => model.select_named(name),
            None => model.select(model.index().saturating_sub(1)),
        },
        Action::Mark => {
            if !model.marked.remove(&model.selected) {
                model.marked.insert(model.selected.clone());
            }
        }
        Action::ClearMarks => model.marked.clear(),
        Action::Chart(key) => curves::act(model, key),
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
        Action::RunPlace(place) => {
            if let Some(Popup::ChooseRung { recipe }) = model.popup.take() {
                let ladder = model.named(&recipe).map(|recipe| recipe.ladder.clone()).unwrap_or_default();
                let Some(rung) = ladder.get(usize::from(place).saturating_sub(1)).cloned() else {
                    model.reply = Some(format!("{recipe} has {} rungs", ladder.len()));
                    return None;
                };
                model.reply = Some(format!("asked to run {recipe} up to {rung}"));
                return Some(Command::Run { recipe, rung: Some(rung) });
            }
        }
        Action::First => {
            let recipe = model.selected.clone();
            model.reply = Some(format!("asked to take {recipe} next"));
            return Some(Command::First { recipe });
        }
        Action::RunPart | Action::Shift(_) | Action::TakeOut | Action::Pause | Action::LargeLog => {
            return queue::act(model, action);
        }
        Action::Follow => return follow(model),
        Action::Stop => {
            if let Some(Popup::AskStop { recipe }) = model.popup.take() {
                model.reply = Some(format!("asked to stop {recipe}"));
                return Some(Command::Stop { recipe });
            }
        }
        Action::Pin => {
            let recipe = model.selected.clone();
            let pinned = model.snapshot.pin.as_deref() == Some(recipe.as_str());
            model.remember(Done::Pinned { recipe: recipe.clone(), before: model.snapshot.pin.clone() });
            model.reply = Some(match pinned {
                true => format!("asked to take the pin from {recipe}"),
                false => format!("asked to pin {recipe}"),
            });
            return Some(Command::Pin { recipe });
        }
        Action::MarkFinal => {
            let one = model.submission()?;
            let (hash, marked, name) = (one.hash, !one.is_final, one.made.recipe.clone());
            model.remember(Done::Final { hash, was: !marked });
            model.reply = Some(match marked {
                true => format!("asked to mark {name} as final"),
                false => format!("asked to take the final mark off {name}"),
            });
            return Some(Command::Final { hash, marked });
        }
        Action::Lab => {
            let hash = model.submission()?.hash;
            model.popup = Some(Popup::Lab { hash, scroll: 0 });
            return Some(Command::Lab { hash });
        }
        Action::NextName
        | Action::PreviousName
        | Action::Explain
        | Action::OpenEditor
        | Action::Fold
        | Action::FoldAll
        | Action::Change
        | Action::SetValue
        | Action::UndoChange => return page::act(model, action),
        Action::Line(edit) if page::typed(model, edit) => {}
        Action::Type(sign) if page::typed(model, Edit::Insert(sign)) => {}
        Action::Zoom => model.popup = Some(Popup::Zoom { at: 0 }),
        Action::Turn(motion) => {
            let last = view::photos(model).saturating_sub(1);
            match &mut model.popup {
                Some(Popup::Zoom { at }) => *at = target(*at, last, 1, motion),
                // The query itself answers nothing.
                Some(Popup::Why { at, .. }) => *at = target(*at, last, 1, motion).max(1),
                _ => {}
            }
        }
        Action::Why => {
            let (at, zoomed) = match &model.popup {
                Some(Popup::Zoom { at }) => ((*at).max(1), true),
                _ => (1, false),
            };
            model.whys.forget_failures();
            model.popup = Some(Popup::Why { at, lit: true, zoomed });
        }
        Action::Light => {
            if let Some(Popup::Why { lit, .. }) = &mut model.popup {
                *lit = !*lit;
            }
        }
        Action::Lost => {
            let reference = model.compared().into_iter().next();
            model.asking.against = reference.filter(|name| *name != model.selected);
            model.asking.order = Order::Lost;
            model.sort_queries();
            model.view = View::Queries;
        }
        Action::NextOrder => {
            let all = Order::ALL.map(|(order, _)| order);
            let at = all.iter().position(|order| *order == model.asking.order).unwrap_or(0);
            let compares = model.asking.against.is_some();
            let next = all.iter().cycle().skip(at + 1).find(|order| compares || !order.compares());
            model.asking.order = next.copied().unwrap_or_default();
            model.sort_queries();
            model.choose_query(0);
            model.reply = Some(format!("in the order: {}", model.asking.order.name()));
        }
        Action::Against => {
            let all: Vec<Option<String>> = std::iter::once(None).chain(model.others().into_iter().map(Some)).collect();
            let at = all.iter().position(|other| *other == model.asking.against).unwrap_or(0);
            model.asking.against = all[(at + 1) % all.len()].clone();
            model.reply = Some(match &model.asking.against {
                Some(other) => format!("beside {other}"),
                None => "alone".to_owned(),
            });
            if model.asking.against.is_some() && at == 0 {
                model.asking.order = Order::Changed;
            }
        }
        Action::Palette | Action::Do => return palette::act(model, action),
        Action::Type(_) | Action::Line(_) if matches!(model.popup, Some(Popup::Palette { .. })) => {
            return palette::act(model, action);
        }
        Action::Decide(_)
        | Action::AskAll(_)
        | Action::DecideAll
        | Action::Review
        | Action::NextKind
        | Action::PreviousKind
        | Action::Below => return review::act(model, action),
        Action::Undo | Action::AskFilter | Action::Type(_) | Action::Erase | Action::ClearFilter
            if model.view == View::Review =>
        {
            return review::act(model, action);
        }
        Action::Undo
        | Action::AskFilter
        | Action::Type(_)
        | Action::Erase
        | Action::ClearFilter
        | Action::AcceptFilter
        | Action::Line(_)
        | Action::Complete(_)
        | Action::Sort
        | Action::Reverse
        | Action::Columns
        | Action::ToggleColumn
        | Action::SortHere
        | Action::UsualColumns
        | Action::Folds
        | Action::Hide
        | Action::Unhide => return board::act(model, action),
    }
    None
}

/// Beside a comparison of marked recipes: the next one of these, or the one before, around the ends.
fn beside(model: &Model, by: isize) -> Option<String> {
    let compared = model.compared();
    if model.view != View::Compare || model.marked.len() < 2 {
        return None;
    }
    let count = compared.len() as isize;
    let to = match compared.iter().position(|name| *name == model.selected) {
        Some(at) => (at as isize + by).rem_euclid(count),
        None => 0,
    };
    compared.get(to as usize).filter(|name| model.named(name).is_some()).cloned()
}

/// Does what the decider says of the selected recipe.
fn follow(model: &mut Model) -> Option<Command> {
    let recipe = model.recipe()?;
    let (name, running) = (recipe.name.clone(), is_active(recipe.state));
    let advice = recipe.advice.as_ref()?;
    let above = recipe.ladder.iter().skip_while(|rung| **rung != recipe.rung).nth(1).cloned();
    match (advice.advice.as_str(), running, above) {
        ("stop", true, _) => {
            model.reply = Some(format!("asked to stop {name}"));
            Some(Command::Stop { recipe: name })
        }
        ("promote", _, Some(rung)) => {
            model.reply = Some(format!("asked to run {name} up to {rung}"));
            Some(Command::Run { recipe: name, rung: Some(rung) })
        }
        ("go-on", false, _) => {
            model.reply = Some(format!("asked to run {name}"));
            Some(Command::Run { recipe: name, rung: None })
        }
        ("stop", false, _) => {
            model.reply = Some(format!("{name} does not run"));
            None
        }
        ("promote", _, None) => {
            model.reply = Some(format!("{name} is on its highest rung"));
            None
        }
        _ => {
            model.reply = Some(format!("{name} goes on already"));
            None
        }
    }
}

/// Why the action cannot be done now; `None` where it can.
pub fn refusal(model: &Model, action: Action) -> Option<String> {
    match action {
        Action::Suspend if model.options.suspend.is_none() => Some("cannot suspend here".to_owned()),
        Action::Chart(key) => curves::refusal(model, key),
        Action::ClearMarks if model.marked.is_empty() => Some("nothing is marked".to_owned()),
        Action::Show(View::Page | View::Plan | View::Queries | View::Compare)
        | Action::Mark
        | Action::Pin
        | Action::Hide => no_recipe(model),
        Action::Run | Action::ChooseRung => no_recipe(model).or_else(|| cannot_run(model, action)),
        Action::AskStop => no_recipe(model).or_else(|| {
            let recipe = model.recipe()?;
            (!is_active(recipe.state)).then(|| format!("{} does not run: nothing to stop", recipe.name))
        }),
        Action::RunPart => {
            no_recipe(model).or_else(|| cannot_run(model, action)).or_else(|| queue::refusal(model, action))
        }
        Action::Shift(_) | Action::TakeOut | Action::LargeLog => queue::refusal(model, action),
        Action::First => no_recipe(model).or_else(|| {
            let recipe = model.recipe()?;
            (recipe.state != State::Queued).then(|| format!("{} does not wait", recipe.name))
        }),
        Action::Follow => no_recipe(model).or_else(|| {
            let recipe = model.recipe()?;
            if recipe.state == State::Queued {
                return Some(format!("{} waits already", recipe.name));
            }
            recipe.advice.is_none().then(|| format!("nothing is advised for {}", recipe.name))
        }),
        Action::Explain
        | Action::NextName
        | Action::PreviousName
        | Action::OpenEditor
        | Action::Fold
        | Action::FoldAll
        | Action::Change
        | Action::SetValue
        | Action::UndoChange => no_recipe(model).or_else(|| page::refusal(model, action)),
        Action::MarkFinal | Action::Lab => match model.submission() {
            None => Some("no submission yet: toji submit RECIPE makes one".to_owned()),
            Some(one) if action == Action::MarkFinal => too_many_finals(model, one),
            Some(one) if one.public.is_none() => {
                let hash = &one.hash.to_string()[..8];
                Some(format!("{} has no public score yet: toji lb add {hash} NUMBER", one.made.recipe))
            }
            Some(_) => None,
        },
        Action::Lost => no_recipe(model).or_else(|| {
            let first = model.compared().into_iter().next()?;
            (first == model.selected)
                .then(|| format!("{first} is what the others are compared with: ] selects another"))
        }),
        Action::Zoom if model.view == View::Review => {
            model.suspect().is_none().then(|| "no suspect to show".to_owned())
        }
        Action::Why if model.view != View::Queries => {
            Some("a suspect is nobody's answer: 6 shows queries with their answers".to_owned())
        }
        Action::Why if model.query_at(0).is_some() && view::photos(model) < 2 => {
            Some("this query has no answers".to_owned())
        }
        Action::Zoom | Action::NextOrder | Action::Why => {
            model.query_at(0).is_none().then(|| "no queries to show yet".to_owned())
        }
        Action::Against => model
            .others()
            .is_empty()
            .then(|| "no recipe to stand beside: p pins one, space on the board marks one".to_owned()),
        Action::Decide(decision) => review::refusal(model, decision),
        Action::AskAll(decision) => review::refusal_of_all(model, decision),
        Action::Review => no_recipe(model).or_else(|| {
            let broken = model.recipe()?.state == State::Broken;
            broken.then(|| format!("{} has mistakes: its page shows them", model.selected))
        }),
        Action::Sort | Action::Reverse | Action::Columns | Action::Folds | Action::Unhide => {
            board::refusal(model, action)
        }
        Action::Undo | Action::AskFilter if model.view != View::Review => board::refusal(model, action),
        Action::AskFilter if model.listed().is_none() => Some("no suspects to filter".to_owned()),
        Action::NextRecipe | Action::PreviousRecipe if beside(model, 1).is_some() => None,
        Action::NextRecipe if model.index() + 1 >= model.board.listed.len() => {
            Some("this is the last recipe".to_owned())
        }
        Action::PreviousRecipe if model.index() == 0 => Some("this is the first recipe".to_owned()),
        _ => None,
    }
}

/// Why one more cannot be final.
fn too_many_finals(model: &Model, one: &Submission) -> Option<String> {
    let ledger = &model.snapshot.ledger;
    let marked: Vec<&str> =
        ledger.submissions.iter().filter(|one| one.is_final).map(|one| one.made.recipe.as_str()).collect();
    (!one.is_final && marked.len() >= ledger.finals.limit).then(|| {
        format!(
            "{} of {} are final already: {}; m on one takes its mark off",
            marked.len(),
            ledger.finals.limit,
            marked.join(", ")
        )
    })
}

fn no_recipe(model: &Model) -> Option<String> {
    match (model.recipe(), model.loaded) {
        (Some(_), _) => None,
        (None, true) if !model.snapshot.recipes.is_empty() => {
            Some("no recipe is listed: / changes the filter, D brings hidden ones back".to_owned())
        }
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
            Some(problem) if problem.line == 0 => format!("{name} has a mistake: {}", problem.message),
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

/// Moves the selection on board, curves and ledger, the text elsewhere.
fn moved(model: &mut Model, motion: Motion) {
    let screen = view::rows_shown(model).max(1);
    match &mut model.popup {
        Some(Popup::Zoom { at }) => *at = 0,
        Some(Popup::Why { at, .. }) => *at = 1,
        _ => {}
    }
    if board::moved(model, screen, motion) || palette::moved(model, screen, motion) {
        return;
    }
    let last = view::popup_rows(model).saturating_sub(screen);
    if let Some(Popup::Help { scroll } | Popup::Explain { scroll, .. } | Popup::Lab { scroll, .. }) = &mut model.popup {
        *scroll = target(*scroll, last, screen, motion);
        return;
    }
    match model.view {
        View::Board | View::Curves => {
            let last = model.board.listed.len().saturating_sub(1);
            model.select(target(model.index(), last, screen, motion));
        }
        View::Ledger => {
            let all = &model.snapshot.ledger.submissions;
            let to = target(model.submission_index(), all.len().saturating_sub(1), screen, motion);
            model.chosen = all.get(to).map(|one| one.hash);
        }
        View::Queries => {
            let last = model.placed().len().saturating_sub(1);
            model.choose_query(target(model.query_index(), last, screen, motion));
        }
        View::Review => {
            let last = model.suspects().len().saturating_sub(1);
            model.choose_suspect(target(model.suspect_index(), last, screen, motion));
        }
        View::Queue => queue::moved(model, screen, motion),
        View::Page | View::Plan | View::Compare => {
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
