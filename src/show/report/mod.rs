//! A report as pages for people.
pub mod document;
pub mod phrases;
mod plot;
mod prose;
