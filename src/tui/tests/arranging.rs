//! Order, columns, filter, hiding, taking back and the palette, by keys.

use std::sync::Arc;

use toji::session::board::choice::Choice;
use toji::session::command::Command;
use toji::session::snapshot::{Snapshot, State};

use super::sample;
use super::triples::{said, typed};
use crate::tui::Feed;
use crate::tui::model::{Model, Wish};

/// A text as the keys that type it.
fn spelt(text: &str) -> String {
    let key = |c: char| if c == ' ' { "space".to_owned() } else { c.to_string() };
    text.chars().map(key).collect::<Vec<_>>().join(" ")
}

/// The listed recipes' numbers, the selected one in brackets.
fn listed(model: &Model) -> String {
    let number = |name: &str| name.chars().take(2).collect::<String>();
    let shown = model.on_board().map(|recipe| match recipe.name == model.selected {
        true => format!("[{}]", number(&recipe.name)),
        false => number(&recipe.name),
    });
    shown.collect::<Vec<_>>().join(" ")
}

fn after(keys: &str) -> Model {
    typed(sample::settled(), keys).2
}

/// The newest choice that was sent to be kept.
fn kept(keys: &str) -> Option<Choice> {
    let mut arranged = typed(sample::settled(), keys).1.into_iter().filter_map(|command| match command {
        Command::Arrange { choice } => Some(choice),
        _ => None,
    });
    arranged.next_back()
}

#[test]
fn sorting_goes_through_the_columns_and_keeps_the_selection() {
    assert_eq!(listed(&after("j j")), "00 01 [02] 03 04 05 06");
    // state, rung, epoch, score, …
    assert_eq!(listed(&after("j j o o o o")), "[02] 03 01 00 04 05 06", "the greatest score first, no score last");
    assert_eq!(listed(&after("j j o o o o O")), "00 01 03 [02] 04 05 06");
    assert_eq!(listed(&after("j j o o o o k")), "[02] 03 01 00 04 05 06", "it is the first now");
    assert_eq!(listed(&after("j j o o o o j")), "02 [03] 01 00 04 05 06");
    assert_eq!(after("o o o o O").reply.as_deref(), Some("by score, least first"));
    assert_eq!(listed(&after("j j o o o o o o o")), "00 01 [02] 03 04 05 06", "and from the start again");
    assert_eq!(kept("o").unwrap().sort, "state");
    assert_eq!(kept("j"), None, "nothing was chosen");
}

#[test]
fn a_filter_holds_while_it_is_typed() {
    let filter = |text: &str| after(&format!("j / {}", spelt(text)));
    assert_eq!(listed(&filter("loss.margin > 20")), "[02] 03", "the selection goes to what is in its place");
    assert_eq!(listed(&filter("backbone.name = swin_tiny")), "[03] 06");
    assert_eq!(listed(&filter("loss.margin < 20")), "00 [01] 06");
    // A slip, or the middle of a word, empties nothing.
    let model = filter("loss.margin > 20 or loss.mrgin");
    assert_eq!(
        (listed(&model).as_str(), said(&model).as_str()),
        // The last that had a meaning was `… or loss`: of every recipe that has one.
        ("[02] 03 04 05", "Board 02-arcface / loss.margin > 20 or loss.mrgin")
    );
    assert!(model.board.mistake.is_some());
    assert_eq!(listed(&after(&format!("j / {} esc", spelt("loss.margin > 20")))), "00 [01] 02 03 04 05 06", "and back");
    let done = format!("j / {} enter", spelt("loss.margin > 20"));
    assert_eq!(after(&done).reply.as_deref(), Some("2 of 7 recipes"));
    assert_eq!(kept(&done).unwrap().filter, "loss.margin > 20");
    assert_eq!(kept(&done.replace(" enter", "")), None, "not before it is done");
    // What is wrong is not done.
    let model = after("/ ( enter");
    assert!(model.popup.is_some());
    assert_eq!(
        model.reply.as_deref(),
        Some("esc takes the filter away; its mistake: a text, or a key with a comparison, is missing here")
    );
    // It is edited at its cursor; ctrl+w takes a word, ctrl+u all.
    assert_eq!(said(&after(&format!("/ {} ctrl+w 2 left left left =", spelt("left < 9")))), "Board  / left =< 2");
    assert_eq!(said(&after("/ a b c left ctrl+u")), "Board 02-arcface / c");
}

