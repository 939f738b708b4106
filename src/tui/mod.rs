//! The terminal workbench: a snapshot in, keys in, a screen and commands out.
//!
//! ```text
//!   watcher, loader ──Feed──▶ ┐
//!                             ├─▶ drive ──▶ update(&mut Model, Action) ──▶ Command ──▶ session
//!          terminal ──key──▶ ┘      ├────▶ view::draw(&Model) ──▶ Screen ──▶ terminal
//!                                    └────▶ view::wanted(&Model) ──▶ photos to load ──▶ loader
//! ```
//!
//! One thread owns the [`model::Model`]; keys and snapshots reach it through one channel. Every key
//! stands in one table (`keys`), which dispatches it, draws the help and the hint row. `update` is
//! pure, `view` cannot change anything, and a screen is written only where it differs from the one
//! before: an idle workbench writes nothing. Everything the surroundings decide (colours, a slow
//! line, how to suspend) enters as [`Options`]; what only the terminal knows it is asked, while keys go on being taken.
//!
//! The workbench trains nothing: leaving it changes nothing for a run.

mod action;
mod drive;
mod keys;
mod model;
mod terminal;
mod update;
mod view;

#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use ratatui::layout::Size;
use toji::session::command::Command;
use toji::session::errands::looking::loader::{Loaded, Wish};
use toji::session::errands::looking::why::{self, Why};
use toji::session::snapshot::Snapshot;

use terminal::ask::choose;
pub use terminal::ask::{Decision, has_placeholders};
use terminal::reader;
#[cfg(test)]
use terminal::way::Protocol;
pub use terminal::way::{Wanted, Way};

/// What the surroundings tell the workbench.
#[derive(Clone, Debug)]
pub enum Feed {
    /// The project as it now stands; only the newest that waits is shown.
    Snapshot(Arc<Snapshot>),
    /// Something to say in the status row ("cannot reach the worker").
    Say(String),
    /// A photo that was wished for, or a word why there is none.
    Photo(Wish, Loaded),
    /// Why an answer stands where it does, or a word why that is not known.
    Why(why::Wish, Box<Result<Why, String>>),
    /// Leave, as if `q` were pressed (the process was told to end).
    Quit,
}

/// Where the workbench opens, other than on the board: on the curves of a recipe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// Which; what runs now where absent.
    pub recipe: Option<String>,
}

/// What leaves the workbench.
#[derive(Debug)]
pub struct Out {
    /// What the user asks for.
    pub commands: Sender<Command>,
    /// The photos that the screen shows now and that have not come yet; a newer list replaces an older one.
    pub wishes: Sender<Vec<Wish>>,
    /// The answer of which the screen asks why it stands where it does; a newer one replaces an older one.
    pub whys: Sender<why::Wish>,
}

/// How many colours the terminal has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// None (`NO_COLOR`, dumb terminals): only bold, dim, underline and reverse.
    None,
    /// The terminal's own sixteen.
    #[default]
    Sixteen,
    /// The 256 of xterm.
    Indexed,
    /// 24 bits.
    True,
}

/// Which colours stand for what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Green is well, red is wrong.
    #[default]
    Usual,
    /// Blue is well, vermilion is wrong, and curves have the colours of Okabe and Ito (2008), which people with any colour vision tell apart.
    ColourBlind,
}

impl Theme {
    /// All, with their names.
    pub const ALL: [(Theme, &'static str); 2] = [(Theme::Usual, "usual"), (Theme::ColourBlind, "colour-blind")];

    /// The one of a name.
    pub fn of(name: &str) -> Option<Theme> {
        Theme::ALL.into_iter().find(|(_, known)| *known == name).map(|(theme, _)| theme)
    }
}

/// Which characters the terminal's font has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charset {
    /// Box drawing, Braille and half blocks.
    #[default]
    Unicode,
    /// Only ASCII for everything that Toji draws itself; names from files stay as they are.
    Ascii,
}

/// That the workbench runs inside tmux.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tmux {
    /// Whether its option allow-passthrough is on: then it hands sequences on to the terminal around it.
    pub passthrough: bool,
    /// Whether the terminal around it knows Kitty's placeholders, by its name.
    pub placeholders: bool,
}

/// Opens an editor on a file at a line and waits for its end, or says why it failed.
pub type Editor = fn(&Path, usize) -> Result<(), String>;

/// What the surroundings decide, read by the caller from arguments and environment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Colours.
    pub colour: Colour,
    /// What they stand for.
    pub theme: Theme,
    /// Characters.
    pub charset: Charset,
    /// Whether the line is slow (SSH): at most 4 frames a second instead of 10.
    pub remote: bool,
    /// Stops this process until it is continued (`SIGTSTP`), for ctrl+z; `None`: the key says that it cannot.
    pub suspend: Option<fn() -> io::Result<()>>,
    /// Opens the user's editor on a file at a line, from 1, and waits for its end; why it failed. `None`: the key says that there is none.
    pub edit: Option<Editor>,
    /// Whether the terminal is one that answers questions; others are asked nothing.
    pub answers: bool,
    /// Which pictures the user wants.
    pub pictures: Wanted,
    /// Whether, and how, this is inside tmux.
    pub tmux: Option<Tmux>,
    /// A number from 1 to 31 that another workbench in the same window mostly does not have.
    pub seat: u8,
    /// How pictures are shown: half blocks, until the terminal has answered.
    pub way: Way,
}

/// What the terminal is, as far as it and the system tell; for `toji doctor`.
#[derive(Debug)]
pub struct Inspected {
    /// Columns and rows.
    pub cells: Size,
    /// Width and height in pixels; 0 where nobody knows.
    pub pixels: Size,
    /// Its name and version.
    pub name: Option<String>,
    /// How pictures would be shown, and why.
    pub pictures: Decision,
    /// From a question to its answer; `None` where none came.
    pub round_trip: Option<Duration>,
}

/// Asks the terminal what it is, for at most a second.
///
/// # Errors
/// Where the terminal cannot be read or written.
pub fn inspect(options: &Options) -> io::Result<Inspected> {
    let answers = reader::inspect(options)?;
    let (cells, system) = reader::sizes()?;
    let pictures = choose(options, &answers, cells, system);
    let asked = answers
        .cell(cells, system)
        .map(|(wide, high)| (wide.saturating_mul(cells.width), high.saturating_mul(cells.height)));
    let pixels = if system == Size::ZERO { asked.map_or(Size::ZERO, Size::from) } else { system };
    let (name, round_trip) = (answers.name().map(str::to_owned), answers.round_trip());
    Ok(Inspected { cells, pixels, name, pictures, round_trip })
}

/// Runs the workbench on this process's terminal until it is left.
///
/// `feed` brings snapshots, as often as the caller likes; when its sender is gone, the last snapshot
/// stays on the screen and the status row says so. `start` says where to open, other than on the board. `out` takes what the user asks for, and the photos that the screen shows.
/// The terminal is put back as it was, also when the workbench panics.
///
/// # Errors
/// Where the terminal cannot be read or written.
pub fn run(feed: Receiver<Feed>, out: Out, options: Options, start: Option<Start>) -> io::Result<()> {
    drive::on_this_terminal(feed, out, options, start)
}
