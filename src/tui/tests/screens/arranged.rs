//! The board as a user arranges it: filter, order, columns, folds and seeds; the palette.

use super::{LARGE, NARROW, USUAL, model, screen};
use crate::tui::tests::sample;
use crate::tui::{Charset, update};

fn spelt(text: &str) -> String {
    let key = |c: char| if c == ' ' { "space".to_owned() } else { c.to_string() };
    text.chars().map(key).collect::<Vec<_>>().join(" ")
}

#[test]
fn filter_narrow() {
    insta::assert_snapshot!(screen(&model(sample::settled(), NARROW, &format!("/ {}", spelt("loss.margin > ")))), @"");
}

#[test]
fn filter_usual() {
    let keys = format!("j j / {}", spelt("backbone.name = resnet18 and loss.mrgin"));
    insta::assert_snapshot!(screen(&model(sample::settled(), USUAL, &keys)), @"");
}

#[test]
fn completion_usual() {
    let keys = format!("/ {} tab tab", spelt("loss.margin > 20 or backbone.name = "));
    insta::assert_snapshot!(screen(&model(sample::settled(), USUAL, &keys)), @"");
}

#[test]
fn sorted_and_filtered_usual() {
    let keys = format!("j j / {} enter o o o o G d", spelt("score > 0.5"));
    insta::assert_snapshot!(screen(&model(sample::settled(), USUAL, &keys)), @"");
}

#[test]
fn nothing_listed_usual() {
    let keys = format!("/ {} enter", spelt("獺祭-none"));
    insta::assert_snapshot!(screen(&model(sample::settled(), USUAL, &keys)), @"");
}

/// Columns of a user's own: the best point, the one at the same epoch, smoothed, a key.
fn chosen(size: (u16, u16), ascii: bool) -> String {
    let mut model = model(sample::settled(), size, "j j");
    let columns = ["state", "last", "best", "same", "smoothed", "loss", "loss.margin", "cost", "left", "what"];
    model.board.choice.columns = columns.map(str::to_owned).to_vec();
    update::update(&mut model, crate::tui::action::Action::Folds);
    if ascii {
        model.options.charset = Charset::Ascii;
    }
    screen(&model)
}

#[test]
fn columns_and_folds_narrow() {
    insta::assert_snapshot!(chosen(NARROW, false), @"");
}

#[test]
fn columns_and_folds_usual() {
    insta::assert_snapshot!(chosen(USUAL, true), @"");
}

#[test]
fn columns_and_folds_large() {
    insta::assert_snapshot!(chosen(LARGE, false), @"");
}

#[test]
fn picker_usual() {
    insta::assert_snapshot!(screen(&model(sample::settled(), USUAL, "v j j space")), @"");
}

#[test]
fn palette_narrow() {
    insta::assert_snapshot!(screen(&model(sample::settled(), NARROW, &format!(": {}", spelt("run")))), @"");
}

#[test]
fn palette_usual() {
    insta::assert_snapshot!(screen(&model(sample::settled(), USUAL, ": down down")), @"");
}

#[test]
fn the_new_boxes_draw_nothing_but_ascii_where_that_is_all() {
    for keys in [": r u n", "v j", "/ l o s s", "/ (", "f", "o o d"] {
        let mut model = model(sample::settled(), USUAL, keys);
        model.options.charset = Charset::Ascii;
        let text = screen(&model);
        let own: String = text
            .chars()
            .filter(|c| !c.is_ascii() && !"…·→".contains(*c) && toji::base::text::width(&c.to_string()) < 2)
            .collect();
        assert_eq!(own, "", "{keys}:\n{text}");
    }
}
