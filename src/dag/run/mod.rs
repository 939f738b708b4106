//! The folder of one run, `.toji/runs/<id>/`, which has one writer and any number of readers.
//!
//! ```text
//!   events.jsonl      what it says, append-only; a torn line is skipped
//!   recipe.lock.toml  all that is needed to do it again, there from the first moment
//!   stages.json       the stages it set out to do, for later plans to compare with
//!   events.index      what the log adds up to, for the next reader; may be deleted
//!   log.txt           text for people, and what its process printed besides
//!   lock              held while a process works on it: the only sign of life
//!   stop              somebody wants it to stop
//! ```
//!
//! The folder appears by one rename with all of its first files, so no reader sees a half-made run.
//! A crash and a resume are attempts under one run. A killed run reads [`RunState::Lost`] at once,
//! because the system releases its lock. Ids begin with the time, so they sort by it.

mod axis;
mod board;
pub mod estimates;
mod index;
pub mod points;
pub mod tail;
#[cfg(test)]
mod tests;
mod told;
mod view;
mod write;

pub use axis::Axis;
pub use board::{Board, Runs};
pub use points::Points;
pub use told::{Counted, Decided, Measured, Outcome, StageState, StageView, Told};
pub use view::{RunState, RunView};
pub(super) use write::stamp;
pub use write::{Run, RunProgress, Start};

pub(super) const EVENTS: &str = "events.jsonl";
pub(super) const RECIPE_LOCK: &str = "recipe.lock.toml";
pub(super) const STAGES: &str = "stages.json";
pub(super) const LOG: &str = "log.txt";
pub(super) const LOCK: &str = "lock";
pub(super) const STOP: &str = "stop";
