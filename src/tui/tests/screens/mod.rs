//! Whole screens as snapshots at 40×20, 80×24 and 160×50, a file for each view: long, since the screens are.

mod arranged;
mod board;
mod compare;
mod curves;
mod ledger;
mod page;
mod photos;
mod popup;
mod queue;

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use toji::session::snapshot::Snapshot;

use super::sample;
use crate::tui::model::Model;
use crate::tui::{Charset, Colour, Feed, Options, keys, update, view};

/// A model after these keys (names with spaces between).
pub fn model(snapshot: Snapshot, (width, height): (u16, u16), typed: &str) -> Model {
    let options = Options { colour: Colour::True, charset: Charset::Unicode, ..Options::default() };
    let mut model = Model::new(Size::new(width, height), options);
    model.take(Feed::Snapshot(Arc::new(snapshot)));
    for key in typed.split_whitespace() {
        if let Some(action) = keys::action(key, model.place()) {
            update::update(&mut model, action);
        }
    }
    model
}

/// What the model looks like, without colours.
pub fn screen(model: &Model) -> String {
    let mut buffer = Buffer::empty(Rect::new(0, 0, model.size.width, model.size.height));
    view::draw(model, &mut buffer);
    let mut text = String::new();
    for row in buffer.content.chunks(usize::from(model.size.width).max(1)) {
        let mut line = String::new();
        let mut skip = 0;
        for cell in row {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            line.push_str(cell.symbol());
            skip = toji::base::text::width(cell.symbol()).saturating_sub(1);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

pub const NARROW: (u16, u16) = (40, 20);
pub const USUAL: (u16, u16) = (80, 24);
pub const LARGE: (u16, u16) = (160, 50);

#[test]
fn tiny() {
    insta::assert_snapshot!(screen(&model(sample::snapshot(), (10, 3), "")), @r#"
    ❯ 00-f…  ✓
      0.412
    ? help q …
    "#);
}

#[test]
fn ascii_draws_nothing_else() {
    for keys in [
        "j j",
        "j j enter",
        "j j enter G",
        "j j c",
        "j j c m m m l w y",
        "j j c M",
        "j j P",
        "?",
        "j j s",
        "5",
        "5 j enter",
        "j j 6",
        "j j 7",
        "j j 8",
        "9",
    ] {
        let mut model = model(sample::snapshot(), USUAL, keys);
        model.options.charset = Charset::Ascii;
        let text = screen(&model);
        // Names and prose of the files may be Japanese, and a cut is marked by base::text.
        let own: String = text
            .chars()
            .filter(|c| !c.is_ascii() && !"…·→".contains(*c) && toji::base::text::width(&c.to_string()) < 2)
            .collect();
        assert_eq!(own, "", "{keys}:\n{text}");
    }
}

#[test]
fn without_colours_no_cell_has_one() {
    for keys in ["j j", "j j enter G", "j j c", "j j c m m m l w", "j j P", "?", "5", "j j 6", "j j 7", "j j 8", "9"] {
        let mut model = model(sample::snapshot(), USUAL, keys);
        model.options.colour = Colour::None;
        let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
        view::draw(&model, &mut buffer);
        let reset = ratatui::style::Color::Reset;
        assert!(buffer.content.iter().all(|c| c.fg == reset && c.bg == reset), "{keys}");
    }
}
