//! Pictures by the terminal's graphics, over the whole way from keys to bytes: what is sent and how often, and that a
//! terminal shows the same pixels however it came about.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use ratatui::buffer::Buffer;
use ratatui::layout::Size;
use toji::session::snapshot::{Block, Snapshot};

use super::sample;
use super::screens::model;
use crate::tui::model::Model;
use crate::tui::terminal::graphics::kitty::{self, tests::Memory};
use crate::tui::terminal::graphics::numbers::NUMBERS;
use crate::tui::terminal::graphics::sixel::tests::drawn;
use crate::tui::terminal::graphics::{BUDGET, CAP, Mark};
use crate::tui::terminal::screen::Screen;
use crate::tui::terminal::taken::{self, Tidy};
use crate::tui::{Protocol, Way, keys, update, view};

const CELL: (u16, u16) = (6, 12);

#[derive(Clone, Default)]
struct Tape(Arc<Mutex<Vec<u8>>>);

impl Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A workbench on a terminal that shows pictures by this way.
struct Bench {
    model: Model,
    screen: Screen<Tape>,
    tape: Tape,
    tidy: Tidy,
}

impl Bench {
    fn new(protocol: Protocol, typed: &str) -> Bench {
        let way = Way { protocol, cell: CELL, ..Way::default() };
        let (tape, tidy) = (Tape::default(), Tidy::default());
        let mut model = model(sample::snapshot(), (80, 24), typed);
        model.options.way = way;
        let mut screen = Screen::new(tape.clone(), model.size, 7, tidy.clone());
        screen.change(way);
        Bench { model, screen, tape, tidy }
    }

    fn press(&mut self, typed: &str) -> &mut Bench {
        for key in typed.split_whitespace() {
            if let Some(action) = keys::action(key, self.model.place()) {
                update::update(&mut self.model, action);
            }
        }
        self
    }

    /// The bytes of one frame, and whether more are to come.
    fn frame(&mut self) -> (Vec<u8>, bool) {
        let more = self.screen.show(|buffer| view::draw(&self.model, buffer)).unwrap();
        (std::mem::take(&mut *self.tape.0.lock().unwrap()), more)
    }

    /// The bytes of all frames until nothing is left.
    fn settle(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let (bytes, more) = self.frame();
            all.extend(bytes);
            if !more {
                return all;
            }
        }
    }
}

fn count(bytes: &[u8], what: &str) -> usize {
    bytes.windows(what.len()).filter(|window| *window == what.as_bytes()).count()
}

/// Keys after which pictures are on the screen, some of them cut off by its upper edge.
const TO_PICTURES: &str = "j j enter ctrl+d ctrl+d";

#[test]
fn kitty_gets_each_picture_once_and_cells_that_name_it() {
    let mut bench = Bench::new(Protocol::Kitty, "j j enter ctrl+d");
    let first = bench.settle();
    let mut memory = Memory::default();
    memory.read(&first);
    assert_eq!(memory.kept.len(), 4, "four pictures show");
    // Their pixels are those of the snapshot.
    let Block::Cell { outputs, .. } = bench.model.recipe().unwrap().page.iter().rev().find(|block| {
        matches!(block, Block::Cell { outputs, .. } if outputs.iter().any(|output| !output.pictures[0].is_empty()))
    }).unwrap() else { panic!() };
    let pictures = &outputs.iter().find(|output| !output.pictures[0].is_empty()).unwrap().pictures[0];
    for (picture, (columns, rows, png)) in pictures.iter().zip(memory.kept.values()) {
        let decoded = toji::data::decode::decode_bytes(png, &Default::default()).unwrap();
        assert_eq!(decoded.rgb[..], picture.rgb[..]);
        assert_eq!((*columns, *rows), (16, 8));
    }
    // Moving, covering and uncovering them sends no pixels, and an equal frame nothing at all.
    for keys in ["k", "k", "?", "esc", "j", "1", "enter", "j"] {
        let bytes = bench.press(keys).settle();
        assert_eq!(count(&bytes, "\x1b_G"), 0, "{keys}");
        assert!(bench.settle().is_empty());
    }
    // A new size draws cells again, ctrl+l the pixels too.
    bench.model.size = Size::new(79, 23);
    bench.screen.resize(bench.model.size);
    assert_eq!(count(&bench.settle(), "\x1b_G"), 0);
    bench.screen.renew();
    let again = bench.settle();
    memory.read(&again);
    assert_eq!((memory.kept.len(), count(&again, "a=d")), (4, 4));
    // Leaving takes them out of the terminal's memory.
    let mut bytes = Vec::new();
    taken::write_leave(&mut bytes, &bench.tidy).unwrap();
    memory.read(&bytes);
    assert!(memory.kept.is_empty());
}

