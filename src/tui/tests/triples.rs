//! (where the user is, keys, where the user is then and what was asked for).

use toji::session::command::Command;
use toji::session::snapshot::{Snapshot, State};

use super::sample;
use super::screens::model;
use crate::tui::keys;
use crate::tui::model::{Model, Popup, View, Wish};
use crate::tui::update::update;

/// One line that says where the model is.
pub fn said(model: &Model) -> String {
    let popup = match &model.popup {
        None => String::new(),
        Some(Popup::Help { scroll }) => format!(" help@{scroll}"),
        Some(Popup::Explain { topic, scroll, .. }) => format!(" {topic}@{scroll}"),
        Some(Popup::AskStop { recipe }) => format!(" stop {recipe}?"),
        Some(Popup::ChooseRung { recipe }) => format!(" rung of {recipe}?"),
        Some(Popup::Lab { hash, scroll }) => format!(" lab {}@{scroll}", hash.short()),
        Some(Popup::Zoom { at }) => format!(" photo {at}"),
        Some(Popup::Why { at, lit, .. }) => format!(" why {at}{}", if *lit { " lit" } else { "" }),
        Some(Popup::DecideAll { decision, suspects, left_out, .. }) => {
            format!(" {} {suspects} and not {left_out}?", decision.name())
        }
        Some(Popup::Filter) if model.view == View::Board => format!(" / {}", model.board.line.text()),
        Some(Popup::Filter) => " filter".to_owned(),
        Some(Popup::Change(change)) => format!(" {} {:?}", change.key, change.line.text()),
        Some(Popup::Series) => " series?".to_owned(),
        Some(Popup::Columns { at }) => format!(" column {at}"),
        Some(Popup::Palette { line, at }) => format!(" : {}@{at}", line.text()),
    };
    let marked: String = model.marked.iter().map(|m| format!(" *{m}")).collect();
    let scrolled = if matches!(model.view, View::Page | View::Plan | View::Compare) {
        format!("@{}", model.scrolled())
    } else {
        String::new()
    };
    format!("{:?}{scrolled} {}{popup}{marked}", model.view, model.selected)
}

