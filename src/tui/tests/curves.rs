//! Charts driven by keys: what is looked at, what does not move, what a step of the crosshair writes.

use std::sync::Arc;

use toji::session::snapshot::Snapshot;

use super::bytes::Tape;
use super::sample;
use super::screens::model;
use crate::tui::model::curves::Curves;
use crate::tui::model::{Model, View};
use crate::tui::terminal::screen::Screen;
use crate::tui::terminal::taken::Tidy;
use crate::tui::{Feed, keys, update, view};

/// One line that says what is looked at.
fn said(model: &Model) -> String {
    let Curves { chosen, focus, by, log_x, log_y, window, hair, .. } = &model.curves;
    let log = |on: bool| if on { " log" } else { "" };
    let window = window.map(|w| format!(" {:.2}..{:.2}", w.low, w.high)).unwrap_or_default();
    let hair = hair.map(|hair| format!(" +{:.2},{:.2}", hair.x, hair.y)).unwrap_or_default();
    let smooth = if model.curves.weight() > 0.0 { format!(" ~{}", model.curves.weight()) } else { String::new() };
    let up: String = log_y.iter().map(|word| format!(" log {word}")).collect();
    let focus = chosen.get(*focus).copied().unwrap_or("none");
    format!("{} [{focus}] {}{}{window}{hair}{smooth}{up}", chosen.join(" "), by.word(), log(*log_x))
}

fn typed(typed: &str) -> Model {
    let mut model = model(sample::snapshot(), (80, 24), "j j c");
    press(&mut model, typed);
    model
}

fn press(model: &mut Model, typed: &str) {
    for key in typed.split_whitespace() {
        let action =
            keys::action(key, model.place()).unwrap_or_else(|| panic!("{key} means nothing in {:?}", model.place()));
        update::update(model, action);
    }
}

fn at(keys: &str) -> String {
    said(&typed(keys))
}

fn refused(keys: &str) -> String {
    typed(keys).reply.expect("a refusal says why")
}

#[test]
fn charts_are_chosen_by_sets_and_one_by_one() {
    assert_eq!(at(""), "loss score [loss] epoch");
    assert_eq!(at("m"), "loss [loss] epoch");
    assert_eq!(at("m m"), "score [score] epoch");
    assert_eq!(at("m m m"), "loss score lr gradient-norm [loss] epoch");
    assert_eq!(at("m m m m m"), "loss score [loss] epoch");
    let machine = typed("m m m m");
    let shown: Vec<String> = machine.charted().into_iter().map(|series| series.title).collect();
    assert_eq!(shown, ["images per second", "CPU", "memory"], "no recipe here has a card");
    assert_eq!(at("M 7 3 enter"), "loss score lr memory [loss] epoch");
    assert_eq!(at("M 6 1 2 esc m"), "loss score [loss] epoch");
    assert_eq!(refused("M 2 1"), "one chart must stay");
    assert_eq!(at("o"), "loss score [score] epoch");
    assert_eq!(at("o o"), "loss score [loss] epoch");
    assert_eq!(refused("m o"), "there is one chart: m shows others");
}

#[test]
fn axes_turn_and_become_logarithmic() {
    assert_eq!(at("x"), "loss score [loss] step");
    assert_eq!(at("x x"), "loss score [loss] running");
    assert_eq!(at("x x x"), "loss score [loss] wall");
    assert_eq!(at("x x x x"), "loss score [loss] epoch");
    assert_eq!(at("y"), "loss score [loss] epoch log loss");
    assert_eq!(at("y o y o y"), "loss score [loss] epoch log score");
    assert_eq!(at("X"), "loss score [loss] epoch log");
    assert_eq!(refused("x x x X"), "the time of day has no logarithm");
    assert_eq!(at("X x x x"), "loss score [loss] wall", "nor is it left logarithmic");
    assert_eq!(at("l + x"), "loss score [loss] step", "places of one axis mean nothing on another");
    let mut old = sample::snapshot();
    for curve in old.recipes.iter_mut().flat_map(|recipe| &mut recipe.curves) {
        curve.axis = Arc::default();
    }
    let mut old = model(old, (80, 24), "j j c");
    press(&mut old, "x");
    assert_eq!(old.reply.as_deref(), Some("these curves are told by nothing but epochs"));
}

#[test]
fn smoothing_has_two_ends() {
    assert_eq!(at("w w"), "loss score [loss] epoch ~0.6");
    assert_eq!(at("w w W W"), "loss score [loss] epoch");
    assert_eq!(refused("W"), "curves are as they were told: w smooths them");
    assert_eq!(at("w w w w w w"), "loss score [loss] epoch ~0.99");
    assert_eq!(refused("w w w w w w w"), "it cannot be smoother");
}

