//! Text, graph and stages meet here: a snapshot out, a command in.

pub mod command;
pub mod snapshot;
