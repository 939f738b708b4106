//! (where the user is, keys, where the user is then and what was asked for).

use toji::session::command::Command;
use toji::session::snapshot::{Snapshot, State};

use super::sample;
use super::screens::model;
use crate::tui::keys;
use crate::tui::model::{Model, Popup, View, Wish};
use crate::tui::update::update;

/// One line that says where the model is.
fn said(model: &Model) -> String {
    let popup = match &model.popup {
        None => String::new(),
        Some(Popup::Help { scroll }) => format!(" help@{scroll}"),
        Some(Popup::Explain { topic, scroll, .. }) => format!(" {topic}@{scroll}"),
        Some(Popup::AskStop { recipe }) => format!(" stop {recipe}?"),
        Some(Popup::ChooseRung { recipe }) => format!(" rung of {recipe}?"),
        Some(Popup::Lab { hash, scroll }) => format!(" lab {}@{scroll}", hash.short()),
    };
    let marked: String = model.marked.iter().map(|m| format!(" *{m}")).collect();
    let scrolled =
        if matches!(model.view, View::Page | View::Plan) { format!("@{}", model.scrolled()) } else { String::new() };
    format!("{:?}{scrolled} {}{popup}{marked}", model.view, model.selected)
}

fn typed(snapshot: Snapshot, keys_typed: &str) -> (String, Vec<Command>, Model) {
    let mut model = model(snapshot, (80, 24), "");
    let mut commands = Vec::new();
    for key in keys_typed.split_whitespace() {
        let action =
            keys::action(key, model.place()).unwrap_or_else(|| panic!("{key} means nothing in {:?}", model.place()));
        commands.extend(update(&mut model, action));
    }
    (said(&model), commands, model)
}

fn at(keys: &str) -> String {
    typed(sample::snapshot(), keys).0
}

fn asked(keys: &str) -> Vec<Command> {
    typed(sample::snapshot(), keys).1
}

fn refused(keys: &str) -> String {
    let (_, commands, model) = typed(sample::snapshot(), keys);
    assert!(commands.is_empty(), "{commands:?}");
    model.reply.expect("a refusal says why")
}

#[test]
fn the_board_moves_and_stops_at_its_ends() {
    assert_eq!(at(""), "Board 00-first-pour");
    assert_eq!(at("j down"), "Board 02-arcface");
    assert_eq!(at("j j k"), "Board 01-baseline");
    assert_eq!(at("k k"), "Board 00-first-pour");
    assert_eq!(at("G"), "Board 06-swin");
    assert_eq!(at("G j"), "Board 06-swin");
    assert_eq!(at("G g"), "Board 00-first-pour");
    assert_eq!(at("pgdn"), "Board 06-swin");
}

#[test]
fn views_open_turn_and_lead_back() {
    assert_eq!(at("j enter"), "Page@0 01-baseline");
    assert_eq!(at("j enter esc"), "Board 01-baseline");
    assert_eq!(at("tab tab tab tab tab"), "Board 00-first-pour");
    assert_eq!(at("shift+tab shift+tab"), "Plan@0 00-first-pour");
    assert_eq!(at("c"), "Curves 00-first-pour");
    assert_eq!(at("c b"), "Board 00-first-pour");
    assert_eq!(at("P 3 2"), "Page@0 00-first-pour");
    assert_eq!(at("P ] l right [ h"), "Plan@0 01-baseline");
}

#[test]
fn a_page_scrolls_no_further_than_its_end_and_remembers_where_it_was() {
    let end = at("j j enter G");
    assert_ne!(end, "Page@0 02-arcface");
    assert_eq!(at("j j enter G j ctrl+d pgdn"), end);
    assert_eq!(at("j j enter j j k"), "Page@1 02-arcface");
    assert_eq!(at("j j enter j j ] [ ctrl+u"), "Page@0 02-arcface");
    assert_eq!(at("j j enter j j b enter"), "Page@2 02-arcface");
    assert_eq!(at("j j enter G g"), "Page@0 02-arcface");
}

