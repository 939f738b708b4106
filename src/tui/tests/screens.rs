//! Whole screens as snapshots at 40×20, 80×24 and 160×50.

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use toji::session::snapshot::Snapshot;

use super::sample;
use crate::tui::model::Model;
use crate::tui::{Charset, Colour, Feed, Options, keys, update, view};

/// A model after these keys (names with spaces between).
pub fn model(snapshot: Snapshot, (width, height): (u16, u16), typed: &str) -> Model {
    let options = Options { colour: Colour::True, charset: Charset::Unicode, remote: false, suspend: None };
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

const NARROW: (u16, u16) = (40, 20);
const USUAL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (160, 50);

macro_rules! screens {
    ($($name:ident: $snapshot:expr, $size:expr, $keys:expr, @$text:literal;)*) => {
        $(#[test]
        fn $name() {
            insta::assert_snapshot!(screen(&model($snapshot, $size, $keys)), @$text);
        })*
    };
}
