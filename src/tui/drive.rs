//! The event loop.
//!
//! Takes keys, sizes, the terminal's answers and feeds from one channel; gives frames and commands. It sleeps until
//! something arrives, takes all that waits (of snapshots only the newest counts), and draws when the
//! model changed and the last frame is long enough ago, or at once where that frame had no room for all pictures.
//! No timer runs while nothing changes.

use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossterm::event::{Event as Input, KeyEventKind};
use ratatui::layout::Size;
use toji::session::snapshot::Snapshot;

use super::action::Action;
use super::model::{Model, Wish};
use super::terminal::ask::{self, Answer, Answers};
use super::terminal::meter::Meter;
use super::terminal::reader;
use super::terminal::screen::Screen;
use super::terminal::taken::{self, Taken, Tidy};
use super::update::update;
use super::{Editor, Feed, Options, Out, Start, keys, view};

/// Whatever wakes the loop.
#[derive(Debug)]
pub enum Event {
    /// A key, a new size.
    Input(Input),
    /// What the terminal answered, and when that was read.
    Answer(Answer, Instant),
    /// All that was read at once has come before this; who drops it lets the reader read on. So nobody reads while an editor has the
    /// terminal, and no key that is meant for it is lost.
    Read(mpsc::SyncSender<()>),
    /// Text that was pasted.
    Paste(String),
    /// From the surroundings.
    Feed(Feed),
    /// The newest snapshot from the surroundings, where it is still there: however long nobody looks (an editor has the terminal), one waits.
    Newest(Newest),
    /// The feed's sender is gone.
    FeedEnded,
    /// The terminal cannot be read any more.
    InputEnded,
}

/// A place for one snapshot.
pub type Newest = Arc<Mutex<Option<Arc<Snapshot>>>>;

/// At most so many characters of a pasted text are typed.
const LONGEST_PASTE: usize = 2_000;

/// The shortest time between two frames.
pub fn pause(options: &Options) -> Duration {
    Duration::from_millis(if options.remote { 250 } else { 16 })
}

/// What a loop needs from the terminal beside writing; a test stands in for it.
pub trait Terminal {
    /// Gives the terminal back, stops the process, takes it again; its size then.
    fn suspend(&mut self, stop: fn() -> io::Result<()>) -> io::Result<Size>;

    /// Gives the terminal back, has the editor run, takes it again; its size then, and why the editor failed.
    fn edit(&mut self, editor: Editor, file: &Path, line: usize) -> io::Result<(Size, Result<(), String>)>;

    /// Its size in pixels, as far as the system knows.
    fn pixels(&self) -> Size {
        Size::ZERO
    }
}

struct Own(Tidy);

impl Terminal for Own {
    fn suspend(&mut self, stop: fn() -> io::Result<()>) -> io::Result<Size> {
        taken::leave(&self.0);
        let stopped = stop();
        taken::enter()?;
        stopped?;
        reader::sizes().map(|(cells, _)| cells)
    }

    fn edit(&mut self, editor: Editor, file: &Path, line: usize) -> io::Result<(Size, Result<(), String>)> {
        taken::leave(&self.0);
        let edited = editor(file, line);
        taken::enter()?;
        Ok((reader::sizes()?.0, edited))
    }

    fn pixels(&self) -> Size {
        reader::sizes().map_or(Size::ZERO, |(_, pixels)| pixels)
    }
}