#[test]
fn the_cursor_goes_from_name_to_name_and_takes_the_page_along() {
    assert_eq!(at("j j enter e"), "Page@0 02-arcface augment@0", "the first that shows");
    assert_eq!(at("j j enter n n n enter"), "Page@0 02-arcface augment.RandomResizedCrop@0");
    assert_eq!(at("j j enter n n N enter esc"), "Page@0 02-arcface");
    let last = at("j j enter n n n n n n n n n n n n e");
    assert!(last.starts_with("Page@") && !last.starts_with("Page@0 "), "{last}");
    assert!(last.ends_with("02-arcface ArcFaceLoss.scale@0"), "{last}");
    assert_eq!(at("j j enter n n n n n n n n n g e"), "Page@0 02-arcface augment@0", "scrolled away, it starts anew");
    assert_eq!(at("j j enter e n n j j n"), "Page@0 02-arcface RandomResizedCrop.scale@0", "an open one goes along");
    assert_eq!(at("j j enter e j j k"), "Page@0 02-arcface augment@0", "a short text does not scroll");
    assert_eq!(refused("j enter e"), "no cell of this page has a name to explain");
    let (_, _, model) = typed(sample::snapshot(), "j j enter n n n n n n n n n e");
    let Some(Popup::Explain { text, .. }) = &model.popup else { panic!("{:?}", model.popup) };
    assert!(text.starts_with("ArcFaceLoss.margin  "), "{text}");
    assert!(text.contains("\nArcFaceLoss (loss)  "), "and of the whole loss:\n{text}");
}

#[test]
fn popups_take_the_keys_first() {
    assert_eq!(at("?"), "Board 00-first-pour help@0");
    assert_eq!(at("? j j k"), "Board 00-first-pour help@1");
    assert_eq!(at("? ?"), "Board 00-first-pour");
    assert_eq!(at("? q"), "Board 00-first-pour");
    assert_eq!(at("j j s"), "Board 02-arcface stop 02-arcface?");
    assert_eq!(at("j j s n"), "Board 02-arcface");
}

#[test]
fn running_asks_for_a_rung_only_when_told_to() {
    let recipe = || "06-swin".to_owned();
    assert_eq!(asked("G r"), [Command::Run { recipe: recipe(), rung: None }]);
    assert_eq!(asked("G R f"), [Command::Run { recipe: recipe(), rung: Some("full".to_owned()) }]);
    assert_eq!(asked("G R esc"), []);
    assert_eq!(asked("P G R s"), [Command::Run { recipe: "00-first-pour".to_owned(), rung: Some("smoke".to_owned()) }]);
}

#[test]
fn stopping_asks_first() {
    assert_eq!(asked("j j s"), []);
    assert_eq!(asked("j j s y"), [Command::Stop { recipe: "02-arcface".to_owned() }]);
    assert_eq!(asked("j j s n"), []);
}

#[test]
fn pin_and_refresh() {
    assert_eq!(asked("p"), [Command::Pin { recipe: "00-first-pour".to_owned() }]);
    assert_eq!(asked("ctrl+r"), [Command::Refresh]);
    let (_, _, model) = typed(sample::snapshot(), "j p");
    assert_eq!(model.reply.as_deref(), Some("asked to take the pin from 01-baseline"));
}

#[test]
fn what_cannot_be_done_says_why() {
    assert_eq!(refused("r"), "nothing to run: every stage of 00-first-pour is in the store (R: another rung)");
    assert_eq!(refused("j j r"), "02-arcface runs already: s stops it");
    assert_eq!(refused("s"), "00-first-pour does not run: nothing to stop");
    assert_eq!(refused("j j j j r"), "04-broken has a mistake in line 6: unknown key `margn` in [loss]");
    assert_eq!(refused("x"), "nothing is marked");
    assert_eq!(refused("ctrl+z"), "cannot suspend here");
    let (_, commands, model) = typed(sample::empty(), "r");
    assert!(commands.is_empty());
    assert_eq!(model.reply.as_deref(), Some("there is no recipe yet: write one into recipes/"));
}

#[test]
fn marks_choose_the_curves() {
    let drawn = |keys: &str| {
        let (_, _, model) = typed(sample::snapshot(), keys);
        model.drawn().iter().map(|(i, _)| *i).collect::<Vec<_>>()
    };
    assert_eq!(drawn(""), [0, 1, 2], "selected, pin, running");
    assert_eq!(drawn("space G space"), [0, 6]);
    assert_eq!(drawn("space space"), [0, 1, 2]);
    assert_eq!(drawn("space c x j"), [1, 2]);
    assert_eq!(at("space j space"), "Board 01-baseline *00-first-pour *01-baseline");
}

#[test]
fn leaving_is_one_key_and_changes_nothing() {
    let (_, commands, model) = typed(sample::snapshot(), "q");
    assert_eq!((commands, model.wish), (Vec::new(), Wish::Quit));
    let farewell = crate::tui::view::farewell(&model);
    assert_eq!(farewell.as_deref(), Some("02-arcface goes on (1 more in the queue); `toji` shows it again."));
    assert_eq!(typed(sample::snapshot(), "? ctrl+c").2.wish, Wish::Quit);
}