pub fn typed(snapshot: Snapshot, keys_typed: &str) -> (String, Vec<Command>, Model) {
    let mut model = model(snapshot, (80, 24), "");
    let mut commands = Vec::new();
    for key in keys_typed.split_whitespace() {
        let action =
            keys::action(key, model.place()).unwrap_or_else(|| panic!("{key} means nothing in {:?}", model.place()));
        // Every page that is shown is asked for; see below.
        commands.extend(update(&mut model, action).filter(|command| !matches!(command, Command::Look { .. })));
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
    assert_eq!(at("tab tab tab tab tab tab tab tab tab"), "Board 00-first-pour");
    assert_eq!(at("shift+tab shift+tab shift+tab shift+tab shift+tab shift+tab"), "Plan@0 00-first-pour");
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
    assert_eq!(at("j j enter K"), "Page@0 02-arcface augment@0", "the first that shows");
    assert_eq!(at("j j enter n n n enter"), "Page@0 02-arcface augment.RandomResizedCrop@0");
    assert_eq!(at("j j enter n n N enter esc"), "Page@0 02-arcface");
    let last = at("j j enter n n n n n n n n n n n n K");
    assert!(last.starts_with("Page@") && !last.starts_with("Page@0 "), "{last}");
    assert!(last.ends_with("02-arcface ArcFaceLoss.scale@0"), "{last}");
    assert_eq!(at("j j enter n n n n n n n n n g K"), "Page@0 02-arcface augment@0", "scrolled away, it starts anew");
    assert_eq!(at("j j enter K n n j j n"), "Page@0 02-arcface RandomResizedCrop.scale@0", "an open one goes along");
    assert_eq!(at("j j enter K j j k"), "Page@0 02-arcface augment@0", "a short text does not scroll");
    assert_eq!(refused("j enter K"), "no cell of this page has a name to explain");
    let (_, _, model) = typed(sample::snapshot(), "j j enter n n n n n n n n n K");
    let Some(Popup::Explain { text, .. }) = &model.popup else { panic!("{:?}", model.popup) };
    assert!(text.starts_with("ArcFaceLoss.margin  "), "{text}");
    assert!(text.contains("\nArcFaceLoss (loss)  "), "and of the whole loss:\n{text}");
}

#[test]
fn what_stages_gave_is_asked_for_once_for_each_page_that_is_shown() {
    let mut model = model(sample::snapshot(), (80, 24), "");
    let mut looks = Vec::new();
    for key in ["j", "enter", "j", "j", "]", "j", "]", "esc", "k", "enter"] {
        let action = keys::action(key, model.place()).unwrap();
        if let Some(Command::Look { recipes }) = update(&mut model, action) {
            looks.push((key, recipes.join(" ")));
        }
    }
    let expected =
        [("enter", "01-baseline"), ("]", "02-arcface"), ("]", "03-純米大吟醸-小さな文字"), ("enter", "02-arcface")];
    assert_eq!(looks, expected.map(|(key, name)| (key, name.to_owned())));
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
    assert_eq!(drawn("space c u j"), [1, 2]);
    assert_eq!(drawn("space x j"), [1, 2]);
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
    many.recipes.extend((0..300).map(|i| {
        let mut recipe = like.clone();
        recipe.name = format!("10-more-{i:03}");
        recipe
    }));
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

#[test]
fn queries_are_asked_for_once_and_again_for_another_recipe() {
    let wish = |recipe: &str, against: Option<&str>| Command::Queries {
        recipe: recipe.to_owned(),
        against: against.map(str::to_owned),
    };
    assert_eq!(asked("j j 6 j k o"), [wish("02-arcface", None)]);
    assert_eq!(asked("j j 6 1 6"), [wish("02-arcface", None)]);
    assert_eq!(asked("6 ] ["), [wish("00-first-pour", None), wish("01-baseline", None), wish("00-first-pour", None)]);
    assert_eq!(asked("j j P tab tab"), [wish("02-arcface", None)], "however one comes there");
    // The pin, then what is marked, then alone again.
    let all = ["01-baseline", "00-first-pour"].map(|other| wish("02-arcface", Some(other)));
    assert_eq!(
        asked("space j j 6 v v v"),
        [[wish("02-arcface", None)].to_vec(), all.to_vec(), vec![wish("02-arcface", None)]].concat()
    );
    assert_eq!(asked("j 6 v"), [wish("01-baseline", None)], "nobody stands beside itself");
    // Another recipe stays beside the pin; the pin itself stands alone.
    let pin = || Some("01-baseline");
    assert_eq!(asked("j j 6 v ["), [wish("02-arcface", None), wish("02-arcface", pin()), wish("01-baseline", None)]);
}

#[test]
fn the_chosen_query_stays_when_its_order_or_its_lists_change() {
    let chosen = |model: &Model| model.query_at(model.query_index()).unwrap().photo;
    let (_, _, model) = typed(sample::snapshot(), "j j 6");
    let worst: Vec<u32> = (0..6).map(|i| model.query_at(i).unwrap().photo).collect();
    assert_eq!(worst, [3, 2, 5, 1, 0, 4], "misses, the surer first; then late hits");
    let (_, _, mut model) = typed(sample::snapshot(), "j j 6 j j j v");
    assert!(model.queries().is_none(), "those beside the pin are still to come");
    model.take(crate::tui::Feed::Snapshot(std::sync::Arc::new(sample::compared())));
    assert_eq!(chosen(&model), 1);
    let lost: Vec<Option<f32>> = (0..6).map(|i| model.query_at(i).unwrap().change()).collect();
    let size = |change: &Option<f32>| change.unwrap().abs();
    assert!(
        lost.windows(2).all(|pair| size(&pair[0]) >= size(&pair[1])),
        "beside another, the most changed first: {lost:?}"
    );
    let (_, _, model) = typed(sample::snapshot(), "j j 6 G enter n n n n n n n n");
    assert_eq!(said(&model), "Queries 02-arcface photo 5", "the query and five answers");
    assert_eq!(at("j j 6 enter n p p"), "Queries 02-arcface photo 0");
    let (_, _, model) = typed(sample::snapshot(), "j j 6 enter n n ]");
    assert_eq!(
        (said(&model).as_str(), chosen(&model)),
        ("Queries 02-arcface photo 0", 2),
        "the next query, from its own photo"
    );
    let (_, _, model) = typed(sample::snapshot(), "6 o");
    assert_eq!(model.reply.as_deref(), Some("no queries to show yet"));
}

#[test]
fn suspects_are_decided_one_by_one() {
    let edit = |edits: &[(&str, &str, &str)], by: &str, note: &str| Command::Edit {
        edits: edits
            .iter()
            .map(|(id, action, value)| (id.to_string(), action.to_string(), value.to_string()))
            .collect(),
        by: by.to_owned(),
        note: note.to_owned(),
    };
    let label = "獺祭 純米大吟醸 磨き三割九分";
    let why = format!("3 of 5 neighbours say {label}");
    assert_eq!(asked("j j 7 k"), [edit(&[("000000", "keep", "")], "wrong-label", &why)]);
    assert_eq!(asked("j j 7 d"), [edit(&[("000000", "drop", "")], "wrong-label", &why)]);
    assert_eq!(asked("j j 7 r"), [edit(&[("000000", "relabel", label)], "wrong-label", &why)]);
    assert_eq!(refused("j j 7 c"), "no crop is proposed for 000000");
    assert_eq!(refused("j j 7 g"), "no group is proposed for 000000");
    let small = "the object takes 9 % of the photo";
    assert_eq!(asked("j j 7 ] ] c"), [edit(&[("000800", "crop", "0.31 0.2 0.66 0.8")], "small-object", small)]);
    let group = ["000100", "", "000800"];
    let Command::Edit { edits, by, .. } = &asked("j j 7 ] n g")[0] else { panic!() };
    let ids: Vec<&str> = edits.iter().map(|(id, ..)| id.as_str()).collect();
    assert_eq!((ids[0], ids[2], ids.len(), by.as_str()), (group[0], group[2], 3, "duplicate"));
    assert!(edits.iter().all(|(_, action, value)| action == "group" && value == "copies-1"));
    // The next one is chosen then.
    let photo = |keys: &str| typed(sample::snapshot(), keys).2.suspect().map(|one| one.photo);
    assert_eq!(
        [photo("j j 7"), photo("j j 7 k"), photo("j j 7 k k p"), photo("j j 7 end"), photo("j j 7 a end")],
        [0, 3, 3, 4, 11].map(Some)
    );
    assert_eq!(asked("j j 7 u"), [Command::Undo]);
    assert_eq!(asked("j 7 m"), [Command::Review { recipe: "01-baseline".to_owned() }]);
    assert_eq!(refused("j j j j 7 m"), "04-broken has mistakes: its page shows them");
    assert_eq!(refused("j j 7 ] ] ] d"), "no suspect is chosen");
}

#[test]
fn why_is_asked_of_an_answer_and_leads_back() {
    assert_eq!(at("j j 6 w"), "Queries 02-arcface why 1 lit");
    assert_eq!(at("j j 6 w v"), "Queries 02-arcface why 1");
    assert_eq!(at("j j 6 w n n p p p"), "Queries 02-arcface why 1 lit", "the query itself answers nothing");
    assert_eq!(at("j j 6 w G n"), "Queries 02-arcface why 5 lit");
    assert_eq!(at("j j 6 w G ]"), "Queries 02-arcface why 1 lit", "of the next query the first");
    assert_eq!(at("j j 6 w esc"), "Queries 02-arcface");
    assert_eq!(at("j j 6 enter w w"), "Queries 02-arcface photo 1");
    assert_eq!(at("j j 6 enter n n w n esc"), "Queries 02-arcface photo 3", "back to the photo that was asked about");
    let (_, _, model) = typed(sample::snapshot(), "6 w");
    assert_eq!(model.reply.as_deref(), Some("no queries to show yet"));
    assert_eq!(refused("j j 7 enter w"), "a suspect is nobody's answer: 6 shows queries with their answers");
    // What is asked is named, not numbered: another order of the list asks the same.
    let wish = |keys: &str| typed(sample::snapshot(), keys).2.why_wish();
    let first = wish("j j 6 w n").unwrap();
    assert_eq!((first.recipe.as_str(), first.training.as_str(), first.rank), ("02-arcface", "fold 0", 2));
    assert_eq!(first.id, "x".repeat(300));
    assert_eq!(wish("j j 6"), None);
}

#[test]
fn many_suspects_are_decided_with_a_look_at_what_is_written() {
    assert_eq!(at("j j 7 D"), "Review 02-arcface drop 2 and not 1?", "one is decided");
    assert_eq!(asked("j j 7 D esc"), []);
    let Command::Edit { edits, note, .. } = &asked("j j 7 D enter")[0] else { panic!() };
    assert_eq!((edits.len(), edits[0].0.as_str(), note.as_str()), (2, "000000", "2 at once"));
    assert_eq!(at("j j 7 a D"), "Review 02-arcface drop 3 and not 1?");
    assert_eq!(refused("j j 7 C"), "no crop is proposed for anything that shows and is undecided");
    // What is written is what was shown, whatever the next review finds.
    let (_, _, mut model) = typed(sample::snapshot(), "j j 7 D");
    model.take(crate::tui::Feed::Snapshot(std::sync::Arc::new(sample::empty())));
    let Some(Command::Edit { edits, .. }) = update(&mut model, crate::tui::action::Action::DecideAll) else { panic!() };
    assert_eq!(edits.len(), 2);
}

#[test]
fn a_filter_takes_every_letter_and_shows_what_has_it() {
    let shown = |keys: &str| {
        let (_, _, model) = typed(sample::snapshot(), keys);
        model.suspects().iter().map(|one| one.photo).collect::<Vec<_>>()
    };
    assert_eq!(shown("j j 7 / 獺"), [0]);
    assert_eq!(shown("j j 7 f E V I L"), [3], "small and capital letters are one");
    assert_eq!(shown("j j 7 / q q"), [] as [u32; 0]);
    assert_eq!(shown("j j 7 / q backspace enter"), [0, 3, 4]);
    assert_eq!(shown("j j 7 / 獺 esc"), [0, 3, 4]);
    assert_eq!(at("j j 7 / 獺 enter D"), "Review 02-arcface drop 1 and not 0?");
}

#[test]
fn marked_recipes_are_compared_and_the_pin_is_what_they_are_compared_with() {
    let compare = |keys: &str| {
        asked(keys).into_iter().filter_map(|command| match command {
            Command::Compare { recipes } => Some(recipes.join(" ")),
            _ => None,
        })
    };
    let asked_last = |keys: &str| compare(keys).next_back().unwrap_or_default();
    assert_eq!(asked_last("j j C"), "01-baseline 02-arcface", "the pin and the selected one");
    assert_eq!(asked_last("space j j C"), "00-first-pour 02-arcface", "one marked and the selected one");
    assert_eq!(asked_last("j j space j space k k space 8"), "01-baseline 02-arcface 03-純米大吟醸-小さな文字");
    assert_eq!(compare("j C").count(), 0, "the pin alone");
    assert_eq!(compare("j j C b C").count(), 1, "asked once");
    assert_eq!(
        asked_last("j j C ]"),
        "01-baseline 03-純米大吟醸-小さな文字",
        "beside the pin the selection goes through all"
    );
    assert_eq!(at("space j j space 8 ] ]"), "Compare@0 02-arcface *00-first-pour *02-arcface", "marked ones in turn");
    assert_eq!(at("space j j space 8 enter"), "Queries 02-arcface *00-first-pour *02-arcface");
    let (_, _, model) = typed(sample::snapshot(), "space j j space 8 ] enter");
    assert_eq!(model.view, View::Compare);
    let why = "00-first-pour is what the others are compared with: ] selects another";
    assert_eq!(model.reply.as_deref(), Some(why));
}

/// The queue's chosen job, what was asked for and what was answered.
fn in_queue(snapshot: Snapshot, keys: &str) -> (String, Vec<Command>, String) {
    let (_, commands, model) = typed(snapshot, &format!("9 {keys}"));
    let job = model.job().map(|job| format!("{} {:?}", job.recipe, job.state)).unwrap_or_default();
    let asked = commands.into_iter().filter(|command| !matches!(command, Command::Log { .. })).collect();
    (job, asked, model.reply.unwrap_or_default())
}

#[test]
fn jobs_are_chosen_moved_and_taken_out() {
    let name = |recipe: &str| recipe.to_owned();
    let (job, asked, _) = in_queue(sample::busy(), "j j K");
    assert_eq!(job, "06-swin Waiting");
    assert_eq!(asked, [Command::Shift { recipe: name("06-swin"), up: true }]);
    let (_, asked, _) = in_queue(sample::busy(), "j j j J x t");
    let recipe = || name("01-baseline");
    assert_eq!(
        asked,
        [
            Command::Shift { recipe: recipe(), up: false },
            Command::Stop { recipe: recipe() },
            Command::First { recipe: recipe() }
        ]
    );
    // What runs is stopped by a question, and neither moved nor taken out.
    assert_eq!(in_queue(sample::busy(), "k s y").1, [Command::Stop { recipe: name("02-arcface") }]);
    let (_, asked, said) = in_queue(sample::busy(), "K");
    assert_eq!((asked.len(), said.as_str()), (0, "00-first-pour runs already: s stops it"));
    // What was lost is gone on with.
    let (job, asked, _) = in_queue(sample::busy(), "j j j j j j j j j r");
    assert!(job.starts_with("05-evil") && job.ends_with("Lost"), "{job}");
    assert!(matches!(asked.as_slice(), [Command::Run { recipe, rung: None }] if recipe.starts_with("05-evil")));
    let (_, _, said) = in_queue(sample::snapshot(), "K");
    assert_eq!(said, "nothing runs or waits");
}

#[test]
fn one_key_pauses_and_lets_go_on() {
    assert_eq!(in_queue(sample::busy(), "p").1, [Command::Pause]);
    assert_eq!(in_queue(sample::paused(), "p").1, [Command::Resume]);
}

#[test]
fn the_log_is_that_of_the_chosen_job_and_stands_still_where_it_is_read() {
    let logs = |keys: &str| -> Vec<String> {
        let of = |command| if let Command::Log { recipe } = command { Some(recipe) } else { None };
        typed(sample::busy(), keys).1.into_iter().filter_map(of).collect()
    };
    // The job of the selected recipe, then those that are chosen, each asked for once.
    assert_eq!(logs("j j 9 ? esc"), ["02-arcface"]);
    assert_eq!(logs("9 j j j"), ["00-first-pour", "03-純米大吟醸-小さな文字", "06-swin", "01-baseline"]);
    let back = |keys: &str| typed(sample::busy(), keys).2.queueing.back;
    assert_eq!([back("j j 9"), back("j j 9 pgup pgdn"), back("j j 9 ctrl+u G")], [0, 0, 0]);
    assert!(back("j j 9 pgup") > 0 && back("j j 9 g") > back("j j 9 pgup"));
    assert_eq!(back("j j 9 enter k k"), 2, "large, it moves by lines");
    assert_eq!(back("j j 9 pgup j"), 0, "another job's log is followed");
    // What comes while it is scrolled back does not move it.
    let (_, _, mut model) = typed(sample::busy(), "j j 9 pgup");
    let shown = model.log().lines.clone();
    let mut next = sample::busy();
    let longer = [shown.as_slice(), &["more".to_owned()]].concat();
    next.log =
        std::sync::Arc::new(toji::session::survey::queue::log::Log { lines: longer.clone(), ..(*next.log).clone() });
    model.take(crate::tui::Feed::Snapshot(std::sync::Arc::new(next)));
    assert_eq!(model.log().lines, shown);
    let place = model.place();
    update(&mut model, keys::action("G", place).unwrap());
    assert_eq!(model.log().lines, longer);
}

#[test]
fn the_cheap_part_runs_by_one_key_where_there_is_one() {
    let mut all = sample::snapshot();
    all.recipes.iter_mut().find(|recipe| recipe.name == "02-arcface").unwrap().state = State::Stale;
    let (_, asked, _) = typed(all, "j j P o");
    assert_eq!(asked, [Command::Part { recipe: "02-arcface".to_owned() }]);
    assert_eq!(refused("G P o"), "no step of 06-swin is cheap and waits for nothing dear");
    assert_eq!(refused("P o"), "no step of 00-first-pour is cheap and waits for nothing dear");
    assert_eq!(refused("j j P o"), "02-arcface runs already: s stops it");
}
