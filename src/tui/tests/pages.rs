//! A page's keys: folds, the editor, a value changed in place.

use std::path::Path;
use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use toji::session::command::Command;
use toji::session::snapshot::{Answer, Problem, Snapshot};

use super::sample;
use super::screens::{LARGE, NARROW, USUAL, model, screen};
use crate::tui::model::{Model, Popup, Wish};
use crate::tui::{Charset, Colour, Feed, keys, update, view};

/// Types keys, or, behind `:`, the letters of a text.
fn press(model: &mut Model, typed: &str) -> Vec<Command> {
    let mut commands = Vec::new();
    for word in typed.split_whitespace() {
        let names: Vec<String> = match word.strip_prefix(':') {
            Some(text) => text.chars().map(|c| if c == '~' { "space".to_owned() } else { c.to_string() }).collect(),
            None => vec![word.to_owned()],
        };
        for name in names {
            let action = keys::action(&name, model.place()).unwrap_or_else(|| panic!("{name} in {:?}", model.place()));
            commands.extend(update::update(model, action));
        }
    }
    commands
}

/// The page of 02-arcface.
fn page(size: (u16, u16)) -> Model {
    model(sample::snapshot(), size, "j j enter")
}

fn set(number: u64, key: &str, value: &str, seen: Option<&str>) -> Command {
    let (recipe, key, value) = ("02-arcface".to_owned(), key.to_owned(), value.to_owned());
    Command::Set { number, recipe, key, value, seen: seen.map(str::to_owned), add: seen.is_none() }
}

fn answered(model: &mut Model, number: u64, problems: Vec<Problem>) {
    let snapshot = Snapshot { answer: Some(Arc::new(Answer { number, problems })), ..sample::snapshot() };
    model.take(Feed::Snapshot(Arc::new(snapshot)));
}

#[test]
fn a_value_is_typed_checked_and_written() {
    let mut model = page(USUAL);
    assert_eq!(
        press(&mut model, "n n n n n n n n n i backspace backspace :3.5 enter"),
        [set(1, "loss.margin", "223.5", Some("22.9"))]
    );
    assert!(screen(&model).contains("checking the recipe"), "{}", screen(&model));
    assert!(press(&mut model, ":7 enter").is_empty(), "what was sent is not typed over, nor sent twice");
    assert_eq!(model.reply.as_deref(), Some("it is being checked"));
    let problem = Problem {
        file: "recipes/02-arcface.md".into(),
        line: 24,
        column: 10,
        message: "`loss.margin` is 223.5, but must be 0.0 to 180.0 degrees".into(),
        help: None,
    };
    answered(&mut model, 7, Vec::new());
    assert!(model.popup.is_some(), "another's answer is not ours");
    answered(&mut model, 1, vec![problem]);
    insta::assert_snapshot!(screen(&model), @r#"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
     02-arcface  3/7  ▸ running  holdout epoch 7.4/12  1m 32s left  MRR@20 0…   81 %
     18 │ ]
       ✓ data fresh
         1,412 photos of 24 brands; four augmented:
         ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
    ┌ loss.margin ─────────────────────────────────────────────────────────────────┐
    │ > 223.5                                                                      │
    │                                                                              │
    │ Not written:                                                                 │
    │ ! line 24, column 10: `loss.margin` is 223.5, but must be 0.0 to 180.0       │
    │ degrees                                                                      │
    │                                                                              │
    │ enter write       check it and write it into the file; u takes it back       │
    │ esc   leave it    change nothing                                             │
    └──────────────────────────────────────────────────────────────────────────────┘

     22 │ [loss]
     23 │ name = "ArcFaceLoss"
     24 │ margin = 22.9 # degrees
     25 │ scale = 30
       ▸ fit fold 1 running
    it is being checked
    enter write  esc leave it
    "#);
    assert_eq!(press(&mut model, "ctrl+u :20 enter"), [set(2, "loss.margin", "20", Some("22.9"))]);
    answered(&mut model, 2, Vec::new());
    assert!(model.popup.is_none());
    assert_eq!(press(&mut model, "u"), [Command::TakeBack { recipe: "02-arcface".to_owned() }]);
}