#[test]
fn kittys_cells_are_numbered_by_row_and_column() {
    let mut bench = Bench::new(Protocol::Kitty, TO_PICTURES);
    let mut parser = vt100::Parser::new(std::num::NonZero::new(24).unwrap(), std::num::NonZero::new(80).unwrap(), 0);
    parser.process(&bench.settle());
    let mut buffer = Buffer::empty(ratatui::layout::Rect::new(0, 0, 80, 24));
    view::draw(&bench.model, &mut buffer);
    let mut marks = 0;
    for (y, x) in (0..24).flat_map(|y| (0..80).map(move |x| (y, x))) {
        let Some(mark) = Mark::of(&buffer[(x, y)]) else { continue };
        marks += 1;
        let shown = parser.screen().cell(y, x).unwrap();
        let signs: Vec<char> = shown.contents().chars().collect();
        let (row, column) = (usize::from(mark.row), usize::from(mark.column));
        // The third sign is the upper byte of the number, the colour the lower one.
        let expected = [kitty::PLACEHOLDER, NUMBERS[row], NUMBERS[column], NUMBERS[7]];
        assert_eq!(signs, expected, "{x}, {y}");
        assert_eq!(shown.fgcolor(), vt100::Color::Idx(mark.picture), "{x}, {y}");
    }
    assert!(marks > 64, "{marks}");
}

#[test]
fn a_frame_leaves_to_the_next_what_is_too_much() {
    let large = || {
        let mut snapshot: Snapshot = sample::snapshot();
        let big = |seed: u8| toji::session::snapshot::Picture {
            width: 300,
            height: 300,
            rgb: (0..300 * 300 * 3).map(|i: u32| (i / 900) as u8 ^ seed).collect(),
        };
        for block in &mut snapshot.recipes[2].page {
            let Block::Cell { outputs, .. } = block else { continue };
            for pictures in outputs.iter_mut().flat_map(|output| &mut output.pictures).filter(|row| !row.is_empty()) {
                *pictures = (0..8).map(big).collect();
            }
        }
        snapshot
    };
    const { assert!(BUDGET < 8 * 300 * 300) };
    let mut bench = Bench::new(Protocol::Kitty, "");
    bench.model = model(large(), (160, 50), "j j enter");
    bench.model.options.way = bench.screen.way();
    bench.screen.resize(bench.model.size);
    let mut memory = Memory::default();
    let mut frames = 0;
    loop {
        let (bytes, more) = bench.frame();
        let before = memory.kept.len();
        memory.read(&bytes);
        frames += 1;
        assert!(memory.kept.len() > before && bytes.len() < 4 * CAP + 20_000);
        if !more {
            break;
        }
    }
    assert_eq!((frames, memory.kept.len()), (4, 8));
}

/// A terminal with Sixel: pixels that text wipes. Panics on pixels outside of the screen.
#[derive(Default)]
struct Canvas {
    pixels: BTreeMap<(u16, u16), [u8; 3]>,
    at: (u16, u16),
    sixels: usize,
}

impl Canvas {
    fn read(&mut self, bytes: &[u8]) {
        let text = std::str::from_utf8(bytes).unwrap();
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            if let Some(sequence) = rest.strip_prefix("\x1bP") {
                let end = sequence.find("\x1b\\").unwrap() + 4;
                self.draw(&rest.as_bytes()[..end]);
                rest = &rest[end..];
            } else if let Some(sequence) = rest.strip_prefix("\x1b[") {
                let end = sequence.find(|c: char| c.is_ascii_alphabetic()).unwrap();
                match (&sequence[..end], &sequence[end..=end]) {
                    (place, "H") => {
                        let (y, x) = place.split_once(';').unwrap_or(("1", "1"));
                        self.at = (x.parse::<u16>().unwrap() - 1, y.parse::<u16>().unwrap() - 1);
                    }
                    ("2", "J") => self.pixels.clear(),
                    (_, "m" | "h" | "l") => {}
                    other => panic!("{other:?}"),
                }
                rest = &sequence[end + 1..];
            } else {
                let grapheme = &rest[..next.len_utf8()];
                assert!(next != '\x1b' && next != kitty::PLACEHOLDER, "a mark is no text here");
                for _ in 0..toji::base::text::width(grapheme) {
                    let (x, y) = self.at;
                    self.pixels.retain(|(px, py), _| (px / CELL.0, py / CELL.1) != (x, y));
                    self.at.0 += 1;
                }
                rest = &rest[grapheme.len()..];
            }
        }
    }

    fn draw(&mut self, sequence: &[u8]) {
        self.sixels += 1;
        let (width, _, pixels) = drawn(sequence);
        for (i, pixel) in pixels.iter().enumerate() {
            let Some(pixel) = pixel else { continue };
            let (x, y) = (self.at.0 * CELL.0 + (i % width) as u16, self.at.1 * CELL.1 + (i / width) as u16);
            assert!(x < 80 * CELL.0 && y < 24 * CELL.1);
            self.pixels.insert((x, y), *pixel);
        }
    }
}

