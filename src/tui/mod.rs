//! The terminal workbench: a snapshot in, keys in, a screen and commands out.
//!
//! ```text
//!   watcher ──Feed──▶ ┐
//!                     ├─▶ drive ──▶ update(&mut Model, Action) ──▶ Command ──▶ session
//!   terminal ──key──▶ ┘      └────▶ view::draw(&Model) ──▶ Screen ──▶ terminal
//! ```
//!
//! One thread owns the [`model::Model`]; keys and snapshots reach it through one channel. Every key
//! stands in one table (`keys`), which dispatches it, draws the help and the hint row. `update` is
//! pure, `view` cannot change anything, and a screen is written only where it differs from the one
//! before: an idle workbench writes nothing. Everything the surroundings decide (colours, a slow
//! line, how to suspend) enters as [`Options`].
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
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};

use toji::session::command::Command;
use toji::session::snapshot::Snapshot;

/// What the surroundings tell the workbench.
#[derive(Clone, Debug)]
pub enum Feed {
    /// The project as it now stands; only the newest that waits is shown.
    Snapshot(Arc<Snapshot>),
    /// Something to say in the status row ("cannot reach the worker").
    Say(String),
    /// Leave, as if `q` were pressed (the process was told to end).
    Quit,
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

/// Which characters the terminal's font has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charset {
    /// Box drawing, Braille and half blocks.
    #[default]
    Unicode,
    /// Only ASCII for everything that Toji draws itself; names from files stay as they are.
    Ascii,
}

/// What the surroundings decide, read by the caller from arguments and environment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Colours.
    pub colour: Colour,
    /// Characters.
    pub charset: Charset,
    /// Whether the line is slow (SSH): at most 4 frames a second instead of 10.
    pub remote: bool,
    /// Stops this process until it is continued (`SIGTSTP`), for ctrl+z; `None`: the key says that it cannot.
    pub suspend: Option<fn() -> io::Result<()>>,
}

/// Runs the workbench on this process's terminal until it is left.
///
/// `feed` brings snapshots, as often as the caller likes; when its sender is gone, the last snapshot
/// stays on the screen and the status row says so. `commands` takes the user's wishes.
/// The terminal is put back as it was, also when the workbench panics.
///
/// # Errors
/// Where the terminal cannot be read or written.
pub fn run(feed: Receiver<Feed>, commands: Sender<Command>, options: Options) -> io::Result<()> {
    drive::on_this_terminal(feed, commands, options)
}
