//! The one integration binary, so that polars and candle are linked once.
//! `house.rs` asserts that every file beside this one is named here.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test may stop at what it did not expect, and asks its surroundings"
)]

mod augment;
mod backbones;
mod board;
mod book;
mod boxes;
mod cache;
mod dag;
mod damage;
mod data;
mod decide;
mod embedding;
mod ensemble;
mod export;
mod faults;
mod finals;
mod folds;
mod house;
mod ladder;
mod learn;
mod ledger;
mod losses;
mod metric;
mod parts;
mod pictures;
mod post;
mod project;
mod queries;
mod queue;
mod report;
mod retrieve;
mod review;
mod session;
mod show;
mod solution;
mod synth;
mod tui;
mod usage;
mod writing;
