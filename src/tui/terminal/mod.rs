//! The terminal: taken over, asked, read, written, given back.
//!
//! ```text
//!   ask ──query──▶ terminal ──bytes──▶ reader ─▶ input ─▶ keys, and answers ─▶ ask::choose ─▶ Way
//!   view ─cells and pictures─▶ screen ─▶ graphics (kitty, iterm2, sixel) ─one write─▶ terminal
//! ```
//!
//! Keys are read by our own parser (`input`), because answers to a question come on the same line as keys: whenever one
//! comes, also much too late on a slow line, it is told from what was typed, and no key waits for it. So the workbench
//! starts with half blocks at once and changes to pictures when the terminal has said what it can.
//!
//! Only `graphics`, `ask` and `taken` write escape sequences of their own; text of files never comes this way.

pub mod ask;
pub mod graphics;
pub mod input;
pub mod meter;
pub mod reader;
pub mod screen;
pub mod taken;
pub mod way;