#[test]
fn the_crosshair_begins_at_the_end_and_moves_by_cells() {
    // 02-arcface has seven epochs of twelve; the plot of the loss is 75 columns wide, so a column is 12/74 epochs.
    assert_eq!(at("l"), "loss score [loss] epoch +7.00,0.50");
    assert_eq!(at("l l"), "loss score [loss] epoch +7.16,0.50");
    assert_eq!(at("h { { { { {"), "loss score [loss] epoch +0.00,0.50", "it stays on the chart");
    assert_eq!(at("l } } } } }"), "loss score [loss] epoch +12.00,0.50");
    assert_eq!(at("l up up down"), "loss score [loss] epoch +7.00,0.70");
    assert_eq!(typed("l up").selected, "02-arcface");
    assert_eq!(typed("up").selected, "01-baseline", "without a crosshair the arrows select");
    assert_eq!(at("l esc"), "loss score [loss] epoch");
    assert_eq!(
        (typed("l esc").view, typed("l esc esc").view, typed("l b").view),
        (View::Curves, View::Board, View::Board)
    );
}

#[test]
fn the_nearest_curve_selects_its_recipe() {
    assert_eq!(refused("n"), "there is no crosshair: l or h sets one");
    // At epoch 7 the pin's loss is the higher one.
    assert_eq!(typed("l up up up up up up up n").selected, "01-baseline");
    assert_eq!(typed("l down down down down down down down n").selected, "02-arcface");
    // Behind the end of 02-arcface there is only the pin.
    assert_eq!(typed("l } } down down down down down down down n").selected, "01-baseline");
    // The other chart is asked where it takes the keys: there the pin is below.
    assert_eq!(typed("l o down down down down down down down n").selected, "01-baseline");
}

#[test]
fn looking_closer_keeps_the_place_and_comes_back() {
    assert_eq!(at("+"), "loss score [loss] epoch 3.00..9.00");
    assert_eq!(at("l +"), "loss score [loss] epoch 3.50..9.50 +7.00,0.50");
    assert_eq!(at("l + + - -"), "loss score [loss] epoch +7.00,0.50");
    assert_eq!(at("+ + 0"), "loss score [loss] epoch");
    assert_eq!(at("+ >"), "loss score [loss] epoch 6.00..12.00", "no further than all");
    assert_eq!(at("+ < <"), "loss score [loss] epoch 0.00..6.00");
    assert_eq!(refused("-"), "all is shown: + looks closer");
    assert_eq!(refused("<"), "all is shown: + looks closer");
    // The crosshair takes what is looked at along.
    let moved = typed("l + } } } } } } }");
    let window = moved.curves.window.unwrap();
    assert!((window.high - 12.0).abs() < 1e-6 && (window.high - window.low - 6.0).abs() < 1e-6, "{window:?}");
    let deep = "+ ".repeat(80);
    assert_eq!(refused(&deep), "it cannot be looked at more closely");
}

/// Points that arrive move nothing of what is looked at closely, to the side or upwards.
#[test]
fn new_points_do_not_move_a_closer_look() {
    let axes = |model: &Model| view::charts(model).iter().map(|chart| (chart.x, chart.y)).collect::<Vec<_>>();
    let later = |snapshot: &mut Snapshot| {
        let curves = &mut snapshot.recipes[2].curves;
        for curve in curves.iter_mut().filter(|curve| curve.series == "loss") {
            curve.points.change().extend([[7.5, 40.0], [8.0, 0.01]]);
        }
    };
    for (keys, moves) in [("", true), ("+", false), ("l + y", false)] {
        let mut model = typed(keys);
        let before = axes(&model);
        let mut next = sample::snapshot();
        later(&mut next);
        model.take(Feed::Snapshot(Arc::new(next)));
        assert_eq!(axes(&model) != before, moves, "{keys}");
    }
}

/// A step of the crosshair writes two columns of dots, the numbers that it reads, and no line anew.
#[test]
fn a_step_of_the_crosshair_writes_little() {
    for (size, most) in [((40, 20), 500), ((80, 24), 600), ((160, 50), 1500)] {
        let mut model = model(sample::snapshot(), size, "j j c l h h");
        let tape = Tape::default();
        let mut screen = Screen::new(tape.clone(), model.size, 0, Tidy::default());
        screen.show(|b| view::draw(&model, b)).unwrap();
        let whole = tape.len();
        press(&mut model, "h");
        screen.show(|b| view::draw(&model, b)).unwrap();
        let step = tape.len() - whole;
        println!("{size:?}: a step of the crosshair writes {step} bytes of {whole}");
        assert!((1..most).contains(&step), "{size:?}: {step} bytes");
    }
}
