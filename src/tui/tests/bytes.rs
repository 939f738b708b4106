//! What reaches the terminal: nothing when nothing changed, never more than what changed, and always
//! what the views drew, also after thousands of random keys and sizes.

use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use crossterm::event::Event as Input;
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use toji::base::Time;
use toji::session::command::Command;
use toji::session::snapshot::Snapshot;

use super::press;
use super::sample;
use super::screens::model;
use crate::tui::drive::{self, Event, Terminal};
use crate::tui::model::Model;
use crate::tui::terminal::screen::Screen;
use crate::tui::terminal::taken::Tidy;
use crate::tui::{Charset, Colour, Editor, Feed, Options, Out, keys, update, view};

/// A terminal that remembers.
#[derive(Clone, Default)]
pub(super) struct Tape(Arc<Mutex<Vec<u8>>>);

impl Tape {
    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct NoTerminal;

impl Terminal for NoTerminal {
    fn suspend(&mut self, stop: fn() -> io::Result<()>) -> io::Result<Size> {
        stop()?;
        Ok(Size::new(80, 24))
    }

    fn edit(&mut self, editor: Editor, file: &Path, line: usize) -> io::Result<(Size, Result<(), String>)> {
        Ok((Size::new(80, 24), editor(file, line)))
    }
}

/// Runs the real loop over these events until `q`; the bytes of each stretch between `marks`.
fn driven(events: Vec<Event>) -> (Tape, Model, Vec<toji::session::command::Command>) {
    let (sender, receiver) = mpsc::channel();
    let (commands, asked) = mpsc::channel();
    let (wishes, _wished) = mpsc::channel();
    let (whys, _whys_asked) = mpsc::channel();
    let out = Out { commands, wishes, whys };
    for event in events {
        sender.send(event).unwrap();
    }
    drop(sender);
    let tape = Tape::default();
    let mut model = Model::new(Size::new(80, 24), Options::default());
    let mut screen = Screen::new(tape.clone(), Size::new(80, 24), 0, Tidy::default());
    drive::run(&mut model, &mut screen, &mut NoTerminal, &receiver, &out).unwrap();
    drop(out);
    (tape, model, asked.iter().collect())
}

fn snapshot(snapshot: Snapshot) -> Event {
    Event::Feed(Feed::Snapshot(Arc::new(snapshot)))
}

fn key(name: &str) -> Event {
    Event::Input(Input::Key(press(name)))
}

#[test]
fn an_equal_snapshot_writes_nothing() {
    // The failed recipe's curve holds a NaN, which equals nothing: such a snapshot is drawn, and still writes nothing.
    let with_nan = sample::snapshot();
    let mut without = with_nan.clone();
    without.recipes.retain(|r| r.state != toji::session::snapshot::State::Failed);
    // One that is handed on is equal to itself without being looked at.
    for (snapshot, next, draws) in [
        (with_nan.clone(), sample::snapshot(), true),
        (with_nan.clone(), with_nan, false),
        (without.clone(), without, false),
    ] {
        let tape = Tape::default();
        let mut model = model(snapshot.clone(), (80, 24), "");
        let mut screen = Screen::new(tape.clone(), model.size, 0, Tidy::default());
        screen.show(|b| view::draw(&model, b)).unwrap();
        let first = tape.len();
        assert!(first > 1_000);
        assert_eq!(model.take(Feed::Snapshot(Arc::new(next))), draws);
        screen.show(|b| view::draw(&model, b)).unwrap();
        // A snapshot of a later moment in which nothing changed draws the same screen.
        model.take(Feed::Snapshot(Arc::new(Snapshot { at: Time(99.0), ..snapshot })));
        screen.show(|b| view::draw(&model, b)).unwrap();
        assert_eq!(tape.len(), first);
    }
}

#[test]
fn a_step_of_training_writes_little() {
    let tape = Tape::default();
    let mut model = model(sample::snapshot(), (160, 50), "");
    let mut screen = Screen::new(tape.clone(), model.size, 0, Tidy::default());
    screen.show(|b| view::draw(&model, b)).unwrap();
    let first = tape.len();
    let mut next = sample::snapshot();
    next.recipes[2].epoch = Some((7.5, 12.0));
    next.recipes[2].seconds_left = Some(90.0);
    model.take(Feed::Snapshot(Arc::new(next)));
    screen.show(|b| view::draw(&model, b)).unwrap();
    let step = tape.len() - first;
    assert!((1..200).contains(&step), "{step} bytes");
}

#[test]
fn the_loop_runs_keys_and_draws_the_newest_snapshot() {
    let events = vec![
        snapshot(Snapshot::default()),
        snapshot(sample::empty()),
        snapshot(sample::snapshot()),
        key("G"),
        key("r"),
    ];
    let (tape, model, asked) = driven(events);
    assert_eq!(model.selected, "06-swin");
    assert_eq!(asked, [toji::session::command::Command::Run { recipe: "06-swin".into(), rung: None }]);
    let text = String::from_utf8(tape.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("asked to run 06-swin"));
    assert!(!text.contains("No recipe yet"), "snapshots that a newer one replaced are never drawn");
}

#[test]
fn leaving_ends_the_loop() {
    let (_, model, _) = driven(vec![snapshot(sample::snapshot()), key("q"), key("G")]);
    assert_eq!(model.selected, "00-first-pour", "what comes after q is not looked at");
    let (_, model, _) = driven(vec![Event::Feed(Feed::Quit), key("?")]);
    assert!(model.popup.is_none());
}

#[test]
fn an_editor_has_the_terminal_and_the_screen_comes_back() {
    let (sender, receiver) = mpsc::channel();
    let (commands, _asked) = mpsc::channel();
    let (wishes, _wished) = mpsc::channel();
    for event in [snapshot(sample::snapshot()), key("j"), key("j"), key("enter"), key("e")] {
        sender.send(event).unwrap();
    }
    // The reader waits until what it read was taken, and so until the editor has ended.
    let (taken, wait) = mpsc::sync_channel(0);
    sender.send(Event::Read(taken)).unwrap();
    drop(sender);
    let tape = Tape::default();
    let options = Options { edit: Some(super::pages::fails), ..Options::default() };
    let mut model = Model::new(Size::new(80, 24), options);
    let mut screen = Screen::new(tape.clone(), Size::new(80, 24), 0, Tidy::default());
    drive::run(&mut model, &mut screen, &mut NoTerminal, &receiver, &Out { commands, wishes, whys: mpsc::channel().0 })
        .unwrap();
    assert!(wait.recv().is_err(), "let go without a word");
    let text = String::from_utf8(tape.0.lock().unwrap().clone()).unwrap();
    let shown = text.rsplit("\x1b[2J").next().unwrap();
    assert!(shown.contains("ArcFace"), "all is drawn anew: {shown:?}");
    assert!(shown.contains("ended with exit status: 3 at recipes/02-arcface.md:1"), "{shown:?}");
}

#[test]
fn pasted_text_is_typed_where_text_is_typed_and_nowhere_else() {
    let paste = |text: &str| Event::Paste(text.to_owned());
    let keys = ["j", "j", "enter", "n", "n", "n", "n", "i"].map(key);
    let events = [snapshot(sample::snapshot()), paste("qqG\x1b[2J")].into_iter().chain(keys);
    let (_, model, asked) = driven(events.chain([key("ctrl+u"), paste("[0.5,\r\n 1.0]\x1b"), key("enter")]).collect());
    let Some(crate::tui::model::Popup::Change(change)) = &model.popup else { panic!("{:?}", model.popup) };
    assert_eq!(change.line.text(), "[0.5,   1.0]");
    let asked: Vec<_> = asked.into_iter().filter(|asked| !matches!(asked, Command::Look { .. })).collect();
    let [Command::Set { key, value, .. }] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!((key.as_str(), value.as_str()), ("augment.train[0].scale", "[0.5,   1.0]"));
}

#[test]
fn a_lost_watcher_is_told() {
    let (tape, _, _) = driven(vec![snapshot(sample::snapshot()), Event::FeedEnded]);
    assert!(String::from_utf8_lossy(&tape.0.lock().unwrap()).contains("nothing watches the files"));
}

/// A small generator (Knuth's MMIX constants): tests need no other randomness.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }
}