/// Runs on this process's terminal; see [`super::run`].
pub fn on_this_terminal(feed: Receiver<Feed>, out: Out, options: Options, start: Option<Start>) -> io::Result<()> {
    let (events, waiting) = mpsc::channel();
    let tidy = Tidy::default();
    let left = tidy.clone();
    let previous = Arc::new(std::panic::take_hook());
    let reports = events.clone();
    std::panic::set_hook(taken::panic_hook(
        thread::current().id(),
        Arc::clone(&previous),
        move || taken::leave(&left),
        move |text| drop(reports.send(Event::Feed(Feed::Say(text)))),
    ));
    let outcome = take_and_run(feed, out, (options, start), events, &waiting, tidy);
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
    out: Out,
    (options, start): (Options, Option<Start>),
    events: Sender<Event>,
    waiting: &Receiver<Event>,
    tidy: Tidy,
) -> io::Result<Model> {
    let taken = Taken::take(tidy.clone())?;
    let (size, _) = reader::sizes()?;
    let feeds = events.clone();
    thread::Builder::new().name("tui-feed".to_owned()).spawn(move || {
        let newest = Newest::default();
        while let Ok(next) = feed.recv() {
            let event = match next {
                Feed::Snapshot(snapshot) => {
                    let before = newest.lock().unwrap_or_else(PoisonError::into_inner).replace(snapshot);
                    if before.is_some() {
                        continue;
                    }
                    Event::Newest(Arc::clone(&newest))
                }
                next => Event::Feed(next),
            };
            if feeds.send(event).is_err() {
                return;
            }
        }
        let _ = feeds.send(Event::FeedEnded);
    })?;
    reader::start(events)?;
    let mut model = Model::new(size, options);
    model.start = start;
    let mut screen = Screen::new(io::stdout(), size, options.seat, tidy.clone());
    let outcome = run(&mut model, &mut screen, &mut Own(tidy), waiting, &out);
    hear_out(&mut model, screen.asked(), waiting);
    drop(taken);
    outcome.map(|()| model)
}

/// Waits for answers that are still to come, at most half a second from the question: read by nobody, they would be typed
/// into the shell.
fn hear_out(model: &mut Model, asked: Instant, waiting: &Receiver<Event>) {
    const PATIENCE: Duration = Duration::from_millis(500);
    let options = model.options;
    while options.answers && options.pictures.is_open() && !model.answers.is_complete(&options) {
        match waiting.recv_timeout(PATIENCE.saturating_sub(asked.elapsed())) {
            Ok(Event::Answer(answer, at)) => model.answers.take(answer, at.saturating_duration_since(asked)),
            Ok(Event::InputEnded) | Err(_) => return,
            Ok(_) => {}
        }
    }
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
    out: &Out,
) -> io::Result<()> {
    let pause = pause(&model.options);
    let mut dirty = true;
    // When the next frame may be drawn; `None`: at once.
    let mut last_frame: Option<Instant> = None;
    let mut meter = Meter::default();
    ask(model, screen, own)?;
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
            dirty |= take(model, screen, own, event, out)?;
            match std::mem::take(&mut model.wish) {
                Wish::None => {}
                Wish::Quit => return Ok(()),
                Wish::Redraw => {
                    screen.renew();
                    dirty = true;
                }
                Wish::Edit => {
                    if let (Some(editor), Some((file, line))) = (model.options.edit, model.page.opens.take()) {
                        let (size, edited) = own.edit(editor, &file, line)?;
                        model.size = size;
                        model.reply = edited.err();
                        screen.forget(size);
                        ask(model, screen, own)?;
                        dirty = true;
                    }
                }
                Wish::Suspend => {
                    if let Some(stop) = model.options.suspend {
                        model.size = own.suspend(stop)?;
                        screen.forget(model.size);
                        // It may be another terminal now, or a tmux around it.
                        ask(model, screen, own)?;
                        dirty = true;
                    }
                }
            }
        }
        if dirty && last_frame.is_none_or(|last| last.elapsed() >= pause) {
            let wanted = view::wanted(model);
            if let Some(missing) = model.album.want(wanted) {
                // Without a loader, photos stay blank.
                let _ = out.wishes.send(missing);
            }
            let why = model.why_wish();
            if let Some(wish) = model.whys.want(why) {
                // Without anybody who finds it out, the screen goes on waiting.
                let _ = out.whys.send(wish);
            }
            // Pictures that are left go out with frames of their own, between which keys are taken.
            let begun = Instant::now();
            dirty = screen.show(|buffer| view::draw(model, buffer))?;
            let reading = meter.read(screen.written(), begun.elapsed(), Instant::now());
            model.meter = model.meter.map(|_| reading);
            last_frame = (!dirty).then(Instant::now);
        }
    }
}

