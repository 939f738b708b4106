//! The one integration binary, so that polars and candle are linked once.
//! `house.rs` asserts that every file beside this one is named here.

mod book;
mod dag;
mod data;
mod house;
mod learn;
mod project;
mod retrieve;
mod session;
mod show;
mod synth;
mod tui;
