//! The literate recipe through its public interface: reading, inheriting, mistakes, printing.

#[path = "book/schema.rs"]
mod schema;

#[path = "book/mistakes.rs"]
mod mistakes;
#[path = "book/never_panics.rs"]
mod never_panics;
#[path = "book/pages.rs"]
mod pages;
#[path = "book/reading.rs"]
mod reading;