#[test]
fn sixel_shows_the_same_however_it_came_about() {
    let mut bench = Bench::new(Protocol::Sixel, TO_PICTURES);
    let mut canvas = Canvas::default();
    canvas.read(&bench.settle());
    assert!(canvas.pixels.len() > 1_000 && canvas.sixels >= 1);
    assert!(bench.settle().is_empty(), "an equal frame writes nothing");
    let moves = [
        "j", "k", "k", "?", "j", "esc", "e", "esc", "s", "n", "ctrl+d", "ctrl+u", "G", "k", "k", "k", "1", "enter", "n",
    ];
    let mut state = 5_usize;
    for step in 0..200 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        canvas.read(&bench.press(moves[(state >> 33) % moves.len()]).settle());
        if step % 10 > 0 {
            continue;
        }
        let mut fresh = Bench::new(Protocol::Sixel, "");
        fresh.model = bench.model.clone();
        let mut expected = Canvas::default();
        expected.read(&fresh.settle());
        assert!(canvas.pixels.keys().eq(expected.pixels.keys()), "step {step}: other pixels are drawn");
        // Palettes differ with what is drawn at once.
        let distance = |(place, pixel): (&(u16, u16), &[u8; 3])| {
            pixel.iter().zip(expected.pixels[place]).map(|(a, b)| u32::from(a.abs_diff(b))).max().unwrap()
        };
        let distances: Vec<u32> = canvas.pixels.iter().map(distance).collect();
        let mean = f64::from(distances.iter().sum::<u32>()) / distances.len().max(1) as f64;
        assert!(distances.iter().all(|d| *d <= 40) && mean < 4.0, "step {step}: {mean} {:?}", distances.iter().max());
    }
}

#[test]
fn what_a_popup_uncovers_is_drawn_and_nothing_else() {
    for (protocol, opens) in [(Protocol::Sixel, "\x1bP0;1;0q"), (Protocol::Iterm2, "\x1b]1337;File=")] {
        let mut bench = Bench::new(protocol, "j j enter ctrl+d");
        let whole = bench.settle();
        assert!(count(&whole, opens) >= 1);
        let covered = bench.press("s").settle();
        assert_eq!(count(&covered, opens), 0, "a popup only wipes");
        let uncovered = bench.press("n").settle();
        assert!(
            count(&uncovered, opens) >= 1 && uncovered.len() < whole.len(),
            "{} of {}",
            uncovered.len(),
            whole.len()
        );
        assert!(bench.settle().is_empty());
    }
}

/// Prints what eight sample photos cost: `cargo test --release --bin toji what_pictures_cost -- --ignored --nocapture`.
#[test]
#[ignore = "prints figures"]
fn what_pictures_cost() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample/images");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let photos = files.iter().step_by(files.len() / 8).take(8).map(|file| {
        let photo = toji::data::decode::decode(file, &Default::default()).unwrap();
        let photo = toji::session::errands::looking::samples::shrunk(photo, 128);
        toji::session::snapshot::Picture { width: photo.width, height: photo.height, rgb: photo.rgb.into() }
    });
    let photos: Vec<_> = photos.collect();
    println!("photos of {} × {} pixels and alike", photos[0].width, photos[0].height);
    let mut snapshot: Snapshot = sample::snapshot();
    for block in &mut snapshot.recipes[2].page {
        let Block::Cell { outputs, .. } = block else { continue };
        for row in outputs.iter_mut().flat_map(|o| &mut o.pictures).filter(|row| !row.is_empty()) {
            *row = photos.clone();
        }
    }
    let ways = [(Protocol::Kitty, 256), (Protocol::Iterm2, 256), (Protocol::Half, 256)];
    let sixels = [256, 128, 64, 16].map(|colours| (Protocol::Sixel, colours));
    for (protocol, colours) in ways.into_iter().chain(sixels) {
        let (mut least, mut bytes, mut scroll) = (Vec::<f64>::new(), 0, 0);
        for _ in 0..9 {
            let mut bench = Bench::new(protocol, "");
            bench.model = model(snapshot.clone(), (160, 34), "j j enter");
            let cell = if protocol == Protocol::Half { (1, 2) } else { (10, 20) };
            let way = Way { protocol, cell, colours, ..Way::default() };
            bench.screen.change(way);
            bench.model.options.way = way;
            bench.screen.resize(bench.model.size);
            let (mut frames, mut all) = (Vec::new(), 0);
            loop {
                let begun = std::time::Instant::now();
                let (written, more) = bench.frame();
                frames.push(begun.elapsed().as_secs_f64() * 1e3);
                all += written.len();
                if !more {
                    break;
                }
            }
            scroll = bench.press("j").settle().len();
            // The least of each frame: others use the machine too.
            least.resize(frames.len(), f64::MAX);
            least.iter_mut().zip(&frames).for_each(|(least, ms)| *least = least.min(*ms));
            bytes = all;
        }
        let each: Vec<String> = least.iter().map(|ms| format!("{ms:.1}")).collect();
        let (protocol, each) = (protocol.name(), each.join(", "));
        println!(
            "{protocol} {colours}: {} bytes a photo, frames of {each} ms; a row further {}",
            bytes / 8,
            scroll / 8
        );
    }
}

#[test]
fn without_pictures_the_page_counts_them() {
    let bench = Bench::new(Protocol::Off, "j j enter ctrl+d");
    let text = super::screens::screen(&bench.model);
    assert!(text.contains("4 pictures, not shown") && !text.contains('▀'), "{text}");
}