#[test]
fn tab_completes_keys_and_values() {
    let line = |keys: &str| after(&format!("/ {keys}")).board.line.text().to_owned();
    assert_eq!(line(&format!("{} tab", spelt("loss.m"))), "loss.margin");
    assert_eq!(line(&format!("{} tab", spelt("loss.margin = "))), "loss.margin = 17.2");
    assert_eq!(line(&format!("{} tab tab tab", spelt("loss.margin = "))), "loss.margin = 28.6");
    assert_eq!(line(&format!("{} tab tab shift+tab", spelt("loss.margin = "))), "loss.margin = 17.2");
    assert_eq!(line(&format!("{} shift+tab tab", spelt("loss.margin = "))), "loss.margin = 17.2", "and round");
    assert_eq!(line(&format!("{} tab space {} tab", spelt("sta"), spelt("= ru"))), "state = running");
    assert_eq!(listed(&after(&format!("/ {} tab", spelt("backbone.name = sw")))), "[03] 06", "what is tried shows");
    assert_eq!(after("/ \" x tab").reply.as_deref(), Some("nothing is known that could come here"));
}

#[test]
fn a_recipe_that_the_filter_takes_away_stays_on_its_page() {
    let (_, _, mut model) = typed(sample::settled(), &format!("/ {} enter enter", spelt("state = running")));
    assert_eq!(said(&model), "Page@0 02-arcface");
    let mut next = sample::settled();
    next.recipes[2].state = State::Fresh;
    next.recipes[3].state = State::Running;
    model.take(Feed::Snapshot(Arc::new(next)));
    assert_eq!((said(&model).as_str(), model.place_in_list().as_str()), ("Page@0 02-arcface", "not listed"));
    crate::tui::update::update(&mut model, crate::tui::action::Action::Back);
    assert_eq!(listed(&model), "[03]");
}

#[test]
fn an_empty_list_says_why_and_does_nothing() {
    let keys = format!("/ {} enter", spelt("loss.margin > 90"));
    let (_, commands, model) = typed(sample::settled(), &format!("{keys} r"));
    assert_eq!(listed(&model), "");
    assert!(commands.iter().all(|command| matches!(command, Command::Arrange { .. })), "{commands:?}");
    assert_eq!(model.reply.as_deref(), Some("no recipe is listed: / changes the filter, D brings hidden ones back"));
    assert_eq!(listed(&after(&format!("j j {keys} / esc"))), "00 01 [02] 03 04 05 06", "the selection comes back, too");
}

#[test]
fn hidden_recipes_are_counted_and_come_back() {
    let model = after("j d d");
    assert_eq!((listed(&model).as_str(), model.hidden()), ("00 [03] 04 05 06", 2));
    assert_eq!(listed(&after("j d d D")), "00 01 02 [03] 04 05 06");
    assert_eq!(listed(&after("j d d u")), "00 02 [03] 04 05 06", "the newest first");
    assert_eq!(listed(&after("j d d D u")), "00 [03] 04 05 06");
    assert_eq!(after("D").reply.as_deref(), Some("nothing is hidden"));
    assert_eq!(kept("j d").unwrap().hidden.into_iter().collect::<Vec<_>>(), ["01-baseline"]);
}

#[test]
fn what_was_pinned_is_taken_back() {
    let asked = |keys: &str| typed(sample::settled(), keys).1;
    let pin = |recipe: &str| Command::Pin { recipe: recipe.to_owned() };
    let pinned = |name: Option<&str>| {
        let pin = name.map(str::to_owned);
        Feed::Snapshot(Arc::new(Snapshot { pin, ..sample::settled() }))
    };
    assert_eq!(asked("p"), [pin("00-first-pour")]);
    assert_eq!(
        after("u").reply.as_deref(),
        Some("nothing to take back: u takes back what was pinned or hidden in this session")
    );
    // 01 was pinned before.
    let (_, _, mut model) = typed(sample::settled(), "p");
    model.take(pinned(Some("00-first-pour")));
    let undo = crate::tui::action::Action::Undo;
    assert_eq!(crate::tui::update::update(&mut model, undo), Some(pin("01-baseline")));
    // Nothing was; and then another pinned something.
    for (now, expected) in [(Some("00-first-pour"), Some(pin("00-first-pour"))), (Some("06-swin"), None), (None, None)]
    {
        let (_, _, mut model) = typed(Snapshot { pin: None, ..sample::settled() }, "p");
        model.take(pinned(now));
        assert_eq!(crate::tui::update::update(&mut model, undo), expected, "{now:?}");
        assert!(model.reply.is_some());
    }
}