/// 20,000 keys over changing snapshots, sizes, colours and character sets: nothing panics, and no
/// text of a file reaches the buffer with a control character.
#[test]
fn random_keys_and_sizes_never_panic() {
    let names: Vec<&str> = keys::BINDINGS.iter().flat_map(|b| b.keys.iter().copied()).collect();
    let snapshots = [sample::snapshot(), sample::empty(), sample::planning(), Snapshot::default()].map(Arc::new);
    let sizes = [(1, 1), (10, 3), (40, 20), (80, 24), (160, 50), (3, 60), (200, 2), (0, 0), (25, 9)];
    let mut random = Random(7);
    let mut model = Model::new(Size::new(80, 24), Options::default());
    for i in 0..20_000 {
        match random.below(40) {
            0 => drop(model.take(Feed::Snapshot(Arc::clone(&snapshots[random.below(4)])))),
            1 => {
                let (width, height) = sizes[random.below(sizes.len())];
                model.size = Size::new(width, height);
            }
            2 => model.size = Size::new(random.below(90) as u16, random.below(40) as u16),
            3 => {
                model.options.colour = [Colour::None, Colour::Sixteen, Colour::Indexed, Colour::True][random.below(4)];
                model.options.charset = [Charset::Unicode, Charset::Ascii][random.below(2)];
            }
            4 if i % 2 == 0 => drop(model.take(Feed::Snapshot(Arc::clone(&snapshots[0])))),
            _ => {
                let name = names[random.below(names.len())];
                if let Some(action) = keys::action(name, model.place()) {
                    update::update(&mut model, action);
                }
            }
        }
        // Drawing is the dear part: every key is taken, every fourth state drawn.
        if i % 4 == 0 {
            let mut buffer = Buffer::empty(Rect::new(0, 0, model.size.width, model.size.height));
            view::draw(&model, &mut buffer);
            for cell in &buffer.content {
                assert!(!cell.symbol().contains(|c: char| c.is_control() || c == '\u{202e}'), "{:?}", cell.symbol());
            }
        }
    }
}

/// What the bytes make of a terminal equals what was drawn, however it came about.
#[test]
fn the_terminal_shows_what_was_drawn() {
    let names: Vec<&str> = keys::BINDINGS.iter().flat_map(|b| b.keys.iter().copied()).collect();
    let size = Size::new(80, 24);
    let tape = Tape::default();
    let mut screen = Screen::new(tape.clone(), size, 0, Tidy::default());
    let mut parser = vt100::Parser::new(std::num::NonZero::new(24).unwrap(), std::num::NonZero::new(80).unwrap(), 0);
    let mut model = model(sample::snapshot(), (80, 24), "");
    let mut random = Random(11);
    for _ in 0..400 {
        if let Some(action) = keys::action(names[random.below(names.len())], model.place()) {
            update::update(&mut model, action);
        }
        screen.show(|b| view::draw(&model, b)).unwrap();
        parser.process(&std::mem::take(&mut *tape.0.lock().unwrap()));
        let drawn = super::screens::screen(&model);
        let shown: String = parser.screen().rows(0, 80).map(|row| format!("{}\n", row.trim_end())).collect();
        assert_eq!(shown, drawn);
    }
}