/// Asks the terminal what it can; until it answers, what was answered before does not count.
fn ask<W: Write>(model: &mut Model, screen: &mut Screen<W>, own: &impl Terminal) -> io::Result<()> {
    model.answers = Answers::default();
    decide(model, screen, own);
    if model.options.answers && model.options.pictures.is_open() {
        screen.ask(&ask::question(&model.options))?;
    }
    Ok(())
}

/// The way for pictures by what is known now; whether it is another one.
fn decide<W: Write>(model: &mut Model, screen: &mut Screen<W>, own: &impl Terminal) -> bool {
    let decision = ask::choose(&model.options, &model.answers, model.size, own.pixels());
    let changes = decision.way != screen.way();
    if changes {
        screen.change(decision.way);
        model.options.way = decision.way;
    }
    changes
}

/// All that waits, in order, without the snapshots that a newer one replaces.
fn newest(events: &Receiver<Event>) -> Vec<Event> {
    let all: Vec<Event> = events.try_iter().collect();
    let is_snapshot = |event: &Event| matches!(event, Event::Feed(Feed::Snapshot(_)));
    let last = all.iter().rposition(is_snapshot);
    all.into_iter().enumerate().filter(|(i, event)| Some(*i) == last || !is_snapshot(event)).map(|(_, e)| e).collect()
}

/// Takes one event; whether the screen may look different now.
fn take<W: Write>(
    model: &mut Model,
    screen: &mut Screen<W>,
    own: &impl Terminal,
    event: Event,
    out: &Out,
) -> io::Result<bool> {
    Ok(match event {
        Event::Input(Input::Key(key)) if key.kind != KeyEventKind::Release => {
            let action = keys::name(&key).and_then(|name| keys::action(&name, model.place()));
            let Some(action) = action else { return Ok(false) };
            if let Some(command) = update(model, action)
                && out.commands.send(command).is_err()
            {
                model.reply = Some("nobody takes commands any more: leave with q and start toji again".to_owned());
            }
            true
        }
        Event::Input(Input::Resize(width, height)) => {
            let size = Size::new(width, height);
            let is_new = size != model.size || size != screen.size();
            if is_new {
                model.size = size;
                screen.resize(size);
            }
            // A larger font changes the number of cells or, in a window that grows with it, only their size.
            model.answers.resized();
            let changes = decide(model, screen, own);
            if screen.way().protocol.is_graphic() && model.options.answers {
                screen.ask(ask::CELL_QUESTION)?;
            }
            is_new || changes
        }
        Event::Input(_) => false,
        Event::Read(reader) => {
            drop(reader);
            false
        }
        Event::Paste(text) => {
            let types = model.place().takes_text();
            let typed = text.chars().take(LONGEST_PASTE).filter(|_| types);
            typed.for_each(|sign| drop(update(model, Action::Type(if sign == '\r' { '\n' } else { sign }))));
            types
        }
        Event::Newest(newest) => {
            let snapshot = newest.lock().unwrap_or_else(PoisonError::into_inner).take();
            snapshot.is_some_and(|snapshot| model.take(Feed::Snapshot(snapshot)))
        }
        Event::Answer(answer, at) => {
            model.answers.take(answer, at.saturating_duration_since(screen.asked()));
            decide(model, screen, own)
        }
        Event::Feed(feed) => model.take(feed),
        Event::FeedEnded => {
            model.take(Feed::Say("nothing watches the files any more: leave with q and start toji again".to_owned()))
        }
        Event::InputEnded => {
            model.wish = Wish::Quit;
            false
        }
    })
}