#[test]
fn a_table_takes_one_more_key() {
    let mut model = page(USUAL);
    press(&mut model, "n n n n n n n i");
    insta::assert_snapshot!(screen(&model), @r#"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
     02-arcface  3/7  ▸ running  holdout epoch 7.4/12  1m 32s left  MRR@20 0…   77 %
     16 │   { op = "RandomResizedCrop", size = [128, 128], scale = [0.6, 1.0] },
     17 │   { op = "ColorJitter", brightness = 0.2, p = 0.8 }, # light of the shop
     18 │ ]
       ✓ data fresh
    ┌ A key of [loss] ─────────────────────────────────────────────────────────────┐
    │ >                                                                            │
    │                                                                              │
    │ Type key = value, as in the cell. A key that a parent or a default sets is   │
    │ then this recipe's own.                                                      │
    │ [loss]  What the network is asked to do better; decides more than the size   │
    │ of the network                                                               │
    │                                                                              │
    │ enter write       check it and write it into the file; u takes it back       │
    │ esc   leave it    change nothing                                             │
    └──────────────────────────────────────────────────────────────────────────────┘
     A margin in degrees.

     22 │ [loss]
     23 │ name = "ArcFaceLoss"
     24 │ margin = 22.9 # degrees
    02-arcface: saved, only [post] changed
    enter write  esc leave it
    "#);
    assert!(press(&mut model, ":easy enter").is_empty());
    assert!(screen(&model).contains("write it as in the cell: key = value"));
    assert_eq!(press(&mut model, ":_margin~=~true enter"), [set(1, "loss.easy_margin", "true", None)]);
    assert_eq!(press(&mut model, "esc esc"), []);
    assert_eq!(
        screen(&model),
        screen(&super::screens::model(sample::snapshot(), USUAL, "j j")),
        "and nothing is asked"
    );
}

#[test]
fn what_cannot_be_changed_says_why() {
    let mut model = page(USUAL);
    assert!(press(&mut model, "n n i").is_empty());
    assert_eq!(model.reply.as_deref(), Some("augment.train stands on several lines: change a value in it, or press e"));
    let mut empty = super::screens::model(sample::snapshot(), USUAL, "j enter i");
    assert_eq!(empty.reply.take().as_deref(), Some("no cell of this page has a name to change"));
}