#[test]
fn a_final_mark_is_taken_back_on_the_ledger() {
    let hash = |index: usize| sample::snapshot().ledger.submissions[index].hash;
    let (_, commands, mut model) = typed(sample::settled(), "5 j m");
    assert_eq!(commands, [Command::Final { hash: hash(1), marked: false }]);
    let mut next = sample::settled();
    let mut ledger = (*next.ledger).clone();
    ledger.submissions[1].is_final = false;
    next.ledger = Arc::new(ledger);
    model.take(Feed::Snapshot(Arc::new(next)));
    let undo = crate::tui::action::Action::Undo;
    assert_eq!(crate::tui::update::update(&mut model, undo), Some(Command::Final { hash: hash(1), marked: true }));
    let (_, commands, model) = typed(sample::settled(), "5 u");
    assert_eq!((commands.len(), model.reply.is_some()), (0, true));
}

#[test]
fn columns_are_chosen_in_a_list() {
    let columns = |keys: &str| after(keys).board.choice.columns.join(" ");
    assert_eq!(columns("v"), "state rung epoch score delta left what");
    assert_eq!(columns("v space"), "rung epoch score delta left what", "the first is the state");
    assert_eq!(columns("v space space"), "rung epoch score delta left state what", "what it is about stays the last");
    assert_eq!(columns("v space u"), "state rung epoch score delta left what");
    // The keys in which the recipes differ come last.
    assert!(columns("v G space").ends_with("recipe.seed what"), "{}", columns("v G space"));
    let model = after("v G k o");
    assert_eq!(model.reply.as_deref(), Some("by loss.margin, least first"));
    assert_eq!(kept("v space"), None, "not before the list is closed");
    assert_eq!(kept("v space esc").unwrap().columns.len(), 6);
    assert_eq!(said(&after("v j j esc")), "Board 00-first-pour");
}

#[test]
fn what_was_chosen_is_there_at_the_next_start() {
    let choice = Choice { sort: "score".to_owned(), filter: "score > 0.5".to_owned(), ..Choice::default() };
    let snapshot = Snapshot { choice: Arc::new(choice), ..sample::settled() };
    let (_, commands, model) = typed(snapshot, "j");
    assert_eq!((listed(&model).as_str(), commands.len()), ("02 [03] 01", 0));
    // A later snapshot, as another viewer's choice makes none, changes nothing here.
    let (_, _, mut model) = typed(sample::settled(), "o");
    model.take(Feed::Snapshot(Arc::new(sample::settled())));
    assert_eq!(model.board.choice.sort, "state");
}

#[test]
fn the_palette_finds_actions_and_does_them() {
    let asked = |keys: &str| typed(sample::settled(), keys).1;
    assert_eq!(asked(&format!(": {} enter", spelt("look files"))), [Command::Refresh]);
    assert_eq!(
        asked(&format!("G : {} enter", spelt("run it"))),
        [Command::Run { recipe: "06-swin".to_owned(), rung: None }]
    );
    assert_eq!(after(&format!(": {} enter", spelt("leave training"))).wish, Wish::Quit);
    assert_eq!(
        said(&after(&format!(": {} enter", spelt("stop it queue")))),
        "Board 00-first-pour : stop it queue@0",
        "a refused one stays"
    );
    assert_eq!(
        after(&format!(": {} enter", spelt("stop it queue"))).reply.as_deref(),
        Some("00-first-pour does not run: nothing to stop")
    );
    assert_eq!(
        after(&format!(": {} enter", spelt("drop leave photo out"))).reply.as_deref(),
        Some("only on the screen Review: 7 goes there")
    );
    assert_eq!(said(&after(": x down down up esc")), "Board 00-first-pour");
    assert_eq!(said(&after(": z z z z enter")), "Board 00-first-pour : zzzz@0");
    assert_eq!(said(&after(": ?")).split('@').next(), Some("Board 00-first-pour : ?"), "a key is found by its name");
    assert_eq!(said(&after(": ? enter")), "Board 00-first-pour help@0");
}
