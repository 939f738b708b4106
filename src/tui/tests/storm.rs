//! Keys, sizes and snapshots at random: nothing panics, and every screen stays within its terminal.

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use toji::base::Seed;
use toji::session::snapshot::Snapshot;

use super::sample;
use crate::tui::model::Model;
use crate::tui::terminal::way::{Protocol, Way};
use crate::tui::{Charset, Colour, Feed, Options, Theme, keys, update, view};

const KEYS: u64 = 100_000;

/// Sizes of real terminals, and of windows that someone drags.
const SIZES: [(u16, u16); 14] = [
    (80, 24),
    (40, 20),
    (160, 50),
    (200, 60),
    (0, 0),
    (1, 1),
    (2, 7),
    (10, 3),
    (30, 4),
    (59, 11),
    (61, 13),
    (99, 40),
    (300, 5),
    (500, 120),
];

#[test]
fn a_hundred_thousand_keys_in_a_storm_of_sizes_and_snapshots() {
    let snapshots: Vec<Arc<Snapshot>> = [
        sample::snapshot(),
        sample::empty(),
        sample::compared(),
        sample::side_by_side(&["01-baseline", "02-arcface"]),
        sample::side_by_side(&["01-baseline", "00-first-pour", "04-broken"]),
    ]
    .into_iter()
    .map(Arc::new)
    .collect();
    // Each key of the table once, and characters that mean nothing, or stand in a text that is typed.
    let mut names: Vec<String> = keys::BINDINGS.iter().flat_map(|row| row.keys).map(|key| (*key).to_owned()).collect();
    names.sort();
    names.dedup();
    names.retain(|name| !matches!(name.as_str(), "q" | "ctrl+c" | "ctrl+z"));
    names.extend(["酒", "é", "\u{1f376}", "=", "9", "0", "'", "x"].map(str::to_owned));
    let mut draws = Seed::new(8).named("storm").draws();
    let mut model = Model::new(Size::new(80, 24), Options { colour: Colour::True, ..Options::default() });
    model.take(Feed::Snapshot(snapshots[0].clone()));
    for step in 0..KEYS {
        let name = &names[draws.below(names.len() as u64) as usize];
        if let Some(action) = keys::action(name, model.place()) {
            update::update(&mut model, action);
        }
        if draws.below(50) == 0 {
            let (width, height) = SIZES[draws.below(SIZES.len() as u64) as usize];
            model.size = Size::new(width, height);
        }
        if draws.below(400) == 0 {
            model.take(Feed::Snapshot(snapshots[draws.below(snapshots.len() as u64) as usize].clone()));
            model.options.charset = if draws.below(2) == 0 { Charset::Ascii } else { Charset::Unicode };
            model.options.theme = if draws.below(2) == 0 { Theme::ColourBlind } else { Theme::Usual };
            let protocol = [Protocol::Half, Protocol::Kitty, Protocol::Sixel, Protocol::Off][draws.below(4) as usize];
            model.options.way = Way { protocol, ..Way::default() };
        }
        // Large screens cost more than they tell.
        let area = u64::from(model.size.width) * u64::from(model.size.height);
        if step % 3 == 0 && (area < 4_000 || draws.below(40) == 0) {
            let mut buffer = Buffer::empty(Rect::new(0, 0, model.size.width, model.size.height));
            view::wanted(&model);
            view::draw(&model, &mut buffer);
        }
    }
    assert!(model.loaded);
}
