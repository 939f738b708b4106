//! Charts: which, along which axes, how close, and the crosshair over them.
//!
//! A key moves in columns and rows of the charts as they are drawn; what is remembered are numbers of their axes.

use toji::show::curves::axis::{By, Scale};
use toji::show::curves::series::{Series, words};

use crate::tui::action::Motion;
use crate::tui::model::curves::{Chart, Hair, SETS, WEIGHTS};
use crate::tui::model::{Model, Popup, View};
use crate::tui::view;

/// Does what a key on the curves means.
pub fn act(model: &mut Model, key: Chart) {
    match key {
        Chart::NextSet => {
            let now = SETS.iter().position(|(_, words)| *words == model.curves.chosen.as_slice());
            let (name, words) = SETS[now.map_or(0, |now| (now + 1) % SETS.len())];
            model.curves.chosen = words.to_vec();
            model.curves.focus = 0;
            model.reply = Some(name.to_owned());
        }
        Chart::Ask => model.popup = Some(Popup::Series),
        Chart::Pick(number) => pick(model, number),
        Chart::NextOne => {
            let all = model.charted();
            model.curves.focus = (model.curves.focus.min(all.len().saturating_sub(1)) + 1) % all.len().max(1);
            model.reply = all.get(model.curves.focus).map(|series| format!("keys are about {}", series.title));
        }
        Chart::NextAxis => {
            if let Some(by) = next_axis(model) {
                // Places of one axis mean nothing on another.
                (model.curves.by, model.curves.window, model.curves.hair) = (by, None, None);
                model.curves.log_x &= by != By::Wall;
                model.reply = Some(format!("by {}", by.title()));
            }
        }
        Chart::LogX => {
            let log = !model.curves.log_x;
            (model.curves.log_x, model.curves.window) = (log, None);
            // On a logarithmic axis nothing lies at 0.
            model.curves.hair = model.curves.hair.filter(|hair| !log || hair.x > 0.0);
            let kind = if log { "logarithmic" } else { "linear" };
            model.reply = Some(format!("{kind} {}", model.curves.by.title()));
        }
        Chart::LogY => {
            if let Some(series) = focus(model) {
                let linear = model.curves.log_y.remove(series.word);
                if !linear {
                    model.curves.log_y.insert(series.word);
                }
                let kind = if linear { "linear" } else { "logarithmic" };
                model.reply = Some(format!("{kind} {}", series.title));
            }
        }
        Chart::Smoother => smooth(model, model.curves.smooth + 1),
        Chart::Rougher => smooth(model, model.curves.smooth.saturating_sub(1)),
        Chart::Right(columns) => across(model, columns),
        Chart::Up(rows) => up(model, rows),
        Chart::Leave => {
            if model.curves.hair.take().is_none() {
                model.view = View::Board;
            }
        }
        Chart::Nearest => {
            let Some(hair) = model.curves.hair else { return };
            let near = asked(model, |chart| chart.nearest(hair.x, hair.y).map(str::to_owned)).flatten();
            match near.and_then(|name| model.snapshot.recipes.iter().position(|recipe| recipe.name == name)) {
                Some(index) => {
                    model.select(index);
                    model.reply = Some(format!("selected {}", model.selected));
                }
                None => model.reply = Some("no curve of this chart passes the crosshair".to_owned()),
            }
        }
        Chart::Closer => zoom(model, 0.5),
        Chart::Farther => zoom(model, 2.0),
        Chart::All => model.curves.window = None,
        Chart::Pan(halves) => {
            let half = f64::from(halves) / 2.0;
            if let Some(window) = model.curves.window {
                let to = (window.at(half), window.at(1.0 + half));
                model.curves.window = inside(model, to.0, to.1).or(Some(window));
            }
        }
    }
}

/// While a stretch is looked at closely, charts reach as far up as they did after the last key.
pub fn hold(model: &mut Model) {
    model.curves.held.clear();
    if model.view != View::Curves || model.curves.window.is_none() {
        return;
    }
    let held = view::charts(model).iter().filter_map(|chart| Some((chart.series.word, chart.y?))).collect();
    model.curves.held = held;
}

/// Why a key can do nothing now.
pub fn refusal(model: &Model, key: Chart) -> Option<String> {
    let refuse = |why: &str| Some(why.to_owned());
    match key {
        Chart::Smoother if model.curves.smooth + 1 >= WEIGHTS.len() => refuse("it cannot be smoother"),
        Chart::Rougher if model.curves.smooth == 0 => refuse("curves are as they were told: w smooths them"),
        Chart::NextAxis if next_axis(model).is_none() => refuse("these curves are told by nothing but epochs"),
        Chart::LogX if model.curves.by == By::Wall => refuse("the time of day has no logarithm"),
        Chart::Nearest if model.curves.hair.is_none() => refuse("there is no crosshair: l or h sets one"),
        Chart::Farther | Chart::All | Chart::Pan(_) if model.curves.window.is_none() => {
            refuse("all is shown: + looks closer")
        }
        Chart::Right(_) | Chart::Closer | Chart::LogY => (!has_points(model)).then(|| "no points yet".to_owned()),
        Chart::NextOne if model.charted().len() < 2 => refuse("there is one chart: m shows others"),
        _ => None,
    }
}

/// Whether the chart that takes keys has anything to draw. Asked for every frame, so it counts no points.
fn has_points(model: &Model) -> bool {
    let Some(series) = focus(model) else { return false };
    let drawn = model.drawn();
    let mut curves = drawn.iter().flat_map(|(_, recipe)| &recipe.curves);
    curves.any(|curve| curve.series == series.name && !curve.points.is_empty())
}