#[test]
fn the_selection_holds_when_recipes_come_and_go() {
    let mut model = model(sample::snapshot(), (80, 24), "j j s");
    let mut next = sample::snapshot();
    next.recipes.remove(0);
    next.recipes[1].state = State::Fresh;
    model.take(crate::tui::Feed::Snapshot(std::sync::Arc::new(next.clone())));
    assert_eq!(said(&model), "Board 02-arcface", "the question about an ended run closes");
    next.recipes.remove(1);
    model.take(crate::tui::Feed::Snapshot(std::sync::Arc::new(next.clone())));
    assert_eq!(model.selected, next.recipes[1].name);
    // An editor had moved it away for a moment.
    model.take(crate::tui::Feed::Snapshot(std::sync::Arc::new(sample::snapshot())));
    assert_eq!(said(&model), "Board 02-arcface");
    next.recipes.clear();
    model.take(crate::tui::Feed::Snapshot(std::sync::Arc::new(next)));
    assert_eq!(model.selected, "");
}

#[test]
fn a_long_list_shows_the_selected_recipe_on_every_size() {
    let mut many = sample::snapshot();
    let like = many.recipes[1].clone();
    many.recipes
        .extend((0..300).map(|i| toji::session::snapshot::Recipe { name: format!("10-more-{i:03}"), ..like.clone() }));
    for size in [(40, 20), (80, 24), (160, 50), (80, 7)] {
        let mut model = model(many.clone(), size, "");
        for index in [0, 5, 6, 40, 150, 306] {
            model.select(index);
            let screen = super::screens::screen(&model);
            let cursor =
                screen.lines().find(|l| l.starts_with('❯')).unwrap_or_else(|| panic!("{size:?} {index}:\n{screen}"));
            let start: String = model.selected.chars().take(7).collect();
            assert!(cursor.contains(&start), "{cursor}");
        }
    }
}

#[test]
fn the_ledger_has_a_selection_of_its_own() {
    let chosen = |keys: &str| {
        let (said, _, model) = typed(sample::snapshot(), keys);
        assert!(said.starts_with("Ledger 00-first-pour"), "the board's selection stays: {said}");
        model.submission().unwrap().made.recipe.chars().take(2).collect::<String>()
    };
    assert_eq!(
        (chosen("5"), chosen("L j"), chosen("5 G"), chosen("5 G k g"), chosen("4 tab")),
        ("07".into(), "02".into(), "00".into(), "07".into(), "07".into())
    );
    assert_eq!(at("5 esc"), "Board 00-first-pour");
    // A new submission comes on top; the chosen one stays chosen.
    let (_, _, mut model) = typed(sample::snapshot(), "5 j");
    let mut next = sample::snapshot();
    let mut ledger = (*next.ledger).clone();
    let newest = toji::session::errands::ledger::Submission {
        hash: toji::base::Key::of_bytes(b"new"),
        ..ledger.submissions[0].clone()
    };
    ledger.submissions.insert(0, newest);
    next.ledger = std::sync::Arc::new(ledger);
    model.take(crate::tui::Feed::Snapshot(std::sync::Arc::new(next)));
    assert_eq!((model.submission_index(), model.submission().unwrap().made.recipe.as_str()), (2, "02-arcface"));
}

#[test]
fn finals_are_marked_up_to_the_limit() {
    let hash = |index: usize| sample::snapshot().ledger.submissions[index].hash;
    assert_eq!(asked("5 m"), [Command::Final { hash: hash(0), marked: true }]);
    assert_eq!(asked("5 j m"), [Command::Final { hash: hash(1), marked: false }]);
    let mut full = sample::snapshot();
    let mut ledger = (*full.ledger).clone();
    ledger.submissions[2].is_final = true;
    full.ledger = std::sync::Arc::new(ledger);
    let (_, commands, model) = typed(full.clone(), "5 m");
    assert!(commands.is_empty());
    assert_eq!(
        model.reply.as_deref(),
        Some("2 of 2 are final already: 02-arcface, 03-純米大吟醸-小さな文字; m on one takes its mark off")
    );
    assert_eq!(typed(full, "5 j m").1, [Command::Final { hash: hash(1), marked: false }]);
    let (_, commands, model) = typed(sample::empty(), "5 m");
    assert!(commands.is_empty());
    assert_eq!(model.reply.as_deref(), Some("no submission yet: toji submit RECIPE makes one"));
}

#[test]
fn the_laboratory_is_asked_about_public_scores() {
    let hash = sample::snapshot().ledger.submissions[1].hash;
    let (said, commands, _) = typed(sample::snapshot(), "5 j enter");
    assert_eq!(commands, [Command::Lab { hash }]);
    assert!(said.contains(&format!("lab {}@0", hash.short())), "{said}");
    assert_eq!(at("5 j enter esc"), "Ledger 00-first-pour");
    let refused = refused("5 enter");
    assert!(refused.starts_with("07-dba has no public score yet: toji lb add "), "{refused}");
}