#[test]
fn the_box_fits_a_phone_and_ascii() {
    let mut model = page(NARROW);
    press(&mut model, "n n n n n n n n i ctrl+u :獺祭純米大吟醸のとても長い名前の損失関数 left");
    insta::assert_snapshot!(screen(&model), @r#"
    1 2 Page 3 4 5 6 7 8 9  1 busy, 1 queued
    02-arcface  3/7  ▸ running  hold…   80 %
        ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀ ▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀
    ┌ loss.name ───────────────────────────┐
    │ > 米大吟醸のとても長い名前の損失関数 │
    │                                      │
    │ it is "ArcFaceLoss"                  │
    │ ArcFaceLoss (loss)  A classifier     │
    │ over angles in which the right label │
    │ must win by a margin; the field's    │
    │ first choice                         │
    │                                      │
    │ enter write       check it and writ… │
    │ esc   leave it    change nothing     │
    └──────────────────────────────────────┘
    23 │ name = "ArcFaceLoss"
    24 │ margin = 22.9 # degrees
    25 │ scale = 30
    02-arcface: saved, only [post] changed
    enter write esc leave it
    "#);
    model.options.charset = Charset::Ascii;
    assert!(screen(&model).contains("+ loss.name -"), "{}", screen(&model));
}

#[test]
fn pages_fold_by_outputs_cells_and_sections() {
    let mut model = page(USUAL);
    press(&mut model, "n z");
    assert!(screen(&model).contains("+  ✓ data fresh"), "{}", screen(&model));
    press(&mut model, "z");
    assert!(screen(&model).contains("+ [augment] 5 lines  ✓ data fresh"), "{}", screen(&model));
    // The folded cell's names are passed over.
    assert!(press(&mut model, "n K").is_empty());
    assert!(matches!(&model.popup, Some(Popup::Explain { topic, .. }) if topic == "loss"), "{:?}", model.popup);
    press(&mut model, "esc ] [");
    assert!(screen(&model).contains("+ [augment] 5 lines"), "remembered");
    press(&mut model, "Z");
    assert_eq!(model.reply.as_deref(), Some("all outputs are folded; again: all cells"));
    press(&mut model, "Z");
    insta::assert_snapshot!(screen(&model), @"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
     02-arcface  3/7  ▸ running  holdout epoch 7.4/12  1m 32s left  MRR@20 0.7321~
     ▸ training fold 1, 212 images/s

     02 · ArcFace on small print

     Labels differ in small print, so crops stay large and nothing is mirrored. 銘
     柄は小さな文字だけで違うことがある。だから大きく切り取る。

     - RandomResizedCrop keeps 60 % of the area
     - no mirror: text would be wrong

     │ Measured on the shelf of May.

     + [augment] 5 lines  ✓ data fresh

     A margin in degrees.

     + [loss] 4 lines  ▸ fit fold 1 running  ~ score stale  - rank not made yet



    all cells are folded; again: nothing
    K explain  i change  e editor  z fold  n next name  r run  ? help  q quit
    ");
    assert!(press(&mut model, "n").is_empty());
    assert_eq!(model.reply.as_deref(), Some("all names are folded: z and Z unfold"));
    press(&mut model, "Z g z");
    insta::assert_snapshot!(screen(&model), @"
    Board Page Curves Plan Ledger Queries Review Compare Queue      1 busy, 1 queued
     02-arcface  3/7  ▸ running  holdout epoch 7.4/12  1m 32s left  MRR@20 0.7321~
     ▸ training fold 1, 212 images/s

     02 · ArcFace on small print
     + folded: 15 lines, 2 cells
















    02-arcface: saved, only [post] changed
    K explain  i change  e editor  z fold  n next name  r run  ? help  q quit
    ");
    press(&mut model, "z");
    assert_eq!(screen(&model), screen(&page(USUAL)));
    for size in [NARROW, LARGE] {
        let mut model = page(size);
        press(&mut model, "Z Z G");
        assert!(screen(&model).contains("+ [loss] 4 lines"), "{}", screen(&model));
        model.options.charset = Charset::Ascii;
        assert!(screen(&model).contains("+ [loss] 4 lines"));
    }
}

#[test]
fn a_folded_mistake_still_shows() {
    let mut model = model(sample::snapshot(), USUAL, "j j j j enter Z");
    assert!(screen(&model).contains("+ [loss] 3 lines  ! 1 mistake"), "{}", screen(&model));
    press(&mut model, "Z z");
    assert!(screen(&model).contains("+ folded: 3 lines, 1 cell  ! 1 mistake"), "{}", screen(&model));
}

fn works(_: &Path, _: usize) -> Result<(), String> {
    Ok(())
}

#[test]
fn the_editor_opens_at_the_cursors_line() {
    let opened = |recipe: &str, typed: &str| {
        let mut model = model(sample::snapshot(), USUAL, recipe);
        model.options.edit = Some(works);
        press(&mut model, typed);
        assert_eq!(model.wish, Wish::Edit);
        let (file, line) = model.page.opens.take().unwrap();
        (file.to_string_lossy().into_owned(), line)
    };
    let file = || "recipes/02-arcface.md".to_owned();
    assert_eq!(opened("j j enter", "e"), (file(), 1), "what is on top");
    assert_eq!(opened("j j enter", "n n n e"), (file(), 16), "the name's");
    assert_eq!(opened("j j enter", "n n n n n n n n n e"), (file(), 24));
    assert_eq!(opened("j j enter", "j j j j j j j j j j j j e"), (file(), 14), "the cell on top");
    assert_eq!(opened("j j j j enter", "e").1, 6, "the first mistake");
    let mut model = page(USUAL);
    assert!(press(&mut model, "e").is_empty());
    assert_eq!(model.reply.as_deref(), Some("no editor can be opened here"));
}

/// A stand-in for an editor that cannot be used: `Result` is what the loop shows.
pub fn fails(file: &Path, line: usize) -> Result<(), String> {
    Err(format!("the editor \"獺\" ended with exit status: 3 at {}:{line}", file.display()))
}

#[test]
fn ascii_draws_nothing_else_and_without_colours_code_still_has_tones() {
    for typed in ["n z", "n z z", "Z Z", "g z", "n n n n i", "n n n n n n n i", "n n n n i enter"] {
        let mut model = page(USUAL);
        press(&mut model, typed);
        model.options.charset = Charset::Ascii;
        let own: String = screen(&model)
            .chars()
            .filter(|c| !c.is_ascii() && !"…·→".contains(*c) && toji::base::text::width(&c.to_string()) < 2)
            .collect();
        assert_eq!(own, "", "{typed}:\n{}", screen(&model));
    }
    let mut model = page(USUAL);
    press(&mut model, "G");
    model.options.colour = Colour::None;
    let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
    view::draw(&model, &mut buffer);
    let (mut found, reset) = (Vec::new(), Color::Reset);
    for row in buffer.content.chunks(80) {
        assert!(row.iter().all(|cell| cell.fg == reset && cell.bg == reset));
        let text: String = row.iter().map(|cell| cell.symbol()).collect();
        for word in ["[loss]", "\"ArcFaceLoss\"", "# degrees"] {
            if let Some(at) = text.find(word).filter(|_| text.contains(" │ ")) {
                found.push(row[text[..at].chars().count()].modifier);
            }
        }
    }
    assert_eq!(found, [Modifier::BOLD, Modifier::ITALIC, Modifier::DIM]);
}
