//! The event loop.
//!
//! Takes keys, sizes and feeds from one channel; gives frames and commands. It sleeps until
//! something arrives, takes all that waits (of snapshots only the newest counts), and draws when the
//! model changed and the last frame is long enough ago. No timer runs while nothing changes.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use crossterm::event::{Event as Input, KeyEventKind};
use ratatui::layout::Size;
use toji::session::command::Command;

use super::model::{Model, Wish};
use super::terminal::{self, Screen, Taken};
use super::update::update;
use super::{Feed, Options, keys, view};

/// Whatever wakes the loop.
#[derive(Debug)]
pub enum Event {
    /// A key, a paste, a new size.
    Input(Input),
    /// From the surroundings.
    Feed(Feed),
    /// The feed's sender is gone.
    FeedEnded,
    /// The terminal cannot be read any more.
    InputEnded,
}

/// The shortest time between two frames.
pub fn pause(options: &Options) -> Duration {
    Duration::from_millis(if options.remote { 250 } else { 100 })
}

/// What a loop needs from the terminal beside writing; a test stands in for it.
pub trait Terminal {
    /// Gives the terminal back, stops the process, takes it again; its size then.
    fn suspend(&mut self, stop: fn() -> io::Result<()>) -> io::Result<Size>;
}

struct Own;

impl Terminal for Own {
    fn suspend(&mut self, stop: fn() -> io::Result<()>) -> io::Result<Size> {
        terminal::leave();
        let stopped = stop();
        terminal::enter()?;
        stopped?;
        size()
    }
}

fn size() -> io::Result<Size> {
    crossterm::terminal::size().map(|(width, height)| Size::new(width, height))
}

/// Runs on this process's terminal; see [`super::run`].
pub fn on_this_terminal(feed: Receiver<Feed>, commands: Sender<Command>, options: Options) -> io::Result<()> {
    let (events, waiting) = mpsc::channel();
    let previous = Arc::new(std::panic::take_hook());
    let reports = events.clone();
    std::panic::set_hook(terminal::panic_hook(
        thread::current().id(),
        Arc::clone(&previous),
        terminal::leave,
        move |text| drop(reports.send(Event::Feed(Feed::Say(text)))),
    ));
    let outcome = take_and_run(feed, commands, options, events, &waiting);
    std::panic::set_hook(Box::new(move |info| previous(info)));
    let model = outcome?;
    let mut out = io::stdout();
    if let Some(line) = view::farewell(&model) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn take_and_run(
    feed: Receiver<Feed>,
    commands: Sender<Command>,
    options: Options,
    events: Sender<Event>,
    waiting: &Receiver<Event>,
) -> io::Result<Model> {
    let taken = Taken::take()?;
    let size = size()?;
    let feeds = events.clone();
    thread::Builder::new().name("tui-feed".to_owned()).spawn(move || {
        while let Ok(next) = feed.recv() {
            if feeds.send(Event::Feed(next)).is_err() {
                return;
            }
        }
        let _ = feeds.send(Event::FeedEnded);
    })?;
    // Blocks in the terminal's read; it ends with the process, which the caller is about to leave.
    thread::Builder::new().name("tui-keys".to_owned()).spawn(move || {
        while let Ok(input) = crossterm::event::read() {
            if events.send(Event::Input(input)).is_err() {
                return;
            }
        }
        let _ = events.send(Event::InputEnded);
    })?;
    let mut model = Model::new(size, options);
    let mut screen = Screen::new(io::stdout(), size);
    let outcome = run(&mut model, &mut screen, &mut Own, waiting, &commands);
    drop(taken);
    outcome.map(|()| model)
}

/// Runs until the model wishes to leave or the input ends.
///
/// # Errors
/// Where the terminal cannot be written.
pub fn run<W: Write>(
    model: &mut Model,
    screen: &mut Screen<W>,
    own: &mut impl Terminal,
    events: &Receiver<Event>,
    commands: &Sender<Command>,
) -> io::Result<()> {
    let pause = pause(&model.options);
    let mut dirty = true;
    let mut last_frame: Option<Instant> = None;
    loop {
        let wait = match (dirty, last_frame) {
            (false, _) => None,
            (true, None) => Some(Duration::ZERO),
            (true, Some(last)) => Some(pause.saturating_sub(last.elapsed())),
        };
        let first = match wait {
            None => match events.recv() {
                Ok(event) => Some(event),
                Err(_) => return Ok(()),
            },
            Some(wait) => match events.recv_timeout(wait) {
                Ok(event) => Some(event),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) if dirty => {
                    thread::sleep(wait);
                    None
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            },
        };
        for event in first.into_iter().chain(newest(events)) {
            dirty |= take(model, screen, event, commands);
            match std::mem::take(&mut model.wish) {
                Wish::None => {}
                Wish::Quit => return Ok(()),
                Wish::Redraw => {
                    screen.forget(screen.size());
                    dirty = true;
                }
                Wish::Suspend => {
                    if let Some(stop) = model.options.suspend {
                        model.size = own.suspend(stop)?;
                        screen.forget(model.size);
                        dirty = true;
                    }
                }
            }
        }
        if dirty && last_frame.is_none_or(|last| last.elapsed() >= pause) {
            screen.show(|buffer| view::draw(model, buffer))?;
            dirty = false;
            last_frame = Some(Instant::now());
        }
    }
}

/// All that waits, in order, without the snapshots that a newer one replaces.
fn newest(events: &Receiver<Event>) -> Vec<Event> {
    let all: Vec<Event> = events.try_iter().collect();
    let is_snapshot = |event: &Event| matches!(event, Event::Feed(Feed::Snapshot(_)));
    let last = all.iter().rposition(is_snapshot);
    all.into_iter().enumerate().filter(|(i, event)| Some(*i) == last || !is_snapshot(event)).map(|(_, e)| e).collect()
}

/// Takes one event; whether the screen may look different now.
fn take<W: Write>(model: &mut Model, screen: &mut Screen<W>, event: Event, commands: &Sender<Command>) -> bool {
    match event {
        Event::Input(Input::Key(key)) if key.kind != KeyEventKind::Release => {
            let action = keys::name(&key).and_then(|name| keys::action(&name, model.place()));
            let Some(action) = action else { return false };
            if let Some(command) = update(model, action)
                && commands.send(command).is_err()
            {
                model.reply = Some("nobody takes commands any more: leave with q and start toji again".to_owned());
            }
            true
        }
        Event::Input(Input::Resize(width, height)) => {
            let size = Size::new(width, height);
            if size == model.size && size == screen.size() {
                return false;
            }
            model.size = size;
            screen.forget(size);
            true
        }
        Event::Input(_) => false,
        Event::Feed(feed) => model.take(feed),
        Event::FeedEnded => {
            model.take(Feed::Say("nothing watches the files any more: leave with q and start toji again".to_owned()))
        }
        Event::InputEnded => {
            model.wish = Wish::Quit;
            false
        }
    }
}