/// What the chart that takes keys says.
fn asked<T>(model: &Model, ask: impl FnOnce(&view::Charted<'_>) -> T) -> Option<T> {
    let word = focus(model)?.word;
    view::charts(model).iter().find(|chart| chart.series.word == word).map(ask)
}

/// The series of the chart that takes keys.
fn focus(model: &Model) -> Option<Series> {
    let mut all = model.charted();
    let last = all.len().checked_sub(1)?;
    Some(all.swap_remove(model.curves.focus.min(last)))
}

fn pick(model: &mut Model, number: u8) {
    let all = words();
    let Some(&word) = usize::from(number).checked_sub(1).and_then(|i| all.get(i)) else { return };
    if model.curves.chosen == [word] {
        model.reply = Some("one chart must stay".to_owned());
    } else if model.curves.chosen.contains(&word) {
        model.curves.chosen.retain(|chosen| *chosen != word);
    } else {
        model.curves.chosen.push(word);
        model.curves.chosen.sort_by_key(|word| all.iter().position(|own| own == word));
    }
    model.curves.focus = 0;
}

/// The next axis that a curve has places on.
fn next_axis(model: &Model) -> Option<By> {
    let now = By::ALL.iter().position(|by| *by == model.curves.by).unwrap_or(0);
    let drawn = model.drawn();
    let has = |by: &By| {
        let curves = drawn.iter().flat_map(|(_, recipe)| &recipe.curves);
        curves.filter_map(|curve| Some((curve, curve.points.last()?))).any(|(c, p)| by.place(&c.axis, p[0]).is_some())
    };
    By::ALL.into_iter().cycle().skip(now + 1).take(By::ALL.len() - 1).find(has)
}

fn smooth(model: &mut Model, to: usize) {
    model.curves.smooth = to.min(WEIGHTS.len() - 1);
    model.reply = Some(match model.curves.weight() {
        0.0 => "as it was told".to_owned(),
        weight => format!("smoothed {weight}"),
    });
}

/// Moves the crosshair to the side, and what is looked at along with it; the first time it appears at the end of the selected curve.
fn across(model: &mut Model, columns: i8) {
    let selected = model.selected.clone();
    let at = asked(model, |chart| {
        let x = chart.x?;
        let step = 1.0 / f64::from(chart.plot.width.saturating_sub(1).max(1));
        let own = chart.strands.iter().rev().find(|strand| strand.recipe == selected).or(chart.strands.first());
        let end = own.and_then(|strand| strand.points().last()).map(|last| x.share(last[0]).clamp(0.0, 1.0));
        Some((x, step, end.filter(|end| end.is_finite()).unwrap_or(1.0)))
    });
    let Some((x, step, end)) = at.flatten() else { return };
    let Some(hair) = model.curves.hair else {
        model.curves.hair = Some(Hair { x: x.at(end), y: 0.5 });
        return;
    };
    let mut share = x.share(hair.x).clamp(0.0, 1.0) + f64::from(columns) * step;
    if model.curves.window.is_some() && !(0.0..=1.0).contains(&share) {
        let over = if share < 0.0 { share } else { share - 1.0 };
        model.curves.window = inside(model, x.at(over), x.at(1.0 + over)).or(model.curves.window);
        share = share.clamp(0.0, 1.0);
        let x = model.curves.window.unwrap_or(x);
        model.curves.hair = Some(Hair { x: x.at(share), ..hair });
        return;
    }
    model.curves.hair = Some(Hair { x: x.at(share.clamp(0.0, 1.0)), ..hair });
}

/// Moves the crosshair up or down; without one, the selection.
fn up(model: &mut Model, rows: i8) {
    let Some(hair) = model.curves.hair else {
        return super::moved(model, if rows > 0 { Motion::Up } else { Motion::Down });
    };
    let high = asked(model, |chart| chart.plot.height).unwrap_or(1);
    let step = 1.0 / f64::from(high.saturating_sub(1).max(1));
    model.curves.hair = Some(Hair { y: (hair.y + f64::from(rows) * step).clamp(0.0, 1.0), ..hair });
}

/// Looks at `times` as much as now, around the crosshair or the middle.
fn zoom(model: &mut Model, times: f64) {
    let Some(x) = asked(model, |chart| chart.x).flatten() else { return };
    let share = model.curves.hair.map_or(0.5, |hair| x.share(hair.x).clamp(0.0, 1.0));
    let ends = (x.at(share - share * times), x.at(share + (1.0 - share) * times));
    if times > 1.0 {
        model.curves.window = inside(model, ends.0, ends.1).filter(|window| !is_all(model, window));
        return;
    }
    match x.part(share - share * times, share + (1.0 - share) * times) {
        Some(part) => model.curves.window = Some(part),
        None => model.reply = Some("it cannot be looked at more closely".to_owned()),
    }
}

/// The whole axis.
fn all(model: &Model) -> Option<Scale> {
    let mut whole = model.clone();
    whole.curves.window = None;
    asked(&whole, |chart| chart.x).flatten()
}

fn is_all(model: &Model, window: &Scale) -> bool {
    all(model).is_none_or(|all| window.low <= all.low && all.high <= window.high)
}

/// A stretch, moved so that it lies within the whole axis, as long as it is shorter.
fn inside(model: &Model, low: f64, high: f64) -> Option<Scale> {
    let all = all(model)?;
    let (from, to) = (all.share(low), all.share(high));
    // What reaches from end to end but for rounding is all.
    if !from.is_finite() || !to.is_finite() || to - from > 1.0 - 1e-9 {
        return Some(all);
    }
    let over = if from < 0.0 { -from } else { (1.0 - to).min(0.0) };
    all.part(from + over, to + over)
}
